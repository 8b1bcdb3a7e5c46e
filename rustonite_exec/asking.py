"""Orders in the words of the native side."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass, fields
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Literal

from rustonite_data.errors import Invalid

Side = Literal["buy", "sell"]
PositionSide = Literal["long", "short", "net"]
Number = Decimal | int | str
NUMBERS = (
    "price_protect", "trigger", "trail", "limit_offset", "activation", "size_display",
    "size_quote", "size_min",
)  # fmt: skip
FLAGS = ("post_only", "reduce_only", "display_random", "emulated")


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
        words = {one.name: getattr(self, one.name) for one in fields(self)}
        flags = {name: words.pop(name) for name in FLAGS[:-1]}
        flags["emulated"] = words.pop("emulate")
        return asked(**words, flags=[name for name, is_set in flags.items() if is_set])


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
    size: Number | None,
    price: Number | None = None,
    **more: Any,  # noqa: ANN401 - what an order has besides
) -> dict[str, Any]:
    """An order, with the kind and the time in force that are meant if it does not say."""
    if (size is None) == (more.get("size_quote") is None):
        found = "neither" if size is None else "both"
        raise Invalid(f"size: found {found} of size and size_quote, expected one")
    expires = more.get("expires")
    has_limit = price is not None or more.get("limit_offset") is not None
    tif = ("gtc" if expires is None else "gtd") if has_limit else None
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
        "position_side": more.get("position_side"),
        "stp": more.get("stp"),
        "flags": more.get("flags", []),
        "tags": more.get("tags"),
    }


def _kind(price: Number | None, more: dict[str, Any]) -> str:
    has_limit = price is not None or more.get("limit_offset") is not None
    kind = "limit" if has_limit else "market"
    if more.get("trail") is not None:
        return f"trailing_stop_{kind}"
    return kind if more.get("trigger") is None else f"stop_{kind}"


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
    flags = ["reduce_only"] if reduce_only else []
    both = {"venue": venue, "tags": tags, "position_side": position_side, "flags": flags}
    if target is not None:
        orders.append(asked(symbol, side, size, target, **both))
    if stop is not None or trail is not None:
        orders.append(
            asked(symbol, side, size, stop_limit, trigger=stop, trail=trail, **both, **more)
        )
    return orders


def _ns(moment: datetime) -> int:
    if moment.tzinfo is None:
        raise Invalid(f"expires: found {moment} without a time zone, expected one with")
    since = moment - datetime(1970, 1, 1, tzinfo=UTC)
    return (since.days * 86_400 + since.seconds) * 10**9 + since.microseconds * 1_000
