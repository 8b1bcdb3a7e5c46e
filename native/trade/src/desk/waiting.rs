//! Orders that wait here before they are sent: how they come in, and what the market and other orders
//! do to them.

use std::collections::BTreeSet;

use rustonite_core::Amount;
use rustonite_core::datasets::{OrderEvent, RiskRequest, TriggerSource};
use rustonite_core::ids::InstrumentId;
use rustonite_exec::gateway::capability::Capabilities;
use rustonite_exec::gateway::{Way, capabilities_for};
use rustonite_exec::held::{self, Act, Held, ICEBERG, Seen};
use rustonite_exec::{
    Change, ExecError, Flight, Journal, Link, Order, OrderId, Trigger, Values, Wish,
};
use rustonite_risk::{Code, Group as Part};

use super::releasing::{is_passing, slice_of};
use super::risk_rows::Question;
use super::risks::{denied_as, denied_by};
use super::{Desk, halted, unknown};
use crate::strategy::{Changes, Denied, on_tick};

const DAY_NS: i64 = 86_400_000_000_000;

/// What waits, and what is still to be looked at.
#[derive(Debug, Default)]
pub(super) struct Waiting {
    pub(super) held: Held,
    /// Orders that are different now.
    touched: Vec<OrderId>,
    /// Orders of which something was refused that is tried again a little later.
    again: Vec<OrderId>,
    /// Orders that are due and that something stands against for the moment.
    pub(super) put_off: BTreeSet<OrderId>,
    /// Market data that is followed: venue and dataset.
    followed: Vec<(Box<str>, Box<str>)>,
}

/// Why a wish cannot be, by a code that is not of the risk layer.
pub(super) fn denied(code: &'static str, detail: impl Into<String>) -> Denied {
    Denied::new(code, detail)
}

/// Codes that cannot be right later, and are said when an order is to be held.
fn is_lasting(code: Code) -> bool {
    code.group() == Part::Known
        || matches!(
            code,
            Code::KillSwitch
                | Code::Halted
                | Code::CancelOnly
                | Code::Restricted
                | Code::KindUnsupported
                | Code::TifUnsupported
                | Code::FlagUnsupported
                | Code::PositionSideUnsupported
                | Code::PriceNeeded
                | Code::PriceInvalid
                | Code::PriceOffTick
                | Code::PriceMin
                | Code::PriceMax
                | Code::SizeInvalid
                | Code::SizeOffLot
                | Code::SizeMin
                | Code::SizeMax
                | Code::MarketSizeMax
                | Code::ExpiryMissing
                | Code::ExpiryPast
        )
}

/// The end of the UTC day of a moment.
fn day_end(now: i64) -> i64 {
    now.div_euclid(DAY_NS).saturating_add(1).saturating_mul(DAY_NS)
}

impl<J: Journal> Desk<J> {
    /// Market data of a venue is followed, so that triggers can watch it.
    pub fn follow(&mut self, venue: &str, dataset: &str) {
        self.waiting.followed.push((venue.into(), dataset.into()));
    }

    /// What is watched for held orders.
    pub fn held(&self) -> &Held {
        &self.waiting.held
    }

    /// Takes up what an earlier run held.
    pub(super) fn take_up(&mut self) {
        self.waiting.held = Held::of(&self.ledger);
        let open = self.ledger.open_orders();
        let concerned = open.into_iter().filter(|order| held::is_concerned(&self.ledger, order));
        self.waiting.touched = concerned.map(|order| order.id).collect();
    }

    // Coming in

    /// Who does what of a wish.
    pub(super) fn way(&self, wish: &Wish, now: i64) -> Result<Way, Denied> {
        self.ledger.rules(wish.account).map_err(|error| halted(&error))?;
        let Some(can) = self.can(wish) else { return Ok(Way::Venue(wish.clone())) };
        match can.way(wish, day_end(now)) {
            Ok(way) => Ok(way),
            // Risk denies it with a code of its own, or it lacks words.
            Err(_) if !wish.is_emulated() => Ok(Way::Venue(wish.clone())),
            Err(refusal) => Err(denied("not_emulated", &*refusal.detail)),
        }
    }

