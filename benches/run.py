"""Every figure of the tape, with peers measured in the same run: `make bench`.

The native figures come from `target/release/tape`; this script adds what a Python user sees, and
peers: `multiprocessing.shared_memory` with `struct`, iceoryx2's wheel, and in-memory pyarrow.
Latencies between processes are taken from the moment a row was scheduled, at a constant rate.
"""

from __future__ import annotations

import ctypes
import os
import platform
import shutil
import struct
import subprocess
import sys
import time
from importlib.metadata import version
from multiprocessing import resource_tracker, shared_memory
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from figures import keep
from rich.console import Console
from rich.table import Table

from rustonite_data import Tape

MEMORY = Path("/dev/shm/rustonite-bench")  # noqa: S108 - memory that processes share
DISK = Path("target/rustonite-bench")
SAMPLES = 2_000 if "--quick" in sys.argv else 50_000
INTERVAL_NS = 50_000
QUANTILES = {"p50": 0.5, "p99": 0.99, "p99.9": 0.999, "max": 1.0}
# What each of `latencies` measures, and of which system.
WAYS = {
    "rustonite from Rust, spin": ("Rust to Python, spinning", "rustonite"),
    "rustonite spin": ("Python to Python, spinning", "rustonite"),
    "rustonite sleep": ("Python to Python, sleeping", "rustonite"),
    "shared_memory+struct": ("Python to Python, spinning", "shared_memory+struct (one integer)"),
    "iceoryx2": ("Python to Python, spinning", "iceoryx2 (one integer)"),
}


def main() -> None:
    table = Table("what", "figures", title="Tapes", show_lines=False)
    for section in (machine, native, python_append, python_poll, latencies, scans):
        for name, figures in section():
            table.add_row(name, figures)
            print(f"{name}: {figures}", file=sys.stderr, flush=True)
    Console(width=None if sys.stdout.isatty() else 200).print(table)
    shutil.rmtree(MEMORY, ignore_errors=True)
    shutil.rmtree(DISK, ignore_errors=True)


def machine():
    commit = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False
    ).stdout.strip()
    facts = Path("/proc/cpuinfo").read_text().splitlines()
    model = next((line.split(":")[1].strip() for line in facts if "model name" in line), "?")
    load = os.getloadavg()[0]
    yield "machine", f"{os.cpu_count()} x {model}, {platform.release()}, load {load:.1f}"
    names = ("rustonite", "pyarrow", "duckdb", "iceoryx2")
    yield "versions", f"commit {commit}, " + ", ".join(f"{name} {version(name)}" for name in names)


def native():
    for label, folder in (("memory", MEMORY), ("disk", DISK)):
        run = subprocess.run(
            ["target/release/tape", folder], capture_output=True, text=True, check=True
        )
        for line in run.stdout.splitlines():
            name, figures = line.split("\t")
            yield f"Rust, {label}: {name}", figures


def trades(rows: int) -> pa.RecordBatch:
    """Random trades in the types that pyarrow users have."""
    dice = np.random.default_rng(1)
    symbols = pa.DictionaryArray.from_arrays(
        pa.array(dice.integers(0, 20, rows, dtype=np.int32)),
        pa.array([f"SYM{number}" for number in range(20)]),
    )
    sides = pa.DictionaryArray.from_arrays(
        pa.array(dice.integers(0, 2, rows, dtype=np.int8)), pa.array(["buy", "sell"])
    )
    times = np.arange(rows, dtype=np.int64)
    return pa.record_batch(
        {
            "ts_event": pa.array(times, pa.timestamp("ns")),
            "ts_recv": pa.array(times, pa.timestamp("ns")),
            "venue": pa.array(["binance"] * rows).dictionary_encode(),
            "symbol": symbols,
            "price": dice.normal(60_000, 10, rows),
            "size": dice.random(rows),
            "side": sides,
            "trade_id": pa.array(times),
            "flags": pa.array(np.ones(rows, np.int32)),
        }
    )


def tape(**settings) -> Tape:
    shutil.rmtree(MEMORY, ignore_errors=True)
    return Tape.create(MEMORY, "trades", seal_after=None, **settings)


