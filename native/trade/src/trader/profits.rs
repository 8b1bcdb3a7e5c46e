//! Profit and worth, told to the risk layer.

use std::collections::BTreeMap;

use rustonite_core::Amount;
use rustonite_core::ids::{AccountId, InstrumentId, StrategyId};
use rustonite_exec::{Contract, Directory, Tapes};
use rustonite_risk::Target;

use crate::desk::Desk;

const DAY_NS: i64 = 86_400_000_000_000;

/// Where the day's profit began, by scope and name.
pub(super) struct Profits {
    currency: String,
    pub(super) day: i64,
    pub(super) began: BTreeMap<String, Amount>,
    /// The latest figures.
    pub(super) totals: BTreeMap<String, Amount>,
    changed: bool,
    /// All could be valued the last time that it was tried.
    is_known: bool,
}

impl Profits {
    pub(super) fn new(currency: String, day: i64, began: BTreeMap<String, Amount>) -> Self {
        Self { currency, day, began, totals: BTreeMap::new(), changed: false, is_known: false }
    }

    /// Whether a day or a scope is new since the last call, so that it has to be kept.
    pub(super) fn took_over_a_day(&mut self) -> bool {
        std::mem::take(&mut self.changed)
    }

    /// Whether the risk layer knows the profit: not before each position that there is at the start
    /// has a price.
    pub(super) fn is_known(&self) -> bool {
        self.is_known
    }

    /// Tells the risk layer what positions have earned. What cannot be valued is not told, and
    /// limits on it deny then.
    pub(super) fn tell(&mut self, desk: &mut Desk<Tapes>, now: i64) {
        let day = now.div_euclid(DAY_NS);
        if day != self.day {
            self.day = day;
            self.began.clear();
            self.changed = true;
        }
        let sums = self.sums(desk);
        self.is_known = sums.is_some();
        let Some(sums) = sums else { return };
        for (target, total) in sums {
            let name = format!("{} {}", target.scope().name(), desk.risk().name(target));
            let began = *self.began.entry(name.clone()).or_insert_with(|| {
                self.changed = true;
                total
            });
            self.totals.insert(name, total);
            desk.profit(target, total - began, total, now);
        }
        self.tell_equity(desk);
    }

    /// Profit of all, of each account and of each strategy.
    fn sums(&self, desk: &Desk<Tapes>) -> Option<Vec<(Target, Amount)>> {
        let directory = desk.ledger().directory();
        let mut all = Amount::ZERO;
        let mut accounts: BTreeMap<AccountId, Amount> = BTreeMap::new();
        let mut strategies: BTreeMap<StrategyId, Amount> = BTreeMap::new();
        for (key, position) in desk.ledger().positions().iter() {
            let listed = directory.listed(key.instrument)?;
            if *listed.settle != *self.currency {
                return None;
            }
            let contract = Contract::of(listed);
            let open = if position.size == Amount::ZERO {
                Amount::ZERO
            } else {
                position.pnl_unrealised(contract, desk.reference(key.instrument)?)?
            };
            let profit = position.pnl_net() + open;
            if let Some(strategy) = key.strategy {
                *strategies.entry(strategy).or_default() += profit;
            } else {
                all += profit;
                *accounts.entry(key.account).or_default() += profit;
            }
        }
        desk.each_account(|account| {
            accounts.entry(account).or_default();
        });
        strategies.entry(desk.strategy()).or_default();
        let mut sums = vec![(Target::All, all)];
        sums.extend(accounts.into_iter().map(|(account, sum)| (Target::Account(account), sum)));
        sums.extend(strategies.into_iter().map(|(one, sum)| (Target::Strategy(one), sum)));
        Some(sums)
    }

    /// What each account is worth, if all that it owns can be valued.
    fn tell_equity(&self, desk: &mut Desk<Tapes>) {
        let mut equities: BTreeMap<AccountId, Option<Amount>> = BTreeMap::new();
        let directory = std::sync::Arc::clone(desk.ledger().directory());
        for (account, asset, owned) in desk.ledger().balances().iter() {
            let name = directory.asset_name(asset);
            let worth = if name == self.currency {
                Some(owned.total)
            } else if owned.total == Amount::ZERO {
                Some(Amount::ZERO)
            } else {
                let price = self.price_of(desk, &directory, name);
                price.and_then(|price| owned.total.product(price))
            };
            let sum = equities.entry(account).or_insert(Some(Amount::ZERO));
            *sum = sum.zip(worth).map(|(sum, worth)| sum + worth);
        }
        for (account, equity) in equities {
            if let Some(equity) = equity {
                desk.equity(account, equity);
            }
        }
    }

    fn price_of(&self, desk: &Desk<Tapes>, directory: &Directory, asset: &str) -> Option<Amount> {
        let fits = |id: &InstrumentId| {
            directory
                .listed(*id)
                .is_some_and(|one| *one.base == *asset && *one.quote == *self.currency)
        };
        let pair = directory.instruments().map(|(id, _)| id).find(fits)?;
        desk.reference(pair)
    }
}
