//! The orders of a paper account, what it owns, and what it is told.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use rustonite_core::Amount;
use rustonite_core::datasets::{
    Aggressor, EventSource, FillKind, Liquidity, OrderKind, OrderSide, OrderState,
};
use rustonite_core::ids::{AccountId, AssetId, InstrumentId};
use rustonite_sim::replay::{OwnId, Report as SimReport, Told};
use rustonite_sim::{CancelReason, Side};

use super::book::Book;
use super::words::{self, refusal, rejected};
use super::{BestPrices, PaperSettings};
use crate::directory::Directory;
use crate::gateway::{Answer, Balance, Heard, Question};
use crate::report::{Fill, OrderPicture, Refusal, RefusalKind, Report, What};
use crate::request::Request;
use crate::wish::Wish;

/// A request of which nothing was heard so far.
#[derive(Clone, Debug)]
enum Asked {
    Place,
    Replace { client_id: Box<str>, price: Option<Amount>, size: Amount },
    Cancel,
}

/// An order, as far as its account was told.
#[derive(Clone, Debug)]
struct Own {
    instrument: InstrumentId,
    number: u64,
    client_id: Box<str>,
    wish: Wish,
    filled: Amount,
    /// What changed hands for it.
    filled_quote: Amount,
    asked: VecDeque<Asked>,
    state: OrderState,
}

impl Own {
    fn is_open(&self) -> bool {
        !crate::table::is_final(self.state)
    }
}

/// Base and quote of an instrument.
type Assets = (AssetId, AssetId);

/// See the module.
#[derive(Debug)]
pub(super) struct Venue {
    directory: Arc<Directory>,
    account: AccountId,
    settings: PaperSettings,
    books: BTreeMap<InstrumentId, Book>,
    orders: BTreeMap<(InstrumentId, OwnId), Own>,
    /// Which order has a client id.
    names: BTreeMap<Box<str>, (InstrumentId, OwnId)>,
    balances: BTreeMap<AssetId, Amount>,
    fills: Vec<Report>,
    numbers: u64,
    now: i64,
    news: Vec<Heard>,
}

impl Venue {
    pub(super) fn new(
        directory: Arc<Directory>,
        account: AccountId,
        settings: PaperSettings,
    ) -> Self {
        Self {
            directory,
            account,
            balances: settings.balances.clone(),
            settings,
            books: BTreeMap::new(),
            orders: BTreeMap::new(),
            names: BTreeMap::new(),
            fills: Vec::new(),
            numbers: 0,
            now: i64::MIN,
            news: Vec::new(),
        }
    }

    // The market and the time

    pub(super) fn best(&mut self, instrument: InstrumentId, at: i64, best: BestPrices) {
        self.until(at);
        if let Some(book) = self.book(instrument) {
            book.best(at, best);
        }
        self.hear();
    }

    pub(super) fn trade(
        &mut self,
        instrument: InstrumentId,
        at: i64,
        taker: Aggressor,
        what: (f64, f64),
    ) {
        self.until(at);
        let taker = match taker {
            Aggressor::Buy => Side::Buy,
            Aggressor::Sell => Side::Sell,
            // Nobody knows whose turn it was.
            Aggressor::Unknown => return,
        };
        if let Some(book) = self.book(instrument) {
            book.trade(at, taker, what);
        }
        self.hear();
    }

    pub(super) fn until(&mut self, now: i64) {
        self.now = self.now.max(now);
        self.books.values_mut().for_each(|book| book.until(now));
        self.hear();
    }

    pub(super) fn next(&self) -> Option<i64> {
        self.books.values().filter_map(Book::next).min()
    }

    fn book(&mut self, instrument: InstrumentId) -> Option<&mut Book> {
        if !self.books.contains_key(&instrument) {
            let book = Book::new(self.directory.listed(instrument)?, &self.settings);
            self.books.insert(instrument, book);
        }
        self.books.get_mut(&instrument)
    }

    // What is asked for