    /// The same for a new order; that nobody does it is written down.
    pub(super) fn way_in(&mut self, wish: &Wish, now: i64) -> Result<Way, Denied> {
        let way = self.way(wish, now);
        way.map_err(|denied| {
            let asked = Question::of(RiskRequest::Submit, self.ledger.next_id(), wish);
            self.refuse(asked, denied, now)
        })
    }

    /// What the venue of an order can do.
    fn can(&self, wish: &Wish) -> Option<&'static Capabilities> {
        let account = self.accounts.get(wish.account.index());
        let can = account.and_then(|one| one.gateway.capabilities());
        can.or_else(|| capabilities_for(self.ledger.directory(), wish.instrument))
    }

    /// Whether the venue has all the words of what would be sent.
    #[inline]
    pub(super) fn check_words(&self, sent: &Wish) -> Result<(), Denied> {
        let Some(can) = self.can(sent) else { return Ok(()) };
        can.check(sent).map_err(|refusal| denied(refusal.reason.name(), refusal.detail))
    }

    /// Places an order of which the venue may not have all.
    #[cold]
    pub(super) fn submit_in_our_way(&mut self, wish: Wish, now: i64) -> Result<OrderId, Denied> {
        match self.way_in(&wish, now) {
            Ok(Way::Venue(wish)) => self.place(wish, Link::default(), now),
            Ok(Way::Held(wish)) => self.hold(wish, Link::default(), now),
            Ok(Way::Sliced(wish)) => {
                let link = Link { algo: Some(ICEBERG.into()), ..Link::default() };
                self.hold(wish, link, now)
            }
            Err(denied) => Err(self.deny(wish, Link::default(), denied, now)),
        }
    }

    fn hold(&mut self, wish: Wish, link: Link, now: i64) -> Result<OrderId, Denied> {
        if let Err(denied) = self.check_held(&wish, now) {
            return Err(self.deny(wish, link, denied, now));
        }
        self.write_held(wish, link, now)
    }

    pub(super) fn write_held(
        &mut self,
        wish: Wish,
        link: Link,
        now: i64,
    ) -> Result<OrderId, Denied> {
        let at = self.moment(now);
        let order = self.ledger.hold(at, wish, link).map_err(|error| halted(&error))?;
        self.tell_order(order, OrderEvent::Held, None);
        self.touch(order);
        Ok(order)
    }

    /// Whether a wish may wait here: what cannot be right later is refused now. Money, positions and
    /// the market are looked at when it is released.
    pub(super) fn check_held(&mut self, wish: &Wish, now: i64) -> Result<(), Denied> {
        let order = self.ledger.next_id();
        let asked = Question::of(RiskRequest::Release, order, wish);
        let slice = self.slice_to_come(wish);
        let slice = slice.map_err(|denied| self.refuse(asked, denied, now))?;
        let intent = self.intent(RiskRequest::Release, order, &slice, Amount::ZERO, now);
        let intent = intent.map_err(|code| {
            self.write_denial(asked, &code.into(), now);
            denied_by(code)
        })?;
        let mut failures = Vec::new();
        self.risk.would_fail(&intent, now, &mut failures);
        let lasting = failures.iter().find(|one| !one.soft && is_lasting(one.code));
        if let Some(denial) = lasting {
            self.write_denial(asked, denial, now);
            return Err(denied_as(denial));
        }
        self.check_words(&slice.sent()).map_err(|denied| self.refuse(asked, denied, now))
    }

    /// What is sent of a wish that waits here, as far as it is known now.
    pub(super) fn slice_to_come(&self, wish: &Wish) -> Result<Wish, Denied> {
        self.check_followed(wish)?;
        let mut slice = slice_of(wish, wish.size_display.unwrap_or(wish.size).min(wish.size));
        if wish.limit_follows() {
            slice.price = Some(self.limit_to_come(wish));
        }
        Ok(slice)
    }

    /// A limit as it may be once its trigger has begun to follow.
    fn limit_to_come(&self, wish: &Wish) -> Amount {
        let from = wish.trigger.map(|trigger| trigger.price).filter(|price| *price > Amount::ZERO);
        let from = from.or_else(|| {
            let listed = self.ledger.directory().listed(wish.instrument)?;
            let middle = self.reference(wish.instrument)?.to_decimal().to_f64();
            on_tick(listed, wish.side, middle)
        });
        from.and_then(|from| wish.limit_at(from)).or(wish.price).unwrap_or_default()
    }

    /// A trigger on what does not come would never be reached.
    fn check_followed(&self, wish: &Wish) -> Result<(), Denied> {
        use TriggerSource as Source;
        let Some(trigger) = wish.trigger.filter(|_| wish.is_emulated()) else { return Ok(()) };
        let needed: &[&str] = match trigger.source {
            Source::Last | Source::DoubleLast => &["trades"],
            Source::BidAsk | Source::Mid | Source::DoubleBidAsk => &["quotes"],
            Source::LastOrBidAsk => &["trades", "quotes"],
            Source::Mark | Source::Index => &["tickers"],
        };
        let listed = self.ledger.directory().listed(wish.instrument);
        let venue = listed.map_or("", |listed| &*listed.venue);
        let is_there = |dataset: &&str| {
            self.waiting.followed.iter().any(|(of, one)| &**of == venue && &**one == *dataset)
        };
        if needed.iter().all(is_there) {
            return Ok(());
        }
        let (source, needed) = (trigger.source.name(), needed.join(" and "));
        Err(denied("not_followed", format!("a trigger by {source} needs {needed} of {venue}")))
    }

    /// Changes an order that waits here. Of a group only limits and triggers can be changed: its
    /// size is the parent's, or follows an entry.
    pub(super) fn replace_held(
        &mut self,
        order: OrderId,
        changes: &Changes,
        now: i64,
    ) -> Result<(), Denied> {
        let known = self.ledger.order(order).ok_or_else(|| unknown(order))?;
        let wish = changed(known, changes).map_err(|why| denied("not_possible", why))?;
        if changes.trigger.or(changes.trail).is_some() {
            self.way(&wish, now)?;
        }
        self.check_held(&wish, now)?;
        let trigger = wish.trigger;
        let values = Values {
            price: wish.price,
            size: wish.size,
            price_trigger: trigger.map(|one| one.price),
        };
        let trail = trigger.and_then(|trigger| trigger.trail);
        let amended = self.ledger.amend_trail(self.moment(now), order, values, trail);
        self.note_amended(order, amended)
    }

    // What the market does

    #[inline]
    pub(super) fn watch(&mut self, instrument: InstrumentId, seen: &Seen) {
        if self.waiting.held.is_watching(instrument) {
            self.waiting.held.see(instrument, seen);
        }
    }

    /// Whether prices have reached or moved what waits.
    #[inline]
    pub fn has_due(&self) -> bool {
        self.waiting.held.has_news()
    }

    /// Does what prices have made due: trailing triggers are written down where they are now, and
    /// what was reached is released.
    pub fn release_due(&mut self, now: i64) {
        while let Some((order, price)) = self.waiting.held.next_moved() {
            let Some(known) = self.ledger.order(order) else { continue };
            let limit = known.wish.limit_at(price);
            let values = Values { price: limit, price_trigger: Some(price), ..values_of(known) };
            // A journal that takes no row halts trading by itself.
            drop(self.ledger.amend(self.moment(now), order, values));
        }
        while let Some(order) = self.waiting.held.next_reached() {
            let Some(known) = self.ledger.order(order).filter(|one| one.is_held()) else {
                continue;
            };
            let size = known.wish.size;
            if known.link.parent.is_none() && !known.is_split() {
                self.release(order, size, now);
            } else {
                self.note_triggered(order, size, now);
            }
        }
        self.work(now);
    }

    pub(super) fn note_triggered(&mut self, order: OrderId, size: Amount, now: i64) {
        if self.ledger.trigger(self.moment(now), order, size).is_ok() {
            self.tell_order(order, OrderEvent::Triggered, None);
            self.touch(order);
        }
    }

    // What other orders do

    /// An order is different now: what waits for it is looked at by the next [`Desk::work`].
    pub(super) fn touch(&mut self, order: OrderId) {
        let Some(known) = self.ledger.order(order) else { return };
        if held::is_concerned(&self.ledger, known) {
            self.waiting.touched.push(order);
        }
    }

    /// A venue said something of an order.
    pub(super) fn touch_reported(&mut self, order: OrderId, change: &Change) {
        let parent = self.ledger.order(order).and_then(|order| order.link.parent);
        let parent = parent.and_then(|parent| self.ledger.order(parent));
        if let Some(parent) = parent.filter(|one| one.is_split() && !change.fills.is_empty()) {
            let (parent, is_full) = (parent.id, parent.is_full());
            let event = if is_full { OrderEvent::FinalFill } else { OrderEvent::PartialFill };
            if is_full {
                self.risk.parent_ended(parent.0);
            }
            self.tell_order(parent, event, None);
            self.touch(parent);
        }
        let is_among = |event| change.events.iter().any(|one| one.event == event);
        if is_among(OrderEvent::CancelRejected) {
            self.waiting.again.push(order);
        } else if !is_among(OrderEvent::ReplaceRejected) {
            // A change that was refused would be refused again: the next event leads to another.
            self.touch(order);
        }
    }

    /// Time has passed: what was put off is tried again, and last moments come.
    pub(super) fn wait_on(&mut self, now: i64) {
        let mut due = std::mem::take(&mut self.waiting.again);
        let ledger = &self.ledger;
        let is_held = |id: &OrderId| ledger.order(*id).is_some_and(Order::is_held);
        self.waiting.put_off.retain(is_held);
        due.extend(self.waiting.put_off.iter().copied());
        due.into_iter().for_each(|order| self.touch(order));
        let ended: Vec<_> = self.waiting.held.ended(now).collect();
        ended.into_iter().for_each(|order| self.expire(order, now));
        self.work(now);
    }

    fn expire(&mut self, order: OrderId, now: i64) {
        let Some(known) = self.ledger.order(order) else { return };
        if !known.is_held() {
            return self.end(order, "expired", now);
        }
        let ended = self.ledger.withdraw(self.moment(now), order, OrderEvent::Expired, None);
        if ended.is_ok() {
            self.note_ended(order, OrderEvent::Expired, None);
        }
    }

    /// Looks at all that is different, until nothing is to be done.
    #[inline]
    pub(super) fn work(&mut self, now: i64) {
        while let Some(order) = self.waiting.touched.pop() {
            self.look_at(order, now);
        }
    }

    #[cold]
    fn look_at(&mut self, order: OrderId, now: i64) {
        self.waiting.held.note(&self.ledger, order);
        // Children may wait from now on, or not any more.
        for child in self.ledger.children(order) {
            self.waiting.held.note(&self.ledger, child.id);
        }
        for act in held::acts(&self.ledger, order) {
            self.act(&act, now);
        }
    }

    fn act(&mut self, act: &Act, now: i64) {
        match *act {
            Act::Begin { order, size } => self.note_triggered(order, size, now),
            Act::Release { order, size } => self.release(order, size, now),
            Act::Slice { parent, size } => self.slice(parent, size, now),
            Act::Change { order, price, size } => self.fit(order, price, size, now),
            Act::End { order, reason } => self.end(order, reason, now),
        }
    }

    fn fit(&mut self, order: OrderId, price: Option<Amount>, size: Amount, now: i64) {
        let Some(known) = self.ledger.order(order) else { return };
        if known.is_held() {
            let values = Values { price, size, ..values_of(known) };
            self.amend(order, values, now).unwrap_or_default();
            return;
        }
        let changes = Changes { price, size: Some(size), ..Changes::default() };
        if let Err(denied) = self.change(order, &changes, now) {
            self.try_again(order, &denied);
        }
    }

    fn amend(&mut self, order: OrderId, values: Values, now: i64) -> Result<(), Denied> {
        let amended = self.ledger.amend(self.moment(now), order, values);
        self.note_amended(order, amended)
    }

    fn note_amended(
        &mut self,
        order: OrderId,
        amended: Result<(), ExecError>,
    ) -> Result<(), Denied> {
        amended.map_err(|error| halted(&error))?;
        self.tell_order(order, OrderEvent::Replaced, None);
        self.touch(order);
        Ok(())
    }

    /// Ends an order, whether it was sent or not.
    fn end(&mut self, order: OrderId, reason: &'static str, now: i64) {
        let Some(known) = self.ledger.order(order).filter(|one| !one.is_final()) else { return };
        if known.is_held() {
            drop(self.withdraw(order, Some(reason), now));
        } else if known.facts.cancel != Flight::Settled {
            // Its answer comes, or is asked for.
        } else if let Err(denied) = self.cancel_sent(order, now) {
            self.try_again(order, &denied);
        }
    }

    fn try_again(&mut self, order: OrderId, denied: &Denied) {
        if Code::parse(denied.code).is_some_and(is_passing) {
            self.waiting.again.push(order);
        }
    }

    /// Ends an order that was never sent.
    pub(super) fn withdraw(
        &mut self,
        order: OrderId,
        reason: Option<&'static str>,
        now: i64,
    ) -> Result<(), Denied> {
        let at = self.moment(now);
        let ended = self.ledger.withdraw(at, order, OrderEvent::Cancelled, reason);
        ended.map_err(|error| halted(&error))?;
        self.note_ended(order, OrderEvent::Cancelled, reason.map(str::to_owned));
        Ok(())
    }

    pub(super) fn note_ended(&mut self, order: OrderId, event: OrderEvent, reason: Option<String>) {
        self.risk.parent_ended(order.0);
        self.tell_order(order, event, reason);
        self.touch(order);
    }
}

