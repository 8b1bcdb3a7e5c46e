"""A full file system is an error when the tape wants its next segment, and nothing is lost."""

import contextlib
import subprocess
import time
import warnings

import pytest
from helpers import SMALL, trades, trades_arrow
from venue_server import VenueServer

from rustonite_data import Tape, _native
from rustonite_data.errors import Unavailable
from rustonite_data.lake import Lake
from rustonite_data.record import Recorder

BLOCK = 12 << 20


def mount(kind, folder, image):
    """Mount a file system of 12 MiB, or say why not."""
    commands = {
        "tmpfs": [["mount", "-t", "tmpfs", "-o", f"size={BLOCK}", "tmpfs", folder]],
        "ext4": [
            ["truncate", "-s", str(BLOCK), image],
            ["mkfs.ext4", "-q", "-O", "^has_journal", "-m", "0", image],
            ["mount", "-o", "loop", image, folder],
        ],
    }
    for command in commands[kind]:
        try:
            subprocess.run(command, check=True, capture_output=True, text=True)
        except (OSError, subprocess.CalledProcessError) as error:
            reason = getattr(error, "stderr", None) or str(error)
            pytest.skip(f"FULL DISK NOT TESTED on {kind}: {' '.join(map(str, command))}: {reason}")


@pytest.fixture(params=["tmpfs", "ext4"])
def small(request, tmp_path):
    """A small file system of its own."""
    folder, image = tmp_path / "mount", tmp_path / "image"
    folder.mkdir()
    mount(request.param, folder, image)
    yield folder
    subprocess.run(["umount", "--lazy", folder], check=True)


def fill(tape, count=400):
    """Append until the space is used up; returns the error."""
    for _ in range(100_000):
        try:
            tape.append(trades(count, first=tape.rows))
        except Unavailable as error:
            return error
    pytest.fail("the file system never was full")


def test_a_full_file_system(small):
    filler = small / "filler"
    filler.write_bytes(b"x" * (5 << 20))
    with Tape.create(small / "t", "trades", segments_max=64, seal_after=None, **SMALL) as tape:
        error = fill(tape)
        assert error.retryable
        assert "No space left on device" in str(error)
        assert str(small) in str(error)
        full = tape.rows
        assert Tape.reader(small / "t").read().arrow()["trade_id"].to_pylist() == list(range(full))
        fill(tape)
        assert tape.rows == full
        filler.unlink()
        # A segment that was asked for while there was no space may be reported once more.
        for attempt in range(2):
            try:
                assert tape.append(trades(400, first=full)) == full + 400
                break
            except Unavailable:
                assert attempt == 0
        fill(tape)
        assert tape.rows > full + 400
        rows = tape.rows
    assert Tape.reader(small / "t").read().arrow()["trade_id"].to_pylist() == list(range(rows))
    assert _native.verify_tape(small / "t")["sound"]


def test_create_without_space(small):
    (small / "filler").write_bytes(b"x" * (BLOCK - (2 << 20)))
    with pytest.raises(Unavailable, match="No space left on device"):
        Tape.create(small / "t", "trades", segment_bytes=8 << 20)
    (small / "filler").unlink()
    with Tape.create(small / "t", "trades", **SMALL) as tape:
        assert tape.append(trades(1)) == 1


def test_a_consumer_without_space(small):
    with Tape.create(small / "t", "trades", **SMALL) as tape:
        _native.advance_consumer(small / "t", "lake", 0)
        with warnings.catch_warnings(), (small / "filler").open("wb", buffering=0) as filler:
            try:
                while filler.write(b"x" * 4096):
                    pass
            except OSError:
                pass
        with pytest.raises(Unavailable, match="No space left on device"):
            _native.advance_consumer(small / "t", "lake", 1)
        assert dict(_native.consumers(small / "t")) == {"lake": 0}
        assert tape.append(trades(1)) == 1


def test_a_lake_without_space_for_a_compaction(small, tmp_path):
    lake = Lake.create(small / "lake", tapes=tmp_path / "tapes")
    for part in range(12):
        lake.append("trades", trades_arrow(9000, first=9000 * part))
    with (small / "filler").open("wb", buffering=0) as filler, contextlib.suppress(OSError):
        while filler.write(b"x" * 4096):
            pass
    before = {file.path for file in lake.storage.files("trades")}
    with pytest.raises(Unavailable, match="No space left on device"):
        lake.compact("trades", now="2050-01-01")
    with pytest.raises(Unavailable, match="No space left on device"):
        lake.append("trades", trades_arrow(9000, first=10**6))
    assert {file.path for file in lake.storage.files("trades")} <= before
    assert len(lake.table("trades")) == 12 * 9000
    (small / "filler").unlink()
    assert lake.compact("trades", now="2050-01-01").rows == 12 * 9000
    assert lake.verify("trades") == []


def until(true):
    end = time.monotonic() + 60
    while not true():
        assert time.monotonic() < end
        time.sleep(0.02)


def test_a_recorder_without_space_says_what_it_dropped(small, memory):
    head = f"[tape]\nsegment_bytes = {1 << 20}"
    with VenueServer("BTCUSDT") as venue:
        config = venue.config(head=head, feed='datasets = ["trades"]')
        recorder = Recorder(config, lake=memory / "lake", tapes=small / "tapes")
        with recorder:
            venue.expect("btcusdt@trade")
            venue.emit("BTCUSDT", 10, ("trade",))
            until(lambda: recorder.status()[0].rows >= 10)
            with (small / "filler").open("wb", buffering=0) as filler, contextlib.suppress(OSError):
                while filler.write(b"x" * 4096):
                    pass
            for _ in range(60):
                venue.emit("BTCUSDT", 1000, ("trade",))
                if recorder.status()[0].dropped:
                    break
            until(lambda: recorder.status()[0].dropped)
            assert "No space left" in recorder.status()[0].problems["tapes"]
            (small / "filler").unlink()
            until(lambda: "tapes" not in recorder.status()[0].problems)
            first = venue.markets["BTCUSDT"].trade_id + 1
            venue.emit("BTCUSDT", 100, ("trade",))
            lake = recorder.lake
            until(lambda: lake.sql("select max(trade_id) from trades").pl().item() == first + 99)
    (dropped,) = [recorder.status()[0].dropped]
    told = lake.sql("select count, ts_from, ts_to, detail from feed_events where kind = 'dropped'")
    told = told.pl().rows()
    assert sum(count for count, *_ in told) == dropped
    assert all(start < end and "No space left" in why for _, start, end, why in told)
    assert len(told) < 10
    found = set(lake.sql("select trade_id from trades").pl()["trade_id"])
    kept = set(lake.sql("select data from frames where kind = 'text'").pl()["data"])
    missing = set(venue.ids("BTCUSDT")) - found
    texts = {text.encode() for _, text in venue.sent["btcusdt@trade"]}
    assert len(missing) + len(texts - kept) == dropped
    assert set(range(first, first + 100)) <= found
