//! The recordings of Kraken yield what `venues.md` says: every checksum matches.

mod recordings;

use std::collections::HashMap;

use flate2::Crc;
use recordings::{Both, Counts, PlainBook, Recorded, bytes, cryptofeed, lines, responses};
use rustonite_wire::{BookUpdate, Control, Feed, Frame, Sink, open};

/// Levels that the checksum covers on each side.
const COVERED: usize = 10;

/// CRC-32 over the best levels, with the digits as they were sent.
fn checksum(book: &PlainBook) -> u32 {
    let mut crc = Crc::new();
    let best = book.asks.iter().take(COVERED).chain(book.bids.iter().rev().take(COVERED));
    for (price, size) in best {
        crc.update(format!("{}{}", price.mantissa(), size.mantissa()).as_bytes());
    }
    crc.sum()
}

/// Counts, and compares checksums.
#[derive(Default)]
struct Checked {
    books: HashMap<String, PlainBook>,
    matching: usize,
    differing: usize,
    subscribed: usize,
    heartbeats: usize,
}

impl Sink for Checked {
    fn book(&mut self, update: &BookUpdate<'_>) {
        let book = self.books.entry(update.symbol.to_owned()).or_default();
        assert!(update.depth.is_some(), "the acknowledgement names the depth");
        book.apply(update);
        if let Some(expected) = update.checksum {
            let is_equal = expected == i64::from(checksum(book));
            self.matching += usize::from(is_equal);
            self.differing += usize::from(!is_equal);
        }
    }
    fn control(&mut self, control: &Control<'_>) {
        self.subscribed += usize::from(matches!(control, Control::Subscribed(_)));
        self.heartbeats += usize::from(matches!(control, Control::Heartbeat));
    }
}

fn replay(messages: &[Recorded]) -> Both<Counts, Checked> {
    let mut codec = open("kraken").expect("a venue");
    let mut checked = Both::<Counts, Checked>::default();
    for message in messages {
        let frame = Frame { ts_recv: message.ts_recv, data: &message.data };
        let read = codec.decode(frame, &mut checked);
        read.unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&message.data)));
    }
    checked
}

#[test]
fn books_of_v2_match_their_checksums() {
    let Some(messages) = lines("kraken/v2_book_minagbp_d25_resync_20260818.jsonl") else {
        return;
    };
    let found = replay(&messages);
    assert_eq!((found.1.matching, found.1.differing), (19, 0));
    assert_eq!((found.0.pictures, found.0.changes), (2, 17));
    assert_eq!((found.1.subscribed, found.0.unknown), (2, 0));
}

#[test]
fn books_of_v1_match_their_checksums() {
    let Some(messages) = cryptofeed("kraken_v1/cryptofeed_book1000.txt") else { return };
    let found = replay(&messages);
    assert_eq!((found.1.matching, found.1.differing), (2540, 0));
    assert_eq!((found.0.pictures, found.0.changes), (7, 2540));
    assert_eq!((found.1.subscribed, found.1.heartbeats, found.0.unknown), (10, 31, 0));
}

#[test]
fn trades_of_v1() {
    let Some(messages) = cryptofeed("kraken_v1/cryptofeed_trade.txt") else { return };
    let found = replay(&messages);
    assert_eq!((found.0.trades, found.1.subscribed, found.1.heartbeats), (10, 10, 30));
    assert_eq!(found.0.unknown, 0);
}

#[test]
fn every_channel_of_v1() {
    let Some(messages) = lines("kraken_v1/gct_ws_handle.json") else { return };
    let counts = replay(&messages).0;
    assert_eq!([counts.trades, counts.quotes, counts.tickers, counts.bars], [2, 2, 1, 1]);
    assert_eq!([counts.pictures, counts.changes], [1, 2]);
    // The private trades at the end.
    assert_eq!(counts.unknown, 1);
}

