//! Orders, executions, balances and positions in the venue's words. All values are texts.

use rustonite_core::Amount;
use rustonite_core::datasets::{
    EventSource, FillKind, Liquidity, OrderSide, OrderState, PositionSide,
};
use rustonite_core::ids::AssetId;
use serde::Deserialize;

use super::requests::TIFS;
use crate::gateway::capability::meaning;
use crate::gateway::desk::Desk;
use crate::gateway::flight::Named;
use crate::gateway::parse::{Fault, Parsed, amount, ns, side, some_amount};
use crate::gateway::{Balance, Position};
use crate::report::{Fill, OrderPicture, Report, What};

/// An order, with its last execution.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct OrderRow {
    pub(super) inst_id: String,
    pub(super) ord_id: String,
    pub(super) cl_ord_id: String,
    pub(super) side: String,
    pub(super) pos_side: String,
    pub(super) px: String,
    pub(super) ord_type: String,
    pub(super) sz: String,
    pub(super) tgt_ccy: String,
    pub(super) state: String,
    pub(super) acc_fill_sz: String,
    pub(super) avg_px: String,
    pub(super) u_time: String,
    pub(super) category: String,
    pub(super) cancel_source: String,
    pub(super) amend_result: String,
    pub(super) code: String,
    pub(super) msg: String,
    pub(super) trade_id: String,
    pub(super) fill_px: String,
    pub(super) fill_sz: String,
    pub(super) fill_fee: String,
    pub(super) fill_fee_ccy: String,
    pub(super) exec_type: String,
}

/// An execution, as a question brings it.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct FillRow {
    pub(super) bill_id: String,
    ord_id: String,
    cl_ord_id: String,
    trade_id: String,
    side: String,
    pos_side: String,
    fill_px: String,
    fill_sz: String,
    fee: String,
    fee_ccy: String,
    exec_type: String,
    ts: String,
}

