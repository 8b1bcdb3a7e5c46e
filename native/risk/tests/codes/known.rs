use rustonite_core::datasets::{OrderSide, RiskRequest};
use rustonite_core::ids::{AccountId, InstrumentId, StrategyId};
use rustonite_risk::{Code, Intent, Key, Limits, Risk};

use crate::provoke;
use crate::world::{ARB, FAR, FAR_SPOT, HEDGE, OPTION, PERP, SPOT, START, World, directory};

provoke! {
    names_are_known(AccountUnknown StrategyUnknown InstrumentUnknown) {
        let mut world = World::new("");
        let plain = world.plain();
        world.passes(&plain);
        world.denies(&Intent { account: AccountId(3), ..plain }, Code::AccountUnknown);
        // The strategy after the last is that of persons.
        world.passes(&Intent { strategy: Some(StrategyId(2)), ..plain });
        world.passes(&Intent { strategy: None, ..plain });
        world.denies(&Intent { strategy: Some(StrategyId(3)), ..plain }, Code::StrategyUnknown);
        world.denies(&Intent { instrument: InstrumentId(5), ..plain }, Code::InstrumentUnknown);
    }

    an_account_is_of_the_instruments_venue(AccountElsewhere) {
        let mut world = World::new("");
        let plain = world.plain();
        world.denies(&Intent { account: FAR, ..plain }, Code::AccountElsewhere);
        world.passes(&Intent { account: FAR, instrument: FAR_SPOT, ..plain });
    }

    an_option_cannot_be_valued(InstrumentUnsupported) {
        let mut world = World::new("");
        let plain = world.plain();
        world.denies(&Intent { instrument: OPTION, ..plain }, Code::InstrumentUnsupported);
    }

    a_limit_that_nobody_sets_denies(LimitsMissing) {
        let mut world = World::new("");
        let plain = world.plain();
        let mut nothing = World::new("").risk.limits().clone();
        nothing.all = rustonite_risk::Section::default();
        let risk = Risk::new(directory(), nothing).unwrap();
        let denial = risk.check(&plain, START).unwrap_err();
        assert_eq!((denial.code, denial.key), (Code::LimitsMissing, Some(Key::OrderSizeMax)));
        let mut failures = Vec::new();
        risk.would_fail(&plain, START, &mut failures);
        let missing = failures.iter().filter(|failure| failure.code == Code::LimitsMissing);
        assert_eq!(missing.count(), Key::COUNT);
    }

    a_change_is_of_an_open_order(OrderUnknown) {
        let mut world = World::new("");
        for instrument in [SPOT, PERP] {
            let order = world.buy(instrument, "100", "1");
            let change = world.replacing(&order, "99", "1");
            world.denies(&change, Code::OrderUnknown);
            world.denies(&world.cancelling(&order), Code::OrderUnknown);
            world.send(&order);
            world.passes(&change);
            world.passes(&world.cancelling(&order));
            let other = if instrument == SPOT { (PERP, Some(1000)) } else { (SPOT, Some(10_000)) };
            for other in [
                Intent { side: OrderSide::Sell, ..change },
                Intent { side: OrderSide::Sell, price: change.price.map(|price| price + 200), ..change },
                Intent { instrument: other.0, price: other.1, ..change },
                Intent { account: HEDGE, ..change },
                Intent { strategy: Some(ARB), ..change },
                Intent { order: 99, ..change },
            ] {
                world.denies(&other, Code::OrderUnknown);
            }
            world.risk.order_changed(order.order, 0);
            world.denies(&change, Code::OrderUnknown);
            world.denies(&world.cancelling(&order), Code::OrderUnknown);
        }
    }

    a_number_is_of_one_open_order(OrderNumberUsed) {
        let mut world = World::new("");
        let order = world.plain();
        world.send(&order);
        let other = Intent { client_id: 99, ..order };
        world.denies(&other, Code::OrderNumberUsed);
        world.cancel(&order);
        world.passes(&other);
    }

    a_client_id_is_used_once(ClientIdUsed) {
        let mut world = World::new("");
        let order = world.plain();
        world.send(&order);
        let other = Intent { client_id: order.client_id, ..world.plain() };
        world.denies(&other, Code::ClientIdUsed);
        world.cancel(&order);
        world.denies(&other, Code::ClientIdUsed);
        world.denies(&Intent { client_id: 0, ..other }, Code::ClientIdUsed);
        world.passes(&Intent { client_id: 99, ..other });
        // A change may keep its id, take a new one, and not take that of another.
        let order = world.plain();
        world.send(&order);
        let change = world.replacing(&order, "99", "1");
        world.passes(&change);
        world.denies(&Intent { client_id: order.client_id, ..change }, Code::ClientIdUsed);
        let renamed = Intent { client_id: 77, ..change };
        world.send(&renamed);
        world.denies(&renamed, Code::ClientIdUsed);
        // An order of an earlier run has used its own.
        let earlier = world.adopted();
        let other = Intent { client_id: earlier.client_id, ..world.plain() };
        world.denies(&other, Code::ClientIdUsed);
    }

    there_is_a_place_for_the_order(TooManyOrders) {
        let mut world = World::new("");
        for _ in 0..64 {
            let order = world.plain();
            world.send(&order);
        }
        let one_more = world.plain();
        world.meets(&one_more, Code::TooManyOrders, rustonite_core::datasets::RiskScope::All, "64", "65");
        world.risk.order_changed(1, 0);
        world.passes(&one_more);
    }

    a_pass_is_for_one_intent(NotChecked) {
        let mut world = World::new("");
        let order = world.plain();
        let pass = world.risk.check(&order, world.now).unwrap();
        for other in [
            Intent { size: order.size + 1, ..order },
            Intent { price: Some(1), ..order },
            Intent { request: RiskRequest::Child, ..order },
            Intent { order: 99, ..order },
        ] {
            let denial = world.risk.sent(&other, &pass, world.now).unwrap_err();
            assert_eq!(denial.code, Code::NotChecked);
        }
        assert_eq!(world.risk.position(rustonite_risk::Target::All, SPOT), Some(0));
        world.risk.sent(&order, &pass, world.now).unwrap();
    }
}

#[test]
fn limits_of_a_file_are_enough_when_each_is_named_somewhere() {
    let text = "version = 1\ncurrency = \"USD\"\n";
    let limits = Limits::parse("limits.toml", text).unwrap();
    assert_eq!(limits.all.get(Key::GrossMax), None);
}