/// The crawler's messages are of spot, in the arrays of v1, and of futures. Its books by REST are
/// nothing that we ask for.
#[test]
fn messages_that_a_crawler_kept() {
    let Some(all) = bytes("kraken_v1/crawler_messages.jsonl") else { return };
    let text = String::from_utf8(all).expect("text");
    let mut counts = [Counts::default(), Counts::default()];
    let mut codecs = [open("kraken").expect("a venue"), open("kraken-futures").expect("a venue")];
    for line in text.lines().filter(|line| !line.contains("l2_snapshot")) {
        let (head, message) = line.split_once(r#","msg":"#).expect("a message");
        let message = message.strip_suffix('}').expect("the end of a line");
        let market = usize::from(!head.contains(r#""case":"spot"#));
        let frame = Frame { ts_recv: 0, data: message.as_bytes() };
        let (codec, counts) = (&mut codecs[market], &mut counts[market]);
        codec.decode(frame, counts).unwrap_or_else(|error| panic!("{error}: {message}"));
    }
    let totals =
        counts.map(|c| [c.trades, c.quotes, c.tickers, c.pictures, c.changes, c.levels, c.unknown]);
    assert_eq!(totals, [[1, 2, 1, 1, 1, 7, 0], [5, 1, 1, 1, 2, 8, 0]]);
}

#[test]
fn every_channel_of_v2() {
    let file = |name: &str| bytes(&format!("kraken/nautilus/{name}.json"));
    let mut checked = Both::<Counts, Checked>::default();
    let mut codec = open("kraken").expect("a venue");
    let names = [
        "ws_l3_snapshot",
        "ws_l3_update_add",
        "ws_l3_update_modify_price",
        "ws_l3_update_modify_qty",
        "ws_pong",
        "ws_subscribe_response",
        "ws_ticker_snapshot",
        "ws_trade_update",
    ];
    for name in names {
        let Some(data) = file(name) else { return };
        codec.decode(Frame { ts_recv: 0, data: &data }, &mut checked).expect(name);
    }
    let counts = checked.0;
    assert_eq!([counts.pictures, counts.changes, counts.orders], [1, 3, 8]);
    assert_eq!([counts.trades, counts.quotes, counts.tickers, counts.unknown], [2, 1, 1, 0]);
}

#[test]
fn every_channel_of_v2_in_2023() {
    let mut counts = Counts::default();
    for name in ["AggBook", "IndividualBook", "Kline", "Ticker", "Trades"] {
        let file = format!("kraken/request_response/Subscriptions__Spot__{name}.txt");
        let Some(messages) = responses(&file) else { return };
        let mut codec = open("kraken").expect("a venue");
        for message in messages {
            let message = message.replace("|1|", "1");
            let frame = Frame { ts_recv: 0, data: message.as_bytes() };
            codec.decode(frame, &mut counts).expect(name);
        }
    }
    assert_eq!([counts.pictures, counts.levels, counts.orders], [2, 20, 6]);
    assert_eq!([counts.bars, counts.tickers, counts.quotes, counts.trades], [1, 1, 1, 1]);
    assert_eq!(counts.unknown, 0);
}

#[test]
fn answers_of_rest() {
    for name in ["http_asset_pairs", "http_asset_pairs_tokenized"] {
        let Some(data) = bytes(&format!("kraken/nautilus/{name}.json")) else { return };
        let mut counts = Counts::default();
        let mut codec = open("kraken").expect("a venue");
        let frame = Frame { ts_recv: 0, data: &data };
        codec.decode_answer(&Feed::Instruments, frame, &mut counts).expect(name);
        assert_eq!(counts.instruments, 1, "{name}");
    }
}

#[test]
fn instruments_of_2021() {
    let Some(all) = bytes("kraken_v1/cryptofeed_assetpairs.txt.gz") else { return };
    let text = String::from_utf8(all).expect("text");
    let line = text.lines().find(|line| line.contains("/AssetPairs ->")).expect("an answer");
    let body = &line[line.find('{').expect("an object")..];
    let mut counts = Counts::default();
    let mut codec = open("kraken").expect("a venue");
    let frame = Frame { ts_recv: 0, data: body.as_bytes() };
    codec.decode_answer(&Feed::Instruments, frame, &mut counts).expect("pairs");
    assert_eq!(counts.instruments, 304);
}
