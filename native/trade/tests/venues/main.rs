//! Gateways of other venues, on venues that match orders.
#![allow(clippy::unwrap_used, reason = "a failed test is what a panic is for")]

mod desk;
mod lost;
mod together;

use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::time::{Duration, Instant};

use rustonite_core::datasets::{
    OrderKind, OrderSide, OrderState, Stp, Tif, TriggerDirection, order_flags,
};
use rustonite_exchange::Fault;
use rustonite_exec::gateway::{Answer, Call, Heard, Outgoing, Question};
use rustonite_exec::{OrderId, Outcome, RefusalKind, Report, What, Wish};
use rustonite_feed::{Dialler, now_ns};
use rustonite_trade::{Arrived, Network, Outbox as _};
use url::Url;

use self::desk::{Desk, IT, PATIENCE, amount, limit, stop};

/// Placed, changed twice, filled in part, and the rest cancelled.
fn lives(mut desk: Desk, ids: [&str; 3]) {
    let [first, second, third] = ids;
    desk.submit(first, limit("50000", "0.5"));
    let accepted = desk.report(|one| one.what == What::Accepted);
    assert_eq!(&*accepted.client_id, first);
    desk.replace(first, second, "50001", "0.4", "0");
    let replaced = desk.report(|one| matches!(one.what, What::Replaced { .. }));
    let expected = What::Replaced { price: Some(amount("50001")), size: amount("0.4") };
    assert_eq!((&*replaced.client_id, replaced.what), (second, expected));

    desk.other(rustonite_sim::Side::Sell, 500_010, 100);
    let fill = desk.report(|one| matches!(one.what, What::Fill(_)));
    let What::Fill(fill) = fill.what else { unreachable!() };
    assert_eq!((fill.price, fill.size), (amount("50001"), amount("0.1")));
    // Of what was replaced not every venue tells the sum.
    assert!(fill.size_filled.is_none_or(|filled| filled == amount("0.1")), "{fill:?}");

    desk.heard.clear();
    desk.replace(second, third, "50002", "0.5", "0.1");
    let replaced = desk.report(|one| matches!(one.what, What::Replaced { .. }));
    let expected = What::Replaced { price: Some(amount("50002")), size: amount("0.5") };
    assert_eq!((&*replaced.client_id, replaced.what), (third, expected));
    let open = desk.open_orders();
    let [Report { what: What::Picture(picture), .. }] = &open[..] else { panic!("{open:?}") };
    assert_eq!((picture.size, picture.size_filled), (amount("0.5"), amount("0.1")));

    desk.cancel(third);
    let ended = desk.report(|one| matches!(one.what, What::Cancelled { .. }));
    let What::Cancelled { size_filled, .. } = ended.what else { unreachable!() };
    assert_eq!((&*ended.client_id, size_filled), (third, Some(amount("0.1"))));
    assert_eq!(desk.open_orders(), []);

    let day = 24 * 3600 * 1_000_000_000;
    let Answer::Reports(fills) = desk.answer(Question::Fills(IT, now_ns() - day)) else { panic!() };
    let [Report { what: What::Fill(again), .. }] = &fills[..] else { panic!("{fills:?}") };
    assert_eq!((&again.fill_id, again.size), (&fill.fill_id, fill.size));
    let Answer::Balances(balances) = desk.answer(Question::Balances) else { panic!() };
    assert!(!balances.is_empty());
    let nothing = desk.heard.iter().all(|one| !matches!(one, Heard::Closed(_)));
    assert!(nothing, "{:?}", desk.heard);
    let mut left = Vec::new();
    desk.gateway.tick(i64::MAX, now_ns(), &mut left);
    assert_eq!(left, []);
}

#[test]
fn an_order_lives_at_binance() {
    lives(Desk::binance(), ["b-1", "b-2", "b-3"]);
}

