"""Plots as SVG text: lines, dots and bars over axes, without a library and without JavaScript.

Colours are CSS variables, so that the page around them decides about dark and light.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from html import escape
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

_POINTS_MAX = 600
_TICKS = 5
_STEPS = (1.0, 2.0, 2.5, 5.0, 10.0)


@dataclass
class Plot:
    """One plot; what is drawn later lies above.

    Example:
        >>> plot = Plot("price", "s", "USDT")
        >>> plot.line([0, 1, 2], [10.0, 11.0, 10.5], "one", "mid")
        >>> plot.svg().startswith("<svg") and "polyline" in plot.svg()
        True
    """

    title: str
    x_label: str
    y_label: str
    x_text: Callable[[float], str] = field(default_factory=lambda: "{:g}".format)
    width: int = 860
    height: int = 260
    _lines: list[tuple[list[tuple[float, float]], str]] = field(default_factory=list)
    _dots: list[tuple[float, float, str, str]] = field(default_factory=list)
    _bars: list[tuple[float, float, float]] = field(default_factory=list)
    _marks: list[tuple[float, str]] = field(default_factory=list)
    _legend: list[tuple[str, str]] = field(default_factory=list)
    _hole: tuple[float, float] | None = None

    def line(self, xs: Sequence[float], ys: Sequence[float], color: str, label: str) -> None:
        """A line; points that nobody could tell apart are left out."""
        points = list(zip(map(float, xs), map(float, ys), strict=True))
        behind = len(points)
        if self._hole is not None:
            behind = sum(x <= self._hole[0] for x, _ in points)
        parts = (points[:behind], points[behind:])
        self._lines += [(thinned(part, _POINTS_MAX), color) for part in parts if part]
        self._legend.append((color, label))

    def dots(
        self, points: Iterable[tuple[float, float]], color: str, label: str, shape: str
    ) -> None:
        """Triangles, `up` or `down`."""
        self._dots += [(x, y, color, shape) for x, y in points]
        self._legend.append((color, label))

    def bars(self, bars: Iterable[tuple[float, float, float]]) -> None:
        """Bars: from, to, height."""
        self._bars += list(bars)

    def hole(self, low: float, high: float) -> None:
        """A stretch of which nothing is known: lines that are drawn later have none there."""
        self._hole = (low, high)

    def mark(self, x: float, label: str) -> None:
        """A moment that all of it should be seen beside."""
        self._marks.append((x, label))

    def svg(self) -> str:
        """The text."""
        xs = [x for line, _ in self._lines for x, _ in line] + [x for x, *_ in self._dots]
        ys = [y for line, _ in self._lines for _, y in line] + [y for _, y, *_ in self._dots]
        xs += [edge for low, high, _ in self._bars for edge in (low, high)]
        ys += [0.0, *(height for *_, height in self._bars)] if self._bars else []
        head = (
            f'<svg viewBox="0 0 {self.width} {self.height}" role="img" '
            f'aria-label="{escape(self.title)}">'
        )
        if not xs:
            return f'{head}<text x="40" y="40">nothing to show</text></svg>'
        frame = _Frame(_span(xs), _span(ys, room=0.05), self.width, self.height)
        parts = [*self._axes(frame), *self._shapes(frame), *self._words(frame)]
        return "\n".join([head, *parts, "</svg>"])

    def _axes(self, frame: _Frame) -> Iterable[str]:
        for value in ticks(*frame.ys):
            y = frame.y(value)
            yield f'<line class="grid" x1="{frame.left}" x2="{frame.right}" y1="{y}" y2="{y}"/>'
            yield f'<text class="tick end" x="{frame.left - 6}" y="{y + 4:.1f}">{value:g}</text>'
        for value in ticks(*frame.xs):
            x = frame.x(value)
            text = escape(self.x_text(value))
            yield f'<text class="tick mid" x="{x}" y="{frame.bottom + 16}">{text}</text>'
        yield (
            f'<line class="axis" x1="{frame.left}" x2="{frame.right}" '
            f'y1="{frame.bottom}" y2="{frame.bottom}"/>'
        )

    def _shapes(self, frame: _Frame) -> Iterable[str]:
        for low, high, height in self._bars:
            x, y = frame.x(low), frame.y(height)
            wide, tall = max(1.0, frame.x(high) - x - 1), frame.y(0.0) - y
            yield f'<rect class="one" x="{x}" y="{y}" width="{wide:.1f}" height="{tall:.1f}"/>'
        if self._hole is not None:
            x, behind = (frame.x(value) for value in self._hole)
            tall = frame.bottom - frame.top
            shape = f'x="{x}" y="{frame.top}" width="{behind - x:.1f}" height="{tall}"'
            yield f'<rect class="hole" {shape}/>'
        for at, (x_value, label) in enumerate(self._marks):
            x = frame.x(x_value)
            y = frame.top + 10 + 12 * (at % 2)
            yield f'<line class="mark" x1="{x}" x2="{x}" y1="{frame.top}" y2="{frame.bottom}"/>'
            yield f'<text class="tick" x="{x + 3:.1f}" y="{y}">{escape(label)}</text>'
        for line, color in self._lines:
            points = " ".join(f"{frame.x(x)},{frame.y(y)}" for x, y in line)
            yield f'<polyline class="{color}" points="{points}"/>'
        for x_value, y_value, color, shape in self._dots:
            x, y = frame.x(x_value), frame.y(y_value)
            tip, base = (y - 5, y + 3) if shape == "up" else (y + 5, y - 3)
            corners = f"{x},{tip:.1f} {x - 4:.1f},{base:.1f} {x + 4:.1f},{base:.1f}"
            yield f'<polygon class="{color}" points="{corners}"/>'

    def _words(self, frame: _Frame) -> Iterable[str]:
        yield f'<text class="tick" x="{frame.left}" y="14">{escape(self.y_label)}</text>'
        yield (
            f'<text class="tick end" x="{frame.right}" y="{self.height - 4}">'
            f"{escape(self.x_label)}</text>"
        )
        x = frame.right
        for color, label in reversed(self._legend):
            x -= 7 * len(label) + 24
            yield f'<rect class="{color}" x="{x}" y="6" width="10" height="10"/>'
            yield f'<text class="tick" x="{x + 14}" y="15">{escape(label)}</text>'


@dataclass(frozen=True)
class _Frame:
    """From values to places on the page."""

    xs: tuple[float, float]
    ys: tuple[float, float]
    width: int
    height: int
    left: int = 78
    top: int = 24
    margin_right: int = 12
    margin_bottom: int = 36

    @property
    def right(self) -> int:
        return self.width - self.margin_right

    @property
    def bottom(self) -> int:
        return self.height - self.margin_bottom

    def x(self, value: float) -> float:
        low, high = self.xs
        return round(self.left + (value - low) / (high - low) * (self.right - self.left), 1)

    def y(self, value: float) -> float:
        low, high = self.ys
        return round(self.bottom - (value - low) / (high - low) * (self.bottom - self.top), 1)


def _span(values: Sequence[float], room: float = 0.0) -> tuple[float, float]:
    """From the least to the most, never empty."""
    low, high = min(values), max(values)
    if low == high:
        return low - 0.5, high + 0.5
    more = (high - low) * room
    return (low if low == 0.0 else low - more), high + more


def ticks(low: float, high: float) -> list[float]:
    """Round numbers on an axis.

    Example:
        >>> ticks(0.3, 11.2)
        [2.5, 5.0, 7.5, 10.0]
    """
    rough = (high - low) / _TICKS
    scale = 10.0 ** math.floor(math.log10(rough))
    step = next(one * scale for one in _STEPS if one * scale >= rough)
    first, last = math.ceil(low / step), math.floor(high / step)
    return [round(number * step, 12) for number in range(first, last + 1)]


def thinned(points: list[tuple[float, float]], most: int) -> list[tuple[float, float]]:
    """At most so many points: of each stretch the lowest and the highest, so that no peak is lost.

    Example:
        >>> thinned([(0, 1.0), (1, 5.0), (2, 1.0), (3, 2.0)], 2)
        [(0, 1.0), (1, 5.0)]
    """
    if len(points) <= most:
        return points
    kept = []
    stretch = math.ceil(len(points) / (most // 2))
    for at in range(0, len(points), stretch):
        part = points[at : at + stretch]
        low, high = min(part, key=lambda one: one[1]), max(part, key=lambda one: one[1])
        kept += sorted({low, high})
    return kept
