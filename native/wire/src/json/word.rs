//! Eight bytes of a text at once.

/// The first byte is the lowest.
#[derive(Clone, Copy, Debug)]
pub(super) struct Word(u64);

/// A number as it is written, without its sign.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Plain {
    /// Its digits, as if there were no point.
    pub(super) value: i64,
    /// Digits behind the point.
    pub(super) decimals: u32,
    /// Bytes of it.
    pub(super) bytes: usize,
}

const BYTES: u32 = 8;

impl Word {
    /// The bytes from a place on; `None` if there are too few.
    #[inline]
    pub(super) fn at(text: &[u8], start: usize) -> Option<Self> {
        text.get(start..)?.first_chunk().map(|word| Self(u64::from_le_bytes(*word)))
    }

    /// The number in front; `None` if digits are missing. Where it fills the word it may go on.
    #[inline]
    pub(super) fn number(self) -> Option<Plain> {
        let others = self.others();
        let whole = first(others);
        if whole == 0 {
            return None;
        }
        let digits = self.0 ^ all(b'0');
        // Of a full word it is the first byte.
        let behind = self.0.wrapping_shr(8 * whole).to_le_bytes()[0];
        if behind != b'.' {
            return Some(Plain { value: value(digits, whole), decimals: 0, bytes: whole as usize });
        }
        let end = first(others & (others - 1));
        let decimals = end - whole - 1;
        let front = (1 << (8 * whole)) - 1;
        let joined = (digits & front) | ((digits >> 8) & !front);
        let plain = Plain { value: value(joined, end - 1), decimals, bytes: end as usize };
        (decimals > 0).then_some(plain)
    }

    /// The digits in front, and how many they are.
    #[inline]
    pub(super) fn digits(self) -> (i64, u32) {
        let count = first(self.others());
        (if count == 0 { 0 } else { value(self.0 ^ all(b'0'), count) }, count)
    }

    /// The highest bit of each byte that is no digit.
    #[inline]
    fn others(self) -> u64 {
        let digits = self.0 ^ all(b'0');
        // Nothing is carried into the next byte.
        (((digits & all(0x7f)) + all(0x80 - 10)) | digits) & all(0x80)
    }
}

const fn all(byte: u8) -> u64 {
    u64::from_le_bytes([byte; BYTES as usize])
}

/// The first byte that has a bit; the number of bytes if there is none.
#[inline]
fn first(bits: u64) -> u32 {
    bits.trailing_zeros() / 8
}

/// The number that the first digits make, 1 to 8 of them: of pairs, of fours, of all.
#[inline]
fn value(digits: u64, count: u32) -> i64 {
    const PAIRS: u64 = 0x0000_00ff_0000_00ff;
    let digits = digits << (8 * (BYTES - count));
    let pairs = digits.wrapping_mul(10).wrapping_add(digits >> 8);
    let one = (pairs & PAIRS).wrapping_mul((1_000_000 << 32) + 100);
    let other = ((pairs >> 16) & PAIRS).wrapping_mul((10_000 << 32) + 1);
    (one.wrapping_add(other) >> 32).cast_signed()
}
