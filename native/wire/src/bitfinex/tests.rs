use super::Bitfinex;
use crate::codec::{Codec, Feed, Topic};
use crate::testing::{answered, shown};

const BOOK: &str = r#"{"event":"subscribed","channel":"book","chanId":7,"symbol":"tBTCUSD","prec":"P0","freq":"F0","len":"250","pair":"BTCUSD"}"#;
const ORDERS: &str = r#"{"event":"subscribed","channel":"book","chanId":8,"symbol":"tBTCUSD","prec":"R0","freq":"F0","len":25,"pair":"BTCUSD"}"#;
const TRADES: &str =
    r#"{"event":"subscribed","channel":"trades","chanId":9,"symbol":"tBTCUSD","pair":"BTCUSD"}"#;
const TICKER: &str =
    r#"{"event":"subscribed","channel":"ticker","chanId":10,"symbol":"tBTCUSD","pair":"BTCUSD"}"#;
const DERIVATIVE: &str =
    r#"{"event":"subscribed","channel":"status","chanId":11,"key":"deriv:tBTCF0:USTF0"}"#;
const LIQUIDATIONS: &str =
    r#"{"event":"subscribed","channel":"status","chanId":12,"key":"liq:global"}"#;
const CANDLES: &str =
    r#"{"event":"subscribed","channel":"candles","chanId":13,"key":"trade:1m:tBTCF0:USTF0"}"#;

/// A codec with a channel of each kind.
fn subscribed() -> Bitfinex {
    let mut codec = Bitfinex::default();
    for event in [BOOK, ORDERS, TRADES, TICKER, DERIVATIVE, LIQUIDATIONS, CANDLES] {
        shown(&mut codec, event).unwrap();
    }
    codec
}

fn one(message: &str) -> Vec<String> {
    shown(&mut subscribed(), message).unwrap()
}

fn error(message: &str) -> String {
    shown(&mut subscribed(), message).unwrap_err().to_string()
}

fn topic(channel: &str, symbol: &str) -> Topic {
    Topic { channel: channel.into(), symbol: Some(symbol.into()) }
}

const PICTURE: &str = "[7,[[60400,1,0.68826974],[1e-7,2,-1.5e-7]],5,1618677545144]";
const CHANGE: &str = "[7,[60400.5,0,-1],6,1618677545145]";
const TRADE: &str = r#"[9,"te",[637771130,1615232733897,-0.11546588,51350],4]"#;
const FIGURES: &str = "[10,[29967,8.3,29976,13.3,-1674,-0.0529,29966,488.04182112,31887,29335],2]";
const STATE: &str = "[11,[1596124822000,null,0.896,0.771995,null,1396531.6,null,1596153600000,0.0001056,6,null,-0.01381344,null,null,0.7664,null,null,246502.09001551,null,null,null,null,0.3],3]";
const LIQUIDATION: &str = r#"[12,[["pos",142397657,1574697680828.2002,null,"tBSVUSD",-2.62932,91.583875238719,null,1,1,null,112.27],["pos",5,1574697680828,null,"tBTCUSD",0.5,91,null,0,1]],9]"#;
const CANDLE: &str = "[13,[1654075080000,31619,31621,31625,31610,0.00843875],1,1654075140000]";

#[test]
fn a_book_is_a_picture_first_and_changes_then() {
    let expected = [
        "Sequence(5)",
        r#"BookUpdate symbol: "tBTCUSD", ts_event: 1618677545144000000, is_snapshot: true, seq: Some(5), levels: []"#,
        "bid 0.68826974@60400 n1",
        "ask 0.00000015@0.0000001 n2",
    ];
    assert_eq!(one(PICTURE), expected);
    let expected = [
        "Sequence(6)",
        r#"BookUpdate symbol: "tBTCUSD", ts_event: 1618677545145000000, is_snapshot: false, seq: Some(6), levels: []"#,
        "ask 0@60400.5 n0",
    ];
    assert_eq!(one(CHANGE), expected);
    let empty = [
        r#"BookUpdate symbol: "tBTCUSD", ts_event: 1700000000123456789, is_snapshot: true, flags: 32, levels: []"#,
    ];
    assert_eq!(one("[7,[]]"), empty);
}

