//! What stops trading: kill switches, switches that rules throw, and what is open under them.
#![allow(clippy::unwrap_used, reason = "a failed test is what a panic is for")]

mod common;

use std::collections::BTreeMap;

use common::*;
use rustonite_core::Amount;
use rustonite_core::datasets::{
    EventSource, FillKind, OrderEvent, OrderKind, OrderSide, OrderState, Tif, TradingState,
};
use rustonite_core::ids::StrategyId;
use rustonite_exec::gateway::{Heard, Question};
use rustonite_exec::{
    AccountRules, ChangeIds, External, Ledger, Nowhere, OrderId, OrderPicture, Outcome, Refusal,
    RefusalKind, Report, Request, What, Wish,
};
use rustonite_risk::{Limits, Target};
use rustonite_trade::{Arrived, Changes, Ending, OnTrip};

const BOUNDS: [u32; 4] = [500, 20, 200, 200];

fn ended() -> What {
    What::Cancelled { size_filled: None, size_prevented: None, refusal: None }
}

fn refused(reason: RefusalKind) -> What {
    What::CancelRejected(Refusal { reason, venue_code: "-2011".into(), detail: "no".into() })
}

/// Orders that cancels were written for.
fn cancels(world: &World) -> Vec<OrderId> {
    let cancel = |request: Request| match request {
        Request::Cancel { order, .. } => Some(order),
        _ => None,
    };
    world.written().into_iter().filter_map(cancel).collect()
}

impl World {
    fn place(&mut self, wish: Wish) -> OrderId {
        let order = self.desk.submit(wish, self.now).unwrap();
        self.report_of(order, What::Accepted);
        self.written();
        order
    }

    /// Time passes; the market goes on.
    fn wait(&mut self, ms: i64) {
        for _ in 0..ms / 50 {
            self.now += 50 * MS;
            self.quote(0);
            self.desk.tick(self.now, 5_000 * MS);
        }
    }

    fn tighten(&mut self, from: &str, to: &str) {
        assert!(LIMITS.contains(from));
        let limits = Limits::parse("limits.toml", &LIMITS.replace(from, to)).unwrap();
        let version = self.desk.risk().limits().version + 1;
        self.desk.set_limits(Limits { version, ..limits }, self.now).unwrap();
    }

    fn state(&self, order: OrderId) -> OrderState {
        self.desk.ledger().order(order).unwrap().state
    }

    fn ending(&self) -> Ending {
        self.desk.ending(Target::All)
    }
}

fn buy(at: i64, size: i64) -> Wish {
    limit(OrderSide::Buy, at, size)
}

/// What a venue says of a buy of one that works at so many ticks from the start.
fn works(price: i64) -> OrderPicture {
    OrderPicture {
        state: OrderState::Accepted,
        side: OrderSide::Buy,
        price: Some(ticks(price)),
        size: lots(1),
        price_trigger: None,
        limit_tif: None,
        size_filled: Amount::ZERO,
        price_average: None,
    }
}

#[test]
fn a_kill_goes_on_until_all_is_cancelled_however_few_requests_are_allowed() {
    let mut world = World::new([500, 40, 10, 200]);
    let mut orders = Vec::new();
    for at in 0..30 {
        orders.push(world.place(buy(-1_000 - at, 1)));
        world.wait(100);
    }
    world.wait(1_000);
    world.desk.kill(Target::All, world.now);
    let left = world.ending();
    let why = BTreeMap::from([("cancel_asked", 10), ("messages_per_s", 20)]);
    assert_eq!((left.open, left.why), (30, why));
    let mut gone = Vec::new();
    for second in 1..=4 {
        let leaving = cancels(&world);
        assert!(leaving.len() <= 10, "{} within a second", leaving.len());
        for order in &leaving {
            world.report_of(*order, ended());
        }
        gone.extend(leaving);
        world.wait(1_000);
        assert!(second > 2 || world.ending().open > 0);
    }
    assert_eq!(gone, orders, "each is asked for once");
    assert_eq!(world.ending(), Ending::default());
}

