use rustonite_core::Decimal;
use rustonite_core::datasets::{
    Aggressor, BarKind, BarPrice, BarSource, BookSide, InstrumentKind, InstrumentStatus,
    OrderAction, VolumeWindow, draft, flags,
};

use super::{Kraken, VENUE, session};
use crate::codec::Frame;
use crate::common::{ONE, last, quote, read_named, word};
use crate::error::Result;
use crate::event::{BookUpdate, Control, Floats, Order, OrdersUpdate, Sink};
use crate::json::Json;

/// What surrounds an item of `data`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Scope {
    pub(super) ts_recv: i64,
    /// When the message was sent, where it says.
    pub(super) sent: Option<i64>,
    /// Whether it tells the state at the time of the subscription.
    pub(super) is_snapshot: bool,
}

impl Scope {
    /// Flags of a row that is not one of a book.
    pub(super) fn flags(&self, json: &mut Json<'_>) -> i32 {
        let last = last(json);
        if self.is_snapshot { last | flags::STALE } else { last }
    }

    /// The time of a row, and the flag for one that has none.
    pub(super) fn time(&self, time: Option<i64>) -> (i64, i32) {
        match time {
            Some(time) => (time, 0),
            None => (self.ts_recv, flags::LOCAL_TIME),
        }
    }
}

impl Kraken {
    /// A message of v2, or an answer of either protocol.
    pub(super) fn message(&mut self, frame: Frame<'_>, sink: &mut dyn Sink) -> Result<()> {
        let mut json = Json::new(frame.data);
        let (mut channel, mut kind, mut data, mut is_read) = (None, None, None, false);
        let mut scope = Scope { ts_recv: frame.ts_recv, sent: None, is_snapshot: false };
        json.object()?;
        while let Some(key) = json.key()? {
            match (key, channel) {
                (b"method" | b"event" | b"error", _) => return session::answer(self, frame, sink),
                (b"channel", _) => channel = Some(json.text()?),
                (b"type", _) => {
                    kind = Some(json.text()?);
                    scope.is_snapshot = kind == Some("snapshot");
                }
                (b"timestamp", _) => scope.sent = Some(json.time_text()?),
                // A candle needs the time that may stand behind it.
                (b"data", Some(channel)) if kind.is_some() && channel != "ohlc" => {
                    self.data(&mut json, channel, scope, sink)?;
                    is_read = true;
                }
                (b"data", _) => data = Some(json.later()?),
                _ => json.skip()?,
            }
        }
        json.end()?;
        let channel = json.need(channel, "a message with `channel`")?;
        match data {
            Some(mut data) => self.data(&mut data, channel, scope, sink),
            None if channel == "heartbeat" => {
                sink.control(&Control::Heartbeat);
                Ok(())
            }
            None if is_read => Ok(()),
            None => Err(json.expected("a message with `data`")),
        }
    }

    fn data(
        &mut self,
        json: &mut Json<'_>,
        channel: &str,
        scope: Scope,
        sink: &mut dyn Sink,
    ) -> Result<()> {
        match channel {
            "book" | "level3" | "trade" | "ticker" | "ohlc" | "status" => {}
            "instrument" => return instruments(json, scope, sink),
            "heartbeat" => {
                sink.control(&Control::Heartbeat);
                return json.skip();
            }
            other => {
                sink.control(&Control::Unknown(other));
                return json.skip();
            }
        }
        json.array()?;
        while json.item()? {
            match channel {
                "book" => self.book(json, scope, sink)?,
                "level3" => self.orders(json, scope, sink)?,
                "trade" => trade(json, scope, sink)?,
                "ticker" => ticker(json, scope, sink)?,
                "ohlc" => bar(json, scope, sink)?,
                _ => status(json, sink)?,
            }
        }
        Ok(())
    }

    fn book(&mut self, json: &mut Json<'_>, scope: Scope, sink: &mut dyn Sink) -> Result<()> {
        let (mut symbol, mut time, mut checksum) = (None, None, None);
        self.levels.clear();
        json.object()?;
        while let Some(key) = json.key()? {
            match key {
                b"symbol" => symbol = Some(json.text()?),
                b"bids" => read_named(json, ["price", "qty"], BookSide::Bid, &mut self.levels)?,
                b"asks" => read_named(json, ["price", "qty"], BookSide::Ask, &mut self.levels)?,
                b"checksum" => checksum = Some(json.integer()?),
                b"timestamp" => time = Some(json.time_text()?),
                _ => json.skip()?,
            }
        }
        let symbol = json.need(symbol, "a book with `symbol`")?;
        // Snapshots had no time until 2025.
        let (ts_event, flags) = scope.time(time);
        sink.book(&BookUpdate {
            symbol,
            ts_event,
            ts_recv: scope.ts_recv,
            is_snapshot: scope.is_snapshot,
            checksum: Some(json.need(checksum, "a book with `checksum`")?),
            depth: self.book_depths.get(symbol).copied(),
            flags,
            levels: &self.levels,
            ..BookUpdate::default()
        });
        Ok(())
    }

