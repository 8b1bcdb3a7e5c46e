"""The matching engine does what a slow, obvious model of a market does."""

import copy
import json
from fractions import Fraction

from hypothesis import given, settings
from hypothesis import strategies as st
from matching_model import (
    ACCOUNTS,
    BASE,
    DISCOUNT_PPM,
    FEE_PRICE,
    FEES,
    KEEPS_PPM,
    LEVERAGE_MAX,
    MAKER_PPM,
    MARGIN,
    PAYS_IN_FEES,
    PERPETUALS,
    QUOTE,
    SIDES,
    SPOT,
    START,
    TAKER_PPM,
    Model,
    Order,
    Position,
)

from rustonite_data import _native

NAMES = ("BTC", "USD", "BNB", "USDT")
FILTERS = dict.fromkeys(
    ("price", "quantity", "market_quantity_max", "notional_min", "band_ppm", "orders_max",
     "triggers_max")
)  # fmt: skip


def kind_of(market):
    if market == SPOT:
        return "spot"
    return {"perpetual": {"leverage_max": LEVERAGE_MAX, "maintenance_ppm": KEEPS_PPM[market]}}


class Engine:
    """The same commands, in the native engine."""

    def __init__(self):
        self.native = _native.NativeMatching()
        self.positions = {}
        assert [self.native.asset(name, 8) for name in NAMES] == list(START)
        for market in (SPOT, *PERPETUALS):
            self.native.add_instrument(json.dumps({
                "symbol": f"BTC-{market}", "kind": kind_of(market), "base": BASE,
                "quote": QUOTE if market == SPOT else MARGIN, "tick": "0.01", "lot": "0.001",
                "filters": FILTERS,
            }))  # fmt: skip
        fees = {"maker_ppm": MAKER_PPM, "taker_ppm": TAKER_PPM}
        for account in range(ACCOUNTS):
            assert self.native.open() == account
            for asset, amount in START.items():
                given = {"account": account, "asset": asset, "amount": decimal(amount)}
                self.do({"deposit": given})
            priced = {"price": str(FEE_PRICE), "quote": QUOTE, "discount_ppm": DISCOUNT_PPM}
            fee_asset = {"asset": FEES, **priced} if account in PAYS_IN_FEES else None
            self.do({"set_fees": {"account": account, "fees": fees, "fee_asset": fee_asset}})

    def do(self, command):
        """The number of the first order, whether it was done, and what happened."""
        order, refused, events = self.native.apply(0, json.dumps(command))
        events = [next(iter(event.items())) for event in json.loads(events)]
        for kind, event in events:
            if kind == "position":
                key = event["account"], event["instrument"], event["position"]
                worths = (Fraction(event[name]) for name in ("entry_quote", "isolated"))
                self.positions[key] = Position(event["quantity"], *worths)
        return order, refused, events


def decimal(amount):
    return f"{float(amount):.8f}"


def asked(order):
    trigger = None
    if order.trigger is not None:
        source = {"source": order.source, "trailing": None}
        trigger = {"price": order.trigger, "rises": order.rises, **source}
    return {
        "account": order.account, "instrument": order.market,
        "side": "buy" if order.buys else "sell", "price": order.price,
        "quantity": "position" if order.whole else {"lots": order.lots},
        "expiry": order.expiry, "post_only": order.post, "reduce_only": order.reduce,
        "display": order.display, "trigger": trigger, "self_trade": order.mode,
        "position": order.position,
    }  # fmt: skip


# Random commands

accounts = st.integers(0, ACCOUNTS - 1)
perpetuals = st.sampled_from(PERPETUALS)
prices = st.integers(9_997, 10_003)
marks = st.one_of(prices, st.integers(8_000, 12_000))
leverages = st.sampled_from([1, 5, 10, 20, 20, LEVERAGE_MAX])
amounts = st.integers(-300, 300).map(lambda hundredths: Fraction(hundredths, 100))
modes = st.sampled_from(["allow", "expire_taker", "expire_maker", "expire_both", "decrement"])
# Long or short as it opens or closes, where sides are held apart; or whatever side it says.
positions = st.sampled_from([*["opens"] * 6, *["closes"] * 3, *SIDES])


def one_in(count):
    return st.integers(1, count).map(lambda number: number == count)


