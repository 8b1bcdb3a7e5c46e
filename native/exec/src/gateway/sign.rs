//! Signatures of requests.

use core::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::hmac;
use ring::signature::Ed25519KeyPair;

/// Signs with an account's secret, which shows up nowhere.
pub struct Signer(Secret);

enum Secret {
    Hmac(hmac::Key),
    Ed25519(Box<Ed25519KeyPair>),
}

/// A secret that cannot be used. It is not shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected an Ed25519 private key in PEM (PKCS #8), or base64 where the venue wants that")]
pub struct SignerError;

impl fmt::Debug for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.is_ed25519() { "Ed25519" } else { "HMAC" })
    }
}

impl Signer {
    /// From the secret as a venue gives it: a PEM text for Ed25519, anything else for HMAC-SHA256.
    ///
    /// # Errors
    /// A PEM text that is no private key for Ed25519.
    pub fn new(secret: &str) -> Result<Self, SignerError> {
        if !secret.trim_start().starts_with("-----BEGIN") {
            return Ok(Self(Secret::Hmac(hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes()))));
        }
        let lines = secret.lines().filter(|line| !line.starts_with("-----"));
        let body: String = lines.flat_map(|line| line.trim().chars()).collect();
        let bytes = STANDARD.decode(body).map_err(|_| SignerError)?;
        let pair = Ed25519KeyPair::from_pkcs8_maybe_unchecked(&bytes).map_err(|_| SignerError)?;
        Ok(Self(Secret::Ed25519(Box::new(pair))))
    }

    /// Whether it is a key pair.
    pub fn is_ed25519(&self) -> bool {
        matches!(self.0, Secret::Ed25519(_))
    }

    /// From a secret that is base64, for HMAC-SHA512.
    ///
    /// # Errors
    /// The secret is not base64.
    pub(super) fn of_base64(secret: &str) -> Result<Self, SignerError> {
        let bytes = STANDARD.decode(secret.trim()).map_err(|_| SignerError)?;
        Ok(Self(Secret::Hmac(hmac::Key::new(hmac::HMAC_SHA512, &bytes))))
    }

    /// The signature of bytes, in base64.
    pub(super) fn sign_base64(&self, bytes: &[u8]) -> String {
        match &self.0 {
            Secret::Hmac(key) => STANDARD.encode(hmac::sign(key, bytes)),
            Secret::Ed25519(pair) => STANDARD.encode(pair.sign(bytes)),
        }
    }

    /// The signature of a text: hexadecimal of HMAC, base64 of Ed25519.
    pub fn sign(&self, text: &str) -> String {
        match &self.0 {
            Secret::Hmac(key) => hexadecimal(hmac::sign(key, text.as_bytes()).as_ref()),
            Secret::Ed25519(pair) => STANDARD.encode(pair.sign(text.as_bytes())),
        }
    }
}

/// Bytes in small hexadecimal digits.
fn hexadecimal(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut digits = vec![0; 2 * bytes.len()];
    for (pair, byte) in digits.chunks_exact_mut(2).zip(bytes) {
        pair.copy_from_slice(&[DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]]);
    }
    String::from_utf8(digits).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::Signer;

    #[test]
    fn the_published_answer_of_binance() {
        let secret = "NhqPtmdSJYdKjVHjA7PZj4Mge3R5YNiP1e3UZjInClVN65XAbvqqM6A7H5fATj0j";
        let text = "symbol=LTCBTC&side=BUY&type=LIMIT&timeInForce=GTC&quantity=1&price=0.1\
                    &recvWindow=5000&timestamp=1499827319559";
        let expected = "c8db56825ae71d6d79447849e617115f4a920fa2acdcab2b053c4b2838bd6b71";
        assert_eq!(Signer::new(secret).unwrap().sign(text), expected);
    }

    #[test]
    fn the_answers_of_bybit() {
        let signer = Signer::new("test-bybit-secret").unwrap();
        let get = "1767323045678test-bybit-key5000category=linear&symbol=BTCUSDT";
        let expected = "0106cf6caef1f685a68256978387313db3e2642ef107f649904f4b84faad6ebe";
        assert_eq!(signer.sign(get), expected);
        let post = "1767323045678test-bybit-key5000{\"category\":\"linear\",\"symbol\":\"BTCUSDT\",\
                    \"side\":\"Buy\",\"orderType\":\"Limit\",\"qty\":\"0.01\",\"price\":\"30000\",\
                    \"timeInForce\":\"GTC\"}";
        let expected = "c6700b224ea1b725cd4b5dac047459e964d9ee950c868024f1daa324a770407a";
        assert_eq!(signer.sign(post), expected);
    }

    #[test]
    fn the_answers_of_okx() {
        let signer = Signer::new("test-okx-secret").unwrap();
        let order = "2026-01-02T03:04:05.678ZPOST/api/v5/trade/order{\"instId\":\"BTC-USDT\",\
                     \"tdMode\":\"cash\",\"side\":\"buy\",\"ordType\":\"limit\",\"px\":\"30000\",\
                     \"sz\":\"0.01\"}";
        let expected = "WQ5OoicH/sXb4FbNehznJzcOJgp7bLeoiWHJzMZGC7M=";
        assert_eq!(signer.sign_base64(order.as_bytes()), expected);
        let login = "1767323045GET/users/self/verify";
        let expected = "qz+w3A5Xc0YKUCQZP8roXJczkuTDM1dwbjQbcDdgIIE=";
        assert_eq!(signer.sign_base64(login.as_bytes()), expected);
    }

    #[test]
    fn the_answer_of_bybits_sockets() {
        let signer = Signer::new("test-bybit-secret").unwrap();
        let expected = "bf2b784015c3949d6e142b97a42bc72ceef7237c1c7118dc5e8b73b485d5c6e9";
        assert_eq!(signer.sign("GET/realtime1767323055678"), expected);
    }

    #[test]
    fn a_key_pair_is_read_from_pem_and_not_shown() {
        // RFC 8410, section 10.3.
        let pem = "-----BEGIN PRIVATE KEY-----\n\
                   MC4CAQAwBQYDK2VwBCIEINTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdVhC\n\
                   -----END PRIVATE KEY-----\n";
        let signer = Signer::new(pem).unwrap();
        assert!(signer.is_ed25519());
        assert_eq!(format!("{signer:?}"), "Ed25519");
        assert_eq!(signer.sign("text").len(), 88);
        let wrong = "-----BEGIN PRIVATE KEY-----\nMC4CAQ\n-----END PRIVATE KEY-----";
        let error = Signer::new(wrong).unwrap_err();
        assert!(!error.to_string().contains("MC4CAQ"), "{error}");
    }
}
