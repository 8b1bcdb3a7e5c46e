//! Random orders, changes, fills, cancels and marks, beside a model that adds everything up anew
//! each time, by exact and slow means.

#![allow(clippy::unwrap_used, reason = "a failing test should panic")]

mod model;
#[path = "../world/mod.rs"]
mod world;

use proptest::prelude::*;
use rustonite_core::datasets::{OrderKind, OrderSide, RiskRequest, order_flags};
use rustonite_core::ids::{AccountId, InstrumentId};
use rustonite_risk::{Code, Denial, Intent, Target};

use crate::model::{JUDGED, Model};
use crate::world::{ARB, BTC, MAIN, MM, MS, PERP, SIM, SPOT, USD, World, amount};

const LIMITS: &str = "[all]
gross_max = 3000
net_max = { max = 2000, warn = 1500 }
deny_unfunded = true
deny_self_trade = true
[account.main]
order_notional_max = { max = 1000, warn = 600 }
messages_per_s = 12
cancel_reserve = 1
[strategy.mm]
open_orders_max = 4
position_notional_max = 1500
duplicate_ms = 50
[strategy.arb]
gross_max = 1200
[instrument.\"sim:PERP\"]
long_max = 8
short_max = 6
";

#[derive(Clone, Debug)]
enum Step {
    Submit {
        instrument: u32,
        is_buy: bool,
        price: i64,
        size: i64,
        is_arb: bool,
        flags: i32,
        market: bool,
    },
    Replace {
        which: usize,
        price: i64,
        size: i64,
    },
    Settle {
        which: usize,
        is_done: bool,
    },
    Fill {
        which: usize,
        size: i64,
    },
    Cancel {
        which: usize,
    },
    Mark {
        instrument: u32,
        price: i64,
    },
    Wait {
        ms: i64,
    },
}

fn step() -> impl Strategy<Value = Step> {
    let price = prop_oneof![Just(99), Just(100), Just(101), 95_i64..=105];
    let size = prop_oneof![Just(1000), Just(5000), Just(9000), 1_i64..=12_000];
    let flags = prop_oneof![4 => Just(0), 1 => Just(order_flags::POST_ONLY), 1 => Just(order_flags::REDUCE_ONLY)];
    let submit =
        (0_u32..3, any::<bool>(), price.clone(), size.clone(), any::<bool>(), flags, 0..9_u32)
            .prop_map(|(instrument, is_buy, price, size, is_arb, flags, kind)| Step::Submit {
                instrument,
                is_buy,
                price,
                size,
                is_arb,
                flags,
                market: kind == 0,
            });
    prop_oneof![
        8 => submit,
        3 => (any::<usize>(), price, size).prop_map(|(which, price, size)| Step::Replace { which, price, size }),
        3 => (any::<usize>(), any::<bool>()).prop_map(|(which, is_done)| Step::Settle { which, is_done }),
        4 => (any::<usize>(), 1_i64..=3000).prop_map(|(which, size)| Step::Fill { which, size }),
        3 => any::<usize>().prop_map(|which| Step::Cancel { which }),
        1 => (0_u32..3, 90_i64..=110).prop_map(|(instrument, price)| Step::Mark { instrument, price }),
        4 => prop_oneof![0_i64..=60, 0_i64..=1200].prop_map(|ms| Step::Wait { ms }),
    ]
}

/// Risk and the model, told the same.
struct Pair {
    world: World,
    model: Model,
}

impl Pair {
    fn new() -> Self {
        let mut world = World::new(LIMITS);
        world.risk.balance(MAIN, USD, amount("1500"));
        world.risk.balance(MAIN, BTC, amount("10"));
        world.risk.rate(BTC, Some(amount("100")));
        let mut pair = Self { world, model: Model::default() };
        (0..3).for_each(|instrument| pair.mark(instrument, 100));
        pair
    }

    fn mark(&mut self, instrument: u32, price: i64) {
        let instrument = InstrumentId(instrument);
        let points = self.world.price(instrument, &price.to_string());
        self.world.risk.mark(instrument, points);
        self.model.marks.insert(instrument, price);
    }

    fn take(&mut self, step: &Step) {
        match *step {
            Step::Submit { .. } => self.submit(step),
            Step::Replace { which, price, size } => self.replace(which, price, size),
            Step::Settle { which, is_done } => self.settle(which, is_done),
            Step::Fill { which, size } => self.fill(which, size),
            Step::Cancel { which } => self.cancel(which),
            Step::Mark { instrument, price } => self.mark(instrument, price),
            Step::Wait { ms } => self.world.wait(ms * MS),
        }
        self.sums_agree();
    }

    fn submit(&mut self, step: &Step) {
        let Step::Submit { instrument, is_buy, price, size, is_arb, flags, market } = *step else {
            return;
        };
        let instrument = InstrumentId(instrument);
        let side = if is_buy { OrderSide::Buy } else { OrderSide::Sell };
        // Sizes of the inverse contract are whole; prices are marks of ten points at most.
        let size = if instrument == crate::world::INVERSE { size / 1000 } else { size };
        let order = self.world.limit(side, instrument, &price.to_string(), "1");
        let strategy = Some(if is_arb { ARB } else { MM });
        let order = Intent { size, strategy, flags, ..order };
        let order = if market {
            Intent { kind: OrderKind::Market, tif: None, price: None, ..order }
        } else {
            order
        };
        self.ask(&order);
    }

    fn ask(&mut self, intent: &Intent) {
        let mut failures = Vec::new();
        // The type says so already; a look now and then is for what it cannot say.
        let before = (intent.order % 32 == 0).then(|| format!("{:?}", self.world.risk));
        self.world.risk.would_fail(intent, self.world.now, &mut failures);
        let check = self.world.risk.check(intent, self.world.now);
        if let Some(before) = before {
            assert_eq!(before, format!("{:?}", self.world.risk), "a check changes nothing");
        }
        self.agrees(intent, &failures);
        match check {
            Ok(pass) => {
                let warned: Vec<_> = pass.warnings().collect();
                let mut soft: Vec<_> = failures.iter().map(|failure| failure.code).collect();
                soft.dedup();
                assert!(failures.iter().all(|failure| failure.soft), "{failures:?}");
                assert_eq!(warned, soft);
                self.world.risk.sent(intent, &pass, self.world.now).unwrap();
                self.model.sent(intent, self.world.now);
            }
            Err(denial) => {
                assert_eq!(failures.iter().find(|failure| !failure.soft), Some(&denial));
            }
        }
    }

    /// The codes that the model judges are those that risk says, and in the order of the table.
    fn agrees(&self, intent: &Intent, failures: &[Denial]) {
        let said: Vec<_> = failures.iter().map(|failure| failure.code).collect();
        assert!(said.is_sorted(), "{said:?}");
        let mut denied: Vec<_> =
            failures.iter().filter(|failure| !failure.soft).map(|failure| failure.code).collect();
        denied.retain(|code| JUDGED.contains(code));
        denied.dedup();
        let expected: Vec<Code> = self.model.judge(intent, self.world.now);
        assert_eq!(denied, expected, "{intent:?}\n{failures:?}\n{:?}", self.model);
    }

    fn replace(&mut self, which: usize, price: i64, size: i64) {
        let Some(order) = self.model.pick(which) else { return };
        if order.intent.kind == OrderKind::Market {
            return;
        }
        let instrument = order.intent.instrument;
        let size = if instrument == crate::world::INVERSE { size / 1000 } else { size };
        let price = Some(self.world.price(instrument, &price.to_string()));
        let change = Intent {
            request: RiskRequest::Replace,
            price,
            size: size + order.filled,
            size_filled: order.filled,
            client_id: 0,
            ts_cause: self.world.now,
            ..order.intent
        };
        self.ask(&change);
    }

    fn settle(&mut self, which: usize, is_done: bool) {
        let Some(order) = self.model.pick(which) else { return };
        let settled = self.model.settle(order.intent.order, is_done);
        let leaves = settled.size - settled.size_filled;
        self.world.risk.order_replaced(settled.order, settled.price, leaves.max(0));
    }

    fn fill(&mut self, which: usize, size: i64) {
        let Some(order) = self.model.pick(which) else { return };
        let size = size.min(order.leaves());
        let execution =
            rustonite_risk::Execution { size, ..self.world.execution(&order.intent, "1") };
        self.world.risk.filled(&execution, self.world.now, &mut self.world.trips);
        self.model.fill(order.intent.order, size);
    }

    fn cancel(&mut self, which: usize) {
        let Some(order) = self.model.pick(which) else { return };
        let cancel = self.world.cancelling(&order.intent);
        let number = cancel.order;
        let sent = self.model.times.len();
        self.ask(&cancel);
        if self.model.times.len() > sent {
            self.world.risk.order_changed(number, 0);
            self.model.orders.remove(&number);
        }
    }

    fn sums_agree(&self) {
        for (target, strategy) in [
            (Target::All, None),
            (Target::Venue(SIM), None),
            (Target::Account(AccountId(0)), None),
            (Target::Strategy(MM), Some(MM)),
            (Target::Strategy(ARB), Some(ARB)),
        ] {
            let gross = self.world.risk.gross(target).unwrap();
            assert_eq!(gross.0, self.model.gross(strategy), "{target:?} {:?}", self.model);
        }
        for instrument in [SPOT, PERP] {
            let position = self.world.risk.position(Target::Account(MAIN), instrument);
            assert_eq!(position, Some(self.model.position(None, instrument)));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(3000) })]

    #[test]
    fn a_slow_model_agrees(steps in prop::collection::vec(step(), 1..60)) {
        let mut pair = Pair::new();
        steps.iter().for_each(|step| pair.take(step));
        // Once everything has ended, only positions are left.
        let open: Vec<_> = pair.model.orders.keys().copied().collect();
        for order in open {
            pair.world.risk.order_changed(order, 0);
            pair.model.orders.remove(&order);
        }
        pair.sums_agree();
    }
}
