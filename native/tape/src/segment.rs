//! One mapped segment: its header, its live words and its buffers.
#![allow(unsafe_code)]
#![allow(clippy::cast_possible_truncation, reason = "a segment has at most 2^30 rows")]

use std::path::{Path, PathBuf};
use std::ptr::NonNull;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use rustonite_core::Schema;

use crate::error::{Result, TapeError};
use crate::layout::{self, COMMITTED, DURABLE, Identity, Layout, SEAL_SUMS, SEALED};
use crate::map::{Map, PAGE};
use crate::publish;

/// What can be read of a segment at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Extent {
    /// Rows that may be read.
    pub(crate) rows: usize,
    /// No more rows will come.
    pub(crate) sealed: bool,
}

/// A segment file, mapped.
#[derive(Debug)]
pub(crate) struct Segment {
    pub(crate) path: PathBuf,
    pub(crate) layout: Layout,
    pub(crate) identity: Identity,
    map: Map,
}

impl Segment {
    /// Fills a prepared file with the header of a new, empty segment and gives it its name.
    pub(crate) fn begin(
        map: Map,
        layout: Layout,
        identity: Identity,
        path: PathBuf,
        durable: bool,
    ) -> Self {
        // SAFETY: the file has no segment name yet, so nobody else reads it.
        unsafe {
            map.fill(0, &layout::encode(&layout, &identity));
            for (position, column) in layout.columns.iter().enumerate() {
                // A consumer that imports the whole capacity at once takes the size of the data
                // from the last offset, which must not be zero until the last row is written.
                if let Some(offsets) = column.offsets {
                    let items = i32::try_from(layout.items_max(position)).unwrap_or(i32::MAX);
                    map.fill(offsets + 4 * layout.rows, &items.to_le_bytes());
                }
            }
        }
        let segment = Self { path, layout, identity, map };
        segment.publish(0);
        if durable {
            segment.set_durable(0);
        }
        segment
    }

    /// Maps a segment file and checks its header.
    pub(crate) fn open(path: &Path, writable: bool) -> Result<Self> {
        let map = if writable { Map::open_writable(path)? } else { Map::open(path)? };
        let longest = PAGE + (160 * rustonite_core::schema::COLUMNS_MAX).next_multiple_of(PAGE);
        // SAFETY: of these bytes only the live words in page 0 change, which `decode` does not
        // look at.
        let header = unsafe { map.frozen(0, map.len().min(longest)) };
        let (layout, identity) = layout::decode(path, header, map.len())?;
        Ok(Self { path: path.to_owned(), layout, identity, map })
    }

    pub(crate) fn schema(&self) -> &Arc<Schema> {
        &self.layout.schema
    }

    pub(crate) fn map(&self) -> &Map {
        &self.map
    }

    /// Whether the file behind the mapping still has the name it was opened by.
    pub(crate) fn has_its_name(&self) -> bool {
        self.map.is_file_at(&self.path)
    }

    fn damaged(&self, what: &str, word: publish::DamagedWord) -> TapeError {
        TapeError::corrupt(&self.path, what, format!("{:#018x}", word.0), "a tagged row count")
    }

    fn within(&self, what: &str, rows: u32) -> Result<usize> {
        let rows = rows as usize;
        if rows <= self.layout.rows {
            return Ok(rows);
        }
        let expected = format!("at most the capacity, {}", self.layout.rows);
        Err(TapeError::corrupt(&self.path, what, rows, expected))
    }

    /// Rows published so far.
    #[inline]
    pub(crate) fn committed(&self) -> Result<usize> {
        let rows = publish::visible(self.map.atomic_u64(COMMITTED), self.identity.salt);
        self.within("committed rows", rows.map_err(|word| self.damaged("committed rows", word))?)
    }

    /// Final row count, or `None` while rows may still come.
    #[inline]
    pub(crate) fn sealed(&self) -> Result<Option<usize>> {
        let rows = publish::sealed(self.map.atomic_u64(SEALED), self.identity.salt);
        match rows.map_err(|word| self.damaged("sealed rows", word))? {
            Some(rows) => self.within("sealed rows", rows).map(Some),
            None => Ok(None),
        }
    }

    /// Rows known to be on stable storage; `None` on a memory-backed tape.
    pub(crate) fn durable(&self) -> Result<Option<usize>> {
        let rows = publish::sealed(self.map.atomic_u64(DURABLE), self.identity.salt);
        match rows.map_err(|word| self.damaged("durable rows", word))? {
            Some(rows) => self.within("durable rows", rows).map(Some),
            None => Ok(None),
        }
    }

