//! The trader: tapes in, orders out.
//!
//! One hot thread polls tapes, asks the strategy, passes what it wants through risk and the
//! journal, and writes the bytes. Connections live on a thread of their own and carry texts only.

mod config;
mod line;
mod market;

pub use self::config::{
    AccountConfig, Config, MarketConfig, OnStop, StrategyConfig, Sync, Waiting,
};
pub use self::line::{Arrived, Line, Lines};
pub use self::market::{Followed, Market, Rows, Tick};
