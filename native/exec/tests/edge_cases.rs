//! The 34 ways in which orders go wrong, one test each.
#![allow(clippy::unwrap_used, reason = "a failing test should panic")]

mod common;

use common::*;
use rustonite_core::datasets::{
    Contingency, EventSource, FillKind, OrderEvent, OrderSide, OrderState, PositionSide,
    TriggerDirection, TriggerSource, order_flags,
};
use rustonite_core::{Amount, datasets::OrderKind};
use rustonite_exec::{
    AnomalyCode, Ask, Change, ChangeIds, Correction, ExecError, Figures, Fill, Ledger, Link,
    OrderId, OrderPicture, Outcome, PositionKey, RefusalKind, Report, Request, Tapes, Trigger,
    What, Wish,
};

fn codes(change: &Change) -> Vec<AnomalyCode> {
    change.anomalies.iter().map(|anomaly| anomaly.code).collect()
}

fn account_key() -> PositionKey {
    PositionKey { account: ACCOUNT, strategy: None, instrument: SPOT, side: PositionSide::Net }
}

#[test]
fn edge_01_fill_after_cancel_sent() {
    let mut ledger = ledger();
    let id = working(&mut ledger);
    ledger.cancel(NOW, id).unwrap();
    let change = ledger.report(&of(&ledger, id, filled_by("1", "4")));
    assert_eq!(change.anomalies, []);
    assert_eq!(state(&ledger, id), OrderState::PendingCancel);
    ledger.report(&of(&ledger, id, cancelled(Some("4"))));
    assert_eq!((state(&ledger, id), filled(&ledger, id)), (OrderState::Cancelled, amount("4")));
    // And one that fills it: the cancel comes too late, and that is no news.
    let id = working(&mut ledger);
    ledger.cancel(NOW, id).unwrap();
    ledger.report(&of(&ledger, id, filled_by("2", "10")));
    assert_eq!(state(&ledger, id), OrderState::Filled);
    let late = What::CancelRejected(refusal(RefusalKind::TooLate));
    assert!(ledger.report(&of(&ledger, id, late)).is_empty());
}

#[test]
fn edge_02_fill_after_cancelled() {
    let mut ledger = ledger();
    let id = working(&mut ledger);
    ledger.report(&of(&ledger, id, cancelled(None)));
    let change = ledger.report(&of(&ledger, id, filled_by("1", "4")));
    assert_eq!(codes(&change), [AnomalyCode::LateFill]);
    assert!(change.fills[0].is_late);
    let order = ledger.order(id).unwrap();
    assert_eq!((order.state, order.size_filled), (OrderState::Cancelled, amount("4")));
    assert_ne!(order.wish.flags & order_flags::LATE_FILL, 0);
    assert_eq!(ledger.positions().get(&account_key()).size, amount("4"));
    // The rest, too: it was filled, whatever was said before.
    ledger.report(&of(&ledger, id, filled_by("2", "6")));
    assert_eq!(state(&ledger, id), OrderState::Filled);
}

#[test]
fn edge_03_partial_then_cancel() {
    let mut ledger = ledger();
    let id = working(&mut ledger);
    ledger.report(&of(&ledger, id, filled_by("1", "3")));
    assert_eq!(state(&ledger, id), OrderState::PartiallyFilled);
    assert_eq!(ledger.order(id).unwrap().size_left(), amount("7"));
    let change = ledger.report(&of(&ledger, id, cancelled(Some("3"))));
    assert_eq!(change.anomalies, []);
    let order = ledger.order(id).unwrap();
    assert_eq!((order.size_left(), order.size_filled), (Amount::ZERO, amount("3")));
}

#[test]
fn edge_04_cancel_reject_too_late_when_filled() {
    let mut ledger = ledger();
    let id = working(&mut ledger);
    ledger.cancel(NOW, id).unwrap();
    // The refusal comes before the fill that it speaks of.
    let refused = What::CancelRejected(refusal(RefusalKind::TooLate));
    let change = ledger.report(&of(&ledger, id, refused));
    assert_eq!(codes(&change), [AnomalyCode::OpenDespiteRefusal]);
    assert_eq!(change.asks, [Ask::Order(id)]);
    assert_eq!(state(&ledger, id), OrderState::Accepted);
    ledger.report(&of(&ledger, id, filled_by("1", "10")));
    assert_eq!(state(&ledger, id), OrderState::Filled);
}

#[test]
fn edge_05_cancel_reject_unknown_order_while_alive() {
    let mut ledger = ledger();
    let id = working(&mut ledger);
    ledger.report(&of(&ledger, id, filled_by("1", "1")));
    ledger.cancel(NOW, id).unwrap();
    let refused = What::CancelRejected(refusal(RefusalKind::UnknownOrder));
    let change = ledger.report(&of(&ledger, id, refused));
    assert_eq!(change.asks, [Ask::Order(id)]);
    assert_eq!(state(&ledger, id), OrderState::PartiallyFilled);
    // The query shows it alive, and it can be cancelled again.
    let open = picture(OrderState::PartiallyFilled, "1");
    assert!(ledger.report(&rest(of(&ledger, id, What::Picture(open)))).is_empty());
    ledger.cancel(NOW, id).unwrap();
    assert_eq!(state(&ledger, id), OrderState::PendingCancel);
}

#[test]
fn edge_06_replace_reject_restores() {
    let mut ledger = ledger();
    let id = working(&mut ledger);
    ledger.report(&of(&ledger, id, filled_by("1", "2")));
    let request = ledger.replace(NOW, id, values("101", "12")).unwrap();
    assert_eq!(state(&ledger, id), OrderState::PendingReplace);
    let refused = What::ReplaceRejected(refusal(RefusalKind::Rules));
    ledger.report(&by_id(&client_id_of(&request), refused));
    let order = ledger.order(id).unwrap();
    assert_eq!(order.state, OrderState::PartiallyFilled);
    assert_eq!((order.wish.price, order.wish.size), (Some(amount("100")), amount("10")));
    assert_ne!(order.client_id(), &*client_id_of(&request));
}

