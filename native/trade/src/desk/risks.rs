//! The risk layer's view of what the desk does.

use std::hash::BuildHasher as _;

use foldhash::fast::FixedState;
use rustonite_core::datasets::{PositionSide, RiskActor, RiskRequest};
use rustonite_core::ids::{AccountId, InstrumentId, StrategyId, VenueId};
use rustonite_core::{Amount, Decimal};
use rustonite_exec::held::Seen;
use rustonite_exec::{Booked, ChangeIds, Journal, OrderId, Wish};
use rustonite_risk::{
    Code, Denial, Execution, Intent, Limits, LimitsError, Pass, Quote, Risk, Target,
};

use super::{Desk, News, pace};
use crate::strategy::Denied;

impl<J: Journal> Desk<J> {
    /// Asks the risk layer. What it denies is journalled.
    pub(super) fn checked(
        &mut self,
        request: RiskRequest,
        order: OrderId,
        wish: &Wish,
        filled: Amount,
        now: i64,
    ) -> Result<(Intent, Pass), Denied> {
        if let Some(code) = self.is_being_closed(wish) {
            return Err(denied_by(code));
        }
        let intent = match self.intent(request, order, wish, filled) {
            Ok(intent) => intent,
            Err(code) => return Err(denied_by(code)),
        };
        self.tell_room(request, wish, now);
        match self.risk.check(&intent, now) {
            Ok(pass) => Ok((intent, pass)),
            Err(denial) => {
                self.write_denial(&intent, &denial, now);
                Err(denied_as(&denial))
            }
        }
    }

    /// Says whether the venue has room for a new order or a change.
    pub(super) fn tell_room(&mut self, request: RiskRequest, wish: &Wish, now: i64) {
        let Some(one) = self.accounts.get_mut(wish.account.index()) else { return };
        if request == RiskRequest::Cancel {
            return;
        }
        let gateway = &mut *one.gateway;
        let until = pace::full_until(gateway, request, wish.instrument, self.unsent + 1, now);
        if std::mem::replace(&mut one.full_until, until) != until {
            self.risk.venue_full(wish.account, until.unwrap_or(i64::MIN));
        }
    }

    /// A wish in the risk layer's whole numbers, as its venue is told.
    pub(super) fn intent(
        &self,
        request: RiskRequest,
        order: OrderId,
        wish: &Wish,
        filled: Amount,
    ) -> Result<Intent, Code> {
        let rules = self.risk.rules(wish.instrument).ok_or(Code::InstrumentUnknown)?;
        let price = |amount: Option<Amount>| amount.map(|one| rules.price(one)).transpose();
        let size = |amount: Option<Amount>| amount.map(|one| rules.size(one)).transpose();
        let by_money = wish.size_quote;
        let whole = match by_money {
            Some(quote) => {
                let reference = wish.price_protect.or(wish.price).ok_or(Code::PriceMissing)?;
                rules.size_of_quote(quote, rules.price(reference)?).ok_or(Code::TooManyDecimals)?
            }
            None => rules.size(wish.size)?,
        };
        let trigger = wish.trigger.filter(|_| !wish.is_emulated());
        let client_id = match self.leg(request, order, wish.account) {
            Some(leg) => FixedState::default().hash_one((wish.account, order.0, leg)),
            None => 0,
        };
        Ok(Intent {
            request,
            order: order.0,
            parent: None,
            account: wish.account,
            strategy: wish.strategy,
            instrument: wish.instrument,
            side: wish.side,
            position_side: wish.position_side,
            kind: wish.kind_sent(),
            tif: wish.tif_sent(),
            price: price(wish.price)?,
            price_protect: price(wish.price_protect)?,
            trigger: price(trigger.map(|trigger| trigger.price))?,
            size: whole,
            size_filled: rules.size(filled)?,
            size_display: size(wish.size_display)?,
            size_min: size(wish.size_min)?,
            by_money: by_money.is_some(),
            flags: wish.flags,
            stp: wish.stp,
            ts_expire: wish.ts_expire,
            client_id,
            ts_cause: self.seen.1,
        })
    }

