use rustonite_core::datasets::{OrderSide, PositionSide, RiskScope, order_flags};
use rustonite_core::ids::{InstrumentId, StrategyId};
use rustonite_risk::{Access, Code, Intent, Target};

use crate::provoke;
use crate::world::{
    ARB, BTC, FAR_SPOT, HEDGE, INVERSE, MAIN, MM, PERP, SIM, SPOT, USD, World, amount, directory,
};

provoke! {
    assets_are_valued(RateMissing) {
        let mut world = World::new("");
        let order = world.buy(INVERSE, "100", "1");
        world.passes(&order);
        world.risk.rate(BTC, None);
        assert_eq!(world.denies(&order, Code::RateMissing).scope, RiskScope::Instrument);
    }

    positions_are_bounded_with_their_open_orders(LongMax ShortMax) {
        let mut world = World::new("[instrument.\"sim:PERP\"]\nlong_max = 3\nshort_max = 2");
        world.hold(PERP, "1");
        let open = world.buy(PERP, "100", "1.5");
        world.send(&open);
        let order = world.buy(PERP, "100", "0.5");
        world.passes(&order);
        let order = world.buy(PERP, "100", "0.501");
        world.meets(&order, Code::LongMax, RiskScope::Instrument, "3", "3.001");
        // Of all accounts together.
        let long = Some(PositionSide::Long);
        world.denies(&Intent { account: HEDGE, position_side: long, ..order }, Code::LongMax);
        let order = world.sell(PERP, "101", "3");
        world.passes(&order);
        let order = world.sell(PERP, "101", "3.001");
        world.meets(&order, Code::ShortMax, RiskScope::Instrument, "2", "2.001");
        // A change counts for what it adds.
        world.passes(&world.replacing(&open, "100", "2"));
        world.denies(&world.replacing(&open, "100", "2.001"), Code::LongMax);
        world.cancel(&open);
        let order = world.buy(PERP, "100", "2");
        world.passes(&order);
    }

    a_position_is_not_worth_too_much(PositionNotional) {
        for (section, scope) in [
            ("[instrument.\"sim:PERP\"]", RiskScope::Instrument),
            ("[strategy.mm]", RiskScope::Strategy),
            ("[account.main]", RiskScope::Account),
            ("[venue.sim]", RiskScope::Venue),
            ("[all]", RiskScope::All),
        ] {
            let mut world = World::new(&format!("{section}\nposition_notional_max = 300"));
            world.hold(PERP, "1");
            let order = world.buy(PERP, "90", "2");
            world.passes(&order);
            let order = world.buy(PERP, "90", "2.001");
            world.meets(&order, Code::PositionNotional, scope, "300", "300.1");
            let order = world.sell(PERP, "101", "4");
            world.passes(&order);
            let order = world.sell(PERP, "101", "4.001");
            world.meets(&order, Code::PositionNotional, scope, "300", "300.1");
            let order = world.buy(SPOT, "90", "3");
            world.passes(&order);
        }
    }

    gross_adds_up_by_scope(Gross) {
        for (section, scope) in [
            ("[strategy.mm]", RiskScope::Strategy),
            ("[account.main]", RiskScope::Account),
            ("[venue.sim]", RiskScope::Venue),
            ("[all]", RiskScope::All),
        ] {
            let mut world = World::new(&format!("{section}\ngross_max = 500"));
            world.hold(SPOT, "1");
            world.hold(PERP, "-2");
            let order = world.buy(INVERSE, "100", "2");
            world.passes(&order);
            let order = world.buy(INVERSE, "100", "3");
            world.meets(&order, Code::Gross, scope, "500", "600");
            // What shrinks a position adds nothing, until it turns it round.
            let order = world.buy(PERP, "100", "4");
            world.passes(&order);
            world.send(&order);
            let order = world.buy(PERP, "100", "2");
            world.passes(&order);
            let order = world.buy(PERP, "100", "2.001");
            world.meets(&order, Code::Gross, scope, "500", "500.1");
        }
    }

    net_adds_up_by_scope(Net) {
        for (section, scope) in [
            ("[strategy.mm]", RiskScope::Strategy),
            ("[account.main]", RiskScope::Account),
            ("[venue.sim]", RiskScope::Venue),
            ("[all]", RiskScope::All),
        ] {
            let mut world = World::new(&format!("{section}\nnet_max = 200"));
            world.hold(SPOT, "2");
            world.hold(PERP, "-1");
            let order = world.buy(PERP, "100", "1");
            world.passes(&order);
            let order = world.buy(PERP, "100", "1.001");
            world.meets(&order, Code::Net, scope, "200", "200.1");
            let order = world.sell(PERP, "100", "3");
            world.passes(&order);
            let order = world.sell(PERP, "100", "3.001");
            world.meets(&order, Code::Net, scope, "200", "200.1");
        }
    }

    an_account_is_worth_what_it_holds(EquityMissing Concentration Leverage) {
        let mut world = World::bare(directory(), "[all]\nconcentration_bps = 5000\nleverage_max = 1.5");
        world.risk.access(MAIN, Access::All, world.now);
        world.risk.feed_connected(SIM, true, world.now);
        world.quote(SPOT, "99.99", "100.01");
        world.quote(PERP, "99.5", "100.5");
        let order = world.buy(SPOT, "100", "5");
        assert_eq!(world.denies(&order, Code::EquityMissing).scope, RiskScope::Account);
        world.risk.equity(MAIN, Some(amount("1000")));
        world.passes(&order);
        let more = world.buy(SPOT, "100", "5.001");
        world.meets(&more, Code::Concentration, RiskScope::All, "5000", "5001");
        for (instrument, size) in [(SPOT, "5"), (PERP, "-5")] {
            world.hold(instrument, size);
        }
        world.risk.equity(MAIN, Some(amount("700")));
        let order = world.sell(PERP, "100", "0.001");
        world.meets(&order, Code::Concentration, RiskScope::All, "5000", "7144.29");
        let mut world = World::new("[all]\nleverage_max = 1.5");
        world.risk.equity(MAIN, Some(amount("1000")));
        world.hold(SPOT, "10");
        let order = world.sell(PERP, "100", "5");
        world.passes(&order);
        let order = world.sell(PERP, "100", "5.001");
        world.meets(&order, Code::Leverage, RiskScope::All, "1.5", "1.51");
        world.risk.equity(MAIN, Some(amount("0")));
        let order = world.sell(PERP, "100", "0.001");
        world.denies(&order, Code::Leverage);
        let order = world.sell(SPOT, "100", "10");
        world.passes(&order);
    }

    spot_is_paid(BalanceMissing Unfunded) {
        let mut world = World::new("[all]\ndeny_unfunded = true");
        world.risk.balance(MAIN, USD, amount("500"));
        let open = world.buy(SPOT, "90", "1");
        world.send(&open);
        let order = world.buy(SPOT, "100", "4.1");
        world.passes(&order);
        let order = world.buy(SPOT, "100", "4.101");
        world.meets(&order, Code::Unfunded, RiskScope::Account, "410", "410.1");
        // A change pays the difference, whether of size or of price.
        world.passes(&world.replacing(&open, "100", "5"));
        world.denies(&world.replacing(&open, "100.01", "5"), Code::Unfunded);
        // Until it is settled, the larger size is held at the higher price.
        world.passes(&world.replacing(&open, "80", "5.555"));
        world.denies(&world.replacing(&open, "80", "5.556"), Code::Unfunded);
        world.denies(&world.replacing(&open, "1", "5.556"), Code::Unfunded);
        world.fill(&open, "0.5");
        let order = world.buy(SPOT, "100", "4.55");
        world.passes(&order);
        let order = world.buy(SPOT, "100", "4.551");
        world.denies(&order, Code::Unfunded);
        world.cancel(&open);
        let order = world.buy(SPOT, "100", "5");
        world.passes(&order);
        // Fees are part of what is held, if told so.
        world.risk.margin(MAIN, SPOT, 1_001_000);
        world.meets(&order, Code::Unfunded, RiskScope::Account, "500", "500.5");
        // A sale pays with what is sold.
        world.risk.balance(MAIN, BTC, amount("2"));
        let order = world.sell(SPOT, "100", "2");
        world.passes(&order);
        let order = world.sell(SPOT, "100", "2.001");
        world.meets(&order, Code::Unfunded, RiskScope::Account, "2", "2.001");
        let mut world = known_but_poor();
        let order = world.plain();
        assert_eq!(world.denies(&order, Code::BalanceMissing).scope, RiskScope::Account);
        world.risk.balance(MAIN, USD, amount("100"));
        world.passes(&order);
    }

    contracts_hold_margin(MarginMissing Unfunded) {
        let mut world = known_but_poor();
        world.risk.balance(MAIN, USD, amount("100"));
        let order = world.buy(PERP, "100", "10");
        assert_eq!(world.denies(&order, Code::MarginMissing).scope, RiskScope::Account);
        world.risk.margin(MAIN, PERP, 100_000);
        world.passes(&order);
        let more = world.buy(PERP, "100", "10.001");
        world.meets(&more, Code::Unfunded, RiskScope::Account, "100", "100.01");
        // One way is as good as the other: only the worse of the two is held.
        world.send(&order);
        let order = world.sell(PERP, "101", "10");
        world.passes(&order);
        let order = world.sell(PERP, "101", "10.001");
        world.meets(&order, Code::Unfunded, RiskScope::Account, "0", "0.01");
        // What shrinks a position needs nothing.
        world.hold(PERP, "-10");
        let order = world.buy(PERP, "100", "10");
        world.passes(&order);
    }

    positions_hold_margin(MarginMissing Unfunded) {
        let mut world = World::new("[all]\ndeny_unfunded = true");
        world.risk.balance(MAIN, USD, amount("150"));
        world.risk.margin(MAIN, PERP, 100_000);
        world.hold(PERP, "10");
        let order = world.buy(PERP, "100", "5");
        world.passes(&order);
        let order = world.buy(PERP, "100", "5.001");
        world.meets(&order, Code::Unfunded, RiskScope::Account, "50", "50.01");
        // It takes the same after it is filled.
        let order = world.buy(PERP, "100", "5");
        world.send(&order);
        world.fill(&order, "5");
        let order = world.buy(PERP, "100", "0.001");
        world.meets(&order, Code::Unfunded, RiskScope::Account, "0", "0.01");
        // It is closed however much the venue holds, even if the account has less by now.
        world.risk.balance(MAIN, USD, amount("1"));
        let order = world.sell(PERP, "100", "15");
        world.passes(&order);
        let order = world.sell(PERP, "100", "30.001");
        world.denies(&order, Code::Unfunded);
        world.hold(PERP, "-10");
        world.risk.balance(MAIN, USD, amount("150"));
        let order = world.sell(PERP, "100", "5.001");
        world.meets(&order, Code::Unfunded, RiskScope::Account, "50", "50.01");
        // Nobody knows what it holds, so nobody knows what is free.
        world.risk.margin(MAIN, PERP, 0);
        let order = world.buy(SPOT, "100", "0.001");
        world.denies(&order, Code::MarginMissing);
        world.hold(PERP, "0");
        let order = world.buy(SPOT, "100", "0.001");
        world.passes(&order);
    }

    an_inverse_contract_holds_its_base(Unfunded) {
        let mut world = World::new("[all]\ndeny_unfunded = true");
        world.risk.balance(MAIN, BTC, amount("1"));
        let order = world.buy(INVERSE, "100", "10");
        world.passes(&order);
        let order = world.buy(INVERSE, "100", "11");
        world.meets(&order, Code::Unfunded, RiskScope::Account, "1", "1.1");
    }

    a_short_sale_is_borrowed(ShortUnavailable) {
        let mut world = World::new("[all]\ndeny_unfunded = true");
        let flags = order_flags::SHORT_SALE;
        let order = Intent { flags, ..world.sell(SPOT, "100", "3") };
        world.denies(&order, Code::ShortUnavailable);
        world.risk.borrowable(MAIN, BTC, amount("3"));
        world.passes(&order);
        let order = Intent { flags, ..world.sell(SPOT, "100", "3.001") };
        world.meets(&order, Code::ShortUnavailable, RiskScope::Account, "3", "3.001");
    }
}

