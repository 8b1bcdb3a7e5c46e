//! The venue's errors, and what they mean for an order.

use serde::Deserialize;

use crate::gateway::flight::VenueError;
use crate::report::{Refusal, RefusalKind};

#[derive(Default, Deserialize)]
struct Text {
    #[serde(default)]
    code: i64,
    #[serde(default)]
    message: String,
}

pub(super) fn refusal(status: u16, body: &str) -> VenueError {
    let text: Text = serde_json::from_str(body).unwrap_or_default();
    let code = if text.code == 0 { i64::from(status) } else { text.code };
    let refusal = Refusal {
        reason: kind(status, text.code, &text.message.to_ascii_lowercase()),
        venue_code: code.to_string().into(),
        detail: text.message.into(),
    };
    // Below 400 nothing was meant for us, and behind 499 the venue does not know itself.
    let outcome_unknown = !(400..500).contains(&status) || status == 408;
    VenueError { refusal, outcome_unknown, cancelled: false }
}

fn kind(status: u16, code: i64, words: &str) -> RefusalKind {
    let says = |parts: &[&str]| parts.iter().any(|part| words.contains(part));
    match status {
        429 => RefusalKind::RateLimited,
        503 => RefusalKind::Unavailable,
        401 => RefusalKind::Authentication,
        403 if says(&["insufficient", "buying power"]) => RefusalKind::Balance,
        403 if code == 0 || says(&["account is", "not authorized"]) => RefusalKind::Authentication,
        404 if says(&["order not found"]) => RefusalKind::UnknownOrder,
        422 if says(&["must be unique"]) => RefusalKind::DuplicateId,
        422 if says(&["order is already in", "not cancelable", "no longer cancelable"]) => {
            RefusalKind::TooLate
        }
        422 if says(&["not tradable", "not active", "halted"]) => RefusalKind::Unavailable,
        403 | 404 | 422 => RefusalKind::Rules,
        _ => RefusalKind::Other,
    }
}
