//! Timers of venues that cancel all orders unless they hear in time that we are still there.

use std::collections::VecDeque;

use rustonite_core::budget::Errand;
use rustonite_core::ids::InstrumentId;

use super::budget::{Budget, Spend};
use crate::report::{Refusal, RefusalKind};

const SECOND: i64 = 1_000_000_000;
/// How long until a timer is asked for again that was not set.
const RETRY: i64 = 2 * SECOND;

/// What an account's timers are to do, and what is known of them.
#[derive(Debug, Default)]
pub(super) struct Guard {
    seconds: u32,
    timers: Vec<Timer>,
}

#[derive(Debug)]
struct Timer {
    instrument: InstrumentId,
    /// When it was asked for without an answer so far, the oldest first.
    asked: VecDeque<i64>,
    /// When it is to be asked for again; `None` if it never was.
    due_at: Option<i64>,
    /// When it ends all orders, as far as we know; `None` if it does not run.
    until: Option<i64>,
    /// Whether people know that it was not set.
    is_told: bool,
}

/// What timers a venue has.
#[derive(Clone, Copy, Debug)]
pub(super) struct TimerRule {
    /// The least and the most seconds.
    pub(super) seconds: (u32, u32),
    /// One for each instrument, or one for the account.
    pub(super) each_instrument: bool,
}

impl Guard {
    /// Timers as a venue has them.
    pub(super) fn checked(
        venue: &str,
        rule: &TimerRule,
        seconds: u32,
        instruments: &[InstrumentId],
    ) -> Result<Self, Refusal> {
        check(venue, seconds, rule.seconds)?;
        let most = if rule.each_instrument { instruments.len() } else { 1 };
        Ok(Self::new(seconds, &instruments[..most.min(instruments.len())]))
    }

    /// Timers of so many seconds, one for each of these instruments.
    fn new(seconds: u32, instruments: &[InstrumentId]) -> Self {
        let timer = |instrument: &InstrumentId| Timer {
            instrument: *instrument,
            asked: VecDeque::new(),
            due_at: None,
            until: None,
            is_told: false,
        };
        Self { seconds, timers: instruments.iter().map(timer).collect() }
    }

    /// Whether there are timers to be set.
    pub(super) fn is_wanted(&self) -> bool {
        !self.timers.is_empty()
    }

    pub(super) fn seconds(&self) -> u32 {
        self.seconds
    }

    fn length(&self) -> i64 {
        i64::from(self.seconds) * SECOND
    }

    /// Timers that are to be set anew, while we hear of our orders and there is room for it. It takes
    /// two that get lost until one runs out.
    pub(super) fn due(
        &mut self,
        is_heard: bool,
        budget: &mut Budget,
        now: i64,
    ) -> Vec<InstrumentId> {
        if !is_heard || budget.room(&Spend::one(Errand::Guard), now).is_err() {
            return Vec::new();
        }
        let pause = self.length() / 3;
        let is_due = |timer: &&mut Timer| timer.due_at.is_none_or(|at| now >= at);
        let due = self.timers.iter_mut().filter(is_due);
        let asked = due.map(|timer| {
            timer.asked.push_back(now);
            timer.due_at = Some(now.saturating_add(pause));
            timer.instrument
        });
        asked.collect()
    }

    /// The venue has set a timer: it runs from no earlier than the oldest question for it.
    pub(super) fn is_set(&mut self, instrument: InstrumentId) {
        let length = self.length();
        let Some(timer) = self.timer(instrument) else { return };
        let until = timer.asked.pop_front().map(|at| at.saturating_add(length));
        timer.until = timer.until.max(until);
        timer.is_told = false;
    }

    /// The venue has not set a timer, or nobody knows whether it has: it is asked again soon. Returns
    /// whether people are to be told, which is once until it is set.
    pub(super) fn has_failed(&mut self, instrument: InstrumentId, now: i64) -> bool {
        let Some(timer) = self.timer(instrument) else { return true };
        timer.asked.pop_front();
        let soon = now.saturating_add(RETRY);
        timer.due_at = timer.due_at.map(|at| at.min(soon));
        !std::mem::replace(&mut timer.is_told, true)
    }

