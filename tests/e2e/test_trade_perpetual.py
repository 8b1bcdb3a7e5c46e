"""A trader on USD-M futures: in and out of a position, to the last unit of money."""

from __future__ import annotations

import json
import time
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from trading import PATIENCE_S

from rustonite_data.record import Recorder
from rustonite_exec import FillNews, LocalExchange, Strategy, Trader, limits

if TYPE_CHECKING:
    from pathlib import Path

    from rustonite_data._native import Batch

SIZE = Decimal("0.01")


class InAndOut(Strategy):
    """Buys at once, and sells what it bought."""

    def __init__(self) -> None:
        self.has_begun = False
        self.fills: list[FillNews] = []

    def on_quotes(self, rows: Batch) -> None:
        ask = rows.to_pylist(["ask_price"])[-1]["ask_price"]
        if ask and not self.has_begun:
            self.has_begun = True
            self.trade("buy", ask * 1.001)

    def on_fill(self, news: FillNews) -> None:
        self.fills.append(news)
        if news.order.side == "buy" and news.order.state == "filled":
            self.trade("sell", float(news.price) * 0.999, reduce_only=True)

    def trade(self, side: Any, price: float, *, reduce_only: bool = False) -> None:
        limit = self.broker.on_tick("BTCUSDT", side, price)
        self.broker.submit("BTCUSDT", side, SIZE, limit, reduce_only=reduce_only)


def test_in_and_out_of_a_position_of_usdm(tmp_path: Path) -> None:
    with LocalExchange(["BTCUSDT"], venue="binance-usdm", speed=3) as exchange:
        account = exchange.account("me", {"USDT": 100_000})
        keys = tmp_path / "keys.toml"
        keys.write_text(f'key = "{account.key}"\nsecret = "{account.secret}"\n')
        keys.chmod(0o600)
        (tmp_path / "limits.toml").write_text(limits())
        lines = {name: f"{name} = {json.dumps(url)}" for name, url in exchange.urls.items()}
        config = tmp_path / "trader.toml"
        config.write_text(f"""
            limits = "limits.toml"
            [[market]]
            venue = "binance-usdm"
            tapes = "tapes"
            [[account]]
            name = "main"
            venue = "binance-usdm"
            symbols = ["BTCUSDT"]
            keys = "keys.toml"
            leverage = 5
            urls = {{ {", ".join(lines.values())} }}
            [strategy]
            run = "in_and_out:InAndOut"
        """)
        feed = f"""
            frames = false
            [[feed]]
            venue = "binance-usdm"
            symbols = ["BTCUSDT"]
            datasets = ["trades", "quotes"]
            urls = {{ {", ".join(lines[name] for name in ("public", "market", "rest"))} }}
        """
        strategy = InAndOut()
        with Recorder(feed, tapes=tmp_path / "tapes"):
            last = traded(config, strategy)
        sizes = [one.size if one.order.side == "buy" else -one.size for one in strategy.fills]
        assert (sum(sizes), strategy.fills[-1].position) == (0, 0)
        assert last["positions"] == []
        free, locked = exchange.balance(account, "USDT")
        assert Decimal(last["balances"]["USDT"]) == free + locked
        assert Decimal(last["profit"]["account main"]) == free + locked - 100_000


def traded(config: Path, strategy: InAndOut) -> dict[str, Any]:
    """The last status, once it is out of its position."""
    last: dict[str, Any] = {}
    began = time.monotonic()

    def beat(status: dict[str, Any], notices: list[str]) -> bool:
        last.update(status)
        assert time.monotonic() - began < PATIENCE_S, (status, notices)
        is_out = bool(strategy.fills) and strategy.fills[-1].position == 0
        return not (is_out and not status["positions"] and not status["open_orders"])

    Trader(config, strategy).run(beat)
    return last
