//! What venues do and clients get wrong, one at a time, against a recorder that runs.

mod rig;

use rig::{Rig, Setup};
use rustonite_feed::server::{Fault, Planned};

const BINANCE: [(&str, [&str; 2]); 3] = [
    ("binance", ["BTCUSDT", "ETHUSDT"]),
    ("binance-usdm", ["BTCUSDT", "ETHUSDT"]),
    ("binance-coinm", ["BTCUSD_PERP", "ETHUSD_PERP"]),
];

/// Does the same for several venues at once.
fn each(venues: &[(&'static str, [&'static str; 2])], test: impl Fn(Setup) + Sync) {
    let failed: Vec<_> = std::thread::scope(|scope| {
        let run = |(venue, symbols): &(&'static str, [&'static str; 2])| {
            let (venue, setup) = (*venue, Setup::new(venue, symbols));
            let test = &test;
            (venue, scope.spawn(move || test(setup)))
        };
        let running: Vec<_> = venues.iter().map(run).collect();
        let ended = running.into_iter().map(|(venue, one)| (venue, one.join()));
        ended.filter(|(_, end)| end.is_err()).map(|(venue, _)| venue).collect()
    });
    assert!(failed.is_empty(), "failed for {failed:?}");
}

fn whole(setup: Setup) -> Rig {
    let rig = setup.start();
    rig.until_whole();
    rig.run_on(300);
    rig
}

#[test]
fn without_faults_all_is_there() {
    each(&BINANCE, |setup| {
        let mut rig = whole(setup);
        rig.run_on(1200);
        let record = rig.finish();
        for symbol in rig.symbols.clone() {
            rig.assert_true_book(&record, symbol);
            rig.assert_undisturbed(&record, symbol);
            assert_eq!(record.pictures(symbol), 1);
        }
        assert_eq!(record.instruments.len(), 2);
        assert!(!record.quotes.is_empty());
    });
}

/// A fault of one message of one book.
fn one_book(fault: &Fault, kinds: &[&str], others: bool) {
    each(&BINANCE, |setup| {
        let mut rig = whole(setup);
        let [hit, other] = rig.symbols[..] else { panic!() };
        rig.fault(Planned::on(hit, fault.clone()));
        rig.until("the fault has met", |rig| rig.server.faults_waiting() == 0);
        for kind in kinds {
            rig.until_told(kind, Some(hit));
        }
        rig.until_whole();
        rig.run_on(1100);
        let record = rig.finish();
        for symbol in [hit, other] {
            rig.assert_true_book(&record, symbol);
            rig.assert_trades(&record, symbol);
        }
        if others {
            rig.assert_undisturbed(&record, other);
        }
        if kinds.is_empty() {
            rig.assert_undisturbed(&record, hit);
        }
    });
}

#[test]
fn a_dropped_message_is_a_gap_of_one_book() {
    one_book(&Fault::Drop, &["gap", "resync", "snapshot"], true);
}

#[test]
fn a_doubled_message_changes_nothing() {
    one_book(&Fault::Duplicate, &["duplicate"], true);
}

#[test]
fn messages_in_the_wrong_order_are_a_gap() {
    one_book(&Fault::Reorder, &["gap"], true);
}

#[test]
fn a_late_message_is_a_gap() {
    one_book(&Fault::Delay { ms: 300 }, &["gap"], true);
}

#[test]
fn keys_in_another_order_and_unknown_fields_are_read() {
    one_book(&Fault::Reorganise, &[], true);
}

#[test]
fn exponents_are_read() {
    one_book(&Fault::Exponents, &[], true);
}

#[test]
fn an_empty_update_is_no_loss() {
    one_book(&Fault::KeepAlive, &[], true);
}

#[test]
fn a_level_that_nobody_announced_may_go() {
    one_book(&Fault::DeleteUnknown, &[], true);
}
