//! Going through the motions of an order, so that its way is at hand for the next one.
//!
//! After a quiet millisecond a processor has forgotten the code and memory of the way of an order,
//! and takes ten times as long for the next. A rehearsal does what a submit does up to the journal
//! and leaves nothing of it: no order, no row, no number, no request.

use rustonite_core::datasets::OrderEvent;

use crate::journal::Journal;
use crate::ledger::{Ledger, Moment, note, own};
use crate::order::Link;
use crate::wish::Wish;

impl<J: Journal> Ledger<J> {
    /// Goes through the motions of [`Ledger::submit`]. Returns the client id that such an order
    /// would have, and what was wished.
    pub fn rehearse(&mut self, at: impl Into<Moment>, wish: Wish) -> Option<(Box<str>, Wish)> {
        let at = at.into();
        let mut order = self.make(wish, Link::default()).ok()?;
        let told = own(OrderEvent::Submitted, at.now, 0, None);
        order.apply(&told);
        self.scribe.rehearse(&order, note(at, &told, None));
        let mut order = self.orders.rehearse(order)?;
        Some((order.legs.swap_remove(0).client_id, order.wish))
    }
}
