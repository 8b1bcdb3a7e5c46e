use rustonite_core::Decimal;
use rustonite_core::datasets::{Aggressor, BarKind, BarPrice, BarSource, OrderSide, draft, flags};

use super::{Action, BitMex, Scope, VENUE};
use crate::common::last;
use crate::error::Result;
use crate::event::{Floats, Sink};
use crate::json::Json;

const MINUTE_NS: i64 = 60_000_000_000;

/// An open liquidation order: messages tell only what changes in it.
#[derive(Clone, Debug)]
pub(super) struct Liquidation {
    symbol: String,
    side: OrderSide,
    price: Option<Decimal>,
    size: Decimal,
}

impl BitMex {
    pub(super) fn trades(
        &mut self,
        json: &mut Json<'_>,
        scope: Scope<'_>,
        sink: &mut dyn Sink,
    ) -> Result<()> {
        json.array()?;
        while json.item()? {
            let row = trade(json, scope.ts_recv, scope.action.if_partial(flags::STALE))?;
            if self.is_started(scope, row.symbol) {
                give(&row, sink);
            }
        }
        Ok(())
    }

    pub(super) fn quotes(
        &mut self,
        json: &mut Json<'_>,
        scope: Scope<'_>,
        sink: &mut dyn Sink,
    ) -> Result<()> {
        json.array()?;
        while json.item()? {
            let row = quote(json, scope)?;
            if self.is_started(scope, row.symbol) {
                sink.quote(&row);
            }
        }
        Ok(())
    }

    /// Bars, whose time is their end.
    pub(super) fn bars(
        &mut self,
        json: &mut Json<'_>,
        scope: Scope<'_>,
        sink: &mut dyn Sink,
    ) -> Result<()> {
        let length = match scope.table {
            "tradeBin1m" => ("1m", MINUTE_NS),
            "tradeBin5m" => ("5m", 5 * MINUTE_NS),
            "tradeBin1h" => ("1h", 60 * MINUTE_NS),
            _ => ("1d", 1440 * MINUTE_NS),
        };
        json.array()?;
        while json.item()? {
            let row = bar(json, length, scope)?;
            if let Some(row) = row.filter(|row| self.is_started(scope, row.symbol)) {
                sink.bar(&row);
            }
        }
        Ok(())
    }

    pub(super) fn liquidations(
        &mut self,
        json: &mut Json<'_>,
        scope: Scope<'_>,
        sink: &mut dyn Sink,
    ) -> Result<()> {
        if scope.action == Action::Partial {
            let concerned = |symbol: &str| scope.filter.is_none_or(|filter| filter == symbol);
            self.liquidations.retain(|_, open| !concerned(&open.symbol));
        }
        json.array()?;
        while json.item()? {
            self.liquidation(json, scope, sink)?;
        }
        Ok(())
    }

    fn liquidation(
        &mut self,
        json: &mut Json<'_>,
        scope: Scope<'_>,
        sink: &mut dyn Sink,
    ) -> Result<()> {
        let (mut id, mut symbol, mut side) = (None, None, None);
        let (mut price, mut size) = (None, None);
        json.object()?;
        while let Some(key) = json.key()? {
            match key {
                b"orderID" => id = Some(json.text()?),
                b"symbol" => symbol = Some(json.text()?),
                b"side" => side = order_side(json)?,
                b"price" => price = json.decimal_or_null()?,
                b"leavesQty" => size = json.decimal_or_null()?,
                _ => json.skip()?,
            }
        }
        let id = json.need(id, "a liquidation with `orderID`")?;
        let known = self.liquidations.remove(id);
        let known = known.as_ref();
        let Some(symbol) = symbol.or(known.map(|known| known.symbol.as_str())) else {
            // The end of an order that we were never told of.
            return Ok(());
        };
        let side = side.or(known.map(|known| known.side));
        if !self.is_started(scope, symbol) || (known.is_none() && side.is_none()) {
            return Ok(());
        }
        let deleted = scope.action == Action::Delete;
        let size = if deleted { Some(Decimal::ZERO) } else { size.or(known.map(|k| k.size)) };
        let open = Liquidation {
            symbol: symbol.to_owned(),
            side: json.need(side, "a liquidation with `side`")?,
            price: price.or(known.and_then(|known| known.price)),
            size: json.need(size, "a liquidation with `leavesQty`")?,
        };
        open.hand_out(id, last(json), scope, sink);
        if !deleted {
            self.liquidations.insert(id.to_owned(), open);
        }
        Ok(())
    }
}

