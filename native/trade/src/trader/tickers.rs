//! What the rows of a market's tickers and of its instruments say.

use rustonite_core::Amount;
use rustonite_core::datasets::{INSTRUMENT_STATUS, InstrumentStatus, VOLUME_WINDOW, VolumeWindow};
use rustonite_core::ids::InstrumentId;
use rustonite_core::schema::Vocabulary;
use rustonite_tape::Batch;

use super::{Trader, lock};
use crate::rows::Tickers;

impl Trader {
    pub(super) fn count_tickers(&self, rows: &Tickers<'_>) {
        let statuses = Words::of(rows.batch, "status", &INSTRUMENT_STATUS);
        let windows = Words::of(rows.batch, "volume_window", &VOLUME_WINDOW);
        let mut inner = lock(&self.shared);
        for (at, instrument) in rows.instrument.iter().enumerate() {
            let Some(instrument) = *instrument else { continue };
            let figure = |column: &[f64]| column.get(at).copied().unwrap_or(0.0);
            inner.desk.marks(instrument, figure(rows.mark_price), figure(rows.index_price));
            if let Some(status) = statuses.at(at).and_then(InstrumentStatus::parse) {
                inner.desk.status(instrument, status);
            }
            // A day that has only begun says nothing of a whole one.
            let window = windows.at(at).and_then(VolumeWindow::parse);
            let volume = figure(rows.volume);
            if window == Some(VolumeWindow::Rolling24h) && volume > 0.0 {
                inner.desk.daily_volume(instrument, volume);
            }
        }
        inner.release_due();
    }

    /// Halts and delistings, and steps of price and size that are not those of the start any more.
    pub(super) fn count_instruments(&self, batch: &Batch, instruments: &[Option<InstrumentId>]) {
        let statuses = Words::of(batch, "status", &INSTRUMENT_STATUS);
        let [ticks, lots] = ["tick_size", "lot_size"].map(|name| amounts(batch, name));
        let mut inner = lock(&self.shared);
        let now = inner.now();
        for (at, instrument) in instruments.iter().enumerate() {
            let Some(instrument) = *instrument else { continue };
            if let Some(status) = statuses.at(at).and_then(InstrumentStatus::parse) {
                inner.desk.status(instrument, status);
            }
            // A replay has the rules of its tape's end from the start.
            if !self.config.replay {
                let step = |steps: &[Option<Amount>]| steps.get(at).copied().flatten();
                inner.desk.steps(instrument, step(&ticks), step(&lots), now);
            }
        }
    }
}

/// A column of amounts.
fn amounts(batch: &Batch, name: &str) -> Vec<Option<Amount>> {
    let column = batch.schema().index_of(name).unwrap_or(usize::MAX);
    let values = batch.values::<i128>(column).unwrap_or_default();
    let set = batch.validity(column);
    let is_set = |at: usize| set.as_ref().is_none_or(|set| set.is_valid(at));
    values.iter().enumerate().map(|(at, value)| is_set(at).then_some(Amount(*value))).collect()
}

/// A column of words of which some are not there.
struct Words<'a> {
    codes: &'a [i8],
    /// `None` if all are.
    is_set: Option<Vec<bool>>,
    vocabulary: &'static Vocabulary,
}

impl<'a> Words<'a> {
    fn of(batch: &'a Batch, name: &str, vocabulary: &'static Vocabulary) -> Self {
        let column = batch.schema().index_of(name).unwrap_or(usize::MAX);
        let codes = batch.values(column).unwrap_or_default();
        let is_set = batch.validity(column).map(|set| set.iter().collect());
        Self { codes, is_set, vocabulary }
    }

    fn at(&self, row: usize) -> Option<&'static str> {
        let code = usize::try_from(*self.codes.get(row)?).ok()?;
        let is_there = self.is_set.as_ref().is_none_or(|set| set.get(row) == Some(&true));
        self.vocabulary.values.get(code).map(|(word, _)| *word).filter(|_| is_there)
    }
}
