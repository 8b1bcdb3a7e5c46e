//! Switches survive a restart, by name.

#![allow(clippy::unwrap_used, reason = "a failed test is what a panic is for")]

mod world;

use rustonite_core::datasets::{RiskScope, TradingState};
use rustonite_core::instrument::Instrument;
use rustonite_risk::{Code, Directory, Latch, Latches, Risk, Target};

use crate::world::{MAIN, MM, SIM, SPOT, START, World, amount, directory, limits};

fn restored(directory: Directory, latches: &Latches) -> Risk {
    let mut risk = Risk::new(directory, limits("")).unwrap();
    latches.0.iter().for_each(|latch| risk.restore(latch));
    risk
}

fn every_target(world: &mut World) -> [Target; 6] {
    let order = world.adopted();
    [
        Target::All,
        Target::Venue(SIM),
        Target::Account(MAIN),
        Target::Strategy(MM),
        Target::Instrument(SPOT),
        Target::Order(order.order),
    ]
}

#[test]
fn a_restart_keeps_them() {
    let mut world = World::new("[strategy.mm]\ndaily_loss_max = 100");
    for target in every_target(&mut world) {
        world.risk.kill(target, START);
    }
    let loss = amount("-200");
    world.risk.profit(Target::Strategy(MM), loss, loss, START, &mut world.trips);
    world.risk.set_state(Target::Account(MAIN), TradingState::Halted, START + 1);
    let text = serde_json::to_string(&world.risk.latches()).unwrap();
    let read: Latches = serde_json::from_str(&text).unwrap();
    assert_eq!(read, world.risk.latches());
    let again = restored(directory(), &read);
    assert_eq!(again.latches(), read);
    assert_eq!(again.thrown(), world.risk.thrown());
    assert_eq!(again.state(Target::Account(MAIN)), TradingState::Halted);
    let trip = again.thrown().iter().find(|trip| trip.code == Code::DailyLoss).unwrap();
    assert_eq!((trip.limit, trip.value), (Some(amount("100")), Some(amount("200"))));
}

#[test]
fn a_thrown_switch_can_let_more_through_and_less_again() {
    let mut world = World::new("");
    let target = Target::Account(MAIN);
    world.risk.kill(target, START);
    for state in [TradingState::ReduceOnly, TradingState::CancelOnly] {
        let trip = world.risk.set_switch(target, Code::KillSwitch, state, START + 1);
        assert_eq!((trip.state, trip.ts), (state, START));
        assert_eq!(world.risk.thrown(), [trip], "it is the one that was thrown");
        assert_eq!(world.risk.state(target), state);
    }
}

#[test]
fn names_count_and_not_ids() {
    let mut world = World::new("");
    world.risk.kill(Target::Instrument(SPOT), START);
    let mut other = directory();
    other.instruments.rotate_right(1);
    let again = restored(other, &world.risk.latches());
    let found = again.target(RiskScope::Instrument, "sim:BTCUSD").unwrap();
    assert_ne!(found, Target::Instrument(SPOT));
    assert_eq!(again.state(found), TradingState::CancelOnly);
}

#[test]
fn a_switch_of_a_name_that_is_gone_is_thrown_still_when_it_comes_back() {
    let mut world = World::new("");
    world.risk.kill(Target::Instrument(SPOT), START);
    let mut other = directory();
    let symbol = "ELSE".into();
    other.instruments[0] = Instrument { symbol, ..other.instruments[0].clone() };
    world.risk.kill(Target::Account(MAIN), START);
    let latches = world.risk.latches();
    let mut without = restored(other, &latches);
    latches.0.iter().for_each(|latch| without.restore(latch));
    assert_eq!(without.thrown().len(), 1);
    assert_eq!(without.absent(), &latches.0[..1], "once, however often it is told");
    let again = restored(directory(), &without.latches());
    assert_eq!(again.state(Target::Instrument(SPOT)), TradingState::CancelOnly);
    assert!(again.absent().is_empty());
    assert_eq!(without.reset_absent(RiskScope::Instrument, "sim:BTCUSD"), latches.0[..1]);
    assert_eq!(without.latches().0, latches.0[1..]);
}

#[test]
fn words_that_do_not_exist_are_refused() {
    let good = r#"{"scope":"all","name":"","code":"kill_switch","state":"cancel_only","limit":null,"value":null,"ts":1}"#;
    assert!(serde_json::from_str::<Latch>(good).is_ok());
    for (from, to) in [("all", "al"), ("kill_switch", "kill"), ("cancel_only", "off"), ("ts", "tz")]
    {
        let bad = good.replace(&format!("\"{from}\""), &format!("\"{to}\""));
        assert!(serde_json::from_str::<Latch>(&bad).is_err(), "{bad}");
    }
}

#[test]
fn a_reset_lifts_what_it_names_alone() {
    let mut world = World::new("");
    let targets = every_target(&mut world);
    for target in targets {
        world.risk.kill(target, START);
    }
    for (at, target) in targets.into_iter().enumerate() {
        assert_eq!(world.risk.state(target), TradingState::CancelOnly);
        assert_eq!(world.risk.reset(target, START).len(), 1);
        assert_eq!(world.risk.state(target), TradingState::Active);
        assert_eq!(world.risk.thrown().len(), targets.len() - at - 1);
    }
    let order = world.plain();
    world.passes(&order);
}

#[test]
fn a_state_set_to_active_lifts_no_switch() {
    let mut world = World::new("");
    world.risk.kill(Target::All, START);
    world.risk.set_state(Target::All, TradingState::Halted, START);
    world.risk.set_state(Target::All, TradingState::Active, START);
    assert_eq!(world.risk.state(Target::All), TradingState::CancelOnly);
}
