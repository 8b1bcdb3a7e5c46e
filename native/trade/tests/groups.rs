//! Groups of orders under any prices, fills, answers, refusals and cancels: what is sent is never more
//! than what may be, and the journal gives back at any moment what waits.
#![allow(clippy::unwrap_used, reason = "a failed test is what a panic is for")]

mod common;

use std::collections::{BTreeMap, VecDeque};
use std::path::Path;

use common::*;
use proptest::prelude::*;
use rustonite_core::Amount;
use rustonite_core::datasets::{
    OrderKind, OrderSide, OrderState, Tif, TriggerDirection, TriggerSource, order_flags,
};
use rustonite_exec::held::Held;
use rustonite_exec::{
    AccountRules, ChangeIds, Durability, Figures, Ledger, Order, OrderId, Refusal, RefusalKind,
    Request, Tapes, Trigger, What, Wish,
};
use rustonite_tape::TapeOptions;
use rustonite_trade::{Group, Placed};

const SIZE: i64 = 20;
const SHOWN: i64 = 6;

fn stop(at: i64) -> Wish {
    let (source, direction) = (TriggerSource::BidAsk, TriggerDirection::Down);
    let trigger = Trigger { price: ticks(at), source, direction, trail: None };
    let flags = order_flags::EMULATED;
    let (kind, trigger) = (OrderKind::StopMarket, Some(trigger));
    Wish { kind, tif: None, price: None, trigger, flags, ..limit(OrderSide::Sell, 0, SIZE) }
}

/// What is placed.
#[derive(Clone, Copy, Debug)]
enum Plan {
    Pair,
    Stops,
    Bracket { when_full: bool },
    Then,
    Iceberg { random: bool },
    WaitingIceberg,
    IcebergBracket,
}

impl Plan {
    fn group(self) -> Option<Group> {
        let entry = limit(OrderSide::Buy, -10, SIZE);
        let exits = vec![vec![limit(OrderSide::Sell, 5_000, SIZE), stop(-200)]];
        let group = match self {
            Self::Pair => Group { exits, ..Group::default() },
            Self::Stops => {
                let up = TriggerDirection::Up;
                let mut touched = stop(200);
                touched.kind = OrderKind::MarketIfTouched;
                touched.trigger.as_mut().unwrap().direction = up;
                Group { exits: vec![vec![touched, stop(-200)]], ..Group::default() }
            }
            Self::Bracket { when_full } => Group { entry: Some(entry), when_full, exits },
            Self::Then => {
                let exits = vec![vec![stop(-200)]];
                Group { entry: Some(entry), when_full: true, exits }
            }
            Self::IcebergBracket => {
                let entry = Some(Self::sliced(entry, false));
                Group { entry, when_full: false, exits }
            }
            Self::Iceberg { .. } | Self::WaitingIceberg => return None,
        };
        Some(group)
    }

    fn sliced(wish: Wish, random: bool) -> Wish {
        let more = if random { order_flags::DISPLAY_RANDOM } else { 0 };
        let flags = order_flags::EMULATED | more;
        Wish { size_display: Some(lots(SHOWN)), flags, ..wish }
    }
}

/// An order as the venue has it.
#[derive(Clone, Copy, Debug)]
struct There {
    size: Amount,
    filled: Amount,
}

struct Life {
    folder: tempfile::TempDir,
    world: World<Tapes>,
    asked: VecDeque<Request>,
    there: BTreeMap<OrderId, There>,
    placed: Placed,
    copies: usize,
}

fn rules() -> AccountRules {
    AccountRules { changes: ChangeIds::Same, figures: Figures::Order, ..account_rules() }
}

fn opened(folder: &Path) -> Ledger<Tapes> {
    let options = TapeOptions {
        segment_bytes: 1 << 18,
        seal_after_ms: None,
        fsync_interval_ms: None,
        segments_max: 1_000,
        ..TapeOptions::default()
    };
    let journal = (folder, "main", options, Durability::Interval);
    Ledger::open(directory(), [(ACCOUNT, rules())], journal).unwrap().0
}

fn copied(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let place = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copied(&entry.path(), &place);
        } else {
            std::fs::copy(entry.path(), place).unwrap();
        }
    }
}

