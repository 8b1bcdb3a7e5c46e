//! Market data that is asked for.

use rustonite_core::Decimal;
use rustonite_sim::{Amount, InstrumentId, Side};
use serde_json::{Map, Value, json};

use super::pages::pages;
use super::quotes::Quote;
use super::refusal::Refusal;
use super::routes::{Answer, Call};
use super::rows::{Field, Row};
use super::words::is_crypto;
use crate::candles::{Candle, Interval, Print};
use crate::figures::ratio;
use crate::floor::{Floor, Listed};

pub(crate) const MINUTE: i64 = 60_000_000_000;
/// Levels of a side of a book.
const DEPTH: usize = 1_000;
const PLACES: u32 = 9;
/// The exchange that all stocks are traded at.
const PLACE: &str = "V";
/// The condition of all trades of stocks, and of all quotes.
const SALE: &str = "@";
const TWO_SIDED: &str = "R";

// Messages

/// Number, time, price, quantity, and whether the buyer came.
type Traded = (u64, i64, i64, i64, bool);

pub(crate) fn trade(listed: &Listed, (trade, at, price, quantity, buys): Traded) -> Row {
    let number = ("i", Field::Count(trade.cast_signed()));
    let mut row = vec![
        ("t", Field::Time(at)),
        ("p", Field::Number(listed.price(price))),
        ("s", Field::Number(listed.size(quantity))),
        number,
    ];
    if is_crypto(listed) {
        row.push(("tks", Field::Word(if buys { "B" } else { "S" })));
    } else {
        row.push(("x", Field::Word(PLACE)));
        row.push(("c", Field::Words(vec![SALE.to_owned()])));
        row.push(("z", Field::Word("C")));
    }
    Row(row)
}

pub(crate) fn quote(listed: &Listed, quote: &Quote, ahead: i64) -> Row {
    let [bid, ask] = quote.best.map(Option::unwrap_or_default);
    let price = |(price, _)| Field::Number(listed.price(price));
    let size = |(_, quantity)| Field::Number(listed.size(quantity));
    let mut row = vec![
        ("t", Field::Time(quote.at + ahead)),
        ("bp", price(bid)),
        ("bs", size(bid)),
        ("ap", price(ask)),
        ("as", size(ask)),
    ];
    if !is_crypto(listed) {
        let [has_bid, has_ask] = quote.best.map(|level| level.is_some());
        let place = |there: bool| Field::Word(if there { PLACE } else { " " });
        row.push(("bx", place(has_bid)));
        row.push(("ax", place(has_ask)));
        row.push(("c", Field::Words(vec![TWO_SIDED.to_owned()])));
        row.push(("z", Field::Word("C")));
    }
    Row(row)
}

pub(crate) fn bar(listed: &Listed, candle: &Candle, ahead: i64) -> Row {
    let price = |ticks| Field::Number(listed.price(ticks));
    let size = listed.size(candle.quantity);
    let lots = Amount::from_decimal(size).unwrap_or_default();
    let average = ratio(candle.quote, lots).truncated(PLACES).to_decimal();
    Row(vec![
        ("t", Field::Time(candle.start + ahead)),
        ("o", price(candle.open)),
        ("h", price(candle.high)),
        ("l", price(candle.low)),
        ("c", price(candle.close)),
        ("v", Field::Number(size)),
        ("n", Field::Count(candle.count.cast_signed())),
        ("vw", Field::Number(average)),
    ])
}

/// A book as it is now.
fn book(floor: &mut Floor, id: InstrumentId) -> Row {
    let at = floor.now() + floor.clock.ahead;
    let listed = floor.listed(id);
    let levels = |side| {
        let levels = floor.exchange.levels(id, side).take(DEPTH);
        let level = |(price, lots)| (listed.price(price), listed.size(lots));
        Field::Levels(levels.map(level).collect::<Vec<(Decimal, Decimal)>>())
    };
    Row(vec![("t", Field::Time(at)), ("b", levels(Side::Buy)), ("a", levels(Side::Sell))])
}

/// The first message of a book.
pub(crate) fn whole_book(floor: &mut Floor, id: InstrumentId) -> Row {
    let symbol = floor.listed(id).listing.symbol.clone();
    let Row(mut fields) = book(floor, id);
    fields.push(("r", Field::Flag(true)));
    Row(fields).after(super::streams::head("o", &symbol))
}

// Calls

