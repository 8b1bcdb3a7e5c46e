//! Measures the checks before a trade, with every check on. Every line is `name<TAB>figures`.
//!
//! Percentiles are of batches of 16 checks, since a clock takes longer to read than a check; those
//! of single checks are printed beside them, with what the clock itself takes.

use std::error::Error;
use std::hint::black_box;
use std::time::Instant;

use hdrhistogram::Histogram;
use rustonite_benches::{keep, percentiles as kept};
use rustonite_core::Amount;
use rustonite_core::datasets::{
    ContractKind, InstrumentKind, InstrumentStatus, OrderKind, OrderSide, RiskRequest, Tif,
};
use rustonite_core::ids::{AccountId, AssetId, InstrumentId, StrategyId, VenueId};
use rustonite_core::instrument::Instrument;
use rustonite_risk::{
    Access, Account, Capabilities, Directory, Execution, Intent, Limits, Quote, Risk, Target, Venue,
};

type Result<T> = std::result::Result<T, Box<dyn Error>>;

const ROUNDS: usize = 200;
const INTENTS: usize = 8192;
const BATCH: usize = 16;
const NOW: i64 = 1_767_312_000_000_000_000;
const ACCOUNT: AccountId = AccountId(0);
const SETTLE: AssetId = AssetId(0);
const VENUE: VenueId = VenueId(0);

/// Every key, in the scope where it belongs, and wide enough for what is measured.
const LIMITS: &str = r#"
version = 1
currency = "USDT"
[all]
order_size_max = "1000"
order_notional_max = "10000000"
price_collar_bps = 500
price_far_bps = 5000
period_collar_bps = 500
period_ms = 10000
adv_share_bps = 1000
market_notional_max = "1000000"
market_protect = true
spread_max_bps = 100
long_max = "100000"
short_max = "100000"
position_notional_max = "10000000000"
gross_max = "1000000000000"
net_max = "1000000000000"
concentration_bps = 10000
leverage_max = 20
deny_unfunded = true
stale_ms = 60000
stale_trip_ms = 600000
deny_crossed = true
deny_locked = true
volatility_bps = 1000
volatility_pause_ms = 1000
divergence_bps = 100
latency_ms = 1000
messages_per_s = 50000
messages_per_10s = 100000
messages_per_day = 1000000000
cancel_reserve = 10
open_orders_max = 50000
cancel_ratio_max = 1000000
duplicate_ms = 1
children_max = 1000
deny_self_trade = true
executions_max = 1000000000
rejects_max = 100
disconnect_trip_ms = 10000
daily_loss_max = "1000000"
drawdown_max = "1000000"
loss_streak_max = 100
loss_pause_ms = 1000
[venue.binance-usdm]
messages_per_s = 40000
messages_per_10s = 90000
open_orders_max = 40000
gross_max = "900000000000"
[account.main]
order_notional_max = "9000000"
position_notional_max = "9000000000"
messages_per_s = 30000
messages_per_10s = 80000
open_orders_max = 30000
gross_max = "800000000000"
net_max = "800000000000"
daily_loss_max = "900000"
[strategy.maker]
order_notional_max = "8000000"
position_notional_max = "8000000000"
messages_per_s = 20000
messages_per_10s = 70000
open_orders_max = 20000
gross_max = "700000000000"
net_max = "700000000000"
price_collar_bps = 400
"#;

fn main() -> Result<()> {
    for instruments in [1, 100, 1000] {
        measure(instruments)?;
    }
    Ok(())
}

fn measure(instruments: u32) -> Result<()> {
    let mut risk = ready(instruments)?;
    let mut random = fastrand::Rng::with_seed(7);
    let intents: Vec<Intent> =
        (0..INTENTS).map(|at| intent(at, instruments, &mut random)).collect();
    for intent in &intents {
        let pass = risk.check(intent, NOW);
        pass.map(drop).map_err(|denial| format!("a good order is denied: {denial}"))?;
    }
    checks(&risk, &intents, instruments)?;
    updates(&mut risk, &intents, instruments)
}

