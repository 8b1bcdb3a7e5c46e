//! Bybit v5: spot, linear and inverse contracts, and options, each a venue of its own. Messages of
//! the protocol before it are told apart by their topics, for old recordings.

mod host;
mod legacy;
mod market;
mod rest;
mod session;

use std::collections::HashMap;

use rustonite_core::Decimal;

pub use self::host::BybitHost;
use crate::codec::{Codec, Feed, Frame, Request, Topic};
use crate::error::Result;
use crate::event::{Level, Sink};
use crate::json::Json;

use self::market::{Envelope, Pending};

/// One of the categories, which have the same symbols for different things.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Category {
    /// Spot.
    Spot,
    /// Contracts that settle in a stable coin.
    Linear,
    /// Contracts that settle in the base coin.
    Inverse,
    /// Options.
    Option,
}

impl Category {
    /// The venue's word.
    fn word(self) -> &'static str {
        match self {
            Self::Spot => "spot",
            Self::Linear => "linear",
            Self::Inverse => "inverse",
            Self::Option => "option",
        }
    }
}

/// Price and size of the best bid, then of the best ask. Zero says that there is none, `None` that
/// no message of this connection told.
type Best = [Option<Decimal>; 4];

/// The codec of one connection.
#[derive(Debug)]
pub struct Bybit {
    category: Category,
    levels: Vec<Level>,
    /// What books of one level and what tickers said last, as later messages have changes only.
    best: HashMap<String, Best>,
    best_of_tickers: HashMap<String, Best>,
}

impl Bybit {
    /// A codec for a category.
    pub fn new(category: Category) -> Self {
        let (best, best_of_tickers) = (HashMap::new(), HashMap::new());
        Self { category, levels: Vec::new(), best, best_of_tickers }
    }
}

impl Codec for Bybit {
    fn venue(&self) -> &'static str {
        match self.category {
            Category::Spot => "bybit-spot",
            Category::Linear => "bybit-linear",
            Category::Inverse => "bybit-inverse",
            Category::Option => "bybit-option",
        }
    }

    fn decode(&mut self, frame: Frame<'_>, sink: &mut dyn Sink) -> Result<()> {
        let mut json = Json::new(frame.data);
        let whole = json;
        let mut envelope = Envelope { ts_recv: frame.ts_recv, ..Envelope::default() };
        let (mut topic, mut pending, mut early) = (None, None, None);
        json.object()?;
        while let Some(key) = json.key()? {
            match key {
                b"topic" => topic = Some(json.text()?),
                b"type" => envelope.kind = json.text()?,
                b"ts" => envelope.sent = json.time_ms_if_any()?,
                b"timestamp_e6" => envelope.sent = Some(json.time_us()?),
                b"cts" => envelope.matched = json.time_ms_if_any()?,
                b"data" => match topic {
                    Some(topic) => {
                        pending = Some(self.data(&mut json, topic, frame.ts_recv, sink)?);
                    }
                    None => early = Some(json.later()?),
                },
                b"op" | b"success" | b"ret_msg" if topic.is_none() => {
                    json = whole;
                    session::answer(&mut json, sink)?;
                    return json.end();
                }
                _ => json.skip()?,
            }
        }
        json.end()?;
        let topic = json.need(topic, "`topic` or `op`")?;
        if let Some(mut data) = early {
            pending = Some(self.data(&mut data, topic, frame.ts_recv, sink)?);
        }
        match json.need(pending, "`data`")? {
            Pending::Nothing => Ok(()),
            Pending::Book(book) => self.book(&json, book, envelope, sink),
            Pending::OldFigures(mut data) => legacy::figures(self, &mut data, envelope, sink),
            Pending::Figures(mut data) => self.ticker(&mut data, envelope, sink),
        }
    }

    fn decode_answer(&mut self, feed: &Feed, frame: Frame<'_>, sink: &mut dyn Sink) -> Result<()> {
        rest::decode(self, feed, frame, sink)
    }

    fn request(&self, feed: &Feed) -> Option<Request> {
        rest::requests(self.category, feed).into_iter().next()
    }

    fn requests(&self, feed: &Feed) -> Vec<Request> {
        rest::requests(self.category, feed)
    }

    fn subscribe(&self, topics: &[Topic], id: i64) -> Vec<String> {
        session::requests("subscribe", topics, id)
    }

    fn unsubscribe(&self, topics: &[Topic], id: i64) -> Vec<String> {
        session::requests("unsubscribe", topics, id)
    }

    fn refuses_whole(&self) -> bool {
        self.category != Category::Option
    }

    fn ping(&self, id: i64) -> Option<String> {
        Some(format!(r#"{{"req_id":"{id}","op":"ping"}}"#))
    }

    fn reset(&mut self) {
        self.best.clear();
        self.best_of_tickers.clear();
    }
}

#[cfg(test)]
mod tests;
