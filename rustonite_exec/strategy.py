"""A strategy: what it is told, and what it can do.

The same object trades live, on the local exchange and on a replayed tape. Calls come one after
another, from one thread. Market data comes as Arrow rows in place, in batches as large as what came
since the last call; `on_quote` and `on_trade` get single rows for those who like that better.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Never

from rustonite_data.errors import Closed, RiskRejected
from rustonite_exec.asking import NewOrder, Number, PositionSide, Side, exits, text, worded

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime, timedelta

    from rustonite_data._native import Batch, Book, Gap, NativeBroker


@dataclass(frozen=True)
class Order:
    """An order as it is after the last thing that happened to it."""

    id: int
    state: str
    venue: str
    symbol: str
    side: Side
    position_side: PositionSide | None
    """Which position, in hedge mode."""
    kind: str
    """Of the column `kind` of `orders`."""
    price: Decimal | None
    """Its limit; `None` also before the trigger that it follows has a price."""
    trigger: Decimal | None
    """The price that starts it, where it is now if it follows the market."""
    size: Decimal
    size_filled: Decimal
    is_pending: bool
    """Whether a request about it is in flight."""
    parent: int | None
    """The order that it is a part of: an iceberg, or a set of which one ends the others."""
    tags: str | None
    """As `submit` was given them."""


@dataclass(frozen=True)
class Group:
    """Numbers of orders that depend on each other."""

    entry: int | None
    """What the others wait for."""
    parent: int
    """Stands for the others: it is never sent, is filled as they are, and ends with them."""
    orders: tuple[int, ...]
    """Those of which one ends the others: target and stop, if there are both."""


@dataclass(frozen=True)
class OrderNews:
    """Something that happened to an order."""

    event: str
    order: Order
    reason: str | None


@dataclass(frozen=True)
class FillNews:
    """An execution of an order, or what became of one.

    Sizes add up to what is filled: what is taken back has a negative one, and what is corrected is
    taken back first.
    """

    order: Order
    kind: str
    """`trade`; `bust` and `correction` of an earlier execution; `adjustment` where it was worked
    out from the venue's figures, until the execution itself comes."""
    fill_id: str
    """Its id in `fills`: the venue's, or ours for an adjustment."""
    fill_id_prev: str | None
    """The execution that is taken back or corrected."""
    price: Decimal
    size: Decimal
    fee: Decimal | None
    fee_asset: str | None
    liquidity: str
    position: Decimal
    """Our position in the instrument after it; in hedge mode on the side of the order."""


@dataclass(frozen=True)
class StateNews:
    """What is allowed has changed: an account may trade or not, a switch was thrown or put back."""

    scope: str
    """How far it reaches: `all`, `venue`, `account`, `strategy`, `instrument` or `order`."""
    name: str
    """Which one there; empty for `all`."""
    state: str
    """What is allowed there from now on: `active`, `reduce_only`, `cancel_only` or `halted`."""
    is_lifted: bool
    """Whether something does not stand in the way any more."""
    code: str | None
    """What stands in the way or did so, by its stable code; `None` where an account may trade
    again, or a state that was set is `active` again."""
    limit: Decimal | None
    """What threw a switch, if it is a number."""
    value: Decimal | None
    """The value that met it."""


@dataclass(frozen=True)
class Instrument:
    """What can be traded, and by which rules. `None` where the venue has no such limit."""

    venue: str
    symbol: str
    kind: str
    contract: str | None
    """What profit of a derivative is counted in: `linear`, `inverse`; `None` for spot."""
    base: str
    quote: str
    settle: str
    """The asset that profit and margin are in."""
    tick: Decimal
    """Smallest step of prices."""
    lot: Decimal
    """Smallest step of sizes."""
    multiplier: Decimal
    """What one unit of size is worth: units of the base (linear) or of the quote (inverse)."""
    price_min: Decimal | None
    price_max: Decimal | None
    size_min: Decimal | None
    size_max: Decimal | None
    market_size_max: Decimal | None
    notional_min: Decimal | None
    """Least price times size."""
    notional_max: Decimal | None
    status: str
    """What the venue said last, a word of the column `status` of `instruments`."""


