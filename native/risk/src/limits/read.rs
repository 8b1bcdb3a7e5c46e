//! TOML to limits. Numbers are read by their digits, never as floats.

use std::borrow::Cow;
use std::collections::BTreeMap;

use rustonite_core::datasets::RiskScope;
use rustonite_core::hint::hint;
use rustonite_core::{Amount, Decimal};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::{Limits, LimitsError, Section, Setting, scopes_of};
use crate::code::Unit;
use crate::key::{Key, Sense};
use crate::rules::MONEY_MAX;

const TOP: [&str; 8] =
    ["version", "currency", "restricted", "all", "venue", "account", "strategy", "instrument"];
/// Most requests whose times are kept.
const MESSAGES_MAX: i128 = 1_000_000;

type Entry<'a> = (&'a Spanned<Cow<'a, str>>, &'a Spanned<DeValue<'a>>);

pub(super) fn limits(place: &str, text: &str) -> Result<Limits, LimitsError> {
    let reader = Reader { place, text };
    let table = DeTable::parse(text).map_err(|error| {
        let start = error.span().map_or(0, |span| span.start);
        reader.wrong(start, error.message().trim_end().to_owned())
    })?;
    let mut limits = Limits::default();
    for entry in table.get_ref() {
        reader.top(&mut limits, entry)?;
    }
    for (key, is_missing) in
        [("version", limits.version == 0), ("currency", limits.currency.is_empty())]
    {
        if is_missing {
            return Err(reader.wrong(0, format!("{key}: found none, expected it at the top")));
        }
    }
    Ok(limits)
}

struct Reader<'a> {
    place: &'a str,
    text: &'a str,
}

