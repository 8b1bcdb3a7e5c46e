//! What venues want to hear and what they say: one folder each, without sockets or clocks.
//!
//! A gateway writes the texts of one connection and reads what comes on it. It remembers which
//! requests are in flight, so that each ends: by a report, or by the word that its outcome is not
//! known.

pub mod binance;
mod sign;

use rustonite_core::Amount;
use rustonite_core::ids::{AssetId, InstrumentId};

pub use self::sign::{Signer, SignerError};
use crate::report::{Refusal, Report};
use crate::request::Request;

/// A venue's trading protocol on one connection.
pub trait Gateway: Send {
    /// What a new connection is told first.
    fn hello(&mut self, now: i64) -> Vec<String>;

    /// The text of a request.
    ///
    /// # Errors
    /// The venue has no such thing, and nothing is in flight.
    fn write(&mut self, request: &Request, now: i64) -> Result<String, Refusal>;

    /// The text of a question.
    fn ask(&mut self, question: Question, now: i64) -> String;

    /// Reads a message.
    ///
    /// # Errors
    /// It cannot be understood; what was in flight still is.
    fn read(&mut self, text: &[u8], ts_recv: i64, heard: &mut Vec<Heard>)
    -> Result<(), Unreadable>;

    /// Ends what has been in flight since before a moment: its outcome is not known.
    fn overdue(&mut self, sent_before: i64, now: i64, heard: &mut Vec<Heard>);

    /// The connection is gone, and with it the answers to all that was in flight.
    fn lost(&mut self, now: i64, heard: &mut Vec<Heard>) {
        self.overdue(i64::MAX, now, heard);
    }
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
}

/// What a venue said.
#[derive(Clone, Debug, PartialEq)]
pub enum Heard {
    /// About one order.
    Report(Report),
    /// About one asset.
    Balance(Balance),
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
    /// There is none, which says nothing about what was asked for.
    Failed(Refusal),
}

/// What is owned of an asset.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Balance {
    /// When, by the venue's clock.
    pub ts_event: i64,
    /// Of what.
    pub asset: AssetId,
    /// What a new order may use.
    pub available: Amount,
    /// Held for open orders.
    pub locked: Amount,
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
