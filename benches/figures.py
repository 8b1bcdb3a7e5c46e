"""Figures that benches keep for `compare.py`, beside what they print for people.

A figure is a line of JSON in the file that RUSTONITE_BENCH_OUT names. Without it nothing is kept.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

OURS = "rustonite"
# Whether more is better.
UNITS = {
    "ns": False,
    "ns/row": False,
    "us": False,
    "ms": False,
    "MB": False,
    "bytes/row": False,
    "allocations": False,
    "rows/s": True,
    "M rows/s": True,
    "messages/s": True,
    "M messages/s": True,
    "M events/s": True,
    "M commands/s": True,
}


def keep(group: str, what: str, unit: str, *, system: str = OURS, **figures: float) -> None:
    """Keep figures of one system, each by the name of its statistic."""
    _write({"group": group, "what": what, "system": system, "unit": unit, "figures": figures})


def keep_absent(group: str, system: str, reason: str) -> None:
    """Say why a system was not measured."""
    _write({"group": group, "system": system, "absent": reason})


def _write(line: dict) -> None:
    if path := os.environ.get("RUSTONITE_BENCH_OUT"):
        with Path(path).open("a") as file:
            file.write(json.dumps(line) + "\n")


class WrongLine(ValueError):
    """A line that cannot be compared."""


def read(text: str) -> list[dict]:
    """Lines as they were kept.

    Raises:
        WrongLine: a line without one of its parts, or of a unit whose direction nobody knows.
    """
    found = []
    for number, raw in enumerate(text.splitlines(), start=1):
        line = json.loads(raw)
        if "absent" not in line:
            for part in ("group", "what", "system", "unit", "figures"):
                if not line.get(part):
                    raise WrongLine(f"line {number}: no {part}: {raw}")
            if line["unit"] not in UNITS:
                raise WrongLine(f"line {number}: unit {line['unit']!r} is not among {list(UNITS)}")
        found.append(line)
    return found
