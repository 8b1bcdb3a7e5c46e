//! Measures replays with own orders. Every line is `name<TAB>figures`.
//!
//! Generated data; given the folder of the shared recordings, a recorded market of Binance USD-M as
//! well. `replay_queue dump FILE` writes the generated data instead, for peers.

use std::error::Error;
use std::io::{Read as _, Write as _};
use std::path::Path;
use std::time::Instant;

use rustonite_benches::keep;
use rustonite_core::Decimal;
use rustonite_core::datasets::{Aggressor, BookSide, draft};
use rustonite_sim::{
    Amount, Desk, Expiry, FeedClock, Fees, Latency, LatencyConfig, OwnId, OwnOrder, Penetration,
    QueueModel, Recorded, Replay, ReplayConfig, Report, Side, Strategy, Told, What,
};
use rustonite_wire::{BookUpdate, Feed, Frame, Sink, open};

type Result<T> = std::result::Result<T, Box<dyn Error>>;

const EVENTS: usize = 1_000_000;
const ROUNDS: usize = 5;
/// Events between two renewals of the quotes.
const RENEWAL: u64 = 200;
const MODELS: [(&str, QueueModel); 3] = [
    ("risk-averse", QueueModel::RiskAverse),
    ("power of 3", QueueModel::Power(3.0)),
    ("logarithm", QueueModel::Log),
];

fn main() -> Result<()> {
    if let [_, word, path] = &std::env::args().collect::<Vec<_>>()[..]
        && word == "dump"
    {
        return dump(Path::new(path));
    }
    measure("generated", &generated())?;
    match std::env::args_os().nth(1) {
        Some(folder) => measure("Binance USD-M recording", &recorded(Path::new(&folder))?)?,
        None => eprintln!("not measured: no folder of recordings was given"),
    }
    Ok(())
}

/// Quotes two levels on both sides of the last trade.
#[derive(Default)]
struct Quoter {
    seen: u64,
    last_price: i64,
    open: Vec<OwnId>,
    orders: u64,
    fills: u64,
}

impl Strategy for Quoter {
    #[inline]
    fn seen(&mut self, event: &Recorded, desk: &mut Desk) {
        if let What::Trade { price, .. } = event.what {
            self.last_price = price;
        }
        self.seen += 1;
        if self.seen.is_multiple_of(RENEWAL) && self.last_price > 0 {
            self.renew(desk);
        }
    }

    fn told(&mut self, report: &Report, _: &mut Desk) {
        self.fills += u64::from(matches!(report.told, Told::Filled { .. }));
    }
}

impl Quoter {
    fn renew(&mut self, desk: &mut Desk) {
        self.open.drain(..).for_each(|order| desk.cancel(order));
        for distance in 1..=2 {
            for (side, price) in
                [(Side::Buy, self.last_price - distance), (Side::Sell, self.last_price + distance)]
            {
                let (price, expiry) = (Some(price), Expiry::Never);
                let order = OwnOrder { side, price, quantity: 10, expiry, post_only: true };
                self.open.push(desk.place(order));
                self.orders += 1;
            }
        }
    }
}

fn measure(name: &str, events: &[Recorded]) -> Result<()> {
    for (model_name, queue) in MODELS {
        let (mut best_ns, mut orders, mut fills) = (f64::INFINITY, 0, 0);
        for _ in 0..ROUNDS {
            let config = ReplayConfig {
                queue,
                penetration: Penetration::Whole,
                feed: FeedClock::Modelled,
                late_ns: 100_000_000,
                fees: Fees { maker_ppm: 200, taker_ppm: 500 },
                unit: Amount(100_000_000_000_000),
            };
            let latency = Latency::new(&LatencyConfig::constant(2_000_000));
            let mut replay = Replay::new(&config, latency);
            let mut quoter = Quoter::default();
            let started = Instant::now();
            events.iter().for_each(|event| replay.event(event, &mut quoter));
            best_ns = best_ns.min(started.elapsed().as_nanos() as f64);
            (orders, fills) = (quoter.orders, quoter.fills);
        }
        println!(
            "replay, {name}, {model_name}\t{:.1} M events/s, {:.1} ns/event; {} events, {orders} own \
             orders, {fills} fills",
            events.len() as f64 * 1e3 / best_ns,
            best_ns / events.len() as f64,
            events.len(),
        );
        let rate = events.len() as f64 * 1e3 / best_ns;
        let what = format!("replay with own orders, {name}, {model_name}");
        keep("Replay", &what, "M events/s", &[("best", rate)])?;
    }
    Ok(())
}

