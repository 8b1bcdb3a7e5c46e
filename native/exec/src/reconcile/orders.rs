//! Executions and orders.

use std::collections::BTreeMap;

use rustonite_core::Amount;
use rustonite_core::datasets::{EventSource, FillKind, Liquidity, OrderState};
use rustonite_core::ids::InstrumentId;

use super::{Comparing, Mismatch, Mode, Part};
use crate::booking::signed;
use crate::change::Ask;
use crate::fills::INFERRED_PREFIX;
use crate::journal::Journal;
use crate::order::Order;
use crate::report::{Fill, OrderPicture, Report, What};
use crate::rows::is_execution;
use crate::rules::Figures;
use crate::table;
use crate::wish::OrderId;

impl<J: Journal> Comparing<'_, J> {
    // Executions

    pub(super) fn compare_fills(&mut self) {
        let venue = self.venue;
        for reports in venue.fills.values().chain([&venue.payments]) {
            let mut reports: Vec<_> =
                reports.iter().filter(|one| self.concerns(one.instrument)).collect();
            // Of one moment by their numbers, of which the longer one is the greater.
            reports.sort_by_key(|one| (one.ts_event, fill_id(one).len(), fill_id(one)));
            for report in reports {
                let What::Fill(fill) = &report.what else { continue };
                let report = self.named(report);
                self.compare_fill(report.instrument, &report, fill);
            }
        }
    }

    /// Executions may carry the venue's number alone, which pictures join to ours.
    fn named(&self, report: &Report) -> Report {
        let mut report = report.clone();
        if let (true, Some(venue_id)) = (report.client_id.is_empty(), &report.venue_order_id)
            && let Some(client_id) = self.names.get(&(report.instrument, venue_id.clone()))
        {
            report.client_id.clone_from(client_id);
        }
        report
    }

    fn compare_fill(&mut self, instrument: InstrumentId, report: &Report, fill: &Fill) {
        let place = (self.account, instrument);
        let order = self.order_of(report);
        if let Some(known) = self.ledger.fills.find(place, fill, order.map(|order| order.id)) {
            let differs = self.ledger.fills.get(place, known).is_some_and(|counted| {
                let same = (counted.side, counted.price, counted.size);
                // One that was taken back or corrected since has no size any more.
                counted.size != Amount::ZERO && same != (fill.side, fill.price, fill.size)
            });
            if differs {
                self.plan.mismatches.push(Mismatch::FillDiffers(fill.fill_id.clone()));
            } else if self.ledger.lacks_fee(place, known, fill) {
                self.plan.reports.push(as_reconciled(report));
            }
            return;
        }
        if !is_execution(fill.kind) {
            // A payment: no order is behind it, and it moves no position.
            self.plan.reports.push(as_reconciled(report));
            return;
        }
        if order.is_none() {
            let mut perhaps = self.ledger.perhaps_of(report, fill.side);
            // What its venue still shows has no other number.
            let mut started = self.ledger.perhaps_started(report, fill.side);
            started.retain(|id| !self.shown.contains(id));
            perhaps.extend(started);
            if !perhaps.is_empty() {
                self.restless.insert(instrument);
                self.asks.extend(perhaps.into_iter().map(Ask::Order));
                self.asks.insert(Ask::Fills(self.account, instrument));
                return;
            }
        }
        let side = fill.position_side.or(order.and_then(|one| one.wish.position_side));
        let key = (instrument, side.unwrap_or_default());
        *self.pending.entry(key).or_default() += signed(fill.side, fill.size);
        if let Some(place) = self.place_of(report) {
            *self.pending_of.entry(place).or_default() += fill.size;
        }
        self.plan.reports.push(as_reconciled(report));
    }

    fn order_of(&self, report: &Report) -> Option<&Order> {
        self.ledger.order(self.place_of(report)?.0)
    }

    /// The order that a report names, and the leg.
    fn place_of(&self, report: &Report) -> Option<(OrderId, usize)> {
        let by_client = self.ledger.orders.by_client_id(self.account, &report.client_id);
        let by_venue = report.venue_order_id.as_deref();
        let by_venue = by_venue
            .and_then(|id| self.ledger.orders.by_venue_id(self.account, report.instrument, id));
        by_client.filter(|place| !self.ledger.is_used_again(*place, report)).or(by_venue)
    }

    /// What under the figure of a leg will have been filled once the executions are counted.
    fn filled_then(&self, order: &Order, leg: usize) -> Amount {
        let legs = match self.ledger.figures(order) {
            Figures::Order => 0..=usize::MAX,
            Figures::Leg => leg..=leg,
        };
        let places = (order.id, *legs.start())..=(order.id, *legs.end());
        let pending = self.pending_of.range(places).map(|(_, size)| *size).sum();
        self.ledger.size_counted(order, leg) + pending
    }

    // Orders

    fn pictures(&self) -> Vec<(&Report, &OrderPicture)> {
        let reports = self.venue.open_orders.iter().flatten();
        let pictures = reports.filter(|report| self.concerns(report.instrument));
        let mut pictures: Vec<_> = pictures
            .filter_map(|report| match &report.what {
                What::Picture(picture) => Some((report, picture)),
                _ => None,
            })
            .collect();
        pictures.sort_by(|(one, _), (other, _)| {
            let key = |report: &Report| {
                (report.client_id.clone(), report.venue_order_id.clone(), report.ts_event)
            };
            key(one).cmp(&key(other))
        });
        // A list may show one order twice; the newer picture counts.
        // Of one order the newest client id comes first, so that the end of an older one is no news.
        pictures.reverse();
        pictures.dedup_by(|(one, _), (other, _)| {
            one.client_id == other.client_id && one.venue_order_id == other.venue_order_id
        });
        pictures
    }

    pub(super) fn compare_orders(&mut self) {
        let pictures: Vec<(Report, OrderPicture)> =
            self.pictures().into_iter().map(|(one, two)| (one.clone(), two.clone())).collect();
        let mut names = BTreeMap::new();
        for (report, picture) in &pictures {
            let open = !table::is_final(picture.state);
            if open && !report.client_id.is_empty() {
                *names.entry(report.client_id.clone()).or_insert(0) += 1;
            }
        }
        for (report, picture) in &pictures {
            if names.get(&report.client_id).is_some_and(|count| *count > 1) {
                let mismatch = Mismatch::DuplicateClientId(report.client_id.clone());
                if !self.plan.mismatches.contains(&mismatch) {
                    self.plan.mismatches.push(mismatch);
                }
                // Of neither it is known what it is: a second one would be under no limit.
                self.plan.is_refused |= self.settings.mode == Mode::Refuse;
                continue;
            }
            self.compare_order(report, picture);
        }
    }

    fn compare_order(&mut self, report: &Report, picture: &OrderPicture) {
        let Some(order) = self.order_of(report) else {
            if !table::is_final(picture.state) {
                let name = report.venue_order_id.as_ref().unwrap_or(&report.client_id);
                self.plan.mismatches.push(Mismatch::OrderUnknown(name.clone()));
                self.plan.reports.push(as_reconciled(report));
            }
            return;
        };
        let id = order.id;
        let leg = order.leg_of(&report.client_id).unwrap_or(order.leg);
        if self.plan.in_motion.contains(&id) || leg < order.leg {
            return;
        }
        let counted = self.counted(order, report);
        let missing = picture.size_filled - counted;
        let state = if missing > Amount::ZERO { None } else { Some(picture.state) };
        let size = self.ledger.whole_size(order, leg, picture.size);
        let same_values = (order.wish.price, order.wish.size) == (picture.price, size);
        let differs = state.is_some_and(|state| !agrees(order, state)) || missing != Amount::ZERO;
        let is_open = !table::is_final(picture.state);
        let instrument = order.wish.instrument;
        let is_halfway =
            matches!(picture.state, OrderState::PendingCancel | OrderState::PendingReplace);
        if !is_halfway {
            self.asks.remove(&Ask::Order(id));
        }
        if differs || (is_open && !same_values) {
            self.plan.mismatches.push(Mismatch::Order(id));
            self.plan.reports.push(as_reconciled(report));
        }
        if missing > Amount::ZERO {
            self.settle_missing(id, instrument, report, picture, missing);
        }
    }

    /// What is counted of the figure that a picture shows: of one leg, where the venue counts so.
    fn counted(&self, order: &Order, report: &Report) -> Amount {
        let leg = order.leg_of(&report.client_id).unwrap_or(order.leg);
        self.filled_then(order, leg)
    }

    /// The venue counts more than its executions: they are asked for, and if all of them are here
    /// and it is still so, what is missing is booked at the price that makes the average right.
    fn settle_missing(
        &mut self,
        id: OrderId,
        instrument: InstrumentId,
        report: &Report,
        picture: &OrderPicture,
        missing: Amount,
    ) {
        self.plan.mismatches.push(Mismatch::FillsMissing(id, missing));
        if !self.venue.fills.contains_key(&instrument) {
            self.restless.insert(instrument);
            self.asks.insert(Ask::Fills(self.account, instrument));
            return;
        }
        match self.settings.mode {
            Mode::Report => {}
            Mode::Refuse => self.plan.is_refused = true,
            Mode::Adjust => {
                let Some(order) = self.ledger.order(id) else { return };
                let price = price_of_rest(order, picture, missing);
                let price = price.or(picture.price).or(order.wish.price).unwrap_or_default();
                let fill = Fill {
                    fill_id: inferred_id(report, picture),
                    trade_id: None,
                    kind: FillKind::Adjustment,
                    side: picture.side,
                    price,
                    size: missing,
                    size_filled: None,
                    fee: None,
                    liquidity: Liquidity::Unknown,
                    position_side: order.wish.position_side,
                };
                let key = (instrument, order.wish.position_side.unwrap_or_default());
                *self.pending.entry(key).or_default() += signed(fill.side, missing);
                let source = EventSource::Inferred;
                // Before the picture, which then finds nothing missing.
                let at = self.plan.reports.len() - 1;
                let inferred = Report { source, what: What::Fill(fill), ..report.clone() };
                self.plan.reports.insert(at, inferred);
            }
        }
    }

    pub(super) fn find_shown(&mut self) {
        let orders = self.pictures().into_iter().filter_map(|(report, _)| self.order_of(report));
        self.shown = orders.map(|order| order.id).collect();
    }

    /// Of an order of others that was never said to be open, and that is not, nothing is left.
    fn nothing_left(&self, order: &Order) -> Report {
        let size_filled = self.filled_then(order, order.leg);
        let picture = OrderPicture {
            state: OrderState::Filled,
            side: order.wish.side,
            price: None,
            price_trigger: None,
            limit_tif: None,
            size: size_filled,
            size_filled,
            price_average: None,
        };
        Report {
            ts_event: self.venue.asked_at,
            ts_recv: self.venue.asked_at,
            source: EventSource::Reconciliation,
            account: self.account,
            instrument: order.wish.instrument,
            client_id: order.client_id().into(),
            client_id_prev: None,
            venue_order_id: order.venue_order_id().map(Into::into),
            what: What::Picture(picture),
        }
    }

    /// Orders that are open here and that the venue's list does not have.
    pub(super) fn find_missing_orders(&mut self) {
        if self.venue.open_orders.is_none() {
            self.plan.not_known.push(Part::OpenOrders);
            return;
        }
        let ledger = self.ledger;
        for order in ledger.open_orders() {
            let here = order.wish.account == self.account
                && table::is_at_venue(order.state)
                && self.concerns(order.wish.instrument);
            if !here || self.shown.contains(&order.id) || self.plan.in_motion.contains(&order.id) {
                continue;
            }
            if order.is_told_by_fills() {
                self.plan.reports.push(self.nothing_left(order));
                continue;
            }
            self.plan.mismatches.push(Mismatch::OrderMissing(order.id));
            self.asks.insert(Ask::Order(order.id));
            // It may have been filled.
            self.restless.insert(order.wish.instrument);
        }
    }
}

