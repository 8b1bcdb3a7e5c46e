//! The recordings of OKX yield what `venues.md` says.

mod recordings;

use std::collections::HashMap;

use recordings::{Both, Counts, PlainBook, Recorded, bytes, cryptofeed, responses};
use rustonite_core::Decimal;
use rustonite_wire::{BookUpdate, Control, Feed, Frame, Sink, open};

/// Counts, and what the books say about their own integrity.
#[derive(Default)]
struct Found {
    books: HashMap<String, PlainBook>,
    /// Whether the messages are whole and begin with pictures, so that checksums must match.
    whole: bool,
    checksums: usize,
    chain: Option<i64>,
    breaks: usize,
    links: usize,
    subscribed: usize,
    errors: usize,
}

impl Sink for Found {
    fn book(&mut self, update: &BookUpdate<'_>) {
        let book = self.books.entry(update.symbol.to_owned()).or_default();
        book.apply(update);
        if let Some(expected) = update.checksum {
            self.checksums += 1;
            let found = if self.whole { checksum(book) } else { expected };
            assert_eq!(found, expected, "{} at {}", update.symbol, update.ts_event);
        }
        if let (Some(chain), false) = (self.chain, update.is_snapshot) {
            self.links += 1;
            self.breaks += usize::from(update.seq_prev != Some(chain));
        }
        self.chain = update.seq;
    }
    fn control(&mut self, control: &Control<'_>) {
        self.subscribed += usize::from(matches!(control, Control::Subscribed(_)));
        self.errors += usize::from(matches!(control, Control::Error { .. } | Control::Refused(_)));
    }
}

/// CRC-32 over the 25 best levels, bids and asks in turn.
fn checksum(book: &PlainBook) -> i64 {
    let text = |(price, size): (&Decimal, &Decimal)| format!("{price}:{size}");
    let bids: Vec<_> = book.bids.iter().rev().take(25).map(text).collect();
    let asks: Vec<_> = book.asks.iter().take(25).map(text).collect();
    let both = (0..25).flat_map(|rank| [bids.get(rank), asks.get(rank)]).flatten();
    let mut crc = flate2::Crc::new();
    crc.update(both.cloned().collect::<Vec<_>>().join(":").as_bytes());
    i64::from(crc.sum().cast_signed())
}

fn replayed(messages: &[Recorded]) -> Both<Counts, Found> {
    let mut codec = open("okx").expect("a venue");
    let mut found = Both(Counts::default(), Found { whole: true, ..Found::default() });
    for message in messages {
        let frame = Frame { ts_recv: message.ts_recv, data: &message.data };
        let read = codec.decode(frame, &mut found);
        read.unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&message.data)));
    }
    assert_eq!((found.0.unknown, found.1.errors), (0, 0));
    found
}

#[test]
fn books_of_2022_have_checksums() {
    let Some(messages) = cryptofeed("okx/cryptofeed_ws_2022.txt") else { return };
    let found = replayed(&messages);
    let expected = Counts {
        trades: 73,
        quotes: 27,
        pictures: 2,
        changes: 195,
        levels: 7322,
        tickers: 27,
        ..Counts::default()
    };
    assert_eq!(found.0, expected);
    assert_eq!((found.1.checksums, found.1.subscribed), (197, 18));
}

#[test]
fn books_of_2026_are_a_chain() {
    let Some(all) = bytes("okx/books_btcusdt_tail_20260824.jsonl") else { return };
    let lines = all.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
    let messages: Vec<_> = lines.map(|line| Recorded { ts_recv: 0, data: line.to_vec() }).collect();
    let found = replayed(&messages);
    let expected = Counts { changes: 3, levels: 58, ..Counts::default() };
    assert_eq!(found.0, expected);
    assert_eq!((found.1.links, found.1.breaks, found.1.checksums), (2, 0, 0));
}

/// Messages, each inside an object of the one who kept them.
#[test]
fn single_messages_of_2022() {
    let Some(all) = bytes("okx/crawler_messages.jsonl") else { return };
    let text = String::from_utf8(all).expect("text");
    let mut codec = open("okx").expect("a venue");
    let mut found = Both::<Counts, Found>::default();
    for line in text.lines() {
        let (head, message) = line.split_once(r#""msg":"#).expect("a message");
        let message = message.strip_suffix('}').expect("an object");
        let frame = Frame { ts_recv: 0, data: message.as_bytes() };
        // Answers of REST that are nothing that we ask for.
        if head.contains("l2_snapshot") || head.contains("open_interest") {
            continue;
        }
        codec.decode(frame, &mut found).unwrap_or_else(|error| panic!("{error}: {message}"));
    }
    let expected = Counts {
        trades: 4,
        quotes: 8,
        pictures: 2,
        changes: 1,
        levels: 10,
        tops: 5,
        tickers: 6,
        bars: 4,
        ..Counts::default()
    };
    assert_eq!(found.0, expected);
}

#[test]
fn instruments_of_a_recorded_answer() {
    let Some(all) = bytes("okx/cryptofeed_instruments_spot_swap.txt.gz") else { return };
    let text = String::from_utf8(all).expect("text");
    let mut codec = open("okx").expect("a venue");
    let mut found = Both::<Counts, Found>::default();
    for line in text.lines() {
        let (_, body) = line.split_once(": ").expect("a prefix");
        let frame = Frame { ts_recv: 0, data: body.as_bytes() };
        codec.decode_answer(&Feed::Instruments, frame, &mut found).expect(line);
    }
    assert_eq!(found.0, Counts { instruments: 679, ..Counts::default() });
    assert_eq!(found.1.errors, 0);
}

#[test]
fn single_answers_of_2024() {
    let mut codec = open("okx").expect("a venue");
    for (kind, expected) in [("spot", 5), ("swap", 3), ("futures", 6), ("option", 4)] {
        let Some(body) = bytes(&format!("okx/nautilus/http_get_instruments_{kind}.json")) else {
            return;
        };
        let mut found = Both::<Counts, Found>::default();
        let frame = Frame { ts_recv: 0, data: &body };
        codec.decode_answer(&Feed::Instruments, frame, &mut found).expect(kind);
        assert_eq!(found.0, Counts { instruments: expected, ..Counts::default() }, "{kind}");
    }
}

#[test]
fn examples_of_the_documentation() {
    let tickers = || Counts { tickers: 1, ..Counts::default() };
    let bars = |count| Counts { bars: count, ..Counts::default() };
    let files = [
        ("EstimatedPrice", tickers()),
        ("FundingRate", tickers()),
        ("IndexKlines", bars(1)),
        ("IndexTicker", tickers()),
        ("Interest", tickers()),
        ("Klines", bars(1)),
        ("MarkPrice", tickers()),
        ("MarkPriceKlines", bars(2)),
        ("OptionSummary", tickers()),
        ("PriceLimit", tickers()),
        ("Symbol", Counts { instruments: 1, ..Counts::default() }),
        ("SystemStatus", Counts::default()),
        ("Ticker", Counts { quotes: 1, ..tickers() }),
        ("Trades", Counts { trades: 1, ..Counts::default() }),
    ];
    for (file, expected) in files {
        let file = format!("okx/request_response/Subscriptions__Unified__ExchangeData__{file}.txt");
        let Some(messages) = responses(&file) else { return };
        let recorded = |message: String| Recorded { ts_recv: 0, data: message.into_bytes() };
        let messages: Vec<_> = messages.into_iter().map(recorded).collect();
        let found = replayed(&messages);
        assert_eq!((found.0, found.1.subscribed), (expected, 1), "{file}");
    }
}
