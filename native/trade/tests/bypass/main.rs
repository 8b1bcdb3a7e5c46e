//! No request reaches a gateway that risk would not allow, whatever is done with a desk.
#![allow(clippy::unwrap_used, reason = "a failed test is what a panic is for")]

#[path = "../common/mod.rs"]
mod common;
mod pace;

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::Mutex;

use common::*;
use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use rustonite_core::Amount;
use rustonite_core::datasets::{
    OrderEvent, OrderKind, OrderSide, RiskRequest, Tif, TriggerDirection, TriggerSource,
    order_flags,
};
use rustonite_core::ids::StrategyId;
use rustonite_exec::{
    Nowhere, OrderId, Outcome, Refusal, RefusalKind, Request, Trigger, What, Wish,
};
use rustonite_risk::{Intent, Limits, Target};
use rustonite_trade::{Arrived, Changes, Denied, Desk};

impl World {
    fn wish(one: &New) -> Wish {
        let is_limit = one.price.is_some();
        let trigger = one.stop.filter(|_| is_limit && !one.post_only).map(|at| Trigger {
            price: ticks(at),
            source: TriggerSource::Last,
            direction: if one.buys { TriggerDirection::Up } else { TriggerDirection::Down },
            trail: None,
        });
        Wish {
            account: ACCOUNT,
            strategy: None,
            instrument: INSTRUMENT,
            side: side(one.buys),
            kind: match (is_limit, trigger) {
                (true, Some(_)) => OrderKind::StopLimit,
                (true, None) => OrderKind::Limit,
                (false, _) => OrderKind::Market,
            },
            tif: is_limit.then_some(Tif::Gtc),
            price: one.price.map(|ticks| amount("0.01").times(MIDDLE + ticks).unwrap()),
            price_protect: None,
            size: amount("0.001").times(one.lots).unwrap(),
            size_quote: None,
            size_display: None,
            size_min: None,
            trigger,
            flags: if one.post_only { order_flags::POST_ONLY } else { 0 },
            position_side: None,
            stp: None,
            ts_expire: None,
            tags: None,
        }
    }

    /// Nothing is different afterwards.
    fn rehearse(&mut self) {
        let known = |desk: &Desk<Nowhere>| {
            let ledger = desk.ledger();
            (ledger.state_hash(), ledger.seq(), ledger.next_id(), desk.has_news())
        };
        let before = known(&self.desk);
        self.desk.rehearse(self.now);
        assert_eq!(known(&self.desk), before);
        assert!(self.fake.written.lock().unwrap().is_empty());
    }

    fn order(&self, which: usize) -> Option<OrderId> {
        let known = |id: &OrderId| self.desk.ledger().order(*id).is_some();
        let picked = (!self.orders.is_empty()).then(|| self.orders[which % self.orders.len()]);
        picked.filter(known)
    }

    fn report(&mut self, which: usize, what: What) {
        if let Some(order) = self.order(which) {
            self.report_of(order, what);
        }
    }

    fn fill(&mut self, which: usize, lots: i64) {
        if let Some(order) = self.order(which) {
            self.fill_of(order, lots);
        }
    }

    /// Does something, and checks what came to the gateway of it.
    fn act(&mut self, act: &Act) {
        let mut before = self.desk.risk().clone();
        let denied = self.perform(act).err();
        let written = self.written();
        for request in &written {
            let Some(intent) = self.intent(request) else {
                self.count("query");
                continue;
            };
            assert!(denied.is_none(), "{act:?} was denied, and {request:?} left");
            if intent.request == RiskRequest::Cancel {
                // One that a venue works although it was refused is not counted so far.
                before.adopt(&intent);
            }
            let pass = before.check(&intent, self.now);
            let pass = pass.unwrap_or_else(|denial| panic!("{request:?}: {denial}, at {act:?}"));
            before.sent(&intent, &pass, self.now).unwrap();
            self.count(intent.request.name());
        }
        if denied.is_some() {
            self.count("denied");
        }
    }

