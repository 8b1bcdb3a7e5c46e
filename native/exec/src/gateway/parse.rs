//! Numbers and names as venues write them.

use rustonite_core::calendar::civil;
use rustonite_core::datasets::OrderSide;
use rustonite_core::{Amount, Decimal};
use rustonite_wire::Json;
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value};

const NS_PER_MS: i64 = 1_000_000;
/// Sums of a hundred amounts below this one still fit.
const AMOUNT_MAX: u128 = 10_u128.pow(36);

/// Executions can be asked for by time for a week at once, at venues that mind.
const SPAN_MS: i64 = 7 * 24 * 3600 * 1000;

pub(super) type Parsed<T = ()> = Result<T, Fault>;

/// Why a message cannot be understood.
#[derive(Debug, thiserror::Error)]
pub(super) enum Fault {
    #[error(transparent)]
    Json(#[from] serde_json::Error),
    #[error(transparent)]
    Number(#[from] rustonite_core::decimal::DecimalError),
    /// An instrument that is not traded here: others may have the account, too.
    #[error("symbol {0:?} is not known")]
    Elsewhere(String),
    #[error("{0}")]
    Other(String),
}

impl Fault {
    pub(super) fn unknown(what: &str, word: &str) -> Self {
        Self::Other(format!("{what} {word:?} is not known"))
    }
}

/// Takes all rows: one that cannot be understood does not hide the others.
pub(super) fn each<T>(rows: &[T], mut take: impl FnMut(&T) -> Parsed) -> Parsed {
    let mut first = Ok(());
    for row in rows {
        let taken = take(row);
        first = match (first, taken) {
            (Err(Fault::Elsewhere(_)), Err(fault)) => Err(fault),
            (first, taken) => first.and(taken),
        };
    }
    first
}

/// Milliseconds as nanoseconds.
pub(super) fn ns(ms: i64) -> i64 {
    ms.saturating_mul(NS_PER_MS)
}

/// Nanoseconds as milliseconds.
pub(super) fn ms(ns: i64) -> i64 {
    ns / NS_PER_MS
}

pub(super) fn amount(text: &str) -> Parsed<Amount> {
    let amount = Amount::from_decimal(Decimal::parse(text.as_bytes())?)?;
    if amount.0.unsigned_abs() > AMOUNT_MAX {
        return Err(Fault::Other(format!("{text} is too large")));
    }
    Ok(amount)
}

/// An empty text or a zero is none.
pub(super) fn some_amount(text: &str) -> Parsed<Option<Amount>> {
    if text.is_empty() {
        return Ok(None);
    }
    Ok(Some(amount(text)?).filter(|amount| *amount != Amount::ZERO))
}

pub(super) fn side(word: &str) -> Parsed<OrderSide> {
    if word.eq_ignore_ascii_case("buy") {
        Ok(OrderSide::Buy)
    } else if word.eq_ignore_ascii_case("sell") {
        Ok(OrderSide::Sell)
    } else {
        Err(Fault::unknown("side", word))
    }
}

/// A moment such as `2026-01-02T03:04:05.678Z`, as a text of JSON.
pub(super) fn moment(text: &RawValue) -> Parsed<i64> {
    let moment = Json::new(text.get().as_bytes()).time_text();
    moment.map_err(|error| Fault::Other(error.to_string()))
}

/// The same the other way round, with so many decimals of a second.
pub(super) fn iso(ns: i64, decimals: usize) -> String {
    const SECOND: i64 = 1_000_000_000;
    const DAY: i64 = 86_400 * SECOND;
    let (year, month, day) = civil(ns.div_euclid(DAY));
    let (second, rest) = (ns.rem_euclid(DAY) / SECOND, ns.rem_euclid(SECOND));
    let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
    let rest = format!("{rest:09}");
    let rest = &rest[..decimals.min(9)];
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{rest}Z")
}

/// The first and the last millisecond of a page of executions since a moment.
pub(super) fn span_ms(from: i64, page: usize) -> (i64, i64) {
    let pages = i64::try_from(page).unwrap_or(i64::MAX);
    let first = ms(from).saturating_add(pages.saturating_mul(SPAN_MS));
    (first, first.saturating_add(SPAN_MS - 1))
}

/// A field of a request whose values are texts.
pub(super) fn set(fields: &mut Map<String, Value>, name: &str, value: &impl ToString) {
    fields.insert(name.to_owned(), Value::String(value.to_string()));
}

/// A number of JSON, or a text with one, as it stands there.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(transparent)]
pub(super) struct Lexeme<'a>(#[serde(borrow)] &'a RawValue);

impl Lexeme<'_> {
    pub(super) fn text(&self) -> &str {
        self.0.get().trim_matches('"')
    }

    pub(super) fn amount(&self) -> Parsed<Amount> {
        amount(self.text())
    }
}

#[cfg(test)]
mod tests {
    use super::{amount, iso, moment, some_amount};

    #[test]
    fn moments_are_read_and_written() {
        let ns = 1_767_323_045_678_000_001;
        assert_eq!(iso(ns, 3), "2026-01-02T03:04:05.678Z");
        assert_eq!(iso(ns, 9), "2026-01-02T03:04:05.678000001Z");
        let raw = |text: &str| serde_json::value::RawValue::from_string(text.to_owned()).unwrap();
        assert_eq!(moment(&raw("\"2026-01-02T03:04:05.678000001Z\"")).unwrap(), ns);
        assert_eq!(moment(&raw("\"2026-01-01T22:04:05.678-05:00\"")).unwrap(), ns - 1);
        moment(&raw("\"today\"")).unwrap_err();
        moment(&raw("null")).unwrap_err();
    }

    #[test]
    fn amounts_that_do_not_add_up_are_none() {
        amount("1e18").unwrap();
        amount("1.1e18").unwrap_err();
        amount("-1e19").unwrap_err();
        amount("").unwrap_err();
        assert_eq!(some_amount("").unwrap(), None);
        assert_eq!(some_amount("0.000").unwrap(), None);
    }
}
