use super::BitMex;
use crate::codec::{Codec, Feed, Topic};
use crate::testing::{RECEIVED, answered, shown};

const TIME: &str = r#""timestamp":"2026-01-02T03:04:05.678Z""#;
const PARTIAL: &str = r#"{"table":"orderBookL2","action":"partial","keys":["symbol","id","side"],"types":{"id":"long"},"filter":{"symbol":"XBTUSD"},"data":[{"symbol":"XBTUSD","id":17999992000,"side":"Sell","size":100,"price":80.5},{"symbol":"XBTUSD","id":17999993000,"side":"Buy","size":20,"price":70}]}"#;
const UPDATE: &str = r#"{"table":"orderBookL2","action":"update","data":[{"symbol":"XBTUSD","id":17999993000,"side":"Buy","size":5}]}"#;
const DELETE: &str = r#"{"table":"orderBookL2","action":"delete","data":[{"symbol":"XBTUSD","id":17999992000,"side":"Sell"}]}"#;
const INSTRUMENT: &str = r#"{"symbol":"XBTUSD","rootSymbol":"XBT","state":"Open","typ":"FFWCSX","listing":"2016-05-13T12:00:00.000Z","expiry":null,"positionCurrency":"USD","underlying":"XBT","quoteCurrency":"USD","referenceSymbol":".BXBT","maxOrderQty":10000000,"maxPrice":1000000,"lotSize":100,"tickSize":1e-1,"multiplier":-100000000,"settlCurrency":"XBt","underlyingToPositionMultiplier":null,"underlyingToSettleMultiplier":-100000000,"isQuanto":false,"isInverse":true,"initMargin":0.01,"maintMargin":0.005,"makerFee":-0.00025,"takerFee":0.0005,"fundingTimestamp":"2026-01-02T04:00:00.000Z","fundingInterval":"2000-01-01T08:00:00.000Z","fundingRate":0.0001,"indicativeFundingRate":0.00012,"prevPrice24h":97655,"volume24h":419742700,"foreignNotional24h":419742701,"vwap":97216.6863,"highPrice":98743.5,"lowPrice":95802.9,"lastPrice":97893.7,"midPrice":97884.8,"impactBidPrice":97882.7,"impactAskPrice":97886.6,"openInterest":411647400,"fairBasisRate":0.12,"fairBasis":5.99,"markPrice":97849.76,"indicativeSettlePrice":97843.77,"limitUpPrice":null,"timestamp":"2026-01-02T03:04:05.678Z"}"#;

