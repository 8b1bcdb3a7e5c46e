//! What a trader keeps besides its journal: thrown switches, where the day's profit began, how high it
//! ever was, and what limits count. A small file, written whole, so that people can read it and a kill
//! works without a trader.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

use rustonite_core::Amount;
use rustonite_core::datasets::RiskScope;
use rustonite_exec::{Directory, Thrown};
use rustonite_risk::{Code, Counts, Latch, Latches, Risk, Target};
use serde::{Deserialize, Serialize};

/// Name of the file in the journal's folder.
pub const FILE: &str = "switches.json";

/// Scopes that have names of their own.
const NAMED: [RiskScope; 4] =
    [RiskScope::Venue, RiskScope::Account, RiskScope::Strategy, RiskScope::Instrument];

/// The file's content.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Kept {
    /// Switches that are thrown.
    #[serde(default)]
    pub latches: Latches,
    /// Whose orders stay although their kill switch is thrown, by scope and name.
    #[serde(default)]
    pub keeps: Vec<(String, String)>,
    /// Switches that were put back while no trader was there. What the journal still says of them
    /// does not count, and counts that threw them begin anew.
    #[serde(default)]
    pub resumed: Vec<Resumed>,
    /// What can be named, by scope: that of the trader that wrote the file.
    #[serde(default)]
    pub names: BTreeMap<String, Vec<String>>,
    /// The UTC day that `profit` is of, in days since 1970.
    #[serde(default)]
    pub day: i64,
    /// Profit in all when that day began, by scope and name.
    #[serde(default)]
    pub profit: BTreeMap<String, Amount>,
    /// The highest that profit ever was, by scope and name.
    #[serde(default)]
    pub peaks: BTreeMap<String, Amount>,
    /// What was earned with instruments that are not traded any more; what found positions came with,
    /// the other way round; and fees in other assets.
    #[serde(default)]
    pub earned: Vec<Earned>,
    /// The journal's row up to which `earned` has the fees; what came after it a start looks up.
    #[serde(default)]
    pub fees_until: Option<i64>,
    /// The same of found positions.
    #[serde(default)]
    pub found_until: Option<i64>,
    /// What limits count, by scope and name, each up to a row of the journal: a start counts what came
    /// after it.
    #[serde(default)]
    pub counts: BTreeMap<String, Counts>,
    /// How many children parents had that have not ended, by their number,
    #[serde(default)]
    pub children: BTreeMap<i64, i64>,
    /// up to this row.
    #[serde(default)]
    pub children_until: i64,
}

/// A person put the switches of something back.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Resumed {
    /// How far it reaches.
    pub scope: String,
    /// Name within the scope.
    pub name: String,
    /// When.
    pub ts: i64,
}

impl Resumed {
    /// Whether it put this one back.
    fn has(&self, thrown: &Thrown) -> bool {
        self.scope == thrown.scope.name() && self.name == thrown.name && thrown.ts <= self.ts
    }
}

/// Why profit is kept besides that of positions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// Its instrument is not traded any more.
    #[default]
    Removed,
    /// What a found position came with, the other way round.
    Found,
    /// Fees in an asset that no position is settled in.
    Fees,
}

/// Profit that no position tells, by names.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Earned {
    /// Why it is kept.
    #[serde(default)]
    pub kind: Kind,
    /// On which account.
    pub account: String,
    /// By which strategy; none for all of the account.
    pub strategy: Option<String>,
    /// Its venue and symbol; of fees their asset.
    pub instrument: String,
    /// Which position, in hedge mode.
    pub side: String,
    /// What it was settled in.
    pub settle: String,
    /// Profit realised, fees and funding taken off.
    pub profit: Amount,
}

impl Earned {
    pub(crate) fn of(earned: &rustonite_exec::Earned, directory: &Directory) -> Self {
        let strategy = earned.strategy.map(|one| directory.strategy_name(one).to_owned());
        Self {
            kind: Kind::Removed,
            account: directory.account_name(earned.account).to_owned(),
            strategy,
            instrument: earned.instrument.clone(),
            side: earned.side.name().to_owned(),
            settle: earned.settle.to_string(),
            profit: earned.profit,
        }
    }

