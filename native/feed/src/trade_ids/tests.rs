use std::collections::HashSet;

use proptest::prelude::*;

use rustonite_core::datasets::flags;

use super::{BEHIND_MAX, KEYS_MAX, TradeId, TradeIds, TradeKey, WINDOW};

#[test]
fn holes_are_told_once_and_late_ones_are_taken() {
    let mut ids = TradeIds::default();
    assert_eq!(ids.number(10), TradeId::New);
    assert_eq!(ids.number(11), TradeId::New);
    assert_eq!(ids.number(14), TradeId::After { first_missing: 12, last_missing: 13 });
    assert_eq!(ids.number(13), TradeId::New);
    assert_eq!(ids.number(13), TradeId::Seen);
    assert_eq!(ids.number(11), TradeId::Seen);
    assert_eq!(ids.number(15), TradeId::New);
}

#[test]
fn a_leap_beyond_the_window_forgets_what_was_marked() {
    let mut ids = TradeIds::default();
    ids.number(5);
    let far = 5 + 3 * WINDOW;
    assert!(matches!(ids.number(far), TradeId::After { .. }));
    // At the place of an id that was marked before.
    assert_eq!(ids.number(far - WINDOW + 1), TradeId::New);
    assert_eq!(ids.number(far - WINDOW), TradeId::Seen, "older than the window");
}

#[test]
fn a_venue_may_count_anew() {
    let mut ids = TradeIds::default();
    ids.number(10_000_000);
    for id in 1..=i64::from(BEHIND_MAX) {
        assert_eq!(ids.number(id), TradeId::Seen);
    }
    assert_eq!(ids.number(5_000), TradeId::Restarted);
    assert_eq!(ids.number(5_001), TradeId::New);
    assert_eq!(ids.number(5_000), TradeId::Seen);
    assert_eq!(ids.number(5_003), TradeId::After { first_missing: 5_002, last_missing: 5_002 });
}

#[test]
fn what_came_before_the_first_one_that_is_recalled_was_taken_before() {
    let mut ids = TradeIds::default();
    ids.number(1_000);
    ids.number(1_003);
    ids.recalled(1_000);
    assert_eq!(ids.number(998), TradeId::Seen);
    assert_eq!(ids.number(1_003), TradeId::Seen);
    assert_eq!(ids.number(1_002), TradeId::New, "was missing");
    assert_eq!(ids.number(1_005), TradeId::After { first_missing: 1_004, last_missing: 1_004 });
}

#[test]
fn ids_that_do_not_count_up() {
    let mut ids = TradeIds::default();
    let mut take =
        |ts_event, id, uid, row_flags| ids.key(TradeKey::new(ts_event, id, uid, row_flags));
    assert_eq!(take(1, None, Some("a"), 0), TradeId::New);
    assert_eq!(take(1, None, Some("b"), 0), TradeId::New);
    assert_eq!(take(1, None, Some("a"), flags::STALE), TradeId::Seen, "history");
    for (id, time) in [(588_047, 1), (32, 2), (85_392, 2), (33, 3)] {
        assert_eq!(take(time, Some(id), None, 0), TradeId::New, "{id}");
        assert_eq!(take(time, Some(id), None, flags::LAST), TradeId::Seen, "{id}");
    }
    assert_eq!(take(9, Some(32), None, 0), TradeId::New, "ids begin anew each day");
    assert_eq!(take(2, Some(32), None, flags::DOUBTFUL), TradeId::New, "taken back");
    assert_eq!(take(4, Some(5), None, flags::LOCAL_TIME), TradeId::New);
    assert_eq!(take(5, Some(5), None, flags::LOCAL_TIME), TradeId::Seen, "the time is ours");
    for time in (10..).take(KEYS_MAX) {
        assert_eq!(take(time, Some(1), None, 0), TradeId::New);
    }
    assert_eq!(take(1, None, Some("a"), 0), TradeId::New, "long ago");
    assert_eq!(take(1, None, None, 0), TradeId::New);
    assert_eq!(take(1, None, None, 0), TradeId::New, "no id at all");
    assert_eq!(ids.newest(), Some(588_047));
}

#[test]
fn ids_may_begin_to_count() {
    let mut ids = TradeIds::default();
    ids.key(TradeKey::new(1, Some(1_000_000), None, 0));
    assert_eq!(ids.number(5), TradeId::New);
    assert_eq!(ids.number(7), TradeId::After { first_missing: 6, last_missing: 6 });
}

proptest! {
    /// Within the window each id is new once, in whatever order they come.
    #[test]
    fn each_id_is_new_once(order in proptest::collection::vec(0_i64..300, 1..400)) {
        let mut ids = TradeIds::default();
        let mut seen = HashSet::new();
        for id in order {
            let is_new = ids.number(id) != TradeId::Seen;
            prop_assert_eq!(is_new, seen.insert(id), "{}", id);
        }
    }
}
