//! Draws from distributions. Whoever draws owns a generator, so that its draws depend on its seed
//! and on nothing that others do.

use fastrand::Rng;

/// A generator as a state keeps it: it goes on with the same draws.
pub mod kept {
    use fastrand::Rng;
    use serde::{Deserialize as _, Deserializer, Serialize as _, Serializer};

    /// Writes where a generator is.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn serialize<S: Serializer>(rng: &Rng, to: S) -> Result<S::Ok, S::Error> {
        rng.get_seed().serialize(to)
    }

    /// Reads it.
    ///
    /// # Errors
    /// There is no number.
    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Rng, D::Error> {
        Ok(Rng::with_seed(u64::deserialize(from)?))
    }
}

/// Waiting time of something that happens once per `mean`, on average.
pub(crate) fn exponential(rng: &mut Rng, mean: f64) -> f64 {
    -mean * (1.0 - rng.f64()).ln()
}

/// A draw with mean 0 and deviation 1.
pub(crate) fn normal(rng: &mut Rng) -> f64 {
    // Box and Muller's way; the second of the pair is not kept, so that draws stay independent of
    // how often the generator is asked.
    let radius = (-2.0 * (1.0 - rng.f64()).ln()).sqrt();
    radius * (core::f64::consts::TAU * rng.f64()).cos()
}

/// At least 1; larger than x with a chance of x to the power of `-tail`; never above `largest`.
pub(crate) fn power_law(rng: &mut Rng, tail: f64, largest: f64) -> f64 {
    (1.0 - rng.f64()).powf(-1.0 / tail).min(largest)
}

/// A count as a float, which every count here is small enough for.
#[expect(clippy::cast_precision_loss, reason = "statistics need no 53 bits")]
pub(crate) fn float(count: i64) -> f64 {
    count as f64
}

/// The nearest whole number; the largest one there is for what is beyond.
#[expect(clippy::cast_possible_truncation, reason = "saturates")]
pub(crate) fn whole(value: f64) -> i64 {
    value.round() as i64
}
