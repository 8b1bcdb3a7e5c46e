//! Market data as strategies see it: columns of a tape, in place.

use std::sync::LazyLock;

use rustonite_core::datasets::draft;
use rustonite_core::ids::InstrumentId;
use rustonite_core::{Draft, Row as _};
use rustonite_tape::Batch;

/// Columns of one dataset by their numbers in it.
macro_rules! view {
    ($(#[doc = $about:literal])+ $view:ident of $row:ident {
        $($(#[doc = $field_about:literal])+ $field:ident: $kind:ty,)*
    }) => {
        $(#[doc = $about])+
        #[derive(Clone, Copy, Debug)]
        pub struct $view<'a> {
            /// The instrument of each row; `None` for what nothing here trades.
            pub instrument: &'a [Option<InstrumentId>],
            $($(#[doc = $field_about])+ pub $field: &'a [$kind],)*
            /// The rows with all their columns.
            pub batch: &'a Batch,
        }

        impl<'a> $view<'a> {
            /// The columns of a batch, and the instrument of each of its rows.
            pub fn new(batch: &'a Batch, instrument: &'a [Option<InstrumentId>]) -> Self {
                // Looked up once: this is on the way of every tick.
                $(
                    let $field = {
                        static COLUMN: LazyLock<usize> = LazyLock::new(|| {
                            let schema = <draft::$row<'_> as Draft>::Row::schema();
                            schema.index_of(stringify!($field)).unwrap_or(usize::MAX)
                        });
                        batch.values::<$kind>(*COLUMN).unwrap_or_default()
                    };
                )*
                Self { instrument, $($field,)* batch }
            }

            /// How many rows.
            pub fn len(&self) -> usize {
                self.instrument.len()
            }

            /// Whether there are none.
            pub fn is_empty(&self) -> bool {
                self.instrument.is_empty()
            }
        }
    };
}

view! {
    /// Best bids and asks.
    Quotes of Quotes {
        /// The venue's clock.
        ts_event: i64,
        /// Ours.
        ts_recv: i64,
        /// Best bid.
        bid_price: f64,
        /// Its size.
        bid_size: f64,
        /// Best ask.
        ask_price: f64,
        /// Its size.
        ask_size: f64,
    }
}

view! {
    /// Trades.
    Trades of Trades {
        /// The venue's clock.
        ts_event: i64,
        /// Ours.
        ts_recv: i64,
        /// Price.
        price: f64,
        /// Size.
        size: f64,
        /// Code of the side that took.
        side: i8,
    }
}

view! {
    /// Prices by which venues value positions, and what was traded in a day; 0 where there is none.
    Tickers of Tickers {
        /// Our clock.
        ts_recv: i64,
        /// The mark price.
        mark_price: f64,
        /// The index price.
        index_price: f64,
        /// What was traded within the window that the row names.
        volume: f64,
        /// The part of a position's worth that is paid next.
        funding_rate: f64,
        /// When it is.
        ts_funding_next: i64,
    }
}

view! {
    /// Changes of books.
    Deltas of BookDeltas {
        /// The venue's clock.
        ts_event: i64,
        /// Ours.
        ts_recv: i64,
        /// Code of what happens to the level.
        action: i8,
        /// Code of the side.
        side: i8,
        /// Price of the level.
        price: f64,
        /// Its size; 0 for none.
        size: f64,
        /// Orders at the price.
        count: i32,
        /// The venue's number of the message.
        seq: i64,
        /// Place of the row in the message.
        position: i32,
        /// Facts about the row.
        flags: i32,
    }
}

view! {
    /// Bars, and revisions of bars.
    Bars of Bars {
        /// Our clock.
        ts_recv: i64,
        /// When the bar begins.
        ts_open: i64,
        /// When it ends.
        ts_close: i64,
        /// First price.
        open: f64,
        /// Highest price.
        high: f64,
        /// Lowest price.
        low: f64,
        /// Last price.
        close: f64,
        /// What was traded; 0 where that is not known.
        volume: f64,
        /// 1 once the bar is over.
        is_final: i8,
    }
}
