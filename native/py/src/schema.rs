//! Schemas and their columns.

use std::sync::Arc;

use pyo3::prelude::*;
use pyo3::types::PyCapsule;
use rustonite_core::{datasets, schema};

use crate::capsule::{export_schema, import_schema};
use crate::error::invalid;

/// One column of a dataset.
#[pyclass(frozen, eq, module = "rustonite_data")]
#[derive(PartialEq)]
pub(crate) struct Column(schema::Column);

#[pymethods]
impl Column {
    /// Name, unique in its dataset.
    #[getter]
    fn name(&self) -> &str {
        &self.0.name
    }

    /// Type, as schema files spell it.
    #[getter]
    fn r#type(&self) -> String {
        self.0.kind.to_string()
    }

    /// Whether a row may have no value.
    #[getter]
    fn nullable(&self) -> bool {
        self.0.nullable
    }

    /// First version of the dataset with this column.
    #[getter]
    fn since(&self) -> u32 {
        self.0.since
    }

    /// Unit of the values, or an empty text.
    #[getter]
    fn unit(&self) -> &'static str {
        self.0.unit
    }

    /// What the values mean.
    #[getter]
    fn about(&self) -> &'static str {
        self.0.about
    }

    /// Encoding in the lake's Parquet files.
    #[getter]
    fn parquet(&self) -> &'static str {
        self.0.parquet.name()
    }

    /// Name of the closed set of words it may hold.
    #[getter]
    fn vocabulary(&self) -> Option<&'static str> {
        self.0.vocabulary.map(|vocabulary| vocabulary.name)
    }

    /// The words it may hold and their meaning, in code order; or its bits, from bit 0 up.
    #[getter]
    fn values(&self) -> Vec<(&'static str, &'static str)> {
        let words = self.0.vocabulary.map(|vocabulary| vocabulary.values);
        words.or(self.0.bitset.map(|bitset| bitset.bits)).unwrap_or_default().to_vec()
    }

    /// Name of the set of bits it holds.
    #[getter]
    fn bitset(&self) -> Option<&'static str> {
        self.0.bitset.map(|bitset| bitset.name)
    }

    fn __repr__(&self) -> String {
        let null = if self.0.nullable { ", nullable" } else { "" };
        format!("Column({}: {}{null})", self.0.name, self.0.kind)
    }
}

/// The columns of a dataset and their identity.
#[pyclass(frozen, eq, module = "rustonite_data")]
#[derive(PartialEq)]
pub(crate) struct Schema(pub(crate) Arc<schema::Schema>);

#[pymethods]
impl Schema {
    /// The schema of a dataset of your own, from any object with an Arrow schema.
    #[staticmethod]
    #[pyo3(signature = (dataset, arrow, *, version = 1, time = None, sort = Vec::new()))]
    fn from_arrow(
        dataset: &str,
        arrow: &Bound<'_, PyAny>,
        version: i64,
        time: Option<String>,
        sort: Vec<String>,
    ) -> PyResult<Self> {
        let arrow = import_schema(arrow)?;
        let Some(version) = u32::try_from(version).ok().filter(|&version| version > 0) else {
            return Err(invalid(format!("version: found {version}, expected 1 or more")));
        };
        let schema = schema::Schema::from_arrow(dataset, version, &arrow)
            .and_then(|schema| schema.with_order(time, sort));
        schema.map(|schema| Self(Arc::new(schema))).map_err(|error| invalid(error.to_string()))
    }

    /// Name of the dataset.
    #[getter]
    fn dataset(&self) -> &str {
        self.0.dataset()
    }

    /// Version of the dataset, from 1.
    #[getter]
    fn version(&self) -> u32 {
        self.0.version()
    }

    /// What a row is.
    #[getter]
    fn about(&self) -> &'static str {
        self.0.about()
    }

    /// The column whose UTC date partitions the lake.
    #[getter]
    fn time(&self) -> Option<&str> {
        self.0.time()
    }

    /// The columns that files of the lake are sorted by.
    #[getter]
    fn sort(&self) -> Vec<String> {
        self.0.sort().to_vec()
    }

    /// Identity of the layout, in hexadecimal digits.
    #[getter]
    fn fingerprint(&self) -> String {
        self.0.fingerprint().to_string()
    }

    /// The columns in order.
    #[getter]
    fn columns(&self) -> Vec<Column> {
        self.0.columns().iter().cloned().map(Column).collect()
    }

    /// The schema as it was at an earlier version.
    fn at_version(&self, version: u32) -> PyResult<Self> {
        let schema = self.0.at_version(version);
        schema.map(|schema| Self(Arc::new(schema))).map_err(|error| invalid(error.to_string()))
    }

    fn __arrow_c_schema__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyCapsule>> {
        export_schema(py, &self.0.arrow())
    }

    fn __repr__(&self) -> String {
        let (dataset, version) = (self.0.dataset(), self.0.version());
        format!("Schema({dataset} version {version}, {} columns)", self.0.columns().len())
    }
}

/// The schemas that come with rustonite, by name.
#[pyfunction]
pub(crate) fn embedded_schemas() -> Vec<Schema> {
    datasets::all().map(|schema| Schema(Arc::clone(schema))).collect()
}
