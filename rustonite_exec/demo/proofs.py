"""What must hold, and how it is seen: by the venue's own numbers, asked of the venue itself."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode
from urllib.request import Request, urlopen

from rustonite_data import _native
from rustonite_exec.demo.crew import DATASETS, SYMBOLS, TRADED
from rustonite_exec.demo.watch import described

if TYPE_CHECKING:
    from rustonite_exec.demo.crew import Crew

_PAGE = 1000
_ASK_S = 5.0
_TIMEOUT_S = 10.0

_TRADES = """
select symbol, trade_id, price, size, epoch_ns(ts_event) // 1000000 as time_ms from trades
"""
_GAPS = """
select symbol, seq_from, seq_to from feed_events where kind = 'gap' and dataset = 'trades'
"""
_HOLES = """
select count(*) as connections, sum(frames) as frames, sum(holes) as holes from (
    select count(*) as frames, max(frame_seq) - min(frame_seq) + 1 - count(*) as holes
    from frames group by connection
)
"""


@dataclass(frozen=True)
class Proof:
    """A statement, whether it holds, and what it was seen by."""

    name: str
    holds: bool
    seen: str


class VenueTrades:
    """All trades of the venue, asked of its own interface."""

    def __init__(self, crew: Crew) -> None:
        """Nothing was asked so far."""
        self._root = crew.exchange.urls["rest"].rstrip("/")
        self._key = crew.account.key
        self._asked = time.monotonic()
        self.by_symbol: dict[str, dict[int, dict[str, Any]]] = {one: {} for one in SYMBOLS}

    def keep_up(self) -> None:
        """Ask now and then: a venue forgets."""
        if time.monotonic() - self._asked > _ASK_S:
            self.ask()

    def ask(self) -> None:
        """Ask for those that are new."""
        self._asked = time.monotonic()
        for symbol, known in self.by_symbol.items():
            page: list[dict[str, Any]] = []
            while not page or len(page) == _PAGE:
                first = max(known, default=0) + 1
                page = self._page(symbol=symbol, fromId=first, limit=_PAGE)
                if not page:
                    break
                known.update((one["id"], one) for one in page)

    def _page(self, **parameters: Any) -> list[dict[str, Any]]:  # noqa: ANN401 - texts and numbers
        url = f"{self._root}/api/v3/historicalTrades?{urlencode(parameters)}"
        request = Request(url, headers={"X-MBX-APIKEY": self._key})  # noqa: S310 - of this machine
        with urlopen(request, timeout=_TIMEOUT_S) as answer:  # noqa: S310 - as above
            rows: list[dict[str, Any]] = json.load(answer)
        return rows


def visible(crew: Crew) -> dict[str, int]:
    """How many rows other processes see on each tape."""
    facts = {dataset: described(crew.tape(dataset)) for dataset in DATASETS}
    return {dataset: one["next_row"] if one else 0 for dataset, one in facts.items()}


def rows_outlive(crew: Crew, before: dict[str, int]) -> list[Proof]:
    """After the kill: every row that was visible is there, and every segment is sound."""
    now = visible(crew)
    lost = sum(max(0, count - now[dataset]) for dataset, count in before.items())
    counted = ", ".join(f"{dataset} {now[dataset]:,}" for dataset in DATASETS)
    verdicts = {dataset: _native.verify_tape(crew.tape(dataset))["sound"] for dataset in DATASETS}
    damaged = [dataset for dataset, sound in verdicts.items() if not sound]
    return [
        Proof(
            "rows seen before kill -9 of the recorder are there after it",
            lost == 0 and all(before.values()),
            f"{sum(before.values()):,} seen before, {sum(now.values()):,} after ({counted})",
        ),
        Proof(
            "its tapes are sound",
            not damaged,
            ", ".join(damaged) or f"{len(verdicts)} tapes, every segment read",
        ),
    ]


def trades_are_the_venues(crew: Crew, venue: VenueTrades, when: str) -> Proof:
    """Each trade of the venue is in the record once and equal, or named there as missing."""
    recorded = crew.lake.sql(_TRADES).rows()
    # Asked for later, so that the venue knows all that was recorded.
    venue.ask()
    named = {symbol: set[int]() for symbol in SYMBOLS}
    for symbol, first, last in crew.lake.sql(_GAPS).rows():
        named[symbol].update(range(first, last + 1))
    ours: dict[str, dict[int, tuple[float, float, int]]] = {symbol: {} for symbol in SYMBOLS}
    for symbol, trade, price, size, at in recorded:
        ours[symbol][trade] = (price, size, at)
    twice = len(recorded) - sum(map(len, ours.values()))
    unequal = missing = gaps = 0
    for symbol, found in ours.items():
        if not found:
            missing += 1
            continue
        told = venue.by_symbol[symbol]
        for trade in range(min(found), max(found) + 1):
            if trade in found:
                unequal += trade not in told or found[trade] != _values(told[trade])
            elif trade in named[symbol]:
                gaps += 1
            else:
                missing += 1
    seen = f"{len(recorded):,} recorded, {unequal} differ, {twice} twice, {missing} missing"
    if gaps:
        seen += f"; {gaps} were made while nobody listened, and the record names each of them"
    return Proof(
        f"trades are the venue's, by its own ids, {when}", not (twice or unequal or missing), seen
    )


def _values(told: dict[str, Any]) -> tuple[float, float, int]:
    return float(told["price"]), float(told["qty"]), int(told["time"])


def frames_have_no_holes(crew: Crew) -> Proof:
    """The raw frames of each connection are numbered without a hole."""
    connections, frames, holes = crew.lake.sql(_HOLES).rows()[0]
    seen = f"{frames:,} frames of {connections} connections, {holes} holes"
    return Proof("raw frames have no holes", bool(frames) and holes == 0, seen)


def books_are_the_venues(crew: Crew, last: dict[str, Any]) -> list[Proof]:
    """What the trader thinks it owns and did is what the venue says."""
    assets = [TRADED.removesuffix("USDT"), "USDT"]
    owned = {asset: sum(crew.exchange.balance(crew.account, asset)) for asset in assets}
    thought = {asset: Decimal(str(last["balances"][asset])) for asset in assets}
    account = next(
        one for one in crew.exchange.status()["accounts"] if one["name"] == crew.account.name
    )
    fills = crew.lake.sql("select count(*) from fills where kind = 'trade'").rows()[0][0]
    text = ", ".join(f"{thought[asset]} {asset}" for asset in assets)
    return [
        Proof("balances are the venue's after kill -9 of the trader", thought == owned, text),
        Proof(
            "fills are the venue's",
            fills == account["fills"] and fills > 0,
            f"{fills} in the journal, {account['fills']} at the venue",
        ),
        Proof(
            "no order is left open",
            last["open_orders"] == account["open_orders"] == 0,
            f"{last['open_orders']} by the journal, {account['open_orders']} at the venue",
        ),
    ]
