//! Fees and tiers as users write them: worths and parts in decimals.

use rustonite_core::Decimal;
use rustonite_sim::{Amount, Exchange, FeeTier, FeeTiers, Fees, Tier};

use crate::error::{ExchangeError, Result};

/// What somebody pays, as parts of what changes hands; negative is a rebate.
///
/// # Errors
/// Parts that have more than six decimals.
pub fn fees(maker: Decimal, taker: Decimal) -> Result<Fees> {
    let part = |part| millionths("fees", part);
    Ok(Fees { maker_ppm: part(maker)?, taker_ppm: part(taker)? })
}

/// What is paid from a volume of 30 days on.
///
/// # Errors
/// A number with too many decimals.
pub fn fee_tier(volume: Decimal, maker: Decimal, taker: Decimal) -> Result<FeeTier> {
    Ok(FeeTier { volume: amount("fee_tiers", volume)?, fees: fees(maker, taker)? })
}

/// What holds for positions up to a worth: the largest leverage, and the part of their worth that
/// they keep as margin.
///
/// # Errors
/// A number with too many decimals, or a part that is negative.
pub fn tier(worth: Decimal, leverage_max: u32, keeps: Decimal) -> Result<Tier> {
    let maintenance_ppm = millionths("tiers", keeps)?;
    Ok(Tier { worth_max: amount("tiers", worth)?, leverage_max, maintenance_ppm })
}

/// What accounts pay at a venue where nobody says otherwise.
pub(crate) fn usual(venue: &str) -> FeeTier {
    let (maker_ppm, taker_ppm) = match venue {
        "alpaca" => (1_500, 2_500),
        "binance-usdm" => (200, 500),
        _ => (1_000, 1_000),
    };
    FeeTier { volume: Amount::ZERO, fees: Fees { maker_ppm, taker_ppm } }
}

pub(crate) fn set_tiers(exchange: &mut Exchange, tiers: &[FeeTier]) -> Result<()> {
    if tiers.is_empty() {
        return Ok(());
    }
    let wrong =
        |problem: rustonite_sim::Reject| ExchangeError::invalid("fee_tiers", problem.to_string());
    let asset = exchange.instruments().next().map_or(0, |first| first.quote);
    let tiers = FeeTiers::new(asset, tiers).map_err(wrong)?;
    exchange.set_fee_tiers(tiers).map_err(wrong)
}

/// An amount of an asset.
pub(crate) fn amount(what: &str, value: Decimal) -> Result<Amount> {
    Amount::from_decimal(value).map_err(|error| ExchangeError::invalid(what, error.to_string()))
}

/// A part in millionths.
pub(crate) fn millionths<T: TryFrom<i128>>(what: &str, part: Decimal) -> Result<T> {
    let ppm = part.to_scale(6).map_err(|error| ExchangeError::invalid(what, error.to_string()))?;
    let problem = || ExchangeError::invalid(what, format!("found {part}, expected a part"));
    T::try_from(ppm).map_err(|_| problem())
}
