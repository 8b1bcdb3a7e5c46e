//! Switches that were thrown and states that were set. They survive a restart: the caller keeps
//! [`Latches`] in its journal and hands them back.

use rustonite_core::Amount;
use rustonite_core::datasets::{RiskScope, TradingState};
use serde::{Deserialize, Serialize};

use crate::code::Code;
use crate::directory::Target;

/// A rule or a person changed what is allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Trip {
    /// What for.
    pub target: Target,
    /// Why.
    pub code: Code,
    /// What is still allowed.
    pub state: TradingState,
    /// The limit, in the unit of the code.
    pub limit: Option<Amount>,
    /// The value that met it.
    pub value: Option<Amount>,
    /// When.
    pub ts: i64,
}

impl Trip {
    /// How far it reaches.
    pub fn scope(&self) -> RiskScope {
        self.target.scope()
    }
}

impl Target {
    /// How far it reaches.
    pub fn scope(self) -> RiskScope {
        match self {
            Self::All => RiskScope::All,
            Self::Venue(_) => RiskScope::Venue,
            Self::Account(_) => RiskScope::Account,
            Self::Strategy(_) => RiskScope::Strategy,
            Self::Instrument(_) => RiskScope::Instrument,
            Self::Order(_) => RiskScope::Order,
        }
    }
}

/// A switch as it is kept: with names, since ids are of one run only.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Latch {
    /// `all`, `venue`, `account`, `strategy`, `instrument` or `order`.
    #[serde(with = "scope_word")]
    pub scope: RiskScope,
    /// Name within the scope: of a venue, `venue:SYMBOL`, the number of an order; empty for `all`.
    pub name: String,
    /// Why it was thrown.
    #[serde(with = "code_word")]
    pub code: Code,
    /// What it allows.
    #[serde(with = "state_word")]
    pub state: TradingState,
    /// The limit that was met.
    pub limit: Option<Amount>,
    /// The value that met it.
    pub value: Option<Amount>,
    /// When.
    pub ts: i64,
}

impl Latch {
    /// Whether it is of what is named.
    pub fn is_of(&self, scope: RiskScope, name: &str) -> bool {
        self.scope == scope && self.name == name
    }
}

/// Everything that is latched.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Latches(pub Vec<Latch>);

macro_rules! words {
    ($($module:ident $kind:ident $what:literal)*) => {
        $(mod $module {
            use serde::de::Error as _;
            use serde::{Deserialize as _, Deserializer, Serializer};

            use super::$kind;

            pub(super) fn serialize<S: Serializer>(value: &$kind, to: S) -> Result<S::Ok, S::Error> {
                to.serialize_str(value.name())
            }

            pub(super) fn deserialize<'de, D>(from: D) -> Result<$kind, D::Error>
            where
                D: Deserializer<'de>,
            {
                let word = String::deserialize(from)?;
                let wrong = || D::Error::custom(format!("{word:?} is no {}", $what));
                $kind::parse(&word).ok_or_else(wrong)
            }
        })*
    };
}

words! {
    scope_word RiskScope "scope"
    code_word Code "code of a risk check"
    state_word TradingState "trading state"
}
