//! Messages of market data, in JSON or in `MessagePack`.

use core::convert::Infallible;
use std::io::{self, Write as _};

use rmp::encode::{
    ByteBuf, ValueWriteError, write_array_len, write_bool, write_ext_meta, write_f64,
    write_map_len, write_sint, write_str,
};
use rustonite_core::Decimal;
use serde_json::Value;

use super::times;

/// The extension of `MessagePack` for moments, and its longest form.
const TIMESTAMP: i8 = -1;
const TIMESTAMP_BYTES: u32 = 12;
/// No message of usual size is longer.
const USUAL_BYTES: usize = 256;

type Packed = Result<(), ValueWriteError<Infallible>>;

/// A value of a message.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Field {
    Text(String),
    Word(&'static str),
    Number(Decimal),
    Count(i64),
    /// In nanoseconds since 1970.
    Time(i64),
    Flag(bool),
    Words(Vec<String>),
    /// Price and size.
    Levels(Vec<(Decimal, Decimal)>),
}

/// One message.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Row(pub(crate) Vec<(&'static str, Field)>);

fn write_number(out: &mut Vec<u8>, value: Decimal) -> io::Result<()> {
    write!(out, "{}", value.normalised())
}

/// What is between brackets, with commas.
fn write_all<T>(
    out: &mut Vec<u8>,
    [open, close]: [u8; 2],
    all: impl IntoIterator<Item = T>,
    write: impl Fn(&mut Vec<u8>, T) -> io::Result<()>,
) -> io::Result<()> {
    out.push(open);
    for (place, one) in all.into_iter().enumerate() {
        if place > 0 {
            out.push(b',');
        }
        write(out, one)?;
    }
    out.push(close);
    Ok(())
}

fn size(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}

impl Field {
    fn write(&self, out: &mut Vec<u8>) -> io::Result<()> {
        match self {
            Self::Text(text) => Ok(serde_json::to_writer(out, text)?),
            Self::Word(word) => Ok(serde_json::to_writer(out, word)?),
            Self::Number(value) => write_number(out, *value),
            Self::Count(count) => write!(out, "{count}"),
            Self::Time(ns) => write!(out, "\"{}\"", times::utc(*ns)),
            Self::Flag(flag) => write!(out, "{flag}"),
            Self::Words(words) => Ok(serde_json::to_writer(out, words)?),
            Self::Levels(levels) => write_all(out, *b"[]", levels, |out, (price, size)| {
                out.extend_from_slice(b"{\"p\":");
                write_number(out, *price)?;
                out.extend_from_slice(b",\"s\":");
                write_number(out, *size)?;
                out.push(b'}');
                Ok(())
            }),
        }
    }

    fn pack(&self, out: &mut ByteBuf) -> Packed {
        match self {
            Self::Text(text) => write_str(out, text),
            Self::Word(word) => write_str(out, word),
            Self::Number(value) => write_f64(out, value.to_f64()),
            Self::Count(count) => write_sint(out, *count).map(drop),
            Self::Time(ns) => pack_time(*ns, out),
            Self::Flag(flag) => {
                let Ok(()) = write_bool(out, *flag);
                Ok(())
            }
            Self::Words(words) => {
                write_array_len(out, size(words.len()))?;
                words.iter().try_for_each(|word| write_str(out, word))
            }
            Self::Levels(levels) => {
                write_array_len(out, size(levels.len()))?;
                levels.iter().try_for_each(|(price, size)| {
                    write_map_len(out, 2)?;
                    write_str(out, "p")?;
                    write_f64(out, price.to_f64())?;
                    write_str(out, "s")?;
                    write_f64(out, size.to_f64())
                })
            }
        }
    }
}

fn pack_time(ns: i64, out: &mut ByteBuf) -> Packed {
    const SECOND: i64 = 1_000_000_000;
    write_ext_meta(out, TIMESTAMP_BYTES, TIMESTAMP)?;
    let rest = u32::try_from(ns.rem_euclid(SECOND)).unwrap_or(0);
    out.as_mut_vec().extend_from_slice(&rest.to_be_bytes());
    out.as_mut_vec().extend_from_slice(&ns.div_euclid(SECOND).to_be_bytes());
    Ok(())
}

impl Row {
    fn write(&self, out: &mut Vec<u8>) -> io::Result<()> {
        write_all(out, *b"{}", &self.0, |out, (name, field)| {
            // Names are ours, and need no escapes.
            write!(out, "\"{name}\":")?;
            field.write(out)
        })
    }

    pub(crate) fn json(&self) -> Value {
        let mut text = Vec::new();
        // A buffer in memory takes everything.
        let _ = self.write(&mut text);
        serde_json::from_slice(&text).unwrap_or_default()
    }

    /// The same message with something in front.
    pub(crate) fn after(self, front: Vec<(&'static str, Field)>) -> Self {
        Self(front.into_iter().chain(self.0).collect())
    }
}

/// Messages in one frame.
pub(crate) fn frame(rows: &[Row], packed: bool) -> Vec<u8> {
    // A buffer in memory takes everything.
    if !packed {
        let mut out = Vec::with_capacity(USUAL_BYTES);
        let _ = write_all(&mut out, *b"[]", rows, |out, row| row.write(out));
        return out;
    }
    let mut out = ByteBuf::new();
    let _ = pack(rows, &mut out);
    out.into_vec()
}

fn pack(rows: &[Row], out: &mut ByteBuf) -> Packed {
    write_array_len(out, size(rows.len()))?;
    for Row(fields) in rows {
        write_map_len(out, size(fields.len()))?;
        for (name, field) in fields {
            write_str(out, name)?;
            field.pack(out)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{Field, Row, frame};

    #[test]
    fn both_forms_say_the_same() {
        let decimal = |text: &str| text.parse().unwrap();
        let row = Row(vec![
            ("T", Field::Word("o")),
            ("t", Field::Time(1_700_000_000_000_000_007)),
            ("b", Field::Levels(vec![(decimal("90000.10"), decimal("0.5"))])),
            ("r", Field::Flag(true)),
            ("i", Field::Count(70_000)),
        ]);
        let text = String::from_utf8(frame(std::slice::from_ref(&row), false)).unwrap();
        assert_eq!(
            text,
            r#"[{"T":"o","t":"2023-11-14T22:13:20.000000007Z","b":[{"p":90000.1,"s":0.5}],"r":true,"i":70000}]"#
        );
        let packed = frame(&[row], true);
        assert_eq!(packed[..4], [0x91, 0x85, 0xa1, b'T']);
        let time = [0xc7, 12, 0xff, 0, 0, 0, 7, 0, 0, 0, 0, 0x65, 0x53, 0xf1, 0];
        assert!(packed.windows(time.len()).any(|part| part == time), "{packed:x?}");
    }
}
