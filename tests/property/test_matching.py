"""The matching engine does what a slow, obvious model of a market does."""

import copy
import json
from dataclasses import dataclass
from fractions import Fraction

from hypothesis import given, settings
from hypothesis import strategies as st

from rustonite_data import _native

TICK, LOT = Fraction(1, 100), Fraction(1, 1000)
BASE, QUOTE, FEES, MARGIN = range(4)
NAMES = ("BTC", "USD", "BNB", "USDT")
SPOT, PERPETUAL = 0, 1
ACCOUNTS = 3
MAKER_PPM, TAKER_PPM, DISCOUNT_PPM = -50, 700, 250_000
FEE_PRICE, LEVERAGE = 300, 5
# The last account pays its fees in what it gave or received.
PAYS_IN_FEES = range(ACCOUNTS - 1)
# The least part of an asset, and of what fees are cut at.
ATOM, UNIT = Fraction(1, 10**18), Fraction(1, 10**8)
START = {BASE: Fraction(1, 10), QUOTE: Fraction(20), FEES: Fraction(1, 50_000), MARGIN: Fraction(8)}


def cut(amount, unit):
    """To whole units, towards zero."""
    return unit * int(amount / unit)


@dataclass
class Order:
    """What was asked for, and what became of it."""

    account: int
    market: int
    buys: bool
    price: int | None
    lots: int
    expiry: str = "never"
    post: bool = False
    reduce: bool = False
    display: int | None = None
    trigger: int | None = None
    rises: bool = False
    mode: str = "allow"

    number: int = 0
    partner: "Order | None" = None
    place: str = "new"
    rank: int = 0
    shown: int = 0
    filled: int = 0
    prevented: int = 0
    reason: str | None = None

    @property
    def left(self):
        return self.lots - self.filled - self.prevented

    @property
    def open(self):
        return self.place != "ended"

    def reaches(self, price):
        return self.price is None or (self.price >= price if self.buys else self.price <= price)

    def worth(self, lots, price):
        return lots * LOT * price * TICK


