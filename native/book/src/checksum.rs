//! Checksums of venues over the best levels of a book.
//!
//! They cover the digits as they were sent, so levels carry these.

use std::fmt::Write as _;

use rustonite_core::Decimal;
use rustonite_core::datasets::BookSide;

use crate::{L2Book, L3Book, RestingOrder};

#[cfg(test)]
mod tests;

/// Levels per side that Kraken's checksum covers.
const KRAKEN_LEVELS: usize = 10;
/// Levels or orders per side that the checksums of OKX and Bitfinex cover.
const INTERLEAVED: usize = 25;

/// Whose rule a checksum follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Checksum {
    /// Kraken, both protocols: ten asks, then ten bids, as digits without point and leading zeros.
    Kraken,
    /// OKX: 25 bids and asks in turn, as sent. A zero says nothing.
    Okx,
    /// Bitfinex: 25 bids and asks in turn, asks negative, numbers as JavaScript writes them.
    Bitfinex,
}

impl Checksum {
    /// Whether a value that the venue sent can be compared. OKX sends zeros since 2023.
    pub fn is_meant(self, sent: i64) -> bool {
        self != Self::Okx || sent != 0
    }

    /// The checksum of a book, as the venue would send it.
    pub fn of_levels(self, book: &L2Book, scratch: &mut String) -> i64 {
        scratch.clear();
        match self {
            Self::Kraken => {
                for side in [BookSide::Ask, BookSide::Bid] {
                    for level in book.levels(side).take(KRAKEN_LEVELS) {
                        push_digits(scratch, level.price);
                        push_digits(scratch, level.size);
                    }
                }
            }
            Self::Okx | Self::Bitfinex => {
                let mut bids = book.levels(BookSide::Bid).take(INTERLEAVED);
                let mut asks = book.levels(BookSide::Ask).take(INTERLEAVED);
                in_turn(&mut bids, &mut asks, |level| {
                    if self == Self::Okx {
                        push_plain(scratch, level.price);
                        push_plain(scratch, level.size);
                    } else {
                        push_script(scratch, level.price);
                        push_script(scratch, signed(level.side, level.size));
                    }
                });
            }
        }
        self.sum(scratch)
    }

    /// The same of a book of orders.
    pub fn of_orders(self, book: &L3Book, scratch: &mut String) -> i64 {
        scratch.clear();
        if self == Self::Kraken {
            for side in [BookSide::Ask, BookSide::Bid] {
                for order in book.queues(side).take(KRAKEN_LEVELS).flatten() {
                    push_digits(scratch, order.price);
                    push_digits(scratch, order.size);
                }
            }
        } else {
            let mut bids = by_id(book, BookSide::Bid).into_iter();
            let mut asks = by_id(book, BookSide::Ask).into_iter();
            in_turn(&mut bids, &mut asks, |order| {
                push_id(scratch, order);
                push_script(scratch, signed(order.side, order.size));
            });
        }
        self.sum(scratch)
    }

    fn sum(self, text: &str) -> i64 {
        // Parts are written with the separator after each.
        let text = text.strip_suffix(':').unwrap_or(text);
        let sum = crc32fast::hash(text.as_bytes());
        match self {
            Self::Kraken => i64::from(sum),
            Self::Okx | Self::Bitfinex => i64::from(sum.cast_signed()),
        }
    }
}

/// One of each in turn; what is left of the longer one at the end.
fn in_turn<T>(
    bids: &mut dyn Iterator<Item = T>,
    asks: &mut dyn Iterator<Item = T>,
    mut each: impl FnMut(&T),
) {
    loop {
        let (bid, ask) = (bids.next(), asks.next());
        if bid.is_none() && ask.is_none() {
            return;
        }
        bid.iter().chain(ask.iter()).for_each(&mut each);
    }
}

/// The best orders of a side, at each price by id, as Bitfinex orders them.
fn by_id(book: &L3Book, side: BookSide) -> Vec<RestingOrder<'_>> {
    let mut all = Vec::with_capacity(INTERLEAVED);
    for queue in book.queues(side) {
        let start = all.len();
        all.extend(queue);
        all[start..].sort_by_key(|order: &RestingOrder<'_>| order.id.number());
        if all.len() >= INTERLEAVED {
            break;
        }
    }
    all.truncate(INTERLEAVED);
    all
}

fn push_id(text: &mut String, order: &RestingOrder<'_>) {
    match order.id.number() {
        Some(number) => push(text, &number),
        None => push(text, &order.id.text().unwrap_or_default()),
    }
    text.push(':');
}

fn signed(side: BookSide, size: Decimal) -> Decimal {
    if side == BookSide::Bid {
        return size;
    }
    Decimal::new(-size.mantissa(), size.exponent()).unwrap_or(size)
}

/// Writing to a string cannot fail.
fn push(text: &mut String, value: &dyn std::fmt::Display) {
    let _ = write!(text, "{value}");
}

/// The digits as sent, without the point and the zeros that lead them.
fn push_digits(text: &mut String, value: Decimal) {
    let magnitude = value.mantissa().unsigned_abs();
    match u64::try_from(magnitude) {
        Ok(magnitude) => push(text, &magnitude),
        Err(_) => push(text, &magnitude),
    }
    for _ in 0..value.exponent() {
        text.push('0');
    }
}

fn push_plain(text: &mut String, value: Decimal) {
    value.push_to(text);
    text.push(':');
}

/// A number as JavaScript writes it: the shortest digits that read back as the same float, with an
/// exponent from 1e21 on and below 1e-6.
fn push_script(text: &mut String, value: Decimal) {
    let shortest = value.shortest();
    let magnitude = shortest.mantissa().unsigned_abs();
    let digits = magnitude.checked_ilog10().unwrap_or_default() + 1;
    // Where the point is, counted from the first digit.
    let point = shortest.exponent() + digits.cast_signed();
    if shortest.is_zero() || (-5..=21).contains(&point) {
        push_plain(text, shortest);
        return;
    }
    if shortest.mantissa() < 0 {
        text.push('-');
    }
    let first = text.len();
    push(text, &magnitude);
    if digits > 1 {
        text.insert(first + 1, '.');
    }
    text.push_str(if point > 0 { "e+" } else { "e-" });
    push(text, &(point - 1).unsigned_abs());
    text.push(':');
}
