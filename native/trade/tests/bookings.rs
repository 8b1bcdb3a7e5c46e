//! Bookings that are no executions: what risk counts of them.
#![allow(clippy::unwrap_used, reason = "a failed test is what a panic is for")]

mod common;

use common::*;
use rustonite_core::Amount;
use rustonite_core::datasets::{EventSource, FillKind, Liquidity, OrderSide};
use rustonite_core::ids::StrategyId;
use rustonite_exec::gateway::{Answer, Balance, Gateway, Heard, Question};
use rustonite_exec::{Correction, Fill, OrderId, Report, What};
use rustonite_risk::Target;
use rustonite_trade::News;

/// A world that holds ten lots, bought by one order.
fn holding() -> (World, OrderId) {
    let mut world = World::new([500, 7, 100, 200]);
    let order = world.desk.submit(limit(OrderSide::Buy, -50, 10), world.now).unwrap();
    world.report_of(order, What::Accepted);
    world.fill_of(order, 10);
    (world, order)
}

/// What risk counts as held: of the account, and of the strategy.
fn counted(world: &World) -> [i64; 2] {
    [Target::Account(ACCOUNT), Target::Strategy(StrategyId(0))]
        .map(|target| world.desk.risk().position(target, INSTRUMENT).unwrap())
}

#[test]
fn a_payment_of_funding_moves_no_position() {
    let (mut world, _) = holding();
    let before = counted(&world);
    assert!(before[0] > 0 && before[0] == before[1], "{before:?}");
    let usdt = world.desk.ledger().directory().asset("USDT").unwrap();
    let fill = Fill {
        fill_id: "funding-1".into(),
        trade_id: None,
        kind: FillKind::Funding,
        side: OrderSide::Buy,
        price: ticks(0),
        // That of the position.
        size: lots(10),
        size_filled: None,
        fee: Some((amount("0.1"), usdt)),
        liquidity: Liquidity::Unknown,
        position_side: None,
    };
    let report = Report {
        ts_event: world.now,
        ts_recv: world.now,
        source: EventSource::Stream,
        account: ACCOUNT,
        instrument: INSTRUMENT,
        client_id: "".into(),
        client_id_prev: None,
        venue_order_id: None,
        what: What::Fill(fill),
    };
    world.say(vec![Heard::Report(report)]);
    assert_eq!(counted(&world), before);
}

#[test]
fn an_execution_that_is_taken_back_is_not_held() {
    let (mut world, order) = holding();
    let whole = counted(&world);
    let corrected = |id: &str, prev: &str, becomes| {
        What::Corrected(Correction { fill_id: id.into(), fill_id_prev: prev.into(), becomes })
    };
    world.report_of(order, corrected("2", "1", Some((ticks(-50), lots(4)))));
    assert_eq!(counted(&world), whole.map(|all| all / 10 * 4));
    world.report_of(order, corrected("3", "2", None));
    assert_eq!(counted(&world), [0, 0]);
}

#[test]
fn a_fill_that_comparing_finds_is_paid_once() {
    let hiding = |fake| -> Box<dyn Gateway> { Box::new(Fake { hides_balances: true, ..fake }) };
    let mut world = World::with([500, 20, 200, 200], hiding);
    let order = world.desk.submit(limit(OrderSide::Buy, -50, 10), world.now).unwrap();
    world.report_of(order, What::Accepted);
    let known = world.desk.ledger().order(order).unwrap();
    let fill = Fill {
        fill_id: "1".into(),
        trade_id: None,
        kind: FillKind::Trade,
        side: OrderSide::Buy,
        price: ticks(-50),
        size: lots(10),
        size_filled: None,
        fee: None,
        liquidity: Liquidity::Maker,
        position_side: None,
    };
    let found = Report {
        ts_event: world.now,
        ts_recv: world.now,
        source: EventSource::Reconciliation,
        account: ACCOUNT,
        instrument: INSTRUMENT,
        client_id: known.client_id().into(),
        client_id_prev: None,
        venue_order_id: None,
        what: What::Fill(fill),
    };
    // What is left after it was paid.
    let usdt = world.desk.ledger().directory().asset("USDT").unwrap();
    let (available, locked) = (amount("1000"), Amount::ZERO);
    let balance = Balance::plain(world.now, usdt, available, locked);
    world.fake.asked.lock().unwrap().clear();
    world.say(vec![Heard::Ready]);
    world.answer(&[found], &[balance]);
    assert_eq!(world.desk.ledger().balances().get(ACCOUNT, usdt).total, amount("1000"));
    for (size, is_unfunded) in [(16, false), (17, true)] {
        let failures = world.desk.would_fail(limit(OrderSide::Buy, -50, size), world.now);
        let found = failures.iter().any(|denied| denied.code == "unfunded");
        assert_eq!(found, is_unfunded, "{size}: {failures:?}");
    }
}

#[test]
fn an_execution_of_an_order_that_is_not_named_so_far_is_not_asked_for_all_the_time() {
    let mut world = World::new([500, 7, 100, 200]);
    let order = world.desk.submit(limit(OrderSide::Buy, -50, 10), world.now).unwrap();
    // Its venue has not answered, and tells executions by its own number alone.
    let found = Report {
        venue_order_id: Some(format!("{}-1", order.0).into()),
        ..world.bought_by_others(FillKind::Trade, 10)
    };
    world.fake.asked.lock().unwrap().clear();
    let listed =
        Heard::Answer(Question::Fills(INSTRUMENT, 0), Answer::Reports(vec![found.clone()]));
    world.say(vec![listed]);
    let (mut asked, mut told) = (0, 0);
    for _ in 0..10 {
        let is_of_fills = |one: &&Question| matches!(one, Question::Fills(..));
        asked += world.fake.asked.lock().unwrap().iter().filter(is_of_fills).count();
        world.answer(std::slice::from_ref(&found), &[]);
        while let Some(news) = world.desk.next_news() {
            told +=
                usize::from(matches!(news, News::Notice(text) if text.contains("unknown_order")));
        }
    }
    assert_eq!((asked, told), (0, 1));
    assert_eq!(world.desk.ledger().order(order).unwrap().size_filled, Amount::ZERO);
    // Once it is named, the next comparison has it.
    world.report_of(order, What::Accepted);
    world.now += 2_000 * MS;
    world.desk.tick(world.now, 5_000 * MS);
    world.answer(std::slice::from_ref(&found), &[]);
    assert_eq!(world.desk.ledger().order(order).unwrap().size_filled, lots(10));
}
