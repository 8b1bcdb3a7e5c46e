//! Random rows through random ways of writing and merging: always the model's rows, in the model's
//! order.
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

use common::{
    Random, Row, files_below, in_memory, merge_all, merge_options, paths, random_batch, read,
    read_all, rows, sorted, usual_layout, usual_order, with_dates, write_all, write_options,
};
use proptest::prelude::*;
use rustonite_core::datasets;
use rustonite_lake::{Evidence, Filter, Layout, ScanOptions, Task, last_of_files, last_of_source};

/// Datasets whose sort keys differ in kind.
const DATASETS: [&str; 6] = ["trades", "quotes", "orders", "bars", "frames", "book_snapshots"];

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn spills_and_merges_keep_rows_and_their_order(
        seed in any::<u64>(),
        dataset in 0..DATASETS.len(),
        counts in prop::collection::vec(0_usize..400, 1..9),
        memory in prop::sample::select(vec![1_usize, 5_000, 40_000, 1 << 30]),
        rows_max in prop::sample::select(vec![50_usize, 1 << 20]),
    ) {
        let schema = datasets::find(DATASETS[dataset]).unwrap();
        let mut random = Random::new(seed);
        let layout = usual_layout(schema);
        let order = usual_order(schema);
        let (folder, spill) = (in_memory(), in_memory());
        // Each write is a small file per partition; their order is the order of arrival.
        let mut written: Vec<Vec<PathBuf>> = Vec::new();
        let mut model: Vec<Row> = Vec::new();
        for (number, count) in counts.iter().enumerate() {
            let batch = random_batch(schema, *count, &mut random);
            let cut = random.below(*count as u64 + 1) as usize;
            let batches = [batch.slice(0, cut), batch.slice(cut, count - cut)];
            let mut options = write_options(&format!("w{number}"));
            // So little memory that every row is a run would be slow and show no more.
            options.memory_bytes = memory.max(count * 20);
            options.spill = Some(spill.path().to_owned());
            let files = write_all(&layout, &batches, folder.path(), &options).unwrap();
            model.extend(with_dates(schema, rows(&batch)));
            written.push(paths(folder.path(), &files));
        }
        let mut partitions: Vec<PathBuf> = written
            .iter()
            .flatten()
            .map(|path| path.parent().unwrap().to_owned())
            .collect();
        partitions.sort();
        partitions.dedup();
        let mut merged = Vec::new();
        for (number, partition) in partitions.iter().enumerate() {
            let inputs: Vec<_> =
                written.iter().flatten().filter(|path| path.starts_with(partition)).cloned().collect();
            let mut options = merge_options(&format!("m{number}"));
            options.file_rows_max = rows_max;
            options.spill = Some(spill.path().to_owned());
            let files = merge_all(&layout, &inputs, folder.path(), &options).unwrap();
            merged.extend(paths(folder.path(), &files));
        }
        prop_assert!(files_below(spill.path()).is_empty());
        // Folders come in the order of escaped names, partitions in that of values.
        let found = sorted(read_all(&layout, &merged), &order[..order.len() - schema.sort().len()]);
        prop_assert_eq!(found, sorted(model, &order));
    }

    #[test]
    fn filters_find_what_brute_force_finds(
        seed in any::<u64>(),
        count in 1_usize..3000,
        texts in prop::collection::vec(0_u64..12, 0..4),
        from in -3_i64..40,
        hours in 0_i64..30,
        threads in 1_usize..3,
    ) {
        let schema = datasets::find("quotes").unwrap();
        let layout = usual_layout(schema);
        let folder = in_memory();
        let batch = random_batch(schema, count, &mut Random::new(seed));
        let files = write_all(&layout, &[batch], folder.path(), &write_options("a")).unwrap();
        let files = paths(folder.path(), &files);
        let texts: Vec<String> = texts.iter().map(|number| format!("T{number}")).collect();
        let (least, below) =
            (common::DAY + from * common::HOUR / 10, common::DAY + (from + hours) * common::HOUR / 10);
        let between = |column: &str, least, below| {
            Filter::Between { column: column.to_owned(), least: Some(least), below: Some(below) }
        };
        let filters = vec![
            Filter::In { column: "symbol".to_owned(), texts: texts.clone() },
            between("ts_recv", least, below),
            between("bid_count", 2, 7),
        ];
        let options = ScanOptions { filters, threads, dictionaries: true, ..ScanOptions::default() };
        let at = |name| schema.index_of(name).unwrap();
        let keep = |row: &Row| {
            let symbol = texts.iter().any(|text| row[at("symbol")] == common::Cell::Bytes(text.clone().into()));
            let within = |name, least: i64, below: i64| match row[at(name)] {
                common::Cell::Whole(value) => (i128::from(least)..i128::from(below)).contains(&value),
                _ => false,
            };
            symbol && within("ts_recv", least, below) && within("bid_count", 2, 7)
        };
        let expected: Vec<_> = read_all(&layout, &files).into_iter().filter(keep).collect();
        prop_assert_eq!(read(&layout, &files, &options).0, expected);
    }

    #[test]
    fn newest_rows_are_those_of_brute_force(
        seed in any::<u64>(),
        dataset in 0..DATASETS.len(),
        counts in prop::collection::vec(1_usize..500, 1..5),
    ) {
        let schema = datasets::find(DATASETS[dataset]).unwrap();
        let layout = usual_layout(schema);
        let folder = in_memory();
        let mut random = Random::new(seed);
        let mut files = Vec::new();
        let mut batches = Vec::new();
        for (number, count) in counts.iter().enumerate() {
            let batch = random_batch(schema, *count, &mut random);
            let options = write_options(&format!("w{number}"));
            let written = write_all(&layout, std::slice::from_ref(&batch), folder.path(), &options).unwrap();
            files.extend(paths(folder.path(), &written));
            batches.push(batch);
        }
        let at = |name: &str| schema.index_of(name).unwrap();
        let key: Vec<usize> = key_of(DATASETS[dataset]).iter().map(|name| at(name)).collect();
        let newest = |all: Vec<Row>| {
            let mut found: Vec<Row> = Vec::new();
            for row in all {
                let same = |other: &&mut Row| key.iter().all(|&at| other[at] == row[at]);
                match found.iter_mut().find(same) {
                    None => found.push(row),
                    // A null is no arrival; of equals the later counts.
                    Some(known) if is_newer(&row[at("ts_recv")], &known[at("ts_recv")]) => *known = row,
                    Some(_) => {}
                }
            }
            sorted(found, &key)
        };
        let task = Task::default();
        let found = last_of_files(&layout, &files, None, true, &Evidence::default(), &task).unwrap();
        prop_assert_eq!(rows(&found), newest(read_all(&layout, &files)));
        let mut source = common::Batches::new(&batches);
        let found = last_of_source(&layout, &mut source, None, true, &task).unwrap();
        let all = with_dates(schema, batches.iter().flat_map(rows).collect());
        prop_assert_eq!(rows(&found), newest(all));
    }
}

