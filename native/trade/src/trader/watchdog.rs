//! Watches that calls of the strategy come back. One that does not keeps the trader from hearing
//! its venues, so its switch is thrown and its orders are cancelled from here. So are all orders when
//! the signal comes that stops everything, whatever the strategy does.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rustonite_core::datasets::RiskActor;
use rustonite_risk::Target;
use signal_hook::SigId;
use signal_hook::consts::SIGUSR1;

use super::{Shared, lock};
use crate::config::OnStop;

const LOOK_EVERY: Duration = Duration::from_millis(20);
/// A call that takes longer keeps the trader from repeating cancels itself.
const IN_THE_WAY_NS: i64 = 200_000_000;

/// A call of the strategy. Its times are of a clock that nobody sets back.
#[derive(Debug)]
struct Call {
    since: Instant,
    /// When it began; 0 while there is none.
    began: AtomicI64,
    /// The call took too long.
    is_late: AtomicBool,
    stop: AtomicBool,
}

impl Call {
    fn new() -> Self {
        Self {
            since: Instant::now(),
            began: AtomicI64::new(0),
            is_late: AtomicBool::new(false),
            stop: AtomicBool::new(false),
        }
    }

    /// Never 0.
    fn now(&self) -> i64 {
        i64::try_from(self.since.elapsed().as_nanos()).unwrap_or(i64::MAX).max(1)
    }
}

/// The watching thread. Dropping it ends it.
#[derive(Debug)]
pub(super) struct Watchdog {
    call: Arc<Call>,
    signal: SigId,
    thread: Option<JoinHandle<()>>,
}

impl Watchdog {
    /// Throws the switch of a target when a call takes longer than `patience_ns`, with its orders
    /// cancelled or kept.
    pub(super) fn start(
        shared: Shared,
        target: Target,
        patience_ns: i64,
        on_error: OnStop,
    ) -> std::io::Result<Self> {
        let call = Arc::new(Call::new());
        let signalled = Arc::new(AtomicBool::new(false));
        let signal = signal_hook::flag::register(SIGUSR1, Arc::clone(&signalled))?;
        let watched = Arc::clone(&call);
        let thread = std::thread::Builder::new()
            .name("rustonite-watchdog".to_owned())
            .spawn(move || watch(&watched, &signalled, &shared, (target, patience_ns, on_error)))?;
        Ok(Self { call, signal, thread: Some(thread) })
    }

    /// Calls the strategy. Whether it came back too late is told once.
    pub(super) fn during<T>(&self, work: impl FnOnce() -> T) -> (T, bool) {
        self.call.began.store(self.call.now(), Ordering::Relaxed);
        let done = work();
        self.call.began.store(0, Ordering::Relaxed);
        (done, self.call.is_late.swap(false, Ordering::Relaxed))
    }
}

impl Drop for Watchdog {
    fn drop(&mut self) {
        signal_hook::low_level::unregister(self.signal);
        self.call.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn watch(
    call: &Call,
    signalled: &AtomicBool,
    shared: &Shared,
    (target, patience_ns, on_error): (Target, i64, OnStop),
) {
    while !call.stop.load(Ordering::Relaxed) {
        std::thread::sleep(LOOK_EVERY);
        if signalled.swap(false, Ordering::Relaxed) {
            kill(shared, RiskActor::Signal, Target::All);
        }
        let began = call.began.load(Ordering::Relaxed);
        let taken = if began == 0 { 0 } else { call.now().saturating_sub(began) };
        if taken > patience_ns && !call.is_late.swap(true, Ordering::Relaxed) {
            match on_error {
                OnStop::Cancel => kill(shared, RiskActor::Rule, target),
                OnStop::Keep => latch(shared, target),
            }
        } else if taken > IN_THE_WAY_NS {
            let mut inner = lock(shared);
            let now = inner.now();
            inner.desk.sweep(now);
        }
    }
}

fn latch(shared: &Shared, target: Target) {
    let mut inner = lock(shared);
    let now = inner.now();
    inner.desk.latch(target, now);
}

fn kill(shared: &Shared, actor: RiskActor, target: Target) {
    let mut inner = lock(shared);
    let now = inner.now();
    inner.desk.kill_by(actor, target, now);
}
