//! The clock of the recorder.

use std::time::{SystemTime, UNIX_EPOCH};

pub(crate) const SECOND_NS: i64 = 1_000_000_000;

/// Nanoseconds since 1970 by the clock of this machine.
#[inline]
pub(crate) fn now_ns() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_nanos()).unwrap_or(i64::MAX)
}

/// Seconds as nanoseconds.
pub(crate) fn seconds_ns(seconds: u64) -> i64 {
    i64::try_from(seconds).unwrap_or(i64::MAX).saturating_mul(SECOND_NS)
}
