use proptest::prelude::*;
use rustonite_core::Decimal;
use rustonite_core::datasets::{BookSide, OrderAction};

use super::{L3Book, OrderChange, OrderEvent};
use crate::OrderId;

fn decimal(text: &str) -> Decimal {
    text.parse().expect("a decimal")
}

fn number(id: i64) -> OrderId {
    OrderId::Number(id)
}

fn text(id: &str) -> OrderId {
    OrderId::of(&rustonite_wire::Order { order_uid: Some(id), ..Default::default() })
        .expect("an id")
}

/// Id, price and size of the orders of a side.
fn orders(book: &L3Book, side: BookSide) -> Vec<(OrderId, String, String)> {
    let shown = |order: super::RestingOrder<'_>| {
        (order.id.clone(), order.price.to_string(), order.size.to_string())
    };
    book.orders(side).map(shown).collect()
}

fn ids(book: &L3Book, side: BookSide) -> Vec<i64> {
    book.orders(side).filter_map(|order| order.id.number()).collect()
}

#[derive(Clone, Debug, PartialEq)]
struct Entry {
    id: OrderId,
    side: BookSide,
    price: Decimal,
    size: Decimal,
    ts_order: Option<i64>,
}

/// What a book must be: all orders, the ones that came first before the others.
#[derive(Default)]
struct Model(Vec<Entry>);

impl Model {
    fn apply(&mut self, event: &OrderEvent) -> OrderChange {
        let id = event.id.clone().expect("an id");
        let place = self.0.iter().position(|entry| entry.id == id);
        let Some(place) = place else {
            if event.action != OrderAction::Add {
                return OrderChange::Absent;
            }
            let (side, price) = (event.side.expect("a side"), event.price.expect("a price"));
            let (size, ts_order) = (event.size.expect("a size"), event.ts_order);
            self.0.push(Entry { id, side, price, size, ts_order });
            return OrderChange::Added;
        };
        let before = self.0[place].clone();
        let mut after = before.clone();
        match event.action {
            OrderAction::Add | OrderAction::Modify => {
                after.price = event.price.unwrap_or(before.price);
                after.size = event.size.unwrap_or(before.size);
                after.side = event.side.unwrap_or(before.side);
                after.ts_order = event.ts_order.or(before.ts_order);
            }
            OrderAction::Fill => {
                let filled = event.size_filled.expect("a fill").mantissa();
                after.size = Decimal::new(before.size.mantissa() - filled, -1).expect("small");
            }
            _ => after.size = Decimal::ZERO,
        }
        if after.size.mantissa() <= 0 {
            self.0.remove(place);
            return OrderChange::Removed;
        }
        let later = match (event.ts_order, before.ts_order) {
            (Some(now), Some(then)) => now != then,
            _ => after.size > before.size,
        };
        let changed = event.action != OrderAction::Fill;
        let moved = changed && later || after.price != before.price || after.side != before.side;
        if moved {
            self.0.remove(place);
            self.0.push(after);
        } else {
            // The price keeps the digits with which it was first sent.
            self.0[place] = Entry { price: before.price, ..after };
        }
        OrderChange::Changed
    }

    fn orders(&self, side: BookSide) -> Vec<Entry> {
        let mut orders: Vec<_> =
            self.0.iter().filter(|entry| entry.side == side).cloned().collect();
        // Stable, so first come stays first.
        match side {
            BookSide::Bid => orders.sort_by_key(|entry| std::cmp::Reverse(entry.price)),
            BookSide::Ask => orders.sort_by_key(|entry| entry.price),
        }
        orders
    }

    fn levels(&self, side: BookSide) -> Vec<(Decimal, i128, u32)> {
        let mut levels: Vec<(Decimal, i128, u32)> = Vec::new();
        for order in self.orders(side) {
            let size = order.size.to_scale(1).expect("one decimal");
            match levels.last_mut() {
                Some((price, total, count)) if *price == order.price => {
                    *total += size;
                    *count += 1;
                }
                _ => levels.push((order.price, size, 1)),
            }
        }
        levels
    }
}

fn check(book: &L3Book, model: &Model) -> Result<(), TestCaseError> {
    prop_assert_eq!(book.count(), model.0.len());
    for side in [BookSide::Bid, BookSide::Ask] {
        let expected = model.orders(side).into_iter();
        let expected: Vec<_> =
            expected.map(|e| (e.id, e.price.to_string(), e.size.to_string())).collect();
        prop_assert_eq!(orders(book, side), expected);
        let levels = book.levels(side);
        let levels: Vec<_> = levels
            .map(|level| (level.price, level.size.to_scale(1).expect("one decimal"), level.count))
            .collect();
        prop_assert_eq!(&levels, &model.levels(side));
        prop_assert_eq!(book.best(side).map(|level| level.price), levels.first().map(|l| l.0));
        prop_assert_eq!(book.len(side), levels.len());
    }
    Ok(())
}

