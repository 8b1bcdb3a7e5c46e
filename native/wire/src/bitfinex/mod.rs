//! Bitfinex: WebSocket and REST v2.

mod host;
mod market;
mod rest;
mod session;

use std::collections::HashSet;

use crate::codec::{Codec, Feed, Frame, Request, Topic};
use crate::error::Result;
use crate::event::{Level, Order, Sink};
use crate::json::Json;

pub use self::host::BitfinexHost;
use self::market::Interval;

const VENUE: &str = "bitfinex";

/// What a channel sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Book,
    Orders,
    Trades,
    Ticker,
    Derivative,
    Liquidations,
    Candles(Interval),
    /// Of the funding market, or new.
    Other,
}

/// A channel as the venue acknowledged it: data names only its number.
#[derive(Debug)]
struct Channel {
    number: i64,
    kind: Kind,
    /// Its name as topics have it.
    name: String,
    /// Empty for a channel of all instruments.
    symbol: String,
    /// Orders that rest, by which a change of an order is told from a new one.
    ids: HashSet<i64>,
}

/// The codec of one connection.
#[derive(Debug, Default)]
pub struct Bitfinex {
    /// There are at most some thirty on a connection.
    channels: Vec<Channel>,
    levels: Vec<Level>,
    orders: Vec<Order<'static>>,
}

impl Codec for Bitfinex {
    fn venue(&self) -> &'static str {
        VENUE
    }

    fn decode(&mut self, frame: Frame<'_>, sink: &mut dyn Sink) -> Result<()> {
        let mut json = Json::new(frame.data);
        if json.is_object()? {
            session::event(self, &mut json, sink)?;
            return json.end();
        }
        self.data(frame, sink)
    }

    fn decode_answer(&mut self, feed: &Feed, frame: Frame<'_>, sink: &mut dyn Sink) -> Result<()> {
        rest::decode(feed, frame, sink)
    }

    fn request(&self, feed: &Feed) -> Option<Request> {
        rest::request(feed)
    }

    fn subscribe(&self, topics: &[Topic], _id: i64) -> Vec<String> {
        topics.iter().map(session::subscription).collect()
    }

    /// Channels are ended by their numbers: what was not acknowledged cannot be ended.
    fn unsubscribe(&self, topics: &[Topic], _id: i64) -> Vec<String> {
        let is_meant = |channel: &&Channel| {
            let names = |topic: &Topic| {
                let symbol = topic.symbol.as_deref().unwrap_or_default();
                topic.channel == channel.name && symbol == channel.symbol
            };
            topics.iter().any(names)
        };
        let message =
            |channel: &Channel| format!(r#"{{"event":"unsubscribe","chanId":{}}}"#, channel.number);
        self.channels.iter().filter(is_meant).map(message).collect()
    }

    fn ping(&self, id: i64) -> Option<String> {
        Some(format!(r#"{{"event":"ping","cid":{id}}}"#))
    }

    fn greeting(&self) -> Vec<String> {
        vec![session::greeting()]
    }

    fn reset(&mut self) {
        self.channels.clear();
    }
}

#[cfg(test)]
mod tests;
