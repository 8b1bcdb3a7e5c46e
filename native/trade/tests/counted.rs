//! What the risk layer counts is what is true: of orders that it had given up, of executions taken
//! back, of orders in money, of what is finer than a lot.
#![allow(clippy::unwrap_used, reason = "a failed test is what a panic is for")]

mod common;

use std::sync::{Arc, Mutex};

use common::*;
use rustonite_core::Amount;
use rustonite_core::datasets::{
    EventSource, FillKind, OrderEvent, OrderKind, OrderSide, OrderState, Tif, TriggerDirection,
    TriggerSource, order_flags,
};
use rustonite_core::ids::StrategyId;
use rustonite_exec::gateway::{Gateway, Heard};
use rustonite_exec::{
    Correction, Fill, Journal, JournalError, JournalRow, Ledger, OrderId, OrderPicture, Outcome,
    Report, Request, Trigger, What, Wish,
};
use rustonite_risk::Target;
use rustonite_trade::{Changes, FillNews, Group, News, OrderNews};

const BOUNDS: [u32; 4] = [500, 20, 200, 200];
const MANUAL: StrategyId = StrategyId(1);

fn placed<J: Journal>(world: &mut World<J>, wish: Wish) -> OrderId {
    let order = world.desk.submit(wish, world.now).unwrap();
    world.written();
    order
}

fn bought<J: Journal>(world: &mut World<J>, size: i64) -> OrderId {
    let order = placed(world, limit(OrderSide::Buy, -100, size));
    world.report_of(order, What::Accepted);
    order
}

fn lost() -> What {
    let detail = "time-out".into();
    What::Ended { request: OrderEvent::Submitted, outcome: Outcome::Unknown, detail }
}

fn picture(wish: &Wish, filled: i64) -> What {
    What::Picture(OrderPicture {
        state: OrderState::Accepted,
        side: wish.side,
        price: wish.price,
        size: wish.size,
        size_filled: lots(filled),
        price_trigger: None,
        limit_tif: None,
        price_average: None,
    })
}

/// What the account holds for risk, in lots.
fn held<J: Journal>(world: &World<J>) -> i64 {
    world.desk.risk().position(Target::Account(ACCOUNT), INSTRUMENT).unwrap()
}

fn gross<J: Journal>(world: &World<J>) -> Amount {
    world.desk.risk().gross(Target::All).unwrap()
}

fn fills<J: Journal>(world: &mut World<J>) -> Vec<FillNews> {
    let news = std::iter::from_fn(|| world.desk.next_news());
    news.filter_map(|news| if let News::Fill(fill) = news { Some(fill) } else { None }).collect()
}

fn corrected<J: Journal>(world: &mut World<J>, id: &str, prev: &str, becomes: Option<i64>) {
    let becomes = becomes.map(|size| (amount("60000"), lots(size)));
    let what =
        What::Corrected(Correction { fill_id: id.into(), fill_id_prev: prev.into(), becomes });
    let report = of_nobody(world, what);
    world.say(vec![Heard::Report(report)]);
}

/// A report that names no order of ours.
fn of_nobody<J: Journal>(world: &World<J>, what: What) -> Report {
    Report {
        ts_event: world.now,
        ts_recv: world.now,
        source: EventSource::Stream,
        account: ACCOUNT,
        instrument: INSTRUMENT,
        client_id: "".into(),
        client_id_prev: None,
        venue_order_id: None,
        what,
    }
}

/// Placed by others, by a client id that is not of ours.
fn of_others<J: Journal>(world: &World<J>, what: What) -> Report {
    let client_id = "web_1".into();
    Report { client_id, venue_order_id: Some("web".into()), ..of_nobody(world, what) }
}

#[test]
fn an_order_that_was_given_up_and_is_found_open_counts_and_is_cancelled_by_a_kill() {
    let mut world = World::new(BOUNDS);
    let wish = limit(OrderSide::Buy, -100, 10);
    let order = placed(&mut world, wish.clone());
    let before = gross(&world);
    world.report_of(order, lost());
    world.now += 7_000 * MS;
    world.quote(0);
    world.report_of(order, What::NotFound);
    assert_eq!(world.desk.ledger().order(order).unwrap().state, OrderState::Rejected);
    assert_eq!(gross(&world), Amount::ZERO);
    world.report_of(order, picture(&wish, 0));
    assert_eq!(world.desk.ledger().order(order).unwrap().state, OrderState::Accepted);
    assert_eq!(gross(&world), before);
    // What would meet it is denied again.
    let meets = world.desk.submit(limit(OrderSide::Sell, -100, 10), world.now).unwrap_err();
    assert_eq!(meets.code, "self_trade");
    world.written();
    world.desk.kill(Target::All, world.now);
    let written = world.written();
    assert!(matches!(written[..], [Request::Cancel { .. }]), "{written:?}");
}

