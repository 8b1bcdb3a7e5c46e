"""A slow, obvious model of a market: everything is computed anew from all orders, each time."""

import copy
from dataclasses import dataclass, field
from fractions import Fraction
from math import floor
from operator import attrgetter

TICK, LOT = Fraction(1, 100), Fraction(1, 1000)
BASE, QUOTE, FEES, MARGIN = range(4)
SPOT, *PERPETUALS = range(3)
# Parts of a position's worth that its margin may not fall below, in millionths.
KEEPS_PPM = {1: 10_000, 2: 30_000}
LEVERAGE_MAX = 50
SIDES = ("net", "long", "short")
ACCOUNTS = 3
MAKER_PPM, TAKER_PPM, DISCOUNT_PPM = -50, 700, 250_000
FEE_PRICE = 300
# The last account pays its fees in what it gave or received.
PAYS_IN_FEES = range(ACCOUNTS - 1)
# The least part of an asset, and of what fees are cut at.
ATOM, UNIT = Fraction(1, 10**18), Fraction(1, 10**8)
START = {BASE: Fraction(1, 10), QUOTE: Fraction(20), FEES: Fraction(1, 50_000), MARGIN: Fraction(1)}


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
    source: str = "last"
    whole: bool = False
    """All of the position there is when its trigger is hit."""
    mode: str = "allow"
    position: str = "net"

    number: int = 0
    partner: "Order | None" = None
    """The order that ends with this one."""
    brings: "list[Order]" = field(default_factory=list)
    """Orders that come once this one is filled."""
    brought_by: "Order | None" = None
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

    @property
    def of_list(self):
        return bool(self.partner or self.brings or self.brought_by)

    @property
    def only_closes(self):
        closes_side = self.position == ("short" if self.buys else "long")
        return self.reduce or self.whole or closes_side

    def reaches(self, price):
        return self.price is None or (self.price >= price if self.buys else self.price <= price)

    def worth(self, lots, price):
        return lots * LOT * price * TICK


@dataclass
class Position:
    """What is held of a perpetual: fewer than no lots if it is short."""

    lots: int = 0
    entry: Fraction = Fraction()
    """What was paid for it, of the same sign."""
    margin: Fraction = Fraction()
    """Its own, if it is isolated."""


