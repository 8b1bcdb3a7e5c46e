//! Instruments as users list them.

use rustonite_core::Decimal;
use rustonite_sim::{Amount, AssetId, Filters, Instrument, Kind, Tier};

use crate::error::{ExchangeError, Result};

/// Assets that symbols end with, the longer ones first.
const QUOTES: [&str; 8] = ["FDUSD", "USDT", "USDC", "BTC", "ETH", "BNB", "EUR", "USD"];
/// Decimals that an asset is counted in.
pub(crate) const ASSET_DECIMALS: u32 = 8;

/// A thousand of an asset.
const THOUSAND: i128 = 10_i128.pow(18 + 3);

/// Worth of the largest position in thousands, largest leverage, and margin to keep in millionths:
/// those of the venue's contract in bitcoin, as we remember them.
const TIERS: [(i64, u32, u32); 12] = [
    (50, 125, 4_000),
    (600, 100, 5_000),
    (3_000, 75, 6_500),
    (12_000, 50, 10_000),
    (70_000, 25, 20_000),
    (100_000, 20, 25_000),
    (230_000, 10, 50_000),
    (480_000, 5, 100_000),
    (600_000, 4, 125_000),
    (800_000, 3, 150_000),
    (1_200_000, 2, 250_000),
    (1_800_000, 1, 500_000),
];

/// What a perpetual has besides.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Perpetual {
    /// Leverage of accounts that never set one.
    pub leverage_usual: u32,
    /// Largest leverage, and margin below which positions are liquidated, by their worth: the
    /// smallest first, in the quote asset.
    pub tiers: Vec<Tier>,
    /// What longs pay shorts at each funding, in millionths.
    pub funding_ppm: i64,
}

impl Default for Perpetual {
    fn default() -> Self {
        let tier = |(thousands, leverage_max, maintenance_ppm)| Tier {
            worth_max: Amount(i128::from(thousands) * THOUSAND),
            leverage_max,
            maintenance_ppm,
        };
        Self { leverage_usual: 20, tiers: TIERS.map(tier).into(), funding_ppm: 100 }
    }
}

/// One instrument of a venue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listing {
    /// The venue's spelling.
    pub symbol: String,
    /// Asset that is bought and sold.
    pub base: String,
    /// Asset that is paid.
    pub quote: String,
    /// Smallest step of prices.
    pub tick: Decimal,
    /// Smallest step of quantities.
    pub lot: Decimal,
    /// Least and largest price.
    pub price: (Decimal, Decimal),
    /// Least and largest quantity.
    pub quantity: (Decimal, Decimal),
    /// Largest quantity of a market order.
    pub market_quantity_max: Decimal,
    /// Least price times quantity.
    pub notional_min: Decimal,
    /// Largest price times quantity; of market orders it is not checked.
    pub notional_max: Option<Decimal>,
    /// Parts of an iceberg.
    pub iceberg_parts_max: Option<i64>,
    /// How far below and above the last price a limit may be: factors in millionths.
    pub band_ppm: Option<(i64, i64)>,
    /// Orders of an account that may be open.
    pub orders_max: usize,
    /// Of these, so many that wait for their trigger; of perpetuals, those of all symbols.
    pub triggers_max: usize,
    /// Nobody pays a fee for it.
    pub is_free: bool,
    /// Of a perpetual only.
    pub perpetual: Option<Perpetual>,
}

impl Listing {
    /// What a venue of that name lists, with usual rules.
    ///
    /// # Errors
    /// As [`Listing::spot`], or [`Listing::asset`].
    pub fn of(venue: &str, symbol: &str, tick: Decimal, lot: Decimal) -> Result<Self> {
        match venue {
            "alpaca" => Self::asset(symbol, tick, lot),
            "binance-usdm" => Self::perpetual(symbol, tick, lot),
            _ => Self::spot(symbol, tick, lot),
        }
    }

