//! What of the market besides prices is told to risk, and what is denied without it.
#![allow(clippy::unwrap_used, reason = "a failed test is what a panic is for")]

mod common;

use common::*;
use rustonite_core::datasets::{InstrumentStatus, OrderSide};
use rustonite_risk::Limits;
use rustonite_trade::{Cause, News};

const BOUNDS: [u32; 4] = [500, 20, 200, 200];

impl World {
    fn limits(&mut self, changes: &[(&str, &str)]) {
        let mut text = LIMITS.to_owned();
        for (from, to) in changes {
            assert!(text.contains(from));
            text = text.replace(from, to);
        }
        let version = self.desk.risk().limits().version + 1;
        let limits = Limits { version, ..Limits::parse("limits.toml", &text).unwrap() };
        self.desk.set_limits(limits, self.now).unwrap();
    }

    /// What an order far from the market would be denied for.
    fn codes(&mut self) -> Vec<&'static str> {
        let wish = limit(OrderSide::Buy, -1_000, 100);
        self.desk.would_fail(wish, self.now).into_iter().map(|denied| denied.code).collect()
    }
}

#[test]
fn our_price_is_compared_with_the_mark_once_there_is_one() {
    let mut world = World::new(BOUNDS);
    world.limits(&[("divergence_bps = \"none\"", "divergence_bps = 10")]);
    assert_eq!(world.codes(), ["mark_missing"]);
    world.desk.marks(INSTRUMENT, 60_030.0, 0.0);
    assert_eq!(world.codes(), [""; 0]);
    world.desk.marks(INSTRUMENT, 60_100.0, 0.0);
    assert_eq!(world.codes(), ["divergence"]);
    // A row without one says nothing.
    world.desk.marks(INSTRUMENT, 0.0, 60_000.0);
    assert_eq!(world.codes(), ["divergence"]);
}

#[test]
fn an_order_is_compared_with_what_is_traded_in_a_day() {
    let mut world = World::new(BOUNDS);
    world.limits(&[("adv_share_bps = \"none\"", "adv_share_bps = 10")]);
    assert_eq!(world.codes(), ["adv_missing"]);
    world.desk.daily_volume(INSTRUMENT, 99.0);
    assert_eq!(world.codes(), ["adv_share"]);
    world.desk.daily_volume(INSTRUMENT, 101.0);
    assert_eq!(world.codes(), [""; 0]);
}

#[test]
fn nothing_is_traded_while_the_venue_halts_it() {
    let mut world = World::new(BOUNDS);
    world.desk.status(INSTRUMENT, InstrumentStatus::Halted);
    assert_eq!(world.codes(), ["instrument_halted"]);
    world.desk.status(INSTRUMENT, InstrumentStatus::Unknown);
    assert_eq!(world.codes(), ["instrument_halted"]);
    world.desk.status(INSTRUMENT, InstrumentStatus::Trading);
    assert_eq!(world.codes(), [""; 0]);
}

#[test]
fn steps_that_are_others_now_stop_all_but_cancels() {
    let mut world = World::new(BOUNDS);
    let (tick, lot) = (instrument().tick, instrument().lot);
    world.desk.steps(INSTRUMENT, Some(tick), None, world.now);
    world.desk.steps(INSTRUMENT, Some(tick), Some(lot), world.now);
    assert_eq!(world.codes(), [""; 0]);
    let order = world.desk.submit(limit(OrderSide::Buy, -1_000, 100), world.now).unwrap();
    world.desk.steps(INSTRUMENT, Some(tick), Some(lot + lot), world.now);
    assert_eq!(world.codes(), ["cancel_only"]);
    world.desk.cancel(order, world.now).unwrap();
    let told = std::iter::from_fn(|| world.desk.next_news());
    let told = told.filter(|news| matches!(news, News::Notice(text) if text.contains("lot")));
    assert_eq!(told.count(), 1);
}

#[test]
fn what_is_paid_in_another_asset_is_valued_by_a_pair_that_is_quoted() {
    let mut world = World::in_currency("BTC", BOUNDS);
    world.limits(&[
        ("currency = \"USDT\"", "currency = \"BTC\""),
        // Nobody tells profits here.
        ("daily_loss_max = 5_000", "daily_loss_max = \"none\""),
        ("drawdown_max = 5_000", "drawdown_max = \"none\""),
    ]);
    assert!(world.codes().contains(&"rate_missing"));
    world.desk.tell_rates(world.now);
    assert_eq!(world.codes(), [""; 0], "USDT are worth what BTCUSDT says");
    // A pair that nobody quotes any more says nothing.
    world.now += 601_000 * MS;
    world.desk.tell_rates(world.now);
    assert!(world.codes().contains(&"rate_missing"));
}

#[test]
fn a_dry_run_tells_every_limit_and_places_nothing() {
    let mut world = World::new(BOUNDS);
    let before = (world.desk.ledger().seq(), world.desk.ledger().next_id());
    let wish = limit(OrderSide::Buy, -400_000, 600);
    let codes: Vec<_> = world.desk.would_fail(wish, world.now).iter().map(|one| one.code).collect();
    assert_eq!(codes, ["order_size", "order_notional", "price_far"]);
    assert_eq!((world.desk.ledger().seq(), world.desk.ledger().next_id()), before);
    assert_eq!(world.written(), []);
}

#[test]
fn a_limit_that_warns_lets_the_order_pass_and_says_so() {
    let mut world = World::new(BOUNDS);
    world.limits(&[(
        "order_notional_max = 20_000",
        "order_notional_max = { max = 20_000, warn = 600 }",
    )]);
    let mut notices = || {
        let wish = limit(OrderSide::Buy, -1_000, 100);
        world.desk.submit(wish, world.now).unwrap();
        let news: Vec<_> = std::iter::from_fn(|| world.desk.next_news()).collect();
        world.now += 30_000 * MS;
        world.quote(0);
        news.into_iter().filter(|one| matches!(one, News::Notice(_))).collect::<Vec<_>>()
    };
    let expected = "warning: order_notional: 5999 against 600 (reporting currency), order_notional_max, of all";
    assert_eq!(notices(), [News::Notice(expected.to_owned())]);
    assert_eq!(notices(), [], "so soon after the last one");
    assert_eq!(notices().len(), 1);
}

#[test]
fn what_a_strategy_does_by_its_timer_is_not_late_because_the_market_is_quiet() {
    let mut world = World::new(BOUNDS);
    world.limits(&[("latency_ms = \"none\"", "latency_ms = 5")]);
    world.now += 10 * MS;
    assert_eq!(world.codes(), ["latency"], "caused by the last row");
    world.desk.caused_by(Cause::Timer(world.now - 4 * MS));
    assert_eq!(world.codes(), [""; 0]);
    world.desk.caused_by(Cause::Timer(world.now - 6 * MS));
    assert_eq!(world.codes(), ["latency"]);
    world.desk.caused_by(Cause::None);
    assert_eq!(world.codes(), [""; 0]);
}
