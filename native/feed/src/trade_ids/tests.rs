use std::collections::HashSet;

use proptest::prelude::*;

use super::{TradeId, TradeIds, WINDOW};

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
fn texts() {
    let mut ids = TradeIds::default();
    assert_eq!(ids.text("a"), TradeId::New);
    assert_eq!(ids.text("b"), TradeId::New);
    assert_eq!(ids.text("a"), TradeId::Seen);
    (0..20_000).for_each(|number| assert_eq!(ids.text(&format!("x{number}")), TradeId::New));
    assert_eq!(ids.text("a"), TradeId::New, "long ago");
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
