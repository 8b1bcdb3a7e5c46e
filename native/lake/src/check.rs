//! Checking a file as a whole: every byte is read, and everything that the log or the footer says
//! of the rows is held against the rows.

use std::path::Path;
use std::sync::Arc;

use arrow_array::{Array, ArrayRef, RecordBatch};
use arrow_schema::{DataType, Field};
use parquet::file::metadata::RowGroupMetaData;

use crate::batch::Part;
use crate::bounds;
use crate::conform::Conformer;
use crate::error::{LakeError, Result};
use crate::layout::Layout;
use crate::metadata::{BATCH_ROWS, Opened};
use crate::order::Keys;
use crate::partition::{self, Partition};
use crate::sink::SUM_KEY;
use crate::stats::{Bound, Bounds, chunk_range, differences};
use crate::task::Task;
use crate::texts::Texts;

/// What the log says of a file.
#[derive(Clone, Debug, Default)]
pub struct Expected {
    /// Partition columns and their values as text; `None` is a null.
    pub partition: Vec<(String, Option<String>)>,
    /// Delta's statistics, as JSON.
    pub stats: Option<String>,
    /// Rows.
    pub rows: Option<u64>,
    /// Bytes.
    pub size: Option<u64>,
}

/// Problems that are listed before the file is given up.
const PROBLEMS_MAX: usize = 20;

/// Reads a whole file and lists what is wrong with it, a sentence each. A file that cannot be read
/// is a problem, too.
///
/// # Errors
/// [`LakeError::Stopped`] alone.
pub fn check(
    layout: &Arc<Layout>,
    path: &Path,
    expected: &Expected,
    task: &Task,
) -> Result<Vec<String>> {
    let mut checking = Checking::new(layout, path, expected);
    match checking.run(task) {
        Err(LakeError::Stopped) => return Err(LakeError::Stopped),
        Err(error) => checking.problems.push(error.to_string()),
        Ok(()) => {}
    }
    Ok(checking.problems)
}

/// A check under way.
struct Checking<'a> {
    layout: &'a Arc<Layout>,
    path: &'a Path,
    expected: &'a Expected,
    texts: Texts,
    conformer: Conformer,
    /// Key columns of the part before, and its last row.
    before: Option<(Keys, usize)>,
    /// A row of another partition was found.
    is_misplaced: bool,
    problems: Vec<String>,
}

impl<'a> Checking<'a> {
    fn new(layout: &'a Arc<Layout>, path: &'a Path, expected: &'a Expected) -> Self {
        Self {
            layout,
            path,
            expected,
            texts: Texts::new(layout),
            conformer: Conformer::new(layout, Some(path.to_owned())),
            before: None,
            is_misplaced: false,
            problems: Vec::new(),
        }
    }

    fn problem(&mut self, what: impl Into<String>, found: impl ToString, expected: impl ToString) {
        self.problems.push(LakeError::corrupt(self.path, what, found, expected).to_string());
    }

    fn run(&mut self, task: &Task) -> Result<()> {
        let opened = Opened::open(self.path)?;
        let size = opened.file.size();
        if let Some(expected) = self.expected.size.filter(|&expected| expected != size) {
            self.problem("size", size, expected);
        }
        let rows = opened.rows();
        if let Some(expected) = self.expected.rows.filter(|&expected| expected != rows) {
            self.problem("rows", rows, expected);
        }
        self.check_sum(&opened)?;
        self.check_columns(&opened)?;
        let mut all = vec![Bounds::default(); self.layout.columns.len()];
        for group in 0..opened.metadata.num_row_groups() {
            let found = self.read_group(&opened, group, task)?;
            self.check_chunks(opened.metadata.row_group(group), group, &found);
            all.iter_mut().zip(found).for_each(|(all, found)| all.merge(found));
            if self.problems.len() > PROBLEMS_MAX {
                self.problems
                    .push(format!("{}: and more; reading ended here", self.path.display()));
                return Ok(());
            }
        }
        if self.conformer.rows() != rows {
            self.problem("rows", self.conformer.rows(), format!("{rows} as the footer says"));
        }
        if let Some(stats) = &self.expected.stats {
            for (what, found, expected) in differences(self.layout, rows, &all, stats) {
                self.problem(what, found, expected);
            }
        }
        Ok(())
    }

