//! Rows of one segment, in place.
//!
//! A [`Batch`] was checked when it was made: its rows are committed, its offsets are in order and
//! inside their buffer, its texts are UTF-8, its codes have texts. Values are read where the writer
//! put them; nothing is copied.
#![allow(unsafe_code)]
#![allow(clippy::cast_sign_loss, reason = "offsets are checked before they are cast")]

use std::ptr::NonNull;
use std::sync::Arc;

use arrow_array::{Array, ArrayRef, RecordBatch, RecordBatchOptions, StringArray, make_array};
use arrow_buffer::{BooleanBuffer, Buffer, NullBuffer};
use arrow_data::ArrayData;
use arrow_schema::SchemaRef;
use rustonite_core::row::FixedValue;
use rustonite_core::schema::{arrow_type, list_item};
use rustonite_core::{ColumnType, Fixed, Schema};

use crate::error::{Result, TapeError};
use crate::layout::item_width;
use crate::segment::Segment;

/// The texts of each dictionary column.
pub(crate) type Texts = Arc<[Option<Arc<StringArray>>]>;

/// Consecutive committed rows of one segment.
#[derive(Clone, Debug)]
pub struct Batch {
    pub(crate) segment: Arc<Segment>,
    pub(crate) texts: Texts,
    pub(crate) start: usize,
    pub(crate) len: usize,
}

impl Batch {
    /// How many rows.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there are no rows.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Number of the first row, counted from the tape's first.
    pub fn first_row(&self) -> u64 {
        self.segment.identity.base_row + self.start as u64
    }

    /// Number of the segment the rows are in.
    pub fn segment(&self) -> u64 {
        self.segment.identity.number
    }

    /// Position of the first row within its segment.
    pub fn row_in_segment(&self) -> usize {
        self.start
    }

