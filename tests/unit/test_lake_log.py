"""The log of a table: what it says, handles that read it, commits whose end nobody hears of."""

import threading
from datetime import UTC, datetime

import pyarrow as pa
import pytest
from deltalake import DeltaTable, QueryBuilder, write_deltalake
from deltalake.transaction import AddAction
from helpers import NOON, SMALL, drain, ids, newest, slow_newest, trades, trades_arrow, trades_at

from rustonite_data import _native
from rustonite_data.errors import Unavailable
from rustonite_data.lake import Committer, Lake, last
from rustonite_data.lake.table import Change, Table


def test_the_log_has_nanoseconds_and_everything_deltalake_needs(lake):
    lake.append("trades", trades_at(NOON + 123_456_789, 3))
    table = DeltaTable(f"{lake.storage.root}/trades")
    adds = pa.table(table.get_add_actions(flatten=True))
    assert adds["min.ts_event"].cast(pa.int64()).to_pylist() == [NOON + 123_456_789]
    assert adds["partition.date"].to_pylist() == [datetime(2026, 3, 1, tzinfo=UTC).date()]
    kinds = {field.name: field.type for field in table.schema().fields}
    assert str(kinds["ts_event"]) == 'PrimitiveType("timestamp_nanos_ntz")'
    read = QueryBuilder().register("trades", table).execute("select trade_id, date from trades")
    assert pa.table(read).num_rows == 3


def test_statistics_cover_all_columns(lake):
    names = [f"c{number:02}" for number in range(40)]
    lake.create_dataset("wide", pa.schema([(name, pa.int64()) for name in names]), partition_by=[])
    lake.append("wide", pa.table({name: [number] for number, name in enumerate(names)}))
    (file,) = lake.snapshot("wide").files
    assert file.maximum == {name: number for number, name in enumerate(names)}
    assert file.nulls == dict.fromkeys(names, 0)


# A handle that reads the log itself


def test_commits_of_others_are_seen_at_once_however_old(lake, monkeypatch):
    """A look at the next name in the log is enough, until that entry may have been removed."""
    lake.append("trades", trades_arrow(10))
    ours, theirs = Table(lake.storage, "trades"), Table(lake.storage, "trades")
    seen = ours.version
    assert (ours.refresh(), ours.transaction("job")) == (seen, None)
    Lake(lake.storage.root).append("trades", trades_arrow(5), transaction=("job", 7))
    assert (ours.refresh(), ours.transaction("job")) == (seen + 1, 7)
    assert sum(file.rows for file in ours.files()) == 15

    for number in range(3):
        Lake(lake.storage.root).append("trades", trades_arrow(5, first=number))
    theirs.refresh()
    theirs.delta.create_checkpoint()
    log = lake.storage.folder / "trades" / "_delta_log"
    for version in range(theirs.version):
        (log / f"{version:020}.json").unlink()
    # Our own entry is gone, too.
    assert ours.refresh() == theirs.version
    Lake(lake.storage.root).append("trades", trades_arrow(5))
    (log / f"{theirs.version + 1:020}.json").rename(log / "moved")
    assert ours.refresh() == theirs.version
    (log / "moved").rename(log / f"{theirs.version + 1:020}.json")
    monkeypatch.setattr("rustonite_data.lake.table._LOOK_EVERY_S", -1.0)
    assert ours.refresh() == theirs.version + 1


def test_a_commit_is_only_made_on_what_was_seen(lake):
    lake.append("trades", trades_at(NOON, 5))
    one, two = Table(lake.storage, "trades"), Table(lake.storage, "trades")
    files = one.files()
    assert one.commit(Change(remove=files)) == 2
    two.refresh()
    assert two.commit(Change(remove=files)) is None
    assert two.version == 2


