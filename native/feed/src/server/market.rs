//! A made-up market that looks like one: books that move, trades with numbers, quotes. The same seed
//! makes the same market.

use std::collections::VecDeque;
use std::task::Poll;
use std::time::Duration;

use fastrand::Rng;
use rustonite_book::{Anchor, Checksum, L2Book, Rules, Scheme, Unknown};
use rustonite_core::Decimal;
use rustonite_core::datasets::{Aggressor, BookSide};
use rustonite_wire::{Ask, BookUpdate, Feed, Host, Level, Quote, Topic, Trade, Wish};

use super::source::{Disturbance, Recorded, Source};
use crate::catalog::Venue;
use crate::clock::now_ns;
use crate::error::{FeedError, Result};

const LEVELS_FIRST: i64 = 60;
const LEVELS_MIN: usize = 20;
/// Ticks between the sides that someone will fill.
const GAP_MAX: i64 = 20;
const SIZE_MAX: i64 = 5_000;
/// Decimals of a price and of a size.
const PRICE_SCALE: i32 = -2;
const SIZE_SCALE: i32 = -3;

/// What market to make.
#[derive(Clone, Debug)]
pub struct MarketConfig {
    /// The venue whose messages are made.
    pub venue: String,
    /// Instruments in its spelling.
    pub symbols: Vec<String>,
    /// Sets all that is left to chance.
    pub seed: u64,
    /// Time from one message to the next.
    pub every: Duration,
    /// How many messages; endless if `None`.
    pub messages: Option<u64>,
    /// How far the venue's clock is ahead of ours, in nanoseconds.
    pub clock_ahead_ns: i64,
    /// The channel of books, if not the venue's usual one.
    pub channel: Option<String>,
}

impl MarketConfig {
    /// An endless market with a message each millisecond.
    pub fn new(venue: &str, symbols: &[&str]) -> Self {
        Self {
            venue: venue.to_owned(),
            symbols: symbols.iter().map(|symbol| (*symbol).to_owned()).collect(),
            seed: 1,
            every: Duration::from_millis(1),
            messages: None,
            clock_ahead_ns: 0,
            channel: None,
        }
    }
}

/// The market.
pub struct Market {
    config: MarketConfig,
    host: Box<dyn Host>,
    rng: Rng,
    rules: Rules,
    channel: String,
    /// All that messages are made of.
    channels: Vec<String>,
    depth: Option<usize>,
    made: Vec<Made>,
    queue: VecDeque<Recorded>,
    now: i64,
    left: u64,
}

/// One instrument.
struct Made {
    symbol: String,
    /// All levels, also those beyond the depth that is sent.
    book: L2Book,
    seq: i64,
    quote_seq: i64,
    trade_id: i64,
}

impl Market {
    /// A market of a venue that has a host.
    ///
    /// # Errors
    /// A venue without one, or without books; no instrument.
    pub fn new(config: MarketConfig) -> Result<Self> {
        let venue = Venue::find(&config.venue)?;
        let host = rustonite_wire::host(&config.venue)
            .ok_or_else(|| FeedError::config(&config.venue, "there is no replay server for it"))?;
        let usual = || venue.channel_of("book_deltas").map(|channel| channel.name.clone());
        let channel = config.channel.clone().or_else(usual);
        let channel = channel.ok_or_else(|| FeedError::config(&config.venue, "it has no books"))?;
        let rules = rustonite_book::rules(&config.venue, &channel).ok_or_else(|| {
            FeedError::config("book", format!("found {channel:?}, which is no channel of books"))
        })?;
        if config.symbols.is_empty() {
            return Err(FeedError::config("symbols", "found none, expected one or more"));
        }
        let mut rng = Rng::with_seed(config.seed);
        let made = config.symbols.iter().map(|symbol| Made::new(symbol, &mut rng)).collect();
        Ok(Self {
            host,
            rng,
            rules,
            depth: depth_of(&channel).filter(|_| rules.cuts || tells_depth(&rules)),
            channels: ["trades", "quotes"]
                .iter()
                .filter_map(|dataset| Some(venue.channel_of(dataset)?.name.clone()))
                .chain([channel.clone()])
                .collect(),
            channel,
            made,
            queue: VecDeque::new(),
            now: 0,
            left: config.messages.unwrap_or(u64::MAX),
            config,
        })
    }