    /// Whether what was exported of one batch's whole segment is valid for the other batch, too.
    pub fn shares_memory_with(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.segment, &other.segment) && Arc::ptr_eq(&self.texts, &other.texts)
    }

    /// Address range of the segment in this process, to show that arrays point into it.
    pub fn address_range(&self) -> std::ops::Range<usize> {
        let start = self.segment.map().at(0).as_ptr() as usize;
        start..start + self.segment.map().len()
    }

    /// The tape's schema.
    pub fn schema(&self) -> &Arc<Schema> {
        self.segment.schema()
    }

    /// Some of the rows.
    ///
    /// # Panics
    /// If the range is not within the batch.
    #[must_use]
    pub fn slice(&self, offset: usize, len: usize) -> Self {
        assert!(offset + len <= self.len, "rows {offset}+{len} of {}", self.len);
        Self { start: self.start + offset, len, ..self.clone() }
    }

    /// These rows and the next ones as one batch; `None` if those do not follow in the same segment.
    #[must_use]
    pub fn joined(&self, next: &Self) -> Option<Self> {
        let follows = self.start + self.len == next.start;
        // The later batch has all texts of the earlier one, and more.
        (follows && Arc::ptr_eq(&self.segment, &next.segment)).then(|| Self {
            start: self.start,
            len: self.len + next.len,
            ..next.clone()
        })
    }

    /// The values of a constant-width or dictionary column (then codes), nulls included.
    ///
    /// `None` if the column is of another kind or its values are not as wide as `T`.
    #[inline]
    pub fn values<T: FixedValue>(&self, column: usize) -> Option<&[T]> {
        let kind = self.schema().columns().get(column)?.kind;
        let plain = matches!(kind, ColumnType::Fixed(_) | ColumnType::Dictionary(_));
        if !plain || item_width(kind) != size_of::<T>() {
            return None;
        }
        let values = self.segment.values(column).cast::<T>();
        debug_assert!(values.is_aligned());
        // SAFETY: the rows are committed, so the values are there and never change; buffers are
        // aligned to 64 bytes; any bytes are a legal `T`.
        Some(unsafe { std::slice::from_raw_parts(values.as_ptr().add(self.start), self.len) })
    }

    /// The text of a dictionary code.
    pub fn text(&self, column: usize, code: i64) -> Option<&str> {
        let texts = self.texts.get(column)?.as_ref()?;
        let code = usize::try_from(code).ok()?;
        (code < texts.len()).then(|| texts.value(code))
    }

    /// Which rows of a column are set; `None` if the column is never null.
    pub fn validity(&self, column: usize) -> Option<NullBuffer> {
        let bitmap = self.segment.validity(column)?;
        let bytes = self.buffer(bitmap, (self.start + self.len).div_ceil(8));
        Some(NullBuffer::new(BooleanBuffer::new(bytes, self.start, self.len)))
    }

    /// A buffer over memory of the segment, which it keeps mapped.
    fn buffer(&self, start: NonNull<u8>, len: usize) -> Buffer {
        // SAFETY: callers pass ranges of committed rows, which are inside the mapping and do not
        // change. (The last validity byte may also hold bits of later rows; the bits of these rows
        // in it keep their values.)
        unsafe { Buffer::from_custom_allocation(start, len, Arc::clone(&self.segment) as _) }
    }

    /// The rows as an Arrow record batch over the same memory.
    ///
    /// # Errors
    /// None that a checked batch can meet; Arrow's own check of lengths is passed on.
    pub fn record_batch(&self, schema: SchemaRef) -> Result<RecordBatch> {
        let columns = (0..self.schema().columns().len()).map(|column| self.array(column)).collect();
        let options = RecordBatchOptions::new().with_row_count(Some(self.len));
        RecordBatch::try_new_with_options(schema, columns, &options).map_err(|error| {
            TapeError::corrupt(&self.segment.path, "record batch", error, "columns of one length")
        })
    }

    /// One column as an Arrow array over the same memory.
    pub fn array(&self, column: usize) -> ArrayRef {
        let definition = &self.schema().columns()[column];
        let builder = ArrayData::builder(arrow_type(definition.kind))
            .len(self.len)
            .nulls(self.validity(column).filter(|nulls| nulls.null_count() > 0));
        let builder = match definition.kind {
            ColumnType::Fixed(_) => builder.add_buffer(self.row_buffer(column)),
            ColumnType::Dictionary(_) => {
                let empty = StringArray::new_null(0);
                let texts = self.texts[column].as_deref().unwrap_or(&empty);
                builder.add_buffer(self.row_buffer(column)).add_child_data(texts.to_data())
            }
            ColumnType::Utf8 | ColumnType::Binary => {
                builder.buffers(self.varying_buffers(column).into())
            }
            ColumnType::List(item) => {
                let [offsets, items] = self.varying_buffers(column);
                builder.add_buffer(offsets).add_child_data(list_items(item, items))
            }
        };
        // SAFETY: buffers have the lengths that the type asks for; offsets, texts and codes were
        // checked when the batch was made.
        make_array(unsafe { builder.build_unchecked() })
    }

    /// The values of the batch's rows.
    fn row_buffer(&self, column: usize) -> Buffer {
        let width = item_width(self.schema().columns()[column].kind);
        let values = self.segment.values(column);
        // SAFETY: the rows are within the values buffer.
        let start = unsafe { values.add(self.start * width) };
        self.buffer(start, self.len * width)
    }

    /// The offsets of the batch's rows and the items up to the last of them.
    fn varying_buffers(&self, column: usize) -> [Buffer; 2] {
        let width = item_width(self.schema().columns()[column].kind);
        let rows = self.start + self.len;
        let ends = self.segment.committed_offsets(column, rows).unwrap_or(&[0]);
        let items = usize::try_from(ends[ends.len() - 1]).unwrap_or(0);
        let offsets = NonNull::from(&ends[self.start]).cast();
        let bytes = self.segment.values(column);
        [self.buffer(offsets, 4 * (self.len + 1)), self.buffer(bytes, items * width)]
    }

    /// Checks what a reader must not believe of the stored bytes.
    ///
    /// A code without a text is answered with the column, so that the caller can look for newer
    /// texts once before it gives up.
    pub(crate) fn check(&self) -> Result<(), Flaw> {
        for (position, column) in self.schema().columns().iter().enumerate() {
            match column.kind {
                ColumnType::Fixed(_) => {}
                ColumnType::Dictionary(_) => self.check_codes(position)?,
                ColumnType::Utf8 => {
                    let bytes = self.check_offsets(position)?;
                    self.check_texts(position, bytes)?;
                }
                ColumnType::Binary | ColumnType::List(_) => {
                    self.check_offsets(position)?;
                }
            }
        }
        Ok(())
    }

    fn check_codes(&self, column: usize) -> Result<(), Flaw> {
        let count = self.texts[column].as_ref().map_or(0, |texts| texts.len());
        let count = i64::try_from(count).unwrap_or(i64::MAX);
        let worst = match item_width(self.schema().columns()[column].kind) {
            1 => self.worst_code::<i8>(column, count),
            2 => self.worst_code::<i16>(column, count),
            _ => self.worst_code::<i32>(column, count),
        };
        worst.map_or(Ok(()), |code| Err(Flaw::Code { column, code, count }))
    }

    /// A code without a text in a row that is set.
    fn worst_code<K: FixedValue + Into<i64>>(&self, column: usize, count: i64) -> Option<i64> {
        let codes = self.values::<K>(column).unwrap_or_default();
        let legal = |code: &K| (0..count).contains(&(*code).into());
        if codes.iter().all(legal) {
            return None;
        }
        let set = |row: usize| self.segment.is_set(column, self.start + row);
        let wrong = |(row, code): &(usize, &K)| !legal(code) && set(*row);
        codes.iter().enumerate().find(wrong).map(|(_, code)| (*code).into())
    }

    /// The bytes of the rows' texts, lists or binaries.
    fn check_offsets(&self, column: usize) -> Result<&[u8], Flaw> {
        let rows = self.start + self.len;
        let width = item_width(self.schema().columns()[column].kind);
        let offsets = &self.segment.committed_offsets(column, rows).unwrap_or(&[0])[self.start..];
        let (first, last) = (offsets[0], offsets[offsets.len() - 1]);
        let room = self.segment.layout.items_max(column);
        let inside = first >= 0 && usize::try_from(last).is_ok_and(|last| last <= room);
        if !inside || !offsets.is_sorted() {
            return Err(Flaw::Offsets { column, first, last, room });
        }
        let (start, end) = (first as usize * width, last as usize * width);
        Ok(&self.segment.committed_values(column, end)[start..])
    }

    fn check_texts(&self, column: usize, bytes: &[u8]) -> Result<(), Flaw> {
        let Ok(text) = std::str::from_utf8(bytes) else { return Err(Flaw::Text { column }) };
        if text.is_ascii() {
            return Ok(());
        }
        let rows = self.start + self.len;
        let offsets = &self.segment.committed_offsets(column, rows).unwrap_or(&[0])[self.start..];
        let first = offsets[0];
        let whole = |&offset: &i32| text.is_char_boundary((offset - first) as usize);
        if offsets.iter().all(whole) { Ok(()) } else { Err(Flaw::Text { column }) }
    }
}

