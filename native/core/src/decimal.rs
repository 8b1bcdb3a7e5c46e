//! Owns exact decimal numbers: reading a venue's lexeme, printing the same digits, integer ticks
//! and scaled units, and the one correctly rounded step to `f64`.
//!
//! Invariants: a [`Decimal`] is `mantissa * 10^exponent` with at most [`MAX_DIGITS`] digits and an
//! exponent within [`MAX_EXPONENT`] of zero; parsing never goes through a float; equality, order
//! and hash follow the numeric value, not the spelling; success paths do not allocate.
//!
//! It does no arithmetic between decimals, rounds nothing except to `f64`, and keeps neither the
//! sign of zero nor leading zeros.

use core::cmp::Ordering;
use core::fmt::{self, Write as _};
use core::hash::{Hash, Hasher};
use core::str::FromStr;

use lexeme::{Scanner, ShortLexeme};
pub(crate) use text::Backwards;
use text::StackText;

mod lexeme;
mod serde;
#[cfg(test)]
mod tests;
mod text;

/// Most significant digits a [`Decimal`] holds; also the precision of Arrow `decimal128(38, _)`.
pub const MAX_DIGITS: u32 = 38;

/// Largest distance of a [`Decimal`] exponent from zero. Covers every finite `f64`.
pub const MAX_EXPONENT: i32 = 400;

/// Powers of ten that `u128` holds: `POWERS[n]` is `10^n`.
const POWERS: [u128; 39] = powers_of_ten();

/// Powers of ten that `f64` holds exactly: `FLOAT_POWERS[n]` is `10^n`.
const FLOAT_POWERS: [f64; 23] = [
    1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16,
    1e17, 1e18, 1e19, 1e20, 1e21, 1e22,
];

/// First magnitude with more than [`MAX_DIGITS`] digits.
const MAGNITUDE_LIMIT: u128 = POWERS[38];

/// First magnitude with 16 digits. Below it two different decimals never share a normal `f64`, so
/// the shortest spelling of the float is the decimal itself.
const ROUND_TRIP_LIMIT: u64 = 1_000_000_000_000_000;

/// Integers up to this one (2^53) are exact in `f64`.
const EXACT_INTEGER_LIMIT: u64 = 1 << f64::MANTISSA_DIGITS;

const fn powers_of_ten() -> [u128; 39] {
    let mut powers = [1; 39];
    let mut index = 1;
    while index < powers.len() {
        powers[index] = powers[index - 1] * 10;
        index += 1;
    }
    powers
}

/// Why a number could not be read or converted exactly.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DecimalError {
    /// The text is not a decimal lexeme, or has too many digits or too large an exponent.
    #[error("bad decimal {0}")]
    Lexeme(Box<LexemeFault>),
    /// A mantissa with more than [`MAX_DIGITS`] digits.
    #[error("mantissa has more than {MAX_DIGITS} digits")]
    TooManyDigits,
    /// An exponent further than [`MAX_EXPONENT`] from zero.
    #[error("exponent {exponent} is outside -{MAX_EXPONENT}..={MAX_EXPONENT}")]
    ExponentOutOfRange {
        /// The refused power of ten.
        exponent: i32,
    },
    /// NaN or an infinity, which no decimal equals.
    #[error("NaN and infinities have no decimal value")]
    NotFinite,
    /// The value rounds to an infinite `f64`.
    #[error("{0} is beyond the range of float64")]
    FloatOverflow(Box<Decimal>),
    /// The value has non-zero digits below the wanted scale.
    #[error("{value} is not a whole number at scale {scale}")]
    NotAtScale {
        /// The value that was to be scaled.
        value: Box<Decimal>,
        /// The wanted number of decimals.
        scale: i32,
    },
    /// The count at the wanted scale does not fit the result.
    #[error("{value} is too large to count at scale {scale}")]
    ScaleOverflow {
        /// The value that was to be scaled.
        value: Box<Decimal>,
        /// The wanted number of decimals.
        scale: i32,
    },
    /// A tick size that is zero or negative.
    #[error("tick size {0} is not positive")]
    BadTick(Box<Decimal>),
    /// The value lies between two ticks.
    #[error("{} is not a multiple of tick {}", .0.value, .0.tick)]
    NotAMultipleOfTick(Box<TickMisfit>),
    /// The count of ticks does not fit `i64`.
    #[error("{} is too large to count in ticks of {}", .0.value, .0.tick)]
    TickOverflow(Box<TickMisfit>),
}

