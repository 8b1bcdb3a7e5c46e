use rustonite_core::datasets::{
    BookSide, ContractKind, InstrumentKind, InstrumentStatus, draft, flags,
};

use super::market::Scope;
use super::{Binance, Market};
use crate::codec::{Codec as _, Feed, Frame, Request};
use crate::common::{ONE, clock, local_time, read_pairs};
use crate::error::Result;
use crate::event::{BookUpdate, Floats, Sink};
use crate::json::Json;

pub(super) fn request(market: Market, feed: &Feed) -> Option<Request> {
    let root = match market {
        Market::Spot => "/api/v3",
        Market::UsdM => "/fapi/v1",
        Market::CoinM => "/dapi/v1",
    };
    let depth = if market == Market::Spot { 5000 } else { 1000 };
    let path = match feed {
        Feed::Book(symbol) => format!("{root}/depth?symbol={symbol}&limit={depth}"),
        Feed::Instruments => format!("{root}/exchangeInfo"),
        Feed::Tickers(Some(symbol)) if market != Market::Spot => {
            format!("{root}/openInterest?symbol={symbol}")
        }
        Feed::Time => format!("{root}/time"),
        // All else has a stream.
        _ => return None,
    };
    Some(Request { path, ..Request::default() })
}

pub(super) fn decode(
    codec: &mut Binance,
    feed: &Feed,
    frame: Frame<'_>,
    sink: &mut dyn Sink,
) -> Result<()> {
    let mut json = Json::new(frame.data);
    match feed {
        Feed::Book(symbol) => depth(codec, symbol, frame.ts_recv, &mut json, sink)?,
        Feed::Instruments => instruments(codec, frame.ts_recv, &mut json, sink)?,
        Feed::Tickers(_) => open_interest(codec, frame.ts_recv, &mut json, sink)?,
        Feed::Time => clock(&mut json, b"serverTime", sink)?,
        Feed::Orders(_) => json.skip()?,
    }
    json.end()
}

fn depth(
    codec: &mut Binance,
    symbol: &str,
    ts_recv: i64,
    json: &mut Json<'_>,
    sink: &mut dyn Sink,
) -> Result<()> {
    let (mut seq, mut sent, mut matched) = (None, None, None);
    codec.levels.clear();
    json.object()?;
    while let Some(key) = json.key()? {
        match key {
            b"lastUpdateId" => seq = Some(json.integer()?),
            b"E" => sent = Some(json.time_ms_or_us()?),
            b"T" => matched = Some(json.time_ms_or_us()?),
            b"bids" => read_pairs(json, BookSide::Bid, &mut codec.levels)?,
            b"asks" => read_pairs(json, BookSide::Ask, &mut codec.levels)?,
            _ => json.skip()?,
        }
    }
    let time = matched.or(sent);
    sink.book(&BookUpdate {
        symbol,
        ts_event: time.unwrap_or(ts_recv),
        ts_recv,
        is_snapshot: true,
        seq: Some(json.need(seq, "a picture of a book with `lastUpdateId`")?),
        flags: local_time(time),
        levels: &codec.levels,
        ..BookUpdate::default()
    });
    Ok(())
}

fn open_interest(
    codec: &Binance,
    ts_recv: i64,
    json: &mut Json<'_>,
    sink: &mut dyn Sink,
) -> Result<()> {
    let mut row = codec.ticker_row(Scope { ts_recv, stream: None, in_array: false });
    let mut floats = Floats::new(flags::LAST);
    let mut symbol = None;
    json.object()?;
    while let Some(key) = json.key()? {
        match key {
            b"symbol" => symbol = Some(json.text()?),
            b"openInterest" => row.open_interest = floats.of_some(json.decimal_or_null()?),
            b"time" => row.ts_event = json.time_ms_or_us()?,
            _ => json.skip()?,
        }
    }
    row.symbol = json.need(symbol, "open interest with `symbol`")?;
    row.flags = floats.flags;
    sink.ticker(&row);
    Ok(())
}

fn instruments(
    codec: &Binance,
    ts_recv: i64,
    json: &mut Json<'_>,
    sink: &mut dyn Sink,
) -> Result<()> {
    let mut time = None;
    let mut symbols = None;
    json.object()?;
    while let Some(key) = json.key()? {
        match key {
            b"serverTime" => time = Some(json.time_ms_or_us()?),
            b"symbols" => symbols = Some(json.later()?),
            _ => json.skip()?,
        }
    }
    let mut symbols = json.need(symbols, "rules with `symbols`")?;
    symbols.array()?;
    while symbols.item()? {
        let mut row = draft::Instruments {
            ts_event: time.unwrap_or(ts_recv),
            ts_recv,
            venue: codec.venue(),
            flags: flags::LAST | local_time(time),
            multiplier: ONE,
            status: InstrumentStatus::Unknown,
            ..draft::Instruments::default()
        };
        instrument(codec.market, &mut symbols, &mut row)?;
        sink.instrument(&row);
    }
    Ok(())
}

