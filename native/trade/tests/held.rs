//! Orders that wait at a desk: released by prices, by each other and by time, through the one door.
#![allow(clippy::unwrap_used, reason = "a failed test is what a panic is for")]

mod common;

use std::path::Path;

use common::*;
use rustonite_core::Amount;
use rustonite_core::datasets::{
    OffsetUnit, OrderKind, OrderSide, OrderState, Tif, TriggerDirection, TriggerSource, order_flags,
};
use rustonite_core::ids::InstrumentId;
use rustonite_exec::held::Held;
use rustonite_exec::{
    Durability, Journal, Ledger, OrderId, Refusal, RefusalKind, Request, Tapes, Trail, Trigger,
    What, Wish,
};
use rustonite_risk::{Limits, Target};
use rustonite_tape::TapeOptions;
use rustonite_trade::{Arrived, Changes, Denied, Group, News};

const BOUNDS: [u32; 4] = [500, 7, 100, 200];

/// A sell of so many lots at the market, once the bid is so many ticks from the middle.
fn stop(at: i64, size: i64) -> Wish {
    let trigger = Trigger {
        price: ticks(at),
        source: TriggerSource::BidAsk,
        direction: TriggerDirection::Down,
        trail: None,
    };
    Wish {
        kind: OrderKind::StopMarket,
        tif: None,
        price: None,
        trigger: Some(trigger),
        flags: order_flags::EMULATED,
        ..limit(OrderSide::Sell, 0, size)
    }
}

fn state<J: Journal>(world: &World<J>, order: OrderId) -> OrderState {
    world.desk.ledger().order(order).unwrap().state
}

fn size<J: Journal>(world: &World<J>, order: OrderId) -> Amount {
    world.desk.ledger().order(order).unwrap().wish.size
}

/// What went out: orders by number and size, cancels by a negative number.
fn sent<J: Journal>(world: &World<J>) -> Vec<(i64, Option<Amount>)> {
    let short = |request: Request| match request {
        Request::Submit { order, wish, .. } | Request::Replace { order, wish, .. } => {
            Some((order.0, Some(wish.size)))
        }
        Request::Cancel { order, .. } => Some((-order.0, None)),
        Request::Query { .. } => None,
    };
    world.written().into_iter().filter_map(short).collect()
}

/// Events of an order that strategies were told, with reasons where there are some.
fn told<J: Journal>(world: &mut World<J>, order: OrderId) -> Vec<String> {
    let mut events = Vec::new();
    while let Some(news) = world.desk.next_news() {
        if let News::Order(news) = news
            && news.order.order == order
        {
            let reason = news.reason.map_or(String::new(), |reason| format!(" {reason}"));
            events.push(format!("{}{reason}", news.event.name()));
        }
    }
    events
}

fn cancelled() -> What {
    What::Cancelled { size_filled: None, size_prevented: None, refusal: None }
}

fn replaced(
    world: &mut World,
    order: OrderId,
    price: Option<Amount>,
    size: i64,
) -> Result<(), Denied> {
    change(world, order, Changes { price, size: Some(lots(size)), ..Changes::default() })
}

fn change(world: &mut World, order: OrderId, changes: Changes) -> Result<(), Denied> {
    world.desk.replace(order, &changes, world.now)
}

fn wait<J: Journal>(world: &mut World<J>, ms: i64) {
    world.now += ms * MS;
    world.desk.tick(world.now, 1_000 * MS);
}

// One order

#[test]
fn a_stop_is_sent_when_its_price_comes_and_not_before() {
    let mut world = World::new(BOUNDS);
    let order = world.desk.submit(stop(-100, 10), world.now).unwrap();
    assert_eq!((state(&world, order), sent(&world)), (OrderState::Held, vec![]));
    world.quote(-98);
    assert_eq!(sent(&world), []);
    world.quote(-99);
    let [Request::Submit { wish, .. }] = &world.written()[..] else { panic!("it was not sent") };
    assert_eq!((wish.kind, wish.trigger), (OrderKind::Market, None));
    // The limits want market orders protected.
    let protect = wish.price_protect.unwrap();
    assert!(protect < ticks(-50_000) && protect > ticks(-70_000), "{protect}");
    assert_eq!(told(&mut world, order), ["held", "released"]);
    world.report_of(order, What::Accepted);
    assert_eq!(state(&world, order), OrderState::Triggered);
    world.quote(-200);
    assert_eq!(sent(&world), []);
}

