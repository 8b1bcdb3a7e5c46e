//! Several requests in one call, timers that end orders, and what venues say of limits.

use std::time::{Duration, Instant};

use rustonite_core::datasets::OrderState;
use rustonite_exchange::Fault;
use rustonite_exec::gateway::{Answer, Contracts, Outgoing, Question, Spend, Written};
use rustonite_exec::{OrderId, Outcome, RefusalKind, Request, What};
use rustonite_feed::{Venue, now_ns};
use rustonite_trade::Outbox as _;

use super::desk::{Desk, IT, amount, limit};

fn submit(client_id: &str, price: &str) -> Request {
    let wish = limit(price, "0.1");
    Request::Submit { order: OrderId(1), client_id: client_id.into(), wish }
}

fn cancel(client_id: &str) -> Request {
    Request::Cancel {
        order: OrderId(1),
        instrument: IT,
        account: rustonite_core::ids::AccountId(0),
        client_id: client_id.into(),
        venue_order_id: None,
    }
}

impl Desk {
    /// Sends requests together, which has to be one call.
    fn together(&mut self, requests: &[Request]) {
        let Written { mut sent, refused } = self.gateway.write_many(requests, now_ns());
        assert_eq!((sent.len(), refused), (1, Vec::new()));
        let (outgoing, which) = sent.remove(0);
        assert!(matches!(outgoing, Outgoing::Call(_)) && which.len() == requests.len());
        self.lines.send(outgoing).unwrap();
    }

    fn open_ids(&mut self) -> Vec<String> {
        self.open_orders().iter().map(|one| one.client_id.to_string()).collect()
    }
}

#[test]
fn orders_of_one_call_are_placed_and_cancelled_each_for_itself() {
    let mut desk = Desk::usdm();
    // The third is off the tick.
    desk.together(&[submit("a", "50000"), submit("b", "49000"), submit("c", "48000.05")]);
    for client_id in ["a", "b"] {
        desk.report(|one| &*one.client_id == client_id && one.what == What::Accepted);
    }
    let refused =
        desk.report(|one| &*one.client_id == "c" && matches!(one.what, What::Rejected(_)));
    let What::Rejected(refusal) = refused.what else { unreachable!() };
    assert_eq!(refusal.reason, RefusalKind::Rules);
    assert_eq!(desk.open_ids(), ["a", "b"]);
    desk.heard.clear();
    desk.together(&[cancel("a"), cancel("nobody"), cancel("b")]);
    for client_id in ["a", "b"] {
        desk.report(|one| {
            &*one.client_id == client_id && matches!(one.what, What::Cancelled { .. })
        });
    }
    desk.report(|one| &*one.client_id == "nobody" && matches!(one.what, What::CancelRejected(_)));
    assert_eq!(desk.open_ids(), [""; 0]);
}

#[test]
fn a_call_about_several_that_brings_no_answer_leaves_all_of_them_open() {
    let mut desk = Desk::usdm();
    desk.fault(Fault::FailAfter { status: 503 });
    desk.together(&[submit("a", "50000"), submit("b", "49000")]);
    for client_id in ["a", "b"] {
        desk.report(|one| {
            let unknown = matches!(one.what, What::Ended { outcome: Outcome::Unknown, .. });
            &*one.client_id == client_id && unknown
        });
    }
    desk.heard.clear();
    for client_id in ["a", "b"] {
        desk.query(client_id);
        let seen = desk.report(|one| matches!(one.what, What::Picture(_)));
        assert_eq!(&*seen.client_id, client_id);
        assert!(matches!(seen.what, What::Picture(one) if one.state == OrderState::Accepted));
    }
}

/// Does what there is to do for a while, with or without the gateway's clock.
fn live(desk: &mut Desk, time: Duration, ticks: bool) {
    let began = Instant::now();
    while began.elapsed() < time {
        if ticks {
            let sent = desk.gateway.tick(0, now_ns(), &mut desk.heard);
            sent.into_iter().for_each(|what| desk.lines.send(what).unwrap());
        }
        desk.work();
    }
}

