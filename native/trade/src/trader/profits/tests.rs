use std::path::Path;

use rustonite_core::datasets::OrderSide;
use rustonite_exec::Tapes;

use super::super::testing::{IT, LIMITS, NOON, STRATEGY, amount, executed, ledger, risk};
use super::*;
use crate::state::Kept;

/// A trader's desk and profits, as a start finds them.
struct Run {
    desk: Desk<Tapes>,
    profits: Profits,
}

impl Run {
    fn start(folder: &Path, kept: &Kept, limits: &str) -> Self {
        let mut run = Self::unquoted(folder, kept, limits);
        run.desk.quote(IT, 99.0, 101.0, NOON, 1);
        run
    }

    /// Before anything is known of the market.
    fn unquoted(folder: &Path, kept: &Kept, limits: &str) -> Self {
        let ledger = ledger(folder, &mut |_| {});
        let mut risk = risk(limits);
        restore_peaks(&mut risk, &kept.peaks);
        let desk = Desk::new(ledger, risk, STRATEGY);
        let profits = Profits::new("USDT".to_owned(), kept.day, kept.profit.clone());
        Self { desk, profits }
    }

    /// What the next run finds besides the journal.
    fn kept(&self) -> Kept {
        let (day, profit) = (self.profits.day, self.profits.began.clone());
        Kept { day, profit, peaks: peaks(self.desk.risk()), ..Kept::default() }
    }

    /// Buys and sells one, and tells the profit.
    fn round_trip(&mut self, bought_at: &str, sold_at: &str) {
        for (side, price) in [(OrderSide::Buy, bought_at), (OrderSide::Sell, sold_at)] {
            let report = executed(self.desk.ledger_mut(), side, amount(price));
            assert_eq!(self.desk.ledger_mut().report(&report).fills.len(), 1);
        }
        self.profits.tell(&mut self.desk, NOON);
    }

    fn thrown(&self) -> Vec<(&'static str, String)> {
        let thrown = self.desk.risk().thrown().iter();
        thrown.map(|trip| (trip.code.name(), name_of(self.desk.risk(), trip.target))).collect()
    }
}

#[test]
fn losses_of_closed_positions_add_up_and_are_known_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let limits = LIMITS.replace("daily_loss_max = 5_000", "daily_loss_max = 10");
    let mut run = Run::start(folder.path(), &Kept::default(), &limits);
    run.profits.tell(&mut run.desk, NOON);
    // Each loses one, and none is open in between.
    (0..10).for_each(|_| run.round_trip("100", "99"));
    assert_eq!(run.profits.totals["strategy test"], amount("-10"));
    assert_eq!(run.thrown(), []);
    let kept = run.kept();
    drop(run);
    let mut run = Run::start(folder.path(), &kept, &limits);
    run.profits.tell(&mut run.desk, NOON);
    assert_eq!(run.thrown(), []);
    run.round_trip("100", "99");
    let expected = [("daily_loss", "all ".to_owned())];
    assert_eq!(run.thrown()[..1], expected, "{:?}", run.profits.totals);
}

#[test]
fn drawdown_is_measured_from_the_peak_of_earlier_runs() {
    let folder = tempfile::tempdir().unwrap();
    let limits = LIMITS.replace("drawdown_max = 5_000", "drawdown_max = 10");
    let mut run = Run::start(folder.path(), &Kept::default(), &limits);
    run.profits.tell(&mut run.desk, NOON);
    run.round_trip("100", "120");
    run.round_trip("100", "95");
    assert_eq!(run.thrown(), []);
    let kept = run.kept();
    assert_eq!(kept.peaks["account main"], amount("20"));
    drop(run);
    let mut run = Run::start(folder.path(), &kept, &limits);
    // The timer knows of no fall before the profit is told.
    run.desk.tick(NOON, 0);
    assert_eq!(run.thrown(), []);
    run.round_trip("100", "94");
    assert_eq!(run.thrown()[..1], [("drawdown", "all ".to_owned())]);
}

#[test]
fn a_new_peak_is_kept_and_not_with_every_beat() {
    let folder = tempfile::tempdir().unwrap();
    let mut run = Run::start(folder.path(), &Kept::default(), LIMITS);
    run.round_trip("100", "100");
    let is_to_be_kept = |run: &mut Run, seconds: i64| {
        run.profits.is_to_be_kept(run.desk.risk(), NOON + seconds * 1_000_000_000)
    };
    assert!(is_to_be_kept(&mut run, 0));
    run.round_trip("100", "101");
    assert!(!is_to_be_kept(&mut run, 9));
    assert!(is_to_be_kept(&mut run, 10));
    assert!(!is_to_be_kept(&mut run, 20));
}

#[test]
fn a_trader_that_follows_trades_alone_knows_its_losses() {
    let folder = tempfile::tempdir().unwrap();
    let limits = LIMITS.replace("daily_loss_max = 5_000", "daily_loss_max = 10");
    let mut run = Run::unquoted(folder.path(), &Kept::default(), &limits);
    run.profits.tell(&mut run.desk, NOON);
    assert!(run.profits.is_known(), "nothing is held");
    let report = executed(run.desk.ledger_mut(), OrderSide::Buy, amount("100"));
    run.desk.ledger_mut().report(&report);
    run.profits.tell(&mut run.desk, NOON);
    assert!(!run.profits.is_known(), "what is held has no price");
    for (price, expected) in [(99.0, &[][..]), (89.0, &["daily_loss"][..])] {
        run.desk.trade(IT, price, NOON, 1);
        run.profits.tell(&mut run.desk, NOON);
        let codes: Vec<_> = run.thrown().into_iter().map(|(code, _)| code).collect();
        assert_eq!(codes, expected);
    }
}
