//! Recorded streams yield the books, and the verdicts, that `venues.md` says.
//!
//! One line per recording. A file may have several instruments: each has a keeper of its own.

#[path = "../../wire/tests/recordings/mod.rs"]
mod recordings;

use std::collections::BTreeMap;

use recordings::{Recorded, collected, cryptofeed, lines};
use rustonite_book::{Keeper, L2Book, L3Book, Rules, State, Verdict, rules};
use rustonite_core::Decimal;
use rustonite_core::datasets::BookSide;
use rustonite_wire::{BookUpdate, Control, Feed, Frame, Level, OrdersUpdate, Sink, open};

/// What is counted over a recording.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Tally {
    anchored: usize,
    /// Changes that waited for a picture and were applied, or left out.
    buffered: usize,
    left_out: usize,
    applied: usize,
    crossed: usize,
    losses: usize,
    old: usize,
    checksums: u64,
    /// Numbers of the connection that do not follow the one before, where it counts its messages.
    breaks: usize,
}

/// Keepers of all instruments of a recording.
struct Kept {
    rules: Rules,
    levels: BTreeMap<String, Keeper<L2Book>>,
    orders: BTreeMap<String, Keeper<L3Book>>,
    tally: Tally,
    /// Spans of numbers of each change that was given to a keeper, and what became of it.
    log: Vec<(Option<i64>, Option<i64>, Verdict)>,
    /// The newest number of the connection.
    number: Option<i64>,
}

impl Kept {
    fn new(venue: &str, channel: &str) -> Self {
        Self {
            rules: rules(venue, channel).expect("rules"),
            levels: BTreeMap::new(),
            orders: BTreeMap::new(),
            tally: Tally::default(),
            log: Vec::new(),
            number: None,
        }
    }

    fn count(&mut self, verdict: &Verdict) {
        let tally = &mut self.tally;
        match verdict {
            Verdict::Applied => tally.applied += 1,
            Verdict::Crossed => {
                tally.applied += 1;
                tally.crossed += 1;
            }
            Verdict::Anchored { buffered, left_out } => {
                tally.anchored += 1;
                tally.buffered += buffered;
                tally.left_out += left_out;
            }
            Verdict::Old => tally.old += 1,
            loss => tally.losses += usize::from(loss.is_loss()),
        }
    }

    /// What was counted, and that all books are live.
    fn finish(mut self) -> Tally {
        assert!(self.levels.values().all(|keeper| keeper.state() == State::Live));
        assert!(self.orders.values().all(|keeper| keeper.state() == State::Live));
        self.tally.checksums = self.levels.values().map(Keeper::verified).sum::<u64>()
            + self.orders.values().map(Keeper::verified).sum::<u64>();
        self.tally
    }
}

impl Sink for Kept {
    fn book(&mut self, update: &BookUpdate<'_>) {
        let keeper = self.levels.entry(update.symbol.to_owned());
        let verdict = keeper.or_insert_with(|| Keeper::new(self.rules)).update(update);
        self.count(&verdict);
        self.log.push((update.seq_first, update.seq, verdict));
    }

    fn orders(&mut self, update: &OrdersUpdate<'_>) {
        let keeper = self.orders.entry(update.symbol.to_owned());
        let verdict = keeper.or_insert_with(|| Keeper::new(self.rules)).update(update);
        self.count(&verdict);
        self.log.push((None, update.seq, verdict));
    }

    fn control(&mut self, control: &Control<'_>) {
        match control {
            Control::Sequence(number) => {
                let is_next = self.number.is_none_or(|before| *number == before + 1);
                self.tally.breaks += usize::from(!is_next);
                self.number = Some(*number);
            }
            Control::Lost { .. } => self.tally.losses += 1,
            _ => {}
        }
    }
}

/// Decodes messages into keepers. Collectors write answers of REST among them, without a wrapper.
fn keep(venue: &str, symbol: &str, messages: &[Recorded], kept: &mut Kept) {
    let mut codec = open(venue).expect("a venue");
    for message in messages {
        let frame = Frame { ts_recv: message.ts_recv, data: &message.data };
        let read = if !symbol.is_empty() && message.data.starts_with(br#"{"lastUpdateId""#) {
            codec.decode_answer(&Feed::Book(symbol.to_owned()), frame, kept)
        } else {
            codec.decode(frame, kept)
        };
        read.unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&message.data)));
    }
}