#[test]
fn edge_07_fill_while_replace_pending_and_size_not_above_it() {
    let mut ledger = ledger();
    let id = working(&mut ledger);
    let request = ledger.replace(NOW, id, values("100", "4")).unwrap();
    ledger.report(&of(&ledger, id, filled_by("1", "6")));
    assert_eq!(state(&ledger, id), OrderState::PendingReplace);
    let done = What::Replaced { price: Some(amount("100")), size: amount("4") };
    ledger.report(&by_id(&client_id_of(&request), done));
    let order = ledger.order(id).unwrap();
    assert_eq!((order.state, order.size_filled), (OrderState::Filled, amount("6")));
    assert_ne!(order.wish.flags & order_flags::OVERFILLED, 0);

    // A change to a larger size keeps an order open that is filled by the size before.
    let id = working(&mut ledger);
    let request = ledger.replace(NOW, id, values("100", "15")).unwrap();
    ledger.report(&of(&ledger, id, filled_by("2", "10")));
    assert_eq!(state(&ledger, id), OrderState::PendingReplace);
    assert_eq!(ledger.order(id).unwrap().size_at_risk(), amount("5"));
    let refused = What::ReplaceRejected(refusal(RefusalKind::TooLate));
    ledger.report(&by_id(&client_id_of(&request), refused));
    assert_eq!(state(&ledger, id), OrderState::Filled);
}

#[test]
fn edge_08_two_replaces_in_flight() {
    let mut ledger = ledger();
    let id = working(&mut ledger);
    let first = ledger.replace(NOW, id, values("101", "10")).unwrap();
    let second = ledger.replace(NOW, id, values("102", "11")).unwrap();
    let Request::Replace { client_id_prev, .. } = &second else { panic!() };
    assert_eq!(*client_id_prev, client_id_of(&first));
    ledger.report(&by_id(
        &client_id_of(&first),
        What::Replaced { price: Some(amount("101")), size: amount("10") },
    ));
    let order = ledger.order(id).unwrap();
    assert_eq!(order.state, OrderState::PendingReplace);
    assert_eq!(order.wish.price, Some(amount("101")));
    ledger.report(&by_id(
        &client_id_of(&second),
        What::Replaced { price: Some(amount("102")), size: amount("11") },
    ));
    let order = ledger.order(id).unwrap();
    assert_eq!(order.state, OrderState::Accepted);
    assert_eq!((order.wish.price, order.wish.size), (Some(amount("102")), amount("11")));
    // The first one's answer once more, late: it changes nothing back.
    let late = What::Replaced { price: Some(amount("101")), size: amount("10") };
    assert!(ledger.report(&by_id(&client_id_of(&first), late)).is_empty());

    // Where the venue changes in place, both have one id; values tell which was done.
    let mut ledger = open_with(
        rustonite_exec::Nowhere,
        rustonite_exec::AccountRules { changes: ChangeIds::Same, ..rules() },
    );
    let id = working(&mut ledger);
    ledger.replace(NOW, id, values("101", "10")).unwrap();
    ledger.replace(NOW, id, values("102", "10")).unwrap();
    let second = What::Replaced { price: Some(amount("102")), size: amount("10") };
    ledger.report(&Report { ts_event: NOW + 9, ..of(&ledger, id, second) });
    assert_eq!(state(&ledger, id), OrderState::Accepted);
    let first = What::Replaced { price: Some(amount("101")), size: amount("10") };
    ledger.report(&Report { ts_event: NOW + 8, ..of(&ledger, id, first.clone()) });
    assert_eq!(ledger.order(id).unwrap().wish.price, Some(amount("102")));

    // What is done is told twice, by an answer and by a stream: the next change is still on its way.
    let id = working(&mut ledger);
    ledger.replace(NOW, id, values("101", "10")).unwrap();
    ledger.report(&of(&ledger, id, first.clone()));
    ledger.replace(NOW, id, values("103", "10")).unwrap();
    assert!(ledger.report(&of(&ledger, id, first)).is_empty());
    assert_eq!(state(&ledger, id), OrderState::PendingReplace);
    // The venue may make something else of it.
    let other = What::Replaced { price: Some(amount("102.5")), size: amount("10") };
    ledger.report(&of(&ledger, id, other));
    assert_eq!(state(&ledger, id), OrderState::Accepted);
}

#[test]
fn edge_09_cancel_during_replace() {
    let mut ledger = ledger();
    let id = working(&mut ledger);
    let replace = ledger.replace(NOW, id, values("101", "10")).unwrap();
    let cancel = ledger.cancel(NOW, id).unwrap();
    assert_eq!(state(&ledger, id), OrderState::PendingCancel);
    // The cancel wins.
    ledger.report(&by_id(&client_id_of(&cancel), cancelled(Some("0"))));
    assert_eq!(state(&ledger, id), OrderState::Cancelled);
    let refused = What::ReplaceRejected(refusal(RefusalKind::TooLate));
    assert!(ledger.report(&by_id(&client_id_of(&replace), refused)).is_empty());

    // The change wins: the end of the old id is not the end of the order.
    let id = working(&mut ledger);
    let old = ledger.order(id).unwrap().client_id().to_owned();
    let replace = ledger.replace(NOW, id, values("101", "10")).unwrap();
    ledger.cancel(NOW, id).unwrap();
    let done = What::Replaced { price: Some(amount("101")), size: amount("10") };
    let done = by_id(&client_id_of(&replace), done);
    let done = Report { client_id_prev: Some((*old).into()), ..done };
    ledger.report(&done);
    assert_eq!(state(&ledger, id), OrderState::PendingCancel);
    ledger.report(&by_id(&old, cancelled(Some("0"))));
    assert_eq!(state(&ledger, id), OrderState::PendingCancel);
    ledger.report(&by_id(&client_id_of(&replace), cancelled(Some("0"))));
    assert_eq!(state(&ledger, id), OrderState::Cancelled);

    // The old one's end comes first: the change outlives it.
    let id = working(&mut ledger);
    let old = ledger.order(id).unwrap().client_id().to_owned();
    let replace = ledger.replace(NOW, id, values("101", "10")).unwrap();
    ledger.report(&by_id(&old, cancelled(Some("0"))));
    ledger.report(&Report { client_id: client_id_of(&replace), ..done });
    assert_eq!(state(&ledger, id), OrderState::Accepted);
}

