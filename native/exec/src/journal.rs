//! The journal: every row of orders, fills, positions, balances and risk decisions, in tapes.
//!
//! Rows are committed one by one in the order of their `seq`, so that a crash of the process leaves
//! a prefix of them over all tapes. An order's request is handed out only after its row was taken.

use std::path::{Path, PathBuf};

use rustonite_core::ErrorKind;
use rustonite_core::datasets::{self, draft};
use rustonite_tape::{TapeError, TapeOptions, TypedWriter, Writer};

/// Names of the tapes, one folder each.
pub(crate) const TAPES: [&str; 5] = ["orders", "fills", "positions", "balances", "risk_events"];

/// A row of one of the tapes.
#[derive(Clone, Copy, Debug)]
pub enum JournalRow<'a> {
    /// What happened to an order.
    Order(&'a draft::Orders<'a>),
    /// A booking.
    Fill(&'a draft::Fills<'a>),
    /// A position after it.
    Position(&'a draft::Positions<'a>),
    /// A balance after it.
    Balance(&'a draft::Balances<'a>),
    /// A decision of the risk layer.
    Risk(&'a draft::RiskEvents<'a>),
}

/// Where rows go.
pub trait Journal {
    /// Takes a row; once this returns, a crash of the process does not lose it.
    ///
    /// # Errors
    /// It was not taken.
    fn write(&mut self, row: JournalRow<'_>) -> Result<(), JournalError>;

    /// Gets ready for a row like this one, and takes none.
    fn rehearse(&mut self, _row: &draft::Orders<'_>) {}

    /// Called after the row of an intent, before its request is handed out.
    ///
    /// # Errors
    /// The row is not as safe as the policy wants it.
    fn intent_written(&mut self) -> Result<(), JournalError>;
}

/// A row that was not taken.
#[derive(Debug, thiserror::Error)]
#[error("writing the journal: {0}")]
pub struct JournalError(#[from] pub TapeError);

impl JournalError {
    /// What the caller can do.
    pub fn kind(&self) -> ErrorKind {
        self.0.kind()
    }
}

/// What an intent waits for before its request leaves.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Durability {
    /// Nothing: a crash of the process loses nothing, a crash of the machine what the interval of
    /// the tapes allows.
    #[default]
    Interval,
    /// An fsync of the tape of orders: a crash of the machine loses no intent.
    Intents,
}

/// The journal on tapes.
#[derive(Debug)]
pub struct Tapes {
    folder: PathBuf,
    orders: TypedWriter<datasets::Orders<'static>>,
    fills: TypedWriter<datasets::Fills<'static>>,
    positions: TypedWriter<datasets::Positions<'static>>,
    balances: TypedWriter<datasets::Balances<'static>>,
    risk_events: TypedWriter<datasets::RiskEvents<'static>>,
    durability: Durability,
}

impl Tapes {
    /// Opens the journal of this name in a folder of tapes, or makes it. The folder may have tapes
    /// of others, such as of a recorder.
    ///
    /// # Errors
    /// Another process has it open; a tape is damaged; no space or permission.
    pub fn open(
        folder: &Path,
        name: &str,
        options: TapeOptions,
        durability: Durability,
    ) -> Result<Self, JournalError> {
        let mut tapes = Self {
            folder: folder.to_owned(),
            orders: open(folder, name, options)?,
            fills: open(folder, name, options)?,
            positions: open(folder, name, options)?,
            balances: open(folder, name, options)?,
            risk_events: open(folder, name, options)?,
            durability,
        };
        tapes.keep_from([0; TAPES.len()]);
        Ok(tapes)
    }

    /// How many rows each tape has had so far.
    pub(crate) fn rows(&mut self) -> [u64; TAPES.len()] {
        self.writers().map(|writer| writer.rows())
    }

    /// Keeps rows from these on, which a restart reads, also when a lake has them.
    pub(crate) fn keep_from(&mut self, rows: [u64; TAPES.len()]) {
        for (writer, row) in self.writers().into_iter().zip(rows) {
            writer.keep_from(row);
        }
    }

    /// The folder of the tapes.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// What a crash loses, in one sentence for the operator.
    pub fn describe(&mut self) -> String {
        let tapes = self.orders.writer().durability().describe();
        match self.durability {
            Durability::Interval => tapes,
            Durability::Intents => format!("{tapes}; no order leaves before its row is synced"),
        }
    }

    /// Does what is due without a new row; see [`Writer::tick`].
    ///
    /// # Errors
    /// A segment cannot be sealed, or an fsync failed.
    pub fn tick(&mut self) -> Result<(), JournalError> {
        self.writers().into_iter().try_for_each(Writer::tick)?;
        Ok(())
    }

    /// In the order in which a change is written, so that what survives a crash of the machine is
    /// explained by what was synced before.
    fn writers(&mut self) -> [&mut Writer; TAPES.len()] {
        [
            self.fills.writer(),
            self.orders.writer(),
            self.positions.writer(),
            self.balances.writer(),
            self.risk_events.writer(),
        ]
    }
}

fn open<R: rustonite_core::Row>(
    folder: &Path,
    name: &str,
    options: TapeOptions,
) -> Result<TypedWriter<R>, TapeError> {
    let folder = folder.join(R::schema().dataset()).join(name);
    let writer = if folder.join("tape.toml").exists() {
        Writer::open(&folder)?
    } else {
        Writer::create(&folder, R::schema(), options)?
    };
    writer.typed()
}

/// Appends a row and commits it, or leaves the tape as it was.
macro_rules! append {
    ($writer:expr, $row:expr) => {{
        let taken = $writer.push_draft($row).and_then(|()| $writer.commit());
        if taken.is_err() {
            $writer.writer().rollback();
        }
        taken
    }};
}

impl Journal for Tapes {
    #[inline]
    fn write(&mut self, row: JournalRow<'_>) -> Result<(), JournalError> {
        match row {
            JournalRow::Order(row) => append!(self.orders, row)?,
            JournalRow::Fill(row) => append!(self.fills, row)?,
            JournalRow::Position(row) => append!(self.positions, row)?,
            JournalRow::Balance(row) => append!(self.balances, row)?,
            JournalRow::Risk(row) => append!(self.risk_events, row)?,
        }
        Ok(())
    }

    fn rehearse(&mut self, row: &draft::Orders<'_>) {
        self.orders.rehearse(row);
    }

    #[inline]
    fn intent_written(&mut self) -> Result<(), JournalError> {
        match self.durability {
            Durability::Interval => Ok(()),
            Durability::Intents => Ok(self.orders.writer().sync()?),
        }
    }
}

/// No journal, for simulations that need none.
#[derive(Clone, Copy, Debug, Default)]
pub struct Nowhere;

impl Journal for Nowhere {
    fn write(&mut self, _: JournalRow<'_>) -> Result<(), JournalError> {
        Ok(())
    }

    fn intent_written(&mut self) -> Result<(), JournalError> {
        Ok(())
    }
}
