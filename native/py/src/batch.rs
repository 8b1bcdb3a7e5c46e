//! Rows of a tape as Python objects that speak the Arrow capsule protocol.

use std::sync::{Arc, Mutex, PoisonError};

use arrow_array::{RecordBatch, RecordBatchIterator};
use arrow_schema::{ArrowError, SchemaRef};
use pyo3::prelude::*;
use pyo3::types::{PyCapsule, PyList, PyTuple};
use rustonite_tape::{ArrowArray, export_segment};

use crate::capsule::{export_array, export_schema, export_stream};
use crate::error::guarded;
use crate::schema::Schema;

/// What the batches of one reader share: the Arrow schema, and the segment of the moment as pyarrow
/// sees it, imported once and sliced for every batch.
pub(crate) struct Shared {
    arrow: SchemaRef,
    whole: Mutex<Option<Whole>>,
}

struct Whole {
    /// The rows it was made from: same segment and same texts mean that it still fits.
    made_from: rustonite_tape::Batch,
    /// Its method `slice`, bound.
    slice: Py<PyAny>,
}

impl Shared {
    pub(crate) fn new(schema: &rustonite_core::Schema) -> Arc<Self> {
        Arc::new(Self { arrow: Arc::new(schema.arrow()), whole: Mutex::new(None) })
    }

    /// Rows of a batch, sliced from the segment that pyarrow has already.
    fn slice(&self, py: Python<'_>, batch: &rustonite_tape::Batch) -> PyResult<Py<PyAny>> {
        let range = (batch.row_in_segment(), batch.len());
        let mut whole = self.whole.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = &*whole
            && known.made_from.shares_memory_with(batch)
        {
            return known.slice.call1(py, range);
        }
        let export = WholeSegment { batch: batch.clone(), arrow: Arc::clone(&self.arrow) };
        let rows = py.import("pyarrow")?.call_method1("record_batch", (export,))?;
        let slice = rows.getattr("slice")?.unbind();
        let sliced = slice.call1(py, range);
        *whole = Some(Whole { made_from: batch.clone(), slice });
        sliced
    }
}

/// A segment as a whole, for one import by pyarrow. Rows behind the committed ones mean nothing.
#[pyclass(frozen, module = "rustonite_data")]
struct WholeSegment {
    batch: rustonite_tape::Batch,
    arrow: SchemaRef,
}

#[pymethods]
impl WholeSegment {
    #[pyo3(signature = (requested_schema = None))]
    fn __arrow_c_array__<'py>(
        &self,
        py: Python<'py>,
        requested_schema: Option<Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyTuple>> {
        // A request to cast is a wish that producers may ignore.
        drop(requested_schema);
        pair(py, &self.arrow, export_segment(&self.batch))
    }
}

fn pair<'py>(
    py: Python<'py>,
    schema: &SchemaRef,
    array: ArrowArray,
) -> PyResult<Bound<'py, PyTuple>> {
    PyTuple::new(py, [export_schema(py, schema)?, export_array(py, array)?])
}

/// Consecutive rows of a tape, in place.
#[pyclass(frozen, module = "rustonite_data")]
pub(crate) struct Batch {
    pub(crate) batch: rustonite_tape::Batch,
    pub(crate) shared: Arc<Shared>,
}

#[pymethods]
impl Batch {
    fn __len__(&self) -> usize {
        self.batch.len()
    }

    /// Number of the first row, counted from the tape's first.
    #[getter]
    fn first_row(&self) -> u64 {
        self.batch.first_row()
    }

    /// Number of the segment that holds the rows.
    #[getter]
    fn segment(&self) -> u64 {
        self.batch.segment()
    }

    /// Where the segment is mapped in this process: first address, and the one after the last.
    #[getter]
    fn address_range(&self) -> (usize, usize) {
        let range = self.batch.address_range();
        (range.start, range.end)
    }

    /// The tape's schema.
    #[getter]
    fn schema(&self) -> Schema {
        Schema(Arc::clone(self.batch.schema()))
    }

    /// The rows as a `pyarrow.RecordBatch` over the same memory.
    fn arrow(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        self.shared.slice(py, &self.batch)
    }

    /// The rows as a `polars.DataFrame`. Numbers stay where they are; Polars has its own layout for
    /// texts and dictionaries and makes copies of those.
    fn pl(slf: &Bound<'_, Self>) -> PyResult<Py<PyAny>> {
        Ok(slf.py().import("polars")?.call_method1("DataFrame", (slf,))?.unbind())
    }

    /// The rows as dicts of plain Python values, for all columns or some; needs no other package.
    /// Times are nanoseconds and dates are days since 1970-01-01, both whole numbers.
    #[pyo3(signature = (columns = None))]
    fn to_pylist<'py>(
        &self,
        py: Python<'py>,
        columns: Option<Vec<String>>,
    ) -> PyResult<Bound<'py, PyList>> {
        crate::values::rows(py, &self.batch, columns.as_deref())
    }

    /// Some of the rows.
    fn slice(&self, offset: usize, length: usize) -> PyResult<Self> {
        if offset.checked_add(length).is_none_or(|end| end > self.batch.len()) {
            let rows = self.batch.len();
            let message = format!("slice: found rows {offset} + {length}, expected at most {rows}");
            return Err(crate::error::invalid(message));
        }
        Ok(Self { batch: self.batch.slice(offset, length), shared: Arc::clone(&self.shared) })
    }

    fn __arrow_c_schema__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyCapsule>> {
        export_schema(py, &self.shared.arrow)
    }

    #[pyo3(signature = (requested_schema = None))]
    fn __arrow_c_array__<'py>(
        &self,
        py: Python<'py>,
        requested_schema: Option<Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyTuple>> {
        // A request to cast is a wish that producers may ignore.
        drop(requested_schema);
        pair(py, &self.shared.arrow, ArrowArray::from(&self.batch))
    }

    fn __repr__(&self) -> String {
        let (dataset, first) = (self.batch.schema().dataset(), self.batch.first_row());
        format!("Batch({dataset}, {} rows from row {first})", self.batch.len())
    }
}

