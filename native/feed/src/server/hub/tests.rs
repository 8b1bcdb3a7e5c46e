#![allow(clippy::unwrap_used, reason = "a failing test should panic")]

use std::task::Poll;

use rustonite_wire::{host, open};

use super::*;
use crate::server::{Market, MarketConfig, Source as _};

const DEPTH: &str = "/api/v3/depth?symbol=BTCUSDT&limit=5";

fn hub(venue: &str) -> Hub {
    let mut hub = Hub::new(Venue::find(venue).unwrap(), host(venue).unwrap(), open(venue).unwrap());
    hub.symbols = vec!["BTCUSDT".to_owned()];
    hub
}

/// A client, and what it was sent so far.
fn client(hub: &mut Hub, path: &str, asks: &[&str]) -> mpsc::UnboundedReceiver<Out> {
    let (queue, outbox) = Queue::new();
    let number = hub.connect(path, false, queue);
    asks.iter().for_each(|ask| hub.receive(number, ask.as_bytes()));
    outbox
}

fn texts(outbox: &mut mpsc::UnboundedReceiver<Out>) -> Vec<String> {
    let mut found = Vec::new();
    while let Ok(out) = outbox.try_recv() {
        let Out::Text(bytes) = out else { panic!("{out:?}") };
        found.push(String::from_utf8(bytes).unwrap());
    }
    found
}

fn say(hub: &mut Hub, text: &str) {
    let message = Recorded { data: text.as_bytes().to_vec(), ..Recorded::default() };
    for Delivery { queue, out, .. } in hub.message(&message) {
        queue.push(out);
    }
}

fn answered(hub: &mut Hub, path: &str, body: &str) {
    let path = Some(path.to_owned());
    hub.message(&Recorded { path, data: body.as_bytes().to_vec(), ..Recorded::default() });
}

fn body(reply: Reply) -> String {
    let Reply::Body { body, .. } = reply else { panic!("not yet") };
    String::from_utf8(body).unwrap()
}

fn depth(number: i64) -> String {
    format!(
        r#"{{"e":"depthUpdate","E":1,"s":"BTCUSDT","U":{number},"u":{number},"b":[["1.00","2.000"]],"a":[]}}"#
    )
}

#[test]
fn messages_that_change_places_are_all_sent() {
    let mut hub = hub("binance");
    let ask = r#"{"method":"SUBSCRIBE","params":["btcusdt@depth@100ms"],"id":1}"#;
    let mut outbox = client(&mut hub, "/ws", &[ask]);
    texts(&mut outbox);
    hub.plan(Planned::any(Fault::Reorder).times(2)).unwrap();
    (1..=4).for_each(|number| say(&mut hub, &depth(number)));
    let sent = texts(&mut outbox);
    assert_eq!(sent, [depth(3), depth(1), depth(2), depth(4)]);
}

