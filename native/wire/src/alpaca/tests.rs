use super::{Alpaca, Market};
use crate::codec::{Codec, Feed, Topic};
use crate::testing::{answered, shown};

fn stocks() -> Alpaca {
    Alpaca::new(Market::Stocks)
}

fn crypto() -> Alpaca {
    Alpaca::new(Market::Crypto)
}

const TRADE: &str = r#"[{"T":"t","S":"FAKE","i":52983525503560,"x":"V","p":12.0300,"s":7,"c":["@","T","I"],"z":"C","t":"2026-01-02T15:04:05.123456789Z"}]"#;
const QUOTE: &str = r#"[{"T":"q","S":"FAKE","bx":"U","bp":12.01,"bs":3,"ax":" ","ap":0,"as":0,"c":["R"],"z":"A","t":"2026-01-02T15:04:05Z"}]"#;
const BOOK: &str = r#"[{"T":"o","S":"BTC/USD","t":"2026-01-02T15:04:05.5Z","b":[{"p":90000.10,"s":0.5},{"p":90000,"s":0}],"a":[{"s":1e-3,"p":90001}]}]"#;
const BAR: &str = r#"[{"T":"b","S":"FAKE","o":12,"h":12.5,"l":11.5,"c":12.25,"v":1000,"n":9,"vw":12.1,"t":"2026-01-02T15:04:00Z"}]"#;
const CORRECTION: &str = r#"[{"T":"c","S":"FAKE","x":"M","oi":7,"op":5.5,"os":10,"oc":["@"],"ci":8,"cp":5.4,"cs":11,"cc":["@","I"],"z":"C","t":"2026-01-02T15:04:05Z"}]"#;
const LISTED: &str = r#"[{"T":"subscription","trades":["A"],"quotes":["*"],"bars":[]}]"#;

