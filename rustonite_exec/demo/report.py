"""A page about what the demo did: one file, readable without the net, in the dark, too."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass, field
from html import escape
from typing import TYPE_CHECKING, Any

from rustonite_data import _native
from rustonite_exec.demo import queries
from rustonite_exec.demo.crew import SYMBOLS, TRADED
from rustonite_exec.demo.plots import Plot

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from rustonite_data.lake import Lake
    from rustonite_exec.demo.proofs import Proof
    from rustonite_exec.demo.queries import Answer

_NS = 1e9
_BUCKETS_PER_DECADE = 12
_COLORS = ("one", "two", "three")

_STYLE = """
:root { --paper: #fff; --ink: #1c1e21; --faint: #6a7078; --grid: #e4e6ea; --one: #1f6fb4;
  --two: #b35c00; --three: #5b7f1c; --buy: #1a7f37; --sell: #c0352b; --mark: #8250df; }
@media (prefers-color-scheme: dark) { :root { --paper: #15181c; --ink: #e3e6ea; --faint: #9098a2;
  --grid: #2b3037; --one: #5aa9e6; --two: #e8a04c; --three: #a3c760; --buy: #4ac26b;
  --sell: #f0766c; --mark: #b692f6; } }
body { background: var(--paper); color: var(--ink); font: 15px/1.5 system-ui, sans-serif;
  margin: 2rem auto; max-width: 56rem; padding: 0 1rem; }
h2 { font-size: 1.1rem; margin: 2rem 0 .3rem; }
p, td, th { overflow-wrap: anywhere; } .faint { color: var(--faint); }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
th, td { padding: .15rem .8rem .15rem 0; text-align: left; vertical-align: top; }
td.number, th.number { text-align: right; }
th { color: var(--faint); font-weight: normal; border-bottom: 1px solid var(--grid); }
pre { background: var(--grid); padding: .6rem; overflow-x: auto; font-size: .8rem; }
svg { width: 100%; height: auto; } .holds { color: var(--buy); } .fails { color: var(--sell); }
.tick { fill: var(--faint); font-size: 11px; } .mid { text-anchor: middle; }
.end { text-anchor: end; } .grid { stroke: var(--grid); } .axis { stroke: var(--faint); }
rect.hole { fill: var(--grid); opacity: .6; }
.mark { stroke: var(--mark); stroke-dasharray: 4 3; } polyline { fill: none; stroke-width: 1.3; }
polyline.one { stroke: var(--one); } polyline.two { stroke: var(--two); }
polyline.three { stroke: var(--three); } rect.one { fill: var(--one); }
rect.two { fill: var(--two); } rect.three { fill: var(--three); }
polygon.buy, rect.buy { fill: var(--buy); } polygon.sell, rect.sell { fill: var(--sell); }
"""


@dataclass
class Marks:
    """What happened when, in nanoseconds since 1970."""

    moments: dict[str, int] = field(default_factory=dict)
    unheard: tuple[int, int] = (0, 0)
    """From when to when nobody recorded."""


def page(lake: Lake, proofs: Sequence[Proof], answers: Sequence[Answer], marks: Marks) -> str:
    """The text of the page."""
    made = time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime())
    about = (
        f"rustonite {_native.VERSION}, {made} UTC. The venue, its other traders and the money are "
        "made up; recorder, lake, trader and their processes are the real ones."
    )
    parts = [
        "<h1>A market maker on a venue of its own</h1>",
        f'<p class="faint">{escape(about)}</p>',
        "<h2>What had to hold</h2>",
        _table(("", "statement", "seen by"), [_proof_cells(one) for one in proofs]),
        *(f"<h2>{escape(title)}</h2>\n{plot.svg()}" for title, plot in _plots(lake, marks)),
        *(part for one in answers for part in _answer(one)),
    ]
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width"><title>rustonite demo</title>'
        f"<style>{_STYLE}</style></head><body>\n" + "\n".join(parts) + "\n</body></html>\n"
    )


def _proof_cells(proof: Proof) -> tuple[str, str, str]:
    mark = '<b class="holds">holds</b>' if proof.holds else '<b class="fails">FAILS</b>'
    return mark, escape(proof.name), f'<span class="faint">{escape(proof.seen)}</span>'


def _answer(answer: Answer) -> Iterable[str]:
    yield f"<h2>{escape(answer.title)}</h2>"
    yield f'<p class="faint">{answer.way}, {answer.milliseconds:.1f} ms</p>'
    yield f"<details><summary>query</summary><pre>{escape(answer.text)}</pre></details>"
    cells = [[escape(value) for value in row] for row in answer.cells]
    yield _table([escape(name) for name in answer.columns], cells, answer.numeric)


def _table(
    titles: Sequence[str], rows: Iterable[Sequence[str]], numeric: Iterable[int] = ()
) -> str:
    right = set(numeric)

    def cells(tag: str, values: Sequence[str]) -> str:
        kinds = [' class="number"' if at in right else "" for at in range(len(values))]
        pairs = zip(kinds, values, strict=True)
        return "".join(f"<{tag}{kind}>{value}</{tag}>" for kind, value in pairs)

    body = "\n".join(f"<tr>{cells('td', row)}</tr>" for row in rows)
    return f"<table><tr>{cells('th', titles)}</tr>\n{body}\n</table>"


def _plots(lake: Lake, marks: Marks) -> Iterable[tuple[str, Plot]]:
    quotes = {symbol: queries.quotes_of(lake, symbol) for symbol in SYMBOLS}
    begin = min((frame["at"][0] for frame in quotes.values() if len(frame)), default=0)

    def seconds(times: Iterable[int]) -> list[float]:
        return [(at - begin) / _NS for at in times]

    def over_time(title: str, unit: str) -> Plot:
        plot = Plot(title, "seconds", unit)
        plot.hole(*seconds(marks.unheard))
        for label, at in marks.moments.items():
            plot.mark((at - begin) / _NS, label)
        return plot

    yield f"{TRADED} and own fills", _price(over_time, quotes[TRADED], queries.fills(lake), seconds)
    spread = over_time("Spread", "hundredths of a per cent of the price")
    for color, (symbol, frame) in zip(_COLORS, quotes.items(), strict=True):
        spread.line(seconds(frame["at"]), frame["spread_bps"].to_list(), color, symbol)
    yield "Spread", spread
    yield "From the journal's intent to the venue's answer", _latencies(queries.round_trips(lake))
    money = over_time("Profit", "USDT")
    gained = queries.profit(lake)
    money.line(
        seconds(gained["at"]),
        gained["profit"].to_list(),
        "one",
        "profit, open position at the middle",
    )
    yield "Profit", money


def _price(over_time: Any, quotes: Any, fills: Any, seconds: Any) -> Plot:  # noqa: ANN401 - frames
    plot: Plot = over_time("Price", "USDT")
    plot.line(seconds(quotes["at"]), quotes["mid"].to_list(), "one", "middle")
    for side, label, shape in (("buy", "bought", "up"), ("sell", "sold", "down")):
        ours = fills.filter(fills["side"] == side)
        plot.dots(zip(seconds(ours["at"]), ours["price"], strict=True), side, label, shape)
    return plot


def _latencies(microseconds: Sequence[float]) -> Plot:
    plot = Plot("Round trips", "microseconds", "orders", x_text=lambda value: f"{10**value:,.0f}")
    plot.bars(log_buckets(microseconds))
    return plot


def log_buckets(values: Iterable[float]) -> list[tuple[float, float, float]]:
    """How many there are of each size, in steps of equal ratio: from and to as powers of ten.

    Example:
        >>> [(round(low, 2), count) for low, _, count in log_buckets([10.0, 10.1, 100.0])]
        [(1.0, 2), (2.0, 1)]
    """
    counts: dict[int, int] = {}
    for value in values:
        if value > 0:
            bucket = math.floor(math.log10(value) * _BUCKETS_PER_DECADE + 1e-9)
            counts[bucket] = counts.get(bucket, 0) + 1
    step = 1 / _BUCKETS_PER_DECADE
    return [(at * step, (at + 1) * step, count) for at, count in sorted(counts.items())]
