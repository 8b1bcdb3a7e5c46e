"""Reading: positions, waiting, gaps, consumers, several tapes as one."""

import pytest
from helpers import SMALL, trades

from rustonite_data import Gap, MergedReader, Tape
from rustonite_data import tape as tape_module
from rustonite_data.errors import Invalid, NotFound, Unavailable


@pytest.fixture
def tape(folder):
    with Tape.create(folder / "t", "trades", segments_max=4, **SMALL) as tape:
        yield tape


def ids(news):
    return [row["trade_id"] for batch in news for row in batch.to_pylist(["trade_id"])]


def fill(tape, segments, first=0):
    """Append numbered rows, ten to a segment."""
    for number in range(segments):
        tape.append(trades(10, first=first + 10 * number))
        tape.seal()


def test_starts(tape):
    fill(tape, 2)
    tape.append(trades(5, first=20))
    assert ids(Tape.reader(tape.path)) == list(range(25))
    assert ids(Tape.reader(tape.path, start=13)) == list(range(13, 25))
    now = Tape.reader(tape.path, start="now")
    assert now.poll() is None
    assert now.row == 25
    ahead = Tape.reader(tape.path, start=27)
    tape.append(trades(5, first=25))
    assert ids(now) == list(range(25, 30))
    assert ids(ahead) == [27, 28, 29]


@pytest.mark.parametrize("start", ["last", -1, 1.5, None])
def test_a_wrong_start(tape, start):
    with pytest.raises(Invalid, match=r"start: found .*, expected \"first\", \"now\" or a row"):
        Tape.reader(tape.path, start=start)


def test_poll_bounds_the_batch(tape):
    tape.append(trades(10))
    reader = Tape.reader(tape.path)
    assert [len(reader.poll(4)), len(reader.poll(4)), len(reader.poll(4))] == [4, 4, 2]
    assert reader.poll(4) is None
    with pytest.raises(Invalid, match="max_rows: found 0, expected at least 1"):
        reader.poll(0)
    assert repr(reader) == f"Reader({str(tape.path)!r}, trades, next row 10)"


def test_slices(tape):
    tape.append(trades(10))
    batch = Tape.reader(tape.path).poll()
    part = batch.slice(3, 4)
    assert (part.first_row, len(part), ids([part])) == (3, 4, [3, 4, 5, 6])
    with pytest.raises(Invalid, match=r"found rows 8 \+ 3, expected at most 10"):
        batch.slice(8, 3)


def test_waiting(tape):
    reader = Tape.reader(tape.path)
    for how in ("spin", "yield", "sleep"):
        assert reader.wait(0.01, how) is False
        assert reader.wait(0, how) is False
    tape.append(trades(1))
    assert reader.wait(0) is True
    assert reader.wait(None) is True
    with pytest.raises(Invalid, match='how: found "nap", expected spin, yield or sleep'):
        reader.wait(0, "nap")
    for timeout in (-1, float("nan")):
        with pytest.raises(Invalid, match=r"timeout: found .*, expected seconds from 0"):
            reader.wait(timeout)


def test_follow_ends_when_nothing_comes(tape):
    fill(tape, 2)
    assert ids(Tape.reader(tape.path).follow(timeout=0.01)) == list(range(20))


def test_who_writes(tape):
    reader = Tape.reader(tape.path)
    assert reader.has_writer
    tape.close()
    assert not reader.has_writer


def test_a_reader_that_falls_behind_gets_a_gap(tape):
    tape.append(trades(10))
    reader = Tape.reader(tape.path)
    assert ids([reader.poll(5)]) == [0, 1, 2, 3, 4]
    tape.seal()
    fill(tape, 6, first=10)
    tape.append(trades(1, first=70))
    news = list(reader)
    gaps = [part for part in news if isinstance(part, Gap)]
    assert len(gaps) == 1
    # The segment that was mapped when it went is still read to its end.
    assert ids(news[:1]) == [5, 6, 7, 8, 9]
    assert news[1] == gaps[0]
    assert gaps[0].from_row == 10
    assert ids(news[2:]) == list(range(gaps[0].to_row, 71))
    assert len(gaps[0]) == gaps[0].to_row - 10


def test_a_start_that_was_removed_is_a_gap(tape):
    fill(tape, 6)
    rows = Tape.reader(tape.path, start=3).read()
    (gap,) = rows.gaps
    assert gap.from_row == 3
    assert gap.to_row == rows.batches[0].first_row
    assert str(gap) == f"Gap(rows 3 to {gap.to_row} were removed)"


def test_consumers_keep_segments_up_to_the_bound(tape):
    assert tape_module.consumers(tape.path) == {}
    tape_module.advance_consumer(tape.path, "lake", 0)
    with pytest.raises(Unavailable, match=r"consumer \"lake\" has only read to row 0"):
        fill(tape, 10)
    stuck = tape.rows
    tape_module.advance_consumer(tape.path, "lake", stuck)
    assert tape_module.consumers(tape.path) == {"lake": stuck}
    tape.seal()
    fill(tape, 1, first=stuck)
    rows = Tape.reader(tape.path).read()
    assert rows.batches[0].first_row >= stuck - 10
    assert rows.gaps == []
    tape_module.forget_consumer(tape.path, "lake")
    fill(tape, 10)
    assert tape_module.consumers(tape.path) == {}


def test_consumers_are_checked(tape):
    with pytest.raises(Invalid, match=r'setting consumer: found "../x"'):
        tape_module.advance_consumer(tape.path, "../x", 0)
    with pytest.raises(NotFound, match="forgetting the consumer"):
        tape_module.forget_consumer(tape.path, "nobody")
    with pytest.raises(NotFound, match="no tape here"):
        tape_module.advance_consumer(tape.path / "no", "lake", 0)


def test_merged_by_time(folder):
    paths = [folder / "a", folder / "b"]
    tapes = [Tape.create(path, "trades", **SMALL) for path in paths]
    tapes[0].append({**trades(4), "ts_recv": [1, 4, 5, 9]})
    tapes[1].append({**trades(3), "ts_recv": [2, 4, 7]})
    reader = MergedReader(paths)
    assert reader.wait(0)
    merged = [
        (row["ts_recv"], number) for number, part in reader for row in part.to_pylist(["ts_recv"])
    ]
    assert merged == [(1, 0), (2, 1), (4, 0), (4, 1), (5, 0), (7, 1), (9, 0)]
    assert reader.poll() is None
    assert reader.wait(0.01) is False
    with pytest.raises(Invalid, match='column "price"'):
        MergedReader(paths, column="price")
    with pytest.raises(Invalid, match="paths: found none, expected at least one tape"):
        MergedReader([])
    with pytest.raises(Invalid, match="hold: found -1"):
        MergedReader(paths, hold=-1)


def test_merged_rows_wait_for_silent_tapes(folder):
    paths = [folder / "a", folder / "b"]
    tapes = [Tape.create(path, "trades", **SMALL) for path in paths]
    in_2100 = 4_102_444_800 * 10**9
    tapes[0].append({**trades(1), "ts_recv": [in_2100]})
    reader = MergedReader(paths, hold=1.0)
    assert reader.poll() is None
    tapes[1].append({**trades(1), "ts_recv": [in_2100 - 1]})
    assert reader.poll()[0] == 1