#[test]
fn edge_10_out_of_order_reports() {
    let mut ledger = ledger();
    let id = submitted(&mut ledger);
    let change = ledger.report(&of(&ledger, id, filled_by("1", "4")));
    assert_eq!(change.anomalies, []);
    assert_eq!(state(&ledger, id), OrderState::PartiallyFilled);
    assert!(ledger.report(&of(&ledger, id, What::Accepted)).is_empty());
    assert_eq!(state(&ledger, id), OrderState::PartiallyFilled);

    let id = submitted(&mut ledger);
    ledger.report(&of(&ledger, id, filled_by("2", "10")));
    assert!(ledger.report(&of(&ledger, id, What::Accepted)).events.is_empty());
    assert_eq!(state(&ledger, id), OrderState::Filled);

    // A change that is done before the order was acknowledged.
    let id = submitted(&mut ledger);
    let request = ledger.replace(NOW, id, values("101", "10")).unwrap();
    let done = What::Replaced { price: Some(amount("101")), size: amount("10") };
    ledger.report(&by_id(&client_id_of(&request), done));
    assert_eq!(state(&ledger, id), OrderState::Accepted);
    // A fill under the id of a change says that the change is done.
    let request = ledger.replace(NOW, id, values("102", "10")).unwrap();
    ledger.report(&by_id(&client_id_of(&request), filled_by("3", "1")));
    let order = ledger.order(id).unwrap();
    assert_eq!((order.state, order.wish.price), (OrderState::PartiallyFilled, Some(amount("102"))));
    // The venue's own word of it, older than that fill: its values count.
    let done = What::Replaced { price: Some(amount("102")), size: amount("9") };
    ledger.report(&Report { ts_event: NOW, ..by_id(&client_id_of(&request), done) });
    assert_eq!(ledger.order(id).unwrap().wish.size, amount("9"));
}

#[test]
fn edge_11_duplicate_by_execution_id() {
    let mut ledger = ledger();
    let id = working(&mut ledger);
    let report = of(&ledger, id, filled_by("1", "4"));
    ledger.report(&report);
    assert!(ledger.report(&report).is_empty());
    assert!(ledger.report(&rest(report)).is_empty());
    assert_eq!(filled(&ledger, id), amount("4"));
    assert_eq!(ledger.positions().get(&account_key()).size, amount("4"));
}

/// At some venues a trade of two of our own orders has one id for both sides.
#[test]
fn edge_11_both_sides_of_a_trade_under_one_id() {
    let folder = in_memory();
    let mut ledger = open_with(tapes(folder.path()), rules());
    let buy = working(&mut ledger);
    let sell = Wish { side: OrderSide::Sell, ..wish() };
    let (sell, _) = ledger.submit(NOW, sell, Link::default()).unwrap();
    let other = Fill { side: OrderSide::Sell, ..fill("7", "4", "100") };
    let reports = [of(&ledger, buy, filled_by("7", "4")), of(&ledger, sell, What::Fill(other))];
    let told: Vec<_> = reports.iter().flat_map(|one| ledger.report(one).fills).collect();
    assert_eq!(told.iter().map(|one| &*one.fill_id).collect::<Vec<_>>(), ["7", "7:sell"]);
    let is_counted = |ledger: &mut Ledger<Tapes>| {
        for report in reports.iter().chain(&reports.clone().map(rest)) {
            assert!(ledger.report(report).is_empty(), "{report:?}");
        }
        assert_eq!([buy, sell].map(|id| filled(ledger, id)), [amount("4"), amount("4")]);
        assert_eq!(ledger.positions().get(&account_key()).size, Amount::ZERO);
    };
    is_counted(&mut ledger);
    drop(ledger);
    is_counted(&mut reopened(folder.path()).0);
}

#[test]
fn edge_12_same_fill_from_stream_and_query_with_different_ids() {
    let mut ledger = ledger();
    let id = working(&mut ledger);
    let streamed = Fill { trade_id: Some(77), ..fill("e-1", "4", "100") };
    let queried = Fill { trade_id: Some(77), ..fill("x-9", "4", "100") };
    ledger.report(&of(&ledger, id, What::Fill(streamed)));
    assert!(ledger.report(&rest(of(&ledger, id, What::Fill(queried.clone())))).is_empty());
    assert_eq!(filled(&ledger, id), amount("4"));
    // Another order of ours on the same side of another trade is another fill.
    let other = working(&mut ledger);
    let another = Fill { trade_id: Some(78), ..queried };
    ledger.report(&of(&ledger, other, What::Fill(another)));
    assert_eq!(filled(&ledger, other), amount("4"));
}

