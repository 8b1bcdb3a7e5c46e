"""What goes wrong between a trader and its venue: each order ends in the state that the venue has,
nothing is sent twice, and at the end books are equal to the last digit."""

import time
from dataclasses import dataclass, field, replace
from decimal import Decimal

import pytest
from trading import LIMITS, InAndOut, Place, followed
from venue_books import (
    AlpacaBooks,
    JournalBooks,
    UsdmBooks,
    VenueBooks,
    assert_balances,
    assert_same,
)

from rustonite_data.errors import Invalid
from rustonite_data.record import Recorder
from rustonite_exec import LocalExchange, Strategy

ROOT = 'reconcile = "refuse"\nreconcile_s = 1\nanswer_ms = 500'
WORKS = {"accepted", "partially_filled"}


def fault(name, **details):
    return (name, details)


@dataclass
class Venue:
    """What differs from venue to venue."""

    symbol: str
    size: str
    owned: dict
    books: type
    paths: dict
    """Where the trader asks for what it is to be told as it was."""
    local: str = ""
    """The local exchange, if it has another name."""
    endpoints: dict = field(default_factory=lambda: {"public": "public", "rest": "rest"})
    text: str = LIMITS
    more: str = ""
    otherwise: dict = field(default_factory=dict)
    """Cases that come out in another way here."""
    refused: dict = field(default_factory=dict)
    """Cases that cannot be here, and what the local exchange says then."""


TAKEN = {"ends": "accepted", "told": ("submitted", "accepted"), "after": [], "at_venue": 1}
VENUES = {
    "binance": Venue(
        "BTCUSDT", "0.01", {"USDT": 100_000, "BTC": 2}, VenueBooks,
        {"orders": "/api/v3/openOrders", "owned": "/api/v3/account", "fills": "/api/v3/myTrades"},
    ),
    "binance-usdm": Venue(
        "BTCUSDT", "0.01", {"USDT": 100_000}, UsdmBooks,
        {"orders": "/fapi/v1/openOrders", "owned": "/fapi/v3/positionRisk",
         "fills": "/fapi/v1/userTrades"},
        endpoints={"public": "public", "market": "market", "rest": "rest"},
        more="leverage = 20",
    ),
    "alpaca-stocks": Venue(
        "AAPL", "1", {"USD": 100_000}, AlpacaBooks,
        {"orders": "/v2/orders", "owned": "/v2/positions", "fills": "/v2/account/activities/"},
        local="alpaca", endpoints={"public": "stocks", "rest": "rest"},
        text=LIMITS.replace("USDT", "USD"),
        otherwise={
            # A request does not say when it was made.
            "a clock a minute ahead": TAKEN, "a clock a minute behind": TAKEN,
            # What the venue takes back is cancelled.
            "accepted, then ended by the venue":
                {"ends": "cancelled", "told": ("submitted", "accepted", "cancelled")},
            # The order that was replaced tells of it.
            "5xx after a change of which nothing is told":
                {"told": ("accepted", "replace_asked", "replaced")},
        },
        refused={"the balance is told long after its fill": "tell of orders and fills only"},
    ),
}  # fmt: skip
COINS = {
    "alpaca-crypto": replace(
        VENUES["alpaca-stocks"], symbol="BTC/USD", size="0.01", owned={"USD": 100_000, "BTC": 2},
        endpoints={"public": "crypto", "rest": "rest"},
    )
}  # fmt: skip


@dataclass
class Case:
    """An order, what goes wrong when it is placed and changed, and how it has to end."""

    ends: str
    at_place: list = field(default_factory=list)
    crosses: bool = False
    then: str = ""
    at_then: list = field(default_factory=list)
    told: tuple = ()
    """Events that come in this order, among others."""
    after: list = field(default_factory=list)
    """What is set right once the order is unknown or refused."""
    all_met: bool = False
    """It is over only when nothing that goes wrong is left to come."""
    at_venue: int | None = 1
    """Orders that the venue has got; `None` where it depends on which was faster."""


