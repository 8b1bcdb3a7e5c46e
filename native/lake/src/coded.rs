//! Chunks of text columns, made of the codes that rows carry.
//!
//! The encoder of `parquet` hashes the text of every row to find its place in the dictionary, and
//! compares it with the least and the greatest so far. A code is a place already, so that a third
//! of the work of writing can be left out. Pages are those that it would write.
#![allow(clippy::cast_possible_truncation, reason = "row groups have fewer than 2^31 rows")]
#![allow(clippy::cast_possible_wrap, reason = "sizes and offsets of one row group")]
#![allow(clippy::cast_sign_loss, reason = "codes are places in a pool")]

use arrow_array::cast::AsArray;
use arrow_array::types::Int32Type;
use arrow_array::{Array, ArrayRef, StringArray};
use bytes::Bytes;
use lz4_flex::block;
use parquet::basic::{BoundaryOrder, Compression, Encoding, PageType, Type};
use parquet::column::page::{CompressedPage, Page, PageWriter};
use parquet::column::writer::ColumnCloseResult;
use parquet::data_type::ByteArray;
use parquet::errors::{ParquetError, Result};
use parquet::file::metadata::{
    ColumnChunkMetaData, ColumnIndexBuilder, OffsetIndexBuilder, PageEncodingStats,
};
use parquet::file::statistics::Statistics;
use parquet::file::writer::{SerializedPageWriter, TrackedWrite};
use parquet::schema::types::ColumnDescPtr;

use crate::encode::{BOUND_BYTES_MAX, PAGE_ROWS};
use crate::texts::ranks;

/// Largest dictionary; with a larger one plain texts take less space.
const DICTIONARY_BYTES_MAX: usize = 1 << 20;
/// No code.
const NONE: u32 = u32::MAX;
/// Most values that are packed together: their number is then one byte, which all readers know.
const PACKED_MAX: usize = 63 * 8;

/// A chunk that is ready to be appended to a file.
#[derive(Debug)]
pub(crate) struct CodedChunk {
    pub(crate) bytes: Bytes,
    pub(crate) close: ColumnCloseResult,
}

/// Places of rows in a dictionary that has no more than it needs.
struct Places<'a> {
    /// In order of appearance.
    dictionary: Vec<&'a str>,
    /// Of rows that are not null.
    of_rows: Vec<u32>,
    /// 0 where a row is null, 1 elsewhere.
    levels: Vec<u32>,
}

impl<'a> Places<'a> {
    fn of(pieces: &[ArrayRef], texts: &'a StringArray) -> Self {
        let rows = pieces.iter().map(Array::len).sum();
        let mut known = vec![NONE; texts.len()];
        let mut found = Self {
            dictionary: Vec::new(),
            of_rows: Vec::with_capacity(rows),
            levels: Vec::with_capacity(rows),
        };
        for piece in pieces {
            let codes = piece.as_primitive::<Int32Type>();
            let nulls = codes.nulls().filter(|nulls| nulls.null_count() > 0);
            for (row, &code) in codes.values().iter().enumerate() {
                if nulls.is_some_and(|nulls| nulls.is_null(row)) {
                    found.levels.push(0);
                    continue;
                }
                let code = code as usize;
                if known[code] == NONE {
                    known[code] = found.dictionary.len() as u32;
                    found.dictionary.push(texts.value(code));
                }
                found.of_rows.push(known[code]);
                found.levels.push(1);
            }
        }
        found
    }

    /// Whether this form suits: there are texts, all can be bounds, and the dictionary is small.
    fn suit(&self) -> bool {
        let bytes: usize = self.dictionary.iter().map(|text| 4 + text.len()).sum();
        !self.dictionary.is_empty()
            && bytes <= DICTIONARY_BYTES_MAX
            && self.dictionary.iter().all(|text| text.len() <= BOUND_BYTES_MAX)
    }
}

/// Encodes codes of texts; `None` if they are better encoded as other texts are.
pub(crate) fn encode(
    column: &ColumnDescPtr,
    pieces: &[ArrayRef],
    texts: &StringArray,
    compressed: bool,
) -> Result<Option<CodedChunk>> {
    let places = Places::of(pieces, texts);
    if !places.suit() {
        return Ok(None);
    }
    Chunk::new(column, compressed).write(&places).map(Some)
}

