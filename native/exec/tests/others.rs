//! Orders that others have placed on our account, and what may be of them.
#![allow(clippy::unwrap_used, reason = "a failing test should panic")]

#[path = "common/books.rs"]
mod books;
mod common;

use books::*;
use common::*;
use rustonite_core::datasets::{
    EventSource, OrderKind, OrderSide, OrderState, Tif, TriggerDirection, TriggerSource,
};
use rustonite_exec::reconcile::{Mismatch, VenueBooks};
use rustonite_exec::{
    AccountRules, Ask, Durability, External, Fill, Journal, Ledger, Link, Nowhere, OrderId,
    OrderPicture, Report, Request, Tapes, Trigger, What, Wish,
};

#[test]
fn they_are_adopted_or_watched() {
    let open = What::Picture(picture(OrderState::PartiallyFilled, "2"));
    let order = Report { venue_order_id: Some("w1".into()), ..rest(by_id("web", open)) };
    let fill = Report { what: filled_by("5", "2"), ..order.clone() };
    for external in [External::Watched, External::Adopted] {
        let mut ledger = open_with(Nowhere, AccountRules { external, ..rules() });
        let mut venue = nothing();
        venue.open_orders = Some(vec![order.clone()]);
        venue.fills.insert(SPOT, vec![fill.clone()]);
        let first = plan(&ledger, &venue);
        assert_eq!(first.mismatches, [Mismatch::OrderUnknown("w1".into())]);
        settle(&mut ledger, &venue);
        let orders: Vec<_> = ledger.open_orders();
        let [order] = &orders[..] else { panic!("{orders:?}") };
        assert_eq!((order.size_filled, order.size_left()), (amount("2"), amount("8")));
        assert_eq!(order.is_managed(), external == External::Adopted);
    }
}

/// Somebody has bought while we were away: all that is known of the order is its number.
fn bought_by_others() -> VenueBooks {
    let mut venue = nothing();
    let bought = of_nobody("78", SPOT, fill("1", "2", "100"));
    venue.fills.insert(SPOT, vec![bought]);
    venue
}

fn of_others<J: Journal>(ledger: &Ledger<J>) -> OrderId {
    let mut orders = ledger.orders().filter(|order| order.is_external());
    let order = orders.next().unwrap().id;
    assert!(orders.next().is_none());
    order
}

#[test]
fn an_order_that_only_executions_tell_of_ends_where_it_is_not_open() {
    let mut ledger = ledger();
    let mut venue = bought_by_others();
    let found = plan(&ledger, &venue);
    let changes = ledger.apply_plan(LATER, ACCOUNT, &found);
    let order = of_others(&ledger);
    assert!(changes.iter().any(|change| change.asks.contains(&Ask::Order(order))));
    let Request::Query { client_id, venue_order_id, .. } = ledger.query(order).unwrap() else {
        panic!()
    };
    assert_eq!((&*client_id, venue_order_id.as_deref()), ("", Some("78")));
    venue.balances = Some(our_balances(&ledger));
    // Where the venue shows it, it is open.
    let shown = OrderPicture { size: amount("3"), ..picture(OrderState::PartiallyFilled, "2") };
    let shown = Report { venue_order_id: Some("78".into()), ..by_id("", What::Picture(shown)) };
    venue.open_orders = Some(vec![rest(shown)]);
    let open = plan(&ledger, &venue);
    assert_eq!((&open.reports[..], &open.asks[..]), (&[rest_of(&venue)][..], &[][..]));
    // Nobody answers the question about it.
    venue.open_orders = Some(Vec::new());
    let settled = settle(&mut ledger, &venue);
    assert_eq!(state(&ledger, order), OrderState::Filled);
    assert_eq!(filled(&ledger, order), amount("2"));
    assert!(settled.is_settled(), "{settled:?}");
}

fn rest_of(venue: &VenueBooks) -> Report {
    let shown = venue.open_orders.as_ref().unwrap()[0].clone();
    Report { source: EventSource::Reconciliation, ..shown }
}