#[test]
fn what_the_venue_lacks_is_held_without_being_asked_for() {
    let mut world = World::new(BOUNDS);
    let trail = Trail { offset: amount("0.5"), unit: OffsetUnit::Price, activation: None };
    let mut wish = stop(0, 10);
    (wish.kind, wish.flags) = (OrderKind::TrailingStopMarket, 0);
    let trigger = wish.trigger.as_mut().unwrap();
    (trigger.price, trigger.trail) = (Amount::ZERO, Some(trail));
    let order = world.desk.submit(wish, world.now).unwrap();
    for (bid, follows) in [(0, -50), (20, -30), (0, -30)] {
        world.quote(bid + 1);
        let order = world.desk.ledger().order(order).unwrap();
        assert_eq!(order.wish.trigger.unwrap().price, ticks(follows));
    }
    world.quote(-28);
    assert_eq!(sent(&world), []);
    world.quote(-29);
    assert_eq!(sent(&world), [(order.0, Some(lots(10)))]);
}

#[test]
fn a_trigger_on_what_is_not_followed_is_refused() {
    let mut world = World::new(BOUNDS);
    let mut wish = stop(-100, 10);
    wish.trigger.as_mut().unwrap().source = TriggerSource::Mark;
    let denied = world.desk.submit(wish.clone(), world.now).unwrap_err();
    assert_eq!(denied.code, "not_followed");
    world.desk.follow("binance", "tickers");
    let order = world.desk.submit(wish, world.now).unwrap();
    world.desk.marks(INSTRUMENT, 59_999.5, 0.0);
    assert!(!world.desk.has_due());
    world.desk.marks(INSTRUMENT, 59_999.0, 0.0);
    world.desk.release_due(world.now);
    assert_eq!(sent(&world), [(order.0, Some(lots(10)))]);
    // Another instrument is nobody's.
    world.desk.marks(InstrumentId(7), 1.0, 1.0);
}

#[test]
fn what_can_never_be_right_is_denied_at_once_and_the_rest_when_it_is_due() {
    let mut world = World::new(BOUNDS);
    let too_fine = Wish { size: amount("0.0015"), ..stop(-100, 1) };
    assert_eq!(world.desk.submit(too_fine, world.now).unwrap_err().code, "too_many_decimals");
    // Larger than an order may be: that limit may be another one by then.
    let order = world.desk.submit(stop(-100, 600), world.now).unwrap();
    world.quote(-200);
    assert_eq!((state(&world, order), sent(&world)), (OrderState::Denied, vec![]));
    let told = told(&mut world, order);
    assert!(told[1].starts_with("denied order_size: 0.6 against 0.5"), "{told:?}");
}

#[test]
fn what_stands_against_it_for_a_moment_puts_it_off() {
    let mut world = World::new(BOUNDS);
    let order = world.desk.submit(stop(-100, 10), world.now).unwrap();
    world.desk.arrived(ACCOUNT, Arrived::Closed(0, "cut".to_owned()), world.now);
    world.quote(-200);
    assert_eq!((state(&world, order), sent(&world)), (OrderState::Held, vec![]));
    assert!(world.desk.ledger().order(order).unwrap().facts.triggered);
    // The price is back, and it is due all the same.
    world.quote(0);
    wait(&mut world, 50);
    assert_eq!(sent(&world), []);
    world.connect();
    wait(&mut world, 50);
    assert_eq!(sent(&world), [(order.0, Some(lots(10)))]);
    wait(&mut world, 50);
    world.quote(-200);
    assert_eq!(sent(&world), [], "never twice");
    assert_eq!(told(&mut world, order), ["held", "triggered", "released"]);
}

