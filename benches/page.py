"""The page of benchmarks, from the lines that the benches kept."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path

from figures import OURS, UNITS

BARS = Path(__file__).with_name("bars.toml")
INTRODUCTION = """\
# Benchmarks

One run of `make compare`: all systems on one machine, one after another, each used as its own
documentation advises. Whatever is said of a peer was measured in this run. Run it again before you
believe it: on machines that others use, too, percentiles from p99 on change from run to run.

Latencies count from the moment that something was due, at a constant rate. `best` and `median` are
of warm runs."""
NOT_TO_BE_BELIEVED = """\
**A quick run that only tries the mechanism: its figures mean nothing.**"""


@dataclass
class Run:
    """What is known of a run beside its figures."""

    machine: list[str]
    versions: list[str]
    commands: list[str]
    failed: list[str] = field(default_factory=list)
    passed: dict[str, bool] = field(default_factory=dict)
    is_quick: bool = False


def bars() -> list[dict]:
    """The bars of the design."""
    return tomllib.loads(BARS.read_text())["bar"]


def render(lines: list[dict], run: Run) -> str:
    """The whole page."""
    measured = [line for line in lines if "absent" not in line]
    parts = [INTRODUCTION]
    if run.is_quick:
        parts.append(NOT_TO_BE_BELIEVED)
    parts += [
        "## The machine and versions",
        listed([*run.machine, *run.versions]),
        "## Bars of the design",
        bar_table(measured, run),
        "## What we lose",
        losses_text(measured),
        "## All figures",
        *(text for group in groups(measured) for text in group_texts(group, measured)),
        "## What was not measured",
        listed(missing(lines, measured, run)) or "Nothing.",
        "## Commands",
        "`make compare` runs these, and `make bench` too, which writes no page:",
        "```sh\n" + "\n".join(run.commands) + "\n```",
    ]
    return "\n\n".join(parts) + "\n"


def listed(texts: list[str]) -> str:
    return "\n".join(f"- {text}" for text in texts)


def table(head: list[str], rows: list[list[str]]) -> str:
    escaped = [[cell.replace("|", "\\|") for cell in row] for row in rows]
    lines = [head, ["---"] * len(head), *escaped]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def number(value: float) -> str:
    """Three digits that count."""
    if value == 0 or abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.3g}"


def missing(lines: list[dict], measured: list[dict], run: Run) -> list[str]:
    """Systems, commands and bars without figures."""
    absent = [line for line in lines if "absent" in line]
    texts = [f"{line['group']}, {line['system']}: {line['absent']}" for line in absent]
    without = [bar for bar in bars() if "tests" not in bar and worst(bar, measured) is None]
    return texts + run.failed + [f"the bar: {bar['name']}" for bar in without]


def groups(measured: list[dict]) -> list[str]:
    return list(dict.fromkeys(line["group"] for line in measured))


# Bars


def bar_table(measured: list[dict], run: Run) -> str:
    head = ["what", "bar", "measured", "", "best peer in this run"]
    return table(head, [bar_row(bar, measured, run) for bar in bars()])


def bar_row(bar: dict, measured: list[dict], run: Run) -> list[str]:
    if "tests" in bar:
        results = [run.passed.get(name) for name in bar["tests"]]
        said = "not run" if None in results else "met" if all(results) else "**missed**"
        return [bar["name"], "these pass: " + ", ".join(bar["tests"]), "", said, "-"]
    asked = bar.get("at_most") or bar["at_least"]
    sign = "≤" if "at_most" in bar else "≥"
    wanted = ", ".join(f"{name} {sign} {number(limit)}" for name, limit in asked.items())
    found = worst(bar, measured)
    if found is None:
        return [bar["name"], f"{wanted} {bar['unit']}", "", "not measured", "-"]
    told = ", ".join(f"{name} {number(value)}" for name, value in found.items())
    missed = [name for name, limit in asked.items() if not holds(bar, found[name], limit)]
    said = f"**missed** ({', '.join(missed)})" if missed else "met"
    return [bar["name"], f"{wanted} {bar['unit']}", told, said, best_peer(bar, measured)]


def worst(bar: dict, measured: list[dict]) -> dict[str, float] | None:
    """Of our figures that a bar is about the worst, by statistic."""
    lines = [line for line in measured if line["system"] == OURS and fits(bar, line, bar["what"])]
    if not lines:
        return None
    asked = bar.get("at_most") or bar["at_least"]
    choose = max if "at_most" in bar else min
    return {name: choose(line["figures"][name] for line in lines) for name in asked}


def fits(bar: dict, line: dict, what: str) -> bool:
    same = (line["group"], line["unit"]) == (bar["group"], bar["unit"])
    return same and fnmatchcase(line["what"], what)


def holds(bar: dict, value: float, limit: float) -> bool:
    return value <= limit if "at_most" in bar else value >= limit


def best_peer(bar: dict, measured: list[dict]) -> str:
    """By the first statistic of the bar that a peer has, or else the first of its own."""
    patterns = [bar["what"], *([bar["beside"]] if "beside" in bar else [])]
    peers = [
        line
        for line in measured
        if not is_ours(line["system"]) and any(fits(bar, line, what) for what in patterns)
    ]
    if not peers:
        return "-"
    asked = list(bar.get("at_most") or bar["at_least"])

    def statistic(line: dict) -> str:
        return next(
            (name for name in asked if name in line["figures"]), next(iter(line["figures"]))
        )

    choose = max if UNITS[bar["unit"]] else min
    best = choose(peers, key=lambda line: line["figures"][statistic(line)])
    name = statistic(best)
    other = "" if fnmatchcase(best["what"], bar["what"]) else f" ({best['what']})"
    return f"{best['system']}: {name} {number(best['figures'][name])}{other}"


def is_ours(system: str) -> bool:
    return system.startswith(OURS)


# What we lose


def losses_text(measured: list[dict]) -> str:
    found = losses(measured)
    if all(is_ours(line["system"]) for line in measured):
        return "No peer was measured."
    if not found:
        return "No peer was ahead of us in what both were asked."
    return "What a peer did better, of all that both were asked:\n\n" + listed(found)


def losses(measured: list[dict]) -> list[str]:
    """By the first statistic that both have."""
    found = []
    for ours in (line for line in measured if line["system"] == OURS):
        for peer in measured:
            key = ("group", "what", "unit")
            if is_ours(peer["system"]) or any(peer[part] != ours[part] for part in key):
                continue
            name = next((one for one in ours["figures"] if one in peer["figures"]), None)
            if name is None:
                continue
            mine, theirs = ours["figures"][name], peer["figures"][name]
            if theirs > mine if UNITS[ours["unit"]] else theirs < mine:
                found.append(
                    f"{ours['group']}, {ours['what']}: {peer['system']} has {number(theirs)}, we "
                    f"{number(mine)} {ours['unit']} ({name})"
                )
    return found


# All figures


def group_texts(group: str, measured: list[dict]) -> list[str]:
    lines = [line for line in measured if line["group"] == group]
    names = list(dict.fromkeys(name for line in lines for name in line["figures"]))
    order = list(dict.fromkeys(line["what"] for line in lines))
    lines.sort(key=lambda line: order.index(line["what"]))
    rows = [
        [
            line["what"],
            line["system"],
            line["unit"],
            *(number(line["figures"][name]) if name in line["figures"] else "" for name in names),
        ]
        for line in lines
    ]
    return [f"### {group}", table(["what", "system", "unit", *names], rows)]
