//! What a restart has to know besides orders, fills and balances.
#![allow(clippy::unwrap_used, reason = "a failing test should panic")]

mod common;

use std::path::Path;

use common::*;
use rustonite_core::datasets::{
    OrderEvent, OrderState, RiskScope, RiskVerdict, TradingState, draft,
};
use rustonite_exec::reconcile::{Settings, VenueBooks, reconcile};
use rustonite_exec::{
    Ask, Durability, Housekeeping, Ledger, Link, Position, PositionKey, Report, Restored, Tapes,
    What, Wish,
};
use rustonite_tape::TapeOptions;

fn few_rows() -> TapeOptions {
    TapeOptions { segment_rows: Some(64), segments_max: 3, ..tape_options() }
}

/// Writes so many rows, with snapshots between them, that the first ones are removed.
fn live_long(ledger: &mut Ledger<Tapes>) {
    let housekeeping =
        Housekeeping { snapshot_rows: 100, keep_ended_ns: 0, ..Housekeeping::default() };
    for _ in 0..200 {
        let order = working(ledger);
        ledger.report(&of(ledger, order, cancelled(Some("0"))));
        ledger.tick(NOW * 2, &housekeeping).unwrap();
    }
}

#[test]
fn what_is_known_of_requests_outlives_the_rows_of_them() {
    let folder = in_memory();
    let tapes = Tapes::open(folder.path(), "main", few_rows(), Durability::Interval).unwrap();
    let mut ledger = open_with(tapes, rules());
    let never = submitted(&mut ledger);
    ledger.report(&of(&ledger, never, lost(OrderEvent::Submitted)));
    let ending = working(&mut ledger);
    ledger.cancel(NOW, ending).unwrap();
    ledger.report(&of(&ledger, ending, lost(OrderEvent::CancelAsked)));
    let changing = working(&mut ledger);
    let request = ledger.replace(NOW, changing, values("101", "10")).unwrap();
    ledger.report(&by_id(&client_id_of(&request), lost(OrderEvent::ReplaceAsked)));
    let both = submitted(&mut ledger);
    ledger.cancel(NOW, both).unwrap();
    let ids = [never, ending, changing, both];
    let facts = |ledger: &Ledger<Tapes>| {
        ids.map(|id| {
            let order = ledger.order(id).unwrap();
            (order.state, order.facts, order.changes.clone(), order.client_id().to_owned())
        })
    };
    let live = facts(&ledger);
    live_long(&mut ledger);
    assert_eq!(facts(&ledger), live);
    drop(ledger);
    let journal = (folder.path(), "main", few_rows(), Durability::Interval);
    let (mut ledger, found) = Ledger::open(directory(), [(ACCOUNT, rules())], journal).unwrap();
    assert!(found.rows < 500, "the first rows are still there: {}", found.rows);
    assert_eq!(facts(&ledger), live);
    // The venue never had the first one: a query ends it.
    ledger.report(&rest(of(&ledger, never, What::NotFound)));
    assert_eq!(state(&ledger, never), OrderState::Rejected);
}

#[test]
fn what_was_filled_under_which_id_outlives_the_rows_of_it() {
    let folder = in_memory();
    let tapes = Tapes::open(folder.path(), "main", few_rows(), Durability::Interval).unwrap();
    let mut ledger = open_with(tapes, rules());
    let done = working(&mut ledger);
    ledger.report(&of(&ledger, done, filled_by("1", "4")));
    let request = ledger.replace(NOW, done, values("101", "10")).unwrap();
    let replaced = What::Replaced { price: Some(amount("101")), size: amount("10") };
    ledger.report(&by_id(&client_id_of(&request), replaced));
    ledger.report(&by_id(&client_id_of(&request), filled_by("2", "1")));
    let asked = working(&mut ledger);
    ledger.report(&of(&ledger, asked, filled_by("3", "3")));
    ledger.replace(NOW, asked, values("101", "10")).unwrap();
    let filled = |ledger: &Ledger<Tapes>| {
        [done, asked].map(|id| {
            let order = ledger.order(id).unwrap();
            let legs: Vec<_> = order.legs.iter().map(|leg| leg.size_filled).collect();
            (order.size_filled, order.leg, legs)
        })
    };
    let live = filled(&ledger);
    assert_eq!(live[0].2, [amount("4"), amount("1")]);
    live_long(&mut ledger);
    drop(ledger);
    let journal = (folder.path(), "main", few_rows(), Durability::Interval);
    let (ledger, found) = Ledger::open(directory(), [(ACCOUNT, rules())], journal).unwrap();
    assert!(found.rows < 500, "the first rows are still there: {}", found.rows);
    assert_eq!(filled(&ledger), live);
}

