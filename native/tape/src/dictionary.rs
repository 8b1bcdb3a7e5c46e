//! Side tables: the texts behind the codes of a dictionary column, one file per column.
//!
//! A side table only grows. Entries are published like rows: bytes first, then the count. When a
//! file is full the writer copies it into a larger one and renames that over it; readers that still
//! map the old file look again when they meet a code it does not have.
#![allow(unsafe_code)]

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use arrow_array::{Array as _, StringArray};
use arrow_buffer::{Buffer, OffsetBuffer, ScalarBuffer};
use foldhash::fast::RandomState;
use rustonite_core::schema::{NAME_BYTES_MAX, Vocabulary};
use rustonite_core::{ColumnType, Schema};

use crate::error::{Result, TapeError, While};
use crate::folder::random;
use crate::map::{Map, PAGE};
use crate::publish;

const MAGIC: [u8; 8] = *b"RUSTDICT";
const STATIC_BYTES: usize = 252;
const COUNT: usize = 512;
const DURABLE: usize = 640;
const ENTRIES_FIRST: usize = 512;
const GROWTH: usize = 4;
const ENTRY_BYTES: usize = 16;

/// Longest text of a dictionary.
pub(crate) const TEXT_BYTES_MAX: usize = 4096;
const TEXTS_BYTES_MAX: usize = 1 << 30;

/// Name of a column's side table.
pub(crate) fn file_name(column: &str) -> String {
    format!("{column}.dict")
}

/// Where the checksums of the texts begin: behind the offsets.
fn sums_start(entries: usize) -> usize {
    PAGE + 4 * (entries + 1)
}

/// One mapped side table.
#[derive(Debug)]
struct Table {
    map: Map,
    entries: usize,
    texts: usize,
    texts_bytes: usize,
    salt: u64,
}

impl Table {
    /// Creates a table at `path` through a temporary name, holding `texts`.
    fn create(
        path: &Path,
        column: &str,
        entries: usize,
        texts: &[Box<str>],
        more_bytes: usize,
    ) -> Result<Self> {
        let needed = texts.iter().map(|text| text.len()).sum::<usize>() + more_bytes;
        let texts_bytes = (entries * ENTRY_BYTES).max(needed * 2).max(PAGE);
        let start = (sums_start(entries) + 4 * entries).next_multiple_of(64);
        let file_bytes = (start + texts_bytes).next_multiple_of(PAGE);
        let salt = random::<8>().map(u64::from_le_bytes).doing(path, "drawing a salt")?;
        let mut header = vec![0; STATIC_BYTES];
        header[..8].copy_from_slice(&MAGIC);
        header[8..12].copy_from_slice(&crate::layout::FORMAT.to_le_bytes());
        header[16..24].copy_from_slice(&(file_bytes as u64).to_le_bytes());
        header[24..32].copy_from_slice(&(entries as u64).to_le_bytes());
        header[32..40].copy_from_slice(&(start as u64).to_le_bytes());
        header[40..48].copy_from_slice(&((file_bytes - start) as u64).to_le_bytes());
        header[48..56].copy_from_slice(&salt.to_le_bytes());
        header[64..64 + column.len()].copy_from_slice(column.as_bytes());
        let checksum = crc32c::crc32c(&header);
        header.extend_from_slice(&checksum.to_le_bytes());

        let temporary = path.with_extension("dict.tmp");
        let map = Map::create(&temporary, file_bytes)?;
        // SAFETY: the file is new and nobody else knows its name yet.
        unsafe { map.fill(0, &header) };
        let table = Self { map, entries, texts: start, texts_bytes: file_bytes - start, salt };
        let mut end = 0;
        for (code, text) in texts.iter().enumerate() {
            end = table.store(code, end, text);
        }
        table.publish(texts.len());
        // Both counts before the sync: the file has no name yet, so they count only once it is done.
        table.map.atomic_u64(DURABLE).store(
            table.map.atomic_u64(COUNT).load(std::sync::atomic::Ordering::Relaxed),
            std::sync::atomic::Ordering::Relaxed,
        );
        table.map.sync().doing(&temporary, "syncing")?;
        std::fs::rename(&temporary, path).doing(path, "putting the side table in place")?;
        Ok(table)
    }

