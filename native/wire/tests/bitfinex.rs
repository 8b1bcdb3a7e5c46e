//! The recordings of Bitfinex yield what `venues.md` says.

mod recordings;

use std::collections::{HashMap, HashSet};

use recordings::{Both, Counts, bytes, cryptofeed, responses};
use rustonite_core::Decimal;
use rustonite_core::datasets::BookSide;
use rustonite_wire::{BookUpdate, Control, Feed, Frame, Sink, open};

/// Counts, and follows the number of the connection and the levels of each book.
#[derive(Default)]
struct Followed {
    number: Option<i64>,
    numbers: usize,
    breaks: usize,
    levels: HashMap<String, HashSet<(BookSide, Decimal)>>,
    unknown_levels: usize,
    subscribed: usize,
    heartbeats: usize,
}

impl Sink for Followed {
    fn book(&mut self, update: &BookUpdate<'_>) {
        let book = self.levels.entry(update.symbol.to_owned()).or_default();
        for level in update.levels {
            let key = (level.side, level.price);
            if level.size.is_zero() {
                self.unknown_levels += usize::from(!book.remove(&key));
            } else {
                book.insert(key);
            }
        }
    }
    fn control(&mut self, control: &Control<'_>) {
        match control {
            Control::Sequence(number) => {
                let is_next = self.number.is_none_or(|before| *number == before + 1);
                self.breaks += usize::from(!is_next);
                self.number = Some(*number);
                self.numbers += 1;
            }
            Control::Subscribed(_) => self.subscribed += 1,
            Control::Heartbeat => self.heartbeats += 1,
            _ => {}
        }
    }
}

#[test]
fn the_number_of_the_connection_has_no_break() {
    let Some(messages) = cryptofeed("bitfinex/cryptofeed_ws.txt") else { return };
    let mut codec = open("bitfinex").expect("a venue");
    let mut found = Both::<Counts, Followed>::default();
    for message in &messages {
        let frame = Frame { ts_recv: message.ts_recv, data: &message.data };
        let read = codec.decode(frame, &mut found);
        read.unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&message.data)));
    }
    assert_eq!((found.1.numbers, found.1.number, found.1.breaks), (1670, Some(1670), 0));
    assert_eq!((found.1.subscribed, found.1.heartbeats, found.0.unknown), (21, 42, 0));
    let counts = &found.0;
    assert_eq!((counts.pictures, counts.changes, counts.levels), (7, 1593, 2926));
    assert_eq!((counts.trades, counts.tickers, found.1.unknown_levels), (210, 21, 0));
}

/// The crawler put the subscription in place of the channel's number; this puts it back.
fn crawled(line: &str) -> Option<(String, String)> {
    let (_, message) = line.split_once(r#""msg":["#)?;
    let end = message.find('}')? + 1;
    let (subject, rest) = message.split_at(end);
    let event = subject.replacen('{', r#"{"event":"subscribed","chanId":1,"#, 1);
    Some((event, format!("[1{}", rest.strip_suffix('}')?)))
}

#[test]
fn messages_of_each_kind() {
    let Some(all) = bytes("bitfinex/crawler_messages.jsonl") else { return };
    let text = String::from_utf8(all).expect("text");
    let mut counts = Counts::default();
    let mut read = 0;
    for (event, data) in text.lines().filter_map(crawled) {
        let mut codec = open("bitfinex").expect("a venue");
        for message in [&event, &data] {
            let frame = Frame { ts_recv: 0, data: message.as_bytes() };
            codec.decode(frame, &mut counts).unwrap_or_else(|error| panic!("{error}: {message}"));
        }
        read += 1;
    }
    assert_eq!((read, counts.unknown), (14, 0));
    // Trades come as `te` and `tu` each.
    assert_eq!([counts.trades, counts.tickers, counts.bars], [2, 2, 4]);
    assert_eq!([counts.pictures, counts.changes], [3, 3]);
    assert_eq!([counts.levels, counts.orders], [12, 13]);
}

#[test]
fn subscriptions_of_each_kind() {
    let mut counts = Counts::default();
    let names =
        ["DerivStatus", "Klines", "Liquidations", "OrderBook", "OrderBookRaw", "Ticker", "Trades"];
    for name in names {
        let file = format!("bitfinex/request_response/Subscriptions__Spot__{name}.txt");
        let Some(messages) = responses(&file) else { return };
        let mut codec = open("bitfinex").expect("a venue");
        for message in messages {
            let frame = Frame { ts_recv: 0, data: message.as_bytes() };
            codec.decode(frame, &mut counts).expect(name);
        }
    }
    assert_eq!([counts.tickers, counts.bars, counts.liquidations, counts.trades], [2, 1, 1, 1]);
    assert_eq!([counts.pictures, counts.levels, counts.orders, counts.unknown], [2, 1, 1, 0]);
}

#[test]
fn instruments_of_rest() {
    for (name, expected) in [("GetSymbols", 406), ("GetFuturesSymbols", 89)] {
        let file = format!("bitfinex/request_response/Spot__ExchangeData__{name}.txt");
        let Some(all) = bytes(&file) else { return };
        let start = all.iter().position(|byte| *byte == b'[').expect("an array");
        let mut counts = Counts::default();
        let mut codec = open("bitfinex").expect("a venue");
        let frame = Frame { ts_recv: 0, data: &all[start..] };
        codec.decode_answer(&Feed::Instruments, frame, &mut counts).expect(name);
        assert_eq!(counts.instruments, expected, "{name}");
    }
}
