//! What to record, and where to.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use rustonite_core::hint::hint;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use url::Url;

use crate::catalog::{Channel, Venue};
use crate::error::{FeedError, Result};
use crate::keys;

/// Datasets that are recorded if nothing else is said, as far as the venue has them.
const USUAL: &[&str] = &["trades", "quotes", "book_deltas", "instruments"];

/// Datasets of which an instrument has one channel.
const SINGLE: [&str; 3] = ["trades", "book_deltas", "book_orders"];

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
    /// Settings of the metrics endpoint.
    #[serde(default)]
    pub metrics: MetricsSettings,
}

/// Where a recorder tells its counters.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct MetricsSettings {
    /// `HOST:PORT`.
    pub listen: Option<String>,
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
    /// Whether venues may compress what they send: less to receive, more work to read it.
    #[serde(default)]
    pub compression: bool,
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
    /// Reads a configuration. `place` is the file's name; paths in it start from its folder.
    ///
    /// # Errors
    /// Text that is no TOML, keys that do not exist, values of the wrong kind, unknown venues,
    /// datasets or channels.
    pub fn parse(place: &str, text: &str) -> Result<Self> {
        let mut config: Self = read_toml(place, text)?;
        let places = Places { name: place, text };
        config.check_places(&places)?;
        config.start_from(Path::new(place).parent().unwrap_or(Path::new("")));
        config.check(&places)?;
        Ok(config)
    }

    /// An empty text would be the configuration's own folder, which nobody means.
    fn check_places(&self, places: &Places<'_>) -> Result<()> {
        let is_empty =
            |path: &Option<PathBuf>| path.as_ref().is_some_and(|one| one.as_os_str().is_empty());
        let all = [
            ("lake", self.lake.as_deref() == Some("")),
            ("tapes", is_empty(&self.tapes)),
            ("catalog", is_empty(&self.catalog)),
            ("ca_file", is_empty(&self.ca_file)),
        ];
        let Some((key, _)) = all.into_iter().find(|(_, is_empty)| *is_empty) else {
            return Ok(());
        };
        let place = places.of(&[Step::Key(key)]);
        let problem = "found \"\", expected a path, or no such line".to_owned();
        Err(FeedError::config(format!("{place}: {key}"), problem))
    }

    fn start_from(&mut self, folder: &Path) {
        let is_folder = |lake: &&mut String| !lake.contains("://");
        if let Some(lake) = self.lake.as_mut().filter(is_folder) {
            *lake = folder.join(&*lake).to_string_lossy().into_owned();
        }
        for path in [&mut self.tapes, &mut self.catalog, &mut self.ca_file].into_iter().flatten() {
            *path = folder.join(&*path);
        }
    }

    fn check(&self, places: &Places<'_>) -> Result<()> {
        let wrong = |key: &str, problem: String| {
            Err(FeedError::config(format!("{}: {key}", places.of(&[Step::Key(key)])), problem))
        };
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
        if let Some(problem) = self.proxy.as_ref().and_then(wrong_proxy) {
            return wrong("proxy", problem);
        }
        if let Some(listen) = self.metrics.listen.as_deref().filter(|text| !is_address(text)) {
            let place = places.of(&[Step::Key("metrics"), Step::Key("listen")]);
            let problem = format!("found {listen:?}, expected HOST:PORT such as 127.0.0.1:9108");
            return Err(FeedError::config(format!("{place}: metrics.listen"), problem));
        }
        let catalog = self.catalog.as_deref();
        self.feeds.iter().enumerate().try_for_each(|(at, feed)| feed.check(at, places, catalog))?;
        self.check_channels(places)
    }

    /// A book, or the ids of an instrument's trades, cannot be made of two channels.
    fn check_channels(&self, places: &Places<'_>) -> Result<()> {
        let mut known = BTreeMap::new();
        for (at, feed) in self.feeds.iter().enumerate() {
            let venue = Venue::find_in(self.catalog.as_deref(), &feed.venue)?;
            let single = |channel: &&&Channel| SINGLE.contains(&channel.dataset.as_str());
            let channels = feed.channels(&venue)?;
            for channel in channels.iter().filter(single).filter(|one| !one.name.is_empty()) {
                for symbol in &feed.symbols {
                    let (name, dataset) = (channel.name.clone(), channel.dataset.clone());
                    let key = (feed.venue.as_str(), symbol.as_str(), dataset);
                    let other = known.entry(key).or_insert_with(|| name.clone());
                    if *other != name {
                        let place = places.of(&[Step::Key("feed"), Step::Item(at)]);
                        let dataset = &channel.dataset;
                        let problem = format!(
                            "found {other} and {name} for {dataset} of {symbol}, expected one of them"
                        );
                        return Err(FeedError::config(format!("{place}: feed.channels"), problem));
                    }
                }
            }
        }
        Ok(())
    }
}

