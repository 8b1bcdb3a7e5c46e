//! Rust errors as the exception classes of `rustonite_data.errors`, one class per kind.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};

use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::PyModule;
use rustonite_core::ErrorKind;
use rustonite_lake::LakeError;
use rustonite_tape::TapeError;

/// An exception of a kind.
pub(crate) fn raise(kind: ErrorKind, message: String) -> PyErr {
    static ERRORS: PyOnceLock<Py<PyModule>> = PyOnceLock::new();
    Python::attach(|py| {
        let errors = ERRORS.get_or_try_init(py, || {
            PyModule::import(py, "rustonite_data.errors").map(Bound::unbind)
        });
        let made =
            errors.and_then(|errors| errors.bind(py).getattr(kind.name())?.call1((message,)));
        made.map_or_else(|error| error, PyErr::from_value)
    })
}

/// Every kind of error and whether the same call may succeed later.
#[pyfunction]
pub(crate) fn error_kinds() -> Vec<(&'static str, bool)> {
    ErrorKind::ALL.iter().map(|kind| (kind.name(), kind.retryable())).collect()
}

/// An exception for wrong input.
pub(crate) fn invalid(message: impl Into<String>) -> PyErr {
    raise(ErrorKind::Invalid, message.into())
}

pub(crate) fn from_tape(error: &TapeError) -> PyErr {
    raise(error.kind(), error.to_string())
}

pub(crate) fn from_lake(error: &LakeError) -> PyErr {
    raise(error.kind(), error.to_string())
}

/// Runs Rust code so that neither its errors nor its panics cross the border as they are.
pub(crate) fn guarded<T>(work: impl FnOnce() -> Result<T, TapeError>) -> PyResult<T> {
    caught(work)?.map_err(|error| from_tape(&error))
}

/// Runs Rust code so that its panics do not cross the border as they are.
pub(crate) fn caught<T>(work: impl FnOnce() -> T) -> PyResult<T> {
    catch_unwind(AssertUnwindSafe(work))
        .map_err(|panic| raise(ErrorKind::Internal, describe(panic.as_ref())))
}

fn describe(panic: &(dyn Any + Send)) -> String {
    let text = (panic.downcast_ref::<String>().map(String::as_str))
        .or_else(|| panic.downcast_ref::<&str>().copied());
    format!("a bug in rustonite, please report it: {}", text.unwrap_or("panic without a text"))
}
