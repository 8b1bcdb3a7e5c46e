//! Changes of orders that wait for a trigger: the end of one, and then another.

use rustonite_core::datasets::{OffsetUnit, OrderEvent, OrderKind, TriggerDirection};
use serde_json::Value;

use super::tests::{algo, ready, refuse, reply, stop};
use super::{BinanceUsdM, PRIVATE};
use crate::gateway::testing::{
    NOW, amount, answered, call, cancel, cancel_of, changed, next, only, query, read, replace_with,
    sent, submit, text, trigger,
};
use crate::gateway::{Gateway as _, Heard};
use crate::report::{RefusalKind, What};
use crate::request::{Outcome, Request};
use crate::wish::{Trail, Wish};

/// The stop, with another trigger.
fn moved() -> Wish {
    let trigger = Some(trigger("32000", TriggerDirection::Up));
    Wish { trigger, ..stop(OrderKind::StopMarket, None) }
}

fn change() -> Request {
    replace_with("0", "r-2", moved())
}

/// A gateway whose stop waits, and the request that ends it for a change.
fn changing() -> (BinanceUsdM, Value) {
    let mut gateway = ready();
    let asked = sent(gateway.write(&submit(stop(OrderKind::StopMarket, None)), NOW));
    assert_eq!(only(reply(&mut gateway, &asked["id"], &algo("{}"))).what, What::Accepted);
    let asked = sent(gateway.write(&change(), NOW));
    assert_eq!(asked["method"], "algoOrder.cancel");
    assert_eq!(asked["params"]["clientAlgoId"], "r-1");
    (gateway, asked["id"].clone())
}

/// What the venue says of an end: nothing else of the order.
const ENDED: &str = r#"{"algoId":9001,"clientAlgoId":"r-1","code":"200","msg":"success"}"#;

/// The new order, once the old one has ended.
fn placed(gateway: &mut BinanceUsdM, end: &Value) -> Value {
    let asked = text(next(reply(gateway, end, ENDED)));
    assert_eq!(asked["method"], "algoOrder.place");
    assert_eq!(asked["params"]["clientAlgoId"], "r-2");
    assert_eq!(asked["params"]["triggerPrice"], "32000");
    asked["id"].clone()
}

