//! Writing values into the buffers of the open segment.
//!
//! A [`ColumnCursor`] knows where one column's buffers are. Everything written here lies behind the
//! last committed row, where no reader looks; the one exception is the validity byte that committed
//! and new rows share, which is stored atomically and with the committed bits unchanged.
#![allow(unsafe_code)]
#![allow(
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    clippy::cast_sign_loss,
    reason = "offsets are 0 to 2^30, and a code fits its column since it was interned there"
)]

use std::ptr::{NonNull, null_mut};
use std::sync::atomic::{AtomicU8, Ordering};

use arrow_buffer::NullBuffer;
use rustonite_core::row::{Code, FixedValue, RowSink};

use crate::layout::item_width;
use crate::segment::Segment;

/// Where one column's next values go.
#[derive(Debug)]
pub(crate) struct ColumnCursor {
    values: *mut u8,
    validity: *mut u8,
    offsets: *mut i32,
    width: usize,
    /// The same, but 0 if rows have varying length.
    fixed_width: usize,
    /// Items in the values buffer of a varying column, pending rows included.
    end: usize,
    items_max: usize,
    /// Codes of a dictionary column are below this.
    codes: i64,
    capacity: usize,
}

// SAFETY: the pointers lead into the mapping of the writer's open segment, which the writer owns
// together with its cursors; only one thread at a time has the writer.
unsafe impl Send for ColumnCursor {}

/// Why a row was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refused {
    /// The values buffer of this column has no room: rotate and try again.
    Full { column: usize, items: usize },
    /// No text has this code.
    Code { column: usize, code: i64 },
}

impl ColumnCursor {
    /// Cursors for all columns of a segment that already has `rows` rows.
    pub(crate) fn for_segment(segment: &Segment, rows: usize, codes: &[i64]) -> Box<[Self]> {
        let columns = segment.schema().columns().iter().enumerate();
        columns
            .map(|(position, column)| {
                let offsets = segment.offsets(position);
                let mut cursor = Self {
                    values: segment.values(position).as_ptr(),
                    validity: segment.validity(position).map_or(null_mut(), NonNull::as_ptr),
                    offsets: offsets.map_or(null_mut(), |start| start.cast().as_ptr()),
                    width: item_width(column.kind),
                    fixed_width: if offsets.is_none() { item_width(column.kind) } else { 0 },
                    end: 0,
                    items_max: segment.layout.items_max(position),
                    codes: codes[position],
                    capacity: segment.layout.rows,
                };
                cursor.rewind(rows);
                cursor
            })
            .collect()
    }

    /// Forgets everything behind row `rows`.
    pub(crate) fn rewind(&mut self, rows: usize) {
        if !self.offsets.is_null() {
            // SAFETY: the offsets buffer has capacity + 1 entries and `rows` is within capacity.
            let end = unsafe { self.offsets.add(rows).read() };
            // Row 0 starts at 0 in a new file; later offsets are ours and never negative.
            self.end = if rows == 0 { 0 } else { usize::try_from(end).unwrap_or(0) };
            if rows < self.capacity {
                // A row that is forgotten may have been the last one: see `Segment::begin`.
                self.store_offset(self.capacity, self.items_max);
            }
        }
    }

    pub(crate) fn set_codes(&mut self, codes: i64) {
        self.codes = codes;
    }

    /// Whether the column's rows have varying length.
    pub(crate) fn is_varying(&self) -> bool {
        !self.offsets.is_null()
    }

    /// Items of the rows from `row` on, pending ones included.
    pub(crate) fn items_since(&self, row: usize) -> usize {
        if !self.is_varying() {
            return 0;
        }
        // SAFETY: the offsets buffer has capacity + 1 entries and `row` is within capacity.
        let start = unsafe { self.offsets.add(row).read() };
        self.end - usize::try_from(start).unwrap_or(0)
    }

    /// Items that still fit into the values buffer.
    pub(crate) fn items_left(&self) -> usize {
        self.items_max - self.end
    }

    /// Stores one value. The caller has checked that `row` is below the capacity.
    #[inline]
    fn store<T: FixedValue>(&mut self, row: usize, value: T) {
        // Rows are a safe trait that anybody may implement, so their word is not enough.
        assert!(self.fixed_width == size_of::<T>(), "a row's field is as wide as its column");
        // SAFETY: the buffer holds `capacity` values of this width; row `row` is not committed.
        unsafe { self.values.cast::<T>().add(row).write_unaligned(value) };
    }

