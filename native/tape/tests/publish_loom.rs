//! Every interleaving of the publish protocol. Run with:
//! `cargo test --release -p rustonite-tape --features loom --test publish_loom`
#![cfg(feature = "loom")]
#![allow(unsafe_code, clippy::unwrap_used, reason = "loom's cells hand out pointers")]

use loom::cell::UnsafeCell;
use loom::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use loom::sync::{Arc, Condvar, Mutex};
use loom::thread;
use rustonite_tape::publish::{Bell, publish, rows, sealed, visible, word};

const SALT: u64 = 0x1234_5678_9ABC_DEF0;
const ROWS: u32 = 3;

/// A segment of three rows of two cells each; loom reports any unordered access to a cell.
struct Segment {
    committed: AtomicU64,
    sealed: AtomicU64,
    cells: Vec<[UnsafeCell<u32>; 2]>,
}

impl Segment {
    fn new() -> Arc<Self> {
        let cells = (0..ROWS).map(|_| [UnsafeCell::new(0), UnsafeCell::new(0)]).collect();
        let (committed, sealed) = (AtomicU64::new(word(0, SALT)), AtomicU64::new(0));
        Arc::new(Self { committed, sealed, cells })
    }

    fn store(&self, row: u32) {
        for cell in &self.cells[row as usize] {
            // SAFETY: row `row` is not published; loom checks that.
            cell.with_mut(|value| unsafe { *value = row + 1 });
        }
    }

    fn check(&self, rows: u32) {
        for row in 0..rows {
            for cell in &self.cells[row as usize] {
                // SAFETY: row `row` is published; loom checks that.
                assert_eq!(cell.with(|value| unsafe { *value }), row + 1);
            }
        }
    }
}

#[test]
fn visible_rows_are_whole() {
    loom::model(|| {
        let segment = Segment::new();
        let writer = {
            let segment = Arc::clone(&segment);
            thread::spawn(move || {
                segment.store(0);
                publish(&segment.committed, 1, SALT);
                segment.store(1);
                segment.store(2);
                publish(&segment.committed, 3, SALT);
            })
        };
        let first = visible(&segment.committed, SALT).unwrap();
        segment.check(first);
        let second = visible(&segment.committed, SALT).unwrap();
        segment.check(second);
        assert!(first <= second && second != 2, "{first} then {second}: half an event");
        writer.join().unwrap();
        assert_eq!(visible(&segment.committed, SALT), Ok(ROWS));
    });
}

#[test]
fn a_reader_that_sees_the_seal_sees_all_rows() {
    loom::model(|| {
        let segment = Segment::new();
        let writer = {
            let segment = Arc::clone(&segment);
            thread::spawn(move || {
                segment.store(0);
                publish(&segment.committed, 1, SALT);
                segment.store(1);
                publish(&segment.committed, 2, SALT);
                segment.sealed.store(word(2, SALT), Ordering::Release);
            })
        };
        if let Some(rows) = sealed(&segment.sealed, SALT).unwrap() {
            assert_eq!(rows, 2);
            segment.check(rows);
            assert_eq!(visible(&segment.committed, SALT), Ok(2));
        }
        writer.join().unwrap();
        assert_eq!(sealed(&segment.sealed, SALT), Ok(Some(2)));
    });
}

/// A futex: sleeping on a word only while it has the expected value.
#[derive(Default)]
struct Futex {
    lock: Mutex<()>,
    woken: Condvar,
}

impl Futex {
    fn wait(&self, word: &AtomicU32, expected: u32) {
        let guard = self.lock.lock().unwrap();
        // The kernel compares under the lock that `wake` takes.
        if word.load(Ordering::Relaxed) == expected {
            drop(self.woken.wait(guard).unwrap());
        }
    }

    fn wake_all(&self) {
        let _guard = self.lock.lock().unwrap();
        self.woken.notify_all();
    }
}

struct Shared {
    committed: AtomicU64,
    ticket: AtomicU32,
    asleep: AtomicU32,
    futex: Futex,
}

impl Shared {
    fn new() -> Arc<Self> {
        let (ticket, asleep) = (AtomicU32::new(0), AtomicU32::new(0));
        let committed = AtomicU64::new(word(0, SALT));
        Arc::new(Self { committed, ticket, asleep, futex: Futex::default() })
    }

    fn bell(&self) -> Bell<'_> {
        Bell { ticket: &self.ticket, asleep: &self.asleep }
    }

    fn commit(&self, rows: u32) {
        publish(&self.committed, rows, SALT);
        self.bell().ring(|_| self.futex.wake_all());
    }

    /// Returns once `wanted` rows are visible. If a wake-up can be lost, loom finds the deadlock.
    fn wait_for(&self, wanted: u32) {
        while visible(&self.committed, SALT).unwrap() < wanted {
            let ticket = self.bell().prepare();
            if visible(&self.committed, SALT).unwrap() >= wanted {
                return;
            }
            self.futex.wait(&self.ticket, ticket);
        }
    }
}

/// Every interleaving with at most three preemptions; all of them take over a minute.
fn bounded(model: impl Fn() + Sync + Send + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(3);
    builder.check(model);
}

#[test]
fn no_wake_up_is_lost() {
    bounded(|| {
        let shared = Shared::new();
        let writer = {
            let shared = Arc::clone(&shared);
            thread::spawn(move || (1..=2).for_each(|rows| shared.commit(rows)))
        };
        shared.wait_for(1);
        shared.wait_for(2);
        writer.join().unwrap();
    });
}

#[test]
fn no_wake_up_is_lost_with_two_readers() {
    bounded(|| {
        let shared = Shared::new();
        let sleeper = |shared: &Arc<Shared>| {
            let shared = Arc::clone(shared);
            thread::spawn(move || shared.wait_for(1))
        };
        let readers = [sleeper(&shared), sleeper(&shared)];
        shared.commit(1);
        for reader in readers {
            reader.join().unwrap();
        }
    });
}

#[test]
fn words_carry_their_tag() {
    for count in [0, 1, 63, 1 << 30] {
        assert_eq!(rows(word(count, SALT), SALT), Ok(count));
        assert!(rows(word(count, SALT) ^ 1, SALT).is_err());
        assert!(rows(word(count, SALT), SALT ^ 1).is_err());
    }
}
