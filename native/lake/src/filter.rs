//! Conditions on rows: told apart from statistics of row groups and pages first, then row by row.

use std::ops::Range;

use arrow_array::cast::AsArray;
use arrow_array::types::{
    Date32Type, Int8Type, Int16Type, Int32Type, Int64Type, TimestampNanosecondType,
};
use arrow_array::{Array, ArrayRef, PrimitiveArray, StringArray};
use arrow_buffer::{BooleanBuffer, NullBuffer};
use arrow_schema::DataType;
use parquet::arrow::arrow_reader::{RowSelection, RowSelector};
use parquet::file::metadata::{ColumnChunkMetaData, ParquetMetaData};
use parquet::file::page_index::column_index::ColumnIndexMetaData;
use rustonite_core::{ColumnType, Fixed};

use crate::error::{LakeError, Result};
use crate::layout::Layout;

/// A condition on one column. A null never meets it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Filter {
    /// The text is one of these.
    In {
        /// The column.
        column: String,
        /// The texts.
        texts: Vec<String>,
    },
    /// The whole number, time (ns) or date (days) is in a range; `None` leaves an end open.
    Between {
        /// The column.
        column: String,
        /// The least value.
        least: Option<i64>,
        /// The first value behind the range.
        below: Option<i64>,
    },
}

/// A filter and the column it is on.
#[derive(Clone, Debug)]
pub(crate) struct Condition {
    pub(crate) column: usize,
    test: Test,
}

#[derive(Clone, Debug)]
enum Test {
    In(Vec<String>),
    Between(i64, i64),
}

/// What bounds say of the rows inside them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    None,
    Some,
    All,
}

impl Condition {
    pub(crate) fn new(filter: &Filter, layout: &Layout) -> Result<Self> {
        let wrong = |column: usize, expected: &str| {
            let column = layout.column(column);
            let found = format!("column {:?} of type {}", column.name, column.kind);
            Err(LakeError::argument("where", found, expected))
        };
        match filter {
            Filter::In { column, texts } => {
                let column = layout.known("where", column)?;
                if !matches!(
                    layout.column(column).kind,
                    ColumnType::Dictionary(_) | ColumnType::Utf8
                ) {
                    return wrong(column, "a column of texts for \"in\"");
                }
                let mut texts = texts.clone();
                texts.sort_unstable();
                texts.dedup();
                Ok(Self { column, test: Test::In(texts) })
            }
            Filter::Between { column, least, below } => {
                let column = layout.known("where", column)?;
                let whole = match layout.column(column).kind {
                    ColumnType::Fixed(fixed) => !matches!(
                        fixed,
                        Fixed::Float32
                            | Fixed::Float64
                            | Fixed::Decimal128 { .. }
                            | Fixed::Bytes(_)
                    ),
                    _ => false,
                };
                if !whole {
                    return wrong(column, "whole numbers, times or dates for \">=\" and \"<\"");
                }
                // Inclusive at both ends, so that every 64-bit value can be one.
                let most = match below {
                    None => i64::MAX,
                    Some(i64::MIN) => return Ok(Self { column, test: Test::In(Vec::new()) }),
                    Some(below) => below - 1,
                };
                Ok(Self { column, test: Test::Between(least.unwrap_or(i64::MIN), most) })
            }
        }
    }

    /// What the statistics of a chunk say of its rows.
    pub(crate) fn of_chunk(&self, chunk: &ColumnChunkMetaData, rows: i64) -> Verdict {
        let Some(found) = chunk.statistics() else { return Verdict::Some };
        let nulls = found.null_count_opt();
        if nulls.is_some() && nulls == u64::try_from(rows).ok() {
            return Verdict::None;
        }
        let (Some(least), Some(most)) = (found.min_bytes_opt(), found.max_bytes_opt()) else {
            return Verdict::Some;
        };
        let verdict = match &self.test {
            Test::In(texts) => {
                let exact = found.min_is_exact() && found.max_is_exact();
                text_verdict(texts, least, most, exact)
            }
            Test::Between(from, to) => match (whole(least), whole(most)) {
                (Some(least), Some(most)) => whole_verdict(*from, *to, least, most),
                _ => Verdict::Some,
            },
        };
        if verdict == Verdict::All && nulls != Some(0) { Verdict::Some } else { verdict }
    }

    /// What the page index says of a page.
    fn of_page(&self, index: &ColumnIndexMetaData, page: usize) -> Verdict {
        if index.is_null_page(page) {
            return Verdict::None;
        }
        match (&self.test, index) {
            (Test::In(texts), ColumnIndexMetaData::BYTE_ARRAY(index)) => {
                match (index.min_value(page), index.max_value(page)) {
                    (Some(least), Some(most)) => text_verdict(texts, least, most, false),
                    _ => Verdict::Some,
                }
            }
            (Test::Between(from, to), ColumnIndexMetaData::INT64(index)) => {
                match (index.min_value(page), index.max_value(page)) {
                    (Some(&least), Some(&most)) => whole_verdict(*from, *to, least, most),
                    _ => Verdict::Some,
                }
            }
            (Test::Between(from, to), ColumnIndexMetaData::INT32(index)) => {
                match (index.min_value(page), index.max_value(page)) {
                    (Some(&least), Some(&most)) => {
                        whole_verdict(*from, *to, least.into(), most.into())
                    }
                    _ => Verdict::Some,
                }
            }
            _ => Verdict::Some,
        }
    }

