"""`rustonite lake`: what it prints for people and scripts, and what it does."""

import json
import signal
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner
from helpers import SMALL, misuse, output, problem, trades, trades_arrow

from rustonite_data import cli
from rustonite_data.cli.lake import lake as lake_group
from rustonite_data.cli.options import duration, moment, version
from rustonite_data.lake import Lake

RUSTONITE = Path(sys.executable).with_name("rustonite")
DAY = 86_400_000_000_000


@pytest.fixture
def lake(memory):
    return Lake.create(memory / "lake")


@pytest.fixture
def call(lake):
    """Runs `rustonite lake` on the lake."""

    def run(*arguments, **options):
        command = ["lake", *map(str, arguments), "--lake", lake.storage.root]
        return CliRunner().invoke(cli.main, command, **options)

    return run


def on_day(day, count=3):
    """Trades of a day, counted from 2026-01-01."""
    start = int(datetime(2026, 1, 1, tzinfo=UTC).timestamp()) * 10**9 + day * DAY
    rows = trades(count, first=day * 1000)
    rows |= {name: [start + at for at in range(count)] for name in ("ts_event", "ts_recv")}
    kinds = trades_arrow(0).schema
    return pa.table({field.name: pa.array(rows.get(field.name, [None] * count), field.type)
                     for field in kinds}, schema=kinds)  # fmt: skip


def spawn(lake, *arguments, **options):
    command = [RUSTONITE, "lake", *map(str, arguments), "--lake", lake.storage.root]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    return subprocess.Popen(command, **{"text": True, **pipes, **options})


def objects(result):
    return [json.loads(line) for line in output(result).splitlines()]


@pytest.mark.parametrize("name", sorted(lake_group.commands))
def test_help_has_an_example_everywhere(name):
    result = CliRunner().invoke(cli.main, ["lake", name, "--help"])
    assert f"Example:\n    rustonite lake {name}" in result.stdout
    assert result.exit_code == 0


def test_init(tmp_path):
    def init(*arguments):
        return CliRunner().invoke(cli.main, ["lake", "init", *map(str, arguments)])

    where = tmp_path / "lake"
    assert output(init(where, "--dataset", "trades", "--dataset", "quotes")) == f"{where}\n"
    first = Lake(where)
    assert first.datasets() == ["quotes", "trades"]
    assert output(init(where)) == f"{where}\n"
    assert Lake(where).id == first.id
    assert "'nothing'" in problem(init(where, "--dataset", "nothing"))
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "file").touch()
    assert "not a lake" in problem(init(tmp_path / "other"))


def test_ls_and_info(lake, call):
    assert call("ls").stderr == f"{lake.storage.root}: no datasets so far\n"
    lake.append("trades", on_day(0))
    lake.append("trades", on_day(1))
    with lake.tape("trades", "demo", **SMALL) as tape:
        tape.append(on_day(2, count=5))
        (facts,) = objects(call("ls", "--json"))
        (told,) = objects(call("info", "trades", "--json"))
        title, line = output(call("ls")).splitlines()
    assert title.split()[:3] == ["dataset", "rows", "on"]
    assert line.split()[:4] == ["trades", "6", "5", "2"]
    assert (facts["rows"], facts["hot_rows"], facts["files"], facts["version"]) == (6, 5, 2, 2)
    assert facts["from"] == "2026-01-01T00:00:00.000000000Z"
    assert facts["to"] == "2026-01-03T00:00:00.000000004Z"
    assert told.items() >= facts.items()
    assert told["partition_by"] == ["venue", "date"]
    assert [part["partition"]["date"] for part in told["partitions"]] == [
        "2026-01-01",
        "2026-01-02",
    ]
    assert [part["rows"] for part in told["partitions"]] == [3, 3]
    (tape,) = told["tapes"]
    assert (tape["rows"], tape["rows_waiting"], tape["has_writer"]) == (5, 5, True)
    text = output(call("info", "trades"))
    for expected in ("table version", "6 in 2 files", "2026-01-02", "trade_uid", "demo"):
        assert expected in text


