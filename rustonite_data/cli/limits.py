"""`rustonite limits`: a file with limits to begin with."""

from __future__ import annotations

from typing import Any

import click

from rustonite_data.cli.options import pair

_WORDS = {"none": None, "true": True, "false": False}


@click.command()
@click.option(
    "--currency",
    metavar="NAME",
    default="USDT",
    show_default=True,
    help="Currency of the limits in money.",
)
@click.option(
    "--set",
    "changes",
    multiple=True,
    type=pair,
    metavar="KEY=VALUE",
    help="Set KEY to VALUE; `none` for no such limit.",
)
def limits(*, currency: str, changes: tuple[tuple[str, str], ...]) -> None:
    """Print a whole limits.toml, each key with its meaning, for a first try with little money.

    \b
    Example:
      rustonite limits > limits.toml
      rustonite limits --currency USD --set order_size_max=5 --set net_max=none
    """
    # Imported here, as it brings the extension.
    from rustonite_data import _native  # noqa: PLC0415
    from rustonite_exec import limits as written  # noqa: PLC0415

    for name, _ in changes:
        if name in {"currency", "version"}:
            raise click.UsageError(f"--set {name}: it is not a limit; --currency says the currency")
    values: dict[str, Any] = {name: _WORDS.get(value, value) for name, value in changes}
    text = written(currency, **values)
    _native.check_limits(text, "--set")
    click.echo(text, nl=False)
