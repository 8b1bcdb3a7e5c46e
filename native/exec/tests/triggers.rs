//! Orders that wait at their venue: the price that starts them is changed, told and found out.
#![allow(clippy::unwrap_used, reason = "a failing test should panic")]

mod common;

use common::*;
use rustonite_core::Amount;
use rustonite_core::datasets::{
    EventSource, OffsetUnit, OrderEvent, OrderKind, OrderSide, OrderState, TriggerDirection,
    TriggerSource,
};
use rustonite_exec::{
    AccountRules, AnomalyCode, Ask, ChangeIds, Journal, Ledger, Link, Nowhere, OrderId,
    OrderPicture, RefusalKind, Report, Request, Trail, Trigger, Values, What, Wish,
};

fn stop() -> Wish {
    let trigger = Trigger {
        price: amount("90"),
        source: TriggerSource::Last,
        direction: TriggerDirection::Down,
        trail: None,
    };
    Wish { side: OrderSide::Sell, kind: OrderKind::StopLimit, trigger: Some(trigger), ..wish() }
}

fn waiting_rules() -> AccountRules {
    AccountRules { changes: ChangeIds::NewIfWaiting, ..rules() }
}

/// A stop that waits at its venue.
fn waits<J: Journal>(ledger: &mut Ledger<J>, wish: Wish) -> OrderId {
    let (id, _) = ledger.submit(NOW, wish, Link::default()).unwrap();
    ledger.report(&of(ledger, id, What::Accepted));
    id
}

/// With the same limit and size, and another price that starts it.
fn moved(at: &str) -> Values {
    Values { price_trigger: Some(amount(at)), ..values("100", "10") }
}

fn trigger_of<J: Journal>(ledger: &Ledger<J>, id: OrderId) -> Amount {
    ledger.order(id).unwrap().wish.trigger.unwrap().price
}

/// The order as its venue shows it, started at a price.
fn shown(ledger: &Ledger<Nowhere>, id: OrderId, at: Option<&str>) -> Report {
    let picture = OrderPicture {
        side: OrderSide::Sell,
        price_trigger: at.map(amount),
        limit_tif: None,
        ..picture(OrderState::Accepted, "0")
    };
    let report = rest(of(ledger, id, What::Picture(picture)));
    Report { ts_event: NOW + 10, ..report }
}

#[test]
fn only_what_waits_gets_a_new_id_where_it_ends_and_begins_anew() {
    let mut ledger = open_with(Nowhere, waiting_rules());
    let ids = |request: Request| match request {
        Request::Replace { client_id, client_id_prev, .. } => (client_id, client_id_prev),
        other => panic!("{other:?}"),
    };
    let limit = working(&mut ledger);
    let (id, before) = ids(ledger.replace(NOW, limit, values("101", "10")).unwrap());
    assert_eq!(id, before);
    let stop = waits(&mut ledger, stop());
    let (id, before) = ids(ledger.replace(NOW, stop, moved("91")).unwrap());
    assert_ne!(id, before);
    let what = What::Replaced { price: Some(amount("100")), size: amount("10") };
    ledger.report(&by_id(&id, what));
    assert_eq!(
        (trigger_of(&ledger, stop), state(&ledger, stop)),
        (amount("91"), OrderState::Accepted)
    );
    assert_eq!(ledger.order(stop).unwrap().client_id(), &*id);
    // Once it has started it is an order of the book.
    ledger.report(&by_id(&id, What::Triggered));
    let (again, before) = ids(ledger.replace(NOW, stop, moved("91")).unwrap());
    assert_eq!((&again, &before), (&id, &id));
}

#[test]
fn a_new_order_that_is_refused_ends_the_old_one_with_the_reason() {
    let mut ledger = open_with(Nowhere, waiting_rules());
    let stop = waits(&mut ledger, stop());
    let before = ledger.order(stop).unwrap().client_id().to_owned();
    ledger.replace(NOW, stop, moved("91")).unwrap();
    let refusal = Some(refusal(RefusalKind::Rules));
    let what = What::Cancelled { size_filled: None, size_prevented: None, refusal };
    let change = ledger.report(&by_id(&before, what));
    assert_eq!((state(&ledger, stop), &change.anomalies[..]), (OrderState::Cancelled, &[][..]));
    assert_eq!(trigger_of(&ledger, stop), amount("90"));
}

