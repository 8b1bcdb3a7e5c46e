//! What goes in comes out, whatever happens in between: random histories against a model.
#![cfg(not(feature = "loom"))]
#![allow(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::unwrap_used,
    reason = "a failing test should panic"
)]

mod common;

use std::path::Path;

use common::*;
use proptest::prelude::*;
use rustonite_tape::{Polled, Reader, Start, TapeError};

/// One step of a random history.
#[derive(Clone, Debug)]
enum Step {
    Push(Vec<MixedRow>),
    Commit,
    Rollback,
    Seal,
    Append(Vec<MixedRow>),
    Reopen,
    Poll(usize),
}

fn any_row() -> impl Strategy<Value = MixedRow> {
    let text = prop_oneof![Just(String::new()), "[a-zé€]{1,60}"];
    let levels = proptest::collection::vec(-1e9..1e9_f64, 0..30);
    (
        any::<i64>(),
        "[A-C][0-9]?",
        proptest::option::of(text),
        proptest::option::of(levels),
        any::<Option<i32>>(),
    )
        .prop_map(|(n, tag, text, levels, small)| MixedRow { n, tag, text, levels, small })
}

fn any_step() -> impl Strategy<Value = Step> {
    let rows = |most| proptest::collection::vec(any_row(), 0..most);
    prop_oneof![
        6 => rows(25).prop_map(Step::Push),
        6 => Just(Step::Commit),
        1 => Just(Step::Rollback),
        1 => Just(Step::Seal),
        2 => rows(150).prop_map(Step::Append),
        1 => Just(Step::Reopen),
        4 => (1..100_usize).prop_map(Step::Poll),
    ]
}

/// The tape under test beside what it should hold.
struct History<'a> {
    folder: &'a Path,
    writer: Option<MixedWriter>,
    reader: Reader,
    committed: Vec<MixedRow>,
    pending: Vec<MixedRow>,
    read: Vec<MixedRow>,
}

impl<'a> History<'a> {
    fn new(folder: &'a Path) -> Self {
        let writer = Some(create(folder, tiny()));
        let reader = read_from_first(folder);
        let (committed, pending, read) = (Vec::new(), Vec::new(), Vec::new());
        Self { folder, writer, reader, committed, pending, read }
    }

    fn writer(&mut self) -> &mut MixedWriter {
        self.writer.as_mut().unwrap()
    }

    fn step(&mut self, step: Step) {
        match step {
            Step::Push(rows) => rows.into_iter().for_each(|row| self.push(row)),
            Step::Commit => {
                self.writer().commit().unwrap();
                self.committed.append(&mut self.pending);
            }
            Step::Rollback => self.rollback(),
            Step::Seal => self.writer().writer().seal().unwrap(),
            Step::Append(rows) => self.append(rows),
            Step::Reopen => {
                self.pending.clear();
                self.writer = None;
                self.writer = Some(open(self.folder));
            }
            Step::Poll(most) => self.poll(most),
        }
        let (rows, pending) = (self.committed.len() as u64, self.pending.len());
        let writer = self.writer().writer();
        assert_eq!((writer.rows(), writer.pending()), (rows, pending));
    }

    fn rollback(&mut self) {
        self.writer().writer().rollback();
        self.pending.clear();
    }

    fn push(&mut self, row: MixedRow) {
        match push(self.writer(), &row) {
            Ok(()) => self.pending.push(row),
            Err(TapeError::EventTooLarge { .. }) => self.rollback(),
            Err(error) => panic!("{error}"),
        }
    }

    fn append(&mut self, rows: Vec<MixedRow>) {
        let done = self.writer().writer().append(&mixed_batch(&rows));
        self.pending.extend(rows);
        match done {
            // Even an empty append makes pending rows visible.
            Ok(()) => self.committed.append(&mut self.pending),
            Err(TapeError::EventTooLarge { .. }) => {
                let visible = self.writer().writer().rows() as usize - self.committed.len();
                self.committed.extend(self.pending.drain(..visible));
                self.rollback();
            }
            Err(error) => panic!("{error}"),
        }
    }

    fn poll(&mut self, most: usize) {
        match self.reader.poll(most).unwrap() {
            Polled::Rows(batch) => {
                assert!(batch.len() <= most && batch.first_row() == self.read.len() as u64);
                self.read.extend(mixed_rows(&batch));
            }
            Polled::Empty => assert_eq!(self.read.len(), self.committed.len()),
            Polled::Gap(gap) => panic!("{gap:?}"),
        }
    }

    fn finish(mut self, start: usize) {
        while self.read.len() < self.committed.len() {
            self.poll(37);
        }
        assert_eq!(self.read, self.committed);
        let start = start.min(self.committed.len());
        let mut reader = Reader::open(self.folder, Start::Row(start as u64), true).unwrap();
        assert_eq!(rows_of(&drain(&mut reader)), self.committed[start..]);
        self.writer = None;
        let report = rustonite_tape::verify(self.folder).unwrap();
        assert!(report.is_sound(), "{report:?}");
        assert_eq!(report.next_row(), self.committed.len() as u64);
        assert!(report.segments.iter().all(|segment| segment.checksums == segment.sealed));
    }
}

fn check_history(home: &tempfile::TempDir, steps: Vec<Step>, start: usize) {
    let mut history = History::new(home.path());
    for step in steps {
        history.step(step);
    }
    history.finish(start);
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(100) })]

    #[test]
    fn any_history_in_memory_reads_back(
        steps in proptest::collection::vec(any_step(), 0..60), start in 0..2000_usize,
    ) {
        check_history(&in_memory(), steps, start);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(15) })]

    #[test]
    fn any_history_on_disk_reads_back(
        steps in proptest::collection::vec(any_step(), 0..60), start in 0..2000_usize,
    ) {
        check_history(&on_disk(), steps, start);
    }
}
