//! Executions: counted once, whatever source they come from and in whatever order.

use rustonite_core::Amount;
use rustonite_core::datasets::{Contingency, FillKind, Liquidity, OrderEvent, order_flags};
use rustonite_core::ids::{AccountId, InstrumentId};

use crate::apply::Told;
use crate::booking::{Closed, signed};
use crate::change::{AnomalyCode, Ask, Booked, Change};
use crate::fills::Counted;
use crate::journal::Journal;
use crate::ledger::Ledger;
use crate::order::Order;
use crate::report::{Correction, Fill, Report};
use crate::reports::{Subject, Words, told_by};
use crate::rows::{Booking, is_execution};
use crate::rules::Figures;

/// Largest price or size: 10^16 whole units, so that sums and products can be counted.
const FIGURE_MAX: i128 = 10_i128.pow(34);

/// What a kind of execution says about its order.
pub(crate) fn venue_flags(kind: FillKind) -> i32 {
    match kind {
        FillKind::Liquidation | FillKind::Adl | FillKind::Delivery => order_flags::VENUE_MADE,
        _ => 0,
    }
}

impl<J: Journal> Ledger<J> {
    /// Whether an execution of no order that is remembered was counted before.
    pub(crate) fn was_counted(
        &mut self,
        report: &Report,
        fill: &Fill,
        change: &mut Change,
    ) -> bool {
        let known = self.fills.find(place(report), fill, None).map(Box::<str>::from);
        let Some(known) = known else { return false };
        self.late_fee(None, report, fill, &known, change);
        true
    }

    /// Whether an execution that counts is told with the fee that it had not so far.
    pub(crate) fn lacks_fee(
        &self,
        place: (AccountId, InstrumentId),
        known: &str,
        fill: &Fill,
    ) -> bool {
        let counted = self.fills.get(place, known);
        fill.fee.is_some() && counted.is_some_and(|one| !one.has_fee)
    }

    pub(crate) fn fill(
        &mut self,
        subject: &mut Subject,
        report: &Report,
        fill: &Fill,
        change: &mut Change,
    ) {
        let id = subject.order.id;
        if let Some(known) = self.fills.find(place(report), fill, Some(id)) {
            let known: Box<str> = known.into();
            let order = (&subject.order, subject.leg);
            return self.late_fee(Some(order), report, fill, &known, change);
        }
        if let Some(fill_id) = self.fills.other_id(place(report), fill) {
            let fill = Fill { fill_id, ..fill.clone() };
            return self.fill(subject, report, &fill, change);
        }
        if !can_be_counted(report, fill, Some(id), change) {
            return;
        }
        self.infer_change_done(subject, report, None, change);
        self.make_room(subject, report, fill, change);
        let order = &mut subject.order;
        let late = order.is_final() && !order.is_full();
        if late {
            order.wish.flags |= order_flags::LATE_FILL;
            change.odd(AnomalyCode::LateFill, &*fill.fill_id);
        }
        if fill.side != order.wish.side {
            change.odd(AnomalyCode::SideDiffers, &*fill.fill_id);
            change.ask(Ask::Order(id));
        }
        let booking = booking_of(report, fill, Some((&subject.order, subject.leg)));
        self.count_fill(Some((&mut subject.order, subject.leg)), &booking, late, change);
        self.tell_filled(subject, report, change);
        self.fill_parent(subject.order.link.parent, report, &[(fill.size, fill.price)]);
        if let Some(size_filled) = fill.size_filled {
            self.look_for_missing(subject, size_filled, change);
        }
        self.look_at_group(&subject.order, change);
        if let Some(early) = self.fills.take_early(place(report), &fill.fill_id) {
            self.correct_order(subject, report, &early, change);
        }
    }

    /// A fill that comes after all takes the place of those that were worked out in its stead: with
    /// it more would be counted than the venue has said is filled.
    fn make_room(
        &mut self,
        subject: &mut Subject,
        report: &Report,
        fill: &Fill,
        change: &mut Change,
    ) {
        // The journal has rows of what took whose place.
        if self.scribe.is_muted() {
            return;
        }
        let order = &subject.order;
        let counted = self.size_counted(order, subject.leg);
        let (announced, leg) = match self.figures(order) {
            Figures::Order => (order.size_announced, None),
            // Of a leg only the whole order's figure is kept: what is counted had come up to it.
            Figures::Leg => (counted, Some(subject.leg)),
        };
        let known = announced.max(fill.size_filled.unwrap_or_default());
        let mut excess = (counted + fill.size - known).min(fill.size);
        while excess > Amount::ZERO {
            let inferred = self.fills.inferred(place(report), subject.order.id, leg);
            let Some((prev, size)) = inferred.map(|(id, size)| (id.to_owned(), size)) else {
                return;
            };
            let gone = size.min(excess);
            self.replace_inferred(subject, report, &prev, (gone, &fill.fill_id), change);
            excess -= gone;
        }
    }