#[test]
fn a_message_that_waits_ends_with_its_subscription() {
    let mut hub = hub("binance");
    let ask =
        |what: &str| format!(r#"{{"method":"{what}","params":["btcusdt@depth@100ms"],"id":1}}"#);
    let mut outbox = client(&mut hub, "/ws", &[&ask("SUBSCRIBE")]);
    hub.plan(Planned::any(Fault::Reorder)).unwrap();
    say(&mut hub, &depth(1));
    hub.receive(1, ask("UNSUBSCRIBE").as_bytes());
    hub.receive(1, ask("SUBSCRIBE").as_bytes());
    texts(&mut outbox);
    say(&mut hub, &depth(2));
    assert_eq!(texts(&mut outbox), [depth(2)]);
}

#[test]
fn faults_of_pictures_wait_for_a_picture() {
    let mut hub = hub("binance");
    hub.plan(Planned::any(Fault::RestStale)).unwrap();
    assert!(matches!(hub.call(DEPTH, b""), Reply::NotYet));
    assert_eq!(hub.planned(), 1);
}

#[test]
fn any_call_may_fail() {
    let mut hub = hub("binance");
    let fails = Fault::RestStatus { status: 503, retry_after_s: None };
    hub.plan(Planned::any(fails)).unwrap();
    let reply = hub.call("/api/v3/exchangeInfo", b"");
    assert!(matches!(reply, Reply::Body { status: 503, .. }));
}

#[test]
fn a_recorded_answer_is_that_to_the_same_call() {
    let mut hub = hub("okx");
    let path = |kind: &str| format!("/api/v5/public/instruments?instType={kind}");
    answered(&mut hub, &path("SPOT"), "spot");
    answered(&mut hub, &path("SWAP"), "swap");
    assert_eq!(body(hub.call(&path("SPOT"), b"")), "spot");
    assert_eq!(body(hub.call(&path("SWAP"), b"")), "swap");
}

#[test]
fn a_recorded_answer_about_another_instrument_is_none() {
    let mut hub = hub("binance");
    answered(&mut hub, "/api/v3/trades?symbol=BTCUSDT", "[1]");
    assert_eq!(body(hub.call("/api/v3/trades?symbol=BTCUSDT", b"")), "[1]");
    let other = hub.call("/api/v3/trades?symbol=ETHUSDT", b"");
    assert!(matches!(other, Reply::Body { status: 404, .. }));
}

#[test]
fn answers_in_a_recording_are_for_nobody() {
    let mut hub = hub("okx");
    let arg = r#"{"channel":"trades","instId":"BTC-USDT"}"#;
    let mut outbox =
        client(&mut hub, "/ws/v5/public", &[&format!(r#"{{"op":"subscribe","args":[{arg}]}}"#)]);
    assert_eq!(texts(&mut outbox).len(), 1);
    say(&mut hub, &format!(r#"{{"event":"subscribe","arg":{arg},"connId":"b"}}"#));
    assert_eq!(texts(&mut outbox), [""; 0]);
}

#[test]
fn repeated_trades_of_a_recording_are_no_new_ones() {
    let mut hub = hub("kraken");
    let trade = |id: i64| {
        format!(
            r#"{{"symbol":"BTC/USD","side":"buy","price":1.0,"qty":2.0,"ord_type":"limit","trade_id":{id},"timestamp":"2026-01-01T00:00:00.000001Z"}}"#
        )
    };
    let message =
        |kind: &str, id| format!(r#"{{"channel":"trade","type":"{kind}","data":[{}]}}"#, trade(id));
    say(&mut hub, &message("update", 7));
    say(&mut hub, &message("snapshot", 6));
    let wanted = TradesSent { first: Some(7), last: Some(7), count: 1 };
    assert_eq!(hub.trades_sent("BTC/USD"), wanted);
}

#[test]
fn channels_of_one_instrument_have_books_of_their_own() {
    let mut hub = hub("deribit");
    let book = |pace: &str, kind: &str, (before, seq): (&str, i64), bids: &str| {
        let data = format!(
            r#"{{"type":"{kind}","timestamp":1,"prev_change_id":{before},"instrument_name":"BTC-PERPETUAL","change_id":{seq},"bids":[{bids}],"asks":[]}}"#
        );
        let channel = format!("book.BTC-PERPETUAL.{pace}");
        format!(
            r#"{{"jsonrpc":"2.0","method":"subscription","params":{{"channel":"{channel}","data":{data}}}}}"#
        )
    };
    let bids = r#"["new",2,1],["new",1,1]"#;
    say(&mut hub, &book("100ms", "snapshot", ("null", 5), bids));
    say(&mut hub, &book("agg2", "snapshot", ("null", 9), bids));
    say(&mut hub, &book("100ms", "change", ("5", 6), r#"["new",3,1]"#));
    let book = hub.true_book("BTC-PERPETUAL").unwrap();
    assert_eq!((book.seq, book.levels.len()), (Some(6), 3));
}

#[test]
fn what_a_client_asks_for_changes_no_truth() {
    let mut hub = hub("kraken");
    let config = MarketConfig { messages: Some(100), ..MarketConfig::new("kraken", &["BTC/USD"]) };
    let mut market = Market::new(config).unwrap();
    while let Poll::Ready(Some(message)) = market.poll_message() {
        if hub.sent == 20 {
            let ask = r#"{"method":"subscribe","params":{"channel":"book","symbol":["BTC/USD"],"depth":10}}"#;
            client(&mut hub, "/v2", &[ask]);
        }
        hub.message(&message);
    }
    // A book that is cut at ten levels fails its checksum.
    assert!(hub.true_book("BTC/USD").unwrap().levels.len() > 60);
}

#[test]
fn what_meets_nobody_waits_for_somebody() {
    let mut hub = hub("binance");
    hub.plan(Planned::any(Fault::Cut)).unwrap();
    assert_eq!(hub.planned(), 1);
    let mut outbox = client(&mut hub, "/ws", &[]);
    say(&mut hub, &depth(1));
    assert_eq!(hub.planned(), 0);
    assert!(matches!(outbox.try_recv(), Ok(Out::Cut)));
}

#[test]
fn what_cannot_be_done_is_refused() {
    let mut hub = hub("bybit-linear");
    let mut refused = |planned: Planned| hub.plan(planned).unwrap_err();
    assert!(refused(Planned::any(Fault::Close { code: 1006 })).contains("1006"));
    assert!(refused(Planned::any(Fault::Text { hex: "0g".to_owned() })).contains("0g"));
    assert!(refused(Planned::any(Fault::Drop).times(0)).contains("times"));
    assert!(refused(Planned::any(Fault::Cut).times(2)).contains("times"));
    assert!(refused(Planned::any(Fault::Restart)).contains("recording"));
    assert!(refused(Planned::any(Fault::Farewell)).contains("announce"));
}
