//! Long work in a thread of its own: Ctrl-C, progress, and rows that Python hands over batch by
//! batch while the work goes on.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::{Duration, Instant};

use arrow_array::RecordBatch;
use arrow_array::ffi_stream::ArrayStreamReader;
use pyo3::exceptions::PyStopIteration;
use pyo3::prelude::*;
use rustonite_core::ErrorKind;
use rustonite_lake::{LakeError, Source, SourceError, Task};

use crate::batch::Rows;
use crate::capsule::{checked_rows, import_batches, import_stream};
use crate::error::{caught, from_lake, invalid, raise};
use crate::reader::SIGNALS_EVERY;

/// How often progress is told.
const PROGRESS_EVERY: Duration = Duration::from_millis(250);
/// How long a caller that was interrupted waits for the work to clean up. Only a source that hangs
/// takes longer, and then the thread cleans up by itself later.
const CLEAN_UP: Duration = Duration::from_millis(800);

/// Rows that Python hands over.
pub(crate) enum Feed {
    /// All are there.
    Batches(Vec<RecordBatch>),
    /// A stream that needs no interpreter.
    Stream(ArrayStreamReader),
    /// A method to call for every batch; its exceptions must come out as they are.
    Calls(Py<PyAny>),
}

impl Feed {
    /// The rows of a tape, of any object with Arrow data, or of an iterable of such objects.
    pub(crate) fn of(rows: &Bound<'_, PyAny>) -> PyResult<Self> {
        if let Ok(rows) = rows.cast::<Rows>() {
            return Ok(Self::Batches(rows.get().record_batches()?));
        }
        // A reader of pyarrow's: its stream would turn exceptions of Python into texts.
        if rows.hasattr("read_next_batch")? {
            return Ok(Self::Calls(rows.getattr("read_next_batch")?.unbind()));
        }
        if rows.hasattr("__arrow_c_array__")? {
            return Ok(Self::Batches(import_batches(rows)?.unwrap_or_default()));
        }
        if let Some(stream) = import_stream(rows)? {
            return Ok(Self::Stream(stream));
        }
        if rows.hasattr("__iter__")? && !rows.hasattr("__len__")? {
            let iterator = rows.call_method0("__iter__")?;
            return Ok(Self::Calls(iterator.getattr("__next__")?.unbind()));
        }
        let kind = rows.get_type().name()?;
        let expected = "Arrow data (__arrow_c_array__ or __arrow_c_stream__) or an iterator of it";
        Err(invalid(format!("rows: found {kind}, expected {expected}")))
    }
}

/// What the thread tells its caller.
enum Told<T> {
    /// The next batch is wanted.
    Want,
    Done(PyResult<Result<T, LakeError>>),
}

/// A caller that answers wants by calling Python.
struct Caller<T> {
    told: Receiver<Told<T>>,
    answers: Sender<Result<Option<RecordBatch>, SourceError>>,
    calls: Option<Py<PyAny>>,
    ready: VecDeque<RecordBatch>,
    /// The exception that ended the source.
    raised: Option<PyErr>,
}

/// The thread's end of the rows.
enum Fed<T> {
    Batches(std::vec::IntoIter<RecordBatch>),
    Stream(ArrayStreamReader),
    Calls(Sender<Told<T>>, Receiver<Result<Option<RecordBatch>, SourceError>>),
}

impl<T> Source for Fed<T> {
    fn next(&mut self) -> Result<Option<RecordBatch>, SourceError> {
        match self {
            Self::Batches(batches) => Ok(batches.next()),
            Self::Stream(stream) => match stream.next() {
                None => Ok(None),
                Some(array) => {
                    let array = array.map_err(|error| format!("Arrow stream: {error}"))?;
                    Ok(Some(checked_rows(&array)?))
                }
            },
            Self::Calls(told, answers) => {
                let gone = || SourceError::from("the caller is gone");
                told.send(Told::Want).map_err(|_| gone())?;
                answers.recv().map_err(|_| gone())?
            }
        }
    }
}

