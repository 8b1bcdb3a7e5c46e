//! One row group of a scan: which of its pages to read, which of their rows to keep.

use std::collections::VecDeque;
use std::path::Path;
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::{Array, ArrayRef, ListArray, RecordBatch, RecordBatchOptions, new_null_array};
use arrow_buffer::BooleanBuffer;
use arrow_cast::cast;
use arrow_schema::{DataType, Field, Schema as ArrowSchema};
use arrow_select::filter::filter_record_batch;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{
    ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReader,
    ParquetRecordBatchReaderBuilder, RowSelection,
};
use parquet::file::metadata::ParquetMetaData;

use crate::conform::casts_exactly;
use crate::error::{InKernel, LakeError, Result};
use crate::filter::{Condition, Verdict, contiguous};
use crate::layout::FileColumn;
use crate::metadata::{BATCH_ROWS, Opened};
use crate::read::{Evidence, Scan};
use crate::texts::spelled;

/// Values up to which a second thread is not worth its start.
const VALUES_FEW: usize = 100_000;
/// Rows of a batch that is used up before the next one is made.
const SMALL_BATCH_ROWS: usize = 8 * 1024;

/// The row groups of a scan that may hold rows, found file by file.
pub(crate) struct Groups {
    scan: Arc<Scan>,
    evidence: Arc<Evidence>,
    files: usize,
    found: VecDeque<Group>,
}

impl Groups {
    pub(crate) fn new(scan: Arc<Scan>, evidence: Arc<Evidence>) -> Self {
        Self { scan, evidence, files: 0, found: VecDeque::new() }
    }

    pub(crate) fn scan(&self) -> &Scan {
        &self.scan
    }

    /// The next row group.
    pub(crate) fn next(&mut self) -> Result<Option<Group>> {
        self.look()?;
        Ok(self.found.pop_front())
    }

    /// Whether there is another one.
    pub(crate) fn are_several(&mut self) -> Result<bool> {
        self.look()?;
        Ok(!self.found.is_empty())
    }

    /// Opens files until one has a row group to read.
    fn look(&mut self) -> Result<()> {
        while self.found.is_empty() {
            let Some(path) = self.scan.files.get(self.files) else { return Ok(()) };
            // A file that cannot be opened stays the next one, for those who look ahead.
            let opened = Opened::open_for_query(path, Arc::clone(&self.evidence.bytes))?;
            self.files += 1;
            self.add(opened)?;
        }
        Ok(())
    }

    fn add(&mut self, opened: Opened) -> Result<()> {
        let groups = opened.metadata.num_row_groups();
        self.evidence.add_groups(groups);
        let file = Arc::new(FileToRead::new(opened, &self.scan)?);
        for number in 0..groups {
            if let Some(open) = file.open_conditions(&self.scan, number) {
                let scan = Arc::clone(&self.scan);
                let (file, evidence) = (Arc::clone(&file), Arc::clone(&self.evidence));
                self.found.push_back(Group { scan, file, number, open, evidence });
            }
        }
        Ok(())
    }
}

/// What all row groups of a file share.
struct FileToRead {
    opened: Opened,
    /// How Arrow arrays are made of the columns.
    hint: Arc<ArrowSchema>,
    /// For each column of the layout, its place among the file's columns and among their leaves.
    places: Vec<Option<Place>>,
}

#[derive(Clone, Copy)]
struct Place {
    root: usize,
    leaf: usize,
    /// Whether it has the layout's type, so that its statistics mean what conditions mean.
    is_typed: bool,
}

impl FileToRead {
    fn new(opened: Opened, scan: &Scan) -> Result<Self> {
        // Codes are quicker to decode and to test than texts; few rows become texts at the end.
        let hint = opened.hint(&scan.layout, true)?;
        let descriptor = opened.metadata.file_metadata().schema_descr();
        let place = |column: &FileColumn| {
            let root = hint.fields().iter().position(|field| *field.name() == column.name)?;
            let leaf = (0..descriptor.num_columns())
                .find(|&leaf| descriptor.get_column_root_idx(leaf) == root)?;
            let is_typed = hint.field(root).data_type() == column.coded().data_type();
            Some(Place { root, leaf, is_typed })
        };
        let places = scan.layout.columns.iter().map(place).collect();
        Ok(Self { opened, hint, places })
    }

