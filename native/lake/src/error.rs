//! What can go wrong with files of the lake, each case with the place, the value and what was
//! expected.

use std::path::{Path, PathBuf};

use arrow_array::RecordBatch;
use arrow_schema::ArrowError;
use parquet::errors::ParquetError;
use rustonite_core::ErrorKind;

/// Result of an operation on the lake.
pub type Result<T, E = LakeError> = std::result::Result<T, E>;

/// Why rows could not be had from whoever hands them over; passed on as it is.
pub type SourceError = Box<dyn std::error::Error + Send + Sync>;

/// Where rows come from, batch by batch; `None` is the end.
pub trait Source {
    /// The next rows.
    ///
    /// # Errors
    /// Whatever keeps the source from going on.
    fn next(&mut self) -> Result<Option<RecordBatch>, SourceError>;
}

/// Why an operation on the lake failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LakeError {
    /// The operating system said no.
    #[error("{path}: {doing}: {source}")]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What was being done.
        doing: &'static str,
        /// What the system answered.
        source: std::io::Error,
    },
    /// Stored bytes are not what a lake writes.
    #[error("{path}: {what}: found {found}, expected {expected}")]
    Corrupt {
        /// The file.
        path: PathBuf,
        /// The part of it.
        what: String,
        /// What the file says.
        found: String,
        /// What it should say.
        expected: String,
    },
    /// A file that is no readable Parquet.
    #[error("{path}: {doing}: {source}")]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What was being done.
        doing: &'static str,
        /// What the decoder said.
        source: ParquetError,
    },
    /// A value that cannot be stored.
    #[error("{}column {column:?}{}: found {found}, expected {expected}", of_file(.path), at_row(.row))]
    Value {
        /// The file it was read from, if any.
        path: Option<PathBuf>,
        /// The column.
        column: String,
        /// Row, counted from the first of the input, if one is to blame.
        row: Option<u64>,
        /// The offending value or type.
        found: String,
        /// What the column takes.
        expected: String,
    },
    /// An argument out of range.
    #[error("{name}: found {found}, expected {expected}")]
    Argument {
        /// The argument.
        name: &'static str,
        /// Its value.
        found: String,
        /// What is allowed.
        expected: String,
    },
    /// The rows' source failed.
    #[error("{0}")]
    Source(SourceError),
    /// The encoder refused what it was given.
    #[error("{path}: writing: {source}")]
    Encode {
        /// The file.
        path: PathBuf,
        /// What the encoder said.
        source: ParquetError,
    },
    /// A kernel refused arrays that were checked before.
    #[error("{doing}: {source}")]
    Kernel {
        /// What was being done.
        doing: &'static str,
        /// What the kernel said.
        source: ArrowError,
    },
    /// A thread panicked.
    #[error("a bug in rustonite, please report it: {0}")]
    Bug(&'static str),
    /// The caller asked to stop.
    #[error("stopped")]
    Stopped,
}

#[allow(clippy::ref_option, reason = "what the derive passes")]
fn of_file(path: &Option<PathBuf>) -> String {
    path.as_ref().map(|path| format!("{}: ", path.display())).unwrap_or_default()
}

#[allow(clippy::ref_option, reason = "what the derive passes")]
fn at_row(row: &Option<u64>) -> String {
    row.map(|row| format!(", row {row}")).unwrap_or_default()
}

