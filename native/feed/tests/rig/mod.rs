//! A recorder that records from a replay server, and what its tapes say afterwards.
#![allow(dead_code, unreachable_pub, unused_imports, reason = "each test file uses some of it")]
#![allow(
    clippy::unwrap_used,
    clippy::unused_self,
    clippy::unnecessary_debug_formatting,
    reason = "a failing test should panic; it reads as a rig; TOML wants the quotes"
)]

mod venues;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rustonite_core::datasets::{BookSide, flags};
use rustonite_feed::server::{Market, MarketConfig, Planned, Server, ServerConfig, Source};
use rustonite_feed::{Config, Recorder, Venue, VenueStatus};
use rustonite_tape::{Batch, Polled, Reader, Start};

pub use self::venues::{BINANCE, OTHERS, checked, each, whole};

/// Nothing here takes so long, unless it hangs.
pub const PATIENCE: Duration = Duration::from_secs(12);

/// What a test wants to be different.
pub struct Setup {
    pub venue: &'static str,
    pub symbols: Vec<&'static str>,
    pub server: ServerConfig,
    pub market: MarketConfig,
    pub catalog: Venue,
    /// More lines of the feed's configuration.
    pub feed: String,
    /// Instruments that the recorder asks for, if not those of the market.
    pub asked: Option<Vec<&'static str>>,
    /// Faults that are planned before the recorder comes.
    pub faults: Vec<Planned>,
    pub segment_bytes: u64,
}

impl Setup {
    pub fn new(venue: &'static str, symbols: &[&'static str]) -> Self {
        let mut server = ServerConfig::new(venue);
        server.heartbeat = Duration::from_mins(1);
        server.begin_after = symbols.len() * 2;
        let mut market = MarketConfig::new(venue, symbols);
        market.every = Duration::from_millis(2);
        let catalog = Venue::find(venue).unwrap();
        let symbols = symbols.to_vec();
        Self {
            venue,
            symbols,
            server,
            market,
            catalog,
            feed: String::new(),
            asked: None,
            faults: Vec::new(),
            segment_bytes: 4 << 20,
        }
    }

    /// Shorter deadlines for silence, in seconds.
    pub fn silence(mut self, first_data_s: u64, silence_s: u64) -> Self {
        for channel in &mut self.catalog.channels {
            (channel.first_data_s, channel.silence_s) = (first_data_s, silence_s);
        }
        self
    }

    /// Faults that meet the first connection.
    pub fn with(mut self, planned: Planned) -> Self {
        self.faults.push(planned);
        self
    }

    /// Shorter limits of all endpoints.
    pub fn sockets(mut self, change: impl Fn(&mut rustonite_feed::Socket)) -> Self {
        self.catalog.sockets.iter_mut().for_each(change);
        self
    }

    pub fn start(self) -> Rig {
        let market = Market::new(self.market.clone()).unwrap();
        self.start_with(market)
    }

    pub fn start_with(self, source: impl Source + 'static) -> Rig {
        let home = tempfile::tempdir().unwrap();
        let catalog = home.path().join("catalog");
        std::fs::create_dir(&catalog).unwrap();
        let text = toml::to_string(&self.catalog).unwrap();
        std::fs::write(catalog.join(format!("{}.toml", self.venue)), text).unwrap();
        let server = Server::start(self.server.clone(), source).unwrap();
        self.faults.iter().for_each(|fault| server.fault(fault.clone()).unwrap());
        let asked = self.asked.clone().unwrap_or_else(|| self.symbols.clone());
        let rig = Rig {
            venue: self.venue,
            symbols: self.symbols.clone(),
            feed: self.feed.clone(),
            segment_bytes: self.segment_bytes,
            is_shallow: self.market.channel.is_some(),
            recorder: None,
            home,
            server,
        };
        let config = rig.config(&asked);
        let recorder = Recorder::start(&config, &rig.tapes()).unwrap();
        Rig { recorder: Some(recorder), ..rig }
    }
}

pub struct Rig {
    pub venue: &'static str,
    pub symbols: Vec<&'static str>,
    pub server: Server,
    pub recorder: Option<Recorder>,
    feed: String,
    segment_bytes: u64,
    is_shallow: bool,
    home: tempfile::TempDir,
}

impl Rig {
    pub fn tapes(&self) -> PathBuf {
        self.home.path().join("tapes")
    }

