"""What strategies see of books and bars: what the venue has, and what the lake makes of it."""

from __future__ import annotations

import json
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from urllib.request import urlopen

import polars as pl
import pytest
from trading import PATIENCE_S, Client, Quoter, followed, on_paper

from rustonite_data.lake import Lake
from rustonite_data.record import Recorder
from rustonite_data.tape import Tape
from rustonite_exec import Book, GapNews, LocalExchange, Strategy, Trader

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from rustonite_data.tape import Batch

SYMBOL = "BTCUSDT"
DATASETS = ["quotes", "trades", "book_deltas", "bars"]
Levels = list[tuple[float, float]]


class Looking(Strategy):
    """Remembers books by the venue's numbers, bars, and what was lost."""

    def __init__(self) -> None:
        self.books: dict[int, tuple[int, Levels, Levels]] = {}
        self.bars: list[dict[str, Any]] = []
        self.gaps: list[GapNews] = []
        self.rows: set[str] = set()
        self.book: Book | None = None

    def on_book(self, book: Book) -> None:
        assert book.is_whole
        assert (book.venue, book.symbol) == ("binance", SYMBOL)
        bids, asks = book.bids(), book.asks()
        assert (book.bid, book.ask) == (bids[0], asks[0])
        assert book.bids(1) == bids[:1]
        assert book.size_to("ask", asks[-1][0]) == pytest.approx(sum(size for _, size in asks))
        assert book.cost("bid", bids[0][1] / 2) == pytest.approx(bids[0][0] * bids[0][1] / 2)
        assert book.cost("bid", 1e9) is None
        assert book.seq is not None
        self.book = book
        self.books[book.seq] = (book.ts_recv, bids, asks)

    def on_bars(self, rows: Batch) -> None:
        self.bars += rows.to_pylist(["symbol", "interval", "close"])

    def on_rows(self, dataset: str, rows: Batch) -> None:
        assert len(rows) > 0
        self.rows.add(dataset)

    def on_gap(self, gap: GapNews) -> None:
        self.gaps.append(gap)


class Place:
    """A venue with a quoter, a recorder into a lake, and traders on paper."""

    def __init__(self, folder: Path, exchange: LocalExchange) -> None:
        self.folder, self.exchange = folder, exchange
        self.quoter = Quoter(exchange, SYMBOL)
        self.quoter.move(59_990, 60_010)
        self.client = Client(
            exchange, exchange.account("other", {"USDT": 10_000_000, "BTC": 100}), SYMBOL
        )
        self.lake = Lake.create(folder / "lake")
        self.tapes = folder / "lake" / ".tapes"
        feed = followed(exchange, "binance", SYMBOL, public="public", rest="rest")
        self.feed = feed.replace('["trades", "quotes"]', json.dumps([*DATASETS, "instruments"]))

    @contextmanager
    def recording(self) -> Iterator[None]:
        """A recorder that has written what traders need of it."""
        with Recorder(self.feed, tapes=self.tapes):
            while not all(self.has_rows(one) for one in ("book_deltas", "quotes", "instruments")):
                self.quoter.renew()
                time.sleep(0.05)
            yield

    def has_rows(self, dataset: str) -> bool:
        tapes = self.tapes.glob(f"{dataset}/*/tape.toml")
        return any(len(Tape.reader(tape.parent).read()) > 0 for tape in tapes)

    def configure(self, name: str, top: str = "", tapes: Path | None = None) -> Path:
        return on_paper(
            self.folder / name, SYMBOL, 'USDT = "100000"', tapes=tapes or self.tapes, top=top,
            market=f"datasets = {json.dumps(DATASETS)}",
        )  # fmt: skip

    def run(self, config: Path, strategy: Looking, is_over: Callable[[], bool]) -> None:
        began = time.monotonic()

        def beat(status: dict[str, Any], notices: list[str]) -> bool:
            late = time.monotonic() - began > PATIENCE_S
            assert not late, (status, notices, sorted(strategy.books)[-1:], strategy.bars[-1:])
            self.quoter.renew()
            return not is_over()

        Trader(config, strategy).run(beat)

    def stir(self, turn: int) -> None:
        """Orders at some distance come and go, and a little is traded."""
        side, away = ("buy", -10) if turn % 2 else ("sell", 10)
        order = self.client.rest(side, f"0.0{1 + turn % 7}", 60_000 + away * (1 + turn % 9))
        if turn % 3 == 0:
            self.client.cancel(order)
        if turn % 5 == 0:
            self.client.take("buy", "0.001", self.quoter.ask)

    def depth(self) -> tuple[int, Levels, Levels]:
        """The venue's own book, and its number."""
        url = f"{self.exchange.urls['rest']}/api/v3/depth?symbol={SYMBOL}&limit=1000"
        with urlopen(url, timeout=PATIENCE_S) as answer:  # noqa: S310 - ours
            told = json.load(answer)
        bids, asks = ([(float(p), float(s)) for p, s in told[side]] for side in ("bids", "asks"))
        return told["lastUpdateId"], bids, asks

    def rebuilt(self, at: int) -> tuple[Levels, Levels]:
        """The book that the lake makes of its rows up to a moment."""
        rows = self.lake.book_at(at, symbols=SYMBOL, time="ts_recv").pl()
        sides = (rows.filter(pl.col("side").cast(pl.String) == side) for side in ("bid", "ask"))
        bids, asks = (list(zip(one["price"], one["size"], strict=True)) for one in sides)
        return sorted(bids, reverse=True), sorted(asks)


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    with LocalExchange([SYMBOL], others=False, limits=False) as exchange:
        yield Place(tmp_path, exchange)


