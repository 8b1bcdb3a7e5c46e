//! What venues say about orders, and what comes of it.

use rustonite_core::Amount;
use rustonite_core::datasets::{EventSource, OrderEvent, OrderKind, OrderSide, order_flags};

use crate::apply::{About, Told, Values, Verdict};
use crate::change::{AnomalyCode, Applied, Ask, Change};
use crate::journal::Journal;
use crate::ledger::Ledger;
use crate::order::{self, Leg, Link, Order};
use crate::orders::Place;
use crate::report::{Refusal, RefusalKind, Report, What};
use crate::request::Outcome;
use crate::rows::{NOT_SENT, OrderNote, about_reason, snapshot_note};
use crate::rules::External;
use crate::wish::{OrderId, Wish};

/// An order taken out of the ledger, and the leg that a report names.
pub(crate) struct Subject {
    pub(crate) order: Order,
    pub(crate) leg: usize,
    /// The leg that the report gave a name that no row has.
    pub(crate) renamed: Option<usize>,
    /// The next row is written even if its event changes nothing.
    pub(crate) is_due: bool,
}

/// What a row says besides the event.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Words<'a> {
    pub(crate) reason: Option<&'a str>,
    pub(crate) venue_code: Option<&'a str>,
    pub(crate) detail: Option<&'a str>,
}

impl<'a> Words<'a> {
    fn of(refusal: &'a Refusal) -> Self {
        let text = |text: &'a str| (!text.is_empty()).then_some(text);
        Self {
            reason: Some(refusal.reason.name()),
            venue_code: text(&refusal.venue_code),
            detail: text(&refusal.detail),
        }
    }

    pub(crate) fn reason(reason: &'a str) -> Self {
        Self { reason: Some(reason), ..Self::default() }
    }
}

impl<J: Journal> Ledger<J> {
    /// Takes what a venue says. What it says counts even if the journal takes no row; then
    /// [`Ledger::halted`] tells.
    pub fn report(&mut self, report: &Report) -> Change {
        let mut change = Change::default();
        if let What::Corrected(correction) = &report.what {
            self.correct(report, correction, &mut change);
            return change;
        }
        match self.subject(report, &mut change) {
            Some(mut subject) => {
                self.report_on(&mut subject, report, &mut change);
                self.put_back(subject, report.ts_recv, &mut change);
            }
            None => self.report_on_nobody(report, &mut change),
        }
        change
    }

    /// Puts an order back that a report has changed.
    pub(crate) fn put_back(&mut self, subject: Subject, now: i64, change: &mut Change) {
        let Subject { mut order, renamed, .. } = subject;
        change.order = Some(order.id);
        if let Some(leg) = renamed {
            let note = snapshot_note(&order, leg, now, None);
            let _ = self.scribe.order(&order, note);
        }
        order.ts_seen = order.ts_seen.max(now);
        self.holds.update(&mut self.balances, &self.scribe.directory, &order);
        self.orders.put(order);
    }

    // Whose it is

    /// Takes out the order that a report is about, with the names that the report gives it.
    pub(crate) fn subject(&mut self, report: &Report, change: &mut Change) -> Option<Subject> {
        let (account, instrument) = (report.account, report.instrument);
        let venue_id = report.venue_order_id.as_deref();
        let by_client_id = self.place_of(report).filter(|one| !self.is_used_again(*one, report));
        let by_venue_id = venue_id.and_then(|id| self.orders.by_venue_id(account, instrument, id));
        if let (Some((one, _)), Some((other, _))) = (by_client_id, by_venue_id)
            && one != other
        {
            let detail = format!("client id of order {}, venue id of order {}", one.0, other.0);
            change.odd(AnomalyCode::IdsDisagree, detail);
            if !is_answer(report) {
                change.ask(Ask::Order(one));
                change.ask(Ask::Order(other));
            }
        }
        let (id, leg) = by_client_id.or(by_venue_id)?;
        let mut order = self.orders.take(id)?;
        let mut renamed = None;
        if let Some(venue_id) = venue_id.filter(|_| by_venue_id.is_none())
            && order.legs[leg].venue_order_id.as_deref() != Some(venue_id)
        {
            order.legs[leg].venue_order_id = Some(venue_id.into());
            self.orders.add_venue_id(account, instrument, venue_id, (id, leg));
            renamed = Some(leg);
        }
        if by_client_id.is_none()
            && order.legs[leg].client_id.is_empty()
            && !report.client_id.is_empty()
        {
            // It was known by its number alone.
            order.legs[leg].client_id.clone_from(&report.client_id);
            self.orders.add_client_id(account, &report.client_id, (id, leg));
            renamed = Some(leg);
        }
        Some(Subject { order, leg, renamed, is_due: false })
    }

