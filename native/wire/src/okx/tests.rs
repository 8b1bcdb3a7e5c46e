use super::Okx;
use crate::codec::{Codec, Feed, Topic};
use crate::testing::{answered, shown};

const TRADE: &str = r#"{"arg":{"channel":"trades","instId":"BTC-USDT"},"data":[{"instId":"BTC-USDT","tradeId":"140742584","px":"43322.9","sz":"0.13070406","side":"buy","ts":"1633245697897","count":"3","source":"0","seqId":1234},{"instId":"BTC-USDT","tradeId":"130639475","px":"42219.8","sz":"1","side":"sell","ts":"1633245697898","count":"1","source":"1"}]}"#;
const BOOK: &str = r#"{"arg":{"channel":"books","instId":"BTC-USDT"},"action":"update","data":[{"asks":[["8587.28","415","0","13"],["8477.10","0","0","0"]],"bids":[["8587.27","256","0","12"]],"ts":"1600223183085","checksum":0,"seqId":12,"prevSeqId":10}]}"#;
const FUNDING: &str = r#"{"arg":{"channel":"funding-rate","instId":"BTC-USD-SWAP"},"data":[{"fundingRate":"0.0001186422315138","fundingTime":"1703923200000","instId":"BTC-USD-SWAP","instType":"SWAP","nextFundingRate":"","nextFundingTime":"1703952000000","premium":"0.00012","settFundingRate":"0.00016","settState":"settled","ts":"1703921475402"}]}"#;
const LIQUIDATION: &str = r#"{"arg":{"channel":"liquidation-orders","instType":"SWAP"},"data":[{"details":[{"bkLoss":"0","bkPx":"0.007","ccy":"","posSide":"short","side":"buy","sz":"13","ts":"1695463234010"},{"bkLoss":"2","bkPx":"0.008","ccy":"BTC","posSide":"long","side":"sell","sz":"1","ts":"1695463234011"}],"instFamily":"IOST-USDT","instId":"IOST-USDT-SWAP","instType":"SWAP","uly":"IOST-USDT"}]}"#;
const CANDLE: &str = r#"{"arg":{"channel":"candle1m","instId":"BTC-USDT"},"data":[["1600223160000","8644.02","8664.84","8638.27","8651.36","46357","529.58","5529.58","1"]]}"#;

fn show(message: &str) -> Vec<String> {
    shown(&mut Okx::default(), message).unwrap()
}

#[test]
fn trades_and_where_they_come_from() {
    let expected = [
        r#"Trades ts_event: 1633245697897000000, venue: "okx", symbol: "BTC-USDT", price: 43322.9, size: 0.13070406, side: Buy, trade_id: Some(140742584), count: Some(3)"#,
        r#"Trades ts_event: 1633245697898000000, venue: "okx", symbol: "BTC-USDT", price: 42219.8, size: 1.0, side: Sell, trade_id: Some(130639475), count: Some(1), conditions: Some("ELP"), flags: 1"#,
    ];
    assert_eq!(show(TRADE), expected);
}

#[test]
fn the_keys_of_a_message_come_in_any_order() {
    let trade = r#"{"data":[{"ts":"5","side":"sell","new":[{"a":"]"}],"sz":"1e-2","px":"2","tradeId":"9007199254740993","instId":"A-B"}],"arg":{"instId":"A-B","channel":"trades-all"}}"#;
    let row = r#"Trades ts_event: 5000000, venue: "okx", symbol: "A-B", price: 2.0, size: 0.01, side: Sell, trade_id: Some(9007199254740993), flags: 1"#;
    assert_eq!(show(trade), [row]);
    let book = r#"{"arg":{"channel":"books","instId":"A-B"},"data":[{"ts":"5","bids":[],"asks":[]}],"action":"snapshot"}"#;
    assert!(show(book)[0].contains("is_snapshot: true"), "{:?}", show(book));
}

