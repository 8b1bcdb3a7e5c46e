//! Rows in memory, and picking rows out of several such batches.
#![allow(clippy::cast_possible_truncation, reason = "parts and picks hold fewer than 2^32 rows")]

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use arrow_array::cast::AsArray;
use arrow_array::{Array, ArrayRef, UInt32Array, make_array, new_null_array};
use arrow_data::transform::MutableArrayData;
use arrow_schema::DataType;
use arrow_select::{concat::concat, interleave::interleave, take::take};

use crate::error::{InKernel, Result};

/// Columns in file order. Dictionary columns are 32-bit codes of the pools in `Texts`.
#[derive(Debug)]
pub(crate) struct Part {
    pub(crate) columns: Vec<ArrayRef>,
    pub(crate) rows: usize,
    /// Bytes of a row, on average and at least 1.
    pub(crate) row_bytes: usize,
    /// Where it was found last among the parts of a [`Picked`].
    place: AtomicU32,
}

impl Part {
    pub(crate) fn new(columns: Vec<ArrayRef>, rows: usize) -> Self {
        let bytes: usize = columns.iter().map(bytes_of).sum();
        let row_bytes = bytes.div_ceil(rows.max(1)).max(1);
        Self { columns, rows, row_bytes, place: AtomicU32::new(0) }
    }

    /// Bytes of the rows.
    pub(crate) fn bytes(&self) -> usize {
        self.row_bytes * self.rows
    }

    /// Some of the rows, which are not copied.
    pub(crate) fn slice(&self, start: usize, rows: usize) -> Self {
        Self::new(self.columns.iter().map(|column| column.slice(start, rows)).collect(), rows)
    }

    /// The rows of several parts as one. Each column is let go of when it is joined.
    pub(crate) fn concat(parts: Vec<Self>) -> Result<Self> {
        let rows = parts.iter().map(|part| part.rows).sum();
        let width = parts.first().map_or(0, |part| part.columns.len());
        let mut columns: Vec<_> = parts.into_iter().map(|part| part.columns.into_iter()).collect();
        let joined = (0..width).map(|_| {
            let arrays: Vec<_> = columns.iter_mut().filter_map(Iterator::next).collect();
            let arrays: Vec<_> = arrays.iter().map(AsRef::as_ref).collect();
            concat(&arrays).kernel("joining rows")
        });
        Ok(Self::new(joined.collect::<Result<_>>()?, rows))
    }
}

/// Whether there is nothing to copy: what a feed does not tell is null in every row.
fn is_all_null(array: &ArrayRef) -> bool {
    array.null_count() == array.len()
}

/// Bytes of an array's own rows.
fn bytes_of(array: &ArrayRef) -> usize {
    let spread = |offsets: &[i32]| {
        let span = offsets.last().zip(offsets.first()).map_or(0, |(last, first)| last - first);
        usize::try_from(span).unwrap_or(0) + 4 * array.len()
    };
    let values = match array.data_type() {
        DataType::Utf8 => spread(array.as_string::<i32>().value_offsets()),
        DataType::Binary => spread(array.as_binary::<i32>().value_offsets()),
        DataType::List(item) => {
            let width = item.data_type().primitive_width().unwrap_or(16);
            spread(array.as_list::<i32>().value_offsets()) * width
        }
        DataType::FixedSizeBinary(width) => {
            usize::try_from(*width).unwrap_or(0).saturating_mul(array.len())
        }
        other => other.primitive_width().unwrap_or(8) * array.len(),
    };
    values + array.nulls().map_or(0, |_| array.len() / 8)
}

/// Consecutive rows of one part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Run {
    pub(crate) part: u32,
    pub(crate) start: u32,
    pub(crate) rows: u32,
}

/// Rows picked out of parts, in the order of their runs. Nothing is copied until a column is made.
#[derive(Clone, Debug, Default)]
pub(crate) struct Picked {
    pub(crate) parts: Vec<Arc<Part>>,
    pub(crate) runs: Vec<Run>,
    pub(crate) rows: usize,
    pub(crate) bytes: usize,
}

impl Picked {
    /// Adds rows behind the others.
    pub(crate) fn push(&mut self, part: &Arc<Part>, start: usize, rows: usize) {
        let position = self.position(part);
        self.rows += rows;
        self.bytes += rows * part.row_bytes;
        let run = Run { part: position, start: start as u32, rows: rows as u32 };
        match self.runs.last_mut() {
            Some(last) if last.part == run.part && last.start + last.rows == run.start => {
                last.rows += run.rows;
            }
            _ => self.runs.push(run),
        }
    }

    fn position(&mut self, part: &Arc<Part>) -> u32 {
        let place = part.place.load(Ordering::Relaxed);
        if self.parts.get(place as usize).is_some_and(|known| Arc::ptr_eq(known, part)) {
            return place;
        }
        let known = self.parts.iter().rposition(|known| Arc::ptr_eq(known, part));
        let position = known.unwrap_or_else(|| {
            self.parts.push(Arc::clone(part));
            self.parts.len() - 1
        });
        part.place.store(position as u32, Ordering::Relaxed);
        position as u32
    }

