//! The recordings of Binance yield what `venues.md` says.

mod recordings;

use recordings::{Counts, Recorded, bytes, collected};
use rustonite_wire::{Feed, Frame, open};

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
