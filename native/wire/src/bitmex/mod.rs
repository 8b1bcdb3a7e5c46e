//! `BitMEX`.

mod book;
mod figures;
mod host;
mod market;
mod rest;
mod session;
mod started;

use std::collections::HashMap;

pub use self::host::BitMexHost;
use crate::codec::{Codec, Feed, Frame, Request, Topic};
use crate::error::Result;
use crate::event::{Control, Level, Sink};
use crate::json::{Json, Kind};

use self::book::{Books, Picture};
use self::market::Liquidation;
use self::started::Started;

const VENUE: &str = "bitmex";
/// Tables of whole books, each with books of its own.
const BOOK_TABLES: [&str; 2] = ["orderBookL2", "orderBookL2_25"];

/// The codec of one connection.
#[derive(Debug, Default)]
pub struct BitMex {
    started: Started,
    /// Of each of [`BOOK_TABLES`].
    books: [Books; 2],
    levels: Vec<Level>,
    tops: HashMap<String, Picture, foldhash::fast::RandomState>,
    /// Liquidation orders that are open, by their id.
    liquidations: HashMap<String, Liquidation>,
}

/// What a message does to the rows of its table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Action {
    /// These are all rows; what was before is void.
    Partial,
    Insert,
    Update,
    Delete,
}

impl Action {
    fn name(self) -> &'static str {
        match self {
            Self::Partial => "partial",
            Self::Insert => "insert",
            Self::Update => "update",
            Self::Delete => "delete",
        }
    }

    /// A flag for rows of a partial.
    fn if_partial(self, flag: i32) -> i32 {
        if self == Self::Partial { flag } else { 0 }
    }
}

/// What surrounds the rows of a message.
#[derive(Clone, Copy, Debug)]
struct Scope<'a> {
    ts_recv: i64,
    table: &'a str,
    action: Action,
    /// The instrument that a partial is about; all if none.
    filter: Option<&'a str>,
}

impl Codec for BitMex {
    fn venue(&self) -> &'static str {
        VENUE
    }

    fn decode(&mut self, frame: Frame<'_>, sink: &mut dyn Sink) -> Result<()> {
        if frame.data == b"pong" {
            sink.control(&Control::Heartbeat);
            return Ok(());
        }
        let mut json = Json::new(frame.data);
        let whole = json;
        let (mut table, mut action, mut filter) = (None, None, None);
        let (mut early, mut done) = (None, false);
        json.object()?;
        while let Some(key) = json.key()? {
            match key {
                b"table" => table = Some(json.text()?),
                b"action" => action = Some(read_action(&mut json)?),
                b"filter" => filter = read_filter(&mut json)?,
                // What a partial is about may be told behind its rows.
                b"data" => match (table, action) {
                    (Some(table), Some(action)) if action != Action::Partial => {
                        done = true;
                        let scope = Scope { ts_recv: frame.ts_recv, table, action, filter: None };
                        self.rows(&mut json, scope, sink)?;
                    }
                    _ => early = Some(json.later()?),
                },
                b"info" | b"success" | b"error" | b"status" | b"request" if table.is_none() => {
                    json = whole;
                    self.answer(&mut json, sink)?;
                    return json.end();
                }
                _ => json.skip()?,
            }
        }
        json.end()?;
        if done {
            return Ok(());
        }
        let table = json.need(table, "a message with `table`")?;
        let action = json.need(action, "a message with `action`")?;
        let mut data = json.need(early, "a message with `data`")?;
        self.rows(&mut data, Scope { ts_recv: frame.ts_recv, table, action, filter }, sink)
    }

    fn decode_answer(&mut self, feed: &Feed, frame: Frame<'_>, sink: &mut dyn Sink) -> Result<()> {
        rest::decode(feed, frame, sink)
    }

    fn request(&self, feed: &Feed) -> Option<Request> {
        rest::request(feed)
    }

    fn subscribe(&self, topics: &[Topic], _id: i64) -> Vec<String> {
        session::requests("subscribe", topics)
    }

    fn unsubscribe(&self, topics: &[Topic], _id: i64) -> Vec<String> {
        session::requests("unsubscribe", topics)
    }

    fn ping(&self, _id: i64) -> Option<String> {
        Some("ping".to_owned())
    }

    fn reset(&mut self) {
        *self = Self::default();
    }
}

impl BitMex {
    fn rows(&mut self, json: &mut Json<'_>, scope: Scope<'_>, sink: &mut dyn Sink) -> Result<()> {
        if let Some(place) = BOOK_TABLES.iter().position(|table| *table == scope.table) {
            return self.book(place, json, scope, sink);
        }
        if scope.action == Action::Partial {
            self.started.begin(scope.table, scope.filter);
        }
        match scope.table {
            "trade" => self.trades(json, scope, sink),
            "quote" => self.quotes(json, scope, sink),
            "orderBook10" => self.tops(json, scope, sink),
            "instrument" => self.instruments(json, scope, sink),
            "liquidation" => self.liquidations(json, scope, sink),
            "funding" | "settlement" => self.payments(json, scope, sink),
            "tradeBin1m" | "tradeBin5m" | "tradeBin1h" | "tradeBin1d" => {
                self.bars(json, scope, sink)
            }
            // Tables of an account, and of what is no market data.
            "order"
            | "execution"
            | "position"
            | "margin"
            | "wallet"
            | "transact"
            | "affiliate"
            | "privateNotifications"
            | "publicNotifications"
            | "announcement"
            | "chat"
            | "connected"
            | "insurance" => {
                sink.control(&Control::Nothing);
                json.skip()
            }
            other => {
                sink.control(&Control::Unknown(other));
                json.skip()
            }
        }
    }

    /// Whether the partial of a table was there, without which its rows mean nothing.
    fn is_started(&self, scope: Scope<'_>, symbol: &str) -> bool {
        self.started.has(scope.table, symbol)
    }

    /// Forgets what belongs to a topic that has ended.
    fn forget(&mut self, table: &str, symbol: Option<&str>) {
        self.started.end(table, symbol);
        if let Some(place) = BOOK_TABLES.iter().position(|name| *name == table) {
            self.books[place].end(symbol);
        }
    }
}

fn read_action(json: &mut Json<'_>) -> Result<Action> {
    let start = *json;
    Ok(match json.raw_text()? {
        b"partial" => Action::Partial,
        b"insert" => Action::Insert,
        b"update" => Action::Update,
        b"delete" => Action::Delete,
        _ => return Err(start.expected("an action of partial, insert, update or delete")),
    })
}

fn read_filter<'a>(json: &mut Json<'a>) -> Result<Option<&'a str>> {
    if json.kind()? != Kind::Object {
        json.skip()?;
        return Ok(None);
    }
    let symbol = json.lookup(b"symbol")?;
    json.skip()?;
    symbol.map(|mut symbol| symbol.text()).transpose()
}

#[cfg(test)]
mod tests;
