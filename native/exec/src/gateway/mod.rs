//! What venues want to hear and what they say: one folder each, without sockets or clocks.
//!
//! A gateway writes what goes to one account's venue and reads what comes from there. It remembers
//! which requests are in flight, so that each ends: by a report, or by the word that its outcome is
//! not known.

pub mod alpaca;
mod batch;
#[cfg(test)]
mod batch_tests;
pub mod binance;
pub mod binance_usdm;
pub mod budget;
pub mod bybit;
pub mod capability;
mod chain;
mod clock;
#[cfg(test)]
mod clock_tests;
mod desk;
mod dialect;
mod emulation;
#[cfg(test)]
mod error_tests;
mod flight;
mod guard;
#[cfg(test)]
mod guard_tests;
pub mod kraken;
pub mod okx;
#[cfg(test)]
mod others_tests;
pub mod paper;
mod parse;
#[cfg(test)]
mod product_tests;
#[cfg(test)]
mod property_tests;
#[cfg(test)]
mod session_tests;
mod sign;
mod support;
#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod trigger_tests;
mod venues;

use rustonite_core::Amount;
use rustonite_core::budget::Errand;
use rustonite_core::datasets::PositionSide;
use rustonite_core::ids::{AssetId, InstrumentId};

pub use self::batch::{Batch, Written};
pub use self::budget::{Budget, Spend};
use self::capability::Capabilities;
pub use self::emulation::{Way, capabilities_of, may_need_us};
pub use self::paper::{
    BestPrices, LATE_NS, PaperMarket, PaperSettings, Part as BookPart, QueueModel, Resting,
};
pub use self::sign::{Signer, SignerError};
pub use self::support::order_support_markdown;
pub use self::venues::{
    Keys, capabilities, capabilities_for, connect, fee_assets, wants_passphrase,
};
use crate::report::{Refusal, Report};
use crate::request::Request;
use crate::wish::Wish;

/// A venue's trading protocol for one account.
///
/// Lines are WebSocket connections, numbered as the gateway opens them; calls are of REST. What is
/// sent on a line that is down is lost: the gateway hears of that by [`Gateway::closed`].
pub trait Gateway: Send {
    /// What is done first: usually lines are opened.
    fn start(&mut self, now: i64) -> Vec<Outgoing>;

    /// A line is open, for the first time or again.
    fn opened(&mut self, line: usize, now: i64) -> Vec<Outgoing>;

    /// A line is closed, and with it the answers to what was asked on it. It is opened again by
    /// itself, at the same path.
    fn closed(&mut self, line: usize, now: i64, heard: &mut Vec<Heard>);

    /// A request.
    ///
    /// # Errors
    /// The venue has no such thing, and nothing is in flight.
    fn write(&mut self, request: &Request, now: i64) -> Result<Outgoing, Refusal>;

    /// Goes through the motions of writing a new order and leaves nothing of them; see
    /// [`crate::Ledger::rehearse`].
    fn rehearse(&mut self, _client_id: &str, _wish: &Wish, _now: i64) {}

    /// Several requests, in as few messages as the venue takes them in. Each ends for itself.
    fn write_many(&mut self, requests: &[Request], now: i64) -> Written;

    /// A question.
    fn ask(&mut self, question: Question, now: i64) -> Outgoing;

    /// A message on a line.
    ///
    /// # Errors
    /// It cannot be understood. If it answers something that was in flight, that ends as unknown.
    fn read(
        &mut self,
        line: usize,
        text: &[u8],
        ts_recv: i64,
        heard: &mut Vec<Heard>,
    ) -> Result<(), Unreadable>;

    /// The answer to a call, or why there is none.
    ///
    /// # Errors
    /// It cannot be understood; its request then counts as unknown.
    fn answered(
        &mut self,
        id: u64,
        answer: Result<HttpAnswer<'_>, &CallError>,
        ts_recv: i64,
        heard: &mut Vec<Heard>,
    ) -> Result<(), Unreadable>;

    /// Time has passed. What has been in flight since before `sent_before` ends: its outcome is not
    /// known. Returns what has to be sent from time to time.
    fn tick(&mut self, sent_before: i64, now: i64, heard: &mut Vec<Heard>) -> Vec<Outgoing>;

