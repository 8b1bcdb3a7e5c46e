"""A trader with a strategy in Python, a venue that matches and a recorder of it; its commands."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
import time
from decimal import Decimal
from typing import TYPE_CHECKING, Any
from urllib.request import urlopen

import polars as pl
import pytest
from trading import LIMITS, PATIENCE_S, Place, command, free_port, recording

from rustonite_data.errors import Closed, Invalid, NotFound, RiskRejected
from rustonite_data.lake import Lake
from rustonite_data.tape import Tape
from rustonite_exec import (
    Balance,
    FillNews,
    LocalExchange,
    NewOrder,
    OrderNews,
    Position,
    Quote,
    Strategy,
    Trader,
    kill,
)
from rustonite_exec.metrics import health

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from rustonite_data._native import Batch


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    with (
        LocalExchange(["BTCUSDT"], speed=2) as exchange,
        recording(tmp_path / "tapes", exchange.urls),
    ):
        yield Place(tmp_path, exchange)


class Crosser(Strategy):
    """Buys a little at the best ask, once it sees one."""

    def __init__(self) -> None:
        self.quotes = 0
        self.batches: list[pl.DataFrame] = []
        self.events: list[str] = []
        self.fills: list[FillNews] = []

    def on_quotes(self, rows: Batch) -> None:
        self.quotes += len(rows)
        self.batches.append(rows.pl())
        ask_price = self.batches[-1]["ask_price"][-1]
        if self.events or not ask_price:
            return
        price = self.broker.on_tick("BTCUSDT", "buy", ask_price * 1.001)
        assert price is not None
        self.broker.submit("BTCUSDT", "buy", "0.01", price, tags="first")

    def on_order(self, news: OrderNews) -> None:
        self.events.append(news.event)

    def on_fill(self, news: FillNews) -> None:
        self.fills.append(news)
        self.positions, self.balances = self.broker.positions(), self.broker.balances()


def test_a_strategy_in_python_buys_and_knows_what_it_has(place: Place) -> None:
    strategy = Crosser()
    place.run(strategy, lambda _status: sum(one.size for one in strategy.fills) == Decimal("0.01"))
    assert strategy.events[:2] == ["submitted", "accepted"]
    assert strategy.events[-1] == "final_fill"
    last = strategy.fills[-1]
    assert (last.order.state, last.order.size_filled) == ("filled", Decimal("0.01"))
    # The fee of a buy is taken from what was bought.
    assert last.fee_asset == "BTC"
    fee = sum(one.fee or 0 for one in strategy.fills)
    assert last.position == Decimal("0.01") - fee
    free, _ = place.exchange.balance(place.account, "BTC")
    assert free == Decimal("2.01") - fee
    assert strategy.positions == [Position("binance", "BTCUSDT", "net", last.position)]
    assert strategy.balances["BTC"] == Balance(Decimal("2.01") - fee, Decimal("2.01") - fee)
    assert strategy.balances["USDT"].available == strategy.balances["USDT"].total < 100_000
    assert pl.concat(strategy.batches).height == strategy.quotes


def test_fills_meet_the_quotes_of_their_moment_in_one_query(place: Place) -> None:
    place.configure(top='tapes = "tapes"')
    lake = Lake.create(place.folder / "lake", tapes=place.folder / "tapes")
    strategy = Crosser()
    place.run(strategy, lambda _status: bool(strategy.fills))
    found = (
        lake.sql("""
        select f.price::double as price, q.bid_price, q.ask_price, o.tags
        from fills f
        asof join quotes q on f.symbol = q.symbol and f.ts_recv >= q.ts_recv
        join orders o on o.order_id = f.order_id and o.event = 'submitted'
        order by f.seq
    """)
        .pl()
        .rows()
    )
    assert len(found) == len(strategy.fills)
    # When bytes left is known once they have: between what was asked and its answer.
    ((asked, left, answered),) = lake.sql("""
        select a.ts_recv, o.ts_sent, o.ts_recv from orders o
        join orders a on a.order_id = o.order_id and a.event = 'submitted'
        where o.event = 'accepted' and a.ts_sent is null
    """).rows()
    assert asked <= left <= answered
    for price, bid, _ask, tags in found:
        assert price >= bid
        assert tags == "first"


class Scalar(Strategy):
    """Takes single rows, and asks for what cannot be."""

    def __init__(self) -> None:
        self.quotes: list[Quote] = []
        self.denied: RiskRejected | None = None

    def on_start(self) -> None:
        with pytest.raises(Invalid, match="exact number"):
            self.broker.submit("BTCUSDT", "buy", 0.1)  # type: ignore[arg-type]
        with pytest.raises(NotFound, match=r"ETHUSDT is not traded here; did you mean BTCUSDT\?"):
            self.broker.submit("ETHUSDT", "buy", "1", "1")
        with pytest.raises(Invalid, match='side: found "hold"; there are sell, buy'):
            self.broker.submit("BTCUSDT", "hold", "1", "1")  # type: ignore[arg-type]
        assert self.broker.available("USDT") == 100_000
        assert self.broker.position("BTCUSDT") == 0
        assert self.settings == {"color": "red"}

    def on_quote(self, quote: Quote) -> None:
        self.quotes.append(quote)
        if not self.denied and quote.ask_price:
            with pytest.raises(RiskRejected) as denied:
                self.broker.submit("BTCUSDT", "buy", "50", "60000")
            self.denied = denied.value
            asked = NewOrder("BTCUSDT", "buy", "50", "60000")
            self.tried = self.broker.would_fail(asked)
            [self.many] = self.broker.submit_many([asked])


def test_scalars_denials_and_errors_of_python(place: Place) -> None:
    place.configure(color="red")
    strategy = Scalar()
    place.run(strategy, lambda _status: strategy.denied is not None)
    told = strategy.denied
    assert told is not None
    assert str(told).startswith("order_size: 50 against 1")
    assert isinstance(told.value, Decimal)
    assert strategy.quotes[0].symbol == "BTCUSDT"
    denials = Tape.reader(place.journal / "risk_events" / "trader").read().pl()
    denial = denials.filter(pl.col("verdict") == "deny").row(0, named=True)
    assert (denial["code"], denial["value"]) == ("order_size", 50)
    for one in (told, strategy.tried[0], strategy.many):
        assert isinstance(one, RiskRejected)
        assert (one.code, one.limit, one.value, one.market_seq) == (
            denial["code"], denial["limit_value"], denial["value"], denial["market_seq"],
        )  # fmt: skip
    assert denial["market_seq"] is not None


def test_a_strategy_that_is_kept_does_not_keep_the_journal(place: Place) -> None:
    first = Crosser()
    place.run(first, lambda _status: bool(first.fills))
    with pytest.raises(Closed, match="trading has ended"):
        first.broker.position("BTCUSDT")
    place.run(Strategy(), lambda status: status["accounts"][0]["trading"])


class Spender(Strategy):
    """Buys for so much money."""

    def __init__(self) -> None:
        self.fills: list[FillNews] = []
        self.ended = self.has_begun = False

    def on_quote(self, quote: Quote) -> None:
        if quote.ask_price and quote.bid_price and not self.has_begun:
            self.has_begun = True
            self.broker.submit("BTCUSDT", "buy", size_quote="500")

    def on_fill(self, news: FillNews) -> None:
        self.fills.append(news)

    def on_order(self, news: OrderNews) -> None:
        self.ended = self.ended or news.order.state in ("filled", "cancelled", "expired")


def test_an_order_is_for_so_much_money(place: Place) -> None:
    limits = place.folder / "limits.toml"
    limits.write_text(limits.read_text().replace("market_protect = true", "market_protect = false"))
    strategy = Spender()
    place.run(strategy, lambda status: strategy.ended and status["open_orders"] == 0)
    spent = sum(one.price * one.size for one in strategy.fills)
    assert 490 < spent <= 500


class Broken(Strategy):
    def on_quotes(self, rows: Batch) -> None:
        raise ZeroDivisionError(f"at {len(rows)} rows")


def test_an_exception_ends_trading_and_throws_the_switch(place: Place) -> None:
    with pytest.raises(Closed, match="strategy strategy: ZeroDivisionError") as error:
        place.run(Broken())
    assert isinstance(error.value.__cause__, ZeroDivisionError)
    switches = json.loads((place.journal / "switches.json").read_text())["latches"]
    assert [(one["scope"], one["name"]) for one in switches] == [("strategy", "strategy")]


class Interrupted(Strategy):
    """Ctrl-C comes while it looks at a row."""

    def __init__(self) -> None:
        self.stopped = False

    def on_quotes(self, rows: Batch) -> None:
        assert len(rows) > 0
        signal.raise_signal(signal.SIGINT)

    def on_stop(self) -> None:
        self.stopped = True


def test_a_beat_says_whether_to_go_on(place: Place) -> None:
    trader = Trader(place.folder / "trader.toml", Strategy())
    with pytest.raises(TypeError, match="beat returned None, expected True to go on"):
        trader.run(lambda _status, _notices: None)  # type: ignore[arg-type,return-value]


def test_without_a_beat_notices_are_logged(place: Place, caplog: pytest.LogCaptureFixture) -> None:
    with pytest.raises(Closed):
        Trader(place.folder / "trader.toml", Broken()).run()
    assert "account main may trade" in caplog.messages


def test_ctrl_c_is_no_failure_of_the_strategy(place: Place) -> None:
    strategy = Interrupted()
    with pytest.raises(KeyboardInterrupt):
        place.run(strategy)
    assert strategy.stopped
    assert json.loads((place.journal / "switches.json").read_text())["latches"] == []


def test_ctrl_c_waits_for_cancels_that_take_long(place: Place) -> None:
    place.configure("market-maker", venue="binance", symbol="BTCUSDT", size=0.01, position_max=0.1)
    words = [sys.executable, "-m", "rustonite_data.cli", "trade", "trader.toml", "--json"]
    with subprocess.Popen(
        words, cwd=place.folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as running:
        try:
            place.wait(lambda one: one["open_orders"] > 0 and one["fills"] > 0)
            place.exchange.latency("1500ms")
            running.send_signal(signal.SIGINT)
            out, error = running.communicate(timeout=30)
        finally:
            running.kill()
    assert running.returncode == 0, error
    assert json.loads(out)["open_orders"] == 0


def test_orders_that_venues_do_not_end_are_told(place: Place) -> None:
    place.configure("market-maker", venue="binance", symbol="BTCUSDT", size=0.01, position_max=0.1)
    words = [sys.executable, "-m", "rustonite_data.cli", "trade", "trader.toml"]
    with subprocess.Popen(words, cwd=place.folder, stderr=subprocess.PIPE, text=True) as running:
        assert running.stderr is not None
        try:
            place.wait(lambda one: one["open_orders"] > 0 and one["fills"] > 0)
            told = command("kill", "order", "1", folder=place.folder, ok=False)
            assert "no order 1; `rustonite orders` shows those that are open" in told
            ended = command("orders", "--all", "--json", folder=place.folder).splitlines()
            [first, *_] = [one for one in map(json.loads, ended) if one["state"] == "filled"]
            told = command("kill", "order", str(first["order_id"]), folder=place.folder, ok=False)
            assert "has ended already: filled" in told
            place.wait(lambda one: not one["switches"] and one["open_orders"] > 0)
            place.exchange.latency("1h")
            told = command("kill", "--wait", "0", folder=place.folder, ok=False)
            assert re.search(r"\d+ orders still open \(\d cancel_asked", told)
            running.send_signal(signal.SIGINT)
            # At once, not after the wait for the venue.
            lines = iter(running.stderr.readline, "")
            began = next(time.monotonic() for line in lines if line.startswith("open orders are "))
            left = "".join(lines)
            assert time.monotonic() - began > 1
            assert running.wait(timeout=30) == 1
        finally:
            running.kill()
    found = re.search(
        r"^(\d) orders? may still be open at the venue \(\d cancel_asked", left, re.MULTILINE
    )
    assert found is not None, left
    shown = command("orders", "--json", folder=place.folder).splitlines()
    assert len(shown) == int(found[1])


def test_without_market_data_it_does_not_trade(tmp_path: Path) -> None:
    told = []
    with LocalExchange(["BTCUSDT"], others=False) as exchange:
        place = Place(tmp_path, exchange)

        def enough(status: dict[str, Any]) -> bool:
            told.append(health(status))
            return bool(status["started"])

        place.run(Strategy(), enough)
    assert told[-1] == (False, "binance: no market data came so far; does its recorder run?")


MODULE = """
from rustonite_exec import Strategy

