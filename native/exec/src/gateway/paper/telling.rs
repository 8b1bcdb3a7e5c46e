//! What a paper account is told of its orders.

use rustonite_core::Amount;
use rustonite_core::datasets::{
    EventSource, FillKind, Liquidity, OrderKind, OrderSide, OrderState, PositionSide,
};
use rustonite_core::ids::InstrumentId;
use rustonite_sim::CancelReason;
use rustonite_sim::replay::Told;

use super::book::Word;
use super::money::Paid;
use super::orders::{Asked, Key, Own, Venue};
use super::words::rejected;
use crate::gateway::Heard;
use crate::report::{Fill, OrderPicture, Refusal, Report, What};

impl Venue {
    /// Takes what was heard of the books.
    pub(super) fn hear(&mut self) {
        let mut told = Vec::new();
        for (instrument, book) in &mut self.books {
            told.extend(book.take_told().into_iter().map(|word| (*instrument, word)));
        }
        told.sort_by_key(|(_, word)| word.at);
        for (instrument, word) in told {
            self.tell((instrument, word.report.order), &word);
        }
    }

    fn tell(&mut self, key: Key, word: &Word) {
        let Some(mut own) = self.orders.remove(&key) else { return };
        let times = (word.report.at, word.at);
        let request = if word.is_answer { own.asked.pop_front() } else { None };
        match word.report.told {
            Told::Rests { .. } => self.taken(&mut own, times, request),
            Told::Filled { price, quantity, open, is_maker, fee } => {
                self.taken(&mut own, times, request);
                self.filled(&mut own, times, (price, quantity, open == 0), is_maker, fee);
            }
            Told::Ended { reason: CancelReason::Asked, .. } => self.cancelled(&mut own, times),
            Told::Ended { .. } => {
                self.taken(&mut own, times, request);
                self.expired(&mut own, times, None);
            }
            Told::Refused(reject) => self.refused(&mut own, times, request, rejected(reject)),
        }
        self.orders.insert(key, own);
    }

    /// A request was done.
    fn taken(&mut self, own: &mut Own, times: (i64, i64), request: Option<Asked>) {
        match request {
            Some(Asked::Place) => {
                own.state = OrderState::Accepted;
                self.say_of(own, None, times, What::Accepted);
            }
            Some(Asked::Replace { client_id, price, size }) => {
                let before = std::mem::replace(&mut own.client_id, client_id);
                // With the new name it has a new number, so that each row has both.
                own.venue_order_id = self.number();
                (own.wish.price, own.wish.size) = (price, size);
                self.say_of(own, Some(before), times, What::Replaced { price, size });
            }
            Some(Asked::Enter | Asked::Cancel) | None => {}
        }
    }

    fn filled(
        &mut self,
        own: &mut Own,
        times: (i64, i64),
        (ticks, lots, is_last): (i64, i64, bool),
        is_maker: bool,
        fee: Amount,
    ) {
        let Some(book) = self.books.get(&own.wish.instrument) else { return };
        let (price, size) = (book.price(ticks), book.size(lots));
        own.filled += size;
        own.filled_quote += price.product(size).unwrap_or_default();
        own.state = if is_last { OrderState::Filled } else { OrderState::PartiallyFilled };
        let paid = self.money.filled(&own.wish, (price, size), is_maker, fee);
        let fill_id = self.number();
        let fill = Fill {
            fill_id,
            trade_id: None,
            kind: if own.is_forced() { FillKind::Liquidation } else { FillKind::Trade },
            side: own.wish.side,
            price,
            size,
            size_filled: Some(own.filled),
            fee: paid,
            liquidity: if is_maker { Liquidity::Maker } else { Liquidity::Taker },
            position_side: own.wish.position_side,
        };
        let report = self.report_of(own, None, times, What::Fill(fill));
        self.fills.push(report.clone());
        self.say(Heard::Report(report));
        if own.is_forced() {
            // Its account does not know the order: how large it is, and whether it has ended.
            let picture = self.picture(own);
            self.say(Heard::Report(picture));
        }
        self.end_what_reduces_nothing(own.wish.instrument);
    }

