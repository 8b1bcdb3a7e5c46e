//! Tables of figures: instruments, funding and settlements.

use rustonite_core::datasets::{InstrumentStatus, VolumeWindow, draft, flags};

use super::{Action, BitMex, Scope, VENUE, rest};
use crate::common::{last, local_time};
use crate::error::Result;
use crate::event::{Floats, Sink};
use crate::json::Json;

/// Midnight of the first of January 2000, from which the venue writes lengths of time.
const LENGTHS_FROM_NS: i64 = 946_684_800_000_000_000;
const HOUR_NS: f64 = 3_600_000_000_000.0;

impl BitMex {
    /// Instruments: their rules where they are told whole, and what changed in their figures.
    pub(super) fn instruments(
        &mut self,
        json: &mut Json<'_>,
        scope: Scope<'_>,
        sink: &mut dyn Sink,
    ) -> Result<()> {
        json.array()?;
        while json.item()? {
            let mut rules = *json;
            let (row, told) = ticker(json, scope)?;
            if !self.is_started(scope, row.symbol) {
                continue;
            }
            if matches!(scope.action, Action::Partial | Action::Insert) {
                let definition = rest::instrument(&mut rules, scope.ts_recv)?;
                sink.instrument(&definition);
            }
            // A change may be of something that there is no column for.
            if told {
                sink.ticker(&row);
            }
        }
        Ok(())
    }

    /// Payments of funding, and prices at which contracts were settled.
    pub(super) fn payments(
        &mut self,
        json: &mut Json<'_>,
        scope: Scope<'_>,
        sink: &mut dyn Sink,
    ) -> Result<()> {
        json.array()?;
        while json.item()? {
            let (mut symbol, mut time, mut floats) = (None, None, Floats::default());
            let mut row = empty(scope);
            json.object()?;
            while let Some(key) = json.key()? {
                match key {
                    b"symbol" => symbol = Some(json.text()?),
                    b"timestamp" => time = Some(json.time_text()?),
                    b"fundingRate" => {
                        row.funding_rate_settled = floats.of_some(json.decimal_or_null()?);
                    }
                    b"fundingInterval" => row.funding_interval_hours = hours(json)?,
                    b"settledPrice" => {
                        row.settle_final_price = floats.of_some(json.decimal_or_null()?);
                    }
                    _ => json.skip()?,
                }
            }
            row.symbol = json.need(symbol, "a payment with `symbol`")?;
            row.ts_event = json.need(time, "a payment with `timestamp`")?;
            row.flags = floats.flags | last(json) | scope.action.if_partial(flags::STALE);
            if self.is_started(scope, row.symbol) {
                sink.ticker(&row);
            }
        }
        Ok(())
    }
}

fn empty<'a>(scope: Scope<'_>) -> draft::Tickers<'a> {
    draft::Tickers {
        ts_event: scope.ts_recv,
        ts_recv: scope.ts_recv,
        venue: VENUE,
        ..draft::Tickers::default()
    }
}

/// Figures of an instrument, and whether there are any.
fn ticker<'a>(json: &mut Json<'a>, scope: Scope<'_>) -> Result<(draft::Tickers<'a>, bool)> {
    let (mut symbol, mut time, mut told) = (None, None, false);
    let mut floats = Floats::default();
    let mut row = empty(scope);
    json.object()?;
    while let Some(key) = json.key()? {
        match key {
            b"symbol" => symbol = Some(json.text()?),
            b"timestamp" => time = Some(json.time_text()?),
            _ => told |= figure(key, json, &mut row, &mut floats)?,
        }
    }
    row.symbol = json.need(symbol, "an instrument with `symbol`")?;
    row.ts_event = time.unwrap_or(scope.ts_recv);
    // The last price of an index is its value.
    if row.symbol.starts_with('.') {
        row.index_price = row.last_price.take();
    }
    let of_day = [row.volume, row.turnover, row.high_price, row.low_price, row.average_price];
    if row.close_prev_price.is_some() || of_day.iter().any(Option::is_some) {
        row.volume_window = Some(VolumeWindow::Rolling24h);
    }
    let local = local_time(time);
    row.flags = floats.flags | last(json) | local | scope.action.if_partial(flags::SNAPSHOT);
    Ok((row, told))
}

/// Reads a figure; false if there is no column for it or it is null.
fn figure<'a>(
    key: &[u8],
    json: &mut Json<'a>,
    row: &mut draft::Tickers<'a>,
    floats: &mut Floats,
) -> Result<bool> {
    let column = match key {
        b"lastPrice" => &mut row.last_price,
        b"markPrice" => &mut row.mark_price,
        b"indexPrice" => &mut row.index_price,
        b"midPrice" => &mut row.mid_price,
        b"settledPrice" => &mut row.settle_final_price,
        b"impactBidPrice" => &mut row.impact_bid_price,
        b"impactAskPrice" => &mut row.impact_ask_price,
        b"fairBasis" => &mut row.basis,
        b"fairBasisRate" => &mut row.basis_rate,
        b"fundingRate" => &mut row.funding_rate,
        b"indicativeFundingRate" => &mut row.funding_rate_next,
        b"openInterest" => &mut row.open_interest,
        b"volume24h" => &mut row.volume,
        // `turnover24h` counts parts of the settlement currency.
        b"foreignNotional24h" => &mut row.turnover,
        b"highPrice" => &mut row.high_price,
        b"lowPrice" => &mut row.low_price,
        b"vwap" => &mut row.average_price,
        b"prevPrice24h" => &mut row.close_prev_price,
        b"limitUpPrice" => &mut row.limit_up_price,
        b"limitDownPrice" => &mut row.limit_down_price,
        // The price of the index, at which the contract would be settled now.
        b"indicativeSettlePrice" => {
            row.settle_price = floats.of_some(json.decimal_or_null()?);
            row.index_price = row.index_price.or(row.settle_price);
            return Ok(row.settle_price.is_some());
        }
        b"fundingTimestamp" => {
            row.ts_funding_next = json.time_text_if_any()?;
            return Ok(row.ts_funding_next.is_some());
        }
        b"fundingInterval" => {
            row.funding_interval_hours = hours(json)?;
            return Ok(row.funding_interval_hours.is_some());
        }
        b"state" => {
            row.status_raw = json.text_or_null()?;
            row.status = row.status_raw.map(status);
            return Ok(row.status_raw.is_some());
        }
        _ => return json.skip().map(|()| false),
    };
    let value = floats.of_some(json.decimal_or_null()?);
    *column = value;
    Ok(value.is_some())
}

/// Our word for the state of an instrument.
pub(super) fn status(state: &str) -> InstrumentStatus {
    match state {
        "Open" => InstrumentStatus::Trading,
        "Closed" => InstrumentStatus::Closed,
        "Unlisted" => InstrumentStatus::PreOpen,
        "Settled" | "Expired" | "Delisted" => InstrumentStatus::Delisted,
        "Halted" | "Paused" | "Suspended" => InstrumentStatus::Halted,
        _ => InstrumentStatus::Unknown,
    }
}

/// A length of time, written as what a clock shows then that began with the year 2000.
pub(super) fn hours(json: &mut Json<'_>) -> Result<Option<f64>> {
    let end = json.time_text_if_any()?;
    #[allow(clippy::cast_precision_loss, reason = "whole hours")]
    Ok(end.and_then(|end| end.checked_sub(LENGTHS_FROM_NS)).map(|length| length as f64 / HOUR_NS))
}
