//! Keys that accounts sign with.

use core::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::{hmac, signature};
use serde::{Deserialize, Serialize};

use crate::error::{ExchangeError, Result};

/// Bytes before the key in the usual encoding of an Ed25519 public key.
const ED25519_HEAD: [u8; 12] =
    [0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00];

/// How a signature is checked. Its secret is shown nowhere, but is written where a state is kept.
#[derive(Clone, Deserialize, Serialize)]
#[serde(from = "Written", into = "Written")]
pub struct Key(Check);

#[derive(Clone)]
enum Check {
    Hmac { secret: String, key: hmac::Key },
    Ed25519([u8; 32]),
}

/// A key as it is kept.
#[derive(Deserialize, Serialize)]
enum Written {
    Hmac(String),
    Ed25519([u8; 32]),
}

impl From<Written> for Key {
    fn from(written: Written) -> Self {
        match written {
            Written::Hmac(secret) => Self::hmac(&secret),
            Written::Ed25519(public) => Self(Check::Ed25519(public)),
        }
    }
}

impl From<Key> for Written {
    fn from(key: Key) -> Self {
        match key.0 {
            Check::Hmac { secret, .. } => Self::Hmac(secret),
            Check::Ed25519(public) => Self::Ed25519(public),
        }
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.kind())
    }
}

impl Key {
    /// A shared secret for HMAC-SHA256.
    pub fn hmac(secret: &str) -> Self {
        let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
        Self(Check::Hmac { secret: secret.to_owned(), key })
    }

    /// A public key for Ed25519: PEM, or its base64 alone, or the base64 of the 32 bytes.
    ///
    /// # Errors
    /// Something else.
    pub fn ed25519(public: &str) -> Result<Self> {
        let text: String = public
            .lines()
            .filter(|line| !line.starts_with("-----"))
            .flat_map(str::chars)
            .filter(|char| !char.is_whitespace())
            .collect();
        let wrong = || ExchangeError::invalid("public key", "expected an Ed25519 key in PEM");
        let bytes = STANDARD.decode(text).map_err(|_| wrong())?;
        let bytes = bytes.strip_prefix(&ED25519_HEAD[..]).unwrap_or(&bytes);
        Ok(Self(Check::Ed25519(bytes.try_into().map_err(|_| wrong())?)))
    }

    /// The name of the scheme.
    pub fn kind(&self) -> &'static str {
        match self.0 {
            Check::Hmac { .. } => "HMAC-SHA256",
            Check::Ed25519(_) => "Ed25519",
        }
    }

    /// Whether somebody who shows a secret has the one that this key was made of.
    pub(crate) fn is_secret(&self, shown: &str) -> bool {
        self.secret() == Some(shown)
    }

    /// The secret that was shared, if it is such a key.
    pub(crate) fn secret(&self) -> Option<&str> {
        match &self.0 {
            Check::Hmac { secret, .. } => Some(secret),
            Check::Ed25519(_) => None,
        }
    }

    pub(crate) fn is_ed25519(&self) -> bool {
        matches!(self.0, Check::Ed25519(_))
    }

    /// Whether a signature, hexadecimal or base64 as the scheme has it, belongs to a text.
    pub(crate) fn accepts(&self, text: &[u8], signature: &str) -> bool {
        match &self.0 {
            Check::Hmac { key, .. } => {
                from_hex(signature).is_some_and(|found| hmac::verify(key, text, &found).is_ok())
            }
            Check::Ed25519(public) => STANDARD.decode(signature).is_ok_and(|found| {
                let key = signature::UnparsedPublicKey::new(&signature::ED25519, public);
                key.verify(text, &found).is_ok()
            }),
        }
    }
}

pub(crate) fn from_hex(text: &str) -> Option<Vec<u8>> {
    if !text.len().is_multiple_of(2) || !text.is_ascii() {
        return None;
    }
    let byte = |at| u8::from_str_radix(text.get(at..at + 2)?, 16).ok();
    (0..text.len()).step_by(2).map(byte).collect()
}

#[cfg(test)]
mod tests {
    use super::Key;
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;
    use ring::signature::{Ed25519KeyPair, KeyPair as _};

    const SECRET: &str = "NhqPtmdSJYdKjVHjA7PZj4Mge3R5YNiP1e3UZjInClVN65XAbvqqM6A7H5fATj0j";
    const TEXT: &[u8] = b"symbol=LTCBTC&side=BUY&type=LIMIT&timeInForce=GTC&quantity=1&price=0.1&recvWindow=5000&timestamp=1499827319559";
    const SIGNATURE: &str = "c8db56825ae71d6d79447849e617115f4a920fa2acdcab2b053c4b2838bd6b71";

    #[test]
    fn the_published_hmac_is_accepted_in_any_case() {
        let key = Key::hmac(SECRET);
        assert!(key.accepts(TEXT, SIGNATURE));
        assert!(key.accepts(TEXT, &SIGNATURE.to_uppercase()));
        assert!(!key.accepts(&TEXT[1..], SIGNATURE));
        assert!(!key.accepts(TEXT, &SIGNATURE[2..]));
        assert!(!key.accepts(TEXT, "no signature"));
    }

    #[test]
    fn an_ed25519_key_is_read_in_each_spelling() {
        let pair = Ed25519KeyPair::from_seed_unchecked(&[7; 32]).unwrap();
        let raw = pair.public_key().as_ref();
        let whole = STANDARD.encode([&super::ED25519_HEAD[..], raw].concat());
        let pem = format!("-----BEGIN PUBLIC KEY-----\n{whole}\n-----END PUBLIC KEY-----\n");
        let signature = STANDARD.encode(pair.sign(TEXT));
        for spelling in [pem, whole, STANDARD.encode(raw)] {
            let key = Key::ed25519(&spelling).unwrap();
            assert!(key.accepts(TEXT, &signature));
            assert!(!key.accepts(&TEXT[1..], &signature));
        }
        assert!(Key::ed25519("abc").is_err());
    }

    #[test]
    fn a_secret_that_is_shown_is_compared() {
        let key = Key::hmac(SECRET);
        assert!(key.is_secret(SECRET));
        assert!(!key.is_secret(&SECRET[1..]));
        assert!(!key.is_secret(""));
        let pair = Ed25519KeyPair::from_seed_unchecked(&[7; 32]).unwrap();
        let public = STANDARD.encode(pair.public_key().as_ref());
        assert!(!Key::ed25519(&public).unwrap().is_secret(&public));
    }

    #[test]
    fn a_secret_is_not_shown() {
        let key = Key::hmac(SECRET);
        assert_eq!(format!("{key:?}"), "HMAC-SHA256");
    }
}
