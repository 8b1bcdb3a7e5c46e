"""The command line: what it prints for people and scripts, and how it ends."""

import json
import signal
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pytest
from click.testing import CliRunner
from helpers import SMALL, schema_of, trades

from rustonite_data import Tape, cli
from rustonite_data.cli.tape import batches
from rustonite_data.tape import advance_consumer

RUSTONITE = Path(sys.executable).with_name("rustonite")


def run(*arguments):
    return CliRunner().invoke(cli.main, ["tape", *map(str, arguments)])


def spawn(*arguments, **options):
    command = [RUSTONITE, "tape", *map(str, arguments)]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    return subprocess.Popen(command, text=True, **{**pipes, **options})


def lines(result):
    assert result.exit_code == 0, result.output
    return [json.loads(line) for line in result.stdout.splitlines()]


@pytest.fixture
def path(memory):
    """A tape with 15 rows in two segments."""
    with Tape.create(memory / "desk" / "trades", "trades", **SMALL) as tape:
        tape.append(trades(10))
        tape.seal()
        tape.append(trades(5, first=10))
    return tape.path


def test_help_has_an_example_everywhere():
    for command in ([], ["ls"], ["show"], ["tail"], ["verify"]):
        result = run(*command, "--help")
        assert result.exit_code == 0
        assert "Example:\n  rustonite tape " in result.stdout.replace("    ", "  ")


def test_version():
    result = CliRunner().invoke(cli.main, ["--version"])
    assert result.stdout.startswith("rustonite, version 0.")


def test_ls(path, memory):
    with Tape.create(memory / "desk" / "empty", "quotes", **SMALL):
        result = run("ls", memory)
        facts = lines(run("ls", "--json", memory))
    title, empty, full = result.stdout.splitlines()
    assert title.split()[:3] == ["tape", "dataset", "rows"]
    assert "live" in empty
    assert full.split()[:4] == [str(path), "trades", "15", "2"]
    assert full.split()[-2:] == ["1970-01-01T00:00:00.000000019Z", "memory"]
    assert [fact["rows"] for fact in facts] == [0, 15]
    assert [fact["has_writer"] for fact in facts] == [True, False]
    assert facts[0]["last_row_at"] is None
    assert lines(run("ls", "--json", path)) == facts[1:]


def test_ls_without_tapes_and_with_a_broken_one(path, tmp_path):
    result = run("ls", tmp_path)
    assert (result.exit_code, result.stdout) == (0, "")
    assert result.stderr == f"no tapes below {tmp_path}\n"
    (path / "tape.toml").write_text("format = 'x'")
    result = run("ls", path)
    assert result.exit_code == 1
    assert result.stderr.startswith(f"error: {path}/tape.toml: manifest: found")


def test_show(path):
    advance_consumer(path, "lake", 12)
    result = run("show", path)
    assert result.exit_code == 0
    for expected in (
        "memory-backed: ",
        "segments_max",
        "trade_uid",
        "dictionary<int32>",
        "0 to 15",
    ):
        assert expected in result.stdout
    assert ["lake", "12", "3"] in [line.split() for line in result.stdout.splitlines()]
    (facts,) = lines(run("show", "--json", path))
    assert facts["consumers"] == {"lake": 12}
    assert facts["columns"][0]["name"] == "ts_event"
    assert [segment["rows"] for segment in facts["segments"]] == [10, 5]


def test_show_of_a_damaged_tape_shows_the_rest(path):
    for segment in path.glob("*.seg"):
        segment.write_bytes(b"x")
    result = run("show", path)
    assert result.exit_code == 0
    assert "durability" in result.stdout
    assert "problem" in result.stdout


def test_tail(path):
    result = run("tail", "-n", 3, "--columns", "trade_id,price,trade_uid", path)
    rows = [line.split() for line in result.stdout.splitlines()]
    assert rows[0] == ["row", "trade_id", "price", "trade_uid"]
    assert rows[1:] == [["12", "12", "3.0", "id-12"], ["13", "13", "3.25"], ["14", "14", "3.5"]]
    assert len(run("tail", path).stdout.splitlines()) == 11
    assert len(run("tail", "-n", 99, path).stdout.splitlines()) == 16
    (row,) = lines(run("tail", "-n", 1, "--json", path))
    assert row["ts_recv"] == "1970-01-01T00:00:00.000000019Z"
    assert (row["symbol"], row["trade_uid"], row["price"]) == ("S0", None, 3.5)
    assert run("tail", "-n", 0, "--json", path).stdout == ""


