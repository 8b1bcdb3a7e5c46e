//! Client ids: made of a prefix, the order's number and the number of the leg, so that they are the
//! same in every run, never twice, and can be read back without a memory of the order.

use crate::wish::OrderId;

/// Longest prefix.
pub(crate) const PREFIX_BYTES: usize = 6;
/// Digits of an order's number: 36^10 orders are more than any journal holds.
const ORDER_DIGITS: usize = 10;
const LEG_DIGITS: usize = 2;
/// Most client ids of one order.
pub(crate) const LEGS_MAX: usize = 36 * 36;
const RADIX: u32 = 36;
const DIGITS: &[u8; 36] = b"0123456789abcdefghijklmnopqrstuvwxyz";

/// Makes and reads the client ids of one account: 18 digits and small letters, which every venue takes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientIds {
    prefix: Box<str>,
}

/// A prefix that cannot be part of client ids.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "client id prefix {found:?}: expected {PREFIX_BYTES} small letters or digits, a letter first"
)]
pub struct BadPrefix {
    found: String,
}

impl ClientIds {
    /// Ids with a prefix, which keeps two traders on one account apart.
    ///
    /// # Errors
    /// The prefix is not of six small letters or digits with a letter in front.
    pub fn new(prefix: &str) -> Result<Self, BadPrefix> {
        let small = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
        let good = prefix.len() == PREFIX_BYTES
            && prefix.starts_with(|first: char| first.is_ascii_lowercase())
            && prefix.bytes().all(small);
        if !good {
            return Err(BadPrefix { found: prefix.to_owned() });
        }
        Ok(Self { prefix: prefix.into() })
    }

    /// The id of a leg of an order; `None` for a number that does not fit.
    pub fn make(&self, order: OrderId, leg: usize) -> Option<Box<str>> {
        let mut text = String::with_capacity(self.prefix.len() + ORDER_DIGITS + LEG_DIGITS);
        text.push_str(&self.prefix);
        push_number(&mut text, u64::try_from(order.0).ok()?, ORDER_DIGITS)?;
        push_number(&mut text, u64::try_from(leg).ok()?, LEG_DIGITS)?;
        Some(text.into())
    }

    /// The order and the leg that an id of ours names; `None` for the ids of others.
    pub fn read(&self, id: &str) -> Option<(OrderId, usize)> {
        let numbers = id.strip_prefix(&*self.prefix)?;
        let wanted = |byte: u8| DIGITS.contains(&byte);
        if numbers.len() != ORDER_DIGITS + LEG_DIGITS || !numbers.bytes().all(wanted) {
            return None;
        }
        let (order, leg) = numbers.split_at(ORDER_DIGITS);
        let order = i64::from_str_radix(order, RADIX).ok()?;
        Some((OrderId(order), usize::from_str_radix(leg, RADIX).ok()?))
    }
}

/// Appends a number with leading zeros; `None` if it has more digits.
fn push_number(text: &mut String, mut number: u64, digits: usize) -> Option<()> {
    let radix = u64::from(RADIX);
    let mut reversed = [b'0'; ORDER_DIGITS];
    for place in reversed.iter_mut().take(digits) {
        *place = DIGITS[usize::try_from(number % radix).ok()?];
        number /= radix;
    }
    if number != 0 {
        return None;
    }
    text.extend(reversed[..digits].iter().rev().map(|byte| char::from(*byte)));
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ids() -> ClientIds {
        ClientIds::new("mm01ab").unwrap()
    }

    #[test]
    fn ids_are_the_same_in_every_run_and_fit_every_venue() {
        let id = ids().make(OrderId(36), 1).unwrap();
        assert_eq!(&*id, "mm01ab000000001001");
        assert!(id.len() <= 18 && id.bytes().all(|byte| byte.is_ascii_alphanumeric()));
    }

    #[test]
    fn ids_are_read_back_and_those_of_others_are_not() {
        let ids = ids();
        for (order, leg) in [(1, 0), (1 << 40, 7), (35, LEGS_MAX - 1)] {
            let id = ids.make(OrderId(order), leg).unwrap();
            assert_eq!(ids.read(&id), Some((OrderId(order), leg)));
        }
        let shorter = &ids.make(OrderId(1), 0).unwrap()[1..];
        for foreign in ["", "web_123", "mm01ab", "mm01ab00000000100", shorter] {
            assert_eq!(ids.read(foreign), None, "{foreign:?}");
        }
        assert_eq!(ids.read("mm01ab+00000001001"), None);
        assert_eq!(ids.read("mm01ab00000000100\u{e9}"), None);
    }

    #[test]
    fn no_id_is_made_that_could_not_be_read_back() {
        let ids = ids();
        assert_eq!(ids.make(OrderId(-1), 0), None);
        assert_eq!(ids.make(OrderId(36_i64.pow(10)), 0), None);
        assert_eq!(ids.make(OrderId(1), LEGS_MAX), None);
    }

    #[test]
    fn a_prefix_is_six_small_letters_or_digits() {
        for bad in ["", "mm", "1m01ab", "MM01ab", "mm-1ab", "mm01abc"] {
            let error = ClientIds::new(bad).unwrap_err();
            assert!(error.to_string().contains(&format!("{bad:?}")), "{error}");
        }
    }
}
