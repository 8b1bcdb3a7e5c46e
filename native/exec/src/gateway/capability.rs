//! What venues can do with orders, as data: what may be written, and what is told about it.

use rustonite_core::Amount;
use rustonite_core::datasets::{
    OffsetUnit, OrderKind, OrderSide, PositionSide, Stp, Tif, TriggerDirection, TriggerSource,
    order_flags,
};

use super::batch::Batch;
use crate::report::{Refusal, RefusalKind};
use crate::wish::{Trigger, Wish};

/// Flags that say what happened to an order, and ask nothing of a venue.
const REMARKS: i32 = order_flags::EXTERNAL
    | order_flags::ADOPTED
    | order_flags::VENUE_MADE
    | order_flags::EMULATED
    | order_flags::LOCAL_EXPIRY
    | order_flags::LATE_FILL
    | order_flags::OVERFILLED;

/// How a venue changes an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Replace {
    /// The order stays the same one.
    InPlace,
    /// The order ends and a new one begins, in one request.
    NewOrder,
    /// The order ends, and once it has a new one begins.
    Anew,
    /// Not at all.
    Never,
}

/// Parts of an order besides flags that not every venue has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// A size in money.
    SizeQuote,
    /// A shown size: an iceberg.
    SizeDisplay,
    /// A smallest fill.
    SizeMin,
    /// A worst price of a market order.
    PriceProtect,
}

impl Part {
    /// All there are.
    pub const ALL: [Self; 4] =
        [Self::SizeQuote, Self::SizeDisplay, Self::SizeMin, Self::PriceProtect];

    /// As the field of a wish is called.
    pub const fn name(self) -> &'static str {
        match self {
            Self::SizeQuote => "size_quote",
            Self::SizeDisplay => "size_display",
            Self::SizeMin => "size_min",
            Self::PriceProtect => "price_protect",
        }
    }

    pub(super) const fn is_in(self, wish: &Wish) -> bool {
        match self {
            Self::SizeQuote => wish.size_quote.is_some(),
            Self::SizeDisplay => wish.size_display.is_some(),
            Self::SizeMin => wish.size_min.is_some(),
            Self::PriceProtect => wish.price_protect.is_some(),
        }
    }
}

/// A kind of orders that a venue has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KindRule {
    /// Which.
    pub kind: OrderKind,
    /// The venue's word.
    pub word: &'static str,
    /// How long such orders can stay; the first is meant if a wish does not say.
    pub tifs: &'static [Tif],
    /// Bits of [`order_flags`] that they can have.
    pub flags: i32,
    /// What else they can have.
    pub parts: &'static [Part],
    /// How they are changed.
    pub replace: Replace,
}

/// What a venue can do with orders.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Capabilities {
    /// Our name of the venue.
    pub venue: &'static str,
    /// Kinds of orders; others it has not.
    pub kinds: &'static [KindRule],
    /// Its words for how long orders stay.
    pub tifs: &'static [(Tif, &'static str)],
    /// Times in force of post-only orders.
    pub post_only: &'static [Tif],
    /// Its words for self-trade prevention.
    pub stps: &'static [(Stp, &'static str)],
    /// Its words for what triggers watch.
    pub sources: &'static [(TriggerSource, &'static str)],
    /// Units of distances of trailing triggers.
    pub trails: &'static [OffsetUnit],
    /// Whether a trailing trigger may begin at a price.
    pub has_activation: bool,
    /// Which positions an order can be for.
    pub positions: &'static [PositionSide],
    /// How many requests go into one message.
    pub batch: Batch,
}

/// An order in the terms of a venue that has such orders.
#[derive(Clone, Copy, Debug)]
pub(super) struct Terms {
    pub(super) rule: &'static KindRule,
    /// `None` for kinds without.
    pub(super) tif: Option<Tif>,
    pub(super) is_post_only: bool,
    flags: i32,
}

impl Terms {
    pub(super) fn has(&self, flag: i32) -> bool {
        self.flags & flag != 0
    }
}

