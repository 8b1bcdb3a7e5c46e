//! Small valid messages of every venue, for the tests that treat all venues alike. A new venue needs
//! an entry in `ALL`.
#![allow(dead_code, unreachable_pub, reason = "each test file uses some of it")]

mod alpaca;
mod binance;
mod bitfinex;
mod bitmex;
mod bybit;
mod coinbase;
mod deribit;
mod hyperliquid;
mod kraken;
mod okx;
mod polled;

use rustonite_wire::{Codec, Feed, Frame, Malformed, Sink, open};

/// When all messages were received.
pub const RECEIVED: i64 = 1_800_000_000_000_000_000;

/// Messages of one venue.
pub struct Venue {
    pub name: &'static str,
    /// Whether a message may change how later ones are read: then a codec is reset, and `before` is
    /// read again, before its results are compared.
    pub keeps_state: bool,
    /// What a connection begins with, as far as the other messages need it.
    pub before: &'static [&'static str],
    pub messages: &'static [Message],
}

/// A message. `{n}` in it stands for a number of two digits, where a venue must be seen to go on.
#[derive(Clone, Copy)]
pub enum Message {
    /// A trade, a quote or a change of a book: one of those that come by the million.
    Hot(&'static str),
    /// Any other message of the stream.
    Stream(&'static str),
    /// An answer of REST.
    Answer(Ask, &'static str),
}

/// What was asked, for the instrument `X`.
#[derive(Clone, Copy, Debug)]
pub enum Ask {
    Book,
    Orders,
    Instruments,
    Tickers,
    Time,
}

impl Ask {
    pub const ALL: [Self; 5] =
        [Self::Book, Self::Orders, Self::Instruments, Self::Tickers, Self::Time];

    pub fn feed(self) -> Feed {
        let symbol = || "X".to_owned();
        match self {
            Self::Book => Feed::Book(symbol()),
            Self::Orders => Feed::Orders(symbol()),
            Self::Instruments => Feed::Instruments,
            Self::Tickers => Feed::Tickers(Some(symbol())),
            Self::Time => Feed::Time,
        }
    }
}

impl Message {
    /// Its text with a number in it.
    pub fn text(self, number: usize) -> String {
        let (Self::Hot(text) | Self::Stream(text) | Self::Answer(_, text)) = self;
        text.replace("{n}", &format!("{number:02}"))
    }

    /// Has a codec read it.
    pub fn read(
        self,
        codec: &mut dyn Codec,
        number: usize,
        sink: &mut dyn Sink,
    ) -> Result<(), Malformed> {
        self.read_as(self.text(number).as_bytes(), codec, sink)
    }

    /// Has a codec read something else in its place.
    pub fn read_as(
        self,
        data: &[u8],
        codec: &mut dyn Codec,
        sink: &mut dyn Sink,
    ) -> Result<(), Malformed> {
        let frame = Frame { ts_recv: RECEIVED, data };
        match self {
            Self::Hot(_) | Self::Stream(_) => codec.decode(frame, sink),
            Self::Answer(ask, _) => codec.decode_answer(&ask.feed(), frame, sink),
        }
    }
}

/// The messages of a venue by its name, if it has an entry.
pub fn messages_of(name: &str) -> Option<&'static Venue> {
    ALL.iter().find(|venue| venue.name == name)
}

/// The texts of all messages here.
pub fn all_texts() -> Vec<String> {
    ALL.iter().flat_map(|venue| venue.messages).map(|message| message.text(0)).collect()
}

impl Venue {
    /// A codec at the beginning of a connection.
    pub fn codec(&self) -> Box<dyn Codec> {
        let mut codec = open(self.name).expect("a venue");
        self.begin(&mut *codec);
        codec
    }

    pub fn begin(&self, codec: &mut dyn Codec) {
        for text in self.before {
            let frame = Frame { ts_recv: RECEIVED, data: text.as_bytes() };
            codec.decode(frame, &mut Nobody).expect("the beginning of a connection");
        }
    }
}

/// Takes everything and does nothing.
pub struct Nobody;

impl Sink for Nobody {}

const ALL: &[Venue] = &[
    alpaca::CRYPTO,
    alpaca::STOCKS,
    binance::COINM,
    binance::SPOT,
    binance::USDM,
    bitfinex::BITFINEX,
    bitmex::BITMEX,
    bybit::INVERSE,
    bybit::LINEAR,
    bybit::OPTION,
    bybit::SPOT,
    coinbase::ADVANCED,
    coinbase::EXCHANGE,
    deribit::DERIBIT,
    hyperliquid::HYPERLIQUID,
    kraken::FUTURES,
    kraken::SPOT,
    okx::OKX,
    polled::QQ,
    polled::SINA,
];
