"""`rustonite init`: configuration files to begin with."""

from __future__ import annotations

from pathlib import Path

import click

from rustonite_data.cli.output import json_option, print_json_lines

_ABOUT = {
    "exchange.toml": "a venue on this machine",
    "recorder.toml": "records it into ./lake",
    "trader.toml": "a market maker there",
    "limits.toml": "what it may risk",
    "keys.toml": "its key, for its owner alone",
}


@click.command()
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path), default=".")
@click.option(
    "--port",
    type=click.IntRange(1, 65_535),
    default=9000,
    show_default=True,
    metavar="PORT",
    help="Port of the local exchange.",
)
@json_option
def init(folder: Path, *, port: int, as_json: bool) -> None:
    """Write configuration files to FOLDER (here, if not given) that work together at once.

    A venue on this machine, its recorder, and a market maker with limits, each with what else can
    be set. Nothing that is there is overwritten.

    \b
    Example:
      rustonite init desk
    """
    # Imported here, as it brings the extension.
    from rustonite_exec.configs import write_configs  # noqa: PLC0415

    written = write_configs(folder, port)
    if as_json:
        print_json_lines([{"folder": str(folder), "files": [path.name for path in written]}])
        return
    for path in written:
        click.echo(f"{path!s:{len(str(written[0])) + 2}}{_ABOUT[path.name]}")
    there = "" if folder == Path() else f"cd {folder}, then "
    click.echo(f"\n{there}in three shells:")
    for name in ("exchange", "record", "trade"):
        file = {"record": "recorder", "trade": "trader"}.get(name, name)
        click.echo(f"  rustonite {name} {file}.toml")
