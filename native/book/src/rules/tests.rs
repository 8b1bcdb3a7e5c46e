use super::{Anchor, Restart, Scheme, Scope, Unknown, rules};
use crate::Checksum;

#[test]
fn each_channel_has_the_rules_of_its_venue() {
    for (venue, channel, scheme, anchor) in [
        ("binance", "depth@100ms", Scheme::Range, Anchor::Rest),
        ("binance-usdm", "depth@100ms", Scheme::Chain, Anchor::Rest),
        ("binance-coinm", "depth", Scheme::Chain, Anchor::Rest),
        ("bitfinex", "book", Scheme::Checksum, Anchor::Subscription),
        ("bitmex", "orderBookL2_25", Scheme::None, Anchor::Subscription),
        ("bitmex", "orderBook10", Scheme::None, Anchor::Message),
        ("bybit", "orderbook.50", Scheme::Counter, Anchor::Subscription),
        ("bybit", "orderbook.1", Scheme::None, Anchor::Message),
        ("bybit-linear", "orderbook.1000", Scheme::Counter, Anchor::Subscription),
        ("bybit-spot", "orderbook.full", Scheme::Counter, Anchor::Rest),
        ("coinbase", "level2_batch", Scheme::None, Anchor::Subscription),
        ("coinbase", "full", Scheme::Counter, Anchor::Rest),
        ("coinbase-advanced", "level2", Scheme::None, Anchor::Subscription),
        ("deribit", "book.100ms", Scheme::Chain, Anchor::Subscription),
        ("deribit", "book.none.10.100ms", Scheme::None, Anchor::Message),
        ("hyperliquid", "l2Book", Scheme::None, Anchor::Message),
        ("kraken", "book", Scheme::Checksum, Anchor::Subscription),
        ("kraken", "book-100", Scheme::Checksum, Anchor::Subscription),
        ("kraken", "level3", Scheme::Checksum, Anchor::Subscription),
        ("kraken-futures", "book", Scheme::Counter, Anchor::Subscription),
        ("okx", "books", Scheme::Chain, Anchor::Subscription),
        ("okx", "books50-l2-tbt", Scheme::Chain, Anchor::Subscription),
        ("okx", "books5", Scheme::None, Anchor::Message),
    ] {
        let found = rules(venue, channel).unwrap_or_else(|| panic!("{venue} {channel}"));
        assert_eq!((found.scheme, found.anchor), (scheme, anchor), "{venue} {channel}");
    }
}

#[test]
fn channels_without_a_book_have_no_rules() {
    assert_eq!(rules("binance", "bookTicker"), None);
    assert_eq!(rules("binance", "depth20@100ms"), None);
    assert_eq!(rules("bybit", "publicTrade"), None);
    assert_eq!(rules("sina", "depth"), None);
}

#[test]
fn what_else_differs() {
    let of = |venue, channel| rules(venue, channel).expect("rules");
    assert_eq!(of("okx", "books").checksum, Some(Checksum::Okx));
    assert_eq!(of("okx", "books").restart, Restart::Lower);
    assert_eq!(of("bybit", "orderbook.200").restart, Restart::One);
    assert_eq!(of("coinbase-advanced", "level2").scope, Scope::Connection);
    assert!(of("kraken", "book").cuts && !of("okx", "books").cuts);
    for (venue, channel) in
        [("bitmex", "orderBookL2"), ("deribit", "book.raw"), ("kraken-futures", "book")]
    {
        assert_eq!(of(venue, channel).unknown, Unknown::Error, "{venue}");
    }
}

#[test]
fn what_cannot_be_checked_is_not_called_clean() {
    let verifiable = |venue, channel| rules(venue, channel).expect("rules").is_verifiable();
    assert!(!verifiable("coinbase", "level2_batch"));
    assert!(!verifiable("bitmex", "orderBookL2"));
    assert!(verifiable("coinbase-advanced", "level2"));
    assert!(verifiable("kraken", "book") && verifiable("kraken", "book-10"));
    // The checksum is of the best ten levels.
    assert!(!verifiable("kraken", "book-100") && !verifiable("kraken", "level3-25"));
    assert!(verifiable("bitfinex", "book:P0:F0:250"));
    assert!(verifiable("binance", "depth"));
}
