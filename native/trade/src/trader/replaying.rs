//! A trader on recorded tapes: the same rows, one after another, with their time as the clock. The
//! same tapes, configuration and strategy give the same decisions, whatever the machine does.

use std::collections::VecDeque;
use std::time::Instant;

use super::{BEAT, TradeError, Trader, lock};
use crate::market::{INSTRUMENTS, Market, Tick};
use crate::strategy::Strategy;

impl Trader {
    /// Reads up to the first row that is traded on, whose time is the start of the clock: what
    /// instruments are may have been told long before.
    ///
    /// # Errors
    /// A tape cannot be read.
    pub(super) fn first_of(
        market: &mut Market,
    ) -> Result<Option<(VecDeque<Tick>, i64)>, TradeError> {
        market.hand_out(1);
        let mut ticks = VecDeque::new();
        loop {
            match market.poll()? {
                Tick::Nothing => return Ok(None),
                Tick::Gap(..) => {}
                Tick::Rows(rows) => {
                    let at = market.received(&rows).first().copied().unwrap_or_default();
                    let is_market = market.followed()[rows.followed].dataset != INSTRUMENTS;
                    ticks.push_back(Tick::Rows(rows));
                    if is_market {
                        return Ok(Some((ticks, at)));
                    }
                }
            }
        }
    }

    /// Trades until the last row, and until nothing is on its way any more.
    pub(super) fn replay(
        &mut self,
        strategy: &mut dyn Strategy,
        go_on: &mut dyn FnMut(&mut Self) -> bool,
    ) -> Result<(), TradeError> {
        let mut asked = Instant::now();
        // Before the first row accounts are compared, and trade.
        while self.act(strategy)? {}
        while let Some(tick) = self.next_tick()? {
            let at = match &tick {
                Tick::Rows(rows) => self.market.received(rows).first().copied(),
                _ => None,
            };
            if let Some(at) = at {
                self.pass(strategy, at)?;
                lock(&self.shared).go_on_to(at);
            }
            self.take_tick(strategy, tick)?;
            while self.act(strategy)? {}
            if asked.elapsed() >= BEAT {
                asked = Instant::now();
                if !go_on(self) {
                    return self.tell_gathered(strategy);
                }
            }
        }
        self.pass(strategy, i64::MAX)
    }

    fn next_tick(&mut self) -> Result<Option<Tick>, TradeError> {
        if let Some(held) = self.held.pop_front() {
            return Ok(Some(held));
        }
        Ok(match self.market.poll()? {
            Tick::Nothing => None,
            tick => Some(tick),
        })
    }

    /// Lets everything happen that is due before a moment, each at its own.
    pub(super) fn pass(
        &mut self,
        strategy: &mut dyn Strategy,
        until: i64,
    ) -> Result<(), TradeError> {
        let beat_ns = i64::try_from(BEAT.as_nanos()).unwrap_or(i64::MAX);
        loop {
            let (now, timer) = {
                let mut inner = lock(&self.shared);
                (inner.now(), inner.timers.peek().map(|next| -*next))
            };
            // At the end of the tapes time goes on for what is on its way alone.
            let beat = (until < i64::MAX).then(|| (now / beat_ns + 1) * beat_ns);
            let timer = timer.filter(|_| until < i64::MAX);
            let next = [beat, timer, self.papers.next(), self.gathered_until()]
                .into_iter()
                .flatten()
                .min();
            let Some(next) = next.filter(|next| *next < until) else { return Ok(()) };
            lock(&self.shared).go_on_to(next);
            if Some(next) == beat {
                self.beat()?;
            }
            while self.act(strategy)? {}
        }
    }
}
