//! Reading rows of files: row groups and pages that cannot match are not touched.
//!
//! A [`Scan`] is a description; every [`ScanReader`] of it starts anew and opens files as it gets to
//! them. One row group is read at a time, by the consumer itself or, when there are several, by
//! threads that run a few row groups ahead. Batches come in the order of files and rows.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use arrow_array::RecordBatch;
use arrow_schema::{Schema as ArrowSchema, SchemaRef};

use crate::error::{LakeError, Result};
use crate::filter::{Condition, Filter};
use crate::group::{Group, Groups};
use crate::layout::Layout;
use crate::task::{Task, on_threads};

/// Row groups that are read ahead of the consumer.
const AHEAD: usize = 4;

/// What a scan reads and how.
#[derive(Clone, Debug, Default)]
pub struct ScanOptions {
    /// Columns in the order wanted; all if `None`.
    pub columns: Option<Vec<String>>,
    /// Conditions that all hold for every row that is read.
    pub filters: Vec<Filter>,
    /// Whether dictionary columns come as dictionaries with 32-bit codes, or as plain texts.
    pub dictionaries: bool,
    /// Threads that decode, at least 1.
    pub threads: usize,
}

/// How much of the files was touched.
#[derive(Debug, Default)]
pub struct Evidence {
    groups: AtomicU64,
    groups_read: AtomicU64,
    pub(crate) bytes: Arc<AtomicU64>,
}

impl Evidence {
    /// Row groups of the files that were opened.
    pub fn row_groups(&self) -> u64 {
        self.groups.load(Ordering::Relaxed)
    }

    /// Row groups of which something was read.
    pub fn row_groups_read(&self) -> u64 {
        self.groups_read.load(Ordering::Relaxed)
    }

    /// Bytes read, footers included.
    pub fn bytes_read(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }

    pub(crate) fn add_groups(&self, groups: usize) {
        self.groups.fetch_add(groups as u64, Ordering::Relaxed);
    }

    pub(crate) fn add_read(&self) {
        self.groups_read.fetch_add(1, Ordering::Relaxed);
    }
}

/// Files and what to read of them.
#[derive(Debug)]
pub struct Scan {
    pub(crate) layout: Arc<Layout>,
    pub(crate) files: Vec<PathBuf>,
    /// Positions of the columns that come out.
    pub(crate) columns: Vec<usize>,
    pub(crate) conditions: Vec<Condition>,
    pub(crate) schema: SchemaRef,
    threads: usize,
}

impl Scan {
    /// Describes a read; no file is opened yet.
    ///
    /// # Errors
    /// Columns that the layout does not have, or conditions that do not suit their type.
    pub fn new(layout: &Arc<Layout>, files: Vec<PathBuf>, options: &ScanOptions) -> Result<Self> {
        let columns = match &options.columns {
            None => (0..layout.columns.len()).collect(),
            Some(names) => {
                let known = names.iter().map(|name| layout.known("columns", name));
                known.collect::<Result<Vec<_>>>()?
            }
        };
        let conditions = options.filters.iter().map(|filter| Condition::new(filter, layout));
        let conditions = conditions.collect::<Result<_>>()?;
        let field = |&at: &usize| layout.column(at).handed(options.dictionaries);
        let fields: Vec<_> = columns.iter().map(field).collect();
        Ok(Self {
            layout: Arc::clone(layout),
            files,
            columns,
            conditions,
            schema: Arc::new(ArrowSchema::new(fields)),
            threads: options.threads.max(1),
        })
    }

    /// The Arrow schema of the batches.
    pub fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    /// Starts to read.
    pub fn read(self: &Arc<Self>, evidence: &Arc<Evidence>) -> ScanReader {
        ScanReader {
            groups: Some(Groups::new(Arc::clone(self), Arc::clone(evidence))),
            ready: VecDeque::new(),
            ahead: None,
            failed: false,
        }
    }
}

/// Row groups and further batches that threads take one by one, in no certain order.
pub(crate) struct Jobs {
    queue: Mutex<(Groups, std::vec::IntoIter<RecordBatch>)>,
    threads: usize,
}

impl Jobs {
    pub(crate) fn new(scan: &Arc<Scan>, more: Vec<RecordBatch>, evidence: &Arc<Evidence>) -> Self {
        let groups = Groups::new(Arc::clone(scan), Arc::clone(evidence));
        Self { queue: Mutex::new((groups, more.into_iter())), threads: scan.threads }
    }

    /// What each thread makes of the batches that it gets.
    pub(crate) fn run<W: Send>(
        &self,
        task: &Task,
        make: impl Fn() -> W + Sync,
        add: impl Fn(&mut W, &RecordBatch) -> Result<()> + Sync,
    ) -> Result<Vec<W>> {
        let work = || {
            let mut worker = make();
            while let Some(job) = self.next()? {
                let mut each = |batch: &RecordBatch| {
                    task.check()?;
                    task.done(batch.num_rows());
                    add(&mut worker, batch)
                };
                match job {
                    Job::Group(group) => group.each(&mut each)?,
                    Job::Batch(batch) => each(&batch)?,
                }
            }
            Ok(worker)
        };
        on_threads(self.threads, work)
    }

    fn next(&self) -> Result<Option<Job>> {
        let mut queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(group) = queue.0.next()? {
            return Ok(Some(Job::Group(group)));
        }
        Ok(queue.1.next().map(Job::Batch))
    }
}

