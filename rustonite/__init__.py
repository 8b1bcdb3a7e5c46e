"""The program `rustonite` from its first line on: Ctrl-C ends it without a word.

Imports take a while, and Python would tell in which of them the key was pressed. This imports
nothing of ours before it has seen to that. Once a command runs, `rustonite_data.cli.interrupts`
takes over.
"""

import os
import signal
import sys


def main() -> None:
    """Run the command line."""
    # Somebody may have asked for it not to be heard, as shells do for what runs behind them.
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    # The allocator reads it when the engine is loaded. By itself it keeps what a commit has freed
    # for a second, and recorders commit all the time. A query would take the same memory again.
    if sys.argv[1:2] == ["record"]:
        os.environ.setdefault("MIMALLOC_PURGE_DELAY", "10")
    from rustonite_data.cli import main as command  # noqa: PLC0415 - this is what takes a while

    command()
