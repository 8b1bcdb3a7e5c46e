use super::Kraken;
use crate::codec::{Codec, Feed, Topic};
use crate::testing::{answered, shown};

fn one(message: &str) -> Vec<String> {
    shown(&mut Kraken::default(), message).unwrap()
}

fn error(message: &str) -> String {
    shown(&mut Kraken::default(), message).unwrap_err().to_string()
}

fn topic(channel: &str, symbol: &str) -> Topic {
    Topic { channel: channel.into(), symbol: Some(symbol.into()) }
}

const SUBSCRIBED: &str = r#"{"method":"subscribe","result":{"channel":"book","depth":25,"snapshot":true,"symbol":"AB/GBP"},"success":true,"time_in":"2026-08-18T20:43:55.546900Z","time_out":"2026-08-18T20:43:55.546939Z","req_id":7}"#;
const BOOK: &str = r#"{"channel":"book","type":"update","data":[{"symbol":"AB/GBP","bids":[{"price":0.0290,"qty":0.00000000},{"qty":20.50000000,"price":0.0270}],"asks":[{"price":1e-08,"qty":3}],"checksum":3798394521,"timestamp":"2026-08-18T20:44:00.932079Z"}]}"#;
const ORDERS: &str = r#"{"channel":"level3","type":"update","data":[{"symbol":"AB/GBP","checksum":9,"bids":[{"event":"delete","order_id":"OA-1","limit_price":0.5,"order_qty":10.0,"timestamp":"2023-10-06T18:20:55.357467423Z"}],"asks":[{"event":"add","order_id":"OB-2","limit_price":0.6,"order_qty":1.5,"timestamp":"2023-10-06T18:20:56.000000001Z"}]}]}"#;
const TICKER: &str = r#"{"channel":"ticker","type":"update","data":[{"symbol":"BTC/USD","bid":10.5,"bid_qty":2.0,"ask":10.6,"ask_qty":3.25,"last":10.55,"volume":163.28908096,"vwap":10.4,"low":9.0,"high":11.0,"change":0.5,"change_pct":0.24,"timestamp":"2022-12-25T09:30:59.123456Z"}]}"#;
const CANDLE: &str = r#"{"channel":"ohlc","type":"update","timestamp":"2023-10-04T16:26:30.524394914Z","data":[{"symbol":"AB/GBP","open":0.5624,"high":0.5628,"low":0.5622,"close":0.5627,"trades":12,"volume":30927.6,"vwap":0.5626,"interval_begin":"2023-10-04T16:25:00.000000000Z","interval":5,"timestamp":"2023-10-04T16:30:00.000000Z"}]}"#;
const INSTRUMENTS: &str = r#"{"channel":"instrument","type":"snapshot","data":{"assets":[{"id":"BTC","status":"enabled"}],"pairs":[{"symbol":"BTC/USD","base":"BTC","quote":"USD","status":"post_only","qty_precision":8,"qty_increment":1e-08,"price_precision":1,"cost_precision":5,"marginable":true,"has_index":true,"cost_min":0.5,"margin_initial":0.2,"position_limit_long":300,"position_limit_short":240,"price_increment":0.1,"qty_min":0.00005}]}}"#;
const OLD_BOOK: &str = r#"[320,{"a":[["39071.40000","7.26106570","1622714256.068601"]]},{"b":[["39071.30000","0.00000000","1622714255.5"],["39070.00000","1.00000000","1622714255.1","r"]],"c":"2040672112"},"book-25","XBT/USD"]"#;
const OLD_TICKER: &str = r#"[340,{"a":["29938.6",12,"12.41"],"b":["29938.5",0,"0.08"],"c":["29938.7","0.1"],"v":["735.0","5243.5"],"p":["29812.6","30272.7"],"t":[6120,30832],"l":["29581.1","29328.6"],"h":["30085.8","31869.3"],"o":["29790.0","31614.5"]},"ticker","XBT/USD"]"#;

