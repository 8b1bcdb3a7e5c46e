//! The recordings of Hyperliquid yield what an independent count says.

mod recordings;

use recordings::{Both, Counts, bytes, collected, responses};
use rustonite_core::datasets::{draft, flags};
use rustonite_wire::{Control, Feed, Frame, Sink, open};

/// Counts, and how many trades are marked as past.
#[derive(Default)]
struct Found {
    stale: usize,
    subscribed: usize,
}

impl Sink for Found {
    fn trade(&mut self, row: &draft::Trades<'_>) {
        self.stale += usize::from(row.flags & flags::STALE != 0);
        // What is marked was 50 seconds old, and the rest is not.
        let age = row.ts_recv - row.ts_event;
        assert_eq!(row.flags & flags::STALE != 0, age > 2_000_000_000, "{age}");
    }
    fn control(&mut self, control: &Control<'_>) {
        self.subscribed += usize::from(matches!(control, Control::Subscribed(_)));
    }
}

#[test]
fn books_and_trades_of_2025() {
    let file = "hyperliquid/collector_btc_20250126_part1.txt";
    let Some(messages) = collected(file) else { return };
    let mut codec = open("hyperliquid").expect("a venue");
    let mut found = Both::<Counts, Found>::default();
    for message in messages {
        let frame = Frame { ts_recv: message.ts_recv, data: &message.data };
        codec.decode(frame, &mut found).expect(file);
    }
    let expected = Counts { trades: 34, pictures: 30, levels: 1200, ..Counts::default() };
    assert_eq!((found.0, found.1.stale), (expected, 30));
}

#[test]
fn examples_of_the_documentation() {
    let files = [
        ("BookTicker", Counts { quotes: 1, ..Counts::default() }),
        ("Klines", Counts { bars: 1, ..Counts::default() }),
        ("OrderBook", Counts { pictures: 1, levels: 4, ..Counts::default() }),
        ("Prices", Counts { tickers: 2, ..Counts::default() }),
    ];
    for (file, expected) in files {
        let file = format!("hyperliquid/request_response/Subscriptions__{file}.txt");
        let Some(messages) = responses(&file) else { return };
        let mut codec = open("hyperliquid").expect("a venue");
        let mut found = Both::<Counts, Found>::default();
        for message in messages {
            let frame = Frame { ts_recv: 0, data: message.as_bytes() };
            codec.decode(frame, &mut found).expect(&file);
        }
        assert_eq!((found.0, found.1.subscribed), (expected, 1), "{file}");
    }
}

fn answered(body: &[u8]) -> Counts {
    let mut codec = open("hyperliquid").expect("a venue");
    let mut counts = Counts::default();
    let frame = Frame { ts_recv: 0, data: body };
    codec.decode_answer(&Feed::Instruments, frame, &mut counts).expect("an answer");
    counts
}

#[test]
fn single_answers() {
    let instruments = |count| Counts { instruments: count, ..Counts::default() };
    let files = [
        ("nautilus/http_meta_perp_sample.json", 3),
        ("nautilus/http_all_perp_metas_non_usdc_collateral.json", 3),
        ("nautilus/http_spot_meta_non_usdc_collateral.json", 0),
        ("request_response/Spot__ExchangeData__GetExchangeInfo.txt", 1),
    ];
    for (file, expected) in files {
        let Some(all) = bytes(&format!("hyperliquid/{file}")) else { return };
        // Some have a line in front that says what was asked.
        let begin = all.iter().position(|byte| b"{[".contains(byte)).expect("a body");
        assert_eq!(answered(&all[begin..]), instruments(expected), "{file}");
    }
}

#[test]
fn instruments_of_a_recorded_answer() {
    let Some(all) = bytes("hyperliquid/rest_info/get_info.jsonl") else { return };
    let text = String::from_utf8(all).expect("text");
    let (_, body) = text.trim_end().split_once(r#""response":"#).expect("an answer");
    let body = body.strip_suffix('}').expect("an object");
    let expected = Counts { instruments: 28, ..Counts::default() };
    assert_eq!(answered(body.as_bytes()), expected);
}