/// What a thread takes.
enum Job {
    Group(Group),
    Batch(RecordBatch),
}

/// A read under way.
pub struct ScanReader {
    groups: Option<Groups>,
    ready: VecDeque<RecordBatch>,
    ahead: Option<Arc<Ahead>>,
    failed: bool,
}

impl ScanReader {
    /// The next rows, unless the caller asked to stop.
    ///
    /// # Errors
    /// Files that cannot be read, and [`LakeError::Stopped`].
    pub fn next_unless_stopped(&mut self, task: &Task) -> Result<Option<RecordBatch>> {
        task.check()?;
        let next = self.next().transpose()?;
        task.done(next.as_ref().map_or(0, RecordBatch::num_rows));
        Ok(next)
    }

    fn next_group(&mut self) -> Result<Option<Vec<RecordBatch>>> {
        if let Some(ahead) = &self.ahead {
            return ahead.take();
        }
        let Some(groups) = &mut self.groups else { return Ok(None) };
        let Some(group) = groups.next()? else { return Ok(None) };
        // What is wrong with the next file is told when its turn comes.
        if groups.scan().threads > 1 && groups.are_several().unwrap_or(false) {
            if let Some(groups) = self.groups.take() {
                let ahead = Ahead::start(groups, group);
                self.ahead = Some(Arc::clone(&ahead));
                return ahead.take();
            }
            return Ok(None);
        }
        let spare = groups.scan().threads - 1;
        group.read(&|| spare).map(Some)
    }
}

impl Iterator for ScanReader {
    type Item = Result<RecordBatch>;

    fn next(&mut self) -> Option<Self::Item> {
        while self.ready.is_empty() && !self.failed {
            match self.next_group() {
                Ok(Some(batches)) => self.ready.extend(batches),
                Ok(None) => return None,
                Err(error) => {
                    self.failed = true;
                    return Some(Err(error));
                }
            }
        }
        self.ready.pop_front().map(Ok)
    }
}

impl Drop for ScanReader {
    fn drop(&mut self) {
        if let Some(ahead) = &self.ahead {
            ahead.lock().stopped = true;
            ahead.changed.notify_all();
        }
    }
}

/// Row groups that threads read ahead of the consumer.
struct Ahead {
    state: Mutex<State>,
    changed: Condvar,
    threads: usize,
    /// Threads that read just now.
    busy: AtomicUsize,
}

struct State {
    groups: Groups,
    /// The group that was found before there were threads.
    first: Option<Group>,
    /// How many groups were given to threads.
    given: usize,
    /// How many groups the consumer took.
    taken: usize,
    done: VecDeque<Option<Result<Vec<RecordBatch>>>>,
    /// There are no more groups.
    exhausted: bool,
    stopped: bool,
}

impl Ahead {
    fn start(groups: Groups, first: Group) -> Arc<Self> {
        let threads = groups.scan().threads;
        let state = State {
            groups,
            first: Some(first),
            given: 0,
            taken: 0,
            done: VecDeque::new(),
            exhausted: false,
            stopped: false,
        };
        let (state, busy) = (Mutex::new(state), AtomicUsize::new(0));
        let ahead = Arc::new(Self { state, changed: Condvar::new(), threads, busy });
        let mut started = 0;
        for _ in 0..threads {
            let worker = Arc::clone(&ahead);
            let thread = std::thread::Builder::new().name("rustonite-read".to_owned());
            started += usize::from(thread.spawn(move || worker.work()).is_ok());
        }
        if started == 0 {
            // No threads to be had: the consumer does all the work, with no bound to wait for.
            ahead.work();
        }
        ahead
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reads group after group until there are none or nobody wants them.
    fn work(&self) {
        while let Some((number, group)) = self.next_group() {
            self.busy.fetch_add(1, Ordering::Relaxed);
            let spare = || self.threads.saturating_sub(self.busy.load(Ordering::Relaxed));
            let result = catch_unwind(AssertUnwindSafe(|| group.read(&spare)));
            self.busy.fetch_sub(1, Ordering::Relaxed);
            let result = result.unwrap_or_else(|_| Err(LakeError::Bug("reading a row group")));
            let mut state = self.lock();
            let slot = number - state.taken;
            state.done[slot] = Some(result);
            self.changed.notify_all();
        }
    }

    fn next_group(&self) -> Option<(usize, Group)> {
        let mut state = self.lock();
        loop {
            if state.stopped || state.exhausted {
                return None;
            }
            if state.given < state.taken + AHEAD {
                break;
            }
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        let group = match state.first.take() {
            Some(group) => Ok(Some(group)),
            None => state.groups.next(),
        };
        let number = state.given;
        match group {
            Ok(Some(group)) => {
                state.given += 1;
                state.done.push_back(None);
                return Some((number, group));
            }
            Ok(None) => {}
            Err(error) => {
                state.given += 1;
                state.done.push_back(Some(Err(error)));
            }
        }
        state.exhausted = true;
        self.changed.notify_all();
        None
    }

    /// The next group in order.
    fn take(&self) -> Result<Option<Vec<RecordBatch>>> {
        let mut state = self.lock();
        loop {
            match state.done.front() {
                Some(Some(_)) => break,
                None if state.exhausted => return Ok(None),
                _ => state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner),
            }
        }
        let result = state.done.pop_front().flatten();
        state.taken += 1;
        self.changed.notify_all();
        result.transpose()
    }
}
