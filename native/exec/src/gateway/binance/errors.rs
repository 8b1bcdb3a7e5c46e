//! The venue's errors, and what they mean for an order.

use serde::Deserialize;

use crate::gateway::flight::VenueError;
use crate::report::{Refusal, RefusalKind};

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

pub(in crate::gateway) fn refusal(status: u16, error: Option<&str>) -> VenueError {
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

/// What became of one of several orders: itself, or why not.
pub(in crate::gateway) fn of_item(row: &str) -> Result<&str, VenueError> {
    let text: Text = serde_json::from_str(row).unwrap_or_default();
    if text.code < 0 { Err(refusal(400, Some(row))) } else { Ok(row) }
}

/// Whether the venue itself does not say what became of a request: a failure of its own, a time-out,
/// or that it is busy. An answer without a code of its own, such as a gateway's 5xx page, says nothing
/// either; but who is not let in has done nothing.
fn is_unknown(status: u16, code: i64) -> bool {
    match (status, code) {
        (401 | 403 | 418 | 429, _) | (_, -1008 | -1016) => false,
        (_, -1001..=-1000 | -1004 | -1007..=-1006 | 0) => true,
        _ => status >= 500,
    }
}

fn kind(status: u16, code: i64, words: &str) -> RefusalKind {
    match (status, code) {
        (429 | 418, _) | (_, -1003 | -1015 | -1008) => RefusalKind::RateLimited,
        (_, -1001 | -1004 | -1016 | -2016 | -4141 | -4140) => RefusalKind::Unavailable,
        (_, -1021 | -5028) => RefusalKind::Clock,
        (401 | 403, _) | (_, -1002 | -1022 | -1099 | -1125 | -2014 | -2015 | -2017) => {
            RefusalKind::Authentication
        }
        (_, -2011 | -2013) => RefusalKind::UnknownOrder,
        (_, -2010) => of_order(words),
        (_, -2018 | -2019 | -2024) => RefusalKind::Balance,
        (_, -2026) if words.contains("archived") => RefusalKind::TooLate,
        (_, -4116) => RefusalKind::DuplicateId,
        (_, -5022) => RefusalKind::WouldTake,
        (_, -1013) if words.contains("Market is closed") => RefusalKind::Unavailable,
        // On spot two of these codes stand for changes that failed.
        (_, -2021 | -2022) if words.contains("cancel-replace") => RefusalKind::Other,
        (
            _,
            -1199..=-1100
            | -1020
            | -1014..=-1013
            | -2028..=-2020
            | -2039..=-2038
            | -4999..=-4000
            | -5099..=-5000,
        ) => RefusalKind::Rules,
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