#[test]
fn what_is_left_of_an_order_that_met_one_of_ours_goes_on() {
    let mut desk = Desk::binance();
    let decrement = |side, size| Wish { side, stp: Some(Stp::Decrement), ..limit("50000", size) };
    desk.submit("b-1", decrement(OrderSide::Sell, "0.5"));
    desk.report(|one| one.what == What::Accepted);
    desk.submit("b-2", decrement(OrderSide::Buy, "0.2"));
    let ended = desk.report(|one| &*one.client_id == "b-2" && one.what != What::Accepted);
    assert!(matches!(ended.what, What::Expired { .. }), "{ended:?}");
    let left = desk.report(|one| matches!(one.what, What::Replaced { .. }));
    let expected = What::Replaced { price: Some(amount("50000")), size: amount("0.3") };
    assert_eq!((&*left.client_id, left.what), ("b-1", expected));
    let open = desk.open_orders();
    let [Report { what: What::Picture(picture), .. }] = &open[..] else { panic!("{open:?}") };
    assert_eq!((picture.size, picture.size_filled), (amount("0.3"), amount("0")));
}

#[test]
fn an_order_lives_at_binance_usdm() {
    lives(Desk::usdm(), ["u-1", "u-1", "u-1"]);
}

#[test]
fn an_order_lives_at_alpaca() {
    lives(Desk::alpaca(), ["a-1", "a-2", "a-3"]);
}

#[test]
fn a_stop_waits_is_found_and_is_cancelled_at_binance_usdm() {
    let mut desk = Desk::usdm();
    desk.other(rustonite_sim::Side::Sell, 500_000, 100);
    desk.submit("u-1", limit("50000", "0.1"));
    desk.report(|one| matches!(one.what, What::Fill(_)));
    let Answer::Positions(positions) = desk.answer(Question::Positions) else { panic!() };
    assert!(positions.iter().any(|one| one.size == amount("0.1")), "{positions:?}");

    desk.submit("s-1", stop(OrderKind::StopMarket, "51000", None, "0.2"));
    desk.report(|one| &*one.client_id == "s-1" && one.what == What::Accepted);
    let open = desk.open_orders();
    assert_eq!(open.iter().map(|one| &*one.client_id).collect::<Vec<_>>(), ["s-1"]);
    desk.query("s-1");
    let seen = desk.report(|one| matches!(one.what, What::Picture(_)));
    assert!(matches!(seen.what, What::Picture(one) if one.state == OrderState::Accepted));
    desk.cancel("s-1");
    let ended = desk.report(|one| matches!(one.what, What::Cancelled { .. }));
    assert_eq!(&*ended.client_id, "s-1");
    desk.query("nobody");
    desk.report(|one| one.what == What::NotFound);
}

#[test]
fn a_stop_that_is_reached_keeps_its_name_at_binance_usdm() {
    let mut desk = Desk::usdm();
    desk.other(rustonite_sim::Side::Sell, 500_000, 100);
    desk.submit("u-1", limit("50000", "0.1"));
    desk.report(|one| matches!(one.what, What::Fill(_)));
    desk.submit("s-1", stop(OrderKind::StopLimit, "50010", Some("50100"), "0.2"));
    desk.report(|one| &*one.client_id == "s-1" && one.what == What::Accepted);
    desk.other(rustonite_sim::Side::Sell, 500_200, 100);
    desk.submit("u-2", limit("50020", "0.1"));
    desk.report(|one| &*one.client_id == "s-1" && one.what == What::Triggered);
    desk.other(rustonite_sim::Side::Sell, 501_000, 200);
    let fill = desk.report(|one| &*one.client_id == "s-1" && matches!(one.what, What::Fill(_)));
    assert!(matches!(fill.what, What::Fill(fill) if fill.size == amount("0.2")));
    desk.query("s-1");
    let seen = desk.report(|one| matches!(one.what, What::Picture(_)));
    assert!(matches!(seen.what, What::Picture(one) if one.state == OrderState::Filled));
}