#[test]
fn an_order_of_others_that_is_found_while_we_run_counts() {
    let mut world = World::new(BOUNDS);
    let wish = limit(OrderSide::Buy, -100, 10);
    let report = of_others(&world, picture(&wish, 0));
    world.say(vec![Heard::Report(report)]);
    assert_eq!(gross(&world), amount("600"));
    let meets = world.desk.submit(limit(OrderSide::Sell, -100, 10), world.now).unwrap_err();
    assert_eq!(meets.code, "self_trade");
    let ended = What::Cancelled { size_filled: None, size_prevented: None, refusal: None };
    let report = of_others(&world, ended);
    world.say(vec![Heard::Report(report)]);
    assert_eq!(gross(&world), Amount::ZERO);
}

#[test]
fn what_is_taken_back_is_not_held_and_strategies_are_told_so() {
    let mut world = World::new(BOUNDS);
    let order = bought(&mut world, 10);
    world.fill_of(order, 4);
    assert_eq!(held(&world), 4);
    fills(&mut world);
    corrected(&mut world, "b", "1", None);
    assert_eq!(held(&world), 0);
    let told = fills(&mut world);
    let [bust] = &told[..] else { panic!("{told:?}") };
    assert_eq!((bust.kind, bust.size, bust.position), (FillKind::Bust, lots(-4), Amount::ZERO));
    assert_eq!((&*bust.fill_id, bust.fill_id_prev.as_deref()), ("b", Some("1")));
}

#[test]
fn a_correction_counts_for_what_it_changes() {
    let mut world = World::new(BOUNDS);
    let order = bought(&mut world, 10);
    world.fill_of(order, 4);
    corrected(&mut world, "c", "1", Some(3));
    assert_eq!(held(&world), 3);
    let told: Vec<_> = fills(&mut world).into_iter().map(|fill| (fill.kind, fill.size)).collect();
    let (trade, correction) = (FillKind::Trade, FillKind::Correction);
    assert_eq!(told, [(trade, lots(4)), (correction, lots(-4)), (correction, lots(3))]);
    let strategy = world.desk.risk().position(Target::Strategy(StrategyId(0)), INSTRUMENT);
    assert_eq!(strategy, Some(3));
}

#[test]
fn what_was_worked_out_gives_way_to_the_execution_itself() {
    let mut world = World::new(BOUNDS);
    let order = bought(&mut world, 10);
    // The venue shows three as filled, and its list of executions is late.
    let known = world.desk.ledger().order(order).unwrap();
    let shown = Report {
        client_id: known.client_id().into(),
        venue_order_id: Some(format!("{}-1", order.0).into()),
        ..of_nobody(&world, picture(&known.wish, 3))
    };
    let inferred = Fill {
        fill_id: "inferred:1:3".into(),
        kind: FillKind::Adjustment,
        ..trade(OrderSide::Buy, lots(3))
    };
    let inferred = Report { what: What::Fill(inferred), ..shown.clone() };
    world.say(vec![Heard::Report(inferred), Heard::Report(shown)]);
    assert_eq!(held(&world), 3);
    world.fill_of(order, 3);
    assert_eq!(held(&world), 3);
    assert_eq!(world.desk.ledger().order(order).unwrap().size_filled, lots(3));
    let told: Vec<_> = fills(&mut world).into_iter().map(|fill| (fill.kind, fill.size)).collect();
    let (adjusted, bust) = (FillKind::Adjustment, FillKind::Bust);
    assert_eq!(told, [(adjusted, lots(3)), (bust, lots(-3)), (FillKind::Trade, lots(3))]);
}

fn trade(side: OrderSide, size: Amount) -> Fill {
    Fill {
        fill_id: "t".into(),
        trade_id: None,
        kind: FillKind::Trade,
        side,
        price: amount("60000"),
        size,
        size_filled: None,
        fee: None,
        liquidity: rustonite_core::datasets::Liquidity::Taker,
        position_side: None,
    }
}

