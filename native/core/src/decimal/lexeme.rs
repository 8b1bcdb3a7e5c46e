//! Reading lexemes: the short ones without a branch per byte, all others with their first fault named.

use super::{Decimal, DecimalError, LexemeFault, MAX_DIGITS, MAX_EXPONENT, POWERS};

/// Longest part of a refused lexeme that an error quotes, in bytes.
const QUOTED_BYTES: usize = 40;

/// One byte repeated over a whole word.
const fn repeated(byte: u8) -> u64 {
    u64::from_le_bytes([byte; 8])
}

/// A lexeme without exponent and `+`, of at most 16 bytes after the sign: nearly all there are.
///
/// Read as two words without a branch per byte, since lengths and places of the point vary too
/// much within a column to be predicted.
pub(super) struct ShortLexeme {
    pub(super) magnitude: u64,
    pub(super) decimals: u8,
    pub(super) negative: bool,
}

impl ShortLexeme {
    /// None for a lexeme of any other form, good or bad.
    #[inline]
    pub(super) fn scan(lexeme: &[u8]) -> Option<Self> {
        let (negative, body) = match lexeme {
            [b'-', body @ ..] => (true, body),
            body => (false, body),
        };
        let (upper, lower) = right_aligned(body)?;
        let (upper, lower, decimals) = match (marks(upper), marks(lower)) {
            (0, 0) => (upper, lower, 0),
            (0, marks) => {
                let (closed, decimals) = without_point(lower, marks)?;
                // A point in the last place is refused, so there is a digit after it.
                (upper << 8, closed | upper >> 56, Some(decimals).filter(|count| *count > 0)?)
            }
            (marks, 0) => {
                let (closed, decimals) = without_point(upper, marks)?;
                (closed, lower, decimals + 8)
            }
            _ => return None,
        };
        let magnitude = eight_digits(upper) * 100_000_000 + eight_digits(lower);
        Some(Self { magnitude, decimals, negative })
    }

    /// The count of units of `10^-scale`; none where only the general path can tell.
    #[inline]
    pub(super) fn scaled(&self, scale: i32) -> Option<i64> {
        if !(0..=18).contains(&scale) {
            return None;
        }
        let shift = scale - i32::from(self.decimals);
        let power = u64::try_from(*POWERS.get(shift.unsigned_abs() as usize)?).ok()?;
        let magnitude = if shift >= 0 {
            self.magnitude.checked_mul(power)?
        } else if self.magnitude.is_multiple_of(power) {
            self.magnitude / power
        } else {
            return None;
        };
        let units = i64::try_from(magnitude).ok()?;
        Some(if self.negative { -units } else { units })
    }
}

/// The 1 to 16 bytes of `body`, each less `0`, at the end of a pair of words, zeros before them.
/// The first byte is the lowest of its word. Loads that overlap replace a copy of variable length.
#[inline]
fn right_aligned(body: &[u8]) -> Option<(u64, u64)> {
    const ZEROS: u64 = repeated(b'0');
    let length = body.len();
    if let (Some(first), Some(last)) = (body.first_chunk::<8>(), body.last_chunk::<8>()) {
        let upper = match length {
            8 => 0,
            9..=16 => (u64::from_le_bytes(*first) ^ ZEROS) << (128 - 8 * length),
            _ => return None,
        };
        return Some((upper, u64::from_le_bytes(*last) ^ ZEROS));
    }
    let first_bit = 64 - 8 * length;
    if let (Some(first), Some(last)) = (body.first_chunk::<4>(), body.last_chunk::<4>()) {
        let first = u64::from(u32::from_le_bytes(*first)) ^ (ZEROS >> 32);
        let last = u64::from(u32::from_le_bytes(*last)) ^ (ZEROS >> 32);
        return Some((0, first << first_bit | last << 32));
    }
    let middle = length / 2;
    let first = u64::from(body.first()? ^ b'0') << first_bit;
    let second = u64::from(body.get(middle)? ^ b'0') << (first_bit + 8 * middle);
    Some((0, first | second | u64::from(body.last()? ^ b'0') << 56))
}

/// The top bit of every byte that is no digit value. A carry may mark one byte too many, but only
/// next to a byte that is marked and is not a point either.
#[inline]
fn marks(values: u64) -> u64 {
    (values.wrapping_add(repeated(0x76)) | values) & repeated(0x80)
}

/// Closes the gap of a point, moving the digits before it up, and counts the digits after it in
/// this word; none unless the point is all that is marked.
#[inline]
fn without_point(values: u64, marks: u64) -> Option<(u64, u8)> {
    let before = (marks >> 7).wrapping_sub(1);
    let after = !before << 8;
    let point = !(before | after);
    if marks & marks.wrapping_sub(1) != 0 || (values ^ repeated(b'.' ^ b'0')) & point != 0 {
        return None;
    }
    let decimals = u8::try_from(7 - marks.trailing_zeros() / 8).ok()?;
    Some(((values & after) | (values & before) << 8, decimals))
}

