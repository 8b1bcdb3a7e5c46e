//! Schemas: what a dataset's columns are, mean and look like on disk.
//!
//! The datasets of `schemas/` are embedded by the build script; users add their own with
//! [`Schema::from_arrow`]. The fingerprint covers exactly what a reader of bytes depends on: dataset
//! name, version, and each column's name, type and nullability.

use std::{fmt, sync::Arc};

use arrow_schema::{DataType, Field, Schema as ArrowSchema, TimeUnit};
use sha2::{Digest, Sha256};

use crate::column_type::{ColumnType, Fixed, Key};

/// Most columns a dataset may have.
pub const COLUMNS_MAX: usize = 120;
/// Longest column or dataset name, in bytes.
pub const NAME_BYTES_MAX: usize = 63;

/// A closed set of words that a dictionary column may hold; a word's position is its code.
#[derive(Debug, PartialEq, Eq)]
pub struct Vocabulary {
    /// Name in `schemas/vocabularies.toml`.
    pub name: &'static str,
    /// What the words say.
    pub about: &'static str,
    /// Word and meaning, in code order.
    pub values: &'static [(&'static str, &'static str)],
}

/// Named bits of an integer column; a name's position is its bit.
#[derive(Debug, PartialEq, Eq)]
pub struct Bitset {
    /// Name in `schemas/vocabularies.toml`.
    pub name: &'static str,
    /// What the bits say.
    pub about: &'static str,
    /// Bit name and meaning, from bit 0 up.
    pub bits: &'static [(&'static str, &'static str)],
}

/// How a column is encoded in Parquet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ParquetEncoding {
    /// Values as they are.
    Plain,
    /// Codes and a dictionary page.
    Dictionary,
    /// Packed differences; for sorted or slowly changing integers.
    DeltaBinaryPacked,
    /// Bytes of floats regrouped by position.
    ByteStreamSplit,
    /// Lengths packed, bytes as they are.
    DeltaLengthByteArray,
    /// Shared prefixes removed.
    DeltaByteArray,
}

impl ParquetEncoding {
    /// The spelling in schema files.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Plain => "plain",
            Self::Dictionary => "dictionary",
            Self::DeltaBinaryPacked => "delta_binary_packed",
            Self::ByteStreamSplit => "byte_stream_split",
            Self::DeltaLengthByteArray => "delta_length_byte_array",
            Self::DeltaByteArray => "delta_byte_array",
        }
    }
}

/// One column of a dataset.
#[derive(Clone, Debug, PartialEq)]
pub struct Column {
    /// Name, unique in its dataset.
    pub name: String,
    /// What it holds.
    pub kind: ColumnType,
    /// Whether a row may have no value.
    pub nullable: bool,
    /// First version of the dataset that has this column.
    pub since: u32,
    /// Unit of the values, or empty.
    pub unit: &'static str,
    /// What the values mean.
    pub about: &'static str,
    /// How the lake stores it.
    pub parquet: ParquetEncoding,
    /// The words it may hold, if they are a closed set.
    pub vocabulary: Option<&'static Vocabulary>,
    /// The names of its bits, if it has any.
    pub bitset: Option<&'static Bitset>,
}

impl Column {
    /// A column about which only the physical facts are known.
    pub fn plain(name: impl Into<String>, kind: ColumnType, nullable: bool) -> Self {
        Self {
            name: name.into(),
            kind,
            nullable,
            since: 1,
            unit: "",
            about: "",
            parquet: match kind {
                ColumnType::Dictionary(_) => ParquetEncoding::Dictionary,
                _ => ParquetEncoding::Plain,
            },
            vocabulary: None,
            bitset: None,
        }
    }

    /// The Arrow field of this column.
    pub fn arrow(&self) -> Field {
        Field::new(&self.name, arrow_type(self.kind), self.nullable)
    }
}

/// Identity of a layout: equal fingerprints mean that bytes can be read alike.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Fingerprint(pub [u8; 16]);

impl fmt::Display for Fingerprint {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(out, "{byte:02x}"))
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, out)
    }
}

