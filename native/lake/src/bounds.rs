//! Least and greatest values of arrays, found by looking at every row.

use arrow_array::cast::AsArray;
use arrow_array::types::{
    ArrowPrimitiveType, Date32Type, Decimal128Type, Float32Type, Float64Type, Int8Type, Int16Type,
    Int32Type, Int64Type, TimestampNanosecondType,
};
use arrow_array::{Array, ArrayRef};
use rustonite_core::{ColumnType, Fixed};

use crate::stats::{Bound, Bounds};
use crate::texts::Pool;

/// The bounds of a column's rows.
pub(crate) fn of_array(kind: ColumnType, array: &ArrayRef, pool: Option<&Pool>) -> Bounds {
    let mut bounds = Bounds { nulls: array.null_count() as u64, ..Bounds::default() };
    let range = match kind {
        ColumnType::Dictionary(_) => of_codes(array, pool),
        ColumnType::Utf8 => {
            let texts = array.as_string::<i32>();
            ends(texts.iter().flatten()).map(|(a, b)| (text(a), text(b)))
        }
        ColumnType::Fixed(fixed) => match fixed {
            Fixed::Int8 => whole::<Int8Type>(array),
            Fixed::Int16 => whole::<Int16Type>(array),
            Fixed::Int32 => whole::<Int32Type>(array),
            Fixed::Int64 => whole::<Int64Type>(array),
            Fixed::Date32 => whole::<Date32Type>(array),
            Fixed::TimestampNs => whole::<TimestampNanosecondType>(array),
            Fixed::Decimal128 { .. } => {
                let values = array.as_primitive::<Decimal128Type>();
                ends(values.iter().flatten()).map(|(a, b)| (Bound::Decimal(a), Bound::Decimal(b)))
            }
            Fixed::Float32 => floats(array.as_primitive::<Float32Type>().iter(), &mut bounds),
            Fixed::Float64 => floats(array.as_primitive::<Float64Type>().iter(), &mut bounds),
            Fixed::Bytes(_) => None,
        },
        ColumnType::Binary | ColumnType::List(_) => None,
    };
    if let Some((least, most)) = range {
        bounds.add(least, most);
    }
    bounds
}

fn text(text: &str) -> Bound {
    Bound::Text(text.to_owned())
}

fn ends<V: Ord + Copy>(values: impl Iterator<Item = V>) -> Option<(V, V)> {
    values.fold(None, |ends, value| match ends {
        None => Some((value, value)),
        Some((least, most)) => Some((value.min(least), value.max(most))),
    })
}

fn whole<T>(array: &ArrayRef) -> Option<(Bound, Bound)>
where
    T: ArrowPrimitiveType,
    T::Native: Into<i64> + Ord,
{
    let values = array.as_primitive::<T>();
    let ends = ends(values.iter().flatten());
    ends.map(|(least, most)| (Bound::Whole(least.into()), Bound::Whole(most.into())))
}

fn floats<V: Into<f64>>(
    values: impl Iterator<Item = Option<V>>,
    bounds: &mut Bounds,
) -> Option<(Bound, Bound)> {
    let mut range: Option<(f64, f64)> = None;
    for value in values.flatten() {
        let value = value.into();
        if value.is_nan() {
            bounds.unknown = true;
            continue;
        }
        range = Some(range.map_or((value, value), |(least, most)| {
            let least = if value.total_cmp(&least).is_lt() { value } else { least };
            let most = if value.total_cmp(&most).is_gt() { value } else { most };
            (least, most)
        }));
    }
    range.map(|(least, most)| (Bound::Float(least), Bound::Float(most)))
}

fn of_codes(array: &ArrayRef, pool: Option<&Pool>) -> Option<(Bound, Bound)> {
    let pool = pool?;
    let mut met = vec![false; pool.len()];
    for code in array.as_primitive::<Int32Type>().iter().flatten() {
        if let Some(met) = usize::try_from(code).ok().and_then(|code| met.get_mut(code)) {
            *met = true;
        }
    }
    let codes = (0..).zip(&met).filter(|(_, met)| **met).map(|(code, _)| code);
    ends(codes.map(|code| pool.text(code))).map(|(least, most)| (text(least), text(most)))
}
