//! A mapping of column names to Python values, as Arrow columns of a tape's types.

use std::sync::Arc;

use arrow_array::builder::{BinaryBuilder, FixedSizeBinaryBuilder, StringBuilder};
use arrow_array::types::{
    ArrowPrimitiveType, Date32Type, Decimal128Type, Float32Type, Float64Type, Int8Type, Int16Type,
    Int32Type, Int64Type, TimestampNanosecondType,
};
use arrow_array::{Array, ArrayRef, ListArray, PrimitiveArray, RecordBatch, RecordBatchOptions};
use arrow_schema::{DataType, Field, Schema as ArrowSchema};
use pyo3::buffer::{Element, PyBuffer};
use pyo3::prelude::*;
use pyo3::types::PyDict;
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
        let name: String = name.extract()?;
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
    let rows = arrays.first().map_or(0, |array| array.len());
    let options = RecordBatchOptions::new().with_row_count(Some(rows));
    let schema = Arc::new(ArrowSchema::new(fields));
    RecordBatch::try_new_with_options(schema, arrays, &options)
        .map_err(|error| invalid(format!("columns: {error}")))
}

fn array(column: &Column, values: &Bound<'_, PyAny>) -> PyResult<ArrayRef> {
    if values.hasattr("__arrow_c_array__")? {
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
        Fixed::TimestampNs => primitive::<TimestampNanosecondType>(column, values),
        Fixed::Date32 => primitive::<Date32Type>(column, values),
        Fixed::Decimal128 { scale, .. } => decimals(column, scale, values),
        Fixed::Bytes(count) => fixed_bytes(column, count, values),
    }
}

/// Numbers from a buffer (numpy, array, memoryview) at once, or from a sequence one by one.
fn primitive<T>(column: &Column, values: &Bound<'_, PyAny>) -> PyResult<ArrayRef>
where
    T: ArrowPrimitiveType,
    T::Native: Element + for<'a, 'py> FromPyObject<'a, 'py>,
{
    if let Ok(buffer) = PyBuffer::<T::Native>::get(values) {
        let numbers = buffer.to_vec(values.py())?;
        return Ok(Arc::new(PrimitiveArray::<T>::from_iter_values(numbers)));
    }
    let items = sequence(column, values)?;
    let numbers = items.iter().enumerate().map(|(row, item)| item_of(column, row, item));
    Ok(Arc::new(PrimitiveArray::<T>::from_iter(numbers.collect::<PyResult<Vec<_>>>()?)))
}

fn sequence<'py>(column: &Column, values: &Bound<'py, PyAny>) -> PyResult<Vec<Bound<'py, PyAny>>> {
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

/// Decimals from texts, ints and `decimal.Decimal`; floats are refused, they are not exact.
fn decimals(column: &Column, scale: i8, values: &Bound<'_, PyAny>) -> PyResult<ArrayRef> {
    let items = sequence(column, values)?;
    let exact = |(row, item): (usize, &Bound<'_, PyAny>)| {
        if item.is_none() {
            return Ok(None);
        }
        let float = item.extract::<f64>().is_ok() && item.get_type().name()? == "float";
        let text = item.str()?.to_string();
        let parsed =
            Decimal::parse(text.as_bytes()).and_then(|value| value.to_scale(i32::from(scale)));
        match parsed {
            Ok(units) if !float => Ok(Some(units)),
            Ok(_) => Err(refuse(column, row, item)),
            Err(error) => Err(invalid(format!("column {:?}, row {row}: {error}", column.name))),
        }
    };
    let units = items.iter().enumerate().map(exact).collect::<PyResult<Vec<_>>>()?;
    let array = PrimitiveArray::<Decimal128Type>::from_iter(units);
    let DataType::Decimal128(precision, scale) = arrow_type(column.kind) else {
        return Ok(Arc::new(array));
    };
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
    for row in &rows {
        let inner = if row.is_none() { Vec::new() } else { sequence(column, row)? };
        set.push(!row.is_none());
        lengths.push(inner.len());
        items.extend(inner);
    }
    let inner = Column::plain(&column.name, ColumnType::Fixed(item), false);
    let flat = pyo3::types::PyList::new(values.py(), items)?;
    let flat = fixed_array(&inner, item, flat.as_any())?;
    if flat.null_count() > 0 {
        let name = &column.name;
        return Err(invalid(format!(
            "column {name:?}: found null inside a list, expected a value"
        )));
    }
    let offsets = arrow_buffer::OffsetBuffer::from_lengths(lengths);
    let field = Arc::new(list_item(item));
    ListArray::try_new(field, offsets, flat, Some(set.into()))
        .map(|array| Arc::new(array) as _)
        .map_err(|error| invalid(format!("column {:?}: {error}", column.name)))
}
