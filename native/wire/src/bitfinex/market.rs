use std::collections::HashSet;

use rustonite_core::Decimal;
use rustonite_core::calendar::months_later;
use rustonite_core::datasets::{
    Aggressor, BarKind, BarPrice, BarSource, BookSide, OrderAction, OrderSide, VolumeWindow, draft,
    flags,
};

use super::{Bitfinex, Channel, Kind, VENUE};
use crate::codec::Frame;
use crate::common::{last, rest_of_array};
use crate::error::Result;
use crate::event::{BookUpdate, Control, Floats, Level, Order, OrdersUpdate, Sink};
use crate::json::{self, Json};

/// Numbers of messages are below, times in milliseconds (since 1973) above.
pub(super) const TIMES_FROM: i64 = 100_000_000_000;
const HOUR_NS: i64 = 3_600_000_000_000;
const DAY_NS: i64 = 24 * HOUR_NS;

/// What the configuration appends to a message.
#[derive(Clone, Copy, Debug)]
pub(super) struct Tail {
    pub(super) ts_recv: i64,
    pub(super) sequence: Option<i64>,
    pub(super) time: Option<i64>,
}

impl Tail {
    /// Reads the rest of a message, up to its end, and tells its number.
    fn read(json: &mut Json<'_>, ts_recv: i64, sink: &mut dyn Sink) -> Result<Self> {
        let mut tail = Self { ts_recv, sequence: None, time: None };
        while json.item()? {
            let mut ahead = *json;
            if ahead.integer()? < TIMES_FROM {
                tail.sequence = Some(json.integer()?);
            } else {
                tail.time = Some(json.time_ms()?);
            }
        }
        json.end()?;
        if let Some(sequence) = tail.sequence {
            sink.control(&Control::Sequence(sequence));
        }
        Ok(tail)
    }

    /// The time of a row that has none of its own, and the flag if there is none at all.
    pub(super) fn time(self) -> (i64, i32) {
        match self.time {
            Some(time) => (time, 0),
            None => (self.ts_recv, flags::LOCAL_TIME),
        }
    }
}

/// Length of a candle.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Interval {
    name: &'static str,
    /// 0 for a month.
    length_ns: i64,
}

impl Interval {
    /// An interval by the venue's name.
    pub(super) fn of(name: &str) -> Option<Self> {
        let minutes = |name, count: i64| Self { name, length_ns: count * HOUR_NS / 60 };
        let days = |name, count: i64| Self { name, length_ns: count * DAY_NS };
        Some(match name {
            "1m" => minutes("1m", 1),
            "5m" => minutes("5m", 5),
            "15m" => minutes("15m", 15),
            "30m" => minutes("30m", 30),
            "1h" => minutes("1h", 60),
            "3h" => minutes("3h", 180),
            "6h" => minutes("6h", 360),
            "12h" => minutes("12h", 720),
            "1D" => days("1d", 1),
            "1W" => days("1w", 7),
            "7D" => days("7d", 7),
            "14D" => days("14d", 14),
            "1M" => days("1mo", 0),
            _ => return None,
        })
    }

    /// The end of a candle.
    fn end(self, open: i64) -> Option<i64> {
        if self.length_ns > 0 {
            return open.checked_add(self.length_ns);
        }
        months_later(open.div_euclid(DAY_NS), 1)?.checked_mul(DAY_NS)
    }
}

impl Bitfinex {
    /// `[number of the channel, payload, number of the message, time]`.
    pub(super) fn data(&mut self, frame: Frame<'_>, sink: &mut dyn Sink) -> Result<()> {
        let mut json = Json::new(frame.data);
        json.array()?;
        json.next_item("the number of a channel")?;
        let number = json.integer()?;
        json.next_item("what the channel sends")?;
        if json.kind()? == json::Kind::Text {
            return self.named(number, &mut json, frame.ts_recv, sink);
        }
        let place = self.channels.iter().position(|channel| channel.number == number);
        let Some(channel) = place.and_then(|place| self.channels.get_mut(place)) else {
            json.skip()?;
            Tail::read(&mut json, frame.ts_recv, sink)?;
            sink.control(&Control::Unknown("a channel without acknowledgement"));
            return Ok(());
        };
        match channel.kind {
            Kind::Book => {
                let is_snapshot = read_levels(&mut json, &mut self.levels)?;
                let tail = Tail::read(&mut json, frame.ts_recv, sink)?;
                let update = book_update(&channel.symbol, tail);
                sink.book(&BookUpdate { is_snapshot, levels: &self.levels, ..update });
                Ok(())
            }
            Kind::Orders => {
                let is_snapshot = read_orders(&mut json, &mut channel.ids, &mut self.orders)?;
                let tail = Tail::read(&mut json, frame.ts_recv, sink)?;
                let update = orders_update(&channel.symbol, tail);
                sink.orders(&OrdersUpdate { is_snapshot, orders: &self.orders, ..update });
                Ok(())
            }
            _ => {
                let channel = &*channel;
                // Their rows need the time that stands behind them.
                let payload = json.later()?;
                let tail = Tail::read(&mut json, frame.ts_recv, sink)?;
                figures(payload, channel, tail, sink)
            }
        }
    }

