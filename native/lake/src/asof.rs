//! Each trade with the quote that stood at its time.
//!
//! Trades and quotes are read and put into order side by side; then one walk over both finds the
//! quotes. Files are sorted by arrival, so what is to be sorted is nearly in order.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow_array::{Array, ArrayRef, RecordBatch, UInt32Array};
use arrow_select::take::take;
use rustonite_core::Fixed;

use crate::batch::Part;
use crate::error::{InKernel, LakeError, Result};
use crate::layout::ARRIVAL;
use crate::read::Evidence;
use crate::series::{
    By, Instruments, Parts, Rows, Ties, named_columns, require, require_kind, whole,
};
use crate::task::Task;

const ID: &str = "trade_id";
const SEQ: &str = "seq";
/// The columns of the quote; the first is its time.
const QUOTED: [&str; 5] = ["ts_quote", "bid_price", "bid_size", "ask_price", "ask_size"];

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

/// The trades with their quotes, in the order of venue, symbol, time and id, as one batch.
///
/// # Errors
/// Files that cannot be read, rows that the layouts cannot hold, columns that there are not.
pub fn asof(
    trades: Rows,
    quotes: Rows,
    options: &AsofOptions,
    evidence: &Arc<Evidence>,
    task: &Task,
) -> Result<RecordBatch> {
    let (trades, quotes) = std::thread::scope(|scope| {
        let quotes = scope.spawn(|| Side::quotes(quotes, options, evidence, task));
        let trades = Side::trades(trades, options, evidence, task);
        (trades, quotes.join().unwrap_or(Err(LakeError::Bug("reading quotes"))))
    });
    let (mut trades, mut quotes) = (trades?, quotes?);
    let (order, standing) = matched(&trades, &quotes, &options.time)?;
    let column = |name: &String| match QUOTED.iter().position(|quoted| quoted == name) {
        Some(0) => quotes.column(&options.time, &standing),
        Some(_) => quotes.column(name, &standing),
        None => trades.column(name, &order),
    };
    let columns = options.columns.iter().map(column).collect::<Result<Vec<_>>>()?;
    named_columns(&options.columns, columns)
}

/// For all trades in their order: their rows, and the rows of their quotes.
fn matched(trades: &Side, quotes: &Side, time: &str) -> Result<(UInt32Array, UInt32Array)> {
    let mut order = Vec::with_capacity(trades.rows);
    let mut standing = Vec::with_capacity(trades.rows);
    let (traded, quoted) = (trades.times(time)?, quotes.times(time)?);
    for (name, trades) in &trades.instruments {
        let quotes = quotes.instruments.get(name).map_or(&[][..], Vec::as_slice);
        let mut next = 0;
        for &row in trades {
            let time = traded[row as usize];
            while quotes.get(next).is_some_and(|&quote| quoted[quote as usize] <= time) {
                next += 1;
            }
            order.push(row);
            standing.push(next.checked_sub(1).map(|at| quotes[at]));
        }
    }
    Ok((UInt32Array::from(order), UInt32Array::from(standing)))
}

/// Rows of one kind: columns, and for each instrument the rows in order of time.
struct Side {
    parts: Parts,
    part: Part,
    rows: usize,
    instruments: BTreeMap<Vec<String>, Vec<u32>>,
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
        let mut side = Self::read(rows, &columns, options, evidence, task)?;
        let ids = Arc::clone(&side.part.columns[side.parts.at(ID)?]);
        let numbers = whole(&ids);
        // Without an id they come last.
        side.sort(options, |row| if ids.is_valid(row) { numbers[row] } else { i64::MAX })?;
        Ok(side)
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
        // Numbers of several venues do not compare.
        if options.by == By::Instrument {
            require_kind(&rows.layout, SEQ, Some(Fixed::Int64))?;
            columns.push(SEQ);
        }
        require(&rows.layout, ARRIVAL, Some(Fixed::TimestampNs))?;
        let mut side = Self::read(rows, &columns, options, evidence, task)?;
        let column = |name| side.parts.at(name).map(|at| Arc::clone(&side.part.columns[at]));
        let arrivals = column(ARRIVAL)?;
        let numbers = column(SEQ).unwrap_or_else(|_| Arc::clone(&arrivals));
        let ties = Ties::new(&numbers, &arrivals);
        side.sort(options, |row| ties.of(row))?;
        Ok(side)
    }

    /// Reads all rows.
    fn read(
        rows: Rows,
        columns: &[&str],
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
        let mut all = Vec::new();
        let mut reader = scan.read(evidence);
        while let Some(batch) = reader.next_unless_stopped(task)? {
            all.push(parts.part(&batch)?);
        }
        for batch in hot {
            all.push(parts.part(&batch)?);
        }
        let rows = all.iter().map(|part| part.rows).sum();
        u32::try_from(rows).map_err(|_| LakeError::argument("rows", rows, "fewer than 2^32"))?;
        if all.is_empty() {
            all.push(Part::new(parts.nothing(), 0));
        }
        let part = Part::concat(all)?;
        Ok(Self { parts, part, rows, instruments: BTreeMap::new() })
    }

    fn times(&self, time: &str) -> Result<&[i64]> {
        Ok(whole(&self.part.columns[self.parts.at(time)?]))
    }

    /// Puts the rows of each instrument into order. Rows are small, so moving them costs less than
    /// moving what they are ordered by.
    fn sort(&mut self, options: &AsofOptions, tie: impl Fn(usize) -> i64) -> Result<()> {
        let times = self.times(&options.time)?;
        let mut known = Instruments::new();
        for (codes, rows) in self.parts.runs(&self.part) {
            let row = |row: usize| u32::try_from(row).unwrap_or(u32::MAX);
            known.of(codes, Vec::new).extend(rows.map(row));
        }
        let mut instruments = known.named(&self.parts);
        let compare = |&one: &u32, &other: &u32| {
            let (one, other) = (one as usize, other as usize);
            times[one].cmp(&times[other]).then_with(|| tie(one).cmp(&tie(other)))
        };
        for rows in instruments.values_mut() {
            // Stable, and quick on what is made of a few runs in order, as files are.
            rows.sort_by(compare);
        }
        self.instruments = instruments;
        Ok(())
    }

    /// Some rows of a column.
    fn column(&mut self, name: &str, rows: &UInt32Array) -> Result<ArrayRef> {
        let at = self.parts.at(name)?;
        let array = take(&self.part.columns[at], rows, None).kernel("picking rows")?;
        self.parts.plain(at, array)
    }
}
