//! The clock of the recorder.

use std::time::{Instant, SystemTime, UNIX_EPOCH};

pub(crate) const SECOND_NS: i64 = 1_000_000_000;
/// A clock that is disciplined drifts by less from one look to the next.
const STEP_NS: i64 = 10_000_000;

/// Nanoseconds since 1970 by the clock of this machine.
#[inline]
pub fn now_ns() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_nanos()).unwrap_or(i64::MAX)
}

/// Seconds as nanoseconds.
pub(crate) fn seconds_ns(seconds: u64) -> i64 {
    i64::try_from(seconds).unwrap_or(i64::MAX).saturating_mul(SECOND_NS)
}

/// Notices when somebody sets the clock, by one that nobody sets.
#[derive(Debug)]
pub(crate) struct Steps {
    began: Instant,
    /// What our clock was ahead of the other at the last look.
    ahead_ns: Option<i64>,
}

impl Steps {
    pub(crate) fn new() -> Self {
        Self { began: Instant::now(), ahead_ns: None }
    }

    /// How far the clock was set since the last look, if it was.
    pub(crate) fn look(&mut self) -> Option<i64> {
        let before = self.passed();
        let now = now_ns();
        let after = self.passed();
        // Whoever has to wait for the processor between the readings sees no step.
        if after - before > STEP_NS / 10 { None } else { self.compare(now, after) }
    }

    fn passed(&self) -> i64 {
        i64::try_from(self.began.elapsed().as_nanos()).unwrap_or(i64::MAX)
    }

    fn compare(&mut self, now: i64, passed: i64) -> Option<i64> {
        let ahead = now.saturating_sub(passed);
        let step = ahead - self.ahead_ns.replace(ahead)?;
        (step.abs() >= STEP_NS).then_some(step)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_that_is_set_is_noticed_once() {
        let mut steps = Steps::new();
        let looks = [
            (1_000 * SECOND_NS, 0, None),
            (1_001 * SECOND_NS, SECOND_NS, None),
            // Slewed by 500 ppm.
            (1_002 * SECOND_NS + 500_000, 2 * SECOND_NS, None),
            (1_000 * SECOND_NS, 3 * SECOND_NS, Some(-3 * SECOND_NS - 500_000)),
            (1_001 * SECOND_NS, 4 * SECOND_NS, None),
            (4_602 * SECOND_NS, 5 * SECOND_NS, Some(3_600 * SECOND_NS)),
        ];
        for (now, passed, step) in looks {
            assert_eq!(steps.compare(now, passed), step, "{now} {passed}");
        }
        assert_eq!(Steps::new().look(), None);
    }
}