    /// Whether it is about the same position.
    pub(crate) fn is_of_same(&self, other: &Self) -> bool {
        Self { profit: other.profit, settle: other.settle.clone(), ..self.clone() } == *other
    }

    /// Whether its instrument is traded.
    pub(crate) fn is_traded(&self, directory: &Directory) -> bool {
        let place = self.instrument.split_once(' ');
        place.is_some_and(|(venue, symbol)| {
            directory.venue(venue).is_some_and(|one| directory.instrument(one, symbol).is_some())
        })
    }
}

impl Kept {
    /// What there is to keep of a trader's switches.
    pub(crate) fn of(risk: &Risk, keeps: &[Target]) -> Self {
        let keeps = keeps.iter().map(|one| (one.scope().name().to_owned(), risk.name(*one)));
        let names = NAMED.map(|scope| (scope.name().to_owned(), risk.names(scope)));
        Self {
            latches: risk.latches(),
            keeps: keeps.collect(),
            names: names.into(),
            ..Self::default()
        }
    }

    /// Whose orders stay once they are here again.
    pub(crate) fn keeps_absent(&self, risk: &Risk) -> Vec<(String, String)> {
        let is_absent = |(scope, name): &&(String, String)| {
            risk.absent().iter().any(|one| one.scope.name() == scope && one.name == *name)
        };
        self.keeps.iter().filter(is_absent).cloned().collect()
    }

    /// Whose orders stay, as far as they are still known.
    pub(crate) fn targets(&self, risk: &Risk) -> Vec<Target> {
        let target = |(scope, name): &(String, String)| risk.target(RiskScope::parse(scope)?, name);
        self.keeps.iter().filter_map(target).collect()
    }
}

/// Throws what was thrown: by the file, and by the journal what the file does not have, since the
/// process ended between the two. Returns what the journal has and a person put back since.
pub(crate) fn take_up(risk: &mut Risk, kept: &Kept, thrown: &[Thrown]) -> Vec<Latch> {
    for one in &kept.resumed {
        let scope = RiskScope::parse(&one.scope);
        if let Some(target) = scope.and_then(|scope| risk.target(scope, &one.name)) {
            risk.recall_reset(target, None);
        }
    }
    kept.latches.0.iter().for_each(|latch| risk.restore(latch));
    let mut put_back = Vec::new();
    for one in thrown {
        let code = Code::parse(&one.code).filter(|code| *code != Code::Volatility);
        let Some(code) = code else { continue };
        let Thrown { scope, state, limit, value, ts, .. } = *one;
        let latch = Latch { scope, name: one.name.clone(), code, state, limit, value, ts };
        if kept.resumed.iter().any(|resumed| resumed.has(one)) {
            put_back.push(latch);
        } else {
            risk.restore(&latch);
        }
    }
    put_back
}

/// Reads what was kept; nothing if there is no file.
///
/// # Errors
/// The file is there and cannot be read: trading must not begin then.
pub fn read(folder: &Path) -> io::Result<Kept> {
    let path = folder.join(FILE);
    let text = match std::fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Kept::default()),
        Err(error) => return Err(named(&path, &error)),
    };
    serde_json::from_str(&text).map_err(|error| named(&path, &error))
}

/// Writes it so that a crash leaves the old or the new content.
///
/// # Errors
/// It cannot be written.
pub fn write(folder: &Path, kept: &Kept) -> io::Result<()> {
    let path = folder.join(FILE);
    let fresh = folder.join(format!("{FILE}.new"));
    let text = serde_json::to_string_pretty(kept).map_err(io::Error::other)?;
    let mut file = File::create(&fresh).map_err(|error| named(&fresh, &error))?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    std::fs::rename(&fresh, &path).map_err(|error| named(&path, &error))?;
    File::open(folder)?.sync_all()
}

/// What is done once the content that was handed over with it is safe.
pub(crate) type Then = Box<dyn FnOnce() + Send>;

#[derive(Default)]
struct Slot {
    /// The newest content that is not written so far; older ones are nobody's business any more.
    next: Option<Kept>,
    then: Vec<Then>,
    is_writing: bool,
    is_over: bool,
    failed: Option<io::Error>,
}

