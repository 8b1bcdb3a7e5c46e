//! Limits as they are written: for which scope, how hard, in which version.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use rustonite_core::datasets::RiskScope;
use rustonite_core::hint::hint;
use rustonite_core::{Amount, ErrorKind};

use crate::code::Unit;
use crate::directory::{Directory, MANUAL};
use crate::key::{Key, Place, Sense};

mod read;
#[cfg(test)]
mod tests;

/// What a section says about a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Setting {
    /// `"none"`: no limit, on purpose.
    Open,
    /// A number: what denies and what warns. Both are equal where nothing warns.
    Number {
        /// Denies what is beyond it.
        hard: Amount,
        /// Warns of what is beyond it.
        soft: Amount,
    },
    /// Whether the check is made.
    Switch(bool),
}

/// What one scope says. A key that it does not name is left to the other scopes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Section([Option<Setting>; Key::COUNT]);

impl Default for Section {
    fn default() -> Self {
        Self([None; Key::COUNT])
    }
}

impl Section {
    /// What it says about a key.
    pub fn get(&self, key: Key) -> Option<Setting> {
        self.0[key.index()]
    }

    /// Sets a key.
    pub fn set(&mut self, key: Key, setting: Setting) {
        self.0[key.index()] = Some(setting);
    }

    /// The same, with every key that it does not name left open on purpose.
    #[must_use]
    pub fn or_open(mut self, scope: RiskScope) -> Self {
        for key in Key::ALL.iter().filter(|key| key.is_legal_in(scope)) {
            let open = match key.sense() {
                Sense::Switch => Setting::Switch(false),
                Sense::Most | Sense::Least => Setting::Open,
            };
            self.0[key.index()].get_or_insert(open);
        }
        self
    }

    /// The keys that it names.
    pub(crate) fn keys(&self) -> u64 {
        let named = |key: &&Key| self.get(**key).is_some();
        Key::ALL.iter().filter(named).fold(0, |set, key| set | key.bit())
    }

    /// The limit that denies, in whole units of the key.
    pub(crate) fn hard(&self, key: Key) -> Option<i128> {
        match self.get(key)? {
            Setting::Number { hard, .. } => Some(key.unit().whole(hard)),
            Setting::Switch(on) => Some(i128::from(on)),
            Setting::Open => None,
        }
    }

    /// The limit that warns or denies.
    pub(crate) fn soft(&self, key: Key) -> Option<i128> {
        match self.get(key)? {
            Setting::Number { soft, .. } => Some(key.unit().whole(soft)),
            _ => self.hard(key),
        }
    }
}

impl Key {
    /// Whether it may stand in the section of a scope.
    pub fn is_legal_in(self, scope: RiskScope) -> bool {
        use RiskScope::{Account, All, Instrument, Order, Strategy, Venue};
        match self.place() {
            Place::Any | Place::SeatsAndInstrument => scope != Order,
            Place::Instrument => matches!(scope, All | Venue | Instrument),
            Place::Seats => matches!(scope, All | Venue | Account | Strategy),
            Place::Venue => matches!(scope, All | Venue),
        }
    }
}

impl Unit {
    /// Decimals that limits of this unit may have.
    pub(crate) const fn decimals(self) -> u32 {
        match self {
            Self::None | Self::Count => 0,
            Self::Bps | Self::Ratio => 2,
            Self::Ms => 6,
            Self::Money | Self::Asset | Self::Price | Self::Size => 18,
        }
    }

    /// An amount in whole numbers of the last decimal: bps in millionths, ms in ns.
    pub(crate) fn whole(self, amount: Amount) -> i128 {
        amount.0 / 10_i128.pow(18 - self.decimals())
    }

    /// The way back.
    pub(crate) fn amount(self, whole: i128) -> Amount {
        Amount(whole.saturating_mul(10_i128.pow(18 - self.decimals())))
    }
}

/// Every limit of a process.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Limits {
    /// Counts up with each change.
    pub version: i64,
    /// The currency that money limits are in.
    pub currency: Box<str>,
    /// Instruments that must not be traded, as `venue:SYMBOL`.
    pub restricted: Vec<Box<str>>,
    /// What holds for everything.
    pub all: Section,
    /// What holds for a market.
    pub venues: BTreeMap<Box<str>, Section>,
    /// What holds for an account.
    pub accounts: BTreeMap<Box<str>, Section>,
    /// What holds for a strategy.
    pub strategies: BTreeMap<Box<str>, Section>,
    /// What holds for an instrument, by `venue:SYMBOL`.
    pub instruments: BTreeMap<Box<str>, Section>,
}

/// What is wrong with limits.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LimitsError {
    /// The file cannot be used.
    #[error("{place}: {problem}")]
    Wrong {
        /// File and line.
        place: String,
        /// Key, value, and what was expected.
        problem: String,
    },
    /// They name something that is not in the directory.
    #[error("limits: unknown {what} {name:?}; {hint}")]
    UnknownName {
        /// What it should name.
        what: &'static str,
        /// The name.
        name: String,
        /// Names that are like it, or all.
        hint: String,
    },
    /// They are in another currency than the process reports in.
    #[error("limits: currency: found {found:?}, expected {expected:?}")]
    Currency {
        /// What they say.
        found: Box<str>,
        /// What the directory says.
        expected: Box<str>,
    },
    /// They are older than those in force, or other limits have the same version.
    #[error("limits: version: found {found}, expected more than {current}")]
    Version {
        /// What they say.
        found: i64,
        /// What is in force.
        current: i64,
    },
}