    /// Messages with a word in front of what they say.
    fn named(
        &mut self,
        number: i64,
        json: &mut Json<'_>,
        ts_recv: i64,
        sink: &mut dyn Sink,
    ) -> Result<()> {
        let word = json.text()?;
        // Heartbeats may come before the acknowledgement of their channel.
        if word == "hb" {
            Tail::read(json, ts_recv, sink)?;
            sink.control(&Control::Heartbeat);
            return Ok(());
        }
        json.next_item("what the message says")?;
        let mut payload = json.later()?;
        let tail = Tail::read(json, ts_recv, sink)?;
        let channel = self.channels.iter().find(|channel| channel.number == number);
        let Some(channel) = channel else {
            sink.control(&Control::Unknown("a channel without acknowledgement"));
            return Ok(());
        };
        match (channel.kind, word) {
            (Kind::Trades, "te") => {
                payload.array()?;
                payload.next_item("the id of a trade")?;
                trade(&mut payload, &channel.symbol, tail, flags::LAST, sink)
            }
            // The same trade once more.
            (Kind::Trades, "tu") => {
                sink.control(&Control::Nothing);
                Ok(())
            }
            (Kind::Book, "cs") => {
                let checksum = Some(payload.integer()?);
                sink.book(&BookUpdate { checksum, ..book_update(&channel.symbol, tail) });
                Ok(())
            }
            (Kind::Orders, "cs") => {
                let checksum = Some(payload.integer()?);
                sink.orders(&OrdersUpdate { checksum, ..orders_update(&channel.symbol, tail) });
                Ok(())
            }
            (_, other) => {
                sink.control(&Control::Unknown(other));
                Ok(())
            }
        }
    }
}

/// Rows of the channels that are no books.
fn figures(
    mut payload: Json<'_>,
    channel: &Channel,
    tail: Tail,
    sink: &mut dyn Sink,
) -> Result<()> {
    match channel.kind {
        Kind::Trades => history(&mut payload, &channel.symbol, tail, sink),
        Kind::Ticker => ticker(&mut payload, &channel.symbol, tail, sink),
        Kind::Derivative => derivative(&mut payload, &channel.symbol, tail, sink),
        Kind::Liquidations => liquidations(&mut payload, tail, sink),
        Kind::Candles(interval) => candles(&mut payload, channel, interval, tail, sink),
        Kind::Book | Kind::Orders | Kind::Other => {
            sink.control(&Control::Unknown(&channel.name));
            Ok(())
        }
    }
}

/// The trades before a subscription.
fn history(json: &mut Json<'_>, symbol: &str, tail: Tail, sink: &mut dyn Sink) -> Result<()> {
    json.array()?;
    while json.item()? {
        json.array()?;
        json.next_item("the id of a trade")?;
        trade(json, symbol, tail, flags::STALE, sink)?;
    }
    Ok(())
}

/// A trade, from behind its opening bracket to its end.
fn trade(
    json: &mut Json<'_>,
    symbol: &str,
    tail: Tail,
    mut flags: i32,
    sink: &mut dyn Sink,
) -> Result<()> {
    let id = json.integer()?;
    json.next_item("the time of a trade")?;
    let time = json.time_ms()?;
    json.next_item("the amount of a trade")?;
    let amount = json.decimal()?;
    json.next_item("the price of a trade")?;
    let price = json.decimal()?;
    rest_of_array(json)?;
    if json.at_last_item() {
        flags |= flags::LAST;
    }
    let mut floats = Floats::new(flags);
    sink.trade(&draft::Trades {
        ts_event: time,
        ts_recv: tail.ts_recv,
        venue: VENUE,
        symbol,
        price: floats.of(price),
        size: floats.of(magnitude(json, amount)?),
        side: if amount.mantissa() > 0 { Aggressor::Buy } else { Aggressor::Sell },
        trade_id: Some(id),
        flags: floats.flags,
        ..draft::Trades::default()
    });
    Ok(())
}