#[test]
fn a_checksum_is_a_message_of_its_own() {
    let expected = [
        "Sequence(8)",
        r#"BookUpdate symbol: "tBTCUSD", ts_event: 1618677545145000000, is_snapshot: false, seq: Some(8), checksum: Some(-1236759461), levels: []"#,
    ];
    assert_eq!(one(r#"[7,"cs",-1236759461,8,1618677545145]"#), expected);
    let orders = one(r#"[8,"cs",99]"#);
    assert!(orders[0].starts_with("OrdersUpdate") && orders[0].contains("checksum: Some(99)"));
}

#[test]
fn orders_are_new_once() {
    let mut codec = subscribed();
    let mut actions = |message: &str| -> Vec<String> {
        let rows = shown(&mut codec, message).unwrap();
        let rows = rows.iter().filter_map(|row| row.strip_prefix("Order action: "));
        rows.map(|row| row.replace(", exponent: 0 }", "").replace("Decimal { mantissa: ", ""))
            .collect()
    };
    let picture = actions("[8,[[96124382782,31534,5],[96118584551,31544,-2]]]");
    let expected = [
        "Add, side: Some(Bid), order_id: Some(96124382782), price: Some(31534), size: Some(5)",
        "Add, side: Some(Ask), order_id: Some(96118584551), price: Some(31544), size: Some(2)",
    ];
    assert_eq!(picture, expected);
    assert!(actions("[8,[96124382782,31534,4]]")[0].starts_with("Modify, side: Some(Bid)"));
    assert!(actions("[8,[96124382783,31535,4]]")[0].starts_with("Add, side: Some(Bid)"));
    let removed = "Remove, side: Some(Ask), order_id: Some(96118584551), size: Some(0)";
    assert_eq!(actions("[8,[96118584551,0,-1]]"), [removed]);
    assert!(actions("[8,[96118584551,31544,-2]]")[0].starts_with("Add"));
    // A new picture forgets what was.
    assert!(actions("[8,[]]").is_empty());
    assert!(actions("[8,[96124382782,31534,4]]")[0].starts_with("Add"));
}

#[test]
fn a_trade_counts_once() {
    let row = r#"Trades ts_event: 1615232733897000000, venue: "bitfinex", symbol: "tBTCUSD", price: 51350.0, size: 0.11546588, side: Sell, trade_id: Some(637771130), flags: "#;
    assert_eq!(one(TRADE), ["Sequence(4)".to_owned(), format!("{row}1")]);
    assert_eq!(one(&TRADE.replace("te", "tu")), ["Sequence(4)", "Nothing"]);
    let history = "[9,[[637771130,1615232733897,-0.11546588,51350],[2,1615232733896,3,5]]]";
    let rows = one(history);
    assert_eq!(rows[0], format!("{row}64"));
    assert!(rows[1].contains("side: Buy") && rows[1].ends_with("flags: 65"), "{rows:?}");
}

#[test]
fn a_ticker_makes_no_quote() {
    let expected = [
        "Sequence(2)",
        r#"Tickers ts_event: 1700000000123456789, venue: "bitfinex", symbol: "tBTCUSD", last_price: Some(29966.0), volume: Some(488.04182112), volume_window: Some(Rolling24h), high_price: Some(31887.0), low_price: Some(29335.0), flags: 33"#,
    ];
    assert_eq!(one(FIGURES), expected);
    let timed = one(&FIGURES.replace(",2]", ",2,1618677545145]"));
    assert!(timed[1].contains("ts_event: 1618677545145000000") && timed[1].ends_with("flags: 1"));
}

#[test]
fn the_state_of_a_derivative() {
    let row = r#"Tickers ts_event: 1596124822000000000, venue: "bitfinex", symbol: "tBTCF0:USTF0", mark_price: Some(0.7664), index_price: Some(0.771995), mid_price: Some(0.896), funding_rate: Some(-0.01381344), funding_rate_next: Some(0.0001056), ts_funding_next: Some(1596153600000000000), open_interest: Some(246502.09001551), flags: 1"#;
    assert_eq!(one(STATE), ["Sequence(3)", row]);
    let unfunded = one(&STATE.replace("1596153600000", "null"));
    assert!(!unfunded[1].contains("ts_funding_next"), "{unfunded:?}");
}

#[test]
fn a_long_position_is_liquidated_by_selling() {
    let expected = [
        "Sequence(9)",
        r#"Liquidations ts_event: 1574697680828200200, venue: "bitfinex", symbol: "tBSVUSD", side_raw: "-", price: Some(112.27), size: 2.62932, liquidation_id: Some(142397657), status_raw: Some("is_match=1")"#,
        r#"Liquidations ts_event: 1574697680828000000, venue: "bitfinex", symbol: "tBTCUSD", side: Sell, side_raw: "+", size: 0.5, liquidation_id: Some(5), status_raw: Some("is_match=0"), flags: 1"#,
    ];
    let rows: Vec<_> = one(LIQUIDATION).iter().map(|row| row.replace("side: Buy, ", "")).collect();
    assert_eq!(rows, expected);
}

#[test]
fn candles_and_their_history() {
    let row = r#"Bars ts_event: 1654075140000000000, venue: "bitfinex", symbol: "tBTCF0:USTF0", ts_open: 1654075080000000000, ts_close: 1654075140000000000, interval: "1m", kind: Time, price_source: Trade, source: Venue, open: 31619.0, high: 31625.0, low: 31610.0, close: 31621.0, volume: Some(0.00843875), is_final: 1, flags: 1"#;
    assert_eq!(one(CANDLE), ["Sequence(1)", row]);
    let history = one(
        "[13,[[1654076100000,2,1,3,1,0.05],[1654076040000,2,1,3,1,0.053312790000000006]],1,1654076110000]",
    );
    assert!(!history[1].contains("is_final") && history[1].ends_with("flags: 64"), "{history:?}");
    assert!(history[2].contains("is_final: 1") && history[2].ends_with("flags: 65"), "{history:?}");
    assert!(one("[13,[]]").is_empty());
}

#[test]
fn months_end_where_the_next_begins() {
    let mut codec = Bitfinex::default();
    shown(&mut codec, &CANDLES.replace("trade:1m", "trade:1M")).unwrap();
    for (open, end) in [
        (1_704_067_200_000_i64, 1_706_745_600_000_i64), // January 2024
        (1_706_745_600_000, 1_709_251_200_000),         // February 2024, of 29 days
        (1_701_388_800_000, 1_704_067_200_000),         // December 2023
    ] {
        let rows = shown(&mut codec, &format!("[13,[{open},1,1,1,1,1]]")).unwrap();
        let expected = format!("ts_open: {open}000000, ts_close: {end}000000, interval: \"1mo\"");
        assert!(rows[0].contains(&expected), "{rows:?}");
    }
}

#[test]
fn every_message_of_data_has_a_number() {
    assert_eq!(one(r#"[7,"hb",17,1618677545145]"#), ["Sequence(17)", "Heartbeat"]);
    // Heartbeats come before the acknowledgement of a channel, and data may.
    assert_eq!(one(r#"[999,"hb",18]"#), ["Sequence(18)", "Heartbeat"]);
    let unknown = r#"Unknown("a channel without acknowledgement")"#;
    assert_eq!(one("[999,[1,2,3],19]"), ["Sequence(19)", unknown]);
    assert_eq!(one(r#"[999,"te",[1,2,3,4],19]"#), ["Sequence(19)", unknown]);
    assert_eq!(one(r#"[9,"xy",[1],20]"#), ["Sequence(20)", r#"Unknown("xy")"#]);
}

#[test]
fn acknowledgements_name_topics() {
    let name = |event: &str| {
        let rows = shown(&mut Bitfinex::default(), event).unwrap();
        assert!(rows[0].starts_with("Subscribed("), "{rows:?}");
        let part = |key: &str| rows[0].split(key).nth(1)?.split('"').next().map(str::to_owned);
        (part("channel: Some(\"").unwrap(), part("symbol: Some(\""))
    };
    let named = |channel: &str, symbol: &str| (channel.to_owned(), Some(symbol.to_owned()));
    assert_eq!(name(BOOK), named("book:P0:F0:250", "tBTCUSD"));
    assert_eq!(name(ORDERS), named("book:R0:F0:25", "tBTCUSD"));
    assert_eq!(name(TRADES), named("trades", "tBTCUSD"));
    assert_eq!(name(DERIVATIVE), named("status:deriv", "tBTCF0:USTF0"));
    assert_eq!(name(LIQUIDATIONS), ("status:liq:global".to_owned(), None));
    assert_eq!(name(CANDLES), named("candles:trade:1m", "tBTCF0:USTF0"));
}

#[test]
fn what_was_acknowledged_can_be_ended() {
    let mut codec = subscribed();
    let topics = [topic("book:P0:F0:250", "tBTCUSD"), topic("trades", "tETHUSD")];
    assert_eq!(codec.unsubscribe(&topics, 1), [r#"{"event":"unsubscribe","chanId":7}"#]);
    let global = Topic { channel: "status:liq:global".into(), symbol: None };
    assert_eq!(codec.unsubscribe(&[global], 1), [r#"{"event":"unsubscribe","chanId":12}"#]);
    let rows = shown(&mut codec, r#"{"event":"unsubscribed","status":"OK","chanId":7}"#).unwrap();
    assert!(rows[0].starts_with("Unsubscribed(") && rows[0].contains("book:P0:F0:250"), "{rows:?}");
    assert!(rows[0].contains(r#"symbol: Some("tBTCUSD")"#), "{rows:?}");
    assert!(codec.unsubscribe(&topics, 1).is_empty());
    assert!(shown(&mut codec, CHANGE).unwrap()[1].starts_with("Unknown"));
    codec.reset();
    assert!(shown(&mut codec, TRADE).unwrap()[1].starts_with("Unknown"));
}

#[test]
fn lending_is_not_read_as_trading() {
    let mut codec = Bitfinex::default();
    shown(&mut codec, &BOOK.replace("tBTCUSD", "fUSD")).unwrap();
    let rows = shown(&mut codec, "[7,[[0.00023112,30,1,-15190.7]]]").unwrap();
    assert_eq!(rows, [r#"Unknown("book:P0:F0:250")"#]);
}

#[test]
fn what_concerns_the_connection() {
    let info = r#"{"event":"info","version":2,"serverId":"083b","platform":{"status":1}}"#;
    assert_eq!(one(info), [r#"Status("operative")"#]);
    assert_eq!(one(&info.replace(r#""status":1"#, r#""status":0"#)), [r#"Status("maintenance")"#]);
    let coded = |code: i64| one(&format!(r#"{{"event":"info","code":{code},"msg":"Told you"}}"#));
    assert_eq!(coded(20051), [r#"Shutdown("Told you")"#]);
    assert_eq!(coded(20060), [r#"Status("Told you")"#]);
    let lost = r#"Lost symbol: "tBTCUSD", detail: "the venue was in maintenance""#;
    assert_eq!(coded(20061), [r#"Status("Told you")"#, lost, lost]);
    assert_eq!(one(r#"{"event":"conf","status":"OK","flags":229376}"#), ["Nothing"]);
    assert!(one(r#"{"event":"conf","status":"FAILED","code":10200}"#)[0].starts_with("Refused("));
    assert_eq!(one(r#"{"event":"pong","ts":1511545528111,"cid":1234}"#), ["Heartbeat"]);
    let refused = one(
        r#"{"event":"error","msg":"symbol: invalid","code":10300,"channel":"trades","symbol":"tXY"}"#,
    );
    let parts = [r#"channel: Some("trades")"#, r#"symbol: Some("tXY")"#, "code: Some(10300)"];
    assert!(refused[0].starts_with("Refused("), "{refused:?}");
    assert!(parts.iter().all(|part| refused[0].contains(part)), "{refused:?}");
    let other = one(r#"{"event":"error","msg":"generic","code":10001}"#);
    assert_eq!(other, [r#"Error code: Some(10001), text: "generic""#]);
    assert_eq!(one(r#"{"event":"news"}"#), [r#"Unknown("news")"#]);
}

#[test]
fn what_cannot_be_read_names_the_place() {
    assert!(error("[7,[60400,1]]").contains("an amount"));
    assert!(error("[7,[60400,null,1]]").contains("a number of orders"));
    assert!(error(r#"[9,"te",[1,2,3]]"#).contains("the price of a trade"));
    assert!(error("[10,[1,2]]").contains("ten figures"));
    assert!(error("[7]").contains("what the channel sends"));
    assert!(error("[7,[1,1,1],5] x").contains("the end of the message"));
    assert!(error("{}").contains("`event`"));
    assert!(error(r#"{"event":"subscribed","channel":"trades"}"#).contains("`chanId`"));
}

#[test]
fn requests() {
    let codec = Bitfinex::default();
    let topics = [
        topic("trades", "tBTCUSD"),
        topic("book:R0:F0:250", "tBTCUSD"),
        topic("status:deriv", "tBTCF0:USTF0"),
        topic("candles:trade:1m", "tBTCUSD"),
        Topic { channel: "status:liq:global".into(), symbol: None },
    ];
    let expected = [
        r#"{"event":"subscribe","channel":"trades","symbol":"tBTCUSD"}"#,
        r#"{"event":"subscribe","channel":"book","symbol":"tBTCUSD","prec":"R0","freq":"F0","len":"250"}"#,
        r#"{"event":"subscribe","channel":"status","key":"deriv:tBTCF0:USTF0"}"#,
        r#"{"event":"subscribe","channel":"candles","key":"trade:1m:tBTCUSD"}"#,
        r#"{"event":"subscribe","channel":"status","key":"liq:global"}"#,
    ];
    assert_eq!(codec.subscribe(&topics, 1), expected);
    assert_eq!(codec.greeting(), [r#"{"event":"conf","flags":229376}"#]);
    assert_eq!(codec.ping(3).unwrap(), r#"{"event":"ping","cid":3}"#);
    let path = codec.request(&Feed::Instruments).unwrap().path;
    assert_eq!(path, "/v2/conf/pub:info:pair,pub:info:pair:futures");
}

#[test]
fn a_refused_call() {
    let body = r#"["error",11010,"ratelimit: error"]"#;
    let refused = answered(&mut Bitfinex::default(), &Feed::Instruments, body).unwrap();
    assert_eq!(refused, [r#"Error code: Some(11010), text: "ratelimit: error""#]);
}

#[test]
fn pairs_and_derivatives() {
    let body = r#"[[["1INCH:USD",[null,null,null,"4.0","100000.0",null,null,null,null,null,null,null]],["ADABTC",[null,null,null,"4.0","250000.0",null,null,null,0.3,0.15,null,null]]],[["BTCF0:USTF0",[null,null,null,"0.00004","100.0",null,null,null,0.01,0.005]]]]"#;
    let rows = answered(&mut Bitfinex::default(), &Feed::Instruments, body).unwrap();
    let expected = [
        r#"Instruments ts_event: 1700000000123456789, venue: "bitfinex", symbol: "t1INCH:USD", kind: Spot, base: Some("1INCH"), quote: Some("USD"), multiplier: 1000000000000000000, multiplier_asset: "1INCH", price_digits: Some(5), size_min: Some(4000000000000000000), size_max: Some(100000000000000000000000), status: Trading, marginable: Some(0), flags: 33"#,
        r#"Instruments ts_event: 1700000000123456789, venue: "bitfinex", symbol: "tADABTC", kind: Spot, base: Some("ADA"), quote: Some("BTC"), multiplier: 1000000000000000000, multiplier_asset: "ADA", price_digits: Some(5), size_min: Some(4000000000000000000), size_max: Some(250000000000000000000000), status: Trading, margin_initial: Some(300000000000000000), margin_maintenance: Some(150000000000000000), marginable: Some(1), flags: 33"#,
        r#"Instruments ts_event: 1700000000123456789, venue: "bitfinex", symbol: "tBTCF0:USTF0", kind: Perpetual, contract: Some(Linear), base: Some("BTC"), quote: Some("UST"), settle: Some("USTF0"), multiplier: 1000000000000000000, multiplier_asset: "BTC", price_digits: Some(5), size_min: Some(40000000000000), size_max: Some(100000000000000000000), status: Trading, margin_initial: Some(10000000000000000), margin_maintenance: Some(5000000000000000), marginable: Some(1), flags: 33"#,
    ];
    assert_eq!(rows, expected);
}
