//! The venue's errors, and what they mean for an order.

use serde::Deserialize;

use crate::report::{Refusal, RefusalKind};

/// An error, and what it leaves open.
#[derive(Clone, Debug)]
pub(super) struct VenueError {
    pub(super) refusal: Refusal,
    /// The request may have been done.
    pub(super) outcome_unknown: bool,
    /// Of a change: the old order is gone although the new one did not come.
    pub(super) cancelled: bool,
}

impl VenueError {
    pub(super) fn is_not_found(&self) -> bool {
        self.refusal.reason == RefusalKind::UnknownOrder
    }
}

#[derive(Default, Deserialize)]
struct Text {
    #[serde(default)]
    code: i64,
    #[serde(default)]
    msg: String,
    #[serde(default)]
    data: Option<Data>,
}

/// Of a change that failed: its two halves.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Data {
    cancel_result: Option<String>,
    new_order_response: Option<Half>,
}

#[derive(Deserialize)]
struct Half {
    code: Option<i64>,
    msg: Option<String>,
}

pub(super) fn refusal(status: u16, error: Option<&str>) -> VenueError {
    let text: Text = error.and_then(|error| serde_json::from_str(error).ok()).unwrap_or_default();
    let halves = text.data.as_ref();
    let cancelled = halves.is_some_and(|data| data.cancel_result.as_deref() == Some("SUCCESS"));
    let half = halves.and_then(|data| data.new_order_response.as_ref()).filter(|_| cancelled);
    let code = half.and_then(|half| half.code).unwrap_or(text.code);
    let words = half.and_then(|half| half.msg.clone()).unwrap_or(text.msg);
    let refusal = Refusal {
        reason: kind(status, code, &words),
        venue_code: code.to_string().into(),
        detail: words.into(),
    };
    VenueError { refusal, outcome_unknown: is_unknown(status, code), cancelled }
}

/// Whether the venue itself does not say what became of a request. An answer without a code of its
/// own, such as a gateway's 5xx page, says nothing either.
fn is_unknown(status: u16, code: i64) -> bool {
    matches!(code, -1006 | -1007) || (status >= 500 && code != -1008 && code != -1016) || code == 0
}

fn kind(status: u16, code: i64, words: &str) -> RefusalKind {
    match (status, code) {
        (429 | 418, _) | (_, -1003 | -1015 | -1008) => RefusalKind::RateLimited,
        (_, -1016) => RefusalKind::Unavailable,
        (401 | 403, _) | (_, -1002 | -1021 | -1022 | -2014 | -2015) => RefusalKind::Authentication,
        (_, -2011 | -2013) => RefusalKind::UnknownOrder,
        (_, -2010) => of_order(words),
        (_, -1013) if words.contains("Market is closed") => RefusalKind::Unavailable,
        (_, -1199..=-1100 | -1013) => RefusalKind::Rules,
        _ => RefusalKind::Other,
    }
}

/// One code stands for all that the matching engine refuses; its words tell which.
fn of_order(words: &str) -> RefusalKind {
    let says = |part: &str| words.to_ascii_lowercase().contains(part);
    if says("duplicate order") {
        RefusalKind::DuplicateId
    } else if says("insufficient balance") {
        RefusalKind::Balance
    } else if says("immediately match") {
        RefusalKind::WouldTake
    } else if says("market is closed") {
        RefusalKind::Unavailable
    } else {
        RefusalKind::Rules
    }
}