#[test]
fn edge_13_overfill() {
    let mut ledger = ledger();
    let id = working(&mut ledger);
    ledger.report(&of(&ledger, id, filled_by("1", "10")));
    let change = ledger.report(&of(&ledger, id, filled_by("2", "1")));
    assert!(codes(&change).contains(&AnomalyCode::Overfilled), "{change:?}");
    assert!(change.asks.contains(&Ask::Order(id)));
    let order = ledger.order(id).unwrap();
    assert_eq!((order.state, order.size_filled), (OrderState::Filled, amount("11")));
    assert_ne!(order.wish.flags & order_flags::OVERFILLED, 0);
    assert_eq!(ledger.positions().get(&account_key()).size, amount("11"));
}

#[test]
fn edge_14_trade_bust_and_correct() {
    let mut ledger = ledger();
    let id = working(&mut ledger);
    ledger.report(&of(&ledger, id, filled_by("1", "4")));
    ledger.report(&of(&ledger, id, filled_by("2", "6")));
    assert_eq!(state(&ledger, id), OrderState::Filled);
    let correction = |id: &str, prev: &str, becomes: Option<(&str, &str)>| Correction {
        fill_id: id.into(),
        fill_id_prev: prev.into(),
        becomes: becomes.map(|(price, size)| (amount(price), amount(size))),
    };
    let bust = of(&ledger, id, What::Corrected(correction("b-1", "2", None)));
    let change = ledger.report(&bust);
    assert_eq!(change.fills[0].kind, FillKind::Bust);
    // Whether the rest is worked again only the venue knows.
    assert_eq!((state(&ledger, id), filled(&ledger, id)), (OrderState::Unknown, amount("4")));
    assert_eq!(change.asks, [Ask::Order(id)]);
    assert!(ledger.report(&bust).is_empty());
    let change = of(&ledger, id, What::Corrected(correction("c-1", "1", Some(("90", "5")))));
    ledger.report(&change);
    let position = ledger.positions().get(&account_key());
    assert_eq!((filled(&ledger, id), position.size), (amount("5"), amount("5")));
    assert_eq!(ledger.order(id).unwrap().price_average, Some(amount("90")));
    // A correction of the correction.
    let again = of(&ledger, id, What::Corrected(correction("c-2", "c-1", None)));
    ledger.report(&again);
    let position = ledger.positions().get(&account_key());
    assert_eq!((filled(&ledger, id), position.size), (Amount::ZERO, Amount::ZERO));

    // The bust of a fill that comes after it.
    let id = working(&mut ledger);
    let early = of(&ledger, id, What::Corrected(correction("b-2", "9", None)));
    assert_eq!(codes(&ledger.report(&early)), [AnomalyCode::UnknownExecution]);
    ledger.report(&of(&ledger, id, filled_by("9", "4")));
    assert_eq!(filled(&ledger, id), Amount::ZERO);
    assert_eq!(ledger.positions().get(&account_key()).size, Amount::ZERO);
}

#[test]
fn edge_15_fill_for_unknown_order() {
    let mut ledger = ledger();
    let report =
        Report { venue_order_id: Some("w9".into()), ..by_id("web_1", filled_by("1", "4")) };
    let change = ledger.report(&report);
    assert!(codes(&change).contains(&AnomalyCode::ExternalOrder));
    let id = change.order.unwrap();
    assert!(change.asks.contains(&Ask::Order(id)));
    let order = ledger.order(id).unwrap();
    assert!(order.is_external() && !order.is_managed());
    assert_eq!(order.state, OrderState::PartiallyFilled);
    assert_eq!(ledger.cancel(NOW, id), Err(ExecError::NotManaged(id)));
    assert_eq!(ledger.positions().get(&account_key()).size, amount("4"));
    assert!(ledger.report(&report).is_empty());
    // The query tells the rest of it.
    let shown = OrderPicture { size: amount("6"), ..picture(OrderState::PartiallyFilled, "4") };
    ledger.report(&rest(Report { what: What::Picture(shown), ..report.clone() }));
    assert_eq!(ledger.order(id).unwrap().size_left(), amount("2"));
    // By rule it is ours to manage.
    let adopting =
        rustonite_exec::AccountRules { external: rustonite_exec::External::Adopted, ..rules() };
    let mut ledger = open_with(rustonite_exec::Nowhere, adopting);
    let id = ledger.report(&report).order.unwrap();
    assert!(ledger.cancel(NOW, id).is_ok());
    // One that the venue makes says so.
    let forced = Fill { kind: FillKind::Liquidation, ..fill("2", "1", "100") };
    let id = ledger.report(&by_id("autoclose-1", What::Fill(forced))).order.unwrap();
    assert_ne!(ledger.order(id).unwrap().wish.flags & order_flags::VENUE_MADE, 0);
}

#[test]
fn edge_16_fill_for_an_order_of_a_previous_run() {
    let mut ledger = ledger();
    let ids = rules().client_ids;
    let earlier = ids.make(OrderId(41), 0).unwrap();
    let change = ledger.report(&by_id(&earlier, filled_by("1", "4")));
    assert!(codes(&change).contains(&AnomalyCode::ForgottenOrder));
    assert_eq!(change.order, Some(OrderId(41)));
    let order = ledger.order(OrderId(41)).unwrap();
    assert!(!order.is_external());
    assert_eq!(order.size_filled, amount("4"));
    // Its number is not given out again.
    assert_eq!(submitted(&mut ledger), OrderId(42));
    // One that was dropped from memory after it ended.
    let id = working(&mut ledger);
    let report = of(&ledger, id, filled_by("2", "10"));
    ledger.report(&report);
    assert_eq!(ledger.forget(NOW + 100), 1);
    assert!(ledger.order(id).is_none());
    assert!(ledger.report(&report).is_empty());
}

