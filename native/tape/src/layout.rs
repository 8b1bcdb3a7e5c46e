//! Where everything is inside a segment file. `docs/internals/tape.md` is the same in words.
//!
//! Owns the header's bytes: [`Layout::plan`] decides them, [`encode`] writes them, [`decode`] reads
//! them and trusts none of them. No I/O and no unsafe code.

use std::path::Path;
use std::sync::Arc;

use rustonite_core::schema::{COLUMNS_MAX, NAME_BYTES_MAX};
use rustonite_core::{Column, ColumnType, Fingerprint, Schema};

use crate::error::{Result, TapeError};
use crate::map::PAGE;

pub(crate) const MAGIC: [u8; 8] = *b"RUSTTAPE";
pub(crate) const FORMAT: u32 = 1;
const ENDIAN_MARK: u32 = 0x0A0B_0C0D;

/// Offsets of the words that change while a segment lives. Each has cache lines of its own.
pub(crate) const COMMITTED: usize = 512;
pub(crate) const SEALED: usize = 640;
pub(crate) const DURABLE: usize = 768;
/// The seal page part: a CRC-32C of what follows it, the row count, then one CRC-32C per column.
pub(crate) const SEAL_SUMS: usize = 2048;

const STATIC_BYTES: usize = 252;
const TABLE: usize = PAGE;
const ENTRY: usize = 160;
const TYPE_BYTES: usize = 32;
const ALIGN: usize = 64;

/// Most rows a segment may have: codes and offsets are 32-bit and words keep counts in 32 bits.
pub(crate) const ROWS_MAX: usize = 1 << 30;
/// Largest data buffer of a text, binary or list column: Arrow offsets are signed 32-bit.
const VALUES_BYTES_MAX: usize = 1 << 30;

/// Where one column's buffers are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ColumnLayout {
    /// Offset of the validity bitmap; nullable columns only.
    pub(crate) validity: Option<usize>,
    /// Offset of the 32-bit offsets; text, binary and list columns only.
    pub(crate) offsets: Option<usize>,
    /// Offset of the values.
    pub(crate) values: usize,
    /// Size of the values buffer in bytes.
    pub(crate) values_bytes: usize,
}

/// What the segments of a tape have in common.
#[derive(Clone, Debug)]
pub(crate) struct Layout {
    pub(crate) schema: Arc<Schema>,
    pub(crate) rows: usize,
    pub(crate) columns: Vec<ColumnLayout>,
    pub(crate) header_bytes: usize,
    pub(crate) file_bytes: usize,
}

/// What tells one segment from another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Identity {
    pub(crate) tape_id: [u8; 16],
    pub(crate) boot_id: [u8; 16],
    pub(crate) number: u64,
    pub(crate) base_row: u64,
    pub(crate) salt: u64,
    pub(crate) created_ns: i64,
}

/// Bytes of one value in the values buffer, on average for columns of varying length.
pub(crate) fn value_bytes(kind: ColumnType, override_bytes: Option<u32>) -> usize {
    let varying = |usual: usize| override_bytes.map_or(usual, |bytes| bytes as usize);
    match kind {
        ColumnType::Fixed(fixed) => fixed.width(),
        ColumnType::Dictionary(key) => key.fixed().width(),
        ColumnType::Utf8 => varying(16),
        ColumnType::Binary => varying(512),
        ColumnType::List(item) => varying(20 * item.width()).next_multiple_of(item.width()),
    }
}

/// Width of one item of the values buffer.
pub(crate) fn item_width(kind: ColumnType) -> usize {
    match kind {
        ColumnType::Fixed(fixed) | ColumnType::List(fixed) => fixed.width(),
        ColumnType::Dictionary(key) => key.fixed().width(),
        ColumnType::Utf8 | ColumnType::Binary => 1,
    }
}

fn has_offsets(kind: ColumnType) -> bool {
    matches!(kind, ColumnType::Utf8 | ColumnType::Binary | ColumnType::List(_))
}

