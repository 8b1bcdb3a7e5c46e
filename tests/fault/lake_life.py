"""The life of a lake as random steps, each told before and after, with a set as its model.

Run as a program, it kills children at random system calls and compares what is left with the
model: python lake_life.py FOLDER SEED CASES [STORAGE_OPTIONS_JSON URL], or without kills:
python lake_life.py calm FOLDER SEED STEPS
"""

import json
import random
import sys
import time
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

import deltalake  # noqa: F401 - imported once, before all forks
import duckdb  # noqa: F401
import killer
import obstore  # noqa: F401
import polars as pl  # noqa: F401
import pyarrow as pa

from rustonite_data import _native, schemas
from rustonite_data.errors import NotFound
from rustonite_data.lake import Committer, Lake, query_duckdb, query_polars  # noqa: F401

DAYS = [datetime(2026, 3, day, 12, tzinfo=UTC) for day in (1, 2, 3)]
LATER = datetime(2026, 6, 1, tzinfo=UTC)
SYMBOLS = ["BTC-USD", "ETH/USD", "a=b"]
TAPE = {"segment_bytes": 1 << 20, "segment_rows": 64, "fsync_interval": None}


def rows_of(ids, day):
    """Trades whose id says everything: the symbol is id modulo 3."""
    start = int(DAYS[day].timestamp()) * 10**9
    return {
        "ts_event": [start + one for one in ids],
        "ts_recv": [start + one * 7 % 1000 for one in ids],
        "venue": ["kraken" if one % 5 else "odd/venue=x" for one in ids],
        "symbol": [SYMBOLS[one % 3] for one in ids],
        "price": [one / 4 for one in ids],
        "size": [1.0] * len(ids),
        "side": ["buy"] * len(ids),
        "trade_id": list(ids),
        "flags": [1] * len(ids),
    }


class Model:
    """What the lake must hold: row id -> day."""

    def __init__(self):
        self.rows = {}
        self.versions = {}
        self.drained = False

    def copy(self):
        """For the two ways an interrupted step may have ended."""
        other = Model()
        other.rows, other.versions = dict(self.rows), dict(self.versions)
        other.drained = self.drained
        return other

    def apply(self, step):
        """The effect of a whole step."""
        kind = step["kind"]
        if kind in {"tape", "append"}:
            self.rows.update(dict.fromkeys(step["ids"], step["day"]))
            self.drained = self.drained and kind == "append"
        elif kind == "drain":
            self.drained = True
        elif kind == "retain":
            self.rows = {one: day for one, day in self.rows.items() if day >= step["day"]}
        elif kind == "delete":
            self.rows = {one: day for one, day in self.rows.items() if one % 3 != step["symbol"]}
        elif kind == "restore":
            self.rows = dict(self.versions[step["version"]])
        elif kind == "vacuum":
            self.versions = {}


def choose(chance, model, numbers):
    """A step that makes sense now."""
    kinds = ["tape"] * 5 + ["append"] * 2 + ["seal", "commit", "drain", "compact", "compact"]
    if model.drained:
        kinds += ["retain", "delete", "vacuum"] * 2 + ["restore"] * (5 * bool(model.versions))
    step = {"kind": chance.choice(kinds)}
    if step["kind"] in {"tape", "append"}:
        first = numbers["next_id"]
        numbers["next_id"] += (count := chance.randint(1, 40))
        step.update(ids=list(range(first, first + count)), day=chance.randrange(3))
    if step["kind"] in {"tape", "seal"}:
        step["tape"] = chance.choice(["one", "two"])
    if step["kind"] == "append":
        step["job"] = numbers["job"] = numbers["job"] + 1
    if step["kind"] == "retain":
        step["day"] = chance.randrange(1, 3)
    if step["kind"] == "delete":
        step["symbol"] = chance.randrange(3)
    if step["kind"] == "restore":
        step["version"] = chance.choice(list(model.versions))
    return step


def perform(lake, tapes, step):
    """Do a step for real."""
    DEEDS[step["kind"]](lake, tapes, step)


def tape_of(lake, tapes, step):
    name = step["tape"]
    if name not in tapes:
        tapes[name] = lake.tape("trades", name, **TAPE)
    return tapes[name]


def drain(lake, tapes, _):
    for tape in tapes.values():
        tape.seal()
    for tape in tapes.values():
        tape.sync()
    Committer(lake).run_once(seal=True)
    left = [rows for rows in lake.snapshot("trades").hot if len(rows)]
    reports = [_native.describe_tape(path) for path in lake.tapes.paths("trades")]
    assert not left, f"after draining: {left} {reports}"


def append(lake, _, step):
    lake.append("trades", arrow(step), transaction=("job", step["job"]))


def retain(lake, _, step):
    try_table(lambda: lake.retain("trades", before=DAYS[step["day"]].replace(hour=0)))


DEEDS = {
    "tape": lambda lake, tapes, step: tape_of(lake, tapes, step).append(
        rows_of(step["ids"], step["day"])
    ),
    "seal": lambda lake, tapes, step: tape_of(lake, tapes, step).seal(),
    "append": append,
    "commit": lambda lake, _, __: Committer(lake).run_once(),
    "drain": drain,
    "compact": lambda lake, _, __: try_table(lambda: lake.compact("trades", now=LATER)),
    "retain": retain,
    "delete": lambda lake, _, step: try_table(
        lambda: lake.delete("trades", symbols=[SYMBOLS[step["symbol"]]])
    ),
    "restore": lambda lake, _, step: lake.restore("trades", step["version"]),
    "vacuum": lambda lake, _, __: try_table(lambda: lake.vacuum("trades", hours=0, alone=True)),
}