    /// The first messages: acknowledgements, which some venues need to name what comes after them,
    /// and whole books.
    fn begin(&mut self) {
        self.now = now_ns();
        let symbols = self.made.iter().map(|made| Some(made.symbol.clone()));
        let topics = symbols.flat_map(|symbol| {
            let topic =
                move |channel: &String| Topic { channel: channel.clone(), symbol: symbol.clone() };
            self.channels.iter().map(topic)
        });
        let wish = Wish::Subscribe(Ask { id: None, topics: topics.collect() });
        for text in self.host.answer(&wish, &[]) {
            self.say(Some(text), None);
        }
        for place in 0..self.made.len() {
            self.picture(place);
        }
    }

    fn picture(&mut self, place: usize) {
        let Made { book, symbol, seq, .. } = &self.made[place];
        let levels = top(book, self.depth);
        let update = BookUpdate {
            symbol,
            ts_event: self.now + self.config.clock_ahead_ns,
            is_snapshot: true,
            seq: self.is_numbered().then_some(*seq),
            checksum: self.checksum(&levels),
            depth: self.depth,
            levels: &levels,
            ..BookUpdate::default()
        };
        let feed = Feed::Book(symbol.clone());
        let codec = rustonite_wire::open(&self.config.venue);
        let path = codec.and_then(|codec| codec.request(&feed)).map(|request| request.path);
        let by_rest = self.rules.anchor == Anchor::Rest;
        let data = if by_rest {
            Some(self.host.picture(&update))
        } else {
            self.host.book(&self.topic(symbol), &update)
        };
        let sum = self.host.checksum(&self.topic(symbol), &update).filter(|_| !by_rest);
        self.say(data, path.filter(|_| by_rest));
        self.say(sum, None);
    }

    fn topic(&self, symbol: &str) -> Topic {
        Topic { channel: self.channel.clone(), symbol: Some(symbol.to_owned()) }
    }

    fn say(&mut self, text: Option<String>, path: Option<String>) {
        let Some(text) = text else { return };
        self.queue.push_back(Recorded { ts_recv: self.now, data: text.into_bytes(), path });
    }

    fn is_numbered(&self) -> bool {
        matches!(self.rules.scheme, Scheme::Counter | Scheme::Chain | Scheme::Range)
    }

    fn checksum(&self, levels: &[Level]) -> Option<i64> {
        let rule = self.rules.checksum?;
        let mut book = L2Book::new();
        book.apply(levels).ok()?;
        Some(rule.of_levels(&book, &mut String::new()))
    }

    /// Something happens.
    fn step(&mut self) {
        let nanos = i64::try_from(self.config.every.as_nanos()).unwrap_or(i64::MAX);
        self.now = self.now.saturating_add(nanos);
        let place = self.rng.usize(..self.made.len());
        match self.rng.u32(..10) {
            0..=5 => self.change(place),
            6..=7 => self.trade(place),
            _ => self.quote(place),
        }
    }

    fn change(&mut self, place: usize) {
        let before = top(&self.made[place].book, self.depth);
        let most = self.host.levels_max().min(4);
        for _ in 0..self.rng.usize(1..=most) {
            self.made[place].stir(&mut self.rng);
        }
        let after = top(&self.made[place].book, self.depth);
        let mut levels = difference(&before, &after);
        if self.rules.cuts {
            // Clients know by themselves what fell off the depth.
            let Made { book, .. } = &self.made[place];
            let fell = |level: &Level| book.get(level.side, level.price).is_some();
            levels.retain(|level| !level.size.is_zero() || !fell(level));
        }
        if self.rules.anchor == Anchor::Message {
            levels.clone_from(&after);
        }
        if levels.is_empty() {
            return;
        }
        self.send(place, &levels, &after);
    }

    /// A change of a book, in as many messages as the venue needs, with their numbers.
    fn send(&mut self, place: usize, levels: &[Level], after: &[Level]) {
        let most = self.host.levels_max();
        let mut rest = levels;
        while let Some((part, more)) = rest.split_at_checked(most).filter(|_| rest.len() > most) {
            self.send_next(place, part, None);
            rest = more;
        }
        self.send_next(place, rest, Some(after));
    }

    fn send_next(&mut self, place: usize, levels: &[Level], after: Option<&[Level]>) {
        let before = self.made[place].seq;
        let (first, last) = match self.rules.scheme {
            Scheme::Range => (before + 1, before + 1 + self.rng.i64(0..5)),
            Scheme::Chain => {
                let first = before + 1 + self.rng.i64(0..50);
                (first, first + self.rng.i64(0..50))
            }
            _ => (before + 1, before + 1),
        };
        self.made[place].seq = last;
        self.send_numbered(place, levels, after, (first, last, before));
    }

