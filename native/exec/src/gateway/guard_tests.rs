//! Timers at each venue that has them: asked for while we hear of our orders, and taken back.

use rustonite_core::budget::{Errand, Limit};

use super::testing::{
    FIRST, NOW, answered, answered_with, call, failed, gateway_of, hearing, json, read, submit,
    text, wish,
};
use super::{Budget, Gateway, Heard, Outgoing, Spend, capabilities};
use crate::report::{RefusalKind, What};

const SECOND: i64 = 1_000_000_000;

/// A gateway that hears of its orders and is to be looked after.
fn guarded(venue: &str, seconds: u32) -> Box<dyn Gateway> {
    let mut gateway = gateway_of(venue);
    gateway.guard(seconds, &[FIRST]).unwrap();
    hearing(venue, &mut *gateway);
    gateway
}

fn tick(gateway: &mut dyn Gateway, now: i64) -> Vec<Outgoing> {
    let mut sent = gateway.tick(0, now, &mut Vec::new());
    sent.retain(|one| !matches!(one, Outgoing::Text { text, .. } if text.contains("ping")));
    sent
}

#[test]
fn a_timer_of_usdm_is_set_for_each_symbol_and_taken_back() {
    let mut gateway = guarded("binance-usdm", 30);
    let [Outgoing::Call(asked)] = &tick(&mut *gateway, NOW)[..] else { panic!() };
    assert_eq!(asked.method, "POST");
    let path = "/fapi/v1/countdownCancelAll?countdownTime=30000&symbol=BTCUSDT&timestamp=";
    assert!(asked.path.starts_with(path), "{}", asked.path);
    assert!(!gateway.is_guarded(NOW + 1));
    let body = r#"{"symbol":"BTCUSDT","countdownTime":"30000"}"#;
    assert_eq!(answered(&mut *gateway, asked.id, 200, body), []);
    assert!(gateway.is_guarded(NOW + 29 * SECOND) && !gateway.is_guarded(NOW + 30 * SECOND));
    assert_eq!(tick(&mut *gateway, NOW + 9 * SECOND), []);
    assert_eq!(tick(&mut *gateway, NOW + 10 * SECOND).len(), 1);
    // Without a line that hears of orders the timer is left to run out.
    gateway.closed(1, NOW + 11 * SECOND, &mut Vec::new());
    assert_eq!(tick(&mut *gateway, NOW + 25 * SECOND), []);
    let [Outgoing::Call(last)] = &gateway.unguard(NOW + 26 * SECOND)[..] else { panic!() };
    assert!(last.path.contains("countdownTime=0&"), "{}", last.path);
    assert_eq!(gateway.unguard(NOW + 26 * SECOND), []);
}

