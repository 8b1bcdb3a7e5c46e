//! Deribit.

mod channel;
mod figures;
mod host;
mod market;
mod rest;
mod session;

pub use self::host::DeribitHost;
use crate::codec::{Codec, Feed, Frame, Request, Topic};
use crate::common::Top;
use crate::error::Result;
use crate::event::{Control, Level, Sink};
use crate::json::Json;

use self::channel::Channel;

const VENUE: &str = "deribit";

/// The codec of one connection.
#[derive(Debug, Default)]
pub struct Deribit {
    levels: Vec<Level>,
    top: Top,
    /// What is unusual about a trade.
    conditions: String,
    /// Prices from which other steps apply, and the steps.
    steps: [Vec<f64>; 2],
}

impl Codec for Deribit {
    fn venue(&self) -> &'static str {
        VENUE
    }

    fn decode(&mut self, frame: Frame<'_>, sink: &mut dyn Sink) -> Result<()> {
        let mut json = Json::new(frame.data);
        let whole = json;
        let (mut method, mut early, mut done) = (None, None, false);
        json.object()?;
        while let Some(key) = json.key()? {
            match (key, method) {
                (b"method", _) => method = Some(json.text()?),
                (b"params", Some(method)) => {
                    done = true;
                    self.notice(method, &mut json, frame.ts_recv, sink)?;
                }
                (b"params", None) => early = Some(json.later()?),
                (b"result" | b"error", None) => {
                    json = whole;
                    session::answer(&mut json, sink)?;
                    return json.end();
                }
                _ => json.skip()?,
            }
        }
        json.end()?;
        if done {
            return Ok(());
        }
        let method = json.need(method, "a message with `method`, `result` or `error`")?;
        let mut params = json.need(early, "a message with `params`")?;
        self.notice(method, &mut params, frame.ts_recv, sink)
    }

    fn decode_answer(&mut self, feed: &Feed, frame: Frame<'_>, sink: &mut dyn Sink) -> Result<()> {
        rest::decode(self, feed, frame, sink)
    }

    fn request(&self, feed: &Feed) -> Option<Request> {
        rest::request(feed)
    }

    fn subscribe(&self, topics: &[Topic], id: i64) -> Vec<String> {
        session::requests("public/subscribe", topics, id)
    }

    /// The answer to a request says nothing of its kind, so those that end something have a negative
    /// number.
    fn unsubscribe(&self, topics: &[Topic], id: i64) -> Vec<String> {
        session::requests("public/unsubscribe", topics, -id)
    }

    fn lists_granted(&self) -> bool {
        true
    }

    /// Makes the venue ask now and then whether we are still there.
    fn greeting(&self) -> Vec<String> {
        vec![session::SET_HEARTBEAT.to_owned()]
    }
}

impl Deribit {
    /// A message that nobody asked for just now.
    fn notice(
        &mut self,
        method: &str,
        params: &mut Json<'_>,
        ts_recv: i64,
        sink: &mut dyn Sink,
    ) -> Result<()> {
        match method {
            "subscription" => self.subscription(params, ts_recv, sink),
            "heartbeat" => session::heartbeat(params, sink),
            other => {
                sink.control(&Control::Unknown(other));
                params.skip()
            }
        }
    }

    fn subscription(
        &mut self,
        params: &mut Json<'_>,
        ts_recv: i64,
        sink: &mut dyn Sink,
    ) -> Result<()> {
        let (mut name, mut early, mut done) = (None, None, false);
        params.object()?;
        while let Some(key) = params.key()? {
            match (key, name) {
                (b"channel", _) => name = Some(params.text()?),
                (b"data", Some(name)) => {
                    done = true;
                    self.data(name, params, ts_recv, sink)?;
                }
                (b"data", None) => early = Some(params.later()?),
                _ => params.skip()?,
            }
        }
        if done {
            return Ok(());
        }
        let name = params.need(name, "a subscription with `channel`")?;
        let mut data = params.need(early, "a subscription with `data`")?;
        self.data(name, &mut data, ts_recv, sink)
    }

    fn data(
        &mut self,
        name: &str,
        json: &mut Json<'_>,
        ts_recv: i64,
        sink: &mut dyn Sink,
    ) -> Result<()> {
        match Channel::of(name) {
            Channel::Book => self.book(json, ts_recv, sink),
            Channel::Top => self.best_levels(json, ts_recv, sink),
            Channel::Trades => self.trades(json, ts_recv, sink),
            Channel::Quote => market::quote(json, ts_recv, sink),
            Channel::Chart { symbol, resolution } => {
                market::chart(json, symbol, resolution, ts_recv, sink)
            }
            Channel::Ticker => figures::ticker(json, ts_recv, sink),
            Channel::Perpetual { symbol } => figures::perpetual(json, symbol, ts_recv, sink),
            Channel::Index => figures::index(json, ts_recv, sink),
            Channel::Volatility => figures::volatility(json, name, ts_recv, sink),
            Channel::Expiration { index } => figures::expiration(json, index, ts_recv, sink),
            Channel::OptionMarks => figures::option_marks(json, ts_recv, sink),
            Channel::State => figures::state(json, ts_recv, sink),
            Channel::Platform => session::platform(json, sink),
            Channel::Private => {
                sink.control(&Control::Nothing);
                json.skip()
            }
            Channel::Unknown => {
                sink.control(&Control::Unknown(name));
                json.skip()
            }
        }
    }
}

#[cfg(test)]
mod tests;
