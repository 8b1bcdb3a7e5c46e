"""`rustonite sql`: what it prints and writes, how it is interrupted, and its prompt."""

import codecs
import contextlib
import datetime as dt
import decimal
import fcntl
import json
import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner
from helpers import SMALL, finish, misuse, output, problem, python, trades

from rustonite_data import cli
from rustonite_data.cli.statements import split, statements
from rustonite_data.cli.values import cells, csv_column, json_values
from rustonite_data.lake import Committer, Lake

RUSTONITE = Path(sys.executable).with_name("rustonite")
# Runs until it is stopped.
ENDLESS = (
    "select count(*) from range(100000000000) a, range(100000) b where (a.range + b.range) % 7 = 3"
)
# A join there would keep one side in memory.
OF_DATAFUSION = "select count(*) from range(0, 100000000000000) where value % 7 = 3"


@pytest.fixture
def lake(memory):
    """A lake with ten rows in a file and five on a tape."""
    lake = Lake.create(memory / "lake")
    with lake.tape("trades", "demo", **SMALL) as tape:
        tape.append(trades(10))
        tape.seal()
        Committer(lake).run_once()
        tape.append(trades(5, first=10))
    return lake


@pytest.fixture
def ask(lake):
    """Runs `rustonite sql` on the lake."""

    def run(*arguments, **options):
        command = ["sql", "--lake", lake.storage.root, *map(str, arguments)]
        return CliRunner().invoke(cli.main, command, **options)

    return run


def spawn(lake, *arguments, **options):
    command = [RUSTONITE, "sql", "--lake", lake.storage.root, *map(str, arguments)]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    return subprocess.Popen(command, **{"text": True, **pipes, **options})


def test_a_table_has_all_rows_and_tells_numbers_from_texts(ask):
    lines = output(ask("select trade_id, symbol, price from trades order by trade_id")).splitlines()
    assert lines[0].split() == ["trade_id", "symbol", "price"]
    assert lines[-1].split() == ["14", "S0", "3.5"]
    assert len(lines) == 16
    assert lines[1] == "       0  S0        0.0"


def test_hot_rows_and_versions(ask):
    count = "select count(*) as n from trades"
    answers = [
        output(ask(count)),
        output(ask("--no-hot", count)),
        output(ask("--as-of", 1, count)),
        output(ask("--as-of", 0, count)),
    ]
    assert [answer.split()[1] for answer in answers] == ["15", "10", "10", "0"]
    assert "yesterday" in misuse(ask("--as-of", "yesterday", count))


def test_json_and_csv_keep_every_digit(ask):
    query = """select ts_recv, price / 0 as nothing, 1.10::decimal(9, 2) as money, trade_uid,
               [ts_event] as times from trades where trade_id in (0, 1) order by trade_id"""
    first, second = map(json.loads, output(ask("--format", "json", query)).splitlines())
    assert first == {
        "ts_recv": "1970-01-01T00:00:00.000000005Z",
        "nothing": None,
        "money": "1.10",
        "trade_uid": "id-0",
        "times": ["1970-01-01T00:00:00.000000000Z"],
    }
    assert second["trade_uid"] is None
    rows = output(ask("--format", "csv", query)).splitlines()
    assert rows[0] == "ts_recv,nothing,money,trade_uid,times"
    assert rows[2].startswith("1970-01-01T00:00:00.000000006,")
    assert rows[2].endswith(',1.10,,"[""1970-01-01T00:00:00.000000001Z""]"')


def test_results_in_files(ask, tmp_path):
    query = "select ts_recv, symbol from trades order by ts_recv"
    for name in ("rows.parquet", "rows.arrow", "rows.csv", "rows.json"):
        assert output(ask(query, "-o", tmp_path / name)) == ""
    kinds = pa.schema([("ts_recv", pa.timestamp("ns")), ("symbol", pa.string())])
    rows = pq.read_table(tmp_path / "rows.parquet")
    assert rows.schema.equals(kinds)
    assert pa.ipc.open_file(tmp_path / "rows.arrow").read_all().equals(rows)
    assert len((tmp_path / "rows.csv").read_text().splitlines()) == 16
    assert len((tmp_path / "rows.json").read_text().splitlines()) == 15
    # A query that fails leaves the file of an earlier one.
    assert "Conversion" in problem(ask("select 'x'::int", "-o", tmp_path / "rows.csv"))
    assert len((tmp_path / "rows.csv").read_text().splitlines()) == 16
    assert len(list(tmp_path.iterdir())) == 4
    where = tmp_path / "no" / "rows.csv"
    assert (
        problem(ask(query, "-o", where))
        == f"error: {where}: cannot be written: No such file or directory\n"
    )


