//! Parameters of a call, and the text that is signed.

use std::fmt::Write as _;

/// Parameters that are numbers in JSON.
const NUMBERS: [&str; 9] = [
    "timestamp",
    "startTime",
    "endTime",
    "limit",
    "orderId",
    "recvWindow",
    "fromId",
    "goodTillDate",
    "page",
];

pub(in crate::gateway) type Pairs = Vec<(&'static str, String)>;

/// A text as a value in a query.
pub(in crate::gateway) fn percent(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len() * 2);
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            let _ = write!(encoded, "%{byte:02X}");
        }
    }
    encoded
}

/// Parameters, and whether each is a number or a word in JSON.
#[derive(Debug, Default)]
pub(in crate::gateway) struct Params(Vec<(&'static str, String)>);

impl Params {
    pub(in crate::gateway) fn new(pairs: Vec<(&'static str, String)>) -> Self {
        Self(pairs)
    }

    pub(in crate::gateway) fn add(&mut self, name: &'static str, value: impl Into<String>) {
        self.0.push((name, value.into()));
    }

    /// Sorts them by name, and returns the text that is signed.
    pub(in crate::gateway) fn sorted_text(&mut self) -> String {
        self.0.sort_unstable_by_key(|(name, _)| *name);
        let mut text = String::with_capacity(256);
        for (at, (name, value)) in self.0.iter().enumerate() {
            let separator = if at == 0 { "" } else { "&" };
            let _ = write!(text, "{separator}{name}={value}");
        }
        text
    }

    /// A whole call. Values are names, ids and numbers: nothing that JSON would escape.
    pub(in crate::gateway) fn call(&self, id: u64, method: &str) -> String {
        let mut text = String::with_capacity(384);
        let _ = write!(text, r#"{{"id":{id},"method":"{method}","params":{{"#);
        for (at, (name, value)) in self.0.iter().enumerate() {
            let separator = if at == 0 { "" } else { "," };
            let is_number = NUMBERS.contains(name);
            let quote = if is_number { "" } else { "\"" };
            let _ = write!(text, r#"{separator}"{name}":{quote}{value}{quote}"#);
        }
        text.push_str("}}");
        text
    }
}