/// Instruments that a call names; those of the other class are not there.
pub(crate) fn named(call: &Call<'_>) -> Result<Vec<(String, InstrumentId)>, Refusal> {
    let crypto = call.is_open;
    let names = call.query.list("symbols");
    if names.is_empty() {
        return Err(Refusal::plain(400, "symbols is required"));
    }
    let is_symbol = |name: &&&str| {
        let legal = |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'.';
        let parts: Vec<_> = name.split('/').collect();
        parts.len() == 1 + usize::from(crypto)
            && parts.iter().all(|part| !part.is_empty() && part.bytes().all(legal))
    };
    if let Some(wrong) = names.iter().find(|name| !is_symbol(name)) {
        let form = if crypto { "^[A-Z]+/[A-Z]+$" } else { "^[A-Z.]+$" };
        let text = format!("Invalid symbol(s): {wrong} does not match {form}");
        return Err(Refusal::plain(400, text));
    }
    let floor = &call.hall.floor;
    let found =
        names.into_iter().filter_map(|name| Some((name.to_owned(), floor.instrument(name)?)));
    Ok(found.filter(|(_, id)| is_crypto(floor.listed(*id)) == crypto).collect())
}

fn traded(floor: &Floor, id: InstrumentId, print: &Print) -> (i64, Row) {
    let at = print.at + floor.clock.ahead;
    let Print { trade: number, price, quantity, buyer_is_maker, .. } = *print;
    (at, trade(floor.listed(id), (number, at, price, quantity, !buyer_is_maker)))
}

pub(crate) fn trades(call: &mut Call<'_>) -> Answer {
    pages(call, "trades", |call, id| {
        let floor = &call.hall.floor;
        floor.markets[id as usize].prints.iter().map(|print| traded(floor, id, print)).collect()
    })
}

pub(crate) fn quotes(call: &mut Call<'_>) -> Answer {
    pages(call, "quotes", |call, id| {
        let (listed, ahead) = (call.hall.floor.listed(id), call.hall.floor.clock.ahead);
        let row = |one: &Quote| (one.at + ahead, quote(listed, one, ahead));
        call.desk.quotes.of(id).map(row).collect()
    })
}

pub(crate) fn bars(call: &mut Call<'_>) -> Answer {
    let timeframe = call.query.word("timeframe").unwrap_or_default();
    let timeframe = Timeframe::read(timeframe)
        .ok_or_else(|| Refusal::plain(400, format!("invalid timeframe: {timeframe}")))?;
    pages(call, "bars", |call, id| {
        let floor = &mut call.hall.floor;
        let now = floor.now();
        let candles = timeframe.candles(floor, id, now);
        let (listed, ahead) = (floor.listed(id), floor.clock.ahead);
        candles.iter().map(|candle| (candle.start + ahead, bar(listed, candle, ahead))).collect()
    })
}

/// A length of bars: so many of an interval that is kept.
#[derive(Clone, Copy, Debug)]
struct Timeframe {
    interval: Interval,
    count: i64,
    /// Of one of the interval; nothing if bars are those of the interval.
    length: i64,
}

impl Timeframe {
    fn read(text: &str) -> Option<Self> {
        let digits = text.find(|char: char| !char.is_ascii_digit())?;
        let count: i64 = text[..digits].parse().ok()?;
        let (name, length, most) = match &text[digits..] {
            "Min" | "T" | "min" => ("1m", MINUTE, 59),
            "Hour" | "H" | "hour" => ("1h", 60 * MINUTE, 23),
            "Day" | "D" | "day" => ("1d", 0, 1),
            "Week" | "W" | "week" => ("1w", 0, 1),
            "Month" | "M" | "month" => ("1M", 0, 1),
            _ => return None,
        };
        let interval = Interval::named(name)?;
        (1..=most).contains(&count).then_some(Self { interval, count, length })
    }

    /// Bars in which something was traded, oldest first.
    fn candles(self, floor: &mut Floor, id: InstrumentId, now: i64) -> Vec<Candle> {
        let kept = floor.market(id).candles.of(self.interval, now);
        let kept = kept.iter().filter(|candle| candle.count > 0).copied();
        if self.length == 0 || self.count == 1 {
            return kept.collect();
        }
        let step = self.count * self.length;
        let mut joined: Vec<Candle> = Vec::new();
        for candle in kept {
            let start = candle.start - candle.start.rem_euclid(step);
            match joined.last_mut() {
                Some(last) if last.start == start => *last = last.joined(&candle),
                _ => joined.push(Candle { start, ..candle }),
            }
        }
        joined
    }
}

