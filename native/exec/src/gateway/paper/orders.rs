//! The orders of a paper account, what it owns, and what it is told.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use rustonite_core::datasets::{Aggressor, OrderState, PositionSide, Tif, order_flags};
use rustonite_core::ids::{AccountId, InstrumentId};
use rustonite_core::{Amount, Decimal};
use rustonite_sim::Side;
use rustonite_sim::replay::OwnId;

use super::book::{Book, Part};
use super::money::{Money, Open, reduces};
use super::words::{self, refusal};
use super::{BestPrices, PaperSettings, Resting};
use crate::directory::Directory;
use crate::gateway::{Answer, Contracts, Heard, Question};
use crate::report::{Refusal, RefusalKind, Report, What};
use crate::request::Request;
use crate::wish::Wish;

/// Numbers of orders and fills begin at the start's time in this unit.
const NUMBERS_EVERY_NS: i64 = 1_000_000;

/// A request of which nothing was heard so far.
#[derive(Clone, Debug)]
pub(super) enum Asked {
    Place,
    /// It comes to the market silently, because its account knows of it.
    Enter,
    Replace {
        client_id: Box<str>,
        price: Option<Amount>,
        size: Amount,
    },
    Cancel,
}

/// An order, as far as its account was told.
#[derive(Clone, Debug)]
pub(super) struct Own {
    pub(super) venue_order_id: Box<str>,
    pub(super) client_id: Box<str>,
    pub(super) wish: Wish,
    pub(super) filled: Amount,
    /// Of that in an earlier run.
    pub(super) before: Amount,
    /// What changed hands for it.
    pub(super) filled_quote: Amount,
    pub(super) asked: VecDeque<Asked>,
    pub(super) state: OrderState,
}

impl Own {
    /// One that is on its way.
    pub(super) fn new(client_id: &str, venue_order_id: Box<str>, wish: &Wish) -> Self {
        Self {
            venue_order_id,
            client_id: client_id.into(),
            wish: wish.clone(),
            filled: Amount::ZERO,
            before: Amount::ZERO,
            filled_quote: Amount::ZERO,
            asked: VecDeque::from([Asked::Place]),
            state: OrderState::PendingSubmit,
        }
    }

    pub(super) fn is_open(&self) -> bool {
        !crate::table::is_final(self.state)
    }

    pub(super) fn open(&self) -> Open<'_> {
        (&self.wish, self.wish.size - self.filled)
    }

    /// What is left of it, as it comes to the market anew. That it only rests was seen to before.
    fn rest(&self) -> Wish {
        Wish {
            size: self.wish.size - self.filled,
            flags: self.wish.flags & !order_flags::POST_ONLY,
            tif: self.wish.tif.map(|tif| if tif == Tif::Gtx { Tif::Gtc } else { tif }),
            ..self.wish.clone()
        }
    }

    pub(super) fn reduces(&self) -> bool {
        reduces(&self.wish)
    }
}

/// An order's place.
pub(super) type Key = (InstrumentId, OwnId);

/// See the module.
#[derive(Debug)]
pub(super) struct Venue {
    pub(super) directory: Arc<Directory>,
    pub(super) account: AccountId,
    pub(super) settings: PaperSettings,
    pub(super) books: BTreeMap<InstrumentId, Book>,
    pub(super) orders: BTreeMap<Key, Own>,
    /// Which order has a client id.
    pub(super) names: BTreeMap<Box<str>, Key>,
    pub(super) money: Money,
    /// Orders of an earlier run that wait for the first price.
    pub(super) early: Vec<Key>,
    pub(super) fills: Vec<Report>,
    numbers: i64,
    pub(super) now: i64,
    news: Vec<Heard>,
}

impl Venue {
    pub(super) fn new(
        directory: Arc<Directory>,
        account: AccountId,
        settings: PaperSettings,
    ) -> Self {
        let mut venue = Self {
            account,
            money: Money::new(Arc::clone(&directory), &settings),
            directory,
            // No two runs begin within so short a time, nor are there more numbers in it.
            numbers: settings.number_last.max(settings.start / NUMBERS_EVERY_NS),
            books: BTreeMap::new(),
            orders: BTreeMap::new(),
            names: BTreeMap::new(),
            early: Vec::new(),
            fills: Vec::new(),
            now: i64::MIN,
            news: Vec::new(),
            settings,
        };
        for order in std::mem::take(&mut venue.settings.resting) {
            venue.take_up(order);
        }
        venue
    }

