use super::{Binance, Market};
use crate::codec::{Codec, Feed, Topic};
use crate::testing::{answered, shown};

fn spot() -> Binance {
    Binance::new(Market::Spot)
}

fn usdm() -> Binance {
    Binance::new(Market::UsdM)
}

#[test]
fn a_trade() {
    let message = r#"{"stream":"btcusdt@trade","data":{"e":"trade","E":1700000000002,"s":"BTCUSDT","t":42,"p":"60123.45000000","q":"0.00120000","T":1700000000001,"m":true,"M":true}}"#;
    let row = r#"Trades ts_event: 1700000000001000000, venue: "binance", symbol: "BTCUSDT", price: 60123.45, size: 0.0012, side: Sell, trade_id: Some(42), flags: 1"#;
    assert_eq!(shown(&mut spot(), message).unwrap(), [row]);
}

#[test]
fn keys_in_any_order_unknown_keys_and_microseconds() {
    let message = r#"{"data":{"m":false,"q":"1","new":{"a":[1,{"b":"]}"}]},"T":1700000000001002,"p":"2.50","t":7,"s":"AB","e":"trade"},"stream":"ab@trade"}"#;
    let row = r#"Trades ts_event: 1700000000001002000, venue: "binance", symbol: "AB", price: 2.5, size: 1.0, side: Buy, trade_id: Some(7), flags: 1"#;
    assert_eq!(shown(&mut spot(), message).unwrap(), [row]);
}

