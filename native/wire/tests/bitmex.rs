//! The recordings of `BitMEX` yield what `venues.md` says.

mod recordings;

use std::collections::BTreeMap;

use recordings::{Counts, bytes, cryptofeed};
use rustonite_core::Decimal;
use rustonite_core::datasets::{draft, flags};
use rustonite_wire::{BookUpdate, Control, Feed, Frame, Sink, open};

/// Books kept by price, and what else a connection is about.
#[derive(Default)]
struct Kept {
    books: BTreeMap<String, BTreeMap<(usize, String), Decimal>>,
    lost: usize,
    subscribed: usize,
    stale_trades: usize,
    unknown_removed: usize,
}

impl Sink for Kept {
    fn book(&mut self, update: &BookUpdate<'_>) {
        let book = self.books.entry(update.symbol.to_owned()).or_default();
        if update.is_snapshot {
            book.clear();
        }
        for level in update.levels {
            let key = (level.side as usize, level.price.normalised().to_string());
            if level.size.is_zero() {
                self.unknown_removed += usize::from(book.remove(&key).is_none());
            } else {
                book.insert(key, level.size);
            }
        }
    }
    fn trade(&mut self, row: &draft::Trades<'_>) {
        self.stale_trades += usize::from(row.flags & flags::STALE != 0);
    }
    fn control(&mut self, control: &Control<'_>) {
        self.lost += usize::from(matches!(control, Control::Lost { .. }));
        self.subscribed += usize::from(matches!(control, Control::Subscribed(_)));
    }
}

