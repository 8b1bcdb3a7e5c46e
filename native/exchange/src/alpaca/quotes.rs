//! The best prices of the past.

use std::collections::{BTreeMap, VecDeque};

use rustonite_sim::{InstrumentId, Side};
use serde::{Deserialize, Serialize};

use crate::floor::Floor;

/// Quotes of an instrument that can be asked for.
const KEPT: usize = 10_000;

/// Best bid and ask from a moment on, price in ticks and quantity in lots.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub(crate) struct Quote {
    pub(crate) at: i64,
    pub(crate) best: [Option<(i64, i64)>; 2],
}

/// See the module.
#[derive(Debug, Default, Deserialize, Serialize)]
pub(crate) struct Quotes(BTreeMap<InstrumentId, VecDeque<Quote>>);

impl Quotes {
    pub(crate) fn add(&mut self, id: InstrumentId, quote: Quote) {
        let quotes = self.0.entry(id).or_default();
        if quotes.len() >= KEPT {
            quotes.pop_front();
        }
        quotes.push_back(quote);
    }

    /// Quotes of an instrument, oldest first.
    pub(crate) fn of(&self, id: InstrumentId) -> impl DoubleEndedIterator<Item = &Quote> {
        self.0.get(&id).into_iter().flatten()
    }
}

/// The quote of now, if it is another one than was told last.
pub(crate) fn of(floor: &Floor, id: InstrumentId, at: i64) -> Option<Quote> {
    let best = [Side::Buy, Side::Sell].map(|side| floor.exchange.levels(id, side).next());
    (floor.markets[id as usize].best != best).then_some(Quote { at, best })
}
