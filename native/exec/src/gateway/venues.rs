//! All venues.

use std::sync::Arc;

use rustonite_core::ids::{AccountId, InstrumentId};

use super::alpaca::{self, Alpaca};
use super::binance::{self, BinanceSpot};
use super::binance_usdm::{self, BinanceUsdM};
use super::bybit::{self, Bybit, Category};
use super::capability::Capabilities;
use super::emulation::capabilities_of;
use super::kraken::{self, Kraken};
use super::okx::{self, Okx};
use super::{Gateway, Signer, SignerError};
use crate::directory::Directory;

/// Who an account is at its venue. Nothing of it is shown.
#[derive(Clone, Default)]
pub struct Keys {
    /// The key.
    pub key: String,
    /// Its secret.
    pub secret: String,
    /// A word that some venues want besides; may be empty.
    pub passphrase: String,
}

impl core::fmt::Debug for Keys {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Keys")
    }
}

/// Whether a venue wants a passphrase with its keys.
pub fn wants_passphrase(venue: &str) -> bool {
    venue == "okx"
}

/// Assets that a venue may take fees in whatever is traded.
pub fn fee_assets(venue: &str) -> &'static [&'static str] {
    match venue {
        "binance" | "binance-usdm" => &["BNB"],
        "bybit-spot" | "bybit-linear" | "bybit-inverse" => &["MNT"],
        _ => &[],
    }
}

/// What each venue can do with orders.
pub fn capabilities() -> [&'static Capabilities; 10] {
    [
        &binance::requests::CAPABILITIES,
        &binance_usdm::requests::CAPABILITIES,
        &alpaca::requests::STOCKS,
        &alpaca::requests::COINS,
        &okx::requests::SPOT,
        &okx::requests::DERIVATIVES,
        &bybit::requests::SPOT,
        &bybit::requests::LINEAR,
        &bybit::requests::INVERSE,
        &kraken::requests::CAPABILITIES,
    ]
}

/// What an instrument's venue can do with orders of it; `None` of a venue that nothing is sent to. Some
/// venues trade things of several sorts under one name.
pub fn capabilities_for(
    directory: &Directory,
    instrument: InstrumentId,
) -> Option<&'static Capabilities> {
    let listed = directory.listed(instrument)?;
    match &*listed.venue {
        "alpaca" => Some(alpaca::requests::of_kind(listed.kind)),
        "okx" => Some(okx::requests::of_kind(listed.kind)),
        venue => capabilities_of(venue),
    }
}

/// The gateway of an account by the name of its venue; `None` if there is none for such a venue.
///
/// # Errors
/// A secret that cannot be used.
pub fn connect(
    venue: &str,
    directory: Arc<Directory>,
    account: AccountId,
    keys: &Keys,
) -> Result<Option<Box<dyn Gateway>>, SignerError> {
    let Some(id) = directory.venue(venue) else { return Ok(None) };
    let Keys { key, secret, passphrase } = keys.clone();
    Ok(Some(match venue {
        "binance" => Box::new(BinanceSpot::new(directory, id, account, key, Signer::new(&secret)?)),
        "binance-usdm" => {
            Box::new(BinanceUsdM::new(directory, id, account, key, Signer::new(&secret)?))
        }
        "alpaca" | "alpaca-stocks" | "alpaca-crypto" => {
            Box::new(Alpaca::new(directory, id, account, key, secret))
        }
        "okx" => {
            let signer = Signer::new(&secret)?;
            Box::new(Okx::new(directory, id, account, key, signer, passphrase))
        }
        "bybit-spot" | "bybit-linear" | "bybit-inverse" => {
            let category = match venue {
                "bybit-spot" => Category::Spot,
                "bybit-linear" => Category::Linear,
                _ => Category::Inverse,
            };
            let signer = Signer::new(&secret)?;
            Box::new(Bybit::new(directory, id, account, category, key, signer))
        }
        "kraken" => Box::new(Kraken::new(directory, id, account, key, &secret)?),
        _ => return Ok(None),
    }))
}

#[cfg(test)]
mod tests {
    use rustonite_core::datasets::InstrumentKind;

    use super::capabilities_for;
    use crate::gateway::testing::{FIRST, directory};

    #[test]
    fn what_a_venue_can_do_depends_on_what_is_traded_there() {
        use InstrumentKind::{Perpetual, Spot, Stock};
        let of = |venue: &str, kind| {
            let (directory, ..) = directory(venue, "X", kind, "X", "USD");
            capabilities_for(&directory, FIRST).map(|can| can.venue)
        };
        assert_eq!(of("alpaca", Stock), Some("alpaca-stocks"));
        assert_eq!(of("alpaca", Spot), Some("alpaca-crypto"));
        assert_eq!(of("alpaca-stocks", Stock), Some("alpaca-stocks"));
        assert_eq!(of("okx", Spot), Some("okx"));
        assert_eq!(of("okx", Perpetual), Some("okx-derivatives"));
        assert_eq!(of("bybit-linear", Perpetual), Some("bybit-linear"));
        assert_eq!(of("nowhere", Spot), None);
    }
}