/// Consecutive committed rows of one segment, as plain values only: numbers and codes of any bits
/// are legal, so nothing had to be checked.
#[derive(Clone, Debug)]
pub struct Values(Batch);

impl Values {
    #[inline]
    pub(crate) fn new(batch: Batch) -> Self {
        Self(batch)
    }

    /// How many rows.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are no rows.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Number of the first row, counted from the tape's first.
    pub fn first_row(&self) -> u64 {
        self.0.first_row()
    }

    /// The values of a constant-width or dictionary column (then codes), nulls included.
    ///
    /// `None` if the column is of another kind or its values are not as wide as `T`.
    #[inline]
    pub fn values<T: FixedValue>(&self, column: usize) -> Option<&[T]> {
        self.0.values(column)
    }

    /// Whether a row of these has a value in a column.
    ///
    /// # Panics
    /// If `row` is not one of these rows.
    pub fn is_set(&self, column: usize, row: usize) -> bool {
        assert!(row < self.len(), "row {row} of {}", self.len());
        self.0.segment.is_set(column, self.0.start + row)
    }
}

fn list_items(item: Fixed, items: Buffer) -> ArrayData {
    let field = list_item(item);
    let builder = ArrayData::builder(field.data_type().clone());
    let builder = builder.len(items.len() / item.width()).add_buffer(items);
    // SAFETY: one buffer of whole values.
    unsafe { builder.build_unchecked() }
}

/// Stored bytes that no writer of ours leaves.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Flaw {
    Code { column: usize, code: i64, count: i64 },
    Offsets { column: usize, first: i32, last: i32, room: usize },
    Text { column: usize },
}

impl Flaw {
    pub(crate) fn into_error(self, segment: &Segment) -> TapeError {
        let (Self::Code { column, .. } | Self::Offsets { column, .. } | Self::Text { column }) =
            self;
        let what = format!("column {:?}", segment.schema().columns()[column].name);
        let (found, expected) = match self {
            Self::Code { code, count, .. } => (format!("code {code}"), format!("0 to {count} - 1")),
            Self::Offsets { first, last, room, .. } => {
                (format!("offsets {first} to {last}"), format!("rising, at most {room}"))
            }
            Self::Text { .. } => ("bytes that are not UTF-8".to_owned(), "UTF-8".to_owned()),
        };
        TapeError::corrupt(&segment.path, what, found, expected)
    }
}
