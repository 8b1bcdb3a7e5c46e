use std::collections::BTreeMap;

use rustonite_core::budget::{Errand, Limit};
use rustonite_core::datasets::{
    InstrumentKind, OffsetUnit, OrderEvent, OrderKind, OrderSide, OrderState, Tif,
    TriggerDirection, order_flags,
};
use rustonite_core::ids::InstrumentId;

use super::{Kraken, sign};
use crate::gateway::testing::{
    FIRST, NOW, amount, answered, call, cancel, changed, failed, json, market, next, next_page,
    one, only, query, query_of_number, read, replace, sent, submit, text, trigger, wish,
};
use crate::gateway::{
    Answer, Budget, Gateway as _, Heard, Outgoing, Question, Signer, Spend, testing,
};
use crate::report::{Fill, RefusalKind, What};
use crate::wish::{Trail, Wish};

const SECRET: &str =
    "kQH5HW/8p1uGOVjbgWA7FunAmGO8lsSUXNsu3eow76sz84Q18fWxnyRzBHCd3pd5nE9qa99HAZtuZuj6F1huXg==";

fn gateway() -> Kraken {
    let (directory, venue, account) =
        testing::directory("kraken", "BTC/USD", InstrumentKind::Spot, "BTC", "USD");
    Kraken::new(directory, venue, account, "key".to_owned(), SECRET).unwrap()
}

/// One that has its token.
fn ready() -> Kraken {
    let mut gateway = gateway();
    let asked = call(gateway.opened(0, NOW).pop().unwrap());
    let token = r#"{"error":[],"result":{"token":"TOKEN","expires":900}}"#;
    let sent = answered(&mut gateway, asked.id, 200, token);
    let [Heard::Send(subscribe)] = &sent[..] else { panic!("{sent:?}") };
    let subscribe = text(subscribe.clone());
    assert_eq!(
        (&subscribe["params"]["channel"], &subscribe["params"]["token"]),
        (&json(r#""executions""#), &json(r#""TOKEN""#))
    );
    assert_eq!(subscribe["params"]["ratecounter"], true);
    let id = &subscribe["req_id"];
    let subscribed = format!(
        r#"{{"method":"subscribe","req_id":{id},"result":{{"channel":"executions"}},"success":true}}"#
    );
    assert_eq!(read(&mut gateway, 0, &subscribed), [Heard::Ready]);
    gateway
}

fn reply(gateway: &mut Kraken, id: &serde_json::Value, error: &str) -> Vec<Heard> {
    let success = error.is_empty();
    let text = format!(
        r#"{{"method":"add_order","req_id":{id},"success":{success},"error":"{error}",
        "result":{{"order_id":"OABCDE-12345-FGHIJ","cl_ord_id":"r-1"}}}}"#
    );
    read(gateway, 0, &text)
}

fn execution(sequence: i64, changes: &str) -> String {
    let row = changed(
        r#"{"order_id":"OABCDE-12345-FGHIJ","timestamp":"2026-01-02T03:04:05.699Z"}"#,
        changes,
    );
    format!(r#"{{"channel":"executions","type":"update","sequence":{sequence},"data":[{row}]}}"#)
}

const NEW: &str = r#"{"exec_type":"new","order_status":"new","cl_ord_id":"r-1","symbol":"BTC/USD",
    "side":"buy","order_type":"limit","order_qty":0.5,"limit_price":30000.0,"cum_qty":0}"#;

#[test]
fn the_published_answer() {
    let signer = Signer::of_base64(SECRET).unwrap();
    let body = "nonce=1616492376594&ordertype=limit&pair=XBTUSD&price=37500&type=buy&volume=1.25";
    let expected =
        "4/dpxb3iT4tp/ZCVEwSnEsLxx0bqyhLpdfOpc6fn7OR8+UClSV5n9E6aSS8MPtnRfp32bAb0nmbRn6H8ndwLUQ==";
    assert_eq!(sign(&signer, "/0/private/AddOrder", "1616492376594", body), expected);
    assert!(Signer::of_base64("no base64!").is_err());
}

