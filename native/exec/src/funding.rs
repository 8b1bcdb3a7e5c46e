//! Whose funding it is: an account pays for what its positions come to, and each strategy its share
//! of that by what it held at the moment that is paid for.

use std::collections::BTreeMap;

use rustonite_core::Amount;
use rustonite_core::datasets::PositionSide;

use crate::journal::Journal;
use crate::ledger::Ledger;
use crate::positions::PositionKey;
use crate::rows::Booking;

impl<J: Journal> Ledger<J> {
    /// What of a payment each strategy's position pays. What no strategy holds is the account's alone.
    ///
    /// `None` beyond what can be counted.
    pub(crate) fn shares_of_funding(
        &self,
        booking: &Booking<'_>,
    ) -> Option<Vec<(PositionKey, Amount)>> {
        let Some((paid, _)) = booking.fee else { return Some(Vec::new()) };
        let held = self.held_at(booking);
        let (of_account, of_strategies): (Vec<_>, Vec<_>) =
            held.into_iter().partition(|(key, _)| key.strategy.is_none());
        let net: Amount = of_account.iter().map(|(_, size)| *size).sum();
        if net == Amount::ZERO {
            return Some(Vec::new());
        }
        let share =
            |(key, size): &(PositionKey, Amount)| Some((*key, paid.product(*size)?.ratio(net)?));
        let mut shares: Vec<_> = of_strategies.iter().map(share).collect::<Option<_>>()?;
        let whole: Amount = of_strategies.iter().map(|(_, size)| *size).sum();
        if whole == net {
            // Shares are cut off after the last decimal; together they are all that was paid.
            let rest = paid - shares.iter().map(|(_, part)| *part).sum();
            let largest = (0..shares.len()).max_by_key(|at| of_strategies[*at].1.abs())?;
            shares[largest].1 += rest;
        }
        shares.retain(|(_, part)| *part != Amount::ZERO);
        Some(shares)
    }

    /// Positions as they were at the moment of a booking: what was executed since is taken off. A
    /// booking that names no side is for all.
    fn held_at(&self, booking: &Booking<'_>) -> BTreeMap<PositionKey, Amount> {
        let (account, instrument) = (booking.account, booking.instrument);
        let is_of_it = |side: PositionSide| booking.position_side.is_none_or(|one| one == side);
        let now = self.positions.iter().filter(|(key, _)| {
            (key.account, key.instrument) == (account, instrument) && is_of_it(key.side)
        });
        let mut held: BTreeMap<_, _> = now.map(|(key, position)| (*key, position.size)).collect();
        for moved in self.fills.moved_since((account, instrument), booking.ts_event) {
            for strategy in [None, moved.strategy] {
                let key = PositionKey { account, strategy, instrument, side: moved.position_side };
                if let Some(size) = held.get_mut(&key) {
                    *size -= moved.signed();
                }
                if moved.strategy.is_none() {
                    break;
                }
            }
        }
        held.retain(|_, size| *size != Amount::ZERO);
        held
    }
}
