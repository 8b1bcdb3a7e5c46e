//! Two accounts at one venue: each trades once its own books are compared, whatever the other does.
#![allow(clippy::unwrap_used, reason = "a failed test is what a panic is for")]

mod common;

use std::sync::Arc;

use common::*;
use rustonite_core::Amount;
use rustonite_core::datasets::{FillKind, OrderKind, OrderSide, PositionSide, Tif};
use rustonite_core::ids::{AccountId, InstrumentId, StrategyId};
use rustonite_exec::gateway::{Answer, Balance, Contracts, Gateway, Heard, Position, Question};
use rustonite_exec::reconcile::Settings;
use rustonite_exec::{Directory, Ledger, Nowhere, OrderId, Refusal, Request, What, Wish};
use rustonite_risk::{Account, Capabilities, Code, Risk, Target, Venue};
use rustonite_trade::{Arrived, Denied, Desk, News};

const OTHER: AccountId = AccountId(1);

struct Two {
    desk: Desk<Nowhere>,
    fakes: [Fake; 2],
    contracts: Contracts,
}

impl Two {
    /// Neither is logged on.
    fn new() -> Self {
        let mut directory = Directory::default();
        for name in ["main", "other"] {
            directory.add_account(name);
        }
        directory.add_strategy("test");
        directory.list(instrument());
        let directory = Arc::new(directory);
        let mut ledger = Ledger::new(Arc::clone(&directory), Nowhere);
        for account in [ACCOUNT, OTHER] {
            ledger.open_account(account, account_rules());
        }
        let can = Capabilities::of(&[OrderKind::Limit], &[Tif::Gtc], 0);
        let account = |name: &str| Account { name: name.into(), venue: VENUE, hedging: false };
        let risk_directory = rustonite_risk::Directory {
            currency: "USDT".into(),
            assets: ["BTC", "USDT"].map(Into::into).to_vec(),
            venues: vec![Venue { name: "binance".into(), can }],
            accounts: ["main", "other"].map(account).to_vec(),
            strategies: vec!["test".into()],
            instruments: directory.instruments().map(|(_, one)| one.clone()).collect(),
            orders_max: 64,
            client_ids_max: 64,
        };
        let limits = limits([500, 20, 200, 200]);
        let risk = Risk::new(risk_directory, limits).unwrap();
        let mut desk = Desk::new(ledger, risk, StrategyId(0));
        let fakes = [Fake::default(), Fake::default()];
        for fake in &fakes {
            let (gateway, outbox) = (Box::new(fake.clone()), Box::new(fake.clone()));
            desk.open(gateway, outbox, vec![INSTRUMENT], Settings::default(), START).unwrap();
        }
        let own = [Target::Account(ACCOUNT), Target::Account(OTHER)];
        for target in [Target::All, Target::Strategy(StrategyId(0))].into_iter().chain(own) {
            desk.profit(target, Amount::ZERO, Amount::ZERO, START);
        }
        desk.feed_connected(VENUE, true, START);
        desk.quote(INSTRUMENT, 59_999.99, 60_000.01, START, 1);
        Self { desk, fakes, contracts: Contracts::default() }
    }

    fn fake(&self, account: AccountId) -> &Fake {
        &self.fakes[account.index()]
    }

    fn say(&mut self, account: AccountId, heard: Vec<Heard>) {
        *self.fake(account).says.lock().unwrap() = heard;
        self.desk.arrived(account, Arrived::Text(0, Vec::new(), START), START);
    }

    fn log_on(&mut self, account: AccountId) {
        self.say(account, vec![Heard::Ready]);
        self.say(account, self.balances().map(Heard::Balance).to_vec());
    }

    fn balances(&self) -> [Balance; 2] {
        ["BTC", "USDT"].map(|name| {
            let asset = self.desk.ledger().directory().asset(name).unwrap();
            Balance::plain(START, asset, amount("1000000"), Amount::ZERO)
        })
    }

