//! Bars of trades, in one pass over rows in any order; threads make bars of what they read.
//!
//! Rows of a sorted file come in long runs of one instrument, and within a run mostly bar after bar,
//! so a bar is looked up once for many rows.

use std::collections::{BTreeMap, HashMap};
use std::ops::Range;
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{Float64Type, Int32Type};
use arrow_array::{
    ArrayRef, Float64Array, Int64Array, RecordBatch, StringArray, TimestampNanosecondArray,
};
use rustonite_core::Fixed;

use crate::batch::Part;
use crate::error::{LakeError, Result};
use crate::layout::{ARRIVAL, Layout};
use crate::read::{Evidence, Jobs};
use crate::series::{
    By, Instruments, Parts, Rows, SYMBOL, Ties, VENUE, named_columns, require, require_kind, whole,
};
use crate::task::Task;

const PRICE: &str = "price";
const SIZE: &str = "size";
const SIDE: &str = "side";
const ID: &str = "trade_id";
/// How many rows are added side by side.
const LANES: usize = 8;

/// What bars are wanted.
#[derive(Clone, Debug)]
pub struct BarsOptions {
    /// Whose bars.
    pub by: By,
    /// The column of a trade's time.
    pub time: String,
    /// Length of a bar, and where bars are counted from, in ns; one bar of everything if `None`.
    pub span: Option<(i64, i64)>,
    /// How the length is spelled in the column `interval`.
    pub interval: String,
    /// The columns that come out.
    pub columns: Vec<String>,
}

impl BarsOptions {
    fn wants(&self, names: &[&str]) -> bool {
        self.columns.iter().any(|name| names.contains(&name.as_str()))
    }

    /// The column whose order says which trade of a bar is first and which is last. Clocks of
    /// venues differ, so trades of several are in order of arrival.
    fn order(&self) -> &str {
        if self.by == By::Symbol { ARRIVAL } else { &self.time }
    }

    /// The columns of trades that the bars are made of.
    fn inputs(&self) -> Vec<&str> {
        let needed: [(bool, &[&str]); 5] = [
            (self.span.is_some() || self.wants(&["ts_open", "ts_close"]), &[&self.time]),
            (self.wants(&["open", "close"]), &[PRICE, self.order(), ARRIVAL, ID]),
            (self.wants(&["high", "low"]), &[PRICE]),
            (self.wants(&["volume"]), &[SIZE]),
            (self.wants(&["turnover", "vwap"]), &[PRICE, SIZE]),
        ];
        let needed = needed.into_iter().filter(|(wanted, _)| *wanted);
        let mut inputs: Vec<_> = needed.flat_map(|(_, names)| names.iter().copied()).collect();
        if self.wants(&["buy_volume"]) {
            inputs.extend([SIZE, SIDE]);
        }
        inputs
    }
}

/// The bars, in the order of venue, symbol and time, as one batch.
///
/// # Errors
/// Files that cannot be read, rows that the layout cannot hold, columns that bars do not have.
pub fn bars(
    trades: Rows,
    options: &BarsOptions,
    evidence: &Arc<Evidence>,
    task: &Task,
) -> Result<RecordBatch> {
    check(&trades.layout, options)?;
    let (scan, layout, hot) = trades.scan(&options.inputs(), options.by)?;
    let made = Jobs::new(&scan, hot, evidence).run(
        task,
        || Collected { parts: Parts::new(&layout, options.by), known: Instruments::new() },
        |collected, batch| collected.add(batch, options),
    )?;
    let mut named: BTreeMap<Vec<String>, Instrument> = BTreeMap::new();
    for Collected { parts, known } in made {
        for (name, instrument) in known.named(&parts) {
            named.entry(name).or_insert_with(|| Instrument::new(options.span)).merge(instrument);
        }
    }
    for instrument in named.values_mut() {
        instrument.bars.sort_unstable_by_key(|bar| bar.number);
    }
    made_of(&named, options)
}

/// What a thread has made of the rows that it got.
struct Collected {
    parts: Parts,
    known: Instruments<Instrument>,
}

impl Collected {
    fn add(&mut self, batch: &RecordBatch, options: &BarsOptions) -> Result<()> {
        let buy = match self.parts.find(SIDE).and_then(|at| self.parts.texts.pool_mut(at)) {
            Some(pool) => pool.code(SIDE, "buy")?,
            None => 0,
        };
        let part = self.parts.part(batch)?;
        let columns = Columns::of(&self.parts, &part, options, buy);
        for (codes, rows) in self.parts.runs(&part) {
            self.known.of(codes, || Instrument::new(options.span)).add(&columns, rows);
        }
        Ok(())
    }
}