/// Connected and priced, without balances.
fn known_but_poor() -> World {
    let mut world = World::bare(directory(), "[all]\ndeny_unfunded = true");
    world.risk.access(MAIN, Access::All, world.now);
    world.risk.feed_connected(SIM, true, world.now);
    world.quote(SPOT, "99.99", "100.01");
    world.quote(PERP, "99.5", "100.5");
    world
}

fn gross(world: &World, target: Target) -> String {
    world.risk.gross(target).map_or_else(String::new, |gross| gross.to_string())
}

#[test]
fn what_is_reserved_is_released() {
    let mut world = World::new("");
    for instrument in [SPOT, PERP, INVERSE] {
        let (buy, sell) = (world.buy(instrument, "99", "2"), world.sell(instrument, "101", "3"));
        world.send(&buy);
        world.send(&sell);
        let change = world.replacing(&sell, "102", "4");
        world.send(&change);
        world.cancel(&buy);
        world.risk.order_replaced(sell.order, sell.price, sell.size);
        world.cancel(&sell);
    }
    for target in [Target::All, Target::Venue(SIM), Target::Account(MAIN), Target::Strategy(MM)] {
        assert_eq!(gross(&world, target), "0");
    }
}

#[test]
fn an_order_that_left_is_counted_before_the_venue_answers() {
    let mut world = World::new("[all]\ngross_max = 200");
    let order = world.buy(SPOT, "100", "2");
    world.send(&order);
    assert_eq!(gross(&world, Target::Account(MAIN)), "200");
    let more = world.buy(SPOT, "100", "0.001");
    world.denies(&more, Code::Gross);
}

