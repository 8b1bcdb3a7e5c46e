//! The recorder.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use pyo3::prelude::*;
use pyo3::types::PyBytes;
use rustonite_core::ErrorKind;
use rustonite_core::datasets::FrameKind;
use rustonite_feed::{Config, FeedError, Recorded, Reparser, TapeSettings, Venue, VenueStatus};

use crate::error::{caught, invalid, raise};
use crate::reader::check_process;
use crate::reader::process_id;

fn from_feed(error: &FeedError) -> PyErr {
    raise(error.kind(), error.to_string())
}

/// Runs Rust code so that neither its errors nor its panics cross the border as they are.
pub(crate) fn guarded<T>(work: impl FnOnce() -> Result<T, FeedError>) -> PyResult<T> {
    caught(work)?.map_err(|error| from_feed(&error))
}

fn json(value: &impl serde::Serialize) -> PyResult<String> {
    serde_json::to_string(value).map_err(|error| raise(ErrorKind::Internal, error.to_string()))
}

/// Checks a recorder's configuration and returns what of it concerns Python, as JSON.
#[pyfunction]
pub(crate) fn recorder_config(text: &str, place: &str) -> PyResult<String> {
    let config = guarded(|| Config::parse(place, text))?;
    json(&config)
}

/// What the catalog knows of a venue, as JSON; of all venues their names and what they are.
#[pyfunction]
#[pyo3(signature = (venue = None))]
pub(crate) fn catalog(venue: Option<&str>) -> PyResult<String> {
    let Some(name) = venue else {
        let known: PyResult<Vec<(String, String)>> = Venue::names()
            .map(|name| guarded(|| Venue::find(name)).map(|venue| (venue.venue, venue.about)))
            .collect();
        return json(&known?);
    };
    let mut venue = guarded(|| Venue::find(name))?;
    let needs_key: Vec<bool> = venue.channels.iter().map(|one| venue.needs_key(one)).collect();
    for (channel, needs_key) in venue.channels.iter_mut().zip(needs_key) {
        channel.needs_key = needs_key;
    }
    json(&About { logs_in: venue.logs_in(), venue })
}

/// What Python is told of a venue.
#[derive(serde::Serialize)]
struct About {
    #[serde(flatten)]
    venue: Venue,
    logs_in: bool,
}

/// A recorder, running or stopped.
#[pyclass(frozen, module = "rustonite_data")]
pub(crate) struct NativeRecorder {
    state: Arc<Mutex<rustonite_feed::Recorder>>,
    pid: u32,
}

impl NativeRecorder {
    /// Works with the recorder, without holding up Python while it stops.
    fn with<T: Send>(
        &self,
        py: Python<'_>,
        work: impl FnOnce(&mut rustonite_feed::Recorder) -> T + Send,
    ) -> PyResult<T> {
        check_process(self.pid, "recorder")?;
        Ok(py.detach(|| work(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner))))
    }
}

impl Drop for NativeRecorder {
    fn drop(&mut self) {
        if process_id() != self.pid {
            // In a fork: the recorder's threads do not exist here, and would be waited for.
            std::mem::forget(Arc::clone(&self.state));
        }
    }
}

#[pymethods]
impl NativeRecorder {
    /// Starts to record onto tapes in a folder, from which a lake takes the rows, if there is one.
    #[new]
    fn new(
        py: Python<'_>,
        text: &str,
        place: &str,
        tapes: PathBuf,
        lake: Option<String>,
    ) -> PyResult<Self> {
        if tapes.as_os_str().is_empty() {
            return Err(invalid("tapes: found an empty path, expected a folder"));
        }
        let recorder = py.detach(|| {
            guarded(|| {
                let config = Config { lake, ..Config::parse(place, text)? };
                rustonite_feed::Recorder::start(&config, &tapes)
            })
        })?;
        Ok(Self { state: Arc::new(Mutex::new(recorder)), pid: process_id() })
    }

    /// Counters of each venue, as a JSON list. After the end they are the last ones.
    fn status(&self, py: Python<'_>) -> PyResult<String> {
        let status: Vec<VenueStatus> = self.with(py, |recorder| recorder.status())?;
        json(&status)
    }

    /// Takes over the instruments and channels of another configuration.
    fn reload(&self, py: Python<'_>, text: &str, place: &str) -> PyResult<()> {
        let config = guarded(|| Config::parse(place, text))?;
        if !self.running(py) {
            return Err(raise(ErrorKind::Closed, "this recorder was stopped".to_owned()));
        }
        self.with(py, |recorder| recorder.reload(&config))?.map_err(|error| from_feed(&error))
    }

    /// Whether every venue is still being recorded.
    #[getter]
    fn running(&self, py: Python<'_>) -> bool {
        self.with(py, |recorder| recorder.is_running()).unwrap_or(false)
    }

    /// Closes connections, seals tapes and waits for the end. Harmless if it was stopped.
    fn stop(&self, py: Python<'_>) -> PyResult<()> {
        self.with(py, |recorder| guarded(|| recorder.stop()))?
    }
}

/// A row of `frames` or `feed_events`: time, connection, venue, kind, status, channel, symbol, data.
type Row<'py> = (
    i64,
    i64,
    String,
    String,
    Option<i32>,
    Option<String>,
    Option<String>,
    Option<Bound<'py, PyBytes>>,
);

fn recorded<'a>(row: &'a Row<'_>) -> PyResult<Recorded<'a>> {
    let (_, _, _, kind, status, channel, symbol, data) = row;
    let channel = || channel.as_deref().unwrap_or_default();
    Ok(match kind.as_str() {
        "subscribe" => Recorded::Subscribe { channel: channel(), symbol: symbol.as_deref() },
        "unsubscribe" => Recorded::Unsubscribe { channel: channel(), symbol: symbol.as_deref() },
        "disconnect" => Recorded::Disconnect,
        "start" => Recorded::Start,
        word => Recorded::Frame {
            kind: FrameKind::parse(word)
                .ok_or_else(|| invalid(format!("kind: found {word:?}, expected one of frames")))?,
            status: *status,
            data: data.as_ref().map_or(&[], |data| data.as_bytes()),
        },
    })
}

/// Makes rows of recorded frames again.
#[pyclass(frozen, module = "rustonite_data")]
pub(crate) struct NativeReparser {
    state: Mutex<Reparser>,
}

#[pymethods]
impl NativeReparser {
    /// Writes to tapes of a name in a folder, from which a lake takes the rows, if there is one.
    #[new]
    fn new(tapes: PathBuf, name: String, anchor_every_s: u64, lake: Option<String>) -> Self {
        let tape = TapeSettings::default();
        let reparser = Reparser::new(tapes, name, tape, anchor_every_s);
        let reparser = match lake {
            Some(lake) => reparser.for_lake(lake),
            None => reparser,
        };
        Self { state: Mutex::new(reparser) }
    }

    /// Takes what comes next, by time.
    fn take(&self, rows: Vec<Row<'_>>) -> PyResult<()> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        for row in &rows {
            let what = recorded(row)?;
            guarded(|| state.take(&row.2, row.1, row.0, what))?;
        }
        Ok(())
    }

    /// Seals the tapes, and tells the counters of each venue, as a JSON list.
    fn finish(&self) -> PyResult<String> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        guarded(|| state.finish())?;
        json(&state.status())
    }
}
