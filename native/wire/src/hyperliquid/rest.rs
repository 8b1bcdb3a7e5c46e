use rustonite_core::datasets::{ContractKind, InstrumentKind, InstrumentStatus, draft, flags};

use super::{Hyperliquid, VENUE};
use crate::codec::{Feed, Frame, Request};
use crate::common::ONE;
use crate::error::Result;
use crate::event::Sink;
use crate::json::{Json, Kind};

/// Most significant digits of a price. Whole numbers may have more.
const PRICE_DIGITS: i32 = 5;
/// Decimals of prices and sizes together.
const DECIMALS_PERPETUAL: i32 = 6;
const DECIMALS_SPOT: i32 = 8;
/// Smallest value of an order, in the quote currency.
const NOTIONAL_MIN: i128 = 10 * ONE;
/// Where the numbers of spot pairs begin, and those of perpetuals that others made.
const SPOT_INDEX: i64 = 10_000;
const BUILDER_INDEX: i64 = 100_000;
/// The number of the token that perpetuals settle in, unless they say otherwise.
const USDC: (i64, &str) = (0, "USDC");

pub(super) fn requests(feed: &Feed) -> Vec<Request> {
    // All else has a stream, and nothing says the time.
    if *feed != Feed::Instruments {
        return Vec::new();
    }
    let request = |kind: &str| Request {
        path: "/info".to_owned(),
        body: Some(format!(r#"{{"type":"{kind}"}}"#)),
        headers: vec![("Content-Type", "application/json".to_owned())],
    };
    // Spot comes first, because it names the tokens that perpetuals settle in.
    ["spotMeta", "allPerpMetas"].map(request).to_vec()
}

pub(super) fn decode(
    codec: &mut Hyperliquid,
    feed: &Feed,
    frame: Frame<'_>,
    sink: &mut dyn Sink,
) -> Result<()> {
    let mut json = Json::new(frame.data);
    match feed {
        Feed::Instruments => instruments(codec, &mut json, frame.ts_recv, sink)?,
        _ => json.skip()?,
    }
    json.end()
}

/// What is traded: spot, the venue's own perpetuals, or those of all who make them.
fn instruments(
    codec: &mut Hyperliquid,
    json: &mut Json<'_>,
    ts_recv: i64,
    sink: &mut dyn Sink,
) -> Result<()> {
    if json.kind()? != Kind::Array {
        return match json.lookup(b"tokens")? {
            Some(tokens) => pairs(codec, json, tokens, ts_recv, sink),
            None => perpetuals(codec, json, 0, ts_recv, sink),
        };
    }
    let mut maker = 0;
    json.array()?;
    while json.item()? {
        if !json.took_null()? {
            perpetuals(codec, json, maker, ts_recv, sink)?;
        }
        maker += 1;
    }
    Ok(())
}

/// The perpetuals of one maker; the venue is number 0.
fn perpetuals(
    codec: &Hyperliquid,
    json: &mut Json<'_>,
    maker: i64,
    ts_recv: i64,
    sink: &mut dyn Sink,
) -> Result<()> {
    let collateral = match json.lookup(b"collateralToken")? {
        Some(mut token) => token.integer_or_null()?.unwrap_or(USDC.0),
        None => USDC.0,
    };
    let known = codec.tokens.iter().find(|(index, _)| *index == collateral);
    let settle = match known {
        Some((_, name)) => Some(name.as_str()),
        None => (collateral == USDC.0).then_some(USDC.1),
    };
    let first = if maker == 0 { 0 } else { BUILDER_INDEX + 10_000 * maker };
    let mut universe = json.need(json.lookup(b"universe")?, "perpetuals with `universe`")?;
    json.skip()?;
    let mut index = first;
    universe.array()?;
    while universe.item()? {
        let mut row = row(ts_recv);
        perpetual(&mut universe, &mut row)?;
        row.venue_index = Some(index);
        (row.quote, row.settle) = (settle, settle);
        sink.instrument(&row);
        index += 1;
    }
    Ok(())
}

fn row<'a>(ts_recv: i64) -> draft::Instruments<'a> {
    draft::Instruments {
        ts_event: ts_recv,
        ts_recv,
        venue: VENUE,
        multiplier: ONE,
        price_digits: Some(PRICE_DIGITS),
        notional_min: Some(NOTIONAL_MIN),
        status: InstrumentStatus::Trading,
        flags: flags::LAST | flags::LOCAL_TIME,
        ..draft::Instruments::default()
    }
}

fn perpetual<'a>(json: &mut Json<'a>, row: &mut draft::Instruments<'a>) -> Result<()> {
    let (mut decimals, mut is_delisted) = (None, false);
    json.object()?;
    while let Some(key) = json.key()? {
        match key {
            b"name" => row.symbol = json.text()?,
            b"szDecimals" => decimals = json.small_or_null()?,
            b"maxLeverage" => row.leverage_max = json.limit()?,
            b"isDelisted" => is_delisted = !json.took_null()? && json.boolean()?,
            _ => json.skip()?,
        }
    }
    if row.symbol.is_empty() {
        return Err(json.expected("a perpetual with `name`"));
    }
    scales(json, row, decimals, DECIMALS_PERPETUAL)?;
    // What others made is named after them: `maker:COIN`.
    let (maker, coin) = match row.symbol.split_once(':') {
        Some((maker, coin)) => (Some(maker), coin),
        None => (None, row.symbol),
    };
    (row.family, row.base, row.multiplier_asset) = (maker, Some(coin), coin);
    row.kind = InstrumentKind::Perpetual;
    row.contract = Some(ContractKind::Linear);
    row.funding_interval_hours = Some(1.0);
    if is_delisted {
        row.status = InstrumentStatus::Delisted;
    }
    Ok(())
}

/// Decimals of sizes, and what they leave to prices.
fn scales(
    json: &Json<'_>,
    row: &mut draft::Instruments<'_>,
    decimals: Option<i32>,
    together: i32,
) -> Result<()> {
    let decimals = decimals.filter(|decimals| (0..=18).contains(decimals));
    let decimals = json.need(decimals, "an instrument with `szDecimals` from 0 to 18")?;
    row.lot_size = u32::try_from(18 - decimals).ok().map(|power| 10_i128.pow(power));
    row.size_scale = Some(decimals);
    row.price_scale = Some((together - decimals).max(0));
    Ok(())
}

#[derive(Clone, Copy)]
struct Token<'a> {
    index: i64,
    name: &'a str,
    decimals: Option<i32>,
}

