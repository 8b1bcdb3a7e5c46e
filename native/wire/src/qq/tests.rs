use super::Qq;
use crate::codec::{Codec, Feed, Frame};
use crate::testing::{RECEIVED, Shown, answered, shown};

/// A line of a share in mainland China with everything that is read.
fn share(symbol: &str, time: &str) -> String {
    let mut fields = vec![""; 88];
    let known = [
        (0, "1"),
        (1, "NAME"),
        (2, "600000"),
        (3, "9.05"),
        (4, "9.11"),
        (5, "9.09"),
        (6, "512703"),
        (7, "204388"),
        (8, "308315"),
        (9, "9.04"),
        (10, "3755"),
        (11, "9.03"),
        (12, "7094"),
        (13, "0.00"),
        (14, "0"),
        (19, "9.05"),
        (20, "4366"),
        (30, time),
        (33, "9.15"),
        (34, "9.03"),
        (35, "9.05/512703/465159863"),
        (37, "46516"),
        (47, "10.02"),
        (48, "-1"),
        (51, "9.07"),
        (61, "GP-A"),
        (82, "CNY"),
    ];
    for (index, text) in known {
        fields[index] = text;
    }
    format!("v_{symbol}=\"{}\";\n", fields.join("~"))
}

const TIME: &str = "20260821161442";

fn poll(codec: &mut Qq, body: &[u8]) -> Vec<String> {
    let mut sink = Shown::default();
    codec.decode(Frame { ts_recv: RECEIVED, data: body }, &mut sink).unwrap();
    sink.0
}

#[test]
fn a_share_is_an_instrument_a_ticker_and_a_picture() {
    let rows = [
        r#"Instruments ts_event: 1787300082000000000, venue: "qq", symbol: "sh600000", kind: Stock, name: Some("NAME"), base: Some("sh600000"), quote: Some("CNY"), multiplier: 100000000000000000000, multiplier_asset: "sh600000", status: Unknown, flags: 1"#,
        r#"Tickers ts_event: 1787300082000000000, venue: "qq", symbol: "sh600000", last_price: Some(9.05), volume: Some(512703.0), turnover: Some(465159863.0), buy_volume: Some(204388.0), sell_volume: Some(308315.0), volume_window: Some(TradingDay), open_price: Some(9.09), high_price: Some(9.15), low_price: Some(9.03), average_price: Some(9.07), close_prev_price: Some(9.11), limit_up_price: Some(10.02), trading_day: Some(20686), flags: 1"#,
        r#"BookSnapshots ts_event: 1787300082000000000, venue: "qq", symbol: "sh600000", bid_price: [9.04, 9.03], bid_size: [3755.0, 7094.0], ask_price: [9.05], ask_size: [4366.0], flags: 3"#,
    ];
    assert_eq!(shown(&mut Qq::default(), &share("sh600000", TIME)).unwrap(), rows);
}

