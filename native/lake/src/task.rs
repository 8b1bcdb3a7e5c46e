//! The caller's view of work in progress: how far it is, and a way to stop it.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use crate::error::{LakeError, Result};

/// Shared between the work and whoever waits for it.
#[derive(Debug, Default)]
pub struct Task {
    stopped: AtomicBool,
    rows: AtomicU64,
}

impl Task {
    /// Asks the work to stop. It does so within a batch, and removes what it had begun.
    pub fn stop(&self) {
        self.stopped.store(true, Ordering::Relaxed);
    }

    /// Rows done so far.
    pub fn rows(&self) -> u64 {
        self.rows.load(Ordering::Relaxed)
    }

    pub(crate) fn done(&self, rows: usize) {
        self.rows.fetch_add(rows as u64, Ordering::Relaxed);
    }

    /// Called between batches.
    pub(crate) fn check(&self) -> Result<()> {
        if self.stopped.load(Ordering::Relaxed) { Err(LakeError::Stopped) } else { Ok(()) }
    }
}

/// Does the same work on several threads, of which the caller's is one.
pub(crate) fn on_threads<T: Send>(
    threads: usize,
    work: impl Fn() -> Result<T> + Copy + Send,
) -> Result<Vec<T>> {
    std::thread::scope(|scope| {
        let helpers: Vec<_> = (1..threads).map(|_| scope.spawn(work)).collect();
        let own = work();
        let panicked = |_| Err(LakeError::Bug("working on rows"));
        let others = helpers.into_iter().map(|helper| helper.join().unwrap_or_else(panicked));
        std::iter::once(own).chain(others).collect()
    })
}