/// One row of each named instrument.
fn latest(
    call: &mut Call<'_>,
    key: &str,
    row: impl Fn(&mut Call<'_>, InstrumentId) -> Option<Row>,
) -> Answer {
    let mut found = Map::new();
    for (symbol, id) in named(call)? {
        if let Some(row) = row(call, id) {
            found.insert(symbol, row.json());
        }
    }
    Ok(json!({key: found}))
}

fn last_trade(call: &Call<'_>, id: InstrumentId) -> Option<Row> {
    let floor = &call.hall.floor;
    let print = floor.markets[id as usize].prints.back()?;
    Some(traded(floor, id, print).1)
}

fn last_quote(call: &Call<'_>, id: InstrumentId) -> Option<Row> {
    let floor = &call.hall.floor;
    let last = call.desk.quotes.of(id).next_back()?;
    Some(quote(floor.listed(id), last, floor.clock.ahead))
}

/// The newest bar of an interval, or the one so many before it.
fn last_bar(call: &mut Call<'_>, id: InstrumentId, name: &str, before: usize) -> Option<Row> {
    let floor = &mut call.hall.floor;
    let now = floor.now();
    let candles = floor.market(id).candles.of(Interval::named(name)?, now);
    let candle = candles.iter().rev().filter(|candle| candle.count > 0).nth(before).copied()?;
    Some(bar(floor.listed(id), &candle, floor.clock.ahead))
}

pub(crate) fn latest_trades(call: &mut Call<'_>) -> Answer {
    latest(call, "trades", |call, id| last_trade(call, id))
}

pub(crate) fn latest_quotes(call: &mut Call<'_>) -> Answer {
    latest(call, "quotes", |call, id| last_quote(call, id))
}

pub(crate) fn latest_bars(call: &mut Call<'_>) -> Answer {
    latest(call, "bars", |call, id| last_bar(call, id, "1m", 0))
}

pub(crate) fn order_books(call: &mut Call<'_>) -> Answer {
    latest(call, "orderbooks", |call, id| Some(book(&mut call.hall.floor, id)))
}

fn snapshots(call: &mut Call<'_>) -> Result<Map<String, Value>, Refusal> {
    let mut found = Map::new();
    for (symbol, id) in named(call)? {
        let rows = [
            ("latestTrade", last_trade(call, id)),
            ("latestQuote", last_quote(call, id)),
            ("minuteBar", last_bar(call, id, "1m", 0)),
            ("dailyBar", last_bar(call, id, "1d", 0)),
            ("prevDailyBar", last_bar(call, id, "1d", 1)),
        ];
        let rows = rows.into_iter().filter_map(|(name, row)| Some((name.to_owned(), row?.json())));
        found.insert(symbol, Value::Object(rows.collect()));
    }
    Ok(found)
}

pub(crate) fn crypto_snapshots(call: &mut Call<'_>) -> Answer {
    Ok(json!({"snapshots": snapshots(call)?}))
}

/// Those of stocks have no name around them.
pub(crate) fn stock_snapshots(call: &mut Call<'_>) -> Answer {
    Ok(Value::Object(snapshots(call)?))
}

#[allow(clippy::unnecessary_wraps)] // All calls have one form.
pub(crate) fn exchanges(_: &mut Call<'_>) -> Answer {
    Ok(json!({PLACE: "IEX"}))
}

/// What the letters mean that trades or quotes have.
pub(crate) fn conditions(call: &mut Call<'_>) -> Answer {
    match call.name {
        "trade" => Ok(json!({SALE: "Regular Sale"})),
        "quote" => Ok(json!({TWO_SIDED: "Regular Two Sided Open"})),
        _ => Err(Refusal::plain(400, "invalid tick type")),
    }
}

#[cfg(test)]
mod tests {
    use super::Timeframe;

    #[test]
    fn timeframes_have_a_count_and_a_unit() {
        for text in ["1Min", "59Min", "5T", "1Hour", "23H", "1Day", "1Week", "1Month"] {
            assert!(Timeframe::read(text).is_some(), "{text}");
        }
        for text in ["", "Min", "0Min", "60Min", "24Hour", "2Day", "1Year", "1 Min", "-1Min"] {
            assert!(Timeframe::read(text).is_none(), "{text}");
        }
    }
}
