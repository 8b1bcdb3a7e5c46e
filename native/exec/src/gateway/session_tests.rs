//! Sessions that do not come about.

use super::testing::{NOW, gateway_of, hearing, one, read};
use super::{Gateway, Heard, Outgoing, capabilities};

const SECOND: i64 = 1_000_000_000;

/// The lines that are opened when so many seconds have passed.
fn opened_after(gateway: &mut dyn Gateway, seconds: i64) -> Vec<usize> {
    let now = NOW + seconds * SECOND;
    let sent = gateway.tick(now, now, &mut Vec::new());
    let lines = sent.into_iter().filter_map(|one| match one {
        Outgoing::Open { line, .. } => Some(line),
        _ => None,
    });
    lines.collect()
}

#[test]
fn a_log_on_without_an_answer_is_tried_again_on_a_new_line() {
    for venue in capabilities() {
        // What it opened is open, and nothing comes there.
        let mut gateway = gateway_of(venue.venue);
        assert_eq!(opened_after(&mut *gateway, 29), [0; 0], "{}", venue.venue);
        let again = opened_after(&mut *gateway, 31);
        assert_eq!(again.first(), Some(&0), "{}", venue.venue);
        // The lines are on their way, and then there is time again.
        assert_eq!(opened_after(&mut *gateway, 32), [0; 0], "{}", venue.venue);
        gateway.opened(0, NOW + 40 * SECOND);
        assert_eq!(opened_after(&mut *gateway, 69), [0; 0], "{}", venue.venue);
        assert_eq!(opened_after(&mut *gateway, 71).first(), Some(&0), "{}", venue.venue);
    }
}

#[test]
fn a_new_line_ends_what_was_asked_on_the_old_one() {
    let mut gateway = gateway_of("okx");
    let request = super::testing::submit(super::testing::wish());
    gateway.write(&request, NOW).unwrap();
    let mut heard = Vec::new();
    gateway.tick(NOW, NOW + 31 * SECOND, &mut heard);
    assert!(heard.iter().any(|one| matches!(one, Heard::Report(_))), "{heard:?}");
    assert_eq!(gateway.in_flight(), 0);
}

#[test]
fn lines_that_hear_of_orders_stay() {
    for venue in ["binance", "binance-usdm", "okx", "bybit-linear", "kraken"] {
        let mut gateway = gateway_of(venue);
        hearing(venue, &mut *gateway);
        assert_eq!(opened_after(&mut *gateway, 60), [0; 0], "{venue}");
    }
}

#[test]
fn a_stream_that_ends_on_an_open_line_opens_the_line_anew() {
    let ends = [
        ("binance", r#"{"subscriptionId":0,"event":{"e":"eventStreamTerminated","E":1}}"#),
        ("okx", r#"{"event":"error","code":"60012","msg":"Invalid request"}"#),
    ];
    for (venue, end) in ends {
        let mut gateway = gateway_of(venue);
        hearing(venue, &mut *gateway);
        assert!(matches!(one(read(&mut *gateway, 0, end)), Heard::Closed(_)), "{venue}");
        assert_eq!(opened_after(&mut *gateway, 29), [0; 0], "{venue}");
        assert_eq!(opened_after(&mut *gateway, 31), [0], "{venue}");
    }
}

#[test]
fn a_stream_that_was_good_for_a_while_is_opened_anew_at_once() {
    let end = r#"{"subscriptionId":0,"event":{"e":"eventStreamTerminated","E":1}}"#;
    let mut gateway = gateway_of("binance");
    hearing("binance", &mut *gateway);
    let mut heard = Vec::new();
    gateway.read(0, end.as_bytes(), NOW + 31 * SECOND, &mut heard).unwrap();
    assert!(matches!(one(heard), Heard::Closed(_)));
    assert_eq!(opened_after(&mut *gateway, 31), [0]);
    // If the log-on is refused then, there is a pause.
    gateway.opened(0, NOW + 32 * SECOND);
    gateway.read(0, end.as_bytes(), NOW + 33 * SECOND, &mut Vec::new()).unwrap();
    assert_eq!(opened_after(&mut *gateway, 61), [0; 0]);
    assert_eq!(opened_after(&mut *gateway, 62), [0]);
}

#[test]
fn a_log_on_may_be_answered_late() {
    let mut gateway = gateway_of("kraken");
    let mut heard = Vec::new();
    gateway.tick(NOW + 6 * SECOND, NOW + 6 * SECOND, &mut heard);
    assert_eq!(heard, []);
    hearing("kraken", &mut *gateway);
}

#[test]
fn a_line_that_cannot_be_opened_is_left_to_those_who_open_it() {
    let mut gateway = gateway_of("binance");
    gateway.closed(0, NOW + SECOND, &mut Vec::new());
    assert_eq!(opened_after(&mut *gateway, 60), [0; 0]);
}
