//! What the journal gives back: after every row, after a kill, after a full disk.
#![allow(clippy::unwrap_used, reason = "a failing test should panic")]

mod common;
#[path = "common/script.rs"]
mod script;

use std::path::Path;

use common::*;
use rustonite_core::datasets::{FillKind, OrderSide, OrderState, PositionSide};
use rustonite_exec::reconcile::{Plan, VenuePosition};
use rustonite_exec::{
    Ask, ExecError, Fill, Journal, JournalError, JournalRow, Ledger, Link, OrderId, PositionKey,
    Report, Tapes, What, Wish,
};
use rustonite_tape::TapeError;
use script::{Author, Step};

/// Takes so many rows and silently loses the others: what a crash of the process leaves.
struct Cut {
    rows: i64,
    tapes: Tapes,
}

impl Journal for Cut {
    fn write(&mut self, row: JournalRow<'_>) -> Result<(), JournalError> {
        self.rows -= 1;
        if self.rows < 0 { Ok(()) } else { self.tapes.write(row) }
    }

    fn intent_written(&mut self) -> Result<(), JournalError> {
        Ok(())
    }
}

/// The state after each step: number of the last row, and hash.
fn states(script: &[Step]) -> Vec<(i64, u64)> {
    let mut ledger = common::ledger();
    let mut states = vec![(0, whole_hash(&ledger))];
    for step in script {
        step.take(&mut ledger);
        states.push((ledger.seq(), whole_hash(&ledger)));
    }
    states
}

/// Checks a restart that found so many rows of a script: the state after a step, or one from which
/// the report that was being written leads to the state after it.
fn check_restart(folder: &Path, script: &[Step], states: &[(i64, u64)], rows: i64) {
    let (mut restored, found) = reopened(folder);
    // What was torn is written down again.
    assert_eq!((found.rows, &found.gaps[..]), (rows.unsigned_abs(), &[][..]));
    let step = states.partition_point(|(seq, _)| *seq <= rows) - 1;
    let (seq, hash) = states[step];
    if seq < rows {
        script[step].take(&mut restored);
        assert_eq!(
            whole_hash(&restored),
            states[step + 1].1,
            "{rows} rows, torn {:?}",
            script[step]
        );
    } else {
        assert_eq!(whole_hash(&restored), hash, "{rows} rows, after {:?}", script[..step].last());
    }
}

fn cut_at(rows: i64, script: &[Step]) -> tempfile::TempDir {
    let folder = in_memory();
    let mut ledger = open_with(Cut { rows, tapes: tapes(folder.path()) }, rules());
    script.iter().for_each(|step| step.take(&mut ledger));
    folder
}

#[test]
fn a_restart_after_every_row_leads_to_the_live_state() {
    let mut author = Author::new(3);
    let script: Vec<_> = (0..60).map(|_| author.step()).collect();
    let states = states(&script);
    let rows = states.last().unwrap().0;
    assert!(rows > 60, "{rows}");
    for rows in 0..=rows {
        let folder = cut_at(rows, &script);
        check_restart(folder.path(), &script, &states, rows);
    }
}

#[test]
fn long_lives_are_given_back() {
    for seed in 10..40 {
        let folder = in_memory();
        let mut author = Author::new(seed);
        let mut ledger = open_with(tapes(folder.path()), rules());
        (0..3_000).for_each(|_| author.step().take(&mut ledger));
        drop(ledger);
        let (restored, _) = reopened(folder.path());
        assert_eq!(differences(&author.ledger, &restored), "", "seed {seed}");
        assert_eq!(whole_hash(&restored), whole_hash(&author.ledger));
    }
}

