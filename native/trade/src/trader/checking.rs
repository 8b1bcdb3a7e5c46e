//! What can be said of a configuration without opening anything or asking anybody.

use rustonite_core::datasets::RiskScope;
use rustonite_core::hint::hint;
use rustonite_exec::gateway::capabilities;
use rustonite_feed::{FeedError, Venue};
use rustonite_risk::MANUAL;

use super::TradeError;
use super::building::{read_limits, wrong};
use crate::config::Config;
use crate::keys;

/// Reads the limits and the keys that a configuration names, and looks whether its names are known.
///
/// # Errors
/// What of them cannot be used.
pub fn check_files(config: &Config) -> Result<(), TradeError> {
    for market in &config.markets {
        Venue::find(&market.venue).map_err(|error| not_found("market.venue", &error))?;
    }
    // What is on paper needs no key and no gateway.
    for account in config.accounts.iter().filter(|account| account.paper.is_none()) {
        let mut known = capabilities().into_iter().map(|one| one.venue);
        if !known.any(|venue| venue == account.venue) {
            let hint = hint(&account.venue, capabilities().iter().map(|one| one.venue));
            let problem = format!("{:?} cannot be traded; {hint}", account.venue);
            return Err(wrong(format!("account.{}.venue", account.name), problem));
        }
        keys::of(account)?;
    }
    Ok(read_limits(&config.limits)?.check_names_among(&names(config))?)
}

fn not_found(key: &str, error: &FeedError) -> TradeError {
    wrong(key.to_owned(), error.to_string())
}

/// Names that sections of limits may have.
fn names(config: &Config) -> [(RiskScope, Vec<Box<str>>); 4] {
    let accounts = || config.accounts.iter();
    let markets = config.markets.iter().map(|market| market.venue.as_str().into());
    let instruments = accounts().flat_map(|account| {
        let name = |symbol| format!("{}:{symbol}", account.venue).into();
        account.symbols.iter().map(name)
    });
    let strategies = [config.strategy.name.as_str(), MANUAL].map(Into::into);
    [
        (
            RiskScope::Venue,
            accounts().map(|one| one.venue.as_str().into()).chain(markets).collect(),
        ),
        (RiskScope::Account, accounts().map(|one| one.name.as_str().into()).collect()),
        (RiskScope::Strategy, strategies.to_vec()),
        (RiskScope::Instrument, instruments.collect()),
    ]
}