def test_a_strategys_book_is_the_venues_and_the_lakes(place: Place) -> None:
    strategy, replayed = Looking(), Looking()
    turns = iter(range(60))
    agreed: list[int] = []

    def is_over() -> bool:
        turn = next(turns, None)
        if turn is not None:
            # The first look is before any change: the picture came before the trader.
            if strategy.books or turn > 0:
                place.stir(turn)
            return False
        number, bids, asks = place.depth()
        if number in strategy.books and strategy.books[number][1:] == (bids, asks):
            agreed.append(number)
        return len(agreed) > 2 and bool(strategy.bars)

    with place.recording():
        place.run(place.configure("live"), strategy, is_over)
    assert len(strategy.books) > 10
    assert not strategy.gaps
    assert strategy.rows >= {"book_deltas"}
    assert "bars" not in strategy.rows
    assert {(one["symbol"], one["interval"]) for one in strategy.bars} == {(SYMBOL, "1m")}
    for ts_recv, bids, asks in list(strategy.books.values())[:: len(strategy.books) // 8]:
        assert place.rebuilt(ts_recv) == (bids, asks)
    place.run(place.configure("again", "replay = true"), replayed, lambda: False)
    assert {number: replayed.books[number] for number in strategy.books} == strategy.books


def test_a_book_is_not_told_between_a_loss_and_the_next_picture(place: Place) -> None:
    with place.recording():
        first = Looking()
        place.stir(0)
        place.run(
            place.configure("first"),
            first,
            lambda: len(first.books) > 3 and bool(first.bars) and place.has_rows("trades"),
        )
    # The same rows as if the recorder had lost something in their middle.
    [recorded] = (path.parent for path in place.tapes.glob("book_deltas/*/tape.toml"))
    rows = Tape.reader(recorded).read().pl()
    lost = rows["ts_recv"].cast(pl.Int64).unique().sort()[-2]
    flags = pl.when(pl.col("ts_recv").cast(pl.Int64) == lost).then(pl.col("flags") | 4)
    tapes = place.folder / "tapes"
    for dataset in ("quotes", "trades", "bars", "instruments"):
        for path in place.tapes.glob(f"{dataset}/*"):
            (tapes / dataset).mkdir(parents=True)
            (tapes / dataset / path.name).symlink_to(path)
    with Tape.create(tapes / "book_deltas" / recorded.name, "book_deltas") as writer:
        writer.append(rows.with_columns(flags.otherwise(pl.col("flags")).alias("flags")))
    strategy = Looking()
    place.run(place.configure("lossy", "replay = true", tapes), strategy, lambda: False)
    assert strategy.gaps == [GapNews("binance", "book_deltas", SYMBOL, None)]
    assert strategy.books
    assert all(ts_recv < lost for ts_recv, _, _ in strategy.books.values())
    assert strategy.book is not None
