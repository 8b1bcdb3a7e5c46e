//! What accounts own, as the risk layer has to know it.

use rustonite_core::Amount;
use rustonite_core::datasets::InstrumentKind;
use rustonite_core::ids::{AccountId, InstrumentId};
use rustonite_exec::gateway::{Balance, Position};
use rustonite_exec::{Booked, Journal};

use super::Desk;

impl<J: Journal> Desk<J> {
    /// What the venue says is owned is what risk counts with.
    pub(super) fn take_balance(&mut self, account: AccountId, balance: &Balance) {
        let total = balance.available + balance.locked;
        self.risk.balance(account, balance.asset, total);
    }

    /// Shares are held as positions, and a sale is paid with them all the same. What is not among
    /// the positions is not held.
    pub(super) fn take_holdings(&mut self, account: AccountId, positions: &[Position]) {
        let Some(one) = self.accounts.get(account.index()) else { return };
        let mine = one.instruments().iter().copied();
        let shares: Vec<_> = mine.filter(|one| self.is_share(*one)).collect();
        for instrument in shares {
            let held = positions.iter().filter(|one| one.instrument == instrument);
            let size = held.map(|one| one.size).sum();
            self.tell_base(account, instrument, size);
        }
    }

    /// Whether it is delivered and yet held as a position.
    fn is_share(&self, instrument: InstrumentId) -> bool {
        let listed = self.ledger.directory().listed(instrument);
        listed.is_some_and(|one| one.contract.is_none() && one.kind != InstrumentKind::Spot)
    }

    fn tell_base(&mut self, account: AccountId, instrument: InstrumentId, size: Amount) {
        let directory = self.ledger.directory();
        let base = directory.listed(instrument).and_then(|listed| directory.asset(&listed.base));
        if let Some(base) = base {
            self.risk.balance(account, base, size.max(Amount::ZERO));
        }
    }

    /// What a booking leaves of what was bought and paid with, at venues that tell balances only when
    /// they are asked.
    pub(super) fn count_owned(&mut self, booked: &Booked) {
        let account = booked.account;
        let Some(one) = self.accounts.get(account.index()) else { return };
        let directory = std::sync::Arc::clone(self.ledger.directory());
        let Some(listed) = directory.listed(booked.instrument) else { return };
        if one.gateway.tells_balances() || listed.contract.is_some() {
            return;
        }
        if self.is_share(booked.instrument) {
            self.tell_base(
                account,
                booked.instrument,
                self.position_of(account, booked.instrument),
            );
        }
        let assets = [&listed.base, &listed.quote].map(|name| directory.asset(name));
        for asset in assets.into_iter().flatten() {
            let owned = self.ledger.balances().get(account, asset);
            if owned.is_counted {
                self.risk.balance(account, asset, owned.total);
            }
        }
    }
}
