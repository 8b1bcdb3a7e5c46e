"""What a strategy in Python takes, and the way of an order beside NautilusTrader's.

`python benches/strategy.py`. A trader follows a tape of trades, to which millions of rows are
appended at once; timed from the first row that the strategy is given to the last. Then it places
orders at a local exchange: the call of `broker.submit` alone, which is risk, journal and the signed
bytes, and until `on_order` tells that the venue has accepted, over a socket. Once an order at a
time and the next one as soon as that is cancelled; NautilusTrader does the same on its backtest
engine without a socket: see `submit_peer.py`. And once with quiet moments between the orders, when
a processor forgets the way of an order.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from figures import OURS, keep
from rich.console import Console
from rich.table import Table

from rustonite_data import Tape
from rustonite_exec import LocalExchange, Strategy, Trader, limits

MEMORY = Path("/dev/shm")  # noqa: S108 - memory that processes share
PEERS_PYTHON = Path(__file__).parents[1] / ".venv" / "peers" / "bin" / "python"
APPEND_ROWS = 100_000
ROWS, ROWS_ONE_BY_ONE = 5_000_000, 200_000
ORDERS, SELDOM_ORDERS = 5_000, 200
SELDOM_PER_S = 8
PATIENCE_S = 120
QUANTILES = (0.5, 0.9, 0.99)
PEER = "nautilus"


class Counting(Strategy):
    """Counts rows, and knows when the last one came."""

    def __init__(self) -> None:
        self.rows, self.began, self.ended, self.sum = 0, 0.0, 0.0, 0.0

    def on_trades(self, rows) -> None:
        self.count(len(rows))

    def count(self, rows: int) -> None:
        self.began = self.began or time.perf_counter()
        self.rows += rows
        self.ended = time.perf_counter()


class ArrowRows(Counting):
    """Looks at a column of each batch, in place."""

    def on_trades(self, rows) -> None:
        self.sum += pc.sum(rows.arrow()["size"]).as_py()
        self.count(len(rows))


class PolarsRows(Counting):
    """The same by Polars."""

    def on_trades(self, rows) -> None:
        self.sum += rows.pl()["size"].sum()
        self.count(len(rows))


class SingleRows(Counting):
    """Takes row by row."""

    on_trades = Strategy.on_trades

    def on_trade(self, trade) -> None:
        self.sum += trade.size
        self.count(1)


class Seldom(Strategy):
    """Places an order far from the market at each tick, and cancels it."""

    orders = SELDOM_ORDERS

    def __init__(self) -> None:
        self.began = {}
        self.calls, self.accepted = [], []

    def place(self) -> None:
        began = time.perf_counter_ns()
        order = self.broker.submit("BTCUSDT", "buy", "0.001", "59900", post_only=True)
        self.calls.append(time.perf_counter_ns() - began)
        self.began[order] = began

    def on_trades(self, _rows) -> None:
        self.place()

    def on_order(self, news) -> None:
        if news.event == "accepted":
            self.accepted.append(time.perf_counter_ns() - self.began.pop(news.order.id))
            self.broker.cancel(news.order.id)


class Steady(Seldom):
    """Places the next one as soon as that has happened."""

    orders = ORDERS

    def on_order(self, news) -> None:
        super().on_order(news)
        if news.event == "cancelled" and len(self.calls) < self.orders:
            self.place()


def trades(rows: int) -> pa.Table:
    """Trades of this moment."""
    times = pa.array(np.full(rows, time.time_ns()), pa.timestamp("ns"))
    return pa.table(
        {
            "ts_event": times,
            "ts_recv": times,
            "venue": pa.array(["binance"] * rows).dictionary_encode(),
            "symbol": pa.array(["BTCUSDT"] * rows).dictionary_encode(),
            "price": pa.array(np.full(rows, 60_000.0)),
            "size": pa.array(np.full(rows, 0.25)),
            "side": pa.array(["buy"] * rows).dictionary_encode(),
            "flags": pa.array(np.ones(rows, np.int32)),
        }
    )


class Place:
    """A folder for a trader, with a tape that it follows."""

    def __init__(self, folder: Path, exchange: LocalExchange) -> None:
        self.config = folder / "trader.toml"
        account = exchange.account("me", {"USDT": 100_000})
        keys = folder / "keys.toml"
        keys.write_text(f'key = "{account.key}"\nsecret = "{account.secret}"\n')
        keys.chmod(0o600)
        none = dict.fromkeys(("messages_per_s", "messages_per_10s", "cancel_reserve", "stale_ms"))
        (folder / "limits.toml").write_text(limits(**none))
        urls = ", ".join(f"{name} = {json.dumps(url)}" for name, url in exchange.urls.items())
        self.config.write_text(f"""
            limits = "limits.toml"
            wait = "spin"
            patience_ms = 60_000
            market = [{{ venue = "binance", tapes = "tapes", datasets = ["trades"] }}]
            [[account]]
            name = "main"
            venue = "binance"
            symbols = ["BTCUSDT"]
            keys = "keys.toml"
            urls = {{ {urls} }}
            [strategy]
            run = "bench:Bench"
        """)
        self.tape = Tape.create(folder / "tapes" / "trades" / "bench-binance", "trades")

    def run(self, strategy: Strategy, beat) -> None:
        began = time.monotonic()

        def go_on(status, notices) -> bool:
            late = time.monotonic() - began > PATIENCE_S
            if late:
                raise TimeoutError(f"{status} {notices}")
            return not (status["started"] and beat())

        Trader(self.config, strategy).run(go_on)


def in_a_place(work):
    """Does something where a trader can run."""
    with (
        tempfile.TemporaryDirectory(dir=MEMORY) as folder,
        LocalExchange(["BTCUSDT"], speed=0.1, limits=False) as exchange,
    ):
        return work(Place(Path(folder), exchange))


def rows_per_second(strategy: Counting, rows: int) -> float:
    def work(place: Place) -> None:
        appended = iter(range(0, rows, APPEND_ROWS))

        def beat() -> bool:
            if strategy.rows == 0:
                for _ in appended:
                    place.tape.append(trades(APPEND_ROWS))
            return strategy.rows >= rows

        place.run(strategy, beat)

    in_a_place(work)
    return strategy.rows / (strategy.ended - strategy.began)


def order_times(strategy: Seldom, ticks: int) -> Seldom:
    """Lets a strategy place its orders, with so many ticks."""

    def work(place: Place) -> None:
        due, told = time.monotonic(), 0

        def beat() -> bool:
            nonlocal due, told
            if told < ticks and time.monotonic() >= due:
                due, told = time.monotonic() + 1 / SELDOM_PER_S, told + 1
                place.tape.append(trades(1))
            return len(strategy.accepted) >= strategy.orders

        place.run(strategy, beat)

    in_a_place(work)
    return strategy


def peer_times() -> dict[str, list[int]]:
    if not PEERS_PYTHON.exists():
        return {}
    command = [PEERS_PYTHON, Path(__file__).with_name("submit_peer.py"), str(ORDERS)]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    if run.returncode != 0:
        print(run.stderr, file=sys.stderr)
        return {}
    return json.loads(run.stdout)


def told(what: str, system: str, nanoseconds) -> str:
    """Keeps the figures of a system; as a cell."""
    if not nanoseconds:
        return "-"
    values = np.quantile(nanoseconds, QUANTILES, method="higher") / 1e3
    named = dict(zip(("p50", "p90", "p99"), map(float, values), strict=True))
    keep("Trading", what, "us", system=system, **named)
    return ", ".join(f"{name} {value:.1f}" for name, value in named.items()) + " us"


def main() -> None:
    console = Console(width=None if sys.stdout.isatty() else 200)
    table = Table("callback", "rows/s", title="Strategies in Python: rows of a tape")
    for name, strategy, rows in (
        ("on_trades", Counting(), ROWS),
        ("on_trades, a column by pyarrow", ArrowRows(), ROWS),
        ("on_trades, a column by Polars", PolarsRows(), ROWS),
        ("on_trade, one by one", SingleRows(), ROWS_ONE_BY_ONE),
    ):
        rate = rows_per_second(strategy, rows) / 1e6
        keep("Trading", f"rows to a strategy in Python, {name}", "M rows/s", best=rate)
        table.add_row(name, f"{rate:.2f} M")
    console.print(table)
    theirs, steady = peer_times(), order_times(Steady(), 1)
    seldom = order_times(Seldom(), SELDOM_ORDERS)
    table = Table(
        "from a strategy in Python",
        "rustonite",
        "NautilusTrader",
        f"rustonite, {SELDOM_PER_S} orders/s",
        title="Orders",
    )
    call, quiet = "the call of submit in Python", f", {SELDOM_PER_S} orders/s"
    accepted = "submit to accepted, from Python"
    table.add_row(
        "the call of submit",
        told(call, OURS, steady.calls),
        told(call, PEER, theirs.get("call")),
        told(call + quiet, OURS, seldom.calls),
    )
    table.add_row(
        "submit to accepted, ours over a socket, theirs without",
        told(f"{accepted}, over a socket", OURS, steady.accepted),
        told(f"{accepted}, no socket", PEER, theirs.get("accepted")),
        told(f"{accepted}, over a socket{quiet}", OURS, seldom.accepted),
    )
    console.print(table)


if __name__ == "__main__":
    main()
