"""Orders in the words of the native side."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Literal

from rustonite_data.errors import Invalid

Side = Literal["buy", "sell"]
PositionSide = Literal["long", "short", "net"]
Number = Decimal | int | str


@dataclass(frozen=True)
class NewOrder:
    """An order to be placed; the fields are the arguments of `Broker.submit`."""

    symbol: str
    side: Side
    size: Number | None = None
    price: Number | None = None
    _: KW_ONLY
    venue: str | None = None
    kind: str | None = None
    tif: str | None = None
    expires: datetime | None = None
    post_only: bool = False
    reduce_only: bool = False
    price_protect: Number | None = None
    trigger: Number | None = None
    trigger_by: str = "last"
    trail: Number | None = None
    trail_unit: str = "price"
    limit_offset: Number | None = None
    activation: Number | None = None
    size_display: Number | None = None
    display_random: bool = False
    size_quote: Number | None = None
    size_min: Number | None = None
    position_side: PositionSide | None = None
    stp: str | None = None
    emulate: bool = False
    tags: str | None = None

    def asked(self) -> dict[str, Any]:
        """In the words of the native side."""
        return worded(**vars(self))


def worded(  # noqa: PLR0913 - an order has many sides
    symbol: str,
    side: Side,
    size: Number | None = None,
    price: Number | None = None,
    *,
    venue: str | None = None,
    kind: str | None = None,
    tif: str | None = None,
    expires: datetime | None = None,
    post_only: bool = False,
    reduce_only: bool = False,
    price_protect: Number | None = None,
    trigger: Number | None = None,
    trigger_by: str = "last",
    trail: Number | None = None,
    trail_unit: str = "price",
    limit_offset: Number | None = None,
    activation: Number | None = None,
    size_display: Number | None = None,
    display_random: bool = False,
    size_quote: Number | None = None,
    size_min: Number | None = None,
    position_side: PositionSide | None = None,
    stp: str | None = None,
    emulate: bool = False,
    tags: str | None = None,
) -> dict[str, Any]:
    """A `NewOrder` in the words of the native side, with the kind and the time in force meant.

    Not by way of one: making it is a fifth of what `Broker.submit` takes.
    """
    if (size is None) == (size_quote is None):
        found = "neither" if size is None else "both"
        raise Invalid(f"size: found {found} of size and size_quote, expected one")
    has_limit = price is not None or limit_offset is not None
    flags = (
        ("post_only", post_only),
        ("reduce_only", reduce_only),
        ("display_random", display_random),
        ("emulated", emulate),
    )
    usual_tif = "gtc" if expires is None else "gtd"
    return {
        "symbol": symbol,
        "side": side,
        "size": text("size", size),
        "price": text("price", price),
        "price_protect": text("price_protect", price_protect),
        "trigger": text("trigger", trigger),
        "trail": text("trail", trail),
        "limit_offset": text("limit_offset", limit_offset),
        "activation": text("activation", activation),
        "size_display": text("size_display", size_display),
        "size_quote": text("size_quote", size_quote),
        "size_min": text("size_min", size_min),
        "venue": venue,
        "kind": kind or _usual_kind(has_limit, trigger is not None, trail is not None),
        "tif": tif or (usual_tif if has_limit else None),
        "expires": None if expires is None else _ns(expires),
        "trigger_by": trigger_by,
        "trail_unit": trail_unit,
        "position_side": position_side,
        "stp": stp,
        "flags": [name for name, is_set in flags if is_set],
        "tags": tags,
    }


def _usual_kind(has_limit: bool, has_trigger: bool, is_trailing: bool) -> str:  # noqa: FBT001 - what it has
    kind = "limit" if has_limit else "market"
    if is_trailing:
        return f"trailing_stop_{kind}"
    return f"stop_{kind}" if has_trigger else kind


def text(name: str, value: Number | None) -> str | None:
    """An exact number as the text that the native side reads."""
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, float):
        raise Invalid(
            f"{name}: found the float {value}, expected an exact number (Decimal, int or text)"
        )
    return str(value)


def exits(  # noqa: PLR0913 - two orders at once
    symbol: str,
    side: Side,
    size: Number,
    target: Number | None,
    *,
    stop: Number | None,
    stop_limit: Number | None,
    trail: Number | None,
    venue: str | None,
    tags: str | None,
    reduce_only: bool = False,
    position_side: PositionSide | None = None,
    **more: Any,  # noqa: ANN401 - what a stop has besides
) -> list[dict[str, Any]]:
    """A target and a stop, as far as there are both."""
    orders = []
    both: dict[str, Any] = {
        "venue": venue,
        "tags": tags,
        "position_side": position_side,
        "reduce_only": reduce_only,
    }
    if target is not None:
        orders.append(worded(symbol, side, size, target, **both))
    if stop is not None or trail is not None:
        orders.append(
            worded(symbol, side, size, stop_limit, trigger=stop, trail=trail, **both, **more)
        )
    return orders


def _ns(moment: datetime) -> int:
    if moment.tzinfo is None:
        raise Invalid(f"expires: found {moment} without a time zone, expected one with")
    since = moment - datetime(1970, 1, 1, tzinfo=UTC)
    return (since.days * 86_400 + since.seconds) * 10**9 + since.microseconds * 1_000