    /// Sets or clears a row's validity bit.
    #[inline]
    fn set_valid(&mut self, row: usize, valid: bool) {
        assert!(!self.validity.is_null(), "only columns that may be null have nulls");
        let mask = 1_u8 << (row % 8);
        // SAFETY: the bitmap has a bit per row of the capacity; all writes to it are atomic.
        let byte = unsafe { AtomicU8::from_ptr(self.validity.add(row / 8)) };
        // Not a read-modify-write instruction: there is one writer.
        let old = byte.load(Ordering::Relaxed);
        let new = if valid { old | mask } else { old & !mask };
        byte.store(new, Ordering::Relaxed);
    }

    /// Appends the items of one row of a varying column.
    #[inline]
    fn store_items(&mut self, row: usize, items: usize, bytes: &[u8]) -> bool {
        let whole = !self.offsets.is_null() && bytes.len() == items * self.width;
        assert!(whole, "a row's field is a list of what its column lists");
        if items > self.items_left() {
            return false;
        }
        // SAFETY: the items fit behind `end`, and nothing behind the committed rows is read.
        unsafe {
            let target = self.values.add(self.end * self.width);
            target.copy_from_nonoverlapping(bytes.as_ptr(), bytes.len());
        }
        self.end += items;
        self.store_offset(row + 1, self.end);
        true
    }

    #[inline]
    fn store_offset(&mut self, entry: usize, items: usize) {
        // SAFETY: the offsets buffer has capacity + 1 entries. Items are at most 2^30.
        unsafe { self.offsets.add(entry).write(items as i32) };
    }

    /// Copies `count` values of the column's width from `bytes` to the rows from `row` on.
    pub(crate) fn store_fixed_rows(&mut self, row: usize, count: usize, bytes: &[u8]) {
        assert_eq!(bytes.len(), count * self.width);
        // SAFETY: the caller made room for `count` rows; the rows are not committed.
        unsafe {
            let target = self.values.add(row * self.width);
            target.copy_from_nonoverlapping(bytes.as_ptr(), bytes.len());
        }
    }

    /// Stores codes, narrowed to the column's width. They were interned, so they fit.
    pub(crate) fn store_codes(&mut self, row: usize, codes: impl Iterator<Item = i32>) {
        let rows = (row..).zip(codes);
        match self.width {
            1 => rows.for_each(|(row, code)| self.store(row, code as i8)),
            2 => rows.for_each(|(row, code)| self.store(row, code as i16)),
            _ => rows.for_each(|(row, code)| self.store(row, code)),
        }
    }

    /// Leaves `count` rows without a value. What lies under a null means nothing, so only the
    /// offsets have to be right.
    pub(crate) fn store_nothing(&mut self, row: usize, count: usize) {
        if self.is_varying() {
            (row + 1..=row + count).for_each(|entry| self.store_offset(entry, self.end));
        }
    }

    /// Appends rows of a varying column. `offsets` has one entry more than rows; `bytes` are the
    /// items from the first offset to the last.
    pub(crate) fn store_varying_rows(&mut self, row: usize, offsets: &[i32], bytes: &[u8]) {
        let first = offsets[0];
        let items = (offsets[offsets.len() - 1] - first) as usize;
        assert!(items <= self.items_left() && bytes.len() == items * self.width);
        // SAFETY: the items fit behind `end` by the assertion.
        unsafe {
            let target = self.values.add(self.end * self.width);
            target.copy_from_nonoverlapping(bytes.as_ptr(), bytes.len());
        }
        for (entry, &offset) in (row + 1..).zip(&offsets[1..]) {
            self.store_offset(entry, self.end + (offset - first) as usize);
        }
        self.end += items;
    }

    /// Stores the validity of `count` rows from `row` on; `None` means that all are valid.
    pub(crate) fn store_validity(&mut self, row: usize, count: usize, nulls: Option<&NullBuffer>) {
        if self.validity.is_null() {
            return;
        }
        let valid = |index: usize| nulls.is_none_or(|nulls| nulls.is_valid(index));
        let head = (row.next_multiple_of(8) - row).min(count);
        (0..head).for_each(|index| self.set_valid(row + index, valid(index)));
        // From here on no byte is shared with committed rows.
        let whole = (count - head) / 8;
        // SAFETY: the bitmap has a bit per row of the capacity, and these bytes are not committed.
        let bytes =
            unsafe { std::slice::from_raw_parts_mut(self.validity.add((row + head) / 8), whole) };
        match nulls {
            None => bytes.fill(0xFF),
            Some(nulls) => {
                let bits = nulls.inner().slice(head, whole * 8);
                let packed = bits.sliced();
                bytes.copy_from_slice(&packed.as_slice()[..whole]);
            }
        }
        (head + whole * 8..count).for_each(|index| self.set_valid(row + index, valid(index)));
    }