impl Life {
    fn new(plan: Plan) -> Self {
        let folder = tempfile::tempdir_in("/dev/shm").unwrap();
        let mut world = World::of(opened(&folder.path().join("live")), [500, 7, 100, 200]);
        let placed = match (plan, plan.group()) {
            (Plan::Iceberg { random }, _) => {
                let wish = Plan::sliced(limit(OrderSide::Buy, -10, SIZE), random);
                let parent = world.desk.submit(wish, world.now).unwrap();
                Placed { entry: Some(parent), exits: Vec::new() }
            }
            (Plan::WaitingIceberg, _) => {
                let kind = OrderKind::StopLimit;
                let (tif, price) = (Some(Tif::Gtc), Some(ticks(-210)));
                let wish = Plan::sliced(Wish { kind, tif, price, ..stop(-200) }, true);
                let parent = world.desk.submit(wish, world.now).unwrap();
                Placed { entry: Some(parent), exits: Vec::new() }
            }
            (_, group) => world.desk.submit_group(group.unwrap(), world.now).unwrap(),
        };
        let (asked, there) = (VecDeque::new(), BTreeMap::new());
        let mut life = Self { folder, world, asked, there, placed, copies: 0 };
        life.check();
        life
    }

    fn act(&mut self, act: Act) {
        match act {
            Act::Answer(is_good) => self.answer(is_good),
            Act::Fill(which, lots) => self.fill(which, lots),
            Act::Quote(ticks) => self.world.quote(ticks),
            Act::Wait(ms) => {
                self.world.now += ms * MS;
                self.world.desk.tick(self.world.now, 600_000 * MS);
            }
            Act::Cancel(which) => {
                let mut orders: Vec<_> =
                    self.world.desk.ledger().orders().map(|one| one.id).collect();
                orders.sort_unstable();
                let order = orders[which % orders.len()];
                drop(self.world.desk.cancel(order, self.world.now));
            }
            Act::Restart => self.check_restart(),
        }
        self.check();
    }

    fn answer(&mut self, is_good: bool) {
        let refusal =
            Refusal { reason: RefusalKind::Other, venue_code: "".into(), detail: "no".into() };
        let Some(request) = self.asked.pop_front() else { return };
        let (order, what) = match request {
            Request::Submit { order, .. } if !is_good => (order, What::Rejected(refusal)),
            Request::Submit { order, wish, .. } => {
                self.there.insert(order, There { size: wish.size, filled: Amount::ZERO });
                (order, What::Accepted)
            }
            Request::Replace { order, wish, .. } => {
                let there = self.there.get_mut(&order);
                match there.filter(|there| is_good && wish.size > there.filled) {
                    Some(there) => {
                        there.size = wish.size;
                        (order, What::Replaced { price: wish.price, size: wish.size })
                    }
                    None => (order, What::ReplaceRejected(refusal)),
                }
            }
            Request::Cancel { order, .. } => match self.there.remove(&order) {
                Some(_) => {
                    let (size_filled, size_prevented, refusal) = (None, None, None);
                    (order, What::Cancelled { size_filled, size_prevented, refusal })
                }
                None => (order, What::CancelRejected(refusal)),
            },
            Request::Query { .. } => return,
        };
        self.world.report_of(order, what);
    }

    fn fill(&mut self, which: usize, most: i64) {
        let Some(order) = self.there.keys().nth(which % self.there.len().max(1)).copied() else {
            return;
        };
        let there = self.there.get_mut(&order).unwrap();
        let left = i64::try_from((there.size - there.filled).0 / lots(1).0).unwrap();
        let filled = most.min(left);
        there.filled += lots(filled);
        if there.filled == there.size {
            self.there.remove(&order);
        }
        self.world.fill_of(order, filled);
    }

    fn order(&self, id: OrderId) -> &Order {
        self.world.desk.ledger().order(id).unwrap()
    }