fn told(gateway: &mut BinanceUsdM, client_id: &str, status: &str) -> Vec<Heard> {
    let one = changed(
        r#"{"s":"BTCUSDT","aid":9002,"S":"BUY","ai":"","at":"CONDITIONAL","o":"STOP_MARKET"}"#,
        &format!(r#"{{"caid":"{client_id}","X":"{status}"}}"#),
    );
    read(gateway, PRIVATE, &format!(r#"{{"e":"ALGO_UPDATE","T":1767323045699,"E":1,"o":{one}}}"#))
}

fn assert_replaced(heard: Vec<Heard>) {
    let report = only(heard);
    assert_eq!(report.what, What::Replaced { price: None, size: amount("0.5") });
    assert_eq!((&*report.client_id, report.client_id_prev.as_deref()), ("r-2", Some("r-1")));
    assert_eq!(report.venue_order_id.as_deref(), Some("9002"));
}

fn anew() -> String {
    algo(r#"{"algoId":9002,"clientAlgoId":"r-2"}"#)
}

#[test]
fn the_order_ends_and_then_another_is_placed() {
    let (mut gateway, end) = changing();
    let begin = placed(&mut gateway, &end);
    // That the old one has ended is no news.
    assert_eq!(told(&mut gateway, "r-1", "CANCELED"), []);
    assert_replaced(reply(&mut gateway, &begin, &anew()));
    assert_eq!(only(told(&mut gateway, "r-2", "NEW")).what, What::Accepted);
    // The new one is an order like any other.
    let asked = sent(gateway.write(&cancel_of("r-2"), NOW));
    assert_eq!(asked["method"], "algoOrder.cancel");
    let report = only(reply(&mut gateway, &asked["id"], ENDED));
    assert!(matches!(report.what, What::Cancelled { .. }));
    assert_eq!(&*report.client_id, "r-2");
    assert_eq!(gateway.in_flight(), 0);
}

#[test]
fn the_stream_may_be_faster_than_the_answers() {
    let (mut gateway, end) = changing();
    assert_eq!(told(&mut gateway, "r-1", "CANCELED"), []);
    let begin = placed(&mut gateway, &end);
    assert_replaced(told(&mut gateway, "r-2", "NEW"));
    assert_eq!(reply(&mut gateway, &begin, &anew()), []);
}

#[test]
fn an_order_whose_price_has_come_is_not_replaced() {
    let (mut gateway, end) = changing();
    assert_eq!(only(told(&mut gateway, "r-1", "TRIGGERED")).what, What::Triggered);
    let report = only(refuse(&mut gateway, &end, -2011));
    assert!(matches!(&report.what, What::ReplaceRejected(refusal)
        if refusal.reason == RefusalKind::UnknownOrder));
    assert_eq!(&*report.client_id, "r-2");
    // Changed once more it is refused before anything is sent.
    let again = replace_with("0", "r-1", moved());
    gateway.write(&again, NOW).unwrap_err();
    assert_eq!(gateway.in_flight(), 0);
}

#[test]
fn a_new_order_that_is_refused_leaves_none() {
    let (mut gateway, end) = changing();
    let begin = placed(&mut gateway, &end);
    let report = only(refuse(&mut gateway, &begin, -2021));
    assert_eq!(&*report.client_id, "r-1");
    let What::Cancelled { refusal: Some(refusal), .. } = report.what else { panic!() };
    assert_eq!((refusal.reason, &*refusal.venue_code), (RefusalKind::Rules, "-2021"));
}

#[test]
fn a_cancel_during_a_change_ends_whichever_there_is() {
    let (mut gateway, end) = changing();
    let asked = sent(gateway.write(&cancel(), NOW));
    assert_eq!(asked["params"]["clientAlgoId"], "r-1");
    // No new one is placed any more.
    let report = only(reply(&mut gateway, &end, ENDED));
    assert!(matches!(report.what, What::Cancelled { refusal: None, .. }));
    assert_eq!(&*report.client_id, "r-1");

    let (mut gateway, end) = changing();
    placed(&mut gateway, &end);
    let asked = sent(gateway.write(&cancel(), NOW));
    assert_eq!(asked["params"]["clientAlgoId"], "r-2");
    let report = only(reply(&mut gateway, &asked["id"], ENDED));
    assert!(matches!(report.what, What::Cancelled { .. }));
    assert_eq!(&*report.client_id, "r-2");
}

#[test]
fn of_several_cancels_that_of_a_change_goes_alone() {
    let (mut gateway, end) = changing();
    placed(&mut gateway, &end);
    let all = [cancel(), cancel_of("r-7"), cancel_of("r-8")];
    let sent = gateway.write_many(&all, NOW).sent;
    let alone = sent.into_iter().find(|(_, which)| which == &[0]).unwrap().0;
    let asked = text(alone);
    assert_eq!(asked["method"], "algoOrder.cancel");
    assert_eq!(asked["params"]["clientAlgoId"], "r-2");
}

#[test]
fn there_is_one_change_at_a_time() {
    let (mut gateway, _) = changing();
    let Request::Replace { order, instrument, account, wish, .. } = change() else { panic!() };
    let second = |from: &str| Request::Replace {
        order,
        instrument,
        account,
        client_id: "r-3".into(),
        client_id_prev: from.into(),
        venue_order_id: None,
        wish: wish.clone(),
        size_filled: amount("0"),
    };
    for from in ["r-1", "r-2"] {
        let refusal = gateway.write(&second(from), NOW).unwrap_err();
        assert_eq!(refusal.reason, RefusalKind::Rules);
    }
}

/// The queries after a change got lost: about the new order, and then about the old one.
fn sought(gateway: &mut BinanceUsdM, new: (u16, &str), old: (u16, &str)) -> Vec<Heard> {
    let first = call(gateway.write(&query(), NOW + 2).unwrap());
    assert!(first.path.starts_with("/fapi/v1/algoOrder?clientAlgoId=r-2&"), "{}", first.path);
    let second = call(next(answered(gateway, first.id, new.0, new.1)));
    assert!(second.path.starts_with("/fapi/v1/algoOrder?clientAlgoId=r-1&"), "{}", second.path);
    answered(gateway, second.id, old.0, old.1)
}

const ABSENT: (u16, &str) = (400, r#"{"code":-2013,"msg":"Order does not exist."}"#);

/// A change of which nobody knows what became of it.
fn lost(half: impl Fn(&mut BinanceUsdM, &Value)) -> BinanceUsdM {
    let (mut gateway, end) = changing();
    half(&mut gateway, &end);
    let mut heard = Vec::new();
    gateway.closed(0, NOW + 1, &mut heard);
    let What::Ended { request, outcome, .. } = only(heard).what else { panic!() };
    assert_eq!((request, outcome), (OrderEvent::ReplaceAsked, Outcome::Unknown));
    gateway
}

#[test]
fn a_change_that_gets_lost_is_settled_by_queries() {
    let both = |gateway: &mut BinanceUsdM, end: &Value| drop(placed(gateway, end));
    let cancelled = algo(r#"{"algoStatus":"CANCELED"}"#);
    let mut done = lost(both);
    let heard = sought(&mut done, (200, &anew()), (200, &cancelled));
    let [Heard::Report(replaced), Heard::Report(picture)] = &heard[..] else { panic!("{heard:?}") };
    assert!(matches!(replaced.what, What::Replaced { .. }));
    assert_eq!((&*replaced.client_id, &*picture.client_id), ("r-2", "r-2"));

    let mut not_placed = lost(both);
    let report = only(sought(&mut not_placed, ABSENT, (200, &cancelled)));
    assert_eq!(&*report.client_id, "r-1");
    assert!(matches!(report.what, What::Picture(_)));

    let mut not_ended = lost(|_, _| ());
    let heard = sought(&mut not_ended, ABSENT, (200, &algo("{}")));
    let [Heard::Report(refused), Heard::Report(picture)] = &heard[..] else { panic!("{heard:?}") };
    assert!(matches!(refused.what, What::ReplaceRejected(_)));
    assert_eq!(&*picture.client_id, "r-1");
}

#[test]
fn what_follows_the_market_is_not_begun_anew() {
    let trail = Trail { offset: amount("100"), unit: OffsetUnit::Bps, activation: None };
    let mut following = trigger("0", TriggerDirection::Up);
    following.trail = Some(trail);
    let wish = Wish { trigger: Some(following), ..stop(OrderKind::TrailingStopMarket, None) };
    ready().write(&replace_with("0", "r-2", wish), NOW).unwrap_err();
}

#[test]
fn pictures_tell_the_price_that_starts_an_order() {
    let (mut gateway, end) = changing();
    let begin = placed(&mut gateway, &end);
    reply(&mut gateway, &begin, &anew());
    let asked = call(gateway.write(&query_of("r-2"), NOW).unwrap());
    let shown = algo(r#"{"algoId":9002,"clientAlgoId":"r-2","triggerPrice":"32000"}"#);
    let report = only(answered(&mut gateway, asked.id, 200, &shown));
    let What::Picture(picture) = report.what else { panic!() };
    assert_eq!(picture.price_trigger, Some(amount("32000")));
}

fn query_of(client_id: &str) -> Request {
    let Request::Query { order, instrument, account, .. } = query() else { unreachable!() };
    let client_id = client_id.into();
    Request::Query { order, instrument, account, client_id, venue_order_id: None }
}
