//! One order: what was asked for, what is in flight, what the venue has said, what is filled.

use std::hash::{Hash, Hasher};

use rustonite_core::Amount;
use rustonite_core::datasets::{Contingency, OrderEvent, OrderKind, OrderState, Tif, order_flags};

use crate::apply::Values;
use crate::table::{self, Cell};
use crate::wish::{OrderId, Wish};

/// What an order belongs to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Link {
    /// The order or algorithm that made it.
    pub parent: Option<OrderId>,
    /// Number shared by orders that depend on each other.
    pub group: Option<i64>,
    /// How they do.
    pub contingency: Option<Contingency>,
    /// Name of the execution algorithm of a parent.
    pub algo: Option<Box<str>>,
}

/// How far a request has got.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Flight {
    /// There is none, or it is settled.
    #[default]
    Settled,
    /// Handed out and not answered.
    Asked,
    /// Ended without a certain answer.
    Unknown,
}

/// One client id of an order and what the venue did under it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Leg {
    /// Our id.
    pub client_id: Box<str>,
    /// The leg that it is to replace.
    pub prev: Option<usize>,
    /// The venue's, once it is known.
    pub venue_order_id: Option<Box<str>>,
    /// Filled under this id.
    pub size_filled: Amount,
}

/// A change in flight.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Change {
    /// The leg it makes; the present one where the venue changes in place.
    pub leg: usize,
    /// Limit asked for.
    pub price: Option<Amount>,
    /// Whole size asked for.
    pub size: Amount,
    /// Trigger price asked for.
    pub price_trigger: Option<Amount>,
    /// How far it has got.
    pub flight: Flight,
}

impl Change {
    /// Whether an order with these values is as the change wants it. Not everybody tells the price
    /// that starts it.
    pub(crate) fn is_to(&self, values: &Values) -> bool {
        let triggers = self.price_trigger.zip(values.price_trigger);
        (self.price, self.size) == (values.price, values.size)
            && triggers.is_none_or(|(asked, told)| asked == told)
    }
}

/// What is known of an order besides its wish.
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own, in any combination")]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Facts {
    /// The submit.
    pub submit: Flight,
    /// The latest cancel.
    pub cancel: Flight,
    /// The venue knows the order.
    pub known: bool,
    /// Its trigger was reached.
    pub triggered: bool,
    /// The venue keeps it and does not work it.
    pub suspended: bool,
    /// The venue contradicted itself or us; a query settles it.
    pub doubt: bool,
    /// The venue's word that it ended.
    pub ended: Option<OrderState>,
    /// The leg that ended then: a change that is done on a later one outlives it.
    pub ended_leg: usize,
}

/// An order of ours, or one that we watch.
#[derive(Clone, Debug)]
pub struct Order {
    /// Our number.
    pub id: OrderId,
    /// What is wanted: price, size and trigger as they are in force.
    pub wish: Wish,
    /// What it belongs to.
    pub link: Link,
    /// Its state.
    pub state: OrderState,
    /// What made the state.
    pub facts: Facts,
    /// Its client ids, oldest first.
    pub legs: Vec<Leg>,
    /// The leg in force.
    pub leg: usize,
    /// Changes in flight, oldest first.
    pub changes: Vec<Change>,
    /// Filled so far.
    pub size_filled: Amount,
    /// Average price of what is filled.
    pub price_average: Option<Amount>,
    /// Taken away by self-trade prevention, where the venue says.
    pub size_prevented: Option<Amount>,
    /// Most that the venue said is filled: more than `size_filled` while fills are missing.
    pub size_announced: Amount,
    /// Venue time of the change in force, so that an older one that comes late is not taken.
    pub ts_changed: i64,
    /// When we last heard of it or acted on it.
    pub ts_seen: i64,
    /// When its last request was asked for.
    pub ts_asked: i64,
    /// The same, cancels left out: since when there has been something to be found at the venue.
    pub ts_placed: i64,
    /// When the last byte of that left, once it is known.
    pub ts_sent: Option<i64>,
}

