"""A venue on this machine that one can trade on: no account, no internet, no risk.

It speaks the venue's own REST and WebSocket interface, so clients of other people trade on it once
they have its addresses. Others trade there, too: a crowd and makers, drawn from a seed, or what was
recorded in a lake.
"""

from __future__ import annotations

import contextlib
import json
import math
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from numbers import Integral, Real
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from rustonite_data import _native
from rustonite_data.closing import Closing
from rustonite_data.errors import Invalid, NotFound
from rustonite_data.hints import hint
from rustonite_exec.exchange_tiers import Rows, fee_rows, tier_rows

if TYPE_CHECKING:
    import os
    from collections.abc import Iterable, Iterator, Sequence

    from rustonite_data.lake import Lake
    from rustonite_exec.recorded import Player, Recorded

PORT_MAX = 65_535
SEED_MAX = (1 << 64) - 1

Latency: TypeAlias = "str | Mapping[str, Any] | None"
"""A time such as `5ms`, a table as the page about the local exchange has it, or none."""

_OF_BINANCE = (
    "smart order routing", "windows of tickers", "`timeUnit`", "RSA keys", "binary streams",
    "the end of connections after 24 hours", "limits of connections and of messages on them",
)  # fmt: skip
NOT_IMITATED = {
    "binance": (*_OF_BINANCE, "pegged orders", "candles of other time zones"),
    "binance-usdm": (
        *_OF_BINANCE, "conditional orders that end with their position (`GTE_GTC`)",
        "several assets as margin", "margin that is added by itself",
        "contracts that expire", "`priceMatch`",
        "hidden retail orders", "statistics of traders",
    ),
    "alpaca": (
        "options", "news", "margin and short sales", "orders for the auctions (`opg`, `cls`)",
        "holidays", "corporate actions", "transfers", "watch lists", "corrections of trades",
        "bars that are told again", "`pending_cancel` and `pending_replace`",
    ),
}  # fmt: skip
"""What each venue has and its imitation has not, as the page about the local exchange says it."""

_EVENTS_PER_SECOND = 200.0
_PRICES = {"BTC": "60000", "ETH": "3000", "BNB": "600", "SOL": "150", "AAPL": "200"}
_OTHER_PRICE = "100"


@dataclass(frozen=True)
class _Usual:
    """What a venue has if nobody says otherwise."""

    symbols: tuple[str, ...]
    tick: str
    lot: str
    fees: tuple[str, str]
    balances: Mapping[str, Decimal | int | str]


QUEUES = tuple(_native.queue_models())
"""Who is taken to leave the queue of a recorded level that shrinks without a trade: of each name
the page about the local exchange says what it assumes. The first one is the usual one."""

_PAIRS = ("BTCUSDT", "ETHUSDT")
_USUAL = {
    "binance": _Usual(
        _PAIRS, "0.01", "0.00001", ("0.001", "0.001"), {"USDT": 100_000, "BTC": 1, "ETH": 10}
    ),
    "binance-usdm": _Usual(_PAIRS, "0.01", "0.001", ("0.0002", "0.0005"), {"USDT": 100_000}),
    "alpaca": _Usual(("AAPL", "BTC/USD"), "0.01", "0.0001", ("0.0015", "0.0025"), {"USD": 100_000}),
}
VENUES = tuple(_USUAL)


@dataclass(frozen=True)
class Account:
    """An account, and what a client signs in with."""

    name: str
    key: str
    secret: str = field(repr=False)


