//! Measures books. Every line is `name<TAB>figures`; `benches/run.py` shows them.
//!
//! `book [FOLDER]`: FOLDER has the shared recordings; without it only generated data is used.

use std::error::Error;
use std::hint::black_box;
use std::io::Read as _;
use std::ops::Range;
use std::path::Path;
use std::time::Instant;

use hdrhistogram::Histogram;
use rustonite_benches::{keep, percentiles};
use rustonite_book::{Checksum, Keeper, L2Book, L3Book, OrderId, State, Verdict, rules};
use rustonite_core::Decimal;
use rustonite_core::datasets::BookSide;
use rustonite_wire::{BookUpdate, Feed, Frame, Level, Sink, open};

type Result<T> = std::result::Result<T, Box<dyn Error>>;

const LEVELS: i64 = 1000;
const UPDATES: usize = 200_000;
const ROUNDS: usize = 10;

fn main() -> Result<()> {
    let timer = timer_ns()?;
    println!("cost of reading the clock, in each single timing\tp50 {timer} ns");
    generated(1, 0, "a level on each tick")?;
    generated(25, 0, "a level on each 25th cent, which is the tick then")?;
    // One finer price, and the book has to count in cents.
    generated(25, 1, "a level on each 25th tick, most of them in the list")?;
    orders()?;
    if let Some(folder) = std::env::args().nth(1) {
        recorded(Path::new(&folder))?;
    }
    Ok(())
}

/// Small numbers that look random, the same each time.
struct Random(u64);

impl Random {
    fn below(&mut self, end: i64) -> i64 {
        // xorshift64
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        i64::try_from(self.0 % end.unsigned_abs()).unwrap_or(0)
    }
}

fn level(side: BookSide, ticks: i64, size: i64) -> Result<Level> {
    // As Binance prints: eight decimals, of which two are used.
    let price = Decimal::new(i128::from(ticks) * 1_000_000, -8)?;
    Ok(Level { side, price, size: Decimal::new(size.into(), -3)?, count: None })
}

/// Changes near a touch that wanders, on a grid of `step` ticks. All but a few removals are undone
/// later, so that the number of levels stays about the same.
fn changes(step: i64) -> Result<Vec<Level>> {
    let mut random = Random(88_172_645_463_325_252);
    let mut middle = 6_000_000 / step;
    let mut levels = Vec::with_capacity(UPDATES);
    for side in [BookSide::Bid, BookSide::Ask] {
        for distance in 1..=LEVELS {
            levels.push(level(side, at(side, middle, distance) * step, 1 + distance)?);
        }
    }
    while levels.len() < UPDATES {
        if random.below(20) == 0 {
            let up = random.below(2) == 0;
            middle += if up { 1 } else { -1 };
            // The level that was crossed goes, and one appears on the other side.
            let (gone, new) =
                if up { (BookSide::Ask, BookSide::Bid) } else { (BookSide::Bid, BookSide::Ask) };
            levels.push(level(gone, at(gone, middle, 0) * step, 0)?);
            levels.push(level(new, at(new, middle, 1) * step, 1 + random.below(9999))?);
            levels.push(level(gone, at(gone, middle, LEVELS) * step, 1 + random.below(9999))?);
            levels.push(level(new, at(new, middle, LEVELS + 1) * step, 0)?);
            continue;
        }
        let side = if random.below(2) == 0 { BookSide::Bid } else { BookSide::Ask };
        // Most changes are near the touch: a product of two draws leans to small numbers.
        let distance = 1 + random.below(LEVELS) * random.below(LEVELS) / LEVELS;
        let size = if random.below(8) == 0 { 0 } else { 1 + random.below(1_000_000) };
        levels.push(level(side, at(side, middle, distance) * step, size)?);
    }
    Ok(levels)
}

fn at(side: BookSide, middle: i64, distance: i64) -> i64 {
    if side == BookSide::Bid { middle - distance } else { middle + distance }
}