    /// What is done last, before the lines are closed: usually nothing.
    fn stop(&mut self, _now: i64) -> Vec<Outgoing> {
        Vec::new()
    }

    /// What it can do with orders, if that is something else than its venue can.
    fn capabilities(&self) -> Option<&'static Capabilities> {
        None
    }

    /// Whether it tells by itself what is owned; otherwise it has to be asked.
    fn tells_balances(&self) -> bool {
        true
    }

    /// Whether it can be asked what contracts are margined with.
    fn tells_leverage(&self) -> bool {
        false
    }

    /// From now on contracts are held in two positions each, a long and a short one. False if that is
    /// not possible here; otherwise the venue can be asked whether it is so.
    fn hedge(&mut self) -> bool {
        false
    }

    /// Whether it has to be asked what was paid besides executions; otherwise it tells it among them.
    fn tells_payments(&self) -> bool {
        false
    }

    /// From now on the venue is to cancel all orders in these instruments once it has heard nothing
    /// of us for so long. It hears of us while we hear of our orders.
    ///
    /// # Errors
    /// It has no such timer, or none of that length.
    fn guard(&mut self, _seconds: u32, _instruments: &[InstrumentId]) -> Result<(), Refusal> {
        Err(guard::none())
    }

    /// Whether the venue is to cancel all orders if we are gone.
    fn wants_guard(&self) -> bool {
        false
    }

    /// Whether the venue would cancel all orders if we were gone.
    fn is_guarded(&self, _now: i64) -> bool {
        false
    }

    /// Orders may stay without us from now on.
    fn unguard(&mut self, _now: i64) -> Vec<Outgoing> {
        Vec::new()
    }

    /// What the venue allows to be sent; `None` if it does not mind.
    fn budget(&mut self) -> Option<&mut Budget> {
        None
    }

    /// How many things are not answered.
    fn in_flight(&self) -> usize {
        0
    }
}

/// Something to send. It may hold secrets, which are not shown.
#[derive(Clone, PartialEq, Eq)]
pub enum Outgoing {
    /// A line is to be opened at the venue's endpoint of this name, with this path and query behind
    /// its address. A line that is open is closed first.
    Open {
        /// Which.
        line: usize,
        /// Name of the endpoint in the account's configuration.
        endpoint: &'static str,
        /// Path and query to add; may be empty.
        path: String,
    },
    /// A message on a line.
    Text {
        /// Which.
        line: usize,
        /// The message.
        text: String,
    },
    /// A call of REST.
    Call(Call),
}

impl Outgoing {
    /// A message in JSON.
    fn json(line: usize, message: &serde_json::Value) -> Self {
        Self::Text { line, text: message.to_string() }
    }
}

impl core::fmt::Debug for Outgoing {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Open { line, endpoint, .. } => write!(f, "open line {line} to {endpoint}"),
            Self::Text { line, text } => write!(f, "{} bytes on line {line}", text.len()),
            Self::Call(call) => call.fmt(f),
        }
    }
}

/// A call of REST. Its headers may hold secrets and are not shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Call {
    /// The answer is brought back under this number.
    pub id: u64,
    /// `GET`, `POST`, `PUT`, `PATCH` or `DELETE`.
    pub method: &'static str,
    /// Path and query, from the root of the venue's REST interface.
    pub path: String,
    /// Headers besides the usual ones.
    pub headers: Vec<(&'static str, String)>,
    /// Body; empty if there is none.
    pub body: String,
}

impl core::fmt::Debug for Call {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let path = self.path.split('?').next().unwrap_or_default();
        write!(f, "{} {path}", self.method)
    }
}

/// An answer to a call.
#[derive(Clone, Copy, Debug)]
pub struct HttpAnswer<'a> {
    /// The status.
    pub status: u16,
    /// The headers that say something of limits, their names in small letters.
    pub headers: &'a [(String, String)],
    /// The body.
    pub body: &'a [u8],
}

