"""What a running trader says to those who watch machines."""

from __future__ import annotations

from typing import Any

from rustonite_data.metrics import family


def metrics(status: dict[str, Any]) -> str:
    """The figures of a trader's status in the text format of Prometheus."""
    if not status:
        return ""
    name = "rustonite_trade"
    accounts = [(f'account="{one["name"]}"', float(one["trading"])) for one in status["accounts"]]
    profit = [(f'scope="{scope.strip()}"', float(sum_)) for scope, sum_ in status["profit"].items()]
    held = [
        (_labels(one, "account", "venue", "symbol", "side"), float(one["size"]))
        for one in status["positions"]
    ]
    owned = [(f'asset="{asset}"', float(total)) for asset, total in status["balances"].items()]
    thrown = [(_labels(one, "scope", "name", "code"), 1.0) for one in status["switches"]]
    times = status["tick_to_order_us"]
    answers = status["answers"]
    lines = [
        *family(f"{name}_trading", "gauge", "Whether an account may trade.", accounts),
        *family(f"{name}_fills_total", "counter", "Executions.", [("", status["fills"])]),
        *family(f"{name}_orders_total", "counter", "Requests sent.", [("", status["requests"])]),
        *family(
            f"{name}_denials_total",
            "counter",
            "Wishes that risk denied.",
            [("", status["denials"])],
        ),
        *family(
            f"{name}_rejects_total",
            "counter",
            "Requests that venues refused.",
            [("", status["rejects"])],
        ),
        *family(
            f"{name}_open_orders", "gauge", "Orders that are open.", [("", status["open_orders"])]
        ),
        *family(f"{name}_profit", "gauge", "Profit, in the reporting currency.", profit),
        *family(f"{name}_position", "gauge", "Signed size of a position.", held),
        *family(f"{name}_balance", "gauge", "What is owned.", owned),
        *family(f"{name}_switch", "gauge", "Switches that are thrown.", thrown),
        *family(
            f"{name}_journal_halted",
            "gauge",
            "Whether no order leaves any more.",
            [("", float(status["halted"] is not None))],
        ),
        *family(
            f"{name}_tick_to_order_us",
            "gauge",
            "Time from the receipt of a tick to the bytes of the order it caused.",
            [(f'quantile="{part}"', float(value)) for part, value in times.items()],
        ),
        *family(
            f"{name}_orders_sent_total",
            "counter",
            "Orders sent.",
            [(_labels(one, "account"), one["sent"]) for one in answers],
        ),
        *family(
            f"{name}_orders_ended_total",
            "counter",
            "Orders by how they ended.",
            [
                (f'{_labels(one, "account")},end="{end}"', one[end])
                for one in answers
                for end in ("filled", "cancelled", "expired", "rejected")
            ],
        ),
        *family(
            f"{name}_answer_us",
            "gauge",
            "Time from the bytes of an order to the venue's first word and first execution, and"
            " from those of a cancel to the end.",
            [
                (f'{_labels(one, "account")},answer="{answer}",quantile="{part}"', float(value))
                for one in answers
                for answer in ("first_word", "first_fill", "cancel")
                for part, value in one[f"{answer}_us"].items()
            ],
        ),
        *family(
            f"{name}_slippage_bps",
            "gauge",
            "What executions cost against the middle at the moment of their order.",
            [
                (_labels(one, "account"), one["slippage_bps"])
                for one in answers
                if one["slippage_bps"] is not None
            ],
        ),
    ]
    return "\n".join(lines) + "\n"


def _labels(one: dict[str, Any], *names: str) -> str:
    return ",".join(f'{name}="{one[name]}"' for name in names)


def health(status: dict[str, Any]) -> tuple[bool, str]:
    """Whether it trades, and if not, why."""
    if not status:
        return False, "it is starting"
    problems = [
        f"account {one['name']} may not trade" for one in status["accounts"] if not one["trading"]
    ]
    problems += [
        f"switch of {one['scope']} {one['name']}: {one['code']}" for one in status["switches"]
    ]
    if status["halted"]:
        problems.append(f"journal: {status['halted']}")
    return not problems, "\n".join(problems) or "ok"
