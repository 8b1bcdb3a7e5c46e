"""`rustonite completion`: what a shell needs to complete commands and options."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class


@click.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def completion(context: click.Context, shell: str) -> None:
    """Print a script that lets SHELL complete commands and options.

    \b
    Example:
      rustonite completion bash >> ~/.bashrc
      rustonite completion zsh >> ~/.zshrc
      rustonite completion fish > ~/.config/fish/completions/rustonite.fish
    """
    kind = get_completion_class(shell)
    if kind is None:
        raise click.UsageError(f"this click completes nothing for {shell}")
    root = context.find_root().command
    click.echo(kind(root, {}, "rustonite", "_RUSTONITE_COMPLETE").source())