    fn orders(&mut self, json: &mut Json<'_>, scope: Scope, sink: &mut dyn Sink) -> Result<()> {
        let mut orders = std::mem::take(&mut self.orders);
        let (mut symbol, mut time, mut newest, mut checksum) = (None, None, None, None);
        json.object()?;
        while let Some(key) = json.key()? {
            match key {
                b"symbol" => symbol = Some(json.text()?),
                b"bids" => read_orders(json, BookSide::Bid, &mut orders, &mut newest)?,
                b"asks" => read_orders(json, BookSide::Ask, &mut orders, &mut newest)?,
                b"checksum" => checksum = Some(json.integer()?),
                b"timestamp" => time = Some(json.time_text()?),
                _ => json.skip()?,
            }
        }
        let symbol = json.need(symbol, "orders with `symbol`")?;
        // Without a time of its own an update is as new as its newest order.
        let (ts_event, flags) = scope.time(time.or(newest));
        sink.orders(&OrdersUpdate {
            symbol,
            ts_event,
            ts_recv: scope.ts_recv,
            is_snapshot: scope.is_snapshot,
            checksum: Some(json.need(checksum, "orders with `checksum`")?),
            depth: self.order_depths.get(symbol).copied(),
            flags,
            orders: &orders,
            ..OrdersUpdate::default()
        });
        self.orders = emptied(orders);
        Ok(())
    }
}

fn trade(json: &mut Json<'_>, scope: Scope, sink: &mut dyn Sink) -> Result<()> {
    let (mut symbol, mut time, mut price, mut size) = (None, None, None, None);
    let (mut id, mut side) = (None, None);
    json.object()?;
    while let Some(key) = json.key()? {
        match key {
            b"symbol" => symbol = Some(json.text()?),
            b"side" => side = Some(aggressor(json)?),
            b"price" => price = Some(json.decimal()?),
            b"qty" => size = Some(json.decimal()?),
            b"trade_id" => id = Some(json.integer()?),
            b"timestamp" => time = Some(json.time_text()?),
            _ => json.skip()?,
        }
    }
    let mut floats = Floats::new(scope.flags(json));
    sink.trade(&draft::Trades {
        ts_event: json.need(time, "a trade with `timestamp`")?,
        ts_recv: scope.ts_recv,
        venue: VENUE,
        symbol: json.need(symbol, "a trade with `symbol`")?,
        price: floats.of(json.need(price, "a trade with `price`")?),
        size: floats.of(json.need(size, "a trade with `qty`")?),
        side: json.need(side, "a trade with `side`")?,
        trade_id: Some(json.need(id, "a trade with `trade_id`")?),
        flags: floats.flags,
        ..draft::Trades::default()
    });
    Ok(())
}

/// A ticker holds a quote and figures of the day.
fn ticker(json: &mut Json<'_>, scope: Scope, sink: &mut dyn Sink) -> Result<()> {
    let (mut symbol, mut time) = (None, None);
    let mut best = [None; 4];
    let mut row = draft::Tickers { venue: VENUE, ..draft::Tickers::default() };
    let mut floats = Floats::default();
    json.object()?;
    while let Some(key) = json.key()? {
        match key {
            b"symbol" => symbol = Some(json.text()?),
            b"bid" => best[0] = json.decimal_or_null()?,
            b"bid_qty" => best[1] = json.decimal_or_null()?,
            b"ask" => best[2] = json.decimal_or_null()?,
            b"ask_qty" => best[3] = json.decimal_or_null()?,
            b"last" => row.last_price = floats.of_some(json.decimal_or_null()?),
            b"volume" => row.volume = floats.of_some(json.decimal_or_null()?),
            b"vwap" => row.average_price = floats.of_some(json.decimal_or_null()?),
            b"low" => row.low_price = floats.of_some(json.decimal_or_null()?),
            b"high" => row.high_price = floats.of_some(json.decimal_or_null()?),
            b"timestamp" => time = Some(json.time_text()?),
            _ => json.skip()?,
        }
    }
    let (ts_event, local) = scope.time(time);
    let common = scope.flags(json) | local;
    row.symbol = json.need(symbol, "a ticker with `symbol`")?;
    (row.ts_event, row.ts_recv) = (ts_event, scope.ts_recv);
    row.volume_window = Some(VolumeWindow::Rolling24h);
    row.flags = floats.flags | common;
    sink.quote(&quote(&row, best, common));
    sink.ticker(&row);
    Ok(())
}