impl Layout {
    /// Lays out a segment of at most `segment_bytes` and, if given, at most `rows_max` rows.
    ///
    /// # Errors
    /// A setting that leaves no room for 64 rows, or more than the format can address.
    pub(crate) fn plan(
        schema: &Arc<Schema>,
        segment_bytes: usize,
        rows_max: Option<usize>,
        varying_bytes: Option<u32>,
    ) -> Result<Self> {
        let bytes_per_row: usize = (schema.columns().iter())
            .map(|column| {
                let offset = if has_offsets(column.kind) { 4 } else { 0 };
                value_bytes(column.kind, varying_bytes) + offset + usize::from(column.nullable)
            })
            .sum();
        let wanted = rows_max.unwrap_or(ROWS_MAX).clamp(64, ROWS_MAX).next_multiple_of(64);
        let rows = (segment_bytes / bytes_per_row / 64 * 64).min(wanted);
        if rows < 64 {
            return Err(TapeError::Setting {
                name: "segment_bytes",
                found: segment_bytes.to_string(),
                expected: format!("at least {} for 64 rows of this schema", bytes_per_row * 64),
            });
        }
        let header_bytes = TABLE + (ENTRY * schema.columns().len()).next_multiple_of(PAGE);
        let mut end = header_bytes;
        let mut place = |bytes: usize| {
            let start = end.next_multiple_of(ALIGN);
            end = start + bytes;
            start
        };
        let columns = (schema.columns().iter())
            .map(|column| {
                let values_bytes = rows * value_bytes(column.kind, varying_bytes);
                let most = if has_offsets(column.kind) { VALUES_BYTES_MAX } else { usize::MAX };
                let values_bytes = values_bytes.min(most).next_multiple_of(ALIGN);
                ColumnLayout {
                    validity: column.nullable.then(|| place(rows / 8)),
                    offsets: has_offsets(column.kind).then(|| place(4 * (rows + 1))),
                    values: place(values_bytes),
                    values_bytes,
                }
            })
            .collect();
        let file_bytes = end.next_multiple_of(PAGE);
        Ok(Self { schema: Arc::clone(schema), rows, columns, header_bytes, file_bytes })
    }

    /// How many items fit in a column's values buffer, as an Arrow offset.
    pub(crate) fn items_max(&self, column: usize) -> usize {
        self.columns[column].values_bytes / item_width(self.schema.columns()[column].kind)
    }
}

/// Fixed-size writer of little-endian fields.
struct Fields<'a>(&'a mut [u8]);

impl Fields<'_> {
    fn put(&mut self, offset: usize, bytes: &[u8]) {
        self.0[offset..offset + bytes.len()].copy_from_slice(bytes);
    }

    fn put_u32(&mut self, offset: usize, value: usize) {
        let value = u32::try_from(value).unwrap_or(u32::MAX);
        self.put(offset, &value.to_le_bytes());
    }

    fn put_u64(&mut self, offset: usize, value: usize) {
        self.put(offset, &(value as u64).to_le_bytes());
    }
}

/// The header bytes of a segment: page 0 and the column table, without the live words.
pub(crate) fn encode(layout: &Layout, identity: &Identity) -> Vec<u8> {
    let mut bytes = vec![0; layout.header_bytes];
    let mut fields = Fields(&mut bytes);
    fields.put(0, &MAGIC);
    fields.put(8, &FORMAT.to_le_bytes());
    fields.put(12, &ENDIAN_MARK.to_le_bytes());
    fields.put_u64(16, layout.header_bytes);
    fields.put_u64(24, layout.file_bytes);
    fields.put(32, &layout.schema.fingerprint().0);
    fields.put(48, &identity.tape_id);
    fields.put(64, &identity.boot_id);
    fields.put(80, &identity.number.to_le_bytes());
    fields.put(88, &identity.base_row.to_le_bytes());
    fields.put(96, &identity.salt.to_le_bytes());
    fields.put(104, &identity.created_ns.to_le_bytes());
    fields.put_u64(112, layout.rows);
    fields.put_u32(120, layout.columns.len());
    fields.put(124, &layout.schema.version().to_le_bytes());
    fields.put(128, layout.schema.dataset().as_bytes());
    for (position, (column, place)) in
        layout.schema.columns().iter().zip(&layout.columns).enumerate()
    {
        let entry = TABLE + position * ENTRY;
        fields.put(entry, column.name.as_bytes());
        fields.put(entry + 64, column.kind.to_string().as_bytes());
        fields.put(entry + 96, &[u8::from(column.nullable)]);
        fields.put_u64(entry + 104, place.validity.unwrap_or(0));
        fields.put_u64(entry + 112, place.offsets.unwrap_or(0));
        fields.put_u64(entry + 120, place.values);
        fields.put_u64(entry + 128, place.values_bytes);
    }
    let checksum = header_checksum(&bytes);
    bytes[STATIC_BYTES..STATIC_BYTES + 4].copy_from_slice(&checksum.to_le_bytes());
    bytes
}

