//! Encoding the columns of a row group, each by what its schema says.

use std::io::Write;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use arrow_array::{Array, ArrayRef, StringArray};
use parquet::arrow::arrow_writer::{ArrowColumnChunk, ArrowColumnWriter, compute_leaves};
use parquet::basic::{Compression, Encoding, ZstdLevel};
use parquet::errors::Result as ParquetResult;
use parquet::file::metadata::{KeyValue, SortingColumn};
use parquet::file::properties::{EnabledStatistics, WriterProperties, WriterVersion};
use parquet::file::writer::SerializedRowGroupWriter;
use parquet::schema::types::{ColumnPath, SchemaDescriptor};
use rustonite_core::ColumnType;
use rustonite_core::schema::ParquetEncoding;

use crate::batch::{Picked, Piece};
use crate::coded::{self, CodedChunk};
use crate::error::{LakeError, Result};
use crate::layout::{FileColumn, Layout};
use crate::task::Task;
use crate::texts::with_texts;

/// Rows that the encoder looks at together: pages end behind a multiple of them.
const STEP_ROWS: usize = 1024;
const ZSTD_LEVEL: i32 = 3;
/// Rows of a page, in all columns alike, so that rows are found by the pages of some of them.
pub(crate) const PAGE_ROWS: usize = 5 * STEP_ROWS;
/// Rows that a column is copied and encoded in at a time.
const PIECE_ROWS: usize = 32 * 1024;
/// Longest bound in a chunk's statistics and the page index, in bytes.
pub(crate) const BOUND_BYTES_MAX: usize = 64;
/// Values of a row group up to which a second thread is not worth its start.
const VALUES_FEW: usize = 200_000;

/// Writer properties of a layout.
pub(crate) fn properties(layout: &Layout, compressed: bool) -> WriterProperties {
    let schema = &layout.schema;
    let facts = [
        ("rustonite.dataset", schema.dataset().to_owned()),
        ("rustonite.version", schema.version().to_string()),
        ("rustonite.fingerprint", schema.fingerprint().to_string()),
    ];
    let facts = facts.map(|(key, value)| KeyValue::new(key.to_owned(), value));
    let mut builder = WriterProperties::builder()
        .set_writer_version(WriterVersion::PARQUET_2_0)
        .set_created_by(concat!("rustonite version ", env!("CARGO_PKG_VERSION")).to_owned())
        .set_dictionary_enabled(false)
        .set_max_row_group_row_count(None)
        .set_write_batch_size(STEP_ROWS)
        .set_data_page_row_count_limit(PAGE_ROWS)
        .set_statistics_enabled(EnabledStatistics::Page)
        .set_statistics_truncate_length(Some(BOUND_BYTES_MAX))
        .set_column_index_truncate_length(Some(BOUND_BYTES_MAX))
        .set_coerce_types(true)
        .set_key_value_metadata(Some(facts.into()))
        .set_sorting_columns(Some(sorting(layout)));
    for column in &layout.columns {
        let path = leaf(column);
        if column.encoding == ParquetEncoding::Dictionary {
            builder = builder.set_column_dictionary_enabled(path.clone(), true);
        }
        if compressed {
            builder = builder.set_column_compression(path.clone(), compression(column.encoding));
        }
        builder = builder.set_column_encoding(path, encoding(column));
    }
    builder.build()
}

/// What an encoding leaves of a column is small already, and LZ4 unpacks it in a third of zstd's
/// time. In values as they are, texts above all, zstd finds much more.
fn compression(encoding: ParquetEncoding) -> Compression {
    match encoding {
        ParquetEncoding::Dictionary
        | ParquetEncoding::DeltaBinaryPacked
        | ParquetEncoding::ByteStreamSplit => Compression::LZ4_RAW,
        ParquetEncoding::Plain
        | ParquetEncoding::DeltaLengthByteArray
        | ParquetEncoding::DeltaByteArray => {
            Compression::ZSTD(ZstdLevel::try_new(ZSTD_LEVEL).unwrap_or_default())
        }
    }
}

fn sorting(layout: &Layout) -> Vec<SortingColumn> {
    let column = |&column: &usize| SortingColumn {
        column_idx: i32::try_from(column).unwrap_or(i32::MAX),
        descending: false,
        nulls_first: false,
    };
    layout.sort.iter().map(column).collect()
}

/// Where Parquet keeps a column's values.
fn leaf(column: &FileColumn) -> ColumnPath {
    let mut path = vec![column.name.clone()];
    if let ColumnType::List(_) = column.kind {
        path.extend(["list".to_owned(), "element".to_owned()]);
    }
    ColumnPath::new(path)
}

