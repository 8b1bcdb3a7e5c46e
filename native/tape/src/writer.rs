//! The one writer of a tape: rows, commits, rotation.
//!
//! Invariants: rows become visible only through `commit`, all pending ones at once; a segment is
//! sealed only after its successor exists; what was committed is never touched again.

use std::fs;
use std::marker::PhantomData;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rustonite_core::row::FixedValue;
use rustonite_core::{Code, ColumnType, Draft, Row, Schema, Texts};
use serde::{Deserialize, Serialize};

use crate::background::{Background, Fsync, Plan};
use crate::bell::BellFile;
use crate::column::{ColumnCursor, Refused, Sink};
use crate::dictionary::Dictionary;
use crate::error::{Result, TapeError, While};
use crate::folder::{self, Cursor, Lock, Manifest, hex};
use crate::layout::{FORMAT, Identity, Layout, ROWS_MAX};
use crate::publish;
use crate::recover::{Kept, Recovered, recover};
use crate::segment::Segment;

/// Settings of a tape, fixed when it is created.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TapeOptions {
    /// Size of a segment file in bytes. Two exist from the start: the open one and the next.
    pub segment_bytes: u64,
    /// Most rows of a segment, if fewer than fit.
    pub segment_rows: Option<u64>,
    /// Space per row for each text, binary and list column, instead of the usual of its type.
    pub value_bytes: Option<u32>,
    /// Most segments kept. Beyond it the oldest goes, or, while a consumer needs it, appending
    /// fails.
    pub segments_max: u32,
    /// Seal a segment this long after its first row, in milliseconds, while less than half of
    /// `segments_max` are kept; `None`: only when full.
    pub seal_after_ms: Option<u64>,
    /// On disk: make rows durable this often, in milliseconds; `None`: only on close.
    pub fsync_interval_ms: Option<u64>,
}

impl Default for TapeOptions {
    fn default() -> Self {
        Self {
            segment_bytes: 32 << 20,
            segment_rows: None,
            value_bytes: None,
            segments_max: 64,
            seal_after_ms: Some(30_000),
            fsync_interval_ms: Some(1_000),
        }
    }
}

/// What a tape survives, decided by where it lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Durability {
    /// On a file system in memory.
    Memory,
    /// On disk, with an fsync every so many milliseconds.
    Disk {
        /// `None`: only when closed.
        fsync_interval_ms: Option<u64>,
    },
}

impl Durability {
    /// One sentence for the operator.
    pub fn describe(self) -> String {
        let process =
            "a crash of the process loses nothing committed; a crash of the machine loses";
        match self {
            Self::Memory => format!("memory-backed: {process} the tape"),
            Self::Disk { fsync_interval_ms: Some(ms) } => {
                format!("disk-backed: {process} at most the last {ms} ms")
            }
            Self::Disk { fsync_interval_ms: None } => {
                format!("disk-backed: {process} what was appended since it was opened")
            }
        }
    }
}

/// The writer of a tape. Dropping it closes the tape and discards uncommitted rows. On disk it ends
/// with an fsync that nobody hears of if it fails: call [`Writer::sync`] before to know.
#[derive(Debug)]
pub struct Writer {
    // First, so that its thread has ended before the lock is released.
    background: Background,
    folder: PathBuf,
    schema: Arc<Schema>,
    options: TapeOptions,
    durability: Durability,
    layout: Layout,
    tape_id: [u8; 16],
    boot_id: [u8; 16],
    bell: BellFile,
    segment: Arc<Segment>,
    columns: Box<[ColumnCursor]>,
    capacity: usize,
    /// Rows of the open segment, pending ones included.
    row: usize,
    committed: usize,
    dictionaries: Vec<Option<Dictionary>>,
    kept: Vec<Kept>,
    /// First row that the writer itself needs.
    keep_from: u64,
    _lock: Lock,
}

