"""A lake: tables, tapes and both as one; time travel; datasets of one's own; maintenance."""

import json
import threading
from datetime import UTC, datetime, timedelta

import polars as pl
import pyarrow as pa
import pytest
from deltalake import DeltaTable, QueryBuilder, write_deltalake
from deltalake.transaction import AddAction
from helpers import SMALL, trades, trades_arrow

from rustonite_data import _native, schemas
from rustonite_data.errors import Conflict, Corrupt, Invalid, NotFound, Unavailable
from rustonite_data.lake import Committer, Lake, last
from rustonite_data.lake.table import Change, Table

NOON = int(datetime(2026, 3, 1, 12, tzinfo=UTC).timestamp()) * 10**9
LATER = "2027-01-01"


def ids(rows):
    return sorted(pa.table(rows)["trade_id"].to_pylist())


def at(base, count, first=0, **changes):
    """Trades from a moment on, a second apart."""
    columns = trades(count, first)
    columns["ts_event"] = [base + row * 10**9 for row in range(count)]
    columns["ts_recv"] = [time + 5 for time in columns["ts_event"]]
    columns |= changes
    types = pa.schema(schemas.get("trades"))
    arrays = [pa.array(columns.get(field.name, [None] * count), field.type) for field in types]
    return pa.RecordBatch.from_arrays(arrays, schema=types)


@pytest.fixture
def lake(tmp_path):
    return Lake.create(tmp_path / "lake")


def drain(lake, *tapes):
    for tape in tapes:
        tape.seal()
        tape.sync()
    return Committer(lake).run_once()


def test_rows_are_there_before_and_after_the_commit_and_only_once(lake):
    with lake.tape("trades", "one", **SMALL) as tape:
        tape.append(trades(10))
        assert ids(lake.sql("select * from trades")) == list(range(10))
        assert len(lake.sql("select * from trades", hot=False)) == 0
        assert drain(lake, tape) == 10
        tape.append(trades(5, first=10))
        assert ids(lake.table("trades")) == list(range(15))
        assert ids(lake.table("trades", hot=False)) == list(range(10))
        assert drain(lake, tape) == 5
        assert drain(lake, tape) == 0
    assert ids(lake.scan("trades").collect()) == list(range(15))
    assert len(lake.snapshot("trades").hot) == 0


def test_a_second_lake_handle_sees_the_same(lake):
    other = Lake(lake.storage.root)
    assert other.id == lake.id
    with lake.tape("trades", "one", **SMALL) as tape:
        tape.append(trades(3))
        assert len(other.sql("select * from trades")) == 3
        drain(lake, tape)
        tape.append(trades(3, first=3))
        assert len(other.sql("select * from trades")) == 6
    assert other.datasets() == ["trades"]


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


@pytest.mark.parametrize("ask", [
    lambda lake: lake.bars("1d", columns=["count"]).arrow().column("count").to_pylist(),
    lambda lake: [len(lake.asof_quotes(columns=["ts_quote"]))],
])  # fmt: skip
def test_kernels_see_rows_once_before_and_after_the_commit(lake, ask):
    """Rows count the same on a tape and in files."""
    with lake.tape("trades", "one", **SMALL) as tape:
        tape.append(trades(100))
        before = ask(lake)
        tape.seal()
        Committer(lake).run_once()
        assert ask(lake) == before
        tape.append(trades(7, first=100))
        after = ask(lake)
    assert (sum(before), sum(after)) == (100, 107)


def test_several_tapes_of_a_dataset(lake):
    with lake.tape("trades", "a", **SMALL) as one, lake.tape("trades", "b", **SMALL) as two:
        one.append(trades(4))
        two.append(trades(4, first=100))
        drain(lake, one)
        one.append(trades(4, first=4))
        assert ids(lake.table("trades")) == [*range(8), *range(100, 104)]
        assert drain(lake, one, two) == 8
        assert ids(lake.table("trades", hot=False)) == [*range(8), *range(100, 104)]


def test_the_tape_drops_what_the_lake_has(lake):
    with lake.tape("trades", "one", **SMALL, segment_rows=64, segments_max=4) as tape:
        committer = Committer(lake)
        for part in range(12):
            tape.append(trades(64, first=64 * part))
            tape.sync()
            committer.run_once()
        assert tape.reader(tape.path).read().batches[0].first_row > 0
        assert ids(lake.table("trades")) == list(range(12 * 64))
    assert committer.status()[0].rows_lost == 0