#[test]
fn a_token_comes_before_all_else() {
    let mut gateway = gateway();
    let refusal = gateway.write(&submit(wish()), NOW).unwrap_err();
    assert_eq!(refusal.reason, RefusalKind::Unavailable);
    let asked = call(gateway.opened(0, NOW).pop().unwrap());
    assert_eq!((asked.method, &*asked.path), ("POST", "/0/private/GetWebSocketsToken"));
    assert_eq!(asked.body, "nonce=1767323045678000");
    assert_eq!(failed(&mut gateway, asked.id, true), []);
    let later = NOW + 6_000_000_000;
    let again = gateway.tick(0, later, &mut Vec::new());
    assert_eq!(call(again[0].clone()).path, "/0/private/GetWebSocketsToken");
    // Numbers only grow, whatever the clock does.
    let asked = call(gateway.ask(Question::Balances, NOW));
    assert_eq!(asked.body, "nonce=1767323051678001");

    let mut gateway = ready();
    gateway.closed(0, NOW, &mut Vec::new());
    gateway.write(&submit(wish()), NOW).unwrap_err();
    assert!(!format!("{gateway:?}").contains("TOKEN"));
}

#[test]
fn orders_have_the_words_of_the_venue() {
    let of = |wish| sent(ready().write(&submit(wish), NOW));
    let order = of(wish());
    let expected = r#"{"order_type":"limit","side":"buy","symbol":"BTC/USD","order_qty":0.5,
        "limit_price":30000,"time_in_force":"gtc","cl_ord_id":"r-1","token":"TOKEN",
        "deadline":"2026-01-02T03:04:10.678Z"}"#;
    assert_eq!((&order["method"], &order["params"]), (&json(r#""add_order""#), &json(expected)));
    let params = |wish| of(wish)["params"].clone();
    assert_eq!(params(Wish { tif: Some(Tif::Gtx), ..wish() })["post_only"], json("true"));
    let iceberg = params(Wish { size_display: Some(amount("0.1")), ..wish() });
    assert_eq!(
        (&iceberg["order_type"], &iceberg["display_qty"]),
        (&json(r#""iceberg""#), &json("0.1"))
    );
    let until = params(Wish { tif: Some(Tif::Gtd), ts_expire: Some(NOW), ..wish() });
    assert_eq!(until["expire_time"], "2026-01-02T03:04:05.678Z");
    let fee = params(Wish { flags: order_flags::FEE_IN_QUOTE, ..wish() });
    assert_eq!(fee["fee_preference"], "quote");
    let stop = Wish {
        kind: OrderKind::StopMarket,
        trigger: Some(trigger("31000", TriggerDirection::Up)),
        ..market()
    };
    assert_eq!(
        params(stop.clone())["triggers"],
        json(r#"{"reference":"last","price":31000,"price_type":"static"}"#)
    );
    let mut trailing = Wish { kind: OrderKind::TrailingStopMarket, ..stop };
    trailing.trigger.as_mut().unwrap().trail =
        Some(Trail { offset: amount("150"), unit: OffsetUnit::Bps, activation: None });
    assert_eq!(
        params(trailing)["triggers"],
        json(r#"{"reference":"last","price":1.5,"price_type":"pct"}"#)
    );
    let money = Wish { size_quote: Some(amount("100")), ..market() };
    assert_eq!(params(money.clone())["cash_order_qty"], json("100"));
    ready().write(&submit(Wish { side: OrderSide::Sell, ..money }), NOW).unwrap_err();
}

#[test]
fn a_reply_takes_a_request_or_refuses_it() {
    let mut gateway = ready();
    let asked = sent(gateway.write(&submit(wish()), NOW));
    let report = only(reply(&mut gateway, &asked["req_id"], ""));
    assert_eq!(report.venue_order_id.as_deref(), Some("OABCDE-12345-FGHIJ"));
    let asked = sent(gateway.write(&submit(wish()), NOW));
    let what = only(reply(&mut gateway, &asked["req_id"], "EOrder:Insufficient funds")).what;
    assert!(matches!(what, What::Rejected(refusal) if refusal.reason == RefusalKind::Balance));
}

#[test]
fn updates_name_an_order_by_its_number() {
    let mut gateway = ready();
    assert_eq!(only(read(&mut gateway, 0, &execution(1, NEW))).what, What::Accepted);
    let fill = r#"{"exec_type":"trade","order_status":"partially_filled","exec_id":"TXXX","trade_id":9,
        "last_qty":0.2,"last_price":29999.50,"liquidity_ind":"m","cum_qty":0.2,"fees":[{"asset":"USD","qty":1.5}]}"#;
    let report = only(read(&mut gateway, 0, &execution(2, fill)));
    assert_eq!((&*report.client_id, report.ts_event), ("r-1", 1_767_323_045_699_000_000));
    let What::Fill(Fill { fill_id, price, size_filled, fee, .. }) = report.what else { panic!() };
    assert_eq!((&*fill_id, price, size_filled), ("TXXX", amount("29999.5"), Some(amount("0.2"))));
    assert_eq!(fee.unwrap().0, amount("1.5"));
    let end = r#"{"exec_type":"canceled","order_status":"canceled","cum_qty":0.2,"reason":"User requested"}"#;
    let what = only(read(&mut gateway, 0, &execution(3, end))).what;
    assert!(
        matches!(what, What::Cancelled { refusal: None, size_filled: Some(filled), .. } if filled == amount("0.2"))
    );
}

#[test]
fn changes_and_cancels_are_over_when_the_stream_says_so() {
    let mut gateway = ready();
    read(&mut gateway, 0, &execution(1, NEW));
    let asked = sent(gateway.write(&replace("0.1"), NOW));
    assert_eq!(
        (&asked["method"], &asked["params"]["order_qty"]),
        (&json(r#""amend_order""#), &json("0.6"))
    );
    assert_eq!(asked["params"]["deadline"], "2026-01-02T03:04:10.678Z");
    assert_eq!(reply(&mut gateway, &asked["req_id"], ""), []);
    let amended =
        r#"{"exec_type":"amended","order_status":"new","order_qty":0.6,"limit_price":30001}"#;
    let what = only(read(&mut gateway, 0, &execution(2, amended))).what;
    assert_eq!(what, What::Replaced { price: Some(amount("30001")), size: amount("0.6") });

    let asked = sent(gateway.write(&cancel(), NOW));
    assert_eq!(asked["params"]["cl_ord_id"], json(r#"["r-1"]"#));
    assert_eq!(reply(&mut gateway, &asked["req_id"], ""), []);
    // The order was filled before.
    let filled = r#"{"exec_type":"filled","order_status":"filled","cum_qty":0.6}"#;
    assert_eq!(read(&mut gateway, 0, &execution(3, filled)), []);
    let mut heard = Vec::new();
    gateway.tick(i64::MAX, NOW, &mut heard);
    assert_eq!(heard, []);

    let asked = sent(gateway.write(&cancel(), NOW));
    reply(&mut gateway, &asked["req_id"], "");
    gateway.closed(0, NOW, &mut heard);
    let What::Ended { request, .. } = only(heard).what else { panic!() };
    assert_eq!(request, OrderEvent::CancelAsked);
}

#[test]
fn a_message_that_is_missing_opens_the_line_anew() {
    let mut gateway = ready();
    read(&mut gateway, 0, &execution(1, NEW));
    let end = r#"{"exec_type":"expired","order_status":"expired","cum_qty":0}"#;
    gateway.write(&submit(wish()), NOW).unwrap();
    let heard = read(&mut gateway, 0, &execution(3, end));
    let [
        Heard::Report(lost),
        Heard::Closed(_),
        Heard::Send(Outgoing::Open { line: 0, .. }),
        Heard::Report(_),
    ] = &heard[..]
    else {
        panic!("{heard:?}")
    };
    assert!(matches!(lost.what, What::Ended { .. }), "{lost:?}");
    // Until the new line is logged on nothing can be sent.
    gateway.write(&submit(wish()), NOW).unwrap_err();
}

#[test]
fn questions_use_older_names() {
    let mut gateway = ready();
    let asked = call(gateway.ask(Question::OpenOrders, NOW));
    let order = r#"{"cl_ord_id":"r-1","status":"open","opentm":1688666559.8974,"descr":{"pair":"XBTUSD",
        "type":"buy","ordertype":"limit","price":"30010.0","price2":"0"},"vol":"1.25","vol_exec":"0.375",
        "price":"30009.5"}"#;
    let other = order.replace("XBTUSD", "ETHUSD");
    let body =
        format!(r#"{{"error":[],"result":{{"open":{{"OQCLML":{order},"OB5VMB":{other}}}}}}}"#);
    let heard = answered(&mut gateway, asked.id, 200, &body);
    let [Heard::Answer(_, Answer::Reports(reports))] = &heard[..] else { panic!("{heard:?}") };
    assert_eq!((reports.len(), reports[0].ts_event), (1, 1_688_666_559_897_400_000));
    let What::Picture(picture) = &reports[0].what else { panic!() };
    assert_eq!(
        (picture.state, picture.price),
        (OrderState::PartiallyFilled, Some(amount("30010")))
    );

    let asked = call(gateway.ask(Question::Balances, NOW));
    let body = r#"{"error":[],"result":{"XXBT":{"balance":"1.5","hold_trade":"0.5"},"ZUSD":{"balance":"10"},
        "XETH":{"balance":"1"}}}"#;
    let heard = answered(&mut gateway, asked.id, 200, body);
    let [Heard::Answer(_, Answer::Balances(balances))] = &heard[..] else { panic!("{heard:?}") };
    assert_eq!(
        (balances.len(), balances[0].available, balances[0].locked),
        (2, amount("1"), amount("0.5"))
    );

    let asked = call(gateway.ask(Question::Fills(FIRST, NOW), NOW));
    assert!(asked.body.ends_with("&start=1767323044&ofs=0"), "{}", asked.body);
    let trade = r#"{"ordertxid":"OQCLML","pair":"XXBTZUSD","time":1767323046.5,"type":"buy","ordertype":"limit",
        "price":"30010.0","cost":"600.2","fee":"0.1","vol":"0.02","trade_id":40274859,"maker":true}"#;
    let page = format!(r#"{{"error":[],"result":{{"count":2,"trades":{{"THVRQM":{trade}}}}}}}"#);
    let asked = call(next_page(&mut gateway, asked.id, &page));
    assert!(asked.body.ends_with("&ofs=1"), "{}", asked.body);
    let heard = answered(&mut gateway, asked.id, 200, &page);
    let [Heard::Answer(_, Answer::Reports(reports))] = &heard[..] else { panic!("{heard:?}") };
    assert!(matches!(&reports[0].what, What::Fill(fill) if &*fill.fill_id == "THVRQM"));

    let asked = call(gateway.ask(Question::Balances, NOW));
    let busy = r#"{"error":["EAPI:Rate limit exceeded"]}"#;
    let Heard::Answer(_, Answer::Failed(refusal)) =
        one(answered(&mut gateway, asked.id, 200, busy))
    else {
        panic!()
    };
    assert_eq!(refusal.reason, RefusalKind::RateLimited);
}

#[test]
fn an_order_is_looked_for_among_the_open_and_the_closed() {
    let mut gateway = ready();
    let asked = call(gateway.write(&query(), NOW).unwrap());
    assert_eq!(asked.path, "/0/private/OpenOrders");
    let empty = r#"{"error":[],"result":{"open":{}}}"#;
    let asked = call(next(answered(&mut gateway, asked.id, 200, empty)));
    assert_eq!(asked.path, "/0/private/ClosedOrders");
    let order = r#"{"cl_ord_id":"r-1","status":"closed","opentm":1688666559,"descr":{"pair":"XBTUSD",
        "type":"buy","ordertype":"market","price":"0","price2":"0"},"vol":"1","vol_exec":"1","price":"2"}"#;
    let body = format!(r#"{{"error":[],"result":{{"closed":{{"OQCLML":{order}}},"count":1}}}}"#);
    let report = only(answered(&mut gateway, asked.id, 200, &body));
    assert!(matches!(report.what, What::Picture(one) if one.state == OrderState::Filled));

    let asked = call(gateway.write(&query(), NOW).unwrap());
    let asked = call(next(answered(&mut gateway, asked.id, 200, empty)));
    let empty = r#"{"error":[],"result":{"closed":{},"count":0}}"#;
    assert_eq!(only(answered(&mut gateway, asked.id, 200, empty)).what, What::NotFound);
}

/// A gateway whose only limit is the venue's count of orders, which drains by one in a second.
fn counting() -> Kraken {
    let orders = Limit {
        name: "orders".to_owned(),
        most: 60,
        per_s: 0,
        drains_per_s: 1.0,
        each_instrument: true,
        costs: [(Errand::Place, 1)].into(),
        young: BTreeMap::new(),
        used_header: String::new(),
        left_header: String::new(),
        most_header: String::new(),
    };
    let mut gateway = ready();
    *gateway.budget().unwrap() = Budget::new(vec![orders]);
    gateway
}

fn has_room(gateway: &mut Kraken, instrument: InstrumentId) -> bool {
    let spend = Spend { instrument: Some(instrument), ..Spend::one(Errand::Place) };
    gateway.budget().unwrap().room(&spend, NOW + 5).is_ok()
}

fn counted(sequence: i64, counter: &str) -> String {
    let row = r#"{"exec_type":"new","symbol":"BTC/USD","side":"buy","order_qty":1"#;
    execution(sequence, &format!("{row}{counter}}}"))
}

/// The line is opened anew, and the subscription says so much.
fn subscribed_again(gateway: &mut Kraken, result: &str) {
    gateway.opened(0, NOW);
    let token = r#"{"error":[],"result":{"token":"TOKEN"}}"#;
    let id = gateway.flights.last_id();
    let subscribe = text(next(answered(gateway, id, 200, token)));
    let id = &subscribe["req_id"];
    let subscribed =
        format!(r#"{{"method":"subscribe","req_id":{id},"success":true,"result":{result}}}"#);
    assert_eq!(read(gateway, 0, &subscribed), [Heard::Ready]);
}

#[test]
fn what_the_venue_counts_corrects_our_count() {
    let mut gateway = counting();
    read(&mut gateway, 0, &counted(1, r#","ratecounter":59"#));
    assert!(has_room(&mut gateway, FIRST));
    // It need not be a whole number.
    read(&mut gateway, 0, &counted(2, r#","ratecounter":59.5"#));
    assert!(!has_room(&mut gateway, FIRST));
    assert!(has_room(&mut gateway, InstrumentId(1)));
    // An account of another tier has more.
    subscribed_again(&mut gateway, r#"{"channel":"executions","maxratecount":125}"#);
    assert!(has_room(&mut gateway, FIRST));
    for counter in [r#","ratecount":"124.1""#, r#","ratecounter":null,"ratecount":125"#] {
        let mut gateway = counting();
        subscribed_again(&mut gateway, r#"{"maxratecount":"125"}"#);
        read(&mut gateway, 0, &counted(1, counter));
        assert!(!has_room(&mut gateway, FIRST), "{counter}");
    }
}

#[test]
fn a_count_that_cannot_be_read_is_left_to_our_own() {
    let odd = ["null", "{}", "[59]", r#""many""#, "true", "-60", "1e30", r#""""#];
    let counters = odd.map(|value| format!(r#","ratecounter":{value}"#));
    for counter in counters.iter().map(String::as_str).chain([""]) {
        let mut gateway = counting();
        subscribed_again(&mut gateway, "{}");
        // The order itself is told whatever is counted.
        let report = only(read(&mut gateway, 0, &counted(1, counter)));
        assert_eq!(report.what, What::Accepted, "{counter}");
        assert!(has_room(&mut gateway, FIRST), "{counter}");
        for _ in 0..60 {
            gateway.write(&submit(wish()), NOW + 5).unwrap();
        }
        assert!(!has_room(&mut gateway, FIRST), "{counter}");
    }
    for most in odd.iter().chain(&["0"]) {
        let mut gateway = counting();
        subscribed_again(&mut gateway, &format!(r#"{{"maxratecount":{most}}}"#));
        read(&mut gateway, 0, &counted(1, r#","ratecounter":60"#));
        assert!(!has_room(&mut gateway, FIRST), "{most}");
        let mut gateway = counting();
        subscribed_again(&mut gateway, &format!(r#"{{"maxratecount":{most}}}"#));
        read(&mut gateway, 0, &counted(1, r#","ratecounter":59"#));
        assert!(has_room(&mut gateway, FIRST), "{most}");
    }
}

#[test]
fn an_order_without_a_client_id_is_asked_for_by_its_number() {
    let mut gateway = ready();
    let asked = call(gateway.write(&query_of_number(), NOW).unwrap());
    assert_eq!(asked.path, "/0/private/QueryOrders");
    assert!(asked.body.ends_with("&txid=77"), "{}", asked.body);
    let order = r#"{"status":"closed","opentm":1688666559,"descr":{"pair":"XBTUSD",
        "type":"buy","ordertype":"market","price":"0","price2":"0"},"vol":"1","vol_exec":"1","price":"2"}"#;
    let body = format!(r#"{{"error":[],"result":{{"77":{order}}}}}"#);
    let report = only(answered(&mut gateway, asked.id, 200, &body));
    assert_eq!((&*report.client_id, report.venue_order_id.as_deref()), ("", Some("77")));
    assert!(matches!(report.what, What::Picture(one) if one.state == OrderState::Filled));

    let asked = call(gateway.write(&query_of_number(), NOW).unwrap());
    let missing = r#"{"error":["EOrder:Unknown order"]}"#;
    let report = only(answered(&mut gateway, asked.id, 200, missing));
    assert_eq!((report.venue_order_id.as_deref(), report.what), (Some("77"), What::NotFound));
}