/// A recording of one connection, by venue and channel.
fn run(venue: &str, channel: &str, symbol: &str, messages: Option<Vec<Recorded>>) -> Option<Kept> {
    let mut kept = Kept::new(venue, channel);
    keep(venue, symbol, &messages?, &mut kept);
    Some(kept)
}

/// A recording, and what it yields.
struct Recording {
    file: &'static str,
    read: fn(&str) -> Option<Vec<Recorded>>,
    venue: &'static str,
    channel: &'static str,
    pictures: usize,
    changes: usize,
    checksums: u64,
    /// A change that must be missed if it is left out, by its place among pictures and changes; `None`
    /// where the venue gives no means to notice.
    missed: Option<usize>,
}

impl Recording {
    fn check(&self) {
        let Some(kept) = run(self.venue, self.channel, "", (self.read)(self.file)) else { return };
        let expected = Tally {
            anchored: self.pictures,
            applied: self.changes,
            checksums: self.checksums,
            ..Tally::default()
        };
        assert_eq!(kept.finish(), expected, "{}", self.file);
        let Some(missed) = self.missed else { return };
        let tally = self.without(missed);
        assert!(tally.losses + tally.breaks > 0, "{}: nobody missed {missed}", self.file);
    }

    /// What is counted if the message with a change is left out.
    fn without(&self, missed: usize) -> Tally {
        let mut messages = (self.read)(self.file).expect("a recording");
        let mut kept = Kept::new(self.venue, self.channel);
        let mut codec = open(self.venue).expect("a venue");
        let place = messages.iter().position(|message| {
            let frame = Frame { ts_recv: message.ts_recv, data: &message.data };
            codec.decode(frame, &mut kept).expect("a message of the venue");
            kept.log.len() > missed
        });
        messages.remove(place.expect("a message with the change"));
        run(self.venue, self.channel, "", Some(messages)).expect("a recording").tally
    }
}

const SPOT: &str = "binance_spot/collector_btcusdt";

#[test]
fn binance_spot_meets_its_picture_and_goes_on_over_midnight() {
    let day = |day: &str| collected(&format!("{SPOT}_{day}.gz"));
    let Some(mut kept) = run("binance", "depth@100ms", "BTCUSDT", day("20240808")) else { return };
    let keeper = &kept.levels["BTCUSDT"];
    assert_eq!(keeper.seq(), Some(50_093_421_584));
    let waited = kept.log.iter().take_while(|entry| entry.2 == Verdict::Buffered);
    let waited: Vec<_> = waited.map(|(first, last, _)| (*first, *last)).collect();
    let picture = &kept.log[waited.len()];
    assert_eq!(picture.1, Some(50_093_239_218));
    assert_eq!(picture.2, Verdict::Anchored { buffered: 1, left_out: 2 });
    assert_eq!(waited.len(), 3);
    assert_eq!(waited[2], (Some(50_093_239_208), Some(50_093_239_224)));
    let tally = Tally { anchored: 1, buffered: 1, left_out: 2, applied: 3448, ..Tally::default() };
    assert_eq!(kept.tally, tally);

    let second = day("20240809").expect("the next day");
    keep("binance", "BTCUSDT", &second, &mut kept);
    assert_eq!(kept.log[3452].0, Some(50_093_421_585));
    assert_eq!(kept.finish(), Tally { applied: 3448 + 3044, ..tally });
}