@dataclass(frozen=True)
class Position:
    """A position that is not flat."""

    venue: str
    symbol: str
    side: str
    """`net`, or which of two in hedge mode."""
    size: Decimal
    """Positive if long."""


@dataclass(frozen=True)
class Balance:
    """What is owned of an asset."""

    total: Decimal
    available: Decimal
    """What a new order may use of it."""


@dataclass(frozen=True)
class GapNews:
    """Rows of a market that do not come."""

    venue: str
    dataset: str
    symbol: str | None
    """Whose book is lost until the next picture; `None` if it is all of the venue."""
    rows: Gap | None
    """Rows that were removed from the tape before they were read; `None` where the recorder had
    lost something."""


@dataclass(frozen=True)
class Quote:
    """Best bid and ask; 0 where a side is empty."""

    venue: str
    symbol: str
    ts_event: int
    ts_recv: int
    bid_price: float
    bid_size: float
    ask_price: float
    ask_size: float


@dataclass(frozen=True)
class Trade:
    """A trade in the market."""

    venue: str
    symbol: str
    ts_event: int
    ts_recv: int
    price: float
    size: float
    side: str


class Broker:
    """What a strategy can do. Each wish passes risk and the journal before a byte leaves.

    Numbers of orders are exact: give decimals, whole numbers or texts, not floats. `on_tick` and
    `on_lot` make exact numbers of floats.
    """

    def __init__(self, native: NativeBroker) -> None:
        """Wrap the trader's own broker."""
        self._native = native

    def close(self) -> None:
        """Let go of the trader, which has ended; whatever is asked now raises `Closed`."""
        # Whoever keeps the strategy would keep the journal open for writing.
        self._native = _Ended()  # type: ignore[assignment]

    def now(self) -> int:
        """The time in nanoseconds since 1970."""
        return self._native.now()

    def submit(  # noqa: PLR0913 - an order has many sides
        self,
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
    ) -> int:
        """Place an order and return its number.

        What the venue does not have waits here until it is time: see the page on strategies.

        Args:
            symbol: What, in the venue's spelling.
            side: `buy` or `sell`.
            size: How much, in units of the instrument.
            price: Limit; without one it is a market order.
            venue: Where, if the trader trades at several.
            kind: A word of the column `kind` of `orders`. Without one it is a limit order with a
                price and else a market order; with a trigger, a stop of that sort; with `trail`, a
                trailing stop.
            tif: How long; `gtc` for orders with a limit, `gtd` with `expires`.
            expires: Last moment, with a time zone.
            post_only: Refused if it would trade at once.
            reduce_only: Only makes a position smaller.
            price_protect: Worst price of a market order.
            trigger: Price that starts a stop or a take-profit.
            trigger_by: What is watched, a word of the column `trigger_source` of `orders`.
            trail: Distance that a trailing stop keeps.
            trail_unit: `price`, `bps` or `ticks`.
            limit_offset: Has a trailing stop end in a limit order, so much worse than the price
                that starts it; `price` instead is a limit that stays.
            activation: Price from which a trailing stop begins to follow.
            size_display: Shown part of an iceberg.
            display_random: Vary the shown part between half of it and all.
            size_quote: How much in money, instead of `size`.
            size_min: Smallest fill that is accepted.
            position_side: `long` or `short`, which an account in hedge mode has to know; without it
                there is one position.
            stp: What becomes of an order that would trade with another one of ours, a word of the
                column `stp` of `orders`; without one what the venue does by itself.
            emulate: Watch the trigger here, or cut the iceberg here, also if the venue could.
            tags: Labels of your own, joined by commas.

        Raises:
            RiskRejected: a limit stands against it; nothing was sent.
            Invalid: a word or a number that cannot be.
            NotFound: an instrument that is not traded here.
        """
        asked = worded(
            symbol, side, size, price, venue=venue, kind=kind, tif=tif, expires=expires,
            post_only=post_only, reduce_only=reduce_only, price_protect=price_protect,
            trigger=trigger, trigger_by=trigger_by, trail=trail, trail_unit=trail_unit,
            limit_offset=limit_offset, activation=activation, size_display=size_display,
            display_random=display_random, size_quote=size_quote, size_min=size_min,
            position_side=position_side, stp=stp, emulate=emulate, tags=tags,
        )  # fmt: skip
        return self._native.submit(asked)

    def submit_many(self, orders: Iterable[NewOrder]) -> list[int | RiskRejected]:
        """Place several orders, which leave together where the venue takes them so.

        Each passes risk by itself. Returns for each its number, or the `RiskRejected` that `submit`
        would have raised: the others are placed all the same.

        Example:
            >>> class Quoter(Strategy):
            ...     def on_start(self) -> None:
            ...         buy = NewOrder("BTCUSDT", "buy", "0.1", 59_000)
            ...         sell = NewOrder("BTCUSDT", "sell", "0.1", 61_000)
            ...         for one in self.broker.submit_many([buy, sell]):
            ...             if not isinstance(one, int):
            ...                 print("denied:", one)

        Raises:
            Invalid: a word or a number of one of them that cannot be; none was placed.
            NotFound: an instrument that is not traded here; none was placed.
        """
        return self._native.submit_many([one.asked() for one in orders])

    def would_fail(self, order: NewOrder) -> list[RiskRejected]:
        """Say which limits an order would meet now; nothing is placed, and nothing is raised.

        `submit` stops at the first of them. One that waits here for a price is judged as if that
        had come.

        Example:
            >>> class Careful(Strategy):
            ...     def on_start(self) -> None:
            ...         order = NewOrder("BTCUSDT", "buy", "500", 60_000)
            ...         for one in self.broker.would_fail(order):
            ...             print("would be denied:", one)

        Raises:
            Invalid: a word or a number that cannot be.
            NotFound: an instrument that is not traded here.
        """
        return self._native.would_fail(order.asked())

    def bracket(  # noqa: PLR0913 - three orders at once
        self,
        symbol: str,
        side: Side,
        size: Number,
        price: Number | None = None,
        *,
        target: Number | None = None,
        stop: Number | None = None,
        stop_limit: Number | None = None,
        trail: Number | None = None,
        trail_unit: str = "price",
        limit_offset: Number | None = None,
        trigger_by: str = "last",
        when_full: bool = False,
        reduce_only: bool = False,
        price_protect: Number | None = None,
        position_side: PositionSide | None = None,
        venue: str | None = None,
        tags: str | None = None,
    ) -> Group:
        """Place an order, and with what is filled of it a target and a stop; one ends the other.

        Args:
            symbol: What.
            side: Of the entry; the others are of the other side.
            size: How much.
            price: Limit of the entry; without one it is a market order.
            target: Limit at which to take the profit.
            stop: Price that starts the stop.
            stop_limit: Limit of the stop; without one it is a market order.
            trail: Distance, if the stop is to trail.
            trail_unit: `price`, `bps` or `ticks`.
            limit_offset: Limit of a stop that trails, so far from the price that starts it.
            trigger_by: What the stop watches.
            when_full: Wait until the entry is filled in full, and not only for its first fill.
            reduce_only: Target and stop only make a position smaller. Say so with contracts: if
                it is closed in another way, they open no other one.
            price_protect: Worst price of an entry at the market.
            position_side: Which position all of them are for, in hedge mode.
            venue: Where, if the trader trades at several.
            tags: Labels of your own, joined by commas.

        Raises:
            RiskRejected: a limit stands against one of them; none was sent.
        """
        entry = worded(
            symbol, side, size, price, venue=venue, price_protect=price_protect, tags=tags,
            position_side=position_side,
        )  # fmt: skip
        other: Side = "sell" if side == "buy" else "buy"
        orders = exits(
            symbol, other, size, target, stop=stop, stop_limit=stop_limit, trail=trail,
            trail_unit=trail_unit, limit_offset=limit_offset, trigger_by=trigger_by,
            reduce_only=reduce_only, position_side=position_side, venue=venue, tags=tags,
        )  # fmt: skip
        return self._group(entry, orders, when_full=when_full)

    def oco(  # noqa: PLR0913 - two orders at once
        self,
        symbol: str,
        side: Side,
        size: Number,
        *,
        target: Number,
        stop: Number | None = None,
        stop_limit: Number | None = None,
        trail: Number | None = None,
        trail_unit: str = "price",
        limit_offset: Number | None = None,
        trigger_by: str = "last",
        reduce_only: bool = False,
        position_side: PositionSide | None = None,
        venue: str | None = None,
        tags: str | None = None,
    ) -> Group:
        """Place a limit order and a stop of which one ends the other.

        The arguments are those of `bracket`, with `side` that of both.
        """
        orders = exits(
            symbol, side, size, target, stop=stop, stop_limit=stop_limit, trail=trail,
            trail_unit=trail_unit, limit_offset=limit_offset, trigger_by=trigger_by,
            reduce_only=reduce_only, position_side=position_side, venue=venue, tags=tags,
        )  # fmt: skip
        return self._group(None, orders, when_full=False)

    def _group(
        self, entry: dict[str, Any] | None, orders: list[dict[str, Any]], *, when_full: bool
    ) -> Group:
        number, [(parent, numbers)] = self._native.submit_group(entry, [orders], when_full)
        return Group(number, parent, tuple(numbers))

    def replace(
        self,
        order: int,
        size: Number | None = None,
        price: Number | None = None,
        *,
        trigger: Number | None = None,
        trail: Number | None = None,
    ) -> None:
        """Change an order; what is not given stays.

        Args:
            order: Its number.
            size: Its whole size, with what is filled.
            price: Its limit.
            trigger: The price that starts it, while it waits at the trader or at its venue.
            trail: The distance that its trigger keeps, while it waits at the trader: from the next
                price on, unless `trigger` says where it is now.

        Raises:
            RiskRejected: a limit stands against it, or the order cannot be changed so now.
        """
        changed = {"size": size, "price": price, "trigger": trigger, "trail": trail}
        self._native.replace(order, {name: text(name, one) for name, one in changed.items()})

    def cancel(self, order: int) -> None:
        """Cancel an order.

        Raises:
            RiskRejected: there is no such order to cancel.
        """
        self._native.cancel(order)

    def cancel_all(self, symbol: str | None = None, *, venue: str | None = None) -> None:
        """Cancel all open orders of an instrument, or all there are."""
        self._native.cancel_all(venue, symbol)

    def order(self, order: int) -> Order | None:
        """An order by its number."""
        found = self._native.order(order)
        return None if found is None else order_of(found)

    def open_orders(self, symbol: str, *, venue: str | None = None) -> list[Order]:
        """Orders that are open, in the order of their numbers."""
        return [order_of(one) for one in self._native.open_orders(venue, symbol)]

    def position(
        self, symbol: str, side: PositionSide | None = None, *, venue: str | None = None
    ) -> Decimal:
        """Our position; positive if long. In hedge mode that of one side, or both added."""
        return Decimal(self._native.position(venue, symbol, side))

    def positions(self) -> list[Position]:
        """All positions that are not flat; those of several accounts added."""
        return [
            Position(venue, symbol, side, Decimal(size))
            for venue, symbol, side, size in self._native.positions()
        ]

    def balances(self) -> dict[str, Balance]:
        """All that is owned, by asset; that of several accounts added."""
        return {
            asset: Balance(Decimal(total), Decimal(available))
            for asset, total, available in self._native.balances()
        }

    def available(self, asset: str) -> Decimal | None:
        """What a new order may use of an asset; `None` while it is not known."""
        found = self._native.available(asset)
        return None if found is None else Decimal(found)

    def on_tick(
        self, symbol: str, side: Side, price: float, *, venue: str | None = None
    ) -> Decimal | None:
        """The nearest price that may be given and is no worse for us; `None` for no price."""
        found = self._native.on_tick(venue, symbol, side, price)
        return None if found is None else Decimal(found)

    def on_lot(self, symbol: str, size: float, *, venue: str | None = None) -> Decimal | None:
        """The largest size that may be given and is not above `size`; `None` if that is none."""
        found = self._native.on_lot(venue, symbol, size)
        return None if found is None else Decimal(found)

    def instrument(self, symbol: str, *, venue: str | None = None) -> Instrument:
        """The rules of an instrument that is traded here.

        Raises:
            NotFound: it is not.
        """
        return Instrument(**self._native.instrument(venue, symbol))

    def instruments(self) -> list[Instrument]:
        """All instruments that are traded here."""
        return [Instrument(**one) for one in self._native.instruments()]

    def wake_after(self, time: timedelta) -> None:
        """Have `on_timer` called once after some time."""
        self._native.wake_after(round(time.total_seconds() * 1e9))