#[test]
fn what_is_finer_than_a_lot_is_held_all_the_same() {
    let mut world = World::new(BOUNDS);
    let order = bought(&mut world, 10);
    let btc = world.desk.ledger().directory().asset("BTC").unwrap();
    let fee = Some((amount("0.000001"), btc));
    let fill = Fill { fee, ..trade(OrderSide::Buy, lots(1)) };
    world.report_of(order, What::Fill(fill));
    assert_eq!(held(&world), 1);
    let dust = Fill { fill_id: "d".into(), ..trade(OrderSide::Buy, amount("0.0004")) };
    let report = of_others(&world, What::Fill(dust));
    world.say(vec![Heard::Report(report)]);
    // 1.399 lots, of which the strategy has 0.999.
    let position = |target| world.desk.risk().position(target, INSTRUMENT).unwrap();
    assert_eq!(held(&world), 2);
    assert_eq!(position(Target::Strategy(StrategyId(0))), 1);
    assert_eq!(position(Target::Strategy(MANUAL)), 1);
}

#[test]
fn an_order_in_money_counts_until_it_has_ended() {
    let mut world = World::new(BOUNDS).unprotected();
    let order = placed(&mut world, in_money("600"));
    let whole = gross(&world);
    assert!(whole > amount("590"), "{whole}");
    world.report_of(order, What::Accepted);
    assert_eq!(gross(&world), whole);
    world.report_of(order, lost());
    assert_eq!(gross(&world), whole);
    world.fill_of(order, 4);
    assert_eq!(gross(&world), whole, "what is held and what is left");
    let ended = What::Cancelled { size_filled: None, size_prevented: None, refusal: None };
    world.report_of(order, ended);
    assert_eq!(gross(&world), amount("240"));
}

fn in_money(quote: &str) -> Wish {
    Wish {
        kind: OrderKind::Market,
        tif: Some(Tif::Ioc),
        price: None,
        size: Amount::ZERO,
        size_quote: Some(amount(quote)),
        ..limit(OrderSide::Buy, 0, 0)
    }
}

/// Keeps the decisions of the risk layer.
#[derive(Clone, Default)]
struct Decisions(Arc<Mutex<Vec<(String, String)>>>);

impl Journal for Decisions {
    fn write(&mut self, row: JournalRow<'_>) -> Result<(), JournalError> {
        if let JournalRow::Risk(row) = row {
            let request = row.request.map_or("", |request| request.name()).to_owned();
            self.0.lock().unwrap().push((request, row.code.to_owned()));
        }
        Ok(())
    }

    fn intent_written(&mut self) -> Result<(), JournalError> {
        Ok(())
    }
}

#[test]
fn every_denial_is_counted_and_written_down() {
    let decisions = Decisions::default();
    let mut ledger = Ledger::new(directory(), decisions.clone());
    ledger.open_account(ACCOUNT, account_rules());
    let mut world = World::of(ledger, BOUNDS);
    let order = bought(&mut world, 10);
    let too_fine = Changes { price: Some(amount("59000.001")), ..Changes::default() };
    let code = |result: Result<(), rustonite_trade::Denied>| result.unwrap_err().code;
    let now = world.now;
    assert_eq!(code(world.desk.replace(order, &too_fine, now)), "too_many_decimals");
    let too_large = Changes { size: Some(lots(900)), ..Changes::default() };
    assert_eq!(code(world.desk.replace(order, &too_large, now)), "order_size");
    let too_fine = Wish { price_protect: Some(amount("59000.001")), ..in_money("600") };
    assert_eq!(code(world.desk.submit(too_fine, now).map(drop)), "too_many_decimals");
    // Risk has nothing against these.
    let wordless = Wish { size_min: Some(lots(1)), ..limit(OrderSide::Buy, -100, 10) };
    assert_eq!(code(world.desk.submit(wordless.clone(), now).map(drop)), "rules");
    let [many] = &world.desk.submit_many(vec![wordless], now)[..] else { panic!() };
    assert_eq!(many.as_ref().unwrap_err().code, "rules");
    let price = ticks(200);
    let (source, direction) = (TriggerSource::Mark, TriggerDirection::Up);
    let trigger = Some(Trigger { price, source, direction, trail: None });
    let flags = order_flags::EMULATED;
    let unseen =
        Wish { trigger, flags, kind: OrderKind::StopLimit, ..limit(OrderSide::Buy, 210, 10) };
    assert_eq!(code(world.desk.submit(unseen, now).map(drop)), "not_followed");
    let expected = [
        ("replace", "too_many_decimals"),
        ("replace", "order_size"),
        ("submit", "too_many_decimals"),
        ("submit", "rules"),
        ("submit", "rules"),
        ("release", "not_followed"),
    ];
    let written = decisions.0.lock().unwrap();
    let written: Vec<_> = written.iter().map(|(one, two)| (&**one, &**two)).collect();
    assert_eq!(written, expected);
    let counts = world.desk.counts();
    assert_eq!((counts.denials(), counts.denied["rules"], counts.rejects), (6, 2, 0));
}

