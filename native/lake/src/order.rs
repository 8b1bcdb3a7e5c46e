//! Comparing rows by some of their columns: nulls last, texts and bytes byte by byte, floats in
//! IEEE total order.

use std::cmp::Ordering;
use std::ops::Range;

use arrow_array::cast::AsArray;
use arrow_array::types::{
    ArrowPrimitiveType, Date32Type, Decimal128Type, Float32Type, Float64Type, Int8Type, Int16Type,
    Int32Type, Int64Type, TimestampNanosecondType,
};
use arrow_array::{Array, ArrayRef};
use arrow_buffer::{Buffer, NullBuffer, OffsetBuffer, ScalarBuffer};
use rustonite_core::{ColumnType, Fixed};

use crate::batch::Part;
use crate::layout::Layout;
use crate::texts::{Pool, Texts};

/// The columns that order rows, taken out of a part so that comparing needs no look at types.
#[derive(Debug, Default)]
pub(crate) struct Keys(Vec<Key>);

/// One of them.
#[derive(Debug)]
pub(crate) struct Key {
    column: usize,
    pub(crate) values: Values,
    /// `None` if no row is null.
    pub(crate) nulls: Option<NullBuffer>,
}

/// Values in a form whose order is that of the column.
#[derive(Debug)]
pub(crate) enum Values {
    /// Codes; the texts behind them decide.
    Codes(ScalarBuffer<i32>),
    Short(ScalarBuffer<i32>),
    Whole(ScalarBuffer<i64>),
    Narrow(Vec<i64>),
    Wide(ScalarBuffer<i128>),
    Bytes(OffsetBuffer<i32>, Buffer),
    FixedBytes(usize, Buffer),
}

impl Keys {
    /// The key columns of a part.
    pub(crate) fn new(part: &Part, layout: &Layout, columns: &[usize]) -> Self {
        let key = |&column: &usize| {
            let array = &part.columns[column];
            let values = values(layout.column(column).kind, array);
            Key { column, values, nulls: array.nulls().filter(|n| n.null_count() > 0).cloned() }
        };
        Self(columns.iter().map(key).collect())
    }

    pub(crate) fn columns(&self) -> &[Key] {
        &self.0
    }

    /// How a row stands to a row of other keys of the same columns.
    #[inline]
    pub(crate) fn compare(&self, row: usize, other: &Self, at: usize, texts: &Texts) -> Ordering {
        for (one, two) in self.0.iter().zip(&other.0) {
            let order = one.compare(row, two, at, texts.pool(one.column));
            if order.is_ne() {
                return order;
            }
        }
        Ordering::Equal
    }

    /// The first row that comes before the one in front of it.
    pub(crate) fn unsorted(&self, rows: usize, texts: &Texts) -> Option<usize> {
        self.unsorted_in(0, 0..rows, texts)
    }

    fn unsorted_in(&self, level: usize, rows: Range<usize>, texts: &Texts) -> Option<usize> {
        let key = self.0.get(level)?;
        if level + 1 == self.0.len() {
            return key.first_drop(rows, texts);
        }
        let mut start = rows.start;
        while start < rows.end {
            let end = key.run_end(start, rows.end);
            if let Some(row) = self.unsorted_in(level + 1, start..end, texts) {
                return Some(row);
            }
            let pool = texts.pool(key.column);
            if end < rows.end && key.compare(end - 1, key, end, pool).is_gt() {
                return Some(end);
            }
            start = end;
        }
        None
    }

    /// Whether a row differs from a row of other keys of the same columns in the first of them.
    pub(crate) fn differs(&self, columns: usize, row: usize, other: &Self, at: usize) -> bool {
        // Equal codes are equal texts, so no pool is needed.
        let differs = |(one, two): (&Key, &Key)| one.compare(row, two, at, None).is_ne();
        self.0.iter().zip(&other.0).take(columns).any(differs)
    }

