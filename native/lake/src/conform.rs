//! Rows of any source as rows of a layout: columns found by name, types made equal where nothing is
//! lost, texts replaced by codes, the date derived from the time.

use std::path::PathBuf;
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{
    ArrowDictionaryKeyType, Date32Type, Int8Type, Int16Type, Int32Type, Int64Type,
    TimestampNanosecondType, UInt8Type, UInt16Type, UInt32Type, UInt64Type,
};
use arrow_array::{
    Array, ArrayRef, Int32Array, ListArray, PrimitiveArray, RecordBatch, new_null_array,
};
use arrow_cast::{CastOptions, cast_with_options};
use arrow_schema::{DataType, TimeUnit};
use rustonite_core::schema::list_item;
use rustonite_core::{ColumnType, Fixed};

use crate::batch::Part;
use crate::error::{InKernel, LakeError, Result};
use crate::layout::{FileColumn, Layout};
use crate::texts::{Pool, Texts};

const DAY_NS: i64 = 86_400_000_000_000;

/// Makes parts of batches. One per source, because it knows where it is and which dictionaries it
/// met last.
#[derive(Debug)]
pub(crate) struct Conformer {
    layout: Arc<Layout>,
    /// The file that rows come from, for messages.
    path: Option<PathBuf>,
    rows: u64,
    known: Vec<Option<Known>>,
}

/// A dictionary that was translated before. Holding it keeps its address from being used again.
#[derive(Debug)]
struct Known {
    values: ArrayRef,
    codes: Vec<i32>,
}

/// Code of a null in a dictionary's values.
const NULL: i32 = -1;

impl Conformer {
    pub(crate) fn new(layout: &Arc<Layout>, path: Option<PathBuf>) -> Self {
        let known = layout.columns.iter().map(|_| None).collect();
        Self { layout: Arc::clone(layout), path, rows: 0, known }
    }

    /// Rows seen so far.
    pub(crate) fn rows(&self) -> u64 {
        self.rows
    }

    /// The rows of a batch.
    pub(crate) fn part(&mut self, batch: &RecordBatch, texts: &mut Texts) -> Result<Part> {
        let layout = Arc::clone(&self.layout);
        let mut columns = Vec::with_capacity(layout.columns.len());
        for (position, column) in layout.columns[..layout.columns_given()].iter().enumerate() {
            let array = match batch.column_by_name(&column.name) {
                Some(array) => self.column(position, array, texts)?,
                None => self.missing(column, batch.num_rows())?,
            };
            columns.push(array);
        }
        if let Some(time) = layout.date_from {
            columns.push(dates(&columns[time]));
        }
        self.rows += batch.num_rows() as u64;
        Ok(Part::new(columns, batch.num_rows()))
    }

    fn wrong(
        &self,
        column: &str,
        row: Option<usize>,
        found: impl ToString,
        expected: impl ToString,
    ) -> LakeError {
        let row = row.map(|row| self.rows + row as u64);
        LakeError::value(self.path.as_deref(), column, row, found, expected)
    }

    fn missing(&self, column: &FileColumn, rows: usize) -> Result<ArrayRef> {
        if column.nullable {
            return Ok(new_null_array(&column.moved(), rows));
        }
        Err(self.wrong(
            &column.name,
            None,
            "no such column",
            format!("{} (never null)", column.kind),
        ))
    }

    fn column(&mut self, position: usize, array: &ArrayRef, texts: &mut Texts) -> Result<ArrayRef> {
        let layout = Arc::clone(&self.layout);
        let column = layout.column(position);
        let array = if array.data_type() == &DataType::Null {
            new_null_array(&column.moved(), array.len())
        } else if let Some(pool) = texts.pool_mut(position) {
            self.codes(position, column, array, pool)?
        } else {
            self.values(column, array)?
        };
        if column.nullable || array.null_count() == 0 {
            return Ok(array);
        }
        let row = (0..array.len()).find(|&row| array.is_null(row));
        Err(self.wrong(&column.name, row, "null", format!("{} (never null)", column.kind)))
    }