/// A stop waits, is changed to another trigger, limit and size, and then started or cancelled.
fn a_trigger_is_changed(mut desk: Desk, ids: [&str; 3]) {
    desk.other(rustonite_sim::Side::Sell, 500_000, 100);
    desk.submit("first", limit("50000", "0.1"));
    desk.report(|one| matches!(one.what, What::Fill(_)));

    let [first, second, third] = ids;
    desk.submit(first, stop(OrderKind::StopLimit, "51000", Some("51100"), "0.2"));
    desk.report(|one| &*one.client_id == first && one.what == What::Accepted);
    desk.change(first, second, stop(OrderKind::StopLimit, "52000", Some("52100"), "0.3"), "0");
    let replaced = desk.report(|one| matches!(one.what, What::Replaced { .. }));
    let expected = What::Replaced { price: Some(amount("52100")), size: amount("0.3") };
    assert_eq!((&*replaced.client_id, replaced.what), (second, expected));

    let open = desk.open_orders();
    let [Report { what: What::Picture(picture), client_id, .. }] = &open[..] else {
        panic!("{open:?}")
    };
    assert_eq!((&**client_id, picture.price_trigger), (second, Some(amount("52000"))));

    // Nearer to the market, and reached.
    desk.change(second, third, stop(OrderKind::StopLimit, "50010", Some("50100"), "0.2"), "0");
    desk.report(|one| &*one.client_id == third && matches!(one.what, What::Replaced { .. }));
    desk.other(rustonite_sim::Side::Sell, 500_200, 100);
    desk.submit("last", limit("50020", "0.1"));
    desk.other(rustonite_sim::Side::Sell, 501_000, 200);
    let fill = desk.report(|one| &*one.client_id == third && matches!(one.what, What::Fill(_)));
    assert!(matches!(fill.what, What::Fill(fill) if fill.size == amount("0.2")));
    assert_eq!(desk.open_orders(), []);
    let ended = desk.heard.iter().filter(
        |one| matches!(one, Heard::Report(one) if matches!(one.what, What::Cancelled { .. })),
    );
    assert_eq!(ended.count(), 0, "{:?}", desk.heard);
}

#[test]
fn the_trigger_of_a_stop_is_changed_at_binance() {
    a_trigger_is_changed(Desk::binance(), ["s-1", "s-2", "s-3"]);
}

#[test]
fn the_trigger_of_a_stop_is_changed_at_binance_usdm() {
    a_trigger_is_changed(Desk::usdm(), ["s-1", "s-2", "s-3"]);
}

#[test]
fn the_trigger_of_a_stop_is_changed_at_alpaca() {
    a_trigger_is_changed(Desk::alpaca(), ["s-1", "s-2", "s-3"]);
}

#[test]
fn a_change_whose_new_order_is_refused_leaves_no_stop_at_binance_usdm() {
    let mut desk = Desk::usdm();
    desk.other(rustonite_sim::Side::Sell, 500_000, 100);
    desk.submit("u-1", limit("50000", "0.1"));
    desk.report(|one| matches!(one.what, What::Fill(_)));
    desk.submit("s-1", stop(OrderKind::StopMarket, "51000", None, "0.2"));
    desk.report(|one| &*one.client_id == "s-1" && one.what == What::Accepted);
    // It would start at once.
    desk.change("s-1", "s-2", stop(OrderKind::StopMarket, "49000", None, "0.2"), "0");
    let ended = desk.report(|one| matches!(one.what, What::Cancelled { .. }));
    let What::Cancelled { refusal: Some(refusal), .. } = ended.what else { panic!("{ended:?}") };
    assert_eq!((&*ended.client_id, &*refusal.venue_code), ("s-1", "-2021"));
    assert_eq!(desk.open_orders(), []);
}

fn unknown_is_settled(mut desk: Desk) {
    desk.fault(Fault::FailAfter { status: 503 });
    desk.submit("b-1", limit("50000", "0.5"));
    let ended = desk.report(|one| matches!(one.what, What::Ended { .. }));
    assert!(matches!(ended.what, What::Ended { outcome: Outcome::Unknown, .. }));
    desk.query("b-1");
    let report = desk.report(|one| matches!(one.what, What::Picture(_)));
    assert_eq!(&*report.client_id, "b-1");
}

#[test]
fn an_outcome_that_is_open_is_settled_by_a_query() {
    unknown_is_settled(Desk::binance());
    unknown_is_settled(Desk::usdm());
    unknown_is_settled(Desk::alpaca());
}

