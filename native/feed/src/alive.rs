//! A file that says that a recorder runs, so that the next one can tell a crash from a stop.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, UNIX_EPOCH};

use crate::error::{FeedError, Result};

const EVERY: Duration = Duration::from_secs(1);

#[derive(Debug)]
pub(crate) struct Alive {
    path: PathBuf,
    touched: Instant,
}

impl Alive {
    /// Begins to run. Also tells when the last run was alive for the last time, if it never ended.
    pub(crate) fn begin(folder: &Path, name: &str) -> Result<(Self, Option<i64>)> {
        let path = folder.join(format!(".{name}.running"));
        let failed = |source| FeedError::System { doing: format!("{}", path.display()), source };
        fs::create_dir_all(folder).map_err(failed)?;
        let modified = fs::metadata(&path).and_then(|facts| facts.modified()).ok();
        let crashed = modified
            .and_then(|time| i64::try_from(time.duration_since(UNIX_EPOCH).ok()?.as_nanos()).ok());
        fs::write(&path, std::process::id().to_string()).map_err(failed)?;
        Ok((Self { path, touched: Instant::now() }, crashed))
    }

    /// Still running.
    pub(crate) fn tick(&mut self) {
        if self.touched.elapsed() >= EVERY {
            self.touched = Instant::now();
            // Only for a fact about the past; a failure costs some of its precision.
            let _ = fs::write(&self.path, std::process::id().to_string());
        }
    }

    /// Ended as asked.
    pub(crate) fn end(self) {
        let _ = fs::remove_file(self.path);
    }
}
