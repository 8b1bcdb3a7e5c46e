//! Hyperliquid: perpetuals of its own and of others' making, and spot.

mod host;
mod market;
mod rest;
mod session;

use std::collections::HashSet;

pub use self::host::HyperliquidHost;
use crate::codec::{Codec, Feed, Frame, Request, Topic};
use crate::error::Result;
use crate::event::{Control, Level, Sink};
use crate::json::Json;

const VENUE: &str = "hyperliquid";
/// What a new connection may begin with.
const GREETING: &[u8] = b"Websocket connection established.";

/// The codec of one connection.
#[derive(Debug, Default)]
pub struct Hyperliquid {
    levels: Vec<Level>,
    /// Coins whose past trades were repeated already.
    repeated: HashSet<String>,
    /// The channel of an answer with its parameters.
    channel: String,
    /// Tokens by number, by which perpetuals name what they settle in.
    tokens: Vec<(i64, String)>,
}

impl Codec for Hyperliquid {
    fn venue(&self) -> &'static str {
        VENUE
    }

    fn decode(&mut self, frame: Frame<'_>, sink: &mut dyn Sink) -> Result<()> {
        if frame.data == GREETING {
            sink.control(&Control::Nothing);
            return Ok(());
        }
        let mut json = Json::new(frame.data);
        let channel = json.need(json.lookup(b"channel")?, "`channel`")?.text()?;
        let mut is_read = false;
        json.object()?;
        while let Some(key) = json.key()? {
            if key == b"data" {
                is_read = true;
                self.data(&mut json, channel, frame.ts_recv, sink)?;
            } else {
                json.skip()?;
            }
        }
        if !is_read && channel == "pong" {
            is_read = true;
            sink.control(&Control::Heartbeat);
        }
        json.need(is_read.then_some(()), "`data`")?;
        json.end()
    }

    fn decode_answer(&mut self, feed: &Feed, frame: Frame<'_>, sink: &mut dyn Sink) -> Result<()> {
        rest::decode(self, feed, frame, sink)
    }

    fn request(&self, feed: &Feed) -> Option<Request> {
        rest::requests(feed).into_iter().next()
    }

    fn requests(&self, feed: &Feed) -> Vec<Request> {
        rest::requests(feed)
    }

    fn subscribe(&self, topics: &[Topic], _id: i64) -> Vec<String> {
        session::requests("subscribe", topics)
    }

    fn unsubscribe(&self, topics: &[Topic], _id: i64) -> Vec<String> {
        session::requests("unsubscribe", topics)
    }

    fn ping(&self, _id: i64) -> Option<String> {
        Some(r#"{"method":"ping"}"#.to_owned())
    }

    fn reset(&mut self) {
        self.repeated.clear();
        self.tokens.clear();
    }
}

#[cfg(test)]
mod tests;
