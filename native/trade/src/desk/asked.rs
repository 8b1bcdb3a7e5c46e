//! What strategies and people ask for: orders placed, changed, cancelled.

use rustonite_core::Amount;
use rustonite_core::datasets::{OrderEvent, OrderKind, RiskRequest};
use rustonite_core::ids::InstrumentId;
use rustonite_exec::gateway::{Way, may_need_us};
use rustonite_exec::{Journal, Link, Order, OrderId, Request, Values, Wish};
use rustonite_risk::{Code, Denial, Intent, Pass};

use super::risk_rows::Question;
use super::risks::{denied_as, denied_by};
use super::waiting::{denied, values_of};
use super::{Desk, halted, unknown};
use crate::strategy::{Changes, Denied};

/// A new order that is written down and not in its place so far, with the pass to send it.
type Ready = (Order, Intent, Pass, Request);
/// What the risk layer says of a request.
type Judged = Result<(Intent, Pass), Box<(Question, Denial)>>;

impl<J: Journal> Desk<J> {
    /// Places an order. What its venue has not waits here, where that can be.
    ///
    /// # Errors
    /// Risk denies it, its venue has no such words, or the journal takes no row; nothing was sent.
    pub fn submit(&mut self, mut wish: Wish, now: i64) -> Result<OrderId, Denied> {
        wish.strategy.get_or_insert(self.strategy);
        let placed = if may_need_us(&wish) {
            self.submit_in_our_way(wish, now)
        } else {
            self.place(wish, Link::default(), now)
        };
        self.work(now);
        placed
    }

    /// Places several orders, which leave together where the venue takes them so. Each is denied or
    /// placed for itself.
    pub fn submit_many(&mut self, wishes: Vec<Wish>, now: i64) -> Vec<Result<OrderId, Denied>> {
        let mut results = Vec::new();
        let mut leaving = Vec::new();
        for mut wish in wishes {
            wish.strategy.get_or_insert(self.strategy);
            if may_need_us(&wish) {
                results.push(self.submit_in_our_way(wish, now));
                continue;
            }
            let passed = self.pass_submit(wish, Link::default(), now);
            results.push(passed.map(|(order, intent, pass, request)| {
                let order = self.keep_new(order);
                self.leave(&intent, pass, request, now, &mut leaving);
                order
            }));
        }
        self.send_many(leaving, now);
        self.work(now);
        results
    }

    pub(super) fn place(&mut self, wish: Wish, link: Link, now: i64) -> Result<OrderId, Denied> {
        let ready = self.pass_submit(wish, link, now)?;
        Ok(self.send_submit(ready, now))
    }

    pub(super) fn pass_submit(
        &mut self,
        wish: Wish,
        link: Link,
        now: i64,
    ) -> Result<Ready, Denied> {
        let order = self.ledger.next_id();
        match self.checked(RiskRequest::Submit, order, &wish, Amount::ZERO, now) {
            Ok(passed) => self.write_submit(wish, link, passed, now),
            Err(denied) => Err(self.deny(wish, link, denied, now)),
        }
    }

    pub(super) fn write_submit(
        &mut self,
        wish: Wish,
        link: Link,
        (intent, pass): (Intent, Pass),
        now: i64,
    ) -> Result<Ready, Denied> {
        let at = self.moment(now);
        let (order, request) =
            self.ledger.intend(at, wish, link).map_err(|error| halted(&error))?;
        Ok((order, intent, pass, request))
    }

    /// Puts a new order in its place.
    pub(super) fn keep_new(&mut self, order: Order) -> OrderId {
        let id = order.id;
        self.ledger.keep(order);
        self.tell_order(id, OrderEvent::Submitted, None);
        id
    }

    pub(super) fn send_submit(
        &mut self,
        (order, intent, pass, request): Ready,
        now: i64,
    ) -> OrderId {
        let id = order.id;
        self.send(&intent, pass, &request, Some(order), now);
        if let Request::Submit { wish, .. } = request {
            self.last = Some(wish);
        }
        self.touch(id);
        id
    }

    /// Writes down an order that is denied.
    pub(super) fn deny(&mut self, wish: Wish, link: Link, denied: Denied, now: i64) -> Denied {
        match self.ledger.deny(self.moment(now), wish, link, denied.code) {
            Ok(order) => {
                self.tell_order(order, OrderEvent::Denied, Some(denied.to_string()));
                denied
            }
            Err(error) => halted(&error),
        }
    }

