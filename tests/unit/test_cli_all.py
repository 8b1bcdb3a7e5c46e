"""The command line as one thing: the same words, options and endings everywhere."""

import errno
import json
import os
import subprocess
import sys

import click
import pytest
from click.testing import CliRunner
from helpers import python, trades_arrow

from rustonite_data import _native, cli
from rustonite_data.lake import Lake

# What an option means wherever it is.
SHARED = {
    "--json": "flag",
    "--lake": "RUSTONITE_LAKE",
    "--tapes": "RUSTONITE_TAPES",
    "--journal": "RUSTONITE_JOURNAL",
}
# What prints text of another kind, or runs until somebody ends it and tells nothing.
WITHOUT_JSON = {"completion", "limits"}


def commands(group=cli.main, path=()):
    """Every command with the words that call it."""
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        if isinstance(command, click.Group):
            yield (*path, name), command
            yield from commands(command, (*path, name))
        else:
            yield (*path, name), command


ALL = dict(commands())
LEAVES = {path: one for path, one in ALL.items() if not isinstance(one, click.Group)}


@pytest.mark.parametrize("path", [(), *ALL], ids=" ".join)
def test_help_says_what_it_does_and_has_an_example(path):
    result = CliRunner().invoke(cli.main, [*path, "--help"])
    assert result.exit_code == 0, result.output
    assert "Example:" in result.stdout
    words = " ".join(("rustonite", *path)).rstrip()
    example = result.stdout.partition("Example:")[2]
    assert words in example


@pytest.mark.parametrize("path", LEAVES, ids=" ".join)
def test_every_option_says_what_it_is_for(path):
    for one in LEAVES[path].params:
        if isinstance(one, click.Option):
            choice = isinstance(one.type, click.Choice) or one.name == "count"
            assert one.help or choice, f"{path}: {one.opts}"


@pytest.mark.parametrize("path", LEAVES, ids=" ".join)
def test_options_of_one_name_are_the_same_everywhere(path):
    options = {name: one for one in LEAVES[path].params if isinstance(one, click.Option)
               for name in one.opts}  # fmt: skip
    if path[-1] not in WITHOUT_JSON:
        assert "--json" in options, path
    for name, meaning in SHARED.items():
        option = options.get(name)
        if option is None:
            continue
        if meaning == "flag":
            assert option.is_flag
        else:
            assert (option.envvar, option.show_envvar) == (meaning, True), path


# What stands for the value of an option, wherever it is; choices and ranges may differ.
VALUES = {
    "--account": "NAME", "--end": "TIME", "--every": "DURATION", "--for": "DURATION",
    "--gap": "DURATION", "--journal": "FOLDER", "--keep": "DURATION", "--lake": "URL",
    "--metrics": "HOST:PORT", "--name": "NAME", "--port": "PORT", "--seed": "N",
    "--speed": "FACTOR", "--start": "TIME", "--state": "FOLDER", "--storage-option": "KEY=VALUE",
    "--symbol": "NAME", "--tapes": "FOLDER", "--venue": "NAME", "--folder": "FOLDER",
}  # fmt: skip
# Options of which each command says the same, but for these commands.
OTHERWISE = {("sql",), ("lake", "repair")}
SAME_HELP = ("--journal", "--json", "--start", "--end", "--storage-option", "--yes")


def test_a_value_is_called_the_same_everywhere():
    for path, command in LEAVES.items():
        for one in command.params:
            if not isinstance(one, click.Option) or one.is_flag:
                continue
            said = one.metavar or (None if isinstance(one.type, click.Choice) else one.type.name)
            for name in one.opts:
                assert said == VALUES.get(name, said), (path, name)
            # Words of click's that say nothing of what is meant.
            assert said not in {"text", "integer", "integer range", "float range"}, (path, one.opts)