    /// Its books are found to be the venue's.
    fn compare(&mut self, account: AccountId) {
        let asked = std::mem::take(&mut *self.fake(account).asked.lock().unwrap());
        let answers = asked.into_iter().map(|question| match question {
            Question::Balances => {
                Heard::Answer(question, Answer::Balances(self.balances().to_vec()))
            }
            Question::Contracts => {
                Heard::Answer(question, Answer::Contracts(self.contracts.clone()))
            }
            question => Heard::Answer(question, Answer::Reports(Vec::new())),
        });
        let answers = answers.collect();
        self.say(account, answers);
    }

    /// What people are told when books are compared again.
    fn told(&mut self, account: AccountId, seconds: i64) -> Vec<String> {
        let now = START + seconds * 1_000 * MS;
        self.desk.quote(INSTRUMENT, 59_999.99, 60_000.01, now, seconds + 2);
        self.desk.tick(now, 5_000 * MS);
        self.compare(account);
        let news = std::iter::from_fn(|| self.desk.next_news());
        let notice = |news| if let News::Notice(text) = news { Some(text) } else { None };
        news.filter_map(notice).filter(|text| text.contains("configuration")).collect()
    }

    fn buy(&mut self, account: AccountId, at: i64) -> Result<OrderId, Denied> {
        self.desk.submit(Wish { account, ..limit(OrderSide::Buy, at, 10) }, START)
    }

    fn code(&mut self, account: AccountId) -> &'static str {
        self.buy(account, -100).unwrap_err().code
    }
}

#[test]
fn no_account_trades_before_its_own_books_are_compared() {
    let mut two = Two::new();
    two.log_on(ACCOUNT);
    two.compare(ACCOUNT);
    two.buy(ACCOUNT, -100).unwrap();
    assert_eq!(two.code(OTHER), "venue_disconnected");
    two.log_on(OTHER);
    assert_eq!(two.code(OTHER), "not_reconciled");
    two.compare(OTHER);
    two.buy(OTHER, -200).unwrap();
}

#[test]
fn an_account_that_is_cut_off_holds_up_no_other() {
    let mut two = Two::new();
    for account in [ACCOUNT, OTHER] {
        two.log_on(account);
        two.compare(account);
    }
    two.desk.arrived(OTHER, Arrived::Closed(0, "cut".to_owned()), START);
    assert_eq!(two.code(OTHER), "venue_disconnected");
    two.buy(ACCOUNT, -100).unwrap();
}

#[test]
fn an_account_whose_venue_would_keep_its_orders_only_cancels() {
    let mut two = Two::new();
    let guarded_until = Arc::clone(&two.fake(ACCOUNT).guarded_until);
    let guard = |until: i64| *guarded_until.lock().unwrap() = Some(START + until * MS);
    let told = |two: &mut Two| {
        let news = std::iter::from_fn(|| two.desk.next_news());
        let trading = |news| if let News::Trading(id, may) = news { Some((id, may)) } else { None };
        news.filter_map(trading).collect::<Vec<_>>()
    };
    let [missing, disconnected] = [Code::DeadManMissing, Code::VenueDisconnected].map(Err);
    // The timer is asked for, and nobody says that it is set.
    guard(0);
    two.log_on(ACCOUNT);
    two.compare(ACCOUNT);
    assert_eq!((two.code(ACCOUNT), told(&mut two)), ("dead_man_missing", Vec::new()));
    // It is, while our orders live.
    guard(30_000);
    two.desk.tick(START, 5_000 * MS);
    let order = two.buy(ACCOUNT, -100).unwrap();
    assert_eq!(told(&mut two), [(ACCOUNT, Ok(()))]);
    // Nobody says that it is set again, until it has run out.
    two.desk.tick(START + 29_999 * MS, 5_000 * MS);
    assert_eq!(told(&mut two), []);
    two.desk.tick(START + 30_000 * MS, 5_000 * MS);
    let wish = Wish { account: ACCOUNT, ..limit(OrderSide::Buy, -200, 10) };
    let denied = two.desk.submit(wish, START + 30_000 * MS).unwrap_err();
    assert_eq!((denied.code, told(&mut two)), ("dead_man_missing", vec![(ACCOUNT, missing)]));
    two.fake(ACCOUNT).written.lock().unwrap().clear();
    two.desk.cancel(order, START + 30_000 * MS).unwrap();
    assert_eq!(two.fake(ACCOUNT).written.lock().unwrap().len(), 1);
    guard(60_000);
    two.desk.tick(START + 30_001 * MS, 5_000 * MS);
    assert_eq!(told(&mut two), [(ACCOUNT, Ok(()))]);
    two.desk.arrived(ACCOUNT, Arrived::Closed(0, "cut".to_owned()), START + 30_002 * MS);
    assert_eq!(told(&mut two), [(ACCOUNT, disconnected)]);
}

