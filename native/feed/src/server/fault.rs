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
    /// Only once so many messages were sent.
    #[serde(default)]
    pub after: u64,
}

fn once() -> u32 {
    1
}

impl Planned {
    /// A fault in JSON. A key that does not belong to it is an error: it would do nothing.
    pub(super) fn read(json: &[u8]) -> Result<Self, String> {
        let told = |error: serde_json::Error| error.to_string();
        let given: serde_json::Map<_, _> = serde_json::from_slice(json).map_err(told)?;
        let planned: Self = serde_json::from_value(given.clone().into()).map_err(told)?;
        let known = serde_json::to_value(&planned).map_err(told)?;
        match given.keys().find(|key| known.get(key).is_none()) {
            Some(key) => {
                let known: Vec<_> = known.as_object().into_iter().flatten().collect();
                let known: Vec<_> = known.iter().map(|(key, _)| key.as_str()).collect();
                Err(format!("found key {key:?}, expected some of {}", known.join(", ")))
            }
            None => Ok(planned),
        }
    }

    /// Once, for an instrument.
    pub fn on(symbol: &str, fault: Fault) -> Self {
        Self { symbol: Some(symbol.to_owned()), ..Self::any(fault) }
    }

    /// Once, for whoever is the next.
    pub fn any(fault: Fault) -> Self {
        Self { fault, symbol: None, connection: None, times: 1, after: 0 }
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

    /// Whether this can be done at all; if not, why.
    pub(super) fn check(&self) -> Result<(), String> {
        match &self.fault {
            Fault::Text { hex } | Fault::Binary { hex } if unhex(hex).is_none() => {
                return Err(format!("hex: found {hex:?}, expected pairs of hexadecimal digits"));
            }
            Fault::Close { code }
                if !(1000..5000).contains(code) || (1004..=1006).contains(code) =>
            {
                return Err(format!(
                    "code: found {code}, expected one that may be sent: 1000 to 4999"
                ));
            }
            Fault::RestStatus { status, .. } if !(400..600).contains(status) => {
                return Err(format!("status: found {status}, expected 400 to 599"));
            }
            _ => {}
        }
        let repeats = self.fault.waits() || self.fault == Fault::RepeatTrades;
        match self.times {
            0 => Err("times: found 0, expected 1 or more".to_owned()),
            2.. if !repeats => Err("times: this happens once, when it is due".to_owned()),
            _ => Ok(()),
        }
    }

    pub(super) fn meets(&self, symbol: Option<&str>, connection: Option<u64>) -> bool {
        let fits = self.symbol.is_none() || self.symbol.as_deref() == symbol;
        fits && (self.connection.is_none() || connection.is_none() || self.connection == connection)
    }
}

impl Fault {
    /// Whether this waits for something that it changes.
    pub(super) fn waits(&self) -> bool {
        self.waits_for_book()
            || self.waits_for_call()
            || matches!(self, Self::Silence | Self::Refuse)
    }

    /// Whether this is the market's doing.
    pub(super) fn disturbs(&self) -> bool {
        matches!(
            self,
            Self::KeepAlive | Self::Restart | Self::DeleteUnknown | Self::SkipTrades { .. }
        )
    }

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
