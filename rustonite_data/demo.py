"""One tape, three processes: a writer, a reader, and this one with two query engines.

Run it with `make demo`. The writer invents trades; the reader polls them; DuckDB and Polars query
the same memory meanwhile; then the writer is killed with SIGKILL and nothing is missing.
"""

from __future__ import annotations

import json
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from rustonite_data import Batch, Gap, Tape

EVENT_ROWS = 100
EVENTS_PER_SECOND = 2_000
SECONDS = 3.0
PRICES = {"BTCUSDT": 60_000.0, "ETHUSDT": 3_000.0, "SOLUSDT": 150.0}

BARS = """
select symbol, count(*) as trades, round(min(price), 2) as low, round(max(price), 2) as high,
       round(sum(price * size) / sum(size), 4) as vwap, max(trade_id) as newest
from rows group by symbol order by symbol
"""


def main() -> int:
    """Run the three processes and show what they saw."""
    console = Console(soft_wrap=True)
    folder = Path(tempfile.mkdtemp(prefix="rustonite-demo-", dir=_memory()))
    path = folder / "trades"
    processes: list[subprocess.Popen[str]] = []
    try:
        return _run(console, path, processes)
    except KeyboardInterrupt:
        console.print("stopped")
        return 130
    finally:
        for process in processes:
            process.kill()
            process.wait()
        shutil.rmtree(folder, ignore_errors=True)


def _memory() -> str | None:
    shared = Path("/dev/shm")  # noqa: S108 - the point is memory that processes share
    return str(shared) if shared.is_dir() else None


def _run(console: Console, path: Path, processes: list[subprocess.Popen[str]]) -> int:
    writer = _start("writer", path)
    processes.append(writer)
    said = json.loads(_line(writer))
    console.print(f"[bold]writer[/]  process {writer.pid} appends to {path}")
    console.print(f"        {said['durability']}")
    reader = _start("reader", path)
    processes.append(reader)
    console.print(f"[bold]reader[/]  process {reader.pid} polls it")
    time.sleep(SECONDS / 2)
    _query(console, path)
    _show_reader(console, json.loads(_line(reader)))
    reader.wait()
    return _kill(console, writer, path)


def _start(role: str, path: Path) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "rustonite_data.demo", role, str(path)]
    # In a session of their own, so that Ctrl-C reaches only this process, which ends them.
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, start_new_session=True)


def _line(process: subprocess.Popen[str]) -> str:
    line = process.stdout.readline() if process.stdout else ""
    if not line:
        raise SystemExit(f"process {process.pid} ended with code {process.wait()}")
    return line


def _query(console: Console, path: Path) -> None:
    """Both engines on the rows of this moment, while the writer goes on."""
    import duckdb  # noqa: PLC0415 - only the demo needs the engines

    rows = Tape.reader(path).read()
    started = time.perf_counter()
    bars = duckdb.connect().sql(BARS).fetchall()
    duckdb_ms = (time.perf_counter() - started) * 1e3
    started = time.perf_counter()
    frame = rows.pl()
    polars_rows = frame.height
    notional = (frame["price"] * frame["size"]).sum()
    polars_ms = (time.perf_counter() - started) * 1e3

    table = Table("symbol", "trades", "low", "high", "vwap", "newest id", title="DuckDB, live")
    for bar in bars:
        table.add_row(*(str(value) for value in bar))
    console.print(table)
    console.print(f"DuckDB  {len(rows):,} rows grouped in {duckdb_ms:.1f} ms")
    console.print(f"Polars  {polars_rows:,} rows, notional {notional:,.0f}, in {polars_ms:.1f} ms")
    batch = rows.batches[-1]
    start, end = batch.address_range
    address = batch.arrow().column("price").buffers()[1].address
    place = "inside it: nothing was copied" if start <= address < end else "outside it"
    console.print(
        f"memory  segment mapped at {start:#x}, pyarrow's price column {address:#x}, {place}"
    )