#[test]
fn only_a_later_time_is_news() {
    let mut codec = Qq::default();
    let sorts = |rows: Vec<String>| {
        rows.iter().map(|row| row.split(' ').next().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let first = poll(&mut codec, share("sh600000", TIME).as_bytes());
    assert_eq!(sorts(first), ["Instruments", "Tickers", "BookSnapshots"]);
    assert!(poll(&mut codec, share("sh600000", TIME).as_bytes()).is_empty());
    assert!(poll(&mut codec, share("sh600000", "20260821161439").as_bytes()).is_empty());
    let later = share("sh600000", "20260821161445");
    let news = poll(&mut codec, later.as_bytes());
    assert_eq!(sorts(news), ["Tickers", "BookSnapshots"]);
    let renamed = share("sh600000", "20260821161448").replace("NAME", "XDNAME");
    assert_eq!(poll(&mut codec, renamed.as_bytes()).len(), 3);
    codec.reset();
    assert_eq!(poll(&mut codec, later.as_bytes()).len(), 3);
}

#[test]
fn a_wrong_time_silences_nobody_for_good() {
    let mut codec = Qq::default();
    let mut count = |time: &str| poll(&mut codec, share("sh600000", time).as_bytes()).len();
    assert_eq!(count("20991231000000"), 3);
    assert_eq!(count(TIME), 2);
    assert_eq!(count("20260821151443"), 0, "59:59 older");
    assert_eq!(count(TIME), 0);
}

#[test]
fn a_name_may_hold_the_separator_as_half_of_a_letter() {
    let text = share("sh600000", TIME);
    let at = text.find("NAME").unwrap();
    let mut body = text.into_bytes();
    // The second byte is a tilde.
    body.splice(at..at + 4, [0x8A, 0x7E]);
    let rows = poll(&mut Qq::default(), &body);
    assert!(rows[0].contains("name: Some(\"妦\")"), "{rows:?}");
    assert!(rows[1].contains("last_price: Some(9.05)"), "{rows:?}");
    body.splice(at..=at, [0xFF]);
    let rows = poll(&mut Qq::default(), &body);
    assert_eq!(rows.len(), 1, "{rows:?}");
    assert!(rows[0].starts_with(r#"Error text: "sh600000: byte "#), "{rows:?}");
}

#[test]
fn an_index_has_a_value_and_no_turnover_of_shares() {
    let line = share("sh000001", TIME).replace("GP-A", "ZS");
    let rows = shown(&mut Qq::default(), &line).unwrap();
    assert!(rows[0].contains("kind: Index") && !rows[0].contains("base:"), "{rows:?}");
    assert!(rows[1].contains("index_price: Some(9.05)"), "{rows:?}");
    assert!(!rows[1].contains("last_price"), "{rows:?}");
}

#[test]
fn nothing_is_claimed_of_units_that_are_disputed() {
    let line = share("sh688001", TIME).replace("GP-A", "GP-A-KCB");
    let rows = shown(&mut Qq::default(), &line).unwrap();
    assert_eq!(rows.len(), 2);
    assert!(rows[0].starts_with("Tickers"), "{rows:?}");
}

#[test]
fn money_in_ten_thousands_where_there_is_no_better_figure() {
    let line = share("sh600000", TIME).replace("9.05/512703/465159863", "");
    let rows = shown(&mut Qq::default(), &line).unwrap();
    assert!(rows[1].contains("turnover: Some(465160000.0)"), "{rows:?}");
}

#[test]
fn hong_kong() {
    let mut fields = vec!["0"; 78];
    for (index, text) in [
        (1, "NAME"),
        (3, "479.200"),
        (9, "479.200"),
        (19, "479.200"),
        (6, "19321018.0"),
        (30, "2026/04/29 16:08:43"),
        (35, "479.200"),
        (37, "9231869057.790"),
        (48, "683.000"),
        (60, "100"),
        (63, "GP"),
        (75, "HKD"),
    ] {
        fields[index] = text;
    }
    let rows = shown(&mut Qq::default(), &format!("v_hk00700=\"{}\";", fields.join("~"))).unwrap();
    let expected = [
        r#"Instruments ts_event: 1777450123000000000, venue: "qq", symbol: "hk00700", kind: Stock, name: Some("NAME"), base: Some("hk00700"), quote: Some("HKD"), multiplier: 1000000000000000000, multiplier_asset: "hk00700", lot_size: Some(100000000000000000000), status: Unknown, flags: 1"#,
        r#"Tickers ts_event: 1777450123000000000, venue: "qq", symbol: "hk00700", last_price: Some(479.2), volume: Some(19321018.0), turnover: Some(9231869057.79), volume_window: Some(TradingDay), trading_day: Some(20572), flags: 1"#,
    ];
    assert_eq!(rows, expected);
}

#[test]
fn new_york_time() {
    let line = share("usAAPL", "2026-04-17 12:36:00");
    let rows = shown(&mut Qq::default(), &line).unwrap();
    // 16:36 UTC.
    assert!(rows[0].starts_with("Tickers ts_event: 1776443760000000000"), "{rows:?}");
    assert!(!rows[0].contains("buy_volume") && !rows[0].contains("limit_up"), "{rows:?}");
}

#[test]
fn unknown_instruments_are_refused_once() {
    let mut codec = Qq::default();
    let feed = Feed::Tickers(Some("sh600000,sh999999".into()));
    let body = share("sh600000", TIME);
    let rows = answered(&mut codec, &feed, &body).unwrap();
    let refused = r#"Refused(Answer symbol: Some("sh999999"), text: None })"#;
    assert_eq!(rows.last().unwrap(), refused);
    assert!(answered(&mut codec, &feed, &body).unwrap().is_empty());
    let none = "v_pv_none_match=\"1\";\n";
    let row = r#"Refused(Answer text: Some("pv_none_match") })"#;
    let mut codec = Qq::default();
    assert_eq!(shown(&mut codec, none).unwrap(), [row]);
    assert!(shown(&mut codec, none).unwrap().is_empty());
}

#[test]
fn layouts_that_nobody_knows() {
    let rows = shown(&mut Qq::default(), "v_s_sh600000=\"1~N~600000~9.05\";").unwrap();
    assert_eq!(rows, [r#"Unknown("s_sh600000")"#]);
}

#[test]
fn a_bad_line_costs_no_other_line() {
    let body = share("sh600000", TIME).replace("9.15", "9,15") + &share("sz000001", TIME);
    let rows = shown(&mut Qq::default(), &body).unwrap();
    assert_eq!(rows.len(), 4);
    assert!(
        rows[0].starts_with(r#"Error text: "sh600000: byte 129: found `9,15~9.03"#),
        "{rows:?}"
    );
    assert!(rows[0].ends_with("expected a number or nothing\""), "{rows:?}");
    let short = shown(&mut Qq::default(), "v_sh600000=\"1~N\";").unwrap();
    assert!(short[0].contains("expected a line with more fields"), "{short:?}");
}

#[test]
fn an_answer_that_is_none_is_an_error_and_forgets_nothing_it_said() {
    let mut codec = Qq::default();
    let body = share("sh600000", TIME);
    let error = shown(&mut codec, &format!("{body}<html>")).unwrap_err();
    assert_eq!(error.expected, "a line of a quote");
    assert_eq!(error.position, body.len());
    assert_eq!(shown(&mut codec, &body).unwrap().len(), 3, "said again");
    for bad in ["v_", "v_=\"\"", "v_sh600000", "v_sh600000=1", "v_sh600000=\"1~"] {
        assert!(shown(&mut codec, bad).is_err(), "{bad}");
    }
    assert!(shown(&mut codec, "").unwrap().is_empty());
}

#[test]
fn requests() {
    let codec = Qq::default();
    let request = codec.request(&Feed::Tickers(Some("sh600000,hk00700".into()))).unwrap();
    assert_eq!(request.path, "/q=sh600000,hk00700");
    assert!(request.headers.is_empty() && request.body.is_none());
    assert_eq!(codec.request(&Feed::Tickers(None)), None);
    assert_eq!(codec.request(&Feed::Instruments), None);
    assert!(codec.subscribe(&[], 1).is_empty());
}
