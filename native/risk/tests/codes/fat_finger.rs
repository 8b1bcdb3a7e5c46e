use rustonite_core::datasets::{OrderKind, OrderSide, RiskScope, order_flags};
use rustonite_risk::{Code, Intent};

use crate::provoke;
use crate::world::{INVERSE, PERP, SECOND, SPOT, World};

provoke! {
    an_order_is_not_too_large(OrderSize) {
        let mut world = World::new("[instrument.\"sim:BTCUSD\"]\norder_size_max = 2");
        let order = world.buy(SPOT, "100", "2");
        world.passes(&order);
        let order = world.buy(SPOT, "100", "2.001");
        world.meets(&order, Code::OrderSize, RiskScope::Instrument, "2", "2.001");
        let order = world.buy(PERP, "100", "2.001");
        world.passes(&order);
    }

    an_order_is_not_worth_too_much(OrderNotional) {
        let mut world = World::new("[account.main]\norder_notional_max = 200\n[strategy.mm]\norder_notional_max = 300");
        let order = world.buy(SPOT, "100", "2");
        world.passes(&order);
        let order = world.buy(SPOT, "100.01", "2");
        world.meets(&order, Code::OrderNotional, RiskScope::Account, "200", "200.02");
        // A sale far below the market is worth what the market pays.
        let order = world.sell(SPOT, "1", "2");
        world.passes(&order);
        let order = world.sell(SPOT, "1", "2.001");
        world.meets(&order, Code::OrderNotional, RiskScope::Account, "200", "200.1");
        // An inverse contract is worth its size.
        let order = world.buy(INVERSE, "50", "2");
        world.passes(&order);
        let order = world.buy(INVERSE, "50", "3");
        world.meets(&order, Code::OrderNotional, RiskScope::Account, "200", "300");
        // A market order is worth what it would pay.
        let order = world.market(OrderSide::Buy, SPOT, "2");
        world.meets(&order, Code::OrderNotional, RiskScope::Account, "200", "200.02");
    }

    a_price_is_not_much_worse(PriceCollar) {
        let mut world = World::new("[venue.sim]\nprice_collar_bps = 50");
        for (side, fine, worse) in
            [(OrderSide::Buy, "100.5", "100.51"), (OrderSide::Sell, "99.5", "99.49")]
        {
            let order = world.limit(side, SPOT, fine, "1");
            world.passes(&order);
            let order = world.limit(side, SPOT, worse, "1");
            world.meets(&order, Code::PriceCollar, RiskScope::Venue, "50", "51");
            // What protects a market order is a price like another.
            let market = world.market(side, SPOT, "1");
            let protect = Intent { price_protect: order.price, ..market };
            world.denies(&protect, Code::PriceCollar);
        }
        // An order that waits is judged by the price that it waits for.
        let trigger = Some(world.price(SPOT, "110"));
        let stop = Intent { kind: OrderKind::StopLimit, trigger, ..world.buy(SPOT, "110.55", "1") };
        world.passes(&stop);
        world.denies(&Intent { price: Some(11_056), ..stop }, Code::PriceCollar);
        // One whose price has come already takes from the market at once.
        for (side, waits_at, has_come) in
            [(OrderSide::Buy, "90", "110"), (OrderSide::Sell, "110", "90")]
        {
            for (at, passes) in [(waits_at, true), (has_come, false)] {
                let order = world.limit(side, SPOT, at, "1");
                let kind = OrderKind::LimitIfTouched;
                let touched = Intent { kind, trigger: order.price, ..order };
                if passes {
                    world.passes(&touched);
                } else {
                    world.denies(&touched, Code::PriceCollar);
                }
            }
        }
    }

    a_price_is_not_far_away(PriceFar) {
        let mut world = World::new("[all]\nprice_far_bps = 50");
        for (side, fine, far) in
            [(OrderSide::Buy, "99.5", "99.49"), (OrderSide::Sell, "100.5", "100.51")]
        {
            let order = world.limit(side, SPOT, fine, "1");
            world.passes(&order);
            let order = world.limit(side, SPOT, far, "1");
            world.meets(&order, Code::PriceFar, RiskScope::All, "50", "51");
        }
    }

    a_price_does_not_run_after_the_market(PeriodCollar) {
        let mut world = World::new("[all]\nperiod_collar_bps = 100\nperiod_ms = 7000");
        world.now += SECOND;
        world.quote(SPOT, "102", "102.02");
        let order = world.buy(SPOT, "101", "1");
        world.passes(&order);
        let order = world.buy(SPOT, "101.01", "1");
        world.meets(&order, Code::PeriodCollar, RiskScope::All, "100", "101");
        // A sale looks at the highest.
        let order = world.sell(SPOT, "101", "1");
        world.passes(&order);
        let order = world.sell(SPOT, "100.98", "1");
        world.denies(&order, Code::PeriodCollar);
        // What is older than the period does not count.
        world.now += 9 * SECOND;
        world.quote(SPOT, "102", "102.02");
        let order = world.buy(SPOT, "103.03", "1");
        world.passes(&order);
        let order = world.buy(SPOT, "103.04", "1");
        world.denies(&order, Code::PeriodCollar);
    }

    an_order_is_a_small_part_of_the_volume(AdvMissing AdvShare) {
        let mut world = World::new("[all]\nadv_share_bps = 100");
        let order = world.buy(SPOT, "100", "1");
        world.denies(&order, Code::AdvMissing);
        let size = world.size(SPOT, "100");
        world.risk.average_daily_volume(SPOT, size);
        world.passes(&order);
        let order = world.buy(SPOT, "100", "1.001");
        world.meets(&order, Code::AdvShare, RiskScope::All, "100", "100.1");
    }

    a_market_order_is_small_and_protected(MarketNotional ProtectMissing) {
        let mut world = World::new("[all]\nmarket_notional_max = 100.01\n[strategy.mm]\nmarket_protect = true");
        let order = world.market(OrderSide::Buy, SPOT, "1");
        assert_eq!(world.denies(&order, Code::ProtectMissing).scope, RiskScope::Strategy);
        let protect = world.price(SPOT, "100.01");
        world.passes(&Intent { price_protect: Some(protect), ..order });
        let dearer = Intent { price_protect: Some(protect + 1), ..order };
        world.meets(&dearer, Code::MarketNotional, RiskScope::All, "100.01", "100.02");
        let limit = world.buy(SPOT, "100", "5");
        world.passes(&limit);
    }

    a_spread_is_crossed_only_if_narrow(SpreadToCross) {
        let mut world = World::new("[all]\nspread_max_bps = 2");
        let taker = world.buy(SPOT, "100.01", "1");
        world.passes(&taker);
        world.quote(SPOT, "99.98", "100.01");
        let denial = world.denies(&taker, Code::SpreadToCross);
        assert_eq!(denial.scope, RiskScope::All);
        let market = world.market(OrderSide::Sell, SPOT, "1");
        world.denies(&market, Code::SpreadToCross);
        let rests = world.buy(SPOT, "100", "1");
        world.passes(&rests);
        world.passes(&Intent { flags: order_flags::POST_ONLY, ..taker });
        world.quote(SPOT, "99.98", "0");
        let sell = world.sell(SPOT, "99.98", "1");
        let denial = world.denies(&sell, Code::SpreadToCross);
        assert_eq!(denial.value(), None, "it is as wide as one likes");
    }
}
