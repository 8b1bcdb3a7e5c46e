//! What is known of one instrument while it is recorded.

use rustonite_book::{Anchor, Keeper, Kept as Book, L2Book, L3Book, Rules, State};

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
/// The place of a dataset of market data.
pub(crate) fn dataset_place(name: &str) -> Option<usize> {
    DATASETS.iter().position(|known| *known == name)
}

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
    dataset: Option<usize>,
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
    /// The channel that they come by; empty before the first.
    trades_channel: String,
    /// Whether ids of trades count up by one.
    pub(crate) trades_step: bool,
    /// When the last trade of the run before came, until this run has one; else 0.
    pub(crate) trades_until: i64,
    /// The newest trade that the venue told of and we do not have.
    pub(crate) trade_told: Option<i64>,
    /// Number and time of the newest quote, and how many older ones were left out since.
    pub(crate) quote: Option<(i64, i64, u32)>,
    pub(crate) book: Option<Kept<L2Book>>,
    pub(crate) orders: Option<Kept<L3Book>>,
    pub(crate) spans: [Span; DATASETS.len()],
    /// Whether there were ever data.
    pub(crate) had_data: [bool; DATASETS.len()],
    /// Connections from which data are taken that have nothing to tell copies by.
    owners: [Option<i64>; DATASETS.len()],
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

/// A book, and what is known of it.
#[derive(Debug)]
pub(crate) struct Kept<B: Book> {
    pub(crate) keeper: Keeper<B>,
    pub(crate) state: BookState,
}

/// What is known of a book of either sort.
#[derive(Debug, Default)]
pub(crate) struct BookState {
    pub(crate) channel: String,
    /// The connection that it is kept from, where numbers do not tell copies of a message apart.
    owner: Option<i64>,
    /// The owner ended while another connection carries the channel, which must send a picture.
    pub(crate) is_orphan: bool,
    /// A picture was asked for and has not come.
    pub(crate) asked: bool,
    /// Since when it is not whole; `None` while it is.
    pub(crate) lost_since: Option<i64>,
    /// Since the last picture of the venue a message could not be read, and nothing would show what
    /// it said.
    pub(crate) is_doubtful: bool,
    /// When the venue began a new book last: answers to earlier calls tell nothing about it.
    pub(crate) restarted: i64,
    /// When a whole picture was written last.
    pub(crate) anchored: i64,
    /// The venue's time of the last update.
    pub(crate) ts_event: i64,
}

/// Whose a message of a book is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Whose {
    /// Of the connection that the book is kept from.
    Ours,
    /// A copy of what another connection sends.
    Copy,
    /// Of a connection that the book is kept from as of now, and that must send a picture.
    Heir,
}