    /// Which of an order's client ids a request will make; `None` if it makes none.
    fn leg(&self, request: RiskRequest, order: OrderId, account: AccountId) -> Option<usize> {
        match request {
            RiskRequest::Cancel => None,
            RiskRequest::Replace => {
                let rules = self.ledger.rules(account).ok();
                let is_new = rules.is_some_and(|rules| rules.changes == ChangeIds::New);
                self.ledger.order(order).filter(|_| is_new).map(|order| order.legs.len())
            }
            _ => Some(0),
        }
    }

    /// New best prices, read from a row of a tape. After them no row is missing any more.
    #[inline]
    pub fn quote(&mut self, instrument: InstrumentId, bid: f64, ask: f64, ts: i64, row: i64) {
        let quote = Quote {
            bid: self.points(instrument, bid),
            ask: self.points(instrument, ask),
            ts,
            seq: row,
        };
        self.seen = (Some(row), ts);
        self.keep_reference(instrument, bid, ask, ts);
        self.risk.gap(instrument, false);
        self.watch(instrument, &Seen::Quote(bid, ask));
        self.risk.quote(instrument, &quote, &mut self.trips);
        if !self.trips.is_empty() {
            self.tell_trips();
        }
    }

    /// A trade in the market. Where there are no quotes, no row is missing any more after it.
    pub fn trade(&mut self, instrument: InstrumentId, price: f64, ts: i64, row: i64) {
        self.watch(instrument, &Seen::Trade(price));
        let price = self.points(instrument, price);
        self.seen = (Some(row), ts);
        // Where there are quotes orders are judged by them, and the next one has to come first.
        if !self.risk.is_quoted(instrument) {
            self.risk.gap(instrument, false);
        }
        self.risk.trade(instrument, price, ts, row, &mut self.trips);
        if !self.trips.is_empty() {
            self.tell_trips();
        }
    }

    fn keep_reference(&mut self, instrument: InstrumentId, bid: f64, ask: f64, ts: i64) {
        if bid > 0.0
            && ask > 0.0
            && let Some(place) = self.references.get_mut(instrument.index())
        {
            *place = (f64::midpoint(bid, ask), ts);
        }
    }

    /// The middle of the last quote of an instrument.
    pub fn reference(&self, instrument: InstrumentId) -> Option<Amount> {
        let (middle, _) = self.references.get(instrument.index()).filter(|one| one.0 > 0.0)?;
        Decimal::from_f64(*middle).and_then(Amount::from_decimal).ok()
    }

    /// A price of the market in points; 0 for none.
    #[inline]
    pub(super) fn points(&self, instrument: InstrumentId, price: f64) -> i64 {
        let per_unit = self.points_per_unit.get(instrument.index()).copied().unwrap_or(0.0);
        let points = (price * per_unit).round();
        #[allow(clippy::cast_possible_truncation, reason = "saturates, and is compared only")]
        if points > 0.0 { points as i64 } else { 0 }
    }

    /// The market data of a venue is there, or is not any more.
    pub fn feed_connected(&mut self, venue: VenueId, is_up: bool, now: i64) {
        self.risk.feed_connected(venue, is_up, now);
    }

    /// Rows of an instrument were lost: nothing is traded of it until the next row that orders are
    /// judged by.
    pub fn gap(&mut self, instrument: InstrumentId) {
        self.risk.gap(instrument, true);
    }

    /// Counts what a ledger of an earlier run has.
    pub(super) fn count_all(&mut self) {
        let open = self.ledger.open_orders().into_iter().filter(|order| !order.is_held());
        let open: Vec<OrderId> = open.map(|order| order.id).collect();
        open.into_iter().for_each(|order| self.count_again(order));
        let positions: Vec<_> =
            self.ledger.positions().iter().map(|(key, one)| (*key, one.size)).collect();
        for (key, size) in positions {
            if let Some(strategy) = key.strategy {
                self.set_position(key.account, Some(strategy), key.instrument, key.side, size);
            }
        }
    }

    /// Counts an order that exists already.
    pub(super) fn count_again(&mut self, order: OrderId) {
        let Some(known) = self.ledger.order(order).filter(|one| !one.is_final()) else { return };
        let (wish, filled) = (known.wish.clone(), known.size_filled);
        if let Ok(intent) = self.intent(RiskRequest::Submit, order, &wish, filled) {
            self.risk.adopt(&intent);
        }
    }