#[test]
fn a_switch_and_a_cancel_end_what_waits() {
    let mut world = World::new(BOUNDS);
    let one = world.desk.submit(stop(-100, 10), world.now).unwrap();
    world.desk.cancel(one, world.now).unwrap();
    assert!(world.desk.cancel(one, world.now).is_err(), "it has ended");
    let two = world.desk.submit(stop(-100, 10), world.now).unwrap();
    world.desk.cancel_all(Some(INSTRUMENT), world.now);
    let three = world.desk.submit(stop(-100, 10), world.now).unwrap();
    world.desk.kill(Target::Strategy(rustonite_core::ids::StrategyId(0)), world.now);
    world.quote(-200);
    for order in [one, two, three] {
        assert_eq!(state(&world, order), OrderState::Cancelled);
    }
    assert_eq!(sent(&world), []);
    let denied = world.desk.submit(stop(-100, 10), world.now).unwrap_err();
    assert_eq!(denied.code, "kill_switch");
}

#[test]
fn what_waits_can_be_changed() {
    let mut world = World::new(BOUNDS);
    let wish = Wish {
        kind: OrderKind::StopLimit,
        tif: Some(Tif::Gtc),
        price: Some(ticks(-150)),
        ..stop(-100, 10)
    };
    let order = world.desk.submit(wish, world.now).unwrap();
    replaced(&mut world, order, Some(ticks(-160)), 20).unwrap();
    let too_fine = replaced(&mut world, order, Some(amount("59999.001")), 20);
    assert_eq!(too_fine.unwrap_err().code, "too_many_decimals");
    world.quote(-200);
    let [Request::Submit { wish, .. }] = &world.written()[..] else { panic!("it was not sent") };
    assert_eq!((wish.kind, wish.price, wish.size), (OrderKind::Limit, Some(ticks(-160)), lots(20)));
}

/// A trailing stop of so many lots that keeps 50 ticks, and is a limit order then.
fn trailing(size: i64, limit_behind: Option<i64>) -> Wish {
    let trail = Trail { offset: amount("0.5"), unit: OffsetUnit::Price, activation: None };
    let mut wish = stop(0, size);
    let trigger = wish.trigger.as_mut().unwrap();
    (trigger.price, trigger.trail) = (Amount::ZERO, Some(trail));
    wish.kind = OrderKind::TrailingStopMarket;
    if let Some(behind) = limit_behind {
        (wish.kind, wish.tif) = (OrderKind::TrailingStopLimit, Some(Tif::Gtc));
        wish.set_limit_behind(amount("0.01").times(behind).unwrap());
    }
    wish
}

/// Trigger and limit of an order.
fn waits_at<J: Journal>(world: &World<J>, order: OrderId) -> (Amount, Option<Amount>) {
    let wish = &world.desk.ledger().order(order).unwrap().wish;
    (wish.trigger.unwrap().price, wish.price)
}

#[test]
fn the_limit_of_a_trailing_stop_follows_or_stays() {
    let mut world = World::new(BOUNDS);
    let follows = world.desk.submit(trailing(10, Some(7)), world.now).unwrap();
    let stays =
        Wish { price: Some(ticks(-300)), flags: order_flags::EMULATED, ..trailing(20, Some(0)) };
    let stays = world.desk.submit(stays, world.now).unwrap();
    let shown = |world: &World<_>, order| {
        let order = world.desk.view(world.desk.ledger().order(order).unwrap());
        (order.kind, order.trigger, order.price)
    };
    let kind = OrderKind::TrailingStopLimit;
    assert_eq!(shown(&world, follows), (kind, None, None), "nothing is known before a price");
    assert_eq!(shown(&world, stays), (kind, None, Some(ticks(-300))));
    for (bid, trigger) in [(0, -50), (20, -30), (5, -30)] {
        world.quote(bid + 1);
        assert_eq!(waits_at(&world, follows), (ticks(trigger), Some(ticks(trigger - 7))));
        assert_eq!(waits_at(&world, stays), (ticks(trigger), Some(ticks(-300))));
        let at = (kind, Some(ticks(trigger)), Some(ticks(trigger - 7)));
        assert_eq!(shown(&world, follows), at);
    }
    world.quote(-29);
    let sent: Vec<_> = world
        .written()
        .into_iter()
        .map(|request| match request {
            Request::Submit { order, wish, .. } => (order, wish.kind, wish.price, wish.tif),
            other => panic!("{other:?}"),
        })
        .collect();
    let at = |price| (OrderKind::Limit, Some(ticks(price)), Some(Tif::Gtc));
    let [(one, ..), (other, ..)] = sent[..] else { panic!("both are sent") };
    assert_eq!((one, other), (follows, stays));
    assert_eq!((sent[0].1, sent[0].2, sent[0].3), at(-37));
    assert_eq!((sent[1].1, sent[1].2, sent[1].3), at(-300));
}

