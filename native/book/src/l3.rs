//! Books of single orders.

use std::collections::HashMap;

use foldhash::fast::RandomState;
use rustonite_core::Decimal;
use rustonite_core::datasets::{BookSide, OrderAction};
use rustonite_wire::Order;

use crate::grid::Grid;
use crate::l2::{rank, rescale};
use crate::ladder::Ladder;
use crate::{BookError, OrderId};

#[cfg(test)]
mod tests;

/// Ends a list of orders.
const NONE: u32 = u32::MAX;

/// What happens to one order, owned: what a book needs of [`Order`].
#[derive(Clone, Debug, PartialEq)]
pub struct OrderEvent {
    /// What happens.
    pub action: OrderAction,
    /// Side, where the venue says.
    pub side: Option<BookSide>,
    /// The order's id.
    pub id: Option<OrderId>,
    /// Price after the event.
    pub price: Option<Decimal>,
    /// Quantity left after the event.
    pub size: Option<Decimal>,
    /// Quantity executed.
    pub size_filled: Option<Decimal>,
    /// When the order took its place in the queue.
    pub ts_order: Option<i64>,
}

impl From<&Order<'_>> for OrderEvent {
    fn from(order: &Order<'_>) -> Self {
        Self {
            action: order.action,
            side: order.side,
            id: OrderId::of(order),
            price: order.price,
            size: order.size,
            size_filled: order.size_filled,
            ts_order: order.ts_order,
        }
    }
}

/// What an event did to a book.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OrderChange {
    /// The order rests in the book now, and did not before.
    Added,
    /// The order was there and has another price, size or place.
    Changed,
    /// The order is gone.
    Removed,
    /// The event concerns an order that the book does not hold.
    Absent,
    /// The event does not concern what rests.
    Nothing,
}

/// An order that rests.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RestingOrder<'a> {
    /// The order's id.
    pub id: &'a OrderId,
    /// Its side.
    pub side: BookSide,
    /// Its price, with the digits that the venue sent.
    pub price: Decimal,
    /// Quantity left.
    pub size: Decimal,
    /// When it took its place in the queue, where the venue says.
    pub ts_order: Option<i64>,
}

/// All orders at a price.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct OrderLevel {
    /// Side of the book.
    pub side: BookSide,
    /// The price, with the digits of the first order.
    pub price: Decimal,
    /// Sum of the quantities.
    pub size: Decimal,
    /// How many orders there are.
    pub count: u32,
}

#[derive(Clone, Debug)]
struct Node {
    id: OrderId,
    side: BookSide,
    ticks: i128,
    price_exponent: i32,
    size: Decimal,
    ts_order: Option<i64>,
    previous: u32,
    next: u32,
}

/// The orders at a price, first come first.
#[derive(Clone, Copy, Debug)]
struct Queue {
    first: u32,
    last: u32,
    count: u32,
    total: Decimal,
}

impl Default for Queue {
    fn default() -> Self {
        Self { first: NONE, last: NONE, count: 0, total: Decimal::ZERO }
    }
}

/// An order-by-order book: for each side, queues of orders by price.
#[derive(Clone, Debug)]
pub struct L3Book {
    grid: Grid,
    sides: [Ladder<Queue>; 2],
    nodes: Vec<Node>,
    free: Vec<u32>,
    places: HashMap<OrderId, u32, RandomState>,
}

impl Default for L3Book {
    fn default() -> Self {
        Self::new()
    }
}

impl L3Book {
    /// An empty book, which finds its tick by itself.
    pub fn new() -> Self {
        Self {
            grid: Grid::new(),
            sides: [Ladder::new(), Ladder::new()],
            nodes: Vec::new(),
            free: Vec::new(),
            places: HashMap::default(),
        }
    }

