//! What is known of a tape, as plain Python values.

use std::path::PathBuf;
use std::sync::mpsc::{RecvTimeoutError, channel};

use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList};
use rustonite_core::ErrorKind;
use rustonite_tape::{Durability, SegmentReport, TapeError, TapeReport};

use crate::error::{guarded, raise};
use crate::reader::SIGNALS_EVERY;

/// Describes a tape from its headers.
#[pyfunction]
pub(crate) fn describe_tape(py: Python<'_>, path: PathBuf) -> PyResult<Bound<'_, PyDict>> {
    let report = py.detach(|| guarded(|| rustonite_tape::describe(&path)))?;
    tape(py, &report)
}

/// Reads and checks a whole tape.
#[pyfunction]
pub(crate) fn verify_tape(py: Python<'_>, path: PathBuf) -> PyResult<Bound<'_, PyDict>> {
    let report = interruptible(py, move || rustonite_tape::verify(&path))?;
    tape(py, &report)
}

/// Runs work that only reads in a thread of its own, so that Ctrl-C need not wait for its end.
fn interruptible<T: Send + 'static>(
    py: Python<'_>,
    work: impl FnOnce() -> Result<T, TapeError> + Send + 'static,
) -> PyResult<T> {
    let (answer, mut done) = channel();
    std::thread::spawn(move || answer.send(guarded(work)));
    loop {
        // By a mutable reference, because a receiver cannot be shared between threads.
        let waiting = &mut done;
        match py.detach(move || waiting.recv_timeout(SIGNALS_EVERY)) {
            Ok(result) => return result,
            Err(RecvTimeoutError::Timeout) => py.check_signals()?,
            Err(RecvTimeoutError::Disconnected) => {
                return Err(raise(ErrorKind::Internal, "a thread ended early".to_owned()));
            }
        }
    }
}

fn tape<'py>(py: Python<'py>, report: &TapeReport) -> PyResult<Bound<'py, PyDict>> {
    let interval = report.settings.fsync_interval_ms;
    let durability = if report.in_memory {
        Durability::Memory
    } else {
        Durability::Disk { fsync_interval_ms: interval }
    };
    let segments = report.segments.iter().map(|segment| self::segment(py, segment));
    let cursors = PyDict::new(py);
    for cursor in &report.cursors {
        cursors.set_item(&cursor.consumer, cursor.row)?;
    }
    let dict = PyDict::new(py);
    dict.set_item("path", report.path.display().to_string())?;
    dict.set_item("id", &report.id)?;
    dict.set_item("dataset", &report.dataset)?;
    dict.set_item("version", report.version)?;
    dict.set_item("fingerprint", &report.fingerprint)?;
    dict.set_item("first_row", report.first_row())?;
    dict.set_item("next_row", report.next_row())?;
    dict.set_item("bytes", report.segments.iter().map(|segment| segment.bytes).sum::<u64>())?;
    dict.set_item("has_writer", report.has_writer)?;
    dict.set_item("in_memory", report.in_memory)?;
    dict.set_item("durability", durability.describe())?;
    dict.set_item("settings", settings(py, report)?)?;
    dict.set_item("consumers", cursors)?;
    dict.set_item("segments", PyList::new(py, segments.collect::<PyResult<Vec<_>>>()?)?)?;
    dict.set_item("problems", &report.problems)?;
    dict.set_item("sound", report.is_sound())?;
    Ok(dict)
}

fn settings<'py>(py: Python<'py>, report: &TapeReport) -> PyResult<Bound<'py, PyDict>> {
    let settings = &report.settings;
    let dict = PyDict::new(py);
    dict.set_item("segment_bytes", settings.segment_bytes)?;
    dict.set_item("segment_rows", settings.segment_rows)?;
    dict.set_item("value_bytes", settings.value_bytes)?;
    dict.set_item("segments_max", settings.segments_max)?;
    dict.set_item("seal_after_ms", settings.seal_after_ms)?;
    dict.set_item("fsync_interval_ms", settings.fsync_interval_ms)?;
    Ok(dict)
}

fn segment<'py>(py: Python<'py>, report: &SegmentReport) -> PyResult<Bound<'py, PyDict>> {
    let dict = PyDict::new(py);
    dict.set_item("number", report.number)?;
    dict.set_item("base_row", report.base_row)?;
    dict.set_item("rows", report.rows)?;
    dict.set_item("capacity", report.capacity)?;
    dict.set_item("sealed", report.sealed)?;
    dict.set_item("durable", report.durable)?;
    dict.set_item("bytes", report.bytes)?;
    dict.set_item("checksums", report.checksums)?;
    dict.set_item("problem", report.problem.as_deref())?;
    Ok(dict)
}

/// Persists how far a consumer has got.
#[pyfunction]
pub(crate) fn advance_consumer(path: PathBuf, consumer: &str, row: u64) -> PyResult<()> {
    guarded(|| rustonite_tape::advance_consumer(&path, consumer, row))
}

/// Removes a consumer.
#[pyfunction]
pub(crate) fn forget_consumer(path: PathBuf, consumer: &str) -> PyResult<()> {
    guarded(|| rustonite_tape::forget_consumer(&path, consumer))
}

/// The consumers of a tape and the rows they have got to.
#[pyfunction]
pub(crate) fn consumers(path: PathBuf) -> PyResult<Vec<(String, u64)>> {
    let cursors = guarded(|| rustonite_tape::consumers(&path))?;
    Ok(cursors.into_iter().map(|cursor| (cursor.consumer, cursor.row)).collect())
}