impl Liquidation {
    fn hand_out(&self, id: &str, last: i32, scope: Scope<'_>, sink: &mut dyn Sink) {
        let repeated = scope.action.if_partial(flags::SNAPSHOT | flags::STALE);
        let mut floats = Floats::new(flags::LOCAL_TIME | repeated | last);
        let row = draft::Liquidations {
            ts_event: scope.ts_recv,
            ts_recv: scope.ts_recv,
            venue: VENUE,
            symbol: &self.symbol,
            side: self.side,
            side_raw: if self.side == OrderSide::Buy { "Buy" } else { "Sell" },
            price: floats.of_some(self.price),
            size: floats.of(self.size),
            liquidation_uid: Some(id),
            status_raw: Some(scope.action.name()),
            ..draft::Liquidations::default()
        };
        sink.liquidation(&draft::Liquidations { flags: floats.flags, ..row });
    }
}

/// A trade, or a value of an index that stands among the trades.
fn trade<'a>(json: &mut Json<'a>, ts_recv: i64, stale: i32) -> Result<draft::Trades<'a>> {
    let (mut symbol, mut time, mut id, mut side) = (None, None, None, None);
    let (mut price, mut size, mut kind) = (None, None, None);
    json.object()?;
    while let Some(key) = json.key()? {
        match key {
            b"symbol" => symbol = Some(json.text()?),
            b"timestamp" => time = Some(json.time_text()?),
            b"trdMatchID" => id = json.text_or_null()?,
            b"side" => side = order_side(json)?,
            b"price" => price = Some(json.decimal()?),
            b"size" => size = Some(json.decimal()?),
            b"trdType" => kind = json.text_or_null()?,
            _ => json.skip()?,
        }
    }
    let mut floats = Floats::new(stale | last(json));
    let row = draft::Trades {
        ts_event: json.need(time, "a trade with `timestamp`")?,
        ts_recv,
        venue: VENUE,
        symbol: json.need(symbol, "a trade with `symbol`")?,
        price: floats.of(json.need(price, "a trade with `price`")?),
        size: floats.of(json.need(size, "a trade with `size`")?),
        // Settlements have none.
        side: match side {
            Some(OrderSide::Buy) => Aggressor::Buy,
            Some(OrderSide::Sell) => Aggressor::Sell,
            None => Aggressor::Unknown,
        },
        trade_uid: id,
        conditions: kind.filter(|kind| *kind != "Regular"),
        ..draft::Trades::default()
    };
    Ok(draft::Trades { flags: floats.flags, ..row })
}

/// Hands out a trade. Indices, whose names begin with a point, are no trades.
fn give(row: &draft::Trades<'_>, sink: &mut dyn Sink) {
    if !row.symbol.starts_with('.') {
        sink.trade(row);
        return;
    }
    sink.ticker(&draft::Tickers {
        ts_event: row.ts_event,
        ts_recv: row.ts_recv,
        venue: VENUE,
        symbol: row.symbol,
        index_price: Some(row.price),
        flags: row.flags,
        ..draft::Tickers::default()
    });
}