#[test]
fn a_limit_that_will_be_off_the_tick_is_denied_at_once() {
    let mut world = World::new(BOUNDS);
    let mut wish = trailing(10, Some(7));
    wish.set_limit_behind(amount("0.005"));
    assert_eq!(world.desk.submit(wish, world.now).unwrap_err().code, "too_many_decimals");
}

#[test]
fn a_trigger_can_be_moved_while_it_waits() {
    let mut world = World::new(BOUNDS);
    let order = world.desk.submit(stop(-100, 10), world.now).unwrap();
    let trigger = |ticks_away| Changes { trigger: Some(ticks(ticks_away)), ..Changes::default() };
    change(&mut world, order, trigger(-150)).unwrap();
    world.quote(-120);
    assert_eq!(sent(&world), [], "the old price starts nothing");
    assert!(*world.desk.held() == Held::of(world.desk.ledger()));
    let zero = Changes { trigger: Some(Amount::ZERO), ..Changes::default() };
    assert_eq!(change(&mut world, order, zero).unwrap_err().code, "not_emulated");
    let trail = Changes { trail: Some(amount("1")), ..Changes::default() };
    assert_eq!(change(&mut world, order, trail).unwrap_err().code, "not_possible");
    world.quote(-149);
    assert_eq!(sent(&world), [(order.0, Some(lots(10)))]);
    world.report_of(order, What::Accepted);
    let denied = change(&mut world, order, trigger(-160)).unwrap_err();
    assert_eq!((denied.code, sent(&world)), ("not_possible", vec![]));
    let plain = world.desk.submit(limit(OrderSide::Buy, -100, 10), world.now).unwrap();
    world.report_of(plain, What::Accepted);
    assert_eq!(change(&mut world, plain, trigger(-160)).unwrap_err().code, "not_possible");
}

#[test]
fn another_distance_is_kept_from_the_next_price_on() {
    let mut world = World::new(BOUNDS);
    let order = world.desk.submit(trailing(10, Some(7)), world.now).unwrap();
    world.quote(101);
    assert_eq!(waits_at(&world, order), (ticks(50), Some(ticks(43))));
    let wider = Changes { trail: Some(amount("0.8")), ..Changes::default() };
    change(&mut world, order, wider).unwrap();
    assert_eq!(waits_at(&world, order).0, Amount::ZERO);
    // It counts from where the market is now, and not from where it was furthest.
    world.quote(61);
    assert_eq!(waits_at(&world, order), (ticks(-20), Some(ticks(-27))));
    // With a price of its own it is in force at once.
    let nearer = Changes { trail: Some(amount("0.3")), trigger: Some(ticks(20)), ..wider };
    change(&mut world, order, nearer).unwrap();
    assert_eq!(waits_at(&world, order), (ticks(20), Some(ticks(13))));
    let limit = Changes { price: Some(ticks(0)), ..Changes::default() };
    assert_eq!(change(&mut world, order, limit).unwrap_err().code, "not_possible");
    let nothing = Changes { trail: Some(Amount::ZERO), ..Changes::default() };
    assert_eq!(change(&mut world, order, nothing).unwrap_err().code, "not_emulated");
    assert!(*world.desk.held() == Held::of(world.desk.ledger()));
    world.quote(21);
    assert_eq!(sent(&world), [(order.0, Some(lots(10)))]);
}

