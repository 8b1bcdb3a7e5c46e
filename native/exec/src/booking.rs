//! What bookings do to positions and balances.

use rustonite_core::Amount;
use rustonite_core::datasets::{
    BalanceCause, FillKind, InstrumentKind, OrderSide, PositionCause, PositionSide, StateSource,
};
use rustonite_core::ids::{AssetId, StrategyId};
use rustonite_core::instrument::Instrument;

use crate::change::{AnomalyCode, Change};
use crate::journal::Journal;
use crate::ledger::Ledger;
use crate::positions::{Contract, PositionKey};
use crate::rows::{BalanceOf, Booking, StateNote};

/// A signed size and its price.
type Move = (Amount, Amount);

/// A size with the sign of its side.
pub(crate) fn signed(side: OrderSide, size: Amount) -> Amount {
    match side {
        OrderSide::Buy => size,
        OrderSide::Sell => -size,
    }
}

/// What a booking did to the account's position.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Closed {
    /// Profit that it realised.
    pub(crate) pnl_realised: Amount,
    /// It made the position smaller, or turned it.
    pub(crate) is_closing: bool,
}

/// Changes of balances by one booking: at most of base, quote or settlement, and fee.
#[derive(Debug, Default)]
struct Deltas([Option<(AssetId, Amount, BalanceCause)>; 3]);

impl Deltas {
    fn add(&mut self, asset: Option<AssetId>, amount: Amount, cause: BalanceCause) {
        let Some(asset) = asset.filter(|_| amount != Amount::ZERO) else { return };
        let same = |slot: &&mut Option<(AssetId, Amount, BalanceCause)>| {
            slot.is_none_or(|(known, ..)| known == asset)
        };
        if let Some(slot) = self.0.iter_mut().find(same) {
            let (before, cause) =
                slot.map_or((Amount::ZERO, cause), |(_, sum, first)| (sum, first));
            *slot = Some((asset, before + amount, cause));
        }
    }
}

impl<J: Journal> Ledger<J> {
    /// The account's position once moves are booked.
    pub(crate) fn position_after(&self, booking: &Booking<'_>, moves: &[Move]) -> Option<Amount> {
        let listed = self.directory().listed(booking.instrument)?;
        let before = self.positions.get(&key_of(booking, None)).size;
        let fee = fee_in_base(self.directory(), listed, booking).unwrap_or_default();
        let moved: Amount = moves.iter().map(|(size, _)| *size).sum();
        Some(before + moved - fee)
    }

    /// Books moves of a position with their money.
    pub(crate) fn book(
        &mut self,
        booking: &Booking<'_>,
        moves: &[Move],
        change: &mut Change,
    ) -> Closed {
        let directory = std::sync::Arc::clone(self.directory());
        let Some(listed) = directory.listed(booking.instrument) else { return Closed::default() };
        let fee_in_base = fee_in_base(&directory, listed, booking);
        self.note_booked(booking.account, booking.instrument, booking.ts_event);
        let mut closed = Closed::default();
        let whole_account = std::iter::once(None);
        for strategy in whole_account.chain(booking.strategy.map(Some)) {
            let key = key_of(booking, strategy);
            let before = self.positions.get(&key).size;
            let realised = self.move_position(key, listed, booking, moves, fee_in_base);
            match realised {
                Some(pnl_realised) if strategy.is_none() => {
                    let is_closing = shrank(before, self.positions.get(&key).size);
                    closed = Closed { pnl_realised, is_closing };
                }
                Some(_) => {}
                None => change.odd(AnomalyCode::BeyondCounting, booking.fill_id),
            }
        }
        if booking.kind == FillKind::Funding && booking.strategy.is_none() {
            self.share_funding(listed, booking, change);
        }
        self.move_balances(&directory, listed, booking, moves, closed.pnl_realised);
        closed
    }

    /// Books funding on the strategies that it was paid for.
    fn share_funding(&mut self, listed: &Instrument, booking: &Booking<'_>, change: &mut Change) {
        let settle = self.directory().asset(&listed.settle);
        if booking.fee.is_none_or(|(_, asset)| Some(asset) != settle) {
            return;
        }
        let Some(shares) = self.shares_of_funding(booking) else {
            return change.odd(AnomalyCode::BeyondCounting, booking.fill_id);
        };
        for (key, part) in shares {
            let mut position = self.positions.get(&key);
            position.funding += part;
            self.positions.set(key, position);
            let note = note_of(booking);
            let _ = self.scribe.position(&key, &position, PositionCause::Fill, note);
        }
    }

