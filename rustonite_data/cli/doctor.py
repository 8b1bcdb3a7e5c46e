"""`rustonite doctor`: whether this machine is fit for it."""

from __future__ import annotations

import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click
from rich.console import Console

from rustonite_data.cli.output import PROBLEMS, json_option, print_json_lines
from rustonite_data.config import read, table_of

_COLORS = {"ok": "green", "warn": "yellow", "fail": "red"}
_USUAL = ("recorder.toml", "trader.toml", "exchange.toml")


@click.command()
@click.argument("configs", nargs=-1, type=click.Path(path_type=Path), metavar="[CONFIG]...")
@click.option(
    "--lake",
    envvar="RUSTONITE_LAKE",
    show_envvar=True,
    metavar="URL",
    help="Folder of the lake. By default CONFIG's, or the current one.",
)
@click.option(
    "--tapes",
    envvar="RUSTONITE_TAPES",
    show_envvar=True,
    type=click.Path(path_type=Path),
    metavar="FOLDER",
    help="Folder of the tapes. By default CONFIG's, or the lake's.",
)
@json_option
def doctor(
    configs: tuple[Path, ...], *, lake: str | None, tapes: Path | None, as_json: bool
) -> None:
    """Look at what of this machine matters, and say what to do where it is not well.

    Kernel, processors, shared memory, clock, limits, lake and tapes of a recorder's CONFIG, the
    keys that each names (by default recorder.toml, trader.toml and exchange.toml here), and
    optional packages. Nothing is changed. Exit code 1: something does not work (fail); what only
    loses something is a warn.

    \b
    Example:
      rustonite doctor
      rustonite doctor recorder.toml --tapes /dev/shm/ticks --json
    """
    # Imported here, as it brings the extension.
    from rustonite_data.doctor import examine  # noqa: PLC0415

    named = _named(configs or tuple(path for path in map(Path, _USUAL) if path.is_file()))
    lake = lake or named.get("lake") or "."
    tapes = tapes or named.get("tapes")
    findings = examine(None if "://" in lake else Path(lake), tapes, named["keys"])
    if as_json:
        print_json_lines(asdict(finding) for finding in findings)
    else:
        console = Console(soft_wrap=True, highlight=False)
        width = max(len(finding.name) for finding in findings)
        for finding in findings:
            console.print(f"{finding.level:5}", style=_COLORS[finding.level], end="")
            console.print(f"{finding.name:{width}}  {finding.found}", markup=False)
            if finding.advice:
                console.print(f"{'':{width + 5}}  -> {finding.advice}", markup=False)
    sys.exit(PROBLEMS if any(finding.level == "fail" for finding in findings) else 0)


def _named(configs: tuple[Path, ...]) -> dict[str, Any]:
    """The folders and keys that configurations name."""
    found: dict[str, Any] = {"keys": []}
    for path in configs:
        table = table_of(read(path, "a configuration"), str(path))
        if "feed" in table and isinstance(table.get("lake"), str):
            url = table["lake"]
            found.setdefault("lake", url if "://" in url else str(path.parent / url))
        if "feed" in table and isinstance(table.get("tapes"), str):
            found.setdefault("tapes", path.parent / table["tapes"])
        accounts = table.get("account", [])
        for account in accounts if isinstance(accounts, list) else ():
            # What is wrong with a file is for `config check` to say.
            if isinstance(account, dict) and isinstance(account.get("keys"), str):
                found["keys"].append(path.parent / account["keys"])
    found["keys"] = list(dict.fromkeys(found["keys"]))
    return found