impl Instrument {
    pub(crate) fn new(symbol: &str) -> Self {
        Self {
            symbol: symbol.into(),
            trades: TradeIds::default(),
            trades_channel: String::new(),
            trades_step: false,
            trades_until: 0,
            trade_told: None,
            quote: None,
            book: None,
            orders: None,
            spans: [Span::default(); DATASETS.len()],
            had_data: [false; DATASETS.len()],
            owners: [None; DATASETS.len()],
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
        if !self.is_carried_by(&channel.name, connection) {
            let dataset = dataset_place(&channel.dataset);
            self.carriers.push(Carrier { channel: channel.name.clone(), dataset, connection });
        }
        match channel.dataset.as_str() {
            "trades" if self.trades_channel != channel.name => self.count_trades_of(channel),
            "book_deltas" if !is_of(self.book.as_ref(), channel) => {
                self.book = Some(Kept::new(rules(venue, channel), channel));
            }
            "book_orders" if !is_of(self.orders.as_ref(), channel) => {
                self.orders = Some(Kept::new(rules(venue, channel), channel));
            }
            _ => {}
        }
    }

    /// Trades come by another channel than so far, with ids of its own.
    fn count_trades_of(&mut self, channel: &Channel) {
        if !self.trades_channel.is_empty() {
            self.trades = TradeIds::default();
            self.trade_told = None;
        }
        self.trades_channel.clone_from(&channel.name);
        self.trades_step = channel.integrity == "counter";
    }

    /// The connection from which data are taken that nothing tells apart: the first that brought any.
    #[inline]
    pub(crate) fn owner(&mut self, dataset: usize, connection: i64) -> i64 {
        *self.owners[dataset].get_or_insert(connection)
    }

    /// Channels that a connection carries.
    pub(crate) fn channels_of(&self, connection: i64) -> impl Iterator<Item = &str> {
        let carriers = self.carriers.iter().filter(move |one| one.connection == connection);
        carriers.map(|one| one.channel.as_str())
    }

    /// A connection ends, or carries something of it no longer: others may take over.
    pub(crate) fn disown(&mut self, connection: i64) {
        for owner in self.owners.iter_mut().filter(|owner| **owner == Some(connection)) {
            *owner = None;
        }
        self.book.iter_mut().for_each(|kept| kept.keeper.forget(connection));
        self.orders.iter_mut().for_each(|kept| kept.keeper.forget(connection));
    }

    /// The book that a dataset is made of.
    pub(crate) fn book_state(&mut self, dataset: usize) -> Option<&mut BookState> {
        match dataset {
            BOOK_DELTAS => self.book.as_mut().map(|kept| &mut kept.state),
            BOOK_ORDERS => self.orders.as_mut().map(|kept| &mut kept.state),
            _ => None,
        }
    }

    /// The rules of the book that a dataset is made of.
    pub(crate) fn book_rules(&self, dataset: usize) -> Option<Rules> {
        match dataset {
            BOOK_DELTAS => self.book.as_ref().map(|kept| *kept.keeper.rules()),
            BOOK_ORDERS => self.orders.as_ref().map(|kept| *kept.keeper.rules()),
            _ => None,
        }
    }

    /// What a book was is not known any more: it waits for a picture.
    pub(crate) fn lose_book(&mut self, dataset: usize) {
        match dataset {
            BOOK_DELTAS => self.book.iter_mut().for_each(|kept| kept.keeper.lose()),
            BOOK_ORDERS => self.orders.iter_mut().for_each(|kept| kept.keeper.lose()),
            _ => {}
        }
    }

    /// Whether a connection carries a channel of it.
    pub(crate) fn is_carried_by(&self, channel: &str, connection: i64) -> bool {
        self.carriers.iter().any(|one| one.channel == channel && one.connection == connection)
    }

    /// A connection carries a channel no longer. Whether its data end with that: no other one carries
    /// it, or a book was kept from this one.
    pub(crate) fn drop_carrier(&mut self, channel: &Channel, connection: i64) -> bool {
        let ended = |one: &Carrier| one.channel == channel.name && one.connection == connection;
        let Some(place) = self.carriers.iter().position(ended) else { return false };
        self.carriers.swap_remove(place);
        self.disown(connection);
        let others = self.carriers.iter().any(|one| one.channel == channel.name);
        let dataset = dataset_place(&channel.dataset);
        match dataset.and_then(|dataset| self.book_state(dataset)) {
            Some(state) if state.channel == channel.name => state.leave(connection, others),
            _ => !others,
        }
    }

    /// Whether a channel of its own brings a dataset.
    pub(crate) fn has_channel_for(&self, dataset: usize) -> bool {
        self.carriers.iter().any(|one| one.dataset == Some(dataset))
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

fn is_of<B: Book>(kept: Option<&Kept<B>>, channel: &Channel) -> bool {
    kept.is_some_and(|kept| kept.state.channel == channel.name)
}

impl<B: Book> Kept<B> {
    fn new(rules: Rules, channel: &Channel) -> Self {
        let state = BookState { channel: channel.name.clone(), ..BookState::default() };
        Self { keeper: Keeper::new(rules), state }
    }

    pub(crate) fn is_live(&self) -> bool {
        self.keeper.state() == State::Live
    }

    pub(crate) fn is_whole(&self) -> bool {
        self.is_live() && self.state.lost_since.is_none()
    }

    /// Whose a message is that came over a connection.
    #[inline]
    pub(crate) fn whose(&mut self, connection: i64, is_picture: bool) -> Whose {
        self.keeper.hear(connection);
        let rules = self.keeper.rules();
        if rules.is_numbered() || self.state.owner == Some(connection) {
            return Whose::Ours;
        }
        self.take_over(rules.anchor, connection, is_picture)
    }

    #[cold]
    fn take_over(&mut self, anchor: Anchor, connection: i64, is_picture: bool) -> Whose {
        // The newest picture wins: old connections end and new ones take over.
        let wins = is_picture && anchor == Anchor::Subscription;
        if self.state.owner.is_some() && !wins {
            return Whose::Copy;
        }
        self.state.owner = Some(connection);
        let was_orphan = std::mem::take(&mut self.state.is_orphan);
        if was_orphan && anchor == Anchor::Subscription && !is_picture {
            return Whose::Heir;
        }
        Whose::Ours
    }
}

impl BookState {
    /// A connection carries it no longer. Whether its data end with that.
    fn leave(&mut self, connection: i64, others: bool) -> bool {
        let was_kept_from_it = self.owner == Some(connection);
        if was_kept_from_it || !others {
            (self.owner, self.is_orphan, self.asked) = (None, others, false);
        }
        was_kept_from_it || !others
    }
}
