//! The matching engine, commands and events in JSON.

use std::sync::{Mutex, MutexGuard, PoisonError};

use pyo3::prelude::*;
use rustonite_sim::{AccountId, AssetId, Command, Event, Exchange, InstrumentId, OrderId, Side};
use serde::de::DeserializeOwned;

use crate::error::{caught, invalid};
use crate::reader::{check_process, process_id};

/// Number of the first order that was placed, why a command was refused, and what happened.
type Done = (Option<u64>, Option<String>, String);

/// A matching engine with accounts.
#[pyclass(frozen, module = "rustonite_data")]
pub(crate) struct NativeMatching {
    exchange: Mutex<Exchange>,
    pid: u32,
}

impl NativeMatching {
    fn exchange(&self) -> PyResult<MutexGuard<'_, Exchange>> {
        check_process(self.pid, "matching engine")?;
        Ok(self.exchange.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

fn read<T: DeserializeOwned>(what: &str, json: &str) -> PyResult<T> {
    serde_json::from_str(json).map_err(|error| invalid(format!("{what}: {error}")))
}

#[pymethods]
impl NativeMatching {
    /// Without instruments and accounts.
    #[new]
    fn new() -> Self {
        Self { exchange: Mutex::new(Exchange::new()), pid: process_id() }
    }

    /// Names an asset.
    fn asset(&self, name: &str, decimals: u32) -> PyResult<AssetId> {
        Ok(self.exchange()?.asset(name, decimals))
    }

    /// Lists an instrument.
    fn add_instrument(&self, instrument: &str) -> PyResult<InstrumentId> {
        let instrument = read("instrument", instrument)?;
        self.exchange()?.list(instrument).map_err(|refused| invalid(refused.to_string()))
    }

    /// Opens an account.
    fn open(&self) -> PyResult<AccountId> {
        Ok(self.exchange()?.open())
    }

    /// Does what a command asks for.
    fn apply(&self, now: i64, command: &str) -> PyResult<Done> {
        let command: Command = read("command", command)?;
        let mut events: Vec<Event> = Vec::new();
        let mut exchange = self.exchange()?;
        let (order, refused) = match caught(|| exchange.apply(now, &command, &mut events))? {
            Ok(order) => (order.map(|order| order.0), None),
            Err(refused) => (None, Some(refused.to_string())),
        };
        let events = serde_json::to_string(&events);
        Ok((order, refused, events.map_err(|error| invalid(error.to_string()))?))
    }

    /// Free and locked.
    fn balance(&self, account: AccountId, asset: AssetId) -> PyResult<(String, String)> {
        let (free, locked) = self.exchange()?.balance(account, asset);
        Ok((free.to_string(), locked.to_string()))
    }

    /// Price in ticks and lots of each level, the best first.
    fn levels(&self, instrument: InstrumentId, buys: bool) -> PyResult<Vec<(i64, i64)>> {
        let side = if buys { Side::Buy } else { Side::Sell };
        Ok(self.exchange()?.levels(instrument, side).collect())
    }

    /// Lots that are filled, and whether an order is open; `None` if there is no such order.
    fn order(&self, order: u64) -> PyResult<Option<(i64, bool)>> {
        let order = self.exchange()?.order(OrderId(order));
        Ok(order.map(|order| (order.filled, order.is_open)))
    }
}
