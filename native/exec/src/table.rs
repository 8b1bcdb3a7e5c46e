//! What each event does to an order in each state: the whole state machine, as data.
//!
//! An order stands for more than its state: requests in flight, fills, the venue's last word.
//! `Works` is the state that these add up to ([`crate::order::Order::works`]); a cell names a state
//! only where no fact can say otherwise. What contradicts what we know is an anomaly, never a guess:
//! it is counted, it is told, and where money may be behind it the order becomes `unknown` until a
//! query of the venue settles it.

use rustonite_core::datasets::{OrderEvent, OrderState};

/// How many states there are.
pub const STATES: usize = 16;
/// How many events there are.
pub const EVENTS: usize = 18;

/// What an event does to a state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cell {
    /// As it should be.
    Legal(Next),
    /// Known already, or too late to matter.
    Ignored,
    /// It should not happen. From the venue it is told and looked into; from us it is refused.
    Anomaly(Next),
}

/// The state after an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// As before.
    Stays,
    /// This one.
    To(OrderState),
    /// What requests, fills and the venue's words add up to.
    Works,
    /// `unknown`, whatever was thought before.
    Doubt,
}

/// Looks up a cell.
#[inline]
pub const fn look(state: OrderState, event: OrderEvent) -> Cell {
    TABLE[state as usize][event as usize]
}

/// Every state, in the order of the table.
pub const ALL_STATES: [OrderState; STATES] = [
    OrderState::Initialized,
    OrderState::Denied,
    OrderState::Held,
    OrderState::Released,
    OrderState::PendingSubmit,
    OrderState::Accepted,
    OrderState::Triggered,
    OrderState::PendingReplace,
    OrderState::PendingCancel,
    OrderState::PartiallyFilled,
    OrderState::Filled,
    OrderState::Cancelled,
    OrderState::Expired,
    OrderState::Rejected,
    OrderState::Unknown,
    OrderState::Suspended,
];

/// Every event, in the order of the table.
pub const ALL_EVENTS: [OrderEvent; EVENTS] = [
    OrderEvent::Denied,
    OrderEvent::Held,
    OrderEvent::Released,
    OrderEvent::Submitted,
    OrderEvent::Accepted,
    OrderEvent::Rejected,
    OrderEvent::ReplaceAsked,
    OrderEvent::Replaced,
    OrderEvent::ReplaceRejected,
    OrderEvent::CancelAsked,
    OrderEvent::Cancelled,
    OrderEvent::CancelRejected,
    OrderEvent::Triggered,
    OrderEvent::PartialFill,
    OrderEvent::FinalFill,
    OrderEvent::Expired,
    OrderEvent::Corrected,
    OrderEvent::OutcomeUnknown,
];

/// An order that has ended by a word after which nothing but a late fill is expected.
pub const fn is_final(state: OrderState) -> bool {
    matches!(
        state,
        OrderState::Denied
            | OrderState::Filled
            | OrderState::Cancelled
            | OrderState::Expired
            | OrderState::Rejected
    )
}

/// An order that the venue has or may have.
pub const fn is_at_venue(state: OrderState) -> bool {
    !is_final(state)
        && !matches!(state, OrderState::Initialized | OrderState::Held | OrderState::Released)
}

// Shorthand of the table. Three letters, so that columns stay in line.
const WRK: Cell = Cell::Legal(Next::Works);
const STY: Cell = Cell::Legal(Next::Stays);
const IGN: Cell = Cell::Ignored;
/// Odd: told, looked into, changes nothing.
const ODD: Cell = Cell::Anomaly(Next::Stays);
/// Odd, and what it says counts.
const OWK: Cell = Cell::Anomaly(Next::Works);
/// Contradicts what we know.
const DBT: Cell = Cell::Anomaly(Next::Doubt);
const DEN: Cell = Cell::Legal(Next::To(OrderState::Denied));
const HLD: Cell = Cell::Legal(Next::To(OrderState::Held));
const REL: Cell = Cell::Legal(Next::To(OrderState::Released));
const PSU: Cell = Cell::Legal(Next::To(OrderState::PendingSubmit));
const REJ: Cell = Cell::Legal(Next::To(OrderState::Rejected));
const CAN: Cell = Cell::Legal(Next::To(OrderState::Cancelled));
const EXP: Cell = Cell::Legal(Next::To(OrderState::Expired));

