//! What is to be done about orders that wait for others, worked out from how they are.

use std::hash::BuildHasher as _;

use foldhash::fast::FixedState;
use rustonite_core::Amount;
use rustonite_core::datasets::{OrderKind, OrderState, order_flags};

use super::ICEBERG;
use crate::journal::Journal;
use crate::ledger::Ledger;
use crate::order::{Flight, Order};
use crate::wish::OrderId;

/// On a parent, which asks nothing of a venue: it begins once its entry is filled in full, and not
/// with the first fill.
pub const WHEN_FULL: i32 = order_flags::ALL_OR_NONE;

/// Something to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Act {
    /// What a parent waits for has come, or there is more of it: this is its size now.
    Begin {
        /// The parent.
        order: OrderId,
        /// Its size.
        size: Amount,
    },
    /// A held order is to be sent.
    Release {
        /// Which.
        order: OrderId,
        /// How much of it.
        size: Amount,
    },
    /// The next slice of a parent is to be sent.
    Slice {
        /// The parent.
        parent: OrderId,
        /// How much.
        size: Amount,
    },
    /// An order is to be changed.
    Change {
        /// Which.
        order: OrderId,
        /// Its limit.
        price: Option<Amount>,
        /// Its whole size.
        size: Amount,
    },
    /// An order is to end.
    End {
        /// Which.
        order: OrderId,
        /// Why.
        reason: &'static str,
    },
}

/// Whether an order waits for something here, or others wait for it.
pub fn is_concerned<J: Journal>(ledger: &Ledger<J>, order: &Order) -> bool {
    const OURS: i32 = order_flags::EMULATED | order_flags::LOCAL_EXPIRY;
    order.link.parent.is_some()
        || order.is_split()
        || order.wish.flags & OURS != 0
        || ledger.children(order.id).next().is_some()
}

/// Whether an order is free to wait for its own price: it is alone, or its parent has begun.
pub(super) fn may_begin<J: Journal>(ledger: &Ledger<J>, order: &Order) -> bool {
    let Some(parent) = order.link.parent else { return true };
    ledger.order(parent).is_some_and(|parent| {
        parent.state == OrderState::Held && (parent.link.parent.is_none() || parent.facts.triggered)
    })
}

/// What is to be done now that an order is as it is. Done acts lead to the next ones.
pub fn acts<J: Journal>(ledger: &Ledger<J>, id: OrderId) -> Vec<Act> {
    let mut acts = Vec::new();
    let Some(order) = ledger.order(id) else { return acts };
    alone(ledger, order, &mut acts);
    let parent = order.link.parent.and_then(|parent| ledger.order(parent));
    let children = ledger.children(id);
    for group in [parent, Some(order)].into_iter().flatten().chain(children) {
        if group.is_split() {
            Group { ledger, parent: group, acts: &mut acts }.work();
        }
    }
    acts
}

/// An order without a parent, or of which the parent was never written down.
fn alone<J: Journal>(ledger: &Ledger<J>, order: &Order, acts: &mut Vec<Act>) {
    if !order.is_held() || order.is_split() {
        return;
    }
    match order.link.parent {
        // Children come first: without their parent the process ended in between.
        Some(parent) if ledger.order(parent).is_none() => {
            acts.push(Act::End { order: order.id, reason: "parent_unknown" });
        }
        None if order.facts.triggered || order.state == OrderState::Released => {
            acts.push(Act::Release { order: order.id, size: order.wish.size });
        }
        _ => {}
    }
}

/// A parent and its children.
struct Group<'a, J> {
    ledger: &'a Ledger<J>,
    parent: &'a Order,
    acts: &'a mut Vec<Act>,
}

impl<'a, J: Journal> Group<'a, J> {
    fn work(mut self) {
        if self.parent.is_final() {
            return self.open().into_iter().for_each(|child| self.end(child, "parent_ended"));
        }
        if !self.has_begun() {
            return;
        }
        if self.parent.link.algo.as_deref() == Some(ICEBERG) {
            self.slice();
        } else {
            self.pair();
        }
    }

