use rustonite_core::Decimal;
use rustonite_core::datasets::BookSide;
use rustonite_wire::Level;

use super::{Checksum, push_script};
use crate::{L2Book, L3Book, OrderId};

// The expected sums were computed by a script from the rules in words (zlib's CRC-32 over a text
// that it built from lists of strings; Bitfinex by a JavaScript engine).

fn decimal(text: &str) -> Decimal {
    text.parse().expect("a decimal")
}

/// A book of pairs of price and size.
fn book(bids: &[(&str, &str)], asks: &[(&str, &str)]) -> L2Book {
    let mut book = L2Book::new();
    for (side, levels) in [(BookSide::Bid, bids), (BookSide::Ask, asks)] {
        // The order in which levels come must not matter.
        for (price, size) in levels.iter().rev() {
            let level = Level { side, price: decimal(price), size: decimal(size), count: None };
            book.set(&level).expect("a price");
        }
    }
    book
}

/// More levels than any checksum covers.
fn long_book() -> L2Book {
    let level =
        |price: i32, size: usize, cents: &str| (format!("{price}.0"), format!("{size}.{cents}"));
    let bids: Vec<_> =
        (0..30).map(|n| level(99 - n, 1 + n.unsigned_abs() as usize, "25")).collect();
    let asks: Vec<_> =
        (0..27).map(|n| level(100 + n, 1 + n.unsigned_abs() as usize, "50")).collect();
    let texts = |levels: &[(String, String)]| -> Vec<(&'static str, &'static str)> {
        let leak = |text: &String| -> &'static str { text.clone().leak() };
        levels.iter().map(|(price, size)| (leak(price), leak(size))).collect()
    };
    book(&texts(&bids), &texts(&asks))
}

fn sum(rule: Checksum, book: &L2Book) -> i64 {
    rule.of_levels(book, &mut String::from("what was there before"))
}

#[test]
fn kraken() {
    let asks = [
        ("45285.2", "0.00100000"),
        ("45286.4", "1.54571953"),
        ("45289.6", "1.54571109"),
        ("45290.2", "0.00030000"),
    ];
    let bids = [("45283.5", "0.10000000"), ("45283.4", "1.54582015"), ("0.05005", "0.00000500")];
    assert_eq!(sum(Checksum::Kraken, &book(&bids, &asks)), 4_106_368_588);
    // Only ten levels count.
    assert_eq!(sum(Checksum::Kraken, &long_book()), 394_592_341);
}

#[test]
fn okx() {
    let bids = [("3366.1", "7"), ("3366", "6.50"), ("3365.9", "1")];
    let asks = [("3366.8", "9"), ("3368", "8")];
    assert_eq!(sum(Checksum::Okx, &book(&bids, &asks)), 117_078_806);
    assert_eq!(sum(Checksum::Okx, &long_book()), -577_147_549);
    assert!(!Checksum::Okx.is_meant(0) && Checksum::Okx.is_meant(1));
    assert!(Checksum::Kraken.is_meant(0));
}

#[test]
fn bitfinex_by_price() {
    let bids = [("0.0000001", "25000000"), ("0.000000099", "0.00000123"), ("0.00000009", "1e21")];
    let asks = [("0.000001", "0.1"), ("0.0000123", "123456789.12345679")];
    assert_eq!(sum(Checksum::Bitfinex, &book(&bids, &asks)), -1_688_066_963);
}

#[test]
fn bitfinex_by_order() {
    let mut book = L3Book::new();
    let mut add = |id, side, price, size| {
        let id = OrderId::Number(id);
        book.add(id, side, decimal(price), decimal(size), None).expect("an order");
    };
    // At one price, ids count and not the order of arrival.
    add(9, BookSide::Bid, "10", "0.25");
    add(7, BookSide::Bid, "10", "1.5");
    add(3, BookSide::Bid, "9", "2.0");
    add(6, BookSide::Ask, "12", "0.00000050");
    add(5, BookSide::Ask, "11", "1");
    let found = Checksum::Bitfinex.of_orders(&book, &mut String::new());
    assert_eq!(found, -2_023_878_907);
}

#[test]
fn kraken_by_order_is_that_of_its_levels_if_each_has_one_order() {
    let asks = [("45285.2", "0.00100000"), ("45286.4", "1.54571953")];
    let bids = [("45283.5", "0.10000000"), ("45283.4", "1.54582015")];
    let mut orders = L3Book::new();
    let mut id = 0;
    for (side, levels) in [(BookSide::Bid, bids), (BookSide::Ask, asks)] {
        for (price, size) in levels {
            id += 1;
            let id = OrderId::Number(id);
            orders.add(id, side, decimal(price), decimal(size), None).expect("an order");
        }
    }
    let by_order = Checksum::Kraken.of_orders(&orders, &mut String::new());
    assert_eq!(by_order, sum(Checksum::Kraken, &book(&bids, &asks)));
}

#[test]
fn numbers_as_javascript_writes_them() {
    for (text, expected) in [
        ("0.0000001", "1e-7"),
        ("0.00000015", "1.5e-7"),
        ("0.000001", "0.000001"),
        ("123456789012345678901", "123456789012345680000"),
        ("1000000000000000000000", "1e+21"),
        ("12500000000000000000000", "1.25e+22"),
        ("0.000", "0"),
        ("100.00", "100"),
        ("-0.00000000025", "-2.5e-10"),
        ("0.1", "0.1"),
    ] {
        let mut written = String::new();
        push_script(&mut written, decimal(text));
        assert_eq!(written, format!("{expected}:"));
    }
}
