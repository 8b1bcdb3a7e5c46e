//! What venues say of balances and positions, written down beside ours when it is news: a query shows
//! where both differ, and since when.

use std::collections::BTreeMap;
use std::sync::Arc;

use rustonite_core::Amount;
use rustonite_core::datasets::{BalanceCause, PositionCause, StateSource};
use rustonite_core::ids::{AccountId, AssetId};

use crate::balances::Owned;
use crate::error::Result;
use crate::gateway::{Balance, Position as Held};
use crate::journal::Journal;
use crate::ledger::Ledger;
use crate::positions::{Position, PositionKey};
use crate::rows::{BalanceOf, StateNote};

/// What venues said last.
#[derive(Debug, Default)]
pub(crate) struct Theirs {
    balances: BTreeMap<(AccountId, AssetId), [Amount; 3]>,
    positions: BTreeMap<PositionKey, (Amount, Option<Amount>)>,
}

impl<J: Journal> Ledger<J> {
    /// Writes down what a venue says is owned of an asset, if it said something else before.
    ///
    /// # Errors
    /// The journal took no row.
    pub fn note_balance(&mut self, now: i64, account: AccountId, theirs: &Balance) -> Result<()> {
        let Balance { ts_event, asset, total, available, locked } = *theirs;
        let said = [total, available, locked];
        if self.theirs.balances.insert((account, asset), said) == Some(said) {
            return Ok(());
        }
        let directory = Arc::clone(self.directory());
        let venue = self.rules(account).map_or("", |rules| directory.venue_name(rules.venue));
        let owned = Owned { total, locked, is_counted: true };
        let of = BalanceOf { account, venue, asset, owned, available, change: None };
        self.scribe.balance(of, BalanceCause::Update, venue_note(ts_event, now))
    }

    /// Writes down what a venue says of a position, if it said something else before.
    ///
    /// # Errors
    /// The journal took no row.
    pub fn note_position(&mut self, now: i64, account: AccountId, theirs: &Held) -> Result<()> {
        let Held { ts_event, instrument, side, size, price_entry } = *theirs;
        let key = PositionKey { account, strategy: None, instrument, side };
        let said = (size, price_entry);
        // That nothing is held is no news of what never was.
        let before = self.theirs.positions.insert(key, said);
        if before.unwrap_or_default() == said {
            return Ok(());
        }
        let position = Position { size, price_entry, ..Position::default() };
        let note = venue_note(ts_event, now);
        self.scribe.position(&key, &position, PositionCause::Update, note)
    }

    /// Balances that a venue told of before and that are not among all that it tells now: nothing is
    /// left of them.
    pub fn gone_balances(&self, now: i64, account: AccountId, told: &[Balance]) -> Vec<Balance> {
        let is_told = |asset: AssetId| told.iter().any(|one| one.asset == asset);
        let gone = self.theirs.balances.iter().filter(|((of, asset), said)| {
            *of == account && **said != [Amount::ZERO; 3] && !is_told(*asset)
        });
        gone.map(|((_, asset), _)| Balance::plain(now, *asset, Amount::ZERO, Amount::ZERO))
            .collect()
    }

    /// The same of positions.
    pub fn gone_positions(&self, now: i64, account: AccountId, told: &[Held]) -> Vec<Held> {
        let is_told = |key: &PositionKey| {
            told.iter().any(|one| (one.instrument, one.side) == (key.instrument, key.side))
        };
        let known = self.theirs.positions.iter();
        let gone = known.filter(|(key, (size, _))| {
            key.account == account && *size != Amount::ZERO && !is_told(key)
        });
        let nothing = |key: &PositionKey| Held {
            ts_event: now,
            instrument: key.instrument,
            side: key.side,
            size: Amount::ZERO,
            price_entry: None,
        };
        gone.map(|(key, _)| nothing(key)).collect()
    }
}

fn venue_note(ts_event: i64, ts_recv: i64) -> StateNote<'static> {
    StateNote { ts_event, ts_recv, source: StateSource::Venue, fill_id: None, detail: None }
}
