//! What accounts gained and paid, and when positions changed.

use std::borrow::Cow;
use std::collections::{BTreeMap, VecDeque};

use rustonite_sim::{AccountId, Amount, AssetId, Event, InstrumentId, PositionSide};
use serde::{Deserialize, Serialize};

use crate::floor::{Done, Floor};

/// Rows of an account that are kept.
const INCOMES_MAX: usize = 50_000;
/// Fundings of an instrument that are kept.
const FUNDINGS_MAX: usize = 1_000;
/// Movements of margin of an account that are kept.
const MOVES_MAX: usize = 10_000;

/// A change of a balance.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub(crate) struct Income {
    pub(crate) number: u64,
    pub(crate) at: i64,
    pub(crate) kind: Cow<'static, str>,
    pub(crate) instrument: Option<InstrumentId>,
    pub(crate) asset: AssetId,
    pub(crate) amount: Amount,
    pub(crate) trade: Option<u64>,
}

/// A position of an account.
pub(crate) type Held = (AccountId, InstrumentId, PositionSide);

/// A funding: when, the rate in millionths, and the mark price in ticks.
pub(crate) type Funding = (i64, i64, i64);

/// Margin that was moved to an isolated position, or from it if negative.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub(crate) struct MarginMove {
    pub(crate) at: i64,
    pub(crate) instrument: InstrumentId,
    pub(crate) position: PositionSide,
    pub(crate) amount: Amount,
}

/// See the module.
#[derive(Debug, Default, Deserialize, Serialize)]
pub(crate) struct Ledger {
    incomes: BTreeMap<AccountId, VecDeque<Income>>,
    next: u64,
    /// What positions have gained so far, and when they changed last.
    positions: BTreeMap<Held, (Amount, i64)>,
    fundings: BTreeMap<InstrumentId, VecDeque<Funding>>,
    moves: BTreeMap<AccountId, VecDeque<MarginMove>>,
}

impl Ledger {
    /// Keeps what a command did to accounts that have a name.
    pub(crate) fn note(&mut self, floor: &Floor, done: &Done) {
        if let Some((account, asset, amount)) = done.deposit {
            self.add(floor, account, |number| Income {
                number,
                at: done.at,
                kind: "TRANSFER".into(),
                instrument: None,
                asset,
                amount,
                trade: None,
            });
        }
        for event in &done.events {
            self.note_event(floor, event, done.at);
        }
    }

    fn note_event(&mut self, floor: &Floor, event: &Event, at: i64) {
        match *event {
            Event::Fill { order, account, trade, fee, fee_asset, realised, .. } => {
                let Some(record) = floor.record(account, order) else { return };
                let asked = &record.order.asked;
                let (id, held) = (asked.instrument, (account, asked.instrument, asked.position));
                let quote = floor.listed(id).rules.quote;
                self.position(held).0 += realised;
                let rows = [("REALIZED_PNL", quote, realised), ("COMMISSION", fee_asset, -fee)];
                for (kind, asset, amount) in rows.into_iter().filter(|row| row.2 != Amount::ZERO) {
                    self.add(floor, account, |number| Income {
                        number,
                        at,
                        kind: kind.into(),
                        instrument: Some(id),
                        asset,
                        amount,
                        trade: Some(trade),
                    });
                }
            }
            Event::Funded { account, instrument, amount } => {
                let asset = floor.listed(instrument).rules.quote;
                self.add(floor, account, |number| Income {
                    number,
                    at,
                    kind: "FUNDING_FEE".into(),
                    instrument: Some(instrument),
                    asset,
                    amount,
                    trade: None,
                });
            }
            Event::Insured { account, asset, amount } => {
                self.add(floor, account, |number| Income {
                    number,
                    at,
                    kind: "INSURANCE_CLEAR".into(),
                    instrument: None,
                    asset,
                    amount,
                    trade: None,
                });
            }
            Event::Position { account, instrument, position, .. }
                if floor.accounts.all.contains_key(&account) =>
            {
                self.position((account, instrument, position)).1 = at;
            }
            _ => {}
        }
    }

    fn position(&mut self, held: Held) -> &mut (Amount, i64) {
        self.positions.entry(held).or_default()
    }

    fn add(&mut self, floor: &Floor, account: AccountId, row: impl FnOnce(u64) -> Income) {
        if !floor.accounts.all.contains_key(&account) {
            return;
        }
        self.next += 1;
        let rows = self.incomes.entry(account).or_default();
        if rows.len() >= INCOMES_MAX {
            rows.pop_front();
        }
        rows.push_back(row(self.next));
    }

    /// Changes of an account's balances, oldest first.
    pub(crate) fn incomes(&self, account: AccountId) -> impl Iterator<Item = &Income> {
        self.incomes.get(&account).into_iter().flatten()
    }

    /// What a position has gained so far.
    pub(crate) fn realised(&self, held: Held) -> Amount {
        self.positions.get(&held).map(|(realised, _)| *realised).unwrap_or_default()
    }

    /// When a position changed last; 0 if it never did.
    pub(crate) fn changed_at(&self, held: Held) -> i64 {
        self.positions.get(&held).map_or(0, |(_, at)| *at)
    }

    pub(crate) fn add_funding(&mut self, instrument: InstrumentId, funding: Funding) {
        let rows = self.fundings.entry(instrument).or_default();
        if rows.len() >= FUNDINGS_MAX {
            rows.pop_front();
        }
        rows.push_back(funding);
    }

    pub(crate) fn add_move(&mut self, account: AccountId, moved: MarginMove) {
        let rows = self.moves.entry(account).or_default();
        if rows.len() >= MOVES_MAX {
            rows.pop_front();
        }
        rows.push_back(moved);
    }

    /// Movements of an account's margin, oldest first.
    pub(crate) fn moves(&self, account: AccountId) -> impl Iterator<Item = &MarginMove> {
        self.moves.get(&account).into_iter().flatten()
    }

    /// Fundings of an instrument, oldest first.
    pub(crate) fn fundings(&self, instrument: InstrumentId) -> impl Iterator<Item = &Funding> {
        self.fundings.get(&instrument).into_iter().flatten()
    }
}
