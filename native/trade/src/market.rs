//! Market data as it comes: the tapes of recorders, read in place and in the order of receipt.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustonite_core::ids::{InstrumentId, VenueId};
use rustonite_exec::Directory;
use rustonite_tape::{Batch, Gap, MergedReader, Polled, Reader, Result, Start, TapeError, Wait};

/// Rows that are handed out at once, so that what is due is looked at in between.
const ROWS_MAX: usize = 1024;
/// How far back those are handed out that were there before.
const ROWS_BACK: u64 = 1 << 20;
/// The dataset of rules.
pub(crate) const INSTRUMENTS: &str = "instruments";
pub(crate) const BOOK_DELTAS: &str = "book_deltas";
/// How often a tape is looked for that is not there so far.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// Market data that is followed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Followed {
    /// The tapes' folder of a recorder.
    pub folder: PathBuf,
    /// Whose market data it is.
    pub venue: String,
    /// `quotes`, `trades`, `book_deltas`, `bars`, `tickers` or `instruments`.
    pub dataset: String,
}

impl Followed {
    /// The tape, if a recorder made it. Its name is that of the recorder and of the venue.
    pub(crate) fn find(&self) -> Option<PathBuf> {
        let ending = format!("-{}", self.venue);
        let ours = |path: &PathBuf| {
            let name = path.file_name().and_then(|name| name.to_str());
            name.is_some_and(|name| {
                name.ends_with(&ending) && !name[..name.len() - ending.len()].is_empty()
            })
        };
        let all = std::fs::read_dir(self.folder.join(&self.dataset)).ok()?;
        let mut found: Vec<_> = all.flatten().map(|entry| entry.path()).filter(ours).collect();
        found.sort();
        found.into_iter().next()
    }
}

/// Rows of one tape.
#[derive(Debug)]
pub struct Rows {
    /// Position of the tape in what is followed.
    pub followed: usize,
    /// Whose market data it is.
    pub venue: VenueId,
    /// The rows, in place.
    pub batch: Batch,
}

/// What came.
#[derive(Debug)]
pub enum Tick {
    /// Rows.
    Rows(Rows),
    /// Rows of what is followed at this position cannot be had any more.
    Gap(usize, Gap),
    /// Nothing.
    Nothing,
}

/// A tape that was found.
#[derive(Debug)]
struct Found {
    followed: usize,
    venue: VenueId,
    symbol_column: usize,
    time_column: usize,
    /// What its codes of symbols mean here; `None` for symbols that nothing here trades.
    codes: Vec<Option<InstrumentId>>,
}

/// Tapes that are followed.
#[derive(Debug)]
pub struct Market {
    directory: Arc<Directory>,
    followed: Vec<Followed>,
    found: Vec<Found>,
    merged: MergedReader,
    looked: Option<Instant>,
    start: Start,
    rows_max: usize,
}

impl Market {
    /// Follows tapes, from `start` those that are there and from their first row those to come.
    ///
    /// # Errors
    /// A tape that is there and cannot be read.
    pub fn open(directory: Arc<Directory>, followed: Vec<Followed>, start: Start) -> Result<Self> {
        let merged = MergedReader::new(Vec::new(), "ts_recv", Duration::ZERO)?;
        let found = Vec::new();
        let (looked, rows_max) = (None, ROWS_MAX);
        let mut market = Self { directory, followed, found, merged, looked, start, rows_max };
        market.look()?;
        market.start = Start::First;
        Ok(market)
    }

    /// Hands out so many rows at once from now on, at most.
    pub fn hand_out(&mut self, rows_max: usize) {
        self.rows_max = rows_max.min(ROWS_MAX);
    }

    /// The first of what is followed that is not there so far.
    pub fn missing(&self) -> Option<&Followed> {
        let is_found = |number: usize| self.found.iter().any(|found| found.followed == number);
        (0..self.followed.len()).find(|number| !is_found(*number)).map(|at| &self.followed[at])
    }