    /// Takes the first rows away.
    pub(crate) fn split_front(&mut self, rows: usize) -> Self {
        let mut front = Self::default();
        let mut left = rows;
        let mut used = 0;
        for run in &mut self.runs {
            if left == 0 {
                break;
            }
            let taken = left.min(run.rows as usize);
            let part = &self.parts[run.part as usize];
            front.push(part, run.start as usize, taken);
            self.bytes -= taken * part.row_bytes;
            left -= taken;
            run.start += taken as u32;
            run.rows -= taken as u32;
            used += usize::from(run.rows == 0);
        }
        self.runs.drain(..used);
        self.rows -= front.rows;
        self.forget_unused();
        front
    }

    /// Lets go of parts that no run needs.
    fn forget_unused(&mut self) {
        let mut position = vec![u32::MAX; self.parts.len()];
        let mut parts = Vec::new();
        for run in &mut self.runs {
            let part = run.part as usize;
            if position[part] == u32::MAX {
                position[part] = parts.len() as u32;
                parts.push(Arc::clone(&self.parts[part]));
            }
            run.part = position[part];
        }
        self.parts = parts;
    }

    /// The picks in pieces of so many rows, ready to make columns of.
    pub(crate) fn pieces(&self, rows_max: usize) -> Vec<Piece> {
        let mut pieces = Vec::new();
        let mut runs = Vec::new();
        let mut rows = 0;
        for &run in &self.runs {
            let mut run = run;
            while run.rows > 0 {
                let taken = run.rows.min((rows_max - rows) as u32);
                runs.push(Run { rows: taken, ..run });
                rows += taken as usize;
                run.start += taken;
                run.rows -= taken;
                if rows == rows_max {
                    pieces.push(self.piece(std::mem::take(&mut runs), rows));
                    rows = 0;
                }
            }
        }
        if rows > 0 {
            pieces.push(self.piece(runs, rows));
        }
        pieces
    }

    fn piece(&self, runs: Vec<Run>, rows: usize) -> Piece {
        if let [run] = runs[..] {
            return Piece { rows, picks: Picks::Slice(run) };
        }
        // Long runs are copied whole; short ones row by row.
        if rows / runs.len() >= 8 {
            return Piece { rows, picks: Picks::Runs(runs) };
        }
        let each = |run: Run| (run.start..run.start + run.rows).map(move |row| (run.part, row));
        let mut picks = runs.iter().copied().flat_map(each);
        let picks = if self.parts.len() == 1 {
            Picks::Take(UInt32Array::from_iter_values(picks.map(|(_, row)| row)))
        } else {
            let mut each = Vec::with_capacity(rows);
            each.extend(picks.by_ref().map(|(part, row)| (part as usize, row as usize)));
            Picks::Each(each)
        };
        Piece { rows, picks }
    }

    /// All picked rows, copied.
    pub(crate) fn part(&self) -> Result<Part> {
        let Some(first) = self.parts.first() else { return Ok(Part::new(Vec::new(), 0)) };
        let pieces = self.pieces(usize::MAX >> 1);
        let piece = &pieces[0];
        let columns = (0..first.columns.len()).map(|column| self.column(piece, column));
        Ok(Part::new(columns.collect::<Result<_>>()?, self.rows))
    }

    /// One column of a piece.
    pub(crate) fn column(&self, piece: &Piece, column: usize) -> Result<ArrayRef> {
        let array = |part: u32| &self.parts[part as usize].columns[column];
        if self.parts.iter().all(|part| is_all_null(&part.columns[column])) {
            return Ok(new_null_array(array(0).data_type(), piece.rows));
        }
        match &piece.picks {
            Picks::Slice(run) => Ok(array(run.part).slice(run.start as usize, run.rows as usize)),
            Picks::Take(rows) => take(array(0), rows, None).kernel("picking rows"),
            Picks::Each(picks) => {
                let arrays: Vec<_> =
                    self.parts.iter().map(|part| part.columns[column].as_ref()).collect();
                interleave(&arrays, picks).kernel("picking rows")
            }
            Picks::Runs(runs) => {
                let data: Vec<_> =
                    self.parts.iter().map(|part| part.columns[column].to_data()).collect();
                let mut picked = MutableArrayData::new(data.iter().collect(), false, piece.rows);
                for run in runs {
                    let start = run.start as usize;
                    let end = start + run.rows as usize;
                    picked.try_extend(run.part as usize, start, end).kernel("picking rows")?;
                }
                Ok(make_array(picked.freeze()))
            }
        }
    }
}

/// Some of the rows of a [`Picked`], in the form that is quickest to copy.
#[derive(Debug)]
pub(crate) struct Piece {
    pub(crate) rows: usize,
    picks: Picks,
}

#[derive(Debug)]
enum Picks {
    Slice(Run),
    Runs(Vec<Run>),
    Take(UInt32Array),
    Each(Vec<(usize, usize)>),
}
