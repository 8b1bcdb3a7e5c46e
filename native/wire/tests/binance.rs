//! The recordings of Binance yield what `venues.md` says.

mod recordings;

use recordings::{Counts, Recorded, bytes, collected};
use rustonite_core::datasets::{draft, flags};
use rustonite_wire::{BookUpdate, Feed, Frame, Sink, open};

/// What a collector's file says. It has answers of REST among the messages, without a wrapper.
fn counts(venue: &str, symbol: &str, messages: &[Recorded]) -> Counts {
    let mut codec = open(venue).expect("a venue");
    let mut counts = Counts::default();
    for message in messages {
        let frame = Frame { ts_recv: message.ts_recv, data: &message.data };
        let read = if message.data.starts_with(br#"{"stream""#) {
            codec.decode(frame, &mut counts)
        } else {
            codec.decode_answer(&Feed::Book(symbol.to_owned()), frame, &mut counts)
        };
        read.unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&message.data)));
    }
    counts
}

fn check(file: &str, venue: &str, symbol: &str, expected: [usize; 4]) {
    let Some(messages) = collected(file) else { return };
    let found = counts(venue, symbol, &messages);
    assert_eq!([found.pictures, found.changes, found.quotes, found.trades], expected, "{file}");
    assert_eq!(found.unknown, 0, "{file}");
}

#[test]
fn spot() {
    let file = |day: &str| format!("binance_spot/collector_btcusdt_{day}.gz");
    check(&file("20240808"), "binance", "BTCUSDT", [1, 3451, 28040, 9757]);
    check(&file("20240809"), "binance", "BTCUSDT", [0, 3044, 45134, 10147]);
}

#[test]
fn usdm() {
    let file = "binance_usdm/collector_btcusdt_20240808.gz";
    check(file, "binance-usdm", "BTCUSDT", [1, 6551, 66089, 21313]);
}

#[test]
fn coinm() {
    let file = "binance_coinm/collector_btcusd_perp_20240808.gz";
    check(file, "binance-coinm", "BTCUSD_PERP", [1, 26847, 19136, 2286]);
}

/// How long after the venue's time each message came, in milliseconds.
#[derive(Default)]
struct Latencies(Vec<i64>);

impl Latencies {
    fn add(&mut self, ts_event: i64, ts_recv: i64, row_flags: i32) {
        if row_flags & flags::LOCAL_TIME == 0 {
            self.0.push((ts_recv - ts_event).div_euclid(1_000_000));
        }
    }

    fn at(&self, percent: usize) -> i64 {
        self.0[self.0.len() * percent / 100]
    }
}

impl Sink for Latencies {
    fn trade(&mut self, row: &draft::Trades<'_>) {
        self.add(row.ts_event, row.ts_recv, row.flags);
    }
    fn quote(&mut self, row: &draft::Quotes<'_>) {
        self.add(row.ts_event, row.ts_recv, row.flags);
    }
    fn book(&mut self, update: &BookUpdate<'_>) {
        self.add(update.ts_event, update.ts_recv, update.flags);
    }
}

/// The clock of the one who recorded them was slow. Rows have the time of the matching engine where
/// a message has two: that of coin-margined futures is 10 ms before the one of sending.
#[test]
fn messages_came_before_they_were_sent() {
    let mut all = Latencies::default();
    for (file, venue, median, first_percentile) in [
        ("binance_spot/collector_btcusdt_20240808.gz", "binance", -1272, -1274),
        ("binance_spot/collector_btcusdt_20240809.gz", "binance", -1273, -1276),
        ("binance_usdm/collector_btcusdt_20240808.gz", "binance-usdm", -1269, -1272),
        ("binance_coinm/collector_btcusd_perp_20240808.gz", "binance-coinm", -1258, -1265),
        ("binance_coinm/collector_btcusd_perp_20240809.gz", "binance-coinm", -1260, -1267),
    ] {
        let Some(messages) = collected(file) else { return };
        let mut codec = open(venue).expect("a venue");
        let mut found = Latencies::default();
        for message in messages.iter().filter(|message| message.data.starts_with(b"{\"stream")) {
            let frame = Frame { ts_recv: message.ts_recv, data: &message.data };
            codec.decode(frame, &mut found).expect(file);
        }
        found.0.sort_unstable();
        assert_eq!((found.at(50), found.at(1)), (median, first_percentile), "{file}");
        all.0.append(&mut found.0);
    }
    all.0.sort_unstable();
    assert_eq!((all.0.len(), all.at(50), all.at(1)), (218_737, -1264, -1275));
}

#[test]
fn instruments_of_a_recorded_answer() {
    for (file, venue) in [
        ("binance_spot/cryptofeed_exchangeinfo.txt.gz", "binance"),
        ("binance_usdm/cryptofeed_exchangeinfo.txt.gz", "binance-usdm"),
    ] {
        let Some(all) = bytes(file) else { return };
        let text = String::from_utf8(all).expect("text");
        let body = text.lines().find_map(|line| Some(&line[line.find("{\"timezone\"")?..]));
        let Some(body) = body else { panic!("{file}: no answer in it") };
        let mut counts = Counts::default();
        let mut codec = open(venue).expect("a venue");
        let frame = Frame { ts_recv: 0, data: body.as_bytes() };
        codec.decode_answer(&Feed::Instruments, frame, &mut counts).expect(file);
        assert!(counts.instruments > 0, "{file}");
    }
}