    fn open(path: &Path, writable: bool) -> Result<Self> {
        let map = if writable { Map::open_writable(path)? } else { Map::open(path)? };
        // SAFETY: the header never changes after the file got its name.
        let header = unsafe { map.frozen(0, STATIC_BYTES + 4) };
        let word = |at: usize| {
            let mut bytes = [0; 8];
            bytes.copy_from_slice(&header[at..at + 8]);
            u64::from_le_bytes(bytes)
        };
        let size = |at: usize| usize::try_from(word(at)).unwrap_or(usize::MAX);
        let corrupt = |what: &str, found: String, expected: &str| {
            Err(TapeError::corrupt(path, format!("side table {what}"), found, expected))
        };
        if header[..8] != MAGIC {
            return corrupt(
                "magic",
                format!("{:?}", String::from_utf8_lossy(&header[..8])),
                "RUSTDICT",
            );
        }
        if header[STATIC_BYTES..] != crc32c::crc32c(&header[..STATIC_BYTES]).to_le_bytes() {
            return corrupt(
                "checksum",
                format!("{:?}", &header[STATIC_BYTES..]),
                "that of the header",
            );
        }
        if size(16) != map.len() {
            return corrupt("size", map.len().to_string(), &size(16).to_string());
        }
        let (entries, texts, texts_bytes, salt) = (size(24), size(32), size(40), word(48));
        let sums_end = entries.checked_add(1).and_then(|n| n.checked_mul(8)?.checked_add(PAGE));
        let inside = sums_end.is_some_and(|end| end <= texts)
            && texts.checked_add(texts_bytes).is_some_and(|end| end <= map.len());
        if !inside {
            return corrupt(
                "layout",
                format!("{entries} entries, texts at {texts}"),
                "a place inside",
            );
        }
        Ok(Self { map, entries, texts, texts_bytes, salt })
    }

    fn count_at(&self, path: &Path, offset: usize) -> Result<usize> {
        let count = publish::visible(self.map.atomic_u64(offset), self.salt);
        let count = count.map_err(|damaged| {
            TapeError::corrupt(
                path,
                "side table count",
                format!("{:#x}", damaged.0),
                "a tagged count",
            )
        })? as usize;
        if count > self.entries {
            return Err(TapeError::corrupt(path, "side table count", count, self.entries));
        }
        Ok(count)
    }

    fn publish(&self, count: usize) {
        let count = u32::try_from(count).unwrap_or(u32::MAX);
        publish::publish(self.map.atomic_u64(COUNT), count, self.salt);
    }

    /// Writes an unpublished entry; returns where the next text goes.
    fn store(&self, code: usize, start: usize, text: &str) -> usize {
        let end = start + text.len();
        let offset = i32::try_from(end).unwrap_or(i32::MAX).to_le_bytes();
        let sum = crc32c::crc32c(text.as_bytes()).to_le_bytes();
        // SAFETY: entry `code` is not published, so no reader looks at these bytes, and the one
        // writer of the tape is the only one to write.
        unsafe {
            self.map.fill(self.texts + start, text.as_bytes());
            self.map.fill(PAGE + 4 * (code + 1), &offset);
            self.map.fill(sums_start(self.entries) + 4 * code, &sum);
        }
        end
    }

    /// The first `count` texts, in place.
    fn texts(self: &Arc<Self>, path: &Path, count: usize) -> Result<StringArray> {
        let owner = Arc::clone(self);
        // SAFETY: the ranges are inside the mapping, which `owner` keeps alive; offsets of
        // published entries never change.
        let offsets = unsafe {
            Buffer::from_custom_allocation(self.map.at(PAGE), 4 * (count + 1), owner.clone())
        };
        let offsets = ScalarBuffer::<i32>::from(offsets);
        let end = usize::try_from(offsets[count]).unwrap_or(usize::MAX);
        let in_order = offsets[0] == 0 && offsets.is_sorted() && end <= self.texts_bytes;
        if !in_order {
            return Err(TapeError::corrupt(
                path,
                "side table offsets",
                format!("end {end}"),
                "in order",
            ));
        }
        // SAFETY: as above; texts of published entries never change.
        let bytes = unsafe { Buffer::from_custom_allocation(self.map.at(self.texts), end, owner) };
        let texts = StringArray::try_new(OffsetBuffer::new(offsets), bytes, None)
            .map_err(|error| TapeError::corrupt(path, "side table texts", error, "UTF-8"))?;
        self.check_sums(path, &texts)?;
        Ok(texts)
    }