/// Why a schema was refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SchemaError {
    /// A dataset or column name that cannot be stored.
    #[error(
        "{what} name {name:?}: expected 1 to {NAME_BYTES_MAX} characters of a-z, A-Z, 0-9, _ and -, starting with a letter or _"
    )]
    Name {
        /// `dataset` or `column`.
        what: &'static str,
        /// The name as given.
        name: String,
    },
    /// Two columns of one name.
    #[error("column {0:?} is there twice")]
    Duplicate(String),
    /// None, or more than can be stored.
    #[error("{0} columns: expected 1 to {COLUMNS_MAX}")]
    Count(usize),
    /// An Arrow type that tapes do not hold.
    #[error(
        "column {column:?} has type {found}: expected a signed integer, float, timestamp[ns] \
         without zone, date32, decimal128, utf8, binary, fixed_size_binary, a list of such values \
         without nulls, or a dictionary of text with signed codes{hint}"
    )]
    Type {
        /// The column.
        column: String,
        /// Its Arrow type.
        found: String,
        /// What to do about it.
        hint: &'static str,
    },
    /// A column that cannot be the dataset's time or sort its files.
    #[error("{what}: found {found}, expected {expected}")]
    Unfit {
        /// `time` or `sort`.
        what: &'static str,
        /// The column, as given.
        found: String,
        /// What would suit.
        expected: &'static str,
    },
    /// A version the dataset does not have.
    #[error("dataset {dataset:?} has no version {version}: expected 1 to {newest}")]
    Version {
        /// The dataset.
        dataset: String,
        /// The version asked for.
        version: u32,
        /// The newest there is.
        newest: u32,
    },
}

/// A dataset's columns and their identity. Immutable once made.
#[derive(Clone, Debug, PartialEq)]
pub struct Schema {
    dataset: String,
    version: u32,
    about: &'static str,
    time: Option<String>,
    sort: Vec<String>,
    columns: Vec<Column>,
    fingerprint: Fingerprint,
}

impl Schema {
    /// Makes a schema from its columns.
    ///
    /// # Errors
    /// [`SchemaError`] for a bad or repeated name, or too many columns.
    pub fn new(
        dataset: impl Into<String>,
        version: u32,
        columns: Vec<Column>,
    ) -> Result<Self, SchemaError> {
        let dataset = dataset.into();
        check_name("dataset", &dataset)?;
        if columns.is_empty() || columns.len() > COLUMNS_MAX {
            return Err(SchemaError::Count(columns.len()));
        }
        for (position, column) in columns.iter().enumerate() {
            check_name("column", &column.name)?;
            if columns[..position].iter().any(|other| other.name == column.name) {
                return Err(SchemaError::Duplicate(column.name.clone()));
            }
        }
        let fingerprint = fingerprint(&dataset, version, &columns);
        Ok(Self { dataset, version, about: "", time: None, sort: Vec::new(), columns, fingerprint })
    }

