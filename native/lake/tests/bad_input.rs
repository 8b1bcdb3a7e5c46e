//! What is wrong is named: file, row, column, what was found, what was expected; and nothing is
//! left behind.
#![allow(
    clippy::unwrap_used,
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "tests"
)]

mod common;

use std::path::PathBuf;
use std::sync::Arc;

use arrow_array::types::Int32Type;
use arrow_array::{
    ArrayRef, Decimal128Array, DictionaryArray, Float64Array, Int8Array, Int64Array,
    LargeStringArray, ListArray, NullArray, RecordBatch, StringArray, StringViewArray,
    TimestampMicrosecondArray, TimestampNanosecondArray, UInt64Array,
};
use common::{
    Batches, Cell, Random, files_below, folder, merge_all, merge_options, names, paths,
    random_batch, read_all, usual_layout, write_all, write_options,
};
use rustonite_core::{Column, ColumnType, ErrorKind, Fixed, Key, Schema, datasets};
use rustonite_lake::{
    Expected, Filter, LakeError, Layout, Scan, ScanOptions, Source, SourceError, Task, check, write,
};

fn schema(columns: &[(&str, ColumnType, bool)]) -> Arc<Schema> {
    let columns = columns.iter();
    let columns = columns.map(|&(name, kind, null)| Column::plain(name, kind, null)).collect();
    Arc::new(Schema::new("mine", 1, columns).unwrap())
}

const TEXT: ColumnType = ColumnType::Dictionary(Key::Int16);
const TIME: ColumnType = ColumnType::Fixed(Fixed::TimestampNs);
const WHOLE: ColumnType = ColumnType::Fixed(Fixed::Int64);

/// Writes one column of one kind and reads it back, or says why not.
fn pass(kind: ColumnType, null: bool, array: ArrayRef) -> Result<Vec<Cell>, String> {
    let schema = schema(&[("x", kind, null)]);
    let layout = Arc::new(Layout::new(&schema, &[], &[]).unwrap());
    let batch = RecordBatch::try_from_iter_with_nullable([("x", array, true)]).unwrap();
    let folder = folder();
    match write_all(&layout, &[batch], folder.path(), &write_options("a")) {
        Ok(files) => {
            let found = read_all(&layout, &paths(folder.path(), &files));
            Ok(found.into_iter().map(|mut row| row.remove(0)).collect())
        }
        Err(error) => {
            assert_eq!(error.kind(), ErrorKind::Invalid, "{error}");
            assert!(files_below(folder.path()).is_empty());
            Err(error.to_string())
        }
    }
}

#[test]
fn types_that_hold_the_same_values_are_taken() {
    let bytes = |text: &str| Cell::Bytes(text.as_bytes().to_vec());
    let texts: Vec<ArrayRef> = vec![
        Arc::new(StringArray::from(vec![Some("a"), None])),
        Arc::new(LargeStringArray::from(vec![Some("a"), None])),
        Arc::new(StringViewArray::from(vec![Some("a"), None])),
        Arc::new(DictionaryArray::<Int32Type>::from_iter([Some("a"), None])),
    ];
    for array in texts {
        for kind in [TEXT, ColumnType::Utf8] {
            let found = pass(kind, true, Arc::clone(&array));
            assert_eq!(found, Ok(vec![bytes("a"), Cell::Null]), "{}", array.data_type());
        }
    }
    let coarse = TimestampMicrosecondArray::from(vec![1_700_000_000_000_001]);
    let expected = Cell::Whole(1_700_000_000_000_001_000);
    assert_eq!(pass(TIME, false, Arc::new(coarse.clone())), Ok(vec![expected.clone()]));
    assert_eq!(pass(TIME, false, Arc::new(coarse.with_timezone("UTC"))), Ok(vec![expected]));
    let small = Arc::new(Int8Array::from(vec![-5]));
    assert_eq!(pass(WHOLE, false, small), Ok(vec![Cell::Whole(-5)]));
    let unsigned = Arc::new(UInt64Array::from(vec![7]));
    assert_eq!(pass(WHOLE, false, unsigned), Ok(vec![Cell::Whole(7)]));
    let decimal = Decimal128Array::from(vec![15]).with_precision_and_scale(5, 1).unwrap();
    let wide = ColumnType::Fixed(Fixed::Decimal128 { precision: 38, scale: 3 });
    assert_eq!(pass(wide, false, Arc::new(decimal)), Ok(vec![Cell::Whole(1500)]));
    let nulls: ArrayRef = Arc::new(NullArray::new(2));
    assert_eq!(pass(TEXT, true, nulls), Ok(vec![Cell::Null, Cell::Null]));
}