/// Where a lexeme stopped being a decimal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LexemeFault {
    /// The lexeme, escaped to ASCII; only its first 40 bytes, then `...`, when it is longer.
    pub text: String,
    /// Byte offset of the fault in the whole lexeme; its length when the lexeme ended too early.
    pub position: usize,
    /// What would have been accepted there.
    pub expected: &'static str,
}

impl fmt::Display for LexemeFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { text, position, expected } = self;
        write!(f, "\"{text}\" at byte {position}: expected {expected}")
    }
}

/// A value and the tick size it does not fit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TickMisfit {
    /// The value that was to be counted in ticks.
    pub value: Decimal,
    /// The size of one tick.
    pub tick: Decimal,
}

/// An exact decimal number, `mantissa * 10^exponent`.
///
/// Keeps the trailing zeros it was read with (`1.500` is `1500e-3`), so it prints the digits that a
/// venue's checksum covers. `1.5 == 1.500`: comparison and hash use the value.
#[derive(Clone, Copy, Debug)]
pub struct Decimal {
    mantissa: i128,
    exponent: i32,
}

impl Decimal {
    /// Zero without decimals.
    pub const ZERO: Self = Self { mantissa: 0, exponent: 0 };

    /// `mantissa * 10^exponent`.
    ///
    /// # Errors
    /// [`DecimalError::TooManyDigits`] or [`DecimalError::ExponentOutOfRange`].
    pub const fn new(mantissa: i128, exponent: i32) -> Result<Self, DecimalError> {
        if mantissa.unsigned_abs() >= MAGNITUDE_LIMIT {
            return Err(DecimalError::TooManyDigits);
        }
        if exponent < -MAX_EXPONENT || exponent > MAX_EXPONENT {
            return Err(DecimalError::ExponentOutOfRange { exponent });
        }
        Ok(Self { mantissa, exponent })
    }

    /// The signed digits, trailing zeros included.
    pub const fn mantissa(self) -> i128 {
        self.mantissa
    }

    /// The power of ten that the mantissa is multiplied by.
    pub const fn exponent(self) -> i32 {
        self.exponent
    }

    /// Whether the value is zero.
    pub const fn is_zero(self) -> bool {
        self.mantissa == 0
    }

    /// Reads a decimal lexeme exactly.
    ///
    /// Grammar: `[+-] (digits | digits . digits | . digits) [(e|E) [+-] digits]`. This is a JSON
    /// number plus a leading `+`, leading zeros and `.5`. `5.` is refused because that is what a
    /// lexeme cut off in transit looks like. At most 38 digits may follow the leading zeros;
    /// trailing zeros count, since dropping them would change the digits that are printed back.
    /// `-0` reads as `0`.
    ///
    /// # Errors
    /// [`DecimalError::Lexeme`] for anything else, and for an exponent that is out of range once
    /// the point is removed.
    pub fn parse(lexeme: &[u8]) -> Result<Self, DecimalError> {
        Self::from_short(ShortLexeme::scan(lexeme), lexeme)
    }

    /// The nearest `f64`, ties to even. Values beyond its range give an infinity, values too close
    /// to zero give zero; zero is always `+0.0`.
    pub fn to_f64(self) -> f64 {
        if let Some(value) = self.small_f64() {
            return value;
        }
        let short = self.normalised();
        // What is too close to zero is negative zero before the sum.
        short.small_f64().unwrap_or_else(|| short.parsed_f64() + 0.0)
    }

    /// The nearest `f64`, and whether it is inexact: the shortest text that reads back as that
    /// float is not equal to this value. Infinities, and a zero that was not zero, are inexact.
    pub fn to_f64_flagged(self) -> (f64, bool) {
        let short = if self.has_round_trip_digits() { self } else { self.normalised() };
        if short.has_round_trip_digits()
            && let Some(value) = short.small_f64()
        {
            return (value, false);
        }
        let value = short.to_f64();
        // The shortest text has at most 17 digits, so more of them settle it without printing.
        let printable = short.mantissa.unsigned_abs() < POWERS[17];
        (value, !printable || Self::from_f64(value) != Ok(short))
    }

    /// The shortest decimal that reads back as `value`; the digits that Rust and Python print.
    ///
    /// # Errors
    /// [`DecimalError::NotFinite`] for NaN and the infinities.
    pub fn from_f64(value: f64) -> Result<Self, DecimalError> {
        // At most a sign, 17 digits, a point, `e` and a four-byte exponent.
        let mut text = StackText::<32>::new();
        if !value.is_finite() || write!(text, "{value:e}").is_err() {
            return Err(DecimalError::NotFinite);
        }
        Self::parse(text.as_str().as_bytes())
    }

