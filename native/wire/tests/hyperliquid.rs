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

fn answered(feed: &Feed, body: &[u8]) -> Counts {
    let mut codec = open("hyperliquid").expect("a venue");
    let mut counts = Counts::default();
    codec.decode_answer(feed, Frame { ts_recv: 0, data: body }, &mut counts).expect("an answer");
    counts
}

#[test]
fn single_answers() {
    let instruments = |count| Counts { instruments: count, ..Counts::default() };
    let (book, trades) = (Feed::Book("BTC".to_owned()), Feed::Trades("BTC".to_owned()));
    let files = [
        (Feed::Instruments, "http_meta_perp_sample", instruments(3)),
        (Feed::Instruments, "http_all_perp_metas_non_usdc_collateral", instruments(3)),
        (Feed::Instruments, "http_spot_meta_non_usdc_collateral", instruments(0)),
        (book, "http_l2_book_btc", Counts { pictures: 1, levels: 10, ..Counts::default() }),
        (trades, "http_recent_trades_btc", Counts { trades: 3, ..Counts::default() }),
    ];
    for (feed, file, expected) in files {
        let Some(body) = bytes(&format!("hyperliquid/nautilus/{file}.json")) else { return };
        assert_eq!(answered(&feed, &body), expected, "{file}");
    }
    // These have a line in front that says what was asked.
    let files = [
        (Feed::Instruments, "Spot__ExchangeData__GetExchangeInfo", instruments(1)),
        (
            Feed::Tickers(None),
            "Spot__ExchangeData__GetExchangeInfoAndTickers",
            Counts { tickers: 1, ..Counts::default() },
        ),
        (
            Feed::Tickers(None),
            "Futures__ExchangeData__GetExchangeInfoAndTickers",
            Counts { tickers: 3, ..Counts::default() },
        ),
    ];
    for (feed, file, expected) in files {
        let Some(all) = bytes(&format!("hyperliquid/request_response/{file}.txt")) else { return };
        let begin = all.iter().position(|byte| b"{[".contains(byte)).expect("a body");
        assert_eq!(answered(&feed, &all[begin..]), expected, "{file}");
    }
}

#[test]
fn instruments_of_a_recorded_answer() {
    let Some(all) = bytes("hyperliquid/rest_info/get_info.jsonl") else { return };
    let text = String::from_utf8(all).expect("text");
    let (_, body) = text.trim_end().split_once(r#""response":"#).expect("an answer");
    let body = body.strip_suffix('}').expect("an object");
    let expected = Counts { instruments: 28, ..Counts::default() };
    assert_eq!(answered(&Feed::Instruments, body.as_bytes()), expected);
}
