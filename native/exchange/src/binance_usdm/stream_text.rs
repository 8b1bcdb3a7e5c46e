//! Events of market streams that only futures have.

use rustonite_sim::{InstrumentId, Side};
use rustonite_wire::binance::Market;
use serde_json::{Value, json};

use super::clockwork::{index_price, mark_price, next_funding_of};
use super::public::{funding_ppm, rate};
use crate::binance::shared::channels::{Channel, Voice};
use crate::binance::shared::market::{self, side_pairs};
use crate::binance::shared::words::price_text;
use crate::floor::Floor;
use crate::market::{Aggregate, Pace};

const PACES: [(&str, Pace); 4] =
    [("", Pace::Quarter), ("250ms", Pace::Quarter), ("500ms", Pace::Half), ("100ms", Pace::Tenth)];

/// Changes of a book are numbered in steps: the venue counts those of all instruments together, so a
/// change never has the number that follows on the last one.
const STEP: i64 = 16;
const FIRST_BEHIND: i64 = 5;

/// What clients take for the number of a change of a book.
pub(crate) fn number(update: i64) -> i64 {
    update * STEP
}

/// How USD-M futures speak.
pub(crate) struct UsdMVoice;

fn mark_price_channel(name: &str) -> Option<Channel> {
    match name {
        "markPrice" => Some(Channel::MarkPrice { slow: true }),
        "markPrice@1s" => Some(Channel::MarkPrice { slow: false }),
        _ => None,
    }
}

impl Voice for UsdMVoice {
    fn market(&self) -> Market {
        Market::UsdM
    }

    fn channel(&self, name: &str) -> Option<Channel> {
        let own = (name == "forceOrder").then_some(Channel::ForceOrder);
        own.or_else(|| mark_price_channel(name)).or_else(|| Channel::named(name, &PACES))
    }

    fn of_all(&self, name: &str) -> Option<Channel> {
        match name {
            "!miniTicker@arr" => Some(Channel::MiniTicker),
            "!ticker@arr" => Some(Channel::Ticker),
            "!bookTicker" => Some(Channel::BookTicker),
            "!contractInfo" => Some(Channel::ContractInfo),
            "!forceOrder@arr" => Some(Channel::ForceOrder),
            "!markPrice@arr" => Some(Channel::MarkPrice { slow: true }),
            "!markPrice@arr@1s" => Some(Channel::MarkPrice { slow: false }),
            _ => None,
        }
    }

    fn hears(&self, path: &str) -> bool {
        !path.starts_with("/private")
    }

    fn number(&self, update: i64) -> i64 {
        number(update)
    }

    fn number_behind(&self, update: i64) -> i64 {
        number(update) + FIRST_BEHIND
    }

    fn agg_trade(&self, floor: &Floor, id: InstrumentId, one: &Aggregate) -> String {
        let mut value = market::aggregate_row(floor, id, one);
        value["e"] = json!("aggTrade");
        value["E"] = json!(floor.shown(one.at));
        value["s"] = json!(floor.listed(id).listing.symbol);
        value["nq"] = value["q"].clone();
        value.to_string()
    }

    fn best_levels(&self, floor: &mut Floor, id: InstrumentId, levels: usize) -> String {
        let now = floor.shown_ms();
        let update = floor.markets[id as usize].update;
        json!({
            "e": "depthUpdate", "E": now, "T": now, "s": floor.listed(id).listing.symbol,
            "U": number(update), "u": number(update), "pu": number(update - 1),
            "b": side_pairs(floor, id, Side::Buy, levels),
            "a": side_pairs(floor, id, Side::Sell, levels),
        })
        .to_string()
    }

    fn periodic(&self, floor: &mut Floor, id: InstrumentId, channel: Channel) -> Option<Value> {
        match channel {
            Channel::MiniTicker => market::mini_ticker(floor, id),
            Channel::Ticker => market::ticker(floor, id),
            Channel::MarkPrice { .. } => mark(floor, id),
            _ => None,
        }
    }
}

fn mark(floor: &mut Floor, id: InstrumentId) -> Option<Value> {
    let now = floor.shown_ms();
    let listed = floor.listed(id);
    let mark = mark_price(floor, id)?;
    let index = index_price(floor, id).unwrap_or(mark);
    Some(json!({
        "e": "markPriceUpdate", "E": now, "s": listed.listing.symbol,
        "p": price_text(listed, mark), "ap": price_text(listed, mark),
        "P": price_text(listed, index), "i": price_text(listed, index),
        "r": rate(funding_ppm(floor, id)), "T": next_funding_of(floor, id, now),
    }))
}