class Model:
    """Everything is computed anew from the list of all orders, each time."""

    def __init__(self):
        self.orders = []
        self.owned = [dict(START) for _ in range(ACCOUNTS)]
        self.collected = dict.fromkeys(START, Fraction())
        self.positions = [[0, Fraction()] for _ in range(ACCOUNTS)]
        self.last = {SPOT: None, PERPETUAL: None}
        self.queued = 0
        self.hit = []
        self.trades = []

    # What there is

    def book(self, market, buys):
        resting = [
            o for o in self.orders if o.place == "book" and (o.market, o.buys) == (market, buys)
        ]
        return sorted(resting, key=lambda o: (-o.price if buys else o.price, o.rank))

    def levels(self, market, buys):
        found = {}
        for order in self.book(market, buys):
            found[order.price] = found.get(order.price, 0) + order.shown
        return list(found.items())

    def crosses(self, order, price):
        best = self.book(order.market, not order.buys)
        return bool(best) and (price >= best[0].price if order.buys else price <= best[0].price)

    def needs(self, order):
        """What an order that is there keeps of spot, alone."""
        if not order.buys:
            return order.left * LOT
        return Fraction() if order.price is None else order.worth(order.left, order.price)

    def locked(self, account, asset):
        """Of two orders that end each other the larger one counts."""
        kept = Fraction()
        for order in self.orders:
            if not order.open or order.account != account or order.market != SPOT:
                continue
            if asset != (QUOTE if order.buys else BASE):
                continue
            other = order.partner if order.partner and order.partner.open else None
            if other is None:
                kept += self.needs(order)
            elif other.number > order.number:
                kept += max(self.needs(order), self.needs(other))
        return kept

    def free(self, account, asset):
        return self.owned[account][asset] - self.locked(account, asset)

    def closable(self, order):
        """Lots that an order may fill so that it only makes its position smaller."""
        if not order.reduce:
            return order.left
        held = self.positions[order.account][0]
        return min(order.left, max(0, -held if order.buys else held))

    def margin(self, account, more=None, without=None):
        """What positions and open orders need, with and without some order."""
        ordered = {True: Fraction(), False: Fraction()}
        for order in self.orders:
            counts = order.open and order.market == PERPETUAL and order.account == account
            if counts and not order.reduce and order.price is not None and order is not without:
                ordered[order.buys] += order.worth(order.left, order.price)
        if more is not None:
            buys, worth = more
            ordered[buys] += worth
        entry = self.positions[account][1]
        return cut(max(entry + ordered[True], ordered[False] - entry, Fraction()) / LEVERAGE, ATOM)

    def has_margin(self, order, lots, price, without=None):
        if order.reduce:
            return True
        price_or_last = price or order.trigger or self.last[PERPETUAL] or 0
        worth = order.worth(lots, price_or_last)
        if price is None and order.trigger is None:
            worth = max(worth, self.foresee(order)[1])
        now = self.margin(order.account)
        then = self.margin(order.account, (order.buys, worth), without)
        held, entry = self.positions[order.account]
        gained = held * LOT * TICK * (self.last[PERPETUAL] or 0) - entry
        available = self.owned[order.account][MARGIN] + min(gained, 0) - now
        return then <= now or then - now <= available

    def foresee(self, order):
        """Lots and worth of what an order would trade now: it does so in a copy of the world."""
        other = copy.deepcopy((self, order))
        model, order = other
        filled, model.trades = order.filled, []
        order.place = "coming"
        model.take(order)
        worth = sum((order.worth(lots, price) for _, _, price, lots in model.trades), Fraction())
        return order.filled - filled, worth

    # What is done

    def place(self, *orders):
        """The number of the first, or None if they are refused."""
        for order in orders:
            if not self.takes(order):
                return None
        for order in orders:
            self.orders.append(order)
            order.number = len(self.orders)
            order.place = "coming"
        if len(orders) == 2:
            orders[0].partner, orders[1].partner = orders[1], orders[0]
        for order in orders:
            if order.trigger is not None:
                order.place = "waiting"
        for order in orders:
            if order.place == "coming":
                self.come(order)
        self.run_hit()
        return orders[0].number

    def takes(self, order):
        last = self.last[order.market]
        if order.trigger is None:
            if order.post and self.crosses(order, order.price):
                return False
            if order.reduce and self.closable(order) == 0:
                return False
        elif last is not None and (last >= order.trigger if order.rises else last <= order.trigger):
            return False
        if order.market == PERPETUAL:
            return self.has_margin(order, order.lots, order.price)
        return self.free(order.account, QUOTE if order.buys else BASE) >= self.cost(order)

    def cost(self, order):
        """What has to be there of spot when an order comes."""
        if order.buys and order.price is None and order.trigger is None:
            return self.foresee(order)[1]
        return self.needs(order)

    def come(self, order):
        if order.post and self.crosses(order, order.price):
            return self.end(order, "post_only")
        if order.expiry == "all_or_nothing" and self.foresee(order)[0] < order.lots:
            return self.end(order, "all_or_nothing")
        self.take(order)
        if not order.open:
            return None
        if order.price is None and order.filled == 0:
            return self.end(order, "no_liquidity")
        if order.expiry != "never":
            return self.end(order, "immediate")
        return self.queue(order)

    def queue(self, order):
        self.queued += 1
        order.place, order.rank = "book", self.queued
        order.shown = order.left if order.display is None else min(order.display, order.left)

    def take(self, order):
        while order.open:
            against = self.book(order.market, not order.buys)
            if not against or not order.reaches(against[0].price):
                return
            other = against[0]
            wanted = self.closable(order)
            if wanted == 0:
                self.end(order, "reduce_only")
            elif other.account == order.account and order.mode != "allow":
                self.prevent(order, other, wanted)
            elif self.closable(other) == 0:
                self.end(other, "reduce_only")
            else:
                lots = min(wanted, other.shown, self.closable(other))
                self.trade(order, other, lots)

    def prevent(self, taker, maker, wanted):
        if taker.mode == "decrement":
            lots = min(wanted, maker.left)
            taker.prevented += lots
            maker.prevented += lots
            for order in (maker, taker):
                if order.left == 0:
                    self.end(order, "self_trade")
            if maker.open:
                self.show_less(maker, lots)
            return
        if taker.mode in {"expire_maker", "expire_both"}:
            maker.prevented += maker.left
            self.end(maker, "self_trade")
        if taker.mode in {"expire_taker", "expire_both"}:
            taker.prevented += taker.left
            self.end(taker, "self_trade")

    def show_less(self, order, lots):
        """The next part of an iceberg stands behind the others."""
        order.shown -= min(lots, order.shown)
        if order.shown == 0:
            self.queue(order)

    def trade(self, taker, maker, lots):
        self.trades.append((taker.number, maker.number, maker.price, lots))
        for order, ppm in ((maker, MAKER_PPM), (taker, TAKER_PPM)):
            order.filled += lots
            if order.market == SPOT:
                self.exchange(order, lots, maker.price, ppm)
            else:
                self.move(order, lots, maker.price, ppm)
        self.last[maker.market] = maker.price
        for order in (maker, taker):
            if order.left == 0:
                self.end(order, None)
            if order.partner is not None and order.partner.open:
                self.end(order.partner, "other_of_list")
        if maker.open:
            self.show_less(maker, lots)
        self.look(maker.market, maker.price)

    def exchange(self, order, lots, price, ppm):
        size, paid = lots * LOT, order.worth(lots, price)
        given, gave, taken, took = (
            (QUOTE, paid, BASE, size) if order.buys else (BASE, size, QUOTE, paid)
        )
        self.owned[order.account][given] -= gave
        self.owned[order.account][taken] += took
        self.charge(order.account, ppm, paid, taken, took)

    def move(self, order, lots, price, ppm):
        """Closes what there is of the other side first, at the mean price of its entry."""
        position, paid = self.positions[order.account], order.worth(lots, price)
        sign, held = (1 if order.buys else -1), abs(position[0])
        closed = min(lots, held) if position[0] * sign < 0 else 0
        if closed:
            entry = cut(position[1] * closed / held, ATOM)
            self.owned[order.account][MARGIN] -= entry + sign * cut(paid * closed / lots, ATOM)
            position[1] -= entry
        position[1] += sign * cut(paid * (lots - closed) / lots, ATOM)
        position[0] += sign * lots
        if closed and closed == held:
            self.hit.append(order.account)
        self.charge(order.account, ppm, paid, MARGIN, paid)

    def charge(self, account, ppm, paid, taken, took):
        asset, fee = taken, cut(took * ppm / 1_000_000, UNIT)
        # It has a price in the other one alone.
        if ppm > 0 and account in PAYS_IN_FEES and taken != MARGIN:
            part = paid * ppm * (1_000_000 - DISCOUNT_PPM) / 10**12
            other = cut(part / FEE_PRICE, UNIT)
            if self.owned[account][FEES] >= other:
                asset, fee = FEES, other
        self.owned[account][asset] -= fee
        self.collected[asset] += fee

    # What waits for a price

    def look(self, market, price):
        """A price is seen: those nearest to what it was come first, of one price the oldest."""
        waiting = [o for o in self.orders if o.place == "waiting" and o.market == market]
        rises = [o for o in waiting if o.rises and o.trigger <= price]
        falls = [o for o in waiting if not o.rises and o.trigger >= price]
        rises.sort(key=lambda o: (o.trigger, o.number))
        falls.sort(key=lambda o: (-o.trigger, o.number))
        for order in rises + falls:
            order.place = "hit"
            self.hit.append(order)

    def run_hit(self):
        while self.hit:
            hit = self.hit.pop(0)
            if not isinstance(hit, Order):
                self.end_useless(hit)
            elif hit.open:
                self.fire(hit)

    def end_useless(self, account):
        """The position of an account was closed."""
        for order in self.orders:
            if order.account == account and order.place == "book" and self.closable(order) == 0:
                self.end(order, "reduce_only")

    def fire(self, order):
        order.place = "coming"
        if order.partner is not None and order.partner.open:
            self.end(order.partner, "other_of_list")
        # From here on it is an order like any other.
        order.trigger = None
        if order.market == PERPETUAL:
            enough = self.has_margin(order, order.lots, order.price, order)
        else:
            asset = QUOTE if order.buys else BASE
            enough = self.cost(order) - self.needs(order) <= self.free(order.account, asset)
        if enough:
            self.come(order)
        else:
            self.end(order, "balance")

    # Ends and changes

    def end(self, order, reason):
        """Only the end by the other of a list, or by a fill, lets the other one be."""
        order.place, order.reason, order.shown = "ended", reason, 0
        other = order.partner
        if other is not None and other.open and reason not in {"other_of_list", None}:
            self.end(other, "asked" if reason == "asked" else "other_of_list")

    def cancel(self, order):
        if order.open:
            self.end(order, "asked")
            return True
        return False

    def amend(self, order, price, lots):
        """Whether it is done. A smaller order of the same price stays where it is."""
        gone = order.filled + order.prevented
        if not order.open or lots <= gone:
            return False
        stays = price == order.price and lots <= order.lots
        if order.place == "waiting" or order.partner is not None:
            # Nothing but this is done to one that waits, or is of a list.
            if stays:
                order.lots, order.shown = lots, min(order.shown, lots - gone)
            return stays
        if order.post and self.crosses(order, price):
            return False
        if not self.can_become(order, price, lots - gone):
            return False
        order.price, order.lots = price, lots
        if stays:
            order.shown = min(order.shown, order.left)
        else:
            order.place = "coming"
            self.come(order)
            self.run_hit()
        return True

    def can_become(self, order, price, left):
        if order.market == PERPETUAL:
            return self.has_margin(order, left, price, order)
        need = order.worth(left, price) if order.buys else left * LOT
        asset = QUOTE if order.buys else BASE
        return need - self.needs(order) <= self.free(order.account, asset)


