//! What a venue has no room for is denied or waits.

use std::collections::BTreeMap;

use rustonite_core::budget::{Errand, Limit};
use rustonite_core::datasets::OrderState;
use rustonite_exec::gateway::{
    Budget, CallError, Gateway, Heard, HttpAnswer, Outgoing, Question, Spend, Unreadable, Written,
};
use rustonite_exec::{Refusal, Request};
use rustonite_trade::{Arrived, News};

use super::{ACCOUNT, Act, Fake, MS, New, START, World};

const SECOND: i64 = 1_000 * MS;

/// A gateway of a venue that takes ten things in ten seconds: one of them is kept for cancels, and
/// questions have no more than seven.
struct Paced {
    fake: Fake,
    budget: Budget,
}

impl Paced {
    fn open() -> World {
        let costs =
            [Errand::Place, Errand::Replace, Errand::Cancel, Errand::Query, Errand::OpenOrders];
        let limit = Limit {
            name: "all".to_owned(),
            most: 10,
            per_s: 10,
            drains_per_s: 0.0,
            each_instrument: false,
            costs: costs.into_iter().map(|errand| (errand, 1)).collect(),
            young: BTreeMap::default(),
            used_header: String::new(),
            left_header: String::new(),
            most_header: String::new(),
        };
        let budget = Budget::new(vec![limit]);
        World::with([500, 20, 200, 200], |fake| Box::new(Self { fake, budget }))
    }

    fn spend(&mut self, request: &Request, now: i64) {
        let errand = match request {
            Request::Submit { .. } => Errand::Place,
            Request::Replace { .. } => Errand::Replace,
            Request::Cancel { .. } => Errand::Cancel,
            Request::Query { .. } => Errand::Query,
        };
        self.budget.spend(&Spend::one(errand), now);
    }
}

impl Gateway for Paced {
    fn start(&mut self, now: i64) -> Vec<Outgoing> {
        self.fake.start(now)
    }

    fn opened(&mut self, line: usize, now: i64) -> Vec<Outgoing> {
        self.fake.opened(line, now)
    }

    fn closed(&mut self, line: usize, now: i64, heard: &mut Vec<Heard>) {
        self.fake.closed(line, now, heard);
    }

    fn write(&mut self, request: &Request, now: i64) -> Result<Outgoing, Refusal> {
        self.spend(request, now);
        self.fake.write(request, now)
    }

    fn write_many(&mut self, requests: &[Request], now: i64) -> Written {
        requests.iter().for_each(|request| self.spend(request, now));
        self.fake.write_many(requests, now)
    }

    fn ask(&mut self, question: Question, now: i64) -> Outgoing {
        self.fake.ask(question, now)
    }

    fn read(
        &mut self,
        line: usize,
        text: &[u8],
        ts_recv: i64,
        heard: &mut Vec<Heard>,
    ) -> Result<(), Unreadable> {
        if let Some(until) = self.fake.closes.lock().unwrap().take() {
            self.budget.close(until);
        }
        self.fake.read(line, text, ts_recv, heard)
    }

    fn answered(
        &mut self,
        id: u64,
        answer: Result<HttpAnswer<'_>, &CallError>,
        ts_recv: i64,
        heard: &mut Vec<Heard>,
    ) -> Result<(), Unreadable> {
        self.fake.answered(id, answer, ts_recv, heard)
    }

    fn tick(&mut self, sent_before: i64, now: i64, heard: &mut Vec<Heard>) -> Vec<Outgoing> {
        self.fake.tick(sent_before, now, heard)
    }

    fn budget(&mut self) -> Option<&mut Budget> {
        Some(&mut self.budget)
    }
}

fn new() -> New {
    New { buys: true, price: Some(-1_000), lots: 10, post_only: false, stop: None }
}

fn written(world: &World) -> Vec<Request> {
    std::mem::take(&mut *world.fake.written.lock().unwrap())
}

/// Places orders until no more are allowed; returns the code that says so.
fn fill_up(world: &mut World, orders: usize) -> &'static str {
    for at in 0..orders {
        assert!(world.perform(&Act::Submit(new())).is_ok(), "{at}");
        world.report(at, rustonite_exec::What::Accepted);
    }
    let denied = world.perform(&Act::Submit(new())).unwrap_err();
    assert_eq!(written(world).len(), orders);
    denied.code
}

