//! Writing rows of any source: collected, sorted, split by partition, spilled when they are many.

use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow_array::RecordBatch;

use crate::batch::Part;
use crate::conform::Conformer;
use crate::error::{LakeError, Result, Source};
use crate::layout::Layout;
use crate::merge::Merging;
use crate::order::{Keys, gallop};
use crate::partition;
use crate::sink::{Sink, SinkOptions, WrittenFile};
use crate::sort::{Order, sort};
use crate::spill::Spill;
use crate::task::Task;
use crate::texts::Texts;

/// Most rows that are sorted together, whatever their size.
const ROWS_MAX: usize = 1 << 30;
/// Rows from which a part is left as it came, without a copy.
const JOINED_ROWS: usize = 1 << 16;

/// Settings of a write.
#[derive(Clone, Debug)]
pub struct WriteOptions {
    /// File name without its ending.
    pub name: String,
    /// Whether pages are compressed.
    pub compressed: bool,
    /// Bytes of rows that are sorted in memory; more are sorted in runs, which are then merged.
    pub memory_bytes: usize,
    /// Most rows of a file; files end earlier, where the first sort column changes.
    pub file_rows_max: usize,
    /// Folder for sorted runs; the system's for temporary files if `None`.
    pub spill: Option<PathBuf>,
    /// Threads that encode.
    pub threads: usize,
}

/// Writes rows to new sorted files, at least one per partition.
///
/// # Errors
/// Rows that the layout cannot hold, a failing source, and whatever keeps files from being written.
/// Nothing is left behind then.
pub fn write(
    layout: &Arc<Layout>,
    source: &mut dyn Source,
    folder: &Path,
    options: &WriteOptions,
    task: &Task,
) -> Result<Vec<WrittenFile>> {
    let sink = SinkOptions {
        folder: folder.to_owned(),
        name: options.name.clone(),
        compressed: options.compressed,
        file_rows_max: options.file_rows_max,
        threads: options.threads,
        durable: true,
    };
    let mut sink = Sink::new(layout, sink, task)?;
    let mut spill = Spill::new(options.spill.as_deref(), options.threads);
    let mut collect = Collect::new(layout, options.memory_bytes, task);
    let mut runs = Vec::new();
    while let Some(batch) = source.next().map_err(LakeError::Source)? {
        let mut rest = batch;
        while rest.num_rows() > 0 {
            rest = collect.add(&rest)?;
            if collect.is_full() {
                runs.extend(collect.spill(&mut spill)?);
            }
        }
    }
    if runs.is_empty() {
        collect.drain(&mut sink)?;
        return sink.finish(collect.conformer.rows(), &mut collect.texts);
    }
    runs.extend(collect.spill(&mut spill)?);
    let rows = collect.conformer.rows();
    drop(collect);
    let merging = Merging { layout, one_partition: false, task };
    let runs = merging.narrow(runs, &mut spill)?;
    merging.run(&runs, sink, Some(rows))
}

/// Rows that wait to be sorted.
struct Collect<'a> {
    layout: &'a Arc<Layout>,
    memory_bytes: usize,
    task: &'a Task,
    conformer: Conformer,
    texts: Texts,
    parts: Vec<Arc<Part>>,
    /// Parts that wait to be joined, and their rows.
    small: Vec<Part>,
    small_rows: usize,
    rows: usize,
    bytes: usize,
}

impl<'a> Collect<'a> {
    fn new(layout: &'a Arc<Layout>, memory_bytes: usize, task: &'a Task) -> Self {
        Self {
            layout,
            memory_bytes,
            task,
            conformer: Conformer::new(layout, None),
            texts: Texts::new(layout),
            parts: Vec::new(),
            small: Vec::new(),
            small_rows: 0,
            rows: 0,
            bytes: 0,
        }
    }

    fn is_full(&self) -> bool {
        self.bytes >= self.memory_bytes || self.rows >= ROWS_MAX
    }

