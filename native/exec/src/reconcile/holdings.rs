//! Positions and balances.

use std::collections::BTreeMap;

use rustonite_core::Amount;
use rustonite_core::datasets::{
    EventSource, FillKind, InstrumentKind, Liquidity, OrderSide, PositionSide,
};
use rustonite_core::ids::{AssetId, InstrumentId};
use rustonite_core::instrument::Instrument;

use super::{Comparing, Mismatch, Mode, Part, VenueBalance, VenuePosition};
use crate::change::Ask;
use crate::journal::Journal;
use crate::order::Order;
use crate::positions::{Contract, Position, PositionKey};
use crate::report::{Fill, Report, What};

/// What rounded profits may add up to between two comparisons: a hundred of them at eight decimals.
const ROUNDED: Amount = Amount(10_i128.pow(12));
/// To what venues round the entries that they show.
const ENTRY_ROUNDED: Amount = Amount(10_i128.pow(10));

/// A position of equal size with another entry there: fills came in another order, which leaves
/// another part of the same profit realised.
pub(super) struct Split {
    theirs: VenuePosition,
    /// How much more is realised there.
    realised: Amount,
    /// What rounding may make of that.
    slack: Amount,
}

impl<J: Journal> Comparing<'_, J> {
    // Positions

    pub(super) fn compare_positions(&mut self) {
        let Some(positions) = &self.venue.positions else {
            let trades_some = |order: &Order| self.is_held(order.wish.instrument);
            let held = self.ledger.positions().iter().any(|(key, position)| {
                position.size != Amount::ZERO && self.is_held(key.instrument)
            });
            if held || self.ledger.orders().any(trades_some) {
                self.plan.not_known.push(Part::Positions);
            }
            return;
        };
        let mut theirs: BTreeMap<_, _> = positions
            .iter()
            .filter(|one| self.concerns(one.instrument))
            .map(|one| ((one.instrument, one.side), *one))
            .collect();
        for (key, position) in self.ledger.positions().iter() {
            let ours = key.account == self.account && key.strategy.is_none();
            let listed = ours && self.is_held(key.instrument) && self.concerns(key.instrument);
            if listed && position.size != Amount::ZERO {
                theirs.entry((key.instrument, key.side)).or_insert(VenuePosition {
                    instrument: key.instrument,
                    side: key.side,
                    size: Amount::ZERO,
                    price_entry: None,
                    ts_event: self.venue.asked_at,
                });
            }
        }
        theirs.into_values().for_each(|position| self.compare_position(&position));
    }

    /// Whether it is held as a position; spot is held as balances.
    fn is_held(&self, instrument: InstrumentId) -> bool {
        let listed = self.ledger.directory().listed(instrument);
        listed.is_some_and(|listed| listed.kind != InstrumentKind::Spot)
    }

    fn compare_position(&mut self, theirs: &VenuePosition) {
        let (instrument, side) = (theirs.instrument, theirs.side);
        let key = PositionKey { account: self.account, strategy: None, instrument, side };
        let ours = self.ledger.positions().get(&key);
        let pending = self.pending.get(&(instrument, side)).copied().unwrap_or_default();
        let size = ours.size + pending;
        if size == theirs.size {
            if pending == Amount::ZERO {
                self.compare_entry(&ours, theirs);
            }
            return;
        }
        let mismatch = Mismatch::Position(instrument, side, size, theirs.size);
        let lasts = self.lasts(&mismatch);
        let stays = lasts || self.venue.differed.contains(&mismatch);
        self.plan.mismatches.push(mismatch);
        if self.restless.contains(&instrument) && !lasts {
            // A fill may be on its way: it is looked at again.
            self.asks.insert(Ask::Positions(self.account));
            return;
        }
        if !self.venue.fills.contains_key(&instrument) {
            self.asks.insert(Ask::Fills(self.account, instrument));
            return;
        }
        match self.settings.mode {
            Mode::Report => {}
            // First what is explained, or still comes; the rest is measured after that.
            Mode::Adjust | Mode::Refuse if !stays => {
                self.asks.insert(Ask::Positions(self.account));
            }
            Mode::Refuse => self.plan.is_refused = true,
            Mode::Adjust if pending != Amount::ZERO => {
                self.asks.insert(Ask::Positions(self.account));
            }
            Mode::Adjust => self.open_difference(&ours, theirs),
        }
    }

    fn compare_entry(&mut self, ours: &Position, theirs: &VenuePosition) {
        let (Some(entry), Some(entry_there)) = (ours.price_entry, theirs.price_entry) else {
            return;
        };
        if entry == entry_there {
            return;
        }
        if is_far(entry, entry_there) {
            self.plan.mismatches.push(Mismatch::Entry(theirs.instrument, theirs.side));
            if self.settings.mode == Mode::Adjust && !self.restless.contains(&theirs.instrument) {
                self.plan.entries.push(*theirs);
            }
        }
        let Some(listed) = self.ledger.directory().listed(theirs.instrument) else { return };
        let (contract, size) = (Contract::of(listed), theirs.size);
        let between = |one, other| Some(contract.worth(size, one)? - contract.worth(size, other)?);
        let realised = between(entry_there, entry);
        let slack = between(entry_there + ENTRY_ROUNDED, entry_there);
        let asset = self.ledger.directory().asset(&listed.settle);
        if let (Some(asset), Some(realised), Some(slack)) = (asset, realised, slack) {
            let split = Split { theirs: *theirs, realised, slack: slack.abs() };
            self.splits.entry(asset).or_default().push(split);
        }
    }

    fn lasts(&self, mismatch: &Mismatch) -> bool {
        let lasts = |(of, apart)| self.venue.lasting.get(&of) == Some(&apart);
        mismatch.apart().is_some_and(lasts)
    }

    /// Books what was held before the venue's history begins.
    fn open_difference(&mut self, ours: &Position, theirs: &VenuePosition) {
        let difference = theirs.size - ours.size;
        let contract = self.ledger.directory().listed(theirs.instrument).map(Contract::of);
        let price = contract.and_then(|contract| opening_price(contract, ours, theirs));
        let side = if difference > Amount::ZERO { OrderSide::Buy } else { OrderSide::Sell };
        let fill_id = format!("opening:{}:{}:{}", theirs.ts_event, ours.size, theirs.size);
        let position_side = (theirs.side != PositionSide::Net).then_some(theirs.side);
        let fill = Fill {
            fill_id: fill_id.into(),
            trade_id: None,
            kind: FillKind::Opening,
            side,
            price: price.unwrap_or_default(),
            size: difference.abs(),
            size_filled: None,
            fee: None,
            liquidity: Liquidity::Unknown,
            position_side,
        };
        self.plan.reports.push(Report {
            ts_event: theirs.ts_event,
            ts_recv: self.venue.asked_at,
            source: EventSource::Reconciliation,
            account: self.account,
            instrument: theirs.instrument,
            client_id: "".into(),
            client_id_prev: None,
            venue_order_id: None,
            what: What::Fill(fill),
        });
    }

    // Balances

    pub(super) fn compare_balances(&mut self) {
        let Some(balances) = &self.venue.balances else {
            self.plan.not_known.push(Part::Balances);
            return;
        };
        let mut theirs: BTreeMap<_, _> =
            balances.iter().map(|balance| (balance.asset, balance.total)).collect();
        let known: BTreeMap<_, _> = (self.ledger.balances().iter())
            .filter(|(account, _, owned)| *account == self.account && owned.is_counted)
            .map(|(_, asset, owned)| (asset, owned.total))
            .collect();
        for asset in known.keys() {
            theirs.entry(*asset).or_insert(Amount::ZERO);
        }
        for (asset, total) in theirs {
            let balance = VenueBalance { asset, total };
            match known.get(&asset) {
                Some(ours) if *ours != total => self.compare_balance(*ours, balance),
                // What we never counted is not a difference.
                None if total != Amount::ZERO => self.plan.balances.push(balance),
                _ => {}
            }
        }
    }

    /// Profit of contracts is measured from an average entry, which the venue and we round.
    fn is_rounding(&self, asset: AssetId, apart: Amount) -> bool {
        let directory = self.ledger.directory();
        let settles = |listed: &Instrument| {
            listed.contract.is_some() && directory.asset(&listed.settle) == Some(asset)
        };
        apart.abs() <= ROUNDED && directory.instruments().any(|(_, listed)| settles(listed))
    }

    /// Whether a report is on its way or about to be taken.
    fn moves(&self) -> bool {
        !self.restless.is_empty() || !self.plan.reports.is_empty()
    }

    /// Realised and open profit are the venue's then; together they are what they were, so that
    /// nothing is wrong that a mode would have to refuse.
    fn take_splits(&mut self, splits: &[Split], balance: VenueBalance) {
        if self.moves() || self.settings.mode == Mode::Report {
            return;
        }
        let new = splits.iter().map(|split| split.theirs);
        let new: Vec<_> = new.filter(|entry| !self.plan.entries.contains(entry)).collect();
        self.plan.entries.extend(new);
        self.plan.balances.push(balance);
    }

    fn compare_balance(&mut self, ours: Amount, balance: VenueBalance) {
        if self.is_rounding(balance.asset, ours - balance.total) {
            if !self.moves() && self.settings.mode != Mode::Report {
                self.plan.balances.push(balance);
            }
            return;
        }
        let splits = self.splits.remove(&balance.asset).unwrap_or_default();
        if explain(&splits, balance.total - ours) {
            return self.take_splits(&splits, balance);
        }
        let mismatch = Mismatch::Balance(balance.asset, ours, balance.total);
        let lasts = self.lasts(&mismatch);
        let stays = lasts || self.venue.differed.contains(&mismatch);
        self.plan.mismatches.push(mismatch);
        let moving = self.moves();
        // What explains it may be on its way: a payment is told apart from what it leaves.
        if (moving && !lasts) || (self.settings.mode != Mode::Report && !stays) {
            self.asks.insert(Ask::Balances(self.account));
            return;
        }
        match self.settings.mode {
            Mode::Adjust => self.plan.balances.push(balance),
            Mode::Report => {}
            Mode::Refuse => self.plan.is_refused = true,
        }
    }
}