class _Ended:
    """In the place of a trader that has ended."""

    def __getattr__(self, name: str) -> Never:
        raise Closed(f"{name}: trading has ended, and the broker with it")


class Strategy:
    """Base of strategies. Override what you need; an exception that leaves a call ends trading.

    Example:
        >>> class Buyer(Strategy):
        ...     def on_start(self) -> None:
        ...         self.broker.submit("BTCUSDT", "buy", "0.01", "50000")
    """

    broker: Broker
    """What it can do; there before `on_start`."""

    settings: Mapping[str, Any]
    """The table `strategy.settings` of the configuration."""

    def on_start(self) -> None:
        """Orders are allowed from now on, by the last prices on the tapes if they are fresh."""

    def on_quotes(self, rows: Batch) -> None:
        """Best bids and asks, in place. By default each row goes to `on_quote`."""
        if type(self).on_quote is not Strategy.on_quote:
            for row in rows.to_pylist(_QUOTE):
                values: dict[str, Any] = {name: row[name] or 0.0 for name in _QUOTE}
                self.on_quote(Quote(**values))

    def on_quote(self, quote: Quote) -> None:
        """One best bid and ask."""

    def on_trades(self, rows: Batch) -> None:
        """Trades, in place. By default each row goes to `on_trade`."""
        if type(self).on_trade is not Strategy.on_trade:
            for row in rows.to_pylist(_TRADE):
                self.on_trade(Trade(**row))

    def on_trade(self, trade: Trade) -> None:
        """One trade."""

    def on_bars(self, rows: Batch) -> None:
        """Bars and revisions of bars, in place."""

    def on_book(self, book: Book) -> None:
        """A book has changed, and is whole; `book_deltas` have to be followed.

        It is called once for all changes that came since the last call. The book is shown as it is
        at the moment, also later; without levels while it is not whole.
        """

    def on_rows(self, dataset: str, rows: Batch) -> None:
        """Rows of another dataset that is followed.

        Of `tickers`, of `instruments` where the recorder writes them, and of `book_deltas` as they
        are.
        """

    def on_gap(self, gap: GapNews) -> None:
        """Rows are lost for this strategy."""

    def on_state(self, news: StateNews) -> None:
        """An account may trade or may not any more, or a switch was thrown or put back."""

    def on_timer(self) -> None:
        """The time that was asked for has come."""

    def on_order(self, news: OrderNews) -> None:
        """Something happened to an order."""

    def on_fill(self, news: FillNews) -> None:
        """An order was executed, in part or whole."""

    def on_stop(self) -> None:
        """Trading ends."""