class LocalExchange(Closing):
    """A venue that runs until it is closed.

    Example:
        >>> with LocalExchange(["BTCUSDT"]) as exchange:
        ...     account = exchange.account("me", {"USDT": 1000})
        ...     exchange.balance(account, "USDT")
        (Decimal('1000'), Decimal('0'))
    """

    def __init__(  # noqa: PLR0913 - everything by keyword
        self,
        symbols: Sequence[str] | str | None = None,
        *,
        venue: str = "binance",
        seed: int = 1,
        speed: float = 1.0,
        others: bool = True,
        prices: Mapping[str, Decimal | int | str] | None = None,
        port: int = 0,
        limits: bool = True,
        state: Path | str | None = None,
        latency: Latency = None,
        tiers: Mapping[str, Rows] | None = None,
        fee_tiers: Rows = (),
        replay: Lake | str | os.PathLike[str] | None = None,
        start: Any = None,  # noqa: ANN401 - any way to write a moment
        stop: Any = None,  # noqa: ANN401
        queue: str | None = None,
    ) -> None:
        """Begin to listen, on this machine alone.

        Args:
            symbols: What is traded, in the venue's spelling: one or several; two usual ones by
                default.
            venue: The venue that it speaks like: `binance`, `binance-usdm` with perpetuals, or
                `alpaca` with stocks and pairs such as `BTC/USD`.
            seed: What the other traders are drawn from.
            speed: How busy they are: 1 is some 200 orders and cancellations a second and symbol.
            others: Whether there are any.
            prices: Prices at the start, by symbol; others have a usual one.
            port: Where to listen; any free port by default.
            limits: Whether calls and orders are limited as on the venue's usual plan.
            state: A folder to keep it in. If it was kept there before, it goes on as it was, with
                the same accounts and orders; the other arguments have to be the same, but for
                `port` and `latency`. In memory by default.
            latency: How long messages take; see `latency`.
            tiers: Of perpetuals, by symbol, the smallest positions first: a table each with the
                largest `worth`, the largest `leverage`, and the part of a position's worth that it
                `keeps` as margin. Usual ones by default.
            fee_tiers: What accounts pay that have no fees of their own: tables with a `volume` of
                30 days in the quote asset of the first symbol, from 0 upwards, and the fees
                `maker` and `taker` from there on.
            replay: A lake, or where it is: its books, trades and tickers are the market in the
                place of other traders. Symbols are all that have a book there, by default; tick and
                lot are those of `instruments`; `speed` is how many times as fast as then. After the
                end nothing is traded.
            start: With `replay`, from this moment on, by `ts_recv`; from the first row by default.
            stop: With `replay`, up to this moment; to the last row by default.
            queue: With `replay`, who leaves the queue of a level that shrinks without a trade:
                those `behind` your orders by default, or both sides by what stands there (`even`),
                by its `square`, or by its `log`.

        Raises:
            Invalid: a symbol, a number, a tier or a latency that cannot be, or no symbol; or the
                state in the folder is of another exchange.
            NotFound: the venue is not spoken here; or there is no such lake, no book of a symbol in
                it, or nobody wrote down its rules.
            Unavailable: the port is taken, or another exchange keeps its state in the folder.
            Corrupt: the state is damaged, or was written by another version.
        """
        if venue not in VENUES:
            raise NotFound(f"venue: {venue!r} is not spoken here; {hint(venue, VENUES)}")
        self._usual = usual = _USUAL[venue]
        _check(port=port, seed=seed, speed=speed, prices=prices or {})
        symbols = [symbols] if isinstance(symbols, str) else symbols
        recorded = None
        if replay is not None:
            # Imported here, as it brings the engines.
            from rustonite_exec.recorded import Recorded  # noqa: PLC0415

            if prices is not None:
                raise Invalid("prices: a replay has its own")
            recorded = Recorded.find(replay, venue, symbols, start=start, stop=stop, speed=speed)
            symbols = recorded.symbols
        elif any(one is not None for one in (start, stop, queue)):
            raise Invalid("start, stop and queue: expected a replay that they are of")
        symbols = usual.symbols if symbols is None else symbols
        if not symbols:
            raise Invalid("symbols: found none, expected one or more")
        given = dict(prices or {})
        for name, of in {"prices": given, "tiers": tiers or {}}.items():
            if unknown := sorted(of.keys() - set(symbols)):
                raise Invalid(f"{name}: {', '.join(unknown)} is not among the symbols")
        self.venue = venue
        steps = {rule.symbol: (rule.tick, rule.lot) for rule in recorded.rules} if recorded else {}
        listings = [
            (one, *steps.get(one, (usual.tick, usual.lot)), str(given.get(one, _usual_price(one))))
            for one in symbols
        ]
        self._native = _native.NativeExchange(
            {
                "venue": venue,
                "port": port,
                "listings": listings,
                "tiers": tier_rows(tiers or {}),
                "fee_tiers": fee_rows(fee_tiers),
                "seed": seed,
                "events_per_second": _EVENTS_PER_SECOND * speed
                if others and not recorded
                else None,
                "limits": limits,
                "state": None if state is None else Path(state),
                "latency": _json(latency),
                "replay": recorded
                and (
                    recorded.source,
                    recorded.start,
                    recorded.stop,
                    recorded.speed,
                    queue or QUEUES[0],
                ),
            }
        )
        self._player = _player(recorded, self._native)
        self._is_kept = state is not None
        self._has_fee_tiers = bool(fee_tiers)
        self._unfinished: set[str] = set()
        self._is_closed = False

    def __repr__(self) -> str:
        where = "closed" if self._is_closed else f"at {self.address}"
        return f"<LocalExchange {self.venue} {where}>"

    @property
    def address(self) -> str:
        """Host and port."""
        return self._native.address(self.venue)

    @property
    def urls(self) -> dict[str, str]:
        """Addresses by name: `rest` and the sockets. A recorder's `urls` have some of the names."""
        return self._native.urls(self.venue)

    def account(  # noqa: PLR0913 - everything but the name by keyword
        self,
        name: str = "demo",
        balances: Mapping[str, Decimal | int | str] | None = None,
        *,
        maker: Decimal | str | None = None,
        taker: Decimal | str | None = None,
        fees_in: tuple[str, Decimal | int | str, Decimal | str] | None = None,
        keys: tuple[str, str] | None = None,
    ) -> Account:
        """Open an account with a key of its own.

        One that was kept in `state` is given back as it was left, with its key, and nothing else is
        done to it.

        Args:
            name: Of the account.
            balances: What it has, by asset; by default some of the usual ones that are traded.
            maker: Fee of orders that rested, as a part of what is received, or of a perpetual's
                worth; negative is a rebate. The venue's usual one by default. Stocks are free.
            taker: The same of orders that came. Where there are `fee_tiers`, an account without
                `maker` and `taker` pays by them.
            fees_in: Another asset that fees are paid in while there is enough of it, such as
                `("BNB", 600, "0.25")`: its name, the price of a whole one in the quote asset of the
                first symbol, and the discount as a part. Fees of symbols with another quote asset
                are not paid so.
            keys: The key and its secret; new ones are drawn by default.

        Raises:
            Invalid: there is such an account, an amount that cannot be, or a fee or a discount with
                more than six decimals.
            VenueRejected: fees in an asset without a price.
            NotFound: an asset that nothing is traded in.
        """
        is_begun = name in self._unfinished
        if self._is_kept and not is_begun and (known := self._native.key(self.venue, name)):
            return Account(name, *known)
        for asset, amount in (balances or {}).items():
            if not _is_number(amount) or Decimal(str(amount)) < 0:
                raise Invalid(f"balances.{asset}: found {amount}, expected an amount from 0")
        account = Account(name, *(keys or (secrets.token_hex(32), secrets.token_hex(32))))
        if not is_begun:
            self._native.add_account(name)
        # Where something of it cannot be, the next try goes on with it.
        self._unfinished.add(name)
        self._native.add_key(name, account.key, account.secret)
        fees = [
            usual if fee is None else str(fee)
            for fee, usual in zip((maker, taker), self._usual.fees, strict=True)
        ]
        if not self._has_fee_tiers or (maker, taker) != (None, None):
            self._native.set_fees(self.venue, name, *fees)
        # Of the usual ones some may not be traded.
        may_be_missing = (NotFound,) if balances is None else ()
        for asset, amount in (self._usual.balances if balances is None else balances).items():
            with contextlib.suppress(*may_be_missing):
                self.deposit(account, asset, Decimal(str(amount)) - self.balance(account, asset)[0])
        if fees_in is not None:
            asset, price, discount = fees_in
            self._native.pay_fees_in(self.venue, name, (asset, str(price), str(discount)))
        self._unfinished.discard(name)
        return account

    def deposit(self, account: Account, asset: str, amount: Decimal | int | str) -> None:
        """Add to a balance; a negative amount takes.

        Raises:
            NotFound: an asset that nothing is traded in.
            VenueRejected: there is less than what is taken, or positions and orders need it.
        """
        self._native.deposit(self.venue, account.name, asset, str(amount))

    def set_mark(self, symbol: str, price: Decimal | int | str) -> None:
        """Value positions in a perpetual at this price, until others or you set another one.

        Raises:
            NotFound: a symbol that is not traded.
            Invalid: a price off the tick.
            VenueRejected: there are no positions in it.
        """
        self._native.set_mark(self.venue, symbol, str(price))

    def halt(self, symbol: str, *, on: bool = True) -> None:
        """Stop to take orders of an instrument, or begin again; cancelling stays possible.

        Raises:
            NotFound: a symbol that is not traded.
        """
        self._native.halt(self.venue, symbol, on)

    def fund(self, symbol: str, rate: Decimal | int | str | None = None) -> None:
        """Let longs of a perpetual pay shorts now, besides the usual hours.

        Args:
            symbol: The perpetual.
            rate: A part of what positions are worth at the mark price; if negative, shorts pay. The
                usual rate by default.

        Raises:
            NotFound: a symbol that is not traded.
            Invalid: a rate with more than six decimals.
            VenueRejected: there are no positions in it, no mark price, or a rate beyond 1.
        """
        self._native.fund(self.venue, symbol, None if rate is None else str(rate))

    def balance(self, account: Account, asset: str) -> tuple[Decimal, Decimal]:
        """What can be used, and what open orders keep.

        Raises:
            NotFound: an asset that nothing is traded in.
        """
        free, locked = self._native.balance(self.venue, account.name, asset)
        return Decimal(free), Decimal(locked)

    def fault(self, name: str, **details: Any) -> None:  # noqa: ANN401 - numbers and texts
        """Let something go wrong; the page about the local exchange has all of them.

        Raises:
            Invalid: there is no such fault, or it wants other details.
        """
        self._native.fault(self.venue, json.dumps({"fault": name, **details}))

    def latency(self, latency: Latency) -> None:
        """Set how long messages take from now on, but for those that are on their way.

        Args:
            latency: A time such as `5ms` for all messages; or a table with `feed`, `place`,
                `amend`, `cancel` and `response`, `all` for those that are not named, `bad_times`
                and `seed`, as the page about the local exchange has it. None for no latency.

        Raises:
            Invalid: a key or a value that cannot be.
        """
        self._native.set_latency(self.venue, _json(latency))

    def status(self) -> dict[str, Any]:
        """What it has done so far."""
        status: dict[str, Any] = json.loads(self._native.status(self.venue))
        return status

    def close(self) -> None:
        """Close all connections, and listen no more."""
        self._native.stop()
        self._is_closed = True
        if self._player is not None:
            self._player.join()