@st.composite
def orders(draw, markets, waits=None):
    market = draw(st.sampled_from(markets))
    kind = draw(st.sampled_from(["limit", "limit", "limit", "post", "now", "whole", "market"]))
    waits = draw(one_in(4)) if waits is None else waits
    is_whole = waits and market != SPOT and draw(one_in(3))
    kind = "market" if is_whole else kind
    rests = kind in {"limit", "post"}
    at_once = "all_or_nothing" if kind == "whole" or draw(one_in(5)) else "immediate"
    return Order(
        account=draw(accounts),
        market=market,
        buys=draw(st.booleans()),
        price=None if kind == "market" else draw(prices),
        lots=0 if is_whole else draw(st.integers(1, 60)),
        expiry="never" if rests else at_once,
        post=kind == "post",
        reduce=market != SPOT and draw(one_in(5)),
        display=draw(st.sampled_from([None, None, 1, 7])) if rests else None,
        trigger=draw(prices if market == SPOT else marks) if waits else None,
        rises=draw(st.booleans()) if waits else False,
        source=draw(st.sampled_from(["last", "mark"])) if waits else "last",
        whole=is_whole,
        mode=draw(modes),
        position="net" if market == SPOT else draw(positions),
    )


@st.composite
def deals(draw):
    """One sells to another, and both mostly get larger."""
    seller, buyer = draw(st.permutations(range(ACCOUNTS)))[:2]
    market, price, lots = draw(perpetuals), draw(prices), draw(st.integers(10, 90))
    position = draw(positions)
    sell, buy = (Order(account, market, buys, price, lots, position=position)
                 for account, buys in ((seller, False), (buyer, True)))  # fmt: skip
    return ("place", sell), ("place", buy)


@st.composite
def pairs(draw):
    """Two orders of spot of which one ends the other."""
    first, second = draw(orders([SPOT])), draw(orders([SPOT], waits=True))
    second.account, second.buys, second.lots = first.account, first.buys, first.lots
    return first, second


@st.composite
def chains(draw):
    """An order of spot that brings another one, or two of which one ends the other."""
    working = draw(orders([SPOT]))
    pending = draw(st.one_of(st.tuples(orders([SPOT])), pairs()))
    for order in pending:
        order.account = working.account
        order.buys = pending[0].buys
    # Mostly they give back what the first one brings.
    if draw(one_in(4)):
        return working, *pending
    for order in pending:
        order.buys, order.lots = not working.buys, min(order.lots, working.lots)
    return working, *pending


def changes(markets):
    return [
        st.tuples(st.just("place"), orders(markets)),
        st.tuples(st.just("place"), orders(markets)),
        st.tuples(st.just("cancel"), st.integers(0, 20)),
        st.tuples(
            st.just("amend"), st.integers(0, 20), st.one_of(st.none(), prices), st.integers(1, 60)
        ),
    ]


LISTS = [
    st.tuples(st.just("pair"), pairs()),
    st.tuples(st.just("chain"), chains()),
]
SETTINGS = [
    st.tuples(st.just("set_hedged"), accounts, st.booleans()),
    st.tuples(st.just("set_isolated"), accounts, perpetuals, st.booleans()),
    st.tuples(st.just("set_leverage"), accounts, perpetuals, leverages),
]
OF_POSITIONS = [
    st.tuples(st.just("deposit"), accounts, st.just(MARGIN), amounts),
    st.tuples(st.just("move_margin"), accounts, perpetuals, st.sampled_from(SIDES), amounts),
    st.tuples(st.just("set_mark"), perpetuals, marks),
    st.tuples(st.just("set_mark"), perpetuals, marks),
    st.tuples(st.just("fund"), perpetuals, st.integers(-2_000, 2_000)),
]
# As often as all that is done to positions.
DEALS = [deals() for _ in OF_POSITIONS]


@st.composite
def settings_of_all(draw):
    """What each account begins with, and where marks are."""
    begin = [("set_mark", market, draw(prices)) for market in PERPETUALS if draw(one_in(2))]
    for account in range(ACCOUNTS):
        begin.append(("set_hedged", account, draw(st.booleans())))
        for market in PERPETUALS:
            begin.append(("set_isolated", account, market, draw(st.booleans())))
            begin.append(("set_leverage", account, market, draw(leverages)))
    return begin


# Both do the same

NAMED = {
    "set_hedged": ("account", "hedged"),
    "set_isolated": ("account", "instrument", "isolated"),
    "set_leverage": ("account", "instrument", "leverage"),
    "deposit": ("account", "asset", "amount"),
    "move_margin": ("account", "instrument", "position", "amount"),
    "set_mark": ("instrument", "price"),
    "fund": ("instrument", "rate_ppm"),
}
CALLED = {"set_mark": "mark", "fund": "funding"}


def fitted(model, order):
    """With the position that it is for."""
    if order.position in {"opens", "closes"}:
        is_long = order.buys == (order.position == "opens")
        order.position = "net"
        if model.hedged[order.account]:
            order.position = "long" if is_long else "short"
            order.reduce = False
    return order


