//! Reads the shared recordings, which are not part of the project.
#![allow(dead_code, unreachable_pub, reason = "each test file uses some of it")]
#![allow(clippy::print_stderr, reason = "a skipped test must be seen")]

use std::collections::BTreeMap;
use std::io::Read;
use std::path::PathBuf;

use rustonite_core::Decimal;
use rustonite_core::datasets::{BookSide, draft};
use rustonite_wire::{BookUpdate, Control, OrdersUpdate, Sink};

/// Where a recording is; says so and returns `None` if it is not there.
pub fn fixture(name: &str) -> Option<PathBuf> {
    let beside = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/fixtures");
    let folder = std::env::var_os("RUSTONITE_FIXTURES").unwrap_or_else(|| beside.into());
    let path = PathBuf::from(folder).join(name);
    if path.exists() {
        return Some(path);
    }
    eprintln!("SKIPPED: no recording {}; set RUSTONITE_FIXTURES", path.display());
    None
}

/// A recording's bytes, unpacked if its name ends with `.gz`.
pub fn bytes(name: &str) -> Option<Vec<u8>> {
    let path = fixture(name)?;
    let packed = std::fs::read(&path).expect("a readable recording");
    if path.extension().is_none_or(|end| end != "gz") {
        return Some(packed);
    }
    let mut out = Vec::new();
    flate2::read::MultiGzDecoder::new(&packed[..])
        .read_to_end(&mut out)
        .expect("a whole recording");
    Some(out)
}

/// One recorded message.
#[derive(Clone, Debug)]
pub struct Recorded {
    /// When it was received.
    pub ts_recv: i64,
    /// Its bytes.
    pub data: Vec<u8>,
}

/// Lines of hftbacktest's collector: nanoseconds, a space, the message.
pub fn collected(name: &str) -> Option<Vec<Recorded>> {
    let all = bytes(name)?;
    let lines = all.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
    let line = |line: &[u8]| {
        let space = line.iter().position(|byte| *byte == b' ').expect("a space");
        let time = std::str::from_utf8(&line[..space]).expect("digits").parse().expect("a time");
        Recorded { ts_recv: time, data: line[space + 1..].to_vec() }
    };
    Some(lines.map(line).collect())
}

/// Received lines of cryptofeed's recordings: seconds, a colon, a space, the message.
pub fn cryptofeed(name: &str) -> Option<Vec<Recorded>> {
    let all = bytes(name)?;
    let text = String::from_utf8(all).expect("a recording of text");
    let line = |line: &str| {
        let (time, data) = line.split_once(": ")?;
        let seconds: f64 = time.parse().ok()?;
        #[allow(clippy::cast_possible_truncation, reason = "a time of this century")]
        Some(Recorded { ts_recv: (seconds * 1e6) as i64 * 1000, data: data.as_bytes().to_vec() })
    };
    Some(text.lines().filter_map(line).collect())
}

