//! How far our clock is from the venue's, which takes no request of another time.

use super::parse::ms;

/// The venue is asked for its time no more often than this.
const PAUSE: i64 = 5_000_000_000;

/// What is known of it.
#[derive(Debug, Default)]
pub(super) struct Clock {
    /// To be added to ours.
    ahead_ns: i64,
    /// The venue has refused something for it.
    is_doubted: bool,
    asked_at: Option<i64>,
}

impl Clock {
    /// What the venue's clock says.
    pub(super) fn at(&self, now: i64) -> i64 {
        now.saturating_add(self.ahead_ns)
    }

    /// The same in milliseconds.
    pub(super) fn ms(&self, now: i64) -> i64 {
        ms(self.at(now))
    }

    pub(super) fn doubt(&mut self) {
        self.is_doubted = true;
    }

    /// Whether the venue is to be asked for its time now.
    pub(super) fn begins(&mut self, now: i64) -> bool {
        // Our own clock may have been set back since.
        let is_soon = self.asked_at.is_some_and(|at| (0..PAUSE).contains(&(now - at)));
        if is_soon || !std::mem::take(&mut self.is_doubted) {
            return false;
        }
        self.asked_at = Some(now);
        true
    }

    /// The venue has told its time. As its answer took a while we are a little late from now on,
    /// which it minds less than early.
    pub(super) fn set(&mut self, theirs: i64, ts_recv: i64) {
        self.ahead_ns = theirs.saturating_sub(ts_recv);
    }
}

#[cfg(test)]
mod tests {
    use super::{Clock, PAUSE};

    #[test]
    fn a_venue_is_asked_once_for_each_doubt_and_not_without_a_pause() {
        let mut clock = Clock::default();
        assert!(!clock.begins(0));
        clock.doubt();
        assert!(clock.begins(0) && !clock.begins(0));
        clock.doubt();
        assert!(!clock.begins(PAUSE - 1));
        assert!(clock.begins(PAUSE));
        clock.doubt();
        assert!(clock.begins(-1));
        clock.set(700, 1_000);
        assert_eq!(clock.at(2_000), 1_700);
    }
}
