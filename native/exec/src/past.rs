//! What a journal tells of the past besides what is: how often something was asked for and what came
//! of it, for limits that count.

use rustonite_core::datasets::{EventSource, OrderEvent, RiskScope, RiskVerdict};
use rustonite_core::ids::{AccountId, StrategyId};

use crate::cells::Cells;
use crate::change::Booked;
use crate::restore::{OrderColumns, RiskColumns};
use crate::rows::{NOT_FOUND, NOT_SENT, SNAPSHOT};
use crate::wish::{OrderId, Wish};

/// Reasons of what has ended without its venue.
const LOST: [&str; 2] = [NOT_FOUND, NOT_SENT];

/// Something that a row of the journal tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RowSays<'a> {
    /// Something happened to an order, by us or by its venue: what, what was wanted then, and the
    /// order that it is a child of.
    Order(OrderEvent, &'a Wish, Option<OrderId>),
    /// Something was booked.
    Booked(&'a Booked),
    /// A person put a switch back: its scope, and its name there.
    Reset(RiskScope, String),
}

/// Whose past it is, and when it was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Passed<'a> {
    /// Of which account; the first one for a switch.
    pub account: AccountId,
    /// For which strategy.
    pub strategy: Option<StrategyId>,
    /// When we knew.
    pub ts: i64,
    /// The number of its row.
    pub seq: i64,
    /// What.
    pub says: RowSays<'a>,
}

/// The event of an order's row; `None` if the row only repeats what is known.
pub(crate) fn event_of(cells: Cells<'_>, columns: &OrderColumns) -> Option<OrderEvent> {
    let source = cells.word(columns.source, EventSource::parse);
    let event = cells.word(columns.event, OrderEvent::parse)?;
    let is_ours = matches!(
        event,
        OrderEvent::Submitted
            | OrderEvent::Released
            | OrderEvent::ReplaceAsked
            | OrderEvent::CancelAsked
    );
    let reason = cells.text(columns.reason);
    let is_own = source == Some(EventSource::Own);
    // What never got there was refused by nobody, and taken by nobody.
    let is_told =
        if is_ours { is_own } else { !is_own && !LOST.iter().any(|lost| reason == Some(lost)) };
    (reason != Some(SNAPSHOT) && is_told).then_some(event)
}

/// The switch that a row of the risk layer says was put back.
pub(crate) fn reset_of(cells: Cells<'_>, columns: &RiskColumns) -> Option<RowSays<'static>> {
    let verdict = cells.word(columns.verdict, RiskVerdict::parse)?;
    let scope = cells.word(columns.scope, RiskScope::parse)?;
    let name = match scope {
        RiskScope::Account => cells.text(columns.account),
        RiskScope::Strategy => cells.text(columns.strategy),
        RiskScope::Venue => cells.text(columns.venue),
        _ => None,
    };
    let name = name.unwrap_or_default().to_owned();
    (verdict == RiskVerdict::Reset).then_some(RowSays::Reset(scope, name))
}
