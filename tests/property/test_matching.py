"""The matching engine does what a slow, obvious model of a spot market does."""

import json
from dataclasses import dataclass
from fractions import Fraction

from hypothesis import given, settings
from hypothesis import strategies as st

from rustonite_data import _native

TICK, LOT = Fraction(1, 100), Fraction(1, 1000)
BASE, QUOTE = 0, 1
ACCOUNTS = 3
MAKER_PPM, TAKER_PPM = -50, 700
UNIT = Fraction(1, 10**8)
START = {BASE: Fraction(1, 10), QUOTE: Fraction(20)}


@dataclass
class Order:
    """An order that was taken."""

    number: int
    account: int
    buys: bool
    price: int | None
    lots: int
    mode: str
    filled: int = 0
    open: bool = True

    @property
    def left(self):
        return self.lots - self.filled


class Model:
    """Everything is computed anew from the list of all orders, each time."""

    def __init__(self):
        self.orders = []
        self.owned = [dict(START) for _ in range(ACCOUNTS)]
        self.collected = {BASE: Fraction(), QUOTE: Fraction()}

    def book(self, buys):
        resting = [order for order in self.orders if order.open and order.buys == buys]
        return sorted(resting, key=lambda o: (-o.price if buys else o.price, o.number))

    def locked(self, account, asset):
        orders = [o for o in self.orders if o.open and o.account == account]
        if asset == QUOTE:
            return sum((o.left * LOT * o.price * TICK for o in orders if o.buys), Fraction())
        return sum((o.left * LOT for o in orders if not o.buys), Fraction())

    def free(self, account, asset):
        return self.owned[account][asset] - self.locked(account, asset)

    def plan(self, order):
        """Pairs of a resting order and lots, and resting orders that end unfilled."""
        left, fills, ends, stops = order.lots, [], [], False
        for other in self.book(not order.buys):
            away = order.price is not None and (
                other.price > order.price if order.buys else other.price < order.price
            )
            if away or left == 0:
                break
            if other.account == order.account and order.mode != "allow":
                if order.mode in {"expire_maker", "expire_both"}:
                    ends.append(other)
                if order.mode != "expire_maker":
                    stops = True
                    break
                continue
            lots = min(left, other.left)
            fills.append((other, lots))
            left -= lots
        return fills, ends, stops, left

    def place(self, order, kind):
        """Trades as (maker, price, lots), or None if it is refused."""
        fills, ends, stops, left = self.plan(order)
        if kind == "post" and (fills or ends or stops):
            return None
        asset = QUOTE if order.buys else BASE
        needed = order.lots * LOT
        if order.buys and order.price is not None:
            needed *= order.price * TICK
        elif order.buys:
            needed = sum((lots * LOT * other.price * TICK for other, lots in fills), Fraction())
        if self.free(order.account, asset) < needed:
            return None
        order.number = len(self.orders) + 1
        self.orders.append(order)
        order.open = False
        if kind == "whole" and left > 0:
            return []
        trades = [(other.number, other.price, lots) for other, lots in fills]
        for other, lots in fills:
            self.trade(order, other, lots)
        for other in ends:
            other.open = False
        order.open = left > 0 and not stops and kind in {"limit", "post"}
        return trades

    def trade(self, taker, maker, lots):
        size, paid = lots * LOT, lots * LOT * maker.price * TICK
        for order, ppm in ((maker, MAKER_PPM), (taker, TAKER_PPM)):
            order.filled += lots
            order.open = order.left > 0
            given, gave, taken, took = (
                (QUOTE, paid, BASE, size) if order.buys else (BASE, size, QUOTE, paid)
            )
            fee = cut(took * ppm / 1_000_000)
            self.owned[order.account][given] -= gave
            self.owned[order.account][taken] += took - fee
            self.collected[taken] += fee

    def levels(self, buys):
        found = {}
        for order in self.book(buys):
            found[order.price] = found.get(order.price, 0) + order.left
        return list(found.items())