fn events() -> impl Strategy<Value = Vec<OrderEvent>> {
    let id = prop_oneof![
        (0..12_i64).prop_map(OrderId::Number),
        (0..6_u8).prop_map(|n| text(&format!("order-{n}"))),
        (0..2_u8).prop_map(|n| text(&format!("{n}").repeat(60))),
    ];
    let action = prop_oneof![
        4 => Just(OrderAction::Add), 2 => Just(OrderAction::Modify),
        2 => Just(OrderAction::Remove), 2 => Just(OrderAction::Fill),
    ];
    let side = prop_oneof![Just(BookSide::Bid), Just(BookSide::Ask)];
    let price = (-4..12_i128, -1..1_i32)
        .prop_map(|(mantissa, exponent)| Decimal::new(mantissa, exponent).expect("small"));
    let size = (1..30_i128).prop_map(|tenths| Decimal::new(tenths, -1).expect("small"));
    let time = prop::option::weighted(0.5, 0..4_i64);
    let event = (id, action, side, price, size.clone(), size, time, any::<bool>());
    let event = event.prop_map(|(id, action, side, price, size, filled, ts_order, whole)| {
        let whole = whole || action == OrderAction::Add;
        let fill = action == OrderAction::Fill;
        OrderEvent {
            action,
            id: Some(id),
            side: whole.then_some(side),
            price: whole.then_some(price),
            size: (!fill).then_some(size),
            size_filled: fill.then_some(filled),
            ts_order,
        }
    });
    prop::collection::vec(event, 1..300)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn is_what_the_model_is(events in events()) {
        let (mut book, mut model) = (L3Book::new(), Model::default());
        for event in &events {
            prop_assert_eq!(book.apply(event), Ok(model.apply(event)));
            check(&book, &model)?;
        }
    }

    #[test]
    fn truncation_takes_whole_levels(events in events(), depth in 0..8_usize) {
        let (mut book, mut model) = (L3Book::new(), Model::default());
        for event in &events {
            prop_assert_eq!(book.apply(event), Ok(model.apply(event)));
        }
        let mut fell = Vec::new();
        book.truncate(depth, |order| fell.push(order.id.clone()));
        for side in [BookSide::Bid, BookSide::Ask] {
            let kept: Vec<_> = model.levels(side).into_iter().take(depth).map(|l| l.0).collect();
            let gone = |entry: &Entry| entry.side == side && !kept.contains(&entry.price);
            let expected = model.0.iter().filter(|entry| gone(entry)).count();
            let before = model.0.len();
            model.0.retain(|entry| !gone(entry));
            prop_assert_eq!(before - model.0.len(), expected);
        }
        prop_assert!(fell.iter().all(|id| book.order(id).is_none()));
        check(&book, &model)?;
    }
}

fn three() -> L3Book {
    let mut book = L3Book::new();
    for id in 1..=3 {
        book.add(number(id), BookSide::Bid, decimal("10.0"), decimal("1"), None).expect("an order");
    }
    book
}

fn event(action: OrderAction) -> OrderEvent {
    let (side, id, price, size) = (None, None, None, None);
    OrderEvent { action, side, id, price, size, size_filled: None, ts_order: None }
}

fn modify(book: &mut L3Book, price: &str, size: &str) {
    let (id, price, size) = (Some(number(1)), Some(decimal(price)), Some(decimal(size)));
    let event = OrderEvent { id, price, size, ..event(OrderAction::Modify) };
    assert_eq!(book.apply(&event), Ok(OrderChange::Changed));
}

#[test]
fn a_smaller_order_keeps_its_place_and_a_larger_one_does_not() {
    let mut book = three();
    modify(&mut book, "10", "0.5");
    assert_eq!(ids(&book, BookSide::Bid), [1, 2, 3]);
    modify(&mut book, "10", "2");
    assert_eq!(ids(&book, BookSide::Bid), [2, 3, 1]);
    assert_eq!(book.best(BookSide::Bid).map(|level| level.size), Some(decimal("4")));
}

#[test]
fn another_price_costs_the_place() {
    let mut book = three();
    modify(&mut book, "11", "1");
    modify(&mut book, "10", "1");
    assert_eq!(ids(&book, BookSide::Bid), [2, 3, 1]);
}

#[test]
fn a_whole_fill_removes() {
    let mut book = three();
    assert_eq!(book.fill(&number(2), decimal("0.25")), Ok(OrderChange::Changed));
    assert_eq!(book.order(&number(2)).map(|order| order.size), Some(decimal("0.75")));
    assert_eq!(book.fill(&number(2), decimal("0.75")), Ok(OrderChange::Removed));
    assert_eq!(book.fill(&number(2), decimal("0.75")), Ok(OrderChange::Absent));
    assert_eq!(ids(&book, BookSide::Bid), [1, 3]);
}

#[test]
fn events_that_do_not_rest_change_nothing() {
    let mut book = three();
    for action in [OrderAction::Received, OrderAction::Activate, OrderAction::HiddenFill] {
        assert_eq!(book.apply(&event(action)), Ok(OrderChange::Nothing));
    }
    assert!(book.apply(&event(OrderAction::Remove)).is_err());
    assert_eq!(book.count(), 3);
    let side = Some(BookSide::Ask);
    book.apply(&OrderEvent { side, ..event(OrderAction::Clear) }).expect("nothing to clear");
    assert_eq!(book.count(), 3);
    book.apply(&event(OrderAction::Clear)).expect("three orders");
    assert!(book.is_empty());
}
