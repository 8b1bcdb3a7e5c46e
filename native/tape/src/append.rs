//! Appending Arrow data to a tape.
//!
//! Columns are matched by name and must have the tape's types; the only conversions are between
//! representations of the same values (text layouts, dictionaries, offset widths). Everything is
//! checked before the first byte is stored.
#![allow(clippy::cast_sign_loss, reason = "Arrow offsets are never negative")]

use std::collections::HashMap;

use arrow_array::cast::AsArray;
use arrow_array::{Array, ArrayRef, RecordBatch, downcast_dictionary_array, make_array};
use arrow_buffer::{ArrowNativeType, NullBuffer};
use arrow_schema::DataType;
use rustonite_core::schema::arrow_type;
use rustonite_core::{Column, ColumnType};

use crate::column::ColumnCursor;
use crate::error::{Result, TapeError};
use crate::layout::item_width;
use crate::writer::Writer;

/// One column of an append, in the shape the tape stores.
struct Source {
    nulls: Option<NullBuffer>,
    values: Values,
}

enum Values {
    /// Constant-width values, back to back.
    Fixed(arrow_buffer::Buffer),
    /// Codes of the tape's own dictionary.
    Codes(Vec<i32>),
    /// A dictionary array, and the tape's code for each of its keys.
    Keys { array: ArrayRef, codes: Vec<i32> },
    /// Offsets in items, one more than rows, and the bytes they lead into.
    Varying { offsets: Vec<i32>, bytes: arrow_buffer::Buffer },
    /// The append has no such column, and the tape's may be null.
    Missing,
}

impl Writer {
    /// Appends the rows of a batch and makes them visible together with pending ones.
    ///
    /// # Errors
    /// As [`Writer::append_all`].
    pub fn append(&mut self, batch: &RecordBatch) -> Result<()> {
        self.append_all(std::slice::from_ref(batch))
    }

    /// Appends the rows of several batches and makes them visible together with pending ones.
    ///
    /// Up to the rows that one segment holds, the append is atomic: readers see all of it or
    /// nothing. A larger one becomes visible segment by segment.
    ///
    /// # Errors
    /// A column that is missing, unknown, of another type, or null where it may not be; a text that
    /// is too long or not in its vocabulary: nothing is appended then. Or a rotation or an fsync
    /// that failed: then the rows that were visible by then are appended, as [`Writer::rows`] tells.
    pub fn append_all(&mut self, batches: &[RecordBatch]) -> Result<()> {
        let sources = batches.iter().map(|batch| Ok((self.sources(batch)?, batch.num_rows())));
        let sources = sources.collect::<Result<Vec<_>>>()?;
        let rows: usize = batches.iter().map(RecordBatch::num_rows).sum();
        let atomic = self.pending() + rows <= self.segment_rows();
        let mut invisible = 0;
        let stored = (sources.iter())
            .try_for_each(|(sources, rows)| self.store_all(sources, *rows, atomic, &mut invisible))
            .and_then(|()| self.commit());
        stored.inspect_err(|_| self.take_back(invisible))
    }

    /// Stores all rows of a batch; `invisible` counts the rows that are not committed yet.
    fn store_all(
        &mut self,
        sources: &[Source],
        rows: usize,
        atomic: bool,
        invisible: &mut usize,
    ) -> Result<()> {
        let mut from = 0;
        while from < rows {
            let left = rows - from;
            let mut count = self.rows_that_fit(sources, from, left);
            if count < left && (atomic || count == 0) {
                count = self.make_space(sources, from, left, invisible)?;
            }
            if count == 0 {
                return Err(self.too_large(sources, from));
            }
            self.store(sources, from, count);
            from += count;
            *invisible += count;
            if !atomic {
                self.commit()?;
                *invisible = 0;
            }
        }
        Ok(())
    }

    /// Goes on in a new segment, pending rows included, and tells how many rows fit there.
    fn make_space(
        &mut self,
        sources: &[Source],
        from: usize,
        left: usize,
        invisible: &mut usize,
    ) -> Result<usize> {
        if self.pending() == self.rows_in_segment() && *invisible > 0 {
            // All of this segment is this append: its texts are more than one commit can take.
            self.commit()?;
            *invisible = 0;
        }
        if self.rows_in_segment() > 0 {
            self.next_segment()?;
        }
        Ok(self.rows_that_fit(sources, from, left))
    }

