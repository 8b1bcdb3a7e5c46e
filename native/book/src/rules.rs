//! How each venue keeps the books of its subscribers in step. `docs/internals/books.md` explains.

use crate::Checksum;

#[cfg(test)]
mod tests;

/// By what a loss is noticed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scheme {
    /// The number of each message is one more than the one before.
    Counter,
    /// Each message names the number of the one before. Numbers jump.
    Chain,
    /// Each message has a span of numbers, which begins after the end of the one before.
    Range,
    /// Only by a checksum.
    Checksum,
    /// Not at all; or, if the connection counts its messages, by whoever reads the connection.
    None,
}

impl Scheme {
    /// Its name in `catalog/venues`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Chain => "chain",
            Self::Range => "range",
            Self::Checksum => "checksum",
            Self::None => "none",
        }
    }
}

/// Where a whole picture of a book comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Anchor {
    /// The stream begins with one after each subscription.
    Subscription,
    /// It is asked for by REST while changes are kept.
    Rest,
    /// Every message is one.
    Message,
}

impl Anchor {
    /// Its name in `catalog/venues`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Subscription => "subscription",
            Self::Rest => "rest",
            Self::Message => "message",
        }
    }
}

/// What a change means that concerns a level or an order that the book does not hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unknown {
    /// Nothing: the venue sends such changes.
    Normal,
    /// Something was lost.
    Error,
}

/// What must be done again to get a picture after a loss.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// The subscription, or the REST call, of the instrument.
    Instrument,
    /// The connection.
    Connection,
}

/// How the numbers of a venue may begin again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Restart {
    /// They may not.
    Never,
    /// A message that follows on the last one may have a lower number (OKX).
    Lower,
    /// The number 1 stands for a new book, with or without a mark of a picture (Bybit).
    One,
}

/// How the book of a channel is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rules {
    /// By what a loss is noticed.
    pub scheme: Scheme,
    /// Where pictures come from.
    pub anchor: Anchor,
    /// Whose checksums there are, where there are any.
    pub checksum: Option<Checksum>,
    /// Whether checksums are of the best levels only, and levels beyond are subscribed.
    pub sums_top: bool,
    /// Whether we must cut the book to the depth that was subscribed.
    pub cuts: bool,
    /// What it means to remove a level, or to change an order, that the book does not hold.
    pub unknown: Unknown,
    /// What a loss costs.
    pub scope: Scope,
    /// How numbers may begin again.
    pub restart: Restart,
    /// Whether the connection counts its messages, which whoever reads it must check.
    pub counted_by_connection: bool,
}

impl Rules {
    /// A channel that has pictures after subscribing and no means to check changes.
    pub const UNCHECKED: Self = Self {
        scheme: Scheme::None,
        anchor: Anchor::Subscription,
        checksum: None,
        sums_top: false,
        cuts: false,
        unknown: Unknown::Normal,
        scope: Scope::Instrument,
        restart: Restart::Never,
        counted_by_connection: false,
    };

    /// A channel whose messages are all whole pictures.
    pub const PICTURES: Self = Self { anchor: Anchor::Message, ..Self::UNCHECKED };

    const COUNTER: Self = Self { scheme: Scheme::Counter, ..Self::UNCHECKED };
    const CHAIN: Self = Self { scheme: Scheme::Chain, unknown: Unknown::Error, ..Self::UNCHECKED };
    const BINANCE: Self = Self { scheme: Scheme::Range, anchor: Anchor::Rest, ..Self::UNCHECKED };
    const KRAKEN: Self = Self {
        scheme: Scheme::Checksum,
        checksum: Some(Checksum::Kraken),
        cuts: true,
        ..Self::UNCHECKED
    };
    const BITFINEX: Self = Self {
        scheme: Scheme::Checksum,
        checksum: Some(Checksum::Bitfinex),
        counted_by_connection: true,
        ..Self::UNCHECKED
    };

