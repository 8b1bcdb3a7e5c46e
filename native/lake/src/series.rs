//! What kernels over time series share: rows of files and of tapes as parts of one layout, in runs
//! of one instrument.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{Int32Type, Int64Type, TimestampNanosecondType};
use arrow_array::{Array, ArrayRef, RecordBatch, StringArray, new_null_array};
use arrow_buffer::NullBuffer;
use arrow_schema::DataType;
use rustonite_core::{ColumnType, Fixed};

use crate::batch::Part;
use crate::conform::Conformer;
use crate::error::{InKernel, LakeError, Result};
use crate::filter::Filter;
use crate::layout::{DATE, Layout};
use crate::order::Keys;
use crate::read::{Scan, ScanOptions};
use crate::texts::{Pool, Texts};

pub(crate) const VENUE: &str = "venue";
pub(crate) const SYMBOL: &str = "symbol";

/// The rows of a dataset that are asked for: of its files those that pass the filters, and rows
/// that are in no file yet, all of which are wanted.
#[derive(Debug)]
pub struct Rows {
    /// Columns of the dataset.
    pub layout: Arc<Layout>,
    /// Its files.
    pub files: Vec<std::path::PathBuf>,
    /// What rows of files have to pass.
    pub filters: Vec<Filter>,
    /// Rows of tapes.
    pub hot: Vec<RecordBatch>,
    /// Threads that decode, at least 1.
    pub threads: usize,
}

impl Rows {
    /// A scan of these columns, and those that name an instrument; their layout; the other rows.
    pub(crate) fn scan(
        self,
        columns: &[&str],
        by: By,
    ) -> Result<(Arc<Scan>, Arc<Layout>, Vec<RecordBatch>)> {
        let layout = narrow(&self.layout, by.columns().iter().chain(columns))?;
        let stored = layout.columns[..layout.columns_given()].iter();
        let options = ScanOptions {
            columns: Some(stored.map(|column| column.name.clone()).collect()),
            filters: self.filters,
            dictionaries: true,
            threads: self.threads,
        };
        let scan = Scan::new(&self.layout, self.files, &options)?;
        Ok((Arc::new(scan), Arc::new(layout), self.hot))
    }
}

/// Makes parts of batches.
pub(crate) struct Parts {
    pub(crate) texts: Texts,
    layout: Arc<Layout>,
    conformer: Conformer,
    keys: Vec<usize>,
}

impl Parts {
    /// The layout has the columns that name an instrument in front.
    pub(crate) fn new(layout: &Arc<Layout>, by: By) -> Self {
        Self {
            texts: Texts::new(layout),
            keys: (0..by.columns().len()).collect(),
            conformer: Conformer::new(layout, None),
            layout: Arc::clone(layout),
        }
    }

    pub(crate) fn part(&mut self, batch: &RecordBatch) -> Result<Part> {
        self.conformer.part(batch, &mut self.texts)
    }

    /// Position of a column, if it is one of those asked for.
    pub(crate) fn find(&self, name: &str) -> Option<usize> {
        self.layout.position(name)
    }

    /// Position of a column, which must be one of those asked for.
    pub(crate) fn at(&self, name: &str) -> Result<usize> {
        self.layout.known("column", name)
    }

    /// Neighbouring rows of one instrument: its name, as codes of the pools, and where they end.
    pub(crate) fn runs<'a>(&self, part: &'a Part) -> Runs<'a> {
        let codes =
            self.keys.iter().map(|&at| part.columns[at].as_primitive::<Int32Type>().values());
        let codes = codes.map(AsRef::as_ref).collect();
        Runs { keys: Keys::new(part, &self.layout, &self.keys), codes, row: 0, rows: part.rows }
    }

    /// The texts of an instrument in the order of results: the venue first.
    pub(crate) fn name(&self, codes: Codes) -> Vec<String> {
        let text = |(&at, &code): (&usize, &i32)| {
            self.texts.pool(at).map_or_else(String::new, |pool| pool.text(code).to_owned())
        };
        self.keys.iter().zip(&codes).rev().map(text).collect()
    }

    /// A row of a column that is null.
    pub(crate) fn null(&self, at: usize) -> ArrayRef {
        new_null_array(&self.layout.column(at).moved(), 1)
    }

    /// The texts that codes of a column stand for; `None` if it has no codes.
    pub(crate) fn texts_of(&mut self, at: usize) -> Option<Arc<StringArray>> {
        self.texts.pool_mut(at).map(Pool::array)
    }
}

/// What rows belong together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum By {
    /// Each symbol of each venue.
    Instrument,
    /// Each symbol, over all venues.
    Symbol,
}

impl By {
    /// The symbol first: files are sorted by it, so its runs end the sooner.
    fn columns(self) -> &'static [&'static str] {
        match self {
            Self::Instrument => &[SYMBOL, VENUE],
            Self::Symbol => &[SYMBOL],
        }
    }

    /// The names of results, in order.
    pub(crate) fn names(self) -> &'static [&'static str] {
        match self {
            Self::Instrument => &[VENUE, SYMBOL],
            Self::Symbol => &[SYMBOL],
        }
    }
}

/// An instrument as codes of the pools: symbol, and venue or nothing.
pub(crate) type Codes = [i32; 2];