fn token<'a>(json: &mut Json<'a>) -> Result<Token<'a>> {
    let (mut index, mut name, mut decimals) = (None, None, None);
    json.object()?;
    while let Some(key) = json.key()? {
        match key {
            b"index" => index = Some(json.integer()?),
            b"name" => name = Some(json.text()?),
            b"szDecimals" => decimals = json.small_or_null()?,
            _ => json.skip()?,
        }
    }
    let index = json.need(index, "a token with `index`")?;
    Ok(Token { index, name: json.need(name, "a token with `name`")?, decimals })
}

/// The pairs of spot.
fn pairs(
    codec: &mut Hyperliquid,
    json: &mut Json<'_>,
    mut tokens_json: Json<'_>,
    ts_recv: i64,
    sink: &mut dyn Sink,
) -> Result<()> {
    let mut tokens = Vec::new();
    tokens_json.array()?;
    while tokens_json.item()? {
        tokens.push(token(&mut tokens_json)?);
    }
    codec.tokens = tokens.iter().map(|token| (token.index, token.name.to_owned())).collect();
    let mut universe = json.need(json.lookup(b"universe")?, "pairs with `universe`")?;
    json.skip()?;
    universe.array()?;
    while universe.item()? {
        let mut row = row(ts_recv);
        pair(&mut universe, &tokens, &mut row)?;
        sink.instrument(&row);
    }
    Ok(())
}

fn pair<'a>(
    json: &mut Json<'a>,
    tokens: &[Token<'a>],
    row: &mut draft::Instruments<'a>,
) -> Result<()> {
    let (mut index, mut sides, mut position) = (None, [None; 2], 0);
    json.object()?;
    while let Some(key) = json.key()? {
        match key {
            b"name" => row.symbol = json.text()?,
            b"index" => index = Some(json.integer()?),
            b"tokens" => {
                json.array()?;
                while json.item()? {
                    let number = json.integer()?;
                    if let Some(side) = sides.get_mut(position) {
                        *side = tokens.iter().find(|token| token.index == number);
                    }
                    position += 1;
                }
            }
            _ => json.skip()?,
        }
    }
    let [Some(base), Some(quote)] = sides else {
        return Err(json.expected("a pair with two known `tokens`"));
    };
    if row.symbol.is_empty() {
        return Err(json.expected("a pair with `name`"));
    }
    scales(json, row, base.decimals, DECIMALS_SPOT)?;
    let index = json.need(index, "a pair with `index`")?;
    row.venue_index = SPOT_INDEX.checked_add(index);
    row.kind = InstrumentKind::Spot;
    (row.base, row.quote, row.multiplier_asset) = (Some(base.name), Some(quote.name), base.name);
    Ok(())
}
