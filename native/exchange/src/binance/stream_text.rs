//! Events of market streams that only this venue has.

use rustonite_sim::{InstrumentId, Side};
use rustonite_wire::binance::Market;
use serde_json::{Value, json};

use super::public;
use super::shared::channels::{Channel, Voice};
use super::shared::market;
use crate::floor::Floor;
use crate::market::{Aggregate, Pace};

/// How spot speaks.
pub(crate) struct SpotVoice;

impl Voice for SpotVoice {
    fn market(&self) -> Market {
        Market::Spot
    }

    fn channel(&self, name: &str) -> Option<Channel> {
        let paces = [("", Pace::Second), ("1000ms", Pace::Second), ("100ms", Pace::Tenth)];
        let own = (name == "avgPrice").then_some(Channel::AvgPrice);
        own.or_else(|| Channel::named(name, &paces))
    }

    fn of_all(&self, name: &str) -> Option<Channel> {
        match name {
            "!miniTicker@arr" => Some(Channel::MiniTicker),
            "!ticker@arr" => Some(Channel::Ticker),
            _ => None,
        }
    }

    fn agg_trade(&self, floor: &Floor, id: InstrumentId, one: &Aggregate) -> String {
        let mut value = market::aggregate_row(floor, id, one);
        value["e"] = json!("aggTrade");
        value["E"] = json!(floor.shown(one.at));
        value["s"] = json!(floor.listed(id).listing.symbol);
        value["M"] = json!(true);
        value.to_string()
    }

    fn best_levels(&self, floor: &mut Floor, id: InstrumentId, levels: usize) -> String {
        public::picture(floor, id, levels).to_string()
    }

    fn periodic(&self, floor: &mut Floor, id: InstrumentId, channel: Channel) -> Option<Value> {
        match channel {
            Channel::MiniTicker => market::mini_ticker(floor, id),
            Channel::Ticker => ticker(floor, id),
            Channel::AvgPrice => avg_price(floor, id),
            _ => None,
        }
    }
}

fn ticker(floor: &mut Floor, id: InstrumentId) -> Option<Value> {
    let mut value = market::ticker(floor, id)?;
    let (bid, ask) = (market::best(floor, id, Side::Buy), market::best(floor, id, Side::Sell));
    value["x"] = value["o"].clone();
    for (name, text) in [("b", bid.0), ("B", bid.1), ("a", ask.0), ("A", ask.1)] {
        value[name] = json!(text);
    }
    Some(value)
}

fn avg_price(floor: &mut Floor, id: InstrumentId) -> Option<Value> {
    floor.markets[id as usize].prints.back()?;
    let (price, at) = public::average(floor, id);
    let symbol = floor.listed(id).listing.symbol.clone();
    Some(json!({
        "e": "avgPrice", "E": floor.shown_ms(), "s": symbol, "i": "5m", "w": price, "T": at,
    }))
}