    /// Whether others have given two orders the client id of a report, one after the other, and it is
    /// about the one that is not found by it: their numbers tell.
    pub(crate) fn is_used_again(&self, (id, leg): Place, report: &Report) -> bool {
        let order = self.orders.get(id).filter(|order| order.is_external());
        let Some((order, number)) = order.zip(report.venue_order_id.as_deref()) else {
            return false;
        };
        match self.orders.by_venue_id(report.account, report.instrument, number) {
            Some((other, _)) if other == id => false,
            Some((other, _)) => {
                let other = self.orders.get(other);
                other.is_some_and(|other| other.leg_of(&report.client_id).is_some())
            }
            None => order.is_final() && order.legs[leg].venue_order_id.is_some(),
        }
    }

    /// The leg that the client ids of a report name; a new one of a known order is added to it.
    fn place_of(&mut self, report: &Report) -> Option<Place> {
        if report.client_id.is_empty() {
            return None;
        }
        if let Some(place) = self.orders.by_client_id(report.account, &report.client_id) {
            return Some(place);
        }
        let previous = report.client_id_prev.as_deref();
        let previous = previous.and_then(|id| self.orders.by_client_id(report.account, id));
        let (id, prev) = previous.or_else(|| self.own_place(report))?;
        let legs = self.orders.legs_mut(id)?;
        let leg = legs.len();
        let client_id = report.client_id.clone();
        legs.push(Leg { client_id, prev: Some(prev), ..Leg::default() });
        self.orders.name(id, leg);
        Some((id, leg))
    }

    /// The order of a client id that we have made and whose row was lost.
    fn own_place(&self, report: &Report) -> Option<(OrderId, usize)> {
        let (id, _) = self.rules(report.account).ok()?.client_ids.read(&report.client_id)?;
        self.orders.get(id).map(|order| (id, order.leg))
    }

    // What it says

    fn report_on(&mut self, subject: &mut Subject, report: &Report, change: &mut Change) {
        match &report.what {
            What::Accepted => self.accepted(subject, report, About::Nothing, change),
            What::Suspended(true) => self.accepted(subject, report, About::Suspended, change),
            What::Suspended(false) => self.accepted(subject, report, About::Resumed, change),
            What::Triggered => self.say(subject, report, OrderEvent::Triggered, change),
            What::Rejected(refusal) => self.rejected(subject, report, refusal, change),
            What::Replaced { price, size } => {
                let price = price.or(subject.order.wish.price);
                let values = Values { price, size: *size, price_trigger: None };
                let told = told_by(subject, report, OrderEvent::Replaced);
                let told = Told { values: Some(values), ..told };
                self.tell(subject, report, &told, Words::default(), change);
            }
            What::ReplaceRejected(refusal) => {
                subject.leg = change_leg(&subject.order, subject.leg);
                let told = told_by(subject, report, OrderEvent::ReplaceRejected);
                self.tell(subject, report, &told, Words::of(refusal), change);
                doubt_refusal(subject, refusal, change);
            }
            What::CancelRejected(refusal) => {
                let told = told_by(subject, report, OrderEvent::CancelRejected);
                self.tell(subject, report, &told, Words::of(refusal), change);
                doubt_refusal(subject, refusal, change);
            }
            What::Cancelled { size_filled, size_prevented, refusal } => {
                let figures = (*size_filled, *size_prevented);
                let event = OrderEvent::Cancelled;
                self.ended(subject, report, event, figures, refusal.as_ref(), change);
            }
            What::Expired { size_filled, size_prevented, refusal } => {
                let figures = (*size_filled, *size_prevented);
                let event = OrderEvent::Expired;
                self.ended(subject, report, event, figures, refusal.as_ref(), change);
            }
            What::Fill(fill) => self.fill(subject, report, fill, change),
            What::Ended { request, outcome, detail } => {
                self.request_ended(subject, report, *request, *outcome, detail, change);
            }
            What::Picture(picture) => self.picture(subject, report, picture, change),
            What::NotFound => self.not_found(subject, report, change),
            What::Corrected(_) => {}
        }
    }