fn check(layout: &Layout, options: &BarsOptions) -> Result<()> {
    for name in options.by.names() {
        require(layout, name, None)?;
    }
    for name in options.inputs() {
        match name {
            PRICE | SIZE => require(layout, name, Some(Fixed::Float64)),
            SIDE => require(layout, name, None),
            ID => require_kind(layout, name, Some(Fixed::Int64)),
            _ => require(layout, name, Some(Fixed::TimestampNs)),
        }?;
    }
    Ok(())
}

/// Columns of a part, by what is made of them; what nobody wants is absent.
struct Columns<'a> {
    times: Option<&'a [i64]>,
    /// Whether a bar's own rows say when it begins and ends.
    alone: bool,
    /// Prices, and what says which is first and which is last.
    ends: Option<(&'a [f64], &'a [i64], Ties<'a>)>,
    extremes: Option<&'a [f64]>,
    volumes: Option<&'a [f64]>,
    /// Prices and sizes.
    turnovers: Option<(&'a [f64], &'a [f64])>,
    /// Sides and sizes, and which side it is.
    bought: Option<(&'a [i32], &'a [f64], i32)>,
}

impl<'a> Columns<'a> {
    fn of(parts: &Parts, part: &'a Part, options: &BarsOptions, buy: i32) -> Self {
        let column = |name: &str| parts.find(name).map(|at| &part.columns[at]);
        let floats = |name, wanted: &[&str]| {
            let array = column(name).filter(|_| options.wants(wanted))?;
            Some(array.as_primitive::<Float64Type>().values().as_ref())
        };
        let order = match (column(options.order()), column(ARRIVAL), column(ID)) {
            (Some(order), Some(arrivals), Some(ids)) => {
                Some((whole(order), Ties::new(ids, Some(arrivals))))
            }
            _ => None,
        };
        let sides = column(SIDE).map(|array| array.as_primitive::<Int32Type>().values().as_ref());
        let turnover = ["turnover", "vwap"];
        Self {
            times: column(&options.time).map(whole),
            alone: options.span.is_none(),
            ends: floats(PRICE, &["open", "close"])
                .zip(order)
                .map(|(prices, (order, ties))| (prices, order, ties)),
            extremes: floats(PRICE, &["high", "low"]),
            volumes: floats(SIZE, &["volume", "vwap"]),
            turnovers: floats(PRICE, &turnover).zip(floats(SIZE, &turnover)),
            bought: sides
                .zip(floats(SIZE, &["buy_volume"]))
                .map(|(sides, sizes)| (sides, sizes, buy)),
        }
    }
}

/// The bars of one instrument.
struct Instrument {
    span: Option<(i64, i64)>,
    bars: Vec<Bar>,
    places: HashMap<i64, usize>,
    /// The bar of the row before, and the first and the last moment that belong to it.
    place: usize,
    moments: (i64, i64),
}

impl Instrument {
    fn new(span: Option<(i64, i64)>) -> Self {
        let (bars, places) = (Vec::new(), HashMap::new());
        // No moment is in an empty range.
        Self { span, bars, places, place: 0, moments: (i64::MAX, i64::MIN) }
    }

    /// Adds rows of the instrument, as many at a time as belong to one bar.
    fn add(&mut self, columns: &Columns<'_>, rows: Range<usize>) {
        let mut start = rows.start;
        while start < rows.end {
            let first = columns.times.map_or(0, |times| times[start]);
            self.find(first);
            let (from, to) = self.moments;
            let others = columns.times.map_or(&[][..], |times| &times[start + 1..rows.end]);
            let out = others.iter().position(|time| !(from..=to).contains(time));
            let end = out.map_or(rows.end, |out| start + 1 + out);
            self.bars[self.place].add(columns, start..end);
            start = end;
        }
    }

    /// Goes to the bar of a moment.
    fn find(&mut self, time: i64) {
        if (self.moments.0..=self.moments.1).contains(&time) {
            return;
        }
        let (number, moments) = numbered(time, self.span);
        self.moments = moments;
        self.place = self.place_of(number);
    }

    fn place_of(&mut self, number: i64) -> usize {
        // Around an edge rows go to and fro between two bars.
        let near = [self.place + 1, self.place.wrapping_sub(1)];
        let is_it = |place: &usize| self.bars.get(*place).is_some_and(|bar| bar.number == number);
        if let Some(place) = near.into_iter().find(is_it) {
            return place;
        }
        *self.places.entry(number).or_insert_with(|| {
            self.bars.push(Bar::new(number));
            self.bars.len() - 1
        })
    }

    /// Adds what another thread has made.
    fn merge(&mut self, other: Self) {
        if self.bars.is_empty() {
            *self = other;
            return;
        }
        for bar in other.bars {
            let place = self.place_of(bar.number);
            self.bars[place].merge(&bar);
        }
    }
}

