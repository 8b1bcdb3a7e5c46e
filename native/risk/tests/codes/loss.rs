use rustonite_core::datasets::{RiskScope, TradingState};
use rustonite_risk::{Code, Target};

use crate::provoke;
use crate::world::{MAIN, MM, PERP, SECOND, SIM, World, amount};

const SEATS: [(&str, Target, RiskScope); 4] = [
    ("[strategy.mm]", Target::Strategy(MM), RiskScope::Strategy),
    ("[account.main]", Target::Account(MAIN), RiskScope::Account),
    ("[venue.sim]", Target::Venue(SIM), RiskScope::Venue),
    ("[all]", Target::All, RiskScope::All),
];

fn tell(world: &mut World, target: Target, day: &str, total: &str) {
    world.risk.profit(target, amount(day), amount(total), world.now, &mut world.trips);
}

provoke! {
    a_loss_of_the_day_latches(ProfitMissing DailyLoss) {
        for (section, target, scope) in SEATS {
            let mut world = World::new(&format!("{section}\ndaily_loss_max = 100"));
            world.hold(PERP, "1");
            let order = world.plain();
            assert_eq!(world.denies(&order, Code::ProfitMissing).scope, scope);
            tell(&mut world, target, "-100", "-100");
            world.passes(&order);
            assert_eq!(world.trips, []);
            world.risk.profit_unknown();
            assert_eq!(world.denies(&order, Code::ProfitMissing).scope, scope);
            tell(&mut world, target, "-100", "-100");
            world.passes(&order);
            tell(&mut world, target, "-100.01", "-100.01");
            assert_eq!((world.trips[0].target, world.trips[0].code), (target, Code::DailyLoss));
            assert_eq!(world.trips[0].state, TradingState::ReduceOnly);
            world.meets(&order, Code::DailyLoss, scope, "100", "100.01");
            // Positions may still be closed.
            let close = world.sell(PERP, "100", "1");
            world.passes(&close);
            // A profit later does not put it back, and it is told once.
            tell(&mut world, target, "50", "50");
            tell(&mut world, target, "-200", "-200");
            assert_eq!(world.trips.len(), 1);
            world.denies(&order, Code::DailyLoss);
            world.risk.reset(target, world.now);
            world.passes(&order);
        }
    }

    a_fall_from_the_peak_latches(Drawdown) {
        for (section, target, scope) in SEATS {
            let mut world = World::new(&format!("{section}\ndrawdown_max = 100"));
            let order = world.plain();
            tell(&mut world, target, "0", "-500");
            tell(&mut world, target, "0", "70");
            tell(&mut world, target, "0", "-30");
            world.passes(&order);
            tell(&mut world, target, "0", "-30.01");
            world.meets(&order, Code::Drawdown, scope, "100", "100.01");
            // After a reset the fall counts from here.
            world.risk.reset(target, world.now);
            tell(&mut world, target, "0", "-130");
            world.passes(&order);
            tell(&mut world, target, "0", "-130.02");
            world.denies(&order, Code::Drawdown);
        }
    }

    losses_in_a_row_pause(LossStreak) {
        for (section, target, scope) in SEATS {
            let mut world = World::new(&format!("{section}\nloss_streak_max = 3\nloss_pause_ms = 1000"));
            let order = world.plain();
            let close = |world: &mut World, profit| world.risk.closed(MAIN, Some(MM), amount(profit), world.now);
            for profit in ["-1", "-1", "0", "-1", "-1"] {
                close(&mut world, profit);
            }
            world.passes(&order);
            close(&mut world, "-1");
            world.meets(&order, Code::LossStreak, scope, "1000", "1000");
            world.wait(SECOND - 1);
            world.meets(&order, Code::LossStreak, scope, "1000", "0.000001");
            world.wait(1);
            world.passes(&order);
            (0..3).for_each(|_| close(&mut world, "-1"));
            world.denies(&order, Code::LossStreak);
            world.risk.reset(target, world.now);
            world.passes(&order);
        }
    }
}

#[test]
fn new_limits_hold_for_losses_of_before() {
    let mut world = World::new("[strategy.mm]\ndaily_loss_max = 100");
    tell(&mut world, Target::Strategy(MM), "-90", "-90");
    world.risk.timer(world.now, &mut world.trips);
    assert_eq!(world.trips, []);
    let mut tighter = world.risk.limits().clone();
    let limit = rustonite_risk::Setting::Number { hard: amount("80"), soft: amount("80") };
    tighter.version += 1;
    tighter
        .strategies
        .entry("mm".into())
        .or_default()
        .set(rustonite_risk::Key::DailyLossMax, limit);
    world.risk.set_limits(tighter).unwrap();
    world.risk.timer(world.now, &mut world.trips);
    assert_eq!(world.trips[0].code, Code::DailyLoss);
    let order = world.plain();
    world.meets(&order, Code::DailyLoss, RiskScope::Strategy, "80", "90");
}

#[test]
fn limits_that_change_hold_at_once() {
    let mut world = World::new("[all]\ngross_max = 100");
    let order = world.buy(PERP, "100", "2");
    world.denies(&order, Code::Gross);
    let mut wider = world.risk.limits().clone();
    let limit = rustonite_risk::Setting::Number { hard: amount("200"), soft: amount("200") };
    wider.version += 1;
    wider.all.set(rustonite_risk::Key::GrossMax, limit);
    world.risk.set_limits(wider).unwrap();
    world.passes(&order);
}
