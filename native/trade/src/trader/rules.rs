//! The rules of what accounts trade: of the venue or, on paper, as a recorder wrote them down.

use std::collections::BTreeMap;
use std::path::Path;

use rustonite_core::instrument::Instrument;
use rustonite_exec::recorded_rules;
use rustonite_feed::{Dialler, instruments};
use rustonite_tape::TapeError;
use url::Url;

use super::TradeError;
use super::building::urls;
use super::past::{Lakes, out_of_lake};
use crate::config::{AccountConfig, Config};
use crate::keys;
use crate::market::{Followed, INSTRUMENTS};

/// Rules by symbol, at least of all that an account trades and that there is.
pub(super) fn rules_of(
    config: &Config,
    account: &AccountConfig,
    dialler: &Dialler,
    lakes: &mut Lakes<'_>,
) -> Result<BTreeMap<String, Instrument>, TradeError> {
    let is_paper = account.paper.is_some();
    if is_paper && let Some(recorded) = recorded(config, account, lakes)? {
        return Ok(recorded);
    }
    let urls = urls(account)?;
    let rest = urls.get("rest").map(Url::as_str);
    let keys = if is_paper { None } else { Some(keys::of(account)?) };
    let known = keys.as_ref().map(|keys| (keys.key.as_str(), keys.secret.as_str()));
    Ok(instruments(&account.venue, rest, dialler.clone(), known)?)
}

/// What recorders wrote down, if they did.
fn recorded(
    config: &Config,
    account: &AccountConfig,
    lakes: &mut Lakes<'_>,
) -> Result<Option<BTreeMap<String, Instrument>>, TradeError> {
    let has_all = |known: &BTreeMap<String, Instrument>| {
        account.symbols.iter().all(|symbol| known.contains_key(symbol))
    };
    let mut known = BTreeMap::new();
    for market in config.markets_of(&account.venue) {
        known.extend(on_tape(&market.tapes, &account.venue)?);
    }
    for market in config.markets_of(&account.venue).filter(|market| market.lake.is_some()) {
        if has_all(&known) {
            break;
        }
        if let Some(tapes) = out_of_lake(lakes, market, INSTRUMENTS, &account.symbols, None)? {
            let mut older = on_tape(&tapes, &account.venue)?;
            older.append(&mut known);
            known = older;
        }
    }
    // What a recorder wrote down is all that it records: of another there is no market data.
    Ok((!known.is_empty()).then_some(known))
}

/// What is on the tape of instruments in a folder of tapes.
fn on_tape(folder: &Path, venue: &str) -> Result<BTreeMap<String, Instrument>, TradeError> {
    let tape = Followed {
        folder: folder.to_owned(),
        venue: venue.to_owned(),
        dataset: INSTRUMENTS.to_owned(),
    };
    let Some(tape) = tape.find() else { return Ok(BTreeMap::new()) };
    match recorded_rules(&tape, venue) {
        // Its writer is making it.
        Err(TapeError::NotATape { .. } | TapeError::Gone { .. }) => Ok(BTreeMap::new()),
        rules => Ok(rules?),
    }
}
