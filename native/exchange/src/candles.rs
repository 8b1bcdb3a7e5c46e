//! Candles of an instrument.

use std::collections::VecDeque;

use rustonite_core::calendar::{civil, day_number, months_later};
use rustonite_sim::Amount;
use serde::{Deserialize, Serialize};

/// Candles of an interval that are kept.
const KEPT: usize = 1_500;
const SECOND: i64 = 1_000_000_000;
const MINUTE: i64 = 60 * SECOND;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;
/// 1970-01-05 was a Monday.
const FIRST_MONDAY: i64 = 4 * DAY;

/// How long a candle lasts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Interval(usize);

/// Names and lengths; a month has no length.
const INTERVALS: [(&str, i64); 16] = [
    ("1s", SECOND),
    ("1m", MINUTE),
    ("3m", 3 * MINUTE),
    ("5m", 5 * MINUTE),
    ("15m", 15 * MINUTE),
    ("30m", 30 * MINUTE),
    ("1h", HOUR),
    ("2h", 2 * HOUR),
    ("4h", 4 * HOUR),
    ("6h", 6 * HOUR),
    ("8h", 8 * HOUR),
    ("12h", 12 * HOUR),
    ("1d", DAY),
    ("3d", 3 * DAY),
    ("1w", 7 * DAY),
    ("1M", 0),
];

impl Interval {
    /// One minute: what statistics of a day are made of.
    pub(crate) const MINUTE: Self = Self(1);

    pub(crate) fn named(name: &str) -> Option<Self> {
        INTERVALS.iter().position(|(known, _)| *known == name).map(Self)
    }

    pub(crate) fn name(self) -> &'static str {
        INTERVALS[self.0].0
    }

    /// When the candle of a moment begins.
    fn start(self, at: i64) -> i64 {
        let length = INTERVALS[self.0].1;
        if length == 0 {
            let day = at.div_euclid(DAY);
            return (day + 1 - civil(day).2) * DAY;
        }
        let origin = if length == 7 * DAY { FIRST_MONDAY } else { 0 };
        at - (at - origin).rem_euclid(length)
    }

    /// When the next one begins.
    fn next(self, start: i64) -> i64 {
        let length = INTERVALS[self.0].1;
        if length > 0 {
            return start + length;
        }
        let (year, month, _) = civil(start.div_euclid(DAY));
        let day = day_number(year, month, 1).and_then(|day| months_later(day, 1));
        day.map_or(start + 31 * DAY, |day| day * DAY)
    }
}

/// A candle. Prices in ticks, quantities in lots.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub(crate) struct Candle {
    pub(crate) start: i64,
    /// First nanosecond behind it.
    pub(crate) end: i64,
    pub(crate) open: i64,
    pub(crate) high: i64,
    pub(crate) low: i64,
    pub(crate) close: i64,
    pub(crate) quantity: i64,
    pub(crate) quote: Amount,
    pub(crate) count: u64,
    pub(crate) taker_bought: i64,
    pub(crate) taker_bought_quote: Amount,
    /// Numbers of the first and last trade; 0 if there was none.
    pub(crate) trades: (u64, u64),
}

impl Candle {
    fn flat(start: i64, end: i64, price: i64) -> Self {
        Self {
            start,
            end,
            open: price,
            high: price,
            low: price,
            close: price,
            quantity: 0,
            quote: Amount::ZERO,
            count: 0,
            taker_bought: 0,
            taker_bought_quote: Amount::ZERO,
            trades: (0, 0),
        }
    }

    fn add(&mut self, print: &Print) {
        if self.count == 0 {
            (self.open, self.high, self.low) = (print.price, print.price, print.price);
            self.trades.0 = print.trade;
        }
        self.high = self.high.max(print.price);
        self.low = self.low.min(print.price);
        self.close = print.price;
        self.trades.1 = print.trade;
        self.count += 1;
        self.quantity += print.quantity;
        self.quote += print.quote;
        if !print.buyer_is_maker {
            self.taker_bought += print.quantity;
            self.taker_bought_quote += print.quote;
        }
    }

    /// This one and a later one.
    pub(crate) fn joined(mut self, later: &Self) -> Self {
        if self.count == 0 {
            return Self { start: self.start, ..*later };
        }
        self.end = later.end;
        if later.count > 0 {
            self.high = self.high.max(later.high);
            self.low = self.low.min(later.low);
            self.close = later.close;
            self.trades.1 = later.trades.1;
            self.count += later.count;
            self.quantity += later.quantity;
            self.quote += later.quote;
            self.taker_bought += later.taker_bought;
            self.taker_bought_quote += later.taker_bought_quote;
        }
        self
    }
}