/// Figures of the day. The sizes beside bid and ask are sums over 25 levels, so that they make
/// no quote.
fn ticker(json: &mut Json<'_>, symbol: &str, tail: Tail, sink: &mut dyn Sink) -> Result<()> {
    let (ts_event, local) = tail.time();
    let mut row = draft::Tickers {
        ts_event,
        ts_recv: tail.ts_recv,
        venue: VENUE,
        symbol,
        volume_window: Some(VolumeWindow::Rolling24h),
        ..draft::Tickers::default()
    };
    let mut floats = Floats::new(flags::LAST | local);
    json.array()?;
    for place in 0..10 {
        json.next_item("ten figures of a ticker")?;
        let figure = match place {
            6 => &mut row.last_price,
            7 => &mut row.volume,
            8 => &mut row.high_price,
            9 => &mut row.low_price,
            _ => {
                json.skip()?;
                continue;
            }
        };
        *figure = floats.of_some(json.decimal_or_null()?);
    }
    rest_of_array(json)?;
    row.flags = floats.flags;
    sink.ticker(&row);
    Ok(())
}

/// State of a derivative.
fn derivative(json: &mut Json<'_>, symbol: &str, tail: Tail, sink: &mut dyn Sink) -> Result<()> {
    let ts_recv = tail.ts_recv;
    let mut row = draft::Tickers { ts_recv, venue: VENUE, symbol, ..draft::Tickers::default() };
    let mut floats = Floats::new(flags::LAST);
    json.array()?;
    json.next_item("the time of a state")?;
    row.ts_event = json.time_ms_decimal()?;
    let mut place = 0;
    while json.item()? {
        place += 1;
        let figure = match place {
            2 => &mut row.mid_price,
            3 => &mut row.index_price,
            7 => {
                row.ts_funding_next = json.time_ms_if_any()?;
                continue;
            }
            8 => &mut row.funding_rate_next,
            11 => &mut row.funding_rate,
            14 => &mut row.mark_price,
            17 => &mut row.open_interest,
            _ => {
                json.skip()?;
                continue;
            }
        };
        *figure = floats.of_some(json.decimal_or_null()?);
    }
    row.flags = floats.flags;
    sink.ticker(&row);
    Ok(())
}

fn liquidations(json: &mut Json<'_>, tail: Tail, sink: &mut dyn Sink) -> Result<()> {
    json.array()?;
    while json.item()? {
        liquidation(json, tail, sink)?;
    }
    Ok(())
}

fn liquidation(json: &mut Json<'_>, tail: Tail, sink: &mut dyn Sink) -> Result<()> {
    let (mut id, mut time, mut symbol, mut amount) = (None, None, None, None);
    let (mut price, mut status_raw, mut place) = (None, None, 0);
    json.array()?;
    while json.item()? {
        match place {
            1 => id = json.integer_or_null()?,
            2 => time = Some(json.time_ms_decimal()?),
            4 => symbol = Some(json.text()?),
            5 => amount = Some(json.decimal()?),
            8 => {
                status_raw = json
                    .integer_or_null()?
                    .map(|is_match| if is_match == 0 { "is_match=0" } else { "is_match=1" });
            }
            11 => price = json.decimal_or_null()?,
            _ => json.skip()?,
        }
        place += 1;
    }
    let last = last(json);
    let mut floats = Floats::new(last);
    let amount = json.need(amount, "a liquidation with an amount")?;
    // The amount is that of the position: a long one is closed by selling.
    let is_long = amount.mantissa() > 0;
    sink.liquidation(&draft::Liquidations {
        ts_event: json.need(time, "a liquidation with a time")?,
        ts_recv: tail.ts_recv,
        venue: VENUE,
        symbol: json.need(symbol, "a liquidation with a symbol")?,
        side: if is_long { OrderSide::Sell } else { OrderSide::Buy },
        side_raw: if is_long { "+" } else { "-" },
        price: floats.of_some(price),
        size: floats.of(magnitude(json, amount)?),
        liquidation_id: id,
        status_raw,
        flags: floats.flags,
        ..draft::Liquidations::default()
    });
    Ok(())
}

/// A candle, or an array of earlier ones.
fn candles(
    json: &mut Json<'_>,
    channel: &Channel,
    interval: Interval,
    tail: Tail,
    sink: &mut dyn Sink,
) -> Result<()> {
    json.array()?;
    if !json.item()? {
        return Ok(());
    }
    if json.kind()? != json::Kind::Array {
        return candle(json, channel, interval, tail, flags::LAST, sink);
    }
    loop {
        json.array()?;
        json.next_item("the time of a candle")?;
        candle(json, channel, interval, tail, flags::STALE, sink)?;
        if !json.item()? {
            return Ok(());
        }
    }
}

