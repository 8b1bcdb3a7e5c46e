"""What is wrong with a lake: it is named, and what can be saved is saved."""

import json
from decimal import Decimal

import pyarrow as pa
import pytest
from deltalake import DeltaTable
from helpers import LATER, NOON, ids, trades_arrow, trades_at

from rustonite_data.errors import Corrupt, Invalid, NotFound
from rustonite_data.lake import Lake


def test_no_lake_and_other_things(tmp_path):
    with pytest.raises(NotFound, match="not a lake"):
        Lake(tmp_path)
    with pytest.raises(NotFound, match="not a lake"):
        Lake(tmp_path / "nowhere")
    (tmp_path / "photo.jpg").touch()
    with pytest.raises(Invalid, match=r"not a lake, and not empty \(photo\.jpg"):
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
    with pytest.raises(NotFound, match="no dataset 'trade'; did you mean trades"):
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
    lake.append("trades", trades_at(NOON, 5))
    lake.append("trades", trades_at(NOON, 5, first=5))
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
    lake.append("trades", trades_at(NOON, 5))
    lake.append("trades", trades_at(NOON, 5, first=5))
    entry = lake.storage.folder / "trades/_delta_log/00000000000000000002.json"
    entry.write_bytes(entry.read_bytes()[:-40])
    with pytest.raises(Corrupt, match=r"00000000000000000002\.json: not readable"):
        Lake(lake.storage.root).table("trades")
    Lake(lake.storage.root).repair("trades", dry_run=False)
    assert len(Lake(lake.storage.root).table("trades")) == 5


def test_a_corrupt_checkpoint_is_named_and_set_aside(lake):
    for part in range(22):
        lake.append("trades", trades_at(NOON, 1, first=part))
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
    lake.append("trades", trades_at(NOON, 5))
    for file in (lake.storage.folder / "trades/_delta_log").iterdir():
        file.unlink()
    with pytest.raises((NotFound, Corrupt), match="trades"):
        Lake(lake.storage.root).compact("trades")


def test_exact_numbers_are_sound_to_the_last_digit(lake):
    exact = pa.decimal128(38, 18)
    texts = ["-0.000000000000000001", "1", "12345678901234567890.123456789012345678"]
    lake.create_dataset("money", pa.schema([("amount", exact), ("note", pa.string())]))
    amounts = pa.array([Decimal(text) for text in texts], exact)
    lake.append("money", pa.table({"amount": amounts, "note": ["1.50", "a", "b"]}))
    assert lake.verify("money") == []
    log = lake.storage.folder / "money/_delta_log/00000000000000000001.json"
    log.write_text(log.read_text().replace("12345678901234567890.12", "12345678901234567890.13"))
    (found,) = Lake(lake.storage.root).verify("money")
    assert 'maxValues of "amount"' in found.detail


def test_statistics_that_would_hide_rows_are_found(lake):
    lake.append("trades", trades_at(NOON, 5))
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
    lake.append("trades", trades_at(NOON, 1))
    before = {file.path for file in lake.storage.files("trades")}
    with pytest.raises((Invalid, TypeError), match=message):
        lake.append("trades", rows)
    assert {file.path for file in lake.storage.files("trades")} == before


def test_a_wrong_type_names_column_found_and_expected(lake):
    rows = pa.table(trades_at(NOON, 2))
    wrong = rows.set_column(rows.schema.get_field_index("price"), "price", pa.array(["x", "y"]))
    with pytest.raises(Invalid, match=r"price.*found .*[Uu]tf8.*expected .*[Ff]loat64"):
        lake.append("trades", wrong)
