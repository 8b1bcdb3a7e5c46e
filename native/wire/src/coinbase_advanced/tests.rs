use super::CoinbaseAdvanced;
use crate::codec::{Codec, Feed, Topic};
use crate::testing::{RECEIVED, answered, shown};

const BOOK: &str = r#"{"channel":"l2_data","client_id":"","timestamp":"2026-01-02T03:04:05.500000001Z","sequence_num":7,"events":[{"type":"update","product_id":"BTC-USD","updates":[{"side":"bid","event_time":"2026-01-02T03:04:05.25Z","price_level":"78856.05","new_quantity":"0.0487"},{"side":"offer","event_time":"2026-01-02T03:04:05.125Z","price_level":"78856.10","new_quantity":"0"}]}]}"#;
const TRADES: &str = r#"{"channel":"market_trades","client_id":"","timestamp":"2026-01-02T03:04:05Z","sequence_num":8,"events":[{"type":"update","trades":[{"trade_id":"22","product_id":"BTC-USD","price":"68900.50","size":"0.0015","side":"BUY","time":"2026-01-02T03:04:04Z"},{"trade_id":"a-1","product_id":"BTC-USD","price":"5","size":"1","side":"SELL","time":"2026-01-02T03:04:04Z"}]}]}"#;
const TICKER: &str = r#"{"channel":"ticker","client_id":"","timestamp":"2026-01-02T03:04:05Z","sequence_num":9,"events":[{"type":"snapshot","tickers":[{"type":"ticker","product_id":"BTC-USD","price":"21932.98","volume_24_h":"16038.28770938","low_24_h":"21835.29","high_24_h":"23011.18","low_52_w":"15460","price_percent_chg_24_h":"-4.15775596190603","best_bid":"21931.98","best_bid_quantity":"8000.21","best_ask":"21933.98","best_ask_quantity":"8038.07770938"}]}]}"#;
const CANDLES: &str = r#"{"channel":"candles","client_id":"","timestamp":"2026-01-02T03:04:05Z","sequence_num":10,"events":[{"type":"update","candles":[{"start":"1767322800","high":"4","low":"1","open":"2","close":"3","volume":"0.5","product_id":"ETH-USD"},{"start":"1767323100","high":"4","low":"1","open":"2","close":"3","volume":"0.5","product_id":"ETH-USD"}]}]}"#;

fn rows(message: &str) -> Vec<String> {
    shown(&mut CoinbaseAdvanced::default(), message).unwrap()
}

#[test]
fn changes_of_a_book_have_the_latest_time_of_their_levels() {
    let expected = [
        "Sequence(7)",
        r#"BookUpdate symbol: "BTC-USD", ts_event: 1767323045250000000, is_snapshot: false, seq: Some(7), levels: []"#,
        "bid 0.0487@78856.05",
        "ask 0@78856.10",
    ];
    assert_eq!(rows(BOOK), expected);
}

