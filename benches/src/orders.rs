//! Measures orders with their journal. Every line is `name<TAB>figures`.
//!
//! One table look-up and its facts; a submit with its row on a tape in memory and on disk; a whole
//! life of an order: submit, acknowledgement, fill. Allocations are those of this thread.

use std::error::Error;
use std::hint::black_box;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use allocation_counter::measure;
use hdrhistogram::Histogram;
use rustonite_benches::{keep, percentiles};
use rustonite_core::Amount;
use rustonite_core::datasets::{
    EventSource, FillKind, InstrumentKind, InstrumentStatus, Liquidity, OrderEvent, OrderKind,
    OrderSide, Tif,
};
use rustonite_core::ids::{AccountId, InstrumentId, StrategyId};
use rustonite_core::instrument::Instrument;
use rustonite_exec::table::{ALL_EVENTS, ALL_STATES, look};
use rustonite_exec::{
    About, AccountRules, ChangeIds, ClientIds, Directory, Durability, External, Figures, Fill,
    Journal, Ledger, Link, Nowhere, Order, OrderId, Report, Request, Tapes, Told, What, Wish,
};
use rustonite_tape::TapeOptions;

type Result<T> = std::result::Result<T, Box<dyn Error>>;

const ORDERS: usize = 200_000;
const LOOKS: usize = 50_000_000;
/// Orders remembered at a time; those that ended before are forgotten, as a trader does.
const KNOWN: usize = 1_000;

fn main() -> Result<()> {
    looks()?;
    transitions()?;
    lives("no journal", || Ok(Nowhere))?;
    let memory = tempfile::tempdir_in("/dev/shm")?;
    lives("tapes in memory", || tapes(memory.path()))?;
    let disk = tempfile::tempdir()?;
    lives("tapes on disk", || tapes(disk.path()))?;
    Ok(())
}

fn tapes(folder: &Path) -> Result<Tapes> {
    let options = TapeOptions { segment_bytes: 64 << 20, ..TapeOptions::default() };
    let name = format!("{:x}", std::process::id());
    Ok(Tapes::open(folder, &name, options, Durability::Interval)?)
}

/// The bare table.
fn looks() -> Result<()> {
    let mut state = 0;
    let start = Instant::now();
    for number in 0..LOOKS {
        let event = ALL_EVENTS[number % ALL_EVENTS.len()];
        black_box(look(ALL_STATES[state], event));
        state = (state + number) % ALL_STATES.len();
    }
    let ns = start.elapsed().as_secs_f64() * 1e9 / LOOKS as f64;
    println!("table look-up\t{ns:.1} ns");
    Ok(keep("Trading", "state of an order looked up", "ns", &[("mean", ns)])?)
}

/// An order whose cancel is asked for and refused, again and again: look-up, facts and state.
fn transitions() -> Result<()> {
    let mut order = Order::new(OrderId(1), wish()?, Link::default(), "c".into());
    let told = |event| Told {
        event,
        source: EventSource::Stream,
        ts_event: 0,
        leg: 0,
        values: None,
        about: About::Nothing,
    };
    order.apply(&told(OrderEvent::Submitted));
    order.apply(&told(OrderEvent::Accepted));
    let (asked, refused) = (told(OrderEvent::CancelAsked), told(OrderEvent::CancelRejected));
    let start = Instant::now();
    for _ in 0..LOOKS / 2 {
        black_box(order.apply(black_box(&asked)));
        black_box(order.apply(black_box(&refused)));
    }
    let ns = start.elapsed().as_secs_f64() * 1e9 / LOOKS as f64;
    println!("transition of an order\t{ns:.1} ns");
    Ok(keep("Trading", "transition of an order", "ns", &[("mean", ns)])?)
}

fn directory() -> Result<Arc<Directory>> {
    let mut directory = Directory::default();
    directory.add_account("main");
    directory.add_strategy("maker");
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
    Ok(Arc::new(directory))
}

fn amount(text: &str) -> Result<Amount> {
    Ok(Amount::from_decimal(text.parse()?)?)
}