fn lost(request: OrderEvent) -> What {
    What::Ended { request, outcome: Outcome::Unknown, detail: "time-out".into() }
}

#[test]
fn a_query_without_an_answer_is_asked_for_again_soon() {
    let mut world = World::new(BOUNDS);
    let order = world.place(buy(-1_000, 1));
    world.desk.cancel(order, world.now).unwrap();
    world.report_of(order, lost(OrderEvent::CancelAsked));
    let asks = |world: &World| {
        let is_query = |one: &Request| matches!(one, Request::Query { .. });
        world.written().iter().filter(|one| is_query(one)).count()
    };
    assert_eq!(asks(&world), 1);
    world.fake.asked.lock().unwrap().clear();
    world.report_of(order, lost(OrderEvent::OutcomeUnknown));
    world.wait(2_100);
    assert!(world.fake.asked.lock().unwrap().contains(&Question::OpenOrders));
}

#[test]
fn an_orderly_end_goes_on_until_all_is_cancelled_too() {
    let mut world = World::new([500, 40, 10, 200]);
    for at in 0..15 {
        world.place(buy(-1_000 - at, 1));
        world.wait(100);
    }
    world.wait(1_000);
    world.desk.end_all(world.now);
    let mut gone = 0;
    for _ in 0..2 {
        for order in cancels(&world) {
            world.report_of(order, ended());
            gone += 1;
        }
        world.wait(1_050);
    }
    assert_eq!((gone, world.ending().open), (15, 0));
}

#[test]
fn a_kill_without_a_connection_cancels_once_there_is_one() {
    let mut world = World::new(BOUNDS);
    let orders = [-1_000, -1_001, -1_002].map(|at| world.place(buy(at, 1)));
    world.desk.arrived(ACCOUNT, Arrived::Closed(0, "cut".to_owned()), world.now);
    world.desk.kill(Target::Account(ACCOUNT), world.now);
    world.wait(10_000);
    assert_eq!(cancels(&world), []);
    assert_eq!(world.ending().why, BTreeMap::from([("venue_disconnected", 3)]));
    // It is heard again; that our books are the venue's is still to be seen.
    world.say(vec![Heard::Ready]);
    world.wait(50);
    assert_eq!(cancels(&world), orders);
    assert_eq!(world.ending().why, BTreeMap::from([("cancel_asked", 3)]));
}

#[test]
fn a_cancel_that_came_before_its_order_is_asked_for_again() {
    let mut world = World::new(BOUNDS);
    let order = world.desk.submit(buy(-1_000, 1), world.now).unwrap();
    world.desk.kill(Target::All, world.now);
    assert_eq!(cancels(&world), [order]);
    world.report_of(order, refused(RefusalKind::UnknownOrder));
    world.report_of(order, What::Accepted);
    assert_eq!(world.state(order), OrderState::Accepted);
    assert_eq!(world.ending().why, BTreeMap::from([("cancel_rejected", 1)]));
    world.wait(100);
    assert_eq!(cancels(&world), [], "not at once");
    world.wait(150);
    assert_eq!(cancels(&world), [order]);
    world.report_of(order, ended());
    world.wait(10_000);
    assert_eq!(cancels(&world), []);
    assert_eq!(world.ending(), Ending::default());
}

#[test]
fn a_venue_that_refuses_a_cancel_again_and_again_is_asked_less_and_less() {
    let mut world = World::new(BOUNDS);
    let order = world.place(buy(-1_000, 1));
    world.desk.kill(Target::All, world.now);
    let mut asked = 0;
    for _ in 0..600 {
        for order in cancels(&world) {
            asked += 1;
            world.report_of(order, refused(RefusalKind::Other));
        }
        world.wait(50);
    }
    // Within thirty seconds: at 0, 0.2, 0.6, 1.4, 3, 6.2, 12.6, 19 and 25.4.
    assert_eq!((asked, world.state(order)), (9, OrderState::Accepted));
}

