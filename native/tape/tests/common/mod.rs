//! What the tests share: folders on both backings, a row of every kind of column, and reading back.
#![allow(dead_code, reason = "no test file uses all of it")]

use std::fs;
use std::path::Path;
use std::sync::{Arc, LazyLock};

use arrow_array::builder::{Float64Builder, ListBuilder, StringBuilder};
use arrow_array::cast::AsArray;
use arrow_array::types::{Float64Type, Int16Type, Int32Type, Int64Type};
use arrow_array::{Array, ArrayRef, Int32Array, Int64Array, RecordBatch, StringArray};
use rustonite_core::row::RowSink;
use rustonite_core::schema::list_item;
use rustonite_core::{Code, Column, ColumnType, Fixed, Key, Row, Schema};
use rustonite_tape::{
    Batch, Gap, Polled, Reader, Start, TapeError, TapeOptions, TypedWriter, Writer,
};
use tempfile::TempDir;

/// A row with every kind of column, borrowed as `push` takes it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Mixed<'a> {
    pub(crate) n: i64,
    pub(crate) tag: Code<i16>,
    pub(crate) text: Option<&'a str>,
    pub(crate) levels: Option<&'a [f64]>,
    pub(crate) small: Option<i32>,
}

impl Row for Mixed<'_> {
    type Static = Mixed<'static>;

    const COLUMNS: usize = 5;

    fn schema() -> &'static Arc<Schema> {
        static SCHEMA: LazyLock<Arc<Schema>> = LazyLock::new(|| {
            let columns = vec![
                Column::plain("n", ColumnType::Fixed(Fixed::Int64), false),
                Column::plain("tag", ColumnType::Dictionary(Key::Int16), false),
                Column::plain("text", ColumnType::Utf8, true),
                Column::plain("levels", ColumnType::List(Fixed::Float64), true),
                Column::plain("small", ColumnType::Fixed(Fixed::Int32), true),
            ];
            Arc::new(Schema::new("mixed", 1, columns).unwrap())
        });
        &SCHEMA
    }

    fn write<S: RowSink>(&self, sink: &mut S) -> Result<(), S::Error> {
        sink.fixed::<0, _>(self.n);
        sink.code::<1, _>(self.tag)?;
        sink.bytes::<2>(self.text.map(str::as_bytes))?;
        sink.list::<3, _>(self.levels)?;
        sink.fixed_or_null::<4, _>(self.small);
        Ok(())
    }
}

/// The same row, owned: what models are made of.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct MixedRow {
    pub(crate) n: i64,
    pub(crate) tag: String,
    pub(crate) text: Option<String>,
    pub(crate) levels: Option<Vec<f64>>,
    pub(crate) small: Option<i32>,
}

impl MixedRow {
    /// A row whose every field follows from its number.
    pub(crate) fn numbered(n: i64) -> Self {
        Self {
            n,
            tag: format!("tag-{}", n % 7),
            text: (n % 3 != 0).then(|| format!("row {n} é")),
            levels: (n % 5 != 0).then(|| (0..n % 4).map(|level| level as f64 / 8.0).collect()),
            small: (n % 2 == 0).then_some(n as i32),
        }
    }
}

pub(crate) type MixedWriter = TypedWriter<Mixed<'static>>;

/// Pushes an owned row.
pub(crate) fn push(writer: &mut MixedWriter, row: &MixedRow) -> Result<(), TapeError> {
    let tag = writer.code16("tag", &row.tag)?;
    writer.push(&Mixed {
        n: row.n,
        tag,
        text: row.text.as_deref(),
        levels: row.levels.as_deref(),
        small: row.small,
    })
}

/// Pushes and commits rows `from..to` of [`MixedRow::numbered`], one event each.
pub(crate) fn write_numbered(writer: &mut MixedWriter, numbers: std::ops::Range<i64>) {
    for n in numbers {
        push(writer, &MixedRow::numbered(n)).unwrap();
        writer.commit().unwrap();
    }
}

pub(crate) fn numbered(numbers: std::ops::Range<i64>) -> Vec<MixedRow> {
    numbers.map(MixedRow::numbered).collect()
}

/// A folder on disk and one in memory.
pub(crate) fn both_backings() -> [TempDir; 2] {
    [on_disk(), in_memory()]
}

pub(crate) fn on_disk() -> TempDir {
    tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap()
}

pub(crate) fn in_memory() -> TempDir {
    tempfile::Builder::new().prefix("rustonite-test-").tempdir_in("/dev/shm").unwrap()
}

/// Segments of 64 rows, never sealed by age.
pub(crate) fn tiny() -> TapeOptions {
    TapeOptions {
        segment_bytes: 1 << 20,
        segment_rows: Some(64),
        segments_max: 10_000,
        seal_after_ms: None,
        ..TapeOptions::default()
    }
}