type Row = (RiskVerdict, &'static str, RiskScope, Option<&'static str>, TradingState);

/// What is thrown after a restart that found these decisions: scope, name, code and state.
fn thrown_after(rows: &[Row]) -> Vec<(RiskScope, String, String, TradingState)> {
    let folder = in_memory();
    let mut ledger = open_with(tapes(folder.path()), rules());
    for (verdict, code, scope, name, state) in rows {
        let is = |one: RiskScope| name.filter(|_| *scope == one);
        let row = draft::RiskEvents {
            ts_event: NOW,
            ts_recv: NOW,
            account: is(RiskScope::Account),
            strategy: is(RiskScope::Strategy),
            venue: is(RiskScope::Venue).or(is(RiskScope::Instrument).map(|_| "binance")),
            symbol: is(RiskScope::Instrument),
            verdict: *verdict,
            code,
            scope: *scope,
            trading_state: TradingState::Halted,
            detail: Some(state.name()),
            ..draft::RiskEvents::default()
        };
        ledger.risk_event(&row).unwrap();
    }
    drop(ledger);
    let thrown = reopened(folder.path()).1.thrown;
    thrown.into_iter().map(|one| (one.scope, one.name, one.code.into(), one.state)).collect()
}

#[test]
fn switches_that_were_thrown_and_not_put_back_are_told() {
    use RiskScope::{Account, All, Instrument, Strategy};
    use RiskVerdict::{Deny, Reset, StateChange, Trip};
    use TradingState::{Active, CancelOnly, ReduceOnly};
    let thrown = thrown_after(&[
        (Deny, "kill_switch", All, None, CancelOnly),
        (Trip, "kill_switch", Strategy, Some("maker"), CancelOnly),
        (Trip, "stale_data", Instrument, Some("BTCUSDT"), CancelOnly),
        (Trip, "kill_switch", Account, Some("main"), CancelOnly),
        (Trip, "daily_loss", Account, Some("main"), ReduceOnly),
        (Reset, "kill_switch", Account, Some("main"), Active),
        (Trip, "kill_switch", All, None, ReduceOnly),
        (Trip, "kill_switch", All, None, CancelOnly),
    ]);
    let expected = [
        (Strategy, "maker", "kill_switch", CancelOnly),
        (Instrument, "binance:BTCUSDT", "stale_data", CancelOnly),
        (All, "", "kill_switch", CancelOnly),
    ];
    let expected =
        expected.map(|(scope, name, code, state)| (scope, name.into(), code.into(), state));
    assert_eq!(thrown, expected);
    let states = thrown_after(&[
        (StateChange, "halted", All, None, TradingState::Halted),
        (StateChange, "cancel_only", All, None, CancelOnly),
        (Trip, "kill_switch", All, None, CancelOnly),
    ]);
    let codes: Vec<_> = states.iter().map(|one| one.2.as_str()).collect();
    assert_eq!(codes, ["cancel_only", "kill_switch"]);
    let lifted = thrown_after(&[
        (StateChange, "halted", All, None, TradingState::Halted),
        (Trip, "kill_switch", All, None, CancelOnly),
        (StateChange, "reduce_only_state", All, None, Active),
    ]);
    let codes: Vec<_> = lifted.iter().map(|one| one.2.as_str()).collect();
    assert_eq!(codes, ["kill_switch"]);
}

const SECOND: i64 = 1_000_000_000;
const ALL: [&str; 5] = ["orders", "fills", "positions", "balances", "risk_events"];