/// Rows that were removed before a reader got to them.
#[pyclass(frozen, eq, get_all, module = "rustonite_data")]
#[derive(Clone, Copy, PartialEq)]
pub(crate) struct Gap {
    /// First row missed.
    from_row: u64,
    /// First row after them.
    to_row: u64,
}

#[pymethods]
impl Gap {
    fn __len__(&self) -> usize {
        usize::try_from(self.to_row - self.from_row).unwrap_or(usize::MAX)
    }

    fn __repr__(&self) -> String {
        format!("Gap(rows {} to {} were removed)", self.from_row, self.to_row)
    }
}

impl From<rustonite_tape::Gap> for Gap {
    fn from(gap: rustonite_tape::Gap) -> Self {
        Self { from_row: gap.from, to_row: gap.to }
    }
}

/// Everything a reader had at one moment: batches that any Arrow consumer takes as one table.
#[pyclass(frozen, module = "rustonite_data")]
pub(crate) struct Rows {
    pub(crate) batches: Vec<rustonite_tape::Batch>,
    pub(crate) gaps: Vec<Gap>,
    pub(crate) schema: Arc<rustonite_core::Schema>,
    pub(crate) shared: Arc<Shared>,
}

impl Rows {
    pub(crate) fn record_batches(&self) -> PyResult<Vec<RecordBatch>> {
        guarded(|| {
            let batches = self.batches.iter();
            batches.map(|batch| batch.record_batch(Arc::clone(&self.shared.arrow))).collect()
        })
    }
}

#[pymethods]
impl Rows {
    fn __len__(&self) -> usize {
        self.batches.iter().map(rustonite_tape::Batch::len).sum()
    }

    /// The rows segment by segment.
    #[getter]
    fn batches(&self) -> Vec<Batch> {
        let batch = |batch: &rustonite_tape::Batch| Batch {
            batch: batch.clone(),
            shared: Arc::clone(&self.shared),
        };
        self.batches.iter().map(batch).collect()
    }

    /// Rows that were asked for but had been removed.
    #[getter]
    fn gaps(&self) -> Vec<Gap> {
        self.gaps.clone()
    }

    /// The tape's schema.
    #[getter]
    fn schema(&self) -> Schema {
        Schema(Arc::clone(&self.schema))
    }

    /// The rows of segments `first_segment` to `last_segment`, both included; to the end if that is
    /// `None`. Gaps are not handed on.
    #[pyo3(signature = (first_segment, last_segment = None))]
    fn select(&self, first_segment: u64, last_segment: Option<u64>) -> Self {
        let wanted = first_segment..=last_segment.unwrap_or(u64::MAX);
        let batches = self.batches.iter().filter(|batch| wanted.contains(&batch.segment()));
        Self {
            batches: batches.cloned().collect(),
            gaps: Vec::new(),
            schema: Arc::clone(&self.schema),
            shared: Arc::clone(&self.shared),
        }
    }

    /// These rows and then the rows that were read next from the same tape.
    fn followed_by(&self, more: &Self) -> Self {
        let mut batches = self.batches.clone();
        for batch in &more.batches {
            match batches.last_mut() {
                Some(last) if let Some(joined) = last.joined(batch) => *last = joined,
                _ => batches.push(batch.clone()),
            }
        }
        let gaps = self.gaps.iter().chain(&more.gaps).copied().collect();
        let (schema, shared) = (Arc::clone(&self.schema), Arc::clone(&self.shared));
        Self { batches, gaps, schema, shared }
    }

    /// The rows as a `pyarrow.Table` over the same memory.
    fn arrow(slf: &Bound<'_, Self>) -> PyResult<Py<PyAny>> {
        Ok(slf.py().import("pyarrow")?.call_method1("table", (slf,))?.unbind())
    }

    /// The rows as a `polars.DataFrame`.
    fn pl(slf: &Bound<'_, Self>) -> PyResult<Py<PyAny>> {
        Ok(slf.py().import("polars")?.call_method1("DataFrame", (slf,))?.unbind())
    }

    fn __arrow_c_schema__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyCapsule>> {
        export_schema(py, &self.shared.arrow)
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
        let batches = self.record_batches()?.into_iter().map(Ok::<_, ArrowError>);
        let reader = RecordBatchIterator::new(batches, Arc::clone(&self.shared.arrow));
        export_stream(py, Box::new(reader))
    }

    fn __repr__(&self) -> String {
        let dataset = self.schema.dataset();
        format!("Rows({dataset}, {} rows in {} batches)", self.__len__(), self.batches.len())
    }
}
