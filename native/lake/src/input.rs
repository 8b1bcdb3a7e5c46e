//! Sorted files as sources of parts: a few rows at a time, so that many can be open together.

use std::path::Path;
use std::sync::Arc;

use parquet::arrow::arrow_reader::ParquetRecordBatchReader;

use crate::batch::Part;
use crate::conform::Conformer;
use crate::error::{LakeError, Result};
use crate::layout::Layout;
use crate::metadata::Opened;
use crate::texts::Texts;

/// Most rows and bytes that an input hands out at once.
const ROWS_MAX: usize = 16_384;
const BYTES_MAX: usize = 1 << 20;

/// A file that is read from its first row to its last.
pub(crate) struct Input {
    opened: Opened,
    /// The columns to read: all but the date, which is derived.
    stored: Layout,
    /// The next row group.
    group: usize,
    reader: Option<ParquetRecordBatchReader>,
    conformer: Conformer,
    batch_rows: usize,
}

impl Input {
    pub(crate) fn open(path: &Path, layout: &Arc<Layout>) -> Result<Self> {
        let opened = Opened::open(path)?;
        let batch_rows = batch_rows(&opened, layout);
        let conformer = Conformer::new(layout, Some(path.to_owned()));
        let mut stored = Layout::clone(layout);
        stored.columns.truncate(layout.columns_given());
        Ok(Self { opened, stored, group: 0, reader: None, conformer, batch_rows })
    }

    pub(crate) fn path(&self) -> &Path {
        self.opened.path()
    }

    /// Rows of the file.
    pub(crate) fn rows(&self) -> u64 {
        self.opened.rows()
    }

    /// Rows handed out so far.
    pub(crate) fn rows_read(&self) -> u64 {
        self.conformer.rows()
    }

    /// The next rows.
    pub(crate) fn next(&mut self, texts: &mut Texts) -> Result<Option<Part>> {
        loop {
            if let Some(batch) = self.reader.as_mut().and_then(Iterator::next) {
                let batch = batch.map_err(|error| LakeError::decoding(self.path(), error))?;
                return self.conformer.part(&batch, texts).map(Some);
            }
            if self.group == self.opened.metadata.num_row_groups() {
                break;
            }
            // Row groups one by one: a batch across two of them would have its texts hashed.
            let reader = self.opened.read_group(self.group, &self.stored, None, self.batch_rows)?;
            self.reader = Some(reader);
            self.group += 1;
        }
        let (found, expected) = (self.conformer.rows(), self.opened.rows());
        if found != expected {
            return Err(LakeError::corrupt(self.path(), "rows", found, expected));
        }
        Ok(None)
    }
}

fn batch_rows(opened: &Opened, layout: &Layout) -> usize {
    let groups = opened.metadata.row_groups().iter();
    let stored: i64 = groups.map(parquet::file::metadata::RowGroupMetaData::total_byte_size).sum();
    let stored = usize::try_from(stored).unwrap_or(0);
    let stored = stored / usize::try_from(opened.rows()).unwrap_or(1).max(1);
    let width = |column: &crate::layout::FileColumn| column.moved().primitive_width().unwrap_or(4);
    let fixed: usize = layout.columns.iter().map(width).sum();
    (BYTES_MAX / stored.max(fixed).max(1)).clamp(16, ROWS_MAX)
}
