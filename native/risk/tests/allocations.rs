//! Checks allocate nothing, and neither does what an order does to the sums.

mod world;

use allocation_counter::measure;
use rustonite_core::datasets::OrderSide;
use rustonite_risk::{Intent, Target};

use crate::world::{INVERSE, MM, PERP, SPOT, World};

const LIMITS: &str = "[all]
order_notional_max = { max = 1000, warn = 100 }
price_collar_bps = 100
gross_max = 100000
net_max = 100000
long_max = 1000
leverage_max = 5
deny_unfunded = true
deny_self_trade = true
messages_per_s = 10000
duplicate_ms = 1
stale_ms = 1000
";

#[test]
fn checks_allocate_nothing() {
    let mut world = World::new(LIMITS);
    let good = world.buy(SPOT, "100", "0.5");
    let warned = world.buy(PERP, "100", "2");
    let denied = world.buy(INVERSE, "102", "11");
    let market = world.market(OrderSide::Sell, SPOT, "1");
    let unknown = Intent { order: 99, ..world.replacing(&good, "100", "1") };
    let used = measure(|| {
        assert_eq!(world.risk.check(&good, world.now).unwrap().warnings().count(), 0);
        assert_eq!(world.risk.check(&warned, world.now).unwrap().warnings().count(), 1);
        assert!(world.risk.check(&denied, world.now).is_err());
        assert!(world.risk.check(&market, world.now).is_ok());
        assert!(world.risk.check(&unknown, world.now).is_err());
    });
    assert_eq!(used.count_total, 0);
    world.risk.kill(Target::Strategy(MM), world.now);
    let used = measure(|| assert!(world.risk.check(&good, world.now).is_err()));
    assert_eq!(used.count_total, 0);
}

#[test]
fn orders_that_come_and_go_allocate_nothing() {
    let mut world = World::new(LIMITS);
    let one_more = |world: &mut World| {
        let order = world.buy(PERP, "100", "0.1");
        world.send(&order);
        let change = world.replacing(&order, "99", "0.2");
        world.send(&change);
        world.risk.order_replaced(order.order, change.price, change.size);
        world.fill(&order, "0.1");
        world.cancel(&order);
        world.wait(10_000_000);
    };
    one_more(&mut world);
    let used = measure(|| (0..1000).for_each(|_| one_more(&mut world)));
    // The world reads its prices as text, which is counted apart.
    let texts = measure(|| {
        for _ in 0..1000 {
            let order = world.buy(PERP, "100", "0.1");
            let _ = world.replacing(&order, "99", "0.2");
            world.execution(&order, "0.1");
            world.now += 10_000_000;
            world.wait(0);
        }
    });
    assert_eq!(used.count_total, texts.count_total);
}

#[test]
fn the_measure_notices_allocations() {
    let used = measure(|| drop(std::hint::black_box(vec![1_u8])));
    assert_eq!(used.count_total, 1);
}