#[test]
fn what_gave_way_to_an_execution_is_read_back_so() {
    let folder = in_memory();
    let mut ledger = open_with(tapes(folder.path()), rules());
    let id = working(&mut ledger);
    let kind = FillKind::Adjustment;
    let guess = Fill { kind, trade_id: None, ..fill("inferred:v1:10", "10", "100") };
    for fill in [guess, fill("1", "4", "99"), fill("2", "5", "98")] {
        ledger.report(&of(&ledger, id, What::Fill(fill)));
        assert_eq!(filled(&ledger, id), amount("10"));
    }
    let hash = whole_hash(&ledger);
    let key = PositionKey {
        account: ACCOUNT,
        strategy: Some(STRATEGY),
        instrument: SPOT,
        side: PositionSide::Net,
    };
    let position = ledger.positions().get(&key);
    assert_eq!(position.size, amount("10"));
    drop(ledger);
    let (restored, _) = reopened(folder.path());
    assert_eq!(restored.positions().get(&key), position);
    assert_eq!(whole_hash(&restored), hash);
}

#[test]
fn an_entry_that_was_set_is_money_after_every_row() {
    let usdt = directory().asset("USDT").unwrap();
    let entry = VenuePosition {
        instrument: LINEAR,
        side: PositionSide::Net,
        size: amount("2"),
        price_entry: Some(amount("100.5")),
        ts_event: NOW,
    };
    let set = |rows: i64| {
        let folder = in_memory();
        let mut ledger = open_with(Cut { rows, tapes: tapes(folder.path()) }, rules());
        let wish = Wish { instrument: LINEAR, side: OrderSide::Buy, size: amount("2"), ..wish() };
        let (order, _) = ledger.submit(NOW, wish, Link::default()).unwrap();
        let fill = What::Fill(fill("1", "2", "100"));
        ledger.report(&Report { instrument: LINEAR, ..of(&ledger, order, fill) });
        let before = ledger.seq();
        let plan = Plan { entries: vec![entry], ..Plan::default() };
        ledger.apply_plan(NOW, ACCOUNT, &plan);
        (before, ledger.seq(), folder)
    };
    let (before, after, _) = set(i64::MAX);
    assert_eq!(after - before, 2, "its position and its balance");
    for rows in before..=after {
        let (restored, _) = reopened(set(rows).2.path());
        let key = PositionKey {
            account: ACCOUNT,
            strategy: None,
            instrument: LINEAR,
            side: PositionSide::Net,
        };
        let realised = restored.positions().get(&key).pnl_realised;
        assert_eq!(restored.balances().get(ACCOUNT, usdt).total, realised, "after {rows} rows");
    }
}

/// Takes rows until the disk is full.
struct Full {
    rows_left: usize,
    taken: Vec<&'static str>,
    synced: usize,
}

impl Journal for Full {
    fn write(&mut self, row: JournalRow<'_>) -> Result<(), JournalError> {
        if self.rows_left == 0 {
            let path = "/journal".into();
            return Err(TapeError::StorageFailed { path, cause: "no space".to_owned() }.into());
        }
        self.rows_left -= 1;
        self.taken.push(match row {
            JournalRow::Order(row) => row.event.name(),
            JournalRow::Fill(_) => "fill",
            JournalRow::Position(_) => "position",
            JournalRow::Balance(_) => "balance",
            JournalRow::Risk(_) => "risk",
        });
        Ok(())
    }

    fn intent_written(&mut self) -> Result<(), JournalError> {
        self.synced += 1;
        Ok(())
    }
}

fn full_after(rows_left: usize) -> Ledger<Full> {
    open_with(Full { rows_left, taken: Vec::new(), synced: 0 }, rules())
}

#[test]
fn no_request_is_handed_out_before_its_row() {
    let mut ledger = full_after(usize::MAX);
    let id = working(&mut ledger);
    ledger.replace(NOW, id, values("101", "10")).unwrap();
    ledger.cancel(NOW, id).unwrap();
    let journal = ledger.journal_mut();
    assert_eq!(journal.taken, ["submitted", "accepted", "replace_asked", "cancel_asked"]);
    assert_eq!(journal.synced, 3);
}