def test_a_tape_waits_for_the_lake_rather_than_to_lose_rows(lake):
    with lake.tape("trades", "one", **SMALL, segment_rows=64, segments_max=4) as tape:
        with pytest.raises(Unavailable, match="lake"):
            tape.append(trades(12 * 64))
        rows = tape.rows
        tape.sync()
        Committer(lake).run_once()
        tape.append(trades(64, first=rows))
    assert ids(lake.table("trades")) == list(range(rows + 64))


def test_a_tape_whose_writer_is_gone_is_drained(lake):
    with lake.tape("trades", "one", **SMALL) as tape:
        tape.append(trades(7))
    assert Committer(lake).run_once() == 0
    assert Committer(lake).run_once(seal=True) == 7
    assert Committer(lake, adopt_after=0.0).run_once() == 0
    assert ids(lake.table("trades", hot=False)) == list(range(7))


def test_two_committers_of_one_tape_one_fails_and_leaves_nothing(lake, monkeypatch):
    with lake.tape("trades", "one", **SMALL) as tape:
        tape.append(trades(9))
        tape.seal()
        tape.sync()
        first, second = Committer(lake), Committer(lake)
        applies = Table._applies

        def after_the_other(table, change):
            monkeypatch.setattr(Table, "_applies", applies)
            first.run_once()
            table.refresh()
            return applies(table, change)

        monkeypatch.setattr(Table, "_applies", after_the_other)
        with pytest.raises(Conflict, match="another committer"):
            second.run_once()
        assert second.status()[0].error.startswith("Conflict")
        assert second.run_once() == 0
    live = {file.path for file in lake.snapshot("trades").files}
    stored = {f.path for f in lake.storage.files("trades") if f.path.endswith(".parquet")}
    assert stored == {f"trades/{path}" for path in live}
    assert ids(lake.table("trades")) == list(range(9))