#[test]
fn binance_usdm_chains() {
    let file = collected("binance_usdm/collector_btcusdt_20240808.gz");
    let Some(kept) = run("binance-usdm", "depth@100ms", "BTCUSDT", file) else { return };
    let first = kept.log.iter().find(|entry| entry.2 != Verdict::Buffered).expect("a picture");
    assert_eq!(first.1, Some(5_123_107_852_948));
    // The first change that the picture does not cover, wherever it was in the file.
    let changes = kept.log.iter().filter(|entry| entry.0.is_some());
    let applied = changes.clone().find(|entry| entry.1 >= Some(5_123_107_852_948));
    let (from, to, _) = applied.expect("a change");
    assert_eq!((*from, *to), (Some(5_123_107_850_310), Some(5_123_107_853_551)));
    // By the rule of spot nearly all of it would be gaps.
    let numbers: Vec<_> = changes.map(|(first, last, _)| (first.unwrap(), last.unwrap())).collect();
    let false_gaps = numbers.windows(2).filter(|pair| pair[1].0 != pair[0].1 + 1).count();
    assert_eq!((false_gaps, numbers.len() - 1), (6391, 6550));
    let tally = kept.finish();
    assert_eq!((tally.anchored, tally.losses, tally.old, tally.crossed), (1, 0, 0, 0));
    assert_eq!(tally.applied + tally.buffered + tally.left_out, 6551);
}

#[test]
fn binance_coinm_chains_and_goes_on_over_midnight() {
    let day = |day: &str| collected(&format!("binance_coinm/collector_btcusd_perp_{day}.gz"));
    let channel = "depth@100ms";
    let Some(mut kept) = run("binance-coinm", channel, "BTCUSD_PERP", day("20240808")) else {
        return;
    };
    let picture = kept.log.iter().find(|entry| entry.2 != Verdict::Buffered).expect("a picture");
    assert_eq!(picture.1, Some(1_007_198_635_033));
    assert_eq!(kept.levels["BTCUSD_PERP"].seq(), Some(1_007_202_248_021));
    let first_day = kept.tally;
    assert_eq!(first_day.applied + first_day.buffered + first_day.left_out, 26_847);
    let second = day("20240809").expect("the next day");
    keep("binance-coinm", "BTCUSD_PERP", &second, &mut kept);
    let tally = kept.finish();
    assert_eq!((tally.anchored, tally.losses, tally.old), (1, 0, 0));
    assert!(tally.applied > first_day.applied);
}

const RECORDINGS: &[Recording] = &[
    Recording {
        file: "bitfinex/cryptofeed_ws.txt",
        read: cryptofeed,
        venue: "bitfinex",
        channel: "book",
        pictures: 7,
        changes: 1593,
        checksums: 0,
        missed: Some(800),
    },
    Recording {
        file: "bitmex/cryptofeed_ws.txt",
        read: cryptofeed,
        venue: "bitmex",
        channel: "orderBookL2",
        pictures: 6,
        changes: 981 + 316 + 305,
        checksums: 0,
        // An insert: what is not inserted cannot be updated.
        missed: Some(109),
    },
    Recording {
        file: "bybit/ob500_xrpusdt_20241201_part1.jsonl",
        read: lines,
        venue: "bybit-linear",
        channel: "orderbook.500",
        pictures: 1,
        changes: 29,
        checksums: 0,
        missed: Some(15),
    },
    Recording {
        file: "coinbase_advanced/l2_btcusd_20260824.jsonl",
        read: lines,
        venue: "coinbase-advanced",
        channel: "level2",
        pictures: 1,
        changes: 10,
        checksums: 0,
        missed: Some(5),
    },
    Recording {
        file: "coinbase_exchange/cryptofeed_ws.txt",
        read: cryptofeed,
        venue: "coinbase",
        channel: "level2_batch",
        pictures: 6,
        changes: 6_348,
        checksums: 0,
        missed: None,
    },
    Recording {
        file: "deribit/cryptofeed_ws.txt",
        read: cryptofeed,
        venue: "deribit",
        channel: "book.raw",
        pictures: 7,
        changes: 32,
        checksums: 0,
        missed: Some(15),
    },
    Recording {
        file: "hyperliquid/collector_btc_20250126_part1.txt",
        read: collected,
        venue: "hyperliquid",
        channel: "l2Book",
        // No message is a change of the one before.
        pictures: 0,
        changes: 30,
        checksums: 0,
        missed: None,
    },
    Recording {
        file: "kraken/v2_book_minagbp_d25_resync_20260818.jsonl",
        read: lines,
        venue: "kraken",
        channel: "book",
        pictures: 2,
        changes: 17,
        checksums: 19,
        missed: Some(5),
    },
    Recording {
        file: "kraken_futures/cryptofeed_ws.txt",
        read: cryptofeed,
        venue: "kraken-futures",
        channel: "book",
        pictures: 6,
        changes: 4_744,
        checksums: 0,
        missed: Some(2_000),
    },
    Recording {
        file: "kraken_v1/cryptofeed_book1000.txt",
        read: cryptofeed,
        venue: "kraken",
        channel: "book",
        pictures: 7,
        changes: 2_540,
        checksums: 2_540,
        missed: Some(1_000),
    },
    Recording {
        file: "okx/cryptofeed_ws_2022.txt",
        read: cryptofeed,
        venue: "okx",
        channel: "books-l2-tbt",
        pictures: 2,
        changes: 195,
        checksums: 197,
        missed: Some(100),
    },
];

