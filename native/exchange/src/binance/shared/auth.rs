//! Who signs a call, and whether it came in time.

use rustonite_sim::AccountId;

use super::params::Params;
use super::refusal::Refusal;
use crate::floor::Floor;

const WINDOW_USUAL: f64 = 5_000.0;
const WINDOW_MAX: f64 = 60_000.0;
/// How far ahead a client's clock may be.
const AHEAD_MS: i64 = 1_000;
/// Times are in microseconds from here on.
const MICROSECONDS: i64 = 100_000_000_000_000;
/// Shortest and longest key.
const KEY_LENGTHS: std::ops::RangeInclusive<usize> = 1..=128;

/// What is signed: query and body without the signature.
pub(crate) fn signed_text(query: &str, body: &str) -> String {
    let unsigned = |text: &str| {
        let parts: Vec<_> =
            text.split('&').filter(|part| !part.starts_with("signature=")).collect();
        parts.join("&")
    };
    unsigned(query) + &unsigned(body)
}

/// The account of a key.
pub(crate) fn account(floor: &Floor, api_key: Option<&str>) -> Result<AccountId, Refusal> {
    let refused = |code, text| Refusal::with_status(401, code, text);
    let api_key = api_key.ok_or_else(|| refused(-2014, "API-key format invalid."))?;
    let is_plain = api_key.bytes().all(|byte| byte.is_ascii_graphic());
    if !KEY_LENGTHS.contains(&api_key.len()) || !is_plain {
        return Err(refused(-2014, "API-key format invalid."));
    }
    let found = floor.accounts.key(api_key).map(|(account, _)| account);
    found.ok_or_else(|| refused(-2015, "Invalid API-key, IP, or permissions for action."))
}

/// The account that signed a text.
pub(crate) fn signer(
    floor: &mut Floor,
    api_key: Option<&str>,
    params: &Params,
    text: &str,
) -> Result<AccountId, Refusal> {
    let account = account(floor, api_key)?;
    let signature = params.need("signature")?;
    in_time(floor, params)?;
    let key = api_key.and_then(|api_key| floor.accounts.key(api_key));
    if key.is_some_and(|(_, key)| key.accepts(text.as_bytes(), signature)) {
        return Ok(account);
    }
    Err(Refusal::new(-1022, "Signature for this request is not valid."))
}

/// Whether a call came within its window.
pub(crate) fn in_time(floor: &mut Floor, params: &Params) -> Result<(), Refusal> {
    params.need("timestamp")?;
    let timestamp = params.integer("timestamp")?.ok_or_else(|| Refusal::missing("timestamp"))?;
    let sent = if timestamp >= MICROSECONDS { timestamp / 1_000 } else { timestamp };
    let window = params.get("recvWindow").map_or(Ok(WINDOW_USUAL), str::parse::<f64>);
    let window = window.map_err(|_| Refusal::illegal("recvWindow"))?;
    if !(0.0..=WINDOW_MAX).contains(&window) {
        return Err(Refusal::new(-1131, "recvWindow must be less than 60000."));
    }
    let now = floor.shown_ms();
    if sent >= now + AHEAD_MS {
        let text = "Timestamp for this request was 1000ms ahead of the server's time.";
        return Err(Refusal::new(-1021, text));
    }
    let age = std::time::Duration::from_millis(u64::try_from(now - sent).unwrap_or(0));
    if age.as_secs_f64() * 1_000.0 > window {
        let text = "Timestamp for this request is outside of the recvWindow.";
        return Err(Refusal::new(-1021, text));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::signed_text;

    #[test]
    fn the_signature_is_not_signed_wherever_it_stands() {
        assert_eq!(signed_text("a=1&signature=x", "b=2"), "a=1b=2");
        assert_eq!(signed_text("", "a=1&signature=x&b=2"), "a=1&b=2");
        assert_eq!(signed_text("a=%2B&b=1", "signature=x"), "a=%2B&b=1");
    }
}