/// A message of a table.
fn message(table: &str, action: &str, rows: &str) -> String {
    let filter = if action == "partial" { r#""filter":{},"# } else { "" };
    format!(r#"{{"table":"{table}","action":"{action}",{filter}"data":[{rows}]}}"#)
}

/// A codec whose partial of a table was empty and about all instruments.
fn begun(table: &str) -> BitMex {
    let mut codec = BitMex::default();
    shown(&mut codec, &message(table, "partial", "")).unwrap();
    codec
}

fn book_head(more: &str) -> String {
    format!(r#"BookUpdate symbol: "XBTUSD", ts_event: {RECEIVED}, {more}flags: 32, levels: []"#)
}

#[test]
fn changes_of_a_book_are_found_by_id() {
    let mut codec = BitMex::default();
    let picture = [&book_head("is_snapshot: true, "), "ask 100@80.5", "bid 20@70"];
    assert_eq!(shown(&mut codec, PARTIAL).unwrap(), picture);
    let change = book_head("is_snapshot: false, ");
    assert_eq!(shown(&mut codec, UPDATE).unwrap(), [change.as_str(), "bid 5@70"]);
    assert_eq!(shown(&mut codec, DELETE).unwrap(), [change.as_str(), "ask 0@80.5"]);
    let insert = r#"{"symbol":"XBTUSD","id":3,"side":"Sell","size":7,"price":81.5,"timestamp":"2026-01-02T03:04:05.678Z"}"#;
    let timed = r#"BookUpdate symbol: "XBTUSD", ts_event: 1767323045678000000, is_snapshot: false, levels: []"#;
    let inserted = shown(&mut codec, &message("orderBookL2", "insert", insert)).unwrap();
    assert_eq!(inserted, [timed, "ask 7@81.5"]);
    // A second partial voids the ids of the first.
    shown(&mut codec, PARTIAL).unwrap();
    let update = r#"{"symbol":"XBTUSD","id":3,"side":"Sell","size":8}"#;
    let lost = shown(&mut codec, &message("orderBookL2", "update", update)).unwrap();
    assert!(lost[0].starts_with("Lost"), "{lost:?}");
}

#[test]
fn an_unknown_id_is_a_loss_until_the_next_partial() {
    let mut codec = BitMex::default();
    shown(&mut codec, PARTIAL).unwrap();
    let unknown = DELETE.replace("17999992000", "1");
    let lost = r#"Lost symbol: "XBTUSD", detail: "delete of an unknown id""#;
    assert_eq!(shown(&mut codec, &unknown).unwrap(), [lost]);
    assert_eq!(shown(&mut codec, &unknown).unwrap(), ["Nothing"]);
    assert_eq!(shown(&mut codec, UPDATE).unwrap(), ["Nothing"]);
    shown(&mut codec, PARTIAL).unwrap();
    assert_eq!(shown(&mut codec, UPDATE).unwrap().len(), 2);
    let lost = shown(&mut codec, &UPDATE.replace("17999993000", "1")).unwrap();
    assert_eq!(lost, [r#"Lost symbol: "XBTUSD", detail: "update of an unknown id""#]);
}

#[test]
fn nothing_counts_before_the_partial() {
    let mut codec = BitMex::default();
    assert_eq!(shown(&mut codec, UPDATE).unwrap(), ["Nothing"]);
    shown(&mut codec, PARTIAL).unwrap();
    // The partial of another table or instrument is none of this one.
    let other = UPDATE.replace("orderBookL2", "orderBookL2_25");
    assert_eq!(shown(&mut codec, &other).unwrap(), ["Nothing"]);
    let other = UPDATE.replace("XBTUSD", "ETHUSD");
    assert_eq!(shown(&mut codec, &other).unwrap(), ["Nothing"]);
    codec.reset();
    assert_eq!(shown(&mut codec, UPDATE).unwrap(), ["Nothing"]);
    let trade = format!(r#"{{{TIME},"symbol":"XBTUSD","side":"Buy","size":1,"price":2}}"#);
    let trade = message("trade", "insert", &trade);
    assert!(shown(&mut codec, &trade).unwrap().is_empty());
    let filter = r#"{"table":"trade","action":"partial","filter":{"symbol":"ETHUSD"},"data":[]}"#;
    shown(&mut codec, filter).unwrap();
    assert!(shown(&mut codec, &trade).unwrap().is_empty());
    shown(&mut codec, &filter.replace("ETHUSD", "XBTUSD")).unwrap();
    assert_eq!(shown(&mut codec, &trade).unwrap().len(), 1);
}

#[test]
fn no_table_counts_before_its_partial() {
    let head = format!(r#"{TIME},"symbol":"A""#);
    for (table, row) in [
        ("trade", r#","side":"Buy","size":1,"price":2"#),
        ("quote", r#","bidPrice":1,"bidSize":2"#),
        ("orderBook10", r#","bids":[[1,2]]"#),
        ("instrument", r#","markPrice":5"#),
        ("funding", r#","fundingRate":5"#),
        ("settlement", r#","settledPrice":5"#),
        ("liquidation", r#","orderID":"a","side":"Buy","price":1,"leavesQty":2"#),
        ("tradeBin1m", r#","open":1,"high":1,"low":1,"close":1"#),
    ] {
        let update = message(table, "insert", &format!("{{{head}{row}}}"));
        assert!(shown(&mut BitMex::default(), &update).unwrap().is_empty(), "{table}");
        assert!(!shown(&mut begun(table), &update).unwrap().is_empty(), "{table}");
    }
}

#[test]
fn an_id_may_change_sides() {
    let mut codec = BitMex::default();
    shown(&mut codec, PARTIAL).unwrap();
    let crossed = UPDATE.replace("Buy", "Sell");
    let change = book_head("is_snapshot: false, ");
    let expected = [change.as_str(), "bid 0@70", "ask 5@70"];
    assert_eq!(shown(&mut codec, &crossed).unwrap(), expected);
    assert_eq!(shown(&mut codec, &crossed).unwrap(), [change.as_str(), "ask 5@70"]);
}

#[test]
fn an_update_without_size_changes_no_level() {
    let mut codec = BitMex::default();
    shown(&mut codec, PARTIAL).unwrap();
    assert!(shown(&mut codec, &UPDATE.replace(r#","size":5"#, "")).unwrap().is_empty());
}

#[test]
fn books_of_several_instruments_in_one_message() {
    let row = |symbol: &str, id: i64| {
        format!(r#"{{"symbol":"{symbol}","id":{id},"side":"Buy","size":1,"price":{id}}}"#)
    };
    let mut codec = BitMex::default();
    let rows = format!("{},{},{}", row("A", 1), row("A", 2), row("B", 1));
    let found = shown(&mut codec, &message("orderBookL2_25", "partial", &rows)).unwrap();
    let levels: Vec<_> = found.iter().map(|line| line.split(',').next().unwrap()).collect();
    let expected =
        [r#"BookUpdate symbol: "A""#, "bid 1@1", "bid 1@2", r#"BookUpdate symbol: "B""#, "bid 1@1"];
    assert_eq!(levels, expected);
    // The partial was about all instruments, so new ones may come.
    let found = shown(&mut codec, &message("orderBookL2_25", "insert", &row("C", 3))).unwrap();
    assert_eq!(found[1], "bid 1@3");
    // A loss of one instrument leaves the others alone.
    let rows = format!("{},{},{}", row("A", 9), row("A", 1), row("B", 1));
    let found = shown(&mut codec, &message("orderBookL2_25", "update", &rows)).unwrap();
    assert!(
        found[0].starts_with(r#"Lost symbol: "A""#) && found[1].contains(r#""B""#),
        "{found:?}"
    );
    assert_eq!(found.len(), 3);
}

#[test]
fn each_instrument_has_the_latest_time_of_its_own_rows() {
    let row = |symbol: &str, id: i64, time: &str| {
        format!(
            r#"{{"symbol":"{symbol}","id":{id},"side":"Buy","size":1,"price":{id},"timestamp":"1970-01-01T00:00:{time}Z"}}"#
        )
    };
    let rows = [row("A", 1, "05"), row("A", 2, "04"), row("B", 1, "03")].join(",");
    let mut codec = BitMex::default();
    let found = shown(&mut codec, &message("orderBookL2", "partial", &rows)).unwrap();
    assert!(found[0].contains(r#""A", ts_event: 5000000000,"#), "{found:?}");
    assert!(found[3].contains(r#""B", ts_event: 3000000000,"#), "{found:?}");
}

#[test]
fn an_empty_book() {
    let empty =
        r#"{"table":"orderBookL2","action":"partial","data":[],"filter":{"symbol":"XBTUSD"}}"#;
    let mut codec = BitMex::default();
    assert_eq!(shown(&mut codec, empty).unwrap(), [book_head("is_snapshot: true, ")]);
    let insert = r#"{"symbol":"XBTUSD","id":3,"side":"Sell","size":7,"price":81.5}"#;
    let found = shown(&mut codec, &message("orderBookL2", "insert", insert)).unwrap();
    assert_eq!(found[1], "ask 7@81.5");
}

#[test]
fn the_best_ten_levels() {
    let mut codec = begun("orderBook10");
    let both = format!(
        r#"{{"symbol":"XBTUSD","bids":[[30715.5,217100],[30713,3000]],{TIME},"asks":[[30716,537700]]}}"#
    );
    let row = r#"BookSnapshots ts_event: 1767323045678000000, venue: "bitmex", symbol: "XBTUSD", bid_price: [30715.5, 30713.0], bid_size: [217100.0, 3000.0], ask_price: [30716.0], ask_size: [537700.0], flags: 3"#;
    assert_eq!(shown(&mut codec, &message("orderBook10", "insert", &both)).unwrap(), [row]);
    // The side that did not change may be left out of an update.
    let bids = format!(r#"{{"bids":[[30716.5,1]],"symbol":"XBTUSD",{TIME}}}"#);
    let row = r#"BookSnapshots ts_event: 1767323045678000000, venue: "bitmex", symbol: "XBTUSD", bid_price: [30716.5], bid_size: [1.0], ask_price: [30716.0], ask_size: [537700.0], flags: 3"#;
    assert_eq!(shown(&mut codec, &message("orderBook10", "update", &bids)).unwrap(), [row]);
    let alone = shown(&mut codec, &message("orderBook10", "insert", &bids)).unwrap();
    assert!(alone[0].contains("ask_price: [], ask_size: []"), "{alone:?}");
    assert!(
        shown(&mut BitMex::default(), &message("orderBook10", "update", &bids)).unwrap().is_empty()
    );
}

#[test]
fn trades() {
    let first = format!(
        r#"{{{TIME},"symbol":"XBTUSD","side":"Sell","size":900,"price":56927,"tickDirection":"MinusTick","trdMatchID":"d1b8","grossValue":1581300,"trdType":"Regular"}}"#
    );
    let second = format!(
        r#"{{{TIME},"symbol":"XBTF23","size":1500,"price":22957.36,"trdMatchID":"cea6","trdType":"Settlement"}}"#
    );
    let index = format!(r#"{{{TIME},"symbol":".BXBT","side":"Buy","size":0,"price":7.5}}"#);
    let rows = format!("{first},{second},{index}");
    let expected = [
        r#"Trades ts_event: 1767323045678000000, venue: "bitmex", symbol: "XBTUSD", price: 56927.0, size: 900.0, side: Sell, trade_uid: Some("d1b8")"#,
        r#"Trades ts_event: 1767323045678000000, venue: "bitmex", symbol: "XBTF23", price: 22957.36, size: 1500.0, side: Unknown, trade_uid: Some("cea6"), conditions: Some("Settlement")"#,
        r#"Tickers ts_event: 1767323045678000000, venue: "bitmex", symbol: ".BXBT", index_price: Some(7.5), flags: 1"#,
    ];
    assert_eq!(shown(&mut begun("trade"), &message("trade", "insert", &rows)).unwrap(), expected);
    let history = shown(&mut BitMex::default(), &message("trade", "partial", &first)).unwrap();
    assert_eq!(history, [format!("{}, flags: 65", expected[0])]);
}

#[test]
fn quotes() {
    let quote = format!(
        r#"{{{TIME},"symbol":"XBTUSD","bidSize":2100,"bidPrice":19917.5,"askPrice":19918,"askSize":3600}}"#
    );
    let row = r#"Quotes ts_event: 1767323045678000000, venue: "bitmex", symbol: "XBTUSD", bid_price: Some(19917.5), bid_size: Some(2100.0), ask_price: Some(19918.0), ask_size: Some(3600.0), flags: 1"#;
    let mut codec = begun("quote");
    assert_eq!(shown(&mut codec, &message("quote", "insert", &quote)).unwrap(), [row]);
    let partial = shown(&mut codec, &message("quote", "partial", &quote)).unwrap();
    assert!(partial[0].ends_with("flags: 67"), "{partial:?}");
    let one_sided = quote.replace("19917.5", "null");
    let found = shown(&mut codec, &message("quote", "insert", &one_sided)).unwrap();
    assert!(!found[0].contains("bid_"), "{found:?}");
}

#[test]
fn bars_are_told_at_their_end() {
    let bar = r#"{"timestamp":"2023-02-01T00:07:00.000Z","symbol":"XBTUSD","open":23077.5,"high":23096.5,"low":23076.5,"close":23085,"trades":93,"volume":342600,"vwap":23081.1487,"lastSize":100,"turnover":1484330812,"homeNotional":14.8,"foreignNotional":342601}"#;
    let row = r#"Bars ts_event: 1675210020000000000, venue: "bitmex", symbol: "XBTUSD", ts_open: 1675209960000000000, ts_close: 1675210020000000000, interval: "1m", kind: Time, price_source: Trade, source: Venue, open: 23077.5, high: 23096.5, low: 23076.5, close: 23085.0, volume: Some(342600.0), turnover: Some(342601.0), vwap: Some(23081.1487), count: Some(93), is_final: 1, flags: 1"#;
    let mut codec = begun("tradeBin1m");
    assert_eq!(shown(&mut codec, &message("tradeBin1m", "insert", bar)).unwrap(), [row]);
    let mut codec = begun("tradeBin1h");
    let hour = shown(&mut codec, &message("tradeBin1h", "partial", bar)).unwrap();
    assert!(hour[0].contains("ts_open: 1675206420000000000"), "{hour:?}");
    assert!(hour[0].contains(r#"interval: "1h""#) && hour[0].ends_with("flags: 65"), "{hour:?}");
    let priceless = bar.replace("23077.5", "null");
    assert!(shown(&mut codec, &message("tradeBin1h", "insert", &priceless)).unwrap().is_empty());
}

#[test]
fn liquidations_keep_what_messages_leave_out() {
    let mut codec = begun("liquidation");
    let mut rows =
        |action: &str, row: &str| shown(&mut codec, &message("liquidation", action, row)).unwrap();
    let row = |price: &str, size: &str, action: &str| {
        format!(
            r#"Liquidations ts_event: {RECEIVED}, venue: "bitmex", symbol: "XBTUSD", side: Sell, side_raw: "Sell", price: Some({price}), size: {size}, liquidation_uid: Some("a"), status_raw: Some("{action}"), flags: 33"#
        )
    };
    let insert =
        r#"{"orderID":"a","symbol":"XBTUSD","side":"Sell","price":95000.5,"leavesQty":1000}"#;
    assert_eq!(rows("insert", insert), [row("95000.5", "1000.0", "insert")]);
    let update = r#"{"orderID":"a","symbol":"XBTUSD","leavesQty":400}"#;
    assert_eq!(rows("update", update), [row("95000.5", "400.0", "update")]);
    // `size: 0.0` is told apart from nothing.
    assert_eq!(rows("delete", r#"{"orderID":"a"}"#), [row("95000.5", "0.0", "delete")]);
    assert!(rows("delete", r#"{"orderID":"a"}"#).is_empty());
    let open = rows("partial", insert);
    assert!(open[0].ends_with("flags: 99"), "{open:?}");
    rows("partial", "");
    assert!(rows("update", update).is_empty());
}

#[test]
fn an_instrument_is_told_whole_and_then_by_changes() {
    let mut codec = BitMex::default();
    let found = shown(&mut codec, &message("instrument", "partial", INSTRUMENT)).unwrap();
    let expected = [
        r#"Instruments ts_event: 1767323045678000000, venue: "bitmex", symbol: "XBTUSD", kind: Perpetual, contract: Some(Inverse), family: Some("XBT"), base: Some("XBT"), quote: Some("USD"), settle: Some("XBT"), underlying: Some(".BXBT"), multiplier: 1000000000000000000, multiplier_asset: "USD", tick_size: Some(100000000000000000), lot_size: Some(100000000000000000000), size_max: Some(10000000000000000000000000), price_max: Some(1000000000000000000000000), ts_listed: Some(1463140800000000000), status: Trading, status_raw: Some("Open"), margin_initial: Some(10000000000000000), margin_maintenance: Some(5000000000000000), fee_maker: Some(-250000000000000), fee_taker: Some(500000000000000), funding_interval_hours: Some(8.0), flags: 1"#,
        r#"Tickers ts_event: 1767323045678000000, venue: "bitmex", symbol: "XBTUSD", last_price: Some(97893.7), mark_price: Some(97849.76), index_price: Some(97843.77), mid_price: Some(97884.8), settle_price: Some(97843.77), impact_bid_price: Some(97882.7), impact_ask_price: Some(97886.6), basis: Some(5.99), basis_rate: Some(0.12), funding_rate: Some(0.0001), funding_rate_next: Some(0.00012), ts_funding_next: Some(1767326400000000000), funding_interval_hours: Some(8.0), open_interest: Some(411647400.0), volume: Some(419742700.0), turnover: Some(419742701.0), volume_window: Some(Rolling24h), high_price: Some(98743.5), low_price: Some(95802.9), average_price: Some(97216.6863), close_prev_price: Some(97655.0), status: Some(Trading), status_raw: Some("Open"), flags: 3"#,
    ];
    assert_eq!(found, expected);
    let change = format!(r#"{{"symbol":"XBTUSD","fairPrice":1.5,"markPrice":1.25,{TIME}}}"#);
    let row = r#"Tickers ts_event: 1767323045678000000, venue: "bitmex", symbol: "XBTUSD", mark_price: Some(1.25), flags: 1"#;
    assert_eq!(shown(&mut codec, &message("instrument", "update", &change)).unwrap(), [row]);
    let nothing = format!(r#"{{"symbol":"XBTUSD","lastTickDirection":"PlusTick",{TIME}}}"#);
    assert!(shown(&mut codec, &message("instrument", "update", &nothing)).unwrap().is_empty());
    let index = format!(r#"{{"symbol":".BXBT","lastPrice":1.25,{TIME}}}"#);
    let row = r#"Tickers ts_event: 1767323045678000000, venue: "bitmex", symbol: ".BXBT", index_price: Some(1.25), flags: 1"#;
    assert_eq!(shown(&mut codec, &message("instrument", "update", &index)).unwrap(), [row]);
}

#[test]
fn funding_and_settlements() {
    let paid = r#"{"timestamp":"2021-04-01T20:00:00.000Z","symbol":"XBTUSD","fundingInterval":"2000-01-01T08:00:00.000Z","fundingRate":0.000817,"fundingRateDaily":0.002451}"#;
    let row = r#"Tickers ts_event: 1617307200000000000, venue: "bitmex", symbol: "XBTUSD", funding_rate_settled: Some(0.000817), funding_interval_hours: Some(8.0)"#;
    let mut codec = begun("funding");
    let found = shown(&mut codec, &message("funding", "insert", paid)).unwrap();
    assert_eq!(found, [format!("{row}, flags: 1")]);
    let found = shown(&mut codec, &message("funding", "partial", paid)).unwrap();
    assert_eq!(found, [format!("{row}, flags: 65")]);
    let settled = format!(r#"{{{TIME},"symbol":"XBTH26","settledPrice":7.5}}"#);
    let row = r#"Tickers ts_event: 1767323045678000000, venue: "bitmex", symbol: "XBTH26", settle_final_price: Some(7.5), flags: 1"#;
    let found = shown(&mut begun("settlement"), &message("settlement", "insert", &settled));
    assert_eq!(found.unwrap(), [row]);
}

#[test]
fn contracts() {
    let rules = |changes: &[(&str, &str)]| {
        let body =
            changes.iter().fold(INSTRUMENT.to_owned(), |body, (from, to)| body.replace(from, to));
        let body = format!("[{body}]");
        answered(&mut BitMex::default(), &Feed::Instruments, &body).unwrap().remove(0)
    };
    let quanto = rules(&[
        (r#""isQuanto":false,"isInverse":true"#, r#""isQuanto":true,"isInverse":false"#),
        ("-100000000,\"settl", "100,\"settl"),
    ]);
    assert!(quanto.contains("contract: Some(Quanto)"), "{quanto}");
    assert!(quanto.contains(r#"multiplier: 1000000000000, multiplier_asset: ".BXBT""#), "{quanto}");
    let linear = rules(&[
        (r#""isInverse":true"#, r#""isInverse":false"#),
        (r#""underlyingToPositionMultiplier":null"#, r#""underlyingToPositionMultiplier":1000000"#),
        ("XBt", "USDt"),
        ("FFWCSX", "FFCCSX"),
        (r#""expiry":null"#, r#""expiry":"2026-03-27T12:00:00.000Z""#),
    ]);
    assert!(linear.contains(r#"multiplier: 1000000000000, multiplier_asset: "XBT""#), "{linear}");
    assert!(linear.contains("kind: Future, contract: Some(Linear)"), "{linear}");
    assert!(linear.contains(r#"settle: Some("USDT")"#), "{linear}");
    assert!(linear.contains("ts_expiry: Some(1774612800000000000)"), "{linear}");
    let spread = rules(&[
        (r#""isInverse":true"#, r#""isInverse":false"#),
        ("FFWCSX", "FFMCSX"),
        (r#""maxPrice""#, r#""minPrice":-5,"maxPrice""#),
    ]);
    assert!(spread.contains(r#"multiplier: 1000000000000000000, multiplier_asset: "USD""#));
    assert!(
        spread.contains("kind: Spread") && spread.contains("price_min: Some(-5000000000000000000)")
    );
    let spot = rules(&[(r#""isInverse":true"#, r#""isInverse":false"#), ("FFWCSX", "IFXXXP")]);
    assert!(spot.contains("kind: Spot, family") && !spot.contains("settle:"), "{spot}");
    let index = rules(&[("FFWCSX", "MRCXXX"), ("Open", "Unlisted")]);
    assert!(index.contains("kind: Index") && index.contains("status: PreOpen"), "{index}");
}

#[test]
fn answers_and_notices() {
    let mut codec = BitMex::default();
    let mut rows = |text: &str| shown(&mut codec, text).unwrap();
    assert_eq!(rows("pong"), ["Heartbeat"]);
    let welcome = r#"{"info":"Welcome to the BitMEX Realtime API.","version":"2","timestamp":"2021-07-22T22:36:07.865Z","docs":"d","limit":{"remaining":39}}"#;
    assert_eq!(rows(welcome), ["Nothing"]);
    let fine = r#"{"success":true,"subscribe":"trade:XBTUSD","request":{"op":"subscribe","args":["trade:XBTUSD","quote:XBTUSD"]}}"#;
    let expected =
        r#"Subscribed(Answer channel: Some("trade"), symbol: Some("XBTUSD"), text: None })"#;
    assert_eq!(rows(fine), [expected]);
    let whole = fine.replacen(r#""trade:XBTUSD""#, r#""liquidation""#, 1);
    assert_eq!(rows(&whole), [r#"Subscribed(Answer channel: Some("liquidation"), text: None })"#]);
    let refused = r#"{"status":400,"error":"Unknown table: foo","meta":{},"request":{"op":"subscribe","args":["trade:A","foo"]}}"#;
    let expected = r#"Refused(Answer channel: Some("foo"), code: Some(400), text: Some("Unknown table: foo") })"#;
    assert_eq!(rows(refused), [expected]);
    let only = refused.replace(r#"["trade:A","foo"]"#, r#"["trade:A"]"#);
    assert!(rows(&only)[0].contains(r#"channel: Some("trade"), symbol: Some("A"), code"#));
    let neither = refused.replace(r#","foo"]"#, r#","bar"]"#);
    assert!(rows(&neither)[0].starts_with("Refused(Answer code: Some(400)"));
    let error = r#"{"status":503,"error":"The system is overloaded","meta":{}}"#;
    assert_eq!(rows(error), [r#"Error code: Some(503), text: "The system is overloaded""#]);
    assert_eq!(rows(&message("margin", "update", "{}")), ["Nothing"]);
    assert_eq!(rows(&message("new", "update", "{}")), [r#"Unknown("new")"#]);
}

#[test]
fn what_was_ended_needs_a_partial_again() {
    let mut codec = BitMex::default();
    shown(&mut codec, PARTIAL).unwrap();
    let ended = r#"{"success":true,"unsubscribe":"orderBookL2:XBTUSD","request":{"op":"unsubscribe","args":["orderBookL2:XBTUSD"]}}"#;
    let expected = r#"Unsubscribed(Answer channel: Some("orderBookL2"), symbol: Some("XBTUSD"), text: None })"#;
    assert_eq!(shown(&mut codec, ended).unwrap(), [expected]);
    assert_eq!(shown(&mut codec, UPDATE).unwrap(), ["Nothing"]);
    let mut codec = begun("quote");
    let quote = message("quote", "insert", &format!(r#"{{{TIME},"symbol":"A"}}"#));
    assert_eq!(shown(&mut codec, &quote).unwrap().len(), 1);
    shown(&mut codec, r#"{"success":true,"unsubscribe":"quote"}"#).unwrap();
    assert!(shown(&mut codec, &quote).unwrap().is_empty());
}

#[test]
fn what_cannot_be_read_names_the_place() {
    let mut codec = BitMex::default();
    shown(&mut codec, PARTIAL).unwrap();
    let mut error = |message: &str| shown(&mut codec, message).unwrap_err().to_string();
    assert!(error("{}").ends_with("expected a message with `table`"));
    assert!(error("ping").contains("expected an object"));
    assert!(error(&UPDATE.replace("update", "change")).contains("expected an action of partial"));
    assert!(error(&UPDATE.replace("Buy", "buy")).contains("expected a side of Buy or Sell"));
    assert!(error(&UPDATE.replace("\"id\"", "\"ID\"")).ends_with("expected a level with `id`"));
    let insert = UPDATE.replace("update", "insert").replace("17999993000", "1");
    assert!(error(&insert).ends_with("expected a level with `price`"));
}

#[test]
fn requests() {
    let topics = [
        Topic { channel: "orderBookL2".into(), symbol: Some("XBTUSD".into()) },
        Topic { channel: "liquidation".into(), symbol: None },
    ];
    let codec = BitMex::default();
    let text = r#"{"op":"subscribe","args":["orderBookL2:XBTUSD","liquidation"]}"#;
    assert_eq!(codec.subscribe(&topics, 1), [text]);
    assert_eq!(codec.unsubscribe(&topics, 1), [text.replace("subscribe", "unsubscribe")]);
    assert!(codec.subscribe(&[], 1).is_empty());
    assert_eq!(codec.ping(1).as_deref(), Some("ping"));
    assert_eq!(codec.request(&Feed::Instruments).unwrap().path, "/api/v1/instrument/active");
}