impl Order {
    /// A new order under its first client id.
    pub fn new(id: OrderId, wish: Wish, link: Link, client_id: Box<str>) -> Self {
        Self {
            id,
            wish,
            link,
            state: OrderState::Initialized,
            facts: Facts::default(),
            legs: vec![Leg { client_id, ..Leg::default() }],
            leg: 0,
            changes: Vec::new(),
            size_filled: Amount::ZERO,
            price_average: None,
            size_prevented: None,
            size_announced: Amount::ZERO,
            ts_changed: i64::MIN,
            ts_seen: 0,
            ts_asked: 0,
            ts_placed: 0,
            ts_sent: None,
        }
    }

    /// Makes it one that the venue has and that we did not send in this run.
    pub(crate) fn be_found(&mut self) {
        self.facts.known = true;
        self.state = OrderState::Accepted;
    }

    /// Its venue says how long it rests as a plain limit order. Returns whether that is news: of what
    /// others placed the kind is not known before. A last moment is not told with it.
    pub(crate) fn learn_kind(&mut self, limit_tif: Option<Tif>) -> bool {
        let tif = limit_tif.filter(|tif| *tif != Tif::Gtd);
        let is_news = self.wish.kind == OrderKind::Unknown && tif.is_some();
        if is_news {
            (self.wish.kind, self.wish.tif) = (OrderKind::Limit, tif);
        }
        is_news
    }

    /// Makes it `unknown`, whatever was thought before.
    pub(crate) fn be_doubted(&mut self) {
        self.facts.doubt = true;
        self.facts.ended = None;
        self.state = OrderState::Unknown;
    }

    /// Whether it was never sent: it waits here, or only its children are.
    pub fn is_held(&self) -> bool {
        matches!(self.state, OrderState::Held | OrderState::Released)
    }

    /// Whether its venue watches for the price that starts it.
    pub fn waits_at_venue(&self) -> bool {
        let is_theirs = !self.is_held() && !self.wish.is_emulated();
        is_theirs && self.wish.trigger.is_some() && !self.facts.triggered
    }

    /// Whether its children are sent in its place, and their fills are its own.
    pub fn is_split(&self) -> bool {
        self.link.algo.is_some()
    }

    /// The client id in force.
    pub fn client_id(&self) -> &str {
        &self.legs[self.leg].client_id
    }

    /// The venue's id in force, if known.
    pub fn venue_order_id(&self) -> Option<&str> {
        self.legs[self.leg].venue_order_id.as_deref()
    }

    /// What may still be filled of the size in force; nothing of an order that has ended.
    pub fn size_left(&self) -> Amount {
        if table::is_final(self.state) {
            return Amount::ZERO;
        }
        (self.wish.size - self.size_filled).max(Amount::ZERO)
    }

    /// What may be filled at worst, changes in flight counted.
    pub fn size_at_risk(&self) -> Amount {
        if table::is_final(self.state) {
            return Amount::ZERO;
        }
        (self.size_largest() - self.size_filled).max(Amount::ZERO)
    }

    /// Whether nothing more is expected of it.
    pub fn is_final(&self) -> bool {
        table::is_final(self.state)
    }

    /// Whether others placed it.
    pub fn is_external(&self) -> bool {
        self.wish.flags & order_flags::EXTERNAL != 0
    }

    /// Whether others placed it and only its executions have told of it: it was never said to be open,
    /// and its size is not known.
    pub(crate) fn is_told_by_fills(&self) -> bool {
        self.is_external() && self.wish.size == Amount::ZERO && self.size_filled > Amount::ZERO
    }

    /// Whether we may change or cancel it.
    pub fn is_managed(&self) -> bool {
        !self.is_external() || self.wish.flags & order_flags::ADOPTED != 0
    }