    /// The exact count of units of `10^-scale`: `1.5` at scale 2 is 150. The count has at most 38
    /// digits, so it fits Arrow `decimal128(38, scale)`.
    ///
    /// # Errors
    /// [`DecimalError::NotAtScale`] when digits would be lost, [`DecimalError::ScaleOverflow`] when
    /// the count has more than 38 digits.
    pub fn to_scale(self, scale: i32) -> Result<i128, DecimalError> {
        let shift = self.exponent.saturating_add(scale);
        exact_ratio(self.mantissa.unsigned_abs(), 1, shift)
            .and_then(|count| self.signed_count(count))
            .map_err(|misfit| self.scale_error(scale, misfit))
    }

    /// `units * 10^-scale`, the inverse of [`Self::to_scale`].
    ///
    /// # Errors
    /// [`DecimalError::TooManyDigits`] or [`DecimalError::ExponentOutOfRange`].
    pub const fn from_scale(units: i128, scale: i32) -> Result<Self, DecimalError> {
        // Only `i32::MIN` saturates, and `new` refuses it either way.
        Self::new(units, 0_i32.saturating_sub(scale))
    }

    /// The exact count of ticks of size `tick`, which may be any positive decimal.
    ///
    /// # Errors
    /// [`DecimalError::BadTick`] when `tick` is not positive, [`DecimalError::NotAMultipleOfTick`]
    /// when the value lies between ticks, [`DecimalError::TickOverflow`] when the count does not
    /// fit `i64`.
    pub fn to_ticks(self, tick: Self) -> Result<i64, DecimalError> {
        let size = tick.positive_mantissa()?;
        let shift = self.exponent.saturating_sub(tick.exponent);
        exact_ratio(self.mantissa.unsigned_abs(), size, shift)
            .and_then(|count| self.signed_count(count))
            .and_then(|count| i64::try_from(count).map_err(|_| Misfit::Overflow))
            .map_err(|misfit| {
                let pair = Box::new(TickMisfit { value: self, tick });
                match misfit {
                    Misfit::Fraction => DecimalError::NotAMultipleOfTick(pair),
                    Misfit::Overflow => DecimalError::TickOverflow(pair),
                }
            })
    }

    /// `ticks * tick`, with as many decimals as `tick` is written with.
    ///
    /// # Errors
    /// [`DecimalError::BadTick`] when `tick` is not positive, [`DecimalError::TooManyDigits`] when
    /// the product of `ticks` and the tick's mantissa has more than 38 digits.
    pub fn from_ticks(ticks: i64, tick: Self) -> Result<Self, DecimalError> {
        tick.positive_mantissa()?;
        let mantissa =
            i128::from(ticks).checked_mul(tick.mantissa).ok_or(DecimalError::TooManyDigits)?;
        Self::new(mantissa, tick.exponent)
    }

    /// The same value without trailing zeros: equal values become identical. Zero becomes `0e0`;
    /// an exponent at [`MAX_EXPONENT`] is not raised further.
    #[must_use]
    pub fn normalised(self) -> Self {
        let Self { mut mantissa, mut exponent } = self;
        if mantissa == 0 {
            return Self::ZERO;
        }
        for step in [32_u8, 16, 8, 4, 2, 1] {
            // A multiple of 10^n is a multiple of 2^n; this test spares most of the divisions.
            if mantissa.trailing_zeros() < u32::from(step)
                || exponent + i32::from(step) > MAX_EXPONENT
            {
                continue;
            }
            let (quotient, remainder) = div_rem(mantissa.unsigned_abs(), POWERS[usize::from(step)]);
            if remainder == 0 {
                // Smaller than the mantissa was, so the conversion keeps it as it is.
                mantissa = quotient.cast_signed() * mantissa.signum();
                exponent += i32::from(step);
            }
        }
        Self { mantissa, exponent }
    }

    /// The decimal of a lexeme that [`ShortLexeme::scan`] has looked at already.
    fn from_short(short: Option<ShortLexeme>, lexeme: &[u8]) -> Result<Self, DecimalError> {
        let Some(short) = short else {
            return Scanner::new(lexeme).decimal();
        };
        let magnitude = i128::from(short.magnitude);
        let mantissa = if short.negative { -magnitude } else { magnitude };
        Ok(Self { mantissa, exponent: -i32::from(short.decimals) })
    }

    /// The `f64` by one exact operation on two exact floats, which rounds once and so correctly;
    /// none when either float would not be exact.
    fn small_f64(self) -> Option<f64> {
        let magnitude = u64::try_from(self.mantissa.unsigned_abs()).ok()?;
        let power = *FLOAT_POWERS.get(usize::try_from(self.exponent.unsigned_abs()).ok()?)?;
        if magnitude > EXACT_INTEGER_LIMIT {
            return None;
        }
        let whole = exact_integer_f64(magnitude);
        let value = if self.exponent < 0 { whole / power } else { whole * power };
        Some(if self.mantissa < 0 { -value } else { value })
    }

