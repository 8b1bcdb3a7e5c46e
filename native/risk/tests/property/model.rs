//! Risk as one would write it if nothing had to be quick: a list of orders, a list of fills, and
//! sums over them.

use std::collections::BTreeMap;

use rustonite_core::datasets::{OrderKind, OrderSide, RiskRequest, order_flags};
use rustonite_core::ids::{InstrumentId, StrategyId};
use rustonite_risk::{Code, Intent};

use crate::world::{ARB, INVERSE, MM, MS, PERP, SECOND, SPOT};

/// Codes that the model knows about, in their order.
pub(crate) const JUDGED: &[Code] = &[
    Code::SizeInvalid,
    Code::ReduceOnlyUntrue,
    Code::OrderNotional,
    Code::LongMax,
    Code::ShortMax,
    Code::PositionNotional,
    Code::Gross,
    Code::Net,
    Code::Unfunded,
    Code::MessagesPerS,
    Code::OpenOrders,
    Code::Duplicate,
    Code::SelfTrade,
];

const ONE: i128 = 1_000_000_000_000_000_000;

/// An open order with every state that it may be in while changes are on their way.
#[derive(Clone, Debug)]
pub(crate) struct Order {
    /// As it is known to be.
    pub(crate) intent: Intent,
    /// As it was asked to be.
    pub(crate) asked: Vec<Intent>,
    pub(crate) filled: i64,
    /// What it was said to have been filled of by the state last known.
    base: i64,
}

impl Order {
    fn states(&self) -> impl Iterator<Item = &Intent> {
        self.asked.iter().chain([&self.intent])
    }

    /// What may still be filled.
    pub(crate) fn leaves(&self) -> i64 {
        let left = |state: &Intent| state.size - state.size_filled;
        let most = self.states().map(left).max().unwrap_or(0);
        most - (self.filled - self.base)
    }

    fn is_reduce_only(&self) -> bool {
        self.intent.flags & order_flags::REDUCE_ONLY != 0
    }
}

#[derive(Clone, Debug, Default)]
pub(crate) struct Model {
    pub(crate) orders: BTreeMap<i64, Order>,
    pub(crate) marks: BTreeMap<InstrumentId, i64>,
    pub(crate) times: Vec<i64>,
    looks: Vec<(i64, Intent)>,
    positions: BTreeMap<(StrategyId, InstrumentId), i64>,
}

/// What could be held.
struct Held {
    position: i64,
    buys: i64,
    sells: i64,
}

impl Held {
    fn worst(&self) -> i64 {
        (self.position + self.buys).abs().max((self.position - self.sells).abs())
    }
}

fn is_of(strategy: Option<StrategyId>, own: Option<StrategyId>) -> bool {
    strategy.is_none() || strategy == own
}

/// Points of a price in a unit of money.
fn price_points(instrument: InstrumentId) -> i128 {
    if instrument == SPOT { 100 } else { 10 }
}

impl Model {
    pub(crate) fn pick(&self, which: usize) -> Option<Order> {
        let count = self.orders.len();
        self.orders.values().nth(which.checked_rem(count)?).cloned()
    }

    pub(crate) fn position(&self, strategy: Option<StrategyId>, instrument: InstrumentId) -> i64 {
        let own = self.positions.iter();
        own.filter(|((one, of), _)| *of == instrument && is_of(strategy, Some(*one)))
            .map(|(_, size)| size)
            .sum()
    }

    fn held(&self, strategy: Option<StrategyId>, instrument: InstrumentId) -> Held {
        let mut held = Held { position: self.position(strategy, instrument), buys: 0, sells: 0 };
        for order in self.orders.values() {
            let intent = &order.intent;
            if intent.instrument != instrument
                || !is_of(strategy, intent.strategy)
                || order.is_reduce_only()
            {
                continue;
            }
            match intent.side {
                OrderSide::Buy => held.buys += order.leaves(),
                OrderSide::Sell => held.sells += order.leaves(),
            }
        }
        held
    }

    /// What a size point is worth, in 10^-18.
    fn worth(&self, instrument: InstrumentId) -> i128 {
        match instrument {
            INVERSE => 100 * ONE,
            _ => i128::from(self.marks[&instrument]) * ONE / 1000,
        }
    }

    fn sum(&self, strategy: Option<StrategyId>, size: impl Fn(&Held) -> i64) -> i128 {
        let each = |instrument| {
            i128::from(size(&self.held(strategy, instrument))) * self.worth(instrument)
        };
        [SPOT, PERP, INVERSE].into_iter().map(each).sum()
    }