#[test]
fn a_change_that_was_done_and_not_answered_is_found_at_alpaca() {
    let mut desk = Desk::alpaca();
    desk.submit("a-1", limit("50000", "0.5"));
    desk.report(|one| one.what == What::Accepted);
    desk.fault(Fault::FailAfter { status: 504 });
    desk.replace("a-1", "a-2", "50001", "0.4", "0");
    let replaced = desk.report(|one| matches!(one.what, What::Replaced { .. }));
    assert_eq!((&*replaced.client_id, replaced.client_id_prev.as_deref()), ("a-2", Some("a-1")));
}

fn reconnects(mut desk: Desk) {
    desk.fault(Fault::DropUserStream);
    desk.until(|heard| *heard == Heard::Ready);
    desk.submit("c-1", limit("50000", "0.5"));
    desk.report(|one| one.what == What::Accepted);
    desk.cancel("c-1");
    desk.report(|one| matches!(one.what, What::Cancelled { .. }));
}

#[test]
fn a_stream_that_breaks_is_heard_again() {
    reconnects(Desk::binance());
    reconnects(Desk::usdm());
    reconnects(Desk::alpaca());
}

fn told_twice(mut desk: Desk) {
    desk.fault(Fault::DuplicateFill);
    desk.submit("d-1", limit("50000", "0.5"));
    desk.report(|one| one.what == What::Accepted);
    desk.other(rustonite_sim::Side::Sell, 500_000, 100);
    desk.other(rustonite_sim::Side::Sell, 500_000, 400);
    desk.until(|one| {
        matches!(one, Heard::Report(Report { what: What::Fill(fill), .. }) if fill.size == amount("0.4"))
    });
    let fills = desk.fills("d-1");
    assert_eq!(fills.len(), 2, "{fills:?}");
    assert_eq!(fills[0], fills[1]);
}

#[test]
fn a_fill_that_is_told_twice_has_one_id() {
    told_twice(Desk::binance());
    told_twice(Desk::usdm());
    told_twice(Desk::alpaca());
}

fn filled_before_the_cancel(mut desk: Desk) {
    desk.submit("f-1", limit("50000", "0.5"));
    desk.report(|one| one.what == What::Accepted);
    desk.fault(Fault::FillBeforeCancel);
    desk.cancel("f-1");
    desk.report(|one| matches!(one.what, What::Fill(_)));
    let refused =
        desk.report(|one| matches!(one.what, What::CancelRejected(_) | What::Ended { .. }));
    let What::CancelRejected(refusal) = refused.what else { panic!("{refused:?}") };
    assert!(matches!(refusal.reason, RefusalKind::TooLate | RefusalKind::UnknownOrder));
}

#[test]
fn a_cancel_may_come_too_late() {
    filled_before_the_cancel(Desk::binance());
    filled_before_the_cancel(Desk::usdm());
    filled_before_the_cancel(Desk::alpaca());
}

fn silent(mut desk: Desk) {
    desk.fault(Fault::Mute);
    desk.submit("m-1", limit("50000", "0.5"));
    desk.report(|one| one.what == What::Accepted);
    desk.cancel("m-1");
    // Where the stream is what tells it, time ends it.
    let began = Instant::now();
    while began.elapsed() < Duration::from_millis(300) {
        desk.work();
    }
    let sent = desk.gateway.tick(i64::MAX, now_ns(), &mut desk.heard);
    assert_eq!(sent, []);
    desk.report(|one| matches!(one.what, What::Cancelled { .. } | What::Ended { .. }));
    desk.query("m-1");
    let seen = desk.report(|one| matches!(one.what, What::Picture(_)));
    assert!(matches!(seen.what, What::Picture(one) if one.state == OrderState::Cancelled));
}

#[test]
fn an_order_that_the_stream_is_silent_about_is_found() {
    silent(Desk::binance());
    silent(Desk::usdm());
    silent(Desk::alpaca());
}