    fn count(&mut self, what: &'static str) {
        *self.totals.entry(what).or_default() += 1;
    }

    fn perform(&mut self, act: &Act) -> Result<(), Denied> {
        match act {
            Act::Submit(new) => {
                let next = self.desk.ledger().next_id();
                self.orders.push(next);
                self.desk.submit(Self::wish(new), self.now).map(drop)?;
            }
            Act::SubmitMany(new) => {
                let next = self.desk.ledger().next_id().0;
                self.orders.extend((next..).map(OrderId).take(new.len()));
                let wishes = new.iter().map(Self::wish).collect();
                let placed = self.desk.submit_many(wishes, self.now);
                // One that is denied holds up none of the others.
                if placed.iter().all(Result::is_err) {
                    return placed.into_iter().next().unwrap_or(Ok(OrderId(0))).map(drop);
                }
            }
            Act::Replace(which, ticks, lots) => {
                let Some(order) = self.order(*which) else { return Ok(()) };
                let price = amount("0.01").times(MIDDLE + ticks).unwrap();
                let size = amount("0.001").times(*lots).unwrap();
                let changes =
                    Changes { price: Some(price), size: Some(size), ..Changes::default() };
                self.desk.replace(order, &changes, self.now)?;
            }
            Act::Move(which, at) => {
                let Some(order) = self.order(*which) else { return Ok(()) };
                let changes = Changes { trigger: Some(ticks(*at)), ..Changes::default() };
                self.desk.replace(order, &changes, self.now)?;
                self.count("move");
            }
            Act::Cancel(which) => {
                let Some(order) = self.order(*which) else { return Ok(()) };
                self.desk.cancel(order, self.now)?;
            }
            Act::CancelAll(is_here) => {
                self.desk.cancel_all(is_here.then_some(INSTRUMENT), self.now);
            }
            Act::Kill(target) => self.desk.kill(*target, self.now),
            Act::Latch(target) => self.desk.latch(*target, self.now),
            Act::Resume(target) => {
                self.desk.resume(*target, self.now);
            }
            Act::Quote(ticks) => self.quote(*ticks),
            Act::Wait(ms) => {
                self.now += ms * MS;
                self.desk.tick(self.now, 1_000 * MS);
            }
            Act::Limits(bounds) => {
                let version = self.desk.risk().limits().version + 1;
                let limits = Limits { version, ..limits(*bounds) };
                self.desk.set_limits(limits, self.now).unwrap();
            }
            Act::Gap => self.desk.gap(INSTRUMENT),
            Act::Rehearse => self.rehearse(),
            Act::Feed(is_up) => self.desk.feed_connected(VENUE, *is_up, self.now),
            Act::Break => {
                let closed = Arrived::Closed(0, "cut".to_owned());
                self.desk.arrived(ACCOUNT, closed, self.now);
            }
            Act::Recover => self.recover(),
            Act::Fill(which, lots) => self.fill(*which, *lots),
            Act::Say(which, what) => self.report(*which, what.clone()),
        }
        Ok(())
    }

    /// A request in the words of risk; `None` for a question.
    fn intent(&self, request: &Request) -> Option<Intent> {
        let mut name: &str = "";
        let (kind, order, wish, filled) = match request {
            Request::Query { .. } => return None,
            Request::Submit { order, wish, client_id } => {
                name = client_id;
                (RiskRequest::Submit, *order, wish.clone(), Amount::ZERO)
            }
            Request::Replace { order, wish, size_filled, client_id, .. } => {
                name = client_id;
                (RiskRequest::Replace, *order, wish.clone(), *size_filled)
            }
            Request::Cancel { order, .. } => {
                let known = self.desk.ledger().order(*order).unwrap();
                (RiskRequest::Cancel, *order, known.wish.clone(), known.size_filled)
            }
        };
        let rules = self.desk.risk().rules(INSTRUMENT).unwrap();
        Some(Intent {
            request: kind,
            order: order.0,
            parent: None,
            account: wish.account,
            strategy: wish.strategy,
            instrument: wish.instrument,
            side: wish.side,
            position_side: None,
            kind: wish.kind,
            tif: wish.tif,
            price: wish.price.map(|price| rules.price(price).unwrap()),
            price_protect: None,
            trigger: wish.trigger.map(|one| rules.price(one.price).unwrap()),
            size: rules.size(wish.size).unwrap(),
            size_filled: rules.size(filled).unwrap(),
            size_display: None,
            size_min: None,
            by_money: false,
            flags: wish.flags,
            stp: None,
            ts_expire: None,
            client_id: if name.is_empty() { 0 } else { hash(name) },
            ts_cause: self.seen,
        })
    }
}

