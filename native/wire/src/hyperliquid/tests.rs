use super::Hyperliquid;
use crate::codec::{Codec, Feed, Topic};
use crate::testing::{answered, shown};

const BOOK: &str = r#"{"channel":"l2Book","data":{"coin":"BTC","levels":[[{"n":5,"px":"106065.0","sz":"3.04732"},{"px":"106064.0","sz":"0.1531","n":1}],[{"px":"106066.0","sz":"7","n":2}]],"time":1741115643800}}"#;
const TRADES: &str = r#"{"channel":"trades","data":[{"coin":"BTC","hash":"0xde","px":"106066.0","side":"B","sz":"0.00219","tid":132562580315058,"time":1741115594873,"users":["0xe9","0x68"]},{"coin":"BTC","hash":"0x00","px":"106065.5","side":"A","sz":"1","tid":928322820331526,"time":1741115594874,"users":["0xe9","0x68"]}]}"#;
const QUOTE: &str = r#"{"channel":"bbo","data":{"coin":"HYPE","time":1769763175292,"bbo":[{"px":"24.867","sz":"43.02","n":1},{"px":"24.868","sz":"100.36","n":2}]}}"#;
const ASSET: &str = r#"{"channel":"activeAssetCtx","data":{"coin":"BTC","ctx":{"dayNtlVlm":"1272057.32506","funding":"0.0000125","impactPxs":["15.4057","15.4554"],"markPx":"15.4271","midPx":"15.424","openInterest":"611.21","oraclePx":"15.44","premium":"0.00032884","prevDayPx":"16.432"}}}"#;
const CANDLE: &str = r#"{"channel":"candle","data":{"t":1768003200000,"T":1768089599999,"s":"HYPE","i":"1d","o":"35.778","c":"35.178","h":"37.329","l":"35.361","v":"3526780.1399999999","n":103125}}"#;
const PERPETUALS: &str = r#"{"universe":[{"szDecimals":5,"name":"BTC","maxLeverage":40,"marginTableId":56},{"szDecimals":1,"name":"MATIC","maxLeverage":20,"isDelisted":true}],"marginTables":[],"collateralToken":0}"#;
const PAIRS: &str = r#"{"universe":[{"tokens":[1,0],"name":"PURR/USDC","index":0,"isCanonical":true},{"tokens":[150,0],"name":"@107","index":107}],"tokens":[{"name":"USDC","szDecimals":8,"weiDecimals":8,"index":0},{"name":"PURR","szDecimals":0,"weiDecimals":5,"index":1},{"name":"HYPE","szDecimals":2,"weiDecimals":8,"index":150},{"name":"USDH","szDecimals":2,"weiDecimals":8,"index":360}]}"#;

fn show(message: &str) -> Vec<String> {
    shown(&mut Hyperliquid::default(), message).unwrap()
}

fn answer(codec: &mut Hyperliquid, feed: &Feed, body: &str) -> Vec<String> {
    answered(codec, feed, body).unwrap()
}

#[test]
fn every_book_is_a_picture() {
    let expected = [
        r#"BookUpdate symbol: "BTC", ts_event: 1741115643800000000, is_snapshot: true, levels: []"#,
        "bid 3.04732@106065.0 n5",
        "bid 0.1531@106064.0 n1",
        "ask 7@106066.0 n2",
    ];
    assert_eq!(show(BOOK), expected);
    let turned = r#"{"data":{"levels":[[],[]],"new":{},"time":1,"coin":"X"},"channel":"l2Book"}"#;
    let head = r#"BookUpdate symbol: "X", ts_event: 1000000, is_snapshot: true, levels: []"#;
    assert_eq!(show(turned), [head]);
}

