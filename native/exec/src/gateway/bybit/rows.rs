//! Orders, executions, balances and positions in the venue's words. Almost all values are texts.

use rustonite_core::Amount;
use rustonite_core::datasets::{
    EventSource, FillKind, InstrumentKind, Liquidity, OrderSide, OrderState, PositionSide, Tif,
};
use rustonite_core::ids::{AssetId, InstrumentId};
use serde::Deserialize;

use super::moment;
use super::requests::TIFS;
use crate::gateway::capability::meaning;
use crate::gateway::desk::Desk;
use crate::gateway::flight::{Name, Named};
use crate::gateway::parse::{Fault, Parsed, amount, side, some_amount};
use crate::gateway::{Balance, Position};
use crate::report::{Fill, OrderPicture, Report, What};

/// Rows of a page.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct List<T> {
    #[serde(default = "Vec::new")]
    pub(super) list: Vec<T>,
    #[serde(default)]
    pub(super) next_page_cursor: String,
}

/// Rows of what is no page; none if it cannot be read.
pub(super) fn list_of<T: serde::de::DeserializeOwned>(text: &str) -> Vec<T> {
    serde_json::from_str::<List<T>>(text).map(|list| list.list).unwrap_or_default()
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct OrderRow {
    pub(super) category: String,
    pub(super) symbol: String,
    pub(super) order_id: String,
    pub(super) order_link_id: String,
    pub(super) side: String,
    pub(super) price: String,
    pub(super) trigger_price: String,
    pub(super) qty: String,
    pub(super) order_type: String,
    pub(super) time_in_force: String,
    pub(super) market_unit: String,
    pub(super) order_status: String,
    pub(super) cum_exec_qty: String,
    pub(super) avg_price: String,
    pub(super) cancel_type: String,
    pub(super) reject_reason: String,
    pub(super) updated_time: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct FillRow {
    pub(super) category: String,
    pub(super) symbol: String,
    order_id: String,
    pub(super) order_link_id: String,
    side: String,
    exec_id: String,
    exec_price: String,
    exec_qty: String,
    exec_fee: String,
    fee_currency: String,
    exec_type: String,
    exec_time: String,
    is_maker: bool,
    leaves_qty: String,
    closed_size: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct WalletRow {
    coin: Vec<CoinRow>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct CoinRow {
    coin: String,
    #[serde(rename = "walletBalance")]
    wallet_balance: String,
    locked: String,
    #[serde(rename = "totalOrderIM")]
    of_orders: String,
    #[serde(rename = "totalPositionIM")]
    of_positions: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct PositionRow {
    pub(super) category: String,
    symbol: String,
    side: String,
    size: String,
    #[serde(alias = "entryPrice")]
    avg_price: String,
    position_idx: i64,
    updated_time: String,
}

impl OrderRow {
    pub(super) fn name(&self) -> Name<'_> {
        (&self.order_link_id, Some(&self.order_id))
    }

    pub(super) fn filled(&self) -> Parsed<Amount> {
        Ok(some_amount(&self.cum_exec_qty)?.unwrap_or_default())
    }

    /// The whole size; of an order that is sized in money, what was bought for it so far.
    pub(super) fn size(&self) -> Parsed<Amount> {
        if self.market_unit == "quoteCoin" { self.filled() } else { amount(&self.qty) }
    }

    fn limit_tif(&self) -> Parsed<Option<Tif>> {
        let is_plain = self.order_type == "Limit" && some_amount(&self.trigger_price)?.is_none();
        Ok(meaning(&TIFS, &self.time_in_force).filter(|_| is_plain))
    }

    fn state(&self, filled: Amount) -> Parsed<OrderState> {
        Ok(match &*self.order_status {
            "New" | "PartiallyFilled" | "Untriggered" if filled > Amount::ZERO => {
                OrderState::PartiallyFilled
            }
            "New" | "PartiallyFilled" | "Untriggered" => OrderState::Accepted,
            "Triggered" => OrderState::Triggered,
            "Filled" => OrderState::Filled,
            "Rejected" if filled == Amount::ZERO => OrderState::Rejected,
            "Cancelled" | "PartiallyFilledCanceled" | "Deactivated" | "Rejected" => {
                OrderState::Cancelled
            }
            other => return Err(Fault::unknown("order status", other)),
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
            price: some_amount(&self.price)?.filter(|_| self.order_type != "Market"),
            price_trigger: some_amount(&self.trigger_price)?,
            limit_tif: self.limit_tif()?,
            size: self.size()?,
            size_filled,
            price_average: some_amount(&self.avg_price)?,
        };
        let mut report = named.report(ts_recv, source, What::Picture(picture));
        report.venue_order_id = Some(self.order_id.as_str().into());
        report.ts_event = moment(&self.updated_time, ts_recv);
        Ok(report)
    }
}

impl FillRow {
    fn kind(&self) -> Option<FillKind> {
        match &*self.exec_type {
            "Trade" | "BlockTrade" => Some(FillKind::Trade),
            "AdlTrade" => Some(FillKind::Adl),
            "BustTrade" => Some(FillKind::Liquidation),
            "Delivery" => Some(FillKind::Delivery),
            "Settle" => Some(FillKind::Settlement),
            "Funding" => Some(FillKind::Funding),
            // Nothing that we would count.
            _ => None,
        }
    }

    /// Whether nothing of its order is left.
    pub(super) fn is_last(&self) -> bool {
        some_amount(&self.leaves_qty).is_ok_and(|left| left.is_none())
            && !self.leaves_qty.is_empty()
    }

    /// An execution, or funding: its fee is what was paid, negative if received, and the venue's
    /// number of an order is that of none of ours.
    pub(super) fn report(
        &self,
        (desk, hedges): (&Desk, bool),
        named: &Named,
        ts_recv: i64,
        source: EventSource,
    ) -> Parsed<Option<Report>> {
        let Some(kind) = self.kind() else { return Ok(None) };
        let side = side(&self.side)?;
        let fill = Fill {
            fill_id: self.exec_id.as_str().into(),
            trade_id: None,
            kind,
            side,
            price: amount(&self.exec_price)?,
            size: amount(&self.exec_qty)?,
            size_filled: None,
            fee: self.fee(desk, named.instrument, side)?,
            liquidity: if self.is_maker { Liquidity::Maker } else { Liquidity::Taker },
            position_side: if hedges { self.position_side(kind, side)? } else { None },
        };
        let mut report = named.report(ts_recv, source, What::Fill(fill));
        if kind == FillKind::Funding {
            report.client_id = "".into();
        } else {
            report.venue_order_id = Some(self.order_id.as_str().into());
        }
        report.ts_event = moment(&self.exec_time, ts_recv);
        Ok(Some(report))
    }

    /// Which of two positions it changed. The venue does not name it, but says whether it closed
    /// one. Of payments it says neither.
    fn position_side(&self, kind: FillKind, side: OrderSide) -> Parsed<Option<PositionSide>> {
        let is_trade = matches!(kind, FillKind::Trade | FillKind::Adl | FillKind::Liquidation);
        if !is_trade || self.closed_size.is_empty() {
            return Ok(None);
        }
        let closes = some_amount(&self.closed_size)?.is_some();
        let is_long = (side == OrderSide::Buy) != closes;
        Ok(Some(if is_long { PositionSide::Long } else { PositionSide::Short }))
    }

    /// A fee. Unless the venue says otherwise it is taken from what is received.
    fn fee(
        &self,
        desk: &Desk,
        instrument: InstrumentId,
        side: OrderSide,
    ) -> Parsed<Option<(Amount, AssetId)>> {
        let listed = desk.listed(instrument);
        let usual = listed.map(|listed| match (listed.kind, side) {
            (InstrumentKind::Spot, OrderSide::Buy) => &*listed.base,
            (InstrumentKind::Spot, OrderSide::Sell) => &*listed.quote,
            _ => &*listed.settle,
        });
        let said = Some(&*self.fee_currency).filter(|name| !name.is_empty());
        match said.or(usual).and_then(|name| desk.directory.asset(name)) {
            Some(asset) if !self.exec_fee.is_empty() => Ok(Some((amount(&self.exec_fee)?, asset))),
            _ => Ok(None),
        }
    }
}

/// What is owned. Assets that nothing here trades are left out.
pub(super) fn balances(desk: &Desk, rows: &[WalletRow], at: i64) -> Parsed<Vec<Balance>> {
    let mut balances = Vec::new();
    for row in rows.iter().flat_map(|wallet| &wallet.coin) {
        let Some(asset) = desk.directory.asset(&row.coin) else { continue };
        let whole = some_amount(&row.wallet_balance)?.unwrap_or_default();
        let mut locked = Amount::ZERO;
        for part in [&row.locked, &row.of_orders, &row.of_positions] {
            locked += some_amount(part)?.unwrap_or_default();
        }
        balances.push(Balance::plain(at, asset, whole - locked, locked));
    }
    Ok(balances)
}

/// What is held. Instruments that nothing here trades are left out.
pub(super) fn positions(desk: &Desk, rows: &[PositionRow], ts_recv: i64) -> Parsed<Vec<Position>> {
    let mut positions = Vec::new();
    for row in rows {
        let Ok(instrument) = desk.instrument(&row.symbol) else { continue };
        let size = some_amount(&row.size)?.unwrap_or_default();
        positions.push(Position {
            ts_event: moment(&row.updated_time, ts_recv),
            instrument,
            side: match row.position_idx {
                1 => PositionSide::Long,
                2 => PositionSide::Short,
                _ => PositionSide::Net,
            },
            size: if row.side == "Sell" { -size } else { size },
            price_entry: some_amount(&row.avg_price)?,
        });
    }
    Ok(positions)
}
