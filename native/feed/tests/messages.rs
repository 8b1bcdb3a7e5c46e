//! What single messages leave on the tapes, without sockets: read as `rustonite reparse` reads them.
#![allow(clippy::unwrap_used, reason = "a failing test should panic")]

mod rig;

use rig::Record;
use rustonite_core::datasets::{FrameKind, flags};
use rustonite_feed::{Recorded, Reparser, TapeSettings};

const SECOND: i64 = 1_000_000_000;

/// Connections of one venue, and what they say, a second apart.
struct Venue {
    name: &'static str,
    reparser: Reparser,
    now: i64,
    home: tempfile::TempDir,
}

impl Venue {
    fn new(name: &'static str) -> Self {
        let home = tempfile::tempdir().unwrap();
        let settings =
            TapeSettings { segment_bytes: 1 << 20, segments_max: 4, ..TapeSettings::default() };
        let reparser = Reparser::new(home.path().into(), "test".to_owned(), settings, 600)
            .for_lake("lake".to_owned());
        Self { name, reparser, now: 1_700_000_000 * SECOND, home }
    }

    fn take(&mut self, connection: i64, what: Recorded<'_>) {
        self.now += SECOND;
        self.reparser.take(self.name, connection, self.now, what).unwrap();
    }

    fn subscribe(&mut self, connection: i64, channel: &str, symbol: &str) {
        self.take(connection, Recorded::Subscribe { channel, symbol: Some(symbol) });
    }

    fn say(&mut self, connection: i64, text: &str) {
        let what = Recorded::Frame { kind: FrameKind::Text, status: None, data: text.as_bytes() };
        self.take(connection, what);
    }

    fn ends(&mut self, connection: i64) {
        self.take(connection, Recorded::Disconnect);
    }

    /// A call of REST, and what comes back once `meanwhile` has happened.
    fn call(&mut self, path: &str, answer: &str, meanwhile: impl FnOnce(&mut Self)) {
        let connection = self.now;
        let frame = |kind, status, data| Recorded::Frame { kind, status, data };
        self.take(connection, frame(FrameKind::HttpRequest, None, path.as_bytes()));
        meanwhile(self);
        self.take(connection, frame(FrameKind::HttpResponse, Some(200), answer.as_bytes()));
    }

    fn wait(&mut self, seconds: i64) {
        self.now += seconds * SECOND;
    }

    /// What the recorder would say of itself.
    fn status(&self) -> rustonite_feed::VenueStatus {
        self.reparser.status().remove(0)
    }

    fn finish(mut self) -> Record {
        self.reparser.finish().unwrap();
        Record::read(self.home.path(), self.name)
    }
}

#[test]
fn trades_whose_ids_are_hashes_are_all_kept_once() {
    let trade = |tid: i64, time: i64| {
        format!(
            r#"{{"channel":"trades","data":[{{"coin":"BTC","side":"B","px":"105.5","sz":"0.5","time":{time},"hash":"0x00","tid":{tid},"users":["0x01","0x02"]}}]}}"#
        )
    };
    let mut venue = Venue::new("hyperliquid");
    venue.subscribe(1, "trades", "BTC");
    let sent = [(588_047_386_913_648, 1), (121_451_470_284_048, 1), (85_392_298_469_503, 2)];
    for (tid, time) in sent {
        venue.say(1, &trade(tid, time));
        venue.say(1, &trade(tid, time));
    }
    let record = venue.finish();
    let ids: Vec<_> = record.trade_ids("BTC");
    assert_eq!(ids, sent.map(|(tid, _)| tid));
}

