//! A mapping of column names to Python values, as Arrow columns of a tape's types.

use std::sync::Arc;

use arrow_array::builder::{BinaryBuilder, FixedSizeBinaryBuilder, StringBuilder};
use arrow_array::types::{
    ArrowPrimitiveType, Date32Type, Decimal128Type, DecimalType, Float32Type, Float64Type,
    Int8Type, Int16Type, Int32Type, Int64Type, TimestampNanosecondType,
};
use arrow_array::{Array, ArrayRef, ListArray, PrimitiveArray, RecordBatch, RecordBatchOptions};
use arrow_schema::{DataType, Field, Schema as ArrowSchema};
use pyo3::buffer::{Element, PyBuffer};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList, PyString};
use rustonite_core::schema::{arrow_type, list_item};
use rustonite_core::{Column, ColumnType, Decimal, Fixed, Schema};

use crate::capsule::import_array;
use crate::error::invalid;

/// One batch from columns of equal length. Columns that are not given stay away, which the tape
/// reads as null.
pub(crate) fn batch_from_columns(
    schema: &Schema,
    columns: &Bound<'_, PyDict>,
) -> PyResult<RecordBatch> {
    let mut fields = Vec::new();
    let mut arrays: Vec<ArrayRef> = Vec::new();
    for (name, values) in columns {
        let Ok(name) = name.extract::<String>() else {
            return Err(invalid(format!("columns: found key {}, expected a name", name.repr()?)));
        };
        let Some(column) = schema.columns().iter().find(|column| column.name == name) else {
            let known: Vec<_> = schema.columns().iter().map(|c| c.name.as_str()).collect();
            let expected = format!("one of {}", known.join(", "));
            return Err(invalid(format!("column {name:?}: not in the tape, expected {expected}")));
        };
        let array = array(column, &values)?;
        if let Some(first) = arrays.first()
            && first.len() != array.len()
        {
            let (found, expected) = (array.len(), first.len());
            return Err(invalid(format!(
                "column {name:?}: found {found} rows, expected {expected}"
            )));
        }
        fields.push(Field::new(name, array.data_type().clone(), true));
        arrays.push(array);
    }
    let rows = arrays.first().map_or(0, Array::len);
    let options = RecordBatchOptions::new().with_row_count(Some(rows));
    let schema = Arc::new(ArrowSchema::new(fields));
    RecordBatch::try_new_with_options(schema, arrays, &options)
        .map_err(|error| invalid(format!("columns: {error}")))
}

fn array(column: &Column, values: &Bound<'_, PyAny>) -> PyResult<ArrayRef> {
    if !is_list(values) && values.hasattr("__arrow_c_array__")? {
        return import_array(values);
    }
    match column.kind {
        ColumnType::Fixed(fixed) => fixed_array(column, fixed, values),
        ColumnType::Utf8 | ColumnType::Dictionary(_) => text_array(column, values),
        ColumnType::Binary => binary_array(column, values),
        ColumnType::List(item) => list_array(column, item, values),
    }
}

fn fixed_array(column: &Column, fixed: Fixed, values: &Bound<'_, PyAny>) -> PyResult<ArrayRef> {
    match fixed {
        Fixed::Int8 => primitive::<Int8Type>(column, values),
        Fixed::Int16 => primitive::<Int16Type>(column, values),
        Fixed::Int32 => primitive::<Int32Type>(column, values),
        Fixed::Int64 => primitive::<Int64Type>(column, values),
        Fixed::Float32 => primitive::<Float32Type>(column, values),
        Fixed::Float64 => primitive::<Float64Type>(column, values),
        Fixed::TimestampNs => timestamps(column, values),
        Fixed::Date32 => primitive::<Date32Type>(column, values),
        Fixed::Decimal128 { scale, .. } => decimals(column, scale, values),
        Fixed::Bytes(count) => fixed_bytes(column, count, values),
    }
}

