//! Keys of accounts: from the environment, or from a file that only its owner can read.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use rustonite_exec::gateway::{Keys, wants_passphrase};
use rustonite_feed::FeedError;

use crate::config::AccountConfig;

/// The keys of an account.
///
/// # Errors
/// They are missing, or others can read them. The secret is in no error.
pub(crate) fn of(account: &AccountConfig) -> Result<Keys, FeedError> {
    let is_wanted = wants_passphrase(&account.venue);
    let Some(file) = &account.keys else { return from_environment(&account.name, is_wanted) };
    let keys = from_file(file)?;
    if is_wanted && keys.passphrase.is_empty() {
        let problem =
            format!("{} wants a passphrase, expected `passphrase = \"…\"`", account.venue);
        return Err(FeedError::Config { place: file.display().to_string(), problem });
    }
    Ok(keys)
}

fn from_environment(account: &str, with_passphrase: bool) -> Result<Keys, FeedError> {
    let name = account.to_uppercase().replace(|letter: char| !letter.is_ascii_alphanumeric(), "_");
    let read = |part: &str| {
        let variable = format!("RUSTONITE_{name}_{part}");
        let value = std::env::var(&variable).ok().filter(|value| !value.is_empty());
        value.ok_or_else(|| FeedError::Config {
            place: format!("account {account}"),
            problem: format!("{variable} is not set, and there is no `keys = FILE` beside it"),
        })
    };
    let passphrase = if with_passphrase { read("PASSPHRASE")? } else { String::new() };
    Ok(Keys { key: read("KEY")?, secret: read("SECRET")?, passphrase })
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Found {
    key: String,
    secret: String,
    #[serde(default)]
    passphrase: String,
}

/// The keys that a file holds.
///
/// # Errors
/// There is no such file, others can read it, or it holds something else. The secret is in no error.
pub fn from_file(file: &Path) -> Result<Keys, FeedError> {
    let place = file.display().to_string();
    let wrong = |problem: String| FeedError::Config { place: place.clone(), problem };
    let system = |error: std::io::Error| wrong(error.to_string());
    let mode = std::fs::metadata(file).map_err(system)?.permissions().mode() & 0o777;
    if mode & 0o077 != 0 {
        let problem =
            format!("others can read it (mode {mode:o}), expected 600: chmod 600 {place}");
        return Err(wrong(problem));
    }
    let text = std::fs::read_to_string(file).map_err(system)?;
    // The reader's own message would show the line with the secret.
    let Found { key, secret, passphrase } = toml::from_str(&text)
        .map_err(|_| wrong("expected the lines `key = \"…\"` and `secret = \"…\"`".to_owned()))?;
    Ok(Keys { key, secret, passphrase })
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;
    use std::path::Path;

    use super::from_file;

    fn written(text: &str, mode: u32) -> (tempfile::TempDir, std::path::PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("keys.toml");
        std::fs::write(&file, text).unwrap();
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(mode)).unwrap();
        (folder, file)
    }

    #[test]
    fn a_file_that_others_can_read_is_not_used() {
        let (_folder, file) = written("key = \"a\"\nsecret = \"hush\"\n", 0o640);
        let error = from_file(&file).unwrap_err().to_string();
        assert!(error.contains("mode 640") && !error.contains("hush"), "{error}");
        let (_folder, file) = written("key = \"a\"\nsecret = \"hush\"\n", 0o600);
        let keys = from_file(&file).unwrap();
        assert_eq!((&*keys.key, &*keys.secret, &*keys.passphrase), ("a", "hush", ""));
    }

    #[test]
    fn a_passphrase_is_asked_for_where_the_venue_wants_one() {
        let account = |file: &Path, venue: &str| {
            let text =
                format!("name = \"a\"\nvenue = \"{venue}\"\nsymbols = [\"X\"]\nkeys = {file:?}");
            super::of(&toml::from_str(&text).unwrap())
        };
        let (_folder, file) = written("key = \"a\"\nsecret = \"hush\"\n", 0o600);
        let error = account(&file, "okx").unwrap_err().to_string();
        assert!(error.contains("passphrase") && !error.contains("hush"), "{error}");
        account(&file, "binance").unwrap();
        let (_folder, file) = written("key = \"a\"\nsecret = \"b\"\npassphrase = \"c\"\n", 0o600);
        assert_eq!(account(&file, "okx").unwrap().passphrase, "c");
    }

    #[test]
    fn an_error_shows_no_secret() {
        let (_folder, file) = written("key = \"a\"\nsecret = hush\n", 0o600);
        let error = from_file(&file).unwrap_err().to_string();
        assert!(!error.contains("hush"), "{error}");
        assert!(from_file(Path::new("/nowhere/keys.toml")).is_err());
    }
}