    /// An order of an earlier run: known, and not in the market so far.
    fn take_up(&mut self, resting: Resting) {
        let stays = resting.stays(self.settings.start);
        let Resting { client_id, venue_order_id, wish, filled: (filled, average) } = resting;
        let is_part = filled > Amount::ZERO;
        let own = Own {
            before: filled,
            filled,
            filled_quote: average.product(filled).unwrap_or_default(),
            asked: VecDeque::new(),
            state: if is_part { OrderState::PartiallyFilled } else { OrderState::Accepted },
            ..Own::new(&client_id, venue_order_id.unwrap_or_default(), &wish)
        };
        let number = u64::try_from(self.orders.len()).unwrap_or(u64::MAX);
        let key = (wish.instrument, OwnId(u64::MAX - number));
        self.names.insert(client_id, key);
        self.orders.insert(key, own);
        if stays {
            self.early.push(key);
        } else {
            self.end(key, self.settings.start, None);
        }
    }

    /// Orders of an earlier run come to the market, silently: that they rest is known.
    fn enter(&mut self, instrument: InstrumentId, now: i64) {
        let is_here = |key: &Key| key.0 == instrument;
        let (here, others) = std::mem::take(&mut self.early).into_iter().partition(is_here);
        self.early = others;
        let here: Vec<Key> = here;
        here.into_iter().for_each(|early| self.come(early, now));
    }

    /// The same of one that is to be changed or cancelled before the first price.
    fn enter_named(&mut self, client_id: &str, now: i64) {
        let named = self.names.get(client_id);
        let place = self.early.iter().position(|early| Some(early) == named);
        if let Some(place) = place {
            let early = self.early.remove(place);
            self.come(early, now);
        }
    }

    fn come(&mut self, early: Key, now: i64) {
        if let Err(refusal) = self.enter_one(early, now) {
            self.end(early, now, Some(refusal));
        }
    }

    fn enter_one(&mut self, early: Key, now: i64) -> Result<(), Refusal> {
        let instrument = early.0;
        let Some(rest) = self.orders.get(&early).map(Own::rest) else { return Ok(()) };
        let book = self.book(instrument).ok_or_else(unlisted)?;
        let order = words::order(book, &rest)?;
        let key = (instrument, book.desk(now).place(order));
        if let Some(mut own) = self.orders.remove(&early) {
            own.asked.push_front(Asked::Enter);
            self.names.insert(own.client_id.clone(), key);
            self.orders.insert(key, own);
        }
        Ok(())
    }

    /// An order that is not in the market has ended.
    pub(super) fn end(&mut self, key: Key, now: i64, refusal: Option<Refusal>) {
        let Some(mut own) = self.orders.remove(&key) else { return };
        self.expired(&mut own, (now, now), refusal);
        self.orders.insert(key, own);
    }

    // The market and the time

