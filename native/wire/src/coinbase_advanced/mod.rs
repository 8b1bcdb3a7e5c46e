//! Coinbase Advanced Trade.

mod host;
mod market;
mod rest;
mod session;

use std::collections::BTreeSet;

pub use self::host::CoinbaseAdvancedHost;
use crate::codec::{Codec, Feed, Frame, Request, Topic};
use crate::error::Result;
use crate::event::{Control, Level, Sink};
use crate::json::Json;

/// The codec of one connection.
#[derive(Debug, Default)]
pub struct CoinbaseAdvanced {
    levels: Vec<Level>,
    /// What the venue said last that we are subscribed to: it always sends the whole list.
    listed: BTreeSet<Topic>,
}

/// What surrounds the events of a frame.
#[derive(Clone, Copy, Debug)]
struct Scope<'a> {
    ts_recv: i64,
    channel: &'a str,
    /// When the venue sent the frame.
    sent: i64,
    /// Number of the frame on its connection.
    seq: i64,
}

impl Codec for CoinbaseAdvanced {
    fn venue(&self) -> &'static str {
        market::VENUE
    }

    fn decode(&mut self, frame: Frame<'_>, sink: &mut dyn Sink) -> Result<()> {
        let mut json = Json::new(frame.data);
        let whole = json;
        let (mut channel, mut sent, mut seq) = (None, None, None);
        let (mut early, mut done) = (None, false);
        json.object()?;
        while let Some(key) = json.key()? {
            match key {
                b"channel" => channel = Some(json.text()?),
                b"timestamp" => sent = Some(json.time_text()?),
                b"sequence_num" => seq = Some(json.integer()?),
                // An error has no channel.
                b"type" if channel.is_none() => {
                    json = whole;
                    session::error(&mut json, sink)?;
                    return json.end();
                }
                b"events" => {
                    if let (Some(channel), Some(sent), Some(seq)) = (channel, sent, seq) {
                        done = true;
                        let scope = Scope { ts_recv: frame.ts_recv, channel, sent, seq };
                        self.numbered(&mut json, scope, sink)?;
                    } else {
                        early = Some(json.later()?);
                    }
                }
                _ => json.skip()?,
            }
        }
        json.end()?;
        if done {
            return Ok(());
        }
        let scope = Scope {
            ts_recv: frame.ts_recv,
            channel: json.need(channel, "a frame with `channel`")?,
            sent: json.need(sent, "a frame with `timestamp`")?,
            seq: json.need(seq, "a frame with `sequence_num`")?,
        };
        let mut events = json.need(early, "a frame with `events`")?;
        self.numbered(&mut events, scope, sink)
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

    /// Without heartbeats the venue closes connections whose channels are quiet.
    fn greeting(&self) -> Vec<String> {
        vec![r#"{"type":"subscribe","channel":"heartbeats"}"#.to_owned()]
    }

    fn reset(&mut self) {
        self.listed.clear();
    }
}

impl CoinbaseAdvanced {
    /// The events of a frame, behind its number: the venue counts all frames of a connection.
    fn numbered(
        &mut self,
        json: &mut Json<'_>,
        scope: Scope<'_>,
        sink: &mut dyn Sink,
    ) -> Result<()> {
        sink.control(&Control::Sequence(scope.seq));
        match scope.channel {
            // Data of an account.
            "user" | "futures_balance_summary" => {
                sink.control(&Control::Nothing);
                return json.skip();
            }
            "heartbeats" => {
                sink.control(&Control::Heartbeat);
                return json.skip();
            }
            "l2_data" | "market_trades" | "ticker" | "ticker_batch" | "candles" | "status"
            | "subscriptions" => {}
            other => {
                sink.control(&Control::Unknown(other));
                return json.skip();
            }
        }
        json.array()?;
        while json.item()? {
            match scope.channel {
                "l2_data" => self.book(json, scope, sink)?,
                "market_trades" => market::trades(json, scope, sink)?,
                "candles" => market::candles(json, scope, sink)?,
                "status" => rest::status(json, scope, sink)?,
                "subscriptions" => self.subscribed(json, sink)?,
                _ => market::tickers(json, scope, sink)?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