    /// Compares texts with their checksums.
    fn check_sums(&self, path: &Path, texts: &StringArray) -> Result<()> {
        // SAFETY: sums of published entries never change, and there is one for each entry.
        let sums = unsafe { self.map.frozen(sums_start(self.entries), 4 * texts.len()) };
        for (code, stored) in sums.chunks_exact(4).enumerate() {
            let found = crc32c::crc32c(texts.value(code).as_bytes()).to_le_bytes();
            if found != stored {
                let what = format!("side table text {code}");
                let hex = |bytes: &[u8]| format!("checksum {bytes:02x?}");
                return Err(TapeError::corrupt(path, what, hex(&found), hex(stored)));
            }
        }
        Ok(())
    }
}

/// The writer's side table of one column: interns texts.
#[derive(Debug)]
pub(crate) struct Dictionary {
    path: PathBuf,
    column: String,
    codes_max: usize,
    vocabulary: Option<&'static Vocabulary>,
    table: Arc<Table>,
    /// The table of the moment, for the thread that makes entries durable.
    shared: Arc<Mutex<Arc<Table>>>,
    texts: Vec<Box<str>>,
    codes: HashMap<Box<str>, i64, RandomState>,
    /// The code that was asked for last: rows come in runs of one instrument.
    last: usize,
    texts_end: usize,
}

impl Dictionary {
    /// Opens the table of a column, or creates it with the words of its vocabulary.
    ///
    /// `trusted` says whether all published entries may be kept; otherwise (the machine crashed)
    /// only those that were on stable storage are.
    pub(crate) fn open_or_create(
        folder: &Path,
        column: &rustonite_core::Column,
        codes_max: usize,
        trusted: bool,
    ) -> Result<Self> {
        debug_assert!(column.name.len() <= NAME_BYTES_MAX);
        let path = folder.join(file_name(&column.name));
        let table = if path.exists() {
            Table::open(&path, true)?
        } else {
            Table::create(&path, &column.name, ENTRIES_FIRST.min(codes_max), &[], 0)?
        };
        let count = table.count_at(&path, if trusted { COUNT } else { DURABLE })?;
        let table = Arc::new(table);
        let known = table.texts(&path, count)?;
        let texts: Vec<Box<str>> = known.iter().flatten().map(Box::from).collect();
        let codes = (0..).zip(&texts).map(|(code, text)| (text.clone(), code)).collect();
        let texts_end = texts.iter().map(|text| text.len()).sum();
        table.publish(count);
        let vocabulary = column.vocabulary;
        let column = column.name.clone();
        let shared = Arc::new(Mutex::new(Arc::clone(&table)));
        let mut dictionary = Self {
            path,
            column,
            codes_max,
            vocabulary: None,
            table,
            shared,
            texts,
            codes,
            last: 0,
            texts_end,
        };
        for (code, (word, _)) in
            vocabulary.map_or(&[][..], |vocabulary| vocabulary.values).iter().enumerate()
        {
            dictionary.intern(word)?;
            // Rows are stored with the word's position in the vocabulary as code.
            let found = &dictionary.texts[code];
            if **found != **word {
                let what = format!("side table text {code}");
                return Err(TapeError::corrupt(&dictionary.path, what, found, word));
            }
        }
        dictionary.vocabulary = vocabulary;
        Ok(dictionary)
    }

    /// How many texts there are; codes are below this.
    pub(crate) fn len(&self) -> usize {
        self.texts.len()
    }

