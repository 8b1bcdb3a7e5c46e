use rustonite_core::Decimal;
use rustonite_core::datasets::{
    ContractKind, InstrumentKind, InstrumentStatus, OptionKind, draft, flags,
};

use super::{Bybit, Category};
use crate::codec::{Codec as _, Feed, Frame, Request};
use crate::common::{MILLISECOND, ONE, local_time};
use crate::error::Result;
use crate::event::{BookUpdate, Control, Sink};
use crate::json::Json;
use crate::number::scaled;

/// Options are listed by coin, and nothing lists the coins.
const OPTION_COINS: &[&str] = &["BTC", "ETH", "SOL", "XRP", "DOGE", "MNT"];

pub(super) fn requests(category: Category, feed: &Feed) -> Vec<Request> {
    let word = category.word();
    let paths = match feed {
        Feed::Book(symbol) => {
            let (call, limit) = match category {
                // As deep as it goes, and what the topic `orderbook.full` begins with.
                Category::Spot => ("full_orderbook", ""),
                Category::Linear | Category::Inverse => ("orderbook", "&limit=500"),
                Category::Option => ("orderbook", "&limit=25"),
            };
            vec![format!("/v5/market/{call}?category={word}&symbol={symbol}{limit}")]
        }
        Feed::Instruments => instruments_paths(category),
        Feed::Time => vec!["/v5/market/time".to_owned()],
        // All else has a stream.
        _ => Vec::new(),
    };
    paths.into_iter().map(|path| Request { path, ..Request::default() }).collect()
}

fn instruments_paths(category: Category) -> Vec<String> {
    let path = instruments_path(category, None);
    match category {
        Category::Spot | Category::Linear | Category::Inverse => vec![path],
        Category::Option => {
            OPTION_COINS.iter().map(|coin| format!("{path}&baseCoin={coin}")).collect()
        }
    }
}

fn instruments_path(category: Category, cursor: Option<&str>) -> String {
    let cursor = cursor.map(|cursor| format!("&cursor={cursor}")).unwrap_or_default();
    format!("/v5/market/instruments-info?category={}&limit=1000{cursor}", category.word())
}

pub(super) fn decode(
    codec: &mut Bybit,
    feed: &Feed,
    frame: Frame<'_>,
    sink: &mut dyn Sink,
) -> Result<()> {
    let mut json = Json::new(frame.data);
    let (mut code, mut text, mut result, mut time) = (0, String::new(), None, None);
    json.object()?;
    while let Some(key) = json.key()? {
        match key {
            b"retCode" => code = json.integer()?,
            b"retMsg" => text = json.message()?,
            b"result" => result = Some(json.later()?),
            b"time" => time = json.time_ms_if_any()?,
            _ => json.skip()?,
        }
    }
    json.end()?;
    if code != 0 {
        sink.control(&Control::Error { code: Some(code), text: &text });
        return Ok(());
    }
    let mut result = json.need(result, "an answer with `result`")?;
    match feed {
        Feed::Book(_) => book(codec, &mut result, frame.ts_recv, sink),
        Feed::Instruments => instruments(codec, &mut result, frame.ts_recv, time, sink),
        Feed::Time => {
            let at = json.need(time, "an answer with `time`")?;
            sink.control(&Control::Time { at, step: MILLISECOND });
            Ok(())
        }
        _ => Ok(()),
    }
}

fn book(codec: &mut Bybit, json: &mut Json<'_>, ts_recv: i64, sink: &mut dyn Sink) -> Result<()> {
    let book = codec.levels(json)?;
    sink.book(&BookUpdate {
        symbol: book.symbol,
        ts_event: json.need(book.matched.or(book.sent), "a book with `ts`")?,
        ts_recv,
        is_snapshot: true,
        seq: book.seq,
        levels: &codec.levels,
        ..BookUpdate::default()
    });
    Ok(())
}

fn instruments(
    codec: &Bybit,
    json: &mut Json<'_>,
    ts_recv: i64,
    time: Option<i64>,
    sink: &mut dyn Sink,
) -> Result<()> {
    let mut cursor = None;
    json.object()?;
    while let Some(key) = json.key()? {
        match key {
            b"list" => {
                json.array()?;
                while json.item()? {
                    let mut row = instrument(codec.category, json)?;
                    (row.ts_recv, row.venue) = (ts_recv, codec.venue());
                    row.ts_event = time.unwrap_or(ts_recv);
                    row.flags = flags::LAST | local_time(time);
                    sink.instrument(&row);
                }
            }
            b"nextPageCursor" => cursor = json.text_or_null()?.filter(|cursor| !cursor.is_empty()),
            _ => json.skip()?,
        }
    }
    if let Some(cursor) = cursor {
        let path = instruments_path(codec.category, Some(cursor));
        sink.control(&Control::More(&Request { path, ..Request::default() }));
    }
    Ok(())
}

