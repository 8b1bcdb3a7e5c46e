use rustonite_core::datasets::{OrderKind, OrderSide, RiskRequest, RiskScope, TradingState};
use rustonite_risk::{Access, Code, Intent, Target};

use crate::provoke;
use crate::world::{ARB, HEDGE, MAIN, MM, MS, PERP, SECOND, SIM, SPOT, World, directory};

const SEATS: [(&str, RiskScope); 4] = [
    ("[strategy.mm]", RiskScope::Strategy),
    ("[account.main]", RiskScope::Account),
    ("[venue.sim]", RiskScope::Venue),
    ("[all]", RiskScope::All),
];

provoke! {
    requests_within_a_span_are_few(MessagesPerS MessagesPer10S) {
        for (section, scope) in SEATS {
            for (key, span, code) in [
                ("messages_per_s", SECOND, Code::MessagesPerS),
                ("messages_per_10s", 10 * SECOND, Code::MessagesPer10S),
            ] {
                let mut world = World::new(&format!("{section}\n{key} = 3"));
                let order = world.plain();
                world.send(&order);
                world.wait(span - 2);
                let change = world.replacing(&order, "99", "1");
                world.send(&change);
                world.cancel(&order);
                world.wait(1);
                let order = world.plain();
                world.meets(&order, code, scope, "3", "4");
                // The window slides: the first leaves it to the nanosecond.
                world.wait(1);
                world.passes(&order);
                world.send(&order);
                let cancel = world.cancelling(&order);
                world.meets(&cancel, code, scope, "3", "4");
            }
        }
    }

    a_venue_that_takes_no_more_is_not_asked(VenueBudget) {
        let mut world = World::new("");
        let order = world.plain();
        world.send(&order);
        world.risk.venue_full(MAIN, world.now + 30 * MS);
        let other = world.plain();
        world.meets(&other, Code::VenueBudget, RiskScope::Account, "0", "30");
        world.denies(&world.replacing(&order, "99", "1"), Code::VenueBudget);
        // Cancels have a way of their own.
        world.passes(&world.cancelling(&order));
        world.wait(30 * MS - 1);
        world.denies(&other, Code::VenueBudget);
        world.wait(1);
        world.passes(&other);
        world.risk.venue_full(MAIN, world.now + 30 * MS);
        world.risk.venue_full(MAIN, i64::MIN);
        world.passes(&other);
    }

    some_requests_are_kept_for_cancels(MessagesPerS) {
        let mut world = World::new("[account.main]\nmessages_per_s = 3\ncancel_reserve = 2");
        let order = world.plain();
        world.send(&order);
        let other = world.plain();
        world.meets(&other, Code::MessagesPerS, RiskScope::Account, "1", "2");
        world.cancel(&order);
        let other = world.adopted();
        world.passes(&world.cancelling(&other));
    }

    requests_of_a_day_are_few(MessagesPerDay) {
        for (section, scope) in SEATS {
            let mut world = World::new(&format!("{section}\nmessages_per_day = 2"));
            for _ in 0..2 {
                let order = world.plain();
                world.send(&order);
                world.wait(20 * SECOND);
            }
            let order = world.plain();
            world.meets(&order, Code::MessagesPerDay, scope, "2", "3");
            // A new day starts at midnight.
            let left = 86_400 * SECOND - world.now % (86_400 * SECOND);
            world.wait(left - 1);
            let order = world.plain();
            world.denies(&order, Code::MessagesPerDay);
            world.wait(1);
            world.passes(&order);
        }
    }

    open_orders_are_few(OpenOrders) {
        for (section, scope) in SEATS.into_iter().chain([("[instrument.\"sim:BTCUSD\"]", RiskScope::Instrument)]) {
            let mut world = World::new(&format!("{section}\nopen_orders_max = 2"));
            let orders = [world.plain(), world.plain()];
            orders.iter().for_each(|order| world.send(order));
            let order = world.plain();
            world.meets(&order, Code::OpenOrders, scope, "2", "3");
            world.passes(&world.replacing(&orders[0], "99", "1"));
            world.fill(&orders[0], "1");
            world.passes(&order);
        }
    }

    cancels_come_with_fills(CancelRatio) {
        for (section, scope) in SEATS {
            let mut world = World::new(&format!("{section}\ncancel_ratio_max = 2"));
            let cancel_one = |world: &mut World| {
                let order = world.plain();
                world.send(&order);
                world.cancel(&order);
            };
            (0..2).for_each(|_| cancel_one(&mut world));
            let order = world.plain();
            world.passes(&order);
            cancel_one(&mut world);
            world.meets(&order, Code::CancelRatio, scope, "2", "3");
            let filled = world.adopted();
            world.fill(&filled, "0.5");
            world.meets(&order, Code::CancelRatio, scope, "2", "3");
            world.fill(&filled, "0.5");
            world.passes(&order);
        }
    }

    the_same_order_twice_is_a_mistake(Duplicate) {
        let mut world = World::new("[all]\nduplicate_ms = 100");
        let order = world.plain();
        world.send(&order);
        world.wait(100 * MS - 1);
        let again = world.plain();
        world.meets(&again, Code::Duplicate, RiskScope::All, "100", "99.999999");
        for other in [
            Intent { size: again.size + 1, ..again },
            Intent { price: Some(9_999), ..again },
            Intent { side: OrderSide::Sell, ..again },
            Intent { strategy: Some(ARB), ..again },
            Intent { instrument: PERP, price: Some(1000), ..again },
            Intent { kind: OrderKind::StopLimit, trigger: Some(9_999), ..again },
        ] {
            world.passes(&other);
        }
        world.wait(1);
        world.passes(&again);
    }

    a_parent_has_few_children(Children) {
        let mut world = World::new("[strategy.mm]\nchildren_max = 2");
        let child = |world: &mut World| Intent { request: RiskRequest::Child, parent: Some(500), ..world.plain() };
        for _ in 0..2 {
            let order = child(&mut world);
            world.send(&order);
            world.cancel(&order);
        }
        let third = child(&mut world);
        world.meets(&third, Code::Children, RiskScope::Strategy, "2", "3");
        world.passes(&Intent { parent: Some(501), ..third });
        world.passes(&Intent { parent: None, ..third });
        world.risk.parent_ended(500);
        world.passes(&third);
    }

    our_orders_do_not_meet(SelfTrade) {
        let mut world = World::new("[all]\ndeny_self_trade = true");
        let resting = Intent { strategy: Some(ARB), ..world.sell(SPOT, "101", "1") };
        world.send(&resting);
        let far = world.sell(SPOT, "102", "1");
        world.send(&far);
        let order = world.buy(SPOT, "100.99", "1");
        world.passes(&order);
        let order = world.buy(SPOT, "101", "1");
        world.meets(&order, Code::SelfTrade, RiskScope::Order, "101", "101");
        let market = world.market(OrderSide::Buy, SPOT, "1");
        world.denies(&market, Code::SelfTrade);
        let protect = world.price(SPOT, "100.99");
        world.passes(&Intent { price_protect: Some(protect), ..market });
        // Whatever the account.
        let long = Some(rustonite_core::datasets::PositionSide::Long);
        world.denies(&Intent { account: HEDGE, position_side: long, ..order }, Code::SelfTrade);
        // While a change is on its way, both prices count.
        let change = world.replacing(&resting, "103", "1");
        world.send(&change);
        world.denies(&order, Code::SelfTrade);
        world.risk.order_replaced(resting.order, change.price, change.size);
        world.passes(&order);
        let order = world.buy(SPOT, "102", "1");
        world.denies(&order, Code::SelfTrade);
        world.cancel(&far);
        world.passes(&order);
        // A change must not meet another either, and the other side is the same.
        world.send(&order);
        let sell = world.sell(SPOT, "102.01", "1");
        world.passes(&sell);
        let sell = world.sell(SPOT, "102", "1");
        world.meets(&sell, Code::SelfTrade, RiskScope::Order, "102", "102");
        world.denies(&world.replacing(&order, "103", "1"), Code::SelfTrade);
    }

    executions_stop_until_a_person_says_go_on(RepeatedExecutions) {
        for (target, (section, scope)) in TARGETS.into_iter().zip(SEATS) {
            let mut world = World::new(&format!("{section}\nexecutions_max = 3"));
            let order = world.plain();
            world.send(&order);
            (0..2).for_each(|_| world.fill(&order, "0.1"));
            assert_eq!(world.trips, []);
            let other = world.plain();
            world.passes(&other);
            world.fill(&order, "0.1");
            assert_eq!(world.trips.len(), 1);
            let trip = world.trips[0];
            assert_eq!((trip.target, trip.code), (target, Code::RepeatedExecutions));
            assert_eq!(trip.state, TradingState::CancelOnly);
            world.meets(&other, Code::RepeatedExecutions, scope, "3", "3");
            world.passes(&world.cancelling(&order));
            let reset = world.risk.reset(target, world.now);
            assert_eq!(reset, [trip]);
            world.passes(&other);
            (0..2).for_each(|_| world.fill(&order, "0.1"));
            assert_eq!(world.trips.len(), 1, "the count starts anew");
        }
    }

    refusals_in_a_row_trip(RepeatedRejects) {
        for (target, (section, scope)) in TARGETS.into_iter().zip(SEATS) {
            let mut world = World::new(&format!("{section}\nrejects_max = 2"));
            let order = world.plain();
            let reject = |world: &mut World| world.risk.rejected(MAIN, Some(MM), world.now, &mut world.trips);
            (0..2).for_each(|_| reject(&mut world));
            world.risk.accepted(MAIN, Some(MM));
            (0..2).for_each(|_| reject(&mut world));
            assert_eq!(world.trips, []);
            world.passes(&order);
            reject(&mut world);
            assert_eq!((world.trips[0].target, world.trips[0].code), (target, Code::RepeatedRejects));
            world.meets(&order, Code::RepeatedRejects, scope, "2", "3");
        }
    }

    a_venue_that_is_away_for_long_trips(DisconnectedLong) {
        let mut world = World::new("[venue.sim]\ndisconnect_trip_ms = 1000");
        let order = world.plain();
        world.risk.feed_connected(SIM, false, world.now);
        world.risk.timer(world.now + SECOND, &mut world.trips);
        assert_eq!(world.trips, []);
        world.risk.timer(world.now + SECOND + 1, &mut world.trips);
        assert_eq!((world.trips[0].target, world.trips[0].code), (Target::Venue(SIM), Code::DisconnectedLong));
        world.wait(2 * SECOND);
        world.risk.feed_connected(SIM, true, world.now);
        world.meets(&order, Code::DisconnectedLong, RiskScope::Venue, "1000", "1000.000001");
        world.risk.reset(Target::Venue(SIM), world.now);
        world.passes(&order);
    }

    an_account_that_is_away_alone_trips_alone(DisconnectedLong) {
        let mut world = World::new("[venue.sim]\ndisconnect_trip_ms = 1000");
        let order = world.plain();
        world.risk.access(HEDGE, Access::None, world.now);
        world.risk.timer(world.now + SECOND + 1, &mut world.trips);
        let thrown = (Target::Account(HEDGE), Code::DisconnectedLong);
        assert_eq!((world.trips[0].target, world.trips[0].code), thrown);
        assert_eq!(world.trips.len(), 1);
        world.wait(2 * SECOND);
        world.passes(&order);
    }
}