fn header_checksum(header: &[u8]) -> u32 {
    crc32c::crc32c_append(crc32c::crc32c(&header[..STATIC_BYTES]), &header[TABLE..])
}

/// Reads fields that may hold anything.
struct Header<'a> {
    path: &'a Path,
    bytes: &'a [u8],
}

impl Header<'_> {
    fn array<const N: usize>(&self, offset: usize) -> [u8; N] {
        let mut array = [0; N];
        array.copy_from_slice(&self.bytes[offset..offset + N]);
        array
    }

    fn u32(&self, offset: usize) -> u32 {
        u32::from_le_bytes(self.array(offset))
    }

    fn u64(&self, offset: usize) -> u64 {
        u64::from_le_bytes(self.array(offset))
    }

    fn size(&self, offset: usize) -> usize {
        usize::try_from(self.u64(offset)).unwrap_or(usize::MAX)
    }

    fn text(&self, offset: usize, len: usize, what: &str) -> Result<&str> {
        let field = &self.bytes[offset..offset + len];
        let end = field.iter().position(|&byte| byte == 0).unwrap_or(len);
        std::str::from_utf8(&field[..end])
            .map_err(|_| self.corrupt(what, "bytes that are no text", "text"))
    }

    fn corrupt(&self, what: &str, found: impl ToString, expected: impl ToString) -> TapeError {
        TapeError::corrupt(self.path, format!("header field {what}"), found, expected)
    }

    fn unsupported(&self, what: &'static str, found: String, expected: &str) -> TapeError {
        let (path, expected) = (self.path.to_owned(), expected.to_owned());
        TapeError::Unsupported { path, what, found, expected }
    }

    /// The checks that make it safe to index by the other fields.
    fn check_frame(&self, file_len: usize) -> Result<()> {
        let magic: [u8; 8] = self.array(0);
        if magic != MAGIC {
            let found = format!("{:?}", String::from_utf8_lossy(&magic));
            return Err(self.corrupt("magic", found, format!("{:?}", "RUSTTAPE")));
        }
        if self.u32(12) != ENDIAN_MARK {
            let found = format!("{:#010x}", self.u32(12));
            return Err(self.unsupported("byte order mark", found, "0x0a0b0c0d (little-endian)"));
        }
        if self.u32(8) != FORMAT {
            return Err(self.unsupported("format version", self.u32(8).to_string(), "version 1"));
        }
        if self.size(24) != file_len {
            let found = format!("{file_len} bytes on disk");
            return Err(self.corrupt("file size", found, format!("{} bytes", self.size(24))));
        }
        let columns = self.u32(120) as usize;
        if columns == 0 || columns > COLUMNS_MAX {
            return Err(self.corrupt("column count", columns, format!("1 to {COLUMNS_MAX}")));
        }
        let header_bytes = TABLE + (ENTRY * columns).next_multiple_of(PAGE);
        if self.size(16) != header_bytes || header_bytes > file_len {
            return Err(self.corrupt("header size", self.size(16), header_bytes));
        }
        Ok(())
    }

    fn check_sum(&self, header_bytes: usize) -> Result<()> {
        let (found, expected) =
            (self.u32(STATIC_BYTES), header_checksum(&self.bytes[..header_bytes]));
        if found == expected {
            return Ok(());
        }
        Err(self.corrupt("checksum", format!("{found:#010x}"), format!("{expected:#010x}")))
    }

    fn column(
        &self,
        position: usize,
        rows: usize,
        file_len: usize,
    ) -> Result<(Column, ColumnLayout)> {
        let entry = TABLE + position * ENTRY;
        let name = self.text(entry, NAME_BYTES_MAX + 1, "column name")?;
        let spelling = self.text(entry + 64, TYPE_BYTES, "column type")?;
        let kind = ColumnType::parse(spelling)
            .ok_or_else(|| self.corrupt("column type", format!("{spelling:?}"), "a known type"))?;
        let nullable = self.bytes[entry + 96] != 0;
        let values_bytes = self.size(entry + 128);
        let buffer = |offset: usize, bytes: usize| {
            let start = self.size(offset);
            let inside = start.checked_add(bytes).is_some_and(|end| end <= file_len);
            if inside && start >= TABLE && start.is_multiple_of(ALIGN) {
                return Ok(start);
            }
            let found = format!("{bytes} bytes at {start}");
            Err(self.corrupt("column buffer", found, "an aligned place inside the file"))
        };
        let needed = if has_offsets(kind) { 0 } else { rows * item_width(kind) };
        if values_bytes < needed || values_bytes > file_len {
            return Err(self.corrupt("values size", values_bytes, format!("{needed} or more")));
        }
        let place = ColumnLayout {
            validity: if nullable { Some(buffer(entry + 104, rows / 8)?) } else { None },
            offsets: if has_offsets(kind) {
                Some(buffer(entry + 112, 4 * (rows + 1))?)
            } else {
                None
            },
            values: buffer(entry + 120, values_bytes)?,
            values_bytes,
        };
        Ok((Column::plain(name, kind, nullable), place))
    }
}