#[test]
fn a_trade_of_the_insurance_fund_is_marked() {
    let message = r#"{"e":"trade","E":1,"T":1,"s":"BTCUSDT","t":9,"p":"0","q":"3","X":"INSURANCE_FUND","m":true}"#;
    let rows = shown(&mut usdm(), message).unwrap();
    assert!(rows[0].contains(r#"conditions: Some("INSURANCE_FUND")"#), "{rows:?}");
}

#[test]
fn an_aggregated_trade_counts_its_fills() {
    let message = r#"{"e":"aggTrade","E":5,"s":"BTCUSDT","a":26129,"p":"0.01633102","q":"4.70443515","f":27781,"l":27783,"T":4,"m":false,"nq":"4.7"}"#;
    let row = r#"Trades ts_event: 4000000, venue: "binance-usdm", symbol: "BTCUSDT", price: 0.01633102, size: 4.70443515, side: Buy, trade_id: Some(26129), count: Some(3), flags: 1"#;
    assert_eq!(shown(&mut usdm(), message).unwrap(), [row]);
}

#[test]
fn a_quote_of_spot_has_neither_name_nor_time() {
    let message =
        r#"{"u":400900217,"s":"BNBUSDT","b":"25.35190000","B":"31.21","a":"25.36","A":"40.66"}"#;
    let row = r#"Quotes ts_event: 1700000000123456789, venue: "binance", symbol: "BNBUSDT", bid_price: Some(25.3519), bid_size: Some(31.21), ask_price: Some(25.36), ask_size: Some(40.66), seq: Some(400900217), flags: 33"#;
    assert_eq!(shown(&mut spot(), message).unwrap(), [row]);
}

#[test]
fn a_side_without_orders_is_null() {
    let message =
        r#"{"e":"bookTicker","u":1,"E":3,"T":2,"s":"X","b":"0.00","B":"0","a":"5","A":"6"}"#;
    let row = r#"Quotes ts_event: 2000000, venue: "binance-usdm", symbol: "X", ask_price: Some(5.0), ask_size: Some(6.0), seq: Some(1), flags: 1"#;
    assert_eq!(shown(&mut usdm(), message).unwrap(), [row]);
}

#[test]
fn changes_of_a_book() {
    let message = r#"{"e":"depthUpdate","E":9,"T":8,"s":"BTCUSDT","U":10,"u":12,"pu":7,"b":[["1.10","0.014"],["1.00","0.000"]],"a":[["1.2","3",[]]]}"#;
    let expected = [
        r#"BookUpdate symbol: "BTCUSDT", ts_event: 8000000, is_snapshot: false, seq_first: Some(10), seq: Some(12), seq_prev: Some(7), levels: []"#,
        "bid 0.014@1.10",
        "bid 0.000@1.00",
        "ask 3@1.2",
    ];
    assert_eq!(shown(&mut usdm(), message).unwrap(), expected);
}

#[test]
fn the_best_levels_are_a_picture_even_if_they_say_depth_update() {
    let spot_message = r#"{"stream":"bnbbtc@depth5@100ms","data":{"lastUpdateId":160,"bids":[["0.0024","10"]],"asks":[["0.0026","100"],["0.0027","1"]]}}"#;
    let rows = shown(&mut spot(), spot_message).unwrap();
    let row = r#"BookSnapshots ts_event: 1700000000123456789, venue: "binance", symbol: "BNBBTC", bid_price: [0.0024], bid_size: [10.0], ask_price: [0.0026, 0.0027], ask_size: [100.0, 1.0], seq: Some(160), flags: 35"#;
    assert_eq!(rows, [row]);
    let futures = r#"{"stream":"btcusdt@depth5","data":{"e":"depthUpdate","E":3,"T":2,"s":"BTCUSDT","U":1,"u":4,"pu":0,"b":[["5","1"]],"a":[]}}"#;
    assert!(shown(&mut usdm(), futures).unwrap()[0].starts_with("BookSnapshots"));
}

#[test]
fn a_mark_price_of_a_delivery_contract_has_no_funding() {
    let message = r#"{"e":"markPriceUpdate","E":5,"s":"BTCUSD_231229","p":"11185.8","i":"11784.2","P":"11784.25","r":"","T":0}"#;
    let row = r#"Tickers ts_event: 5000000, venue: "binance-coinm", symbol: "BTCUSD_231229", mark_price: Some(11185.8), index_price: Some(11784.2), settle_price: Some(11784.25), flags: 1"#;
    assert_eq!(shown(&mut Binance::new(Market::CoinM), message).unwrap(), [row]);
}

/// The average of spot says over how long it is by the key that names an index elsewhere.
#[test]
fn an_average_price_and_the_price_of_an_index() {
    let average = r#"{"e":"avgPrice","E":1693907033000,"s":"BTCUSDT","i":"5m","w":"25776.86","T":1693907032213}"#;
    let row = r#"Tickers ts_event: 1693907033000000000, venue: "binance", symbol: "BTCUSDT", ts_last: Some(1693907032213000000), average_price: Some(25776.86), flags: 1"#;
    assert_eq!(shown(&mut spot(), average).unwrap(), [row]);
    let index = r#"{"e":"indexPriceUpdate","E":5,"i":"BTCUSD","p":"11185.8"}"#;
    let row = r#"Tickers ts_event: 5000000, venue: "binance-coinm", symbol: "BTCUSD", index_price: Some(11185.8), flags: 1"#;
    assert_eq!(shown(&mut Binance::new(Market::CoinM), index).unwrap(), [row]);
}

#[test]
fn only_the_last_row_of_an_array_is_marked_last() {
    let one = |name: &str| {
        format!(
            r#"{{"e":"24hrMiniTicker","E":5,"s":"{name}","c":"1","o":"2","h":"3","l":"0.5","v":"9","q":"10"}}"#
        )
    };
    let message = format!(r#"{{"stream":"!miniTicker@arr","data":[{},{}]}}"#, one("A"), one("B"));
    let rows = shown(&mut spot(), &message).unwrap();
    assert!(!rows[0].contains("flags") && rows[1].ends_with("flags: 1"), "{rows:?}");
    assert!(rows[0].contains("turnover: Some(10.0)") && rows[0].contains("Rolling24h"), "{rows:?}");
}

#[test]
fn a_candle() {
    let message = r#"{"e":"kline","E":1672515782136,"s":"BNBBTC","k":{"t":1672515780000,"T":1672515839999,"s":"BNBBTC","i":"1M","f":-1,"L":-1,"o":"0.0010","c":"0.0020","h":"0.0025","l":"0.0015","v":"1000","n":100,"x":false,"q":"1.0","V":"500","Q":"0.5","B":"0"}}"#;
    let row = r#"Bars ts_event: 1672515782136000000, venue: "binance", symbol: "BNBBTC", ts_open: 1672515780000000000, ts_close: 1672515840000000000, interval: "1mo", kind: Time, price_source: Trade, source: Venue, open: 0.001, high: 0.0025, low: 0.0015, close: 0.002, volume: Some(1000.0), turnover: Some(1.0), buy_volume: Some(500.0), buy_turnover: Some(0.5), count: Some(100), flags: 1"#;
    assert_eq!(shown(&mut spot(), message).unwrap(), [row]);
}

#[test]
fn a_liquidation() {
    let message = r#"{"e":"forceOrder","E":9,"o":{"s":"BTCUSDT","S":"SELL","o":"LIMIT","f":"IOC","q":"0.014","p":"9910","ap":"9911","X":"FILLED","l":"0.014","z":"0.014","T":8}}"#;
    let row = r#"Liquidations ts_event: 8000000, venue: "binance-usdm", symbol: "BTCUSDT", side: Sell, side_raw: "SELL", price: Some(9910.0), price_average: Some(9911.0), size: 0.014, size_filled: Some(0.014), status_raw: Some("FILLED"), flags: 1"#;
    assert_eq!(shown(&mut usdm(), message).unwrap(), [row]);
}

#[test]
fn answers_and_notices() {
    let refused = r#"{"error":{"code":2,"msg":"Invalid request: \"x\""},"id":3}"#;
    let expected = [
        r#"Refused(Answer request: Some(3), code: Some(2), text: Some("Invalid request: \"x\"") })"#,
    ];
    assert_eq!(shown(&mut spot(), refused).unwrap(), expected);
    let fine = shown(&mut spot(), r#"{"result":null,"id":1}"#).unwrap();
    assert!(fine[0].starts_with("Subscribed"), "{fine:?}");
    let wrapped = r#"{"stream":"!serverShutdown","data":{"e":"serverShutdown","E":5}}"#;
    assert_eq!(shown(&mut spot(), wrapped).unwrap(), [r#"Shutdown("serverShutdown")"#]);
    assert_eq!(
        shown(&mut spot(), r#"{"e":"somethingNew"}"#).unwrap(),
        [r#"Unknown("somethingNew")"#]
    );
}

#[test]
fn what_cannot_be_read_names_the_place() {
    let error = |message: &str| shown(&mut spot(), message).unwrap_err().to_string();
    assert_eq!(
        error(r#"{"e":"trade","s":"A","T":1,"p":"1,5","q":"1","t":1,"m":true}"#),
        r#"byte 31: found `"1,5","q":"1","t":1,"m":true}`, expected a number"#
    );
    assert!(error(r#"{"e":"trade","s":"A"}"#).ends_with("expected a trade with `T`"));
    assert!(error(r#"{"e":"trade","s":"A","T":"#).contains("found the end"));
    assert!(error("pong").contains("expected a JSON value"));
}

#[test]
fn requests() {
    let topics = [
        Topic { channel: "depth@100ms".into(), symbol: Some("BTCUSDT".into()) },
        Topic { channel: "!miniTicker@arr".into(), symbol: None },
    ];
    let text =
        r#"{"method":"SUBSCRIBE","params":["btcusdt@depth@100ms","!miniTicker@arr"],"id":4}"#;
    assert_eq!(spot().subscribe(&topics, 4), [text]);
    assert!(spot().subscribe(&[], 4).is_empty());
    let path = usdm().request(&Feed::Book("BTCUSDT".into())).unwrap().path;
    assert_eq!(path, "/fapi/v1/depth?symbol=BTCUSDT&limit=1000");
}

#[test]
fn a_picture_of_the_book() {
    let body = r#"{"lastUpdateId":1027024,"E":9,"T":8,"bids":[["4.00000000","431"]],"asks":[["4.00000200","12"]]}"#;
    let rows = answered(&mut usdm(), &Feed::Book("BTCUSDT".into()), body).unwrap();
    let expected = [
        r#"BookUpdate symbol: "BTCUSDT", ts_event: 8000000, is_snapshot: true, seq: Some(1027024), levels: []"#,
        "bid 431@4.00000000",
        "ask 12@4.00000200",
    ];
    assert_eq!(rows, expected);
}

#[test]
fn rules_of_an_instrument() {
    let body = r#"{"timezone":"UTC","serverTime":5,"symbols":[{"symbol":"ETHBTC","status":"TRADING","baseAsset":"ETH","quoteAsset":"BTC","isMarginTradingAllowed":true,"filters":[{"filterType":"PRICE_FILTER","minPrice":"0.00000100","maxPrice":"0","tickSize":"0.00000100"},{"minQty":"0.00010000","stepSize":"0.0001","maxQty":"100000","filterType":"LOT_SIZE"},{"filterType":"MAX_NUM_ORDERS","maxNumOrders":200}]}]}"#;
    let rows = answered(&mut spot(), &Feed::Instruments, body).unwrap();
    let row = r#"Instruments ts_event: 5000000, venue: "binance", symbol: "ETHBTC", kind: Spot, base: Some("ETH"), quote: Some("BTC"), multiplier: 1000000000000000000, multiplier_asset: "ETH", tick_size: Some(1000000000000), lot_size: Some(100000000000000), size_min: Some(100000000000000), size_max: Some(100000000000000000000000), price_min: Some(1000000000000), status: Trading, status_raw: Some("TRADING"), orders_max: Some(200), marginable: Some(1), flags: 1"#;
    assert_eq!(rows, [row]);
}
