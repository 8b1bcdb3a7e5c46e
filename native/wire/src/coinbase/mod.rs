//! Coinbase Exchange.

mod host;
mod market;
mod orders;
mod rest;
mod session;

use std::collections::{BTreeSet, HashSet};

pub use self::host::CoinbaseHost;
use crate::codec::{Codec, Feed, Frame, Request, Topic};
use crate::error::Result;
use crate::event::{Control, Level, Sink};
use crate::json::{Json, Kind};

pub(crate) use self::{market::against, rest::Modes};

const VENUE: &str = "coinbase";

/// The codec of one connection.
#[derive(Debug, Default)]
pub struct Coinbase {
    levels: Vec<Level>,
    /// What the venue said last that we are subscribed to: it always sends the whole list.
    listed: BTreeSet<Topic>,
    /// Products whose orders are followed one by one: their matches belong to the book as well.
    ordered: HashSet<String>,
}

impl Codec for Coinbase {
    fn venue(&self) -> &'static str {
        VENUE
    }

    fn decode(&mut self, frame: Frame<'_>, sink: &mut dyn Sink) -> Result<()> {
        let mut json = Json::new(frame.data);
        if json.kind()? == Kind::Array {
            self.compact_order(&mut json, frame.ts_recv, sink)?;
            return json.end();
        }
        let name = json.lookup(b"type")?;
        let name = json.need(name, "a message with `type`")?.text()?;
        self.message(name, &mut json, frame.ts_recv, sink)?;
        json.end()
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

    fn refuses_whole(&self) -> bool {
        true
    }

    fn reset(&mut self) {
        self.listed.clear();
        self.ordered.clear();
    }
}

impl Coinbase {
    fn message(
        &mut self,
        name: &str,
        json: &mut Json<'_>,
        ts_recv: i64,
        sink: &mut dyn Sink,
    ) -> Result<()> {
        match name {
            "l2update" => self.changes(json, ts_recv, sink),
            "snapshot" => self.picture(json, ts_recv, sink),
            "match" | "last_match" | "rfq_match" => self.matched(name, json, ts_recv, sink),
            "received" | "open" | "done" | "change" | "activate" => {
                self.order(name, json, ts_recv, sink)
            }
            "ticker" => market::ticker(json, ts_recv, sink),
            "heartbeat" => market::heartbeat(json, sink),
            "status" => rest::status(json, ts_recv, sink),
            "subscriptions" => self.subscribed(json, sink),
            "error" => session::error(json, sink),
            // Says which columns the compact messages of `level3` have.
            "level3" => {
                sink.control(&Control::Nothing);
                json.skip()
            }
            other => {
                sink.control(&Control::Unknown(other));
                json.skip()
            }
        }
    }
}

#[cfg(test)]
mod tests;
