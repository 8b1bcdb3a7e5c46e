//! What several venues write alike.

use rustonite_core::Decimal;
use rustonite_core::datasets::{BookSide, flags};

use crate::error::Result;
use crate::event::Level;
use crate::json::Json;

/// One, in the units of exact columns.
pub(crate) const ONE: i128 = 10_i128.pow(18);

/// The flag `last`, unless another item of the array follows.
#[inline]
pub(crate) fn last(json: &mut Json<'_>) -> i32 {
    if json.at_last_item() { flags::LAST } else { 0 }
}

/// The flag of a row for which the venue has no time.
#[inline]
pub(crate) fn local_time(time: Option<i64>) -> i32 {
    if time.is_none() { flags::LOCAL_TIME } else { 0 }
}

/// A text that is one of a few words.
#[inline]
pub(crate) fn word<T: Copy>(
    json: &mut Json<'_>,
    words: &[(&[u8], T)],
    expected: &'static str,
) -> Result<T> {
    let start = *json;
    let text = json.raw_text()?;
    let found = words.iter().find(|(word, _)| *word == text);
    found.map(|(_, meaning)| *meaning).ok_or_else(|| start.expected(expected))
}

/// Passes over what is left of an array.
#[inline]
pub(crate) fn rest_of_array(json: &mut Json<'_>) -> Result<()> {
    while json.item()? {
        json.skip()?;
    }
    Ok(())
}

/// The next two items of an array.
#[inline]
pub(crate) fn price_and_size(json: &mut Json<'_>) -> Result<(Decimal, Decimal)> {
    json.next_item("a price")?;
    let price = json.decimal()?;
    json.next_item("a quantity")?;
    Ok((price, json.decimal()?))
}

/// Levels as arrays of price and quantity. What follows in them says nothing.
#[inline]
pub(crate) fn read_pairs(
    json: &mut Json<'_>,
    side: BookSide,
    levels: &mut Vec<Level>,
) -> Result<()> {
    json.array()?;
    while json.item()? {
        json.array()?;
        let (price, size) = price_and_size(json)?;
        rest_of_array(json)?;
        levels.push(Level { side, price, size, count: None });
    }
    Ok(())
}

/// Levels as objects with these names for price and quantity.
#[inline]
pub(crate) fn read_named(
    json: &mut Json<'_>,
    names: [&str; 2],
    side: BookSide,
    levels: &mut Vec<Level>,
) -> Result<()> {
    let [price_name, size_name] = names.map(str::as_bytes);
    json.array()?;
    while json.item()? {
        let (mut price, mut size) = (None, None);
        json.object()?;
        while let Some(key) = json.key()? {
            if key == price_name {
                price = Some(json.decimal()?);
            } else if key == size_name {
                size = Some(json.decimal()?);
            } else {
                json.skip()?;
            }
        }
        let price = json.need(price, "a level with a price")?;
        let size = json.need(size, "a level with a quantity")?;
        levels.push(Level { side, price, size, count: None });
    }
    Ok(())
}
