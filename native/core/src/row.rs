//! The contract between the row types generated from `schemas/` and whatever stores them.
//!
//! A generated row hands its fields to a [`RowSink`] in column order, each with its column number
//! as a constant, so that a sink resolves columns when it is compiled.

use std::sync::Arc;

use crate::schema::Schema;

/// A value with the bytes of an Arrow values buffer.
pub trait FixedValue: Copy + Send + Sync + private::Sealed + 'static {}

mod private {
    pub trait Sealed {}
}

macro_rules! fixed_values {
    ($($kind:ty),*) => { $(impl private::Sealed for $kind {} impl FixedValue for $kind {})* };
}
fixed_values!(i8, i16, i32, i64, i128, f32, f64, [u8; 16]);

/// The code of a text in a tape's dictionary, got by interning the text once.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Code<K>(pub K);

/// Where a row goes. `C` is the column's number.
pub trait RowSink {
    /// Why a value was not taken.
    type Error;

    /// Stores a value that is always there.
    fn fixed<const C: usize, T: FixedValue>(&mut self, value: T);

    /// Stores a value or a null.
    fn fixed_or_null<const C: usize, T: FixedValue + Default>(&mut self, value: Option<T>);

    /// Stores a dictionary code.
    ///
    /// # Errors
    /// The code names no text of this column.
    fn code<const C: usize, K: FixedValue + Into<i64>>(
        &mut self,
        code: Code<K>,
    ) -> Result<(), Self::Error>;

    /// Stores a dictionary code or a null.
    ///
    /// # Errors
    /// The code names no text of this column.
    fn code_or_null<const C: usize, K: FixedValue + Into<i64> + Default>(
        &mut self,
        code: Option<Code<K>>,
    ) -> Result<(), Self::Error>;

    /// Stores text or bytes; `None` is a null.
    ///
    /// # Errors
    /// The value does not fit.
    fn bytes<const C: usize>(&mut self, value: Option<&[u8]>) -> Result<(), Self::Error>;

    /// Stores a list; `None` is a null.
    ///
    /// # Errors
    /// The list does not fit.
    fn list<const C: usize, T: FixedValue>(
        &mut self,
        value: Option<&[T]>,
    ) -> Result<(), Self::Error>;
}

/// A row of one dataset. Implemented by the types in [`crate::datasets`].
pub trait Row {
    /// This row type with its texts borrowed for ever: names the type whatever its lifetime.
    type Static: Row;

    /// How many columns the dataset has.
    const COLUMNS: usize;

    /// The dataset's schema.
    fn schema() -> &'static Arc<Schema>;

    /// Hands every field to `sink`, in column order.
    ///
    /// # Errors
    /// Whatever the sink refuses.
    fn write<S: RowSink>(&self, sink: &mut S) -> Result<(), S::Error>;
}

/// Gives texts their codes in one tape.
pub trait Texts {
    /// Why a text was not taken.
    type Error;

    /// The code of a text in column `C`.
    ///
    /// # Errors
    /// The dictionary does not take the text.
    fn code<const C: usize, K: FixedValue + TryFrom<i64>>(
        &mut self,
        text: &str,
    ) -> Result<Code<K>, Self::Error>;
}

/// A row whose codes are still texts. Implemented by the types in [`crate::datasets::draft`].
pub trait Draft {
    /// The row with codes.
    type Row: Row;

    /// The row, with each text replaced by its code.
    ///
    /// # Errors
    /// Whatever `codes` refuses.
    fn bind<T: Texts>(&self, codes: &mut T) -> Result<Self::Row, T::Error>;
}
