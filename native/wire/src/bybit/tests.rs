use super::{Bybit, Category};
use crate::codec::{Codec, Feed, Topic};
use crate::testing::{answered, shown};

const BOOK: &str = r#"{"topic":"orderbook.50.BTCUSDT","type":"delta","ts":1691137767466,"data":{"s":"BTCUSDT","b":[["30247.20","30.028"],["30245.40","0"]],"a":[["30248.70","0.5"]],"u":177400507,"seq":66544703342},"cts":1691137767464}"#;
const TRADES: &str = r#"{"topic":"publicTrade.BTCUSDT","type":"snapshot","ts":1675501286868,"data":[{"T":1675501286865,"s":"BTCUSDT","S":"Buy","v":"0.001","p":"17681.50","L":"PlusTick","i":"20f43950-d8dd-5b31-9224-a178eb6023af","BT":false,"RPI":true,"seq":1},{"T":1675501286866,"s":"BTCUSDT","S":"Sell","v":"2","p":"16578","L":"MinusTick","i":"2200000000008875373","BT":true}]}"#;
const TICKER: &str = r#"{"topic":"tickers.BTCUSDT","type":"snapshot","data":{"symbol":"BTCUSDT","tickDirection":"PlusTick","price24hPcnt":"0.018203","lastPrice":"18326.00","prevPrice24h":"17237.50","highPrice24h":"18312.50","lowPrice24h":"17225.00","markPrice":"18328.43","indexPrice":"18338.46","openInterest":"61855.871","openInterestValue":"1214702346.21","turnover24h":"1570383121.94","volume24h":"92806.386","nextFundingTime":"1676476800000","fundingRate":"-0.000212","bid1Price":"18326.50","bid1Size":"85.519","ask1Price":"18326.00","ask1Size":"84.040","fundingIntervalHour":"8"},"cs":25218267069,"ts":1676469661686}"#;
const LIQUIDATION: &str = r#"{"topic":"allLiquidation.ETHUSDT","type":"snapshot","ts":1742699103204,"data":[{"T":1742699102929,"s":"ETHUSDT","S":"Buy","v":"20000","p":"0.04522"},{"T":1742699102930,"s":"ETHUSDT","S":"Sell","v":"1","p":"2"}]}"#;
const CANDLE: &str = r#"{"topic":"kline.60.BTCUSDT","data":[{"start":1675519200000,"end":1675522799999,"interval":"60","open":"17752.5","close":"17787","high":"17787","low":"17708","volume":"2.013","turnover":"35777.5005","confirm":true,"timestamp":1675522799988}],"ts":1675522799999,"type":"snapshot"}"#;
const OLD_BOOK: &str = r#"{"topic":"orderBookL2_25.BTCUSD","type":"delta","data":{"delete":[{"price":"37537.00","symbol":"BTCUSD","id":375380000,"side":"Sell"}],"update":[],"insert":[{"price":"37541.50","symbol":"BTCUSD","id":375416000,"side":"Buy","size":172242}],"transactTimeE6":0},"cross_seq":7508078635,"timestamp_e6":1625739609497981}"#;
const OLD_FIGURES: &str = r#"{"topic":"instrument_info.100ms.X","type":"snapshot","data":{"id":1,"symbol":"X","last_price_e4":"222620000","last_price":"22269.00","open_interest_e8":"2121617600000","turnover_24h_e8":"550","volume_24h_e8":"17728752622229","funding_rate_e6":"-43","next_funding_time":"2022-07-09T16:00:00Z","funding_rate_interval":"8"},"timestamp_e6":"9"}"#;

fn linear() -> Bybit {
    Bybit::new(Category::Linear)
}

fn show(message: &str) -> Vec<String> {
    shown(&mut linear(), message).unwrap()
}

#[test]
fn changes_of_a_book() {
    let expected = [
        r#"BookUpdate symbol: "BTCUSDT", ts_event: 1691137767464000000, is_snapshot: false, seq: Some(177400507), levels: []"#,
        "bid 30.028@30247.20",
        "bid 0@30245.40",
        "ask 0.5@30248.70",
    ];
    assert_eq!(show(BOOK), expected);
}