/// A side of Buy or Sell, or none.
fn order_side(json: &mut Json<'_>) -> Result<Option<OrderSide>> {
    let start = *json;
    match json.text_or_null()? {
        Some("Buy") => Ok(Some(OrderSide::Buy)),
        Some("Sell") => Ok(Some(OrderSide::Sell)),
        None | Some("") => Ok(None),
        Some(_) => Err(start.expected("a side of Buy or Sell")),
    }
}

fn quote<'a>(json: &mut Json<'a>, scope: Scope<'_>) -> Result<draft::Quotes<'a>> {
    let (mut symbol, mut time) = (None, None);
    let (mut bid, mut bid_size, mut ask, mut ask_size) = (None, None, None, None);
    json.object()?;
    while let Some(key) = json.key()? {
        match key {
            b"symbol" => symbol = Some(json.text()?),
            b"timestamp" => time = Some(json.time_text()?),
            b"bidPrice" => bid = json.decimal_or_null()?,
            b"bidSize" => bid_size = json.decimal_or_null()?,
            b"askPrice" => ask = json.decimal_or_null()?,
            b"askSize" => ask_size = json.decimal_or_null()?,
            _ => json.skip()?,
        }
    }
    let repeated = scope.action.if_partial(flags::SNAPSHOT | flags::STALE);
    let mut floats = Floats::new(repeated | last(json));
    let (bid_price, bid_size) = floats.side(bid, bid_size);
    let (ask_price, ask_size) = floats.side(ask, ask_size);
    Ok(draft::Quotes {
        ts_event: json.need(time, "a quote with `timestamp`")?,
        ts_recv: scope.ts_recv,
        venue: VENUE,
        symbol: json.need(symbol, "a quote with `symbol`")?,
        bid_price,
        bid_size,
        ask_price,
        ask_size,
        flags: floats.flags,
        ..draft::Quotes::default()
    })
}

/// A bar; `None` for a span in which nothing has a price yet.
fn bar<'a>(
    json: &mut Json<'a>,
    (interval, length): (&'static str, i64),
    scope: Scope<'_>,
) -> Result<Option<draft::Bars<'a>>> {
    let (mut symbol, mut end, mut prices) = (None, None, [None; 4]);
    let mut floats = Floats::new(scope.action.if_partial(flags::STALE));
    let mut row = draft::Bars {
        ts_recv: scope.ts_recv,
        venue: VENUE,
        interval,
        kind: BarKind::Time,
        price_source: BarPrice::Trade,
        source: BarSource::Venue,
        is_final: 1,
        ..draft::Bars::default()
    };
    json.object()?;
    while let Some(key) = json.key()? {
        match key {
            b"symbol" => symbol = Some(json.text()?),
            b"timestamp" => end = Some(json.time_text()?),
            b"open" => prices[0] = floats.of_some(json.decimal_or_null()?),
            b"high" => prices[1] = floats.of_some(json.decimal_or_null()?),
            b"low" => prices[2] = floats.of_some(json.decimal_or_null()?),
            b"close" => prices[3] = floats.of_some(json.decimal_or_null()?),
            b"volume" => row.volume = floats.of_some(json.decimal_or_null()?),
            b"vwap" => row.vwap = floats.of_some(json.decimal_or_null()?),
            b"trades" => row.count = json.integer_or_null()?,
            // `turnover` counts parts of the settlement currency.
            b"foreignNotional" => row.turnover = floats.of_some(json.decimal_or_null()?),
            _ => json.skip()?,
        }
    }
    row.symbol = json.need(symbol, "a bar with `symbol`")?;
    row.ts_close = json.need(end, "a bar with `timestamp`")?;
    row.ts_event = row.ts_close;
    row.ts_open = json.need(row.ts_close.checked_sub(length), "a bar that begins after 1677")?;
    row.flags = floats.flags | last(json);
    let [Some(open), Some(high), Some(low), Some(close)] = prices else { return Ok(None) };
    (row.open, row.high, row.low, row.close) = (open, high, low, close);
    Ok(Some(row))
}
