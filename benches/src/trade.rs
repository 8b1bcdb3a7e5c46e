//! Measures a trader from a tick to the bytes of an order. Every line is `name<TAB>figures`.
//!
//! Another process appends quotes to a tape at a constant rate. The trader's thread polls them in
//! place, tells the risk layer, and after each hundredth quote places an order: risk with the limits
//! of the tests, the row of the journal on a tape, and the venue's signed message. Timed from the
//! moment at which the quote was *due*, so that a quote that waits counts as late; beside it from the
//! moment at which it was visible, which leaves out how late the other process was, and by stage. Of
//! several rounds the one in the middle counts.

use std::error::Error;
use std::path::Path;
use std::process::{Child, Command};
use std::sync::Arc;
use std::sync::mpsc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use hdrhistogram::Histogram;
use rustonite_benches::{keep, percentiles};
use rustonite_core::Amount;
use rustonite_core::datasets::{
    InstrumentKind, InstrumentStatus, OrderKind, OrderSide, Tif, draft, order_flags,
};
use rustonite_core::ids::{AccountId, InstrumentId};
use rustonite_core::instrument::Instrument;
use rustonite_exec::gateway::{Keys, Outgoing, connect};
use rustonite_exec::reconcile::Settings;
use rustonite_exec::{
    AccountRules, ChangeIds, ClientIds, Directory, Durability, External, Figures, Housekeeping,
    Ledger, Tapes, Wish,
};
use rustonite_feed::FeedError;
use rustonite_risk::{Account, Capabilities, Limits, Risk, Target, Venue};
use rustonite_tape::{Start, TapeOptions, Writer};
use rustonite_trade::{Arrived, Desk, Followed, Market, News, Outbox, Quotes, Tick, cores};

/// As in the extension.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

type Result<T> = std::result::Result<T, Box<dyn Error>>;

const RATES: [u64; 2] = [10_000, 100_000];
const SECONDS: u64 = 4;
/// Others use the processors, too, some minutes more than others.
const ROUNDS: usize = 5;
const ORDER_EVERY: u64 = 100;
/// Of a trader's journal.
const SEGMENT_BYTES: u64 = 4 << 20;
const ORDERS_ALONE: i64 = 20_000;
/// As the trader's own loop.
const BEAT: Duration = Duration::from_millis(50);
const REHEARSE_EVERY: Duration = Duration::from_micros(200);
/// Orders are forgotten soon, as those of a trader are that ran for hours.
const HOUSEKEEPING: Housekeeping = Housekeeping {
    snapshot_rows: 100_000,
    keep_ended_ns: 1_000_000_000,
    snapshot_every_ns: 300_000_000_000,
    keep_rows_ns: 900_000_000_000,
};
const LIMITS: &str = include_str!("../../native/trade/tests/limits.toml");
const SECOND_NS: u64 = 1_000_000_000;

/// The core of the trader's thread; everything else keeps off it, as with the setting `core`.
const CORE: usize = 1;

fn main() -> Result<()> {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    if let [tapes, rate] = &arguments[..] {
        return write(Path::new(tapes), rate.parse()?);
    }
    alone()?;
    for rate in RATES {
        let rounds = (0..ROUNDS).map(|_| round(rate)).collect::<Result<Vec<_>>>()?;
        for (what, times) in Times::middle(rounds).named() {
            println!("{what}, {rate} ticks/s\t{}; {} orders", text(times), times.len());
            keep("Trading", &format!("{what}, {rate} ticks/s"), "us", &percentiles(times, 1e3))?;
        }
    }
    Ok(())
}

fn round(rate: u64) -> Result<Times> {
    // On a thread that ends with its core.
    let work = move || {
        let home = tempfile::tempdir_in("/dev/shm").map_err(|error| error.to_string())?;
        measure(home.path(), rate).map_err(|error| error.to_string())
    };
    Ok(std::thread::spawn(work).join().map_err(|_| "the trader panicked")??)
}

/// Nanoseconds of each order, from where to where.
struct Times([Histogram<u64>; 4]);

impl Times {
    const NAMES: [&str; 4] = [
        "tick due → order bytes, journalled",
        "tick visible → order bytes, journalled",
        "of that: tick visible → seen",
        "of that: order wanted → order bytes, journalled",
    ];

