"""A recorder whose lake is in an object store."""

import time

import pytest
from s3 import S3
from venue_server import PATIENCE, VenueServer, until

from rustonite_data.errors import Invalid, Unavailable
from rustonite_data.lake import Lake
from rustonite_data.metrics import health
from rustonite_data.record import Recorder


def test_a_lake_that_is_away_at_the_start_gets_its_rows_later(memory):
    with S3() as store, VenueServer("BTCUSDT") as venue:
        store.down()
        where = {"lake": store.url("late"), "storage_options": store.impatient}
        with Recorder(venue.config(), tapes=memory / "tapes", **where) as recorder:
            assert recorder.lake is None
            venue.expect("btcusdt@trade")
            venue.emit("BTCUSDT", 20)
            fine, text = health(recorder)
            assert not fine
            assert "lake: s3://" in text
            store.up()
            until(lambda: recorder.lake is not None)
            assert recorder.lake_problem is None
        found = recorder.lake.sql("select trade_id from trades order by 1", hot=False).rows()
        assert [number for (number,) in found] == venue.ids("BTCUSDT")


def test_a_lake_that_stays_away_leaves_the_rows_on_tapes(memory):
    with S3() as store, VenueServer("BTCUSDT") as venue:
        store.down()
        where = {"lake": store.url("never"), "storage_options": store.impatient}
        recorder = Recorder(venue.config(), tapes=memory / "tapes", **where)
        venue.expect("btcusdt@trade")
        venue.emit("BTCUSDT", 20)
        with pytest.raises(Unavailable, match="the rows are on the tapes"):
            recorder.close()
        store.up()
        lake = Lake.create(
            store.url("never"), tapes=memory / "tapes", storage_options=store.options
        )
        found = lake.sql("select trade_id from trades order by 1").rows()
        assert [number for (number,) in found] == venue.ids("BTCUSDT")


def test_recording_into_an_object_store(memory):
    with S3() as store, VenueServer("BTCUSDT") as venue:
        where = {"lake": store.url("recorded"), "storage_options": store.options}
        with pytest.raises(Invalid, match="no folder for tapes"):
            Recorder(venue.config(), **where)
        with Recorder(venue.config(), tapes=memory / "tapes", **where) as recorder:
            venue.expect("btcusdt@trade")
            venue.emit("BTCUSDT", 20)
            end = time.monotonic() + PATIENCE
            while recorder.status()[0].rows < 20:
                assert time.monotonic() < end
                time.sleep(0.01)
        lake = recorder.lake
        found = lake.sql("select trade_id from trades order by 1", hot=False).rows()
        assert [number for (number,) in found] == venue.ids("BTCUSDT")
