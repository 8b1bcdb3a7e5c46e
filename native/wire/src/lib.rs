//! Codecs: what venues send becomes rows, what we ask of them becomes bytes.
//!
//! Pure functions of bytes: no sockets, no files, no clock. One folder per venue, with the same few
//! files: `mod.rs` tells frames apart, `market.rs` reads data, `rest.rs` reads HTTP bodies,
//! `session.rs` writes subscriptions and reads the answers. Numbers never pass through a float
//! before they are exact, and a message that cannot be read yields an error with its place, not a
//! stop.

pub mod binance;
mod codec;
mod error;
mod event;
mod host;
mod json;
mod number;
#[cfg(test)]
mod testing;
mod time;

pub use self::{
    codec::{Codec, Feed, Frame, Request, Topic, VENUES, open},
    error::{Malformed, Result},
    event::{Answer, BookUpdate, Control, Level, Order, OrdersUpdate, Sink},
    host::{Ask, Host, Quote, Trade, Wish, host},
};