#[allow(clippy::needless_pass_by_value, reason = "callers hand over literals and temporaries")]
impl LakeError {
    /// The coarse kind, for callers that only need to know what to do next.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Io { source, .. } => match source.kind() {
                std::io::ErrorKind::NotFound => ErrorKind::NotFound,
                std::io::ErrorKind::AlreadyExists => ErrorKind::Conflict,
                std::io::ErrorKind::UnexpectedEof => ErrorKind::Corrupt,
                std::io::ErrorKind::PermissionDenied
                | std::io::ErrorKind::InvalidInput
                | std::io::ErrorKind::InvalidFilename
                | std::io::ErrorKind::ReadOnlyFilesystem
                | std::io::ErrorKind::IsADirectory
                | std::io::ErrorKind::NotADirectory => ErrorKind::Invalid,
                _ => ErrorKind::Unavailable,
            },
            // What a file holds is its writer's fault, not the caller's.
            Self::Corrupt { .. } | Self::Unreadable { .. } | Self::Value { path: Some(_), .. } => {
                ErrorKind::Corrupt
            }
            Self::Value { path: None, .. } | Self::Argument { .. } | Self::Source(_) => {
                ErrorKind::Invalid
            }
            Self::Encode { .. } | Self::Kernel { .. } | Self::Bug(_) => ErrorKind::Internal,
            Self::Stopped => ErrorKind::Closed,
        }
    }

    pub(crate) fn corrupt(
        path: &Path,
        what: impl Into<String>,
        found: impl ToString,
        expected: impl ToString,
    ) -> Self {
        Self::Corrupt {
            path: path.to_owned(),
            what: what.into(),
            found: found.to_string(),
            expected: expected.to_string(),
        }
    }

    pub(crate) fn value(
        path: Option<&Path>,
        column: &str,
        row: Option<u64>,
        found: impl ToString,
        expected: impl ToString,
    ) -> Self {
        Self::Value {
            path: path.map(Path::to_owned),
            column: column.to_owned(),
            row,
            found: found.to_string(),
            expected: expected.to_string(),
        }
    }

    pub(crate) fn argument(
        name: &'static str,
        found: impl ToString,
        expected: impl ToString,
    ) -> Self {
        Self::Argument { name, found: found.to_string(), expected: expected.to_string() }
    }

    /// The system error that a Parquet error wraps, or the Parquet error.
    pub(crate) fn of_parquet(
        path: &Path,
        source: ParquetError,
        doing: &'static str,
        wrap: impl FnOnce(PathBuf, ParquetError) -> Self,
    ) -> Self {
        match source {
            ParquetError::External(inner) => match inner.downcast::<std::io::Error>() {
                Ok(source) => Self::Io { path: path.to_owned(), doing, source: *source },
                Err(inner) => wrap(path.to_owned(), ParquetError::External(inner)),
            },
            other => wrap(path.to_owned(), other),
        }
    }

    /// A failure to read a Parquet file.
    pub(crate) fn reading(path: &Path, source: ParquetError) -> Self {
        let doing = "reading";
        let wrap = |path, source| Self::Unreadable { path, doing, source };
        Self::of_parquet(path, source, doing, wrap)
    }

    /// A failure to decode batches of a Parquet file.
    pub(crate) fn decoding(path: &Path, source: ArrowError) -> Self {
        match source {
            ArrowError::ExternalError(inner) => match inner.downcast::<ParquetError>() {
                Ok(source) => Self::reading(path, *source),
                Err(inner) => Self::reading(path, ParquetError::External(inner)),
            },
            ArrowError::IoError(_, source) => {
                Self::Io { path: path.to_owned(), doing: "reading", source }
            }
            ArrowError::ParquetError(text) => Self::reading(path, ParquetError::General(text)),
            other => Self::reading(path, ParquetError::ArrowError(other.to_string())),
        }
    }

    /// A failure to write a Parquet file.
    pub(crate) fn writing(path: &Path, source: ParquetError) -> Self {
        Self::of_parquet(path, source, "writing", |path, source| Self::Encode { path, source })
    }
}

/// Adds the path and the deed to a system error.
pub(crate) trait While<T> {
    fn doing(self, path: &Path, doing: &'static str) -> Result<T>;
}

impl<T, E: Into<std::io::Error>> While<T> for std::result::Result<T, E> {
    fn doing(self, path: &Path, doing: &'static str) -> Result<T> {
        self.map_err(|source| LakeError::Io { path: path.to_owned(), doing, source: source.into() })
    }
}

/// Adds the deed to a kernel's error.
pub(crate) trait InKernel<T> {
    fn kernel(self, doing: &'static str) -> Result<T>;
}

impl<T> InKernel<T> for std::result::Result<T, ArrowError> {
    fn kernel(self, doing: &'static str) -> Result<T> {
        self.map_err(|source| LakeError::Kernel { doing, source })
    }
}
