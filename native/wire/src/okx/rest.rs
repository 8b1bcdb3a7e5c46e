use rustonite_core::Decimal;
use rustonite_core::datasets::{
    ContractKind, InstrumentKind, InstrumentStatus, OptionKind, draft, flags,
};

use super::VENUE;
use crate::codec::{Feed, Frame, Request};
use crate::common::{ONE, clock};
use crate::error::Result;
use crate::event::{Control, Sink};
use crate::json::{Json, Kind};
use crate::number::scaled;

pub(super) fn requests(feed: &Feed) -> Vec<Request> {
    let calls: &[&str] = match feed {
        // Options are listed by underlying only, so these come first.
        Feed::Instruments => &[
            "instruments?instType=SPOT",
            "instruments?instType=SWAP",
            "instruments?instType=FUTURES",
            "underlying?instType=OPTION",
        ],
        Feed::Time => &["time"],
        // All else has a stream.
        _ => &[],
    };
    let path = |call: &&str| format!("/api/v5/public/{call}");
    calls.iter().map(|call| Request { path: path(call), ..Request::default() }).collect()
}

pub(super) fn decode(feed: &Feed, frame: Frame<'_>, sink: &mut dyn Sink) -> Result<()> {
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
                    match feed {
                        Feed::Instruments if json.kind()? == Kind::Array => {
                            underlyings(&mut json, sink)?;
                        }
                        Feed::Instruments => {
                            sink.instrument(&instrument(&mut json, frame.ts_recv)?);
                        }
                        Feed::Time => clock(&mut json, b"ts", sink)?,
                        _ => json.skip()?,
                    }
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
            b"instFamily" => row.family = json.filled()?,
            b"uly" => row.underlying = json.filled()?,
            b"baseCcy" => row.base = json.filled()?,
            b"quoteCcy" => row.quote = json.filled()?,
            b"settleCcy" => row.settle = json.filled()?,
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
            b"state" => row.status_raw = json.filled()?,
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
