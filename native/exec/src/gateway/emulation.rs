//! What of an order its venue has, and what we do ourselves.

use rustonite_core::Amount;
use rustonite_core::datasets::{
    OffsetUnit, OrderKind, OrderSide, Tif, TriggerDirection, TriggerSource, order_flags,
};

use super::capability::{Capabilities, has_limit, has_trigger, is_trailing};
use super::venues::capabilities;
use crate::report::Refusal;
use crate::wish::{Trigger, Wish};

/// What a trigger of ours can watch.
pub(super) const SOURCES: [TriggerSource; 6] = [
    TriggerSource::Last,
    TriggerSource::BidAsk,
    TriggerSource::Mid,
    TriggerSource::LastOrBidAsk,
    TriggerSource::Mark,
    TriggerSource::Index,
];

/// Units of the distance that a trailing trigger of ours keeps.
const TRAILS: [OffsetUnit; 3] = [OffsetUnit::Price, OffsetUnit::Bps, OffsetUnit::Ticks];

/// Kinds of orders whose condition we can watch, with what is left of them once it is met.
pub(super) const KINDS: [(OrderKind, OrderKind); 6] = [
    (OrderKind::StopMarket, OrderKind::Market),
    (OrderKind::StopLimit, OrderKind::Limit),
    (OrderKind::MarketIfTouched, OrderKind::Market),
    (OrderKind::LimitIfTouched, OrderKind::Limit),
    (OrderKind::TrailingStopMarket, OrderKind::Market),
    (OrderKind::TrailingStopLimit, OrderKind::Limit),
];

/// Times in force that we can end ourselves.
pub(super) const TIFS: [Tif; 2] = [Tif::Gtd, Tif::Day];

/// Flags of an iceberg that we cut ourselves.
pub(super) const SLICED: i32 = order_flags::DISPLAY_RANDOM;

/// Who does what of an order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Way {
    /// The venue does it all, except perhaps the end: the wish says so.
    Venue(Wish),
    /// It waits here until its trigger is reached.
    Held(Wish),
    /// It is cut here, and one slice after the other is sent, if it waits for a price from then on.
    Sliced(Wish),
}

/// What a venue can do with orders, by our name of it.
pub fn capabilities_of(venue: &str) -> Option<&'static Capabilities> {
    capabilities().into_iter().find(|one| one.venue == venue)
}

/// Whether an order may have something that a venue has not. Most have not, and that is found out
/// quickly.
#[inline]
pub const fn may_need_us(wish: &Wish) -> bool {
    wish.trigger.is_some()
        || wish.size_display.is_some()
        || wish.is_emulated()
        || matches!(wish.tif, Some(Tif::Gtd | Tif::Day))
}

impl Capabilities {
    /// Who does what of an order. The venue does what it can, unless the order says that its
    /// condition is to be watched by us. An order for the day is in force until `day_end`, where the
    /// venue has no days.
    ///
    /// # Errors
    /// Neither the venue nor we have such orders.
    pub fn way(&self, wish: &Wish, day_end: i64) -> Result<Way, Refusal> {
        let refused = match self.terms(wish) {
            Ok(_) if !wish.is_emulated() => return Ok(Way::Venue(wish.clone())),
            Ok(_) => None,
            Err(refusal) => Some(refusal),
        };
        let mut ours = wish.clone();
        ours.flags &= !order_flags::EMULATED;
        if wish.trigger.is_some()
            && (wish.is_emulated() || self.terms(&self.ended_here(&ours, day_end)).is_err())
        {
            self.check_our_trigger(wish)?;
            ours.flags |= order_flags::EMULATED;
        }
        ours = self.ended_here(&ours, day_end);
        let mut sent = ours.sent();
        let is_cut = self.is_cut(&sent, wish.is_emulated());
        if is_cut {
            sent.size_display = None;
            sent.flags &= !SLICED;
        }
        if let Err(other) = self.terms(&sent) {
            return Err(refused.unwrap_or(other));
        }
        Ok(match (is_cut, ours.is_emulated()) {
            (true, _) => Way::Sliced(ours),
            (_, true) => Way::Held(ours),
            _ => Way::Venue(ours),
        })
    }

    /// Whether what is sent is an iceberg that the venue would not cut, or is not to.
    fn is_cut(&self, sent: &Wish, is_ours: bool) -> bool {
        let is_iceberg = sent.size_display.is_some() && sent.kind == OrderKind::Limit;
        is_iceberg && (is_ours || self.terms(sent).is_err())
    }

    /// The order with its end as our task, if the venue does not end such orders.
    fn ended_here(&self, wish: &Wish, day_end: i64) -> Wish {
        let rule = self.kind(wish.kind_sent());
        let mut ours = wish.clone();
        let Some(tif) = wish.tif.filter(|tif| TIFS.contains(tif)) else { return ours };
        if rule.is_none_or(|rule| rule.tifs.contains(&tif)) {
            return ours;
        }
        if tif == Tif::Day {
            ours.ts_expire = Some(day_end);
        }
        if ours.ts_expire.is_some() {
            ours.flags |= order_flags::LOCAL_EXPIRY;
        }
        ours
    }

    /// What a venue would have checked of a trigger.
    fn check_our_trigger(&self, wish: &Wish) -> Result<(), Refusal> {
        let Some(trigger) = &wish.trigger else { return Ok(()) };
        if !has_trigger(wish.kind) || !KINDS.iter().any(|(kind, _)| *kind == wish.kind) {
            let kind = wish.kind.name();
            return Err(self.refuse(&format!("{kind} orders are neither native nor emulated")));
        }
        if wish.price.is_some() != has_limit(wish.kind) {
            return Err(self.refuse("orders have a limit if they are of such a kind"));
        }
        if wish.limit_follows() && wish.kind != OrderKind::TrailingStopLimit {
            return Err(self.refuse("only the limit of a trailing stop follows"));
        }
        if !SOURCES.contains(&trigger.source) {
            let source = trigger.source.name();
            return Err(self.refuse(&format!("triggers do not watch {source}")));
        }
        if wish.size <= Amount::ZERO {
            return Err(self.refuse("an order that waits here has a size"));
        }
        self.check_our_trail(wish, trigger)
    }

    fn check_our_trail(&self, wish: &Wish, trigger: &Trigger) -> Result<(), Refusal> {
        if trigger.trail.is_some() != is_trailing(wish.kind) {
            return Err(self.refuse("an order has an offset if it is a trailing stop"));
        }
        let Some(trail) = &trigger.trail else {
            let is_price = trigger.price > Amount::ZERO;
            return if is_price { Ok(()) } else { Err(self.refuse("a trigger has a price")) };
        };
        if !TRAILS.contains(&trail.unit) {
            return Err(self.refuse(&format!("no offsets in {}", trail.unit.name())));
        }
        let away = wish.side == OrderSide::Sell;
        if (trigger.direction == TriggerDirection::Down) != away {
            return Err(self.refuse("a trailing stop of a sell waits below the market"));
        }
        let is_positive = trail.offset > Amount::ZERO && trigger.price >= Amount::ZERO;
        let begins = trail.activation.is_none_or(|price| price > Amount::ZERO);
        if is_positive && begins {
            return Ok(());
        }
        Err(self.refuse("offset and prices of a trailing stop are positive"))
    }
}

#[cfg(test)]
mod tests;