    fn new() -> Result<Self> {
        let one = Histogram::new_with_bounds(1, 60 * SECOND_NS, 3)?;
        Ok(Self([one.clone(), one.clone(), one.clone(), one]))
    }

    /// The round whose median from the visible tick on is in the middle.
    fn middle(mut rounds: Vec<Self>) -> Self {
        rounds.sort_by_key(|one| one.0[1].value_at_quantile(0.5));
        rounds.swap_remove(rounds.len() / 2)
    }

    fn record(&mut self, spans: [i64; 4]) -> Result<()> {
        for (times, span) in self.0.iter_mut().zip(spans) {
            times.record(u64::try_from(span.max(1))?)?;
        }
        Ok(())
    }

    fn named(&self) -> impl Iterator<Item = (&'static str, &Histogram<u64>)> {
        Self::NAMES.into_iter().zip(&self.0)
    }
}

#[allow(clippy::cast_precision_loss, reason = "some microseconds")]
fn text(times: &Histogram<u64>) -> String {
    let us = |part: f64| times.value_at_quantile(part) as f64 / 1e3;
    format!(
        "p50 {:.2} p90 {:.2} p99 {:.2} p99.9 {:.2} us, slowest {:.0} us",
        us(0.5),
        us(0.9),
        us(0.99),
        us(0.999),
        us(1.0),
    )
}

/// Orders one after another without a market beside them: what their code takes when all of it is at
/// hand.
fn alone() -> Result<()> {
    let home = tempfile::tempdir_in("/dev/shm")?;
    let (mut desk, _, sent) = desk(&home.path().join("journal"))?;
    let mut times = Histogram::new_with_bounds(1, SECOND_NS, 3)?;
    for number in 0..ORDERS_ALONE {
        desk.quote(InstrumentId(0), 60_000.0, 60_000.02, now(), number);
        let wanted = now();
        desk.submit(wish(), wanted)?;
        times.record(u64::try_from((refuse(&mut desk, &sent)? - wanted).max(1))?)?;
    }
    println!("order wanted → order bytes, journalled, one after another\t{}", text(&times));
    keep(
        "Trading",
        "order wanted → order bytes, one after another",
        "us",
        &percentiles(&times, 1e3),
    )?;
    Ok(())
}

fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_nanos()).unwrap_or(i64::MAX)
}

fn amount(text: &str) -> Result<Amount> {
    Ok(Amount::from_decimal(text.parse()?)?)
}

/// What went to the venue, and when.
type Sent = mpsc::Receiver<(Outgoing, i64)>;

/// Takes what would go to the venue, and notes when.
struct Wire(mpsc::Sender<(Outgoing, i64)>);

impl Outbox for Wire {
    fn send(&mut self, what: Outgoing) -> std::result::Result<(), FeedError> {
        let _ = self.0.send((what, now()));
        Ok(())
    }
}

fn directory() -> Result<Directory> {
    let mut directory = Directory::default();
    directory.add_strategy("bench");
    directory.add_account("main");
    directory.list(Instrument {
        venue: "binance".into(),
        symbol: "BTCUSDT".into(),
        kind: InstrumentKind::Spot,
        contract: None,
        base: "BTC".into(),
        quote: "USDT".into(),
        settle: "USDT".into(),
        tick: amount("0.01")?,
        lot: amount("0.00001")?,
        multiplier: amount("1")?,
        price: (None, None),
        size: (None, None),
        market_size_max: None,
        notional: (None, None),
        status: InstrumentStatus::Trading,
    });
    Ok(directory)
}

fn risk(directory: &Directory) -> Result<Risk> {
    // As many requests and refusals as come.
    let text = LIMITS
        .lines()
        .map(|line| match line.split_once(" = ") {
            Some((key @ ("messages_per_s" | "messages_per_10s" | "rejects_max"), _)) => {
                format!("{key} = \"none\"\n")
            }
            _ => format!("{line}\n"),
        })
        .collect::<String>();
    let can = Capabilities::of(&[OrderKind::Limit], &[Tif::Gtc], order_flags::POST_ONLY);
    let known = rustonite_risk::Directory {
        currency: "USDT".into(),
        assets: vec!["BTC".into(), "USDT".into()],
        venues: vec![Venue { name: "binance".into(), can }],
        accounts: vec![Account {
            name: "main".into(),
            venue: directory.venue("binance").unwrap_or_default(),
            hedging: false,
        }],
        strategies: vec!["bench".into()],
        instruments: directory.instruments().map(|(_, listed)| listed.clone()).collect(),
        orders_max: 10_000,
        client_ids_max: 100_000,
    };
    Ok(Risk::new(known, Limits::parse("limits.toml", &text)?)?)
}