#[rustfmt::skip]
static TABLE: [[Cell; EVENTS]; STATES] = [
//   denied     released   accepted   replace_   replace_   cancelled  triggered  final_     corrected
//        held       submitted  rejected   replaced   cancel_    cancel_    partial_   expired    outcome_
//                              asked      rejected   asked      rejected   fill       fill       unknown
    // initialized
    [DEN, HLD, ODD, PSU, DBT, ODD, ODD, ODD, ODD, ODD, CAN, ODD, ODD, DBT, OWK, EXP, ODD, ODD],
    // denied
    [IGN, ODD, ODD, ODD, DBT, ODD, ODD, ODD, ODD, ODD, ODD, ODD, ODD, DBT, OWK, ODD, ODD, ODD],
    // held
    [DEN, IGN, REL, ODD, DBT, ODD, ODD, STY, ODD, ODD, CAN, ODD, STY, DBT, OWK, EXP, ODD, ODD],
    // released
    [DEN, ODD, IGN, PSU, DBT, ODD, ODD, STY, ODD, ODD, CAN, ODD, STY, DBT, OWK, EXP, ODD, ODD],
    // pending_submit
    [ODD, ODD, ODD, ODD, WRK, REJ, WRK, WRK, IGN, WRK, CAN, IGN, WRK, WRK, WRK, EXP, WRK, WRK],
    // accepted
    [ODD, ODD, ODD, ODD, WRK, REJ, WRK, WRK, IGN, WRK, CAN, IGN, WRK, WRK, WRK, EXP, WRK, IGN],
    // triggered
    [ODD, ODD, ODD, ODD, WRK, REJ, WRK, WRK, IGN, WRK, CAN, IGN, IGN, WRK, WRK, EXP, WRK, IGN],
    // pending_replace
    [ODD, ODD, ODD, ODD, WRK, REJ, WRK, WRK, WRK, WRK, CAN, IGN, WRK, WRK, WRK, EXP, WRK, WRK],
    // pending_cancel
    [ODD, ODD, ODD, ODD, WRK, REJ, ODD, WRK, WRK, WRK, CAN, WRK, WRK, WRK, WRK, EXP, WRK, WRK],
    // partially_filled
    [ODD, ODD, ODD, ODD, WRK, DBT, WRK, WRK, IGN, WRK, CAN, IGN, WRK, WRK, WRK, EXP, WRK, IGN],
    // filled
    [ODD, ODD, ODD, ODD, IGN, ODD, ODD, WRK, IGN, ODD, OWK, IGN, IGN, OWK, OWK, OWK, WRK, IGN],
    // cancelled
    [ODD, ODD, ODD, ODD, IGN, ODD, ODD, WRK, IGN, ODD, IGN, IGN, IGN, WRK, WRK, IGN, WRK, IGN],
    // expired
    [ODD, ODD, ODD, ODD, IGN, ODD, ODD, WRK, IGN, ODD, IGN, IGN, IGN, WRK, WRK, IGN, WRK, IGN],
    // rejected
    [ODD, ODD, ODD, ODD, ODD, IGN, ODD, IGN, IGN, ODD, ODD, IGN, IGN, DBT, OWK, ODD, ODD, IGN],
    // unknown
    [ODD, ODD, ODD, ODD, WRK, REJ, ODD, WRK, WRK, WRK, CAN, WRK, WRK, WRK, WRK, EXP, WRK, WRK],
    // suspended
    [ODD, ODD, ODD, ODD, WRK, REJ, WRK, WRK, IGN, WRK, CAN, IGN, WRK, WRK, WRK, EXP, WRK, IGN],
];

/// The table as a page of the documentation.
pub fn markdown() -> String {
    let mut page = String::from(HEAD);
    for state in ALL_STATES {
        page.push_str(&format!(
            "\n## {}\n\n| event | verdict | state after it |\n|---|---|---|\n",
            { state.name() }
        ));
        for event in ALL_EVENTS {
            let (verdict, after) = words(look(state, event));
            page.push_str(&format!("| `{}` | {verdict} | {after} |\n", event.name()));
        }
    }
    page
}

const HEAD: &str = "# What each event does to an order

Made from `native/exec/src/table.rs` by `make docs`. States and events are those of the dataset
[`orders`](schemas.md); [how orders are kept](../internals/ledger.md) says why the table is as it is.

- *legal*: as it should be. *ignored*: known already, or too late to matter. *anomaly*: it should not
  happen; from the venue it is told, journalled and looked into by a query, from us it is refused.
- *as it works*: the state that requests in flight, fills and the venue's words add up to. Filled in
  full comes first (a change to a larger size that may still be done keeps it open), then the venue's
  word that it ended, then a request whose outcome is not known (`unknown`), a cancel in flight, a
  change in flight, an unanswered submit, `suspended`, `partially_filled`, `triggered`, `accepted`.
- *in doubt*: `unknown` until a query of the venue settles it.
";

fn words(cell: Cell) -> (&'static str, String) {
    let after = |next| match next {
        Next::Stays => "unchanged".to_owned(),
        Next::To(state) => format!("`{}`", state.name()),
        Next::Works => "as it works".to_owned(),
        Next::Doubt => "in doubt".to_owned(),
    };
    match cell {
        Cell::Legal(next) => ("legal", after(next)),
        Cell::Ignored => ("ignored", "unchanged".to_owned()),
        Cell::Anomaly(next) => ("anomaly", after(next)),
    }
}

#[cfg(test)]
mod tests;
