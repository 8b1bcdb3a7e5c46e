//! What accounts own, and what they pay.

use serde::{Deserialize, Serialize};

use crate::fees::Volumes;
use crate::orders::Ends;
use crate::{Amount, AssetId, FeeAsset, Fees, InstrumentId, PositionSide, Side};

/// Millionths.
pub(crate) const MILLION: i128 = 1_000_000;
/// No balance gets beyond this, so that sums of balances fit.
pub(crate) const BALANCE_MAX: i128 = 10_i128.pow(36);
/// Units of a whole one.
const WHOLE: i128 = 10_i128.pow(18);
/// Digits that are set aside so that a product fits.
const ASIDE: i128 = 10_i128.pow(9);

/// What can be used, and what open orders keep.
#[derive(Clone, Copy, Debug, Default, Hash, Deserialize, Serialize)]
pub(crate) struct Balance {
    pub(crate) free: Amount,
    pub(crate) locked: Amount,
}

/// A position of a perpetual.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Deserialize, Serialize)]
pub(crate) struct Position {
    /// In lots; negative if short.
    pub(crate) quantity: i64,
    /// Worth at entry, of the same sign.
    pub(crate) entry_quote: Amount,
    /// Margin of its own.
    pub(crate) margin: Amount,
}

/// What an account has to do with an instrument.
#[derive(Clone, Copy, Debug, Hash, Deserialize, Serialize)]
pub(crate) struct Holding {
    /// Orders that are open.
    pub(crate) open: usize,
    /// Of these, so many that wait for their trigger, or for an order that comes before it.
    pub(crate) waiting: usize,
    pub(crate) leverage: u32,
    pub(crate) isolated: bool,
    positions: [Position; 3],
    /// Worth of open orders that buy and that sell, those that only reduce left out,
    pub(crate) ordered: [Amount; 2],
    /// and of those that are for positions side by side.
    pub(crate) ordered_apart: [Amount; 2],
}

impl Default for Holding {
    fn default() -> Self {
        Self {
            open: 0,
            waiting: 0,
            leverage: 1,
            isolated: false,
            positions: Default::default(),
            ordered: Default::default(),
            ordered_apart: Default::default(),
        }
    }
}

impl Holding {
    pub(crate) fn position(&self, side: PositionSide) -> &Position {
        &self.positions[side as usize]
    }

    pub(crate) fn position_mut(&mut self, side: PositionSide) -> &mut Position {
        &mut self.positions[side as usize]
    }

    pub(crate) fn positions(&self) -> impl Iterator<Item = (PositionSide, &Position)> {
        [PositionSide::Net, PositionSide::Long, PositionSide::Short]
            .into_iter()
            .zip(&self.positions)
    }

    /// Worth of open orders of a side that are for a position.
    pub(crate) fn ordered_mut(&mut self, side: Side, position: PositionSide) -> &mut Amount {
        let ordered = match position {
            PositionSide::Net => &mut self.ordered,
            PositionSide::Long | PositionSide::Short => &mut self.ordered_apart,
        };
        &mut ordered[side as usize]
    }

    pub(crate) fn is_flat(&self) -> bool {
        self.positions.iter().all(|position| position.quantity == 0)
    }
}

#[derive(Clone, Debug, Hash, Deserialize, Serialize)]
pub(crate) struct Account {
    balances: Vec<Balance>,
    holdings: Vec<Holding>,
    /// Its own; otherwise those of the tiers.
    pub(crate) fees: Option<Fees>,
    pub(crate) volumes: Volumes,
    pub(crate) fee_asset: Option<FeeAsset>,
    pub(crate) hedged: bool,
    /// Its open orders, oldest first.
    pub(crate) orders: Ends,
}

impl Account {
    pub(crate) fn new() -> Self {
        Self {
            balances: Vec::new(),
            holdings: Vec::new(),
            fees: None,
            volumes: Volumes::default(),
            fee_asset: None,
            hedged: false,
            orders: Ends::EMPTY,
        }
    }

    pub(crate) fn balance(&self, asset: AssetId) -> Balance {
        self.balances.get(asset as usize).copied().unwrap_or_default()
    }

    pub(crate) fn balance_mut(&mut self, asset: AssetId) -> &mut Balance {
        let place = asset as usize;
        if place >= self.balances.len() {
            self.balances.resize(place + 1, Balance::default());
        }
        &mut self.balances[place]
    }

    pub(crate) fn holding(&self, instrument: InstrumentId) -> Holding {
        self.holdings.get(instrument as usize).copied().unwrap_or_default()
    }

    pub(crate) fn holding_mut(&mut self, instrument: InstrumentId) -> &mut Holding {
        let place = instrument as usize;
        if place >= self.holdings.len() {
            self.holdings.resize(place + 1, Holding::default());
        }
        &mut self.holdings[place]
    }

    pub(crate) fn holdings(&self) -> impl Iterator<Item = (InstrumentId, &Holding)> {
        (0..).zip(&self.holdings)
    }
}

/// A part in millionths.
pub(crate) fn part(amount: Amount, ppm: i64) -> Amount {
    let (whole, rest) = (amount.0 / MILLION, amount.0 % MILLION);
    Amount(whole * i128::from(ppm) + rest * i128::from(ppm) / MILLION)
}

/// How much of an asset an amount of quote buys, at the price of a whole one; `None` if there is no
/// such price or it does not fit.
pub(crate) fn bought(quote: Amount, price: Amount) -> Option<Amount> {
    let price = price.0 / ASIDE;
    let scaled = quote.0.checked_mul(WHOLE / ASIDE)?;
    (price > 0).then(|| Amount(scaled / price))
}

#[cfg(test)]
mod tests {
    use super::{bought, part};
    use crate::Amount;

    fn amount(text: &str) -> Amount {
        Amount::from_decimal(text.parse().unwrap()).unwrap()
    }

    #[test]
    fn parts_are_cut_towards_zero() {
        assert_eq!(part(amount("123.456"), 1_000), amount("0.123456"));
        assert_eq!(part(Amount(999_999), 1), Amount(0));
        assert_eq!(part(Amount(-1_500_000), 1), Amount(-1));
    }

    #[test]
    fn another_asset_is_bought_at_its_price() {
        assert_eq!(bought(amount("3"), amount("600")), Some(amount("0.005")));
        assert_eq!(bought(amount("3"), amount("0")), None);
    }
}