/// Whether an order is as the venue shows it. Venues tell less of open orders than we keep.
fn agrees(order: &Order, shown: OrderState) -> bool {
    if table::is_final(shown) || order.is_final() {
        return order.state == shown;
    }
    let settled = matches!(
        order.state,
        OrderState::Accepted
            | OrderState::Triggered
            | OrderState::PartiallyFilled
            | OrderState::Suspended
    );
    settled
        && (shown == OrderState::Suspended) == order.facts.suspended
        && (shown != OrderState::Triggered || order.facts.triggered)
}

fn fill_id(report: &Report) -> &str {
    if let What::Fill(fill) = &report.what { &fill.fill_id } else { "" }
}

fn as_reconciled(report: &Report) -> Report {
    Report { source: EventSource::Reconciliation, ..report.clone() }
}

/// An id that a second run makes again: of what is always the same in the picture.
fn inferred_id(report: &Report, picture: &OrderPicture) -> Box<str> {
    let name = report.venue_order_id.as_ref().unwrap_or(&report.client_id);
    format!("{INFERRED_PREFIX}{name}:{}", picture.size_filled).into()
}

/// The price of what is missing, so that the average is the venue's.
fn price_of_rest(order: &Order, picture: &OrderPicture, missing: Amount) -> Option<Amount> {
    let all = picture.price_average?.product(picture.size_filled)?;
    let counted = picture.size_filled - missing;
    if order.size_filled > counted {
        // Our average is also of what was filled under other ids.
        return picture.price_average;
    }
    let counted = match order.price_average {
        Some(price) => price.product(counted)?,
        None => Amount::ZERO,
    };
    (all - counted).ratio(missing).filter(|price| *price > Amount::ZERO)
}
