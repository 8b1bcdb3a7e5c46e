//! The venue's errors, and what they mean for an order.

use crate::gateway::flight::VenueError;
use crate::report::{Refusal, RefusalKind};

/// An error such as `EOrder:Insufficient funds`.
pub(super) fn refusal(text: &str) -> VenueError {
    let (code, detail) = text.split_once(':').unwrap_or((text, ""));
    let words = text.to_ascii_lowercase();
    let refusal =
        Refusal { reason: kind(code, &words), venue_code: code.into(), detail: detail.into() };
    VenueError { refusal, outcome_unknown: is_unknown(&words), cancelled: false }
}

/// Whether the venue does not know itself: what is behind its front is not there, is busy or has
/// failed, or took too long.
fn is_unknown(words: &str) -> bool {
    let fails = ["unavailable", "busy", "timeout", "deadline"];
    let of_service = words.strip_prefix("eservice:");
    words.is_empty()
        || words.contains("internal error")
        || of_service.is_some_and(|rest| fails.iter().any(|part| rest.contains(part)))
}

fn kind(code: &str, words: &str) -> RefusalKind {
    let says = |parts: &[&str]| parts.iter().any(|part| words.contains(part));
    if says(&["rate limit", "orders limit", "too many requests", "throttled", "lockout"]) {
        return RefusalKind::RateLimited;
    }
    match code {
        "EService" => RefusalKind::Unavailable,
        "EAPI" | "EAuth" | "ESession" | "EAccount" => RefusalKind::Authentication,
        "EGeneral" if says(&["permission denied"]) => RefusalKind::Authentication,
        "EOrder" if says(&["insufficient", "margin level", "margin allowance"]) => {
            RefusalKind::Balance
        }
        "EOrder" if says(&["unknown order"]) => RefusalKind::UnknownOrder,
        "EOrder" if says(&["post only"]) => RefusalKind::WouldTake,
        "EOrder" if says(&["duplicate", "cl_ord_id must be unique", "in use"]) => {
            RefusalKind::DuplicateId
        }
        "EOrder" if says(&["cancel_only", "post_only", "not tradable", "trading is halted"]) => {
            RefusalKind::Unavailable
        }
        "EOrder" | "EGeneral" | "EQuery" | "ETrade" => RefusalKind::Rules,
        _ => RefusalKind::Other,
    }
}