impl Writer {
    /// Makes a tape in `folder`, which may not exist yet.
    ///
    /// # Errors
    /// A tape or a writer is already there; the folder cannot be written; a setting is out of
    /// range; there is no space for two segments.
    pub fn create(folder: &Path, schema: &Arc<Schema>, options: TapeOptions) -> Result<Self> {
        let layout = plan_layout(schema, &options)?;
        folder::make(folder)?;
        let lock = Lock::take(folder)?;
        if folder::is_tape(folder) {
            return Err(TapeError::AlreadyExists { path: folder.to_owned() });
        }
        folder::clear_leftovers(folder)?;
        let tape_id = folder::random::<16>().doing(folder, "drawing a tape id")?;
        let started = Started { folder, lock, layout, options, tape_id };
        let mut writer = started.begin(0, 0)?;
        // Before the manifest, which says that there is a tape here.
        writer.sync()?;
        let manifest = Manifest {
            format: FORMAT,
            id: hex(&tape_id),
            dataset: schema.dataset().to_owned(),
            version: schema.version(),
            fingerprint: schema.fingerprint().to_string(),
            settings: options,
        };
        manifest.write(folder)?;
        Ok(writer)
    }

    /// Opens an existing tape to append to it, after whatever end the last writer met.
    ///
    /// Rows that were committed are there again; rows that were not are gone. If the machine
    /// crashed, rows since the last fsync are gone too.
    ///
    /// # Errors
    /// No tape; another writer; damaged or missing segments, which stay as they are.
    pub fn open(folder: &Path) -> Result<Self> {
        let manifest = Manifest::read(folder)?;
        let lock = Lock::take(folder)?;
        let _ = fs::remove_file(folder.join(folder::SPARE));
        let boot_id = folder::boot_id()?;
        let recovered = recover(folder, boot_id)?;
        let last = &recovered.last;
        if last.schema().fingerprint().to_string() != manifest.fingerprint {
            let (found, expected) = (last.schema().fingerprint().to_string(), manifest.fingerprint);
            return Err(TapeError::corrupt(folder, "fingerprint", found, expected));
        }
        let (options, tape_id) = (manifest.settings, last.identity.tape_id);
        let layout = plan_layout(last.schema(), &options)?;
        Started { folder, lock, layout, options, tape_id }.resume(recovered, boot_id)
    }

    /// Appends a row, which stays invisible until [`Writer::commit`].
    #[inline]
    fn push<R: Row>(&mut self, row: &R) -> Result<()> {
        if self.row == self.capacity {
            self.rotate()?;
        }
        match row.write(&mut Sink::new(&mut self.columns[..R::COLUMNS], self.row)) {
            Ok(()) => {
                self.row += 1;
                Ok(())
            }
            Err(refused) => self.push_again(row, refused),
        }
    }

    /// Stores a row where the next one will be, and forgets it: see [`TypedWriter::rehearse`].
    fn rehearse<R: Row>(&mut self, row: &R) {
        if self.pending() > 0 || self.row == self.capacity {
            return;
        }
        // A row that has no room here has none next time either, and rotates then.
        let _ = row.write(&mut Sink::new(&mut self.columns[..R::COLUMNS], self.row));
        self.rewind(self.row);
    }

    /// Second try in a new segment, for a row whose text had no room in this one.
    #[cold]
    fn push_again<R: Row>(&mut self, row: &R, refused: Refused) -> Result<()> {
        self.rewind(self.row);
        let Refused::Full { column, items } = refused else { return Err(self.refusal(refused)) };
        if items > self.layout.items_max(column) {
            return Err(self.refusal(refused));
        }
        self.rotate()?;
        let mut sink = Sink::new(&mut self.columns[..R::COLUMNS], self.row);
        let Err(refused) = row.write(&mut sink) else {
            self.row += 1;
            return Ok(());
        };
        self.rewind(self.row);
        match refused {
            Refused::Full { column, items } if items <= self.layout.items_max(column) => {
                Err(self.event_too_large())
            }
            _ => Err(self.refusal(refused)),
        }
    }

    fn event_too_large(&self) -> TapeError {
        TapeError::EventTooLarge { pending: self.pending(), capacity: self.layout.rows }
    }

    /// Whether the pending rows fit in a new segment; not so only if settings were changed.
    fn pending_rows_fit(&self) -> bool {
        let items = |column: usize| self.columns[column].items_since(self.committed);
        self.pending() <= self.layout.rows
            && (0..self.columns.len()).all(|column| items(column) <= self.layout.items_max(column))
    }

