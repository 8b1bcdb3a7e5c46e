//! What the venue keeps of orders besides the engine.

use std::borrow::Cow;
use std::collections::BTreeMap;

use rustonite_core::Decimal;
use rustonite_sim::{CancelReason, OrderId};
use serde::{Deserialize, Serialize};

use crate::accounts::Record;
use crate::floor::Floor;

/// Orders of which facts are kept at least.
const KEPT: usize = 50_000;

/// Types of orders.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub(crate) enum Kind {
    Market,
    Limit,
    Stop,
    StopLimit,
    TrailingStop,
}

impl Kind {
    pub(crate) fn named(name: &str) -> Option<Self> {
        [Self::Market, Self::Limit, Self::Stop, Self::StopLimit, Self::TrailingStop]
            .into_iter()
            .find(|kind| kind.name() == name)
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Market => "market",
            Self::Limit => "limit",
            Self::Stop => "stop",
            Self::StopLimit => "stop_limit",
            Self::TrailingStop => "trailing_stop",
        }
    }

    pub(crate) fn has_limit(self) -> bool {
        matches!(self, Self::Limit | Self::StopLimit)
    }

    pub(crate) fn has_stop(self) -> bool {
        matches!(self, Self::Stop | Self::StopLimit)
    }
}

/// Orders that belong together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
pub(crate) enum Class {
    #[default]
    Simple,
    Oco,
    Oto,
    Bracket,
}

impl Class {
    pub(crate) fn named(name: &str) -> Option<Self> {
        match name {
            "" | "simple" => Some(Self::Simple),
            "oco" => Some(Self::Oco),
            "oto" => Some(Self::Oto),
            "bracket" => Some(Self::Bracket),
            _ => None,
        }
    }

    /// What the venue calls it; a simple one has no name there.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Simple => "",
            Self::Oco => "oco",
            Self::Oto => "oto",
            Self::Bracket => "bracket",
        }
    }
}

/// How far behind the best price a stop follows, as the client gave it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub(crate) enum Trail {
    Price(Decimal),
    Percent(Decimal),
}

/// See the module.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct Facts {
    pub(crate) kind: Kind,
    pub(crate) time_in_force: Cow<'static, str>,
    pub(crate) class: Class,
    pub(crate) extended_hours: bool,
    pub(crate) notional: Option<Decimal>,
    pub(crate) trail: Option<Trail>,
    /// The first order of its list.
    pub(crate) parent: Option<OrderId>,
    /// Of the first order of a list: the others.
    pub(crate) legs: Vec<OrderId>,
    pub(crate) replaces: Option<OrderId>,
    pub(crate) replaced_by: Option<OrderId>,
    /// When it ends that the engine lets wait for ever.
    pub(crate) expires_at: Option<i64>,
    /// It has ended because it was time.
    pub(crate) is_expired: bool,
}

/// Facts by the number of their order.
#[derive(Debug, Deserialize, Serialize)]
pub(crate) struct Orders {
    facts: BTreeMap<OrderId, Facts>,
    /// How many there may be before those are dropped that nobody can ask for any more.
    most: usize,
    /// No order ends by itself before this moment.
    quiet_until: i64,
}

impl Default for Orders {
    fn default() -> Self {
        Self { facts: BTreeMap::new(), most: KEPT, quiet_until: i64::MAX }
    }
}

impl Orders {
    pub(crate) fn get(&self, id: OrderId) -> Option<&Facts> {
        self.facts.get(&id)
    }

    pub(crate) fn get_mut(&mut self, id: OrderId) -> Option<&mut Facts> {
        self.facts.get_mut(&id)
    }

    pub(crate) fn add(&mut self, floor: &Floor, id: OrderId, facts: Facts) {
        self.quiet_until = self.quiet_until.min(facts.expires_at.unwrap_or(i64::MAX));
        self.facts.insert(id, facts);
        if self.facts.len() > self.most {
            let known = |id: &OrderId| {
                floor.accounts.all.values().any(|account| account.orders.contains_key(id))
            };
            self.facts.retain(|id, _| known(id));
            self.most = KEPT.max(2 * self.facts.len());
        }
    }

    /// One order stands for another, also in its list.
    pub(crate) fn replace(&mut self, floor: &Floor, old: OrderId, new: OrderId, facts: Facts) {
        if let Some(old) = self.facts.get_mut(&old) {
            (old.replaced_by, old.expires_at) = (Some(new), None);
        }
        if let Some(parent) = facts.parent.and_then(|parent| self.facts.get_mut(&parent)) {
            parent.legs.iter_mut().filter(|leg| **leg == old).for_each(|leg| *leg = new);
        }
        for leg in &facts.legs {
            if let Some(leg) = self.facts.get_mut(leg) {
                leg.parent = Some(new);
            }
        }
        self.add(floor, new, Facts { replaces: Some(old), ..facts });
    }

    /// Takes the orders whose time is over, without those that the engine ends.
    pub(crate) fn take_due(&mut self, now: i64) -> Vec<OrderId> {
        if now < self.quiet_until {
            return Vec::new();
        }
        self.quiet_until = i64::MAX;
        let mut due = Vec::new();
        for (id, facts) in &mut self.facts {
            match facts.expires_at {
                Some(at) if at <= now => {
                    facts.expires_at = None;
                    due.push(*id);
                }
                Some(at) => self.quiet_until = self.quiet_until.min(at),
                None => {}
            }
        }
        due
    }

    /// Whether an order waits for another one of its list.
    pub(crate) fn is_held(&self, floor: &Floor, record: &Record) -> bool {
        let Some(facts) = self.get(record.order.id) else { return false };
        let Some(parent) = facts.parent else { return false };
        match facts.class {
            Class::Simple => false,
            Class::Oco => !record.order.is_working,
            Class::Oto | Class::Bracket => {
                let parent = floor.record(record.order.asked.account, parent);
                let waits = parent.is_some_and(|parent| parent.order.is_open);
                let is_stop = self.get(record.order.id).is_some_and(|one| one.kind.has_stop());
                let pair = facts.class == Class::Bracket && is_stop && !record.order.is_working;
                waits || pair
            }
        }
    }

    /// What an order is called as it is now.
    pub(crate) fn status(&self, floor: &Floor, record: &Record) -> &'static str {
        let order = &record.order;
        let is_expired = || self.get(order.id).is_some_and(|facts| facts.is_expired);
        match order.cancelled {
            None if !order.is_open => "filled",
            None if order.filled > 0 => "partially_filled",
            None if self.is_held(floor, record) => "held",
            None => "new",
            Some(_) if is_expired() => "expired",
            Some(reason) => ended(reason),
        }
    }
}

/// What an order is called that ended unfilled.
pub(crate) fn ended(reason: CancelReason) -> &'static str {
    match reason {
        CancelReason::Expired => "expired",
        CancelReason::Replaced => "replaced",
        CancelReason::Balance => "rejected",
        _ => "canceled",
    }
}
