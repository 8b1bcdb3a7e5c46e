//! Footers of Parquet files, read with the layout in mind.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use arrow_schema::{DataType, Field, Schema as ArrowSchema, SchemaRef};
use parquet::arrow::arrow_reader::{
    ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReader,
    ParquetRecordBatchReaderBuilder, RowSelection,
};
use parquet::arrow::{ProjectionMask, parquet_to_arrow_schema};
use parquet::file::metadata::{
    ColumnChunkMask, PageIndexPolicy, ParquetMetaData, ParquetMetaDataBuilder,
    ParquetMetaDataReader,
};
use parquet::file::statistics::Statistics;

use crate::error::{LakeError, Result};
use crate::file::{FileId, SharedFile};
use crate::layout::Layout;

/// Rows of a batch.
pub(crate) const BATCH_ROWS: usize = 64 * 1024;
/// Most memory that footers of files take that nobody reads just now.
const FOOTERS_BYTES_MAX: usize = 16 << 20;

/// An open file and its footer.
#[derive(Clone, Debug)]
pub(crate) struct Opened {
    pub(crate) file: SharedFile,
    pub(crate) metadata: Arc<ParquetMetaData>,
}

impl Opened {
    pub(crate) fn open(path: &Path) -> Result<Self> {
        let file = SharedFile::open_counted(path, Arc::default())?;
        let metadata = parsed(&file)?;
        Ok(Self { file, metadata })
    }

    /// Opens a file of which a query wants some rows, and adds the bytes that are read of it to a
    /// count. The next query does not read its footer again.
    pub(crate) fn open_for_query(path: &Path, read: Arc<AtomicU64>) -> Result<Self> {
        let file = SharedFile::open_counted(path, read)?;
        let known = Footers::lock().known.get(&file.id()).cloned();
        let metadata = if let Some(known) = known {
            known
        } else {
            let metadata = parsed(&file)?;
            Footers::lock().keep(file.id(), &metadata);
            metadata
        };
        Ok(Self { file, metadata })
    }

    pub(crate) fn path(&self) -> &Path {
        self.file.path()
    }

    pub(crate) fn rows(&self) -> u64 {
        u64::try_from(self.metadata.file_metadata().num_rows()).unwrap_or(0)
    }