    pub fn config(&self, symbols: &[&str]) -> Config {
        let urls: Vec<_> =
            self.server.urls().iter().map(|(name, url)| format!("{name} = \"{url}\"")).collect();
        let text = format!(
            "name = \"test\"\ninterval_s = 1\nanchor_every_s = 600\ncatalog = {:?}\n\
             [tape]\nsegment_bytes = {}\nsegments_max = 64\nseal_after_s = 30\n\
             [[feed]]\nvenue = {:?}\nsymbols = {symbols:?}\nurls = {{ {} }}\n{}\n",
            self.home.path().join("catalog"),
            self.segment_bytes,
            self.venue,
            urls.join(", "),
            self.feed,
        );
        Config::parse("test", &text).unwrap()
    }

    pub fn recorder(&self) -> &Recorder {
        self.recorder.as_ref().unwrap()
    }

    pub fn status(&self) -> VenueStatus {
        self.recorder().status().remove(0)
    }

    pub fn fault(&self, planned: Planned) {
        self.server.fault(planned).unwrap();
    }

    /// Waits for something.
    pub fn until(&self, what: &str, mut is_so: impl FnMut(&Self) -> bool) {
        let began = Instant::now();
        while !is_so(self) {
            if began.elapsed() > PATIENCE {
                let record = Record::read(&self.tapes(), self.venue);
                panic!(
                    "{}: waited in vain until {what}\n{:#?}\nclients {:?}\n{}",
                    self.venue,
                    self.status(),
                    self.server.clients(),
                    record.told()
                );
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Waits until all books are whole.
    pub fn until_whole(&self) {
        let books = i64::try_from(self.symbols.len()).unwrap();
        self.until("all books are whole", |rig| {
            let status = rig.status();
            status.books_live == books && status.books_waiting == 0 && rig.lost().is_empty()
        });
    }

    /// Waits until an event of a kind was told of an instrument, or of none.
    pub fn until_told(&self, kind: &str, symbol: Option<&str>) {
        self.until(&format!("{kind} of {symbol:?} is told"), |rig| {
            let events = Record::events(&rig.tapes(), rig.venue);
            events.iter().any(|event| event.kind == kind && event.symbol.as_deref() == symbol)
        });
    }

    /// Instruments with an open gap in their book.
    fn lost(&self) -> BTreeSet<String> {
        let mut open = BTreeSet::new();
        for event in Record::events(&self.tapes(), self.venue) {
            let Some(symbol) = event.symbol.clone() else { continue };
            if event.dataset.as_deref() != Some("book_deltas") {
                continue;
            }
            match (event.is_open_span(), event.kind.as_str()) {
                (true, _) => open.insert(symbol),
                (_, "snapshot" | "gap") => open.remove(&symbol),
                _ => false,
            };
        }
        open
    }

    /// Lets a while pass, so that intervals with data come to their end.
    pub fn run_on(&self, millis: u64) {
        std::thread::sleep(Duration::from_millis(millis));
    }

    /// Sends no more, and waits until the recorder has all.
    pub fn settle(&self) {
        self.server.pause();
        let mut last = (self.status().frames, Instant::now());
        self.until("no more frames come", |rig| {
            let frames = rig.status().frames;
            if frames != last.0 {
                last = (frames, Instant::now());
            }
            last.1.elapsed() > Duration::from_millis(200)
        });
    }

    /// Stops once one instrument was refused and the other has gone on as if nothing was.
    pub fn finish_with_one_refused(&mut self, hit: &str, other: &str) -> Record {
        self.until_told("refused", Some(hit));
        self.until("the other book is whole", |rig| rig.status().books_live == 1);
        self.run_on(1300);
        let record = self.finish();
        self.assert_true_book(&record, other);
        self.assert_undisturbed(&record, other);
        assert_eq!(record.of("refused", other).count(), 0, "{}", record.told());
        record
    }

    /// Stops recording for a while, and records the same again.
    pub fn record_again(&mut self, pause_ms: u64) {
        self.recorder.take().unwrap().stop().unwrap();
        self.run_on(pause_ms);
        let recorder = Recorder::start(&self.config(&self.symbols), &self.tapes()).unwrap();
        self.recorder = Some(recorder);
    }

    /// Stops, and reads the tapes.
    pub fn finish(&mut self) -> Record {
        self.settle();
        self.recorder.take().unwrap().stop().unwrap();
        Record::read(&self.tapes(), self.venue)
    }

    /// Lets books become whole and stay so for an interval; then all that was sent is there.
    pub fn finish_whole(&mut self) -> Record {
        self.until_whole();
        self.run_on(1100);
        let record = self.finish();
        for symbol in self.symbols.clone() {
            self.assert_true_book(&record, symbol);
            self.assert_trades(&record, symbol);
        }
        record
    }

    /// Lets an interval pass; then all that was sent is there, and nothing happened.
    pub fn finish_undisturbed(&mut self) -> Record {
        self.run_on(1300);
        let record = self.finish();
        for symbol in self.symbols.clone() {
            self.assert_true_book(&record, symbol);
            self.assert_undisturbed(&record, symbol);
        }
        record
    }

    /// The book of an instrument on the tape is the true one.
    pub fn assert_true_book(&self, record: &Record, symbol: &str) {
        let truth = self.server.true_book(symbol).unwrap();
        let found = record.book(symbol);
        let wanted: Book = truth
            .levels
            .iter()
            .map(|level| {
                (key(level.side == BookSide::Bid, level.price.to_f64()), level.size.to_f64())
            })
            .collect();
        let ghosts: Vec<_> = found.iter().filter(|(key, _)| !wanted.contains_key(key)).collect();
        let wrong: Vec<_> =
            wanted.iter().filter(|(key, size)| found.get(key) != Some(size)).collect();
        assert!(
            ghosts.is_empty() && wrong.is_empty(),
            "{} {symbol}: ghosts {ghosts:?}, missing or wrong {wrong:?}\n{}",
            self.venue,
            record.told()
        );
    }

    /// Each trade sent is on the tape once, or is told to be missing.
    pub fn assert_trades(&self, record: &Record, symbol: &str) {
        let sent = self.server.trades_sent(symbol);
        let ids: Vec<i64> = record.trade_ids(symbol);
        let unique: BTreeSet<i64> = ids.iter().copied().collect();
        assert_eq!(ids.len(), unique.len(), "{} {symbol}: a trade is there twice", self.venue);
        let missing = record.missing_trades(symbol);
        let both: Vec<_> = missing.intersection(&unique).collect();
        assert!(both.is_empty(), "{symbol}: {both:?} are there and missing\n{}", record.told());
        let (Some(first), Some(last)) = (unique.first(), sent.last) else {
            panic!("{} {symbol}: no trades\n{}", self.venue, record.told())
        };
        let all: BTreeSet<i64> = unique.union(&missing).copied().collect();
        let wanted: BTreeSet<i64> = (*first..=last).collect();
        let lost: Vec<_> = wanted.difference(&all).collect();
        assert!(
            lost.is_empty(),
            "{symbol}: trades {lost:?} are lost in silence\n{}",
            record.told()
        );
    }

    /// What can be said at best of a book: some have nothing to check all of it by.
    pub fn best_word(&self) -> &'static str {
        let never = ["bitmex", "coinbase"].contains(&self.venue);
        let is_partial = self.venue == "kraken" && !self.is_shallow;
        if never || is_partial { "unverifiable" } else { "clean" }
    }

    /// Nothing happened to an instrument.
    pub fn assert_undisturbed(&self, record: &Record, symbol: &str) {
        let bad = ["gap", "resync", "restart", "silence", "checksum_failed", "unknown_level"];
        let mut events =
            record.events.iter().filter(|event| event.symbol.as_deref() == Some(symbol));
        let found = events.find(|event| bad.contains(&event.kind.as_str()));
        assert!(found.is_none(), "{} {symbol}: {found:?}\n{}", self.venue, record.told());
        let clean = |event: &&Event| {
            event.kind == self.best_word()
                && event.symbol.as_deref() == Some(symbol)
                && event.dataset.as_deref() == Some("book_deltas")
                && event.count > Some(0)
        };
        assert!(record.events.iter().any(|event| clean(&event)), "{symbol}\n{}", record.told());
        self.assert_trades(record, symbol);
        assert!(record.missing_trades(symbol).is_empty(), "{symbol}\n{}", record.told());
    }
}

type Book = BTreeMap<(bool, u64), f64>;

fn key(is_bid: bool, price: f64) -> (bool, u64) {
    (is_bid, price.to_bits())
}

/// A row of `feed_events`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Event {
    pub kind: String,
    pub symbol: Option<String>,
    pub dataset: Option<String>,
    pub channel: Option<String>,
    pub connection: Option<i64>,
    pub span: Option<(i64, Option<i64>)>,
    pub seq: Option<(i64, i64)>,
    pub missing: Option<i64>,
    pub count: Option<i64>,
    pub value: Option<i64>,
    pub detail: Option<String>,
}

impl Event {
    fn is_open_span(&self) -> bool {
        self.span.is_some_and(|(_, to)| to.is_none())
    }
}

/// A row of `book_deltas`.
#[derive(Clone, Debug)]
pub struct Delta {
    pub ts_recv: i64,
    pub symbol: String,
    pub action: String,
    pub is_bid: bool,
    pub price: f64,
    pub size: f64,
    pub flags: i32,
}

/// What is on the tapes.
pub struct Record {
    pub events: Vec<Event>,
    pub deltas: Vec<Delta>,
    /// Symbol and id.
    pub trades: Vec<(String, i64)>,
    pub quotes: Vec<String>,
    pub instruments: BTreeSet<String>,
}

impl Record {
    pub fn read(tapes: &Path, venue: &str) -> Self {
        let text = |batch: &Batch, name: &str, row| text(batch, name, row);
        Self {
            events: Self::events(tapes, venue),
            deltas: rows(tapes, "book_deltas", venue, |batch, row| Delta {
                ts_recv: int(batch, "ts_recv", row).unwrap(),
                symbol: text(batch, "symbol", row).unwrap(),
                action: text(batch, "action", row).unwrap(),
                is_bid: text(batch, "side", row).is_some_and(|side| side == "bid"),
                price: float(batch, "price", row),
                size: float(batch, "size", row),
                flags: batch.values::<i32>(column(batch, "flags")).unwrap()[row],
            }),
            trades: rows(tapes, "trades", venue, |batch, row| {
                (text(batch, "symbol", row).unwrap(), trade_id(batch, row))
            }),
            quotes: rows(tapes, "quotes", venue, |batch, row| text(batch, "symbol", row).unwrap()),
            instruments: rows(tapes, "instruments", venue, |batch, row| {
                text(batch, "symbol", row).unwrap()
            })
            .into_iter()
            .collect(),
        }
    }

