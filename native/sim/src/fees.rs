//! Fees by volume: the more an account has traded in 30 days, the less it pays.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use crate::accounts::BALANCE_MAX;
use crate::exchange::Exchange;
use crate::{AccountId, Amount, AssetId, Fees, InstrumentId, Reject};

const HOUR: i64 = 3_600_000_000_000;
/// Hours that count, that of the moment included: 30 days.
const HOURS: i64 = 30 * 24;
/// More of an hour is not counted, so that sums fit.
const COUNTED_MAX: Amount = Amount(BALANCE_MAX / 1_000);

/// Whether somebody who trades still gets something.
pub(crate) fn is_sound(fees: Fees) -> bool {
    [fees.maker_ppm, fees.taker_ppm].iter().all(|ppm| ppm.abs() < 1_000_000)
}

/// What is paid from a volume on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Deserialize, Serialize)]
pub struct FeeTier {
    /// What changed hands in 30 days.
    pub volume: Amount,
    /// What is paid then.
    pub fees: Fees,
}

/// What accounts pay that have no fees of their own, by what they have traded.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Deserialize, Serialize)]
pub struct FeeTiers {
    asset: AssetId,
    tiers: Vec<FeeTier>,
}

impl FeeTiers {
    /// Tiers that follow each other. Volumes are of instruments that are paid in an asset.
    ///
    /// # Errors
    /// They do not begin at a volume of 0, one is no larger than that before it or asks for more, or
    /// a fee is all that changes hands.
    pub fn new(asset: AssetId, tiers: &[FeeTier]) -> Result<Self, Reject> {
        if tiers.first().is_none_or(|first| first.volume != Amount::ZERO) {
            return Err(Reject::Contradiction("the first tier of fees begins at a volume of 0"));
        }
        if !tiers.iter().all(|tier| is_sound(tier.fees)) {
            return Err(Reject::Contradiction("a fee is less than all"));
        }
        for pair in tiers.windows(2) {
            let [below, tier] = [pair[0], pair[1]];
            if tier.volume <= below.volume {
                return Err(Reject::Contradiction("tiers of fees rise by their volume"));
            }
            if tier.fees.maker_ppm > below.fees.maker_ppm
                || tier.fees.taker_ppm > below.fees.taker_ppm
            {
                return Err(Reject::Contradiction("a higher tier pays no more"));
            }
        }
        Ok(Self { asset, tiers: tiers.to_vec() })
    }

    /// The number of the tier that a volume reaches, from 0.
    fn reached(&self, volume: Amount) -> usize {
        self.tiers.partition_point(|tier| tier.volume <= volume).saturating_sub(1)
    }
}

/// What changed hands for an account, by the hour.
#[derive(Clone, Debug, Default, Hash, Deserialize, Serialize)]
pub(crate) struct Volumes {
    /// Hours with trades, oldest first.
    hours: VecDeque<(i64, Amount)>,
}

impl Volumes {
    fn add(&mut self, now: i64, worth: Amount) {
        let hour = now.div_euclid(HOUR);
        while self.hours.front().is_some_and(|(old, _)| *old <= hour - HOURS) {
            self.hours.pop_front();
        }
        match self.hours.back_mut() {
            Some((last, sum)) if *last == hour => *sum = (*sum + worth).min(COUNTED_MAX),
            _ => self.hours.push_back((hour, worth.min(COUNTED_MAX))),
        }
    }

    fn at(&self, now: i64) -> Amount {
        let first = now.div_euclid(HOUR) - HOURS;
        let counted = self.hours.iter().filter(|(hour, _)| *hour > first);
        counted.map(|(_, worth)| *worth).sum()
    }
}

