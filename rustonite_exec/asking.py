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
_NUMBERS = (
    "size", "price", "price_protect", "trigger", "trail", "limit_offset", "activation",
    "size_display", "size_quote", "size_min",
)  # fmt: skip


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
        """In the words of the native side, with the kind and the time in force that are meant."""
        if (self.size is None) == (self.size_quote is None):
            found = "neither" if self.size is None else "both"
            raise Invalid(f"size: found {found} of size and size_quote, expected one")
        flags = {
            "post_only": self.post_only,
            "reduce_only": self.reduce_only,
            "display_random": self.display_random,
            "emulated": self.emulate,
        }
        usual_tif = "gtc" if self.expires is None else "gtd"
        return {
            "symbol": self.symbol,
            "side": self.side,
            **{name: text(name, getattr(self, name)) for name in _NUMBERS},
            "venue": self.venue,
            "kind": self.kind or self._usual_kind(),
            "tif": self.tif or (usual_tif if self._has_limit() else None),
            "expires": None if self.expires is None else _ns(self.expires),
            "trigger_by": self.trigger_by,
            "trail_unit": self.trail_unit,
            "position_side": self.position_side,
            "stp": self.stp,
            "flags": [name for name, is_set in flags.items() if is_set],
            "tags": self.tags,
        }

    def _has_limit(self) -> bool:
        return self.price is not None or self.limit_offset is not None

    def _usual_kind(self) -> str:
        kind = "limit" if self._has_limit() else "market"
        if self.trail is not None:
            return f"trailing_stop_{kind}"
        return kind if self.trigger is None else f"stop_{kind}"


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
    """An order in the words of the native side."""
    return NewOrder(symbol, side, size, price, **more).asked()


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
    both = {
        "venue": venue,
        "tags": tags,
        "position_side": position_side,
        "reduce_only": reduce_only,
    }
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
