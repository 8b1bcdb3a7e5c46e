"""kill -9 at random moments: no committed row is lost, doubled or half there."""

import random
import subprocess
import sys
import time
from pathlib import Path

import pyarrow as pa
from helpers import python, schema_of
from numbered_writer import event

from rustonite_data import Tape, _native
from rustonite_data.errors import Unavailable
from rustonite_data.tape import advance_consumer

WRITER = Path(__file__).with_name("numbered_writer.py")
ROUNDS = 110
SCHEMA = schema_of(
    seq=pa.int64(),
    event=pa.int64(),
    event_rows=pa.int32(),
    text=pa.string(),
    symbol=pa.dictionary(pa.int16(), pa.string()),
)


def killed_at_random(path, chance, number):
    """Run a writer, kill it; returns the last number of rows it acknowledged."""
    form = "arrow" if number % 10 == 0 else "dict"
    command = [sys.executable, "-u", WRITER, path, str(number), form]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        # Half the time anywhere in the life of the process, recovery included.
        first = b"" if number % 2 else process.stdout.readline()
        time.sleep(chance.uniform(0, 0.03 if first else 0.2))
        process.kill()
        said = first + process.stdout.read()
    assert process.returncode == -9
    whole = said[: said.rfind(b"\n") + 1].split()
    return int(whole[-1]) if whole else 0


def check(path, start):
    """Rows from `start` on are exactly the numbered ones, in whole events; returns the next."""
    rows = Tape.reader(path, start=start).read()
    assert rows.gaps == []
    table = rows.arrow()
    table.validate(full=True)
    count = table.num_rows
    if count == 0:
        return start
    assert table["seq"].to_pylist() == list(range(start, start + count))
    wanted = event(start, count)
    assert table["text"].to_pylist() == wanted["text"]
    assert table["symbol"].to_pylist() == wanted["symbol"]
    begun, size = table["event"].to_pylist(), table["event_rows"].to_pylist()
    at = 0
    while at < count:
        assert begun[at : at + size[at]] == [start + at] * size[at]
        at += size[at]
    assert at == count
    return start + count


def test_kill(folder):
    path, chance = folder / "t", random.Random(7)
    limits = {"segment_rows": 1024, "segments_max": 500}
    Tape.create(path, SCHEMA, fsync_interval=0.05, **limits).close()
    advance_consumer(path, "test", 0)
    done, rounds_with_rows = 0, 0
    for number in range(ROUNDS):
        acknowledged = killed_at_random(path, chance, number)
        seen = check(path, done)
        assert seen >= acknowledged
        rounds_with_rows += seen > done
        with Tape.open(path) as tape:
            assert tape.rows == seen
            assert check(path, done) == seen
            assert tape.append(event(seen, 3)) == seen + 3
        done = check(path, seen)
        advance_consumer(path, "test", done)
        if number % 20 == 0:
            report = _native.verify_tape(path)
            assert report["sound"], report
    kept = _native.verify_tape(path)
    assert kept["sound"], kept
    assert check(path, kept["first_row"]) == done
    # The test shows nothing if the writers hardly ever wrote.
    assert rounds_with_rows > ROUNDS / 2
    assert done > 10_000


READER = """
    import sys
    from rustonite_data import Gap, Tape
    from rustonite_data.tape import advance_consumer

    path, name, total = sys.argv[1], sys.argv[2], int(sys.argv[3])
    reader, segments = Tape.reader(path), set()
    print("ready", flush=True)
    while reader.row < total:
        before = reader.row
        assert reader.wait(60), "nothing came"
        for batch in reader:
            assert not isinstance(batch, Gap), batch
            numbers = [row["seq"] for row in batch.to_pylist(["seq"])]
            assert numbers == list(range(before, before + len(batch))), (before, numbers)
            before += len(batch)
            segments.add(batch.segment)
        advance_consumer(path, name, before)
    print(reader.row, len(segments))
"""


def test_two_readers_while_a_thousand_segments_rotate(folder):
    path, segments, per_segment = folder / "t", 1000, 64
    total = segments * per_segment
    with Tape.create(path, SCHEMA, segment_rows=per_segment, segments_max=16) as tape:
        assert tape.segment_rows == per_segment
        readers = []
        for name in ("a", "b"):
            advance_consumer(path, name, 0)
            readers.append(python(READER, path, name, total))
            assert readers[-1].stdout.readline() == "ready\n"
        while tape.rows < total:
            try:
                tape.append(event(tape.rows, 32))
            except Unavailable:
                assert [reader.poll() for reader in readers] == [None, None]
                time.sleep(0.001)
        for reader in readers:
            out, err = reader.communicate(timeout=120)
            assert out.split() == [str(total), str(segments)], err
    assert len(list(path.glob("*.seg"))) <= 16
