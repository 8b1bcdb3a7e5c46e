//! The rules of what accounts trade: of the venue or, on paper, as a recorder wrote them down.

use std::collections::BTreeMap;

use rustonite_core::instrument::Instrument;
use rustonite_exec::recorded_rules;
use rustonite_feed::{Dialler, instruments};
use rustonite_tape::TapeError;
use url::Url;

use super::TradeError;
use super::building::urls;
use crate::config::{AccountConfig, Config};
use crate::keys;
use crate::market::Followed;

/// Rules by symbol, at least of all that an account trades and that there is.
pub(super) fn rules_of(
    config: &Config,
    account: &AccountConfig,
    dialler: &Dialler,
) -> Result<BTreeMap<String, Instrument>, TradeError> {
    let is_paper = account.paper.is_some();
    if is_paper && let Some(recorded) = recorded(config, account)? {
        return Ok(recorded);
    }
    let urls = urls(account)?;
    let rest = urls.get("rest").map(Url::as_str);
    let keys = if is_paper { None } else { Some(keys::of(account)?) };
    let known = keys.as_ref().map(|keys| (keys.key.as_str(), keys.secret.as_str()));
    Ok(instruments(&account.venue, rest, dialler.clone(), known)?)
}

/// What recorders wrote down, if it is all that the account trades.
fn recorded(
    config: &Config,
    account: &AccountConfig,
) -> Result<Option<BTreeMap<String, Instrument>>, TradeError> {
    let mut known = BTreeMap::new();
    for market in config.markets.iter().filter(|market| market.venue == account.venue) {
        let tape = Followed {
            folder: market.tapes.clone(),
            venue: market.venue.clone(),
            dataset: "instruments".to_owned(),
        };
        let Some(tape) = tape.find() else { continue };
        match recorded_rules(&tape, &account.venue) {
            // Its writer is making it.
            Err(TapeError::NotATape { .. } | TapeError::Gone { .. }) => {}
            rules => known.extend(rules?),
        }
    }
    let has_all = account.symbols.iter().all(|symbol| known.contains_key(symbol));
    Ok(has_all.then_some(known))
}
