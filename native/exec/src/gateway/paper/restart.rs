//! What a paper account was when its process ended, as its journal tells.

use rustonite_core::Amount;
use rustonite_core::datasets::{OrderKind, Tif};
use rustonite_core::ids::AccountId;

use super::PaperSettings;
use crate::journal::Journal;
use crate::ledger::Ledger;
use crate::order::Order;
use crate::wish::Wish;

/// An order that an earlier run left at the venue.
#[derive(Clone, Debug, PartialEq)]
pub struct Resting {
    /// Our name of it.
    pub client_id: Box<str>,
    /// The number that it had then.
    pub venue_order_id: Option<Box<str>>,
    /// As it is in force.
    pub wish: Wish,
    /// What of it was filled, and at which average price.
    pub filled: (Amount, Amount),
}

impl Resting {
    /// An order that the venue has spoken of. Of one whose request was on its way nobody knows, and
    /// it is asked for.
    fn of(order: &Order) -> Option<Self> {
        (order.facts.known && !order.is_held()).then(|| Self {
            client_id: order.client_id().into(),
            venue_order_id: order.venue_order_id().map(Into::into),
            wish: order.wish.sent(),
            filled: (order.size_filled, order.price_average.unwrap_or_default()),
        })
    }

    /// Whether it would have stayed in the market until a moment. What comes and goes at once was
    /// over when the process ended, whether or not that was still heard.
    pub(super) fn stays(&self, until: i64) -> bool {
        let is_over = self.wish.ts_expire.is_some_and(|end| end <= until);
        let is_brief = matches!(self.wish.tif, Some(Tif::Ioc | Tif::Fok));
        self.wish.kind == OrderKind::Limit && !is_brief && !is_over
    }
}

impl PaperSettings {
    /// Goes on where a ledger ends: with the balances that it counts, its positions and what is open.
    pub fn go_on<J: Journal>(&mut self, ledger: &Ledger<J>, account: AccountId) {
        for (whose, asset, owned) in ledger.balances().iter() {
            if whose == account && owned.is_counted {
                self.balances.insert(asset, owned.total);
            }
        }
        let directory = ledger.directory();
        for (key, position) in ledger.positions().iter() {
            let is_contract =
                directory.listed(key.instrument).is_some_and(|listed| listed.contract.is_some());
            let is_whole = key.account == account && key.strategy.is_none();
            if is_contract && is_whole && position.size != Amount::ZERO {
                self.positions.insert((key.instrument, key.side), *position);
                let until = ledger.booked_until(account, key.instrument);
                self.funded_until.insert(key.instrument, until.unwrap_or(i64::MAX));
            }
        }
        let mine = ledger.open_orders().into_iter().filter(|order| order.wish.account == account);
        self.resting.extend(mine.filter_map(Resting::of));
        self.number_last = self.number_last.max(ledger.number_last(account));
    }
}
