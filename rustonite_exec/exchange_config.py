"""A local exchange as `exchange.toml` has it."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from datetime import date
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rustonite_data import _native
from rustonite_data.config import read, table_of
from rustonite_data.errors import Invalid
from rustonite_data.hints import hint, near
from rustonite_exec.exchange import (
    QUEUES,
    SEED_MAX,
    VENUES,
    Account,
    Latency,
    LocalExchange,
)

if TYPE_CHECKING:
    from rustonite_exec.exchange_tiers import Rows

_PORT_MAX = 65_535
_AMOUNT = (int, float, str, Decimal)
# Key, kinds of its value, and how they are called.
_Known = dict[str, tuple[tuple[type, ...], str]]
_TOP: _Known = {
    "venue": ((str,), f"one of {', '.join(VENUES)}"),
    "symbols": ((list,), 'a list of instruments, such as ["BTCUSDT"]'),
    "port": ((int,), f"a port from 0 to {_PORT_MAX}"),
    "seed": ((int,), "a whole number from 0"),
    "speed": ((int, float, Decimal), "a number above 0"),
    "others": ((bool,), "true or false"),
    "limits": ((bool,), "true or false"),
    "prices": ((dict,), "a table of instrument to price"),
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
    "balances": ((dict,), "a table of asset to amount"),
    "maker": (_AMOUNT, "a part, such as 0.001"),
    "taker": (_AMOUNT, "a part, such as 0.001"),
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
        "port": 0 <= found.get("port", 0) <= _PORT_MAX,
        "seed": 0 <= found.get("seed", 0) <= SEED_MAX,
        "speed": 0 < float(found.get("speed", 1)) < math.inf,
        "prices": all(map(_is_amount, found.get("prices", {}).values())),
    }
    for key, is_well in can_be.items():
        if not is_well:
            raise file.wrong(key, found[key], _TOP[key][1])


def _check_accounts(file: _File, tables: list[Any]) -> None:
    if not tables or not all(isinstance(table, dict) for table in tables):
        raise file.wrong("account", tables, _TOP["account"][1])
    for table in tables:
        file.check(table, _ACCOUNT, "account.")
        amounts = {key: [table[key]] for key in ("maker", "taker") if key in table}
        amounts["balances"] = list(table.get("balances", {}).values())
        for key, values in amounts.items():
            if not all(map(_is_amount, values)):
                raise file.wrong(key, table[key], _ACCOUNT[key][1], path="account.")
        if "fees_in" in table and not _is_fees_in(table["fees_in"]):
            raise file.wrong("fees_in", table["fees_in"], _FEES_IN, path="account.")


def _is_fees_in(table: dict[str, Any]) -> bool:
    return (
        table.keys() == {"asset", "price", "discount"}
        and isinstance(table["asset"], str)
        and _is_amount(table["price"])
        and _is_amount(table["discount"])
    )


def _is_amount(value: object) -> bool:
    try:
        return not isinstance(value, bool) and Decimal(str(value)).is_finite()
    except InvalidOperation:
        return False


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
    return exchange.account(
        one.name, one.balances, maker=one.maker, taker=one.taker, fees_in=one.fees_in, keys=keys
    )


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
        found = re.search(rf'^[^#\n]*?(?<![\w-])"?{re.escape(key)}"?\s*=', self.text, re.MULTILINE)
        if found is None:
            return self.place
        return f"{self.place}:{self.text.count(chr(10), 0, found.start()) + 1}"