    pub fn events(tapes: &Path, venue: &str) -> Vec<Event> {
        rows(tapes, "feed_events", venue, |batch, row| {
            let int = |name| int(batch, name, row);
            Event {
                kind: text(batch, "kind", row).unwrap(),
                symbol: text(batch, "symbol", row),
                dataset: text(batch, "dataset", row),
                channel: text(batch, "channel", row),
                connection: int("connection"),
                span: int("ts_from").map(|from| (from, int("ts_to"))),
                seq: int("seq_from").zip(int("seq_to")),
                missing: int("missing"),
                count: int("count"),
                value: int("value"),
                detail: string(batch, "detail", row),
            }
        })
    }

    /// Last picture, and rows after it.
    pub fn book(&self, symbol: &str) -> Book {
        let rows: Vec<_> = self.deltas.iter().filter(|row| row.symbol == symbol).collect();
        let picture = rows.iter().rposition(|row| row.action == "clear").unwrap_or(0);
        let mut book = Book::new();
        for row in &rows[picture..] {
            match row.action.as_str() {
                "clear" => book.clear(),
                "set" => drop(book.insert(key(row.is_bid, row.price), row.size)),
                _ => drop(book.remove(&key(row.is_bid, row.price))),
            }
        }
        book
    }

    /// Pictures that were written.
    pub fn pictures(&self, symbol: &str) -> usize {
        let is_picture = |row: &&Delta| {
            row.symbol == symbol && row.action == "clear" && row.flags & flags::SNAPSHOT != 0
        };
        self.deltas.iter().filter(is_picture).count()
    }