    /// Goes through the motions of the order that was placed last and leaves nothing of them: no
    /// pass, no row, no byte. After a quiet millisecond the processor has forgotten the way of an
    /// order, and the next one would wait while it comes back from memory.
    pub fn rehearse(&mut self, now: i64) {
        let Some(wish) = self.last.clone() else { return };
        let order = self.ledger.next_id();
        if let Ok(intent) = self.intent(RiskRequest::Submit, order, &wish, Amount::ZERO, now) {
            drop(self.risk.check(&intent, now));
        }
        let Some((client_id, wish)) = self.ledger.rehearse(self.moment(now), wish) else { return };
        if let Some(account) = self.accounts.get_mut(wish.account.index()) {
            account.rehearse(&client_id, &wish, now);
        }
    }

    /// Changes an order.
    ///
    /// # Errors
    /// As [`Desk::submit`]; the order cannot be changed now.
    pub fn replace(&mut self, order: OrderId, changes: &Changes, now: i64) -> Result<(), Denied> {
        let known = self.ledger.order(order).ok_or_else(|| unknown(order))?;
        let changed = if known.is_held() {
            self.replace_held(order, changes, now)
        } else if known.wish.size_quote.is_some() {
            Err(denied("not_possible", "an order in money cannot be changed at its venue"))
        } else {
            self.change(order, changes, now)
        };
        self.work(now);
        changed
    }

    /// Changes an order that was sent.
    pub(super) fn change(
        &mut self,
        order: OrderId,
        changes: &Changes,
        now: i64,
    ) -> Result<(), Denied> {
        let known = self.ledger.order(order).ok_or_else(|| unknown(order))?;
        check_kind(known).map_err(|why| denied("not_possible", why))?;
        check_trigger(known, changes).map_err(|why| denied("not_possible", why))?;
        let (filled, mut wish) = (known.size_filled, known.wish.clone());
        let as_it_is = values_of(known);
        let values = Values {
            price: changes.price.or(as_it_is.price),
            size: changes.size.unwrap_or(as_it_is.size),
            price_trigger: changes.trigger.or(as_it_is.price_trigger),
        };
        (wish.price, wish.size) = (values.price, values.size);
        if let (Some(trigger), Some(price)) = (&mut wish.trigger, values.price_trigger) {
            trigger.price = price;
        }
        let (intent, pass) = self.checked(RiskRequest::Replace, order, &wish, filled, now)?;
        let request =
            self.ledger.replace(self.moment(now), order, values).map_err(|error| halted(&error))?;
        self.tell_order(order, OrderEvent::ReplaceAsked, None);
        self.send(&intent, pass, &request, None, now);
        Ok(())
    }

    /// Cancels an order.
    ///
    /// # Errors
    /// The order cannot be cancelled now.
    pub fn cancel(&mut self, order: OrderId, now: i64) -> Result<(), Denied> {
        let cancelled = self.cancel_one(order, now);
        self.work(now);
        cancelled
    }

    fn cancel_one(&mut self, order: OrderId, now: i64) -> Result<(), Denied> {
        let known = self.ledger.order(order).ok_or_else(|| unknown(order))?;
        if known.is_held() { self.withdraw(order, None, now) } else { self.cancel_sent(order, now) }
    }

    pub(super) fn cancel_sent(&mut self, order: OrderId, now: i64) -> Result<(), Denied> {
        let (intent, pass, request) = self.pass_cancel(order, now)?;
        self.send(&intent, pass, &request, None, now);
        Ok(())
    }

    /// The limits that an order would meet now, those that only warn left out. One that would wait
    /// here is judged as if its price had come. Nothing is placed and nothing written down.
    pub fn would_fail(&mut self, mut wish: Wish, now: i64) -> Vec<Denied> {
        wish.strategy.get_or_insert(self.strategy);
        if let Some(code) = self.is_being_closed(&wish) {
            return vec![denied_by(code)];
        }
        let sent = if may_need_us(&wish) { self.sent_of(&wish, now) } else { Ok(wish) };
        let wish = match sent {
            Ok(wish) => wish,
            Err(denied) => return vec![denied],
        };
        let order = self.ledger.next_id();
        let intent = match self.intent(RiskRequest::Submit, order, &wish, Amount::ZERO, now) {
            Ok(intent) => intent,
            Err(code) => return vec![denied_by(code)],
        };
        self.tell_room(RiskRequest::Submit, &wish, now);
        let mut failures = Vec::new();
        self.risk.would_fail(&intent, now, &mut failures);
        let failed = failures.iter().filter(|denial| !denial.soft).map(denied_as);
        failed.chain(self.check_words(&wish.sent()).err()).collect()
    }

