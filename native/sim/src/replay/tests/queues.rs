//! Resting orders: who stands ahead, and who is filled.

use super::*;

#[test]
fn trades_take_who_stands_ahead_first() {
    let mut bench = Bench::filled(QueueModel::RiskAverse);
    assert_eq!(bench.place(limit(Buy, 99, 10)), [(1, Told::Rests { open: 10, ahead: 100 })]);
    assert_eq!(bench.fills(trade(Sell, 99, 60)), []);
    assert_eq!(bench.ahead(1), 40);
    // The level says the same again, and counts for nothing.
    assert_eq!(bench.fills(level(Buy, 99, 40)), []);
    assert_eq!(bench.ahead(1), 40);
    assert_eq!(bench.fills(trade(Sell, 99, 44)), [(1, 4)], "the part beyond who stood ahead");
    assert_eq!(bench.fills(trade(Buy, 101, 50)), [], "the other side");
    assert_eq!(bench.fills(trade(Sell, 99, 20)), [(1, 6)], "not more than it asked for");
    assert_eq!(bench.venue.open_orders().count(), 0);
}

#[test]
fn an_order_that_comes_between_a_trade_and_its_level_counts_the_trade() {
    let mut bench = Bench::filled(QueueModel::RiskAverse);
    bench.event(trade(Sell, 99, 60));
    assert_eq!(bench.place(limit(Buy, 99, 10)), [(1, Told::Rests { open: 10, ahead: 40 })]);
}

#[test]
fn cancels_count_by_the_model() {
    for (model, ahead) in [
        (QueueModel::RiskAverse, 100),
        (QueueModel::Fifo, 100),
        // 100 ahead and 100 behind: half of the 50.
        (QueueModel::Power(1.0), 75),
        (QueueModel::Power(3.0), 75),
        (QueueModel::Log, 75),
    ] {
        let mut bench = Bench::filled(model);
        bench.place(limit(Buy, 99, 10));
        bench.event(level(Buy, 99, 200));
        bench.event(level(Buy, 99, 150));
        assert_eq!(bench.ahead(1), ahead, "{model:?}");
    }
}

#[test]
fn a_level_that_goes_leaves_us_first() {
    let mut bench = Bench::filled(QueueModel::RiskAverse);
    bench.place(limit(Sell, 101, 10));
    bench.event(level(Sell, 101, 0));
    assert_eq!(bench.ahead(1), 0);
    bench.event(level(Sell, 101, 30));
    assert_eq!(bench.ahead(1), 0, "who comes stands behind");
    assert_eq!(bench.fills(trade(Buy, 101, 3)), [(1, 3)]);
}

/// Trades come up to ten steps late.
fn late() -> Bench {
    let mut bench = Bench::with(&ReplayConfig { late_ns: 10, ..config(QueueModel::RiskAverse) });
    bench.event(level(Buy, 99, 100));
    bench.event(level(Sell, 101, 100));
    bench
}

#[test]
fn a_trade_that_is_told_after_its_level_takes_nobody_twice() {
    let mut bench = late();
    bench.place(limit(Buy, 99, 10));
    bench.event(level(Buy, 99, 30));
    assert_eq!(bench.fills(trade(Sell, 99, 50)), []);
    assert_eq!(bench.fills(trade(Sell, 99, 20)), []);
    assert_eq!(bench.ahead(1), 30);
    assert_eq!(bench.fills(trade(Sell, 99, 34)), [(1, 4)]);
    // It all went, and was told later.
    let mut bench = late();
    bench.place(limit(Buy, 99, 10));
    bench.event(level(Buy, 99, 0));
    assert_eq!(bench.fills(trade(Sell, 99, 103)), [(1, 3)], "what is beyond those who stood there");
}

#[test]
fn an_order_that_comes_between_a_level_and_its_trade_was_not_there() {
    let mut bench = late();
    bench.event(level(Buy, 99, 40));
    assert_eq!(bench.place(limit(Buy, 99, 10)), [(1, Told::Rests { open: 10, ahead: 40 })]);
    assert_eq!(bench.fills(trade(Sell, 99, 60)), []);
    assert_eq!(bench.ahead(1), 40);
    // The level had lost that before.
    assert_eq!(bench.place(limit(Buy, 99, 10)), [(2, Told::Rests { open: 10, ahead: 40 })]);
}

#[test]
fn a_trade_that_comes_later_than_that_is_another_one() {
    let mut bench = late();
    bench.place(limit(Buy, 99, 10));
    bench.event(level(Buy, 99, 0));
    bench.now += 10;
    assert_eq!(bench.fills(trade(Sell, 99, 4)), [(1, 4)]);
}

#[test]
fn own_orders_of_a_level_share_its_queue() {
    let mut bench = Bench::filled(QueueModel::RiskAverse);
    bench.place(limit(Buy, 99, 10));
    bench.event(level(Buy, 99, 120));
    bench.place(limit(Buy, 99, 10));
    assert_eq!((bench.ahead(1), bench.ahead(2)), (100, 120));
    // 100 others, 10 of the first, 20 others, and 3 of the second.
    assert_eq!(bench.fills(trade(Sell, 99, 133)), [(1, 10), (2, 3)]);
    assert_eq!(bench.fills(trade(Sell, 99, 100)), [(2, 7)]);
}

