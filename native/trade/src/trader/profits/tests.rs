use std::path::Path;

use rustonite_core::datasets::{BalanceCause, FillKind, OrderSide};
use rustonite_exec::{Tapes, What};

use super::super::testing::{
    IT, LIMITS, MAIN, NOON, PAIRS, PERPETUAL, RATE, STRATEGY, amount, executed, ledger_of, risk_of,
    wish,
};
use super::*;
use crate::desk::News;
use crate::state::Kept;

/// A trader's desk and profits, as a start finds them.
struct Run {
    desk: Desk<Tapes>,
    profits: Profits,
}

impl Run {
    fn start(folder: &Path, kept: &Kept, limits: &str) -> Self {
        let mut run = Self::of(&PAIRS, folder, kept, limits);
        run.desk.quote(IT, 99.0, 101.0, NOON, 1);
        run
    }

    /// Where only these are traded against USDT.
    fn of(pairs: &[&str], folder: &Path, kept: &Kept, limits: &str) -> Self {
        let mut unkept = Unkept::since(kept);
        let (ledger, restored) = ledger_of(pairs, folder, &mut |passed| unkept.note(&passed));
        let mut risk = risk_of(pairs, limits);
        let currency = risk.directory().currency.to_string();
        restore_peaks(&mut risk, &kept.peaks);
        let mut desk = Desk::new(ledger, risk, STRATEGY);
        unkept.tell(&mut desk);
        let profits = Profits::new(currency, kept.clone(), &restored, desk.ledger());
        Self { desk, profits }
    }