    /// Values in the column's own type, cast where no cast can lose anything.
    fn values(&self, column: &FileColumn, array: &ArrayRef) -> Result<ArrayRef> {
        if let ColumnType::List(item) = column.kind {
            return self.lists(column, item, array);
        }
        let wanted = column.moved();
        if array.data_type() == &wanted {
            return Ok(Arc::clone(array));
        }
        if !casts_exactly(array.data_type(), &wanted) {
            let found = format!("type {}", array.data_type());
            return Err(self.wrong(&column.name, None, found, column.kind));
        }
        let options = CastOptions { safe: true, ..CastOptions::default() };
        let cast = cast_with_options(array, &wanted, &options).kernel("casting a column")?;
        if cast.logical_null_count() > array.logical_null_count() {
            // A cast makes a null of what does not fit.
            let before = array.logical_nulls();
            let lost = |&row: &usize| {
                cast.is_null(row) && before.as_ref().is_none_or(|nulls| nulls.is_valid(row))
            };
            let row = (0..cast.len()).find(lost);
            let found = format!("a value of {} out of range", array.data_type());
            return Err(self.wrong(&column.name, row, found, column.kind));
        }
        Ok(cast)
    }

    fn lists(&self, column: &FileColumn, item: Fixed, array: &ArrayRef) -> Result<ArrayRef> {
        let field = list_item(item);
        let wrong = || {
            let found = format!("type {}", array.data_type());
            self.wrong(&column.name, None, found, column.kind)
        };
        let array = match array.data_type() {
            DataType::List(_) => Arc::clone(array),
            DataType::LargeList(inner) | DataType::FixedSizeList(inner, _) => {
                let list = DataType::List(Arc::clone(inner));
                let options = CastOptions { safe: false, ..CastOptions::default() };
                cast_with_options(array, &list, &options).map_err(|_| wrong())?
            }
            _ => return Err(wrong()),
        };
        let lists = array.as_list::<i32>();
        if lists.value_type() != *field.data_type() {
            return Err(wrong());
        }
        if lists.values().null_count() > 0 {
            let null = |row: &usize| lists.is_valid(*row) && lists.value(*row).null_count() > 0;
            if let Some(row) = (0..lists.len()).find(null) {
                let expected = format!("{} without nulls inside", column.kind);
                return Err(self.wrong(&column.name, Some(row), "a list with a null", expected));
            }
        }
        if array.data_type() == &column.moved() {
            return Ok(array);
        }
        let (offsets, nulls) = (lists.offsets().clone(), lists.nulls().cloned());
        // Nulls of items that no list holds go away with their bitmap.
        let items = lists.values().to_data().into_builder().nulls(None);
        let items = arrow_array::make_array(items.build().kernel("list items")?);
        let list = ListArray::try_new(Arc::new(field), offsets, items, nulls);
        Ok(Arc::new(list.kernel("list column")?))
    }

    /// Codes of the column's pool.
    fn codes(
        &mut self,
        position: usize,
        column: &FileColumn,
        array: &ArrayRef,
        pool: &mut Pool,
    ) -> Result<ArrayRef> {
        let DataType::Dictionary(key, _) = array.data_type() else {
            let codes = self.intern(column, array, pool)?;
            return Ok(Arc::new(Int32Array::new(codes.into(), array.nulls().cloned())));
        };
        match **key {
            DataType::Int8 => self.recode::<Int8Type>(position, column, array, pool),
            DataType::Int16 => self.recode::<Int16Type>(position, column, array, pool),
            DataType::Int32 => self.recode::<Int32Type>(position, column, array, pool),
            DataType::Int64 => self.recode::<Int64Type>(position, column, array, pool),
            DataType::UInt8 => self.recode::<UInt8Type>(position, column, array, pool),
            DataType::UInt16 => self.recode::<UInt16Type>(position, column, array, pool),
            DataType::UInt32 => self.recode::<UInt32Type>(position, column, array, pool),
            _ => self.recode::<UInt64Type>(position, column, array, pool),
        }
    }

    /// The codes of plain texts.
    fn intern(&self, column: &FileColumn, array: &ArrayRef, pool: &mut Pool) -> Result<Vec<i32>> {
        match array.data_type() {
            DataType::Utf8 => each_code(column, array.as_string::<i32>().iter(), pool),
            DataType::LargeUtf8 => each_code(column, array.as_string::<i64>().iter(), pool),
            DataType::Utf8View => each_code(column, array.as_string_view().iter(), pool),
            other => Err(self.wrong(
                &column.name,
                None,
                format!("type {other}"),
                "texts or a dictionary of texts",
            )),
        }
    }

