//! What an event does to an order: the facts first, then the state by the table.
//!
//! Rows of the journal and reports of a venue come through here alike, so that a restart ends where
//! the process before it was.

use rustonite_core::Amount;
use rustonite_core::datasets::{EventSource, OrderEvent, OrderState};

use crate::order::{Change, Flight, Order};
use crate::table::{self, Cell, Next};

/// An event and what it says.
#[derive(Clone, Copy, Debug)]
pub struct Told {
    /// What happened.
    pub event: OrderEvent,
    /// How we know.
    pub source: EventSource,
    /// When, by the venue's clock.
    pub ts_event: i64,
    /// The leg it names.
    pub leg: usize,
    /// Of a change: limit, whole size, trigger price.
    pub values: Option<Values>,
    /// What the event alone does not say.
    pub about: About,
}

/// What a change changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Values {
    /// Limit.
    pub price: Option<Amount>,
    /// Whole size, filled part included.
    pub size: Amount,
    /// Trigger price.
    pub price_trigger: Option<Amount>,
}

/// What an event alone does not say.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum About {
    /// Nothing.
    #[default]
    Nothing,
    /// The venue keeps the order and does not work it.
    Suspended,
    /// It works it again.
    Resumed,
    /// It is the submit whose outcome is not known.
    Submit,
    /// It is a change.
    Replace,
    /// It is a cancel.
    Cancel,
    /// Nothing is left of an order whose size is not known beforehand.
    Done,
}

/// What came of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Something is different now.
    Changed,
    /// Known already, or too late to matter.
    Ignored,
    /// It should not have happened.
    Anomaly,
}

impl Order {
    /// Takes an event.
    pub fn apply(&mut self, told: &Told) -> Verdict {
        let before = self.state;
        if self.is_split() && matches!(told.event, OrderEvent::PartialFill | OrderEvent::FinalFill)
        {
            return self.take_fill_of_child();
        }
        let cell = table::look(before, told.event);
        match cell {
            Cell::Ignored => return Verdict::Ignored,
            _ if self.is_of_old_leg(told) => return Verdict::Ignored,
            // What is odd and counts for nothing must not be remembered either.
            Cell::Anomaly(Next::Stays) => return Verdict::Anomaly,
            _ => {}
        }
        let facts = self.facts;
        let mark = self.mark();
        let contradicts = self.take_facts(told);
        self.state = match cell {
            _ if contradicts => self.after(Next::Doubt),
            Cell::Legal(next) | Cell::Anomaly(next) => self.after(next),
            Cell::Ignored => before,
        };
        self.flag_overfill();
        match cell {
            Cell::Anomaly(_) => Verdict::Anomaly,
            _ if contradicts => Verdict::Anomaly,
            _ if before == self.state && facts == self.facts && mark == self.mark() => {
                Verdict::Ignored
            }
            _ => Verdict::Changed,
        }
    }

    /// A fill of a child was counted: a parent waits until it is full.
    fn take_fill_of_child(&mut self) -> Verdict {
        if !self.is_final() && self.is_full() {
            self.state = OrderState::Filled;
        }
        self.flag_overfill();
        Verdict::Changed
    }

    /// What an event can change besides state and facts.
    fn mark(&self) -> (usize, [usize; 2], Amount, [Option<Amount>; 2]) {
        let lost = self.changes.iter().filter(|change| change.flight == Flight::Unknown);
        let prices = [self.wish.price, self.wish.trigger.map(|trigger| trigger.price)];
        (self.leg, [self.changes.len(), lost.count()], self.wish.size, prices)
    }

    /// The end of an order whose change has already put another in its place.
    fn is_of_old_leg(&self, told: &Told) -> bool {
        let ends = matches!(told.event, OrderEvent::Cancelled | OrderEvent::Expired);
        ends && told.leg < self.leg
    }

    fn after(&mut self, next: Next) -> OrderState {
        match next {
            Next::Stays => self.state,
            Next::To(state) => state,
            Next::Works => self.works(),
            Next::Doubt => {
                self.be_doubted();
                OrderState::Unknown
            }
        }
    }

    /// Counts what an event says; true if it contradicts the fills.
    fn take_facts(&mut self, told: &Told) -> bool {
        if matches!(told.source, EventSource::Rest | EventSource::Reconciliation) {
            // An answer to a query.
            self.facts.doubt = false;
        }
        match told.event {
            OrderEvent::Submitted => self.facts.submit = Flight::Asked,
            OrderEvent::Accepted => self.take_accepted(told.about),
            OrderEvent::Rejected => return self.take_rejected(),
            OrderEvent::ReplaceAsked => self.take_change_asked(told),
            OrderEvent::Replaced => self.take_replaced(told),
            OrderEvent::ReplaceRejected => self.take_change_refused(told),
            OrderEvent::CancelAsked => self.facts.cancel = Flight::Asked,
            OrderEvent::CancelRejected => self.facts.cancel = Flight::Settled,
            OrderEvent::Cancelled => self.take_end(OrderState::Cancelled, told.leg),
            OrderEvent::Expired => self.take_end(OrderState::Expired, told.leg),
            OrderEvent::Triggered => {
                if !self.is_held() {
                    self.take_known();
                }
                self.facts.triggered = true;
            }
            OrderEvent::PartialFill | OrderEvent::FinalFill => self.take_filled(told),
            OrderEvent::Corrected => {
                // The venue does not say whether what was taken back can be filled again.
                self.facts.doubt |= self.state == OrderState::Filled && !self.is_full();
            }
            OrderEvent::OutcomeUnknown => self.take_unknown(told),
            OrderEvent::Released => self.facts.triggered |= self.wish.trigger.is_some(),
            OrderEvent::Denied | OrderEvent::Held => {}
        }
        false
    }