def test_many_writers_all_succeed(lake):
    lake.append("trades", trades_arrow(1, first=10**6))
    handles = [Lake(lake.storage.root) for _ in range(4)]

    def write(number):
        for part in range(10):
            handles[number].append("trades", trades_arrow(3, first=number * 1000 + part * 3))

    threads = [threading.Thread(target=write, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    expected = [n * 1000 + row for n in range(4) for row in range(30)]
    assert ids(lake.table("trades")) == [*expected, 10**6]
    assert lake.snapshot("trades").version == 41


def test_an_append_with_a_number_happens_once(lake):
    assert lake.append("trades", trades_arrow(5), transaction=("job", 1)) == 5
    assert lake.append("trades", trades_arrow(5), transaction=("job", 1)) == 0
    assert lake.append("trades", trades_arrow(5, first=5), transaction=("job", 2)) == 5
    assert lake.append("trades", trades_arrow(5), transaction=("other", 1)) == 5
    assert len(lake.table("trades")) == 15


def test_an_empty_append_changes_nothing(lake):
    lake.append("trades", trades_arrow(1))
    version = lake.snapshot("trades").version
    assert lake.append("trades", trades_arrow(0)) == 0
    assert lake.snapshot("trades").version == version


def test_as_of_a_version_and_a_time(lake):
    for part in range(3):
        lake.append("trades", trades_arrow(2, first=2 * part))
    assert len(lake.sql("select * from trades", as_of=1)) == 2
    assert len(lake.table("trades", as_of=2)) == 4
    assert len(lake.scan("trades", as_of=datetime.now(UTC)).collect()) == 6
    with pytest.raises(Invalid, match="as_of"):
        lake.table("trades", as_of="last tuesday")
    with pytest.raises(NotFound, match="99"):
        lake.table("trades", as_of=99)


def test_the_log_has_nanoseconds_and_everything_deltalake_needs(lake):
    lake.append("trades", at(NOON + 123_456_789, 3))
    table = DeltaTable(f"{lake.storage.root}/trades")
    adds = pa.table(table.get_add_actions(flatten=True))
    assert adds["min.ts_event"].cast(pa.int64()).to_pylist() == [NOON + 123_456_789]
    assert adds["partition.date"].to_pylist() == [datetime(2026, 3, 1, tzinfo=UTC).date()]
    kinds = {field.name: field.type for field in table.schema().fields}
    assert str(kinds["ts_event"]) == 'PrimitiveType("timestamp_nanos_ntz")'
    read = QueryBuilder().register("trades", table).execute("select trade_id, date from trades")
    assert pa.table(read).num_rows == 3


@pytest.mark.parametrize("symbol", ["BTC/USD", "a=b", "100%", "日本", "..", "x y", "a'b\"c"])
def test_odd_symbols_and_venues(lake, symbol):
    rows = at(NOON, 4, symbol=[symbol] * 4, venue=[symbol] * 4)
    lake.append("trades", rows)
    lake.append("trades", rows)
    assert lake.compact("trades", now=LATER).merges == 1
    assert lake.vacuum("trades", hours=0, alone=True)
    for engine in ("duckdb", "datafusion"):
        query = "select count(*) as n from trades where symbol = $symbol"
        assert lake.sql(query, {"symbol": symbol}, engine=engine).rows() == [(8,)], engine
    assert len(lake.table("trades", symbols=symbol, venues=symbol)) == 8
    assert lake.verify("trades")[0].kind == "id twice"


# The newest row of each instrument


def newest(rows):
    frame = pl.from_arrow(pa.table(rows)) if not isinstance(rows, pl.DataFrame) else rows
    return {(row["venue"], row["symbol"]): row["trade_id"] for row in frame.iter_rows(named=True)}


def slow_newest(lake):
    frame = lake.scan("trades").collect().sort("ts_recv", maintain_order=True)
    return newest(frame.group_by("venue", "symbol", maintain_order=True).last())


def test_last_agrees_with_a_scan_through_everything_that_happens(lake):
    assert len(lake.append("trades", at(NOON, 20)) and lake.last("trades")) == 7
    assert newest(lake.last("trades")) == slow_newest(lake)
    with lake.tape("trades", "one", **SMALL) as tape:
        tape.append(at(NOON + 10**12, 5, first=20))
        assert newest(lake.last("trades")) == slow_newest(lake)
        assert newest(lake.last("trades", hot=False))["binance", "S6"] == 20 - 7
        drain(lake, tape)
    assert newest(lake.last("trades")) == slow_newest(lake)
    lake.append("trades", at(NOON - 10**12, 9, first=50))
    assert newest(lake.last("trades")) == slow_newest(lake)
    lake.compact("trades", now=LATER)
    assert newest(lake.last("trades")) == slow_newest(lake)
    lake.delete("trades", symbols="S3")
    assert newest(lake.last("trades")) == slow_newest(lake)
    lake.restore("trades", 2)
    assert newest(lake.last("trades")) == slow_newest(lake)
    lake.storage.delete("trades/_last/rows.arrow")
    assert newest(lake.last("trades")) == slow_newest(lake)
    lake.storage.replace("trades/_last/rows.arrow", b"not arrow")
    assert newest(lake.last("trades")) == slow_newest(lake)


def test_last_is_a_lookup(lake):
    lake.append("trades", at(NOON, 50))
    known = newest(lake.last("trades"))
    for file in lake.snapshot("trades").files:
        (lake.storage.folder / "trades" / file.path).write_bytes(b"nobody may open this")
    assert newest(lake.last("trades")) == known


def test_last_of_a_dataset_without_times_is_empty(lake):
    lake.create_dataset("notes", pa.schema([("text", pa.string())]), partition_by=[])
    lake.append("notes", pa.table({"text": ["a"]}))
    assert len(lake.last("notes")) == 0


# Datasets of one's own


OWN = pa.schema([("when", pa.timestamp("ns")), ("sensor", pa.string()), ("value", pa.float64())])


def own_rows(count, **more):
    rows = {"when": pa.array(range(count), pa.timestamp("ns")), "sensor": ["s"] * count}
    return pa.table({**rows, "value": [1.0] * count, **more})


def test_a_dataset_of_ones_own(lake):
    made = lake.create_dataset("sensors", OWN, time="when", sort_by=["sensor", "when"])
    assert made.partition_by == ("date",)
    assert lake.create_dataset("sensors", OWN, time="when", sort_by=["sensor", "when"]) == made
    assert Lake(lake.storage.root).dataset("sensors") == made
    lake.append("sensors", own_rows(3))
    with lake.tape("sensors", "one", **SMALL) as tape:
        tape.append(own_rows(2))
        assert lake.sql("select sum(value) as s from sensors").rows() == [(5.0,)]
        drain(lake, tape)
    assert lake.sql("select sum(value) as s from sensors", hot=False).rows() == [(5.0,)]


def test_columns_can_be_added_and_old_files_read_as_null(lake):
    lake.create_dataset("sensors", OWN, time="when")
    lake.append("sensors", own_rows(3))
    lake.add_columns("sensors", pa.schema([("unit", pa.string()), ("n", pa.int32())]))
    lake.append("sensors", own_rows(2, unit=["K", "K"], n=pa.array([1, 2], pa.int32())))
    query = "select unit, count(*) as n, sum(n) as s from sensors group by unit order by n"
    for engine in ("duckdb", "datafusion", "polars"):
        assert lake.sql(query, engine=engine).rows() == [("K", 2, 3), (None, 3, None)], engine
    assert lake.scan("sensors").collect()["n"].null_count() == 3
    assert lake.table("sensors").arrow()["unit"].null_count == 3
    lake.compact("sensors", now=LATER)
    assert lake.sql(query).rows() == [("K", 2, 3), (None, 3, None)]
    assert lake.verify("sensors") == []


def test_an_older_tape_goes_into_a_wider_table(lake):
    lake.create_dataset("sensors", OWN, time="when")
    with lake.tape("sensors", "old", **SMALL) as tape:
        lake.add_columns("sensors", pa.schema([("unit", pa.string())]))
        tape.append(own_rows(3))
        assert lake.sql("select count(unit) as n from sensors").rows() == [(0,)]
        drain(lake, tape)
    assert lake.table("sensors").arrow()["unit"].null_count == 3


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ([("value", pa.int64())], "value.*there is such a column; a new type needs"),
        ([("VALUE", pa.float64())], "VALUE.*there is such a column"),
        ([pa.field("x", pa.int64(), nullable=False)], "old rows have no value"),
        ([("x", pa.uint8())], "signed integer"),
    ],
)
def test_changes_that_are_refused(lake, columns, message):
    lake.create_dataset("sensors", OWN, time="when")
    with pytest.raises(Invalid, match=message):
        lake.add_columns("sensors", pa.schema(columns))