/// A chunk that is being written.
struct Chunk<'a> {
    column: &'a ColumnDescPtr,
    sink: TrackedWrite<Vec<u8>>,
    packs: bool,
    index: ColumnIndexBuilder,
    offsets: OffsetIndexBuilder,
    compressed: i64,
    uncompressed: i64,
    pages: i32,
    /// Ranks of the least and the greatest text of pages so far.
    bounds: Vec<(u32, u32)>,
}

impl<'a> Chunk<'a> {
    fn new(column: &'a ColumnDescPtr, packs: bool) -> Self {
        Self {
            column,
            sink: TrackedWrite::new(Vec::new()),
            packs,
            index: ColumnIndexBuilder::new(Type::BYTE_ARRAY),
            offsets: OffsetIndexBuilder::new(),
            compressed: 0,
            uncompressed: 0,
            pages: 0,
            bounds: Vec::new(),
        }
    }

    fn write(mut self, places: &Places<'_>) -> Result<CodedChunk> {
        let dictionary = &places.dictionary;
        self.dictionary(dictionary)?;
        let data_offset = self.compressed;
        let ranks = ranks(&places.dictionary);
        let mut by_rank = vec![""; dictionary.len()];
        for (&rank, text) in ranks.iter().zip(dictionary) {
            by_rank[rank as usize] = text;
        }
        let width = (u32::BITS - (dictionary.len() as u32 - 1).leading_zeros()) as u8;
        let mut rest = &places.of_rows[..];
        for levels in places.levels.chunks(PAGE_ROWS) {
            let set = levels.iter().filter(|&&level| level == 1).count();
            let (page, others) = rest.split_at(set);
            rest = others;
            let bounds = page.iter().map(|&place| ranks[place as usize]);
            let bounds = bounds.fold((NONE, 0), |(least, most), r| (least.min(r), most.max(r)));
            self.page(levels, page, width)?;
            self.describe(levels.len() - set, set, bounds, &by_rank);
        }
        self.finish(places, data_offset, &by_rank)
    }

    fn dictionary(&mut self, texts: &[&str]) -> Result<()> {
        let mut plain = Vec::new();
        for text in texts {
            plain.extend_from_slice(&(text.len() as u32).to_le_bytes());
            plain.extend_from_slice(text.as_bytes());
        }
        let size = plain.len();
        let bytes = if self.packs { block::compress(&plain) } else { plain };
        let page = Page::DictionaryPage {
            buf: bytes.into(),
            num_values: texts.len() as u32,
            encoding: Encoding::PLAIN,
            is_sorted: false,
        };
        self.put(page, size).map(drop)
    }

    fn page(&mut self, levels: &[u32], places: &[u32], width: u8) -> Result<()> {
        let mut bytes = Vec::new();
        if self.column.max_def_level() > 0 {
            hybrid(levels, 1, &mut bytes);
        }
        let levels_size = bytes.len();
        let mut values = vec![width];
        hybrid(places, width, &mut values);
        let size = levels_size + values.len();
        let smaller = self.packs.then(|| block::compress(&values));
        let smaller = smaller.filter(|small| small.len() < values.len());
        bytes.extend_from_slice(smaller.as_ref().unwrap_or(&values));
        let page = Page::DataPageV2 {
            buf: bytes.into(),
            num_values: levels.len() as u32,
            encoding: Encoding::RLE_DICTIONARY,
            num_nulls: (levels.len() - places.len()) as u32,
            num_rows: levels.len() as u32,
            def_levels_byte_len: levels_size as u32,
            rep_levels_byte_len: 0,
            is_compressed: smaller.is_some(),
            statistics: None,
        };
        let (offset, compressed) = self.put(page, size)?;
        self.pages += 1;
        self.offsets.append_row_count(levels.len() as i64);
        self.offsets.append_offset_and_size(offset, compressed);
        Ok(())
    }

    /// Writes a page; returns where it is and its size.
    fn put(&mut self, page: Page, uncompressed: usize) -> Result<(i64, i32)> {
        let page = CompressedPage::new(page, uncompressed);
        let spec = SerializedPageWriter::new(&mut self.sink).write_page(page)?;
        self.compressed += spec.compressed_size as i64;
        self.uncompressed += spec.uncompressed_size as i64;
        Ok((spec.offset as i64, spec.compressed_size as i32))
    }