#[test]
fn edge_17_submit_time_out_then_ack() {
    let mut ledger = ledger();
    let id = submitted(&mut ledger);
    let change = ledger.report(&of(&ledger, id, lost(OrderEvent::Submitted)));
    assert_eq!(
        (state(&ledger, id), &change.asks[..]),
        (OrderState::Unknown, &[Ask::Order(id)][..])
    );
    assert_eq!(ledger.order(id).unwrap().size_at_risk(), amount("10"));
    ledger.report(&of(&ledger, id, What::Accepted));
    assert_eq!(state(&ledger, id), OrderState::Accepted);
    // The acknowledgement was faster than the time-out.
    assert!(ledger.report(&of(&ledger, id, lost(OrderEvent::Submitted))).is_empty());
    // A fill or a picture settles it as well.
    let id = submitted(&mut ledger);
    ledger.report(&of(&ledger, id, lost(OrderEvent::Submitted)));
    ledger.report(&of(&ledger, id, filled_by("1", "1")));
    assert_eq!(state(&ledger, id), OrderState::PartiallyFilled);
    let id = submitted(&mut ledger);
    ledger.report(&of(&ledger, id, lost(OrderEvent::Submitted)));
    let open = What::Picture(picture(OrderState::Accepted, "0"));
    ledger.report(&rest(of(&ledger, id, open)));
    assert_eq!(state(&ledger, id), OrderState::Accepted);
}

#[test]
fn edge_18_submit_time_out_never_existed() {
    let mut ledger = ledger();
    let id = submitted(&mut ledger);
    // While the request is in flight a query may well not find it.
    assert!(ledger.report(&rest(of(&ledger, id, What::NotFound))).is_empty());
    assert_eq!(state(&ledger, id), OrderState::PendingSubmit);
    ledger.report(&by_id(ledger.order(id).unwrap().client_id(), lost(OrderEvent::Submitted)));
    let gone = rest(by_id(ledger.order(id).unwrap().client_id(), What::NotFound));
    ledger.report(&gone);
    assert_eq!(state(&ledger, id), OrderState::Rejected);
    // Found after all: it is worked, whatever the query said.
    let open = What::Picture(picture(OrderState::Accepted, "0"));
    ledger.report(&rest(of(&ledger, id, open)));
    assert_eq!(state(&ledger, id), OrderState::Accepted);

    // Never with a fill known, nor of an order that the venue has spoken of.
    let id = submitted(&mut ledger);
    ledger.report(&of(&ledger, id, filled_by("1", "1")));
    ledger.cancel(NOW, id).unwrap();
    ledger.report(&of(&ledger, id, lost(OrderEvent::CancelAsked)));
    let change = ledger.report(&rest(of(&ledger, id, What::NotFound)));
    assert_eq!(codes(&change), [AnomalyCode::NotFoundButKnown]);
    assert_eq!(state(&ledger, id), OrderState::Unknown);

    // Not a byte left: that is certain.
    let id = submitted(&mut ledger);
    let request = OrderEvent::Submitted;
    let unsent = What::Ended { request, outcome: Outcome::NotSent, detail: "".into() };
    ledger.report(&of(&ledger, id, unsent));
    assert_eq!(state(&ledger, id), OrderState::Rejected);
}

#[test]
fn edge_19_expired_or_cancelled_by_the_venue() {
    let mut ledger = ledger();
    let id = working(&mut ledger);
    ledger.report(&of(&ledger, id, filled_by("1", "3")));
    let expired = What::Expired {
        size_filled: Some(amount("3")),
        size_prevented: Some(amount("7")),
        refusal: Some(refusal(RefusalKind::Other)),
    };
    ledger.report(&of(&ledger, id, expired));
    let order = ledger.order(id).unwrap();
    assert_eq!((order.state, order.size_prevented), (OrderState::Expired, Some(amount("7"))));
    // Both words for one end: the first one counts.
    assert!(ledger.report(&of(&ledger, id, cancelled(Some("3")))).is_empty());
    // Cancelled though nobody here asked for it.
    let id = working(&mut ledger);
    let change = ledger.report(&of(&ledger, id, cancelled(Some("0"))));
    assert_eq!((state(&ledger, id), change.anomalies.len()), (OrderState::Cancelled, 0));
}

#[test]
fn edge_20_trigger_then_reject() {
    let mut ledger = ledger();
    let trigger = Trigger {
        price: amount("105"),
        source: TriggerSource::Last,
        direction: TriggerDirection::Up,
        trail: None,
    };
    let stop = Wish { kind: OrderKind::StopLimit, trigger: Some(trigger), ..wish() };
    let (id, _) = ledger.submit(NOW, stop, Link::default()).unwrap();
    ledger.report(&of(&ledger, id, What::Accepted));
    ledger.report(&of(&ledger, id, What::Triggered));
    assert_eq!(state(&ledger, id), OrderState::Triggered);
    ledger.report(&of(&ledger, id, What::Rejected(refusal(RefusalKind::Balance))));
    assert_eq!(state(&ledger, id), OrderState::Rejected);
    assert!(ledger.report(&of(&ledger, id, What::Triggered)).is_empty());
}

#[test]
fn edge_21_venue_renumbers() {
    let mut ledger = ledger();
    let id = working(&mut ledger);
    let renumbered =
        Report { venue_order_id: Some("n7".into()), ..of(&ledger, id, What::Accepted) };
    ledger.report(&renumbered);
    assert_eq!(ledger.order(id).unwrap().venue_order_id(), Some("n7"));
    // By the new number alone, and by the old one alone.
    let by_new = Report { venue_order_id: Some("n7".into()), ..by_id("", filled_by("1", "1")) };
    ledger.report(&by_new);
    let by_old = Report {
        venue_order_id: Some(format!("v{}", id.0).into()),
        ..by_id("", filled_by("2", "1"))
    };
    ledger.report(&by_old);
    assert_eq!(filled(&ledger, id), amount("2"));
}

