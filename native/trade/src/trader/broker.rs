//! What strategies hold to trade with.

use std::collections::BTreeMap;
use std::sync::Arc;

use rustonite_core::Amount;
use rustonite_core::datasets::{InstrumentStatus, PositionSide};
use rustonite_core::ids::{AccountId, AssetId, InstrumentId};
use rustonite_exec::{Directory, OrderId, Wish};

use super::{Shared, lock};
use crate::strategy::{Broker, Changes, Denied, Group, OrderView, Placed};

/// A trader's broker. Copies share the trader; calls may come from any thread.
#[derive(Clone)]
pub struct Handle {
    pub(super) shared: Shared,
    pub(super) directory: Arc<Directory>,
    /// The account that trades each instrument.
    pub(super) accounts: Arc<[Option<AccountId>]>,
}

impl Broker for Handle {
    fn now(&self) -> i64 {
        lock(&self.shared).now()
    }

    fn submit(&self, wish: Wish) -> Result<OrderId, Denied> {
        let mut inner = lock(&self.shared);
        let now = inner.now();
        inner.desk.submit(wish, now)
    }

    fn submit_group(&self, group: Group) -> Result<Placed, Denied> {
        let mut inner = lock(&self.shared);
        let now = inner.now();
        inner.desk.submit_group(group, now)
    }

    fn change(&self, order: OrderId, changes: Changes) -> Result<(), Denied> {
        let mut inner = lock(&self.shared);
        let now = inner.now();
        inner.desk.replace(order, &changes, now)
    }

    fn cancel(&self, order: OrderId) -> Result<(), Denied> {
        let mut inner = lock(&self.shared);
        let now = inner.now();
        inner.desk.cancel(order, now)
    }

    fn cancel_all(&self, instrument: Option<InstrumentId>) {
        let mut inner = lock(&self.shared);
        let now = inner.now();
        inner.desk.cancel_all(instrument, now);
    }

    fn submit_many(&self, wishes: Vec<Wish>) -> Vec<Result<OrderId, Denied>> {
        let mut inner = lock(&self.shared);
        let now = inner.now();
        inner.desk.submit_many(wishes, now)
    }

    fn would_fail(&self, wish: Wish) -> Vec<Denied> {
        let mut inner = lock(&self.shared);
        let now = inner.now();
        inner.desk.would_fail(wish, now)
    }

    fn order(&self, order: OrderId) -> Option<OrderView> {
        let inner = lock(&self.shared);
        inner.desk.ledger().order(order).map(|order| inner.desk.view(order))
    }

    fn open_orders(&self, instrument: InstrumentId) -> Vec<OrderView> {
        let inner = lock(&self.shared);
        let open = inner.desk.ledger().open_orders();
        let here = open.into_iter().filter(|order| order.wish.instrument == instrument);
        here.map(|order| inner.desk.view(order)).collect()
    }

    fn position(&self, instrument: InstrumentId, side: Option<PositionSide>) -> Amount {
        lock(&self.shared).desk.position(instrument, side)
    }

    fn positions(&self) -> Vec<(InstrumentId, PositionSide, Amount)> {
        let inner = lock(&self.shared);
        let mut sizes = BTreeMap::new();
        for (key, position) in inner.desk.ledger().positions().iter() {
            if key.strategy.is_none() {
                *sizes.entry((key.instrument, key.side)).or_insert(Amount::ZERO) += position.size;
            }
        }
        let held = sizes.into_iter().filter(|(_, size)| *size != Amount::ZERO);
        held.map(|((instrument, side), size)| (instrument, side, size)).collect()
    }

    fn balances(&self) -> Vec<(AssetId, Amount, Amount)> {
        let inner = lock(&self.shared);
        let mut owned = BTreeMap::new();
        for (_, asset, one) in inner.desk.ledger().balances().iter() {
            let (total, available) = owned.entry(asset).or_insert((Amount::ZERO, Amount::ZERO));
            *total += one.total;
            *available += one.available();
        }
        owned.into_iter().map(|(asset, (total, available))| (asset, total, available)).collect()
    }

    fn available(&self, asset: &str) -> Option<Amount> {
        let asset = self.directory.asset(asset)?;
        let owned = self.balances().into_iter().find(|(one, ..)| *one == asset);
        owned.map(|(_, _, available)| available)
    }

    fn find(&self, venue: Option<&str>, symbol: &str) -> Option<InstrumentId> {
        self.directory.find(venue, symbol)
    }

    fn directory(&self) -> &Directory {
        &self.directory
    }

    fn status(&self, instrument: InstrumentId) -> Option<InstrumentStatus> {
        lock(&self.shared).desk.risk().status_of(instrument)
    }

    fn account(&self, instrument: InstrumentId) -> Option<AccountId> {
        self.accounts.get(instrument.index()).copied().flatten()
    }

    fn wake_after(&self, nanoseconds: i64) {
        let mut inner = lock(&self.shared);
        let at = inner.now().saturating_add(nanoseconds.max(0));
        inner.timers.push(-at);
    }
}
