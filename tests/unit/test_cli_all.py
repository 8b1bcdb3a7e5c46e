"""The command line as one thing: the same words, options and endings everywhere."""

import subprocess
import sys

import click
import pytest
from click.testing import CliRunner

from rustonite_data import _native, cli

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