    /// The `f64` by the standard library's correctly rounded parser.
    fn parsed_f64(self) -> f64 {
        // At most a sign, 38 digits, `e` and a four-byte exponent: neither step can fail. NaN, if
        // one ever did, is flagged inexact and equals nothing.
        let mut text = StackText::<48>::new();
        let written = write!(text, "{}e{}", self.mantissa, self.exponent);
        written.ok().and_then(|()| text.as_str().parse().ok()).unwrap_or(f64::NAN)
    }

    /// The decimal with the fewest digits that has the same nearest `f64`. An infinite one has none:
    /// then it is the value itself.
    #[must_use]
    pub fn shortest(self) -> Self {
        if self.has_round_trip_digits() && self.small_f64().is_some() {
            return self.normalised();
        }
        Self::from_f64(self.to_f64()).unwrap_or(self).normalised()
    }

    fn has_round_trip_digits(self) -> bool {
        self.mantissa.unsigned_abs() < u128::from(ROUND_TRIP_LIMIT)
    }

    fn positive_mantissa(self) -> Result<u128, DecimalError> {
        if self.mantissa <= 0 {
            return Err(DecimalError::BadTick(Box::new(self)));
        }
        Ok(self.mantissa.unsigned_abs())
    }

    /// `count` with the sign of this value, if it has at most 38 digits.
    fn signed_count(self, count: u128) -> Result<i128, Misfit> {
        if count >= MAGNITUDE_LIMIT {
            return Err(Misfit::Overflow);
        }
        let count = count.cast_signed();
        Ok(if self.mantissa < 0 { -count } else { count })
    }

    fn scale_error(self, scale: i32, misfit: Misfit) -> DecimalError {
        let value = Box::new(self);
        match misfit {
            Misfit::Fraction => DecimalError::NotAtScale { value, scale },
            Misfit::Overflow => DecimalError::ScaleOverflow { value, scale },
        }
    }

    /// Order of the absolute values of two decimals that are not zero.
    fn cmp_magnitude(self, other: Self) -> Ordering {
        let (mine, theirs) = (self.mantissa.unsigned_abs(), other.mantissa.unsigned_abs());
        let shift = self.exponent - other.exponent;
        if shift == 0 {
            return mine.cmp(&theirs);
        }
        // Exponent of the leading digit: it decides unless both are of the same order.
        let leading = |digits: u128, exponent: i32| {
            i64::from(digits.checked_ilog10().unwrap_or(0)) + i64::from(exponent)
        };
        leading(mine, self.exponent).cmp(&leading(theirs, other.exponent)).then_with(|| {
            // Same order: aligning gives the one with fewer digits as many as the other has, so
            // the power is in the table and the product below 10^38.
            let power = POWERS.get(shift.unsigned_abs() as usize).copied().unwrap_or(1);
            if shift > 0 { (mine * power).cmp(&theirs) } else { mine.cmp(&(theirs * power)) }
        })
    }
}

impl PartialEq for Decimal {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Decimal {}

impl PartialOrd for Decimal {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Decimal {
    fn cmp(&self, other: &Self) -> Ordering {
        let sign = self.mantissa.signum();
        sign.cmp(&other.mantissa.signum()).then_with(|| match sign {
            0 => Ordering::Equal,
            1 => self.cmp_magnitude(*other),
            _ => other.cmp_magnitude(*self),
        })
    }
}

impl Hash for Decimal {
    fn hash<H: Hasher>(&self, state: &mut H) {
        let Self { mantissa, exponent } = self.normalised();
        (mantissa, exponent).hash(state);
    }
}

/// Plain notation with every digit kept: `1500e-3` is `1.500`, `12e3` is `12000`. Width, fill
/// and `+` apply; a precision is ignored.
impl FromStr for Decimal {
    type Err = DecimalError;

