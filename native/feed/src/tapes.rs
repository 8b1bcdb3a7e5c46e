//! The tapes of one venue: one for each dataset, made when the first row comes.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustonite_core::datasets::{self, draft};
use rustonite_core::{Draft, Row, Schema};
use rustonite_tape::{
    Reader, Result, Start, TapeError, TapeOptions, TypedWriter, Writer, advance_consumer,
};

/// The consumer that keeps segments until the lake has them.
const LAKE: &str = "lake";

/// A tape that is made when it is needed.
#[derive(Debug)]
struct Slot<R> {
    writer: Option<TypedWriter<R>>,
    /// Whether rows are pending.
    dirty: bool,
}

impl<R> Default for Slot<R> {
    fn default() -> Self {
        Self { writer: None, dirty: false }
    }
}

/// Where tapes are and how they are made.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    pub(crate) folder: PathBuf,
    /// Name of each tape in the folder of its dataset.
    pub(crate) name: String,
    pub(crate) options: TapeOptions,
    /// Whether a lake takes the rows, so that none may go before it has them.
    pub(crate) for_lake: bool,
}

impl Place {
    fn open(&self, schema: &Arc<Schema>) -> Result<Writer> {
        let path = self.folder.join(schema.dataset()).join(&self.name);
        match Writer::open(&path) {
            Err(TapeError::NotATape { .. }) => self.create(&path, schema),
            opened => opened,
        }
    }

    fn create(&self, path: &Path, schema: &Arc<Schema>) -> Result<Writer> {
        let writer = Writer::create(path, schema, self.options)?;
        if self.for_lake {
            advance_consumer(path, LAKE, 0)?;
        }
        Ok(writer)
    }
}

impl<R: Row> Slot<R> {
    fn writer(&mut self, place: &Place) -> Result<&mut TypedWriter<R>> {
        match &mut self.writer {
            Some(writer) => Ok(writer),
            none @ None => Ok(none.insert(place.open(R::schema())?.typed()?)),
        }
    }

    fn push<D>(&mut self, place: &Place, draft: &D) -> Result<()>
    where
        D: Draft,
        D::Row: Row<Static = R::Static>,
    {
        self.dirty = true;
        self.writer(place)?.push_draft(draft)
    }
}

/// The row that a draft becomes.
type Bound<D> = <D as Draft>::Row;

macro_rules! tapes {
    ($($field:ident: $row:ident),* $(,)?) => {
        /// One writer per dataset.
        #[derive(Debug)]
        pub(crate) struct Tapes {
            place: Place,
            $($field: Slot<Bound<draft::$row<'static>>>,)*
        }

        impl Tapes {
            pub(crate) fn new(place: Place) -> Self {
                Self { place, $($field: Slot::default(),)* }
            }

            $(
                #[allow(dead_code, reason = "changes of books are pushed with their codes")]
                pub(crate) fn $field(&mut self, row: &draft::$row<'_>) -> Result<()> {
                    self.$field.push(&self.place, row)
                }
            )*

            /// Does something with each writer that exists, and returns the first error.
            fn each(
                &mut self,
                mut work: impl FnMut(&mut Writer, &mut bool) -> Result<()>,
            ) -> Result<()> {
                let mut first = Ok(());
                $(
                    if let Some(writer) = &mut self.$field.writer {
                        let done = work(writer.writer(), &mut self.$field.dirty);
                        first = first.and(done);
                    }
                )*
                first
            }
        }
    };
}

tapes! {
    trades: Trades,
    quotes: Quotes,
    book_deltas: BookDeltas,
    book_orders: BookOrders,
    book_snapshots: BookSnapshots,
    tickers: Tickers,
    liquidations: Liquidations,
    bars: Bars,
    instruments: Instruments,
    feed_events: FeedEvents,
    frames: Frames,
}

impl Tapes {
    /// Makes the pending rows of all tapes visible.
    pub(crate) fn commit(&mut self) -> Result<()> {
        self.each(|writer, dirty| {
            if !std::mem::take(dirty) {
                return Ok(());
            }
            writer.commit()
        })
    }

    /// Makes pending frames visible, which come before what is made of them.
    pub(crate) fn commit_frames(&mut self) -> Result<()> {
        match &mut self.frames.writer {
            Some(writer) if std::mem::take(&mut self.frames.dirty) => writer.writer().commit(),
            _ => Ok(()),
        }
    }

    /// Takes the pending rows of all tapes back.
    pub(crate) fn rollback(&mut self) {
        let _ = self.each(|writer, dirty| {
            if std::mem::take(dirty) {
                writer.rollback();
            }
            Ok(())
        });
    }

    /// What is on the tape of trades, if there is one.
    pub(crate) fn trades_before(&self) -> Result<Option<Reader>> {
        let folder = self.place.folder.join("trades").join(&self.place.name);
        match Reader::open(&folder, Start::First, false) {
            Err(TapeError::NotATape { .. } | TapeError::Gone { .. }) => Ok(None),
            opened => opened.map(Some),
        }
    }

    /// Does what is due without a row: seals what has become old.
    pub(crate) fn tick(&mut self) -> Result<()> {
        self.each(|writer, _| writer.tick())
    }

    /// Seals everything and brings it to stable storage.
    pub(crate) fn finish(&mut self) -> Result<()> {
        self.each(|writer, _| writer.seal().and_then(|()| writer.sync()))
    }

    /// A row of book changes with codes instead of texts, to make others of.
    pub(crate) fn bind_book(
        &mut self,
        row: &draft::BookDeltas<'_>,
    ) -> Result<datasets::BookDeltas> {
        self.book_deltas.writer(&self.place)?.bind(row)
    }

    /// A bound row of book changes.
    pub(crate) fn bound_book(&mut self, row: &datasets::BookDeltas) -> Result<()> {
        self.book_deltas.dirty = true;
        self.book_deltas.writer(&self.place)?.push(row)
    }
}