#[test]
fn a_book_keeps_its_digits_and_knows_its_depth() {
    let mut codec = Kraken::default();
    let acknowledged = r#"Subscribed(Answer request: Some(7), channel: Some("book-25"), symbol: Some("AB/GBP"), text: None })"#;
    assert_eq!(shown(&mut codec, SUBSCRIBED).unwrap(), [acknowledged]);
    let expected = [
        r#"BookUpdate symbol: "AB/GBP", ts_event: 1787085840932079000, is_snapshot: false, checksum: Some(3798394521), depth: Some(25), levels: []"#,
        "bid 0.00000000@0.0290",
        "bid 20.50000000@0.0270",
        "ask 3@1e-8",
    ];
    let rows = shown(&mut codec, BOOK).unwrap();
    assert_eq!(rows[..3], expected[..3]);
    assert_eq!(rows.len(), 4);
    codec.reset();
    assert!(!shown(&mut codec, BOOK).unwrap()[0].contains("depth"));
}

#[test]
fn a_depth_that_is_not_named_is_ten_and_ends_with_the_subscription() {
    let mut codec = Kraken::default();
    let begun = SUBSCRIBED.replace(r#""depth":25,"#, "");
    assert!(shown(&mut codec, &begun).unwrap()[0].contains(r#"channel: Some("book")"#));
    assert!(shown(&mut codec, BOOK).unwrap()[0].contains("depth: Some(10)"));
    let ended = SUBSCRIBED.replace(r#""method":"subscribe""#, r#""method":"unsubscribe""#);
    assert!(shown(&mut codec, &ended).unwrap()[0].starts_with("Unsubscribed"));
    assert!(!shown(&mut codec, BOOK).unwrap()[0].contains("depth"));
}

#[test]
fn a_snapshot_without_time_and_with_its_keys_in_another_order() {
    let message = r#"{"data":[{"checksum":5,"asks":[{"price":2.0,"qty":1.0,"new":[{}]}],"bids":[],"symbol":"A/B"},{"symbol":"C/D","bids":[],"asks":[],"checksum":0}],"type":"snapshot","channel":"book"}"#;
    let expected = [
        r#"BookUpdate symbol: "A/B", ts_event: 1700000000123456789, is_snapshot: true, checksum: Some(5), flags: 32, levels: []"#,
        "ask 1.0@2.0",
        r#"BookUpdate symbol: "C/D", ts_event: 1700000000123456789, is_snapshot: true, checksum: Some(0), flags: 32, levels: []"#,
    ];
    assert_eq!(one(message), expected);
}

#[test]
fn orders_one_by_one() {
    let expected = [
        r#"OrdersUpdate symbol: "AB/GBP", ts_event: 1696616456000000001, is_snapshot: false, checksum: Some(9), orders: []"#,
        r#"Order action: Remove, side: Some(Bid), order_uid: Some("OA-1"), price: Some(Decimal { mantissa: 5, exponent: -1 }), size: Some(Decimal { mantissa: 0, exponent: 0 }), ts_order: Some(1696616455357467423)"#,
        r#"Order action: Add, side: Some(Ask), order_uid: Some("OB-2"), price: Some(Decimal { mantissa: 6, exponent: -1 }), size: Some(Decimal { mantissa: 15, exponent: -1 }), ts_order: Some(1696616456000000001)"#,
    ];
    let mut codec = Kraken::default();
    assert_eq!(shown(&mut codec, ORDERS).unwrap(), expected);
    // The memory is kept, and what a message left in it is not in the next one.
    assert!(codec.orders.is_empty() && codec.orders.capacity() >= 2);
    assert_eq!(shown(&mut codec, ORDERS).unwrap(), expected);
    let timed =
        ORDERS.replace(r#""checksum":9"#, r#""checksum":9,"timestamp":"2024-01-01T00:00:00Z""#);
    assert!(one(&timed)[0].contains("ts_event: 1704067200000000000"));
    assert!(error(&ORDERS.replace("delete", "vanish")).contains("add, modify or delete"));
}

#[test]
fn trades_and_their_history() {
    let message = r#"{"channel":"trade","type":"update","data":[{"symbol":"BTC/USD","side":"buy","price":105944.20,"qty":0.00027625,"ord_type":"limit","trade_id":10218208,"timestamp":"2023-10-06T17:35:55.440295Z"},{"symbol":"BTC/USD","side":"sell","price":5,"qty":1,"ord_type":"market","trade_id":10218209,"timestamp":"2023-10-06T17:35:56Z"}]}"#;
    let expected = [
        r#"Trades ts_event: 1696613755440295000, venue: "kraken", symbol: "BTC/USD", price: 105944.2, size: 0.00027625, side: Buy, trade_id: Some(10218208)"#,
        r#"Trades ts_event: 1696613756000000000, venue: "kraken", symbol: "BTC/USD", price: 5.0, size: 1.0, side: Sell, trade_id: Some(10218209), flags: 1"#,
    ];
    assert_eq!(one(message), expected);
    let history = one(&message.replace("update", "snapshot"));
    assert!(history[0].ends_with("flags: 64") && history[1].ends_with("flags: 65"), "{history:?}");
    assert!(error(&message.replace(r#""sell""#, r#""both""#)).contains("buy or sell"));
}

#[test]
fn a_ticker_is_a_quote_and_figures_of_the_day() {
    let expected = [
        r#"Quotes ts_event: 1671960659123456000, venue: "kraken", symbol: "BTC/USD", bid_price: Some(10.5), bid_size: Some(2.0), ask_price: Some(10.6), ask_size: Some(3.25), flags: 1"#,
        r#"Tickers ts_event: 1671960659123456000, venue: "kraken", symbol: "BTC/USD", last_price: Some(10.55), volume: Some(163.28908096), volume_window: Some(Rolling24h), high_price: Some(11.0), low_price: Some(9.0), average_price: Some(10.4), flags: 1"#,
    ];
    assert_eq!(one(TICKER), expected);
    let old = TICKER.replace(r#","timestamp":"2022-12-25T09:30:59.123456Z""#, "");
    let old = one(&old.replace(r#""bid":10.5"#, r#""bid":0"#));
    assert!(old[0].starts_with("Quotes ts_event: 1700000000123456789"), "{old:?}");
    assert!(!old[0].contains("bid_") && old[0].ends_with("flags: 33"), "{old:?}");
}

#[test]
fn a_candle_is_final_once_its_time_is_over() {
    let row = r#"Bars ts_event: 1696436790524394914, venue: "kraken", symbol: "AB/GBP", ts_open: 1696436700000000000, ts_close: 1696437000000000000, interval: "5m", kind: Time, price_source: Trade, source: Venue, open: 0.5624, high: 0.5628, low: 0.5622, close: 0.5627, volume: Some(30927.6), vwap: Some(0.5626), count: Some(12), flags: 1"#;
    assert_eq!(one(CANDLE), [row]);
    let later = one(&CANDLE.replace("16:26:30.524394914", "16:30:00"));
    assert!(later[0].contains("is_final: 1"), "{later:?}");
    assert!(error(&CANDLE.replace(r#""interval":5"#, r#""interval":7"#)).contains("`interval`"));
}

#[test]
fn rules_of_a_pair_with_exponents() {
    let row = r#"Instruments ts_event: 1700000000123456789, venue: "kraken", symbol: "BTC/USD", kind: Spot, base: Some("BTC"), quote: Some("USD"), multiplier: 1000000000000000000, multiplier_asset: "BTC", tick_size: Some(100000000000000000), price_scale: Some(1), lot_size: Some(10000000000), size_scale: Some(8), size_min: Some(50000000000000), notional_min: Some(500000000000000000), status: PostOnly, status_raw: Some("post_only"), margin_initial: Some(200000000000000000), position_max: Some(300000000000000000000), marginable: Some(1), flags: 35"#;
    assert_eq!(one(INSTRUMENTS), [row]);
}

#[test]
fn what_concerns_the_connection() {
    assert_eq!(one(r#"{"channel":"heartbeat"}"#), ["Heartbeat"]);
    assert_eq!(one(r#"{"method":"pong","req_id":1,"time_in":"x","time_out":"y"}"#), ["Heartbeat"]);
    let status = r#"{"channel":"status","type":"update","data":[{"version":"2.0.10","system":"cancel_only","api_version":"v2","connection_id":18437862339878838704}]}"#;
    assert_eq!(one(status), [r#"Status("cancel_only")"#]);
    let refused = r#"{"error":"Currency pair not supported \"X/Y\"","method":"subscribe","req_id":3,"success":false,"symbol":"X/Y","time_in":"a"}"#;
    let expected = r#"Refused(Answer request: Some(3), symbol: Some("X/Y"), text: Some("Currency pair not supported \"X/Y\"") })"#;
    assert_eq!(one(refused), [expected]);
    let ticker =
        SUBSCRIBED.replace("book", "ticker").replace(r#""depth":25"#, r#""event_trigger":"bbo""#);
    assert!(one(&ticker)[0].contains(r#"channel: Some("ticker-bbo")"#));
    assert_eq!(
        one(r#"{"error":"Malformed request","success":false}"#),
        [r#"Error text: "Malformed request""#]
    );
    assert_eq!(
        one(r#"{"channel":"news","type":"update","data":[1,{"a":[]}]}"#),
        [r#"Unknown("news")"#]
    );
    assert_eq!(one(r#"{"method":"add_order","success":true}"#), [r#"Unknown("add_order")"#]);
}

#[test]
fn changes_of_a_book_of_v1_in_two_parts() {
    let expected = [
        r#"BookUpdate symbol: "XBT/USD", ts_event: 1622714256068601000, is_snapshot: false, checksum: Some(2040672112), depth: Some(25), levels: []"#,
        "ask 7.26106570@39071.40000",
        "bid 0.00000000@39071.30000",
        "bid 1.00000000@39070.00000",
    ];
    assert_eq!(one(OLD_BOOK), expected);
    let picture = one(r#"[320,{"as":[],"bs":[["1.0","2.0","5.25"]]},"book-10","XBT/USD"]"#);
    assert_eq!(
        picture[0],
        r#"BookUpdate symbol: "XBT/USD", ts_event: 5250000000, is_snapshot: true, depth: Some(10), levels: []"#
    );
}

#[test]
fn trades_quotes_and_candles_of_v1() {
    let trades = r#"[321,[["57126.70000","0.02063928","1616333924.737428","b","m",""],["5","1","7.5","s","l","x"]],"trade","XBT/USD"]"#;
    let expected = [
        r#"Trades ts_event: 1616333924737428000, venue: "kraken", symbol: "XBT/USD", price: 57126.7, size: 0.02063928, side: Buy"#,
        r#"Trades ts_event: 7500000000, venue: "kraken", symbol: "XBT/USD", price: 5.0, size: 1.0, side: Sell, conditions: Some("x"), flags: 1"#,
    ];
    assert_eq!(one(trades), expected);
    let spread =
        r#"[341,["31760.0","31760.1","1654031976.197239","0.5","6.25"],"spread","XBT/USD"]"#;
    let expected = r#"Quotes ts_event: 1654031976197239000, venue: "kraken", symbol: "XBT/USD", bid_price: Some(31760.0), bid_size: Some(0.5), ask_price: Some(31760.1), ask_size: Some(6.25), flags: 1"#;
    assert_eq!(one(spread), [expected]);
    let candle = r#"[42,["1542057314.748456","1542057600.000000","3586.7","3587.0","3586.6","3586.8","3586.68894","0.03373",2],"ohlc-5","XBT/USD"]"#;
    let expected = r#"Bars ts_event: 1542057314748456000, venue: "kraken", symbol: "XBT/USD", ts_open: 1542057300000000000, ts_close: 1542057600000000000, interval: "5m", kind: Time, price_source: Trade, source: Venue, open: 3586.7, high: 3587.0, low: 3586.6, close: 3586.8, volume: Some(0.03373), vwap: Some(3586.68894), count: Some(2), flags: 1"#;
    assert_eq!(one(candle), [expected]);
}

#[test]
fn a_ticker_of_v1_has_figures_of_24_hours() {
    let expected = [
        r#"Quotes ts_event: 1700000000123456789, venue: "kraken", symbol: "XBT/USD", bid_price: Some(29938.5), bid_size: Some(0.08), ask_price: Some(29938.6), ask_size: Some(12.41), flags: 33"#,
        r#"Tickers ts_event: 1700000000123456789, venue: "kraken", symbol: "XBT/USD", last_price: Some(29938.7), last_size: Some(0.1), volume: Some(5243.5), count: Some(30832), volume_window: Some(Rolling24h), open_price: Some(31614.5), high_price: Some(31869.3), low_price: Some(29328.6), average_price: Some(30272.7), flags: 33"#,
    ];
    assert_eq!(one(OLD_TICKER), expected);
}

#[test]
fn events_of_v1() {
    assert_eq!(one(r#"{"event":"heartbeat"}"#), ["Heartbeat"]);
    let status = r#"{"connectionID":18239578009413566319,"event":"systemStatus","status":"online","version":"1.8.3"}"#;
    assert_eq!(one(status), [r#"Status("online")"#]);
    let subscribed = r#"{"channelID":992,"channelName":"book-1000","event":"subscriptionStatus","pair":"XMR/USD","reqid":4,"status":"subscribed","subscription":{"depth":1000,"name":"book"}}"#;
    let expected = r#"Subscribed(Answer request: Some(4), channel: Some("book-1000"), symbol: Some("XMR/USD"), text: None })"#;
    assert_eq!(one(subscribed), [expected]);
    let refused = r#"{"errorMessage":"Subscription depth not supported","event":"subscriptionStatus","pair":"XBT/USD","status":"error","subscription":{"depth":42,"name":"book"}}"#;
    let expected = r#"Refused(Answer symbol: Some("XBT/USD"), text: Some("Subscription depth not supported") })"#;
    assert_eq!(one(refused), [expected]);
    assert_eq!(one(r#"[[{"T":{}}],"ownTrades",{"sequence":1}]"#), [r#"Unknown("ownTrades")"#]);
}

#[test]
fn what_cannot_be_read_names_the_place() {
    assert!(error(&BOOK.replace("3798394521", "\"x\"")).contains("a whole number"));
    assert!(
        error(&BOOK.replace(r#""checksum":3798394521,"#, "")).contains("a book with `checksum`")
    );
    assert!(error(&BOOK.replace("0.0270", "0.02.70")).contains("a number"));
    assert!(error(r#"{"channel":"book"}"#).contains("a message with `data`"));
    assert!(error("{}").contains("a message with `channel`"));
    assert!(error(r#"[1,{"a":[]},{"b":[]},{"c":"1"},"book-10","A/B"]"#).contains("at most two"));
    assert!(error(r#"[1,[["1","2","3"]],"trade","A/B"]"#).contains("a side"));
    assert!(error("pong").contains("a JSON value"));
}

#[test]
fn requests() {
    let topics =
        [topic("book-25", "BTC/USD"), topic("trade", "BTC/USD"), topic("book-25", "ETH/USD")];
    let expected = [
        r#"{"method":"subscribe","params":{"channel":"book","symbol":["BTC/USD","ETH/USD"],"depth":25,"snapshot":true},"req_id":4}"#,
        r#"{"method":"subscribe","params":{"channel":"trade","symbol":["BTC/USD"],"snapshot":true},"req_id":5}"#,
    ];
    assert_eq!(Kraken::default().subscribe(&topics, 4), expected);
    let expected = r#"{"method":"unsubscribe","params":{"channel":"book","symbol":["BTC/USD"],"depth":25},"req_id":1}"#;
    assert_eq!(Kraken::default().unsubscribe(&topics[..1], 1), [expected]);
    let others = [
        topic("level3-100", "A/B"),
        topic("ticker-bbo", "A/B"),
        topic("ohlc-5", "A/B"),
        Topic { channel: "instrument".into(), symbol: None },
    ];
    let expected = [
        r#"{"method":"subscribe","params":{"channel":"instrument","snapshot":true},"req_id":1}"#,
        r#"{"method":"subscribe","params":{"channel":"level3","symbol":["A/B"],"depth":100,"snapshot":true},"req_id":2}"#,
        r#"{"method":"subscribe","params":{"channel":"ohlc","symbol":["A/B"],"interval":5,"snapshot":true},"req_id":3}"#,
        r#"{"method":"subscribe","params":{"channel":"ticker","symbol":["A/B"],"event_trigger":"bbo","snapshot":true},"req_id":4}"#,
    ];
    assert_eq!(Kraken::default().subscribe(&others, 1), expected);
    assert!(Kraken::default().subscribe(&[], 1).is_empty());
    assert_eq!(Kraken::default().ping(9).unwrap(), r#"{"method":"ping","req_id":9}"#);
    let path = Kraken::default().request(&Feed::Instruments).unwrap().path;
    assert_eq!(path, "/0/public/AssetPairs");
}

#[test]
fn pairs_by_rest_have_three_names() {
    let body = r#"{"error":[],"result":{"XXBTZUSD":{"altname":"XBTUSD","wsname":"XBT\/USD","base":"XXBT","quote":"ZUSD","cost_decimals":5,"pair_decimals":1,"lot_decimals":8,"lot_multiplier":1,"leverage_buy":[2,5,3],"fees":[[0,0.26],[50000,0.24]],"fees_maker":[[0,-0.02]],"ordermin":"0.0001","costmin":"0.5","status":"online","long_position_limit":80},"ETHXBT.d":{"altname":"ETHXBT.d","pair_decimals":5,"lot_decimals":8,"lot_multiplier":1,"leverage_buy":[],"fees":[]}}}"#;
    let rows = answered(&mut Kraken::default(), &Feed::Instruments, body).unwrap();
    let expected = [
        r#"Instruments ts_event: 1700000000123456789, venue: "kraken", symbol: "BTC/USD", kind: Spot, symbol_rest: Some("XXBTZUSD"), symbol_legacy: Some("XBT/USD"), base: Some("BTC"), quote: Some("USD"), multiplier: 1000000000000000000, multiplier_asset: "BTC", tick_size: Some(100000000000000000), price_scale: Some(1), lot_size: Some(10000000000), size_scale: Some(8), size_min: Some(100000000000000), notional_min: Some(500000000000000000), status: Trading, status_raw: Some("online"), leverage_max: Some(5000000000000000000), position_max: Some(80000000000000000000), fee_maker: Some(-200000000000000), fee_taker: Some(2600000000000000), marginable: Some(1), flags: 33"#,
        r#"Instruments ts_event: 1700000000123456789, venue: "kraken", symbol: "ETHXBT.d", kind: Spot, symbol_rest: Some("ETHXBT.d"), multiplier: 1000000000000000000, multiplier_asset: "ETHXBT.d", tick_size: Some(10000000000000), price_scale: Some(5), lot_size: Some(10000000000), size_scale: Some(8), status: Unknown, marginable: Some(0), flags: 33"#,
    ];
    assert_eq!(rows, expected);
}

#[test]
fn a_refused_call() {
    let body = r#"{"error":["EGeneral:Too many requests"]}"#;
    let refused = answered(&mut Kraken::default(), &Feed::Instruments, body).unwrap();
    assert_eq!(refused, [r#"Error text: "EGeneral:Too many requests""#]);
    assert!(answered(&mut Kraken::default(), &Feed::Instruments, "{}").is_err());
}