#[test]
fn an_order_that_ended_while_the_line_was_down_for_a_moment_is_asked_for() {
    let mut world = World::new([500, 20, 200, 200]);
    let order = world.desk.submit(limit(OrderSide::Buy, -100, 10), world.now).unwrap();
    world.report_of(order, What::Accepted);
    world.written();
    world.desk.arrived(ACCOUNT, Arrived::Closed(0, "cut".to_owned()), world.now);
    world.connect();
    let is_asked = |one: &Request| matches!(one, Request::Query { order: id, .. } if *id == order);
    assert!(world.written().iter().any(is_asked));
}

#[test]
fn a_balance_is_set_right_once_it_differs_twice_in_the_same_way() {
    let mut world = World::new([500, 20, 200, 200]);
    let asset = world.desk.ledger().directory().asset("USDT").unwrap();
    let counted = ["1000", "990", "980", "980"].map(|told| {
        world.now += 60_000 * MS;
        world.desk.tick(world.now, 5_000 * MS);
        let balance = Balance::plain(world.now, asset, amount(told), Amount::ZERO);
        let asked = std::mem::take(&mut *world.fake.asked.lock().unwrap());
        let answers = asked.into_iter().map(|question| match question {
            Question::Balances => Heard::Answer(question, Answer::Balances(vec![balance])),
            question => Heard::Answer(question, Answer::Reports(Vec::new())),
        });
        let answers = answers.collect();
        world.say(answers);
        world.desk.ledger().balances().get(ACCOUNT, asset).total
    });
    assert_eq!(counted, ["1000", "1000", "1000", "980"].map(amount));
}

#[test]
fn a_cancel_leaves_while_books_are_compared() {
    let mut two = Two::new();
    two.log_on(ACCOUNT);
    two.compare(ACCOUNT);
    let order = two.buy(ACCOUNT, -100).unwrap();
    two.log_on(ACCOUNT);
    assert_eq!(two.code(ACCOUNT), "not_reconciled");
    two.fake(ACCOUNT).written.lock().unwrap().clear();
    two.desk.kill(Target::All, START);
    let written = two.fake(ACCOUNT).written.lock().unwrap();
    let is_cancel =
        |one: &Request| matches!(one, Request::Cancel { order: id, .. } if *id == order);
    assert!(written.len() == 1 && is_cancel(&written[0]), "{written:?}");
}

