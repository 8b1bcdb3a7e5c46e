//! What is owned and held.

use rustonite_core::Amount;
use rustonite_core::datasets::PositionSide;
use serde::Deserialize;

use super::BinanceUsdM;
use super::stream::position_side;
use crate::gateway::parse::{Parsed, amount, ns, some_amount};
use crate::gateway::{Balance, Position};

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct BalanceText {
    asset: String,
    /// What is in the wallet, without profit of open positions.
    balance: String,
    /// That of shared positions, which can be used, too.
    cross_un_pnl: String,
    available_balance: String,
    #[serde(default)]
    update_time: i64,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct PositionText {
    #[serde(alias = "s")]
    symbol: String,
    #[serde(alias = "pa")]
    position_amt: String,
    #[serde(alias = "ep")]
    entry_price: String,
    #[serde(alias = "ps")]
    position_side: String,
    #[serde(default)]
    update_time: i64,
}

impl BinanceUsdM {
    /// What is owned. Assets that nothing here trades are left out.
    pub(super) fn balances(&self, rows: &[BalanceText]) -> Parsed<Vec<Balance>> {
        let directory = &self.session.desk.directory;
        let mut balances = Vec::new();
        for row in rows {
            let Some(asset) = directory.asset(&row.asset) else { continue };
            let (total, available) = (amount(&row.balance)?, amount(&row.available_balance)?);
            // What can be used is wallet and open profit, less the margin of what is open.
            let locked = (total + amount(&row.cross_un_pnl)? - available).max(Amount::ZERO);
            let ts_event = ns(row.update_time);
            balances.push(Balance { ts_event, asset, total, available, locked });
        }
        Ok(balances)
    }

    /// What is held. Instruments that nothing here trades are left out.
    pub(super) fn positions(&self, rows: &[PositionText]) -> Parsed<Vec<Position>> {
        let mut positions = Vec::new();
        for row in rows {
            let Ok(instrument) = self.session.desk.instrument(&row.symbol) else { continue };
            positions.push(Position {
                ts_event: ns(row.update_time),
                instrument,
                side: position_side(&row.position_side).unwrap_or(PositionSide::Net),
                size: amount(&row.position_amt)?,
                price_entry: some_amount(&row.entry_price)?,
            });
        }
        Ok(positions)
    }
}