#[test]
fn the_first_trades_of_a_coin_are_past_ones() {
    let mut codec = Hyperliquid::default();
    let first = [
        r#"Trades ts_event: 1741115594873000000, venue: "hyperliquid", symbol: "BTC", price: 106066.0, size: 0.00219, side: Buy, trade_id: Some(132562580315058), flags: 64"#,
        r#"Trades ts_event: 1741115594874000000, venue: "hyperliquid", symbol: "BTC", price: 106065.5, size: 1.0, side: Sell, trade_id: Some(928322820331526), flags: 65"#,
    ];
    assert_eq!(shown(&mut codec, TRADES).unwrap(), first);
    let later = shown(&mut codec, TRADES).unwrap();
    assert!(!later[0].contains("flags") && later[1].ends_with("flags: 1"), "{later:?}");
    let other = shown(&mut codec, &TRADES.replace("BTC", "ETH")).unwrap();
    assert!(other[0].ends_with("flags: 64"), "{other:?}");
    let again = r#"{"channel":"subscriptionResponse","data":{"method":"subscribe","subscription":{"type":"trades","coin":"BTC"}}}"#;
    shown(&mut codec, again).unwrap();
    assert_eq!(shown(&mut codec, TRADES).unwrap(), first);
    codec.reset();
    assert_eq!(shown(&mut codec, TRADES).unwrap(), first);
}