    /// What may be read now. After a crash of the machine only rows that were made durable count:
    /// pages reach the disk in any order, so the rest may be holes.
    #[inline]
    pub(crate) fn extent(&self, boot_id: [u8; 16]) -> Result<Extent> {
        if let Some(sealed) = self.sealed()? {
            let rows = self.surviving(sealed, boot_id)?;
            return Ok(Extent { rows, sealed: rows == sealed });
        }
        let rows = self.committed()?;
        Ok(Extent { rows: self.surviving(rows, boot_id)?, sealed: false })
    }

    fn surviving(&self, rows: usize, boot_id: [u8; 16]) -> Result<usize> {
        if self.identity.boot_id == boot_id {
            return Ok(rows);
        }
        Ok(self.durable()?.map_or(rows, |durable| durable.min(rows)))
    }

    /// Makes rows visible.
    #[inline]
    pub(crate) fn publish(&self, rows: usize) {
        debug_assert!(rows <= self.layout.rows);
        publish::publish(self.map.atomic_u64(COMMITTED), rows as u32, self.identity.salt);
    }

    /// Says that no row after `rows` will come.
    pub(crate) fn seal(&self, rows: usize) {
        let word = publish::word(rows as u32, self.identity.salt);
        self.map.atomic_u64(SEALED).store(word, Ordering::Release);
    }

    /// Notes that the first `rows` rows survive a crash of the machine.
    pub(crate) fn set_durable(&self, rows: usize) {
        let word = publish::word(rows as u32, self.identity.salt);
        self.map.atomic_u64(DURABLE).store(word, Ordering::Release);
    }

    /// Address of the first value of a column.
    pub(crate) fn values(&self, column: usize) -> NonNull<u8> {
        self.map.at(self.layout.columns[column].values)
    }

    /// Address of a column's first offset.
    pub(crate) fn offsets(&self, column: usize) -> Option<NonNull<u8>> {
        self.layout.columns[column].offsets.map(|offset| self.map.at(offset))
    }

    /// Address of a column's validity bitmap.
    pub(crate) fn validity(&self, column: usize) -> Option<NonNull<u8>> {
        self.layout.columns[column].validity.map(|offset| self.map.at(offset))
    }

    /// Whether a committed row has a value in a column.
    pub(crate) fn is_set(&self, column: usize, row: usize) -> bool {
        assert!(row < self.layout.rows);
        let Some(bitmap) = self.validity(column) else { return true };
        // SAFETY: the bitmap has a bit per row of the capacity, and all writes to it are atomic.
        let byte = unsafe { AtomicU8::from_ptr(bitmap.as_ptr().add(row / 8)) };
        byte.load(Ordering::Relaxed) >> (row % 8) & 1 == 1
    }

    /// The offsets of rows `0..=rows`, which must be committed.
    pub(crate) fn committed_offsets(&self, column: usize, rows: usize) -> Option<&[i32]> {
        assert!(rows <= self.layout.rows);
        let offsets = self.offsets(column)?.cast::<i32>();
        // SAFETY: the layout was checked to hold `rows + 1` aligned offsets here, and offsets of
        // committed rows never change. The one after the last committed row is its end.
        Some(unsafe { std::slice::from_raw_parts(offsets.as_ptr(), rows + 1) })
    }

    /// Checks that rows can be appended behind the first `rows`.
    pub(crate) fn check_end(&self, rows: usize) -> Result<()> {
        for (column, definition) in self.schema().columns().iter().enumerate() {
            let Some(offsets) = self.committed_offsets(column, rows) else { continue };
            let room = self.layout.items_max(column);
            if !usize::try_from(offsets[rows]).is_ok_and(|end| end <= room) {
                let what = format!("column {:?}", definition.name);
                let found = format!("values up to {}", offsets[rows]);
                return Err(TapeError::corrupt(&self.path, what, found, format!("at most {room}")));
            }
        }
        Ok(())
    }

    /// The bytes of a column's first `items` values, which must belong to committed rows.
    pub(crate) fn committed_values(&self, column: usize, bytes: usize) -> &[u8] {
        let place = &self.layout.columns[column];
        assert!(bytes <= place.values_bytes);
        // SAFETY: inside the values buffer by the assertion; committed values never change.
        unsafe { self.map.frozen(place.values, bytes) }
    }