/// Half a second at a venue that has so many dollars, and where an order is placed and cancelled.
fn go_on(world: &mut World, dollars: i64, trades: bool) {
    world.now += 500 * MS;
    world.quote(0);
    world.desk.tick(world.now, 5_000 * MS);
    let wish = limit(OrderSide::Buy, -1_000, 1);
    let order = trades.then(|| world.desk.submit(wish, world.now).ok()).flatten();
    if let Some(order) = order {
        world.report_of(order, What::Accepted);
    }
    let usdt = world.desk.ledger().directory().asset("USDT").unwrap();
    let available = amount("1").times(dollars).unwrap();
    let balance = Balance {
        ts_event: world.now,
        asset: usdt,
        available,
        locked: Amount::ZERO,
        total: available,
    };
    let asked = std::mem::take(&mut *world.fake.asked.lock().unwrap());
    for question in asked {
        let answer = match question {
            Question::Balances => Answer::Balances(vec![balance]),
            _ => Answer::Reports(Vec::new()),
        };
        world.say(vec![Heard::Answer(question, answer)]);
    }
    if let Some(order) = order {
        world.desk.cancel(order, world.now).unwrap();
        let cancelled = What::Cancelled { size_filled: None, size_prevented: None, refusal: None };
        world.report_of(order, cancelled);
    }
}

#[test]
fn a_venue_that_does_not_tell_is_told_of_once_until_it_does() {
    let mut world = World::new([500, 20, 200, 200]);
    let told = [0, 1, 1, 1, 0, 0, 1, 1].map(|fails| {
        world.now += 60_000 * MS;
        world.desk.tick(world.now, 5_000 * MS);
        let asked = std::mem::take(&mut *world.fake.asked.lock().unwrap());
        assert!(!asked.is_empty());
        let answers = asked.into_iter().map(|question| match question {
            Question::OpenOrders if fails == 1 => {
                let refusal = Refusal { detail: "busy".into(), ..Refusal::default() };
                Heard::Answer(question, Answer::Failed(refusal))
            }
            question => Heard::Answer(question, Answer::Reports(Vec::new())),
        });
        let answers = answers.collect();
        world.say(answers);
        let news = std::iter::from_fn(|| world.desk.next_news());
        let is_it = |one: &News| matches!(one, News::Notice(text) if text.contains("busy"));
        news.filter(is_it).count()
    });
    assert_eq!(told, [0, 1, 0, 0, 0, 0, 1, 0]);
}

#[test]
fn what_is_held_is_set_right_also_of_a_strategy_that_never_rests() {
    let mut world = World::new([500, 20, 200, 200]);
    world.desk.compare_every(1_000 * MS);
    world.connect();
    (0..10).for_each(|_| go_on(&mut world, 1_000, false));
    let usdt = world.desk.ledger().directory().asset("USDT").unwrap();
    let owned = |world: &World| world.desk.ledger().balances().get(ACCOUNT, usdt).total;
    assert_eq!(owned(&world), amount("1000"));
    // A log-on on an open line is told, too.
    let told = std::iter::from_fn(|| world.desk.next_news()).last();
    assert!(!matches!(told, Some(News::Trading(_, Err(_)))));
    // Figures that differ by something else each time are fills on their way.
    (0..100).for_each(|at| go_on(&mut world, 900 + at % 7, true));
    assert_eq!(owned(&world), amount("1000"));
    // Somebody took a hundred.
    (0..150).for_each(|_| go_on(&mut world, 900, true));
    assert_eq!(owned(&world), amount("900"));
    let mut news = std::iter::from_fn(|| world.desk.next_news());
    assert!(!news.any(|one| matches!(one, News::Trading(_, Err(_)))));
}

#[test]
fn a_position_that_the_venue_tells_and_we_have_not_is_looked_into_at_once() {
    let mut world = World::new([500, 20, 200, 200]);
    (0..10).for_each(|_| go_on(&mut world, 1_000, false));
    let mut asked_after = |size: &str, steps| {
        let (side, size) = (PositionSide::Net, amount(size));
        let (ts_event, instrument, price_entry) = (world.now, INSTRUMENT, None);
        let held = Position { ts_event, instrument, side, size, price_entry };
        world.say(vec![Heard::Position(held)]);
        (0..steps).find(|_| {
            world.now += 500 * MS;
            world.desk.tick(world.now, 5_000 * MS);
            !world.fake.asked.lock().unwrap().is_empty()
        })
    };
    assert_eq!(asked_after("0", 10), None);
    assert!(asked_after("1", 10).is_some_and(|at| at <= 3));
}

