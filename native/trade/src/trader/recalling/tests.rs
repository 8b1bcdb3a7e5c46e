use std::path::Path;

use rustonite_core::datasets::{EventSource, OrderKind, OrderSide, RiskRequest, Tif};
use rustonite_exec::{Refusal, Report, What};
use rustonite_risk::{Code, Execution, Intent, Target, Trip};

use super::super::testing::{
    DAY_NS, IT, LIMITS, MAIN, NOON, STRATEGY, amount, executed, ledger, risk,
};
use super::*;

/// The risk layer as a restart makes it.
fn restarted(folder: &Path, limits: &str) -> Risk {
    let mut risk = risk(limits);
    drop(ledger(folder, &mut |passed| recall(&mut risk, passed)));
    risk
}

/// Executes so many orders.
fn trade(folder: &Path, count: usize) {
    let mut ledger = ledger(folder, &mut |_| {});
    for _ in 0..count {
        let report = executed(&mut ledger, OrderSide::Buy, amount("100"));
        ledger.report(&report);
    }
}

fn one_more_execution(risk: &mut Risk) -> Vec<Code> {
    let mut trips = Vec::new();
    let execution = Execution {
        order: None,
        account: MAIN,
        strategy: Some(STRATEGY),
        instrument: IT,
        side: OrderSide::Buy,
        position_side: None,
        size: 1,
    };
    risk.filled(&execution, NOON, &mut trips);
    trips.iter().map(|trip: &Trip| trip.code).collect()
}

/// What stands against one more order like those of [`executed`].
fn failures(risk: &Risk, size: i64, now: i64) -> Vec<Code> {
    let intent = Intent {
        request: RiskRequest::Submit,
        order: i64::MAX,
        parent: None,
        account: MAIN,
        strategy: Some(STRATEGY),
        instrument: IT,
        side: OrderSide::Buy,
        position_side: None,
        kind: OrderKind::Limit,
        tif: Some(Tif::Gtc),
        price: Some(10_000),
        price_protect: None,
        trigger: None,
        size,
        size_filled: 0,
        size_display: None,
        size_min: None,
        by_money: false,
        flags: 0,
        stp: None,
        ts_expire: None,
        client_id: 1,
        ts_cause: now,
    };
    let mut failures = Vec::new();
    risk.would_fail(&intent, now, &mut failures);
    failures.iter().map(|failure| failure.code).collect()
}

fn is_too_many(risk: &Risk, now: i64) -> bool {
    failures(risk, 1, now).contains(&Code::MessagesPerDay)
}

#[test]
fn an_order_like_one_of_the_run_before_is_a_mistake() {
    let folder = tempfile::tempdir().unwrap();
    let limits = LIMITS.replace("duplicate_ms = \"none\"", "duplicate_ms = 1000");
    trade(folder.path(), 1);
    let risk = restarted(folder.path(), &limits);
    // One is a thousand lots.
    let is_alike = |size, now| failures(&risk, size, now).contains(&Code::Duplicate);
    assert!(is_alike(1_000, NOON + 999_000_000));
    assert!(!is_alike(999, NOON + 999_000_000));
    assert!(!is_alike(1_000, NOON + 1_000_000_000));
}

#[test]
fn executions_count_over_restarts_until_a_person_says_that_it_may_go_on() {
    let folder = tempfile::tempdir().unwrap();
    let limits = LIMITS.replace("executions_max = \"none\"", "executions_max = 4");
    trade(folder.path(), 2);
    trade(folder.path(), 1);
    let mut risk = restarted(folder.path(), &limits);
    risk.recall_reset(Target::All);
    assert_eq!(one_more_execution(&mut risk), []);
    let mut risk = restarted(folder.path(), &limits);
    assert_eq!(one_more_execution(&mut risk)[..1], [Code::RepeatedExecutions]);
}

#[test]
fn requests_of_the_day_count_over_restarts() {
    let folder = tempfile::tempdir().unwrap();
    let limits = LIMITS.replace("messages_per_day = \"none\"", "messages_per_day = 3");
    trade(folder.path(), 2);
    assert!(!is_too_many(&restarted(folder.path(), &limits), NOON));
    trade(folder.path(), 1);
    let risk = restarted(folder.path(), &limits);
    assert!(is_too_many(&risk, NOON));
    assert!(!is_too_many(&risk, NOON + DAY_NS));
}

#[test]
fn refusals_in_a_row_count_over_restarts() {
    let folder = tempfile::tempdir().unwrap();
    let limits = LIMITS.replace("rejects_max = 50", "rejects_max = 2");
    let refused = |count: usize| {
        let mut ledger = ledger(folder.path(), &mut |_| {});
        for _ in 0..count {
            let report = executed(&mut ledger, OrderSide::Buy, amount("100"));
            let what = What::Rejected(Refusal::default());
            ledger.report(&Report { source: EventSource::Stream, what, ..report });
        }
    };
    let one_more_refusal = || {
        let mut trips = Vec::new();
        restarted(folder.path(), &limits).rejected(MAIN, Some(STRATEGY), NOON, &mut trips);
        trips.iter().map(|trip| trip.code).collect::<Vec<_>>()
    };
    refused(1);
    assert_eq!(one_more_refusal(), []);
    refused(1);
    assert_eq!(one_more_refusal()[..1], [Code::RepeatedRejects]);
    // An order that is taken ends the row; an execution alone says nothing of it.
    trade(folder.path(), 1);
    assert_eq!(one_more_refusal()[..1], [Code::RepeatedRejects]);
}