fn hash(name: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    name.hash(&mut hasher);
    hasher.finish()
}

fn side(buys: bool) -> OrderSide {
    if buys { OrderSide::Buy } else { OrderSide::Sell }
}

#[derive(Clone, Debug)]
struct New {
    buys: bool,
    /// Ticks from the middle; `None` at the market.
    price: Option<i64>,
    lots: i64,
    post_only: bool,
    /// Where its venue starts it, if it is a limit order that may take.
    stop: Option<i64>,
}

#[derive(Clone, Debug)]
enum Act {
    Submit(New),
    SubmitMany(Vec<New>),
    Replace(usize, i64, i64),
    Move(usize, i64),
    Cancel(usize),
    CancelAll(bool),
    Kill(Target),
    Latch(Target),
    Resume(Target),
    Quote(i64),
    Wait(i64),
    Limits([u32; 4]),
    Gap,
    Rehearse,
    Feed(bool),
    Break,
    Recover,
    Fill(usize, i64),
    Say(usize, What),
}

/// Largest size in lots, open orders, messages a second, collar in basis points.
fn bounds() -> impl Strategy<Value = [u32; 4]> {
    (50..500_u32, 1..8_u32, 1..40_u32, 20..200_u32).prop_map(|(a, b, c, d)| [a, b, c, d])
}

fn targets() -> impl Strategy<Value = Target> {
    prop_oneof![
        Just(Target::All),
        Just(Target::Venue(VENUE)),
        Just(Target::Account(ACCOUNT)),
        Just(Target::Strategy(StrategyId(0))),
        Just(Target::Instrument(INSTRUMENT)),
        (1..10_i64).prop_map(Target::Order),
    ]
}

fn words() -> impl Strategy<Value = What> {
    let refusal =
        Refusal { reason: RefusalKind::Rules, venue_code: "-1".into(), detail: "no".into() };
    let asked = [OrderEvent::Submitted, OrderEvent::ReplaceAsked, OrderEvent::CancelAsked];
    let lost = proptest::sample::select(asked.to_vec()).prop_map(|request| What::Ended {
        request,
        outcome: Outcome::Unknown,
        detail: "time-out".into(),
    });
    let ended = What::Cancelled { size_filled: None, size_prevented: None, refusal: None };
    prop_oneof![
        6 => Just(What::Accepted),
        1 => Just(What::Rejected(refusal.clone())),
        1 => Just(What::ReplaceRejected(refusal.clone())),
        1 => Just(What::CancelRejected(refusal)),
        2 => Just(ended),
        1 => Just(What::NotFound),
        1 => lost,
    ]
}

