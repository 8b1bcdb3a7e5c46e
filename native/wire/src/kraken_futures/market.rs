use rustonite_core::datasets::{
    Aggressor, BookSide, InstrumentStatus, OrderSide, VolumeWindow, draft, flags,
};

use super::{KrakenFutures, VENUE};
use crate::common::{last, quote, read_named, word};
use crate::error::Result;
use crate::event::{BookUpdate, Floats, Level, Sink};
use crate::json::Json;

impl KrakenFutures {
    /// A whole book.
    pub(super) fn picture(
        &mut self,
        json: &mut Json<'_>,
        ts_recv: i64,
        sink: &mut dyn Sink,
    ) -> Result<()> {
        let (mut symbol, mut time, mut seq) = (None, None, None);
        self.levels.clear();
        json.object()?;
        while let Some(key) = json.key()? {
            match key {
                b"product_id" => symbol = Some(json.text()?),
                b"seq" => seq = Some(json.integer()?),
                b"timestamp" => time = Some(json.time_ms()?),
                b"bids" => read_named(json, ["price", "qty"], BookSide::Bid, &mut self.levels)?,
                b"asks" => read_named(json, ["price", "qty"], BookSide::Ask, &mut self.levels)?,
                _ => json.skip()?,
            }
        }
        // Pictures have been seen with levels that hold nothing.
        self.levels.retain(|level| !level.size.is_zero());
        sink.book(&BookUpdate {
            symbol: json.need(symbol, "a book with `product_id`")?,
            ts_event: json.need(time, "a book with `timestamp`")?,
            ts_recv,
            is_snapshot: true,
            seq: Some(json.need(seq, "a book with `seq`")?),
            levels: &self.levels,
            ..BookUpdate::default()
        });
        Ok(())
    }
}

/// The trades before a subscription.
pub(super) fn history(json: &mut Json<'_>, ts_recv: i64, sink: &mut dyn Sink) -> Result<()> {
    let mut is_read = false;
    json.object()?;
    while let Some(key) = json.key()? {
        if key != b"trades" {
            json.skip()?;
            continue;
        }
        is_read = true;
        json.array()?;
        while json.item()? {
            trade(json, ts_recv, flags::STALE, sink)?;
        }
    }
    if is_read { Ok(()) } else { Err(json.expected("a history with `trades`")) }
}

/// The rows of a trade: a forced one is a liquidation as well.
pub(super) fn trade(
    json: &mut Json<'_>,
    ts_recv: i64,
    stale: i32,
    sink: &mut dyn Sink,
) -> Result<()> {
    let (mut symbol, mut uid, mut side, mut kind) = (None, None, None, None);
    let (mut time, mut price, mut size) = (None, None, None);
    json.object()?;
    while let Some(key) = json.key()? {
        match key {
            b"product_id" => symbol = Some(json.text()?),
            b"uid" => uid = Some(json.text()?),
            b"side" => side = Some(json.text()?),
            b"type" => kind = json.text_or_null()?,
            b"time" => time = Some(json.time_ms()?),
            b"price" => price = Some(json.decimal()?),
            b"qty" => size = Some(json.decimal()?),
            _ => json.skip()?,
        }
    }
    // A trade of now is alone, one of the past may be one of a list.
    let last = if stale == 0 { flags::LAST } else { last(json) };
    let mut floats = Floats::new(stale | last);
    let side_raw = json.need(side, "a trade with `side`")?;
    let (side, order_side) = match side_raw {
        "buy" => (Aggressor::Buy, OrderSide::Buy),
        "sell" => (Aggressor::Sell, OrderSide::Sell),
        _ => return Err(json.expected("a side of buy or sell")),
    };
    let row = draft::Trades {
        ts_event: json.need(time, "a trade with `time`")?,
        ts_recv,
        venue: VENUE,
        symbol: json.need(symbol, "a trade with `product_id`")?,
        price: floats.of(json.need(price, "a trade with `price`")?),
        size: floats.of(json.need(size, "a trade with `qty`")?),
        side,
        trade_uid: Some(json.need(uid, "a trade with `uid`")?),
        conditions: kind.filter(|kind| *kind != "fill"),
        flags: floats.flags,
        ..draft::Trades::default()
    };
    sink.trade(&row);
    if kind == Some("liquidation") {
        sink.liquidation(&draft::Liquidations {
            ts_event: row.ts_event,
            ts_recv: row.ts_recv,
            venue: row.venue,
            symbol: row.symbol,
            side: order_side,
            side_raw,
            price: Some(row.price),
            size: row.size,
            liquidation_uid: uid,
            flags: row.flags | flags::LAST,
            ..draft::Liquidations::default()
        });
    }
    Ok(())
}