    /// Copies rows `from..to` of another segment's column to the start of this one.
    pub(crate) fn take_rows(&mut self, source: &Self, from: usize, to: usize) {
        let count = to - from;
        if self.is_varying() {
            // SAFETY: both buffers hold these rows, and the writer is the only one to write.
            let (offsets, bytes) = unsafe {
                let offsets = std::slice::from_raw_parts(source.offsets.add(from), count + 1);
                let (start, end) = (offsets[0] as usize, offsets[count] as usize);
                let bytes = source.values.add(start * source.width);
                let len = (end - start) * source.width;
                (offsets, std::slice::from_raw_parts(bytes, len))
            };
            self.store_varying_rows(0, offsets, bytes);
        } else {
            let len = count * source.width;
            // SAFETY: as above.
            let bytes =
                unsafe { std::slice::from_raw_parts(source.values.add(from * source.width), len) };
            self.store_fixed_rows(0, count, bytes);
        }
        if !self.validity.is_null() {
            for row in from..to {
                // SAFETY: the bitmap has a bit per row of the capacity.
                let byte = unsafe { AtomicU8::from_ptr(source.validity.add(row / 8)) };
                let bit = byte.load(Ordering::Relaxed) >> (row % 8) & 1;
                self.set_valid(row - from, bit == 1);
            }
        }
    }
}

/// Takes the fields of one generated row.
pub(crate) struct Sink<'a> {
    columns: &'a mut [ColumnCursor],
    row: usize,
}

impl<'a> Sink<'a> {
    /// `columns` must be exactly those of the row's schema.
    #[inline]
    pub(crate) fn new(columns: &'a mut [ColumnCursor], row: usize) -> Self {
        Self { columns, row }
    }

    #[inline]
    fn items<const C: usize>(&mut self, items: usize, bytes: Option<&[u8]>) -> Result<(), Refused> {
        let (row, column) = (self.row, &mut self.columns[C]);
        if !column.validity.is_null() {
            column.set_valid(row, bytes.is_some());
        }
        if column.store_items(row, items, bytes.unwrap_or_default()) {
            return Ok(());
        }
        Err(Refused::Full { column: C, items })
    }
}

impl RowSink for Sink<'_> {
    type Error = Refused;

    #[inline]
    fn fixed<const C: usize, T: FixedValue>(&mut self, value: T) {
        self.columns[C].store(self.row, value);
    }

    #[inline]
    fn fixed_or_null<const C: usize, T: FixedValue + Default>(&mut self, value: Option<T>) {
        self.columns[C].set_valid(self.row, value.is_some());
        // What lies under a null means nothing: whatever is there may stay.
        if let Some(value) = value {
            self.columns[C].store(self.row, value);
        }
    }

    #[inline]
    fn code<const C: usize, K: FixedValue + Into<i64>>(
        &mut self,
        code: Code<K>,
    ) -> Result<(), Refused> {
        let wide: i64 = code.0.into();
        if !(0..self.columns[C].codes).contains(&wide) {
            return Err(Refused::Code { column: C, code: wide });
        }
        self.columns[C].store(self.row, code.0);
        Ok(())
    }

    #[inline]
    fn code_or_null<const C: usize, K: FixedValue + Into<i64> + Default>(
        &mut self,
        code: Option<Code<K>>,
    ) -> Result<(), Refused> {
        let Some(code) = code else {
            self.fixed_or_null::<C, K>(None);
            return Ok(());
        };
        self.columns[C].set_valid(self.row, true);
        self.code::<C, K>(code)
    }

    #[inline]
    fn bytes<const C: usize>(&mut self, value: Option<&[u8]>) -> Result<(), Refused> {
        self.items::<C>(value.map_or(0, <[u8]>::len), value)
    }

    #[inline]
    fn list<const C: usize, T: FixedValue>(&mut self, value: Option<&[T]>) -> Result<(), Refused> {
        let bytes = value.map(|items| {
            // SAFETY: the fixed values are plain numbers or byte arrays without padding.
            unsafe { std::slice::from_raw_parts(items.as_ptr().cast(), size_of_val(items)) }
        });
        self.items::<C>(value.map_or(0, <[T]>::len), bytes)
    }
}
