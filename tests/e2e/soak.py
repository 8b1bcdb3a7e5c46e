"""A recorder at work for long, while connections break, its lake goes away and it is killed.

    python tests/e2e/soak.py --seconds 3600 --rate 50000 --plot soak.svg

A made-up Binance sends on loopback, a recorder writes into a lake in an object store. At the end
every trade that was sent must be in the lake once, or be named in a gap; frames have no holes but
at kills; the books are those of the venue; memory has not grown.
"""

import argparse
import json
import random
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from s3 import S3

from rustonite_data import serve
from rustonite_data.lake import Lake

RUSTONITE = Path(sys.executable).with_name("rustonite")
SYMBOLS = ["BTCUSDT", "ETHUSDT", "SOLUSDT", "XRPUSDT"]
PATIENCE = 120
SETTLED = 900
KIB = 1024


class Recorder:
    """`rustonite record` as a process that may die at any time."""

    def __init__(self, config, lake, tapes, options):
        named = [word for pair in options.items() for word in ("--storage-option", "=".join(pair))]
        where = ["--lake", lake, "--tapes", tapes, *named]
        self.command = [
            str(word) for word in (RUSTONITE, "record", config, *where, "--every", "5s")
        ]
        self.log = Path(tapes).parent / "recorder.log"
        self.kills = 0
        self.start()

    def start(self):
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(self.command, stdout=log, stderr=log)

    def kill(self):
        self.process.kill()
        self.process.wait()
        self.kills += 1

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        assert self.process.wait(PATIENCE) == 0, self.log.read_text()[-2000:]

    def memory(self):
        """Bytes of its own, without the tapes, which it shares with readers."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        line = next((line for line in status.splitlines() if line.startswith("RssAnon")), None)
        assert line is not None, f"it ended by itself: {self.log.read_text()[-2000:]}"
        return int(line.split()[1]) * KIB


def plan(seconds, chance):
    """What goes wrong, and when. Nobody is killed late, so that memory has time to grow."""
    count = max(2, int(seconds / 150))
    times = lambda until: sorted(chance.uniform(0.1, until) * seconds for _ in range(count))  # noqa: E731
    events = [(at, "cut", 0.0) for at in times(0.9)]
    events += [(at, "kill", chance.uniform(0.1, 3)) for at in times(0.4)]
    length = min(30.0, seconds / 10)
    events += [(at, "away", chance.uniform(length / 3, length)) for at in times(0.8)]
    return sorted(events)


def run(home, seconds, rate, seed):
    """Do it all; returns what was found, and samples of (second, bytes, what happened)."""
    chance, samples = random.Random(seed), []
    home = Path(home)
    with S3() as store, serve("binance", SYMBOLS, every=1 / rate, seed=seed) as venue:
        config = home / "recorder.toml"
        urls = ", ".join(f'{name} = "{url}"' for name, url in venue.urls.items())
        config.write_text(
            f'anchor_every_s = 60\n[[feed]]\nvenue = "binance"\nsymbols = {json.dumps(SYMBOLS)}\n'
            f"urls = {{ {urls} }}\n"
        )
        options = store.impatient
        recorder = Recorder(config, store.url("soak"), home / "tapes", options)
        try:
            rates = trouble(venue, store, recorder, plan(seconds, chance), seconds, samples)
            books = settle(venue)
            recorder.stop()
        finally:
            recorder.process.kill()
            recorder.process.wait()
        lake = Lake(store.url("soak"), tapes=home / "tapes", storage_options=options)
        sent = {symbol: venue.trades(symbol) for symbol in SYMBOLS}
        found = check(lake, sent, books, recorder.kills)
        found |= {"sent": venue.status().sent, "rate": statistics.median(rates)}
    return found, samples


def trouble(venue, store, recorder, events, seconds, samples):
    """Let things go wrong at their times; returns messages sent in each second."""
    began, returns, rates, last = time.monotonic(), None, [], 0
    events = list(events)
    while (passed := time.monotonic() - began) < seconds:
        if returns is not None and passed >= returns:
            store.up()
            returns = None
        happened = []
        while events and events[0][0] <= passed:
            _, what, length = events.pop(0)
            happened.append(what)
            if what == "cut":
                venue.fault("cut")
            elif what == "kill":
                recorder.kill()
                time.sleep(length)
                recorder.start()
            elif returns is None:
                store.down()
                returns = passed + length
        samples.append((passed, recorder.memory(), happened))
        sent = venue.status().sent
        rates.append(sent - last)
        last = sent
        time.sleep(max(0.0, began + len(rates) - time.monotonic()))
    store.up()
    return rates


def settle(venue):
    """Send no more, and give the recorder time to read what is under way."""
    venue.pause()
    time.sleep(3)
    return {symbol: venue.book(symbol) for symbol in SYMBOLS}


def check(lake, sent, books, kills):
    """Everything that must hold, or an AssertionError."""
    found = {"kills": kills, "missing": 0, "gaps": 0}
    for symbol in SYMBOLS:
        missing = missing_ids(lake, symbol)
        query = """select count(*), count(distinct trade_id), min(trade_id), max(trade_id)
            from trades where symbol = ?"""
        rows, distinct, first, last = lake.sql(query, [symbol]).rows()[0]
        assert rows == distinct, f"{symbol}: {rows - distinct} trades are there twice"
        query = "select count(*) from trades where symbol = ? and trade_id in (select unnest(?))"
        both = lake.sql(query, [symbol, sorted(missing)]).rows()[0][0]
        assert both == 0, f"{symbol}: {both} trades are there and told to be missing"
        known = rows + len(missing)
        everything = range(min([first, *missing]), max([last, *missing]) + 1)
        assert known == len(everything), f"{symbol}: {len(everything) - known} lost in silence"
        assert known == sent[symbol], f"{symbol}: {sent[symbol]} sent, {known} known of"
        found["missing"] += len(missing)
        check_book(lake, symbol, books[symbol])
    found["trades"] = sum(sent.values())
    query = """select connection, count(*), count(distinct frame_seq), max(frame_seq) + 1
        from frames group by all"""
    for connection, *counts in lake.sql(query).rows():
        assert len(set(counts)) == 1, f"frames of connection {connection}: {counts}"
        found["frames"] = found.get("frames", 0) + counts[0]
    kinds = dict(lake.sql("select kind::varchar, count(*) from feed_events group by all").rows())
    # One that was killed before it was up has nothing to recover from.
    assert 0 < kinds.get("recovered", 0) <= kills, kinds
    assert not {"dropped", "malformed", "unknown_message", "crossed"} & set(kinds), kinds
    found["gaps"] = kinds.get("gap", 0)
    found["disconnects"] = kinds.get("disconnect", 0)
    return found


def missing_ids(lake, symbol):
    query = """select seq_from, seq_to from feed_events
        where kind = 'gap' and dataset = 'trades' and symbol = ? and seq_from is not null"""
    spans = lake.sql(query, [symbol]).rows()
    return {number for first, last in spans for number in range(first, last + 1)}


def check_book(lake, symbol, book):
    rows = lake.book_at(time.time_ns(), symbols=symbol, time="ts_recv").pl().to_dicts()
    for side, levels in (("bid", book.bids), ("ask", book.asks)):
        held = {row["price"]: row["size"] for row in rows if row["side"] == side}
        wanted = {float(price): float(size) for price, size in levels}
        assert held == wanted, f"{symbol} {side}: {set(held.items()) ^ set(wanted.items())}"


def growth(samples):
    """How much larger the memory of the last tenth is than that of the second half's begin."""
    part = max(1, len(samples) // 10)
    half = [size for _, size, _ in samples[len(samples) // 2 :]]
    return statistics.median(half[-part:]) / statistics.median(half[:part])


def plot(samples, path):
    """Memory over time as SVG, with what went wrong."""
    width, height, left, below = 760, 240, 60, 30
    end, most = samples[-1][0], max(size for _, size, _ in samples) * 1.1
    x = lambda second: left + (width - left - 10) * second / end  # noqa: E731
    y = lambda size: (height - below) * (1 - size / most) + 5  # noqa: E731
    line = " ".join(f"{x(second):.1f},{y(size):.1f}" for second, size, _ in samples)
    colours = {"cut": "#888", "kill": "#c00", "away": "#06c"}
    marks = [
        f'<line x1="{x(second):.1f}" x2="{x(second):.1f}" y1="5" y2="{height - below + 5}" '
        f'stroke="{colours[what]}" stroke-opacity="0.5"/>'
        for second, _, happened in samples
        for what in happened
    ]
    ticks = [
        f'<text x="{left - 6}" y="{y(share * most) + 4:.0f}" text-anchor="end">'
        f"{share * most / KIB**2:.0f} MB</text>"
        for share in (0, 0.25, 0.5, 0.75)
    ]
    hours = [
        f'<text x="{x(end * share):.0f}" y="{height - 8}" text-anchor="middle">'
        f"{end * share / 60:.0f} min</text>"
        for share in (0.25, 0.5, 0.75)
    ]
    Path(path).write_text(
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
        'font-family="sans-serif" font-size="11">\n'
        '<rect width="100%" height="100%" fill="#fff"/>\n'
        + "\n".join(marks + ticks + hours)
        + f'\n<polyline points="{line}" fill="none" stroke="#000"/>\n</svg>\n'
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=3600)
    parser.add_argument("--rate", type=int, default=50_000, help="messages a second")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--plot", help="file for the memory over time, as SVG")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="rustonite-soak-", dir="/dev/shm") as home:
        found, samples = run(home, chosen.seconds, chosen.rate, chosen.seed)
    if chosen.plot:
        plot(samples, chosen.plot)
    sys.stdout.write(json.dumps(found | {"growth": round(growth(samples), 3)}) + "\n")
    # Until the buffers of all parts are as large as they get, it does grow.
    assert chosen.seconds < SETTLED or growth(samples) < 1.2, "memory grows"


if __name__ == "__main__":
    main()
