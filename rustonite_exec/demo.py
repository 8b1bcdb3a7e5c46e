"""A market maker on a venue of its own, its recorder, a kill -9, and one query over both.

`make demo` runs it after the one about tapes. Nothing leaves this machine and no money is real.
"""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from decimal import Decimal
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from rustonite_data.lake import Lake
from rustonite_data.record import Recorder
from rustonite_exec import LocalExchange, ask, limits

SECONDS = 4.0
PATIENCE_S = 30.0

# Each fill beside the quote of its moment: what was earned against the middle, in hundredths of a
# per cent.
FILLS = """
select f.side, count(*) as fills, sum(f.size)::double as size,
       avg(f.price)::double as price,
       avg(case f.side when 'buy' then 1 else -1 end
           * ((q.bid_price + q.ask_price) / 2 - f.price::double)
           / f.price::double * 1e4) as edge_bps
from fills f
asof join quotes q on f.symbol = q.symbol and f.ts_recv >= q.ts_recv
where f.kind = 'trade'
group by f.side order by f.side
"""

TRADER = """
tapes = "tapes"
limits = "limits.toml"
[[market]]
venue = "binance"
tapes = "tapes"
[[account]]
name = "main"
venue = "binance"
symbols = ["BTCUSDT"]
keys = "keys.toml"
urls = {{ {urls} }}
[strategy]
run = "market-maker"
[strategy.settings]
venue = "binance"
symbol = "BTCUSDT"
size = 0.01
distance_bps = 0.2
tolerance_bps = 0.2
position_max = 0.1
"""

FEED = """
[[feed]]
venue = "binance"
symbols = ["BTCUSDT"]
datasets = ["trades", "quotes"]
urls = {{ public = "{public}", rest = "{rest}" }}
"""


def main(seconds: float = SECONDS) -> int:
    """Trade, kill the trader, let it go on, and compare its books with the venue's."""
    console = Console(soft_wrap=True)
    folder = Path(tempfile.mkdtemp(prefix="rustonite-trade-"))
    try:
        with LocalExchange(["BTCUSDT"], seed=7, speed=3) as exchange:
            return _run(console, exchange, folder, seconds)
    except KeyboardInterrupt:
        console.print("stopped")
        return 130
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _run(console: Console, exchange: LocalExchange, folder: Path, seconds: float) -> int:
    account = exchange.account("demo", {"USDT": 100_000, "BTC": 2}, maker="0", taker="0.0005")
    _write(folder, exchange, account.key, account.secret)
    lake = Lake.create(folder / "lake", tapes=folder / "tapes")
    console.print(f"[bold]venue[/]   {exchange.address} speaks like Binance; others trade there")
    feed = FEED.format(public=exchange.urls["public"], rest=exchange.urls["rest"])
    with Recorder(feed, lake=folder / "lake", tapes=folder / "tapes"):
        console.print("[bold]record[/]  quotes and trades to tapes, and on into a lake")
        trader = _start(folder)
        console.print(f"[bold]trade[/]   process {trader.pid}: a market maker within risk limits")
        _trade(folder, seconds)
        trader.send_signal(signal.SIGKILL)
        trader.communicate()
        console.print("[bold]kill -9[/] the trader, with live orders at the venue")
        trader = _start(folder)
        status = _trade(folder, seconds)
        console.print(f"        again: books agree with the venue's, {status['fills']} more fills")
        trader.send_signal(signal.SIGTERM)
        out, _ = trader.communicate(timeout=PATIENCE_S)
        last: dict[str, Any] = json.loads(out)
        _show(console, lake)
    owned = {asset: sum(exchange.balance(account, asset)) for asset in ("BTC", "USDT")}
    is_equal = all(Decimal(last["balances"][asset]) == owned[asset] for asset in owned)
    console.print(
        f"        profit {last['profit'].get('all ', '?')} USDT; what it thinks it owns is what "
        f"the venue says: {is_equal}"
    )
    return 0 if is_equal and last["open_orders"] == 0 else 1


def _write(folder: Path, exchange: LocalExchange, key: str, secret: str) -> None:
    urls = ", ".join(f"{name} = {json.dumps(url)}" for name, url in exchange.urls.items())
    (folder / "trader.toml").write_text(TRADER.format(urls=urls))
    (folder / "limits.toml").write_text(limits())
    keys = folder / "keys.toml"
    keys.touch(mode=0o600)
    keys.write_text(f'key = "{key}"\nsecret = "{secret}"\n')


def _start(folder: Path) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "rustonite_data.cli", "trade", "trader.toml", "--json"]
    # In a session of its own, so that Ctrl-C reaches only this process, which ends it.
    return subprocess.Popen(
        command, cwd=folder, stdout=subprocess.PIPE, text=True, start_new_session=True
    )


def _trade(folder: Path, seconds: float) -> dict[str, Any]:
    """Let it trade for a while; its status then."""
    began = time.monotonic()
    until = None
    while True:
        status = (
            ask(folder / "journal", {"do": "status"}) if (folder / "journal").exists() else None
        )
        now = time.monotonic()
        if status is not None and status["fills"] > 0:
            until = until or now + seconds
            if now >= until:
                return status
        if now - began > seconds + PATIENCE_S:
            raise SystemExit(f"it does not trade: {status}")
        time.sleep(0.05)


def _show(console: Console, lake: Lake) -> None:
    started = time.perf_counter()
    rows = lake.sql(FILLS).pl().rows(named=True)
    took = (time.perf_counter() - started) * 1e3
    table = Table(
        "side", "fills", "size", "price", "edge, bps", title="Fills and their quotes, SQL"
    )
    for row in rows:
        numbers = (f"{row['size']:.2f}", f"{row['price']:.2f}", f"{row['edge_bps']:.3f}")
        table.add_row(row["side"], str(row["fills"]), *numbers)
    console.print(table)
    console.print(f"        fills from the journal, quotes from tapes and lake, in {took:.0f} ms")


if __name__ == "__main__":
    sys.exit(main())