    /// A spot pair with usual rules.
    ///
    /// # Errors
    /// A symbol that ends with no known quote asset.
    pub fn spot(symbol: &str, tick: Decimal, lot: Decimal) -> Result<Self> {
        let quote = QUOTES
            .into_iter()
            .find(|quote| symbol.len() > quote.len() && symbol.ends_with(quote))
            .ok_or_else(|| {
                let problem =
                    format!("found {symbol:?}, expected one that ends with a quote asset");
                ExchangeError::invalid("symbol", problem)
            })?;
        let base = symbol.trim_end_matches(quote).to_owned();
        let whole = |units: i128| Decimal::from_scale(units, 0).unwrap_or(Decimal::ZERO);
        Ok(Self {
            symbol: symbol.to_owned(),
            base,
            quote: quote.to_owned(),
            tick,
            lot,
            price: (tick, whole(1_000_000)),
            quantity: (lot, whole(9_000)),
            market_quantity_max: whole(1_000),
            notional_min: whole(5),
            notional_max: Some(whole(9_000_000)),
            iceberg_parts_max: Some(100),
            band_ppm: Some((200_000, 5_000_000)),
            orders_max: 200,
            triggers_max: 5,
            is_free: false,
            perpetual: None,
        })
    }

    /// An asset of a broker: a pair such as `BTC/USD`, or a stock, which is paid in dollars and free
    /// of fees.
    ///
    /// # Errors
    /// A pair without one of its assets.
    pub fn asset(symbol: &str, tick: Decimal, lot: Decimal) -> Result<Self> {
        let pair = symbol.split_once('/');
        let (base, quote) = pair.unwrap_or((symbol, "USD"));
        if base.is_empty() || quote.is_empty() || base == quote {
            let problem = format!("found {symbol:?}, expected one such as \"AAPL\" or \"BTC/USD\"");
            return Err(ExchangeError::invalid("symbol", problem));
        }
        let whole = |units: i128| Decimal::from_scale(units, 0).unwrap_or(Decimal::ZERO);
        Ok(Self {
            symbol: symbol.to_owned(),
            base: base.to_owned(),
            quote: quote.to_owned(),
            tick,
            lot,
            price: (tick, whole(1_000_000)),
            quantity: (lot, whole(1_000_000)),
            market_quantity_max: whole(1_000_000),
            notional_min: Decimal::ZERO,
            notional_max: None,
            iceberg_parts_max: None,
            band_ppm: None,
            orders_max: 500,
            triggers_max: 500,
            is_free: pair.is_none(),
            perpetual: None,
        })
    }

    /// A perpetual with usual rules.
    ///
    /// # Errors
    /// As [`Listing::spot`].
    pub fn perpetual(symbol: &str, tick: Decimal, lot: Decimal) -> Result<Self> {
        let spot = Self::spot(symbol, tick, lot)?;
        Ok(Self {
            perpetual: Some(Perpetual::default()),
            band_ppm: Some((950_000, 1_050_000)),
            notional_max: None,
            iceberg_parts_max: None,
            triggers_max: 200,
            ..spot
        })
    }

    /// Price filters in ticks, quantities in lots; steps that do not divide a limit are cut off.
    pub(crate) fn instrument(&self, base: AssetId, quote: AssetId) -> Result<Instrument> {
        let ticks = |value: Decimal| count(&self.symbol, value, self.tick);
        let lots = |value: Decimal| count(&self.symbol, value, self.lot);
        let amount = |value: Decimal| {
            Amount::from_decimal(value)
                .map_err(|error| ExchangeError::invalid(&self.symbol, error.to_string()))
        };
        let notional_max = self.notional_max.map(amount).transpose()?;
        Ok(Instrument {
            symbol: self.symbol.clone(),
            kind: match self.perpetual.as_ref().and_then(|perpetual| perpetual.tiers.first()) {
                None => Kind::Spot,
                Some(&Tier { leverage_max, maintenance_ppm, .. }) => {
                    Kind::Perpetual { leverage_max, maintenance_ppm }
                }
            },
            base,
            quote,
            tick: self.tick,
            lot: self.lot,
            filters: Filters {
                notional_max,
                iceberg_parts_max: self.iceberg_parts_max,
                price: Some((ticks(self.price.0)?, ticks(self.price.1)?)),
                quantity: Some((lots(self.quantity.0)?, lots(self.quantity.1)?)),
                market_quantity_max: Some(lots(self.market_quantity_max)?),
                notional_min: Some(amount(self.notional_min)?),
                band_ppm: self.band_ppm,
                orders_max: Some(self.orders_max),
                triggers_max: Some(self.triggers_max),
            },
        })
    }
}

fn count(symbol: &str, value: Decimal, step: Decimal) -> Result<i64> {
    value.to_ticks(step).map_err(|error| ExchangeError::invalid(symbol, error.to_string()))
}
