"""kill -9 of a trader in hedge mode on USD-M futures, with live orders on one journal: after each
restart executions, funding, open orders, both positions and the balance are the venue's to the last
digit.

`RUSTONITE_KILL_ROUNDS=200` makes it long.
"""

import os
import time
from collections import Counter
from decimal import Decimal

import pytest
from trader_process import TraderProcess
from trading import LIMITS, Client, configured, followed
from venue_books import WORKING, JournalBooks, assert_equal, name_of

from rustonite_data.record import Recorder
from rustonite_exec import LocalExchange

ROUNDS = int(os.environ.get("RUSTONITE_KILL_ROUNDS", "6"))
VENUE, SYMBOL = "binance-usdm", "BTCUSDT"
PAGE = 1000
TOP = 'reconcile = "refuse"\nreconcile_s = 1\nanswer_ms = 500'
# Between two comparisons profits are rounded, which is no difference.
ROUNDED = Decimal("0.000001")
FAULTS = [
    {"name": "drop_user_stream"},
    {"name": "fail_after", "status": 503, "call": "place"},
    {"name": "no_answer", "call": "cancel"},
    {"name": "duplicate_fill"},
    {"name": "fill_before_cancel"},
    {"name": "cut"},
]


@pytest.fixture
def lives(memory):
    with (
        (memory / "processes.log").open("w+") as log,
        LocalExchange([SYMBOL], venue=VENUE, speed=8, limits=False) as exchange,
    ):
        account = exchange.account("me", {"USDT": 100_000})
        client = Client(exchange, account, SYMBOL)
        client.call("POST", "positionSide/dual", dualSidePosition="true")
        configured(
            memory, exchange, account,
            venue=VENUE, symbol=SYMBOL, text=LIMITS, top=TOP,
            more="leverage = 20\nhedging = true", run="churn:HedgedChurn",
        )  # fmt: skip
        feed = followed(exchange, VENUE, SYMBOL, public="public", market="market", rest="rest")
        lives = TraderProcess(memory, log, seed=11)
        with Recorder(feed, tapes=memory / "tapes"):
            try:
                yield lives, client
            finally:
                lives.close()


def trades_of(client):
    """All executions, page by page."""
    rows = []
    while True:
        start = rows[-1]["id"] + 1 if rows else 0
        page = client.call("GET", "userTrades", fromId=start, limit=PAGE)
        rows += page
        if len(page) < PAGE:
            return rows


def assert_same(lives, client):
    """Nothing moves: our books are the venue's, side by side."""
    ours = JournalBooks(lives.journal)
    # Nothing is adjusted: each execution and each payment is the venue's.
    assert {row["kind"] for row in ours.fills} <= {"trade", "funding"}
    counts = Counter(row["fill_id"] for row in ours.fills)
    assert [one for one, count in counts.items() if count > 1] == []
    names = ("price", "size", "fee")
    mine = {
        row["fill_id"]: (row["side"], row["position_side"], *(row[name] for name in names))
        for row in ours.fills
        if row["kind"] == "trade"
    }
    theirs = {
        str(one["id"]): (
            one["side"].lower(),
            one["positionSide"].lower(),
            *(Decimal(one[name]) for name in ("price", "qty", "commission")),
        )
        for one in trades_of(client)
    }
    assert_equal(mine, theirs)
    open_ours = {
        name_of(row): (row["position_side"], row["price"])
        for row in ours.last.values()
        if row["state"] in WORKING
    }
    open_theirs = {
        one["clientOrderId"]: (one["positionSide"].lower(), Decimal(one["price"]))
        for one in client.open_orders()
    }
    assert_equal(open_ours, open_theirs, ours)
    paid = {row["fill_id"]: row["fee"] for row in ours.fills if row["kind"] == "funding"}
    incomes = client.call("GET", "income", incomeType="FUNDING_FEE", limit=PAGE)
    assert_equal(paid, {f"funding:{one['tranId']}": -Decimal(one["income"]) for one in incomes})
    wallet = {one["asset"]: one["balance"] for one in client.call("GET", "/fapi/v3/balance")}
    assert_owned(lives, Decimal(wallet["USDT"]))
    told = {one["side"]: Decimal(one["size"]) for one in lives.status()["positions"]}
    rows = client.call("GET", "/fapi/v3/positionRisk")
    held = {one["positionSide"].lower(): Decimal(one["positionAmt"]) for one in rows}
    assert_equal(told, {side: size for side, size in held.items() if size})
    return ours


def assert_owned(lives, wallet):
    # Executions that were asked for came in another order than at the venue: what of their profit
    # is realised is set by the next comparison.
    for _ in range(50):
        balances = JournalBooks(lives.journal).balances
        ours = [row for row in balances if (row["asset"], row["source"]) == ("USDT", "own")]
        owned = ours[-1]["total"]
        if abs(owned - wallet) <= ROUNDED:
            return
        time.sleep(0.1)
    raise AssertionError(f"{owned} here, {wallet} there")


def fund(client, lives):
    """One side pays the other."""
    client.exchange.fund(SYMBOL, Decimal(lives.chance.choice([-3, 2, 5])) / 10_000)


@pytest.mark.timeout(60 + 20 * ROUNDS)
def test_both_sides_outlive_kills(lives):
    lives, client = lives
    for number in range(ROUNDS):
        lives.trade()
        lives.until_trading()
        lives.hold_still()
        assert_same(lives, client)
        lives.go_on()
        if number % 3 == 1:
            fault = dict(lives.chance.choice(FAULTS))
            client.exchange.fault(fault.pop("name"), **fault)
        fund(client, lives)
        if number % 2:
            lives.kill_with_a_request_in_flight()
        else:
            time.sleep(lives.chance.uniform(0, 1))
            lives.kill(lives.trader)
        fund(client, lives)
    lives.trade()
    lives.until_trading()
    lives.hold_still()
    ours = assert_same(lives, client)
    # It shows nothing if a side was hardly traded, or nothing was in flight.
    traded = Counter(row["position_side"] for row in ours.fills)
    assert min(traded["long"], traded["short"]) >= ROUNDS // 2, traded
    assert len([row for row in ours.fills if row["kind"] == "funding"]) >= ROUNDS
    lost = [row for row in ours.order_rows if row["event"] == "outcome_unknown"]
    assert len(lost) >= ROUNDS // 4
    lives.stop()
    assert client.open_orders() == []
