//! Names of channels: parts with points between them, the instrument somewhere among them.

use crate::codec::Topic;

/// What a channel tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Channel<'a> {
    Book,
    /// The best levels, whole in each message.
    Top,
    Trades,
    Quote,
    Chart {
        symbol: &'a str,
        resolution: &'a str,
    },
    Ticker,
    Perpetual {
        symbol: &'a str,
    },
    Index,
    Volatility,
    Expiration {
        index: &'a str,
    },
    OptionMarks,
    State,
    Platform,
    /// Of an account.
    Private,
    Unknown,
}

impl<'a> Channel<'a> {
    pub(super) fn of(name: &'a str) -> Self {
        let mut parts = name.split('.');
        let first = parts.next().unwrap_or_default();
        let second = parts.next().unwrap_or_default();
        let rest = parts.clone().count();
        match (first, second) {
            ("book", _) if rest > 1 => Self::Top,
            ("book", _) => Self::Book,
            ("trades", _) => Self::Trades,
            ("ticker" | "incremental_ticker", _) => Self::Ticker,
            ("quote", _) => Self::Quote,
            ("perpetual", symbol) => Self::Perpetual { symbol },
            ("chart", "trades") => Self::Chart {
                symbol: parts.next().unwrap_or_default(),
                resolution: parts.next().unwrap_or_default(),
            },
            ("deribit_price_index", _) => Self::Index,
            ("deribit_volatility_index", _) => Self::Volatility,
            ("estimated_expiration_price", index) => Self::Expiration { index },
            ("markprice", "options") => Self::OptionMarks,
            ("instrument", "state") => Self::State,
            ("platform_state", _) => Self::Platform,
            ("user", _) => Self::Private,
            _ => Self::Unknown,
        }
    }
}

/// How many parts stand in front of the instrument; `None` for channels without one.
fn parts_before_symbol(name: &str) -> Option<usize> {
    let mut parts = name.split('.');
    match (parts.next()?, parts.next()) {
        ("chart", Some("trades")) | ("markprice", Some("options")) => Some(2),
        ("instrument" | "platform_state" | "user", _) => None,
        _ => Some(1),
    }
}

/// The venue's name of a topic: its instrument stands behind the first part or parts.
pub(super) fn name(topic: &Topic) -> String {
    let Some(symbol) = &topic.symbol else { return topic.channel.clone() };
    let mut parts: Vec<_> = topic.channel.split('.').collect();
    let place = parts_before_symbol(&topic.channel).unwrap_or(1).min(parts.len());
    parts.insert(place, symbol);
    parts.join(".")
}

/// The topic of a name, the reverse of [`name`].
pub(super) fn topic(name: &str) -> Topic {
    let mut parts: Vec<_> = name.split('.').collect();
    // Trades of a whole kind and currency have a part more.
    let of_kind = parts.first() == Some(&"trades") && parts.len() == 4;
    let place = parts_before_symbol(name).filter(|place| *place < parts.len() && !of_kind);
    let symbol = place.map(|place| parts.remove(place).to_owned());
    Topic { channel: parts.join("."), symbol }
}

/// Whether sizes of an instrument count the quote currency, as those of inverse futures do. Options
/// and linear contracts count the base. Messages do not say, but names do.
pub(super) fn counts_quote(symbol: &str) -> bool {
    let Some((asset, rest)) = symbol.split_once('-') else { return false };
    !asset.contains('_') && (rest.starts_with("FS-") || !rest.contains('-'))
}
