//! What accounts own, by our own count, and what open orders keep of it.

use std::collections::BTreeMap;
use std::hash::{Hash, Hasher};

use rustonite_core::Amount;
use rustonite_core::ids::{AccountId, AssetId};

/// What is owned of an asset.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Owned {
    /// All of it, profit of open positions left out.
    pub total: Amount,
    /// Kept for open orders of spot.
    pub locked: Amount,
    /// The total was counted or set once; otherwise nobody knows it.
    pub is_counted: bool,
}

impl Owned {
    /// What a new order may use.
    pub fn available(self) -> Amount {
        self.total - self.locked
    }
}

/// Balances of all accounts.
#[derive(Clone, Debug, Default)]
pub struct Balances(BTreeMap<(AccountId, AssetId), Owned>);

impl Balances {
    /// What an account owns of an asset.
    pub fn get(&self, account: AccountId, asset: AssetId) -> Owned {
        self.0.get(&(account, asset)).copied().unwrap_or_default()
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = (AccountId, AssetId, Owned)> {
        self.0.iter().map(|((account, asset), owned)| (*account, *asset, *owned))
    }

    /// Sets the total of an asset, by a function of what it was.
    pub(crate) fn count(
        &mut self,
        account: AccountId,
        asset: AssetId,
        total: impl FnOnce(Amount) -> Amount,
    ) -> Owned {
        let owned = self.entry(account, asset);
        owned.total = total(owned.total);
        owned.is_counted = true;
        *owned
    }

    pub(crate) fn entry(&mut self, account: AccountId, asset: AssetId) -> &mut Owned {
        self.0.entry((account, asset)).or_default()
    }
}

impl Hash for Balances {
    /// Nothing of an asset is the same whether we ever had some. What is locked follows from orders.
    fn hash<H: Hasher>(&self, state: &mut H) {
        for (key, owned) in &self.0 {
            if owned.total != Amount::ZERO {
                (key, owned.total).hash(state);
            }
        }
    }
}
