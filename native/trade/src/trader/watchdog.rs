//! Watches that calls of the strategy come back. One that does not keeps the trader from hearing
//! its venues, so its switch is thrown and its orders are cancelled from here.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use rustonite_feed::now_ns;
use rustonite_risk::Target;

use super::{Shared, lock};

const LOOK_EVERY: Duration = Duration::from_millis(20);

/// When a call began; 0 while there is none.
#[derive(Debug, Default)]
struct Call {
    began: AtomicI64,
    /// The call took too long.
    is_late: AtomicBool,
    stop: AtomicBool,
}

/// The watching thread. Dropping it ends it.
#[derive(Debug)]
pub(super) struct Watchdog {
    call: Arc<Call>,
    thread: Option<JoinHandle<()>>,
}

impl Watchdog {
    /// Throws the switch of a target when a call takes longer than `patience_ns`.
    pub(super) fn start(shared: Shared, target: Target, patience_ns: i64) -> std::io::Result<Self> {
        let call = Arc::new(Call::default());
        let watched = Arc::clone(&call);
        let thread = std::thread::Builder::new()
            .name("rustonite-watchdog".to_owned())
            .spawn(move || watch(&watched, &shared, target, patience_ns))?;
        Ok(Self { call, thread: Some(thread) })
    }

    /// Calls the strategy. Whether it came back too late is told once.
    pub(super) fn during<T>(&self, work: impl FnOnce() -> T) -> (T, bool) {
        self.call.began.store(now_ns(), Ordering::Relaxed);
        let done = work();
        self.call.began.store(0, Ordering::Relaxed);
        (done, self.call.is_late.swap(false, Ordering::Relaxed))
    }
}

impl Drop for Watchdog {
    fn drop(&mut self) {
        self.call.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn watch(call: &Call, shared: &Shared, target: Target, patience_ns: i64) {
    while !call.stop.load(Ordering::Relaxed) {
        std::thread::sleep(LOOK_EVERY);
        let began = call.began.load(Ordering::Relaxed);
        let is_late = began != 0 && now_ns().saturating_sub(began) > patience_ns;
        if is_late && !call.is_late.swap(true, Ordering::Relaxed) {
            let mut inner = lock(shared);
            let now = inner.now();
            inner.desk.kill(target, now);
        }
    }
}
