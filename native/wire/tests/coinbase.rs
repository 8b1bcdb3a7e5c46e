//! The recordings of Coinbase Exchange yield what `venues.md` says.

mod recordings;

use std::collections::BTreeMap;

use recordings::{Counts, bytes, cryptofeed};
use rustonite_core::datasets::{Aggressor, draft, flags};
use rustonite_wire::{Feed, Frame, Sink, open};

#[test]
fn a_recorded_day() {
    let Some(messages) = cryptofeed("coinbase_exchange/cryptofeed_ws.txt") else { return };
    let mut codec = open("coinbase").expect("a venue");
    let (mut counts, mut sides) = (Counts::default(), Sides::default());
    for message in &messages {
        let frame = Frame { ts_recv: message.ts_recv, data: &message.data };
        codec.decode(frame, &mut counts).expect("a message of the venue");
        codec.decode(frame, &mut sides).expect("a message of the venue");
    }
    // A last match is repeated from before the subscription.
    assert_eq!([sides.trades, sides.stale], [81 + 6, 6]);
    // 81 matches and 6 last matches; tickers of that time have no sizes and make no quotes.
    assert_eq!([counts.pictures, counts.changes, counts.trades], [6, 6_348, 87]);
    assert_eq!([counts.tickers, counts.quotes, counts.orders], [87, 0, 0]);
    assert_eq!([counts.levels, counts.unknown], [LEVELS, 0]);
}

/// Levels of all pictures and changes, counted by a script.
const LEVELS: usize = 12_106;

/// Sums trades by the side of the taker.
#[derive(Default)]
struct Sides {
    bought: usize,
    stale: usize,
    /// Of each product.
    newest: BTreeMap<String, i64>,
    trades: usize,
    breaks: usize,
}

impl Sink for Sides {
    fn trade(&mut self, row: &draft::Trades<'_>) {
        self.bought += usize::from(row.side == Aggressor::Buy);
        self.stale += usize::from(row.flags & flags::STALE != 0);
        self.trades += 1;
        let id = row.trade_id.expect("an id");
        let before = self.newest.insert(row.symbol.to_owned(), id);
        self.breaks += usize::from(before.is_some_and(|before| before + 1 != id));
    }
}

#[test]
fn recorded_matches_have_unbroken_ids() {
    let Some(all) = bytes("coinbase_exchange/matches_20250822.json") else { return };
    let text = String::from_utf8(all).expect("text");
    let mut codec = open("coinbase").expect("a venue");
    let mut sides = Sides::default();
    // A list of messages, spread over lines.
    for message in text.split_inclusive('}').filter_map(|part| Some(&part[part.find('{')?..])) {
        let frame = Frame { ts_recv: 0, data: message.as_bytes() };
        codec.decode(frame, &mut sides).expect("a match");
    }
    assert_eq!([sides.trades, sides.bought, sides.stale, sides.breaks], [447, 328, 0, 0]);
    assert_eq!(sides.newest.len(), 3);
}

#[test]
fn products_of_a_recorded_answer() {
    let Some(all) = bytes("coinbase_exchange/cryptofeed_products.txt.gz") else { return };
    let text = String::from_utf8(all).expect("text");
    let body = text.lines().find_map(|line| Some(&line[line.find("[{")?..])).expect("an answer");
    let mut counts = Counts::default();
    let frame = Frame { ts_recv: 0, data: body.as_bytes() };
    let mut codec = open("coinbase").expect("a venue");
    codec.decode_answer(&Feed::Instruments, frame, &mut counts).expect("products");
    assert_eq!(counts.instruments, 162);
}

#[test]
fn messages_of_other_days() {
    let Some(all) = bytes("coinbase_exchange/crawler_messages.jsonl") else { return };
    let text = String::from_utf8(all).expect("text");
    let mut counts = Counts::default();
    let mut codec = open("coinbase").expect("a venue");
    for line in text.lines() {
        let message = line[line.find(r#""msg":"#).expect("a message") + 6..].strip_suffix('}');
        let frame = Frame { ts_recv: 0, data: message.expect("a brace").as_bytes() };
        codec.decode(frame, &mut counts).expect("a message of the venue");
    }
    let found = [counts.trades, counts.pictures, counts.levels, counts.orders, counts.tickers];
    assert_eq!((found, counts.unknown), ([1, 1, 6, 1, 1], 0));
}
