//! The recorded answers of Alpaca yield what an independent count says.

mod recordings;

use recordings::{Counts, bytes};
use rustonite_wire::{Feed, Frame, open};

/// What a recorded answer was asked with, by the name of its case; `None` for orders and positions.
fn feed(case: &str) -> Option<Feed> {
    let has = |part: &str| case.to_lowercase().contains(part);
    if has("order") || has("announcement") || has("position") {
        return None;
    }
    Some(if has("asset") {
        Feed::Instruments
    } else if has("snapshot") {
        Feed::Tickers(None)
    } else {
        Feed::Trades(String::new())
    })
}

fn check(file: &str, expected: [usize; 4]) {
    let Some(all) = bytes(file) else { return };
    let text = String::from_utf8(all).expect("text");
    let mut counts = Counts::default();
    for line in text.lines() {
        let (case, body) = line.split_once(r#"","body":"#).expect("a case and a body");
        let case = case.trim_start_matches(r#"{"case":""#);
        let body = body.strip_suffix('}').expect("the end of the line");
        let Some(feed) = feed(case) else { continue };
        let mut codec = open("alpaca-stocks").expect("a venue");
        let frame = Frame { ts_recv: 0, data: body.as_bytes() };
        let read = codec.decode_answer(&feed, frame, &mut counts);
        read.unwrap_or_else(|error| panic!("{case}: {error}"));
    }
    let found = [counts.trades, counts.quotes, counts.tickers, counts.instruments];
    assert_eq!(found, expected, "{file}");
}

#[test]
fn answers_of_rest() {
    check("alpaca/rest_responses_ago.jsonl", [27, 18, 7, 1]);
    check("alpaca/rest_responses_apy.jsonl", [10, 10, 4, 2]);
}
