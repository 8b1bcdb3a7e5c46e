//! What a keeper needs of a book, of either sort.

use std::fmt::Debug;

use rustonite_core::Decimal;
use rustonite_core::datasets::{BookSide, OrderAction};
use rustonite_wire::Level;

use crate::rules::Unknown;
use crate::{BookError, Change, Checksum, L2Book, L3Book, OrderChange, OrderEvent, OrderId};

/// Why a change cannot be right, or cannot be kept.
#[derive(Clone, Debug, PartialEq)]
pub enum Trouble {
    /// A level to remove is not there.
    Level {
        /// Its side.
        side: BookSide,
        /// Its price.
        price: Decimal,
    },
    /// An order to change is not there.
    Order(OrderId),
    /// The book cannot hold it.
    Unfit(BookError),
}

/// A book that can be kept. Implemented here for [`L2Book`] and [`L3Book`].
pub trait Kept: Default + Debug {
    /// What a message has many of.
    type Item: Clone + Debug;

    /// Empties the book.
    fn reset(&mut self);

    /// Applies an item.
    ///
    /// # Errors
    /// It does not fit the book, or by the rules should not have been sent.
    fn put(&mut self, item: &Self::Item, unknown: Unknown, picture: bool) -> Result<(), Trouble>;

    /// Removes what is beyond a depth, and appends it to `cut` as it was.
    fn cut(&mut self, depth: usize, cut: &mut Vec<Self::Item>);

    /// Whether the best bid is at or above the best ask.
    fn is_crossed(&self) -> bool;

    /// The checksum, written down in `text` on the way.
    fn sum(&self, rule: Checksum, text: &mut String) -> i64;
}

impl Kept for L2Book {
    type Item = Level;

    fn reset(&mut self) {
        self.clear();
    }

    #[inline]
    fn put(&mut self, level: &Level, unknown: Unknown, picture: bool) -> Result<(), Trouble> {
        match self.set(level) {
            Ok(Change::Absent) if unknown == Unknown::Error && !picture => {
                Err(Trouble::Level { side: level.side, price: level.price })
            }
            Ok(_) => Ok(()),
            Err(error) => Err(Trouble::Unfit(error)),
        }
    }

    fn cut(&mut self, depth: usize, cut: &mut Vec<Level>) {
        self.truncate(depth, |level| cut.push(level));
    }

    #[inline]
    fn is_crossed(&self) -> bool {
        self.crossed()
    }

    fn sum(&self, rule: Checksum, text: &mut String) -> i64 {
        rule.of_levels(self, text)
    }
}

impl Kept for L3Book {
    type Item = OrderEvent;

    fn reset(&mut self) {
        self.clear();
    }

    fn put(&mut self, event: &OrderEvent, unknown: Unknown, picture: bool) -> Result<(), Trouble> {
        let change = self.apply(event).map_err(Trouble::Unfit)?;
        match &event.id {
            Some(id) if change == OrderChange::Absent && unknown == Unknown::Error && !picture => {
                Err(Trouble::Order(id.clone()))
            }
            _ => Ok(()),
        }
    }

    fn cut(&mut self, depth: usize, cut: &mut Vec<OrderEvent>) {
        self.truncate(depth, |order| {
            cut.push(OrderEvent {
                action: OrderAction::Remove,
                side: Some(order.side),
                id: Some(order.id.clone()),
                price: Some(order.price),
                size: Some(order.size),
                size_filled: None,
                ts_order: order.ts_order,
            });
        });
    }

    fn is_crossed(&self) -> bool {
        self.crossed()
    }

    fn sum(&self, rule: Checksum, text: &mut String) -> i64 {
        rule.of_orders(self, text)
    }
}