    fn refusal(&self, refused: Refused) -> TapeError {
        match refused {
            Refused::Full { column, items } => {
                let room = self.layout.items_max(column);
                let expected = format!("at most {room}, what a whole segment of this tape holds");
                let name = &self.schema.columns()[column].name;
                TapeError::value(name, None, format!("a value of {items} items"), expected)
            }
            Refused::Code { column, code } => {
                let known = self.dictionaries[column].as_ref().map_or(0, Dictionary::len);
                let name = &self.schema.columns()[column].name;
                TapeError::value(name, None, format!("code {code}"), format!("0 to {known} - 1"))
            }
        }
    }

    fn rewind(&mut self, row: usize) {
        self.columns.iter_mut().for_each(|column| column.rewind(row));
    }

    /// Makes all pending rows visible at once.
    ///
    /// # Errors
    /// An fsync failed. Then nothing became visible, and the rows are still pending.
    #[inline]
    pub fn commit(&mut self) -> Result<()> {
        if self.background.attention.is_raised() {
            self.attend()?;
        }
        if self.row != self.committed {
            self.segment.publish(self.row);
            self.committed = self.row;
            self.bell.ring();
        }
        Ok(())
    }

    /// Discards pending rows.
    pub fn rollback(&mut self) {
        self.row = self.committed;
        self.rewind(self.row);
    }

    /// Does what is due without a new row: seals a segment that has become old.
    ///
    /// Call it now and then while nothing arrives.
    ///
    /// # Errors
    /// As [`Writer::seal`], or an fsync failed.
    pub fn tick(&mut self) -> Result<()> {
        if !self.background.attention.is_raised() {
            return Ok(());
        }
        self.check_storage()?;
        if self.background.attention.take_old() { self.seal_old() } else { Ok(()) }
    }

    #[cold]
    fn attend(&mut self) -> Result<()> {
        self.check_storage()?;
        if self.background.attention.take_old() {
            // While there is room, a seal that has to wait is no reason to refuse rows. It is asked
            // for again soon, and `tick` and a full segment report what is in the way.
            let _ = self.seal_old();
        }
        Ok(())
    }

    /// Seals what has become old, unless many segments are kept already: they would be small ones,
    /// and a tape holds `segments_max` of them whatever their size.
    fn seal_old(&mut self) -> Result<()> {
        self.remove_consumed()?;
        if self.kept.len() >= self.options.segments_max as usize / 2 { Ok(()) } else { self.seal() }
    }

    fn check_storage(&self) -> Result<()> {
        let Some(cause) = self.background.attention.failure() else { return Ok(()) };
        let (path, cause) = (self.folder.clone(), cause.to_owned());
        Err(TapeError::StorageFailed { path, cause })
    }

    /// Seals the open segment, if it has committed rows, and goes on in a new one.
    ///
    /// # Errors
    /// As rotation: no space, or a consumer is too far behind.
    pub fn seal(&mut self) -> Result<()> {
        if self.committed == 0 { Ok(()) } else { self.rotate() }
    }

    /// Goes on in a new segment, taking pending rows along.
    #[cold]
    fn rotate(&mut self) -> Result<()> {
        let pending = self.row - self.committed;
        if self.committed == 0 || !self.pending_rows_fit() {
            return Err(self.event_too_large());
        }
        self.make_room()?;
        let map = self.background.take_spare(&self.folder)?;
        let identity = Identity {
            number: self.segment.identity.number + 1,
            base_row: self.rows(),
            ..new_identity(&self.folder, self.tape_id, self.boot_id)?
        };
        let next = begin_segment(&self.folder, map, &self.layout, identity, self.durability)?;
        let codes = self.codes();
        let mut columns = ColumnCursor::for_segment(&next, 0, &codes);
        for (target, source) in columns.iter_mut().zip(&self.columns) {
            target.take_rows(source, self.committed, self.row);
        }
        let next = Arc::new(next);
        let sealed = std::mem::replace(&mut self.segment, Arc::clone(&next));
        sealed.seal(self.committed);
        self.bell.ring();
        self.kept.push(Kept { number: sealed.identity.number, rows_end: identity.base_row });
        self.background.sealed(sealed, self.committed, next);
        self.columns = columns;
        self.capacity = self.layout.rows;
        self.row = pending;
        self.committed = 0;
        Ok(())
    }