def test_arrow_in_a_pipe(lake):
    process = spawn(lake, "--format", "arrow", "select 1 as one from trades", text=False)
    out, err = process.communicate(timeout=60)
    assert err == b""
    assert pa.ipc.open_stream(out).read_all()["one"].to_pylist() == [1] * 15


def test_parameters_are_bound(ask):
    query = "select count(*) as n from trades where symbol = $symbol and price > $price"
    assert output(ask("-p", "symbol=S1", "-p", "price=0.25", query)).split()[1] == "1"
    assert output(ask("-p", "symbol=' or 1=1", "-p", "price=0", query)).split()[1] == "0"
    assert output(ask("-p", 'a="7"', "select typeof($a) as a")).split()[1] == "VARCHAR"
    assert output(ask("-p", "a=7", "select typeof($a) as a")).split()[1] == "INTEGER"
    assert problem(ask("-p", "b=1", "select 1")) == "error: --param b: no query has $b\n"
    assert problem(ask("-p", "b=1", "-p", "b=2", "select $b")) == "error: --param b: given twice\n"
    assert "expected KEY=VALUE" in misuse(ask("-p", "b", "select $b"))


def test_files_and_pipes_with_several_queries(ask, tmp_path):
    text = "select 1 as a; -- one;\n\n/* ; */ select ';' as b;\n"
    (tmp_path / "q.sql").write_text(text)
    expected = "a\n1\n\nb\n;\n"
    assert output(ask("--file", tmp_path / "q.sql")) == expected
    assert output(ask(input=text)) == expected
    assert output(ask("-p", "x=5", input="select 1 as a; select $x as b")) == "a\n1\n\nb\n5\n"
    (tmp_path / "q.sql").write_text("select 1 as a;\n\nselect nothing;\nselect 2;")
    result = ask("--file", tmp_path / "q.sql")
    assert (result.exit_code, result.stdout) == (2, "a\n1\n\n")
    assert result.stderr.startswith(f"error: {tmp_path}/q.sql:3: Binder Error")
    (tmp_path / "q.sql").write_bytes(b"select '\xff'")
    assert "byte 8 is no UTF-8 text" in problem(ask("--file", tmp_path / "q.sql"))


def test_what_cannot_be_meant(ask, tmp_path):
    assert problem(ask(";")) == "error: query: found no statement\n"
    assert problem(ask(input="-- nothing\n")) == "error: <stdin>: found no statement\n"
    assert "found 2 statements" in problem(ask("select 1; select 2", "-o", tmp_path / "x.csv"))
    assert misuse(ask("select 1", "--format", "parquet")).endswith("needs --output FILE")
    assert "does not say a format" in misuse(ask("select 1", "-o", tmp_path / "x.txt"))
    assert "takes no table" in misuse(ask("select 1", "--format", "table", "-o", tmp_path / "x"))
    assert "not both" in misuse(ask("select 1", "--file", "-"))
    assert list(tmp_path.iterdir()) == []


def test_errors_of_engines_are_one_line(ask):
    assert problem(ask("selct")) == (
        'error: Parser Error: syntax error at or near "selct" LINE 1: selct\n'
    )
    assert "nothing" in problem(ask("select * from nothing"))
    for engine in ("datafusion", "polars"):
        assert "nothing" in problem(ask("--engine", engine, "select * from nothing"))
        assert (
            output(ask("--engine", engine, "select count(*) as n from trades")).split()[1] == "15"
        )


def test_restricted_text_reads_nothing_else(ask, tmp_path):
    (tmp_path / "x.csv").write_text("a\n1\n")
    query = "select * from read_csv('FOLDER/x.csv')".replace("FOLDER", str(tmp_path))
    assert output(ask(query)).split() == ["a", "1"]
    assert problem(ask("--restricted", query))
    assert "expected one SELECT" in problem(ask("--restricted", "create table x (a int)"))