#[test]
fn the_best_bid_and_ask() {
    let row = r#"Quotes ts_event: 1769763175292000000, venue: "hyperliquid", symbol: "HYPE", bid_price: Some(24.867), bid_size: Some(43.02), ask_price: Some(24.868), ask_size: Some(100.36), bid_count: Some(1), ask_count: Some(2), flags: 1"#;
    assert_eq!(show(QUOTE), [row]);
    let no_bid = QUOTE.replace(r#"{"px":"24.867","sz":"43.02","n":1}"#, "null");
    let row = r#"Quotes ts_event: 1769763175292000000, venue: "hyperliquid", symbol: "HYPE", ask_price: Some(24.868), ask_size: Some(100.36), ask_count: Some(2), flags: 1"#;
    assert_eq!(show(&no_bid), [row]);
}

#[test]
fn figures_of_a_perpetual_and_of_a_pair() {
    let row = r#"Tickers ts_event: 1700000000123456789, venue: "hyperliquid", symbol: "BTC", mark_price: Some(15.4271), index_price: Some(15.44), mid_price: Some(15.424), impact_bid_price: Some(15.4057), impact_ask_price: Some(15.4554), premium: Some(0.00032884), funding_rate: Some(0.0000125), funding_interval_hours: Some(1.0), open_interest: Some(611.21), turnover: Some(1272057.32506), volume_window: Some(Rolling24h), close_prev_price: Some(16.432), flags: 33"#;
    assert_eq!(show(ASSET), [row.replace("0.0000125", "1.25e-5")]);
    let pair = r#"{"channel":"activeSpotAssetCtx","data":{"coin":"@107","ctx":{"prevDayPx":"0.2","dayNtlVlm":"0.0","markPx":"0.3","midPx":null,"circulatingSupply":"5","coin":"@107","dayBaseVlm":"6.5"}}}"#;
    let row = r#"Tickers ts_event: 1700000000123456789, venue: "hyperliquid", symbol: "@107", mark_price: Some(0.3), volume: Some(6.5), turnover: Some(0.0), volume_window: Some(Rolling24h), close_prev_price: Some(0.2), flags: 33"#;
    assert_eq!(show(pair), [row]);
    let thin = show(&ASSET.replace(r#"["15.4057","15.4554"]"#, "null"));
    assert!(!thin[0].contains("impact"), "{thin:?}");
}

#[test]
fn a_candle_says_neither_when_nor_whether_it_is_closed() {
    let row = r#"Bars ts_event: 1700000000123456789, venue: "hyperliquid", symbol: "HYPE", ts_open: 1768003200000000000, ts_close: 1768089600000000000, interval: "1d", kind: Time, price_source: Trade, source: Venue, open: 35.778, high: 37.329, low: 35.361, close: 35.178, volume: Some(3526780.14), count: Some(103125), flags: 41"#;
    assert_eq!(show(CANDLE), [row]);
    let two = CANDLE.replace(r#""data":{"#, r#""data":[{"#).replace("}}", "}]}");
    assert_eq!(show(&two), [row]);
    assert!(show(&CANDLE.replace("1d", "1M"))[0].contains(r#"interval: "1mo""#));
}

#[test]
fn all_middles() {
    let message = r#"{"channel":"allMids","data":{"mids":{"@142":"80208.5","BTC":"80171.5"}}}"#;
    let expected = [
        r#"Tickers ts_event: 1700000000123456789, venue: "hyperliquid", symbol: "@142", mid_price: Some(80208.5), flags: 32"#,
        r#"Tickers ts_event: 1700000000123456789, venue: "hyperliquid", symbol: "BTC", mid_price: Some(80171.5), flags: 33"#,
    ];
    assert_eq!(show(message), expected);
    assert!(show(r#"{"channel":"allMids","data":{"mids":{}}}"#).is_empty());
}

#[test]
fn answers_and_notices() {
    let one = |message: &str| show(message).remove(0);
    let fine = r#"{"channel":"subscriptionResponse","data":{"method":"subscribe","subscription":{"type":"l2Book","coin":"HYPE","mantissa":null,"nSigFigs":5}}}"#;
    let expected = r#"Subscribed(Answer channel: Some("l2Book?nSigFigs=5"), symbol: Some("HYPE"), text: None })"#;
    assert_eq!(one(fine), expected);
    let ended = fine.replace(r#""method":"subscribe""#, r#""method":"unsubscribe""#);
    assert_eq!(one(&ended), expected.replace("Subscribed", "Unsubscribed"));
    let refused = r#"{"channel":"error","data":"Invalid subscription {\"type\":\"candle\",\"interval\":\"7m\",\"coin\":\"X\"}"}"#;
    let text = r#"Invalid subscription {\"type\":\"candle\",\"interval\":\"7m\",\"coin\":\"X\"}"#;
    let expected = format!(
        r#"Refused(Answer channel: Some("candle?interval=7m"), symbol: Some("X"), text: Some("{text}") }})"#
    );
    assert_eq!(one(refused), expected);
    let error = r#"{"channel":"error","data":"Error parsing JSON into valid websocket request: {\"a\":1}"}"#;
    assert!(one(error).starts_with(r#"Error text: "Error parsing"#), "{}", one(error));
    assert_eq!(one(r#"{"channel":"pong"}"#), "Heartbeat");
    assert_eq!(one("Websocket connection established."), "Nothing");
    assert_eq!(one(r#"{"channel":"webData3","data":{"a":[1]}}"#), r#"Unknown("webData3")"#);
}

#[test]
fn requests() {
    let topic = |channel: &str, symbol: Option<&str>| Topic {
        channel: channel.to_owned(),
        symbol: symbol.map(str::to_owned),
    };
    let topics = [
        topic("l2Book?nSigFigs=5&mantissa=2", Some("BTC")),
        topic("candle?interval=1m", Some("@107")),
        topic("allMids", None),
    ];
    let expected = [
        r#"{"method":"subscribe","subscription":{"type":"l2Book","coin":"BTC","nSigFigs":5,"mantissa":2}}"#,
        r#"{"method":"subscribe","subscription":{"type":"candle","coin":"@107","interval":"1m"}}"#,
        r#"{"method":"subscribe","subscription":{"type":"allMids"}}"#,
    ];
    let codec = Hyperliquid::default();
    assert_eq!(codec.subscribe(&topics, 4), expected);
    let ended = r#"{"method":"unsubscribe","subscription":{"type":"allMids"}}"#;
    assert_eq!(codec.unsubscribe(&topics[2..], 4), [ended]);
    assert_eq!(codec.ping(1).as_deref(), Some(r#"{"method":"ping"}"#));
    let call = codec.request(&Feed::Instruments).unwrap();
    assert_eq!((call.path.as_str(), call.headers.len()), ("/info", 1));
    assert_eq!(call.body.as_deref(), Some(r#"{"type":"spotMeta"}"#));
    assert_eq!(codec.requests(&Feed::Instruments).len(), 2);
    assert_eq!(codec.request(&Feed::Time), None);
}

#[test]
fn rules_of_perpetuals() {
    let rows = answer(&mut Hyperliquid::default(), &Feed::Instruments, PERPETUALS);
    let row = r#"Instruments ts_event: 1700000000123456789, venue: "hyperliquid", symbol: "BTC", kind: Perpetual, contract: Some(Linear), venue_index: Some(0), base: Some("BTC"), quote: Some("USDC"), settle: Some("USDC"), multiplier: 1000000000000000000, multiplier_asset: "BTC", price_digits: Some(5), price_scale: Some(1), lot_size: Some(10000000000000), size_scale: Some(5), notional_min: Some(10000000000000000000), status: Trading, leverage_max: Some(40000000000000000000), funding_interval_hours: Some(1.0), flags: 33"#;
    assert_eq!(rows[0], row);
    assert!(rows[1].contains("status: Delisted") && rows[1].contains("venue_index: Some(1)"));
}

#[test]
fn perpetuals_of_others_settle_in_tokens_that_spot_names() {
    let body = r#"[{"universe":[{"name":"BTC","szDecimals":5,"maxLeverage":40}],"collateralToken":0},null,{"collateralToken":360,"universe":[{"maxLeverage":20,"name":"km:US500","szDecimals":3}]}]"#;
    let mut codec = Hyperliquid::default();
    let unknown = answer(&mut codec, &Feed::Instruments, body);
    assert!(!unknown[1].contains("settle") && !unknown[1].contains("quote"), "{unknown:?}");
    assert!(unknown[0].contains(r#"settle: Some("USDC")"#), "{unknown:?}");
    answer(&mut codec, &Feed::Instruments, PAIRS);
    let rows = answer(&mut codec, &Feed::Instruments, body);
    let part = r#"symbol: "km:US500", kind: Perpetual, contract: Some(Linear), venue_index: Some(120000), family: Some("km"), base: Some("US500"), quote: Some("USDH"), settle: Some("USDH"), multiplier: 1000000000000000000, multiplier_asset: "US500""#;
    assert!(rows[1].contains(part), "{rows:?}");
    codec.reset();
    assert_eq!(answer(&mut codec, &Feed::Instruments, body), unknown);
}

#[test]
fn rules_of_pairs() {
    let rows = answer(&mut Hyperliquid::default(), &Feed::Instruments, PAIRS);
    let row = r#"Instruments ts_event: 1700000000123456789, venue: "hyperliquid", symbol: "@107", kind: Spot, venue_index: Some(10107), base: Some("HYPE"), quote: Some("USDC"), multiplier: 1000000000000000000, multiplier_asset: "HYPE", price_digits: Some(5), price_scale: Some(6), lot_size: Some(10000000000000000), size_scale: Some(2), notional_min: Some(10000000000000000000), status: Trading, flags: 33"#;
    assert_eq!(rows[1], row);
    assert!(rows[0].contains(r#"symbol: "PURR/USDC", kind: Spot, venue_index: Some(10000)"#));
}

#[test]
fn what_cannot_be_read_names_the_place() {
    let error =
        |message: &str| shown(&mut Hyperliquid::default(), message).unwrap_err().to_string();
    assert!(error("Websocket closed").contains("expected an object"));
    assert!(error(r#"{"channel":"trades"}"#).ends_with("expected `data`"));
    assert!(error(r#"{"data":[]}"#).ends_with("expected `channel`"));
    assert!(
        error(&BOOK.replace(",[{\"px\":\"106066.0\",\"sz\":\"7\",\"n\":2}]", ""))
            .ends_with("expected bids and asks")
    );
    assert!(error(&BOOK.replace("\"3.04732\"", "\"x\"")).contains("expected a number"));
    assert!(error(&TRADES.replace("\"B\"", "\"C\"")).contains("expected B or A"));
    assert!(
        error(&QUOTE.replace(r#"{"px":"24.867","sz":"43.02","n":1},"#, "")).ends_with("two sides")
    );
    let body = PERPETUALS.replace("\"szDecimals\":5", "\"szDecimals\":-2147483648");
    let error = answered(&mut Hyperliquid::default(), &Feed::Instruments, &body).unwrap_err();
    assert_eq!(error.expected, "an instrument with `szDecimals` from 0 to 18");
}
