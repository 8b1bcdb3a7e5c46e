use super::Sina;
use crate::codec::{Codec, Feed, Frame};
use crate::testing::{RECEIVED, Shown, answered, shown};
use crate::time::parse_iso;

const SHARE: &str = "var hq_str_sh600000=\"NAME,9.090,9.110,9.050,9.150,9.030,9.040,9.050,51270289,465159863.000,375500,9.040,0,0.000,452100,9.020,0,0.000,0,0.000,436555,9.050,0,0.000,0,0.000,0,0.000,0,0.000,2026-08-21,15:34:58,00,D|1|2.00\";\n";
const FINANCIAL: &str = "var hq_str_nf_IF2609=\"4591.8,4620,4587.2,4593.6,48813,224594285.4,140177,4593.6,0.000,5060.8,4140.8,0,0,4604.8,4600.8,142880,4593,1,0,0,0,0,0,0,0,0,4593.6,2,0,0,0,0,0,0,0,0,2026-08-28,15:00:00,300,1,,4601.116,NAME\";\n";
const COMMODITY: &str = "var hq_str_nf_RB0=\"NAME,213000,3100,3120,3090,3101,3110,3111,3110.5,3105,3099,15,20,1500000,700000,SHFE,RB,2026-08-31\";\n";
const FOREIGN: &str = "var hq_str_hf_CL=\"83.467,,83.430,83.450,83.780,82.250,04:59:58,83.530,83.670,0,3,9,2026-08-29,NAME,0\";\n";

fn at(codec: &mut Sina, time: &str, body: &str) -> Vec<String> {
    let mut sink = Shown::default();
    let ts_recv = parse_iso(time.as_bytes()).unwrap();
    codec.decode(Frame { ts_recv, data: body.as_bytes() }, &mut sink).unwrap();
    sink.0
}

/// The rows of a message that was received when quotes of 2026 were no longer new.
fn later(body: &str) -> Vec<String> {
    at(&mut Sina::default(), "2026-09-30T00:00:00Z", body)
        .iter()
        .map(|row| row.replace("ts_recv: 1790726400000000000, ", ""))
        .collect()
}

#[test]
fn a_share_is_an_instrument_a_ticker_and_a_picture() {
    let rows = [
        r#"Instruments ts_event: 1787297698000000000, venue: "sina", symbol: "sh600000", kind: Stock, name: Some("NAME"), base: Some("sh600000"), quote: Some("CNY"), multiplier: 1000000000000000000, multiplier_asset: "sh600000", status: Unknown, flags: 1"#,
        r#"Tickers ts_event: 1787297698000000000, venue: "sina", symbol: "sh600000", last_price: Some(9.05), volume: Some(51270289.0), turnover: Some(465159863.0), volume_window: Some(TradingDay), open_price: Some(9.09), high_price: Some(9.15), low_price: Some(9.03), close_prev_price: Some(9.11), trading_day: Some(20686), status_raw: Some("00"), flags: 1"#,
        r#"BookSnapshots ts_event: 1787297698000000000, venue: "sina", symbol: "sh600000", bid_price: [9.04, 9.02], bid_size: [375500.0, 452100.0], ask_price: [9.05], ask_size: [436555.0], flags: 3"#,
    ];
    assert_eq!(shown(&mut Sina::default(), SHARE).unwrap(), rows);
}

#[test]
fn only_a_later_time_is_news() {
    let mut codec = Sina::default();
    assert_eq!(shown(&mut codec, SHARE).unwrap().len(), 3);
    assert!(shown(&mut codec, SHARE).unwrap().is_empty());
    assert!(shown(&mut codec, &SHARE.replace("15:34:58", "15:34:55")).unwrap().is_empty());
    assert_eq!(shown(&mut codec, &SHARE.replace("15:34:58", "15:35:01")).unwrap().len(), 2);
}

#[test]
fn a_suspended_share_has_no_prices() {
    let zero = SHARE.replace("9.090,9.110,9.050,9.150,9.030", "0.000,9.110,0.000,0.000,0.000");
    let rows = shown(&mut Sina::default(), &zero).unwrap();
    assert!(!rows[1].contains("last_price") && !rows[1].contains("open_price"), "{rows:?}");
    assert!(rows[1].contains("close_prev_price: Some(9.11)"), "{rows:?}");
}

#[test]
fn an_index_has_a_value_and_no_book() {
    let rows = shown(&mut Sina::default(), &SHARE.replace("sh600000", "sh000001")).unwrap();
    assert_eq!(rows.len(), 2);
    assert!(rows[0].contains("kind: Index"), "{rows:?}");
    assert!(rows[1].contains("index_price: Some(9.05)"), "{rows:?}");
    let bond = shown(&mut Sina::default(), &SHARE.replace("sh600000", "sh113001")).unwrap();
    assert!(bond[0].starts_with("Tickers") && bond.len() == 2, "{bond:?}");
}

#[test]
fn unknown_names_have_no_fields_and_are_refused_once() {
    let mut codec = Sina::default();
    let body = "var hq_str_sz160923=\"\";\n";
    let feed = Feed::Tickers(Some("sz160923".into()));
    let row = r#"Refused(Answer symbol: Some("sz160923"), text: None })"#;
    assert_eq!(answered(&mut codec, &feed, body).unwrap(), [row]);
    assert!(answered(&mut codec, &feed, body).unwrap().is_empty());
    let known = SHARE.replace("sh600000", "sz160923");
    assert_eq!(answered(&mut codec, &feed, &known).unwrap().len(), 3);
    assert_eq!(answered(&mut codec, &feed, body).unwrap(), [row]);
}

