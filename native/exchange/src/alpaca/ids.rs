//! Numbers of ours as the identifiers that the venue gives: each is the same in every run.

use uuid::{Builder, Uuid};

/// What an identifier names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Sort {
    Account = 0xac,
    Asset = 0xa5,
    Order = 0x0d,
    /// An order's part in a trade.
    Fill = 0xf1,
    /// What it cost.
    Fee = 0xfe,
    /// Anything else that happened to an order.
    Event = 0xe7,
}

/// Bytes of the number in front and of the one behind; some of the bits between are given.
const FRONT: std::ops::Range<usize> = 1..6;
const BEHIND: std::ops::Range<usize> = 9..16;

/// The identifier of a number, or of a pair of them.
pub(crate) fn id(sort: Sort, front: u64, number: u64) -> Uuid {
    let mut bytes = [0; 16];
    bytes[0] = sort as u8;
    bytes[FRONT].copy_from_slice(&front.to_be_bytes()[3..]);
    bytes[BEHIND].copy_from_slice(&number.to_be_bytes()[1..]);
    Builder::from_custom_bytes(bytes).into_uuid()
}

/// The number that an identifier stands for; none if it is of another sort.
pub(crate) fn number(sort: Sort, id: Uuid) -> Option<u64> {
    let mut number = [0; 8];
    number[1..].copy_from_slice(&id.as_bytes()[BEHIND]);
    let number = u64::from_be_bytes(number);
    (self::id(sort, 0, number) == id).then_some(number)
}

#[cfg(test)]
mod tests {
    use super::{Sort, id, number};

    #[test]
    fn a_number_comes_back_from_its_identifier_alone() {
        for wanted in [1, 77, 1 << 55] {
            let order = id(Sort::Order, 0, wanted);
            assert_eq!(number(Sort::Order, order), Some(wanted));
            assert_eq!(number(Sort::Asset, order), None);
            assert_eq!(order.to_string().parse(), Ok(order));
        }
        assert_eq!(number(Sort::Fill, id(Sort::Fill, 3, 5)), None);
        assert_ne!(id(Sort::Fill, 3, 5), id(Sort::Fill, 4, 5));
    }
}
