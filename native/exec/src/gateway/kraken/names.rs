//! The older names of assets and pairs, which calls of REST still use.

use rustonite_core::ids::InstrumentId;

use super::Kraken;

/// An asset as it is called today: `XXBT` is `BTC`, `ZUSD` is `USD`.
pub(super) fn asset(old: &str) -> &str {
    let plain = match old.as_bytes() {
        [b'X' | b'Z', _, _, _] => &old[1..],
        _ => old,
    };
    match plain {
        "XBT" => "BTC",
        "XDG" => "DOGE",
        other => other,
    }
}

/// An asset as it was called.
fn old(asset: &str) -> &str {
    match asset {
        "BTC" => "XBT",
        "DOGE" => "XDG",
        other => other,
    }
}

impl Kraken {
    /// A pair by any of its names: `BTC/USD`, `XBTUSD` or `XXBTZUSD`.
    pub(super) fn pair(&self, name: &str) -> Option<InstrumentId> {
        if let Ok(instrument) = self.desk.instrument(name) {
            return Some(instrument);
        }
        let venue = self.desk.directory.venue_name(self.desk.venue);
        let is_named = |base: &str, quote: &str| {
            let (base, quote) = (old(base), old(quote));
            let long = |asset: &str, letter: char| format!("{letter}{asset}");
            name == format!("{base}{quote}")
                || name == format!("{}{}", long(base, 'X'), long(quote, 'Z'))
                || name == format!("{}{}", long(base, 'X'), long(quote, 'X'))
                || name == format!("{base}/{quote}")
        };
        let mut listed = self.desk.directory.instruments();
        let found = listed.find(|(_, one)| &*one.venue == venue && is_named(&one.base, &one.quote));
        found.map(|(id, _)| id)
    }
}
