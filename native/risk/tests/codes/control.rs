use rustonite_core::datasets::{OrderSide, PositionSide, RiskScope, TradingState, order_flags};
use rustonite_risk::{Access, Code, Intent, Target};

use crate::provoke;
use crate::world::{ARB, HEDGE, MAIN, MM, MS, PERP, SIM, SPOT, START, World};

const TARGETS: [(Target, RiskScope); 5] = [
    (Target::All, RiskScope::All),
    (Target::Venue(SIM), RiskScope::Venue),
    (Target::Account(MAIN), RiskScope::Account),
    (Target::Strategy(MM), RiskScope::Strategy),
    (Target::Instrument(SPOT), RiskScope::Instrument),
];

provoke! {
    time_does_not_go_backwards(ClockBackwards) {
        let mut world = World::new("");
        world.risk.timer(START + 5 * MS, &mut Vec::new());
        let order = world.plain();
        world.meets(&order, Code::ClockBackwards, RiskScope::Order, "0", "5");
        world.now += 5 * MS;
        world.passes(&order);
    }

    a_kill_switch_reaches_its_scope(KillSwitch) {
        for (target, scope) in TARGETS {
            let mut world = World::new("");
            let order = world.plain();
            world.send(&order);
            let other = world.plain();
            let trip = world.risk.kill(target, START);
            assert_eq!((trip.code, trip.state), (Code::KillSwitch, TradingState::CancelOnly));
            assert_eq!(world.denies(&other, Code::KillSwitch).scope, scope);
            world.denies(&world.replacing(&order, "99", "1"), Code::KillSwitch);
            world.passes(&world.cancelling(&order));
            world.risk.reset(target, START);
            world.passes(&other);
        }
        let mut world = World::new("");
        let other = Intent { strategy: Some(ARB), ..world.plain() };
        world.risk.kill(Target::Strategy(MM), START);
        world.risk.kill(Target::Instrument(PERP), START);
        world.passes(&other);
        // One order alone.
        let order = other;
        world.send(&order);
        world.risk.kill(Target::Order(order.order), START);
        let change = world.replacing(&order, "99", "1");
        assert_eq!(world.denies(&change, Code::KillSwitch).scope, RiskScope::Order);
        let other = Intent { strategy: Some(ARB), ..world.plain() };
        world.passes(&other);
        world.risk.reset(Target::Order(order.order), START);
        world.passes(&change);
        // One that has not been sent yet.
        let held = Intent { strategy: Some(ARB), ..world.plain() };
        world.passes(&held);
        world.risk.kill(Target::Order(held.order), START);
        assert_eq!(world.denies(&held, Code::KillSwitch).scope, RiskScope::Order);
    }

    trading_states_let_less_through_step_by_step(Halted CancelOnly ReduceOnlyState) {
        for (target, scope) in TARGETS {
            let mut world = World::new("");
            let order = world.plain();
            world.send(&order);
            let (other, cancel) = (world.plain(), world.cancelling(&order));
            for (state, code) in [
                (TradingState::Halted, Code::Halted),
                (TradingState::CancelOnly, Code::CancelOnly),
                (TradingState::ReduceOnly, Code::ReduceOnlyState),
            ] {
                world.risk.set_state(target, state, START);
                assert_eq!(world.risk.state(target), state);
                assert_eq!(world.denies(&other, code).scope, scope);
                match state {
                    TradingState::Halted => drop(world.denies(&cancel, Code::Halted)),
                    _ => world.passes(&cancel),
                }
            }
            world.risk.set_state(target, TradingState::Active, START);
            world.passes(&other);
        }
    }

    the_strictest_state_wins(Halted) {
        let mut world = World::new("");
        world.risk.set_state(Target::All, TradingState::ReduceOnly, START);
        world.risk.set_state(Target::Account(MAIN), TradingState::Halted, START);
        let order = world.plain();
        let mut failures = Vec::new();
        world.risk.would_fail(&order, START, &mut failures);
        let codes: Vec<_> = failures.iter().map(|failure| failure.code).collect();
        assert_eq!(codes, [Code::ReduceOnlyState, Code::Halted]);
    }

    reduce_only_counts_what_is_open(ReduceOnlyState) {
        let mut world = World::new("");
        world.hold(PERP, "1");
        world.risk.set_state(Target::Account(MAIN), TradingState::ReduceOnly, START);
        let half = world.sell(PERP, "101", "0.6");
        world.send(&half);
        let rest = world.sell(PERP, "101", "0.4");
        world.passes(&rest);
        let more = world.sell(PERP, "101", "0.401");
        world.meets(&more, Code::ReduceOnlyState, RiskScope::Account, "0.4", "0.401");
        // The venue shrinks what is flagged, so other orders need not be counted.
        let flags = order_flags::REDUCE_ONLY;
        let whole = Intent { flags, ..world.sell(PERP, "101", "1") };
        world.passes(&whole);
        let buy = world.buy(PERP, "100", "0.001");
        world.denies(&buy, Code::ReduceOnlyState);
        // A change that does not add is fine, one that does is not.
        world.passes(&world.replacing(&half, "102", "0.6"));
        world.passes(&world.replacing(&half, "102", "1"));
        world.denies(&world.replacing(&half, "102", "1.001"), Code::ReduceOnlyState);
    }

    reduce_only_of_a_strategy_is_about_its_own_position(ReduceOnlyState) {
        let mut world = World::new("");
        world.hold(PERP, "1");
        world.risk.set_state(Target::Strategy(ARB), TradingState::ReduceOnly, START);
        let order = Intent { strategy: Some(ARB), ..world.sell(PERP, "101", "1") };
        world.denies(&order, Code::ReduceOnlyState);
        world.passes(&Intent { strategy: Some(MM), ..order });
    }

    a_restricted_instrument_is_not_traded(Restricted) {
        let mut world = World::new("restricted = [\"sim:PERP\"]");
        let (spot, perp) = (world.plain(), world.buy(PERP, "100", "1"));
        world.passes(&spot);
        assert_eq!(world.denies(&perp, Code::Restricted).scope, RiskScope::Instrument);
    }

    connections_are_up(VenueDisconnected FeedDisconnected) {
        let mut world = World::new("");
        let order = world.plain();
        world.send(&order);
        let other = world.plain();
        world.risk.feed_connected(SIM, false, START);
        world.denies(&other, Code::FeedDisconnected);
        world.passes(&world.cancelling(&order));
        world.risk.access(MAIN, Access::None, START);
        world.denies(&other, Code::VenueDisconnected);
        world.denies(&world.cancelling(&order), Code::VenueDisconnected);
        // It hears us, and our books are not its own so far.
        world.risk.access(MAIN, Access::Cancels, START);
        world.denies(&other, Code::NotReconciled);
        world.passes(&world.cancelling(&order));
        world.risk.access(MAIN, Access::All, START);
        world.risk.feed_connected(SIM, true, START);
        world.passes(&other);
    }

    an_account_trades_once_its_own_books_are_compared(NotReconciled VenueDisconnected) {
        let mut world = World::new("");
        let order = world.buy(PERP, "100", "1");
        world.send(&order);
        let mine = world.buy(PERP, "99", "1");
        let side = Some(PositionSide::Long);
        let other = Intent { account: HEDGE, position_side: side, ..world.buy(PERP, "100", "1") };
        world.risk.access(MAIN, Access::Cancels, START);
        assert_eq!(world.denies(&mine, Code::NotReconciled).scope, RiskScope::Account);
        world.denies(&world.replacing(&order, "98", "1"), Code::NotReconciled);
        world.passes(&world.cancelling(&order));
        world.passes(&other);
        world.risk.access(MAIN, Access::All, START);
        world.risk.access(HEDGE, Access::None, START);
        world.passes(&mine);
        assert_eq!(world.denies(&other, Code::VenueDisconnected).scope, RiskScope::Account);
    }

    an_account_whose_orders_would_outlive_us_only_cancels(DeadManMissing) {
        let mut world = World::new("");
        let order = world.buy(PERP, "100", "1");
        world.send(&order);
        let more = world.buy(PERP, "99", "1");
        world.risk.access(MAIN, Access::Unguarded, START);
        assert_eq!(world.denies(&more, Code::DeadManMissing).scope, RiskScope::Account);
        world.denies(&world.replacing(&order, "98", "1"), Code::DeadManMissing);
        world.passes(&world.cancelling(&order));
        world.risk.access(MAIN, Access::All, START);
        world.passes(&more);
    }
}

#[test]
fn connections_are_down_until_told() {
    let mut world = World::bare(crate::world::directory(), "");
    let order = world.limit(OrderSide::Buy, SPOT, "100", "1");
    world.denies(&order, Code::VenueDisconnected);
}
