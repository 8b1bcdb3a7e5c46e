//! Each trade with the quote that stood at its time.
//!
//! Trades and quotes are read side by side, and stay as they were read: fresh memory costs more than
//! anything else here. A row is a number of 32 bits. Files are sorted by arrival, so the rows of an
//! instrument are a few runs in order. They are put together and walked over one stretch of time after
//! another, each of which fits the caches of a processor.

use std::cmp;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use arrow_array::{ArrayRef, RecordBatch, StringArray};
use arrow_select::interleave::interleave;
use rustonite_core::Fixed;

use crate::batch::Part;
use crate::error::{InKernel, LakeError, Result};
use crate::layout::ARRIVAL;
use crate::read::Evidence;
use crate::series::{
    By, Instruments, Parts, Rows, Ties, named_columns, require, require_kind, whole,
};
use crate::task::{Task, on_threads};
use crate::texts::plain_texts;

const ID: &str = "trade_id";
const SEQ: &str = "seq";
/// The columns of the quote; the first is its time.
const QUOTED: [&str; 5] = ["ts_quote", "bid_price", "bid_size", "ask_price", "ask_size"];
/// Trades and quotes that are put together at once, about.
const STRETCH_ROWS: usize = 32 * 1024;
/// Trades of a batch.
const BATCH_ROWS: usize = 64 * 1024;
/// Runs of an instrument from which on it is quicker to sort all of its rows at once.
const RUNS_MAX: usize = 256;

/// How trades and quotes are matched.
#[derive(Clone, Debug)]
pub struct AsofOptions {
    /// Whether a quote of another venue counts.
    pub by: By,
    /// The column of the times that are compared.
    pub time: String,
    /// The columns that come out: of trades, or `ts_quote`, `bid_price` and so on.
    pub columns: Vec<String>,
}

/// The trades with their quotes, in the order of venue, symbol, time and id. There is at least one
/// batch.
///
/// # Errors
/// Files that cannot be read, rows that the layouts cannot hold, columns that there are not.
pub fn asof(
    trades: Rows,
    quotes: Rows,
    options: &AsofOptions,
    evidence: &Arc<Evidence>,
    task: &Task,
) -> Result<Vec<RecordBatch>> {
    let threads = trades.threads;
    let (trades, quotes) = std::thread::scope(|scope| {
        let quotes = scope.spawn(|| Side::quotes(quotes, options, evidence, task));
        let trades = Side::trades(trades, options, evidence, task);
        (trades, quotes.join().unwrap_or(Err(LakeError::Bug("reading quotes"))))
    });
    let (mut trades, mut quotes) = (trades?, quotes?);
    let columns = wanted(&mut trades, &mut quotes, options)?;
    // What does not come out makes room for what does.
    trades.all.clear();
    quotes.all.clear();
    let join = Join { trades: trades.key.order(), quotes: quotes.key.order(), columns };
    let batches = join.batches(&trades.instruments, &quotes.instruments);
    let next = AtomicUsize::new(0);
    let work = || {
        let mut made = Vec::new();
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            let Some(stretches) = batches.get(number) else { return Ok(made) };
            task.check()?;
            made.push((number, named_columns(&options.columns, join.columns(stretches)?)?));
        }
    };
    let made = on_threads(threads.min(batches.len()), work)?;
    let made: BTreeMap<_, _> = made.into_iter().flatten().collect();
    Ok(made.into_values().collect())
}

/// What a column is of.
#[derive(Clone, Copy)]
enum Of {
    Trades,
    Quotes,
}

/// The columns that come out.
fn wanted(
    trades: &mut Side,
    quotes: &mut Side,
    options: &AsofOptions,
) -> Result<Vec<(Of, Column)>> {
    let column = |name: &String| match QUOTED.iter().position(|quoted| quoted == name) {
        Some(0) => quotes.column(&options.time).map(|column| (Of::Quotes, column)),
        Some(_) => quotes.column(name).map(|column| (Of::Quotes, column)),
        None => trades.column(name).map(|column| (Of::Trades, column)),
    };
    options.columns.iter().map(column).collect()
}

/// Rows of an instrument, in runs that are in order each.
type Runs = Vec<Vec<u32>>;

/// The rows of an instrument from a time on, until before another if there is one.
#[derive(Clone, Copy)]
struct Stretch<'a> {
    trades: &'a [Vec<u32>],
    quotes: &'a [Vec<u32>],
    from: i64,
    until: Option<i64>,
}

/// What is joined.
struct Join<'a> {
    trades: Order<'a>,
    quotes: Order<'a>,
    columns: Vec<(Of, Column)>,
}

