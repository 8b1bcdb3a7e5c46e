//! What is known of one instrument while it is recorded.

use rustonite_book::{Anchor, Keeper, L2Book, L3Book, Rules};

use crate::catalog::Channel;
use crate::trade_ids::TradeIds;

/// Datasets of market data, whose places number the spans.
pub(crate) const DATASETS: [&str; 8] = [
    "trades",
    "quotes",
    "book_deltas",
    "book_orders",
    "book_snapshots",
    "tickers",
    "liquidations",
    "bars",
];
pub(crate) const TRADES: usize = 0;
pub(crate) const QUOTES: usize = 1;
pub(crate) const BOOK_DELTAS: usize = 2;
pub(crate) const BOOK_ORDERS: usize = 3;
pub(crate) const BOOK_SNAPSHOTS: usize = 4;
pub(crate) const TICKERS: usize = 5;
pub(crate) const LIQUIDATIONS: usize = 6;
pub(crate) const BARS: usize = 7;

/// Messages of one dataset since the interval began or the last loss.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Span {
    /// Since when the record is whole; 0 while it is not.
    pub(crate) from: i64,
    /// When the last message but one, and the last one, came.
    pub(crate) before: i64,
    pub(crate) last: i64,
    pub(crate) count: i64,
    pub(crate) seq: Option<(i64, i64)>,
    pub(crate) duplicates: i64,
}

impl Span {
    /// Counts a message.
    #[inline]
    pub(crate) fn add(&mut self, ts_recv: i64, seq: Option<i64>) {
        if self.from == 0 {
            self.from = ts_recv;
        }
        self.before = self.last;
        self.last = ts_recv;
        self.count += 1;
        if let Some(seq) = seq {
            let first = self.seq.map_or(seq, |(first, _)| first);
            self.seq = Some((first, seq));
        }
    }
}

/// A channel that carries an instrument.
#[derive(Debug)]
struct Carrier {
    channel: String,
    connection: i64,
}

/// The newest revision of a bar.
#[derive(Debug)]
struct Bar {
    interval: Box<str>,
    ts_open: i64,
    revision: i32,
}

/// One instrument.
#[derive(Debug)]
pub(crate) struct Instrument {
    pub(crate) symbol: Box<str>,
    pub(crate) trades: TradeIds,
    /// Whether ids of trades count up by one.
    pub(crate) trades_step: bool,
    /// When the last trade of the run before came, until this run has one; else 0.
    pub(crate) trades_until: i64,
    /// The newest trade that the venue told of and we do not have.
    pub(crate) trade_told: Option<i64>,
    /// Number and time of the newest quote, and how many older ones were left out since.
    pub(crate) quote: Option<(i64, i64, u32)>,
    pub(crate) book: Option<Kept<Keeper<L2Book>>>,
    pub(crate) orders: Option<Kept<Keeper<L3Book>>>,
    pub(crate) spans: [Span; DATASETS.len()],
    /// Whether there were ever data.
    pub(crate) had_data: [bool; DATASETS.len()],
    /// Since when datasets without numbers are missing.
    pub(crate) lost_since: [Option<i64>; DATASETS.len()],
    /// Hash of the definition that was written last; 0 if the venue has not told any.
    pub(crate) definition: u64,
    /// Whether data ever came.
    pub(crate) heard: bool,
    /// Whether the venue says that there is no such instrument.
    pub(crate) unknown: bool,
    carriers: Vec<Carrier>,
    bars: Vec<Bar>,
}

/// A book, and what its channel is called.
#[derive(Debug)]
pub(crate) struct Kept<K> {
    pub(crate) keeper: K,
    pub(crate) channel: String,
    /// Pictures come by REST.
    pub(crate) by_rest: bool,
    /// A picture was asked for and has not come.
    pub(crate) asked: bool,
    /// Since when it is not whole; `None` while it is.
    pub(crate) lost_since: Option<i64>,
    /// When a whole picture was written last.
    pub(crate) anchored: i64,
    /// The venue's time of the last update.
    pub(crate) ts_event: i64,
}

impl Instrument {
    pub(crate) fn new(symbol: &str) -> Self {
        Self {
            symbol: symbol.into(),
            trades: TradeIds::default(),
            trades_step: false,
            trades_until: 0,
            trade_told: None,
            quote: None,
            book: None,
            orders: None,
            spans: [Span::default(); DATASETS.len()],
            had_data: [false; DATASETS.len()],
            lost_since: [None; DATASETS.len()],
            definition: 0,
            heard: false,
            unknown: false,
            carriers: Vec::new(),
            bars: Vec::new(),
        }
    }

    /// A connection begins to carry a channel of it.
    pub(crate) fn carry(&mut self, venue: &str, channel: &Channel, connection: i64) {
        // What is asked for again is carried once all the same.
        let known = |one: &Carrier| one.channel == channel.name && one.connection == connection;
        if !self.carriers.iter().any(known) {
            self.carriers.push(Carrier { channel: channel.name.clone(), connection });
        }
        match channel.dataset.as_str() {
            "trades" => self.trades_step = channel.integrity == "counter",
            "book_deltas" if self.book.is_none() => {
                let rules = rules(venue, channel);
                self.book = Some(Kept::new(Keeper::new(rules), channel, rules.anchor));
            }
            "book_orders" if self.orders.is_none() => {
                let rules = rules(venue, channel);
                self.orders = Some(Kept::new(Keeper::new(rules), channel, rules.anchor));
            }
            _ => {}
        }
    }

    /// A connection carries a channel no longer. Whether no other one does.
    pub(crate) fn drop_carrier(&mut self, channel: &str, connection: i64) -> bool {
        let ended = |one: &Carrier| one.channel == channel && one.connection == connection;
        let Some(place) = self.carriers.iter().position(ended) else { return false };
        self.carriers.swap_remove(place);
        !self.carriers.iter().any(|one| one.channel == channel)
    }

    /// Whether any connection carries it.
    pub(crate) fn is_carried(&self) -> bool {
        !self.carriers.is_empty()
    }

    /// The number of a picture of a bar.
    pub(crate) fn revision(&mut self, interval: &str, ts_open: i64) -> i32 {
        let Some(bar) = self.bars.iter_mut().find(|bar| *bar.interval == *interval) else {
            self.bars.push(Bar { interval: interval.into(), ts_open, revision: 0 });
            return 0;
        };
        bar.revision = if bar.ts_open == ts_open { bar.revision + 1 } else { 0 };
        bar.ts_open = ts_open;
        bar.revision
    }
}

/// How the book of a channel is kept; a channel that is not known is kept without checks.
fn rules(venue: &str, channel: &Channel) -> Rules {
    rustonite_book::rules(venue, &channel.name).unwrap_or(Rules::UNCHECKED)
}

impl<K> Kept<K> {
    fn new(keeper: K, channel: &Channel, anchor: Anchor) -> Self {
        Self {
            keeper,
            channel: channel.name.clone(),
            by_rest: anchor == Anchor::Rest,
            asked: false,
            lost_since: None,
            anchored: 0,
            ts_event: 0,
        }
    }
}
