//! Statistics of a file as the Delta log wants them: JSON with row count, bounds and null counts.
//!
//! A bound that is left out costs pruning, a wrong one costs rows. So bounds are only written where
//! they are exact: not of long texts, not of floats among which there is a NaN, not of bytes.

use parquet::basic::Type as PhysicalType;
use parquet::file::metadata::{ParquetMetaData, RowGroupMetaData};
use parquet::file::statistics::Statistics;
use rustonite_core::calendar::civil;
use rustonite_core::{ColumnType, Fixed};
use serde_json::{Map, Number, Value, json};

use crate::layout::{FileColumn, Layout};

/// Longest text that is a bound.
const TEXT_BYTES_MAX: usize = 32;
/// Length of a time with all its digits.
const TIME_TEXT_BYTES: usize = "2026-01-02T03:04:05.123456789".len();

/// Bounds of one column.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Bound {
    Whole(i64),
    Decimal(i128),
    Float(f64),
    Text(String),
}

impl Bound {
    fn json(&self, kind: ColumnType) -> Option<Value> {
        match (self, kind) {
            (Self::Whole(value), ColumnType::Fixed(Fixed::TimestampNs)) => {
                Some(Value::String(time_text(*value)))
            }
            (Self::Whole(value), ColumnType::Fixed(Fixed::Date32)) => {
                i32::try_from(*value).ok().map(|day| Value::String(date_text(day)))
            }
            (Self::Whole(value), _) => Some(json!(value)),
            (Self::Decimal(value), ColumnType::Fixed(Fixed::Decimal128 { scale, .. })) => {
                decimal_text(*value, scale).parse::<Number>().ok().map(Value::Number)
            }
            (Self::Float(value), _) => Number::from_f64(*value).map(Value::Number),
            (Self::Text(text), _) if text.len() <= TEXT_BYTES_MAX => Some(json!(text)),
            _ => None,
        }
    }

    /// As people read it.
    pub(crate) fn text(&self, kind: ColumnType) -> String {
        match self {
            Self::Text(text) => format!("{text:?}"),
            other => match other.json(kind) {
                Some(Value::String(text)) => text,
                Some(value) => value.to_string(),
                None => format!("{self:?}"),
            },
        }
    }

    /// The lesser of two bounds of one column.
    fn merge(self, other: Self, least: bool) -> Self {
        let keep = match (&self, &other) {
            (Self::Whole(one), Self::Whole(two)) => (one <= two) == least,
            (Self::Decimal(one), Self::Decimal(two)) => (one <= two) == least,
            (Self::Float(one), Self::Float(two)) => one.total_cmp(two).is_le() == least,
            (Self::Text(one), Self::Text(two)) => (one <= two) == least,
            _ => true,
        };
        if keep { self } else { other }
    }
}

/// Least and greatest value of a column; `None` where they are not known exactly or there are none.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Bounds {
    pub(crate) range: Option<(Bound, Bound)>,
    pub(crate) nulls: u64,
    /// Some values have no place in the range.
    pub(crate) unknown: bool,
}

impl Bounds {
    pub(crate) fn add(&mut self, least: Bound, most: Bound) {
        self.range = Some(match self.range.take() {
            None => (least, most),
            Some((a, b)) => (a.merge(least, true), b.merge(most, false)),
        });
    }

    pub(crate) fn merge(&mut self, other: Self) {
        if let Some((least, most)) = other.range {
            self.add(least, most);
        }
        self.nulls += other.nulls;
        self.unknown |= other.unknown;
    }
}

/// The JSON of a file's statistics.
pub(crate) fn json_of(layout: &Layout, rows: u64, bounds: &[Bounds]) -> String {
    let (mut least, mut most, mut nulls) = (Map::new(), Map::new(), Map::new());
    for (column, bounds) in layout.columns.iter().zip(bounds) {
        nulls.insert(column.name.clone(), json!(bounds.nulls));
        let Some((a, b)) = bounds.range.as_ref().filter(|_| !bounds.unknown) else { continue };
        if let (Some(a), Some(b)) = (a.json(column.kind), b.json(column.kind)) {
            least.insert(column.name.clone(), a);
            most.insert(column.name.clone(), b);
        }
    }
    let all =
        json!({"numRecords": rows, "minValues": least, "maxValues": most, "nullCount": nulls});
    all.to_string()
}

/// What a log's statistics say that is not so: what, what they say, and what the rows say.
pub(crate) fn differences(
    layout: &Layout,
    rows: u64,
    bounds: &[Bounds],
    stats: &str,
) -> Vec<(String, String, String)> {
    let parsed = match serde_json::from_str::<Value>(stats) {
        Ok(Value::Object(parsed)) => parsed,
        Ok(_) => return vec![("statistics".into(), "no object".into(), "a JSON object".into())],
        Err(error) => return vec![("statistics".into(), error.to_string(), "JSON".into())],
    };
    let mut wrong = Vec::new();
    let mut compare = |what: String, found: &Value, expected: Option<Value>| {
        if expected.as_ref() != Some(found) {
            let expected = expected.map_or("none".to_owned(), |value| value.to_string());
            wrong.push((format!("statistics, {what}"), found.to_string(), expected));
        }
    };
    if let Some(found) = parsed.get("numRecords") {
        compare("numRecords".to_owned(), found, Some(json!(rows)));
    }
    for (column, bounds) in layout.columns.iter().zip(bounds) {
        let of = |what: &str| parsed.get(what)?.get(&column.name).filter(|found| !found.is_null());
        if let Some(found) = of("nullCount") {
            compare(format!("nullCount of {:?}", column.name), found, Some(json!(bounds.nulls)));
        }
        let known = bounds.range.as_ref().filter(|_| !bounds.unknown);
        let (least, most) = (known.map(|range| &range.0), known.map(|range| &range.1));
        for (what, bound) in [("minValues", least), ("maxValues", most)] {
            if let Some(found) = of(what).filter(|found| !is_coarse(column, found)) {
                let expected = bound.and_then(|bound| bound.json(column.kind));
                // Another program may have spelled the same number otherwise.
                let same = |expected: &Value| number_text(found) == number_text(expected);
                let expected =
                    expected.map(|value| if same(&value) { found.clone() } else { value });
                compare(format!("{what} of {:?}", column.name), found, expected);
            }
        }
    }
    wrong
}