/// A trade as everybody sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub(crate) struct Print {
    pub(crate) trade: u64,
    pub(crate) at: i64,
    pub(crate) price: i64,
    pub(crate) quantity: i64,
    /// What changed hands of the quote asset.
    pub(crate) quote: Amount,
    pub(crate) buyer_is_maker: bool,
}

/// Candles of all intervals.
#[derive(Debug, Deserialize, Serialize)]
pub(crate) struct Candles([VecDeque<Candle>; INTERVALS.len()]);

impl Default for Candles {
    fn default() -> Self {
        Self(std::array::from_fn(|_| VecDeque::new()))
    }
}

impl Candles {
    pub(crate) fn add(&mut self, print: &Print) {
        for place in 0..INTERVALS.len() {
            self.reach(Interval(place), print.at, print.price);
            if let Some(last) = self.0[place].back_mut() {
                last.add(print);
            }
        }
    }

    /// Goes on with candles without trades until one covers a moment.
    fn reach(&mut self, interval: Interval, at: i64, price: i64) {
        let candles = &mut self.0[interval.0];
        let Some(last) = candles.back() else {
            let start = interval.start(at);
            candles.push_back(Candle::flat(start, interval.next(start), price));
            return;
        };
        let (mut end, close) = (last.end, last.close);
        while end <= at {
            let next = interval.next(end);
            candles.push_back(Candle::flat(end, next, close));
            end = next;
            if candles.len() > KEPT {
                candles.pop_front();
            }
        }
    }

    /// Candles of an interval up to a moment, oldest first.
    pub(crate) fn of(&mut self, interval: Interval, now: i64) -> &VecDeque<Candle> {
        if let Some(close) = self.0[interval.0].back().map(|last| last.close) {
            self.reach(interval, now, close);
        }
        &self.0[interval.0]
    }

    /// All trades of the 24 hours before a moment, to the minute.
    pub(crate) fn day(&mut self, now: i64) -> Option<Candle> {
        self.since(now - DAY, now)
    }

    /// All trades since a moment, to the minute.
    pub(crate) fn since(&mut self, since: i64, now: i64) -> Option<Candle> {
        let mut minutes =
            self.of(Interval::MINUTE, now).iter().filter(|candle| candle.end > since).copied();
        let first = minutes.next()?;
        Some(minutes.fold(first, |sum, candle| sum.joined(&candle)))
    }
}

#[cfg(test)]
mod tests {
    use super::{Candles, DAY, Interval, MINUTE, Print, SECOND};
    use rustonite_sim::Amount;

    fn print(trade: u64, at: i64, price: i64) -> Print {
        Print { trade, at, price, quantity: 2, quote: Amount(7), buyer_is_maker: false }
    }

    #[test]
    fn gaps_are_filled_with_the_last_close() {
        let mut candles = Candles::default();
        candles.add(&print(1, 10 * SECOND, 100));
        candles.add(&print(2, 20 * SECOND, 90));
        candles.add(&print(3, 3 * MINUTE, 120));
        let minutes = candles.of(Interval::MINUTE, 4 * MINUTE - 1);
        let seen: Vec<_> =
            minutes.iter().map(|one| (one.open, one.high, one.low, one.close, one.count)).collect();
        let flat = (90, 90, 90, 90, 0);
        assert_eq!(seen, [(100, 100, 90, 90, 2), flat, flat, (120, 120, 120, 120, 1)]);
    }

    #[test]
    fn weeks_begin_on_mondays_and_months_on_the_first() {
        let at = 20_000 * DAY + 5 * MINUTE;
        let week = Interval::named("1w").unwrap();
        assert_eq!(week.start(at), 19_996 * DAY);
        let month = Interval::named("1M").unwrap();
        assert_eq!(month.start(at), 19_997 * DAY);
        assert_eq!(month.next(19_997 * DAY), 20_028 * DAY);
        assert!(Interval::named("7m").is_none());
    }

    #[test]
    fn a_day_is_the_sum_of_its_minutes() {
        let mut candles = Candles::default();
        candles.add(&print(1, 0, 100));
        candles.add(&print(2, DAY, 110));
        candles.add(&print(3, DAY + MINUTE, 80));
        let day = candles.day(DAY + 2 * MINUTE).unwrap();
        assert_eq!((day.open, day.high, day.low, day.close), (110, 110, 80, 80));
        assert_eq!((day.count, day.trades, day.quantity), (2, (2, 3), 4));
    }
}
