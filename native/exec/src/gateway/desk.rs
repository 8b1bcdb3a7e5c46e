//! Whose orders they are, and by which names.

use std::sync::Arc;

use rustonite_core::Amount;
use rustonite_core::datasets::{EventSource, FillKind, InstrumentKind, Liquidity, OrderSide};
use rustonite_core::ids::{AccountId, AssetId, InstrumentId, VenueId};
use rustonite_core::instrument::Instrument;

use super::flight::Named;
use super::parse::{Fault, Parsed, amount};
use crate::directory::Directory;
use crate::report::{Fill, Report, What};
use crate::request::Request;

/// One account at one venue.
#[derive(Clone, Debug)]
pub(super) struct Desk {
    pub(super) directory: Arc<Directory>,
    pub(super) venue: VenueId,
    pub(super) account: AccountId,
}

impl Desk {
    pub(super) fn instrument(&self, symbol: &str) -> Parsed<InstrumentId> {
        let found = self.directory.instrument(self.venue, symbol);
        found.ok_or_else(|| Fault::Elsewhere(symbol.to_owned()))
    }

    pub(super) fn asset(&self, name: &str) -> Parsed<AssetId> {
        self.directory.asset(name).ok_or_else(|| Fault::unknown("asset", name))
    }

    pub(super) fn listed(&self, instrument: InstrumentId) -> Option<&Instrument> {
        self.directory.listed(instrument)
    }

    /// All instruments of the venue.
    pub(super) fn all_listed(&self) -> impl Iterator<Item = (InstrumentId, &Instrument)> {
        let venue = self.directory.venue_name(self.venue);
        self.directory.instruments().filter(move |(_, one)| &*one.venue == venue)
    }

    /// What contracts are margined with, by symbol. Those that nothing here trades are left out.
    pub(super) fn leverage<'a>(
        &self,
        rows: impl IntoIterator<Item = (&'a str, &'a str)>,
    ) -> Parsed<Vec<(InstrumentId, Amount)>> {
        let rows = rows.into_iter();
        let known = rows.filter_map(|(symbol, text)| Some((self.instrument(symbol).ok()?, text)));
        known.map(|(instrument, text)| Ok((instrument, amount(text)?))).collect()
    }

    /// What holds for all contracts of an account.
    pub(super) fn hedging(&self, is_on: bool) -> Vec<(InstrumentId, bool)> {
        let contracts = self.all_listed().filter(|(_, one)| one.kind != InstrumentKind::Spot);
        contracts.map(|(instrument, _)| (instrument, is_on)).collect()
    }

    pub(super) fn symbol(&self, instrument: InstrumentId) -> String {
        self.listed(instrument).map(|one| one.symbol.to_string()).unwrap_or_default()
    }

    /// Funding that was paid, negative if received; none of what nothing here trades. No order is
    /// behind it, and the venue's number of it is not one of an execution.
    pub(super) fn funding(
        &self,
        symbol: &str,
        number: &str,
        (paid, asset): (Amount, &str),
        (ts_event, ts_recv): (i64, i64),
    ) -> Option<Report> {
        let asset = self.directory.asset(asset)?;
        let fill = Fill {
            fill_id: format!("funding:{number}").into(),
            trade_id: None,
            kind: FillKind::Funding,
            side: OrderSide::Buy,
            price: Amount::ZERO,
            size: Amount::ZERO,
            size_filled: None,
            fee: Some((paid, asset)),
            liquidity: Liquidity::Unknown,
            position_side: None,
        };
        let named = self.named(self.instrument(symbol).ok()?, "");
        let report = named.report(ts_recv, EventSource::Reconciliation, What::Fill(fill));
        Some(Report { ts_event, ..report })
    }

    /// The order that a request is about: by the venue's number where others gave it no client id.
    pub(super) fn subject(&self, request: &Request) -> Named {
        let client_id = match request {
            Request::Replace { client_id_prev, .. } => client_id_prev,
            other => other.client_id(),
        };
        let number = request.venue_order_id().filter(|_| client_id.is_empty());
        let named = self.named(request.instrument(), client_id);
        Named { venue_order_id: number.map(Into::into), ..named }
    }

    pub(super) fn named(&self, instrument: InstrumentId, client_id: &str) -> Named {
        Named {
            account: self.account,
            instrument,
            client_id: client_id.into(),
            client_id_prev: None,
            venue_order_id: None,
        }
    }
}