    /// Takes as many rows as there is room for and returns the others.
    fn add(&mut self, batch: &RecordBatch) -> Result<RecordBatch> {
        self.task.check()?;
        // The size of rows is only known once they are in their final types.
        let per_row = if self.rows == 0 { 64 } else { self.bytes.div_ceil(self.rows) };
        let room = (self.memory_bytes.saturating_sub(self.bytes) / per_row).max(1);
        let rows = room.min(ROWS_MAX - self.rows).min(batch.num_rows());
        let part = self.conformer.part(&batch.slice(0, rows), &mut self.texts)?;
        self.rows += part.rows;
        self.bytes += part.bytes();
        self.small_rows += part.rows;
        self.small.push(part);
        if self.small_rows >= JOINED_ROWS {
            self.join_small()?;
        }
        Ok(batch.slice(rows, batch.num_rows() - rows))
    }

    /// Makes few large parts of many small ones.
    fn join_small(&mut self) -> Result<()> {
        if self.small_rows > 0 {
            self.parts.push(Arc::new(Part::concat(std::mem::take(&mut self.small))?));
            self.small_rows = 0;
        }
        Ok(())
    }

    /// Writes the rows to a sorted run.
    fn spill(&mut self, spill: &mut Spill) -> Result<Option<PathBuf>> {
        self.join_small()?;
        if self.rows == 0 {
            return Ok(None);
        }
        let layout = Spill::layout(self.layout);
        let options = spill.next()?;
        let path = options.folder.join(format!("{}.parquet", options.name));
        let mut sink = Sink::new(&layout, options, self.task)?;
        let sorted = self.sorted()?;
        sorted.push(0..self.rows, &mut sink, &mut self.texts)?;
        sink.finish(self.rows as u64, &mut self.texts)?;
        (self.rows, self.bytes) = (0, 0);
        Ok(Some(path))
    }

    /// Writes the rows to their final files.
    fn drain(&mut self, sink: &mut Sink<'_>) -> Result<()> {
        self.join_small()?;
        let sorted = self.sorted()?;
        let mut start = 0;
        while start < self.rows {
            let end = sorted.partition_end(start, self.rows);
            let (part, row) = sorted.locate(start);
            let partition = partition::of_row(part, row, self.layout, &self.texts)?;
            sink.begin(partition, &mut self.texts)?;
            sorted.push(start..end, sink, &mut self.texts)?;
            start = end;
        }
        Ok(())
    }

    /// The rows in order. They are not held here any more.
    fn sorted(&mut self) -> Result<Sorted> {
        let parts = std::mem::take(&mut self.parts);
        let order = sort(&parts, self.layout, &self.layout.order(), &self.texts, self.task)?;
        let partition = &self.layout.partition;
        let keys = parts.iter().map(|part| Keys::new(part, self.layout, partition)).collect();
        let mut rows = 0;
        let start = |part: &Arc<Part>| {
            let start = rows;
            rows += part.rows;
            start
        };
        let starts = parts.iter().map(start).collect();
        Ok(Sorted { parts, keys, starts, order })
    }
}

/// Parts and the order of their rows.
struct Sorted {
    parts: Vec<Arc<Part>>,
    /// Partition columns.
    keys: Vec<Keys>,
    /// Number of each part's first row.
    starts: Vec<usize>,
    order: Order,
}

impl Sorted {
    /// Part and row in it of the row at a place in the order.
    fn find(&self, place: usize) -> (usize, usize) {
        let row = self.order.as_ref().map_or(place, |order| order[place] as usize);
        let part = self.starts.partition_point(|&start| start <= row) - 1;
        (part, row - self.starts[part])
    }

    fn locate(&self, place: usize) -> (&Arc<Part>, usize) {
        let (part, row) = self.find(place);
        (&self.parts[part], row)
    }

    /// The first place behind `start` that is of another partition.
    fn partition_end(&self, start: usize, end: usize) -> usize {
        let (first, row) = self.find(start);
        let same = |place: usize| {
            let (part, at) = self.find(place);
            !self.keys[first].differs(usize::MAX, row, &self.keys[part], at)
        };
        gallop(start + 1, end, same)
    }

    fn push(&self, places: Range<usize>, sink: &mut Sink<'_>, texts: &mut Texts) -> Result<()> {
        let mut place = places.start;
        while place < places.end {
            let (part, row) = self.locate(place);
            let room = (part.rows - row).min(places.end - place);
            let rows = match &self.order {
                None => room,
                Some(order) => {
                    let places = &order[place..place + room];
                    1 + places.windows(2).take_while(|pair| pair[0] + 1 == pair[1]).count()
                }
            };
            sink.push(part, row, rows, texts)?;
            place += rows;
        }
        Ok(())
    }
}