#[test]
fn a_full_disk_halts_trading_before_the_next_order() {
    let mut ledger = full_after(4);
    let (id, other) = (working(&mut ledger), working(&mut ledger));
    let before = whole_hash(&ledger);
    let refused = ledger.submit(NOW, wish(), Link::default()).unwrap_err();
    assert!(matches!(&refused, ExecError::Halted(why) if why.contains("no space")), "{refused}");
    let refused = ledger.replace(NOW, id, values("101", "10")).unwrap_err();
    assert!(matches!(refused, ExecError::Halted(_)));
    assert!(ledger.halted().unwrap().contains("no space"));
    assert_eq!(whole_hash(&ledger), before);
    // There may be space again: what is not in the journal any more stays out of it.
    ledger.journal_mut().rows_left = 100;
    assert!(ledger.submit(NOW, wish(), Link::default()).is_err());
    // What the venue says counts all the same, and stopping stays possible.
    ledger.report(&of(&ledger, id, filled_by("1", "10")));
    assert_eq!(state(&ledger, id), OrderState::Filled);
    ledger.cancel(NOW, other).unwrap();
    assert_eq!(state(&ledger, other), OrderState::PendingCancel);
    assert_eq!(ledger.journal_mut().taken.len(), 4);
}

#[test]
fn a_tape_that_takes_no_more_halts_trading() {
    let folder = in_memory();
    let few =
        rustonite_tape::TapeOptions { segment_rows: Some(64), segments_max: 3, ..tape_options() };
    let durability = rustonite_exec::Durability::Interval;
    let tapes = Tapes::open(folder.path(), "main", few, durability).unwrap();
    // The lake needs every segment and takes none.
    rustonite_tape::advance_consumer(&folder.path().join("orders/main"), "lake", 0).unwrap();
    let mut ledger = open_with(tapes, rules());
    let refused = (0..1_000).find_map(|_| ledger.submit(NOW, wish(), Link::default()).err());
    assert!(matches!(refused, Some(ExecError::Halted(_))), "{refused:?}");
    let (seq, hash) = (ledger.seq(), whole_hash(&ledger));
    drop(ledger);
    let journal = (folder.path(), "main", few, durability);
    let (ledger, _) = Ledger::open(directory(), [(ACCOUNT, rules())], journal).unwrap();
    assert_eq!((ledger.seq(), whole_hash(&ledger)), (seq, hash));
}

#[test]
fn an_intent_that_cannot_be_synced_hands_out_no_request_and_halts_trading() {
    let folder = on_disk();
    let durability = rustonite_exec::Durability::Intents;
    let tapes = Tapes::open(folder.path(), "main", tape_options(), durability).unwrap();
    let mut ledger = open_with(tapes, rules());
    let id = working(&mut ledger);
    // A folder that is not where it was cannot be synced.
    let (tape, aside) = (folder.path().join("orders/main"), folder.path().join("orders/aside"));
    std::fs::rename(&tape, &aside).unwrap();
    let refused = ledger.submit(NOW, wish(), Link::default()).unwrap_err();
    assert!(matches!(&refused, ExecError::Halted(why) if why.contains("syncing")), "{refused}");
    // The system may have dropped what it could not write: no later sync makes up for it.
    std::fs::rename(&aside, &tape).unwrap();
    assert!(matches!(ledger.submit(NOW, wish(), Link::default()), Err(ExecError::Halted(_))));
    assert!(ledger.replace(NOW, id, values("101", "10")).is_err());
    assert_eq!(state(&ledger, id), OrderState::Accepted);
    ledger.cancel(NOW, id).unwrap();
    drop(ledger);
    // The row that may not be safe is there: whether its order left is asked for.
    let (mut ledger, found) = reopened(folder.path());
    assert_eq!((found.rows, &found.gaps[..]), (3, &[][..]));
    let asks = ledger.lose_requests(NOW).asks;
    let unsent: Vec<_> =
        ledger.open_orders().iter().map(|order| order.id).filter(|one| *one != id).collect();
    assert_eq!(asks, unsent.iter().map(|one| Ask::Order(*one)).collect::<Vec<_>>());
    assert_eq!(state(&ledger, unsent[0]), OrderState::Unknown);
}

#[test]
fn a_change_that_was_not_journalled_leaves_no_id_behind() {
    let mut ledger = full_after(2);
    let id = working(&mut ledger);
    let before = ledger.order(id).unwrap().clone();
    ledger.replace(NOW, id, values("101", "10")).unwrap_err();
    let after = ledger.order(id).unwrap();
    assert_eq!((after.legs.len(), after.state), (before.legs.len(), before.state));
}