/// Numbers from a buffer (numpy, array, memoryview) at once, or from a sequence one by one. Buffers
/// in the other byte order go one by one.
fn primitive<T>(column: &Column, values: &Bound<'_, PyAny>) -> PyResult<ArrayRef>
where
    T: ArrowPrimitiveType,
    T::Native: Element + for<'a, 'py> FromPyObject<'a, 'py>,
{
    if !is_list(values)
        && let Ok(buffer) = PyBuffer::<T::Native>::get(values)
        && !matches!(buffer.format().to_bytes().first(), Some(b'>' | b'!'))
    {
        if buffer.dimensions() != 1 {
            let (name, found) = (&column.name, buffer.dimensions());
            return Err(invalid(format!("column {name:?}: found {found} dimensions, expected 1")));
        }
        let numbers = buffer.to_vec(values.py())?;
        return Ok(Arc::new(PrimitiveArray::<T>::from_iter_values(numbers)));
    }
    let items = sequence(column, values)?;
    let numbers = items.iter().enumerate().map(|(row, item)| item_of(column, row, item));
    Ok(Arc::new(PrimitiveArray::<T>::from_iter(numbers.collect::<PyResult<Vec<_>>>()?)))
}

/// Times as whole nanoseconds, or as numpy's `datetime64[ns]`, whose `NaT` is null.
fn timestamps(column: &Column, values: &Bound<'_, PyAny>) -> PyResult<ArrayRef> {
    let kind = || values.getattr("dtype").and_then(|dtype| dtype.str());
    if is_list(values) || !kind().is_ok_and(|kind| kind == "datetime64[ns]") {
        return primitive::<TimestampNanosecondType>(column, values);
    }
    let numbers = sequence(column, &values.call_method1("astype", ("int64",))?)?;
    let numbers = numbers.iter().enumerate().map(|(row, item)| item_of::<i64>(column, row, item));
    let set = |number: Option<i64>| number.filter(|&number| number != i64::MIN);
    let times = numbers.map(|number| number.map(set)).collect::<PyResult<Vec<_>>>()?;
    Ok(Arc::new(PrimitiveArray::<TimestampNanosecondType>::from(times)))
}

/// Lists are the usual case of small appends, and asking them for what they are not is slow.
fn is_list(values: &Bound<'_, PyAny>) -> bool {
    values.is_exact_instance_of::<PyList>()
}

fn sequence<'py>(column: &Column, values: &Bound<'py, PyAny>) -> PyResult<Vec<Bound<'py, PyAny>>> {
    if let Ok(list) = values.cast_exact::<PyList>() {
        return Ok(list.iter().collect());
    }
    let text = values.extract::<&str>().is_ok();
    let items = values.try_iter().and_then(Iterator::collect);
    match items {
        Ok(items) if !text => Ok(items),
        _ => {
            let (name, kind) = (&column.name, values.get_type().name()?);
            Err(invalid(format!("column {name:?}: found {kind}, expected a sequence of values")))
        }
    }
}

fn item_of<T: for<'a, 'py> FromPyObject<'a, 'py>>(
    column: &Column,
    row: usize,
    item: &Bound<'_, PyAny>,
) -> PyResult<Option<T>> {
    if item.is_none() {
        return Ok(None);
    }
    item.extract::<T>().map(Some).map_err(|_| refuse(column, row, item))
}

fn refuse(column: &Column, row: usize, item: &Bound<'_, PyAny>) -> PyErr {
    let found = item.repr().map_or_else(|_| "?".to_owned(), |text| text.to_string());
    let (name, expected) = (&column.name, column.kind);
    invalid(format!("column {name:?}, row {row}: found {found}, expected {expected}"))
}