    fn check(&mut self) {
        self.asked.extend(self.world.written());
        let entry = self.placed.entry.map(|entry| self.order(entry));
        if let Some(entry) = entry.filter(|entry| entry.is_split()) {
            self.check_slices(entry);
        }
        for (parent, orders) in &self.placed.exits {
            let parent = self.order(*parent);
            let most = entry.map_or(lots(SIZE), |entry| entry.size_filled);
            let orders: Vec<_> = orders.iter().map(|order| self.order(*order)).collect();
            let filled: Amount = orders.iter().map(|order| order.size_filled).sum();
            let sent = orders.iter().filter(|order| !order.is_held());
            let at_risk: Amount = sent.map(|order| order.size_at_risk()).sum();
            assert_eq!(parent.size_filled, filled);
            assert!(filled + at_risk <= most, "{filled} and {at_risk} of {most}: {orders:?}");
            let waits = orders.iter().any(|order| order.is_held());
            assert!(!(parent.is_final() && waits), "{parent:?} {orders:?}");
        }
    }

    fn check_slices(&self, parent: &Order) {
        let children = self.world.desk.ledger().children(parent.id);
        let slices: Vec<_> = children.filter(|child| !child.is_split()).collect();
        let filled: Amount = slices.iter().map(|slice| slice.size_filled).sum();
        assert_eq!(parent.size_filled, filled);
        let open: Vec<_> = slices.into_iter().filter(|slice| !slice.is_final()).collect();
        assert!(open.len() <= 1, "{open:?}");
        let shown: Amount = open.iter().map(|slice| slice.size_at_risk()).sum();
        assert!(shown <= lots(SHOWN) && filled + shown <= lots(SIZE), "{filled} and {shown}");
    }

    /// What a kill would leave, read by another process.
    fn check_restart(&mut self) {
        self.copies += 1;
        let copy = self.folder.path().join(self.copies.to_string());
        copied(&self.folder.path().join("live"), &copy);
        let restored = opened(&copy);
        let desk = &self.world.desk;
        assert_eq!(restored.state_hash(), desk.ledger().state_hash());
        assert!(Held::of(&restored) == *desk.held(), "{:?}", desk.held());
        drop(restored);
        std::fs::remove_dir_all(copy).unwrap();
    }
}

#[derive(Clone, Copy, Debug)]
enum Act {
    Answer(bool),
    Fill(usize, i64),
    Quote(i64),
    Wait(i64),
    Cancel(usize),
    Restart,
}

fn acts() -> impl Strategy<Value = Act> {
    prop_oneof![
        12 => prop::bool::weighted(0.9).prop_map(Act::Answer),
        8 => (0..4_usize, 1..12_i64).prop_map(|(which, lots)| Act::Fill(which, lots)),
        3 => (-400..400_i64).prop_map(Act::Quote),
        3 => (10..400_i64).prop_map(Act::Wait),
        1 => (0..8_usize).prop_map(Act::Cancel),
        1 => Just(Act::Restart),
    ]
}

fn plans() -> impl Strategy<Value = Plan> {
    prop_oneof![
        Just(Plan::Pair),
        Just(Plan::Stops),
        any::<bool>().prop_map(|when_full| Plan::Bracket { when_full }),
        Just(Plan::Then),
        any::<bool>().prop_map(|random| Plan::Iceberg { random }),
        Just(Plan::WaitingIceberg),
        Just(Plan::IcebergBracket),
    ]
}

#[test]
fn no_group_is_ever_more_than_it_may_be() {
    let config =
        ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() };
    let ended = std::cell::RefCell::new(BTreeMap::<String, usize>::new());
    let lives = (plans(), proptest::collection::vec(acts(), 1..80));
    proptest::test_runner::TestRunner::new(config)
        .run(&lives, |(plan, acts)| {
            let mut life = Life::new(plan);
            acts.into_iter().for_each(|act| life.act(act));
            let parents = life.placed.exits.iter().map(|(parent, _)| *parent);
            for parent in parents.chain(life.placed.entry) {
                let state = life.order(parent).state.name();
                *ended.borrow_mut().entry(state.to_owned()).or_default() += 1;
            }
            Ok(())
        })
        .unwrap();
    // It shows nothing if hardly anything is filled, or hardly anything ends early.
    let ended = ended.into_inner();
    for state in [OrderState::Filled, OrderState::Cancelled, OrderState::Held] {
        assert!(ended.get(state.name()).is_some_and(|count| *count > 10), "{ended:?}");
    }
}
