"""Orders in the words of the native side."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Literal

from rustonite_data.errors import Invalid

Side = Literal["buy", "sell"]
Number = Decimal | int | str
NUMBERS = ("price_protect", "trigger", "trail", "activation", "size_display")


def text(name: str, value: Number | None) -> str | None:
    """An exact number as the text that the native side reads."""
    if isinstance(value, float):
        raise Invalid(
            f"{name}: found the float {value}, expected an exact number (Decimal, int or text)"
        )
    return None if value is None else str(value)


def asked(
    symbol: str,
    side: Side,
    size: Number,
    price: Number | None = None,
    **more: Any,  # noqa: ANN401 - what an order has besides
) -> dict[str, Any]:
    """An order, with the kind and the time in force that are meant if it does not say."""
    expires = more.get("expires")
    tif = ("gtc" if expires is None else "gtd") if price is not None else None
    return {
        "symbol": symbol,
        "side": side,
        "size": text("size", size),
        "price": text("price", price),
        **{name: text(name, more.get(name)) for name in NUMBERS},
        "venue": more.get("venue"),
        "kind": more.get("kind") or _kind(price, more),
        "tif": more.get("tif") or tif,
        "expires": None if expires is None else _ns(expires),
        "trigger_by": more.get("trigger_by", "last"),
        "trail_unit": more.get("trail_unit", "price"),
        "flags": more.get("flags", []),
        "tags": more.get("tags"),
    }


def _kind(price: Number | None, more: dict[str, Any]) -> str:
    if more.get("trail") is not None:
        return "trailing_stop_market"
    kind = "market" if price is None else "limit"
    return kind if more.get("trigger") is None else f"stop_{kind}"


def exits(
    order: dict[str, Any], target: Number | None, stop: dict[str, Any]
) -> list[dict[str, Any]]:
    """A target and a stop, if there are both; `order` is what they share."""
    orders = []
    if target is not None:
        orders.append(asked(**order, price=target))
    if stop["trigger"] is not None or stop["trail"] is not None:
        orders.append(asked(**order, **stop))
    return orders


def _ns(moment: datetime) -> int:
    if moment.tzinfo is None:
        raise Invalid(f"expires: found {moment} without a time zone, expected one with")
    since = moment - datetime(1970, 1, 1, tzinfo=UTC)
    return (since.days * 86_400 + since.seconds) * 10**9 + since.microseconds * 1_000