    pub fn trade_ids(&self, symbol: &str) -> Vec<i64> {
        self.trades.iter().filter(|(of, _)| of == symbol).map(|(_, id)| *id).collect()
    }

    /// Trades that are told to be missing.
    pub fn missing_trades(&self, symbol: &str) -> BTreeSet<i64> {
        let gaps =
            self.of("gap", symbol).filter(|event| event.dataset.as_deref() == Some("trades"));
        let spans = gaps.filter_map(|event| event.seq);
        spans.flat_map(|(from, to)| from..=to).collect()
    }

    pub fn of<'a>(&'a self, kind: &'a str, symbol: &'a str) -> impl Iterator<Item = &'a Event> {
        self.events
            .iter()
            .filter(move |event| event.kind == kind && event.symbol.as_deref() == Some(symbol))
    }

    pub fn count(&self, kind: &str) -> usize {
        self.events.iter().filter(|event| event.kind == kind).count()
    }

    /// What was whole before the gap is said to be clean, and the gap has an end, after which it is clean
    /// again.
    pub fn assert_gap_is_framed(&self, symbol: &str) {
        let of_book = |event: &&Event| event.dataset.as_deref() == Some("book_deltas");
        let gaps: Vec<_> = self.of("gap", symbol).filter(of_book).collect();
        let clean: Vec<_> = self.of("clean", symbol).filter(of_book).collect();
        let since = gaps[0].span.unwrap().0;
        let until = gaps.iter().filter_map(|gap| gap.span?.1).max().expect("an end of the gap");
        let ends_there = |event: &&Event| event.span.unwrap().1 == Some(since);
        let begins_there = |event: &&Event| event.span.unwrap().0 >= until;
        assert!(clean.iter().any(ends_there), "{symbol}\n{clean:#?}\n{gaps:#?}");
        assert!(clean.iter().any(begins_there), "{symbol}\n{clean:#?}\n{gaps:#?}");
        let inside = |event: &&Event| {
            event.span.is_some_and(|(from, to)| from < until && to.unwrap_or(i64::MAX) > since)
        };
        assert!(!clean.iter().any(inside), "{symbol}\n{clean:#?}\n{gaps:#?}");
        let unmarked = self.deltas.iter().filter(|row| {
            row.symbol == symbol
                && row.ts_recv > since
                && row.ts_recv < until
                && row.flags & flags::GAP == 0
        });
        assert_eq!(unmarked.count(), 0, "rows of a broken book without a mark, of {symbol}");
    }

    /// What was told, for people.
    pub fn told(&self) -> String {
        let usual = ["clean", "unverifiable", "subscribe", "subscribed"];
        let rare = self.events.iter().filter(|event| !usual.contains(&event.kind.as_str()));
        let line = |event: &Event| {
            let Event { kind, symbol, dataset, seq, missing, count, detail, .. } = event;
            let symbol = symbol.as_deref().unwrap_or("-");
            let dataset = dataset.as_deref().unwrap_or("-");
            let value = event.value;
            format!(
                "{kind} {symbol} {dataset} open {} seq {seq:?} missing {missing:?} count {count:?} \
                 value {value:?} {detail:?}\n",
                event.is_open_span()
            )
        };
        rare.map(line).collect()
    }
}

