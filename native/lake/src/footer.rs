//! Makes footers that older readers take.
//!
//! The writer marks floats as ordered by IEEE 754's total order, which is new in the format: readers
//! made before it refuse the whole file or ignore the statistics. Our statistics hold in the old
//! order, too (they leave out NaN, and readers must expect either zero), so the mark is replaced by
//! the old one. Both have the same length.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

use parquet::basic::ColumnOrder;
use parquet::schema::types::SchemaDescriptor;

/// An entry of the list of orders: a union with one empty field, whose number is in the first byte.
const TYPE_DEFINED: [u8; 3] = [0x1c, 0, 0];
const TOTAL: [u8; 3] = [0x2c, 0, 0];
/// The length of the footer and the magic, behind it.
const TAIL: usize = 8;

/// Rewrites the list of column orders in a complete file.
pub(crate) fn use_old_orders(file: &File, schema: &SchemaDescriptor) -> io::Result<()> {
    let orders = schema.columns().iter().map(|column| {
        ColumnOrder::column_order_for_type(
            column.logical_type_ref(),
            column.converted_type(),
            column.physical_type(),
        )
    });
    let is_total = |order| matches!(order, ColumnOrder::IEEE_754_TOTAL_ORDER);
    let written: Vec<u8> =
        orders.flat_map(|order| if is_total(order) { TOTAL } else { TYPE_DEFINED }).collect();
    if !written.contains(&TOTAL[0]) {
        return Ok(());
    }
    let length = usize::try_from(file.metadata()?.len()).map_err(io::Error::other)?;
    let mut tail = [0; TAIL];
    file.read_exact_at(&mut tail, (length - TAIL) as u64)?;
    let footer_length = u32::from_le_bytes([tail[0], tail[1], tail[2], tail[3]]) as usize;
    let start = length - TAIL - footer_length;
    let mut footer = vec![0; footer_length];
    file.read_exact_at(&mut footer, start as u64)?;
    let found: Vec<usize> = (footer.windows(written.len()).enumerate())
        .filter_map(|(at, window)| (window == written).then_some(at))
        .collect();
    // The list is in front of nothing but short fields, so the last match is the one.
    let Some(&at) = found.last() else {
        return Err(io::Error::other("the footer has no list of column orders"));
    };
    file.write_all_at(&TYPE_DEFINED.repeat(schema.num_columns()), (start + at) as u64)
}