    /// Takes so much of an execution back that was worked out.
    fn replace_inferred(
        &mut self,
        subject: &mut Subject,
        report: &Report,
        prev: &str,
        (gone, by): (Amount, &str),
        change: &mut Change,
    ) {
        let Some(counted) = self.fills.get(place(report), prev) else { return };
        let left = counted.size - gone;
        let correction = Correction {
            fill_id: format!("{prev}/{by}").into(),
            fill_id_prev: prev.into(),
            becomes: (left > Amount::ZERO).then_some((counted.price, left)),
        };
        self.book_correction(Some(&mut subject.order), report, &correction, change);
    }

    /// The event of a fill that was counted.
    fn tell_filled(&mut self, subject: &mut Subject, report: &Report, change: &mut Change) {
        let event = filled_event(&subject.order);
        let was_over = change.anomalies.iter().any(|one| one.code == AnomalyCode::Overfilled);
        // The sum is new whatever the state is: its row is written in any case.
        subject.is_due = true;
        let told = told_by(subject, report, event);
        self.tell(subject, report, &told, Words::default(), change);
        let order = &subject.order;
        if order.wish.flags & order_flags::OVERFILLED != 0 && !was_over {
            let detail = format!("{} of {}", order.size_filled, order.wish.size);
            change.odd(AnomalyCode::Overfilled, detail);
            change.ask(Ask::Order(order.id));
        }
        if order.wish.size_quote.is_some() && !order.is_final() {
            // Only the venue knows whether the money is spent.
            change.ask(Ask::Order(order.id));
        }
    }

    /// Counts an execution: its row, then positions and balances.
    pub(crate) fn count_fill(
        &mut self,
        order: Option<(&mut Order, usize)>,
        booking: &Booking<'_>,
        is_late: bool,
        change: &mut Change,
    ) {
        let (side, price, size) = (booking.side, booking.price, booking.size);
        let moves = [(signed(side, size), price)];
        let moves = if is_execution(booking.kind) { &moves[..] } else { &[] };
        let position_after = self.position_after(booking, moves);
        let _ = self.scribe.fill(booking, position_after);
        let id = order.as_ref().map(|(order, _)| order.id);
        let leg = order.as_ref().map_or(0, |(_, leg)| *leg);
        if let Some((order, leg)) = order {
            order.count_fill(leg, size, price);
        }
        let counted = Counted {
            order: id,
            leg,
            at: booking.ts_event,
            strategy: booking.strategy,
            position_side: booking.position_side,
            side,
            price,
            size: if moves.is_empty() { Amount::ZERO } else { size },
            has_fee: booking.fee.is_some(),
        };
        let place = (booking.account, booking.instrument);
        self.fills.add(place, booking.fill_id, booking.trade_id, counted);
        let Closed { pnl_realised, is_closing } = self.book(booking, moves, change);
        change.fills.push(Booked { pnl_realised, is_closing, is_late, ..booked(booking, id) });
    }

    /// A fee that the first report of an execution did not know.
    fn late_fee(
        &mut self,
        order: Option<(&Order, usize)>,
        report: &Report,
        fill: &Fill,
        known: &str,
        change: &mut Change,
    ) {
        if !self.lacks_fee(place(report), known, fill) {
            return;
        }
        let Some(counted) = self.fills.get_mut(place(report), known) else { return };
        counted.has_fee = true;
        // The order may be forgotten.
        let (strategy, position_side) = (counted.strategy, counted.position_side);
        let fill_id = format!("{known}:fee");
        let fee_only = Booking {
            kind: FillKind::Fee,
            fill_id: &fill_id,
            fill_id_prev: Some(known),
            size: Amount::ZERO,
            trade_id: None,
            strategy,
            position_side,
            ..booking_of(report, fill, order)
        };
        self.count_fill(None, &fee_only, false, change);
    }

    /// A booking that no order is behind: funding, settlement, a fee, what was held before.
    pub(crate) fn book_without_order(&mut self, report: &Report, fill: &Fill, change: &mut Change) {
        if is_execution(fill.kind) && !can_be_counted(report, fill, None, change) {
            return;
        }
        let booking = booking_of(report, fill, None);
        self.count_fill(None, &booking, false, change);
    }

    // Figures of the venue

    /// What of an order is counted under the figures that its venue gives for a leg.
    pub(crate) fn size_counted(&self, order: &Order, leg: usize) -> Amount {
        match self.figures(order) {
            Figures::Order => order.size_filled,
            Figures::Leg => order.legs[leg].size_filled,
        }
    }

