//! Orders that we hold and release ourselves: triggers, groups, icebergs, last moments.
//!
//! What an order waits for is in its row of the journal, and what is to be done is worked out from
//! the ledger alone ([`acts`]): the same orders lead to the same acts, in the process that took them
//! and in the one after a restart. This module has no clock and sends nothing. The index of what is
//! watched ([`Held`]) is made of the ledger and can be made again at any time.
//!
//! A group is a parent that is never sent and its children, which are (`oco`, `iceberg`). The
//! parent's size is what the children together may fill; their fills are counted as its own. A parent
//! may itself wait for an entry: then its size follows what of that is filled.

mod acts;
mod trigger;
mod watching;

pub use self::acts::{Act, WHEN_FULL, acts, is_concerned};
pub use self::trigger::Seen;
pub use self::watching::Held;

/// Name of the algorithm of a parent of which one child ends the others.
pub const ONE_OF: &str = "oco";
/// Name of the algorithm of a parent whose children are sent one after the other.
pub const ICEBERG: &str = "iceberg";