def test_layouts_that_are_refused(lake):
    with pytest.raises(Invalid, match="partition_by: found 'nope'"):
        lake.create_dataset("sensors", OWN, partition_by=["nope"])
    with pytest.raises(Invalid, match="a date needs a time column"):
        lake.create_dataset("sensors", OWN, partition_by=["date"])
    with pytest.raises(Invalid, match="'value' is float64"):
        lake.create_dataset("sensors", OWN, partition_by=["value"])
    with pytest.raises(Invalid, match="twice"):
        lake.create_dataset("sensors", OWN, partition_by=["sensor", "sensor"])
    with pytest.raises(Invalid, match="comes with rustonite"):
        lake.create_dataset("trades", OWN)
    lake.create_dataset("sensors", OWN, time="when")
    with pytest.raises(Conflict, match="exists with"):
        lake.create_dataset("sensors", OWN, time="when", partition_by=["sensor"])


def test_a_built_in_dataset_with_a_layout_of_ones_own(lake):
    lake.create_dataset("trades", partition_by=["venue", "symbol", "date"])
    lake.append("trades", at(NOON, 14))
    files = lake.snapshot("trades").files
    assert len(files) == 7
    assert {file.partition["symbol"] for file in files} == {f"S{n}" for n in range(7)}
    assert ids(lake.table("trades", symbols=["S1", "S2"])) == [1, 2, 8, 9]


# Maintenance