fn bar(json: &mut Json<'_>, scope: Scope, sink: &mut dyn Sink) -> Result<()> {
    let (mut symbol, mut open, mut minutes, mut prices) = (None, None, None, [None; 4]);
    let mut row = bar_row();
    let mut floats = Floats::default();
    json.object()?;
    while let Some(key) = json.key()? {
        match key {
            b"symbol" => symbol = Some(json.text()?),
            b"open" => prices[0] = Some(floats.of(json.decimal()?)),
            b"high" => prices[1] = Some(floats.of(json.decimal()?)),
            b"low" => prices[2] = Some(floats.of(json.decimal()?)),
            b"close" => prices[3] = Some(floats.of(json.decimal()?)),
            b"trades" => row.count = json.integer_or_null()?,
            b"volume" => row.volume = floats.of_some(json.decimal_or_null()?),
            b"vwap" => row.vwap = floats.of_some(json.decimal_or_null()?),
            b"interval_begin" => open = Some(json.time_text()?),
            b"interval" => minutes = Some(json.integer()?),
            _ => json.skip()?,
        }
    }
    let [Some(open_price), Some(high), Some(low), Some(close)] = prices else {
        return Err(json.expected("a candle with `open`, `high`, `low` and `close`"));
    };
    (row.open, row.high, row.low, row.close) = (open_price, high, low, close);
    row.symbol = json.need(symbol, "a candle with `symbol`")?;
    row.ts_open = json.need(open, "a candle with `interval_begin`")?;
    let named = minutes.and_then(interval);
    let (name, length) = json.need(named, "a candle with an `interval` of Kraken")?;
    row.interval = name;
    let end = row.ts_open.checked_add(length);
    row.ts_close = json.need(end, "an end of a candle before 2262")?;
    let (ts_event, local) = scope.time(scope.sent);
    (row.ts_event, row.ts_recv) = (ts_event, scope.ts_recv);
    row.is_final = i8::from(row.ts_close <= ts_event);
    row.flags = floats.flags | local | scope.flags(json);
    sink.bar(&row);
    Ok(())
}

fn instruments(json: &mut Json<'_>, scope: Scope, sink: &mut dyn Sink) -> Result<()> {
    json.object()?;
    while let Some(key) = json.key()? {
        if key != b"pairs" {
            json.skip()?;
            continue;
        }
        json.array()?;
        while json.item()? {
            let mut row = instrument_row(scope.ts_recv);
            if scope.is_snapshot {
                row.flags |= flags::SNAPSHOT;
            }
            instrument(json, &mut row)?;
            sink.instrument(&row);
        }
    }
    Ok(())
}

fn instrument<'a>(json: &mut Json<'a>, row: &mut draft::Instruments<'a>) -> Result<()> {
    json.object()?;
    while let Some(key) = json.key()? {
        match key {
            b"symbol" => row.symbol = json.text()?,
            b"base" => row.base = Some(json.text()?),
            b"quote" => row.quote = Some(json.text()?),
            b"status" => row.status_raw = json.text_or_null()?,
            b"price_increment" => row.tick_size = json.limit()?,
            b"price_precision" => row.price_scale = json.small_or_null()?,
            b"qty_increment" => row.lot_size = json.limit()?,
            b"qty_precision" => row.size_scale = json.small_or_null()?,
            b"qty_min" => row.size_min = json.limit()?,
            b"cost_min" => row.notional_min = json.limit()?,
            b"margin_initial" => row.margin_initial = json.scaled_or_null()?,
            b"marginable" => row.marginable = Some(i8::from(json.boolean()?)),
            b"position_limit_long" => row.position_max = json.limit()?,
            _ => json.skip()?,
        }
    }
    if row.symbol.is_empty() {
        return Err(json.expected("a pair with `symbol`"));
    }
    row.multiplier_asset = json.need(row.base, "a pair with `base`")?;
    row.status = instrument_status(row.status_raw);
    Ok(())
}

