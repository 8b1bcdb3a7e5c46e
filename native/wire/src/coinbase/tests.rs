use super::Coinbase;
use crate::codec::{Codec, Feed, Topic};
use crate::testing::{RECEIVED, answered, shown};

const MATCH: &str = r#"{"type":"match","trade_id":10,"sequence":50,"maker_order_id":"ac92","taker_order_id":"132f","time":"2024-11-07T08:19:27.028459Z","product_id":"BTC-USD","size":"5.23512","price":"400.230","side":"sell"}"#;
const OPEN: &str = r#"{"type":"open","time":"2024-11-07T08:19:27.028459Z","product_id":"BTC-USD","sequence":49,"order_id":"d50e","price":"200.2","remaining_size":"1.00","side":"sell"}"#;
const CHANGES: &str = r#"{"type":"l2update","product_id":"BTC-USD","changes":[["buy","22356.270000","0.00000000"],["sell","22356.30","1.5"]],"time":"2022-08-04T15:25:05.010758Z"}"#;
const PICTURE: &str = r#"{"type":"snapshot","product_id":"BTC-USD","asks":[["10102.55","0.5"]],"bids":[["10101.10","0.45054140"],["10101","1"]]}"#;
const TICKER: &str = r#"{"type":"ticker","sequence":37475248783,"product_id":"ETH-USD","price":"1285.22","open_24h":"1310.79","volume_24h":"245532.79269678","low_24h":"1280.52","high_24h":"1313.8","volume_30d":"9788783.6","best_bid":"1285.04","best_bid_size":"0.46688654","best_ask":"1285.27","best_ask_size":"1.56637040","side":"buy","time":"2022-10-19T23:28:22.061769Z","trade_id":370843401,"last_size":"11.4396987"}"#;

fn rows(message: &str) -> Vec<String> {
    shown(&mut Coinbase::default(), message).unwrap()
}

#[test]
fn the_side_of_a_match_is_the_makers() {
    let row = r#"Trades ts_event: 1730967567028459000, venue: "coinbase", symbol: "BTC-USD", price: 400.23, size: 5.23512, side: Buy, trade_id: Some(10), flags: 1"#;
    assert_eq!(rows(MATCH), [row]);
    let bought = MATCH.replace("sell", "buy");
    assert_eq!(rows(&bought), [row.replace("Buy", "Sell")]);
}

