//! What strategies hold to trade with.

use std::sync::Arc;

use rustonite_core::Amount;
use rustonite_core::datasets::{InstrumentStatus, PositionSide};
use rustonite_core::ids::{AccountId, InstrumentId};
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

    fn available(&self, asset: &str) -> Option<Amount> {
        let asset = self.directory.asset(asset)?;
        let inner = lock(&self.shared);
        let owned = inner.desk.ledger().balances().iter().filter(|(_, one, _)| *one == asset);
        let mut amounts = owned.map(|(_, _, owned)| owned.available()).peekable();
        amounts.peek()?;
        Some(amounts.sum())
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