fn acts() -> impl Strategy<Value = Act> {
    let new = (any::<bool>(), proptest::option::weighted(0.9, -90_000..90_000_i64), 0..400_i64)
        .prop_flat_map(|(buys, price, lots)| {
            let stop = proptest::option::weighted(0.5, -12_000..12_000_i64);
            (any::<bool>(), stop).prop_map(move |(post_only, stop)| New {
                buys,
                price,
                lots,
                post_only,
                stop,
            })
        });
    let which = 0..20_usize;
    prop_oneof![
        8 => new.clone().prop_map(Act::Submit),
        4 => proptest::collection::vec(new, 0..4).prop_map(Act::SubmitMany),
        6 => (which.clone(), -90_000..90_000_i64, 0..400_i64)
            .prop_map(|(which, ticks, lots)| Act::Replace(which, ticks, lots)),
        8 => (which.clone(), -12_000..12_000_i64).prop_map(|(which, at)| Act::Move(which, at)),
        3 => which.clone().prop_map(Act::Cancel),
        1 => any::<bool>().prop_map(Act::CancelAll),
        1 => targets().prop_map(Act::Kill),
        1 => targets().prop_map(Act::Latch),
        1 => targets().prop_map(Act::Resume),
        4 => (-500..500_i64).prop_map(Act::Quote),
        4 => (0..3_000_i64).prop_map(Act::Wait),
        1 => bounds().prop_map(Act::Limits),
        1 => Just(Act::Gap),
        4 => Just(Act::Rehearse),
        1 => any::<bool>().prop_map(Act::Feed),
        1 => Just(Act::Break),
        8 => Just(Act::Recover),
        4 => (which.clone(), 1..400_i64).prop_map(|(which, lots)| Act::Fill(which, lots)),
        8 => (which, words()).prop_map(|(which, what)| Act::Say(which, what)),
    ]
}

#[test]
fn whatever_leaves_was_allowed() {
    let totals = Mutex::new(BTreeMap::new());
    let lives = (bounds(), proptest::collection::vec(acts(), 1..80));
    let config =
        ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() };
    TestRunner::new(config)
        .run(&lives, |(bounds, acts)| {
            let mut world = World::new(bounds);
            acts.iter().for_each(|act| world.act(act));
            for (what, count) in &world.totals {
                *totals.lock().unwrap().entry(*what).or_insert(0) += count;
            }
            Ok(())
        })
        .unwrap();
    // It shows nothing if hardly anything leaves, or hardly anything is denied.
    let totals = totals.into_inner().unwrap();
    for what in ["submit", "replace", "move", "cancel", "denied", "query"] {
        assert!(totals.get(what).is_some_and(|count| *count > 100), "{totals:?}");
    }
}

#[test]
fn an_order_may_go_back_to_a_price_that_it_had() {
    let mut world = World::new([500, 7, 100, 200]);
    let new = New { buys: true, price: Some(-1_000), lots: 10, post_only: false, stop: None };
    world.perform(&Act::Submit(new)).unwrap();
    for ticks in [-1_100, -1_000, -1_100] {
        world.report(0, What::Accepted);
        let replaced = world.perform(&Act::Replace(0, ticks, 10));
        assert!(replaced.is_ok(), "{replaced:?}");
        let price = Some(amount("0.01").times(MIDDLE + ticks).unwrap());
        world.report(0, What::Replaced { price, size: amount("0.01") });
    }
}

#[test]
fn after_a_gap_the_next_row_that_orders_are_judged_by_lets_them_through() {
    let mut world = World::new([500, 7, 100, 200]);
    let trade = |world: &mut World| world.desk.trade(INSTRUMENT, 60_000.0, world.now, 1);
    let code = |world: &mut World| {
        let new = New { buys: true, price: Some(-1_000), lots: 10, post_only: false, stop: None };
        world.perform(&Act::Submit(new)).err().map(|denied| denied.code)
    };
    world.desk.gap(INSTRUMENT);
    trade(&mut world);
    assert_eq!(code(&mut world), Some("sequence_gap"), "the quotes before the gap are old");
    world.quote(0);
    assert_eq!(code(&mut world), None);
    // Where nobody quotes, trades are all there is, and no spread is known.
    let text = LIMITS.replace("spread_max_bps = 50\n", "spread_max_bps = \"none\"\n");
    let limits = Limits { version: 2, ..Limits::parse("limits.toml", &text).unwrap() };
    world.desk.set_limits(limits, world.now).unwrap();
    world.desk.quote(INSTRUMENT, 0.0, 0.0, world.now, 2);
    trade(&mut world);
    assert_eq!(code(&mut world), None);
    world.desk.gap(INSTRUMENT);
    assert_eq!(code(&mut world), Some("sequence_gap"));
    trade(&mut world);
    assert_eq!(code(&mut world), None);
}