    fn accepted(
        &mut self,
        subject: &mut Subject,
        report: &Report,
        about: About,
        change: &mut Change,
    ) {
        self.infer_change_done(subject, report, None, change);
        let told = Told { about, ..told_by(subject, report, OrderEvent::Accepted) };
        self.tell(subject, report, &told, Words::default(), change);
    }

    fn rejected(
        &mut self,
        subject: &mut Subject,
        report: &Report,
        refusal: &Refusal,
        change: &mut Change,
    ) {
        let order = &subject.order;
        if subject.leg != order.leg && order.changes.iter().any(|one| one.leg == subject.leg) {
            // Where a change is a new order, that one was refused.
            let told = told_by(subject, report, OrderEvent::ReplaceRejected);
            self.tell(subject, report, &told, Words::of(refusal), change);
            return;
        }
        if refusal.reason == RefusalKind::DuplicateId {
            // Something of this id is there: perhaps our own request, sent twice on the way.
            change.odd(AnomalyCode::DuplicateId, &*subject.order.legs[subject.leg].client_id);
            change.ask(Ask::Order(subject.order.id));
            let told = told_by(subject, report, OrderEvent::OutcomeUnknown);
            let told = Told { about: About::Submit, ..told };
            let words = Words { reason: None, ..Words::of(refusal) };
            self.tell(subject, report, &told, words, change);
            return;
        }
        let told = told_by(subject, report, OrderEvent::Rejected);
        self.tell(subject, report, &told, Words::of(refusal), change);
    }

    fn ended(
        &mut self,
        subject: &mut Subject,
        report: &Report,
        event: OrderEvent,
        (size_filled, size_prevented): (Option<Amount>, Option<Amount>),
        refusal: Option<&Refusal>,
        change: &mut Change,
    ) {
        self.infer_change_done(subject, report, None, change);
        subject.order.size_prevented = size_prevented.or(subject.order.size_prevented);
        let told = told_by(subject, report, event);
        let words = refusal.map(Words::of).unwrap_or_default();
        self.tell(subject, report, &told, words, change);
        if let Some(size_filled) = size_filled {
            self.compare_figures(subject, size_filled, change);
        }
    }

    fn request_ended(
        &mut self,
        subject: &mut Subject,
        report: &Report,
        request: OrderEvent,
        outcome: Outcome,
        detail: &str,
        change: &mut Change,
    ) {
        let (refused, about) = match request {
            OrderEvent::Submitted => (OrderEvent::Rejected, About::Submit),
            OrderEvent::ReplaceAsked => (OrderEvent::ReplaceRejected, About::Replace),
            OrderEvent::CancelAsked => (OrderEvent::CancelRejected, About::Cancel),
            _ => return,
        };
        let is_its = |one: &order::Change| one.leg == subject.leg;
        if about == About::Replace && !subject.order.changes.iter().any(is_its) {
            // It was settled before; what is in flight is another one.
            return;
        }
        let detail = (!detail.is_empty()).then_some(detail);
        if outcome == Outcome::NotSent {
            let told = told_by(subject, report, refused);
            let words = Words { reason: Some(NOT_SENT), venue_code: None, detail };
            self.tell(subject, report, &told, words, change);
            return;
        }
        let told = Told { about, ..told_by(subject, report, OrderEvent::OutcomeUnknown) };
        let words = Words { detail, ..Words::default() };
        if self.tell(subject, report, &told, words, change) == Verdict::Changed {
            change.ask(Ask::Order(subject.order.id));
        }
    }

    // Rows

    fn say(
        &mut self,
        subject: &mut Subject,
        report: &Report,
        event: OrderEvent,
        change: &mut Change,
    ) {
        let told = told_by(subject, report, event);
        self.tell(subject, report, &told, Words::default(), change);
    }