type Shared = Arc<(Mutex<Slot>, Condvar)>;

/// Writes the file on a thread of its own, so that who trades does not wait for the disk. Dropping it
/// writes what is left.
pub(crate) struct Keeper {
    shared: Shared,
    thread: Option<JoinHandle<()>>,
}

impl Keeper {
    /// Keeps in a folder.
    ///
    /// # Errors
    /// The system gives no thread.
    pub(crate) fn start(folder: PathBuf) -> io::Result<Self> {
        let shared = Shared::default();
        let taken = Arc::clone(&shared);
        let thread = std::thread::Builder::new()
            .name("rustonite-keeper".to_owned())
            .spawn(move || keep_on(&folder, &taken))?;
        Ok(Self { shared, thread: Some(thread) })
    }

    /// Hands content over. If it cannot be written, what is to follow is dropped.
    pub(crate) fn keep(&self, kept: Kept, then: Option<Then>) {
        let mut slot = lock(&self.shared);
        slot.next = Some(kept);
        slot.then.extend(then);
        self.shared.1.notify_all();
    }

    /// Tells a failure once.
    ///
    /// # Errors
    /// Something could not be written.
    pub(crate) fn check(&self) -> io::Result<()> {
        lock(&self.shared).failed.take().map_or(Ok(()), Err)
    }

    /// Waits until all that was handed over is written.
    ///
    /// # Errors
    /// As [`Keeper::check`].
    pub(crate) fn finish(&self) -> io::Result<()> {
        let slot = lock(&self.shared);
        let is_busy = |slot: &mut Slot| slot.next.is_some() || slot.is_writing;
        drop(self.shared.1.wait_while(slot, is_busy).unwrap_or_else(PoisonError::into_inner));
        self.check()
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        lock(&self.shared).is_over = true;
        self.shared.1.notify_all();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn lock(shared: &Shared) -> MutexGuard<'_, Slot> {
    shared.0.lock().unwrap_or_else(PoisonError::into_inner)
}

fn keep_on(folder: &Path, shared: &Shared) {
    let has_nothing = |slot: &mut Slot| slot.next.is_none() && !slot.is_over;
    loop {
        let waited = shared.1.wait_while(lock(shared), has_nothing);
        let mut slot = waited.unwrap_or_else(PoisonError::into_inner);
        let Some(kept) = slot.next.take() else { return };
        let then = std::mem::take(&mut slot.then);
        slot.is_writing = true;
        drop(slot);
        let written = write(folder, &kept);
        if written.is_ok() {
            then.into_iter().for_each(|then| then());
        }
        let mut slot = lock(shared);
        slot.is_writing = false;
        slot.failed = written.err().or(slot.failed.take());
        shared.1.notify_all();
    }
}

fn named(path: &Path, error: &dyn std::fmt::Display) -> io::Error {
    io::Error::other(format!("{}: {error}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::{FILE, Kept, read, write};

    #[test]
    fn what_is_kept_is_read_back_and_nonsense_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(read(folder.path()).unwrap(), Kept::default());
        let text = r#"{"latches": [{"scope": "all", "name": "", "code": "kill_switch",
            "state": "cancel_only", "limit": null, "value": null, "ts": 7}], "day": 3}"#;
        let kept: Kept = serde_json::from_str(text).unwrap();
        write(folder.path(), &kept).unwrap();
        assert_eq!(read(folder.path()).unwrap(), kept);
    }

    #[test]
    fn a_file_that_ends_anywhere_is_refused_and_one_that_was_not_finished_counts_for_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let kept = Kept { day: 3, ..Kept::default() };
        write(folder.path(), &kept).unwrap();
        let path = folder.path().join(FILE);
        let whole = std::fs::read(&path).unwrap();
        for end in 0..whole.len() {
            std::fs::write(folder.path().join(format!("{FILE}.new")), &whole[..end]).unwrap();
            assert_eq!(read(folder.path()).unwrap(), kept, "{end} bytes beside it");
            std::fs::write(&path, &whole[..end]).unwrap();
            let error = read(folder.path()).unwrap_err().to_string();
            assert!(error.contains(FILE), "{end} bytes: {error}");
            write(folder.path(), &kept).unwrap();
        }
    }
}