#[test]
fn a_journal_with_an_order_that_only_executions_tell_of_comes_to_trade() {
    let folder = in_memory();
    let mut venue = bought_by_others();
    let order = {
        let (mut ledger, _) = reopened(folder.path());
        let found = plan(&ledger, &venue);
        ledger.apply_plan(LATER, ACCOUNT, &found);
        assert_eq!(state(&ledger, of_others(&ledger)), OrderState::PartiallyFilled);
        of_others(&ledger)
    };
    let (mut ledger, _) = reopened(folder.path());
    assert_eq!(state(&ledger, order), OrderState::PartiallyFilled);
    venue.heard_since = LATER;
    venue.asked_at = LATER + 1;
    venue.balances = Some(our_balances(&ledger));
    let settled = settle(&mut ledger, &venue);
    assert!(settled.is_settled(), "{settled:?}");
    assert_eq!(state(&ledger, order), OrderState::Filled);
    drop(ledger);
    let (ledger, _) = reopened(folder.path());
    assert_eq!(state(&ledger, order), OrderState::Filled);
}

/// A stop of the perpetual, which waits at its venue.
fn waiting_stop<J: Journal>(ledger: &mut Ledger<J>) -> OrderId {
    let trigger = Trigger {
        price: amount("90"),
        source: TriggerSource::Last,
        direction: TriggerDirection::Down,
        trail: None,
    };
    let stop = Wish {
        kind: OrderKind::StopMarket,
        price: None,
        trigger: Some(trigger),
        ..linear(OrderSide::Sell, "1")
    };
    let (id, _) = ledger.submit(NOW, stop, Link::default()).unwrap();
    ledger.report(&Report { instrument: LINEAR, ..of(ledger, id, What::Accepted) });
    id
}

#[test]
fn a_stop_that_was_counted_as_an_order_of_others_ends_with_it() {
    let folder = in_memory();
    let sold = Fill { side: OrderSide::Sell, ..fill("9", "1", "89") };
    let sold = of_nobody("78", LINEAR, sold);
    let mut venue = nothing();
    venue.fills.insert(LINEAR, vec![sold.clone()]);
    venue.positions = Some(vec![theirs("-1", "89")]);
    let (stop, other) = {
        let (mut ledger, _) = reopened(folder.path());
        // As it was booked while the stop was not looked at first.
        ledger.report(&sold);
        let other = of_others(&ledger);
        (waiting_stop(&mut ledger), other)
    };
    let (mut ledger, _) = reopened(folder.path());
    venue.heard_since = LATER;
    venue.asked_at = LATER + 1;
    venue.balances = Some(our_balances(&ledger));
    for _ in 0..2 {
        let found = plan(&ledger, &venue);
        ledger.apply_plan(LATER, ACCOUNT, &found);
        for ask in &found.asks {
            assert_eq!(*ask, Ask::Order(stop));
            let done = OrderPicture {
                side: OrderSide::Sell,
                price: None,
                size: amount("1"),
                ..picture(OrderState::Filled, "1")
            };
            let client_id: Box<str> = ledger.order(stop).unwrap().client_id().into();
            ledger.report(&Report { client_id, what: What::Picture(done), ..sold.clone() });
        }
    }
    let both_have_ended = |ledger: &Ledger<Tapes>| {
        assert_eq!(state(ledger, stop), OrderState::Filled);
        assert_eq!(state(ledger, other), OrderState::Filled);
        assert_eq!(held(ledger).size, amount("-1"));
        let settled = plan(ledger, &venue);
        assert!(settled.is_settled() && settled.reports.is_empty(), "{settled:?}");
    };
    both_have_ended(&ledger);
    drop(ledger);
    both_have_ended(&reopened(folder.path()).0);
}

