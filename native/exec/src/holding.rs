//! Orders that wait here: held, changed, let go, ended without having been sent, and the sums of
//! parents whose children are sent in their place.

use rustonite_core::Amount;
use rustonite_core::datasets::{EventSource, OrderEvent, OrderState};

use crate::apply::{About, Told, Values};
use crate::error::{ExecError, Result};
use crate::filling::filled_event;
use crate::journal::Journal;
use crate::ledger::{Ledger, Moment, own};
use crate::order::{Link, Order};
use crate::report::Report;
use crate::request::Request;
use crate::rows::OrderNote;
use crate::table;
use crate::wish::{OrderId, Trail, Wish};

impl<J: Journal> Ledger<J> {
    /// A new order that is kept here until it is released.
    ///
    /// # Errors
    /// As [`Ledger::submit`].
    pub fn hold(&mut self, at: impl Into<Moment>, wish: Wish, link: Link) -> Result<OrderId> {
        let mut order = self.make(wish, link)?;
        let id = order.id;
        self.write_own(&mut order, at.into(), OrderEvent::Held, None)?;
        self.keep(order);
        Ok(id)
    }

    /// Lets a held order go as it is. See [`Ledger::release_as`].
    ///
    /// # Errors
    /// As [`Ledger::submit`]; the order is not held.
    pub fn release(&mut self, at: impl Into<Moment>, id: OrderId) -> Result<Request> {
        let order = self.orders.get(id).ok_or(ExecError::UnknownOrder(id))?;
        let (size, price_protect) = (order.wish.size, order.wish.price_protect);
        self.release_as(at, id, size, price_protect)
    }

    /// Lets a held order go with this size and worst price: the two rows of its release and its
    /// submit, then its request. If the process ended between the two, the order is released and can
    /// be let go once more.
    ///
    /// # Errors
    /// As [`Ledger::submit`]; the order is not held.
    pub fn release_as(
        &mut self,
        at: impl Into<Moment>,
        id: OrderId,
        size: Amount,
        price_protect: Option<Amount>,
    ) -> Result<Request> {
        let at = at.into();
        let order = self.orders.get(id).ok_or(ExecError::UnknownOrder(id))?;
        let mut order = if order.state == OrderState::Released {
            order.clone()
        } else {
            self.find(id, OrderEvent::Released)?.clone()
        };
        (order.wish.size, order.wish.price_protect) = (size, price_protect);
        if order.state != OrderState::Released {
            self.write_own(&mut order, at, OrderEvent::Released, None)?;
        }
        self.write_intent(&mut order, at, OrderEvent::Submitted, 0, None)?;
        let (client_id, wish) = (order.legs[0].client_id.clone(), order.wish.sent());
        self.keep(order);
        Ok(Request::Submit { order: id, client_id, wish })
    }

    /// Other values of an order that was never sent.
    ///
    /// # Errors
    /// As [`Ledger::submit`]; the order is not held.
    pub fn amend(&mut self, at: impl Into<Moment>, id: OrderId, values: Values) -> Result<()> {
        let trail = self.order(id).and_then(|order| order.wish.trigger?.trail);
        self.amend_trail(at, id, values, trail)
    }

    /// Other values of an order that was never sent, and another way to follow the market.
    ///
    /// # Errors
    /// As [`Ledger::amend`].
    pub fn amend_trail(
        &mut self,
        at: impl Into<Moment>,
        id: OrderId,
        values: Values,
        trail: Option<Trail>,
    ) -> Result<()> {
        let at = at.into();
        let mut order = self.held(id, OrderEvent::Replaced)?;
        if let Some(trigger) = &mut order.wish.trigger {
            trigger.trail = trail;
        }
        let told = own(OrderEvent::Replaced, at.now, order.leg, Some(values));
        self.write(&mut order, at, &told, None)?;
        self.keep(order);
        Ok(())
    }

    /// Writes down that what a held order waits for has come, and how large it is then. It is still
    /// to be released; a restart knows that it is due.
    ///
    /// # Errors
    /// As [`Ledger::submit`]; the order is not held.
    pub fn trigger(&mut self, at: impl Into<Moment>, id: OrderId, size: Amount) -> Result<()> {
        let mut order = self.held(id, OrderEvent::Triggered)?;
        order.wish.size = size;
        self.write_own(&mut order, at.into(), OrderEvent::Triggered, None)?;
        self.keep(order);
        Ok(())
    }

    /// Ends an order that was never sent: cancelled by us, or denied when it was to be released.
    ///
    /// # Errors
    /// As [`Ledger::submit`]; the venue has the order.
    pub fn withdraw(
        &mut self,
        at: impl Into<Moment>,
        id: OrderId,
        event: OrderEvent,
        code: Option<&str>,
    ) -> Result<()> {
        let at = at.into();
        let mut order = self.find(id, event)?.clone();
        let own = matches!(event, OrderEvent::Cancelled | OrderEvent::Expired | OrderEvent::Denied);
        if table::is_at_venue(order.state) || !own {
            return Err(ExecError::NotPossible { order: id, state: order.state, event });
        }
        self.write_own(&mut order, at, event, code)?;
        self.keep(order);
        Ok(())
    }

    fn held(&self, id: OrderId, event: OrderEvent) -> Result<Order> {
        let order = self.find(id, event)?;
        if order.state == OrderState::Held {
            return Ok(order.clone());
        }
        Err(ExecError::NotPossible { order: id, state: order.state, event })
    }

    /// Counts what was filled of a child, or taken back if the size is negative, for the parent that
    /// it is a part of.
    pub(crate) fn fill_parent(
        &mut self,
        parent: Option<OrderId>,
        report: &Report,
        fills: &[(Amount, Amount)],
    ) {
        let Some(mut parent) = parent.and_then(|id| self.orders.take(id)) else { return };
        if !parent.is_split() {
            self.orders.put(parent);
            return;
        }
        fills.iter().for_each(|(size, price)| parent.count_fill(0, *size, *price));
        let told = Told {
            event: filled_event(&parent),
            source: EventSource::Own,
            ts_event: report.ts_event,
            leg: 0,
            values: None,
            about: About::Nothing,
        };
        parent.apply(&told);
        parent.ts_seen = report.ts_recv;
        let note = OrderNote {
            event: told.event,
            source: told.source,
            ts_event: told.ts_event,
            ts_recv: report.ts_recv,
            leg: 0,
            reason: None,
            venue_code: None,
            detail: None,
            market_seq: None,
        };
        // A row that is not taken halts trading; what was filled is true all the same.
        let _ = self.scribe.order(&parent, note);
        self.holds.update(&mut self.balances, &self.scribe.directory, &parent);
        self.orders.put(parent);
    }
}
