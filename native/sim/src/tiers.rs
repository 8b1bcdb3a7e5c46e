//! Tiers of perpetuals: the larger a position is, the less leverage it may have, and the larger the
//! part of its worth that its margin may not fall below.

use serde::{Deserialize, Serialize};

use crate::accounts::{BALANCE_MAX, Holding, part};
use crate::exchange::{Exchange, Listed};
use crate::perpetual::largest_worth;
use crate::{Amount, InstrumentId, Kind, Reject};

const MILLION: u64 = 1_000_000;

/// What holds for positions up to a worth.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Deserialize, Serialize)]
pub struct Tier {
    /// Largest worth.
    pub worth_max: Amount,
    /// Largest leverage.
    pub leverage_max: u32,
    /// Part below which the margin may not fall, in millionths: of what is above the tier before.
    pub maintenance_ppm: u32,
}

impl Tier {
    /// Whether a position with the largest leverage has no more margin than it has to keep.
    fn is_lost_at_once(&self) -> bool {
        u64::from(self.leverage_max) * u64::from(self.maintenance_ppm) >= MILLION
    }
}

/// Tiers of an instrument, the smallest positions first.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Deserialize, Serialize)]
pub struct Tiers(Vec<(Tier, Amount)>);

impl Tiers {
    /// Tiers that follow each other.
    ///
    /// # Errors
    /// No tier, one that is no larger than that before it, or that asks for less margin; a leverage
    /// of 0, or as much margin to keep as a position begins with.
    pub fn new(tiers: &[Tier]) -> Result<Self, Reject> {
        let first = tiers.first().ok_or(Reject::Contradiction("there is at least one tier"))?;
        if tiers.iter().any(|tier| tier.leverage_max == 0) {
            return Err(Reject::Contradiction("a tier allows a leverage of 1 or more"));
        }
        if tiers.iter().any(Tier::is_lost_at_once) {
            return Err(Reject::Contradiction("a position keeps less margin than it begins with"));
        }
        if first.worth_max <= Amount::ZERO {
            return Err(Reject::Contradiction("a tier is of positions that are worth something"));
        }
        let mut all = vec![(*first, Amount::ZERO)];
        for pair in tiers.windows(2) {
            let [below, tier] = [pair[0], pair[1]];
            if tier.worth_max <= below.worth_max
                || tier.leverage_max > below.leverage_max
                || tier.maintenance_ppm < below.maintenance_ppm
            {
                return Err(Reject::Contradiction("a larger tier is stricter"));
            }
            let more = tier.maintenance_ppm - below.maintenance_ppm;
            let deducted = all.last().map_or(Amount::ZERO, |(_, deducted)| *deducted);
            all.push((tier, deducted + part(below.worth_max, i64::from(more))));
        }
        Ok(Self(all))
    }

    /// One for all sizes.
    pub(crate) fn of(kind: Kind) -> Self {
        let worth_max = Amount(BALANCE_MAX);
        let (leverage_max, maintenance_ppm) = match kind {
            Kind::Spot => (1, 0),
            Kind::Perpetual { leverage_max, maintenance_ppm } => (leverage_max, maintenance_ppm),
        };
        Self(vec![(Tier { worth_max, leverage_max, maintenance_ppm }, Amount::ZERO)])
    }

    /// All, each with what is taken off its part of the whole worth, so that tiers meet.
    pub fn iter(&self) -> impl Iterator<Item = (Tier, Amount)> {
        self.0.iter().copied()
    }

    /// Margin that a position has to keep.
    pub fn maintenance(&self, worth: Amount) -> Amount {
        let worth = Amount(worth.0.abs());
        let found = self.0.iter().find(|(tier, _)| worth <= tier.worth_max).or(self.0.last());
        found.map_or(Amount::ZERO, |(tier, deducted)| {
            part(worth, i64::from(tier.maintenance_ppm)) - *deducted
        })
    }

