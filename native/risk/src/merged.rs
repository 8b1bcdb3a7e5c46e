//! Limits of several scopes as one set of numbers to compare with.
//!
//! Everything here is what warns: a value within it needs no second look. Which scope it came from,
//! and whether the value is beyond what denies, is looked up only then.

use rustonite_core::datasets::RiskScope;
use rustonite_core::ids::InstrumentId;

use crate::directory::{Directory, MANUAL};
use crate::key::Key;
use crate::limits::{Limits, Section};
use crate::rules::Rules;

/// Checks that are on or off, as bits.
pub(crate) mod switches {
    pub(crate) const PROTECT: u32 = 1;
    pub(crate) const UNFUNDED: u32 = 2;
    pub(crate) const CROSSED: u32 = 4;
    pub(crate) const LOCKED: u32 = 8;
    pub(crate) const SELF_TRADE: u32 = 16;
}

/// Limits of which the strictest of all scopes holds. What is open is beyond every value.
#[derive(Clone, Debug, Default)]
pub(crate) struct OrderLimits {
    /// Keys that some scope names.
    pub(crate) keys: u64,
    pub(crate) notional: i128,
    pub(crate) market_notional: i128,
    pub(crate) position: i128,
    pub(crate) size: i64,
    pub(crate) long: i64,
    pub(crate) short: i64,
    pub(crate) open_orders: i64,
    pub(crate) collar: i64,
    pub(crate) far: i64,
    pub(crate) period_collar: i64,
    pub(crate) adv: i64,
    pub(crate) spread: i64,
    pub(crate) divergence: i64,
    pub(crate) concentration: i64,
    pub(crate) leverage: i64,
    pub(crate) stale_ns: i64,
    pub(crate) latency_ns: i64,
    pub(crate) children: i64,
    pub(crate) duplicate_ns: i64,
    pub(crate) switches: u32,
}

impl OrderLimits {
    /// Of the sections, for an instrument if its rules are given.
    pub(crate) fn of(sections: &[&Section], rules: Option<&Rules>) -> Self {
        let most = |key| most(sections, key);
        let size = |key| rules.map_or(i64::MAX, |rules| size_points(sections, key, rules));
        let switch = |key, bit| if least(sections, key) > 0 { bit } else { 0 };
        Self {
            keys: sections.iter().fold(0, |set, section| set | section.keys()),
            notional: money(sections, Key::OrderNotionalMax),
            market_notional: money(sections, Key::MarketNotionalMax),
            position: money(sections, Key::PositionNotionalMax),
            size: size(Key::OrderSizeMax),
            long: size(Key::LongMax),
            short: size(Key::ShortMax),
            open_orders: rules.map_or(i64::MAX, |_| {
                // The other scopes count for themselves; the instrument's is the last section.
                let own = sections.last().map_or(&[][..], std::slice::from_ref);
                self::most(own, Key::OpenOrdersMax)
            }),
            collar: most(Key::PriceCollarBps),
            far: most(Key::PriceFarBps),
            period_collar: most(Key::PeriodCollarBps),
            adv: most(Key::AdvShareBps),
            spread: most(Key::SpreadMaxBps),
            divergence: most(Key::DivergenceBps),
            concentration: most(Key::ConcentrationBps),
            leverage: most(Key::LeverageMax),
            stale_ns: most(Key::StaleMs),
            latency_ns: most(Key::LatencyMs),
            children: most(Key::ChildrenMax),
            duplicate_ns: least(sections, Key::DuplicateMs),
            switches: switch(Key::MarketProtect, switches::PROTECT)
                | switch(Key::DenyUnfunded, switches::UNFUNDED)
                | switch(Key::DenyCrossed, switches::CROSSED)
                | switch(Key::DenyLocked, switches::LOCKED)
                | switch(Key::DenySelfTrade, switches::SELF_TRADE),
        }
    }
}

impl OrderLimits {
    /// The strictest of both. The keys are left as they were: what is named for one desk need not be
    /// for another.
    pub(crate) fn tighten(&mut self, other: &Self) {
        for (own, other) in [
            (&mut self.notional, other.notional),
            (&mut self.market_notional, other.market_notional),
        ] {
            *own = other.min(*own);
        }
        for (own, other) in [
            (&mut self.collar, other.collar),
            (&mut self.far, other.far),
            (&mut self.period_collar, other.period_collar),
            (&mut self.adv, other.adv),
            (&mut self.spread, other.spread),
            (&mut self.divergence, other.divergence),
            (&mut self.concentration, other.concentration),
            (&mut self.leverage, other.leverage),
            (&mut self.stale_ns, other.stale_ns),
            (&mut self.latency_ns, other.latency_ns),
        ] {
            *own = other.min(*own);
        }
        self.duplicate_ns = self.duplicate_ns.max(other.duplicate_ns);
        self.switches |= other.switches;
    }
}

