//! What accounts hold and own, as the risk layer has to know it.

use rustonite_core::Amount;
use rustonite_core::datasets::{InstrumentKind, PositionSide};
use rustonite_core::ids::{AccountId, InstrumentId, StrategyId};
use rustonite_exec::gateway::{Balance, Position};
use rustonite_exec::{Booked, Journal, PositionKey};
use rustonite_risk::Held;

use super::Desk;

/// Positions of an account that risk counts as one: those of a leg, which is the short one or that of
/// all others.
fn sides(hedges: bool, is_short: bool) -> &'static [PositionSide] {
    use PositionSide::{Long, Net, Short};
    match (hedges, is_short) {
        (false, false) => &[Net, Long, Short],
        (false, true) => &[],
        (true, false) => &[Net, Long],
        (true, true) => &[Short],
    }
}

impl<J: Journal> Desk<J> {
    /// Tells risk what an account and a strategy hold of an instrument. It is rounded away from zero:
    /// fees that are taken in it leave less than a lot.
    pub(super) fn count_position(&mut self, key: &PositionKey) {
        let Some(rules) = self.risk.rules(key.instrument) else { return };
        let is_short = self.hedges(key.account) && key.side == PositionSide::Short;
        let by_account = self.size_held(key.account, None, key.instrument, is_short);
        let by_strategy = self.size_held_by(key.strategy, key.instrument, is_short);
        let held = Held {
            account: key.account,
            strategy: key.strategy,
            instrument: key.instrument,
            side: (key.side != PositionSide::Net).then_some(key.side),
            by_account: rules.size_outward(by_account),
            by_strategy: rules.size_outward(by_strategy),
        };
        self.risk.hold(&held);
    }

    /// What a strategy holds on all accounts; for none what no strategy holds.
    fn size_held_by(
        &self,
        strategy: Option<StrategyId>,
        instrument: InstrumentId,
        is_short: bool,
    ) -> Amount {
        let directory = self.risk.directory();
        let strategies = (0..directory.strategies.len()).filter_map(|at| u16::try_from(at).ok());
        let strategies = strategies.map(|at| Some(StrategyId(at)));
        let accounts = (0..directory.accounts.len()).filter_map(|at| u16::try_from(at).ok());
        let by = |account, strategy| self.size_held(account, strategy, instrument, is_short);
        let on = |account| match strategy {
            Some(_) => by(account, strategy),
            None => by(account, None) - strategies.clone().map(|one| by(account, one)).sum(),
        };
        accounts.map(|at| on(AccountId(at))).sum()
    }

    /// Whether an account holds contracts in two positions each.
    pub(super) fn hedges(&self, account: AccountId) -> bool {
        let accounts = &self.risk.directory().accounts;
        accounts.get(account.index()).is_some_and(|one| one.hedging)
    }

    fn size_held(
        &self,
        account: AccountId,
        strategy: Option<StrategyId>,
        instrument: InstrumentId,
        is_short: bool,
    ) -> Amount {
        let sides = sides(self.hedges(account), is_short).iter();
        let key = |side: &PositionSide| PositionKey { account, strategy, instrument, side: *side };
        sides.map(|side| self.ledger.positions().get(&key(side)).size).sum()
    }

    /// What the venue says is owned is what risk counts with. A journal that takes no row halts trading
    /// by itself.
    pub(super) fn take_balance(&mut self, account: AccountId, balance: &Balance, now: i64) {
        let _ = self.ledger.note_balance(now, account, balance);
        self.risk.balance(account, balance.asset, balance.usable());
    }

    /// Takes all balances of an account.
    pub(super) fn take_balances(&mut self, account: AccountId, balances: &[Balance], now: i64) {
        let gone = self.ledger.gone_balances(now, account, balances);
        balances.iter().chain(&gone).for_each(|one| self.take_balance(account, one, now));
    }

    /// Shares are held as positions, and a sale is paid with them all the same. What is not among
    /// the positions is not held.
    pub(super) fn take_holdings(&mut self, account: AccountId, positions: &[Position], now: i64) {
        let gone = self.ledger.gone_positions(now, account, positions);
        for one in positions.iter().chain(&gone) {
            let _ = self.ledger.note_position(now, account, one);
        }
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