    fn timer(&mut self, instrument: InstrumentId) -> Option<&mut Timer> {
        self.timers.iter_mut().find(|timer| timer.instrument == instrument)
    }

    /// Every timer has to be set anew.
    pub(super) fn is_lost(&mut self) {
        for timer in &mut self.timers {
            (timer.due_at, timer.until) = (None, None);
            timer.asked.clear();
        }
    }

    /// Whether all timers are set, and none of them has run out.
    pub(super) fn runs(&self, now: i64) -> bool {
        let runs = |timer: &Timer| timer.until.is_some_and(|until| until > now);
        !self.timers.is_empty() && self.timers.iter().all(runs)
    }

    /// The timers that were asked for and are not wanted any more.
    pub(super) fn end(&mut self) -> Vec<InstrumentId> {
        let timers = std::mem::take(&mut self.timers).into_iter();
        timers.filter(|timer| timer.due_at.is_some()).map(|timer| timer.instrument).collect()
    }
}

/// Whether a venue can be asked for a timer of so many seconds.
fn check(venue: &str, seconds: u32, (least, most): (u32, u32)) -> Result<(), Refusal> {
    if (least..=most).contains(&seconds) {
        return Ok(());
    }
    let detail = format!("{venue}: found {seconds}, expected {least} to {most} seconds");
    Err(Refusal { reason: RefusalKind::Rules, venue_code: "".into(), detail: detail.into() })
}

/// That a venue has no such timer.
pub(super) fn none() -> Refusal {
    let detail = "the venue has no timer that cancels orders".into();
    Refusal { reason: RefusalKind::Rules, venue_code: "".into(), detail }
}

#[cfg(test)]
mod tests {
    use super::{Budget, Guard, SECOND, check};
    use rustonite_core::ids::InstrumentId;

    const IDS: [InstrumentId; 2] = [InstrumentId(3), InstrumentId(5)];

    #[test]
    fn a_timer_is_set_again_in_time_and_runs_once_the_venue_says_so() {
        let mut guard = Guard::new(30, &IDS);
        let due = |guard: &mut Guard, now| guard.due(true, &mut Budget::default(), now);
        assert_eq!(guard.due(false, &mut Budget::default(), 0), []);
        assert_eq!(due(&mut guard, 0), IDS);
        assert_eq!(due(&mut guard, 9 * SECOND), []);
        guard.is_set(IDS[0]);
        assert!(!guard.runs(SECOND));
        guard.is_set(IDS[1]);
        assert!(guard.runs(SECOND) && !guard.runs(30 * SECOND));
        assert_eq!(due(&mut guard, 10 * SECOND), IDS);
        // Until the venue has answered, what it set before is what is known.
        assert!(guard.runs(29 * SECOND) && !guard.runs(30 * SECOND));
        guard.is_set(IDS[0]);
        guard.is_set(IDS[1]);
        assert!(guard.runs(39 * SECOND));
        guard.is_lost();
        assert!(!guard.runs(11 * SECOND));
        assert_eq!(due(&mut guard, 11 * SECOND), IDS);
        assert_eq!(guard.end(), IDS);
        assert_eq!(due(&mut guard, 99 * SECOND), []);
        assert!(!Guard::default().runs(0));
    }

    #[test]
    fn an_answer_that_comes_late_is_to_the_oldest_question() {
        let mut guard = Guard::new(30, &IDS[..1]);
        for now in [0, 10 * SECOND] {
            assert_eq!(guard.due(true, &mut Budget::default(), now), IDS[..1]);
        }
        guard.is_set(IDS[0]);
        assert!(guard.runs(29 * SECOND) && !guard.runs(30 * SECOND));
        guard.is_set(IDS[0]);
        assert!(guard.runs(39 * SECOND) && !guard.runs(40 * SECOND));
    }

    #[test]
    fn lengths_that_a_venue_does_not_take_are_refused() {
        assert!(check("okx", 10, (10, 120)).is_ok());
        let refusal = check("okx", 5, (10, 120)).unwrap_err();
        assert_eq!(&*refusal.detail, "okx: found 5, expected 10 to 120 seconds");
    }
}