    /// Applies an event and writes its row if anything came of it.
    pub(crate) fn tell(
        &mut self,
        subject: &mut Subject,
        report: &Report,
        told: &Told,
        words: Words<'_>,
        change: &mut Change,
    ) -> Verdict {
        let order = &mut subject.order;
        let before = order.state;
        let verdict = order.apply(told);
        if verdict == Verdict::Ignored && !subject.is_due {
            return verdict;
        }
        subject.is_due = false;
        subject.renamed = subject.renamed.filter(|leg| *leg != told.leg);
        if verdict == Verdict::Anomaly {
            let detail = format!("{} while {}", told.event.name(), before.name());
            change.odd(AnomalyCode::UnexpectedEvent, detail);
            if !is_answer(report) {
                change.ask(Ask::Order(order.id));
            }
        }
        if verdict != Verdict::Ignored {
            change.events.push(Applied { event: told.event, before, after: order.state });
        }
        let odd = (verdict == Verdict::Anomaly).then(|| AnomalyCode::UnexpectedEvent.name());
        let note = OrderNote {
            event: told.event,
            source: told.source,
            ts_event: told.ts_event,
            ts_recv: report.ts_recv,
            leg: told.leg,
            reason: about_reason(told.about).or(words.reason).or(odd),
            venue_code: words.venue_code,
            detail: words.detail,
            market_seq: None,
        };
        // A row that is not taken halts trading; what the venue says is true all the same.
        let _ = self.scribe.order(order, note);
        verdict
    }

    /// A report by the id of a change says that the change is done.
    pub(crate) fn infer_change_done(
        &mut self,
        subject: &mut Subject,
        report: &Report,
        values: Option<Values>,
        change: &mut Change,
    ) {
        let order = &subject.order;
        if subject.leg <= order.leg {
            return;
        }
        let asked = order.changes.iter().find(|one| one.leg == subject.leg);
        let asked = asked.map(|one| Values {
            price: one.price,
            size: one.size,
            price_trigger: one.price_trigger,
        });
        let wish = &order.wish;
        let same = Values { price: wish.price, size: wish.size, price_trigger: None };
        let told = Told {
            values: values.or(asked).or(Some(same)),
            source: EventSource::Inferred,
            ..told_by(subject, report, OrderEvent::Replaced)
        };
        self.tell(subject, report, &told, Words::default(), change);
    }

    // Orders that are not known

    fn report_on_nobody(&mut self, report: &Report, change: &mut Change) {
        let found = match &report.what {
            What::Fill(fill) => {
                if self.was_counted(report, fill, change) {
                    return;
                }
                if report.client_id.is_empty() && report.venue_order_id.is_none() {
                    return self.book_without_order(report, fill, change);
                }
                let unnamed = self.perhaps_of(report, fill.side);
                if !unnamed.is_empty() {
                    // Not counted as another's: once the venue has named them it is asked again.
                    change.odd(AnomalyCode::UnknownOrder, &*fill.fill_id);
                    unnamed.into_iter().for_each(|id| change.ask(Ask::Order(id)));
                    change.ask(Ask::Fills(report.account, report.instrument));
                    return;
                }
                let started = self.perhaps_started(report, fill.side);
                if !started.is_empty() {
                    // If it was none of them the next comparison says so.
                    change.odd(AnomalyCode::UnknownOrder, &*fill.fill_id);
                    started.into_iter().for_each(|id| change.ask(Ask::Order(id)));
                    return;
                }
                (fill.side, None, Amount::ZERO, crate::filling::venue_flags(fill.kind))
            }
            What::Picture(picture) if !crate::table::is_final(picture.state) => {
                (picture.side, picture.price, picture.size, 0)
            }
            What::Accepted | What::Triggered | What::Replaced { .. } => {
                change.odd(AnomalyCode::UnknownOrder, &*report.client_id);
                change.ask(Ask::OpenOrders(report.account));
                return;
            }
            // The end of what never was here.
            _ => return,
        };
        let mut subject = self.found(report, found, change);
        self.report_on(&mut subject, report, change);
        self.put_back(subject, report.ts_recv, change);
    }

    /// Orders of ours that a report by the venue's number alone may be about: those whose number we
    /// have not been told.
    pub(crate) fn perhaps_of(&self, report: &Report, side: OrderSide) -> Vec<OrderId> {
        let unnamed = |order: &Order| {
            let waits =
                crate::table::is_at_venue(order.state) || order.size_announced > order.size_filled;
            waits && order.legs_known().any(|leg| leg.venue_order_id.is_none())
        };
        self.perhaps(report, side, unnamed)
    }

