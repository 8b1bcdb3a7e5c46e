//! The risk layer's view of what the desk does.

use std::hash::BuildHasher as _;

use foldhash::fast::FixedState;
use rustonite_core::datasets::{RiskActor, RiskRequest};
use rustonite_core::ids::{AccountId, InstrumentId, VenueId};
use rustonite_core::{Amount, Decimal};
use rustonite_exec::held::Seen;
use rustonite_exec::{Booked, Journal, OrderId, PositionKey, Wish};
use rustonite_risk::{
    Code, Denial, Execution, Intent, Limits, LimitsError, Pass, Quote, Risk, Rules, Target,
};

use super::risk_rows::Question;
use super::standing::size_of_money;
use super::{Cause, Desk, News, pace};
use crate::strategy::{Denied, Figures};

/// A person hears of the same warning so often.
const WARN_EVERY_NS: i64 = 60_000_000_000;

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
        let asked = Question::of(request, order, wish);
        if let Some(code) = self.is_being_closed(wish) {
            self.write_denial(asked, &code.into(), now);
            return Err(denied_by(code));
        }
        let intent = match self.intent(request, order, wish, filled, now) {
            Ok(intent) => intent,
            Err(code) => {
                self.write_denial(asked, &code.into(), now);
                return Err(denied_by(code));
            }
        };
        self.tell_room(request, wish, now);
        match self.risk.check(&intent, now) {
            Ok(pass) => {
                if request == RiskRequest::Submit {
                    let said = self.check_words(wish);
                    said.map_err(|denied| self.refuse(asked, denied, now))?;
                }
                if pass.has_warnings() {
                    self.warn(asked, &intent, now);
                }
                Ok((intent, pass))
            }
            Err(denial) => {
                self.write_denial(asked, &denial, now);
                Err(denied_as(&denial))
            }
        }
    }

    /// Tells of limits that only warn.
    #[cold]
    fn warn(&mut self, asked: Question, intent: &Intent, now: i64) {
        let mut exceeded = Vec::new();
        self.risk.would_fail(intent, now, &mut exceeded);
        for warning in exceeded.into_iter().filter(|denial| denial.soft) {
            self.write_warning(asked, &warning, now);
            let said = self.warned.entry((warning.code, intent.instrument)).or_insert(i64::MIN);
            if now.saturating_sub(*said) >= WARN_EVERY_NS {
                *said = now;
                self.news.push_back(News::Notice(format!("warning: {}", denied_as(&warning))));
            }
        }
    }

    /// Says whether the venue has room for a new order or a change.
    pub(super) fn tell_room(&mut self, request: RiskRequest, wish: &Wish, now: i64) {
        let Some(one) = self.accounts.get_mut(wish.account.index()) else { return };
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
        now: i64,
    ) -> Result<Intent, Code> {
        let rules = self.risk.rules(wish.instrument).ok_or(Code::InstrumentUnknown)?;
        let middle = wish.size_quote.and_then(|_| self.reference(wish.instrument));
        let intent = intent_of(rules, (request, order), wish, (filled, middle))?;
        let client_id = match self.leg(request, order, wish.account) {
            Some(leg) => FixedState::default().hash_one((wish.account, order.0, leg)),
            None => 0,
        };
        Ok(Intent { client_id, ts_cause: self.cause.ts().unwrap_or(now), ..intent })
    }

    /// Which of an order's client ids a request will make; `None` if it makes none.
    fn leg(&self, request: RiskRequest, order: OrderId, account: AccountId) -> Option<usize> {
        match request {
            RiskRequest::Cancel => None,
            RiskRequest::Replace => {
                let rules = self.ledger.rules(account).ok()?;
                let order = self.ledger.order(order)?;
                rules.renames(order).then_some(order.legs.len())
            }
            _ => Some(0),
        }
    }

    /// New best prices, read from a row of a tape. After them no row is missing any more.
    #[inline]
    pub fn quote(&mut self, instrument: InstrumentId, bid: f64, ask: f64, ts: i64, row: i64) {
        self.see(row, ts);
        self.risk.gap(instrument, false);
        self.watch(instrument, &Seen::Quote(bid, ask));
        self.price_by_quote(instrument, bid, ask, ts, row);
    }

    /// Best prices that orders are judged by; what waits for a price here does not see them.
    pub(crate) fn price_by_quote(
        &mut self,
        instrument: InstrumentId,
        bid: f64,
        ask: f64,
        ts: i64,
        row: i64,
    ) {
        let (best_bid, best_ask) = (self.points(instrument, bid), self.points(instrument, ask));
        let quote = Quote { bid: best_bid, ask: best_ask, ts, seq: row };
        let is_first = self.keep_reference(instrument, bid, ask, ts);
        self.risk.quote(instrument, &quote, &mut self.trips);
        if is_first {
            self.count_money(instrument);
        }
        if !self.trips.is_empty() {
            self.tell_trips();
        }
    }

    /// A trade in the market. Where there are no quotes, no row is missing any more after it.
    pub fn trade(&mut self, instrument: InstrumentId, price: f64, ts: i64, row: i64) {
        self.watch(instrument, &Seen::Trade(price));
        self.see(row, ts);
        // Where there are quotes orders are judged by them, and the next one has to come first.
        if !self.risk.is_quoted(instrument) {
            self.risk.gap(instrument, false);
        }
        self.price_by_trade(instrument, price, ts, row);
    }

    /// The same of a trade, where there are no quotes.
    pub(crate) fn price_by_trade(
        &mut self,
        instrument: InstrumentId,
        price: f64,
        ts: i64,
        row: i64,
    ) {
        let is_first =
            !self.risk.is_quoted(instrument) && self.keep_reference(instrument, price, price, ts);
        let price = self.points(instrument, price);
        self.risk.trade(instrument, price, ts, row, &mut self.trips);
        if is_first {
            self.count_money(instrument);
        }
        if !self.trips.is_empty() {
            self.tell_trips();
        }
    }

    /// Keeps a price; whether it is the first one.
    fn keep_reference(&mut self, instrument: InstrumentId, bid: f64, ask: f64, ts: i64) -> bool {
        if bid > 0.0
            && ask > 0.0
            && let Some(place) = self.references.get_mut(instrument.index())
        {
            let (before, _) = std::mem::replace(place, (f64::midpoint(bid, ask), ts));
            return before <= 0.0;
        }
        false
    }

    /// A row of the market, which is the cause of what is done next.
    #[inline]
    fn see(&mut self, row: i64, ts: i64) {
        self.row_seen = Some(row);
        self.cause = Cause::Row(ts);
    }

    /// The middle of the last quote of an instrument, or its last trade where there are no quotes.
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

    /// A booking changed a position.
    pub(super) fn count_fill(&mut self, booked: &Booked, now: i64) {
        let Some(rules) = self.risk.rules(booked.instrument) else { return };
        if booked.is_execution() {
            let execution = Execution {
                order: None,
                account: booked.account,
                strategy: booked.strategy,
                instrument: booked.instrument,
                side: booked.side,
                position_side: booked.position_side,
                size: rules.size_outward(booked.size),
            };
            self.risk.filled(&execution, now, &mut self.trips);
        }
        self.count_position(&PositionKey {
            account: booked.account,
            strategy: booked.strategy,
            instrument: booked.instrument,
            side: booked.position_side.unwrap_or_default(),
        });
        self.count_owned(booked);
        if let Some(pnl) = booked.pnl_closed() {
            self.risk.closed(booked.account, booked.strategy, pnl, now);
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

    /// Profit cannot be valued any more: limits on it deny until it can.
    pub fn profit_unknown(&mut self) {
        self.risk.profit_unknown();
    }

    /// The part of a contract's worth that an account must have for it, in millionths.
    pub fn margin(&mut self, account: AccountId, instrument: InstrumentId, part_ppm: u32) {
        self.risk.margin(account, instrument, part_ppm);
    }

    /// What an account is worth; `None` if that cannot be told.
    pub fn equity(&mut self, account: AccountId, equity: Option<Amount>) {
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

/// A wish in the risk layer's whole numbers, but for its client id and its cause.
pub(crate) fn intent_of(
    rules: &Rules,
    (request, order): (RiskRequest, OrderId),
    wish: &Wish,
    (filled, middle): (Amount, Option<Amount>),
) -> Result<Intent, Code> {
    let price = |amount: Option<Amount>| amount.map(|one| rules.price(one)).transpose();
    let size = |amount: Option<Amount>| amount.map(|one| rules.size(one)).transpose();
    let whole = size_of_money(rules, wish, middle).unwrap_or_else(|| rules.size(wish.size))?;
    let trigger = wish.trigger.filter(|_| !wish.is_emulated());
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
        by_money: wish.size_quote.is_some(),
        flags: wish.flags,
        stp: wish.stp,
        ts_expire: wish.ts_expire,
        client_id: 0,
        ts_cause: 0,
    })
}

/// A denial without the code that it begins with.
fn without_code(denial: &Denial) -> String {
    let text = denial.to_string();
    let rest = text.strip_prefix(denial.code.name()).unwrap_or(&text);
    rest.trim_start_matches([':', ',', ' ']).to_owned()
}

/// A denial as strategies are told.
pub(super) fn denied_as(denial: &Denial) -> Denied {
    let figures = denial.limit().zip(denial.value());
    Denied {
        figures: figures.map(|(limit, value)| Figures { limit, value }),
        market_seq: denial.market_seq,
        ..Denied::new(denial.code.name(), without_code(denial))
    }
}

pub(super) fn denied_by(code: Code) -> Denied {
    Denied::new(code.name(), code.about())
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
