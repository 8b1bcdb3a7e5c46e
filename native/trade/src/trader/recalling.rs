//! What earlier runs did, told to the limits that count it.

use rustonite_core::Amount;
use rustonite_core::datasets::{OrderEvent, RiskRequest};
use rustonite_exec::{OrderId, Passed, RowSays, Wish};
use rustonite_risk::{Recalled, Risk};

use crate::desk::intent_of;

/// Tells the risk layer what a journal says.
pub(super) fn recall(risk: &mut Risk, passed: Passed<'_>) {
    let Passed { account, strategy, ts, says, .. } = passed;
    let counted = match says {
        RowSays::Order(event, wish) => {
            if matches!(event, OrderEvent::Submitted | OrderEvent::Released) {
                recall_order(risk, wish, ts);
            }
            counted(event)
        }
        RowSays::Booked(booked) => {
            if booked.is_execution() {
                risk.recall(account, strategy, Recalled::Executed, ts);
            }
            booked.pnl_closed().map(Recalled::Closed)
        }
        RowSays::Reset(scope, name) => {
            if let Some(target) = risk.target(scope, &name) {
                risk.recall_reset(target);
            }
            None
        }
    };
    if let Some(counted) = counted {
        risk.recall(account, strategy, counted, ts);
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

fn counted(event: OrderEvent) -> Option<Recalled> {
    use OrderEvent as Event;
    match event {
        Event::Submitted | Event::Released | Event::ReplaceAsked => {
            Some(Recalled::Sent { is_cancel: false })
        }
        Event::CancelAsked => Some(Recalled::Sent { is_cancel: true }),
        Event::Rejected | Event::ReplaceRejected => Some(Recalled::Refused),
        Event::Accepted | Event::Replaced | Event::Cancelled => Some(Recalled::Taken),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
