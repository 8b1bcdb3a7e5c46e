//! What open orders of spot keep of the balances.

use std::collections::HashMap;

use foldhash::fast::FixedState;
use rustonite_core::Amount;
use rustonite_core::datasets::{InstrumentKind, OrderSide};
use rustonite_core::ids::AssetId;

use crate::balances::Balances;
use crate::directory::Directory;
use crate::order::Order;
use crate::table;
use crate::wish::OrderId;

/// What each order keeps.
#[derive(Debug, Default)]
pub(crate) struct Holds(HashMap<OrderId, (AssetId, Amount), FixedState>);

impl Holds {
    /// Takes the present state of an order.
    pub(crate) fn update(&mut self, balances: &mut Balances, directory: &Directory, order: &Order) {
        let account = order.wish.account;
        let now = hold_of(directory, order);
        let before = match now {
            Some(hold) => self.0.insert(order.id, hold),
            None => self.0.remove(&order.id),
        };
        if before == now {
            return;
        }
        if let Some((asset, amount)) = before {
            balances.entry(account, asset).locked -= amount;
        }
        if let Some((asset, amount)) = now {
            balances.entry(account, asset).locked += amount;
        }
    }
}

/// What an order keeps: of what it sells the rest, of what it buys the rest at its limit. A market
/// order keeps what it may spend at most, if it says so.
fn hold_of(directory: &Directory, order: &Order) -> Option<(AssetId, Amount)> {
    let wish = &order.wish;
    let listed = directory.listed(wish.instrument)?;
    let left = order.size_left();
    // What waits here takes nothing at the venue.
    if listed.kind != InstrumentKind::Spot || !table::is_at_venue(order.state) {
        return None;
    }
    let hold = match wish.side {
        OrderSide::Sell => (directory.asset(&listed.base)?, left),
        OrderSide::Buy => {
            let price = wish.price.or(wish.price_protect);
            let money = price.and_then(|price| price.product(left)).or(wish.size_quote)?;
            (directory.asset(&listed.quote)?, money)
        }
    };
    (hold.1 > Amount::ZERO).then_some(hold)
}
