//! The reference price that makers follow, and the mood of its market.

use fastrand::Rng;

use super::SECOND;
use crate::chance::{exponential, float, normal, whole};

/// Seconds in which a distance from the start fades to a third: prices wander, but not away.
const FADES_IN: f64 = 6.0 * 3600.0;
/// Relative drift per second of a trend, in deviations of a calm second.
const TREND: f64 = 0.2;
/// Beyond this distance from the start, as a logarithm, it does not go.
const FARTHEST: f64 = 0.3;

/// How a market is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mood {
    Calm,
    Busy,
    Rising,
    Falling,
}

impl Mood {
    /// Mean length in seconds.
    fn length(self) -> f64 {
        match self {
            Self::Calm => 60.0,
            Self::Busy => 15.0,
            Self::Rising | Self::Falling => 30.0,
        }
    }

    /// How many times as much happens as in calm.
    fn pace(self) -> f64 {
        match self {
            Self::Calm => 1.0,
            Self::Busy => 4.0,
            Self::Rising | Self::Falling => 2.0,
        }
    }

    /// How many times as far the price moves.
    fn swing(self) -> f64 {
        match self {
            Self::Calm => 1.0,
            Self::Busy => 2.5,
            Self::Rising | Self::Falling => 1.5,
        }
    }

    fn trend(self) -> f64 {
        match self {
            Self::Calm | Self::Busy => 0.0,
            Self::Rising => TREND,
            Self::Falling => -TREND,
        }
    }

    /// What follows: out of calm anything, out of all else mostly calm.
    fn next(self, rng: &mut Rng) -> Self {
        match (self, rng.u32(0..10)) {
            (Self::Calm, 0..4) | (Self::Rising | Self::Falling, 0..2) => Self::Busy,
            (Self::Calm, 4..7) | (Self::Busy, 0) => Self::Rising,
            (Self::Calm, _) | (Self::Busy, 1) => Self::Falling,
            _ => Self::Calm,
        }
    }
}

/// A reference price as a multiple of its start.
#[derive(Clone, Debug)]
pub(super) struct Index {
    rng: Rng,
    now: i64,
    volatility: f64,
    mood: Mood,
    mood_until: i64,
    /// Logarithm of the multiple.
    log: f64,
}

impl Index {
    pub(super) fn new(mut rng: Rng, now: i64, volatility: f64) -> Self {
        let mood = Mood::Calm;
        let mood_until = now.saturating_add(lasts(mood, &mut rng));
        Self { rng, now, volatility, mood, mood_until, log: 0.0 }
    }

    /// Goes on to a moment that is not before the last one.
    pub(super) fn advance(&mut self, now: i64) {
        while now >= self.mood_until {
            self.walk(self.mood_until);
            self.mood = self.mood.next(&mut self.rng);
            let lasts = lasts(self.mood, &mut self.rng);
            self.mood_until = self.mood_until.saturating_add(lasts);
        }
        self.walk(now);
    }

    /// How many times as much happens now as in calm.
    pub(super) fn pace(&self) -> f64 {
        self.mood.pace()
    }

    /// The part of takers that buy because of the trend, less those who sell; between -1 and 1.
    pub(super) fn trend(&self) -> f64 {
        self.mood.trend()
    }

    /// The price now that was `start` at the beginning.
    pub(super) fn price(&self, start: i64) -> f64 {
        float(start) * self.log.exp()
    }

    /// Somebody who may know something has traded: the price gives way by this part of itself.
    pub(super) fn push(&mut self, part: f64) {
        self.log = (self.log + part).clamp(-FARTHEST, FARTHEST);
    }

    fn walk(&mut self, to: i64) {
        let seconds = float(to.saturating_sub(self.now)) / SECOND;
        if seconds <= 0.0 {
            return;
        }
        self.now = to;
        let step = self.volatility * self.mood.swing() * seconds.sqrt() * normal(&mut self.rng);
        let trend = self.volatility * self.mood.trend() * seconds;
        let faded = self.log * (-seconds / FADES_IN).exp();
        self.log = (faded + step + trend).clamp(-FARTHEST, FARTHEST);
    }
}

fn lasts(mood: Mood, rng: &mut Rng) -> i64 {
    whole(exponential(rng, mood.length() * SECOND)).max(1)
}
