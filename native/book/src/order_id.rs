//! Ids of orders, owned without allocating.

use std::hash::{Hash, Hasher};

/// Longest text that is kept in place; ids of the venues have at most 36 bytes.
const SHORT: usize = 38;

/// A venue's id of an order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OrderId {
    /// A whole number.
    Number(i64),
    /// A text.
    Text(Text),
}

impl OrderId {
    /// The id of an event, if it has one.
    pub fn of(order: &rustonite_wire::Order<'_>) -> Option<Self> {
        let number = order.order_id.map(Self::Number);
        number.or_else(|| order.order_uid.map(|text| Self::Text(Text::new(text))))
    }

    /// The number, if it is one.
    pub fn number(&self) -> Option<i64> {
        match self {
            Self::Number(number) => Some(*number),
            Self::Text(_) => None,
        }
    }

    /// The text, if it is one.
    pub fn text(&self) -> Option<&str> {
        match self {
            Self::Number(_) => None,
            Self::Text(text) => Some(text.as_str()),
        }
    }
}

impl Hash for OrderId {
    fn hash<H: Hasher>(&self, state: &mut H) {
        match self {
            Self::Number(number) => number.hash(state),
            Self::Text(text) => text.as_str().hash(state),
        }
    }
}

/// A text that is usually short.
#[derive(Clone)]
pub struct Text(Kept);

#[derive(Clone)]
enum Kept {
    Short { length: u8, bytes: [u8; SHORT] },
    Long(Box<str>),
}

impl Text {
    fn new(text: &str) -> Self {
        let mut bytes = [0; SHORT];
        match (bytes.get_mut(..text.len()), u8::try_from(text.len())) {
            (Some(room), Ok(length)) => {
                room.copy_from_slice(text.as_bytes());
                Self(Kept::Short { length, bytes })
            }
            _ => Self(Kept::Long(text.into())),
        }
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        match &self.0 {
            Kept::Short { length, bytes } => {
                std::str::from_utf8(&bytes[..usize::from(*length)]).unwrap_or_default()
            }
            Kept::Long(text) => text,
        }
    }
}

impl std::fmt::Debug for Text {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.as_str().fmt(f)
    }
}

impl PartialEq for Text {
    fn eq(&self, other: &Self) -> bool {
        self.as_str() == other.as_str()
    }
}

impl Eq for Text {}
