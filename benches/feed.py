"""Reading recorded messages, beside Python's readers and cryptofeed: `python benches/feed.py`.

Ours is `target/release/decode`: bytes to rows and checked books. The JSON readers only parse. The
feed handler cryptofeed does what we do, and is given its own recordings by its own `playback`. All
use one thread. `target/release/feed` measures the recorder around it: to tapes, and from the socket
to visible rows. Without the shared recordings (`RUSTONITE_FIXTURES`) there is nothing to measure.
"""

from __future__ import annotations

import gzip
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from figures import keep, keep_absent
from rich.console import Console
from rich.table import Table

ROOT = Path(__file__).parents[1]
FIXTURES = Path(os.environ.get("RUSTONITE_FIXTURES", ROOT.parent / "shared" / "fixtures"))
# cryptofeed and the readers pin other packages than ours.
PEERS_PYTHON = ROOT / ".venv" / "feeds" / "bin" / "python"
PATIENCE_S = 1.0
GROUP = "Feed"
RATE = "M messages/s"
READERS = ("json", "orjson", "msgspec")
MESSAGES = {
    "binance-usdm": "binance_usdm/collector_btcusdt_20240808.gz",
    "binance": "binance_spot/collector_btcusdt_20240808.gz",
    "okx": "okx/cryptofeed_ws_2022.txt",
    "kraken": "kraken_v1/cryptofeed_book1000.txt",
    "kraken-futures": "kraken_futures/cryptofeed_ws.txt",
    "coinbase": "coinbase_exchange/cryptofeed_ws.txt",
    "bitmex": "bitmex/cryptofeed_ws.txt",
    "bitfinex": "bitfinex/cryptofeed_ws.txt",
}
# What cryptofeed calls a venue, and the files of a recording of its own: name there, ours.
RECORDINGS = {
    "binance-usdm": (
        "BINANCE_FUTURES",
        {
            "0": "binance_usdm/cryptofeed_exchangeinfo.txt.gz",
            "http.0.0": "binance_usdm/cryptofeed_rest_depth.txt",
            "ws.1.0": "binance_usdm/cryptofeed_ws.txt",
        },
    ),
    "binance": (
        "BINANCE",
        {
            "0": "binance_spot/cryptofeed_exchangeinfo.txt.gz",
            "http.0.0": "binance_spot/cryptofeed_rest_depth.txt",
            "ws.1.0": "binance_spot/cryptofeed_ws.txt",
        },
    ),
    "kraken": (
        "KRAKEN",
        {
            "0": "kraken_v1/cryptofeed_assetpairs.txt.gz",
            "ws.1.0": "kraken_v1/cryptofeed_book1000.txt",
        },
    ),
    "bitmex": (
        "BITMEX",
        {
            "0": "bitmex/cryptofeed_instruments.txt.gz",
            "ws.1.0": "bitmex/cryptofeed_ws.txt",
        },
    ),
}


def main() -> None:
    if len(sys.argv) > 1:
        print("result", json.dumps(peer(*sys.argv[1:])))
        return
    if not FIXTURES.is_dir():
        keep_absent(GROUP, "all", "no recordings")
        print(f"not measured: no recordings in {FIXTURES}", file=sys.stderr)
        return
    table = Table(title="Recorded messages, thousand per second, one thread")
    for name in ("", "bytes", "rustonite: rows and books", *READERS, "cryptofeed: rows and books"):
        table.add_column(name, justify="right" if name else "left")
    for venue, (count, size, seconds) in ours().items():
        keep(GROUP, decoding(venue), RATE, best=count / seconds / 1e6)
        cells = [step("read", reader, venue) for reader in READERS] if venue in MESSAGES else []
        cells += [""] * (len(READERS) - len(cells))
        theirs = step("playback", venue) if venue in RECORDINGS else ""
        table.add_row(venue, f"{size / count:.0f}", thousands(count, seconds), *cells, theirs)
    console = Console(width=None if sys.stdout.isatty() else 160)
    console.print(table)
    console.print(recorder("Frames to rows and books on tapes", "record", FIXTURES))
    console.print(recorder("Socket to visible rows, by the moment a message was due", "latency"))


