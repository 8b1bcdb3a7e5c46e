use rustonite_core::datasets::{ContractKind, InstrumentKind, OptionKind, draft, flags};

use super::VENUE;
use super::figures::{hours, status};
use crate::codec::{Feed, Frame, Request};
use crate::common::{ONE, clock, local_time};
use crate::error::Result;
use crate::event::Sink;
use crate::json::Json;

const ROOT: &str = "/api/v1";

pub(super) fn request(feed: &Feed) -> Option<Request> {
    let path = match feed {
        Feed::Instruments => format!("{ROOT}/instrument/active"),
        // The root says the time among other things.
        Feed::Time => ROOT.to_owned(),
        // All else has a stream.
        _ => return None,
    };
    Some(Request { path, ..Request::default() })
}

pub(super) fn decode(feed: &Feed, frame: Frame<'_>, sink: &mut dyn Sink) -> Result<()> {
    let mut json = Json::new(frame.data);
    match feed {
        Feed::Instruments => {
            json.array()?;
            while json.item()? {
                let row = instrument(&mut json, frame.ts_recv)?;
                sink.instrument(&row);
            }
        }
        Feed::Time => clock(&mut json, b"timestamp", sink)?,
        _ => json.skip()?,
    }
    json.end()
}

/// What the size of a contract is worked out from.
#[derive(Debug, Default)]
struct Contract {
    multiplier: Option<i64>,
    to_position: Option<i64>,
    underlying_to_settle: Option<i64>,
    quote_to_settle: Option<i64>,
    inverse: bool,
    quanto: bool,
    /// Whether positions are counted in the quote currency.
    counts_quote: bool,
}

/// The rules of an instrument, which the stream writes as REST does.
pub(super) fn instrument<'a>(json: &mut Json<'a>, ts_recv: i64) -> Result<draft::Instruments<'a>> {
    let mut row =
        draft::Instruments { ts_event: ts_recv, ts_recv, venue: VENUE, ..Default::default() };
    let mut contract = Contract::default();
    let (mut time, mut sort, mut settle, mut settled_at) = (None, None, None, None);
    let mut position = None;
    json.object()?;
    while let Some(key) = json.key()? {
        match key {
            b"symbol" => row.symbol = json.text()?,
            b"timestamp" => time = json.time_text_if_any()?,
            b"instrumentID" => row.venue_index = json.integer_or_null()?,
            b"rootSymbol" => row.family = json.filled()?,
            b"state" => row.status_raw = json.filled()?,
            b"typ" => sort = json.filled()?,
            b"listing" => row.ts_listed = json.time_text_if_any()?,
            b"expiry" => row.ts_expiry = json.time_text_if_any()?,
            b"settle" => settled_at = json.time_text_if_any()?,
            b"underlying" => row.base = json.filled()?,
            b"quoteCurrency" => row.quote = json.filled()?,
            b"settlCurrency" => settle = json.filled()?,
            b"positionCurrency" => position = json.filled()?,
            b"referenceSymbol" => row.underlying = json.filled()?,
            b"maxOrderQty" => row.size_max = json.limit()?,
            b"maxPrice" => row.price_max = json.limit()?,
            b"minPrice" => row.price_min = json.limit()?,
            b"lotSize" => row.lot_size = json.limit()?,
            b"tickSize" => row.tick_size = json.limit()?,
            b"initMargin" => row.margin_initial = json.limit()?,
            b"maintMargin" => row.margin_maintenance = json.limit()?,
            b"makerFee" => row.fee_maker = json.scaled_or_null()?,
            b"takerFee" => row.fee_taker = json.scaled_or_null()?,
            b"fundingInterval" => row.funding_interval_hours = hours(json)?,
            b"optionStrikePrice" => row.strike = json.limit()?,
            _ if !contract.read(key, json)? => json.skip()?,
            _ => {}
        }
    }
    if row.symbol.is_empty() {
        return Err(json.expected("an instrument with `symbol`"));
    }
    row.ts_event = time.unwrap_or(ts_recv);
    row.flags = flags::LAST | local_time(time);
    classify(sort.unwrap_or_default(), &mut row);
    row.settle = settle.map(currency).filter(|_| row.kind != InstrumentKind::Spot);
    row.ts_expiry = row.ts_expiry.or(settled_at).filter(|_| row.kind != InstrumentKind::Perpetual);
    contract.counts_quote = position.is_some() && position == row.quote;
    contract.write(settle.unwrap_or_default(), &mut row);
    row.status = status(row.status_raw.unwrap_or_default());
    Ok(row)
}