    /// The Arrow schema that the file is decoded to: texts of dictionary columns as codes, if they
    /// are wanted so.
    pub(crate) fn hint(&self, layout: &Layout, dictionaries: bool) -> Result<SchemaRef> {
        let descriptor = self.metadata.file_metadata().schema_descr();
        let plain = parquet_to_arrow_schema(descriptor, None);
        let plain = plain.map_err(|error| LakeError::reading(self.path(), error))?;
        let field = |field: &Arc<Field>| {
            let coded =
                layout.position(field.name()).is_some_and(|at| layout.column(at).is_coded());
            if dictionaries && coded && field.data_type() == &DataType::Utf8 {
                let kind =
                    DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8));
                return Arc::new(field.as_ref().clone().with_data_type(kind));
            }
            Arc::clone(field)
        };
        let fields: Vec<_> = plain.fields().iter().map(field).collect();
        Ok(Arc::new(ArrowSchema::new(fields)))
    }

    /// Rows of a row group.
    pub(crate) fn group_rows(&self, group: usize) -> usize {
        usize::try_from(self.metadata.row_group(group).num_rows()).unwrap_or(0)
    }

    /// Number of a row group's first row in the file.
    pub(crate) fn first_row(&self, group: usize) -> u64 {
        (0..group).map(|group| self.group_rows(group) as u64).sum()
    }

    /// The metadata with the page index of some leaves: bounds of some, positions of some.
    pub(crate) fn with_page_index(
        &self,
        bounds: &[usize],
        positions: &[usize],
    ) -> Result<ParquetMetaData> {
        add_page_index(ParquetMetaData::clone(&self.metadata), &self.file, bounds, positions)
    }

    /// Metadata of a row group alone, with parts of its page index.
    pub(crate) fn group_alone(
        &self,
        group: usize,
        bounds: &[usize],
        positions: &[usize],
    ) -> Result<ParquetMetaData> {
        let alone = ParquetMetaDataBuilder::new(self.metadata.file_metadata().clone());
        let alone = alone.add_row_group(self.metadata.row_group(group).clone()).build();
        if positions.is_empty() {
            return Ok(alone);
        }
        add_page_index(alone, &self.file, bounds, positions)
    }

    /// Whether a flat column of a row group has no values. Such columns are not worth decoding: the
    /// decoder of dictionaries is slowest where there is none.
    pub(crate) fn is_all_null(&self, group: usize, leaf: usize) -> bool {
        let group = self.metadata.row_group(group);
        let chunk = group.column(leaf);
        let nulls = chunk.statistics().and_then(Statistics::null_count_opt);
        chunk.column_descr().max_rep_level() == 0
            && chunk.column_path().parts().len() == 1
            && nulls.is_some()
            && nulls == u64::try_from(group.num_rows()).ok()
    }

    /// Reads the columns that a layout has, and that have values, of some rows of a row group.
    pub(crate) fn read_group(
        &self,
        group: usize,
        layout: &Layout,
        selection: Option<RowSelection>,
        batch_rows: usize,
    ) -> Result<ParquetRecordBatchReader> {
        let failed = |error| LakeError::reading(self.path(), error);
        let descriptor = self.metadata.file_metadata().schema_descr();
        let leaves: Vec<_> = (0..descriptor.num_columns())
            .filter(|&leaf| layout.position(descriptor.get_column_root(leaf).name()).is_some())
            .filter(|&leaf| !self.is_all_null(group, leaf))
            .collect();
        let positions = if selection.is_some() { &leaves[..] } else { &[] };
        let metadata = self.group_alone(group, &[], positions)?;
        let alone = Self { file: self.file.clone(), metadata: Arc::new(metadata) };
        let arrow = alone.for_arrow(self.hint(layout, true)?)?;
        let mask = ProjectionMask::leaves(arrow.parquet_schema(), leaves);
        let mut builder = ParquetRecordBatchReaderBuilder::new_with_metadata(alone.file, arrow)
            .with_projection(mask)
            .with_batch_size(batch_rows);
        if let Some(selection) = selection {
            builder = builder.with_row_selection(selection);
        }
        builder.build().map_err(failed)
    }

    /// What a reader of the whole file needs.
    pub(crate) fn for_arrow(&self, hint: SchemaRef) -> Result<ArrowReaderMetadata> {
        let options = ArrowReaderOptions::new().with_skip_arrow_metadata(true).with_schema(hint);
        let metadata = ArrowReaderMetadata::try_new(Arc::clone(&self.metadata), options);
        metadata.map_err(|error| LakeError::reading(self.path(), error))
    }
}

fn parsed(file: &SharedFile) -> Result<Arc<ParquetMetaData>> {
    let metadata = ParquetMetaDataReader::new().parse_and_finish(file);
    metadata.map(Arc::new).map_err(|error| LakeError::reading(file.path(), error))
}

/// Footers that queries have read: to parse them takes a tenth of the time of a small query, and files
/// of a lake do not change.
#[derive(Debug)]
struct Footers {
    known: BTreeMap<FileId, Arc<ParquetMetaData>>,
    bytes: usize,
}

impl Footers {
    fn lock() -> MutexGuard<'static, Self> {
        static FOOTERS: Mutex<Footers> = Mutex::new(Footers { known: BTreeMap::new(), bytes: 0 });
        FOOTERS.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn keep(&mut self, id: FileId, metadata: &Arc<ParquetMetaData>) {
        let bytes = metadata.memory_size();
        if self.bytes + bytes > FOOTERS_BYTES_MAX {
            *self = Self { known: BTreeMap::new(), bytes: 0 };
        }
        if bytes <= FOOTERS_BYTES_MAX && self.known.insert(id, Arc::clone(metadata)).is_none() {
            self.bytes += bytes;
        }
    }
}

fn add_page_index(
    metadata: ParquetMetaData,
    file: &SharedFile,
    bounds: &[usize],
    positions: &[usize],
) -> Result<ParquetMetaData> {
    let mut reader = ParquetMetaDataReader::new_with_metadata(metadata)
        .with_page_index_policy(PageIndexPolicy::Optional)
        .with_column_index_mask(ColumnChunkMask::columns(bounds.iter().copied()))
        .with_offset_index_mask(ColumnChunkMask::columns(positions.iter().copied()));
    let read = reader.read_page_indexes(file).and_then(|()| reader.finish());
    read.map_err(|error| LakeError::reading(file.path(), error))
}
