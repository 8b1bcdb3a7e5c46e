//! A matching engine with accounts: what an exchange does with orders.
//!
//! No I/O, no clock, no threads: commands and the time come in, events go out. The same commands
//! give the same events, byte for byte.
//!
//! A [`Replay`] also takes recordings of single orders, with [`QueueModel::Fifo`]: that is for programs in
//! Rust, as nothing here records venues whose books tell of each order and trades against them.

mod accounts;
mod book;
mod chance;
pub mod command;
pub mod event;
pub mod exchange;
mod fees;
mod filters;
pub mod flow;
pub mod instrument;
pub mod latency;
mod liquidation;
mod lists;
mod matching;
mod orders;
mod outside;
mod perpetual;
mod placing;
pub mod queue;
pub mod replay;
mod tiers;
mod triggers;

pub use chance::kept as kept_rng;
pub use command::{
    CancelReason, Command, Expiry, NewOrder, OrderId, PositionSide, Quantity, SelfTrade, Side,
    Trailing, Trigger, TriggerSource,
};
pub use event::{Event, Reject};
pub use exchange::{Exchange, Order};
pub use fees::{FeeTier, FeeTiers};
pub use flow::{Flow, FlowConfig, FlowError, Market};
pub use instrument::{FeeAsset, Fees, Filters, Instrument, Kind};
pub use latency::{BadTimes, Delay, Latency, LatencyConfig, Message};
pub use queue::{Place, QueueModel};
pub use replay::{
    Desk, FeedClock, OwnId, OwnOrder, Penetration, Recorded, Replay, ReplayConfig, Report,
    Strategy, Told, What,
};
pub use rustonite_core::Amount;
pub use tiers::{Tier, Tiers};

/// Number of an account, from 0 in the order of opening.
pub type AccountId = u32;
/// Number of an instrument, from 0 in the order of listing.
pub type InstrumentId = u32;
/// Number of an asset, from 0 in the order in which instruments name them.
pub type AssetId = u32;
