//! OKX: spot, swaps, futures and options. They are one venue, as one set of names covers all.

mod host;
mod market;
mod rest;
mod session;

pub use self::host::OkxHost;
use crate::codec::{Codec, Feed, Frame, Request, Topic};
use crate::common::Top;
use crate::error::Result;
use crate::event::{Control, Level, Sink};
use crate::json::Json;

use self::market::Scope;
use self::session::Argument;

const VENUE: &str = "okx";

/// The codec of one connection.
#[derive(Debug, Default)]
pub struct Okx {
    levels: Vec<Level>,
    top: Top,
    /// Orders of the levels of the picture in `top`.
    counts: [Vec<i32>; 2],
    /// The channel of an answer with its parameters.
    channel: String,
}

impl Codec for Okx {
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
        let (mut argument, mut action, mut early, mut has_data) = (None, None, None, false);
        let scope = |argument, action| Scope { ts_recv: frame.ts_recv, argument, action };
        json.object()?;
        while let Some(key) = json.key()? {
            match key {
                b"arg" => argument = Some(Argument::read(&mut json)?),
                b"action" => action = Some(json.text()?),
                b"data" => match argument {
                    Some(argument) if action.is_some() || !market::has_action(argument.channel) => {
                        self.data(&mut json, scope(argument, action), sink)?;
                        has_data = true;
                    }
                    _ => early = Some(json.later()?),
                },
                b"event" => {
                    json = whole;
                    self.event(&mut json, sink)?;
                    return json.end();
                }
                _ => json.skip()?,
            }
        }
        json.end()?;
        let argument = json.need(argument, "`arg` or `event`")?;
        match early {
            Some(mut data) => self.data(&mut data, scope(argument, action), sink),
            None if has_data => Ok(()),
            None => Err(json.expected("`data`")),
        }
    }

    fn decode_answer(&mut self, feed: &Feed, frame: Frame<'_>, sink: &mut dyn Sink) -> Result<()> {
        rest::decode(feed, frame, sink)
    }

    fn request(&self, feed: &Feed) -> Option<Request> {
        rest::requests(feed).into_iter().next()
    }

    fn requests(&self, feed: &Feed) -> Vec<Request> {
        rest::requests(feed)
    }

    fn subscribe(&self, topics: &[Topic], id: i64) -> Vec<String> {
        session::requests("subscribe", topics, id)
    }

    fn unsubscribe(&self, topics: &[Topic], id: i64) -> Vec<String> {
        session::requests("unsubscribe", topics, id)
    }

    fn ping(&self, _id: i64) -> Option<String> {
        Some("ping".to_owned())
    }
}

#[cfg(test)]
mod tests;
