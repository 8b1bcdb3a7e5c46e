//! What to record, and where to.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use url::Url;

use crate::catalog::{Channel, Venue};
use crate::error::{FeedError, Result};
use crate::keys;

/// Datasets that are recorded if nothing else is said, as far as the venue has them.
const USUAL: &[&str] = &["trades", "quotes", "book_deltas", "instruments"];

/// A recorder's configuration, as `recorder.toml` has it.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The lake: a folder or a URL.
    pub lake: Option<String>,
    /// Folder of the tapes.
    pub tapes: Option<PathBuf>,
    /// Name of this recorder, unique among those that write to one lake.
    #[serde(default = "usual_name")]
    pub name: String,
    /// Whether raw frames are kept.
    #[serde(default = "yes")]
    pub frames: bool,
    /// How often a whole picture of each book is written, in seconds.
    #[serde(default = "usual_anchor_s")]
    pub anchor_every_s: u64,
    /// Length of the intervals that `feed_events` vouches for, in seconds.
    #[serde(default = "usual_interval_s")]
    pub interval_s: u64,
    /// Settings of new tapes.
    #[serde(default)]
    pub tape: TapeSettings,
    /// Folder with files like those of `catalog/venues`, which go before the built-in ones.
    pub catalog: Option<PathBuf>,
    /// A proxy for all connections: `http://host:port` or `socks5://host:port`.
    pub proxy: Option<Url>,
    /// Certificates to trust besides those of the system, in PEM.
    pub ca_file: Option<PathBuf>,
    /// What to record.
    #[serde(default, rename = "feed")]
    pub feeds: Vec<FeedConfig>,
    /// Settings of the metrics endpoint, which is not ours.
    pub metrics: Option<toml::Table>,
}

/// Settings of the tapes of a recorder.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct TapeSettings {
    /// Size of a segment in bytes.
    pub segment_bytes: u64,
    /// Most segments kept while the lake is away.
    pub segments_max: u32,
    /// Seal a segment so long after its first row, in seconds.
    pub seal_after_s: u64,
}

impl Default for TapeSettings {
    fn default() -> Self {
        Self { segment_bytes: 32 << 20, segments_max: 64, seal_after_s: 30 }
    }
}

/// Instruments of one venue.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct FeedConfig {
    /// The venue.
    pub venue: String,
    /// Instruments in the venue's spelling.
    #[serde(default)]
    pub symbols: Vec<String>,
    /// Datasets; the venue's usual channel of each is taken.
    pub datasets: Option<Vec<String>>,
    /// Channels by the venue's names, instead of the usual ones of their datasets.
    #[serde(default)]
    pub channels: Vec<String>,
    /// Addresses instead of those of the catalog: endpoint name, or `rest`, to URL.
    #[serde(default)]
    pub urls: BTreeMap<String, Url>,
    /// Connections that carry each topic; the first copy of a message wins.
    #[serde(default = "one")]
    pub copies: usize,
    /// A proxy for this venue.
    pub proxy: Option<Url>,
}

fn usual_name() -> String {
    "recorder".to_owned()
}

fn usual_anchor_s() -> u64 {
    600
}

fn usual_interval_s() -> u64 {
    60
}

fn yes() -> bool {
    true
}

fn one() -> usize {
    1
}

impl Config {
    /// Reads a configuration. `place` names it in errors.
    ///
    /// # Errors
    /// Text that is no TOML, keys that do not exist, values of the wrong kind, unknown venues,
    /// datasets or channels.
    pub fn parse(place: &str, text: &str) -> Result<Self> {
        let config: Self = toml::from_str(text)
            .map_err(|error| FeedError::config(place, error.to_string().trim_end()))?;
        config.check(place)?;
        Ok(config)
    }

    fn check(&self, place: &str) -> Result<()> {
        let wrong =
            |key: &str, problem: String| Err(FeedError::config(format!("{place}: {key}"), problem));
        if self.feeds.is_empty() {
            return wrong("feed", "found none, expected at least one [[feed]]".to_owned());
        }
        let legal = |letter: char| letter.is_ascii_alphanumeric() || "-_.".contains(letter);
        if self.name.is_empty() || self.name.starts_with('.') || !self.name.chars().all(legal) {
            let expected = "letters, digits, `-`, `_` and `.`";
            return wrong("name", format!("found {:?}, expected {expected}", self.name));
        }
        for (key, value) in
            [("anchor_every_s", self.anchor_every_s), ("interval_s", self.interval_s)]
        {
            if value == 0 {
                return wrong(key, "found 0, expected at least 1 second".to_owned());
            }
        }
        for feed in &self.feeds {
            let venue = Venue::find_in(self.catalog.as_deref(), &feed.venue)?;
            if !(1..=4).contains(&feed.copies) {
                return wrong("feed.copies", format!("found {}, expected 1 to 4", feed.copies));
            }
            let channels = feed.channels(&venue)?;
            for channel in &channels {
                if venue.needs_key(channel) {
                    can_log_in(&channel.name, &feed.venue)
                        .or_else(|problem| wrong("feed.channels", problem))?;
                }
            }
            if feed.symbols.is_empty() && channels.iter().any(|channel| channel.per_symbol) {
                let problem = format!("found none for {}, expected some instruments", feed.venue);
                return wrong("feed.symbols", problem);
            }
            feed.check_urls(&venue)?;
        }
        Ok(())
    }
}

/// Whether we can say who we are, or what is in the way.
fn can_log_in(channel: &str, venue: &str) -> std::result::Result<(), String> {
    let found = keys::of(venue).map_err(|error| error.to_string())?;
    let keys = found.ok_or_else(|| keys::wanted(channel, venue))?;
    let codec = rustonite_wire::open(venue);
    if codec.is_some_and(|codec| codec.login(&keys).is_some()) {
        return Ok(());
    }
    Err(format!("{channel} of {venue} is for accounts only, and a recorder cannot log in there"))
}

impl FeedConfig {
    /// The channels that this asks for.
    ///
    /// # Errors
    /// A dataset or a channel that the venue does not have.
    pub fn channels<'a>(&self, venue: &'a Venue) -> Result<Vec<&'a Channel>> {
        let mut chosen: Vec<&Channel> = Vec::new();
        for name in &self.channels {
            let Some(channel) = venue.channel(name) else {
                let known = venue.channels.iter().map(|channel| channel.name.as_str());
                let known = known.filter(|name| !name.is_empty());
                return Err(FeedError::unknown("channel", name, known));
            };
            chosen.push(channel);
        }
        let usual: Vec<_> = USUAL.iter().map(|name| (*name).to_owned()).collect();
        for dataset in self.datasets.as_ref().unwrap_or(&usual) {
            if chosen.iter().any(|channel| channel.dataset == *dataset) {
                continue;
            }
            match venue.channel_of(dataset) {
                Some(channel) => chosen.push(channel),
                // The usual datasets are taken as far as they exist.
                None if self.datasets.is_none() => {}
                None => {
                    let known = venue.channels.iter().map(|channel| channel.dataset.as_str());
                    return Err(FeedError::unknown("dataset", dataset, known));
                }
            }
        }
        Ok(chosen)
    }

    fn check_urls(&self, venue: &Venue) -> Result<()> {
        let sockets = || venue.sockets.iter().map(|socket| socket.name.as_str());
        for name in self.urls.keys() {
            if name != "rest" && venue.socket(name).is_none() {
                let known = sockets().chain(["rest"]);
                return Err(FeedError::unknown("endpoint", name, known));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
