//! What changes about venues several times a year: addresses, channels, limits. The files of
//! `catalog/venues` are built in; a recorder's configuration may override addresses.

use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::path::Path;

use rustonite_core::budget::Limit;
use serde::{Deserialize, Serialize};

use crate::error::{FeedError, Result};
use crate::keys;

macro_rules! venues {
    ($($name:literal),* $(,)?) => {
        &[$(($name, include_str!(concat!("../../../catalog/venues/", $name, ".toml")))),*]
    };
}

const FILES: &[(&str, &str)] = venues![
    "alpaca-crypto",
    "alpaca-stocks",
    "binance",
    "binance-coinm",
    "binance-usdm",
    "bitfinex",
    "bitmex",
    "bybit-inverse",
    "bybit-linear",
    "bybit-option",
    "bybit-spot",
    "coinbase",
    "coinbase-advanced",
    "deribit",
    "hyperliquid",
    "kraken",
    "kraken-futures",
    "okx",
    "qq",
    "sina",
];

/// What is known of a venue.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Venue {
    /// Its name, as in the column `venue`.
    pub venue: String,
    /// A few words for people.
    pub about: String,
    /// Ends of names under which instruments are delivered, by the ends under which they are asked
    /// for.
    #[serde(default)]
    pub delivered_as: BTreeMap<String, String>,
    /// Its REST interface.
    pub rest: Option<Rest>,
    /// Where orders go, by the names of endpoints that its gateway uses.
    #[serde(default)]
    pub trading: BTreeMap<String, String>,
    /// What an account may send there.
    #[serde(default, rename = "limit")]
    pub limits: Vec<Limit>,
    /// Its WebSocket endpoints.
    #[serde(default, rename = "socket")]
    pub sockets: Vec<Socket>,
    /// Its channels; the first of a dataset is the usual one.
    #[serde(default, rename = "channel")]
    pub channels: Vec<Channel>,
}

/// A REST interface and its limits.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Rest {
    /// Root of all paths.
    pub url: String,
    /// What may be used up from one address, in the venue's own count …
    pub budget: u32,
    /// … in so many seconds.
    pub budget_per_s: u64,
    /// What a call of each sort uses up; 1 if it is not named.
    #[serde(default)]
    pub weights: BTreeMap<String, u32>,
    /// Instruments that one call may ask for.
    #[serde(default = "one")]
    pub symbols_per_call: usize,
    /// Other roots for calls of some sorts.
    #[serde(default)]
    pub urls: BTreeMap<String, String>,
}

/// A WebSocket endpoint and its limits.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Socket {
    /// Its name in this file.
    pub name: String,
    /// Where to connect.
    pub url: String,
    /// Most topics on one connection.
    pub topics_max: usize,
    /// Most topics in one message.
    pub topics_per_message: usize,
    /// Most messages from us in a second.
    #[serde(default = "few")]
    pub messages_per_second: u32,
    /// Most attempts to connect from one address …
    #[serde(default = "few")]
    pub connects: u32,
    /// … in so many seconds.
    #[serde(default = "minute")]
    pub connects_per_s: u32,
    /// After so long the venue closes a connection; 0 for never.
    #[serde(default)]
    pub lifetime_s: u64,
    /// How often the venue wants a ping from us; 0 for never.
    pub ping_s: u64,
    /// Without any frame for so long the line is dead.
    pub idle_s: u64,
    /// Whether it wants to know who we are: a key, or a token got with one.
    #[serde(default)]
    pub needs_key: bool,
}

/// A channel.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Channel {
    /// Dataset that it fills.
    pub dataset: String,
    /// The venue's name with parameters; empty for what is only asked by REST.
    #[serde(default)]
    pub name: String,
    /// Endpoint.
    #[serde(default)]
    pub socket: String,
    /// Whether it is subscribed per instrument.
    #[serde(default = "yes")]
    pub per_symbol: bool,
    /// How its completeness is checked: counter, chain, range, checksum or none.
    #[serde(default)]
    pub integrity: String,
    /// Where a whole picture comes from: rest, subscription or message.
    #[serde(default)]
    pub anchor: String,
    /// How long after the acknowledgement the first message may take; 0 for ever.
    #[serde(default)]
    pub first_data_s: u64,
    /// How long it may be silent later on; 0 for ever.
    #[serde(default)]
    pub silence_s: u64,
    /// Asked by REST so often; 0 for never.
    #[serde(default)]
    pub rest_every_s: u64,
    /// Whether it is given to accounts only.
    #[serde(default)]
    pub needs_key: bool,
}

/// Where a venue names no limit, few can be too many.
fn few() -> u32 {
    5
}

fn minute() -> u32 {
    60
}

fn one() -> usize {
    1
}

fn yes() -> bool {
    true
}

impl Venue {
    /// A venue of the catalog.
    ///
    /// # Errors
    /// There is none of this name; the message has the nearest ones.
    pub fn find(name: &str) -> Result<Self> {
        let Some((_, text)) = FILES.iter().find(|(known, _)| *known == name) else {
            let known = FILES.iter().map(|(known, _)| *known);
            return Err(FeedError::unknown("venue", name, known));
        };
        Self::parse(format!("catalog/venues/{name}.toml"), text)
    }

    /// The same, unless a folder has a newer file for it: facts change more often than programs.
    ///
    /// # Errors
    /// There is none of this name, or the folder's file cannot be used.
    pub fn find_in(folder: Option<&Path>, name: &str) -> Result<Self> {
        let built_in = Self::find(name)?;
        let Some(file) = folder.map(|folder| folder.join(format!("{name}.toml"))) else {
            return Ok(built_in);
        };
        match std::fs::read_to_string(&file) {
            Ok(text) => Self::parse(file.display().to_string(), &text),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(built_in),
            Err(source) => {
                Err(FeedError::System { doing: format!("reading {}", file.display()), source })
            }
        }
    }

    fn parse(place: String, text: &str) -> Result<Self> {
        toml::from_str(text)
            .map_err(|error| FeedError::Config { place, problem: error.to_string() })
    }

    /// Names of all venues.
    pub fn names() -> impl Iterator<Item = &'static str> {
        FILES.iter().map(|(name, _)| *name)
    }

    /// The usual channel of a dataset.
    pub fn channel_of(&self, dataset: &str) -> Option<&Channel> {
        self.channels.iter().find(|channel| channel.dataset == dataset)
    }

    /// Whether a channel is only for those who have a key.
    pub fn needs_key(&self, channel: &Channel) -> bool {
        channel.needs_key || self.socket(&channel.socket).is_some_and(|socket| socket.needs_key)
    }

    /// Whether a recorder can log in with keys from the environment.
    pub fn logs_in(&self) -> bool {
        keys::are_used(&self.venue)
    }

    /// The name under which an instrument is delivered.
    pub fn delivered(&self, symbol: &str) -> String {
        let other = self.delivered_as.iter().find_map(|(asked, delivered)| {
            symbol.strip_suffix(asked.as_str()).map(|stem| format!("{stem}{delivered}"))
        });
        other.unwrap_or_else(|| symbol.to_owned())
    }

    /// A channel by its name.
    pub fn channel(&self, name: &str) -> Option<&Channel> {
        self.channels.iter().find(|channel| channel.name == name)
    }

    /// An endpoint by its name.
    pub fn socket(&self, name: &str) -> Option<&Socket> {
        self.sockets.iter().find(|socket| socket.name == name)
    }
}

#[cfg(test)]
mod tests;
