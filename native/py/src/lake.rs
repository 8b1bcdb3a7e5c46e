//! Files of the lake: writing, merging, reading.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;

use pyo3::prelude::*;
use pyo3::types::{PyDict, PyTuple};
use rustonite_lake::{
    Evidence, Expected, Filter, LakeError, Layout, MergeOptions, Scan, ScanOptions, Task,
    WriteOptions, WrittenFile,
};

use crate::error::{from_lake, invalid};
use crate::job::{Feed, run, run_fed};
use crate::lake_rows::LakeRows;
use crate::schema::Schema;

/// Bytes of rows that are sorted in memory unless the caller says otherwise.
const MEMORY_BYTES: usize = 192 << 20;
/// Most rows of a file unless the caller says otherwise.
const WRITE_ROWS_MAX: usize = 4 << 20;
const MERGE_ROWS_MAX: usize = 16 << 20;
/// Threads that encode: the recorder beside us needs the others.
const ENCODERS: usize = 2;

/// One Parquet file that was written and is on stable storage.
#[pyclass(frozen, module = "rustonite_data")]
pub(crate) struct LakeFile(WrittenFile);

#[pymethods]
impl LakeFile {
    /// Path below the folder that was written to, with `/`.
    #[getter]
    fn path(&self) -> String {
        self.0.path.display().to_string()
    }

    /// Bytes.
    #[getter]
    fn size(&self) -> u64 {
        self.0.size
    }

    /// Rows.
    #[getter]
    fn rows(&self) -> u64 {
        self.0.rows
    }

    /// Partition columns and their values, as Delta's log spells them.
    #[getter]
    fn partition<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let dict = PyDict::new(py);
        for (name, value) in &self.0.partition {
            dict.set_item(name, value.as_deref())?;
        }
        Ok(dict)
    }

    /// Statistics as Delta's log wants them, in JSON.
    #[getter]
    fn stats(&self) -> &str {
        &self.0.stats
    }

    fn __repr__(&self) -> String {
        format!("LakeFile({}, {} rows, {} bytes)", self.path(), self.0.rows, self.0.size)
    }
}

pub(crate) fn layout(
    schema: &Bound<'_, Schema>,
    partition_by: &[String],
    sort_by: &[String],
) -> PyResult<Arc<Layout>> {
    let layout = Layout::new(&schema.get().0, partition_by, sort_by);
    layout.map(Arc::new).map_err(|error| from_lake(&error))
}

pub(crate) fn processors() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

fn positive(name: &str, value: usize) -> PyResult<usize> {
    if value == 0 {
        return Err(invalid(format!("{name}: found 0, expected at least 1")));
    }
    Ok(value)
}

/// A file name without its ending, which must not lead anywhere else.
fn file_name(name: String) -> PyResult<String> {
    let legal = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    if name.is_empty() || name.starts_with('.') || !name.chars().all(legal) {
        let expected = "letters, digits, '.', '_' and '-', not starting with '.'";
        return Err(invalid(format!("name: found {name:?}, expected {expected}")));
    }
    Ok(name)
}

fn files(written: Vec<WrittenFile>) -> Vec<LakeFile> {
    written.into_iter().map(LakeFile).collect()
}

/// Writes rows of a tape or of any Arrow stream to sorted files, at least one per partition.
#[pyfunction]
#[pyo3(signature = (
    schema, rows, folder, *, partition_by, sort_by, name, compressed = true, memory_bytes = MEMORY_BYTES,
    file_rows_max = WRITE_ROWS_MAX, spill = None, threads = None, progress = None,
))]
#[allow(clippy::too_many_arguments, reason = "keyword arguments of Python")]
pub(crate) fn lake_write(
    py: Python<'_>,
    schema: &Bound<'_, Schema>,
    rows: &Bound<'_, PyAny>,
    folder: PathBuf,
    partition_by: Vec<String>,
    sort_by: Vec<String>,
    name: String,
    compressed: bool,
    memory_bytes: usize,
    file_rows_max: usize,
    spill: Option<PathBuf>,
    threads: Option<usize>,
    progress: Option<&Bound<'_, PyAny>>,
) -> PyResult<Vec<LakeFile>> {
    let layout = layout(schema, &partition_by, &sort_by)?;
    let options = WriteOptions {
        name: file_name(name)?,
        compressed,
        memory_bytes: positive("memory_bytes", memory_bytes)?,
        file_rows_max: positive("file_rows_max", file_rows_max)?,
        spill,
        threads: positive("threads", threads.unwrap_or(ENCODERS.min(processors())))?,
    };
    let feed = Feed::of(rows)?;
    let written = run_fed(py, feed, &Arc::new(Task::default()), progress, move |source, task| {
        rustonite_lake::write(&layout, source, &folder, &options, task)
    })?;
    Ok(files(written))
}

