use super::KrakenFutures;
use crate::codec::{Codec, Feed, Topic};
use crate::testing::{answered, shown};

fn one(message: &str) -> Vec<String> {
    shown(&mut KrakenFutures::default(), message).unwrap()
}

fn error(message: &str) -> String {
    shown(&mut KrakenFutures::default(), message).unwrap_err().to_string()
}

fn rest(feed: &Feed, body: &str) -> Vec<String> {
    answered(&mut KrakenFutures::default(), feed, body).unwrap()
}

const CHANGE: &str = r#"{"feed":"book","product_id":"PI_XBTUSD","side":"sell","seq":326094134,"price":34981,"qty":0.0,"timestamp":1612269953629}"#;
const PICTURE: &str = r#"{"feed":"book_snapshot","product_id":"PI_XBTUSD","timestamp":1612269825817,"seq":326072249,"tickSize":null,"bids":[{"price":34892.5,"qty":6385.0},{"price":34892,"qty":0}],"asks":[{"qty":20598,"price":34911.5}]}"#;
const TRADE: &str = r#"{"feed":"trade","product_id":"PI_XBTUSD","uid":"05af78ac-a774","side":"sell","type":"fill","seq":653355,"time":1612266317519,"qty":15000,"price":34969.5}"#;
const TICKER: &str = r#"{"time":1676393235406,"product_id":"PI_XBTUSD","funding_rate":-6.2604214e-11,"funding_rate_prediction":-3.6e-10,"relative_funding_rate":-1.380384722222e-6,"relative_funding_rate_prediction":-8.0e-6,"next_funding_rate_time":1676394000000,"feed":"ticker","bid":21978.5,"ask":21987.0,"bid_size":2536.0,"ask_size":13948.0,"volume":31403908.0,"dtm":0,"leverage":"50x","index":21984.54,"premium":-0.1,"last":21983.5,"change":1.9974,"suspended":false,"tag":"perpetual","pair":"XBT:USD","openInterest":30072580.0,"markPrice":21979.68641534714,"maturityTime":0,"post_only":false,"volumeQuote":31403909.0,"open":21968.5,"high":22123.0,"low":21456.0}"#;
const LITE: &str = r#"{"feed":"ticker_lite","product_id":"FI_BCHUSD_210730","bid":439.3,"ask":439.6,"change":2.64,"premium":0.3,"volume":3413476.0,"tag":"month","pair":"BCH:USD","dtm":7,"maturityTime":1627657200000}"#;
const SUBSCRIBED: &str =
    r#"{"event":"subscribed","feed":"book","product_ids":["PI_XBTUSD","PF_ETHUSD"]}"#;

#[test]
fn changes_and_pictures_of_a_book() {
    let expected = [
        r#"BookUpdate symbol: "PI_XBTUSD", ts_event: 1612269953629000000, is_snapshot: false, seq: Some(326094134), levels: []"#,
        "ask 0.0@34981",
    ];
    assert_eq!(one(CHANGE), expected);
    assert_eq!(one(&CHANGE.replace("sell", "buy"))[1], "bid 0.0@34981");
    let expected = [
        r#"BookUpdate symbol: "PI_XBTUSD", ts_event: 1612269825817000000, is_snapshot: true, seq: Some(326072249), levels: []"#,
        "bid 6385.0@34892.5",
        "ask 20598@34911.5",
    ];
    assert_eq!(one(PICTURE), expected);
}

#[test]
fn trades_and_their_history() {
    let row = r#"Trades ts_event: 1612266317519000000, venue: "kraken-futures", symbol: "PI_XBTUSD", price: 34969.5, size: 15000.0, side: Sell, trade_uid: Some("05af78ac-a774"), flags: "#;
    assert_eq!(one(TRADE), [format!("{row}1")]);
    let history = format!(
        r#"{{"feed":"trade_snapshot","product_id":"PI_XBTUSD","trades":[{TRADE},{TRADE}]}}"#
    );
    assert_eq!(one(&history), [format!("{row}64"), format!("{row}65")]);
    let empty = r#"{"feed":"trade_snapshot","product_id":"PI_XBTUSD","trades":[]}"#;
    assert!(one(empty).is_empty());
}