    pub(crate) fn gross(&self, strategy: Option<StrategyId>) -> i128 {
        self.sum(strategy, Held::worst)
    }

    pub(crate) fn sent(&mut self, intent: &Intent, now: i64) {
        self.times.push(now);
        match intent.request {
            RiskRequest::Cancel => {}
            RiskRequest::Replace => {
                let order = self.orders.get_mut(&intent.order).expect("an open order");
                // Fills so far are in the new state already; the others are as they were.
                let since = order.filled - order.base;
                for state in order.asked.iter_mut().chain([&mut order.intent]) {
                    state.size_filled += since;
                }
                order.base = order.filled;
                order.asked.push(*intent);
            }
            _ => {
                self.looks.push((now, *intent));
                self.orders.insert(intent.order, order(intent));
            }
        }
    }

    /// Ends what is on its way: the last change is done, or all were refused.
    pub(crate) fn settle(&mut self, number: i64, is_done: bool) -> Intent {
        let order = self.orders.get_mut(&number).expect("an open order");
        let asked = std::mem::take(&mut order.asked);
        if let Some(last) = asked.last().filter(|_| is_done) {
            order.intent = Intent { request: RiskRequest::Submit, ..*last };
        }
        order.intent.size_filled += order.filled - order.base;
        order.base = order.filled;
        let settled = order.intent;
        if order.leaves() <= 0 {
            self.orders.remove(&number);
        }
        settled
    }

    pub(crate) fn fill(&mut self, number: i64, size: i64) {
        let order = self.orders.get_mut(&number).expect("an open order");
        order.filled += size;
        let signed = if order.intent.side == OrderSide::Buy { size } else { -size };
        let key = (order.intent.strategy.expect("a strategy"), order.intent.instrument);
        *self.positions.entry(key).or_default() += signed;
        if order.leaves() <= 0 {
            self.orders.remove(&number);
        }
    }

    /// The same with an order in place of what it was, as if it had been sent.
    fn with(&self, intent: &Intent) -> Self {
        let mut after = self.clone();
        after.sent(intent, 0);
        after
    }

    /// The codes that deny it.
    pub(crate) fn judge(&self, intent: &Intent, now: i64) -> Vec<Code> {
        let is_cancel = intent.request == RiskRequest::Cancel;
        let most = if is_cancel { 12 } else { 11 };
        let recent = self.times.iter().filter(|ts| **ts > now - SECOND).count();
        let rate = (recent >= most).then_some(Code::MessagesPerS);
        if is_cancel {
            return rate.into_iter().collect();
        }
        let mut codes = Vec::new();
        let mut add = |is_met: bool, code| codes.extend(is_met.then_some(code));
        let is_buy = intent.side == OrderSide::Buy;
        let leaves = intent.size - intent.size_filled;
        let position = self.position(None, intent.instrument);
        let reduces = intent.flags & order_flags::REDUCE_ONLY != 0;
        let closable = if is_buy { -position } else { position }.max(0);
        add(intent.size <= 0 || leaves <= 0, Code::SizeInvalid);
        add(reduces && leaves > closable, Code::ReduceOnlyUntrue);
        add(notional(intent) > 1000 * ONE, Code::OrderNotional);
        let after = self.with(intent);
        self.exposure(intent, &after, &mut add);
        add(!reduces && self.is_unfunded(intent, &after), Code::Unfunded);
        add(rate.is_some(), Code::MessagesPerS);
        let is_new = intent.request != RiskRequest::Replace;
        let own = self.orders.values().filter(|order| order.intent.strategy == Some(MM));
        add(is_new && intent.strategy == Some(MM) && own.count() >= 4, Code::OpenOrders);
        add(
            is_new && intent.strategy == Some(MM) && self.is_like_another(intent, now),
            Code::Duplicate,
        );
        add(self.meets_own(intent), Code::SelfTrade);
        codes
    }