const TARGETS: [Target; 4] =
    [Target::Strategy(MM), Target::Account(MAIN), Target::Venue(SIM), Target::All];

#[test]
fn a_recorder_may_be_started_late_if_nothing_is_open() {
    let mut world = World::bare(directory(), "[venue.sim]\ndisconnect_trip_ms = 1000");
    world.risk.access(MAIN, Access::All, world.now);
    world.risk.feed_connected(SIM, false, world.now);
    world.wait(2 * SECOND);
    world.risk.timer(world.now, &mut world.trips);
    assert_eq!(world.trips, []);
    let order = world.plain();
    world.risk.adopt(&order);
    world.risk.timer(world.now, &mut world.trips);
    assert_eq!(world.trips[0].code, Code::DisconnectedLong);
}

#[test]
fn an_order_that_was_triggered_is_one_of_ours_in_the_book() {
    let mut world = World::new("[all]\ndeny_self_trade = true");
    let trigger = Some(world.price(SPOT, "98"));
    let kind = OrderKind::StopLimit;
    let stop = Intent { kind, trigger, ..world.sell(SPOT, "97", "1") };
    world.send(&stop);
    let buy = world.buy(SPOT, "97", "1");
    world.passes(&buy);
    world.risk.order_triggered(stop.order, stop.price.unwrap());
    world.denies(&buy, Code::SelfTrade);
    world.cancel(&stop);
    world.passes(&buy);
}
