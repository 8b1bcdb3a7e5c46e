//! The recordings of Bybit yield what `venues.md` says.

mod recordings;

use recordings::{Both, Counts, bytes, responses};
use rustonite_wire::{BookUpdate, Control, Feed, Frame, Sink, open};

/// Counts, and whether books count without holes.
#[derive(Default)]
struct Found {
    seq: Option<i64>,
    breaks: usize,
    subscribed: usize,
    refused: usize,
    more: usize,
}

impl Sink for Found {
    fn book(&mut self, update: &BookUpdate<'_>) {
        let next = self.seq.map(|seq| seq + 1);
        self.breaks += usize::from(!update.is_snapshot && update.seq != next);
        self.seq = update.seq;
    }
    fn control(&mut self, control: &Control<'_>) {
        self.subscribed += usize::from(matches!(control, Control::Subscribed(_)));
        self.refused += usize::from(matches!(control, Control::Refused(_)));
        self.more += usize::from(matches!(control, Control::More(_)));
    }
}

fn replayed<'a>(venue: &str, messages: impl Iterator<Item = &'a str>) -> Both<Counts, Found> {
    let mut codec = open(venue).expect("a venue");
    let mut found = Both::<Counts, Found>::default();
    for message in messages {
        let frame = Frame { ts_recv: 0, data: message.as_bytes() };
        let read = codec.decode(frame, &mut found);
        read.unwrap_or_else(|error| panic!("{error}: {message}"));
    }
    assert_eq!(found.0.unknown, 0);
    found
}

fn text(file: &str) -> Option<String> {
    Some(String::from_utf8(bytes(file)?).expect("text"))
}

#[test]
fn a_book_of_500_levels_counts_without_holes() {
    let Some(text) = text("bybit/ob500_xrpusdt_20241201_part1.jsonl") else { return };
    let found = replayed("bybit-linear", text.lines());
    let expected = Counts { pictures: 1, changes: 29, levels: 2794, ..Counts::default() };
    assert_eq!(found.0, expected);
    assert_eq!(found.1.breaks, 0);
}

#[test]
fn tickers_of_2024() {
    let Some(text) = text("bybit/gct_ws_ticker.jsonl") else { return };
    let found = replayed("bybit-linear", text.lines());
    let expected = Counts { tickers: 8, quotes: 7, ..Counts::default() };
    assert_eq!(found.0, expected);
}

#[test]
fn single_messages() {
    let files = [
        ("ws_orderbook_snapshot", Counts { quotes: 1, ..Counts::default() }),
        ("ws_ticker_linear", Counts { tickers: 1, quotes: 1, ..Counts::default() }),
        ("ws_ticker_option", Counts { tickers: 1, quotes: 1, ..Counts::default() }),
        ("ws_subscription_ack", Counts::default()),
        ("ws_subscription_failure", Counts::default()),
    ];
    let (mut subscribed, mut refused) = (0, 0);
    for (file, expected) in files {
        let Some(text) = text(&format!("bybit/nautilus/{file}.json")) else { return };
        let found = replayed("bybit-linear", [text.as_str()].into_iter());
        assert_eq!(found.0, expected, "{file}");
        subscribed += found.1.subscribed;
        refused += found.1.refused;
    }
    assert_eq!((subscribed, refused), (1, 1));
}

#[test]
fn examples_of_the_documentation() {
    let files = [
        ("bybit-linear", "Linear__Liquidations", Counts { liquidations: 1, ..Counts::default() }),
        ("bybit-linear", "Linear__Ticker", Counts { tickers: 1, quotes: 1, ..Counts::default() }),
        ("bybit-linear", "Linear__Trades", Counts { trades: 1, ..Counts::default() }),
        ("bybit-option", "Option__Book", Counts { pictures: 1, levels: 4, ..Counts::default() }),
        ("bybit-option", "Option__Klines", Counts { bars: 1, ..Counts::default() }),
        ("bybit-option", "Option__Ticker", Counts { tickers: 1, quotes: 1, ..Counts::default() }),
        ("bybit-option", "Option__Trades", Counts { trades: 1, ..Counts::default() }),
        ("bybit-spot", "Spot__PriceLimit", Counts { tickers: 1, ..Counts::default() }),
        ("bybit-spot", "Spot__SystemStatus", Counts::default()),
        ("bybit-spot", "Spot__Ticker", Counts { tickers: 1, ..Counts::default() }),
        ("bybit-spot", "Spot__Trades", Counts { trades: 1, ..Counts::default() }),
    ];
    for (venue, file, expected) in files {
        let file = format!("bybit/request_response/Subscriptions__V5__{file}.txt");
        let Some(messages) = responses(&file) else { return };
        let found = replayed(venue, messages.iter().map(String::as_str));
        assert_eq!(found.0, expected, "{file}");
        assert_eq!(found.1.subscribed, 1, "{file}");
    }
}

#[test]
fn single_answers() {
    let instruments = |count| Counts { instruments: count, ..Counts::default() };
    let book = Counts { pictures: 1, levels: 6, ..Counts::default() };
    let files = [
        ("bybit-linear", Feed::Instruments, "http_get_instruments_linear", instruments(2)),
        ("bybit-inverse", Feed::Instruments, "http_get_instruments_inverse", instruments(1)),
        ("bybit-option", Feed::Instruments, "http_get_instruments_option", instruments(1)),
        ("bybit-spot", Feed::Instruments, "http_get_instruments_spot", instruments(2)),
        ("bybit-spot", Feed::Instruments, "http_get_instruments_spot_xstocks", instruments(1)),
        ("bybit-linear", Feed::Book("BTCUSDT".to_owned()), "http_get_orderbook", book),
    ];
    for (venue, feed, file, expected) in files {
        let Some(body) = bytes(&format!("bybit/nautilus/{file}.json")) else { return };
        let mut found = Both::<Counts, Found>::default();
        let frame = Frame { ts_recv: 0, data: &body };
        let mut codec = open(venue).expect("a venue");
        codec.decode_answer(&feed, frame, &mut found).expect(file);
        assert_eq!(found.0, expected, "{file}");
        assert_eq!(found.1.more, 0, "{file}");
    }
}

/// Messages of the protocol before v5, each inside an object of the one who kept them.
#[test]
fn single_messages_of_2022() {
    let Some(text) = text("bybit_v2_legacy/crawler_messages.jsonl") else { return };
    let message = |line| {
        let (head, message) = str::split_once(line, r#""msg":"#).expect("a message");
        // Answers of REST are no longer read.
        let is_answer = head.contains("l2_snapshot") || head.contains("open_interest");
        (!is_answer).then(|| message.strip_suffix('}').expect("an object"))
    };
    let found = replayed("bybit-inverse", text.lines().filter_map(message));
    let expected = Counts {
        trades: 3,
        pictures: 2,
        changes: 2,
        levels: 18,
        bars: 2,
        tickers: 4,
        ..Counts::default()
    };
    assert_eq!(found.0, expected);
}
