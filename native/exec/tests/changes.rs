//! Requests whose answers are lost, refused or half done, and what comes after them.
#![allow(clippy::unwrap_used, reason = "a failing test should panic")]

mod common;

use common::*;
use rustonite_core::datasets::{OrderEvent, OrderState};
use rustonite_exec::{AnomalyCode, Ask, RefusalKind, Report, What};

#[test]
fn the_lost_answer_of_a_change_that_is_done_concerns_no_other() {
    let mut ledger = ledger();
    let id = working(&mut ledger);
    let first = client_id_of(&ledger.replace(NOW, id, values("101", "10")).unwrap());
    ledger.replace(NOW, id, values("102", "10")).unwrap();
    let done = What::Replaced { price: Some(amount("101")), size: amount("10") };
    ledger.report(&by_id(&first, done));
    assert!(ledger.report(&by_id(&first, lost(OrderEvent::ReplaceAsked))).is_empty());
    assert_eq!(state(&ledger, id), OrderState::PendingReplace);
}

#[test]
fn what_the_venue_has_taken_and_not_done_is_not_known_still() {
    let mut ledger = ledger();
    let id = working(&mut ledger);
    let shown = |state| What::Picture(picture(state, "0"));
    ledger.cancel(NOW, id).unwrap();
    ledger.report(&of(&ledger, id, lost(OrderEvent::CancelAsked)));
    ledger.report(&rest(of(&ledger, id, shown(OrderState::PendingCancel))));
    assert_eq!(state(&ledger, id), OrderState::Unknown);
    ledger.report(&rest(of(&ledger, id, shown(OrderState::Accepted))));
    assert_eq!(state(&ledger, id), OrderState::Accepted);
    let request = ledger.replace(NOW, id, values("101", "10")).unwrap();
    ledger.report(&by_id(&client_id_of(&request), lost(OrderEvent::ReplaceAsked)));
    ledger.report(&rest(of(&ledger, id, shown(OrderState::PendingReplace))));
    assert_eq!(state(&ledger, id), OrderState::Unknown);
    ledger.report(&rest(of(&ledger, id, shown(OrderState::Accepted))));
    assert_eq!(state(&ledger, id), OrderState::Accepted);
}

#[test]
fn a_fill_by_number_alone_does_not_wait_for_a_change_that_was_refused() {
    let mut ledger = ledger();
    let id = working(&mut ledger);
    let request = ledger.replace(NOW, id, values("101", "10")).unwrap();
    let refused = What::ReplaceRejected(refusal(RefusalKind::Other));
    let by_number = |number: &str, fill_id: &str| Report {
        venue_order_id: Some(number.into()),
        ..by_id("", filled_by(fill_id, "1"))
    };
    // While the change is in flight its order may be the one of that number.
    let change = ledger.report(&by_number("web1", "1"));
    assert_eq!(change.asks, [Ask::Order(id), Ask::Fills(ACCOUNT, SPOT)]);
    ledger.report(&by_id(&client_id_of(&request), refused));
    assert_eq!(state(&ledger, id), OrderState::Accepted);
    let change = ledger.report(&by_number("web1", "1"));
    let codes: Vec<_> = change.anomalies.iter().map(|anomaly| anomaly.code).collect();
    assert_eq!((codes, change.fills.len()), (vec![AnomalyCode::ExternalOrder], 1));
}