impl LimitsError {
    /// What a caller should do.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Wrong { .. } | Self::Currency { .. } => ErrorKind::Invalid,
            Self::UnknownName { .. } => ErrorKind::NotFound,
            Self::Version { .. } => ErrorKind::Conflict,
        }
    }
}

impl Limits {
    /// Reads limits. `place` names the file in errors.
    ///
    /// # Errors
    /// Text that is no TOML, keys that do not exist or do not belong to their section, values of
    /// the wrong kind.
    pub fn parse(place: &str, text: &str) -> Result<Self, LimitsError> {
        read::limits(place, text)
    }

    /// Sections of a scope that has names.
    pub(crate) fn named(&self, scope: RiskScope) -> Option<&BTreeMap<Box<str>, Section>> {
        match scope {
            RiskScope::Venue => Some(&self.venues),
            RiskScope::Account => Some(&self.accounts),
            RiskScope::Strategy => Some(&self.strategies),
            RiskScope::Instrument => Some(&self.instruments),
            RiskScope::All | RiskScope::Order => None,
        }
    }

    pub(crate) fn check_names(&self, directory: &Directory) -> Result<(), LimitsError> {
        if self.currency != directory.currency {
            let (found, expected) = (self.currency.clone(), directory.currency.clone());
            return Err(LimitsError::Currency { found, expected });
        }
        self.check_names_among(&directory.names())
    }

    /// Looks whether every section and every restriction is of something that there is.
    ///
    /// # Errors
    /// The first name that is not among those of its scope, with the nearest ones.
    pub fn check_names_among(
        &self,
        known: &[(RiskScope, Vec<Box<str>>)],
    ) -> Result<(), LimitsError> {
        for (scope, known) in known {
            let named = self.named(*scope).into_iter().flat_map(BTreeMap::keys);
            named.map(AsRef::as_ref).try_for_each(|name| check_name(scope.name(), name, known))?;
            if *scope == RiskScope::Instrument {
                let restricted = self.restricted.iter().map(AsRef::as_ref);
                restricted.clone().try_for_each(|name| check_name("instrument", name, known))?;
            }
        }
        Ok(())
    }

    /// What is in force, for people.
    pub fn describe(&self) -> String {
        let mut text = format!("version {}, money in {}\n", self.version, self.currency);
        if !self.restricted.is_empty() {
            let _ = writeln!(text, "restricted: {}", self.restricted.join(", "));
        }
        describe_section(&mut text, "all", &self.all);
        for scope in
            [RiskScope::Venue, RiskScope::Account, RiskScope::Strategy, RiskScope::Instrument]
        {
            for (name, section) in self.named(scope).into_iter().flatten() {
                describe_section(&mut text, &format!("{} {name}", scope.name()), section);
            }
        }
        text
    }
}

fn check_name(what: &'static str, name: &str, known: &[Box<str>]) -> Result<(), LimitsError> {
    let names = || known.iter().map(AsRef::as_ref);
    if names().any(|one: &str| one == name) {
        return Ok(());
    }
    Err(LimitsError::UnknownName { what, name: name.to_owned(), hint: hint(name, names()) })
}

fn describe_section(text: &mut String, name: &str, section: &Section) {
    let _ = writeln!(text, "{name}");
    for key in Key::ALL {
        let Some(setting) = section.get(*key) else { continue };
        let shown = match setting {
            Setting::Open => "no limit".to_owned(),
            Setting::Switch(on) => if on { "yes" } else { "no" }.to_owned(),
            Setting::Number { hard, soft } => {
                let unit = key.unit().name();
                let warns =
                    if soft == hard { String::new() } else { format!(", warns beyond {soft}") };
                format!("{hard} {unit}{warns}")
            }
        };
        let _ = writeln!(text, "  {}: {shown}", key.name());
    }
}

impl Directory {
    /// Names that sections of limits may have, by scope.
    fn names(&self) -> [(RiskScope, Vec<Box<str>>); 4] {
        let manual = std::iter::once(MANUAL.into());
        [
            (RiskScope::Venue, self.venues.iter().map(|venue| venue.name.clone()).collect()),
            (
                RiskScope::Account,
                self.accounts.iter().map(|account| account.name.clone()).collect(),
            ),
            (RiskScope::Strategy, self.strategies.iter().cloned().chain(manual).collect()),
            (
                RiskScope::Instrument,
                (0..self.instruments.len()).map(|at| self.instrument_name(at)).collect(),
            ),
        ]
    }

    /// `venue:SYMBOL`.
    pub(crate) fn instrument_name(&self, at: usize) -> Box<str> {
        let instrument = &self.instruments[at];
        format!("{}:{}", instrument.venue, instrument.symbol).into()
    }
}

/// The scopes that a key may be set for, for people.
pub(crate) fn scopes_of(key: Key) -> String {
    let scopes = [
        RiskScope::All,
        RiskScope::Venue,
        RiskScope::Account,
        RiskScope::Strategy,
        RiskScope::Instrument,
    ];
    let legal = scopes.into_iter().filter(|scope| key.is_legal_in(*scope));
    legal.map(RiskScope::name).collect::<Vec<_>>().join(", ")
}
