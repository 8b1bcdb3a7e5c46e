//! The other end of a dialect: what a venue reads and writes. By this a replay server speaks to
//! clients as the venue does. One `host.rs` per venue.

use rustonite_core::Decimal;
use rustonite_core::calendar::civil;
use rustonite_core::datasets::{Aggressor, BookSide};

use crate::codec::{Feed, Topic};
use crate::event::{BookUpdate, Level};
use crate::json::{Json, Kind};
use crate::{
    binance, bitfinex, bitmex, bybit, coinbase, coinbase_advanced, deribit, hyperliquid, kraken,
    kraken_futures, okx,
};

/// What a client wants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wish {
    /// Data of topics.
    Subscribe(Ask),
    /// No more data of topics.
    Unsubscribe(Ask),
    /// A sign of life.
    Ping(Ask),
    /// Nothing that has an effect here.
    Other,
}

impl Wish {
    /// A request by the verb that most venues have for it.
    pub(crate) fn named(verb: &str, ask: Ask) -> Self {
        match verb {
            "subscribe" => Self::Subscribe(ask),
            "unsubscribe" => Self::Unsubscribe(ask),
            "ping" => Self::Ping(ask),
            _ => Self::Other,
        }
    }
}

/// The client's request.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ask {
    /// Its number as the client wrote it, in JSON.
    pub id: Option<String>,
    /// Topics in the venue's words, symbols in the spelling of its data.
    pub topics: Vec<Topic>,
}

/// A trade to be written.
#[derive(Clone, Copy, Debug)]
pub struct Trade<'a> {
    /// The instrument.
    pub symbol: &'a str,
    /// Its number.
    pub id: i64,
    /// The venue's time.
    pub ts_event: i64,
    /// Price.
    pub price: Decimal,
    /// Quantity.
    pub size: Decimal,
    /// The taker's side.
    pub side: Aggressor,
}

/// A best bid and ask to be written.
#[derive(Clone, Copy, Debug)]
pub struct Quote<'a> {
    /// The instrument.
    pub symbol: &'a str,
    /// Its number.
    pub seq: i64,
    /// The venue's time.
    pub ts_event: i64,
    /// The best bid.
    pub bid: Level,
    /// The best ask.
    pub ask: Level,
}

/// The venue's side of one connection.
pub trait Host: Send {
    /// A client connects with this path and query. Returns the topics that they ask for.
    fn open(&mut self, _path: &str) -> Vec<Topic> {
        Vec::new()
    }

    /// What is said first.
    fn greeting(&mut self) -> Vec<String> {
        Vec::new()
    }

    /// What a message of the client asks for.
    fn read(&mut self, message: &[u8]) -> Wish;

    /// The answer to a wish that is granted for these topics, and refused for those of `refused`.
    fn answer(&mut self, wish: &Wish, refused: &[Topic]) -> Vec<String>;

    /// Whether a topic gets data on this connection. Some venues acknowledge what they never send.
    fn delivers(&self, _topic: &Topic) -> bool {
        true
    }

    /// Whether one refused topic makes the whole request fail.
    fn refuses_whole(&self) -> bool {
        false
    }

    /// The text that shows that the connection lives; `None` where it is a frame of the protocol.
    fn heartbeat(&mut self) -> Option<String> {
        None
    }

    /// How the venue says that it is about to close.
    fn farewell(&mut self) -> Option<String> {
        None
    }

    /// The topic that a recorded or rendered message belongs to.
    fn topic_of(&self, message: &[u8]) -> Option<Topic>;

    /// Whether who subscribed to `wanted` gets messages of `sent`.
    fn carries(&self, wanted: &Topic, sent: &Topic) -> bool {
        wanted == sent
    }

    /// A recorded or rendered message as it goes over this connection to who subscribed to `topic`;
    /// empty if this connection does not get such messages.
    fn wrap(&mut self, _topic: &Topic, message: &[u8]) -> Vec<u8> {
        message.to_vec()
    }

