//! Parquet files of the lake: sorted writing, merging, reading and checking.
//!
//! A file physically holds every column of its dataset in schema order and, when rows are
//! partitioned by date, a last column `date`. Rows of a file are sorted. This crate knows files and
//! folders; which of them belong to a table is written in a log that it never sees.

mod asof;
mod bars;
mod batch;
mod bounds;
mod check;
mod coded;
mod conform;
mod durable;
mod encode;
mod error;
mod file;
mod filter;
mod footer;
mod group;
mod ids;
mod input;
mod last;
mod layout;
mod merge;
mod metadata;
mod order;
mod partition;
mod read;
mod series;
mod sink;
mod skip;
mod sort;
mod spill;
mod stats;
mod task;
mod texts;
mod write;

pub use self::{
    asof::{AsofOptions, asof},
    bars::{BarsOptions, bars},
    check::{Expected, check},
    error::{LakeError, Result, Source, SourceError},
    filter::Filter,
    last::{last_of_files, last_of_source},
    layout::Layout,
    merge::{MergeOptions, merge},
    read::{Evidence, Scan, ScanOptions, ScanReader},
    series::{By, Rows},
    sink::WrittenFile,
    task::Task,
    write::{WriteOptions, write},
};