    /// The conditions that statistics of a row group leave open; `None` if it has no rows to offer.
    fn open_conditions(&self, scan: &Scan, number: usize) -> Option<Vec<Condition>> {
        let group = self.opened.metadata.row_group(number);
        let mut open = Vec::new();
        for condition in &scan.conditions {
            // A column that the file does not have is null in all rows.
            let place = self.places[condition.column]?;
            let chunk = group.column(place.leaf);
            let verdict = if place.is_typed {
                condition.of_chunk(chunk, group.num_rows())
            } else {
                Verdict::Some
            };
            match verdict {
                Verdict::None => return None,
                Verdict::Some => open.push(condition.clone()),
                Verdict::All => {}
            }
        }
        (group.num_rows() > 0).then_some(open)
    }
}

/// A row group that may hold rows.
pub(crate) struct Group {
    scan: Arc<Scan>,
    file: Arc<FileToRead>,
    number: usize,
    /// Conditions that not all of its rows are known to meet.
    open: Vec<Condition>,
    evidence: Arc<Evidence>,
}

impl Group {
    /// Reads the rows. `spare` says, when it matters, how many threads have nothing to do.
    pub(crate) fn read(&self, spare: &dyn Fn() -> usize) -> Result<Vec<RecordBatch>> {
        self.evidence.add_read();
        if !self.open.is_empty() {
            return Ok(self.read_matching(spare)?.into_iter().collect());
        }
        let arrow = self.arrow(self.file.opened.group_alone(self.number, &[], &[])?)?;
        let batches = self.decode(&arrow, &self.scan.columns, None, BATCH_ROWS)?;
        batches.iter().map(|batch| self.shaped(batch, &[])).collect()
    }

    /// Hands over the rows in small batches, which stay in the caches of a processor.
    pub(crate) fn each(&self, work: &mut dyn FnMut(&RecordBatch) -> Result<()>) -> Result<()> {
        self.evidence.add_read();
        if !self.open.is_empty() {
            return self.read_matching(&|| 0)?.iter().try_for_each(work);
        }
        let arrow = self.arrow(self.file.opened.group_alone(self.number, &[], &[])?)?;
        for batch in self.reader(&arrow, &self.scan.columns, None, SMALL_BATCH_ROWS)? {
            let batch = batch.map_err(|error| LakeError::decoding(self.path(), error))?;
            work(&self.shaped(&batch, &[])?)?;
        }
        Ok(())
    }

    /// Reads the rows that meet the open conditions: first the columns that these are on, then of
    /// the others no more than is needed.
    fn read_matching(&self, spare: &dyn Fn() -> usize) -> Result<Option<RecordBatch>> {
        let metadata = self.indexed()?;
        let pages = self.selection(&metadata);
        if pages.as_ref().is_some_and(|pages| !pages.selects_any()) {
            return Ok(None);
        }
        let arrow = self.arrow(metadata)?;
        let all_rows = self.file.opened.group_rows(self.number);
        let tested = self.decode(&arrow, &self.tested(), pages.clone(), all_rows)?;
        let Some(tested) = tested.into_iter().next() else { return Ok(None) };
        let met = self.met(&tested)?;
        let wanted = self.scan.columns.iter().copied();
        let others: Vec<_> = wanted.filter(|at| !self.tested().contains(at)).collect();
        let Some(rows) = contiguous(&met) else {
            let others = self.decode_all(&arrow, &others, pages, met.len(), spare)?;
            let shaped = self.shaped(&tested, &others)?;
            return filter_record_batch(&shaped, &met.into()).kernel("filtering rows").map(Some);
        };
        if rows.is_empty() {
            return Ok(None);
        }
        let exact = RowSelection::from_consecutive_ranges([rows.clone()].into_iter(), met.len());
        let exact = pages.map_or(exact.clone(), |pages| pages.and_then(&exact));
        let others = self.decode_all(&arrow, &others, Some(exact), rows.len(), spare)?;
        let tested = tested.slice(rows.start, rows.len());
        self.shaped(&tested, &others).map(Some)
    }