    /// The first row behind `start` that differs from it in the first columns.
    pub(crate) fn same_until(&self, columns: usize, start: usize, end: usize) -> usize {
        self.0.iter().take(columns).fold(end, |end, key| key.run_end(start, end))
    }
}

fn values(kind: ColumnType, array: &ArrayRef) -> Values {
    fn narrow<T>(array: &ArrayRef) -> Values
    where
        T: ArrowPrimitiveType,
        T::Native: Into<i64>,
    {
        Values::Narrow(array.as_primitive::<T>().values().iter().map(|&v| v.into()).collect())
    }
    match kind {
        ColumnType::Dictionary(_) => {
            Values::Codes(array.as_primitive::<Int32Type>().values().clone())
        }
        ColumnType::Fixed(fixed) => match fixed {
            Fixed::Int8 => narrow::<Int8Type>(array),
            Fixed::Int16 => narrow::<Int16Type>(array),
            Fixed::Int32 => Values::Short(array.as_primitive::<Int32Type>().values().clone()),
            Fixed::Date32 => Values::Short(array.as_primitive::<Date32Type>().values().clone()),
            Fixed::Int64 => Values::Whole(array.as_primitive::<Int64Type>().values().clone()),
            Fixed::TimestampNs => {
                Values::Whole(array.as_primitive::<TimestampNanosecondType>().values().clone())
            }
            Fixed::Float32 => {
                let values = array.as_primitive::<Float32Type>().values().iter();
                Values::Narrow(values.map(|&value| ordinal(f64::from(value))).collect())
            }
            Fixed::Float64 => {
                let values = array.as_primitive::<Float64Type>().values().iter();
                Values::Narrow(values.map(|&value| ordinal(value)).collect())
            }
            Fixed::Decimal128 { .. } => {
                Values::Wide(array.as_primitive::<Decimal128Type>().values().clone())
            }
            Fixed::Bytes(width) => {
                let values = array.as_fixed_size_binary().values().clone();
                Values::FixedBytes(usize::from(width), values)
            }
        },
        ColumnType::Utf8 => {
            let texts = array.as_string::<i32>();
            Values::Bytes(texts.offsets().clone(), texts.values().clone())
        }
        ColumnType::Binary => {
            let binary = array.as_binary::<i32>();
            Values::Bytes(binary.offsets().clone(), binary.values().clone())
        }
        // A layout has no such key.
        ColumnType::List(_) => Values::Narrow(vec![0; array.len()]),
    }
}

/// A whole number whose order is the total order of floats.
#[allow(clippy::cast_possible_wrap, clippy::cast_sign_loss, reason = "bits, not numbers")]
pub(crate) fn ordinal(value: f64) -> i64 {
    let bits = value.to_bits() as i64;
    bits ^ (((bits >> 63) as u64) >> 1) as i64
}

#[allow(clippy::cast_sign_loss, reason = "offsets are never negative")]
fn bytes<'a>(offsets: &OffsetBuffer<i32>, values: &'a Buffer, row: usize) -> &'a [u8] {
    &values[offsets[row] as usize..offsets[row + 1] as usize]
}

impl Key {
    /// The bytes of a row's text or binary value.
    pub(crate) fn bytes(&self, row: usize) -> &[u8] {
        match &self.values {
            Values::Bytes(offsets, values) => bytes(offsets, values, row),
            Values::FixedBytes(width, values) => &values[row * width..(row + 1) * width],
            _ => &[],
        }
    }

    fn is_null(&self, row: usize) -> bool {
        self.nulls.as_ref().is_some_and(|nulls| nulls.is_null(row))
    }

