"""The same strategy on the same rows: live on the local exchange, and on the recorded tapes with an
account on paper. Where fills agree, decisions are the same byte for byte."""

from __future__ import annotations

import contextlib
import json
from typing import TYPE_CHECKING, Any, Literal

import pytest
from trading import Place, on_paper, recording

from rustonite_data.errors import Invalid, RiskRejected
from rustonite_data.tape import Tape
from rustonite_exec import FillNews, LocalExchange, Quote, Strategy, Trade, Trader

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from rustonite_data.tape import Batch

SYMBOL, SIZE = "BTCUSDT", "0.0001"
SLOT_NS = 250_000_000
DECIDED = {"submitted", "replace_asked", "cancel_asked", "denied"}
# Of the moment, of the journal or of the venue, and not of the decision.
NOT_DECIDED = {"ts_event", "ts_recv", "seq", "market_seq", "venue_order_id"}


class Rounds(Strategy):
    """In turns takes a little, and places, moves and cancels an order far from the market. Prices
    follow from all rows that it has seen, sides from its position."""

    def __init__(self, window: tuple[int, int] | None = None) -> None:
        self.window = window
        self.seen: list[int] = []
        self.fills: list[FillNews] = []
        self.slot: int | None = None
        self.mean = 0.0
        self.far: int | None = None

    def is_mine(self, ts_recv: int) -> bool:
        if self.window is not None and not self.window[0] <= ts_recv <= self.window[1]:
            return False
        self.seen.append(ts_recv)
        return True

    def on_trade(self, trade: Trade) -> None:
        if self.is_mine(trade.ts_recv):
            self.mean += (trade.price - self.mean) * 0.1 if self.mean else trade.price

    def on_quote(self, quote: Quote) -> None:
        if not self.is_mine(quote.ts_recv):
            return
        slot = quote.ts_recv // SLOT_NS
        before, self.slot = self.slot, slot
        if before is None or before == slot or not self.mean:
            return
        # An order that is still pending, or has ended: the next turn is another chance.
        with contextlib.suppress(RiskRejected):
            (self.take, self.place, self.move, self.end)[slot % 4](quote)

    def take(self, quote: Quote) -> None:
        side: Literal["buy", "sell"] = "sell" if self.broker.position(SYMBOL) > 0 else "buy"
        price = quote.bid_price * 0.998 if side == "sell" else quote.ask_price * 1.002
        self.broker.submit(SYMBOL, side, SIZE, self.broker.on_tick(SYMBOL, side, price), tif="ioc")

    def place(self, _quote: Quote) -> None:
        price = self.broker.on_tick(SYMBOL, "buy", self.mean * 0.99)
        self.far = self.broker.submit(SYMBOL, "buy", "0.001", price)

    def move(self, _quote: Quote) -> None:
        if self.far is not None:
            price = self.broker.on_tick(SYMBOL, "buy", self.mean * 0.991)
            self.broker.replace(self.far, "0.002", price)

    def end(self, _quote: Quote) -> None:
        if self.far is not None:
            self.broker.cancel(self.far)
            self.far = None

    def on_fill(self, news: FillNews) -> None:
        self.fills.append(news)


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    with LocalExchange([SYMBOL], speed=4, limits=False) as exchange:
        yield Place(tmp_path, exchange)


def replaying(place: Place, name: str, top: str = "replay = true") -> Path:
    """A configuration whose orders stay here."""
    return on_paper(
        place.folder / name, SYMBOL, 'USDT = "100000", BTC = "2"', tapes=place.folder / "tapes",
        top=top, account=f"urls = {{ rest = {json.dumps(place.exchange.urls['rest'])} }}",
    )  # fmt: skip


