use rustonite_core::datasets::{OrderSide, RiskScope};
use rustonite_risk::{Access, Code, Intent, Quote, Target};

use crate::provoke;
use crate::world::{BTC, MAIN, MS, PERP, SECOND, SIM, SPOT, START, World, amount, directory};

provoke! {
    there_is_a_price(PriceMissing) {
        let mut world = World::bare(directory(), "");
        world.risk.access(MAIN, Access::All, START);
        world.risk.feed_connected(SIM, true, START);
        let order = world.plain();
        assert_eq!(world.denies(&order, Code::PriceMissing).scope, RiskScope::Instrument);
        world.risk.trade(SPOT, 10_000, START, 3, &mut Vec::new());
        world.passes(&order);
        let pass = world.risk.check(&order, START).unwrap();
        assert_eq!(pass.market_seq(), Some(3));
    }

    a_gap_denies_until_it_is_closed(SequenceGap) {
        let mut world = World::new("");
        let order = world.plain();
        world.risk.gap(SPOT, true);
        world.denies(&order, Code::SequenceGap);
        world.risk.gap(SPOT, false);
        world.passes(&order);
    }

    prices_are_fresh(StaleData) {
        let mut world = World::new("[all]\nstale_ms = 50");
        let mut order = world.plain();
        world.now += 50 * MS;
        order.ts_cause = world.now;
        world.passes(&order);
        world.now += 1;
        world.meets(&order, Code::StaleData, RiskScope::All, "50", "50.000001");
        assert_eq!(world.denial(&order).market_seq, Some(7));
        world.wait(0);
        world.passes(&order);
    }

    stale_prices_trip_where_orders_are_open(StaleData) {
        let mut world = World::new("[instrument.\"sim:BTCUSD\"]\nstale_trip_ms = 1000");
        let order = world.plain();
        let mut trips = Vec::new();
        world.risk.timer(START + 5 * SECOND, &mut trips);
        assert_eq!(trips, []);
        world.now += 5 * SECOND;
        world.send(&order);
        world.wait(0);
        world.risk.timer(world.now + SECOND, &mut trips);
        assert_eq!(trips, []);
        world.risk.timer(world.now + SECOND + 1, &mut trips);
        assert_eq!(trips.len(), 1);
        assert_eq!((trips[0].target, trips[0].code), (Target::Instrument(SPOT), Code::StaleData));
        assert_eq!(trips[0].value, Some(amount("1000.000001")));
        // Thrown once, and not put back by fresh prices.
        world.risk.timer(world.now + SECOND + 2, &mut trips);
        assert_eq!(trips.len(), 1);
        world.wait(2 * SECOND);
        let other = world.plain();
        assert_eq!(world.denies(&other, Code::StaleData).scope, RiskScope::Instrument);
        world.risk.reset(Target::Instrument(SPOT), world.now);
        world.passes(&other);
    }

    a_book_has_a_spread(Crossed Locked) {
        let mut world = World::new("[all]\ndeny_crossed = true\ndeny_locked = true");
        let order = world.plain();
        world.quote(SPOT, "100", "100.01");
        world.passes(&order);
        world.quote(SPOT, "100", "100");
        world.meets(&order, Code::Locked, RiskScope::Instrument, "100", "100");
        world.quote(SPOT, "100.01", "100");
        world.meets(&order, Code::Crossed, RiskScope::Instrument, "100", "100.01");
        let mut world = World::new("");
        world.quote(SPOT, "100.01", "100");
        let order = world.plain();
        world.passes(&order);
    }

    a_large_move_pauses(Volatility) {
        let mut world = World::new(
            "[instrument.\"sim:BTCUSD\"]\nvolatility_bps = 100\nperiod_ms = 7000\nvolatility_pause_ms = 60000",
        );
        world.quote(SPOT, "100.99", "101.01");
        assert_eq!(world.trips, []);
        let order = world.plain();
        world.passes(&order);
        world.quote(SPOT, "101", "101.01");
        assert_eq!(world.trips.len(), 1);
        assert_eq!(world.trips[0].code, Code::Volatility);
        assert_eq!((world.trips[0].limit, world.trips[0].value), (Some(amount("100")), Some(amount("100.5"))));
        world.meets(&order, Code::Volatility, RiskScope::Instrument, "60000", "60000");
        // The pause ends by itself, once the move has left the period.
        world.now += 60 * SECOND - 1;
        world.meets(&order, Code::Volatility, RiskScope::Instrument, "60000", "0.000001");
        world.now += 1;
        world.passes(&order);
        assert_eq!(world.trips.len(), 1);
        world.quote(SPOT, "102", "102.01");
        assert_eq!(world.trips.len(), 1, "the move is older than the period");
    }

    our_price_is_near_the_mark(MarkMissing Divergence) {
        let mut world = World::new("[all]\ndivergence_bps = 10");
        let order = world.plain();
        assert_eq!(world.denies(&order, Code::MarkMissing).scope, RiskScope::Instrument);
        let at = |world: &World, text| world.price(SPOT, text);
        world.risk.index(SPOT, at(&world, "100"));
        world.passes(&order);
        world.quote(SPOT, "100.09", "100.11");
        world.passes(&order);
        world.quote(SPOT, "100.1", "100.11");
        world.meets(&order, Code::Divergence, RiskScope::All, "10", "10.5");
        // A mark goes before the index.
        world.risk.mark(SPOT, at(&world, "100.1"));
        world.passes(&order);
        world.quote(SPOT, "99.98", "99.99");
        world.denies(&order, Code::Divergence);
    }

    a_decision_is_fresh(Latency) {
        let mut world = World::new("[strategy.mm]\nlatency_ms = 2.5");
        let order = world.plain();
        world.now += 2 * MS + MS / 2;
        world.passes(&order);
        world.now += 1;
        world.meets(&order, Code::Latency, RiskScope::Strategy, "2.5", "2.500001");
        world.passes(&Intent { strategy: None, ..order });
    }
}

