//! Decimals as text: plain digits, without an exponent.

use core::fmt::{self, Write as _};

use super::Decimal;

/// Most decimals of a short number: as many as a `u64` can be split at.
const SHORT_DECIMALS: u32 = 19;
/// A sign, the digits of a `u64`, zeros before them, and the point.
const SHORT_BYTES: usize = 24;

/// `00` to `99`.
const PAIRS: [[u8; 2]; 100] = pairs();

#[expect(clippy::cast_possible_truncation, reason = "below 100")]
const fn pairs() -> [[u8; 2]; 100] {
    let mut pairs = [[b'0'; 2]; 100];
    let mut number = 0;
    while number < pairs.len() {
        pairs[number] = [b'0' + (number / 10) as u8, b'0' + (number % 10) as u8];
        number += 1;
    }
    pairs
}

/// Bytes that are written from the end.
pub(crate) struct Backwards<const N: usize> {
    bytes: [u8; N],
    start: usize,
    end: usize,
}

impl<const N: usize> Backwards<N> {
    pub(crate) const fn new() -> Self {
        Self { bytes: [0; N], start: N, end: N }
    }

    /// At least so many digits of a number, with zeros before it.
    pub(crate) fn digits(&mut self, mut number: u64, at_least: u32) {
        let until = self.start.saturating_sub(at_least as usize);
        while number >= 10 {
            // A remainder is below 100.
            self.put(PAIRS[(number % 100) as usize]);
            number /= 100;
        }
        if number > 0 {
            self.put([PAIRS[(number % 100) as usize][1]]);
        }
        while self.start > until {
            self.put(*b"0");
        }
    }

    pub(crate) fn put<const M: usize>(&mut self, bytes: [u8; M]) {
        self.start -= M;
        self.bytes[self.start..self.start + M].copy_from_slice(&bytes);
    }

    /// Takes zeros from the end.
    pub(crate) fn trim_zeros(&mut self) {
        while self.bytes[self.start..self.end].ends_with(b"0") {
            self.end -= 1;
        }
    }

    pub(crate) fn as_str(&self) -> &str {
        // Only digits, points and signs are written.
        core::str::from_utf8(&self.bytes[self.start..self.end]).unwrap_or_default()
    }
}

impl Decimal {
    /// Appends the digits, as [`Display`](fmt::Display) writes them.
    pub fn push_to(self, text: &mut String) {
        match self.short_text() {
            Some(short) => {
                if self.mantissa < 0 {
                    text.push('-');
                }
                text.push_str(short.as_str());
            }
            // Writing to a string cannot fail.
            None => drop(write!(text, "{self}")),
        }
    }

    /// The digits without a sign, of nearly all numbers that venues send.
    fn short_text(self) -> Option<Backwards<SHORT_BYTES>> {
        let decimals = self.exponent.checked_neg().and_then(|one| u32::try_from(one).ok())?;
        let magnitude = u64::try_from(self.mantissa.unsigned_abs()).ok()?;
        if decimals > SHORT_DECIMALS {
            return None;
        }
        let mut text = Backwards::new();
        let one = 10_u64.pow(decimals);
        if decimals > 0 {
            text.digits(magnitude % one, decimals);
            text.put(*b".");
        }
        text.digits(magnitude / one, 1);
        Some(text)
    }

    /// The same of all others.
    pub(super) fn long_text(self) -> Result<StackText<448>, fmt::Error> {
        // 38 digits and 400 zeros is the longest text.
        let mut plain = StackText::new();
        let mut digits = StackText::<40>::new();
        write!(digits, "{}", self.mantissa.unsigned_abs())?;
        let digits = digits.as_str();
        let places = self.exponent.unsigned_abs() as usize;
        if self.exponent >= 0 {
            plain.write_str(digits)?;
            plain.push_zeros(if self.is_zero() { 0 } else { places })?;
        } else if let Some(whole) = digits.len().checked_sub(places).filter(|whole| *whole > 0) {
            let (whole, fraction) = digits.split_at(whole);
            write!(plain, "{whole}.{fraction}")?;
        } else {
            plain.write_str("0.")?;
            plain.push_zeros(places - digits.len())?;
            plain.write_str(digits)?;
        }
        Ok(plain)
    }
}

impl fmt::Display for Decimal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let is_positive = self.mantissa >= 0;
        match self.short_text() {
            Some(short) => f.pad_integral(is_positive, "", short.as_str()),
            None => f.pad_integral(is_positive, "", self.long_text()?.as_str()),
        }
    }
}

/// Text on the stack; writing more than `N` bytes is an error.
pub(super) struct StackText<const N: usize> {
    bytes: [u8; N],
    length: usize,
}

impl<const N: usize> StackText<N> {
    pub(super) const fn new() -> Self {
        Self { bytes: [0; N], length: 0 }
    }

    pub(super) fn as_str(&self) -> &str {
        // Only whole strings and `0` are ever written, so this is always UTF-8.
        core::str::from_utf8(&self.bytes[..self.length]).unwrap_or_default()
    }

    fn push_zeros(&mut self, count: usize) -> fmt::Result {
        let room = self.reserve(count).ok_or(fmt::Error)?;
        room.fill(b'0');
        Ok(())
    }

    /// The next `count` bytes, to be overwritten.
    fn reserve(&mut self, count: usize) -> Option<&mut [u8]> {
        let end = self.length.checked_add(count)?;
        let room = self.bytes.get_mut(self.length..end)?;
        self.length = end;
        Some(room)
    }
}

impl<const N: usize> fmt::Write for StackText<N> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let room = self.reserve(text.len()).ok_or(fmt::Error)?;
        room.copy_from_slice(text.as_bytes());
        Ok(())
    }
}