fn generated(step: i64, odd: i64, name: &str) -> Result<()> {
    let levels = changes(step)?;
    let mut book = L2Book::new();
    book.set(&level(BookSide::Bid, 1_000_000 + odd, 1)?)?;
    book.apply(&levels)?;
    // The same prices again do not begin where they ended: one unmeasured jump back.
    let (mut mean, mut single) = (f64::INFINITY, Histogram::<u64>::new(3)?);
    for _ in 0..ROUNDS {
        book.apply(&levels[..2000])?;
        let started = Instant::now();
        for level in &levels[2000..] {
            black_box(book.set(level)?);
        }
        let count = levels.len() - 2000;
        mean = mean.min(started.elapsed().as_nanos() as f64 / count as f64);
    }
    for level in &levels[2000..] {
        let started = Instant::now();
        black_box(book.set(level)?);
        single.record(u64::try_from(started.elapsed().as_nanos())?)?;
    }
    let held = book.len(BookSide::Bid) + book.len(BookSide::Ask);
    report(&format!("L2 update, {held} levels, {name}"), mean, &single)?;
    if odd == 0 && step == 1 {
        best(&book);
        checksums(&book);
    }
    Ok(())
}

fn checksums(book: &L2Book) {
    let mut text = String::new();
    for (name, rule) in
        [("Kraken", Checksum::Kraken), ("OKX", Checksum::Okx), ("Bitfinex", Checksum::Bitfinex)]
    {
        let started = Instant::now();
        for _ in 0..100_000 {
            black_box(rule.of_levels(black_box(book), &mut text));
        }
        let mean = started.elapsed().as_nanos() as f64 / 1e5;
        println!("checksum of {name}\tmean {mean:.0} ns over {} bytes", text.len());
    }
}

fn best(book: &L2Book) {
    let started = Instant::now();
    for _ in 0..1_000_000 {
        black_box(black_box(book).best(BookSide::Bid));
    }
    println!("best bid as decimals\tmean {:.1} ns", started.elapsed().as_nanos() as f64 / 1e6);
}

fn orders() -> Result<()> {
    let mut book = L3Book::new();
    let mut random = Random(88_172_645_463_325_252);
    let mut live = Vec::new();
    let mut times = Histogram::<u64>::new(3)?;
    let (mut next, mut total, mut count) = (0, 0, 0_u64);
    while count < 1_000_000 {
        let side = if random.below(2) == 0 { BookSide::Bid } else { BookSide::Ask };
        let price = level(side, at(side, 6_000_000, 1 + random.below(LEVELS)), 0)?.price;
        let size = Decimal::new((1 + random.below(99_999)).into(), -3)?;
        let gone = (live.len() > 10_000)
            .then(|| live.swap_remove(usize::try_from(random.below(10_000)).unwrap_or(0)));
        let started = Instant::now();
        match &gone {
            Some(id) => {
                black_box(book.remove(&OrderId::Number(*id)));
            }
            None => {
                black_box(book.add(OrderId::Number(next), side, price, size, None)?);
            }
        }
        let elapsed = u64::try_from(started.elapsed().as_nanos())?;
        if gone.is_none() {
            live.push(next);
            next += 1;
        }
        times.record(elapsed)?;
        total += elapsed;
        count += 1;
    }
    let mean = total as f64 / count as f64;
    report(&format!("L3 add or remove, {} orders, clock included", book.count()), mean, &times)
}