#[test]
fn the_last_match_before_a_subscription_is_stale() {
    let message = MATCH.replace(r#""match""#, r#""last_match""#);
    assert!(rows(&message)[0].ends_with("flags: 65"));
}

#[test]
fn a_match_asked_for_by_quotation_is_marked() {
    let message = MATCH.replace(r#""match""#, r#""rfq_match""#);
    assert!(rows(&message)[0].contains(r#"conditions: Some("rfq_match")"#));
}

#[test]
fn a_match_is_an_event_of_an_order_where_orders_are_followed() {
    let mut codec = Coinbase::default();
    let opened = [
        r#"OrdersUpdate symbol: "BTC-USD", ts_event: 1730967567028459000, is_snapshot: false, seq: Some(49), orders: []"#,
        r#"Order action: Add, side: Some(Ask), order_uid: Some("d50e"), price: Some(Decimal { mantissa: 2002, exponent: -1 }), size: Some(Decimal { mantissa: 100, exponent: -2 })"#,
    ];
    assert_eq!(shown(&mut codec, OPEN).unwrap(), opened);
    let matched = shown(&mut codec, MATCH).unwrap();
    let expected = [
        r#"OrdersUpdate symbol: "BTC-USD", ts_event: 1730967567028459000, is_snapshot: false, seq: Some(50), orders: []"#,
        r#"Order action: Fill, side: Some(Ask), order_uid: Some("ac92"), counter_uid: Some("132f"), price: Some(Decimal { mantissa: 400230, exponent: -3 }), size_filled: Some(Decimal { mantissa: 523512, exponent: -5 }), trade_id: Some(10)"#,
    ];
    assert!(matched[0].starts_with("Trades "), "{matched:?}");
    assert_eq!(matched[1..], expected);
    let other = MATCH.replace("BTC-USD", "ETH-USD");
    assert_eq!(shown(&mut codec, &other).unwrap().len(), 1);
    codec.reset();
    assert_eq!(shown(&mut codec, MATCH).unwrap().len(), 1);
}

#[test]
fn an_acknowledged_channel_of_orders_counts_from_the_first_match() {
    let mut codec = Coinbase::default();
    let full = r#"{"type":"subscriptions","channels":[{"name":"full","product_ids":["BTC-USD"]}]}"#;
    shown(&mut codec, full).unwrap();
    assert_eq!(shown(&mut codec, MATCH).unwrap().len(), 3);
    let matches = full.replace("full", "matches");
    shown(&mut codec, &matches).unwrap();
    assert_eq!(shown(&mut codec, MATCH).unwrap().len(), 1);
}

#[test]
fn events_of_orders() {
    let event = |message: &str| rows(message).pop().unwrap();
    assert_eq!(
        event(
            r#"{"type":"received","time":"2024-11-07T08:19:27.028459Z","product_id":"BTC-USD","sequence":10,"order_id":"d50e","funds":"3000.234","side":"buy","order_type":"market"}"#
        ),
        r#"Order action: Received, side: Some(Bid), order_uid: Some("d50e")"#
    );
    assert_eq!(
        event(
            r#"{"type":"done","time":"2024-11-07T08:19:27.028459Z","product_id":"BTC-USD","sequence":10,"price":"200.2","order_id":"d50e","reason":"canceled","side":"sell","remaining_size":"0.5"}"#
        ),
        r#"Order action: Remove, side: Some(Ask), order_uid: Some("d50e"), price: Some(Decimal { mantissa: 2002, exponent: -1 }), size: Some(Decimal { mantissa: 0, exponent: 0 }), reason: Some("canceled")"#
    );
    assert_eq!(
        event(
            r#"{"type":"change","reason":"modify_order","time":"2022-06-06T22:55:43.433114Z","sequence":24753,"order_id":"c3f1","side":"buy","product_id":"ETH-USD","old_size":"80","new_size":"90","old_price":"7","new_price":"6"}"#
        ),
        r#"Order action: Modify, side: Some(Bid), order_uid: Some("c3f1"), price: Some(Decimal { mantissa: 6, exponent: 0 }), size: Some(Decimal { mantissa: 90, exponent: 0 }), reason: Some("modify_order")"#
    );
    let activated = rows(
        r#"{"type":"activate","product_id":"BTC-USD","timestamp":"1483736448.299000","order_id":"7b52","stop_type":"entry","side":"buy","stop_price":"80","size":"2","funds":"50"}"#,
    );
    let expected = [
        r#"OrdersUpdate symbol: "BTC-USD", ts_event: 1483736448299000000, is_snapshot: false, orders: []"#,
        r#"Order action: Activate, side: Some(Bid), order_uid: Some("7b52"), size: Some(Decimal { mantissa: 2, exponent: 0 })"#,
    ];
    assert_eq!(activated, expected);
}

#[test]
fn compact_events_of_orders() {
    let time = r#""2024-11-07T08:19:27.028459Z""#;
    let event = |head: &str| rows(&format!("[{head},{time}]"));
    let expected = [
        r#"OrdersUpdate symbol: "BTC-USD", ts_event: 1730967567028459000, is_snapshot: false, seq: Some(7), orders: []"#,
        r#"Order action: Add, side: Some(Bid), order_uid: Some("a"), price: Some(Decimal { mantissa: 150, exponent: -2 }), size: Some(Decimal { mantissa: 2, exponent: 0 })"#,
    ];
    assert_eq!(event(r#""open","BTC-USD","7","a","buy","1.50","2""#), expected);
    assert_eq!(
        event(r#""match","BTC-USD","8","a","b","1.50","0.5""#)[1],
        r#"Order action: Fill, order_uid: Some("a"), counter_uid: Some("b"), price: Some(Decimal { mantissa: 150, exponent: -2 }), size_filled: Some(Decimal { mantissa: 5, exponent: -1 })"#
    );
    assert_eq!(
        event(r#""change","BTC-USD","9","a","1.50","1.25""#)[1],
        r#"Order action: Modify, order_uid: Some("a"), price: Some(Decimal { mantissa: 150, exponent: -2 }), size: Some(Decimal { mantissa: 125, exponent: -2 })"#
    );
    assert_eq!(
        event(r#""done","BTC-USD","10","a""#)[1],
        r#"Order action: Remove, order_uid: Some("a"), size: Some(Decimal { mantissa: 0, exponent: 0 })"#
    );
    // Says only that a number is used up.
    assert_eq!(event(r#""noop","BTC-USD","11""#), [expected[0].replace("Some(7)", "Some(11)")]);
    assert_eq!(event(r#""new","BTC-USD","11""#), [r#"Unknown("new")"#]);
    let schema = r#"{"type":"level3","schema":{"noop":["type","product_id","sequence","time"]}}"#;
    assert_eq!(rows(schema), ["Nothing"]);
}

#[test]
fn a_picture_of_a_book_has_no_time() {
    let expected = [
        &format!(
            r#"BookUpdate symbol: "BTC-USD", ts_event: {RECEIVED}, is_snapshot: true, flags: 32, levels: []"#
        ),
        "ask 0.5@10102.55",
        "bid 0.45054140@10101.10",
        "bid 1@10101",
    ];
    assert_eq!(rows(PICTURE), expected);
    let timed = PICTURE.replace(r#"],"bids""#, r#"],"time":"1970-01-01T00:00:01Z","bids""#);
    assert!(rows(&timed)[0].contains("ts_event: 1000000000, is_snapshot: true, levels"));
}

#[test]
fn changes_of_a_book() {
    let expected = [
        r#"BookUpdate symbol: "BTC-USD", ts_event: 1659626705010758000, is_snapshot: false, levels: []"#,
        "bid 0.00000000@22356.270000",
        "ask 1.5@22356.30",
    ];
    assert_eq!(rows(CHANGES), expected);
}

#[test]
fn a_ticker_has_a_quote() {
    let expected = [
        r#"Tickers ts_event: 1666222102061769000, venue: "coinbase", symbol: "ETH-USD", last_price: Some(1285.22), last_size: Some(11.4396987), ts_last: Some(1666222102061769000), volume: Some(245532.79269678), volume_window: Some(Rolling24h), open_price: Some(1310.79), high_price: Some(1313.8), low_price: Some(1280.52), flags: 1"#,
        r#"Quotes ts_event: 1666222102061769000, venue: "coinbase", symbol: "ETH-USD", bid_price: Some(1285.04), bid_size: Some(0.46688654), ask_price: Some(1285.27), ask_size: Some(1.5663704), seq: Some(37475248783), flags: 1"#,
    ];
    assert_eq!(rows(TICKER), expected);
    let one_sided = TICKER.replace("1285.04", "0").replace("0.46688654", "0.00");
    assert!(!rows(&one_sided)[1].contains("bid"));
    // Before sizes were added no quote can be made.
    let old = TICKER.replace(r#""best_bid_size":"0.46688654","#, "");
    assert_eq!(rows(&old).len(), 1);
}

#[test]
fn heartbeats_name_the_newest_trade() {
    let message = r#"{"type":"heartbeat","sequence":90,"last_trade_id":20,"product_id":"BTC-USD","time":"2014-11-07T08:19:28.464459Z"}"#;
    let expected = ["Heartbeat", r#"LastTrade symbol: "BTC-USD", trade_id: 20"#];
    assert_eq!(rows(message), expected);
    assert_eq!(rows(&message.replace(":20,", ":0,")), ["Heartbeat"]);
}

#[test]
fn the_list_of_subscriptions_tells_what_ended() {
    let mut codec = Coinbase::default();
    let list = |channels: &str| format!(r#"{{"type":"subscriptions","channels":[{channels}]}}"#);
    let matches = r#"{"name":"matches","product_ids":["A-B","C-D"],"account_ids":null}"#;
    let subscribed = |channel: &str, symbol: &str| {
        format!(
            r#"Subscribed(Answer channel: Some("{channel}"), symbol: Some("{symbol}"), text: None }})"#
        )
    };
    assert_eq!(
        shown(&mut codec, &list(matches)).unwrap(),
        [subscribed("matches", "A-B"), subscribed("matches", "C-D")]
    );
    let fewer = r#"{"product_ids":["C-D"],"name":"matches"},{"name":"status","product_ids":[]}"#;
    let expected = [
        subscribed("matches", "A-B").replacen("Subscribed", "Unsubscribed", 1),
        subscribed("matches", "C-D"),
        r#"Subscribed(Answer channel: Some("status"), text: None })"#.to_owned(),
    ];
    assert_eq!(shown(&mut codec, &list(fewer)).unwrap(), expected);
    assert_eq!(shown(&mut codec, &list("")).unwrap().len(), 2);
}

#[test]
fn errors() {
    let refused = r#"{"type":"error","message":"Failed to subscribe","reason":"FOO-BAR is not a valid product"}"#;
    let expected = r#"Refused(Answer symbol: Some("FOO-BAR"), text: Some("Failed to subscribe: FOO-BAR is not a valid product") })"#;
    assert_eq!(rows(refused), [expected]);
    let channel = refused.replace("FOO-BAR is not a valid product", "foo is not a valid channel");
    assert!(rows(&channel)[0].contains(r#"channel: Some("foo")"#));
    let other = r#"{"type":"error","message":"Malformed JSON"}"#;
    assert_eq!(rows(other), [r#"Error text: "Malformed JSON""#]);
    assert_eq!(rows(r#"{"type":"something"}"#), [r#"Unknown("something")"#]);
}

#[test]
fn what_cannot_be_read_names_the_place() {
    let error = |message: &str| shown(&mut Coinbase::default(), message).unwrap_err().to_string();
    assert!(error("{}").ends_with("expected a message with `type`"));
    assert!(error("pong").contains("expected a JSON value"));
    assert!(error(&MATCH.replace("sell", "both")).contains("expected a side of buy or sell"));
    assert!(error(&MATCH.replace(r#""price":"400.230","#, "")).ends_with("a match with `price`"));
    assert!(error(&format!("{MATCH}x")).ends_with("expected the end of the message"));
    assert!(error(r#"{"type":"l2update","product_id":"A"}"#).ends_with("with `changes`"));
    assert!(error(r#"["open","BTC-USD","7"]"#).ends_with("expected another item"));
}

#[test]
fn requests() {
    let topic = |channel: &str, symbol: Option<&str>| Topic {
        channel: channel.into(),
        symbol: symbol.map(Into::into),
    };
    let topics = [
        topic("matches", Some("BTC-USD")),
        topic("level2_batch", Some("ETH-USD")),
        topic("matches", Some("ETH-USD")),
        topic("status", None),
    ];
    let codec = Coinbase::default();
    let text = r#"{"type":"subscribe","channels":[{"name":"heartbeat","product_ids":["BTC-USD","ETH-USD"]},{"name":"level2_batch","product_ids":["ETH-USD"]},{"name":"matches","product_ids":["BTC-USD","ETH-USD"]},"status"]}"#;
    assert_eq!(codec.subscribe(&topics, 1), [text]);
    assert_eq!(codec.unsubscribe(&topics, 1), [text.replace("subscribe", "unsubscribe")]);
    assert!(codec.subscribe(&[], 1).is_empty());
    let asked = [topic("heartbeat", Some("BTC-USD")), topic("matches", Some("BTC-USD"))];
    let text = r#"{"type":"subscribe","channels":[{"name":"heartbeat","product_ids":["BTC-USD"]},{"name":"matches","product_ids":["BTC-USD"]}]}"#;
    assert_eq!(codec.subscribe(&asked, 1), [text]);
    let path = codec.request(&Feed::Orders("BTC-USD".into())).unwrap().path;
    assert_eq!(path, "/products/BTC-USD/book?level=3");
    assert!(codec.request(&Feed::Tickers(None)).is_none());
}

#[test]
fn a_book_of_orders_by_rest() {
    let body = r#"{"bids":[["2.50","3","da86"]],"asks":[["2.60","1","8ab1"]],"sequence":13051505638,"auction_mode":false,"auction":null,"time":"2024-01-01T00:00:00Z"}"#;
    let orders = answered(&mut Coinbase::default(), &Feed::Orders("A-B".into()), body).unwrap();
    let expected = [
        r#"OrdersUpdate symbol: "A-B", ts_event: 1704067200000000000, is_snapshot: true, seq: Some(13051505638), orders: []"#,
        r#"Order action: Add, side: Some(Bid), order_uid: Some("da86"), price: Some(Decimal { mantissa: 250, exponent: -2 }), size: Some(Decimal { mantissa: 3, exponent: 0 })"#,
        r#"Order action: Add, side: Some(Ask), order_uid: Some("8ab1"), price: Some(Decimal { mantissa: 260, exponent: -2 }), size: Some(Decimal { mantissa: 1, exponent: 0 })"#,
    ];
    assert_eq!(orders, expected);
}

#[test]
fn rules_of_products() {
    let product = r#"{"id":"BTC-USD","base_currency":"BTC","quote_currency":"USD","quote_increment":"0.01","base_increment":"0.00000001","display_name":"BTC/USD","min_market_funds":"1","max_market_funds":"100","margin_enabled":false,"post_only":false,"limit_only":true,"cancel_only":false,"status":"online","status_message":"","trading_disabled":false,"auction_mode":false}"#;
    let row = format!(
        r#"Instruments ts_event: {RECEIVED}, venue: "coinbase", symbol: "BTC-USD", kind: Spot, name: Some("BTC/USD"), base: Some("BTC"), quote: Some("USD"), multiplier: 1000000000000000000, multiplier_asset: "BTC", tick_size: Some(10000000000000000), lot_size: Some(10000000000), notional_min: Some(1000000000000000000), status: LimitOnly, status_raw: Some("online"), marginable: Some(0), flags: 33"#
    );
    let mut codec = Coinbase::default();
    let listed = answered(&mut codec, &Feed::Instruments, &format!("[{product}]")).unwrap();
    assert_eq!(listed, [row.as_str()]);
    let message =
        format!(r#"{{"type":"status","currencies":[{{"id":"USD"}}],"products":[{product}]}}"#);
    assert_eq!(rows(&message), [row]);
    let status = |from: &str, to: &str| {
        let body = format!("[{}]", product.replace(from, to));
        let row = answered(&mut Coinbase::default(), &Feed::Instruments, &body).unwrap().remove(0);
        row.split("status: ").nth(1).unwrap().split(',').next().unwrap().to_owned()
    };
    assert_eq!(status(r#""limit_only":true"#, r#""limit_only":null"#), "Trading");
    assert_eq!(status(r#""trading_disabled":false"#, r#""trading_disabled":true"#), "Halted");
    assert_eq!(status("online", "delisted"), "Delisted");
}
