//! The venue's errors, and what they mean for an order.

use super::Envelope;
use crate::gateway::flight::VenueError;
use crate::report::{Refusal, RefusalKind};

pub(super) fn refusal(code: &str, words: &str) -> VenueError {
    let number: u32 = code.parse().unwrap_or_default();
    let refusal = Refusal { reason: kind(number), venue_code: code.into(), detail: words.into() };
    // The venue says itself that it does not know, or says nothing that can be read.
    let outcome_unknown = matches!(number, 0 | 50_004 | 50_013 | 50_026);
    VenueError { refusal, outcome_unknown, cancelled: false }
}

/// Why a call of REST brought nothing.
pub(super) fn of_call(status: u16, envelope: Option<&Envelope<'_>>) -> VenueError {
    let said = envelope.filter(|envelope| !matches!(&*envelope.code, "" | "0"));
    if let Some(envelope) = said {
        return refusal(&envelope.code, &envelope.msg);
    }
    VenueError::of_status(status)
}

fn kind(code: u32) -> RefusalKind {
    match code {
        50_011 | 50_061 | 60_014 => RefusalKind::RateLimited,
        50_001 | 51_023 | 51_027 | 51_028 | 51_030 => RefusalKind::Unavailable,
        50_100..=50_119 | 60_004..=60_011 | 60_024 | 60_032 => RefusalKind::Authentication,
        51_008 | 51_119 | 51_127 | 51_131 | 51_502 => RefusalKind::Balance,
        51_016 => RefusalKind::DuplicateId,
        51_019 => RefusalKind::WouldTake,
        51_400..=51_402 | 51_410 | 51_509 | 51_510 => RefusalKind::TooLate,
        51_503 | 51_603 => RefusalKind::UnknownOrder,
        51_000..=51_999 | 54_000..=54_999 => RefusalKind::Rules,
        _ => RefusalKind::Other,
    }
}