fn rows<T>(tapes: &Path, dataset: &str, venue: &str, row: impl Fn(&Batch, usize) -> T) -> Vec<T> {
    let folder = tapes.join(dataset).join(format!("test-{venue}"));
    let Ok(mut reader) = Reader::open(&folder, Start::First, false) else { return Vec::new() };
    let mut found = Vec::new();
    while let Polled::Rows(batch) = reader.poll(usize::MAX).unwrap() {
        found.extend((0..batch.len()).map(|place| row(&batch, place)));
    }
    found
}

fn column(batch: &Batch, name: &str) -> usize {
    batch.schema().index_of(name).unwrap()
}

fn is_set(batch: &Batch, column: usize, row: usize) -> bool {
    batch.validity(column).is_none_or(|nulls| nulls.is_valid(row))
}

/// A text of a dictionary.
fn text(batch: &Batch, name: &str, row: usize) -> Option<String> {
    let column = column(batch, name);
    if !is_set(batch, column, row) {
        return None;
    }
    let code = None
        .or_else(|| Some(i64::from(batch.values::<i8>(column)?[row])))
        .or_else(|| Some(i64::from(batch.values::<i16>(column)?[row])))
        .or_else(|| Some(i64::from(batch.values::<i32>(column)?[row])))?;
    batch.text(column, code).map(str::to_owned)
}

fn string(batch: &Batch, name: &str, row: usize) -> Option<String> {
    use arrow_array::cast::AsArray as _;
    let column = column(batch, name);
    let set = is_set(batch, column, row);
    set.then(|| batch.array(column).as_string::<i32>().value(row).to_owned())
}

fn int(batch: &Batch, name: &str, row: usize) -> Option<i64> {
    let column = column(batch, name);
    is_set(batch, column, row).then(|| batch.values::<i64>(column).unwrap()[row])
}

fn float(batch: &Batch, name: &str, row: usize) -> f64 {
    let column = column(batch, name);
    if is_set(batch, column, row) { batch.values::<f64>(column).unwrap()[row] } else { 0.0 }
}

fn trade_id(batch: &Batch, row: usize) -> i64 {
    int(batch, "trade_id", row).unwrap_or_else(|| {
        let id = string(batch, "trade_uid", row).unwrap();
        id.rsplit(|letter: char| !letter.is_ascii_digit()).next().unwrap().parse().unwrap()
    })
}
