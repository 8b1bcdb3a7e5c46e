use super::{Stamp, stamp};
use crate::time::parse_iso;

fn at(date: &str, time: &str) -> Stamp {
    stamp(date, time).unwrap()
}

fn utc(text: &str) -> i64 {
    parse_iso(text.as_bytes()).unwrap()
}

#[test]
fn dates_and_times_in_all_spellings() {
    let expected = utc("2026-08-21T08:14:42Z");
    assert_eq!(at("20260821161442", "").shanghai(), expected);
    assert_eq!(at("2026/08/21 16:14:42", "").shanghai(), expected);
    assert_eq!(at("2026-08-21", "16:14:42").shanghai(), expected);
    assert_eq!(at("2026-08-21", "161442").shanghai(), expected);
    for bad in ["", "2026-08-21", "2026-13-21 16:14:42", "2026-08-21 24:00:00", "2026082116144x"] {
        assert_eq!(stamp(bad, ""), None, "{bad}");
    }
}

#[test]
fn new_york_has_summer_time() {
    let check = |wall: &str, expected: &str| assert_eq!(at(wall, "").new_york(), utc(expected));
    check("2026-03-08 01:59:59", "2026-03-08T06:59:59Z");
    check("2026-03-08 03:00:00", "2026-03-08T07:00:00Z");
    check("2026-11-01 01:59:59", "2026-11-01T05:59:59Z");
    check("2026-11-01 02:00:00", "2026-11-01T07:00:00Z");
    check("2026-01-02 16:00:00", "2026-01-02T21:00:00Z");
}

#[test]
fn a_night_session_is_dated_by_when_it_was_received() {
    let friday_night = at("2026-08-31", "21:30:00");
    let received = utc("2026-08-28T13:30:01Z");
    assert_eq!(friday_night.shanghai_night(received), (utc("2026-08-28T13:30:00Z"), true));
    let after_midnight = at("2026-08-31", "00:10:00");
    let received = utc("2026-08-28T16:10:01Z");
    assert_eq!(after_midnight.shanghai_night(received), (utc("2026-08-28T16:10:00Z"), true));
    let by_day = at("2026-08-31", "09:30:00");
    let received = utc("2026-08-31T01:29:58Z");
    assert_eq!(by_day.shanghai_night(received), (utc("2026-08-31T01:30:00Z"), false));
    let long_ago = utc("2025-08-28T16:10:01Z");
    assert_eq!(by_day.shanghai_night(long_ago), (utc("2026-08-31T01:30:00Z"), false));
    assert!(!by_day.shanghai_night(i64::MIN).1 && !by_day.shanghai_night(i64::MAX).1);
}