impl Reader<'_> {
    fn wrong(&self, start: usize, problem: String) -> LimitsError {
        let line = self.text.bytes().take(start).filter(|byte| *byte == b'\n').count() + 1;
        LimitsError::Wrong { place: format!("{}:{line}", self.place), problem }
    }

    fn unexpected(&self, name: &str, value: &Spanned<DeValue<'_>>, expected: &str) -> LimitsError {
        let span = value.span();
        let found = self.text.get(span.clone()).unwrap_or_default();
        self.wrong(span.start, format!("{name}: found {found}, expected {expected}"))
    }

    fn unknown<'b>(
        &self,
        path: &str,
        key: &Spanned<Cow<'_, str>>,
        known: impl Iterator<Item = &'b str>,
    ) -> LimitsError {
        let name = key.get_ref();
        self.wrong(key.span().start, format!("{path}{name}: unknown key; {}", hint(name, known)))
    }

    fn top(&self, limits: &mut Limits, (key, value): Entry<'_>) -> Result<(), LimitsError> {
        match key.get_ref().as_ref() {
            "version" => limits.version = self.version(value)?,
            "currency" => limits.currency = self.name("currency", value)?,
            "restricted" => {
                let expected = "a list of \"venue:SYMBOL\"";
                let DeValue::Array(items) = value.get_ref() else {
                    return Err(self.unexpected("restricted", value, expected));
                };
                let names = items.iter().map(|item| self.name("restricted", item));
                limits.restricted = names.collect::<Result<_, _>>()?;
            }
            "all" => limits.all = self.section(RiskScope::All, "all", value)?,
            "venue" => limits.venues = self.sections(RiskScope::Venue, value)?,
            "account" => limits.accounts = self.sections(RiskScope::Account, value)?,
            "strategy" => limits.strategies = self.sections(RiskScope::Strategy, value)?,
            "instrument" => limits.instruments = self.sections(RiskScope::Instrument, value)?,
            _ => return Err(self.unknown("", key, TOP.into_iter())),
        }
        Ok(())
    }

    fn version(&self, value: &Spanned<DeValue<'_>>) -> Result<i64, LimitsError> {
        let found = match value.get_ref() {
            DeValue::Integer(whole) => i64::from_str_radix(whole.as_str(), whole.radix()).ok(),
            _ => None,
        };
        let positive = found.filter(|version| *version > 0);
        positive.ok_or_else(|| self.unexpected("version", value, "a whole number from 1"))
    }

    fn name(&self, key: &str, value: &Spanned<DeValue<'_>>) -> Result<Box<str>, LimitsError> {
        match value.get_ref() {
            DeValue::String(text) if !text.is_empty() => Ok(text.as_ref().into()),
            _ => Err(self.unexpected(key, value, "a text")),
        }
    }

    fn sections(
        &self,
        scope: RiskScope,
        value: &Spanned<DeValue<'_>>,
    ) -> Result<BTreeMap<Box<str>, Section>, LimitsError> {
        let DeValue::Table(table) = value.get_ref() else {
            let expected = format!("tables such as [{}.NAME]", scope.name());
            return Err(self.unexpected(scope.name(), value, &expected));
        };
        let read = |(name, value): Entry<'_>| {
            let path = format!("{}.{}", scope.name(), name.get_ref());
            Ok((name.get_ref().as_ref().into(), self.section(scope, &path, value)?))
        };
        table.iter().map(read).collect()
    }

    fn section(
        &self,
        scope: RiskScope,
        path: &str,
        value: &Spanned<DeValue<'_>>,
    ) -> Result<Section, LimitsError> {
        let DeValue::Table(table) = value.get_ref() else {
            return Err(self.unexpected(path, value, "a table of limits"));
        };
        let mut section = Section::default();
        for (word, value) in table {
            let legal = || Key::ALL.iter().filter(|key| key.is_legal_in(scope));
            let Some(key) = Key::parse(word.get_ref()) else {
                let path = format!("{path}.");
                return Err(self.unknown(&path, word, legal().map(|key| key.name())));
            };
            let name = format!("{path}.{}", key.name());
            if !key.is_legal_in(scope) {
                let problem = format!(
                    "{name}: cannot be set for {}, only for {}",
                    scope.name(),
                    scopes_of(key)
                );
                return Err(self.wrong(word.span().start, problem));
            }
            section.set(key, self.setting(key, &name, value)?);
        }
        Ok(section)
    }

    fn setting(
        &self,
        key: Key,
        name: &str,
        value: &Spanned<DeValue<'_>>,
    ) -> Result<Setting, LimitsError> {
        match (value.get_ref(), key.sense()) {
            (DeValue::Boolean(on), Sense::Switch) => Ok(Setting::Switch(*on)),
            (_, Sense::Switch) => Err(self.unexpected(name, value, "true or false")),
            (DeValue::String(text), _) if text == "none" => Ok(Setting::Open),
            (DeValue::Table(table), Sense::Most) if key.can_warn() => {
                self.pair(key, name, value, table)
            }
            _ => {
                let hard = self.number(key, name, value)?;
                Ok(Setting::Number { hard, soft: hard })
            }
        }
    }

    /// `{ max = …, warn = … }`.
    fn pair(
        &self,
        key: Key,
        name: &str,
        value: &Spanned<DeValue<'_>>,
        table: &DeTable<'_>,
    ) -> Result<Setting, LimitsError> {
        let (mut hard, mut soft) = (None, None);
        for (word, value) in table {
            let read = Some(self.number(key, &format!("{name}.{}", word.get_ref()), value));
            match word.get_ref().as_ref() {
                "max" => hard = read.transpose()?,
                "warn" => soft = read.transpose()?,
                _ => {
                    return Err(self.unknown(
                        &format!("{name}."),
                        word,
                        ["max", "warn"].into_iter(),
                    ));
                }
            }
        }
        match (hard, soft) {
            (Some(hard), Some(soft)) if soft <= hard => Ok(Setting::Number { hard, soft }),
            _ => Err(self.unexpected(name, value, "`max`, and a `warn` that is no larger")),
        }
    }

    fn number(
        &self,
        key: Key,
        name: &str,
        value: &Spanned<DeValue<'_>>,
    ) -> Result<Amount, LimitsError> {
        let digits = match value.get_ref() {
            DeValue::Integer(whole) if whole.radix() == 10 => whole.as_str(),
            DeValue::Float(number) => number.as_str(),
            DeValue::String(text) => text.as_ref(),
            _ => "",
        };
        let amount = Decimal::parse(digits.as_bytes()).and_then(Amount::from_decimal).ok();
        let fits = amount.filter(|amount| fits(key, *amount));
        fits.ok_or_else(|| self.unexpected(name, value, &expected(key)))
    }
}

fn least(key: Key) -> i128 {
    let must_be_positive = key.sense() == Sense::Least && key != Key::CancelReserve;
    i128::from(must_be_positive || most(key) == MESSAGES_MAX)
}

fn most(key: Key) -> i128 {
    match key {
        Key::MessagesPerS | Key::MessagesPer10S => MESSAGES_MAX,
        _ => match key.unit() {
            Unit::Money => MONEY_MAX,
            // A million percent and a million times as much, in hundredths.
            Unit::Bps | Unit::Ratio => 100_000_000,
            _ => i128::from(i64::MAX),
        },
    }
}

fn fits(key: Key, amount: Amount) -> bool {
    let whole = key.unit().whole(amount);
    let in_range = whole >= least(key) && (whole <= most(key) || key.unit() == Unit::Size);
    in_range && key.unit().amount(whole) == amount
}

fn expected(key: Key) -> String {
    let from = if least(key) == 0 { "a number from 0" } else { "a number above 0" };
    let decimals = match key.unit().decimals() {
        0 => " without decimals".to_owned(),
        places => format!(" with at most {places} decimals"),
    };
    let to =
        if most(key) == MESSAGES_MAX { format!(", at most {MESSAGES_MAX}") } else { String::new() };
    let unit = key.unit().name();
    let unit = if unit.is_empty() { String::new() } else { format!(" ({unit})") };
    format!("{from}{decimals}{to}{unit}, or \"none\"")
}