#[test]
fn an_order_that_risk_lost_count_of_can_be_cancelled() {
    let mut world = World::new(BOUNDS);
    let order = world.desk.submit(buy(-1_000, 1), world.now).unwrap();
    let refusal =
        Refusal { reason: RefusalKind::Rules, venue_code: "-1".into(), detail: "no".into() };
    world.report_of(order, What::Rejected(refusal));
    assert_eq!(world.state(order), OrderState::Rejected);
    // The venue has it after all.
    let picture = works(-1_000);
    world.report_of(order, What::Picture(picture));
    assert_eq!(world.state(order), OrderState::Accepted);
    world.written();
    world.desk.cancel(order, world.now).unwrap();
    assert_eq!(cancels(&world), [order]);
}

#[test]
fn orders_in_a_market_that_nobody_sees_are_cancelled() {
    let mut world = World::new(BOUNDS);
    world.tighten("stale_trip_ms = \"none\"", "stale_trip_ms = 1_000");
    let order = world.place(buy(-1_000, 1));
    world.now += 1_100 * MS;
    world.desk.tick(world.now, 5_000 * MS);
    assert_eq!(world.desk.risk().thrown()[0].code.name(), "stale_data");
    assert_eq!(cancels(&world), [order]);
}

#[test]
fn orders_stay_under_a_switch_that_a_rule_throws_if_they_are_to() {
    let mut world = World::new(BOUNDS);
    world.desk.on_trip(OnTrip::Keep);
    world.tighten("stale_trip_ms = \"none\"", "stale_trip_ms = 1_000");
    let order = world.place(buy(-1_000, 1));
    world.now += 1_100 * MS;
    world.desk.tick(world.now, 5_000 * MS);
    assert_eq!(world.desk.risk().thrown().len(), 1);
    assert_eq!(cancels(&world), []);
    // A person's switch is another thing.
    world.desk.kill(Target::Instrument(INSTRUMENT), world.now);
    assert_eq!(cancels(&world), [order]);
}

#[test]
fn a_latch_leaves_orders_where_they_are_until_somebody_kills() {
    let mut world = World::new(BOUNDS);
    let order = world.place(buy(-1_000, 1));
    world.desk.latch(Target::Strategy(StrategyId(0)), world.now);
    world.wait(1_000);
    assert_eq!(cancels(&world), []);
    assert_eq!(world.ending(), Ending::default());
    world.desk.kill(Target::Strategy(StrategyId(0)), world.now);
    assert_eq!(cancels(&world), [order]);
}

#[test]
fn after_a_loss_only_what_could_make_the_position_larger_is_cancelled() {
    let mut world = World::new(BOUNDS);
    let entry = world.place(buy(0, 10));
    world.fill_of(entry, 10);
    let more = world.place(buy(-1_000, 5));
    let out = world.place(limit(OrderSide::Sell, 1_000, 10));
    let half = world.place(limit(OrderSide::Sell, 900, 5));
    world.desk.profit(Target::All, amount("-6000"), amount("-6000"), world.now);
    world.wait(50);
    assert_eq!(cancels(&world), [more]);
    world.report_of(more, ended());
    world.wait(1_000);
    assert_eq!((cancels(&world), world.state(out)), (Vec::new(), OrderState::Accepted));
    // Half of the position goes another way: the whole order would turn it around.
    world.fill_of(half, 5);
    world.wait(50);
    assert_eq!(cancels(&world), [out]);
}