    /// The code of a text, adding it if it is new and the column takes new texts.
    ///
    /// # Errors
    /// The text is too long, not in the column's vocabulary, or one too many.
    pub(crate) fn intern(&mut self, text: &str) -> Result<i64> {
        if self.texts.get(self.last).is_some_and(|last| **last == *text) {
            return Ok(i64::try_from(self.last).unwrap_or(i64::MAX));
        }
        if let Some(&code) = self.codes.get(text) {
            self.last = usize::try_from(code).unwrap_or(0);
            return Ok(code);
        }
        if let Some(vocabulary) = self.vocabulary {
            let words: Vec<_> = vocabulary.values.iter().map(|(word, _)| *word).collect();
            let expected = format!("one of {}", words.join(", "));
            return Err(TapeError::value(&self.column, None, format!("{text:?}"), expected));
        }
        let code = self.texts.len();
        if text.len() > TEXT_BYTES_MAX || self.texts_end + text.len() > TEXTS_BYTES_MAX {
            let expected = format!("at most {TEXT_BYTES_MAX} bytes of dictionary text");
            return Err(TapeError::value(
                &self.column,
                None,
                format!("{} bytes", text.len()),
                expected,
            ));
        }
        if code >= self.codes_max {
            let found = format!("{text:?} as distinct value number {}", code + 1);
            let expected = format!("at most {} distinct values", self.codes_max);
            return Err(TapeError::value(&self.column, None, found, expected));
        }
        if code == self.table.entries || self.texts_end + text.len() > self.table.texts_bytes {
            self.grow(text.len())?;
        }
        self.texts_end = self.table.store(code, self.texts_end, text);
        self.table.publish(code + 1);
        let code = i64::try_from(code).unwrap_or(i64::MAX);
        self.texts.push(text.into());
        self.codes.insert(text.into(), code);
        Ok(code)
    }

    fn grow(&mut self, needed: usize) -> Result<()> {
        let entries = (self.table.entries * GROWTH).min(self.codes_max);
        let entries = entries.max(self.table.entries + needed / ENTRY_BYTES);
        self.table =
            Arc::new(Table::create(&self.path, &self.column, entries, &self.texts, needed)?);
        *self.shared.lock().unwrap_or_else(PoisonError::into_inner) = Arc::clone(&self.table);
        Ok(())
    }

    /// A handle that makes entries durable, for another thread.
    pub(crate) fn syncer(&self) -> DictionarySync {
        DictionarySync { table: Arc::clone(&self.shared), path: self.path.clone() }
    }
}

/// A handle that makes the entries of a side table durable.
#[derive(Debug)]
pub(crate) struct DictionarySync {
    table: Arc<Mutex<Arc<Table>>>,
    path: PathBuf,
}

impl DictionarySync {
    /// Entries published before the call survive a crash of the machine after it.
    pub(crate) fn sync(&self) -> Result<()> {
        let order = std::sync::atomic::Ordering::Relaxed;
        let table = Arc::clone(&self.table.lock().unwrap_or_else(PoisonError::into_inner));
        let count = table.map.atomic_u64(COUNT).load(order);
        if table.map.atomic_u64(DURABLE).load(order) == count {
            return Ok(());
        }
        let doing = "syncing the side table";
        table.map.sync().doing(&self.path, doing)?;
        table.map.atomic_u64(DURABLE).store(count, order);
        table.map.sync_header().doing(&self.path, doing)
    }
}

/// A reader's view of one column's texts.
#[derive(Debug)]
pub(crate) struct DictionaryReader {
    path: PathBuf,
    table: Arc<Table>,
    texts: Arc<StringArray>,
}

impl DictionaryReader {
    pub(crate) fn open(folder: &Path, column: &str) -> Result<Self> {
        let path = folder.join(file_name(column));
        let table = Arc::new(Table::open(&path, false)?);
        let texts = Arc::new(table.texts(&path, table.count_at(&path, COUNT)?)?);
        Ok(Self { path, table, texts })
    }

    /// All texts published by now. The array is the same as before if nothing was added.
    pub(crate) fn texts(&mut self) -> Result<&Arc<StringArray>> {
        let count = self.table.count_at(&self.path, COUNT)?;
        if count != self.texts.len() {
            self.texts = Arc::new(self.table.texts(&self.path, count)?);
        }
        Ok(&self.texts)
    }

    /// Looks whether a larger file has taken the place of the mapped one, and maps it.
    pub(crate) fn reopen(&mut self) -> Result<&Arc<StringArray>> {
        self.table = Arc::new(Table::open(&self.path, false)?);
        let count = self.table.count_at(&self.path, COUNT)?;
        self.texts = Arc::new(self.table.texts(&self.path, count)?);
        Ok(&self.texts)
    }
}

/// The side tables of a tape, for a reader.
pub(crate) fn readers(folder: &Path, schema: &Schema) -> Result<Vec<Option<DictionaryReader>>> {
    (schema.columns().iter())
        .map(|column| match column.kind {
            ColumnType::Dictionary(_) => DictionaryReader::open(folder, &column.name).map(Some),
            _ => Ok(None),
        })
        .collect()
}
