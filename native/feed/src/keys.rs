//! Keys of venues whose market data is for accounts only. They come from the environment, and go
//! nowhere but to the venue.

use rustonite_wire::Keys;

use crate::error::{FeedError, Result};

/// Names of the variables with the keys of a venue.
fn names(venue: &str) -> (String, String) {
    let venue = venue.to_uppercase().replace('-', "_");
    (format!("RUSTONITE_{venue}_KEY"), format!("RUSTONITE_{venue}_SECRET"))
}

/// The keys of a venue, if the environment has them.
///
/// # Errors
/// It has only one of the two.
pub(crate) fn of(venue: &str) -> Result<Option<Keys>> {
    let (key_name, secret_name) = names(venue);
    let read = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    match (read(&key_name), read(&secret_name)) {
        (Some(key), Some(secret)) => {
            // They are pasted into messages as they are.
            let is_plain = |text: &str| {
                text.chars().all(|letter| letter.is_ascii_graphic()) && !text.contains(['"', '\\'])
            };
            if is_plain(&key) && is_plain(&secret) {
                return Ok(Some(Keys { key, secret }));
            }
            let expected = "printable letters without quotes in both";
            Err(FeedError::config(
                format!("{key_name}, {secret_name}"),
                format!("expected {expected}"),
            ))
        }
        (None, None) => Ok(None),
        _ => {
            let problem = format!("found one of {key_name} and {secret_name}, expected both");
            Err(FeedError::config("environment", problem))
        }
    }
}

/// Whether a recorder can log in at a venue.
pub(crate) fn are_used(venue: &str) -> bool {
    let keys = Keys { key: String::new(), secret: String::new() };
    rustonite_wire::open(venue).is_some_and(|codec| codec.login(&keys).is_some())
}

/// What to say to somebody who wants a channel that needs keys.
pub(crate) fn wanted(channel: &str, venue: &str) -> String {
    let (key, secret) = names(venue);
    format!("{channel} of {venue} needs keys: set {key} and {secret}")
}

/// A message without what is secret in it.
pub(crate) fn blanked(message: &str, keys: &Keys) -> String {
    message.replace(&keys.secret, "…").replace(&keys.key, "…")
}
