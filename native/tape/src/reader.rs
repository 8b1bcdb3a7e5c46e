//! Reading a tape: from any row, in place, beside its writer.
//!
//! A reader registers nowhere and takes no lock. It maps one segment at a time, read-only, and
//! keeps it mapped as long as a batch of it lives, whether or not the file still has a name.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use arrow_array::Array as _;
use rustonite_core::{ErrorKind, Schema};

use crate::batch::{Batch, Flaw, Texts, Values};
use crate::bell::BellFile;
use crate::dictionary::{self, DictionaryReader};
use crate::error::{Result, TapeError};
use crate::folder::{self, Manifest, hex};
use crate::segment::{Extent, Segment};

/// How long until a reader looks again whether the tape still exists, and its longest sleep.
const SLEEP_MAX: Duration = Duration::from_millis(100);
/// Empty polls between looks at the clock.
const EMPTY_POLLS_MAX: u32 = 4096;
/// Tries to find a segment that others may be removing at the same time.
const RACES_MAX: usize = 16;

/// Where to begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start {
    /// The oldest row there is.
    First,
    /// This row, counted from the first ever appended.
    Row(u64),
    /// The next row to be committed.
    Now,
}

/// How to wait for rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wait {
    /// Burn the core: the lowest latency.
    Spin,
    /// Let other threads run in between.
    Yield,
    /// Sleep until the writer wakes us.
    Sleep,
}

/// Rows that were removed before this reader got to them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gap {
    /// First row missed.
    pub from: u64,
    /// First row after them.
    pub to: u64,
}

/// Outcome of a poll.
#[derive(Clone, Debug)]
pub enum Polled<T = Batch> {
    /// New rows.
    Rows(T),
    /// Rows that this reader can no longer get. Polling goes on behind them.
    Gap(Gap),
    /// Nothing new.
    Empty,
}

/// A position in a tape.
#[derive(Debug)]
pub struct Reader {
    folder: PathBuf,
    segment: Arc<Segment>,
    /// Position within `segment`.
    at: usize,
    /// Rows between here and the start of `segment` that were asked for but are gone.
    gap: Option<Gap>,
    /// Rows to pass over before the first one wanted.
    skip_to: u64,
    dictionaries: Vec<Option<DictionaryReader>>,
    texts: Texts,
    bell: Option<BellFile>,
    boot_id: [u8; 16],
    check_sums: bool,
    empty_polls: u32,
    /// When it was last looked whether the tape still exists.
    looked: Instant,
}

impl Reader {
    /// Opens a tape for reading.
    ///
    /// With `check_sums`, every segment that is already sealed when the reader comes to it is
    /// compared with its checksums first.
    ///
    /// # Errors
    /// No tape; damaged segments or side tables; no permission.
    pub fn open(folder: &Path, start: Start, check_sums: bool) -> Result<Self> {
        Manifest::read(folder)?;
        let boot_id = folder::boot_id()?;
        let segment = match start {
            Start::First => open_from(folder, 0)?,
            Start::Row(row) => find_row(folder, row)?,
            Start::Now => open_last(folder)?,
        };
        let Some(segment) = segment else {
            return Err(TapeError::Gone {
                path: folder.to_owned(),
                what: "every segment of the tape",
            });
        };
        let dictionaries = dictionary::readers(folder, segment.schema())?;
        let mut reader = Self {
            folder: folder.to_owned(),
            segment: Arc::new(segment),
            at: 0,
            gap: None,
            skip_to: 0,
            texts: Arc::from(vec![None; dictionaries.len()]),
            dictionaries,
            bell: BellFile::open(folder).ok(),
            boot_id,
            check_sums,
            empty_polls: 0,
            looked: Instant::now(),
        };
        reader.refresh_texts()?;
        reader.check_segment(&reader.segment)?;
        let base = reader.segment.identity.base_row;
        match start {
            Start::First => {}
            Start::Row(row) if row < base => reader.gap = Some(Gap { from: row, to: base }),
            Start::Row(row) => reader.skip_to = row,
            Start::Now => {
                reader.at = reader.segment.extent(boot_id)?.rows;
            }
        }
        Ok(reader)
    }