/// Updates of a recording, decoded.
#[derive(Default)]
struct Decoded {
    updates: Vec<(BookUpdate<'static>, Range<usize>)>,
    levels: Vec<Level>,
}

impl Sink for Decoded {
    fn book(&mut self, update: &BookUpdate<'_>) {
        let start = self.levels.len();
        self.levels.extend_from_slice(update.levels);
        let &BookUpdate { ts_event, ts_recv, is_snapshot, seq_first, seq, seq_prev, .. } = update;
        let kept = BookUpdate {
            ts_event,
            ts_recv,
            is_snapshot,
            seq_first,
            seq,
            seq_prev,
            ..BookUpdate::default()
        };
        self.updates.push((kept, start..self.levels.len()));
    }
}

fn decoded(folder: &Path) -> Result<Decoded> {
    let packed = std::fs::read(folder.join("binance_usdm/collector_btcusdt_20240808.gz"))?;
    let mut text = Vec::new();
    flate2::read::MultiGzDecoder::new(&packed[..]).read_to_end(&mut text)?;
    let mut codec = open("binance-usdm").ok_or("no codec")?;
    let mut decoded = Decoded::default();
    for line in text.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
        let space = line.iter().position(|byte| *byte == b' ').ok_or("no time")?;
        let frame = Frame { ts_recv: 0, data: &line[space + 1..] };
        if frame.data.starts_with(b"{\"stream\"") {
            codec.decode(frame, &mut decoded)?;
        } else {
            codec.decode_answer(&Feed::Book("BTCUSDT".into()), frame, &mut decoded)?;
        }
    }
    Ok(decoded)
}

fn recorded(folder: &Path) -> Result<()> {
    let Decoded { updates, levels } = decoded(folder)?;
    let (mut bare, mut kept) = (f64::INFINITY, f64::INFINITY);
    let mut held = 0;
    for _ in 0..ROUNDS {
        let mut book = L2Book::new();
        let started = Instant::now();
        for (_, range) in &updates {
            book.apply(&levels[range.clone()])?;
            black_box(book.crossed());
        }
        bare = bare.min(started.elapsed().as_nanos() as f64);
        held = book.len(BookSide::Bid) + book.len(BookSide::Ask);

        let mut keeper: Keeper = Keeper::new(rules("binance-usdm", "depth").ok_or("no rules")?);
        let started = Instant::now();
        for (update, range) in &updates {
            let update = BookUpdate { levels: &levels[range.clone()], ..*update };
            black_box(keeper.update(&update) == Verdict::Applied);
        }
        kept = kept.min(started.elapsed().as_nanos() as f64);
        assert_eq!(keeper.state(), State::Live, "the recording has no gap");
    }
    let mut book = L2Book::new();
    let mut single = Histogram::<u64>::new(3)?;
    for level in &levels {
        let started = Instant::now();
        black_box(book.set(level)?);
        single.record(u64::try_from(started.elapsed().as_nanos())?)?;
    }
    let name = format!("L2 update, Binance USD-M recording, {held} levels at its end");
    report(&name, bare / levels.len() as f64, &single)?;
    println!(
        "keeper on the same recording\tmean {:.1} ns/level, {:.0} ns/message of {:.1} levels; {:.0} \
         ns/message more than the bare book",
        kept / levels.len() as f64,
        kept / updates.len() as f64,
        levels.len() as f64 / updates.len() as f64,
        (kept - bare) / updates.len() as f64,
    );
    let mean = kept / levels.len() as f64;
    Ok(keep(
        "Books",
        "L2 update with the venue's rules checked, the same recording",
        "ns",
        &[("mean", mean)],
    )?)
}

fn timer_ns() -> Result<u64> {
    let mut times = Histogram::<u64>::new(3)?;
    for _ in 0..100_000 {
        let started = Instant::now();
        times.record(u64::try_from(started.elapsed().as_nanos())?)?;
    }
    Ok(times.value_at_quantile(0.5))
}

fn report(name: &str, mean: f64, single: &Histogram<u64>) -> Result<()> {
    let at = |quantile| single.value_at_quantile(quantile);
    println!(
        "{name}\tmean {mean:.1} ns; single, clock included: p50 {}, p90 {}, p99 {}, p99.9 {} ns, \
         slowest {:.1} us",
        at(0.5),
        at(0.9),
        at(0.99),
        at(0.999),
        single.max() as f64 / 1e3,
    );
    let mut figures = vec![("mean", mean)];
    figures.extend(percentiles(single, 1.0));
    Ok(keep("Books", name, "ns", &figures)?)
}
