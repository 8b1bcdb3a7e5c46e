//! Another order book judges ours: the same orders have the same fills.

#![allow(clippy::unwrap_used, reason = "a test may fail")]

mod common;

use common::{SPOT, funded, market, order};
use lobster::{OrderBook, OrderEvent, OrderType};
use proptest::prelude::*;
use rustonite_sim::{Command, Event, OrderId, Side};

/// Number of the order that came, of the one that rested, price and lots.
type Fill = (u128, u128, u64, u64);

fn theirs(book: &mut OrderBook, id: u128, order: OrderType) -> Vec<Fill> {
    match book.execute(order) {
        OrderEvent::PartiallyFilled { fills, .. } | OrderEvent::Filled { fills, .. } => {
            fills.iter().map(|fill| (id, fill.order_2, fill.price, fill.qty)).collect()
        }
        _ => Vec::new(),
    }
}

fn ours(events: &[Event]) -> Vec<Fill> {
    let of = |event: &Event| match *event {
        Event::Trade { taker, maker, price, quantity, .. } => Some((
            u128::from(taker.0),
            u128::from(maker.0),
            price.unsigned_abs(),
            quantity.unsigned_abs(),
        )),
        _ => None,
    };
    events.iter().filter_map(of).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(300) })]

    #[test]
    fn fills_are_those_of_another_book(
        steps in prop::collection::vec((0..10_u8, any::<bool>(), 90..111_i64, 1..50_i64), 1..300),
    ) {
        let (mut exchange, mut book) = (funded(), OrderBook::new(1_000, 10, false));
        let mut id = 0;
        for (kind, buys, price, lots) in steps {
            let mut events = Vec::new();
            let (side, other) = if buys {
                (Side::Buy, lobster::Side::Bid)
            } else {
                (Side::Sell, lobster::Side::Ask)
            };
            if kind < 3 {
                let old = id - id.min(lots.unsigned_abs() - 1);
                let cancel = Command::Cancel { account: 0, order: OrderId(old) };
                let _ = exchange.apply(0, &cancel, &mut events);
                book.execute(OrderType::Cancel { id: u128::from(old) });
                continue;
            }
            id += 1;
            let (number, qty) = (u128::from(id), lots.unsigned_abs());
            let (new, theirs_order) = if kind == 3 {
                (market(0, side, lots), OrderType::Market { id: number, side: other, qty })
            } else {
                let price_there = price.unsigned_abs();
                let there = OrderType::Limit { id: number, side: other, qty, price: price_there };
                (order(0, side, price, lots), there)
            };
            exchange.apply(0, &Command::Place(new), &mut events).unwrap();
            prop_assert_eq!(ours(&events), theirs(&mut book, number, theirs_order));
        }
        let depth = book.depth(1_000);
        // Theirs begin with the lowest price on both sides.
        for (side, levels) in [(Side::Buy, depth.bids), (Side::Sell, depth.asks)] {
            let mut here: Vec<_> = exchange.levels(SPOT, side).collect();
            here.sort_unstable();
            let there = levels.iter().filter(|level| level.qty > 0);
            let there = there.map(|level| (level.price.cast_signed(), level.qty.cast_signed()));
            prop_assert_eq!(here, there.collect::<Vec<_>>());
        }
    }
}