    /// The tape's schema.
    pub fn schema(&self) -> &Arc<Schema> {
        self.segment.schema()
    }

    /// The tape's folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Number of the next row this reader will give.
    pub fn row(&self) -> u64 {
        (self.segment.identity.base_row + self.at as u64).max(self.skip_to)
    }

    /// Whether a process has the tape open for writing now.
    pub fn has_writer(&self) -> bool {
        folder::has_writer(&self.folder)
    }

    /// Takes the new rows there are, at most `rows_max` and at most to the end of a segment.
    ///
    /// # Errors
    /// The tape was deleted, or its bytes are damaged.
    #[inline]
    pub fn poll(&mut self, rows_max: usize) -> Result<Polled> {
        self.poll_with(rows_max, Self::checked)
    }

    /// As [`Reader::poll`], for a process that acts on single values at once.
    ///
    /// The checks that Arrow consumers need read every row of every text and dictionary column:
    /// cache lines that the writer has to get back before its next row. [`Values`] does without,
    /// because it only gives what needs no check.
    ///
    /// # Errors
    /// As [`Reader::poll`].
    #[inline]
    pub fn poll_values(&mut self, rows_max: usize) -> Result<Polled<Values>> {
        self.poll_with(rows_max, |this, start, len| Ok(Values::new(this.batch(start, len))))
    }

    #[inline]
    fn poll_with<T>(
        &mut self,
        rows_max: usize,
        take: impl FnOnce(&mut Self, usize, usize) -> Result<T>,
    ) -> Result<Polled<T>> {
        if let Some(gap) = self.gap.take() {
            return Ok(Polled::Gap(gap));
        }
        if rows_max == 0 {
            return Ok(Polled::Empty);
        }
        loop {
            let extent = self.segment.extent(self.boot_id)?;
            self.skip();
            if self.at < extent.rows {
                let len = (extent.rows - self.at).min(rows_max);
                let rows = take(self, self.at, len)?;
                self.at += len;
                return Ok(Polled::Rows(rows));
            }
            match self.advance(extent)? {
                Advance::Stay => return Ok(Polled::Empty),
                Advance::Next => {}
                Advance::Gap(gap) => return Ok(Polled::Gap(gap)),
            }
        }
    }

    /// Passes over rows before the one that was asked for.
    fn skip(&mut self) {
        let base = self.segment.identity.base_row;
        if self.skip_to > base {
            let wanted = usize::try_from(self.skip_to - base).unwrap_or(usize::MAX);
            self.at = self.at.max(wanted);
        }
    }

    /// Waits until there is something to poll, at most `timeout`. False: nothing came.
    ///
    /// # Errors
    /// As [`Reader::poll`].
    pub fn wait(&mut self, timeout: Duration, how: Wait) -> Result<bool> {
        if self.ready()? {
            return Ok(true);
        }
        let started = Instant::now();
        loop {
            for _ in 0..256 {
                if self.ready()? {
                    return Ok(true);
                }
                match how {
                    Wait::Spin => std::hint::spin_loop(),
                    Wait::Yield => std::thread::yield_now(),
                    Wait::Sleep => break,
                }
            }
            let now = Instant::now();
            let left = timeout.saturating_sub(now - started);
            if left.is_zero() {
                return Ok(false);
            }
            if how == Wait::Sleep && self.sleep(left.min(SLEEP_MAX))? {
                return Ok(true);
            }
            self.look(now)?;
        }
    }