#[test]
fn keys_that_are_not_taken_are_told_as_that() {
    let mut venue = Venue::new("alpaca-stocks");
    venue.subscribe(1, "trades", "AAPL");
    venue.say(1, r#"[{"T":"error","code":402,"msg":"auth failed"}]"#);
    venue.say(1, r#"[{"T":"error","code":401,"msg":"not authenticated"}]"#);
    let record = venue.finish();
    let told: Vec<_> = record.events.iter().filter(|event| event.kind == "auth_failed").collect();
    assert_eq!(told.len(), 1, "{}", record.told());
    assert_eq!((told[0].connection.is_some(), told[0].value), (true, Some(402)));
    assert_eq!(told[0].detail.as_deref(), Some("auth failed"));
}

/// A message of Bybit's book with one level of each side.
fn bybit(kind: &str, depth: &str, number: i64, bid: &str) -> String {
    format!(
        r#"{{"topic":"orderbook.{depth}.BTCUSDT","type":"{kind}","ts":1700000000000,"data":{{"s":"BTCUSDT","b":[["100.5","{bid}"]],"a":[["101.5","1"]],"u":{number},"seq":{number}}},"cts":1700000000000}}"#
    )
}

const BTC: &str = "BTCUSDT";

fn sizes(record: &Record, symbol: &str) -> Vec<f64> {
    let of_bid = |row: &&rig::Delta| row.symbol == symbol && row.is_bid && row.action == "set";
    record.deltas.iter().filter(of_bid).map(|row| row.size).collect()
}

#[test]
fn a_late_picture_of_a_second_connection_changes_nothing() {
    let mut venue = Venue::new("bybit-linear");
    venue.subscribe(1, "orderbook.50", BTC);
    venue.say(1, &bybit("snapshot", "50", 10, "1"));
    venue.say(1, &bybit("delta", "50", 11, "2"));
    venue.say(1, &bybit("delta", "50", 12, "3"));
    venue.subscribe(2, "orderbook.50", BTC);
    venue.say(2, &bybit("snapshot", "50", 11, "2"));
    venue.say(1, &bybit("delta", "50", 13, "4"));
    venue.say(2, &bybit("delta", "50", 12, "3"));
    venue.say(2, &bybit("delta", "50", 13, "4"));
    venue.ends(1);
    venue.say(2, &bybit("delta", "50", 14, "5"));
    assert_eq!((venue.status().gaps, venue.status().resyncs), (0, 0));
    let record = venue.finish();
    assert_eq!(sizes(&record, BTC), [1.0, 2.0, 3.0, 4.0, 5.0]);
    assert_eq!(record.count("gap"), 0, "{}", record.told());
}

#[test]
fn a_newer_picture_of_a_second_connection_breaks_nothing() {
    let mut venue = Venue::new("bybit-linear");
    venue.subscribe(1, "orderbook.50", BTC);
    venue.say(1, &bybit("snapshot", "50", 10, "1"));
    venue.say(1, &bybit("delta", "50", 11, "2"));
    venue.subscribe(2, "orderbook.50", BTC);
    venue.say(2, &bybit("snapshot", "50", 12, "3"));
    venue.say(1, &bybit("delta", "50", 12, "3"));
    venue.say(1, &bybit("delta", "50", 13, "4"));
    let record = venue.finish();
    assert_eq!(sizes(&record, BTC), [1.0, 2.0, 3.0, 4.0]);
    assert_eq!(record.count("gap"), 0, "{}", record.told());
    let clean: Vec<_> = record.of("clean", BTC).collect();
    assert_eq!(clean.len(), 1, "{clean:#?}");
    assert_eq!(clean[0].count, Some(4), "all of the span is vouched for: {clean:#?}");
}

#[test]
fn a_second_connection_that_lags_breaks_nothing() {
    let mut venue = Venue::new("bybit-linear");
    for connection in [1, 2] {
        venue.subscribe(connection, "orderbook.50", BTC);
        venue.say(connection, &bybit("snapshot", "50", 10, "1"));
    }
    for connection in [1, 2] {
        for number in 11..=210 {
            venue.say(connection, &bybit("delta", "50", number, "2"));
        }
    }
    venue.say(2, &bybit("delta", "50", 211, "3"));
    assert_eq!((venue.status().gaps, venue.status().resyncs), (0, 0));
    assert_eq!(sizes(&venue.finish(), BTC).last(), Some(&3.0));
}

#[test]
fn a_new_count_is_noticed_once_the_connection_with_the_newest_numbers_ends() {
    let mut venue = Venue::new("bybit-linear");
    venue.subscribe(1, "orderbook.50", BTC);
    venue.say(1, &bybit("snapshot", "50", 1_000, "1"));
    venue.subscribe(2, "orderbook.50", BTC);
    venue.say(2, &bybit("snapshot", "50", 5, "1"));
    venue.ends(1);
    (6..110).for_each(|number| venue.say(2, &bybit("delta", "50", number, "2")));
    assert_eq!((venue.status().gaps, venue.status().resyncs), (1, 1));
}

#[test]
fn another_depth_is_another_book() {
    let mut venue = Venue::new("bybit-linear");
    venue.subscribe(1, "orderbook.50", BTC);
    venue.say(1, &bybit("snapshot", "50", 10, "1"));
    venue.subscribe(1, "orderbook.200", BTC);
    venue.take(1, Recorded::Unsubscribe { channel: "orderbook.50", symbol: Some(BTC) });
    venue.say(1, &bybit("snapshot", "200", 500, "2"));
    venue.say(1, &bybit("delta", "200", 501, "3"));
    venue.say(1, &bybit("delta", "200", 503, "5"));
    let record = venue.finish();
    let gap = record.of("gap", BTC).next().unwrap();
    assert_eq!(gap.channel.as_deref(), Some("orderbook.200"), "{}", record.told());
    assert_eq!(record.of("resync", BTC).next().unwrap().channel.as_deref(), Some("orderbook.200"));
}

#[test]
fn a_picture_from_before_a_new_count_is_not_taken() {
    let picture = |number: i64, bid: &str| {
        format!(
            r#"{{"retCode":0,"retMsg":"OK","result":{{"s":"BTCUSDT","b":[["100.5","{bid}"]],"a":[["101.5","1"]],"ts":1700000000000,"u":{number},"seq":{number},"cts":1700000000000}},"time":1700000000000}}"#
        )
    };
    let call = "/v5/market/full_orderbook?category=spot&symbol=BTCUSDT";
    let mut venue = Venue::new("bybit-spot");
    venue.subscribe(1, "orderbook.full", BTC);
    venue.say(1, &bybit("delta", "full", 50_000, "1"));
    venue.call(call, &picture(50_001, "2"), |venue| {
        venue.say(1, &bybit("delta", "full", 50_001, "2"));
    });
    venue.say(1, &bybit("delta", "full", 50_002, "3"));
    venue.call(call, &picture(50_002, "3"), |venue| {
        venue.say(1, &bybit("delta", "full", 1, "4"));
        venue.say(1, &bybit("delta", "full", 2, "5"));
    });
    venue.say(1, &bybit("delta", "full", 3, "6"));
    assert_eq!(venue.status().books_live, 0);
    venue.call(call, &picture(2, "5"), |_| ());
    venue.say(1, &bybit("delta", "full", 4, "7"));
    let record = venue.finish();
    let of_bid = |row: &&rig::Delta| row.is_bid && row.action == "set";
    let last: Vec<_> = record.deltas.iter().rev().filter(of_bid).take(2).collect();
    assert_eq!((last[0].size, last[1].size), (7.0, 6.0), "{:#?}", record.deltas);
    let marked = |size: f64| {
        let row = record.deltas.iter().find(|row| row.is_bid && row.size.total_cmp(&size).is_eq());
        row.unwrap().flags & flags::GAP != 0
    };
    assert!(marked(4.0) && marked(5.0) && !marked(7.0), "{:#?}", record.deltas);
    let gap = record.of("gap", BTC).find(|gap| gap.span.is_some_and(|(_, to)| to.is_some()));
    assert!(gap.is_some(), "{}", record.told());
}

/// A message of Coinbase's book of levels, which has no numbers.
fn coinbase(bid: &str, is_picture: bool) -> String {
    if is_picture {
        return format!(
            r#"{{"type":"snapshot","product_id":"BTC-USD","asks":[["101","1"]],"bids":[["100","{bid}"]]}}"#
        );
    }
    format!(
        r#"{{"type":"l2update","product_id":"BTC-USD","changes":[["buy","100","{bid}"]],"time":"2026-08-04T15:25:05.010758Z"}}"#
    )
}

#[test]
fn copies_without_numbers_are_kept_once() {
    let mut venue = Venue::new("coinbase");
    for connection in [1, 2] {
        venue.subscribe(connection, "level2_batch", "BTC-USD");
        venue.say(connection, &coinbase("1", true));
    }
    for bid in ["2", "3", "4"] {
        venue.say(1, &coinbase(bid, false));
    }
    for bid in ["2", "3", "4"] {
        venue.say(2, &coinbase(bid, false));
    }
    let mut rows = vec![1.0, 1.0, 2.0, 3.0, 4.0];
    // The other connection goes on alone, and must send a picture first.
    venue.ends(2);
    venue.say(1, &coinbase("5", false));
    assert_eq!(venue.status().resyncs, 1);
    venue.say(1, &coinbase("6", false));
    assert_eq!(venue.status().resyncs, 1);
    venue.say(1, &coinbase("7", true));
    venue.say(1, &coinbase("8", false));
    rows.extend([7.0, 8.0]);
    let record = venue.finish();
    assert_eq!(sizes(&record, "BTC-USD"), rows, "{}", record.told());
    let gaps: Vec<_> = record.of("gap", "BTC-USD").collect();
    assert_eq!(gaps.len(), 2, "opened and closed: {}", record.told());
}

fn advanced(number: i64, events: &str) -> String {
    format!(
        r#"{{"channel":"l2_data","client_id":"","timestamp":"2026-01-02T03:04:05.5Z","sequence_num":{number},"events":[{events}]}}"#
    )
}

fn advanced_book(kind: &str, symbol: &str, bid: &str) -> String {
    format!(
        r#"{{"type":"{kind}","product_id":"{symbol}","updates":[{{"side":"bid","event_time":"2026-01-02T03:04:05.25Z","price_level":"100","new_quantity":"{bid}"}}]}}"#
    )
}

#[test]
fn what_only_the_connection_counts_is_not_vouched_for_beyond_a_hole() {
    let mut venue = Venue::new("coinbase-advanced");
    venue.subscribe(1, "level2", "BTC-USD");
    venue.say(1, &advanced(0, &advanced_book("snapshot", "BTC-USD", "1")));
    venue.say(1, &advanced(1, &advanced_book("update", "BTC-USD", "2")));
    let whole_until = venue.now;
    venue.say(1, &advanced(3, &advanced_book("update", "BTC-USD", "4")));
    venue.ends(1);
    let record = venue.finish();
    let clean: Vec<_> = record.of("clean", "BTC-USD").collect();
    assert!(!clean.is_empty(), "{}", record.told());
    for span in &clean {
        assert!(span.span.unwrap().1.unwrap() <= whole_until, "{clean:#?}");
    }
    assert_eq!(record.of("gap", "BTC-USD").count(), 1, "{}", record.told());
}

#[test]
fn a_message_that_cannot_be_read_leaves_a_doubt() {
    let mut venue = Venue::new("coinbase-advanced");
    venue.subscribe(1, "level2", "BTC-USD");
    venue.say(1, &advanced(0, &advanced_book("snapshot", "BTC-USD", "1")));
    let strange = advanced_book("update", "BTC-USD", "2").replace("bid", "middle");
    venue.say(1, &advanced(1, &strange));
    venue.say(1, &advanced(2, &advanced_book("update", "BTC-USD", "3")));
    assert_eq!(venue.status().malformed, 1);
    let record = venue.finish();
    assert_eq!(record.of("clean", "BTC-USD").count(), 0, "{}", record.told());
    let doubts: Vec<_> = record.of("unverifiable", "BTC-USD").collect();
    let detail = doubts.last().and_then(|event| event.detail.as_deref());
    assert_eq!(detail, Some("a message could not be read"), "{doubts:#?}");
}

#[test]
fn rows_that_a_malformed_message_took_along_come_again_with_a_picture() {
    let mut venue = Venue::new("coinbase-advanced");
    let symbols = ["BTC-USD", "ETH-USD"];
    for (number, symbol) in (0..).zip(symbols) {
        venue.subscribe(1, "level2", symbol);
        venue.say(1, &advanced(number, &advanced_book("snapshot", symbol, "1")));
    }
    let good = advanced_book("update", symbols[0], "2");
    let strange = advanced_book("update", symbols[1], "2").replace("bid", "middle");
    venue.say(1, &advanced(2, &format!("{good},{strange}")));
    venue.say(1, &advanced(3, &advanced_book("update", symbols[1], "3")));
    let record = venue.finish();
    let book = record.book(symbols[0]);
    assert_eq!(book.into_values().collect::<Vec<_>>(), [2.0], "{}", record.told());
    assert_eq!(record.pictures(symbols[0]), 2);
}

#[test]
fn books_whose_rows_were_dropped_are_written_anew() {
    let mut venue = Venue::new("bybit-linear");
    venue.subscribe(1, "orderbook.50", BTC);
    venue.say(1, &bybit("snapshot", "50", 1_000, "1"));
    let mut number = 1_000;
    // The lake is away, and the tape fills up.
    while venue.status().dropped < 3 {
        number += 1;
        assert!(number < 1_000_000, "nothing is ever dropped");
        venue
            .reparser
            .take(venue.name, 1, venue.now, text(&bybit("delta", "50", number, "2")))
            .unwrap();
    }
    let outage = venue.now;
    let tape = venue.home.path().join("book_deltas/test-bybit-linear");
    rustonite_tape::advance_consumer(&tape, "lake", u64::MAX / 2).unwrap();
    venue.wait(120);
    for size in ["3", "4", "5"] {
        number += 1;
        venue.say(1, &bybit("delta", "50", number, size));
    }
    venue.wait(120);
    venue.say(1, &bybit("delta", "50", number + 1, "6"));
    assert_eq!((venue.status().books_live, venue.status().resyncs), (1, 0));
    let record = venue.finish();
    assert_eq!(
        record.book(BTC).into_values().collect::<Vec<_>>(),
        [1.0, 6.0],
        "of the ask and the bid"
    );
    assert_eq!(record.count("dropped"), 1, "{}", record.told());
    let gap = record.of("gap", BTC).find_map(|gap| gap.span).unwrap();
    assert!(gap.0 <= outage && gap.1.unwrap() > outage, "{}", record.told());
    for clean in record.of("clean", BTC) {
        let (from, to) = clean.span.unwrap();
        assert!(to.unwrap() <= gap.0 || from >= gap.1.unwrap(), "{clean:?} {gap:?}");
    }
}

fn text(text: &str) -> Recorded<'_> {
    Recorded::Frame { kind: FrameKind::Text, status: None, data: text.as_bytes() }
}

fn binance_trade(id: i64) -> String {
    format!(
        r#"{{"stream":"btcusdt@trade","data":{{"e":"trade","E":1700000000000,"s":"BTCUSDT","t":{id},"p":"100.5","q":"0.5","T":1700000000000,"m":false,"M":true}}}}"#
    )
}

#[test]
fn trades_that_were_dropped_are_a_gap_and_not_clean() {
    let mut venue = Venue::new("binance");
    venue.subscribe(1, "trade", BTC);
    let mut id = 0;
    while venue.status().dropped < 50 {
        id += 1;
        assert!(id < 1_000_000, "nothing is ever dropped");
        venue.now += 1_000_000;
        venue.reparser.take(venue.name, 1, venue.now, text(&binance_trade(id))).unwrap();
    }
    let tape = venue.home.path().join("trades/test-binance");
    rustonite_tape::advance_consumer(&tape, "lake", u64::MAX / 2).unwrap();
    venue.wait(120);
    for _ in 0..3 {
        id += 1;
        venue.say(1, &binance_trade(id));
    }
    venue.wait(120);
    venue.say(1, &binance_trade(id + 1));
    let record = venue.finish();
    let of_trades = |event: &&rig::Event| event.dataset.as_deref() == Some("trades");
    let gap = record.of("gap", BTC).filter(of_trades).find_map(|gap| gap.span).expect("a gap");
    let gap = (gap.0, gap.1.unwrap());
    assert!(gap.1 - gap.0 > 49_000_000, "{}", record.told());
    for clean in record.of("clean", BTC).filter(of_trades) {
        let (from, to) = clean.span.unwrap();
        assert!(to.unwrap() <= gap.0 || from >= gap.1, "{clean:?} {gap:?}");
    }
}

#[test]
fn copies_of_data_without_numbers_are_kept_once() {
    let ticker = |price: &str| {
        format!(
            r#"{{"stream":"btcusdt@markPrice@1s","data":{{"e":"markPriceUpdate","E":1700000000000,"s":"BTCUSDT","p":"{price}","ap":"{price}","P":"{price}","i":"{price}","r":"0.0001","T":1700000000000}}}}"#
        )
    };
    let mut venue = Venue::new("binance-usdm");
    venue.subscribe(1, "markPrice@1s", BTC);
    venue.subscribe(2, "markPrice@1s", BTC);
    for price in ["1", "2"] {
        venue.say(1, &ticker(price));
        venue.say(2, &ticker(price));
    }
    venue.ends(1);
    venue.say(2, &ticker("3"));
    let status = venue.status();
    assert_eq!((status.rows, status.duplicates, status.malformed), (3, 2, 0));
    assert_eq!(venue.finish().count("gap"), 0);
}

#[test]
fn what_comes_by_another_channel_is_no_copy() {
    let symbol = "BTC-USDT-SWAP";
    let mark = r#"{"arg":{"channel":"mark-price","instId":"BTC-USDT-SWAP"},"data":[{"instType":"SWAP","instId":"BTC-USDT-SWAP","markPx":"0.1","ts":"1700000000000"}]}"#;
    let funding = r#"{"arg":{"channel":"funding-rate","instId":"BTC-USDT-SWAP"},"data":[{"fundingRate":"0.0001","fundingTime":"1703923200000","instId":"BTC-USDT-SWAP","instType":"SWAP","nextFundingRate":"","nextFundingTime":"1703952000000","ts":"1703921475402"}]}"#;
    let mut venue = Venue::new("okx");
    venue.subscribe(1, "mark-price", symbol);
    venue.subscribe(2, "funding-rate", symbol);
    for _ in 0..2 {
        venue.say(1, mark);
        venue.say(2, funding);
    }
    let status = venue.status();
    assert_eq!((status.rows, status.duplicates, status.malformed), (4, 0, 0));
    // A second connection of the first channel brings copies all the same.
    venue.subscribe(3, "mark-price", symbol);
    venue.say(3, mark);
    assert_eq!((venue.status().rows, venue.status().duplicates), (4, 1));
}

#[test]
fn the_end_of_a_channel_of_all_instruments_is_a_loss_of_each() {
    let liquidation = |symbol: &str| {
        format!(
            r#"{{"arg":{{"channel":"liquidation-orders","instType":"SWAP"}},"data":[{{"details":[{{"bkLoss":"0","bkPx":"0.007","ccy":"","posSide":"short","side":"buy","sz":"13","ts":"1695463234010"}}],"instFamily":"{symbol}","instId":"{symbol}-SWAP","instType":"SWAP","uly":"{symbol}"}}]}}"#
        )
    };
    let mut venue = Venue::new("okx");
    let channel = rustonite_feed::Venue::find("okx").unwrap();
    let channel = channel.channels.iter().find(|one| one.dataset == "liquidations").unwrap();
    let subscribe = Recorded::Subscribe { channel: &channel.name, symbol: None };
    venue.take(1, subscribe);
    venue.say(1, &liquidation("BTC-USDT"));
    venue.say(1, &liquidation("ETH-USDT"));
    venue.ends(1);
    venue.wait(600);
    venue.take(2, subscribe);
    venue.say(2, &liquidation("ETH-USDT"));
    assert_eq!(venue.status().malformed, 0);
    let record = venue.finish();
    let gaps = |symbol: &str| -> Vec<bool> {
        record.of("gap", symbol).map(|gap| gap.span.unwrap().1.is_some()).collect()
    };
    assert_eq!(gaps("BTC-USDT-SWAP"), [false], "{}", record.told());
    assert_eq!(gaps("ETH-USDT-SWAP"), [false, true], "{}", record.told());
}

#[test]
fn a_list_that_breaks_off_says_nothing_of_what_it_lacks() {
    let symbol = |name: &str| {
        format!(
            r#"{{"symbol":"{name}","status":"TRADING","baseAsset":"BTC","quoteAsset":"USDT","filters":[{{"filterType":"PRICE_FILTER","tickSize":"0.01000000"}},{{"filterType":"LOT_SIZE","stepSize":"0.00100000"}}]}}"#
        )
    };
    let list = |more: &str| {
        format!(r#"{{"serverTime":1700000000000,"symbols":[{},{more}]}}"#, symbol("BTCUSDT"))
    };
    let mut venue = Venue::new("binance");
    venue.subscribe(1, "trade", "ETHUSDT");
    let path = "/api/v3/exchangeInfo";
    venue.call(path, &list(r#"{"symbol":5}"#), |_| ());
    assert_eq!(venue.status().malformed, 1);
    assert_eq!(venue.status().problems.get("ETHUSDT"), None);
    venue.call(path, &list(&symbol("XRPUSDT")), |_| ());
    assert!(venue.status().problems["ETHUSDT"].contains("no such instrument"));
    let instruments = venue.finish().instruments;
    assert_eq!(instruments, ["BTCUSDT", "XRPUSDT"].map(str::to_owned).into());
}
