//! Risk knows after a restart what it knew before, whatever happened.
#![allow(clippy::unwrap_used, reason = "a failed test is what a panic is for")]

mod common;

use common::*;
use proptest::prelude::*;
use rustonite_core::Amount;
use rustonite_core::datasets::{
    EventSource, FillKind, Liquidity, OrderEvent, OrderKind, OrderSide, OrderState, Tif,
};
use rustonite_core::ids::{AssetId, StrategyId};
use rustonite_exec::gateway::{Heard, Question};
use rustonite_exec::{
    Correction, Durability, Fill, Ledger, OrderId, OrderPicture, Outcome, Report, Request, Tapes,
    What, Wish,
};
use rustonite_risk::Target;
use rustonite_tape::TapeOptions;
use rustonite_trade::Changes;

const BOUNDS: [u32; 4] = [500, 60, 199, 199];

#[derive(Clone, Debug)]
enum Step {
    Submit {
        buys: bool,
        ticks: i64,
        size: i64,
    },
    Money {
        quote: i64,
    },
    Replace {
        which: usize,
        ticks: i64,
        size: i64,
    },
    Cancel {
        which: usize,
    },
    Say {
        which: usize,
        what: What,
    },
    /// A size and a fee in millionths of the base.
    Fill {
        which: usize,
        size: i64,
        fee: i64,
    },
    Correct {
        which: usize,
        becomes: Option<i64>,
    },
    /// What others do on the account.
    Other {
        buys: bool,
        size: i64,
        is_filled: bool,
    },
    Opening {
        buys: bool,
        size: i64,
    },
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let which = 0..12_usize;
    let fine = 1..20_000_i64;
    let lots = 1..100_i64;
    let ended = What::Cancelled { size_filled: None, size_prevented: None, refusal: None };
    let lost =
        |request| What::Ended { request, outcome: Outcome::Unknown, detail: "time-out".into() };
    let words = prop_oneof![
        Just(What::Accepted),
        Just(ended),
        Just(What::NotFound),
        Just(lost(OrderEvent::Submitted)),
        Just(lost(OrderEvent::ReplaceAsked)),
    ];
    let step = prop_oneof![
        4 => (any::<bool>(), -5_000..5_000_i64, lots.clone())
            .prop_map(|(buys, ticks, size)| Step::Submit { buys, ticks, size }),
        1 => (50..2_000_i64).prop_map(|quote| Step::Money { quote }),
        2 => (which.clone(), -5_000..5_000_i64, lots)
            .prop_map(|(which, ticks, size)| Step::Replace { which, ticks, size }),
        1 => which.clone().prop_map(|which| Step::Cancel { which }),
        5 => (which.clone(), words).prop_map(|(which, what)| Step::Say { which, what }),
        4 => (which.clone(), fine.clone(), 0..50_i64)
            .prop_map(|(which, size, fee)| Step::Fill { which, size, fee }),
        1 => (which, proptest::option::of(fine.clone()))
            .prop_map(|(which, becomes)| Step::Correct { which, becomes }),
        1 => (any::<bool>(), fine.clone(), any::<bool>())
            .prop_map(|(buys, size, is_filled)| Step::Other { buys, size, is_filled }),
        1 => (any::<bool>(), fine).prop_map(|(buys, size)| Step::Opening { buys, size }),
    ];
    proptest::collection::vec(step, 1..40)
}

fn millionths(count: i64) -> Amount {
    amount("0.000001").times(count).unwrap()
}

fn side(buys: bool) -> OrderSide {
    if buys { OrderSide::Buy } else { OrderSide::Sell }
}

/// A life that is written down.
struct Life {
    world: World<Tapes>,
    orders: Vec<OrderId>,
    fills: usize,
    btc: AssetId,
}