def test_ls_shows_the_rest_beside_a_damaged_table(lake, call):
    lake.append("trades", on_day(0))
    lake.create_dataset("quotes")
    log = Path(lake.storage.root, "quotes", "_delta_log", f"{0:020}.json")
    log.write_text("{")
    result = call("ls", "--json")
    assert result.exit_code == 1
    assert json.loads(result.stdout)["dataset"] == "trades"
    assert f"{log}: not readable" in result.stderr
    assert result.stderr.count("\n") == 1


def test_history_and_restore(lake, call):
    lake.append("trades", on_day(0))
    lake.append("trades", on_day(1))
    found = objects(call("history", "trades", "--json"))
    assert [entry["version"] for entry in found] == [2, 1, 0]
    assert [entry["note"] for entry in found] == ["append", "append", None]
    assert datetime.fromisoformat(found[0]["time"]) <= datetime.now(UTC)
    assert len(objects(call("history", "trades", "-n", 1, "--json"))) == 1
    assert output(call("history", "trades")).splitlines()[1].split()[0] == "2"
    assert output(call("restore", "trades", "--to", 1)) == "trades: restored as version 3\n"
    assert objects(call("ls", "--json"))[0]["rows"] == 3
    assert objects(call("restore", "trades", "--to", 2, "--json")) == [
        {"dataset": "trades", "version": 4}
    ]
    assert "99" in problem(call("restore", "trades", "--to", 99))
    assert "expected a date or time" in misuse(call("restore", "trades", "--to", "soon"))


def test_retain(lake, call):
    today = (datetime.now(UTC) - datetime(2026, 1, 1, tzinfo=UTC)).days
    for day in (0, 1, today):
        lake.append("trades", on_day(day))
    told = output(call("retain", "trades", "--before", "2026-01-02", "--dry-run"))
    assert told == "trades: 3 rows would be dropped\n"
    told = output(call("retain", "trades", "--before", "2026-01-02"))
    assert told == "trades: 3 rows dropped\n"
    (facts,) = objects(call("retain", "trades", "--keep", "2d", "--json"))
    assert facts["rows"] == (3 if today > 3 else 0)
    assert objects(call("ls", "--json"))[0]["rows"] == 6 - facts["rows"]
    for wrong in ((), ("--keep", "1d", "--before", "2026-01-01")):
        assert "--keep DURATION or --before TIME" in misuse(call("retain", "trades", *wrong))
    assert "such as 90d" in misuse(call("retain", "trades", "--keep", "90"))
    assert "no dataset 'nothing'" in problem(call("retain", "nothing", "--keep", "1d"))


def test_delete(lake, call):
    lake.append("trades", on_day(0, count=14))
    assert output(call("delete", "trades", "--symbol", "S0")) == "trades: 2 rows deleted\n"
    (planned,) = objects(call("delete", "trades", "--symbol", "S1", "--dry-run", "--json"))
    assert planned == {"dataset": "trades", "dry_run": True, "rows": 2}
    both = call("delete", "trades", "--symbol", "S1", "--symbol", "S2", "--venue", "binance")
    assert output(both) == "trades: 4 rows deleted\n"
    early = call("delete", "trades", "--end", "2026-01-01T00:00:00.000005", "--json")
    assert objects(early) == [{"dataset": "trades", "dry_run": False, "rows": 8}]
    assert "say which rows" in misuse(call("delete", "trades"))


def test_compact_and_vacuum(lake, call):
    for _ in range(3):
        lake.append("trades", on_day(0))
    lake.create_dataset("quotes")
    with lake.tape("book_deltas", "only-a-tape", **SMALL):
        first, second = objects(call("compact", "--json"))
    assert (first["dataset"], first["merges"]) == ("quotes", 0)
    assert (second["files_before"], second["files_after"], second["rows"]) == (3, 1, 9)
    assert output(call("compact", "trades")) == "trades: nothing to merge\n"
    assert objects(call("ls", "--json"))[-1]["rows"] == 9
    files = list(Path(lake.storage.root).glob("trades/venue=*/*/*.parquet"))
    assert len(files) == 4
    assert output(call("vacuum")).endswith("trades: 0 files removed\n")
    assert "expected at least 1h" in misuse(call("vacuum", "--keep", "59m"))
    assert (
        objects(call("vacuum", "trades", "--dry-run", "--keep", "1h", "--json"))[0]["files"] == []
    )
    assert call("vacuum", "trades", "--dry-run").stderr == "trades: 0 files would be removed\n"


