//! Work that must not happen on the writer's thread: allocating the next segment, checksums of
//! sealed ones, fsync, and watching the age of the open one.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::dictionary::DictionarySync;
use crate::error::{Result, TapeError, While};
use crate::folder::{SPARE, sync_folder};
use crate::map::Map;
use crate::segment::Segment;

enum Job {
    /// Allocate the file of the next segment.
    Prepare,
    /// A segment was sealed with this many rows and `next` is open now.
    Sealed {
        segment: Arc<Segment>,
        rows: usize,
        next: Arc<Segment>,
    },
    /// Delete a segment that nobody needs.
    Remove(PathBuf),
    /// Make everything committed so far durable, and say so.
    Sync(Sender<Result<()>>),
    Stop,
}

/// What the thread tells the writer without being asked.
#[derive(Debug, Default)]
pub(crate) struct Attention {
    raised: AtomicBool,
    old: AtomicBool,
    failure: Mutex<Option<TapeError>>,
}

impl Attention {
    /// Whether the writer should look at the rest. One relaxed load.
    #[inline]
    pub(crate) fn is_raised(&self) -> bool {
        self.raised.load(Ordering::Relaxed)
    }

    /// Takes everything that was reported: whether the open segment is due, and a failed fsync.
    pub(crate) fn take(&self) -> (bool, Option<TapeError>) {
        self.raised.store(false, Ordering::Relaxed);
        let failure = self.failure.lock().unwrap_or_else(PoisonError::into_inner).take();
        (self.old.swap(false, Ordering::Relaxed), failure)
    }

    fn report_old(&self) {
        self.old.store(true, Ordering::Relaxed);
        self.raised.store(true, Ordering::Relaxed);
    }

    fn report_failure(&self, error: TapeError) {
        *self.failure.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
        self.raised.store(true, Ordering::Relaxed);
    }
}

/// What the thread has to know.
pub(crate) struct Plan {
    pub(crate) folder: PathBuf,
    pub(crate) file_bytes: usize,
    pub(crate) seal_after: Option<Duration>,
    /// `None` on a memory-backed tape.
    pub(crate) fsync: Option<Fsync>,
    pub(crate) dictionaries: Vec<DictionarySync>,
}

/// How often a disk-backed tape is made durable.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Fsync {
    Every(Duration),
    OnClose,
}

/// Handle of the thread; dropping it stops the thread after a last fsync.
#[derive(Debug)]
pub(crate) struct Background {
    jobs: Sender<Job>,
    spares: Receiver<Result<Map>>,
    spares_asked: usize,
    pub(crate) attention: Arc<Attention>,
    thread: Option<JoinHandle<()>>,
}

impl Background {
    pub(crate) fn start(
        plan: Plan,
        open: Arc<Segment>,
        backlog: Vec<Arc<Segment>>,
    ) -> Result<Self> {
        let (jobs, inbox) = channel();
        let (spare_out, spares) = channel();
        let attention = Arc::new(Attention::default());
        let folder = plan.folder.clone();
        let worker = Worker {
            attention: Arc::clone(&attention),
            spare_out,
            unsynced: backlog,
            open,
            first_row_seen: None,
            plan,
        };
        let thread = std::thread::Builder::new()
            .name("rustonite-tape".to_owned())
            .spawn(move || worker.run(&inbox))
            .doing(&folder, "starting the background thread")?;
        let mut this = Self { jobs, spares, spares_asked: 0, attention, thread: Some(thread) };
        this.prepare();
        Ok(this)
    }

    /// Asks for the file of the next segment, unless that was done already.
    fn prepare(&mut self) {
        if self.spares_asked == 0 && self.jobs.send(Job::Prepare).is_ok() {
            self.spares_asked = 1;
        }
    }

    /// The prepared file; waits for it if the writer was faster.
    pub(crate) fn take_spare(&mut self, folder: &std::path::Path) -> Result<Map> {
        self.prepare();
        self.spares_asked = 0;
        match self.spares.recv() {
            Ok(spare) => spare,
            Err(_) => {
                Err(TapeError::Gone { path: folder.to_owned(), what: "the background thread" })
            }
        }
    }

    /// Hands over a sealed segment and asks for the file after `next`.
    pub(crate) fn sealed(&mut self, segment: Arc<Segment>, rows: usize, next: Arc<Segment>) {
        // Fails only if the thread is gone, which `take_spare` reports.
        let _ = self.jobs.send(Job::Sealed { segment, rows, next });
        self.prepare();
    }

    /// Deletes a segment file, soon.
    pub(crate) fn remove(&self, path: PathBuf) {
        // Fails only if the thread is gone, which `take_spare` reports.
        let _ = self.jobs.send(Job::Remove(path));
    }

