//! A tape's folder: its manifest, its lock, its segment files and the cursors of its consumers.
//!
//! ```text
//! tape.toml            identity and settings, written once
//! lock                 held by the writer; names its process
//! bell                 two words that sleeping readers and the writer share
//! 000000000000.seg     segments, numbered without gaps
//! symbol.dict          side tables of dictionary columns
//! cursors/lake         how far a consumer has got
//! ```

use std::fs::{self, File};
use std::io::Write as _;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::fs::{FlockOperation, flock};
use serde::{Deserialize, Serialize};

use crate::error::{Result, TapeError, While};

const MANIFEST: &str = "tape.toml";
const LOCK: &str = "lock";
const CURSORS: &str = "cursors";
const SEGMENT_END: &str = ".seg";
const LOCK_TRIES: usize = 20;

/// File that holds the words readers sleep on.
pub(crate) const BELL: &str = "bell";
/// Prepared segment without a number yet.
pub(crate) const SPARE: &str = "spare.tmp";

/// What `tape.toml` says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Manifest {
    pub(crate) format: u32,
    pub(crate) id: String,
    pub(crate) dataset: String,
    pub(crate) version: u32,
    pub(crate) fingerprint: String,
    pub(crate) settings: crate::TapeOptions,
}

impl Manifest {
    pub(crate) fn read(folder: &Path) -> Result<Self> {
        let path = folder.join(MANIFEST);
        let text = match fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                let hint = if folder.is_dir() {
                    "the folder is there but was not made by `create`"
                } else {
                    "the folder does not exist"
                };
                return Err(TapeError::NotATape { path: folder.to_owned(), hint });
            }
            Err(error) if error.kind() == std::io::ErrorKind::InvalidData => {
                return Err(TapeError::corrupt(&path, "manifest", error, "text"));
            }
            Err(error) => return Err(error).doing(&path, "reading"),
        };
        let manifest: Self = toml::from_str(&text).map_err(|error| {
            TapeError::corrupt(&path, "manifest", error.message(), "tape settings")
        })?;
        if manifest.format == crate::layout::FORMAT {
            return Ok(manifest);
        }
        let (found, expected) = (manifest.format.to_string(), "version 1".to_owned());
        Err(TapeError::Unsupported { path, what: "format version", found, expected })
    }

    pub(crate) fn write(&self, folder: &Path) -> Result<()> {
        let path = folder.join(MANIFEST);
        let text = toml::to_string(self).map_err(|error| {
            TapeError::corrupt(&path, "settings", error, "values TOML can hold")
        })?;
        write_atomically(&path, text.as_bytes())
    }
}

/// Whether there is a tape in `folder`.
pub(crate) fn is_tape(folder: &Path) -> bool {
    folder.join(MANIFEST).is_file()
}

/// Replaces a small file as a whole and waits until it is on stable storage.
fn write_atomically(path: &Path, bytes: &[u8]) -> Result<()> {
    let temporary = path.with_extension("tmp");
    let mut options = File::options();
    options.write(true).create(true).truncate(true).mode(0o600);
    let mut file = options.open(&temporary).doing(&temporary, "creating")?;
    file.write_all(bytes).doing(&temporary, "writing")?;
    file.sync_all().doing(&temporary, "syncing")?;
    fs::rename(&temporary, path).doing(path, "putting in place")?;
    path.parent().map_or(Ok(()), sync_folder)
}

/// Makes created, renamed and removed names in a folder survive a crash of the machine.
pub(crate) fn sync_folder(folder: &Path) -> Result<()> {
    File::open(folder).and_then(|folder| folder.sync_all()).doing(folder, "syncing the folder")
}

/// Makes the folder of a tape, private to its owner.
pub(crate) fn make(folder: &Path) -> Result<()> {
    if let Some(parent) = folder.parent() {
        fs::create_dir_all(parent).doing(parent, "making the folder")?;
    }
    match fs::DirBuilder::new().mode(0o700).create(folder) {
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {}
        other => other.doing(folder, "making the folder")?,
    }
    let cursors = folder.join(CURSORS);
    match fs::DirBuilder::new().mode(0o700).create(&cursors) {
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => Ok(()),
        other => other.doing(&cursors, "making the folder"),
    }
}

/// The writer's lock; released when dropped, or by the system when the process dies.
#[derive(Debug)]
pub(crate) struct Lock(#[allow(dead_code, reason = "closing the file releases the lock")] File);

impl Lock {
    pub(crate) fn take(folder: &Path) -> Result<Self> {
        let path = folder.join(LOCK);
        let mut options = File::options();
        options.read(true).write(true).create(true).truncate(false).mode(0o600);
        let mut file = options.open(&path).doing(&path, "opening the lock")?;
        if !try_lock(&file) {
            let owner = fs::read_to_string(&path).unwrap_or_default();
            let owner = if owner.is_empty() { "unknown".to_owned() } else { owner };
            return Err(TapeError::SecondWriter { path: folder.to_owned(), owner });
        }
        let pid = std::process::id().to_string();
        file.set_len(0).and_then(|()| file.write_all(pid.as_bytes())).doing(&path, "locking")?;
        Ok(Self(file))
    }
}

/// Tries for a moment: who asks whether there is a writer holds the lock for that long, too.
fn try_lock(file: &File) -> bool {
    (0..LOCK_TRIES).any(|number| {
        if number > 0 {
            std::thread::sleep(Duration::from_millis(1));
        }
        flock(file, FlockOperation::NonBlockingLockExclusive).is_ok()
    })
}

/// Whether some process writes this tape now.
pub(crate) fn has_writer(folder: &Path) -> bool {
    let Ok(file) = File::open(folder.join(LOCK)) else { return false };
    flock(&file, FlockOperation::NonBlockingLockShared).is_err()
}

/// Path of a segment.
pub(crate) fn segment_path(folder: &Path, number: u64) -> PathBuf {
    folder.join(format!("{number:012}{SEGMENT_END}"))
}

/// Numbers of the segments there are, in order.
pub(crate) fn segment_numbers(folder: &Path) -> Result<Vec<u64>> {
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            return Err(TapeError::Gone {
                path: folder.to_owned(),
                what: "the folder of the tape",
            });
        }
        other => other.doing(folder, "listing")?,
    };
    let mut numbers = Vec::new();
    for entry in entries {
        let name = entry.doing(folder, "listing")?.file_name();
        let number = name.to_str().and_then(|name| name.strip_suffix(SEGMENT_END));
        numbers.extend(number.and_then(|digits| digits.parse::<u64>().ok()));
    }
    numbers.sort_unstable();
    Ok(numbers)
}