class Scripted(Strategy):
    """Places one order, and may change or cancel it once it works."""

    def __init__(self, case, exchange, venue):
        self.case, self.exchange, self.venue = case, exchange, venue
        self.events, self.reasons, self.fills = [], [], []
        self.id, self.did_then, self.set_right, self.states = None, False, False, set()

    def fail(self, faults):
        for name, details in faults:
            at = {"path": self.venue.paths[details["path"]]} if "path" in details else {}
            self.exchange.fault(name, **{**details, **at})

    def on_quote(self, quote):
        if not (quote.ask_price and quote.bid_price):
            return
        if self.id is None:
            self.fail(self.case.at_place)
            price = quote.ask_price * (1.001 if self.case.crosses else 0.99)
            self.price = self.broker.on_tick(self.venue.symbol, "buy", price)
            self.id = self.broker.submit(self.venue.symbol, "buy", self.venue.size, self.price)
        self.go_on()

    def go_on(self):
        order = self.broker.order(self.id)
        self.states.add(order.state)
        if self.case.after and not self.set_right and order.state in {"unknown", "rejected"}:
            self.fail(self.case.after)
            self.set_right = True
        if self.case.then and not self.did_then and order.state in WORKS and not order.is_pending:
            self.fail(self.case.at_then)
            self.did_then = True
            if self.case.then == "cancel":
                self.broker.cancel(self.id)
            elif self.case.then == "replace":
                self.broker.replace(self.id, self.venue.size, self.price - 1)

    def on_order(self, news):
        self.events.append(news.event)
        self.states.add(news.order.state)

    def on_fill(self, news):
        self.fills.append(news)

    def is_done(self, status):
        if self.id is None or not status["accounts"][0]["trading"]:
            return False
        order = self.broker.order(self.id)
        settled = order.state == self.case.ends and not order.is_pending
        if self.case.all_met and self.exchange.status()["faults"]:
            return False
        is_right = self.set_right or not self.case.after
        return settled and is_right and (self.did_then or not self.case.then)


