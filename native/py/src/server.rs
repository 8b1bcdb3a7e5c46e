//! The replay server.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use pyo3::prelude::*;
use pyo3::types::PyBytes;
use rustonite_core::datasets::FrameKind;
use rustonite_feed::server::{
    Feeder, FrameRows, FramesTape, Market, MarketConfig, Pace, Recorded, Server, ServerConfig, fed,
};

use crate::error::invalid;
use crate::feed::guarded;
use crate::reader::{check_process, process_id};

/// Messages that may wait between the thread that brings them and the server.
const FED_MAX: usize = 4096;

/// What is served, and how.
#[derive(FromPyObject)]
#[pyo3(from_item_all)]
pub(crate) struct Settings {
    venue: String,
    listen: String,
    /// As fast as clients read if it is none.
    speed: Option<f64>,
    symbols: Vec<String>,
    seed: u64,
    every_ns: u64,
    /// The channel of books, if not the usual one.
    book: Option<String>,
    /// A tape of frames.
    tape: Option<PathBuf>,
    /// Whether `take` brings the messages.
    is_fed: bool,
}

/// A row of `frames`: time, connection, kind, status, data.
type Row<'py> = (i64, i64, String, Option<i32>, Bound<'py, PyBytes>);
/// Number, and side, price and size of each level.
type Book = (Option<i64>, Vec<(&'static str, String, String)>);

/// A server of a venue, running or stopped.
#[pyclass(frozen, module = "rustonite_data")]
pub(crate) struct NativeServer {
    server: Mutex<Server>,
    feeder: Mutex<Option<(Feeder, FrameRows)>>,
    pid: u32,
}

impl NativeServer {
    fn server(&self) -> PyResult<MutexGuard<'_, Server>> {
        check_process(self.pid, "server")?;
        Ok(self.server.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[pymethods]
impl NativeServer {
    /// Begins to listen.
    #[new]
    fn new(py: Python<'_>, settings: Settings) -> PyResult<Self> {
        let listen: SocketAddr = settings.listen.parse().map_err(|_| {
            let found = &settings.listen;
            invalid(format!("listen: found {found:?}, expected HOST:PORT such as 127.0.0.1:9000"))
        })?;
        let pace = settings.speed.map_or(Pace::Full, Pace::Times);
        let config = ServerConfig { listen, pace, ..ServerConfig::new(&settings.venue) };
        let (server, feeder) = py.detach(|| {
            guarded(|| {
                if settings.is_fed {
                    let (feeder, source) = fed(FED_MAX);
                    let server = Server::start(config, source)?;
                    return Ok((server, Some((feeder, FrameRows::default()))));
                }
                let server = match &settings.tape {
                    Some(tape) => Server::start(config, FramesTape::open(tape, None)?)?,
                    None => Server::start(config, Market::new(market(&settings))?)?,
                };
                Ok((server, None))
            })
        })?;
        let (server, feeder) = (Mutex::new(server), Mutex::new(feeder));
        Ok(Self { server, feeder, pid: process_id() })
    }

    /// Addresses by their names in a recorder's `urls`.
    fn urls(&self) -> PyResult<BTreeMap<String, String>> {
        let urls = self.server()?.urls();
        Ok(urls.into_iter().map(|(name, url)| (name, url.to_string())).collect())
    }

    /// Where it listens.
    #[getter]
    fn address(&self) -> PyResult<String> {
        Ok(self.server()?.address().to_string())
    }

    /// Takes what comes next, once there is room. False if the server was stopped.
    fn take(&self, py: Python<'_>, rows: Vec<Row<'_>>) -> PyResult<bool> {
        let mut feeder = self.feeder.lock().unwrap_or_else(PoisonError::into_inner);
        let Some((feeder, frames)) = &mut *feeder else { return Ok(false) };
        let mut messages = Vec::with_capacity(rows.len());
        for (ts_recv, connection, kind, status, data) in &rows {
            let found = || invalid(format!("kind: found {kind:?}, expected one of frames"));
            let kind = FrameKind::parse(kind).ok_or_else(found)?;
            let message =
                Recorded { ts_recv: *ts_recv, data: data.as_bytes().to_vec(), path: None };
            messages.extend(frames.take(*connection, kind, status.unwrap_or(0), message));
        }
        Ok(py.detach(|| messages.into_iter().all(|message| feeder.put(message))))
    }

    /// Says that nothing more will be taken.
    fn end(&self) {
        self.feeder.lock().unwrap_or_else(PoisonError::into_inner).take();
    }

    /// Lets something go wrong, which is described in JSON.
    fn fault(&self, json: &str) -> PyResult<()> {
        let server = self.server()?;
        guarded(|| server.fault_in_json(json))
    }

    /// Messages sent, whether that was all, clients, and faults that wait.
    fn status(&self) -> PyResult<(u64, bool, usize, usize)> {
        let server = self.server()?;
        Ok((server.sent(), server.is_at_end(), server.clients().len(), server.faults_waiting()))
    }

    /// The book of an instrument, the best levels of each side first; `None` before it is known.
    fn book(&self, symbol: &str) -> PyResult<Option<Book>> {
        Ok(self.server()?.true_book(symbol).map(|book| {
            let levels = book.levels.iter();
            let levels = levels
                .map(|level| (level.side.name(), level.price.to_string(), level.size.to_string()));
            (book.seq, levels.collect())
        }))
    }

    /// How many trades of an instrument were made.
    fn trades(&self, symbol: &str) -> PyResult<u64> {
        Ok(self.server()?.trades_sent(symbol).count)
    }

    /// Sends no more messages until `resume`.
    fn pause(&self) -> PyResult<()> {
        self.server()?.pause();
        Ok(())
    }

    /// Goes on.
    fn resume(&self) -> PyResult<()> {
        self.server()?.resume();
        Ok(())
    }

    /// Closes everything. Harmless if it was stopped.
    fn stop(&self, py: Python<'_>) -> PyResult<()> {
        check_process(self.pid, "server")?;
        py.detach(|| self.server.lock().unwrap_or_else(PoisonError::into_inner).stop());
        Ok(())
    }
}

fn market(settings: &Settings) -> MarketConfig {
    let every = Duration::from_nanos(settings.every_ns);
    let (symbols, channel) = (settings.symbols.clone(), settings.book.clone());
    let usual = MarketConfig::new(&settings.venue, &[]);
    MarketConfig { symbols, seed: settings.seed, every, channel, ..usual }
}
