//! What the tests share: random rows of any schema, rows as plain values, and short ways to write
//! and read.
#![allow(dead_code, reason = "no test file uses all of it")]

use std::cmp::Ordering;
use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow_array::builder::{FixedSizeBinaryBuilder, ListBuilder, PrimitiveBuilder, StringBuilder};
use arrow_array::cast::AsArray;
use arrow_array::types::{
    ArrowPrimitiveType, Date32Type, Decimal128Type, Float32Type, Float64Type, Int8Type, Int16Type,
    Int32Type, Int64Type, TimestampNanosecondType,
};
use arrow_array::{Array, ArrayRef, BinaryArray, PrimitiveArray, RecordBatch};
use arrow_schema::{DataType, Field, Schema as ArrowSchema};
use rustonite_core::schema::{arrow_type, list_item};
use rustonite_core::{Column, ColumnType, Fixed, Schema};
use rustonite_lake::{
    Evidence, LakeError, Layout, MergeOptions, Scan, ScanOptions, Source, SourceError, Task,
    WriteOptions, WrittenFile, merge, write,
};
use tempfile::TempDir;

/// 2026-01-02 00:00 UTC.
pub(crate) const DAY: i64 = 1_767_312_000_000_000_000;
pub(crate) const HOUR: i64 = 3_600_000_000_000;

pub(crate) fn folder() -> TempDir {
    tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap()
}

/// A folder where fsync takes no time.
pub(crate) fn in_memory() -> TempDir {
    tempfile::Builder::new().prefix("rustonite-test-").tempdir_in("/dev/shm").unwrap()
}

/// A small generator, so that a failing seed says it all.
#[derive(Clone, Debug)]
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }

    fn null(&mut self, column: &Column) -> bool {
        column.nullable && self.below(4) == 0
    }
}

/// A value, comparable in the order of the lake: nulls last, floats in total order.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Cell {
    Whole(i128),
    Float(i64),
    Bytes(Vec<u8>),
    List(Vec<Cell>),
    Null,
}

pub(crate) type Row = Vec<Cell>;

fn float(value: f64) -> Cell {
    let bits = value.to_bits() as i64;
    Cell::Float(bits ^ (((bits >> 63) as u64) >> 1) as i64)
}

/// The rows of a batch.
pub(crate) fn rows(batch: &RecordBatch) -> Vec<Row> {
    let columns: Vec<_> = batch.columns().iter().map(cells).collect();
    (0..batch.num_rows()).map(|row| columns.iter().map(|c| c[row].clone()).collect()).collect()
}

pub(crate) fn cells(array: &ArrayRef) -> Vec<Cell> {
    fn whole<T: ArrowPrimitiveType>(array: &ArrayRef) -> Vec<Cell>
    where
        T::Native: Into<i128>,
    {
        let values = array.as_primitive::<T>().iter();
        values.map(|value| value.map_or(Cell::Null, |value| Cell::Whole(value.into()))).collect()
    }
    fn bytes<'a>(values: impl Iterator<Item = Option<&'a [u8]>>) -> Vec<Cell> {
        values.map(|value| value.map_or(Cell::Null, |value| Cell::Bytes(value.to_vec()))).collect()
    }
    match array.data_type() {
        DataType::Int8 => whole::<Int8Type>(array),
        DataType::Int16 => whole::<Int16Type>(array),
        DataType::Int32 => whole::<Int32Type>(array),
        DataType::Int64 => whole::<Int64Type>(array),
        DataType::Date32 => whole::<Date32Type>(array),
        DataType::Timestamp(..) => whole::<TimestampNanosecondType>(array),
        DataType::Decimal128(..) => whole::<Decimal128Type>(array),
        DataType::Float32 => {
            let values = array.as_primitive::<Float32Type>().iter();
            values.map(|value| value.map_or(Cell::Null, |value| float(value.into()))).collect()
        }
        DataType::Float64 => {
            let values = array.as_primitive::<Float64Type>().iter();
            values.map(|value| value.map_or(Cell::Null, float)).collect()
        }
        DataType::Utf8 => bytes(array.as_string::<i32>().iter().map(|v| v.map(str::as_bytes))),
        DataType::Binary => bytes(array.as_binary::<i32>().iter()),
        DataType::FixedSizeBinary(_) => bytes(array.as_fixed_size_binary().iter()),
        DataType::List(_) => {
            let lists = array.as_list::<i32>().iter();
            lists.map(|list| list.map_or(Cell::Null, |list| Cell::List(cells(&list)))).collect()
        }
        DataType::Dictionary(..) => {
            let dictionary = array.as_any_dictionary();
            let values = cells(dictionary.values());
            let keys = cells(&arrow_array::make_array(dictionary.keys().to_data()));
            let cell = |key: Cell| match key {
                Cell::Whole(key) => values[key as usize].clone(),
                _ => Cell::Null,
            };
            keys.into_iter().map(cell).collect()
        }
        other => panic!("{other}"),
    }
}