class Maker(Strategy):
    def on_quote(self, quote):
        self.quote(quote)

    def quote(self, quote):
        if quote.ask_price:
            self.broker.submit("BTCUSDT", "buy", "0.01", "1.00")
"""


def test_a_strategy_that_fails_says_where_and_what_is_to_be_put_back(place: Place) -> None:
    (place.folder / "own.py").write_text(MODULE)
    place.configure("own:Maker")
    place.journal.mkdir()
    kill(place.journal)
    told = command("trade", "trader.toml", folder=place.folder, ok=False)
    [error] = [line for line in told.splitlines() if line.startswith("error: ")]
    file = place.folder / "own.py"
    assert error.startswith("error: strategy strategy: RiskRejected: kill_switch: of all; ")
    assert error.endswith(
        "`rustonite resume strategy strategy`; so is that of all, until `rustonite resume`; "
        f"at {file}:10 in quote, {file}:6 in on_quote"
    )


def test_traders_with_tapes_in_one_folder_are_told_apart(place: Place) -> None:
    for name, strategy in (("first", Crosser()), ("second", Strategy())):
        place.account = place.exchange.account(name, {"USDT": 10_000})
        place.configure(top=f'name = "{name}"\njournal = "{name}"\ntapes = "lake"')
        what = "fills" if name == "first" else "started"
        place.run(strategy, lambda status, what=what: status[what])
    for words in (("orders", "--all"), ("positions",)):
        told = [
            command(*words, "--json", "--journal", name, folder=place.folder)
            for name in ("first", "second")
        ]
        assert (told[0] != "", told[1]) == (True, ""), words


def assert_secret_is_kept(place: Place, told: str) -> None:
    secret = place.account.secret
    assert secret not in told
    files = [path for path in place.folder.rglob("*") if path.is_file()]
    holders = [path.name for path in files if secret.encode() in path.read_bytes()]
    assert holders == ["keys.toml"]


def check_metrics(told: str) -> None:
    """Histograms are cumulative and agree with their counts; each feed has an age."""
    for name, labels in (
        ("tick_to_order_seconds", ""),
        ("answer_seconds", 'account="main",answer="first_word"'),
    ):
        more = f"{labels}," if labels else ""
        found = rf'rustonite_trade_{name}_bucket\{{{more}le="([^"]+)"\}} (\d+)'
        bounds = [(float(border), int(below)) for border, below in re.findall(found, told)]
        assert [border for border, _ in bounds] == sorted({border for border, _ in bounds})
        counts = [below for _, below in bounds]
        assert counts == sorted(counts)
        shown = f"{{{labels}}}" if labels else ""
        assert f"rustonite_trade_{name}_count{shown} {counts[-1]}\n" in told
        total = re.search(re.escape(f"rustonite_trade_{name}_sum{shown} ") + r"(\S+)", told)
        assert total is not None
        fewest = sum(
            border * (counts[at + 1] - counts[at]) for at, (border, _) in enumerate(bounds[:-1])
        )
        assert 0 < fewest <= float(total[1]) * 1.02
        assert f"# TYPE rustonite_trade_{name} histogram" in told
    for dataset in ("quotes", "trades"):
        age = rf'rustonite_trade_feed_age_seconds\{{venue="binance",dataset="{dataset}"\}} (\S+)'
        assert [float(one) < PATIENCE_S for one in re.findall(age, told)] == [True]


def test_a_market_maker_under_the_command_line_and_its_operator(place: Place) -> None:
    place.configure(
        "market-maker",
        venue="binance",
        symbol="BTCUSDT",
        size=0.01,
        position_max=0.1,
    )
    port = free_port()
    words = ("trade", "trader.toml", "--json", "--metrics", f"127.0.0.1:{port}")
    started = [sys.executable, "-m", "rustonite_data.cli", *words]
    with subprocess.Popen(
        started, cwd=place.folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as running:
        try:
            status = place.wait(lambda one: one["fills"] >= 5)
            assert status["accounts"] == [
                {"name": "main", "trading": True, "closed_ms": None, "guarded": None}
            ]
            with urlopen(f"http://127.0.0.1:{port}/metrics") as answer:
                told = answer.read().decode()
            assert 'rustonite_trade_trading{account="main"} 1.0' in told
            check_metrics(told)
            ended = r'rustonite_trade_orders_ended_total\{account="main",end="\w+"\} (\d+)'
            assert sum(map(int, re.findall(ended, told))) > 0
            with urlopen(f"http://127.0.0.1:{port}/health") as answer:
                assert answer.read() == b"ok\n"
            told = command("kill", folder=place.folder)
            assert re.fullmatch(r"switch of all thrown: \d+ orders ended\n", told)
            status = place.status()
            assert status is not None
            assert status["open_orders"] == 0
            assert [one["code"] for one in status["switches"]] == ["kill_switch"]
            assert command("orders", "--json", folder=place.folder) == ""
            left = command("resume", "account", "main", folder=place.folder, ok=False)
            assert left == "0 switches put back; still thrown: all (kill_switch)\n"
            assert command("status", folder=place.folder, ok=False).endswith(
                "switch of all: kill_switch\n"
            )
            assert command("resume", folder=place.folder) == "1 switches put back\n"
            limits = place.folder / "limits.toml"
            limits.write_text(limits.read_text().replace("version = 1\n", "version = 2\n"))
            assert command("reload", folder=place.folder) == "limits of version 2 are in force\n"
            assert command("status", folder=place.folder).endswith("it trades\n")
            before = status["fills"]
            place.wait(lambda one: one["fills"] > before)
            running.send_signal(signal.SIGTERM)
            out, error = running.communicate(timeout=30)
        finally:
            running.kill()
    assert running.returncode == 0, error
    assert_secret_is_kept(place, out + error)
    last = json.loads(out)
    assert last["open_orders"] == 0
    for asset in ("BTC", "USDT"):
        free, locked = place.exchange.balance(place.account, asset)
        assert Decimal(str(last["balances"][asset])) == free + locked
        assert total_by_venue(place, asset) == free + locked
    told = [
        json.loads(line)
        for line in command("positions", "--json", folder=place.folder).splitlines()
    ]
    assert [Decimal(one["size"]) for one in told] == [
        Decimal(str(one["size"])) for one in last["positions"]
    ]


def total_by_venue(place: Place, asset: str) -> Decimal:
    balances = Tape.reader(place.journal / "balances" / "trader").read().pl()
    theirs = balances.filter(source="venue", asset=asset)
    total: Decimal = theirs["total"][-1]
    return total


def test_a_kill_without_a_trader_is_there_when_the_next_begins(place: Place) -> None:
    place.journal.mkdir()
    assert kill(place.journal) is None
    strategy = Crosser()
    with pytest.raises(Closed, match="kill_switch"):
        place.run(strategy)
    error = command("resume", folder=place.folder, ok=False)
    assert "no trader runs on journal" in error
    error = command("kill", "account", "mian", folder=place.folder, ok=False)
    assert 'account "mian" is not known here; did you mean main' in error
    # The denial left a call of the strategy, which has a switch of its own.
    left = "1 switches put back; still thrown: strategy strategy (kill_switch)\n"
    assert command("resume", "--offline", folder=place.folder) == left
    told = command("resume", "strategy", "strategy", "--offline", folder=place.folder)
    assert told == "1 switches put back\n"
    assert json.loads((place.journal / "switches.json").read_text())["latches"] == []


def test_wrong_configurations_say_what_is_wrong(place: Place) -> None:
    path = place.configure("nowhere:Nothing")
    with pytest.raises(NotFound, match="nowhere:Nothing: No module named 'nowhere'"):
        Trader(path)
    path = place.configure("json:JSONDecoder")
    with pytest.raises(Invalid, match=r"no subclass of rustonite_exec\.Strategy"):
        Trader(path)
    path = place.configure("market-maker", venue="binance")
    with pytest.raises(Invalid, match="missing field `symbol`"):
        Trader(path)
    path = place.configure()
    (place.folder / "keys.toml").chmod(0o644)
    with pytest.raises(Invalid, match="others can read it"):
        Trader(path, Strategy()).run(lambda _status, _notices: False)
    (place.folder / "keys.toml").chmod(0o600)
    (place.folder / "limits.toml").unlink()
    with pytest.raises(Invalid, match="nothing is traded without limits"):
        Trader(path, Strategy()).run(lambda _status, _notices: False)
    path.write_text(path.read_text().replace("BTCUSDT", "BTCUSD"))
    place.folder.joinpath("limits.toml").write_text(LIMITS)
    with pytest.raises(Invalid, match='binance has no "BTCUSD"; did you mean BTCUSDT'):
        Trader(path, Strategy()).run(lambda _status, _notices: False)
