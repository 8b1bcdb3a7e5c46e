//! Is a number a multiple of a tick: without a division, since every order asks it several times.

/// A step that numbers may have to be multiples of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Step {
    /// The step itself.
    pub(crate) size: i64,
    pub(crate) divisor: Divisor,
}

/// Tells multiples of a number.
///
/// An odd number has an inverse among the 64-bit numbers, and multiples of it are what its inverse
/// turns into small numbers. The powers of two in an even step are rotated away.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Divisor {
    inverse: u64,
    quotient_max: u64,
    twos: u32,
}

impl Step {
    /// `None` if the step is not positive.
    pub(crate) fn new(size: i64) -> Option<Self> {
        let whole = u64::try_from(size).ok().filter(|whole| *whole > 0)?;
        let twos = whole.trailing_zeros();
        let odd = whole >> twos;
        // Each round doubles how many low bits are right; five take the first three to 64.
        let inverse = (0..5).fold(odd, |inverse, _| {
            inverse.wrapping_mul(2_u64.wrapping_sub(odd.wrapping_mul(inverse)))
        });
        let divisor = Divisor { inverse, twos, quotient_max: u64::MAX / whole };
        Some(Self { size, divisor })
    }

    /// As [`Divisor::divides`].
    #[inline]
    pub(crate) fn divides(&self, value: i64) -> bool {
        self.divisor.divides(value)
    }
}

impl Divisor {
    /// Whether a number is a multiple; numbers below zero are taken without their sign.
    #[inline]
    pub(crate) fn divides(&self, value: i64) -> bool {
        let turned = value.unsigned_abs().wrapping_mul(self.inverse).rotate_right(self.twos);
        turned <= self.quotient_max
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::Step;

    #[test]
    fn a_step_is_positive() {
        assert_eq!(Step::new(0), None);
        assert_eq!(Step::new(-1), None);
    }

    proptest! {
        #[test]
        fn agrees_with_the_remainder(
            size in prop_oneof![1_i64..=1_000, 1_i64..=i64::MAX, (0_u32..63).prop_map(|bit| 1 << bit)],
            value in prop_oneof![any::<i64>(), -5_000_i64..5_000],
            times in -1_000_i64..1_000,
        ) {
            let step = Step::new(size).unwrap();
            prop_assert_eq!(step.divides(value), value.unsigned_abs() % size.unsigned_abs() == 0);
            if let Some(multiple) = size.checked_mul(times) {
                prop_assert!(step.divides(multiple));
            }
        }
    }
}
