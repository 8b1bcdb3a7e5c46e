//! Kraken Futures: WebSocket v1 and REST v3.

mod host;
mod market;
mod rest;
mod session;

pub use self::host::KrakenFuturesHost;
use crate::codec::{Codec, Feed, Frame, Request, Topic};
use crate::error::Result;
use crate::event::{Control, Level, Sink};
use crate::json::Json;

const VENUE: &str = "kraken-futures";

/// The codec of one connection.
#[derive(Debug, Default)]
pub struct KrakenFutures {
    levels: Vec<Level>,
}

impl KrakenFutures {
    fn message(&mut self, feed: &[u8], frame: Frame<'_>, sink: &mut dyn Sink) -> Result<()> {
        let mut json = Json::new(frame.data);
        let ts_recv = frame.ts_recv;
        match feed {
            b"book" => market::change(&mut json, ts_recv, sink)?,
            b"trade" => market::trade(&mut json, ts_recv, 0, sink)?,
            b"ticker" => market::ticker(&mut json, ts_recv, sink)?,
            b"ticker_lite" => market::ticker_lite(&mut json, ts_recv, sink)?,
            b"book_snapshot" => self.picture(&mut json, ts_recv, sink)?,
            b"trade_snapshot" => market::history(&mut json, ts_recv, sink)?,
            b"heartbeat" => {
                json.need(json.lookup(b"time")?, "a heartbeat with `time`")?;
                sink.control(&Control::Heartbeat);
                json.skip()?;
            }
            other => {
                sink.control(&Control::Unknown(std::str::from_utf8(other).unwrap_or_default()));
                json.skip()?;
            }
        }
        json.end()
    }
}

/// The feed of a message, or `None` if it is an event.
fn feed(data: &[u8]) -> Result<Option<&[u8]>> {
    let mut json = Json::new(data);
    json.object()?;
    while let Some(key) = json.key()? {
        match key {
            b"feed" => return json.raw_text().map(Some),
            b"event" => return Ok(None),
            _ => json.skip()?,
        }
    }
    Ok(None)
}

impl Codec for KrakenFutures {
    fn venue(&self) -> &'static str {
        VENUE
    }

    fn decode(&mut self, frame: Frame<'_>, sink: &mut dyn Sink) -> Result<()> {
        let Some(feed) = feed(frame.data)? else { return session::answer(frame.data, sink) };
        let read = self.message(feed, frame, sink);
        // An answer that names its feed before its event looks like a message of the market.
        if read.is_err() && session::is_answer(frame.data) {
            return session::answer(frame.data, sink);
        }
        read
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

    /// Nothing tells a silent market from a dead line unless heartbeats are asked for.
    fn greeting(&self) -> Vec<String> {
        vec![r#"{"event":"subscribe","feed":"heartbeat"}"#.to_owned()]
    }
}

#[cfg(test)]
mod tests;