def test_compaction_by_hour_and_by_day(lake):
    hour = 3600 * 10**9
    for part in range(8):
        lake.append("trades", at(NOON + part // 2 * hour, 5, first=5 * part))
    half_past_three = datetime(2026, 3, 1, 15, 30, tzinfo=UTC)
    # Three hours are over, the fourth is not.
    report = lake.compact("trades", now=half_past_three)
    assert (report.merges, report.files_before, report.files_after) == (3, 6, 3)
    assert len(lake.snapshot("trades").files) == 5
    assert lake.compact("trades", now=half_past_three).merges == 0
    report = lake.compact("trades", now=half_past_three + timedelta(days=1))
    assert (report.merges, report.rows) == (1, 40)
    assert len(lake.snapshot("trades").files) == 1
    assert ids(lake.table("trades")) == list(range(40))
    assert lake.verify("trades") == []


def test_what_a_committer_leaves_uncompressed_is_compacted_even_alone(lake, monkeypatch):
    monkeypatch.setattr("rustonite_data.lake.maintain._SMALL_ROWS", 100)
    with lake.tape("trades", "one", **SMALL) as tape:
        for part in range(2):  # the second day has too many rows to be merged with others
            tape.append(at(NOON + part * 86_400 * 10**9, 50 + 100 * part, first=1000 * part))
            drain(lake, tape)
    (before, large) = lake.snapshot("trades").files
    assert lake.compact("trades", now="2026-03-01T23:00").merges == 0
    assert lake.compact("trades", now="2026-03-02T23:00").merges == 1
    assert lake.compact("trades", now=LATER).merges == 1
    (after, compressed) = lake.snapshot("trades").files
    assert after.size < before.size
    assert compressed.size < large.size
    assert lake.compact("trades", now=LATER).merges == 0
    assert lake.verify("trades") == []


def test_compaction_beside_a_deletion_gives_way(lake, monkeypatch):
    for part in range(3):
        lake.append("trades", at(NOON, 7, first=7 * part))
    applies = Table._applies

    def after_a_deletion(table, change):
        monkeypatch.setattr(Table, "_applies", applies)
        Lake(lake.storage.root).delete("trades", symbols="S1")
        table.refresh()
        return applies(table, change)

    monkeypatch.setattr(Table, "_applies", after_a_deletion)
    report = lake.compact("trades", now=LATER)
    assert (report.merges, report.skipped) == (0, 1)
    assert ids(lake.table("trades")) == [row for row in range(21) if row % 7 != 1]
    assert lake.compact("trades", now=LATER).merges == 1
    assert ids(lake.table("trades")) == [row for row in range(21) if row % 7 != 1]


def test_retention_drops_whole_days(lake):
    day = 86_400 * 10**9
    for number in range(4):
        lake.append("trades", at(NOON + number * day, 5, first=5 * number))
    assert lake.retain("trades", before="2026-03-03T18:00") == 10
    assert ids(lake.table("trades")) == list(range(10, 20))
    assert lake.retain("trades", before="2026-03-03T18:00") == 0


def test_retention_without_dates_never_drops_a_newer_row(lake):
    lake.create_dataset("sensors", OWN, time="when", partition_by=[])
    lake.append("sensors", own_rows(10))
    assert lake.retain("sensors", before=9) == 0
    assert lake.retain("sensors", before=10) == 10


def test_deletion_by_symbol_and_time(lake):
    lake.append("trades", at(NOON, 50))
    lake.append("trades", at(NOON, 10, first=50))
    gone = lake.delete("trades", symbols=["S1"], start=NOON + 5 * 10**9, end=NOON + 20 * 10**9)
    assert gone == 3  # 8 and 15 of the first, 57 of the second
    assert ids(lake.table("trades")) == [row for row in range(60) if row not in {8, 15, 57}]
    with pytest.raises(Invalid, match="nothing to delete by"):
        lake.delete("trades")


def test_restore_and_vacuum(lake):
    lake.append("trades", at(NOON, 5))
    lake.append("trades", at(NOON, 5, first=5))
    lake.compact("trades", now=LATER)
    lake.delete("trades", symbols="S1")
    assert lake.restore("trades", 2) == 5
    assert ids(lake.table("trades")) == list(range(10))
    assert lake.vacuum("trades") == []
    removed = lake.vacuum("trades", hours=0, dry_run=True)
    assert removed
    assert lake.vacuum("trades", hours=0, alone=True) == removed
    assert ids(lake.table("trades")) == list(range(10))
    with pytest.raises(Invalid, match="cannot restore 4"):
        lake.restore("trades", 4)


def test_vacuum_takes_what_a_killed_writer_left(lake):
    lake.append("trades", at(NOON, 5))
    left = lake.storage.folder / "trades/venue=binance/date=2026-03-01/left.parquet"
    left.write_bytes(b"PAR1")
    with pytest.raises(Invalid, match="hours=0: expected at least 1, or alone=True"):
        lake.vacuum("trades", hours=0)
    removed = lake.vacuum("trades", hours=0, alone=True)
    assert [path.rpartition("/")[2] for path in removed] == ["left.parquet"]
    assert not left.exists()
    assert len(lake.table("trades")) == 5


def test_verify_tells_doubles_gaps_and_silence(lake):
    rows = at(NOON, 10)
    lake.append("trades", rows)
    lake.append("trades", rows.slice(0, 3))
    lake.append("trades", at(NOON + 600 * 10**9, 7, first=10))
    kinds = {finding.kind: finding for finding in lake.verify("trades", gap_s=300.0)}
    assert "S0: 1 surplus rows of 1 ids" in kinds["id twice"].detail
    assert "longest 597.000 s" in kinds["silence"].detail
    assert all(finding.level == "warning" for finding in kinds.values())
    assert {f.kind for f in lake.verify("trades")} == {"id twice"}


def test_history_says_what_was_done(lake):
    lake.append("trades", at(NOON, 5))
    lake.append("trades", at(NOON, 5))
    lake.compact("trades", now=LATER)
    notes = [entry.get("rustonite.note") for entry in lake.history("trades")]
    assert notes == ["compact", "append", "append", None]


def test_a_clock_that_jumps_back(lake):
    with lake.tape("trades", "one", **SMALL) as tape:
        for part, start in enumerate([NOON, NOON - 10**12, NOON - 5 * 10**11]):
            tape.append(at(start, 10, first=10 * part))
            tape.seal()
        drain(lake, tape)
        tape.append(at(NOON - 2 * 10**12, 10, first=30))
        drain(lake, tape)
    lake.compact("trades", now=LATER)
    assert lake.verify("trades") == []
    found = pl.from_arrow(lake.table("trades").arrow())
    assert found.sort("symbol", "ts_recv", maintain_order=True).equals(found)
    assert newest(lake.last("trades")) == slow_newest(lake)


# What is wrong with a lake


def test_no_lake_and_other_things(tmp_path):
    with pytest.raises(NotFound, match="not a lake"):
        Lake(tmp_path)
    with pytest.raises(NotFound, match="not a lake"):
        Lake(tmp_path / "nowhere")
    (tmp_path / "photo.jpg").touch()
    with pytest.raises(Invalid, match=r"not a lake, and not empty \(photo.jpg"):
        Lake.create(tmp_path)
    with pytest.raises(Invalid, match="ftp"):
        Lake("ftp://server/lake")


def test_a_marker_of_the_future_and_a_broken_one(lake):
    marker = lake.storage.folder / "lake.json"
    marker.write_text('{"format": 2, "id": "x"}')
    with pytest.raises(Invalid, match="format 2 of a newer rustonite, expected 1"):
        Lake(lake.storage.root)
    marker.write_text("{")
    with pytest.raises(Corrupt, match=r"lake\.json: found b'{', expected JSON"):
        Lake(lake.storage.root)


def test_a_dataset_that_is_not_there(lake):
    lake.append("trades", trades_arrow(1))
    with pytest.raises(NotFound, match="no dataset 'trade'; there are: trades"):
        lake.compact("trade")
    with pytest.raises((NotFound, Invalid), match="trade"):
        lake.sql("select * from trade")


def test_a_foreign_table_is_refused(lake):
    DeltaTable.create(f"{lake.storage.root}/foreign", pa.schema([("x", pa.int64())]))
    with pytest.raises(Invalid, match="not one of ours"):
        lake.table("foreign")


def test_a_table_of_a_newer_rustonite_is_refused(lake):
    lake.append("trades", trades_arrow(1))
    entry = lake.storage.folder / "trades/_delta_log/00000000000000000000.json"
    entry.write_text(entry.read_text().replace('\\"format\\": 1', '\\"format\\": 7'))
    with pytest.raises(Invalid, match="format 7 of a newer rustonite"):
        Lake(lake.storage.root).table("trades")


def damage(lake, how):
    file = lake.storage.folder / "trades" / lake.snapshot("trades").files[0].path
    if how == "missing":
        file.unlink()
    elif how == "truncated":
        file.write_bytes(file.read_bytes()[:-100])
    else:
        file.write_bytes(b"x" * file.stat().st_size)
    return file


@pytest.mark.parametrize("how", ["missing", "truncated", "garbage"])
def test_a_damaged_file_is_named_and_can_be_given_up(lake, how):
    lake.append("trades", at(NOON, 5))
    lake.append("trades", at(NOON, 5, first=5))
    file = damage(lake, how)
    fresh = Lake(lake.storage.root)
    for read in (
        lambda: fresh.sql("select * from trades"),
        lambda: fresh.sql("select * from trades", engine="datafusion"),
        lambda: fresh.table("trades"),
        lambda: fresh.compact("trades", now=LATER),
    ):
        with pytest.raises(Corrupt, match=file.name):
            read()
    findings = fresh.verify("trades")
    assert [finding.level for finding in findings] == ["error"]
    assert file.name in findings[0].where
    planned = fresh.repair("trades")
    assert [(step.what, step.rows) for step in planned] == [("file taken out of the table", 5)]
    assert len(fresh.verify("trades")) == 1
    fresh.repair("trades", dry_run=False)
    assert fresh.verify("trades") == []
    assert len(fresh.table("trades")) == 5


def test_a_torn_log_entry_is_named_and_set_aside(lake):
    lake.append("trades", at(NOON, 5))
    lake.append("trades", at(NOON, 5, first=5))
    entry = lake.storage.folder / "trades/_delta_log/00000000000000000002.json"
    entry.write_bytes(entry.read_bytes()[:-40])
    with pytest.raises(Corrupt, match=r"00000000000000000002\.json: not readable"):
        Lake(lake.storage.root).table("trades")
    Lake(lake.storage.root).repair("trades", dry_run=False)
    assert len(Lake(lake.storage.root).table("trades")) == 5


def test_a_corrupt_checkpoint_is_named_and_set_aside(lake):
    for part in range(22):
        lake.append("trades", at(NOON, 1, first=part))
    log = lake.storage.folder / "trades/_delta_log"
    (checkpoint,) = log.glob("*.checkpoint.parquet")
    checkpoint.write_bytes(b"PAR1 and then nothing")
    with pytest.raises(Corrupt, match=r"checkpoint\.parquet"):
        Lake(lake.storage.root).table("trades")
    fixed = Lake(lake.storage.root)
    assert len(fixed.repair("trades")) == 2
    fixed.repair("trades", dry_run=False)
    assert ids(fixed.table("trades")) == list(range(22))


def test_a_log_that_is_gone(lake):
    lake.append("trades", at(NOON, 5))
    for file in (lake.storage.folder / "trades/_delta_log").iterdir():
        file.unlink()
    with pytest.raises((NotFound, Corrupt), match="trades"):
        Lake(lake.storage.root).compact("trades")


def test_statistics_that_would_hide_rows_are_found(lake):
    lake.append("trades", at(NOON, 5))
    entry = lake.storage.folder / "trades/_delta_log/00000000000000000001.json"
    lines = [json.loads(line) for line in entry.read_text().splitlines()]
    for line in lines:
        if "add" in line:
            stats = json.loads(line["add"]["stats"])
            stats["maxValues"]["trade_id"] = 2
            line["add"]["stats"] = json.dumps(stats)
    entry.write_text("\n".join(map(json.dumps, lines)))
    findings = Lake(lake.storage.root).verify("trades")
    assert [finding.level for finding in findings] == ["error"]
    assert "trade_id" in findings[0].detail


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (pa.table({"price": [1.0]}), "ts_event"),
        ([1, 2], "Arrow"),
    ],
)
def test_rows_that_the_dataset_does_not_take(lake, rows, message):
    lake.append("trades", at(NOON, 1))
    before = {file.path for file in lake.storage.files("trades")}
    with pytest.raises((Invalid, TypeError), match=message):
        lake.append("trades", rows)
    assert {file.path for file in lake.storage.files("trades")} == before