    /// Adds what the lake wants to know of an embedded dataset.
    #[must_use]
    pub(crate) fn described(
        mut self,
        about: &'static str,
        time: &'static str,
        sort: &[&'static str],
    ) -> Self {
        self.about = about;
        self.time = Some(time.to_owned());
        self.sort = sort.iter().map(|&name| name.to_owned()).collect();
        self
    }

    /// Says which column is the dataset's time and which columns its files are sorted by.
    ///
    /// # Errors
    /// [`SchemaError::Unfit`] for columns that are not there, or of types that do not suit.
    pub fn with_order(
        mut self,
        time: Option<String>,
        sort: Vec<String>,
    ) -> Result<Self, SchemaError> {
        if let Some(time) = &time {
            let is_time = |kind| kind == ColumnType::Fixed(Fixed::TimestampNs);
            self.check_order("time", time, "a column of type timestamp[ns]", is_time)?;
        }
        for name in &sort {
            let sorts = |kind| !matches!(kind, ColumnType::List(_));
            self.check_order("sort", name, "a column that has an order", sorts)?;
        }
        (self.time, self.sort) = (time, sort);
        Ok(self)
    }

    fn check_order(
        &self,
        what: &'static str,
        name: &str,
        expected: &'static str,
        suits: impl Fn(ColumnType) -> bool,
    ) -> Result<(), SchemaError> {
        let column = self.columns.iter().find(|column| column.name == name);
        let found = match column {
            Some(column) if suits(column.kind) => return Ok(()),
            Some(column) => format!("column {name:?} of type {}", column.kind),
            None => format!("{name:?}, which is no column"),
        };
        Err(SchemaError::Unfit { what, found, expected })
    }

    /// Makes the schema of a user's own dataset from Arrow's.
    ///
    /// # Errors
    /// [`SchemaError`] for names and types that a tape cannot hold.
    pub fn from_arrow(
        dataset: impl Into<String>,
        version: u32,
        arrow: &ArrowSchema,
    ) -> Result<Self, SchemaError> {
        let columns = arrow.fields().iter().map(|field| {
            let kind = column_type(field)?;
            Ok(Column::plain(field.name(), kind, field.is_nullable()))
        });
        Self::new(dataset, version, columns.collect::<Result<_, _>>()?)
    }

    /// The schema as it was at an earlier version. Columns are only ever added.
    ///
    /// # Errors
    /// [`SchemaError::Version`] if there was no such version.
    pub fn at_version(&self, version: u32) -> Result<Self, SchemaError> {
        if version == 0 || version > self.version {
            let (dataset, newest) = (self.dataset.clone(), self.version);
            return Err(SchemaError::Version { dataset, version, newest });
        }
        let columns = self.columns.iter().filter(|column| column.since <= version);
        let mut old = Self::new(self.dataset.clone(), version, columns.cloned().collect())?;
        old.about = self.about;
        old.time.clone_from(&self.time);
        old.sort.clone_from(&self.sort);
        Ok(old)
    }

    /// Name of the dataset.
    pub fn dataset(&self) -> &str {
        &self.dataset
    }

    /// Version of the dataset, from 1.
    pub fn version(&self) -> u32 {
        self.version
    }

    /// What a row is; empty for a user's own dataset.
    pub fn about(&self) -> &'static str {
        self.about
    }

    /// The column whose UTC date partitions the lake.
    pub fn time(&self) -> Option<&str> {
        self.time.as_deref()
    }

    /// The columns that lake files are sorted by.
    pub fn sort(&self) -> &[String] {
        &self.sort
    }

    /// The columns in order.
    pub fn columns(&self) -> &[Column] {
        &self.columns
    }

    /// Position of a column.
    pub fn index_of(&self, name: &str) -> Option<usize> {
        self.columns.iter().position(|column| column.name == name)
    }

    /// Identity of the layout.
    pub fn fingerprint(&self) -> Fingerprint {
        self.fingerprint
    }

    /// The Arrow schema.
    pub fn arrow(&self) -> ArrowSchema {
        ArrowSchema::new(self.columns.iter().map(Column::arrow).collect::<Vec<_>>())
    }
}

fn check_name(what: &'static str, name: &str) -> Result<(), SchemaError> {
    let mut letters = name.chars();
    let first = letters.next().is_some_and(|c| c.is_ascii_alphabetic() || c == '_');
    let rest = letters.all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-');
    if first && rest && name.len() <= NAME_BYTES_MAX {
        Ok(())
    } else {
        Err(SchemaError::Name { what, name: name.to_owned() })
    }
}

fn fingerprint(dataset: &str, version: u32, columns: &[Column]) -> Fingerprint {
    let mut text = format!("rustonite schema\n{dataset} {version}\n");
    for column in columns {
        let null = if column.nullable { "null" } else { "set" };
        text.push_str(&format!("{} {} {null}\n", column.name, column.kind));
    }
    let digest = Sha256::digest(text.as_bytes());
    let mut short = [0; 16];
    short.copy_from_slice(&digest[..16]);
    Fingerprint(short)
}