#[test]
fn last_moments_come_for_what_waits_and_for_what_the_venue_does_not_end() {
    let mut world = World::new(BOUNDS);
    let end = world.now + 100 * MS;
    let till = |wish: Wish| Wish { tif: Some(Tif::Gtd), ts_expire: Some(end), ..wish };
    let held = world.desk.submit(till(stop(-100, 10)), world.now).unwrap();
    let open = world.desk.submit(till(limit(OrderSide::Buy, -100, 10)), world.now).unwrap();
    let [Request::Submit { wish, .. }] = &world.written()[..] else { panic!("one is sent") };
    assert_eq!((wish.tif, wish.ts_expire), (Some(Tif::Gtc), None));
    world.report_of(open, What::Accepted);
    wait(&mut world, 99);
    assert_eq!((state(&world, held), sent(&world)), (OrderState::Held, vec![]));
    wait(&mut world, 1);
    assert_eq!((state(&world, held), sent(&world)), (OrderState::Expired, vec![(-open.0, None)]));
    wait(&mut world, 50);
    assert_eq!(sent(&world), [], "the cancel is in flight");
    // Refused, it is asked for again.
    let refusal =
        Refusal { reason: RefusalKind::Other, venue_code: "".into(), detail: "busy".into() };
    world.report_of(open, What::CancelRejected(refusal));
    assert_eq!(sent(&world), []);
    wait(&mut world, 50);
    assert_eq!(sent(&world), [(-open.0, None)]);
    world.report_of(open, cancelled());
    assert!(*world.desk.held() == Held::default());
}

// Groups

struct Pair {
    world: World,
    parent: OrderId,
    target: OrderId,
    stop: OrderId,
}

/// A target and a stop of so many lots, of which one ends the other.
fn pair(size: i64) -> Pair {
    let mut world = World::new(BOUNDS);
    let set = vec![limit(OrderSide::Sell, 5_000, size), stop(-100, size)];
    let group = Group { exits: vec![set], ..Group::default() };
    let placed = world.desk.submit_group(group, world.now).unwrap();
    assert_eq!(placed.entry, None);
    let [(parent, orders)] = &placed.exits[..] else { panic!("one set") };
    let [target, stop] = orders[..] else { panic!("two orders") };
    Pair { parent: *parent, target, stop, world }
}

#[test]
fn of_a_pair_the_stop_is_sent_after_the_target_is_out() {
    let Pair { mut world, parent, target, stop } = pair(10);
    assert_eq!(sent(&world), [(target.0, Some(lots(10)))]);
    world.report_of(target, What::Accepted);
    world.fill_of(target, 3);
    assert_eq!(size(&world, stop), lots(7));
    world.quote(-200);
    assert_eq!(sent(&world), [(-target.0, None)]);
    world.fill_of(target, 1);
    world.report_of(target, cancelled());
    assert_eq!(sent(&world), [(stop.0, Some(lots(6)))]);
    world.report_of(stop, What::Accepted);
    world.fill_of(stop, 6);
    assert_eq!(
        (state(&world, parent), state(&world, stop)),
        (OrderState::Filled, OrderState::Filled)
    );
    let told = told(&mut world, parent);
    assert_eq!(told, ["held", "partial_fill", "partial_fill", "final_fill"]);
}

#[test]
fn of_a_pair_a_filled_target_ends_the_stop() {
    let Pair { mut world, parent, target, stop } = pair(10);
    world.fill_of(target, 10);
    assert_eq!(
        (state(&world, stop), state(&world, parent)),
        (OrderState::Cancelled, OrderState::Filled)
    );
    world.written();
    world.quote(-200);
    assert_eq!(sent(&world), []);
}

#[test]
fn a_cancel_of_the_parent_ends_a_pair() {
    let Pair { mut world, parent, target, stop } = pair(10);
    world.report_of(target, What::Accepted);
    world.written();
    world.desk.cancel(parent, world.now).unwrap();
    assert_eq!(
        (state(&world, stop), sent(&world)),
        (OrderState::Cancelled, vec![(-target.0, None)])
    );
}