/// The number of a moment's bar, and the first and the last moment that have it. Numbers are cut
/// towards zero, as in SQL, so the one before the origin has the number of the one behind it.
fn numbered(time: i64, span: Option<(i64, i64)>) -> (i64, (i64, i64)) {
    let Some((length, origin)) = span else { return (0, (i64::MIN, i64::MAX)) };
    let (length, origin) = (i128::from(length), i128::from(origin));
    let number = (i128::from(time) - origin) / length;
    let start = number * length + origin;
    let first = if number > 0 { start } else { start - length + 1 };
    let last = if number < 0 { start } else { start + length - 1 };
    (clamped(number), (clamped(first), clamped(last)))
}

fn clamped(value: i128) -> i64 {
    let limit = if value < 0 { i64::MIN } else { i64::MAX };
    i64::try_from(value).unwrap_or(limit)
}

#[derive(Clone, Debug)]
struct Bar {
    number: i64,
    times: (i64, i64),
    open: f64,
    open_at: (i64, i64),
    close: f64,
    close_at: (i64, i64),
    high: f64,
    low: f64,
    volume: f64,
    turnover: f64,
    bought: f64,
    count: i64,
}

impl Bar {
    fn new(number: i64) -> Self {
        Self {
            number,
            times: (i64::MAX, i64::MIN),
            open: 0.0,
            open_at: (i64::MAX, i64::MAX),
            close: 0.0,
            close_at: (i64::MIN, i64::MIN),
            high: f64::NEG_INFINITY,
            low: f64::NAN,
            volume: 0.0,
            turnover: 0.0,
            bought: 0.0,
            count: 0,
        }
    }

    fn add(&mut self, columns: &Columns<'_>, rows: Range<usize>) {
        self.count += i64::try_from(rows.len()).unwrap_or(i64::MAX);
        if let Some(times) = columns.times.filter(|_| columns.alone) {
            for &time in &times[rows.clone()] {
                self.times = (self.times.0.min(time), self.times.1.max(time));
            }
        }
        if let Some(prices) = columns.extremes {
            self.add_prices(&prices[rows.clone()]);
        }
        if let Some((prices, order, ties)) = columns.ends {
            self.add_ends(prices, order, ties, rows.clone());
        }
        if let Some(sizes) = columns.volumes {
            let sizes = &sizes[rows.clone()];
            self.volume += sum(sizes, sizes, |size, _| size);
        }
        if let Some((prices, sizes)) = columns.turnovers {
            let (prices, sizes) = (&prices[rows.clone()], &sizes[rows.clone()]);
            self.turnover += sum(prices, sizes, |price, size| price * size);
        }
        if let Some((sides, sizes, buy)) = columns.bought {
            let of_buys = |side, size| if side == buy { size } else { 0.0 };
            self.bought += sum(&sides[rows.clone()], &sizes[rows], of_buys);
        }
    }

    fn merge(&mut self, other: &Self) {
        self.times = (self.times.0.min(other.times.0), self.times.1.max(other.times.1));
        if other.open_at < self.open_at {
            (self.open, self.open_at) = (other.open, other.open_at);
        }
        if other.close_at >= self.close_at {
            (self.close, self.close_at) = (other.close, other.close_at);
        }
        self.add_high_low(other.high, other.low);
        self.volume += other.volume;
        self.turnover += other.turnover;
        self.bought += other.bought;
        self.count += other.count;
    }

    fn add_high_low(&mut self, high: f64, low: f64) {
        // What is not a number is above all numbers, as in SQL.
        if high > self.high || high.is_nan() {
            self.high = high;
        }
        if low < self.low || self.low.is_nan() {
            self.low = low;
        }
    }

    fn add_prices(&mut self, prices: &[f64]) {
        let (blocks, rest) = prices.as_chunks::<LANES>();
        let (mut highs, mut lows) = ([f64::NEG_INFINITY; LANES], [f64::INFINITY; LANES]);
        let mut is_number = [true; LANES];
        for block in blocks {
            for lane in 0..LANES {
                let price = block[lane];
                highs[lane] = if price > highs[lane] { price } else { highs[lane] };
                lows[lane] = if price < lows[lane] { price } else { lows[lane] };
                is_number[lane] &= !price.is_nan();
            }
        }
        if blocks.is_empty() || is_number.contains(&false) {
            prices.iter().for_each(|&price| self.add_high_low(price, price));
            return;
        }
        highs.iter().zip(&lows).for_each(|(&high, &low)| self.add_high_low(high, low));
        rest.iter().for_each(|&price| self.add_high_low(price, price));
    }

