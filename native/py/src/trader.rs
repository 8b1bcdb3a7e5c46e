//! The trader.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use pyo3::prelude::*;
use rustonite_core::ErrorKind;
use rustonite_feed::FeedError;
use rustonite_risk::{Key, Limits, Sense};
use rustonite_trade::strategies::built_in;
use rustonite_trade::{
    Config, Strategy, TradeError, Trader, Wanted, check_files, control, keys, kill_without_trader,
    resume_without_trader,
};

use crate::error::{caught, raise};
use crate::reader::{check_process, process_id};
use crate::strategy::PyStrategy;

fn refuse(error: &TradeError) -> PyErr {
    raise(error.kind(), error.to_string())
}

fn system(error: &std::io::Error) -> PyErr {
    raise(ErrorKind::Unavailable, error.to_string())
}

/// What of a trader's configuration concerns Python, as JSON.
#[derive(serde::Serialize)]
struct About<'a> {
    name: &'a str,
    journal: &'a PathBuf,
    tapes: &'a PathBuf,
    run: &'a str,
    is_built_in: bool,
    settings: &'a toml::Table,
}

/// The strategy that is built in, if it is one; errors name the file.
fn built_in_at(place: &str, config: &Config) -> PyResult<Option<Box<dyn Strategy + Send>>> {
    crate::feed::guarded(|| {
        built_in(&config.strategy).map_err(|error| match error {
            FeedError::Config { place: key, problem } => {
                FeedError::Config { place: format!("{place}: {key}"), problem }
            }
            other => other,
        })
    })
}

/// Checks a trader's configuration and returns what of it concerns Python, as JSON.
#[pyfunction]
pub(crate) fn trader_config(text: &str, place: &str) -> PyResult<String> {
    let config = crate::feed::guarded(|| Config::parse(place, text))?;
    let is_built_in = built_in_at(place, &config)?.is_some();
    let about = About {
        name: &config.name,
        journal: &config.journal,
        tapes: config.tapes.as_ref().unwrap_or(&config.journal),
        run: &config.strategy.run,
        is_built_in,
        settings: &config.strategy.settings,
    };
    serde_json::to_string(&about).map_err(|error| raise(ErrorKind::Internal, error.to_string()))
}

/// Checks a trader's configuration, and the limits and keys that it names.
#[pyfunction]
pub(crate) fn check_trader(text: &str, place: &str) -> PyResult<()> {
    let config = crate::feed::guarded(|| Config::parse(place, text))?;
    built_in_at(place, &config)?;
    caught(|| check_files(&config))?.map_err(|error| refuse(&error))
}

/// Checks limits, and tells what they say, for people.
#[pyfunction]
pub(crate) fn check_limits(text: &str, place: &str) -> PyResult<String> {
    let limits = caught(|| Limits::parse(place, text))?;
    let limits = limits.map_err(|error| raise(error.kind(), error.to_string()))?;
    Ok(limits.describe())
}

/// The key and the secret in a file that only its owner can read.
#[pyfunction]
pub(crate) fn read_keys(file: PathBuf) -> PyResult<(String, String)> {
    let keys = crate::feed::guarded(|| keys::from_file(&file))?;
    Ok((keys.key, keys.secret))
}

/// Every key of limits: name, meaning, unit, and whether it is a switch.
#[pyfunction]
pub(crate) fn limit_keys() -> Vec<(&'static str, &'static str, &'static str, bool)> {
    let about =
        |key: &Key| (key.name(), key.about(), key.unit().name(), key.sense() == Sense::Switch);
    Key::ALL.iter().map(about).collect()
}

/// Asks a running trader a line of JSON; `None` if there is none.
#[pyfunction]
pub(crate) fn trader_ask(py: Python<'_>, journal: PathBuf, line: &str) -> PyResult<Option<String>> {
    py.detach(|| control::ask(&journal, line)).map_err(|error| system(&error))
}

/// Throws a kill switch where no trader runs.
#[pyfunction]
pub(crate) fn trader_kill(
    journal: PathBuf,
    scope: &str,
    name: &str,
    flatten: bool,
) -> PyResult<()> {
    kill_without_trader(&journal, scope, name, flatten).map_err(|error| refuse(&error))
}

/// Puts switches back where no trader runs; answers with a line of JSON, as a trader does.
#[pyfunction]
pub(crate) fn trader_resume(journal: PathBuf, scope: &str, name: &str) -> PyResult<String> {
    resume_without_trader(&journal, scope, name).map_err(|error| refuse(&error))
}

