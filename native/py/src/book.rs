//! Books that strategies look at.

use pyo3::prelude::*;
use rustonite_core::datasets::BookSide;
use rustonite_core::instrument::Instrument;

use crate::error::invalid;

/// Price and size of a level.
type Level = (f64, f64);

/// The book of an instrument, as it is at the moment. While it is not whole it has no levels.
#[pyclass(frozen, module = "rustonite_data")]
pub(crate) struct Book {
    kept: rustonite_trade::Book,
    venue: Box<str>,
    symbol: Box<str>,
}

impl Book {
    pub(crate) fn new(book: rustonite_trade::Book, listed: Option<&Instrument>) -> Self {
        let name = |of: fn(&Instrument) -> &str| listed.map_or("", of).into();
        Self { kept: book, venue: name(|one| &one.venue), symbol: name(|one| &one.symbol) }
    }

    fn best(&self, side: BookSide) -> Option<Level> {
        self.kept.best(side).map(|level| (level.price.to_f64(), level.size.to_f64()))
    }

    fn levels(&self, side: BookSide, n: Option<usize>) -> Vec<Level> {
        let levels = self.kept.levels(side, n.unwrap_or(usize::MAX));
        levels.iter().map(|level| (level.price.to_f64(), level.size.to_f64())).collect()
    }
}

fn side_of(word: &str) -> PyResult<BookSide> {
    let expected = || invalid(format!("side: found {word:?}, expected bid or ask"));
    BookSide::parse(word).ok_or_else(expected)
}

#[pymethods]
impl Book {
    /// Where it is.
    #[getter]
    fn venue(&self) -> &str {
        &self.venue
    }

    /// Of what.
    #[getter]
    fn symbol(&self) -> &str {
        &self.symbol
    }

    /// Whether it is the venue's, as far as that can be told.
    #[getter]
    fn is_whole(&self) -> bool {
        self.kept.is_whole()
    }

    /// The venue's clock at the last change, in nanoseconds since 1970.
    #[getter]
    fn ts_event(&self) -> i64 {
        self.kept.ts_event()
    }

    /// Our clock at the last change.
    #[getter]
    fn ts_recv(&self) -> i64 {
        self.kept.ts_recv()
    }

    /// The venue's number of the last change; `None` where it has none.
    #[getter]
    fn seq(&self) -> Option<i64> {
        self.kept.seq()
    }

    /// Price and size of the best bid.
    #[getter]
    fn bid(&self) -> Option<Level> {
        self.best(BookSide::Bid)
    }

    /// Price and size of the best ask.
    #[getter]
    fn ask(&self) -> Option<Level> {
        self.best(BookSide::Ask)
    }

    /// Prices and sizes of the best `n` bids, or of all.
    #[pyo3(signature = (n = None))]
    fn bids(&self, n: Option<usize>) -> Vec<Level> {
        self.levels(BookSide::Bid, n)
    }

    /// Prices and sizes of the best `n` asks, or of all.
    #[pyo3(signature = (n = None))]
    fn asks(&self, n: Option<usize>) -> Vec<Level> {
        self.levels(BookSide::Ask, n)
    }

    /// What rests on a side at a price or at better ones.
    fn size_to(&self, side: &str, price: f64) -> PyResult<f64> {
        Ok(self.kept.size_to(side_of(side)?, price))
    }

    /// What so much of a side comes to, price times size, from the best level on; `None` if there is
    /// less.
    fn cost(&self, side: &str, size: f64) -> PyResult<Option<f64>> {
        Ok(self.kept.cost(side_of(side)?, size))
    }

    fn __repr__(&self) -> String {
        let whole = if self.is_whole() { "" } else { ", not whole" };
        format!("Book({} {}{whole})", self.venue, self.symbol)
    }
}