fn refuses(mut desk: Desk) {
    desk.fault(Fault::Refuse { status: 429, retry_after_s: None });
    desk.submit("r-1", limit("50000", "0.5"));
    let refused = desk.report(|one| matches!(one.what, What::Rejected(_)));
    assert!(matches!(refused.what, What::Rejected(one) if one.reason == RefusalKind::RateLimited));
    desk.submit("r-2", limit("50000", "0.5"));
    desk.report(|one| one.what == What::Accepted);
    desk.submit("r-2", limit("50000", "0.5"));
    let refused = desk.report(|one| matches!(one.what, What::Rejected(_)));
    assert!(
        matches!(&refused.what, What::Rejected(one) if one.reason == RefusalKind::DuplicateId),
        "{refused:?}"
    );
    desk.submit("r-3", limit("50000", "150"));
    let refused = desk.report(|one| matches!(one.what, What::Rejected(_)));
    assert!(
        matches!(&refused.what, What::Rejected(one) if one.reason == RefusalKind::Balance),
        "{refused:?}"
    );
    desk.submit("r-4", limit("50000.05", "0.1"));
    let refused = desk.report(|one| matches!(one.what, What::Rejected(_)));
    assert!(
        matches!(&refused.what, What::Rejected(one) if one.reason == RefusalKind::Rules),
        "{refused:?}"
    );
}

#[test]
fn refusals_have_kinds() {
    refuses(Desk::binance());
    refuses(Desk::usdm());
    refuses(Desk::alpaca());
}

#[test]
fn flags_and_times_in_force_are_understood_at_binance_usdm() {
    let mut desk = Desk::usdm();
    desk.other(rustonite_sim::Side::Sell, 500_000, 1_000);
    desk.submit("g-1", Wish { flags: order_flags::POST_ONLY, ..limit("50000", "0.1") });
    let refused = desk.report(|one| matches!(one.what, What::Rejected(_)));
    assert!(
        matches!(&refused.what, What::Rejected(one) if one.reason == RefusalKind::WouldTake),
        "{refused:?}"
    );
    desk.submit("g-2", Wish { flags: order_flags::REDUCE_ONLY, ..limit("50000", "0.1") });
    let refused = desk.report(|one| matches!(one.what, What::Rejected(_)));
    assert!(
        matches!(&refused.what, What::Rejected(one) if one.reason == RefusalKind::Rules),
        "{refused:?}"
    );
    let market = Wish { kind: OrderKind::Market, price: None, tif: None, ..limit("1", "0.1") };
    desk.submit("g-3", Wish { price_protect: Some(amount("50000")), ..market.clone() });
    desk.report(|one| &*one.client_id == "g-3" && matches!(one.what, What::Fill(_)));
    let sell =
        Wish { side: OrderSide::Sell, flags: order_flags::REDUCE_ONLY, ..limit("50010", "0.1") };
    desk.submit("g-4", sell);
    desk.report(|one| &*one.client_id == "g-4" && one.what == What::Accepted);
    let until = now_ns() + 3_600_000_000_000;
    desk.submit(
        "g-5",
        Wish { tif: Some(Tif::Gtd), ts_expire: Some(until), ..limit("49000", "0.1") },
    );
    desk.report(|one| &*one.client_id == "g-5" && one.what == What::Accepted);
    desk.submit("g-6", Wish { tif: Some(Tif::Fok), ..limit("49000", "0.1") });
    desk.report(|one| &*one.client_id == "g-6" && matches!(one.what, What::Rejected(_)));
    let closing = Wish {
        side: OrderSide::Sell,
        flags: order_flags::CLOSE_POSITION,
        ..stop(OrderKind::StopMarket, "49000", None, "0.1")
    };
    let mut closing = closing;
    closing.trigger.as_mut().unwrap().direction = TriggerDirection::Down;
    desk.submit("g-7", closing);
    desk.report(|one| &*one.client_id == "g-7" && one.what == What::Accepted);
}

#[test]
fn money_and_worst_prices_are_understood_at_alpaca() {
    let mut desk = Desk::alpaca();
    desk.other(rustonite_sim::Side::Sell, 500_000, 1_000);
    let market = Wish { kind: OrderKind::Market, price: None, tif: None, ..limit("1", "0.1") };
    desk.submit("n-1", Wish { size_quote: Some(amount("5000")), ..market.clone() });
    let fill = desk.report(|one| matches!(one.what, What::Fill(_)));
    assert!(matches!(fill.what, What::Fill(fill) if fill.size == amount("0.1")));
    desk.submit("n-2", Wish { price_protect: Some(amount("50000")), ..market });
    desk.report(|one| &*one.client_id == "n-2" && matches!(one.what, What::Fill(_)));
    desk.submit("n-3", stop(OrderKind::StopLimit, "51000", Some("51100"), "0.2"));
    desk.report(|one| &*one.client_id == "n-3" && one.what == What::Accepted);
}