impl Join<'_> {
    /// What each batch is made of: stretches of time, so that what belongs together is in the caches.
    fn batches<'a>(
        &self,
        trades: &'a BTreeMap<Vec<String>, Runs>,
        quotes: &'a BTreeMap<Vec<String>, Runs>,
    ) -> Vec<Vec<Stretch<'a>>> {
        let mut batches = vec![Vec::new()];
        let mut rows = 0;
        let mut add = |stretch: Stretch<'a>| {
            let more: usize = self.trades.within(stretch.trades, stretch).map(<[_]>::len).sum();
            if rows > 0 && rows + more > BATCH_ROWS {
                batches.push(Vec::new());
                rows = 0;
            }
            rows += more;
            batches.last_mut().into_iter().for_each(|batch| batch.push(stretch));
        };
        for (name, trades) in trades {
            let quotes = quotes.get(name).map_or(&[][..], Vec::as_slice);
            let mut rest = Stretch { trades, quotes, from: i64::MIN, until: None };
            for time in self.times_between(trades, quotes) {
                add(Stretch { until: Some(time), ..rest });
                rest.from = time;
            }
            add(rest);
        }
        batches
    }

    /// Times that cut the rows of an instrument into stretches.
    fn times_between(&self, trades: &[Vec<u32>], quotes: &[Vec<u32>]) -> Vec<i64> {
        const STEP: usize = 1024;
        let traded = trades.iter().flat_map(|run| run.iter().step_by(STEP));
        let quoted = quotes.iter().flat_map(|run| run.iter().step_by(STEP));
        let mut times: Vec<_> = traded.map(|&row| self.trades.time(row)).collect();
        times.extend(quoted.map(|&row| self.quotes.time(row)));
        times.sort_unstable();
        let mut times: Vec<_> = times.into_iter().step_by(STRETCH_ROWS / STEP).skip(1).collect();
        times.dedup();
        times
    }

    /// The columns of a batch.
    fn columns(&self, stretches: &[Stretch<'_>]) -> Result<Vec<ArrayRef>> {
        let (mut traded, mut quoted) = (Vec::new(), Vec::new());
        let null = self.quotes.null();
        for &stretch in stretches {
            let trades = self.trades.sorted(stretch.trades, stretch);
            if trades.is_empty() {
                continue;
            }
            let standing = self.quotes.last_before(stretch.quotes, stretch.from);
            let mut standing = standing.map_or(null, place);
            let mut quotes = self.quotes.sorted(stretch.quotes, stretch).into_iter().peekable();
            for (time, trade) in trades {
                while let Some((_, quote)) = quotes.next_if(|&(quoted, _)| quoted <= time) {
                    standing = place(quote);
                }
                traded.push(place(trade));
                quoted.push(standing);
            }
        }
        let is_each_quoted = !quoted.contains(&null);
        let column = |(of, column): &(Of, Column)| match of {
            Of::Trades => column.pick(&traded, true),
            Of::Quotes => column.pick(&quoted, is_each_quoted),
        };
        self.columns.iter().map(column).collect()
    }
}

/// Bits of a row's number that say where it is in its part; the others say in which.
const PLACE_BITS: u32 = 16;
const PART_ROWS: usize = 1 << PLACE_BITS;
const PARTS_MAX: usize = 1 << (u32::BITS - PLACE_BITS);

/// Part and place of a row.
#[inline]
fn place(row: u32) -> (usize, usize) {
    ((row >> PLACE_BITS) as usize, row as usize % PART_ROWS)
}

/// A column as it was read, an array for each part, and behind them one that is a null.
struct Column {
    arrays: Vec<ArrayRef>,
    texts: Option<Arc<StringArray>>,
}

impl Column {
    /// The values at places, of which none is the null's if there is a row for each.
    fn pick(&self, places: &[(usize, usize)], is_each_a_row: bool) -> Result<ArrayRef> {
        // Nothing looks for nulls in arrays that have none. Of no places there are values of a type.
        let skipped = usize::from(is_each_a_row && !places.is_empty());
        let arrays = self.arrays[..self.arrays.len() - skipped].iter().map(AsRef::as_ref);
        let values = interleave(&arrays.collect::<Vec<_>>(), places).kernel("picking rows")?;
        plain_texts(values, self.texts.as_ref())
    }
}

/// The columns that rows are ordered by.
struct Key {
    time: Column,
    number: Column,
    arrival: Option<Column>,
}

impl Key {
    fn order(&self) -> Order<'_> {
        let arrival = |part: usize| self.arrival.as_ref().map(|column| &column.arrays[part]);
        let numbers = self.number.arrays.iter().enumerate();
        Order {
            times: self.time.arrays.iter().map(whole).collect(),
            ties: numbers.map(|(part, numbers)| Ties::new(numbers, arrival(part))).collect(),
        }
    }
}

