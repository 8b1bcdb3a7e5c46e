//! Intermediate files: sorted rows of all partitions that were too many for memory.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use crate::error::{Result, While};
use crate::layout::Layout;
use crate::sink::SinkOptions;

/// A folder of intermediate files, removed with everything in it. It is made when it is needed.
pub(crate) struct Spill {
    parent: PathBuf,
    folder: Option<PathBuf>,
    files: u64,
    threads: usize,
}

/// Tells folders of one process apart.
static FOLDERS: AtomicU64 = AtomicU64::new(0);

impl Spill {
    pub(crate) fn new(parent: Option<&Path>, threads: usize) -> Self {
        let parent = parent.map_or_else(std::env::temp_dir, Path::to_owned);
        Self { parent, folder: None, files: 0, threads }
    }

    /// The layout of intermediate files: all partitions in one.
    pub(crate) fn layout(layout: &Layout) -> Layout {
        Layout { sort: layout.order(), partition: Vec::new(), ..layout.clone() }
    }

    /// How the next intermediate file is written.
    pub(crate) fn next(&mut self) -> Result<SinkOptions> {
        let folder = match &self.folder {
            Some(folder) => folder.clone(),
            None => self.make()?,
        };
        self.files += 1;
        Ok(SinkOptions {
            folder,
            name: format!("run-{}", self.files),
            compressed: false,
            file_rows_max: usize::MAX,
            threads: self.threads,
            durable: false,
        })
    }

    fn make(&mut self) -> Result<PathBuf> {
        std::fs::create_dir_all(&self.parent).doing(&self.parent, "making the folder")?;
        loop {
            let number = FOLDERS.fetch_add(1, Ordering::Relaxed);
            let name = format!("rustonite-spill-{}-{number}", std::process::id());
            let folder = self.parent.join(name);
            let mut builder = std::fs::DirBuilder::new();
            std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
            match builder.create(&folder) {
                // Left by a process of the same id that was killed.
                Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {}
                made => {
                    made.doing(&folder, "making the folder")?;
                    self.folder = Some(folder.clone());
                    return Ok(folder);
                }
            }
        }
    }

    /// Removes an intermediate file that was read; others are nobody's business here.
    pub(crate) fn forget(&self, path: &Path) {
        if self.folder.as_deref().is_some_and(|folder| path.starts_with(folder)) {
            let _ = std::fs::remove_file(path);
        }
    }
}

impl Drop for Spill {
    fn drop(&mut self) {
        if let Some(folder) = &self.folder {
            // There is nobody to tell, and it is a temporary folder.
            let _ = std::fs::remove_dir_all(folder);
        }
    }
}
