//! The release of what waited, through the same door as any order.

use rustonite_core::Amount;
use rustonite_core::datasets::{OrderEvent, OrderSide, RiskRequest, order_flags};
use rustonite_exec::{Journal, Link, Order, OrderId, Wish};
use rustonite_risk::{Code, Denial, Intent, Pass};

use super::Desk;
use super::risk_rows::Question;
use super::risks::{denied_as, denied_by};
use crate::strategy::{Denied, on_tick};

/// How far from the middle a market order is protected that limits want protected and nobody
/// protected, in parts of it: the widest that the collar lets pass.
const PROTECTIONS: [f64; 4] = [0.01, 0.005, 0.002, 0.001];

/// Codes of what stands against an order for a moment only.
pub(super) fn is_passing(code: Code) -> bool {
    matches!(
        code,
        Code::VenueDisconnected
            | Code::NotReconciled
            | Code::DeadManMissing
            | Code::FeedDisconnected
            | Code::PriceMissing
            | Code::SequenceGap
            | Code::StaleData
            | Code::Crossed
            | Code::Locked
            | Code::Volatility
            | Code::Latency
            | Code::SpreadToCross
            | Code::MessagesPerS
            | Code::MessagesPer10S
            | Code::OpenOrders
            | Code::VenueBudget
            | Code::Duplicate
    )
}

/// A part of an order, all of which is shown.
pub(super) fn slice_of(wish: &Wish, size: Amount) -> Wish {
    let flags = wish.flags & !order_flags::DISPLAY_RANDOM;
    Wish { size, size_display: None, flags, ..wish.clone() }
}

/// Why something that was due is not sent.
pub(super) struct Refused {
    denied: Denied,
    pub(super) asked: Question,
    pub(super) denial: Denial,
}

pub(super) type Passed = (Intent, Pass, Wish);

impl<J: Journal> Desk<J> {
    /// Sends a held order, if risk lets it pass. What stands against it for a moment puts it off,
    /// anything else ends it.
    pub(super) fn release(&mut self, order: OrderId, size: Amount, now: i64) {
        let Some(known) = self.ledger.order(order) else { return };
        let (parent, waited) = (known.link.parent, known.wish.trigger.is_some());
        let is_noted = known.facts.triggered || !waited;
        let wish = Wish { size: self.reducible(&known.wish, size), ..known.wish.clone() };
        match self.passed(RiskRequest::Release, order, parent, wish, now) {
            Ok((intent, pass, wish)) => {
                let at = self.moment(now);
                let released = self.ledger.release_as(at, order, wish.size, wish.price_protect);
                let Ok(request) = released else { return };
                self.waiting.put_off.remove(&order);
                self.tell_order(order, OrderEvent::Released, None);
                self.send(&intent, pass, &request, None, now);
                self.touch(order);
            }
            Err(refused) if self.is_put_off(order, &refused, now) => {
                if !is_noted {
                    self.note_triggered(order, size, now);
                }
            }
            Err(refused) => {
                self.deny_held(order, &refused, now);
                self.deny_parent(order, &refused, now);
            }
        }
    }

    /// Sends the next slice of a parent.
    pub(super) fn slice(&mut self, parent: OrderId, size: Amount, now: i64) {
        let Some(known) = self.ledger.order(parent) else { return };
        let mut wish = slice_of(&known.wish.sent(), size);
        // What its parent waited for has come.
        wish.flags &= !order_flags::EMULATED;
        let group = known.link.group;
        let link = Link { parent: Some(parent), group, ..Link::default() };
        let order = self.ledger.next_id();
        match self.passed(RiskRequest::Child, order, Some(parent), wish, now) {
            Ok((intent, pass, wish)) => {
                let ready = self.write_submit(wish, link, (intent, pass), now);
                let Ok(ready) = ready else { return };
                self.waiting.put_off.remove(&parent);
                self.send_submit(ready, now);
            }
            Err(refused) if self.is_put_off(parent, &refused, now) => {}
            Err(refused) => self.deny_held(parent, &refused, now),
        }
    }

    /// Whether an order that was refused is tried again. The first refusal is written down, and the
    /// last one.
    fn is_put_off(&mut self, order: OrderId, refused: &Refused, now: i64) -> bool {
        let (is_first, is_put_off) =
            (self.waiting.put_off.insert(order), is_passing(refused.denial.code));
        if is_first || !is_put_off {
            self.write_denial(refused.asked, &refused.denial, now);
        }
        is_put_off || !self.waiting.put_off.remove(&order)
    }

    fn deny_held(&mut self, order: OrderId, refused: &Refused, now: i64) {
        let (at, code) = (self.moment(now), refused.denial.code.name());
        if self.ledger.withdraw(at, order, OrderEvent::Denied, Some(code)).is_ok() {
            self.note_ended(order, OrderEvent::Denied, Some(refused.denied.to_string()));
        }
    }

    /// A parent whose last child was denied is denied for the same reason.
    fn deny_parent(&mut self, child: OrderId, refused: &Refused, now: i64) {
        let parent = self.ledger.order(child).and_then(|child| child.link.parent);
        let Some(parent) = parent else { return };
        let is_last = self.ledger.children(parent).all(Order::is_final);
        if is_last && self.ledger.order(parent).is_some_and(Order::is_split) {
            self.deny_held(parent, refused, now);
        }
    }

    /// What a reduce-only order may be at most now: positions moved since it was asked for.
    fn reducible(&self, wish: &Wish, size: Amount) -> Amount {
        if wish.flags & order_flags::REDUCE_ONLY == 0 && !wish.closes_a_side() {
            return size;
        }
        let position = self.position(wish.instrument, wish.position_side);
        let room = if wish.side == OrderSide::Sell { position } else { -position };
        if room > Amount::ZERO { size.min(room) } else { size }
    }

    /// Asks the risk layer. A market order that limits want protected, and that has no worst price,
    /// gets one.
    pub(super) fn passed(
        &mut self,
        request: RiskRequest,
        order: OrderId,
        parent: Option<OrderId>,
        mut wish: Wish,
        now: i64,
    ) -> Result<Passed, Box<Refused>> {
        let mut protections = PROTECTIONS.iter();
        let mut is_ours = false;
        let asked = Question::of(request, order, &wish);
        loop {
            let intent = self.intent(request, order, &wish, Amount::ZERO, now).map_err(|code| {
                Box::new(Refused { denied: denied_by(code), asked, denial: code.into() })
            })?;
            let intent = Intent { parent: parent.map(|parent| parent.0), ..intent };
            self.tell_room(request, &wish, now);
            let denial = match self.risk.check(&intent, now) {
                Ok(pass) => return Ok((intent, pass, wish)),
                Err(denial) => denial,
            };
            is_ours |= denial.code == Code::ProtectMissing;
            let narrower = protections.next().filter(|_| {
                is_ours && matches!(denial.code, Code::ProtectMissing | Code::PriceCollar)
            });
            let Some(price) = narrower.and_then(|part| self.protection(&wish, *part)) else {
                return Err(Box::new(Refused { denied: denied_as(&denial), asked, denial }));
            };
            wish.price_protect = Some(price);
        }
    }

    /// The worst price of a market order, so far from the middle.
    fn protection(&self, wish: &Wish, part: f64) -> Option<Amount> {
        let (middle, _) = self.references.get(wish.instrument.index())?;
        let away = if wish.side == OrderSide::Buy { 1.0 + part } else { 1.0 - part };
        on_tick(self.ledger.directory().listed(wish.instrument)?, wish.side, middle * away)
    }
}