    fn exposure(&self, intent: &Intent, after: &Self, add: &mut impl FnMut(bool, Code)) {
        let (instrument, strategy) = (intent.instrument, intent.strategy);
        let is_buy = intent.side == OrderSide::Buy;
        let (was, is) = (self.held(None, instrument), after.held(None, instrument));
        if is.buys + is.sells <= was.buys + was.sells {
            return;
        }
        add(instrument == PERP && is_buy && is.position + is.buys > 8000, Code::LongMax);
        add(instrument == PERP && !is_buy && is.position - is.sells < -6000, Code::ShortMax);
        let worst = |model: &Self| model.held(strategy, instrument).worst();
        let worth = i128::from(worst(after)) * self.worth(instrument);
        let is_larger = worst(after) > worst(self);
        add(strategy == Some(MM) && is_larger && worth > 1500 * ONE, Code::PositionNotional);
        let beyond = |scope, most: i128| {
            let gross = after.gross(scope);
            gross > self.gross(scope) && gross > most * ONE
        };
        add(beyond(None, 3000) || (strategy == Some(ARB) && beyond(Some(ARB), 1200)), Code::Gross);
        let net = if is_buy {
            after.sum(None, |held| held.position + held.buys)
        } else {
            after.sum(None, |held| held.sells - held.position)
        };
        add(net > 2000 * ONE, Code::Net);
    }

    /// What is held of dollars and of coins, by orders for spot and margin for contracts.
    fn reserved(&self) -> (i128, i128) {
        let (mut dollars, mut coins) = (0, 0);
        for order in self.orders.values().filter(|order| order.intent.instrument == SPOT) {
            let leaves = i128::from(order.leaves());
            match order.intent.side {
                OrderSide::Sell => coins += leaves * ONE / 1000,
                OrderSide::Buy => {
                    let dearest = order.states().map(|state| state.price.unwrap_or(10_001)).max();
                    dollars += leaves * i128::from(dearest.unwrap_or(0)) * ONE / 100_000;
                }
            }
        }
        let margin = |instrument| {
            i128::from(self.held(None, instrument).worst()) * self.worth(instrument) / 10
        };
        (dollars + margin(PERP), coins + margin(INVERSE) / 100)
    }

    fn is_unfunded(&self, intent: &Intent, after: &Self) -> bool {
        let ((dollars, coins), (more_dollars, more_coins)) = (self.reserved(), after.reserved());
        let is_beyond = |before: i128, after: i128, most: i128| {
            // What needs nothing more passes, for spot unless already more is held than there is.
            (after > before || intent.instrument == SPOT) && after.max(before) > most * ONE
        };
        let pays_in_coins = match intent.instrument {
            SPOT => intent.side == OrderSide::Sell,
            instrument => instrument == INVERSE,
        };
        if pays_in_coins {
            is_beyond(coins, more_coins, 10)
        } else {
            is_beyond(dollars, more_dollars, 1500)
        }
    }

    fn is_like_another(&self, intent: &Intent, now: i64) -> bool {
        self.looks.iter().any(|(ts, other)| {
            *ts > now - 50 * MS
                && other.strategy == intent.strategy
                && other.instrument == intent.instrument
                && (other.side, other.kind) == (intent.side, intent.kind)
                && (other.price, other.size) == (intent.price, intent.size)
        })
    }

    fn meets_own(&self, intent: &Intent) -> bool {
        let others = self.orders.values().filter(|order| {
            let other = &order.intent;
            other.instrument == intent.instrument
                && other.side != intent.side
                && other.kind == OrderKind::Limit
        });
        others.flat_map(Order::states).any(|other| match (intent.side, intent.price, other.price) {
            (_, None, _) => true,
            (OrderSide::Buy, Some(price), Some(other)) => price >= other,
            (OrderSide::Sell, Some(price), Some(other)) => price <= other,
            (_, _, None) => false,
        })
    }
}

fn order(intent: &Intent) -> Order {
    Order { intent: *intent, asked: Vec::new(), filled: 0, base: 0 }
}

/// Quotes are 99.99 to 100.01 for spot and 99.5 to 100.5 for contracts.
fn market(intent: &Intent) -> i64 {
    match (intent.instrument, intent.side) {
        (SPOT, OrderSide::Buy) => 10_001,
        (SPOT, OrderSide::Sell) => 10_000,
        (_, OrderSide::Buy) => 1_005,
        (_, OrderSide::Sell) => 1_000,
    }
}

/// At its own price; a sale at that of the market if that is more.
fn notional(intent: &Intent) -> i128 {
    if intent.instrument == INVERSE {
        return i128::from(intent.size) * 100 * ONE;
    }
    let (points, market) = (price_points(intent.instrument), market(intent));
    let price = match intent.price {
        Some(price) if intent.side == OrderSide::Sell => price.max(market),
        Some(price) => price,
        None => market,
    };
    i128::from(price) * i128::from(intent.size) * ONE / (points * 1000)
}