/// A journal whose tapes keep few rows: a lake is done with whatever of these is sealed.
fn beside_a_lake(folder: &Path, datasets: &[&str]) -> Ledger<Tapes> {
    let tapes = Tapes::open(folder, "main", short_segments(), Durability::Interval).unwrap();
    for dataset in datasets {
        let tape = folder.join(dataset).join("main");
        rustonite_tape::advance_consumer(&tape, "lake", u64::MAX / 2).unwrap();
    }
    open_with(tapes, rules())
}

fn short_segments() -> TapeOptions {
    TapeOptions { segment_rows: Some(8), ..tape_options() }
}

fn opened_again(folder: &Path) -> (Ledger<Tapes>, Restored) {
    let journal = (folder, "main", short_segments(), Durability::Interval);
    Ledger::open(directory(), [(ACCOUNT, rules())], journal).unwrap()
}

fn held(ledger: &Ledger<Tapes>) -> Vec<(PositionKey, Position)> {
    ledger.positions().iter().map(|(key, one)| (*key, *one)).collect()
}

#[test]
fn a_restart_knows_what_a_lake_has_taken_from_the_tapes() {
    let folder = in_memory();
    let mut ledger = beside_a_lake(folder.path(), &ALL);
    let (hour, housekeeping) = (3_600, Housekeeping::default());
    let mut filled = Vec::new();
    for at in (0..3 * hour).step_by(6) {
        let order = working(&mut ledger);
        let report = of(&ledger, order, filled_by(&at.to_string(), "1"));
        ledger.report(&report);
        filled.push(report);
        if at % 300 != 0 {
            ledger.report(&of(&ledger, order, cancelled(Some("1"))));
        }
        ledger.tick(NOW + at * SECOND, &housekeeping).unwrap();
    }
    let open = |ledger: &Ledger<Tapes>| {
        ledger.open_orders().iter().map(|order| (order.id, order.size_filled)).collect::<Vec<_>>()
    };
    let (live, position) = (open(&ledger), held(&ledger));
    assert_eq!(live.len(), 3 * 12);
    let written = ledger.seq().unsigned_abs();
    drop(ledger);
    let (mut ledger, found) = opened_again(folder.path());
    assert!(found.rows < written / 2, "{} of {written} rows are kept", found.rows);
    assert_eq!(open(&ledger), live);
    // The venue tells of the last quarter of an hour again: nothing of it is counted twice.
    filled.iter().rev().take(150).for_each(|report| drop(ledger.report(report)));
    assert_eq!(held(&ledger), position);
    assert_eq!(open(&ledger), live);
}

#[test]
fn what_is_asked_for_after_a_restart_goes_by_the_clock_of_the_venue() {
    for ahead in [-3_600, -30, 0, 30, 3_600].map(|seconds| seconds * SECOND) {
        let folder = in_memory();
        let mut ledger = beside_a_lake(folder.path(), &ALL);
        let mut told = Vec::new();
        for at in (0..3_600).step_by(6) {
            let now = NOW + at * SECOND;
            let (order, _) = ledger.submit(now, wish(), Link::default()).unwrap();
            let filled = of(&ledger, order, filled_by(&at.to_string(), "10"));
            let (ts_event, ts_recv) = (now + ahead, now + SECOND / 100);
            told.push(Report { ts_event, ts_recv, ..filled });
            ledger.report(told.last().unwrap());
            ledger.tick(now, &Housekeeping::default()).unwrap();
        }
        drop(ledger);
        let now = NOW + 3_600 * SECOND;
        let (mut ledger, _) = opened_again(folder.path());
        ledger.lose_requests(now);
        let from = ledger.fills_from(ACCOUNT, now);
        // The last minutes are asked for, and nothing of what is told then is counted again.
        assert!(from < now + ahead - 600 * SECOND, "{ahead}");
        let position = held(&ledger);
        let again: Vec<_> = told.iter().filter(|one| one.ts_event >= from).collect();
        assert!(again.len() > 100 && again.len() < told.len(), "{ahead}: {}", again.len());
        again.into_iter().for_each(|one| drop(ledger.report(one)));
        assert_eq!(held(&ledger), position, "{ahead}");
    }
}

