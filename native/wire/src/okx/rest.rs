use rustonite_core::Decimal;
use rustonite_core::datasets::{
    ContractKind, InstrumentKind, InstrumentStatus, OptionKind, draft, flags,
};

use super::market::{Scope, is_array, trade};
use super::session::Argument;
use super::{Okx, VENUE};
use crate::codec::{Feed, Frame, Request};
use crate::common::{ONE, last};
use crate::error::Result;
use crate::event::{Control, Sink};
use crate::json::Json;
use crate::number::scaled;

pub(super) fn request(feed: &Feed) -> Option<Request> {
    let path = match feed {
        Feed::Book(symbol) => format!("/api/v5/market/books?instId={symbol}&sz=400"),
        Feed::Instruments => return requests(feed).into_iter().next(),
        Feed::Trades(symbol) => format!("/api/v5/market/trades?instId={symbol}&limit=500"),
        Feed::Time => "/api/v5/public/time".to_owned(),
        // All figures have a stream.
        Feed::Orders(_) | Feed::Tickers(_) => return None,
    };
    Some(Request { path, ..Request::default() })
}

pub(super) fn requests(feed: &Feed) -> Vec<Request> {
    if *feed != Feed::Instruments {
        return request(feed).into_iter().collect();
    }
    let kinds = ["SPOT", "SWAP", "FUTURES"];
    let mut paths =
        kinds.map(|kind| format!("/api/v5/public/instruments?instType={kind}")).to_vec();
    // Options are listed by underlying only, so these come first.
    paths.push("/api/v5/public/underlying?instType=OPTION".to_owned());
    paths.into_iter().map(|path| Request { path, ..Request::default() }).collect()
}

pub(super) fn decode(
    codec: &mut Okx,
    feed: &Feed,
    frame: Frame<'_>,
    sink: &mut dyn Sink,
) -> Result<()> {
    let mut json = Json::new(frame.data);
    let (mut code, mut text) = (0, String::new());
    json.object()?;
    while let Some(key) = json.key()? {
        match key {
            b"code" => code = json.integer()?,
            b"msg" => text = json.message()?,
            b"data" => {
                json.array()?;
                while json.item()? {
                    item(codec, feed, frame.ts_recv, &mut json, sink)?;
                }
            }
            _ => json.skip()?,
        }
    }
    if code != 0 {
        sink.control(&Control::Error { code: Some(code), text: &text });
    }
    json.end()
}

fn item(
    codec: &mut Okx,
    feed: &Feed,
    ts_recv: i64,
    json: &mut Json<'_>,
    sink: &mut dyn Sink,
) -> Result<()> {
    match feed {
        Feed::Book(symbol) => {
            let scope = Scope { ts_recv, argument: Argument::default(), action: None };
            let mut update = codec.levels(json, scope)?;
            (update.symbol, update.is_snapshot) = (symbol, true);
            update.levels = &codec.levels;
            sink.book(&update);
        }
        Feed::Trades(_) => {
            let mut row = trade(json, ts_recv)?;
            row.flags |= last(json) | flags::STALE;
            sink.trade(&row);
        }
        Feed::Instruments if is_array(json)? => underlyings(json, sink)?,
        Feed::Instruments => sink.instrument(&instrument(json, ts_recv)?),
        Feed::Orders(_) | Feed::Tickers(_) | Feed::Time => json.skip()?,
    }
    Ok(())
}

/// What options are listed by.
fn underlyings(json: &mut Json<'_>, sink: &mut dyn Sink) -> Result<()> {
    json.array()?;
    while json.item()? {
        let path = format!("/api/v5/public/instruments?instType=OPTION&uly={}", json.text()?);
        sink.control(&Control::More(&Request { path, ..Request::default() }));
    }
    Ok(())
}