#[test]
fn a_parent_is_denied_with_its_last_child() {
    let Pair { mut world, parent, target, stop } = pair(200);
    world.report_of(target, What::Accepted);
    let smaller = Limits { version: 2, ..limits([100, 7, 100, 200]) };
    world.desk.set_limits(smaller, world.now).unwrap();
    world.quote(-200);
    world.report_of(target, cancelled());
    assert_eq!(
        (state(&world, stop), state(&world, parent)),
        (OrderState::Denied, OrderState::Denied)
    );
    let told = told(&mut world, parent);
    assert!(told[1].starts_with("denied order_size: 0.2 against 0.1"), "{told:?}");
}

#[test]
fn exits_of_a_bracket_follow_what_is_filled() {
    let mut world = World::new(BOUNDS);
    let set = vec![limit(OrderSide::Sell, 5_000, 10), stop(-1_000, 10)];
    let entry = Some(limit(OrderSide::Buy, -10, 10));
    let group = Group { entry, when_full: false, exits: vec![set] };
    let placed = world.desk.submit_group(group, world.now).unwrap();
    let (entry, (parent, orders)) = (placed.entry.unwrap(), placed.exits[0].clone());
    let [target, stop] = orders[..] else { panic!("two orders") };
    assert_eq!(sent(&world), [(entry.0, Some(lots(10)))]);
    world.report_of(entry, What::Accepted);
    world.quote(-2_000);
    assert_eq!(sent(&world), [], "nothing is held so far");
    world.quote(0);
    world.fill_of(entry, 4);
    assert_eq!((sent(&world), size(&world, stop)), (vec![(target.0, Some(lots(4)))], lots(4)));
    world.report_of(target, What::Accepted);
    world.fill_of(entry, 6);
    assert_eq!((sent(&world), size(&world, stop)), (vec![(target.0, Some(lots(10)))], lots(10)));
    world.report_of(target, What::Replaced { price: Some(ticks(5_000)), size: lots(10) });
    world.quote(-2_000);
    assert_eq!(sent(&world), [(-target.0, None)]);
    world.report_of(target, cancelled());
    assert_eq!(sent(&world), [(stop.0, Some(lots(10)))]);
    world.fill_of(stop, 10);
    assert_eq!(state(&world, parent), OrderState::Filled);
    assert_eq!(world.desk.position(INSTRUMENT, None), Amount::ZERO);
    assert!(world.desk.ledger().open_orders().is_empty());
}

#[test]
fn a_bracket_whose_entry_is_denied_leaves_nothing() {
    let mut world = World::new(BOUNDS);
    let group =
        |entry| Group { entry: Some(entry), when_full: true, exits: vec![vec![stop(-1_000, 10)]] };
    let far = Wish { price: Some(ticks(900_000)), ..limit(OrderSide::Buy, 0, 10) };
    let denied = world.desk.submit_group(group(far), world.now).unwrap_err();
    assert_eq!(denied.code, "price_collar");
    assert!(world.desk.ledger().open_orders().is_empty());
    let entry = limit(OrderSide::Buy, -10, 10);
    let placed = world.desk.submit_group(group(entry.clone()), world.now).unwrap();
    let entry = (placed.entry.unwrap(), entry).0;
    world.report_of(entry, cancelled());
    assert!(world.desk.ledger().open_orders().is_empty());
}

#[test]
fn what_is_no_group_is_refused() {
    let mut world = World::new(BOUNDS);
    let sets: [Vec<Vec<Wish>>; 4] = [
        vec![],
        vec![vec![]],
        vec![vec![stop(-100, 10)]],
        vec![vec![stop(-100, 10), limit(OrderSide::Sell, 5_000, 9)]],
    ];
    for exits in sets {
        let group = Group { exits, ..Group::default() };
        assert_eq!(world.desk.submit_group(group, world.now).unwrap_err().code, "group");
    }
    let iceberg = Wish {
        size_display: Some(lots(1)),
        flags: order_flags::EMULATED,
        ..limit(OrderSide::Sell, 5_000, 10)
    };
    let group = Group { exits: vec![vec![stop(-100, 10), iceberg]], ..Group::default() };
    assert_eq!(world.desk.submit_group(group, world.now).unwrap_err().code, "group");
    assert!(world.desk.ledger().open_orders().is_empty());
}

