use super::Deribit;
use super::channel::counts_quote;
use crate::codec::{Codec, Feed, Topic};
use crate::testing::{RECEIVED, answered, shown};

const PICTURE: &str = r#"{"jsonrpc":"2.0","method":"subscription","params":{"channel":"book.BTC-PERPETUAL.100ms","data":{"type":"snapshot","timestamp":1700000000001,"instrument_name":"BTC-PERPETUAL","change_id":5,"prev_change_id":null,"bids":[["new",42500.0,1000.0]],"asks":[["new",42501.5,20.0]]}}}"#;
const CHANGES: &str = r#"{"jsonrpc":"2.0","method":"subscription","params":{"channel":"book.BTC-PERPETUAL.100ms","data":{"type":"change","timestamp":1700000000002,"prev_change_id":5,"instrument_name":"BTC-PERPETUAL","change_id":9,"bids":[["delete",42500.0,0.0],["change",42499.5,30.0]],"asks":[]}}}"#;
const TRADES: &str = r#"{"jsonrpc":"2.0","method":"subscription","params":{"channel":"trades.ETH-PERPETUAL.raw","data":[{"trade_seq":1,"trade_id":"ETH-7","timestamp":1700000000001,"tick_direction":0,"price":2000.05,"mark_price":2000.01,"instrument_name":"ETH-PERPETUAL","index_price":2000.02,"direction":"buy","amount":60.0,"contracts":60.0,"liquidation":"M","block_trade_id":"ETH-1","combo_id":null},{"trade_seq":2,"trade_id":"ETH-8","timestamp":1700000000001,"price":2000.1,"instrument_name":"ETH-PERPETUAL","direction":"sell","amount":1}]}}"#;
const TICKER: &str = r#"{"jsonrpc":"2.0","method":"subscription","params":{"channel":"ticker.BTC-PERPETUAL.100ms","data":{"timestamp":1700000000001,"state":"open","stats":{"high":93612.0,"low":89277.5,"price_change":2.3275,"volume":11897.27,"volume_usd":1092371540.0},"index_price":92263.55,"instrument_name":"BTC-PERPETUAL","last_price":92283.5,"settlement_price":92464.66,"min_price":90897.5,"max_price":93666.5,"open_interest":1132329370,"mark_price":92281.78,"interest_value":0.0028,"best_ask_price":92284.0,"best_bid_price":92283.5,"estimated_delivery_price":92263.55,"best_ask_amount":186520.0,"best_bid_amount":117660.0,"current_funding":0.0001,"funding_8h":1.742e-05}}}"#;
const OPTION: &str = r#"{"jsonrpc":"2.0","method":"subscription","params":{"channel":"ticker.BTC-30SEP22-60000-C.100ms","data":{"underlying_price":30220.5,"underlying_index":"BTC-30SEP22","timestamp":1700000000001,"stats":{"volume":16.7,"volume_usd":4700.5,"price_change":null,"low":null,"high":0.011},"state":"closed","delivery_price":0.2,"open_interest":1767.5,"mark_price":0.0084,"mark_iv":67.7,"interest_rate":0.01,"instrument_name":"BTC-30SEP22-60000-C","index_price":29939.43,"greeks":{"vega":20.05,"theta":-5.65,"rho":4.9,"gamma":0.00001,"delta":0.05785},"bid_iv":0.0,"best_bid_price":0.0,"best_bid_amount":0.0,"best_ask_price":0.009,"best_ask_amount":18.5,"ask_iv":68.65}}}"#;

fn rows(message: &str) -> Vec<String> {
    shown(&mut Deribit::default(), message).unwrap()
}

/// A message of a channel.
fn pushed(channel: &str, data: &str) -> String {
    format!(
        r#"{{"jsonrpc":"2.0","method":"subscription","params":{{"channel":"{channel}","data":{data}}}}}"#
    )
}

