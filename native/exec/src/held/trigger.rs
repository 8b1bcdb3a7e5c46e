//! One trigger that we watch: what a price does to it.

use rustonite_core::datasets::{OffsetUnit, OrderSide, TriggerDirection, TriggerSource};
use rustonite_core::{Amount, Decimal};

use crate::order::Order;
use crate::wish::{OrderId, Trail};

/// Ten thousand basis points are the whole.
const BPS: Amount = Amount(10_000 * 10_i128.pow(18));

/// A price that was seen. A side of a quote that is empty is 0.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Seen {
    /// Best bid and ask.
    Quote(f64, f64),
    /// A trade.
    Trade(f64),
    /// A mark price.
    Mark(f64),
    /// An index price.
    Index(f64),
}

/// What a price did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Effect {
    Nothing,
    /// The trigger's price followed the market.
    Moved,
    /// The trigger is reached.
    Reached,
}

/// A trigger that waits. Prices of the market are compared as the floats that they are; only when a
/// trailing trigger follows is an exact price made of one.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Watch {
    pub(super) order: OrderId,
    /// The price in force; zero until a trailing trigger follows.
    pub(super) price: Amount,
    /// Whether the ledger has another price than this one.
    pub(super) has_moved: bool,
    pub(super) is_reached: bool,
    source: TriggerSource,
    side: OrderSide,
    /// Whether the market reaches it from below.
    is_above: bool,
    level: f64,
    follows: Option<Follows>,
}

/// How a trailing trigger follows.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Follows {
    trail: Trail,
    tick: Amount,
    /// The market has to come here first.
    begins: Option<f64>,
    /// The furthest price so far, from which the distance is kept.
    furthest: f64,
}

impl Watch {
    /// The trigger of an order, whose price moves in steps of `tick`.
    pub(super) fn of(order: &Order, tick: Amount) -> Option<Self> {
        let trigger = order.wish.trigger?;
        let is_above = trigger.direction == TriggerDirection::Up;
        let follows = trigger.trail.map(|trail| Follows {
            trail,
            tick,
            begins: trail.activation.filter(|_| trigger.price == Amount::ZERO).map(float),
            furthest: if is_above { f64::INFINITY } else { 0.0 },
        });
        let mut watch = Self {
            order: order.id,
            price: trigger.price,
            has_moved: false,
            is_reached: false,
            source: trigger.source,
            side: order.wish.side,
            is_above,
            level: 0.0,
            follows,
        };
        watch.set(trigger.price);
        Some(watch)
    }

    /// Whether both wait at the same price, and follow in the same way.
    pub(super) fn waits_as(&self, other: &Self) -> bool {
        let trail = |watch: &Self| watch.follows.map(|follows| follows.trail);
        self.price == other.price && trail(self) == trail(other)
    }

    fn set(&mut self, price: Amount) {
        self.price = price;
        self.level = match float(price) {
            // Nothing reaches what is not in force.
            0.0 if self.is_above => f64::INFINITY,
            0.0 => f64::NEG_INFINITY,
            level => level,
        };
    }

    /// Takes a price of the market.
    #[inline]
    pub(super) fn see(&mut self, seen: &Seen) -> Effect {
        match self.price_in(seen) {
            Some(price) if price > 0.0 && !self.is_reached => self.take(price),
            _ => Effect::Nothing,
        }
    }

    /// The price that it watches.
    fn price_in(&self, seen: &Seen) -> Option<f64> {
        use TriggerSource as Source;
        match (self.source, *seen) {
            (Source::Last | Source::LastOrBidAsk, Seen::Trade(price))
            | (Source::Mark, Seen::Mark(price))
            | (Source::Index, Seen::Index(price)) => Some(price),
            (Source::BidAsk | Source::LastOrBidAsk, Seen::Quote(bid, ask)) => {
                Some(if self.side == OrderSide::Sell { bid } else { ask })
            }
            (Source::Mid, Seen::Quote(bid, ask)) if bid > 0.0 && ask > 0.0 => {
                Some(f64::midpoint(bid, ask))
            }
            _ => None,
        }
    }

    fn take(&mut self, price: f64) -> Effect {
        let is_here = if self.is_above { price >= self.level } else { price <= self.level };
        if is_here {
            self.is_reached = true;
            return Effect::Reached;
        }
        match self.followed(price) {
            Some(moved) => {
                self.set(moved);
                self.has_moved = true;
                Effect::Moved
            }
            None => Effect::Nothing,
        }
    }

    /// The new price of a trailing trigger, if it follows this one.
    fn followed(&mut self, price: f64) -> Option<Amount> {
        let is_above = self.is_above;
        let follows = self.follows.as_mut()?;
        if let Some(begins) = follows.begins {
            let has_come = if is_above { price <= begins } else { price >= begins };
            if !has_come {
                return None;
            }
            follows.begins = None;
        }
        let is_further = if is_above { price < follows.furthest } else { price > follows.furthest };
        if !is_further {
            return None;
        }
        follows.furthest = price;
        let exact = follows.behind(price, is_above)?;
        let before = self.price;
        let is_nearer = if is_above { exact < before } else { exact > before };
        (before == Amount::ZERO || is_nearer).then_some(exact)
    }
}

impl Follows {
    /// The price that is the distance behind another one, on a tick that is no nearer; `None` for
    /// what is no price.
    fn behind(&self, price: f64, is_above: bool) -> Option<Amount> {
        let price = Decimal::from_f64(price).and_then(Amount::from_decimal).ok()?;
        let distance = match self.trail.unit {
            OffsetUnit::Bps => price.product(self.trail.offset)?.ratio(BPS)?,
            OffsetUnit::Ticks => self.tick.product(self.trail.offset)?,
            OffsetUnit::Price | OffsetUnit::Tier => self.trail.offset,
        };
        let behind = if is_above { price + distance } else { price - distance };
        let tick = self.tick.0.max(1);
        let below = behind.0.div_euclid(tick) * tick;
        let on_tick = if is_above && below < behind.0 { below + tick } else { below };
        (on_tick > 0).then_some(Amount(on_tick))
    }
}

fn float(price: Amount) -> f64 {
    price.to_decimal().to_f64()
}
