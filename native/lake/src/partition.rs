//! Partitions: which rows belong together, and the folders they live in.

use std::fmt::Write as _;
use std::path::PathBuf;

use arrow_array::Array;
use arrow_array::cast::AsArray;
use arrow_array::types::{Date32Type, Int8Type, Int16Type, Int32Type, Int64Type};
use rustonite_core::{ColumnType, Fixed};

use crate::batch::Part;
use crate::error::{LakeError, Result};
use crate::layout::Layout;
use crate::stats::date_text;
use crate::texts::Texts;

/// Folder name of a null, as every engine spells it.
const NULL: &str = "__HIVE_DEFAULT_PARTITION__";

/// Values of the partition columns as text, in their order; `None` is a null.
pub(crate) type Partition = Vec<Option<String>>;

/// The partition of a row.
pub(crate) fn of_row(part: &Part, row: usize, layout: &Layout, texts: &Texts) -> Result<Partition> {
    let value = |&column: &usize| -> Result<Option<String>> {
        let array = &part.columns[column];
        if array.is_null(row) {
            return Ok(None);
        }
        let definition = layout.column(column);
        let text = match definition.kind {
            ColumnType::Dictionary(_) => {
                let code = array.as_primitive::<Int32Type>().value(row);
                texts.pool(column).map_or("", |pool| pool.text(code)).to_owned()
            }
            ColumnType::Fixed(Fixed::Int8) => {
                array.as_primitive::<Int8Type>().value(row).to_string()
            }
            ColumnType::Fixed(Fixed::Int16) => {
                array.as_primitive::<Int16Type>().value(row).to_string()
            }
            ColumnType::Fixed(Fixed::Int32) => {
                array.as_primitive::<Int32Type>().value(row).to_string()
            }
            ColumnType::Fixed(Fixed::Int64) => {
                array.as_primitive::<Int64Type>().value(row).to_string()
            }
            ColumnType::Fixed(_) => date_text(array.as_primitive::<Date32Type>().value(row)),
            _ => array.as_string::<i32>().value(row).to_owned(),
        };
        if text.is_empty() {
            // Delta's log knows no difference between an empty text and a null.
            let expected = "a text that is not empty, because rows are partitioned by it";
            return Err(LakeError::value(None, &definition.name, None, "an empty text", expected));
        }
        Ok(Some(text))
    };
    layout.partition.iter().map(value).collect()
}

/// The folder of a partition, relative to the table.
pub(crate) fn folder(layout: &Layout, partition: &Partition) -> PathBuf {
    let names = layout.partition.iter().map(|&column| layout.column(column).name.as_str());
    names
        .zip(partition)
        .map(|(name, value)| format!("{name}={}", escaped(value.as_deref())))
        .collect()
}

/// A value as part of a folder name.
fn escaped(value: Option<&str>) -> String {
    let Some(value) = value else { return NULL.to_owned() };
    let mut name = String::with_capacity(value.len());
    for byte in value.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-') {
            name.push(char::from(byte));
        } else {
            let _ = write!(name, "%{byte:02X}");
        }
    }
    name
}