#[test]
fn own_orders_of_the_same_place_are_filled_once() {
    let mut bench = Bench::filled(QueueModel::RiskAverse);
    bench.place(limit(Buy, 99, 10));
    bench.place(limit(Buy, 99, 10));
    assert_eq!(bench.fills(trade(Sell, 99, 104)), [(1, 4)]);
    assert_eq!(bench.fills(trade(Sell, 99, 9)), [(1, 6), (2, 3)]);
}

#[test]
fn a_trade_through_the_price_fills() {
    let mut bench = Bench::filled(QueueModel::RiskAverse);
    bench.place(limit(Buy, 99, 50));
    bench.place(limit(Buy, 97, 50));
    assert_eq!(bench.fills(trade(Sell, 98, 1)), [(1, 50)]);
    assert_eq!(bench.ahead(2), 100);

    let careful = ReplayConfig { penetration: Penetration::Traded, ..config(QueueModel::Log) };
    let mut bench = Bench::with(&careful);
    bench.place(limit(Buy, 99, 50));
    bench.place(limit(Buy, 98, 50));
    assert_eq!(bench.fills(trade(Sell, 97, 60)), [(1, 50), (2, 10)], "not more than traded");
}

#[test]
fn others_who_come_to_our_price_trade_with_us() {
    let mut bench = Bench::filled(QueueModel::RiskAverse);
    bench.place(limit(Buy, 100, 50));
    assert_eq!(bench.fills(level(Sell, 100, 20)), [(1, 20)]);
    assert_eq!(bench.fills(level(Sell, 100, 15)), [], "fewer than before is nobody new");
    assert_eq!(bench.fills(level(Sell, 100, 25)), [(1, 10)]);
    assert_eq!(bench.fills(level(Sell, 99, 100)), [(1, 20)]);
}

#[test]
fn a_snapshot_moves_nobody_back_and_ends_with_what_it_shows() {
    let mut bench = Bench::filled(QueueModel::Power(1.0));
    bench.place(limit(Buy, 99, 10));
    bench.place(limit(Buy, 98, 10));
    bench.place(limit(Buy, 97, 10));
    bench.event(What::SnapshotBegins);
    assert_eq!(bench.fills(level(Sell, 96, 5)), [], "half a snapshot fills nobody");
    bench.event(level(Buy, 99, 300));
    bench.event(level(Buy, 98, 30));
    assert_eq!(bench.fills(What::SnapshotEnds), [(1, 5)], "who sells below our price");
    assert_eq!([1, 2, 3].map(|order| bench.ahead(order)), [100, 30, 0]);
}

#[test]
fn single_orders_say_exactly_where_we_stand() {
    let mut bench = Bench::new(QueueModel::Fifo);
    let added = |order, quantity| What::Added { order, side: Buy, price: 99, quantity };
    bench.event(added(7, 30));
    bench.event(added(8, 20));
    assert_eq!(bench.place(limit(Buy, 99, 10)), [(1, Told::Rests { open: 10, ahead: 50 })]);
    bench.event(added(9, 40));
    bench.event(What::Reduced { order: 9, quantity: 10 });
    assert_eq!(bench.ahead(1), 50, "behind us");
    bench.event(What::Reduced { order: 8, quantity: 5 });
    assert_eq!(bench.ahead(1), 35);
    bench.event(What::Reduced { order: 8, quantity: 99 });
    assert_eq!(bench.ahead(1), 35, "nobody grows in front of us");
    assert_eq!(bench.fills(What::Executed { order: 7, quantity: 30 }), []);
    assert_eq!(bench.ahead(1), 5);
    assert_eq!(bench.fills(What::Executed { order: 9, quantity: 4 }), [(1, 4)], "we were first");
    bench.event(What::Reduced { order: 8, quantity: 0 });
    assert_eq!(bench.ahead(1), 0);
    assert_eq!(bench.fills(What::Executed { order: 9, quantity: 6 }), [(1, 6)]);
}

#[test]
fn single_orders_in_a_snapshot_keep_their_ranks() {
    let mut bench = Bench::new(QueueModel::Fifo);
    let added = |order, quantity| What::Added { order, side: Buy, price: 99, quantity };
    bench.event(added(7, 30));
    bench.event(added(8, 20));
    bench.place(limit(Buy, 99, 10));
    bench.event(What::SnapshotBegins);
    bench.event(added(8, 15));
    bench.event(added(9, 100));
    bench.event(What::SnapshotEnds);
    assert_eq!(bench.ahead(1), 15);
}

#[test]
fn amending_keeps_the_place_only_for_less_at_the_same_price() {
    let mut bench = Bench::filled(QueueModel::RiskAverse);
    bench.place(limit(Buy, 99, 10));
    bench.event(trade(Sell, 99, 60));
    bench.event(level(Buy, 99, 140));
    assert_eq!(bench.amend(1, 99, 8), [(1, Told::Rests { open: 8, ahead: 40 })]);
    assert_eq!(bench.amend(1, 99, 9), [(1, Told::Rests { open: 9, ahead: 140 })]);
    assert_eq!(bench.amend(1, 98, 9), [(1, Told::Rests { open: 9, ahead: 100 })]);
    assert_eq!(bench.fills(trade(Sell, 98, 104)), [(1, 4)]);
    let ended = Told::Ended { reason: CancelReason::Asked, open: 5 };
    assert_eq!(bench.amend(1, 98, 4), [(1, ended)], "nothing is left of it");
    let unknown = Told::Refused(Reject::UnknownOrder(OrderId(1)));
    assert_eq!(bench.amend(1, 98, 20), [(1, unknown)]);
    assert_eq!(bench.cancel(1), [(1, unknown)]);
}
