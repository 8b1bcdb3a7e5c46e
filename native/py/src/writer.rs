//! The writer of a tape.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use pyo3::prelude::*;
use pyo3::types::PyDict;
use rustonite_core::ErrorKind;
use rustonite_tape::{Durability, TapeError, TapeOptions, Writer};

use crate::capsule::import_batches;
use crate::columns::batch_from_columns;
use crate::error::{guarded, invalid, raise};
use crate::reader::{check_process, lock, process_id};
use crate::schema::Schema;

/// How often an idle tape is looked at for being due to seal.
const TICK: Duration = Duration::from_millis(200);

/// `None` once closed.
type State = Option<Writer>;

/// The one writer of a tape.
#[pyclass(frozen, module = "rustonite_data")]
pub(crate) struct TapeWriter {
    state: Arc<Mutex<State>>,
    schema: Arc<rustonite_core::Schema>,
    durability: Durability,
    pid: u32,
}

impl TapeWriter {
    fn start(writer: Writer) -> PyResult<Self> {
        let (schema, durability) = (Arc::clone(writer.schema()), writer.durability());
        let state = Arc::new(Mutex::new(Some(writer)));
        let weak = Arc::downgrade(&state);
        let ticker = std::thread::Builder::new().name("rustonite-tick".to_owned());
        let started = ticker.spawn(move || {
            while let Some(state) = weak.upgrade() {
                if !tick(&state) {
                    break;
                }
                drop(state);
                std::thread::sleep(TICK);
            }
        });
        started.map_err(|error| {
            raise(ErrorKind::Unavailable, format!("starting the tick thread: {error}"))
        })?;
        Ok(Self { state, schema, durability, pid: process_id() })
    }

    fn with<T: Send>(
        &self,
        py: Python<'_>,
        work: impl FnOnce(&mut Writer) -> Result<T, TapeError> + Send,
    ) -> PyResult<T> {
        check_process(self.pid, "tape")?;
        let mut state = lock(py, &self.state);
        let closed = || raise(ErrorKind::Closed, "this tape was closed; open it again".to_owned());
        let writer = state.as_mut().ok_or_else(closed)?;
        py.detach(|| guarded(|| work(writer)))
    }
}

impl Drop for TapeWriter {
    fn drop(&mut self) {
        if process_id() != self.pid {
            // In a fork: the writer's threads do not exist here, and its files are the parent's.
            std::mem::forget(Arc::clone(&self.state));
        }
    }
}

/// Seals the open segment if it is due; false once the tape is closed.
fn tick(state: &Mutex<State>) -> bool {
    let mut state = state.lock().unwrap_or_else(PoisonError::into_inner);
    let Some(writer) = &mut *state else { return false };
    // While there is room, a seal that has to wait is no reason to refuse rows, and a full segment
    // says what is in the way. A failed fsync is reported by the next append.
    let _ = writer.tick();
    true
}

#[pymethods]
impl TapeWriter {
    /// Makes a tape. Settings that are not given take their defaults.
    #[staticmethod]
    #[pyo3(signature = (path, schema, settings))]
    fn create(
        py: Python<'_>,
        path: PathBuf,
        schema: &Bound<'_, Schema>,
        settings: &Bound<'_, PyDict>,
    ) -> PyResult<Self> {
        let options = options(settings)?;
        let schema = Arc::clone(&schema.get().0);
        Self::start(py.detach(|| guarded(|| Writer::create(&path, &schema, options)))?)
    }

    /// Opens a tape to append to it.
    #[staticmethod]
    fn open(py: Python<'_>, path: PathBuf) -> PyResult<Self> {
        Self::start(py.detach(|| guarded(|| Writer::open(&path)))?)
    }

    /// Appends Arrow data or a mapping of columns; returns how many rows there are now.
    fn append(&self, py: Python<'_>, rows: &Bound<'_, PyAny>) -> PyResult<u64> {
        let batches = if let Ok(columns) = rows.cast_exact::<PyDict>() {
            vec![batch_from_columns(&self.schema, columns)?]
        } else if let Some(batches) = import_batches(rows)? {
            batches
        } else {
            let kind = rows.get_type().name()?;
            let expected =
                "Arrow data (__arrow_c_array__ or __arrow_c_stream__) or a dict of columns";
            return Err(invalid(format!("append: found {kind}, expected {expected}")));
        };
        self.with(py, |writer| {
            writer.append_all(&batches)?;
            Ok(writer.rows())
        })
    }

    /// Seals the open segment, if it has rows.
    fn seal(&self, py: Python<'_>) -> PyResult<()> {
        self.with(py, Writer::seal)
    }

    /// Waits until all rows are on stable storage.
    fn sync(&self, py: Python<'_>) -> PyResult<()> {
        self.with(py, Writer::sync)
    }

    /// Closes the tape after a last fsync; harmless if it is closed.
    fn close(&self, py: Python<'_>) -> PyResult<()> {
        check_process(self.pid, "tape")?;
        let Some(mut writer) = lock(py, &self.state).take() else { return Ok(()) };
        py.detach(|| {
            let synced = guarded(|| writer.sync());
            drop(writer);
            synced
        })
    }

    /// Rows committed since the tape was created.
    #[getter]
    fn rows(&self, py: Python<'_>) -> PyResult<u64> {
        self.with(py, |writer| Ok(writer.rows()))
    }

    /// Rows that one segment holds, and that one append can make visible at once.
    #[getter]
    fn segment_rows(&self, py: Python<'_>) -> PyResult<usize> {
        self.with(py, |writer| Ok(writer.segment_rows()))
    }

    /// Whether the tape was closed.
    #[getter]
    fn closed(&self, py: Python<'_>) -> bool {
        lock(py, &self.state).is_none()
    }

    /// What the tape survives, as one sentence.
    #[getter]
    fn durability(&self) -> String {
        self.durability.describe()
    }

    /// The tape's schema.
    #[getter]
    fn schema(&self) -> Schema {
        Schema(Arc::clone(&self.schema))
    }
}

fn options(settings: &Bound<'_, PyDict>) -> PyResult<TapeOptions> {
    let mut options = TapeOptions::default();
    for (name, value) in settings {
        let name: String = name.extract()?;
        let text = value.str()?.to_string();
        let wrong =
            |_: PyErr| invalid(format!("setting {name}: found {text}, expected a whole number"));
        match name.as_str() {
            "segment_bytes" => options.segment_bytes = value.extract().map_err(wrong)?,
            "segment_rows" => options.segment_rows = value.extract().map_err(wrong)?,
            "value_bytes" => options.value_bytes = value.extract().map_err(wrong)?,
            "segments_max" => options.segments_max = value.extract().map_err(wrong)?,
            "seal_after_ms" => options.seal_after_ms = value.extract().map_err(wrong)?,
            "fsync_interval_ms" => options.fsync_interval_ms = value.extract().map_err(wrong)?,
            _ => return Err(invalid(format!("setting {name}: not a setting of a tape"))),
        }
    }
    Ok(options)
}
