//! The recordings of Kraken Futures yield what `venues.md` says.

mod recordings;

use std::collections::HashMap;

use recordings::{Both, Counts, bytes, cryptofeed, responses};
use rustonite_wire::{BookUpdate, Control, Feed, Frame, Sink, open};

/// Counts, and follows the numbers of each product.
#[derive(Default)]
struct Chained {
    numbers: HashMap<String, i64>,
    breaks: usize,
    subscribed: usize,
}

impl Sink for Chained {
    fn book(&mut self, update: &BookUpdate<'_>) {
        let seq = update.seq.expect("a number");
        let before = self.numbers.insert(update.symbol.to_owned(), seq);
        self.breaks += usize::from(!update.is_snapshot && before != Some(seq - 1));
    }
    fn control(&mut self, control: &Control<'_>) {
        self.subscribed += usize::from(matches!(control, Control::Subscribed(_)));
    }
}

#[test]
fn every_product_counts_without_gap() {
    let Some(messages) = cryptofeed("kraken_futures/cryptofeed_ws.txt") else { return };
    let mut codec = open("kraken-futures").expect("a venue");
    let mut found = Both::<Counts, Chained>::default();
    for message in &messages {
        let frame = Frame { ts_recv: message.ts_recv, data: &message.data };
        let read = codec.decode(frame, &mut found);
        read.unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&message.data)));
    }
    let counts = &found.0;
    assert_eq!((counts.pictures, counts.changes, found.1.breaks), (6, 4744, 0));
    assert_eq!((counts.trades, counts.tickers, counts.quotes), (602, 62, 0));
    assert_eq!((found.1.subscribed, counts.unknown), (30, 0));
}

#[test]
fn messages_of_each_kind() {
    let mut codec = open("kraken-futures").expect("a venue");
    let mut counts = Counts::default();
    let names = [
        "book_delta",
        "book_snapshot",
        "book_snapshot_with_zero_qty",
        "ticker",
        "trade",
        "trade_snapshot",
    ];
    for name in names {
        let file = format!("kraken_futures/nautilus/ws_futures_{name}.json");
        let Some(data) = bytes(&file) else { return };
        codec.decode(Frame { ts_recv: 0, data: &data }, &mut counts).expect(name);
    }
    assert_eq!([counts.pictures, counts.changes, counts.levels], [2, 1, 8]);
    assert_eq!([counts.trades, counts.tickers, counts.quotes, counts.unknown], [3, 1, 1, 0]);
}

#[test]
fn a_ticker_of_2026() {
    let file = "kraken_futures/request_response/Subscriptions__Futures__Ticker.txt";
    let Some(messages) = responses(file) else { return };
    let mut codec = open("kraken-futures").expect("a venue");
    let mut found = Both::<Counts, Chained>::default();
    for message in messages {
        let frame = Frame { ts_recv: 0, data: message.as_bytes() };
        codec.decode(frame, &mut found).expect(file);
    }
    let counts = &found.0;
    assert_eq!((found.1.subscribed, counts.tickers, counts.quotes, counts.unknown), (1, 1, 1, 0));
}

#[test]
fn answers_of_rest() {
    let answers = [
        ("nautilus/http_futures_instruments.json", 4),
        ("nautilus/http_futures_instrument_no_fee_schedule.json", 1),
        ("request_response/Futures__ExchangeData__GetSymbols.txt", 3),
    ];
    for (name, expected) in answers {
        let Some(data) = bytes(&format!("kraken_futures/{name}")) else { return };
        // Some have a line in front that says what was asked.
        let start = data.iter().position(|byte| *byte == b'{').expect("an object");
        let mut codec = open("kraken-futures").expect("a venue");
        let mut counts = Counts::default();
        let frame = Frame { ts_recv: 0, data: &data[start..] };
        codec.decode_answer(&Feed::Instruments, frame, &mut counts).expect(name);
        assert_eq!(counts.instruments, expected, "{name}");
    }
}
