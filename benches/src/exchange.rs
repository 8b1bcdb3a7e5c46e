//! Measures the matching engine beside a bare order book. Every line is `name<TAB>figures`.
//!
//! One flow for both: 60 % limit orders near the touch, 30 % cancellations, 10 % market orders.

use std::error::Error;
use std::hint::black_box;
use std::time::Instant;

use hdrhistogram::Histogram;
use lobster::{OrderBook, OrderType};
use rustonite_benches::{keep, keep_of, percentiles};
use rustonite_sim::{
    Amount, Command, Event, Exchange, Filters, Instrument, Kind, NewOrder, OrderId, Quantity, Side,
};

type Result<T> = std::result::Result<T, Box<dyn Error>>;

const COMMANDS: usize = 2_000_000;
const ACCOUNTS: u32 = 100;
const PRICE: i64 = 100_000;
/// Ended orders that are still known.
const KNOWN: i64 = 100_000;

fn main() -> Result<()> {
    let commands = flow(&mut fastrand::Rng::with_seed(1));
    let ours = |timed: bool| run(&commands, timed);
    let (mut best, mut best_bare) = (0.0_f64, 0.0_f64);
    for _ in 0..3 {
        let (seconds, trades, _) = ours(false)?;
        println!(
            "matching engine, with accounts and events\t{:.2} M commands/s, {trades} trades",
            COMMANDS as f64 / seconds / 1e6
        );
        best = best.max(COMMANDS as f64 / seconds / 1e6);
        let (seconds, fills, _) = bare(&commands, false)?;
        println!(
            "  lobster: a book without accounts\t{:.2} M commands/s, {fills} fills",
            COMMANDS as f64 / seconds / 1e6
        );
        best_bare = best_bare.max(COMMANDS as f64 / seconds / 1e6);
    }
    let what = "orders and cancellations matched (the peer has no accounts)";
    keep("Matching", what, "M commands/s", &[("best", best)])?;
    keep_of("lobster", "Matching", what, "M commands/s", &[("best", best_bare)])?;
    let what = "one command, clock included (the peer has no accounts)";
    let (_, _, times) = ours(true)?;
    println!("{what}\t{}", text(&times));
    keep("Matching", what, "ns", &percentiles(&times, 1.0))?;
    let (_, _, times) = bare(&commands, true)?;
    println!("  lobster\t{}", text(&times));
    Ok(keep_of("lobster", "Matching", what, "ns", &percentiles(&times, 1.0))?)
}

fn text(times: &Histogram<u64>) -> String {
    let at = |percent: f64| times.value_at_quantile(percent / 100.0);
    format!("p50 {} p99 {} p99.9 {} max {} ns", at(50.0), at(99.0), at(99.9), times.max())
}

/// Commands for an exchange whose first order has number 1. A cancelled one may have ended.
fn flow(rng: &mut fastrand::Rng) -> Vec<Command> {
    let (mut placed, mut touch) = (0, PRICE);
    let mut command = |_| {
        touch += rng.i64(-1..=1);
        let side = if rng.bool() { Side::Buy } else { Side::Sell };
        match rng.u32(..10) {
            0..3 if placed > 0 => {
                // Its number tells whose it is.
                let order = placed - rng.u64(..placed.min(2_000));
                Command::Cancel { account: owner(order), order: OrderId(order) }
            }
            kind => {
                placed += 1;
                let away = 1 + rng.i64(0..8) * rng.i64(0..8);
                let sign = if side == Side::Buy { -1 } else { 1 };
                let (account, lots) = (owner(placed), rng.i64(1..100));
                Command::Place(if kind < 9 {
                    NewOrder::limit(account, 0, side, touch + sign * away, lots)
                } else {
                    NewOrder::market(account, 0, side, lots)
                })
            }
        }
    };
    (0..COMMANDS).map(&mut command).collect()
}

fn owner(order: u64) -> u32 {
    u32::try_from(order % u64::from(ACCOUNTS)).unwrap_or(0)
}

fn exchange() -> Result<Exchange> {
    let mut exchange = Exchange::new();
    let (base, quote) = (exchange.asset("BTC", 8), exchange.asset("USDT", 8));
    exchange.list(Instrument {
        symbol: "BTCUSDT".to_owned(),
        kind: Kind::Spot,
        base,
        quote,
        tick: "0.01".parse()?,
        lot: "0.00001".parse()?,
        filters: Filters::default(),
    })?;
    let mut events = Vec::new();
    for _ in 0..ACCOUNTS {
        let account = exchange.open();
        for asset in [base, quote] {
            let amount = Amount::from_decimal("1000000000".parse()?)?;
            exchange.apply(0, &Command::Deposit { account, asset, amount }, &mut events)?;
        }
    }
    Ok(exchange)
}

/// Seconds, trades, and the time of each command if it is wanted.
fn run(commands: &[Command], timed: bool) -> Result<(f64, u64, Histogram<u64>)> {
    let (mut exchange, mut events) = (exchange()?, Vec::with_capacity(10_000));
    let (mut trades, mut times) = (0, Histogram::new(3)?);
    let start = Instant::now();
    for (now, command) in (1..).zip(commands) {
        events.clear();
        let before = timed.then(Instant::now);
        // A cancelled order may have been filled: that is refused.
        let _ = black_box(exchange.apply(now, command, &mut events));
        if let Some(before) = before {
            times.record(u64::try_from(before.elapsed().as_nanos())?)?;
        }
        trades += events.iter().filter(|event| matches!(event, Event::Trade { .. })).count() as u64;
        if now % 1_000 == 0 {
            exchange.forget(now - KNOWN);
        }
    }
    Ok((start.elapsed().as_secs_f64(), trades, times))
}

/// Seconds, fills, and the time of each command if it is wanted.
fn bare(commands: &[Command], timed: bool) -> Result<(f64, usize, Histogram<u64>)> {
    let mut book = OrderBook::new(100_000, 10, false);
    let (mut id, mut fills, mut times) = (0, 0, Histogram::new(3)?);
    let start = Instant::now();
    for command in commands {
        let order = match command {
            Command::Place(order) => {
                id += 1;
                let qty = match order.quantity {
                    Quantity::Lots(lots) => lots.unsigned_abs(),
                    _ => 0,
                };
                let side = match order.side {
                    Side::Buy => lobster::Side::Bid,
                    Side::Sell => lobster::Side::Ask,
                };
                match order.price {
                    Some(price) => OrderType::Limit { id, side, qty, price: price.unsigned_abs() },
                    None => OrderType::Market { id, side, qty },
                }
            }
            Command::Cancel { order, .. } => OrderType::Cancel { id: u128::from(order.0) },
            _ => continue,
        };
        let before = timed.then(Instant::now);
        let event = black_box(book.execute(order));
        if let Some(before) = before {
            times.record(u64::try_from(before.elapsed().as_nanos())?)?;
        }
        match event {
            lobster::OrderEvent::PartiallyFilled { fills: found, .. }
            | lobster::OrderEvent::Filled { fills: found, .. } => fills += found.len(),
            _ => {}
        }
    }
    Ok((start.elapsed().as_secs_f64(), fills, times))
}
