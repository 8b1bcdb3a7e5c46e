"""`rustonite record`: what it takes, and what it prints for people and scripts."""

import io
import json
import socket
from dataclasses import replace

import pytest
from click.testing import CliRunner
from helpers import problem
from rich.console import Console
from venue_server import VenueServer

from rustonite_data import cli
from rustonite_data.cli.record import Rates, line, view
from rustonite_data.errors import Unavailable
from rustonite_data.lake import Committer, Lake
from rustonite_data.record import Recorder


@pytest.fixture
def venue():
    with VenueServer() as server:
        yield server


def call(*arguments):
    return CliRunner().invoke(cli.main, ["record", *map(str, arguments)])


def test_help_has_an_example():
    result = call("--help")
    assert result.exit_code == 0
    assert "Example:\n    rustonite record binance BTCUSDT ETHUSDT" in result.stdout


def test_for_a_while_as_json(venue, memory):
    config = memory / "recorder.toml"
    config.write_text(venue.config("BTCUSDT"))
    venue.flow()
    result = call(config, "--lake", memory / "lake", "--for", "2s", "--every", "1s", "--json")
    assert result.exit_code == 0, result.output
    lines = [json.loads(line) for line in result.stdout.splitlines()]
    assert 3 <= len(lines) <= 4
    assert [line["time_ns"] for line in lines] == sorted(line["time_ns"] for line in lines)
    last = lines[-1]
    assert (last["venue"], last["problems"], last["dropped"]) == ("binance", {}, 0)
    kept = Lake(memory / "lake").sql("select count(*) as n from frames", hot=False).pl().item()
    assert last["frames"] == kept
    trades = Lake(memory / "lake").table("trades").pl()["trade_id"].to_list()
    assert sorted(trades) == list(range(trades[0], trades[0] + len(trades)))


def test_lines_for_people(venue, memory):
    config = memory / "recorder.toml"
    config.write_text(venue.config("BTCUSDT", "BTCUSTD"))
    result = call(config, "--lake", memory / "lake", "--for", "1s")
    assert (result.exit_code, result.stdout) == (0, "")
    *_, last = result.stderr.splitlines()
    assert last.startswith("binance: ")
    assert "BTCUSTD: binance has no such instrument; did you mean BTCUSDT?" in last


def test_the_table_that_a_person_watches(venue, memory):
    with Recorder(venue.config(), lake=memory / "lake") as recorder:
        venue.expect("ethusdt@trade")
        rates = Rates()
        table = view(recorder, rates)
        assert table.row_count == 1
        assert table.columns[0].header == "venue"
        assert "0 gaps" in line(recorder.status()[0])


def test_words_of_a_venue_are_no_markup(venue, memory, monkeypatch):
    folder = memory / "[bold]lake"
    with Recorder(venue.config(), lake=folder) as recorder:
        (status,) = recorder.status()
        told = replace(status, problems={"x": "no [red]BTC[/nothing]\x1b[2J"})
        monkeypatch.setattr(recorder, "status", lambda: [told])
        console = Console(file=io.StringIO(), width=200)
        console.print(view(recorder, Rates()))
        shown = console.file.getvalue()
    assert "no [red]BTC[/nothing]\\x1b[2J" in shown
    assert str(folder) in shown


def test_rows_that_cannot_be_moved_are_told(venue, memory, monkeypatch):
    def fail(*_, **__):
        raise Unavailable("the storage is away")

    monkeypatch.setattr(Committer, "run_once", fail)
    config = memory / "recorder.toml"
    config.write_text(venue.config("BTCUSDT"))
    result = call(config, "--lake", memory / "lake", "--for", "0.1s")
    assert (result.exit_code, "error: the storage is away" in result.stderr) == (1, True)


def test_an_address_of_metrics_is_taken_before_anything_starts(memory, monkeypatch):
    monkeypatch.chdir(memory)
    with socket.create_server(("127.0.0.1", 0)) as other:
        address = f"127.0.0.1:{other.getsockname()[1]}"
        shown = problem(call("binance", "BTCUSDT", "--metrics", address))
    assert f"metrics: {address}: " in shown
    assert list(memory.iterdir()) == []


WRONG = [
    (["binanse", "BTCUSDT"], 'command line:2: feed.venue: unknown venue "binanse"; did you mean'),
    (["binance"], "command line:3: feed.symbols: found none for binance"),
    (["binance", "BTCUSDT", "--datasets", "trade"], 'unknown dataset "trade"; did you mean trades'),
    (["nothing.toml"], "nothing.toml: No such file or directory"),
    (["binance", "BTCUSDT", "--metrics", "x"], "found 'x', expected HOST:PORT"),
    (["binance", "BTCUSDT", "--metrics", "9108"], "found '9108', expected HOST:PORT"),
]


@pytest.mark.parametrize(("arguments", "message"), WRONG)
def test_what_cannot_be_used_is_named(memory, monkeypatch, arguments, message):
    monkeypatch.chdir(memory)
    assert message in problem(call(*arguments))
    assert list(memory.iterdir()) == []


CONFIGS = [
    ("[[feed]]\nvenue = 'binance'\nsimbols = ['A']", "r.toml:3: unknown field `simbols`"),
    ("[tape]\nseal_after_s = 0\n[[feed]]\nvenue = 'binance'\nsymbols = ['A']", "r.toml:2: tape."),
    ("[metrics]\nport = 1", "r.toml:2: unknown field `port`"),
    ("[metrics]\nlisten = '9108'\n[[feed]]\nvenue = 'binance'", "r.toml:2: metrics.listen: "),
    (
        "proxy = 'ftp://me:s3cret-word@h'\n[[feed]]\nvenue = 'binance'\nsymbols = ['A']",
        "r.toml:1: ",
    ),
    ("proxy = 'http://me:s3cret-word@h:x'", "r.toml:1: "),
]


@pytest.mark.parametrize(("text", "message"), CONFIGS)
def test_what_a_file_has_wrong_is_named(memory, monkeypatch, text, message):
    monkeypatch.chdir(memory)
    (memory / "r.toml").write_text(text)
    shown = problem(call("r.toml"))
    assert message in shown
    assert "s3cret" not in shown
    assert [path.name for path in memory.iterdir()] == ["r.toml"]


def test_datasets_go_with_a_venue(memory):
    (memory / "r.toml").write_text("")
    result = call(memory / "r.toml", "--datasets", "trades")
    assert (result.exit_code, "--datasets goes with VENUE" in result.stderr) == (2, True)
