//! A paper account: own orders against a market that others made, as it comes or as it was recorded.
//!
//! Nothing leaves the process. The gateway writes and reads no texts; it shares the venue with a
//! [`PaperMarket`], into which the trader puts what it sees and the time. Orders are taken and filled
//! by the estimates of [`rustonite_sim::replay`]: nobody reacts to them. Everything happens at the
//! time of receipt, and each way of a request takes the same time.

mod book;
mod capability;
mod forced;
mod money;
mod orders;
mod restart;
mod telling;
#[cfg(test)]
mod tests;
mod words;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rustonite_core::Amount;
use rustonite_core::datasets::{Aggressor, OrderSide, PositionSide};
use rustonite_core::ids::{AccountId, AssetId, InstrumentId};

pub use rustonite_sim::QueueModel;
pub use rustonite_sim::replay::LATE_NS;

pub use self::book::Part;
use self::orders::Venue;
pub use self::restart::Resting;
use super::capability::Capabilities;
use super::{CallError, Gateway, Heard, HttpAnswer, Outgoing, Question, Unreadable, Written};
use crate::directory::Directory;
use crate::positions::Position;
use crate::report::Refusal;
use crate::request::Request;

/// What goes on the line: the request itself is at the venue already.
const NO_TEXT: Outgoing = Outgoing::Text { line: 0, text: String::new() };

/// What a paper account is made of.
#[derive(Clone, Debug, PartialEq)]
pub struct PaperSettings {
    /// What it has at the start.
    pub balances: BTreeMap<AssetId, Amount>,
    /// Contracts are held in two positions each, a long and a short one.
    pub hedging: bool,
    /// What it holds of contracts at the start.
    pub positions: BTreeMap<(InstrumentId, PositionSide), Position>,
    /// Until when their funding is paid.
    pub funded_until: BTreeMap<InstrumentId, i64>,
    /// Orders at the venue at the start. They come to the market anew with the first price, behind
    /// all that stands there; those whose time was over have ended.
    pub resting: Vec<Resting>,
    /// What contracts are margined with.
    pub leverage: u32,
    /// Part of the worth of positions, in millionths, below which they are closed by force.
    pub maintenance_ppm: i32,
    /// Who leaves a queue when a level shrinks without a trade.
    pub queue: QueueModel,
    /// How much later than the change of a level the trade may come that made it, in nanoseconds.
    pub late_ns: i64,
    /// When it begins. Numbers of orders and fills follow from it, so that no other run has them.
    pub start: i64,
    /// The largest number that an earlier run gave: the clock may have been set back since.
    pub number_last: i64,
    /// What orders that rested pay, in millionths of their worth in the quote asset; negative is a
    /// rebate.
    pub maker_ppm: i32,
    /// The same of orders that came.
    pub taker_ppm: i32,
    /// Time of a request to the venue, and of an answer back, in nanoseconds.
    pub delay_ns: i64,
}

impl Default for PaperSettings {
    fn default() -> Self {
        Self {
            balances: BTreeMap::new(),
            hedging: false,
            positions: BTreeMap::new(),
            funded_until: BTreeMap::new(),
            resting: Vec::new(),
            leverage: 1,
            maintenance_ppm: 0,
            queue: QueueModel::RiskAverse,
            late_ns: 0,
            start: 0,
            number_last: 0,
            maker_ppm: 0,
            taker_ppm: 0,
            delay_ns: 0,
        }
    }
}

/// The best bid and ask, each a price and a size; 0 if there is none.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BestPrices {
    /// Of buyers.
    pub bid: (f64, f64),
    /// Of sellers.
    pub ask: (f64, f64),
}

type Shared = Arc<Mutex<Venue>>;

fn lock(shared: &Shared) -> MutexGuard<'_, Venue> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The market's side of a paper account. Its time goes on as it is told.
#[derive(Debug)]
pub struct PaperMarket(Shared);

impl PaperMarket {
    /// The best prices are these now. `at` is never before an earlier one, here and elsewhere.
    pub fn best(&self, instrument: InstrumentId, at: i64, best: BestPrices) {
        lock(&self.0).best(instrument, at, best);
    }

