"""A file with limits to begin with."""

from __future__ import annotations

from decimal import Decimal

from rustonite_data import _native
from rustonite_data.errors import Invalid
from rustonite_data.hints import hint

Limit = Decimal | int | str | bool | None

# Small enough for a first try with little money, and within what venues take (Binance:
# 100 orders in ten seconds). What is not here is not limited.
_USUAL: dict[str, Limit] = {
    "order_size_max": 1,
    "order_notional_max": 10_000,
    "price_collar_bps": 100,
    "price_far_bps": 500,
    "market_notional_max": 10_000,
    "market_protect": True,
    "spread_max_bps": 50,
    "long_max": 1,
    "short_max": 1,
    "position_notional_max": 50_000,
    "gross_max": 50_000,
    "net_max": 50_000,
    "deny_unfunded": True,
    "stale_ms": 5_000,
    "deny_crossed": True,
    "deny_self_trade": True,
    "messages_per_s": 50,
    "messages_per_10s": 90,
    "cancel_reserve": 10,
    "open_orders_max": 20,
    "rejects_max": 20,
    "disconnect_trip_ms": 60_000,
    "daily_loss_max": 1_000,
    "drawdown_max": 1_000,
}
# Words for units; things and multiples are plain from what a key limits.
_UNITS = {"size": "units of the instrument", "count": "", "ratio": ""}
_SECTIONS = """\
# restricted = ["binance:ETHUSDT"]     # instruments that are never traded

# Of the whole trader. [venue.binance], [account.main], [strategy.maker] and
# [instrument."binance:BTCUSDT"] behind it may have keys, too; each holds beside these.
# { max = 100, warn = 80 } in place of a number also tells what is beyond `warn`."""


def limits(currency: str = "USDT", version: int = 1, **changes: Limit) -> str:
    """The text of a whole `limits.toml`, each key with its meaning.

    Args:
        currency: What money limits are in.
        version: Its number; a file that is read again needs a higher one.
        changes: Values by key; `None` says that there is no such limit.

    Example:
        >>> limits(order_size_max=5).splitlines()[0]
        'version = 1'

    Raises:
        Invalid: a key that limits do not have.
    """
    keys = _native.limit_keys()
    known = [name for name, *_ in keys]
    if unknown := next((name for name in changes if name not in known), None):
        raise Invalid(f"limits: {unknown} is not a key of limits; {hint(unknown, known)}")
    units = {"reporting currency": currency, **_UNITS}
    lines = [f"version = {version}", f'currency = "{currency}"', _SECTIONS, "[all]"]
    for name, about, unit, is_switch in keys:
        value = {**_USUAL, **changes}.get(name)
        unit_text = units.get(unit, unit)
        lines += [
            f"# {about}{f' In {unit_text}.' if unit_text else ''}",
            f"{name} = {_text(value, is_switch)}",
        ]
    return "\n".join(lines) + "\n"


def _text(value: Limit, is_switch: bool) -> str:  # noqa: FBT001 - of a table
    if is_switch:
        return "true" if value else "false"
    return '"none"' if value is None else str(value)