fn is_address(text: &str) -> bool {
    text.rsplit_once(':').is_some_and(|(_, port)| port.parse::<u16>().is_ok())
}

/// What of a proxy's address cannot be used. It may hold a password, so it is not shown.
fn wrong_proxy(url: &Url) -> Option<String> {
    const EXPECTED: &str = "expected http://host:port or socks5://host:port";
    let known = matches!(url.scheme(), "http" | "socks5" | "socks5h");
    if known && url.host_str().is_some_and(|host| !host.is_empty()) {
        return None;
    }
    let found = if known { "an address without a host" } else { "another kind of address" };
    Some(format!("found {found}, {EXPECTED}"))
}

/// Reads the TOML text of a file that is named `place`.
///
/// # Errors
/// Whatever does not belong there, with its line and the key that was meant.
pub fn read_toml<T: DeserializeOwned>(place: &str, text: &str) -> Result<T> {
    toml::from_str(text).map_err(|error| unreadable(place, text, &error))
}

/// What an unknown key or word of an error of the TOML reader may have meant: `; did you mean …?`,
/// or nothing.
#[must_use]
pub fn meant(shown: &str) -> String {
    let named = |before: &str| {
        let rest = &shown[shown.find(before)? + before.len()..];
        rest.split_once('`').map(|(name, _)| name)
    };
    let unknown = named("unknown field `").or_else(|| named("unknown variant `"));
    let known = shown.rsplit_once("expected").map_or("", |(_, names)| names);
    let hint = unknown.map(|name| hint(name, known.split('`').skip(1).step_by(2)));
    let hint = hint.filter(|hint| hint.starts_with("did"));
    hint.map_or_else(String::new, |hint| format!("; {hint}"))
}

/// An error of the TOML reader, with the names that an unknown key or word may have meant.
fn unreadable(place: &str, text: &str, error: &toml::de::Error) -> FeedError {
    let line = error.span().map(|span| line_at(text, span.start));
    let place = line.map_or_else(|| place.to_owned(), |line| format!("{place}:{line}"));
    let shown = error.message().trim_end();
    // The message shows the value, and a line of the file is shown for syntax; neither may have
    // what stands before the `@` of an address, nor a key that stands where only its file may.
    let source = line.and_then(|line| text.lines().nth(line - 1)).unwrap_or_default().trim();
    let mut problem = format!("{shown} in `{source}`{}", meant(shown));
    for value in keys_in(source) {
        problem = problem.replace(value, "…");
    }
    FeedError::config(place, without_secrets(&problem))
}

/// The values of a line of TOML that are not for other eyes, by their names.
fn keys_in(line: &str) -> impl Iterator<Item = &str> {
    line.match_indices('=').filter_map(|(at, _)| {
        let value = line[at + 1..].trim_start();
        let value = match value.chars().next()? {
            quote @ ('"' | '\'') => value[1..].split(quote).next(),
            _ => value.split([' ', ',', '}']).next(),
        };
        value.filter(|value| names_a_secret(&line[..at]) && !value.is_empty())
    })
}

/// Whether what has such a name is not for other eyes.
fn names_a_secret(name: &str) -> bool {
    let name = name.trim().to_ascii_lowercase();
    ["key", "pass", "passphrase", "password", "secret", "token"]
        .iter()
        .any(|word| name.ends_with(word))
}

