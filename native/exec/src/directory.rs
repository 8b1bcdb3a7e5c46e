//! Names and numbers of what a process trades: markets, accounts, strategies, instruments, assets.

use std::collections::HashMap;

use foldhash::fast::FixedState;
use rustonite_core::hint::hint;
use rustonite_core::ids::{AccountId, AssetId, InstrumentId, StrategyId, VenueId};
use rustonite_core::instrument::Instrument;

/// Texts with numbers from 0, in the order of their coming.
#[derive(Clone, Debug, Default)]
struct Numbered {
    names: Vec<Box<str>>,
    numbers: HashMap<Box<str>, usize, FixedState>,
}

impl Numbered {
    fn number(&mut self, name: &str) -> usize {
        if let Some(number) = self.numbers.get(name) {
            return *number;
        }
        let number = self.names.len();
        self.names.push(name.into());
        self.numbers.insert(name.into(), number);
        number
    }

    fn find(&self, name: &str) -> Option<usize> {
        self.numbers.get(name).copied()
    }

    fn name(&self, number: usize) -> &str {
        self.names.get(number).map_or("", |name| name)
    }
}

macro_rules! numbered {
    ($($field:ident: $id:ident($kind:ty), $add:ident, $find:ident, $name:ident;)*) => {
        impl Directory {
            $(
                /// The number of a name, given out if it is new.
                ///
                /// # Panics
                /// More names than numbers of this sort.
                pub fn $add(&mut self, name: &str) -> $id {
                    let number = self.$field.number(name);
                    $id(<$kind>::try_from(number).expect("fewer names than numbers"))
                }

                /// The number of a name that is known.
                pub fn $find(&self, name: &str) -> Option<$id> {
                    let number = self.$field.find(name)?;
                    <$kind>::try_from(number).ok().map($id)
                }

                /// The name of a number; empty if it was not given out.
                pub fn $name(&self, id: $id) -> &str {
                    self.$field.name(id.index())
                }
            )*
        }
    };
}

numbered! {
    venues: VenueId(u16), add_venue, venue, venue_name;
    accounts: AccountId(u16), add_account, account, account_name;
    strategies: StrategyId(u16), add_strategy, strategy, strategy_name;
    assets: AssetId(u32), add_asset, asset, asset_name;
}

/// What a process trades. Numbers are given out once and stay.
#[derive(Clone, Debug, Default)]
pub struct Directory {
    venues: Numbered,
    accounts: Numbered,
    strategies: Numbered,
    assets: Numbered,
    instruments: Vec<Instrument>,
    symbols: HashMap<VenueId, Symbols, FixedState>,
}

type Symbols = HashMap<Box<str>, InstrumentId, FixedState>;

impl Directory {
    /// Lists an instrument, or changes one that is listed; its venue and assets get numbers, too.
    ///
    /// # Panics
    /// More than 2^32 instruments.
    pub fn list(&mut self, instrument: Instrument) -> InstrumentId {
        let venue = self.add_venue(&instrument.venue);
        for asset in [&instrument.base, &instrument.quote, &instrument.settle] {
            self.add_asset(asset);
        }
        let symbols = self.symbols.entry(venue).or_default();
        if let Some(id) = symbols.get(&instrument.symbol) {
            self.instruments[id.index()] = instrument;
            return *id;
        }
        let number = u32::try_from(self.instruments.len()).expect("fewer than 2^32 instruments");
        symbols.insert(instrument.symbol.clone(), InstrumentId(number));
        self.instruments.push(instrument);
        InstrumentId(number)
    }

    /// An instrument by its venue and symbol.
    pub fn instrument(&self, venue: VenueId, symbol: &str) -> Option<InstrumentId> {
        self.symbols.get(&venue)?.get(symbol).copied()
    }

    /// An instrument by its symbol, and by its venue unless only one has it.
    pub fn find(&self, venue: Option<&str>, symbol: &str) -> Option<InstrumentId> {
        if let Some(venue) = venue {
            return self.instrument(self.venue(venue)?, symbol);
        }
        let mut found = self.symbols.values().filter_map(|symbols| symbols.get(symbol));
        let first = found.next()?;
        found.next().is_none().then_some(*first)
    }

    /// Why [`Directory::find`] finds nothing.
    pub fn not_found(&self, venue: Option<&str>, symbol: &str) -> String {
        let has_it = |one: &&Instrument| &*one.symbol == symbol;
        let venues: Vec<_> =
            self.instruments.iter().filter(has_it).map(|one| &*one.venue).collect();
        if let (None, [_, _, ..]) = (venue, &venues[..]) {
            return format!("{symbol} is traded at {}: say which", venues.join(" and "));
        }
        let is_there = |one: &&Instrument| venue.is_none_or(|venue| venue == &*one.venue);
        let symbols = self.instruments.iter().filter(is_there).map(|one| &*one.symbol);
        let at = venue.map_or_else(String::new, |venue| format!(" of {venue}"));
        format!("{symbol}{at} is not traded here; {}", hint(symbol, symbols))
    }

    /// What is listed under a number.
    pub fn listed(&self, id: InstrumentId) -> Option<&Instrument> {
        self.instruments.get(id.index())
    }

    /// All that is listed, by number.
    pub fn instruments(&self) -> impl Iterator<Item = (InstrumentId, &Instrument)> {
        (0..).map(InstrumentId).zip(&self.instruments)
    }
}