@pytest.mark.parametrize("name", SAME_HELP)
def test_an_option_is_explained_the_same_everywhere(name):
    helps = {path: one.help for path, command in LEAVES.items() for one in command.params
             if name in one.opts and path not in OTHERWISE}  # fmt: skip
    assert len(set(helps.values())) == 1, helps


def mistake(*words):
    """What a command prints that cannot be done, as text and as JSON."""
    result = CliRunner().invoke(cli.main, words)
    assert (result.exit_code, result.stdout, result.stderr.count("\n")) == (2, "", 1), result.output
    assert result.stderr.startswith("error: ")
    told = CliRunner().invoke(cli.main, [*words, "--json"])
    assert (told.exit_code, told.stdout) == (2, "")
    facts = json.loads(told.stderr)
    assert set(facts) == {"error", "kind", "retryable"}
    return result.stderr.removeprefix("error: ").rstrip(), facts["kind"]


@pytest.mark.parametrize(
    ("words", "expected", "kind"),
    [
        (["recrod"], "no command 'recrod'; did you mean record?", "Invalid"),
        (["x"], "no command 'x'; there are completion, config, demo", "Invalid"),
        (["lake", "verfy"], "No such command 'verfy'. Did you mean 'verify'?", "Invalid"),
        (["sql", "--engin", "x"], "No such option '--engin'. Did you mean '--engine'?", "Invalid"),
        (["--bogus"], "No such option '--bogus' (", "Invalid"),
        (["sql", "select 1", "-e", "x"], "'x' is not one of 'duckdb', 'datafusion'", "Invalid"),
        (["lake", "ls"], "which lake? give --lake URL, set RUSTONITE_LAKE, or go", "NotFound"),
        (["lake", "ls", "--lake", "away"], "away: not a lake; `rustonite lake init`", "NotFound"),
        (["demo", "--for", "0s"], "expected at least 1s", "Invalid"),
        (["demo", "--for", "soon"], "found 'soon', expected a number and one of w, d", "Invalid"),
        (["kill"], "journal: no journal of a trader; say which with --journal", "NotFound"),
        (["kill", "--journal", "other"], "other: no journal of a trader; say", "NotFound"),
        (["kill", "strategy"], "strategy: expected its NAME, such as maker", "Invalid"),
        (["kill", "all", "x"], "all is all: found the name 'x', expected none", "Invalid"),
        (["resume"], "journal: no journal of a trader; say which with --journal", "NotFound"),
        (["resume", "order"], "order: expected its NAME, such as 1048577", "Invalid"),
        (["orders"], "journal: no journal of a trader; say which with --journal", "NotFound"),
        (["positions"], "journal: no journal of a trader; say which with --journal", "NotFound"),
        (["record", "folder"], "folder: Is a directory, expected a recorder's", "Invalid"),
        (["config", "check", "--as", "x", "y"], "'x' is not one of 'exchange', 'keys'", "Invalid"),
        (["tape", "show", "folder"], "folder: no tape here", "NotFound"),
        (["tape", "ls", "away"], "away: no such folder", "NotFound"),
        (["lake", "init", "file/lake"], "file/lake/lake.json: Not a directory", "Invalid"),
        (["init", "file/desk"], "file/desk: Not a directory", "Invalid"),
    ],
    ids=lambda words: " ".join(words) if isinstance(words, list) else "",
)
def test_a_mistake_is_one_line_or_one_object(tmp_path, monkeypatch, words, expected, kind):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").touch()
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "thesis.tex").touch()
    text, found = mistake(*words)
    assert expected in text
    assert found == kind
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "folder", "other"]
    assert [path.name for path in (tmp_path / "other").iterdir()] == ["thesis.tex"]