/// The encoding of a column's pages; with a dictionary, of those that outgrow it.
fn encoding(column: &FileColumn) -> Encoding {
    match column.encoding {
        ParquetEncoding::Plain | ParquetEncoding::Dictionary => Encoding::PLAIN,
        ParquetEncoding::DeltaBinaryPacked => Encoding::DELTA_BINARY_PACKED,
        ParquetEncoding::ByteStreamSplit => Encoding::BYTE_STREAM_SPLIT,
        ParquetEncoding::DeltaLengthByteArray => Encoding::DELTA_LENGTH_BYTE_ARRAY,
        ParquetEncoding::DeltaByteArray => Encoding::DELTA_BYTE_ARRAY,
    }
}

/// One row group on its way to a file.
pub(crate) struct Encode<'a> {
    pub(crate) layout: &'a Layout,
    pub(crate) group: &'a Picked,
    pub(crate) texts: &'a [Option<Arc<StringArray>>],
    pub(crate) path: &'a Path,
    pub(crate) parquet: &'a SchemaDescriptor,
    pub(crate) compressed: bool,
}

/// A column's chunk and how many of its rows are null.
type Encoded = (Chunk, u64);

/// A chunk, by whoever has encoded it.
pub(crate) enum Chunk {
    Arrow(ArrowColumnChunk),
    Coded(CodedChunk),
}

impl Chunk {
    pub(crate) fn append_to<W: Write + Send>(
        self,
        group: &mut SerializedRowGroupWriter<'_, W>,
    ) -> ParquetResult<()> {
        match self {
            Self::Arrow(chunk) => chunk.append_to_row_group(group),
            Self::Coded(chunk) => group.append_column(&chunk.bytes, chunk.close),
        }
    }
}

/// A column that waits for a thread, or what became of it.
struct Job {
    writer: Option<ArrowColumnWriter>,
    encoded: Option<Result<Encoded>>,
}

impl Encode<'_> {
    /// Encodes all columns, on as many threads as are allowed and worth it.
    pub(crate) fn run(
        &self,
        writers: Vec<ArrowColumnWriter>,
        threads: usize,
        task: &Task,
    ) -> Result<Vec<Encoded>> {
        let pieces = self.group.pieces(PIECE_ROWS);
        if threads < 2 || self.group.rows * writers.len() <= VALUES_FEW {
            let each = writers.into_iter().enumerate();
            return each
                .map(|(column, writer)| self.column(column, writer, &pieces, task))
                .collect();
        }
        let job = |writer| Mutex::new(Job { writer: Some(writer), encoded: None });
        let jobs: Vec<_> = writers.into_iter().map(job).collect();
        let next = AtomicUsize::new(0);
        let work = || {
            loop {
                let column = next.fetch_add(1, Ordering::Relaxed);
                let Some(job) = jobs.get(column) else { break };
                let mut job = job.lock().unwrap_or_else(PoisonError::into_inner);
                if let Some(writer) = job.writer.take() {
                    job.encoded = Some(self.column(column, writer, &pieces, task));
                }
            }
        };
        std::thread::scope(|scope| {
            for _ in 1..threads {
                scope.spawn(work);
            }
            work();
        });
        let encoded = |job: Mutex<Job>| {
            let job = job.into_inner().unwrap_or_else(PoisonError::into_inner);
            job.encoded.unwrap_or(Err(LakeError::Stopped))
        };
        jobs.into_iter().map(encoded).collect()
    }

    fn column(
        &self,
        column: usize,
        mut writer: ArrowColumnWriter,
        pieces: &[Piece],
        task: &Task,
    ) -> Result<Encoded> {
        if let Some(encoded) = self.coded(column, pieces)? {
            return Ok(encoded);
        }
        let failed = |error| LakeError::writing(self.path, error);
        let field = self.layout.column(column).coded();
        let mut nulls = 0;
        for piece in pieces {
            task.check()?;
            let array = self.array(column, piece)?;
            nulls += array.null_count() as u64;
            for leaf in compute_leaves(&field, &array).map_err(failed)? {
                writer.write(&leaf).map_err(failed)?;
            }
        }
        Ok((Chunk::Arrow(writer.close().map_err(failed)?), nulls))
    }

    /// Encodes a column of codes as they are, if that suits them.
    fn coded(&self, column: usize, pieces: &[Piece]) -> Result<Option<Encoded>> {
        let Some(texts) = &self.texts[column] else { return Ok(None) };
        if self.layout.column(column).encoding != ParquetEncoding::Dictionary {
            return Ok(None);
        }
        let arrays = pieces.iter().map(|piece| self.group.column(piece, column));
        let arrays = arrays.collect::<Result<Vec<_>>>()?;
        let nulls = arrays.iter().map(|array| array.null_count() as u64).sum();
        // Every column is one leaf.
        let descriptor = self.parquet.column(column);
        let chunk = coded::encode(&descriptor, &arrays, texts, self.compressed);
        let chunk = chunk.map_err(|error| LakeError::writing(self.path, error))?;
        Ok(chunk.map(|chunk| (Chunk::Coded(chunk), nulls)))
    }

    fn array(&self, column: usize, piece: &Piece) -> Result<ArrayRef> {
        let array = self.group.column(piece, column)?;
        with_texts(array, self.texts[column].as_ref())
    }
}