/// A desk that may trade, and what it sends.
fn desk(home: &Path) -> Result<(Desk<Tapes>, Arc<Directory>, Sent)> {
    let directory = Arc::new(directory()?);
    let venue = directory.venue("binance").unwrap_or_default();
    let rules = AccountRules {
        venue,
        client_ids: ClientIds::new("benchs")?,
        changes: ChangeIds::New,
        figures: Figures::Leg,
        external: External::Watched,
    };
    let options = TapeOptions { segment_bytes: SEGMENT_BYTES, ..TapeOptions::default() };
    let journal = (home, "journal", options, Durability::Interval);
    let (ledger, _) = Ledger::open(Arc::clone(&directory), [(AccountId(0), rules)], journal)?;
    let mut desk =
        Desk::new(ledger, risk(&directory)?, directory.strategy("bench").unwrap_or_default());
    let keys = Keys { key: "key".to_owned(), secret: "secret".to_owned(), ..Keys::default() };
    let gateway = connect("binance", Arc::clone(&directory), AccountId(0), &keys)?;
    let (send, sent) = mpsc::channel();
    let gateway = gateway.ok_or("no gateway")?;
    desk.open(gateway, Box::new(Wire(send)), vec![InstrumentId(0)], Settings::default(), now())?;
    desk.arrived(AccountId(0), Arrived::Open(0), now());
    settle(&mut desk, &sent)?;
    desk.feed_connected(venue, true, now());
    let targets = [Target::All, Target::Account(AccountId(0)), Target::Strategy(desk.strategy())];
    for target in targets {
        desk.profit(target, Amount::ZERO, Amount::ZERO, now());
    }
    Ok((desk, directory, sent))
}

/// Answers what a desk asks until it may trade.
fn settle(desk: &mut Desk<Tapes>, sent: &Sent) -> Result<()> {
    for _ in 0..100 {
        while let Ok(what) = sent.try_recv() {
            let (Outgoing::Text { text, .. }, _) = what else { continue };
            let result = match method(&text) {
                "userDataStream.subscribe.signature" => r#"{"subscriptionId":0}"#,
                "account.status" => {
                    r#"{"balances":[{"asset":"USDT","free":"100000000","locked":"0"},
                        {"asset":"BTC","free":"1000","locked":"0"}],"updateTime":1}"#
                }
                _ => "[]",
            };
            let id = id(&text);
            let answer = format!(r#"{{"id":{id},"status":200,"result":{result}}}"#);
            desk.arrived(AccountId(0), Arrived::Text(0, answer.into_bytes(), now()), now());
        }
        while let Some(news) = desk.next_news() {
            if matches!(news, News::Trading(_, Ok(()))) {
                return Ok(());
            }
        }
        std::thread::sleep(Duration::from_millis(10));
        desk.tick(now(), i64::MAX / 4);
    }
    Err("it may not trade".into())
}

fn method(text: &str) -> &str {
    let rest = text.split("\"method\":\"").nth(1).unwrap_or_default();
    rest.split('"').next().unwrap_or_default()
}

fn id(text: &str) -> &str {
    let rest = text.split("\"id\":").nth(1).unwrap_or_default();
    rest.split(',').next().unwrap_or_default()
}

/// The process that appends quotes; ends with this value.
struct Feed(Child);

impl Feed {
    fn start(tapes: &Path, rate: u64) -> Result<Self> {
        let mut command = Command::new(std::env::current_exe()?);
        Ok(Self(command.arg(tapes).arg(rate.to_string()).spawn()?))
    }

    fn has_ended(&mut self) -> Result<bool> {
        let ended = self.0.try_wait()?;
        if ended.is_some_and(|status| !status.success()) {
            return Err("the feed failed".into());
        }
        Ok(ended.is_some())
    }
}

