//! Several tapes as one stream, in the order of a timestamp column.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rustonite_core::{ColumnType, Fixed};

use crate::batch::Batch;
use crate::error::{Result, TapeError};
use crate::reader::{Polled, Reader, Wait};

/// Merges readers by time. Batches come from one tape each and are slices of it, not copies.
///
/// Rows that exist come in exact order (ties: in the order of the readers). Of a live tape nobody
/// knows whether a row with an earlier time is still to come: rows younger than `hold` wait for
/// that, unless every tape has a newer one. With a `hold` of zero nothing waits.
#[derive(Debug)]
pub struct MergedReader {
    readers: Vec<Reader>,
    columns: Vec<usize>,
    heads: Vec<Option<Batch>>,
    hold: Duration,
}

impl MergedReader {
    /// Merges `readers` by their column `column`, usually `ts_recv`.
    ///
    /// # Errors
    /// A tape without such a timestamp column.
    pub fn new(readers: Vec<Reader>, column: &str, hold: Duration) -> Result<Self> {
        let (columns, heads) = (Vec::new(), Vec::new());
        let mut merged = Self { readers: Vec::new(), columns, heads, hold };
        readers.into_iter().try_for_each(|reader| merged.add(reader, column))?;
        Ok(merged)
    }

    /// Merges one more reader. Rows of it that are older than what was given already come late.
    ///
    /// # Errors
    /// A tape without such a timestamp column.
    pub fn add(&mut self, reader: Reader, column: &str) -> Result<()> {
        let schema = reader.schema();
        let timestamp = |at: &usize| {
            let column = &schema.columns()[*at];
            column.kind == ColumnType::Fixed(Fixed::TimestampNs) && !column.nullable
        };
        let position = schema.index_of(column).filter(timestamp).ok_or_else(|| {
            let found = format!("dataset {:?} without it", schema.dataset());
            TapeError::value(column, None, found, "a timestamp[ns] column that is never null")
        })?;
        self.readers.push(reader);
        self.columns.push(position);
        self.heads.push(None);
        Ok(())
    }

    /// The readers, in the order of their numbers.
    pub fn readers(&self) -> &[Reader] {
        &self.readers
    }

    /// Takes the next rows in time order, all of one tape, and that tape's number.
    ///
    /// # Errors
    /// As [`Reader::poll`].
    pub fn poll(&mut self, rows_max: usize) -> Result<(usize, Polled)> {
        for (number, (reader, head)) in self.readers.iter_mut().zip(&mut self.heads).enumerate() {
            if head.is_none() {
                match reader.poll(usize::MAX)? {
                    Polled::Rows(batch) => *head = Some(batch),
                    Polled::Gap(gap) => return Ok((number, Polled::Gap(gap))),
                    Polled::Empty => {}
                }
            }
        }
        let Some((number, until)) = self.choose() else { return Ok((0, Polled::Empty)) };
        let Some(head) = self.heads[number].take() else { return Ok((0, Polled::Empty)) };
        let times = head.values::<i64>(self.columns[number]).unwrap_or_default();
        let run = times.iter().take(rows_max).take_while(|&&time| time <= until).count();
        if run == 0 {
            self.heads[number] = Some(head);
            return Ok((number, Polled::Empty));
        }
        if run == head.len() {
            return Ok((number, Polled::Rows(head)));
        }
        self.heads[number] = Some(head.slice(run, head.len() - run));
        Ok((number, Polled::Rows(head.slice(0, run))))
    }

    /// The reader whose head comes first, and the time up to which its rows come next.
    fn choose(&self) -> Option<(usize, i64)> {
        let (mut first, mut second, mut waiting) = (None, None, 0);
        let heads =
            (0..self.heads.len()).filter_map(|number| Some((self.head_time(number)?, number)));
        for head in heads {
            waiting += 1;
            if first.is_none_or(|first| head < first) {
                (first, second) = (Some(head), first);
            } else if second.is_none_or(|second| head < second) {
                second = Some(head);
            }
        }
        let (_, first) = first?;
        // An equal time further right comes later, further left it comes first.
        let until =
            second.map_or(
                i64::MAX,
                |(time, other)| {
                    if other < first { time.saturating_sub(1) } else { time }
                },
            );
        let complete = waiting == self.heads.len();
        if complete || self.hold.is_zero() {
            return Some((first, until));
        }
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let settled = since.saturating_sub(self.hold).as_nanos();
        Some((first, until.min(i64::try_from(settled).unwrap_or(i64::MAX))))
    }

    fn head_time(&self, number: usize) -> Option<i64> {
        let head = self.heads[number].as_ref()?;
        head.values::<i64>(self.columns[number])?.first().copied()
    }

    /// Waits until some tape may have something, at most `timeout`. False: nothing came.
    ///
    /// # Errors
    /// As [`Reader::poll`].
    pub fn wait(&mut self, timeout: Duration, how: Wait) -> Result<bool> {
        let deadline = std::time::Instant::now().checked_add(timeout);
        loop {
            for (reader, head) in self.readers.iter_mut().zip(&self.heads) {
                if head.is_none() && reader.wait(Duration::ZERO, Wait::Spin)? {
                    return Ok(true);
                }
            }
            let held = self.heads.iter().any(Option::is_some);
            let now = std::time::Instant::now();
            if deadline.is_some_and(|deadline| now >= deadline) {
                return Ok(held && self.choose_ready());
            }
            if held && self.choose_ready() {
                return Ok(true);
            }
            match how {
                Wait::Spin => std::hint::spin_loop(),
                Wait::Yield => std::thread::yield_now(),
                // Several bells cannot be slept on at once everywhere; this bounds the delay.
                Wait::Sleep => std::thread::sleep(Duration::from_micros(200)),
            }
        }
    }

    fn choose_ready(&self) -> bool {
        self.choose()
            .is_some_and(|(number, until)| self.head_time(number).is_some_and(|time| time <= until))
    }
}
