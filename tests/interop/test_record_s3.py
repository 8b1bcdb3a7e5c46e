"""A recorder whose lake is in an object store."""

import time

import pytest
from s3 import S3
from venue_server import PATIENCE, VenueServer

from rustonite_data.errors import Invalid
from rustonite_data.record import Recorder


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