#[test]
fn an_execution_may_be_of_a_stop_that_is_not_shown_any_more() {
    let mut ledger = ledger();
    let id = waiting_stop(&mut ledger);
    let sold = Fill { side: OrderSide::Sell, ..fill("9", "1", "89") };
    let sold = of_nobody("78", LINEAR, sold);
    // While the venue tells it.
    let change = ledger.report(&sold);
    assert!(change.fills.is_empty() && change.order.is_none(), "{change:?}");
    assert_eq!(change.asks, [Ask::Order(id)]);
    // Where books are compared.
    let mut venue = nothing();
    venue.fills.insert(LINEAR, vec![sold.clone()]);
    let unsure = plan(&ledger, &venue);
    assert!(unsure.reports.is_empty(), "{unsure:?}");
    assert_eq!(unsure.asks, [Ask::Order(id), Ask::Fills(ACCOUNT, LINEAR)]);
    // If its venue still has the stop it was somebody else.
    let waits = OrderPicture {
        side: OrderSide::Sell,
        price: None,
        size: amount("1"),
        ..picture(OrderState::Accepted, "0")
    };
    let shown = Report { instrument: LINEAR, ..shown(&ledger, id, waits.clone()) };
    let still = VenueBooks { open_orders: Some(vec![shown]), ..venue.clone() };
    assert_eq!(plan(&ledger, &still).reports.len(), 1);
    // The answer about the stop gives it the number that the execution names.
    let done = OrderPicture { state: OrderState::Filled, size_filled: amount("1"), ..waits };
    let client_id: Box<str> = ledger.order(id).unwrap().client_id().into();
    let done = Report { client_id, what: What::Picture(done), ..sold.clone() };
    ledger.report(&done);
    ledger.report(&sold);
    assert_eq!((state(&ledger, id), filled(&ledger, id)), (OrderState::Filled, amount("1")));
    assert_eq!(ledger.orders().count(), 1);
}

#[test]
fn what_its_venue_says_later_of_an_order_of_others_is_known_after_a_restart() {
    let folder = in_memory();
    let adopted = AccountRules { external: External::Adopted, ..rules() };
    let tapes = Tapes::open(folder.path(), "main", tape_options(), Durability::Interval).unwrap();
    let mut ledger = open_with(tapes, adopted.clone());
    // An execution is the first that is heard of it, by its number alone.
    ledger.report(&of_nobody("78", SPOT, fill("1", "2", "100")));
    let order = of_others(&ledger);
    let known = |ledger: &Ledger<Tapes>| {
        let order = ledger.order(order).unwrap();
        let wish = &order.wish;
        (order.client_id().to_owned(), wish.kind, wish.tif, wish.size)
    };
    assert_eq!(known(&ledger), (String::new(), OrderKind::Unknown, None, amount("0")));
    let said = |limit_tif: Option<Tif>| {
        let picture = picture(OrderState::PartiallyFilled, "2");
        let picture = What::Picture(OrderPicture { limit_tif, ..picture });
        Report { venue_order_id: Some("78".into()), ..rest(by_id("web", picture)) }
    };
    // Until when it rests is not said with it.
    ledger.report(&said(Some(Tif::Gtd)));
    assert_eq!(known(&ledger).1, OrderKind::Unknown);
    ledger.report(&said(Some(Tif::Gtx)));
    let named = ("web".to_owned(), OrderKind::Limit, Some(Tif::Gtx), amount("10"));
    assert_eq!(known(&ledger), named);
    let hash = ledger.state_hash();
    drop(ledger);
    let journal = (folder.path(), "main", tape_options(), Durability::Interval);
    let (mut ledger, _) = Ledger::open(directory(), [(ACCOUNT, adopted)], journal).unwrap();
    assert_eq!((known(&ledger), ledger.state_hash()), (named, hash));
    // What is said by that name alone is about it.
    ledger.report(&by_id("web", cancelled(Some("2"))));
    assert_eq!(state(&ledger, order), OrderState::Cancelled);
}
