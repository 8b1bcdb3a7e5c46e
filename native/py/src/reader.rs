//! Readers of tapes.

use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError};
use std::time::{Duration, Instant};

use pyo3::prelude::*;
use rustonite_core::ErrorKind;
use rustonite_tape::{Polled, Start, Wait};

use crate::batch::{Batch, Gap, Rows, Shared};
use crate::error::{guarded, invalid, raise};
use crate::schema::Schema;

/// How long a wait may go without looking for Ctrl-C.
pub(crate) const SIGNALS_EVERY: Duration = Duration::from_millis(50);

/// Id of this process. Asking the system takes longer than a whole poll, so it is asked once, and
/// again in a forked child.
static PROCESS: AtomicU32 = AtomicU32::new(0);

/// Called by Python in a forked child.
#[pyfunction]
pub(crate) fn note_fork() {
    PROCESS.store(std::process::id(), Ordering::Relaxed);
}

pub(crate) fn process_id() -> u32 {
    match PROCESS.load(Ordering::Relaxed) {
        0 => {
            note_fork();
            PROCESS.load(Ordering::Relaxed)
        }
        id => id,
    }
}

/// Refuses to work in a forked child: locks, threads and positions belong to the parent.
pub(crate) fn check_process(pid: u32, what: &str) -> PyResult<()> {
    let here = process_id();
    if here == pid {
        return Ok(());
    }
    let message = format!(
        "this {what} was opened by process {pid} and this is its fork {here}; open it again here"
    );
    Err(raise(ErrorKind::Closed, message))
}

/// Locks without holding the interpreter while another thread has the lock.
pub(crate) fn lock<'a, T: Send>(py: Python<'_>, mutex: &'a Mutex<T>) -> MutexGuard<'a, T> {
    loop {
        match mutex.try_lock() {
            Ok(guard) => return guard,
            Err(TryLockError::Poisoned(poisoned)) => return poisoned.into_inner(),
            Err(TryLockError::WouldBlock) => py.detach(|| {
                drop(mutex.lock().unwrap_or_else(PoisonError::into_inner));
            }),
        }
    }
}

/// Waits in slices, with the interpreter released, so that Ctrl-C works.
fn wait_in_slices(
    py: Python<'_>,
    timeout_s: Option<f64>,
    mut wait: impl FnMut(Duration) -> Result<bool, rustonite_tape::TapeError> + Send,
) -> PyResult<bool> {
    let timeout = match timeout_s {
        None => None,
        Some(seconds) => Some(Duration::try_from_secs_f64(seconds).map_err(|error| {
            invalid(format!("timeout: found {seconds}, expected seconds from 0 ({error})"))
        })?),
    };
    let started = Instant::now();
    loop {
        let left = timeout.map_or(SIGNALS_EVERY, |all| all.saturating_sub(started.elapsed()));
        if py.detach(|| guarded(|| wait(left.min(SIGNALS_EVERY))))? {
            return Ok(true);
        }
        py.check_signals()?;
        if timeout.is_some_and(|timeout| started.elapsed() >= timeout) {
            return Ok(false);
        }
    }
}

fn parse_how(how: &str) -> PyResult<Wait> {
    match how {
        "spin" => Ok(Wait::Spin),
        "yield" => Ok(Wait::Yield),
        "sleep" => Ok(Wait::Sleep),
        _ => Err(invalid(format!("how: found {how:?}, expected spin, yield or sleep"))),
    }
}

/// What a poll may bring.
#[derive(IntoPyObject)]
pub(crate) enum News {
    Batch(Batch),
    Gap(Gap),
}

fn news(polled: Polled, shared: &Arc<Shared>) -> Option<News> {
    match polled {
        Polled::Rows(batch) => Some(News::Batch(Batch { batch, shared: Arc::clone(shared) })),
        Polled::Gap(gap) => Some(News::Gap(gap.into())),
        Polled::Empty => None,
    }
}

/// A position in a tape.
#[pyclass(frozen, module = "rustonite_data")]
pub(crate) struct TapeReader {
    reader: Mutex<rustonite_tape::Reader>,
    schema: Arc<rustonite_core::Schema>,
    shared: Arc<Shared>,
    pid: u32,
}

#[pymethods]
impl TapeReader {
    /// Opens a tape for reading; `start` is "first", "now" or a row number.
    #[new]
    fn new(path: PathBuf, start: &Bound<'_, PyAny>, verify: bool) -> PyResult<Self> {
        let start = parse_start(start)?;
        let reader = guarded(|| rustonite_tape::Reader::open(&path, start, verify))?;
        let schema = Arc::clone(reader.schema());
        let shared = Shared::new(&schema);
        Ok(Self { reader: Mutex::new(reader), schema, shared, pid: process_id() })
    }

    /// Takes new rows; `None` if there are none.
    #[pyo3(signature = (max_rows = None))]
    fn poll(&self, py: Python<'_>, max_rows: Option<usize>) -> PyResult<Option<News>> {
        check_process(self.pid, "reader")?;
        let most = rows_bound(max_rows)?;
        let mut reader = lock(py, &self.reader);
        let polled = guarded(|| reader.poll(most))?;
        Ok(news(polled, &self.shared))
    }

