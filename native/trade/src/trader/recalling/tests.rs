use std::path::Path;

use rustonite_core::datasets::{
    EventSource, OrderKind, OrderSide, RiskRequest, Tif, TriggerDirection, TriggerSource,
    order_flags,
};
use rustonite_exec::{Housekeeping, Ledger, Link, Refusal, Report, Tapes, Trigger, What};
use rustonite_risk::{Code, Execution, Intent, Target, Trip};
use rustonite_tape::TapeOptions;

use super::super::testing::{
    DAY_NS, IT, LIMITS, MAIN, NOON, PAIRS, STRATEGY, amount, executed, ledger, ledger_on, risk,
    wish,
};
use super::*;
use crate::state;

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
    risk.recall_reset(Target::All, None);
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
    // An order that is taken ends the row; an execution alone says nothing of it, nor does the end of
    // one that its venue has never seen.
    trade(folder.path(), 1);
    {
        let mut ledger = ledger(folder.path(), &mut |_| {});
        let trigger = Trigger {
            price: amount("100"),
            source: TriggerSource::Last,
            direction: TriggerDirection::Up,
            trail: None,
        };
        let waiting = Wish {
            trigger: Some(trigger),
            flags: order_flags::EMULATED,
            ..wish(OrderSide::Buy, amount("100"))
        };
        let held = ledger.hold(NOON, waiting, Link::default()).unwrap();
        ledger.withdraw(NOON, held, OrderEvent::Cancelled, None).unwrap();
    }
    assert_eq!(one_more_refusal()[..1], [Code::RepeatedRejects]);
}

#[test]
fn an_order_that_closes_a_position_is_refused_without_being_counted() {
    let folder = tempfile::tempdir().unwrap();
    {
        let mut ledger = ledger(folder.path(), &mut |_| {});
        let closing = Wish { tags: Some("flatten".into()), ..wish(OrderSide::Sell, amount("100")) };
        let (order, _) = ledger.submit(NOON, closing, Link::default()).unwrap();
        let client_id = ledger.order(order).unwrap().client_id().into();
        let report = executed(&mut ledger, OrderSide::Sell, amount("100"));
        let what = What::Rejected(Refusal::default());
        ledger.report(&Report { client_id, what, ..report });
    }
    let risk = restarted(folder.path(), LIMITS);
    assert_eq!(of(&risk, Target::All).rejects, 0);
}

/// A start on a journal that keeps its last few rows alone, and what the one before it had kept.
fn started(folder: &Path, limits: &str) -> (Risk, Ledger<Tapes>) {
    let mut risk = risk(limits);
    let kept = state::read(folder).unwrap();
    let absent = restore_counts(&mut risk, &kept);
    let few = TapeOptions {
        segment_rows: Some(64),
        segments_max: 3,
        segment_bytes: 1 << 20,
        ..TapeOptions::default()
    };
    let (ledger, _) = ledger_on(&PAIRS, (folder, few), &mut |passed| recall(&mut risk, passed));
    let (children, children_until) = (risk.child_counts(), ledger.seq());
    let counts = counts(&risk, ledger.seq(), &absent);
    state::write(folder, &Kept { counts, children, children_until, ..Kept::default() }).unwrap();
    (risk, ledger)
}

/// Executes so many orders, and is killed.
fn trade_on(mut ledger: Ledger<Tapes>, count: usize) {
    let housekeeping =
        Housekeeping { snapshot_rows: 50, keep_ended_ns: 0, ..Housekeeping::default() };
    for _ in 0..count {
        let report = executed(&mut ledger, OrderSide::Buy, amount("100"));
        ledger.report(&report);
        ledger.tick(NOON * 2, &housekeeping).unwrap();
    }
}

fn of(risk: &Risk, target: Target) -> Counts {
    risk.counts(0).into_iter().find(|(one, _)| *one == target).unwrap().1
}