#[test]
fn a_recorded_connection() {
    let Some(messages) = cryptofeed("bitmex/cryptofeed_ws.txt") else { return };
    let of_books = |action: &str| {
        let head = format!(r#"{{"table":"orderBookL2","action":"{action}""#);
        messages.iter().filter(|message| message.data.starts_with(head.as_bytes())).count()
    };
    assert_eq!(["partial", "update", "insert", "delete"].map(of_books), [6, 981, 316, 305]);
    let mut codecs = [open("bitmex").expect("a venue"), open("bitmex").expect("a venue")];
    let (mut counts, mut kept) = (Counts::default(), Kept::default());
    for message in &messages {
        let frame = Frame { ts_recv: message.ts_recv, data: &message.data };
        codecs[0].decode(frame, &mut counts).expect("a message of the venue");
        codecs[1].decode(frame, &mut kept).expect("a message of the venue");
    }
    let expected = Counts {
        trades: TRADES,
        quotes: QUOTES,
        pictures: 6,
        changes: 981 + 316 + 305,
        levels: LEVELS,
        ..Counts::default()
    };
    assert_eq!(counts, expected);
    assert_eq!([kept.lost, kept.subscribed, kept.stale_trades], [0, 30, 6]);
    assert_eq!(kept.unknown_removed, 0);
    // What is left of the books in the end: levels and the sum of their sizes.
    let left = |(symbol, book): (&String, &BTreeMap<_, Decimal>)| {
        let size = book.values().map(|size| size.to_scale(0).expect("whole contracts")).sum();
        (symbol.clone(), book.len(), size)
    };
    let left: Vec<(String, usize, i128)> = kept.books.iter().map(left).collect();
    let expected = LEFT.map(|(symbol, levels, size)| (symbol.to_owned(), levels, size));
    assert_eq!(left, expected);
}

// Counted by a script that keeps books by id.
const TRADES: usize = 23;
const QUOTES: usize = 361;
const LEVELS: usize = 12_474;
const LEFT: [(&str, usize, i128); 6] = [
    ("EOSUSDT", 261, 588_761),
    ("MATICUSDT", 169, 2_436_736),
    ("TRXU21", 143, 379_665_300),
    ("UNIUSDT", 259, 2_281_056),
    ("XBTUSD", 9_352, 271_533_300),
    ("XRPU21", 208, 23_622_493),
];

#[test]
fn messages_of_other_days() {
    let Some(all) = bytes("bitmex/crawler_messages.jsonl") else { return };
    let text = String::from_utf8(all).expect("text");
    let (mut counts, mut kept) = (Counts::default(), Kept::default());
    for line in text.lines() {
        let message = line[line.find(r#""msg":"#).expect("a message") + 6..].strip_suffix('}');
        let message = message.expect("a brace");
        let frame = Frame { ts_recv: 0, data: message.as_bytes() };
        let mut codec = open("bitmex").expect("a venue");
        // A book by REST, which is nothing that we ask for.
        if message.starts_with('[') {
            continue;
        }
        // Each message is alone: begin its table, which would have had a partial.
        let table = message.split('"').nth(3).expect("a table");
        let partial =
            format!(r#"{{"table":"{table}","action":"partial","filter":{{}},"data":[]}}"#);
        let partial = Frame { ts_recv: 0, data: partial.as_bytes() };
        codec.decode(partial, &mut kept).expect(table);
        codec.decode(frame, &mut counts).expect(message);
        codec.reset();
        codec.decode(partial, &mut kept).expect(table);
        codec.decode(frame, &mut kept).expect(message);
    }
    let expected = Counts {
        trades: 4,
        quotes: 4,
        pictures: 2,
        changes: 3,
        levels: 13,
        tops: 4,
        tickers: 2,
        bars: 4,
        ..Counts::default()
    };
    assert_eq!(counts, expected);
    // The one that removes an id without a book.
    assert_eq!(kept.lost, 1);
}

#[test]
fn instruments_of_a_recorded_answer() {
    let Some(all) = bytes("bitmex/cryptofeed_instruments.txt.gz") else { return };
    let text = String::from_utf8(all).expect("text");
    let body = text.lines().find_map(|line| Some(&line[line.find("[{")?..])).expect("an answer");
    let mut counts = Counts::default();
    let mut codec = open("bitmex").expect("a venue");
    let frame = Frame { ts_recv: 0, data: body.as_bytes() };
    codec.decode_answer(&Feed::Instruments, frame, &mut counts).expect("instruments");
    assert_eq!(counts.instruments, 34);
}

#[test]
fn examples_of_rows_and_answers() {
    let mut codec = open("bitmex").expect("a venue");
    let mut counts = Counts::default();
    for (name, table) in [
        ("ws_funding_rate", "funding"),
        ("ws_instrument_mark_update", "instrument"),
        ("ws_liquidation", "liquidation"),
        ("ws_orderbook_10", "orderBook10"),
        ("ws_orderbook_l2", "orderBookL2"),
        ("ws_quote", "quote"),
        ("ws_trade", "trade"),
    ] {
        let Some(row) = bytes(&format!("bitmex/nautilus/{name}.json")) else { return };
        let row = String::from_utf8(row).expect("text");
        let partial =
            format!(r#"{{"table":"{table}","action":"partial","filter":{{}},"data":[{row}]}}"#);
        codec.decode(Frame { ts_recv: 0, data: partial.as_bytes() }, &mut counts).expect(name);
    }
    for name in ["http_get_instrument_xbtusd", "http_get_instrument_xbtm26_xbtu26_spread"] {
        let Some(row) = bytes(&format!("bitmex/nautilus/{name}.json")) else { return };
        let list = format!("[{}]", String::from_utf8(row).expect("text"));
        let frame = Frame { ts_recv: 0, data: list.as_bytes() };
        codec.decode_answer(&Feed::Instruments, frame, &mut counts).expect(name);
    }
    let expected = Counts {
        trades: 1,
        quotes: 1,
        pictures: 1,
        levels: 1,
        tops: 1,
        tickers: 1 + 1,
        liquidations: 1,
        // A partial defines the instrument.
        instruments: 1 + 2,
        ..Counts::default()
    };
    assert_eq!(counts, expected);
}
