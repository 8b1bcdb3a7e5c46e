//! Measures a trader from a tick to the bytes of an order. Every line is `name<TAB>figures`.
//!
//! Another thread appends quotes to a tape at a constant rate. The trader's thread polls them in
//! place, tells the risk layer, and after each hundredth quote places an order: risk with the limits
//! of the tests, the row of the journal on a tape, and the venue's signed message. Timed from the
//! moment at which the quote was *due*, so that a quote that waits counts as late.

use std::error::Error;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

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
    AccountRules, ChangeIds, ClientIdForm, ClientIds, Directory, Durability, External, Figures,
    Ledger, Tapes, Wish,
};
use rustonite_feed::FeedError;
use rustonite_risk::{Account, Capabilities, Latches, Limits, Risk, Target, Venue};
use rustonite_tape::{Start, TapeOptions, Writer};
use rustonite_trade::{Arrived, Desk, Followed, Market, News, Outbox, Quotes, Tick};

type Result<T> = std::result::Result<T, Box<dyn Error>>;

const RATES: [u64; 2] = [10_000, 100_000];
const SECONDS: u64 = 4;
const ORDER_EVERY: u64 = 100;
const LIMITS: &str = include_str!("../../native/trade/tests/limits.toml");
const SECOND_NS: u64 = 1_000_000_000;

fn main() -> Result<()> {
    for rate in RATES {
        let home = tempfile::tempdir_in("/dev/shm")?;
        let times = measure(home.path(), rate)?;
        let us = |part: f64| {
            #[allow(clippy::cast_precision_loss, reason = "some microseconds")]
            let ns = times.value_at_quantile(part) as f64;
            ns / 1e3
        };
        println!(
            "tick due → order bytes, journalled, {rate} ticks/s\tp50 {:.2} p90 {:.2} p99 {:.2} \
             p99.9 {:.2} us, slowest {:.0} us; {} orders",
            us(0.5),
            us(0.9),
            us(0.99),
            us(0.999),
            us(1.0),
            times.len(),
        );
        let what = format!("tick due to order bytes, journalled, at {rate} ticks/s");
        keep("Trading", &what, "us", &percentiles(&times, 1e3))?;
    }
    Ok(())
}

fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_nanos()).unwrap_or(i64::MAX)
}

fn amount(text: &str) -> Result<Amount> {
    Ok(Amount::from_decimal(text.parse()?)?)
}

/// Takes what would go to the venue.
struct Wire(mpsc::Sender<Outgoing>);

impl Outbox for Wire {
    fn send(&mut self, what: Outgoing) -> std::result::Result<(), FeedError> {
        let _ = self.0.send(what);
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
    Ok(Risk::new(known, Limits::parse("limits.toml", &text)?, &Latches::default())?)
}

/// A desk that may trade, and what it sends.
fn desk(home: &Path) -> Result<(Desk<Tapes>, Arc<Directory>, mpsc::Receiver<Outgoing>)> {
    let directory = Arc::new(directory()?);
    let venue = directory.venue("binance").unwrap_or_default();
    let rules = AccountRules {
        venue,
        client_ids: ClientIds::new(ClientIdForm::Letters, "benchs")?,
        changes: ChangeIds::New,
        figures: Figures::Leg,
        external: External::Watched,
    };
    let options = TapeOptions::default();
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
fn settle(desk: &mut Desk<Tapes>, sent: &mpsc::Receiver<Outgoing>) -> Result<()> {
    for _ in 0..100 {
        while let Ok(what) = sent.try_recv() {
            let Outgoing::Text { text, .. } = what else { continue };
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
            if matches!(news, News::Trading(_, true)) {
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

fn measure(home: &Path, rate: u64) -> Result<Histogram<u64>> {
    let (mut desk, directory, sent) = desk(&home.join("journal"))?;
    let tapes = home.join("tapes");
    let stop = Arc::new(AtomicBool::new(false));
    let writer = {
        let (tapes, stop) = (tapes.clone(), Arc::clone(&stop));
        std::thread::spawn(move || write(&tapes, rate, &stop).map_err(|error| error.to_string()))
    };
    let followed =
        vec![Followed { folder: tapes, venue: "binance".to_owned(), dataset: "quotes".to_owned() }];
    let mut market = Market::open(directory, followed, Start::First)?;
    let mut times = Histogram::new_with_bounds(1, 60 * SECOND_NS, 3)?;
    let (mut seen, mut instruments) = (0_u64, Vec::new());
    let until = now() + i64::try_from(SECONDS * SECOND_NS)? + 500_000_000;
    while now() < until {
        let Tick::Rows(rows) = market.poll()? else {
            std::hint::spin_loop();
            continue;
        };
        instruments.clear();
        instruments.extend(market.instruments(&rows));
        let quotes = Quotes::new(&rows.batch, &instruments);
        for at in 0..quotes.len() {
            let (bid, ask, due) = (quotes.bid_price[at], quotes.ask_price[at], quotes.ts_recv[at]);
            desk.quote(InstrumentId(0), bid, ask, due, i64::try_from(seen)?);
            seen += 1;
            // The first half second warms up.
            if seen.is_multiple_of(ORDER_EVERY) {
                let is_warm = seen > rate / 2;
                order(&mut desk, &sent, due, is_warm.then_some(&mut times))?;
            }
        }
    }
    stop.store(true, Ordering::Relaxed);
    writer.join().map_err(|_| "the writer panicked")??;
    Ok(times)
}

/// Places an order, takes the time until its bytes are there, and lets the venue refuse it.
fn order(
    desk: &mut Desk<Tapes>,
    sent: &mpsc::Receiver<Outgoing>,
    due: i64,
    times: Option<&mut Histogram<u64>>,
) -> Result<()> {
    let wish = Wish {
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
    };
    desk.submit(wish, now())?;
    let took = now() - due;
    let Ok(Outgoing::Text { text, .. }) = sent.try_recv() else { return Err("no bytes".into()) };
    if let Some(times) = times {
        times.record(u64::try_from(took.max(1))?)?;
    }
    let id = id(&text);
    let answer =
        format!(r#"{{"id":{id},"status":400,"error":{{"code":-1013,"msg":"Filter failure: X"}}}}"#);
    desk.arrived(AccountId(0), Arrived::Text(0, answer.into_bytes(), now()), now());
    while desk.next_news().is_some() {}
    Ok(())
}

/// Appends quotes when they are due.
fn write(tapes: &Path, rate: u64, stop: &AtomicBool) -> Result<()> {
    let folder = tapes.join("quotes").join("bench-binance");
    let schema = rustonite_core::datasets::find("quotes").ok_or("no schema")?;
    let mut tape = Writer::create(&folder, schema, TapeOptions::default())?
        .typed::<rustonite_core::datasets::Quotes>()?;
    let start = now() + 200_000_000;
    let step = SECOND_NS / rate;
    for number in 0..rate * SECONDS {
        let due = start + i64::try_from(number * step)?;
        while now() < due {
            std::hint::spin_loop();
        }
        if stop.load(Ordering::Relaxed) {
            break;
        }
        #[allow(clippy::cast_precision_loss, reason = "a price that moves a little")]
        let bid = 60_000.0 + (number % 100) as f64 / 100.0;
        tape.push_draft(&draft::Quotes {
            ts_event: due,
            ts_recv: due,
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