pub(crate) fn create(folder: &Path, options: TapeOptions) -> MixedWriter {
    Writer::create(folder, Mixed::schema(), options).unwrap().typed().unwrap()
}

pub(crate) fn open(folder: &Path) -> MixedWriter {
    Writer::open(folder).unwrap().typed().unwrap()
}

pub(crate) fn read_from_first(folder: &Path) -> Reader {
    Reader::open(folder, Start::First, true).unwrap()
}

/// Polls until nothing comes. Gaps fail the test.
pub(crate) fn drain(reader: &mut Reader) -> Vec<Batch> {
    let mut batches = Vec::new();
    loop {
        match reader.poll(usize::MAX).unwrap() {
            Polled::Rows(batch) => batches.push(batch),
            Polled::Gap(gap) => panic!("{gap:?}"),
            Polled::Empty => return batches,
        }
    }
}

/// Polls once, expecting a gap.
pub(crate) fn next_gap(reader: &mut Reader) -> Gap {
    match reader.poll(usize::MAX).unwrap() {
        Polled::Gap(gap) => gap,
        other => panic!("expected a gap, got {other:?}"),
    }
}

pub(crate) fn rows_of(batches: &[Batch]) -> Vec<MixedRow> {
    batches.iter().flat_map(mixed_rows).collect()
}

/// Everything a fresh reader finds.
pub(crate) fn all_rows(folder: &Path) -> Vec<MixedRow> {
    rows_of(&drain(&mut read_from_first(folder)))
}

pub(crate) fn record_batch(batch: &Batch) -> RecordBatch {
    batch.record_batch(Arc::new(batch.schema().arrow())).unwrap()
}

/// The rows of a batch, through its Arrow arrays.
pub(crate) fn mixed_rows(batch: &Batch) -> Vec<MixedRow> {
    let arrow = record_batch(batch);
    let numbers = arrow.column(0).as_primitive::<Int64Type>();
    let texts = arrow.column(2).as_string::<i32>();
    let levels = arrow.column(3).as_list::<i32>();
    let smalls = arrow.column(4).as_primitive::<Int32Type>();
    (0..arrow.num_rows())
        .map(|row| MixedRow {
            n: numbers.value(row),
            tag: dictionary_text::<Int16Type>(arrow.column(1), row).unwrap(),
            text: texts.is_valid(row).then(|| texts.value(row).to_owned()),
            levels: levels
                .is_valid(row)
                .then(|| levels.value(row).as_primitive::<Float64Type>().values().to_vec()),
            small: smalls.is_valid(row).then(|| smalls.value(row)),
        })
        .collect()
}

/// The text of a row of a dictionary column.
pub(crate) fn dictionary_text<K: arrow_array::types::ArrowDictionaryKeyType>(
    array: &ArrayRef,
    row: usize,
) -> Option<String> {
    let dictionary = array.as_dictionary::<K>();
    let key = dictionary.key(row)?;
    Some(dictionary.values().as_string::<i32>().value(key).to_owned())
}

/// Rows as an Arrow batch with plain text where the tape has a dictionary.
pub(crate) fn mixed_batch(rows: &[MixedRow]) -> RecordBatch {
    let mut texts = StringBuilder::new();
    let mut levels = ListBuilder::new(Float64Builder::new()).with_field(list_item(Fixed::Float64));
    for row in rows {
        texts.append_option(row.text.as_deref());
        let items = row.levels.as_ref().map(|items| items.iter().copied().map(Some));
        levels.append_option(items);
    }
    let columns: [(&str, ArrayRef); 5] = [
        ("n", Arc::new(Int64Array::from_iter_values(rows.iter().map(|row| row.n)))),
        ("tag", Arc::new(StringArray::from_iter_values(rows.iter().map(|row| &row.tag)))),
        ("text", Arc::new(texts.finish())),
        ("levels", Arc::new(levels.finish())),
        ("small", Arc::new(rows.iter().map(|row| row.small).collect::<Int32Array>())),
    ];
    RecordBatch::try_from_iter_with_nullable(columns.map(|(name, array)| (name, array, true)))
        .unwrap()
}

/// Copies a tape as it lies there: what a crash of the process leaves.
pub(crate) fn copy_folder(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let target = to.join(path.file_name().unwrap());
        if path.is_dir() {
            copy_folder(&path, &target);
        } else {
            fs::copy(&path, &target).unwrap();
        }
    }
}

pub(crate) fn segment_path(folder: &Path, number: u64) -> std::path::PathBuf {
    folder.join(format!("{number:012}.seg"))
}

/// Names of the segment files, in order.
pub(crate) fn segment_files(folder: &Path) -> Vec<String> {
    let names = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name());
    let mut names: Vec<_> = names.map(|name| name.into_string().unwrap()).collect();
    names.retain(|name| Path::new(name).extension().is_some_and(|end| end == "seg"));
    names.sort();
    names
}