    /// Sleeps once; true if there is something to poll.
    fn sleep(&mut self, longest: Duration) -> Result<bool> {
        let Some(bell) = &self.bell else {
            // Without access to the bell there is only looking again.
            std::thread::sleep(longest.min(Duration::from_millis(1)));
            return self.ready();
        };
        let ticket = bell.prepare();
        if self.ready()? {
            return Ok(true);
        }
        if let Some(bell) = &self.bell {
            bell.sleep(ticket, longest);
        }
        self.ready()
    }

    /// Whether a poll would give something.
    #[inline]
    fn ready(&mut self) -> Result<bool> {
        if self.gap.is_some() {
            return Ok(true);
        }
        loop {
            let extent = self.segment.extent(self.boot_id)?;
            self.skip();
            if self.at < extent.rows {
                return Ok(true);
            }
            match self.advance(extent)? {
                Advance::Stay => return Ok(false),
                Advance::Next => {}
                Advance::Gap(gap) => {
                    self.gap = Some(gap);
                    return Ok(true);
                }
            }
        }
    }

    /// Moves to the next segment if this one is used up.
    #[inline]
    fn advance(&mut self, extent: Extent) -> Result<Advance> {
        if extent.sealed {
            return self.next_segment(extent);
        }
        self.empty_polls += 1;
        if self.empty_polls >= EMPTY_POLLS_MAX {
            self.empty_polls = 0;
            self.look(Instant::now())?;
        }
        Ok(Advance::Stay)
    }

    /// Looks whether the tape still exists, unless it did so lately: that costs system calls, during
    /// which a row would wait for us.
    fn look(&mut self, now: Instant) -> Result<()> {
        if now - self.looked < SLEEP_MAX {
            return Ok(());
        }
        self.looked = now;
        self.check_existence()
    }

    #[cold]
    fn next_segment(&mut self, extent: Extent) -> Result<Advance> {
        let number = self.segment.identity.number + 1;
        let Some(segment) = open_from(&self.folder, number)? else { return Ok(Advance::Stay) };
        let from = self.segment.identity.base_row + extent.rows as u64;
        let to = segment.identity.base_row;
        if segment.schema().fingerprint() != self.schema().fingerprint() {
            let (found, expected) = (segment.schema().fingerprint(), self.schema().fingerprint());
            return Err(TapeError::corrupt(&segment.path, "fingerprint", found, expected));
        }
        if segment.identity.tape_id != self.segment.identity.tape_id {
            let [found, expected] = [&segment, &*self.segment].map(|s| hex(&s.identity.tape_id));
            return Err(TapeError::corrupt(&segment.path, "tape id", found, expected));
        }
        if to < from {
            return Err(TapeError::corrupt(&segment.path, "base row", to, from));
        }
        // Before moving on: a damaged segment must not be given out by a second try.
        self.check_segment(&segment)?;
        self.segment = Arc::new(segment);
        self.at = 0;
        let from = from.max(self.skip_to);
        if to > from { Ok(Advance::Gap(Gap { from, to })) } else { Ok(Advance::Next) }
    }

    /// Compares a segment that is already sealed with its checksums.
    fn check_segment(&self, segment: &Segment) -> Result<()> {
        if self.check_sums
            && let Some(rows) = segment.sealed()?
        {
            segment.check_sums(rows)?;
        }
        Ok(())
    }

    /// An open segment is never removed by its writer: if it has no name, or another file has it,
    /// the tape was deleted.
    #[cold]
    fn check_existence(&self) -> Result<()> {
        if self.segment.has_its_name() || self.segment.sealed()?.is_some() {
            return Ok(());
        }
        Err(TapeError::Gone { path: self.folder.clone(), what: "the tape" })
    }

    fn batch(&self, start: usize, len: usize) -> Batch {
        Batch { segment: Arc::clone(&self.segment), texts: Arc::clone(&self.texts), start, len }
    }