#[test]
fn edge_22_zero_price_or_size() {
    let mut ledger = ledger();
    let id = working(&mut ledger);
    for zero in [fill("1", "0", "100"), fill("1", "1", "0"), fill("1", "-1", "100")] {
        let change = ledger.report(&of(&ledger, id, What::Fill(zero)));
        assert_eq!(codes(&change), [AnomalyCode::ZeroFill]);
        assert_eq!(change.asks, [Ask::Order(id), Ask::Fills(ACCOUNT, SPOT)]);
        assert_eq!(filled(&ledger, id), Amount::ZERO);
    }
    // The true one has the same id and counts; so does one at a negative price.
    ledger.report(&of(&ledger, id, filled_by("1", "1")));
    ledger.report(&of(&ledger, id, What::Fill(fill("2", "1", "-5"))));
    assert_eq!(filled(&ledger, id), amount("2"));
    let absurd = fill("3", "99999999999999999999", "1");
    let change = ledger.report(&of(&ledger, id, What::Fill(absurd)));
    assert_eq!(codes(&change), [AnomalyCode::BeyondCounting]);
}

#[test]
fn edge_23_fee_in_third_asset_and_negative() {
    let mut ledger = ledger();
    let id = working(&mut ledger);
    let asset = |name: &str| ledger.directory().asset(name).unwrap();
    let (btc, usdt, bnb) = (asset("BTC"), asset("USDT"), asset("BNB"));
    let with_fee = |id: &str, fee: &str, asset| {
        What::Fill(Fill { fee: Some((amount(fee), asset)), ..fill(id, "1", "100") })
    };
    ledger.report(&of(&ledger, id, with_fee("1", "0.003", bnb)));
    ledger.report(&of(&ledger, id, with_fee("2", "-0.1", usdt)));
    ledger.report(&of(&ledger, id, with_fee("3", "0.001", btc)));
    let total = |asset| ledger.balances().get(ACCOUNT, asset).total;
    assert_eq!(total(bnb), amount("-0.003"));
    assert_eq!(total(usdt), amount("-299.9"));
    assert_eq!(total(btc), amount("2.999"));
    let position = ledger.positions().get(&account_key());
    // The fee in the base is gone from the position, at the fill's price.
    assert_eq!((position.size, position.fees), (amount("2.999"), amount("0")));
    assert_eq!(position.price_entry, Some(amount("100")));
    // A fee that comes later than its fill.
    ledger.report(&of(&ledger, id, filled_by("4", "1")));
    let change = ledger.report(&rest(of(&ledger, id, with_fee("4", "0.5", usdt))));
    assert_eq!(change.fills[0].kind, FillKind::Fee);
    assert!(ledger.report(&rest(of(&ledger, id, with_fee("4", "0.5", usdt)))).is_empty());
    assert_eq!(ledger.positions().get(&account_key()).fees, amount("0.5"));
    assert_eq!(filled(&ledger, id), amount("4"));
}

#[test]
fn edge_24_remainder_below_the_smallest_order() {
    let mut ledger = ledger();
    let id = working(&mut ledger);
    ledger.report(&of(&ledger, id, filled_by("1", "9.999999999999999999")));
    let order = ledger.order(id).unwrap();
    assert_eq!((order.state, order.size_left()), (OrderState::PartiallyFilled, Amount(1)));
    // The venue ends it; nothing here takes so little for nothing.
    ledger.report(&of(&ledger, id, cancelled(Some("9.999999999999999999"))));
    assert_eq!(state(&ledger, id), OrderState::Cancelled);
    assert_eq!(ledger.positions().get(&account_key()).size, amount("9.999999999999999999"));
}

#[test]
fn edge_25_both_of_a_pair_fill() {
    let mut ledger = ledger();
    let pair = Link { group: Some(1), contingency: Some(Contingency::Oco), ..Link::default() };
    let (stop, _) = ledger.submit(NOW, wish(), pair.clone()).unwrap();
    let (target, _) = ledger.submit(NOW, wish(), pair).unwrap();
    assert_eq!(codes(&ledger.report(&of(&ledger, stop, filled_by("1", "10")))), []);
    let change = ledger.report(&of(&ledger, target, filled_by("2", "10")));
    assert_eq!(codes(&change), [AnomalyCode::BothFilled]);
    assert_eq!(ledger.positions().get(&account_key()).size, amount("20"));
    assert_eq!(ledger.group(1).len(), 2);
}

#[test]
fn edge_26_bracket_parent_partial_then_cancelled() {
    let mut ledger = ledger();
    let bracket =
        Link { group: Some(5), contingency: Some(Contingency::Bracket), ..Link::default() };
    let (parent, _) = ledger.submit(NOW, wish(), bracket.clone()).unwrap();
    let child = Link { parent: Some(parent), ..bracket };
    let sell = Wish { side: OrderSide::Sell, size: amount("4"), ..wish() };
    let stop = ledger.hold(NOW, sell, child).unwrap();
    ledger.report(&of(&ledger, parent, filled_by("1", "4")));
    ledger.report(&of(&ledger, parent, cancelled(Some("4"))));
    // What was filled of the parent is what its child protects, and the child can still be sent.
    assert_eq!(filled(&ledger, parent), amount("4"));
    assert_eq!(state(&ledger, stop), OrderState::Held);
    assert!(
        matches!(ledger.release(NOW, stop), Ok(Request::Submit { order, .. }) if order == stop)
    );
    assert_eq!(state(&ledger, stop), OrderState::PendingSubmit);
    // One that is not needed ends here.
    let (child, sell) = (Link::default(), Wish { side: OrderSide::Sell, ..wish() });
    let other = ledger.hold(NOW, sell, child).unwrap();
    ledger.withdraw(NOW, other, OrderEvent::Cancelled, Some("parent_cancelled")).unwrap();
    assert_eq!(state(&ledger, other), OrderState::Cancelled);
    assert!(ledger.release(NOW, other).is_err());
}

