//! Readers beside a writer that rotates all the time, waiting, and merging.
#![cfg(not(feature = "loom"))]
#![allow(
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    clippy::unwrap_used,
    reason = "a failing test should panic"
)]

mod common;

use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::channel;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use arrow_array::{ArrayRef, Int64Array, RecordBatch, TimestampNanosecondArray};
use common::*;
use proptest::prelude::*;
use rustonite_core::{Column, ColumnType, Fixed, Schema};
use rustonite_tape::{
    Batch, MergedReader, Polled, Reader, Start, TapeError, TapeOptions, Wait, Writer,
    advance_consumer,
};

const LONG: Duration = Duration::from_mins(1);

/// Reads rows `0..rows` in order, moving the cursor of consumer `name` along.
fn follow(folder: &Path, name: &str, how: Wait, rows: i64) {
    let mut reader = Reader::open(folder, Start::First, false).unwrap();
    let mut next = 0;
    let mut segment = 0;
    while next < rows {
        assert!(reader.wait(LONG, how).unwrap(), "{name} waited in vain at row {next}");
        let Polled::Rows(batch) = reader.poll(usize::MAX).unwrap() else {
            panic!("{name}: no rows at {next}")
        };
        for (&n, row) in batch.values::<i64>(0).unwrap().iter().zip(next..) {
            assert_eq!(n, row, "{name}");
        }
        if next % 50 == 0 {
            assert_eq!(mixed_rows(&batch)[0], MixedRow::numbered(next));
        }
        next += batch.len() as i64;
        if batch.segment() > segment + 8 {
            segment = batch.segment();
            advance_consumer(folder, name, next as u64).unwrap();
        }
    }
}

#[test]
fn two_readers_see_every_row_once_while_a_thousand_segments_pass() {
    let home = in_memory();
    let folder = home.path();
    let rows = 70_000;
    let mut writer = create(folder, TapeOptions { segments_max: 64, ..tiny() });
    advance_consumer(folder, "one", 0).unwrap();
    advance_consumer(folder, "two", 0).unwrap();
    std::thread::scope(|scope| {
        scope.spawn(|| follow(folder, "one", Wait::Sleep, rows));
        scope.spawn(|| follow(folder, "two", Wait::Yield, rows));
        let mut n = 0;
        while n < rows {
            let event = 1 + n % 7;
            while writer.writer().pending() < event as usize && n < rows {
                match push(&mut writer, &MixedRow::numbered(n)) {
                    Ok(()) => n += 1,
                    Err(TapeError::ConsumerBehind { .. }) => std::thread::yield_now(),
                    Err(error) => panic!("{error}"),
                }
            }
            writer.commit().unwrap();
        }
    });
    assert!(writer.writer().segment_number() >= 1000);
}

#[test]
fn no_wake_up_is_lost() {
    for (how, rounds) in [(Wait::Spin, 300), (Wait::Yield, 300), (Wait::Sleep, 3000)] {
        let home = in_memory();
        let folder = home.path();
        let mut writer = create(folder, tiny());
        let (seen, acknowledged) = channel();
        std::thread::scope(|scope| {
            scope.spawn(move || {
                let mut reader = read_from_first(folder);
                for n in 0..rounds {
                    assert!(reader.wait(LONG, how).unwrap(), "{how:?}: round {n}");
                    assert_eq!(rows_of(&drain(&mut reader)), numbered(n..n + 1));
                    seen.send(n).unwrap();
                }
            });
            for n in 0..rounds {
                write_numbered(&mut writer, n..n + 1);
                assert_eq!(acknowledged.recv_timeout(LONG).unwrap(), n);
            }
        });
    }
}

#[test]
fn waiting_ends_when_the_time_is_over() {
    let home = in_memory();
    let mut writer = create(home.path(), tiny());
    let mut reader = read_from_first(home.path());
    for how in [Wait::Spin, Wait::Yield, Wait::Sleep] {
        assert!(!reader.wait(Duration::from_millis(5), how).unwrap());
    }
    write_numbered(&mut writer, 0..1);
    for how in [Wait::Spin, Wait::Yield, Wait::Sleep] {
        assert!(reader.wait(Duration::MAX, how).unwrap());
    }
}

fn timed_schema() -> Arc<Schema> {
    let columns = vec![
        Column::plain("ts_recv", ColumnType::Fixed(Fixed::TimestampNs), false),
        Column::plain("n", ColumnType::Fixed(Fixed::Int64), false),
    ];
    Arc::new(Schema::new("timed", 1, columns).unwrap())
}

