//! Strategies that are built in: examples to read, and something to trade with at once.

mod ema_cross;
mod market_maker;

pub use self::ema_cross::{EmaCross, EmaCrossSettings};
pub use self::market_maker::{MarketMaker, MarketMakerSettings};

/// Does nothing.
#[derive(Clone, Copy, Debug)]
pub struct Silent;

impl crate::strategy::Strategy for Silent {}
