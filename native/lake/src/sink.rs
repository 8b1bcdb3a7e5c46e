//! Writing sorted rows to new files: row groups, encodings, splits, fsync.
//!
//! A file appears under its final name at once and is removed again unless the whole operation
//! succeeds; nothing reads it before a log names it.

use std::fs::{File, OpenOptions};
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;
use std::sync::Arc;

use parquet::arrow::ArrowSchemaConverter;
use parquet::arrow::arrow_writer::ArrowRowGroupWriterFactory;
use parquet::file::metadata::KeyValue;
use parquet::file::properties::WriterPropertiesPtr;
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::types::SchemaDescriptor;

use crate::batch::{Part, Picked};
use crate::durable::Syncing;
use crate::encode::{Encode, properties};
use crate::error::{LakeError, Result, While};
use crate::file::SummedFile;
use crate::footer::use_old_orders;
use crate::layout::Layout;
use crate::order::Keys;
use crate::partition::{self, Partition};
use crate::stats::{json_of, of_chunks};
use crate::task::Task;
use crate::texts::Texts;

/// Rows of a row group: large enough to compress, small enough to skip around one symbol.
const GROUP_ROWS: usize = 256 * 1024;
/// Bytes of rows in memory after which a row group ends although it has few rows.
const GROUP_BYTES: usize = 128 << 20;

/// Key of the footer under which the number of bytes in front of the indexes and their CRC-32C are.
/// Parquet's own checksums of pages are not written by the encoder.
pub(crate) const SUM_KEY: &str = "rustonite.crc32c";

/// A file that is complete and on stable storage.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WrittenFile {
    /// Path below the folder that was written to.
    pub path: PathBuf,
    /// Bytes.
    pub size: u64,
    /// Rows.
    pub rows: u64,
    /// Partition columns and their values as text; `None` is a null.
    pub partition: Vec<(String, Option<String>)>,
    /// Delta's statistics, as JSON.
    pub stats: String,
}

/// How files are written.
#[derive(Clone, Debug)]
pub(crate) struct SinkOptions {
    pub(crate) folder: PathBuf,
    /// File name without its ending.
    pub(crate) name: String,
    pub(crate) compressed: bool,
    pub(crate) file_rows_max: usize,
    pub(crate) threads: usize,
    /// Whether files survive a crash of the machine; intermediate ones need not.
    pub(crate) durable: bool,
}

/// Takes rows in the order of partitions and sort columns and makes files of them.
pub(crate) struct Sink<'a> {
    layout: &'a Layout,
    options: SinkOptions,
    task: &'a Task,
    properties: WriterPropertiesPtr,
    parquet: SchemaDescriptor,
    partition: Partition,
    open: Option<Open>,
    pending: Picked,
    written: Vec<WrittenFile>,
    syncing: Syncing,
    made: Made,
}

/// A file that rows are being written to.
struct Open {
    path: PathBuf,
    /// Its path below the table's folder.
    relative: PathBuf,
    writer: SerializedFileWriter<SummedFile>,
    /// The same file, to be asked about when the writer is done.
    file: File,
    factory: ArrowRowGroupWriterFactory,
    rows: usize,
    groups: usize,
    nulls: Vec<u64>,
}

/// Files that exist because of this sink, removed with it unless they are kept.
#[derive(Default)]
struct Made {
    files: Vec<PathBuf>,
}

impl Drop for Made {
    fn drop(&mut self) {
        for path in &self.files {
            // There is nobody to tell, and a file that no log names is only a waste of space.
            let _ = std::fs::remove_file(path);
        }
    }
}

impl<'a> Sink<'a> {
    pub(crate) fn new(layout: &'a Layout, options: SinkOptions, task: &'a Task) -> Result<Self> {
        let parquet = ArrowSchemaConverter::new().with_coerce_types(true);
        let parquet = parquet.convert(&layout.stored());
        let parquet = parquet.map_err(|error| LakeError::writing(&options.folder, error))?;
        let properties = Arc::new(properties(layout, options.compressed));
        Ok(Self {
            layout,
            options,
            task,
            properties,
            parquet,
            partition: Vec::new(),
            open: None,
            pending: Picked::default(),
            written: Vec::new(),
            syncing: Syncing::default(),
            made: Made::default(),
        })
    }