#[test]
fn recordings_yield_whole_books() {
    RECORDINGS.iter().for_each(Recording::check);
}

#[test]
fn changes_of_okx_without_a_picture_are_left_out() {
    let file = lines("okx/books_btcusdt_tail_20260824.jsonl");
    let Some(kept) = run("okx", "books", "", file) else { return };
    assert!(kept.log.iter().all(|entry| entry.2 == Verdict::Waiting), "{:?}", kept.log);
    assert_eq!(kept.log.len(), 3);
}

/// Books at the end of a recording, as cryptofeed 2.4.1 has them after its own `playback`: levels of
/// bids and asks, and the sum of price times size.
type Ends = &'static [(&'static str, [(usize, &'static str); 2])];

const KRAKEN_ENDS: Ends = &[
    ("ADA/XBT", [(707, "85.27619865753758090"), (840, "850.80919252054422900")]),
    ("ETH/CHF", [(278, "1083597.7101168051000"), (148, "4165331.3991180229000")]),
    ("GRT/ETH", [(60, "94.33514539069822300"), (73, "202.22290079903718800")]),
    ("OCEAN/XBT", [(153, "6.17459120505548070"), (248, "1033228.34636814908875990")]),
    ("OMG/USD", [(226, "630244.69168873228033"), (298, "5029726.86938961065460")]),
    ("XBT/CHF", [(500, "2269803.2666315260000"), (315, "19992743.4933378850000")]),
    ("XMR/USD", [(657, "2894290.7280590892000000"), (426, "28891995.0295153950000000")]),
];

const BITMEX_ENDS: Ends = &[
    ("EOSUSDT", [(112, "602657.6620"), (149, "1254735.3055")]),
    ("MATICUSDT", [(101, "595664.1867"), (68, "658756.5424")]),
    ("TRXU21", [(94, "166.3413739900"), (49, "29.3882958100")]),
    ("UNIUSDT", [(136, "8604663.985"), (123, "8257594.275")]),
    ("XBTUSD", [(5557, "4393047221850.0"), (3795, "4967466091300.0")]),
    ("XRPU21", [(116, "84.02283789"), (92, "68.56701857")]),
];

/// Levels of a side and the sum of price times size, exactly.
fn end(book: &L2Book, side: BookSide) -> (usize, i128) {
    let value = |level: Level| {
        let price = level.price.to_scale(10).expect("ten digits");
        price * level.size.to_scale(8).expect("eight digits")
    };
    (book.levels(side).count(), book.levels(side).map(value).sum())
}

#[test]
fn cryptofeed_has_the_same_books_in_the_end() {
    for (file, venue, channel, ends) in [
        ("kraken_v1/cryptofeed_book1000.txt", "kraken", "book", KRAKEN_ENDS),
        ("bitmex/cryptofeed_ws.txt", "bitmex", "orderBookL2", BITMEX_ENDS),
    ] {
        let Some(kept) = run(venue, channel, "", cryptofeed(file)) else { return };
        assert!(kept.levels.keys().eq(ends.iter().map(|(symbol, _)| *symbol)), "{file}");
        for (symbol, sides) in ends {
            let book = kept.levels[*symbol].book();
            let found = [BookSide::Bid, BookSide::Ask].map(|side| end(book, side));
            let value = |text: &str| text.parse::<Decimal>().expect("a number").to_scale(18);
            let expected = sides.map(|(levels, text)| (levels, value(text).expect("18 digits")));
            assert_eq!(found, expected, "{symbol}");
        }
    }
}
