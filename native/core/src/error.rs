//! The coarse kinds of failure that users meet. Each crate keeps its own rich error enum and maps
//! every variant to one kind; the Python package has one exception class per kind.

/// What went wrong, in terms of what the caller should do next.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The input is wrong: fix the call, the file or the configuration.
    Invalid,
    /// The named thing does not exist: check the name or the path.
    NotFound,
    /// Somebody else holds it or was there first: stop, or work on another one.
    Conflict,
    /// A resource is away or used up (disk, network, consumer): free it or wait, then retry.
    Unavailable,
    /// Stored bytes are not what was written: do not trust them; run `verify`.
    Corrupt,
    /// A pre-trade check said no: the order was not sent.
    RiskRejected,
    /// The venue said no.
    VenueRejected,
    /// The object was closed: open a new one.
    Closed,
    /// A bug of ours: stop trading, then report it.
    Internal,
}

impl ErrorKind {
    /// Every kind, in the order of the documentation.
    pub const ALL: [Self; 9] = [
        Self::Invalid,
        Self::NotFound,
        Self::Conflict,
        Self::Unavailable,
        Self::Corrupt,
        Self::RiskRejected,
        Self::VenueRejected,
        Self::Closed,
        Self::Internal,
    ];

    /// Whether the same call may succeed later with nothing changed by the caller.
    pub const fn retryable(self) -> bool {
        matches!(self, Self::Unavailable)
    }

    /// The name that Python classes and logs use.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Invalid => "Invalid",
            Self::NotFound => "NotFound",
            Self::Conflict => "Conflict",
            Self::Unavailable => "Unavailable",
            Self::Corrupt => "Corrupt",
            Self::RiskRejected => "RiskRejected",
            Self::VenueRejected => "VenueRejected",
            Self::Closed => "Closed",
            Self::Internal => "Internal",
        }
    }
}