    /// Adds a page to the index.
    fn describe(&mut self, nulls: usize, set: usize, bounds: (u32, u32), by_rank: &[&str]) {
        if set == 0 {
            self.index.append(true, Vec::new(), Vec::new(), nulls as i64, None);
            return;
        }
        let text = |rank: u32| by_rank[rank as usize].as_bytes().to_vec();
        self.index.append(false, text(bounds.0), text(bounds.1), nulls as i64, None);
        self.bounds.push(bounds);
    }

    fn finish(
        mut self,
        places: &Places<'_>,
        data_offset: i64,
        by_rank: &[&str],
    ) -> Result<CodedChunk> {
        let order = if self.bounds.is_sorted_by(|a, b| a.0 <= b.0 && a.1 <= b.1) {
            BoundaryOrder::ASCENDING
        } else if self.bounds.is_sorted_by(|a, b| a.0 >= b.0 && a.1 >= b.1) {
            BoundaryOrder::DESCENDING
        } else {
            BoundaryOrder::UNORDERED
        };
        self.index.set_boundary_order(order);
        let rows = places.levels.len();
        let nulls = (rows - places.of_rows.len()) as u64;
        let bound = |text: Option<&&str>| text.map(|text| ByteArray::from(*text));
        let (least, most) = (bound(by_rank.first()), bound(by_rank.last()));
        let count = |page_type, encoding, count| PageEncodingStats { page_type, encoding, count };
        let metadata = ColumnChunkMetaData::builder(self.column.clone())
            .set_compression(if self.packs {
                Compression::LZ4_RAW
            } else {
                Compression::UNCOMPRESSED
            })
            .set_encodings(vec![Encoding::PLAIN, Encoding::RLE, Encoding::RLE_DICTIONARY])
            .set_page_encoding_stats(vec![
                count(PageType::DICTIONARY_PAGE, Encoding::PLAIN, 1),
                count(PageType::DATA_PAGE_V2, Encoding::RLE_DICTIONARY, self.pages),
            ])
            .set_num_values(rows as i64)
            .set_total_compressed_size(self.compressed)
            .set_total_uncompressed_size(self.uncompressed)
            .set_dictionary_page_offset(Some(0))
            .set_data_page_offset(data_offset)
            .set_statistics(Statistics::byte_array(least, most, None, Some(nulls), false))
            .build()?;
        let bytes = self.sink.into_inner()?;
        if bytes.len() as i64 != self.compressed {
            return Err(ParquetError::General("pages of another size than was written".into()));
        }
        let close = ColumnCloseResult {
            bytes_written: bytes.len() as u64,
            rows_written: rows as u64,
            bloom_filter: None,
            metadata,
            column_index: Some(self.index.build()?),
            offset_index: Some(self.offsets.build()),
        };
        Ok(CodedChunk { bytes: bytes.into(), close })
    }
}

/// Parquet's mix of runs and packed bits.
fn hybrid(values: &[u32], width: u8, out: &mut Vec<u8>) {
    let (mut start, mut at) = (0, 0);
    while let Some(&value) = values.get(at) {
        let run = values[at..].iter().take_while(|&&other| other == value).count();
        // Values are packed in eights: what the last of them lacks is taken from the run.
        let lacking = (at - start).next_multiple_of(8) - (at - start);
        if run < lacking + 8 {
            at += run;
            continue;
        }
        packed(&values[start..at + lacking], width, out);
        varint((run - lacking) << 1, out);
        out.extend_from_slice(&value.to_le_bytes()[..usize::from(width.div_ceil(8))]);
        at += run;
        start = at;
    }
    packed(&values[start..], width, out);
}

fn packed(values: &[u32], width: u8, out: &mut Vec<u8>) {
    for values in values.chunks(PACKED_MAX) {
        let eights = values.len().div_ceil(8);
        out.push(((eights << 1) | 1) as u8);
        let end = out.len() + eights * usize::from(width);
        let (mut bits, mut held) = (0_u64, 0);
        for &value in values {
            bits |= u64::from(value) << held;
            held += u32::from(width);
            while held >= 8 {
                out.push(bits as u8);
                bits >>= 8;
                held -= 8;
            }
        }
        if held > 0 {
            out.push(bits as u8);
        }
        out.resize(end, 0);
    }
}

fn varint(mut value: usize, out: &mut Vec<u8>) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}
