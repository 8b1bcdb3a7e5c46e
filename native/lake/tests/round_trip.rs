//! Rows that were written come back: every schema, in order, in the right files, as the statistics
//! say.
#![allow(
    clippy::unwrap_used,
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "tests"
)]

mod common;

use std::sync::Arc;

use common::{
    Cell, Random, files_below, folder, in_memory, merge_all, merge_options, names, paths,
    random_batch, read, read_all, rows, sorted, usual_layout, usual_order, with_dates, write_all,
    write_options,
};
use parquet::file::metadata::{PageIndexPolicy, ParquetMetaDataReader};
use rustonite_core::{Column, ColumnType, Fixed, Key, Schema, datasets};
use rustonite_lake::{Expected, Layout, ScanOptions, Task, check};

#[test]
fn every_embedded_dataset_comes_back_sorted_and_sound() {
    for (seed, schema) in datasets::all().enumerate() {
        let name = schema.dataset();
        let mut random = Random::new(seed as u64 + 1);
        let batches: Vec<_> =
            [700, 1, 0, 300].map(|count| random_batch(schema, count, &mut random)).into();
        let layout = usual_layout(schema);
        let folder = folder();
        let files = write_all(&layout, &batches, folder.path(), &write_options("a")).unwrap();
        assert_eq!(files.iter().map(|file| file.rows).sum::<u64>(), 1001, "{name}");
        let expected = with_dates(schema, batches.iter().flat_map(rows).collect());
        let expected = sorted(expected, &usual_order(schema));
        assert_eq!(read_all(&layout, &paths(folder.path(), &files)), expected, "{name}");
        for file in &files {
            let path = folder.path().join(&file.path);
            assert_eq!(std::fs::metadata(&path).unwrap().len(), file.size, "{name}");
            let expected = Expected {
                partition: file.partition.clone(),
                stats: Some(file.stats.clone()),
                rows: Some(file.rows),
                size: Some(file.size),
            };
            let problems = check(&layout, &path, &expected, &Task::default()).unwrap();
            assert_eq!(problems, Vec::<String>::new(), "{name}");
        }
    }
}

#[test]
fn plain_texts_and_any_order_of_columns_come_out_as_asked() {
    let schema = datasets::find("trades").unwrap();
    let layout = usual_layout(schema);
    let batch = random_batch(schema, 500, &mut Random::new(7));
    let folder = folder();
    let files = write_all(&layout, &[batch], folder.path(), &write_options("a")).unwrap();
    let files = paths(folder.path(), &files);
    let all = read_all(&layout, &files);
    let columns = Some(names(&["side", "date", "symbol", "price"]));
    let options =
        ScanOptions { columns, dictionaries: false, threads: 2, ..ScanOptions::default() };
    let at = ["side", "date", "symbol", "price"].map(|name| match name {
        "date" => schema.columns().len(),
        _ => schema.index_of(name).unwrap(),
    });
    let expected: Vec<Vec<Cell>> =
        all.iter().map(|row| at.iter().map(|&at| row[at].clone()).collect()).collect();
    assert_eq!(read(&layout, &files, &options).0, expected);
}

#[test]
fn rows_of_no_partition_lie_in_the_folder_itself() {
    let columns = vec![
        Column::plain("k", ColumnType::Fixed(Fixed::Int64), true),
        Column::plain("raw", ColumnType::Fixed(Fixed::Bytes(3)), true),
        Column::plain("small", ColumnType::Fixed(Fixed::Float32), true),
        Column::plain("tag", ColumnType::Dictionary(Key::Int8), true),
    ];
    let schema = Arc::new(Schema::new("mine", 1, columns).unwrap());
    let sort = ["raw", "tag", "small", "k"];
    let layout = Arc::new(Layout::new(&schema, &[], &names(&sort)).unwrap());
    let batch = random_batch(&schema, 2000, &mut Random::new(3));
    let folder = folder();
    let files =
        write_all(&layout, std::slice::from_ref(&batch), folder.path(), &write_options("a"))
            .unwrap();
    assert_eq!(files_below(folder.path()), [folder.path().join("a.parquet")]);
    let order = sort.map(|name| schema.index_of(name).unwrap());
    assert_eq!(read_all(&layout, &paths(folder.path(), &files)), sorted(rows(&batch), &order));
}

#[test]
fn no_rows_make_no_file() {
    let schema = datasets::find("trades").unwrap();
    let layout = usual_layout(schema);
    let folder = folder();
    assert_eq!(write_all(&layout, &[], folder.path(), &write_options("a")).unwrap(), []);
    assert_eq!(merge_all(&layout, &[], folder.path(), &merge_options("a")).unwrap(), []);
    assert!(files_below(folder.path()).is_empty());
}