#[test]
fn a_financial_future_has_a_layout_of_its_own() {
    let rows = [
        r#"Tickers ts_event: 1787900400000000000, venue: "sina", symbol: "nf_IF2609", last_price: Some(4593.6), open_interest: Some(140177.0), open_interest_prev: Some(142880.0), volume: Some(48813.0), volume_window: Some(TradingDay), open_price: Some(4591.8), high_price: Some(4620.0), low_price: Some(4587.2), average_price: Some(4601.116), close_prev_price: Some(4604.8), settle_prev_price: Some(4600.8), limit_up_price: Some(5060.8), limit_down_price: Some(4140.8), trading_day: Some(20693), flags: 1"#,
        r#"BookSnapshots ts_event: 1787900400000000000, venue: "sina", symbol: "nf_IF2609", bid_price: [4593.0], bid_size: [1.0], ask_price: [4593.6], ask_size: [2.0], flags: 3"#,
    ];
    assert_eq!(later(FINANCIAL), rows);
    // The letters decide, and not how they begin: TA is a good.
    let error = later(&FINANCIAL.replace("nf_IF2609", "nf_TA609"));
    assert!(error[0].contains("expected a date and a time"), "{error:?}");
    assert_eq!(later(&FINANCIAL.replace("nf_IF2609", "nf_T0")).len(), 2);
}

#[test]
fn a_commodity_by_day_and_by_night() {
    let by_day = later(COMMODITY);
    let rows = [
        r#"Tickers ts_event: 1788183000000000000, venue: "sina", symbol: "nf_RB0", last_price: Some(3110.5), settle_price: Some(3105.0), open_interest: Some(1500000.0), volume: Some(700000.0), volume_window: Some(TradingDay), open_price: Some(3100.0), high_price: Some(3120.0), low_price: Some(3090.0), close_prev_price: Some(3101.0), settle_prev_price: Some(3099.0), trading_day: Some(20696), flags: 1"#,
        r#"Quotes ts_event: 1788183000000000000, venue: "sina", symbol: "nf_RB0", bid_price: Some(3110.0), bid_size: Some(15.0), ask_price: Some(3111.0), ask_size: Some(20.0), flags: 1"#,
    ];
    assert_eq!(by_day, rows);
    // Friday night belongs to Monday.
    let by_night = at(&mut Sina::default(), "2026-08-28T13:30:02Z", COMMODITY);
    assert!(by_night[0].contains("Tickers ts_event: 1787923800000000000"), "{by_night:?}");
    assert!(by_night[0].ends_with("trading_day: Some(20696), flags: 17"), "{by_night:?}");
    assert!(by_night[1].ends_with("flags: 17"), "{by_night:?}");
}

#[test]
fn a_foreign_future() {
    let rows = [
        r#"Tickers ts_event: 1787950798000000000, venue: "sina", symbol: "hf_CL", last_price: Some(83.467), volume_window: Some(TradingDay), open_price: Some(83.67), high_price: Some(83.78), low_price: Some(82.25), settle_prev_price: Some(83.53), flags: 1"#,
        r#"Quotes ts_event: 1787950798000000000, venue: "sina", symbol: "hf_CL", bid_price: Some(83.43), bid_size: Some(3.0), ask_price: Some(83.45), ask_size: Some(9.0), flags: 1"#,
    ];
    assert_eq!(later(FOREIGN), rows);
}

#[test]
fn crypto_and_a_foreign_index() {
    let crypto = "var hq_str_btc_btcbtcusd=\"08:36:19,0.0,0.0,78230.0,0,78230.0,78330.0,78147.17,78271.33,NAME,129.65,2026-08-30,10140143.2786,20076918.0,USD,\";\n";
    let row = r#"Tickers ts_event: 1788050179000000000, venue: "sina", symbol: "btc_btcbtcusd", last_price: Some(78271.33), volume: Some(129.65), turnover: Some(10140143.2786), volume_window: Some(UtcDay), open_price: Some(78230.0), high_price: Some(78330.0), low_price: Some(78147.17), close_prev_price: Some(78230.0), flags: 1"#;
    assert_eq!(later(crypto), [row]);
    let mut codec = Sina::default();
    let index = "var hq_str_int_x=\"NAME,25584.79,19.05,0.07\";";
    let row = format!(
        r#"Tickers ts_event: {RECEIVED}, venue: "sina", symbol: "int_x", index_price: Some(25584.79), flags: 33"#
    );
    assert_eq!(shown(&mut codec, index).unwrap(), [row]);
    assert!(shown(&mut codec, index).unwrap().is_empty());
    assert_eq!(shown(&mut codec, &index.replace("84.79", "84.80")).unwrap().len(), 1);
}

#[test]
fn layouts_that_nobody_knows_and_answers_that_are_none() {
    let rows = shown(&mut Sina::default(), "var hq_str_gb_aapl=\"NAME,1\";").unwrap();
    assert_eq!(rows, [r#"Unknown("gb_aapl")"#]);
    let error = shown(&mut Sina::default(), "Forbidden").unwrap_err().to_string();
    assert_eq!(error, "byte 0: found `Forbidden`, expected a line of a quote");
    let rows = shown(&mut Sina::default(), &SHARE.replace("51270289", "5127x")).unwrap();
    assert!(rows[0].starts_with(r#"Error text: "sh600000: byte 68: found `5127x,"#), "{rows:?}");
}

#[test]
fn requests() {
    let codec = Sina::default();
    let request = codec.request(&Feed::Tickers(Some("sh600000,nf_RB0".into()))).unwrap();
    assert_eq!(request.path, "/list=sh600000,nf_RB0");
    assert_eq!(request.headers, [("Referer", "https://finance.sina.com.cn".to_owned())]);
    assert_eq!(codec.request(&Feed::Book("sh600000".into())), None);
}
