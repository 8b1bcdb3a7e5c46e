//! Alpaca: US stocks and crypto, in JSON.

mod market;
mod rest;
mod session;

use std::collections::BTreeSet;

use crate::codec::{Codec, Feed, Frame, Keys, Request, Topic};
use crate::error::Result;
use crate::event::{Level, Sink};
use crate::json::Json;

/// One of the markets, each a venue of its own. The feeds of stocks (`iex`, `sip`, `delayed_sip`)
/// speak alike and differ only in their address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Market {
    /// Stocks and funds of the US.
    Stocks,
    /// Crypto, on Alpaca's own exchange.
    Crypto,
}

/// The codec of one connection.
#[derive(Debug)]
pub struct Alpaca {
    market: Market,
    levels: Vec<Level>,
    /// Condition codes of a trade or quote, joined.
    words: String,
    /// The same of a trade that another one replaces.
    words_old: String,
    /// What the venue said last that we are subscribed to: it always sends the whole list.
    listed: BTreeSet<Topic>,
}

impl Alpaca {
    /// A codec for a market.
    pub fn new(market: Market) -> Self {
        Self {
            market,
            levels: Vec::new(),
            words: String::new(),
            words_old: String::new(),
            listed: BTreeSet::new(),
        }
    }
}

impl Codec for Alpaca {
    fn venue(&self) -> &'static str {
        match self.market {
            Market::Stocks => "alpaca-stocks",
            Market::Crypto => "alpaca-crypto",
        }
    }

    fn decode(&mut self, frame: Frame<'_>, sink: &mut dyn Sink) -> Result<()> {
        let mut json = Json::new(frame.data);
        if json.is_object()? {
            self.message(&mut json, frame.ts_recv, sink)?;
            return json.end();
        }
        json.array()?;
        while json.item()? {
            self.message(&mut json, frame.ts_recv, sink)?;
        }
        json.end()
    }

    fn decode_answer(&mut self, feed: &Feed, frame: Frame<'_>, sink: &mut dyn Sink) -> Result<()> {
        rest::decode(self, feed, frame, sink)
    }

    fn request(&self, feed: &Feed) -> Option<Request> {
        rest::request(self.market, feed)
    }

    fn subscribe(&self, topics: &[Topic], _id: i64) -> Vec<String> {
        session::requests("subscribe", topics)
    }

    fn unsubscribe(&self, topics: &[Topic], _id: i64) -> Vec<String> {
        session::requests("unsubscribe", topics)
    }

    fn login(&self, keys: &Keys) -> Option<String> {
        let Keys { key, secret } = keys;
        Some(format!(r#"{{"action":"auth","key":"{key}","secret":"{secret}"}}"#))
    }

    fn key_headers(&self, keys: &Keys) -> Vec<(&'static str, String)> {
        let Keys { key, secret } = keys.clone();
        vec![("APCA-API-KEY-ID", key), ("APCA-API-SECRET-KEY", secret)]
    }

    fn reset(&mut self) {
        self.listed.clear();
    }
}

#[cfg(test)]
mod tests;
