//! Tapes: append-only Arrow tables in memory-mapped segments.
//!
//! One process appends, any number of processes map the same bytes and read them as Arrow arrays in
//! place. This crate owns the segment format (`docs/internals/tape.md`), the publish protocol,
//! recovery, and all unsafe code of the project but the Python capsules. It knows nothing of venues
//! or of the lake.

#[cfg(not(all(target_os = "linux", target_endian = "little", target_pointer_width = "64")))]
compile_error!("tapes need 64-bit little-endian Linux: futexes, fallocate and shared mappings");

pub mod publish;

#[cfg(not(feature = "loom"))]
mod append;
#[cfg(not(feature = "loom"))]
mod background;
#[cfg(not(feature = "loom"))]
mod batch;
#[cfg(not(feature = "loom"))]
mod bell;
#[cfg(not(feature = "loom"))]
mod column;
#[cfg(not(feature = "loom"))]
mod dictionary;
#[cfg(not(feature = "loom"))]
mod error;
#[cfg(not(feature = "loom"))]
mod export;
#[cfg(not(feature = "loom"))]
mod folder;
#[cfg(not(feature = "loom"))]
mod layout;
#[cfg(not(feature = "loom"))]
mod map;
#[cfg(not(feature = "loom"))]
mod merge;
#[cfg(not(feature = "loom"))]
mod reader;
#[cfg(not(feature = "loom"))]
mod recover;
#[cfg(not(feature = "loom"))]
mod segment;
#[cfg(not(feature = "loom"))]
mod verify;
#[cfg(not(feature = "loom"))]
mod writer;

#[cfg(not(feature = "loom"))]
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
