//! What the accounts of a flow need, and the deposits that see to it.

use rustonite_core::amount::SCALE;
use serde::{Deserialize, Serialize};

use crate::{AccountId, Amount, AssetId, Command, Exchange, Instrument, Kind, Side};

/// A deposit pays for so many of the usual orders.
const ORDERS: i64 = 20_000;
/// An account gets more when it could not pay for the next order so many times.
const RESERVE: i64 = 4;

/// What orders of a market cost.
#[derive(Clone, Copy, Debug, Deserialize, Serialize)]
pub(super) struct Purse {
    base: AssetId,
    quote: AssetId,
    is_spot: bool,
    lot: Amount,
    /// Of one lot at one tick.
    step: Amount,
    deposit_base: Amount,
    deposit_quote: Amount,
}

impl Purse {
    pub(super) fn new(listing: &Instrument, price: i64, size: i64) -> Self {
        // The exchange has listed it, so a tick and a lot have few decimals.
        let lot = Amount::from_decimal(listing.lot).unwrap_or_default();
        let tick = Amount::from_decimal(listing.tick).unwrap_or_default();
        let mut purse = Self {
            base: listing.base,
            quote: listing.quote,
            is_spot: listing.kind == Kind::Spot,
            lot,
            step: product(tick, lot),
            deposit_base: Amount::ZERO,
            deposit_quote: Amount::ZERO,
        };
        let lots = size.saturating_mul(ORDERS);
        purse.deposit_base = many(lot, lots);
        purse.deposit_quote = purse.worth(price, lots);
        purse
    }

    /// What so many lots cost at a price.
    pub(super) fn worth(&self, price: i64, lots: i64) -> Amount {
        many(many(self.step, price), lots)
    }

    /// The first deposits of an account.
    pub(super) fn deposits(&self, account: AccountId) -> impl Iterator<Item = Command> + use<> {
        let base = self.is_spot.then(|| self.deposit(account, self.base));
        base.into_iter().chain([self.deposit(account, self.quote)])
    }

    /// What an account needs before it places an order, if it needs something.
    pub(super) fn short_of(
        &self,
        exchange: &Exchange,
        account: AccountId,
        side: Side,
        price: i64,
        lots: i64,
    ) -> Option<Command> {
        let (asset, needed) = if self.is_spot && side == Side::Sell {
            (self.base, many(self.lot, lots))
        } else {
            (self.quote, self.worth(price, lots))
        };
        // What a position has lost is no margin for the next order.
        let free = if self.is_spot {
            exchange.balance(account, asset).0
        } else {
            exchange.available(account, asset)
        };
        (free < many(needed, RESERVE)).then(|| self.deposit(account, asset))
    }

    fn deposit(&self, account: AccountId, asset: AssetId) -> Command {
        let amount = if asset == self.quote { self.deposit_quote } else { self.deposit_base };
        Command::Deposit { account, asset, amount }
    }
}

/// Lots of which one order is worth at least so much at a price; 1 if they cannot be counted.
pub(super) fn lots_for(listing: &Instrument, price: i64, worth: Amount) -> i64 {
    let one = Purse::new(listing, price, 1).worth(price, 1);
    let lots = worth.0.checked_div(one.0).and_then(|lots| i64::try_from(lots + 1).ok());
    lots.unwrap_or(1)
}

fn many(amount: Amount, count: i64) -> Amount {
    amount.times(count).unwrap_or(Amount(i128::MAX / 1024))
}

fn product(tick: Amount, lot: Amount) -> Amount {
    // Their product has at most 18 decimals; dividing one of them first would lose some.
    let unit = 10_i128.pow(SCALE.unsigned_abs());
    let (whole, rest) = (tick.0 / unit, tick.0 % unit);
    let product = rest.checked_mul(lot.0).map(|product| product / unit);
    Amount(whole.saturating_mul(lot.0).saturating_add(product.unwrap_or(0)))
}