fn softs(sections: &[&Section], key: Key) -> impl Iterator<Item = i128> {
    sections.iter().filter_map(move |section| section.soft(key))
}

fn whole(value: i128) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

/// The smallest, or no limit.
pub(crate) fn most(sections: &[&Section], key: Key) -> i64 {
    softs(sections, key).min().map_or(i64::MAX, whole)
}

/// The largest, or nothing.
pub(crate) fn least(sections: &[&Section], key: Key) -> i64 {
    softs(sections, key).max().map_or(0, whole)
}

pub(crate) fn money(sections: &[&Section], key: Key) -> i128 {
    softs(sections, key).min().unwrap_or(i128::MAX)
}

fn size_points(sections: &[&Section], key: Key, rules: &Rules) -> i64 {
    softs(sections, key).min().map_or(i64::MAX, |most| whole(most / rules.base_per_size()))
}

/// Requests within a span of time.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Window {
    /// Most of them, or 0 if there must be none.
    pub(crate) count: usize,
    /// The span; nothing is within a span of zero.
    pub(crate) span_ns: i64,
}

/// Requests of a kind in one and in ten seconds.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Windows {
    pub(crate) one: Window,
    pub(crate) ten: Window,
}

pub(crate) const SECOND_NS: i64 = 1_000_000_000;

/// Limits that a scope keeps count of for itself.
#[derive(Clone, Debug, Default)]
pub(crate) struct SeatLimits {
    pub(crate) gross: i128,
    pub(crate) net: i128,
    pub(crate) position: i128,
    pub(crate) open_orders: i64,
    pub(crate) cancel_ratio: i64,
    pub(crate) per_day: i64,
    pub(crate) orders: Windows,
    pub(crate) cancels: Windows,
}

impl SeatLimits {
    pub(crate) fn of(section: &Section) -> Self {
        let own = [section];
        let kept = usize::try_from(least(&own, Key::CancelReserve)).unwrap_or(usize::MAX);
        let window = |key, span_ns, kept: usize| match section.soft(key) {
            Some(most) => {
                let most = usize::try_from(most).unwrap_or(usize::MAX);
                Window { count: most.saturating_sub(kept), span_ns }
            }
            None => Window { count: 1, span_ns: 0 },
        };
        let windows = |kept| Windows {
            one: window(Key::MessagesPerS, SECOND_NS, kept),
            ten: window(Key::MessagesPer10S, 10 * SECOND_NS, kept),
        };
        Self {
            gross: money(&own, Key::GrossMax),
            net: money(&own, Key::NetMax),
            position: money(&own, Key::PositionNotionalMax),
            open_orders: most(&own, Key::OpenOrdersMax),
            cancel_ratio: most(&own, Key::CancelRatioMax),
            per_day: most(&own, Key::MessagesPerDay),
            orders: windows(kept),
            cancels: windows(0),
        }
    }
}

/// The sections by ids.
#[derive(Clone, Debug, Default)]
pub(crate) struct Sections {
    pub(crate) all: Section,
    pub(crate) venues: Vec<Section>,
    pub(crate) accounts: Vec<Section>,
    pub(crate) strategies: Vec<Section>,
    instruments: Vec<Option<Box<Section>>>,
}

impl Sections {
    pub(crate) fn of(limits: &Limits, directory: &Directory) -> Self {
        let find =
            |scope, name: &str| limits.named(scope).and_then(|named| named.get(name)).cloned();
        let or_empty = |scope, name: &str| find(scope, name).unwrap_or_default();
        let strategies = directory.strategies.iter().map(AsRef::as_ref).chain([MANUAL]);
        Self {
            all: limits.all.clone(),
            venues: (directory.venues.iter())
                .map(|venue| or_empty(RiskScope::Venue, &venue.name))
                .collect(),
            accounts: (directory.accounts.iter())
                .map(|account| or_empty(RiskScope::Account, &account.name))
                .collect(),
            strategies: strategies.map(|name| or_empty(RiskScope::Strategy, name)).collect(),
            instruments: (0..directory.instruments.len())
                .map(|at| find(RiskScope::Instrument, &directory.instrument_name(at)).map(Box::new))
                .collect(),
        }
    }

    /// What an instrument's own section says.
    pub(crate) fn instrument(&self, instrument: InstrumentId) -> Option<&Section> {
        self.instruments.get(instrument.index())?.as_deref()
    }
}
