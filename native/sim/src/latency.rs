//! How long messages take between a trader and a venue.
//!
//! Seeded and pure: the clock comes in, delays go out. Each kind of message draws from a generator
//! of its own, so that what one kind does is the same whatever the others do. What they share is
//! bad times: while one lasts, all messages are slower at once.

use fastrand::Rng;

use crate::chance::{exponential, float, normal, whole};

#[cfg(test)]
mod tests;

/// A clock that jumps is caught up with over so many mean times at most.
const MEANS_CAUGHT_UP: f64 = 64.0;

/// What a message is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Message {
    /// Market data, to the trader.
    Feed,
    /// A new order, to the venue.
    Place,
    /// A change of an order, to the venue.
    Amend,
    /// A cancel, to the venue.
    Cancel,
    /// What the venue says about an order, to the trader.
    Response,
}

/// How delays of a kind of message are spread, in nanoseconds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Delay {
    /// Always the same.
    Constant(i64),
    /// Anything between, both included.
    Uniform {
        /// Least.
        least: i64,
        /// Largest.
        largest: i64,
    },
    /// Most near the median, some much longer.
    LogNormal {
        /// Half of them are below.
        median: i64,
        /// Deviation of the logarithm: 0.3 is a quiet line, 1 a bad one.
        sigma: f64,
        /// A message is hit by a spike with this chance, in millionths,
        spike_ppm: u32,
        /// and takes so many times as long then.
        spike_factor: f64,
    },
}

/// Times in which all messages are slower.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BadTimes {
    /// Mean time between them, in nanoseconds.
    pub apart: i64,
    /// Mean length, in nanoseconds.
    pub length: i64,
    /// So many times as slow.
    pub factor: f64,
}

/// What a [`Latency`] is made of.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LatencyConfig {
    /// The same seed gives the same delays.
    pub seed: u64,
    /// Of market data.
    pub feed: Delay,
    /// Of new orders.
    pub place: Delay,
    /// Of changes.
    pub amend: Delay,
    /// Of cancels.
    pub cancel: Delay,
    /// Of what the venue says about orders.
    pub response: Delay,
    /// Shared by all.
    pub bad_times: Option<BadTimes>,
}

impl LatencyConfig {
    /// The same constant delay for all messages.
    pub fn constant(delay: i64) -> Self {
        let delay = Delay::Constant(delay);
        Self {
            seed: 0,
            feed: delay,
            place: delay,
            amend: delay,
            cancel: delay,
            response: delay,
            bad_times: None,
        }
    }
}

/// Delays of messages.
#[derive(Clone, Debug)]
pub struct Latency {
    delays: [(Delay, Rng); 5],
    bad: Option<Bad>,
    /// When the last message of a direction or feed arrived; lines keep the order.
    arrived: [i64; 3],
}

impl Latency {
    /// Draws from the beginning.
    pub fn new(config: &LatencyConfig) -> Self {
        let mut seeds = Rng::with_seed(config.seed);
        let kinds = [config.feed, config.place, config.amend, config.cancel, config.response];
        let delays = kinds.map(|delay| (delay, seeds.fork()));
        let bad = config.bad_times.map(|times| Bad::new(times, seeds.fork()));
        Self { delays, bad, arrived: [i64::MIN; 3] }
    }

    /// Nanoseconds that a message takes which is sent now. Never negative.
    pub fn delay(&mut self, message: Message, now: i64) -> i64 {
        let (delay, rng) = &mut self.delays[message as usize];
        let usual = draw(*delay, rng);
        let factor = self.bad.as_mut().map_or(1.0, |bad| bad.factor(now));
        whole(usual * factor).max(0)
    }

    /// When a message arrives that is sent now. A line keeps the order of its messages: none
    /// arrives before an earlier one of the same direction. Orders, changes and cancels are one
    /// line, market data and responses one each.
    pub fn arrival(&mut self, message: Message, now: i64) -> i64 {
        let at = now.saturating_add(self.delay(message, now));
        let last = &mut self.arrived[line(message)];
        *last = at.max(*last);
        *last
    }
}

fn line(message: Message) -> usize {
    match message {
        Message::Feed => 0,
        Message::Place | Message::Amend | Message::Cancel => 1,
        Message::Response => 2,
    }
}

fn draw(delay: Delay, rng: &mut Rng) -> f64 {
    match delay {
        Delay::Constant(delay) => float(delay),
        Delay::Uniform { least, largest } => float(rng.i64(least..=largest.max(least))),
        Delay::LogNormal { median, sigma, spike_ppm, spike_factor } => {
            let usual = float(median) * (sigma * normal(rng)).exp();
            if rng.u32(0..1_000_000) < spike_ppm { usual * spike_factor } else { usual }
        }
    }
}

/// Where in the row of quiet and bad times we are.
#[derive(Clone, Debug)]
struct Bad {
    times: BadTimes,
    rng: Rng,
    slow: bool,
    /// When that changes; `None` before the first message.
    until: Option<i64>,
}

impl Bad {
    fn new(times: BadTimes, rng: Rng) -> Self {
        // The first message turns it, and so begins a quiet time.
        Self { times, rng, slow: true, until: None }
    }

    fn factor(&mut self, now: i64) -> f64 {
        let longest = whole(float(self.times.apart + self.times.length) * MEANS_CAUGHT_UP);
        let oldest = now.saturating_sub(longest);
        // How long a quiet time lasted says nothing about how long it still does, so it may be cut.
        let mut until = self.until.map_or(now, |until| until.max(oldest));
        while now >= until {
            self.slow = !self.slow;
            let mean = if self.slow { self.times.length } else { self.times.apart };
            until = until.saturating_add(whole(exponential(&mut self.rng, float(mean))).max(1));
        }
        self.until = Some(until);
        if self.slow { self.times.factor } else { 1.0 }
    }
}