/// A definition of an instrument, of REST or of the stream.
pub(super) fn instrument<'a>(json: &mut Json<'a>, ts_recv: i64) -> Result<draft::Instruments<'a>> {
    let mut row = draft::Instruments {
        ts_event: ts_recv,
        ts_recv,
        venue: VENUE,
        flags: flags::LAST | flags::LOCAL_TIME,
        status: InstrumentStatus::Unknown,
        ..draft::Instruments::default()
    };
    let mut contract = Contract::default();
    let mut market_size_max = None;
    json.object()?;
    while let Some(key) = json.key()? {
        match key {
            b"instId" => row.symbol = json.text()?,
            b"instType" => contract.kind = json.text()?,
            b"ctType" => contract.settles = json.text()?,
            b"ctVal" => contract.value = json.decimal_or_null()?,
            b"ctMult" => contract.multiplier = json.decimal_or_null()?,
            b"ctValCcy" => contract.asset = json.text()?,
            b"instIdCode" => row.venue_index = json.integer_or_null()?,
            b"instFamily" => row.family = filled(json)?,
            b"uly" => row.underlying = filled(json)?,
            b"baseCcy" => row.base = filled(json)?,
            b"quoteCcy" => row.quote = filled(json)?,
            b"settleCcy" => row.settle = filled(json)?,
            b"tickSz" => row.tick_size = json.limit()?,
            b"lotSz" => row.lot_size = json.limit()?,
            b"minSz" => row.size_min = json.limit()?,
            b"maxLmtSz" => row.size_max = json.limit()?,
            b"maxMktSz" => market_size_max = json.limit()?,
            b"lever" => row.leverage_max = json.limit()?,
            b"stk" => row.strike = json.scaled_or_null()?,
            b"optType" => row.option_kind = option_kind(json.text()?),
            b"listTime" => row.ts_listed = json.time_ms_if_any()?,
            b"expTime" => row.ts_expiry = json.time_ms_if_any()?,
            b"state" => row.status_raw = filled(json)?,
            _ => json.skip()?,
        }
    }
    if row.symbol.is_empty() {
        return Err(json.expected("an instrument with `instId`"));
    }
    contract.complete(json, &mut row)?;
    // On spot it counts dollars.
    if row.kind != InstrumentKind::Spot {
        row.market_size_max = market_size_max;
    }
    row.status = match row.status_raw {
        Some("live") => InstrumentStatus::Trading,
        Some("preopen") => InstrumentStatus::PreOpen,
        Some("suspend" | "rebase") => InstrumentStatus::Halted,
        Some("post_only") => InstrumentStatus::PostOnly,
        Some("settlement") => InstrumentStatus::Settling,
        Some("expired") => InstrumentStatus::Delisted,
        _ => InstrumentStatus::Unknown,
    };
    Ok(row)
}

fn filled<'a>(json: &mut Json<'a>) -> Result<Option<&'a str>> {
    Ok(json.text_or_null()?.filter(|text| !text.is_empty()))
}

fn option_kind(text: &str) -> Option<OptionKind> {
    match text {
        "C" => Some(OptionKind::Call),
        "P" => Some(OptionKind::Put),
        _ => None,
    }
}

/// What a contract is made of.
#[derive(Default)]
struct Contract<'a> {
    kind: &'a str,
    settles: &'a str,
    value: Option<Decimal>,
    multiplier: Option<Decimal>,
    asset: &'a str,
}

impl<'a> Contract<'a> {
    fn complete(&self, json: &Json<'_>, row: &mut draft::Instruments<'a>) -> Result<()> {
        row.kind = match self.kind {
            "SPOT" | "MARGIN" => InstrumentKind::Spot,
            "SWAP" => InstrumentKind::Perpetual,
            "FUTURES" => InstrumentKind::Future,
            "OPTION" => InstrumentKind::Option,
            "EVENTS" => InstrumentKind::Event,
            _ => InstrumentKind::Unknown,
        };
        if row.kind == InstrumentKind::Spot {
            row.multiplier = ONE;
            row.multiplier_asset = json.need(row.base, "a pair with `baseCcy`")?;
            row.settle = None;
            return Ok(());
        }
        // Contracts name their currencies in the underlying only.
        if let Some((base, quote)) = row.underlying.and_then(|pair| pair.split_once('-')) {
            row.base = row.base.or(Some(base));
            row.quote = row.quote.or(Some(quote));
        }
        row.contract = match (self.settles, row.settle) {
            ("linear", _) => Some(ContractKind::Linear),
            ("inverse", _) => Some(ContractKind::Inverse),
            // Options do not say, but settle in one or the other.
            (_, Some(settle)) if row.base == Some(settle) => Some(ContractKind::Inverse),
            (_, Some(settle)) if row.quote == Some(settle) => Some(ContractKind::Linear),
            _ => None,
        };
        let value = json.need(self.value, "a contract with `ctVal`")?;
        let size = self.multiplier.map_or(Some(value), |multiplier| product(value, multiplier));
        row.multiplier = json.need(size.and_then(scaled), "a contract of at most 18 decimals")?;
        row.multiplier_asset = self.asset;
        Ok(())
    }
}

fn product(left: Decimal, right: Decimal) -> Option<Decimal> {
    let mantissa = left.mantissa().checked_mul(right.mantissa())?;
    Decimal::new(mantissa, left.exponent().checked_add(right.exponent())?).ok()
}