    /// Children; a parent that waits for this one is none of them.
    fn children(&self) -> Vec<&'a Order> {
        self.ledger.children(self.parent.id).filter(|child| !child.is_split()).collect()
    }

    fn open(&self) -> Vec<&'a Order> {
        let mut open = self.children();
        open.retain(|child| !child.is_final());
        open
    }

    /// Whether what the parent waits for has come, in the size that the parent has.
    fn has_begun(&mut self) -> bool {
        let (parent, has_begun) = (self.parent, self.parent.facts.triggered);
        let Some(entry) = parent.link.parent else {
            return has_begun || parent.wish.trigger.is_none();
        };
        let Some(entry) = self.ledger.order(entry) else {
            // Ended long ago and forgotten, or never written down.
            if !has_begun {
                self.end(parent, "parent_unknown");
            }
            return has_begun;
        };
        let filled = entry.size_filled;
        if filled <= Amount::ZERO {
            if entry.is_final() {
                self.end(parent, "parent_ended");
            }
            return false;
        }
        let waits = parent.wish.flags & WHEN_FULL != 0 && !entry.is_final();
        if waits && !has_begun {
            return false;
        }
        if !has_begun || parent.wish.size != filled {
            self.acts.push(Act::Begin { order: parent.id, size: filled });
            return false;
        }
        let exits = parent.size_filled > Amount::ZERO
            || self.open().iter().any(|child| child.facts.triggered);
        if exits && !entry.is_final() {
            self.end(entry, "exit_began");
        }
        true
    }

    // One of several

    fn pair(&mut self) {
        let (left, open) = (self.parent.size_left(), self.open());
        if open.is_empty() {
            return self.end(self.parent, "children_ended");
        }
        if let Some(triggered) = open.iter().find(|child| child.facts.triggered) {
            return self.go_with(triggered, &open, left);
        }
        let ended = [OrderState::Cancelled, OrderState::Expired];
        if self.children().iter().any(|child| ended.contains(&child.state)) {
            return self.end(self.parent, "child_ended");
        }
        for child in open {
            let waits = child.wish.trigger.is_some() && child.state == OrderState::Held;
            if waits && child.wish.size != left {
                self.change(child, child.wish.price, left);
            } else if !waits && child.is_held() {
                self.acts.push(Act::Release { order: child.id, size: left });
            } else if !waits {
                self.fit(child, left);
            }
        }
    }

    /// One was triggered. What others may still fill has to be known before it is sent, so that both
    /// together fill no more than one.
    fn go_with(&mut self, triggered: &Order, open: &[&'a Order], left: Amount) {
        let others = open.iter().filter(|child| child.id != triggered.id);
        let (waiting, sent): (Vec<&Order>, Vec<&Order>) = others.partition(|child| child.is_held());
        sent.iter().for_each(|child| self.end(child, "other_triggered"));
        if !triggered.is_held() {
            waiting.iter().for_each(|child| self.end(child, "other_triggered"));
            self.fit(triggered, left);
        } else if sent.is_empty() {
            self.acts.push(Act::Release { order: triggered.id, size: left });
        }
    }

    /// Gives an order at the venue the size that is left.
    fn fit(&mut self, child: &Order, left: Amount) {
        let whole = child.size_filled + left;
        if child.wish.kind_sent() == OrderKind::Limit && is_quiet(child) && child.wish.size != whole
        {
            self.change(child, child.wish.price, whole);
        }
    }

    // One after the other

    fn slice(&mut self) {
        let parent = self.parent;
        let left = parent.size_left();
        let children = self.children();
        let open = children.iter().find(|child| !child.is_final());
        if let Some(child) = open {
            let size = child.wish.size.min(child.size_filled + left);
            let differs = (child.wish.price, child.wish.size) != (parent.wish.price, size);
            if is_quiet(child) && differs {
                self.change(child, parent.wish.price, size);
            }
            return;
        }
        match children.last().map(|child| child.state) {
            None | Some(OrderState::Filled) => {
                let size = self.shown(left);
                self.acts.push(Act::Slice { parent: parent.id, size });
            }
            Some(_) => self.end(parent, "child_ended"),
        }
    }

    /// The size of the next slice: the shown part, or by chance down to half of it. The chance is
    /// drawn from what the journal knows, so that a restart draws the same.
    fn shown(&self, left: Amount) -> Amount {
        let wish = &self.parent.wish;
        let display = wish.size_display.unwrap_or(left);
        let lot = self.ledger.directory().listed(wish.instrument).map_or(1, |one| one.lot.0).max(1);
        let lots = display.0 / lot;
        if wish.flags & order_flags::DISPLAY_RANDOM == 0 || lots < 2 {
            return display.min(left);
        }
        let drawn = (self.parent.id, self.parent.size_filled);
        let drawn = i128::from(FixedState::with_seed(0).hash_one(drawn));
        let least = lots - lots / 2;
        Amount((least + drawn % (lots - least + 1)) * lot).min(left)
    }

    // Acts

    fn change(&mut self, order: &Order, price: Option<Amount>, size: Amount) {
        self.acts.push(Act::Change { order: order.id, price, size });
    }

    fn end(&mut self, order: &Order, reason: &'static str) {
        if order.facts.cancel == Flight::Settled {
            self.acts.push(Act::End { order: order.id, reason });
        }
    }
}

/// Nothing about the order is in flight or in doubt.
fn is_quiet(order: &Order) -> bool {
    let flights = [order.facts.submit, order.facts.cancel];
    flights.iter().all(|flight| *flight == Flight::Settled)
        && order.changes.is_empty()
        && order.state != OrderState::Unknown
}