    pub(super) fn best(&mut self, instrument: InstrumentId, at: i64, best: BestPrices) {
        self.until(at);
        if let Some(book) = self.book(instrument) {
            book.best(at, best);
        }
        self.hear();
        if !self.early.is_empty() {
            self.enter(instrument, at);
        }
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

    pub(super) fn level(
        &mut self,
        instrument: InstrumentId,
        at: i64,
        level: (Side, f64, f64),
        part: Part,
    ) {
        self.until(at);
        if let Some(book) = self.book(instrument) {
            book.level(at, level, part);
        }
        self.hear();
    }

    pub(super) fn mark(
        &mut self,
        instrument: InstrumentId,
        at: i64,
        price: f64,
        funding: Option<(f64, i64)>,
    ) {
        self.until(at);
        self.value(instrument, at, price, funding);
        self.judge(at);
    }

    pub(super) fn missed(
        &mut self,
        instrument: InstrumentId,
        at: i64,
        price: f64,
        funding: Option<(f64, i64)>,
    ) {
        let at = at.min(self.settings.start);
        self.pay(at, self.settings.start);
        self.value(instrument, at, price, funding);
    }

    pub(super) fn missed_since(&self) -> Option<i64> {
        self.money.funded_since()
    }

    fn value(
        &mut self,
        instrument: InstrumentId,
        at: i64,
        price: f64,
        funding: Option<(f64, i64)>,
    ) {
        let exact = |value| Decimal::from_f64(value).and_then(Amount::from_decimal).ok();
        if let Some(price) = exact(price).filter(|price| *price > Amount::ZERO) {
            self.money.mark(instrument, price);
        }
        if let Some((rate, next)) = funding.filter(|(_, next)| *next > at)
            && let Some(rate) = exact(rate)
        {
            self.money.fund(instrument, rate, next);
        }
    }

    /// Pays the funding that is due by a moment.
    fn pay(&mut self, due: i64, now: i64) {
        for paid in self.money.pay(due) {
            self.tell_paid(&paid, now);
        }
    }

    pub(super) fn until(&mut self, now: i64) {
        self.now = self.now.max(now);
        self.books.values_mut().for_each(|book| book.until(now));
        self.hear();
        self.pay(now, self.now);
    }

    pub(super) fn next(&self) -> Option<i64> {
        self.books.values().filter_map(Book::next).chain(self.money.next()).min()
    }

    pub(super) fn book(&mut self, instrument: InstrumentId) -> Option<&mut Book> {
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
                self.enter_named(client_id, now);
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
        self.check_side(wish)?;
        self.check_funds(wish)?;
        self.check_reduces(wish)?;
        let book = self.book(instrument).ok_or_else(unlisted)?;
        let order = words::order(book, wish)?;
        let id = book.desk(now).place(order);
        let number = self.number();
        let own = Own::new(client_id, number, wish);
        self.names.insert(client_id.into(), (instrument, id));
        self.orders.insert((instrument, id), own);
        Ok(())
    }

    /// A number that nothing else has.
    pub(super) fn number(&mut self) -> Box<str> {
        self.numbers += 1;
        self.numbers.to_string().into()
    }

    fn replace(&mut self, (old, new): (&str, &str), wish: &Wish, now: i64) -> Result<(), Refusal> {
        self.enter_named(old, now);
        let (id, own) = self.named(wish.instrument, old)?;
        let before = own.before;
        let Some(book) = self.book(wish.instrument) else { return Err(too_late()) };
        let order = words::order(book, &Wish { size: wish.size - before, ..wish.clone() })?;
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

    fn check_side(&self, wish: &Wish) -> Result<(), Refusal> {
        let is_of_one = matches!(wish.position_side, None | Some(PositionSide::Net));
        if is_of_one != self.settings.hedging {
            return Ok(());
        }
        let there = if is_of_one { "a long and a short position" } else { "one position" };
        let detail = format!("a paper account has {there} in each contract here");
        Err(refusal(RefusalKind::Rules, &detail))
    }

    fn check_funds(&self, wish: &Wish) -> Result<(), Refusal> {
        match self.money.lacks(wish, &self.open()).filter(|_| !reduces(wish)) {
            None => Ok(()),
            Some((needed, there)) => {
                let detail = format!("needs {needed}, {there} is available");
                Err(refusal(RefusalKind::Balance, &detail))
            }
        }
    }

    fn check_reduces(&self, wish: &Wish) -> Result<(), Refusal> {
        if reduces(wish) && wish.size > self.money.reducible(wish) {
            return Err(refusal(RefusalKind::Rules, "it would do more than reduce"));
        }
        Ok(())
    }

    fn open(&self) -> Vec<Open<'_>> {
        self.orders.values().filter(|own| own.is_open()).map(Own::open).collect()
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
            Question::Balances => Answer::Balances(self.money.balances(&self.open(), self.now)),
            Question::Positions => Answer::Positions(self.money.positions(self.now)),
            Question::Contracts => Answer::Contracts(Contracts::default()),
            // Among the executions.
            Question::Payments(_) => Answer::Reports(Vec::new()),
        };
        self.say(Heard::Answer(question, answer));
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

fn unlisted() -> Refusal {
    refusal(RefusalKind::Rules, "the instrument is not listed")
}

fn too_late() -> Refusal {
    refusal(RefusalKind::TooLate, "the order has ended, or never was")
}
