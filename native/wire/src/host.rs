//! The other end of a dialect: what a venue reads and writes. By this a replay server speaks to
//! clients as the venue does. One `host.rs` per venue.

use rustonite_core::Decimal;
use rustonite_core::datasets::Aggressor;

use crate::binance;
use crate::codec::{Feed, Topic};
use crate::event::{BookUpdate, Level};

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
    /// The venue's name, as in the column `venue`.
    fn venue(&self) -> &'static str;

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

    /// A recorded or rendered message as it goes over this connection to who subscribed to `topic`.
    fn wrap(&mut self, _topic: &Topic, message: &[u8]) -> Vec<u8> {
        message.to_vec()
    }

    /// A change of a book, or a picture of it where pictures come by the stream. `None` for a topic
    /// that has none.
    fn book(&self, topic: &Topic, update: &BookUpdate<'_>) -> Option<String>;

    /// A message with trades.
    fn trades(&self, trades: &[Trade<'_>], history: bool) -> Option<String>;

    /// A message with a best bid and ask.
    fn quote(&self, quote: &Quote<'_>) -> Option<String>;

    /// Whether the newest trades are repeated after a subscription.
    fn repeats_trades(&self) -> bool {
        false
    }

    /// What a path of the REST interface asks for, and how many levels.
    fn call(&self, path: &str, body: &[u8]) -> Option<(Feed, usize)>;

    /// The answer of REST with a picture of a book.
    fn picture(&self, update: &BookUpdate<'_>) -> String;

    /// The answer of REST with all instruments.
    fn instruments(&self, symbols: &[&str]) -> String;

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
        _ => return None,
    })
}