def test_a_handle_stays_at_the_version_that_it_has_seen(lake):
    lake.append("trades", trades_at(NOON, 5))
    one, two = Table(lake.storage, "trades"), Table(lake.storage, "trades")
    lake.append("trades", trades_at(NOON, 5, first=5))
    assert one.refresh() == 2
    lake.append("trades", trades_at(NOON, 5, first=10))
    assert (one.version, sum(file.rows for file in one.files())) == (2, 10)
    assert (two.version, sum(file.rows for file in two.files())) == (1, 5)
    assert one.refresh() == two.refresh() == 3
    assert one.files() == two.files() == Table(lake.storage, "trades").files()


def test_a_handle_follows_what_others_commit(lake):
    lake.append("trades", trades_at(NOON, 5), transaction=("job", 7))
    table = Table(lake.storage, "trades")
    assert (table.transaction("job"), table.transaction("other")) == (7, None)
    lake.append("trades", trades_at(NOON, 5, first=5), transaction=("job", 8))
    lake.append("trades", trades_at(NOON, 5, first=10), transaction=("other", 1))
    assert (table.transaction("job"), table.transaction("other")) == (7, None)
    table.refresh()
    assert (table.transaction("job"), table.transaction("other")) == (8, 1)
    lake.add_columns("trades", pa.schema([("note", pa.utf8())]))
    table.refresh()
    assert "note" in table.dataset.columns


def test_a_handle_that_was_left_behind_by_a_cleaned_log(lake):
    lake.append("trades", trades_at(NOON, 5))
    table = Table(lake.storage, "trades")
    lake.append("trades", trades_at(NOON, 5, first=5), transaction=("job", 1))
    lake.append("trades", trades_at(NOON, 5, first=10))
    other = Table(lake.storage, "trades")
    other.delta.create_checkpoint()
    for version in range(3):
        lake.storage.delete(f"trades/_delta_log/{version:020}.json")
    assert table.refresh() == 3
    assert table.transaction("job") == 1
    assert sum(file.rows for file in table.files()) == 15


def test_commits_leave_checkpoints(lake):
    for number in range(41):
        lake.append("trades", trades_at(NOON, 1, first=number))
    names = [file.path.rpartition("/")[2] for file in lake.storage.files("trades/_delta_log")]
    assert [n for n in names if "checkpoint" in n] == [
        "00000000000000000020.checkpoint.parquet",
        "00000000000000000040.checkpoint.parquet",
        "_last_checkpoint",
    ]
    assert not [name for name in names if name.endswith((".part", ".tmp"))]
    assert sum(file.rows for file in Table(lake.storage, "trades").files()) == 41


