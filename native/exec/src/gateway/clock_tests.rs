//! Clocks that a venue finds too far from its own: it is asked for its time, which counts from then
//! on.

use serde_json::Value;

use super::testing::{
    NOW, answered, call, gateway_of, hearing, json, one, query, read, sent, submit, text, wish,
};
use super::{Answer, Call, Gateway, Heard, Outgoing, Question};
use crate::report::{RefusalKind, What};

const SECOND: i64 = 1_000_000_000;

/// A venue that minds: what it says then, where it tells its time, and what it tells. All are four
/// seconds ahead of us.
struct Minds {
    venue: &'static str,
    refusal: &'static str,
    path: &'static str,
    time: &'static str,
    header: &'static str,
    before: &'static str,
    after: &'static str,
}

const VENUES: [Minds; 2] = [
    Minds {
        venue: "okx",
        refusal: r#"{"code":"50102","msg":"Timestamp request expired","data":[]}"#,
        path: "/api/v5/public/time",
        time: r#"{"code":"0","msg":"","data":[{"ts":"1767323049678"}]}"#,
        header: "OK-ACCESS-TIMESTAMP",
        before: "2026-01-02T03:04:05.678Z",
        after: "2026-01-02T03:04:09.678Z",
    },
    Minds {
        venue: "bybit-linear",
        refusal: r#"{"retCode":10002,"retMsg":"exceeds the time window","result":{}}"#,
        path: "/v5/market/time",
        time: r#"{"retCode":0,"retMsg":"OK","result":{"timeSecond":"1767323049",
            "timeNano":"1767323049678000000"},"time":1767323049678}"#,
        header: "X-BAPI-TIMESTAMP",
        before: "1767323045678",
        after: "1767323049678",
    },
];

/// What is asked at a moment besides pings.
fn asked(gateway: &mut dyn Gateway, now: i64) -> Vec<Call> {
    let sent = gateway.tick(0, now, &mut Vec::new()).into_iter();
    let calls = sent.filter_map(|one| match one {
        Outgoing::Call(call) => Some(call),
        _ => None,
    });
    calls.collect()
}

fn header<'a>(call: &'a Call, name: &str) -> &'a str {
    let mut headers = call.headers.iter();
    headers.find(|(known, _)| *known == name).map(|(_, value)| &**value).unwrap()
}

/// `answered` of [`super::testing`] comes five nanoseconds after the question, and a time that is
/// told then counts from there.
const ANSWERED: i64 = NOW + 5;

#[test]
fn a_clock_that_is_wrong_is_set_by_the_venues() {
    for minds in VENUES {
        let mut gateway = gateway_of(minds.venue);
        hearing(minds.venue, &mut *gateway);
        let question = call(gateway.ask(Question::Balances, NOW));
        assert_eq!(header(&question, minds.header), minds.before);
        let heard = one(answered(&mut *gateway, question.id, 200, minds.refusal));
        let Heard::Answer(_, Answer::Failed(refusal)) = heard else { panic!("{}", minds.venue) };
        assert_eq!(refusal.reason, RefusalKind::Clock);
        let [time] = &asked(&mut *gateway, NOW)[..] else { panic!("{}", minds.venue) };
        // Nothing in it could be of another time.
        assert_eq!((time.method, &*time.path, time.headers.len()), ("GET", minds.path, 0));
        assert_eq!(answered(&mut *gateway, time.id, 200, minds.time), []);
        let again = call(gateway.ask(Question::Balances, ANSWERED));
        assert_eq!(header(&again, minds.header), minds.after);
        assert_eq!(asked(&mut *gateway, NOW + 10 * SECOND), []);
    }
}

#[test]
fn a_query_that_is_refused_for_the_clock_says_nothing_of_its_order() {
    for minds in VENUES {
        let mut gateway = gateway_of(minds.venue);
        let question = call(gateway.write(&query(), NOW).unwrap());
        let heard = one(answered(&mut *gateway, question.id, 200, minds.refusal));
        assert!(matches!(&heard, Heard::Report(one) if matches!(one.what, What::Ended { .. })));
    }
}

#[test]
fn a_venue_that_does_not_tell_its_time_is_asked_at_the_next_refusal() {
    for minds in VENUES {
        let mut gateway = gateway_of(minds.venue);
        hearing(minds.venue, &mut *gateway);
        let mut refuse = |at| {
            let question = call(gateway.ask(Question::Balances, at));
            answered(&mut *gateway, question.id, 200, minds.refusal);
            asked(&mut *gateway, at)
        };
        let first = refuse(NOW);
        assert_eq!(first.len(), 1, "{}", minds.venue);
        // No more often than every few seconds, however much is refused.
        assert_eq!(refuse(NOW + SECOND), []);
        assert_eq!(refuse(NOW + 5 * SECOND).len(), 1, "{}", minds.venue);
        let mut heard = Vec::new();
        let broken = super::HttpAnswer { status: 502, headers: &[], body: b"<html>" };
        gateway.answered(first[0].id, Ok(broken), ANSWERED, &mut heard).unwrap();
        assert_eq!(heard, []);
    }
}

/// A log-on that is refused, and the one after the venue has told its time.
fn logged_on_again(minds: &Minds, refusal: &str) -> Value {
    let mut gateway = gateway_of(minds.venue);
    let heard = read(&mut *gateway, 0, refusal);
    assert!(matches!(&heard[..], [Heard::Closed(_)]), "{heard:?}");
    let time = asked(&mut *gateway, NOW).pop().unwrap();
    answered(&mut *gateway, time.id, 200, minds.time);
    let opened = gateway.tick(0, ANSWERED, &mut Vec::new());
    assert!(matches!(opened.first(), Some(Outgoing::Open { line: 0, .. })), "{opened:?}");
    text(gateway.opened(0, ANSWERED).pop().unwrap())
}

#[test]
fn a_log_on_that_is_refused_for_the_clock_is_tried_again_with_the_right_time() {
    let [okx, bybit] = VENUES;
    let refusal = r#"{"event":"error","code":"60006","msg":"Timestamp request expired"}"#;
    let log_on = logged_on_again(&okx, refusal);
    assert_eq!(log_on["args"][0]["timestamp"], "1767323049");
    let refusal = r#"{"success":false,"ret_msg":"Request expired","op":"auth","conn_id":"a"}"#;
    let log_on = logged_on_again(&bybit, refusal);
    assert_eq!(log_on["args"][1], json("1767323059678"));
}

#[test]
fn orders_on_a_line_have_the_time_of_the_venue() {
    let [_, bybit] = VENUES;
    let mut gateway = gateway_of(bybit.venue);
    hearing(bybit.venue, &mut *gateway);
    let order = sent(gateway.write(&submit(wish()), NOW));
    let refusal = format!(
        r#"{{"reqId":{},"retCode":10002,"retMsg":"window","op":"order.create","data":{{}}}}"#,
        order["reqId"]
    );
    let Heard::Report(report) = one(read(&mut *gateway, 0, &refusal)) else { panic!() };
    assert!(matches!(report.what, What::Rejected(one) if one.reason == RefusalKind::Clock));
    let time = asked(&mut *gateway, NOW).pop().unwrap();
    answered(&mut *gateway, time.id, 200, bybit.time);
    let order = sent(gateway.write(&submit(wish()), ANSWERED));
    assert_eq!(order["header"]["X-BAPI-TIMESTAMP"], bybit.after);
}
