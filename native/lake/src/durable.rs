//! Brings files and their names to stable storage, many at a time: the disk takes as long for eight
//! as for one, and while it does, the next file is encoded.

use std::collections::{BTreeSet, VecDeque};
use std::fs::File;
use std::path::{Path, PathBuf};
use std::thread::JoinHandle;

use crate::error::{LakeError, Result, While};

const THREADS: usize = 8;

/// Files on their way to stable storage, each in a thread of its own.
#[derive(Debug, Default)]
pub(crate) struct Syncing(VecDeque<JoinHandle<Result<()>>>);

impl Syncing {
    /// Begins the fsync of a file that is complete.
    pub(crate) fn begin(&mut self, file: File, path: PathBuf) -> Result<()> {
        if self.0.len() == THREADS {
            self.wait_for_one()?;
        }
        let thread = std::thread::Builder::new().name("rustonite-fsync".to_owned());
        let shown = path.clone();
        let started = thread.spawn(move || file.sync_all().doing(&path, "fsync"));
        self.0.push_back(started.doing(&shown, "starting a thread to fsync")?);
        Ok(())
    }

    fn wait_for_one(&mut self) -> Result<()> {
        let Some(thread) = self.0.pop_front() else { return Ok(()) };
        thread.join().unwrap_or(Err(LakeError::Bug("fsync")))
    }

    /// Waits for all files, and brings their names to stable storage: every folder from theirs up
    /// to the one given.
    pub(crate) fn finish(mut self, folder: &Path, files: &[PathBuf]) -> Result<()> {
        let folders: BTreeSet<&Path> = files
            .iter()
            .flat_map(|file| file.ancestors().skip(1))
            .filter(|path| path.starts_with(folder))
            .collect();
        for path in folders {
            let opened = File::open(path).doing(path, "opening to fsync")?;
            self.begin(opened, path.to_owned())?;
        }
        while !self.0.is_empty() {
            self.wait_for_one()?;
        }
        Ok(())
    }
}