def test_tail_of_every_type(memory):
    schema = schema_of(
        f=pa.float64(), d=pa.decimal128(38, 18), b=pa.binary(), day=pa.date32(),
        l=pa.list_(pa.decimal128(4, 2)), t=pa.string(), k=pa.dictionary(pa.int8(), pa.string()),
    )  # fmt: skip
    with Tape.create(memory / "t", schema, **SMALL) as tape:
        tape.append(
            {"f": [float("nan"), 0.1], "d": ["1e-18", None], "b": [b"\0\xff", b""],
             "day": [20_000, -1], "l": [["1.50"], []], "t": ["a\x1b[31m\nb", "é"], "k": ["x", None]}
        )  # fmt: skip
    first, second = lines(run("tail", "--json", memory / "t"))
    assert first == {"f": None, "d": "0.000000000000000001", "b": "AP8=", "day": "2024-10-04",
                     "l": ["1.50"], "t": "a\x1b[31m\nb", "k": "x"}  # fmt: skip
    assert second == {
        "f": 0.1,
        "d": None,
        "b": "",
        "day": "1969-12-31",
        "l": [],
        "t": "é",
        "k": None,
    }
    text = run("tail", memory / "t").stdout
    assert r"a\x1b[31m\nb" in text
    assert len(text.splitlines()) == 3


def test_verify(path):
    result = run("verify", path, path)
    assert result.exit_code == 0
    assert result.stdout.count("sound, 15 rows") == 2
    assert "compared" in result.stdout
    (facts,) = lines(run("verify", "--json", path))
    assert facts["sound"]
    assert [segment["checksums"] for segment in facts["segments"]] == [True, False]


def test_verify_of_damage_and_of_nothing(path):
    segment = next(path.glob("*.seg"))
    segment.write_bytes(segment.read_bytes()[:-4096])
    result = run("verify", path)
    assert result.exit_code == 1
    assert segment.name in result.stdout
    result = run("verify", path, path / "nothing")
    assert result.exit_code == 2
    assert result.stderr.startswith(f"error: {path}/nothing: no tape here")


@pytest.mark.parametrize("command", ["show", "tail", "verify"])
def test_errors_are_one_line(command, memory):
    result = run(command, memory / "nothing")
    assert result.exit_code == 2
    assert result.stderr.startswith(f"error: {memory}/nothing: no tape here")
    assert result.stderr.count("\n") == 1
    assert run(command).exit_code == 2


@pytest.mark.parametrize("command", ["show", "tail"])
def test_a_folder_of_tapes_names_them(command, path):
    result = run(command, path.parent)
    assert result.exit_code == 2
    assert result.stderr == f"error: {path.parent}: no tape here; there are trades in it\n"


def test_wrong_columns_and_folders(path, memory):
    result = run("tail", "--columns", "prise", path)
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.startswith("error: --columns: column 'prise' is not in the tape, expected")
    assert run("ls", memory / "nothing").stderr == f"error: {memory}/nothing: no such folder\n"


def test_a_pipe_is_plain_and_complete(path):
    with Tape.open(path) as tape:
        tape.append({**trades(1, first=15), "trade_uid": ["x" * 3000]})
    out, err = spawn("tail", path).communicate()
    assert err == ""
    assert "\x1b" not in out
    assert "x" * 3000 in out


def test_a_closed_pipe_is_no_error(path):
    with Tape.open(path) as tape:
        tape.append(trades(5000, first=15))
    process = spawn("tail", "--json", "-n", 5000, path)
    assert json.loads(process.stdout.readline())
    process.stdout.close()
    with process.stderr:
        assert process.stderr.read() == ""
    process.wait(30)


def test_follow_prints_what_comes_and_ends_by_ctrl_c(path):
    with Tape.open(path) as tape:
        process = spawn("tail", "-f", "-n", 1, "--json", "--columns", "trade_id", path)
        assert json.loads(process.stdout.readline()) == {"trade_id": 14}
        tape.append(trades(2, first=15))
        assert json.loads(process.stdout.readline()) == {"trade_id": 15}
        assert json.loads(process.stdout.readline()) == {"trade_id": 16}
        process.send_signal(signal.SIGINT)
        assert process.communicate(timeout=30) == ("", "")
        assert process.returncode == 130


def test_follow_as_text_and_of_a_deleted_tape(path):
    process = spawn("tail", "-f", "-n", 1, "--columns", "trade_id", path)
    assert process.stdout.readline().split() == ["row", "trade_id"]
    assert process.stdout.readline().split() == ["14", "14"]
    with Tape.open(path) as tape:
        tape.append(trades(1, first=15))
        assert process.stdout.readline().split() == ["15", "15"]
    for file in path.glob("*.seg"):
        file.unlink()
    out, err = process.communicate(timeout=30)
    assert (out, process.returncode) == ("", 2)
    assert err.startswith(f"error: {path}: the tape is gone")


def test_gaps_are_told(memory):
    with Tape.create(memory / "t", "trades", segments_max=3, **SMALL) as tape:
        reader = Tape.reader(memory / "t")
        for first in range(0, 60, 10):
            tape.append(trades(10, first=first))
            tape.seal()
    runner = CliRunner()
    with runner.isolation() as (out, err, _):
        kept = sum(len(batch) for batch in batches(reader))
        assert b"gap: rows 10 to " in err.getvalue()
        assert out.getvalue() == b""
    assert kept < 60