#[test]
fn an_order_that_the_venue_has_no_room_for_is_denied_and_never_sent_later() {
    let mut world = Paced::open();
    assert_eq!(fill_up(&mut world, 9), "venue_budget");
    let replaced = world.perform(&Act::Replace(0, -1_100, 10)).unwrap_err();
    assert_eq!(replaced.code, "venue_budget");
    // Of two orders that leave together each is counted.
    world.now += 11 * SECOND;
    world.quote(0);
    let placed = world.desk.submit_many(vec![World::wish(&new()); 10], world.now);
    assert_eq!(placed.iter().filter(|one| one.is_ok()).count(), 9);
    assert_eq!(placed[9].as_ref().unwrap_err().code, "venue_budget");
    assert_eq!(written(&world).len(), 9);
    world.now += 11 * SECOND;
    world.perform(&Act::Wait(0)).unwrap();
    assert_eq!(written(&world), []);
    world.quote(0);
    assert!(world.perform(&Act::Submit(new())).is_ok());
}

#[test]
fn a_cancel_has_a_reserve_and_then_waits_for_its_turn() {
    let mut world = Paced::open();
    fill_up(&mut world, 9);
    world.perform(&Act::Cancel(0)).unwrap();
    world.perform(&Act::Cancel(1)).unwrap();
    let [Request::Cancel { order, .. }] = &written(&world)[..] else { panic!() };
    assert_eq!(*order, world.orders[0]);
    // A question behind it waits longer, and is asked once.
    world.report(
        2,
        rustonite_exec::What::Ended {
            request: rustonite_core::datasets::OrderEvent::CancelAsked,
            outcome: rustonite_exec::Outcome::Unknown,
            detail: "".into(),
        },
    );
    world.perform(&Act::Wait(5_000)).unwrap();
    assert_eq!(written(&world), []);
    world.perform(&Act::Wait(6_000)).unwrap();
    let late = written(&world);
    let Some(Request::Cancel { order, .. }) = late.first() else { panic!("{late:?}") };
    assert_eq!(*order, world.orders[1]);
    let state = world.desk.ledger().order(world.orders[1]).unwrap().state;
    assert_eq!(state, OrderState::PendingCancel);
}

#[test]
fn a_cancel_that_waits_when_the_line_breaks_has_not_left() {
    let mut world = Paced::open();
    fill_up(&mut world, 9);
    world.desk.cancel_all(None, world.now);
    // Together they have no room, one alone has.
    assert_eq!(written(&world).len(), 1);
    world.desk.arrived(ACCOUNT, Arrived::Closed(0, "cut".to_owned()), world.now);
    world.perform(&Act::Wait(60_000)).unwrap();
    assert_eq!(written(&world), []);
    let state = |order| world.desk.ledger().order(order).unwrap().state;
    assert_eq!(state(world.orders[5]), OrderState::Accepted);
}

fn notices(world: &mut World) -> Vec<String> {
    let news = std::iter::from_fn(|| world.desk.next_news());
    news.filter_map(|news| if let News::Notice(text) = news { Some(text) } else { None }).collect()
}

#[test]
fn who_waits_for_room_to_compare_books_is_told_once() {
    let mut world = Paced::open();
    fill_up(&mut world, 9);
    world.desk.arrived(ACCOUNT, Arrived::Closed(0, "cut".to_owned()), world.now);
    world.fake.asked.lock().unwrap().clear();
    world.say(vec![Heard::Ready]);
    notices(&mut world);
    world.perform(&Act::Wait(0)).unwrap();
    let told = notices(&mut world);
    let text = "account main: what the venue allows is used up; its books are asked for in ";
    assert!(told.len() == 1 && told[0].starts_with(text), "{told:?}");
    world.perform(&Act::Wait(1_000)).unwrap();
    assert_eq!(notices(&mut world), [""; 0]);
    let is_asked = |world: &World| world.fake.asked.lock().unwrap().contains(&Question::OpenOrders);
    assert!(!is_asked(&world));
    world.perform(&Act::Wait(10_000)).unwrap();
    assert!(is_asked(&world));
}

#[test]
fn a_venue_that_wants_to_hear_nothing_is_told_to_people() {
    let mut world = Paced::open();
    let until = START + 7 * SECOND;
    world.fake.closes.lock().unwrap().replace(until);
    world.say(Vec::new());
    assert_eq!(world.desk.closed_until(ACCOUNT), None);
    world.perform(&Act::Wait(0)).unwrap();
    assert_eq!(world.desk.closed_until(ACCOUNT), Some(until));
    let told = notices(&mut world);
    let text = "account main: the venue wants to hear nothing for 7000 ms";
    assert!(told.iter().any(|one| one == text), "{told:?}");
    assert_eq!(world.perform(&Act::Submit(new())).unwrap_err().code, "venue_budget");
    world.perform(&Act::Wait(7_000)).unwrap();
    assert_eq!(world.desk.closed_until(ACCOUNT), None);
    world.quote(0);
    assert!(world.perform(&Act::Submit(new())).is_ok());
}
