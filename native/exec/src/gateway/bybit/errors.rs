//! The venue's errors, and what they mean for an order.

use super::Reply;
use crate::gateway::flight::VenueError;
use crate::report::{Refusal, RefusalKind};

pub(super) fn refusal(code: i64, words: &str) -> VenueError {
    let refusal =
        Refusal { reason: kind(code), venue_code: code.to_string().into(), detail: words.into() };
    VenueError { refusal, outcome_unknown: is_unknown(code), cancelled: false }
}

/// Whether the venue does not know itself: it failed or took too long, or it has taken a request of
/// this number before.
fn is_unknown(code: i64) -> bool {
    let of_all = [10_000, 10_014, 10_016, 20_006];
    let of_spot = [170_001, 170_007, 170_032, 170_146, 170_147, 170_234];
    of_all.contains(&code) || of_spot.contains(&code)
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
        429 | 10_006 | 10_018 | 10_403 | 10_429 | 20_003 | 170_005 | 170_222 => {
            RefusalKind::RateLimited
        }
        10_002 => RefusalKind::Clock,
        -2_015 | 10_003..=10_005 | 10_007..=10_010 | 10_024 | 10_027 | 33_004 => {
            RefusalKind::Authentication
        }
        110_001 | 170_213 => RefusalKind::UnknownOrder,
        110_008 | 110_010 | 170_139 | 170_142 | 170_143 => RefusalKind::TooLate,
        110_004
        | 110_006
        | 110_007
        | 110_012
        | 110_014
        | 110_044
        | 110_045
        | 110_051..=110_053
        | 170_033
        | 170_131 => RefusalKind::Balance,
        110_072 | 170_141 => RefusalKind::DuplicateId,
        170_218 => RefusalKind::WouldTake,
        10_019 | 110_011 | 110_066 | 110_074 | 110_079 | 110_103 | 170_031 | 170_209 | 170_217
        | 170_221 => RefusalKind::Unavailable,
        10_001 | 10_029 | 10_404 | 110_000..=110_999 | 170_000..=179_999 => RefusalKind::Rules,
        _ => RefusalKind::Other,
    }
}
