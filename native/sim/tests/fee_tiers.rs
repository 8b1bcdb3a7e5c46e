//! Fees by what an account has traded in 30 days.

#![allow(clippy::unwrap_used, reason = "a test may fail")]

mod common;

use common::{BTC, PERP, SPOT, USD, amount, buy, fees, funded, perp, sell};
use rustonite_sim::{
    AccountId, Amount, Command, Event, Exchange, FeeTier, FeeTiers, Fees, NewOrder,
};

const HOUR: i64 = 3_600_000_000_000;

fn tiered() -> Exchange {
    let tier = |volume, maker_ppm, taker_ppm| FeeTier {
        volume: amount(volume),
        fees: Fees { maker_ppm, taker_ppm },
    };
    let tiers = [tier("0", 1_000, 2_000), tier("1000", 500, 1_000), tier("5000", -100, 400)];
    let mut exchange = funded();
    exchange.set_fee_tiers(FeeTiers::new(USD, &tiers).unwrap()).unwrap();
    exchange
}

/// Places an order at a moment; the fees of an account's fills.
fn at(exchange: &mut Exchange, now: i64, order: NewOrder, of: AccountId) -> Vec<Amount> {
    let mut events = Vec::new();
    exchange.apply(now, &Command::Place(order), &mut events).unwrap();
    let fee = |event: &Event| match *event {
        Event::Fill { account, fee, .. } if account == of => Some(fee),
        _ => None,
    };
    events.iter().filter_map(fee).collect()
}

fn tick(exchange: &mut Exchange, now: i64) {
    exchange.apply(now, &Command::Tick, &mut Vec::new()).unwrap();
}

#[test]
fn each_fill_counts_for_the_next_one() {
    let mut exchange = tiered();
    // 600 each.
    for _ in 0..3 {
        at(&mut exchange, 0, sell(0, 10_000, 6_000), 0);
    }
    let paid = at(&mut exchange, 0, buy(1, 10_000, 18_000), 1);
    assert_eq!(paid, ["0.012", "0.012", "0.006"].map(amount), "the third after 1,200");
    assert_eq!(exchange.volume(1), amount("1800"));
    assert_eq!(
        (exchange.fee_tier(0), exchange.fee_tier(1), exchange.fee_tier(2)),
        (Some(1), Some(1), Some(0))
    );
    assert_eq!(exchange.collected(USD), amount("1.5"), "who rested: twice 0.6, and 0.3");
}

#[test]
fn what_was_traded_thirty_days_ago_counts_no_more() {
    let mut exchange = tiered();
    at(&mut exchange, 0, sell(0, 10_000, 10_000), 0);
    at(&mut exchange, 5 * HOUR, buy(1, 10_000, 10_000), 1);
    tick(&mut exchange, (5 + 720) * HOUR - 1);
    assert_eq!(exchange.fees(1), Fees { maker_ppm: 500, taker_ppm: 1_000 });
    tick(&mut exchange, (5 + 720) * HOUR);
    assert_eq!(exchange.fees(1), Fees { maker_ppm: 1_000, taker_ppm: 2_000 });
    assert_eq!((exchange.volume(1), exchange.fee_tier(1)), (Amount::ZERO, Some(0)));
}

#[test]
fn perpetuals_count_and_pay_as_well_and_rebates_are_paid_out() {
    let mut exchange = tiered();
    at(&mut exchange, 0, perp(sell(0, 10_000, 50_000)), 0);
    at(&mut exchange, 0, perp(buy(1, 10_000, 50_000)), 1);
    assert_eq!(exchange.fee_tier(0), Some(2));
    at(&mut exchange, 0, perp(sell(0, 10_000, 10_000)), 0);
    let mut events = Vec::new();
    let order = Command::Place(perp(buy(1, 10_000, 10_000)));
    exchange.apply(0, &order, &mut events).unwrap();
    let fee = |event: &Event| match *event {
        Event::Fill { fee, .. } => Some(fee),
        _ => None,
    };
    let paid: Vec<_> = events.iter().filter_map(fee).collect();
    assert_eq!(paid, ["-0.1", "0.4"].map(amount), "first who rested");
}

#[test]
fn fees_of_its_own_come_before_tiers_and_free_instruments_count_nothing() {
    let mut exchange = tiered();
    fees(&mut exchange, 1, 0, 100);
    exchange.waive_fees(PERP);
    at(&mut exchange, 0, perp(sell(0, 10_000, 10_000)), 0);
    at(&mut exchange, 0, perp(buy(1, 10_000, 10_000)), 1);
    assert_eq!((exchange.volume(0), exchange.volume(1)), (Amount::ZERO, Amount::ZERO));
    at(&mut exchange, 0, sell(0, 10_000, 10_000), 0);
    let paid = at(&mut exchange, 0, buy(1, 10_000, 10_000), 1);
    assert_eq!(paid, [amount("0.001")]);
    assert_eq!((exchange.volume(1), exchange.fee_tier(1)), (amount("1000"), None));
}

#[test]
fn volumes_of_another_asset_count_nothing() {
    let mut exchange = funded();
    let tiers = [FeeTier { volume: Amount::ZERO, fees: Fees::default() }];
    exchange.set_fee_tiers(FeeTiers::new(BTC, &tiers).unwrap()).unwrap();
    at(&mut exchange, 0, sell(0, 10_000, 10_000), 0);
    at(&mut exchange, 0, buy(1, 10_000, 10_000), 1);
    assert_eq!(exchange.volume(1), Amount::ZERO);
    assert!(exchange.levels(SPOT, rustonite_sim::Side::Sell).next().is_none());
    assert!(exchange.set_fee_tiers(FeeTiers::new(9, &tiers).unwrap()).is_err());
}
