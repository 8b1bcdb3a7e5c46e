//! The trader: tapes in, orders out.
//!
//! One hot thread polls tapes, asks the strategy, passes what it wants through risk and the
//! journal, and writes the bytes. Connections live on a thread of their own and carry texts only.

mod books;
mod call;
mod config;
pub mod control;
pub mod cores;
mod desk;
mod direct;
pub mod keys;
mod line;
mod market;
mod paper;
mod rows;
pub mod state;
pub mod strategies;
mod strategy;
mod trader;
mod written;

pub use self::books::Book;
pub use self::config::{
    AccountConfig, Config, MarketConfig, OnStop, OnTrip, PaperConfig, StrategyConfig, Sync, Waiting,
};
pub use self::desk::{Answers, Cause, Counts, Desk, Ending, News, Outbox};
pub use self::line::{Arrivals, Arrived, Lines, Network, Replied};
pub use self::market::{Followed, Market, Rows, Tick};
pub use self::rows::{Bars, Deltas, Quotes, Tickers, Trades};
pub use self::strategy::{
    Broker, Changes, Denied, Failed, Figures, FillNews, GapNews, Group, OrderNews, OrderView,
    Placed, StateNews, Strategy, Told, limit, on_lot, on_tick,
};
pub use self::trader::{
    Handle, Lakes, Status, TradeError, Trader, Wanted, check_files, kill_without_trader,
    resume_without_trader,
};