fn instrument<'a>(
    market: Market,
    json: &mut Json<'a>,
    row: &mut draft::Instruments<'a>,
) -> Result<()> {
    let (mut contract, mut contract_size) = (None, None);
    json.object()?;
    while let Some(key) = json.key()? {
        match key {
            b"symbol" => row.symbol = json.text()?,
            b"pair" => row.family = Some(json.text()?),
            b"status" | b"contractStatus" => row.status_raw = Some(json.text()?),
            b"contractType" => contract = Some(json.text()?),
            b"contractSize" => contract_size = Some(json.scaled()?),
            b"baseAsset" => row.base = Some(json.text()?),
            b"quoteAsset" => row.quote = Some(json.text()?),
            b"marginAsset" => row.settle = Some(json.text()?),
            b"pricePrecision" => row.price_scale = json.small_or_null()?,
            b"quantityPrecision" => row.size_scale = json.small_or_null()?,
            b"maintMarginPercent" => row.margin_maintenance = json.percent_or_null()?,
            b"requiredMarginPercent" => row.margin_initial = json.percent_or_null()?,
            b"isMarginTradingAllowed" => row.marginable = Some(i8::from(json.boolean()?)),
            b"onboardDate" => row.ts_listed = Some(json.time_ms_or_us()?).filter(|t| *t > 0),
            b"deliveryDate" => row.ts_expiry = Some(json.time_ms_or_us()?),
            b"filters" => {
                json.array()?;
                while json.item()? {
                    filter(json, row)?;
                }
            }
            _ => json.skip()?,
        }
    }
    if row.symbol.is_empty() {
        return Err(json.expected("an instrument with `symbol`"));
    }
    let base = json.need(row.base, "an instrument with `baseAsset`")?;
    row.kind = match (market, contract) {
        (Market::Spot, _) => InstrumentKind::Spot,
        (_, Some("PERPETUAL" | "TRADIFI_PERPETUAL" | "PERPETUAL_DELIVERING")) => {
            InstrumentKind::Perpetual
        }
        (_, Some("") | None) => InstrumentKind::Unknown,
        _ => InstrumentKind::Future,
    };
    // Perpetuals are given a delivery date in the year 2100.
    if row.kind != InstrumentKind::Future {
        row.ts_expiry = None;
    }
    row.multiplier_asset = base;
    match market {
        Market::Spot => row.settle = None,
        Market::UsdM => row.contract = Some(ContractKind::Linear),
        Market::CoinM => {
            row.contract = Some(ContractKind::Inverse);
            row.multiplier = json.need(contract_size, "an instrument with `contractSize`")?;
            row.multiplier_asset = json.need(row.quote, "an instrument with `quoteAsset`")?;
        }
    }
    row.status = match row.status_raw {
        Some("TRADING") => InstrumentStatus::Trading,
        Some("PENDING_TRADING" | "PRE_TRADING") => InstrumentStatus::PreOpen,
        Some("HALT" | "BREAK") => InstrumentStatus::Halted,
        Some("AUCTION_MATCH") => InstrumentStatus::Auction,
        Some("END_OF_DAY" | "POST_TRADING" | "CLOSE") => InstrumentStatus::Closed,
        Some("PRE_DELIVERING" | "DELIVERING" | "PRE_SETTLE" | "SETTLING") => {
            InstrumentStatus::Settling
        }
        Some("DELIVERED") => InstrumentStatus::Delisted,
        _ => InstrumentStatus::Unknown,
    };
    Ok(())
}

fn filter<'a>(json: &mut Json<'a>, row: &mut draft::Instruments<'a>) -> Result<()> {
    let kind = json.lookup(b"filterType")?.map(|mut kind| kind.text()).transpose()?;
    let kind = kind.unwrap_or_default();
    json.object()?;
    while let Some(key) = json.key()? {
        match (kind, key) {
            ("PRICE_FILTER", b"tickSize") => row.tick_size = json.limit()?,
            ("PRICE_FILTER", b"minPrice") => row.price_min = json.limit()?,
            ("PRICE_FILTER", b"maxPrice") => row.price_max = json.limit()?,
            ("LOT_SIZE", b"stepSize") => row.lot_size = json.limit()?,
            ("LOT_SIZE", b"minQty") => row.size_min = json.limit()?,
            ("LOT_SIZE", b"maxQty") => row.size_max = json.limit()?,
            ("MARKET_LOT_SIZE", b"stepSize") => row.market_lot_size = json.limit()?,
            ("MARKET_LOT_SIZE", b"minQty") => row.market_size_min = json.limit()?,
            ("MARKET_LOT_SIZE", b"maxQty") => row.market_size_max = json.limit()?,
            ("MIN_NOTIONAL" | "NOTIONAL", b"minNotional" | b"notional") => {
                row.notional_min = json.limit()?;
            }
            ("NOTIONAL", b"maxNotional") => row.notional_max = json.limit()?,
            ("MIN_NOTIONAL", b"applyToMarket") | ("NOTIONAL", b"applyMinToMarket") => {
                row.notional_market = Some(i8::from(json.boolean()?));
            }
            ("MAX_NUM_ORDERS", b"maxNumOrders" | b"limit") => {
                row.orders_max = json.small_or_null()?;
            }
            ("MAX_NUM_ALGO_ORDERS", b"maxNumAlgoOrders" | b"limit") => {
                row.trigger_orders_max = json.small_or_null()?;
            }
            ("ICEBERG_PARTS", b"limit") => row.iceberg_parts_max = json.small_or_null()?,
            ("MAX_POSITION", b"maxPosition") => row.position_max = json.limit()?,
            _ => json.skip()?,
        }
    }
    Ok(())
}
