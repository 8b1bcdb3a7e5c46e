//! What a decoded message says: rows of the datasets, changes of books, and what concerns the
//! connection.

use rustonite_core::Decimal;
use rustonite_core::datasets::{BookSide, OrderAction, draft, flags};

use crate::codec::Request;

/// Takes what a codec finds in a message, in order. Rows of a message that turns out to be malformed
/// further on were handed out already: whoever keeps them takes them back on the error.
pub trait Sink {
    /// A trade.
    fn trade(&mut self, _row: &draft::Trades<'_>) {}
    /// A best bid and ask.
    fn quote(&mut self, _row: &draft::Quotes<'_>) {}
    /// A picture or a change of an L2 book.
    fn book(&mut self, _update: &BookUpdate<'_>) {}
    /// A picture or a change of an L3 book.
    fn orders(&mut self, _update: &OrdersUpdate<'_>) {}
    /// The best levels of a book, whole.
    fn top(&mut self, _row: &draft::BookSnapshots<'_>) {}
    /// Mark, index, funding, open interest and figures of the day.
    fn ticker(&mut self, _row: &draft::Tickers<'_>) {}
    /// A liquidation.
    fn liquidation(&mut self, _row: &draft::Liquidations<'_>) {}
    /// A bar of the venue.
    fn bar(&mut self, _row: &draft::Bars<'_>) {}
    /// A definition of an instrument.
    fn instrument(&mut self, _row: &draft::Instruments<'_>) {}
    /// What concerns the connection and not the market.
    fn control(&mut self, _control: &Control<'_>) {}
}

/// A picture or a change of an L2 book.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct BookUpdate<'a> {
    /// The instrument in the venue's spelling.
    pub symbol: &'a str,
    /// The venue's time, or ours with the flag `local_time`.
    pub ts_event: i64,
    /// When the message reached us.
    pub ts_recv: i64,
    /// Whether this replaces the book.
    pub is_snapshot: bool,
    /// Number of the first update in the message, where the venue sends a span (Binance `U`).
    pub seq_first: Option<i64>,
    /// Number of the last update in the message.
    pub seq: Option<i64>,
    /// The number that must come before (Binance futures `pu`, OKX `prevSeqId`).
    pub seq_prev: Option<i64>,
    /// The venue's checksum of the book after this message, as it sends it.
    pub checksum: Option<i64>,
    /// Levels per side that were subscribed, where the client must cut the book itself (Kraken).
    pub depth: Option<usize>,
    /// Bits of `flags` that hold for all rows: `inexact` is found per level.
    pub flags: i32,
    /// What changes, in the order of the message.
    pub levels: &'a [Level],
}

/// One price level of a message.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Level {
    /// Side of the book.
    pub side: BookSide,
    /// Price, with the digits that the venue sent.
    pub price: Decimal,
    /// Quantity that rests at the price now; zero removes the level.
    pub size: Decimal,
    /// Orders at the price, where the venue counts them.
    pub count: Option<i32>,
}

/// A picture or a change of an L3 book.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct OrdersUpdate<'a> {
    /// The instrument in the venue's spelling.
    pub symbol: &'a str,
    /// The venue's time, or ours with the flag `local_time`.
    pub ts_event: i64,
    /// When the message reached us.
    pub ts_recv: i64,
    /// Whether this replaces the book.
    pub is_snapshot: bool,
    /// Number of the message.
    pub seq: Option<i64>,
    /// The venue's checksum of the book after this message, as it sends it.
    pub checksum: Option<i64>,
    /// Levels per side that were subscribed, where the client must cut the book itself.
    pub depth: Option<usize>,
    /// Bits of `flags` that hold for all rows.
    pub flags: i32,
    /// What happens, in the order of the message.
    pub orders: &'a [Order<'a>],
}

/// What happens to one order.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Order<'a> {
    /// What happens.
    pub action: OrderAction,
    /// Side, where the venue says.
    pub side: Option<BookSide>,
    /// The venue's id where it is a whole number.
    pub order_id: Option<i64>,
    /// The venue's id where it is text.
    pub order_uid: Option<&'a str>,
    /// The taker's order id of a fill, where the venue names it.
    pub counter_uid: Option<&'a str>,
    /// Price after the event.
    pub price: Option<Decimal>,
    /// Quantity left after the event.
    pub size: Option<Decimal>,
    /// Quantity executed.
    pub size_filled: Option<Decimal>,
    /// The venue's id of the trade where it is a whole number.
    pub trade_id: Option<i64>,
    /// When the order took its place in the queue.
    pub ts_order: Option<i64>,
    /// The venue's own word for why.
    pub reason: Option<&'a str>,
}

/// What a message says about the connection or the venue.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Control<'a> {
    /// A subscription was acknowledged. Not proof of data.
    Subscribed(Answer<'a>),
    /// A subscription was ended.
    Unsubscribed(Answer<'a>),
    /// A request was refused. What it names may be all there is, or nothing.
    Refused(Answer<'a>),
    /// The venue does not take our keys.
    KeysRefused {
        /// Its code.
        code: Option<i64>,
        /// Its text.
        text: &'a str,
    },
    /// The connection is alive; says nothing of data.
    Heartbeat,
    /// This must be sent back at once.
    Reply(&'a str),
    /// The number of this message on its connection, where the venue counts all of them.
    Sequence(i64),
    /// The newest trade of an instrument, by which a missed one is noticed.
    LastTrade {
        /// The instrument.
        symbol: &'a str,
        /// Its id.
        trade_id: i64,
    },
    /// A message that cannot be applied proves a loss (BitMEX: an id that nobody announced).
    Lost {
        /// The instrument whose book must be rebuilt.
        symbol: &'a str,
        /// Why.
        detail: &'a str,
    },
    /// A REST answer is one part: this call, for the same feed, has the next.
    More(&'a Request),
    /// The venue will close the connection or its service.
    Shutdown(&'a str),
    /// What the venue's clock shows.
    Time {
        /// Nanoseconds since 1970.
        at: i64,
        /// It shows multiples of this.
        step: i64,
    },
    /// The venue as a whole changed state.
    Status(&'a str),
    /// The venue reports an error that fits no other word.
    Error {
        /// Its code.
        code: Option<i64>,
        /// Its text.
        text: &'a str,
    },
    /// A message that needs nothing.
    Nothing,
    /// A message of a sort that we do not know; its name if it has one.
    Unknown(&'a str),
}

/// What an answer of the venue refers to.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Answer<'a> {
    /// Our number of the request, where the venue repeats it.
    pub request: Option<i64>,
    /// The venue's name of the channel, without symbol.
    pub channel: Option<&'a str>,
    /// The instrument.
    pub symbol: Option<&'a str>,
    /// The venue's error code.
    pub code: Option<i64>,
    /// The venue's error text.
    pub text: Option<&'a str>,
}

/// Floats of a row, and whether one of them is inexact.
#[derive(Debug, Default)]
pub struct Floats {
    /// Bits for the row's flags.
    pub flags: i32,
}

impl Floats {
    /// Begins with flags that hold anyway.
    pub fn new(flags: i32) -> Self {
        Self { flags }
    }

    /// The nearest float.
    #[inline]
    pub fn of(&mut self, value: Decimal) -> f64 {
        let (float, inexact) = value.to_f64_flagged();
        if inexact {
            self.flags |= flags::INEXACT;
        }
        float
    }

    /// The same for a value that may be missing.
    #[inline]
    pub fn of_some(&mut self, value: Option<Decimal>) -> Option<f64> {
        value.map(|value| self.of(value))
    }

    /// Price and size of a side of a quote. Venues say in several ways that a side has no orders:
    /// something of it is missing, or its price is zero.
    #[inline]
    pub fn side(
        &mut self,
        price: Option<Decimal>,
        size: Option<Decimal>,
    ) -> (Option<f64>, Option<f64>) {
        let there = price.zip(size).filter(|(price, _)| !price.is_zero());
        there.map(|(price, size)| (self.of(price), self.of(size))).unzip()
    }
}