/// A payment of funding.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct BillRow {
    pub(super) bill_id: String,
    inst_id: String,
    ccy: String,
    /// What was received, negative if it was paid.
    pnl: String,
    ts: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct AccountRow {
    details: Vec<BalanceRow>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct BalanceRow {
    ccy: String,
    /// Without profit of open positions,
    cash_bal: String,
    /// which both of these have in them.
    avail_bal: String,
    frozen_bal: String,
    u_time: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct PositionRow {
    inst_id: String,
    pos_side: String,
    pos: String,
    avg_px: String,
    u_time: String,
}

/// A moment in milliseconds as a text; none if it is empty.
pub(super) fn moment(text: &str) -> Parsed<Option<i64>> {
    if text.is_empty() {
        return Ok(None);
    }
    let ms = text.parse().map_err(|_| Fault::unknown("time", text))?;
    Ok(Some(ns(ms)))
}

fn position_side(word: &str) -> Option<PositionSide> {
    match word {
        "long" => Some(PositionSide::Long),
        "short" => Some(PositionSide::Short),
        _ => None,
    }
}

fn liquidity(word: &str) -> Liquidity {
    match word {
        "M" => Liquidity::Maker,
        "T" => Liquidity::Taker,
        _ => Liquidity::Unknown,
    }
}

/// Fees that are paid are negative here. In an asset that nothing here trades they stay unknown.
fn fee(desk: &Desk, fee: &str, asset: &str) -> Parsed<Option<(Amount, AssetId)>> {
    match desk.directory.asset(asset) {
        Some(asset) if !fee.is_empty() => Ok(Some((-amount(fee)?, asset))),
        _ => Ok(None),
    }
}

fn trade_number(text: &str) -> Option<i64> {
    text.parse().ok()
}

impl OrderRow {
    pub(super) fn filled(&self) -> Parsed<Amount> {
        Ok(some_amount(&self.acc_fill_sz)?.unwrap_or_default())
    }

    /// The whole size; of an order that is sized in money, what was bought for it so far.
    pub(super) fn size(&self) -> Parsed<Amount> {
        if self.tgt_ccy == "quote_ccy" { self.filled() } else { amount(&self.sz) }
    }

    fn state(&self, filled: Amount) -> Parsed<OrderState> {
        Ok(match &*self.state {
            "live" | "partially_filled" if filled > Amount::ZERO => OrderState::PartiallyFilled,
            "live" | "partially_filled" => OrderState::Accepted,
            "filled" => OrderState::Filled,
            "canceled" | "mmp_canceled" => OrderState::Cancelled,
            other => return Err(Fault::unknown("order state", other)),
        })
    }

    pub(super) fn picture(
        &self,
        named: &Named,
        ts_recv: i64,
        source: EventSource,
    ) -> Parsed<Report> {
        let size_filled = self.filled()?;
        let picture = OrderPicture {
            state: self.state(size_filled)?,
            side: side(&self.side)?,
            price: some_amount(&self.px)?,
            price_trigger: None,
            limit_tif: meaning(&TIFS, &self.ord_type),
            size: self.size()?,
            size_filled,
            price_average: some_amount(&self.avg_px)?,
        };
        let mut report = named.report(ts_recv, source, What::Picture(picture));
        report.venue_order_id = Some(self.ord_id.as_str().into());
        report.ts_event = moment(&self.u_time)?.unwrap_or(ts_recv);
        Ok(report)
    }

    /// The last execution, if there is one.
    pub(super) fn fill(&self, desk: &Desk) -> Parsed<Option<Fill>> {
        let Some(size) = some_amount(&self.fill_sz)? else { return Ok(None) };
        if self.trade_id.is_empty() {
            return Ok(None);
        }
        Ok(Some(Fill {
            fill_id: self.trade_id.as_str().into(),
            trade_id: trade_number(&self.trade_id),
            kind: match &*self.category {
                "adl" => FillKind::Adl,
                "full_liquidation" | "partial_liquidation" => FillKind::Liquidation,
                "delivery" => FillKind::Delivery,
                _ => FillKind::Trade,
            },
            side: side(&self.side)?,
            price: amount(&self.fill_px)?,
            size,
            size_filled: Some(self.filled()?),
            fee: fee(desk, &self.fill_fee, &self.fill_fee_ccy)?,
            liquidity: liquidity(&self.exec_type),
            position_side: position_side(&self.pos_side),
        }))
    }
}

impl FillRow {
    pub(super) fn report(&self, desk: &Desk, named: &Named, ts_recv: i64) -> Parsed<Report> {
        let fill = Fill {
            fill_id: self.trade_id.as_str().into(),
            trade_id: trade_number(&self.trade_id),
            kind: FillKind::Trade,
            side: if self.side.is_empty() { OrderSide::Buy } else { side(&self.side)? },
            price: amount(&self.fill_px)?,
            size: amount(&self.fill_sz)?,
            size_filled: None,
            fee: fee(desk, &self.fee, &self.fee_ccy)?,
            liquidity: liquidity(&self.exec_type),
            position_side: position_side(&self.pos_side),
        };
        let named = Named { client_id: self.cl_ord_id.as_str().into(), ..named.clone() };
        let mut report = named.report(ts_recv, EventSource::Reconciliation, What::Fill(fill));
        report.venue_order_id = Some(self.ord_id.as_str().into());
        report.ts_event = moment(&self.ts)?.unwrap_or(ts_recv);
        Ok(report)
    }
}

impl BillRow {
    pub(super) fn funding(&self, desk: &Desk, ts_recv: i64) -> Parsed<Option<Report>> {
        let paid = (-amount(&self.pnl)?, &*self.ccy);
        let times = (moment(&self.ts)?.unwrap_or(ts_recv), ts_recv);
        Ok(desk.funding(&self.inst_id, &self.bill_id, paid, times))
    }
}

/// What is owned. Assets that nothing here trades are left out.
pub(super) fn balances(desk: &Desk, rows: &[AccountRow], ts_recv: i64) -> Parsed<Vec<Balance>> {
    let mut balances = Vec::new();
    for row in rows.iter().flat_map(|account| &account.details) {
        let Some(asset) = desk.directory.asset(&row.ccy) else { continue };
        balances.push(Balance {
            ts_event: moment(&row.u_time)?.unwrap_or(ts_recv),
            asset,
            total: some_amount(&row.cash_bal)?.unwrap_or_default(),
            available: some_amount(&row.avail_bal)?.unwrap_or_default(),
            locked: some_amount(&row.frozen_bal)?.unwrap_or_default(),
        });
    }
    Ok(balances)
}

/// What is held. Instruments that nothing here trades are left out.
pub(super) fn positions(desk: &Desk, rows: &[PositionRow], ts_recv: i64) -> Parsed<Vec<Position>> {
    let mut positions = Vec::new();
    for row in rows {
        let Ok(instrument) = desk.instrument(&row.inst_id) else { continue };
        let side = position_side(&row.pos_side).unwrap_or(PositionSide::Net);
        let size = some_amount(&row.pos)?.unwrap_or_default();
        let is_short = side == PositionSide::Short && size > Amount::ZERO;
        positions.push(Position {
            ts_event: moment(&row.u_time)?.unwrap_or(ts_recv),
            instrument,
            side,
            size: if is_short { -size } else { size },
            price_entry: some_amount(&row.avg_px)?,
        });
    }
    Ok(positions)
}