    /// CRC-32C of what a sealed segment of `rows` rows holds of one column.
    pub(crate) fn column_sum(&self, column: usize, rows: usize) -> u32 {
        let place = &self.layout.columns[column];
        let mut sum = 0;
        if let Some(validity) = place.validity {
            // SAFETY: a sealed segment does not change.
            sum =
                crc32c::crc32c_append(sum, unsafe { self.map.frozen(validity, rows.div_ceil(8)) });
        }
        let width = layout::item_width(self.layout.schema.columns()[column].kind);
        let mut values_bytes = rows * width;
        if let Some(offsets) = self.committed_offsets(column, rows) {
            let items = usize::try_from(offsets[rows]).unwrap_or(0);
            values_bytes = (items * width).min(place.values_bytes);
            let start = place.offsets.unwrap_or(0);
            // SAFETY: a sealed segment does not change.
            sum = crc32c::crc32c_append(sum, unsafe { self.map.frozen(start, 4 * (rows + 1)) });
        }
        crc32c::crc32c_append(sum, self.committed_values(column, values_bytes))
    }

    /// Computes and stores the sums of a sealed segment.
    pub(crate) fn store_sums(&self, rows: usize) {
        let columns = self.layout.columns.len();
        let mut bytes = (rows as u64).to_le_bytes().to_vec();
        for column in 0..columns {
            bytes.extend_from_slice(&self.column_sum(column, rows).to_le_bytes());
        }
        let check = crc32c::crc32c(&bytes);
        // SAFETY: only this writer stores here, and readers ignore the area unless `check`, which
        // is stored last, belongs to the bytes.
        unsafe { self.map.fill(SEAL_SUMS + 8, &bytes) };
        let word = 1 << 32 | u64::from(check);
        self.map.atomic_u64(SEAL_SUMS).store(word, Ordering::Release);
    }

    /// Checks the sums of a sealed segment; `false` if it has none yet.
    pub(crate) fn check_sums(&self, rows: usize) -> Result<bool> {
        let word = self.map.atomic_u64(SEAL_SUMS).load(Ordering::Relaxed);
        std::sync::atomic::fence(Ordering::Acquire);
        if word == 0 {
            return Ok(false);
        }
        let columns = self.layout.columns.len();
        // SAFETY: the area is written once, before the word that was just seen.
        let bytes = unsafe { self.map.frozen(SEAL_SUMS + 8, 8 + 4 * columns) };
        if word != (1 << 32 | u64::from(crc32c::crc32c(bytes)))
            || bytes[..8] != (rows as u64).to_le_bytes()
        {
            return Err(TapeError::corrupt(
                &self.path,
                "checksums",
                format!("{word:#x}"),
                "their own sum",
            ));
        }
        for (column, stored) in bytes[8..].chunks_exact(4).enumerate() {
            let found = self.column_sum(column, rows).to_le_bytes();
            if found != stored {
                let what = format!("column {:?}", self.layout.schema.columns()[column].name);
                let hex = |bytes: &[u8]| format!("checksum {bytes:02x?}");
                return Err(TapeError::corrupt(&self.path, what, hex(&found), hex(stored)));
            }
        }
        Ok(true)
    }

    /// Gives back the space behind the rows of a sealed segment.
    pub(crate) fn punch_unused(&self, rows: usize) {
        for (column, place) in self.layout.columns.iter().enumerate() {
            let width = layout::item_width(self.layout.schema.columns()[column].kind);
            let used = match self.committed_offsets(column, rows) {
                Some(offsets) => usize::try_from(offsets[rows]).unwrap_or(0) * width,
                None => rows * width,
            };
            self.punch(place.values + used, place.values + place.values_bytes);
            if let Some(offsets) = place.offsets {
                // The last offset stays: see `begin`.
                let last = offsets + 4 * self.layout.rows;
                self.punch(offsets + 4 * (rows + 1), last);
            }
        }
    }

    /// Punches the whole pages between two offsets.
    fn punch(&self, from: usize, to: usize) {
        let (from, to) = (from.next_multiple_of(PAGE), to / PAGE * PAGE);
        if from < to {
            self.map.punch(from, to - from);
        }
    }
}

/// Whether the header page is all zeros: the file got its name before a crash of the machine, but
/// its header did not reach the disk, and so none of its rows is durable.
pub(crate) fn is_blank(path: &Path) -> Result<bool> {
    let map = Map::open(path)?;
    // SAFETY: the writer, who alone would change these bytes, is the one to ask.
    Ok(unsafe { map.frozen(0, PAGE) }.iter().all(|&byte| byte == 0))
}
