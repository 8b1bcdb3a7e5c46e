//! What is traded, under which rules, and what it costs.

use rustonite_core::Decimal;
use serde::{Deserialize, Serialize};

use crate::{Amount, AssetId};

/// What a contract is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Assets change hands at once.
    Spot,
    /// A position without end that is settled in the quote asset; `base` is a name only.
    Perpetual {
        /// Largest leverage.
        leverage_max: u32,
        /// Part of a position's worth below which its margin may not fall, in millionths.
        maintenance_ppm: u32,
    },
}

/// What a venue checks before it takes an order. `None` where it checks nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Deserialize, Serialize)]
pub struct Filters {
    /// Least and largest price, in ticks.
    pub price: Option<(i64, i64)>,
    /// Least and largest quantity, in lots.
    pub quantity: Option<(i64, i64)>,
    /// Largest quantity of a market order, in lots.
    pub market_quantity_max: Option<i64>,
    /// Least price times quantity.
    pub notional_min: Option<Amount>,
    /// Largest price times quantity; of market orders it is not checked.
    pub notional_max: Option<Amount>,
    /// Parts of an iceberg.
    pub iceberg_parts_max: Option<i64>,
    /// How far below and above the last price a limit may be: factors in millionths.
    pub band_ppm: Option<(i64, i64)>,
    /// Orders of an account that may be open.
    pub orders_max: Option<usize>,
    /// Of these, so many that wait for their trigger.
    pub triggers_max: Option<usize>,
}

/// Fees of an account's tier in millionths of what changes hands; negative is a rebate.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Deserialize, Serialize)]
pub struct Fees {
    /// Of who rested.
    pub maker_ppm: i32,
    /// Of who came.
    pub taker_ppm: i32,
}

/// An asset that fees are paid in, instead of what is received, as long as there is enough of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Deserialize, Serialize)]
pub struct FeeAsset {
    /// Which.
    pub asset: AssetId,
    /// What a whole one is worth.
    pub price: Amount,
    /// The asset that this is counted in. Elsewhere than where it is paid with, fees are of what is
    /// received.
    pub quote: AssetId,
    /// In millionths.
    pub discount_ppm: u32,
}

/// One instrument. Prices are counted in ticks, quantities in lots.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Deserialize, Serialize)]
pub struct Instrument {
    /// Its name.
    pub symbol: String,
    /// What a contract is.
    pub kind: Kind,
    /// Asset that is bought and sold.
    pub base: AssetId,
    /// Asset that is paid.
    pub quote: AssetId,
    /// Smallest step of prices.
    pub tick: Decimal,
    /// Smallest step of quantities.
    pub lot: Decimal,
    /// What is checked.
    pub filters: Filters,
}