def test_threads_of_one_process_commit_at_the_same_time(lake):
    lake.append("trades", trades_at(NOON, 1))

    def work(first):
        own = Lake(lake.storage.root)
        for number in range(10):
            own.append("trades", trades_at(NOON, 1, first=first + number))

    threads = [threading.Thread(target=work, args=(first,)) for first in (10, 30, 50, 70)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    wanted = [0, *(first + number for first in (10, 30, 50, 70) for number in range(10))]
    assert ids(lake.table("trades")) == wanted
    assert lake.verify("trades") == []


@pytest.mark.parametrize("venue", ["a b/c%2F", "é+#?:~!$&'()*,;@", '[]^`{|}"<>', "=..\\"])
def test_the_log_spells_paths_as_deltalake_does(lake, venue):
    """What `deltalake` has added, in folders and files of any name, is ours to remove."""
    schema = pa.schema([("venue", pa.string()), ("x", pa.int64())])
    lake.create_dataset("own", schema)
    rows = pa.table({"venue": [venue], "x": [1]})
    lake.append("own", rows)
    write_deltalake(f"{lake.storage.root}/own", rows, mode="append")
    odd = AddAction(
        f"{venue}.parquet", 9, {"venue": venue}, 0, data_change=True, stats='{"numRecords": 1}'
    )
    table = Table(lake.storage, "own")
    table.delta.create_write_transaction([odd], "append", table.delta.schema(), ["venue"])
    table.refresh()
    for left in (2, 1, 0):
        file = table.files()[0]
        assert file.partition["venue"] == venue
        assert (lake.storage.folder / "own" / file.path).is_file() or file.size == odd.size
        table.commit(Change(remove=[file]))
        assert len(DeltaTable(table.root).file_uris()) == left
        assert len(Table(lake.storage, "own").files()) == left


# A commit whose end nobody hears of


def after_the_attempt(monkeypatch, happen):
    """Let something happen right after a commit has been made."""
    attempt = Table._attempt

    def made(table, change, mark):
        monkeypatch.setattr(Table, "_attempt", attempt)
        attempt(table, change, mark)
        happen(table)

    monkeypatch.setattr(Table, "_attempt", made)


def test_ctrl_c_in_a_commit_leaves_the_files_that_it_names(lake, monkeypatch):
    lake.append("trades", trades_at(NOON, 5))

    def interrupt(_):
        raise KeyboardInterrupt

    after_the_attempt(monkeypatch, interrupt)
    with pytest.raises(KeyboardInterrupt):
        lake.append("trades", trades_at(NOON, 5, first=5))
    assert ids(lake.table("trades")) == list(range(10))
    assert lake.verify("trades") == []


def test_storage_that_goes_away_behind_a_commit_takes_nothing_back(lake, monkeypatch):
    lake.append("trades", trades_at(NOON, 5))
    refresh = Table.refresh

    def away(_):
        raise Unavailable("the storage is away")

    after_the_attempt(monkeypatch, lambda _: monkeypatch.setattr(Table, "refresh", away))
    assert lake.append("trades", trades_at(NOON, 5, first=5)) == 5
    monkeypatch.setattr(Table, "refresh", refresh)
    assert ids(lake.table("trades")) == list(range(10))
    assert lake.verify("trades") == []


def test_a_commit_that_lands_late_finds_its_files(lake, monkeypatch):
    """The request was given up, and the store carries it out all the same, later."""
    lake.append("trades", trades_at(NOON, 5))
    attempt, late = Table._attempt, []

    def given_up(table, change, mark):
        late.append((table, change, mark))
        raise OSError("timed out")

    monkeypatch.setattr(Table, "_attempt", given_up)
    with pytest.raises(Unavailable, match="timed out"):
        lake.append("trades", trades_at(NOON, 5, first=5), transaction=("job", 1))
    monkeypatch.setattr(Table, "_attempt", attempt)
    attempt(*late[0])
    assert lake.append("trades", trades_at(NOON, 5, first=5), transaction=("job", 1)) == 0
    assert ids(lake.table("trades")) == list(range(10))
    assert lake.verify("trades") == []


def test_the_newest_rows_when_others_commit_between(lake, monkeypatch):
    """What a committer still holds is only of use if its commit is the newest."""
    lake.append("trades", trades_at(NOON, 7))
    with lake.tape("trades", "one", **SMALL) as tape:
        tape.append(trades_at(NOON + 10**12, 7, first=7))
        other = Lake(lake.storage.root)

        def meanwhile(table):
            again = Table(table.storage, "trades")
            last.remember(again)
            other.append("trades", trades_at(NOON + 2 * 10**12, 7, first=14))
            last.remember(again)

        after_the_attempt(monkeypatch, meanwhile)
        drain(lake, tape)
    assert newest(lake.last("trades")) == slow_newest(lake)


def test_lost_rows_are_counted_once(lake, monkeypatch):
    with lake.tape("trades", "one", **SMALL, segment_rows=64, segments_max=4) as tape:
        _native.forget_consumer(tape.path, "lake")
        for part in range(12):
            tape.append(trades(64, first=64 * part))
        tape.seal()
        tape.sync()
        committer = Committer(lake)

        def fail(*_):
            raise Unavailable("the storage is away")

        with monkeypatch.context() as broken:
            broken.setattr(Table, "_attempt", fail)
            for _ in range(2):
                with pytest.raises(Unavailable):
                    committer.run_once()
        committer.run_once()
    status = committer.status()[0]
    assert status.rows_lost > 0
    assert status.rows_lost + status.rows_committed == 12 * 64
