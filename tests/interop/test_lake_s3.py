"""The log of a table in an object store: what others commit, and what it costs to look."""

import pytest
from helpers import drain, ids, trades, trades_arrow
from s3 import S3

from rustonite_data.lake import Lake
from rustonite_data.lake.table import Table


@pytest.fixture(scope="module")
def store():
    with S3() as store:
        yield store


@pytest.fixture
def lake(store, tmp_path):
    where = store.url(tmp_path.name)
    return Lake.create(where, tapes=tmp_path / "tapes", storage_options=store.impatient)


def test_a_handle_follows_what_others_commit(lake, store):
    lake.append("trades", trades_arrow(5), transaction=("job", 7))
    table = Table(lake.storage, "trades")
    assert (table.transaction("job"), table.transaction("other")) == (7, None)
    for number in range(25):
        lake.append("trades", trades_arrow(5, first=5 * number), transaction=("other", number))
    assert table.transaction("other") is None
    assert table.refresh() == 26
    assert (table.transaction("job"), table.transaction("other")) == (7, 24)
    assert table.files() == Table(lake.storage, "trades").files()

    with store.recorded() as requests:
        assert table.refresh() == 26
    assert len(requests) == 2, "the names of two entries, and nothing is read"


def test_commits_leave_checkpoints_and_what_a_committer_needs(lake):
    with lake.tape("trades", "one", segment_rows=64) as tape:
        for part in range(45):
            tape.append(trades(64, first=64 * part))
            drain(lake, tape)
    names = [file.path.rpartition("/")[2] for file in lake.storage.files("trades/_delta_log")]
    assert "00000000000000000040.checkpoint.parquet" in names
    assert ids(lake.table("trades", hot=False)) == list(range(45 * 64))
