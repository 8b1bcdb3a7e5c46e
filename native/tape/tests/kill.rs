//! kill -9 at random moments loses and doubles no committed row and tears no event.
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

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use common::*;
use rustonite_tape::{TapeOptions, TypedWriter, Writer, verify};

const FOLDER: &str = "RUSTONITE_KILL_TEST_FOLDER";
const ROUNDS: usize = 36;
/// After so many rounds a new tape is begun, so that reading all of it stays quick.
const ROUNDS_PER_TAPE: usize = 6;

/// Numbers without a pattern that matters; seeded by the row, so that rounds differ.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % sides
    }
}

fn options() -> TapeOptions {
    let (segments_max, fsync_interval_ms) = (1_000_000, Some(20));
    TapeOptions { segment_rows: Some(1024), segments_max, fsync_interval_ms, ..tiny() }
}

/// The child: appends until it is killed. `small` counts down to 1 on the last row of an event.
#[test]
fn child_appends_until_it_is_killed() {
    let Some(folder) = std::env::var_os(FOLDER) else { return };
    let mut writer: TypedWriter<Mixed> = Writer::open(folder.as_ref()).unwrap().typed().unwrap();
    let mut n = writer.writer().rows() as i64;
    let mut dice = Dice(n as u64 * 2 + 1);
    let mut acknowledge = std::io::stdout().lock();
    loop {
        for left in (1..=1 + dice.roll(60) as i32).rev() {
            push(&mut writer, &row(n, left)).unwrap();
            n += 1;
        }
        writer.commit().unwrap();
        writeln!(acknowledge, "committed {n}").unwrap();
        acknowledge.flush().unwrap();
    }
}

fn row(n: i64, left: i32) -> MixedRow {
    let tag = format!("tag-{}", n / 300);
    MixedRow { tag, small: Some(left), ..MixedRow::numbered(n) }
}

fn start_child(folder: &Path) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "child_appends_until_it_is_killed", "--nocapture", "--test-threads=1"])
        .env(FOLDER, folder)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap()
}

/// Lets a child append for a while, kills it, and returns the last row count it acknowledged.
fn append_and_kill(folder: &Path, dice: &mut Dice) -> i64 {
    let mut child = start_child(folder);
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let committed = |line: String| line.strip_prefix("committed ")?.parse::<i64>().ok();
    let mut last = lines.by_ref().map_while(Result::ok).find_map(committed).unwrap();
    let reading = std::thread::spawn(move || {
        lines.map_while(Result::ok).filter_map(committed).for_each(|count| last = count);
        last
    });
    std::thread::sleep(Duration::from_micros(dice.roll(25_000)));
    child.kill().unwrap();
    child.wait().unwrap();
    reading.join().unwrap()
}

/// Checks that the rows are 0..n with whole events, and returns n.
fn check_rows(folder: &Path) -> i64 {
    let mut n = 0;
    let mut left = 1;
    for batch in drain(&mut read_from_first(folder)) {
        for found in mixed_rows(&batch) {
            let small = found.small.unwrap();
            assert!(left == 1 || small == left - 1, "row {n}: an event was torn");
            assert_eq!(found, row(n, small));
            left = small;
            n += 1;
        }
    }
    assert_eq!(left, 1, "the last event is not whole");
    n
}

fn kill_many_times(home: &tempfile::TempDir) {
    let mut dice = Dice(u64::from(std::process::id()) | 1);
    for round in 0..ROUNDS {
        let folder = home.path().join(format!("tape-{}", round / ROUNDS_PER_TAPE));
        if !folder.exists() {
            drop(create(&folder, options()));
        }
        let acknowledged = append_and_kill(&folder, &mut dice);
        let before = check_rows(&folder);
        assert!(before >= acknowledged, "{before} rows, {acknowledged} acknowledged");
        drop(open(&folder));
        assert_eq!(check_rows(&folder), before, "opening changed the rows");
        let report = verify(&folder).unwrap();
        assert!(report.is_sound(), "{report:?}");
    }
}

#[test]
fn killing_a_writer_in_memory_loses_nothing() {
    kill_many_times(&in_memory());
}

#[test]
fn killing_a_writer_on_disk_loses_nothing() {
    kill_many_times(&on_disk());
}