    fn send_numbered(
        &mut self,
        place: usize,
        levels: &[Level],
        after: Option<&[Level]>,
        (first, last, before): (i64, i64, i64),
    ) {
        let symbol = self.made[place].symbol.clone();
        let numbered = self.is_numbered();
        let update = BookUpdate {
            symbol: &symbol,
            ts_event: self.now + self.config.clock_ahead_ns,
            is_snapshot: self.rules.anchor == Anchor::Message,
            seq_first: Some(first).filter(|_| numbered),
            seq: Some(last).filter(|_| numbered),
            seq_prev: Some(before).filter(|_| numbered && self.rules.scheme == Scheme::Chain),
            checksum: after.and_then(|after| self.checksum(after)),
            depth: self.depth,
            levels,
            ..BookUpdate::default()
        };
        let topic = self.topic(&symbol);
        let (text, sum) = (self.host.book(&topic, &update), self.host.checksum(&topic, &update));
        self.say(text, None);
        self.say(sum, None);
    }

    fn trade(&mut self, place: usize) {
        let made = &mut self.made[place];
        let side = if self.rng.bool() { Aggressor::Buy } else { Aggressor::Sell };
        let taken = if side == Aggressor::Buy { BookSide::Ask } else { BookSide::Bid };
        let Some(best) = made.book.best(taken) else { return };
        made.trade_id += 1;
        let trade = Trade {
            symbol: &made.symbol,
            id: made.trade_id,
            ts_event: self.now + self.config.clock_ahead_ns,
            price: best.price,
            size: size(self.rng.i64(1..SIZE_MAX)),
            side,
        };
        let (text, again) = (self.host.trades(&[trade], false), self.host.trade_again(&trade));
        self.say(text, None);
        self.say(again, None);
    }

    fn quote(&mut self, place: usize) {
        let made = &mut self.made[place];
        let best = made.book.best(BookSide::Bid).zip(made.book.best(BookSide::Ask));
        let Some((bid, ask)) = best else { return };
        made.quote_seq += 1;
        let quote = Quote {
            symbol: &made.symbol,
            seq: made.quote_seq,
            ts_event: self.now + self.config.clock_ahead_ns,
            bid,
            ask,
        };
        let text = self.host.quote(&quote);
        self.say(text, None);
    }

    /// The numbers of a book begin anew, in the venue's manner.
    fn restart(&mut self, place: usize) {
        match self.rules.scheme {
            // One message that follows on the last one has a lower number.
            Scheme::Chain if self.rules.restart == rustonite_book::Restart::Lower => {
                let before = self.made[place].seq;
                self.made[place].seq = 7;
                let after = top(&self.made[place].book, self.depth);
                self.send_numbered(place, &[], Some(&after), (7, 7, before));
            }
            _ if self.rules.restart == rustonite_book::Restart::One => {
                self.made[place].seq = 1;
                self.picture(place);
            }
            _ => self.made[place].seq = 1_000,
        }
    }
}

impl Made {
    fn new(symbol: &str, rng: &mut Rng) -> Self {
        let mut made = Self {
            symbol: symbol.to_owned(),
            book: L2Book::new(),
            seq: rng.i64(1_000_000..9_000_000),
            quote_seq: 0,
            trade_id: rng.i64(1_000_000..9_000_000),
        };
        let middle = rng.i64(100_000..900_000);
        for distance in 1..=LEVELS_FIRST {
            made.set(BookSide::Bid, middle - distance, rng.i64(1..SIZE_MAX));
            made.set(BookSide::Ask, middle + distance, rng.i64(1..SIZE_MAX));
        }
        made
    }

    fn set(&mut self, side: BookSide, ticks: i64, lots: i64) {
        let level = Level { side, price: price(ticks), size: size(lots), count: None };
        let _ = self.book.set(&level);
    }

    fn best(&self, side: BookSide) -> i64 {
        self.book
            .best(side)
            .and_then(|level| i64::try_from(level.price.mantissa()).ok())
            .unwrap_or(0)
    }