def _show_reader(console: Console, seen: dict[str, Any]) -> None:
    console.print(
        f"reader  saw {seen['rows']:,} rows in {seen['polls']:,} polls, "
        f"{seen['rate']:,.0f} rows/s, in order: {seen['in_order']}"
    )
    console.print(
        f"        visible {seen['p50_us']:.1f} us after the writer took their time (median), "
        f"{seen['p99_us']:.1f} us (p99), Python to Python, sleeping reader"
    )


def _kill(console: Console, writer: subprocess.Popen[str], path: Path) -> int:
    writer.send_signal(signal.SIGKILL)
    writer.wait()
    kept = len(Tape.reader(path).read())
    ids = Tape.reader(path).read().arrow().column("trade_id")
    whole = ids.to_pylist() == list(range(kept)) and kept % EVENT_ROWS == 0
    with Tape.open(path) as tape:
        console.print(f"[bold]kill -9[/]  {kept:,} rows, none missing, none half: {whole}")
        tape.append(_event(random.Random(0), kept))  # noqa: S311 - invented prices
        console.print(f"        opened again and went on at row {tape.rows:,}")
    return 0 if whole else 1


def _event(dice: random.Random, first: int) -> dict[str, Any]:
    """Trades of one symbol, as one message of a venue would bring them."""
    symbol = dice.choice(list(PRICES))
    prices = []
    for _ in range(EVENT_ROWS):
        PRICES[symbol] = round(PRICES[symbol] * (1 + dice.gauss(0, 1e-5)), 2)
        prices.append(PRICES[symbol])
    event = {
        "venue": ["demo"] * EVENT_ROWS,
        "symbol": [symbol] * EVENT_ROWS,
        "price": prices,
        "size": [dice.randint(1, 1000) / 1000 for _ in range(EVENT_ROWS)],
        "side": [dice.choice(("buy", "sell")) for _ in range(EVENT_ROWS)],
        "trade_id": list(range(first, first + EVENT_ROWS)),
        "flags": [0] * (EVENT_ROWS - 1) + [1],
    }
    now = time.time_ns()
    return event | {"ts_event": [now] * EVENT_ROWS, "ts_recv": [now] * EVENT_ROWS}


def write(path: Path) -> None:
    """Append events at a steady pace until somebody kills us."""
    dice = random.Random(7)  # noqa: S311 - invented prices
    with Tape.create(path, "trades") as tape:
        tape.append(_event(dice, 0))
        print(json.dumps({"durability": tape.durability}), flush=True)  # noqa: T201
        started = time.perf_counter()
        for number in range(1, int(SECONDS * 20 * EVENTS_PER_SECOND)):
            tape.append(_event(dice, tape.rows))
            time.sleep(max(0.0, started + number / EVENTS_PER_SECOND - time.perf_counter()))


def read(path: Path) -> None:
    """Poll for some seconds and print what was seen."""
    reader = Tape.reader(path)
    rows = polls = 0
    in_order = True
    delays = []
    started = time.perf_counter()
    while time.perf_counter() < started + SECONDS and reader.wait(1.0):
        batch = reader.poll()
        if isinstance(batch, Gap):
            raise SystemExit(f"{batch!r}: the demo keeps all its rows")
        if isinstance(batch, Batch):
            columns = batch.arrow()
            in_order &= columns.column("trade_id")[0].as_py() == rows
            delays.append((time.time_ns() - columns.column("ts_recv")[-1].value) / 1e3)
            rows += len(batch)
            polls += 1
    delays = sorted(delays[1:])
    print(  # noqa: T201
        json.dumps(
            {
                "rows": rows,
                "polls": polls,
                "rate": rows / (time.perf_counter() - started),
                "in_order": in_order,
                "p50_us": delays[len(delays) // 2],
                "p99_us": delays[len(delays) * 99 // 100],
            }
        )
    )


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["writer", path]:
            write(Path(path))
        case ["reader", path]:
            read(Path(path))
        case _:
            raise SystemExit(main())
