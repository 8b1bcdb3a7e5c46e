//! Recorded markets as tapes.

use std::io::Read as _;
use std::path::PathBuf;

use rustonite_core::Decimal;
use rustonite_core::datasets::{Aggressor, BookSide, draft};
use rustonite_wire::{BookUpdate, Feed, Frame, Sink, open};

use super::measure::{Seen, Tape};

/// A recording, and how its numbers are counted.
pub(crate) struct Recording {
    pub(crate) name: &'static str,
    pub(crate) venue: &'static str,
    symbol: &'static str,
    /// Each goes on where the one before it ends.
    files: &'static [&'static str],
    price_decimals: i32,
    size_decimals: i32,
}

/// Five to eleven minutes each, around a midnight of August 2024.
pub(crate) const RECORDINGS: [Recording; 3] = [
    Recording {
        name: "spot",
        venue: "binance",
        symbol: "BTCUSDT",
        files: &[
            "binance_spot/collector_btcusdt_20240808.gz",
            "binance_spot/collector_btcusdt_20240809.gz",
        ],
        price_decimals: 2,
        size_decimals: 8,
    },
    Recording {
        name: "USD-M",
        venue: "binance-usdm",
        symbol: "BTCUSDT",
        files: &["binance_usdm/collector_btcusdt_20240808.gz"],
        price_decimals: 1,
        size_decimals: 3,
    },
    Recording {
        name: "COIN-M",
        venue: "binance-coinm",
        symbol: "BTCUSD_PERP",
        files: &[
            "binance_coinm/collector_btcusd_perp_20240808.gz",
            "binance_coinm/collector_btcusd_perp_20240809.gz",
        ],
        price_decimals: 1,
        size_decimals: 0,
    },
];

impl Recording {
    /// `None`, and a word about it, if the recordings are not there.
    pub(crate) fn tape(&self) -> Option<Tape> {
        let codec = open(self.venue).expect("a codec");
        let mut reader = Reader { recording: self, tape: Vec::new(), seq: 0 };
        let mut codec = codec;
        for file in self.files {
            for line in unpacked(file)?.split(|byte| *byte == b'\n') {
                let Some(space) = line.iter().position(|byte| *byte == b' ') else { continue };
                let ts_recv = std::str::from_utf8(&line[..space]).expect("digits");
                let ts_recv = ts_recv.parse().expect("a time");
                let frame = Frame { ts_recv, data: &line[space + 1..] };
                if frame.data.starts_with(b"{\"stream\"") {
                    codec.decode(frame, &mut reader).expect("a message");
                } else {
                    let book = Feed::Book(self.symbol.into());
                    codec.decode_answer(&book, frame, &mut reader).expect("an answer");
                }
            }
        }
        Some(reader.tape)
    }
}

fn unpacked(name: &str) -> Option<Vec<u8>> {
    let beside = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/fixtures");
    let folder = std::env::var_os("RUSTONITE_FIXTURES").unwrap_or_else(|| beside.into());
    let path = PathBuf::from(folder).join(name);
    let Ok(packed) = std::fs::read(&path) else {
        eprintln!("SKIPPED: no recording {}; set RUSTONITE_FIXTURES", path.display());
        return None;
    };
    let mut text = Vec::new();
    flate2::read::MultiGzDecoder::new(&packed[..]).read_to_end(&mut text).expect("whole");
    Some(text)
}

struct Reader<'a> {
    recording: &'a Recording,
    tape: Tape,
    /// Changes up to this one are in the picture already.
    seq: i64,
}

impl Reader<'_> {
    fn ticks(&self, price: f64) -> i64 {
        (price * 10_f64.powi(self.recording.price_decimals)).round() as i64
    }
}

impl Sink for Reader<'_> {
    fn trade(&mut self, row: &draft::Trades<'_>) {
        let buys = row.side == Aggressor::Buy;
        let size = (row.size * 10_f64.powi(self.recording.size_decimals)).round() as i64;
        // Trades of one order have the same time. So have some of two, but rarely.
        self.tape.push((row.ts_recv, Seen::Trade { buys, size, taker: row.ts_event }));
    }

    fn quote(&mut self, row: &draft::Quotes<'_>) {
        let prices = row.bid_price.zip(row.ask_price);
        let touch = prices.map(|(bid, ask)| (self.ticks(bid), self.ticks(ask)));
        self.tape.extend(touch.map(|(bid, ask)| (row.ts_recv, Seen::Touch { bid, ask })));
    }

    fn book(&mut self, update: &BookUpdate<'_>) {
        let seq = update.seq.unwrap_or(0);
        if update.is_snapshot {
            self.seq = seq;
            self.tape.push((update.ts_recv, Seen::Unknown));
        } else if seq <= self.seq {
            return;
        }
        for level in update.levels {
            let (bid, price) = (level.side == BookSide::Bid, level.price);
            let price = count(price, self.recording.price_decimals);
            let size = count(level.size, self.recording.size_decimals);
            self.tape.push((update.ts_recv, Seen::Level { bid, price, size }));
        }
    }
}

fn count(value: Decimal, decimals: i32) -> i64 {
    let count = value.to_scale(decimals).expect("no more decimals");
    i64::try_from(count).expect("small")
}