#[test]
fn logging_in() {
    let keys = crate::Keys { key: "K".to_owned(), secret: "S".to_owned() };
    let codec = crate::open("alpaca-stocks").unwrap();
    assert_eq!(codec.login(&keys).unwrap(), r#"{"action":"auth","key":"K","secret":"S"}"#);
    assert_eq!(codec.key_headers(&keys)[1], ("APCA-API-SECRET-KEY", "S".to_owned()));
    assert_eq!(format!("{keys:?}"), "Keys { .. }");
}

#[test]
fn a_stock_trade_has_no_side_and_keeps_unusual_conditions() {
    let row = r#"Trades ts_event: 1767366245123456789, venue: "alpaca-stocks", symbol: "FAKE", price: 12.03, size: 7.0, side: Unknown, trade_id: Some(52983525503560), exchange: Some("V"), conditions: Some("T,I"), flags: 1"#;
    assert_eq!(shown(&mut stocks(), TRADE).unwrap(), [row]);
}

#[test]
fn a_crypto_trade_names_the_taker() {
    let message = r#"[{"T":"t","S":"BTC/USD","p":90000.5,"s":0.0755,"t":"2026-01-02T15:04:05Z","i":3,"tks":"S"}]"#;
    let row = r#"Trades ts_event: 1767366245000000000, venue: "alpaca-crypto", symbol: "BTC/USD", price: 90000.5, size: 0.0755, side: Sell, trade_id: Some(3), flags: 1"#;
    assert_eq!(shown(&mut crypto(), message).unwrap(), [row]);
    let bought = message.replace(r#""tks":"S""#, r#""tks":"B""#);
    assert!(shown(&mut crypto(), &bought).unwrap()[0].contains("side: Buy"));
}

#[test]
fn an_empty_side_of_a_quote_is_null() {
    let row = r#"Quotes ts_event: 1767366245000000000, venue: "alpaca-stocks", symbol: "FAKE", bid_price: Some(12.01), bid_size: Some(3.0), bid_exchange: Some("U"), flags: 1"#;
    assert_eq!(shown(&mut stocks(), QUOTE).unwrap(), [row]);
    let unusual = QUOTE.replace(r#"["R"]"#, r#"["Y","R"]"#);
    let rows = shown(&mut stocks(), &unusual).unwrap();
    assert!(rows[0].contains(r#"conditions: Some("Y")"#), "{rows:?}");
}

#[test]
fn changes_and_pictures_of_a_book() {
    let levels = ["bid 0.5@90000.10", "bid 0@90000", "ask 0.001@90001"];
    let head = r#"BookUpdate symbol: "BTC/USD", ts_event: 1767366245500000000, is_snapshot: false, levels: []"#;
    assert_eq!(shown(&mut crypto(), BOOK).unwrap(), [&[head][..], &levels].concat());
    let whole = BOOK.replace(r#""T":"o","#, r#""r":true,"T":"o","#);
    let rows = shown(&mut crypto(), &whole).unwrap();
    assert!(rows[0].contains("is_snapshot: true"), "{rows:?}");
}

#[test]
fn bars_that_are_final_come_again_or_grow() {
    let row = r#"Bars ts_event: 1700000000123456789, venue: "alpaca-stocks", symbol: "FAKE", ts_open: 1767366240000000000, ts_close: 1767366300000000000, interval: "1m", kind: Time, price_source: Trade, source: Venue, open: 12.0, high: 12.5, low: 11.5, close: 12.25, volume: Some(1000.0), vwap: Some(12.1), count: Some(9), is_final: 1, flags: 33"#;
    assert_eq!(shown(&mut stocks(), BAR).unwrap(), [row]);
    let again = shown(&mut stocks(), &BAR.replace(r#""T":"b""#, r#""T":"u""#)).unwrap();
    assert!(again[0].contains("revision: 1, is_final: 1"), "{again:?}");
    let day = shown(&mut stocks(), &BAR.replace(r#""T":"b""#, r#""T":"d""#)).unwrap();
    assert!(day[0].contains(r#"interval: "1d""#) && !day[0].contains("is_final"), "{day:?}");
    assert!(day[0].contains("ts_close: 1767452640000000000"), "{day:?}");
}

#[test]
fn a_cancelled_trade_is_repeated_with_a_flag() {
    let message = r#"[{"T":"x","S":"FAKE","i":7,"x":"V","p":5.5,"s":10,"a":"C","z":"C","t":"2026-01-02T15:04:05Z"}]"#;
    let row = r#"Trades ts_event: 1767366245000000000, venue: "alpaca-stocks", symbol: "FAKE", price: 5.5, size: 10.0, side: Unknown, trade_id: Some(7), exchange: Some("V"), conditions: Some("canceled"), flags: 129"#;
    assert_eq!(shown(&mut stocks(), message).unwrap(), [row]);
}

#[test]
fn a_correction_is_the_wrong_trade_and_the_right_one() {
    let rows = [
        r#"Trades ts_event: 1767366245000000000, venue: "alpaca-stocks", symbol: "FAKE", price: 5.5, size: 10.0, side: Unknown, trade_id: Some(7), exchange: Some("M"), conditions: Some("incorrect"), flags: 128"#,
        r#"Trades ts_event: 1767366245000000000, venue: "alpaca-stocks", symbol: "FAKE", price: 5.4, size: 11.0, side: Unknown, trade_id: Some(8), exchange: Some("M"), conditions: Some("corrected,I"), flags: 1"#,
    ];
    assert_eq!(shown(&mut stocks(), CORRECTION).unwrap(), rows);
}

#[test]
fn price_bands_and_states() {
    let message = r#"[{"T":"l","S":"FAKE","u":12.5,"d":11.5,"i":"B","t":"2026-01-02T15:04:05Z","z":"C"},{"T":"s","S":"FAKE","sc":"H","sm":"Trading Halt","rc":"T12","rm":"Information requested","t":"2026-01-02T15:04:05Z","z":"C"},{"T":"s","S":"FAKE","sc":"E","sm":"","rc":"","rm":"","t":"2026-01-02T15:04:05Z","z":"A"}]"#;
    let rows = [
        r#"Tickers ts_event: 1767366245000000000, venue: "alpaca-stocks", symbol: "FAKE", limit_up_price: Some(12.5), limit_down_price: Some(11.5), flags: 1"#,
        r#"Tickers ts_event: 1767366245000000000, venue: "alpaca-stocks", symbol: "FAKE", status: Some(Halted), status_raw: Some("Trading Halt (T12)"), flags: 1"#,
        r#"Tickers ts_event: 1767366245000000000, venue: "alpaca-stocks", symbol: "FAKE", status_raw: Some("E"), flags: 1"#,
    ];
    assert_eq!(shown(&mut stocks(), message).unwrap(), rows);
}

#[test]
fn the_greeting_and_errors() {
    let message = r#"[{"T":"success","msg":"connected"},{"T":"success","msg":"authenticated"}]"#;
    let rows = [r#"Status("connected")"#, r#"Status("authenticated")"#];
    assert_eq!(shown(&mut stocks(), message).unwrap(), rows);
    let refused = r#"[{"T":"error","code":405,"msg":"symbol limit exceeded"}]"#;
    let row = r#"Refused(Answer code: Some(405), text: Some("symbol limit exceeded") })"#;
    assert_eq!(shown(&mut stocks(), refused).unwrap(), [row]);
    let slow = r#"[{"T":"error","code":407,"msg":"slow client"}]"#;
    let row = r#"Error code: Some(407), text: "slow client""#;
    assert_eq!(shown(&mut stocks(), slow).unwrap(), [row]);
}

#[test]
fn a_list_of_subscriptions_also_says_what_ended() {
    let mut codec = stocks();
    let both = [
        r#"Subscribed(Answer channel: Some("quotes"), text: None })"#,
        r#"Subscribed(Answer channel: Some("trades"), symbol: Some("A"), text: None })"#,
    ];
    assert_eq!(shown(&mut codec, LISTED).unwrap(), both);
    let fewer = r#"[{"T":"subscription","trades":[],"quotes":["*"]}]"#;
    let rows = [
        r#"Unsubscribed(Answer channel: Some("trades"), symbol: Some("A"), text: None })"#,
        both[0],
    ];
    assert_eq!(shown(&mut codec, fewer).unwrap(), rows);
    codec.reset();
    assert_eq!(shown(&mut codec, fewer).unwrap(), [both[0]]);
}

#[test]
fn what_no_dataset_holds_and_what_nobody_knows() {
    let message = r#"[{"T":"i","S":"FAKE","p":12.3,"t":"2026-01-02T15:04:05Z"},{"T":"n","id":1,"headline":"x"},{"T":"zz","S":"A"}]"#;
    let rows = ["Nothing", "Nothing", r#"Unknown("zz")"#];
    assert_eq!(shown(&mut stocks(), message).unwrap(), rows);
}

#[test]
fn what_cannot_be_read_names_the_place() {
    let error = |message: &str| shown(&mut stocks(), message).unwrap_err().to_string();
    let damaged = TRADE.replace("12.0300", "\"x\"");
    assert_eq!(
        error(&damaged),
        r#"byte 52: found `"x","s":7,"c":["@","T","I"],"z":"C","t":…`, expected a number"#
    );
    assert!(error(r#"[{"S":"A"}]"#).ends_with("expected a message with `T`"));
    assert!(error(&TRADE.replace(r#""S":"FAKE","#, "")).ends_with("a trade with `S`"));
    assert!(error("[1]").ends_with("expected an object"));
}

#[test]
fn requests() {
    let topic = |channel: &str, symbol: Option<&str>| Topic {
        channel: channel.into(),
        symbol: symbol.map(Into::into),
    };
    let topics =
        [topic("trades", Some("AAPL")), topic("bars", None), topic("trades", Some("MSFT"))];
    let text = r#"{"action":"subscribe","bars":["*"],"trades":["AAPL","MSFT"]}"#;
    assert_eq!(stocks().subscribe(&topics, 4), [text]);
    let ended = r#"{"action":"unsubscribe","trades":["AAPL"]}"#;
    assert_eq!(stocks().unsubscribe(&topics[..1], 4), [ended]);
    assert!(stocks().subscribe(&[], 4).is_empty());
    let path = stocks().request(&Feed::Instruments).unwrap().path;
    assert_eq!(path, "/v2/assets?status=active&asset_class=us_equity");
}

#[test]
fn a_refused_call() {
    let body = r#"{"code":40410000,"message":"asset not found"}"#;
    let rows = answered(&mut stocks(), &Feed::Instruments, body).unwrap();
    let row = r#"Refused(Answer code: Some(40410000), text: Some("asset not found") })"#;
    assert_eq!(rows, [row]);
}

#[test]
fn assets_are_instruments() {
    let body = r#"[{"id":"0","class":"us_equity","exchange":"NASDAQ","symbol":"AAA","name":"A \"A\" Inc.","status":"active","tradable":true,"marginable":true,"maintenance_margin_requirement":30,"shortable":false,"easy_to_borrow":false,"fractionable":false},{"class":"crypto","exchange":"CRYPTO","symbol":"BTC/USD","status":"inactive","tradable":false,"min_order_size":"0.0001","min_trade_increment":"0.00000001","price_increment":"0.5"}]"#;
    let rows = [
        r#"Instruments ts_event: 1700000000123456789, venue: "alpaca-stocks", symbol: "AAA", kind: Stock, name: Some("A \"A\" Inc."), exchange: Some("NASDAQ"), base: Some("AAA"), quote: Some("USD"), multiplier: 1000000000000000000, multiplier_asset: "AAA", tick_size: Some(100000000000000), tick_step_from: Some([1.0]), tick_step_size: Some([0.01]), lot_size: Some(1000000000000000000), status: Trading, status_raw: Some("active"), margin_maintenance: Some(300000000000000000), marginable: Some(1), shortable: Some(0), easy_to_borrow: Some(0), fractionable: Some(0), flags: 33"#,
        r#"Instruments ts_event: 1700000000123456789, venue: "alpaca-stocks", symbol: "BTC/USD", kind: Spot, exchange: Some("CRYPTO"), base: Some("BTC"), quote: Some("USD"), multiplier: 1000000000000000000, multiplier_asset: "BTC", tick_size: Some(500000000000000000), lot_size: Some(10000000000), size_min: Some(100000000000000), status: Delisted, status_raw: Some("inactive"), flags: 33"#,
    ];
    assert_eq!(answered(&mut stocks(), &Feed::Instruments, body).unwrap(), rows);
}
