"""What a running trader says to those who watch machines."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from rustonite_data.metrics import escaped, family

if TYPE_CHECKING:
    from collections.abc import Callable

    Values = list[tuple[str, float]]

_ENDS = ("filled", "cancelled", "expired", "rejected")
_ANSWERS = ("first_word", "first_fill", "cancel")


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


def _profit(status: dict[str, Any]) -> Values:
    scopes = ((*scope.split(" ", 1), total) for scope, total in status["profit"].items())
    return [
        (_labels({"scope": scope, "name": name}, "scope", "name"), float(total))
        for scope, name, total in scopes
    ]


def _ended(status: dict[str, Any]) -> Values:
    return [
        (f'{_labels(one, "account")},end="{end}"', float(one[end]))
        for one in status["answers"]
        for end in _ENDS
    ]


def _answer_times(status: dict[str, Any]) -> Values:
    return [
        (f'{_labels(one, "account")},answer="{answer}",quantile="{part}"', float(value))
        for one in status["answers"]
        for answer in _ANSWERS
        for part, value in one[f"{answer}_us"].items()
    ]


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
    _Family("denials_total", "counter", "Wishes that risk denied.", _one("denials")),
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
        "tick_to_order_us", "gauge",
        "Time from the receipt of a tick to the bytes of the order it caused.",
        lambda status: [
            (f'quantile="{part}"', float(value))
            for part, value in status["tick_to_order_us"].items()
        ],
    ),
    _Family(
        "orders_sent_total", "counter", "Orders sent.",
        _each("answers", lambda one: float(one["sent"]), "account"),
    ),
    _Family("orders_ended_total", "counter", "Orders by how they ended.", _ended),
    _Family(
        "answer_us", "gauge",
        "Time from the bytes of an order to the venue's first word and first execution, and from"
        " those of a cancel to the end.",
        _answer_times,
    ),
    _Family(
        "slippage_bps", "gauge",
        "What executions cost against the middle at the moment of their order.",
        _slippage,
    ),
]  # fmt: skip


def metrics(status: dict[str, Any]) -> str:
    """The figures of a trader's status in the text format of Prometheus."""
    lines: list[str] = []
    for one in _FAMILIES if status else ():
        lines += family(f"rustonite_trade_{one.name}", one.kind, one.about, one.values(status))
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
    return not problems, "\n".join(problems) or "ok"