# The engine

FILTERS = dict.fromkeys(
    ("price", "quantity", "market_quantity_max", "notional_min", "band_ppm", "orders_max",
     "triggers_max")
)  # fmt: skip
KINDS = {
    "BTCUSD": ("spot", QUOTE),
    "BTCUSDT": ({"perpetual": {"leverage_max": 50, "maintenance_ppm": 10_000}}, MARGIN),
}


class Engine:
    """The same commands, in the native engine."""

    def __init__(self):
        self.native = _native.NativeMatching()
        self.positions = [[0, Fraction()] for _ in range(ACCOUNTS)]
        assert [self.native.asset(name, 8) for name in NAMES] == list(START)
        for symbol, (kind, quote) in KINDS.items():
            self.native.add_instrument(json.dumps({
                "symbol": symbol, "kind": kind, "base": BASE, "quote": quote, "tick": "0.01",
                "lot": "0.001", "filters": FILTERS,
            }))  # fmt: skip
        fees = {"maker_ppm": MAKER_PPM, "taker_ppm": TAKER_PPM}
        for account in range(ACCOUNTS):
            assert self.native.open() == account
            for asset, amount in START.items():
                given = {"account": account, "asset": asset, "amount": f"{float(amount):.8f}"}
                self.do({"deposit": given})
            priced = {"price": str(FEE_PRICE), "quote": QUOTE, "discount_ppm": DISCOUNT_PPM}
            fee_asset = {"asset": FEES, **priced} if account in PAYS_IN_FEES else None
            self.do({"set_fees": {"account": account, "fees": fees, "fee_asset": fee_asset}})
            leverage = {"account": account, "instrument": PERPETUAL, "leverage": LEVERAGE}
            self.do({"set_leverage": leverage})

    def do(self, command):
        """The number of the first order, whether it was done, and what happened."""
        order, refused, events = self.native.apply(0, json.dumps(command))
        events = [next(iter(event.items())) for event in json.loads(events)]
        for kind, event in events:
            if kind == "position":
                entry = Fraction(event["entry_quote"])
                self.positions[event["account"]] = [event["quantity"], entry]
        return order, refused, events


