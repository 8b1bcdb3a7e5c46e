//! The stable order of rows in memory.
//!
//! From the last key column to the first, rows are put in the order of that column alone, each time
//! stably: the result is the order by all. Every value becomes a 64-bit rank, so a pass is a check
//! that nothing is to be done (clocks rise by themselves), a counting sort (few symbols) or a merge
//! sort of ranks.
#![allow(clippy::cast_possible_truncation, reason = "one sort has fewer than 2^32 rows")]
#![allow(clippy::cast_sign_loss, reason = "the sign bit is flipped, so that ranks order as values")]

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{
    ArrowPrimitiveType, Date32Type, Decimal128Type, Float32Type, Float64Type, Int8Type, Int16Type,
    Int32Type, Int64Type, TimestampNanosecondType,
};
use arrow_array::{Array, ArrayRef};
use arrow_schema::DataType;
use rustonite_core::{ColumnType, Fixed};

use crate::batch::Part;
use crate::error::Result;
use crate::layout::Layout;
use crate::order::ordinal;
use crate::task::Task;
use crate::texts::{Pool, Texts};

/// Distinct ranks up to which rows are counted rather than compared.
const COUNTED_MAX: u64 = 1 << 16;

/// The order of rows: `None` if they are in order already.
pub(crate) type Order = Option<Vec<u32>>;

/// Orders the rows of parts, numbered through, by some columns.
pub(crate) fn sort(
    parts: &[Arc<Part>],
    layout: &Layout,
    columns: &[usize],
    texts: &Texts,
    task: &Task,
) -> Result<Order> {
    let mut order = None;
    for &column in columns.iter().rev() {
        let arrays: Vec<_> = parts.iter().map(|part| &part.columns[column]).collect();
        for digit in digits(layout.column(column).kind, &arrays, texts.pool(column)) {
            task.check()?;
            pass(&digit, &mut order);
        }
    }
    Ok(order)
}

/// Puts rows in the order of ranks, keeping the order of equals.
fn pass(ranks: &[u64], order: &mut Order) {
    let sorted = match order {
        None => ranks.is_sorted(),
        Some(order) => order.is_sorted_by_key(|&row| ranks[row as usize]),
    };
    if sorted {
        return;
    }
    let least = ranks.iter().copied().min().unwrap_or(0);
    let most = ranks.iter().copied().max().unwrap_or(0);
    let before = order.take().unwrap_or_else(|| (0..).take(ranks.len()).collect());
    let after = if most - least < COUNTED_MAX {
        count(ranks, least, (most - least) as usize + 1, &before)
    } else {
        let mut pairs: Vec<_> = before.iter().map(|&row| (ranks[row as usize], row)).collect();
        pairs.sort_by_key(|&(rank, _)| rank);
        pairs.into_iter().map(|(_, row)| row).collect()
    };
    *order = Some(after);
}

/// A counting sort.
fn count(ranks: &[u64], least: u64, buckets: usize, before: &[u32]) -> Vec<u32> {
    let mut next = vec![0_u32; buckets];
    for &rank in ranks {
        next[(rank - least) as usize] += 1;
    }
    let mut start = 0;
    for slot in &mut next {
        let rows = *slot;
        *slot = start;
        start += rows;
    }
    let mut after = vec![0; before.len()];
    for &row in before {
        let slot = &mut next[(ranks[row as usize] - least) as usize];
        after[*slot as usize] = row;
        *slot += 1;
    }
    after
}

/// The ranks of a column, least significant first. Most columns have one rank per row.
fn digits(kind: ColumnType, arrays: &[&ArrayRef], pool: Option<&Pool>) -> Vec<Vec<u64>> {
    let mut digits = match kind {
        ColumnType::Dictionary(_) => {
            let ranks = pool.map(Pool::ranks).unwrap_or_default();
            let rank = |code: i32| {
                usize::try_from(code).ok().and_then(|code| ranks.get(code)).map_or(0, |&r| r.into())
            };
            vec![each::<Int32Type>(arrays, rank)]
        }
        ColumnType::Fixed(fixed) => match fixed {
            Fixed::Int8 => vec![each::<Int8Type>(arrays, |v| flip(v.into()))],
            Fixed::Int16 => vec![each::<Int16Type>(arrays, |v| flip(v.into()))],
            Fixed::Int32 => vec![each::<Int32Type>(arrays, |v| flip(v.into()))],
            Fixed::Date32 => vec![each::<Date32Type>(arrays, |v| flip(v.into()))],
            Fixed::Int64 => vec![each::<Int64Type>(arrays, flip)],
            Fixed::TimestampNs => vec![each::<TimestampNanosecondType>(arrays, flip)],
            Fixed::Float32 => vec![each::<Float32Type>(arrays, |v| flip(ordinal(v.into())))],
            Fixed::Float64 => vec![each::<Float64Type>(arrays, |v| flip(ordinal(v)))],
            Fixed::Decimal128 { .. } => vec![
                each::<Decimal128Type>(arrays, |v| v as u64),
                each::<Decimal128Type>(arrays, |v| flip((v >> 64) as i64)),
            ],
            Fixed::Bytes(_) => vec![by_bytes(arrays)],
        },
        ColumnType::Utf8 | ColumnType::Binary => vec![by_bytes(arrays)],
        // A layout has no such key.
        ColumnType::List(_) => vec![],
    };
    if arrays.iter().any(|array| array.null_count() > 0) {
        let mut is_null = Vec::new();
        for array in arrays {
            let end = is_null.len() + array.len();
            match array.nulls() {
                None => is_null.resize(end, 0),
                Some(nulls) => is_null.extend(nulls.iter().map(|set| u64::from(!set))),
            }
        }
        // Values behind nulls may be anything and must not reorder their rows.
        for digit in &mut digits {
            digit
                .iter_mut()
                .zip(&is_null)
                .filter(|(_, null)| **null == 1)
                .for_each(|(rank, _)| *rank = 0);
        }
        digits.push(is_null);
    }
    digits
}

/// Maps whole numbers to ranks.
fn flip(value: i64) -> u64 {
    (value as u64) ^ (1 << 63)
}

fn each<T: ArrowPrimitiveType>(arrays: &[&ArrayRef], rank: impl Fn(T::Native) -> u64) -> Vec<u64> {
    let mut ranks = Vec::with_capacity(arrays.iter().map(Array::len).sum());
    for array in arrays {
        ranks.extend(array.as_primitive::<T>().values().iter().map(|&value| rank(value)));
    }
    ranks
}

/// Ranks of texts or bytes: their places in the sorted list of all.
fn by_bytes(arrays: &[&ArrayRef]) -> Vec<u64> {
    let mut values: Vec<(&[u8], usize)> = Vec::new();
    for array in arrays {
        let before = values.len();
        let numbered = |(row, value): (usize, Option<_>)| (value.unwrap_or_default(), before + row);
        match array.data_type() {
            DataType::Utf8 => {
                let texts = array.as_string::<i32>().iter().map(|text| text.map(str::as_bytes));
                values.extend(texts.enumerate().map(numbered));
            }
            DataType::Binary => {
                values.extend(array.as_binary::<i32>().iter().enumerate().map(numbered));
            }
            _ => values.extend(array.as_fixed_size_binary().iter().enumerate().map(numbered)),
        }
    }
    values.sort_unstable();
    let mut ranks = vec![0; values.len()];
    let mut rank = 0;
    for (position, &(value, row)) in values.iter().enumerate() {
        rank += u64::from(position > 0 && values[position - 1].0 != value);
        ranks[row] = rank;
    }
    ranks
}
