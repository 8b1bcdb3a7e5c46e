//! What streams tell, and how markets differ in it.

use rustonite_sim::InstrumentId;
use rustonite_wire::binance::Market;
use serde_json::Value;

use crate::candles::Interval;
use crate::floor::Floor;
use crate::market::{Aggregate, Pace};

/// Beats of a tenth of a second in a second.
const SECOND: u64 = 10;

/// What a stream tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Channel {
    Trade,
    AggTrade,
    BookTicker,
    Depth(Pace),
    Best { levels: usize, pace: Pace },
    Kline(Interval),
    MiniTicker,
    Ticker,
    AvgPrice,
    MarkPrice { slow: bool },
    ForceOrder,
    ContractInfo,
}

impl Channel {
    /// A channel that all markets have. Books come at one of these paces; that of the empty name is
    /// the usual one.
    pub(crate) fn named(name: &str, paces: &[(&str, Pace)]) -> Option<Self> {
        let (base, pace) = name.split_once('@').unwrap_or((name, ""));
        if let Some(interval) = base.strip_prefix("kline_") {
            return pace.is_empty().then(|| Interval::named(interval).map(Self::Kline))?;
        }
        if let Some(levels) = base.strip_prefix("depth") {
            let (_, pace) = paces.iter().find(|(known, _)| *known == pace)?;
            return match levels {
                "" => Some(Self::Depth(*pace)),
                "5" | "10" | "20" => Some(Self::Best { levels: levels.parse().ok()?, pace: *pace }),
                _ => None,
            };
        }
        pace.is_empty().then_some(match base {
            "trade" => Self::Trade,
            "aggTrade" => Self::AggTrade,
            "bookTicker" => Self::BookTicker,
            "miniTicker" => Self::MiniTicker,
            "ticker" => Self::Ticker,
            _ => return None,
        })
    }

    /// Whether it is told with the beats, at this one.
    pub(crate) fn is_due(self, beats: u64) -> bool {
        let second = Pace::Second.is_due(beats);
        match self {
            Self::Trade
            | Self::AggTrade
            | Self::BookTicker
            | Self::ForceOrder
            | Self::ContractInfo => false,
            Self::Depth(pace) | Self::Best { pace, .. } => pace.is_due(beats),
            Self::Kline(interval) if interval.name() != "1s" => beats.is_multiple_of(2 * SECOND),
            Self::MarkPrice { slow: true } => beats.is_multiple_of(3 * SECOND),
            _ => second,
        }
    }
}

/// What a market says in its streams, where others say something else.
pub(crate) trait Voice: Send {
    fn market(&self) -> Market;

    /// The channel of a name behind the symbol.
    fn channel(&self, name: &str) -> Option<Channel>;

    /// The channel of a stream of all instruments.
    fn of_all(&self, name: &str) -> Option<Channel>;

    /// Whether a connection to a path hears of the market at all.
    fn hears(&self, _path: &str) -> bool {
        true
    }

    /// What clients take for the number of a change of a book.
    fn number(&self, update: i64) -> i64 {
        update
    }

    /// What they take for the number of the first change behind another one.
    fn number_behind(&self, update: i64) -> i64 {
        update + 1
    }

    fn agg_trade(&self, floor: &Floor, id: InstrumentId, one: &Aggregate) -> String;

    fn best_levels(&self, floor: &mut Floor, id: InstrumentId, levels: usize) -> String;

    /// What is told from time to time; nothing before there is something to tell.
    fn periodic(&self, floor: &mut Floor, id: InstrumentId, channel: Channel) -> Option<Value>;
}