    /// Waits until everything committed is durable.
    pub(crate) fn sync(&self, folder: &std::path::Path) -> Result<()> {
        let gone = || TapeError::Gone { path: folder.to_owned(), what: "the background thread" };
        let (answer, done) = channel();
        self.jobs.send(Job::Sync(answer)).map_err(|_| gone())?;
        done.recv().map_err(|_| gone())?
    }
}

impl Drop for Background {
    fn drop(&mut self) {
        let _ = self.jobs.send(Job::Stop);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

struct Worker {
    plan: Plan,
    attention: Arc<Attention>,
    spare_out: Sender<Result<Map>>,
    /// Sealed segments that are not durable yet, oldest first.
    unsynced: Vec<Arc<Segment>>,
    open: Arc<Segment>,
    first_row_seen: Option<Instant>,
}

impl Worker {
    fn run(mut self, inbox: &Receiver<Job>) {
        let mut synced = Instant::now();
        loop {
            match inbox.recv_timeout(self.pause()) {
                Ok(Job::Prepare) => self.prepare(),
                Ok(Job::Sealed { segment, rows, next }) => self.sealed(segment, rows, next),
                Ok(Job::Remove(path)) => self.remove(&path),
                Ok(Job::Sync(answer)) => {
                    let _ = answer.send(self.sync());
                }
                Ok(Job::Stop) | Err(RecvTimeoutError::Disconnected) => break,
                Err(RecvTimeoutError::Timeout) => {}
            }
            self.watch_age();
            if let Some(Fsync::Every(interval)) = self.plan.fsync
                && synced.elapsed() >= interval
            {
                self.sync_or_report();
                synced = Instant::now();
            }
        }
        self.sync_or_report();
        let _ = std::fs::remove_file(self.plan.folder.join(SPARE));
    }

    /// How long to sleep between looks at the age and the durability of the open segment.
    fn pause(&self) -> Duration {
        let age = self.plan.seal_after.map(|age| age / 8);
        let fsync = match self.plan.fsync {
            Some(Fsync::Every(interval)) => Some(interval),
            _ => None,
        };
        let shortest = age.into_iter().chain(fsync).min().unwrap_or(Duration::from_secs(1));
        shortest.clamp(Duration::from_millis(1), Duration::from_secs(1))
    }

    fn prepare(&self) {
        let map = Map::create(&self.plan.folder.join(SPARE), self.plan.file_bytes);
        let map = map.inspect(|map| {
            // On disk the stores would only fault again after every write-back.
            if self.plan.fsync.is_none() {
                map.populate();
            }
        });
        let _ = self.spare_out.send(map);
    }

    fn sealed(&mut self, segment: Arc<Segment>, rows: usize, next: Arc<Segment>) {
        segment.store_sums(rows);
        segment.punch_unused(rows);
        self.open = next;
        self.first_row_seen = None;
        if self.plan.fsync.is_some() {
            self.unsynced.push(segment);
        }
    }

    fn remove(&self, path: &std::path::Path) {
        match std::fs::remove_file(path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                let removed: Result<()> = Err(error).doing(path, "removing a consumed segment");
                removed.unwrap_or_else(|error| self.attention.report_failure(error));
            }
            _ => {}
        }
    }

    fn watch_age(&mut self) {
        let Some(seal_after) = self.plan.seal_after else { return };
        match self.first_row_seen {
            None if self.open.committed().is_ok_and(|rows| rows > 0) => {
                self.first_row_seen = Some(Instant::now());
            }
            Some(seen) if seen.elapsed() >= seal_after => self.attention.report_old(),
            _ => {}
        }
    }

    fn sync_or_report(&mut self) {
        if let Err(error) = self.sync() {
            self.attention.report_failure(error);
        }
    }

    /// Makes the committed rows durable, older segments first, so that what survives a crash of
    /// the machine is a prefix.
    fn sync(&mut self) -> Result<()> {
        if self.plan.fsync.is_none() {
            return Ok(());
        }
        while let Some(segment) = self.unsynced.first().cloned() {
            // Always, even if all its rows are durable: its seal may not be.
            self.sync_segment(&segment)?;
            self.unsynced.remove(0);
        }
        let open = Arc::clone(&self.open);
        if open.durable()? == Some(open.committed()?) {
            return Ok(());
        }
        self.sync_segment(&open)
    }

    fn sync_segment(&self, segment: &Segment) -> Result<()> {
        let rows = match segment.sealed()? {
            Some(rows) => rows,
            None => segment.committed()?,
        };
        for dictionary in &self.plan.dictionaries {
            dictionary.sync()?;
        }
        segment.map().sync().doing(&segment.path, "syncing")?;
        sync_folder(&self.plan.folder)?;
        segment.set_durable(rows);
        segment.map().sync_header().doing(&segment.path, "syncing the header")
    }
}
