//! The venue's errors, and what they mean for an order.

use super::Envelope;
use crate::gateway::flight::VenueError;
use crate::report::{Refusal, RefusalKind};

pub(super) fn refusal(code: &str, words: &str) -> VenueError {
    let number: u32 = code.parse().unwrap_or_default();
    let refusal = Refusal { reason: kind(number), venue_code: code.into(), detail: words.into() };
    VenueError { refusal, outcome_unknown: is_unknown(number), cancelled: false }
}

/// Why a call of REST brought nothing.
pub(super) fn of_call(status: u16, envelope: Option<&Envelope<'_>>) -> VenueError {
    let said = envelope.filter(|envelope| !matches!(&*envelope.code, "" | "0"));
    if let Some(envelope) = said {
        return refusal(&envelope.code, &envelope.msg);
    }
    VenueError::of_status(status)
}

/// Whether the venue does not know itself: it is not there, busy, has failed or took too long, or
/// says nothing that can be read.
fn is_unknown(code: u32) -> bool {
    let of_rest = [0, 50_001, 50_004, 50_013, 50_026];
    let of_orders = [51_054, 51_149];
    let of_lines = [63_999, 64_007];
    [&of_rest[..], &of_orders, &of_lines].iter().any(|codes| codes.contains(&code))
}

fn kind(code: u32) -> RefusalKind {
    match code {
        50_011 | 50_040 | 50_061 | 60_014 => RefusalKind::RateLimited,
        50_001 | 50_005 | 50_009 | 50_013 | 50_026 | 51_021..=51_022 | 51_027..=51_030 | 63_999 => {
            RefusalKind::Unavailable
        }
        50_036 | 50_102 | 60_004 | 60_006 => RefusalKind::Clock,
        50_007
        | 50_008
        | 50_012
        | 50_027
        | 50_030
        | 50_100..=50_121
        | 51_024
        | 60_005..=60_011
        | 60_024
        | 60_032 => RefusalKind::Authentication,
        51_008 | 51_119 | 51_127 | 51_131 | 51_502 => RefusalKind::Balance,
        50_071 | 51_016 => RefusalKind::DuplicateId,
        51_019 => RefusalKind::WouldTake,
        51_400..=51_402 | 51_410 | 51_509 | 51_510 => RefusalKind::TooLate,
        51_503 | 51_603 => RefusalKind::UnknownOrder,
        50_002
        | 50_014..=50_016
        | 50_024
        | 50_025
        | 51_000..=51_999
        | 54_000..=54_999
        | 60_012
        | 60_013 => RefusalKind::Rules,
        _ => RefusalKind::Other,
    }
}
