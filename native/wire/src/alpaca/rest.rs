use rustonite_core::datasets::{
    ContractKind, InstrumentKind, InstrumentStatus, VolumeWindow, draft, flags,
};

use super::market::{Figures, Scope, emit_ticker};
use super::{Alpaca, Market};
use crate::codec::{Codec as _, Feed, Frame, Request};
use crate::common::{ONE, local_time};
use crate::error::Result;
use crate::event::{Answer, Control, Floats, Sink};
use crate::json::{Json, Kind};

/// Orders for stocks: prices below one dollar may have four decimals, others two.
const STOCK_TICK: i128 = 10_i128.pow(14);
const STOCK_TICK_STEP_FROM: &[f64] = &[1.0];
const STOCK_TICK_STEP_SIZE: &[f64] = &[0.01];

pub(super) fn request(market: Market, feed: &Feed) -> Option<Request> {
    let root = match market {
        Market::Stocks => "/v2/stocks",
        Market::Crypto => "/v1beta3/crypto/us",
    };
    let path = match (feed, market) {
        (Feed::Instruments, Market::Stocks) => {
            "/v2/assets?status=active&asset_class=us_equity".to_owned()
        }
        (Feed::Instruments, Market::Crypto) => {
            "/v2/assets?status=active&asset_class=crypto".to_owned()
        }
        (Feed::Trades(symbol), _) => {
            format!("{root}/trades?symbols={}&limit=1000&sort=desc", in_query(symbol))
        }
        (Feed::Tickers(Some(symbols)), _) => {
            format!("{root}/snapshots?symbols={}", in_query(symbols))
        }
        (Feed::Book(symbol), Market::Crypto) => {
            format!("{root}/latest/orderbooks?symbols={}", in_query(symbol))
        }
        (Feed::Time, _) => "/v2/clock".to_owned(),
        (Feed::Book(_) | Feed::Orders(_) | Feed::Tickers(None), _) => return None,
    };
    Some(Request { path, ..Request::default() })
}

/// Names of crypto have a slash.
fn in_query(symbols: &str) -> String {
    symbols.replace('/', "%2F")
}

pub(super) fn decode(
    codec: &mut Alpaca,
    feed: &Feed,
    frame: Frame<'_>,
    sink: &mut dyn Sink,
) -> Result<()> {
    let mut json = Json::new(frame.data);
    match feed {
        Feed::Time => json.skip()?,
        Feed::Instruments if json.kind()? == Kind::Array => {
            json.array()?;
            while json.item()? {
                instrument(codec, frame.ts_recv, &mut json, sink)?;
            }
        }
        Feed::Instruments if json.lookup(b"symbol")?.is_some() => {
            instrument(codec, frame.ts_recv, &mut json, sink)?;
        }
        _ => body(codec, feed, frame.ts_recv, &mut json, sink)?,
    }
    json.end()
}

/// What the parts of a body are, by their key.
#[derive(Clone, Copy, Debug)]
enum Part {
    Trades,
    Quotes,
    Books,
    Snapshots,
    Pricing,
}

/// Trades, quotes, books or snapshots by symbol, or an error.
fn body(
    codec: &mut Alpaca,
    feed: &Feed,
    ts_recv: i64,
    json: &mut Json<'_>,
    sink: &mut dyn Sink,
) -> Result<()> {
    let (mut code, mut text) = (None, None);
    json.object()?;
    while let Some(key) = json.key()? {
        match key {
            b"trades" | b"trade" => by_symbol(codec, Part::Trades, ts_recv, json, sink)?,
            b"quotes" | b"quote" => by_symbol(codec, Part::Quotes, ts_recv, json, sink)?,
            b"orderbooks" => by_symbol(codec, Part::Books, ts_recv, json, sink)?,
            b"snapshots" => by_symbol(codec, Part::Snapshots, ts_recv, json, sink)?,
            b"pricing" => by_symbol(codec, Part::Pricing, ts_recv, json, sink)?,
            b"code" if json.kind()? == Kind::Number => code = Some(json.integer()?),
            b"message" if json.kind()? == Kind::Text => text = Some(json.message()?),
            // Snapshots of stocks stand there without a key around them.
            symbol if matches!(feed, Feed::Tickers(_)) && json.is_object()? => {
                let symbol = plain(json, symbol)?;
                one(codec, Part::Snapshots, symbol, ts_recv, json, sink)?;
            }
            _ => json.skip()?,
        }
    }
    if code.is_some() || text.is_some() {
        let text = text.as_deref();
        sink.control(&Control::Refused(Answer { code, text, ..Answer::default() }));
    }
    Ok(())
}

