//! Rows of a tape as plain Python values, for users without an Arrow library.
//!
//! The values are those that `columns.rs` takes: whole numbers for times and dates, so that nothing
//! is rounded to microseconds, and `decimal.Decimal` for decimals.

use arrow_array::cast::AsArray;
use arrow_array::types::{
    ArrowDictionaryKeyType, ArrowPrimitiveType, Date32Type, Decimal128Type, Float32Type,
    Float64Type, Int8Type, Int16Type, Int32Type, Int64Type, TimestampNanosecondType,
};
use arrow_array::{Array, ArrayRef};
use arrow_schema::DataType;
use pyo3::IntoPyObjectExt;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyList, PyString};
use rustonite_core::{ErrorKind, Schema};

use crate::error::{invalid, raise};

type Values<'py> = Vec<Bound<'py, PyAny>>;

/// One dict per row, with the columns asked for, or all.
pub(crate) fn rows<'py>(
    py: Python<'py>,
    batch: &rustonite_tape::Batch,
    wanted: Option<&[String]>,
) -> PyResult<Bound<'py, PyList>> {
    let rows = PyList::empty(py);
    for _ in 0..batch.len() {
        rows.append(PyDict::new(py))?;
    }
    for column in positions(batch.schema(), wanted)? {
        let name = PyString::new(py, &batch.schema().columns()[column].name);
        for (row, value) in rows.iter().zip(column_values(py, &batch.array(column))?) {
            row.cast::<PyDict>()?.set_item(&name, value)?;
        }
    }
    Ok(rows)
}

fn positions(schema: &Schema, wanted: Option<&[String]>) -> PyResult<Vec<usize>> {
    let Some(wanted) = wanted else { return Ok((0..schema.columns().len()).collect()) };
    let position = |name: &String| {
        schema.index_of(name).ok_or_else(|| {
            let known: Vec<_> = schema.columns().iter().map(|c| c.name.as_str()).collect();
            let expected = format!("one of {}", known.join(", "));
            invalid(format!("column {name:?}: not in the tape, expected {expected}"))
        })
    };
    wanted.iter().map(position).collect()
}

fn column_values<'py>(py: Python<'py>, array: &ArrayRef) -> PyResult<Values<'py>> {
    match array.data_type() {
        DataType::Int8 => numbers::<Int8Type>(py, array),
        DataType::Int16 => numbers::<Int16Type>(py, array),
        DataType::Int32 => numbers::<Int32Type>(py, array),
        DataType::Int64 => numbers::<Int64Type>(py, array),
        DataType::Float32 => numbers::<Float32Type>(py, array),
        DataType::Float64 => numbers::<Float64Type>(py, array),
        DataType::Timestamp(..) => numbers::<TimestampNanosecondType>(py, array),
        DataType::Date32 => numbers::<Date32Type>(py, array),
        DataType::Decimal128(..) => decimals(py, array),
        DataType::Utf8 => {
            let texts = array.as_string::<i32>();
            each(py, array, |row| texts.value(row).into_bound_py_any(py))
        }
        DataType::Binary => {
            let values = array.as_binary::<i32>();
            each(py, array, |row| Ok(PyBytes::new(py, values.value(row)).into_any()))
        }
        DataType::FixedSizeBinary(_) => {
            let values = array.as_fixed_size_binary();
            each(py, array, |row| Ok(PyBytes::new(py, values.value(row)).into_any()))
        }
        DataType::List(_) => {
            let lists = array.as_list::<i32>();
            each(py, array, |row| {
                PyList::new(py, column_values(py, &lists.value(row))?).map(Bound::into_any)
            })
        }
        DataType::Dictionary(key, _) => match **key {
            DataType::Int8 => texts::<Int8Type>(py, array),
            DataType::Int16 => texts::<Int16Type>(py, array),
            _ => texts::<Int32Type>(py, array),
        },
        other => Err(invalid(format!("values of type {other} have no form in Python"))),
    }
}

/// The values of all rows, `None` where a row is null.
fn each<'py>(
    py: Python<'py>,
    array: &ArrayRef,
    value: impl Fn(usize) -> PyResult<Bound<'py, PyAny>>,
) -> PyResult<Values<'py>> {
    let none = || py.None().into_bound(py);
    (0..array.len()).map(|row| if array.is_null(row) { Ok(none()) } else { value(row) }).collect()
}

fn numbers<'py, T>(py: Python<'py>, array: &ArrayRef) -> PyResult<Values<'py>>
where
    T: ArrowPrimitiveType,
    T::Native: IntoPyObject<'py>,
{
    let numbers = array.as_primitive::<T>();
    each(py, array, |row| numbers.value(row).into_bound_py_any(py))
}

fn texts<'py, K: ArrowDictionaryKeyType>(
    py: Python<'py>,
    array: &ArrayRef,
) -> PyResult<Values<'py>> {
    let dictionary = array.as_dictionary::<K>();
    let texts = column_values(py, dictionary.values())?;
    each(py, array, |row| {
        let text = dictionary.key(row).and_then(|code| texts.get(code));
        text.cloned().ok_or_else(|| raise(ErrorKind::Internal, "a code without a text".to_owned()))
    })
}

fn decimals<'py>(py: Python<'py>, array: &ArrayRef) -> PyResult<Values<'py>> {
    let decimal = py.import("decimal")?.getattr("Decimal")?;
    let numbers = array.as_primitive::<Decimal128Type>();
    each(py, array, |row| decimal.call1((numbers.value_as_string(row),)))
}
