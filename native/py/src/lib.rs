//! The extension module `rustonite_data._native`: conversions between Python and the crates below,
//! and nothing else. Users meet its classes through the package `rustonite_data`.
#![allow(clippy::needless_pass_by_value, reason = "Python hands arguments over as owned values")]

use pyo3::prelude::*;

mod batch;
mod book;
mod capsule;
mod columns;
mod decimal;
mod error;
mod exchange;
mod feed;
mod job;
mod lake;
mod lake_rows;
mod reader;
mod report;
mod schema;
mod series;
mod server;
mod sim;
mod strategy;
mod trader;
mod values;
mod writer;

/// Batches are large and live briefly; the allocator of the C library gives their pages back to the
/// kernel each time, and threads that decode spend a fifth of their time on getting them again.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Native half of `rustonite_data`; use the package instead.
#[pymodule]
mod _native {
    use pyo3::prelude::*;
    use pyo3::types::IntoPyDict as _;

    #[pymodule_export]
    use crate::batch::{Batch, Gap, Rows};
    #[pymodule_export]
    use crate::book::Book;
    #[pymodule_export]
    use crate::decimal::{decimal_parts, decimal_text, decimal_ticks, decimal_to_float};
    #[pymodule_export]
    use crate::error::error_kinds;
    #[pymodule_export]
    use crate::exchange::{NativeExchange, queue_models, row_kinds};
    #[pymodule_export]
    use crate::feed::{NativeRecorder, NativeReparser, catalog, recorder_config};
    #[pymodule_export]
    use crate::lake::{LakeFile, lake_check, lake_last, lake_merge, lake_read, lake_write};
    #[pymodule_export]
    use crate::lake_rows::LakeRows;
    #[pymodule_export]
    use crate::reader::{MergedReader, TapeReader, note_fork};
    #[pymodule_export]
    use crate::report::{advance_consumer, consumers, describe_tape, forget_consumer, verify_tape};
    #[pymodule_export]
    use crate::schema::{Column, Schema, embedded_schemas};
    #[pymodule_export]
    use crate::series::{lake_asof, lake_bars};
    #[pymodule_export]
    use crate::server::NativeServer;
    #[pymodule_export]
    use crate::sim::NativeMatching;
    #[pymodule_export]
    use crate::strategy::NativeBroker;
    #[pymodule_export]
    use crate::trader::{
        NativeTrader, check_limits, check_trader, limit_keys, read_keys, trader_ask, trader_config,
        trader_kill, trader_resume,
    };
    #[pymodule_export]
    use crate::writer::TapeWriter;

    #[pymodule_export]
    const VERSION: &str = env!("CARGO_PKG_VERSION");

    /// What this was built from and by; an empty text is not known.
    #[pymodule_init]
    fn tell_build(module: &Bound<'_, PyModule>) -> PyResult<()> {
        let facts = [
            ("commit", env!("RUSTONITE_COMMIT")),
            ("profile", env!("RUSTONITE_PROFILE")),
            ("rustc", env!("RUSTONITE_RUSTC")),
            ("target", env!("RUSTONITE_TARGET")),
        ];
        module.add("BUILD", facts.into_py_dict(module.py())?)
    }
}