/// Same, as plain values.
struct Order<'a> {
    times: Vec<&'a [i64]>,
    ties: Vec<Ties<'a>>,
}

impl Order<'_> {
    /// The place of the null.
    fn null(&self) -> (usize, usize) {
        (self.times.len() - 1, 0)
    }

    #[inline]
    fn time(&self, row: u32) -> i64 {
        let (part, place) = place(row);
        self.times[part][place]
    }

    #[inline]
    fn compare(&self, (time, row): (i64, u32), (other_time, other): (i64, u32)) -> cmp::Ordering {
        let tie = |row| {
            let (part, place) = place(row);
            self.ties[part].of(place)
        };
        time.cmp(&other_time).then_with(|| tie(row).cmp(&tie(other)))
    }

    #[inline]
    fn timed(&self, row: u32) -> (i64, u32) {
        (self.time(row), row)
    }

    /// Puts rows into order, all at once.
    fn sort(&self, rows: &mut [u32]) {
        // Stable, and quick on what is made of a few runs in order.
        rows.sort_by(|&one, &other| self.compare(self.timed(one), self.timed(other)));
    }

    /// Adds rows of a part that follow one another to the runs of an instrument.
    fn add(&self, runs: &mut Runs, rows: &mut [u32]) {
        let is_before = |one, other| self.compare(self.timed(one), self.timed(other)).is_le();
        let (part, place) = place(rows[0]);
        let times = &self.times[part][place..][..rows.len()];
        // If there are too many runs, all will be sorted at once.
        let are_many = runs.len() > RUNS_MAX;
        // Mostly no time is there twice.
        let are_sorted = are_many
            || times.is_sorted_by(|one, other| one < other)
            || rows.is_sorted_by(|&one, &other| is_before(one, other));
        if !are_sorted {
            self.sort(rows);
        }
        match runs.last_mut() {
            Some(run) if are_many || is_before(run[run.len() - 1], rows[0]) => {
                run.extend_from_slice(rows);
            }
            _ => runs.push(rows.to_vec()),
        }
    }

    /// Of each run the rows of a stretch of time.
    fn within<'a>(
        &self,
        runs: &'a [Vec<u32>],
        Stretch { from, until, .. }: Stretch<'_>,
    ) -> impl Iterator<Item = &'a [u32]> {
        let is_before = move |row| until.is_none_or(|until| self.time(row) < until);
        runs.iter().map(move |run| {
            let run = &run[run.partition_point(|&row| self.time(row) < from)..];
            &run[..run.partition_point(|&row| is_before(row))]
        })
    }

    /// The rows of a stretch of time, in order, and their times.
    fn sorted(&self, runs: &[Vec<u32>], stretch: Stretch<'_>) -> Vec<(i64, u32)> {
        let mut found = Vec::new();
        for rows in self.within(runs, stretch) {
            found.extend(rows.iter().map(|&row| self.timed(row)));
        }
        // Stable, and quickest where nothing but times is looked at.
        found.sort_by_key(|&(time, _)| time);
        let same = found.chunk_by_mut(|one, other| one.0 == other.0);
        same.for_each(|rows| rows.sort_by(|&one, &other| self.compare(one, other)));
        found
    }

    /// The last row before a time.
    fn last_before(&self, runs: &[Vec<u32>], time: i64) -> Option<u32> {
        let last = |run: &Vec<u32>| {
            let at = run.partition_point(|&row| self.time(row) < time).checked_sub(1)?;
            Some(self.timed(run[at]))
        };
        let last = runs.iter().filter_map(last).max_by(|&one, &other| self.compare(one, other));
        last.map(|(_, row)| row)
    }
}

/// Rows of one kind: parts of few enough rows, and for each instrument its rows.
struct Side {
    parts: Parts,
    all: Vec<Part>,
    key: Key,
    instruments: BTreeMap<Vec<String>, Runs>,
}

impl Side {
    fn trades(
        rows: Rows,
        options: &AsofOptions,
        evidence: &Arc<Evidence>,
        task: &Task,
    ) -> Result<Self> {
        require_kind(&rows.layout, ID, Some(Fixed::Int64))?;
        let wanted = options.columns.iter().map(String::as_str);
        let wanted = wanted.filter(|name| !QUOTED.contains(name));
        let columns: Vec<_> = [options.time.as_str(), ID].into_iter().chain(wanted).collect();
        // Without an id they come last.
        Self::read(rows, &columns, (ID, None), options, evidence, task)
    }