/// Runs work on rows of Python's in a thread of its own.
pub(crate) fn run_fed<T: Send + 'static>(
    py: Python<'_>,
    feed: Feed,
    task: &Arc<Task>,
    progress: Option<&Bound<'_, PyAny>>,
    work: impl FnOnce(&mut dyn Source, &Task) -> Result<T, LakeError> + Send + 'static,
) -> PyResult<T> {
    let (tell, told) = channel();
    let (answers, answered) = channel();
    let (mut source, calls) = match feed {
        Feed::Batches(batches) => (Fed::Batches(batches.into_iter()), None),
        Feed::Stream(stream) => (Fed::Stream(stream), None),
        Feed::Calls(calls) => (Fed::Calls(tell.clone(), answered), Some(calls)),
    };
    let shared = Arc::clone(task);
    let thread = std::thread::Builder::new().name("rustonite-lake".to_owned());
    let started = thread.spawn(move || {
        let done = caught(|| work(&mut source, &shared));
        // Sources may hold objects of Python's; let go of them before the caller goes on.
        drop(source);
        let _ = tell.send(Told::Done(done));
    });
    started
        .map_err(|error| raise(ErrorKind::Unavailable, format!("starting a thread: {error}")))?;
    let caller = Caller { told, answers, calls, ready: VecDeque::new(), raised: None };
    caller.wait(py, task, progress)
}

/// Runs work in a thread of its own.
pub(crate) fn run<T: Send + 'static>(
    py: Python<'_>,
    task: &Arc<Task>,
    progress: Option<&Bound<'_, PyAny>>,
    work: impl FnOnce(&Task) -> Result<T, LakeError> + Send + 'static,
) -> PyResult<T> {
    run_fed(py, Feed::Batches(Vec::new()), task, progress, move |_, task| work(task))
}

impl<T: Send> Caller<T> {
    fn wait(
        mut self,
        py: Python<'_>,
        task: &Task,
        progress: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<T> {
        let mut next_progress = Instant::now() + PROGRESS_EVERY;
        loop {
            // By a mutable reference, because a receiver cannot be shared between threads.
            let told = &mut self.told;
            let news = py.detach(move || told.recv_timeout(SIGNALS_EVERY));
            match news {
                Ok(Told::Done(done)) => return self.finish(done?, task, progress),
                Ok(Told::Want) => {
                    let answer = self.answer(py);
                    let _ = self.answers.send(answer);
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => {
                    return Err(raise(ErrorKind::Internal, "a thread ended early".to_owned()));
                }
            }
            let mut looked = py.check_signals();
            if looked.is_ok() && Instant::now() >= next_progress {
                next_progress = Instant::now() + PROGRESS_EVERY;
                looked = tell(progress, task);
            }
            if let Err(error) = looked {
                self.stop(py, task);
                return Err(error);
            }
        }
    }

    /// Stops the work and gives it time to remove what it began.
    fn stop(self, py: Python<'_>, task: &Task) {
        task.stop();
        drop(self.answers);
        let until = Instant::now() + CLEAN_UP;
        let mut told = self.told;
        let told = &mut told;
        py.detach(move || {
            while let Some(left) = until.checked_duration_since(Instant::now()) {
                match told.recv_timeout(left) {
                    Ok(Told::Want) => {}
                    Ok(Told::Done(_)) | Err(_) => return,
                }
            }
        });
    }

    fn finish(
        self,
        done: Result<T, LakeError>,
        task: &Task,
        progress: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<T> {
        match (done, self.raised) {
            (Ok(value), _) => tell(progress, task).map(|()| value),
            (Err(LakeError::Source(_)), Some(error)) => Err(error),
            (Err(error), _) => Err(from_lake(&error)),
        }
    }

    /// The next batch, by calling Python.
    fn answer(&mut self, py: Python<'_>) -> Result<Option<RecordBatch>, SourceError> {
        loop {
            if let Some(batch) = self.ready.pop_front() {
                return Ok(Some(batch));
            }
            let Some(calls) = &self.calls else { return Ok(None) };
            let batches = calls.bind(py).call0().and_then(|object| {
                let kind = object.get_type().name()?.to_string();
                import_batches(&object)?.ok_or_else(|| {
                    invalid(format!("rows: found {kind} among batches, expected Arrow data"))
                })
            });
            match batches {
                Ok(batches) => self.ready.extend(batches),
                Err(error) if error.is_instance_of::<PyStopIteration>(py) => return Ok(None),
                Err(error) => {
                    let text = error.to_string();
                    self.raised = Some(error);
                    return Err(text.into());
                }
            }
        }
    }
}

fn tell(progress: Option<&Bound<'_, PyAny>>, task: &Task) -> PyResult<()> {
    progress.map_or(Ok(()), |progress| progress.call1((task.rows(),)).map(drop))
}