_QUOTE = list(Quote.__dataclass_fields__)
_TRADE = list(Trade.__dataclass_fields__)


def order_of(found: Mapping[str, Any]) -> Order:
    """An order of what the native side tells."""
    price, trigger = found["price"], found["trigger"]
    return Order(
        id=found["id"],
        state=found["state"],
        venue=found["venue"],
        symbol=found["symbol"],
        side=found["side"],
        position_side=found["position_side"],
        kind=found["kind"],
        price=None if price is None else Decimal(price),
        trigger=None if trigger is None else Decimal(trigger),
        size=Decimal(found["size"]),
        size_filled=Decimal(found["size_filled"]),
        is_pending=found["is_pending"],
        parent=found["parent"],
        tags=found["tags"],
    )


def order_news(event: str, found: Mapping[str, Any], reason: str | None) -> OrderNews:
    """News of an order of what the native side tells."""
    return OrderNews(event, order_of(found), reason)


def fill_news(found: Mapping[str, Any]) -> FillNews:
    """A fill of what the native side tells."""
    fee = found["fee"]
    return FillNews(
        order=order_of(found["order"]),
        kind=found["kind"],
        fill_id=found["fill_id"],
        fill_id_prev=found["fill_id_prev"],
        price=Decimal(found["price"]),
        size=Decimal(found["size"]),
        fee=None if fee is None else Decimal(fee),
        fee_asset=found["fee_asset"],
        liquidity=found["liquidity"],
        position=Decimal(found["position"]),
    )
