//! The physical types a column may have, and the one spelling each has in schema files.
//!
//! The build script compiles this file too (by `#[path]`), so it depends on nothing but `std`.

use std::fmt;

/// A value of constant width: what an Arrow values buffer holds one after the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Fixed {
    /// Signed 8-bit integer.
    Int8,
    /// Signed 16-bit integer.
    Int16,
    /// Signed 32-bit integer.
    Int32,
    /// Signed 64-bit integer.
    Int64,
    /// IEEE single.
    Float32,
    /// IEEE double.
    Float64,
    /// Nanoseconds since 1970-01-01 UTC, without a zone.
    TimestampNs,
    /// Days since 1970-01-01.
    Date32,
    /// Exact decimal in 16 bytes.
    Decimal128 {
        /// Digits in all, at most 38.
        precision: u8,
        /// Digits after the point.
        scale: i8,
    },
    /// Exactly this many bytes.
    Bytes(u16),
}

impl Fixed {
    /// Width of one value in bytes.
    pub const fn width(self) -> usize {
        match self {
            Self::Int8 => 1,
            Self::Int16 => 2,
            Self::Int32 | Self::Float32 | Self::Date32 => 4,
            Self::Int64 | Self::Float64 | Self::TimestampNs => 8,
            Self::Decimal128 { .. } => 16,
            Self::Bytes(count) => count as usize,
        }
    }

    /// Reads the spelling that [`fmt::Display`] writes.
    pub fn parse(text: &str) -> Option<Self> {
        Some(match text {
            "int8" => Self::Int8,
            "int16" => Self::Int16,
            "int32" => Self::Int32,
            "int64" => Self::Int64,
            "float32" => Self::Float32,
            "float64" => Self::Float64,
            "timestamp[ns]" => Self::TimestampNs,
            "date32" => Self::Date32,
            _ => return Self::parse_with_arguments(text),
        })
    }

    fn parse_with_arguments(text: &str) -> Option<Self> {
        let (name, arguments) = text.strip_suffix(')')?.split_once('(')?;
        match name {
            "decimal128" => {
                let (precision, scale) = arguments.split_once(',')?;
                let (precision, scale) = (precision.parse().ok()?, scale.parse().ok()?);
                let legal = (1..=38).contains(&precision) && (0..=38).contains(&scale);
                legal.then_some(Self::Decimal128 { precision, scale })
            }
            "fixed_size_binary" => {
                let count = arguments.parse().ok()?;
                (1..=1024).contains(&count).then_some(Self::Bytes(count))
            }
            _ => None,
        }
    }
}

impl fmt::Display for Fixed {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Int8 => out.write_str("int8"),
            Self::Int16 => out.write_str("int16"),
            Self::Int32 => out.write_str("int32"),
            Self::Int64 => out.write_str("int64"),
            Self::Float32 => out.write_str("float32"),
            Self::Float64 => out.write_str("float64"),
            Self::TimestampNs => out.write_str("timestamp[ns]"),
            Self::Date32 => out.write_str("date32"),
            Self::Decimal128 { precision, scale } => write!(out, "decimal128({precision},{scale})"),
            Self::Bytes(count) => write!(out, "fixed_size_binary({count})"),
        }
    }
}

/// Width of the codes of a dictionary column. Signed, because Delta has no unsigned types.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Key {
    /// At most 127 values.
    Int8,
    /// At most 32,767 values.
    Int16,
    /// At most 2,147,483,647 values.
    Int32,
}

impl Key {
    /// The integer type of the codes.
    pub const fn fixed(self) -> Fixed {
        match self {
            Self::Int8 => Fixed::Int8,
            Self::Int16 => Fixed::Int16,
            Self::Int32 => Fixed::Int32,
        }
    }

    /// How many distinct values fit.
    pub const fn values_max(self) -> usize {
        match self {
            Self::Int8 => i8::MAX as usize,
            Self::Int16 => i16::MAX as usize,
            Self::Int32 => i32::MAX as usize,
        }
    }
}

/// What a column holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ColumnType {
    /// One value of constant width per row.
    Fixed(Fixed),
    /// UTF-8 text with 32-bit offsets.
    Utf8,
    /// Bytes with 32-bit offsets.
    Binary,
    /// A list of constant-width values, none of them null, with 32-bit offsets.
    List(Fixed),
    /// A code per row; the texts live once per tape.
    Dictionary(Key),
}

impl ColumnType {
    /// Reads the spelling that [`fmt::Display`] writes.
    pub fn parse(text: &str) -> Option<Self> {
        let argument = |prefix: &str| text.strip_prefix(prefix)?.strip_suffix('>');
        if let Some(item) = argument("list<") {
            return Fixed::parse(item).map(Self::List);
        }
        if let Some(key) = argument("dictionary<") {
            let key = match Fixed::parse(key)? {
                Fixed::Int8 => Key::Int8,
                Fixed::Int16 => Key::Int16,
                Fixed::Int32 => Key::Int32,
                _ => return None,
            };
            return Some(Self::Dictionary(key));
        }
        match text {
            "utf8" => Some(Self::Utf8),
            "binary" => Some(Self::Binary),
            _ => Fixed::parse(text).map(Self::Fixed),
        }
    }
}

impl fmt::Display for ColumnType {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fixed(fixed) => fixed.fmt(out),
            Self::Utf8 => out.write_str("utf8"),
            Self::Binary => out.write_str("binary"),
            Self::List(item) => write!(out, "list<{item}>"),
            Self::Dictionary(key) => write!(out, "dictionary<{}>", key.fixed()),
        }
    }
}