#[test]
fn types_that_would_lose_something_are_refused() {
    let refused = |kind, array: ArrayRef| pass(kind, true, array).unwrap_err();
    let zoned = TimestampMicrosecondArray::from(vec![1, i64::MAX]);
    let message = refused(TIME, Arc::new(zoned));
    assert!(message.contains("column \"x\", row 1: found a value of Timestamp(µs)"), "{message}");
    assert!(message.ends_with("out of range, expected timestamp[ns]"), "{message}");
    let message = refused(WHOLE, Arc::new(UInt64Array::from(vec![1, u64::MAX])));
    assert!(message.contains("row 1: found a value of UInt64 out of range"), "{message}");
    let message = refused(WHOLE, Arc::new(Float64Array::from(vec![1.0])));
    assert_eq!(message, "column \"x\": found type Float64, expected int64");
    let message = refused(ColumnType::Fixed(Fixed::Float64), Arc::new(Int64Array::from(vec![1])));
    assert_eq!(message, "column \"x\": found type Int64, expected float64");
    let message = refused(TIME, Arc::new(Int64Array::from(vec![1])));
    assert_eq!(message, "column \"x\": found type Int64, expected timestamp[ns]");
    let message = refused(TEXT, Arc::new(Int64Array::from(vec![1])));
    assert!(message.contains("found type Int64, expected texts"), "{message}");
    let fine = Decimal128Array::from(vec![15]).with_precision_and_scale(5, 4).unwrap();
    let coarse = ColumnType::Fixed(Fixed::Decimal128 { precision: 38, scale: 3 });
    assert!(refused(coarse, Arc::new(fine)).contains("expected decimal128(38,3)"));
    let items = ListArray::from_iter_primitive::<Int32Type, _, _>([
        Some(vec![Some(1)]),
        Some(vec![Some(1), None]),
    ]);
    let message = refused(ColumnType::List(Fixed::Int32), Arc::new(items));
    assert!(message.contains("row 1: found a list with a null"), "{message}");
}

#[test]
fn nulls_and_columns_that_must_be_there_are_named_with_their_row() {
    let schema = schema(&[("a", WHOLE, false), ("b", TEXT, true)]);
    let layout = Arc::new(Layout::new(&schema, &[], &[]).unwrap());
    let folder = folder();
    let batch = |values: Vec<Option<i64>>| {
        let array: ArrayRef = Arc::new(Int64Array::from(values));
        RecordBatch::try_from_iter_with_nullable([("a", array, true)]).unwrap()
    };
    let batches = [batch(vec![Some(1), Some(2)]), batch(vec![Some(3), None])];
    let error = write_all(&layout, &batches, folder.path(), &write_options("a")).unwrap_err();
    assert_eq!(error.to_string(), "column \"a\", row 3: found null, expected int64 (never null)");
    let other: ArrayRef = Arc::new(StringArray::from(vec!["x"]));
    let batch = RecordBatch::try_from_iter([("b", other)]).unwrap();
    let error = write_all(&layout, &[batch], folder.path(), &write_options("a")).unwrap_err();
    assert_eq!(
        error.to_string(),
        "column \"a\": found no such column, expected int64 (never null)"
    );
    assert!(files_below(folder.path()).is_empty());
}

#[test]
fn a_layout_needs_columns_that_suit() {
    let trades = datasets::find("trades").unwrap();
    let refused = |partition: &[&str], sort: &[&str]| {
        let error = Layout::new(trades, &names(partition), &names(sort)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Invalid);
        error.to_string()
    };
    assert!(
        refused(&["nope"], &[])
            .starts_with("partition_by: found \"nope\", expected one of ts_event,")
    );
    assert!(refused(&["price"], &[]).contains("\"price\" of type float64"));
    assert!(refused(&["venue", "venue"], &[]).contains("\"venue\" twice"));
    assert!(refused(&[], &["nope"]).starts_with("sort_by: found \"nope\""));
    let timeless = schema(&[("a", WHOLE, false), ("l", ColumnType::List(Fixed::Int32), false)]);
    let error = Layout::new(&timeless, &names(&["date"]), &[]).unwrap_err().to_string();
    assert!(error.contains("expected a dataset with a time column"), "{error}");
    let error = Layout::new(&timeless, &[], &names(&["l"])).unwrap_err().to_string();
    assert!(
        error.contains("\"l\" of type list<int32>, expected columns that have an order"),
        "{error}"
    );
}