    /// Rows in order of time, as those of files are, begin with those that may be the first and end
    /// with those that may be the last.
    fn add_ends(&mut self, prices: &[f64], order: &[i64], ties: Ties<'_>, rows: Range<usize>) {
        let times = &order[rows.clone()];
        let (Some(first), Some(last)) = (times.first(), times.last()) else { return };
        if !is_ascending(times) {
            return self.add_each_end(prices, order, ties, rows);
        }
        let firsts = times.iter().take_while(|time| *time == first).count();
        let lasts = times[firsts..].iter().rev().take_while(|time| *time == last).count();
        self.add_each_end(prices, order, ties, rows.start..rows.start + firsts);
        self.add_each_end(prices, order, ties, rows.end - lasts..rows.end);
    }

    fn add_each_end(&mut self, prices: &[f64], order: &[i64], ties: Ties<'_>, rows: Range<usize>) {
        // Of rows that nothing tells apart, the first is the first and the last is the last.
        for row in rows {
            let time = order[row];
            if time <= self.open_at.0 {
                let at = (time, ties.of(row));
                if at < self.open_at {
                    (self.open, self.open_at) = (prices[row], at);
                }
            }
            if time >= self.close_at.0 {
                let at = (time, ties.of(row));
                if at >= self.close_at {
                    (self.close, self.close_at) = (prices[row], at);
                }
            }
        }
    }
}

/// Whether no time is before the one in front of it. It counts to the end, as without a way out in
/// the middle the processor looks at several at once.
fn is_ascending(times: &[i64]) -> bool {
    let next = times.get(1..).unwrap_or_default();
    times.iter().zip(next).filter(|(one, other)| one > other).count() == 0
}

/// The sum over pairs, in several parts at once: each addition waits for the one before.
fn sum<T: Copy>(ones: &[T], others: &[f64], of: impl Fn(T, f64) -> f64) -> f64 {
    let (blocks, rest) = ones.as_chunks::<LANES>();
    let (other_blocks, other_rest) = others.as_chunks::<LANES>();
    let mut sums = [0.0; LANES];
    for (one, other) in blocks.iter().zip(other_blocks) {
        for lane in 0..LANES {
            sums[lane] += of(one[lane], other[lane]);
        }
    }
    let rest = rest.iter().zip(other_rest).map(|(&one, &other)| of(one, other));
    sums.into_iter().chain(rest).sum()
}

/// The columns that are wanted.
fn made_of(
    named: &BTreeMap<Vec<String>, Instrument>,
    options: &BarsOptions,
) -> Result<RecordBatch> {
    let bars = || named.values().flat_map(|instrument| &instrument.bars);
    let whole = |value: fn(&Bar) -> i64| Arc::new(Int64Array::from_iter_values(bars().map(value)));
    let float =
        |value: fn(&Bar) -> f64| Arc::new(Float64Array::from_iter_values(bars().map(value)));
    let name = |at: usize| {
        let each =
            named.iter().flat_map(|(name, all)| std::iter::repeat_n(&name[at], all.bars.len()));
        Arc::new(StringArray::from_iter_values(each))
    };
    let time = |shift: i128, alone: fn(&Bar) -> i64| {
        let edge = |bar: &Bar| match options.span {
            Some((length, origin)) => {
                let number = i128::from(bar.number) + shift;
                clamped(number * i128::from(length) + i128::from(origin))
            }
            None => alone(bar),
        };
        Arc::new(TimestampNanosecondArray::from_iter_values(bars().map(edge)))
    };
    let column = |wanted: &String| -> Result<ArrayRef> {
        Ok(match wanted.as_str() {
            VENUE if options.by == By::Instrument => name(0),
            SYMBOL => name(options.by.names().len() - 1),
            "ts_open" => time(0, |bar| bar.times.0),
            "ts_close" => time(1, |bar| bar.times.1),
            "interval" => {
                let same = std::iter::repeat_n(&options.interval, bars().count());
                Arc::new(StringArray::from_iter_values(same))
            }
            "open" => float(|bar| bar.open),
            "high" => float(|bar| bar.high),
            "low" => float(|bar| bar.low),
            "close" => float(|bar| bar.close),
            "volume" => float(|bar| bar.volume),
            "turnover" => float(|bar| bar.turnover),
            "vwap" => Arc::new(bars().map(vwap).collect::<Float64Array>()),
            "buy_volume" => float(|bar| bar.bought),
            "count" => whole(|bar| bar.count),
            "number" => whole(|bar| bar.number),
            other => {
                return Err(LakeError::argument(
                    "columns",
                    format!("{other:?}"),
                    "a column of bars",
                ));
            }
        })
    };
    let columns = options.columns.iter().map(column).collect::<Result<Vec<_>>>()?;
    named_columns(&options.columns, columns)
}

fn vwap(bar: &Bar) -> Option<f64> {
    // What is not a number is above zero, as in SQL.
    (bar.volume > 0.0 || bar.volume.is_nan()).then(|| bar.turnover / bar.volume)
}
