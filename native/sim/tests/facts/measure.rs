//! What is measured of a market, the same of a recorded one and of one that was made up.

use std::collections::BTreeMap;

/// Takers in a window, on average. Windows are not of a length in seconds, because some markets are
/// busier than others.
const TAKERS_A_WINDOW: i64 = 10;
/// Looks at the spread in a window.
const LOOKS: i64 = 10;
/// Levels of a side that are looked at.
const LEVELS: usize = 10;
/// Changes of the book farther from the touch than this part of the price are left out: recordings
/// do not know all of what is far away.
const FARTHEST: f64 = 0.001;

/// Something that can be seen of a market. Prices in ticks, sizes in lots.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Seen {
    /// The best bid and ask.
    Touch { bid: i64, ask: i64 },
    /// `taker` is the same for all trades of one order that came.
    Trade { buys: bool, size: i64, taker: i64 },
    /// A level of the book is so large now.
    Level { bid: bool, price: i64, size: i64 },
    /// What was known of the book is void.
    Unknown,
}

/// A market over some time: moments in nanoseconds, and what was seen then.
pub(crate) type Tape = Vec<(i64, Seen)>;

/// What came of it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Facts {
    /// In ticks, at moments that are evenly apart.
    pub(crate) spread_median: f64,
    pub(crate) spread_rare: f64,
    /// Size of the best level over the mean of the next ones.
    pub(crate) best_size: f64,
    /// Ticks between neighbours of the best levels.
    pub(crate) gap: f64,
    /// Of takers in a window, variance over mean; 1 if they do not know of each other.
    pub(crate) clustering: f64,
    /// Correlation of a taker's side with that of the next one, and of the tenth.
    pub(crate) sides: [f64; 2],
    /// The size that one taker in a hundred exceeds, over the median.
    pub(crate) large_taker: f64,
    /// Mean move of the middle in a window, in usual spreads.
    pub(crate) moves: f64,
    /// The move that one window in a hundred exceeds, over the mean: 3.2 if moves were normal.
    pub(crate) large_move: f64,
    /// Correlation of the size of moves with those of the five windows that follow.
    pub(crate) restlessness: f64,
    /// Part of what was placed near the touch that was cancelled.
    pub(crate) cancelled: f64,
}

#[derive(Default)]
struct Book {
    bids: BTreeMap<i64, i64>,
    asks: BTreeMap<i64, i64>,
}

impl Book {
    /// Sets a level; by how much it changed.
    fn set(&mut self, bid: bool, price: i64, size: i64) -> i64 {
        let side = if bid { &mut self.bids } else { &mut self.asks };
        let before = if size > 0 { side.insert(price, size) } else { side.remove(&price) };
        size - before.unwrap_or(0)
    }

    fn touch(&self) -> Option<(i64, i64)> {
        let (bid, ask) = (self.bids.last_key_value()?, self.asks.first_key_value()?);
        (bid.0 < ask.0).then_some((*bid.0, *ask.0))
    }

    /// Whether a price is near the touch.
    fn is_near(&self, price: i64) -> bool {
        self.touch().is_some_and(|(bid, ask)| {
            let far = (float(bid) * FARTHEST) as i64;
            (bid - far..=ask + far).contains(&price)
        })
    }

    /// Shape of the best levels of both sides: see [`Facts`].
    fn shapes(&self) -> impl Iterator<Item = (f64, f64)> {
        let bids: Vec<_> = self.bids.iter().rev().take(LEVELS).collect();
        let asks: Vec<_> = self.asks.iter().take(LEVELS).collect();
        let is_sound = self.touch().is_some();
        [bids, asks].into_iter().filter(move |side| is_sound && side.len() == LEVELS).map(|side| {
            let rest: i64 = side[1..].iter().map(|(_, size)| **size).sum();
            let span = (side[LEVELS - 1].0 - side[0].0).abs();
            let others = float(LEVELS as i64 - 1);
            (float(*side[0].1) / (float(rest) / others), float(span) / others)
        })
    }
}

struct Taker {
    at: i64,
    buys: bool,
    size: i64,
    number: i64,
}

fn takers(tape: &Tape) -> Vec<Taker> {
    let mut takers: Vec<Taker> = Vec::new();
    for (at, seen) in tape {
        let &Seen::Trade { buys, size, taker } = seen else { continue };
        match takers.last_mut() {
            Some(last) if (last.number, last.buys) == (taker, buys) => last.size += size,
            _ => takers.push(Taker { at: *at, buys, size, number: taker }),
        }
    }
    takers
}