#[test]
fn edge_27_position_flips_in_one_fill() {
    let mut ledger = ledger();
    let perpetual =
        |side, size: &str| Wish { instrument: LINEAR, side, size: amount(size), ..wish() };
    let mut trade = |side, size: &str, id: &str, price: &str| {
        let (order, _) = ledger.submit(NOW, perpetual(side, size), Link::default()).unwrap();
        let fill = What::Fill(Fill { side, ..fill(id, size, price) });
        let report = Report { instrument: LINEAR, ..of(&ledger, order, fill) };
        ledger.report(&report).fills[0].pnl_realised
    };
    assert_eq!(trade(OrderSide::Buy, "2", "1", "100"), Amount::ZERO);
    assert_eq!(trade(OrderSide::Sell, "5", "2", "130"), amount("60"));
    let key = PositionKey { instrument: LINEAR, ..account_key() };
    let position = ledger.positions().get(&key);
    assert_eq!((position.size, position.price_entry), (amount("-3"), Some(amount("130"))));
    let of_strategy = PositionKey { strategy: Some(STRATEGY), ..key };
    assert_eq!(ledger.positions().get(&of_strategy), position);
    let usdt = ledger.directory().asset("USDT").unwrap();
    assert_eq!(ledger.balances().get(ACCOUNT, usdt).total, amount("60"));
}

#[test]
fn edge_28_sum_of_fills_and_the_venues_figure_disagree() {
    let mut ledger = ledger();
    let id = working(&mut ledger);
    let second = Fill { size_filled: Some(amount("5")), ..fill("2", "2", "100") };
    let change = ledger.report(&of(&ledger, id, What::Fill(second)));
    assert_eq!(codes(&change), [AnomalyCode::FillsMissing]);
    assert_eq!(change.asks, [Ask::Fills(ACCOUNT, SPOT)]);
    // Nothing is made up; the missing one comes late and all is well.
    assert_eq!(filled(&ledger, id), amount("2"));
    let first = Fill { size_filled: Some(amount("3")), ..fill("1", "3", "100") };
    assert_eq!(codes(&ledger.report(&of(&ledger, id, What::Fill(first)))), []);
    // Ended with less than what came.
    let change = ledger.report(&of(&ledger, id, cancelled(Some("4"))));
    assert_eq!(codes(&change), [AnomalyCode::FillsExceed]);
    // A picture with more than what came ends nothing before the rest is here.
    let id = working(&mut ledger);
    let change =
        ledger.report(&rest(of(&ledger, id, What::Picture(picture(OrderState::Filled, "10")))));
    assert_eq!(codes(&change), [AnomalyCode::FillsMissing]);
    assert_eq!(state(&ledger, id), OrderState::Accepted);
    ledger.report(&rest(of(&ledger, id, filled_by("7", "10"))));
    assert_eq!(state(&ledger, id), OrderState::Filled);

    // Where figures count one leg only, a chain does not disagree with itself.
    let by_leg = rustonite_exec::AccountRules { figures: Figures::Leg, ..rules() };
    let mut ledger = open_with(rustonite_exec::Nowhere, by_leg);
    let id = working(&mut ledger);
    ledger.report(&of(&ledger, id, filled_by("1", "4")));
    let request = ledger.replace(NOW, id, values("101", "10")).unwrap();
    let new_id = client_id_of(&request);
    let done = What::Replaced { price: Some(amount("101")), size: amount("10") };
    ledger.report(&by_id(&new_id, done));
    let later = Fill { size_filled: Some(amount("1")), ..fill("2", "1", "101") };
    assert_eq!(codes(&ledger.report(&by_id(&new_id, What::Fill(later)))), []);
    let change = ledger.report(&by_id(&new_id, cancelled(Some("1"))));
    assert_eq!((codes(&change), filled(&ledger, id)), (vec![], amount("5")));
}

#[test]
fn edge_29_clock_skew() {
    let mut ledger = ledger();
    let id = submitted(&mut ledger);
    let earlier = |report| Report { ts_event: NOW - 5_000_000_000, ..report };
    ledger.report(&earlier(of(&ledger, id, What::Accepted)));
    ledger.report(&earlier(of(&ledger, id, filled_by("1", "4"))));
    let request = ledger.replace(NOW, id, values("101", "10")).unwrap();
    let done = What::Replaced { price: Some(amount("101")), size: amount("10") };
    ledger.report(&earlier(by_id(&client_id_of(&request), done)));
    let order = ledger.order(id).unwrap();
    assert_eq!((order.state, order.wish.price), (OrderState::PartiallyFilled, Some(amount("101"))));
}

#[test]
fn edge_30_reports_missed_in_a_gap() {
    let mut ledger = ledger();
    let id = working(&mut ledger);
    ledger.report(&of(&ledger, id, filled_by("1", "2")));
    // The connection was away: two fills and the end were missed. The picture says so.
    let ended = picture(OrderState::Cancelled, "7");
    let change = ledger.report(&rest(of(&ledger, id, What::Picture(ended))));
    assert_eq!(codes(&change), [AnomalyCode::FillsMissing]);
    assert_eq!(change.asks, [Ask::Fills(ACCOUNT, SPOT)]);
    assert_eq!((state(&ledger, id), filled(&ledger, id)), (OrderState::Cancelled, amount("2")));
    // The fills that were asked for come, among them the one that is known.
    let venue_id = ledger.order(id).unwrap().venue_order_id().map(Into::into);
    for (fill_id, size) in [("1", "2"), ("2", "3"), ("3", "2")] {
        let report = by_id("", filled_by(fill_id, size));
        let venue_order_id = Option::clone(&venue_id);
        let source = EventSource::Reconciliation;
        ledger.report(&Report { venue_order_id, source, ..report });
    }
    assert_eq!((state(&ledger, id), filled(&ledger, id)), (OrderState::Cancelled, amount("7")));
}