fn plain<'a>(json: &Json<'_>, symbol: &'a [u8]) -> Result<&'a str> {
    let symbol = std::str::from_utf8(symbol).ok();
    let symbol = symbol.filter(|symbol| !symbol.is_empty() && !symbol.contains('\\'));
    json.need(symbol, "a plain name of an instrument")
}

/// For each symbol one thing or a list of them.
fn by_symbol(
    codec: &mut Alpaca,
    part: Part,
    ts_recv: i64,
    json: &mut Json<'_>,
    sink: &mut dyn Sink,
) -> Result<()> {
    if json.took_null()? {
        return Ok(());
    }
    json.object()?;
    while let Some(key) = json.key()? {
        let symbol = plain(json, key)?;
        if json.took_null()? {
            continue;
        }
        if json.is_object()? {
            one(codec, part, symbol, ts_recv, json, sink)?;
            continue;
        }
        json.array()?;
        while json.item()? {
            one(codec, part, symbol, ts_recv, json, sink)?;
        }
    }
    Ok(())
}

fn one<'a>(
    codec: &mut Alpaca,
    part: Part,
    symbol: &'a str,
    ts_recv: i64,
    json: &mut Json<'a>,
    sink: &mut dyn Sink,
) -> Result<()> {
    let scope = Scope { symbol: Some(symbol), ..Scope::history(ts_recv) };
    match part {
        Part::Trades => codec.trade(json, scope, sink),
        Part::Quotes => codec.quote(json, scope, sink),
        Part::Books => codec.book(json, scope, sink),
        Part::Snapshots => snapshot(codec, scope, json, sink),
        Part::Pricing => pricing(codec, scope, json, sink),
    }
}

/// The newest of everything about an instrument: a quote and a ticker.
fn snapshot(
    codec: &mut Alpaca,
    scope: Scope<'_>,
    json: &mut Json<'_>,
    sink: &mut dyn Sink,
) -> Result<()> {
    let mut row = codec.ticker_row(scope);
    let mut floats = Floats::new(scope.flags);
    json.object()?;
    while let Some(key) = json.key()? {
        if json.took_null()? {
            continue;
        }
        match key {
            b"latestTrade" => last_trade(json, &mut row, &mut floats)?,
            b"latestQuote" => codec.quote(json, scope, sink)?,
            b"dailyBar" => {
                let day = figures(json)?;
                [row.open_price, row.high_price, row.low_price, _] =
                    day.prices.map(|price| floats.of_some(price));
                row.volume = floats.of_some(day.volume);
                row.average_price = floats.of_some(day.average);
                row.count = day.count;
                row.volume_window = Some(if codec.is_crypto() {
                    VolumeWindow::UtcDay
                } else {
                    VolumeWindow::TradingDay
                });
            }
            b"prevDailyBar" => {
                row.close_prev_price = floats.of_some(figures(json)?.prices[3]);
            }
            _ => json.skip()?,
        }
    }
    let local = local_time(row.ts_last);
    row.ts_event = row.ts_last.unwrap_or(scope.ts_recv);
    row.flags = floats.flags | local;
    emit_ticker(json, &row, sink)
}

fn last_trade(
    json: &mut Json<'_>,
    row: &mut draft::Tickers<'_>,
    floats: &mut Floats,
) -> Result<()> {
    json.object()?;
    while let Some(key) = json.key()? {
        match key {
            b"t" => row.ts_last = Some(json.time_text()?),
            b"p" => row.last_price = floats.of_some(json.decimal_or_null()?),
            b"s" => row.last_size = floats.of_some(json.decimal_or_null()?),
            _ => json.skip()?,
        }
    }
    Ok(())
}

fn figures(json: &mut Json<'_>) -> Result<Figures> {
    let mut figures = Figures::default();
    json.object()?;
    while let Some(key) = json.key()? {
        figures.read(json, key)?;
    }
    Ok(figures)
}