    fn codes(&self) -> Vec<i64> {
        let count = |dictionary: &Option<Dictionary>| {
            dictionary.as_ref().map_or(0, |dictionary| i64::try_from(dictionary.len()).unwrap_or(0))
        };
        self.dictionaries.iter().map(count).collect()
    }

    /// Removes segments nobody needs, and makes sure that one more stays within the bound.
    fn make_room(&mut self) -> Result<()> {
        let behind = self.remove_consumed()?;
        // The open segment and the one to come count, too.
        let kept_max = (self.options.segments_max as usize).saturating_sub(2);
        while self.kept.len() > kept_max {
            let needs =
                |cursor: &Cursor| self.kept.first().is_some_and(|kept| kept.rows_end > cursor.row);
            if let Some(cursor) = behind.clone().filter(needs) {
                return Err(TapeError::ConsumerBehind {
                    path: self.folder.clone(),
                    segments: self.kept.len() + 1,
                    consumer: cursor.consumer,
                    row: cursor.row,
                });
            }
            self.remove_oldest();
        }
        Ok(())
    }

    /// Keeps rows from this one on, also when all consumers are done with them: for a writer that
    /// reads back what it wrote when it is opened again. No more than `segments_max` are kept for it.
    pub fn keep_from(&mut self, row: u64) {
        self.keep_from = row;
    }

    /// Removes segments that all consumers are done with; the cursor of the one furthest behind.
    fn remove_consumed(&mut self) -> Result<Option<Cursor>> {
        let behind = folder::consumers(&self.folder)?.into_iter().next();
        if let Some(cursor) = &behind {
            let done = cursor.row.min(self.keep_from);
            while self.kept.first().is_some_and(|kept| kept.rows_end <= done) {
                self.remove_oldest();
            }
        }
        Ok(behind)
    }

    /// Freeing the pages of a segment takes milliseconds, so another thread does it.
    fn remove_oldest(&mut self) {
        let oldest = self.kept.remove(0);
        self.background.remove(folder::segment_path(&self.folder, oldest.number));
    }

    /// The code of a text in a dictionary column, for rows of that column.
    ///
    /// # Errors
    /// No such dictionary column; or the text is too long, not in the column's vocabulary, or one
    /// too many.
    pub fn intern(&mut self, column: usize, text: &str) -> Result<i64> {
        let Some(Some(dictionary)) = self.dictionaries.get_mut(column) else {
            let name = self.schema.columns().get(column).map_or("?", |column| &column.name);
            return Err(TapeError::value(name, None, "a text to intern", "a dictionary column"));
        };
        let code = dictionary.intern(text)?;
        self.columns[column].set_codes(i64::try_from(dictionary.len()).unwrap_or(i64::MAX));
        Ok(code)
    }

    #[inline]
    fn code<K: TryFrom<i64>>(&mut self, column: usize, text: &str) -> Result<Code<K>> {
        let code = self.intern(column, text)?;
        K::try_from(code).map(Code).map_err(|_| {
            let name = self.schema.columns().get(column).map_or("?", |column| &column.name);
            TapeError::value(name, None, format!("code {code}"), "a narrower code")
        })
    }

    /// Waits until everything committed so far is on stable storage. On a memory-backed tape there
    /// is nothing to wait for.
    ///
    /// # Errors
    /// The storage failed.
    pub fn sync(&mut self) -> Result<()> {
        match self.durability {
            Durability::Memory => Ok(()),
            Durability::Disk { .. } => self.background.sync(&self.folder),
        }
    }

    /// Rows committed since the tape was created, removed ones included: the next row's number.
    pub fn rows(&self) -> u64 {
        self.segment.identity.base_row + self.committed as u64
    }

    /// Rows appended but not yet committed.
    pub fn pending(&self) -> usize {
        self.row - self.committed
    }