    /// Puts an order at the end of the queue at its price. One with the same id is replaced.
    ///
    /// # Errors
    /// [`BookError::Price`] or [`BookError::Size`]; the book does not hold the order then.
    pub fn add(
        &mut self,
        id: OrderId,
        side: BookSide,
        price: Decimal,
        size: Decimal,
        ts_order: Option<i64>,
    ) -> Result<OrderChange, BookError> {
        let replaced = self.remove(&id);
        let ticks = match self.grid.ticks(price) {
            Some(ticks) => ticks,
            None => self.unusual(price)?,
        };
        let node = Node {
            id,
            side,
            ticks,
            price_exponent: price.exponent(),
            size,
            ts_order,
            previous: NONE,
            next: NONE,
        };
        self.enqueue(node)?;
        Ok(if replaced { OrderChange::Changed } else { OrderChange::Added })
    }

    /// Takes an order out; whether it was there.
    pub fn remove(&mut self, id: &OrderId) -> bool {
        let Some(place) = self.places.remove(id) else { return false };
        self.unlink(place);
        self.free.push(place);
        true
    }

    /// Takes a quantity off an order, which leaves the book if nothing is left.
    ///
    /// # Errors
    /// [`BookError::Size`] if the difference has too many digits.
    pub fn fill(&mut self, id: &OrderId, filled: Decimal) -> Result<OrderChange, BookError> {
        let Some(place) = self.places.get(id).copied() else { return Ok(OrderChange::Absent) };
        let left = difference(self.nodes[place as usize].size, filled)?;
        self.set_left(id, place, left)
    }

    /// Removes all orders.
    pub fn clear(&mut self) {
        self.sides.iter_mut().for_each(Ladder::clear);
        self.nodes.clear();
        self.free.clear();
        self.places.clear();
    }

    /// Removes the orders of a side.
    pub fn clear_side(&mut self, side: BookSide) {
        while self.pop_worst_level(side, |_| {}) {}
    }

    /// Does what an event says. An order with a known time of its place in the queue goes to the end
    /// when that time changes; otherwise when its size grows, as it does on every venue.
    ///
    /// # Errors
    /// As [`Self::add`], and [`BookError::Incomplete`].
    pub fn apply(&mut self, event: &OrderEvent) -> Result<OrderChange, BookError> {
        match event.action {
            OrderAction::Clear => {
                match event.side {
                    Some(side) => self.clear_side(side),
                    None => self.clear(),
                }
                return Ok(OrderChange::Removed);
            }
            OrderAction::Add | OrderAction::Modify | OrderAction::Remove | OrderAction::Fill => {}
            _ => return Ok(OrderChange::Nothing),
        }
        let id = event.id.as_ref().ok_or(BookError::Incomplete("id"))?;
        let place = self.places.get(id).copied();
        match (event.action, place) {
            (OrderAction::Add, None) => self.insert(event),
            (_, None) => Ok(OrderChange::Absent),
            (OrderAction::Add | OrderAction::Modify, Some(place)) => self.change(id, place, event),
            (OrderAction::Fill, Some(place)) => match (event.size, event.size_filled) {
                (Some(left), _) => self.set_left(id, place, left),
                (None, Some(filled)) => self.fill(id, filled),
                (None, None) => Err(BookError::Incomplete("size")),
            },
            _ => {
                self.remove(id);
                Ok(OrderChange::Removed)
            }
        }
    }

    /// Puts in the order of an event that names all of it.
    ///
    /// # Errors
    /// As [`Self::apply`].
    fn insert(&mut self, event: &OrderEvent) -> Result<OrderChange, BookError> {
        let id = event.id.clone().ok_or(BookError::Incomplete("id"))?;
        let side = event.side.ok_or(BookError::Incomplete("side"))?;
        let price = event.price.ok_or(BookError::Incomplete("price"))?;
        let size = event.size.ok_or(BookError::Incomplete("size"))?;
        self.add(id, side, price, size, event.ts_order)
    }