impl Life {
    fn take(&mut self, step: &Step) {
        self.world.now += MS;
        match step.clone() {
            Step::Submit { buys, ticks, size } => self.submit(limit(side(buys), ticks, size)),
            Step::Money { quote } => self.submit(in_money(quote)),
            Step::Replace { which, ticks: at, size } => {
                let Some(order) = self.order(which) else { return };
                let (price, size) = (Some(ticks(at)), Some(lots(size)));
                let changes = Changes { price, size, ..Changes::default() };
                drop(self.world.desk.replace(order, &changes, self.world.now));
            }
            Step::Cancel { which } => {
                let Some(order) = self.order(which) else { return };
                drop(self.world.desk.cancel(order, self.world.now));
            }
            Step::Say { which, what } => {
                if let Some(order) = self.order(which) {
                    self.world.report_of(order, what);
                }
            }
            Step::Fill { which, size, fee } => {
                let Some(order) = self.order(which) else { return };
                let side = self.world.desk.ledger().order(order).unwrap().wish.side;
                let fee = (fee > 0).then(|| (millionths(fee), self.btc));
                let fill = Fill { fee, ..self.fill(FillKind::Trade, side, size) };
                self.world.report_of(order, What::Fill(fill));
            }
            Step::Correct { which, becomes } => self.correct(which, becomes),
            Step::Other { buys, size, is_filled } => self.other(side(buys), size, is_filled),
            Step::Opening { buys, size } => {
                let fill = self.fill(FillKind::Opening, side(buys), size);
                self.say_of_others("", What::Fill(fill));
            }
        }
    }

    fn submit(&mut self, wish: Wish) {
        self.orders.extend(self.world.desk.submit(wish, self.world.now));
    }

    fn order(&self, which: usize) -> Option<OrderId> {
        self.orders.get(which.checked_rem(self.orders.len())?).copied()
    }

    fn fill(&mut self, kind: FillKind, side: OrderSide, size: i64) -> Fill {
        self.fills += 1;
        Fill {
            fill_id: self.fills.to_string().into(),
            trade_id: None,
            kind,
            side,
            price: amount("60000"),
            size: millionths(size),
            size_filled: None,
            fee: None,
            liquidity: Liquidity::Maker,
            position_side: None,
        }
    }

    fn correct(&mut self, which: usize, becomes: Option<i64>) {
        let Some(prev) = which.checked_rem(self.fills) else { return };
        let becomes = becomes.map(|size| (amount("59000"), millionths(size)));
        self.fills += 1;
        let fill_id = self.fills.to_string().into();
        let fill_id_prev = (prev + 1).to_string().into();
        self.say_of_others("", What::Corrected(Correction { fill_id, fill_id_prev, becomes }));
    }

    fn other(&mut self, side: OrderSide, size: i64, is_filled: bool) {
        let what = if is_filled {
            What::Fill(self.fill(FillKind::Trade, side, size))
        } else {
            What::Picture(OrderPicture {
                state: OrderState::Accepted,
                side,
                price: Some(amount("60000.0001")),
                size: millionths(size),
                size_filled: Amount::ZERO,
                price_trigger: None,
                limit_tif: None,
                price_average: None,
            })
        };
        let client_id = format!("web{}", self.world.now);
        self.say_of_others(&client_id, what);
    }

    fn say_of_others(&mut self, client_id: &str, what: What) {
        let report = Report {
            ts_event: self.world.now,
            ts_recv: self.world.now,
            source: EventSource::Rest,
            account: ACCOUNT,
            instrument: INSTRUMENT,
            client_id: client_id.into(),
            client_id_prev: None,
            venue_order_id: (!client_id.is_empty()).then(|| client_id.into()),
            what,
        };
        self.world.say(vec![Heard::Report(report)]);
    }
}

fn in_money(quote: i64) -> Wish {
    Wish {
        kind: OrderKind::Market,
        tif: Some(Tif::Ioc),
        price: None,
        size: Amount::ZERO,
        size_quote: Some(amount("1").times(quote).unwrap()),
        ..limit(OrderSide::Buy, 0, 0)
    }
}

