use rustonite_core::ErrorKind;
use rustonite_core::hint::hint;
use rustonite_tape::TapeError;

/// What can go wrong with a recorder as a whole. What goes wrong with a connection is an event.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FeedError {
    /// The configuration cannot be used.
    #[error("{place}: {problem}")]
    Config {
        /// File, and line or key.
        place: String,
        /// What is wrong with it, and what was expected.
        problem: String,
    },
    /// A name that is not known, with those that are like it.
    #[error("{place}unknown {what} {name:?}; {hint}")]
    Unknown {
        /// File, line and key with a colon, if it came from a configuration.
        place: String,
        /// What it should name.
        what: &'static str,
        /// The name.
        name: String,
        /// Names that are like it, or all.
        hint: String,
    },
    /// A tape cannot be written.
    #[error(transparent)]
    Tape(#[from] TapeError),
    /// The operating system refused something.
    #[error("{doing}: {source}")]
    System {
        /// What was tried.
        doing: String,
        /// Why it failed.
        source: std::io::Error,
    },
}

/// What this crate returns.
pub type Result<T> = std::result::Result<T, FeedError>;

impl FeedError {
    pub(crate) fn config(place: impl Into<String>, problem: impl Into<String>) -> Self {
        Self::Config { place: place.into(), problem: problem.into() }
    }

    pub(crate) fn unknown<'a>(
        what: &'static str,
        name: &str,
        known: impl Iterator<Item = &'a str>,
    ) -> Self {
        let place = String::new();
        Self::Unknown { place, what, name: name.to_owned(), hint: hint(name, known) }
    }

    /// The same error, with the place of an unknown name.
    pub(crate) fn at(self, place: &str) -> Self {
        match self {
            Self::Unknown { what, name, hint, .. } => {
                Self::Unknown { place: format!("{place}: "), what, name, hint }
            }
            other => other,
        }
    }

    /// What a caller should do.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Config { .. } => ErrorKind::Invalid,
            Self::Unknown { .. } => ErrorKind::NotFound,
            Self::Tape(error) => error.kind(),
            Self::System { .. } => ErrorKind::Unavailable,
        }
    }
}
