"""A trader on shares: what is held can be sold, and no more."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest
from trading import InAndOut, configured, followed

from rustonite_data.errors import RiskRejected
from rustonite_data.record import Recorder
from rustonite_exec import LocalExchange, limits

if TYPE_CHECKING:
    from pathlib import Path

VENUE, SYMBOL = "alpaca-stocks", "AAPL"


class WithinHoldings(InAndOut):
    """Tries to sell more than it has, before and after it has some."""

    def __init__(self) -> None:
        super().__init__(SYMBOL, "2")
        self.denied: list[str] = []

    def trade(self, side: Any, price: float, **more: Any) -> None:
        limit = self.broker.on_tick(SYMBOL, "sell", price * 1.002)
        with pytest.raises(RiskRejected) as denied:
            self.broker.submit(SYMBOL, "sell", "3", limit)
        self.denied.append(str(denied.value))
        super().trade(side, price, **more)


def test_in_and_out_of_a_position_of_shares(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with LocalExchange([SYMBOL], venue="alpaca", prices={SYMBOL: 200}, speed=3) as exchange:
        account = exchange.account("me", {"USD": 10_000})
        monkeypatch.setenv("RUSTONITE_ALPACA_STOCKS_KEY", account.key)
        monkeypatch.setenv("RUSTONITE_ALPACA_STOCKS_SECRET", account.secret)
        text = limits("USD", order_size_max=10, long_max=10, short_max=10)
        config = configured(tmp_path, exchange, account, venue=VENUE, symbol=SYMBOL, text=text)
        strategy = WithinHoldings()
        feed = followed(exchange, VENUE, SYMBOL, public="stocks", rest="rest")
        with Recorder(feed, tapes=tmp_path / "tapes"):
            last = strategy.until_out(config)
        sizes = [one.size if one.order.side == "buy" else -one.size for one in strategy.fills]
        assert (sum(sizes), strategy.fills[-1].position) == (0, 0)
        # With nothing held, and with two of the three.
        assert len(strategy.denied) == 2
        assert all("unfunded" in text for text in strategy.denied), strategy.denied
        free, locked = exchange.balance(account, "USD")
        assert (Decimal(last["balances"]["USD"]), locked) == (free, 0)