/// Received messages, one a line, of a file that may have what was sent among them.
pub fn lines(name: &str) -> Option<Vec<Recorded>> {
    let all = bytes(name)?;
    let lines = all.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
    let received = lines.filter(|line| !line.windows(9).any(|part| part == br#""params":"#));
    Some(received.map(|line| Recorded { ts_recv: 0, data: line.to_vec() }).collect())
}

/// Received messages of a file of requests and responses: each begins on a line with `<` or `=`,
/// those that were sent with `>`.
pub fn responses(name: &str) -> Option<Vec<String>> {
    let text = String::from_utf8(bytes(name)?).expect("a recording of text");
    let mut parts: Vec<String> = Vec::new();
    for line in text.trim_start_matches('\u{feff}').lines() {
        match parts.last_mut() {
            Some(part) if !line.starts_with(['<', '=', '>']) => part.push_str(line),
            _ => parts.push(line.to_owned()),
        }
    }
    let received = parts.iter().filter_map(|part| part.strip_prefix(['<', '=']));
    Some(received.map(|message| message.trim().to_owned()).collect())
}

/// Counts what a codec finds.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Counts {
    pub trades: usize,
    pub quotes: usize,
    pub pictures: usize,
    pub changes: usize,
    pub levels: usize,
    pub orders: usize,
    pub tops: usize,
    pub tickers: usize,
    pub liquidations: usize,
    pub bars: usize,
    pub instruments: usize,
    pub unknown: usize,
}

impl Sink for Counts {
    fn trade(&mut self, _: &draft::Trades<'_>) {
        self.trades += 1;
    }
    fn quote(&mut self, _: &draft::Quotes<'_>) {
        self.quotes += 1;
    }
    fn book(&mut self, update: &BookUpdate<'_>) {
        self.pictures += usize::from(update.is_snapshot);
        self.changes += usize::from(!update.is_snapshot);
        self.levels += update.levels.len();
    }
    fn orders(&mut self, update: &OrdersUpdate<'_>) {
        self.pictures += usize::from(update.is_snapshot);
        self.changes += usize::from(!update.is_snapshot);
        self.orders += update.orders.len();
    }
    fn top(&mut self, _: &draft::BookSnapshots<'_>) {
        self.tops += 1;
    }
    fn ticker(&mut self, _: &draft::Tickers<'_>) {
        self.tickers += 1;
    }
    fn liquidation(&mut self, _: &draft::Liquidations<'_>) {
        self.liquidations += 1;
    }
    fn bar(&mut self, _: &draft::Bars<'_>) {
        self.bars += 1;
    }
    fn instrument(&mut self, _: &draft::Instruments<'_>) {
        self.instruments += 1;
    }
    fn control(&mut self, control: &Control<'_>) {
        self.unknown += usize::from(matches!(control, Control::Unknown(_)));
    }
}

/// Gives everything to two.
#[derive(Debug, Default)]
pub struct Both<A, B>(pub A, pub B);

impl<A: Sink, B: Sink> Sink for Both<A, B> {
    fn trade(&mut self, row: &draft::Trades<'_>) {
        self.0.trade(row);
        self.1.trade(row);
    }
    fn quote(&mut self, row: &draft::Quotes<'_>) {
        self.0.quote(row);
        self.1.quote(row);
    }
    fn book(&mut self, update: &BookUpdate<'_>) {
        self.0.book(update);
        self.1.book(update);
    }
    fn orders(&mut self, update: &OrdersUpdate<'_>) {
        self.0.orders(update);
        self.1.orders(update);
    }
    fn top(&mut self, row: &draft::BookSnapshots<'_>) {
        self.0.top(row);
        self.1.top(row);
    }
    fn ticker(&mut self, row: &draft::Tickers<'_>) {
        self.0.ticker(row);
        self.1.ticker(row);
    }
    fn liquidation(&mut self, row: &draft::Liquidations<'_>) {
        self.0.liquidation(row);
        self.1.liquidation(row);
    }
    fn bar(&mut self, row: &draft::Bars<'_>) {
        self.0.bar(row);
        self.1.bar(row);
    }
    fn instrument(&mut self, row: &draft::Instruments<'_>) {
        self.0.instrument(row);
        self.1.instrument(row);
    }
    fn control(&mut self, control: &Control<'_>) {
        self.0.control(control);
        self.1.control(control);
    }
}

/// A book as plain as can be. Its prices and sizes print the digits that the venue sent.
#[derive(Debug, Default)]
pub struct PlainBook {
    pub bids: BTreeMap<Decimal, Decimal>,
    pub asks: BTreeMap<Decimal, Decimal>,
}

impl PlainBook {
    pub fn apply(&mut self, update: &BookUpdate<'_>) {
        if update.is_snapshot {
            *self = Self::default();
        }
        for level in update.levels {
            let side = if level.side == BookSide::Bid { &mut self.bids } else { &mut self.asks };
            // A key keeps the digits it came with first.
            side.remove(&level.price);
            if !level.size.is_zero() {
                side.insert(level.price, level.size);
            }
        }
        let depth = update.depth.unwrap_or(usize::MAX);
        while self.bids.len() > depth {
            self.bids.pop_first();
        }
        while self.asks.len() > depth {
            self.asks.pop_last();
        }
    }
}