#[test]
fn a_picture_of_a_book() {
    let expected = [
        r#"BookUpdate symbol: "BTC-PERPETUAL", ts_event: 1700000000001000000, is_snapshot: true, seq: Some(5), levels: []"#,
        "bid 1000.0@42500.0",
        "ask 20.0@42501.5",
    ];
    assert_eq!(rows(PICTURE), expected);
    // Older streams have no type.
    assert_eq!(rows(&PICTURE.replace(r#""type":"snapshot","#, "")), expected);
    let bare =
        PICTURE.replace(r#""type":"snapshot","#, "").replace(r#","prev_change_id":null"#, "");
    assert_eq!(rows(&bare), expected);
}

#[test]
fn changes_of_a_book() {
    let expected = [
        r#"BookUpdate symbol: "BTC-PERPETUAL", ts_event: 1700000000002000000, is_snapshot: false, seq: Some(9), seq_prev: Some(5), levels: []"#,
        "bid 0@42500.0",
        "bid 30.0@42499.5",
    ];
    assert_eq!(rows(CHANGES), expected);
    assert_eq!(rows(&CHANGES.replace(r#""type":"change","#, "")), expected);
    // What is deleted is gone, whatever amount is told.
    assert_eq!(rows(&CHANGES.replace("42500.0,0.0", "42500.0,7.0")), expected);
}

#[test]
fn keys_in_any_order() {
    let data = CHANGES.find(r#"{"type""#).unwrap();
    let data = CHANGES[data..].strip_suffix("}}").unwrap();
    let turned = format!(
        r#"{{"params":{{"new":[],"data":{data},"channel":"book.BTC-PERPETUAL.100ms"}},"method":"subscription"}}"#
    );
    assert_eq!(rows(&turned), rows(CHANGES));
}

#[test]
fn the_best_levels() {
    let message = pushed(
        "book.BTC-PERPETUAL.none.10.100ms",
        r#"{"instrument_name":"BTC-PERPETUAL","timestamp":1700000000001,"change_id":6,"bids":[[89532.5,254900.0],[89532.0,10]],"asks":[]}"#,
    );
    let row = r#"BookSnapshots ts_event: 1700000000001000000, venue: "deribit", symbol: "BTC-PERPETUAL", bid_price: [89532.5, 89532.0], bid_size: [254900.0, 10.0], ask_price: [], ask_size: [], seq: Some(6), flags: 3"#;
    assert_eq!(rows(&message), [row]);
}

#[test]
fn trades_and_the_liquidation_among_them() {
    let expected = [
        r#"Trades ts_event: 1700000000001000000, venue: "deribit", symbol: "ETH-PERPETUAL", price: 2000.05, size: 60.0, side: Buy, trade_uid: Some("ETH-7"), conditions: Some("liquidation:M,block")"#,
        r#"Trades ts_event: 1700000000001000000, venue: "deribit", symbol: "ETH-PERPETUAL", price: 2000.1, size: 1.0, side: Sell, trade_uid: Some("ETH-8"), flags: 1"#,
        r#"Liquidations ts_event: 1700000000001000000, venue: "deribit", symbol: "ETH-PERPETUAL", side: Sell, side_raw: "M", price: Some(2000.05), size: 60.0, size_filled: Some(60.0), liquidation_uid: Some("ETH-7"), party: Some(Maker), flags: 1"#,
    ];
    assert_eq!(rows(TRADES), expected);
}

#[test]
fn the_side_of_a_liquidation_is_that_of_its_order() {
    let side = |party: &str, direction: &str| {
        let message = TRADES
            .replace(r#""M""#, &format!("\"{party}\""))
            .replace(r#""buy""#, &format!("\"{direction}\""));
        let row = rows(&message).pop().unwrap();
        row.split(", ")
            .filter(|field| field.starts_with("side: ") || field.starts_with("party"))
            .collect::<Vec<_>>()
            .join(" ")
    };
    assert_eq!(side("T", "buy"), "side: Buy party: Some(Taker)");
    assert_eq!(side("T", "sell"), "side: Sell party: Some(Taker)");
    assert_eq!(side("M", "sell"), "side: Buy party: Some(Maker)");
    assert_eq!(side("MT", "sell"), "side: Sell party: Some(Both)");
}

#[test]
fn only_the_last_liquidation_is_marked_last() {
    let both = TRADES.replace(r#""amount":1}"#, r#""amount":1,"liquidation":"T"}"#);
    let found = rows(&both);
    assert!(found[2].ends_with("party: Some(Maker)"), "{found:?}");
    assert!(found[3].ends_with("party: Some(Taker), flags: 1"), "{found:?}");
    let none = TRADES.replace(r#""M""#, "null");
    let found = rows(&none);
    assert_eq!(found.len(), 2);
    assert!(found[0].ends_with(r#"conditions: Some("block")"#), "{found:?}");
}

#[test]
fn a_quote() {
    let message = pushed(
        "quote.BTC-PERPETUAL",
        r#"{"timestamp":1700000000001,"instrument_name":"BTC-PERPETUAL","best_bid_price":32143.0,"best_bid_amount":179960.0,"best_ask_price":0.0,"best_ask_amount":0.0}"#,
    );
    let row = r#"Quotes ts_event: 1700000000001000000, venue: "deribit", symbol: "BTC-PERPETUAL", bid_price: Some(32143.0), bid_size: Some(179960.0), flags: 1"#;
    assert_eq!(rows(&message), [row]);
    assert_eq!(rows(&message.replace("_price\":0.0", "_price\":null")), [row]);
}

#[test]
fn a_ticker_of_an_inverse_future_counts_the_quote_currency() {
    let expected = [
        r#"Tickers ts_event: 1700000000001000000, venue: "deribit", symbol: "BTC-PERPETUAL", last_price: Some(92283.5), mark_price: Some(92281.78), index_price: Some(92263.55), settle_price: Some(92263.55), funding_rate: Some(0.0001), funding_rate_8h: Some(1.742e-5), open_interest: Some(1132329370.0), volume: Some(1092371540.0), turnover: Some(1092371540.0), volume_window: Some(Rolling24h), high_price: Some(93612.0), low_price: Some(89277.5), settle_prev_price: Some(92464.66), limit_up_price: Some(93666.5), limit_down_price: Some(90897.5), status: Some(Trading), status_raw: Some("open"), flags: 1"#,
        r#"Quotes ts_event: 1700000000001000000, venue: "deribit", symbol: "BTC-PERPETUAL", bid_price: Some(92283.5), bid_size: Some(117660.0), ask_price: Some(92284.0), ask_size: Some(186520.0), flags: 1"#,
    ];
    assert_eq!(rows(TICKER), expected);
    let linear = rows(&TICKER.replace("BTC-PERPETUAL", "BTC_USDC-PERPETUAL"));
    assert!(linear[0].contains("volume: Some(11897.27), turnover: Some(1092371540.0)"));
}

#[test]
fn a_ticker_of_an_option() {
    let expected = [
        r#"Tickers ts_event: 1700000000001000000, venue: "deribit", symbol: "BTC-30SEP22-60000-C", mark_price: Some(0.0084), index_price: Some(29939.43), settle_final_price: Some(0.2), open_interest: Some(1767.5), volume: Some(16.7), volume_window: Some(Rolling24h), high_price: Some(0.011), mark_iv: Some(0.677), ask_iv: Some(0.6865), delta: Some(0.05785), gamma: Some(1e-5), vega: Some(20.05), theta: Some(-5.65), rho: Some(4.9), underlying_price: Some(30220.5), underlying: Some("BTC-30SEP22"), interest_rate: Some(0.01), status: Some(Settling), status_raw: Some("closed"), flags: 1"#,
        r#"Quotes ts_event: 1700000000001000000, venue: "deribit", symbol: "BTC-30SEP22-60000-C", ask_price: Some(0.009), ask_size: Some(18.5), flags: 1"#,
    ];
    assert_eq!(rows(OPTION), expected);
}

#[test]
fn an_incremental_ticker_says_what_changed() {
    let message = pushed(
        "incremental_ticker.BTC-PERPETUAL",
        r#"{"type":"change","timestamp":1700000000001,"instrument_name":"BTC-PERPETUAL","mark_price":5.5,"best_bid_price":5}"#,
    );
    let row = r#"Tickers ts_event: 1700000000001000000, venue: "deribit", symbol: "BTC-PERPETUAL", mark_price: Some(5.5), flags: 1"#;
    assert_eq!(rows(&message), [row]);
    assert!(rows(&message.replace("change", "snapshot"))[0].ends_with("flags: 3"));
}

#[test]
fn indices_and_other_figures() {
    let ticker = |rest: &str| format!("Tickers ts_event: {rest}");
    let index = r#"{"timestamp":1700000000001,"price":3937.89,"index_name":"btc_usd"}"#;
    let row = r#"1700000000001000000, venue: "deribit", symbol: "btc_usd", index_price: Some(3937.89), flags: 1"#;
    assert_eq!(rows(&pushed("deribit_price_index.btc_usd", index)), [ticker(row)]);
    let dvol = r#"{"volatility":129.36,"timestamp":1700000000001,"index_name":"btc_usd"}"#;
    let row = r#"1700000000001000000, venue: "deribit", symbol: "deribit_volatility_index.btc_usd", index_price: Some(129.36), flags: 1"#;
    assert_eq!(rows(&pushed("deribit_volatility_index.btc_usd", dvol)), [ticker(row)]);
    let perpetual = r#"{"interest":0.004999,"timestamp":1700000000001,"index_price":7872.88}"#;
    let row = r#"1700000000001000000, venue: "deribit", symbol: "BTC-PERPETUAL", index_price: Some(7872.88), funding_rate: Some(0.004999), flags: 1"#;
    assert_eq!(rows(&pushed("perpetual.BTC-PERPETUAL.100ms", perpetual)), [ticker(row)]);
    let expiration = r#"{"seconds":180929,"price":3939.73,"is_estimated":false}"#;
    let row = format!(
        r#"{RECEIVED}, venue: "deribit", symbol: "btc_usd", settle_price: Some(3939.73), flags: 33"#
    );
    assert_eq!(rows(&pushed("estimated_expiration_price.btc_usd", expiration)), [ticker(&row)]);
    let marks = r#"[{"timestamp":1700000000001,"mark_price":0.0333,"iv":0.9,"instrument_name":"A"},{"mark_price":0.1,"iv":0.7,"instrument_name":"B"}]"#;
    let expected = [
        ticker(
            r#"1700000000001000000, venue: "deribit", symbol: "A", mark_price: Some(0.0333), mark_iv: Some(0.9)"#,
        ),
        ticker(&format!(
            r#"{RECEIVED}, venue: "deribit", symbol: "B", mark_price: Some(0.1), mark_iv: Some(0.7), flags: 33"#
        )),
    ];
    assert_eq!(rows(&pushed("markprice.options.btc_usd", marks)), expected);
    let state = r#"{"timestamp":1700000000001,"state":"created","instrument_name":"BTC-22MAR19"}"#;
    let row = r#"1700000000001000000, venue: "deribit", symbol: "BTC-22MAR19", status: Some(PreOpen), status_raw: Some("created"), flags: 1"#;
    assert_eq!(rows(&pushed("instrument.state.any.any", state)), [ticker(row)]);
}

#[test]
fn candles() {
    let data = r#"{"volume":0.95978896,"tick":1767200040000,"open":87490.0,"low":87465.0,"high":87500.0,"cost":83970.0,"close":87474.0}"#;
    let row = format!(
        r#"Bars ts_event: {RECEIVED}, venue: "deribit", symbol: "BTC-PERPETUAL", ts_open: 1767200040000000000, ts_close: 1767200220000000000, interval: "3m", kind: Time, price_source: Trade, source: Venue, open: 87490.0, high: 87500.0, low: 87465.0, close: 87474.0, volume: Some(83970.0), turnover: Some(83970.0), flags: 33"#
    );
    assert_eq!(rows(&pushed("chart.trades.BTC-PERPETUAL.3", data)), [row]);
    let linear = rows(&pushed("chart.trades.SOL_USDC-PERPETUAL.1D", data));
    assert!(linear[0].contains("volume: Some(0.95978896), turnover: Some(83970.0)"), "{linear:?}");
    let odd = pushed("chart.trades.BTC-PERPETUAL.7", data);
    assert!(shown(&mut Deribit::default(), &odd).is_err());
}

#[test]
fn names_say_what_sizes_count() {
    for name in ["BTC-PERPETUAL", "ETH-26MAR21", "BTC-FS-25DEC26_PERP"] {
        assert!(counts_quote(name), "{name}");
    }
    for name in ["BTC-24SEP21-8000-P", "SOL_USDC-PERPETUAL", "BTC_USDC", "BTC-CS-1MAY26-7_8"] {
        assert!(!counts_quote(name), "{name}");
    }
}

#[test]
fn heartbeats() {
    let beat = |kind: &str| {
        rows(&format!(r#"{{"jsonrpc":"2.0","method":"heartbeat","params":{{"type":"{kind}"}}}}"#))
    };
    assert_eq!(beat("heartbeat"), ["Heartbeat"]);
    let test = r#"{"jsonrpc":"2.0","id":1000000000001,"method":"public/test","params":{}}"#;
    assert_eq!(beat("test_request"), [format!("Reply({test:?})")]);
    let answer = r#"{"jsonrpc":"2.0","id":1000000000001,"result":{"version":"1.2.26"},"usIn":1,"usOut":2,"usDiff":1,"testnet":false}"#;
    assert_eq!(rows(answer), ["Nothing"]);
    let greeting = Deribit::default().greeting();
    assert_eq!(greeting.len(), 1);
    assert!(greeting[0].contains(r#""method":"public/set_heartbeat","params":{"interval":30}"#));
}

#[test]
fn answers_and_notices() {
    let answer = r#"{"usIn":1,"jsonrpc":"2.0","id":4,"result":["book.BTC-PERPETUAL.100ms","quote.A","trades.option.BTC.100ms","chart.trades.A.1","book.A.none.10.agg2"]}"#;
    let subscribed = |channel: &str, symbol: &str| {
        let symbol = if symbol.is_empty() {
            String::new()
        } else {
            format!(r#"symbol: Some("{symbol}"), "#)
        };
        format!(
            r#"Subscribed(Answer request: Some(4), channel: Some("{channel}"), {symbol}text: None }})"#
        )
    };
    let expected = [
        subscribed("book.100ms", "BTC-PERPETUAL"),
        subscribed("quote", "A"),
        subscribed("trades.option.BTC.100ms", ""),
        subscribed("chart.trades.1", "A"),
        subscribed("book.none.10.agg2", "A"),
    ];
    let found = rows(answer);
    assert_eq!(found, expected);
    let ended = rows(&answer.replace(":4,", ":-4,"));
    assert_eq!(ended[1], expected[1].replace("Subscribed", "Unsubscribed"));
    let refused = r#"{"jsonrpc":"2.0","id":-5,"error":{"message":"Invalid params","code":-32602,"data":{"reason":"wrong format","param":"channels"}},"testnet":false}"#;
    let expected = [
        r#"Refused(Answer request: Some(5), code: Some(-32602), text: Some("Invalid params: wrong format") })"#,
    ];
    assert_eq!(rows(refused), expected);
    let locked = r#"{"price_index":"sol_usdc","locked":true}"#;
    assert_eq!(
        rows(&pushed("platform_state", locked)),
        [r#"Status("price_index=sol_usdc locked=true")"#]
    );
    assert_eq!(rows(&pushed("user.portfolio.btc", "{}")), ["Nothing"]);
    assert_eq!(rows(&pushed("new.channel", "[1]")), [r#"Unknown("new.channel")"#]);
    assert_eq!(rows(r#"{"method":"new","params":[]}"#), [r#"Unknown("new")"#]);
}

#[test]
fn what_cannot_be_read_names_the_place() {
    let error = |message: &str| shown(&mut Deribit::default(), message).unwrap_err().to_string();
    assert!(error("{}").ends_with("expected a message with `method`, `result` or `error`"));
    assert!(error(r#"{"method":"subscription"}"#).ends_with("expected a message with `params`"));
    assert!(error(&CHANGES.replace("delete", "drop")).contains("expected new, change or delete"));
    assert!(error(&CHANGES.replace(":5,", ":null,")).ends_with("with `prev_change_id`"));
    assert!(error(&CHANGES.replace("\"change\",\"time", "\"odd\",\"time")).contains("snapshot or"));
    assert!(error(&TRADES.replace(r#""M""#, r#""X""#)).ends_with("`liquidation` of M, T or MT"));
    assert!(error(&TRADES.replace("sell", "up")).contains("expected a direction of buy or sell"));
}

#[test]
fn requests() {
    let topic = |channel: &str, symbol: Option<&str>| Topic {
        channel: channel.into(),
        symbol: symbol.map(Into::into),
    };
    let topics = [
        topic("book.100ms", Some("BTC-PERPETUAL")),
        topic("book.none.20.100ms", Some("BTC-PERPETUAL")),
        topic("quote", Some("ETH-PERPETUAL")),
        topic("chart.trades.1", Some("ETH-PERPETUAL")),
        topic("markprice.options", Some("btc_usd")),
        topic("platform_state", None),
    ];
    let codec = Deribit::default();
    let text = r#"{"jsonrpc":"2.0","id":7,"method":"public/subscribe","params":{"channels":["book.BTC-PERPETUAL.100ms","book.BTC-PERPETUAL.none.20.100ms","quote.ETH-PERPETUAL","chart.trades.ETH-PERPETUAL.1","markprice.options.btc_usd","platform_state"]}}"#;
    assert_eq!(codec.subscribe(&topics, 7), [text]);
    let ended = text.replace("subscribe", "unsubscribe").replace(":7,", ":-7,");
    assert_eq!(codec.unsubscribe(&topics, 7), [ended]);
    assert!(codec.subscribe(&[], 7).is_empty());
    // What was asked for is what an answer names.
    let names: Vec<_> = topics.iter().map(super::channel::name).collect();
    let back: Vec<_> = names.iter().map(|name| super::channel::topic(name)).collect();
    assert_eq!(back, topics);
    let path = codec.request(&Feed::Instruments).unwrap().path;
    assert_eq!(path, "/api/v2/public/get_instruments?currency=any&expired=false");
}

#[test]
fn a_refused_call() {
    let error = r#"{"jsonrpc":"2.0","error":{"message":"too_many_requests","code":10028}}"#;
    let expected = [r#"Error code: Some(10028), text: "too_many_requests""#];
    assert_eq!(answered(&mut Deribit::default(), &Feed::Time, error).unwrap(), expected);
}

const PERPETUAL: &str = r#"{"price_index":"btc_usd","kind":"future","instrument_name":"BTC-PERPETUAL","max_leverage":50,"maker_commission":0.0,"taker_commission":0.0005,"instrument_type":"reversed","expiration_timestamp":32503708800000,"creation_timestamp":1534167754000,"is_active":true,"tick_size":0.5,"contract_size":10.0,"instrument_id":124972,"min_trade_amount":10.0,"future_type":"reversed","settlement_currency":"BTC","settlement_period":"perpetual","base_currency":"BTC","counter_currency":"USD","quote_currency":"USD","tick_size_steps":[]}"#;
const CALL: &str = r#"{"tick_size":0.0005,"tick_size_steps":[{"above_price":0.005,"tick_size":0.0005}],"taker_commission":0.0003,"strike":40000.0,"settlement_period":"month","quote_currency":"BTC","option_type":"call","min_trade_amount":0.1,"maker_commission":0.0003,"kind":"option","is_active":false,"instrument_name":"BTC-24SEP21-40000-C","expiration_timestamp":1632470400000,"creation_timestamp":1606129458000,"contract_size":1.0,"base_currency":"BTC"}"#;

#[test]
fn rules_of_instruments() {
    let mut codec = Deribit::default();
    let body = format!(r#"{{"result":[{PERPETUAL},{CALL}],"usIn":1,"usOut":1700000000000001}}"#);
    let expected = [
        r#"Instruments ts_event: 1700000000000001000, venue: "deribit", symbol: "BTC-PERPETUAL", kind: Perpetual, contract: Some(Inverse), venue_index: Some(124972), base: Some("BTC"), quote: Some("USD"), settle: Some("BTC"), underlying: Some("btc_usd"), multiplier: 1000000000000000000, multiplier_asset: "USD", tick_size: Some(500000000000000000), lot_size: Some(10000000000000000000), size_min: Some(10000000000000000000), ts_listed: Some(1534167754000000000), status: Trading, leverage_max: Some(50000000000000000000), fee_maker: Some(0), fee_taker: Some(500000000000000), flags: 1"#,
        r#"Instruments ts_event: 1700000000000001000, venue: "deribit", symbol: "BTC-24SEP21-40000-C", kind: Option, contract: Some(Inverse), base: Some("BTC"), quote: Some("BTC"), settle: Some("BTC"), multiplier: 1000000000000000000, multiplier_asset: "BTC", tick_size: Some(500000000000000), tick_step_from: Some([0.005]), tick_step_size: Some([0.0005]), lot_size: Some(100000000000000000), size_min: Some(100000000000000000), strike: Some(40000000000000000000000), option_kind: Some(Call), option_style: Some(European), ts_listed: Some(1606129458000000000), ts_expiry: Some(1632470400000000000), status: Closed, fee_maker: Some(300000000000000), fee_taker: Some(300000000000000), flags: 1"#,
    ];
    assert_eq!(answered(&mut codec, &Feed::Instruments, &body).unwrap(), expected);
    let one = |product: &str| {
        let body = format!(r#"{{"result":{product}}}"#);
        answered(&mut Deribit::default(), &Feed::Instruments, &body).unwrap().remove(0)
    };
    let linear = one(&PERPETUAL.replace("reversed", "linear"));
    assert!(linear.contains("contract: Some(Linear)"), "{linear}");
    assert!(linear.contains(r#"multiplier_asset: "BTC""#) && linear.ends_with("flags: 33"));
    let spot = one(&PERPETUAL.replace("\"future\"", "\"spot\""));
    assert!(spot.contains("kind: Spot, venue_index") && !spot.contains("settle:"), "{spot}");
    let combo = one(&PERPETUAL.replace("\"future\"", "\"future_combo\""));
    assert!(combo.contains("kind: Combo") && combo.contains(r#"multiplier_asset: "USD""#));
}