    pub(super) fn take(&mut self, request: &Request, now: i64) -> Result<(), Refusal> {
        self.until(now);
        match request {
            Request::Submit { client_id, wish, .. } => self.place(client_id, wish, now),
            Request::Replace { client_id, client_id_prev, wish, .. } => {
                self.replace((client_id_prev, client_id), wish, now)
            }
            Request::Cancel { client_id, instrument, .. } => {
                let (id, own) = self.named(*instrument, client_id)?;
                own.asked.push_back(Asked::Cancel);
                if let Some(book) = self.book(*instrument) {
                    book.desk(now).cancel(id);
                }
                Ok(())
            }
            Request::Query { client_id, instrument, .. } => {
                let found = self.names.get(client_id).and_then(|key| self.orders.get(key));
                let report = found.map_or_else(
                    || self.report(*instrument, client_id, None, (now, now), What::NotFound),
                    |own| self.picture(own),
                );
                self.say(Heard::Report(report));
                Ok(())
            }
        }
    }

    fn place(&mut self, client_id: &str, wish: &Wish, now: i64) -> Result<(), Refusal> {
        let instrument = wish.instrument;
        self.check_funds(wish)?;
        let unknown = || refusal(RefusalKind::Rules, "the instrument is not listed");
        let book = self.book(instrument).ok_or_else(unknown)?;
        let order = words::order(book, wish)?;
        let id = book.desk(now).place(order);
        self.numbers += 1;
        let own = Own {
            instrument,
            number: self.numbers,
            client_id: client_id.into(),
            wish: wish.clone(),
            filled: Amount::ZERO,
            filled_quote: Amount::ZERO,
            asked: VecDeque::from([Asked::Place]),
            state: OrderState::PendingSubmit,
        };
        self.names.insert(client_id.into(), (instrument, id));
        self.orders.insert((instrument, id), own);
        Ok(())
    }

    fn replace(&mut self, (old, new): (&str, &str), wish: &Wish, now: i64) -> Result<(), Refusal> {
        let (id, _) = self.named(wish.instrument, old)?;
        let Some(book) = self.book(wish.instrument) else { return Err(too_late()) };
        let order = words::order(book, wish)?;
        let Some(price) = order.price else {
            return Err(refusal(RefusalKind::Rules, "a market order is not changed"));
        };
        book.desk(now).amend(id, price, order.quantity);
        let asked = Asked::Replace { client_id: new.into(), price: wish.price, size: wish.size };
        let (_, own) = self.named(wish.instrument, old)?;
        own.asked.push_back(asked);
        self.names.insert(new.into(), (wish.instrument, id));
        Ok(())
    }

    fn named(
        &mut self,
        instrument: InstrumentId,
        client_id: &str,
    ) -> Result<(OwnId, &mut Own), Refusal> {
        let key = self.names.get(client_id).filter(|key| key.0 == instrument);
        let key = *key.ok_or_else(too_late)?;
        self.orders.get_mut(&key).map(|own| (key.1, own)).ok_or_else(too_late)
    }

    /// What is paid has to be there; what a market order pays is seen once it is filled.
    fn check_funds(&self, wish: &Wish) -> Result<(), Refusal> {
        let Some((base, quote)) = self.assets(wish.instrument) else { return Ok(()) };
        let (asset, needed) = match (wish.side, wish.price) {
            (OrderSide::Sell, _) => (base, wish.size),
            (_, Some(price)) => (quote, price.product(wish.size).unwrap_or_default()),
            (_, None) => return Ok(()),
        };
        let balance = self.balance(asset);
        if needed <= balance.available {
            return Ok(());
        }
        let detail = format!("needs {needed}, {} is available", balance.available);
        Err(refusal(RefusalKind::Balance, &detail))
    }

    // What is told