    #[inline]
    fn compare(&self, row: usize, other: &Self, at: usize, pool: Option<&Pool>) -> Ordering {
        if self.nulls.is_some() || other.nulls.is_some() {
            match (self.is_null(row), other.is_null(at)) {
                (true, true) => return Ordering::Equal,
                (false, false) => {}
                (one, two) => return one.cmp(&two),
            }
        }
        match (&self.values, &other.values) {
            (Values::Codes(one), Values::Codes(two)) => match (one[row], two[at], pool) {
                (one, two, _) if one == two => Ordering::Equal,
                (one, two, Some(pool)) => pool.text(one).cmp(pool.text(two)),
                (one, two, None) => one.cmp(&two),
            },
            (Values::Short(one), Values::Short(two)) => one[row].cmp(&two[at]),
            (Values::Whole(one), Values::Whole(two)) => one[row].cmp(&two[at]),
            (Values::Narrow(one), Values::Narrow(two)) => one[row].cmp(&two[at]),
            (Values::Wide(one), Values::Wide(two)) => one[row].cmp(&two[at]),
            (Values::Bytes(offsets, one), Values::Bytes(offsets_two, two)) => {
                bytes(offsets, one, row).cmp(bytes(offsets_two, two, at))
            }
            (Values::FixedBytes(width, one), Values::FixedBytes(_, two)) => {
                let range = |row: usize| row * width..(row + 1) * width;
                one[range(row)].cmp(&two[range(at)])
            }
            // Keys of one column are of one kind.
            _ => Ordering::Equal,
        }
    }

    /// The row behind the last that equals the first.
    fn run_end(&self, start: usize, end: usize) -> usize {
        if self.nulls.is_none() {
            let same = match &self.values {
                Values::Codes(values) | Values::Short(values) => same(&values[start..end]),
                Values::Whole(values) => same(&values[start..end]),
                Values::Narrow(values) => same(&values[start..end]),
                Values::Wide(values) => same(&values[start..end]),
                Values::Bytes(..) | Values::FixedBytes(..) => 1,
            };
            if !matches!(self.values, Values::Bytes(..) | Values::FixedBytes(..)) {
                return start + same;
            }
        }
        // Equal codes are equal texts, so no pool is needed.
        let differs = |&row: &usize| self.compare(start, self, row, None).is_ne();
        (start + 1..end).find(differs).unwrap_or(end)
    }

    /// The first row of a range that is less than the one before.
    fn first_drop(&self, rows: Range<usize>, texts: &Texts) -> Option<usize> {
        if self.nulls.is_none() {
            let fast = match &self.values {
                Values::Short(values) => Some(drop_in(&values[rows.clone()])),
                Values::Whole(values) => Some(drop_in(&values[rows.clone()])),
                Values::Narrow(values) => Some(drop_in(&values[rows.clone()])),
                Values::Wide(values) => Some(drop_in(&values[rows.clone()])),
                _ => None,
            };
            if let Some(fast) = fast {
                return fast.map(|row| rows.start + row);
            }
        }
        let pool = texts.pool(self.column);
        (rows.start + 1..rows.end).find(|&row| self.compare(row - 1, self, row, pool).is_gt())
    }
}

/// How many values at the front are equal.
fn same<T: PartialEq + Copy>(values: &[T]) -> usize {
    let Some(&first) = values.first() else { return 0 };
    // Blocks first: counting needs no branch per value.
    let differs = |block: &[T]| block.iter().filter(|&&value| value != first).count() > 0;
    let blocks = values.chunks(64).take_while(|block| !differs(block));
    let start = (blocks.count() * 64).min(values.len());
    start + values[start..].iter().take_while(|&&value| value == first).count()
}

fn drop_in<T: PartialOrd>(values: &[T]) -> Option<usize> {
    if values.is_sorted() {
        return None;
    }
    values.windows(2).position(|pair| pair[0] > pair[1]).map(|row| row + 1)
}

/// The first of `start..end` that does not hold, where all before it hold: doubling steps, then
/// halving ones.
pub(crate) fn gallop(start: usize, end: usize, holds: impl Fn(usize) -> bool) -> usize {
    let (mut low, mut step) = (start, 1);
    while low + step <= end && holds(low + step - 1) {
        low += step;
        step *= 2;
    }
    let mut high = end.min(low + step - 1);
    while low < high {
        let middle = usize::midpoint(low, high);
        if holds(middle) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    low
}
