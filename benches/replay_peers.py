"""hftbacktest on the events of our own bench: `.venv/replays/bin/python benches/replay_peers.py`.

`target/release/replay_queue dump FILE` writes them. Latency, queue models and own orders are the
same: two levels on both sides, renewed every 20 ms, which is as often as ours renews them by
counting events. They are placed around the middle of the book here, around the last trade there.
"""

from __future__ import annotations

import subprocess
import tempfile
import time
from pathlib import Path

import numpy as np
from figures import keep
from hftbacktest import (
    BUY_EVENT,
    DEPTH_EVENT,
    EXCH_EVENT,
    GTX,
    LIMIT,
    LOCAL_EVENT,
    SELL_EVENT,
    TRADE_EVENT,
    BacktestAsset,
    HashMapMarketDepthBacktest,
    ROIVectorMarketDepthBacktest,
)
from hftbacktest.types import event_dtype
from numba import njit

PROGRAM = Path(__file__).parents[1] / "target" / "release" / "replay_queue"
LATENCY_NS = 2_000_000
ROUNDS = 5
DUMPED = np.dtype([(name, "<i8") for name in ("at", "is_trade", "is_buy", "price", "quantity")])
RANGE = (500_000, 700_000)
DO_NOT_WAIT = False
MODELS = {
    "risk-averse": lambda asset: asset.risk_adverse_queue_model(),
    "power of 3": lambda asset: asset.power_prob_queue_model3(3.0),
    "logarithm": lambda asset: asset.log_prob_queue_model(),
}
BOOKS = {"hash map": HashMapMarketDepthBacktest, "vector": ROIVectorMarketDepthBacktest}


def main() -> None:
    events = dumped()
    for model, choose in MODELS.items():
        for book, backtest in BOOKS.items():
            replay(events, choose, backtest)  # compiles
            best = min(replay(events, choose, backtest) for _ in range(ROUNDS))
            rate = len(events) / best / 1e6
            print(f"hftbacktest ({book}), {model}: {rate:.1f} M events/s")
            what = f"replay with own orders, generated, {model}"
            keep("Replay", what, "M events/s", system=f"hftbacktest ({book})", best=rate)


def dumped() -> np.ndarray:
    with tempfile.NamedTemporaryFile() as file:
        subprocess.run([PROGRAM, "dump", file.name], check=True)
        ours = np.fromfile(file.name, DUMPED)
    events = np.zeros(len(ours), event_dtype)
    kind = np.where(ours["is_trade"] == 1, TRADE_EVENT, DEPTH_EVENT)
    side = np.where(ours["is_buy"] == 1, BUY_EVENT, SELL_EVENT)
    events["ev"] = kind | side | EXCH_EVENT | LOCAL_EVENT
    events["exch_ts"] = ours["at"] + 1
    events["local_ts"] = events["exch_ts"] + LATENCY_NS
    events["px"], events["qty"] = ours["price"], ours["quantity"]
    return events


def replay(events: np.ndarray, choose, backtest) -> float:
    asset = (
        BacktestAsset()
        .data([events])
        .linear_asset(1.0)
        .constant_order_latency(LATENCY_NS, LATENCY_NS)
        .no_partial_fill_exchange()
        .trading_value_fee_model(0.0002, 0.0005)
        .tick_size(1.0)
        .lot_size(1.0)
        .roi_lb(RANGE[0])
        .roi_ub(RANGE[1])
    )
    choose(asset)
    trader = backtest([asset])
    started = time.perf_counter()
    quote(trader)
    seconds = time.perf_counter() - started
    trader.close()
    return seconds


@njit
def quote(trader):
    order = 0
    while trader.elapse(20_000_000) == 0:
        trader.clear_inactive_orders(0)
        depth = trader.depth(0)
        orders = trader.orders(0)
        values = orders.values()
        while values.has_next():
            one = values.get()
            if one.cancellable:
                trader.cancel(0, one.order_id, DO_NOT_WAIT)
        if np.isnan(depth.best_bid) or np.isnan(depth.best_ask):
            continue
        middle = round((depth.best_bid + depth.best_ask) / 2)
        for distance in range(1, 3):
            trader.submit_buy_order(0, order, middle - distance, 10.0, GTX, LIMIT, DO_NOT_WAIT)
            trader.submit_sell_order(0, order + 1, middle + distance, 10.0, GTX, LIMIT, DO_NOT_WAIT)
            order += 2
    return order


if __name__ == "__main__":
    main()