def _check(*, port: int, seed: int, speed: float, prices: Mapping[str, Any]) -> None:
    """Refuse numbers that cannot be."""
    if not isinstance(port, Integral) or not 0 <= port <= PORT_MAX:
        raise Invalid(f"port: found {port!r}, expected 0 to {PORT_MAX}")
    if not isinstance(seed, Integral) or not 0 <= seed <= SEED_MAX:
        raise Invalid(f"seed: found {seed!r}, expected a whole number from 0 to {SEED_MAX}")
    if not isinstance(speed, Real) or not 0 < speed < math.inf:
        raise Invalid(f"speed: found {speed!r}, expected a number above 0")
    for symbol, price in prices.items():
        if not _is_number(price) or Decimal(str(price)) <= 0:
            raise Invalid(f"prices.{symbol}: found {price}, expected a price above 0")


def _is_number(value: object) -> bool:
    try:
        return Decimal(str(value)).is_finite()
    except InvalidOperation:
        return False


def _player(recorded: Recorded | None, native: _native.NativeExchange) -> Player | None:
    """Begins to play what is replayed."""
    if recorded is None:
        return None
    from rustonite_exec.recorded import Player  # noqa: PLC0415 - as above

    player = Player(recorded, native)
    player.start()
    return player


class LocalExchanges(Closing, Mapping[str, LocalExchange]):
    """Several venues at once, each on a port of its own, by their names.

    Example:
        >>> with LocalExchanges(["binance", "alpaca"], others=False) as venues:
        ...     account = venues.account("me", {"binance": {"USDT": 1000}})
        ...     venues["binance"].balance(account, "USDT")
        (Decimal('1000'), Decimal('0'))
    """

    def __init__(
        self,
        venues: Iterable[str] | Mapping[str, Mapping[str, Any]] = VENUES,
        **settings: Any,  # noqa: ANN401 - as `LocalExchange` has them
    ) -> None:
        """Begin to listen.

        Args:
            venues: Their names; or by name what `LocalExchange` takes for this one alone, such as
                `symbols` and `port`.
            settings: What it takes for each of them, such as `seed` or `state`.

        Raises:
            Invalid: there is no venue.
            RustoniteError: what `LocalExchange` raises; none of them listens then.
        """
        own = venues if isinstance(venues, Mapping) else {name: {} for name in venues}
        if not own:
            raise Invalid("venues: found none, expected one or more")
        with contextlib.ExitStack() as started:
            self._venues = {
                name: started.enter_context(LocalExchange(venue=name, **{**settings, **more}))
                for name, more in own.items()
            }
            self._started = started.pop_all()

    def __getitem__(self, venue: str) -> LocalExchange:
        """One of them."""
        return self._venues[venue]

    def __iter__(self) -> Iterator[str]:
        """Their names."""
        return iter(self._venues)

    def __len__(self) -> int:
        """How many there are."""
        return len(self._venues)

    def account(
        self,
        name: str = "demo",
        balances: Mapping[str, Mapping[str, Decimal | int | str]] | None = None,
        *,
        keys: tuple[str, str] | None = None,
    ) -> Account:
        """Open an account at each of them, with one key for all.

        Args:
            name: Of the account.
            balances: What it has, by venue and asset; where a venue is not named, what
                `LocalExchange.account` gives it.
            keys: The key and its secret; new ones are drawn by default.

        Raises:
            RustoniteError: what `LocalExchange.account` raises.
        """
        of_venue = balances or {}
        for venue, exchange in self.items():
            account = exchange.account(name, of_venue.get(venue), keys=keys)
            keys = keys or (account.key, account.secret)
        return account

    def close(self) -> None:
        """Close all connections, and listen no more."""
        self._started.close()


def _json(latency: Latency) -> str:
    return json.dumps(_plain(latency))


def _plain(value: object) -> object:
    """As JSON has it: numbers that are none become texts, which are refused by name."""
    if isinstance(value, dict):
        return {str(key): _plain(one) for key, one in value.items()}
    if isinstance(value, float | Decimal):
        return float(value) if math.isfinite(value) else str(value)
    return value


def _usual_price(symbol: str) -> str:
    return next((price for base, price in _PRICES.items() if symbol.startswith(base)), _OTHER_PRICE)
