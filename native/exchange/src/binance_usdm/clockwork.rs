//! What happens because time passes: mark prices, fundings, orders that end when a client is gone,
//! and warnings.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use rustonite_sim::{AccountId, Amount, Command, InstrumentId, Side};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::positions::{Position, Sums, all, margin_assets};
use super::public::funding_ppm;
use super::{State, trade, words};
use crate::binance::shared::words::{price_text, size_text};
use crate::candles::{Candles, Print};
use crate::dialect::Hall;
use crate::figures::money;
use crate::floor::Floor;

/// Time between two fundings: at 0, 8 and 16 o'clock.
pub(crate) const FUNDING_EVERY_MS: i64 = 8 * 60 * 60 * 1_000;
/// Beats in a second.
const SECOND: u64 = 10;
/// An account is warned when its positions take this part of what stands for them, in percent.
const WARNED_AT: i64 = 80;

/// See the module.
#[derive(Debug, Default, Deserialize, Serialize)]
pub(crate) struct Clockwork {
    /// Fundings up to the last one, counted since 1970.
    funded: Option<i64>,
    /// Accounts that were warned and are still in danger.
    warned: BTreeSet<AccountId>,
    /// Mark and index prices so far, once a second.
    prices: BTreeMap<InstrumentId, [Candles; 2]>,
}

impl Clockwork {
    pub(crate) fn marks(&mut self, id: InstrumentId) -> &mut Candles {
        &mut self.prices.entry(id).or_default()[0]
    }

    pub(crate) fn indices(&mut self, id: InstrumentId) -> &mut Candles {
        &mut self.prices.entry(id).or_default()[1]
    }

    fn note_prices(&mut self, floor: &Floor, id: InstrumentId) {
        let at = floor.clock.last();
        // Nothing is traded at these prices.
        let print = |price| Print {
            trade: 0,
            at,
            price,
            quantity: 0,
            quote: Amount::ZERO,
            buyer_is_maker: true,
        };
        if let (Some(mark), Some(index)) = (mark_price(floor, id), index_price(floor, id)) {
            self.marks(id).add(&print(mark));
            self.indices(id).add(&print(index));
        }
    }
}

/// The next funding, for clients.
fn next_funding(shown_ms: i64) -> i64 {
    (shown_ms.div_euclid(FUNDING_EVERY_MS) + 1) * FUNDING_EVERY_MS
}

/// The same of an instrument: a recording may say when it is.
pub(crate) fn next_funding_of(floor: &Floor, id: InstrumentId, shown_ms: i64) -> i64 {
    let recorded = floor.markets[id as usize].funding.map(|(_, next)| floor.shown(next));
    recorded.unwrap_or_else(|| next_funding(shown_ms))
}

/// The middle of the book, or the last trade if a side is empty.
pub(crate) fn index_price(floor: &Floor, id: InstrumentId) -> Option<i64> {
    let best = |side| floor.exchange.levels(id, side).next().map(|(price, _)| price);
    match (best(Side::Buy), best(Side::Sell)) {
        (Some(bid), Some(ask)) => Some(i64::midpoint(bid, ask)),
        _ => floor.exchange.last_price(id),
    }
}

/// What positions are valued at.
pub(crate) fn mark_price(floor: &Floor, id: InstrumentId) -> Option<i64> {
    floor.exchange.mark_price(id).or_else(|| index_price(floor, id))
}

pub(crate) fn beat(state: &mut State, hall: &mut Hall, beats: u64) {
    end_counted_down(state, hall);
    state.listeners.expire(hall);
    if beats.is_multiple_of(SECOND) {
        mark(hall);
        for id in perpetuals(&hall.floor) {
            state.clockwork.note_prices(&hall.floor, id);
        }
        fund(state, hall);
        warn(state, hall);
    }
}

/// Ends the orders of clients that did not say in time that they are still there.
fn end_counted_down(state: &mut State, hall: &mut Hall) {
    let now = hall.floor.now();
    let over: Vec<_> =
        state.countdowns.iter().filter(|(_, at)| **at <= now).map(|(key, _)| *key).collect();
    for (account, id) in over {
        state.countdowns.remove(&(account, id));
        trade::end_all(hall, account, id, false);
    }
}

fn perpetuals(floor: &Floor) -> impl Iterator<Item = InstrumentId> + use<> {
    0..InstrumentId::try_from(floor.instruments.len()).unwrap_or(0)
}

/// The mark price follows the index where nobody sets it. One that stays is set again, so that
/// positions are looked at.
fn mark(hall: &mut Hall) {
    for id in perpetuals(&hall.floor) {
        let is_marked = hall.floor.market(id).is_marked;
        let price = if is_marked { mark_price } else { index_price };
        if let Some(price) = price(&hall.floor, id) {
            let _ = hall.apply(&Command::Mark { instrument: id, price }, Vec::new());
            hall.floor.market(id).is_marked = is_marked;
        }
    }
}