def test_verify_and_repair(lake, call):
    lake.append("trades", on_day(0))
    lake.append("trades", on_day(1))
    assert output(call("verify")) == "trades: sound\n"
    assert output(call("repair", "trades")) == "trades: nothing to repair\n"
    victim = next(Path(lake.storage.root).glob("trades/venue=*/date=2026-01-01/*.parquet"))
    victim.unlink()
    result = call("verify", "trades")
    assert (result.exit_code, result.stderr) == (1, "")
    assert "missing file" in result.stdout
    assert result.stdout.endswith("trades: 1 error, 0 warnings\n")
    result = call("verify", "--json")
    assert json.loads(result.stdout)["level"] == "error"
    result = call("repair", "trades")
    assert result.exit_code == 1
    assert "would be done" in result.stdout
    assert call("verify").exit_code == 1
    (done,) = objects(call("repair", "trades", "--yes", "--json"))
    assert (done["rows"], done["done"]) == (3, True)
    assert output(call("verify")) == "trades: sound\n"


def test_warnings_count_when_strict(lake, call):
    lake.append("trades", on_day(0))
    lake.append("trades", on_day(0))
    result = call("verify")
    assert result.exit_code == 0
    assert "id twice" in result.stdout
    assert call("verify", "--strict").exit_code == 1


def test_silence_is_told_when_asked_for(lake, call):
    lake.append("trades", pa.concat_tables([on_day(0, count=8), on_day(1, count=8)]).slice(0, 16))
    rows = on_day(0, count=2).set_column(
        1, "ts_recv", pa.array([1767225600_000000000, 1767232800_000000000], pa.timestamp("ns"))
    )
    lake.append("trades", rows)
    assert "silence" not in output(call("verify", "trades"))
    assert "silence" in call("verify", "trades", "--gap", "1h").stdout


def test_a_failure_does_not_keep_others_from_being_looked_at(lake, call):
    lake.append("trades", on_day(0))
    result = call("verify", "nothing", "trades")
    assert result.exit_code == 2
    assert result.stdout == "trades: sound\n"
    assert "no dataset 'nothing'" in result.stderr


def test_it_asks_on_a_terminal_only(lake, call, monkeypatch):
    lake.append("trades", on_day(0))
    monkeypatch.setattr("rustonite_data.cli.output.can_answer", lambda: True)
    for command in (
        ("retain", "trades", "--before", "2026-02-01"),
        ("delete", "trades", "--venue", "binance"),
        ("restore", "trades", "--to", "0"),
    ):
        result = call(*command, input="n\n")
        assert result.exit_code == 2
        assert "trades" in result.stderr
        assert result.stderr.endswith("error: nothing was changed\n")
    for command in (("retain", "--before", "2026-02-01"), ("delete", "--venue", "binance")):
        assert "3 rows would be" in output(call(command[0], "trades", *command[1:], "--dry-run"))
    assert objects(call("ls", "--json"))[0]["rows"] == 3
    assert call("retain", "trades", "--before", "2026-02-01", input="y\n").exit_code == 0
    assert objects(call("ls", "--json"))[0]["rows"] == 0
    assert output(call("restore", "trades", "--to", "1", "--yes")).startswith("trades: restored")


