//! Rows of a journal tape, read back by the names of their columns.

use std::path::Path;

use arrow_array::cast::AsArray;
use arrow_array::types::{Int8Type, Int16Type, Int32Type};
use arrow_array::{Array as _, ArrayRef};
use rustonite_core::row::FixedValue;
use rustonite_core::{Amount, ColumnType, Key, Schema};
use rustonite_tape::{Batch, Polled, Reader, Start, TapeError};

/// One tape being read from its first row.
pub(crate) struct Rows {
    reader: Reader,
    batch: Option<Batch>,
    arrays: Vec<ArrayRef>,
    row: usize,
    seq: usize,
    /// Rows before the first one that is kept.
    pub(crate) removed: bool,
}

impl Rows {
    pub(crate) fn open(folder: &Path) -> Result<Self, TapeError> {
        let reader = Reader::open(folder, Start::First, false)?;
        let seq = column(reader.schema(), "seq");
        let removed = reader.row() > 0;
        let mut rows = Self { reader, batch: None, arrays: Vec::new(), row: 0, seq, removed };
        rows.load()?;
        Ok(rows)
    }

    /// Number of the present row in the journal; `None` at the end.
    pub(crate) fn seq(&self) -> Option<i64> {
        let batch = self.batch.as_ref()?;
        batch.values::<i64>(self.seq)?.get(self.row).copied()
    }

    pub(crate) fn schema(&self) -> &Schema {
        self.reader.schema()
    }

    pub(crate) fn cells(&self) -> Option<Cells<'_>> {
        let batch = self.batch.as_ref()?;
        Some(Cells { batch, arrays: &self.arrays, row: self.row })
    }

    pub(crate) fn advance(&mut self) -> Result<(), TapeError> {
        self.row += 1;
        if self.batch.as_ref().is_some_and(|batch| self.row >= batch.len()) {
            self.load()?;
        }
        Ok(())
    }

    fn load(&mut self) -> Result<(), TapeError> {
        self.row = 0;
        loop {
            match self.reader.poll(usize::MAX)? {
                Polled::Rows(batch) => {
                    let columns = 0..batch.schema().columns().len();
                    self.arrays = columns.map(|column| batch.array(column)).collect();
                    self.batch = Some(batch);
                    return Ok(());
                }
                Polled::Gap(_) => {}
                Polled::Empty => {
                    self.batch = None;
                    return Ok(());
                }
            }
        }
    }
}

/// The place of a column; beyond the last if there is none, where every cell is null.
pub(crate) fn column(schema: &Schema, name: &str) -> usize {
    schema.index_of(name).unwrap_or(usize::MAX)
}

/// One row.
#[derive(Clone, Copy)]
pub(crate) struct Cells<'a> {
    batch: &'a Batch,
    arrays: &'a [ArrayRef],
    row: usize,
}

impl<'a> Cells<'a> {
    fn fixed<T: FixedValue>(self, column: usize) -> Option<T> {
        let array = self.arrays.get(column)?;
        let value = self.batch.values::<T>(column)?.get(self.row).copied()?;
        array.is_valid(self.row).then_some(value)
    }

    pub(crate) fn int(self, column: usize) -> Option<i64> {
        self.fixed::<i64>(column)
    }

    pub(crate) fn flags(self, column: usize) -> i32 {
        self.fixed::<i32>(column).unwrap_or(0)
    }

    pub(crate) fn amount(self, column: usize) -> Option<Amount> {
        self.fixed::<i128>(column).map(Amount)
    }

    /// Text, plain or of a dictionary.
    pub(crate) fn text(self, column: usize) -> Option<&'a str> {
        let array = self.arrays.get(column)?;
        if array.is_null(self.row) {
            return None;
        }
        let kind = self.batch.schema().columns()[column].kind;
        if let ColumnType::Dictionary(key) = kind {
            let (values, code) = match key {
                Key::Int8 => {
                    let array = array.as_dictionary_opt::<Int8Type>()?;
                    (array.values(), array.key(self.row)?)
                }
                Key::Int16 => {
                    let array = array.as_dictionary_opt::<Int16Type>()?;
                    (array.values(), array.key(self.row)?)
                }
                Key::Int32 => {
                    let array = array.as_dictionary_opt::<Int32Type>()?;
                    (array.values(), array.key(self.row)?)
                }
            };
            return Some(values.as_string_opt::<i32>()?.value(code));
        }
        Some(array.as_string_opt::<i32>()?.value(self.row))
    }

    /// A word of a vocabulary.
    pub(crate) fn word<T>(self, column: usize, parse: impl Fn(&str) -> Option<T>) -> Option<T> {
        self.text(column).and_then(parse)
    }
}

/// Places of columns by name, resolved once.
macro_rules! columns {
    ($visible:vis $name:ident: $($field:ident)*) => {
        $visible struct $name { $($visible $field: usize,)* }

        impl $name {
            $visible fn of(schema: &rustonite_core::Schema) -> Self {
                Self { $($field: $crate::cells::column(schema, stringify!($field)),)* }
            }
        }
    };
}

pub(crate) use columns;