    fn take_known(&mut self) {
        self.facts.known = true;
        self.facts.submit = Flight::Settled;
    }

    fn take_accepted(&mut self, about: About) {
        self.take_known();
        match about {
            About::Suspended => self.facts.suspended = true,
            About::Resumed => self.facts.suspended = false,
            _ => {}
        }
    }

    fn take_rejected(&mut self) -> bool {
        self.facts.submit = Flight::Settled;
        self.facts.cancel = Flight::Settled;
        self.changes.clear();
        if self.size_filled > Amount::ZERO && self.state != OrderState::Filled {
            return true;
        }
        if !table::is_final(self.state) {
            self.facts.ended = Some(OrderState::Rejected);
        }
        false
    }

    fn take_end(&mut self, state: OrderState, leg: usize) {
        if self.facts.ended.is_none() {
            self.facts.ended = Some(state);
            self.facts.ended_leg = leg;
        }
        self.facts.submit = Flight::Settled;
        self.facts.cancel = Flight::Settled;
        self.facts.doubt = false;
        self.changes.clear();
    }

    fn take_filled(&mut self, told: &Told) {
        self.take_known();
        if told.about == About::Done {
            self.facts.ended = Some(OrderState::Filled);
        }
    }

    fn take_change_asked(&mut self, told: &Told) {
        let Some(Values { price, size, price_trigger }) = told.values else { return };
        let (leg, flight) = (told.leg, Flight::Asked);
        self.changes.push(Change { leg, price, size, price_trigger, flight });
    }

    fn take_replaced(&mut self, told: &Told) {
        let Some(values) = told.values else { return };
        if self.is_held() {
            self.take_values(values, values.price_trigger);
            return;
        }
        self.take_known();
        let mut price_trigger = values.price_trigger;
        // The venue works changes off in order: those before this one are settled, too.
        if let Some(done) = self.change_done(told.leg, &values) {
            price_trigger = price_trigger.or(self.changes[done].price_trigger);
            self.changes.drain(..=done);
        }
        let newer =
            told.leg > self.leg || (told.leg == self.leg && told.ts_event >= self.ts_changed);
        if !newer {
            return;
        }
        self.leg = told.leg;
        // The venue's own word is still to come, with an earlier time.
        let inferred = told.source == EventSource::Inferred;
        self.ts_changed = if inferred { i64::MIN } else { told.ts_event };
        self.take_values(values, price_trigger);
        if self.facts.ended.is_some() && self.facts.ended_leg < self.leg {
            self.facts.ended = None;
        }
    }

    fn take_values(&mut self, values: Values, price_trigger: Option<Amount>) {
        self.wish.price = values.price.or(self.wish.price);
        self.wish.size = values.size;
        if let (Some(trigger), Some(price)) = (&mut self.wish.trigger, price_trigger) {
            trigger.price = price;
        }
    }

    /// Which change in flight a change that is done, or refused, was.
    fn change_done(&self, leg: usize, values: &Values) -> Option<usize> {
        let of_leg = |change: &Change| change.leg == leg;
        let same = |change: &Change| of_leg(change) && change.is_to(values);
        let exact = self.changes.iter().position(same);
        // The venue may have made something else of it.
        exact.or_else(|| self.changes.iter().position(of_leg).filter(|_| !self.is_so(leg, values)))
    }

    /// Whether these values are in force already: an answer and a stream both tell what is done, and the
    /// second of them is not about the change that was asked for in between.
    fn is_so(&self, leg: usize, values: &Values) -> bool {
        let triggers = self.wish.trigger.zip(values.price_trigger);
        leg == self.leg
            && values.price.is_none_or(|price| Some(price) == self.wish.price)
            && values.size == self.wish.size
            && triggers.is_none_or(|(trigger, price)| trigger.price == price)
    }

    fn take_change_refused(&mut self, told: &Told) {
        let of_leg = |change: &Change| change.leg == told.leg;
        if let Some(refused) = self.changes.iter().position(of_leg) {
            self.changes.remove(refused);
        }
    }

    fn take_unknown(&mut self, told: &Told) {
        let lose = |flight: &mut Flight| {
            if *flight == Flight::Asked {
                *flight = Flight::Unknown;
            }
        };
        match told.about {
            About::Submit => lose(&mut self.facts.submit),
            About::Cancel => lose(&mut self.facts.cancel),
            About::Replace => {
                let of_leg =
                    |change: &&mut Change| change.leg == told.leg && change.flight == Flight::Asked;
                if let Some(change) = self.changes.iter_mut().find(of_leg) {
                    lose(&mut change.flight);
                }
            }
            _ => self.facts.doubt = true,
        }
    }
}
