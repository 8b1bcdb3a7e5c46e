#![allow(clippy::unwrap_used, reason = "a failing test should panic")]

use super::*;
use crate::server::truth::Truths;

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

/// What leaves the depth is removed, and what comes into it is told, one level in a message.
#[test]
fn a_book_with_a_length_has_no_more_levels() {
    let channel = Some("book:P0:F0:25".to_owned());
    let symbols = vec!["tBTCUSD".to_owned()];
    let usual = MarketConfig::new("bitfinex", &[]);
    let config = MarketConfig { channel, symbols, messages: Some(2_000), ..usual };
    let mut market = Market::new(config).unwrap();
    let topic = market.topic("tBTCUSD");
    let mut truths = Truths::new("bitfinex", rustonite_wire::open("bitfinex").unwrap());
    let host = rustonite_wire::host("bitfinex").unwrap();
    let mut count = 0;
    while let Poll::Ready(Some(message)) = market.poll_message() {
        truths.note(&*host, &topic, &message);
        count += 1;
        if !message.data.windows(4).any(|word| word == b"\"cs\"") {
            continue;
        }
        // A checksum that does not fit makes the book unknown.
        let known = truths.true_book("tBTCUSD").expect("a whole book").levels;
        let plain = |levels: &[Level]| {
            let plain = |level: &Level| (level.side, level.price.to_f64(), level.size.to_f64());
            levels.iter().map(plain).collect::<Vec<_>>()
        };
        assert_eq!(plain(&known), plain(&top(&market.made[0].book, Some(25))));
    }
    assert!(count > 2_000);
}
