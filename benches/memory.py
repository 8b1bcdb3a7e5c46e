"""Own memory of a recorder at work: `python benches/memory.py --seconds 60`.

A made-up Binance sends on loopback, `rustonite record` writes it to tapes and into a lake. Counted
is what the process has for itself: the segments of tapes are mapped, and shared with readers. The
soak test (`make soak`) does the same for an hour, with all that can go wrong.
"""

from __future__ import annotations

import argparse
import json
import re
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from figures import keep

from rustonite_data import serve

SYMBOLS = ["BTCUSDT", "ETHUSDT", "SOLUSDT", "XRPUSDT"]
RATE = 50_000
STOP_SECONDS_MAX = 60
WHAT = "own memory while recording into a lake"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--seconds", type=int, default=60)
    seconds = parser.parse_args().seconds
    with tempfile.TemporaryDirectory(dir="/dev/shm") as home:
        samples, sent = measure(Path(home), seconds)
    # The first half is warming up.
    steady = samples[len(samples) // 2 :]
    median, highest = statistics.median(steady), max(steady)
    print(f"{WHAT}: median {median:.0f}, max {highest:.0f} MB, {sent / seconds:,.0f} messages/s")
    keep("Feed", WHAT, "MB", median=median, max=highest)


def measure(home: Path, seconds: int) -> tuple[list[float], int]:
    """A sample for each second, and how many messages were sent."""
    with serve("binance", SYMBOLS, every=1 / RATE) as venue:
        urls = ", ".join(f"{name} = {json.dumps(url)}" for name, url in venue.urls.items())
        config = home / "recorder.toml"
        config.write_text(
            f'[[feed]]\nvenue = "binance"\nsymbols = {json.dumps(SYMBOLS)}\nurls = {{ {urls} }}\n'
        )
        program = Path(sys.executable).with_name("rustonite")
        recorder = subprocess.Popen(
            [program, "record", config, "--lake", home / "lake"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        samples = []
        try:
            for _ in range(seconds):
                time.sleep(1)
                samples.append(own_memory(recorder.pid))
            recorder.send_signal(signal.SIGTERM)
            assert recorder.wait(STOP_SECONDS_MAX) == 0
        finally:
            recorder.kill()
            recorder.wait()
        return samples, venue.status().sent


def own_memory(pid: int) -> float:
    """In MB, without what is mapped."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(re.search(r"RssAnon:\s+(\d+)", status)[1]) / 1024


if __name__ == "__main__":
    main()