    fn sources(&mut self, batch: &RecordBatch) -> Result<Vec<Source>> {
        let tape = std::sync::Arc::clone(self.schema());
        let given = batch.schema();
        for (position, field) in given.fields().iter().enumerate() {
            if given.fields()[..position].iter().any(|other| other.name() == field.name()) {
                return Err(TapeError::value(field.name(), None, "the column twice", "it once"));
            }
            if tape.index_of(field.name()).is_none() {
                let names: Vec<_> = tape.columns().iter().map(|c| c.name.as_str()).collect();
                let expected = format!("only columns of the tape: {}", names.join(", "));
                return Err(TapeError::value(field.name(), None, "an unknown column", expected));
            }
        }
        let columns = tape.columns().iter().enumerate();
        columns
            .map(|(position, column)| match batch.column_by_name(&column.name) {
                Some(array) => self.source(position, column, array),
                None if column.nullable => {
                    let nulls = Some(NullBuffer::new_null(batch.num_rows()));
                    Ok(Source { nulls, values: Values::Missing })
                }
                None => Err(TapeError::value(&column.name, None, "no such column", column.kind)),
            })
            .collect()
    }

    fn source(&mut self, position: usize, column: &Column, array: &ArrayRef) -> Result<Source> {
        let nulls = array.logical_nulls().filter(|nulls| nulls.null_count() > 0);
        if let Some(nulls) = &nulls
            && !column.nullable
        {
            let row = (0..nulls.len()).find(|&row| nulls.is_null(row));
            return Err(TapeError::value(&column.name, row, "null", "a value"));
        }
        let values = match column.kind {
            _ if *array.data_type() == DataType::Null => Values::Missing,
            ColumnType::Fixed(fixed) => {
                check_type(column, array)?;
                let data = array.to_data();
                let (width, start) = (fixed.width(), array.offset());
                Values::Fixed(
                    data.buffers()[0].slice_with_length(start * width, array.len() * width),
                )
            }
            ColumnType::Dictionary(_) => self.codes_of(position, column, array, nulls.as_ref())?,
            ColumnType::Utf8 | ColumnType::Binary => varying_bytes(column, array)?,
            ColumnType::List(_) => varying_list(column, array)?,
        };
        if let Values::Varying { offsets, .. } = &values {
            self.check_lengths(position, column, offsets)?;
        }
        Ok(Source { nulls, values })
    }

    /// Interns the texts of a column, each distinct one once if the array is a dictionary.
    fn codes_of(
        &mut self,
        position: usize,
        column: &Column,
        array: &ArrayRef,
        nulls: Option<&NullBuffer>,
    ) -> Result<Values> {
        if nulls.is_some_and(|nulls| nulls.null_count() == array.len()) {
            return Ok(Values::Missing);
        }
        downcast_dictionary_array! {
            array => {
                let texts = texts_of(column, array.values())?;
                let keys = array.keys().values().iter().map(|key| key.as_usize());
                let codes = self.intern_keys(position, &texts, keys, nulls)?;
                Ok(Values::Keys { array: std::sync::Arc::new(array.clone()), codes })
            }
            _ => self.intern_texts(position, &texts_of(column, array)?).map(Values::Codes)
        }
    }

    /// The code of each key that rows use. Under a null any key may stand, even one without a text;
    /// keys that only stand there get code 0.
    fn intern_keys(
        &mut self,
        position: usize,
        texts: &[Option<&str>],
        keys: impl Iterator<Item = usize>,
        nulls: Option<&NullBuffer>,
    ) -> Result<Vec<i32>> {
        const UNKNOWN: i32 = -1;
        let mut codes = vec![UNKNOWN; texts.len()];
        for (row, key) in keys.enumerate() {
            let is_null = || nulls.is_some_and(|nulls| nulls.is_null(row));
            if codes.get(key) == Some(&UNKNOWN) && !is_null() {
                codes[key] = self.intern_at(position, texts[key].unwrap_or_default(), row)?;
            }
        }
        Ok(codes.into_iter().map(|code| code.max(0)).collect())
    }

