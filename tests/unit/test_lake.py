"""A lake: tables, tapes and both as one; time travel; datasets of one's own; maintenance."""

import threading
from datetime import UTC, datetime, timedelta

import polars as pl
import pyarrow as pa
import pytest
from helpers import (
    LATER,
    NOON,
    SMALL,
    drain,
    ids,
    newest,
    slow_newest,
    trades,
    trades_arrow,
    trades_at,
)

from rustonite_data import Tape
from rustonite_data.errors import Conflict, Invalid, NotFound, Unavailable
from rustonite_data.lake import Committer, Lake
from rustonite_data.lake.table import Table


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


def test_tapes_may_be_there_before_the_lake(tmp_path):
    folder = tmp_path / "lake"
    (folder / ".tapes" / "trades").mkdir(parents=True)
    with Tape.create(folder / ".tapes" / "trades" / "first", "trades", **SMALL) as tape:
        tape.append(trades(3))
    lake = Lake.create(folder)
    assert lake.sql("select count(*) from trades").rows() == [(3,)]


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


def test_a_backlog_of_many_segments_is_drained_at_once(lake):
    with lake.tape("trades", "one", **SMALL, segment_rows=64) as tape:
        for part in range(40):
            tape.append(trades(64, first=64 * part))
        assert drain(lake, tape) == 40 * 64
    assert ids(lake.table("trades", hot=False)) == list(range(40 * 64))


def test_a_commit_takes_no_more_than_fits_in_memory(lake, monkeypatch):
    monkeypatch.setattr("rustonite_data.lake.commit._BYTES_MAX", 1)
    with lake.tape("trades", "one", **SMALL, segment_rows=64) as tape:
        for part in range(5):
            tape.append(trades(64, first=64 * part))
        assert drain(lake, tape) == 5 * 64
    assert lake.snapshot("trades").version == 5
    assert ids(lake.table("trades", hot=False)) == list(range(5 * 64))


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


@pytest.mark.parametrize("symbol", ["BTC/USD", "a=b", "100%", "日本", "..", "x y", "a'b\"c"])
def test_odd_symbols_and_venues(lake, symbol):
    rows = trades_at(NOON, 4, symbol=[symbol] * 4, venue=[symbol] * 4)
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


def test_last_agrees_with_a_scan_through_everything_that_happens(lake):
    assert len(lake.append("trades", trades_at(NOON, 20)) and lake.last("trades")) == 7
    assert newest(lake.last("trades")) == slow_newest(lake)
    with lake.tape("trades", "one", **SMALL) as tape:
        tape.append(trades_at(NOON + 10**12, 5, first=20))
        assert newest(lake.last("trades")) == slow_newest(lake)
        assert newest(lake.last("trades", hot=False))["binance", "S6"] == 20 - 7
        drain(lake, tape)
    assert newest(lake.last("trades")) == slow_newest(lake)
    lake.append("trades", trades_at(NOON - 10**12, 9, first=50))
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
    lake.append("trades", trades_at(NOON, 50))
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
    lake.append("trades", trades_at(NOON, 14))
    files = lake.snapshot("trades").files
    assert len(files) == 7
    assert {file.partition["symbol"] for file in files} == {f"S{n}" for n in range(7)}
    assert ids(lake.table("trades", symbols=["S1", "S2"])) == [1, 2, 8, 9]


# Maintenance


def test_compaction_by_hour_and_by_day(lake):
    hour = 3600 * 10**9
    for part in range(8):
        lake.append("trades", trades_at(NOON + part // 2 * hour, 5, first=5 * part))
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
            tape.append(trades_at(NOON + part * 86_400 * 10**9, 50 + 100 * part, first=1000 * part))
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
        lake.append("trades", trades_at(NOON, 7, first=7 * part))
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
        lake.append("trades", trades_at(NOON + number * day, 5, first=5 * number))
    assert lake.retain("trades", before="2026-03-03T18:00", dry_run=True) == 10
    assert len(lake.table("trades")) == 20
    assert lake.retain("trades", before="2026-03-03T18:00") == 10
    assert ids(lake.table("trades")) == list(range(10, 20))
    assert lake.retain("trades", before="2026-03-03T18:00") == 0


def test_retention_without_dates_never_drops_a_newer_row(lake):
    lake.create_dataset("sensors", OWN, time="when", partition_by=[])
    lake.append("sensors", own_rows(10))
    assert lake.retain("sensors", before=9) == 0
    assert lake.retain("sensors", before=10) == 10


def test_deletion_by_symbol_and_time(lake):
    lake.append("trades", trades_at(NOON, 50))
    lake.append("trades", trades_at(NOON, 10, first=50))
    before = lake.storage.files("trades")
    asked = {"symbols": ["S1"], "start": NOON + 5 * 10**9, "end": NOON + 20 * 10**9}
    assert lake.delete("trades", **asked, dry_run=True) == 3
    assert lake.storage.files("trades") == before
    assert lake.delete("trades", **asked) == 3  # 8 and 15 of the first, 57 of the second
    assert ids(lake.table("trades")) == [row for row in range(60) if row not in {8, 15, 57}]
    with pytest.raises(Invalid, match="nothing to delete by"):
        lake.delete("trades")


def test_restore_and_vacuum(lake):
    lake.append("trades", trades_at(NOON, 5))
    lake.append("trades", trades_at(NOON, 5, first=5))
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
    lake.append("trades", trades_at(NOON, 5))
    left = lake.storage.folder / "trades/venue=binance/date=2026-03-01/left.parquet"
    left.write_bytes(b"PAR1")
    with pytest.raises(Invalid, match="hours=0: expected at least 1, or alone=True"):
        lake.vacuum("trades", hours=0)
    removed = lake.vacuum("trades", hours=0, alone=True)
    assert [path.rpartition("/")[2] for path in removed] == ["left.parquet"]
    assert not left.exists()
    assert len(lake.table("trades")) == 5


def test_verify_tells_doubles_gaps_and_silence(lake):
    rows = trades_at(NOON, 10)
    lake.append("trades", rows)
    lake.append("trades", rows.slice(0, 3))
    lake.append("trades", trades_at(NOON + 600 * 10**9, 7, first=10))
    kinds = {finding.kind: finding for finding in lake.verify("trades", gap_s=300.0)}
    assert "S0: 1 surplus rows of 1 ids" in kinds["id twice"].detail
    assert "longest 597.000 s" in kinds["silence"].detail
    assert all(finding.level == "warning" for finding in kinds.values())
    assert {f.kind for f in lake.verify("trades")} == {"id twice"}


def test_history_says_what_was_done(lake):
    lake.append("trades", trades_at(NOON, 5))
    lake.append("trades", trades_at(NOON, 5))
    lake.compact("trades", now=LATER)
    notes = [entry.get("rustonite.note") for entry in lake.history("trades")]
    assert notes == ["compact", "append", "append", None]


def test_a_clock_that_jumps_back(lake):
    with lake.tape("trades", "one", **SMALL) as tape:
        for part, start in enumerate([NOON, NOON - 10**12, NOON - 5 * 10**11]):
            tape.append(trades_at(start, 10, first=10 * part))
            tape.seal()
        drain(lake, tape)
        tape.append(trades_at(NOON - 2 * 10**12, 10, first=30))
        drain(lake, tape)
    lake.compact("trades", now=LATER)
    assert lake.verify("trades") == []
    found = pl.from_arrow(lake.table("trades").arrow())
    assert found.sort("symbol", "ts_recv", maintain_order=True).equals(found)
    assert newest(lake.last("trades")) == slow_newest(lake)