#[test]
fn a_kill_can_close_positions_and_lets_nothing_through_after_it() {
    let mut world = World::new(BOUNDS);
    let entry = world.place(buy(0, 300));
    world.fill_of(entry, 300);
    let resting = world.place(buy(-1_000, 5));
    world.tighten("order_size_max = 1\n", "order_size_max = 0.2\n");
    world.desk.kill_and_flatten(Target::All, world.now);
    assert_eq!(cancels(&world), [resting]);
    let left = world.ending();
    assert_eq!((left.open, left.positions), (1, 1));
    // It would be in the way of the orders that close.
    let shrinks = limit(OrderSide::Sell, 1_000, 1);
    let denied = world.desk.submit(shrinks, world.now).unwrap_err();
    assert_eq!(denied.code, "kill_switch");
    world.wait(1_000);
    assert_eq!(world.written(), [], "an order that is open could still fill");
    world.report_of(resting, ended());
    let mut sold = Vec::new();
    for _ in 0..40 {
        for request in world.written() {
            let Request::Submit { order, wish, .. } = request else { panic!("{request:?}") };
            assert_eq!((wish.side, wish.kind), (OrderSide::Sell, OrderKind::Market));
            assert!(wish.price_protect.is_some(), "limits want it protected");
            let size = wish.size.0 / lots(1).0;
            world.report_of(order, What::Accepted);
            world.fill_of(order, i64::try_from(size).unwrap());
            sold.push(size);
        }
        world.wait(100);
    }
    // All of it is more than an order may be.
    assert_eq!(sold, [150, 150]);
    assert_eq!(world.ending(), Ending::default());
    assert_eq!(world.desk.risk().state(Target::All), TradingState::CancelOnly);
    let before = world.desk.counts().denials();
    let denied = world.desk.submit(limit(OrderSide::Sell, 0, 1), world.now).unwrap_err();
    assert_eq!(denied.code, "kill_switch");
    assert_eq!(world.desk.counts().denials(), before + 1);
}

#[test]
fn what_nobody_made_is_closed_in_nobodys_name() {
    let mut world = World::new(BOUNDS);
    let entry = world.place(buy(0, 10));
    world.fill_of(entry, 10);
    let found = world.bought_by_others(FillKind::Opening, 5);
    world.say(vec![Heard::Report(found)]);
    world.desk.kill_and_flatten(Target::All, world.now);
    let mut sold = Vec::new();
    for _ in 0..40 {
        world.wait(100);
        for request in world.written() {
            let Request::Submit { order, wish, .. } = request else { panic!("{request:?}") };
            let size = i64::try_from(wish.size.0 / lots(1).0).unwrap();
            world.fill_of(order, size);
            sold.push((wish.strategy, size));
        }
    }
    assert_eq!(sold, [(Some(StrategyId(0)), 10), (None, 5)]);
    let positions = world.desk.ledger().positions();
    assert!(positions.iter().all(|(_, position)| position.size == Amount::ZERO));
}

#[test]
fn orders_that_a_lost_line_took_along_are_no_refusals() {
    let mut world = World::new(BOUNDS);
    world.tighten("rejects_max = 50", "rejects_max = 1");
    let detail: Box<str> = "the line was cut".into();
    for at in [-1_000, -1_001, -1_002] {
        let order = world.desk.submit(buy(at, 1), world.now).unwrap();
        let (request, outcome) = (OrderEvent::Submitted, Outcome::NotSent);
        world.report_of(order, What::Ended { request, outcome, detail: detail.clone() });
        assert_eq!(world.state(order), OrderState::Rejected);
    }
    assert_eq!(world.desk.risk().thrown(), []);
}

#[test]
fn a_rule_can_close_positions() {
    let mut world = World::new(BOUNDS);
    world.desk.on_trip(OnTrip::Flatten);
    let entry = world.place(limit(OrderSide::Sell, 0, 10));
    world.fill_of(entry, 10);
    world.tighten("rejects_max = 50", "rejects_max = 1");
    let refusal =
        Refusal { reason: RefusalKind::Rules, venue_code: "-1".into(), detail: "no".into() };
    for at in [-1_000, -1_001] {
        let order = world.desk.submit(buy(at, 1), world.now).unwrap();
        world.report_of(order, What::Rejected(refusal.clone()));
    }
    world.written();
    assert_eq!(world.desk.risk().thrown()[0].code.name(), "repeated_rejects");
    world.wait(50);
    let written = world.written();
    let [Request::Submit { order, wish, .. }] = &written[..] else { panic!("{written:?}") };
    assert_eq!((wish.side, wish.size), (OrderSide::Buy, lots(10)));
    world.fill_of(*order, 10);
    world.wait(1_000);
    assert_eq!(world.written(), []);
    let thrown = world.desk.risk().thrown();
    assert!(thrown.iter().all(|trip| trip.state == TradingState::CancelOnly), "{thrown:?}");
}

