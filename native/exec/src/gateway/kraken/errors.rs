//! The venue's errors, and what they mean for an order.

use crate::gateway::flight::VenueError;
use crate::report::{Refusal, RefusalKind};

/// An error such as `EOrder:Insufficient funds`.
pub(super) fn refusal(text: &str) -> VenueError {
    let (code, detail) = text.split_once(':').unwrap_or((text, ""));
    let words = text.to_ascii_lowercase();
    let refusal =
        Refusal { reason: kind(code, &words), venue_code: code.into(), detail: detail.into() };
    let says = |part: &str| words.contains(part);
    // The venue does not know itself.
    let outcome_unknown = text.is_empty()
        || says("eservice:timeout")
        || says("eservice:deadline")
        || says("eservice:busy")
        || says("internal error");
    VenueError { refusal, outcome_unknown, cancelled: false }
}

fn kind(code: &str, words: &str) -> RefusalKind {
    let says = |parts: &[&str]| parts.iter().any(|part| words.contains(part));
    if says(&["rate limit", "orders limit", "too many requests"]) {
        return RefusalKind::RateLimited;
    }
    match code {
        "EService" => RefusalKind::Unavailable,
        "EAPI" | "EAuth" | "ESession" => RefusalKind::Authentication,
        "EGeneral" if says(&["permission denied"]) => RefusalKind::Authentication,
        "EOrder" if says(&["insufficient"]) => RefusalKind::Balance,
        "EOrder" if says(&["unknown order"]) => RefusalKind::UnknownOrder,
        "EOrder" if says(&["post only"]) => RefusalKind::WouldTake,
        "EOrder" if says(&["duplicate", "cl_ord_id must be unique", "in use"]) => {
            RefusalKind::DuplicateId
        }
        "EOrder" if says(&["cancel_only", "not tradable", "trading is halted"]) => {
            RefusalKind::Unavailable
        }
        "EOrder" | "EGeneral" | "EQuery" => RefusalKind::Rules,
        _ => RefusalKind::Other,
    }
}
