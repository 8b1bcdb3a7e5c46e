//! The market of one instrument, made of its best prices and trades.

use std::collections::BTreeSet;

use rustonite_core::instrument::Instrument;
use rustonite_sim::replay::{
    Desk, FeedClock, OwnId, Penetration, Recorded, Replay, ReplayConfig, Report, Strategy, What,
};
use rustonite_sim::{Amount, Fees, Latency, LatencyConfig, Side};

use super::{BestPrices, PaperSettings};

/// What the venue said about an own order.
#[derive(Clone, Copy, Debug)]
pub(super) struct Word {
    /// When it was heard.
    pub(super) at: i64,
    /// It is the first one about the oldest request.
    pub(super) is_answer: bool,
    pub(super) report: Report,
}

/// Hears what the venue says about own orders, and when.
#[derive(Debug, Default)]
struct Ears {
    words: Vec<Word>,
    is_answer: bool,
}

impl Strategy for Ears {
    fn seen(&mut self, _event: &Recorded, _desk: &mut Desk) {}

    fn told(&mut self, report: &Report, desk: &mut Desk) {
        let is_answer = std::mem::take(&mut self.is_answer);
        self.words.push(Word { at: desk.now(), is_answer, report: *report });
    }

    fn answered(&mut self, _order: OwnId) {
        self.is_answer = true;
    }
}

/// What a level belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// A change.
    Change,
    /// A whole picture of which more is to come.
    Picture,
    /// The last of a whole picture: what was not in it is not there.
    PictureEnd,
}

/// See the module.
#[derive(Debug)]
pub(super) struct Book {
    tick: Amount,
    lot: Amount,
    replay: Replay,
    /// Prices of levels that are known, in ticks: of buyers, and of sellers.
    levels: [BTreeSet<i64>; 2],
    /// The same of a picture that is not whole so far.
    pictured: [BTreeSet<i64>; 2],
    /// A whole picture was seen.
    is_pictured: bool,
    /// Time of the last event.
    last: i64,
    ears: Ears,
}

impl Book {
    pub(super) fn new(rules: &Instrument, settings: &PaperSettings) -> Self {
        let &PaperSettings { maker_ppm, taker_ppm, delay_ns, .. } = settings;
        let config = ReplayConfig {
            queue: settings.queue,
            late_ns: settings.late_ns,
            penetration: Penetration::Traded,
            feed: FeedClock::Recorded,
            fees: Fees { maker_ppm, taker_ppm },
            unit: rules.tick.product(rules.lot).unwrap_or_default(),
        };
        Self {
            tick: rules.tick,
            lot: rules.lot,
            replay: Replay::new(&config, Latency::new(&LatencyConfig::constant(delay_ns))),
            levels: Default::default(),
            pictured: Default::default(),
            is_pictured: false,
            last: i64::MIN,
            ears: Ears::default(),
        }
    }

    /// A price in ticks; `None` if it is not on one.
    pub(super) fn ticks(&self, price: Amount) -> Option<i64> {
        count(price, self.tick)
    }

    /// A size in lots.
    pub(super) fn lots(&self, size: Amount) -> Option<i64> {
        count(size, self.lot)
    }

    pub(super) fn price(&self, ticks: i64) -> Amount {
        self.tick.times(ticks).unwrap_or_default()
    }

    pub(super) fn size(&self, lots: i64) -> Amount {
        self.lot.times(lots).unwrap_or_default()
    }

    /// Whether anybody is known on a side.
    pub(super) fn has(&self, side: Side) -> bool {
        !self.levels[side as usize].is_empty()
    }

    /// Where orders are given.
    pub(super) fn desk(&mut self, now: i64) -> &mut Desk {
        self.replay.desk(now)
    }

    pub(super) fn next(&self) -> Option<i64> {
        self.replay.next_message()
    }

    /// What is on its way arrives, if it does so by now.
    pub(super) fn until(&mut self, now: i64) {
        self.replay.run_until(now.saturating_add(1), &mut self.ears);
    }

    /// What was told about own orders.
    pub(super) fn take_told(&mut self) -> Vec<Word> {
        std::mem::take(&mut self.ears.words)
    }

    pub(super) fn trade(&mut self, at: i64, taker: Side, (price, size): (f64, f64)) {
        let (price, quantity) = (nearest(price, self.tick), nearest(size, self.lot));
        self.happens(at, What::Trade { taker, price, quantity });
    }

    /// Once the depth is known, the best prices are no news.
    pub(super) fn best(&mut self, at: i64, best: BestPrices) {
        if self.is_pictured {
            return;
        }
        self.best_of(at, Side::Buy, best.bid);
        self.best_of(at, Side::Sell, best.ask);
    }

    pub(super) fn level(&mut self, at: i64, (side, price, size): (Side, f64, f64), part: Part) {
        let (price, quantity) = (nearest(price, self.tick), nearest(size, self.lot));
        if price > 0 {
            if quantity > 0 {
                self.levels[side as usize].insert(price);
            } else {
                self.levels[side as usize].remove(&price);
            }
            self.happens(at, What::Level { side, price, quantity });
        }
        if part != Part::Change {
            self.pictured[side as usize].insert(price);
        }
        if part == Part::PictureEnd {
            self.is_pictured = true;
            self.forget_others(at);
        }
    }

    /// A picture is whole: levels that are not in it went while nobody saw it.
    fn forget_others(&mut self, at: i64) {
        for side in [Side::Buy, Side::Sell] {
            let pictured = std::mem::take(&mut self.pictured[side as usize]);
            let known = std::mem::take(&mut self.levels[side as usize]);
            let (stays, gone): (BTreeSet<_>, BTreeSet<_>) =
                known.into_iter().partition(|price| pictured.contains(price));
            self.levels[side as usize] = stays;
            for price in gone {
                self.happens(at, What::Level { side, price, quantity: 0 });
            }
        }
    }

    /// Levels before the best one are gone. Those behind it stay as they were seen last: nothing
    /// else is known of them.
    fn best_of(&mut self, at: i64, side: Side, (price, size): (f64, f64)) {
        let (price, quantity) = (nearest(price, self.tick), nearest(size, self.lot));
        let is_none = price <= 0 || quantity <= 0;
        let known = &self.levels[side as usize];
        let before = |level: &&i64| match side {
            Side::Buy => is_none || **level > price,
            Side::Sell => is_none || **level < price,
        };
        let gone: Vec<i64> = known.iter().filter(before).copied().collect();
        for level in gone {
            self.levels[side as usize].remove(&level);
            self.happens(at, What::Level { side, price: level, quantity: 0 });
        }
        if !is_none {
            self.levels[side as usize].insert(price);
            self.happens(at, What::Level { side, price, quantity });
        }
    }

    fn happens(&mut self, at: i64, what: What) {
        // Tapes of several recorders may be a little out of order.
        self.last = self.last.max(at);
        let event = Recorded { at: self.last, received: self.last, what };
        self.replay.event(&event, &mut self.ears);
    }
}

fn count(amount: Amount, step: Amount) -> Option<i64> {
    if step.0 <= 0 || amount.0 % step.0 != 0 {
        return None;
    }
    i64::try_from(amount.0 / step.0).ok()
}

/// The nearest multiple of a step.
#[expect(clippy::cast_possible_truncation, reason = "saturates, and is far from that")]
fn nearest(value: f64, step: Amount) -> i64 {
    (value / step.to_decimal().to_f64()).round() as i64
}