def test_a_wrong_type_names_column_found_and_expected(lake):
    rows = pa.table(at(NOON, 2))
    wrong = rows.set_column(rows.schema.get_field_index("price"), "price", pa.array(["x", "y"]))
    with pytest.raises(Invalid, match=r"price.*found .*[Uu]tf8.*expected .*[Ff]loat64"):
        lake.append("trades", wrong)


def test_a_commit_is_only_made_on_what_was_seen(lake):
    lake.append("trades", at(NOON, 5))
    one, two = Table(lake.storage, "trades"), Table(lake.storage, "trades")
    files = one.files()
    assert one.commit(Change(remove=files)) == 2
    two.refresh()
    assert two.commit(Change(remove=files)) is None
    assert two.version == 2


def test_statistics_cover_all_columns(lake):
    names = [f"c{number:02}" for number in range(40)]
    lake.create_dataset("wide", pa.schema([(name, pa.int64()) for name in names]), partition_by=[])
    lake.append("wide", pa.table({name: [number] for number, name in enumerate(names)}))
    (file,) = lake.snapshot("wide").files
    assert file.maximum == {name: number for number, name in enumerate(names)}
    assert file.nulls == dict.fromkeys(names, 0)


def test_a_backlog_of_many_segments_is_drained_at_once(lake):
    with lake.tape("trades", "one", **SMALL, segment_rows=64) as tape:
        for part in range(40):
            tape.append(trades(64, first=64 * part))
        assert drain(lake, tape) == 40 * 64
    assert ids(lake.table("trades", hot=False)) == list(range(40 * 64))


