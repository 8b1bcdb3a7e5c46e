//! The newest row of every key, by its arrival.
//!
//! Two passes: the first looks at key and arrival columns only and remembers where the newest rows
//! are, the second fetches just those. In sorted files most pages of the first pass are passed over
//! too: where the next page goes on with the same key, none of a page's rows can be the newest.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use arrow_array::{Array, ArrayRef, RecordBatch, UInt64Array};
use arrow_schema::Schema as ArrowSchema;
use arrow_select::take::take_record_batch;
use parquet::arrow::arrow_reader::RowSelection;
use rustonite_core::{ColumnType, Fixed};

use crate::batch::{Part, Picked};
use crate::conform::Conformer;
use crate::error::{InKernel, LakeError, Result, Source};
use crate::ids::Ids;
use crate::layout::{ARRIVAL, DATE, FileColumn, Layout};
use crate::metadata::{BATCH_ROWS, Opened};
use crate::order::Keys;
use crate::read::Evidence;
use crate::series::whole;
use crate::skip::outer_pages;
use crate::sort::sort;
use crate::task::Task;
use crate::texts::{Texts, plain_texts, with_texts};

/// Rows and parts held that are never too many.
const HELD_ROWS: usize = 1 << 16;
/// Rows held, as a multiple of those that are newest, before the others are dropped.
const HELD_MAX: usize = 8;

/// What tells rows apart, and what says which is newer.
#[derive(Debug)]
pub(crate) struct Newness {
    /// Positions of the key columns in the full layout.
    pub(crate) key: Vec<usize>,
    /// Position of the arrival column; the later row is newer if there is none.
    pub(crate) arrival: Option<usize>,
}

impl Newness {
    /// Key columns as given, or: partition columns but the date, then sort columns in front of the
    /// first that is a time. If no sort column is one, only texts are taken.
    pub(crate) fn new(layout: &Layout, key: Option<&[String]>) -> Result<Self> {
        let is_time =
            |position: usize| layout.column(position).kind == ColumnType::Fixed(Fixed::TimestampNs);
        let time = layout.schema.time().and_then(|time| layout.position(time));
        let arrival = layout.position(ARRIVAL).filter(|&at| is_time(at)).or(time);
        let key = match key {
            Some(names) => {
                let known = names.iter().map(|name| layout.known("key", name));
                known.collect::<Result<_>>()?
            }
            None => Self::usual_key(layout, &[arrival, time]),
        };
        let listed = key.iter().find(|&&at| matches!(layout.column(at).kind, ColumnType::List(_)));
        if let Some(&at) = listed {
            let found =
                format!("column {:?} of type {}", layout.column(at).name, layout.column(at).kind);
            return Err(LakeError::argument("key", found, "columns that have an order"));
        }
        Ok(Self { key, arrival })
    }

    fn usual_key(layout: &Layout, times: &[Option<usize>]) -> Vec<usize> {
        let is_time = |position: &&usize| times.contains(&Some(**position));
        let mut front: Vec<_> = layout.sort.iter().take_while(|at| !is_time(at)).copied().collect();
        if front.len() == layout.sort.len() {
            let is_text = |at: &usize| {
                matches!(layout.column(*at).kind, ColumnType::Dictionary(_) | ColumnType::Utf8)
            };
            front = front.into_iter().take_while(is_text).collect();
        }
        let partition = layout.partition.iter().copied();
        let mut key: Vec<_> = partition.filter(|&at| layout.column(at).name != DATE).collect();
        front.retain(|at| !key.contains(at));
        key.extend(front);
        key
    }

    /// The layout of key and arrival columns alone, keys first.
    fn narrow(&self, layout: &Layout) -> Layout {
        let columns =
            self.key.iter().chain(self.arrival.iter().filter(|at| !self.key.contains(at)));
        let column = |&at: &usize| FileColumn { nullable: true, ..layout.column(at).clone() };
        layout.of(columns.map(column).collect(), None)
    }
}

/// Where the newest row of a key is.
#[derive(Clone, Copy, Debug)]
struct Place {
    arrival: i64,
    /// Number of the file or of the part held.
    source: usize,
    row: u64,
}

/// There is no such row yet.
const NOWHERE: Place = Place { arrival: i64::MIN, source: usize::MAX, row: 0 };

/// The first pass: which rows are the newest so far.
struct Newest {
    narrow: Arc<Layout>,
    texts: Texts,
    /// Positions of the key columns in the narrow layout.
    keys: Vec<usize>,
    /// Position of the arrival column there.
    arrival: Option<usize>,
    ids: Ids,
    places: Vec<Place>,
}

impl Newest {
    fn new(layout: &Layout, newness: &Newness) -> Self {
        let narrow = Arc::new(newness.narrow(layout));
        Self {
            texts: Texts::new(&narrow),
            keys: (0..newness.key.len()).collect(),
            arrival: newness.arrival.and_then(|at| narrow.position(&layout.column(at).name)),
            narrow,
            ids: Ids::default(),
            places: Vec::new(),
        }
    }