/// The price of an opening that makes the entry the venue's where it can.
fn opening_price(contract: Contract, ours: &Position, theirs: &VenuePosition) -> Option<Amount> {
    let entry = theirs.price_entry.or(ours.price_entry)?;
    let Some(held) = ours.price_entry else { return Some(entry) };
    let same_way = ours.size.0.signum() == theirs.size.0.signum();
    let grows = theirs.size.abs() > ours.size.abs();
    if !same_way {
        return Some(if theirs.size == Amount::ZERO { held } else { entry });
    }
    if !grows {
        // Made smaller at its own entry: no profit is made up.
        return Some(held);
    }
    let paid = contract.worth(theirs.size, entry)? - contract.worth(ours.size, held)?;
    contract.price(theirs.size - ours.size, paid).filter(|price| *price > Amount::ZERO)
}

/// Apart by more than one in ten thousand.
fn is_far(entry: Amount, theirs: Amount) -> bool {
    let apart = (entry - theirs).abs();
    apart.times(10_000).is_none_or(|apart| apart > theirs.abs())
}

/// Whether a balance is apart by what is realised more there.
fn explain(splits: &[Split], apart: Amount) -> bool {
    let realised: Amount = splits.iter().map(|split| split.realised).sum();
    let slack: Amount = splits.iter().map(|split| split.slack).sum();
    !splits.is_empty() && (apart - realised).abs() <= ROUNDED + slack
}