    /// Takes everything there is.
    fn read(&self, py: Python<'_>) -> PyResult<Rows> {
        check_process(self.pid, "reader")?;
        let mut guard = lock(py, &self.reader);
        let reader = &mut *guard;
        let (mut batches, mut gaps) = (Vec::new(), Vec::new());
        loop {
            match py.detach(|| guarded(|| reader.poll(usize::MAX)))? {
                Polled::Rows(batch) => batches.push(batch),
                Polled::Gap(gap) => gaps.push(gap.into()),
                Polled::Empty => break,
            }
            py.check_signals()?;
        }
        let (schema, shared) = (Arc::clone(&self.schema), Arc::clone(&self.shared));
        Ok(Rows { batches, gaps, schema, shared })
    }

    /// Waits for rows; false if none came in time.
    fn wait(&self, py: Python<'_>, timeout: Option<f64>, how: &str) -> PyResult<bool> {
        check_process(self.pid, "reader")?;
        let how = parse_how(how)?;
        wait_in_slices(py, timeout, |slice| {
            self.reader.lock().unwrap_or_else(PoisonError::into_inner).wait(slice, how)
        })
    }

    /// Number of the next row this reader will give.
    #[getter]
    fn row(&self, py: Python<'_>) -> u64 {
        lock(py, &self.reader).row()
    }

    /// Whether a process has the tape open for writing.
    #[getter]
    fn has_writer(&self, py: Python<'_>) -> bool {
        lock(py, &self.reader).has_writer()
    }

    /// The tape's schema.
    #[getter]
    fn schema(&self) -> Schema {
        Schema(Arc::clone(&self.schema))
    }
}

/// A poll for no rows would look like news for ever.
fn rows_bound(max_rows: Option<usize>) -> PyResult<usize> {
    match max_rows {
        Some(0) => Err(invalid("max_rows: found 0, expected at least 1")),
        most => Ok(most.unwrap_or(usize::MAX)),
    }
}

fn parse_start(start: &Bound<'_, PyAny>) -> PyResult<Start> {
    if let Ok(row) = start.extract::<u64>() {
        return Ok(Start::Row(row));
    }
    match start.extract::<&str>() {
        Ok("first") => Ok(Start::First),
        Ok("now") => Ok(Start::Now),
        _ => {
            let found = start.repr()?;
            Err(invalid(format!(
                "start: found {found}, expected \"first\", \"now\" or a row number"
            )))
        }
    }
}

/// Several tapes as one stream in time order.
#[pyclass(frozen, module = "rustonite_data")]
pub(crate) struct MergedReader {
    reader: Mutex<rustonite_tape::MergedReader>,
    shared: Vec<Arc<Shared>>,
    pid: u32,
}

#[pymethods]
impl MergedReader {
    /// Opens tapes for reading in the order of a timestamp column.
    #[new]
    fn new(
        paths: Vec<PathBuf>,
        start: &Bound<'_, PyAny>,
        column: &str,
        hold_s: f64,
        verify: bool,
    ) -> PyResult<Self> {
        if paths.is_empty() {
            return Err(invalid("paths: found none, expected at least one tape"));
        }
        let start = parse_start(start)?;
        let hold = Duration::try_from_secs_f64(hold_s).map_err(|error| {
            invalid(format!("hold: found {hold_s}, expected seconds ({error})"))
        })?;
        let reader = guarded(|| {
            let open = |path: &PathBuf| rustonite_tape::Reader::open(path, start, verify);
            let readers = paths.iter().map(open).collect::<Result<Vec<_>, _>>()?;
            rustonite_tape::MergedReader::new(readers, column, hold)
        })?;
        let shared = reader.readers().iter().map(|reader| Shared::new(reader.schema())).collect();
        Ok(Self { reader: Mutex::new(reader), shared, pid: process_id() })
    }

    /// Takes the next rows of one tape: the tape's position in the list, and a batch or gap; `None`
    /// if there is nothing.
    #[pyo3(signature = (max_rows = None))]
    fn poll(&self, py: Python<'_>, max_rows: Option<usize>) -> PyResult<Option<(usize, News)>> {
        check_process(self.pid, "reader")?;
        let most = rows_bound(max_rows)?;
        let mut reader = lock(py, &self.reader);
        let (number, polled) = guarded(|| reader.poll(most))?;
        Ok(news(polled, &self.shared[number]).map(|news| (number, news)))
    }

    /// Waits for rows; false if none came in time.
    fn wait(&self, py: Python<'_>, timeout: Option<f64>, how: &str) -> PyResult<bool> {
        check_process(self.pid, "reader")?;
        let how = parse_how(how)?;
        wait_in_slices(py, timeout, |slice| {
            self.reader.lock().unwrap_or_else(PoisonError::into_inner).wait(slice, how)
        })
    }
}
