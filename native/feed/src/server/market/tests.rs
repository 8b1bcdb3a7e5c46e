#![allow(clippy::unwrap_used, reason = "a failing test should panic")]

use super::*;

#[test]
fn a_market_without_instruments_is_none() {
    assert!(Market::new(MarketConfig::new("binance", &[])).is_err());
}

/// Over a million changes, some twenty minutes of a busy venue.
#[test]
fn a_market_stays_one() {
    let mut rng = Rng::with_seed(1);
    let mut made = Made::new("BTCUSDT", &mut rng);
    let first = made.best(BookSide::Bid);
    let (mut widest, mut deepest) = (0, 0);
    for _ in 0..1_000_000 {
        made.stir(&mut rng);
        widest = widest.max(made.best(BookSide::Ask) - made.best(BookSide::Bid));
        deepest = deepest.max(made.book.len(BookSide::Bid) + made.book.len(BookSide::Ask));
    }
    let drift = made.best(BookSide::Bid) - first;
    assert!(widest < 1_000 && deepest < 1_000, "{widest} ticks wide, {deepest} levels deep");
    assert!(drift.abs() < 50_000, "moved by {drift} ticks");
}