UNKNOWN = ("submitted", "outcome_unknown")
CASES = {
    "5xx after the order rests": Case(
        "accepted", [fault("mute"), fault("fail_after", status=503, call="place")],
        told=(*UNKNOWN, "accepted"),
    ),
    "5xx after the order was filled": Case(
        "filled", [fault("mute"), fault("fail_after", status=503, call="place")], crosses=True,
        told=UNKNOWN,
    ),
    "5xx and nothing was done": Case(
        "rejected", [fault("refuse", status=503, call="place")], told=(*UNKNOWN, "rejected"),
        at_venue=0,
    ),
    "no answer and no word of an order that rests": Case(
        "accepted", [fault("mute"), fault("no_answer", call="place")],
        told=(*UNKNOWN, "accepted"),
    ),
    "no answer and no word of an order that was filled": Case(
        "filled", [fault("mute"), fault("no_answer", call="place")], crosses=True, told=UNKNOWN,
    ),
    "no answer, but the stream tells": Case(
        "accepted", [fault("no_answer", call="place")], told=("submitted", "accepted"),
    ),
    "fills before the acknowledgement": Case(
        "filled", [fault("late", ms=300, call="place")], crosses=True,
        told=("submitted", "final_fill"),
    ),
    "accepted, then ended by the venue": Case(
        "expired", [fault("cancel_placed")], told=("submitted", "accepted", "expired"),
    ),
    "acknowledged, then silence": Case(
        "filled", [fault("mute")], crosses=True, told=("submitted", "accepted"),
    ),
    "a fill told twice": Case(
        "filled", [fault("duplicate_fill")], crosses=True, told=("submitted", "final_fill"),
    ),
    "filled before its cancel": Case(
        "filled", then="cancel", at_then=[fault("fill_before_cancel")],
        told=("accepted", "cancel_asked", "final_fill"),
    ),
    "5xx after a cancel": Case(
        "cancelled", then="cancel", at_then=[fault("fail_after", status=503, call="cancel")],
        told=("accepted", "cancel_asked", "cancelled"),
    ),
    "5xx and nothing was cancelled": Case(
        "accepted", then="cancel", at_then=[fault("refuse", status=503, call="cancel")],
        told=("accepted", "cancel_asked", "outcome_unknown", "cancel_rejected"),
    ),
    "no answer to a cancel": Case(
        "cancelled", then="cancel", at_then=[fault("no_answer", call="cancel")],
        told=("accepted", "cancel_asked", "cancelled"),
    ),
    "5xx after a change": Case(
        "accepted", then="replace", at_then=[fault("fail_after", status=503, call="amend")],
        told=("accepted", "replace_asked", "replaced"), at_venue=2,
    ),
    "5xx after a change of which nothing is told": Case(
        "accepted", then="replace",
        at_then=[fault("mute"), fault("fail_after", status=503, call="amend")],
        told=("accepted", "replace_asked", "outcome_unknown", "replaced"), at_venue=2,
    ),
    "5xx and nothing was changed": Case(
        "accepted", then="replace", at_then=[fault("refuse", status=503, call="amend")],
        told=("accepted", "replace_asked", "outcome_unknown", "replace_rejected"),
    ),
    "the user stream breaks under an open order": Case(
        "accepted", then="replace", at_then=[fault("drop_user_stream")],
        told=("accepted", "replace_asked"), at_venue=None,
    ),
    "the user stream breaks before it tells of a fill": Case(
        "filled", [fault("mute")], crosses=True, then="nothing",
        at_then=[fault("drop_user_stream")], told=("submitted", "accepted"),
    ),
    "the user stream stalls before it tells of a fill": Case(
        "filled", [fault("stall", streams="user")], crosses=True, told=("submitted", "accepted"),
    ),
    "the user stream stalls before it tells of a change": Case(
        "accepted", then="replace", at_then=[fault("stall", streams="user")],
        told=("accepted", "replace_asked", "replaced"), at_venue=2,
    ),
    "the user stream is closed for a restart of the venue": Case(
        "filled", [fault("mute")], crosses=True, then="nothing",
        at_then=[fault("close", code=1012, streams="user")], told=("submitted", "accepted"),
    ),
    "a fill overtakes the word that its order was taken": Case(
        "filled", [fault("late_event", ms=300, of="order")], crosses=True,
        told=("submitted", "final_fill"), all_met=True,
    ),
    "a fill is told long after what it left of the balance": Case(
        "filled", [fault("late_event", ms=1500, of="fill")], crosses=True, all_met=True,
    ),
    "the balance is told long after its fill": Case(
        "filled", [fault("late_event", ms=1500, of="account")], crosses=True,
        all_met=True,
    ),
    "the end of an order is told late": Case(
        "cancelled", then="cancel", at_then=[fault("late_event", ms=300)],
        told=("accepted", "cancel_asked", "cancelled"), all_met=True,
    ),
    "what became of a change is told in the wrong order": Case(
        "accepted", then="replace", at_then=[fault("late_event", ms=300)],
        told=("accepted", "replace_asked", "replaced"), at_venue=2, all_met=True,
    ),
    "a list of open orders that is older than the order": Case(
        "accepted", [fault("stale", path="orders", times=2)],
        told=("submitted", "accepted"), all_met=True,
    ),
    "an account that is older than a fill": Case(
        "filled", [fault("stale", path="owned", times=2)], crosses=True,
        told=("submitted", "final_fill"), all_met=True,
    ),
    "executions that are older than a fill of which nothing was told": Case(
        "filled", [fault("mute"), fault("stale", path="fills")], crosses=True,
        all_met=True,
    ),
    "frames that nobody can read": Case(
        "filled",
        [fault("frame", streams="user", text="[1,"), fault("frame", streams="user", hex="00ff")],
        crosses=True, told=("submitted", "final_fill"),
    ),
    "too many requests": Case(
        "rejected", [fault("refuse", status=429, retry_after_s=1, call="place")],
        told=("submitted", "rejected"), at_venue=0,
    ),
    "banned": Case(
        "rejected", [fault("refuse", status=418, retry_after_s=1, call="place")],
        told=("submitted", "rejected"), at_venue=0,
    ),
    "a clock a minute ahead": Case(
        "rejected", [fault("clock_ahead", ms=60_000)], told=("submitted", "rejected"),
        after=[fault("clock_ahead", ms=0)], at_venue=0,
    ),
    "a clock a minute behind": Case(
        "rejected", [fault("clock_ahead", ms=-60_000)], told=("submitted", "rejected"),
        after=[fault("clock_ahead", ms=0)], at_venue=0,
    ),
    "a clock that is a little ahead": Case(
        "filled", [fault("clock_ahead", ms=700)], crosses=True, told=("submitted", "final_fill"),
    ),
    "maintenance": Case(
        "rejected", [fault("maintenance", on=True)], told=("submitted", "rejected"),
        after=[fault("maintenance", on=False)], at_venue=0,
    ),
}  # fmt: skip


