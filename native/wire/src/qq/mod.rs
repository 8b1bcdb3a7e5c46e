//! QQ (Tencent) quotes by HTTP: shares and indices of mainland China, shares of Hong Kong and the
//! US. Units are the venue's: lots of 100 shares in mainland China, shares elsewhere.

mod market;

use crate::codec::{Codec, Feed, Frame, Request, Topic};
use crate::error::Result;
use crate::event::{Answer, Control, Sink};
use crate::polled::Polled;

/// What stands before the name of an instrument.
const BEFORE: &str = "v_";
/// The only line of an answer when no instrument is known.
const NONE_KNOWN: &str = "pv_none_match";

/// The codec of one sequence of answers.
#[derive(Debug, Default)]
pub struct Qq {
    polled: Polled,
}

impl Codec for Qq {
    fn venue(&self) -> &'static str {
        market::VENUE
    }

    fn decode(&mut self, frame: Frame<'_>, sink: &mut dyn Sink) -> Result<()> {
        self.polled.read(frame, BEFORE, market::line, sink)
    }

    /// Instruments of the question that are missing in the answer are unknown to the venue.
    fn decode_answer(&mut self, feed: &Feed, frame: Frame<'_>, sink: &mut dyn Sink) -> Result<()> {
        self.polled.read(frame, BEFORE, market::line, sink)?;
        if let Feed::Tickers(Some(symbols)) = feed {
            self.polled.refuse_missing(symbols, sink);
        }
        Ok(())
    }

    /// The quotes of a comma-separated list of instruments.
    fn request(&self, feed: &Feed) -> Option<Request> {
        let Feed::Tickers(Some(symbols)) = feed else { return None };
        Some(Request { path: format!("/q={symbols}"), ..Request::default() })
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

/// Nothing that was asked for is known.
fn none_known(sink: &mut dyn Sink) {
    let text = Some(NONE_KNOWN);
    sink.control(&Control::Refused(Answer { text, ..Answer::default() }));
}

#[cfg(test)]
mod tests;
