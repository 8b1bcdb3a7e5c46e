//! What everybody hears of liquidations: of each instrument the largest one of a second.

use std::collections::BTreeMap;

use rustonite_sim::{Event, InstrumentId, OrderId};
use serde_json::{Value, json};

use super::words;
use crate::binance::shared::channels::Channel;
use crate::binance::shared::streams::Streams;
use crate::binance::shared::words::{side, size_text};
use crate::dialect::Hall;
use crate::floor::{Done, Floor};

/// Beats in a second.
const SECOND: u64 = 10;

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct Forced {
    /// The largest one since the last second: lots, and what is said of it.
    waiting: BTreeMap<InstrumentId, (i64, Value)>,
}

impl Forced {
    pub(crate) fn note(&mut self, hall: &Hall, done: &Done) {
        let mut is_forced = false;
        for event in &done.events {
            match *event {
                Event::Liquidated { .. } => is_forced = true,
                Event::Placed { order } if is_forced => {
                    is_forced = false;
                    self.keep(&hall.floor, order, done.at);
                }
                _ => {}
            }
        }
    }

    fn keep(&mut self, floor: &Floor, id: OrderId, at: i64) {
        let Some(order) = floor.exchange.order(id).filter(|order| order.filled > 0) else { return };
        let known = self.waiting.get(&order.asked.instrument);
        if known.is_some_and(|(lots, _)| *lots >= order.filled) {
            return;
        }
        let listed = floor.listed(order.asked.instrument);
        let filled = size_text(listed, order.filled);
        let price = words::mean_price(listed, order.filled, order.filled_quote);
        let text = json!({
            "e": "forceOrder", "E": floor.shown(at),
            "o": {
                "s": listed.listing.symbol, "S": side(order.asked.side), "o": "LIMIT", "f": "IOC",
                "q": size_text(listed, order.quantity), "p": price, "ap": price,
                "X": words::status(&order), "l": filled, "z": filled, "T": floor.shown(at),
            },
        });
        self.waiting.insert(order.asked.instrument, (order.filled, text));
    }

    pub(crate) fn beat(&mut self, streams: &Streams, hall: &mut Hall, beats: u64) {
        if !beats.is_multiple_of(SECOND) {
            return;
        }
        for (id, (_, value)) in std::mem::take(&mut self.waiting) {
            for key in [Some(id), None] {
                streams.tell(hall, (key, Channel::ForceOrder), value.to_string());
            }
        }
    }
}