    /// When these rows were received.
    pub fn received<'a>(&self, rows: &'a Rows) -> &'a [i64] {
        let found = self.found.iter().find(|found| found.followed == rows.followed);
        found.and_then(|found| rows.batch.values(found.time_column)).unwrap_or_default()
    }

    /// Hands out the last rows of a dataset's tapes that come before the next row of each; of rows that
    /// were all received before `since` none.
    pub(crate) fn before(
        &self,
        dataset: &str,
        since: i64,
        take: &mut dyn FnMut(&Rows, &[Option<InstrumentId>]),
    ) -> Result<()> {
        for (found, reader) in self.found.iter().zip(self.merged.readers()) {
            let tape = &self.followed[found.followed];
            if tape.dataset != dataset {
                continue;
            }
            let until = reader.row();
            let start = Start::Row(until.saturating_sub(ROWS_BACK));
            let mut past = Self::open(Arc::clone(&self.directory), vec![tape.clone()], start)?;
            loop {
                let rows = match past.poll()? {
                    Tick::Nothing => break,
                    Tick::Gap(..) => continue,
                    Tick::Rows(rows) => rows,
                };
                let left = until.saturating_sub(rows.batch.first_row());
                if left > 0 && past.received(&rows).last().is_some_and(|last| *last < since) {
                    continue;
                }
                let mut instruments: Vec<_> = past.instruments(&rows).collect();
                instruments.truncate(usize::try_from(left).unwrap_or(usize::MAX));
                if instruments.is_empty() {
                    break;
                }
                let batch = rows.batch.slice(0, instruments.len());
                take(&Rows { followed: found.followed, venue: found.venue, batch }, &instruments);
            }
        }
        Ok(())
    }

    /// What is followed.
    pub fn followed(&self) -> &[Followed] {
        &self.followed
    }

    /// Whether all tapes are there.
    pub fn is_complete(&self) -> bool {
        self.found.len() == self.followed.len()
    }

    /// Looks for tapes that are missing.
    fn look(&mut self) -> Result<()> {
        if self.is_complete() || self.looked.is_some_and(|looked| looked.elapsed() < LOOK_EVERY) {
            return Ok(());
        }
        self.looked = Some(Instant::now());
        for number in 0..self.followed.len() {
            if self.found.iter().any(|found| found.followed == number) {
                continue;
            }
            if let Some(path) = self.followed[number].find() {
                self.add(number, &path)?;
            }
        }
        Ok(())
    }

    fn add(&mut self, followed: usize, path: &Path) -> Result<()> {
        let reader = match Reader::open(path, self.start, false) {
            // Its writer is making it.
            Err(TapeError::NotATape { .. } | TapeError::Gone { .. }) => return Ok(()),
            opened => opened?,
        };
        let symbol_column = reader.schema().index_of("symbol").unwrap_or(usize::MAX);
        let time_column = reader.schema().index_of("ts_recv").unwrap_or(usize::MAX);
        let venue = self.directory.venue(&self.followed[followed].venue).unwrap_or_default();
        self.merged.add(reader, "ts_recv")?;
        let codes = Vec::new();
        self.found.push(Found { followed, venue, symbol_column, time_column, codes });
        Ok(())
    }

    /// Takes the next rows.
    ///
    /// # Errors
    /// A tape is damaged or was deleted.
    pub fn poll(&mut self) -> Result<Tick> {
        if !self.is_complete() {
            self.look()?;
        }
        let (number, polled) = self.merged.poll(self.rows_max)?;
        Ok(match polled {
            Polled::Empty => Tick::Nothing,
            Polled::Gap(gap) => Tick::Gap(self.found[number].followed, gap),
            Polled::Rows(batch) => {
                let found = &mut self.found[number];
                found.learn(&self.directory, &batch);
                Tick::Rows(Rows { followed: found.followed, venue: found.venue, batch })
            }
        })
    }

    /// The instrument of each row, and `None` where nothing here trades it.
    pub fn instruments<'a>(
        &'a self,
        rows: &'a Rows,
    ) -> impl Iterator<Item = Option<InstrumentId>> + 'a {
        let found = self.found.iter().find(|found| found.followed == rows.followed);
        let codes = found.and_then(|found| rows.batch.values::<i32>(found.symbol_column));
        let known = found.map_or(&[][..], |found| &found.codes);
        let meaning = move |code: &i32| {
            usize::try_from(*code).ok().and_then(|code| known.get(code).copied().flatten())
        };
        codes.unwrap_or_default().iter().map(meaning)
    }

    /// Waits until there may be rows, at most so long.
    ///
    /// # Errors
    /// As [`Market::poll`].
    pub fn wait(&mut self, timeout: Duration, how: Wait) -> Result<bool> {
        self.merged.wait(timeout, how)
    }
}

impl Found {
    /// Learns what new codes mean.
    fn learn(&mut self, directory: &Directory, batch: &Batch) {
        let codes = batch.values::<i32>(self.symbol_column).unwrap_or_default();
        let Some(largest) = codes.iter().max().and_then(|code| usize::try_from(*code).ok()) else {
            return;
        };
        for code in self.codes.len()..=largest {
            let text =
                i64::try_from(code).ok().and_then(|code| batch.text(self.symbol_column, code));
            self.codes.push(text.and_then(|text| directory.instrument(self.venue, text)));
        }
    }
}

#[cfg(test)]
mod tests;