    /// How the rows lie in the files.
    pub(crate) fn layout(&self) -> &'a Layout {
        self.layout
    }

    /// Ends the files of the partition before and begins those of another.
    pub(crate) fn begin(&mut self, partition: Partition, texts: &mut Texts) -> Result<()> {
        self.end_partition(texts)?;
        self.partition = partition;
        Ok(())
    }

    /// Adds rows behind those already there.
    pub(crate) fn push(
        &mut self,
        part: &Arc<Part>,
        start: usize,
        rows: usize,
        texts: &mut Texts,
    ) -> Result<()> {
        let (mut start, mut rows) = (start, rows);
        while rows > 0 {
            let by_bytes = GROUP_BYTES.saturating_sub(self.pending.bytes) / part.row_bytes;
            let room = (GROUP_ROWS - self.pending.rows).min(by_bytes.max(1));
            let taken = room.min(rows);
            self.pending.push(part, start, taken);
            (start, rows) = (start + taken, rows - taken);
            if self.pending.rows >= GROUP_ROWS || self.pending.bytes >= GROUP_BYTES {
                self.write_groups(false, texts)?;
            }
        }
        Ok(())
    }

    /// Ends all files and keeps them, if they hold as many rows as they should.
    pub(crate) fn finish(mut self, rows: u64, texts: &mut Texts) -> Result<Vec<WrittenFile>> {
        self.end_partition(texts)?;
        if self.written.iter().map(|file| file.rows).sum::<u64>() != rows {
            return Err(LakeError::Bug("fewer or more rows were written than there are"));
        }
        if self.options.durable {
            let syncing = std::mem::take(&mut self.syncing);
            syncing.finish(&self.options.folder, &self.made.files)?;
        }
        self.made.files.clear();
        Ok(std::mem::take(&mut self.written))
    }

    fn end_partition(&mut self, texts: &mut Texts) -> Result<()> {
        self.write_groups(true, texts)?;
        self.close()
    }

    /// Writes pending rows, the last of them only if no others will come.
    fn write_groups(&mut self, last: bool, texts: &mut Texts) -> Result<()> {
        while self.pending.rows > 0 {
            let full = self.pending.rows >= GROUP_ROWS || self.pending.bytes >= GROUP_BYTES;
            if !last && !full {
                break;
            }
            let rows = self.group_rows();
            let group = if rows == self.pending.rows {
                std::mem::take(&mut self.pending)
            } else {
                self.pending.split_front(rows)
            };
            self.write_group(&group, texts)?;
            let in_file = self.open.as_ref().map_or(0, |open| open.rows);
            if in_file >= self.options.file_rows_max || self.ends_file(&group, in_file) {
                self.close()?;
            }
        }
        Ok(())
    }

    /// Rows in a file after which it ends where the first sort column changes.
    fn file_rows_enough(&self) -> usize {
        self.options.file_rows_max - self.options.file_rows_max / 8
    }

    /// How many of the pending rows go to the next row group.
    fn group_rows(&self) -> usize {
        let in_file = self.open.as_ref().map_or(0, |open| open.rows);
        let rows = self.pending.rows.min(self.options.file_rows_max - in_file);
        if in_file + rows < self.file_rows_enough() {
            return rows;
        }
        let after = self.file_rows_enough().saturating_sub(in_file).max(1);
        self.change_after(after, rows).unwrap_or(rows)
    }

    /// The first change of the first sort column among pending rows, in a range.
    fn change_after(&self, after: usize, end: usize) -> Option<usize> {
        let column = self.layout.sort.first()?;
        let parts = self.pending.parts.iter();
        let keys: Vec<_> = parts.map(|part| Keys::new(part, self.layout, &[*column])).collect();
        let mut position = 0;
        let mut before: Option<(&Keys, usize)> = None;
        for run in &self.pending.runs {
            let rows = run.rows as usize;
            if position + rows >= after {
                let keys = &keys[run.part as usize];
                let (start, stop) = (run.start as usize, run.start as usize + rows);
                let other = |(last, row): (&Keys, usize)| last.differs(1, row, keys, start);
                if position >= after && before.is_some_and(other) {
                    return Some(position).filter(|&change| change < end);
                }
                let from = start + after.saturating_sub(position).saturating_sub(1);
                let change = keys.same_until(1, from.min(stop - 1), stop);
                if change < stop {
                    return Some(position + change - start).filter(|&change| change < end);
                }
                before = Some((keys, stop - 1));
            }
            position += rows;
        }
        None
    }

    /// Whether a file with enough rows ends behind a row group, because the next row has another
    /// first sort column.
    fn ends_file(&self, group: &Picked, in_file: usize) -> bool {
        let Some(key) = self.layout.sort.first() else { return false };
        let (Some(last), Some(next)) = (group.runs.last(), self.pending.runs.first()) else {
            return false;
        };
        if in_file < self.file_rows_enough() {
            return false;
        }
        let keys = |picked: &Picked, part: u32| {
            Keys::new(&picked.parts[part as usize], self.layout, &[*key])
        };
        let (one, two) = (keys(group, last.part), keys(&self.pending, next.part));
        one.differs(1, (last.start + last.rows - 1) as usize, &two, next.start as usize)
    }

    fn write_group(&mut self, group: &Picked, texts: &mut Texts) -> Result<()> {
        self.task.check()?;
        if self.open.is_none() {
            self.open = Some(self.create()?);
        }
        let Some(open) = &mut self.open else { return Ok(()) };
        let failed = |error| LakeError::writing(&open.path, error);
        let writers = open.factory.create_column_writers(open.groups).map_err(failed)?;
        let texts = texts.arrays();
        let job = Encode {
            layout: self.layout,
            group,
            texts: &texts,
            path: &open.path,
            parquet: &self.parquet,
            compressed: self.options.compressed,
        };
        let chunks = job.run(writers, self.options.threads, self.task)?;
        let mut row_group = open.writer.next_row_group().map_err(failed)?;
        for (column, (chunk, nulls)) in chunks.into_iter().enumerate() {
            open.nulls[column] += nulls;
            chunk.append_to(&mut row_group).map_err(failed)?;
        }
        row_group.close().map_err(failed)?;
        open.rows += group.rows;
        open.groups += 1;
        if self.options.durable {
            self.task.done(group.rows);
        }
        Ok(())
    }

    /// Makes the next file of the partition.
    fn create(&mut self) -> Result<Open> {
        let folder = partition::folder(self.layout, &self.partition);
        let number = self.written.iter().filter(|file| file.path.parent() == Some(&folder)).count();
        let suffix = if number == 0 { String::new() } else { format!("-{number}") };
        let relative = folder.join(format!("{}{suffix}.parquet", self.options.name));
        let path = self.options.folder.join(&relative);
        let parent = self.options.folder.join(&folder);
        std::fs::create_dir_all(&parent).doing(&parent, "making the folder")?;
        let mut options = OpenOptions::new();
        options.read(true).write(true).create_new(true).mode(0o600);
        let file = options.open(&path).doing(&path, "making the file")?;
        self.made.files.push(path.clone());
        let same = file.try_clone().doing(&path, "opening the file")?;
        let root = self.parquet.root_schema_ptr();
        let writer =
            SerializedFileWriter::new(SummedFile::new(file), root, Arc::clone(&self.properties));
        let writer = writer.map_err(|error| LakeError::writing(&path, error))?;
        let factory = ArrowRowGroupWriterFactory::new(&writer, self.layout.stored());
        let nulls = vec![0; self.layout.columns.len()];
        Ok(Open { path, relative, writer, file: same, factory, rows: 0, groups: 0, nulls })
    }

    /// Completes the open file, if there is one.
    fn close(&mut self) -> Result<()> {
        let Some(mut open) = self.open.take() else { return Ok(()) };
        let path = open.path;
        let failed = |error| LakeError::writing(&path, error);
        open.writer.flush().doing(&path, "writing")?;
        let sum = format!("{} {:08x}", open.writer.bytes_written(), open.writer.inner().sum());
        open.writer.append_key_value_metadata(KeyValue::new(SUM_KEY.to_owned(), sum));
        let metadata = open.writer.finish().map_err(failed)?;
        use_old_orders(&open.file, metadata.file_metadata().schema_descr())
            .doing(&path, "writing")?;
        let size = open.file.metadata().doing(&path, "reading its size")?.len();
        if self.options.durable {
            self.syncing.begin(open.file, path)?;
        }
        let names = self.layout.partition.iter();
        let names = names.map(|&column| self.layout.column(column).name.clone());
        let rows = open.rows as u64;
        let bounds = of_chunks(self.layout, &metadata, &open.nulls);
        self.written.push(WrittenFile {
            path: open.relative,
            size,
            rows,
            partition: names.zip(self.partition.iter().cloned()).collect(),
            stats: json_of(self.layout, rows, &bounds),
        });
        Ok(())
    }
}