/// A candle, from behind its opening bracket to its end.
fn candle(
    json: &mut Json<'_>,
    channel: &Channel,
    interval: Interval,
    tail: Tail,
    flags: i32,
    sink: &mut dyn Sink,
) -> Result<()> {
    let (ts_event, local) = tail.time();
    let ts_open = json.time_ms()?;
    let mut floats = Floats::new(flags | local);
    let mut figures = [0.0; 5];
    for figure in &mut figures {
        json.next_item("five figures of a candle")?;
        *figure = floats.of(json.decimal()?);
    }
    rest_of_array(json)?;
    let last = last(json);
    let [open, close, high, low, volume] = figures;
    let ts_close = json.need(interval.end(ts_open), "an end of a candle before 2262")?;
    sink.bar(&draft::Bars {
        ts_event,
        ts_recv: tail.ts_recv,
        venue: VENUE,
        symbol: &channel.symbol,
        ts_open,
        ts_close,
        interval: interval.name,
        kind: BarKind::Time,
        price_source: BarPrice::Trade,
        source: BarSource::Venue,
        open,
        high,
        low,
        close,
        volume: Some(volume),
        is_final: i8::from(ts_close <= ts_event),
        flags: floats.flags | last,
        ..draft::Bars::default()
    });
    Ok(())
}

/// What all messages of a book say.
fn book_update(symbol: &str, tail: Tail) -> BookUpdate<'_> {
    let (ts_event, flags) = tail.time();
    BookUpdate {
        symbol,
        ts_event,
        ts_recv: tail.ts_recv,
        seq: tail.sequence,
        flags,
        ..BookUpdate::default()
    }
}

/// What all messages of a book of orders say.
fn orders_update(symbol: &str, tail: Tail) -> OrdersUpdate<'_> {
    let (ts_event, flags) = tail.time();
    OrdersUpdate {
        symbol,
        ts_event,
        ts_recv: tail.ts_recv,
        seq: tail.sequence,
        flags,
        ..OrdersUpdate::default()
    }
}

/// A level or an array of all levels; whether it was all.
fn read_levels(json: &mut Json<'_>, levels: &mut Vec<Level>) -> Result<bool> {
    levels.clear();
    entries(json, |json, _| {
        let price = json.decimal()?;
        json.next_item("a number of orders")?;
        let start = *json;
        let count = start.need(json.small_or_null()?, "a number of orders")?;
        json.next_item("an amount")?;
        let amount = json.decimal()?;
        let side = side_of(amount);
        // A level that goes away has the amount 1 or -1, for its side.
        let size = if count == 0 { Decimal::ZERO } else { magnitude(json, amount)? };
        levels.push(Level { side, price, size, count: Some(count) });
        Ok(())
    })
}

/// An order or an array of all orders; whether it was all.
fn read_orders(
    json: &mut Json<'_>,
    ids: &mut HashSet<i64>,
    orders: &mut Vec<Order<'static>>,
) -> Result<bool> {
    orders.clear();
    let is_snapshot = entries(json, |json, is_first_of_all| {
        if is_first_of_all {
            ids.clear();
        }
        let id = json.integer()?;
        json.next_item("a price")?;
        let price = json.decimal()?;
        json.next_item("an amount")?;
        let amount = json.decimal()?;
        let side = side_of(amount);
        // An order that goes away has price 0 and the amount 1 or -1, for its side.
        let (action, price, size) = if price.is_zero() {
            ids.remove(&id);
            (OrderAction::Remove, None, Decimal::ZERO)
        } else {
            let is_new = ids.insert(id);
            let action = if is_new { OrderAction::Add } else { OrderAction::Modify };
            (action, Some(price), magnitude(json, amount)?)
        };
        orders.push(Order {
            action,
            side: Some(side),
            order_id: Some(id),
            price,
            size: Some(size),
            ..Order::default()
        });
        Ok(())
    })?;
    if orders.is_empty() {
        ids.clear();
    }
    Ok(is_snapshot)
}

/// Goes through an entry or an array of entries, from behind the opening bracket of each. Says
/// whether it was an array; an empty one is.
fn entries<'a>(
    json: &mut Json<'a>,
    mut read: impl FnMut(&mut Json<'a>, bool) -> Result<()>,
) -> Result<bool> {
    json.array()?;
    if !json.item()? {
        return Ok(true);
    }
    if json.kind()? != json::Kind::Array {
        read(json, false)?;
        rest_of_array(json)?;
        return Ok(false);
    }
    let mut is_first = true;
    loop {
        json.array()?;
        json.next_item("an entry of a book")?;
        read(json, is_first)?;
        rest_of_array(json)?;
        is_first = false;
        if !json.item()? {
            return Ok(true);
        }
    }
}

/// Bids have positive amounts, asks negative ones.
fn side_of(amount: Decimal) -> BookSide {
    if amount.mantissa() < 0 { BookSide::Ask } else { BookSide::Bid }
}

fn magnitude(json: &Json<'_>, amount: Decimal) -> Result<Decimal> {
    let size = Decimal::new(amount.mantissa().abs(), amount.exponent());
    size.map_err(|_| json.expected("an amount"))
}