/// The kind of an instrument, from the venue's code in the manner of ISO 10962.
fn classify(sort: &str, row: &mut draft::Instruments<'_>) {
    row.kind = match sort {
        "FFWCSX" | "FFWCSF" | "FFSCSX" => InstrumentKind::Perpetual,
        "FFCCSX" => InstrumentKind::Future,
        "FFMCSX" => InstrumentKind::Spread,
        "FFICSX" => InstrumentKind::Event,
        "IFXXXP" => InstrumentKind::Spot,
        "OCECCS" | "OPECCS" => InstrumentKind::Option,
        _ if sort.starts_with("MR") => InstrumentKind::Index,
        _ => InstrumentKind::Unknown,
    };
    row.option_kind = match sort {
        "OCECCS" => Some(OptionKind::Call),
        "OPECCS" => Some(OptionKind::Put),
        _ => None,
    };
}

/// The currency that the venue counts parts of.
fn currency(name: &str) -> &str {
    match name {
        "XBt" => "XBT",
        "USDt" => "USDT",
        "USDc" => "USDC",
        other => other,
    }
}

impl Contract {
    /// Reads the value of a key if it is one of these.
    fn read(&mut self, key: &[u8], json: &mut Json<'_>) -> Result<bool> {
        match key {
            b"isInverse" => self.inverse = !json.took_null()? && json.boolean()?,
            b"isQuanto" => self.quanto = !json.took_null()? && json.boolean()?,
            b"multiplier" => self.multiplier = json.integer_or_null()?,
            b"underlyingToPositionMultiplier" => self.to_position = json.integer_or_null()?,
            b"underlyingToSettleMultiplier" => {
                self.underlying_to_settle = json.integer_or_null()?;
            }
            b"quoteToSettleMultiplier" => self.quote_to_settle = json.integer_or_null()?,
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// What one contract stands for.
    fn write<'a>(&self, settle: &str, row: &mut draft::Instruments<'a>) {
        let base = row.base.unwrap_or_default();
        let derived = !matches!(
            row.kind,
            InstrumentKind::Spot | InstrumentKind::Index | InstrumentKind::Unknown
        );
        (row.multiplier, row.multiplier_asset) = if self.quanto {
            // Parts of the settlement currency for each point of the index.
            let parts = if settle == "USDt" { 1_000_000 } else { 100_000_000 };
            let index: &'a str = row.underlying.unwrap_or(base);
            (share(self.multiplier, Some(parts)), index)
        } else if self.inverse {
            let worth = share(self.multiplier, self.underlying_to_settle);
            (worth, row.quote.unwrap_or_default())
        } else if let Some(contracts) = self.to_position {
            (share(Some(1), Some(contracts)), base)
        } else if self.counts_quote {
            // Spreads of inverse contracts.
            (ONE, row.quote.unwrap_or_default())
        } else {
            (share(self.multiplier, self.quote_to_settle), base)
        };
        row.contract = match (derived, self.quanto, self.inverse) {
            (false, ..) => None,
            (_, true, _) => Some(ContractKind::Quanto),
            (_, _, true) => Some(ContractKind::Inverse),
            _ => Some(ContractKind::Linear),
        };
    }
}

/// A ratio without sign in the units of exact columns; one if it is not known.
fn share(part: Option<i64>, whole: Option<i64>) -> i128 {
    let absolute = |value: Option<i64>| i128::from(value.unwrap_or(0).unsigned_abs());
    match (absolute(part), absolute(whole)) {
        (0, _) | (_, 0) => ONE,
        (part, whole) => part * ONE / whole,
    }
}