/// Merges sorted files of one partition into fewer, larger ones.
#[pyfunction]
#[pyo3(signature = (
    schema, inputs, folder, *, partition_by, sort_by, name, compressed = true,
    file_rows_max = MERGE_ROWS_MAX, spill = None, threads = None, progress = None,
))]
#[allow(clippy::too_many_arguments, reason = "keyword arguments of Python")]
pub(crate) fn lake_merge(
    py: Python<'_>,
    schema: &Bound<'_, Schema>,
    inputs: Vec<PathBuf>,
    folder: PathBuf,
    partition_by: Vec<String>,
    sort_by: Vec<String>,
    name: String,
    compressed: bool,
    file_rows_max: usize,
    spill: Option<PathBuf>,
    threads: Option<usize>,
    progress: Option<&Bound<'_, PyAny>>,
) -> PyResult<Vec<LakeFile>> {
    let layout = layout(schema, &partition_by, &sort_by)?;
    let options = MergeOptions {
        name: file_name(name)?,
        compressed,
        file_rows_max: positive("file_rows_max", file_rows_max)?,
        spill,
        threads: positive("threads", threads.unwrap_or(ENCODERS.min(processors())))?,
    };
    let written = run(py, &Arc::new(Task::default()), progress, move |task| {
        rustonite_lake::merge(&layout, &inputs, &folder, &options, task)
    })?;
    Ok(files(written))
}

/// Describes a read of files; nothing is opened before rows are asked for.
#[pyfunction]
#[pyo3(signature = (
    schema, files, *, columns = None, r#where = Vec::new(), dictionaries = true, threads = None,
))]
pub(crate) fn lake_read(
    schema: &Bound<'_, Schema>,
    files: Vec<PathBuf>,
    columns: Option<Vec<String>>,
    r#where: Vec<Bound<'_, PyTuple>>,
    dictionaries: bool,
    threads: Option<usize>,
) -> PyResult<LakeRows> {
    let layout = read_layout(&schema.get().0).map_err(|error| from_lake(&error))?;
    let filters = r#where.iter().map(filter).collect::<PyResult<_>>()?;
    let threads = positive("threads", threads.unwrap_or_else(processors))?;
    let options = ScanOptions { columns, filters, dictionaries, threads };
    let scan = Scan::new(&Arc::new(layout), files, &options).map_err(|error| from_lake(&error))?;
    Ok(LakeRows::scan(scan))
}

/// All columns that files of a dataset may have.
pub(crate) fn read_layout(schema: &Arc<rustonite_core::Schema>) -> Result<Layout, LakeError> {
    let date: Vec<_> = schema.time().map(|_| "date".to_owned()).into_iter().collect();
    Layout::new(schema, &date, &[])
}

/// The newest row of every key: of sorted files, of a tape's rows, or of any Arrow stream.
#[pyfunction]
#[pyo3(signature = (schema, source, *, partition_by, sort_by, key = None, dictionaries = true))]
pub(crate) fn lake_last(
    py: Python<'_>,
    schema: &Bound<'_, Schema>,
    source: &Bound<'_, PyAny>,
    partition_by: Vec<String>,
    sort_by: Vec<String>,
    key: Option<Vec<String>>,
    dictionaries: bool,
) -> PyResult<LakeRows> {
    let layout = layout(schema, &partition_by, &sort_by)?;
    let evidence = Arc::new(Evidence::default());
    let task = Arc::new(Task::default());
    let batch = if let Ok(files) = source.extract::<Vec<PathBuf>>() {
        let evidence = Arc::clone(&evidence);
        run(py, &task, None, move |task| {
            let key = key.as_deref();
            rustonite_lake::last_of_files(&layout, &files, key, dictionaries, &evidence, task)
        })?
    } else {
        run_fed(py, Feed::of(source)?, &task, None, move |source, task| {
            rustonite_lake::last_of_source(&layout, source, key.as_deref(), dictionaries, task)
        })?
    };
    Ok(LakeRows::held(batch.schema(), vec![batch], evidence))
}

/// Reads a whole file and lists what is wrong with it, a sentence each.
#[pyfunction]
#[pyo3(signature = (
    schema, path, *, partition_by, sort_by, partition, stats = None, rows = None, size = None,
))]
#[allow(clippy::too_many_arguments, reason = "keyword arguments of Python")]
pub(crate) fn lake_check(
    py: Python<'_>,
    schema: &Bound<'_, Schema>,
    path: PathBuf,
    partition_by: Vec<String>,
    sort_by: Vec<String>,
    partition: HashMap<String, Option<String>>,
    stats: Option<String>,
    rows: Option<u64>,
    size: Option<u64>,
) -> PyResult<Vec<String>> {
    let layout = layout(schema, &partition_by, &sort_by)?;
    let expected = Expected { partition: partition.into_iter().collect(), stats, rows, size };
    run(py, &Arc::new(Task::default()), None, move |task| {
        rustonite_lake::check(&layout, &path, &expected, task)
    })
}

/// A condition as Python spells it: column, operator, value.
pub(crate) fn filter(condition: &Bound<'_, PyTuple>) -> PyResult<Filter> {
    let wrong = || {
        let expected =
            "(column, \"in\", texts), (column, \">=\", number) or (column, \"<\", number)";
        invalid(format!("where: found {condition}, expected {expected}"))
    };
    let (column, operator, value): (String, String, Bound<'_, PyAny>) =
        condition.extract().map_err(|_| wrong())?;
    Ok(match operator.as_str() {
        "in" => Filter::In { column, texts: value.extract().map_err(|_| wrong())? },
        ">=" => {
            let least = Some(value.extract().map_err(|_| wrong())?);
            Filter::Between { column, least, below: None }
        }
        "<" => {
            let below = Some(value.extract().map_err(|_| wrong())?);
            Filter::Between { column, least: None, below }
        }
        _ => return Err(wrong()),
    })
}
