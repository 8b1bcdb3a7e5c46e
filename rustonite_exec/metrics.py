"""What a running trader says to those who watch machines."""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING, Any, NamedTuple

from rustonite_data.metrics import Histogram, escaped, family, histogram

if TYPE_CHECKING:
    from collections.abc import Callable

    Values = list[tuple[str, float]]

# As the trader has it, which denies every order then.
_SILENT_MS = 60_000
_ENDS = ("filled", "cancelled", "expired", "rejected")


class _Family(NamedTuple):
    name: str
    kind: str
    about: str
    values: Callable[[dict[str, Any]], Values]


def _one(name: str) -> Callable[[dict[str, Any]], Values]:
    return lambda status: [("", float(status[name]))]


def _each(
    what: str, value: Callable[[dict[str, Any]], float], *names: str
) -> Callable[[dict[str, Any]], Values]:
    return lambda status: [(_labels(one, *names), value(one)) for one in status[what]]


def _age_s(age_ms: int | None) -> float:
    return inf if age_ms is None else age_ms / 1e3


def _profit(status: dict[str, Any]) -> Values:
    scopes = ((scope.partition(" "), total) for scope, total in status["profit"].items())
    return [
        (_labels({"scope": scope, "name": name}, "scope", "name"), float(total))
        for (scope, _, name), total in scopes
    ]


def _ended(status: dict[str, Any]) -> Values:
    return [
        (f'{_labels(one, "account")},end="{end}"', float(one[end]))
        for one in status["answers"]
        for end in _ENDS
    ]


def _stage(*stages: str) -> Callable[[dict[str, Any]], list[Histogram]]:
    return lambda status: [
        Histogram(_labels_of_stage(one), one["buckets"], one["sum_s"], one["count"])
        for one in status["latency"]
        if one["stage"] in stages
    ]


def _labels_of_stage(one: dict[str, Any]) -> str:
    account = one["account"]
    return "" if account is None else f'{_labels(one, "account")},answer="{one["stage"]}"'


def _slippage(status: dict[str, Any]) -> Values:
    known = [one for one in status["answers"] if one["slippage_bps"] is not None]
    return [(_labels(one, "account"), float(one["slippage_bps"])) for one in known]


_FAMILIES = [
    _Family(
        "trading", "gauge", "Whether an account may trade.",
        lambda status: [
            (_labels({"account": one["name"]}, "account"), float(one["trading"]))
            for one in status["accounts"]
        ],
    ),
    _Family("fills_total", "counter", "Executions.", _one("fills")),
    _Family(
        "requests_total", "counter", "Requests sent: orders, changes, cancels.", _one("requests")
    ),
    _Family(
        "denials_total", "counter", "Wishes that risk denied, by code.",
        lambda status: [
            (f'code="{code}"', float(count)) for code, count in status["denials_by_code"].items()
        ],
    ),
    _Family("rejects_total", "counter", "Requests that venues refused.", _one("rejects")),
    _Family("open_orders", "gauge", "Orders that are open.", _one("open_orders")),
    _Family("profit", "gauge", "Profit, in the reporting currency.", _profit),
    _Family(
        "position", "gauge", "Signed size of a position.",
        _each("positions", lambda one: float(one["size"]), "account", "venue", "symbol", "side"),
    ),
    _Family(
        "balance", "gauge", "What is owned.",
        lambda status: [
            (_labels({"asset": asset}, "asset"), float(total))
            for asset, total in status["balances"].items()
        ],
    ),
    _Family(
        "switch", "gauge", "Switches that are thrown.",
        _each("switches", lambda _one: 1.0, "scope", "name", "code"),
    ),
    _Family(
        "journal_halted", "gauge", "Whether no order leaves any more.",
        lambda status: [("", float(status["halted"] is not None))],
    ),
    _Family(
        "feed_age_seconds", "gauge",
        "Time since the last row of a tape that is followed; +Inf: none so far.",
        _each("feeds", lambda one: _age_s(one["age_ms"]), "venue", "dataset"),
    ),
    _Family(
        "orders_sent_total", "counter", "Orders sent.",
        _each("answers", lambda one: float(one["sent"]), "account"),
    ),
    _Family("orders_ended_total", "counter", "Orders by how they ended.", _ended),
    _Family(
        "slippage_bps", "gauge",
        "What executions cost against the middle at the moment of their order.",
        _slippage,
    ),
]  # fmt: skip

_HISTOGRAMS = [
    (
        "tick_to_order_seconds",
        "Time from the receipt of a tick to the bytes of the order it caused.",
        _stage("tick_to_order"),
    ),
    (
        "answer_seconds",
        "From an order's bytes to the first word and execution, from a cancel's to the end.",
        _stage("first_word", "first_fill", "cancel"),
    ),
]


def metrics(status: dict[str, Any]) -> str:
    """The figures of a trader's status in the text format of Prometheus."""
    if not status:
        return ""
    lines: list[str] = []
    for one in _FAMILIES:
        lines += family(f"rustonite_trade_{one.name}", one.kind, one.about, one.values(status))
    for name, about, histograms in _HISTOGRAMS:
        lines += histogram(f"rustonite_trade_{name}", about, histograms(status))
    return "".join(f"{line}\n" for line in lines)


def _labels(one: dict[str, Any], *names: str) -> str:
    return ",".join(f'{name}="{escaped(str(one[name]))}"' for name in names)


def place_of(one: dict[str, Any]) -> str:
    """How far a switch reaches, and which one there."""
    return " ".join(filter(None, (one["scope"], one["name"])))


def health(status: dict[str, Any]) -> tuple[bool, str]:
    """Whether it trades, and if not, why."""
    if not status:
        return False, "it is starting"
    problems = [
        f"account {one['name']} may not trade" for one in status["accounts"] if not one["trading"]
    ]
    problems += [f"switch of {place_of(one)}: {one['code']}" for one in status["switches"]]
    if status["halted"]:
        problems.append(f"journal: {status['halted']}")
    ages: dict[str, list[int]] = {}
    for one in status["feeds"]:
        # Rules are told however long prices have not been.
        if one["dataset"] == "instruments":
            continue
        seen = [] if one["age_ms"] is None else [one["age_ms"]]
        ages.setdefault(one["venue"], []).extend(seen)
    for venue, of_venue in ages.items():
        age_ms = min(of_venue, default=None)
        if age_ms is None or age_ms > _SILENT_MS:
            since = "so far" if age_ms is None else f"for {age_ms // 1000} s"
            problems.append(f"{venue}: no market data came {since}; does its recorder run?")
    return not problems, "\n".join(problems) or "ok"