    /// A level of the book is this now; 0 if there is none. After the first whole picture the best
    /// prices are not listened to any more.
    pub fn level(
        &self,
        instrument: InstrumentId,
        at: i64,
        side: OrderSide,
        price: f64,
        size: f64,
        part: Part,
    ) {
        lock(&self.0).level(instrument, at, (words::side(side), price, size), part);
    }

    /// What contracts are valued at, and the funding that is paid next: a part of the worth, and when.
    pub fn mark(&self, instrument: InstrumentId, at: i64, price: f64, funding: Option<(f64, i64)>) {
        lock(&self.0).mark(instrument, at, price, funding);
    }

    /// What was recorded of a contract while nobody was here, row by row before anything else: funding
    /// of what is held is paid, and nothing else happens.
    pub fn missed(
        &self,
        instrument: InstrumentId,
        at: i64,
        price: f64,
        funding: Option<(f64, i64)>,
    ) {
        lock(&self.0).missed(instrument, at, price, funding);
    }

    /// Since when the account wants to know what was missed of contracts; `None` if it holds none.
    pub fn missed_since(&self) -> Option<i64> {
        lock(&self.0).missed_since()
    }

    /// Somebody took.
    pub fn trade(
        &self,
        instrument: InstrumentId,
        at: i64,
        taker: Aggressor,
        price: f64,
        size: f64,
    ) {
        lock(&self.0).trade(instrument, at, taker, (price, size));
    }

    /// Lets everything happen that is due by now; whether there is anything to read.
    pub fn until(&self, now: i64) -> bool {
        let mut venue = lock(&self.0);
        venue.until(now);
        venue.has_news()
    }

    /// When something happens next that is not of the market.
    pub fn next(&self) -> Option<i64> {
        lock(&self.0).next()
    }
}

/// The gateway of a paper account, and its market's side.
pub fn open(
    directory: Arc<Directory>,
    account: AccountId,
    settings: PaperSettings,
) -> (Box<dyn Gateway>, PaperMarket) {
    let shared = Arc::new(Mutex::new(Venue::new(directory, account, settings)));
    (Box::new(Paper(Arc::clone(&shared))), PaperMarket(shared))
}

/// The gateway.
#[derive(Debug)]
struct Paper(Shared);

impl Gateway for Paper {
    fn capabilities(&self) -> Option<&'static Capabilities> {
        Some(&capability::CAPABILITIES)
    }

    fn start(&mut self, _now: i64) -> Vec<Outgoing> {
        lock(&self.0).say(Heard::Ready);
        Vec::new()
    }

    fn opened(&mut self, _line: usize, _now: i64) -> Vec<Outgoing> {
        Vec::new()
    }

    fn closed(&mut self, _line: usize, _now: i64, _heard: &mut Vec<Heard>) {}

    fn write(&mut self, request: &Request, now: i64) -> Result<Outgoing, Refusal> {
        lock(&self.0).take(request, now).map(|()| NO_TEXT)
    }

    fn write_many(&mut self, requests: &[Request], now: i64) -> Written {
        Written::alone(requests, |request| self.write(request, now))
    }

    fn ask(&mut self, question: Question, now: i64) -> Outgoing {
        lock(&self.0).ask(question, now);
        NO_TEXT
    }

    fn read(
        &mut self,
        _line: usize,
        _text: &[u8],
        _ts_recv: i64,
        heard: &mut Vec<Heard>,
    ) -> Result<(), Unreadable> {
        lock(&self.0).read(heard);
        Ok(())
    }

    fn answered(
        &mut self,
        _id: u64,
        _answer: Result<HttpAnswer<'_>, &CallError>,
        _ts_recv: i64,
        _heard: &mut Vec<Heard>,
    ) -> Result<(), Unreadable> {
        Ok(())
    }

    fn tick(&mut self, _sent_before: i64, _now: i64, _heard: &mut Vec<Heard>) -> Vec<Outgoing> {
        Vec::new()
    }
}
