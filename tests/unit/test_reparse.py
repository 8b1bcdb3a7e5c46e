"""What is decoded again from frames is what was recorded."""

import json
import time

import pytest
from click.testing import CliRunner
from venue_server import VenueServer, until

from rustonite_data import Tape, cli
from rustonite_data.errors import Conflict, Invalid, NotFound
from rustonite_data.lake import Lake
from rustonite_data.record import Recorder
from rustonite_data.reparse import reparse
from rustonite_data.replay import replay_frames

DATASETS = ["trades", "quotes", "book_deltas", "instruments"]


@pytest.fixture(scope="module")
def recorded(tmp_path_factory):
    """A lake with a lost update, a lost connection and messages that cannot be read."""
    folder = tmp_path_factory.mktemp("recorded")
    streams = [f"{name}usdt@{kind}" for name in ("btc", "eth") for kind in ("trade", "depth@100ms")]
    with VenueServer() as venue, Recorder(venue.config(), lake=folder / "lake") as recorder:

        def books(count=2):
            until(lambda: recorder.status()[0].books_live == count)

        venue.expect(*streams)
        venue.emit("BTCUSDT", 2)
        venue.emit("ETHUSDT", 2)
        books()
        venue.emit("BTCUSDT", 50)
        venue.say('{"stream":"btcusdt@trade","data":{"e":"trade","s":"BTCUSDT"}}')
        venue.markets["ETHUSDT"].depth()  # never sent
        venue.emit("ETHUSDT", 50)
        until(lambda: recorder.status()[0].resyncs == 1)
        books()
        venue.kill()
        until(lambda: recorder.status()[0].reconnects == 1)
        venue.expect(*streams)
        venue.emit("ETHUSDT", 20)
        venue.emit("BTCUSDT", 20)
        books()
        time.sleep(0.3)
    return Lake(folder / "lake")


def rows(lake, dataset):
    query = f"select * from {dataset} order by all"  # noqa: S608
    return lake.sql(query).pl()


def test_rows_are_those_that_were_recorded(recorded, memory):
    again = Lake.create(memory / "again")
    seen = []
    (found,) = reparse(recorded, again, progress=lambda done, total: seen.append((done, total)))
    assert (found.venue, found.malformed) == ("binance", 1)
    count = len(recorded.sql("select 1 from frames").pl())
    assert seen[-1] == (count, count)
    for dataset in DATASETS:
        was, now = rows(recorded, dataset), rows(again, dataset)
        assert was.columns == now.columns
        assert len(was) > 1
        assert was.equals(now), dataset
    kinds = (
        "select kind, symbol, dataset, seq_from from feed_events where kind in ({}) order by all"
    )
    told = kinds.format("'snapshot', 'resync', 'malformed'")
    assert again.sql(told).rows() == recorded.sql(told).rows()
    assert "frames" not in again.datasets()


def test_from_the_shell(recorded, memory):
    command = ["reparse", "--lake", str(recorded.storage.root), "--into", str(memory / "again")]
    result = CliRunner().invoke(cli.main, [*command, "--venue", "binance", "--json"])
    assert (result.exit_code, result.stderr) == (0, ""), result.output
    told = json.loads(result.stdout)
    assert told["rows"] >= len(rows(recorded, "trades"))
    assert rows(Lake(memory / "again"), "trades").equals(rows(recorded, "trades"))
    replay = ["replay", "--from-frames", "--lake", str(recorded.storage.root), "--speed", "max"]
    result = CliRunner().invoke(cli.main, [*replay, "--into", str(memory / "tapes")])
    assert result.stdout.startswith(f"{told['frames']} rows of frames in "), result.output
    table = CliRunner().invoke(cli.main, [*command[:-1], str(memory / "third")])
    assert table.stdout.split()[:2] == ["venue", "frames"]
    help_text = CliRunner().invoke(cli.main, ["reparse", "--help"]).stdout
    assert "Example:\n    rustonite reparse" in help_text


def test_only_a_part(recorded, memory):
    trades = rows(recorded, "trades").sort("ts_recv")
    middle = trades["ts_recv"][len(trades) // 2]
    again = Lake.create(memory / "again")
    reparse(recorded, again, start=middle)
    want = trades.filter(trades["ts_recv"] >= middle)
    assert rows(again, "trades").sort("ts_recv").equals(want)


def test_frames_that_came_without_facts(recorded, memory):
    """As those of a file that was imported."""
    bare, again = Lake.create(memory / "bare"), Lake.create(memory / "again")
    bare.append("frames", recorded.sql("select * exclude (date) from frames").arrow())
    reparse(bare, again)
    assert rows(again, "trades").equals(rows(recorded, "trades"))


def test_frames_are_decoded_once_under_a_name(recorded, memory):
    again = Lake.create(memory / "again")
    reparse(recorded, again)
    count = len(rows(again, "trades"))
    with pytest.raises(Conflict, match=r"reparse-binance: .*give another name"):
        reparse(recorded, again)
    assert len(rows(again, "trades")) == count


def on_tapes(folder, dataset):
    return Tape.reader(folder / dataset / "replay-binance").read().pl()


def test_frames_come_back_at_the_pace_of_then(recorded, memory):
    quick = replay_frames(recorded, memory / "quick")
    assert quick.rows == {"frames": len(recorded.sql("select 1 from frames").pl())}
    for dataset in DATASETS:
        was = rows(recorded, dataset).drop("date")
        now = on_tapes(memory / "quick", dataset)
        assert now.sort(was.columns).equals(was.select(now.columns).sort(was.columns)), dataset
    span = "select epoch_ns(max(ts_recv)) - epoch_ns(min(ts_recv)) from frames"
    ((took_ns,),) = recorded.sql(span).rows()
    paced = replay_frames(recorded, memory / "paced", venues=["binance"], speed=2)
    assert paced.rows == quick.rows
    assert paced.seconds >= took_ns / 1e9 / 2
    assert on_tapes(memory / "paced", "trades").equals(on_tapes(memory / "quick", "trades"))
    with pytest.raises(Conflict, match="give another name"):
        replay_frames(recorded, memory / "paced")
    with pytest.raises(Invalid, match="speed: found 0"):
        replay_frames(recorded, memory / "slow", speed=0)


def test_a_pace_begins_with_the_first_frame(recorded, memory, monkeypatch):
    """Not with what was subscribed before."""
    waits = []
    monkeypatch.setattr("time.sleep", waits.append)
    ((last,),) = recorded.sql("select epoch_ns(max(ts_recv)) from frames").rows()
    done = replay_frames(recorded, memory / "again", start=last, end=last + 1, speed=0.0001)
    assert (done.rows, waits) == ({"frames": 1}, [])


def test_nothing_to_decode(recorded, memory):
    empty = Lake.create(memory / "empty")
    with pytest.raises(NotFound, match="no frames"):
        reparse(empty, empty)
    with pytest.raises(NotFound, match="no frames of that choice"):
        reparse(recorded, empty, venue="okx")