def test_import(lake, call, tmp_path):
    good, bad = tmp_path / "good.csv", tmp_path / "bad.csv"
    good.write_text("t,p,q,s\n1767225600000,1.5,2,buy\n1767225600001,1.25,3,sell\n")
    bad.write_text("t,p,q,s\n1767225600000,1.5,2,buy\n1767225600001,dear,3,sell\n")
    time = '{"column": "t", "unit": "ms"}'
    names = {"ts_event": time, "ts_recv": time, "price": "p", "size": "q", "side": "s"}
    columns = [part for item in names.items() for part in ("--column", "=".join(item))]
    command = ["import", "--dataset", "trades", "--venue", "v", "--symbol", "s", *columns]
    assert output(call(*command, good)) == f"{good}: 2 rows of trades\n"
    assert output(call(*command, good)) == f"{good}: was imported before\n"
    assert output(call(*command, "--again", good)) == f"{good}: 2 rows of trades\n"
    assert "option 'nothing' is not known" in problem(call(*command, good, "--option", "nothing=1"))
    result = call(*command, bad, good, "--json")
    assert result.exit_code == 2
    told = json.loads(result.stderr)
    assert told["error"].startswith(f"{bad}: line 3, column 'p': 'dear', expected")
    assert (told["kind"], told["retryable"]) == ("Invalid", False)
    assert json.loads(result.stdout) == {
        "file": str(good),
        "rows": {},
        "skipped": True,
        "rejected": 0,
    }
    result = call(*command, bad, "--rejects", tmp_path)
    rejects = tmp_path / "bad.csv.rejects.tsv"
    assert (result.exit_code, result.stdout) == (0, f"{bad}: 1 row of trades\n")
    assert result.stderr == f"{bad}: 1 bad line in {rejects}\n"
    assert "dear" in rejects.read_text()
    assert lake.sql("select sum(size) as s from trades").pl().item() == 12
    assert "expected a folder" in misuse(call(*command, bad, good, "--rejects", rejects))
    assert "expected JSON" in problem(call("import", good, "--column", "a={x"))
    assert "given twice" in problem(call("import", good, "--column", "a=b", "--column", "a=c"))


def test_export(lake, call, tmp_path):
    lake.append("trades", on_day(0))
    where = tmp_path / "trades.parquet"
    assert output(call("export", "trades", where)) == f"{where}: 3 rows\n"
    assert pq.read_table(where).num_rows == 3
    assert "exists" in problem(call("export", "trades", where))
    query = "select price from trades where trade_id = 1"
    assert objects(call("export", query, where, "--overwrite", "--json")) == [
        {"file": str(where), "rows": 1}
    ]
    assert pq.read_table(where).column_names == ["price"]


def test_commit(lake, call):
    with lake.tape("trades", "demo", **SMALL) as tape:
        tape.append(on_day(0))
        tape.seal()
        tape.append(on_day(1, count=2))
        assert output(call("commit")).endswith("\n3 rows moved\n")
    (facts,) = objects(call("commit", "--seal", "--json"))
    assert (facts["rows_committed"], facts["rows_waiting"], facts["error"]) == (2, 0, None)
    assert objects(call("ls", "--json"))[0]["rows"] == 5
    assert "--seal is for" in misuse(call("commit", "--seal", "--follow"))
    assert "more than 0 s" in misuse(call("commit", "--follow", "--every", "0s"))


@pytest.mark.parametrize(("sign", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 0)])
def test_commit_follows_until_it_is_told_to_end(lake, sign, code):
    with lake.tape("trades", "demo", **SMALL) as tape:
        tape.append(on_day(0))
        tape.seal()
        process = spawn(lake, "commit", "--follow", "--json", "--every", "0.1s")
        while json.loads(process.stdout.readline())["rows_committed"] < 3:
            pass
        tape.append(on_day(1, count=2))
        tape.seal()
        while (told := json.loads(process.stdout.readline()))["rows_committed"] < 5:
            pass
        assert told["dataset"] == "trades"
        process.send_signal(sign)
        _, err = process.communicate(timeout=60)
    assert (err, process.returncode) == ("", code)
    assert lake.sql("select count(*) as n from trades", hot=False).pl().item() == 5


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("90d", timedelta(days=90)),
        ("12h", timedelta(hours=12)),
        ("1.5h", timedelta(minutes=90)),
        (" 2w ", timedelta(weeks=2)),
        ("30m", timedelta(minutes=30)),
        ("45s", timedelta(seconds=45)),
    ],
)
def test_durations(text, expected):
    assert duration(text) == expected


@pytest.mark.parametrize("text", ["", "90", "d", "-1d", "1 year", "1y", "9" * 20 + "w", "1d12h"])
def test_wrong_durations(text, call):
    assert repr(text) in misuse(call("retain", "trades", "--keep", text))


def test_moments_and_versions():
    assert moment("2026-01-02") == datetime(2026, 1, 2, tzinfo=UTC)
    assert moment("2026-01-02T03:04+01:00") == datetime(2026, 1, 2, 2, 4, tzinfo=UTC)
    assert version("17") == 17
    assert version("20260102") == datetime(2026, 1, 2, tzinfo=UTC)