#[test]
fn what_is_set_in_another_way_there_is_told_once_and_stops_trading() {
    let mut two = Two::new();
    two.desk.leverage(ACCOUNT, Some(5));
    two.contracts.leverage = vec![(INSTRUMENT, amount("20"))];
    let wish = Wish { account: ACCOUNT, ..limit(OrderSide::Buy, -100, 10) };
    two.log_on(ACCOUNT);
    assert_eq!(two.told(ACCOUNT, 0).len(), 1);
    assert_eq!(two.told(ACCOUNT, 3), [""; 0]);
    let denied = two.desk.submit(wish.clone(), START + 3_000 * MS).unwrap_err();
    assert_eq!(denied.code, "not_reconciled");
    two.contracts.leverage[0].1 = amount("10");
    assert!(two.told(ACCOUNT, 6)[0].contains("is 10 at the venue"));
    two.contracts.hedging = vec![(INSTRUMENT, true); 2];
    assert!(two.told(ACCOUNT, 9)[0].contains(
        "hedge mode is on at the venue and off in the configuration for BTCUSDT; nothing is traded"
    ));
    assert_eq!(two.told(ACCOUNT, 12), [""; 0]);
    two.contracts =
        Contracts { leverage: vec![(INSTRUMENT, amount("5"))], hedging: vec![(INSTRUMENT, false)] };
    assert_eq!(two.told(ACCOUNT, 15), [""; 0]);
    two.desk.submit(wish, START + 15_000 * MS).unwrap();
    // Of what is not traded here the mode is nobody's business.
    two.contracts.hedging.push((InstrumentId(7), true));
    assert_eq!(two.told(ACCOUNT, 2_000), [""; 0]);
    two.contracts.hedging[0].1 = true;
    assert_eq!(two.told(ACCOUNT, 4_000).len(), 1, "it was mended in between");
}

#[test]
fn what_was_paid_is_asked_for_from_where_it_was_known_until_the_venue_tells_it() {
    let tells = |fake| -> Box<dyn Gateway> { Box::new(Fake { tells_payments: true, ..fake }) };
    let mut world = World::with([500, 20, 200, 200], tells);
    let assets = ["BTC", "USDT"].map(|name| world.desk.ledger().directory().asset(name).unwrap());
    let owned = assets.map(|asset| Balance::plain(START, asset, amount("1000000"), Amount::ZERO));
    let mut asked_from = |payments: &dyn Fn(Question) -> Answer| {
        world.now += 120_000 * MS;
        let known = world.bought_by_others(FillKind::Opening, 1);
        world.say(vec![Heard::Report(known.clone())]);
        world.desk.tick(world.now, 5_000 * MS);
        let questions = std::mem::take(&mut *world.fake.asked.lock().unwrap());
        let from = questions.iter().find_map(|one| match one {
            Question::Payments(from) => Some(*from),
            _ => None,
        });
        let answers = questions.into_iter().map(|one| match one {
            Question::Payments(_) => Heard::Answer(one, payments(one)),
            Question::Fills(..) => Heard::Answer(one, Answer::Reports(vec![known.clone()])),
            Question::Balances => Heard::Answer(one, Answer::Balances(owned.to_vec())),
            _ => Heard::Answer(one, Answer::Reports(Vec::new())),
        });
        let answers = answers.collect();
        world.say(answers);
        from.unwrap()
    };
    let told = |_| Answer::Reports(Vec::new());
    let failed = |_| Answer::Failed(Refusal { detail: "busy".into(), ..Refusal::default() });
    let first = asked_from(&failed);
    assert_eq!(asked_from(&failed), first);
    assert_eq!(asked_from(&told), first);
    assert!(asked_from(&told) > first);
}