    /// Looks at rows of a source; `first` is the number of the first of them.
    fn look(&mut self, part: &Part, source: usize, first: u64) {
        let keys = Keys::new(part, &self.narrow, &self.keys);
        let ids = self.ids.of(&keys, part.rows);
        let arrivals = self.arrival.map(|at| arrivals(&part.columns[at]));
        for (row, &id) in ids.iter().enumerate() {
            let id = id as usize;
            if id >= self.places.len() {
                self.places.resize(id + 1, NOWHERE);
            }
            let arrival = arrivals.as_ref().map_or(0, |arrivals| arrivals[row]);
            // Of equals the later is the newer.
            if arrival >= self.places[id].arrival {
                self.places[id] = Place { arrival, source, row: first + row as u64 };
            }
        }
    }

    fn known(&self) -> impl Iterator<Item = &Place> {
        self.places.iter().filter(|place| place.source != usize::MAX)
    }

    /// The newest rows of each source, in order.
    fn by_source(&self) -> BTreeMap<usize, Vec<u64>> {
        let mut rows: BTreeMap<usize, Vec<u64>> = BTreeMap::new();
        for place in self.known() {
            rows.entry(place.source).or_default().push(place.row);
        }
        for rows in rows.values_mut() {
            rows.sort_unstable();
        }
        rows
    }
}

/// Arrivals as whole numbers; a null is older than everything.
fn arrivals(array: &ArrayRef) -> Vec<i64> {
    let mut values = whole(array).to_vec();
    if let Some(nulls) = array.nulls() {
        values
            .iter_mut()
            .zip(nulls)
            .filter(|(_, set)| !set)
            .for_each(|(value, _)| *value = i64::MIN);
    }
    values
}

/// The newest rows of sorted files, in the order of their keys, as one batch.
///
/// # Errors
/// Files that cannot be read.
pub fn last_of_files(
    layout: &Arc<Layout>,
    files: &[PathBuf],
    key: Option<&[String]>,
    dictionaries: bool,
    evidence: &Evidence,
    task: &Task,
) -> Result<RecordBatch> {
    let newness = Newness::new(layout, key)?;
    let mut newest = Newest::new(layout, &newness);
    let mut opened = Vec::with_capacity(files.len());
    for (number, path) in files.iter().enumerate() {
        let file = Opened::open_for_query(path, Arc::clone(&evidence.bytes))?;
        evidence.add_groups(file.metadata.num_row_groups());
        let mut conformer = Conformer::new(&newest.narrow, Some(path.clone()));
        for (group, selection) in outer_pages(&file, layout, &newness)? {
            evidence.add_read();
            look_at_group(&mut newest, &mut conformer, &file, number, group, selection, task)?;
        }
        opened.push(file);
    }
    let mut found = Found::new(layout, &newness);
    for (number, rows) in newest.by_source() {
        found.fetch(&opened[number], &rows, task)?;
    }
    found.finish(dictionaries, task)
}

/// The newest rows of a source, in the order of their keys, as one batch.
///
/// # Errors
/// Rows that the layout cannot hold, or a failing source.
pub fn last_of_source(
    layout: &Arc<Layout>,
    source: &mut dyn Source,
    key: Option<&[String]>,
    dictionaries: bool,
    task: &Task,
) -> Result<RecordBatch> {
    let newness = Newness::new(layout, key)?;
    let mut newest = Newest::new(layout, &newness);
    let mut conformer = Conformer::new(&newest.narrow, None);
    let mut found = Found::new(layout, &newness);
    while let Some(batch) = source.next().map_err(LakeError::Source)? {
        task.check()?;
        let part = conformer.part(&batch, &mut newest.texts)?;
        let number = found.parts.len();
        newest.look(&part, number, 0);
        found.keep(&batch, number, &mut newest)?;
        found.drop_old(&mut newest)?;
        task.done(batch.num_rows());
    }
    let picked = found.picked(&newest);
    found.finish_picked(&picked, dictionaries, task)
}

#[allow(clippy::too_many_arguments, reason = "one caller; a struct would only name them again")]
fn look_at_group(
    newest: &mut Newest,
    conformer: &mut Conformer,
    file: &Opened,
    number: usize,
    group: usize,
    selection: Option<RowSelection>,
    task: &Task,
) -> Result<()> {
    let first: u64 = file.first_row(group);
    let ranges = selected_ranges(selection.as_ref(), file.group_rows(group));
    let narrow = Arc::clone(&newest.narrow);
    let mut places = ranges.into_iter();
    let (mut at, mut left) = (0, 0);
    for batch in file.read_group(group, &narrow, selection, BATCH_ROWS)? {
        task.check()?;
        let batch = batch.map_err(|error| LakeError::decoding(file.path(), error))?;
        let mut start = 0;
        while start < batch.num_rows() {
            if left == 0 {
                let Some((from, rows)) = places.next() else { break };
                (at, left) = (from, rows);
            }
            let rows = left.min(batch.num_rows() - start);
            let part = conformer.part(&batch.slice(start, rows), &mut newest.texts)?;
            newest.look(&part, number, first + at as u64);
            (start, at, left) = (start + rows, at + rows, left - rows);
        }
    }
    Ok(())
}