/// A trader: opened, and then run once.
#[pyclass(frozen, module = "rustonite_data")]
pub(crate) struct NativeTrader {
    trader: Mutex<Option<Trader>>,
    pid: u32,
}

#[pymethods]
impl NativeTrader {
    /// Opens the journal, asks venues for the rules of what is traded, and connects. `past` makes
    /// tapes of rows of a lake: it is called with lake, dataset, venue, symbols and since when.
    #[new]
    #[pyo3(signature = (text, place, past = None))]
    fn new(py: Python<'_>, text: &str, place: &str, past: Option<Py<PyAny>>) -> PyResult<Self> {
        let mut raised = None;
        let opened = py.detach(|| {
            let config = crate::feed::guarded(|| Config::parse(place, text))?;
            let mut ask = |wanted: &Wanted<'_>| past_of(past.as_ref(), wanted, &mut raised);
            caught(|| Trader::open_with(config, &mut ask))?.map_err(|error| refuse(&error))
        });
        let trader = raised.map_or(opened, Err)?;
        Ok(Self { trader: Mutex::new(Some(trader)), pid: process_id() })
    }

    /// Trades until `beat` returns false: it gets the status as JSON and what a person should know,
    /// some twenty times a second. `strategy` is an object with the methods of a strategy, or none
    /// for one that is built in.
    fn run(&self, py: Python<'_>, strategy: Option<Py<PyAny>>, beat: Py<PyAny>) -> PyResult<()> {
        check_process(self.pid, "trader")?;
        let taken = self.trader.lock().unwrap_or_else(PoisonError::into_inner).take();
        let mut trader = taken
            .ok_or_else(|| raise(ErrorKind::Closed, "the trader was run already".to_owned()))?;
        let broker = Arc::new(trader.handle());
        let mut ours = strategy.map(|strategy| PyStrategy::new(strategy, broker));
        let ended = py.detach(|| caught(|| run(&mut trader, ours.as_mut(), &beat)))?;
        let (ended, raised) = ended?;
        // What the strategy raised is the cause of what the trader says.
        let cause = ours.as_mut().and_then(PyStrategy::take_raised);
        py.detach(|| drop(trader));
        ended.map_err(|error| {
            let error = refuse(&error);
            error.set_cause(py, cause);
            error
        })?;
        raised.map_or(Ok(()), Err)
    }
}

/// Rows of a lake as a folder of tapes. What Python raises is kept.
fn past_of(
    past: Option<&Py<PyAny>>,
    wanted: &Wanted<'_>,
    raised: &mut Option<PyErr>,
) -> Result<Option<PathBuf>, TradeError> {
    let Some(past) = past else { return Ok(None) };
    let &Wanted { lake, dataset, venue, symbols, since } = wanted;
    let asked = (lake, dataset, venue, symbols.to_vec(), since);
    let made = Python::attach(|py| past.call1(py, asked)?.extract::<Option<PathBuf>>(py));
    made.map_err(|error| {
        let problem = error.to_string();
        *raised = Some(error);
        FeedError::Config { place: format!("market.{venue}.lake"), problem }.into()
    })
}

type Ended = (Result<(), TradeError>, Option<PyErr>);

fn run(trader: &mut Trader, ours: Option<&mut PyStrategy>, beat: &Py<PyAny>) -> PyResult<Ended> {
    let mut raised = None;
    let mut go_on = |trader: &mut Trader| {
        let told = Python::attach(|py| {
            py.check_signals()?;
            let status = serde_json::to_string(&trader.status())
                .map_err(|error| raise(ErrorKind::Internal, error.to_string()))?;
            beat.call1(py, (status, trader.take_notices()))?.extract::<bool>(py)
        });
        told.unwrap_or_else(|error| {
            raised = Some(error);
            false
        })
    };
    let ended = if let Some(strategy) = ours {
        trader.run(strategy, &mut go_on)
    } else {
        let config = trader.config().strategy.clone();
        let strategy = crate::feed::guarded(|| built_in(&config))?;
        let mut strategy: Box<dyn Strategy + Send> = strategy.ok_or_else(|| {
            let problem =
                format!("strategy.run: {} is not built in, and none was given", config.run);
            raise(ErrorKind::NotFound, problem)
        })?;
        trader.run(&mut *strategy, &mut go_on)
    };
    // A Ctrl-C in the last call is heard before it is told how it ended: orders were cancelled since.
    let heard = Python::attach(|py: Python<'_>| py.check_signals()).err();
    go_on(trader);
    Ok((ended, raised.or(heard)))
}
