"""A local exchange as `exchange.toml` has it."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rustonite_data import _native
from rustonite_data.config import place_of, read, table_of
from rustonite_data.errors import Invalid, NotFound, VenueRejected
from rustonite_data.hints import hint, near
from rustonite_exec.exchange import (
    PORT_MAX,
    QUEUES,
    SEED_MAX,
    VENUES,
    Account,
    Latency,
    LocalExchange,
)

if TYPE_CHECKING:
    from rustonite_exec.exchange_tiers import Rows

_AMOUNT = (int, float, str, Decimal)
# Key, kinds of its value, and how they are called.
_Known = dict[str, tuple[tuple[type, ...], str]]
_TOP: _Known = {
    "venue": ((str,), f"one of {', '.join(VENUES)}"),
    "symbols": ((list,), 'a list of instruments, such as ["BTCUSDT"]'),
    "port": ((int,), f"a port from 0 to {PORT_MAX}"),
    "seed": ((int,), "a whole number from 0"),
    "speed": ((int, float, Decimal), "a number above 0"),
    "others": ((bool,), "true or false"),
    "limits": ((bool,), "true or false"),
    "prices": ((dict,), "a table of instrument to price, each above 0"),
    "state": ((str,), "a folder"),
    "latency": ((str, dict), "a time such as 5ms, or a table of them"),
    "tiers": ((dict,), "a table of instrument to tables with worth, leverage and keeps"),
    "fee_tiers": ((list,), "tables with volume, maker and taker"),
    "replay": ((str,), "a lake"),
    "replay_from": ((str, date), "a time such as 2026-01-02T03:04"),
    "replay_to": ((str, date), "a time such as 2026-01-02T03:04"),
    "queue": ((str,), f"one of {', '.join(QUEUES)}"),
    "account": ((list,), "one or more [[account]]"),
}
_FEES_IN = 'a table such as { asset = "BNB", price = 600, discount = 0.25 }'
_ACCOUNT: _Known = {
    "name": ((str,), "a name"),
    "keys": ((str,), "a file"),
    "balances": ((dict,), "a table of asset to amount, none below 0"),
    "maker": (_AMOUNT, "a part below 1, such as 0.001"),
    "taker": (_AMOUNT, "a part below 1, such as 0.001"),
    "fees_in": ((dict,), _FEES_IN),
}


@dataclass(frozen=True)
class ExchangeAccount:
    """An account that is opened at the start."""

    name: str
    keys: Path | None = None
    """File with the key and the secret; without it new ones are drawn."""
    balances: dict[str, Decimal | int | str] | None = None
    maker: str | None = None
    taker: str | None = None
    fees_in: tuple[str, str, str] | None = None
    """Another asset that fees are paid in, its price, and the discount."""


@dataclass(frozen=True)
class ExchangeConfig:
    """What a local exchange is started with."""

    venue: str = "binance"
    symbols: tuple[str, ...] | None = None
    port: int = 0
    seed: int = 1
    speed: float = 1.0
    others: bool = True
    limits: bool = True
    prices: dict[str, Decimal | int | str] | None = None
    state: Path | None = None
    latency: Latency = None
    tiers: dict[str, Rows] | None = None
    fee_tiers: Rows = ()
    replay: str | None = None
    """A lake whose rows are the market."""
    replay_from: Any = None
    replay_to: Any = None
    queue: str | None = None
    """Who leaves the queue of a recorded level that shrinks without a trade."""
    accounts: tuple[ExchangeAccount, ...] = (ExchangeAccount("demo"),)

    @classmethod
    def read(cls, path: Path) -> ExchangeConfig:
        """Read a file; paths in it start from its folder.

        Raises:
            Invalid: it cannot be used; the message names file, line, key and value.
        """
        return cls.parse(read(path, "a local exchange's configuration"), str(path))

    @classmethod
    def parse(cls, text: str, place: str = "exchange.toml") -> ExchangeConfig:
        """Read a text; `place` is its file in errors.

        Example:
            >>> ExchangeConfig.parse('venue = "binance-usdm"').accounts[0].name
            'demo'

        Raises:
            Invalid: as `read`.
        """
        found = table_of(text, place)
        file = _File(place, text)
        file.check(found, _TOP, "")
        tables = found.pop("account", [{"name": "demo"}])
        _check_accounts(file, tables)
        _check_top(file, found)
        if "symbols" in found:
            found["symbols"] = tuple(found["symbols"])
        folder = Path(place).parent
        if "state" in found:
            found["state"] = folder / found["state"]
        if "://" not in found.get("replay", "://"):
            found["replay"] = str(folder / found["replay"])
        accounts = [_account(table, folder) for table in tables]
        settings = {**found, "speed": float(found.get("speed", 1)), "accounts": tuple(accounts)}
        return cls(**settings)

    def check(self) -> None:
        """Try whether it could begin, for a moment and on a port that nobody knows.

        What is kept or replayed is left alone.

        Raises:
            RustoniteError: as `start`.
        """
        if self.replay is None:
            replace(self, port=0, state=None).start()[0].close()

    def start(self) -> tuple[LocalExchange, list[Account]]:
        """Begin to listen, with the accounts open.

        Raises:
            RustoniteError: what `LocalExchange` and its `account` raise, or the file of a key
                cannot be used.
        """
        exchange = LocalExchange(
            self.symbols, venue=self.venue, port=self.port, seed=self.seed, speed=self.speed,
            others=self.others, limits=self.limits, prices=self.prices, state=self.state,
            latency=self.latency, tiers=self.tiers, fee_tiers=self.fee_tiers,
            replay=self.replay, start=self.replay_from, stop=self.replay_to, queue=self.queue,
        )  # fmt: skip
        try:
            return exchange, [_open(exchange, one) for one in self.accounts]
        except BaseException:
            exchange.close()
            raise


def _check_top(file: _File, found: dict[str, Any]) -> None:
    for key, known in {"venue": VENUES, "queue": QUEUES}.items():
        if found.get(key, known[0]) not in known:
            raise file.wrong(key, found[key], _TOP[key][1], known)
    symbols = found.get("symbols", ["BTCUSDT"])
    can_be = {
        "symbols": bool(symbols) and all(isinstance(one, str) and one for one in symbols),
        "port": 0 <= found.get("port", 0) <= PORT_MAX,
        "seed": 0 <= found.get("seed", 0) <= SEED_MAX,
        "speed": 0 < float(found.get("speed", 1)) < math.inf,
        "prices": all(_amount(one) > 0 for one in found.get("prices", {}).values()),
    }
    for key, is_well in can_be.items():
        if not is_well:
            raise file.wrong(key, found[key], _TOP[key][1])


def _check_accounts(file: _File, tables: list[Any]) -> None:
    if not tables or not all(isinstance(table, dict) for table in tables):
        raise file.wrong("account", tables, _TOP["account"][1])
    for table in tables:
        file.check(table, _ACCOUNT, "account.")
        can_be = {key: abs(_amount(table.get(key, 0))) < 1 for key in ("maker", "taker")}
        can_be["balances"] = all(_amount(one) >= 0 for one in table.get("balances", {}).values())
        for key, is_well in can_be.items():
            if not is_well:
                raise file.wrong(key, table[key], _ACCOUNT[key][1], path="account.")
        if "fees_in" in table and not _is_fees_in(table["fees_in"]):
            raise file.wrong("fees_in", table["fees_in"], _FEES_IN, path="account.")


def _is_fees_in(table: dict[str, Any]) -> bool:
    return (
        table.keys() == {"asset", "price", "discount"}
        and isinstance(table["asset"], str)
        and not math.isnan(_amount(table["price"]))
        and not math.isnan(_amount(table["discount"]))
    )


def _amount(value: object) -> float:
    """About how much it is; NaN, which is neither more nor less than anything, if it is none."""
    try:
        number = Decimal("NaN") if isinstance(value, bool) else Decimal(str(value))
    except InvalidOperation:
        return math.nan
    return float(number) if number.is_finite() else math.nan


def _account(table: dict[str, Any], folder: Path) -> ExchangeAccount:
    fees = {name: str(table[name]) for name in ("maker", "taker") if name in table}
    keys = folder / table["keys"] if "keys" in table else None
    terms = table.get("fees_in")
    return ExchangeAccount(
        table.get("name", "demo"), keys, table.get("balances"), **fees,
        fees_in=terms and tuple(str(terms[name]) for name in ("asset", "price", "discount")),
    )  # fmt: skip


def _open(exchange: LocalExchange, one: ExchangeAccount) -> Account:
    keys = None if one.keys is None else _native.read_keys(one.keys)
    try:
        return exchange.account(
            one.name, one.balances, maker=one.maker, taker=one.taker, fees_in=one.fees_in, keys=keys
        )
    except (Invalid, NotFound, VenueRejected) as error:
        raise Invalid(f"account {one.name}: {error}") from error


@dataclass(frozen=True)
class _File:
    """Where values stand."""

    place: str
    text: str

    def check(self, table: dict[str, Any], known: _Known, path: str) -> None:
        for key, value in table.items():
            if key not in known:
                raise Invalid(f"{self._at(key)}: {path}{key}: unknown key; {hint(key, known)}")
            kinds, expected = known[key]
            # True is a number to Python, not to those who write files.
            if not isinstance(value, kinds) or (isinstance(value, bool) and bool not in kinds):
                raise self.wrong(key, value, expected, path=path)

    def wrong(
        self,
        key: str,
        value: object,
        expected: str,
        known: tuple[str, ...] = (),
        path: str = "",
    ) -> Invalid:
        """What is wrong with a value."""
        meant = near(str(value), known)
        shown = str(value) if isinstance(value, Decimal) else repr(value)
        text = f"found {shown}, expected {expected}{'; ' if meant else ''}{meant}"
        return Invalid(f"{self._at(key)}: {path}{key}: {text}")

    def _at(self, key: str) -> str:
        return place_of(key, self.text, self.place)