def test_which_lake(lake, monkeypatch, tmp_path):
    def run(*arguments, **options):
        return CliRunner().invoke(cli.main, ["sql", *arguments, "select 1 as a"], **options)

    monkeypatch.chdir(tmp_path)
    assert problem(run()).startswith("error: which lake? give --lake URL")
    assert "not a lake" in problem(run("--lake", str(tmp_path)))
    assert output(run(env={"RUSTONITE_LAKE": lake.storage.root})) == "a\n1\n"
    monkeypatch.chdir(lake.storage.root)
    assert output(run()) == "a\n1\n"


def test_settings_of_stores_are_never_printed():
    hidden = "aVeryHiddenValue"
    for option in (hidden, f"bogus_key={hidden}", f"allow_http={hidden}", f"aws_region={hidden}"):
        for url in ("bogus://b/l", "s3://b/l"):
            if url == "s3://b/l" and "region" in option:
                continue
            command = ["sql", "--lake", url, "--storage-option", option, "select 1"]
            result = CliRunner().invoke(cli.main, command)
            assert (result.exit_code, type(result.exception)) == (2, SystemExit)
        assert hidden not in result.output


def test_limit_of_rows(ask):
    result = ask("--limit-rows", 3, "select trade_id from trades order by 1")
    assert result.stdout.split() == ["trade_id", "0", "1", "2"]
    assert result.stderr == "3 of 15 rows; --limit-rows 0 or --format csv brings all\n"
    assert len(output(ask("select range as a from range(25000)")).splitlines()) == 25_001
    assert output(ask("select * from trades where false")).count("\n") == 1


def test_statements():
    done, rest = split("select 'a;b'; select \"c;\" -- ;\n from t; select $$;$$")
    assert [statement.text for statement in done] == ["select 'a;b'", 'select "c;" -- ;\n from t']
    assert [statement.flat for statement in done] == ["select 'a;b'", 'select "c;" from t']
    assert rest == " select $$;$$"
    for unfinished in ("select 'a;", 'select "a;', "select /* ;", "select $$ ;", "select $a$ ; $$"):
        assert split(unfinished) == ([], unfinished)
    first, second = statements("select 1;\n\n -- why\n select $b, $c, '$d'")
    assert (first.line, second.line) == (1, 4)
    assert second.parameters == {"b", "c"}
    assert statements(" ; -- nothing\n;") == []


NS = pa.timestamp("ns")
STRUCT = pa.struct([("t", NS), ("x", pa.float64())])


@pytest.mark.parametrize(
    ("kind", "value", "expected"),
    [
        (NS, 1, "1970-01-01T00:00:00.000000001Z"),
        (pa.timestamp("us", "America/New_York"), 1, "1970-01-01T00:00:00.000001Z"),
        (pa.date32(), dt.date(2026, 1, 2), "2026-01-02"),
        (pa.time64("us"), dt.time(1, 2, 3), "01:02:03.000000"),
        (pa.duration("ms"), -1_500, "PT-1.5S"),
        (pa.month_day_nano_interval(), (14, 3, 1_000), "P14M3DT0.000001S"),
        (pa.decimal128(38, 18), decimal.Decimal("1e-18"), "0.000000000000000001"),
        (pa.binary(), b"\0\xff", "AP8="),
        (pa.dictionary(pa.int8(), pa.string()), "x", "x"),
        (pa.string_view(), "x", "x"),
        (pa.bool_(), True, True),
        (pa.int64(), 2**62, 2**62),
        (pa.list_(NS), [1], ["1970-01-01T00:00:00.000000001Z"]),
        (pa.list_(pa.float64(), 2), [1.5, float("nan")], [1.5, None]),
        (STRUCT, {"t": 0, "x": 1.0}, {"t": "1970-01-01T00:00:00.000000000Z", "x": 1.0}),
        (pa.map_(pa.string(), pa.int8()), [("k", 1)], [{"key": "k", "value": 1}]),
    ],
    ids=str,
)
def test_values_of_every_type(kind, value, expected):
    # Sliced, as engines hand out parts of larger arrays.
    column = pa.array([value, value, None, value], kind).slice(1)
    assert json_values(column) == [expected, None, expected]
    assert json.loads(json.dumps(json_values(column), allow_nan=False)) == json_values(column)
    text = expected if isinstance(expected, str) else json.dumps(expected)
    assert cells(column) == [text, "", text]
    assert pa.types.is_primitive(csv_column(column).type) or len(csv_column(column)) == 3


