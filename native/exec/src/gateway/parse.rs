//! Numbers and names as venues write them.

use rustonite_core::datasets::OrderSide;
use rustonite_core::{Amount, Decimal};
use serde::Deserialize;
use serde_json::value::RawValue;

const NS_PER_MS: i64 = 1_000_000;
/// Sums of a few amounts below this one still fit.
const AMOUNT_MAX: u128 = 10_u128.pow(37);

pub(super) type Parsed<T = ()> = Result<T, Fault>;

/// Why a message cannot be understood.
#[derive(Debug, thiserror::Error)]
pub(super) enum Fault {
    #[error(transparent)]
    Json(#[from] serde_json::Error),
    #[error(transparent)]
    Number(#[from] rustonite_core::decimal::DecimalError),
    #[error("{0}")]
    Other(String),
}

impl Fault {
    pub(super) fn unknown(what: &str, word: &str) -> Self {
        Self::Other(format!("{what} {word:?} is not known"))
    }
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