    /// Rows that fit in one segment.
    pub fn segment_rows(&self) -> usize {
        self.capacity
    }

    /// Number of the open segment.
    pub fn segment_number(&self) -> u64 {
        self.segment.identity.number
    }

    /// The tape's schema.
    pub fn schema(&self) -> &Arc<Schema> {
        &self.schema
    }

    /// The tape's folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// What the tape survives.
    pub fn durability(&self) -> Durability {
        self.durability
    }

    /// A writer for rows of one dataset, with columns resolved at compile time.
    ///
    /// # Errors
    /// The tape holds another dataset, or another version of it.
    pub fn typed<R: Row>(self) -> Result<TypedWriter<R>> {
        if self.schema.fingerprint() == R::schema().fingerprint() {
            return Ok(TypedWriter { writer: self, rows: PhantomData });
        }
        let name = |schema: &Schema| {
            format!("{} version {} ({})", schema.dataset(), schema.version(), schema.fingerprint())
        };
        Err(TapeError::OtherSchema {
            path: self.folder.clone(),
            found: name(&self.schema),
            expected: name(R::schema()),
        })
    }

    /// Rows of the open segment, pending ones included.
    pub(crate) fn rows_in_segment(&self) -> usize {
        self.row
    }

    /// Forgets the last `rows` pending rows.
    pub(crate) fn take_back(&mut self, rows: usize) {
        self.row -= rows;
        self.rewind(self.row);
    }

    /// Items of a varying column that a whole segment holds.
    pub(crate) fn items_max(&self, column: usize) -> usize {
        self.layout.items_max(column)
    }

    pub(crate) fn parts(&mut self) -> (&mut [ColumnCursor], usize) {
        (&mut self.columns, self.row)
    }

    /// Counts `rows` rows that were stored through [`Writer::parts`].
    pub(crate) fn advance(&mut self, rows: usize) {
        self.row += rows;
        debug_assert!(self.row <= self.capacity);
    }

    pub(crate) fn next_segment(&mut self) -> Result<()> {
        self.rotate()
    }
}

/// A [`Writer`] for the rows of one dataset.
#[derive(Debug)]
pub struct TypedWriter<R> {
    writer: Writer,
    rows: PhantomData<fn(R)>,
}

impl<R: Row> TypedWriter<R> {
    /// Appends a row, which stays invisible until [`TypedWriter::commit`].
    ///
    /// `Q` is `R` with any lifetime: were it `R` itself, all texts ever pushed would have to
    /// outlive the writer.
    ///
    /// # Errors
    /// A code that was not interned, a value larger than a segment, or a rotation that failed. The
    /// row was not taken; rows pending before it still are.
    #[inline]
    pub fn push<Q: Row<Static = R::Static>>(&mut self, row: &Q) -> Result<()> {
        self.writer.push(row)
    }

    /// Makes all pending rows visible at once.
    ///
    /// # Errors
    /// As [`Writer::commit`].
    #[inline]
    pub fn commit(&mut self) -> Result<()> {
        self.writer.commit()
    }

    /// Appends a row whose codes are still texts; see [`TypedWriter::push`].
    ///
    /// # Errors
    /// As [`TypedWriter::push`] and [`Writer::intern`].
    #[inline]
    pub fn push_draft<D>(&mut self, draft: &D) -> Result<()>
    where
        D: Draft,
        D::Row: Row<Static = R::Static>,
    {
        let row = self.bind(draft)?;
        self.writer.push(&row)
    }

    /// Goes through the motions of [`TypedWriter::push_draft`] and leaves nothing of them but the
    /// codes of texts that are new: a row fills a line of memory in each column, and those are at
    /// hand then when a real one comes. Does nothing while rows are pending.
    pub fn rehearse<D>(&mut self, draft: &D)
    where
        D: Draft,
        D::Row: Row<Static = R::Static>,
    {
        if let Ok(row) = self.bind(draft) {
            self.writer.rehearse(&row);
        }
    }

    /// A row with codes in place of its texts, to push it or others that differ in numbers only.
    ///
    /// # Errors
    /// As [`Writer::intern`].
    #[inline]
    pub fn bind<D>(&mut self, draft: &D) -> Result<D::Row>
    where
        D: Draft,
        D::Row: Row<Static = R::Static>,
    {
        draft.bind(&mut Codes(&mut self.writer))
    }