    /// The rows that pages with possible matches hold; `None` if the row group has no page index.
    pub(crate) fn of_pages(
        &self,
        metadata: &ParquetMetaData,
        group: usize,
        leaf: usize,
    ) -> Option<RowSelection> {
        let of_group = metadata.page_index_for_row_group(group);
        let (index, pages) = (of_group.column_index(leaf)?, of_group.page_locations(leaf)?);
        if usize::try_from(index.num_pages()).ok() != Some(pages.len()) || pages.is_empty() {
            return None;
        }
        let rows = metadata.row_group(group).num_rows();
        let starts = pages.iter().map(|page| page.first_row_index);
        let ends = starts.clone().skip(1).chain([rows]);
        let selector = |(page, (start, end)): (usize, (i64, i64))| {
            let rows = usize::try_from(end - start).unwrap_or(0);
            match self.of_page(index, page) {
                Verdict::None => RowSelector::skip(rows),
                _ => RowSelector::select(rows),
            }
        };
        let selectors: Vec<_> = starts.zip(ends).enumerate().map(selector).collect();
        Some(RowSelection::from(selectors))
    }

    /// Which rows meet the condition.
    pub(crate) fn of_rows(&self, array: &ArrayRef) -> BooleanBuffer {
        let met = match &self.test {
            Test::In(texts) => in_texts(texts, array),
            Test::Between(from, to) => between(*from, *to, array),
        };
        match array.nulls().filter(|nulls| nulls.null_count() > 0) {
            Some(nulls) => &met & nulls.inner(),
            None => met,
        }
    }
}

/// A 32 or 64-bit bound.
fn whole(bytes: &[u8]) -> Option<i64> {
    if let Ok(bytes) = bytes.try_into() {
        return Some(i64::from_le_bytes(bytes));
    }
    Some(i32::from_le_bytes(bytes.try_into().ok()?).into())
}

fn whole_verdict(from: i64, to: i64, least: i64, most: i64) -> Verdict {
    if most < from || least > to {
        Verdict::None
    } else if from <= least && most <= to {
        Verdict::All
    } else {
        Verdict::Some
    }
}

fn text_verdict(texts: &[String], least: &[u8], most: &[u8], exact: bool) -> Verdict {
    let first = texts.partition_point(|text| text.as_bytes() < least);
    match texts.get(first).map(String::as_bytes) {
        Some(text) if text > most => Verdict::None,
        Some(text) if exact && text == least && least == most => Verdict::All,
        Some(_) => Verdict::Some,
        None => Verdict::None,
    }
}

fn in_texts(texts: &[String], array: &ArrayRef) -> BooleanBuffer {
    let is_in = |text: &str| texts.binary_search_by(|known| known.as_str().cmp(text)).is_ok();
    match array.data_type() {
        DataType::Dictionary(..) => {
            let dictionary = array.as_dictionary::<Int32Type>();
            let values = dictionary.values().as_string::<i32>();
            let wanted: Vec<_> = values.iter().map(|text| text.is_some_and(is_in)).collect();
            let codes = dictionary.keys().values();
            BooleanBuffer::collect_bool(codes.len(), |row| {
                usize::try_from(codes[row]).is_ok_and(|code| wanted.get(code) == Some(&true))
            })
        }
        DataType::Utf8 => {
            let values: &StringArray = array.as_string();
            BooleanBuffer::collect_bool(values.len(), |row| is_in(values.value(row)))
        }
        _ => BooleanBuffer::new_unset(array.len()),
    }
}

fn between(from: i64, to: i64, array: &ArrayRef) -> BooleanBuffer {
    fn each<T>(array: &PrimitiveArray<T>, from: i64, to: i64) -> BooleanBuffer
    where
        T: arrow_array::ArrowPrimitiveType,
        T::Native: Into<i64>,
    {
        let values = array.values();
        BooleanBuffer::collect_bool(values.len(), |row| {
            let value: i64 = values[row].into();
            from <= value && value <= to
        })
    }
    match array.data_type() {
        DataType::Int8 => each::<Int8Type>(array.as_primitive(), from, to),
        DataType::Int16 => each::<Int16Type>(array.as_primitive(), from, to),
        DataType::Int32 => each::<Int32Type>(array.as_primitive(), from, to),
        DataType::Int64 => each::<Int64Type>(array.as_primitive(), from, to),
        DataType::Date32 => each::<Date32Type>(array.as_primitive(), from, to),
        DataType::Timestamp(..) => each::<TimestampNanosecondType>(array.as_primitive(), from, to),
        _ => BooleanBuffer::new_unset(array.len()),
    }
}

/// The rows of a mask if they follow each other, as they do in sorted files.
pub(crate) fn contiguous(mask: &BooleanBuffer) -> Option<Range<usize>> {
    let nulls = NullBuffer::new(mask.clone());
    let mut slices = nulls.valid_slices();
    match (slices.next(), slices.next()) {
        (None, _) => Some(0..0),
        (Some((start, end)), None) => Some(start..end),
        _ => None,
    }
}