#[test]
fn fills_are_not_counted_twice_after_a_restart() {
    let folder = in_memory();
    let mut ledger = open_with(tapes(folder.path()), rules());
    let id = working(&mut ledger);
    let report = of(&ledger, id, filled_by("1", "10"));
    ledger.report(&report);
    drop(ledger);
    let (mut ledger, _) = reopened(folder.path());
    assert_eq!(ledger.forget(i64::MAX), 1);
    assert!(ledger.report(&report).is_empty());
    let again = rustonite_exec::Fill { trade_id: Some(1), ..fill("other", "10", "100") };
    assert_eq!(filled_or_none(&ledger, id), None);
    let change = ledger.report(&rest(of_id(&report, What::Fill(again))));
    assert!(change.fills.is_empty(), "{change:?}");
}

fn filled_or_none<J: Journal>(ledger: &Ledger<J>, id: OrderId) -> Option<()> {
    ledger.order(id).map(|_| ())
}

fn of_id(report: &rustonite_exec::Report, what: What) -> rustonite_exec::Report {
    rustonite_exec::Report { what, ..report.clone() }
}

#[test]
fn a_fill_without_the_row_of_its_order_is_written_down_whole() {
    let script = |ledger: &mut Ledger<Cut>| {
        let id = working(ledger);
        let usdt = ledger.directory().asset("USDT").unwrap();
        ledger.report(&of(ledger, id, filled_by("1", "10")));
        (id, usdt)
    };
    // Rows of submit, acceptance and fill; those of positions, balances and the order are torn off.
    for rows in 3..8 {
        let folder = in_memory();
        let mut ledger = open_with(Cut { rows, tapes: tapes(folder.path()) }, rules());
        let (id, usdt) = script(&mut ledger);
        let whole = ledger.seq();
        drop(ledger);
        assert!(rows < whole);
        drop(reopened(folder.path()));
        let (again, found) = reopened(folder.path());
        assert!(found.rows > rows.unsigned_abs(), "{rows}");
        drop(again);
        // Readers of one tape alone see all of it.
        std::fs::remove_dir_all(folder.path().join("fills")).unwrap();
        let (ledger, found) = reopened(folder.path());
        assert_eq!(found.fills_missing.into_iter().collect::<Vec<_>>(), [id], "{rows}");
        assert_eq!(state(&ledger, id), OrderState::Filled, "{rows}");
        let key = PositionKey {
            account: ACCOUNT,
            strategy: Some(STRATEGY),
            instrument: SPOT,
            side: PositionSide::Net,
        };
        assert_eq!(ledger.positions().get(&key).size, amount("10"), "{rows}");
        assert_eq!(ledger.balances().get(ACCOUNT, usdt).total, amount("-1000"), "{rows}");
    }
}

#[test]
fn what_was_forgotten_does_not_change_the_state() {
    let folder = in_memory();
    let mut ledger = open_with(tapes(folder.path()), rules());
    let ended = working(&mut ledger);
    ledger.report(&of(&ledger, ended, filled_by("1", "10")));
    working(&mut ledger);
    let live = ledger.state_hash();
    assert_eq!(ledger.forget(i64::MAX), 1);
    assert_eq!(ledger.state_hash(), live);
    drop(ledger);
    let (mut ledger, _) = reopened(folder.path());
    assert_eq!(ledger.state_hash(), live);
    // And it is no constant.
    submitted(&mut ledger);
    assert_ne!(ledger.state_hash(), live);
}

#[test]
fn numbers_go_on_far_behind_the_last_one() {
    let folder = in_memory();
    let mut ledger = open_with(tapes(folder.path()), rules());
    let id = submitted(&mut ledger);
    drop(ledger);
    let (mut ledger, _) = reopened(folder.path());
    // A crash of the machine may have taken rows of orders that were sent.
    assert!(submitted(&mut ledger).0 > id.0 + 1_000_000);
}