    /// The code of a text, for a dictionary field with 32-bit codes.
    ///
    /// # Errors
    /// As [`Writer::intern`].
    pub fn code32(&mut self, column: &str, text: &str) -> Result<Code<i32>> {
        self.code(column, text)
    }

    /// The code of a text, for a dictionary field with 16-bit codes.
    ///
    /// # Errors
    /// As [`Writer::intern`].
    pub fn code16(&mut self, column: &str, text: &str) -> Result<Code<i16>> {
        self.code(column, text)
    }

    fn code<K: TryFrom<i64>>(&mut self, column: &str, text: &str) -> Result<Code<K>> {
        let Some(position) = self.writer.schema.index_of(column) else {
            return Err(TapeError::value(column, None, "no such column", "a dictionary column"));
        };
        self.writer.code(position, text)
    }

    /// The writer without its row type, for everything else.
    pub fn writer(&mut self) -> &mut Writer {
        &mut self.writer
    }
}

/// Codes of texts in the tape of a writer.
struct Codes<'a>(&'a mut Writer);

impl Texts for Codes<'_> {
    type Error = TapeError;

    #[inline]
    fn code<const C: usize, K: FixedValue + TryFrom<i64>>(
        &mut self,
        text: &str,
    ) -> Result<Code<K>> {
        self.0.code(C, text)
    }
}

/// A tape whose lock is held and whose layout is known.
struct Started<'a> {
    folder: &'a Path,
    lock: Lock,
    layout: Layout,
    options: TapeOptions,
    tape_id: [u8; 16],
}

impl Started<'_> {
    fn durability(&self) -> Result<Durability> {
        let disk = Durability::Disk { fsync_interval_ms: self.options.fsync_interval_ms };
        Ok(if folder::in_memory(self.folder)? { Durability::Memory } else { disk })
    }

    /// Starts a new segment, which becomes the open one.
    fn begin(self, number: u64, base_row: u64) -> Result<Writer> {
        let boot_id = folder::boot_id()?;
        let dictionaries = self.dictionaries(true)?;
        let segment = self.new_segment(boot_id, number, base_row)?;
        if number == 0 {
            drop(BellFile::create(self.folder)?);
        }
        self.writer(boot_id, Arc::new(segment), 0, dictionaries, Vec::new(), Vec::new())
    }

    fn new_segment(&self, boot_id: [u8; 16], number: u64, base_row: u64) -> Result<Segment> {
        let identity = new_identity(self.folder, self.tape_id, boot_id)?;
        let identity = Identity { number, base_row, ..identity };
        let map =
            crate::map::Map::create(&self.folder.join(folder::SPARE), self.layout.file_bytes)?;
        if self.durability()? == Durability::Memory {
            map.populate();
        }
        begin_segment(self.folder, map, &self.layout, identity, self.durability()?)
    }

    fn dictionaries(&self, trusted: bool) -> Result<Vec<Option<Dictionary>>> {
        let columns = self.layout.schema.columns().iter();
        columns
            .map(|column| match column.kind {
                ColumnType::Dictionary(key) => {
                    let codes_max = key.values_max();
                    Dictionary::open_or_create(self.folder, column, codes_max, trusted).map(Some)
                }
                _ => Ok(None),
            })
            .collect()
    }

    /// Goes on where the last writer ended.
    fn resume(self, recovered: Recovered, boot_id: [u8; 16]) -> Result<Writer> {
        let Recovered { last, rows, sealed, kept, backlog } = recovered;
        let same_run = last.identity.boot_id == boot_id || last.durable()?.is_none();
        let dictionaries = self.dictionaries(same_run)?;
        if !sealed {
            return self.writer(boot_id, Arc::new(last), rows, dictionaries, kept, backlog);
        }
        let base_row = last.identity.base_row + rows as u64;
        let number = last.identity.number + 1;
        let segment = self.new_segment(boot_id, number, base_row)?;
        self.writer(boot_id, Arc::new(segment), 0, dictionaries, kept, backlog)
    }

    fn writer(
        self,
        boot_id: [u8; 16],
        segment: Arc<Segment>,
        rows: usize,
        dictionaries: Vec<Option<Dictionary>>,
        kept: Vec<Kept>,
        backlog: Vec<Arc<Segment>>,
    ) -> Result<Writer> {
        let durability = self.durability()?;
        let plan = Plan {
            folder: self.folder.to_owned(),
            file_bytes: self.layout.file_bytes,
            seal_after: self.options.seal_after_ms.map(Duration::from_millis),
            fsync: match durability {
                Durability::Memory => None,
                Durability::Disk { fsync_interval_ms: None } => Some(Fsync::OnClose),
                Durability::Disk { fsync_interval_ms: Some(ms) } => {
                    Some(Fsync::Every(Duration::from_millis(ms)))
                }
            },
            dictionaries: dictionaries.iter().flatten().map(Dictionary::syncer).collect(),
        };
        let mut writer = Writer {
            background: Background::start(plan, Arc::clone(&segment), backlog)?,
            folder: self.folder.to_owned(),
            schema: Arc::clone(&self.layout.schema),
            options: self.options,
            durability,
            capacity: segment.layout.rows,
            layout: self.layout,
            tape_id: self.tape_id,
            boot_id,
            bell: BellFile::open(self.folder)?,
            columns: Box::default(),
            segment,
            row: rows,
            committed: rows,
            dictionaries,
            kept,
            keep_from: u64::MAX,
            _lock: self.lock,
        };
        writer.columns = ColumnCursor::for_segment(&writer.segment, rows, &writer.codes());
        Ok(writer)
    }
}