/// A ticker holds a quote, prices of reference, funding and figures of the day.
pub(super) fn ticker(json: &mut Json<'_>, ts_recv: i64, sink: &mut dyn Sink) -> Result<()> {
    let (mut symbol, mut time, mut best) = (None, None, [None; 4]);
    let (mut is_suspended, mut is_post_only) = (None, None);
    let mut row = ticker_row(ts_recv);
    let mut floats = Floats::new(flags::LAST);
    json.object()?;
    while let Some(key) = json.key()? {
        match key {
            b"product_id" => symbol = Some(json.text()?),
            b"time" => time = Some(json.time_ms()?),
            b"bid" => best[0] = json.decimal_or_null()?,
            b"bid_size" => best[1] = json.decimal_or_null()?,
            b"ask" => best[2] = json.decimal_or_null()?,
            b"ask_size" => best[3] = json.decimal_or_null()?,
            b"last" => row.last_price = floats.of_some(json.decimal_or_null()?),
            b"markPrice" => row.mark_price = floats.of_some(json.decimal_or_null()?),
            b"index" => row.index_price = floats.of_some(json.decimal_or_null()?),
            b"premium" => row.premium = floats.of_some(json.shifted_or_null(2)?),
            b"funding_rate" => {
                row.funding_rate_absolute = floats.of_some(json.decimal_or_null()?);
            }
            b"relative_funding_rate" => {
                row.funding_rate = floats.of_some(json.decimal_or_null()?);
            }
            b"relative_funding_rate_prediction" => {
                row.funding_rate_next = floats.of_some(json.decimal_or_null()?);
            }
            b"next_funding_rate_time" => {
                row.ts_funding_next = Some(json.time_ms()?).filter(|time| *time > 0);
            }
            b"openInterest" => row.open_interest = floats.of_some(json.decimal_or_null()?),
            b"volume" => row.volume = floats.of_some(json.decimal_or_null()?),
            b"volumeQuote" => row.turnover = floats.of_some(json.decimal_or_null()?),
            b"open" => row.open_price = floats.of_some(json.decimal_or_null()?),
            b"high" => row.high_price = floats.of_some(json.decimal_or_null()?),
            b"low" => row.low_price = floats.of_some(json.decimal_or_null()?),
            b"suspended" => is_suspended = Some(json.boolean()?),
            b"post_only" => is_post_only = Some(json.boolean()?),
            _ => json.skip()?,
        }
    }
    row.symbol = json.need(symbol, "a ticker with `product_id`")?;
    row.ts_event = json.need(time, "a ticker with `time`")?;
    (row.status, row.status_raw) = status(is_suspended, is_post_only);
    row.flags = floats.flags;
    sink.quote(&quote(&row, best, flags::LAST));
    sink.ticker(&row);
    Ok(())
}

/// The short ticker: prices of it have no sizes, so they make no quote.
pub(super) fn ticker_lite(json: &mut Json<'_>, ts_recv: i64, sink: &mut dyn Sink) -> Result<()> {
    let mut symbol = None;
    let mut row = ticker_row(ts_recv);
    let mut floats = Floats::new(flags::LAST | flags::LOCAL_TIME);
    json.object()?;
    while let Some(key) = json.key()? {
        match key {
            b"product_id" => symbol = Some(json.text()?),
            b"premium" => row.premium = floats.of_some(json.shifted_or_null(2)?),
            b"volume" => row.volume = floats.of_some(json.decimal_or_null()?),
            b"volumeQuote" => row.turnover = floats.of_some(json.decimal_or_null()?),
            _ => json.skip()?,
        }
    }
    row.symbol = json.need(symbol, "a ticker with `product_id`")?;
    row.flags = floats.flags;
    sink.ticker(&row);
    Ok(())
}

fn ticker_row(ts_recv: i64) -> draft::Tickers<'static> {
    draft::Tickers {
        ts_event: ts_recv,
        ts_recv,
        venue: VENUE,
        volume_window: Some(VolumeWindow::Rolling24h),
        ..draft::Tickers::default()
    }
}

/// A change of one level.
pub(super) fn change(json: &mut Json<'_>, ts_recv: i64, sink: &mut dyn Sink) -> Result<()> {
    let (mut symbol, mut time, mut seq) = (None, None, None);
    let (mut side, mut price, mut size) = (None, None, None);
    json.object()?;
    while let Some(key) = json.key()? {
        match key {
            b"product_id" => symbol = Some(json.text()?),
            b"side" => side = Some(book_side(json)?),
            b"seq" => seq = Some(json.integer()?),
            b"price" => price = Some(json.decimal()?),
            b"qty" => size = Some(json.decimal()?),
            b"timestamp" => time = Some(json.time_ms()?),
            _ => json.skip()?,
        }
    }
    let level = Level {
        side: json.need(side, "a level with `side`")?,
        price: json.need(price, "a level with `price`")?,
        size: json.need(size, "a level with `qty`")?,
        count: None,
    };
    sink.book(&BookUpdate {
        symbol: json.need(symbol, "a level with `product_id`")?,
        ts_event: json.need(time, "a level with `timestamp`")?,
        ts_recv,
        seq: Some(json.need(seq, "a level with `seq`")?),
        levels: &[level],
        ..BookUpdate::default()
    });
    Ok(())
}

/// What the two switches say; the venue has no word for a contract that trades.
fn status(
    is_suspended: Option<bool>,
    is_post_only: Option<bool>,
) -> (Option<InstrumentStatus>, Option<&'static str>) {
    match (is_suspended, is_post_only) {
        (None, None) => (None, None),
        (Some(true), _) => (Some(InstrumentStatus::Halted), Some("suspended")),
        (_, Some(true)) => (Some(InstrumentStatus::PostOnly), Some("post_only")),
        _ => (Some(InstrumentStatus::Trading), None),
    }
}

fn book_side(json: &mut Json<'_>) -> Result<BookSide> {
    word(json, &[(b"buy", BookSide::Bid), (b"sell", BookSide::Ask)], "a side of buy or sell")
}