#[test]
fn an_empty_text_names_no_partition() {
    let schema = schema(&[("venue", TEXT, false)]);
    let layout = Arc::new(Layout::new(&schema, &names(&["venue"]), &[]).unwrap());
    let array: ArrayRef = Arc::new(StringArray::from(vec!["a", ""]));
    let batch = RecordBatch::try_from_iter([("venue", array)]).unwrap();
    let folder = folder();
    let error = write_all(&layout, &[batch], folder.path(), &write_options("a")).unwrap_err();
    assert!(error.to_string().contains("\"venue\": found an empty text"), "{error}");
    assert!(files_below(folder.path()).is_empty());
}

#[test]
fn files_that_are_there_already_stay() {
    let trades = datasets::find("trades").unwrap();
    let layout = usual_layout(trades);
    let folder = folder();
    let batch = random_batch(trades, 50, &mut Random::new(1));
    write_all(&layout, std::slice::from_ref(&batch), folder.path(), &write_options("a")).unwrap();
    let before = files_below(folder.path());
    let error = write_all(&layout, &[batch], folder.path(), &write_options("a")).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Conflict, "{error}");
    assert_eq!(files_below(folder.path()), before);
}

/// A source that fails after some batches.
struct Failing(Batches);

impl Source for Failing {
    fn next(&mut self) -> Result<Option<RecordBatch>, SourceError> {
        self.0.next()?.map_or_else(|| Err("the line is dead".into()), |batch| Ok(Some(batch)))
    }
}

#[test]
fn a_source_that_fails_leaves_nothing() {
    let trades = datasets::find("trades").unwrap();
    let (folder, spill) = (folder(), folder());
    let batch = random_batch(trades, 500, &mut Random::new(1));
    let mut source = Failing(Batches::new(&[batch.clone(), batch]));
    let mut options = write_options("a");
    options.memory_bytes = 1000;
    options.spill = Some(spill.path().to_owned());
    let layout = usual_layout(trades);
    let error = write(&layout, &mut source, folder.path(), &options, &Task::default()).unwrap_err();
    assert!(matches!(error, LakeError::Source(_)), "{error}");
    assert_eq!(error.to_string(), "the line is dead");
    assert!(files_below(folder.path()).is_empty());
    assert!(files_below(spill.path()).is_empty());
}

#[test]
fn stopped_work_removes_its_files() {
    let trades = datasets::find("trades").unwrap();
    let layout = usual_layout(trades);
    let folder = folder();
    let task = Task::default();
    task.stop();
    let batch = random_batch(trades, 500, &mut Random::new(1));
    let mut source = Batches::new(&[batch]);
    let error = write(&layout, &mut source, folder.path(), &write_options("a"), &task).unwrap_err();
    assert!(matches!(error, LakeError::Stopped), "{error}");
    assert!(files_below(folder.path()).is_empty());
}

/// A sorted file of numbers, written with another order than the layout's.
fn numbers(folder: &std::path::Path, name: &str, sort: &[&str], numbers: &[i64]) -> PathBuf {
    let schema = schema(&[("n", WHOLE, false), ("venue", TEXT, false)]);
    let layout = Arc::new(Layout::new(&schema, &[], &names(sort)).unwrap());
    let venues = numbers.iter().map(|n| if *n < 100 { "a" } else { "b" });
    let batch = RecordBatch::try_from_iter([
        ("n", Arc::new(Int64Array::from(numbers.to_vec())) as ArrayRef),
        ("venue", Arc::new(StringArray::from_iter_values(venues)) as ArrayRef),
    ])
    .unwrap();
    let files = write_all(&layout, &[batch], folder, &write_options(name)).unwrap();
    folder.join(&files[0].path)
}

