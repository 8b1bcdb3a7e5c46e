"""`python -m rustonite_data.cli` is `rustonite`."""

from rustonite_data.cli import main

main(prog_name="rustonite")