impl Drop for Feed {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn measure(home: &Path, rate: u64) -> Result<Times> {
    cores::leave(CORE)?;
    let (mut desk, directory, sent) = desk(&home.join("journal"))?;
    let tapes = home.join("tapes");
    let mut feed = Feed::start(&tapes, rate)?;
    cores::take(CORE)?;
    let followed =
        vec![Followed { folder: tapes, venue: "binance".to_owned(), dataset: "quotes".to_owned() }];
    let mut market = Market::open(directory, followed, Start::First)?;
    let mut times = Times::new()?;
    let (mut quotes_seen, mut instruments) = (0_u64, Vec::new());
    let (mut beat, mut rehearsal) = (Instant::now(), Instant::now());
    loop {
        let Tick::Rows(rows) = market.poll()? else {
            // What a trader does some twenty times a second.
            if beat.elapsed() > BEAT {
                beat = Instant::now();
                desk.tick(now(), i64::MAX / 4);
                desk.ledger_mut().tick(now(), &HOUSEKEEPING)?;
                if feed.has_ended()? {
                    return Ok(times);
                }
            }
            if rehearsal.elapsed() > REHEARSE_EVERY {
                rehearsal = Instant::now();
                desk.rehearse(now());
            }
            std::hint::spin_loop();
            continue;
        };
        let seen_at = now();
        instruments.clear();
        instruments.extend(market.instruments(&rows));
        let quotes = Quotes::new(&rows.batch, &instruments);
        for at in 0..quotes.len() {
            let (bid, ask) = (quotes.bid_price[at], quotes.ask_price[at]);
            let (due, visible) = (quotes.ts_event[at], quotes.ts_recv[at]);
            desk.quote(InstrumentId(0), bid, ask, visible, i64::try_from(quotes_seen)?);
            quotes_seen += 1;
            if quotes_seen.is_multiple_of(ORDER_EVERY) {
                let wanted = now();
                desk.submit(wish(), wanted)?;
                let ready = refuse(&mut desk, &sent)?;
                // The first half second warms up.
                if quotes_seen > rate / 2 {
                    let spans = [ready - due, ready - visible, seen_at - visible, ready - wanted];
                    times.record(spans)?;
                }
            }
        }
    }
}

fn wish() -> Wish {
    Wish {
        account: AccountId(0),
        strategy: None,
        instrument: InstrumentId(0),
        side: OrderSide::Buy,
        kind: OrderKind::Limit,
        tif: Some(Tif::Gtc),
        price: Some(Amount(59_990 * 10_i128.pow(18))),
        price_protect: None,
        size: Amount(10_i128.pow(16)),
        size_quote: None,
        size_display: None,
        size_min: None,
        trigger: None,
        flags: order_flags::POST_ONLY,
        position_side: None,
        stp: None,
        ts_expire: None,
        tags: None,
    }
}

/// Lets the venue refuse the order that was sent just now. Returns when its bytes were there.
fn refuse(desk: &mut Desk<Tapes>, sent: &Sent) -> Result<i64> {
    let Ok((Outgoing::Text { text, .. }, ready)) = sent.try_recv() else {
        return Err("no bytes".into());
    };
    let id = id(&text);
    let answer =
        format!(r#"{{"id":{id},"status":400,"error":{{"code":-1013,"msg":"Filter failure: X"}}}}"#);
    desk.arrived(AccountId(0), Arrived::Text(0, answer.into_bytes(), now()), now());
    while desk.next_news().is_some() {}
    Ok(ready)
}

/// Appends quotes when they are due.
fn write(tapes: &Path, rate: u64) -> Result<()> {
    let folder = tapes.join("quotes").join("bench-binance");
    let schema = rustonite_core::datasets::find("quotes").ok_or("no schema")?;
    let mut tape = Writer::create(&folder, schema, TapeOptions::default())?
        .typed::<rustonite_core::datasets::Quotes>()?;
    // Until the trader has found the tape.
    let start = now() + 500_000_000;
    let step = SECOND_NS / rate;
    for number in 0..rate * SECONDS {
        let due = start + i64::try_from(number * step)?;
        while now() < due {
            std::hint::spin_loop();
        }
        #[allow(clippy::cast_precision_loss, reason = "a price that moves a little")]
        let bid = 60_000.0 + (number % 100) as f64 / 100.0;
        tape.push_draft(&draft::Quotes {
            ts_event: due,
            ts_recv: now(),
            venue: "binance",
            symbol: "BTCUSDT",
            bid_price: Some(bid),
            bid_size: Some(1.0),
            ask_price: Some(bid + 0.02),
            ask_size: Some(1.0),
            ..draft::Quotes::default()
        })?;
        tape.commit()?;
    }
    Ok(())
}
