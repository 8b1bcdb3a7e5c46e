//! Our books and a venue's, and how they are compared.
#![allow(dead_code, reason = "no test file uses all of it")]

use std::collections::BTreeMap;

use rustonite_core::datasets::{OrderSide, PositionSide};
use rustonite_core::ids::InstrumentId;
use rustonite_exec::reconcile::{
    Mode, Plan, Settings, VenueBalance, VenueBooks, VenuePosition, reconcile,
};
use rustonite_exec::{
    Fill, Journal, Ledger, Link, OrderId, OrderPicture, Position, PositionKey, Report, What, Wish,
};

use crate::common::*;

pub(crate) const LATER: i64 = NOW + 60_000_000_000;

/// A venue that answers everything, and has nothing.
pub(crate) fn nothing() -> VenueBooks {
    VenueBooks {
        asked_at: LATER,
        heard_since: 0,
        differed: Vec::new(),
        lasting: BTreeMap::new(),
        open_orders: Some(Vec::new()),
        fills: [SPOT, LINEAR].map(|instrument| (instrument, Vec::new())).into(),
        payments: Vec::new(),
        positions: Some(Vec::new()),
        balances: Some(Vec::new()),
    }
}

/// What is owned, as we count it.
pub(crate) fn our_balances<J: Journal>(ledger: &Ledger<J>) -> Vec<VenueBalance> {
    let balances = ledger.balances().iter();
    balances.map(|(_, asset, owned)| VenueBalance { asset, total: owned.total }).collect()
}

pub(crate) fn with(mode: Mode) -> Settings {
    Settings { mode, ..Settings::default() }
}

pub(crate) fn plan<J: Journal>(ledger: &Ledger<J>, venue: &VenueBooks) -> Plan {
    let plan = reconcile(ledger, ACCOUNT, venue, &Settings::default());
    // Same inputs, same bytes.
    let again = reconcile(ledger, ACCOUNT, &shuffled(venue), &Settings::default());
    assert_eq!(format!("{plan:?}"), format!("{again:?}"));
    plan
}

/// The same answers in another order.
pub(crate) fn shuffled(venue: &VenueBooks) -> VenueBooks {
    let mut venue = venue.clone();
    venue.open_orders.iter_mut().for_each(|orders| orders.reverse());
    venue.fills.values_mut().for_each(|fills| fills.reverse());
    venue.positions.iter_mut().for_each(|positions| positions.reverse());
    venue.balances.iter_mut().for_each(|balances| balances.reverse());
    venue
}

/// Plans and does until nothing more is to be done.
pub(crate) fn settle<J: Journal>(ledger: &mut Ledger<J>, venue: &VenueBooks) -> Plan {
    let mut venue = venue.clone();
    for _ in 0..6 {
        let plan = plan(ledger, &venue);
        let idle = plan.reports.is_empty() && plan.balances.is_empty() && plan.entries.is_empty();
        if idle && plan.mismatches == venue.differed {
            return plan;
        }
        ledger.apply_plan(LATER, ACCOUNT, &plan);
        venue.differed = plan.mismatches;
    }
    panic!("it comes to no end");
}

pub(crate) fn shown<J: Journal>(ledger: &Ledger<J>, id: OrderId, picture: OrderPicture) -> Report {
    rest(of(ledger, id, What::Picture(picture)))
}

/// An execution as a query shows it: by the venue's id alone.
pub(crate) fn executed<J: Journal>(ledger: &Ledger<J>, id: OrderId, fill: Fill) -> Report {
    Report { client_id: "".into(), ..rest(of(ledger, id, What::Fill(fill))) }
}

/// An execution of an order that is not known here, as a query shows it.
pub(crate) fn of_nobody(number: &str, instrument: InstrumentId, fill: Fill) -> Report {
    let report = rest(by_id("", What::Fill(fill)));
    Report { instrument, venue_order_id: Some(number.into()), ..report }
}

pub(crate) fn linear(side: OrderSide, size: &str) -> Wish {
    Wish { instrument: LINEAR, side, size: amount(size), ..wish() }
}

/// A position of the perpetual, by one fill.
pub(crate) fn hold<J: Journal>(ledger: &mut Ledger<J>, side: OrderSide, size: &str) {
    let (id, _) = ledger.submit(NOW, linear(side, size), Link::default()).unwrap();
    let fill = What::Fill(Fill { side, ..fill(&format!("h{}", id.0), size, "100") });
    let report = Report { instrument: LINEAR, ..of(ledger, id, fill) };
    ledger.report(&report);
    // Its profit is not what these tests are about.
    ledger.report(&Report { instrument: LINEAR, ..of(ledger, id, What::Accepted) });
}

pub(crate) fn key(side: PositionSide) -> PositionKey {
    PositionKey { account: ACCOUNT, strategy: None, instrument: LINEAR, side }
}

pub(crate) fn held<J: Journal>(ledger: &Ledger<J>) -> Position {
    ledger.positions().get(&key(PositionSide::Net))
}

pub(crate) fn theirs(size: &str, entry: &str) -> VenuePosition {
    VenuePosition {
        instrument: LINEAR,
        side: PositionSide::Net,
        size: amount(size),
        price_entry: Some(amount(entry)),
        ts_event: NOW,
    }
}