#[test]
fn what_is_asked_for_after_the_first_restart_goes_by_the_clock_of_the_venue() {
    for ahead in [-3_600, -30, 0, 30, 3_600].map(|seconds| seconds * SECOND) {
        let folder = in_memory();
        let mut ledger = open_with(tapes(folder.path()), rules());
        let order = submitted(&mut ledger);
        let first = of(&ledger, order, filled_by("1", "1"));
        ledger.report(&Report { ts_event: NOW + 1 + ahead, ..first });
        drop(ledger);
        let (ledger, _) = reopened(folder.path());
        let from = ledger.fills_from(ACCOUNT, NOW + 60 * SECOND);
        assert!(from <= NOW + ahead && from > NOW + ahead - 5 * SECOND, "{ahead}");
    }
}

#[test]
fn what_is_asked_for_has_no_execution_that_was_forgotten() {
    const MANY: i64 = 200_000;
    let mut ledger = ledger();
    let large = Wish { size: amount("1000000"), ..wish() };
    let (order, _) = ledger.submit(NOW, large, Link::default()).unwrap();
    let first = of(&ledger, order, What::Accepted);
    let told = |at: i64| {
        let (ts, what) = (NOW + at * SECOND / 1_000, filled_by(&at.to_string(), "1"));
        Report { ts_event: ts, ts_recv: ts, what, ..first.clone() }
    };
    (0..=MANY).for_each(|at| drop(ledger.report(&told(at))));
    let counted = filled(&ledger, order);
    assert_eq!(counted, amount("200001"));
    let from = ledger.fills_from(ACCOUNT, NOW + MANY * SECOND / 1_000);
    assert_eq!(from, ledger.fills_known_from(ACCOUNT));
    assert!(from <= NOW + SECOND / 1_000, "all others are remembered");
    let again = (0..=MANY).map(told).filter(|one| one.ts_event >= from);
    again.for_each(|one| drop(ledger.report(&one)));
    assert_eq!(filled(&ledger, order), counted);
}

#[test]
fn what_was_filled_is_known_where_orders_are_kept_and_their_executions_are_not() {
    let folder = in_memory();
    let mut ledger = beside_a_lake(folder.path(), &["fills", "positions", "balances"]);
    let slow = working(&mut ledger);
    ledger.report(&of(&ledger, slow, filled_by("first", "4")));
    for at in 0..3_600 {
        let order = working(&mut ledger);
        ledger.report(&of(&ledger, order, filled_by(&at.to_string(), "1")));
        ledger.report(&of(&ledger, order, cancelled(Some("1"))));
        ledger.tick(NOW + at * 1_000_000_000, &Housekeeping::default()).unwrap();
    }
    ledger.report(&of(&ledger, slow, filled_by("second", "1")));
    let filled = |ledger: &Ledger<Tapes>| {
        let order = ledger.order(slow).unwrap();
        (order.size_filled, order.size_announced, order.legs[0].size_filled)
    };
    let live = filled(&ledger);
    assert_eq!(live.0, amount("5"));
    drop(ledger);
    let (ledger, found) = opened_again(folder.path());
    assert_eq!(filled(&ledger), live);
    assert!(found.fills_missing.is_empty(), "{found:?}");
}

#[test]
fn what_was_seen_by_a_clock_that_was_ahead_is_compared_at_once() {
    let folder = in_memory();
    let mut ledger = open_with(tapes(folder.path()), rules());
    let order = working(&mut ledger);
    let ahead = NOW + 3_600_000_000_000;
    let taken = Report { ts_recv: ahead, ..of(&ledger, order, filled_by("1", "1")) };
    ledger.report(&taken);
    drop(ledger);
    let (mut ledger, _) = reopened(folder.path());
    ledger.lose_requests(NOW);
    let asked_at = NOW + 2_000_000_000;
    let venue = VenueBooks { asked_at, open_orders: Some(Vec::new()), ..VenueBooks::default() };
    let plan = reconcile(&ledger, ACCOUNT, &venue, &Settings::default());
    assert_eq!((plan.in_motion, plan.asks), (vec![], vec![Ask::Order(order)]));
}