/// First row and length of what a selection selects.
fn selected_ranges(selection: Option<&RowSelection>, rows: usize) -> Vec<(usize, usize)> {
    let Some(selection) = selection else { return vec![(0, rows)] };
    let mut ranges = Vec::new();
    let mut start = 0;
    for rows in selection.iter() {
        if !rows.skip {
            ranges.push((start, rows.row_count));
        }
        start += rows.row_count;
    }
    ranges
}

/// The second pass: whole rows.
struct Found {
    layout: Arc<Layout>,
    conformer: Conformer,
    texts: Texts,
    key: Vec<usize>,
    parts: Vec<Arc<Part>>,
}

impl Found {
    fn new(layout: &Arc<Layout>, newness: &Newness) -> Self {
        Self {
            conformer: Conformer::new(layout, None),
            texts: Texts::new(layout),
            key: newness.key.clone(),
            parts: Vec::new(),
            layout: Arc::clone(layout),
        }
    }

    /// Reads rows of a file.
    fn fetch(&mut self, file: &Opened, rows: &[u64], task: &Task) -> Result<()> {
        let mut conformer = Conformer::new(&self.layout, Some(file.path().to_owned()));
        for group in 0..file.metadata.num_row_groups() {
            let first = file.first_row(group);
            let count = file.group_rows(group);
            let start = rows.partition_point(|&row| row < first);
            let end = rows.partition_point(|&row| row < first + count as u64);
            if start == end {
                continue;
            }
            let row = |&row: &u64| usize::try_from(row - first).unwrap_or(0);
            let ranges = rows[start..end].iter().map(row).map(|row| row..row + 1);
            let selection = RowSelection::from_consecutive_ranges(ranges, count);
            for batch in file.read_group(group, &self.layout, Some(selection), BATCH_ROWS)? {
                task.check()?;
                let batch = batch.map_err(|error| LakeError::decoding(file.path(), error))?;
                self.parts.push(Arc::new(conformer.part(&batch, &mut self.texts)?));
            }
        }
        Ok(())
    }

    /// Keeps the rows of a batch that are the newest so far.
    fn keep(&mut self, batch: &RecordBatch, number: usize, newest: &mut Newest) -> Result<()> {
        let mut rows = Vec::new();
        for place in newest.places.iter_mut().filter(|place| place.source == number) {
            rows.push(place.row);
            place.row = rows.len() as u64 - 1;
        }
        let taken = take_record_batch(batch, &UInt64Array::from(rows)).kernel("picking rows")?;
        self.parts.push(Arc::new(self.conformer.part(&taken, &mut self.texts)?));
        Ok(())
    }

    /// Drops rows that are not the newest any more, when they have become many.
    fn drop_old(&mut self, newest: &mut Newest) -> Result<()> {
        let held: usize = self.parts.iter().map(|part| part.rows).sum();
        if held < HELD_ROWS + HELD_MAX * newest.places.len() && self.parts.len() < HELD_ROWS {
            return Ok(());
        }
        let picked = self.picked(newest);
        let part = picked.part()?;
        let known = newest.places.iter_mut().filter(|place| place.source != usize::MAX);
        for (row, place) in (0..).zip(known) {
            (place.source, place.row) = (0, row);
        }
        self.parts = vec![Arc::new(part)];
        Ok(())
    }

    /// The newest rows among those held.
    fn picked(&self, newest: &Newest) -> Picked {
        let mut picked = Picked::default();
        for place in newest.known() {
            let row = usize::try_from(place.row).unwrap_or(usize::MAX);
            picked.push(&self.parts[place.source], row, 1);
        }
        picked
    }

    fn finish(self, dictionaries: bool, task: &Task) -> Result<RecordBatch> {
        let mut picked = Picked::default();
        for part in &self.parts {
            picked.push(part, 0, part.rows);
        }
        self.finish_picked(&picked, dictionaries, task)
    }

    /// The rows in the order of their keys.
    fn finish_picked(
        mut self,
        picked: &Picked,
        dictionaries: bool,
        task: &Task,
    ) -> Result<RecordBatch> {
        let mut part = Arc::new(picked.part()?);
        let order = sort(std::slice::from_ref(&part), &self.layout, &self.key, &self.texts, task)?;
        if let Some(order) = order {
            let mut sorted = Picked::default();
            for &row in &order {
                sorted.push(&part, row as usize, 1);
            }
            part = Arc::new(sorted.part()?);
        }
        let dressed = if dictionaries { with_texts } else { plain_texts };
        let texts = self.texts.arrays();
        let columns = part.columns.iter().zip(&texts);
        let columns = columns.map(|(array, texts)| dressed(Arc::clone(array), texts.as_ref()));
        let columns = columns.collect::<Result<Vec<_>>>()?;
        let fields = self.layout.columns.iter();
        let fields: Vec<_> = fields.map(|column| column.handed(dictionaries)).collect();
        RecordBatch::try_new(Arc::new(ArrowSchema::new(fields)), columns).kernel("newest rows")
    }
}
