//! Measures how fast recorded messages become rows and checked books. Every line is
//! `name<TAB>messages<TAB>bytes<TAB>seconds`; `benches/feed.py` shows them beside the peers.
//!
//! `decode FOLDER`: FOLDER has the shared recordings.

use std::collections::HashMap;
use std::error::Error;
use std::hint::black_box;
use std::io::Read as _;
use std::path::Path;
use std::time::Instant;

use rustonite_book::{Keeper, L2Book, Rules, rules};
use rustonite_core::datasets::draft;
use rustonite_wire::{BookUpdate, Feed, Frame, Sink, open};

type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// Seconds that each recording is read again and again.
const PATIENCE_S: f64 = 1.0;

/// A recording: venue, channel of its books, file, and the instrument of pictures by REST in it.
const RECORDINGS: &[(&str, &str, &str, &str)] = &[
    ("binance-usdm", "depth", "binance_usdm/collector_btcusdt_20240808.gz", "BTCUSDT"),
    ("binance-coinm", "depth", "binance_coinm/collector_btcusd_perp_20240808.gz", "BTCUSD_PERP"),
    ("binance", "depth", "binance_spot/collector_btcusdt_20240808.gz", "BTCUSDT"),
    ("okx", "books", "okx/cryptofeed_ws_2022.txt", ""),
    ("kraken", "book", "kraken_v1/cryptofeed_book1000.txt", ""),
    ("kraken-futures", "book", "kraken_futures/cryptofeed_ws.txt", ""),
    ("coinbase", "level2_batch", "coinbase_exchange/cryptofeed_ws.txt", ""),
    ("bitmex", "orderBookL2", "bitmex/cryptofeed_ws.txt", ""),
    ("bitfinex", "book", "bitfinex/cryptofeed_ws.txt", ""),
    ("deribit", "book", "deribit/cryptofeed_ws.txt", ""),
];

fn main() -> Result<()> {
    let folder = std::env::args().nth(1).ok_or("usage: decode FOLDER")?;
    for (venue, channel, file, symbol) in RECORDINGS {
        let messages = read(&Path::new(&folder).join(file))?;
        let bytes: usize = messages.iter().map(Vec::len).sum();
        let seconds = best(venue, channel, symbol, &messages)?;
        println!("{venue}\t{}\t{bytes}\t{seconds}", messages.len());
    }
    Ok(())
}

/// The messages of a recording, without what its lines begin with.
fn read(path: &Path) -> Result<Vec<Vec<u8>>> {
    let packed = std::fs::read(path)?;
    let mut text = Vec::new();
    if path.extension().is_some_and(|end| end == "gz") {
        flate2::read::MultiGzDecoder::new(&packed[..]).read_to_end(&mut text)?;
    } else {
        text = packed;
    }
    // Lines that do not begin with a time are of the recorder itself.
    let lines = text
        .split(|byte| *byte == b'\n')
        .filter(|line| line.first().is_some_and(u8::is_ascii_digit));
    let message = |line: &[u8]| {
        let space = line.iter().position(|byte| *byte == b' ')?;
        Some(line[space + 1..].to_vec())
    };
    Ok(lines.filter_map(message).collect())
}

/// The shortest time in which all messages were read.
fn best(venue: &str, channel: &str, symbol: &str, messages: &[Vec<u8>]) -> Result<f64> {
    let rules = rules(venue, channel).ok_or("no rules")?;
    let (mut best, begun) = (f64::INFINITY, Instant::now());
    while begun.elapsed().as_secs_f64() < PATIENCE_S || best.is_infinite() {
        let mut codec = open(venue).ok_or("no codec")?;
        let mut books = Books { rules, keepers: HashMap::new(), rows: 0 };
        let started = Instant::now();
        for data in messages {
            let frame = Frame { ts_recv: 1_700_000_000_000_000_000, data };
            if data.starts_with(b"{\"lastUpdateId\"") {
                codec.decode_answer(&Feed::Book(symbol.to_owned()), frame, &mut books)?;
            } else {
                // What peers refuse, too, is counted as read.
                let _ = codec.decode(frame, &mut books);
            }
        }
        best = best.min(started.elapsed().as_secs_f64());
        black_box(books.rows);
    }
    Ok(best)
}

/// Keeps a checked book of each instrument, and makes the numbers of every row.
struct Books {
    rules: Rules,
    keepers: HashMap<String, Keeper<L2Book>>,
    rows: usize,
}

impl Sink for Books {
    fn trade(&mut self, row: &draft::Trades<'_>) {
        black_box(row);
        self.rows += 1;
    }

    fn quote(&mut self, row: &draft::Quotes<'_>) {
        black_box(row);
        self.rows += 1;
    }

    fn ticker(&mut self, row: &draft::Tickers<'_>) {
        black_box(row);
        self.rows += 1;
    }

    fn book(&mut self, update: &BookUpdate<'_>) {
        if !self.keepers.contains_key(update.symbol) {
            self.keepers.insert(update.symbol.to_owned(), Keeper::new(self.rules));
        }
        if let Some(keeper) = self.keepers.get_mut(update.symbol) {
            black_box(keeper.update(update));
        }
        for level in update.levels {
            black_box((level.price.to_f64_flagged(), level.size.to_f64_flagged()));
        }
        self.rows += update.levels.len();
    }
}