#[test]
fn an_order_sends_others_when_it_is_filled() {
    let mut world = World::new(BOUNDS);
    let entry = Some(limit(OrderSide::Buy, -10, 10));
    let exits = vec![vec![limit(OrderSide::Sell, 100, 10)], vec![stop(-1_000, 10)]];
    let group = Group { entry, when_full: true, exits };
    let placed = world.desk.submit_group(group, world.now).unwrap();
    let (entry, limit) = (placed.entry.unwrap(), placed.exits[0].1[0]);
    world.written();
    world.fill_of(entry, 9);
    assert_eq!(sent(&world), []);
    world.fill_of(entry, 1);
    assert_eq!(sent(&world), [(limit.0, Some(lots(10)))]);
    assert!(world.desk.held().is_watching(INSTRUMENT));
}

// Icebergs

#[test]
fn an_iceberg_shows_no_more_than_its_part() {
    let mut world = World::new(BOUNDS);
    let wish = Wish {
        size_display: Some(lots(4)),
        flags: order_flags::EMULATED,
        ..limit(OrderSide::Buy, -10, 10)
    };
    let parent = world.desk.submit(wish, world.now).unwrap();
    let mut slices = Vec::new();
    for _ in 0..3 {
        let Some((slice, Some(size))) = sent(&world).pop() else { panic!("no slice was sent") };
        slices.push(size);
        let slice = OrderId(slice);
        world.report_of(slice, What::Accepted);
        let half = i64::try_from(size.0 / lots(1).0).unwrap() / 2;
        world.fill_of(slice, half);
        assert_eq!(sent(&world), [], "the next one comes after the last fill");
        world.fill_of(slice, i64::try_from(size.0 / lots(1).0).unwrap() - half);
    }
    assert_eq!(slices, [lots(4), lots(4), lots(2)]);
    assert_eq!((state(&world, parent), sent(&world)), (OrderState::Filled, vec![]));
}

#[test]
fn an_iceberg_that_waits_for_a_price_shows_nothing_before() {
    let mut world = World::new(BOUNDS);
    let wish = Wish {
        size_display: Some(lots(4)),
        kind: OrderKind::StopLimit,
        tif: Some(Tif::Gtc),
        price: Some(ticks(-150)),
        ..stop(-100, 10)
    };
    let parent = world.desk.submit(wish, world.now).unwrap();
    assert_eq!((state(&world, parent), sent(&world)), (OrderState::Held, vec![]));
    let moved = Changes { trigger: Some(ticks(-120)), ..Changes::default() };
    change(&mut world, parent, moved).unwrap();
    world.quote(-110);
    assert_eq!(sent(&world), []);
    world.quote(-119);
    for size in [4, 4, 2] {
        let [Request::Submit { order, wish, .. }] = &world.written()[..] else {
            panic!("no slice was sent")
        };
        assert_eq!((wish.size, wish.price, wish.trigger), (lots(size), Some(ticks(-150)), None));
        assert_eq!((wish.kind, wish.size_display), (OrderKind::Limit, None));
        // The price may go back: it has begun.
        world.quote(0);
        world.report_of(*order, What::Accepted);
        world.fill_of(*order, size);
    }
    assert_eq!((state(&world, parent), sent(&world)), (OrderState::Filled, vec![]));
    let denied = change(&mut world, parent, moved).unwrap_err();
    assert_eq!(denied.code, "not_possible");
    assert!(*world.desk.held() == Held::default());
}