    /// Compares the bytes in front of the indexes with their checksum, if the footer has one.
    fn check_sum(&mut self, opened: &Opened) -> Result<()> {
        let facts = opened.metadata.file_metadata().key_value_metadata();
        let fact = facts.into_iter().flatten().find(|fact| fact.key == SUM_KEY);
        let Some(fact) = fact.and_then(|fact| fact.value.as_deref()) else { return Ok(()) };
        let expected = fact.split_once(' ').and_then(|(bytes, sum)| {
            Some((bytes.parse::<u64>().ok()?, u32::from_str_radix(sum, 16).ok()?))
        });
        let Some((bytes, expected)) = expected else {
            self.problem(SUM_KEY, format!("{fact:?}"), "a number of bytes and a checksum");
            return Ok(());
        };
        let found = opened.file.sum(bytes)?;
        if found != expected {
            let what = format!("checksum of the first {bytes} bytes");
            self.problem(what, format!("{found:08x}"), format!("{expected:08x}"));
        }
        Ok(())
    }

    /// Compares the columns of the file with those of the layout.
    fn check_columns(&mut self, opened: &Opened) -> Result<()> {
        let found = opened.hint(self.layout, false)?;
        for field in found.fields() {
            if self.layout.position(field.name()).is_none() {
                self.problem(format!("column {:?}", field.name()), "it", "no such column");
            }
        }
        let layout = Arc::clone(self.layout);
        for column in &layout.columns {
            let what = format!("column {:?}", column.name);
            let stored = column.stored();
            match found.field_with_name(&column.name) {
                Ok(field) if is_alike(field, &stored) => {}
                Ok(field) => self.problem(what, field.data_type(), stored.data_type()),
                Err(_) if column.nullable => {}
                Err(_) => {
                    let expected = format!("{} (never null)", column.kind);
                    self.problem(what, "no such column", expected);
                }
            }
        }
        let known = found.fields().iter().filter_map(|field| layout.position(field.name()));
        if !known.is_sorted() {
            let names: Vec<_> = found.fields().iter().map(|field| field.name().as_str()).collect();
            self.problem("columns", names.join(", "), "the order of the schema");
        }
        Ok(())
    }

    /// Reads a row group and returns the bounds of its columns.
    fn read_group(&mut self, opened: &Opened, group: usize, task: &Task) -> Result<Vec<Bounds>> {
        let layout = Arc::clone(self.layout);
        let mut found = vec![Bounds::default(); layout.columns.len()];
        for batch in opened.read_group(group, &layout, None, BATCH_ROWS)? {
            task.check()?;
            let batch = batch.map_err(|error| LakeError::decoding(self.path, error))?;
            let first = self.conformer.rows();
            let part = self.conformer.part(&batch, &mut self.texts)?;
            self.check_order(&part, first);
            self.check_partition(&part, first)?;
            self.check_dates(&part, &batch, first);
            for (at, bounds) in found.iter_mut().enumerate() {
                let pool = self.texts.pool(at);
                bounds.merge(bounds::of_array(layout.column(at).kind, &part.columns[at], pool));
            }
            task.done(part.rows);
        }
        Ok(found)
    }

    fn check_order(&mut self, part: &Part, first: u64) {
        let keys = Keys::new(part, self.layout, &self.layout.sort);
        let drop = match &self.before {
            Some((before, last)) if before.compare(*last, &keys, 0, &self.texts).is_gt() => Some(0),
            _ => keys.unsorted(part.rows, &self.texts),
        };
        if let Some(row) = drop {
            let names = self.layout.sort.iter().map(|&at| self.layout.column(at).name.as_str());
            let expected = format!("rows sorted by {}", names.collect::<Vec<_>>().join(", "));
            let found = "a row that belongs before the one in front of it";
            self.problem(format!("row {}", first + row as u64), found, expected);
        }
        self.before = part.rows.checked_sub(1).map(|last| (keys, last));
    }