    pub(crate) fn figures(&self, order: &Order) -> Figures {
        self.rules(order.wish.account).map(|rules| rules.figures).unwrap_or_default()
    }

    /// Fills that the venue counts and that have not come. They may be on their way, so nothing is
    /// made up; they are asked for once.
    pub(crate) fn look_for_missing(
        &mut self,
        subject: &mut Subject,
        size_filled: Amount,
        change: &mut Change,
    ) {
        let counted = self.size_counted(&subject.order, subject.leg);
        let order = &mut subject.order;
        let whole = order.size_filled + size_filled - counted;
        let is_new = whole > order.size_announced;
        order.size_announced = order.size_announced.max(whole);
        if size_filled > counted && is_new {
            let detail = format!("{counted} of {size_filled}");
            change.odd(AnomalyCode::FillsMissing, detail);
            change.ask(Ask::Fills(order.wish.account, order.wish.instrument));
        }
    }

    /// Compares with the venue's last figure.
    pub(crate) fn compare_figures(
        &mut self,
        subject: &mut Subject,
        size_filled: Amount,
        change: &mut Change,
    ) {
        let counted = self.size_counted(&subject.order, subject.leg);
        if counted > size_filled {
            let detail = format!("{counted} of {size_filled}");
            change.odd(AnomalyCode::FillsExceed, detail);
            change.ask(Ask::Order(subject.order.id));
            let order = &subject.order.wish;
            change.ask(Ask::Fills(order.account, order.instrument));
        }
        self.look_for_missing(subject, size_filled, change);
    }

    /// Of a pair of which one ends the other, both were filled.
    fn look_at_group(&self, order: &Order, change: &mut Change) {
        // What belongs to a parent may be filled in parts, as long as that is not overfilled.
        let (Some(group), Some(Contingency::Oco), None) =
            (order.link.group, order.link.contingency, order.link.parent)
        else {
            return;
        };
        let mut others = self.orders.group(group);
        if let Some(other) = others.find(|one| one.size_filled > Amount::ZERO) {
            change.odd(AnomalyCode::BothFilled, format!("with order {}", other.id.0));
        }
    }

    // Executions taken back or changed

    pub(crate) fn correct(
        &mut self,
        report: &Report,
        correction: &Correction,
        change: &mut Change,
    ) {
        let place = place(report);
        if self.fills.get(place, &correction.fill_id).is_some() {
            return;
        }
        let Some(counted) = self.fills.get(place, &correction.fill_id_prev) else {
            self.fills.keep_early(place, correction);
            change.odd(AnomalyCode::UnknownExecution, &*correction.fill_id_prev);
            change.ask(Ask::Fills(report.account, report.instrument));
            return;
        };
        let leg = counted.leg;
        let Some(order) = counted.order.and_then(|id| self.orders.take(id)) else {
            self.book_correction(None, report, correction, change);
            return;
        };
        let mut subject = Subject { order, leg, renamed: None, is_due: false };
        self.correct_order(&mut subject, report, correction, change);
        self.put_back(subject, report.ts_recv, change);
    }

    /// What was worked out gave way to an execution, whose own row says what that makes of its order.
    pub(crate) fn give_way(
        &mut self,
        report: &Report,
        correction: &Correction,
        change: &mut Change,
    ) {
        let counted = self.fills.get(place(report), &correction.fill_id_prev);
        let order = counted.and_then(|counted| counted.order).and_then(|id| self.orders.take(id));
        let Some(mut order) = order else {
            return self.book_correction(None, report, correction, change);
        };
        self.book_correction(Some(&mut order), report, correction, change);
        self.orders.put(order);
    }

    fn correct_order(
        &mut self,
        subject: &mut Subject,
        report: &Report,
        correction: &Correction,
        change: &mut Change,
    ) {
        self.book_correction(Some(&mut subject.order), report, correction, change);
        subject.is_due = true;
        let told: Told = told_by(subject, report, OrderEvent::Corrected);
        self.tell(subject, report, &told, Words::default(), change);
        change.ask(Ask::Order(subject.order.id));
    }