    /// A level appears, changes or goes.
    fn stir(&mut self, rng: &mut Rng) {
        let side = if rng.bool() { BookSide::Bid } else { BookSide::Ask };
        let away = if side == BookSide::Bid { -1 } else { 1 };
        let best = self.best(side);
        let gap = self.best(BookSide::Ask) - self.best(BookSide::Bid);
        match rng.u32(..10) {
            // Left alone, sides would walk away from each other.
            _ if gap > GAP_MAX => {
                self.set(side, best - away * rng.i64(1..gap), rng.i64(1..SIZE_MAX));
            }
            0..=1 if self.book.len(side) > LEVELS_MIN => {
                let place = rng.usize(..self.book.len(side));
                let price = self.book.levels(side).nth(place).map(|level| level.price);
                let ticks = price.and_then(|price| i64::try_from(price.mantissa()).ok());
                self.set(side, ticks.unwrap_or(best), 0);
            }
            2 if self.book.len(side) > LEVELS_MIN => self.set(side, best, 0),
            3 if gap > 1 => self.set(side, best - away, rng.i64(1..SIZE_MAX)),
            _ => {
                let distance = rng.i64(0..8) * rng.i64(1..12);
                self.set(side, best + away * distance, rng.i64(1..SIZE_MAX));
            }
        }
    }
}

/// A price of so many ticks.
fn price(ticks: i64) -> Decimal {
    Decimal::new(ticks.into(), PRICE_SCALE).unwrap_or(Decimal::ZERO)
}

fn size(lots: i64) -> Decimal {
    Decimal::new(lots.into(), SIZE_SCALE).unwrap_or(Decimal::ZERO)
}

/// The best levels of both sides.
fn top(book: &L2Book, depth: Option<usize>) -> Vec<Level> {
    let depth = depth.unwrap_or(usize::MAX);
    let side = |side| book.levels(side).take(depth);
    side(BookSide::Bid).chain(side(BookSide::Ask)).collect()
}

/// What a client that has `before` must be told to get `after`.
fn difference(before: &[Level], after: &[Level]) -> Vec<Level> {
    let same_place = |one: &Level, two: &Level| one.side == two.side && one.price == two.price;
    let is_gone = |level: &&Level| !after.iter().any(|now| same_place(now, level));
    let gone = before.iter().filter(is_gone).map(|level| Level { size: size(0), ..*level });
    let is_new = |level: &&Level| {
        let known = before.iter().find(|known| same_place(known, level));
        known.is_none_or(|known| known.size != level.size)
    };
    let changed = after.iter().filter(is_new).copied();
    gone.chain(changed).collect()
}

/// The depth at the end of a channel's name, such as `book-10`.
fn depth_of(channel: &str) -> Option<usize> {
    channel.rsplit(|letter: char| !letter.is_ascii_digit()).next()?.parse().ok()
}

/// Whether the venue keeps its subscribers to the depth, and says what comes into it and leaves it.
fn tells_depth(rules: &Rules) -> bool {
    rules.checksum == Some(Checksum::Bitfinex)
}

impl Source for Market {
    fn poll_message(&mut self) -> Poll<Option<Recorded>> {
        if self.now == 0 {
            self.begin();
        }
        while self.queue.is_empty() && self.left > 0 {
            self.left -= 1;
            self.step();
        }
        Poll::Ready(self.queue.pop_front())
    }

    fn is_made(&self) -> bool {
        true
    }

    fn disturb(&mut self, symbol: &str, what: Disturbance) {
        let Some(place) = self.made.iter().position(|made| made.symbol == symbol) else { return };
        let after = top(&self.made[place].book, self.depth);
        match what {
            Disturbance::KeepAlive if self.rules.restart == rustonite_book::Restart::Lower => {
                let seq = self.made[place].seq;
                self.send_numbered(place, &[], Some(&after), (seq, seq, seq));
            }
            Disturbance::KeepAlive => self.send(place, &[], &after),
            Disturbance::Restart => self.restart(place),
            Disturbance::DeleteUnknown if self.rules.unknown == Unknown::Normal => {
                let level =
                    Level { side: BookSide::Bid, price: price(7), size: size(0), count: None };
                self.send(place, &[level], &after);
            }
            Disturbance::DeleteUnknown => {}
            Disturbance::SkipTrades(count) => self.made[place].trade_id += count,
        }
    }

    fn clock_ahead_ns(&self) -> i64 {
        self.config.clock_ahead_ns
    }

    fn symbols(&self) -> Vec<String> {
        self.config.symbols.clone()
    }
}

#[cfg(test)]
mod tests;
