//! What accounts paid for what they hold.

use std::collections::BTreeMap;

use rustonite_sim::{AccountId, Amount, AssetId, Event, InstrumentId, Side};
use serde::{Deserialize, Serialize};

use crate::figures::{product, ratio};
use crate::floor::{Done, Floor};

/// The dollar, which is no position.
pub(crate) const CASH: &str = "USD";

/// A quantity of an asset, and what it cost.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
pub(crate) struct Holding {
    pub(crate) quantity: Amount,
    pub(crate) cost: Amount,
}

impl Holding {
    pub(crate) fn average(self) -> Amount {
        ratio(self.cost, self.quantity)
    }

    fn take(&mut self, quantity: Amount, cost: Amount) {
        self.quantity += quantity;
        self.cost += cost;
    }

    fn give(&mut self, quantity: Amount) {
        if quantity >= self.quantity {
            *self = Self::default();
            return;
        }
        self.cost -= product(self.average(), quantity);
        self.quantity -= quantity;
    }
}

/// See the module.
#[derive(Debug, Default, Deserialize, Serialize)]
pub(crate) struct Holdings(BTreeMap<(AccountId, AssetId), Holding>);

impl Holdings {
    pub(crate) fn of(&self, account: AccountId, asset: AssetId) -> Holding {
        self.0.get(&(account, asset)).copied().unwrap_or_default()
    }

    fn of_mut(&mut self, account: AccountId, asset: AssetId) -> &mut Holding {
        self.0.entry((account, asset)).or_default()
    }

    /// A deposit costs what it is worth at the moment.
    pub(crate) fn deposit(&mut self, floor: &Floor, done: &Done) {
        let Some((account, asset, amount)) = done.deposit else { return };
        let cost = value(floor, asset, amount);
        let holding = self.of_mut(account, asset);
        if amount < Amount::ZERO {
            holding.give(-amount);
        } else {
            holding.take(amount, cost);
        }
    }

    /// An order's part in a trade. Returns what its account holds then.
    pub(crate) fn fill(&mut self, floor: &Floor, event: &Event) -> Option<Amount> {
        let &Event::Fill { order, account, price, quantity, fee, fee_asset, .. } = event else {
            return None;
        };
        let asked = floor.record(account, order)?.order.asked;
        let listed = floor.listed(asked.instrument);
        let (base, quote) = (listed.rules.base, listed.rules.quote);
        let size = Amount::from_decimal(listed.size(quantity)).unwrap_or_default();
        let worth = floor.exchange.worth(asked.instrument, price, quantity);
        // It is paid from what is received.
        let fee_in = |asset| if fee_asset == asset { fee } else { Amount::ZERO };
        let is_cash = listed.listing.quote == CASH;
        match asked.side {
            Side::Buy => {
                if !is_cash {
                    self.of_mut(account, quote).give(worth);
                }
                let is_home = instrument_of(floor, base) == Some(asked.instrument);
                let cost = if is_home { worth } else { value(floor, quote, worth) };
                self.of_mut(account, base).take(size - fee_in(base), cost);
            }
            Side::Sell => {
                self.of_mut(account, base).give(size);
                if !is_cash {
                    let cost = value(floor, quote, worth);
                    self.of_mut(account, quote).take(worth - fee_in(quote), cost);
                }
            }
        }
        Some(self.of(account, base).quantity)
    }
}

/// Where an asset is traded, for dollars if it is.
pub(crate) fn instrument_of(floor: &Floor, asset: AssetId) -> Option<InstrumentId> {
    let of_base = |cash: bool| {
        let mut all = (0..).zip(&floor.instruments);
        let found =
            all.find(|(_, one)| one.rules.base == asset && (!cash || one.listing.quote == CASH));
        found.map(|(id, _)| id)
    };
    of_base(true).or_else(|| of_base(false))
}

/// What some of an asset is worth at the moment, where it is traded.
fn value(floor: &Floor, asset: AssetId, quantity: Amount) -> Amount {
    let price = instrument_of(floor, asset).map(|id| price(floor, id)).unwrap_or_default();
    product(price, quantity)
}

/// Price of the last trade, or else the middle of the best prices, or else nothing.
pub(crate) fn price(floor: &Floor, id: InstrumentId) -> Amount {
    let listed = floor.listed(id);
    let of_ticks = |ticks| Amount::from_decimal(listed.price(ticks)).unwrap_or_default();
    if let Some(last) = floor.exchange.last_price(id) {
        return of_ticks(last);
    }
    let best = |side| floor.exchange.levels(id, side).next().map(|(ticks, _)| of_ticks(ticks));
    match (best(Side::Buy), best(Side::Sell)) {
        (Some(bid), Some(ask)) => Amount(bid.0.midpoint(ask.0)),
        (one, other) => one.or(other).unwrap_or_default(),
    }
}

#[cfg(test)]
mod tests {
    use super::Holding;
    use rustonite_sim::Amount;

    #[test]
    fn what_is_given_costs_the_average() {
        let amount = |text: &str| Amount::from_decimal(text.parse().unwrap()).unwrap();
        let mut holding = Holding::default();
        holding.take(amount("1"), amount("100"));
        holding.take(amount("3"), amount("500"));
        assert_eq!(holding.average(), amount("150"));
        holding.give(amount("2"));
        assert_eq!(holding, Holding { quantity: amount("2"), cost: amount("300") });
        holding.give(amount("2"));
        assert_eq!(holding, Holding::default());
    }
}
