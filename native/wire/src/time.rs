//! Times of venues as nanoseconds since 1970.
#![allow(clippy::missing_errors_doc, reason = "all fail if the message has something else")]

use rustonite_core::calendar::day_number;

use crate::error::Result;
use crate::json::Json;

const DAY_NS: i64 = 86_400_000_000_000;

impl Json<'_> {
    /// Milliseconds since 1970, as nanoseconds.
    #[inline]
    pub fn time_ms(&mut self) -> Result<i64> {
        self.time(1_000_000)
    }

    /// Milliseconds since 1970, as nanoseconds; `None` for null, the empty text and zero.
    pub(crate) fn time_ms_if_any(&mut self) -> Result<Option<i64>> {
        let start = *self;
        let Some(count) = self.integer_or_null()?.filter(|count| *count != 0) else {
            return Ok(None);
        };
        let time = count.checked_mul(1_000_000);
        time.map(Some).ok_or_else(|| start.expected("a time before 2262"))
    }

    /// Microseconds since 1970, as nanoseconds.
    #[inline]
    pub fn time_us(&mut self) -> Result<i64> {
        self.time(1_000)
    }

    #[inline]
    fn time(&mut self, unit_ns: i64) -> Result<i64> {
        let start = *self;
        let count = self.integer()?;
        count.checked_mul(unit_ns).ok_or_else(|| start.expected("a time before 2262"))
    }

    /// Milliseconds or microseconds since 1970: Binance sends either, and says nowhere which. Before
    /// the year 5138 milliseconds have fewer than 15 digits, after March 1973 microseconds have more.
    #[inline]
    pub fn time_ms_or_us(&mut self) -> Result<i64> {
        let start = *self;
        let count = self.integer()?;
        let unit_ns = if count.unsigned_abs() < 100_000_000_000_000 { 1_000_000 } else { 1_000 };
        count.checked_mul(unit_ns).ok_or_else(|| start.expected("a time before 2262"))
    }

    /// Seconds since 1970 with or without decimals, as nanoseconds.
    pub fn time_s(&mut self) -> Result<i64> {
        self.time_with_decimals(9, "seconds with at most 9 decimals, before 2262")
    }

    /// Milliseconds since 1970 with or without decimals, as nanoseconds.
    pub fn time_ms_decimal(&mut self) -> Result<i64> {
        self.time_with_decimals(6, "milliseconds with at most 6 decimals, before 2262")
    }

    fn time_with_decimals(&mut self, decimals: i32, expected: &'static str) -> Result<i64> {
        let start = *self;
        let nanoseconds = self.decimal()?.to_scale(decimals).ok();
        let nanoseconds = nanoseconds.and_then(|count| i64::try_from(count).ok());
        start.need(nanoseconds, expected)
    }

    /// A time such as `2026-01-02T03:04:05.678Z`, with up to nine decimals and any offset.
    pub fn time_text(&mut self) -> Result<i64> {
        let start = *self;
        let text = self.raw_text()?;
        parse_iso(text).ok_or_else(|| start.expected("a time such as 2026-01-02T03:04:05.678Z"))
    }

    /// The same, or `None` for null and the empty text.
    pub(crate) fn time_text_if_any(&mut self) -> Result<Option<i64>> {
        let mut ahead = *self;
        if ahead.filled()?.is_none() {
            *self = ahead;
            return Ok(None);
        }
        self.time_text().map(Some)
    }
}

/// A time of ISO 8601 or RFC 3339 in nanoseconds. Without an offset it is UTC.
pub(crate) fn parse_iso(text: &[u8]) -> Option<i64> {
    let (date, rest) = text.split_at_checked(10)?;
    let (separator, rest) = rest.split_first()?;
    let (clock, mut rest) = rest.split_at_checked(8)?;
    let legal = date[4] == b'-' && date[7] == b'-' && matches!(separator, b'T' | b't' | b' ');
    if !legal || clock[2] != b':' || clock[5] != b':' {
        return None;
    }
    let day = day_number(digits(&date[..4])?, digits(&date[5..7])?, digits(&date[8..])?)?;
    let (hour, minute, second) =
        (digits(&clock[..2])?, digits(&clock[3..5])?, digits(&clock[6..])?);
    if hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    let mut ns = (hour * 3600 + minute * 60 + second) * 1_000_000_000;
    if let Some(after) = rest.strip_prefix(b".") {
        let count = after.iter().take_while(|byte| byte.is_ascii_digit()).count();
        if count == 0 || count > 9 {
            return None;
        }
        ns += digits(&after[..count])? * 10_i64.pow(9 - u32::try_from(count).ok()?);
        rest = &after[count..];
    }
    day.checked_mul(DAY_NS)?.checked_add(ns)?.checked_sub(offset_ns(rest)?)
}

fn offset_ns(text: &[u8]) -> Option<i64> {
    let (sign, rest) = match text {
        b"" | b"Z" | b"z" => return Some(0),
        [b'+', rest @ ..] => (1, rest),
        [b'-', rest @ ..] => (-1, rest),
        _ => return None,
    };
    let (hours, minutes) = match rest.len() {
        5 if rest[2] == b':' => (digits(&rest[..2])?, digits(&rest[3..])?),
        4 => (digits(&rest[..2])?, digits(&rest[2..])?),
        _ => return None,
    };
    Some(sign * (hours * 3600 + minutes * 60) * 1_000_000_000)
}

fn digits(text: &[u8]) -> Option<i64> {
    let digit = |value: Option<i64>, byte: &u8| {
        byte.is_ascii_digit().then_some(())?;
        Some(value? * 10 + i64::from(byte - b'0'))
    };
    text.iter().fold(Some(0), digit)
}

#[cfg(test)]
mod tests;