/// Decimals from texts, whole numbers and `decimal.Decimal`; floats are refused, they are not exact.
fn decimals(column: &Column, scale: i8, values: &Bound<'_, PyAny>) -> PyResult<ArrayRef> {
    let DataType::Decimal128(precision, _) = arrow_type(column.kind) else {
        return Err(invalid(format!("column {:?}: not of decimals", column.name)));
    };
    let exact_type = values.py().import("decimal")?.getattr("Decimal")?;
    let exact = |(row, item): (usize, &Bound<'_, PyAny>)| {
        if item.is_none() {
            return Ok(None);
        }
        let is_text = item.is_instance_of::<PyString>();
        if !is_text && !item.is_instance(&exact_type)? && !item.hasattr("__index__")? {
            return Err(refuse(column, row, item));
        }
        let text = item.str()?.to_string();
        let units = Decimal::parse(text.as_bytes())
            .and_then(|value| value.to_scale(i32::from(scale)))
            .map_err(|error| invalid(format!("column {:?}, row {row}: {error}", column.name)))?;
        let fits = Decimal128Type::is_valid_decimal_precision(units, precision);
        if fits { Ok(Some(units)) } else { Err(refuse(column, row, item)) }
    };
    let items = sequence(column, values)?;
    let units = items.iter().enumerate().map(exact).collect::<PyResult<Vec<_>>>()?;
    let array = PrimitiveArray::<Decimal128Type>::from_iter(units);
    let array = array.with_precision_and_scale(precision, scale);
    array.map(|array| Arc::new(array) as _).map_err(|error| invalid(error.to_string()))
}

fn fixed_bytes(column: &Column, count: u16, values: &Bound<'_, PyAny>) -> PyResult<ArrayRef> {
    let items = sequence(column, values)?;
    let mut builder = FixedSizeBinaryBuilder::with_capacity(items.len(), i32::from(count));
    for (row, item) in items.iter().enumerate() {
        match item_of::<Vec<u8>>(column, row, item)? {
            None => builder.append_null(),
            Some(bytes) => builder.append_value(bytes).map_err(|_| refuse(column, row, item))?,
        }
    }
    Ok(Arc::new(builder.finish()))
}

fn text_array(column: &Column, values: &Bound<'_, PyAny>) -> PyResult<ArrayRef> {
    let mut builder = StringBuilder::new();
    for (row, item) in sequence(column, values)?.iter().enumerate() {
        builder.append_option(item_of::<String>(column, row, item)?);
    }
    Ok(Arc::new(builder.finish()))
}

fn binary_array(column: &Column, values: &Bound<'_, PyAny>) -> PyResult<ArrayRef> {
    let mut builder = BinaryBuilder::new();
    for (row, item) in sequence(column, values)?.iter().enumerate() {
        builder.append_option(item_of::<Vec<u8>>(column, row, item)?);
    }
    Ok(Arc::new(builder.finish()))
}

fn list_array(column: &Column, item: Fixed, values: &Bound<'_, PyAny>) -> PyResult<ArrayRef> {
    let rows = sequence(column, values)?;
    let mut lengths = Vec::with_capacity(rows.len());
    let mut set = Vec::with_capacity(rows.len());
    let mut items: Vec<Bound<'_, PyAny>> = Vec::new();
    for (number, row) in rows.iter().enumerate() {
        let inner = if row.is_none() { Vec::new() } else { sequence(column, row)? };
        if inner.iter().any(PyAnyMethods::is_none) {
            return Err(refuse(column, number, row));
        }
        set.push(!row.is_none());
        lengths.push(inner.len());
        items.extend(inner);
    }
    let inner = Column::plain(&column.name, ColumnType::Fixed(item), false);
    let flat = PyList::new(values.py(), items)?;
    let flat = fixed_array(&inner, item, flat.as_any())?;
    let offsets = arrow_buffer::OffsetBuffer::from_lengths(lengths);
    let field = Arc::new(list_item(item));
    ListArray::try_new(field, offsets, flat, Some(set.into()))
        .map(|array| Arc::new(array) as _)
        .map_err(|error| invalid(format!("column {:?}: {error}", column.name)))
}