def python_append():
    for rows in (1, 100, 100_000):
        batch = trades(rows)
        rounds = max(20, min(20_000, 3_000_000 // rows))
        with tape(segments_max=4) as out:
            started = time.perf_counter()
            for _ in range(rounds):
                out.append(batch)
            seconds = time.perf_counter() - started
        rate = rounds * rows / seconds / 1e6
        keep("Tapes", f"append pyarrow batches of {rows:,} from Python", "M rows/s", mean=rate)
        figures = f"{seconds / rounds * 1e6:.1f} us each, {rate:.2f} M rows/s"
        yield f"Python: append pyarrow batches of {rows:,}", figures


def python_poll():
    with tape() as out:
        out.append(trades(200_000))
        for name, use in (
            ("poll", lambda batch: batch),
            ("poll, as pyarrow", lambda batch: batch.arrow()),
            ("poll, as Polars", lambda batch: batch.pl()),
        ):
            reader = Tape.reader(MEMORY)
            polls = np.empty(2_000)
            for number in range(len(polls)):
                started = time.perf_counter_ns()
                use(reader.poll(10))
                polls[number] = time.perf_counter_ns() - started
            what = name.replace("poll", "poll in Python, 10 new rows")
            keep("Tapes", what, "us", **quantiles(polls))
            yield f"Python: {name}, 10 new rows", told(polls)
        reader = Tape.reader(MEMORY, start="now")
        empty = np.empty(20_000)
        for number in range(len(empty)):
            started = time.perf_counter_ns()
            reader.poll()
            empty[number] = time.perf_counter_ns() - started
        keep("Tapes", "poll in Python, nothing new", "us", **quantiles(empty))
        yield "Python: poll, nothing new", told(empty)


def quantiles(nanoseconds: np.ndarray) -> dict[str, float]:
    """In microseconds."""
    values = np.quantile(nanoseconds, list(QUANTILES.values()), method="higher") / 1e3
    return dict(zip(QUANTILES, values.tolist(), strict=True))


def told(nanoseconds: np.ndarray) -> str:
    values = quantiles(nanoseconds).items()
    return ", ".join(f"{name} {value:.2f}" for name, value in values) + " us"


def latencies():
    for name, (way, system) in WAYS.items():
        shutil.rmtree(MEMORY, ignore_errors=True)
        run = subprocess.Popen(
            [sys.executable, __file__, "receive", name], stdout=subprocess.PIPE, text=True
        )
        send(name, run)
        received = run.stdout.read()
        assert run.wait() == 0, f"{name}: the receiver failed"
        delays = np.array(received.split(), float)
        keep("Tapes", f"one way, {way}", "us", system=system, **quantiles(delays))
        yield f"one way to Python: {name}", told(delays)


def at_constant_rate(publish) -> None:
    """Calls `publish(scheduled_ns)` at each scheduled moment, without skipping any."""
    start = time.monotonic_ns() + 50_000_000
    for number in range(SAMPLES):
        scheduled = start + number * INTERVAL_NS
        while time.monotonic_ns() < scheduled:
            pass
        publish(number, scheduled)


def send(name: str, receiver: subprocess.Popen) -> None:
    if "from Rust" in name:
        command = ["target/release/tape", MEMORY, "writer", str(INTERVAL_NS), str(SAMPLES)]
        writer = subprocess.Popen(command, stdin=subprocess.PIPE, text=True)
        ready(receiver)
        writer.communicate("go\n")
    elif name.startswith("rustonite"):
        with tape(segments_max=4) as out:
            row = trades(1).to_pylist()[0] | {"ts_event": 0, "ts_recv": 0}
            columns = {key: [value] for key, value in row.items()}
            ready(receiver)

            def publish(_number: int, scheduled: int) -> None:
                columns["ts_event"][0] = scheduled
                out.append(columns)

            at_constant_rate(publish)
            receiver.stdout.flush()
            time.sleep(0.2)
    elif name.startswith("shared"):
        block = shared_memory.SharedMemory("rustonite-bench", create=True, size=64)
        words = block.buf.cast("q")  # `struct.pack_into` clears before it stores

        def publish(number: int, scheduled: int) -> None:
            words[0] = scheduled
            words[1] = number + 1

        try:
            ready(receiver)
            at_constant_rate(publish)
            time.sleep(0.2)
        finally:
            words.release()
            block.close()
            block.unlink()
    else:
        publisher = iceoryx_service().publisher_builder().create()
        ready(receiver)

        def publish(_number: int, scheduled: int) -> None:
            sample = publisher.loan_uninit()
            sample.write_payload(ctypes.c_int64(scheduled)).send()

        at_constant_rate(publish)
        time.sleep(0.2)


def ready(receiver: subprocess.Popen) -> None:
    assert receiver.stdout.readline() == "ready\n"


def iceoryx_service():
    import iceoryx2  # noqa: PLC0415 - a peer that only two processes need

    iceoryx2.set_log_level(iceoryx2.LogLevel.Error)
    node = iceoryx2.NodeBuilder.new().create(iceoryx2.ServiceType.Ipc)
    name = iceoryx2.ServiceName.new("rustonite/bench")
    service = node.service_builder(name).publish_subscribe(ctypes.c_int64)
    return service.subscriber_max_buffer_size(SAMPLES).open_or_create()


def receive(name: str) -> None:
    """The other process: prints the delay of every row it saw."""
    if name.startswith("rustonite"):
        delays = receive_tape(sleep=name.endswith("sleep"))
    elif name.startswith("shared"):
        delays = receive_shared_memory()
    else:
        delays = receive_iceoryx()
    print(*delays)


def receive_tape(*, sleep: bool) -> list[int]:
    while not (MEMORY / "tape.toml").exists():
        time.sleep(0.01)
    reader = Tape.reader(MEMORY, start="now")
    print("ready", flush=True)
    delays = []
    while len(delays) < SAMPLES:
        if sleep:
            reader.wait(5.0)
        if batch := reader.poll():
            moments = batch.arrow().column(0).to_numpy().view(np.int64)
            delays.extend(time.monotonic_ns() - moments)
    return delays


def receive_shared_memory() -> list[int]:
    block = attach()
    print("ready", flush=True)
    delays = []
    last = 0
    while last < SAMPLES:
        (number,) = struct.unpack_from("<q", block.buf, 8)  # stored after the moment
        if number != last:
            (scheduled,) = struct.unpack_from("<q", block.buf, 0)
            delays.append(time.monotonic_ns() - scheduled)
            last = number
    # Python 3.11 would unlink a block that it only attached to.
    resource_tracker.unregister(f"/{block.name}", "shared_memory")
    block.close()
    return delays


def receive_iceoryx() -> list[int]:
    subscriber = iceoryx_service().subscriber_builder().buffer_size(SAMPLES).create()
    print("ready", flush=True)
    delays = []
    while len(delays) < SAMPLES:
        if sample := subscriber.receive():
            delays.append(time.monotonic_ns() - sample.payload().contents.value)
    return delays


def attach() -> shared_memory.SharedMemory:
    while True:
        try:
            return shared_memory.SharedMemory("rustonite-bench")
        except FileNotFoundError:
            time.sleep(0.01)


def scans():
    batch = trades(100_000)
    with tape(segments_max=64) as out:
        for _ in range(50):
            out.append(batch)
        rows = Tape.reader(MEMORY).read()
        ours = rows.arrow()
        theirs = pa.Table.from_batches([batch] * 50).combine_chunks()
        for name, table in (("tape", ours), ("in-memory pyarrow", theirs)):
            yield (
                f"sum(price*size) of 5 M rows by pyarrow, {name}",
                best("pyarrow", name, lambda t=table: notional(t)),
            )
        for name, table in (("tape", rows), ("in-memory pyarrow", theirs)):
            yield (
                f"the same by DuckDB, {name}",
                best("DuckDB", name, lambda t=table: duckdb_notional(t)),
            )


def notional(table: pa.Table) -> float:
    return pc.sum(pc.multiply(table.column("price"), table.column("size"))).as_py()


def duckdb_notional(rows) -> float:  # noqa: ARG001 - DuckDB finds it by name
    return duckdb.sql("select sum(price * size) from rows").fetchall()[0][0]


def best(engine: str, name: str, work, rounds: int = 7) -> str:
    times = []
    for _ in range(rounds):
        started = time.perf_counter()
        work()
        times.append(time.perf_counter() - started)
    times.sort()
    best, median = times[0] * 1e3, times[rounds // 2] * 1e3
    what, system = (
        f"sum(price*size) of 5 M rows by {engine}",
        "rustonite" if name == "tape" else name,
    )
    keep("Tapes", what, "ms", system=system, best=best, median=median)
    return f"best {best:.1f}, median {median:.1f} ms of {rounds}"


if __name__ == "__main__":
    if sys.argv[1:2] == ["receive"]:
        receive(sys.argv[2])
    else:
        main()