/// The word of a table.
pub(super) fn word<T: PartialEq>(table: &[(T, &'static str)], of: &T) -> &'static str {
    table.iter().find(|(value, _)| value == of).map_or("", |(_, word)| word)
}

/// What a word of a table means.
pub(super) fn meaning<T: Copy>(table: &[(T, &'static str)], word: &str) -> Option<T> {
    table.iter().find(|(_, one)| *one == word).map(|(value, _)| *value)
}

/// Whether orders of a kind have a limit.
pub(super) const fn has_limit(kind: OrderKind) -> bool {
    matches!(
        kind,
        OrderKind::Limit
            | OrderKind::StopLimit
            | OrderKind::LimitIfTouched
            | OrderKind::TrailingStopLimit
    )
}

/// Whether orders of a kind wait for a price.
pub(super) const fn has_trigger(kind: OrderKind) -> bool {
    is_trailing(kind)
        || matches!(
            kind,
            OrderKind::StopMarket
                | OrderKind::StopLimit
                | OrderKind::MarketIfTouched
                | OrderKind::LimitIfTouched
        )
}

/// Whether the price that orders of a kind wait for follows the market.
pub(super) const fn is_trailing(kind: OrderKind) -> bool {
    matches!(kind, OrderKind::TrailingStopMarket | OrderKind::TrailingStopLimit)
}

impl Capabilities {
    /// The venue's kind of orders.
    pub fn kind(&self, kind: OrderKind) -> Option<&'static KindRule> {
        self.kinds.iter().find(|rule| rule.kind == kind)
    }

    /// Why an order cannot be written, in one form for all venues.
    pub(super) fn refuse(&self, what: &str) -> Refusal {
        let detail = format!("{}: {what}", self.venue).into();
        Refusal { reason: RefusalKind::Rules, venue_code: "".into(), detail }
    }

    /// Whether the venue has all the words of an order.
    ///
    /// # Errors
    /// It has no such orders, or the wish contradicts itself: it cannot be written.
    pub fn check(&self, wish: &Wish) -> Result<(), Refusal> {
        self.terms(wish)?;
        self.check_direction(wish)
    }

    /// A stop waits for a price that moves against the order, a take-profit for the other way.
    pub(super) fn check_direction(&self, wish: &Wish) -> Result<(), Refusal> {
        let Some(trigger) = &wish.trigger else { return Ok(()) };
        let is_touched =
            matches!(wish.kind, OrderKind::MarketIfTouched | OrderKind::LimitIfTouched);
        let rises = (wish.side == OrderSide::Buy) != is_touched;
        if (trigger.direction == TriggerDirection::Up) == rises {
            return Ok(());
        }
        Err(self.refuse("the trigger is on the other side of the price"))
    }

    /// An order in the venue's terms.
    ///
    /// # Errors
    /// The venue has no such orders, or the wish contradicts itself.
    pub(super) fn terms(&self, wish: &Wish) -> Result<Terms, Refusal> {
        let none = |what: &str, name: &str| self.refuse(&format!("no {what} {name}"));
        let rule = self.kind(wish.kind).ok_or_else(|| none("orders of kind", wish.kind.name()))?;
        let tif = self.tif(rule, wish)?;
        let flags = wish.flags & !REMARKS;
        if flags & !rule.flags != 0 {
            let names = flag_names(flags & !rule.flags);
            return Err(self.refuse(&format!("{} orders cannot be {names}", wish.kind.name())));
        }
        let missing = |part: &&Part| part.is_in(wish) && !rule.parts.contains(part);
        if let Some(part) = Part::ALL.iter().find(missing) {
            return Err(self.refuse(&format!(
                "{} orders have no {}",
                wish.kind.name(),
                part.name()
            )));
        }
        if Part::SizeQuote.is_in(wish) && Part::PriceProtect.is_in(wish) {
            return Err(self.refuse("a size in money has no worst price"));
        }
        if let Some(stp) = wish.stp.filter(|stp| self.stps.iter().all(|(one, _)| one != stp)) {
            return Err(none("self-trade prevention", stp.name()));
        }
        let side = wish.position_side.unwrap_or(PositionSide::Net);
        if side != PositionSide::Net && !self.positions.contains(&side) {
            return Err(none("position", side.name()));
        }
        let is_post_only = tif == Some(Tif::Gtx) || flags & order_flags::POST_ONLY != 0;
        if is_post_only && tif.is_none_or(|tif| !self.post_only.contains(&tif)) {
            return Err(self.refuse("an order that ends so cannot be post-only"));
        }
        if wish.price_protect.is_some() && !matches!(wish.tif, None | Some(Tif::Ioc)) {
            return Err(self.refuse("an order with a worst price ends at once"));
        }
        if flags & order_flags::OUTSIDE_HOURS != 0 && tif != Some(Tif::Day) {
            return Err(self.refuse("only orders for a day also work outside of its hours"));
        }
        self.check_prices(wish)?;
        Ok(Terms { rule, tif, is_post_only, flags })
    }

    /// Which of two positions an order is for in hedge mode; `None` if there is one only.
    ///
    /// # Errors
    /// It opens what it is to reduce.
    pub(super) fn position(
        &self,
        wish: &Wish,
        terms: &Terms,
    ) -> Result<Option<PositionSide>, Refusal> {
        let side = wish.position_side.filter(|side| *side != PositionSide::Net);
        if side.is_some() && terms.has(order_flags::REDUCE_ONLY) && !wish.closes_a_side() {
            return Err(self.refuse("an order that opens a position cannot only reduce it"));
        }
        Ok(side)
    }

    fn tif(&self, rule: &KindRule, wish: &Wish) -> Result<Option<Tif>, Refusal> {
        // We end such an order; the venue may keep it.
        let is_ours = wish.flags & order_flags::LOCAL_EXPIRY != 0;
        let wanted = if is_ours { Some(Tif::Gtc) } else { wish.tif };
        if let Some(tif) = wanted.filter(|tif| !rule.tifs.contains(tif)) {
            let (kind, tif) = (wish.kind.name(), tif.name());
            return Err(self.refuse(&format!("no time in force {tif} for {kind} orders")));
        }
        if !is_ours && (wanted == Some(Tif::Gtd)) != wish.ts_expire.is_some() {
            return Err(self.refuse("an order has a last moment if it is good till one"));
        }
        Ok(wanted.or(rule.tifs.first().copied()))
    }

    fn check_prices(&self, wish: &Wish) -> Result<(), Refusal> {
        if wish.price.is_some() != has_limit(wish.kind) {
            return Err(self.refuse("orders have a limit if they are of such a kind"));
        }
        if wish.size <= Amount::ZERO && wish.size_quote.is_none() && !closes(wish) {
            return Err(self.refuse("an order has a size"));
        }
        match &wish.trigger {
            Some(trigger) if has_trigger(wish.kind) => self.check_trigger(wish, trigger),
            None if !has_trigger(wish.kind) => Ok(()),
            _ => Err(self.refuse("orders have a trigger if they are of such a kind")),
        }
    }

    fn check_trigger(&self, wish: &Wish, trigger: &Trigger) -> Result<(), Refusal> {
        if self.sources.iter().all(|(source, _)| *source != trigger.source) {
            let source = trigger.source.name();
            return Err(self.refuse(&format!("triggers do not watch {source}")));
        }
        let Some(trail) = &trigger.trail else {
            let what = "a trailing stop has an offset";
            return if is_trailing(wish.kind) { Err(self.refuse(what)) } else { Ok(()) };
        };
        if !is_trailing(wish.kind) {
            return Err(self.refuse("only trailing stops have an offset"));
        }
        if !self.trails.contains(&trail.unit) {
            return Err(self.refuse(&format!("no offsets in {}", trail.unit.name())));
        }
        if trail.activation.is_some() && !self.has_activation {
            return Err(self.refuse("trailing stops begin at once"));
        }
        Ok(())
    }
}

/// Whether an order is as large as the position.
pub(super) const fn closes(wish: &Wish) -> bool {
    wish.flags & order_flags::CLOSE_POSITION != 0
}

/// Names of flags that are set, joined by commas.
fn flag_names(flags: i32) -> String {
    let names = FLAGS.iter().filter(|(flag, _)| flags & flag != 0).map(|(_, name)| *name);
    names.collect::<Vec<_>>().join(", ")
}

/// Flags that ask something of a venue.
pub const FLAGS: [(i32, &str); 15] = [
    (order_flags::POST_ONLY, "post_only"),
    (order_flags::POST_ONLY_SLIDE, "post_only_slide"),
    (order_flags::REDUCE_ONLY, "reduce_only"),
    (order_flags::CLOSE_POSITION, "close_position"),
    (order_flags::ALL_OR_NONE, "all_or_none"),
    (order_flags::HIDDEN, "hidden"),
    (order_flags::OUTSIDE_HOURS, "outside_hours"),
    (order_flags::FEE_IN_BASE, "fee_in_base"),
    (order_flags::FEE_IN_QUOTE, "fee_in_quote"),
    (order_flags::CANCEL_ON_DISCONNECT, "cancel_on_disconnect"),
    (order_flags::DISPLAY_RANDOM, "display_random"),
    (order_flags::SINGLE_PRICE, "single_price"),
    (order_flags::KEEP_PRIORITY, "keep_priority"),
    (order_flags::RETAIL, "retail"),
    (order_flags::SHORT_SALE, "short_sale"),
];