#[test]
fn a_book_with_one_side_is_judged_by_that() {
    let mut world = World::new("[all]\nprice_collar_bps = 100");
    let quote = Quote { bid: 0, ask: 20_000, ts: START, seq: 8 };
    world.risk.quote(SPOT, &quote, &mut Vec::new());
    let order = world.buy(SPOT, "202", "1");
    world.passes(&order);
    let order = world.buy(SPOT, "202.01", "1");
    world.denies(&order, Code::PriceCollar);
    let order = world.market(OrderSide::Sell, SPOT, "1");
    world.passes(&order);
}

#[test]
fn trades_do_not_count_where_there_are_quotes() {
    let mut world = World::new("[all]\nprice_collar_bps = 100");
    world.risk.trade(SPOT, 50_000, START, 3, &mut Vec::new());
    let order = world.buy(SPOT, "200", "1");
    world.denies(&order, Code::PriceCollar);
}

#[test]
fn where_there_is_no_price_nothing_is_measured_by_one() {
    let limits = "[all]\nstale_ms = 50\nprice_collar_bps = 100\nprice_far_bps = 100\n\
                  period_collar_bps = 100\nspread_max_bps = 50\ndivergence_bps = 10";
    let mut world = World::bare(directory(), limits);
    world.risk.access(MAIN, Access::All, START);
    world.risk.feed_connected(SIM, true, START);
    world.risk.index(SPOT, 10_000);
    let limit = world.plain();
    let sell = world.sell(SPOT, "100", "1");
    let market = world.market(OrderSide::Buy, SPOT, "1");
    let orders = [limit, sell, market, Intent { price_protect: limit.price, ..market }];
    let told = |world: &World, order: &Intent| {
        let mut failures = Vec::new();
        world.risk.would_fail(order, world.now, &mut failures);
        failures.iter().map(|one| one.code).collect::<Vec<_>>()
    };
    for order in &orders {
        assert_eq!(told(&world, order), [Code::PriceMissing]);
    }
    // A book without orders has no price either, but an age.
    let empty = Quote { bid: 0, ask: 0, ts: START, seq: 8 };
    world.risk.quote(SPOT, &empty, &mut Vec::new());
    assert_eq!(told(&world, &limit), [Code::PriceMissing]);
    world.now += 51 * MS;
    assert_eq!(told(&world, &limit), [Code::PriceMissing, Code::StaleData]);
}

#[test]
fn a_rate_that_is_gone_denies() {
    let mut world = World::new("");
    let order = world.buy(crate::world::INVERSE, "100", "1");
    world.passes(&order);
    world.risk.rate(BTC, None);
    world.denies(&order, Code::RateMissing);
    let order = world.buy(PERP, "100", "1");
    world.passes(&order);
}
