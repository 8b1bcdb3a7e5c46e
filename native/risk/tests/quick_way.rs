//! What the quick way lets through, no check says anything about: with every limit near its border.

mod world;

use std::fmt::Write as _;

use proptest::prelude::*;
use rustonite_core::datasets::{OrderKind, OrderSide, RiskRequest, RiskScope};
use rustonite_core::ids::InstrumentId;
use rustonite_risk::{Intent, Key, Sense, Target, Unit};

use crate::world::{BTC, MAIN, MM, MS, USD, World, amount};

/// Where a key is said, and a value that is near what the world has.
fn limit(key: Key) -> impl Strategy<Value = (RiskScope, String)> {
    use RiskScope::{Account, All, Instrument, Strategy, Venue};
    let scopes: Vec<_> = [All, Venue, Account, Strategy, Instrument]
        .into_iter()
        .filter(|scope| key.is_legal_in(*scope))
        .collect();
    let value = match (key.sense(), key.unit()) {
        (Sense::Switch, _) => {
            prop_oneof![Just("true".to_owned()), Just("false".to_owned())].boxed()
        }
        (_, Unit::Bps) => {
            prop_oneof![0_i64..200, 0_i64..100_000].prop_map(|n| n.to_string()).boxed()
        }
        (_, Unit::Ratio) => (0_i64..5).prop_map(|n| n.to_string()).boxed(),
        (_, Unit::Ms) => (1_i64..50).prop_map(|n| n.to_string()).boxed(),
        (_, Unit::Count) => (1_i64..5).prop_map(|n| n.to_string()).boxed(),
        (_, Unit::Size) => (0_i64..10).prop_map(|n| n.to_string()).boxed(),
        _ => prop_oneof![0_i64..10, 0_i64..1500]
            .prop_map(|n| format!("{n}.000000000000000001"))
            .boxed(),
    };
    (prop::sample::select(scopes), value)
}

/// A file with a few limits.
fn limits() -> impl Strategy<Value = String> {
    let one = prop::sample::select(Key::ALL).prop_flat_map(|key| (Just(key), limit(key)));
    prop::collection::vec(one, 0..6).prop_map(|limits| {
        let mut text = String::new();
        for (scope, header) in [
            (RiskScope::All, "all"),
            (RiskScope::Venue, "venue.sim"),
            (RiskScope::Account, "account.main"),
            (RiskScope::Strategy, "strategy.mm"),
            (RiskScope::Instrument, "instrument.\"sim:PERP\""),
        ] {
            let _ = writeln!(text, "[{header}]");
            let mut said = Vec::new();
            for (key, (of, value)) in &limits {
                if *of == scope && !said.contains(key) {
                    let _ = writeln!(text, "{} = {value}", key.name());
                    said.push(*key);
                }
            }
        }
        text
    })
}

#[derive(Clone, Debug)]
struct Case {
    limits: String,
    orders: Vec<(u32, bool, i64, i64, i64)>,
    bid: i64,
    spread: i64,
    mark: i64,
    money: i64,
    margin_ppm: u32,
    profit: i64,
    held: i64,
}

fn case() -> impl Strategy<Value = Case> {
    let order =
        (0_u32..3, any::<bool>(), 190_i64..212, prop_oneof![1_i64..20, 1_i64..10_000], 0_i64..30);
    let orders = prop::collection::vec(order, 1..8);
    let market = (198_i64..202, -1_i64..4, 195_i64..206);
    let money = (0_i64..3000, 0_u32..300_000, -50_i64..50, -5000_i64..5000);
    (limits(), orders, market, money).prop_map(|(limits, orders, market, money)| {
        let ((bid, spread, mark), (money, margin_ppm, profit, held)) = (market, money);
        Case { limits, orders, bid, spread, mark, money, margin_ppm, profit, held }
    })
}

fn halves(halves: i64) -> String {
    format!("{}.{}", halves.div_euclid(2), 5 * halves.rem_euclid(2))
}

fn run(case: &Case) {
    let mut world = World::new(&case.limits);
    for asset in [USD, BTC] {
        world.risk.balance(MAIN, asset, amount(&case.money.to_string()));
    }
    world.risk.equity(MAIN, Some(amount(&case.money.to_string())));
    for at in 0..3 {
        let instrument = InstrumentId(at);
        world.risk.margin(MAIN, instrument, case.margin_ppm);
        world.risk.average_daily_volume(instrument, 5 * case.money);
        let mark = world.price(instrument, &halves(case.mark));
        world.risk.mark(instrument, mark);
        world.quote(instrument, &halves(case.bid), &halves(case.bid + case.spread));
        let held = if at == 2 { case.held / 1000 } else { case.held };
        world.hold_of(MAIN, instrument, held);
    }
    if case.profit % 3 != 0 {
        let profit = amount(&(case.profit * 10).to_string());
        for target in [Target::All, Target::Account(MAIN), Target::Strategy(MM)] {
            world.risk.profit(target, profit, profit, world.now, &mut world.trips);
        }
    }
    let mut sent: Option<Intent> = None;
    for (at, is_buy, price, size, wait_ms) in &case.orders {
        world.now += wait_ms * MS;
        let side = if *is_buy { OrderSide::Buy } else { OrderSide::Sell };
        let order = world.limit(side, InstrumentId(*at), &halves(*price), "1");
        let size = if *at == 2 { size / 1000 } else { *size };
        let order = Intent { size, ts_cause: world.now - wait_ms * MS / 2, ..order };
        let market = Intent {
            kind: OrderKind::Market,
            tif: None,
            price: None,
            price_protect: order.price,
            ..order
        };
        let _ = world.agrees(&market);
        if world.agrees(&order).is_ok() {
            world.send(&order);
            sent = Some(order);
        }
        if let Some(sent) = sent {
            let filled = (size - 1).min(sent.size / 2);
            let (request, client_id) = (RiskRequest::Replace, if size % 2 == 0 { 0 } else { 9999 });
            let price = order.price.filter(|_| sent.instrument == order.instrument).or(sent.price);
            let change = Intent { request, client_id, price, size, size_filled: filled, ..sent };
            let change = Intent { ts_cause: order.ts_cause, ..change };
            if world.agrees(&change).is_ok() && client_id == 0 {
                world.send(&change);
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(5000) })]

    #[test]
    fn the_check_and_the_dry_run_agree(case in case()) {
        run(&case);
    }
}

#[test]
fn what_warns_passes_and_says_so() {
    let mut world = World::new(
        "[all]\ngross_max = { max = 300, warn = 200 }\n[account.main]\norder_notional_max = { max = 250, warn = 100 }",
    );
    let order = world.buy(world::SPOT, "100", "1");
    assert_eq!(world.agrees(&order), Ok(vec![]));
    let order = world.buy(world::SPOT, "100", "2");
    assert_eq!(world.agrees(&order), Ok(vec![rustonite_risk::Code::OrderNotional]));
    world.hold(world::PERP, "1");
    let both = vec![rustonite_risk::Code::OrderNotional, rustonite_risk::Code::Gross];
    assert_eq!(world.agrees(&order), Ok(both));
    let order = world.buy(world::SPOT, "100", "2.001");
    assert_eq!(world.agrees(&order).unwrap_err().code, rustonite_risk::Code::Gross);
}
