//! Recording: sockets and sessions, reconnection, limits, and rows on tapes.
//!
//! One thread per venue owns its connections, books and tapes, so nothing on the way from the
//! socket to the tape is shared or locked.

mod alive;
mod book_rows;
mod books;
mod catalog;
mod clock;
mod config;
mod connection;
mod dial;
mod error;
mod events;
mod instrument;
mod keys;
mod limits;
mod line;
mod plan;
mod recall;
mod recorder;
mod recording;
mod reparse;
mod requests;
mod rest;
mod rules;
pub mod server;
mod spans;
mod stamped;
mod stats;
mod tapes;
mod topics;
mod trade_ids;
mod writing;

pub use self::{
    catalog::{Channel, Rest, Socket, Venue},
    clock::now_ns,
    config::{Config, FeedConfig, MetricsSettings, TapeSettings, meant, read_toml},
    dial::{Dialler, Stream},
    error::{FeedError, Result},
    recorder::Recorder,
    reparse::{Recorded, Reparser},
    rules::instruments,
    stamped::Stamp,
    stats::VenueStatus,
};