#[test]
fn counts_outlive_the_rows_that_they_are_of() {
    let folder = tempfile::tempdir().unwrap();
    for _ in 0..10 {
        trade_on(started(folder.path(), LIMITS).1, 20);
    }
    let (risk, ledger) = started(folder.path(), LIMITS);
    drop(ledger);
    for target in [Target::All, Target::Account(MAIN), Target::Strategy(STRATEGY)] {
        let Counts { sent, fills, executions, .. } = of(&risk, target);
        assert_eq!((sent, fills, executions), (200, 200, 200), "{target:?}");
    }
    let Counts { sent, executions, .. } = of(&restarted(folder.path(), LIMITS), Target::All);
    assert!(sent < 100 && executions < 200, "the first rows are still there: {sent} {executions}");
    // A day later those of the day are over.
    let mut risk = risk;
    risk.timer(NOON + DAY_NS, &mut Vec::new());
    let Counts { sent, fills, executions, .. } = of(&risk, Target::All);
    assert_eq!((sent, fills, executions), (0, 0, 200));
}

#[test]
fn children_count_over_restarts_once() {
    let folder = tempfile::tempdir().unwrap();
    for _ in 0..3 {
        let mut ledger = started(folder.path(), LIMITS).1;
        let link = Link { parent: Some(OrderId(7)), ..Link::default() };
        ledger.submit(NOON, wish(OrderSide::Buy, amount("100")), link).unwrap();
    }
    for _ in 0..2 {
        assert_eq!(started(folder.path(), LIMITS).0.child_counts(), BTreeMap::from([(7, 3)]));
    }
    let (mut risk, _) = started(folder.path(), LIMITS);
    risk.keep_parents(|_| false);
    assert_eq!(risk.child_counts(), BTreeMap::new());
}

#[test]
fn requests_that_are_counted_still_fill_the_windows() {
    let folder = tempfile::tempdir().unwrap();
    let limits = LIMITS.replace("messages_per_s = 200", "messages_per_s = 2");
    assert_ne!(limits, LIMITS);
    trade_on(started(folder.path(), &limits).1, 2);
    let is_full = || {
        let (risk, _) = started(folder.path(), &limits);
        failures(&risk, 1, NOON).contains(&Code::MessagesPerS)
    };
    // The first start finds the rows, the second one what the first has kept.
    assert!(is_full());
    assert!(is_full());
}

#[test]
fn of_counts_that_are_kept_only_a_later_row_begins_anew() {
    let kept = Counts { until: 9, executions: 3, ..Counts::default() };
    let mut risk = risk(LIMITS);
    risk.restore_counts(Target::All, &kept);
    risk.recall_reset(Target::All, Some(9));
    assert_eq!(of(&risk, Target::All).executions, 3);
    risk.recall_reset(Target::All, Some(10));
    assert_eq!(of(&risk, Target::All).executions, 0);
}

#[test]
fn what_is_not_there_now_has_its_counts_when_it_comes_back() {
    let mine = Counts { until: 7, sent: 2, ..Counts::default() };
    let counts_kept = BTreeMap::from([("strategy other".to_owned(), mine)]);
    let mut risk = risk(LIMITS);
    let absent = restore_counts(&mut risk, &Kept { counts: counts_kept, ..Kept::default() });
    let next = counts(&risk, 20, &absent);
    assert_eq!(next["strategy other"], mine);
    assert_eq!(next["strategy test"].until, 20);
}

#[test]
fn losses_of_earlier_runs_pause_once() {
    let limits = LIMITS
        .replace("loss_streak_max = \"none\"", "loss_streak_max = 3")
        .replace("loss_pause_ms = \"none\"", "loss_pause_ms = 60_000");
    let loss = |seq| (Recalled::Closed(-amount("1")), Past { ts: NOON, seq });
    let mut first = risk(&limits);
    for seq in 1..=2 {
        let (what, past) = loss(seq);
        first.recall(MAIN, Some(STRATEGY), what, past);
    }
    let mut second = risk(&limits);
    for (target, counts) in first.counts(2) {
        second.restore_counts(target, &counts);
    }
    for seq in 1..=3 {
        let (what, past) = loss(seq);
        second.recall(MAIN, Some(STRATEGY), what, past);
    }
    let Counts { losses, paused_until, .. } = of(&second, Target::All);
    assert_eq!((losses, paused_until), (0, Some(NOON + 60_000_000_000)));
}
