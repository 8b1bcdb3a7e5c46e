//! The recordings of Deribit yield what `venues.md` says.

mod recordings;

use std::collections::BTreeMap;

use recordings::{Counts, bytes, cryptofeed};
use rustonite_wire::{BookUpdate, Feed, Frame, Sink, open};

/// Checks that each change follows the one before.
#[derive(Default)]
struct Chains {
    newest: BTreeMap<String, Option<i64>>,
    checked: usize,
    breaks: usize,
}

impl Sink for Chains {
    fn book(&mut self, update: &BookUpdate<'_>) {
        let before = self.newest.insert(update.symbol.to_owned(), update.seq).flatten();
        if !update.is_snapshot {
            self.checked += 1;
            self.breaks += usize::from(update.seq_prev.is_none() || update.seq_prev != before);
        }
    }
}

#[test]
fn a_recorded_connection() {
    let Some(messages) = cryptofeed("deribit/cryptofeed_ws.txt") else { return };
    let mut codec = open("deribit").expect("a venue");
    let (mut counts, mut chains) = (Counts::default(), Chains::default());
    for message in &messages {
        let frame = Frame { ts_recv: message.ts_recv, data: &message.data };
        codec.decode(frame, &mut counts).expect("a message of the venue");
        codec.decode(frame, &mut chains).expect("a message of the venue");
    }
    let expected = Counts {
        pictures: 7,
        changes: 32,
        levels: LEVELS,
        tickers: 69,
        quotes: 69,
        ..Counts::default()
    };
    assert_eq!(counts, expected);
    assert_eq!([chains.checked, chains.breaks], [32, 0]);
}

/// Levels of all pictures and changes, counted by a script.
const LEVELS: usize = 101;

#[test]
fn messages_of_other_days() {
    let Some(all) = bytes("deribit/crawler_messages.jsonl") else { return };
    let text = String::from_utf8(all).expect("text");
    let mut codec = open("deribit").expect("a venue");
    let mut counts = Counts::default();
    // Its answers of REST are nothing that we ask for.
    let asked = ["l2_snapshot", "open_interest"].map(|kind| format!(r#"{{"kind":"{kind}""#));
    for line in text.lines().filter(|line| !asked.iter().any(|head| line.starts_with(head))) {
        let message = line[line.find(r#""msg":"#).expect("a message") + 6..].strip_suffix('}');
        let message = message.expect("a brace");
        let frame = Frame { ts_recv: 0, data: message.as_bytes() };
        codec.decode(frame, &mut counts).expect(message);
    }
    let expected = Counts {
        trades: 3,
        quotes: 1 + 2,
        pictures: 2,
        changes: 2,
        levels: 20,
        tops: 2,
        tickers: 2,
        bars: 2,
        ..Counts::default()
    };
    assert_eq!(counts, expected);
}

#[test]
fn instruments_of_a_recorded_answer() {
    let Some(all) = bytes("deribit/cryptofeed_instruments_btc.txt.gz") else { return };
    let text = String::from_utf8(all).expect("text");
    let body = text.lines().find_map(|line| Some(&line[line.find("{\"jsonrpc\"")?..]));
    let mut counts = Counts::default();
    let mut codec = open("deribit").expect("a venue");
    let frame = Frame { ts_recv: 0, data: body.expect("an answer").as_bytes() };
    codec.decode_answer(&Feed::Instruments, frame, &mut counts).expect("instruments");
    assert_eq!(counts.instruments, 398);
}

#[test]
fn examples_of_messages_and_answers() {
    let mut codec = open("deribit").expect("a venue");
    let mut counts = Counts::default();
    for name in [
        "ws_book_delta",
        "ws_book_grouped_snapshot",
        "ws_book_snapshot",
        "ws_chart",
        "ws_quote",
        "ws_test_request",
        "ws_ticker",
        "ws_trades",
        "ws_trades_option_combo",
    ] {
        let Some(data) = bytes(&format!("deribit/nautilus/{name}.json")) else { return };
        codec.decode(Frame { ts_recv: 0, data: &data }, &mut counts).expect(name);
    }
    for (name, feed) in [
        ("http_get_instrument", Feed::Instruments),
        ("http_get_instruments", Feed::Instruments),
        ("http_get_instruments_future_combo", Feed::Instruments),
        ("http_get_time", Feed::Time),
    ] {
        let Some(data) = bytes(&format!("deribit/nautilus/{name}.json")) else { return };
        codec.decode_answer(&feed, Frame { ts_recv: 0, data: &data }, &mut counts).expect(name);
    }
    let expected = Counts {
        trades: 2 + 1,
        quotes: 1 + 1,
        pictures: 1,
        changes: 1,
        levels: 10 + 4,
        tops: 1,
        tickers: 1,
        bars: 1,
        instruments: 1 + 4 + 6,
        ..Counts::default()
    };
    assert_eq!(counts, expected);
}
