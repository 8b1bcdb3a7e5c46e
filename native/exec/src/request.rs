//! What goes to a venue.

use rustonite_core::Amount;
use rustonite_core::ids::{AccountId, InstrumentId};

use crate::wish::{OrderId, Wish};

/// One request to a venue. Its intent is in the journal before it exists.
#[derive(Clone, Debug, PartialEq)]
pub enum Request {
    /// A new order.
    Submit {
        /// Which.
        order: OrderId,
        /// The id the venue is to know it by.
        client_id: Box<str>,
        /// What is wanted.
        wish: Wish,
    },
    /// A change.
    Replace {
        /// Which.
        order: OrderId,
        /// Its instrument.
        instrument: InstrumentId,
        /// Its account.
        account: AccountId,
        /// The id after the change; as before where the venue changes in place.
        client_id: Box<str>,
        /// The id so far.
        client_id_prev: Box<str>,
        /// The venue's id, if known.
        venue_order_id: Option<Box<str>>,
        /// The whole order as it is to be: price, size (filled part included) and trigger changed.
        wish: Wish,
        /// What is filled so far.
        size_filled: Amount,
    },
    /// A cancel.
    Cancel {
        /// Which.
        order: OrderId,
        /// Its instrument.
        instrument: InstrumentId,
        /// Its account.
        account: AccountId,
        /// The id so far.
        client_id: Box<str>,
        /// The venue's id, if known.
        venue_order_id: Option<Box<str>>,
    },
    /// A question about one order whose outcome is not known.
    Query {
        /// Which.
        order: OrderId,
        /// Its instrument.
        instrument: InstrumentId,
        /// Its account.
        account: AccountId,
        /// The id so far.
        client_id: Box<str>,
        /// The venue's id, if known.
        venue_order_id: Option<Box<str>>,
    },
}

impl Request {
    /// What is traded.
    pub(crate) fn instrument(&self) -> InstrumentId {
        match self {
            Self::Submit { wish, .. } => wish.instrument,
            Self::Replace { instrument, .. }
            | Self::Cancel { instrument, .. }
            | Self::Query { instrument, .. } => *instrument,
        }
    }

    /// The id that the order has at the venue, or is to have.
    pub(crate) fn client_id(&self) -> &str {
        match self {
            Self::Submit { client_id, .. }
            | Self::Replace { client_id, .. }
            | Self::Cancel { client_id, .. }
            | Self::Query { client_id, .. } => client_id,
        }
    }

    /// The venue's number of the order, if it is known.
    pub(crate) fn venue_order_id(&self) -> Option<&str> {
        match self {
            Self::Submit { .. } => None,
            Self::Replace { venue_order_id, .. }
            | Self::Cancel { venue_order_id, .. }
            | Self::Query { venue_order_id, .. } => venue_order_id.as_deref(),
        }
    }
}

/// How a request that brought no report ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// Not a byte of it left: the venue cannot have it.
    NotSent,
    /// It may have arrived: time-out, 5xx, lost connection, an answer we cannot read.
    Unknown,
}
