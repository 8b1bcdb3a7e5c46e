//! What earlier runs did, told to the limits that count it.

use std::collections::BTreeMap;

use rustonite_core::Amount;
use rustonite_core::datasets::{OrderEvent, RiskRequest, RiskScope};
use rustonite_exec::{OrderId, Passed, RowSays, Wish};
use rustonite_risk::{Counts, Past, Recalled, Risk, Target};

use crate::desk::{intent_of, is_closing};
use crate::state::Kept;

/// A scope and its name, as files have them.
pub(super) fn name_of(risk: &Risk, target: Target) -> String {
    format!("{} {}", target.scope().name(), risk.name(target))
}

/// What such a name means here, if it means anything.
pub(super) fn target_of(risk: &Risk, name: &str) -> Option<Target> {
    let (scope, name) = name.split_once(' ')?;
    risk.target(RiskScope::parse(scope)?, name)
}

/// What each scope has counted by a row of the journal, and what those had that are not there now.
pub(super) fn counts(
    risk: &Risk,
    until: i64,
    absent: &BTreeMap<String, Counts>,
) -> BTreeMap<String, Counts> {
    let here = risk.counts(until).into_iter();
    let here = here.map(|(target, counts)| (name_of(risk, target), counts));
    absent.iter().map(|(name, counts)| (name.clone(), *counts)).chain(here).collect()
}

/// Tells the risk layer what earlier runs had counted; returns what is of scopes that are not there now.
pub(super) fn restore_counts(risk: &mut Risk, kept: &Kept) -> BTreeMap<String, Counts> {
    risk.restore_children(&kept.children, kept.children_until);
    let mut absent = BTreeMap::new();
    for (name, counts) in &kept.counts {
        match target_of(risk, name) {
            Some(target) => risk.restore_counts(target, counts),
            None => drop(absent.insert(name.clone(), *counts)),
        }
    }
    absent
}

/// Tells the risk layer what a journal says.
pub(super) fn recall(risk: &mut Risk, passed: Passed<'_>) {
    let Passed { account, strategy, ts, seq, says } = passed;
    let past = Past { ts, seq };
    let counted = match says {
        RowSays::Order(event, wish, parent) => {
            if matches!(event, OrderEvent::Submitted | OrderEvent::Released) {
                recall_order(risk, wish, ts);
                if let Some(parent) = parent {
                    risk.recall_child(parent.0, seq);
                }
            }
            counted(event, wish)
        }
        RowSays::Booked(booked) => {
            if booked.is_execution() {
                risk.recall(account, strategy, Recalled::Executed, past);
            }
            booked.pnl_closed().map(Recalled::Closed)
        }
        RowSays::Reset(scope, name) => {
            if let Some(target) = risk.target(scope, &name) {
                risk.recall_reset(target, Some(seq));
            }
            None
        }
    };
    if let Some(counted) = counted {
        risk.recall(account, strategy, counted, past);
    }
}

/// Of an order that the present rules cannot put into whole numbers none can be alike.
fn recall_order(risk: &mut Risk, wish: &Wish, ts: i64) {
    let Some(rules) = risk.rules(wish.instrument) else { return };
    let asked = (RiskRequest::Submit, OrderId(0));
    if let Ok(intent) = intent_of(rules, asked, wish, (Amount::ZERO, None)) {
        risk.recall_order(&intent, ts);
    }
}

fn counted(event: OrderEvent, wish: &Wish) -> Option<Recalled> {
    use OrderEvent as Event;
    match event {
        Event::Submitted | Event::Released | Event::ReplaceAsked => {
            Some(Recalled::Sent { is_cancel: false })
        }
        Event::CancelAsked => Some(Recalled::Sent { is_cancel: true }),
        Event::Rejected | Event::ReplaceRejected => {
            (!is_closing(wish)).then_some(Recalled::Refused)
        }
        Event::Accepted | Event::Replaced | Event::Cancelled => Some(Recalled::Taken),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