    fn intern_texts(&mut self, position: usize, texts: &[Option<&str>]) -> Result<Vec<i32>> {
        let mut seen: HashMap<&str, i32> = HashMap::new();
        let mut code_of = |(row, text): (usize, &Option<_>)| {
            let Some(text) = *text else { return Ok(0) };
            if let Some(&code) = seen.get(text) {
                return Ok(code);
            }
            let code = self.intern_at(position, text, row)?;
            seen.insert(text, code);
            Ok(code)
        };
        texts.iter().enumerate().map(&mut code_of).collect()
    }

    fn intern_at(&mut self, position: usize, text: &str, row: usize) -> Result<i32> {
        let code = self.intern(position, text).map_err(|error| located(error, row))?;
        // Even the widest codes are 32-bit.
        Ok(i32::try_from(code).unwrap_or(i32::MAX))
    }

    /// A value that no segment could hold is refused before anything is stored.
    fn check_lengths(&self, position: usize, column: &Column, offsets: &[i32]) -> Result<()> {
        let room = self.items_max(position);
        let long = offsets.windows(2).position(|pair| (pair[1] - pair[0]) as usize > room);
        let Some(row) = long else { return Ok(()) };
        let found = format!("a value of {} items", offsets[row + 1] - offsets[row]);
        let expected = format!("at most {room}, what a whole segment of this tape holds");
        Err(TapeError::value(&column.name, Some(row), found, expected))
    }

    /// How many of the `left` rows from `from` on fit into the open segment.
    fn rows_that_fit(&mut self, sources: &[Source], from: usize, left: usize) -> usize {
        let capacity = self.segment_rows();
        let (columns, row) = self.parts();
        let mut count = left.min(capacity - row);
        for (column, source) in columns.iter().zip(sources) {
            if let Values::Varying { offsets, .. } = &source.values {
                let start = offsets[from];
                let room = column.items_left();
                let ends = &offsets[from + 1..=from + count];
                count = ends.partition_point(|&end| (end - start) as usize <= room);
            }
        }
        count
    }

    fn store(&mut self, sources: &[Source], from: usize, count: usize) {
        let schema = std::sync::Arc::clone(self.schema());
        let (columns, row) = self.parts();
        for ((column, source), definition) in columns.iter_mut().zip(sources).zip(schema.columns())
        {
            let width = item_width(definition.kind);
            let nulls = source.nulls.as_ref().map(|nulls| nulls.slice(from, count));
            column.store_validity(row, count, nulls.as_ref());
            match &source.values {
                Values::Fixed(bytes) => {
                    let range = from * width..(from + count) * width;
                    column.store_fixed_rows(row, count, &bytes[range]);
                }
                Values::Codes(codes) => {
                    column.store_codes(row, codes[from..from + count].iter().copied());
                }
                Values::Keys { array, codes } => {
                    store_keys(column, row, &array.slice(from, count), codes);
                }
                Values::Varying { offsets, bytes } => {
                    let offsets = &offsets[from..=from + count];
                    let range = offsets[0] as usize * width..offsets[count] as usize * width;
                    column.store_varying_rows(row, offsets, &bytes[range]);
                }
                Values::Missing => column.store_nothing(row, count),
            }
        }
        self.advance(count);
    }

    fn too_large(&self, sources: &[Source], row: usize) -> TapeError {
        let varying = (sources.iter().zip(self.schema().columns()))
            .find(|(source, _)| matches!(source.values, Values::Varying { .. }));
        let column = varying.map_or("?", |(_, column)| &column.name);
        TapeError::value(column, Some(row), "a value", "one that fits in a segment of this tape")
    }
}

fn store_keys(column: &mut ColumnCursor, row: usize, array: &ArrayRef, codes: &[i32]) {
    downcast_dictionary_array! {
        array => {
            let keys = array.keys().values().iter().map(|key| key.as_usize());
            column.store_codes(row, keys.map(|key| codes.get(key).copied().unwrap_or(0)));
        }
        _ => unreachable!("`codes_of` makes keys of dictionary arrays only")
    }
}

/// Adds the row to an error about a value.
fn located(error: TapeError, at: usize) -> TapeError {
    match error {
        TapeError::Value { column, row: None, found, expected } => {
            TapeError::Value { column, row: Some(at), found, expected }
        }
        other => other,
    }
}

fn check_type(column: &Column, array: &ArrayRef) -> Result<()> {
    let expected = arrow_type(column.kind);
    if *array.data_type() == expected {
        return Ok(());
    }
    Err(wrong_type(column, array))
}

