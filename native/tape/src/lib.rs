//! Tapes: append-only Arrow tables in memory-mapped segments.
//!
//! One process appends, any number of processes map the same bytes and read them as Arrow arrays in
//! place. This crate owns the segment format (`docs/internals/tape.md`), the publish protocol,
//! recovery, and all unsafe code of the project but the Python capsules. It knows nothing of venues
//! or of the lake.

#[cfg(not(all(target_os = "linux", target_endian = "little", target_pointer_width = "64")))]
compile_error!("tapes need 64-bit little-endian Linux: futexes, fallocate and shared mappings");

pub mod publish;

#[cfg(not(loom))]
mod append;
#[cfg(not(loom))]
mod background;
#[cfg(not(loom))]
mod batch;
#[cfg(not(loom))]
mod bell;
#[cfg(not(loom))]
mod column;
#[cfg(not(loom))]
mod dictionary;
#[cfg(not(loom))]
mod error;
#[cfg(not(loom))]
mod export;
#[cfg(not(loom))]
mod folder;
#[cfg(not(loom))]
mod layout;
#[cfg(not(loom))]
mod map;
#[cfg(not(loom))]
mod merge;
#[cfg(not(loom))]
mod reader;
#[cfg(not(loom))]
mod recover;
#[cfg(not(loom))]
mod segment;
#[cfg(not(loom))]
mod verify;
#[cfg(not(loom))]
mod writer;

#[cfg(not(loom))]
pub use self::{
    batch::{Batch, Values},
    error::{Result, TapeError},
    export::{ArrowArray, export_segment},
    folder::{Cursor, advance_consumer, consumers, forget_consumer},
    merge::MergedReader,
    reader::{Gap, Polled, Reader, Start, Wait},
    verify::{SegmentReport, TapeReport, describe, verify},
    writer::{Durability, TapeOptions, TypedWriter, Writer},
};