def placed(model, what, several):
    """The command, and the number that the model gives."""
    several = [fitted(model, order) for order in several]
    texts = [asked(order) for order in several]
    if what == "place":
        return {"place": texts[0]}, model.place(*several)
    if what == "pair":
        return {"place_oco": texts}, model.place(*several)
    command = {"place_oto": {"working": texts[0], "pending": texts[1:]}}
    return command, model.place_oto(*several)


def changed(model, what, back, change):
    """The command, and whether the model does it."""
    order = model.orders[-1 - back]
    which = {"account": order.account, "order": order.number}
    if what == "cancel":
        return {"cancel": which}, model.cancel(order)
    price, lots = change
    command = {"amend": {**which, "price": price, "quantity": lots}}
    return command, model.amend(order, order.price if price is None else price, lots)


def run(steps):
    model, engine = Model(), Engine()
    single = [one for step in steps for one in (step if isinstance(step[0], tuple) else [step])]
    for what, *rest in copy.deepcopy(single):
        model.trades, model.told = [], []
        if what in {"place", "pair", "chain"}:
            command, expected = placed(model, what, rest if what == "place" else rest[0])
            number, refused, events = engine.do(command)
            assert number == expected, refused
        elif what in {"cancel", "amend"}:
            back, *change = rest
            if back >= len(model.orders):
                continue
            command, done = changed(model, what, back, change)
            _, refused, events = engine.do(command)
            assert (refused is None) == done, refused
        else:
            texts = [decimal(one) if isinstance(one, Fraction) else one for one in rest]
            command = {CALLED.get(what, what): dict(zip(NAMED[what], texts, strict=True))}
            _, refused, events = engine.do(command)
            assert (refused is None) == getattr(model, what)(*rest), refused
        same(model, engine, events)
    return model


def told(kind, event):
    """What happens to positions, as the model tells it."""
    if kind in {"funded", "insured"}:
        return kind, event["account"], Fraction(event["amount"])
    found = kind, event["account"], event["instrument"], event["position"]
    return (*found, event["order"]) if kind == "deleveraged" else found


def same(model, engine, events):
    trades = [event for kind, event in events if kind == "trade"]
    names = ("taker", "maker", "price", "quantity")
    assert [tuple(trade[name] for name in names) for trade in trades] == model.trades
    kinds = {"funded", "insured", "liquidated", "deleveraged"}
    assert [told(*event) for event in events if event[0] in kinds] == model.told
    for event in (event for kind, event in events if kind == "cancelled"):
        assert model.orders[event["order"] - 1].reason == event["reason"]
    for market in (SPOT, *PERPETUALS):
        bids, asks = (engine.native.levels(market, buys) for buys in (True, False))
        assert [bids, asks] == [model.levels(market, buys) for buys in (True, False)]
        assert not bids or not asks or bids[0][0] < asks[0][0]
    for order in model.orders:
        assert engine.native.order(order.number) == (order.filled, order.open), order
        assert 0 <= order.filled <= order.lots
    for account in range(ACCOUNTS):
        for asset in START:
            found = [Fraction(text) for text in engine.native.balance(account, asset)]
            assert found == [model.free(account, asset), model.locked(account, asset)], asset
    for key, position in model.positions.items():
        assert engine.positions.get(key, Position()) == position, key
    conserved(model)


def conserved(model):
    for market in PERPETUALS:
        assert sum(one.lots for key, one in model.positions.items() if key[1] == market) == 0
    for asset, amount in model.deposited.items():
        total = sum((owned[asset] for owned in model.owned), model.collected[asset])
        if asset == MARGIN:
            total += model.insurance
            total += sum(one.margin - one.entry for one in model.positions.values())
        assert total == amount


@settings(max_examples=150, deadline=None)
@given(st.lists(st.one_of(*changes([SPOT]), *LISTS), min_size=20, max_size=60))
def test_spot_with_stops_icebergs_and_lists(steps):
    run(steps)


@settings(max_examples=150, deadline=None)
@given(
    settings_of_all(),
    st.lists(
        st.one_of(*changes(PERPETUALS), *SETTINGS, *OF_POSITIONS, *DEALS),
        min_size=30,
        max_size=70,
    ),
)
def test_perpetuals_with_margin_funding_and_liquidation(begin, steps):
    run(begin + steps)


@settings(max_examples=50, deadline=None)
@given(
    settings_of_all(),
    st.lists(
        st.one_of(*changes([SPOT, *PERPETUALS]), *LISTS, *OF_POSITIONS, *DEALS),
        min_size=20,
        max_size=60,
    ),
)
def test_both_side_by_side(begin, steps):
    run(begin + steps)