    /// The word of `catalog/venues` for how a loss is noticed. Numbers that count all messages of a
    /// connection are a counter, too, although not of the book's messages.
    pub fn integrity(self) -> &'static str {
        match self.scheme {
            Scheme::None if self.counted_by_connection => Scheme::Counter.name(),
            scheme => scheme.name(),
        }
    }

    /// Whether a span without a break can be called clean, and not merely unverifiable. A checksum
    /// that the venue never sends proves nothing: see `Keeper::verified`. One of the best levels does
    /// not prove the others.
    pub fn is_verifiable(self) -> bool {
        let by_itself = match self.scheme {
            Scheme::None => self.anchor == Anchor::Message,
            Scheme::Checksum => !self.sums_top,
            Scheme::Counter | Scheme::Chain | Scheme::Range => true,
        };
        by_itself || self.counted_by_connection
    }
}

/// The rules of a channel by the venue's name of it; `None` for one without a book that is kept.
pub fn rules(venue: &str, channel: &str) -> Option<Rules> {
    let is = |name: &str| channel == name;
    let named = |name: &str| channel.split(['@', '.', '-', ':', '_']).next() == Some(name);
    Some(match venue {
        "binance" if named("depth") => Rules::BINANCE,
        "binance-usdm" | "binance-coinm" if named("depth") || named("rpiDepth") => {
            Rules { scheme: Scheme::Chain, ..Rules::BINANCE }
        }
        "bitfinex" if named("book") => Rules::BITFINEX,
        "bitmex" if is("orderBook10") => Rules::PICTURES,
        "bitmex" if channel.starts_with("orderBookL2") => {
            Rules { unknown: Unknown::Error, ..Rules::UNCHECKED }
        }
        _ if venue == "bybit" || venue.starts_with("bybit-") => bybit(channel)?,
        "coinbase" if is("full") || is("level3") => {
            Rules { anchor: Anchor::Rest, ..Rules::COUNTER }
        }
        "coinbase" if channel.starts_with("level2") => Rules::UNCHECKED,
        "coinbase-advanced" if is("level2") || is("l2_data") => {
            Rules { scope: Scope::Connection, counted_by_connection: true, ..Rules::UNCHECKED }
        }
        "deribit" if named("book") => deribit(channel),
        "hyperliquid" if named("l2Book") => Rules::PICTURES,
        "kraken" if named("book") || named("level3") => {
            let depth = channel.split_once('-').and_then(|(_, depth)| depth.parse().ok());
            Rules { sums_top: depth.unwrap_or(10) > 10, ..Rules::KRAKEN }
        }
        "kraken-futures" if named("book") => Rules { unknown: Unknown::Error, ..Rules::COUNTER },
        "okx" if is("books5") => Rules::PICTURES,
        "okx" if channel.starts_with("books") => {
            // It removes levels that were never announced: 938 of 3,146 removals in a recording whose
            // checksums all agree.
            let unknown = Unknown::Normal;
            let checksum = Some(Checksum::Okx);
            Rules { checksum, unknown, restart: Restart::Lower, ..Rules::CHAIN }
        }
        "alpaca-crypto" if is("orderbooks") => Rules::UNCHECKED,
        _ => return None,
    })
}

/// `orderbook.50`: depth 1 is sent whole each time, `full` has its picture at the REST interface.
fn bybit(channel: &str) -> Option<Rules> {
    let depth = channel.strip_prefix("orderbook.")?;
    let counter = Rules { restart: Restart::One, ..Rules::COUNTER };
    Some(match depth.split('.').next() {
        Some("1") => Rules::PICTURES,
        Some("full") => Rules { anchor: Anchor::Rest, ..counter },
        _ => counter,
    })
}

/// `book.raw` or `book.BTC-PERPETUAL.raw` has changes; `book.none.10.100ms` is whole each time.
fn deribit(channel: &str) -> Rules {
    let has_depth = channel.split('.').any(|part| matches!(part, "1" | "10" | "20"));
    if has_depth { Rules::PICTURES } else { Rules::CHAIN }
}
