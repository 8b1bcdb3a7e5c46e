"""Hedge mode of USD-M futures: a long and a short position of one contract, through a kill -9, and
accounts whose mode is not that of the configuration."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
import time
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from test_trade_perpetual import SYMBOL, USUAL_LEVERAGE, VENUE, Place, trading
from trading import PATIENCE_S, Client, kept_from_trading

from rustonite_data.errors import Invalid, RiskRejected
from rustonite_exec import LocalExchange, Strategy, Trader, kill

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rustonite_data._native import Batch

HEDGING = f"{USUAL_LEVERAGE}\nhedging = true"
BOTH = {"long": Decimal("0.02"), "short": Decimal("-0.01")}


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    with LocalExchange([SYMBOL], venue=VENUE, speed=3) as exchange:
        place = Place(tmp_path, exchange)
        shutil.copy(Path(__file__).with_name("hedger.py"), tmp_path)
        yield place


def hedge(place: Place) -> Client:
    """Puts the account into hedge mode."""
    client = Client(place.exchange, place.account, SYMBOL)
    client.call("POST", "positionSide/dual", dualSidePosition="true")
    return client


def by_side(rows: list[dict[str, Any]], side: str, size: str = "size") -> dict[str, Decimal]:
    return {one[side].lower(): Decimal(str(one[size])) for one in rows}


def said(place: Place, what: str) -> list[dict[str, Any]]:
    lines = (place.folder / "said.jsonl").read_text().splitlines()
    return [one for one in map(json.loads, lines) if one["what"] == what]


def test_both_sides_are_held_and_outlive_a_kill(place: Place) -> None:
    client = hedge(place)
    place.configure(more=HEDGING, run="hedger:Hedger")
    with place.recording():
        with trading(place) as trader:
            place.until(lambda one: by_side(one["positions"], "side") == BOTH)
            trader.send_signal(signal.SIGKILL)
            trader.communicate()
        last = {one["side"]: Decimal(one["position"]) for one in said(place, "fill")}
        assert last == BOTH
        assert by_side(client.call("GET", "/fapi/v3/positionRisk"), "positionSide",
                       "positionAmt") == BOTH  # fmt: skip
        command = [sys.executable, "-m", "rustonite_data.cli", "positions", "--json"]
        shown = subprocess.run(
            command, cwd=place.folder, check=True, capture_output=True, text=True
        )
        rows = [json.loads(line) for line in shown.stdout.splitlines()]
        assert by_side(rows, "position_side") == BOTH
        # What differs from the venue would keep it from trading.
        place.configure('reconcile = "refuse"', HEDGING, "hedger:Hedger")
        with trading(place) as trader:
            status = place.until(lambda one: one["started"] and one["accounts"][0]["trading"])
            assert by_side(status["positions"], "side") == BOTH
            assert status["open_orders"] == 0
            kill(place.folder / "journal", flatten=True)
            place.until(lambda one: one["positions"] == [])
            trader.send_signal(signal.SIGTERM)
            trader.communicate(timeout=PATIENCE_S)
    started = said(place, "start")[-1]
    assert {side: Decimal(started[side]) for side in BOTH} == BOTH
    assert len(said(place, "fill")) >= 2


class Closer(Strategy):
    """Long and short; what would only make a side smaller is measured by that side."""

    def __init__(self) -> None:
        self.codes: list[str] = []
        self.asked: list[int] = []

    def place(self, side: Any, size: str, position: Any, **more: Any) -> None:
        away = 1.002 if side == "buy" else 0.998
        price = self.broker.on_tick(SYMBOL, side, self.middle * away)
        try:
            self.asked.append(
                self.broker.submit(SYMBOL, side, size, price, position_side=position, **more)
            )
        except RiskRejected as denied:
            self.codes.append(str(denied).split(":")[0])

    def on_quotes(self, rows: Batch) -> None:
        self.middle = rows.to_pylist(["ask_price"])[-1]["ask_price"]
        if self.asked or not self.middle:
            return
        self.place("buy", "0.02", "long")
        # One position would let these pass.
        self.place("buy", "0.01", None)
        self.place("buy", "0.02", "short", reduce_only=True)

    def on_fill(self, news: Any) -> None:
        if news.order.state == "filled" and len(self.asked) < 3:
            closes = len(self.asked) == 2
            self.place("sell", "0.02" if closes else "0.01", "long" if closes else "short")


def test_a_side_is_closed_for_itself(place: Place) -> None:
    hedge(place)
    strategy = Closer()
    last: dict[str, Any] = {}
    began = time.monotonic()

    def beat(status: dict[str, Any], notices: list[str]) -> bool:
        last.update(status)
        assert time.monotonic() - began < PATIENCE_S, (status, notices, strategy.codes)
        is_closed = len(strategy.asked) == 3 and status["open_orders"] == 0
        return by_side(status["positions"], "side") != {"short": Decimal("-0.01")} or not is_closed

    config = place.configure(more=HEDGING)
    with place.recording():
        Trader(config, strategy).run(beat)
    assert strategy.codes == ["position_side_unsupported", "reduce_only_untrue"]


@pytest.mark.parametrize("ours", ["on", "off"])
def test_another_mode_than_the_venue_has_is_not_traded_in(place: Place, ours: str) -> None:
    theirs = {"on": "off", "off": "on"}[ours]
    if theirs == "on":
        hedge(place)
    config = place.configure(more=HEDGING if ours == "on" else USUAL_LEVERAGE)
    told = kept_from_trading(config, "hedge mode")
    text = f"account main: hedge mode is {theirs} at the venue and {ours} in the configuration"
    assert any(one.startswith(text) for one in told), told
    client = Client(place.exchange, place.account, SYMBOL)
    assert client.call("GET", "positionSide/dual") == {"dualSidePosition": theirs == "on"}


def test_hedge_mode_is_refused_where_there_is_none(tmp_path: Path) -> None:
    with LocalExchange(["BTCUSDT"]) as exchange:
        place = Place(tmp_path, exchange)
        config = place.configure(more="hedging = true").read_text()
        config = config.replace('venue = "binance-usdm"', 'venue = "binance"')
        (tmp_path / "trader.toml").write_text(config)
        with pytest.raises(Invalid, match=r"main\.hedging: hedge mode of binance is not supported"):
            Trader(tmp_path / "trader.toml", Strategy()).run(lambda *_: False)