#[test]
fn keys_in_any_order() {
    let events = BOOK.find(r#","events""#).unwrap();
    let head = BOOK[..events].strip_prefix('{').unwrap();
    let tail = BOOK[events + 1..].strip_suffix('}').unwrap();
    let turned = format!("{{{tail},{head}}}");
    assert_eq!(rows(&turned), rows(BOOK));
    let trades = TRADES.replace(r#""type":"update","trades":["#, r#""trades":["#);
    let trades = trades.replace("}]}]}", r#"}],"type":"update"}]}"#);
    assert_eq!(rows(&trades), rows(TRADES));
}

#[test]
fn a_message_about_no_level_has_the_time_of_its_frame() {
    let start = BOOK.find(r#"[{"side"#).unwrap();
    let empty = format!("{}[]}}]}}", &BOOK[..start]);
    let expected = [
        "Sequence(7)",
        r#"BookUpdate symbol: "BTC-USD", ts_event: 1767323045500000001, is_snapshot: false, seq: Some(7), levels: []"#,
    ];
    assert_eq!(rows(&empty), expected);
    let epoch = BOOK
        .replace(r#""update""#, r#""snapshot""#)
        .replace("2026-01-02T03:04:05.25Z", "1970-01-01T00:00:00Z")
        .replace("2026-01-02T03:04:05.125Z", "1970-01-01T00:00:00Z");
    assert!(
        rows(&epoch)[1].contains("ts_event: 1767323045500000001, is_snapshot: true"),
        "{:?}",
        rows(&epoch)
    );
}

#[test]
fn trades() {
    let expected = [
        "Sequence(8)",
        r#"Trades ts_event: 1767323044000000000, venue: "coinbase-advanced", symbol: "BTC-USD", price: 68900.5, size: 0.0015, side: Sell, trade_id: Some(22)"#,
        r#"Trades ts_event: 1767323044000000000, venue: "coinbase-advanced", symbol: "BTC-USD", price: 5.0, size: 1.0, side: Buy, trade_uid: Some("a-1"), flags: 1"#,
    ];
    assert_eq!(rows(TRADES), expected);
    let history = rows(&TRADES.replace(r#""update""#, r#""snapshot""#));
    assert!(history[1].ends_with("flags: 64") && history[2].ends_with("flags: 65"), "{history:?}");
    let unknown = rows(&TRADES.replace("BUY", "UNKNOWN_ORDER_SIDE"));
    assert!(unknown[1].contains("side: Unknown"), "{unknown:?}");
}

#[test]
fn a_ticker_has_a_quote_unless_it_is_batched() {
    let expected = [
        "Sequence(9)",
        r#"Tickers ts_event: 1767323045000000000, venue: "coinbase-advanced", symbol: "BTC-USD", last_price: Some(21932.98), volume: Some(16038.28770938), volume_window: Some(Rolling24h), high_price: Some(23011.18), low_price: Some(21835.29), flags: 3"#,
        r#"Quotes ts_event: 1767323045000000000, venue: "coinbase-advanced", symbol: "BTC-USD", bid_price: Some(21931.98), bid_size: Some(8000.21), ask_price: Some(21933.98), ask_size: Some(8038.07770938), seq: Some(9), flags: 3"#,
    ];
    assert_eq!(rows(TICKER), expected);
    let start = TICKER.find(r#","best_bid""#).unwrap();
    let batched =
        format!("{}}}]}}]}}", &TICKER[..start]).replace(r#""ticker""#, r#""ticker_batch""#);
    let found = rows(&batched);
    assert_eq!(found[1..], expected[1..2]);
    let empty = TICKER.replace(r#""21931.98""#, r#""""#);
    assert!(!rows(&empty)[2].contains("bid_"), "{:?}", rows(&empty));
}

#[test]
fn candles_are_final_once_their_end_has_passed() {
    let expected = [
        "Sequence(10)",
        r#"Bars ts_event: 1767323045000000000, venue: "coinbase-advanced", symbol: "ETH-USD", ts_open: 1767322800000000000, ts_close: 1767323100000000000, interval: "5m", kind: Time, price_source: Trade, source: Venue, open: 2.0, high: 4.0, low: 1.0, close: 3.0, volume: Some(0.5)"#,
    ];
    let found = rows(CANDLES);
    assert_eq!(found[..2], expected);
    assert!(found[2].ends_with("flags: 1"), "{found:?}");
    let later = rows(&CANDLES.replace("03:04:05Z", "03:05:00Z").replace("update", "snapshot"));
    assert!(later[1].ends_with("is_final: 1, flags: 64"), "{later:?}");
    assert!(later[2].ends_with("volume: Some(0.5), flags: 65"), "{later:?}");
}

#[test]
fn frames_without_data_are_counted_as_well() {
    let frame = |channel: &str, events: &str| {
        format!(
            r#"{{"channel":"{channel}","client_id":"","timestamp":"2026-01-02T03:04:05Z","sequence_num":1,"events":[{events}]}}"#
        )
    };
    let beat =
        r#"{"current_time":"2026-01-02 03:04:05.8 +0000 UTC m=+6.6","heartbeat_counter":"9"}"#;
    assert_eq!(rows(&frame("heartbeats", beat)), ["Sequence(1)", "Heartbeat"]);
    let user = r#"{"type":"snapshot","orders":[]}"#;
    assert_eq!(rows(&frame("user", user)), ["Sequence(1)", "Nothing"]);
    assert_eq!(rows(&frame("new", "")), ["Sequence(1)", r#"Unknown("new")"#]);
    let mut codec = CoinbaseAdvanced::default();
    let both = frame(
        "subscriptions",
        r#"{"subscriptions":{"heartbeats":["heartbeats"],"level2":["A-B"]}}"#,
    );
    let expected = [
        "Sequence(1)",
        r#"Subscribed(Answer channel: Some("heartbeats"), text: None })"#,
        r#"Subscribed(Answer channel: Some("level2"), symbol: Some("A-B"), text: None })"#,
    ];
    assert_eq!(shown(&mut codec, &both).unwrap(), expected);
    let one = frame("subscriptions", r#"{"subscriptions":{"heartbeats":["heartbeats"]}}"#);
    let expected = [
        "Sequence(1)",
        r#"Unsubscribed(Answer channel: Some("level2"), symbol: Some("A-B"), text: None })"#,
        r#"Subscribed(Answer channel: Some("heartbeats"), text: None })"#,
    ];
    assert_eq!(shown(&mut codec, &one).unwrap(), expected);
    codec.reset();
    assert_eq!(shown(&mut codec, &one).unwrap().len(), 2);
}

#[test]
fn errors_have_no_number() {
    let error = r#"{"type":"error","message":"authentication failure"}"#;
    assert_eq!(rows(error), [r#"Refused(Answer text: Some("authentication failure") })"#]);
    assert_eq!(rows(r#"{"type":"other"}"#), [r#"Unknown("other")"#]);
}

#[test]
fn what_cannot_be_read_names_the_place() {
    let error =
        |message: &str| shown(&mut CoinbaseAdvanced::default(), message).unwrap_err().to_string();
    assert!(error("{}").ends_with("expected a frame with `channel`"));
    assert!(error(&BOOK.replace("sequence_num", "sequence")).ends_with("with `sequence_num`"));
    assert!(error(&BOOK.replace("offer", "ask")).contains("expected a side of bid or offer"));
    assert!(error(&BOOK.replace("update\"", "news\"")).contains("snapshot or update"));
    assert!(error(&BOOK.replace("05.125Z", "05,125Z")).contains("expected a time of ISO 8601"));
    assert!(error(&TRADES.replace(r#""size":"1","#, "")).ends_with("expected a trade with `size`"));
}

#[test]
fn requests() {
    let topic = |channel: &str, symbol: Option<&str>| Topic {
        channel: channel.into(),
        symbol: symbol.map(Into::into),
    };
    let topics =
        [topic("level2", Some("BTC-USD")), topic("status", None), topic("level2", Some("ETH-USD"))];
    let codec = CoinbaseAdvanced::default();
    let expected = [
        r#"{"type":"subscribe","channel":"level2","product_ids":["BTC-USD","ETH-USD"]}"#,
        r#"{"type":"subscribe","channel":"status"}"#,
    ];
    assert_eq!(codec.subscribe(&topics, 1), expected);
    assert_eq!(
        codec.unsubscribe(&topics, 1),
        expected.map(|t| t.replace("subscribe", "unsubscribe"))
    );
    assert_eq!(codec.greeting(), [r#"{"type":"subscribe","channel":"heartbeats"}"#]);
    let path = |feed: Feed| codec.request(&feed).map(|request| request.path);
    let products = "/api/v3/brokerage/market/products";
    assert_eq!(path(Feed::Tickers(None)), Some(format!("{products}?product_type=FUTURE")));
    assert_eq!(path(Feed::Tickers(Some("A-B".into()))), Some(format!("{products}/A-B")));
    assert_eq!(path(Feed::Orders("A-B".into())), None);
}

const SPOT: &str = r#"{"product_id":"BTC-USDC","price":"68923.67","volume_24h":"11005.5","base_increment":"0.00000001","quote_increment":"0.01","quote_min_size":"1","quote_max_size":"150000000","base_min_size":"0.00000001","base_max_size":"3400","status":"online","cancel_only":false,"limit_only":false,"post_only":false,"trading_disabled":false,"auction_mode":false,"product_type":"SPOT","quote_currency_id":"USDC","base_currency_id":"BTC","fcm_trading_session_details":null,"mid_market_price":"","alias":"BTC-USD","price_increment":"0.01","display_name":"BTC-USDC","product_venue":"CBE","new":false,"is_disabled":false}"#;
const FUTURE: &str = r#"{"product_id":"BIT-24APR26-CDE","price":"69165","volume_24h":"102187","base_increment":"1","quote_increment":"0.01","quote_min_size":"0","base_min_size":"1","status":"","product_type":"FUTURE","quote_currency_id":"USD","base_currency_id":"","fcm_trading_session_details":{"is_session_open":true},"mid_market_price":"69172.5","price_increment":"5","display_name":"BTC 24 APR 26","product_venue":"FCM","future_product_details":{"contract_code":"BIT","contract_expiry":"2026-04-24T15:00:00Z","contract_size":"0.01","contract_root_unit":"BTC","contract_expiry_type":"EXPIRING","perpetual_details":{"open_interest":"35445","funding_rate":"","funding_time":null,"max_leverage":""},"funding_interval":"3600s","open_interest":"35445","funding_rate":"0.000013","funding_time":"2026-04-07T00:00:00Z","settlement_price":"69735","index_price":"68899.882564"}}"#;

#[test]
fn rules_of_products() {
    let mut codec = CoinbaseAdvanced::default();
    let body = format!(r#"{{"products":[{SPOT},{FUTURE}],"num_products":2}}"#);
    let expected = [
        format!(
            r#"Instruments ts_event: {RECEIVED}, venue: "coinbase-advanced", symbol: "BTC-USDC", kind: Spot, name: Some("BTC-USDC"), family: Some("BTC-USD"), base: Some("BTC"), quote: Some("USDC"), multiplier: 1000000000000000000, multiplier_asset: "BTC", tick_size: Some(10000000000000000), lot_size: Some(10000000000), size_min: Some(10000000000), size_max: Some(3400000000000000000000), notional_min: Some(1000000000000000000), notional_max: Some(150000000000000000000000000), status: Trading, status_raw: Some("online"), flags: 33"#
        ),
        format!(
            r#"Instruments ts_event: {RECEIVED}, venue: "coinbase-advanced", symbol: "BIT-24APR26-CDE", kind: Future, contract: Some(Linear), name: Some("BTC 24 APR 26"), exchange: Some("FCM"), family: Some("BIT"), base: Some("BTC"), quote: Some("USD"), settle: Some("USD"), multiplier: 10000000000000000, multiplier_asset: "BTC", tick_size: Some(5000000000000000000), lot_size: Some(1000000000000000000), size_min: Some(1000000000000000000), ts_expiry: Some(1777042800000000000), status: Trading, funding_interval_hours: Some(1.0), flags: 33"#
        ),
    ];
    assert_eq!(answered(&mut codec, &Feed::Instruments, &body).unwrap(), expected);
    let closed = body.replace(r#""is_session_open":true"#, r#""is_session_open":false"#);
    let closed = answered(&mut codec, &Feed::Instruments, &closed).unwrap();
    assert!(closed[1].contains("status: Closed"), "{closed:?}");
    let perpetual = FUTURE.replace("EXPIRING", "PERPETUAL").replace(r#"age":"""#, r#"age":"10""#);
    let perpetual = answered(&mut codec, &Feed::Instruments, &perpetual).unwrap().remove(0);
    assert!(perpetual.contains("kind: Perpetual") && !perpetual.contains("ts_expiry"));
    assert!(perpetual.contains("leverage_max: Some(10000000000000000000)"), "{perpetual}");
}

#[test]
fn figures_of_a_future() {
    let mut codec = CoinbaseAdvanced::default();
    let row = format!(
        r#"Tickers ts_event: {RECEIVED}, venue: "coinbase-advanced", symbol: "BIT-24APR26-CDE", last_price: Some(69165.0), index_price: Some(68899.882564), mid_price: Some(69172.5), funding_rate: Some(1.3e-5), ts_funding_next: Some(1775520000000000000), funding_interval_hours: Some(1.0), open_interest: Some(35445.0), volume: Some(102187.0), volume_window: Some(Rolling24h), settle_prev_price: Some(69735.0), flags: 33"#
    );
    let one = answered(&mut codec, &Feed::Tickers(Some("BIT".into())), FUTURE).unwrap();
    assert_eq!(one, [row.as_str()]);
    let list = format!(r#"{{"products":[{FUTURE}]}}"#);
    assert_eq!(answered(&mut codec, &Feed::Tickers(None), &list).unwrap(), [row]);
}

#[test]
fn the_channel_of_rules() {
    let message = r#"{"channel":"status","client_id":"","timestamp":"2026-01-02T03:04:05Z","sequence_num":2,"events":[{"type":"snapshot","products":[{"product_type":"SPOT","id":"ETH-USDT","base_currency":"ETH","quote_currency":"USDT","base_increment":"0.00000001","quote_increment":"0.01","display_name":"ETH/USDT","status":"online","status_message":"","min_market_funds":"1"}]}]}"#;
    let row = r#"Instruments ts_event: 1767323045000000000, venue: "coinbase-advanced", symbol: "ETH-USDT", kind: Spot, name: Some("ETH/USDT"), base: Some("ETH"), quote: Some("USDT"), multiplier: 1000000000000000000, multiplier_asset: "ETH", tick_size: Some(10000000000000000), lot_size: Some(10000000000), notional_min: Some(1000000000000000000), status: Trading, status_raw: Some("online"), flags: 1"#;
    assert_eq!(rows(message), ["Sequence(2)", row]);
}
