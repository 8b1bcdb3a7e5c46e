//! What goes wrong on purpose.

use serde::{Deserialize, Serialize};

/// Something that real venues do and clients have been seen to get wrong.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(tag = "fault", rename_all = "snake_case", deny_unknown_fields)]
pub enum Fault {
    /// The next message of a book is not sent.
    Drop,
    /// It is sent twice.
    Duplicate,
    /// It changes places with the one after it.
    Reorder,
    /// It is sent later than others.
    Delay {
        /// By how much.
        ms: u64,
    },
    /// It has its keys in another order and fields that nobody knows.
    Reorganise,
    /// It has its numbers written with exponents.
    Exponents,
    /// A message of a book says that nothing has changed.
    KeepAlive,
    /// The book's numbers begin anew.
    Restart,
    /// A level is removed that was never announced.
    DeleteUnknown,
    /// So many trades are never sent to anybody.
    SkipTrades {
        /// How many.
        count: i64,
    },
    /// The next picture by REST comes late.
    RestLate {
        /// By how much.
        ms: u64,
    },
    /// The next picture by REST is one from long ago.
    RestStale,
    /// The next call of REST is answered with a status and no data.
    RestStatus {
        /// The status: 429, 418, 5xx.
        status: u16,
        /// `Retry-After` in seconds.
        retry_after_s: Option<u64>,
    },
    /// Subscriptions are acknowledged, and nothing is sent for them.
    Silence,
    /// Subscriptions are refused in the venue's manner.
    Refuse,
    /// Data stop, and signs of life go on.
    StopData,
    /// Nothing is sent any more, and the connection stays open.
    Freeze,
    /// The connection is closed with a code.
    Close {
        /// The code, such as 1012 or 1013.
        code: u16,
    },
    /// The connection breaks without a word, which clients report as 1006.
    Cut,
    /// The end of the connection is announced.
    Farewell,
    /// A message of text is sent as it is: no JSON, of an unknown sort, in another encoding.
    Text {
        /// Its bytes, in hexadecimal digits.
        hex: String,
    },
    /// The same in a binary frame.
    Binary {
        /// Its bytes, in hexadecimal digits.
        hex: String,
    },
    /// Trades that were sent are sent again, at once and after each subscription.
    RepeatTrades,
}

/// A fault, and whom it meets.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct Planned {
    /// What goes wrong.
    #[serde(flatten)]
    pub fault: Fault,
    /// Only for this instrument; for any if `None`.
    pub symbol: Option<String>,
    /// Only on this connection, as [`super::Server::clients`] numbers them; on any if `None`.
    pub connection: Option<u64>,
    /// How often.
    #[serde(default = "once")]
    pub times: u32,
}

fn once() -> u32 {
    1
}

impl Planned {
    /// Once, for an instrument.
    pub fn on(symbol: &str, fault: Fault) -> Self {
        Self { fault, symbol: Some(symbol.to_owned()), connection: None, times: 1 }
    }

    /// Once, for whoever is the next.
    pub fn any(fault: Fault) -> Self {
        Self { fault, symbol: None, connection: None, times: 1 }
    }

    /// The same on one connection.
    #[must_use]
    pub fn at(self, connection: u64) -> Self {
        Self { connection: Some(connection), ..self }
    }

    /// The same, so often.
    #[must_use]
    pub fn times(self, times: u32) -> Self {
        Self { times, ..self }
    }

    pub(super) fn meets(&self, symbol: Option<&str>, connection: Option<u64>) -> bool {
        let fits = self.symbol.is_none() || self.symbol.as_deref() == symbol;
        fits && (self.connection.is_none() || connection.is_none() || self.connection == connection)
    }
}

impl Fault {
    /// Whether this waits for a message of a book.
    pub(super) fn waits_for_book(&self) -> bool {
        matches!(
            self,
            Self::Drop
                | Self::Duplicate
                | Self::Reorder
                | Self::Delay { .. }
                | Self::Reorganise
                | Self::Exponents
        )
    }

    /// Whether this waits for a call of REST.
    pub(super) fn waits_for_call(&self) -> bool {
        matches!(self, Self::RestLate { .. } | Self::RestStale | Self::RestStatus { .. })
    }

    /// Whether this waits for a subscription.
    pub(super) fn waits_for_subscription(&self) -> bool {
        matches!(self, Self::Silence | Self::Refuse)
    }
}

/// Bytes from hexadecimal digits; `None` if they are none.
pub(super) fn unhex(hex: &str) -> Option<Vec<u8>> {
    let digits = hex.as_bytes();
    let pairs = digits.chunks_exact(2);
    if !pairs.remainder().is_empty() {
        return None;
    }
    pairs.map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()).collect()
}

/// Hexadecimal digits of bytes.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A message with its keys in another order and with fields that nobody knows.
pub(super) fn reorganised(message: &[u8]) -> Option<Vec<u8>> {
    fn turn(value: &mut serde_json::Value) {
        match value {
            serde_json::Value::Object(map) => {
                map.values_mut().for_each(turn);
                let mut turned: serde_json::Map<_, _> =
                    std::mem::take(map).into_iter().rev().collect();
                turned.insert(
                    "zNew".to_owned(),
                    serde_json::json!({"id": 9_007_199_254_740_993_u64}),
                );
                *map = turned;
            }
            serde_json::Value::Array(items) => items.iter_mut().for_each(turn),
            _ => {}
        }
    }
    let mut value = serde_json::from_slice(message).ok()?;
    turn(&mut value);
    serde_json::to_vec(&value).ok()
}

/// A message with decimals written as whole numbers with an exponent.
pub(super) fn with_exponents(message: &[u8]) -> Option<Vec<u8>> {
    fn turn(value: &mut serde_json::Value) {
        match value {
            serde_json::Value::Object(map) => map.values_mut().for_each(turn),
            serde_json::Value::Array(items) => items.iter_mut().for_each(turn),
            serde_json::Value::String(text) => {
                if let Some(other) = exponential(text) {
                    *text = other;
                }
            }
            serde_json::Value::Number(number) => {
                if let Some(other) = exponential(&number.to_string()) {
                    *value = serde_json::from_str(&other).unwrap_or(serde_json::Value::Null);
                }
            }
            _ => {}
        }
    }
    let mut value = serde_json::from_slice(message).ok()?;
    turn(&mut value);
    serde_json::to_vec(&value).ok()
}

fn exponential(text: &str) -> Option<String> {
    let (whole, part) = text.split_once('.')?;
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if !digits(whole) || !digits(part) {
        return None;
    }
    let all = format!("{whole}{part}");
    let all = all.trim_start_matches('0');
    Some(format!("{}e-{}", if all.is_empty() { "0" } else { all }, part.len()))
}