fn append_times(writer: &mut Writer, times: &[i64]) {
    let first = writer.rows() as i64;
    let numbers = (first..).take(times.len());
    let columns: [(&str, ArrayRef); 2] = [
        ("ts_recv", Arc::new(TimestampNanosecondArray::from(times.to_vec()))),
        ("n", Arc::new(Int64Array::from_iter_values(numbers))),
    ];
    writer.append(&RecordBatch::try_from_iter(columns).unwrap()).unwrap();
}

fn timed_tape(folder: &Path, times: &[i64]) -> Writer {
    let mut writer = Writer::create(folder, &timed_schema(), tiny()).unwrap();
    append_times(&mut writer, times);
    writer
}

fn merge(home: &Path, tapes: usize, hold: Duration) -> MergedReader {
    let readers = (0..tapes).map(|number| read_from_first(&home.join(number.to_string())));
    MergedReader::new(readers.collect(), "ts_recv", hold).unwrap()
}

/// Time, reader and number of every row of a batch.
fn entries(reader: usize, batch: &Batch) -> Vec<(i64, usize, i64)> {
    let (times, numbers) = (batch.values::<i64>(0).unwrap(), batch.values::<i64>(1).unwrap());
    times.iter().zip(numbers).map(|(&time, &n)| (time, reader, n)).collect()
}

fn merged(reader: &mut MergedReader, rows_max: usize) -> Vec<(i64, usize, i64)> {
    let mut found = Vec::new();
    while let (number, Polled::Rows(batch)) = reader.poll(rows_max).unwrap() {
        let address = batch.values::<i64>(0).unwrap().as_ptr() as usize;
        assert!(batch.address_range().contains(&address), "rows were copied");
        let arrow = record_batch(&batch);
        let array = arrow.column(1).to_data().buffers()[0].as_ptr() as usize;
        assert!(batch.address_range().contains(&array), "an Arrow array was copied");
        assert!(!batch.is_empty() && batch.len() <= rows_max);
        found.extend(entries(number, &batch));
    }
    found
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(60) })]

    #[test]
    fn merged_tapes_come_in_order_of_time_then_of_the_readers(
        mut tapes in proptest::collection::vec(
            proptest::collection::vec(0..60_i64, 0..150), 1..5),
        rows_max in 1..100_usize,
        hold in 0..2_u64,
    ) {
        let home = in_memory();
        let mut expected = Vec::new();
        for (number, times) in tapes.iter_mut().enumerate() {
            times.sort_unstable();
            drop(timed_tape(&home.path().join(number.to_string()), times));
            expected.extend(times.iter().zip(0..).map(|(&time, n)| (time, number, n)));
        }
        expected.sort_unstable();
        let mut reader = merge(home.path(), tapes.len(), Duration::from_nanos(hold));
        prop_assert_eq!(merged(&mut reader, rows_max), expected);
    }
}

fn now() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_nanos() as i64
}

#[test]
fn young_rows_are_held_back_until_every_tape_has_a_newer_one() {
    let home = in_memory();
    let first = now();
    let future = first + 3_600_000_000_000;
    let mut one = timed_tape(&home.path().join("0"), &[5, future]);
    let mut two = timed_tape(&home.path().join("1"), &[7]);
    let mut reader = merge(home.path(), 2, Duration::from_secs(1));
    assert_eq!(merged(&mut reader, 99), [(5, 0, 0), (7, 1, 0)]);
    assert!(!reader.wait(Duration::from_millis(2), Wait::Spin).unwrap(), "tape 1 is silent");
    append_times(&mut two, &[future + 1]);
    assert!(reader.wait(LONG, Wait::Sleep).unwrap());
    assert_eq!(merged(&mut reader, 99), [(future, 0, 1)]);
    append_times(&mut one, &[future + 2]);
    assert_eq!(merged(&mut reader, 99), [(future + 1, 1, 1)]);

    let mut eager = merge(home.path(), 2, Duration::ZERO);
    assert_eq!(merged(&mut eager, 99).len(), 5, "without a hold nothing waits");
}

#[test]
fn held_rows_come_when_they_are_old_enough() {
    let home = in_memory();
    let _one = timed_tape(&home.path().join("0"), &[now()]);
    let _two = timed_tape(&home.path().join("1"), &[]);
    let mut reader = merge(home.path(), 2, Duration::from_millis(50));
    assert!(reader.wait(LONG, Wait::Yield).unwrap());
    while merged(&mut reader, 99).is_empty() {
        assert!(reader.wait(LONG, Wait::Sleep).unwrap());
    }
}

#[test]
fn a_merge_needs_a_timestamp() {
    let home = in_memory();
    drop(timed_tape(&home.path().join("0"), &[1]));
    for column in ["n", "nothing"] {
        let readers = vec![read_from_first(&home.path().join("0"))];
        let error = MergedReader::new(readers, column, Duration::ZERO).unwrap_err().to_string();
        assert!(error.contains(column) && error.contains("timestamp"), "{error}");
    }
}
