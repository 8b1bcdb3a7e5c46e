"""What tests share."""

import re
import subprocess
import sys
import textwrap

import polars as pl
import pyarrow as pa

from rustonite_data import Schema, schemas
from rustonite_data.lake import Committer

# A moment for trades, and one when its day is over.
NOON = 1_772_366_400_000_000_000
LATER = "2027-01-01"
# The smallest tape there is, which rotates quickly.
SMALL = {"segment_bytes": 1 << 20}


def trades(count, first=0):
    """`count` numbered trades as a dict of columns."""
    rows = range(first, first + count)
    return {
        "ts_event": list(rows),
        "ts_recv": [row + 5 for row in rows],
        "venue": ["binance"] * count,
        "symbol": [f"S{row % 7}" for row in rows],
        "price": [row / 4 for row in rows],
        "size": [0.5] * count,
        "side": ["buy" if row % 2 else "sell" for row in rows],
        "trade_id": list(rows),
        "trade_uid": [None if row % 3 else f"id-{row}" for row in rows],
        "flags": [1] * count,
    }


def trades_arrow(count, first=0, **changes):
    """The same as a pyarrow batch of exactly the tape's types."""
    columns = trades(count, first) | changes
    types = pa.schema(schemas.get("trades"))
    arrays = [pa.array(columns.get(field.name, [None] * count), field.type) for field in types]
    return pa.RecordBatch.from_arrays(arrays, schema=types)


def trades_at(base, count, first=0, **changes):
    """Trades from a moment on, a second apart."""
    times = [base + row * 10**9 for row in range(count)]
    arrivals = [time + 5 for time in times]
    return trades_arrow(count, first, ts_event=times, ts_recv=arrivals, **changes)


def ids(rows):
    """The numbers of trades, in order."""
    return sorted(pa.table(rows)["trade_id"].to_pylist())


def drain(lake, *tapes):
    """Move all that tapes have into a lake; returns how many rows."""
    for tape in tapes:
        tape.seal()
        tape.sync()
    return Committer(lake).run_once()


def newest(rows):
    """The number of the one trade that there is of each instrument."""
    frame = pl.from_arrow(pa.table(rows)) if not isinstance(rows, pl.DataFrame) else rows
    return {(row["venue"], row["symbol"]): row["trade_id"] for row in frame.iter_rows(named=True)}


def slow_newest(lake):
    """The number of the newest trade of each instrument, by looking at all."""
    frame = lake.scan("trades").collect().sort("ts_recv", maintain_order=True)
    return newest(frame.group_by("venue", "symbol", maintain_order=True).last())


def plain(rows):
    """A table without dictionaries, whose codes may differ where values do not."""
    table = pa.table(rows)
    kinds = {f.name: f.type for f in table.schema}
    texts = {n: k.value_type if pa.types.is_dictionary(k) else k for n, k in kinds.items()}
    return pa.table({name: table[name].cast(kind) for name, kind in texts.items()})


def times_as_numbers(table):
    """A table whose times are nanoseconds since 1970."""
    kinds = {f.name: pa.int64() if pa.types.is_timestamp(f.type) else f.type for f in table.schema}
    return pa.table({name: table[name].cast(kind) for name, kind in kinds.items()})


def schema_of(**types):
    """A schema of one's own."""
    return Schema.from_arrow("test", pa.schema(list(types.items())))


def python(code, *arguments, **options):
    """Start a Python process; `code` is a program or the path of one."""
    what = [code] if code.endswith(".py") else ["-c", textwrap.dedent(code)]
    command = [sys.executable, *what, *map(str, arguments)]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    return subprocess.Popen(command, text=True, **{**pipes, **options})


def finish(process, timeout=60):
    """Wait for a process to succeed; returns what it printed."""
    out, err = process.communicate(timeout=timeout)
    assert process.returncode == 0, err
    return out


def moved(urls, address):
    """All addresses of a client of ccxt, with the host replaced."""
    if isinstance(urls, dict):
        return {key: moved(value, address) for key, value in urls.items()}
    if isinstance(urls, str):
        return re.sub(r"^(ws|http)s?://[^/]+", rf"\1://{address}", urls)
    return urls


def output(result):
    """What a command printed that had nothing to complain about."""
    assert (result.exit_code, result.stderr) == (0, "")
    return result.stdout


def problem(result):
    """The one line of an error, for commands that have printed nothing else."""
    assert (result.exit_code, result.stdout, result.stderr.count("\n")) == (2, "", 1), result.output
    return result.stderr


def misuse(result):
    """What is wrong with the words of a command, which `--help` would have told."""
    told = problem(result).rstrip()
    assert told.endswith(" --help)")
    return told.rpartition(" (")[0]