/// Instruments met so far, each with something of its own. Codes are small, so a table finds them.
#[derive(Debug)]
pub(crate) struct Instruments<T> {
    table: Vec<Vec<usize>>,
    all: Vec<(Codes, T)>,
}

impl<T> Instruments<T> {
    pub(crate) fn new() -> Self {
        Self { table: Vec::new(), all: Vec::new() }
    }

    #[allow(clippy::cast_sign_loss, reason = "codes of rows that are never null")]
    pub(crate) fn of(&mut self, codes: Codes, make: impl FnOnce() -> T) -> &mut T {
        let [symbol, venue] = codes.map(|code| code as usize);
        if symbol >= self.table.len() {
            self.table.resize(symbol + 1, Vec::new());
        }
        let row = &mut self.table[symbol];
        if venue >= row.len() {
            row.resize(venue + 1, usize::MAX);
        }
        if row[venue] == usize::MAX {
            row[venue] = self.all.len();
            self.all.push((codes, make()));
        }
        &mut self.all[row[venue]].1
    }

    /// All of them, by name.
    pub(crate) fn named(self, parts: &Parts) -> BTreeMap<Vec<String>, T> {
        self.all.into_iter().map(|(codes, one)| (parts.name(codes), one)).collect()
    }
}

/// Runs of rows that have one instrument.
pub(crate) struct Runs<'a> {
    keys: Keys,
    codes: Vec<&'a [i32]>,
    row: usize,
    rows: usize,
}

impl Iterator for Runs<'_> {
    type Item = (Codes, std::ops::Range<usize>);

    fn next(&mut self) -> Option<Self::Item> {
        let start = self.row;
        if start == self.rows {
            return None;
        }
        self.row = self.keys.same_until(self.codes.len(), start, self.rows);
        let code = |at: usize| self.codes.get(at).map_or(0, |codes| codes[start]);
        Some(([code(0), code(1)], start..self.row))
    }
}

/// A layout of some columns, each once. A date that is derived needs the column that it is of.
fn narrow<'a>(layout: &Layout, names: impl Iterator<Item = &'a &'a str>) -> Result<Layout> {
    let mut chosen: Vec<usize> = Vec::new();
    let mut date = None;
    for name in names {
        let at = layout.known("columns", name)?;
        let of = if *name == DATE { layout.date_from } else { None };
        date = date.or(of.map(|_| at));
        let at = of.unwrap_or(at);
        if !chosen.contains(&at) {
            chosen.push(at);
        }
    }
    let date_from = date.and(layout.date_from);
    let date_from = date_from.and_then(|time| chosen.iter().position(|&at| at == time));
    chosen.extend(date);
    let columns = chosen.into_iter().map(|at| layout.column(at).clone());
    Ok(layout.of(columns.collect(), date_from))
}

/// Refuses a column that may be null, or is not of a kind.
pub(crate) fn require(layout: &Layout, name: &str, fixed: Option<Fixed>) -> Result<()> {
    if layout.column(layout.known("column", name)?).nullable {
        let found = format!("{name:?} that may be null");
        return Err(LakeError::argument("column", found, "one that is never null"));
    }
    require_kind(layout, name, fixed)
}

/// Refuses a column that is not of a kind; texts if `None`.
pub(crate) fn require_kind(layout: &Layout, name: &str, fixed: Option<Fixed>) -> Result<()> {
    let column = layout.column(layout.known("column", name)?);
    let fits = match fixed {
        Some(fixed) => column.kind == ColumnType::Fixed(fixed),
        None => column.is_coded(),
    };
    if fits {
        return Ok(());
    }
    let expected =
        fixed.map_or_else(|| "texts".to_owned(), |fixed| ColumnType::Fixed(fixed).to_string());
    Err(LakeError::argument("column", format!("{name:?} of type {}", column.kind), expected))
}

/// Times or whole numbers; what stands for a null is not looked at.
pub(crate) fn whole(array: &ArrayRef) -> &[i64] {
    match array.data_type() {
        DataType::Timestamp(..) => array.as_primitive::<TimestampNanosecondType>().values(),
        _ => array.as_primitive::<Int64Type>().values(),
    }
}

/// What orders rows of one moment: the venue's own number, or else the arrival.
#[derive(Clone, Copy)]
pub(crate) struct Ties<'a> {
    numbers: &'a [i64],
    nulls: Option<&'a NullBuffer>,
    arrivals: Option<&'a [i64]>,
}

impl<'a> Ties<'a> {
    /// Without arrivals rows that have no number come last.
    pub(crate) fn new(numbers: &'a ArrayRef, arrivals: Option<&'a ArrayRef>) -> Self {
        Self { numbers: whole(numbers), nulls: numbers.nulls(), arrivals: arrivals.map(whole) }
    }

    #[inline]
    pub(crate) fn of(&self, row: usize) -> i64 {
        if self.nulls.is_some_and(|nulls| nulls.is_null(row)) {
            return self.arrivals.map_or(i64::MAX, |arrivals| arrivals[row]);
        }
        self.numbers[row]
    }
}

/// A batch of columns that may all be null.
pub(crate) fn named_columns(names: &[String], columns: Vec<ArrayRef>) -> Result<RecordBatch> {
    let columns = names.iter().zip(columns).map(|(name, column)| (name, column, true));
    RecordBatch::try_from_iter_with_nullable(columns).kernel("putting columns together")
}