    /// A batch whose bytes were checked, with the texts its codes need.
    fn checked(&mut self, start: usize, len: usize) -> Result<Batch> {
        let batch = self.batch(start, len);
        match batch.check() {
            Ok(()) => Ok(batch),
            Err(Flaw::Code { .. }) => self.checked_again(start, len),
            Err(flaw) => Err(flaw.into_error(&self.segment)),
        }
    }

    /// A code without a text: there are new texts, perhaps in a new file.
    #[cold]
    fn checked_again(&mut self, start: usize, len: usize) -> Result<Batch> {
        self.refresh_texts()?;
        if self.batch(start, len).check().is_err() {
            for dictionary in self.dictionaries.iter_mut().flatten() {
                dictionary.reopen()?;
            }
            self.refresh_texts()?;
        }
        let batch = self.batch(start, len);
        batch.check().map_err(|flaw| flaw.into_error(&self.segment))?;
        Ok(batch)
    }

    /// The text of a dictionary code, also of one that came after the last checked batch.
    ///
    /// # Errors
    /// The side table of the column is damaged.
    pub fn text(&mut self, column: usize, code: i64) -> Result<Option<&str>> {
        let known =
            |texts: &Texts| texts.get(column).and_then(Option::as_ref).map_or(0, |t| t.len());
        let missing = |texts: &Texts| usize::try_from(code).is_ok_and(|code| code >= known(texts));
        if missing(&self.texts) {
            self.refresh_texts()?;
        }
        if missing(&self.texts)
            && let Some(Some(dictionary)) = self.dictionaries.get_mut(column)
        {
            dictionary.reopen()?;
            self.refresh_texts()?;
        }
        let texts = self.texts.get(column).and_then(Option::as_ref);
        let code = usize::try_from(code).ok();
        Ok(texts
            .zip(code)
            .and_then(|(texts, code)| (code < texts.len()).then(|| texts.value(code))))
    }

    fn refresh_texts(&mut self) -> Result<()> {
        let texts = self.dictionaries.iter_mut().map(|dictionary| match dictionary {
            Some(dictionary) => dictionary.texts().cloned().map(Some),
            None => Ok(None),
        });
        self.texts = texts.collect::<Result<Vec<_>>>()?.into();
        Ok(())
    }
}

enum Advance {
    Stay,
    Next,
    Gap(Gap),
}

/// Opens the lowest segment from `number` on, or nothing if there is none.
fn open_from(folder: &Path, number: u64) -> Result<Option<Segment>> {
    for _ in 0..RACES_MAX {
        let numbers = folder::segment_numbers(folder)?;
        let Some(&lowest) = numbers.iter().find(|&&found| found >= number) else { return Ok(None) };
        if let Some(segment) = open_if_there(folder, lowest)? {
            return Ok(Some(segment));
        }
    }
    Err(TapeError::Gone { path: folder::segment_path(folder, number), what: "the segment" })
}

fn open_last(folder: &Path) -> Result<Option<Segment>> {
    match folder::segment_numbers(folder)?.last() {
        Some(&number) => open_from(folder, number),
        None => Ok(None),
    }
}

/// Opens the segment that holds `row`: the last one that begins at or before it, or the first.
fn find_row(folder: &Path, row: u64) -> Result<Option<Segment>> {
    let mut found = None;
    for number in folder::segment_numbers(folder)? {
        let Some(segment) = open_if_there(folder, number)? else { continue };
        if found.is_some() && segment.identity.base_row > row {
            break;
        }
        found = Some(segment);
    }
    match found {
        Some(segment) => Ok(Some(segment)),
        // All that were listed have been removed since, so there are later ones.
        None => open_from(folder, 0),
    }
}

/// Opens a segment unless it was removed in the meantime.
fn open_if_there(folder: &Path, number: u64) -> Result<Option<Segment>> {
    match Segment::open(&folder::segment_path(folder, number), false) {
        Ok(segment) => Ok(Some(segment)),
        Err(error @ TapeError::Io { .. }) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}