/// Rows with the types of a schema's files; `ts_*` and sort columns collide often, so that ties
/// are tested.
pub(crate) fn random_batch(schema: &Schema, count: usize, random: &mut Random) -> RecordBatch {
    let arrays = schema.columns().iter().map(|column| random_column(column, count, random));
    let arrays: Vec<_> = arrays.collect();
    let field = |(column, array): (&Column, &ArrayRef)| {
        Field::new(&column.name, array.data_type().clone(), column.nullable)
    };
    let fields: Vec<_> = schema.columns().iter().zip(&arrays).map(field).collect();
    RecordBatch::try_new(Arc::new(ArrowSchema::new(fields)), arrays).unwrap()
}

fn random_column(column: &Column, count: usize, random: &mut Random) -> ArrayRef {
    match column.kind {
        ColumnType::Fixed(fixed) => random_fixed(column, fixed, count, random),
        ColumnType::Utf8 | ColumnType::Dictionary(_) => {
            let mut texts = StringBuilder::new();
            for _ in 0..count {
                // Few partitions, so that they have rows.
                let text = match column.name.as_str() {
                    "venue" => format!("venue/{}", random.below(2)),
                    _ => random_text(random),
                };
                texts.append_option((!random.null(column)).then_some(text));
            }
            let texts: ArrayRef = Arc::new(texts.finish());
            if column.kind == ColumnType::Utf8 || random.below(2) == 0 {
                return texts;
            }
            // Too many texts for 8-bit codes stay plain.
            arrow_cast::cast(&texts, &arrow_type(column.kind)).unwrap_or(texts)
        }
        ColumnType::Binary => {
            let value = |random: &mut Random| {
                let bytes = random_text(random).into_bytes();
                (!random.null(column)).then_some(bytes)
            };
            let values: Vec<_> = (0..count).map(|_| value(random)).collect();
            Arc::new(BinaryArray::from_iter(values))
        }
        ColumnType::List(item) => random_lists(column, item, count, random),
    }
}

fn random_text(random: &mut Random) -> String {
    match random.below(12) {
        0 => "é/=% ".repeat(1 + random.below(3) as usize),
        1 => format!("text-{}", random.below(1000)),
        2 => "x".repeat(40),
        other => format!("T{other}"),
    }
}