#[test]
fn a_forced_trade_is_a_liquidation_as_well() {
    let expected = [
        r#"Trades ts_event: 1612266317519000000, venue: "kraken-futures", symbol: "PI_XBTUSD", price: 34969.5, size: 15000.0, side: Sell, trade_uid: Some("05af78ac-a774"), conditions: Some("liquidation"), flags: 1"#,
        r#"Liquidations ts_event: 1612266317519000000, venue: "kraken-futures", symbol: "PI_XBTUSD", side: Sell, side_raw: "sell", price: Some(34969.5), size: 15000.0, liquidation_uid: Some("05af78ac-a774"), flags: 1"#,
    ];
    assert_eq!(one(&TRADE.replace("fill", "liquidation")), expected);
    let block = one(&TRADE.replace("fill", "block"));
    assert!(block.len() == 1 && block[0].contains(r#"conditions: Some("block")"#), "{block:?}");
}

#[test]
fn a_ticker_is_a_quote_and_figures() {
    let expected = [
        r#"Quotes ts_event: 1676393235406000000, venue: "kraken-futures", symbol: "PI_XBTUSD", bid_price: Some(21978.5), bid_size: Some(2536.0), ask_price: Some(21987.0), ask_size: Some(13948.0), flags: 1"#,
        r#"Tickers ts_event: 1676393235406000000, venue: "kraken-futures", symbol: "PI_XBTUSD", last_price: Some(21983.5), mark_price: Some(21979.68641534714), index_price: Some(21984.54), premium: Some(-0.001), funding_rate: Some(-1.380384722222e-6), funding_rate_next: Some(-8e-6), funding_rate_absolute: Some(-6.2604214e-11), ts_funding_next: Some(1676394000000000000), open_interest: Some(30072580.0), volume: Some(31403908.0), turnover: Some(31403909.0), volume_window: Some(Rolling24h), open_price: Some(21968.5), high_price: Some(22123.0), low_price: Some(21456.0), status: Some(Trading), flags: 1"#,
    ];
    assert_eq!(one(TICKER), expected);
    let suspended = one(&TICKER.replace(r#""suspended":false"#, r#""suspended":true"#));
    assert!(suspended[1].contains(r#"status: Some(Halted), status_raw: Some("suspended")"#));
    let one_sided = one(&TICKER.replace(r#""bid":21978.5,"#, ""));
    assert!(!one_sided[0].contains("bid_") && one_sided[0].contains("ask_size: Some(13948.0)"));
}

#[test]
fn a_short_ticker_has_neither_time_nor_sizes() {
    let row = r#"Tickers ts_event: 1700000000123456789, venue: "kraken-futures", symbol: "FI_BCHUSD_210730", premium: Some(0.003), volume: Some(3413476.0), volume_window: Some(Rolling24h), flags: 33"#;
    assert_eq!(one(LITE), [row]);
}

#[test]
fn what_concerns_the_connection() {
    let rows = one(SUBSCRIBED);
    assert_eq!(rows.len(), 2);
    for (row, symbol) in rows.iter().zip(["PI_XBTUSD", "PF_ETHUSD"]) {
        assert!(
            row.starts_with("Subscribed(") && row.contains(r#"channel: Some("book")"#),
            "{row}"
        );
        assert!(row.contains(&format!(r#"symbol: Some("{symbol}")"#)), "{row}");
    }
    let feed_first = r#"{"feed":"book","event":"unsubscribed","product_ids":["PI_XBTUSD"]}"#;
    assert!(one(feed_first)[0].starts_with("Unsubscribed("));
    let heartbeats = r#"{"feed":"heartbeat","event":"subscribed"}"#;
    assert!(one(heartbeats)[0].starts_with("Subscribed("));
    assert_eq!(one(r#"{"feed":"heartbeat","time":1534262350627}"#), ["Heartbeat"]);
    assert_eq!(one(r#"{"event":"info","version":1}"#), ["Nothing"]);
    let refused = one(r#"{"event":"error","message":"Invalid product id"}"#);
    assert!(refused[0].starts_with("Refused(") && refused[0].contains("Invalid product id"));
    let alert = one(r#"{"event":"alert","message":"Bad request"}"#);
    assert_eq!(alert, [r#"Error text: "Bad request""#]);
    assert_eq!(one(r#"{"event":"news"}"#), [r#"Unknown("news")"#]);
    assert_eq!(
        one(r#"{"feed":"open_orders_snapshot","orders":[]}"#),
        [r#"Unknown("open_orders_snapshot")"#]
    );
}

#[test]
fn what_cannot_be_read_names_the_place() {
    assert!(error(&CHANGE.replace("sell", "both")).contains("buy or sell"));
    assert!(error(&CHANGE.replace(r#""seq":326094134,"#, "")).contains("`seq`"));
    assert!(error(&TRADE.replace(r#""uid":"05af78ac-a774","#, "")).contains("`uid`"));
    assert!(error(r#"{"feed":"trade_snapshot"}"#).contains("`trades`"));
    assert!(error("{}").contains("`feed` or `event`"));
    assert!(error("[]").contains("an object"));
}

#[test]
fn requests() {
    let topic = |channel: &str, symbol: &str| Topic {
        channel: channel.into(),
        symbol: Some(symbol.into()),
    };
    let topics = [topic("book", "A"), topic("trade", "A"), topic("book", "B")];
    let expected = [
        r#"{"event":"subscribe","feed":"book","product_ids":["A","B"]}"#,
        r#"{"event":"subscribe","feed":"trade","product_ids":["A"]}"#,
    ];
    let codec = KrakenFutures::default();
    assert_eq!(codec.subscribe(&topics, 1), expected);
    let expected = r#"{"event":"unsubscribe","feed":"trade","product_ids":["A"]}"#;
    assert_eq!(codec.unsubscribe(&topics[1..2], 1), [expected]);
    assert_eq!(codec.greeting(), [r#"{"event":"subscribe","feed":"heartbeat"}"#]);
    let path = codec.request(&Feed::Instruments).unwrap().path;
    assert_eq!(path, "/derivatives/api/v3/instruments");
}

#[test]
fn instruments_of_three_kinds() {
    let body = r#"{"result":"success","instruments":[{"symbol":"PI_XBTUSD","type":"futures_inverse","underlying":"rr_xbtusd","tickSize":0.5,"contractSize":1,"tradeable":true,"maxPositionSize":75000000.0,"openingDate":"2018-08-31T00:00:00Z","marginLevels":[{"contracts":0,"initialMargin":0.02,"maintenanceMargin":0.01},{"contracts":500000,"initialMargin":0.04,"maintenanceMargin":0.02}],"contractValueTradePrecision":0,"postOnly":false,"base":"BTC","quote":"USD","pair":"BTC:USD"},{"symbol":"PF_PEPEUSD","type":"flexible_futures","tickSize":1e-10,"contractSize":1,"tradeable":true,"contractValueTradePrecision":-3,"postOnly":true,"pair":"PEPE:USD"},{"symbol":"FI_XBTUSD_220930","type":"futures_inverse","lastTradingTime":"2022-09-30T15:00:00.000Z","contractSize":1,"tradeable":false},{"symbol":"in_xbtusd","type":"spot index","tradeable":false}],"serverTime":"2022-06-04T06:30:03.653Z"}"#;
    let rows = rest(&Feed::Instruments, body);
    let inverse = r#"Instruments ts_event: 1654324203653000000, venue: "kraken-futures", symbol: "PI_XBTUSD", kind: Perpetual, contract: Some(Inverse), base: Some("BTC"), quote: Some("USD"), settle: Some("BTC"), underlying: Some("rr_xbtusd"), multiplier: 1000000000000000000, multiplier_asset: "USD", tick_size: Some(500000000000000000), lot_size: Some(1000000000000000000), ts_listed: Some(1535673600000000000), status: Trading, status_raw: Some("tradeable=true"), margin_initial: Some(20000000000000000), margin_maintenance: Some(10000000000000000), position_max: Some(75000000000000000000000000), flags: 1"#;
    assert_eq!(rows[0].replace("size_scale: Some(0), ", ""), inverse);
    let linear = r#"symbol: "PF_PEPEUSD", kind: Perpetual, contract: Some(Linear), base: Some("PEPE"), quote: Some("USD"), settle: Some("USD"), multiplier: 1000000000000000000, multiplier_asset: "PEPE", tick_size: Some(100000000), lot_size: Some(1000000000000000000000), size_scale: Some(0), status: PostOnly"#;
    assert!(rows[1].contains(linear), "{}", rows[1]);
    assert!(
        rows[2].contains("kind: Future")
            && rows[2].contains("ts_expiry: Some(1664550000000000000)")
    );
    assert!(rows[2].contains("status: Halted"), "{}", rows[2]);
    assert!(rows[3].contains("kind: Index") && !rows[3].contains("contract"), "{}", rows[3]);
}

#[test]
fn a_refused_call() {
    let refused =
        r#"{"result":"error","error":"apiLimitExceeded","serverTime":"2022-06-04T06:30:03.653Z"}"#;
    assert_eq!(rest(&Feed::Instruments, refused), [r#"Error text: "apiLimitExceeded""#]);
    let other =
        answered(&mut KrakenFutures::default(), &Feed::Instruments, r#"{"result":"success"}"#);
    assert!(other.unwrap_err().to_string().ends_with("an answer with `instruments`"));
}
