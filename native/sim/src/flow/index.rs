//! The reference price that makers follow, and the mood of its market.
//!
//! The price stands still for some time and jumps then. So the touch of a book that follows it stays
//! where it is while many trade at it, and what it moves by is much more than a tick.

use fastrand::Rng;
use serde::{Deserialize, Serialize};

use super::{FlowConfig, SECOND};
use crate::chance::{exponential, float, normal, whole};

/// Seconds in which a distance from the start fades to a third: prices wander, but not away.
const FADES_IN: f64 = 6.0 * 3600.0;
/// Commands in a calm market for each jump.
const EVENTS_PER_JUMP: f64 = 300.0;
/// Relative drift per second of a trend, in deviations of a calm second.
const TREND: f64 = 0.2;
/// Beyond this distance from the start, as a logarithm, it does not go.
const FARTHEST: f64 = 0.3;

/// How a market is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
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
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(super) struct Index {
    #[serde(with = "crate::chance::kept")]
    rng: Rng,
    now: i64,
    volatility: f64,
    mood: Mood,
    mood_until: i64,
    /// Jumps per second in calm.
    jumps: f64,
    jump_at: i64,
    /// Logarithm of the multiple.
    log: f64,
    /// What takers seem to know, as a part of the price. It is in the price with the next jump.
    pressure: f64,
}

impl Index {
    pub(super) fn new(mut rng: Rng, config: &FlowConfig, volatility: f64) -> Self {
        let (now, mood) = (config.start, Mood::Calm);
        let mood_until = now.saturating_add(lasts(mood, &mut rng));
        let jumps = config.events_per_second / EVENTS_PER_JUMP;
        let mut index = Self {
            rng,
            now,
            volatility,
            mood,
            mood_until,
            jumps,
            jump_at: now,
            log: 0.0,
            pressure: 0.0,
        };
        index.draw_jump(now);
        index
    }

    /// Goes on to a moment that is not before the last one.
    pub(super) fn advance(&mut self, now: i64) {
        loop {
            let next = self.mood_until.min(self.jump_at);
            if now < next {
                return;
            }
            if next == self.jump_at {
                self.jump(next);
            } else {
                self.mood = self.mood.next(&mut self.rng);
                let lasts = lasts(self.mood, &mut self.rng);
                self.mood_until = next.saturating_add(lasts);
            }
            // It has no memory, so that it may be drawn anew in another mood.
            self.draw_jump(next);
        }
    }

    fn draw_jump(&mut self, now: i64) {
        let apart = exponential(&mut self.rng, SECOND / (self.jumps * self.mood.pace()));
        self.jump_at = now.saturating_add(whole(apart).max(1));
    }

    fn jump(&mut self, now: i64) {
        let seconds = float(now.saturating_sub(self.now)) / SECOND;
        self.now = now;
        let size = self.mood.swing() / (self.jumps * self.mood.pace()).sqrt();
        let step = self.volatility * size * heavy(&mut self.rng);
        let trend = self.volatility * self.mood.trend() * seconds;
        let faded = self.log * (-seconds / FADES_IN).exp();
        let pressure = std::mem::take(&mut self.pressure);
        self.log = (faded + step + trend + pressure).clamp(-FARTHEST, FARTHEST);
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

    /// Somebody who may know something has traded: the price will give way by this part of itself.
    pub(super) fn push(&mut self, part: f64) {
        self.pressure += part;
    }
}

/// A draw with mean 0 and deviation 1, of which most are small and few are large: a normal one whose
/// deviation is drawn as well.
fn heavy(rng: &mut Rng) -> f64 {
    exponential(rng, 1.0).sqrt() * normal(rng)
}

fn lasts(mood: Mood, rng: &mut Rng) -> i64 {
    whole(exponential(rng, mood.length() * SECOND)).max(1)
}
