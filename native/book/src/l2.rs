//! Books of price levels.

use rustonite_core::Decimal;
use rustonite_core::datasets::BookSide;
use rustonite_wire::Level;

use crate::BookError;
use crate::grid::{Grid, Refined};
use crate::ladder::Ladder;

#[cfg(test)]
mod tests;

/// Stands for a count that the venue does not send.
const UNCOUNTED: i32 = i32::MIN;

/// What rests at a price. Half the size of the decimals that it stands for.
#[derive(Clone, Copy, Debug, Default)]
struct Resting {
    size_low: u64,
    size_high: i64,
    size_exponent: i16,
    price_exponent: i16,
    count: i32,
}

impl Resting {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "halves of a number; exponents of decimals are small"
    )]
    fn of(level: &Level) -> Self {
        let mantissa = level.size.mantissa();
        Self {
            size_low: mantissa as u64,
            size_high: (mantissa >> 64) as i64,
            size_exponent: level.size.exponent() as i16,
            price_exponent: level.price.exponent() as i16,
            count: level.count.unwrap_or(UNCOUNTED),
        }
    }

    fn size(&self) -> Decimal {
        let mantissa = i128::from(self.size_high) << 64 | i128::from(self.size_low);
        // It was a decimal before, so it is one now.
        Decimal::new(mantissa, self.size_exponent.into()).unwrap_or(Decimal::ZERO)
    }
}

/// What a level did to a book.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// There was no such level.
    Added,
    /// The level was there and has another size or count, or the same again.
    Changed,
    /// The level is gone.
    Removed,
    /// The level was to be removed and was not there.
    Absent,
}

/// An aggregated book: for each side, levels by price.
#[derive(Clone, Debug)]
pub struct L2Book {
    grid: Grid,
    sides: [Ladder<Resting>; 2],
}

impl Default for L2Book {
    fn default() -> Self {
        Self::new()
    }
}

impl L2Book {
    /// An empty book, which finds its tick by itself.
    pub fn new() -> Self {
        Self { grid: Grid::new(), sides: [Ladder::new(), Ladder::new()] }
    }

    /// Sets a level, or removes it if its size is zero.
    ///
    /// # Errors
    /// [`BookError::Price`]; the book is as before.
    #[inline]
    pub fn set(&mut self, level: &Level) -> Result<Change, BookError> {
        let ticks = match self.grid.ticks(level.price) {
            Some(ticks) => ticks,
            None => self.unusual(level.price)?,
        };
        let side = &mut self.sides[level.side as usize];
        let rank = rank(level.side, ticks);
        if level.size.is_zero() {
            let removed = side.remove(rank).is_some();
            return Ok(if removed { Change::Removed } else { Change::Absent });
        }
        let replaced = side.insert(rank, Resting::of(level)).is_some();
        Ok(if replaced { Change::Changed } else { Change::Added })
    }

    /// Sets levels in their order.
    ///
    /// # Errors
    /// [`BookError::Price`]; the levels before it are applied.
    pub fn apply(&mut self, levels: &[Level]) -> Result<(), BookError> {
        levels.iter().try_for_each(|level| self.set(level).map(|_| ()))
    }

    /// Removes all levels.
    pub fn clear(&mut self) {
        self.sides.iter_mut().for_each(Ladder::clear);
    }

    /// The best level of a side.
    pub fn best(&self, side: BookSide) -> Option<Level> {
        let (rank, resting) = self.sides[side as usize].best()?;
        Some(self.level(side, rank, resting))
    }

    /// The level at a price.
    pub fn get(&self, side: BookSide, price: Decimal) -> Option<Level> {
        let ticks = self.grid.ticks(price).or_else(|| self.grid.ticks_slowly(price))?;
        let rank = rank(side, ticks);
        let resting = self.sides[side as usize].get(rank)?;
        Some(self.level(side, rank, resting))
    }

    /// Levels of a side, best first.
    pub fn levels(&self, side: BookSide) -> impl Iterator<Item = Level> {
        let ladder = &self.sides[side as usize];
        ladder.iter().map(move |(rank, resting)| self.level(side, rank, resting))
    }

    /// All levels: bids, then asks, each best first.
    pub fn iter(&self) -> impl Iterator<Item = Level> {
        self.levels(BookSide::Bid).chain(self.levels(BookSide::Ask))
    }

    /// How many levels a side has.
    #[inline]
    pub fn len(&self, side: BookSide) -> usize {
        self.sides[side as usize].len()
    }

    /// Whether neither side has a level.
    pub fn is_empty(&self) -> bool {
        self.sides.iter().all(|side| side.len() == 0)
    }

    /// Whether the best bid is at or above the best ask.
    #[inline]
    pub fn crossed(&self) -> bool {
        let [bids, asks] = &self.sides;
        matches!((bids.best_rank(), asks.best_rank()), (Some(bid), Some(ask)) if ask <= -bid)
    }

    /// Removes the worst levels of each side beyond `depth`, and tells of each.
    pub fn truncate(&mut self, depth: usize, mut fell: impl FnMut(Level)) {
        for side in [BookSide::Bid, BookSide::Ask] {
            while self.len(side) > depth
                && let Some((rank, resting)) = self.sides[side as usize].pop_worst()
            {
                fell(self.level(side, rank, &resting));
            }
        }
    }

    fn level(&self, side: BookSide, rank: i128, resting: &Resting) -> Level {
        Level {
            side,
            price: self.grid.price(self::rank(side, rank), resting.price_exponent.into()),
            size: resting.size(),
            count: Some(resting.count).filter(|count| *count != UNCOUNTED),
        }
    }

    /// Ticks of a price that is finer than all before it, or has very many digits.
    #[cold]
    fn unusual(&mut self, price: Decimal) -> Result<i128, BookError> {
        let refused = || BookError::Price(Box::new(price));
        let refined = self.grid.refined(price)?;
        if !self.grid.is(refined) {
            let finer = [rescale(&self.sides[0], refined), rescale(&self.sides[1], refined)];
            let [Some(bids), Some(asks)] = finer else { return Err(refused()) };
            self.sides = [bids, asks];
            self.grid.adopt(refined);
        }
        self.grid.ticks_slowly(price).ok_or_else(refused)
    }
}

/// Prices in ticks by which lower is better, and back.
#[inline]
pub(crate) fn rank(side: BookSide, ticks: i128) -> i128 {
    if side == BookSide::Bid { -ticks } else { ticks }
}

/// The same levels on a finer grid.
pub(crate) fn rescale<T: Copy + Default>(
    ladder: &Ladder<T>,
    refined: Refined,
) -> Option<Ladder<T>> {
    let mut finer = Ladder::new();
    for (rank, value) in ladder.iter() {
        finer.insert(refined.ticks(rank)?, *value);
    }
    Some(finer)
}