    /// Takes an execution back and counts what it becomes, under the leg that it was counted under.
    fn book_correction(
        &mut self,
        order: Option<&mut Order>,
        report: &Report,
        correction: &Correction,
        change: &mut Change,
    ) {
        let place = place(report);
        let Some(counted) = self.fills.get_mut(place, &correction.fill_id_prev) else { return };
        let before = counted.clone();
        counted.size = Amount::ZERO;
        let (kind, price, size) = match correction.becomes {
            Some((price, size)) => (FillKind::Correction, price, size),
            None => (FillKind::Bust, before.price, before.size),
        };
        let becomes = correction.becomes.map_or(Amount::ZERO, |(_, size)| size);
        let fill = Fill {
            fill_id: correction.fill_id.clone(),
            trade_id: None,
            kind,
            side: before.side,
            price,
            size,
            size_filled: None,
            fee: None,
            liquidity: Liquidity::Unknown,
            position_side: before.position_side,
        };
        let named = order.as_ref().map(|order| (&**order, before.leg));
        let booking = Booking {
            fill_id_prev: Some(&correction.fill_id_prev),
            strategy: before.strategy,
            ..booking_of(report, &fill, named)
        };
        let moved = [(-before.size, before.price), (becomes, price)];
        let moved = if becomes > Amount::ZERO { &moved[..] } else { &moved[..1] };
        let moves: Vec<_> =
            moved.iter().map(|(size, price)| (signed(before.side, *size), *price)).collect();
        let position_after = self.position_after(&booking, &moves);
        let _ = self.scribe.fill(&booking, position_after);
        if let Some(order) = order {
            moved.iter().for_each(|(size, price)| order.count_fill(before.leg, *size, *price));
            self.fill_parent(order.link.parent, report, moved);
        }
        let Closed { pnl_realised, is_closing } = self.book(&booking, &moves, change);
        for (at, (size, price)) in moved.iter().enumerate() {
            // The profit of both is that of the last.
            let pnl_realised = if at + 1 == moved.len() { pnl_realised } else { Amount::ZERO };
            let (size, price) = (*size, *price);
            let booked = booked(&booking, before.order);
            let booked = Booked { price, size, pnl_realised, is_closing, ..booked };
            change.fills.push(booked);
        }
        let counted = Counted { price, size: becomes, ..before };
        self.fills.add(place, &correction.fill_id, None, counted);
    }
}

/// Whether the figures of an execution are figures.
fn can_be_counted(
    report: &Report,
    fill: &Fill,
    order: Option<crate::wish::OrderId>,
    change: &mut Change,
) -> bool {
    let trade = fill.kind == FillKind::Trade;
    let empty = fill.size <= Amount::ZERO || (trade && fill.price == Amount::ZERO);
    let large = |figure: Amount| figure.0.unsigned_abs() > FIGURE_MAX.unsigned_abs();
    let code = match empty {
        true => AnomalyCode::ZeroFill,
        false if large(fill.price) || large(fill.size) => AnomalyCode::BeyondCounting,
        false => return true,
    };
    change.odd(code, format!("{}: {} at {}", fill.fill_id, fill.size, fill.price));
    order.into_iter().for_each(|order| change.ask(Ask::Order(order)));
    change.ask(Ask::Fills(report.account, report.instrument));
    false
}

/// The event of an order whose last fill was just counted.
pub(crate) fn filled_event(order: &Order) -> OrderEvent {
    if order.is_full() { OrderEvent::FinalFill } else { OrderEvent::PartialFill }
}

fn place(report: &Report) -> (AccountId, InstrumentId) {
    (report.account, report.instrument)
}

fn booked(booking: &Booking<'_>, order: Option<crate::wish::OrderId>) -> Booked {
    Booked {
        fill_id: booking.fill_id.into(),
        fill_id_prev: booking.fill_id_prev.map(Into::into),
        order,
        account: booking.account,
        strategy: booking.strategy,
        instrument: booking.instrument,
        kind: booking.kind,
        side: booking.side,
        price: booking.price,
        size: booking.size,
        fee: booking.fee,
        liquidity: booking.liquidity.unwrap_or(Liquidity::Unknown),
        position_side: booking.position_side,
        pnl_realised: Amount::ZERO,
        is_closing: false,
        is_late: false,
    }
}

/// A booking as a report tells it, of an order if there is one.
pub(crate) fn booking_of<'a>(
    report: &'a Report,
    fill: &'a Fill,
    order: Option<(&Order, usize)>,
) -> Booking<'a> {
    let client_id = (!report.client_id.is_empty()).then_some(&*report.client_id);
    let managed = order.filter(|(order, _)| order.is_managed());
    Booking {
        ts_event: report.ts_event,
        ts_recv: report.ts_recv,
        source: report.source,
        account: report.account,
        strategy: order.and_then(|(order, _)| order.wish.strategy),
        instrument: report.instrument,
        order_id: managed.map(|(order, _)| order.id.0),
        client_id,
        venue_order_id: report.venue_order_id.as_deref(),
        fill_id: &fill.fill_id,
        fill_id_prev: None,
        trade_id: fill.trade_id,
        kind: fill.kind,
        side: fill.side,
        price: fill.price,
        size: fill.size,
        fee: fill.fee,
        liquidity: is_execution(fill.kind).then_some(fill.liquidity),
        position_side: fill.position_side.or(order.and_then(|(order, _)| order.wish.position_side)),
    }
}