#[test]
fn folders_spell_what_a_path_cannot() {
    let columns = vec![
        Column::plain("venue", ColumnType::Dictionary(Key::Int16), true),
        Column::plain("level", ColumnType::Fixed(Fixed::Int8), false),
    ];
    let schema = Arc::new(Schema::new("mine", 1, columns).unwrap());
    let layout =
        Arc::new(Layout::new(&schema, &names(&["venue", "level"]), &names(&["level"])).unwrap());
    let venues = [Some("a/b=c"), Some("é"), None, Some("..")];
    let batch = arrow_array::RecordBatch::try_from_iter_with_nullable([
        ("venue", Arc::new(arrow_array::StringArray::from(venues.to_vec())) as _, true),
        ("level", Arc::new(arrow_array::Int8Array::from(vec![1, 2, -3, 4])) as _, false),
    ])
    .unwrap();
    let folder = folder();
    let files = write_all(&layout, &[batch], folder.path(), &write_options("a")).unwrap();
    let mut found: Vec<_> = files
        .iter()
        .map(|file| (file.path.to_str().unwrap(), file.partition[0].1.as_deref()))
        .collect();
    found.sort_unstable();
    let expected = [
        ("venue=%C3%A9/level=2/a.parquet", Some("é")),
        ("venue=../level=4/a.parquet", Some("..")),
        ("venue=__HIVE_DEFAULT_PARTITION__/level=-3/a.parquet", None),
        ("venue=a%2Fb%3Dc/level=1/a.parquet", Some("a/b=c")),
    ];
    assert_eq!(found, expected);
    assert_eq!(files_below(folder.path()).len(), 4);
}

#[test]
fn large_results_are_split_where_the_first_sort_column_changes() {
    let columns = vec![
        Column::plain("symbol", ColumnType::Dictionary(Key::Int32), false),
        Column::plain("n", ColumnType::Fixed(Fixed::Int64), false),
    ];
    let schema = Arc::new(Schema::new("mine", 1, columns).unwrap());
    let layout = Arc::new(Layout::new(&schema, &[], &names(&["symbol", "n"])).unwrap());
    let symbols = (0..5000).map(|row| format!("S{}", row % 9));
    let batch = arrow_array::RecordBatch::try_from_iter([
        ("symbol", Arc::new(arrow_array::StringArray::from_iter_values(symbols)) as _),
        ("n", Arc::new((0..5000_i64).collect::<arrow_array::Int64Array>()) as _),
    ])
    .unwrap();
    let folder = folder();
    let mut options = write_options("a");
    options.file_rows_max = 1200;
    let files = write_all(&layout, std::slice::from_ref(&batch), folder.path(), &options).unwrap();
    let found: Vec<_> =
        files.iter().map(|file| (file.path.to_str().unwrap().to_owned(), file.rows)).collect();
    // 556 or 555 rows a symbol: two symbols are enough for a file.
    let rows_of = |files: &[(String, u64)]| files.iter().map(|file| file.1).collect::<Vec<_>>();
    assert_eq!(rows_of(&found), [1112, 1112, 1111, 1110, 555]);
    assert_eq!(found[0].0, "a.parquet");
    assert_eq!(found[4].0, "a-4.parquet");
    let all = read_all(&layout, &paths(folder.path(), &files));
    assert_eq!(all, sorted(rows(&batch), &[0, 1]));
    // One symbol that alone is too many is cut anyway.
    options.file_rows_max = 300;
    options.name = "b".to_owned();
    let files = write_all(&layout, std::slice::from_ref(&batch), folder.path(), &options).unwrap();
    assert!(files.iter().all(|file| file.rows <= 300));
    assert_eq!(read_all(&layout, &paths(folder.path(), &files)), all);
}

#[test]
fn pages_of_all_columns_begin_with_the_same_rows() {
    let schema = datasets::find("trades").unwrap();
    let folder = in_memory();
    let batch = random_batch(schema, 40_000, &mut Random::new(7));
    let layout = usual_layout(schema);
    let files = write_all(&layout, &[batch], folder.path(), &write_options("a")).unwrap();
    for path in paths(folder.path(), &files) {
        let file = std::fs::File::open(&path).unwrap();
        let reader = ParquetMetaDataReader::new().with_page_index_policy(PageIndexPolicy::Required);
        let metadata = reader.parse_and_finish(&file).unwrap();
        for number in 0..metadata.num_row_groups() {
            let index = metadata.page_index_for_row_group(number);
            let first_rows = |column: usize| -> Vec<i64> {
                let pages = index.offset_index(column).unwrap().page_locations();
                pages.iter().map(|page| page.first_row_index).collect()
            };
            for column in 1..metadata.row_group(number).num_columns() {
                assert_eq!(first_rows(column), first_rows(0), "column {column} of {path:?}");
            }
        }
    }
}