    /// The order with an id.
    pub fn order(&self, id: &OrderId) -> Option<RestingOrder<'_>> {
        self.places.get(id).map(|place| self.resting(*place))
    }

    /// The best level of a side.
    pub fn best(&self, side: BookSide) -> Option<OrderLevel> {
        self.sides[side as usize].best().map(|(_, queue)| self.level(side, queue))
    }

    /// Levels of a side, best first.
    pub fn levels(&self, side: BookSide) -> impl Iterator<Item = OrderLevel> {
        self.sides[side as usize].iter().map(move |(_, queue)| self.level(side, queue))
    }

    /// Orders of a side: best price first, and first come first at a price.
    pub fn orders(&self, side: BookSide) -> impl Iterator<Item = RestingOrder<'_>> {
        self.queues(side).flatten()
    }

    /// The orders of each level, best level first.
    pub fn queues(
        &self,
        side: BookSide,
    ) -> impl Iterator<Item = impl Iterator<Item = RestingOrder<'_>>> {
        self.sides[side as usize].iter().map(move |(_, queue)| self.queue(queue))
    }

    /// How many levels a side has.
    pub fn len(&self, side: BookSide) -> usize {
        self.sides[side as usize].len()
    }

    /// How many orders there are.
    pub fn count(&self) -> usize {
        self.places.len()
    }

    /// Whether there is no order.
    pub fn is_empty(&self) -> bool {
        self.places.is_empty()
    }

    /// Whether the best bid is at or above the best ask.
    pub fn crossed(&self) -> bool {
        let [bids, asks] = &self.sides;
        matches!((bids.best_rank(), asks.best_rank()), (Some(bid), Some(ask)) if ask <= -bid)
    }

    /// Removes the orders of the worst levels of each side beyond `depth`, and tells of each.
    pub fn truncate(&mut self, depth: usize, mut fell: impl FnMut(RestingOrder<'_>)) {
        for side in [BookSide::Bid, BookSide::Ask] {
            while self.len(side) > depth && self.pop_worst_level(side, &mut fell) {}
        }
    }

    fn change(
        &mut self,
        id: &OrderId,
        place: u32,
        event: &OrderEvent,
    ) -> Result<OrderChange, BookError> {
        let node = &self.nodes[place as usize];
        let price = event.price.unwrap_or_else(|| self.price_of(node));
        let size = event.size.unwrap_or(node.size);
        let side = event.side.unwrap_or(node.side);
        if size.is_zero() {
            self.remove(id);
            return Ok(OrderChange::Removed);
        }
        let moved = match (event.ts_order, node.ts_order) {
            (Some(now), Some(before)) => now != before,
            _ => size > node.size,
        };
        let ts_order = event.ts_order.or(node.ts_order);
        if moved || side != node.side || self.price_of(node) != price {
            return self.add(id.clone(), side, price, size, ts_order);
        }
        self.resize(place, size)?;
        self.nodes[place as usize].ts_order = ts_order;
        Ok(OrderChange::Changed)
    }

    fn set_left(
        &mut self,
        id: &OrderId,
        place: u32,
        left: Decimal,
    ) -> Result<OrderChange, BookError> {
        if left.mantissa() <= 0 {
            self.remove(id);
            return Ok(OrderChange::Removed);
        }
        self.resize(place, left)?;
        Ok(OrderChange::Changed)
    }

    fn resize(&mut self, place: u32, size: Decimal) -> Result<(), BookError> {
        let node = &mut self.nodes[place as usize];
        let rank = rank(node.side, node.ticks);
        if let Some(queue) = self.sides[node.side as usize].get_mut(rank) {
            queue.total = sum(difference(queue.total, node.size)?, size)?;
        }
        node.size = size;
        Ok(())
    }

    fn enqueue(&mut self, mut node: Node) -> Result<(), BookError> {
        let rank = rank(node.side, node.ticks);
        let side = &mut self.sides[node.side as usize];
        let mut queue = side.get(rank).copied().unwrap_or_default();
        queue.total = sum(queue.total, node.size)?;
        queue.count += 1;
        node.previous = queue.last;
        let place = self.free.pop();
        // Half of all orders that fit memory have numbers to spare.
        let place = place.unwrap_or_else(|| u32::try_from(self.nodes.len()).unwrap_or(NONE));
        match queue.last {
            NONE => queue.first = place,
            last => self.nodes[last as usize].next = place,
        }
        queue.last = place;
        side.insert(rank, queue);
        self.places.insert(node.id.clone(), place);
        match self.nodes.get_mut(place as usize) {
            Some(room) => *room = node,
            None => self.nodes.push(node),
        }
        Ok(())
    }

    fn unlink(&mut self, place: u32) {
        let Node { side, ticks, size, previous, next, .. } = self.nodes[place as usize];
        let rank = rank(side, ticks);
        let ladder = &mut self.sides[side as usize];
        let Some(queue) = ladder.get_mut(rank) else { return };
        match previous {
            NONE => queue.first = next,
            previous => self.nodes[previous as usize].next = next,
        }
        match next {
            NONE => queue.last = previous,
            next => self.nodes[next as usize].previous = previous,
        }
        queue.count -= 1;
        // What was added can be taken off again.
        queue.total = difference(queue.total, size).unwrap_or(queue.total);
        if queue.count == 0 {
            ladder.remove(rank);
        }
    }

    fn pop_worst_level(&mut self, side: BookSide, mut fell: impl FnMut(RestingOrder<'_>)) -> bool {
        let Some((_, queue)) = self.sides[side as usize].pop_worst() else { return false };
        let mut place = queue.first;
        while place != NONE {
            fell(self.resting(place));
            let node = &self.nodes[place as usize];
            self.places.remove(&node.id);
            self.free.push(place);
            place = node.next;
        }
        true
    }

    fn queue(&self, queue: &Queue) -> impl Iterator<Item = RestingOrder<'_>> {
        let mut place = queue.first;
        (0..queue.count).map(move |_| {
            let order = self.resting(place);
            place = self.nodes[place as usize].next;
            order
        })
    }

    fn resting(&self, place: u32) -> RestingOrder<'_> {
        let node = &self.nodes[place as usize];
        RestingOrder {
            id: &node.id,
            side: node.side,
            price: self.price_of(node),
            size: node.size,
            ts_order: node.ts_order,
        }
    }

    fn price_of(&self, node: &Node) -> Decimal {
        self.grid.price(node.ticks, node.price_exponent)
    }

    fn level(&self, side: BookSide, queue: &Queue) -> OrderLevel {
        let price = self.price_of(&self.nodes[queue.first as usize]);
        OrderLevel { side, price, size: queue.total, count: queue.count }
    }

    /// Ticks of a price that is finer than all before it, or has very many digits.
    #[cold]
    fn unusual(&mut self, price: Decimal) -> Result<i128, BookError> {
        let refused = || BookError::Price(Box::new(price));
        let refined = self.grid.refined(price)?;
        if !self.grid.is(refined) {
            let finer = [rescale(&self.sides[0], refined), rescale(&self.sides[1], refined)];
            let [Some(bids), Some(asks)] = finer else { return Err(refused()) };
            self.sides = [bids, asks];
            for node in &mut self.nodes {
                // Ticks of free nodes have no meaning.
                node.ticks = refined.ticks(node.ticks).unwrap_or_default();
            }
            self.grid.adopt(refined);
        }
        self.grid.ticks_slowly(price).ok_or_else(refused)
    }
}

fn sum(left: Decimal, right: Decimal) -> Result<Decimal, BookError> {
    added(left, right.mantissa(), right)
}

fn difference(left: Decimal, right: Decimal) -> Result<Decimal, BookError> {
    added(left, -right.mantissa(), right)
}

/// `left` plus `mantissa` at the place of `right`, with the digits of the finer one.
fn added(left: Decimal, mantissa: i128, right: Decimal) -> Result<Decimal, BookError> {
    let exponent = left.exponent().min(right.exponent());
    let at = |mantissa: i128, from: i32| {
        let power = 10_i128.checked_pow((from - exponent).unsigned_abs())?;
        mantissa.checked_mul(power)
    };
    at(left.mantissa(), left.exponent())
        .zip(at(mantissa, right.exponent()))
        .and_then(|(left, right)| left.checked_add(right))
        .and_then(|sum| Decimal::new(sum, exponent).ok())
        .ok_or_else(|| BookError::Size(Box::new(right)))
}
