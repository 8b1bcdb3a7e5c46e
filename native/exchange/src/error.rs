use rustonite_core::ErrorKind;
use rustonite_sim::Reject;

/// Why the local exchange cannot do something.
#[derive(Debug, thiserror::Error)]
pub enum ExchangeError {
    /// A setting or an argument does not fit.
    #[error("{what}: {problem}")]
    Invalid {
        /// Which.
        what: String,
        /// Found and expected.
        problem: String,
    },
    /// No such venue, account, asset or instrument.
    #[error("there is no {what} {name:?}")]
    Unknown {
        /// What it would be.
        what: &'static str,
        /// Its name.
        name: String,
    },
    /// The engine refused a command.
    #[error("refused: {0}")]
    Refused(#[from] Reject),
    /// What was kept of a venue cannot be used.
    #[error("{path}, byte {at}: {problem}")]
    State {
        /// The file.
        path: String,
        /// Where.
        at: u64,
        /// What is wrong with it.
        problem: String,
    },
    /// The system did not let us.
    #[error("{doing}: {source}")]
    System {
        /// What was being done.
        doing: String,
        /// Why not.
        source: std::io::Error,
    },
}

/// What most functions of this crate return.
pub type Result<T> = std::result::Result<T, ExchangeError>;

impl ExchangeError {
    pub(crate) fn invalid(what: &str, problem: impl Into<String>) -> Self {
        Self::Invalid { what: what.to_owned(), problem: problem.into() }
    }

    pub(crate) fn unknown(what: &'static str, name: &str) -> Self {
        Self::Unknown { what, name: name.to_owned() }
    }

    /// The kind that users meet.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Invalid { .. } => ErrorKind::Invalid,
            Self::Unknown { .. } => ErrorKind::NotFound,
            Self::Refused(_) => ErrorKind::VenueRejected,
            Self::State { .. } => ErrorKind::Corrupt,
            Self::System { .. } => ErrorKind::Unavailable,
        }
    }
}