#[test]
fn a_venue_that_refuses_to_close_a_position_is_asked_less_and_less_and_throws_no_switch() {
    let mut world = World::new(BOUNDS);
    let entry = world.place(limit(OrderSide::Sell, 0, 10));
    world.fill_of(entry, 10);
    world.tighten("rejects_max = 50", "rejects_max = 3");
    world.desk.kill_and_flatten(Target::All, world.now);
    let refusal =
        Refusal { reason: RefusalKind::Rules, venue_code: "-1".into(), detail: "no".into() };
    let mut tries = 0;
    for _ in 0..600 {
        world.wait(50);
        for request in world.written() {
            let Request::Submit { order, .. } = request else { continue };
            tries += 1;
            world.report_of(order, What::Rejected(refusal.clone()));
        }
    }
    assert!((4..20).contains(&tries), "tried {tries} times in half a minute");
    let thrown = world.desk.risk().thrown();
    assert!(thrown.iter().all(|trip| trip.code.name() != "repeated_rejects"), "{thrown:?}");
    // It is let through in the end.
    for _ in 0..600 {
        world.wait(50);
        if let Some(Request::Submit { order, .. }) = world.written().pop() {
            world.fill_of(order, 10);
            break;
        }
    }
    assert_eq!(world.desk.position(INSTRUMENT, None), Amount::ZERO);
}

#[test]
fn a_trading_state_says_what_is_let_through_and_cancels_nothing() {
    let mut world = World::new(BOUNDS);
    let resting = world.place(buy(-1_000, 5));
    world.desk.set_state(Target::All, TradingState::CancelOnly, world.now);
    world.wait(1_000);
    assert_eq!(cancels(&world), []);
    assert_eq!(world.desk.submit(buy(-1_000, 1), world.now).unwrap_err().code, "cancel_only");
    world.desk.cancel(resting, world.now).unwrap();
    world.desk.set_state(Target::All, TradingState::Active, world.now);
    assert!(world.desk.submit(buy(-1_000, 1), world.now).is_ok());
    // A kill cancels whatever the state is.
    let resting = world.place(buy(-1_000, 1));
    world.desk.set_state(Target::All, TradingState::Halted, world.now);
    assert_eq!(world.desk.cancel(resting, world.now).unwrap_err().code, "halted");
    world.desk.kill(Target::Account(ACCOUNT), world.now);
    assert!(cancels(&world).contains(&resting));
    world.desk.resume(Target::Account(ACCOUNT), world.now);
    world.desk.set_state(Target::All, TradingState::Active, world.now);
    // A kill switch is not lifted by a state.
    world.desk.kill(Target::Account(ACCOUNT), world.now);
    world.desk.set_state(Target::Account(ACCOUNT), TradingState::Active, world.now);
    assert_eq!(world.desk.submit(buy(-1_000, 1), world.now).unwrap_err().code, "kill_switch");
}

/// The venue shows an order that somebody else placed.
fn show_theirs(world: &mut World, client_id: &str) {
    let report = of_theirs(world, client_id, What::Picture(works(-500)));
    world.say(vec![Heard::Report(report)]);
    world.written();
}

fn of_theirs(world: &World, client_id: &str, what: What) -> Report {
    Report {
        ts_event: world.now,
        ts_recv: world.now,
        source: EventSource::Stream,
        account: ACCOUNT,
        instrument: INSTRUMENT,
        client_id: client_id.into(),
        client_id_prev: None,
        venue_order_id: Some("7".into()),
        what,
    }
}

