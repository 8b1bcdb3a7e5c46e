//! The recordings of Coinbase Advanced Trade are read without loss.

mod recordings;

use recordings::{Counts, bytes};
use rustonite_wire::{Control, Feed, Frame, Sink, open};

/// Numbers of frames.
#[derive(Default)]
struct Numbers(Vec<i64>);

impl Sink for Numbers {
    fn control(&mut self, control: &Control<'_>) {
        if let Control::Sequence(number) = control {
            self.0.push(*number);
        }
    }
}

#[test]
fn a_recorded_connection() {
    let Some(all) = bytes("coinbase_advanced/l2_btcusd_20260824.jsonl") else { return };
    let mut codec = open("coinbase-advanced").expect("a venue");
    let (mut counts, mut numbers) = (Counts::default(), Numbers::default());
    for line in all.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
        let frame = Frame { ts_recv: 0, data: line };
        codec.decode(frame, &mut counts).expect("a frame of the venue");
        codec.decode(frame, &mut numbers).expect("a frame of the venue");
    }
    assert_eq!(numbers.0, (0..12).collect::<Vec<_>>());
    let found = [counts.pictures, counts.changes, counts.levels, counts.unknown];
    assert_eq!(found, [1, 10, LEVELS, 0]);
}

/// Levels of all frames, counted by a script.
const LEVELS: usize = 43;

#[test]
fn examples_of_frames_and_answers() {
    let mut codec = open("coinbase-advanced").expect("a venue");
    let mut counts = Counts::default();
    for name in [
        "ws_heartbeats",
        "ws_l2_data_snapshot",
        "ws_l2_data_update",
        "ws_market_trades",
        "ws_subscriptions",
        "ws_ticker",
        "ws_user",
    ] {
        let path = format!("coinbase_advanced/nautilus/{name}.json");
        let Some(data) = bytes(&path) else { return };
        codec.decode(Frame { ts_recv: 0, data: &data }, &mut counts).expect(name);
    }
    for (name, feed) in [
        ("http_product", Feed::Instruments),
        ("http_products_future", Feed::Instruments),
        ("http_products_future", Feed::Tickers(None)),
    ] {
        let path = format!("coinbase_advanced/nautilus/{name}.json");
        let Some(data) = bytes(&path) else { return };
        codec.decode_answer(&feed, Frame { ts_recv: 0, data: &data }, &mut counts).expect(name);
    }
    // One product and two futures by REST.
    let expected = Counts {
        trades: 2,
        quotes: 1,
        pictures: 1,
        changes: 1,
        levels: 6 + 2,
        tickers: 1 + 2,
        instruments: 1 + 2,
        ..Counts::default()
    };
    assert_eq!(counts, expected);
}
