//! Parameters of a call, and the text that is signed.

use std::fmt::Write as _;
use std::ops::Range;

use rustonite_core::Amount;

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
const TEXT_BYTES: usize = 384;

/// One parameter: the first letters of its name, the name, and where it is in the text.
type Pair = (u64, &'static str, Range<usize>);

/// Parameters by name. They stand one behind another in one text, each as it is signed: an order is
/// written on the way of a tick, and an allocation for each would be a good part of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::gateway) struct Pairs {
    pairs: Vec<Pair>,
    text: String,
}

impl Default for Pairs {
    fn default() -> Self {
        Self { pairs: Vec::with_capacity(COUNT), text: String::with_capacity(TEXT_BYTES) }
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
        self.add(name, |text| text.push_str(value.as_ref()));
    }

    pub(in crate::gateway) fn push_number(&mut self, name: &'static str, number: i64) {
        self.add(name, |text| text.push_str(itoa::Buffer::new().format(number)));
    }

    pub(in crate::gateway) fn push_amount(&mut self, name: &'static str, amount: Amount) {
        self.add(name, |text| amount.push_to(text));
    }

    fn add(&mut self, name: &'static str, write: impl FnOnce(&mut String)) {
        let start = self.text.len();
        self.text.push_str(name);
        self.text.push('=');
        write(&mut self.text);
        self.pairs.push((first_letters(name), name, start..self.text.len()));
    }

    /// All, in their order.
    pub(in crate::gateway) fn iter(&self) -> impl Iterator<Item = (&'static str, &str)> {
        let value = |name: &str, place: &Range<usize>| place.start + name.len() + 1..place.end;
        self.pairs.iter().map(move |(_, name, place)| (*name, &self.text[value(name, place)]))
    }

    /// Sorts them by name, and returns the text that is signed.
    pub(in crate::gateway) fn sorted_text(&mut self) -> String {
        self.pairs.sort_unstable_by_key(|(letters, name, _)| (*letters, *name));
        let mut text = String::with_capacity(self.text.len() + self.pairs.len());
        for (_, _, place) in &self.pairs {
            if !text.is_empty() {
                text.push('&');
            }
            text.push_str(&self.text[place.clone()]);
        }
        text
    }

    /// A whole call. Values are names, ids and numbers: nothing that JSON would escape.
    pub(in crate::gateway) fn call(&self, id: u64, method: &str) -> String {
        let mut text = String::with_capacity(2 * TEXT_BYTES);
        text.push_str("{\"id\":");
        text.push_str(itoa::Buffer::new().format(id));
        text.push_str(",\"method\":\"");
        text.push_str(method);
        text.push_str("\",\"params\":{");
        let start = text.len();
        for (name, value) in self.iter() {
            if text.len() > start {
                text.push(',');
            }
            text.push('"');
            text.push_str(name);
            text.push_str("\":");
            if is_number(name) {
                text.push_str(value);
            } else {
                text.push('"');
                text.push_str(value);
                text.push('"');
            }
        }
        text.push_str("}}");
        text
    }
}