#[test]
fn in_a_replay_the_venue_answers_by_the_time_of_the_tapes() {
    let mut world = World::new(BOUNDS);
    world.desk.replay();
    let order = placed(&mut world, limit(OrderSide::Buy, -100, 10));
    world.now += 40 * MS;
    world.report_of(order, What::Accepted);
    let times = &world.desk.answers()[0].first_word;
    assert!(times.equivalent(times.max(), 40_000_000), "{}", times.max());
}

/// What was told of orders: the events, and why.
fn told(world: &mut World) -> Vec<(OrderEvent, Option<String>)> {
    let news = std::iter::from_fn(|| world.desk.next_news());
    news.filter_map(|news| match news {
        News::Order(OrderNews { event, reason, .. }) => Some((event, reason)),
        _ => None,
    })
    .collect()
}

#[test]
fn words_that_a_venue_has_not_are_denied_before_anything_is_sent() {
    let mut world = World::new(BOUNDS);
    let plain = limit(OrderSide::Buy, -100, 10);
    let kind = OrderKind::Market;
    let protected = Wish { kind, price: None, price_protect: Some(ticks(50)), ..plain.clone() };
    let wrong = [
        (Wish { size_min: Some(lots(1)), ..plain.clone() }, "limit orders have no size_min"),
        (protected, "no time in force gtc for market orders"),
        (
            Wish { flags: order_flags::POST_ONLY, tif: Some(Tif::Ioc), ..plain.clone() },
            "an order that ends so cannot be post-only",
        ),
    ];
    for (wish, why) in &wrong {
        let failed = world.desk.would_fail(wish.clone(), world.now);
        let denied = world.desk.submit(wish.clone(), world.now).unwrap_err();
        assert_eq!((denied.code, &*denied.detail), ("rules", &*format!("binance: {why}")));
        assert_eq!(failed, [denied]);
        let reason = Some(format!("rules: binance: {why}"));
        assert_eq!(told(&mut world), [(OrderEvent::Denied, reason)]);
    }
    let wishes: Vec<_> = wrong.iter().map(|(wish, _)| wish.clone()).collect();
    let results = world.desk.submit_many(wishes.clone(), world.now);
    assert!(results.iter().all(|one| one.as_ref().is_err_and(|denied| denied.code == "rules")));
    let exit = limit(OrderSide::Sell, 100, 10);
    for (entry, exit) in
        [(wishes[0].clone(), exit.clone()), (plain, Wish { size_min: Some(lots(1)), ..exit })]
    {
        let group = Group { entry: Some(entry), exits: vec![vec![exit]], ..Group::default() };
        assert_eq!(world.desk.submit_group(group, world.now).unwrap_err().code, "rules");
    }
    assert_eq!(world.written(), []);
    let counts = world.desk.counts();
    assert_eq!((counts.requests, counts.rejects), (0, 0));
    assert!(world.desk.ledger().open_orders().is_empty());
}

#[test]
fn what_we_cannot_write_is_refused_by_no_venue() {
    let gateway = |fake: Fake| Box::new(Fake { refuses: true, ..fake }) as Box<dyn Gateway>;
    let mut world = World::with(BOUNDS, gateway);
    world.desk.submit(limit(OrderSide::Buy, -100, 10), world.now).unwrap();
    let reason = Some("rules: no such words".to_owned());
    let expected = [(OrderEvent::Submitted, None), (OrderEvent::Rejected, reason)];
    assert_eq!(told(&mut world), expected);
    assert_eq!(world.desk.counts().rejects, 0);
}
