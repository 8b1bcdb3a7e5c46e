//! Pre-trade risk: may this request be sent, and if not, why.
//!
//! Pure: no I/O, no clock, no threads. What happens is told by calls with its time; a check changes
//! nothing, allocates nothing and never panics. What is not known (a limit, a price, a balance, a
//! connection) denies.
//!
//! ```
//! use rustonite_risk::{Code, codes};
//!
//! assert_eq!(Code::parse("price_collar"), Some(Code::PriceCollar));
//! assert_eq!(codes().next().map(Code::name), Some("account_unknown"));
//! ```
//!
//! What sends takes a [`Pass`] by value, and nobody but [`Risk::check`] has any:
//!
//! ```compile_fail
//! fn twice(pass: &rustonite_risk::Pass) -> (rustonite_risk::Pass, rustonite_risk::Pass) {
//!     (pass.clone(), pass.clone())
//! }
//! ```

mod check;
mod children;
pub mod code;
pub mod directory;
mod exposure;
mod held;
pub mod intent;
pub mod key;
pub mod latch;
pub mod limits;
mod market;
mod merged;
mod orders;
pub mod page;
mod ready;
mod recall;
mod risk;
mod rules;
mod seat;
mod seen;
mod sent;
mod start;
mod step;
mod told;
mod trips;
mod value;

pub use self::code::{Code, Group, Unit, codes};
pub use self::directory::{Account, Capabilities, Directory, MANUAL, Target, Venue};
pub use self::held::Held;
pub use self::intent::{Denial, Intent, Pass};
pub use self::key::{Key, Place, Sense};
pub use self::latch::{Latch, Latches, Trip};
pub use self::limits::{Limits, LimitsError, Section, Setting};
pub use self::market::Quote;
pub use self::recall::{Counts, Past, Recalled};
pub use self::risk::{Access, Risk, StartError};
pub use self::rules::Rules;
pub use self::sent::Execution;