/// A text without what stands before the `@` of addresses.
fn without_secrets(text: &str) -> String {
    let mut shown = String::new();
    let mut rest = text;
    while let Some(at) = rest.find('@') {
        // The last `@` of a word ends a password, which may have some itself.
        let end = rest[at..].find([' ', '"', '\'', '`', '\n']).map_or(rest.len(), |more| at + more);
        let at = rest[..end].rfind('@').unwrap_or(at);
        let from = rest[..at].rfind([' ', '"', '\'', '`', '\n']).map_or(0, |place| place + 1);
        let from = rest[from..at].find("//").map_or(from, |slashes| from + slashes + 2);
        shown.push_str(&rest[..from]);
        shown.push('…');
        shown.push_str(&rest[at..end]);
        rest = &rest[end..];
    }
    shown.push_str(rest);
    shown
}

fn line_at(text: &str, place: usize) -> usize {
    text.bytes().take(place).filter(|byte| *byte == b'\n').count() + 1
}

/// A step on the way to a value of the file.
#[derive(Clone, Copy)]
enum Step<'a> {
    Key(&'a str),
    Item(usize),
}

/// Where values stand in the text of a configuration.
struct Places<'a> {
    name: &'a str,
    text: &'a str,
}

impl Places<'_> {
    /// File and line of a value, or of the innermost thing around it that is there.
    fn of(&self, steps: &[Step<'_>]) -> String {
        let Ok(table) = toml::de::DeTable::parse(self.text) else { return self.name.to_owned() };
        let mut line = None;
        let mut value: Option<&toml::de::DeValue<'_>> = None;
        for step in steps {
            let next = match (step, value) {
                (Step::Key(key), None) => table.get_ref().get(*key),
                (Step::Key(key), Some(value)) => value.get(*key),
                (Step::Item(at), Some(value)) => value.get(*at),
                (Step::Item(_), None) => None,
            };
            let Some(next) = next else { break };
            line = Some(line_at(self.text, next.span().start));
            value = Some(next.get_ref());
        }
        line.map_or_else(|| self.name.to_owned(), |line| format!("{}:{line}", self.name))
    }
}

/// Whether we can say who we are, or what is in the way.
fn can_log_in(channel: &str, venue: &str) -> std::result::Result<(), String> {
    if !keys::are_used(venue) {
        let problem = "is for accounts only, and a recorder cannot log in there";
        return Err(format!("{channel} of {venue} {problem}"));
    }
    let found = keys::of(venue).map_err(|error| error.to_string())?;
    found.map(drop).ok_or_else(|| keys::wanted(channel, venue))
}

impl FeedConfig {
    fn check(&self, at: usize, places: &Places<'_>, catalog: Option<&Path>) -> Result<()> {
        let steps = [Step::Key("feed"), Step::Item(at)];
        let place =
            |key: &str| format!("{}: feed.{key}", places.of(&[steps[0], steps[1], Step::Key(key)]));
        let wrong = |key: &str, problem: String| Err(FeedError::config(place(key), problem));
        let venue = Venue::find_in(catalog, &self.venue);
        let venue = venue.map_err(|error| error.at(&place("venue")))?;
        if !(1..=4).contains(&self.copies) {
            return wrong("copies", format!("found {}, expected 1 to 4", self.copies));
        }
        if let Some(problem) = self.proxy.as_ref().and_then(wrong_proxy) {
            return wrong("proxy", problem);
        }
        let channels = self.channels(&venue).map_err(|error| {
            let what = matches!(&error, FeedError::Unknown { what: "channel", .. });
            error.at(&place(if what { "channels" } else { "datasets" }))
        })?;
        for channel in &channels {
            if venue.needs_key(channel) {
                can_log_in(&channel.name, &self.venue)
                    .or_else(|problem| wrong("channels", problem))?;
            }
        }
        if self.symbols.is_empty() && channels.iter().any(|channel| channel.per_symbol) {
            let problem = format!("found none for {}, expected some instruments", self.venue);
            return wrong("symbols", problem);
        }
        if self.symbols.iter().any(|symbol| symbol.trim().is_empty()) {
            return wrong("symbols", "found an empty text, expected an instrument".to_owned());
        }
        self.check_urls(&venue).map_err(|error| error.at(&place("urls")))
    }

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