/// Mark, index, funding and open interest of a perpetual.
fn pricing(
    codec: &Alpaca,
    scope: Scope<'_>,
    json: &mut Json<'_>,
    sink: &mut dyn Sink,
) -> Result<()> {
    let mut row = codec.ticker_row(scope);
    let mut floats = Floats::new(scope.flags);
    let mut time = None;
    json.object()?;
    while let Some(key) = json.key()? {
        match key {
            b"t" => time = Some(json.time_text()?),
            b"ft" => row.ts_funding_next = Some(json.time_text()?),
            b"oi" => row.open_interest = floats.of_some(json.decimal_or_null()?),
            b"ip" => row.index_price = floats.of_some(json.decimal_or_null()?),
            b"mp" => row.mark_price = floats.of_some(json.decimal_or_null()?),
            b"fr" => row.funding_rate = floats.of_some(json.decimal_or_null()?),
            _ => json.skip()?,
        }
    }
    row.ts_event = json.need(time, "prices with `t`")?;
    row.flags = floats.flags;
    emit_ticker(json, &row, sink)
}

fn instrument(
    codec: &Alpaca,
    ts_recv: i64,
    json: &mut Json<'_>,
    sink: &mut dyn Sink,
) -> Result<()> {
    let mut row = draft::Instruments {
        ts_event: ts_recv,
        ts_recv,
        venue: codec.venue(),
        multiplier: ONE,
        flags: flags::LAST | flags::LOCAL_TIME,
        ..draft::Instruments::default()
    };
    let (mut class, mut tradable, mut name) = (None, true, None);
    json.object()?;
    while let Some(key) = json.key()? {
        match key {
            b"symbol" => row.symbol = json.text()?,
            b"class" | b"asset_class" => class = json.text_or_null()?,
            b"exchange" => row.exchange = json.text_or_null()?.filter(|name| !name.is_empty()),
            b"name" if json.kind()? == Kind::Text => name = Some(json.message()?),
            b"status" => row.status_raw = json.text_or_null()?,
            b"tradable" => tradable = json.boolean()?,
            b"marginable" => row.marginable = Some(i8::from(json.boolean()?)),
            b"shortable" => row.shortable = Some(i8::from(json.boolean()?)),
            b"easy_to_borrow" => row.easy_to_borrow = Some(i8::from(json.boolean()?)),
            b"fractionable" => row.fractionable = Some(i8::from(json.boolean()?)),
            b"maintenance_margin_requirement" => row.margin_maintenance = json.percent_or_null()?,
            b"min_order_size" => row.size_min = json.limit()?,
            b"min_trade_increment" => row.lot_size = json.limit()?,
            b"price_increment" => row.tick_size = json.limit()?,
            _ => json.skip()?,
        }
    }
    if row.symbol.is_empty() {
        return Err(json.expected("an instrument with `symbol`"));
    }
    classify(&mut row, class);
    row.name = name.as_deref().filter(|name| !name.is_empty());
    row.status = match row.status_raw {
        Some("active") if tradable => InstrumentStatus::Trading,
        Some("active") => InstrumentStatus::Halted,
        Some("inactive") => InstrumentStatus::Delisted,
        _ => InstrumentStatus::Unknown,
    };
    sink.instrument(&row);
    Ok(())
}

/// What follows from the class of an asset.
fn classify(row: &mut draft::Instruments<'_>, class: Option<&str>) {
    let (base, quote) = row.symbol.split_once('/').unwrap_or((row.symbol, "USD"));
    (row.base, row.quote) = (Some(base), Some(quote));
    row.kind = match class {
        Some("us_equity") => InstrumentKind::Stock,
        Some("crypto") => InstrumentKind::Spot,
        Some("crypto_perp") => InstrumentKind::Perpetual,
        Some("us_option") => InstrumentKind::Option,
        _ => InstrumentKind::Unknown,
    };
    match row.kind {
        InstrumentKind::Stock => {
            row.tick_size = Some(STOCK_TICK);
            row.tick_step_from = Some(STOCK_TICK_STEP_FROM);
            row.tick_step_size = Some(STOCK_TICK_STEP_SIZE);
            if row.fractionable == Some(0) {
                row.lot_size = Some(ONE);
            }
        }
        InstrumentKind::Perpetual => {
            row.base = row.symbol.strip_suffix("-PERP").or(row.base);
            row.contract = Some(ContractKind::Linear);
            row.settle = row.quote;
        }
        _ => {}
    }
    row.multiplier_asset = row.base.unwrap_or(row.symbol);
}