    /// Orders that may only reduce end once they are larger than what is left of the position.
    fn end_what_reduces_nothing(&mut self, instrument: InstrumentId) {
        let is_too_large = |own: &Own| own.open().1 > self.money.reducible(&own.wish);
        let mine = self.orders.iter().filter(|((of, _), own)| {
            *of == instrument && own.is_open() && own.reduces() && is_too_large(own)
        });
        let ended: Vec<_> = mine.map(|(key, _)| *key).collect();
        let now = self.now;
        for key in ended {
            if let Some(own) = self.orders.get_mut(&key) {
                own.asked.push_back(Asked::Cancel);
            }
            if let Some(book) = self.books.get_mut(&instrument) {
                book.desk(now).cancel(key.1);
            }
        }
    }

    pub(super) fn tell_paid(&mut self, paid: &Paid, now: i64) {
        let (instrument, side) = paid.place;
        let fill = Fill {
            fill_id: self.number(),
            trade_id: None,
            kind: FillKind::Funding,
            side: OrderSide::Buy,
            price: paid.price,
            size: paid.size,
            size_filled: None,
            fee: Some((paid.amount, paid.asset)),
            liquidity: Liquidity::Unknown,
            position_side: Some(side).filter(|side| *side != PositionSide::Net),
        };
        let times = (paid.at, now);
        let report = self.report(instrument, "", None, times, What::Fill(fill));
        self.fills.push(report.clone());
        self.say(Heard::Report(report));
    }

    fn cancelled(&mut self, own: &mut Own, times: (i64, i64)) {
        own.state = OrderState::Cancelled;
        let size_filled = Some(own.filled);
        let what = What::Cancelled { size_filled, size_prevented: None, refusal: None };
        self.say_of(own, None, times, what);
    }

    pub(super) fn expired(&mut self, own: &mut Own, times: (i64, i64), why: Option<Refusal>) {
        own.state = OrderState::Expired;
        let size_filled = Some(own.filled);
        let what = What::Expired { size_filled, size_prevented: None, refusal: why };
        self.say_of(own, None, times, what);
    }

    fn refused(
        &mut self,
        own: &mut Own,
        times: (i64, i64),
        request: Option<Asked>,
        refusal: Refusal,
    ) {
        let what = match request {
            Some(Asked::Place) => {
                own.state = OrderState::Rejected;
                What::Rejected(refusal)
            }
            Some(Asked::Replace { client_id, .. }) => {
                self.names.remove(&client_id);
                What::ReplaceRejected(refusal)
            }
            Some(Asked::Cancel) => What::CancelRejected(refusal),
            Some(Asked::Enter) => return self.expired(own, times, Some(refusal)),
            None => return,
        };
        self.say_of(own, None, times, what);
    }

    pub(super) fn say_of(
        &mut self,
        own: &Own,
        before: Option<Box<str>>,
        times: (i64, i64),
        what: What,
    ) {
        let report = self.report_of(own, before, times, what);
        self.say(Heard::Report(report));
    }

    fn report_of(
        &self,
        own: &Own,
        before: Option<Box<str>>,
        times: (i64, i64),
        what: What,
    ) -> Report {
        let id = own.venue_order_id.clone();
        Report {
            client_id_prev: before,
            ..self.report(own.wish.instrument, &own.client_id, Some(id), times, what)
        }
    }

    pub(super) fn report(
        &self,
        instrument: InstrumentId,
        client_id: &str,
        venue_order_id: Option<Box<str>>,
        (ts_event, ts_recv): (i64, i64),
        what: What,
    ) -> Report {
        Report {
            ts_event,
            ts_recv,
            source: EventSource::Simulated,
            account: self.account,
            instrument,
            client_id: client_id.into(),
            client_id_prev: None,
            venue_order_id,
            what,
        }
    }

    pub(super) fn picture(&self, own: &Own) -> Report {
        let price_average =
            own.filled_quote.ratio(own.filled).filter(|_| own.filled > Amount::ZERO);
        let picture = OrderPicture {
            state: own.state,
            side: own.wish.side,
            price: own.wish.price.filter(|_| own.wish.kind == OrderKind::Limit),
            price_trigger: None,
            limit_tif: None,
            size: own.wish.size,
            size_filled: own.filled,
            price_average,
        };
        self.report_of(own, None, (self.now, self.now), What::Picture(picture))
    }
}