    fn quotes(
        rows: Rows,
        options: &AsofOptions,
        evidence: &Arc<Evidence>,
        task: &Task,
    ) -> Result<Self> {
        let wanted = options.columns.iter().map(String::as_str);
        let wanted = wanted.filter(|name| QUOTED[1..].contains(name));
        let mut columns: Vec<_> =
            [options.time.as_str(), ARRIVAL].into_iter().chain(wanted).collect();
        require(&rows.layout, ARRIVAL, Some(Fixed::TimestampNs))?;
        // Numbers of several venues do not compare.
        let mut number = ARRIVAL;
        if options.by == By::Instrument {
            require_kind(&rows.layout, SEQ, Some(Fixed::Int64))?;
            columns.push(SEQ);
            number = SEQ;
        }
        Self::read(rows, &columns, (number, Some(ARRIVAL)), options, evidence, task)
    }

    /// Reads all rows. Those of one moment are ordered by a number, or what stands in for it.
    fn read(
        rows: Rows,
        columns: &[&str],
        (number, arrival): (&str, Option<&str>),
        options: &AsofOptions,
        evidence: &Arc<Evidence>,
        task: &Task,
    ) -> Result<Self> {
        require(&rows.layout, &options.time, Some(Fixed::TimestampNs))?;
        for name in options.by.names() {
            require(&rows.layout, name, None)?;
        }
        let (scan, layout, hot) = rows.scan(columns, options.by)?;
        let mut parts = Parts::new(&layout, options.by);
        let mut cut = Cut::default();
        let mut reader = scan.read(evidence);
        while let Some(batch) = reader.next_unless_stopped(task)? {
            cut.add(parts.part(&batch)?)?;
        }
        for batch in hot {
            cut.add(parts.part(&batch)?)?;
        }
        let all = cut.done()?;
        let mut column = |name| column(&mut parts, &all, name);
        let (time, number) = (column(&options.time)?, column(number)?);
        let key = Key { time, number, arrival: arrival.map(column).transpose()? };
        let instruments = in_runs(&parts, &all, &key.order());
        Ok(Self { parts, all, key, instruments })
    }

    fn column(&mut self, name: &str) -> Result<Column> {
        column(&mut self.parts, &self.all, name)
    }
}

fn column(parts: &mut Parts, all: &[Part], name: &str) -> Result<Column> {
    let at = parts.at(name)?;
    let arrays = all.iter().map(|part| Arc::clone(&part.columns[at]));
    let arrays = arrays.chain(std::iter::once(parts.null(at))).collect();
    Ok(Column { arrays, texts: parts.texts_of(at) })
}

/// The rows of each instrument.
fn in_runs(parts: &Parts, all: &[Part], order: &Order<'_>) -> BTreeMap<Vec<String>, Runs> {
    let mut known = Instruments::new();
    let mut rows = Vec::new();
    for (first, part) in (0..).step_by(PART_ROWS).zip(all) {
        let row = |place| u32::try_from(first + place).unwrap_or(u32::MAX);
        for (codes, places) in parts.runs(part) {
            rows.clear();
            rows.extend(places.map(row));
            order.add(known.of(codes, Vec::new), &mut rows);
        }
    }
    let mut instruments = known.named(parts);
    for runs in instruments.values_mut().filter(|runs| runs.len() > RUNS_MAX) {
        let mut rows = runs.concat();
        order.sort(&mut rows);
        *runs = vec![rows];
    }
    instruments
}

/// Cuts long parts and joins short ones, so that numbers of rows have few gaps.
#[derive(Default)]
struct Cut {
    done: Vec<Part>,
    short: Vec<Part>,
    short_rows: usize,
}

impl Cut {
    fn add(&mut self, part: Part) -> Result<()> {
        let is_short = part.rows < PART_ROWS / 2;
        if !is_short || self.short_rows + part.rows > PART_ROWS {
            self.join()?;
        }
        if is_short {
            self.short_rows += part.rows;
            self.short.push(part);
            return Ok(());
        }
        let cut = |start| part.slice(start, PART_ROWS.min(part.rows - start));
        self.done.extend((0..part.rows).step_by(PART_ROWS).map(cut));
        Ok(())
    }

    fn join(&mut self) -> Result<()> {
        if self.short_rows > 0 {
            self.done.push(Part::concat(std::mem::take(&mut self.short))?);
            self.short_rows = 0;
        }
        Ok(())
    }

    fn done(mut self) -> Result<Vec<Part>> {
        self.join()?;
        if self.done.len() >= PARTS_MAX {
            let rows: usize = self.done.iter().map(|part| part.rows).sum();
            return Err(LakeError::argument("rows", rows, "fewer than 2^30"));
        }
        Ok(self.done)
    }
}