def asked(order):
    trigger = None
    if order.trigger is not None:
        source = {"source": "last", "trailing": None}
        trigger = {"price": order.trigger, "rises": order.rises, **source}
    return {
        "account": order.account, "instrument": order.market,
        "side": "buy" if order.buys else "sell", "price": order.price,
        "quantity": {"lots": order.lots}, "expiry": order.expiry, "post_only": order.post,
        "reduce_only": order.reduce, "display": order.display, "trigger": trigger,
        "self_trade": order.mode, "position": "net",
    }  # fmt: skip


# Random commands

prices = st.integers(9_997, 10_003)


@st.composite
def orders(draw, market=None, waits=None):
    market = draw(st.sampled_from([SPOT, SPOT, PERPETUAL])) if market is None else market
    kind = draw(st.sampled_from(["limit", "limit", "limit", "post", "now", "whole", "market"]))
    waits = draw(st.sampled_from([False, False, False, True])) if waits is None else waits
    rests = kind in {"limit", "post"}
    expiry = "never" if rests else "all_or_nothing" if kind == "whole" else "immediate"
    return Order(
        account=draw(st.integers(0, ACCOUNTS - 1)),
        market=market,
        buys=draw(st.booleans()),
        price=None if kind == "market" else draw(prices),
        lots=draw(st.integers(1, 60)),
        expiry=expiry,
        post=kind == "post",
        reduce=market == PERPETUAL and draw(st.sampled_from([False, False, True])),
        display=draw(st.sampled_from([None, None, 1, 7])) if rests else None,
        trigger=draw(prices) if waits else None,
        rises=draw(st.booleans()) if waits else False,
        mode=draw(
            st.sampled_from(["allow", "expire_taker", "expire_maker", "expire_both", "decrement"])
        ),
    )