    /// The state that requests, fills and the venue's words add up to.
    pub fn works(&self) -> OrderState {
        let facts = &self.facts;
        if self.is_full() {
            return OrderState::Filled;
        }
        if let Some(ended) = facts.ended {
            return ended;
        }
        let unknown = |flight| flight == Flight::Unknown;
        let lost = self.changes.iter().any(|change| unknown(change.flight));
        if facts.doubt || lost || unknown(facts.submit) || unknown(facts.cancel) {
            return OrderState::Unknown;
        }
        if facts.cancel == Flight::Asked {
            return OrderState::PendingCancel;
        }
        if !self.changes.is_empty() {
            return OrderState::PendingReplace;
        }
        if facts.submit == Flight::Asked {
            return OrderState::PendingSubmit;
        }
        if facts.suspended {
            return OrderState::Suspended;
        }
        if self.size_filled > Amount::ZERO {
            return OrderState::PartiallyFilled;
        }
        if facts.triggered { OrderState::Triggered } else { OrderState::Accepted }
    }

    /// Filled in full, also if a change that is in flight should be done. An order whose size is not
    /// known, in money or not told so far, is full only by the venue's word.
    pub fn is_full(&self) -> bool {
        let size = self.size_largest();
        size > Amount::ZERO && self.wish.size_quote.is_none() && self.size_filled >= size
    }

    fn size_largest(&self) -> Amount {
        let asked = self.changes.iter().map(|change| change.size);
        asked.fold(self.wish.size, Amount::max)
    }

    /// Whether the table lets us do this.
    pub fn allows(&self, event: OrderEvent) -> bool {
        matches!(table::look(self.state, event), Cell::Legal(_))
    }

    /// Counts a fill, or takes one back if `size` is negative.
    pub fn count_fill(&mut self, leg: usize, size: Amount, price: Amount) {
        let before = self.size_filled;
        self.size_filled += size;
        self.legs[leg].size_filled += size;
        self.price_average = average((self.price_average, before), (price, size));
    }

    pub(crate) fn flag_overfill(&mut self) {
        let sized = self.wish.size_quote.is_none() && self.wish.size > Amount::ZERO;
        if sized && self.size_filled > self.wish.size {
            self.wish.flags |= order_flags::OVERFILLED;
        } else {
            self.wish.flags &= !order_flags::OVERFILLED;
        }
    }

    /// Legs that the venue may know: the one in force, those before it, and those of changes in
    /// flight. That of a refused change never was.
    pub(crate) fn legs_known(&self) -> impl Iterator<Item = &Leg> {
        let before = std::iter::successors(Some(self.leg), |leg| self.legs[*leg].prev);
        let asked = self.changes.iter().map(|change| change.leg);
        before.chain(asked).map(|leg| &self.legs[leg])
    }

    /// The leg that a client id names.
    pub fn leg_of(&self, client_id: &str) -> Option<usize> {
        self.legs.iter().rposition(|leg| &*leg.client_id == client_id)
    }
}

/// The average price after more was filled at another; `None` if nothing is filled then.
fn average(held: (Option<Amount>, Amount), more: (Amount, Amount)) -> Option<Amount> {
    let (price_held, size_held) = held;
    let (price, size) = more;
    let size_after = size_held + size;
    if size_after == Amount::ZERO {
        return None;
    }
    let Some(price_held) = price_held else { return Some(price) };
    if price_held == price {
        return Some(price);
    }
    let cost = price_held.product(size_held)? + price.product(size)?;
    cost.ratio(size_after)
}

impl Hash for Order {
    /// What a restart gives back: not when we last heard of it, nor what the venue only announced.
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.id.hash(state);
        self.wish.hash(state);
        self.link.hash(state);
        self.state.hash(state);
        self.facts.hash(state);
        self.legs.hash(state);
        self.leg.hash(state);
        self.changes.hash(state);
        self.size_filled.hash(state);
        self.price_average.hash(state);
        self.size_prevented.hash(state);
    }
}