    /// Codes of a dictionary's own as codes of the pool.
    fn recode<K: ArrowDictionaryKeyType>(
        &mut self,
        position: usize,
        column: &FileColumn,
        array: &ArrayRef,
        pool: &mut Pool,
    ) -> Result<ArrayRef> {
        let dictionary = array.as_dictionary::<K>();
        let values = dictionary.values();
        let known = self.known[position].take().filter(|known| is_same(&known.values, values));
        let known = if let Some(known) = known {
            known
        } else {
            let mut codes = self.intern(column, values, pool)?;
            for row in (0..values.len()).filter(|&row| values.is_null(row)) {
                codes[row] = NULL;
            }
            Known { values: Arc::clone(values), codes }
        };
        let recoded = recode_keys(dictionary.keys(), &known.codes);
        self.known[position] = Some(known);
        Ok(recoded)
    }
}

fn recode_keys<K: ArrowDictionaryKeyType>(keys: &PrimitiveArray<K>, codes: &[i32]) -> ArrayRef {
    use arrow_buffer::ArrowNativeType;
    // Keys of null rows may be anything.
    let code = |key: K::Native| codes.get(key.as_usize()).copied().unwrap_or(0);
    if codes.contains(&NULL) {
        let each = keys.iter().map(|key| key.map(code).filter(|&code| code != NULL));
        return Arc::new(each.collect::<Int32Array>());
    }
    let values: Vec<i32> = keys.values().iter().map(|&key| code(key)).collect();
    let nulls = keys.nulls().filter(|nulls| nulls.null_count() > 0).cloned();
    Arc::new(Int32Array::new(values.into(), nulls))
}

/// Whether two dictionaries are the same memory.
fn is_same(one: &ArrayRef, other: &ArrayRef) -> bool {
    if Arc::ptr_eq(one, other) {
        return true;
    }
    match (one.as_string_opt::<i32>(), other.as_string_opt::<i32>()) {
        (Some(one), Some(other)) => {
            one.offsets().inner().ptr_eq(other.offsets().inner())
                && std::ptr::eq(one.values().as_ptr(), other.values().as_ptr())
                && one.nulls().is_none()
                && other.nulls().is_none()
        }
        _ => false,
    }
}

/// A code per text, 0 where a row is null; equal neighbours are looked up once.
fn each_code<'a>(
    column: &FileColumn,
    texts: impl Iterator<Item = Option<&'a str>>,
    pool: &mut Pool,
) -> Result<Vec<i32>> {
    let mut last: Option<(&str, i32)> = None;
    let mut codes = Vec::with_capacity(texts.size_hint().0);
    for text in texts {
        let code = match (text, last) {
            (None, _) => 0,
            (Some(text), Some((before, code))) if text == before => code,
            (Some(text), _) => {
                let code = pool.code(&column.name, text)?;
                last = Some((text, code));
                code
            }
        };
        codes.push(code);
    }
    Ok(codes)
}

/// Whether every value of a type is exactly a value of another, or is refused by the cast.
pub(crate) fn casts_exactly(from: &DataType, to: &DataType) -> bool {
    match (from, to) {
        (DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View, DataType::Utf8)
        | (DataType::LargeBinary | DataType::BinaryView, DataType::Binary)
        // A zoned timestamp is an instant, and so is ours.
        | (DataType::Timestamp(..), DataType::Timestamp(TimeUnit::Nanosecond, None))
        | (DataType::Float32, DataType::Float64) => true,
        (DataType::Dictionary(_, value), DataType::Utf8) => casts_exactly(value, to),
        (from, DataType::Float64) => {
            from.is_integer() && !matches!(from, DataType::Int64 | DataType::UInt64)
        }
        (from, DataType::Int8 | DataType::Int16 | DataType::Int32 | DataType::Int64) => {
            from.is_integer()
        }
        (
            DataType::Decimal32(_, scale) | DataType::Decimal64(_, scale) | DataType::Decimal128(_, scale),
            DataType::Decimal128(_, wanted),
        ) => scale <= wanted,
        _ => false,
    }
}

/// The UTC dates of timestamps.
pub(crate) fn dates(times: &ArrayRef) -> ArrayRef {
    let times = times.as_primitive::<TimestampNanosecondType>();
    #[allow(clippy::cast_possible_truncation, reason = "64-bit nanoseconds span 600 years")]
    let day = |time: i64| time.div_euclid(DAY_NS) as i32;
    Arc::new(times.unary::<_, Date32Type>(day))
}