    /// The columns that open conditions are on.
    fn tested(&self) -> Vec<usize> {
        let mut tested: Vec<_> = self.open.iter().map(|condition| condition.column).collect();
        tested.sort_unstable();
        tested.dedup();
        tested
    }

    /// Metadata of this row group alone, with the page index.
    fn indexed(&self) -> Result<ParquetMetaData> {
        let leaf = |&at: &usize| self.file.places[at].map(|place| place.leaf);
        let tested = self.tested();
        let bounds: Vec<_> = tested.iter().filter_map(leaf).collect();
        let positions: Vec<_> = self.scan.columns.iter().chain(&tested).filter_map(leaf).collect();
        self.file.opened.group_alone(self.number, &bounds, &positions)
    }

    fn arrow(&self, metadata: ParquetMetaData) -> Result<ArrowReaderMetadata> {
        let options = ArrowReaderOptions::new()
            .with_skip_arrow_metadata(true)
            .with_schema(Arc::clone(&self.file.hint));
        ArrowReaderMetadata::try_new(Arc::new(metadata), options)
            .map_err(|error| LakeError::reading(self.path(), error))
    }

    fn path(&self) -> &Path {
        self.file.opened.path()
    }

    /// The pages that may hold rows; `None` is all.
    fn selection(&self, metadata: &ParquetMetaData) -> Option<RowSelection> {
        let of_pages = |condition: &Condition| {
            let place = self.file.places[condition.column].filter(|place| place.is_typed)?;
            condition.of_pages(metadata, 0, place.leaf)
        };
        self.open.iter().filter_map(of_pages).reduce(|one, two| one.intersection(&two))
    }

    /// Reads columns of the layout, as far as the file has them, of some rows. There is at least
    /// one batch, unless there are no rows.
    fn decode(
        &self,
        arrow: &ArrowReaderMetadata,
        columns: &[usize],
        selection: Option<RowSelection>,
        batch_rows: usize,
    ) -> Result<Vec<RecordBatch>> {
        let reader = self.reader(arrow, columns, selection, batch_rows)?;
        let batches =
            reader.map(|batch| batch.map_err(|error| LakeError::decoding(self.path(), error)));
        batches.collect()
    }

    fn reader(
        &self,
        arrow: &ArrowReaderMetadata,
        columns: &[usize],
        selection: Option<RowSelection>,
        batch_rows: usize,
    ) -> Result<ParquetRecordBatchReader> {
        let place = |&at: &usize| self.file.places[at];
        let has_values = |place: &Place| !self.file.opened.is_all_null(self.number, place.leaf);
        let roots = columns.iter().filter_map(place).filter(has_values).map(|place| place.root);
        let mask = ProjectionMask::roots(arrow.parquet_schema(), roots);
        let file = self.file.opened.file.clone();
        let mut builder = ParquetRecordBatchReaderBuilder::new_with_metadata(file, arrow.clone())
            .with_projection(mask)
            .with_batch_size(batch_rows);
        if let Some(selection) = selection {
            builder = builder.with_row_selection(selection);
        }
        builder.build().map_err(|error| LakeError::reading(self.path(), error))
    }

