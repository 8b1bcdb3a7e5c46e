//! What everybody sees of an instrument: its last trades, candles, and changes of its book.

use std::collections::{BTreeMap, VecDeque};

use rustonite_sim::{OrderId, Side};

use crate::candles::{Candles, Print};

/// Trades that can be asked for.
const PRINTS_MAX: usize = 10_000;

/// Trades of one order that came, at one price.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
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

/// Changes of a book that were not sent so far.
#[derive(Debug, Default)]
pub(crate) struct Changes {
    /// Update before the first one.
    pub(crate) before: i64,
    /// Levels by side and price: buyers are `true`.
    pub(crate) levels: BTreeMap<(bool, i64), i64>,
}

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct Market {
    pub(crate) prints: VecDeque<Print>,
    pub(crate) aggregates: VecDeque<Aggregate>,
    pub(crate) candles: Candles,
    /// Number of the last change of a level.
    pub(crate) update: i64,
    /// Of the quick and the slow stream.
    pub(crate) changes: [Changes; 2],
    /// Best bid and ask, price and quantity, as they were told last.
    pub(crate) best: [Option<(i64, i64)>; 2],
    pub(crate) is_halted: bool,
    /// The last aggregate that streams told.
    pub(crate) told_aggregate: u64,
}

impl Market {
    /// A trade.
    pub(crate) fn print(&mut self, print: Print, taker: OrderId) {
        push(&mut self.prints, print);
        self.candles.add(&print);
        match self.aggregates.back_mut() {
            Some(last)
                if last.taker == taker && last.price == print.price && last.at == print.at =>
            {
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
        for changes in &mut self.changes {
            changes.levels.insert((side == Side::Buy, price), quantity);
        }
    }

    /// Takes the changes of a stream.
    pub(crate) fn take_changes(&mut self, slow: bool) -> Changes {
        let next = Changes { before: self.update, ..Changes::default() };
        std::mem::replace(&mut self.changes[usize::from(slow)], next)
    }
}

fn push<T>(kept: &mut VecDeque<T>, new: T) {
    if kept.len() >= PRINTS_MAX {
        kept.pop_front();
    }
    kept.push_back(new);
}
