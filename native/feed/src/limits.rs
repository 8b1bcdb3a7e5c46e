//! Keeping to what a venue allows: how fast we may send, connect and call.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;
use std::time::Duration;

use tokio::time::{Instant, sleep_until};

/// At most so much in any window of time.
#[derive(Clone, Debug)]
pub(crate) struct Budget(Rc<RefCell<State>>);

#[derive(Debug)]
struct State {
    most: u32,
    window: Duration,
    spent: VecDeque<(Instant, u32)>,
    total: u32,
    /// The venue told us to be quiet until then.
    not_before: Option<Instant>,
}

impl Budget {
    pub(crate) fn new(most: u32, window: Duration) -> Self {
        let state =
            State { most: most.max(1), window, spent: VecDeque::new(), total: 0, not_before: None };
        Self(Rc::new(RefCell::new(state)))
    }

    /// Waits until so much may be spent, and spends it.
    pub(crate) async fn spend(&self, amount: u32) {
        loop {
            let Some(until) = self.0.borrow_mut().try_spend(amount) else { return };
            sleep_until(until).await;
        }
    }

    /// Spends so much if it may be. When to try again, if not.
    pub(crate) fn try_spend(&self, amount: u32) -> Option<Instant> {
        self.0.borrow_mut().try_spend(amount)
    }

    /// Spends nothing for a while, because the venue says so.
    pub(crate) fn pause(&self, time: Duration) {
        let until = Instant::now() + time;
        let mut state = self.0.borrow_mut();
        state.not_before = state.not_before.max(Some(until));
    }
}

impl State {
    /// When to try again, or `None` if it is spent.
    fn try_spend(&mut self, amount: u32) -> Option<Instant> {
        let now = Instant::now();
        if let Some(until) = self.not_before.filter(|until| *until > now) {
            return Some(until);
        }
        while let Some(&(when, spent)) = self.spent.front() {
            if when + self.window > now {
                break;
            }
            self.total -= spent;
            self.spent.pop_front();
        }
        // What is more than the whole budget must still be possible.
        let fits = self.total == 0 || self.total.saturating_add(amount) <= self.most;
        if fits {
            self.spent.push_back((now, amount));
            self.total += amount;
            return None;
        }
        self.spent.front().map(|(when, _)| *when + self.window)
    }
}

/// Growing pauses between attempts, with chance in them so that not all come back at once.
#[derive(Debug, Default)]
pub(crate) struct Backoff {
    failures: u32,
}

const PAUSE_FIRST: Duration = Duration::from_millis(250);
const PAUSE_MAX: Duration = Duration::from_mins(1);
/// A connection that worked for so long was a good one. Were it longer, one that is cut every half a
/// minute would lose more by pauses than by cuts.
const GOOD_LIFE: Duration = Duration::from_secs(10);

impl Backoff {
    /// The pause after a connection that lived so long.
    pub(crate) fn after(&mut self, worked: bool, life: Duration) -> Duration {
        if worked && life > GOOD_LIFE {
            self.reset();
        }
        self.next()
    }

    /// The next pause.
    pub(crate) fn next(&mut self) -> Duration {
        let pause = PAUSE_FIRST.saturating_mul(1 << self.failures.min(10)).min(PAUSE_MAX);
        self.failures += 1;
        pause.mul_f64(0.5 + fastrand::f64() / 2.0)
    }

    /// It works again.
    pub(crate) fn reset(&mut self) {
        self.failures = 0;
    }
}

#[cfg(test)]
mod tests;
