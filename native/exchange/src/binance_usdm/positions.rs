//! Positions in figures.

use rustonite_sim::{AccountId, Amount, AssetId, InstrumentId, PositionSide, Tier, Tiers};

use super::clockwork::mark_price;
use crate::figures::{product, ratio};
use crate::floor::Floor;

const MILLION: i128 = 1_000_000;
pub(crate) const SIDES: [PositionSide; 3] =
    [PositionSide::Net, PositionSide::Long, PositionSide::Short];

/// A position, or that there is none.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Position {
    pub(crate) account: AccountId,
    pub(crate) instrument: InstrumentId,
    pub(crate) side: PositionSide,
    /// In lots; negative if short.
    pub(crate) quantity: i64,
    /// Worth at entry and at the mark price, of the same sign.
    pub(crate) entry: Amount,
    pub(crate) worth: Amount,
    /// Margin of its own.
    pub(crate) margin: Amount,
    pub(crate) leverage: u32,
    pub(crate) isolated: bool,
    maintenance: Amount,
}

impl Position {
    pub(crate) fn of(
        floor: &Floor,
        account: AccountId,
        instrument: InstrumentId,
        side: PositionSide,
    ) -> Self {
        let (quantity, entry, margin) = floor.exchange.position(account, instrument, side);
        let (leverage, isolated) = floor.exchange.leverage(account, instrument);
        let price = mark_price(floor, instrument).unwrap_or(0);
        let worth = floor.exchange.worth(instrument, price, quantity.abs());
        let tiers = floor.exchange.tiers(instrument);
        Self {
            account,
            instrument,
            side,
            quantity,
            entry,
            worth: if quantity < 0 { -worth } else { worth },
            margin,
            leverage,
            isolated,
            maintenance: tiers.map_or(Amount::ZERO, |tiers| tiers.maintenance(worth)),
        }
    }

    pub(crate) fn unrealised(&self) -> Amount {
        self.worth - self.entry
    }

    /// Margin that it takes to open it now.
    pub(crate) fn initial(&self) -> Amount {
        Amount(self.worth.0.abs() / i128::from(self.leverage.max(1)))
    }

    pub(crate) fn maintenance(&self) -> Amount {
        self.maintenance
    }

    fn size(&self, floor: &Floor) -> Amount {
        let size = floor.listed(self.instrument).size(self.quantity);
        Amount::from_decimal(size).unwrap_or_default()
    }

    pub(crate) fn entry_price(&self, floor: &Floor) -> Amount {
        ratio(self.entry, self.size(floor))
    }

    /// Mark price at which it is closed for want of margin; zero if it never is.
    pub(crate) fn liquidation_price(&self, floor: &Floor) -> Amount {
        if self.quantity == 0 {
            return Amount::ZERO;
        }
        let margin = if self.isolated { self.margin } else { self.shared_margin(floor) };
        let size = self.size(floor);
        let price_in = |(tier, deducted): (Tier, Amount)| {
            let keeps = part(Amount(size.0.abs()), i128::from(tier.maintenance_ppm));
            (ratio(self.entry - margin - deducted, size - keeps), tier.worth_max)
        };
        let mut price = Amount::ZERO;
        for (found, worth_max) in
            floor.exchange.tiers(self.instrument).into_iter().flat_map(Tiers::iter).map(price_in)
        {
            price = found.max(Amount::ZERO);
            // The tier is that of what it is worth at this price; the largest one has no end.
            if product(price, size).abs() <= worth_max {
                break;
            }
        }
        price
    }

    /// What stands for it besides its own worth, if all others stay as they are.
    fn shared_margin(&self, floor: &Floor) -> Amount {
        let asset = floor.listed(self.instrument).rules.quote;
        let sums = Sums::of(floor, self.account, asset);
        let others = sums.cross_unrealised - self.unrealised();
        sums.cross_wallet + others - (sums.cross_maintenance - self.maintenance())
    }
}

fn part(amount: Amount, ppm: i128) -> Amount {
    Amount(amount.0 / MILLION * ppm + amount.0 % MILLION * ppm / MILLION)
}

/// All positions that an account could have or has, of one instrument or of all.
pub(crate) fn all(
    floor: &Floor,
    account: AccountId,
    wanted: Option<InstrumentId>,
) -> impl Iterator<Item = Position> {
    let is_hedged = floor.exchange.is_hedged(account);
    let ids = (0..).zip(&floor.instruments).map(|(id, _)| id);
    ids.filter(move |id| wanted.is_none_or(|wanted| wanted == *id)).flat_map(move |id| {
        let sides = SIDES.into_iter().filter(move |side| (*side == PositionSide::Net) != is_hedged);
        sides.map(move |side| Position::of(floor, account, id, side))
    })
}

/// Margin of the open orders of an account in an instrument.
pub(crate) fn order_margin(floor: &Floor, account: AccountId, id: InstrumentId) -> Amount {
    let entered: Amount = SIDES
        .into_iter()
        .map(|side| Position::of(floor, account, id, side))
        .filter(|position| !position.isolated)
        .map(|position| Amount(position.entry.0.abs() / i128::from(position.leverage.max(1))))
        .sum();
    let needed = floor.exchange.initial_margin(account, id);
    Amount((needed - entered).0.max(0))
}

/// All that an account has of an asset that perpetuals are settled in.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Sums {
    pub(crate) cross_wallet: Amount,
    pub(crate) cross_unrealised: Amount,
    pub(crate) cross_maintenance: Amount,
    pub(crate) unrealised: Amount,
    pub(crate) maintenance: Amount,
    /// Margin of its own that isolated positions have.
    pub(crate) isolated: Amount,
    pub(crate) position_margin: Amount,
    pub(crate) order_margin: Amount,
    pub(crate) available: Amount,
    pub(crate) movable: Amount,
}

impl Sums {
    pub(crate) fn of(floor: &Floor, account: AccountId, asset: AssetId) -> Self {
        let mut sums = Self {
            cross_wallet: floor.exchange.balance(account, asset).0,
            available: floor.exchange.available(account, asset).max(Amount::ZERO),
            movable: floor.exchange.movable(account, asset).max(Amount::ZERO),
            ..Self::default()
        };
        for (id, listed) in (0..).zip(&floor.instruments) {
            if listed.rules.quote != asset {
                continue;
            }
            sums.order_margin += order_margin(floor, account, id);
            for side in SIDES {
                sums.add(&Position::of(floor, account, id, side));
            }
        }
        sums
    }

    fn add(&mut self, position: &Position) {
        self.unrealised += position.unrealised();
        self.maintenance += position.maintenance();
        self.position_margin += position.initial();
        self.isolated += position.margin;
        if !position.isolated {
            self.cross_unrealised += position.unrealised();
            self.cross_maintenance += position.maintenance();
        }
    }

    pub(crate) fn wallet(&self) -> Amount {
        self.cross_wallet + self.isolated
    }

    pub(crate) fn margin_balance(&self) -> Amount {
        self.wallet() + self.unrealised
    }

    pub(crate) fn initial(&self) -> Amount {
        self.position_margin + self.order_margin
    }
}

/// Assets that perpetuals are settled in.
pub(crate) fn margin_assets(floor: &Floor) -> Vec<AssetId> {
    let mut assets: Vec<_> = floor.instruments.iter().map(|listed| listed.rules.quote).collect();
    assets.sort_unstable();
    assets.dedup();
    assets
}