#[test]
fn an_iceberg_can_be_changed_and_cancelled() {
    let mut world = World::new(BOUNDS);
    let wish = Wish {
        size_display: Some(lots(4)),
        flags: order_flags::EMULATED,
        ..limit(OrderSide::Buy, -10, 10)
    };
    let parent = world.desk.submit(wish, world.now).unwrap();
    let slice = OrderId(sent(&world)[0].0);
    world.report_of(slice, What::Accepted);
    replaced(&mut world, parent, Some(ticks(-20)), 10).unwrap();
    let [Request::Replace { order, wish, .. }] = &world.written()[..] else { panic!("unchanged") };
    assert_eq!((*order, wish.price), (slice, Some(ticks(-20))));
    world.report_of(slice, What::Replaced { price: Some(ticks(-20)), size: lots(4) });
    world.desk.cancel(parent, world.now).unwrap();
    assert_eq!(sent(&world), [(-slice.0, None)]);
    world.fill_of(slice, 4);
    let parent = world.desk.ledger().order(parent).unwrap();
    assert_eq!((parent.state, parent.size_filled), (OrderState::Cancelled, lots(4)));
    assert_eq!(sent(&world), []);
}

// Restarts

fn opened(folder: &Path) -> Ledger<Tapes> {
    let options = TapeOptions {
        segment_bytes: 1 << 20,
        seal_after_ms: None,
        fsync_interval_ms: None,
        ..TapeOptions::default()
    };
    let journal = (folder, "main", options, Durability::Interval);
    Ledger::open(directory(), [(ACCOUNT, account_rules())], journal).unwrap().0
}

#[test]
fn a_restart_watches_what_was_watched_and_sends_it_once() {
    let folder = tempfile::tempdir_in("/dev/shm").unwrap();
    let mut world = World::of(opened(folder.path()), BOUNDS);
    let order = world.desk.submit(stop(-100, 10), world.now).unwrap();
    let hash = world.desk.ledger().state_hash();
    let held = world.desk.held().clone();
    drop(world);
    let mut world = World::of(opened(folder.path()), BOUNDS);
    assert_eq!(world.desk.ledger().state_hash(), hash);
    assert!(*world.desk.held() == held);
    // The price came while nobody watched.
    world.quote(-500);
    assert_eq!(sent(&world), [(order.0, Some(lots(10)))]);
    let client_id = world.desk.ledger().order(order).unwrap().client_id().to_owned();
    drop(world);
    let mut world = World::of(opened(folder.path()), BOUNDS);
    world.quote(-500);
    wait(&mut world, 50);
    assert_eq!(sent(&world), [], "it has left, and its outcome is asked for");
    assert_eq!(world.desk.ledger().order(order).unwrap().client_id(), client_id);
}

#[test]
fn what_was_put_off_is_still_due_after_a_restart() {
    let folder = tempfile::tempdir_in("/dev/shm").unwrap();
    let mut world = World::of(opened(folder.path()), BOUNDS);
    let order = world.desk.submit(stop(-100, 10), world.now).unwrap();
    world.desk.arrived(ACCOUNT, Arrived::Closed(0, "cut".to_owned()), world.now);
    world.quote(-200);
    drop(world);
    let mut world = World::of(opened(folder.path()), BOUNDS);
    assert!(!world.desk.held().is_watching(INSTRUMENT));
    world.quote(500);
    wait(&mut world, 50);
    assert_eq!(sent(&world), [(order.0, Some(lots(10)))]);
}

#[test]
fn a_dry_run_judges_what_leaves_once_the_price_has_come() {
    let mut world = World::new(BOUNDS);
    let codes = |world: &mut World, wish: Wish| {
        let failed = world.desk.would_fail(wish, world.now);
        failed.into_iter().map(|denied| denied.code).collect::<Vec<_>>()
    };
    // The venue has no trailing stops, and market orders want a worst price that is found then.
    assert_eq!(codes(&mut world, trailing(10, Some(7))), [""; 0]);
    assert_eq!(codes(&mut world, trailing(10_000, Some(7)))[0], "order_size");
    let mut unseen = trailing(10, Some(7));
    unseen.trigger.as_mut().unwrap().source = TriggerSource::Mark;
    unseen.flags |= order_flags::EMULATED;
    assert_eq!(codes(&mut world, unseen), ["not_followed"]);
    world.desk.kill_and_flatten(Target::All, world.now);
    assert_eq!(codes(&mut world, limit(OrderSide::Sell, 1, 1)), ["kill_switch"]);
}
