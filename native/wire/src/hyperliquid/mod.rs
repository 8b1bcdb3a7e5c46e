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
        let (mut channel, mut early, mut has_data) = (None, None, false);
        json.object()?;
        while let Some(key) = json.key()? {
            match (key, channel) {
                (b"channel", _) => channel = Some(json.text()?),
                (b"data", Some(channel)) => {
                    self.data(&mut json, channel, frame.ts_recv, sink)?;
                    has_data = true;
                }
                (b"data", None) => early = Some(json.later()?),
                _ => json.skip()?,
            }
        }
        json.end()?;
        let channel = json.need(channel, "`channel`")?;
        match early {
            Some(mut data) => self.data(&mut data, channel, frame.ts_recv, sink),
            None if has_data => Ok(()),
            None if channel == "pong" => {
                sink.control(&Control::Heartbeat);
                Ok(())
            }
            None => Err(json.expected("`data`")),
        }
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
