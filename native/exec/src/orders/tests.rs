use rustonite_core::Amount;
use rustonite_core::datasets::OrderState;

use super::*;
use crate::gateway::testing::wish;
use crate::order::Link;
use crate::wish::Wish;

const UNIT: Amount = Amount(10_i128.pow(18));

fn order(id: i64, group: Option<i64>, state: OrderState) -> Order {
    let wish = Wish { size: UNIT, ..wish() };
    let link = Link { group, ..Link::default() };
    Order { state, ..Order::new(OrderId(id), wish, link, id.to_string().into()) }
}

fn ids<'a>(orders: impl Iterator<Item = &'a Order>) -> Vec<i64> {
    orders.map(|order| order.id.0).collect()
}

#[test]
fn of_many_that_are_remembered_only_those_are_looked_at_that_matter() {
    let mut orders = Orders::default();
    for id in 1..=1_000 {
        orders.add(order(id, Some(id / 2), OrderState::Cancelled));
    }
    orders.add(order(1_001, None, OrderState::Accepted));
    assert_eq!(ids(orders.open_or_lacking()), [1_001]);
    // The venue tells of a fill that has not come, and then it comes.
    let mut lacks = orders.take(OrderId(7)).unwrap();
    lacks.size_announced = UNIT;
    orders.put(lacks);
    assert_eq!(ids(orders.open_or_lacking()), [1_001, 7]);
    let mut filled = orders.take(OrderId(7)).unwrap();
    filled.size_filled = UNIT;
    orders.put(filled);
    assert_eq!(ids(orders.open_or_lacking()), [1_001]);
    assert_eq!(ids(orders.group(3)), [6, 7]);
}

#[test]
fn what_is_forgotten_is_in_no_list() {
    let mut orders = Orders::default();
    let mut lacks = order(1, Some(5), OrderState::Cancelled);
    lacks.size_announced = UNIT;
    orders.add(lacks);
    orders.add(order(2, Some(5), OrderState::Accepted));
    assert_eq!(ids(orders.group(5)), [1, 2]);
    assert_eq!(orders.forget(1), 1);
    assert_eq!(ids(orders.group(5)), [2]);
    assert_eq!(ids(orders.open_or_lacking()), [2]);
}
