//! Orders that their venue does not know any more.
#![allow(clippy::unwrap_used, reason = "a failed test is what a panic is for")]

mod common;

use common::*;
use rustonite_core::datasets::{OrderEvent, OrderSide, OrderState};
use rustonite_exec::gateway::{Answer, Heard, Question};
use rustonite_exec::{OrderId, Outcome, Request, What};
use rustonite_trade::{Arrived, News};

const BOUNDS: [u32; 4] = [500, 20, 200, 200];

impl World {
    /// Time passes at a venue that has no order and no execution, and answers all that it is asked.
    /// Returns how often it was asked for orders: for all that are open, and for single ones.
    fn forgetful(&mut self, ms: i64) -> (usize, usize) {
        let mut asked = (0, 0);
        for _ in 0..ms / 50 {
            self.now += 50 * MS;
            self.quote(0);
            self.desk.tick(self.now, 5_000 * MS);
            let questions = std::mem::take(&mut *self.fake.asked.lock().unwrap());
            for question in questions {
                asked.0 += usize::from(question == Question::OpenOrders);
                let answer = match question {
                    Question::Balances => Answer::Balances(self.owned().to_vec()),
                    _ => Answer::Reports(Vec::new()),
                };
                self.say(vec![Heard::Answer(question, answer)]);
            }
            for request in self.written() {
                if let Request::Query { order, .. } = request {
                    asked.1 += 1;
                    self.report_of(order, What::NotFound);
                }
            }
        }
        asked
    }

    /// An order that works, and whose cancel has no answer.
    fn place_and_lose(&mut self) -> OrderId {
        let order = self.desk.submit(limit(OrderSide::Buy, -1_000, 1), self.now).unwrap();
        self.report_of(order, What::Accepted);
        self.desk.cancel(order, self.now).unwrap();
        let (request, outcome) = (OrderEvent::CancelAsked, Outcome::Unknown);
        self.report_of(order, What::Ended { request, outcome, detail: "time-out".into() });
        self.written();
        self.say(vec![Heard::Ready]);
        order
    }

    fn state(&self, order: OrderId) -> OrderState {
        self.desk.ledger().order(order).unwrap().state
    }

    /// What was last said of whether the account trades.
    fn is_trading(&mut self) -> Option<bool> {
        let mut last = None;
        while let Some(news) = self.desk.next_news() {
            if let News::Trading(_, may) = news {
                last = Some(may.is_ok());
            }
        }
        last
    }
}

#[test]
fn an_order_that_the_venue_has_forgotten_ends_after_a_while_and_the_account_trades() {
    let mut world = World::new(BOUNDS);
    world.is_trading();
    let order = world.place_and_lose();
    assert_eq!(world.is_trading(), Some(false), "books are compared");
    let (lists, queries) = world.forgetful(55_000);
    assert_eq!(world.state(order), OrderState::Unknown, "its parts may not agree yet");
    assert_eq!(world.is_trading(), None);
    assert!(queries >= 5 && lists + queries < 60, "asked {lists} and {queries} times");
    world.forgetful(25_000);
    assert_eq!(world.state(order), OrderState::Cancelled);
    assert_eq!(world.is_trading(), Some(true));
    assert!(world.desk.submit(limit(OrderSide::Buy, -1_000, 1), world.now).is_ok());
}

#[test]
fn an_order_without_an_answer_is_looked_for_once_it_cannot_leave_any_more() {
    let lost = |world: &mut World, order| {
        world.now += 5_000 * MS;
        let (request, outcome) = (OrderEvent::Submitted, Outcome::Unknown);
        world.report_of(order, What::Ended { request, outcome, detail: "time-out".into() });
    };
    let is_query = |one: &Request| matches!(one, Request::Query { .. });
    let mut world = World::new(BOUNDS);
    let order = world.desk.submit(limit(OrderSide::Buy, -1_000, 1), world.now).unwrap();
    lost(&mut world, order);
    assert!(!world.written().iter().any(is_query));
    assert_eq!(world.forgetful(900).1, 0);
    assert_eq!(world.state(order), OrderState::Unknown);
    world.forgetful(300);
    assert_eq!(world.state(order), OrderState::Rejected);
    // One whose bytes have left is looked for at once.
    let order = world.desk.submit(limit(OrderSide::Buy, -1_000, 1), world.now).unwrap();
    world.desk.arrived(ACCOUNT, Arrived::Sent(vec![order], world.now), world.now);
    lost(&mut world, order);
    assert!(world.written().iter().any(is_query));
}

#[test]
fn an_order_that_has_just_left_is_not_gone_because_one_part_of_the_venue_does_not_know_it() {
    let mut world = World::new(BOUNDS);
    let order = world.desk.submit(limit(OrderSide::Buy, -1_000, 1), world.now).unwrap();
    world.desk.arrived(ACCOUNT, Arrived::Sent(vec![order], world.now), world.now);
    let (request, outcome) = (OrderEvent::Submitted, Outcome::Unknown);
    world.report_of(order, What::Ended { request, outcome, detail: "503".into() });
    let (_, queries) = world.forgetful(5_900);
    assert!(queries > 0);
    assert_eq!(world.state(order), OrderState::Unknown);
    assert!(world.forgetful(1_000).1 <= 2, "it is asked for at its time, and not again and again");
    assert_eq!(world.state(order), OrderState::Rejected);
}

#[test]
fn an_order_that_the_venue_finds_again_is_not_ended() {
    let mut world = World::new(BOUNDS);
    let order = world.place_and_lose();
    world.forgetful(55_000);
    world.report_of(order, What::Accepted);
    world.forgetful(20_000);
    assert!(!world.desk.ledger().order(order).unwrap().is_final());
}

#[test]
fn a_person_can_end_an_order_that_the_venue_does_not_know() {
    let mut world = World::new(BOUNDS);
    let working = world.desk.submit(limit(OrderSide::Buy, -1_001, 1), world.now).unwrap();
    world.report_of(working, What::Accepted);
    let denied = world.desk.settle(working, world.now).unwrap_err();
    assert!(denied.detail.contains("cancel it instead"), "{denied}");
    let order = world.place_and_lose();
    world.forgetful(2_000);
    world.desk.settle(order, world.now).unwrap();
    assert_eq!(world.state(order), OrderState::Cancelled);
    let denied = world.desk.settle(order, world.now).unwrap_err();
    assert!(denied.detail.contains("has ended: cancelled"), "{denied}");
}
