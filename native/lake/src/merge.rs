//! Merging sorted files into fewer, larger ones.
//!
//! The input whose next row comes first gives as many rows as come before the next row of any
//! other: files of a recorder follow each other in time, so these runs are long and rows move by
//! slices. Equal rows keep the order of their files.

use std::cmp::Ordering;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::batch::Part;
use crate::error::{LakeError, Result};
use crate::input::Input;
use crate::layout::Layout;
use crate::order::{Keys, gallop};
use crate::partition;
use crate::sink::{Sink, SinkOptions, WrittenFile};
use crate::spill::Spill;
use crate::task::Task;
use crate::texts::Texts;

/// Most files that are read together.
const INPUTS_MAX: usize = 64;

/// Settings of a merge.
#[derive(Clone, Debug)]
pub struct MergeOptions {
    /// File name without its ending.
    pub name: String,
    /// Whether pages are compressed.
    pub compressed: bool,
    /// Most rows of a file; files end earlier, where the first sort column changes.
    pub file_rows_max: usize,
    /// Folder for intermediate files; the system's if `None`.
    pub spill: Option<PathBuf>,
    /// Threads that encode.
    pub threads: usize,
}

/// Merges sorted files of one partition.
///
/// # Errors
/// Files that cannot be read, are not sorted or hold rows of several partitions; and whatever keeps
/// the new files from being written. Nothing is left behind then.
pub fn merge(
    layout: &Arc<Layout>,
    inputs: &[PathBuf],
    folder: &Path,
    options: &MergeOptions,
    task: &Task,
) -> Result<Vec<WrittenFile>> {
    let mut spill = Spill::new(options.spill.as_deref(), options.threads);
    let merging = Merging { layout, one_partition: true, task };
    let inputs = merging.narrow(inputs.to_vec(), &mut spill)?;
    let options = SinkOptions {
        folder: folder.to_owned(),
        name: options.name.clone(),
        compressed: options.compressed,
        file_rows_max: options.file_rows_max,
        threads: options.threads,
        durable: true,
    };
    merging.run(&inputs, Sink::new(layout, options, task)?, None)
}

/// A merge of files with one layout.
pub(crate) struct Merging<'a> {
    pub(crate) layout: &'a Arc<Layout>,
    /// Whether rows of a second partition are an error.
    pub(crate) one_partition: bool,
    pub(crate) task: &'a Task,
}

impl Merging<'_> {
    /// Merges neighbouring files into intermediate ones until all that are left can be open
    /// together.
    pub(crate) fn narrow(
        &self,
        mut inputs: Vec<PathBuf>,
        spill: &mut Spill,
    ) -> Result<Vec<PathBuf>> {
        while inputs.len() > INPUTS_MAX {
            let mut merged = Vec::new();
            for group in inputs.chunks(INPUTS_MAX) {
                let run_layout = Spill::layout(self.layout);
                let options = spill.next()?;
                let path = options.folder.join(format!("{}.parquet", options.name));
                let sink = Sink::new(&run_layout, options, self.task)?;
                let written = self.run(group, sink, None)?;
                if written.len() > 1 {
                    return Err(LakeError::Bug("an intermediate file was split"));
                }
                for path in group {
                    spill.forget(path);
                }
                // Files without rows leave no file.
                merged.extend((!written.is_empty()).then_some(path));
            }
            inputs = merged;
        }
        Ok(inputs)
    }

    /// Merges files that may all be open together. They have so many rows in all, if that is known.
    pub(crate) fn run(
        &self,
        paths: &[PathBuf],
        mut sink: Sink<'_>,
        rows: Option<u64>,
    ) -> Result<Vec<WrittenFile>> {
        let mut texts = Texts::new(self.layout);
        let mut heap = Heap { cursors: Vec::new(), heads: Vec::new() };
        let order = self.layout.order();
        let mut found = 0;
        for (number, path) in paths.iter().enumerate() {
            let input = Input::open(path, self.layout)?;
            found += input.rows();
            let mut cursor = Cursor::new(number, input);
            if cursor.refill(self, &order, &mut texts)? {
                heap.cursors.push(cursor);
            }
        }
        heap.build(&texts);
        let mut last: Option<Last> = None;
        while let Some(end) = heap.run_end(&texts) {
            self.task.check()?;
            let cursor = heap.first();
            let (part, keys) = (Arc::clone(&cursor.part), Arc::clone(&cursor.keys));
            let mut start = cursor.row;
            while start < end {
                let stop = keys.same_until(self.layout.partition.len(), start, end);
                if last.as_ref().is_none_or(|last| self.is_other(last, &keys, start)) {
                    self.begin(&mut sink, cursor, start, last.is_some(), &mut texts)?;
                }
                sink.push(&part, start, stop - start, &mut texts)?;
                last = Some(Last { keys: Arc::clone(&keys), row: stop - 1 });
                start = stop;
            }
            heap.advance(end, self, &order, &mut texts)?;
        }
        sink.finish(rows.unwrap_or(found), &mut texts)
    }

    fn is_other(&self, last: &Last, keys: &Keys, row: usize) -> bool {
        last.keys.differs(self.layout.partition.len(), last.row, keys, row)
    }

    fn begin(
        &self,
        sink: &mut Sink<'_>,
        cursor: &Cursor,
        row: usize,
        is_second: bool,
        texts: &mut Texts,
    ) -> Result<()> {
        if is_second && self.one_partition {
            let partition = partition::of_row(&cursor.part, row, self.layout, texts)?;
            let row = cursor.row_in_file(row);
            let found = partition::folder(self.layout, &partition).display().to_string();
            let expected = "rows of one partition";
            return Err(LakeError::corrupt(
                cursor.input.path(),
                format!("row {row}"),
                found,
                expected,
            ));
        }
        let partition = partition::of_row(&cursor.part, row, sink.layout(), texts)?;
        // An intermediate file takes the rows of all partitions.
        if is_second && partition.is_empty() {
            return Ok(());
        }
        sink.begin(partition, texts)
    }
}

