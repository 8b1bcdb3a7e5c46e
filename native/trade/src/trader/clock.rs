//! The trader's clock. It is the clock of the machine for as long as that goes on. If that is set
//! back, time goes on steadily from where it was, so that answers still time out and limits of a rate
//! still pass, and a little slower until the two meet again.

use std::time::Instant;

use rustonite_feed::now_ns;

/// Of a thousand steady nanoseconds so many count less while the machine's clock is behind. Venues
/// judge requests by their time, so we must not drift away from what they told of theirs.
const SLOWER_PER_MILLE: i64 = 1;

/// Where time comes from.
pub(super) trait Source: Send {
    /// The machine's clock: nanoseconds since 1970.
    fn wall(&self) -> i64;
    /// Nanoseconds since some moment, never set back.
    fn steady(&self) -> i64;
}

/// The machine.
struct Machine {
    began: Instant,
}

impl Source for Machine {
    fn wall(&self) -> i64 {
        now_ns()
    }

    fn steady(&self) -> i64 {
        i64::try_from(self.began.elapsed().as_nanos()).unwrap_or(i64::MAX)
    }
}

pub(super) struct Clock {
    source: Box<dyn Source>,
    last: i64,
    /// Since the machine's clock was set back: our time then, and the steady time.
    behind: Option<(i64, i64)>,
    /// How far ours is ahead of the machine's.
    ahead: i64,
    /// By how much it was set back, if nobody was told so far.
    set_back: Option<i64>,
    /// It goes on as tapes say, and not by itself.
    is_replay: bool,
}

impl Clock {
    pub(super) fn new(now: i64, is_replay: bool) -> Self {
        Self::of(Box::new(Machine { began: Instant::now() }), now, is_replay)
    }

    fn of(source: Box<dyn Source>, now: i64, is_replay: bool) -> Self {
        Self { source, last: now, behind: None, ahead: 0, set_back: None, is_replay }
    }

    /// It never goes back.
    #[inline]
    pub(super) fn now(&mut self) -> i64 {
        if self.is_replay {
            return self.last;
        }
        let wall = self.source.wall();
        if wall >= self.last && self.behind.is_none() {
            self.last = wall;
            return wall;
        }
        self.steadily(wall)
    }

    #[cold]
    fn steadily(&mut self, wall: i64) -> i64 {
        let steady = self.source.steady();
        let (last, set_back) = (self.last, &mut self.set_back);
        let (from, since) = *self.behind.get_or_insert_with(|| {
            *set_back = Some(last.saturating_sub(wall));
            (last, steady)
        });
        let gone = steady.saturating_sub(since);
        let ours = from.saturating_add(gone - gone / 1_000 * SLOWER_PER_MILLE);
        if wall >= ours {
            self.behind = None;
        }
        self.last = self.last.max(ours).max(wall);
        self.ahead = self.last.saturating_sub(wall);
        self.last
    }

    /// A moment of the machine's clock by ours. None is later than the last that was asked for, so that
    /// nothing of before the clock was set back looks fresh for as long as it is behind.
    pub(super) fn ours(&self, at: i64) -> i64 {
        at.saturating_add(self.ahead).min(self.last)
    }

    /// By how much the machine's clock was set back since the last call.
    pub(super) fn take_set_back(&mut self) -> Option<i64> {
        self.set_back.take()
    }

    pub(super) fn go_on_to(&mut self, at: i64) {
        self.last = self.last.max(at);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicI64, Ordering};

    use super::{Clock, Source};

    const SECOND: i64 = 1_000_000_000;

    #[derive(Clone, Default)]
    struct Hands {
        wall: Arc<AtomicI64>,
        steady: Arc<AtomicI64>,
    }

    impl Hands {
        fn pass(&self, ns: i64) {
            self.wall.fetch_add(ns, Ordering::Relaxed);
            self.steady.fetch_add(ns, Ordering::Relaxed);
        }
    }

    impl Source for Hands {
        fn wall(&self) -> i64 {
            self.wall.load(Ordering::Relaxed)
        }

        fn steady(&self) -> i64 {
            self.steady.load(Ordering::Relaxed)
        }
    }

    fn clock() -> (Clock, Hands) {
        let hands = Hands::default();
        hands.pass(10_000 * SECOND);
        (Clock::of(Box::new(hands.clone()), 0, false), hands)
    }

    #[test]
    fn time_goes_on_after_the_clock_was_set_back() {
        let (mut clock, hands) = clock();
        let before = clock.now();
        hands.wall.fetch_sub(3_600 * SECOND, Ordering::Relaxed);
        assert_eq!(clock.now(), before);
        assert_eq!(clock.take_set_back(), Some(3_600 * SECOND));
        hands.pass(10 * SECOND);
        let gone = clock.now() - before;
        assert!((9_900_000_000..=10 * SECOND).contains(&gone), "{gone}");
        assert_eq!(clock.take_set_back(), None, "it is told once");
        // What comes with the machine's time came just now.
        assert_eq!(clock.ours(hands.wall()), clock.now());
    }

    #[test]
    fn the_two_meet_again_and_ours_never_goes_back() {
        let (mut clock, hands) = clock();
        clock.now();
        hands.wall.fetch_sub(SECOND, Ordering::Relaxed);
        let mut last = clock.now();
        for _ in 0..1_100 {
            hands.pass(SECOND);
            let now = clock.now();
            assert!(now >= last);
            last = now;
        }
        assert_eq!(last, hands.wall());
        assert_eq!(clock.ours(7), 7);
    }

    #[test]
    fn what_is_stamped_after_the_clock_was_set_back_is_as_old_as_it_is() {
        let (mut clock, hands) = clock();
        let before = clock.now();
        hands.wall.fetch_sub(3_600 * SECOND, Ordering::Relaxed);
        clock.now();
        hands.pass(2 * SECOND);
        let stamp = hands.wall();
        hands.pass(5 * SECOND);
        let age = clock.now() - clock.ours(stamp);
        assert!((4_990_000_000..=5 * SECOND).contains(&age), "{age}");
        // What was stamped before came just now at the latest, and grows old from there.
        let came = clock.ours(before);
        assert_eq!(came, clock.now());
        hands.pass(60 * SECOND);
        assert!(clock.now() - came > 59 * SECOND);
    }

    #[test]
    fn a_clock_that_is_set_ahead_is_followed_at_once() {
        let (mut clock, hands) = clock();
        clock.now();
        hands.wall.fetch_add(3_600 * SECOND, Ordering::Relaxed);
        assert_eq!(clock.now(), hands.wall());
        assert_eq!(clock.take_set_back(), None);
    }

    #[test]
    fn the_clock_of_a_replay_goes_as_its_rows_say() {
        let (_, hands) = clock();
        let mut clock = Clock::of(Box::new(hands.clone()), 5, true);
        hands.pass(SECOND);
        assert_eq!(clock.now(), 5);
        clock.go_on_to(9);
        clock.go_on_to(7);
        assert_eq!(clock.now(), 9);
    }
}
