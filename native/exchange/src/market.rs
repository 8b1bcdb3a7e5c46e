//! What everybody sees of an instrument: its last trades, candles, and changes of its book.

use std::collections::{BTreeMap, VecDeque};

use rustonite_sim::{OrderId, Side};
use serde::{Deserialize, Serialize};

use crate::candles::{Candles, Print};

/// Trades that can be asked for.
const PRINTS_MAX: usize = 10_000;

/// Trades of one order that came, at one price.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub(crate) struct Aggregate {
    pub(crate) id: u64,
    pub(crate) first: u64,
    pub(crate) last: u64,
    pub(crate) at: i64,
    pub(crate) price: i64,
    pub(crate) quantity: i64,
    pub(crate) buyer_is_maker: bool,
    taker: OrderId,
}

impl Aggregate {
    /// Whether a trade is of the same order. What was recorded has none: there it is the side.
    fn goes_on(&self, print: &Print, taker: OrderId) -> bool {
        self.taker == taker
            && self.price == print.price
            && self.at == print.at
            && self.buyer_is_maker == print.buyer_is_maker
    }
}

/// How often changes of a book are told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Pace {
    Tenth,
    Quarter,
    Half,
    Second,
}

impl Pace {
    /// Whether it is time, at this tenth of a second.
    pub(crate) fn is_due(self, beats: u64) -> bool {
        match self {
            Self::Tenth => true,
            // Two tenths and three in turns.
            Self::Quarter => matches!(beats % 5, 0 | 2),
            Self::Half => beats.is_multiple_of(5),
            Self::Second => beats.is_multiple_of(10),
        }
    }
}

/// Changes of a book that were not sent so far.
#[derive(Debug, Default)]
pub(crate) struct Changes {
    /// Update before the first one.
    pub(crate) before: i64,
    /// Levels by side and price: buyers are `true`.
    pub(crate) levels: BTreeMap<(bool, i64), i64>,
}

/// See the module.
#[derive(Debug, Default, Deserialize, Serialize)]
pub(crate) struct Market {
    pub(crate) prints: VecDeque<Print>,
    pub(crate) aggregates: VecDeque<Aggregate>,
    pub(crate) candles: Candles,
    /// Number of the last change of a level.
    pub(crate) update: i64,
    /// Of the streams that somebody hears.
    #[serde(skip)]
    pub(crate) changes: BTreeMap<Pace, Changes>,
    /// Best bid and ask, price and quantity, as they were told last.
    pub(crate) best: [Option<(i64, i64)>; 2],
    pub(crate) is_halted: bool,
    /// Somebody set a mark price.
    pub(crate) is_marked: bool,
    /// The recorded rate of the next funding in millionths, and when that is.
    pub(crate) funding: Option<(i64, i64)>,
    /// The last aggregate that streams told.
    pub(crate) told_aggregate: u64,
}

impl Market {
    /// A trade.
    pub(crate) fn print(&mut self, print: Print, taker: OrderId) {
        push(&mut self.prints, print);
        self.candles.add(&print);
        match self.aggregates.back_mut() {
            Some(last) if last.goes_on(&print, taker) => {
                last.last = print.trade;
                last.quantity += print.quantity;
            }
            last => {
                let id = last.map_or(1, |last| last.id + 1);
                let Print { trade, at, price, quantity, buyer_is_maker, .. } = print;
                push(
                    &mut self.aggregates,
                    Aggregate {
                        id,
                        first: trade,
                        last: trade,
                        at,
                        price,
                        quantity,
                        buyer_is_maker,
                        taker,
                    },
                );
            }
        }
    }

    /// A level is so large now.
    pub(crate) fn level(&mut self, side: Side, price: i64, quantity: i64) {
        self.update += 1;
        for changes in self.changes.values_mut() {
            changes.levels.insert((side == Side::Buy, price), quantity);
        }
    }

    /// Numbers changes of levels from 1 again. What was not sent so far is the first.
    pub(crate) fn restart_counter(&mut self) {
        self.update = 1;
        self.changes.values_mut().for_each(|changes| changes.before = 0);
    }

    /// Begins to collect the changes of a stream, if it is not heard so far.
    pub(crate) fn watch(&mut self, pace: Pace) {
        let next = Changes { before: self.update, ..Changes::default() };
        self.changes.entry(pace).or_insert(next);
    }

    /// Takes the changes of a stream.
    pub(crate) fn take_changes(&mut self, pace: Pace) -> Changes {
        let next = Changes { before: self.update, ..Changes::default() };
        self.changes.insert(pace, next).unwrap_or_default()
    }
}

fn push<T>(kept: &mut VecDeque<T>, new: T) {
    if kept.len() >= PRINTS_MAX {
        kept.pop_front();
    }
    kept.push_back(new);
}

#[cfg(test)]
mod tests {
    use rustonite_sim::{Amount, OrderId};

    use super::Market;
    use crate::candles::Print;

    #[test]
    fn what_was_bought_and_what_was_sold_is_not_put_together() {
        let mut market = Market::default();
        // What was recorded has no orders.
        for (trade, quantity, buyer_is_maker) in [(1, 1, false), (2, 2, true), (3, 4, true)] {
            let (price, quote) = (100, Amount::ZERO);
            let print = Print { trade, at: 7, price, quantity, quote, buyer_is_maker };
            market.print(print, OrderId(0));
        }
        let found =
            market.aggregates.iter().map(|one| (one.last, one.quantity, one.buyer_is_maker));
        assert_eq!(found.collect::<Vec<_>>(), [(1, 1, false), (3, 6, true)]);
    }
}