#[test]
fn what_was_in_flight_is_unknown_after_a_restart_and_asked_for() {
    let folder = in_memory();
    let mut ledger = open_with(tapes(folder.path()), rules());
    let fresh = submitted(&mut ledger);
    let resting = working(&mut ledger);
    let changing = working(&mut ledger);
    let request = ledger.replace(NOW, changing, values("101", "10")).unwrap();
    let ending = working(&mut ledger);
    ledger.cancel(NOW, ending).unwrap();
    drop(ledger);
    let (mut ledger, _) = reopened(folder.path());
    assert_eq!(state(&ledger, changing), OrderState::PendingReplace);
    let change = ledger.lose_requests(NOW + 9);
    let asked = [fresh, changing, ending].map(rustonite_exec::Ask::Order);
    assert_eq!(change.asks, asked);
    assert_eq!(state(&ledger, resting), OrderState::Accepted);
    let unknown = [fresh, changing, ending].map(|id| state(&ledger, id));
    assert_eq!(unknown, [OrderState::Unknown; 3]);
    // The query goes by the newest id, and settles the change if that one is not there.
    assert_eq!(client_id_of(&ledger.query(changing).unwrap()), client_id_of(&request));
    let change = ledger.report(&rest(by_id(&client_id_of(&request), What::NotFound)));
    assert_eq!(change.asks, [rustonite_exec::Ask::Order(changing)]);
    assert_eq!(state(&ledger, changing), OrderState::Accepted);
    let live = whole_hash(&ledger);
    drop(ledger);
    assert_eq!(whole_hash(&reopened(folder.path()).0), live);
}

#[test]
fn rows_lost_in_the_middle_are_told() {
    struct Holes(Tapes);
    impl Journal for Holes {
        fn write(&mut self, row: JournalRow<'_>) -> Result<(), JournalError> {
            // A crash of the machine: the tape of fills was synced last.
            if matches!(row, JournalRow::Fill(_)) { Ok(()) } else { self.0.write(row) }
        }
        fn intent_written(&mut self) -> Result<(), JournalError> {
            Ok(())
        }
    }
    let folder = in_memory();
    let mut ledger = open_with(Holes(tapes(folder.path())), rules());
    let id = working(&mut ledger);
    ledger.report(&of(&ledger, id, filled_by("1", "4")));
    drop(ledger);
    let (ledger, found) = reopened(folder.path());
    assert_eq!(found.gaps, [(3, 3)]);
    assert_eq!(found.fills_missing.into_iter().collect::<Vec<_>>(), [id]);
    // Not made up: the query will bring it.
    assert_eq!(filled(&ledger, id), rustonite_core::Amount::ZERO);
}

#[test]
fn rows_of_what_is_not_listed_are_left_out_and_named() {
    let folder = in_memory();
    let mut ledger = open_with(tapes(folder.path()), rules());
    let id = working(&mut ledger);
    ledger.report(&of(&ledger, id, filled_by("1", "4")));
    drop(ledger);
    let mut directory = rustonite_exec::Directory::default();
    directory.add_account("main");
    let maker = directory.add_strategy("maker");
    for asset in ["BTC", "USDT"] {
        directory.add_asset(asset);
    }
    let journal = (folder.path(), "main", tape_options(), rustonite_exec::Durability::Interval);
    let (ledger, found) = Ledger::open(directory.into(), [(ACCOUNT, rules())], journal).unwrap();
    let unlisted: Vec<_> = found.unlisted.into_iter().collect();
    assert_eq!(unlisted, ["instrument binance BTCUSDT"]);
    // What was earned with it is told, by the account and by its strategy.
    let told = found.earned.iter().map(|one| (one.strategy, &*one.instrument, &*one.settle));
    let mut told: Vec<_> = told.collect();
    told.sort_unstable();
    let it = ("binance BTCUSDT", "USDT");
    assert_eq!(told, [(None, it.0, it.1), (Some(maker), it.0, it.1)]);
    assert_eq!(ledger.orders().count(), 0);
}