fn random_fixed(column: &Column, fixed: Fixed, count: usize, random: &mut Random) -> ArrayRef {
    fn each<T: ArrowPrimitiveType>(
        column: &Column,
        count: usize,
        random: &mut Random,
        value: impl Fn(&mut Random) -> T::Native,
    ) -> PrimitiveArray<T> {
        let mut one = |_| (!random.null(column)).then(|| value(random));
        (0..count).map(&mut one).collect()
    }
    match fixed {
        Fixed::Int8 => Arc::new(each::<Int8Type>(column, count, random, |r| r.next() as i8)),
        Fixed::Int16 => Arc::new(each::<Int16Type>(column, count, random, |r| r.next() as i16)),
        Fixed::Int32 => Arc::new(each::<Int32Type>(column, count, random, |r| r.below(9) as i32)),
        Fixed::Int64 => Arc::new(each::<Int64Type>(column, count, random, |r| match r.below(9) {
            0 => i64::MIN,
            1 => i64::MAX,
            _ => r.below(50) as i64 - 25,
        })),
        Fixed::Float32 => {
            Arc::new(each::<Float32Type>(column, count, random, |r| r.below(99) as f32 / 8.0))
        }
        Fixed::Float64 => {
            Arc::new(each::<Float64Type>(column, count, random, |r| match r.below(30) {
                0 => -0.0,
                1 => 0.0,
                2 => f64::MAX,
                _ => r.below(2000) as f64 / 100.0 - 5.0,
            }))
        }
        Fixed::TimestampNs => {
            Arc::new(each::<TimestampNanosecondType>(column, count, random, |r| {
                DAY - 2 * HOUR + (r.below(48) as i64) * HOUR / 10 + r.below(3) as i64
            }))
        }
        Fixed::Date32 => Arc::new(each::<Date32Type>(column, count, random, |r| r.below(3) as i32)),
        Fixed::Decimal128 { precision, scale } => {
            let array = each::<Decimal128Type>(column, count, random, |r| {
                let sign = if r.below(2) == 0 { 1 } else { -1 };
                sign * i128::from(r.next()) * i128::from(r.below(1 << 40))
            });
            Arc::new(array.with_precision_and_scale(precision, scale).unwrap())
        }
        Fixed::Bytes(width) => {
            let mut builder = FixedSizeBinaryBuilder::new(i32::from(width));
            for _ in 0..count {
                let value: Vec<u8> = (0..width).map(|_| random.below(3) as u8).collect();
                if random.null(column) {
                    builder.append_null();
                } else {
                    builder.append_value(value).unwrap();
                }
            }
            Arc::new(builder.finish())
        }
    }
}

fn random_lists(column: &Column, item: Fixed, count: usize, random: &mut Random) -> ArrayRef {
    fn lists<T: ArrowPrimitiveType>(
        column: &Column,
        item: Fixed,
        count: usize,
        random: &mut Random,
        value: impl Fn(u64) -> T::Native,
    ) -> ArrayRef {
        let mut builder =
            ListBuilder::new(PrimitiveBuilder::<T>::new()).with_field(list_item(item));
        for _ in 0..count {
            for _ in 0..random.below(4) {
                builder.values().append_value(value(random.below(100)));
            }
            // A null list may hide items.
            let set = !random.null(column);
            builder.append(set);
        }
        Arc::new(builder.finish())
    }
    match item {
        Fixed::Int32 => lists::<Int32Type>(column, item, count, random, |v| v as i32),
        _ => lists::<Float64Type>(column, item, count, random, |v| v as f64 / 4.0),
    }
}

/// Batches as a source.
pub(crate) struct Batches(VecDeque<RecordBatch>);

impl Batches {
    pub(crate) fn new(batches: &[RecordBatch]) -> Self {
        Self(batches.iter().cloned().collect())
    }
}

impl Source for Batches {
    fn next(&mut self) -> Result<Option<RecordBatch>, SourceError> {
        Ok(self.0.pop_front())
    }
}

pub(crate) fn names(names: &[&str]) -> Vec<String> {
    names.iter().map(|&name| name.to_owned()).collect()
}

/// The layout that a lake gives a dataset unless told otherwise.
pub(crate) fn usual_layout(schema: &Arc<Schema>) -> Arc<Layout> {
    let mut partition = Vec::new();
    if schema.index_of("venue").is_some() {
        partition.push("venue".to_owned());
    }
    if schema.time().is_some() {
        partition.push("date".to_owned());
    }
    Arc::new(Layout::new(schema, &partition, schema.sort()).unwrap())
}