/// Eight digit values, the first in the lowest byte, as one number: neighbours are joined into
/// pairs, then all pairs into the upper half by two multiplications.
#[inline]
fn eight_digits(values: u64) -> u64 {
    const EVEN_PAIRS: u64 = 0x0000_00ff_0000_00ff;
    const FIRST_WEIGHTS: u64 = 100 + (1_000_000 << 32);
    const SECOND_WEIGHTS: u64 = 1 + (10_000 << 32);
    let pairs = values.wrapping_mul(10).wrapping_add(values >> 8);
    let first = (pairs & EVEN_PAIRS).wrapping_mul(FIRST_WEIGHTS);
    let second = ((pairs >> 16) & EVEN_PAIRS).wrapping_mul(SECOND_WEIGHTS);
    first.wrapping_add(second) >> 32
}

/// The significant digits read so far, in two halves so that each step is 64-bit arithmetic.
#[derive(Default)]
struct Significand {
    head: u64,
    tail: u64,
    digits: u32,
}

impl Significand {
    /// Digits in each half: the most that `u64` always holds.
    const HALF: u32 = MAX_DIGITS / 2;

    /// Appends a digit; false when there is no room. Leading zeros take none.
    fn push(&mut self, digit: u8) -> bool {
        if self.digits == 0 && digit == 0 {
            return true;
        }
        if self.digits >= MAX_DIGITS {
            return false;
        }
        let half = if self.digits < Self::HALF { &mut self.head } else { &mut self.tail };
        *half = *half * 10 + u64::from(digit);
        self.digits += 1;
        true
    }

    fn value(&self) -> i128 {
        let power = POWERS[self.digits.saturating_sub(Self::HALF) as usize];
        (u128::from(self.head) * power + u128::from(self.tail)).cast_signed()
    }
}

/// Reads a lexeme of any accepted form and names the first fault of any other.
pub(super) struct Scanner<'a> {
    lexeme: &'a [u8],
    position: usize,
    significand: Significand,
}

impl<'a> Scanner<'a> {
    pub(super) fn new(lexeme: &'a [u8]) -> Self {
        Self { lexeme, position: 0, significand: Significand::default() }
    }

    pub(super) fn decimal(mut self) -> Result<Decimal, DecimalError> {
        let negative = self.sign();
        let whole_digits = self.digits()?;
        let mut expected = "a digit, `.`, `e` or the end";
        let mut decimals = 0;
        if self.take_any(b".") {
            expected = "a digit, `e` or the end";
            decimals = self.digits()?;
            if decimals == 0 {
                return Err(self.fault(self.position, "a digit"));
            }
        } else if whole_digits == 0 {
            return Err(self.fault(self.position, "a digit or `.`"));
        }
        let exponent_start = self.position;
        let mut exponent = 0;
        if self.take_any(b"eE") {
            expected = "a digit or the end";
            exponent = self.written_exponent()?;
        }
        if self.position < self.lexeme.len() {
            return Err(self.fault(self.position, expected));
        }
        let in_range = i64::try_from(decimals)
            .ok()
            .and_then(|decimals| i32::try_from(exponent.saturating_sub(decimals)).ok())
            .filter(|exponent| exponent.abs() <= MAX_EXPONENT);
        let Some(exponent) = in_range else {
            return Err(self.fault(exponent_start, "an exponent within 400 of zero"));
        };
        let magnitude = self.significand.value();
        Ok(Decimal { mantissa: if negative { -magnitude } else { magnitude }, exponent })
    }

    /// Takes an optional sign; true for minus.
    fn sign(&mut self) -> bool {
        let negative = self.peek() == Some(b'-');
        self.take_any(b"+-");
        negative
    }

    /// Takes the digits here into the significand and counts them, leading zeros included.
    fn digits(&mut self) -> Result<usize, DecimalError> {
        let start = self.position;
        while let Some(digit) = self.peek_digit() {
            if !self.significand.push(digit) {
                return Err(self.fault(self.position, "at most 38 significant digits"));
            }
            self.position += 1;
        }
        Ok(self.position - start)
    }

    /// Takes the sign and digits after `e`. Saturates where no lexeme is long enough for its
    /// decimals to bring the exponent back into range.
    fn written_exponent(&mut self) -> Result<i64, DecimalError> {
        let negative = self.sign();
        let start = self.position;
        let mut exponent: i64 = 0;
        while let Some(digit) = self.peek_digit() {
            exponent = (exponent * 10 + i64::from(digit)).min(1 << 50);
            self.position += 1;
        }
        if self.position == start {
            return Err(self.fault(start, "a digit of the exponent"));
        }
        Ok(if negative { -exponent } else { exponent })
    }

    fn peek(&self) -> Option<u8> {
        self.lexeme.get(self.position).copied()
    }

    fn peek_digit(&self) -> Option<u8> {
        self.peek().map(|byte| byte.wrapping_sub(b'0')).filter(|digit| *digit < 10)
    }

    /// Steps over the next byte if it is one of `accepted`.
    fn take_any(&mut self, accepted: &[u8]) -> bool {
        let found = self.peek().is_some_and(|byte| accepted.contains(&byte));
        self.position += usize::from(found);
        found
    }

    #[cold]
    fn fault(&self, position: usize, expected: &'static str) -> DecimalError {
        let quoted = &self.lexeme[..self.lexeme.len().min(QUOTED_BYTES)];
        let mut text = quoted.escape_ascii().to_string();
        if quoted.len() < self.lexeme.len() {
            text.push_str("...");
        }
        DecimalError::Lexeme(Box::new(LexemeFault { text, position, expected }))
    }
}
