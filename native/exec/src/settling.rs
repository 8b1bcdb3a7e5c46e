//! Answers to queries: pictures of orders, and orders that a venue does not find.

use rustonite_core::Amount;
use rustonite_core::datasets::{EventSource, OrderEvent, OrderState};

use crate::apply::{About, Told, Values};
use crate::change::{AnomalyCode, Ask, Change};
use crate::journal::Journal;
use crate::ledger::Ledger;
use crate::order::{Flight, Order};
use crate::report::{OrderPicture, Report};
use crate::reports::{Subject, Words, told_by};
use crate::rows::NOT_FOUND;

impl<J: Journal> Ledger<J> {
    /// Takes an order as a query shows it. A picture may be older than what the stream has told
    /// since, so it opens nothing that has ended, but for what was thought refused.
    pub(crate) fn picture(
        &mut self,
        subject: &mut Subject,
        report: &Report,
        picture: &OrderPicture,
        change: &mut Change,
    ) {
        if picture.side != subject.order.wish.side {
            change.odd(AnomalyCode::SettingsDiffer, "its side is the other one");
            return;
        }
        subject.is_due |= subject.order.learn_kind(picture.limit_tif);
        let values = Values {
            price: picture.price.or(subject.order.wish.price),
            size: self.whole_size(&subject.order, subject.leg, picture.size),
            price_trigger: picture.price_trigger.filter(|_| has_fixed_trigger(&subject.order)),
        };
        self.infer_change_done(subject, report, Some(values), change);
        let order = &subject.order;
        if order.is_final() && order.state != picture.state && order.wish.size != values.size {
            // It ended otherwise than thought, with another size: a change was missed.
            self.compare_settings(subject, report, values, change);
        }
        let size_filled = picture.size_filled - self.counted_as_others(subject, report);
        let missing = size_filled > self.size_counted(&subject.order, subject.leg);
        match picture.state {
            OrderState::Cancelled => {
                self.query_event(subject, report, OrderEvent::Cancelled, change);
            }
            OrderState::Expired => self.query_event(subject, report, OrderEvent::Expired, change),
            OrderState::Rejected => self.query_event(subject, report, OrderEvent::Rejected, change),
            // It has ended once the missing fills are here, and not before.
            OrderState::Filled if !missing => self.picture_filled(subject, report, change),
            _ => self.picture_open(subject, report, picture.state, values, change),
        }
        if missing || subject.order.is_final() {
            self.compare_figures(subject, size_filled, change);
        }
    }

    /// What of an order of ours was counted as one of others, which has its number: a stop that was
    /// reached while nobody listened comes to the book under a new one.
    fn counted_as_others(&self, subject: &Subject, report: &Report) -> Amount {
        let number = report.venue_order_id.as_deref().filter(|_| !subject.order.is_external());
        let place = number
            .and_then(|number| self.orders.by_venue_id(report.account, report.instrument, number));
        let other = place.and_then(|(id, _)| self.orders.get(id));
        other.filter(|other| other.is_external()).map_or(Amount::ZERO, |other| other.size_filled)
    }

    fn query_event(
        &mut self,
        subject: &mut Subject,
        report: &Report,
        event: OrderEvent,
        change: &mut Change,
    ) {
        let told = told_by_query(subject, report, event);
        self.tell(subject, report, &told, Words::default(), change);
    }

    /// The whole size of an order of which a venue shows one leg.
    pub(crate) fn whole_size(&self, order: &Order, leg: usize, size: Amount) -> Amount {
        size + order.size_filled - self.size_counted(order, leg)
    }

    fn picture_filled(&mut self, subject: &mut Subject, report: &Report, change: &mut Change) {
        if subject.order.is_final() {
            return;
        }
        let told = told_by_query(subject, report, OrderEvent::FinalFill);
        let told = Told { about: About::Done, ..told };
        self.tell(subject, report, &told, Words::default(), change);
    }

    fn picture_open(
        &mut self,
        subject: &mut Subject,
        report: &Report,
        state: OrderState,
        values: Values,
        change: &mut Change,
    ) {
        let order = &subject.order;
        if order.is_final() {
            let newer = report.ts_event >= order.ts_changed;
            let larger = order.state == OrderState::Filled && values.size > order.size_filled;
            if order.state == OrderState::Rejected && state != OrderState::Filled {
                self.reopen(subject, report, change);
            } else if larger && newer && state != OrderState::Filled {
                // A change to a larger size was missed, and the order is not full.
                self.settings_by_query(subject, report, values, change);
            }
            return;
        }
        if subject.leg < subject.order.leg {
            // An old picture of what a change has taken away since.
            return;
        }
        let event = match state {
            OrderState::Triggered => OrderEvent::Triggered,
            _ => OrderEvent::Accepted,
        };
        let suspended = state == OrderState::Suspended;
        let about = if suspended { About::Suspended } else { About::Nothing };
        let told = Told { about, ..told_by_query(subject, report, event) };
        self.tell(subject, report, &told, Words::default(), change);
        if state != OrderState::PendingReplace {
            self.settle_changes(subject, report, values, change);
        }
        if subject.order.facts.cancel == Flight::Unknown && state != OrderState::PendingCancel {
            let told = told_by_query(subject, report, OrderEvent::CancelRejected);
            self.tell(subject, report, &told, Words::reason("not_done"), change);
        }
        self.compare_settings(subject, report, values, change);
    }

