//! A long run stays sane. What it looks like is measured in `tests/facts.rs`.

use super::*;

#[test]
fn a_million_commands_stay_sane() {
    let mut venue = Venue::new(3, Kind::Spot);
    let (mut one_sided, mut one_sided_most) = (0, 0);
    let (mut least, mut largest) = (i64::MAX, 0);
    for number in 0..1_000_000 {
        venue.step();
        // The first commands fund accounts and fill the book.
        if number < 5000 {
            continue;
        }
        let (Some(bid), Some(ask)) = venue.touch() else {
            one_sided += 1;
            one_sided_most = one_sided_most.max(one_sided);
            continue;
        };
        one_sided = 0;
        (least, largest) = (least.min(bid), largest.max(ask));
        if number % 1000 == 0 {
            let levels = |side| venue.exchange.levels(0, side).count();
            let fewest = levels(Side::Buy).min(levels(Side::Sell));
            assert!(fewest >= 20, "a side has {fewest} levels");
        }
    }
    assert!(venue.refused * 50 < venue.commands, "{} of {}", venue.refused, venue.commands);
    assert!(one_sided_most < 20, "a side was missing for {one_sided_most}");
    assert!(least > 5_000_000 && largest < 7_200_000, "{least} to {largest}");
    assert!(float(largest) / float(least) > 1.001, "and it moves: {least} to {largest}");
    // Orders do not pile up.
    let open: usize = (0..23).map(|account| venue.exchange.open_orders(account).count()).sum();
    assert!((50..2000).contains(&open), "{open} orders are open");
}