#[test]
fn edge_31_disconnect_between_two_of_a_batch() {
    let mut ledger = ledger();
    let batch = Link { group: Some(3), contingency: Some(Contingency::Batch), ..Link::default() };
    let orders = [(); 3].map(|()| ledger.submit(NOW, wish(), batch.clone()).unwrap().0);
    ledger.report(&of(&ledger, orders[0], What::Accepted));
    ledger.report(&of(&ledger, orders[1], What::Rejected(refusal(RefusalKind::Rules))));
    ledger.report(&of(&ledger, orders[2], lost(OrderEvent::Submitted)));
    let states = orders.map(|id| state(&ledger, id));
    assert_eq!(states, [OrderState::Accepted, OrderState::Rejected, OrderState::Unknown]);
}

#[test]
fn edge_32_duplicate_client_id() {
    let mut ledger = ledger();
    let id = submitted(&mut ledger);
    let refused = What::Rejected(refusal(RefusalKind::DuplicateId));
    let change = ledger.report(&of(&ledger, id, refused));
    // Something of that id is there: to call it rejected would be a guess.
    assert_eq!(
        (state(&ledger, id), codes(&change)),
        (OrderState::Unknown, vec![AnomalyCode::DuplicateId])
    );
    assert_eq!(change.asks, [Ask::Order(id)]);
    let open = What::Picture(picture(OrderState::Accepted, "0"));
    ledger.report(&rest(of(&ledger, id, open)));
    assert_eq!(state(&ledger, id), OrderState::Accepted);
    // Ids of ours never repeat.
    let mut seen = std::collections::HashSet::new();
    for _ in 0..100 {
        let (id, request) = ledger.submit(NOW, wish(), Link::default()).unwrap();
        assert!(seen.insert(client_id_of(&request)));
        ledger.report(&of(&ledger, id, What::Accepted));
        let request = ledger.replace(NOW, id, values("99", "10")).unwrap();
        assert!(seen.insert(client_id_of(&request)));
    }
}

#[test]
fn edge_33_cancel_all_races_with_a_new_order() {
    let mut ledger = ledger();
    let old = working(&mut ledger);
    // Cancel-all takes the old one and comes before the new one is there.
    let new = submitted(&mut ledger);
    ledger.cancel(NOW, old).unwrap();
    ledger.cancel(NOW, new).unwrap();
    assert_eq!(state(&ledger, new), OrderState::PendingCancel);
    ledger.report(&of(&ledger, old, cancelled(Some("0"))));
    let unknown = What::CancelRejected(refusal(RefusalKind::UnknownOrder));
    let change = ledger.report(&of(&ledger, new, unknown));
    assert_eq!(change.asks, [Ask::Order(new)]);
    assert_eq!(state(&ledger, new), OrderState::PendingSubmit);
    ledger.report(&of(&ledger, new, What::Accepted));
    assert_eq!(state(&ledger, new), OrderState::Accepted);
    assert_eq!(ledger.open_orders().len(), 1);
}

#[test]
fn edge_34_maintenance() {
    let mut ledger = ledger();
    let id = working(&mut ledger);
    ledger.report(&of(&ledger, id, What::Suspended(true)));
    assert_eq!(state(&ledger, id), OrderState::Suspended);
    ledger.cancel(NOW, id).unwrap();
    let refused = What::CancelRejected(refusal(RefusalKind::Unavailable));
    assert_eq!(codes(&ledger.report(&of(&ledger, id, refused))), []);
    assert_eq!(state(&ledger, id), OrderState::Suspended);
    let new = submitted(&mut ledger);
    ledger.report(&of(&ledger, new, What::Rejected(refusal(RefusalKind::Unavailable))));
    assert_eq!(state(&ledger, new), OrderState::Rejected);
    ledger.report(&of(&ledger, id, What::Suspended(false)));
    assert_eq!(state(&ledger, id), OrderState::Accepted);
}

#[test]
fn edge_35_others_use_a_client_id_again() {
    let mut ledger = ledger();
    let others = |number: &str, what| {
        let report = by_id("grid1", what);
        Report { venue_order_id: Some(number.into()), ..rest(report) }
    };
    let named =
        |ledger: &rustonite_exec::Ledger<_>| ledger.order_named(ACCOUNT, "grid1").unwrap().id;
    let open = || What::Picture(picture(OrderState::Accepted, "0"));
    ledger.report(&others("1", open()));
    let first = named(&ledger);
    ledger.report(&others("1", cancelled(Some("0"))));
    ledger.report(&others("2", open()));
    let second = named(&ledger);
    assert_ne!(first, second);
    assert_eq!(
        (state(&ledger, first), state(&ledger, second)),
        (OrderState::Cancelled, OrderState::Accepted)
    );
    ledger.report(&others("2", filled_by("7", "3")));
    // Its number tells whose a late word is.
    ledger.report(&others("1", filled_by("6", "1")));
    assert_eq!((filled(&ledger, first), filled(&ledger, second)), (amount("1"), amount("3")));
    // Once the first is forgotten the name is that of the second.
    assert_eq!(ledger.forget(NOW + 3), 1);
    assert_eq!(named(&ledger), second);
    // A change may give an order of others another number; it has not ended.
    ledger.report(&others("3", filled_by("8", "1")));
    assert_eq!(filled(&ledger, second), amount("4"));
}
