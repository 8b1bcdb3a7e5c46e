//! Recovery: what a writer finds when it opens a tape, whatever end the last one met.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use crate::error::{Result, TapeError, While};
use crate::folder::{self, hex};
use crate::segment::{self, Segment};

/// A sealed segment that is still kept.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Kept {
    pub(crate) number: u64,
    pub(crate) rows_end: u64,
}

/// What the last writer left.
pub(crate) struct Recovered {
    pub(crate) last: Segment,
    pub(crate) rows: usize,
    pub(crate) sealed: bool,
    pub(crate) kept: Vec<Kept>,
    /// Sealed segments that may not be durable yet.
    pub(crate) backlog: Vec<Arc<Segment>>,
}

/// Looks at every segment, cuts what cannot be trusted and seals what must be.
///
/// Only the last segment may be open. If the machine crashed since, the rows that count are those
/// up to the first segment that was not durable as a whole; later segments go.
pub(crate) fn recover(folder: &Path, boot_id: [u8; 16]) -> Result<Recovered> {
    let crashed = |segment: &Segment| segment.identity.boot_id != boot_id;
    let mut segments: Vec<Found> = Vec::new();
    let mut blank = Vec::new();
    for number in folder::segment_numbers(folder)? {
        let path = folder::segment_path(folder, number);
        let after_crash = segments.last().is_some_and(|(before, _)| crashed(before));
        if !blank.is_empty() || after_crash && segment::is_blank(&path)? {
            blank.push(path);
            continue;
        }
        let segment = Segment::open(&path, true)?;
        let extent = segment.extent(boot_id)?;
        segments.push((segment, extent));
    }
    check_chain(folder, &segments, boot_id)?;
    for path in blank {
        fs::remove_file(&path).doing(&path, "removing a segment lost in a crash")?;
    }
    let cut = (segments.iter()).position(|(segment, extent)| {
        crashed(segment) && segment.sealed().ok().flatten().is_none_or(|rows| extent.rows < rows)
    });
    if let Some(cut) = cut {
        for (segment, _) in segments.drain(cut + 1..) {
            fs::remove_file(&segment.path).doing(&segment.path, "removing rows lost in a crash")?;
        }
    }
    let Some((last, extent)) = segments.pop() else {
        return Err(TapeError::Gone { path: folder.to_owned(), what: "every segment of the tape" });
    };
    let sealed = extent.sealed || crashed(&last);
    let mut kept = Vec::new();
    let mut backlog = Vec::new();
    let mut finish = |done: Segment, rows: usize| {
        if done.sealed()? != Some(rows) {
            // The sums first: a crash in between is repaired the same way.
            done.store_sums(rows);
            done.seal(rows);
        } else if !done.check_sums(rows)? {
            done.store_sums(rows);
        }
        let rows_end = done.identity.base_row + rows as u64;
        kept.push(Kept { number: done.identity.number, rows_end });
        backlog.push(Arc::new(done));
        Ok::<_, TapeError>(())
    };
    for (segment, extent) in segments {
        finish(segment, extent.rows)?;
    }
    if sealed {
        let path = last.path.clone();
        finish(last, extent.rows)?;
        let last = Segment::open(&path, true)?;
        return Ok(Recovered { last, rows: extent.rows, sealed, kept, backlog });
    }
    last.check_end(extent.rows)?;
    Ok(Recovered { last, rows: extent.rows, sealed, kept, backlog })
}

type Found = (Segment, crate::segment::Extent);

/// Checks that each segment goes on where the one before it ended.
fn check_chain(folder: &Path, segments: &[Found], boot_id: [u8; 16]) -> Result<()> {
    for pair in segments.windows(2) {
        let ((before, extent), (after, _)) = (&pair[0], &pair[1]);
        let same_tape = before.identity.tape_id == after.identity.tape_id
            && before.schema().fingerprint() == after.schema().fingerprint();
        if !same_tape {
            let (found, expected) = (hex(&after.identity.tape_id), hex(&before.identity.tape_id));
            return Err(TapeError::corrupt(&after.path, "tape id", found, expected));
        }
        let number = before.identity.number + 1;
        if after.identity.number != number {
            let missing = folder::segment_path(folder, number);
            return Err(TapeError::Gone { path: missing, what: "a segment between others" });
        }
        let end = before.identity.base_row + extent.rows as u64;
        // After a crash of the machine the cut explains a difference.
        if after.identity.base_row != end && before.identity.boot_id == boot_id {
            return Err(TapeError::corrupt(&after.path, "base row", after.identity.base_row, end));
        }
    }
    Ok(())
}