fn wrong_type(column: &Column, array: &ArrayRef) -> TapeError {
    let expected = arrow_type(column.kind).to_string();
    TapeError::value(&column.name, None, format!("type {}", array.data_type()), expected)
}

fn texts_of<'a>(column: &Column, array: &'a ArrayRef) -> Result<Vec<Option<&'a str>>> {
    match array.data_type() {
        DataType::Utf8 => Ok(array.as_string::<i32>().iter().collect()),
        DataType::LargeUtf8 => Ok(array.as_string::<i64>().iter().collect()),
        DataType::Utf8View => Ok(array.as_string_view().iter().collect()),
        _ => downcast_dictionary_array! {
            array => {
                let texts = texts_of(column, array.values())?;
                Ok(array.keys().iter().map(|key| texts[key?.as_usize()]).collect())
            }
            _ => Err(wrong_type(column, array))
        },
    }
}

fn varying_bytes(column: &Column, array: &ArrayRef) -> Result<Values> {
    let text = column.kind == ColumnType::Utf8;
    match (text, array.data_type()) {
        (true, DataType::Utf8) => {
            let array = array.as_string::<i32>();
            Ok(sliced(array.value_offsets(), array.values(), 1))
        }
        (false, DataType::Binary) => {
            let array = array.as_binary::<i32>();
            Ok(sliced(array.value_offsets(), array.values(), 1))
        }
        (true, _) => {
            let texts = texts_of(column, array)?;
            gathered(column, texts.iter().map(|text| text.map(str::as_bytes)))
        }
        (false, DataType::LargeBinary) => gathered(column, array.as_binary::<i64>().iter()),
        (false, DataType::BinaryView) => gathered(column, array.as_binary_view().iter()),
        (false, _) => Err(wrong_type(column, array)),
    }
}

/// Offsets that start at zero and the bytes they cover.
fn sliced(offsets: &[i32], bytes: &arrow_buffer::Buffer, width: usize) -> Values {
    let (first, last) = (offsets[0], offsets[offsets.len() - 1]);
    let offsets = offsets.iter().map(|offset| offset - first).collect();
    let (start, len) = (first.as_usize() * width, (last - first).as_usize() * width);
    Values::Varying { offsets, bytes: bytes.slice_with_length(start, len) }
}

fn gathered<'a>(column: &Column, values: impl Iterator<Item = Option<&'a [u8]>>) -> Result<Values> {
    let mut bytes = Vec::new();
    let mut offsets = vec![0];
    for value in values {
        bytes.extend_from_slice(value.unwrap_or_default());
        let end = i32::try_from(bytes.len()).map_err(|_| {
            TapeError::value(&column.name, None, "over 2 GiB in one append", "smaller appends")
        })?;
        offsets.push(end);
    }
    Ok(Values::Varying { offsets, bytes: bytes.into() })
}

fn varying_list(column: &Column, array: &ArrayRef) -> Result<Values> {
    let ColumnType::List(item) = column.kind else { return Err(wrong_type(column, array)) };
    let (offsets, items): (Vec<i32>, ArrayRef) = match array.data_type() {
        DataType::List(_) => {
            let list = array.as_list::<i32>();
            (list.value_offsets().to_vec(), list.values().clone())
        }
        DataType::LargeList(_) => {
            let list = array.as_list::<i64>();
            let small = list.value_offsets().iter().map(|&offset| i32::try_from(offset));
            let offsets = small.collect::<Result<_, _>>().map_err(|_| wrong_type(column, array))?;
            (offsets, list.values().clone())
        }
        _ => return Err(wrong_type(column, array)),
    };
    if *items.data_type() != arrow_type(ColumnType::Fixed(item)) {
        return Err(wrong_type(column, array));
    }
    let (start, end) = (offsets[0].as_usize(), offsets[offsets.len() - 1].as_usize());
    let items = make_array(items.slice(start, end - start).to_data());
    if items.null_count() > 0 {
        return Err(TapeError::value(&column.name, None, "null inside a list", "a value"));
    }
    let width = item.width();
    let first = offsets[0];
    let bytes =
        items.to_data().buffers()[0].slice_with_length(items.offset() * width, items.len() * width);
    Ok(Values::Varying { offsets: offsets.iter().map(|offset| offset - first).collect(), bytes })
}