@pytest.fixture
def place(memory, venue, monkeypatch):
    one = {**VENUES, **COINS}[venue]
    local = one.local or venue
    with LocalExchange([one.symbol], venue=local, speed=2, limits=False) as exchange:
        place = Place(
            memory, exchange, one.owned,
            venue=venue, symbol=one.symbol, text=one.text, more=one.more,
        )  # fmt: skip
        place.configure(top=ROOT)
        # Alpaca wants to know who asks for data.
        name = venue.upper().replace("-", "_")
        monkeypatch.setenv(f"RUSTONITE_{name}_KEY", place.account.key)
        monkeypatch.setenv(f"RUSTONITE_{name}_SECRET", place.account.secret)
        feed = followed(exchange, venue, one.symbol, **one.endpoints)
        with Recorder(feed, tapes=memory / "tapes"):
            yield place


def come_in_order(wanted, events):
    rest = iter(events)
    return all(one in rest for one in wanted)


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("venue", VENUES)
def test_a_fault(place, venue, name):
    one = VENUES[venue]
    case = replace(CASES[name], **one.otherwise.get(name, {}))
    strategy = Scripted(case, place.exchange, one)
    if why := one.refused.get(name):
        with pytest.raises(Invalid, match=why):
            strategy.fail([*case.at_place, *case.at_then])
        return
    place.run(strategy, strategy.is_done)
    assert come_in_order(case.told, strategy.events), strategy.events
    assert strategy.events.count("submitted") == 1
    # Not knowing is a state of its own, until the venue says.
    assert ("unknown" in strategy.states) == ("outcome_unknown" in strategy.events)
    books = one.books(place.exchange, place.account)
    orders_max = 1 if books.changes_in_place else 2
    assert case.at_venue is None or min(case.at_venue, orders_max) == len(books.orders())
    ours = assert_same(place, books)
    filled = sum((one.size for one in strategy.fills), Decimal())
    assert filled == (Decimal(one.size) if case.ends == "filled" else 0)
    assert filled == sum((row["size"] for row in ours.fills), Decimal())


@pytest.mark.parametrize("venue", ["binance"])
def test_what_was_traded_before_the_first_start_is_not_ours(place, venue):
    one = VENUES[venue]
    books = VenueBooks(place.exchange, place.account)
    market = {"symbol": one.symbol, "side": "BUY", "type": "MARKET", "quantity": one.size}
    books.call("/api/v3/order", "POST", **market)
    before = len(books.trades())
    assert before > 0
    # By more than clocks are thought to differ.
    time.sleep(2.5)
    strategy = Scripted(Case("filled", crosses=True), place.exchange, one)
    place.run(strategy, strategy.is_done)
    ours = JournalBooks(place.journal)
    assert set(ours.last) == {strategy.id}
    assert len(ours.fills) == len(books.trades()) - before
    assert_balances(ours, place)


@pytest.mark.parametrize("venue", COINS)
def test_fees_that_are_told_when_their_day_is_over_are_booked_once(place, venue):
    one = COINS[venue]
    strategy = InAndOut(one.symbol, one.size)
    strategy.until_out(place.folder / "trader.toml")
    ours = JournalBooks(place.journal)
    assert {row["kind"] for row in ours.fills} == {"trade"}
    trades = len(ours.fills)
    place.exchange.fault("clock_ahead", ms=86_400_000)
    for _ in range(2):
        place.run(Strategy(), lambda status: status["accounts"][0]["trading"])
        ours = JournalBooks(place.journal)
        fees = [row for row in ours.fills if row["kind"] == "fee"]
        assert (len(ours.fills), len({row["fill_id"] for row in fees})) == (2 * trades, trades)
        assert {row["fee_asset"] for row in fees} == {"BTC", "USD"}
        assert_balances(ours, place)