    /// The same of those that may have another number by now: what waits for a price comes to the
    /// book under a new one, and of orders of others we do not know what they wait for.
    pub(crate) fn perhaps_started(&self, report: &Report, side: OrderSide) -> Vec<OrderId> {
        let waited = |order: &Order| {
            let wish = &order.wish;
            let has_waited = wish.trigger.is_some() && !wish.is_emulated();
            crate::table::is_at_venue(order.state)
                && (has_waited || order.is_external())
                && !order.is_told_by_fills()
        };
        self.perhaps(report, side, waited)
    }

    fn perhaps(
        &self,
        report: &Report,
        side: OrderSide,
        fits: impl Fn(&Order) -> bool,
    ) -> Vec<OrderId> {
        if !report.client_id.is_empty() {
            return Vec::new();
        }
        let of_it = |order: &&Order| {
            let wish = &order.wish;
            let place = (wish.account, wish.instrument, wish.side);
            place == (report.account, report.instrument, side) && fits(order)
        };
        let orders = self.orders.open_or_lacking().filter(of_it);
        let mut orders: Vec<_> = orders.map(|one| one.id).collect();
        orders.sort_unstable();
        orders
    }

    /// Makes known an order that the venue has and we have not: placed by others, or forgotten.
    fn found(
        &mut self,
        report: &Report,
        (side, price, size, flags): (OrderSide, Option<Amount>, Amount, i32),
        change: &mut Change,
    ) -> Subject {
        let rules = self.rules(report.account).ok();
        let own = rules.and_then(|rules| rules.client_ids.read(&report.client_id));
        let adopted = rules.is_some_and(|rules| rules.external == External::Adopted);
        let external = order_flags::EXTERNAL | if adopted { order_flags::ADOPTED } else { 0 };
        let (id, code, flags) = match own {
            Some((id, _)) => (id, AnomalyCode::ForgottenOrder, flags),
            None => (self.orders.next_id(), AnomalyCode::ExternalOrder, flags | external),
        };
        let wish = Wish {
            account: report.account,
            strategy: None,
            instrument: report.instrument,
            side,
            kind: OrderKind::Unknown,
            tif: None,
            price,
            price_protect: None,
            size,
            size_quote: None,
            size_display: None,
            size_min: None,
            trigger: None,
            flags,
            position_side: None,
            stp: None,
            ts_expire: None,
            tags: None,
        };
        let mut order = Order::new(id, wish, Link::default(), report.client_id.clone());
        order.be_found();
        if let What::Picture(picture) = &report.what {
            order.learn_kind(picture.limit_tif);
        }
        order.legs[0].venue_order_id.clone_from(&report.venue_order_id);
        let theirs = report.venue_order_id.as_deref().unwrap_or_default();
        change.odd(code, if report.client_id.is_empty() { theirs } else { &*report.client_id });
        change.ask(Ask::Order(id));
        self.orders.add(order.clone());
        self.orders.take(id);
        let mut subject = Subject { order, leg: 0, renamed: None, is_due: true };
        let told = told_by(&subject, report, OrderEvent::Accepted);
        self.tell(&mut subject, report, &told, Words::reason(code.name()), change);
        subject
    }
}

/// Whether a report answers a query. What is odd about it is not asked again, because the answer
/// would be the same, without end.
fn is_answer(report: &Report) -> bool {
    matches!(report.what, What::Picture(_) | What::NotFound)
}

/// The leg of the change that a report is about: the named one, else the oldest in flight.
fn change_leg(order: &Order, named: usize) -> usize {
    let mut legs = order.changes.iter().map(|change| change.leg);
    if legs.clone().any(|leg| leg == named) {
        return named;
    }
    legs.next().unwrap_or(named)
}

/// An event as a report tells it.
pub(crate) fn told_by(subject: &Subject, report: &Report, event: OrderEvent) -> Told {
    Told {
        event,
        source: report.source,
        ts_event: report.ts_event,
        leg: subject.leg,
        values: None,
        about: About::Nothing,
    }
}

/// A refusal that says that the order is gone, while here it is open: its end was missed.
fn doubt_refusal(subject: &Subject, refusal: &Refusal, change: &mut Change) {
    let gone = matches!(refusal.reason, RefusalKind::TooLate | RefusalKind::UnknownOrder);
    if gone && !subject.order.is_final() {
        change.odd(AnomalyCode::OpenDespiteRefusal, &*refusal.detail);
        change.ask(Ask::Order(subject.order.id));
    }
}
