//! Strategies that are built in: examples to read, and something to trade with at once.

mod ema_cross;
mod market_maker;

use rustonite_feed::{FeedError, meant};
use serde::de::DeserializeOwned;

use crate::config::StrategyConfig;
use crate::strategy::Strategy;

pub use self::ema_cross::{EmaCross, EmaCrossSettings};
pub use self::market_maker::{MarketMaker, MarketMakerSettings};

/// A strategy that is built in, by its name; `None` for other names.
///
/// # Errors
/// Settings that it does not have.
pub fn built_in(config: &StrategyConfig) -> Result<Option<Box<dyn Strategy + Send>>, FeedError> {
    Ok(match config.run.as_str() {
        "market-maker" => Some(Box::new(MarketMaker::new(settings(config)?))),
        "ema-cross" => Some(Box::new(EmaCross::new(settings(config)?))),
        _ => None,
    })
}

fn settings<T: DeserializeOwned>(config: &StrategyConfig) -> Result<T, FeedError> {
    config.settings.clone().try_into().map_err(|error: toml::de::Error| {
        let problem = error.message().trim_end();
        FeedError::Config {
            place: format!("strategy.settings of {}", config.run),
            problem: format!("{problem}{}", meant(problem)),
        }
    })
}

/// Does nothing.
#[derive(Clone, Copy, Debug)]
pub struct Silent;

impl Strategy for Silent {}