fn question() -> Call {
    Call {
        id: 7,
        method: "GET",
        path: "/api/v3/time".to_owned(),
        headers: Vec::new(),
        body: String::new(),
    }
}

#[test]
fn a_call_does_not_leave_once_nobody_waits_for_its_answer() {
    // A proxy that takes long to reach the venue.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let proxy = format!("http://{}", listener.local_addr().unwrap()).parse().unwrap();
    let urls = BTreeMap::from([("rest".to_owned(), "http://venue.test:80".parse().unwrap())]);
    let network = Network::start().unwrap();
    let dialler = Dialler::new(Some(proxy), None).unwrap();
    let (mut lines, arrivals) = network.lines(dialler, urls, Duration::from_millis(200));
    lines.send(Outgoing::Call(question())).unwrap();
    let (mut stream, _) = listener.accept().unwrap();
    let mut asked = [0; 1024];
    assert!(stream.read(&mut asked).unwrap() > 0);
    std::thread::sleep(Duration::from_millis(500));
    // Both fail if the connection is gone.
    let _ = stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n");
    stream.set_read_timeout(Some(Duration::from_millis(500))).unwrap();
    let mut left = Vec::new();
    let _ = stream.read_to_end(&mut left);
    assert_eq!(String::from_utf8_lossy(&left), "");
    assert!(matches!(arrivals.poll(), Some(Arrived::Answer(7, Err(_), _))));
}

#[test]
fn a_call_is_answered_or_known_not_to_have_left() {
    let desk = Desk::binance();
    let network = Network::start().unwrap();
    let call = |urls: BTreeMap<String, Url>| {
        let dialler = Dialler::new(None, None).unwrap();
        let (mut lines, arrivals) = network.lines(dialler, urls, PATIENCE);
        lines.send(Outgoing::Call(question())).unwrap();
        let began = Instant::now();
        loop {
            match arrivals.poll() {
                Some(arrived) => return arrived,
                None => std::thread::park_timeout(Duration::from_millis(5)),
            }
            assert!(began.elapsed() < Duration::from_secs(10));
        }
    };
    let rest = desk.exchange.urls("binance").unwrap()["rest"].parse().unwrap();
    let Arrived::Answer(7, Ok(replied), _) = call(BTreeMap::from([("rest".to_owned(), rest)]))
    else {
        panic!()
    };
    assert!(replied.status == 200 && replied.body.starts_with(b"{\"serverTime\""));
    // Of all headers those that say something of limits.
    assert!(!replied.headers.is_empty(), "{replied:?}");
    assert!(replied.headers.iter().all(|(name, _)| name.starts_with("x-mbx-")), "{replied:?}");
    let nobody = "http://127.0.0.1:1".parse().unwrap();
    let Arrived::Answer(7, Err(error), _) = call(BTreeMap::from([("rest".to_owned(), nobody)]))
    else {
        panic!()
    };
    assert!(error.not_sent, "{error:?}");
}

/// Bytes leave after they were asked for and before their answer is heard.
fn tells_when_bytes_left(mut desk: Desk) {
    let before = now_ns();
    desk.submit("t-1", limit("50000", "0.5"));
    desk.report(|one| one.what == What::Accepted);
    // The stream may be faster than the answer to a call, which brings the news.
    let began = Instant::now();
    while desk.sent.is_empty() && began.elapsed() < Duration::from_secs(10) {
        desk.work();
    }
    let [(order, at)] = desk.sent[..] else { panic!("{:?}", desk.sent) };
    assert_eq!(order, OrderId(1));
    assert!((before..=now_ns()).contains(&at), "{at} is not behind {before}");
}

#[test]
fn it_is_told_when_the_last_byte_left() {
    tells_when_bytes_left(Desk::binance());
    tells_when_bytes_left(Desk::alpaca());
}