    /// A change of a book, or a picture of it where pictures come by the stream. `None` for a topic
    /// that has none.
    fn book(&self, topic: &Topic, update: &BookUpdate<'_>) -> Option<String>;

    /// The answer to a call for the venue's time, in nanoseconds since 1970.
    fn clock(&self, _now: i64) -> Option<String> {
        None
    }

    /// The checksum of a book after an update, where it has a message of its own.
    fn checksum(&self, _topic: &Topic, _update: &BookUpdate<'_>) -> Option<String> {
        None
    }

    /// A trade once more, where the venue says each one twice.
    fn trade_again(&self, _trade: &Trade<'_>) -> Option<String> {
        None
    }

    /// A message with trades.
    fn trades(&self, trades: &[Trade<'_>], history: bool) -> Option<String>;

    /// A message with a best bid and ask.
    fn quote(&self, quote: &Quote<'_>) -> Option<String>;

    /// Whether the newest trades are repeated after a subscription.
    fn repeats_trades(&self) -> bool {
        false
    }

    /// Most levels that one change of a book may have.
    fn levels_max(&self) -> usize {
        usize::MAX
    }

    /// What a path of the REST interface asks for, and how many levels.
    fn call(&self, _path: &str, _body: &[u8]) -> Option<(Feed, usize)> {
        None
    }

    /// The answer of REST with a picture of a book.
    fn picture(&self, _update: &BookUpdate<'_>) -> String {
        String::new()
    }

    /// The answer of REST with all instruments.
    fn instruments(&self, _symbols: &[&str]) -> Option<String> {
        None
    }

    /// Status and body of an answer for an instrument that does not exist.
    fn unknown_symbol(&self) -> (u16, &'static str) {
        (400, "{}")
    }
}

/// The host of a venue, or `None` where there is none.
pub fn host(venue: &str) -> Option<Box<dyn Host>> {
    Some(match venue {
        "binance" => Box::new(binance::BinanceHost::new(binance::Market::Spot)),
        "binance-coinm" => Box::new(binance::BinanceHost::new(binance::Market::CoinM)),
        "binance-usdm" => Box::new(binance::BinanceHost::new(binance::Market::UsdM)),
        "bitfinex" => Box::new(bitfinex::BitfinexHost::default()),
        "bybit-inverse" | "bybit-linear" | "bybit-spot" => Box::new(bybit::BybitHost),
        "bitmex" => Box::new(bitmex::BitMexHost::default()),
        "coinbase" => Box::new(coinbase::CoinbaseHost::default()),
        "coinbase-advanced" => Box::new(coinbase_advanced::CoinbaseAdvancedHost::default()),
        "deribit" => Box::new(deribit::DeribitHost),
        "hyperliquid" => Box::new(hyperliquid::HyperliquidHost),
        "kraken" => Box::new(kraken::KrakenHost),
        "kraken-futures" => Box::new(kraken_futures::KrakenFuturesHost),
        "okx" => Box::new(okx::OkxHost),
        _ => return None,
    })
}

/// Levels of one side, each written by a rule, separated by commas.
pub(crate) fn written(
    levels: &[Level],
    side: BookSide,
    most: usize,
    write: impl Fn(&Level) -> String,
) -> String {
    let of_side = levels.iter().filter(|level| level.side == side).take(most);
    of_side.map(write).collect::<Vec<_>>().join(",")
}

/// The word for the taker's side.
pub(crate) fn side_word(side: Aggressor, buy: &'static str, sell: &'static str) -> &'static str {
    if side == Aggressor::Sell { sell } else { buy }
}

/// A text or a number as it stands in JSON.
pub(crate) fn as_it_stands(json: &mut Json<'_>) -> Option<String> {
    match json.kind().ok()? {
        Kind::Number => std::str::from_utf8(json.number().ok()?).ok().map(str::to_owned),
        Kind::Text => Some(format!("{:?}", json.text().ok()?)),
        _ => json.skip().ok().map(|()| "null".to_owned()),
    }
}

/// Texts of an array.
pub(crate) fn texts(json: &mut Json<'_>) -> Option<Vec<String>> {
    let mut found = Vec::new();
    json.array().ok()?;
    while json.item().ok()? {
        found.push(json.text().ok()?.to_owned());
    }
    Some(found)
}

/// A topic of a channel for each instrument, or one for all where none is named.
pub(crate) fn topics(channel: &str, symbols: Vec<String>) -> Vec<Topic> {
    let topic = |symbol| Topic { channel: channel.to_owned(), symbol };
    if symbols.is_empty() {
        return vec![topic(None)];
    }
    symbols.into_iter().map(|symbol| topic(Some(symbol))).collect()
}

/// A text at a key of an object.
pub(crate) fn text_at<'a>(json: &Json<'a>, key: &[u8]) -> Option<&'a str> {
    json.lookup(key).ok()??.text().ok()
}

/// A time as RFC 3339 has it, in microseconds.
pub(crate) fn written_time(nanos: i64) -> String {
    let (days, rest) = (nanos.div_euclid(DAY_NS), nanos.rem_euclid(DAY_NS));
    let (year, month, day) = civil(days);
    let micros = rest / 1_000;
    let (seconds, micros) = (micros / 1_000_000, micros % 1_000_000);
    let (hour, minute, second) = (seconds / 3_600, seconds / 60 % 60, seconds % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{micros:06}Z")
}

const DAY_NS: i64 = 86_400_000_000_000;

#[cfg(test)]
mod tests {
    use super::written_time;

    #[test]
    fn times_are_those_of_the_calendar() {
        assert_eq!(written_time(0), "1970-01-01T00:00:00.000000Z");
        assert_eq!(written_time(951_782_400_000_001_000), "2000-02-29T00:00:00.000001Z");
        assert_eq!(written_time(1_741_115_643_800_000_000), "2025-03-04T19:14:03.800000Z");
    }
}
