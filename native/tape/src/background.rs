//! Work that must not happen on the writer's thread: allocating the next segment, checksums of
//! sealed ones, fsync, and watching the age of the open one.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering, fence};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, OnceLock};
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
    /// The first fsync that failed. The kernel may have dropped those pages, so nothing written
    /// since can be called durable any more, and the writer must stop.
    failure: OnceLock<String>,
}

impl Attention {
    /// Whether the writer should look at the rest. One relaxed load.
    #[inline]
    pub(crate) fn is_raised(&self) -> bool {
        self.raised.load(Ordering::Relaxed)
    }

    /// The fsync that failed, if one did.
    pub(crate) fn failure(&self) -> Option<&str> {
        self.failure.get().map(String::as_str)
    }

    /// Whether the open segment is due to be sealed. Asked again later if that does not happen.
    pub(crate) fn take_old(&self) -> bool {
        self.raised.store(false, Ordering::Relaxed);
        // Pairs with the one in `report_failure`: a failure reported just now is seen here, or its
        // `true` comes after the `false` above.
        fence(Ordering::SeqCst);
        if self.failure.get().is_some() {
            self.raised.store(true, Ordering::Relaxed);
        }
        self.old.swap(false, Ordering::Relaxed)
    }

    fn report_old(&self) {
        self.old.store(true, Ordering::Relaxed);
        self.raised.store(true, Ordering::Relaxed);
    }

    fn report_failure(&self, error: &TapeError) {
        let _ = self.failure.set(error.to_string());
        fence(Ordering::SeqCst);
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
            // In memory nothing is synced: there they would only stay mapped.
            unsynced: if plan.fsync.is_some() { backlog } else { Vec::new() },
            open,
            first_row_seen: None,
            unremoved: Vec::new(),
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
        let asked_before = self.spares_asked > 0;
        match self.wait_for_spare(folder) {
            // That was the answer to a question asked some time ago: there may be space by now.
            Err(_) if asked_before => self.wait_for_spare(folder),
            answer => answer,
        }
    }

    fn wait_for_spare(&mut self, folder: &std::path::Path) -> Result<Map> {
        self.prepare();
        self.spares_asked = 0;
        let gone = || TapeError::Gone { path: folder.to_owned(), what: "the background thread" };
        self.spares.recv().map_err(|_| gone())?
    }

    /// Hands over a sealed segment and asks for the file after `next`.
    pub(crate) fn sealed(&mut self, segment: Arc<Segment>, rows: usize, next: Arc<Segment>) {
        // First, because the writer may soon wait for it.
        self.prepare();
        // Fails only if the thread is gone, which `take_spare` reports.
        let _ = self.jobs.send(Job::Sealed { segment, rows, next });
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
    unremoved: Vec<PathBuf>,
}

impl Worker {
    fn run(mut self, inbox: &Receiver<Job>) {
        // On a busy machine this work must not take a core from a writer or reader that spins. On
        // Linux this concerns the calling thread only; if it is not allowed, nothing is lost.
        let _ = rustix::process::nice(10);
        let mut synced = Instant::now();
        loop {
            match inbox.recv_timeout(self.pause()) {
                Ok(Job::Prepare) => self.prepare(),
                Ok(Job::Sealed { segment, rows, next }) => self.sealed(segment, rows, next),
                Ok(Job::Remove(path)) => self.remove(path),
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
                // A failure is reported through `attention`.
                let _ = self.sync();
                synced = Instant::now();
            }
        }
        let _ = self.sync();
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
            // What was removed need not be synced any more, and keeps its space while mapped.
            self.unsynced.retain(|segment| segment.has_its_name());
        }
    }

    /// Tries again with the next one what could not be removed.
    fn remove(&mut self, path: PathBuf) {
        self.unremoved.push(path);
        self.unremoved.retain(|path| {
            let removed = std::fs::remove_file(path);
            removed.is_err_and(|error| error.kind() != std::io::ErrorKind::NotFound)
        });
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

    /// Makes the committed rows durable, unless that failed before.
    fn sync(&mut self) -> Result<()> {
        if let Some(cause) = self.attention.failure() {
            let (path, cause) = (self.plan.folder.clone(), cause.to_owned());
            return Err(TapeError::StorageFailed { path, cause });
        }
        let synced = self.sync_all();
        synced.inspect_err(|error| self.attention.report_failure(error))
    }

    /// Older segments first, so that what survives a crash of the machine is a prefix.
    fn sync_all(&mut self) -> Result<()> {
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
