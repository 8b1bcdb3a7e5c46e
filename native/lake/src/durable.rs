//! Brings files and their names to stable storage, many at a time: the disk takes as long for eight
//! as for one.

use std::collections::BTreeSet;
use std::fs::File;
use std::path::{Path, PathBuf};

use crate::error::{Result, While};

const THREADS: usize = 8;

/// Fsyncs files below a folder, and every folder from theirs up to that one.
pub(crate) fn sync(folder: &Path, files: &[PathBuf]) -> Result<()> {
    let folders: BTreeSet<&Path> = files
        .iter()
        .flat_map(|file| file.ancestors().skip(1))
        .filter(|path| path.starts_with(folder))
        .collect();
    let paths: Vec<&Path> = files.iter().map(PathBuf::as_path).chain(folders).collect();
    let share = paths.len().div_ceil(THREADS).max(1);
    std::thread::scope(|scope| {
        let work =
            paths.chunks(share).map(|paths| scope.spawn(|| paths.iter().try_for_each(sync_one)));
        let work: Vec<_> = work.collect();
        work.into_iter().try_for_each(|thread| match thread.join() {
            Ok(result) => result,
            Err(panic) => std::panic::resume_unwind(panic),
        })
    })
}

fn sync_one(path: &&Path) -> Result<()> {
    let opened = File::open(path).doing(path, "opening to fsync")?;
    opened.sync_all().doing(path, "fsync")
}