/// What a held order wants after changes.
fn changed(known: &Order, changes: &Changes) -> Result<Wish, &'static str> {
    let mut wish = known.wish.clone();
    if changes.size.is_some_and(|size| known.link.parent.is_some() && size != wish.size) {
        return Err("the size is that of the order's group");
    }
    wish.size = changes.size.unwrap_or(wish.size);
    if changes.price.is_some() && wish.limit_follows() {
        return Err("the limit follows the trigger");
    }
    if changes.trigger.or(changes.trail).is_some() {
        let trigger = wish.trigger.as_mut().ok_or("the order waits for no price")?;
        if known.facts.triggered {
            return Err("the order's price has come");
        }
        let has_begun = trigger.price > Amount::ZERO;
        let trail = trigger.trail.as_mut();
        if let Some(offset) = changes.trail {
            let trail = trail.ok_or("the order's trigger does not follow")?;
            trail.offset = offset;
            // What it waited for to begin has come.
            trail.activation = trail.activation.filter(|_| !has_begun);
        }
        let follows_anew = changes.trail.map(|_| Amount::ZERO);
        let at = changes.trigger.or(follows_anew).unwrap_or(trigger.price);
        wish.price = wish.limit_at(at);
        wish.trigger = wish.trigger.map(|trigger| Trigger { price: at, ..trigger });
    }
    wish.price = changes.price.or(wish.price);
    Ok(wish)
}

/// What an order has, as a change would say it.
pub(super) fn values_of(order: &Order) -> Values {
    Values {
        price: order.wish.price,
        size: order.wish.size,
        price_trigger: order.wish.trigger.map(|trigger| trigger.price),
    }
}
