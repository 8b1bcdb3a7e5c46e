//! What a paper account is told of its orders.

use rustonite_core::Amount;
use rustonite_core::datasets::{
    EventSource, FillKind, Liquidity, OrderKind, OrderSide, OrderState,
};
use rustonite_core::ids::InstrumentId;
use rustonite_sim::CancelReason;
use rustonite_sim::replay::{OwnId, Report as SimReport, Told};

use super::money::Paid;
use super::orders::{Asked, Own, Venue};
use super::words::rejected;
use crate::gateway::Heard;
use crate::report::{Fill, OrderPicture, Refusal, Report, What};

impl Venue {
    /// Takes what was heard of the books.
    pub(super) fn hear(&mut self) {
        let mut told = Vec::new();
        for (instrument, book) in &mut self.books {
            let of_book = book.take_told().into_iter();
            told.extend(of_book.map(|(at, id, report)| (at, (*instrument, id), report)));
        }
        told.sort_by_key(|(at, ..)| *at);
        for (at, key, report) in told {
            self.tell(at, key, &report);
        }
    }

    fn tell(&mut self, at: i64, key: (InstrumentId, OwnId), report: &SimReport) {
        let Some(mut own) = self.orders.remove(&key) else { return };
        let times = (report.at, at);
        match report.told {
            Told::Rests { .. } => self.taken(&mut own, times),
            Told::Filled { price, quantity, open, is_maker, fee } => {
                if !is_maker {
                    self.taken(&mut own, times);
                }
                self.filled(&mut own, times, (price, quantity, open == 0), is_maker, fee);
            }
            Told::Ended { reason, .. } => self.ended(&mut own, times, reason),
            Told::Refused(reject) => self.refused(&mut own, times, rejected(reject)),
        }
        self.orders.insert(key, own);
    }

    /// The first word about a request that was done.
    fn taken(&mut self, own: &mut Own, times: (i64, i64)) {
        match own.asked.front() {
            Some(Asked::Place) => {
                own.asked.pop_front();
                own.state = OrderState::Accepted;
                self.say_of(own, None, times, What::Accepted);
            }
            Some(Asked::Replace { client_id, price, size }) => {
                let (client_id, price, size) = (client_id.clone(), *price, *size);
                own.asked.pop_front();
                let before = std::mem::replace(&mut own.client_id, client_id);
                (own.wish.price, own.wish.size) = (price, size);
                self.say_of(own, Some(before), times, What::Replaced { price, size });
            }
            Some(Asked::Cancel) | None => {}
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
            position_side: None,
        };
        let report = self.report_of(own, None, times, What::Fill(fill));
        self.fills.push(report.clone());
        self.say(Heard::Report(report));
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
            position_side: None,
        };
        let times = (paid.at, now);
        let report = self.report(paid.instrument, "", None, times, What::Fill(fill));
        self.fills.push(report.clone());
        self.say(Heard::Report(report));
    }

    fn ended(&mut self, own: &mut Own, times: (i64, i64), reason: CancelReason) {
        let size_filled = Some(own.filled);
        if reason == CancelReason::Asked {
            own.asked.pop_front();
            own.state = OrderState::Cancelled;
            let what = What::Cancelled { size_filled, size_prevented: None, refusal: None };
            return self.say_of(own, None, times, what);
        }
        self.taken(own, times);
        own.state = OrderState::Expired;
        let what = What::Expired { size_filled, size_prevented: None, refusal: None };
        self.say_of(own, None, times, what);
    }

    fn refused(&mut self, own: &mut Own, times: (i64, i64), refusal: Refusal) {
        let what = match own.asked.pop_front() {
            Some(Asked::Place) => {
                own.state = OrderState::Rejected;
                What::Rejected(refusal)
            }
            Some(Asked::Replace { client_id, .. }) => {
                self.names.remove(&client_id);
                What::ReplaceRejected(refusal)
            }
            Some(Asked::Cancel) => What::CancelRejected(refusal),
            // An order of an earlier run, which came to the market silently.
            None => {
                own.state = OrderState::Expired;
                let (size_filled, refusal) = (Some(own.filled), Some(refusal));
                What::Expired { size_filled, size_prevented: None, refusal }
            }
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
            size: own.wish.size,
            size_filled: own.filled,
            price_average,
        };
        self.report_of(own, None, (self.now, self.now), What::Picture(picture))
    }
}
