//! Sina quotes by HTTP: shares and indices of mainland China, Chinese and foreign futures, crypto
//! and foreign indices. Sizes are shares and lots of futures, as the venue sends them.

mod futures;
mod market;

use crate::codec::{Codec, Feed, Frame, Request, Topic};
use crate::error::Result;
use crate::event::Sink;
use crate::polled::Polled;

/// What stands before the name of an instrument.
const BEFORE: &str = "var hq_str_";
/// The venue answers nobody who does not come from its own pages.
const REFERER: &str = "https://finance.sina.com.cn";

/// The codec of one sequence of answers.
#[derive(Debug, Default)]
pub struct Sina {
    polled: Polled,
}

impl Codec for Sina {
    fn venue(&self) -> &'static str {
        market::VENUE
    }

    fn decode(&mut self, frame: Frame<'_>, sink: &mut dyn Sink) -> Result<()> {
        self.polled.read(frame, BEFORE, market::line, sink)
    }

    fn decode_answer(&mut self, _: &Feed, frame: Frame<'_>, sink: &mut dyn Sink) -> Result<()> {
        self.decode(frame, sink)
    }

    /// The quotes of a comma-separated list of instruments.
    fn request(&self, feed: &Feed) -> Option<Request> {
        let Feed::Tickers(Some(symbols)) = feed else { return None };
        let headers = vec![("Referer", REFERER.to_owned())];
        Some(Request { path: format!("/list={symbols}"), headers, ..Request::default() })
    }

    fn subscribe(&self, _topics: &[Topic], _id: i64) -> Vec<String> {
        Vec::new()
    }

    fn unsubscribe(&self, _topics: &[Topic], _id: i64) -> Vec<String> {
        Vec::new()
    }

    fn reset(&mut self) {
        self.polled.reset();
    }
}

#[cfg(test)]
mod tests;