#[test]
fn merging_names_the_file_and_row_that_is_out_of_order() {
    let folder = folder();
    let good = numbers(folder.path(), "good", &["n"], &[1, 2, 3]);
    let bad = numbers(folder.path(), "bad", &[], &[1, 5, 4, 6]);
    let mixed = numbers(folder.path(), "mixed", &["n"], &[7, 150]);
    let schema = schema(&[("n", WHOLE, false), ("venue", TEXT, false)]);
    let layout = Arc::new(Layout::new(&schema, &names(&["venue"]), &names(&["n"])).unwrap());
    let merge = |inputs: &[&PathBuf]| {
        let inputs: Vec<_> = inputs.iter().map(|&path| path.clone()).collect();
        let error = merge_all(&layout, &inputs, folder.path(), &merge_options("m")).unwrap_err();
        assert_eq!(files_below(folder.path()).len(), 3, "something was left behind");
        error
    };
    let error = merge(&[&good, &bad]);
    assert_eq!(error.kind(), ErrorKind::Corrupt);
    let text = error.to_string();
    assert!(text.contains("bad.parquet: row 2: found a row that belongs before"), "{text}");
    let error = merge(&[&good, &mixed]);
    assert_eq!(error.kind(), ErrorKind::Corrupt);
    assert!(error.to_string().contains("mixed.parquet: row 1: found venue=b"), "{error}");
    let error = merge(&[&good, &folder.path().join("none.parquet")]);
    assert_eq!(error.kind(), ErrorKind::NotFound, "{error}");
}

#[test]
fn damaged_files_are_told_apart_from_missing_ones() {
    let trades = datasets::find("trades").unwrap();
    let layout = usual_layout(trades);
    let folder = folder();
    let batch = random_batch(trades, 5000, &mut Random::new(1));
    let files = write_all(&layout, &[batch], folder.path(), &write_options("a")).unwrap();
    let file = files.iter().max_by_key(|file| file.rows).unwrap();
    let whole = std::fs::read(folder.path().join(&file.path)).unwrap();
    let target = folder.path().join("damaged.parquet");
    let expected = Expected { partition: file.partition.clone(), ..Expected::default() };
    let mut damages: Vec<Vec<u8>> = vec![Vec::new(), b"PAR1".to_vec(), vec![7; 5000]];
    damages.extend([5, whole.len() / 2, whole.len() - 1].map(|len| whole[..len].to_vec()));
    for place in [40, whole.len() / 3, whole.len() / 2] {
        let mut flipped = whole.clone();
        flipped[place] ^= 0x10;
        damages.push(flipped);
    }
    for (number, damage) in damages.iter().enumerate() {
        std::fs::write(&target, damage).unwrap();
        let problems = check(&layout, &target, &expected, &Task::default()).unwrap();
        assert!(!problems.is_empty(), "damage {number}");
        assert!(problems.iter().all(|problem| problem.contains("damaged.parquet")), "{problems:?}");
        // Reading may not notice, but neither panics nor hangs.
        let scan = Scan::new(&layout, vec![target.clone()], &common::plain_scan()).unwrap();
        for batch in Arc::new(scan).read(&Arc::default()) {
            if let Err(error) = batch {
                assert_eq!(error.kind(), ErrorKind::Corrupt, "damage {number}: {error}");
                assert!(error.to_string().contains("damaged.parquet"), "{error}");
            }
        }
    }
    let missing = folder.path().join("missing.parquet");
    let problems = check(&layout, &missing, &expected, &Task::default()).unwrap();
    assert!(problems[0].contains("missing.parquet: opening the file"), "{problems:?}");
}

#[test]
fn checking_holds_every_claim_against_the_rows() {
    let trades = datasets::find("trades").unwrap();
    let layout = usual_layout(trades);
    let folder = folder();
    let batch = random_batch(trades, 3000, &mut Random::new(5));
    let files = write_all(&layout, &[batch], folder.path(), &write_options("a")).unwrap();
    let file = files.iter().max_by_key(|file| file.rows).unwrap();
    let path = folder.path().join(&file.path);
    let sound = Expected {
        partition: file.partition.clone(),
        stats: Some(file.stats.clone()),
        rows: Some(file.rows),
        size: Some(file.size),
    };
    let check = |expected: &Expected, layout: &Arc<Layout>| {
        check(layout, &path, expected, &Task::default()).unwrap()
    };
    assert_eq!(check(&sound, &layout), Vec::<String>::new());
    let stats = file.stats.replace(&format!("\"numRecords\":{}", file.rows), "\"numRecords\":1");
    let expected = Expected { rows: Some(1), size: Some(2), stats: Some(stats), ..sound.clone() };
    let problems = check(&expected, &layout);
    assert_eq!(problems.len(), 3, "{problems:?}");
    assert!(problems[0].contains(&format!("size: found {}, expected 2", file.size)));
    assert!(problems[1].contains(&format!("rows: found {}, expected 1", file.rows)));
    assert!(problems[2].contains("statistics, numRecords"));
    let mut partition = file.partition.clone();
    partition[1].1 = Some("2020-01-01".to_owned());
    let problems = check(&Expected { partition, ..sound.clone() }, &layout);
    assert_eq!(problems.len(), 1, "{problems:?}");
    assert!(problems[0].contains("row 0: found venue="), "{problems:?}");
    let other = names(&["venue", "date"]);
    let other = Arc::new(Layout::new(trades, &other, &names(&["price"])).unwrap());
    let problems = check(&sound, &other);
    assert!(
        problems.iter().any(|text| text.contains("expected rows sorted by price")),
        "{problems:?}"
    );
    let quotes = usual_layout(datasets::find("quotes").unwrap());
    let problems = check(&sound, &quotes);
    assert!(problems.iter().any(|text| text.contains("column \"price\"")), "{problems:?}");
}