/// Measures a market.
pub(crate) fn facts(tape: &Tape) -> Facts {
    let takers = takers(tape);
    let (first, last) = (tape[0].0, tape[tape.len() - 1].0);
    let length = (last - first) * TAKERS_A_WINDOW / takers.len() as i64;
    let window = |at: i64| ((at - first) / length) as usize;
    let mut counts = vec![0.0; window(last)];
    for taker in &takers {
        if let Some(count) = counts.get_mut(window(taker.at)) {
            *count += 1.0;
        }
    }
    let sides: Vec<f64> = takers.iter().map(|one| if one.buys { 1.0 } else { -1.0 }).collect();
    let sizes: Vec<f64> = takers.iter().map(|one| float(one.size)).collect();
    let touches = touches(tape, length / LOOKS);
    let spreads: Vec<f64> = touches.iter().map(|(bid, ask)| float(ask - bid)).collect();
    let middles = touches.iter().step_by(LOOKS as usize).map(|(bid, ask)| float(bid + ask) / 2.0);
    let middles: Vec<f64> = middles.collect();
    let moves: Vec<f64> = middles.windows(2).map(|pair| (pair[1] - pair[0]).abs()).collect();
    let (best_size, gap, cancelled) = book_facts(tape, length);
    Facts {
        spread_median: percentile(&spreads, 0.5),
        spread_rare: percentile(&spreads, 0.99),
        best_size,
        gap,
        clustering: variance(&counts) / mean(&counts),
        sides: [autocorrelation(&sides, 1), autocorrelation(&sides, 10)],
        large_taker: percentile(&sizes, 0.99) / percentile(&sizes, 0.5),
        moves: mean(&moves) / percentile(&spreads, 0.5),
        large_move: percentile(&moves, 0.99) / mean(&moves),
        restlessness: (1..=5).map(|lag| autocorrelation(&moves, lag)).sum::<f64>() / 5.0,
        cancelled,
    }
}

/// The touch at moments that are so far apart.
fn touches(tape: &Tape, apart: i64) -> Vec<(i64, i64)> {
    let (mut all, mut last) = (Vec::new(), None);
    let mut next = tape[0].0 + apart;
    for (at, seen) in tape {
        while *at >= next {
            all.extend(last);
            next += apart;
        }
        if let Seen::Touch { bid, ask } = seen {
            last = Some((*bid, *ask));
        }
    }
    all
}

/// What is measured of the book: sizes and gaps of the best levels, and what was cancelled.
fn book_facts(tape: &Tape, apart: i64) -> (f64, f64, f64) {
    let mut book = Book::default();
    let (mut sizes, mut gaps) = (Vec::new(), Vec::new());
    let (mut placed, mut removed, mut traded) = (0, 0, 0);
    let mut next = tape[0].0 + apart;
    for (at, seen) in tape {
        if *at >= next {
            next += apart;
            for (size, gap) in book.shapes() {
                sizes.push(size);
                gaps.push(gap);
            }
        }
        match *seen {
            Seen::Level { bid, price, size } => {
                let is_near = book.is_near(price);
                let change = book.set(bid, price, size);
                if is_near {
                    placed += change.max(0);
                    removed += (-change).max(0);
                }
            }
            Seen::Trade { size, .. } if book.touch().is_some() => traded += size,
            Seen::Unknown => book = Book::default(),
            _ => {}
        }
    }
    let cancelled = float(removed - traded) / float(placed);
    (percentile(&sizes, 0.5), percentile(&gaps, 0.5), cancelled)
}

fn float(count: i64) -> f64 {
    count as f64
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / float(values.len() as i64)
}

fn variance(values: &[f64]) -> f64 {
    let mean = mean(values);
    let squares: Vec<f64> = values.iter().map(|value| (value - mean).powi(2)).collect();
    squares.iter().sum::<f64>() / float(values.len() as i64)
}

/// Correlation of a row with itself so many places later.
fn autocorrelation(values: &[f64], lag: usize) -> f64 {
    let mean = mean(values);
    let both: f64 = values.iter().zip(&values[lag..]).map(|(a, b)| (a - mean) * (b - mean)).sum();
    both / values.iter().map(|value| (value - mean).powi(2)).sum::<f64>()
}

/// The value that this part of a row is not above.
fn percentile(values: &[f64], part: f64) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    sorted[(float(sorted.len() as i64 - 1) * part) as usize]
}