class Model:
    """Accounts, books and positions."""

    def __init__(self):
        self.orders = []
        self.owned = [dict(START) for _ in range(ACCOUNTS)]
        self.deposited = {asset: ACCOUNTS * amount for asset, amount in START.items()}
        self.collected = dict.fromkeys(START, Fraction())
        self.insurance = Fraction()
        self.hedged = [False] * ACCOUNTS
        pairs = [(account, market) for account in range(ACCOUNTS) for market in PERPETUALS]
        self.isolated = dict.fromkeys(pairs, False)
        self.leverage = dict.fromkeys(pairs, 1)
        self.positions = {(*pair, side): Position() for pair in pairs for side in SIDES}
        self.last = dict.fromkeys((SPOT, *PERPETUALS))
        self.marks = dict.fromkeys((SPOT, *PERPETUALS))
        self.queued = 0
        self.hit = []
        self.trades = []
        self.told = []

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

    def mark(self, market):
        """Where nobody set a mark price, the last price stands for it."""
        return self.last[market] if self.marks[market] is None else self.marks[market]

    def is_hit(self, order):
        price = self.mark(order.market) if order.source == "mark" else self.last[order.market]
        if price is None:
            return False
        return price >= order.trigger if order.rises else price <= order.trigger

    def needs(self, order):
        """What an order that is there keeps of spot, alone."""
        if not order.buys:
            return order.left * LOT
        return Fraction() if order.price is None else order.worth(order.left, order.price)

    def locked(self, account, asset):
        """Of two orders that end each other the larger one counts."""
        kept = Fraction()
        for order in self.orders:
            if not order.open or order.place == "pending":
                continue
            if order.account != account or order.market != SPOT:
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

    def foresee(self, order):
        """Lots and worth of what an order would trade now: it does so in a copy of the world."""
        other = copy.deepcopy((self, order))
        model, order = other
        filled, model.trades = order.filled, []
        order.place = "coming"
        model.take(order)
        worth = sum((order.worth(lots, price) for _, _, price, lots in model.trades), Fraction())
        return order.filled - filled, worth

    # Positions and their margin

    def held(self, order):
        """Lots of its position that an order would close."""
        lots = self.positions[order.account, order.market, order.position].lots
        return max(0, -lots if order.buys else lots)

    def closable(self, order):
        """Lots that an order may fill so that it only makes its position smaller."""
        return min(order.left, self.held(order)) if order.only_closes else order.left

    def may_close(self, order, lots):
        """Side by side a position is closed by no more than it has, and by limits but once."""
        if order.market == SPOT or not order.only_closes:
            return True
        if order.position == "net" or order.whole:
            return self.held(order) > 0
        side = attrgetter("account", "market", "position", "buys")
        rest = [
            other.left for other in self.orders
            if other.place == "book" and side(other) == side(order) and other is not order
        ]  # fmt: skip
        return lots + (sum(rest) if order.price is not None else 0) <= self.held(order)

    def worth_at_mark(self, account, market, side):
        lots = self.positions[account, market, side].lots
        return lots * LOT * TICK * (self.mark(market) or 0)

    def gained(self, *key):
        return self.worth_at_mark(*key) - self.positions[key].entry

    def keeps(self, account, market, side):
        worth = abs(self.worth_at_mark(account, market, side))
        return cut(worth * KEEPS_PPM[market] / 1_000_000, ATOM)

    def shared(self, account):
        """Positions of an account that its whole balance stands for."""
        return [
            (account, market, side)
            for market in PERPETUALS
            for side in SIDES
            if not self.isolated[account, market] and self.positions[account, market, side].lots
        ]

    def equity(self, account):
        gains = sum((self.gained(*key) for key in self.shared(account)), Fraction())
        return self.owned[account][MARGIN] + gains

    def margin(self, account, market, more=(), without=None, leverage=None):
        """What positions and open orders need, with and without some order."""
        there = [
            (order, order.worth(order.left, order.price))
            for order in self.orders
            if order.open and (order.account, order.market) == (account, market)
            and not order.only_closes and order.price is not None and order is not without
            and order.place not in {"waiting", "hit"}
        ]  # fmt: skip
        ordered = {"buys": Fraction(), "sells": Fraction(), "apart": Fraction()}
        for order, worth in [*there, *more]:
            side = "buys" if order.buys else "sells"
            ordered[side if order.position == "net" else "apart"] += worth
        net, *sides = (self.positions[account, market, side].entry for side in SIDES)
        # What is held on one side stands for orders of the other, but not side by side.
        worst = max(net + ordered["buys"], ordered["sells"] - net, Fraction())
        worst += sum(map(abs, sides)) + ordered["apart"]
        if self.isolated[account, market]:
            # Positions have theirs already.
            worst = max(worst - sum(map(abs, [net, *sides])), Fraction())
        return cut(worst / (leverage or self.leverage[account, market]), ATOM)

    def usable(self, account, market):
        """What more margin may be taken of. Open profit stays with the positions that share it."""
        if self.isolated[account, market]:
            return self.movable(account)
        return self.equity(account) - sum(self.margin(account, one) for one in PERPETUALS)

    def movable(self, account):
        """What may be taken away."""
        needed = sum(self.margin(account, one) for one in PERPETUALS)
        return min(self.equity(account), self.owned[account][MARGIN]) - needed

    def has_margin(self, order, lots, price, without=None):
        # One that waits needs none before it comes.
        if order.only_closes or order.trigger is not None:
            return True
        worth = order.worth(lots, price or self.mark(order.market) or 0)
        if price is None:
            worth = max(worth, self.foresee(order)[1])
        now = self.margin(order.account, order.market)
        then = self.margin(order.account, order.market, [(order, worth)], without)
        return then <= now or then - now <= self.usable(order.account, order.market)

    # What is done

    def place(self, *orders):
        """The number of the first, or None if they are refused."""
        if not all(self.takes(order) for order in orders):
            return None
        self.enter(*orders)
        self.begin(*orders)
        self.run_hit()
        return orders[0].number

    def place_oto(self, working, *pending):
        """The same of orders that come once the first one is filled."""
        if not self.takes(working):
            return None
        self.enter(working)
        self.enter(*pending)
        working.brings = list(pending)
        for order in pending:
            order.place, order.brought_by = "pending", working
        self.begin(working)
        self.run_hit()
        return working.number

    def enter(self, *orders):
        for order in orders:
            self.orders.append(order)
            order.number = len(self.orders)
        if len(orders) == 2:
            orders[0].partner, orders[1].partner = orders[1], orders[0]

    def begin(self, *orders):
        for order in orders:
            order.place = "coming" if order.trigger is None else "waiting"
        for order in orders:
            if order.place == "coming":
                self.come(order)

    def takes(self, order):
        if order.market != SPOT:
            if self.hedged[order.account] == (order.position == "net"):
                return False
            if self.hedged[order.account] and order.reduce:
                return False
            if order.trigger is None and not self.may_close(order, order.lots):
                return False
        if order.trigger is not None:
            if self.is_hit(order):
                return False
        elif order.post and self.crosses(order, order.price):
            return False
        return self.affords(order)

    def affords(self, order):
        if order.market != SPOT:
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
        self.fill(maker, lots, maker.price, MAKER_PPM)
        self.fill(taker, lots, maker.price, TAKER_PPM)
        self.last[maker.market] = maker.price
        for order in (maker, taker):
            if order.left == 0:
                self.end(order, None)
            if order.partner is not None and order.partner.open:
                self.end(order.partner, "other_of_list")
        if maker.open:
            self.show_less(maker, lots)
        self.look(maker.market, "last", maker.price)
        if self.marks[maker.market] is None:
            self.look(maker.market, "mark", maker.price)

    def fill(self, order, lots, price, ppm):
        order.filled += lots
        if order.market == SPOT:
            self.exchange(order, lots, price, ppm)
        else:
            self.move(order, lots, price, ppm)

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
        position = self.positions[order.account, order.market, order.position]
        owned, paid = self.owned[order.account], order.worth(lots, price)
        sign, closed = (1 if order.buys else -1), min(lots, self.held(order))
        if closed:
            part = Fraction(closed, abs(position.lots))
            entry, freed = cut(position.entry * part, ATOM), cut(position.margin * part, ATOM)
            owned[MARGIN] += freed - entry - sign * cut(paid * closed / lots, ATOM)
            position.entry -= entry
            position.margin -= freed
            if closed == abs(position.lots):
                self.hit.append((order.account, order.market))
        opened = cut(paid * (lots - closed) / lots, ATOM)
        position.entry += sign * opened
        position.lots += sign * lots
        if self.isolated[order.account, order.market]:
            margin = cut(opened / self.leverage[order.account, order.market], ATOM)
            position.margin += margin
            owned[MARGIN] -= margin
        self.charge(order.account, ppm, paid, MARGIN, paid)

    def charge(self, account, ppm, paid, taken, took):
        asset, fee = taken, cut(took * ppm / 1_000_000, UNIT)
        # It has a price in the quote of spot alone.
        if ppm > 0 and account in PAYS_IN_FEES and taken != MARGIN:
            part = paid * ppm * (1_000_000 - DISCOUNT_PPM) / 10**12
            other = cut(part / FEE_PRICE, UNIT)
            if self.owned[account][FEES] >= other:
                asset, fee = FEES, other
        self.owned[account][asset] -= fee
        self.collected[asset] += fee

    # What waits for a price, or for another order

    def look(self, market, source, price):
        """A price is seen: those nearest to what it was come first, of one price the oldest."""
        waiting = [
            o for o in self.orders
            if o.place == "waiting" and (o.market, o.source) == (market, source)
        ]  # fmt: skip
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
                self.end_useless(*hit)
            elif hit.place == "hit":
                self.fire(hit)
            elif not hit.open:
                self.bring(hit)

    def end_useless(self, account, market):
        """A position was closed."""
        for order in self.orders:
            there = (order.account, order.market, order.place) == (account, market, "book")
            if there and self.closable(order) == 0:
                self.end(order, "reduce_only")

    def fire(self, order):
        if order.partner is not None and order.partner.open:
            self.end(order.partner, "other_of_list")
        # From here on it is an order like any other.
        order.trigger = None
        if order.whole:
            order.lots = self.held(order)
            if order.lots == 0:
                return self.end(order, "reduce_only")
        if not self.may_close(order, order.lots):
            return self.end(order, "reduce_only")
        if order.market != SPOT:
            enough = self.has_margin(order, order.lots, order.price, order)
        else:
            asset = QUOTE if order.buys else BASE
            enough = self.cost(order) - self.needs(order) <= self.free(order.account, asset)
        order.place = "coming"
        return self.come(order) if enough else self.end(order, "balance")

    def bring(self, working):
        """An order is filled whole: those that it brings come, or all end for want of money."""
        pending = [order for order in working.brings if order.place == "pending"]
        if not all(self.affords(order) for order in pending):
            for order in pending:
                if order.open:
                    self.end(order, "balance")
            return
        self.begin(*pending)
        for order in pending:
            # Its price may have been passed while it was not there.
            if order.place == "waiting" and self.is_hit(order):
                order.place = "hit"
                self.hit.append(order)

    # Ends and changes

    def end(self, order, reason):
        """Of a list, only the end by the other of two, or by a fill, lets the others be."""
        order.place, order.reason, order.shown = "ended", reason, 0
        if reason is None and order.brings:
            self.hit.append(order)
        if reason in {"other_of_list", None}:
            return
        for other in [order.partner, *order.brings]:
            if other is not None and other.open:
                self.end(other, "asked" if reason == "asked" else "other_of_list")

    def cancel(self, order):
        """Who cancels one order of a list cancels all, that which brings the others included."""
        if not order.open:
            return False
        first = order.brought_by
        self.end(first if first is not None and first.open else order, "asked")
        return True

    def amend(self, order, price, lots):
        """Whether it is done. A smaller order of the same price stays where it is."""
        gone = order.filled + order.prevented
        if not order.open or order.whole or lots <= gone:
            return False
        stays = price == order.price and lots <= order.lots
        if order.place != "book" or order.of_list:
            # Nothing but this is done to one that waits, or is of a list.
            both = [order, *([order.partner] if order.partner and order.partner.open else [])]
            if not stays or any(lots <= one.filled + one.prevented for one in both):
                return False
            for one in both:
                gone = one.filled + one.prevented
                one.lots, one.shown = lots, min(one.shown, lots - gone)
            return True
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
        if not self.may_close(order, left):
            return False
        if order.market != SPOT:
            return self.has_margin(order, left, price, order)
        need = order.worth(left, price) if order.buys else left * LOT
        asset = QUOTE if order.buys else BASE
        return need - self.needs(order) <= self.free(order.account, asset)

    # Settings of accounts. Each returns whether it is done.

    def deposit(self, account, asset, amount):
        free = self.movable(account) if asset == MARGIN else self.free(account, asset)
        if amount < 0 and free + amount < 0:
            return False
        self.owned[account][asset] += amount
        self.deposited[asset] += amount
        return True

    def in_use(self, account, market):
        return any(self.positions[account, market, side].lots for side in SIDES) or any(
            o.open and (o.account, o.market) == (account, market) for o in self.orders
        )

    def set_hedged(self, account, hedged):
        if hedged != self.hedged[account] and any(self.in_use(account, m) for m in PERPETUALS):
            return False
        self.hedged[account] = hedged
        return True

    def set_isolated(self, account, market, isolated):
        if isolated != self.isolated[account, market] and self.in_use(account, market):
            return False
        self.isolated[account, market] = isolated
        return True

    def set_leverage(self, account, market, leverage):
        if not 1 <= leverage <= LEVERAGE_MAX:
            return False
        is_held = any(self.positions[account, market, side].lots for side in SIDES)
        if self.isolated[account, market] and is_held and leverage < self.leverage[account, market]:
            return False
        more = self.margin(account, market, leverage=leverage) - self.margin(account, market)
        if more > 0 and more > self.usable(account, market):
            return False
        self.leverage[account, market] = leverage
        return True

    def move_margin(self, account, market, side, amount):
        """Adds margin to an isolated position, or takes what it neither began with nor lost."""
        position = self.positions[account, market, side]
        if not self.isolated[account, market] or not position.lots:
            return False
        least = cut(abs(position.entry) / self.leverage[account, market], ATOM)
        spare = position.margin + min(self.gained(account, market, side), 0) - least
        if amount > self.usable(account, market) if amount > 0 else -amount > spare:
            return False
        position.margin += amount
        self.owned[account][MARGIN] -= amount
        return True

    # Marks, funding and liquidation

    def set_mark(self, market, price):
        self.marks[market] = price
        self.look(market, "mark", price)
        self.run_hit()
        for account in range(ACCOUNTS):
            self.judge(account, market)
        self.run_hit()
        return True

    def fund(self, market, ppm):
        """Longs pay shorts; what does not divide is the venue's."""
        if self.marks[market] is None:
            return False
        for (account, of, side), position in self.positions.items():
            paid = cut(self.worth_at_mark(account, of, side) * ppm / 1_000_000, ATOM)
            if of != market or not paid:
                continue
            self.told.append(("funded", account, -paid))
            self.collected[MARGIN] += paid
            if self.isolated[account, market]:
                position.margin -= paid
            else:
                self.owned[account][MARGIN] -= paid
        return True

    def judge(self, account, market):
        """Closes positions with less margin than they have to keep."""
        held = [(account, market, side) for side in SIDES]
        held = [key for key in held if self.positions[key].lots]
        if held and self.isolated[account, market]:
            for key in held:
                if self.positions[key].margin + self.gained(*key) < self.keeps(*key):
                    self.liquidate(*key)
            return
        if held and self.lacks(account):
            self.end_all(account, PERPETUALS)
            for key in self.shared(account):
                if self.lacks(account):
                    self.liquidate(*key)
        if not held or not self.shared(account):
            self.make_good(account, None)

    def lacks(self, account):
        return self.equity(account) < sum(self.keeps(*key) for key in self.shared(account))

    def end_all(self, account, markets):
        for order in self.orders:
            if order.open and order.account == account and order.market in markets:
                self.end(order, "liquidation")

    def liquidate(self, account, market, side):
        """By the book at no worse price than that at which the margin is gone, then by others."""
        self.told.append(("liquidated", account, market, side))
        self.end_all(account, [market])
        price, least = self.last_price(account, market, side), self.least(account, market)
        order = self.closing(account, market, side, price)
        order.expiry, order.mode = "immediate", "expire_maker"
        self.take(order)
        for key in self.opposite(order) if order.open else ():
            if self.closable(order):
                self.close_against(order, key)
        if order.open:
            self.end(order, "immediate")
        self.make_good(account, least)

    def last_price(self, account, market, side):
        """At which nothing is left of the margin, cut to the tick that leaves something."""
        key = account, market, side
        position, worth = self.positions[key], self.worth_at_mark(*key)
        if self.isolated[account, market]:
            equity = position.margin + self.gained(*key)
        else:
            equity = self.equity(account)
        ticks = floor((equity - worth) / (abs(position.lots) * LOT * TICK))
        return max(1, -ticks if position.lots > 0 else ticks)

    def least(self, account, market):
        """What has to be there once a position is closed: an isolated one loses its own margin."""
        return self.owned[account][MARGIN] if self.isolated[account, market] else None

    def make_good(self, account, least):
        """The insurance pays what is missing; of shared positions once all are closed."""
        if least is None:
            if self.shared(account):
                return
            least = Fraction()
        missing = least - self.owned[account][MARGIN]
        if missing > 0:
            self.insurance -= missing
            self.owned[account][MARGIN] = least
            self.told.append(("insured", account, missing))

    def closing(self, account, market, side, price, lots=None):
        """An order that closes a position, as the venue places it."""
        held = self.positions[account, market, side].lots
        lots = abs(held) if lots is None else lots
        order = Order(account, market, held < 0, price, lots, reduce=True, position=side)
        self.enter(order)
        order.place = "coming"
        return order

    def opposite(self, order):
        """Positions of others that an order may be closed against, by gains times leverage."""

        def exposure(key):
            entry = int(abs(self.positions[key].entry) / ATOM)
            gained = int(self.gained(*key) / ATOM)
            return int(Fraction(gained, max(entry // 1_000_000, 1))) * self.leverage[key[:2]]

        found = [
            key for key, position in self.positions.items()
            if key[1] == order.market and key[0] != order.account
            and (position.lots > 0 if order.buys else position.lots < 0)
        ]  # fmt: skip
        # Stable: of two alike the first account comes first.
        return sorted(found, key=exposure, reverse=True)

    def close_against(self, order, key):
        """No trade of the market: it moves no last price, and nobody's trigger."""
        least = self.least(*key[:2])
        lots = min(self.closable(order), abs(self.positions[key].lots))
        self.end_all(key[0], [key[1]])
        other = self.closing(*key, order.price, lots)
        self.told.append(("deleveraged", *key, other.number))
        self.fill(other, lots, order.price, 0)
        self.fill(order, lots, order.price, TAKER_PPM)
        for one in (other, order):
            if one.left == 0:
                self.end(one, None)
        self.make_good(key[0], least)
