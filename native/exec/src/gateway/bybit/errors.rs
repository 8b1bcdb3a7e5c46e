//! The venue's errors, and what they mean for an order.

use super::Reply;
use crate::gateway::flight::VenueError;
use crate::report::{Refusal, RefusalKind};

pub(super) fn refusal(code: i64, words: &str) -> VenueError {
    let refusal =
        Refusal { reason: kind(code), venue_code: code.to_string().into(), detail: words.into() };
    // A time-out or a failure of its own: the venue does not know itself.
    let outcome_unknown = matches!(code, 10_000 | 10_016 | 170_007 | 170_032);
    VenueError { refusal, outcome_unknown, cancelled: false }
}

/// Why a call of REST brought nothing.
pub(super) fn of_call(status: u16, reply: Option<&Reply<'_>>) -> VenueError {
    if let Some(reply) = reply.filter(|reply| reply.ret_code != 0) {
        return refusal(reply.ret_code, &reply.ret_msg);
    }
    let mut error = VenueError::of_status(status);
    if status == 403 {
        // An address that asks too much.
        error.refusal.reason = RefusalKind::RateLimited;
    }
    error
}

fn kind(code: i64) -> RefusalKind {
    match code {
        10_006 | 10_018 | 10_403 | 10_429 => RefusalKind::RateLimited,
        10_002..=10_005 | 10_007 | 10_009 | 10_010 | 33_004 => RefusalKind::Authentication,
        110_001 | 170_213 => RefusalKind::UnknownOrder,
        110_008 | 110_010 | 170_142 | 170_143 => RefusalKind::TooLate,
        110_004 | 110_007 | 110_012 | 110_014 | 110_045 | 110_052 | 170_033 | 170_131 => {
            RefusalKind::Balance
        }
        110_072 | 170_141 => RefusalKind::DuplicateId,
        170_218 => RefusalKind::WouldTake,
        110_066 | 110_074 | 170_209 | 170_221 => RefusalKind::Unavailable,
        10_001 | 110_000..=110_999 | 170_000..=179_999 => RefusalKind::Rules,
        _ => RefusalKind::Other,
    }
}