    /// Same as [`Decimal::parse`].
    fn from_str(text: &str) -> Result<Self, DecimalError> {
        Self::parse(text.as_bytes())
    }
}

/// Reads a lexeme straight to the nearest `f64` and whether that is inexact, as
/// [`Decimal::parse`] then [`Decimal::to_f64_flagged`] would, for whole columns.
///
/// # Errors
/// [`DecimalError::Lexeme`] as for [`Decimal::parse`]; [`DecimalError::FloatOverflow`] where the
/// float would be infinite, because no column may store that.
pub fn parse_f64(lexeme: &[u8]) -> Result<(f64, bool), DecimalError> {
    let short = ShortLexeme::scan(lexeme);
    if let Some(short) = &short
        && short.magnitude < ROUND_TRIP_LIMIT
    {
        let value = exact_integer_f64(short.magnitude) / FLOAT_POWERS[usize::from(short.decimals)];
        let negative = short.negative && short.magnitude != 0;
        return Ok((if negative { -value } else { value }, false));
    }
    let decimal = Decimal::from_short(short, lexeme)?;
    let (value, inexact) = decimal.to_f64_flagged();
    if value.is_infinite() {
        return Err(DecimalError::FloatOverflow(Box::new(decimal)));
    }
    Ok((value, inexact))
}

/// Reads a lexeme straight to its exact count of units of `10^-scale`, as [`Decimal::parse`] then
/// [`Decimal::to_scale`] would, for whole columns.
///
/// # Errors
/// [`DecimalError::Lexeme`] as for [`Decimal::parse`]; [`DecimalError::NotAtScale`] when digits
/// would be lost; [`DecimalError::ScaleOverflow`] when the count does not fit `i64`.
pub fn parse_scaled(lexeme: &[u8], scale: i32) -> Result<i64, DecimalError> {
    let short = ShortLexeme::scan(lexeme);
    if let Some(units) = short.as_ref().and_then(|short| short.scaled(scale)) {
        return Ok(units);
    }
    let decimal = Decimal::from_short(short, lexeme)?;
    let units = decimal.to_scale(scale)?;
    i64::try_from(units).map_err(|_| decimal.scale_error(scale, Misfit::Overflow))
}

/// Why a ratio is not an integer that can be returned.
#[derive(Clone, Copy)]
enum Misfit {
    Fraction,
    Overflow,
}

/// `numerator * 10^shift / denominator` when that is an integer; the denominator is not zero.
fn exact_ratio(numerator: u128, denominator: u128, shift: i32) -> Result<u128, Misfit> {
    if numerator == 0 {
        return Ok(0);
    }
    let power = POWERS.get(shift.unsigned_abs() as usize);
    if shift < 0 {
        // A divisor beyond `u128` exceeds the numerator, which then is no multiple of it.
        let divisor = power.and_then(|power| denominator.checked_mul(*power));
        return whole_quotient(numerator, divisor.ok_or(Misfit::Fraction)?);
    }
    match power.and_then(|power| numerator.checked_mul(*power)) {
        Some(scaled) => whole_quotient(scaled, denominator),
        None => wide_ratio(numerator, denominator, shift.unsigned_abs()),
    }
}

fn whole_quotient(numerator: u128, divisor: u128) -> Result<u128, Misfit> {
    match div_rem(numerator, divisor) {
        (quotient, 0) => Ok(quotient),
        _ => Err(Misfit::Fraction),
    }
}

/// Quotient and remainder; most operands fit 64 bits, where division is several times faster.
fn div_rem(numerator: u128, divisor: u128) -> (u128, u128) {
    match (u64::try_from(numerator), u64::try_from(divisor)) {
        (Ok(numerator), Ok(divisor)) => {
            (u128::from(numerator / divisor), u128::from(numerator % divisor))
        }
        _ => (numerator / divisor, numerator % divisor),
    }
}

/// `numerator * 10^shift / denominator` where the product exceeds `u128`. In lowest terms the
/// denominator must divide `10^shift`, so it may only consist of twos and fives.
fn wide_ratio(numerator: u128, denominator: u128, shift: u32) -> Result<u128, Misfit> {
    let common = greatest_common_divisor(numerator, denominator);
    let denominator = denominator / common;
    let twos = denominator.trailing_zeros();
    let mut rest = denominator >> twos;
    let mut fives = 0;
    while rest.is_multiple_of(5) {
        rest /= 5;
        fives += 1;
    }
    if rest != 1 || twos > shift || fives > shift {
        return Err(Misfit::Fraction);
    }
    let factor = |base: u128, power: u32| base.checked_pow(power).ok_or(Misfit::Overflow);
    let fives = factor(5, shift - fives)?;
    let factors = factor(2, shift - twos)?.checked_mul(fives).ok_or(Misfit::Overflow)?;
    (numerator / common).checked_mul(factors).ok_or(Misfit::Overflow)
}

fn greatest_common_divisor(mut left: u128, mut right: u128) -> u128 {
    while right != 0 {
        (left, right) = (right, left % right);
    }
    left
}

#[expect(clippy::cast_precision_loss, reason = "callers pass at most 2^53, which is exact")]
fn exact_integer_f64(magnitude: u64) -> f64 {
    magnitude as f64
}
