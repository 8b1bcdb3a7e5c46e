//! Parameters of a call, and the text that is signed.

use std::fmt::Write as _;
use std::ops::Range;

/// Whether a parameter is a number in JSON.
fn is_number(name: &str) -> bool {
    matches!(
        name,
        "timestamp"
            | "startTime"
            | "endTime"
            | "limit"
            | "orderId"
            | "recvWindow"
            | "fromId"
            | "goodTillDate"
            | "page"
    )
}

/// The first letters as a number that sorts as they do: most names differ in them.
fn first_letters(name: &str) -> u64 {
    let mut letters = [0; 8];
    let count = name.len().min(letters.len());
    letters[..count].copy_from_slice(&name.as_bytes()[..count]);
    u64::from_be_bytes(letters)
}

/// Of a usual order.
const COUNT: usize = 16;
const VALUES_BYTES: usize = 256;

/// Parameters by name. The values stand one behind another in one text: an order is written on the
/// way of a tick, and an allocation for each would be a good part of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::gateway) struct Pairs {
    names: Vec<(&'static str, Range<usize>)>,
    values: String,
}

impl Default for Pairs {
    fn default() -> Self {
        Self { names: Vec::with_capacity(COUNT), values: String::with_capacity(VALUES_BYTES) }
    }
}

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

impl<V: AsRef<str>, const N: usize> From<[(&'static str, V); N]> for Pairs {
    fn from(pairs: [(&'static str, V); N]) -> Self {
        let mut all = Self::default();
        all.extend(pairs);
        all
    }
}

impl<V: AsRef<str>> Extend<(&'static str, V)> for Pairs {
    fn extend<I: IntoIterator<Item = (&'static str, V)>>(&mut self, pairs: I) {
        pairs.into_iter().for_each(|pair| self.push(pair));
    }
}

impl Pairs {
    pub(in crate::gateway) fn push(&mut self, (name, value): (&'static str, impl AsRef<str>)) {
        let start = self.values.len();
        self.values.push_str(value.as_ref());
        self.names.push((name, start..self.values.len()));
    }

    /// All, in their order.
    pub(in crate::gateway) fn iter(&self) -> impl Iterator<Item = (&'static str, &str)> {
        self.names.iter().map(|(name, place)| (*name, &self.values[place.clone()]))
    }

    /// Sorts them by name, and returns the text that is signed.
    pub(in crate::gateway) fn sorted_text(&mut self) -> String {
        self.names.sort_unstable_by_key(|(name, _)| (first_letters(name), *name));
        let mut text = String::with_capacity(384);
        let mut separator = "";
        for (name, value) in self.iter() {
            text.extend([separator, name, "=", value]);
            separator = "&";
        }
        text
    }

    /// A whole call. Values are names, ids and numbers: nothing that JSON would escape.
    pub(in crate::gateway) fn call(&self, id: u64, method: &str) -> String {
        let mut text = String::with_capacity(512);
        let _ = write!(text, r#"{{"id":{id},"method":"{method}","params":{{"#);
        let mut separator = "\"";
        for (name, value) in self.iter() {
            let quote = if is_number(name) { "" } else { "\"" };
            text.extend([separator, name, "\":", quote, value, quote]);
            separator = ",\"";
        }
        text.push_str("}}");
        text
    }
}