#[test]
fn a_timer_of_okx_is_one_for_the_account() {
    let mut gateway = guarded("okx", 30);
    let [Outgoing::Call(asked)] = &tick(&mut *gateway, NOW)[..] else { panic!() };
    assert_eq!((asked.method, &*asked.path), ("POST", "/api/v5/trade/cancel-all-after"));
    assert_eq!(asked.body, r#"{"timeOut":"30"}"#);
    let body = r#"{"code":"0","msg":"","data":[{"triggerTime":"1767323075678","ts":"1"}]}"#;
    assert_eq!(answered(&mut *gateway, asked.id, 200, body), []);
    assert!(gateway.is_guarded(NOW + SECOND));
    let last = call(gateway.unguard(NOW + 2 * SECOND).pop().unwrap());
    assert_eq!(last.body, r#"{"timeOut":"0"}"#);
}

#[test]
fn a_timer_of_kraken_goes_over_the_line() {
    let mut gateway = guarded("kraken", 60);
    let asked = text(tick(&mut *gateway, NOW).pop().unwrap());
    assert_eq!(asked["method"], "cancel_all_orders_after");
    assert_eq!(asked["params"], json(r#"{"timeout":60,"token":"T"}"#));
    let reply = format!(
        r#"{{"method":"cancel_all_orders_after","req_id":{},"success":true,
        "result":{{"currentTime":"a","triggerTime":"b"}}}}"#,
        asked["req_id"]
    );
    assert_eq!(read(&mut *gateway, 0, &reply), []);
    assert!(gateway.is_guarded(NOW + 59 * SECOND));
    let last = text(gateway.unguard(NOW + SECOND).pop().unwrap());
    assert_eq!(last["params"]["timeout"], 0);
}

#[test]
fn bybit_ends_orders_with_the_line_that_hears_of_it() {
    let mut gateway = guarded("bybit-linear", 30);
    let [Outgoing::Call(asked)] = &tick(&mut *gateway, NOW)[..] else { panic!() };
    assert_eq!(asked.path, "/v5/order/disconnected-cancel-all");
    assert_eq!(asked.body, r#"{"product":"DERIVATIVES","timeWindow":30}"#);
    let body = r#"{"retCode":0,"retMsg":"success"}"#;
    assert_eq!(answered(&mut *gateway, asked.id, 200, body), []);
    assert!(gateway.is_guarded(NOW + SECOND));
    let last = text(gateway.unguard(NOW + SECOND).pop().unwrap());
    assert_eq!(last, json(r#"{"op":"unsubscribe","args":["dcp.future"]}"#));
    gateway.guard(30, &[FIRST]).unwrap();
    gateway.opened(1, NOW);
    let heard = read(&mut *gateway, 1, r#"{"success":true,"op":"auth","conn_id":"a"}"#);
    let Some(Heard::Send(subscribe)) = heard.into_iter().next() else { panic!() };
    assert_eq!(text(subscribe)["args"][4], "dcp.future");
}

#[test]
fn a_timer_that_is_refused_or_lost_is_told_and_tried_again() {
    let mut gateway = guarded("okx", 30);
    let asked = call(tick(&mut *gateway, NOW).pop().unwrap());
    let body = r#"{"code":"50120","msg":"no permission","data":[]}"#;
    let [Heard::Notice(text)] = &answered(&mut *gateway, asked.id, 200, body)[..] else { panic!() };
    assert!(text.contains("no permission"), "{text}");
    assert!(!gateway.is_guarded(NOW + SECOND));
    // It is tried again soon, and told once until it runs.
    let asked = call(tick(&mut *gateway, NOW + 3 * SECOND).pop().unwrap());
    assert_eq!(failed(&mut *gateway, asked.id, false), []);
    assert_eq!(tick(&mut *gateway, NOW + 6 * SECOND).len(), 1);
    assert!(!gateway.is_guarded(NOW + 6 * SECOND));
}

#[test]
fn a_timer_of_which_no_answer_comes_is_told_once_and_does_not_guard() {
    let mut gateway = guarded("binance-usdm", 30);
    let body = r#"{"symbol":"BTCUSDT","countdownTime":"30000"}"#;
    let asked = call(tick(&mut *gateway, NOW).pop().unwrap());
    answered(&mut *gateway, asked.id, 200, body);
    assert_eq!(tick(&mut *gateway, NOW + 10 * SECOND).len(), 1);
    let mut heard = Vec::new();
    // It is given up five seconds later, and again and again.
    for at in (15..40).map(|at| NOW + at * SECOND) {
        let sent = gateway.tick(at - 5 * SECOND + 1, at, &mut heard);
        let soon = sent.iter().filter(|one| format!("{one:?}").contains("countdownCancelAll"));
        assert!(soon.count() <= 1);
    }
    let told = |one: &Heard| matches!(one, Heard::Notice(text) if text.contains("timer"));
    assert_eq!(heard.iter().filter(|one| told(one)).count(), 1, "{heard:?}");
    assert!(gateway.is_guarded(NOW + 29 * SECOND) && !gateway.is_guarded(NOW + 30 * SECOND));
    // What is set again is told again once it fails.
    let asked = call(tick(&mut *gateway, NOW + 60 * SECOND).pop().unwrap());
    answered(&mut *gateway, asked.id, 200, body);
    assert!(gateway.is_guarded(NOW + 61 * SECOND));
}

#[test]
fn venues_without_a_timer_say_so() {
    for venue in capabilities() {
        let has_one = !matches!(venue.venue, "binance" | "alpaca-stocks" | "alpaca-crypto");
        let asked = gateway_of(venue.venue).guard(30, &[FIRST]);
        assert_eq!(asked.is_ok(), has_one, "{}", venue.venue);
    }
    let refusal = gateway_of("okx").guard(200, &[FIRST]).unwrap_err();
    assert_eq!(&*refusal.detail, "okx: found 200, expected 10 to 120 seconds");
}

// What answers say of limits

fn limit(errand: Errand) -> Limit {
    Limit {
        name: "orders".to_owned(),
        most: 50,
        per_s: 10,
        drains_per_s: 0.0,
        each_instrument: false,
        costs: [(errand, 1)].into(),
        young: std::collections::BTreeMap::new(),
        used_header: "x-used".to_owned(),
        left_header: "x-left".to_owned(),
        most_header: String::new(),
    }
}

fn room(gateway: &mut dyn Gateway, errand: Errand) -> Result<(), i64> {
    gateway.budget().unwrap().room(&Spend::one(errand), NOW + 6)
}

#[test]
fn every_gateway_counts_what_it_sends() {
    for venue in capabilities() {
        let mut gateway = gateway_of(venue.venue);
        *gateway.budget().unwrap() = Budget::new(vec![Limit { most: 1, ..limit(Errand::Place) }]);
        room(&mut *gateway, Errand::Place).unwrap();
        gateway.write(&submit(wish()), NOW).unwrap();
        assert!(room(&mut *gateway, Errand::Place).is_err(), "{}", venue.venue);
        assert!(gateway.in_flight() > 0, "{}", venue.venue);
    }
}

#[test]
fn a_429_refuses_for_certain_and_closes_until_the_venue_says() {
    for venue in ["alpaca-crypto", "alpaca-stocks"] {
        let mut gateway = gateway_of(venue);
        let asked = call(gateway.write(&submit(wish()), NOW).unwrap());
        let head = [("retry-after".to_owned(), "3".to_owned())];
        let heard = answered_with(&mut *gateway, asked.id, 429, &head, "{}");
        let [Heard::Report(report)] = &heard[..] else { panic!("{heard:?}") };
        let What::Rejected(refusal) = &report.what else { panic!("{report:?}") };
        assert_eq!(refusal.reason, RefusalKind::RateLimited);
        assert_eq!(room(&mut *gateway, Errand::Cancel), Err(NOW + 5 + 3 * SECOND));
    }
    let mut gateway = gateway_of("binance");
    let asked = text(gateway.write(&submit(wish()), NOW).unwrap());
    let until = NOW / 1_000_000 + 9_000;
    let reply = format!(
        r#"{{"id":{},"status":418,"error":{{"code":-1003,"msg":"Way too much","data":
        {{"serverTime":1,"retryAfter":{until}}}}}}}"#,
        asked["id"]
    );
    let heard = read(&mut *gateway, 0, &reply);
    let [Heard::Report(report)] = &heard[..] else { panic!("{heard:?}") };
    assert!(matches!(report.what, What::Rejected(_)), "{report:?}");
    assert_eq!(room(&mut *gateway, Errand::Cancel), Err(until * 1_000_000));
}

#[test]
fn answers_of_lines_and_calls_correct_the_count() {
    let mut gateway = gateway_of("binance");
    *gateway.budget().unwrap() = Budget::new(vec![limit(Errand::Place)]);
    let asked = text(gateway.write(&submit(wish()), NOW).unwrap());
    let reply = format!(
        r#"{{"id":{},"status":200,"result":{{"symbol":"BTCUSDT","orderId":1,"transactTime":1}},
        "rateLimits":[{{"rateLimitType":"ORDERS","interval":"SECOND","intervalNum":10,"limit":50,
        "count":50}}]}}"#,
        asked["id"]
    );
    read(&mut *gateway, 0, &reply);
    assert!(room(&mut *gateway, Errand::Place).is_err());

    let mut gateway = gateway_of("alpaca-crypto");
    *gateway.budget().unwrap() = Budget::new(vec![limit(Errand::Place)]);
    let asked = call(gateway.write(&submit(wish()), NOW).unwrap());
    let head = [("x-left".to_owned(), "0".to_owned())];
    answered_with(&mut *gateway, asked.id, 422, &head, "{}");
    assert!(room(&mut *gateway, Errand::Place).is_err());

    let mut gateway = gateway_of("bybit-linear");
    let of_line = Limit { left_header: "x-bapi-limit-status".to_owned(), ..limit(Errand::Place) };
    *gateway.budget().unwrap() = Budget::new(vec![of_line]);
    let asked = text(gateway.write(&submit(wish()), NOW).unwrap());
    let reply = format!(
        r#"{{"reqId":{},"retCode":0,"op":"order.create","data":{{"orderId":"a"}},
        "header":{{"X-Bapi-Limit-Status":"0"}}}}"#,
        asked["reqId"]
    );
    read(&mut *gateway, 0, &reply);
    assert!(room(&mut *gateway, Errand::Place).is_err());

    // Elsewhere the refusal itself is the word.
    let mut gateway = gateway_of("okx");
    *gateway.budget().unwrap() = Budget::new(vec![limit(Errand::Place), limit(Errand::Cancel)]);
    let asked = text(gateway.write(&submit(wish()), NOW).unwrap());
    let reply = format!(r#"{{"id":{},"op":"order","code":"50011","msg":"x"}}"#, asked["id"]);
    read(&mut *gateway, 0, &reply);
    assert!(room(&mut *gateway, Errand::Place).is_err());
    assert!(room(&mut *gateway, Errand::Cancel).is_ok());
}