#[test]
fn what_a_crash_loses_is_said() {
    let folder = in_memory();
    assert!(tapes(folder.path()).describe().starts_with("memory-backed"));
    let folder = on_disk();
    let durability = rustonite_exec::Durability::Intents;
    let mut tapes = Tapes::open(folder.path(), "main", tape_options(), durability).unwrap();
    let said = tapes.describe();
    assert!(said.starts_with("disk-backed") && said.ends_with("its row is synced"), "{said}");
    // And is so: the row is on the disk before the request is there.
    let mut ledger = open_with(tapes, rules());
    submitted(&mut ledger);
    assert_eq!(ledger.halted(), None);
}

#[test]
fn a_journal_has_one_writer() {
    let folder = in_memory();
    let _ledger = open_with(tapes(folder.path()), rules());
    let second =
        Tapes::open(folder.path(), "main", tape_options(), rustonite_exec::Durability::Interval);
    let error = second.unwrap_err();
    assert_eq!(error.kind(), rustonite_core::ErrorKind::Conflict, "{error}");
}

#[test]
fn a_snapshot_stands_for_all_rows_before_it() {
    let folder = in_memory();
    // So few rows are kept that most of the history is gone.
    let options =
        rustonite_tape::TapeOptions { segment_rows: Some(64), segments_max: 4, ..tape_options() };
    let durability = rustonite_exec::Durability::Interval;
    let mut author = Author::new(77);
    let tapes = Tapes::open(folder.path(), "main", options, durability).unwrap();
    let mut ledger = open_with(tapes, rules());
    let housekeeping = rustonite_exec::Housekeeping {
        snapshot_rows: 100,
        keep_ended_ns: 0,
        ..rustonite_exec::Housekeeping::default()
    };
    for _ in 0..2_000 {
        author.step().take(&mut ledger);
        ledger.tick(NOW * 2, &housekeeping).unwrap();
    }
    let live = Summary::of(&ledger);
    drop(ledger);
    let journal = (folder.path(), "main", options, durability);
    let (ledger, found) = Ledger::open(directory(), [(ACCOUNT, rules())], journal).unwrap();
    assert!(found.rows < 1_000, "{found:?}");
    assert_eq!(found.gaps, []);
    assert_eq!(Summary::of(&ledger), live);
}

/// What counts of a ledger, without the past.
#[derive(Debug, PartialEq)]
struct Summary {
    orders: Vec<(OrderId, OrderState, rustonite_core::Amount, rustonite_core::Amount)>,
    positions: Vec<(rustonite_exec::PositionKey, rustonite_exec::Position)>,
    balances: Vec<(rustonite_core::ids::AssetId, rustonite_core::Amount)>,
}

impl Summary {
    fn of<J: Journal>(ledger: &Ledger<J>) -> Self {
        let open = ledger.open_orders();
        let order = |order: &&rustonite_exec::Order| {
            (order.id, order.state, order.wish.size, order.size_filled)
        };
        let held = |(_, position): &(&_, &rustonite_exec::Position)| {
            position.size != rustonite_core::Amount::ZERO
        };
        Self {
            orders: open.iter().map(order).collect(),
            positions: ledger
                .positions()
                .iter()
                .filter(held)
                .map(|(key, one)| (*key, *one))
                .collect(),
            balances: ledger
                .balances()
                .iter()
                .map(|(_, asset, owned)| (asset, owned.total))
                .collect(),
        }
    }
}

#[test]
fn a_rehearsal_leaves_nothing() {
    let folders = [in_memory(), in_memory()];
    let live = |rehearses: bool| {
        let folder = folders[usize::from(rehearses)].path();
        let mut ledger = open_with(tapes(folder), rules());
        for _ in 0..3 {
            let next = ledger.next_id();
            if rehearses {
                let tags = Some("a label that the real one has not".into());
                let (client_id, _) = ledger.rehearse(NOW, Wish { tags, ..wish() }).unwrap();
                assert!(ledger.order_named(ACCOUNT, &client_id).is_none());
            }
            assert_eq!(working(&mut ledger), next);
        }
        let (seq, hash) = (ledger.seq(), ledger.state_hash());
        drop(ledger);
        assert_eq!(reopened(folder).0.state_hash(), hash);
        (seq, hash)
    };
    assert_eq!(live(true), live(false));
}