/// Key columns, spelled out.
fn key_of(dataset: &str) -> &'static [&'static str] {
    match dataset {
        "orders" | "frames" => &["venue"],
        "bars" => &["venue", "symbol", "interval"],
        _ => &["venue", "symbol"],
    }
}

fn is_newer(one: &common::Cell, two: &common::Cell) -> bool {
    let age = |cell: &common::Cell| match cell {
        common::Cell::Whole(value) => Some(*value),
        _ => None,
    };
    age(one) >= age(two)
}

#[test]
fn more_files_than_can_be_open_are_merged_in_steps() {
    let schema = datasets::find("trades").unwrap();
    let layout = Arc::new(Layout::new(schema, &[], schema.sort()).unwrap());
    let (folder, spill) = (in_memory(), in_memory());
    let mut random = Random::new(11);
    let mut model = Vec::new();
    let mut files = Vec::new();
    for number in 0..150 {
        let batch = random_batch(schema, 20, &mut random);
        model.extend(rows(&batch));
        let options = write_options(&format!("w{number}"));
        let written = write_all(&layout, &[batch], folder.path(), &options).unwrap();
        files.extend(paths(folder.path(), &written));
    }
    let mut options = merge_options("m");
    options.spill = Some(spill.path().to_owned());
    let merged = merge_all(&layout, &files, folder.path(), &options).unwrap();
    assert_eq!(merged.len(), 1);
    let order: Vec<_> = schema.sort().iter().map(|name| schema.index_of(name).unwrap()).collect();
    assert_eq!(read_all(&layout, &paths(folder.path(), &merged)), sorted(model, &order));
    assert!(files_below(spill.path()).is_empty());
}

#[test]
fn more_runs_than_can_be_open_keep_the_rows_of_all_partitions() {
    let schema = datasets::find("trades").unwrap();
    let layout = usual_layout(schema);
    let (folder, spill) = (in_memory(), in_memory());
    let batch = random_batch(schema, 3000, &mut Random::new(5));
    let mut options = write_options("w");
    options.memory_bytes = 3000;
    options.spill = Some(spill.path().to_owned());
    let files = write_all(&layout, std::slice::from_ref(&batch), folder.path(), &options).unwrap();
    assert!(files.len() > 2, "{files:?}");
    let found = read_all(&layout, &paths(folder.path(), &files));
    let model = with_dates(schema, rows(&batch));
    assert_eq!(found, sorted(model, &usual_order(schema)));
}