    /// What the next run finds besides the journal.
    fn kept(&self) -> Kept {
        let (day, profit) = (self.profits.day, self.profits.began.clone());
        let (peaks, earned) = (peaks(self.desk.risk()), self.profits.earned.clone());
        let [fees_until, found_until] = self.profits.until;
        Kept { day, profit, peaks, earned, fees_until, found_until, ..Kept::default() }
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
fn fees_in_another_asset_are_losses_at_its_price_and_deny_without_one() {
    let folder = tempfile::tempdir().unwrap();
    let limits = LIMITS.replace("daily_loss_max = 5_000", "daily_loss_max = 10");
    let mut run = Run::start(folder.path(), &Kept::default(), &limits);
    run.profits.tell(&mut run.desk, NOON);
    buy_for(&mut run, "2");
    run.profits.tell(&mut run.desk, NOON);
    assert!(!run.profits.is_known(), "nobody has said what it is worth");
    run.profits.tell(&mut run.desk, NOON);
    let news = std::iter::from_fn(|| run.desk.next_news());
    let told: Vec<_> = news.filter(|one| matches!(one, News::Notice(_))).collect();
    let [News::Notice(text)] = &told[..] else { panic!("{told:?}") };
    assert!(text.contains("EUR") && text.contains("profit_missing"), "{text}");
    run.desk.quote(RATE, 1.99, 2.01, NOON, 1);
    run.desk.tell_rates(NOON);
    run.profits.tell(&mut run.desk, NOON);
    assert_eq!(run.profits.totals["account main"], amount("-4"));
    assert_eq!(run.profits.totals["strategy test"], amount("-4"));
    assert!(run.profits.is_to_be_kept(run.desk.risk(), NOON + KEEP_EVERY_NS));
    assert_eq!(run.thrown(), []);
    let kept = run.kept();
    drop(run);
    let mut run = Run::start(folder.path(), &kept, &limits);
    // The first price is still to come, which is nobody's mistake.
    run.profits.tell(&mut run.desk, NOON);
    assert!(!run.profits.is_known() && !run.desk.has_news());
    run.desk.quote(RATE, 1.99, 2.01, NOON, 1);
    run.desk.tell_rates(NOON);
    buy_for(&mut run, "4");
    run.profits.tell(&mut run.desk, NOON);
    assert_eq!(run.profits.totals["all"], amount("-12"), "those of before count, too");
    assert_eq!(run.thrown()[0].0, "daily_loss");
}

/// Buys one, with a fee in another asset.
fn buy_for(run: &mut Run, fee: &str) {
    let mut report = executed(run.desk.ledger_mut(), OrderSide::Buy, amount("100"));
    let asset = run.desk.ledger().directory().asset("EUR").unwrap();
    let What::Fill(fill) = &mut report.what else { unreachable!() };
    fill.fee = Some((amount(fee), asset));
    run.desk.take(&report);
}

#[test]
fn fees_that_were_not_kept_before_a_kill_are_looked_up_once() {
    let folder = tempfile::tempdir().unwrap();
    let priced = |kept: &Kept| {
        let mut run = Run::start(folder.path(), kept, LIMITS);
        run.desk.quote(RATE, 1.99, 2.01, NOON, 1);
        run.desk.tell_rates(NOON);
        run.profits.tell(&mut run.desk, NOON);
        run
    };
    let mut run = priced(&Kept::default());
    buy_for(&mut run, "2");
    run.profits.tell(&mut run.desk, NOON);
    let kept = run.kept();
    buy_for(&mut run, "4");
    drop(run);
    let mut run = priced(&kept);
    assert_eq!(run.profits.totals["account main"], amount("-12"));
    run.profits.tell(&mut run.desk, NOON);
    let kept = run.kept();
    drop(run);
    assert_eq!(priced(&kept).profits.totals["account main"], amount("-12"));
    // A kill in the first moments: what was kept at the start says up to where.
    let other = tempfile::tempdir().unwrap();
    let mut run = Run::start(other.path(), &Kept::default(), LIMITS);
    let kept_first = run.kept();
    buy_for(&mut run, "2");
    drop(run);
    let mut run = Run::start(other.path(), &kept_first, LIMITS);
    run.desk.quote(RATE, 1.99, 2.01, NOON, 1);
    run.desk.tell_rates(NOON);
    run.profits.tell(&mut run.desk, NOON);
    assert_eq!(run.profits.totals["account main"], amount("-4"));
    // A file of before says nothing of rows: it has them all.
    let kept = Kept { fees_until: None, found_until: None, ..kept };
    assert_eq!(priced(&kept).profits.totals["account main"], amount("-12"));
}

#[test]
fn a_position_that_was_found_and_had_no_price_before_a_kill_is_valued_after_it() {
    let folder = tempfile::tempdir().unwrap();
    let mut run = Run::of(&PAIRS, folder.path(), &Kept::default(), LIMITS);
    run.profits.tell(&mut run.desk, NOON);
    let mut report = executed(run.desk.ledger_mut(), OrderSide::Buy, amount("600"));
    (report.client_id, report.venue_order_id) = ("".into(), None);
    let What::Fill(fill) = &mut report.what else { unreachable!() };
    fill.kind = FillKind::Opening;
    run.desk.take(&report);
    run.profits.tell(&mut run.desk, NOON);
    assert!(!run.profits.is_known());
    let mut kept = run.kept();
    drop(run);
    // It is worth 100 then, and what it lost before is no loss of ours.
    for _ in 0..2 {
        let mut run = Run::start(folder.path(), &kept, LIMITS);
        run.profits.tell(&mut run.desk, NOON);
        assert_eq!(run.profits.totals["account main"], Amount::ZERO);
        kept = run.kept();
    }
}

#[test]
fn what_a_position_that_is_found_has_lost_before_is_no_loss_of_today() {
    let folder = tempfile::tempdir().unwrap();
    let limits = LIMITS
        .replace("daily_loss_max = 5_000", "daily_loss_max = 10")
        .replace("drawdown_max = 5_000", "drawdown_max = 10");
    let mut run = Run::start(folder.path(), &Kept::default(), &limits);
    run.profits.tell(&mut run.desk, NOON);
    let found = |run: &mut Run, side, price| {
        let mut report = executed(run.desk.ledger_mut(), side, amount(price));
        (report.client_id, report.venue_order_id) = ("".into(), None);
        let What::Fill(fill) = &mut report.what else { unreachable!() };
        fill.kind = FillKind::Opening;
        run.desk.take(&report);
        run.profits.tell(&mut run.desk, NOON);
    };
    // It was bought at 600, and is worth 100 now.
    found(&mut run, OrderSide::Buy, "600");
    assert_eq!(run.profits.totals["account main"], Amount::ZERO);
    assert_eq!(run.thrown(), []);
    let kept = run.kept();
    drop(run);
    let mut run = Run::start(folder.path(), &kept, &limits);
    run.profits.tell(&mut run.desk, NOON);
    assert_eq!(run.profits.totals["all"], Amount::ZERO);
    // The venue has closed it, nobody knows at which price.
    found(&mut run, OrderSide::Sell, "600");
    assert_eq!(run.profits.totals["account main"], Amount::ZERO);
    // It is turned over, and back.
    found(&mut run, OrderSide::Buy, "70");
    for _ in 0..2 {
        found(&mut run, OrderSide::Sell, "90");
        assert_eq!(run.profits.totals["account main"], Amount::ZERO);
    }
    found(&mut run, OrderSide::Buy, "90");
    // What it loses from now on is ours.
    found(&mut run, OrderSide::Buy, "600");
    run.desk.quote(IT, 79.0, 81.0, NOON, 2);
    run.profits.tell(&mut run.desk, NOON);
    assert_eq!(run.profits.totals["account main"], amount("-20"));
    let codes: Vec<_> = run.thrown().into_iter().map(|(code, _)| code).collect();
    assert!(codes.contains(&"daily_loss") && codes.contains(&"drawdown"), "{codes:?}");
}

#[test]
fn a_trader_that_follows_trades_alone_knows_its_losses() {
    let folder = tempfile::tempdir().unwrap();
    let limits = LIMITS.replace("daily_loss_max = 5_000", "daily_loss_max = 10");
    let mut run = Run::of(&PAIRS, folder.path(), &Kept::default(), &limits);
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

#[test]
fn profit_in_another_asset_counts_at_its_rate_and_denies_while_there_is_none() {
    let folder = tempfile::tempdir().unwrap();
    let limits = LIMITS.replace("currency = \"USDT\"", "currency = \"EUR\"");
    let mut run = Run::start(folder.path(), &Kept::default(), &limits);
    let is_missing = |run: &mut Run, now: i64| {
        let failures = run.desk.would_fail(wish(OrderSide::Buy, amount("100")), now);
        failures.iter().any(|denied| denied.code == "profit_missing")
    };
    run.round_trip("100", "110");
    assert!(is_missing(&mut run, NOON));
    run.desk.quote(RATE, 1.24, 1.26, NOON, 2);
    run.desk.tell_rates(NOON);
    run.round_trip("100", "110");
    assert_eq!(run.profits.totals["strategy test"], amount("16"));
    assert!(!is_missing(&mut run, NOON));
    // A rate that is too old is none, whatever was told before.
    let later = NOON + 601_000_000_000;
    run.desk.tell_rates(later);
    run.profits.tell(&mut run.desk, later);
    assert!(is_missing(&mut run, later));
}

#[test]
fn equity_has_in_it_what_contracts_would_earn() {
    // A deposit of 200 and one contract bought at 100: at 150 it is worth 250, at 50 it is 150.
    for (price, leverage_max, is_within) in
        [(150.0, "0.6", true), (150.0, "0.59", false), (50.0, "0.34", true), (50.0, "0.33", false)]
    {
        let folder = tempfile::tempdir().unwrap();
        let limits = format!("leverage_max = {leverage_max}");
        let limits = LIMITS.replace("leverage_max = \"none\"", &limits);
        let mut run = Run::of(&[PERPETUAL], folder.path(), &Kept::default(), &limits);
        let usdt = run.desk.ledger().directory().asset("USDT").unwrap();
        let (key, cause) = ((MAIN, usdt), BalanceCause::Snapshot);
        run.desk.ledger_mut().set_balance(NOON, key, amount("200"), cause).unwrap();
        let report = executed(run.desk.ledger_mut(), OrderSide::Buy, amount("100"));
        run.desk.ledger_mut().report(&report);
        run.desk.quote(IT, price, price, NOON, 1);
        run.profits.tell(&mut run.desk, NOON);
        // Risk was told of no position: the order is all that counts against the equity.
        let text = format!("{price}");
        let failures = run.desk.would_fail(wish(OrderSide::Buy, amount(&text)), NOON);
        let exceeds = failures.iter().any(|denied| denied.code == "leverage");
        assert_eq!(exceeds, !is_within, "{price} {leverage_max}: {failures:?}");
    }
}

#[test]
fn what_a_symbol_earned_counts_on_when_it_is_not_traded_any_more() {
    let folder = tempfile::tempdir().unwrap();
    let scopes = ["all", "account main", "strategy test"];
    let totals = |mut run: Run| {
        run.profits.tell(&mut run.desk, NOON);
        (scopes.map(|scope| run.profits.totals[scope]), run.kept())
    };
    let ten_lost = [amount("-10"); 3];
    let mut run = Run::start(folder.path(), &Kept::default(), LIMITS);
    (0..10).for_each(|_| run.round_trip("100", "99"));
    let (lost, kept) = totals(run);
    assert_eq!(lost, ten_lost);
    let (lost, kept) = totals(Run::of(&["EUR"], folder.path(), &kept, LIMITS));
    assert_eq!(lost, ten_lost);
    // Also once the journal's rows of it are gone.
    let other = tempfile::tempdir().unwrap();
    assert_eq!(totals(Run::of(&["EUR"], other.path(), &kept, LIMITS)).0, ten_lost);
    // And once, if it is traded again.
    assert_eq!(totals(Run::start(folder.path(), &kept, LIMITS)).0, ten_lost);
}

#[test]
fn a_venue_and_those_who_trade_by_hand_may_have_limits_on_losses() {
    let folder = tempfile::tempdir().unwrap();
    let limits = format!(
        "{LIMITS}\n[venue.binance]\ndaily_loss_max = 10\n[strategy.manual]\ndrawdown_max = 1"
    );
    let mut run = Run::start(folder.path(), &Kept::default(), &limits);
    run.profits.tell(&mut run.desk, NOON);
    let failures = run.desk.would_fail(wish(OrderSide::Buy, amount("100")), NOON);
    assert!(failures.iter().all(|denied| denied.code != "profit_missing"), "{failures:?}");
    run.round_trip("100", "90");
    assert_eq!(run.thrown(), []);
    run.round_trip("100", "99");
    assert_eq!(run.thrown(), [("daily_loss", "venue binance".to_owned())]);
    assert_eq!(run.profits.totals["strategy manual"], Amount::ZERO);
}
