//! Rows that wait until there are enough of them for a call of the strategy.

use rustonite_core::ids::InstrumentId;

use super::{TradeError, Trader, lock};
use crate::market::Rows;
use crate::strategy::Strategy;

/// Rows of one tape that are counted, and that the strategy has not been told.
pub(super) struct Gathered {
    rows: Rows,
    instruments: Vec<Option<InstrumentId>>,
    /// When the first of them came.
    since: i64,
}

impl Trader {
    /// Tells the strategy of rows, together with those of the same tape that come soon.
    pub(super) fn gather(
        &mut self,
        strategy: &mut dyn Strategy,
        rows: Rows,
        instruments: Vec<Option<InstrumentId>>,
    ) -> Result<(), TradeError> {
        let (rows_max, followed) = (self.config.strategy.rows_max, rows.followed);
        let place = self.gathered.iter().position(|one| one.rows.followed == followed);
        let joined = place.and_then(|at| self.gathered[at].rows.batch.joined(&rows.batch));
        if let (Some(at), Some(batch)) = (place, joined.filter(|batch| batch.len() <= rows_max)) {
            let before = &mut self.gathered[at];
            before.rows.batch = batch;
            before.instruments.extend(instruments);
        } else {
            self.tell_tape(strategy, followed)?;
            let since = lock(&self.shared).now();
            self.gathered.push_back(Gathered { rows, instruments, since });
        }
        let is_full =
            |one: &Gathered| one.rows.followed == followed && one.rows.batch.len() >= rows_max;
        if self.gathered.iter().any(is_full) { self.tell_tape(strategy, followed) } else { Ok(()) }
    }

    /// When rows that wait have to be told.
    pub(super) fn gathered_until(&self) -> Option<i64> {
        let first = self.gathered.front()?;
        Some(first.since.saturating_add(self.gather_ns))
    }

    /// Tells what has waited long enough; false if nothing has.
    pub(super) fn tell_due(&mut self, strategy: &mut dyn Strategy) -> Result<bool, TradeError> {
        let Some(first) = self.gathered_until() else { return Ok(false) };
        let now = lock(&self.shared).now();
        if first > now {
            return Ok(false);
        }
        while self.gathered_until().is_some_and(|until| until <= now) {
            self.tell_first(strategy)?;
        }
        Ok(true)
    }

    /// Tells all that wait.
    pub(super) fn tell_gathered(&mut self, strategy: &mut dyn Strategy) -> Result<(), TradeError> {
        while !self.gathered.is_empty() {
            self.tell_first(strategy)?;
        }
        Ok(())
    }

    /// Tells what waits of a tape, and what began to wait before it.
    pub(super) fn tell_tape(
        &mut self,
        strategy: &mut dyn Strategy,
        followed: usize,
    ) -> Result<(), TradeError> {
        while self.gathered.iter().any(|one| one.rows.followed == followed) {
            self.tell_first(strategy)?;
        }
        Ok(())
    }

    fn tell_first(&mut self, strategy: &mut dyn Strategy) -> Result<(), TradeError> {
        match self.gathered.pop_front() {
            Some(one) => self.tell_rows(strategy, &one.rows, &one.instruments),
            None => Ok(()),
        }
    }
}