/// A number without zeros that say nothing.
fn number_text(value: &Value) -> Option<String> {
    let text = value.as_number()?.to_string();
    let plain = !text.contains(['e', 'E']) && text.contains('.');
    Some(if plain { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text })
}

/// Whether a bound has lost digits on its way through another program, as times do.
fn is_coarse(column: &FileColumn, found: &Value) -> bool {
    let length = found.as_str().map(str::len);
    column.kind == ColumnType::Fixed(Fixed::TimestampNs) && length != Some(TIME_TEXT_BYTES)
}

/// Bounds of a file from those of its chunks. `nulls` are counted by whoever wrote the rows,
/// because a chunk of lists counts their items.
pub(crate) fn of_chunks(layout: &Layout, metadata: &ParquetMetaData, nulls: &[u64]) -> Vec<Bounds> {
    let column = |(position, column): (usize, &FileColumn)| {
        let mut bounds = Bounds { nulls: nulls[position], ..Bounds::default() };
        for group in metadata.row_groups() {
            add_chunk(&mut bounds, column, group, position);
        }
        bounds
    };
    layout.columns.iter().enumerate().map(column).collect()
}

fn add_chunk(bounds: &mut Bounds, column: &FileColumn, group: &RowGroupMetaData, position: usize) {
    let chunk = group.column(position);
    let all_null = chunk.statistics().and_then(Statistics::null_count_opt);
    let all_null = all_null == u64::try_from(group.num_rows()).ok();
    match chunk.statistics().and_then(|found| chunk_range(column, found)) {
        Some((least, most)) => bounds.add(least, most),
        None if all_null => {}
        None => bounds.unknown = true,
    }
}

/// The exact bounds of a chunk, if it has them.
pub(crate) fn chunk_range(column: &FileColumn, found: &Statistics) -> Option<(Bound, Bound)> {
    if !found.min_is_exact() || !found.max_is_exact() {
        return None;
    }
    let (least, most) = (found.min_bytes_opt()?, found.max_bytes_opt()?);
    match column.kind {
        ColumnType::Dictionary(_) | ColumnType::Utf8 => {
            let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).ok().map(Bound::Text);
            Some((text(least)?, text(most)?))
        }
        ColumnType::Fixed(Fixed::Float32 | Fixed::Float64) if found.nan_count_opt() != Some(0) => {
            None
        }
        ColumnType::Fixed(fixed) => {
            Some((fixed_bound(fixed, least, found)?, fixed_bound(fixed, most, found)?))
        }
        ColumnType::Binary | ColumnType::List(_) => None,
    }
}

fn fixed_bound(fixed: Fixed, bytes: &[u8], found: &Statistics) -> Option<Bound> {
    if let Fixed::Decimal128 { .. } = fixed {
        return decimal_bound(bytes, found.physical_type());
    }
    Some(match fixed {
        Fixed::Float64 => Bound::Float(f64::from_le_bytes(bytes.try_into().ok()?)),
        Fixed::Float32 => Bound::Float(f32::from_le_bytes(bytes.try_into().ok()?).into()),
        Fixed::Int64 | Fixed::TimestampNs => {
            Bound::Whole(i64::from_le_bytes(bytes.try_into().ok()?))
        }
        Fixed::Bytes(_) => return None,
        _ => Bound::Whole(i32::from_le_bytes(bytes.try_into().ok()?).into()),
    })
}

/// Decimals are 32 or 64-bit numbers or big-endian bytes, as precision asks for.
fn decimal_bound(bytes: &[u8], physical: PhysicalType) -> Option<Bound> {
    Some(Bound::Decimal(match physical {
        PhysicalType::INT32 => i32::from_le_bytes(bytes.try_into().ok()?).into(),
        PhysicalType::INT64 => i64::from_le_bytes(bytes.try_into().ok()?).into(),
        _ => {
            let sign = if bytes.first()? & 0x80 == 0 { 0 } else { 0xff };
            let mut wide = [sign; 16];
            wide.get_mut(16_usize.checked_sub(bytes.len())?..)?.copy_from_slice(bytes);
            i128::from_be_bytes(wide)
        }
    }))
}

/// A date, `2026-01-02`.
pub(crate) fn date_text(day: i32) -> String {
    let (year, month, day) = civil(day.into());
    format!("{year:04}-{month:02}-{day:02}")
}

/// A time in nanoseconds, `2026-01-02T03:04:05.123456789`.
fn time_text(ns: i64) -> String {
    let (seconds, fraction) = (ns.div_euclid(1_000_000_000), ns.rem_euclid(1_000_000_000));
    let (days, second) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
    let (year, month, day) = civil(days);
    let (hour, minute, second) = (second / 3_600, second / 60 % 60, second % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{fraction:09}")
}

/// A decimal with all its places.
fn decimal_text(value: i128, scale: i8) -> String {
    let places = usize::try_from(scale).unwrap_or(0);
    let sign = if value < 0 { "-" } else { "" };
    let digits = format!("{:0>width$}", value.unsigned_abs(), width = places + 1);
    let (whole, fraction) = digits.split_at(digits.len() - places);
    let point = if places > 0 { "." } else { "" };
    format!("{sign}{whole}{point}{fraction}")
}
