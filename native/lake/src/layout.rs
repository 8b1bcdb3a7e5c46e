//! How the rows of a dataset lie in files: physical columns, partition columns, sort columns.

use std::sync::Arc;

use arrow_schema::{DataType, Field, Schema as ArrowSchema, SchemaRef};
use rustonite_core::schema::{ParquetEncoding, arrow_type};
use rustonite_core::{ColumnType, Fixed, Schema};

use crate::error::{LakeError, Result};

/// Name of the column that is derived from the dataset's time.
pub(crate) const DATE: &str = "date";
/// Name of the column that says when a row reached us.
pub(crate) const ARRIVAL: &str = "ts_recv";

/// One physical column of a file.
#[derive(Clone, Debug)]
pub(crate) struct FileColumn {
    pub(crate) name: String,
    pub(crate) kind: ColumnType,
    pub(crate) nullable: bool,
    pub(crate) encoding: ParquetEncoding,
}

impl FileColumn {
    /// Whether values are codes while rows are in memory.
    pub(crate) fn is_coded(&self) -> bool {
        matches!(self.kind, ColumnType::Dictionary(_))
    }

    fn field(&self, kind: DataType) -> Field {
        Field::new(&self.name, kind, self.nullable)
    }

    /// As Parquet stores it: dictionaries are plain texts there.
    pub(crate) fn stored(&self) -> Field {
        self.field(if self.is_coded() { DataType::Utf8 } else { arrow_type(self.kind) })
    }

    /// With 32-bit codes where the schema has a dictionary.
    pub(crate) fn coded(&self) -> Field {
        if !self.is_coded() {
            return self.stored();
        }
        self.field(DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8)))
    }

    /// As rows are handed out, with dictionaries or without.
    pub(crate) fn handed(&self, dictionaries: bool) -> Field {
        if dictionaries { self.coded() } else { self.stored() }
    }

    /// As rows are moved around in memory: codes without their texts.
    pub(crate) fn moved(&self) -> DataType {
        if self.is_coded() { DataType::Int32 } else { arrow_type(self.kind) }
    }
}

/// Physical columns, partition columns and sort columns of a dataset.
#[derive(Clone, Debug)]
pub struct Layout {
    pub(crate) schema: Arc<Schema>,
    pub(crate) columns: Vec<FileColumn>,
    /// Positions of the partition columns.
    pub(crate) partition: Vec<usize>,
    /// Positions of the sort columns.
    pub(crate) sort: Vec<usize>,
    /// Position of the time column, if the last column is derived from it.
    pub(crate) date_from: Option<usize>,
}

impl Layout {
    /// The layout of a dataset's files.
    ///
    /// # Errors
    /// [`LakeError::Argument`] for columns that are not there, twice there, or of a type that
    /// neither names a folder nor sorts.
    pub fn new(schema: &Arc<Schema>, partition_by: &[String], sort_by: &[String]) -> Result<Self> {
        let columns = schema.columns().iter().map(|column| FileColumn {
            name: column.name.clone(),
            kind: column.kind,
            nullable: column.nullable,
            encoding: column.parquet,
        });
        let mut layout = Self {
            schema: Arc::clone(schema),
            columns: columns.collect(),
            partition: Vec::new(),
            sort: Vec::new(),
            date_from: None,
        };
        layout.add_date(partition_by)?;
        layout.partition = layout.positions("partition_by", partition_by)?;
        layout.sort = layout.positions("sort_by", sort_by)?;
        layout.check_kinds()?;
        Ok(layout)
    }

    fn add_date(&mut self, partition_by: &[String]) -> Result<()> {
        let wanted = partition_by.iter().any(|name| name == DATE);
        if !wanted || self.position(DATE).is_some() {
            return Ok(());
        }
        let time = self.schema.time().and_then(|time| self.position(time));
        let Some(time) = time else {
            let expected = "a dataset with a time column, or other columns";
            return Err(LakeError::argument("partition_by", DATE, expected));
        };
        if self.columns[time].kind != ColumnType::Fixed(Fixed::TimestampNs) {
            let found =
                format!("column {:?} of type {}", self.columns[time].name, self.columns[time].kind);
            return Err(LakeError::argument("time column", found, "timestamp[ns]"));
        }
        self.date_from = Some(time);
        self.columns.push(FileColumn {
            name: DATE.to_owned(),
            kind: ColumnType::Fixed(Fixed::Date32),
            nullable: self.columns[time].nullable,
            encoding: ParquetEncoding::Dictionary,
        });
        Ok(())
    }

    fn positions(&self, argument: &'static str, names: &[String]) -> Result<Vec<usize>> {
        let mut positions = Vec::with_capacity(names.len());
        for name in names {
            let position = self.known(argument, name)?;
            if positions.contains(&position) {
                return Err(LakeError::argument(argument, format!("{name:?} twice"), "it once"));
            }
            positions.push(position);
        }
        Ok(positions)
    }

    fn check_kinds(&self) -> Result<()> {
        for &position in &self.partition {
            let column = &self.columns[position];
            let legal = match column.kind {
                ColumnType::Dictionary(_) | ColumnType::Utf8 => true,
                ColumnType::Fixed(fixed) => matches!(
                    fixed,
                    Fixed::Int8 | Fixed::Int16 | Fixed::Int32 | Fixed::Int64 | Fixed::Date32
                ),
                ColumnType::Binary | ColumnType::List(_) => false,
            };
            if !legal {
                let found = format!("column {:?} of type {}", column.name, column.kind);
                let expected = "columns of texts, whole numbers or dates";
                return Err(LakeError::argument("partition_by", found, expected));
            }
        }
        for &position in &self.sort {
            let column = &self.columns[position];
            if matches!(column.kind, ColumnType::List(_)) {
                let found = format!("column {:?} of type {}", column.name, column.kind);
                return Err(LakeError::argument("sort_by", found, "columns that have an order"));
            }
        }
        Ok(())
    }

    /// Position of a physical column.
    pub(crate) fn position(&self, name: &str) -> Option<usize> {
        self.columns.iter().position(|column| column.name == name)
    }

    /// Position of a column that a caller named.
    pub(crate) fn known(&self, argument: &'static str, name: &str) -> Result<usize> {
        self.position(name).ok_or_else(|| {
            let known: Vec<_> = self.columns.iter().map(|column| column.name.as_str()).collect();
            let expected = format!("one of {}", known.join(", "));
            LakeError::argument(argument, format!("{name:?}"), expected)
        })
    }

    /// Partition columns, then sort columns that are not among them: the order of rows that may
    /// belong to several partitions.
    pub(crate) fn order(&self) -> Vec<usize> {
        let mut order = self.partition.clone();
        order.extend(self.sort.iter().filter(|column| !self.partition.contains(column)));
        order
    }

    /// A layout of some of the columns, without partitions and order.
    pub(crate) fn of(&self, columns: Vec<FileColumn>, date_from: Option<usize>) -> Self {
        let schema = Arc::clone(&self.schema);
        Self { schema, columns, partition: Vec::new(), sort: Vec::new(), date_from }
    }

    /// The Arrow schema of the files.
    pub(crate) fn stored(&self) -> SchemaRef {
        Arc::new(ArrowSchema::new(self.columns.iter().map(FileColumn::stored).collect::<Vec<_>>()))
    }

    /// How many columns come with the rows; a date that is derived does not.
    pub(crate) fn columns_given(&self) -> usize {
        self.columns.len() - usize::from(self.date_from.is_some())
    }

    pub(crate) fn column(&self, position: usize) -> &FileColumn {
        &self.columns[position]
    }
}