def recorder(title: str, *arguments: str | Path) -> Table:
    table = Table(title=title)
    table.add_column("")
    table.add_column("rustonite")
    for line in lines("feed", *arguments):
        table.add_row(*line)
    return table


def ours() -> dict[str, tuple[int, int, float]]:
    found = lines("decode", FIXTURES)
    return {name: (int(count), int(size), float(time)) for name, count, size, time in found}


def lines(program: str, *arguments: str | Path) -> list[list[str]]:
    """What one of our programs prints: cells between tabs."""
    command = [ROOT / "target" / "release" / program, *arguments]
    run = subprocess.run(command, capture_output=True, text=True, check=True)
    return [line.split("\t") for line in run.stdout.splitlines()]


def decoding(venue: str) -> str:
    return f"{venue}: rows and books of recorded messages"


def thousands(count: int, seconds: float) -> str:
    return f"{count / seconds / 1e3:,.0f}"


def step(*arguments: str) -> str:
    """A measurement in a process of its own, as a cell."""
    python = PEERS_PYTHON if PEERS_PYTHON.exists() else sys.executable
    run = subprocess.run(
        [python, __file__, *arguments], capture_output=True, text=True, check=False, timeout=600
    )
    line = next((x for x in run.stdout.splitlines() if x.startswith("result ")), None)
    if line is None:
        reason = (run.stderr.strip().splitlines() or ["?"])[-1]
        print(f"{' '.join(arguments)}: {reason}", file=sys.stderr)
        keep_absent(GROUP, " ".join(arguments), reason)
        return "-"
    count, seconds = json.loads(line.removeprefix("result "))
    what, system = decoding(arguments[-1]), "cryptofeed"
    if arguments[0] == "read":
        what, system = f"{arguments[-1]}: recorded messages parsed, no more", arguments[1]
    keep(GROUP, what, RATE, system=system, best=count / seconds / 1e6)
    return thousands(count, seconds)


def peer(what: str, *arguments: str) -> tuple[int, float]:
    """How many messages in how many seconds."""
    return read(*arguments) if what == "read" else playback(*arguments)


def lines_of(name: str) -> list[bytes]:
    path = FIXTURES / name
    text = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    return [line for line in text.splitlines() if line[:1].isdigit()]


def read(reader: str, venue: str) -> tuple[int, float]:
    """Only parsing, the fastest way that the reader has for unknown shapes."""
    messages = [line.partition(b" ")[2] for line in lines_of(MESSAGES[venue])]
    if reader == "msgspec":
        import msgspec  # noqa: PLC0415 - in the peers' environment only

        loads = msgspec.json.Decoder().decode
    elif reader == "orjson":
        from orjson import loads  # noqa: PLC0415
    else:
        loads = json.loads
    messages = [message for message in messages if is_json(message)]
    best, begun = float("inf"), time.perf_counter()
    while time.perf_counter() - begun < PATIENCE_S:
        started = time.perf_counter()
        for message in messages:
            loads(message)
        best = min(best, time.perf_counter() - started)
    return len(messages), best


def is_json(message: bytes) -> bool:
    try:
        json.loads(message)
    except ValueError:
        return False
    return True


def playback(venue: str) -> tuple[int, float]:
    """Cryptofeed with its own recording, which its function wants under names of its own."""
    from cryptofeed import raw_data_collection as recorded  # noqa: PLC0415

    exchange, files = RECORDINGS[venue]
    # By the letters `ws` and `http` in whole paths it tells files apart.
    folder = Path(tempfile.gettempdir()) / f"rustonite-feed-{os.getpid()}"
    folder.mkdir()
    try:
        names = []
        for ending, source in files.items():
            path = FIXTURES / source
            packed = path.read_bytes()
            text = gzip.decompress(packed) if path.suffix == ".gz" else packed
            names.append(folder / f"{exchange}.{ending}")
            names[-1].write_bytes(text)
        messages = len(lines_of(files["ws.1.0"]))
        paths = [str(name) for name in names]
        recorded.playback(exchange, paths)  # imports and caches
        best = float("inf")
        for _ in range(3):
            started = time.perf_counter()
            recorded.playback(exchange, paths)
            best = min(best, time.perf_counter() - started)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return messages, best


if __name__ == "__main__":
    main()