    /// Reads columns of the rows selected, all at once, on two threads if there is one to spare.
    fn decode_all(
        &self,
        arrow: &ArrowReaderMetadata,
        columns: &[usize],
        selection: Option<RowSelection>,
        rows: usize,
        spare: &dyn Fn() -> usize,
    ) -> Result<Vec<RecordBatch>> {
        if columns.len() < 2 || rows * columns.len() < VALUES_FEW || spare() == 0 {
            return self.decode(arrow, columns, selection, rows);
        }
        let (mine, others) = self.halves(columns);
        let same = selection.clone();
        let (one, two) = std::thread::scope(|scope| {
            let helper = scope.spawn(|| self.decode(arrow, &others, same, rows));
            let one = self.decode(arrow, &mine, selection, rows);
            (one, helper.join().unwrap_or(Err(LakeError::Bug("reading columns"))))
        });
        let mut batches = one?;
        batches.extend(two?);
        Ok(batches)
    }

    /// Columns in two parts of about equal size in the file.
    fn halves(&self, columns: &[usize]) -> (Vec<usize>, Vec<usize>) {
        let group = self.file.opened.metadata.row_group(self.number);
        let bytes = |at: &usize| {
            self.file.places[*at].map_or(0, |place| group.column(place.leaf).compressed_size())
        };
        let mut largest_first = columns.to_vec();
        largest_first.sort_by_key(|at| std::cmp::Reverse(bytes(at)));
        let (mut one, mut two) = ((0, Vec::new()), (0, Vec::new()));
        for at in largest_first {
            let less = if one.0 <= two.0 { &mut one } else { &mut two };
            less.0 += bytes(&at);
            less.1.push(at);
        }
        (one.1, two.1)
    }

    /// Which rows meet all open conditions.
    fn met(&self, batch: &RecordBatch) -> Result<BooleanBuffer> {
        let mut met = BooleanBuffer::new_set(batch.num_rows());
        for condition in &self.open {
            let column = self.scan.layout.column(condition.column);
            let of_rows = match batch.column_by_name(&column.name) {
                Some(array) => condition.of_rows(&self.typed(array, &column.coded())?),
                None => BooleanBuffer::new_unset(batch.num_rows()),
            };
            met = &met & &of_rows;
        }
        Ok(met)
    }

    /// Columns of batches with the same rows in the order asked for, in the types of the layout.
    fn shaped(&self, first: &RecordBatch, others: &[RecordBatch]) -> Result<RecordBatch> {
        let rows = first.num_rows();
        let column = |field: &Arc<Field>| {
            let mut batches = std::iter::once(first).chain(others);
            match batches.find_map(|batch| batch.column_by_name(field.name())) {
                Some(array) => self.typed(array, field),
                None => Ok(new_null_array(field.data_type(), rows)),
            }
        };
        let schema = &self.scan.schema;
        let columns = schema.fields().iter().map(column).collect::<Result<_>>()?;
        let options = RecordBatchOptions::new().with_row_count(Some(rows));
        RecordBatch::try_new_with_options(Arc::clone(schema), columns, &options)
            .map_err(|error| LakeError::decoding(self.path(), error))
    }

    fn typed(&self, array: &ArrayRef, field: &Field) -> Result<ArrayRef> {
        if array.data_type() == field.data_type() {
            return Ok(Arc::clone(array));
        }
        let wrong = || {
            let what = format!("column {:?}", field.name());
            LakeError::corrupt(self.path(), what, array.data_type(), field.data_type())
        };
        match (array.data_type(), field.data_type()) {
            (DataType::List(one), DataType::List(two)) if one.data_type() == two.data_type() => {
                let lists = array.as_list::<i32>();
                let (offsets, nulls) = (lists.offsets().clone(), lists.nulls().cloned());
                let items = Arc::clone(lists.values());
                let list = ListArray::try_new(Arc::clone(two), offsets, items, nulls);
                list.map(|list| Arc::new(list) as _).map_err(|_| wrong())
            }
            (from @ DataType::Dictionary(..), to @ DataType::Utf8) if casts_exactly(from, to) => {
                spelled(array)
            }
            (from, to) if casts_exactly(from, to) => cast(array, to).kernel("casting a column"),
            _ => Err(wrong()),
        }
    }
}