/// Why a call has no answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CallError {
    /// Not a byte of it left.
    pub not_sent: bool,
    /// Text for people.
    pub detail: String,
}

/// What can be asked of a venue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Question {
    /// All orders that are open.
    OpenOrders,
    /// Executions of an instrument, from a moment on.
    Fills(InstrumentId, i64),
    /// What is owned.
    Balances,
    /// What is held of derivatives, or of shares.
    Positions,
    /// What was paid besides executions, as funding is, from a moment on.
    Payments(i64),
    /// How contracts are held.
    Contracts,
}

impl Question {
    /// What it counts as at the venue.
    pub fn spend(&self) -> Spend<'static> {
        let (errand, instrument) = match self {
            Self::OpenOrders => (Errand::OpenOrders, None),
            Self::Fills(instrument, _) => (Errand::Fills, Some(*instrument)),
            Self::Balances => (Errand::Balances, None),
            Self::Positions => (Errand::Positions, None),
            Self::Payments(_) => (Errand::Payments, None),
            Self::Contracts => (Errand::Leverage, None),
        };
        Spend { instrument, ..Spend::one(errand) }
    }
}

/// What a venue said.
#[derive(Clone, Debug, PartialEq)]
pub enum Heard {
    /// About one order.
    Report(Report),
    /// About one asset.
    Balance(Balance),
    /// About one position.
    Position(Position),
    /// Something to send at once: what a session or an order needs next.
    Send(Outgoing),
    /// A question to ask again, for the next page of its answer.
    Ask(Question),
    /// Something that a person should know.
    Notice(String),
    /// An answer to a question.
    Answer(Question, Answer),
    /// The connection is logged on and hears of our orders.
    Ready,
    /// The connection is of no use.
    Closed(Refusal),
}

/// An answer to a question.
#[derive(Clone, Debug, PartialEq)]
pub enum Answer {
    /// Whole.
    Reports(Vec<Report>),
    /// Whole.
    Balances(Vec<Balance>),
    /// Whole: what is not there is flat.
    Positions(Vec<Position>),
    /// Of an account.
    Contracts(Contracts),
    /// There is none, which says nothing about what was asked for.
    Failed(Refusal),
}

/// How an account holds contracts, as far as its venue says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Contracts {
    /// Instruments and what they are margined with.
    pub leverage: Vec<(InstrumentId, Amount)>,
    /// Instruments and whether each is held in two positions, a long and a short one.
    pub hedging: Vec<(InstrumentId, bool)>,
}

/// What is owned of an asset.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Balance {
    /// When, by the venue's clock.
    pub ts_event: i64,
    /// Of what.
    pub asset: AssetId,
    /// All of it, profit of open positions left out.
    pub total: Amount,
    /// What a new order may use. Venues that let it use open profit count that in.
    pub available: Amount,
    /// Held for open orders, and for positions.
    pub locked: Amount,
}

impl Balance {
    /// Of an asset in which no profit is open.
    pub fn plain(ts_event: i64, asset: AssetId, available: Amount, locked: Amount) -> Self {
        Self { ts_event, asset, total: available + locked, available, locked }
    }

    /// What orders could use if there were none, and no positions.
    pub fn usable(&self) -> Amount {
        self.available + self.locked
    }
}

/// What is held of an instrument.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Position {
    /// When, by the venue's clock.
    pub ts_event: i64,
    /// Of what.
    pub instrument: InstrumentId,
    /// Which, in hedge mode.
    pub side: PositionSide,
    /// How much: negative if short.
    pub size: Amount,
    /// Average price of entry, where the venue says.
    pub price_entry: Option<Amount>,
}

/// A message that cannot be understood.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{venue}: {problem}; the message begins with {begin:?}")]
pub struct Unreadable {
    /// Whose.
    pub venue: &'static str,
    /// What is wrong with it.
    pub problem: String,
    /// Its first characters.
    pub begin: String,
}

impl Unreadable {
    fn new(venue: &'static str, problem: String, text: &[u8]) -> Self {
        let shown = &text[..text.len().min(80)];
        let begin = String::from_utf8_lossy(shown).into_owned();
        Self { venue, problem, begin }
    }
}