#[test]
fn orders_end_once_the_venue_hears_nothing_any_more() {
    let mut desk = Desk::usdm();
    desk.gateway.guard(1, &[IT]).unwrap();
    desk.submit("d-1", limit("50000", "0.5"));
    desk.report(|one| one.what == What::Accepted);
    live(&mut desk, Duration::from_millis(2_500), true);
    assert!(desk.gateway.is_guarded(now_ns()));
    assert_eq!(desk.open_ids(), ["d-1"]);
    live(&mut desk, Duration::from_millis(1_500), false);
    assert!(!desk.gateway.is_guarded(now_ns()));
    assert_eq!(desk.open_ids(), [""; 0]);

    desk.submit("d-2", limit("50000", "0.5"));
    desk.report(|one| &*one.client_id == "d-2" && one.what == What::Accepted);
    live(&mut desk, Duration::from_millis(500), true);
    let last = desk.gateway.unguard(now_ns());
    assert_eq!(last.len(), 1);
    last.into_iter().for_each(|what| desk.lines.send(what).unwrap());
    live(&mut desk, Duration::from_millis(1_500), true);
    assert_eq!(desk.open_ids(), ["d-2"]);
}

#[test]
fn the_venue_is_asked_how_contracts_are_held() {
    let mut desk = Desk::usdm();
    assert!(desk.gateway.tells_leverage());
    let leverage = vec![(IT, amount("20"))];
    let told = |hedging| {
        let leverage = leverage.clone();
        Answer::Contracts(Contracts { leverage, hedging: vec![(IT, hedging)] })
    };
    assert_eq!(desk.answer(Question::Contracts), told(false));
    let account = desk.exchange.account("binance-usdm", "me").unwrap();
    let command = rustonite_sim::Command::SetHedged { account, hedged: true };
    desk.exchange.apply("binance-usdm", &command).unwrap();
    assert!(desk.gateway.hedge());
    assert_eq!(desk.answer(Question::Contracts), told(true));
}

/// The catalog's budget of a venue is corrected by what answers of the exchange say, and a 429 with a
/// time closes it until then.
fn keeps_to_the_budget(mut desk: Desk, venue: &str) {
    let limits = Venue::find(venue).unwrap().limits;
    let least = limits.iter().map(|limit| limit.most).min().unwrap();
    *desk.gateway.budget().unwrap() = rustonite_exec::gateway::Budget::new(limits);
    let place = Spend::one(rustonite_core::budget::Errand::Place);
    let room = |desk: &mut Desk, count: u32| {
        let budget = desk.gateway.budget().unwrap();
        budget.room(&Spend { count, ..place }, now_ns())
    };
    // Some are kept for cancels where those count as well.
    room(&mut desk, least - least / 10).unwrap();
    desk.submit("k-1", limit("50000", "0.1"));
    desk.report(|one| one.what == What::Accepted);
    room(&mut desk, least).unwrap_err();

    desk.fault(Fault::Refuse { status: 429, retry_after_s: Some(2) });
    desk.submit("k-2", limit("50000", "0.1"));
    let refused = desk.report(|one| matches!(one.what, What::Rejected(_)));
    assert!(matches!(refused.what, What::Rejected(one) if one.reason == RefusalKind::RateLimited));
    let until = room(&mut desk, 1).unwrap_err();
    let left = until - now_ns();
    assert!((1_000_000_000..=3_000_000_000).contains(&left), "{left}");
}

#[test]
fn a_session_keeps_to_its_venue_s_budget() {
    keeps_to_the_budget(Desk::binance(), "binance");
    keeps_to_the_budget(Desk::usdm(), "binance-usdm");
    keeps_to_the_budget(Desk::alpaca(), "alpaca-crypto");
}