pub(crate) fn write_options(name: &str) -> WriteOptions {
    WriteOptions {
        name: name.to_owned(),
        compressed: true,
        memory_bytes: 64 << 20,
        file_rows_max: 4 << 20,
        spill: Some(PathBuf::from(env!("CARGO_TARGET_TMPDIR"))),
        threads: 2,
    }
}

pub(crate) fn merge_options(name: &str) -> MergeOptions {
    MergeOptions {
        name: name.to_owned(),
        compressed: true,
        file_rows_max: 4 << 20,
        spill: Some(PathBuf::from(env!("CARGO_TARGET_TMPDIR"))),
        threads: 1,
    }
}

pub(crate) fn write_all(
    layout: &Arc<Layout>,
    batches: &[RecordBatch],
    folder: &Path,
    options: &WriteOptions,
) -> Result<Vec<WrittenFile>, LakeError> {
    write(layout, &mut Batches::new(batches), folder, options, &Task::default())
}

pub(crate) fn merge_all(
    layout: &Arc<Layout>,
    inputs: &[PathBuf],
    folder: &Path,
    options: &MergeOptions,
) -> Result<Vec<WrittenFile>, LakeError> {
    merge(layout, inputs, folder, options, &Task::default())
}

pub(crate) fn paths(folder: &Path, files: &[WrittenFile]) -> Vec<PathBuf> {
    files.iter().map(|file| folder.join(&file.path)).collect()
}

pub(crate) fn plain_scan() -> ScanOptions {
    ScanOptions { dictionaries: true, threads: 1, ..ScanOptions::default() }
}

/// All rows of files, and what was read to find them.
pub(crate) fn read(
    layout: &Arc<Layout>,
    files: &[PathBuf],
    options: &ScanOptions,
) -> (Vec<Row>, Arc<Evidence>) {
    let scan = Arc::new(Scan::new(layout, files.to_vec(), options).unwrap());
    let evidence = Arc::new(Evidence::default());
    let found = scan.read(&evidence).flat_map(|batch| rows(&batch.unwrap())).collect();
    (found, evidence)
}

pub(crate) fn read_all(layout: &Arc<Layout>, files: &[PathBuf]) -> Vec<Row> {
    read(layout, files, &plain_scan()).0
}

/// What a file of rows holds: columns of the schema, and the date if rows have one.
pub(crate) fn with_dates(schema: &Schema, rows: Vec<Row>) -> Vec<Row> {
    let Some(time) = schema.time().and_then(|time| schema.index_of(time)) else { return rows };
    if schema.index_of("date").is_some() {
        return rows;
    }
    let dated = |mut row: Row| {
        let date = match row[time] {
            Cell::Whole(ns) => Cell::Whole(ns.div_euclid(86_400_000_000_000)),
            _ => Cell::Null,
        };
        row.push(date);
        row
    };
    rows.into_iter().map(dated).collect()
}

/// Sorts rows as a lake does, by brute force.
pub(crate) fn sorted(mut rows: Vec<Row>, columns: &[usize]) -> Vec<Row> {
    let order = |one: &Row, two: &Row| {
        let each = columns.iter().map(|&at| one[at].cmp(&two[at]));
        each.fold(Ordering::Equal, Ordering::then)
    };
    rows.sort_by(order);
    rows
}

/// Positions of a usual layout's partition and sort columns.
pub(crate) fn usual_order(schema: &Schema) -> Vec<usize> {
    let mut order: Vec<_> = schema.index_of("venue").into_iter().collect();
    if schema.time().is_some() {
        order.push(schema.index_of("date").unwrap_or(schema.columns().len()));
    }
    order.extend(schema.sort().iter().map(|name| schema.index_of(name).unwrap()));
    order
}

/// Every file below a folder.
pub(crate) fn files_below(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}