@st.composite
def pairs(draw):
    """Two orders of spot of which one ends the other."""
    first, second = draw(orders(SPOT)), draw(orders(SPOT, waits=True))
    second.account, second.buys, second.lots = first.account, first.buys, first.lots
    return first, second


steps = st.one_of(
    st.tuples(st.just("place"), orders()),
    st.tuples(st.just("place"), orders()),
    st.tuples(st.just("pair"), pairs()),
    st.tuples(st.just("cancel"), st.integers(0, 20)),
    st.tuples(
        st.just("amend"), st.integers(0, 20), st.one_of(st.none(), prices), st.integers(1, 60)
    ),
)


def run(steps):
    model, engine = Model(), Engine()
    for what, *rest in copy.deepcopy(steps):
        model.trades = []
        if what in {"place", "pair"}:
            several = rest if what == "place" else rest[0]
            command = (
                {"place": asked(several[0])} if what == "place"
                else {"place_oco": [asked(order) for order in several]}
            )  # fmt: skip
            expected = model.place(*several)
            number, refused, events = engine.do(command)
            assert number == expected, refused
        else:
            back, *change = rest
            if back >= len(model.orders):
                continue
            order = model.orders[-1 - back]
            which = {"account": order.account, "order": order.number}
            if what == "cancel":
                done, command = model.cancel(order), {"cancel": which}
            else:
                price, lots = change
                command = {"amend": {**which, "price": price, "quantity": lots}}
                done = model.amend(order, order.price if price is None else price, lots)
            _, refused, events = engine.do(command)
            assert (refused is None) == done, refused
        same(model, engine, events)


def same(model, engine, events):
    trades = [event for kind, event in events if kind == "trade"]
    names = ("taker", "maker", "price", "quantity")
    assert [tuple(trade[name] for name in names) for trade in trades] == model.trades
    for event in (event for kind, event in events if kind == "cancelled"):
        assert model.orders[event["order"] - 1].reason == event["reason"]
    for market in (SPOT, PERPETUAL):
        bids, asks = (engine.native.levels(market, buys) for buys in (True, False))
        assert [bids, asks] == [model.levels(market, buys) for buys in (True, False)]
        assert not bids or not asks or bids[0][0] < asks[0][0]
    for order in model.orders:
        assert engine.native.order(order.number) == (order.filled, order.open), order
        assert 0 <= order.filled <= order.lots
    for account in range(ACCOUNTS):
        assert engine.positions[account] == model.positions[account]
        for asset in START:
            found = [Fraction(text) for text in engine.native.balance(account, asset)]
            assert found == [model.free(account, asset), model.locked(account, asset)], asset
    assert sum(held for held, _ in model.positions) == 0
    for asset, amount in START.items():
        total = sum((owned[asset] for owned in model.owned), model.collected[asset])
        entries = sum(entry for _, entry in model.positions) if asset == MARGIN else 0
        assert total - entries == ACCOUNTS * amount


@settings(max_examples=150, deadline=None)
@given(st.lists(steps, min_size=20, max_size=60))
def test_the_engine_does_what_the_model_does(steps):
    run(steps)