fn wish() -> Result<Wish> {
    Ok(Wish {
        account: AccountId(0),
        strategy: Some(StrategyId(0)),
        instrument: InstrumentId(0),
        side: OrderSide::Buy,
        kind: OrderKind::Limit,
        tif: Some(Tif::Gtc),
        price: Some(amount("30000.5")?),
        price_protect: None,
        size: amount("0.01")?,
        size_quote: None,
        size_display: None,
        size_min: None,
        trigger: None,
        flags: 0,
        position_side: None,
        stp: None,
        ts_expire: None,
        tags: None,
    })
}

fn ledger<J: Journal>(journal: J) -> Result<Ledger<J>> {
    let mut ledger = Ledger::new(directory()?, journal);
    let rules = AccountRules {
        venue: rustonite_core::ids::VenueId(0),
        client_ids: ClientIds::new("bench1")?,
        changes: ChangeIds::New,
        figures: Figures::Order,
        external: External::Watched,
    };
    ledger.open_account(AccountId(0), rules);
    Ok(ledger)
}

/// The words of the venue about an order that is acknowledged and filled at once.
fn words(request: &Request, number: usize) -> [Report; 2] {
    let Request::Submit { client_id, wish, .. } = request else {
        unreachable!("a submit makes a submit")
    };
    let report = |what| Report {
        ts_event: 1,
        ts_recv: 2,
        source: EventSource::Stream,
        account: wish.account,
        instrument: wish.instrument,
        client_id: client_id.clone(),
        client_id_prev: None,
        venue_order_id: Some(number.to_string().into()),
        what,
    };
    let fill = Fill {
        fill_id: number.to_string().into(),
        trade_id: i64::try_from(number).ok(),
        kind: FillKind::Trade,
        side: wish.side,
        price: wish.price.unwrap_or_default(),
        size: wish.size,
        size_filled: Some(wish.size),
        fee: None,
        liquidity: Liquidity::Maker,
        position_side: None,
    };
    [report(What::Accepted), report(What::Fill(fill))]
}

/// Times of each step, one order after another.
struct Times([Histogram<u64>; 3]);

fn lives<J: Journal>(name: &str, journal: impl Fn() -> Result<J>) -> Result<()> {
    let mut ledger = ledger(journal()?)?;
    let wish = wish()?;
    let mut times = Times([Histogram::new(3)?, Histogram::new(3)?, Histogram::new(3)?]);
    for number in 0..ORDERS {
        live(&mut ledger, &wish, number, &mut times)?;
        if number % KNOWN == 0 {
            ledger.forget(i64::MAX);
        }
    }
    for (step, times) in ["submit", "acknowledgement", "fill in full"].iter().zip(&times.0) {
        let at = |quantile| times.value_at_quantile(quantile);
        println!(
            "{step}, {name}\tmean {:.0} ns, p50 {}, p99 {}, p99.9 {}",
            times.mean(),
            at(0.5),
            at(0.99),
            at(0.999)
        );
        let mut figures = vec![("mean", times.mean())];
        figures.extend(percentiles(times, 1.0));
        keep("Trading", &format!("{step} of an order, {name}"), "ns", &figures)?;
    }
    allocations(&mut ledger, &wish, name)
}

fn live<J: Journal>(
    ledger: &mut Ledger<J>,
    wish: &Wish,
    number: usize,
    times: &mut Times,
) -> Result<()> {
    let wish = wish.clone();
    let before = Instant::now();
    let submitted = ledger.submit(number as i64, wish, Link::default());
    times.0[0].record(u64::try_from(before.elapsed().as_nanos())?)?;
    let (_, request) = black_box(submitted)?;
    for (report, times) in words(&request, number).iter().zip(&mut times.0[1..]) {
        let before = Instant::now();
        black_box(ledger.report(report));
        times.record(u64::try_from(before.elapsed().as_nanos())?)?;
    }
    Ok(())
}

fn allocations<J: Journal>(ledger: &mut Ledger<J>, wish: &Wish, name: &str) -> Result<()> {
    let wish = wish.clone();
    let mut submitted = None;
    let submit = measure(|| submitted = Some(ledger.submit(1, wish, Link::default())));
    let Some(Ok((_, request))) = submitted else { return Err("the submit was refused".into()) };
    let reports = words(&request, ORDERS).map(|report| {
        let counted = measure(|| {
            black_box(ledger.report(&report));
        });
        counted.count_total
    });
    println!(
        "allocations, {name}\tsubmit {}, acknowledgement {}, fill {}",
        submit.count_total, reports[0], reports[1]
    );
    Ok(())
}