    /// Largest leverage of the smallest positions.
    pub fn leverage_max(&self) -> u32 {
        self.0.first().map_or(0, |(tier, _)| tier.leverage_max)
    }

    /// Worth of the largest position with a leverage.
    pub fn worth_max(&self, leverage: u32) -> Amount {
        let fits = self.0.iter().rev().find(|(tier, _)| tier.leverage_max >= leverage);
        fits.map_or(Amount::ZERO, |(tier, _)| tier.worth_max)
    }
}

impl Listed {
    /// Whether positions may get as large as with an order.
    pub(crate) fn check_tier(&self, before: &Holding, after: &Holding) -> Result<(), Reject> {
        let grows = largest_worth(after) > largest_worth(before);
        if grows { self.check_worth(after) } else { Ok(()) }
    }

    /// Whether positions may get as large as they can with their leverage.
    pub(crate) fn check_worth(&self, holding: &Holding) -> Result<(), Reject> {
        let worth = largest_worth(holding);
        let largest = self.tiers.worth_max(holding.leverage);
        if worth > largest { Err(Reject::Tier { worth, largest }) } else { Ok(()) }
    }
}

impl Exchange {
    /// Positions of an instrument have these tiers from now on.
    ///
    /// # Errors
    /// It is not listed, or has no positions.
    pub fn set_tiers(&mut self, instrument: InstrumentId, tiers: Tiers) -> Result<(), Reject> {
        if self.known(instrument)?.instrument.kind == Kind::Spot {
            return Err(Reject::Contradiction("spot has no positions"));
        }
        self.listed[instrument as usize].tiers = tiers;
        Ok(())
    }

    /// Tiers of an instrument; one for all sizes if none were set.
    pub fn tiers(&self, instrument: InstrumentId) -> Option<&Tiers> {
        self.listed.get(instrument as usize).map(|listed| &listed.tiers)
    }
}

#[cfg(test)]
mod tests {
    use super::{Tier, Tiers};
    use crate::Amount;

    fn amount(text: &str) -> Amount {
        Amount::from_decimal(text.parse().unwrap()).unwrap()
    }

    fn tier(worth: &str, leverage_max: u32, maintenance_ppm: u32) -> Tier {
        Tier { worth_max: amount(worth), leverage_max, maintenance_ppm }
    }

    #[test]
    fn each_part_of_a_position_keeps_what_its_tier_asks_for() {
        let tiers = [tier("1000", 50, 10_000), tier("5000", 20, 25_000), tier("9000", 5, 100_000)];
        let tiers = Tiers::new(&tiers).unwrap();
        let expected =
            [("1000", "10"), ("1001", "10.025"), ("5000", "110"), ("5010", "111"), ("9010", "511")];
        for (worth, keeps) in expected {
            assert_eq!(tiers.maintenance(amount(worth)), amount(keeps), "{worth}");
            assert_eq!(tiers.maintenance(-amount(worth)), amount(keeps), "-{worth}");
        }
        let deducted: Vec<_> = tiers.iter().map(|(_, deducted)| deducted).collect();
        assert_eq!(deducted, ["0", "15", "390"].map(amount));
        let largest = [50, 21, 20, 5, 1].map(|leverage| tiers.worth_max(leverage));
        assert_eq!(largest, ["1000", "1000", "5000", "9000", "9000"].map(amount));
        assert_eq!((tiers.leverage_max(), tiers.worth_max(51)), (50, Amount::ZERO));
    }

    #[test]
    fn tiers_are_stricter_the_larger_they_are() {
        let first = tier("1000", 50, 10_000);
        for wrong in [
            vec![],
            vec![tier("1000", 0, 10_000)],
            vec![tier("1000", 50, 20_000)],
            vec![tier("0", 50, 10_000)],
            vec![first, tier("1000", 20, 25_000)],
            vec![first, tier("2000", 51, 25_000)],
            vec![first, tier("2000", 20, 9_999)],
        ] {
            assert!(Tiers::new(&wrong).is_err(), "{wrong:?}");
        }
    }
}