/// The Arrow type of a column type.
pub fn arrow_type(kind: ColumnType) -> DataType {
    match kind {
        ColumnType::Fixed(fixed) => arrow_fixed(fixed),
        ColumnType::Utf8 => DataType::Utf8,
        ColumnType::Binary => DataType::Binary,
        ColumnType::List(item) => DataType::List(Arc::new(list_item(item))),
        ColumnType::Dictionary(key) => {
            DataType::Dictionary(Box::new(arrow_fixed(key.fixed())), Box::new(DataType::Utf8))
        }
    }
}

/// The Arrow field of a list's items.
pub fn list_item(item: Fixed) -> Field {
    Field::new("item", arrow_fixed(item), false)
}

fn arrow_fixed(fixed: Fixed) -> DataType {
    match fixed {
        Fixed::Int8 => DataType::Int8,
        Fixed::Int16 => DataType::Int16,
        Fixed::Int32 => DataType::Int32,
        Fixed::Int64 => DataType::Int64,
        Fixed::Float32 => DataType::Float32,
        Fixed::Float64 => DataType::Float64,
        Fixed::TimestampNs => DataType::Timestamp(TimeUnit::Nanosecond, None),
        Fixed::Date32 => DataType::Date32,
        Fixed::Decimal128 { precision, scale } => DataType::Decimal128(precision, scale),
        Fixed::Bytes(count) => DataType::FixedSizeBinary(i32::from(count)),
    }
}

fn column_type(field: &Field) -> Result<ColumnType, SchemaError> {
    if field.data_type() == &DataType::Utf8View || field.data_type() == &DataType::LargeUtf8 {
        return Ok(ColumnType::Utf8);
    }
    if field.data_type() == &DataType::BinaryView || field.data_type() == &DataType::LargeBinary {
        return Ok(ColumnType::Binary);
    }
    let kind = match field.data_type() {
        DataType::Utf8 => Some(ColumnType::Utf8),
        DataType::Binary => Some(ColumnType::Binary),
        DataType::List(item) | DataType::LargeList(item) => {
            fixed_type(item.data_type()).map(ColumnType::List)
        }
        DataType::Dictionary(key, value) if is_text(value) => match **key {
            DataType::Int8 => Some(ColumnType::Dictionary(Key::Int8)),
            DataType::Int16 => Some(ColumnType::Dictionary(Key::Int16)),
            // Polars and pandas have unsigned codes; ours are signed, with room for as many.
            DataType::Int32 | DataType::UInt8 | DataType::UInt16 | DataType::UInt32 => {
                Some(ColumnType::Dictionary(Key::Int32))
            }
            _ => None,
        },
        other => fixed_type(other).map(ColumnType::Fixed),
    };
    kind.ok_or_else(|| SchemaError::Type {
        column: field.name().clone(),
        found: field.data_type().to_string(),
        hint: hint(field.data_type()),
    })
}

fn is_text(kind: &DataType) -> bool {
    matches!(kind, DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View)
}

fn fixed_type(kind: &DataType) -> Option<Fixed> {
    Some(match kind {
        DataType::Int8 => Fixed::Int8,
        DataType::Int16 => Fixed::Int16,
        DataType::Int32 => Fixed::Int32,
        DataType::Int64 => Fixed::Int64,
        DataType::Float32 => Fixed::Float32,
        DataType::Float64 => Fixed::Float64,
        DataType::Timestamp(TimeUnit::Nanosecond, None) => Fixed::TimestampNs,
        DataType::Date32 => Fixed::Date32,
        DataType::Decimal128(precision, scale) if *scale >= 0 => {
            Fixed::Decimal128 { precision: *precision, scale: *scale }
        }
        DataType::FixedSizeBinary(count) if (1..=1024).contains(count) => {
            Fixed::Bytes(u16::try_from(*count).ok()?)
        }
        _ => return None,
    })
}

fn hint(kind: &DataType) -> &'static str {
    match kind {
        DataType::Boolean => "; store booleans as int8",
        DataType::Timestamp(_, Some(_)) => "; convert to UTC and drop the zone",
        DataType::Timestamp(..) => "; cast to nanoseconds",
        DataType::UInt8 | DataType::UInt16 | DataType::UInt32 | DataType::UInt64 => {
            "; cast to a signed integer"
        }
        _ => "",
    }
}

#[cfg(test)]
mod tests;