    /// What leaves of a wish of which the venue may not have all.
    fn sent_of(&self, wish: &Wish, now: i64) -> Result<Wish, Denied> {
        match self.way(wish, now)? {
            Way::Venue(wish) => Ok(wish),
            Way::Held(wish) | Way::Sliced(wish) => self.slice_to_come(&wish),
        }
    }

    fn pass_cancel(&mut self, order: OrderId, now: i64) -> Result<(Intent, Pass, Request), Denied> {
        let (intent, pass) = match self.judge_cancel(order, now)? {
            Ok(passed) => passed,
            Err(refused) => {
                let (asked, denial) = *refused;
                self.write_denial(asked, &denial, now);
                return Err(denied_as(&denial));
            }
        };
        Ok((intent, pass, self.write_cancel(order, now)?))
    }

    /// Asks the risk layer for a cancel. An order that it does not count is counted first: what is
    /// open has to be possible to end.
    pub(super) fn judge_cancel(&mut self, order: OrderId, now: i64) -> Result<Judged, Denied> {
        if !self.risk.is_open(order.0) {
            self.count_order(order);
        }
        let known = self.ledger.order(order).ok_or_else(|| unknown(order))?;
        let asked = Question::of(RiskRequest::Cancel, order, &known.wish);
        let Some(intent) = self.standing(RiskRequest::Cancel, known) else {
            return Ok(Err(Box::new((asked, Code::InstrumentUnsupported.into()))));
        };
        Ok(match self.risk.check(&intent, now) {
            Ok(pass) => Ok((intent, pass)),
            Err(denial) => Err(Box::new((asked, denial))),
        })
    }

    /// Writes down that an order is to be cancelled.
    pub(super) fn write_cancel(&mut self, order: OrderId, now: i64) -> Result<Request, Denied> {
        let request =
            self.ledger.cancel(self.moment(now), order).map_err(|error| halted(&error))?;
        self.tell_order(order, OrderEvent::CancelAsked, None);
        Ok(request)
    }

    /// Cancels orders, which leave together where the venue takes them so. One that cannot be
    /// cancelled at the moment has a cancel in flight, or has ended.
    fn cancel_many(&mut self, orders: Vec<OrderId>, now: i64) {
        let mut leaving = Vec::new();
        for order in orders {
            if self.ledger.order(order).is_some_and(Order::is_held) {
                drop(self.withdraw(order, None, now));
            } else if let Ok((intent, pass, request)) = self.pass_cancel(order, now) {
                self.leave(&intent, pass, request, now, &mut leaving);
            }
        }
        self.send_many(leaving, now);
        self.work(now);
    }

    /// Cancels all open orders of an instrument, or all.
    pub fn cancel_all(&mut self, instrument: Option<InstrumentId>, now: i64) {
        let mine = |order: &&&Order| instrument.is_none_or(|one| one == order.wish.instrument);
        let open = self.ledger.open_orders();
        let open: Vec<_> = open.iter().filter(mine).map(|order| order.id).collect();
        self.cancel_many(open, now);
    }
}

/// Of what others placed it has to be known what it is.
fn check_kind(known: &Order) -> Result<(), &'static str> {
    let is_known = known.wish.kind != OrderKind::Unknown;
    is_known.then_some(()).ok_or("its venue has not said that it is a plain limit order")
}

/// What starts an order can be changed as long as its venue waits for it.
fn check_trigger(known: &Order, changes: &Changes) -> Result<(), &'static str> {
    if changes.trigger.or(changes.trail).is_none() {
        return Ok(());
    }
    let trigger = known.wish.trigger.ok_or("the order waits for no price")?;
    if !known.waits_at_venue() {
        return Err("the order's price has come");
    }
    if trigger.trail.is_some() {
        return Err("a trigger that follows the market at its venue cannot be changed");
    }
    if changes.trail.is_some() {
        return Err("the order's trigger does not follow");
    }
    Ok(())
}
