"""A local exchange as `exchange.toml` has it."""

from __future__ import annotations

import difflib
import re
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

from rustonite_data import _native
from rustonite_data.config import read, table_of
from rustonite_data.errors import Invalid
from rustonite_exec.exchange import VENUES, Account, Latency, LocalExchange

_PORT_MAX = 65_535
_AMOUNT = (int, float, str, Decimal)
# Key, kinds of its value, and how they are called.
_TOP: dict[str, tuple[tuple[type, ...], str]] = {
    "venue": ((str,), f"one of {', '.join(VENUES)}"),
    "symbols": ((list,), "a list of instruments"),
    "port": ((int,), f"a port from 0 to {_PORT_MAX}"),
    "seed": ((int,), "a whole number"),
    "speed": ((int, float, Decimal), "a number above 0"),
    "others": ((bool,), "true or false"),
    "limits": ((bool,), "true or false"),
    "prices": ((dict,), "a table of instrument to price"),
    "state": ((str,), "a folder"),
    "latency": ((str, dict), "a time such as 5ms, or a table of them"),
    "account": ((list,), "one or more [[account]]"),
}
_ACCOUNT: dict[str, tuple[tuple[type, ...], str]] = {
    "name": ((str,), "a name"),
    "keys": ((str,), "a file"),
    "balances": ((dict,), "a table of asset to amount"),
    "maker": (_AMOUNT, "a part, such as 0.001"),
    "taker": (_AMOUNT, "a part, such as 0.001"),
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
        for table in tables:
            file.check(table, _ACCOUNT, "account.")
        if found.get("venue", "binance") not in VENUES:
            raise file.wrong("venue", found["venue"], _TOP["venue"][1], VENUES)
        if not 0 <= found.get("port", 0) <= _PORT_MAX:
            raise file.wrong("port", found["port"], _TOP["port"][1])
        if not found.get("speed", 1) > 0:
            raise file.wrong("speed", found["speed"], _TOP["speed"][1])
        if "symbols" in found:
            found["symbols"] = tuple(map(str, found["symbols"]))
        folder = Path(place).parent
        if "state" in found:
            found["state"] = folder / found["state"]
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
            latency=self.latency,
        )  # fmt: skip
        try:
            return exchange, [_open(exchange, one) for one in self.accounts]
        except BaseException:
            exchange.close()
            raise


def _account(table: dict[str, Any], folder: Path) -> ExchangeAccount:
    fees = {name: str(table[name]) for name in ("maker", "taker") if name in table}
    keys = folder / table["keys"] if "keys" in table else None
    return ExchangeAccount(table.get("name", "demo"), keys, table.get("balances"), **fees)


def _open(exchange: LocalExchange, one: ExchangeAccount) -> Account:
    keys = None if one.keys is None else _native.read_keys(one.keys)
    return exchange.account(one.name, one.balances, maker=one.maker, taker=one.taker, keys=keys)


@dataclass(frozen=True)
class _File:
    """Where values stand."""

    place: str
    text: str

    def check(
        self, table: dict[str, Any], known: dict[str, tuple[tuple[type, ...], str]], path: str
    ) -> None:
        for key, value in table.items():
            if key not in known:
                raise Invalid(f"{self._at(key)}: {path}{key}: unknown key; {_hint(key, known)}")
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
        near = difflib.get_close_matches(str(value), known, 1)
        hint = f"; did you mean {near[0]}?" if near else ""
        shown = str(value) if isinstance(value, Decimal) else repr(value)
        return Invalid(f"{self._at(key)}: {path}{key}: found {shown}, expected {expected}{hint}")

    def _at(self, key: str) -> str:
        found = re.search(rf'^[^#\n]*?(?<![\w-])"?{re.escape(key)}"?\s*=', self.text, re.MULTILINE)
        if found is None:
            return self.place
        return f"{self.place}:{self.text.count(chr(10), 0, found.start()) + 1}"


def _hint(name: str, known: dict[str, Any]) -> str:
    near = difflib.get_close_matches(name, known, 1)
    return f"did you mean {near[0]}?" if near else f"there are {', '.join(known)}"
