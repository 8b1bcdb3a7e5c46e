//! What holds whatever happens.

use std::collections::HashMap;

use proptest::prelude::*;
use proptest::strategy::Strategy;

use super::*;

#[derive(Clone, Debug)]
enum Step {
    Event(What),
    Place(OwnOrder),
    Cancel(u64),
    Amend(u64, i64, i64),
}

fn side() -> impl Strategy<Value = Side> {
    prop_oneof![Just(Buy), Just(Sell)]
}

fn price() -> std::ops::Range<i64> {
    95..106
}

fn own_step() -> impl Strategy<Value = Step> {
    let expiry = prop_oneof![
        4 => Just(Expiry::Never),
        1 => Just(Expiry::Immediate),
        1 => Just(Expiry::AllOrNothing),
        1 => (1..300_i64).prop_map(Expiry::At),
    ];
    let order = (side(), price(), 1..30_i64, expiry, any::<bool>()).prop_map(
        |(side, price, quantity, expiry, post_only)| {
            Step::Place(OwnOrder { expiry, post_only, ..limit(side, price, quantity) })
        },
    );
    let amend = (1..20_u64, price(), 1..30_i64)
        .prop_map(|(order, price, quantity)| Step::Amend(order, price, quantity));
    prop_oneof![4 => order, 1 => (1..20_u64).prop_map(Step::Cancel), 1 => amend]
}

fn levels_step() -> impl Strategy<Value = Step> {
    prop_oneof![
        8 => (side(), price(), 0..50_i64).prop_map(|(side, price, lots)| level(side, price, lots)),
        4 => (side(), price(), 1..50_i64).prop_map(|(side, price, lots)| trade(side, price, lots)),
        1 => Just(What::SnapshotBegins),
        1 => Just(What::SnapshotEnds),
    ]
    .prop_map(Step::Event)
}

fn orders_step() -> impl Strategy<Value = Step> {
    let added =
        (0..40_u64, side(), 1..6_i64, 1..30_i64).prop_map(|(order, side, off, quantity)| {
            let price = if side == Buy { 100 - off } else { 100 + off };
            What::Added { order, side, price, quantity }
        });
    prop_oneof![
        4 => added,
        2 => (0..40_u64, 0..10_i64).prop_map(|(order, quantity)| What::Reduced { order, quantity }),
        2 => (0..40_u64, 1..30_i64).prop_map(|(order, quantity)| What::Executed { order, quantity }),
    ]
    .prop_map(Step::Event)
}

fn steps(events: impl Strategy<Value = Step> + 'static) -> impl Strategy<Value = Vec<Step>> {
    prop::collection::vec(prop_oneof![3 => events, 1 => own_step()], 1..200)
}

fn model() -> impl Strategy<Value = QueueModel> {
    prop_oneof![
        Just(QueueModel::RiskAverse),
        Just(QueueModel::Power(1.0)),
        Just(QueueModel::Power(3.0)),
        Just(QueueModel::Log),
        Just(QueueModel::Fifo),
    ]
}

fn run(bench: &mut Bench, step: &Step) -> Vec<(u64, Told)> {
    match step {
        Step::Event(what) => bench.event(*what),
        Step::Place(order) => bench.place(*order),
        Step::Cancel(order) => bench.cancel(*order),
        Step::Amend(order, price, quantity) => bench.amend(*order, *price, *quantity),
    }
}

/// Sum of what an order was filled, checked against what it says is open.
fn check_fills(sums: &mut HashMap<u64, i64>, limits: &HashMap<u64, i64>, told: &[(u64, Told)]) {
    for (order, told) in told {
        if let Told::Filled { quantity, open, .. } = told {
            let sum = sums.entry(*order).or_default();
            *sum += quantity;
            assert!(*quantity > 0 && *open >= 0);
            assert_eq!(*sum + open, limits[order], "order {order}");
        }
    }
}

proptest! {
    #[test]
    fn never_filled_beyond_its_quantity(model in model(), steps in steps(levels_step())) {
        let mut bench = Bench::new(model);
        let (mut sums, mut limits) = (HashMap::new(), HashMap::new());
        for step in &steps {
            match step {
                Step::Place(order) => drop(limits.insert(bench.orders + 1, order.quantity)),
                Step::Amend(order, _, quantity) => {
                    let before = bench.venue.open_orders().find(|open| open.0.0 == *order);
                    let told = run(&mut bench, step);
                    let taken = !matches!(told.last(), Some((_, Told::Refused(_))));
                    if before.is_some() && taken && *quantity > *sums.get(order).unwrap_or(&0) {
                        limits.insert(*order, *quantity);
                    }
                    check_fills(&mut sums, &limits, &told);
                    continue;
                }
                _ => {}
            }
            let told = run(&mut bench, step);
            check_fills(&mut sums, &limits, &told);
        }
    }

    #[test]
    fn nobody_moves_back(
        model in model(),
        steps in prop_oneof![steps(levels_step()), steps(orders_step())],
    ) {
        let mut bench = Bench::new(model);
        for step in steps.iter().filter(|step| !matches!(step, Step::Amend(..))) {
            let before: HashMap<_, _> =
                bench.venue.open_orders().map(|(order, _, ahead)| (order, ahead)).collect();
            run(&mut bench, step);
            for (order, _, ahead) in bench.venue.open_orders() {
                prop_assert!(ahead <= *before.get(&order).unwrap_or(&i64::MAX), "{:?}", step);
            }
        }
    }

    #[test]
    fn resting_orders_are_filled_only_by_what_traded_or_came(
        model in model(),
        steps in prop_oneof![steps(levels_step()), steps(orders_step())],
    ) {
        let mut bench = Bench::with(&ReplayConfig { penetration: Penetration::Traded, ..config(model) });
        for step in &steps {
            let told = run(&mut bench, step);
            let got: i64 = told.iter().map(|(_, told)| match told {
                Told::Filled { quantity, is_maker: true, .. } => *quantity,
                _ => 0,
            }).sum();
            let most = match step {
                Step::Event(What::Trade { quantity, .. } | What::Level { quantity, .. }
                    | What::Added { quantity, .. } | What::Executed { quantity, .. }) => *quantity,
                Step::Event(What::SnapshotEnds) => i64::MAX,
                _ => 0,
            };
            prop_assert!(got <= most, "{got} by {step:?}");
        }
    }

    #[test]
    fn the_same_again_is_the_same(model in model(), steps in steps(levels_step())) {
        let all = || {
            let mut bench = Bench::new(model);
            steps.iter().map(|step| run(&mut bench, step)).collect::<Vec<_>>()
        };
        prop_assert_eq!(all(), all());
    }
}
