//! Kraken spot: WebSocket v2, and v1 as older recordings have it.

mod host;
mod market;
mod rest;
mod session;
mod v1;

use std::collections::HashMap;

pub use self::host::KrakenHost;
use crate::codec::{Codec, Feed, Frame, Request, Topic};
use crate::error::Result;
use crate::event::{Level, Order, Sink};
use crate::json::Json;

const VENUE: &str = "kraken";

/// The codec of one connection.
#[derive(Debug, Default)]
pub struct Kraken {
    levels: Vec<Level>,
    /// Empty between messages, so that it borrows from none.
    orders: Vec<Order<'static>>,
    /// Levels per side by symbol, which only the acknowledgement names.
    book_depths: HashMap<String, usize>,
    order_depths: HashMap<String, usize>,
}

impl Codec for Kraken {
    fn venue(&self) -> &'static str {
        VENUE
    }

    fn decode(&mut self, frame: Frame<'_>, sink: &mut dyn Sink) -> Result<()> {
        let mut json = Json::new(frame.data);
        // Only v1 sends arrays.
        if json.is_object()? { self.message(frame, sink) } else { self.array(frame, sink) }
    }

    fn decode_answer(&mut self, feed: &Feed, frame: Frame<'_>, sink: &mut dyn Sink) -> Result<()> {
        rest::decode(feed, frame, sink)
    }

    fn request(&self, feed: &Feed) -> Option<Request> {
        rest::request(feed)
    }

    fn subscribe(&self, topics: &[Topic], id: i64) -> Vec<String> {
        session::requests("subscribe", topics, id)
    }

    fn unsubscribe(&self, topics: &[Topic], id: i64) -> Vec<String> {
        session::requests("unsubscribe", topics, id)
    }

    fn ping(&self, id: i64) -> Option<String> {
        Some(format!(r#"{{"method":"ping","req_id":{id}}}"#))
    }

    fn reset(&mut self) {
        self.book_depths.clear();
        self.order_depths.clear();
    }
}

#[cfg(test)]
mod tests;