# A handle that reads the log itself


def test_a_handle_stays_at_the_version_that_it_has_seen(lake):
    lake.append("trades", at(NOON, 5))
    one, two = Table(lake.storage, "trades"), Table(lake.storage, "trades")
    lake.append("trades", at(NOON, 5, first=5))
    assert one.refresh() == 2
    lake.append("trades", at(NOON, 5, first=10))
    assert (one.version, sum(file.rows for file in one.files())) == (2, 10)
    assert (two.version, sum(file.rows for file in two.files())) == (1, 5)
    assert one.refresh() == two.refresh() == 3
    assert one.files() == two.files() == Table(lake.storage, "trades").files()


def test_a_handle_follows_what_others_commit(lake):
    lake.append("trades", at(NOON, 5), transaction=("job", 7))
    table = Table(lake.storage, "trades")
    assert (table.transaction("job"), table.transaction("other")) == (7, None)
    lake.append("trades", at(NOON, 5, first=5), transaction=("job", 8))
    lake.append("trades", at(NOON, 5, first=10), transaction=("other", 1))
    assert (table.transaction("job"), table.transaction("other")) == (7, None)
    table.refresh()
    assert (table.transaction("job"), table.transaction("other")) == (8, 1)
    lake.add_columns("trades", pa.schema([("note", pa.utf8())]))
    table.refresh()
    assert "note" in table.dataset.columns