fn plan_layout(schema: &Arc<Schema>, options: &TapeOptions) -> Result<Layout> {
    // Days are plenty for an interval; a segment beyond 4 GiB is a slip that could take all memory.
    const INTERVAL_MS_MAX: u64 = 30 * 24 * 3_600_000;
    let bounds = [
        ("segments_max", Some(u64::from(options.segments_max)), 3, 1_000_000),
        ("segment_bytes", Some(options.segment_bytes), 1, 4 << 30),
        ("segment_rows", options.segment_rows, 1, ROWS_MAX as u64),
        ("value_bytes", options.value_bytes.map(u64::from), 1, 1 << 30),
        ("seal_after_ms", options.seal_after_ms, 1, INTERVAL_MS_MAX),
        ("fsync_interval_ms", options.fsync_interval_ms, 1, INTERVAL_MS_MAX),
    ];
    for (name, value, least, most) in bounds {
        if let Some(value) = value.filter(|value| !(least..=most).contains(value)) {
            let (found, expected) = (value.to_string(), format!("{least} to {most}"));
            return Err(TapeError::Setting { name, found, expected });
        }
    }
    let small = |value: u64| usize::try_from(value).unwrap_or(usize::MAX);
    let rows = options.segment_rows.map(small);
    Layout::plan(schema, small(options.segment_bytes), rows, options.value_bytes)
}

fn new_identity(folder: &Path, tape_id: [u8; 16], boot_id: [u8; 16]) -> Result<Identity> {
    let mut salt = 0;
    // A live word of zero means "not set", so no row count may look like it.
    while publish::word(0, salt) == 0 {
        salt = folder::random::<8>().map(u64::from_le_bytes).doing(folder, "drawing a salt")?;
    }
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let created_ns = i64::try_from(since.as_nanos()).unwrap_or(i64::MAX);
    Ok(Identity { tape_id, boot_id, number: 0, base_row: 0, salt, created_ns })
}

fn begin_segment(
    folder: &Path,
    map: crate::map::Map,
    layout: &Layout,
    identity: Identity,
    durability: Durability,
) -> Result<Segment> {
    let path = folder::segment_path(folder, identity.number);
    let durable = durability != Durability::Memory;
    let segment = Segment::begin(map, layout.clone(), identity, path, durable);
    let spare = folder.join(folder::SPARE);
    fs::rename(&spare, &segment.path).doing(&segment.path, "putting the segment in place")?;
    Ok(segment)
}
