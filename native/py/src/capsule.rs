//! Arrow data through Python capsules, both ways. The second and last home of unsafe code: importing
//! means to believe a pointer that Python hands over, which no safe function can do.
#![allow(unsafe_code)]

use arrow_array::ffi::{FFI_ArrowArray, FFI_ArrowSchema, from_ffi};
use arrow_array::ffi_stream::{ArrayStreamReader, FFI_ArrowArrayStream};
use arrow_array::{Array, ArrayRef, RecordBatch, RecordBatchReader, StructArray, make_array};
use arrow_schema::{ArrowError, Schema as ArrowSchema};
use pyo3::prelude::*;
use pyo3::types::{PyCapsule, PyTuple};
use rustonite_tape::ArrowArray;

use crate::error::invalid;

const SCHEMA: &std::ffi::CStr = c"arrow_schema";
const ARRAY: &std::ffi::CStr = c"arrow_array";
const STREAM: &std::ffi::CStr = c"arrow_array_stream";

/// A schema as a capsule.
pub(crate) fn export_schema<'py>(
    py: Python<'py>,
    schema: &ArrowSchema,
) -> PyResult<Bound<'py, PyCapsule>> {
    let schema = FFI_ArrowSchema::try_from(schema).map_err(|error| invalid(error.to_string()))?;
    PyCapsule::new_with_value(py, schema, SCHEMA)
}

/// An array as a capsule.
pub(crate) fn export_array(py: Python<'_>, array: ArrowArray) -> PyResult<Bound<'_, PyCapsule>> {
    PyCapsule::new_with_value(py, array, ARRAY)
}

/// Batches as a stream capsule.
pub(crate) fn export_stream(
    py: Python<'_>,
    reader: Box<dyn RecordBatchReader + Send>,
) -> PyResult<Bound<'_, PyCapsule>> {
    PyCapsule::new_with_value(py, FFI_ArrowArrayStream::new(reader), STREAM)
}

/// The schema of any object that has one.
pub(crate) fn import_schema(object: &Bound<'_, PyAny>) -> PyResult<ArrowSchema> {
    if !object.hasattr("__arrow_c_schema__")? {
        let found = object.get_type().name()?;
        return Err(invalid(format!("Arrow schema: found {found}, expected __arrow_c_schema__")));
    }
    let capsule = object.call_method0("__arrow_c_schema__")?.cast_into::<PyCapsule>()?;
    let pointer = capsule.pointer_checked(Some(SCHEMA))?.cast::<FFI_ArrowSchema>();
    // SAFETY: a capsule of this name holds an ArrowSchema, which lives as long as the capsule.
    let schema = unsafe { pointer.as_ref() };
    ArrowSchema::try_from(schema).map_err(|error| invalid(format!("Arrow schema: {error}")))
}

/// The batches of any object that exports Arrow data; `None` if it does not.
pub(crate) fn import_batches(object: &Bound<'_, PyAny>) -> PyResult<Option<Vec<RecordBatch>>> {
    if object.hasattr("__arrow_c_array__")? {
        return Ok(Some(vec![rows_of(&import_array(object)?)?]));
    }
    let Some(stream) = import_stream(object)? else { return Ok(None) };
    let wrong = |error: ArrowError| invalid(format!("Arrow stream: {error}"));
    stream.map(|array| rows_of(&array.map_err(wrong)?)).collect::<PyResult<Vec<_>>>().map(Some)
}

/// The stream of any object that exports one; `None` if it does not.
pub(crate) fn import_stream(object: &Bound<'_, PyAny>) -> PyResult<Option<ArrayStreamReader>> {
    if !object.hasattr("__arrow_c_stream__")? {
        return Ok(None);
    }
    let capsule = object.call_method0("__arrow_c_stream__")?.cast_into::<PyCapsule>()?;
    let pointer = capsule.pointer_checked(Some(STREAM))?.cast::<FFI_ArrowArrayStream>();
    // SAFETY: a capsule of this name holds an ArrowArrayStream; it is moved out, and the empty one
    // that stays is what the capsule's destructor expects then.
    let stream = unsafe { FFI_ArrowArrayStream::from_raw(pointer.as_ptr()) };
    let stream = ArrayStreamReader::try_new(stream);
    stream.map(Some).map_err(|error| invalid(format!("Arrow stream: {error}")))
}

/// The rows of a struct array. A struct that is null is no row.
fn rows_of(array: &ArrayRef) -> PyResult<RecordBatch> {
    checked_rows(array).map_err(invalid)
}

/// The rows of a struct array, or what is wrong with it.
pub(crate) fn checked_rows(array: &ArrayRef) -> Result<RecordBatch, String> {
    let Some(rows) = array.as_any().downcast_ref::<StructArray>() else {
        let found = array.data_type();
        return Err(format!("Arrow data: found an array of {found}, expected rows"));
    };
    if let Some(row) = (0..rows.len()).find(|&row| rows.null_count() > 0 && rows.is_null(row)) {
        return Err(format!("Arrow data, row {row}: found null, expected a row"));
    }
    Ok(RecordBatch::from(rows))
}

/// The array of an object with `__arrow_c_array__`.
pub(crate) fn import_array(object: &Bound<'_, PyAny>) -> PyResult<ArrayRef> {
    let pair = object.call_method0("__arrow_c_array__")?.cast_into::<PyTuple>()?;
    let schema = pair.get_item(0)?.cast_into::<PyCapsule>()?;
    let array = pair.get_item(1)?.cast_into::<PyCapsule>()?;
    let schema = schema.pointer_checked(Some(SCHEMA))?.cast::<FFI_ArrowSchema>();
    let array = array.pointer_checked(Some(ARRAY))?.cast::<FFI_ArrowArray>();
    // SAFETY: capsules of these names hold these structs; the array is moved out, and the empty one
    // that stays is what the capsule's destructor expects then. The producer promises that schema
    // and array fit together; there is no way to check that.
    let data = unsafe { from_ffi(FFI_ArrowArray::from_raw(array.as_ptr()), schema.as_ref()) };
    data.map(make_array).map_err(|error| invalid(format!("Arrow array: {error}")))
}