fn checks(risk: &Risk, intents: &[Intent], instruments: u32) -> Result<()> {
    let check = |intent: &Intent| black_box(risk.check(black_box(intent), NOW)).is_ok();
    let allocations = allocation_counter::measure(|| {
        intents.iter().for_each(|intent| assert!(check(intent)));
    });
    let mean = mean(|intent| assert!(check(intent)), intents);
    // In tenths of a nanosecond.
    let mut batches = Histogram::<u64>::new(3)?;
    for batch in (0..ROUNDS).flat_map(|_| intents.chunks_exact(BATCH)) {
        let started = Instant::now();
        batch.iter().for_each(|intent| assert!(check(intent)));
        batches.record(started.elapsed().as_nanos() as u64 * 10 / BATCH as u64)?;
    }
    let (mut singles, mut clock) = (Histogram::<u64>::new(3)?, Histogram::<u64>::new(3)?);
    for intent in (0..ROUNDS / 4).flat_map(|_| intents) {
        let started = Instant::now();
        assert!(check(intent));
        singles.record(started.elapsed().as_nanos() as u64 * 10)?;
        clock.record(Instant::now().elapsed().as_nanos() as u64 * 10)?;
    }
    let all = instruments_word(instruments);
    println!(
        "risk, all checks, {all}\tmean {mean:.1} ns, batches of {BATCH}: {}; {} allocations",
        percentiles(&batches),
        allocations.count_total,
    );
    println!("risk, single checks with the clock, {all}\t{}", percentiles(&singles));
    let what = format!("all checks of an order, {all}");
    let mut figures = vec![("mean", mean)];
    figures.extend(kept(&batches, 10.0));
    keep("Risk", &what, "ns", &figures)?;
    let count = allocations.count_total as f64;
    keep("Risk", &what, "allocations", &[("total", count)])?;
    the_long_way(risk, intents, &all);
    println!("risk, the clock alone\t{}", percentiles(&clock));
    Ok(())
}

/// What is not a plain limit order far from every limit.
fn the_long_way(risk: &Risk, intents: &[Intent], all: &str) {
    let changed =
        |change: &dyn Fn(&Intent) -> Intent| intents.iter().map(change).collect::<Vec<_>>();
    let market = changed(&|intent| Intent {
        kind: OrderKind::Market,
        tif: None,
        price: None,
        price_protect: Some(if intent.side == OrderSide::Buy { 600_100 } else { 599_900 }),
        ..*intent
    });
    let replace = changed(&|intent| {
        let order =
            i64::from(intent.instrument.0) * 2 + i64::from(intent.side == OrderSide::Sell) + 1;
        Intent { request: RiskRequest::Replace, order, client_id: 0, ..*intent }
    });
    let denied = changed(&|intent| Intent { size: 2_000_000, ..*intent });
    for (name, intents, passes) in
        [("market orders", market, true), ("changes", replace, true), ("denials", denied, false)]
    {
        let check = |intent: &Intent| {
            assert_eq!(black_box(risk.check(black_box(intent), NOW)).is_ok(), passes, "{name}");
        };
        println!("risk, all checks, {name}, {all}\tmean {:.1} ns", mean(check, &intents));
    }
}

/// Of the middle round, so that what else the machine does is left out.
fn mean(check: impl Fn(&Intent), intents: &[Intent]) -> f64 {
    let round = |_| {
        let started = Instant::now();
        intents.iter().for_each(&check);
        started.elapsed().as_nanos() as f64 / intents.len() as f64
    };
    let mut rounds: Vec<f64> = (0..ROUNDS).map(round).collect();
    rounds.sort_by(f64::total_cmp);
    rounds[ROUNDS / 2]
}

/// Everything that one order is told of from its pass to its last fill, and quotes.
fn updates(risk: &mut Risk, intents: &[Intent], instruments: u32) -> Result<()> {
    let mut trips = Vec::with_capacity(16);
    let (mut sent, mut filled, mut ended) = (0, 0, 0);
    let mut now = NOW;
    for intent in intents.iter().cycle().take(4 * INTENTS).enumerate() {
        let (at, intent) = intent;
        let id = 1_000_000 + at;
        let intent = Intent { order: id as i64, client_id: id as u64, ..*intent };
        now += 1_000_000;
        let pass = risk.check(&Intent { ts_cause: now, ..intent }, now);
        let intent = Intent { ts_cause: now, ..intent };
        let pass = pass.map_err(|denial| format!("a good order is denied: {denial}"))?;
        let started = Instant::now();
        risk.sent(&intent, &pass, now).map_err(|denial| denial.to_string())?;
        sent += started.elapsed().as_nanos();
        let fill = Execution {
            order: Some(intent.order),
            account: intent.account,
            strategy: intent.strategy,
            instrument: intent.instrument,
            side: intent.side,
            position_side: None,
            size: intent.size / 2,
        };
        let started = Instant::now();
        risk.filled(&fill, now, &mut trips);
        filled += started.elapsed().as_nanos();
        let started = Instant::now();
        risk.order_changed(intent.order, 0);
        ended += started.elapsed().as_nanos();
    }
    let each = |total: u128| total as f64 / (4 * INTENTS) as f64;
    let quote = quotes(risk, intents, now, &mut trips);
    println!(
        "risk, updates, {}\tsent {:.0} ns, filled {:.0} ns, ended {:.0} ns (each with the clock), quote \
         {quote:.1} ns",
        instruments_word(instruments),
        each(sent),
        each(filled),
        each(ended),
    );
    assert!(trips.is_empty(), "{trips:?}");
    Ok(())
}

fn quotes(
    risk: &mut Risk,
    intents: &[Intent],
    now: i64,
    trips: &mut Vec<rustonite_risk::Trip>,
) -> f64 {
    let started = Instant::now();
    for round in 0..ROUNDS as i64 {
        for (at, intent) in (0..).zip(intents) {
            let bid = 600_000 + (at + round) % 50;
            let ts = now + round * 1_000_000 + at;
            let quote = Quote { bid, ask: bid + 1, ts, seq: at };
            risk.quote(intent.instrument, &quote, trips);
        }
    }
    started.elapsed().as_nanos() as f64 / (ROUNDS * intents.len()) as f64
}

