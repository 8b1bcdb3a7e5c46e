//! Who calls.

use hyper::HeaderMap;
use rustonite_sim::AccountId;

use super::refusal::Refusal;
use crate::floor::Floor;

const KEY: &str = "apca-api-key-id";
const SECRET: &str = "apca-api-secret-key";

/// The key and the secret of headers; none if one is missing.
pub(crate) fn shown(headers: &HeaderMap) -> Option<(&str, &str)> {
    let header = |name| headers.get(name).and_then(|value| value.to_str().ok());
    header(KEY).zip(header(SECRET))
}

/// The account of a key with this secret.
pub(crate) fn account(floor: &Floor, key: &str, secret: &str) -> Option<AccountId> {
    let (account, known) = floor.accounts.key(key)?;
    known.is_secret(secret).then_some(account)
}

/// The account that made a call.
pub(crate) fn caller(floor: &Floor, headers: &HeaderMap) -> Result<AccountId, Refusal> {
    let (key, secret) = shown(headers).ok_or_else(|| Refusal::of_status(403))?;
    account(floor, key, secret).ok_or_else(|| Refusal::of_status(401))
}
