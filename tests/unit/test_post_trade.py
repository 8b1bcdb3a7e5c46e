"""The queries of docs/using/trade.md over a day that is small enough to reckon by hand."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from rustonite_data import Tape
from rustonite_data.lake import Lake

PAGE = Path(__file__).parents[2] / "docs" / "using" / "trade.md"
START = 1_767_312_000_000_000_000
SECOND = 1_000_000_000
HERE = {"venue": "binance", "symbol": "BTCUSDT"}
OURS = {**HERE, "account": "main"}


def quote(at: float, middle: float) -> dict[str, Any]:
    sides = {"bid_price": middle - 1, "bid_size": 1.0, "ask_price": middle + 1, "ask_size": 1.0}
    return {**HERE, **moment(at), **sides, "flags": 1}


def moment(at: float) -> dict[str, int]:
    ns = START + round(at * SECOND)
    return {"ts_event": ns, "ts_recv": ns}


def event(at: float, order: int, event: str, state: str, **more: Any) -> dict[str, Any]:
    about = {"order_id": order, "client_id": f"c{order}", "side": "buy", "kind": "limit"}
    about |= {"event": event, "state": state, "source": "own", "size_filled": "0"}
    return {**OURS, **moment(at), **about, "order_flags": 0, **more}


def fill(at: float, order: int, side: str, price: str, size: str) -> dict[str, Any]:
    about = {"order_id": order, "fill_id": f"{order}-{at}", "kind": "trade", "source": "stream"}
    about |= {"side": side, "price": price, "size": size, "liquidity": "taker"}
    return {**OURS, **moment(at), **about}


QUOTES = [quote(0, 100), quote(2, 104), quote(7, 110), quote(60, 90)]
ORDERS = [
    event(1, 1, "submitted", "pending_submit"),
    event(1.001, 1, "accepted", "accepted"),
    event(1.005, 1, "final_fill", "filled"),
    event(3, 2, "submitted", "pending_submit"),
    event(3.003, 2, "accepted", "accepted"),
    event(4, 2, "cancel_asked", "pending_cancel"),
    event(4.007, 2, "cancelled", "cancelled"),
    event(5, 3, "submitted", "pending_submit"),
    event(5.002, 3, "rejected", "rejected"),
    # Of a restart: neither an order nor an answer.
    event(50, 1, "submitted", "pending_submit", reason="snapshot"),
]
FILLS = [
    fill(1.005, 1, "buy", "101", "2"),
    fill(59.5, 1, "sell", "105", "1"),
    {**fill(60, 0, "buy", "100", "2"), "kind": "funding", "fill_id": "f1", "order_id": None},
    {**fill(61, 0, "buy", "100", "2"), "kind": "funding", "fill_id": "f2", "order_id": None},
]


def position(
    at: float, strategy: str | None, fill_id: str, size: str, funding: str
) -> dict[str, Any]:
    about = {"strategy": strategy, "fill_id": fill_id, "size": size, "funding": funding}
    return {**OURS, **moment(at), "source": "own", "cause": "fill", "position_side": "net", **about}


POSITIONS = [
    position(1, None, "1-1.005", "2", "0"),
    position(1, "long", "1-1.005", "3", "0"),
    position(1, "short", "1-1.005", "-1", "0"),
    position(60, None, "f1", "2", "0.2"),
    position(60, "long", "f1", "3", "0.3"),
    position(60, "short", "f1", "-1", "-0.1"),
    # Flat and opened again, it begins anew.
    position(60.5, "short", "1-59.5", "-2", "0"),
    position(61, None, "f2", "1", "0.3"),
    position(61, "long", "f2", "3", "0.6"),
    position(61, "short", "f2", "-2", "-0.2"),
]


def balance(at: float, source: str, asset: str, total: str) -> dict[str, Any]:
    about = {"asset": asset, "source": source, "cause": "update", "total": total}
    return {"venue": "binance", "account": "main", **moment(at), "available": total, **about}


BALANCES = [
    balance(1, "own", "USDT", "1000"),
    balance(1, "venue", "USDT", "1000"),
    balance(2, "venue", "USDT", "799.9"),
    # Not told so far of what it paid.
    balance(2, "own", "USDT", "800"),
    balance(2, "own", "BTC", "2"),
]


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    ours = {"orders": ORDERS, "fills": FILLS, "positions": POSITIONS, "balances": BALANCES}
    for dataset, rows in ({"quotes": QUOTES} | ours).items():
        with Tape.create(tmp_path / "tapes" / dataset / "main", dataset) as tape:
            for seq, row in enumerate(rows, start=1):
                own = {} if dataset == "quotes" else {"seq": seq}
                tape.append({name: [value] for name, value in {**row, **own}.items()})
    return Lake.create(tmp_path / "lake", tapes=tmp_path / "tapes")


def answers(lake: Lake, column: str) -> list[dict[str, Any]]:
    """What the query of the page says that has such a column."""
    queries = re.findall(r"```sql\n(.*?)```", PAGE.read_text(), re.DOTALL)
    (query,) = (one for one in queries if re.search(rf"as {column}\b", one))
    rows: list[dict[str, Any]] = lake.sql(query).pl().to_dicts()
    return rows


def test_slippage_is_against_the_middle_of_the_order(lake: Lake) -> None:
    (row,) = answers(lake, "slippage_bps")
    # Bought 2 at 101 and sold 1 at 105 for an order decided at 100.
    assert row == {"account": "main", "symbol": "BTCUSDT", "fills": 2, "slippage_bps": -100.0}


def test_markouts_wait_for_their_time(lake: Lake) -> None:
    rows = answers(lake, "markout_bps")
    found = {row["seconds"]: (row["fills"], row["markout_bps"]) for row in rows}
    # Of the second fill not even a second has passed.
    assert found == {
        1: (1, pytest.approx(1e4 * 3 / 101)),
        5: (1, pytest.approx(1e4 * 3 / 101)),
        30: (1, pytest.approx(1e4 * 9 / 101)),
    }


def test_ends_and_times_of_orders(lake: Lake) -> None:
    (row,) = answers(lake, "fill_ratio")
    third = pytest.approx(1 / 3)
    assert (row["account"], row["venue"], row["orders"]) == ("main", "binance", 3)
    ratios = row["fill_ratio"], row["reject_ratio"], row["cancel_ratio"]
    assert ratios == (third, third, third)
    assert row["answer_us"][0] == pytest.approx(2_000)
    assert row["fill_us"] == [pytest.approx(5_000)] * 2
    assert row["cancel_us"] == [pytest.approx(7_000)] * 2


def test_funding_is_that_of_each_strategy_and_of_the_account(lake: Lake) -> None:
    found = {row["strategy"]: float(row["funding_paid"]) for row in answers(lake, "funding_paid")}
    assert found == {None: 0.3, "long": 0.6, "short": pytest.approx(-0.3)}


def test_balances_are_ours_and_the_venues(lake: Lake) -> None:
    found = [
        tuple(None if value is None else str(value.normalize()) for value in told)
        for told in ((row["ours"], row["theirs"], row["apart"]) for row in answers(lake, "apart"))
    ]
    assert found == [("2", None, None), ("8E+2", "799.9", "0.1")]