    fn move_position(
        &mut self,
        key: PositionKey,
        listed: &Instrument,
        booking: &Booking<'_>,
        moves: &[Move],
        fee_in_base: Option<Amount>,
    ) -> Option<Amount> {
        let contract = Contract::of(listed);
        let settle = self.directory().asset(&listed.settle);
        let mut position = self.positions.get(&key);
        let before = position;
        let mut realised = Amount::ZERO;
        for (size, price) in moves {
            realised += position.fill(contract, *size, *price)?;
        }
        if let Some(fee) = fee_in_base {
            // What the venue keeps of the base is gone at the fill's price.
            realised += position.fill(contract, -fee, booking.price)?;
            position.fees += fee.product(booking.price)?;
        }
        if let Some((fee, _)) = booking.fee.filter(|(_, asset)| Some(*asset) == settle) {
            match booking.kind {
                FillKind::Funding => position.funding += fee,
                _ => position.fees += fee,
            }
        }
        if position == before {
            return Some(realised);
        }
        self.positions.set(key, position);
        let note = note_of(booking);
        let _ = self.scribe.position(&key, &position, PositionCause::Fill, note);
        Some(realised)
    }

    fn move_balances(
        &mut self,
        directory: &crate::directory::Directory,
        listed: &Instrument,
        booking: &Booking<'_>,
        moves: &[Move],
        pnl_realised: Amount,
    ) {
        let mut deltas = Deltas::default();
        if booking.kind == FillKind::Opening {
            // What was held before is in the balances that the venue tells.
        } else if listed.contract.is_some() {
            let cause = BalanceCause::Settlement;
            deltas.add(directory.asset(&listed.settle), pnl_realised, cause);
        } else {
            let contract = Contract::of(listed);
            let delivered =
                matches!(listed.kind, InstrumentKind::Spot | InstrumentKind::CurrencyPair);
            for (size, price) in moves {
                if delivered {
                    deltas.add(directory.asset(&listed.base), *size, BalanceCause::Fill);
                }
                let paid = contract.worth(*size, *price).unwrap_or_default();
                deltas.add(directory.asset(&listed.quote), -paid, BalanceCause::Fill);
            }
        }
        if let Some((fee, asset)) = booking.fee {
            let funding = booking.kind == FillKind::Funding;
            let cause = if funding { BalanceCause::Funding } else { BalanceCause::Fee };
            deltas.add(Some(asset), -fee, cause);
        }
        for (asset, amount, cause) in deltas.0.into_iter().flatten() {
            let owned = self.balances.count(booking.account, asset, |total| total + amount);
            let of = BalanceOf {
                account: booking.account,
                venue: &listed.venue,
                asset,
                owned,
                available: owned.available(),
                change: Some(amount),
            };
            let _ = self.scribe.balance(of, cause, note_of(booking));
        }
    }
}

/// Whether a position is smaller than before, or on the other side.
fn shrank(before: Amount, after: Amount) -> bool {
    let turned = before.0.signum() * after.0.signum() < 0;
    turned || after.0.unsigned_abs() < before.0.unsigned_abs()
}

fn key_of(booking: &Booking<'_>, strategy: Option<StrategyId>) -> PositionKey {
    let side = booking.position_side.unwrap_or(PositionSide::Net);
    PositionKey { account: booking.account, strategy, instrument: booking.instrument, side }
}

/// The fee of a spot buy or sale that is taken in what is bought and sold.
fn fee_in_base(
    directory: &crate::directory::Directory,
    listed: &Instrument,
    booking: &Booking<'_>,
) -> Option<Amount> {
    let (fee, asset) = booking.fee?;
    let base = directory.asset(&listed.base)?;
    let taken = listed.contract.is_none() && asset == base && listed.base != listed.settle;
    (taken && fee != Amount::ZERO).then_some(fee)
}

fn note_of<'a>(booking: &Booking<'a>) -> StateNote<'a> {
    StateNote {
        ts_event: booking.ts_event,
        ts_recv: booking.ts_recv,
        source: StateSource::Own,
        fill_id: Some(booking.fill_id),
        detail: None,
    }
}