    /// A change whose outcome is not known was done if the venue shows its values.
    fn settle_changes(
        &mut self,
        subject: &mut Subject,
        report: &Report,
        values: Values,
        change: &mut Change,
    ) {
        let lost = subject.order.changes.iter().filter(|one| one.flight == Flight::Unknown);
        let lost: Vec<_> = lost.map(|one| (one.leg, one.is_to(&values))).collect();
        for (leg, is_so) in lost {
            let done = leg == subject.leg && is_so;
            let event = if done { OrderEvent::Replaced } else { OrderEvent::ReplaceRejected };
            let told = told_by_query(subject, report, event);
            let told = Told { leg, values: done.then_some(values), ..told };
            let words = if done { Words::default() } else { Words::reason("not_done") };
            self.tell(subject, report, &told, words, change);
        }
    }

    /// Nothing is in flight, and the venue has another price or size.
    fn compare_settings(
        &mut self,
        subject: &mut Subject,
        report: &Report,
        values: Values,
        change: &mut Change,
    ) {
        let order = &subject.order;
        let trigger = order.wish.trigger.map(|trigger| trigger.price);
        let differs = (order.wish.price, order.wish.size) != (values.price, values.size)
            || trigger.zip(values.price_trigger).is_some_and(|(here, there)| here != there);
        let sized = order.wish.size_quote.is_none();
        let newer = report.ts_event >= order.ts_changed;
        if !(differs && sized && newer && order.changes.is_empty()) {
            return;
        }
        if order.wish.size > Amount::ZERO {
            let price = |price: Option<Amount>| price.map_or("none".to_owned(), |p| p.to_string());
            let here = (order.wish.size, price(order.wish.price));
            let there = (values.size, price(values.price));
            let waits = trigger.zip(values.price_trigger).filter(|(here, there)| here != there);
            let waits =
                waits.map(|(here, there)| format!("; started by {here} here, {there} there"));
            let detail = format!(
                "{} at {} here, {} at {} there{}",
                here.0,
                here.1,
                there.0,
                there.1,
                waits.unwrap_or_default()
            );
            change.odd(AnomalyCode::SettingsDiffer, detail);
        }
        self.settings_by_query(subject, report, values, change);
    }

    fn settings_by_query(
        &mut self,
        subject: &mut Subject,
        report: &Report,
        values: Values,
        change: &mut Change,
    ) {
        let told = told_by_query(subject, report, OrderEvent::Replaced);
        let told = Told { values: Some(values), ..told };
        self.tell(subject, report, &told, Words::default(), change);
    }

    /// The venue works an order that was thought refused.
    fn reopen(&mut self, subject: &mut Subject, report: &Report, change: &mut Change) {
        subject.order.be_doubted();
        subject.is_due = true;
        let told = told_by_query(subject, report, OrderEvent::Accepted);
        self.tell(subject, report, &told, Words::default(), change);
        change.odd(AnomalyCode::UnexpectedEvent, "the venue works an order that was refused");
    }

    /// The venue does not find an order. That settles a request whose outcome is not known, and
    /// nothing else: not one that is in flight, nor an order that the venue has spoken of.
    pub(crate) fn not_found(
        &mut self,
        subject: &mut Subject,
        report: &Report,
        change: &mut Change,
    ) {
        let order = &subject.order;
        if order.is_final() {
            return;
        }
        let lost = |flight: Flight| flight == Flight::Unknown;
        if subject.leg > order.leg {
            let never = order.changes.iter().any(|one| one.leg == subject.leg && lost(one.flight));
            if never && order.legs[subject.leg].size_filled == Amount::ZERO {
                let told = told_by_query(subject, report, OrderEvent::ReplaceRejected);
                self.tell(subject, report, &told, Words::reason(NOT_FOUND), change);
                change.ask(Ask::Order(subject.order.id));
            }
            return;
        }
        if order.facts.known || order.size_filled > Amount::ZERO {
            change.odd(AnomalyCode::NotFoundButKnown, order.client_id());
            change.ask(Ask::OpenOrders(report.account));
            change.ask(Ask::Fills(report.account, report.instrument));
            return;
        }
        if lost(order.facts.submit) {
            let told = told_by_query(subject, report, OrderEvent::Rejected);
            self.tell(subject, report, &told, Words::reason(NOT_FOUND), change);
        }
    }
}

/// Whether an order waits for a price that stays where it was set.
fn has_fixed_trigger(order: &Order) -> bool {
    order.wish.trigger.is_some_and(|trigger| trigger.trail.is_none())
}

/// An event as a query tells it: an answer, which ends doubt.
fn told_by_query(subject: &Subject, report: &Report, event: OrderEvent) -> Told {
    let told = told_by(subject, report, event);
    match told.source {
        EventSource::Reconciliation => told,
        _ => Told { source: EventSource::Rest, ..told },
    }
}
