//! Codecs: what venues send becomes rows, what we ask of them becomes bytes.
//!
//! Pure functions of bytes: no sockets, no files, no clock. One folder per venue, with the same few
//! files: `mod.rs` tells frames apart, `market.rs` reads data, `rest.rs` reads HTTP bodies,
//! `session.rs` writes subscriptions and reads the answers. Numbers never pass through a float
//! before they are exact, and a message that cannot be read yields an error with its place, not a
//! stop.

pub mod alpaca;
pub mod binance;
pub mod bitfinex;
pub mod bitmex;
pub mod bybit;
mod codec;
pub mod coinbase;
pub mod coinbase_advanced;
mod common;
pub mod deribit;
mod error;
mod event;
mod host;
pub mod hyperliquid;
mod json;
pub mod kraken;
pub mod kraken_futures;
mod number;
pub mod okx;
mod polled;
pub mod qq;
pub mod sina;
#[cfg(test)]
mod testing;
mod time;

pub use self::{
    codec::{Codec, Feed, Frame, Keys, Request, Topic, VENUES, open},
    error::{Malformed, Result},
    event::{Answer, BookUpdate, Control, Floats, Level, Order, OrdersUpdate, Sink},
    host::{Ask, Host, Quote, Trade, Wish, host},
    json::{Json, Kind},
};

/// The steps of `docs/internals/adding-a-venue.md`, followed.
#[cfg(doctest)]
#[doc = include_str!("../../../docs/internals/adding-a-venue.md")]
struct AddingAVenue;