#[test]
fn columns_that_old_files_lack_are_null() {
    let old = schema(&[("a", WHOLE, false)]);
    let new = schema(&[("a", WHOLE, false), ("b", TEXT, true), ("c", TIME, true)]);
    let layout = |schema| Arc::new(Layout::new(schema, &[], &names(&["a"])).unwrap());
    let folder = folder();
    let array: ArrayRef = Arc::new(Int64Array::from(vec![3, 1]));
    let first = RecordBatch::try_from_iter([("a", Arc::clone(&array))]).unwrap();
    let text: ArrayRef = Arc::new(StringArray::from(vec!["x", "y"]));
    let time: ArrayRef = Arc::new(TimestampNanosecondArray::from(vec![5, 6]));
    let second = RecordBatch::try_from_iter([("a", array), ("b", text), ("c", time)]).unwrap();
    let one = write_all(&layout(&old), &[first], folder.path(), &write_options("one")).unwrap();
    let two = write_all(&layout(&new), &[second], folder.path(), &write_options("two")).unwrap();
    let mut files = paths(folder.path(), &one);
    files.extend(paths(folder.path(), &two));
    let whole = |value| Cell::Whole(value);
    let with = |a, b: &str, c| vec![whole(a), Cell::Bytes(b.as_bytes().to_vec()), whole(c)];
    let without = |a| vec![whole(a), Cell::Null, Cell::Null];
    let new = layout(&new);
    assert_eq!(read_all(&new, &files), [without(1), without(3), with(1, "y", 6), with(3, "x", 5)]);
    let merged = merge_all(&new, &files, folder.path(), &merge_options("m")).unwrap();
    let merged = paths(folder.path(), &merged);
    assert_eq!(read_all(&new, &merged), [without(1), with(1, "y", 6), without(3), with(3, "x", 5)]);
    let filter = Filter::In { column: "b".to_owned(), texts: vec!["y".to_owned()] };
    let options = ScanOptions { filters: vec![filter], ..common::plain_scan() };
    assert_eq!(common::read(&new, &files, &options).0, [with(1, "y", 6)]);
    assert!(check(&new, &files[0], &Expected::default(), &Task::default()).unwrap().is_empty());
}

#[test]
fn filters_need_columns_that_suit() {
    let layout = usual_layout(datasets::find("trades").unwrap());
    let refused = |filter: Filter| {
        let options = ScanOptions { filters: vec![filter], ..common::plain_scan() };
        let error = Scan::new(&layout, Vec::new(), &options).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Invalid);
        error.to_string()
    };
    let text = |column: &str| Filter::In { column: column.to_owned(), texts: Vec::new() };
    let between =
        |column: &str| Filter::Between { column: column.to_owned(), least: Some(1), below: None };
    assert!(refused(text("price")).contains("expected a column of texts"));
    assert!(refused(between("symbol")).contains("expected whole numbers, times or dates"));
    assert!(refused(between("price")).contains("\"price\" of type float64"));
    assert!(refused(text("nope")).contains("where: found \"nope\", expected one of"));
    let columns = Some(names(&["nope"]));
    let error = Scan::new(&layout, Vec::new(), &ScanOptions { columns, ..common::plain_scan() });
    assert!(error.unwrap_err().to_string().starts_with("columns: found \"nope\""));
}
