//! Orders from the wish to the last fill: states, journal, positions, reconciliation.
//!
//! No sockets, no clock, no threads: wishes, reports and the time come in; requests and rows of the
//! journal go out. The same inputs give the same outputs, byte for byte.

mod apply;
mod balances;
mod booking;
mod cells;
mod change;
mod client_ids;
pub mod directory;
mod error;
mod filling;
mod fills;
mod funding;
pub mod gateway;
pub mod held;
mod holding;
mod holds;
mod journal;
mod ledger;
mod listing;
mod order;
mod orders;
mod past;
mod positions;
pub mod reconcile;
pub mod rehearsal;
mod report;
mod reports;
pub mod request;
mod restore;
mod rows;
mod rules;
mod scribe;
mod settling;
mod starting;
pub mod table;
mod theirs;
pub mod wish;

pub use self::apply::{About, Told, Values, Verdict};
pub use self::balances::{Balances, Owned};
pub use self::change::{Anomaly, AnomalyCode, Applied, Ask, Booked, Change};
pub use self::client_ids::{BadPrefix, ClientIds};
pub use self::directory::Directory;
pub use self::error::ExecError;
pub use self::journal::{Durability, Journal, JournalError, JournalRow, Nowhere, Tapes};
pub use self::ledger::{Ledger, Moment};
pub use self::listing::recorded_rules;
pub use self::order::{Facts, Flight, Leg, Link, Order};
pub use self::past::{Passed, RowSays};
pub use self::positions::{Contract, Position, PositionKey, Positions};
pub use self::report::{Correction, Fill, OrderPicture, Refusal, RefusalKind, Report, What};
pub use self::request::{Outcome, Request};
pub use self::restore::{Earned, Restored, Thrown};
pub use self::rules::{AccountRules, ChangeIds, External, Figures};
pub use self::starting::Housekeeping;
pub use self::wish::{OrderId, Trail, Trigger, Wish};