/// The row that was merged last.
struct Last {
    keys: Arc<Keys>,
    row: usize,
}

/// Where an input stands.
struct Cursor {
    number: usize,
    input: Input,
    part: Arc<Part>,
    keys: Arc<Keys>,
    row: usize,
}

impl Cursor {
    fn new(number: usize, input: Input) -> Self {
        let part = Arc::new(Part::new(Vec::new(), 0));
        Self { number, input, part, keys: Arc::new(Keys::default()), row: 0 }
    }

    fn row_in_file(&self, row: usize) -> u64 {
        self.input.rows_read() - (self.part.rows - row) as u64
    }

    /// Reads on; false at the end.
    fn refill(
        &mut self,
        merging: &Merging<'_>,
        order: &[usize],
        texts: &mut Texts,
    ) -> Result<bool> {
        merging.task.check()?;
        let Some(part) = self.input.next(texts)? else { return Ok(false) };
        let keys = Keys::new(&part, merging.layout, order);
        let before = self.part.rows.checked_sub(1);
        let drop = match before {
            Some(last) if self.keys.compare(last, &keys, 0, texts).is_gt() => Some(0),
            _ => keys.unsorted(part.rows, texts),
        };
        (self.part, self.keys, self.row) = (Arc::new(part), Arc::new(keys), 0);
        let Some(row) = drop else { return Ok(true) };
        let names = order.iter().map(|&column| merging.layout.column(column).name.as_str());
        let expected = format!("rows sorted by {}", names.collect::<Vec<_>>().join(", "));
        let what = format!("row {}", self.row_in_file(row));
        let found = "a row that belongs before the one in front of it";
        Err(LakeError::corrupt(self.input.path(), what, found, expected))
    }
}

/// The cursors, the one whose row comes first in front.
struct Heap {
    cursors: Vec<Cursor>,
    /// Positions of cursors; each comes before those at twice its place plus one and plus two.
    heads: Vec<usize>,
}

impl Heap {
    fn build(&mut self, texts: &Texts) {
        self.heads = (0..self.cursors.len()).collect();
        for place in (0..self.heads.len() / 2).rev() {
            self.sink(place, texts);
        }
    }

    fn first(&self) -> &Cursor {
        &self.cursors[self.heads[0]]
    }

    /// Whether the row of one cursor comes before that of another.
    fn before(&self, one: usize, two: usize, texts: &Texts) -> bool {
        let (one, two) = (&self.cursors[one], &self.cursors[two]);
        let order = one.keys.compare(one.row, &two.keys, two.row, texts);
        order.then(one.number.cmp(&two.number)).is_lt()
    }

    fn sink(&mut self, mut place: usize, texts: &Texts) {
        loop {
            let mut least = place;
            for child in [2 * place + 1, 2 * place + 2] {
                if child < self.heads.len()
                    && self.before(self.heads[child], self.heads[least], texts)
                {
                    least = child;
                }
            }
            if least == place {
                return;
            }
            self.heads.swap(place, least);
            place = least;
        }
    }

    /// The row of the first cursor that does not come before all other cursors; `None` when all
    /// cursors are at their ends.
    fn run_end(&self, texts: &Texts) -> Option<usize> {
        let first = &self.cursors[*self.heads.first()?];
        let second = match self.heads[..] {
            [_] => return Some(first.part.rows),
            [_, one] => one,
            [_, one, two, ..] => {
                if self.before(one, two, texts) {
                    one
                } else {
                    two
                }
            }
            [] => return None,
        };
        let other = &self.cursors[second];
        let comes_first = |row: usize| {
            let order = first.keys.compare(row, &other.keys, other.row, texts);
            order.then(first.number.cmp(&other.number)) == Ordering::Less
        };
        Some(gallop(first.row + 1, first.part.rows, comes_first))
    }

    /// Moves the first cursor on.
    fn advance(
        &mut self,
        row: usize,
        merging: &Merging<'_>,
        order: &[usize],
        texts: &mut Texts,
    ) -> Result<()> {
        let cursor = &mut self.cursors[self.heads[0]];
        cursor.row = row;
        if row == cursor.part.rows && !cursor.refill(merging, order, texts)? {
            self.heads.swap_remove(0);
        }
        self.sink(0, texts);
        Ok(())
    }
}
