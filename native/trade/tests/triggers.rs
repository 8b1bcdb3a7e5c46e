//! Orders that wait at their venue: the price that starts them is changed through the one door.
#![allow(clippy::unwrap_used, reason = "a failed test is what a panic is for")]

mod common;

use common::*;
use rustonite_core::Amount;
use rustonite_core::datasets::{OrderKind, OrderSide, OrderState, TriggerDirection, TriggerSource};
use rustonite_exec::{OrderId, Request, Tapes, Trigger, What, Wish};
use rustonite_risk::Target;
use rustonite_trade::{Changes, Denied};

const BOUNDS: [u32; 4] = [500, 7, 100, 200];

/// A sell of ten lots that its venue starts so many ticks from the middle.
fn stop(at: i64) -> Wish {
    let trigger = Trigger {
        price: ticks(at),
        source: TriggerSource::Last,
        direction: TriggerDirection::Down,
        trail: None,
    };
    Wish { kind: OrderKind::StopLimit, trigger: Some(trigger), ..limit(OrderSide::Sell, -200, 10) }
}

/// A world where a stop waits at the venue.
fn waiting() -> (World, OrderId) {
    let mut world = World::new(BOUNDS);
    let order = world.desk.submit(stop(-100), world.now).unwrap();
    world.report_of(order, What::Accepted);
    let written = world.written();
    assert!(matches!(&written[..], [Request::Submit { .. }]), "{written:?}");
    (world, order)
}

fn change(world: &mut World, order: OrderId, changes: Changes) -> Result<(), Denied> {
    world.desk.replace(order, &changes, world.now)
}

fn to(at: i64) -> Changes {
    Changes { trigger: Some(ticks(at)), ..Changes::default() }
}

fn trigger_of(world: &World, order: OrderId) -> Amount {
    world.desk.ledger().order(order).unwrap().wish.trigger.unwrap().price
}

#[test]
fn a_trigger_is_changed_at_the_venue() {
    let (mut world, order) = waiting();
    change(&mut world, order, to(-150)).unwrap();
    let [Request::Replace { wish, .. }] = &world.written()[..] else { panic!("nothing was sent") };
    // All else stays.
    let moved = wish.trigger.map(|trigger| trigger.price);
    assert_eq!((moved, wish.price, wish.size), (Some(ticks(-150)), Some(ticks(-200)), lots(10)));
    assert_eq!(world.desk.ledger().order(order).unwrap().state, OrderState::PendingReplace);
    assert_eq!(trigger_of(&world, order), ticks(-100));
    world.report_of(order, What::Replaced { price: Some(ticks(-200)), size: lots(10) });
    assert_eq!(trigger_of(&world, order), ticks(-150));
    // With its limit and its size in one change.
    let all = Changes { price: Some(ticks(-300)), size: Some(lots(5)), ..to(-160) };
    change(&mut world, order, all).unwrap();
    let [Request::Replace { wish, .. }] = &world.written()[..] else { panic!("nothing was sent") };
    let moved = wish.trigger.map(|trigger| trigger.price);
    assert_eq!((moved, wish.price, wish.size), (Some(ticks(-160)), Some(ticks(-300)), lots(5)));
}

#[test]
fn risk_sees_the_new_trigger() {
    let (mut world, order) = waiting();
    // Further from the market than a price may be.
    let denied = change(&mut world, order, to(-1_000_000)).unwrap_err();
    assert_eq!(denied.code, "price_far");
    let off_tick = Changes { trigger: Some(amount("59999.005")), ..Changes::default() };
    let denied = change(&mut world, order, off_tick).unwrap_err();
    assert_eq!(denied.code, "too_many_decimals");
    world.desk.latch(Target::All, world.now);
    let denied = change(&mut world, order, to(-150)).unwrap_err();
    assert_eq!(denied.code, "kill_switch");
    assert_eq!(world.written(), []);
    assert_eq!(trigger_of(&world, order), ticks(-100));
}

#[test]
fn what_has_no_trigger_that_could_be_changed_is_told_apart() {
    let (mut world, order) = waiting();
    let mut refused = |order, changes| {
        let denied = change(&mut world, order, changes).unwrap_err();
        assert_eq!(denied.code, "not_possible");
        denied.to_string()
    };
    let distance = Changes { trail: Some(amount("5")), ..Changes::default() };
    let why = refused(order, distance);
    assert!(why.contains("does not follow"), "{why}");

    let limit = world.desk.submit(limit(OrderSide::Buy, -50, 10), world.now).unwrap();
    world.report_of(limit, What::Accepted);
    world.report_of(order, What::Triggered);
    world.written();
    let mut refused = |order| {
        let denied = change(&mut world, order, to(-150)).unwrap_err();
        assert_eq!(denied.code, "not_possible");
        denied.to_string()
    };
    assert!(refused(limit).contains("waits for no price"));
    assert!(refused(order).contains("has come"));
    assert_eq!(world.written(), []);
}

#[test]
fn a_stop_that_was_triggered_is_met_by_no_order_of_ours_after_a_restart_either() {
    let folder = tempfile::tempdir().unwrap();
    let mut world = opened(folder.path(), BOUNDS);
    let order = world.desk.submit(stop(-100), world.now).unwrap();
    world.report_of(order, What::Accepted);
    // Would a buy at this price be met by the stop, whose limit is at -200?
    let meets = |world: &mut World<Tapes>, at| {
        let failures = world.desk.would_fail(limit(OrderSide::Buy, at, 10), world.now);
        failures.iter().any(|denied| denied.code == "self_trade")
    };
    assert!(!meets(&mut world, -150));
    world.report_of(order, What::Triggered);
    assert!(meets(&mut world, -150) && !meets(&mut world, -250));
    // While its limit is on its way down, the lower of the two counts.
    let lower = Changes { price: Some(ticks(-300)), ..Changes::default() };
    world.desk.replace(order, &lower, world.now).unwrap();
    assert!(meets(&mut world, -250) && !meets(&mut world, -350));
    drop(world);
    let mut world = opened(folder.path(), BOUNDS);
    assert!(meets(&mut world, -250) && !meets(&mut world, -350));
    world.report_of(
        order,
        What::Cancelled { size_filled: None, size_prevented: None, refusal: None },
    );
    assert!(!meets(&mut world, -150));
}