    fn set_position(
        &mut self,
        account: AccountId,
        strategy: Option<StrategyId>,
        instrument: InstrumentId,
        side: PositionSide,
        size: Amount,
    ) {
        let Some(rules) = self.risk.rules(instrument) else { return };
        let Ok(points) = rules.size(size) else { return };
        let side = (side != PositionSide::Net).then_some(side);
        self.risk.set_position(account, strategy, instrument, side, points);
    }

    /// An order is different now.
    pub(super) fn count_order(&mut self, order: OrderId) {
        let Some(known) = self.ledger.order(order) else { return };
        if known.is_managed() && !known.is_held() && !self.risk.counts(order.0) {
            // Found at the venue, or thought refused.
            return self.count_again(order);
        }
        let order = known;
        let Some(rules) = self.risk.rules(order.wish.instrument) else { return };
        let (Ok(at_risk), Ok(left)) =
            (rules.size(order.size_at_risk()), rules.size(order.size_left()))
        else {
            return;
        };
        let price = order.wish.price.and_then(|price| rules.price(price).ok());
        let number = order.id.0;
        if order.changes.is_empty() && left > 0 {
            self.risk.order_replaced(number, price, left);
        } else {
            self.risk.order_changed(number, at_risk);
        }
    }

    /// A booking changed a position.
    pub(super) fn count_fill(&mut self, booked: &Booked, side: Option<PositionSide>, now: i64) {
        let Some(rules) = self.risk.rules(booked.instrument) else { return };
        let Ok(size) = rules.size(booked.size) else { return };
        let execution = Execution {
            order: None,
            account: booked.account,
            strategy: booked.strategy,
            instrument: booked.instrument,
            side: booked.side,
            position_side: side,
            size,
        };
        self.risk.filled(&execution, now, &mut self.trips);
        self.count_owned(booked);
        if booked.pnl_realised != Amount::ZERO {
            self.risk.closed(booked.account, booked.strategy, booked.pnl_realised, now);
        }
        self.tell_trips();
    }

    pub(super) fn tell_trips(&mut self) {
        for trip in std::mem::take(&mut self.trips) {
            self.write_trip(&trip, RiskActor::Rule, trip.ts);
            self.news.push_back(News::Trip(trip));
        }
    }

    /// Profit of a scope: of the day and in all.
    pub fn profit(&mut self, target: Target, day: Amount, total: Amount, now: i64) {
        self.risk.profit(target, day, total, now, &mut self.trips);
        self.tell_trips();
    }

    /// The part of a contract's worth that an account must have for it, in millionths.
    pub fn margin(&mut self, account: AccountId, instrument: InstrumentId, part_ppm: u32) {
        self.risk.margin(account, instrument, part_ppm);
    }

    /// What an account is worth.
    pub fn equity(&mut self, account: AccountId, equity: Amount) {
        self.risk.equity(account, equity);
    }

    /// Replaces the limits.
    ///
    /// # Errors
    /// They do not fit; those in force stay.
    pub fn set_limits(&mut self, limits: Limits, now: i64) -> Result<(), LimitsError> {
        self.risk.set_limits(limits)?;
        self.write_limits(now);
        Ok(())
    }
}

/// A denial without the code that it begins with.
fn without_code(denial: &Denial) -> String {
    let text = denial.to_string();
    let rest = text.strip_prefix(denial.code.name()).unwrap_or(&text);
    rest.trim_start_matches([':', ',', ' ']).to_owned()
}

/// A denial as strategies are told.
pub(super) fn denied_as(denial: &Denial) -> Denied {
    Denied { code: denial.code.name(), detail: without_code(denial) }
}

pub(super) fn denied_by(code: Code) -> Denied {
    Denied { code: code.name(), detail: code.about().to_owned() }
}

/// Points for one unit of price, by instrument.
pub(super) fn points_per_unit(risk: &Risk) -> Vec<f64> {
    let instruments = 0..u32::try_from(risk.directory().instruments.len()).unwrap_or(u32::MAX);
    let one = |at| {
        risk.rules(InstrumentId(at))
            .map_or(0.0, |rules| 1.0 / rules.price_amount(1).to_decimal().to_f64())
    };
    instruments.map(one).collect()
}