def test_a_lake_that_is_near_is_named(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Lake.create(tmp_path / "lake")
    assert mistake("lake", "ls")[0] == "which lake? there is one here: --lake lake"


@pytest.mark.parametrize(
    ("number", "kind", "retryable"),
    [(errno.ENOSPC, "Unavailable", True), (errno.EROFS, "Invalid", False)],
)
def test_what_the_system_refuses_is_no_traceback(monkeypatch, number, kind, retryable):
    def refuse(*_):
        raise OSError(number, os.strerror(number), "/data/file")

    monkeypatch.setattr("rustonite_data.cli.tape.tapes_below", refuse)
    result = CliRunner().invoke(cli.main, ["tape", "ls", "--json"])
    assert result.exit_code == 2
    assert json.loads(result.stderr) == {
        "error": f"/data/file: {os.strerror(number)}",
        "kind": kind,
        "retryable": retryable,
    }


def test_after_ctrl_c_python_is_not_taken_apart():
    """Threads of libraries that are at work would crash: seen of recorders in one of twelve."""
    code = """
        import atexit, os, signal
        from rustonite_data import cli
        from rustonite_data.cli.options import Place

        atexit.register(print, "taken apart")
        Place.open = lambda _place: os.kill(os.getpid(), signal.SIGINT)
        cli.main(["lake", "ls"])
    """
    process = python(code)
    assert process.communicate(timeout=60) == ("", "")
    assert process.returncode == 130


@pytest.mark.parametrize("words", [["record"], ["trade"], ["exchange"], ["config", "check"]])
def test_keys_are_in_no_message(tmp_path, words):
    path = tmp_path / "keys.toml"
    path.write_text("key = 'hush-hush-1'\nsecret = \"hush-hush-2\"\napi_token = 'hush-hush-3'\n")
    result = CliRunner().invoke(cli.main, [*words, str(path)])
    assert (result.exit_code, "hush" in result.output) == (2, False)
    assert str(path) in result.stderr


def test_rows_are_not_written_where_they_come_from(tmp_path):
    lake = Lake.create(tmp_path / "lake")
    lake.append("trades", trades_arrow(3))
    where = ["--lake", lake.storage.root, "--into"]
    for words in (
        ["replay", "trades", *where, f"{tmp_path}/lake/.tapes"],
        ["replay", "trades", *where, f"{tmp_path}/lake/again"],
        ["reparse", *where, f"{tmp_path}/lake/"],
    ):
        text, kind = mistake(*words)
        assert (kind, "lake itself, which would have" in text) == ("Invalid", True)
    assert lake.datasets() == ["trades"]


def test_version_tells_what_it_was_built_from():
    result = CliRunner().invoke(cli.main, ["--version"])
    assert result.exit_code == 0
    facts = dict(line.split(maxsplit=1) for line in result.stdout.splitlines()[1:])
    assert list(facts) == ["commit", "profile", "rustc", "target", "python"]
    assert facts["profile"] == _native.BUILD["profile"] != ""
    assert facts["target"].endswith("-linux-gnu")
    assert "/" not in result.stdout


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion(shell):
    result = CliRunner().invoke(cli.main, ["completion", shell])
    assert result.exit_code == 0, result.output
    assert "_RUSTONITE_COMPLETE" in result.stdout


def test_what_is_completed():
    words = {
        "_RUSTONITE_COMPLETE": "bash_complete",
        "COMP_WORDS": "rustonite la",
        "COMP_CWORD": "1",
    }
    done = subprocess.run(
        [sys.executable, "-c", "from rustonite_data.cli import main; main(prog_name='rustonite')"],
        env=words, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert done.stdout == "plain,lake\n"


def test_a_package_that_is_not_here_is_named_with_what_brings_it(monkeypatch, tmp_path):
    def refuse(_name, _path=None):
        raise ModuleNotFoundError("No module named 'duckdb'", name="duckdb")

    monkeypatch.setattr("rustonite_data.cli.options.Place.open", refuse)
    result = CliRunner().invoke(cli.main, ["lake", "ls", "--lake", str(tmp_path)])
    assert result.exit_code == 2
    assert result.stderr == "error: duckdb is not installed: pip install 'rustonite[lake]'\n"
