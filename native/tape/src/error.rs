//! What can go wrong with a tape, each case with the place, the value and what was expected.

use std::path::{Path, PathBuf};

use rustonite_core::{ErrorKind, schema::SchemaError};

/// Result of a tape operation.
pub type Result<T, E = TapeError> = std::result::Result<T, E>;

/// Why a tape operation failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TapeError {
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
    /// Nothing there that could be a tape.
    #[error("{path}: no tape here (expected a folder with a tape.toml); {hint}")]
    NotATape {
        /// The folder.
        path: PathBuf,
        /// What to do.
        hint: &'static str,
    },
    /// A tape is already there.
    #[error("{path}: a tape is already here; open it instead")]
    AlreadyExists {
        /// The folder.
        path: PathBuf,
    },
    /// Stored bytes are not what a tape writes.
    #[error("{path}: {what}: found {found}, expected {expected}")]
    Corrupt {
        /// The file.
        path: PathBuf,
        /// The field or part.
        what: String,
        /// What the file says.
        found: String,
        /// What it should say.
        expected: String,
    },
    /// Written by a newer or foreign build.
    #[error("{path}: {what}: found {found}, this build reads {expected}")]
    Unsupported {
        /// The file.
        path: PathBuf,
        /// The field.
        what: &'static str,
        /// What the file says.
        found: String,
        /// What this build can read.
        expected: String,
    },
    /// Somebody else writes this tape.
    #[error("{path}: already open for writing by process {owner}; a tape has one writer")]
    SecondWriter {
        /// The tape.
        path: PathBuf,
        /// What the lock file says of the owner.
        owner: String,
    },
    /// The rows have another layout than the tape.
    #[error("{path}: tape holds {found}, expected {expected}")]
    OtherSchema {
        /// The tape.
        path: PathBuf,
        /// Dataset, version and fingerprint on disk.
        found: String,
        /// Dataset, version and fingerprint asked for.
        expected: String,
    },
    /// A schema that cannot be stored.
    #[error(transparent)]
    Schema(#[from] SchemaError),
    /// A value that cannot be stored.
    #[error("column {column:?}{}: found {found}, expected {expected}", at_row(.row))]
    Value {
        /// The column.
        column: String,
        /// Row within the append, if one is to blame.
        row: Option<usize>,
        /// The offending value or type.
        found: String,
        /// What the column takes.
        expected: String,
    },
    /// A setting out of range.
    #[error("setting {name}: found {found}, expected {expected}")]
    Setting {
        /// The setting.
        name: &'static str,
        /// Its value.
        found: String,
        /// What is allowed.
        expected: String,
    },
    /// One event has more rows than a segment.
    #[error(
        "{pending} rows wait for one commit but a segment of this tape holds {capacity}; \
         commit more often or create the tape with larger segments"
    )]
    EventTooLarge {
        /// Uncommitted rows.
        pending: usize,
        /// Rows of a segment.
        capacity: usize,
    },
    /// Old segments may not be removed and no new one may be added.
    #[error(
        "{path}: {segments} segments are kept, the bound of this tape, because consumer \
         {consumer:?} has only read to row {row}; let it catch up, forget it, or raise segments_max"
    )]
    ConsumerBehind {
        /// The tape.
        path: PathBuf,
        /// Segments that exist.
        segments: usize,
        /// The consumer that is furthest behind.
        consumer: String,
        /// Its cursor.
        row: u64,
    },
    /// An fsync failed, so the system may have dropped rows that are not on disk yet.
    #[error(
        "{path}: the storage failed ({cause}); nothing more is taken. Open the tape again when the \
         storage is sound"
    )]
    StorageFailed {
        /// The tape.
        path: PathBuf,
        /// The first failure.
        cause: String,
    },
    /// The object was closed.
    #[error("{path}: this handle was closed")]
    Closed {
        /// The tape.
        path: PathBuf,
    },
    /// A file that was there is gone.
    #[error("{path}: {what} is gone")]
    Gone {
        /// The folder or file.
        path: PathBuf,
        /// What it was.
        what: &'static str,
    },
}

#[allow(clippy::ref_option, reason = "what the derive passes")]
fn at_row(row: &Option<usize>) -> String {
    row.map(|row| format!(", row {row}")).unwrap_or_default()
}

#[allow(clippy::needless_pass_by_value, reason = "callers hand over literals and temporaries")]
impl TapeError {
    /// The coarse kind, for callers that only need to know what to do next.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Io { source, .. } => match source.kind() {
                std::io::ErrorKind::NotFound => ErrorKind::NotFound,
                std::io::ErrorKind::PermissionDenied
                | std::io::ErrorKind::InvalidInput
                | std::io::ErrorKind::ReadOnlyFilesystem
                | std::io::ErrorKind::NotADirectory => ErrorKind::Invalid,
                _ => ErrorKind::Unavailable,
            },
            Self::NotATape { .. } | Self::Gone { .. } => ErrorKind::NotFound,
            Self::AlreadyExists { .. } | Self::SecondWriter { .. } => ErrorKind::Conflict,
            Self::Corrupt { .. } => ErrorKind::Corrupt,
            Self::Unsupported { .. }
            | Self::OtherSchema { .. }
            | Self::Schema(_)
            | Self::Value { .. }
            | Self::Setting { .. }
            | Self::EventTooLarge { .. } => ErrorKind::Invalid,
            Self::ConsumerBehind { .. } | Self::StorageFailed { .. } => ErrorKind::Unavailable,
            Self::Closed { .. } => ErrorKind::Closed,
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
        column: &str,
        row: Option<usize>,
        found: impl ToString,
        expected: impl ToString,
    ) -> Self {
        Self::Value {
            column: column.to_owned(),
            row,
            found: found.to_string(),
            expected: expected.to_string(),
        }
    }
}

/// Adds the path and the deed to a system error.
pub(crate) trait While<T> {
    fn doing(self, path: &Path, doing: &'static str) -> Result<T>;
}

impl<T, E: Into<std::io::Error>> While<T> for std::result::Result<T, E> {
    fn doing(self, path: &Path, doing: &'static str) -> Result<T> {
        self.map_err(|source| TapeError::Io { path: path.to_owned(), doing, source: source.into() })
    }
}
