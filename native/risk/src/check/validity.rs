//! What the instrument and the venue allow.

use rustonite_core::Amount;
use rustonite_core::datasets::{InstrumentStatus, PositionSide, RiskScope, Tif, order_flags};

use super::{Ask, Flow, GO_ON, Judge, kinds};
use crate::code::{Code, Unit};
use crate::rules::Class;

/// Flags that ask something of the venue; the others are facts.
const WISHES: i32 = order_flags::POST_ONLY
    | order_flags::POST_ONLY_SLIDE
    | order_flags::REDUCE_ONLY
    | order_flags::CLOSE_POSITION
    | order_flags::ALL_OR_NONE
    | order_flags::HIDDEN
    | order_flags::OUTSIDE_HOURS
    | order_flags::FEE_IN_BASE
    | order_flags::FEE_IN_QUOTE
    | order_flags::CANCEL_ON_DISCONNECT
    | order_flags::DISPLAY_RANDOM
    | order_flags::SINGLE_PRICE
    | order_flags::KEEP_PRIORITY
    | order_flags::RETAIL
    | order_flags::SHORT_SALE;

impl Ask<'_> {
    #[inline]
    pub(super) fn validity<J: Judge>(&self, judge: &mut J) -> Flow {
        if self.traded.status != InstrumentStatus::Trading {
            self.not_trading(judge)?;
        }
        self.capabilities(judge)?;
        self.prices(judge)?;
        self.sizes(judge)?;
        self.product(judge)?;
        self.expiry(judge)?;
        if self.is_reduce_only && self.leaves > self.cell.closable(self.is_buy) {
            let room = self.rules.size_amount(self.cell.closable(self.is_buy));
            let figures = Some((room, self.rules.size_amount(self.leaves)));
            self.deny(judge, Code::ReduceOnlyUntrue, RiskScope::Account, figures)?;
        }
        GO_ON
    }

    #[cold]
    #[inline(never)]
    fn not_trading<J: Judge>(&self, judge: &mut J) -> Flow {
        use InstrumentStatus as Is;
        let intent = self.intent;
        let for_auction = matches!(intent.tif, Some(Tif::AtOpen | Tif::AtClose | Tif::Gfa));
        let (code, is_fine) = match self.traded.status {
            Is::Trading => return GO_ON,
            Is::Halted => (Code::InstrumentHalted, false),
            Is::Auction => (Code::Auction, for_auction),
            Is::PostOnly => (Code::StatusPostOnly, intent.flags & kinds::RESTS_ONLY != 0),
            Is::LimitOnly => (Code::StatusLimitOnly, !kinds::is_market(intent.kind)),
            Is::CancelOnly => (Code::StatusCancelOnly, false),
            Is::ReduceOnly => (Code::StatusReduceOnly, self.is_reduce_only),
            Is::PreOpen | Is::Closed | Is::Settling | Is::Delisted | Is::Unknown => {
                (Code::NotTrading, false)
            }
        };
        if is_fine { GO_ON } else { self.deny(judge, code, RiskScope::Instrument, None) }
    }

    #[inline]
    fn capabilities<J: Judge>(&self, judge: &mut J) -> Flow {
        let (intent, can) = (self.intent, self.venue.can);
        let mut lacks = |code| self.deny(judge, code, RiskScope::Venue, None);
        if !can.has_kind(intent.kind) {
            lacks(Code::KindUnsupported)?;
        }
        let has_tif = match intent.tif {
            Some(tif) => can.has_tif(tif),
            None => kinds::is_market(intent.kind),
        };
        if !has_tif {
            lacks(Code::TifUnsupported)?;
        }
        if !can.has_flags(intent.flags & WISHES) {
            lacks(Code::FlagUnsupported)?;
        }
        let has_side = match intent.position_side {
            None | Some(PositionSide::Net) => !self.account.hedging,
            Some(PositionSide::Long | PositionSide::Short) => self.account.hedging,
        };
        if !has_side {
            lacks(Code::PositionSideUnsupported)?;
        }
        if kinds::lacks_price(intent) {
            self.deny(judge, Code::PriceNeeded, RiskScope::Order, None)?;
        }
        GO_ON
    }

    #[inline]
    fn prices<J: Judge>(&self, judge: &mut J) -> Flow {
        let (intent, rules) = (self.intent, self.rules);
        let prices = [intent.price, intent.price_protect, intent.trigger];
        let figures = |limit, price| Some((rules.price_amount(limit), rules.price_amount(price)));
        for price in prices.into_iter().flatten() {
            if price <= 0 {
                self.deny(judge, Code::PriceInvalid, RiskScope::Order, figures(0, price))?;
            }
        }
        for price in prices.into_iter().flatten() {
            if !rules.tick.divides(price) {
                let tick = rules.tick.size;
                self.deny(judge, Code::PriceOffTick, RiskScope::Instrument, figures(tick, price))?;
            }
        }
        let Some(price) = intent.price else { return GO_ON };
        if price < rules.price_min {
            let figures = figures(rules.price_min, price);
            self.deny(judge, Code::PriceMin, RiskScope::Instrument, figures)?;
        }
        if price > rules.price_max {
            let figures = figures(rules.price_max, price);
            self.deny(judge, Code::PriceMax, RiskScope::Instrument, figures)?;
        }
        GO_ON
    }

    #[inline]
    fn sizes<J: Judge>(&self, judge: &mut J) -> Flow {
        let (intent, rules) = (self.intent, self.rules);
        let figures = |limit, size| Some((rules.size_amount(limit), rules.size_amount(size)));
        let own = RiskScope::Instrument;
        if intent.size <= 0 || self.leaves <= 0 || intent.size_filled < 0 {
            let filled = intent.size_filled;
            self.deny(judge, Code::SizeInvalid, RiskScope::Order, figures(filled, intent.size))?;
        }
        let parts = [intent.size_display, intent.size_min];
        if !intent.by_money {
            for size in [Some(intent.size), intent.size_display].into_iter().flatten() {
                if !rules.lot.divides(size) {
                    self.deny(judge, Code::SizeOffLot, own, figures(rules.lot.size, size))?;
                }
            }
        }
        if intent.size < rules.size_min {
            self.deny(judge, Code::SizeMin, own, figures(rules.size_min, intent.size))?;
        }
        if intent.size > rules.size_max {
            self.deny(judge, Code::SizeMax, own, figures(rules.size_max, intent.size))?;
        }
        if intent.size > rules.market_size_max && kinds::is_market(intent.kind) {
            let figures = figures(rules.market_size_max, intent.size);
            self.deny(judge, Code::MarketSizeMax, own, figures)?;
        }
        for part in parts.into_iter().flatten() {
            if part < 0 || part > intent.size {
                self.deny(judge, Code::DisplaySize, RiskScope::Order, figures(intent.size, part))?;
            }
        }
        GO_ON
    }

    /// Price times size, where a price is known.
    #[inline]
    fn product<J: Judge>(&self, judge: &mut J) -> Flow {
        let product = self.product_at(self.own_price(), self.intent.size);
        let worth = &self.traded.worth;
        let largest = self.product_at(self.own_price().max(self.market_price()), self.intent.size);
        let is_too_large = largest > worth.product_cap
            || self.intent.size > worth.size_cap
            || self.cell.worst().saturating_add(self.added) > worth.size_cap
            || self.traded.total.worst().saturating_add(self.added) > worth.size_cap;
        // Without a worth nothing can be computed, and `price_missing` or `rate_missing` says so.
        if is_too_large && worth.size > 0 {
            self.deny(judge, Code::Overflow, RiskScope::Order, None)?;
        }
        let own = RiskScope::Instrument;
        // Venues take what closes a contract however small it is.
        let may_be_small = self.is_reduce_only && self.rules.class != Class::Spot;
        if product < self.rules.product_min && !may_be_small {
            let figures = Some(self.quote_figures(self.rules.product_min, product));
            self.deny(judge, Code::NotionalMin, own, figures)?;
        }
        if product > self.rules.product_max {
            let figures = Some(self.quote_figures(self.rules.product_max, product));
            self.deny(judge, Code::NotionalMax, own, figures)?;
        }
        GO_ON
    }

    #[inline]
    fn expiry<J: Judge>(&self, judge: &mut J) -> Flow {
        match self.intent.ts_expire {
            None if self.intent.tif == Some(Tif::Gtd) => {
                self.deny(judge, Code::ExpiryMissing, RiskScope::Order, None)
            }
            Some(ts) if ts <= self.now => {
                let late = Unit::Ms.amount(i128::from(self.now.saturating_sub(ts)));
                let figures = Some((Unit::Ms.amount(0), late));
                self.deny(judge, Code::ExpiryPast, RiskScope::Order, figures)
            }
            _ => GO_ON,
        }
    }

    #[cold]
    #[inline(never)]
    fn quote_figures(&self, limit: i128, value: i128) -> (Amount, Amount) {
        (self.rules.quote_of(limit), self.rules.quote_of(value))
    }
}