/// All that risk says of what is held and open.
fn known(world: &World<Tapes>) -> Vec<String> {
    let risk = world.desk.risk();
    // The second strategy is whoever has none.
    let targets = [
        Target::All,
        Target::Account(ACCOUNT),
        Target::Strategy(StrategyId(0)),
        Target::Strategy(StrategyId(1)),
    ];
    let known =
        targets.map(|one| format!("{:?} {:?}", risk.position(one, INSTRUMENT), risk.gross(one)));
    let open = world.desk.ledger().open_orders();
    let open = open.iter().map(|order| format!("{} {}", order.id.0, risk.is_open(order.id.0)));
    known.into_iter().chain(open).collect()
}

#[test]
fn what_was_traded_before_the_first_start_is_not_asked_for_at_the_second_one() {
    let folder = tempfile::tempdir_in("/dev/shm").unwrap();
    let asked_from = |world: &mut World<Tapes>| {
        world.say(vec![Heard::Ready]);
        let asked = std::mem::take(&mut *world.fake.asked.lock().unwrap());
        let from = asked.into_iter().find_map(|question| match question {
            Question::Fills(_, from) => Some(from),
            _ => None,
        });
        from.unwrap()
    };
    let mut world = opened(folder.path(), BOUNDS);
    let first = asked_from(&mut world);
    assert!(first < START && first > START - 10_000 * MS, "{first}");
    world.now += 60_000 * MS;
    world.quote(0);
    world.connect();
    let order = world.desk.submit(limit(OrderSide::Buy, -100, 1), world.now).unwrap();
    world.report_of(order, What::Accepted);
    drop(world);
    let again = asked_from(&mut opened(folder.path(), BOUNDS));
    assert!(again > START - 10_000 * MS, "{again}");
}

#[test]
fn an_order_whose_row_cannot_be_synced_does_not_leave() {
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let options =
        TapeOptions { segment_bytes: 1 << 20, fsync_interval_ms: None, ..TapeOptions::default() };
    let journal = (folder.path(), "main", options, Durability::Intents);
    let (ledger, _) = Ledger::open(directory(), [(ACCOUNT, account_rules())], journal).unwrap();
    let mut world = World::of(ledger, BOUNDS);
    let order = world.desk.submit(limit(OrderSide::Buy, -100, 1), world.now).unwrap();
    world.report_of(order, What::Accepted);
    assert_eq!(world.written().len(), 1);
    // A folder that is not where it was cannot be synced.
    let tape = folder.path().join("orders/main");
    std::fs::rename(&tape, folder.path().join("orders/aside")).unwrap();
    for _ in 0..2 {
        let denied = world.desk.submit(limit(OrderSide::Buy, -200, 1), world.now).unwrap_err();
        assert_eq!(denied.code, "journal");
    }
    assert_eq!(world.written(), []);
    assert!(world.desk.ledger().halted().is_some());
    world.desk.cancel(order, world.now).unwrap();
    assert!(matches!(world.written()[..], [Request::Cancel { .. }]));
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 100,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn risk_knows_the_same_after_a_restart(steps in steps()) {
        // In memory, since nothing of it has to last.
        let folder = tempfile::tempdir_in("/dev/shm").unwrap();
        let world = opened(folder.path(), BOUNDS).unprotected();
        let btc = world.desk.ledger().directory().asset("BTC").unwrap();
        let mut life = Life { world, orders: Vec::new(), fills: 0, btc };
        steps.iter().for_each(|step| life.take(step));
        life.world.quote(0);
        // Books are compared at a start, too.
        life.world.connect();
        let before = known(&life.world);
        prop_assert!(before.iter().all(|line| !line.ends_with("false")), "{:?}", before);
        drop(life);
        let after = known(&opened(folder.path(), BOUNDS).unprotected());
        prop_assert_eq!(after, before);
    }
}
