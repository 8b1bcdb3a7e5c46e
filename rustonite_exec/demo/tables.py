"""Answers of queries as lines of text."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rustonite_data.cli.output import aligned, widths
from rustonite_exec.demo.report import cell_text

if TYPE_CHECKING:
    from rustonite_exec.demo.queries import Answer


def answer_lines(answer: Answer) -> list[str]:
    """A title with the time it took, and the rows below each other."""
    lines = [answer.columns, *([cell_text(value) for value in row] for row in answer.rows)]
    first = answer.rows[0] if answer.rows else ()
    right = {at for at, value in enumerate(first) if isinstance(value, (int, float))}
    head = f"{answer.title} ({answer.way}, {answer.milliseconds:.1f} ms)"
    return [head, *(f"  {line}" for line in aligned(lines, widths(lines), right))]
