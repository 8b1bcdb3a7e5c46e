//! Rules of instruments as a recorder wrote them down.

use std::collections::BTreeMap;
use std::path::Path;

use rustonite_core::Amount;
use rustonite_core::datasets::{ContractKind, InstrumentKind, InstrumentStatus};
use rustonite_core::instrument::Instrument;
use rustonite_tape::TapeError;

use crate::cells::{Cells, Rows, columns};

columns!(InstrumentColumns: venue symbol kind contract base quote settle tick_size lot_size
    multiplier price_min price_max size_min size_max market_size_max notional_min notional_max
    status);

/// What a tape of `instruments` says of a venue's instruments, by symbol: the newest word of each.
/// What has no steps of price and size cannot be traded, and is not among them.
///
/// # Errors
/// The tape cannot be read.
pub fn recorded_rules(
    folder: &Path,
    venue: &str,
) -> Result<BTreeMap<String, Instrument>, TapeError> {
    let mut rows = Rows::open(folder)?;
    let columns = InstrumentColumns::of(rows.schema());
    let mut found = BTreeMap::new();
    while let Some(cells) = rows.cells() {
        if cells.text(columns.venue) == Some(venue)
            && let Some(instrument) = instrument(cells, &columns, venue)
        {
            found.insert(instrument.symbol.to_string(), instrument);
        }
        rows.advance()?;
    }
    Ok(found)
}

fn instrument(cells: Cells<'_>, columns: &InstrumentColumns, venue: &str) -> Option<Instrument> {
    let text = |column| Box::from(cells.text(column).unwrap_or_default());
    let quote: Box<str> = text(columns.quote);
    let both = |least, most| (cells.amount(least), cells.amount(most));
    Some(Instrument {
        venue: venue.into(),
        symbol: cells.text(columns.symbol)?.into(),
        kind: cells.word(columns.kind, InstrumentKind::parse)?,
        contract: cells.word(columns.contract, ContractKind::parse),
        base: text(columns.base),
        settle: cells.text(columns.settle).map_or_else(|| quote.clone(), Box::from),
        quote,
        tick: cells.amount(columns.tick_size)?,
        lot: cells.amount(columns.lot_size)?,
        multiplier: cells.amount(columns.multiplier).unwrap_or(Amount(10_i128.pow(18))),
        price: both(columns.price_min, columns.price_max),
        size: both(columns.size_min, columns.size_max),
        market_size_max: cells.amount(columns.market_size_max),
        notional: both(columns.notional_min, columns.notional_max),
        status: cells.word(columns.status, InstrumentStatus::parse).unwrap_or_default(),
    })
}
