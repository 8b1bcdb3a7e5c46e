//! Rows of the lake as a Python object that speaks the Arrow stream protocol, as often as asked.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, PoisonError};

use arrow_array::{RecordBatch, RecordBatchIterator, RecordBatchReader};
use arrow_schema::{ArrowError, SchemaRef};
use pyo3::prelude::*;
use pyo3::types::PyCapsule;
use rustonite_lake::{Evidence, LakeError, Scan, ScanReader, Task};

use crate::capsule::{export_schema, export_stream};
use crate::job::run;

/// Rows of files, or rows that were found and are held.
enum Content {
    Scan(Arc<Scan>),
    Held(Vec<RecordBatch>),
}

/// Rows of the lake. Every stream over them begins anew.
#[pyclass(frozen, module = "rustonite_data")]
pub(crate) struct LakeRows {
    schema: SchemaRef,
    content: Content,
    /// What the newest stream touched.
    evidence: Mutex<Arc<Evidence>>,
}

impl LakeRows {
    pub(crate) fn scan(scan: Scan) -> Self {
        let schema = Arc::clone(scan.schema());
        Self { schema, content: Content::Scan(Arc::new(scan)), evidence: Mutex::default() }
    }

    pub(crate) fn held(
        schema: SchemaRef,
        batches: Vec<RecordBatch>,
        evidence: Arc<Evidence>,
    ) -> Self {
        Self { schema, content: Content::Held(batches), evidence: Mutex::new(evidence) }
    }

    fn evidence(&self) -> Arc<Evidence> {
        Arc::clone(&self.evidence.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn read(&self, scan: &Arc<Scan>) -> ScanReader {
        let evidence = Arc::new(Evidence::default());
        *self.evidence.lock().unwrap_or_else(PoisonError::into_inner) = Arc::clone(&evidence);
        scan.read(&evidence)
    }

    /// All rows, read where Ctrl-C works, as an object that Arrow libraries take.
    fn held_rows(&self, py: Python<'_>) -> PyResult<Self> {
        let batches = match &self.content {
            Content::Held(batches) => batches.clone(),
            Content::Scan(scan) => {
                let mut reader = self.read(scan);
                run(py, &Arc::new(Task::default()), None, move |task| {
                    let mut batches = Vec::new();
                    while let Some(batch) = reader.next_unless_stopped(task)? {
                        batches.push(batch);
                    }
                    Ok(batches)
                })?
            }
        };
        Ok(Self::held(Arc::clone(&self.schema), batches, self.evidence()))
    }
}

#[pymethods]
impl LakeRows {
    /// Names of the columns, in order.
    #[getter]
    fn columns(&self) -> Vec<&str> {
        self.schema.fields().iter().map(|field| field.name().as_str()).collect()
    }

    /// Row groups of the files that the newest read opened.
    #[getter]
    fn row_groups(&self) -> u64 {
        self.evidence().row_groups()
    }

    /// Row groups of which the newest read wanted something.
    #[getter]
    fn row_groups_read(&self) -> u64 {
        self.evidence().row_groups_read()
    }

    /// Bytes that the newest read took from files.
    #[getter]
    fn bytes_read(&self) -> u64 {
        self.evidence().bytes_read()
    }

    /// The rows as a `pyarrow.Table`.
    fn arrow(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        Ok(py.import("pyarrow")?.call_method1("table", (self.held_rows(py)?,))?.unbind())
    }

    /// The rows as a `polars.DataFrame`.
    fn pl(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        Ok(py.import("polars")?.call_method1("DataFrame", (self.held_rows(py)?,))?.unbind())
    }

    fn __arrow_c_schema__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyCapsule>> {
        export_schema(py, &self.schema)
    }

    /// A stream over the rows; every call begins anew, because some consumers ask several times.
    #[pyo3(signature = (requested_schema = None))]
    fn __arrow_c_stream__<'py>(
        &self,
        py: Python<'py>,
        requested_schema: Option<Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyCapsule>> {
        // A request to cast is a wish that producers may ignore.
        drop(requested_schema);
        let schema = Arc::clone(&self.schema);
        let reader: Box<dyn RecordBatchReader + Send> = match &self.content {
            Content::Scan(scan) => Box::new(Streamed { reader: self.read(scan), schema }),
            Content::Held(batches) => {
                let batches = batches.clone().into_iter().map(Ok);
                Box::new(RecordBatchIterator::new(batches, schema))
            }
        };
        export_stream(py, reader)
    }

    fn __repr__(&self) -> String {
        format!("LakeRows({})", self.columns().join(", "))
    }
}

/// A read as Arrow's own kind of reader.
struct Streamed {
    reader: ScanReader,
    schema: SchemaRef,
}

impl Iterator for Streamed {
    type Item = Result<RecordBatch, ArrowError>;

    fn next(&mut self) -> Option<Self::Item> {
        // A panic must not unwind into the consumer, which is written in another language.
        let next = catch_unwind(AssertUnwindSafe(|| self.reader.next()));
        let next = next.unwrap_or(Some(Err(LakeError::Bug("reading rows"))));
        Some(next?.map_err(|error| ArrowError::ExternalError(Box::new(error))))
    }
}

impl RecordBatchReader for Streamed {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }
}
