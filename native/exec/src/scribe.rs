//! Numbers rows and hands them to the journal, until that fails once.

use std::sync::Arc;

use rustonite_core::Amount;
use rustonite_core::datasets::{BalanceCause, PositionCause, draft};

use crate::directory::Directory;
use crate::error::{ExecError, Result};
use crate::journal::{Journal, JournalRow};
use crate::order::Order;
use crate::positions::{Position, PositionKey};
use crate::rows::{self, BalanceOf, Booking, OrderNote, StateNote};

/// The writing side of the journal. After a row that was not taken none is tried again: what is
/// there stays a prefix of what happened.
#[derive(Debug)]
pub(crate) struct Scribe<J> {
    pub(crate) directory: Arc<Directory>,
    journal: J,
    /// Number of the last row.
    seq: i64,
    halted: Option<String>,
    /// While a journal is read back nothing is written.
    muted: bool,
}

impl<J: Journal> Scribe<J> {
    pub(crate) fn new(directory: Arc<Directory>, journal: J) -> Self {
        Self { directory, journal, seq: 0, halted: None, muted: false }
    }

    pub(crate) fn seq(&self) -> i64 {
        self.seq
    }

    pub(crate) fn start_after(&mut self, seq: i64) {
        self.seq = seq;
    }

    pub(crate) fn mute(&mut self, muted: bool) {
        self.muted = muted;
    }

    /// Whether a journal is being read back.
    pub(crate) fn is_muted(&self) -> bool {
        self.muted
    }

    pub(crate) fn halted(&self) -> Option<&str> {
        self.halted.as_deref()
    }

    pub(crate) fn halt(&mut self, why: String) {
        self.halted.get_or_insert(why);
    }

    pub(crate) fn journal_mut(&mut self) -> &mut J {
        &mut self.journal
    }

    #[inline]
    pub(crate) fn order(&mut self, order: &Order, note: OrderNote<'_>) -> Result<()> {
        if self.is_idle()? {
            return Ok(());
        }
        let row = rows::order_row(&self.directory, order, note, self.seq + 1);
        let taken = self.journal.write(JournalRow::Order(&row));
        self.count(taken)
    }

    /// Gets the journal ready for such a row.
    pub(crate) fn rehearse(&mut self, order: &Order, note: OrderNote<'_>) {
        let row = rows::order_row(&self.directory, order, note, self.seq + 1);
        self.journal.rehearse(&row);
    }

    pub(crate) fn fill(
        &mut self,
        booking: &Booking<'_>,
        position_after: Option<Amount>,
    ) -> Result<()> {
        if self.is_idle()? {
            return Ok(());
        }
        let row = rows::fill_row(&self.directory, booking, position_after, self.seq + 1);
        let taken = self.journal.write(JournalRow::Fill(&row));
        self.count(taken)
    }

    pub(crate) fn position(
        &mut self,
        key: &PositionKey,
        position: &Position,
        cause: PositionCause,
        note: StateNote<'_>,
    ) -> Result<()> {
        if self.is_idle()? {
            return Ok(());
        }
        let row = rows::position_row(&self.directory, key, position, cause, note, self.seq + 1);
        let taken = self.journal.write(JournalRow::Position(&row));
        self.count(taken)
    }

    pub(crate) fn balance(
        &mut self,
        of: BalanceOf<'_>,
        cause: BalanceCause,
        note: StateNote<'_>,
    ) -> Result<()> {
        if self.is_idle()? {
            return Ok(());
        }
        let row = rows::balance_row(&self.directory, of, cause, note, self.seq + 1);
        let taken = self.journal.write(JournalRow::Balance(&row));
        self.count(taken)
    }

    /// Writes a decision of the risk layer; its `seq` is set here.
    pub(crate) fn risk(&mut self, row: &draft::RiskEvents<'_>) -> Result<()> {
        if self.is_idle()? {
            return Ok(());
        }
        let row = draft::RiskEvents { seq: self.seq + 1, ..*row };
        let taken = self.journal.write(JournalRow::Risk(&row));
        self.count(taken)
    }

    /// The row just written is that of an intent.
    #[inline]
    pub(crate) fn intent_written(&mut self) -> Result<()> {
        let safe = self.journal.intent_written();
        safe.map_err(|error| self.fail(&error))
    }

    fn is_idle(&self) -> Result<bool> {
        self.halted.as_ref().map_or(Ok(self.muted), |why| Err(ExecError::Halted(why.clone())))
    }

    fn count(&mut self, taken: Result<(), crate::journal::JournalError>) -> Result<()> {
        match taken {
            Ok(()) => {
                self.seq += 1;
                Ok(())
            }
            Err(error) => Err(self.fail(&error)),
        }
    }

    #[cold]
    fn fail(&mut self, error: &crate::journal::JournalError) -> ExecError {
        let why = error.to_string();
        self.halt(why.clone());
        ExecError::Halted(why)
    }
}