    /// Compares the partition columns of all rows with the log; the first difference is enough.
    fn check_partition(&mut self, part: &Part, first: u64) -> Result<()> {
        let wanted: Partition = self.wanted_partition();
        let keys = Keys::new(part, self.layout, &self.layout.partition);
        let mut row = 0;
        while row < part.rows && !self.is_misplaced {
            let found = partition::of_row(part, row, self.layout, &self.texts)?;
            if found != wanted {
                self.is_misplaced = true;
                let expected = partition::folder(self.layout, &wanted).display().to_string();
                let found = partition::folder(self.layout, &found).display().to_string();
                self.problem(format!("row {}", first + row as u64), found, expected);
            }
            row = keys.same_until(usize::MAX, row, part.rows);
        }
        Ok(())
    }

    /// The partition that the log names.
    fn wanted_partition(&self) -> Partition {
        let value = |&at: &usize| {
            let name = &self.layout.column(at).name;
            let known = self.expected.partition.iter().find(|(known, _)| known == name);
            known.and_then(|(_, value)| value.clone())
        };
        self.layout.partition.iter().map(value).collect()
    }

    /// Compares stored dates with the times that they are derived from.
    fn check_dates(&mut self, part: &Part, batch: &RecordBatch, first: u64) {
        let (Some(_), Some(derived)) = (self.layout.date_from, part.columns.last()) else { return };
        let Some(column) = self.layout.columns.last() else { return };
        let Some(stored) = batch.column_by_name(&column.name) else {
            if derived.null_count() == derived.len() {
                return;
            }
            return self.problem(format!("column {:?}", column.name), "no such column", "the date");
        };
        if let Some(row) = first_difference(stored, derived) {
            let what = format!("column {:?}, row {}", column.name, first + row as u64);
            self.problem(what, "another date", "the UTC date of the time column");
        }
    }

    /// Compares statistics in the footer with the rows.
    fn check_chunks(&mut self, group: &RowGroupMetaData, number: usize, found: &[Bounds]) {
        let layout = Arc::clone(self.layout);
        for (column, bounds) in layout.columns.iter().zip(found) {
            let chunk = group.columns().iter().find(|chunk| {
                chunk.column_path().parts().first().is_some_and(|name| *name == column.name)
            });
            let Some(stats) = chunk.and_then(|chunk| chunk.statistics()) else { continue };
            let what = || format!("row group {number}, column {:?}", column.name);
            if let Some(range) = chunk_range(column, stats)
                && bounds.range.as_ref() != Some(&range)
            {
                let text = |range: &(Bound, Bound)| {
                    let (least, most) = range;
                    format!("{} to {}", least.text(column.kind), most.text(column.kind))
                };
                let actual = bounds.range.as_ref().map_or("no values".to_owned(), text);
                self.problem(format!("{}, bounds", what()), text(&range), actual);
            }
            let is_list = matches!(column.kind, rustonite_core::ColumnType::List(_));
            if let Some(nulls) = stats.null_count_opt().filter(|_| !is_list)
                && nulls != bounds.nulls
            {
                self.problem(format!("{}, nulls", what()), nulls, bounds.nulls);
            }
        }
    }
}

/// Whether a column of a file has the type of a layout's; names of list items do not matter.
fn is_alike(found: &Field, stored: &Field) -> bool {
    match (found.data_type(), stored.data_type()) {
        (DataType::List(one), DataType::List(two)) => one.data_type() == two.data_type(),
        (one, two) => one == two,
    }
}

fn first_difference(one: &ArrayRef, two: &ArrayRef) -> Option<usize> {
    if one == two {
        return None;
    }
    if one.data_type() != two.data_type() {
        return Some(0);
    }
    (0..one.len().min(two.len())).find(|&row| one.slice(row, 1) != two.slice(row, 1))
}