def test_texts_cannot_move_the_cursor():
    assert cells(pa.array(["a\x1b[31m\nb"])) == [r"a\x1b[31m\nb"]
    assert cells(pa.array([float("inf"), 0.1, None])) == ["inf", "0.1", ""]


def test_looking_at_tapes_imports_no_engine(memory):
    code = """
        import sys
        from click.testing import CliRunner
        from rustonite_data import cli

        for command in (["--help"], ["sql", "--help"], ["lake", "compact", "--help"],
                        ["tape", "ls", sys.argv[1]]):
            assert CliRunner().invoke(cli.main, command).exit_code == 0
        print(sorted({"deltalake", "duckdb", "polars", "pyarrow", "numpy"} & set(sys.modules)))
    """
    assert finish(python(code, memory)) == "[]\n"


def test_a_recorder_with_a_lake_imports_no_engine():
    code = """
        import sys, rustonite_data.lake, rustonite_data.record
        print(sorted({"datafusion", "duckdb", "pandas", "polars"} & set(sys.modules)))
    """
    assert finish(python(code)) == "[]\n"


@pytest.mark.parametrize(
    ("engine", "query"),
    [("duckdb", ENDLESS), ("datafusion", OF_DATAFUSION)],
)
def test_ctrl_c_ends_a_query(lake, engine, query):
    process = spawn(lake, "--engine", engine, f"select 'begun' as a; {query}")
    try:
        assert [process.stdout.readline() for _ in range(3)] == ["a\n", "begun\n", "\n"]
        process.send_signal(signal.SIGINT)
        assert process.communicate(timeout=30) == ("", "")
        assert process.returncode == 130
    finally:
        process.kill()
        process.communicate()


def test_a_closed_pipe_is_no_error(lake):
    for form in ("table", "csv", "json"):
        process = spawn(
            lake, "--format", form, "select range as a, 'text' as b from range(1000000)"
        )
        assert process.stdout.readline()
        process.stdout.close()
        with process.stderr:
            assert process.stderr.read() == ""
        process.wait(30)


# Takes the terminal as its own, so that Ctrl-C on it is for the command.
ON_TERMINAL = """
import fcntl, os, sys, termios
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
os.execv(sys.argv[1], sys.argv[1:])
"""
ESCAPES = re.compile(r"\x1b\[[0-9;?]*[a-zA-Z]|\x07")
BEGUN_ESCAPE = re.compile(r"\x1b(\[[0-9;?]*)?$")


class Terminal:
    """A command on a terminal of its own, 30 lines of 60 letters."""

    def __init__(self, command, state):
        self._ours, theirs = pty.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 30, 60, 0, 0))
        self.process = subprocess.Popen(
            [sys.executable, "-c", ON_TERMINAL, *map(str, command)],
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            env=os.environ | {"TERM": "xterm", "XDG_STATE_HOME": str(state)},
            start_new_session=True,
        )
        os.close(theirs)
        # Reads end anywhere: within a letter, and within what colours it.
        self._letters = codecs.getincrementaldecoder("utf-8")()
        self._raw = self._text = ""

    def write(self, text):
        os.write(self._ours, text.encode())

    def expect(self, wanted, seconds=60):
        """Wait for a text; returns what came before it, without what colours it."""
        end = time.monotonic() + seconds
        while wanted not in self._text:
            left = max(0, end - time.monotonic())
            if not select.select([self._ours], [], [], left)[0]:
                raise TimeoutError(f"no {wanted!r} in {self._text!r}")
            try:
                self._raw += self._letters.decode(os.read(self._ours, 65536))
            except OSError as error:
                left = f"it ended with {self.process.wait(60)}, after {self._text!r}"
                raise AssertionError(left) from error
            begun = BEGUN_ESCAPE.search(self._raw)
            whole = begun.start() if begun else len(self._raw)
            self._text += ESCAPES.sub("", self._raw[:whole]).replace("\r", "")
            self._raw = self._raw[whole:]
        before, _, self._text = self._text.partition(wanted)
        return before

    def press_ctrl_d(self):
        """Returns the exit code."""
        self.write("\x04")
        return self.process.wait(60)

    def close(self):
        self.process.kill()
        self.process.wait()
        os.close(self._ours)