fn instrument<'a>(category: Category, json: &mut Json<'a>) -> Result<draft::Instruments<'a>> {
    let mut row = draft::Instruments { multiplier: ONE, ..draft::Instruments::default() };
    let (mut contract, mut option) = (None, None);
    json.object()?;
    while let Some(key) = json.key()? {
        match key {
            b"symbol" => row.symbol = json.text()?,
            b"symbolId" => row.venue_index = json.integer_or_null()?,
            b"contractType" => contract = json.text_or_null()?,
            b"optionsType" => option = json.text_or_null()?,
            b"status" => row.status_raw = json.text_or_null()?,
            b"baseCoin" => row.base = json.text_or_null()?,
            b"quoteCoin" => row.quote = json.text_or_null()?,
            b"settleCoin" => row.settle = json.text_or_null()?,
            b"launchTime" => row.ts_listed = json.time_ms_if_any()?,
            b"deliveryTime" => row.ts_expiry = json.time_ms_if_any()?,
            b"priceScale" => row.price_scale = json.small_or_null()?,
            b"fundingInterval" => {
                let minutes = json.small_or_null()?.filter(|minutes| *minutes > 0);
                row.funding_interval_hours = minutes.map(|minutes| f64::from(minutes) / 60.0);
            }
            b"marginTrading" => {
                row.marginable = json.text_or_null()?.map(|word| i8::from(word != "none"));
            }
            b"leverageFilter" | b"priceFilter" | b"lotSizeFilter" => filter(json, &mut row)?,
            _ => json.skip()?,
        }
    }
    if row.symbol.is_empty() {
        return Err(json.expected("an instrument with `symbol`"));
    }
    row.multiplier_asset = json.need(row.base, "an instrument with `baseCoin`")?;
    match category {
        Category::Spot => {
            row.kind = InstrumentKind::Spot;
            row.settle = None;
        }
        Category::Linear => row.contract = Some(ContractKind::Linear),
        Category::Inverse => {
            row.contract = Some(ContractKind::Inverse);
            // Sizes count the quote coin.
            row.multiplier_asset = json.need(row.quote, "an instrument with `quoteCoin`")?;
        }
        Category::Option => {
            row.kind = InstrumentKind::Option;
            row.contract = Some(ContractKind::Linear);
            row.option_kind = match option {
                Some("Call") => Some(OptionKind::Call),
                Some("Put") => Some(OptionKind::Put),
                _ => None,
            };
            row.strike = strike(row.symbol);
        }
    }
    if matches!(category, Category::Linear | Category::Inverse) {
        row.kind = match contract {
            Some("LinearPerpetual" | "InversePerpetual") => InstrumentKind::Perpetual,
            Some("LinearFutures" | "InverseFutures") => InstrumentKind::Future,
            _ => InstrumentKind::Unknown,
        };
    }
    // A date on what does not expire is the one of its removal.
    if row.kind == InstrumentKind::Perpetual {
        row.ts_expiry = None;
    } else {
        row.funding_interval_hours = None;
    }
    row.status = match row.status_raw {
        Some("Trading") => InstrumentStatus::Trading,
        Some("PreLaunch") => InstrumentStatus::PreOpen,
        Some("Delivering") => InstrumentStatus::Settling,
        Some("Closed") => InstrumentStatus::Delisted,
        _ => InstrumentStatus::Unknown,
    };
    Ok(row)
}

/// Rules of prices, sizes and leverage.
fn filter(json: &mut Json<'_>, row: &mut draft::Instruments<'_>) -> Result<()> {
    json.object()?;
    while let Some(key) = json.key()? {
        match key {
            b"maxLeverage" => row.leverage_max = json.limit()?,
            b"minPrice" => row.price_min = json.limit()?,
            b"maxPrice" => row.price_max = json.limit()?,
            b"tickSize" => row.tick_size = json.limit()?,
            b"qtyStep" | b"basePrecision" => row.lot_size = json.limit()?,
            b"minOrderQty" => row.size_min = json.limit()?,
            b"maxOrderQty" | b"maxLimitOrderQty" => {
                // Spot sends the older name too, for a limit that is no longer applied.
                let limit = json.limit()?;
                if key == b"maxLimitOrderQty" || row.size_max.is_none() {
                    row.size_max = limit;
                }
            }
            b"maxMktOrderQty" | b"maxMarketOrderQty" => row.market_size_max = json.limit()?,
            b"minNotionalValue" | b"minOrderAmt" => row.notional_min = json.limit()?,
            b"maxOrderAmt" => row.notional_max = json.limit()?,
            _ => json.skip()?,
        }
    }
    Ok(())
}

/// The strike price, which only the name of an option has: `ETH-26JUN26-16000-P`.
fn strike(symbol: &str) -> Option<i128> {
    let text = symbol.split('-').nth(2)?;
    Decimal::parse(text.as_bytes()).ok().and_then(scaled)
}
