//! Looking at a tape as a whole, without changing it: what is there, and is all of it sound?

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::batch::{Batch, Texts};
use crate::dictionary;
use crate::error::{Result, TapeError};
use crate::folder::{self, Cursor, Manifest};
use crate::segment::Segment;
use crate::writer::TapeOptions;

/// One segment of a tape.
#[derive(Clone, Debug)]
pub struct SegmentReport {
    /// Its number.
    pub number: u64,
    /// Number of its first row.
    pub base_row: u64,
    /// Rows that can be read.
    pub rows: usize,
    /// Rows it has room for.
    pub capacity: usize,
    /// No more rows will come.
    pub sealed: bool,
    /// Rows known to be on stable storage; `None` on a memory-backed tape.
    pub durable: Option<usize>,
    /// Bytes it takes on the file system.
    pub bytes: u64,
    /// Whether the checksums were compared.
    pub checksums: bool,
    /// What is wrong with it.
    pub problem: Option<String>,
}

/// A tape and its segments.
#[derive(Clone, Debug)]
pub struct TapeReport {
    /// Its folder.
    pub path: PathBuf,
    /// Its identity, which survives renames of the folder.
    pub id: String,
    /// Dataset, or the name the user gave.
    pub dataset: String,
    /// Version of the dataset.
    pub version: u32,
    /// Identity of the layout.
    pub fingerprint: String,
    /// Settings it was created with.
    pub settings: TapeOptions,
    /// Whether it lives in memory.
    pub in_memory: bool,
    /// Whether a process has it open for writing.
    pub has_writer: bool,
    /// Its consumers.
    pub cursors: Vec<Cursor>,
    /// Its segments in order.
    pub segments: Vec<SegmentReport>,
    /// What is wrong with the tape as a whole.
    pub problems: Vec<String>,
}

impl TapeReport {
    /// Number of the oldest row kept.
    pub fn first_row(&self) -> u64 {
        self.segments.first().map_or(0, |segment| segment.base_row)
    }

    /// Number of the next row.
    pub fn next_row(&self) -> u64 {
        self.segments.last().map_or(0, |segment| segment.base_row + segment.rows as u64)
    }

    /// Whether nothing is wrong anywhere.
    pub fn is_sound(&self) -> bool {
        self.problems.is_empty() && self.segments.iter().all(|segment| segment.problem.is_none())
    }
}

/// Describes a tape from its headers.
///
/// # Errors
/// No tape, or a manifest that cannot be read. What is wrong with segments is in the report.
pub fn describe(folder: &Path) -> Result<TapeReport> {
    report(folder, false)
}

/// Reads and checks every byte that a reader depends on: headers, row counts, offsets, texts,
/// codes, and the checksums of sealed segments.
///
/// # Errors
/// As [`describe`].
pub fn verify(folder: &Path) -> Result<TapeReport> {
    report(folder, true)
}

fn report(folder: &Path, deep: bool) -> Result<TapeReport> {
    let manifest = Manifest::read(folder)?;
    let boot_id = folder::boot_id()?;
    let mut report = TapeReport {
        path: folder.to_owned(),
        id: manifest.id,
        dataset: manifest.dataset,
        version: manifest.version,
        fingerprint: manifest.fingerprint,
        settings: manifest.settings,
        in_memory: folder::in_memory(folder)?,
        has_writer: folder::has_writer(folder),
        cursors: Vec::new(),
        segments: Vec::new(),
        problems: Vec::new(),
    };
    match folder::consumers(folder) {
        Ok(cursors) => report.cursors = cursors,
        Err(error) => report.problems.push(error.to_string()),
    }
    for number in folder::segment_numbers(folder)? {
        let path = folder::segment_path(folder, number);
        match Segment::open(&path, false) {
            Ok(segment) => {
                let looked = look(folder, &Arc::new(segment), boot_id, deep);
                report.check_order(&looked, &path);
                report.segments.push(looked);
            }
            // A segment that was removed while we looked is nobody's problem.
            Err(_) if !path.exists() => {}
            Err(error) => report.problems.push(error.to_string()),
        }
    }
    if report.segments.is_empty() {
        report.problems.push(format!("{}: no readable segment", folder.display()));
    }
    Ok(report)
}

impl TapeReport {
    fn check_order(&mut self, next: &SegmentReport, path: &Path) {
        if self.segments.is_empty() || self.next_row() == next.base_row {
            return;
        }
        let error = TapeError::corrupt(path, "base row", next.base_row, self.next_row());
        self.problems.push(error.to_string());
    }
}

fn look(folder: &Path, segment: &Arc<Segment>, boot_id: [u8; 16], deep: bool) -> SegmentReport {
    let facts = std::fs::metadata(&segment.path);
    let blocks = facts.map_or(0, |facts| std::os::unix::fs::MetadataExt::blocks(&facts));
    let mut report = SegmentReport {
        number: segment.identity.number,
        base_row: segment.identity.base_row,
        rows: 0,
        capacity: segment.layout.rows,
        sealed: false,
        durable: segment.durable().ok().flatten(),
        bytes: blocks * 512,
        checksums: false,
        problem: None,
    };
    match segment.extent(boot_id) {
        Ok(extent) => (report.rows, report.sealed) = (extent.rows, extent.sealed),
        Err(error) => report.problem = Some(error.to_string()),
    }
    if deep && report.problem.is_none() {
        match look_inside(folder, segment, &report) {
            Ok(checksums) => report.checksums = checksums,
            Err(error) => report.problem = Some(error.to_string()),
        }
    }
    report
}

/// Checks all rows; true if there were checksums to compare.
fn look_inside(folder: &Path, segment: &Arc<Segment>, report: &SegmentReport) -> Result<bool> {
    let texts = dictionary::readers(folder, segment.schema())?
        .iter_mut()
        .map(|reader| reader.as_mut().map(|reader| reader.texts().cloned()).transpose())
        .collect::<Result<Vec<_>>>()?;
    let texts: Texts = texts.into();
    let batch = Batch { segment: Arc::clone(segment), texts, start: 0, len: report.rows };
    batch.check().map_err(|flaw| flaw.into_error(segment))?;
    if report.sealed { segment.check_sums(report.rows) } else { Ok(false) }
}