#[test]
fn positions_are_valued_anew_when_the_market_moves() {
    let mut world = World::new("");
    world.hold(PERP, "2");
    world.hold(FAR_SPOT, "1");
    world.quote(PERP, "199.5", "200.5");
    assert_eq!(gross(&world, Target::Account(MAIN)), "400");
    assert_eq!(gross(&world, Target::All), "500");
    let mark = world.price(PERP, "150");
    world.risk.mark(PERP, mark);
    world.quote(PERP, "99.5", "100.5");
    assert_eq!(gross(&world, Target::Strategy(MM)), "400", "a mark goes before quotes");
}

#[test]
fn strategies_do_not_net_with_each_other() {
    let mut world = World::new("");
    let (buy, sell) = (world.buy(PERP, "99", "2"), world.sell(PERP, "101", "2"));
    let sell = Intent { strategy: Some(ARB), ..sell };
    world.send(&buy);
    world.send(&sell);
    world.fill(&buy, "2");
    world.fill(&sell, "2");
    assert_eq!(gross(&world, Target::Account(MAIN)), "0");
    assert_eq!(gross(&world, Target::Strategy(MM)), "200");
    assert_eq!(gross(&world, Target::Strategy(ARB)), "200");
    let position = |world: &World, strategy| world.risk.position(Target::Strategy(strategy), PERP);
    assert_eq!((position(&world, MM), position(&world, ARB)), (Some(2000), Some(-2000)));
    assert_eq!(position(&world, StrategyId(2)), Some(0));
    assert_eq!(world.risk.position(Target::All, InstrumentId(9)), None);
}