def arrow(step):
    """Rows of a step as the table has them."""
    columns = rows_of(step["ids"], step["day"])
    types = pa.schema(schemas.get("trades"))
    arrays = [pa.array(columns.get(f.name, [None] * len(step["ids"])), f.type) for f in types]
    return pa.RecordBatch.from_arrays(arrays, schema=types)


def try_table(work):
    """Maintenance of a table that was not made yet is refused; that is fine."""
    try:
        work()
    except NotFound:
        return


def version_of(lake):
    return lake.snapshot("trades", hot=False).version


def live(place, seed, numbers, model, steps):
    """What a child does: random steps, each told before and after."""

    def work(say):
        chance = random.Random(seed)
        lake = Lake.create(place["url"], **place["options"])
        tapes = {}
        state = model.copy()
        state.drained = False
        counters = dict(numbers)
        for number in range(steps):
            early = number == 0 and chance.random() < 0.5
            step = {"kind": "drain"} if early else choose(chance, state, counters)
            say("begin " + json.dumps(step))
            perform(lake, tapes, step)
            state.apply(step)
            known = version_of(lake) if state.drained else None
            if known is not None and known >= 0:
                state.versions[known] = dict(state.rows)
            say("done " + json.dumps({**step, "known": known}))
        for tape in tapes.values():
            tape.close()

    return work


def look(place):
    """What a child sees in the lake: each id with how often it is there, by two ways of reading."""

    def work(say):
        lake = Lake.create(place["url"], **place["options"])
        if "trades" not in lake.datasets():
            say("[]")
            return
        ids = lake.sql("select trade_id from trades").arrow()["trade_id"].to_pylist()
        scanned = lake.scan("trades").collect()["trade_id"].to_list()
        assert sorted(ids) == sorted(scanned), "sql and scan disagree"
        say(json.dumps(ids))

    return work


def matches(model, found):
    return found == Counter(model.rows)


def follow(model, said):
    """Models that fit what a child said before it ended: with the last step, and without."""
    model = model.copy()
    model.drained = False
    pending = None
    for line in said:
        word, _, text = line.partition(" ")
        assert word in {"begin", "done"}, line
        step = json.loads(text)
        if word == "begin":
            pending = step
            continue
        model.apply(step)
        if step["known"] is not None and step["known"] >= 0:
            model.versions[step["known"]] = dict(model.rows)
        pending = None
    if pending is None:
        return [model]
    after = model.copy()
    after.apply(pending)
    return [after, model]


def next_numbers(numbers, said):
    """Ids and jobs are never used again, whatever became of them."""
    numbers = dict(numbers)
    for line in said:
        step = json.loads(line.partition(" ")[2])
        if "ids" in step:
            numbers["next_id"] = max(numbers["next_id"], step["ids"][-1] + 1)
        numbers["job"] = max(numbers["job"], step.get("job", 0))
    return numbers


def calm(folder, seed, steps):
    """Random steps in this process, looking after each."""
    chance = random.Random(int(seed))
    lake, tapes, model = Lake.create(Path(folder, "calm")), {}, Model()
    numbers, done = {"next_id": 0, "job": 0}, Counter()
    for number in range(int(steps)):
        step = choose(chance, model, numbers)
        perform(lake, tapes, step)
        model.apply(step)
        done[step["kind"]] += 1
        if "trades" not in lake.datasets():
            continue
        if model.drained:
            model.versions[version_of(lake)] = dict(model.rows)
        found = Counter(lake.table("trades", columns=["trade_id"]).arrow()["trade_id"].to_pylist())
        assert found == Counter(model.rows.keys()), f"seed {seed} step {number}: {step}"
        newest = lake.last("trades")["trade_id"].to_pylist()
        assert len(newest) == len({(one % 5 > 0, one % 3) for one in model.rows}), f"{number}"
    print(f"seed {seed}: {steps} steps", dict(done))


def main(folder, seed, cases, options="null", url=None):
    """Kill children until one leaves something wrong."""
    chance = random.Random(int(seed))
    options = json.loads(options)
    killed, done = 0, Counter()
    model, numbers, place = Model(), {"next_id": 0, "job": 0}, None
    started = time.time()
    for case in range(int(cases)):
        if case % 25 == 0:
            name = f"lake-{seed}-{case}"
            remote = {"tapes": Path(folder, name), "storage_options": options}
            place = {"url": f"{url}/{name}", "options": remote} if url else None
            place = place or {"url": str(Path(folder, name)), "options": {}}
            model, numbers = Model(), {"next_id": 0, "job": 0}
        kill_at = int(2 ** chance.uniform(2, 13.5))
        said, _, was_killed = killer.run(
            live(place, chance.random(), numbers, model, steps=8), kill_at
        )
        killed += was_killed
        assert was_killed or not said or not said[-1].startswith("error"), said[-1]
        said = [line for line in said if not line.startswith("error")]
        numbers = next_numbers(numbers, said)
        done.update(json.loads(line[5:])["kind"] for line in said if line.startswith("done"))
        candidates = follow(model, said)
        found = Counter(json.loads(killer.run(look(place))[0][0]))
        fitting = [one for one in candidates if Counter(one.rows.keys()) == found]
        if not fitting:
            expected = Counter(candidates[0].rows.keys())
            print(f"seed {seed} case {case} kill at {kill_at}:", *said, sep="\n")
            print("missing", list((expected - found).elements())[:9])
            print("too many", list((found - expected).elements())[:9])
            sys.exit(1)
        model = fitting[0]
    print(f"seed {seed}: {cases} cases, {killed} killed, {time.time() - started:.0f} s", dict(done))


if __name__ == "__main__":
    calm(*sys.argv[2:]) if sys.argv[1] == "calm" else main(*sys.argv[1:])