fn fund(state: &mut State, hall: &mut Hall) {
    let now = hall.floor.shown_ms();
    let due = now.div_euclid(FUNDING_EVERY_MS);
    let before = *state.clockwork.funded.get_or_insert(due);
    // A clock that was set back comes by the same hour again.
    if due <= before {
        return;
    }
    state.clockwork.funded = Some(due);
    for id in perpetuals(&hall.floor) {
        // A recording has fundings of its own.
        if hall.floor.market(id).funding.is_some() {
            continue;
        }
        let rate_ppm = funding_ppm(&hall.floor, id);
        let Some(price) = mark_price(&hall.floor, id) else { continue };
        if hall.apply(&Command::Funding { instrument: id, rate_ppm }, Vec::new()).is_ok() {
            state.ledger.add_funding(id, (due * FUNDING_EVERY_MS, rate_ppm, price));
        }
    }
}

/// Warns accounts whose positions will soon be closed.
fn warn(state: &mut State, hall: &mut Hall) {
    for account in state.listeners.accounts() {
        let danger = positions_in_danger(&hall.floor, account);
        if danger.is_empty() {
            state.clockwork.warned.remove(&account);
        } else if state.clockwork.warned.insert(account) {
            let event = margin_call(hall, account, &danger);
            state.listeners.say(hall, account, &event, Duration::ZERO);
        }
    }
}

fn is_near(needed: Amount, equity: Amount) -> bool {
    let part = |amount: Amount, percent| amount.times(percent).unwrap_or(amount);
    needed > Amount::ZERO && part(needed, 100) >= part(equity, WARNED_AT)
}

fn positions_in_danger(floor: &Floor, account: AccountId) -> Vec<Position> {
    let near: Vec<_> = margin_assets(floor)
        .into_iter()
        .filter(|asset| {
            let sums = Sums::of(floor, account, *asset);
            is_near(sums.cross_maintenance, sums.cross_wallet + sums.cross_unrealised)
        })
        .collect();
    let in_danger = |position: &Position| {
        if position.isolated {
            return is_near(position.maintenance(), position.margin + position.unrealised());
        }
        position.quantity != 0 && near.contains(&floor.listed(position.instrument).rules.quote)
    };
    all(floor, account, None).filter(in_danger).collect()
}

fn margin_call(hall: &mut Hall, account: AccountId, positions: &[Position]) -> Value {
    let now = hall.floor.shown_ms();
    let floor = &hall.floor;
    let wallet: Amount = margin_assets(floor)
        .into_iter()
        .map(|asset| Sums::of(floor, account, asset).cross_wallet)
        .sum();
    let row = |position: &Position| {
        let listed = floor.listed(position.instrument);
        let mark = mark_price(floor, position.instrument).unwrap_or(0);
        json!({
            "s": listed.listing.symbol, "ps": words::position_side(position.side),
            "pa": size_text(listed, position.quantity),
            "mt": if position.isolated { "ISOLATED" } else { "CROSSED" },
            "iw": money(position.margin).to_string(), "mp": price_text(listed, mark),
            "up": money(position.unrealised()).to_string(),
            "mm": money(position.maintenance()).to_string(),
        })
    };
    let rows: Vec<_> = positions.iter().map(row).collect();
    json!({"e": "MARGIN_CALL", "E": now, "cw": money(wallet).to_string(), "p": rows})
}

#[cfg(test)]
mod tests {
    use rustonite_core::Decimal;
    use rustonite_sim::{Command, NewOrder, Side};

    use super::{FUNDING_EVERY_MS, next_funding};
    use crate::faults::{Fault, Planned};
    use crate::state::Head;
    use crate::{Listing, VenueConfig, build};

    fn decimal(text: &str) -> Decimal {
        text.parse().unwrap()
    }

    #[test]
    fn fundings_are_at_full_hours() {
        // 2026-01-02 15:59:59.999 and a moment later.
        let at = 1_767_369_600_000;
        assert_eq!(next_funding(at - 1), at);
        assert_eq!(next_funding(at), at + FUNDING_EVERY_MS);
        assert_eq!(at % (24 * 60 * 60 * 1_000), 16 * 60 * 60 * 1_000);
    }

    #[test]
    fn a_funding_is_paid_once_however_the_clock_is_set() {
        const VENUE: &str = "binance-usdm";
        let listing = Listing::of(VENUE, "BTCUSDT", decimal("0.1"), decimal("0.001")).unwrap();
        let config =
            VenueConfig { fee_tiers: Vec::new(), ..VenueConfig::new(VENUE, vec![listing]) };
        let mut venue = build(&config, &Head::new(&config)).unwrap();
        for (name, side) in [("bob", Side::Sell), ("ann", Side::Buy)] {
            venue.open_account(name).unwrap();
            venue.deposit(name, "USDT", decimal("100000")).unwrap();
            let account = venue.hall.floor.accounts.by_name(name).unwrap();
            let order = NewOrder::limit(account, 0, side, 500_000, 1_000);
            venue.apply(&Command::Place(order)).unwrap();
        }
        venue.beat(0);
        for ms in [FUNDING_EVERY_MS, 0, FUNDING_EVERY_MS] {
            let fault = Fault::ClockAhead { ms };
            let planned = Planned { fault, call: None, path: None, symbol: None, times: 1 };
            venue.fault(planned).unwrap();
            venue.beat(0);
        }
        // 0.01 % of 50,000.
        let floor = &venue.hall.floor;
        let ann = floor.accounts.by_name("ann").unwrap();
        let (left, _) = floor.exchange.balance(ann, floor.asset_named("USDT").unwrap());
        assert_eq!(left.to_decimal(), decimal("99995"));
    }
}