/// Removes what a crashed `create` left in a folder that never became a tape.
pub(crate) fn clear_leftovers(folder: &Path) -> Result<()> {
    for entry in fs::read_dir(folder).doing(folder, "listing")? {
        let path = entry.doing(folder, "listing")?.path();
        if path.extension().is_some_and(|end| end == "seg" || end == "dict") {
            fs::remove_file(&path).doing(&path, "removing")?;
        }
    }
    Ok(())
}

/// A consumer's name and the row it has got to: everything before it may go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cursor {
    /// Name of the consumer.
    pub consumer: String,
    /// First row it still needs.
    pub row: u64,
}

fn cursor_path(folder: &Path, consumer: &str) -> Result<PathBuf> {
    let legal = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    if consumer.is_empty() || consumer.len() > 63 || !consumer.chars().all(legal) {
        return Err(TapeError::Setting {
            name: "consumer",
            found: format!("{consumer:?}"),
            expected: "1 to 63 characters of a-z, A-Z, 0-9, _ and -".to_owned(),
        });
    }
    Ok(folder.join(CURSORS).join(consumer))
}

/// Persists how far a consumer has got, which also makes it known to the tape: from then on
/// segments are kept until it has passed them.
///
/// # Errors
/// No tape, a bad name, or a folder that cannot be written.
pub fn advance_consumer(folder: &Path, consumer: &str, row: u64) -> Result<()> {
    Manifest::read(folder)?;
    write_atomically(&cursor_path(folder, consumer)?, row.to_string().as_bytes())
}

/// Removes a consumer: the tape no longer keeps rows for it.
///
/// # Errors
/// No such consumer.
pub fn forget_consumer(folder: &Path, consumer: &str) -> Result<()> {
    let path = cursor_path(folder, consumer)?;
    fs::remove_file(&path).doing(&path, "forgetting the consumer")
}

/// The cursors of all consumers, the one furthest behind first.
///
/// # Errors
/// No tape, or a damaged cursor file.
pub fn consumers(folder: &Path) -> Result<Vec<Cursor>> {
    let folder = folder.join(CURSORS);
    let mut cursors = Vec::new();
    for entry in fs::read_dir(&folder).doing(&folder, "listing")? {
        let path = entry.doing(&folder, "listing")?.path();
        if path.extension().is_some() {
            continue; // a half-written cursor, replaced as a whole or not at all
        }
        let text = match fs::read_to_string(&path) {
            // Forgotten since the folder was listed.
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => continue,
            other => other.doing(&path, "reading the cursor")?,
        };
        let row = text.trim().parse().map_err(|_| {
            TapeError::corrupt(&path, "cursor", format!("{text:?}"), "a row number")
        })?;
        let consumer = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        cursors.push(Cursor { consumer, row });
    }
    cursors.sort_by(|a, b| (a.row, &a.consumer).cmp(&(b.row, &b.consumer)));
    Ok(cursors)
}

/// Whether a folder is on a file system that lives in memory.
pub(crate) fn in_memory(folder: &Path) -> Result<bool> {
    const TMPFS: u32 = 0x0102_1994;
    const RAMFS: u32 = 0x8584_58f6;
    let facts = rustix::fs::statfs(folder).doing(folder, "asking for its file system")?;
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a bit pattern")]
    let kind = facts.f_type as u32;
    Ok(kind == TMPFS || kind == RAMFS)
}

/// Identity of this run of the machine; changes with every reboot.
pub(crate) fn boot_id() -> Result<[u8; 16]> {
    let path = Path::new("/proc/sys/kernel/random/boot_id");
    let text = fs::read_to_string(path).doing(path, "reading the boot id")?;
    let digits: String = text.chars().filter(char::is_ascii_hexdigit).collect();
    u128::from_str_radix(&digits, 16)
        .map(u128::to_be_bytes)
        .map_err(|_| TapeError::corrupt(path, "boot id", format!("{text:?}"), "a UUID"))
}

/// Bytes that differ every time.
pub(crate) fn random<const N: usize>() -> std::io::Result<[u8; N]> {
    let mut bytes = [0; N];
    let mut filled = 0;
    while filled < N {
        let flags = rustix::rand::GetRandomFlags::empty();
        match rustix::rand::getrandom(&mut bytes[filled..], flags) {
            Ok(count) => filled += count,
            Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(bytes)
}

/// Bytes as hexadecimal digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    let digit = |value: u8| char::from_digit(value.into(), 16).unwrap_or('?');
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}
