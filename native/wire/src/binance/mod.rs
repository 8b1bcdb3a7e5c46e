//! Binance: spot, USD-M and COIN-M futures.

mod host;
mod market;
mod rest;
mod session;

use crate::codec::{Codec, Feed, Frame, Request, Topic};
use crate::common::Top;
use crate::error::Result;
use crate::event::{Level, Sink};
use crate::json::Json;

pub use self::host::BinanceHost;
use self::market::Scope;

/// One of the markets, each a venue of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Market {
    /// Spot.
    Spot,
    /// Futures that settle in a stable coin.
    UsdM,
    /// Futures that settle in the base coin.
    CoinM,
}

/// The codec of one connection.
#[derive(Debug)]
pub struct Binance {
    market: Market,
    levels: Vec<Level>,
    top: Top,
    /// Symbols of stream names are in lower case.
    symbol: String,
}

impl Binance {
    /// A codec for a market.
    pub fn new(market: Market) -> Self {
        Self { market, levels: Vec::new(), top: Top::default(), symbol: String::new() }
    }
}

impl Codec for Binance {
    fn venue(&self) -> &'static str {
        match self.market {
            Market::Spot => "binance",
            Market::UsdM => "binance-usdm",
            Market::CoinM => "binance-coinm",
        }
    }

    fn decode(&mut self, frame: Frame<'_>, sink: &mut dyn Sink) -> Result<()> {
        let mut json = Json::new(frame.data);
        let whole = json;
        let mut scope = Scope { ts_recv: frame.ts_recv, stream: None, in_array: false };
        if !json.is_object()? {
            self.events(&mut json, scope, sink)?;
            return json.end();
        }
        json.object()?;
        let mut early = None;
        let mut has_data = false;
        while let Some(key) = json.key()? {
            match key {
                b"stream" => scope.stream = Some(json.text()?),
                b"data" if scope.stream.is_some() => {
                    has_data = true;
                    self.events(&mut json, scope, sink)?;
                }
                b"data" => early = Some(json.later()?),
                // A message without the wrapper.
                _ if scope.stream.is_none() && early.is_none() => {
                    json = whole;
                    self.events(&mut json, scope, sink)?;
                    return json.end();
                }
                _ => json.skip()?,
            }
        }
        json.end()?;
        match early {
            Some(mut data) => self.events(&mut data, scope, sink),
            None if has_data => Ok(()),
            None => Err(json.expected("`data`")),
        }
    }

    fn decode_answer(&mut self, feed: &Feed, frame: Frame<'_>, sink: &mut dyn Sink) -> Result<()> {
        rest::decode(self, feed, frame, sink)
    }

    fn request(&self, feed: &Feed) -> Option<Request> {
        rest::request(self.market, feed)
    }

    fn subscribe(&self, topics: &[Topic], id: i64) -> Vec<String> {
        session::requests("SUBSCRIBE", topics, id)
    }

    fn unsubscribe(&self, topics: &[Topic], id: i64) -> Vec<String> {
        session::requests("UNSUBSCRIBE", topics, id)
    }
}

#[cfg(test)]
mod tests;