#[test]
fn legs_of_a_hedge_do_not_net() {
    let mut world = World::new("");
    for (side, leg) in
        [(OrderSide::Buy, PositionSide::Long), (OrderSide::Sell, PositionSide::Short)]
    {
        let order = world.limit(side, PERP, "100", "2");
        let order = Intent { account: HEDGE, position_side: Some(leg), ..order };
        world.send(&order);
        world.fill(&order, "2");
    }
    assert_eq!(gross(&world, Target::Account(HEDGE)), "400");
    assert_eq!(world.risk.position(Target::Account(HEDGE), PERP), Some(0));
}

#[test]
fn each_leg_of_a_hedge_holds_margin() {
    let mut world = World::new("[all]\ndeny_unfunded = true");
    world.risk.margin(HEDGE, PERP, 100_000);
    world.risk.balance(HEDGE, USD, amount("50"));
    let leg = |world: &mut World, side, leg, size| {
        let order = world.limit(side, PERP, "100", size);
        Intent { account: HEDGE, position_side: Some(leg), ..order }
    };
    let long = leg(&mut world, OrderSide::Buy, PositionSide::Long, "2");
    world.send(&long);
    world.fill(&long, "2");
    let short = leg(&mut world, OrderSide::Sell, PositionSide::Short, "3.001");
    world.meets(&short, Code::Unfunded, RiskScope::Account, "30", "30.01");
    let short = leg(&mut world, OrderSide::Sell, PositionSide::Short, "3");
    world.passes(&short);
}

#[test]
fn an_order_that_is_no_longer_reduce_only_counts() {
    let mut world = World::new("[all]\ngross_max = 300");
    world.hold(PERP, "1");
    let order = Intent { flags: order_flags::REDUCE_ONLY, ..world.sell(PERP, "101", "1") };
    world.send(&order);
    assert_eq!(gross(&world, Target::All), "100");
    let plain = Intent { flags: 0, ..world.replacing(&order, "101", "4") };
    world.denies(&Intent { size: 4001, ..plain }, Code::Gross);
    world.send(&plain);
    assert_eq!(gross(&world, Target::All), "300");
    world.cancel(&order);
    assert_eq!(gross(&world, Target::All), "100");
}

#[test]
fn a_change_is_of_the_same_leg() {
    let mut world = World::new("");
    let long = Some(PositionSide::Long);
    let order = Intent { account: HEDGE, position_side: long, ..world.buy(PERP, "99", "1") };
    world.send(&order);
    let change = world.replacing(&order, "98", "1");
    world.passes(&change);
    let other = Intent { position_side: Some(PositionSide::Short), ..change };
    world.denies(&other, Code::OrderUnknown);
}

#[test]
fn a_fill_that_is_taken_back_is_taken_back() {
    let mut world = World::new("");
    let order = world.buy(SPOT, "100", "2");
    world.send(&order);
    world.fill(&order, "2");
    world.fill(&order, "-2");
    assert_eq!(world.risk.position(Target::Account(MAIN), SPOT), Some(0));
}
