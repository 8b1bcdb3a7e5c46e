//! Orders from the wish to the last fill: states, journal, positions, reconciliation.
//!
//! No sockets, no clock, no threads: wishes, reports and the time come in; requests and rows of the
//! journal go out. The same inputs give the same outputs, byte for byte.

pub mod directory;
pub mod gateway;
pub mod report;
pub mod request;
pub mod wish;

pub use self::directory::Directory;
pub use self::report::{Correction, Fill, OrderPicture, Refusal, RefusalKind, Report, What};
pub use self::request::{Outcome, Request};
pub use self::wish::{OrderId, Trail, Trigger, Wish};