    /// Takes what was heard of the books.
    fn hear(&mut self) {
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
        let Some(book) = self.books.get(&own.instrument) else { return };
        let (price, size) = (book.price(ticks), book.size(lots));
        let worth = price.product(size).unwrap_or_default();
        let Some((base, quote)) = self.assets(own.instrument) else { return };
        own.filled += size;
        own.filled_quote += worth;
        own.state = if is_last { OrderState::Filled } else { OrderState::PartiallyFilled };
        let sign = if own.wish.side == OrderSide::Sell { -1 } else { 1 };
        let signed = |amount: Amount| amount.times(sign).unwrap_or_default();
        *self.balances.entry(base).or_default() += signed(size);
        *self.balances.entry(quote).or_default() += -signed(worth) - fee;
        let number = i64::try_from(self.fills.len()).unwrap_or(i64::MAX) + 1;
        let fill = Fill {
            fill_id: number.to_string().into(),
            trade_id: None,
            kind: FillKind::Trade,
            side: own.wish.side,
            price,
            size,
            size_filled: Some(own.filled),
            fee: Some((fee, quote)),
            liquidity: if is_maker { Liquidity::Maker } else { Liquidity::Taker },
            position_side: None,
        };
        let report = self.report_of(own, None, times, What::Fill(fill));
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
            Some(Asked::Cancel) | None => What::CancelRejected(refusal),
        };
        self.say_of(own, None, times, what);
    }

    fn say_of(&mut self, own: &Own, before: Option<Box<str>>, times: (i64, i64), what: What) {
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
        let id = own.number.to_string().into();
        Report {
            client_id_prev: before,
            ..self.report(own.instrument, &own.client_id, Some(id), times, what)
        }
    }

    fn report(
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

    fn picture(&self, own: &Own) -> Report {
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

    // Questions

    pub(super) fn ask(&mut self, question: Question, now: i64) {
        self.until(now);
        let answer = match question {
            // What was not accepted so far is on its way.
            Question::OpenOrders => {
                let open = |own: &&Own| own.is_open() && own.state != OrderState::PendingSubmit;
                let open = self.orders.values().filter(open);
                Answer::Reports(open.map(|own| self.picture(own)).collect())
            }
            Question::Fills(instrument, from) => {
                let fits = |one: &&Report| one.instrument == instrument && one.ts_event >= from;
                Answer::Reports(self.fills.iter().filter(fits).cloned().collect())
            }
            Question::Balances => {
                let assets = self.balances.keys().copied();
                Answer::Balances(assets.map(|asset| self.balance(asset)).collect())
            }
            Question::Positions => Answer::Positions(Vec::new()),
            Question::Leverage => Answer::Leverage(Vec::new()),
        };
        self.say(Heard::Answer(question, answer));
    }

    fn balance(&self, asset: AssetId) -> Balance {
        let total = self.balances.get(&asset).copied().unwrap_or_default();
        let open = self.orders.values().filter(|own| own.is_open());
        let locked: Amount = open.map(|own| self.keeps(own, asset)).sum();
        Balance { ts_event: self.now, asset, available: total - locked, locked }
    }

    /// What an open order keeps of an asset.
    fn keeps(&self, own: &Own, asset: AssetId) -> Amount {
        let Some((base, quote)) = self.assets(own.instrument) else { return Amount::ZERO };
        let open = own.wish.size - own.filled;
        match own.wish.side {
            OrderSide::Sell if asset == base => open,
            OrderSide::Buy if asset == quote => {
                own.wish.price.and_then(|price| price.product(open)).unwrap_or_default()
            }
            _ => Amount::ZERO,
        }
    }

    fn assets(&self, instrument: InstrumentId) -> Option<Assets> {
        let listed = self.directory.listed(instrument)?;
        Some((self.directory.asset(&listed.base)?, self.directory.asset(&listed.quote)?))
    }

    // News

    pub(super) fn say(&mut self, what: Heard) {
        self.news.push(what);
    }

    pub(super) fn has_news(&self) -> bool {
        !self.news.is_empty()
    }

    pub(super) fn read(&mut self, heard: &mut Vec<Heard>) {
        heard.append(&mut self.news);
    }
}

fn too_late() -> Refusal {
    refusal(RefusalKind::TooLate, "the order has ended, or never was")
}
