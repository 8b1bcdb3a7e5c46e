//! Kernels over time series: bars, and trades with their quotes.

use std::path::PathBuf;
use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_schema::Schema as ArrowSchema;
use pyo3::prelude::*;
use pyo3::types::PyTuple;
use rustonite_lake::{AsofOptions, BarsOptions, By, Evidence, LakeError, Rows, Task};

use crate::capsule::import_batches;
use crate::error::{from_lake, invalid};
use crate::job::run;
use crate::lake::{filter, processors, read_layout};
use crate::lake_rows::LakeRows;
use crate::schema::Schema;

/// Rows as Python hands them over: schema, files, conditions on rows of files, rows of tapes.
type Given<'py> =
    (Bound<'py, Schema>, Vec<PathBuf>, Vec<Bound<'py, PyTuple>>, Option<Bound<'py, PyAny>>);

fn rows(given: Given<'_>) -> PyResult<Rows> {
    let (schema, files, tests, hot) = given;
    let layout = read_layout(&schema.get().0).map_err(|error| from_lake(&error))?;
    let filters = tests.iter().map(filter).collect::<PyResult<_>>()?;
    let hot = hot.map(|hot| import_batches(&hot)).transpose()?.flatten().unwrap_or_default();
    Ok(Rows { layout: Arc::new(layout), files, filters, hot, threads: processors() })
}

fn by(name: &str) -> PyResult<By> {
    match name {
        "instrument" => Ok(By::Instrument),
        "symbol" => Ok(By::Symbol),
        other => Err(invalid(format!("by: found {other:?}, expected instrument or symbol"))),
    }
}

fn held(
    py: Python<'_>,
    work: impl FnOnce(&Arc<Evidence>, &Task) -> Result<Vec<RecordBatch>, LakeError> + Send + 'static,
) -> PyResult<LakeRows> {
    let evidence = Arc::new(Evidence::default());
    let shared = Arc::clone(&evidence);
    let batches = run(py, &Arc::new(Task::default()), None, move |task| work(&shared, task))?;
    let schema =
        batches.first().map_or_else(|| Arc::new(ArrowSchema::empty()), RecordBatch::schema);
    Ok(LakeRows::held(schema, batches, evidence))
}

/// Bars of time, or one bar of everything if there is no span. Trades are schema, files, conditions
/// on rows of files, and rows of tapes or `None`.
#[pyfunction]
#[pyo3(signature = (trades, *, columns, time, span, interval, by = "instrument"))]
pub(crate) fn lake_bars(
    py: Python<'_>,
    trades: Given<'_>,
    columns: Vec<String>,
    time: String,
    span: Option<(i64, i64)>,
    interval: String,
    by: &str,
) -> PyResult<LakeRows> {
    let options = BarsOptions { by: self::by(by)?, time, span, interval, columns };
    let trades = rows(trades)?;
    held(py, move |evidence, task| {
        Ok(vec![rustonite_lake::bars(trades, &options, evidence, task)?])
    })
}

/// Each trade with the quote that stood at its time. Trades and quotes are given as in `lake_bars`.
#[pyfunction]
#[pyo3(signature = (trades, quotes, *, columns, time, by = "instrument"))]
pub(crate) fn lake_asof(
    py: Python<'_>,
    trades: Given<'_>,
    quotes: Given<'_>,
    columns: Vec<String>,
    time: String,
    by: &str,
) -> PyResult<LakeRows> {
    let options = AsofOptions { by: self::by(by)?, time, columns };
    let (trades, quotes) = (rows(trades)?, rows(quotes)?);
    held(py, move |evidence, task| rustonite_lake::asof(trades, quotes, &options, evidence, task))
}
