//! What several venues write alike.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Display;

use rustonite_core::Decimal;
use rustonite_core::datasets::{BookSide, draft, flags};

use crate::codec::Topic;
use crate::error::Result;
use crate::event::{Answer, Control, Floats, Level, Sink};
use crate::json::Json;

/// One, in the units of exact columns.
pub(crate) const ONE: i128 = 10_i128.pow(18);

/// Instruments of each channel. The channels are in order of their names.
pub(crate) fn by_channel(topics: &[Topic]) -> BTreeMap<&str, Vec<&str>> {
    let mut channels = BTreeMap::<_, Vec<_>>::new();
    for topic in topics {
        let symbols = channels.entry(topic.channel.as_str()).or_default();
        symbols.extend(topic.symbol.as_deref());
    }
    channels
}

/// Texts as a JSON array.
pub(crate) fn list<T: Display>(texts: impl IntoIterator<Item = T>) -> String {
    let quoted = |text: T| format!("\"{text}\"");
    format!("[{}]", texts.into_iter().map(quoted).collect::<Vec<_>>().join(","))
}

/// Tells what holds after an answer that lists all subscriptions, and what does no more.
pub(crate) fn settle(known: &mut BTreeSet<Topic>, listed: BTreeSet<Topic>, sink: &mut dyn Sink) {
    for topic in known.difference(&listed) {
        sink.control(&Control::Unsubscribed(answer(topic)));
    }
    for topic in &listed {
        sink.control(&Control::Subscribed(answer(topic)));
    }
    *known = listed;
}

/// Milliseconds as clocks of venues show them.
pub(crate) const MILLISECOND: i64 = 1_000_000;

/// What the venue's clock shows, in milliseconds: a member of an object.
pub(crate) fn clock(json: &mut Json<'_>, member: &[u8], sink: &mut dyn Sink) -> Result<()> {
    json.object()?;
    while let Some(key) = json.key()? {
        if key == member {
            sink.control(&Control::Time { at: json.time_ms()?, step: MILLISECOND });
        } else {
            json.skip()?;
        }
    }
    Ok(())
}

fn answer(topic: &Topic) -> Answer<'_> {
    Answer { channel: Some(&topic.channel), symbol: topic.symbol.as_deref(), ..Answer::default() }
}

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

/// The quote of a ticker, from price and size of its bid and its ask.
pub(crate) fn quote<'a>(
    ticker: &draft::Tickers<'a>,
    [bid, bid_size, ask, ask_size]: [Option<Decimal>; 4],
    flags: i32,
) -> draft::Quotes<'a> {
    let mut floats = Floats::new(flags);
    let (bid_price, bid_size) = floats.side(bid, bid_size);
    let (ask_price, ask_size) = floats.side(ask, ask_size);
    draft::Quotes {
        ts_event: ticker.ts_event,
        ts_recv: ticker.ts_recv,
        venue: ticker.venue,
        symbol: ticker.symbol,
        bid_price,
        bid_size,
        ask_price,
        ask_size,
        flags: floats.flags,
        ..draft::Quotes::default()
    }
}

/// Columns of a picture of the best levels.
#[derive(Debug, Default)]
pub(crate) struct Top {
    /// Bids, then asks.
    prices: [Vec<f64>; 2],
    sizes: [Vec<f64>; 2],
}

impl Top {
    /// Begins a side anew.
    pub(crate) fn clear(&mut self, side: BookSide) {
        self.prices[side as usize].clear();
        self.sizes[side as usize].clear();
    }

    /// Adds the next level of a side.
    #[inline]
    pub(crate) fn push(
        &mut self,
        side: BookSide,
        price: Decimal,
        size: Decimal,
        floats: &mut Floats,
    ) {
        self.prices[side as usize].push(floats.of(price));
        self.sizes[side as usize].push(floats.of(size));
    }

    /// Replaces both sides.
    pub(crate) fn fill(&mut self, levels: &[Level], floats: &mut Floats) {
        self.clear(BookSide::Bid);
        self.clear(BookSide::Ask);
        levels.iter().for_each(|level| self.push(level.side, level.price, level.size, floats));
    }

    /// Whether it has no levels.
    pub(crate) fn is_empty(&self) -> bool {
        self.prices.iter().all(Vec::is_empty)
    }

    /// A row of these columns.
    pub(crate) fn row(&self) -> draft::BookSnapshots<'_> {
        draft::BookSnapshots {
            bid_price: &self.prices[0],
            bid_size: &self.sizes[0],
            ask_price: &self.prices[1],
            ask_size: &self.sizes[1],
            ..draft::BookSnapshots::default()
        }
    }
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