#[test]
fn block_trades_are_marked() {
    let message = TRADE.replace("\"trades\"", "\"public-block-trades\"");
    assert!(show(&message)[0].contains(r#"conditions: Some("block")"#));
}

#[test]
fn changes_of_a_book() {
    let expected = [
        r#"BookUpdate symbol: "BTC-USDT", ts_event: 1600223183085000000, is_snapshot: false, seq: Some(12), seq_prev: Some(10), levels: []"#,
        "ask 415@8587.28 n13",
        "ask 0@8477.10 n0",
        "bid 256@8587.27 n12",
    ];
    assert_eq!(show(BOOK), expected);
}

#[test]
fn a_picture_of_a_book_follows_nothing_and_a_checksum_counts_if_not_zero() {
    let message = BOOK
        .replace(r#""update""#, r#""snapshot""#)
        .replace(r#""checksum":0"#, r#""checksum":-866227053"#)
        .replace(r#""prevSeqId":10"#, r#""prevSeqId":-1"#);
    let expected = r#"BookUpdate symbol: "BTC-USDT", ts_event: 1600223183085000000, is_snapshot: true, seq: Some(12), checksum: Some(-866227053), levels: []"#;
    assert_eq!(show(&message)[0], expected);
}

#[test]
fn a_book_of_2022_has_no_numbers_and_a_quiet_one_repeats_its_own() {
    let old = r#"{"arg":{"channel":"books-l2-tbt","instId":"A-B"},"action":"update","data":[{"asks":[],"bids":[["5","1","0","1"]],"ts":"9","checksum":727640712}]}"#;
    let expected = r#"BookUpdate symbol: "A-B", ts_event: 9000000, is_snapshot: false, checksum: Some(727640712), levels: []"#;
    assert_eq!(show(old)[0], expected);
    let quiet = r#"{"arg":{"channel":"books","instId":"A-B"},"action":"update","data":[{"asks":[],"bids":[],"ts":"9","checksum":0,"seqId":7,"prevSeqId":7}]}"#;
    let expected = r#"BookUpdate symbol: "A-B", ts_event: 9000000, is_snapshot: false, seq: Some(7), seq_prev: Some(7), levels: []"#;
    assert_eq!(show(quiet), [expected]);
}

#[test]
fn the_best_level_with_and_without_bids() {
    let message = r#"{"arg":{"channel":"bbo-tbt","instId":"A-B"},"data":[{"asks":[["8587.28","415","0","13"]],"bids":[["8587.27","256","0","12"]],"ts":"1600223183085","seqId":123456}]}"#;
    let row = r#"Quotes ts_event: 1600223183085000000, venue: "okx", symbol: "A-B", bid_price: Some(8587.27), bid_size: Some(256.0), ask_price: Some(8587.28), ask_size: Some(415.0), bid_count: Some(12), ask_count: Some(13), seq: Some(123456), flags: 1"#;
    assert_eq!(show(message), [row]);
    let option = r#"{"arg":{"channel":"bbo-tbt","instId":"A-B"},"data":[{"asks":[["0.0015","8","0","1"]],"bids":[],"ts":"3"}]}"#;
    let row = r#"Quotes ts_event: 3000000, venue: "okx", symbol: "A-B", ask_price: Some(0.0015), ask_size: Some(8.0), ask_count: Some(1), flags: 1"#;
    assert_eq!(show(option), [row]);
}

#[test]
fn the_five_best_levels() {
    let message = r#"{"arg":{"channel":"books5","instId":"A-B"},"data":[{"asks":[["2","3","0","4"],["2.5","1","0","1"]],"bids":[],"instId":"A-B","ts":"3","seqId":8}]}"#;
    let row = r#"BookSnapshots ts_event: 3000000, venue: "okx", symbol: "A-B", bid_price: [], bid_size: [], ask_price: [2.0, 2.5], ask_size: [3.0, 1.0], bid_count: Some([]), ask_count: Some([4, 1]), seq: Some(8), flags: 3"#;
    assert_eq!(show(message), [row]);
}

#[test]
fn a_ticker_is_also_a_quote_and_has_turnover_on_spot_only() {
    let message = r#"{"arg":{"channel":"tickers","instId":"A-B"},"data":[{"instType":"SPOT","instId":"A-B","last":"9222.29","lastSz":"0.1","askPx":"9222.29","askSz":"11","bidPx":"","bidSz":"","open24h":"9000","high24h":"10000","low24h":"8111.18","volCcy24h":"2222","vol24h":"3333","sodUtc0":"1","sodUtc8":"2","ts":"1600223183085"}]}"#;
    let ticker = r#"Tickers ts_event: 1600223183085000000, venue: "okx", symbol: "A-B", last_price: Some(9222.29), last_size: Some(0.1), volume: Some(3333.0), turnover: Some(2222.0), volume_window: Some(Rolling24h), open_price: Some(9000.0), high_price: Some(10000.0), low_price: Some(8111.18), flags: 1"#;
    let quote = r#"Quotes ts_event: 1600223183085000000, venue: "okx", symbol: "A-B", ask_price: Some(9222.29), ask_size: Some(11.0), flags: 1"#;
    assert_eq!(show(message), [ticker, quote]);
    let contract = show(&message.replace("SPOT", "SWAP"));
    assert!(!contract[0].contains("turnover"), "{contract:?}");
}

#[test]
fn funding_and_the_hours_between_payments() {
    let row = r#"Tickers ts_event: 1703921475402000000, venue: "okx", symbol: "BTC-USD-SWAP", premium: Some(0.00012), funding_rate: Some(0.0001186422315138), funding_rate_settled: Some(0.00016), ts_funding_next: Some(1703923200000000000), funding_interval_hours: Some(8.0), flags: 1"#;
    assert_eq!(show(FUNDING), [row]);
}

#[test]
fn funding_of_2022_has_no_time() {
    let message = r#"{"arg":{"channel":"funding-rate","instId":"X"},"data":[{"fundingRate":"0.1","fundingTime":"5","instId":"X","instType":"SWAP","nextFundingRate":"0.2"}]}"#;
    let row = r#"Tickers ts_event: 1700000000123456789, venue: "okx", symbol: "X", funding_rate: Some(0.1), funding_rate_next: Some(0.2), ts_funding_next: Some(5000000), flags: 33"#;
    assert_eq!(show(message), [row]);
}

#[test]
fn messages_with_one_figure() {
    let one = |channel: &str, figure: &str| {
        let rows = show(&format!(
            r#"{{"arg":{{"channel":"{channel}","instId":"X"}},"data":[{{"instId":"X",{figure},"ts":"7"}}]}}"#
        ));
        let head = r#"Tickers ts_event: 7000000, venue: "okx", symbol: "X", "#;
        rows[0].strip_prefix(head).unwrap().to_owned()
    };
    assert_eq!(one("mark-price", r#""markPx":"0.1""#), "mark_price: Some(0.1), flags: 1");
    let index = one("index-tickers", r#""idxPx":"0.1","high24h":"0.5""#);
    assert_eq!(index, "index_price: Some(0.1), flags: 1");
    let interest = one("open-interest", r#""oi":"5000","oiCcy":"55.5""#);
    assert_eq!(interest, "open_interest: Some(5000.0), flags: 1");
    let limits = one("price-limit", r#""buyLmt":"300","sellLmt":"200","enabled":true"#);
    assert_eq!(limits, "limit_up_price: Some(300.0), limit_down_price: Some(200.0), flags: 1");
    let limits = one("price-limit", r#""buyLmt":"","sellLmt":"","enabled":false"#);
    assert_eq!(limits, "flags: 1");
    assert_eq!(one("estimated-price", r#""settlePx":"9""#), "settle_price: Some(9.0), flags: 1");
}

#[test]
fn figures_of_an_option() {
    let message = r#"{"arg":{"channel":"opt-summary","instFamily":"BTC-USD"},"data":[{"instType":"OPTION","instId":"O","uly":"BTC-USD","delta":"0.7","gamma":"-0.6","theta":"-8","vega":"7","deltaBS":"0.74","gammaBS":"-0.67","thetaBS":"-0.8","vegaBS":"0.77","realVol":"0","bidVol":"","askVol":"1.6735","markVol":"0.9219","lever":"4","fwdPx":"39016.81","ts":"7"}]}"#;
    let row = r#"Tickers ts_event: 7000000, venue: "okx", symbol: "O", mark_iv: Some(0.9219), ask_iv: Some(1.6735), delta: Some(0.74), gamma: Some(-0.67), vega: Some(0.77), theta: Some(-0.8), underlying_price: Some(39016.81), underlying: Some("BTC-USD"), flags: 1"#;
    assert_eq!(show(message), [row]);
}

#[test]
fn liquidations_carry_the_side_of_the_order() {
    let expected = [
        r#"Liquidations ts_event: 1695463234010000000, venue: "okx", symbol: "IOST-USDT-SWAP", side: Buy, side_raw: "buy", price_bankruptcy: Some(0.007), size: 13.0"#,
        r#"Liquidations ts_event: 1695463234011000000, venue: "okx", symbol: "IOST-USDT-SWAP", side: Sell, side_raw: "sell", price_bankruptcy: Some(0.008), size: 1.0, loss: Some(2.0), loss_asset: Some("BTC"), flags: 1"#,
    ];
    assert_eq!(show(LIQUIDATION), expected);
}

#[test]
fn candles_of_trades_and_of_other_prices() {
    let row = r#"Bars ts_event: 1700000000123456789, venue: "okx", symbol: "BTC-USDT", ts_open: 1600223160000000000, ts_close: 1600223220000000000, interval: "1m", kind: Time, price_source: Trade, source: Venue, open: 8644.02, high: 8664.84, low: 8638.27, close: 8651.36, volume: Some(46357.0), turnover: Some(5529.58), is_final: 1, flags: 33"#;
    assert_eq!(show(CANDLE), [row]);
    let mark = r#"{"arg":{"channel":"mark-price-candle4H","instId":"X"},"data":[["1600214400000","1","4","0.5","2","1"]]}"#;
    let row = r#"Bars ts_event: 1700000000123456789, venue: "okx", symbol: "X", ts_open: 1600214400000000000, ts_close: 1600228800000000000, interval: "4h", kind: Time, price_source: Mark, source: Venue, open: 1.0, high: 4.0, low: 0.5, close: 2.0, is_final: 1, flags: 33"#;
    assert_eq!(show(mark), [row]);
}

#[test]
fn a_candle_of_2022_ends_early() {
    let message = CANDLE.replace(r#","5529.58","1""#, "");
    let row = &show(&message)[0];
    assert!(!row.contains("turnover") && !row.contains("is_final"), "{row}");
    assert!(row.contains("volume: Some(46357.0)"), "{row}");
}

#[test]
fn months_begin_in_hong_kong_or_utc() {
    let end = |channel: &str, open: &str| {
        let message = format!(
            r#"{{"arg":{{"channel":"{channel}","instId":"X"}},"data":[["{open}","1","1","1","1","1"]]}}"#
        );
        let row = show(&message)[0].clone();
        let (_, rest) = row.split_once("ts_close: ").unwrap();
        rest.split_once(',').unwrap().0.parse::<i64>().unwrap() / 1_000_000_000
    };
    // 2024-02-01 and 2024-03-01, a leap year.
    assert_eq!(end("candle1Mutc", "1706745600000"), 1_709_251_200);
    // The same months in Hong Kong begin eight hours earlier.
    assert_eq!(end("candle1M", "1706716800000"), 1_709_222_400);
    // From 2023-12-01 three months later.
    assert_eq!(end("index-candle3Mutc", "1701388800000"), 1_709_251_200);
    assert_eq!(end("candle1Dutc", "1706745600000"), 1_706_832_000);
}

#[test]
fn answers_and_notices() {
    let one = |message: &str| show(message).remove(0);
    assert_eq!(
        one(
            r#"{"id":"7","event":"subscribe","arg":{"channel":"liquidation-orders","instType":"SWAP"},"connId":"a4"}"#
        ),
        r#"Subscribed(Answer request: Some(7), channel: Some("liquidation-orders?instType=SWAP"), text: None })"#
    );
    assert_eq!(
        one(r#"{"event":"unsubscribe","arg":{"channel":"books","instId":"A-B"}}"#),
        r#"Unsubscribed(Answer channel: Some("books"), symbol: Some("A-B"), text: None })"#
    );
    let refused = r#"{"event":"error","msg":"Wrong URL or channel:books,instId:A-C doesn't exist.","code":"60018","connId":"a4"}"#;
    assert_eq!(
        one(refused),
        r#"Refused(Answer channel: Some("books"), symbol: Some("A-C"), code: Some(60018), text: Some("Wrong URL or channel:books,instId:A-C doesn't exist.") })"#
    );
    assert_eq!(
        one(r#"{"event":"notice","code":"64008","msg":"The connection will soon be closed."}"#),
        r#"Shutdown("The connection will soon be closed.")"#
    );
    assert_eq!(one(r#"{"event":"notice","code":"1","msg":"Hello"}"#), r#"Status("Hello")"#);
    assert_eq!(one("pong"), "Heartbeat");
    let count = r#"{"event":"channel-conn-count","channel":"orders","connCount":"2","connId":"a"}"#;
    assert_eq!(one(count), "Nothing");
    assert_eq!(one(r#"{"event":"new"}"#), r#"Unknown("new")"#);
    assert_eq!(one(r#"{"arg":{"channel":"sprd-books5"},"data":[]}"#), r#"Unknown("sprd-books5")"#);
    let status = r#"{"arg":{"channel":"status"},"data":[{"state":"ongoing","title":"Upgrade of \"x\"","ts":"1"}]}"#;
    assert_eq!(one(status), r#"Status("ongoing: Upgrade of \"x\"")"#);
}

#[test]
fn requests_name_parameters_and_stay_short() {
    let topic = |channel: &str, symbol: Option<&str>| Topic {
        channel: channel.to_owned(),
        symbol: symbol.map(str::to_owned),
    };
    let topics = [
        topic("trades", Some("BTC-USDT")),
        topic("estimated-price?instType=FUTURES&instFamily=BTC-USD", None),
    ];
    let text = r#"{"id":"4","op":"subscribe","args":[{"channel":"trades","instId":"BTC-USDT"},{"channel":"estimated-price","instType":"FUTURES","instFamily":"BTC-USD"}]}"#;
    assert_eq!(Okx::default().subscribe(&topics, 4), [text]);
    assert!(Okx::default().subscribe(&[], 4).is_empty());
    let many = vec![topic("books", Some("BTC-USD-250328-92000-C")); 2000];
    let messages = Okx::default().unsubscribe(&many, 10);
    assert!(messages.iter().all(|message| message.len() < 65_536), "{}", messages[0].len());
    assert_eq!(messages.iter().map(|m| m.matches("instId").count()).sum::<usize>(), 2000);
    assert!(messages[1].starts_with(r#"{"id":"11","op":"unsubscribe","args":[{"#));
    assert_eq!(Okx::default().ping(1).as_deref(), Some("ping"));
}

#[test]
fn instruments_are_asked_for_by_kind_and_options_by_underlying() {
    let paths: Vec<_> = Okx::default()
        .requests(&Feed::Instruments)
        .into_iter()
        .map(|request| request.path)
        .collect();
    assert_eq!(paths.len(), 4);
    assert_eq!(paths[3], "/api/v5/public/underlying?instType=OPTION");
    let body = r#"{"code":"0","data":[["BTC-USD","ETH-USD"]],"msg":""}"#;
    let rows = answered(&mut Okx::default(), &Feed::Instruments, body).unwrap();
    assert_eq!(rows.len(), 2);
    let path = "/api/v5/public/instruments?instType=OPTION&uly=ETH-USD";
    assert!(rows[1].starts_with("More(Request") && rows[1].contains(path), "{rows:?}");
    assert_eq!(Okx::default().request(&Feed::Tickers(None)), None);
}

const SWAP: &str = r#"{"code":"0","msg":"","data":[{"alias":"","baseCcy":"","ctMult":"1","ctType":"inverse","ctVal":"100","ctValCcy":"USD","expTime":"","instFamily":"BTC-USD","instId":"BTC-USD-SWAP","instIdCode":10568,"instType":"SWAP","lever":"100","listTime":"1538621003000","lotSz":"1","maxLmtSz":"1000","maxMktSz":"300","minSz":"1","optType":"","quoteCcy":"","settleCcy":"BTC","state":"live","stk":"","tickSz":"0.1","uly":"BTC-USD"}]}"#;

#[test]
fn rules_of_a_swap() {
    let rows = answered(&mut Okx::default(), &Feed::Instruments, SWAP).unwrap();
    let row = r#"Instruments ts_event: 1700000000123456789, venue: "okx", symbol: "BTC-USD-SWAP", kind: Perpetual, contract: Some(Inverse), venue_index: Some(10568), family: Some("BTC-USD"), base: Some("BTC"), quote: Some("USD"), settle: Some("BTC"), underlying: Some("BTC-USD"), multiplier: 100000000000000000000, multiplier_asset: "USD", tick_size: Some(100000000000000000), lot_size: Some(1000000000000000000), size_min: Some(1000000000000000000), size_max: Some(1000000000000000000000), market_size_max: Some(300000000000000000000), ts_listed: Some(1538621003000000000), status: Trading, status_raw: Some("live"), leverage_max: Some(100000000000000000000), flags: 33"#;
    assert_eq!(rows, [row]);
}

#[test]
fn rules_of_an_option_and_of_a_pair() {
    let body = r#"{"code":"0","data":[{"baseCcy":"","ctMult":"0.01","ctType":"","ctVal":"1","ctValCcy":"BTC","expTime":"1737619200000","instFamily":"BTC-USD","instId":"O","instType":"OPTION","lever":"","listTime":"","lotSz":"1","maxLmtSz":"","maxMktSz":"","minSz":"1","optType":"P","quoteCcy":"","settleCcy":"BTC","state":"suspend","stk":"94000","tickSz":"0.0001","uly":"BTC-USD"},{"baseCcy":"BTC","quoteCcy":"USDT","settleCcy":"","instId":"BTC-USDT","instType":"SPOT","ctVal":"","ctMult":"","ctValCcy":"","ctType":"","tickSz":"0.1","lotSz":"0.00000001","minSz":"0.00001","maxLmtSz":"9999999999","maxMktSz":"1000000","state":"preopen","uly":""}],"msg":""}"#;
    let rows = answered(&mut Okx::default(), &Feed::Instruments, body).unwrap();
    let option = r#"Instruments ts_event: 1700000000123456789, venue: "okx", symbol: "O", kind: Option, contract: Some(Inverse), family: Some("BTC-USD"), base: Some("BTC"), quote: Some("USD"), settle: Some("BTC"), underlying: Some("BTC-USD"), multiplier: 10000000000000000, multiplier_asset: "BTC", tick_size: Some(100000000000000), lot_size: Some(1000000000000000000), size_min: Some(1000000000000000000), strike: Some(94000000000000000000000), option_kind: Some(Put), ts_expiry: Some(1737619200000000000), status: Halted, status_raw: Some("suspend"), flags: 33"#;
    let pair = r#"Instruments ts_event: 1700000000123456789, venue: "okx", symbol: "BTC-USDT", kind: Spot, base: Some("BTC"), quote: Some("USDT"), multiplier: 1000000000000000000, multiplier_asset: "BTC", tick_size: Some(100000000000000000), lot_size: Some(10000000000), size_min: Some(10000000000000), size_max: Some(9999999999000000000000000000), status: PreOpen, status_raw: Some("preopen"), flags: 33"#;
    assert_eq!(rows, [option, pair]);
}

#[test]
fn a_refused_call() {
    let body = r#"{"code":"50011","msg":"Too Many Requests","data":[]}"#;
    let rows = answered(&mut Okx::default(), &Feed::Instruments, body).unwrap();
    assert_eq!(rows, [r#"Error code: Some(50011), text: "Too Many Requests""#]);
}

#[test]
fn what_cannot_be_read_names_the_place() {
    let error = |message: &str| shown(&mut Okx::default(), message).unwrap_err().to_string();
    assert!(error("pon").contains("expected an object"));
    assert!(error(r#"{"arg":{"channel":"trades"}}"#).ends_with("expected `data`"));
    assert!(error(r#"{"data":[]}"#).ends_with("expected `arg` or `event`"));
    assert!(error(&BOOK.replace("update", "replace")).contains("snapshot or update"));
    assert!(error(&TRADE.replace("\"buy\"", "\"BUY\"")).contains("expected buy or sell"));
    assert!(
        error(&BOOK.replace(r#"["8587.27","256","0","12"]"#, r#"["8587.27"]"#))
            .ends_with("expected a quantity")
    );
    assert!(error(&TRADE[..90]).contains("expected"));
}