impl Exchange {
    /// Accounts that have no fees of their own pay by these tiers from now on.
    ///
    /// # Errors
    /// The asset has no number.
    pub fn set_fee_tiers(&mut self, tiers: FeeTiers) -> Result<(), Reject> {
        if tiers.asset as usize >= self.assets.len() {
            return Err(Reject::Contradiction("an asset has no number"));
        }
        self.fee_tiers = Some(tiers);
        Ok(())
    }

    /// What an account pays at the moment.
    pub fn fees(&self, account: AccountId) -> Fees {
        let own = self.accounts.get(account as usize).and_then(|account| account.fees);
        own.or_else(|| {
            let tiers = self.fee_tiers.as_ref()?;
            Some(tiers.tiers[tiers.reached(self.volume(account))].fees)
        })
        .unwrap_or_default()
    }

    /// The number of the tier that an account pays by, from 0; `None` if it has fees of its own, or
    /// there are no tiers.
    pub fn fee_tier(&self, account: AccountId) -> Option<usize> {
        let there = self.accounts.get(account as usize)?;
        let tiers = self.fee_tiers.as_ref().filter(|_| there.fees.is_none())?;
        Some(tiers.reached(there.volumes.at(self.now)))
    }

    /// What changed hands for an account in 30 days, to the hour, where there are tiers of fees.
    pub fn volume(&self, account: AccountId) -> Amount {
        let account = self.accounts.get(account as usize);
        account.map(|account| account.volumes.at(self.now)).unwrap_or_default()
    }

    /// An account has traded.
    pub(crate) fn count_volume(
        &mut self,
        account: AccountId,
        instrument: InstrumentId,
        worth: Amount,
    ) {
        let listed = &self.listed[instrument as usize];
        let counts = |tiers: &FeeTiers| tiers.asset == listed.instrument.quote && !listed.free;
        if self.fee_tiers.as_ref().is_some_and(counts) {
            self.accounts[account as usize].volumes.add(self.now, worth);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{FeeTier, FeeTiers, HOUR, Volumes};
    use crate::{Amount, Fees};

    fn tier(volume: i128, maker_ppm: i32, taker_ppm: i32) -> FeeTier {
        FeeTier { volume: Amount(volume), fees: Fees { maker_ppm, taker_ppm } }
    }

    #[test]
    fn a_volume_reaches_the_tier_that_begins_at_it() {
        let tiers = FeeTiers::new(0, &[tier(0, 9, 9), tier(10, 5, 9), tier(20, -1, 4)]).unwrap();
        for (volume, reached) in [(0, 0), (9, 0), (10, 1), (19, 1), (20, 2), (1_000, 2)] {
            assert_eq!(tiers.reached(Amount(volume)), reached, "{volume}");
        }
    }

    #[test]
    fn tiers_begin_at_nothing_rise_and_ask_for_less() {
        let first = tier(0, 9, 9);
        for wrong in [
            vec![],
            vec![tier(1, 9, 9)],
            vec![tier(0, 1_000_000, 9)],
            vec![tier(0, 9, -1_000_000)],
            vec![first, tier(0, 5, 5)],
            vec![first, tier(20, 5, 5), tier(10, 4, 4)],
            vec![first, tier(10, 10, 5)],
            vec![first, tier(10, 5, 10)],
        ] {
            assert!(FeeTiers::new(0, &wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn a_volume_counts_for_thirty_days_to_the_hour() {
        let mut volumes = Volumes::default();
        volumes.add(5 * HOUR, Amount(1));
        volumes.add(5 * HOUR + 1, Amount(2));
        volumes.add(6 * HOUR, Amount(4));
        let at = |volumes: &Volumes, hour: i64| volumes.at(hour * HOUR + HOUR - 1).0;
        assert_eq!([5, 6, 724, 725, 726].map(|hour| at(&volumes, hour)), [7, 7, 7, 4, 0]);
        volumes.add(725 * HOUR, Amount(8));
        assert_eq!(volumes.hours.len(), 2, "what no longer counts is forgotten");
        assert_eq!(at(&volumes, 725), 12);
    }
}
