//! What every other crate shares: schemas, row types, exact decimals and the kinds of error.
//!
//! No I/O, no clock, no threads.

pub mod amount;
pub mod budget;
pub mod calendar;
pub mod column_type;
pub mod datasets;
pub mod decimal;
pub mod error;
pub mod hint;
pub mod ids;
pub mod instrument;
pub mod row;
pub mod schema;

pub use amount::Amount;
pub use column_type::{ColumnType, Fixed, Key};
pub use decimal::Decimal;
pub use error::ErrorKind;
pub use row::{Code, Draft, Row, RowSink, Texts};
pub use schema::{Column, Fingerprint, Schema};