/// Reads the header of a segment file of `file_len` bytes, checking all of it first.
///
pub(crate) fn decode(path: &Path, bytes: &[u8], file_len: usize) -> Result<(Layout, Identity)> {
    let header = Header { path, bytes };
    header.check_frame(file_len)?;
    let header_bytes = header.size(16);
    header.check_sum(header_bytes)?;
    let rows = header.size(112);
    if rows == 0 || rows > ROWS_MAX || !rows.is_multiple_of(64) {
        return Err(header.corrupt("row capacity", rows, "a multiple of 64"));
    }
    let dataset = header.text(128, NAME_BYTES_MAX + 1, "dataset")?;
    let (columns, places): (Vec<_>, Vec<_>) = (0..header.u32(120) as usize)
        .map(|position| header.column(position, rows, file_len))
        .collect::<Result<Vec<_>>>()?
        .into_iter()
        .unzip();
    let schema = Schema::new(dataset, header.u32(124), columns)
        .map_err(|error| header.corrupt("columns", error, "a legal schema"))?;
    let fingerprint = Fingerprint(header.array(32));
    if schema.fingerprint() != fingerprint {
        return Err(header.corrupt("fingerprint", fingerprint, schema.fingerprint()));
    }
    let identity = Identity {
        tape_id: header.array(48),
        boot_id: header.array(64),
        number: header.u64(80),
        base_row: header.u64(88),
        salt: header.u64(96),
        created_ns: i64::from_le_bytes(header.array(104)),
    };
    let layout = Layout {
        schema: described(schema),
        rows,
        columns: places,
        header_bytes,
        file_bytes: file_len,
    };
    Ok((layout, identity))
}

/// The embedded schema with the same fingerprint, which also has descriptions, or `schema` itself.
pub(crate) fn described(schema: Schema) -> Arc<Schema> {
    let embedded = rustonite_core::datasets::find(schema.dataset());
    match embedded {
        Some(known) if known.fingerprint() == schema.fingerprint() => Arc::clone(known),
        _ => Arc::new(schema),
    }
}