def rows(journal: Path, dataset: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = Tape.reader(journal / dataset / "trader").read().pl().to_dicts()
    return found


def decisions(journal: Path) -> list[tuple[int, bytes]]:
    """What was asked for: of which order, and all that was said."""
    asked = [row for row in rows(journal, "orders") if row["event"] in DECIDED]
    said = [{key: row[key] for key in row if key not in NOT_DECIDED} for row in asked]
    return [(row["order_id"], json.dumps(row, default=str).encode()) for row in said]


def filled(strategy: Rounds) -> dict[int, str]:
    """How much of each order, in the order of the first fills."""
    sizes: dict[int, str] = {}
    for one in strategy.fills:
        sizes[one.order.id] = str(one.order.size_filled)
    return sizes


def agree_until(ours: dict[int, str], theirs: dict[int, str]) -> int:
    """The first order whose fills differ."""
    differ = [
        order for order in ours.keys() | theirs.keys() if ours.get(order) != theirs.get(order)
    ]
    return min(differ, default=2**62)


def test_decisions_live_and_on_the_tapes_are_the_same(place: Place) -> None:
    live = Rounds()
    with recording(place.folder / "tapes", place.exchange.urls):
        place.run(live, lambda _status: len(live.fills) >= 8)
    told = decisions(place.journal)
    window = (live.seen[0], live.seen[-1])
    replayed = []
    for name in ("one", "two"):
        strategy = Rounds(window)
        Trader(replaying(place, name), strategy).run()
        assert strategy.seen == live.seen
        replayed.append(strategy)
    journals = [place.folder / name / "journal" for name in ("one", "two")]
    # On the tapes nothing is left to the machine: all rows are the same, with their times.
    for dataset in ("orders", "fills", "balances"):
        first, second = (rows(journal, dataset) for journal in journals)
        assert first
        assert first == second
    until = agree_until(filled(live), filled(replayed[0]))
    ours, theirs = (
        [said for order, said in all_of if order < until]
        for all_of in (told, decisions(journals[0]))
    )
    assert len(ours) > 0.8 * len(told), (filled(live), filled(replayed[0]))
    assert {json.loads(said)["event"] for said in ours} >= {
        "submitted",
        "replace_asked",
        "cancel_asked",
    }
    # The end cancels what is open, which is no decision of the strategy.
    assert ours[: len(theirs)] == theirs[: len(ours)]
    assert abs(len(ours) - len(theirs)) <= 1


def test_on_live_tapes_paper_is_filled_by_what_others_trade(place: Place) -> None:
    strategy = Rounds()
    path = replaying(place, "paper", top="")
    with recording(place.folder / "tapes", place.exchange.urls):
        Trader(path, strategy).run(lambda _status, _told: len(strategy.fills) < 3)
    fills = rows(place.folder / "paper" / "journal", "fills")
    assert len(fills) >= 3
    assert {row["source"] for row in fills} == {"simulated"}
    # The venue has heard nothing of it.
    status = place.exchange.status()
    assert [one["fills"] for one in status["accounts"]] == [0]


def test_what_is_not_there_cannot_be_replayed(place: Place) -> None:
    with pytest.raises(Invalid, match=r"market\.binance\.tapes: there is no tape of quotes"):
        Trader(replaying(place, "none"), Rounds()).run()


class Calls(Strategy):
    """Remembers which rows came together, and when."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, int, list[int]]] = []

    def on_quotes(self, rows: Batch) -> None:
        self.note("quotes", rows)

    def on_trades(self, rows: Batch) -> None:
        self.note("trades", rows)

    def note(self, dataset: str, rows: Batch) -> None:
        times = [row["ts_recv"] for row in rows.to_pylist(["ts_recv"])]
        self.calls.append((dataset, self.broker.now(), times))

    def rows(self, dataset: str) -> list[int]:
        return [one for name, _, times in self.calls if name == dataset for one in times]


def test_rows_are_gathered_as_long_as_is_set_and_no_more_of_them(place: Place) -> None:
    live = Rounds()
    with recording(place.folder / "tapes", place.exchange.urls):
        place.run(live, lambda _status: len(live.fills) >= 4)
    alone, few, soon = Calls(), Calls(), Calls()
    Trader(replaying(place, "alone"), alone).run()
    assert {len(times) for _, _, times in alone.calls} == {1}
    for name, strategy, most, gather_ns in (
        ("few", few, 3, 10_000_000_000),
        ("soon", soon, 1_024, 300_000_000),
    ):
        path = replaying(place, name)
        path.write_text(
            f"{path.read_text()}\nrows_max = {most}\ngather_us = {gather_ns // 1_000}\n"
        )
        Trader(path, strategy).run()
        for dataset in ("quotes", "trades"):
            assert strategy.rows(dataset) == alone.rows(dataset)
        assert max(len(times) for _, _, times in strategy.calls) <= most
        assert all(now - times[0] <= gather_ns for _, now, times in strategy.calls)
    assert 3 in {len(times) for _, _, times in few.calls}
    assert any(now - times[0] == 300_000_000 for _, now, times in soon.calls)
    assert len(soon.calls) < len(alone.calls) / 2