@pytest.fixture
def terminal(lake, tmp_path):
    """Runs `rustonite sql` on the lake, on a terminal."""
    with contextlib.ExitStack() as stack:

        def start(*arguments):
            command = [RUSTONITE, "sql", "--lake", lake.storage.root, *arguments]
            started = Terminal(command, tmp_path / "state")
            stack.callback(started.close)
            return started

        yield start


PROMPT = "rustonite> "


@pytest.fixture
def prompt(terminal):
    started = terminal()
    started.expect(PROMPT)
    return started


def test_prompt_runs_queries_of_several_lines(prompt):
    prompt.write("select count(*) as n, -- of them;\n")
    prompt.expect("...> ")
    prompt.write("';' as b from trades; select 5 as c;\n")
    shown = prompt.expect(PROMPT)
    assert [line.split() for line in shown.splitlines() if line.split() == ["15", ";"]]
    assert "1 row" in shown
    assert [line for line in shown.splitlines() if line.strip() == "5"]
    assert prompt.press_ctrl_d() == 0


def test_prompt_commands(prompt):
    def say(line):
        prompt.write(f"{line}\n")
        prompt.expect(line)
        return prompt.expect(PROMPT)

    assert say(".tables").split() == ["trades"]
    assert "trade_uid" in say(".schema trades")
    assert "no dataset 'nothing'" in say(".schema nothing").replace("\n", " ")
    assert ".timing" in say(".help")
    assert say(".engine").split() == ["duckdb"]
    assert say(".engine polars").split() == ["polars"]
    assert "expected one of duckdb" in say(".engine spark").replace("\n", " ")
    assert say(".timing on").split() == ["on"]
    assert re.search(r"15 rows in \d+\.\d+ s", say("select symbol from trades;"))
    assert "expected one of .engine" in say(".nothing").replace("\n", " ")
    assert "error: " in say("select from where;")
    prompt.write(".quit\n")
    assert prompt.process.wait(60) == 0


def test_ctrl_c_stops_the_query_but_not_the_prompt(prompt):
    prompt.write(f"{ENDLESS};\n")
    prompt.expect("running")
    prompt.write("\x03")
    prompt.expect(PROMPT)
    prompt.write("select half of\n")
    prompt.expect("...> ")
    prompt.write("\x03")
    prompt.expect(PROMPT)
    prompt.write("select 40 + 2 as answer;\n")
    prompt.expect("42\n")
    prompt.expect(PROMPT)
    assert prompt.press_ctrl_d() == 0


def test_prompt_completes_names(prompt):
    prompt.write("selec\t trade_u\t from trades limit 1;\n")
    prompt.expect("\ntrade_uid")
    prompt.expect(PROMPT)
    prompt.write("select max(trades.flag\t) as m from trades;\n")
    prompt.expect("\nm")
    prompt.expect(PROMPT)
    prompt.write(".tab\t\n")
    prompt.expect("\ntrades\n")
    prompt.expect(PROMPT)
    assert prompt.press_ctrl_d() == 0


def test_history_is_kept_for_the_next_prompt(prompt, terminal, tmp_path):
    prompt.write("select 'once' -- said\n as a;\n")
    prompt.expect("once\n")
    prompt.process.kill()
    history = tmp_path / "state" / "rustonite" / "sql_history"
    assert history.read_text() == "select 'once' as a;\n"
    assert history.stat().st_mode & 0o777 == 0o600
    again = terminal()
    again.expect(PROMPT)
    again.write("\x1b[A\n")
    again.expect("once\n")
    again.expect(PROMPT)
    assert again.press_ctrl_d() == 0


def test_a_table_fits_the_terminal(terminal):
    query = "select *, repeat('x', 100) as long from trades order by trade_id"
    started = terminal("--limit-rows", "3", query)
    shown = started.expect("brings all")
    lines = shown.splitlines()
    table = [line for line in lines if "1970-01-01T" in line]
    assert len(table) == 3
    assert all("…" in line and len(line.rstrip()) <= 60 for line in table)
    assert "columns do not fit; name fewer, or --format csv" in shown
    assert "3 of 15 rows" in lines[-1]
    assert started.process.wait(60) == 0
