//! Order books that are proven right as far as their venue allows.
//!
//! [`L2Book`] and [`L3Book`] hold levels and orders. A [`Keeper`] applies decoded updates of one
//! instrument to such a book by the [`rules`] of its venue, and says of each what came of it. No I/O,
//! no clock, no threads. `docs/internals/books.md` explains.

mod checksum;
mod error;
mod far;
mod grid;
mod held;
mod keeper;
mod kept;
mod l2;
mod l3;
mod ladder;
mod marks;
mod numbers;
mod order_id;
mod rules;

pub use self::{
    checksum::Checksum,
    error::BookError,
    keeper::{Keeper, Renewal, State, Verdict},
    kept::{Kept, Trouble},
    l2::{Change, L2Book},
    l3::{L3Book, OrderChange, OrderEvent, OrderLevel, RestingOrder},
    ladder::Ladder,
    order_id::{OrderId, Text},
    rules::{Anchor, Restart, Rules, Scheme, Scope, Unknown, rules},
};