/// Changes near a touch that wanders, and trades at it.
fn generated() -> Vec<Recorded> {
    let mut random = fastrand::Rng::with_seed(1);
    let (mut at, mut middle) = (0, 600_000);
    let mut events = Vec::with_capacity(EVENTS);
    while events.len() < EVENTS {
        at += random.i64(0..200_000);
        if random.i64(0..50) == 0 {
            let up = random.i64(0..2) == 0;
            middle += if up { 1 } else { -1 };
            // The level that was crossed goes.
            let side = if up { Side::Sell } else { Side::Buy };
            events.push(recorded_at(at, What::Level { side, price: middle, quantity: 0 }));
        }
        let side = if random.i64(0..2) == 0 { Side::Buy } else { Side::Sell };
        let sign = if side == Side::Buy { -1 } else { 1 };
        let what = if random.i64(0..10) == 0 {
            let quantity = 1 + random.i64(0..200);
            What::Trade { taker: side.opposite(), price: middle + sign, quantity }
        } else {
            // Most changes are near the touch: a product of two draws leans to small numbers.
            let distance = 1 + random.i64(0..500) * random.i64(0..500) / 500;
            let quantity = if random.i64(0..8) == 0 { 0 } else { 1 + random.i64(0..1000) };
            What::Level { side, price: middle + sign * distance, quantity }
        };
        events.push(recorded_at(at, what));
    }
    events
}

/// Writes the generated events for `benches/replay_peers.py`: five numbers of eight bytes each.
fn dump(path: &Path) -> Result<()> {
    let mut file = std::io::BufWriter::new(std::fs::File::create(path)?);
    for event in generated() {
        let (is_trade, side, price, quantity) = match event.what {
            What::Trade { taker, price, quantity } => (1, taker, price, quantity),
            What::Level { side, price, quantity } => (0, side, price, quantity),
            _ => continue,
        };
        for number in [event.at, is_trade, i64::from(side == Side::Buy), price, quantity] {
            file.write_all(&number.to_le_bytes())?;
        }
    }
    Ok(file.flush()?)
}

fn recorded_at(at: i64, what: What) -> Recorded {
    Recorded { at, received: at, what }
}

/// Events of a recording whose prices have one decimal and whose sizes three.
#[derive(Default)]
struct Collected(Vec<Recorded>);

impl Sink for Collected {
    fn trade(&mut self, row: &draft::Trades<'_>) {
        let taker = if row.side == Aggressor::Sell { Side::Sell } else { Side::Buy };
        let price = (row.price * 10.0).round() as i64;
        let quantity = (row.size * 1000.0).round() as i64;
        let what = What::Trade { taker, price, quantity };
        self.0.push(Recorded { at: row.ts_event, received: row.ts_recv, what });
    }

    fn book(&mut self, update: &BookUpdate<'_>) {
        let mut push = |what| {
            self.0.push(Recorded { at: update.ts_event, received: update.ts_recv, what });
        };
        if update.is_snapshot {
            push(What::SnapshotBegins);
        }
        for level in update.levels {
            let side = if level.side == BookSide::Bid { Side::Buy } else { Side::Sell };
            let price = count(level.price, 1);
            push(What::Level { side, price, quantity: count(level.size, 3) });
        }
        if update.is_snapshot {
            push(What::SnapshotEnds);
        }
    }
}

fn count(value: Decimal, decimals: i32) -> i64 {
    let count = value.to_scale(decimals).ok();
    count.and_then(|count| i64::try_from(count).ok()).expect("the recording has these decimals")
}

fn recorded(folder: &Path) -> Result<Vec<Recorded>> {
    let packed = std::fs::read(folder.join("binance_usdm/collector_btcusdt_20240808.gz"))?;
    let mut text = Vec::new();
    flate2::read::MultiGzDecoder::new(&packed[..]).read_to_end(&mut text)?;
    let mut codec = open("binance-usdm").ok_or("no codec")?;
    let mut collected = Collected::default();
    for line in text.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
        let space = line.iter().position(|byte| *byte == b' ').ok_or("no time")?;
        let ts_recv = std::str::from_utf8(&line[..space])?.parse()?;
        let frame = Frame { ts_recv, data: &line[space + 1..] };
        if frame.data.starts_with(b"{\"stream\"") {
            codec.decode(frame, &mut collected)?;
        } else {
            codec.decode_answer(&Feed::Book("BTCUSDT".into()), frame, &mut collected)?;
        }
    }
    let Collected(mut events) = collected;
    // Streams of one connection are each in order, but not among each other.
    events.sort_by_key(|event| event.at);
    Ok(events)
}
