//! Orders that trade at once, what they leave, and what is refused.

use super::*;

fn filled(price: i64, quantity: i64, open: i64) -> Told {
    // 500 millionths of price times quantity times the unit.
    let fee = Amount(i128::from(price * quantity * 500));
    Told::Filled { price, quantity, open, is_maker: false, fee }
}

fn market(side: Side, quantity: i64) -> OwnOrder {
    OwnOrder { price: None, expiry: Expiry::Immediate, ..limit(side, 1, quantity) }
}

#[test]
fn a_taker_sweeps_and_its_rest_waits() {
    let mut bench = Bench::filled(QueueModel::RiskAverse);
    let told = bench.place(limit(Buy, 102, 230));
    let rests = Told::Rests { open: 30, ahead: 0 };
    assert_eq!(told, [(1, filled(101, 100, 130)), (1, filled(102, 100, 30)), (1, rests)]);
}

#[test]
fn what_was_taken_is_missing_until_the_level_changes() {
    let mut bench = Bench::filled(QueueModel::RiskAverse);
    bench.place(market(Sell, 70));
    assert_eq!(bench.place(market(Sell, 70)), [(2, filled(99, 30, 40)), (2, filled(98, 40, 0))]);
    bench.event(level(Buy, 99, 20));
    assert_eq!(bench.place(market(Sell, 70)), [(3, filled(99, 20, 50)), (3, filled(98, 50, 0))]);
}

#[test]
fn what_others_took_is_missing_before_the_level_says_so() {
    let mut bench = Bench::filled(QueueModel::RiskAverse);
    bench.event(trade(Buy, 101, 95));
    assert_eq!(bench.place(market(Buy, 6)), [(1, filled(101, 5, 1)), (1, filled(102, 1, 0))]);
}

#[test]
fn expiries() {
    let mut bench = Bench::filled(QueueModel::RiskAverse);
    let order = |expiry, quantity| OwnOrder { expiry, ..limit(Buy, 101, quantity) };
    let ended = |reason, open| Told::Ended { reason, open };
    let whole = bench.place(order(Expiry::AllOrNothing, 101));
    assert_eq!(whole, [(1, ended(CancelReason::AllOrNothing, 101))]);
    let at_once = bench.place(order(Expiry::Immediate, 101));
    assert_eq!(at_once, [(2, filled(101, 100, 1)), (2, ended(CancelReason::Immediate, 1))]);
    let too_large = bench.place(market(Buy, 901));
    assert_eq!(too_large.last(), Some(&(3, ended(CancelReason::NoLiquidity, 1))));
    let end = bench.now + 4;
    bench.place(order(Expiry::At(end), 5));
    assert_eq!(bench.event(trade(Sell, 50, 1)).len(), 1, "still open, and filled");
    bench.place(order(Expiry::At(end), 5));
    assert_eq!(bench.event(trade(Sell, 50, 1)), [(5, ended(CancelReason::Expired, 5))]);
}

#[test]
fn makers_get_their_rebate() {
    let mut bench = Bench::new(QueueModel::RiskAverse);
    bench.place(limit(Buy, 99, 10));
    let fee = Amount(-99 * 10 * 100);
    let expected = Told::Filled { price: 99, quantity: 10, open: 0, is_maker: true, fee };
    assert_eq!(bench.event(trade(Sell, 99, 10)), [(1, expected)]);
}

#[test]
fn post_only_is_refused_when_it_would_trade_and_amending_so_changes_nothing() {
    let mut bench = Bench::filled(QueueModel::RiskAverse);
    let order = |price| OwnOrder { post_only: true, ..limit(Buy, price, 10) };
    let refused = Told::Refused(Reject::WouldTrade);
    assert_eq!(bench.place(order(101)), [(1, refused)]);
    bench.place(order(99));
    assert_eq!(bench.amend(2, 101, 10), [(2, refused)]);
    assert_eq!(bench.ahead(2), 100);
}

#[test]
fn nonsense_is_refused() {
    let mut bench = Bench::filled(QueueModel::RiskAverse);
    let market_that_rests = OwnOrder { price: None, ..limit(Buy, 1, 1) };
    let past = OwnOrder { expiry: Expiry::At(bench.now), ..limit(Buy, 90, 1) };
    let post_and_go = OwnOrder { post_only: true, expiry: Expiry::Immediate, ..limit(Buy, 90, 1) };
    let orders = [
        limit(Buy, 99, 0),
        limit(Buy, 99, -1),
        limit(Buy, 0, 1),
        market_that_rests,
        past,
        post_and_go,
    ];
    for order in orders {
        let told = bench.place(order);
        assert!(matches!(told[..], [(_, Told::Refused(_))]), "{order:?}: {told:?}");
    }
    assert_eq!(bench.venue.open_orders().count(), 0);
}