def cut(amount):
    """To whole units, towards zero."""
    return UNIT * int(amount / UNIT)


def engine():
    made = _native.NativeMatching()
    assert [made.asset(name, 8) for name in ("BTC", "USD")] == [BASE, QUOTE]
    filters = dict.fromkeys(
        ("price", "quantity", "market_quantity_max", "notional_min", "band_ppm", "orders_max",
         "triggers_max")
    )  # fmt: skip
    instrument = {
        "symbol": "BTCUSD", "kind": "spot", "base": BASE, "quote": QUOTE, "tick": "0.01",
        "lot": "0.001", "filters": filters,
    }  # fmt: skip
    made.add_instrument(json.dumps(instrument))
    for account in range(ACCOUNTS):
        assert made.open() == account
        for asset, amount in START.items():
            given = {"account": account, "asset": asset, "amount": str(float(amount))}
            done(made, {"deposit": given})
        fees = {"maker_ppm": MAKER_PPM, "taker_ppm": TAKER_PPM}
        done(made, {"set_fees": {"account": account, "fees": fees, "fee_asset": None}})
    return made


def done(made, command):
    order, refused, events = made.apply(0, json.dumps(command))
    return order, refused, json.loads(events)


def command(order, kind):
    expiry = {"limit": "never", "post": "never", "now": "immediate", "whole": "all_or_nothing"}
    return {
        "place": {
            "account": order.account, "instrument": 0, "side": "buy" if order.buys else "sell",
            "price": order.price, "quantity": {"lots": order.lots},
            "expiry": expiry[kind], "post_only": kind == "post", "reduce_only": False,
            "display": None, "trigger": None, "self_trade": order.mode, "position": "net",
        }
    }  # fmt: skip


orders = st.builds(
    Order,
    number=st.just(0),
    account=st.integers(0, ACCOUNTS - 1),
    buys=st.booleans(),
    price=st.one_of(st.none(), st.integers(9_990, 10_010)),
    lots=st.integers(1, 60),
    mode=st.sampled_from(["allow", "expire_taker", "expire_maker", "expire_both"]),
)
steps = st.one_of(
    st.tuples(orders, st.sampled_from(["limit", "limit", "limit", "post", "now", "whole"])),
    st.integers(1, 30),
)


@settings(max_examples=300, deadline=None)
@given(st.lists(steps, max_size=60))
def test_the_engine_does_what_the_model_does(steps):
    model, made = Model(), engine()
    for step in steps:
        if isinstance(step, int):
            cancel(model, made, len(model.orders) - step)
            continue
        order, kind = step
        # A market order does not wait.
        kind = "now" if order.price is None and kind in {"limit", "post"} else kind
        order = Order(**vars(order))
        expected = model.place(order, kind)
        number, refused, events = done(made, command(order, kind))
        assert (refused is not None) == (expected is None), refused
        if expected is None:
            assert events == []
            continue
        assert number == order.number
        trades = [event["trade"] for event in events if "trade" in event]
        found = [(one["maker"], one["price"], one["quantity"]) for one in trades]
        assert found == expected
        same(model, made)


def cancel(model, made, number):
    if not 0 < number <= len(model.orders):
        return
    order = model.orders[number - 1]
    asked = {"cancel": {"account": order.account, "order": number}}
    assert (done(made, asked)[1] is None) == order.open
    order.open = False
    same(model, made)


def same(model, made):
    for buys in (True, False):
        assert made.levels(0, buys) == model.levels(buys)
    for order in model.orders:
        assert made.order(order.number) == (order.filled, order.open)
    for account in range(ACCOUNTS):
        for asset in (BASE, QUOTE):
            found = [Fraction(text) for text in made.balance(account, asset)]
            assert found == [model.free(account, asset), model.locked(account, asset)]
    for asset in (BASE, QUOTE):
        total = sum((owned[asset] for owned in model.owned), model.collected[asset])
        assert total == ACCOUNTS * START[asset]