#[test]
fn a_change_that_got_lost_was_done_if_the_venue_shows_its_trigger() {
    for (at, expected) in [("91", "91"), ("90", "90")] {
        let same = AccountRules { changes: ChangeIds::Same, ..rules() };
        let mut ledger = open_with(Nowhere, same);
        let stop = waits(&mut ledger, stop());
        ledger.replace(NOW, stop, moved("91")).unwrap();
        let change = ledger.report(&of(&ledger, stop, lost(OrderEvent::ReplaceAsked)));
        assert_eq!(
            (state(&ledger, stop), &change.asks[..]),
            (OrderState::Unknown, &[Ask::Order(stop)][..])
        );
        let change = ledger.report(&shown(&ledger, stop, Some(at)));
        assert_eq!((state(&ledger, stop), change.anomalies), (OrderState::Accepted, vec![]));
        assert_eq!(trigger_of(&ledger, stop), amount(expected), "{at}");
    }
}

#[test]
fn another_trigger_at_the_venue_is_odd_and_counts() {
    let mut ledger = ledger();
    let stop = waits(&mut ledger, stop());
    // Not every venue tells it.
    assert_eq!(ledger.report(&shown(&ledger, stop, None)).anomalies, []);
    assert_eq!(ledger.report(&shown(&ledger, stop, Some("90"))).anomalies, []);
    let change = ledger.report(&shown(&ledger, stop, Some("95")));
    assert_eq!(change.anomalies[0].code, AnomalyCode::SettingsDiffer);
    let detail = &*change.anomalies[0].detail;
    assert_eq!(detail, "10 at 100 here, 10 at 100 there; started by 90 here, 95 there");
    assert_eq!(trigger_of(&ledger, stop), amount("95"));
    // Told again it is no news.
    assert!(ledger.report(&shown(&ledger, stop, Some("95"))).is_empty());
}

#[test]
fn a_trigger_that_follows_the_market_is_where_the_venue_says() {
    let mut ledger = ledger();
    let offset = amount("5");
    let trail = Trail { offset, unit: OffsetUnit::Price, activation: None };
    let following = Trigger { trail: Some(trail), ..stop().trigger.unwrap() };
    let wish = Wish { kind: OrderKind::TrailingStopLimit, trigger: Some(following), ..stop() };
    let order = waits(&mut ledger, wish);
    let change = ledger.report(&shown(&ledger, order, Some("97")));
    assert_eq!((change.anomalies, trigger_of(&ledger, order)), (vec![], amount("90")));
}

#[test]
fn a_change_of_a_trigger_outlives_a_restart() {
    let folder = in_memory();
    let opened = || {
        let journal = (folder.path(), "main", tape_options(), rustonite_exec::Durability::Interval);
        Ledger::open(directory(), [(ACCOUNT, waiting_rules())], journal).unwrap().0
    };
    let (stop, old_id, new_id) = {
        let mut ledger = opened();
        let stop = waits(&mut ledger, stop());
        let Request::Replace { client_id, client_id_prev, .. } =
            ledger.replace(NOW, stop, moved("91")).unwrap()
        else {
            panic!()
        };
        (stop, client_id_prev, client_id)
    };
    let mut ledger = opened();
    ledger.lose_requests(NOW + 1);
    assert_eq!(state(&ledger, stop), OrderState::Unknown);
    let Request::Query { client_id, .. } = ledger.query(stop).unwrap() else { panic!() };
    assert_eq!(client_id, new_id);
    // The process ended between the two halves: there is no new order, and the old one is gone.
    let absent = Report { source: EventSource::Rest, ..by_id(&new_id, What::NotFound) };
    let change = ledger.report(&absent);
    assert_eq!(change.asks, [Ask::Order(stop)]);
    let gone = OrderPicture { side: OrderSide::Sell, ..picture(OrderState::Cancelled, "0") };
    ledger.report(&rest(by_id(&old_id, What::Picture(gone))));
    assert_eq!(state(&ledger, stop), OrderState::Cancelled);
}
