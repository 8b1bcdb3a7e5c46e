//! What earlier runs did, told to the limits that count it.

use rustonite_core::datasets::OrderEvent;
use rustonite_exec::{Passed, Past};
use rustonite_risk::{Past as Counted, Risk};

/// Tells the risk layer what a journal says.
pub(super) fn recall(risk: &mut Risk, passed: Passed) {
    let Passed { account, strategy, ts, past } = passed;
    let counted = match past {
        Past::Order(event) => counted(event),
        Past::Executed => Some(Counted::Executed),
        Past::Closed(profit) => Some(Counted::Closed(profit)),
        Past::Reset(scope, name) => {
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

fn counted(event: OrderEvent) -> Option<Counted> {
    use OrderEvent as Event;
    match event {
        Event::Submitted | Event::Released | Event::ReplaceAsked => {
            Some(Counted::Sent { is_cancel: false })
        }
        Event::CancelAsked => Some(Counted::Sent { is_cancel: true }),
        Event::Rejected | Event::ReplaceRejected => Some(Counted::Refused),
        Event::Accepted | Event::Replaced | Event::Cancelled => Some(Counted::Taken),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