def test_a_handle_that_was_left_behind_by_a_cleaned_log(lake):
    lake.append("trades", at(NOON, 5))
    table = Table(lake.storage, "trades")
    lake.append("trades", at(NOON, 5, first=5), transaction=("job", 1))
    lake.append("trades", at(NOON, 5, first=10))
    other = Table(lake.storage, "trades")
    other.delta.create_checkpoint()
    for version in range(3):
        lake.storage.delete(f"trades/_delta_log/{version:020}.json")
    assert table.refresh() == 3
    assert table.transaction("job") == 1
    assert sum(file.rows for file in table.files()) == 15


def test_commits_leave_checkpoints(lake):
    for number in range(41):
        lake.append("trades", at(NOON, 1, first=number))
    names = [file.path.rpartition("/")[2] for file in lake.storage.files("trades/_delta_log")]
    assert [n for n in names if "checkpoint" in n] == [
        "00000000000000000020.checkpoint.parquet",
        "00000000000000000040.checkpoint.parquet",
        "_last_checkpoint",
    ]
    assert not [name for name in names if name.endswith((".part", ".tmp"))]
    assert sum(file.rows for file in Table(lake.storage, "trades").files()) == 41


def test_threads_of_one_process_commit_at_the_same_time(lake):
    lake.append("trades", at(NOON, 1))

    def work(first):
        own = Lake(lake.storage.root)
        for number in range(10):
            own.append("trades", at(NOON, 1, first=first + number))

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
    odd = AddAction(f"{venue}.parquet", 9, {"venue": venue}, 0, True, '{"numRecords": 1}')
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
    lake.append("trades", at(NOON, 5))

    def interrupt(_):
        raise KeyboardInterrupt

    after_the_attempt(monkeypatch, interrupt)
    with pytest.raises(KeyboardInterrupt):
        lake.append("trades", at(NOON, 5, first=5))
    assert ids(lake.table("trades")) == list(range(10))
    assert lake.verify("trades") == []


def test_storage_that_goes_away_behind_a_commit_takes_nothing_back(lake, monkeypatch):
    lake.append("trades", at(NOON, 5))
    refresh = Table.refresh

    def away(_):
        raise Unavailable("the storage is away")

    after_the_attempt(monkeypatch, lambda _: monkeypatch.setattr(Table, "refresh", away))
    assert lake.append("trades", at(NOON, 5, first=5)) == 5
    monkeypatch.setattr(Table, "refresh", refresh)
    assert ids(lake.table("trades")) == list(range(10))
    assert lake.verify("trades") == []


def test_a_commit_that_lands_late_finds_its_files(lake, monkeypatch):
    """The request was given up, and the store carries it out all the same, later."""
    lake.append("trades", at(NOON, 5))
    attempt, late = Table._attempt, []

    def given_up(table, change, mark):
        late.append((table, change, mark))
        raise OSError("timed out")

    monkeypatch.setattr(Table, "_attempt", given_up)
    with pytest.raises(Unavailable, match="timed out"):
        lake.append("trades", at(NOON, 5, first=5), transaction=("job", 1))
    monkeypatch.setattr(Table, "_attempt", attempt)
    attempt(*late[0])
    assert lake.append("trades", at(NOON, 5, first=5), transaction=("job", 1)) == 0
    assert ids(lake.table("trades")) == list(range(10))
    assert lake.verify("trades") == []


def test_the_newest_rows_when_others_commit_between(lake, monkeypatch):
    """What a committer still holds is only of use if its commit is the newest."""
    lake.append("trades", at(NOON, 7))
    with lake.tape("trades", "one", **SMALL) as tape:
        tape.append(at(NOON + 10**12, 7, first=7))
        other = Lake(lake.storage.root)

        def meanwhile(table):
            again = Table(table.storage, "trades")
            last.remember(again)
            other.append("trades", at(NOON + 2 * 10**12, 7, first=14))
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