fn percentiles(tenths: &Histogram<u64>) -> String {
    let at = |quantile| tenths.value_at_quantile(quantile) as f64 / 10.0;
    format!("p50 {:.1}, p99 {:.1}, p99.9 {:.1} ns", at(0.5), at(0.99), at(0.999))
}

fn instruments_word(instruments: u32) -> String {
    format!("{instruments} instrument{}", if instruments == 1 { "" } else { "s" })
}

/// Prices with one decimal near 60,000, sizes with three.
fn instrument(at: u32) -> Instrument {
    let amount = |thousandths: i128| Amount(thousandths * 1_000_000_000_000_000);
    Instrument {
        venue: "binance-usdm".into(),
        symbol: format!("COIN{at}USDT").into(),
        kind: InstrumentKind::Perpetual,
        contract: Some(ContractKind::Linear),
        base: "BTC".into(),
        quote: "USDT".into(),
        settle: "USDT".into(),
        tick: amount(100),
        lot: amount(1),
        multiplier: amount(1000),
        price: (Some(amount(500_000)), Some(amount(5_000_000_000))),
        size: (Some(amount(1)), Some(amount(1_000_000))),
        market_size_max: Some(amount(120_000)),
        notional: (Some(amount(5_000)), None),
        status: InstrumentStatus::Trading,
    }
}

fn ready(instruments: u32) -> Result<Risk> {
    let kinds = [OrderKind::Market, OrderKind::Limit, OrderKind::StopMarket];
    let can = Capabilities::of(&kinds, &[Tif::Gtc, Tif::Ioc, Tif::Gtd], 3);
    let directory = Directory {
        currency: "USDT".into(),
        assets: vec!["USDT".into(), "BTC".into()],
        venues: vec![Venue { name: "binance-usdm".into(), can }],
        accounts: vec![Account { name: "main".into(), venue: VENUE, hedging: false }],
        strategies: vec!["maker".into(), "taker".into()],
        instruments: (0..instruments).map(instrument).collect(),
        orders_max: 100_000,
        client_ids_max: 16_384,
    };
    let mut risk = Risk::new(directory, Limits::parse("limits", LIMITS)?)?;
    let money = Amount(1_000_000_000 * 1_000_000_000_000_000_000);
    risk.access(ACCOUNT, Access::All, NOW);
    risk.feed_connected(VENUE, true, NOW);
    risk.balance(ACCOUNT, SETTLE, money);
    risk.equity(ACCOUNT, Some(money));
    let mut trips = Vec::new();
    for target in [Target::All, Target::Account(ACCOUNT)] {
        risk.profit(target, Amount::ZERO, Amount::ZERO, NOW, &mut trips);
    }
    for at in 0..instruments {
        let instrument = InstrumentId(at);
        risk.margin(ACCOUNT, instrument, 50_000);
        risk.average_daily_volume(instrument, 100_000_000);
        let quote = Quote { bid: 600_000, ask: 600_001, ts: NOW, seq: i64::from(at) };
        risk.quote(instrument, &quote, &mut trips);
        risk.mark(instrument, 600_000);
        // Orders that rest on both sides, so that there is something to meet and to count.
        for (side, price) in [(OrderSide::Buy, 599_000), (OrderSide::Sell, 601_000)] {
            let order = i64::from(at) * 2 + i64::from(side == OrderSide::Sell) + 1;
            risk.adopt(&order_of(order, instrument, side, price, 1_000));
        }
    }
    Ok(risk)
}

fn order_of(
    order: i64,
    instrument: InstrumentId,
    side: OrderSide,
    price: i64,
    size: i64,
) -> Intent {
    Intent {
        request: RiskRequest::Submit,
        order,
        parent: None,
        account: ACCOUNT,
        strategy: Some(StrategyId(0)),
        instrument,
        side,
        position_side: None,
        kind: OrderKind::Limit,
        tif: Some(Tif::Gtc),
        price: Some(price),
        price_protect: None,
        trigger: None,
        size,
        size_filled: 0,
        size_display: None,
        size_min: None,
        by_money: false,
        flags: 0,
        stp: None,
        ts_expire: None,
        client_id: order.unsigned_abs(),
        ts_cause: NOW,
    }
}

fn intent(at: usize, instruments: u32, random: &mut fastrand::Rng) -> Intent {
    let instrument = InstrumentId(random.u32(0..instruments));
    let side = if random.bool() { OrderSide::Buy } else { OrderSide::Sell };
    let distance = random.i64(0..500);
    let price = if side == OrderSide::Buy { 600_000 - distance } else { 600_001 + distance };
    order_of(10_000 + at as i64, instrument, side, price, random.i64(1..5_000))
}