#[test]
fn what_others_placed_is_told_and_left_to_them() {
    let mut world = World::new(BOUNDS);
    show_theirs(&mut world, "theirs");
    world.desk.kill(Target::All, world.now);
    world.wait(1_000);
    assert_eq!(cancels(&world), []);
    let left = world.ending();
    assert_eq!((left.open, left.others), (0, 1));
}

#[test]
fn what_others_placed_and_we_adopt_counts_and_is_cancelled() {
    for client_id in ["theirs", ""] {
        let mut ledger = Ledger::new(directory(), Nowhere);
        let rules = AccountRules { external: External::Adopted, ..account_rules() };
        ledger.open_account(ACCOUNT, rules);
        let mut world = World::of(ledger, BOUNDS);
        show_theirs(&mut world, client_id);
        let theirs = world.desk.ledger().open_orders()[0].id;
        assert!(world.desk.risk().is_open(theirs.0));
        world.desk.kill(Target::All, world.now);
        let [Request::Cancel { order, venue_order_id, .. }] = &world.written()[..] else {
            panic!("{client_id:?}")
        };
        assert_eq!((*order, venue_order_id.as_deref()), (theirs, Some("7")));
        let report = of_theirs(&world, client_id, ended());
        world.say(vec![Heard::Report(report)]);
        assert_eq!((world.ending().open, world.desk.risk().is_open(theirs.0)), (0, false));
    }
}

#[test]
fn what_others_placed_and_we_adopt_is_changed_once_its_venue_has_said_what_it_is() {
    for client_id in ["theirs", ""] {
        let mut ledger = Ledger::new(directory(), Nowhere);
        let (external, changes) = (External::Adopted, ChangeIds::Same);
        let rules = AccountRules { external, changes, ..account_rules() };
        ledger.open_account(ACCOUNT, rules);
        let mut world = World::of(ledger, BOUNDS);
        show_theirs(&mut world, client_id);
        let theirs = world.desk.ledger().open_orders()[0].id;
        let to = Changes { price: Some(ticks(-400)), ..Changes::default() };
        let denied = world.desk.replace(theirs, &to, world.now).unwrap_err();
        assert_eq!(denied.code, "not_possible");
        assert_eq!(world.written(), []);
        let known = OrderPicture { limit_tif: Some(Tif::Gtc), ..works(-500) };
        let report = of_theirs(&world, client_id, What::Picture(known));
        world.say(vec![Heard::Report(report)]);
        world.desk.replace(theirs, &to, world.now).unwrap();
        let [Request::Replace { client_id_prev, venue_order_id, wish, .. }] = &world.written()[..]
        else {
            panic!("{client_id:?}")
        };
        let named = (&**client_id_prev, venue_order_id.as_deref(), wish.price);
        assert_eq!(named, (client_id, Some("7"), Some(ticks(-400))));
        let done = What::Replaced { price: Some(ticks(-400)), size: lots(1) };
        let report = of_theirs(&world, client_id, done);
        world.say(vec![Heard::Report(report)]);
        let order = world.desk.ledger().order(theirs).unwrap();
        assert_eq!((order.state, order.wish.price), (OrderState::Accepted, Some(ticks(-400))));
    }
}

#[test]
fn a_cancel_whose_outcome_is_not_known_is_looked_into_and_repeated() {
    let mut world = World::new(BOUNDS);
    let order = world.place(buy(-1_000, 1));
    world.desk.kill(Target::All, world.now);
    assert_eq!(cancels(&world), [order]);
    world.report_of(order, lost(OrderEvent::CancelAsked));
    assert_eq!(world.ending().why, BTreeMap::from([("unknown", 1)]));
    let queries = world.written();
    assert!(matches!(queries[..], [Request::Query { .. }]), "{queries:?}");
    world.wait(1_000);
    assert_eq!(cancels(&world), [order]);
    // The query shows that it works, but the second cancel has no answer so far.
    world.report_of(order, What::Picture(works(-1_000)));
    world.wait(500);
    assert_eq!(cancels(&world), []);
}
