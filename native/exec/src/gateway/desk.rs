//! Whose orders they are, and by which names.

use std::sync::Arc;

use rustonite_core::Amount;
use rustonite_core::ids::{AccountId, AssetId, InstrumentId, VenueId};
use rustonite_core::instrument::Instrument;

use super::flight::Named;
use super::parse::{Fault, Parsed, amount};
use crate::directory::Directory;

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
        found.ok_or_else(|| Fault::unknown("symbol", symbol))
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

    pub(super) fn symbol(&self, instrument: InstrumentId) -> String {
        self.listed(instrument).map(|one| one.symbol.to_string()).unwrap_or_default()
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
