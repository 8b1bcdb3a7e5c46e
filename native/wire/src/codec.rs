//! What a codec is, and which there are.

use crate::error::Result;
use crate::event::Sink;
use crate::{
    alpaca, binance, bitfinex, bitmex, bybit, coinbase, coinbase_advanced, deribit, hyperliquid,
    kraken, kraken_futures, okx, qq, sina,
};

/// A message as it was received.
#[derive(Clone, Copy, Debug)]
pub struct Frame<'a> {
    /// When it reached us. Also says by the rules of which day it is read.
    pub ts_recv: i64,
    /// Its bytes, after decompression.
    pub data: &'a [u8],
}

/// A channel of a venue for one instrument or for all.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Topic {
    /// The venue's name of the channel with its parameters, as in `catalog/venues`.
    pub channel: String,
    /// The instrument in the venue's spelling; `None` for channels without one.
    pub symbol: Option<String>,
}

impl Topic {
    /// Channel and instrument with something between them, as several venues name topics.
    pub(crate) fn joined(&self, separator: char) -> String {
        match &self.symbol {
            Some(symbol) => format!("{}{separator}{symbol}", self.channel),
            None => self.channel.clone(),
        }
    }
}

/// A call of the venue's REST interface whose answer a codec reads.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Request {
    /// Path and query, from the root of the host.
    pub path: String,
    /// Body of a POST; a GET if `None`.
    pub body: Option<String>,
    /// Headers besides the usual ones.
    pub headers: Vec<(&'static str, String)>,
}

impl Request {
    /// Path and body as they are kept in `frames`; headers may hold secrets, and are not.
    pub fn sent(&self) -> String {
        match &self.body {
            Some(body) => format!("{}\n{body}", self.path),
            None => self.path.clone(),
        }
    }
}

/// What can be asked of a venue by REST, for market data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Feed {
    /// The book of an instrument, as deep as it goes.
    Book(String),
    /// The book of an instrument, order by order.
    Orders(String),
    /// All instruments.
    Instruments,
    /// Figures that no stream has, of an instrument or of all.
    Tickers(Option<String>),
    /// The venue's time.
    Time,
}

/// Who we are to a venue. Its debug text has no secret.
#[derive(Clone, PartialEq, Eq)]
pub struct Keys {
    /// The public part.
    pub key: String,
    /// The secret part.
    pub secret: String,
}

impl std::fmt::Debug for Keys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Keys { .. }")
    }
}

/// The dialect of a venue on one connection. State is what the protocol has: numbers of channels,
/// prices of order ids.
pub trait Codec: Send {
    /// The venue's name, as in the column `venue`.
    fn venue(&self) -> &'static str;

    /// Reads a message of the stream.
    ///
    /// # Errors
    /// It is not what the venue sends. The codec goes on with the next message.
    fn decode(&mut self, frame: Frame<'_>, sink: &mut dyn Sink) -> Result<()>;

    /// Reads the body of a REST answer.
    ///
    /// # Errors
    /// It is not what the venue sends.
    fn decode_answer(&mut self, feed: &Feed, frame: Frame<'_>, sink: &mut dyn Sink) -> Result<()>;

    /// The REST call for something; `None` if the venue has none.
    fn request(&self, feed: &Feed) -> Option<Request>;

    /// All REST calls that something takes, where a venue answers by parts. An answer may ask for
    /// more with [`Control::More`](crate::Control::More).
    fn requests(&self, feed: &Feed) -> Vec<Request> {
        self.request(feed).into_iter().collect()
    }

    /// The messages that ask for topics. `id` numbers the request; a codec that needs several
    /// messages counts on from it.
    fn subscribe(&self, topics: &[Topic], id: i64) -> Vec<String>;

    /// The messages that end subscriptions.
    fn unsubscribe(&self, topics: &[Topic], id: i64) -> Vec<String>;

    /// The text that keeps a connection alive, where the venue wants one.
    fn ping(&self, _id: i64) -> Option<String> {
        None
    }

    /// Messages to send once a connection is open, before any subscription.
    fn greeting(&self) -> Vec<String> {
        Vec::new()
    }

    /// The message that says who we are, where market data is only for those who have keys; `None`
    /// if the venue has no such message.
    fn login(&self, _keys: &Keys) -> Option<String> {
        None
    }

    /// Headers that say the same to its REST interface.
    fn key_headers(&self, _keys: &Keys) -> Vec<(&'static str, String)> {
        Vec::new()
    }

    /// Whether one topic that the venue does not like spoils the whole request that has it.
    fn refuses_whole(&self) -> bool {
        false
    }

    /// Whether an answer lists the topics that are granted, and refuses others by silence.
    fn lists_granted(&self) -> bool {
        false
    }

    /// Forgets what belongs to a connection that has ended.
    fn reset(&mut self) {}
}

/// Names of all venues.
pub const VENUES: &[&str] = &[
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

/// A codec for a venue, or `None` for a name that is not in [`VENUES`].
pub fn open(venue: &str) -> Option<Box<dyn Codec>> {
    Some(match venue {
        "alpaca-crypto" => Box::new(alpaca::Alpaca::new(alpaca::Market::Crypto)),
        "alpaca-stocks" => Box::new(alpaca::Alpaca::new(alpaca::Market::Stocks)),
        "binance" => Box::new(binance::Binance::new(binance::Market::Spot)),
        "binance-coinm" => Box::new(binance::Binance::new(binance::Market::CoinM)),
        "binance-usdm" => Box::new(binance::Binance::new(binance::Market::UsdM)),
        "bitfinex" => Box::new(bitfinex::Bitfinex::default()),
        "bitmex" => Box::new(bitmex::BitMex::default()),
        "bybit-inverse" => Box::new(bybit::Bybit::new(bybit::Category::Inverse)),
        "bybit-linear" => Box::new(bybit::Bybit::new(bybit::Category::Linear)),
        "bybit-option" => Box::new(bybit::Bybit::new(bybit::Category::Option)),
        "bybit-spot" => Box::new(bybit::Bybit::new(bybit::Category::Spot)),
        "coinbase" => Box::new(coinbase::Coinbase::default()),
        "coinbase-advanced" => Box::new(coinbase_advanced::CoinbaseAdvanced::default()),
        "deribit" => Box::new(deribit::Deribit::default()),
        "hyperliquid" => Box::new(hyperliquid::Hyperliquid::default()),
        "kraken" => Box::new(kraken::Kraken::default()),
        "kraken-futures" => Box::new(kraken_futures::KrakenFutures::default()),
        "okx" => Box::new(okx::Okx::default()),
        "qq" => Box::new(qq::Qq::default()),
        "sina" => Box::new(sina::Sina::default()),
        _ => return None,
    })
}