/// A row of a pair before anything is known of it. Kraken says nowhere when rules change.
pub(super) fn instrument_row(ts_recv: i64) -> draft::Instruments<'static> {
    draft::Instruments {
        ts_event: ts_recv,
        ts_recv,
        venue: VENUE,
        kind: InstrumentKind::Spot,
        multiplier: ONE,
        status: InstrumentStatus::Unknown,
        flags: flags::LAST | flags::LOCAL_TIME,
        ..draft::Instruments::default()
    }
}

pub(super) fn instrument_status(word: Option<&str>) -> InstrumentStatus {
    match word {
        Some("online") => InstrumentStatus::Trading,
        Some("cancel_only") => InstrumentStatus::CancelOnly,
        Some("post_only") => InstrumentStatus::PostOnly,
        Some("limit_only") => InstrumentStatus::LimitOnly,
        Some("reduce_only") => InstrumentStatus::ReduceOnly,
        Some("maintenance") => InstrumentStatus::Halted,
        Some("work_in_progress") => InstrumentStatus::PreOpen,
        Some("delisted") => InstrumentStatus::Delisted,
        _ => InstrumentStatus::Unknown,
    }
}

pub(super) fn bar_row() -> draft::Bars<'static> {
    draft::Bars {
        venue: VENUE,
        kind: BarKind::Time,
        price_source: BarPrice::Trade,
        source: BarSource::Venue,
        ..draft::Bars::default()
    }
}

/// Our name of an interval, and its length in nanoseconds.
pub(super) fn interval(minutes: i64) -> Option<(&'static str, i64)> {
    let name = match minutes {
        1 => "1m",
        5 => "5m",
        15 => "15m",
        30 => "30m",
        60 => "1h",
        240 => "4h",
        1440 => "1d",
        10_080 => "1w",
        21_600 => "15d",
        _ => return None,
    };
    Some((name, minutes * 60_000_000_000))
}

fn status(json: &mut Json<'_>, sink: &mut dyn Sink) -> Result<()> {
    let mut system = None;
    json.object()?;
    while let Some(key) = json.key()? {
        match key {
            b"system" => system = Some(json.text()?),
            _ => json.skip()?,
        }
    }
    sink.control(&Control::Status(json.need(system, "a status with `system`")?));
    Ok(())
}

fn aggressor(json: &mut Json<'_>) -> Result<Aggressor> {
    word(json, &[(b"buy", Aggressor::Buy), (b"sell", Aggressor::Sell)], "a side of buy or sell")
}

/// Orders of one side. Those of a snapshot have no event.
fn read_orders<'a>(
    json: &mut Json<'a>,
    side: BookSide,
    orders: &mut Vec<Order<'a>>,
    newest: &mut Option<i64>,
) -> Result<()> {
    json.array()?;
    while json.item()? {
        let mut order = Order { side: Some(side), ..Order::default() };
        json.object()?;
        while let Some(key) = json.key()? {
            match key {
                b"event" => order.action = order_action(json)?,
                b"order_id" => order.order_uid = Some(json.text()?),
                b"limit_price" => order.price = Some(json.decimal()?),
                b"order_qty" => order.size = Some(json.decimal()?),
                b"timestamp" => order.ts_order = Some(json.time_text()?),
                _ => json.skip()?,
            }
        }
        json.need(order.order_uid, "an order with `order_id`")?;
        json.need(order.price, "an order with `limit_price`")?;
        json.need(order.size, "an order with `order_qty`")?;
        // What a deleted order last had is no longer in the book.
        if order.action == OrderAction::Remove {
            order.size = Some(Decimal::ZERO);
        }
        *newest = (*newest).max(order.ts_order);
        orders.push(order);
    }
    Ok(())
}

fn order_action(json: &mut Json<'_>) -> Result<OrderAction> {
    word(
        json,
        &[
            (b"add", OrderAction::Add),
            (b"modify", OrderAction::Modify),
            (b"delete", OrderAction::Remove),
        ],
        "an event of add, modify or delete",
    )
}

/// The same memory for orders of another message: nothing is left in it that borrows.
fn emptied(mut orders: Vec<Order<'_>>) -> Vec<Order<'static>> {
    orders.clear();
    // Collecting in place keeps the allocation.
    orders.into_iter().map(|_| Order::default()).collect()
}
