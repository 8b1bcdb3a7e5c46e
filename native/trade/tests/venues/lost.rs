//! What happened while nobody listened, and what becomes of it once books are compared.

use std::collections::BTreeMap;

use rustonite_core::datasets::{OrderKind, OrderState};
use rustonite_core::ids::{AccountId, VenueId};
use rustonite_exec::reconcile::{Plan, Settings, VenueBooks, reconcile};
use rustonite_exec::{
    AccountRules, Ask, Change, ChangeIds, ClientIds, External, Figures, Ledger, Link, Nowhere,
    Order, What, Wish,
};
use rustonite_feed::now_ns;

use super::desk::{Desk, IT, amount, limit, stop};

const ACCOUNT: AccountId = AccountId(0);

fn ledger(desk: &Desk) -> Ledger<Nowhere> {
    let mut ledger = Ledger::new(desk.directory.clone(), Nowhere);
    let rules = AccountRules {
        venue: VenueId(0),
        client_ids: ClientIds::new("test01").unwrap(),
        changes: ChangeIds::Same,
        figures: Figures::Order,
        external: External::Watched,
    };
    ledger.open_account(ACCOUNT, rules);
    ledger
}

/// Places an order that waits or rests.
fn place(desk: &mut Desk, ledger: &mut Ledger<Nowhere>, wish: Wish) {
    let (_, request) = ledger.submit(now_ns(), wish, Link::default()).unwrap();
    desk.send(&request);
    let accepted = desk.report(|one| one.what == What::Accepted);
    ledger.report(&accepted);
}

/// Compares executions and orders, and asks what is to be asked.
fn compare(desk: &mut Desk, ledger: &mut Ledger<Nowhere>) -> Plan {
    let venue = VenueBooks {
        asked_at: now_ns(),
        heard_since: now_ns(),
        open_orders: Some(desk.open_orders()),
        fills: BTreeMap::from([(IT, desk.executions())]),
        ..VenueBooks::default()
    };
    let plan = reconcile(ledger, ACCOUNT, &venue, &Settings::default());
    let changes = ledger.apply_plan(now_ns(), ACCOUNT, &plan);
    let mut asks: Vec<_> = changes.into_iter().flat_map(|change| change.asks).collect();
    asks.extend(plan.asks.iter().copied());
    while let Some(ask) = asks.pop() {
        asks.extend(asked(desk, ledger, ask).into_iter().flat_map(|change| change.asks));
    }
    plan
}

fn asked(desk: &mut Desk, ledger: &mut Ledger<Nowhere>, ask: Ask) -> Vec<Change> {
    let reports = match ask {
        Ask::Order(order) => {
            let request = ledger.query(order).unwrap();
            desk.send(&request);
            let is_answer = |what: &What| {
                matches!(what, What::Picture(_) | What::NotFound | What::Ended { .. })
            };
            vec![desk.report(|one| is_answer(&one.what))]
        }
        Ask::Fills(..) => desk.executions(),
        _ => desk.open_orders(),
    };
    reports.iter().map(|report| ledger.report(report)).collect()
}

/// Compares until there is nothing more to ask about orders.
fn settle(desk: &mut Desk, ledger: &mut Ledger<Nowhere>) {
    for _ in 0..3 {
        if compare(desk, ledger).asks.is_empty() {
            return;
        }
    }
    let orders: Vec<_> = ledger.orders().collect();
    panic!("it comes to no end: {orders:?}");
}

fn orders(ledger: &Ledger<Nowhere>) -> Vec<&Order> {
    let mut orders: Vec<_> = ledger.orders().collect();
    orders.sort_by_key(|order| order.id);
    orders
}

/// Somebody trades on our account while we are away.
fn ends_what_others_traded(desk: Desk) {
    let mut elsewhere = desk;
    elsewhere.other(rustonite_sim::Side::Sell, 500_000, 100);
    elsewhere.submit("by-hand", limit("50000", "0.1"));
    elsewhere.report(|one| matches!(one.what, What::Fill(_)));
    let mut desk = elsewhere.begun_anew();
    let mut ledger = ledger(&desk);
    settle(&mut desk, &mut ledger);
    let orders = orders(&ledger);
    let [found] = orders[..] else { panic!("{orders:?}") };
    assert!(found.is_external());
    assert_eq!((found.state, found.size_filled), (OrderState::Filled, amount("0.1")));
}

#[test]
fn an_order_of_others_that_only_its_execution_tells_of_ends() {
    ends_what_others_traded(Desk::binance());
    ends_what_others_traded(Desk::usdm());
    ends_what_others_traded(Desk::alpaca());
}

#[test]
fn a_stop_that_is_filled_while_nobody_listens_is_ours() {
    let mut desk = Desk::usdm();
    let mut ledger = ledger(&desk);
    desk.other(rustonite_sim::Side::Sell, 500_000, 100);
    desk.submit("by-hand", limit("50000", "0.1"));
    desk.report(|one| matches!(one.what, What::Fill(_)));
    settle(&mut desk, &mut ledger);
    desk.heard.clear();
    place(&mut desk, &mut ledger, stop(OrderKind::StopMarket, "50010", None, "0.2"));
    desk.other(rustonite_sim::Side::Sell, 501_000, 400);
    desk.submit("by-hand-too", limit("50100", "0.1"));
    desk.report(|one| one.what == What::Triggered);
    desk.report(|one| matches!(&one.what, What::Fill(fill) if fill.size == amount("0.2")));

    // A process that knows the stop by the number that it had while it waited.
    let mut desk = desk.begun_anew();
    settle(&mut desk, &mut ledger);
    let orders = orders(&ledger);
    let [by_hand, stop, by_hand_too] = orders[..] else { panic!("{orders:?}") };
    assert!(by_hand.is_external() && by_hand_too.is_external());
    assert!(orders.iter().all(|order| order.state == OrderState::Filled), "{orders:?}");
    assert_eq!((stop.is_external(), stop.size_filled), (false, amount("0.2")));
}

fn is_found_by_number(mut desk: Desk, nobody: &str) {
    desk.submit("n-1", limit("50000", "0.1"));
    desk.report(|one| one.what == What::Accepted);
    desk.other(rustonite_sim::Side::Sell, 500_000, 100);
    let fill = desk.report(|one| matches!(one.what, What::Fill(_)));
    let number = fill.venue_order_id.unwrap();
    desk.query_number(&number);
    let seen = desk.report(|one| matches!(one.what, What::Picture(_)));
    assert_eq!(seen.venue_order_id.as_deref(), Some(&*number));
    assert!(matches!(seen.what, What::Picture(one) if one.state == OrderState::Filled));
    desk.query_number(nobody);
    let missed = desk.report(|one| one.what == What::NotFound);
    assert_eq!(missed.venue_order_id.as_deref(), Some(nobody));
}

#[test]
fn an_order_without_a_client_id_is_asked_for_by_its_number() {
    is_found_by_number(Desk::binance(), "999999");
    is_found_by_number(Desk::usdm(), "999999");
    is_found_by_number(Desk::alpaca(), "61e69015-8549-4bfd-b9c3-01e75843f47d");
}
