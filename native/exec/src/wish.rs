//! What a strategy wants.

use rustonite_core::Amount;
use rustonite_core::datasets::{
    OffsetUnit, OrderKind, OrderSide, PositionSide, Stp, Tif, TriggerDirection, TriggerSource,
    order_flags,
};
use rustonite_core::ids::{AccountId, InstrumentId, StrategyId};

/// Our number of an order, from 1 and never reused.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OrderId(pub i64);

/// A price that starts an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Trigger {
    /// The price; of a trailing trigger the one in force, or zero until it follows.
    pub price: Amount,
    /// What is watched.
    pub source: TriggerSource,
    /// Which way it must move.
    pub direction: TriggerDirection,
    /// Whether and how the price follows.
    pub trail: Option<Trail>,
}

/// How a trigger follows the market.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Trail {
    /// Distance kept.
    pub offset: Amount,
    /// Unit of `offset`.
    pub unit: OffsetUnit,
    /// It begins to follow from this price; at once if `None`.
    pub activation: Option<Amount>,
}

/// An order as a strategy, an algorithm or a person wants it. Sizes are in the venue's own unit.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Wish {
    /// For which account.
    pub account: AccountId,
    /// By whom; `None` for a person.
    pub strategy: Option<StrategyId>,
    /// Of what.
    pub instrument: InstrumentId,
    /// Buy or sell.
    pub side: OrderSide,
    /// How the price is formed.
    pub kind: OrderKind,
    /// How long it stays; `None` for kinds without.
    pub tif: Option<Tif>,
    /// Limit, for kinds that have one.
    pub price: Option<Amount>,
    /// Worst price accepted for a market order.
    pub price_protect: Option<Amount>,
    /// How much; zero if `size_quote` rules.
    pub size: Amount,
    /// How much in money, instead of `size`.
    pub size_quote: Option<Amount>,
    /// Shown part of an iceberg.
    pub size_display: Option<Amount>,
    /// Smallest fill accepted.
    pub size_min: Option<Amount>,
    /// The price that starts it, for kinds that have one.
    pub trigger: Option<Trigger>,
    /// Bits of [`rustonite_core::datasets::order_flags`].
    pub flags: i32,
    /// Which position, in hedge mode.
    pub position_side: Option<PositionSide>,
    /// Self-trade prevention; the venue's default if `None`.
    pub stp: Option<Stp>,
    /// Last moment of a `gtd` order.
    pub ts_expire: Option<i64>,
    /// The strategy's own labels, joined by commas.
    pub tags: Option<Box<str>>,
}

impl Wish {
    /// Whether we watch its condition, and not the venue.
    pub const fn is_emulated(&self) -> bool {
        self.flags & order_flags::EMULATED != 0
    }

    /// Whether we end it at its last moment, and not the venue.
    pub const fn expires_here(&self) -> bool {
        self.flags & order_flags::LOCAL_EXPIRY != 0
    }

    /// Whether its limit keeps its distance from a trigger that follows the market.
    pub const fn limit_follows(&self) -> bool {
        self.flags & order_flags::LIMIT_FOLLOWS != 0
    }

    /// Whether it closes a side of hedge mode: it cannot make one larger.
    pub fn closes_a_side(&self) -> bool {
        match self.position_side {
            Some(PositionSide::Long) => self.side == OrderSide::Sell,
            Some(PositionSide::Short) => self.side == OrderSide::Buy,
            Some(PositionSide::Net) | None => false,
        }
    }

    /// Has the limit follow the trigger, so much worse for us than that is.
    pub fn set_limit_behind(&mut self, distance: Amount) {
        let from = self.trigger.map_or(Amount::ZERO, |trigger| trigger.price);
        self.price =
            Some(if self.side == OrderSide::Buy { from + distance } else { from - distance });
        self.flags |= order_flags::LIMIT_FOLLOWS;
    }

    /// Its limit once its trigger is at another price.
    pub fn limit_at(&self, trigger: Amount) -> Option<Amount> {
        let before = self.trigger.filter(|_| self.limit_follows());
        self.price.map(|price| before.map_or(price, |before| price + (trigger - before.price)))
    }

    /// Its limit, where that is known: not before the trigger that it follows has a price.
    pub fn limit_now(&self) -> Option<Amount> {
        self.price.filter(|_| !self.limit_follows() || self.trigger_now().is_some())
    }

    /// The price that starts it, where that is known.
    pub fn trigger_now(&self) -> Option<Amount> {
        self.trigger.map(|trigger| trigger.price).filter(|price| *price != Amount::ZERO)
    }

    /// The kind that its venue is told: once a condition of ours is met, what is left is an order at
    /// the market or at a limit.
    pub const fn kind_sent(&self) -> OrderKind {
        match self.kind {
            OrderKind::StopMarket | OrderKind::MarketIfTouched | OrderKind::TrailingStopMarket
                if self.is_emulated() =>
            {
                OrderKind::Market
            }
            OrderKind::StopLimit | OrderKind::LimitIfTouched | OrderKind::TrailingStopLimit
                if self.is_emulated() =>
            {
                OrderKind::Limit
            }
            kind => kind,
        }
    }

    /// How long it stays, as its venue is told.
    pub fn tif_sent(&self) -> Option<Tif> {
        match self.kind_sent() {
            OrderKind::Market if self.is_emulated() => None,
            _ if self.expires_here() => Some(Tif::Gtc),
            _ => self.tif,
        }
    }

    /// The order as its venue is told, without what we do ourselves.
    #[must_use]
    pub fn sent(&self) -> Self {
        let tif = self.tif_sent();
        let mut sent = Self { kind: self.kind_sent(), tif, ..self.clone() };
        let followed = if self.is_emulated() { order_flags::LIMIT_FOLLOWS } else { 0 };
        sent.flags &= !(order_flags::LOCAL_EXPIRY | followed);
        let ends_here = self.expires_here() || (self.is_emulated() && tif.is_none());
        sent.ts_expire = self.ts_expire.filter(|_| !ends_here);
        sent.trigger = self.trigger.filter(|_| !self.is_emulated());
        sent
    }
}