#[test]
fn a_book_is_a_picture_by_its_type_or_because_its_count_begins_again() {
    assert!(show(&BOOK.replace("delta", "snapshot"))[0].contains("is_snapshot: true"));
    let again = show(&BOOK.replace("177400507", "1"));
    assert!(again[0].contains("is_snapshot: true, seq: Some(1)"), "{again:?}");
}

#[test]
fn the_keys_of_a_message_come_in_any_order() {
    let message = r#"{"data":{"seq":9,"u":5,"a":[],"b":[["1","2"]],"s":"X"},"ts":7,"new":[{}],"type":"snapshot","topic":"orderbook.200.X"}"#;
    let head =
        r#"BookUpdate symbol: "X", ts_event: 7000000, is_snapshot: true, seq: Some(5), levels: []"#;
    assert_eq!(show(message), [head, "bid 2@1"]);
}

#[test]
fn a_book_of_one_level_is_a_quote() {
    let mut codec = linear();
    let message = |kind: &str, u: i32, bids: &str, asks: &str| {
        format!(
            r#"{{"topic":"orderbook.1.X","type":"{kind}","ts":3,"data":{{"s":"X","b":[{bids}],"a":[{asks}],"u":{u},"seq":9}}}}"#
        )
    };
    let early = message("delta", 6, r#"["5","1"]"#, "");
    assert!(shown(&mut codec, &early).unwrap().is_empty());
    let first = message("snapshot", 7, r#"["5","1"]"#, r#"["6","2"]"#);
    let row = r#"Quotes ts_event: 3000000, venue: "bybit-linear", symbol: "X", bid_price: Some(5.0), bid_size: Some(1.0), ask_price: Some(6.0), ask_size: Some(2.0), seq: Some(7), flags: 1"#;
    assert_eq!(shown(&mut codec, &first).unwrap(), [row]);
    let change = message("delta", 8, r#"["5","0"],["4","3"]"#, "");
    let row = r#"Quotes ts_event: 3000000, venue: "bybit-linear", symbol: "X", bid_price: Some(4.0), bid_size: Some(3.0), ask_price: Some(6.0), ask_size: Some(2.0), seq: Some(8), flags: 1"#;
    assert_eq!(shown(&mut codec, &change).unwrap(), [row]);
    let gone = message("delta", 9, "", r#"["6","0"]"#);
    let rows = shown(&mut codec, &gone).unwrap();
    assert!(rows[0].contains("bid_price: Some(4.0)") && !rows[0].contains("ask"), "{rows:?}");
    codec.reset();
    assert!(shown(&mut codec, &change).unwrap().is_empty());
}

#[test]
fn trades_have_ids_of_two_sorts() {
    let expected = [
        r#"Trades ts_event: 1675501286865000000, venue: "bybit-linear", symbol: "BTCUSDT", price: 17681.5, size: 0.001, side: Buy, trade_uid: Some("20f43950-d8dd-5b31-9224-a178eb6023af"), conditions: Some("RPI")"#,
        r#"Trades ts_event: 1675501286866000000, venue: "bybit-linear", symbol: "BTCUSDT", price: 16578.0, size: 2.0, side: Sell, trade_id: Some(2200000000008875373), conditions: Some("BT"), flags: 1"#,
    ];
    assert_eq!(show(TRADES), expected);
    let longer = TRADES.replace("2200000000008875373", "92100000000007764263");
    assert!(show(&longer)[1].contains(r#"trade_uid: Some("92100000000007764263")"#));
}

#[test]
fn a_ticker_is_also_a_quote() {
    let ticker = r#"Tickers ts_event: 1676469661686000000, venue: "bybit-linear", symbol: "BTCUSDT", last_price: Some(18326.0), mark_price: Some(18328.43), index_price: Some(18338.46), funding_rate: Some(-0.000212), ts_funding_next: Some(1676476800000000000), funding_interval_hours: Some(8.0), open_interest: Some(61855.871), open_interest_value: Some(1214702346.21), volume: Some(92806.386), turnover: Some(1570383121.94), volume_window: Some(Rolling24h), high_price: Some(18312.5), low_price: Some(17225.0), close_prev_price: Some(17237.5), flags: 1"#;
    let quote = r#"Quotes ts_event: 1676469661686000000, venue: "bybit-linear", symbol: "BTCUSDT", bid_price: Some(18326.5), bid_size: Some(85.519), ask_price: Some(18326.0), ask_size: Some(84.04), flags: 1"#;
    assert_eq!(show(TICKER), [ticker, quote]);
    let inverse = shown(&mut Bybit::new(Category::Inverse), TICKER).unwrap();
    assert!(!inverse[0].contains("turnover") && !inverse[0].contains("interest_value"));
    assert!(inverse[0].contains("volume: Some(92806.386)"));
}

#[test]
fn changes_of_a_ticker_have_only_what_changed_but_their_quotes_are_whole() {
    let mut codec = linear();
    let change = r#"{"topic":"tickers.BTCUSDT","type":"delta","data":{"symbol":"BTCUSDT","markPrice":"1.5","ask1Size":"9"},"cs":1,"ts":1676469661687}"#;
    let ticker = r#"Tickers ts_event: 1676469661687000000, venue: "bybit-linear", symbol: "BTCUSDT", mark_price: Some(1.5), flags: 1"#;
    assert_eq!(shown(&mut codec, change).unwrap(), [ticker]);
    shown(&mut codec, TICKER).unwrap();
    let quote = r#"Quotes ts_event: 1676469661687000000, venue: "bybit-linear", symbol: "BTCUSDT", bid_price: Some(18326.5), bid_size: Some(85.519), ask_price: Some(18326.0), ask_size: Some(9.0), flags: 1"#;
    assert_eq!(shown(&mut codec, change).unwrap(), [ticker, quote]);
    let quiet = change.replace(r#","ask1Size":"9""#, "");
    assert_eq!(shown(&mut codec, &quiet).unwrap(), [ticker]);
}

#[test]
fn a_ticker_of_an_option() {
    let message = r#"{"id":"x","topic":"tickers.BTC","ts":1676114311074,"data":{"symbol":"BTC-6JAN23-17500-C","bidPrice":"0","bidSize":"0","bidIv":"0","askPrice":"10","askSize":"5.1","askIv":"0.514","lastPrice":"10","markPrice":"7.86","indexPrice":"17134.83","markPriceIv":"0.4128","underlyingPrice":"17126.1","openInterest":"42.17","delta":"0.04","gamma":"0.0002","vega":"0.81","theta":"-19.9","predictedDeliveryPrice":"0","change24h":"-0.3"},"type":"snapshot"}"#;
    let rows = shown(&mut Bybit::new(Category::Option), message).unwrap();
    let ticker = r#"Tickers ts_event: 1676114311074000000, venue: "bybit-option", symbol: "BTC-6JAN23-17500-C", last_price: Some(10.0), mark_price: Some(7.86), index_price: Some(17134.83), open_interest: Some(42.17), mark_iv: Some(0.4128), bid_iv: Some(0.0), ask_iv: Some(0.514), delta: Some(0.04), gamma: Some(0.0002), vega: Some(0.81), theta: Some(-19.9), underlying_price: Some(17126.1), flags: 1"#;
    let quote = r#"Quotes ts_event: 1676114311074000000, venue: "bybit-option", symbol: "BTC-6JAN23-17500-C", ask_price: Some(10.0), ask_size: Some(5.1), flags: 1"#;
    // Its zeros are printed with a point, so they are not left out as the others are.
    assert_eq!(rows, [ticker, quote]);
}

#[test]
fn limits_of_prices() {
    let message = r#"{"topic":"priceLimit.X","data":{"symbol":"X","buyLmt":"125560.00","sellLmt":"104660.00"},"ts":5}"#;
    let row = r#"Tickers ts_event: 5000000, venue: "bybit-linear", symbol: "X", limit_up_price: Some(125560.0), limit_down_price: Some(104660.0), flags: 1"#;
    assert_eq!(show(message), [row]);
}

#[test]
fn liquidations_name_the_side_of_the_position() {
    let expected = [
        r#"Liquidations ts_event: 1742699102929000000, venue: "bybit-linear", symbol: "ETHUSDT", side: Sell, side_raw: "Buy", price_bankruptcy: Some(0.04522), size: 20000.0"#,
        r#"Liquidations ts_event: 1742699102930000000, venue: "bybit-linear", symbol: "ETHUSDT", side: Buy, side_raw: "Sell", price_bankruptcy: Some(2.0), size: 1.0, flags: 1"#,
    ];
    assert_eq!(show(LIQUIDATION), expected);
    let older = r#"{"topic":"liquidation.X","type":"snapshot","ts":9,"data":{"updatedTime":8,"symbol":"X","side":"Sell","size":"3","price":"4"}}"#;
    let row = r#"Liquidations ts_event: 8000000, venue: "bybit-linear", symbol: "X", side: Buy, side_raw: "Sell", price_bankruptcy: Some(4.0), size: 3.0, flags: 1"#;
    assert_eq!(show(older), [row]);
}

#[test]
fn a_candle() {
    let row = r#"Bars ts_event: 1675522799988000000, venue: "bybit-linear", symbol: "BTCUSDT", ts_open: 1675519200000000000, ts_close: 1675522800000000000, interval: "1h", kind: Time, price_source: Trade, source: Venue, open: 17752.5, high: 17787.0, low: 17708.0, close: 17787.0, volume: Some(2.013), turnover: Some(35777.5005), is_final: 1, flags: 1"#;
    assert_eq!(show(CANDLE), [row]);
    let inverse = shown(&mut Bybit::new(Category::Inverse), CANDLE).unwrap();
    assert!(!inverse[0].contains("turnover"), "{inverse:?}");
    let month = CANDLE.replace(r#""interval":"60""#, r#""interval":"M""#);
    assert!(show(&month)[0].contains(r#"interval: "1mo""#));
}

#[test]
fn messages_before_v5() {
    let head = r#"BookUpdate symbol: "BTCUSD", ts_event: 1625739609497981000, is_snapshot: false, levels: []"#;
    assert_eq!(show(OLD_BOOK), [head, "ask 0@37537.00", "bid 172242@37541.50"]);
    let picture = r#"{"topic":"orderBookL2_25.X","type":"snapshot","data":{"order_book":[{"price":"5","side":"Sell","size":6.569}]},"timestamp_e6":"7"}"#;
    let head = r#"BookUpdate symbol: "X", ts_event: 7000, is_snapshot: true, levels: []"#;
    assert_eq!(show(picture), [head, "ask 6.569@5"]);
    let trade = r#"{"topic":"trade.X","data":[{"trade_time_ms":5,"timestamp":"2021-03-21T05:31:50.000Z","symbol":"X","side":"Buy","size":237,"price":58084.5,"trade_id":"f6198d62","cross_seq":9}]}"#;
    let row = r#"Trades ts_event: 5000000, venue: "bybit-linear", symbol: "X", price: 58084.5, size: 237.0, side: Buy, trade_uid: Some("f6198d62"), flags: 1"#;
    assert_eq!(show(trade), [row]);
    let candle = r#"{"topic":"klineV2.60.X","data":[{"start":3600,"end":7200,"open":1,"close":2,"high":3,"low":0.5,"volume":7,"turnover":8,"confirm":false,"timestamp":3700000001}],"timestamp_e6":1}"#;
    let row = r#"Bars ts_event: 3700000001000, venue: "bybit-linear", symbol: "X", ts_open: 3600000000000, ts_close: 7200000000000, interval: "1h", kind: Time, price_source: Trade, source: Venue, open: 1.0, high: 3.0, low: 0.5, close: 2.0, volume: Some(7.0), turnover: Some(8.0), flags: 1"#;
    assert_eq!(show(candle), [row]);
}

#[test]
fn figures_before_v5() {
    let row = r#"Tickers ts_event: 9000, venue: "bybit-linear", symbol: "X", last_price: Some(22269.0), funding_rate: Some(-4.3e-5), ts_funding_next: Some(1657382400000000000), funding_interval_hours: Some(8.0), open_interest: Some(21216.176), volume: Some(177287.52622229), turnover: Some(5.5e-6), volume_window: Some(Rolling24h), flags: 1"#;
    assert_eq!(show(OLD_FIGURES), [row]);
    let change = r#"{"topic":"instrument_info.100ms.X","type":"delta","data":{"delete":[],"update":[{"symbol":"X","mark_price":"2.5"}],"insert":[]},"timestamp_e6":9}"#;
    let row = r#"Tickers ts_event: 9000, venue: "bybit-linear", symbol: "X", mark_price: Some(2.5), flags: 1"#;
    assert_eq!(show(change), [row]);
}

#[test]
fn answers_and_notices() {
    let one = |message: &str| show(message).remove(0);
    let fine =
        r#"{"success":true,"ret_msg":"subscribe","conn_id":"c","req_id":"4","op":"subscribe"}"#;
    assert_eq!(one(fine), "Subscribed(Answer request: Some(4), text: None })");
    assert_eq!(
        one(&fine.replace(r#""op":"subscribe""#, r#""op":"unsubscribe""#)),
        "Unsubscribed(Answer request: Some(4), text: None })"
    );
    let refused = r#"{"success":false,"ret_msg":"error:handler not found,topic:publicTrade.X","conn_id":"c","req_id":"","op":"subscribe"}"#;
    assert_eq!(
        one(refused),
        r#"Refused(Answer channel: Some("publicTrade"), symbol: Some("X"), text: Some("error:handler not found,topic:publicTrade.X") })"#
    );
    let other = r#"{"success":false,"ret_msg":"Invalid topic: orderbook.7.X","op":"subscribe"}"#;
    assert!(one(other).contains(r#"channel: Some("orderbook.7"), symbol: Some("X")"#));
    assert_eq!(one(r#"{"success":true,"ret_msg":"pong","conn_id":"c","op":"ping"}"#), "Heartbeat");
    assert_eq!(one(r#"{"op":"pong","args":["1791924002967"],"conn_id":"c"}"#), "Heartbeat");
    assert_eq!(one(r#"{"success":true,"ret_msg":"","op":"auth","conn_id":"c"}"#), "Nothing");
    assert_eq!(one(r#"{"topic":"insurance.USDT","data":[]}"#), "Nothing");
    assert_eq!(one(r#"{"topic":"orderbook.rpi.X","data":{}}"#), r#"Unknown("orderbook.rpi")"#);
    assert_eq!(one(r#"{"op":"new"}"#), r#"Unknown("new")"#);
    let error = r#"{"success":false,"ret_msg":"too many","op":"x"}"#;
    assert_eq!(one(error), r#"Error text: "too many""#);
    let status = r#"{"topic":"system.status","ts":1,"data":[{"id":"4","title":"t06","state":"ongoing","begin":"1"}]}"#;
    assert_eq!(one(status), r#"Status("ongoing: t06")"#);
}

#[test]
fn answers_for_options_tell_topics_apart() {
    let message = r#"{"success":true,"conn_id":"aa","data":{"failTopics":["publicTrade.X"],"successTopics":["orderbook.25.O","tickers.BTC"]},"type":"COMMAND_RESP"}"#;
    let expected = [
        r#"Refused(Answer channel: Some("publicTrade"), symbol: Some("X"), text: None })"#,
        r#"Subscribed(Answer channel: Some("orderbook.25"), symbol: Some("O"), text: None })"#,
        r#"Subscribed(Answer channel: Some("tickers"), symbol: Some("BTC"), text: None })"#,
    ];
    assert_eq!(shown(&mut Bybit::new(Category::Option), message).unwrap(), expected);
    let reordered = r#"{"data":{"failTopics":[],"successTopics":["tickers.BTC"]},"success":true}"#;
    assert_eq!(show(reordered), [expected[2]]);
}

#[test]
fn requests() {
    let topic =
        |symbol: &str| Topic { channel: "orderbook.50".into(), symbol: Some(symbol.into()) };
    let text = r#"{"req_id":"4","op":"subscribe","args":["orderbook.50.A","system.status"]}"#;
    let topics = [topic("A"), Topic { channel: "system.status".into(), symbol: None }];
    assert_eq!(linear().subscribe(&topics, 4), [text]);
    assert!(linear().subscribe(&[], 4).is_empty());
    assert_eq!(linear().unsubscribe(&topics, 4), [text.replace("subscribe", "unsubscribe")]);
    assert_eq!(linear().ping(3).as_deref(), Some(r#"{"req_id":"3","op":"ping"}"#));
}

#[test]
fn calls() {
    let path = |category, feed: &Feed| Bybit::new(category).request(feed).unwrap().path;
    let book = Feed::Book("X".into());
    assert_eq!(path(Category::Spot, &book), "/v5/market/full_orderbook?category=spot&symbol=X");
    let inverse = "/v5/market/orderbook?category=inverse&symbol=X&limit=500";
    assert_eq!(path(Category::Inverse, &book), inverse);
    assert!(Bybit::new(Category::Option).requests(&Feed::Instruments).len() > 1);
    assert_eq!(linear().requests(&Feed::Instruments).len(), 1);
    assert_eq!(linear().request(&Feed::Tickers(None)), None);
}

const SWAP: &str = r#"{"retCode":0,"retMsg":"OK","result":{"category":"linear","list":[{"symbol":"BTCUSDT","contractType":"LinearPerpetual","status":"Trading","baseCoin":"BTC","quoteCoin":"USDT","launchTime":"1703186800000","deliveryTime":"0","deliveryFeeRate":"","priceScale":"2","leverageFilter":{"minLeverage":"1","maxLeverage":"100.00","leverageStep":"0.01"},"priceFilter":{"minPrice":"0.10","maxPrice":"1999999.80","tickSize":"0.10"},"lotSizeFilter":{"maxOrderQty":"1190","minOrderQty":"0.001","qtyStep":"0.001","postOnlyMaxOrderQty":"1190","maxMktOrderQty":"500","minNotionalValue":"5"},"unifiedMarginTrade":true,"fundingInterval":480,"settleCoin":"USDT","symbolId":5}],"nextPageCursor":"a%3Db"},"retExtInfo":{},"time":1700000000000}"#;

#[test]
fn rules_of_a_swap_and_the_next_page() {
    let rows = answered(&mut linear(), &Feed::Instruments, SWAP).unwrap();
    let row = r#"Instruments ts_event: 1700000000000000000, venue: "bybit-linear", symbol: "BTCUSDT", kind: Perpetual, contract: Some(Linear), venue_index: Some(5), base: Some("BTC"), quote: Some("USDT"), settle: Some("USDT"), multiplier: 1000000000000000000, multiplier_asset: "BTC", tick_size: Some(100000000000000000), price_scale: Some(2), lot_size: Some(1000000000000000), size_min: Some(1000000000000000), size_max: Some(1190000000000000000000), market_size_max: Some(500000000000000000000), notional_min: Some(5000000000000000000), price_min: Some(100000000000000000), price_max: Some(1999999800000000000000000), ts_listed: Some(1703186800000000000), status: Trading, status_raw: Some("Trading"), leverage_max: Some(100000000000000000000), funding_interval_hours: Some(8.0), flags: 1"#;
    assert_eq!(rows[0], row);
    let path = "/v5/market/instruments-info?category=linear&limit=1000&cursor=a%3Db";
    assert!(rows[1].starts_with("More(Request") && rows[1].contains(path), "{rows:?}");
    let last = SWAP.replace("a%3Db", "");
    assert_eq!(answered(&mut linear(), &Feed::Instruments, &last).unwrap().len(), 1);
}

#[test]
fn rules_of_an_option_a_pair_and_an_inverse_future() {
    let rules = |category, list: &str| {
        let body =
            format!(r#"{{"retCode":0,"retMsg":"OK","result":{{"list":[{list}]}},"time":5}}"#);
        answered(&mut Bybit::new(category), &Feed::Instruments, &body).unwrap().remove(0)
    };
    let option = rules(
        Category::Option,
        r#"{"symbol":"ETH-26JUN26-16000.5-P","status":"Delivering","baseCoin":"ETH","quoteCoin":"USDC","settleCoin":"USDC","optionsType":"Put","launchTime":"5","deliveryTime":"6","priceFilter":{"minPrice":"0.1","maxPrice":"5000","tickSize":"0.1"},"lotSizeFilter":{"maxOrderQty":"100","minOrderQty":"1","qtyStep":"1"}}"#,
    );
    let row = r#"Instruments ts_event: 5000000, venue: "bybit-option", symbol: "ETH-26JUN26-16000.5-P", kind: Option, contract: Some(Linear), base: Some("ETH"), quote: Some("USDC"), settle: Some("USDC"), multiplier: 1000000000000000000, multiplier_asset: "ETH", tick_size: Some(100000000000000000), lot_size: Some(1000000000000000000), size_min: Some(1000000000000000000), size_max: Some(100000000000000000000), price_min: Some(100000000000000000), price_max: Some(5000000000000000000000), strike: Some(16000500000000000000000), option_kind: Some(Put), ts_listed: Some(5000000), ts_expiry: Some(6000000), status: Settling, status_raw: Some("Delivering"), flags: 1"#;
    assert_eq!(option, row);
    let pair = rules(
        Category::Spot,
        r#"{"symbol":"BTCUSDT","baseCoin":"BTC","quoteCoin":"USDT","status":"Trading","marginTrading":"none","lotSizeFilter":{"basePrecision":"0.0001","quotePrecision":"0.01","maxLimitOrderQty":"70","minOrderQty":"0.001","maxOrderQty":"100","minOrderAmt":"10","maxOrderAmt":"1000"},"priceFilter":{"tickSize":"0.1"}}"#,
    );
    let row = r#"Instruments ts_event: 5000000, venue: "bybit-spot", symbol: "BTCUSDT", kind: Spot, base: Some("BTC"), quote: Some("USDT"), multiplier: 1000000000000000000, multiplier_asset: "BTC", tick_size: Some(100000000000000000), lot_size: Some(100000000000000), size_min: Some(1000000000000000), size_max: Some(70000000000000000000), notional_min: Some(10000000000000000000), notional_max: Some(1000000000000000000000), status: Trading, status_raw: Some("Trading"), marginable: Some(0), flags: 1"#;
    assert_eq!(pair, row);
    let future = rules(
        Category::Inverse,
        r#"{"symbol":"BTCUSDH26","contractType":"InverseFutures","status":"PreLaunch","baseCoin":"BTC","quoteCoin":"USD","settleCoin":"BTC","deliveryTime":"6","fundingInterval":480}"#,
    );
    let row = r#"Instruments ts_event: 5000000, venue: "bybit-inverse", symbol: "BTCUSDH26", kind: Future, contract: Some(Inverse), base: Some("BTC"), quote: Some("USD"), settle: Some("BTC"), multiplier: 1000000000000000000, multiplier_asset: "USD", ts_expiry: Some(6000000), status: PreOpen, status_raw: Some("PreLaunch"), flags: 1"#;
    assert_eq!(future, row);
}

#[test]
fn other_answers() {
    let body = r#"{"retCode":0,"retMsg":"OK","result":{"s":"X","b":[["1","2"]],"a":[],"ts":9,"u":12,"seq":98,"cts":8},"time":10}"#;
    let rows = answered(&mut linear(), &Feed::Book("X".into()), body).unwrap();
    let head = r#"BookUpdate symbol: "X", ts_event: 8000000, is_snapshot: true, seq: Some(12), levels: []"#;
    assert_eq!(rows, [head, "bid 2@1"]);
    let body = r#"{"retCode":10006,"retMsg":"Too many visits!","result":{},"time":10}"#;
    let rows = answered(&mut linear(), &Feed::Instruments, body).unwrap();
    assert_eq!(rows, [r#"Error code: Some(10006), text: "Too many visits!""#]);
}

#[test]
fn what_cannot_be_read_names_the_place() {
    let error = |message: &str| shown(&mut linear(), message).unwrap_err().to_string();
    assert!(error("{}").ends_with("expected `topic` or `op`"));
    assert!(error(r#"{"topic":"tickers.X"}"#).ends_with("expected `data`"));
    assert!(error(&BOOK.replace("delta", "d")).ends_with("`type` of snapshot or delta"));
    assert!(error(&BOOK.replace(r#""u":177400507,"#, "")).ends_with("a book with `s` and `u`"));
    assert!(error(&BOOK.replace("\"30.028\"", "\"3O.028\"")).contains("expected a number"));
    assert!(error(&TRADES.replace("\"Buy\"", "\"buy\"")).contains("expected Buy or Sell"));
    assert!(error(&TICKER[..200]).contains("expected"));
}
