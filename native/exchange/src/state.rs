//! What came into a venue, in a file: with it the venue is as it was, after the end of its process.
//!
//! The venue is a function of what came in and when, so that is all that is kept. A file is a row of
//! frames: length and checksum of a payload, and the payload. The first one says what the venue is
//! made of. An entry is in the file before what it asks for is done; one that was being written when
//! the process ended is cut off, and was not done. What is written outlives the process and not the
//! machine: entries are not synced.
//!
//! Once the entries are long, a file that begins with a picture of the state takes their place. It
//! is written beside the old one and gets its name when it is whole, so that there is always the one
//! or the other.

use std::fs::{DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, BufReader, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use rustonite_sim::{AccountId, Command};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::VenueConfig;
use crate::crowd::Crowd;
use crate::dialect::Request;
use crate::error::{ExchangeError, Result};
use crate::faults::Planned;
use crate::floor::machine_now;
use crate::keys::Key;
use crate::recording::{Moment, Recording};

#[cfg(test)]
mod tests;

/// Rises with each change of what a file holds, or of what it means.
const FORMAT: u32 = 6;
/// Length and checksum.
const FRAME_HEAD: usize = 8;
const CHECKSUM: &str = "its checksum is wrong";
/// No call is larger, whatever its headers.
const PAYLOAD_MAX: usize = 16 << 20;
/// Entries are replaced by a picture once they are so long, and twice as long as the last picture.
const ENTRIES_LONG: u64 = 32 << 20;

/// What came in.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) enum Entry {
    /// A process began; connections of before are gone.
    Opened,
    Call(Request),
    /// A connection that calls come on.
    Connected {
        socket: u64,
        path: String,
    },
    Said {
        socket: u64,
        text: Vec<u8>,
    },
    Gone {
        socket: u64,
    },
    /// Of the operator, or of somebody without a connection.
    Command(Command),
    Account(String),
    Key {
        account: AccountId,
        api_key: String,
        key: Key,
    },
    Beat(u64),
    Fault(Planned),
    Others(Crowd),
    /// The next command of others, by their number.
    OthersAct(usize),
    /// What was recorded at a moment.
    Recorded(Moment),
    /// The engine's state has this hash now.
    Is(u64),
}

/// What a venue is made of.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct Head {
    format: u32,
    venue: String,
    symbols: Vec<String>,
    /// A checksum of all rules.
    rules: u32,
    /// When the venue was made.
    pub(crate) began: i64,
    /// What names that nobody chose are drawn from.
    pub(crate) seed: u64,
    /// A picture of the state follows, and the entries since.
    #[serde(default)]
    is_pictured: bool,
    /// What was recorded and is its market.
    #[serde(default)]
    recording: Option<String>,
}

impl Head {
    /// Of a venue that is made now.
    pub(crate) fn new(config: &VenueConfig) -> Self {
        let rules = format!("{:?} {:?} {:?}", config.listings, config.allowance, config.fee_tiers);
        Self {
            format: FORMAT,
            venue: config.venue.clone(),
            symbols: config.listings.iter().map(|one| one.symbol.clone()).collect(),
            rules: crc32fast::hash(rules.as_bytes()),
            recording: config.recording.as_ref().map(Recording::text),
            began: machine_now(),
            seed: fastrand::u64(..),
            is_pictured: false,
        }
    }

    /// Why a state that was begun so is not of a venue like this one.
    fn difference(&self, other: &Self) -> Option<String> {
        let made = |head: &Self| format!("{} with {}", head.venue, head.symbols.join(", "));
        if self.format != other.format {
            return Some(format!("found format {}, expected {}", self.format, other.format));
        }
        if made(self) != made(other) {
            return Some(format!("it is of {}, not of {}", made(self), made(other)));
        }
        if self.recording != other.recording {
            let [was, is] = [self, other].map(|head| {
                head.recording
                    .as_ref()
                    .map_or("no recording".to_owned(), |one| format!("a replay of {one}"))
            });
            return Some(format!("it was begun with {was}, not with {is}"));
        }
        let text = "it was begun with other ticks, lots or limits";
        (self.rules != other.rules).then(|| text.to_owned())
    }
}

/// The file of a venue.
#[derive(Debug)]
pub(crate) struct Log {
    path: PathBuf,
    /// Locked as long as this lives: files in the state's place come and go.
    _lock: File,
    head: Head,
    /// At the end, for what comes.
    file: File,
    /// For what was; gone once all was read.
    past: Option<BufReader<File>>,
    /// Bytes of whole frames.
    length: u64,
    /// Bytes before the first entry.
    entries_from: u64,
    entries_long: u64,
    buffer: Vec<u8>,
}

impl Log {
    /// The file of a venue in a folder, both made if they are not there, and what the venue is made
    /// of. Whoever has it is alone.
    ///
    /// # Errors
    /// Another process has it, it is of another venue, or the system does not let us.
    pub(crate) fn open(folder: &Path, config: &VenueConfig) -> Result<(Self, Head)> {
        let path = folder.join(format!("{}.state", config.venue));
        let files = open_files(folder, &path).map_err(|error| system(&path, error))?;
        let [lock, file, past] = files;
        let wanted = Head::new(config);
        let mut log = Self {
            path,
            _lock: lock,
            head: wanted.clone(),
            file,
            past: Some(BufReader::new(past)),
            length: 0,
            entries_from: 0,
            entries_long: ENTRIES_LONG,
            buffer: Vec::new(),
        };
        if let Some(found) = log.frame::<Head>()? {
            if let Some(problem) = found.difference(&wanted) {
                return Err(ExchangeError::invalid(&log.path.display().to_string(), problem));
            }
            log.head = found;
        } else {
            log.append(&wanted)?;
        }
        log.entries_from = log.length;
        let head = log.head.clone();
        Ok((log, head))
    }

    /// The picture of the state that the entries begin with, if there is one.
    ///
    /// # Errors
    /// The file is damaged, or cannot be read.
    pub(crate) fn picture(&mut self) -> Result<Option<Vec<u8>>> {
        let Some(past) = self.past.as_mut().filter(|_| self.head.is_pictured) else {
            return Ok(None);
        };
        let mut picture = Vec::new();
        let read = next_payload(past, &mut picture, usize::MAX);
        match read.map_err(|error| system(&self.path, error))? {
            Next::Whole => {}
            // It got its name when it was whole.
            Next::Torn | Next::Damaged => return Err(self.wrong(CHECKSUM.to_owned())),
        }
        self.length += (FRAME_HEAD + picture.len()) as u64;
        self.entries_from = self.length;
        Ok(Some(picture))
    }

    /// The next entry and its moment; `None` once all were read, or what follows was not written
    /// to its end.
    ///
    /// # Errors
    /// The file is damaged, or cannot be read.
    pub(crate) fn read(&mut self) -> Result<Option<(i64, Entry)>> {
        self.frame()
    }

    /// Writes an entry.
    ///
    /// # Errors
    /// It cannot be written, and is not there then.
    pub(crate) fn write(&mut self, at: i64, entry: &Entry) -> Result<()> {
        self.append(&(at, entry))
    }

    /// Whether a picture should take the place of the entries.
    pub(crate) fn is_long(&self) -> bool {
        self.length - self.entries_from > self.entries_long.max(2 * self.entries_from)
    }

    /// Puts a picture of the state in the place of all that led to it, and an entry behind it.
    ///
    /// # Errors
    /// It cannot be written; all is as it was then.
    pub(crate) fn shorten(&mut self, picture: &[u8], at: i64, entry: &Entry) -> Result<()> {
        let head = Head { is_pictured: true, ..self.head.clone() };
        let mut bytes = Vec::with_capacity(picture.len() + 1024);
        let encoded = encode(&mut self.buffer, &head);
        bytes.extend_from_slice(encoded.map_err(|error| system(&self.path, error))?);
        push_frame(&mut bytes, picture).map_err(|error| system(&self.path, error))?;
        let entries_from = bytes.len() as u64;
        let encoded = encode(&mut self.buffer, &(at, entry));
        bytes.extend_from_slice(encoded.map_err(|error| system(&self.path, error))?);
        let file = put_in_place(&self.path, &bytes).map_err(|error| system(&self.path, error))?;
        (self.file, self.head, self.entries_from) = (file, head, entries_from);
        self.length = bytes.len() as u64;
        Ok(())
    }

    /// The error of a state that comes out otherwise than it was.
    pub(crate) fn other_program(&self) -> ExchangeError {
        self.wrong(
            "what was done then comes out otherwise now: another version wrote it".to_owned(),
        )
    }

    fn append(&mut self, what: &impl Serialize) -> Result<()> {
        let encoded = encode(&mut self.buffer, what);
        let bytes = encoded.map_err(|error| system(&self.path, error))?;
        if let Err(error) = self.file.write_all(bytes) {
            // A part of it may be there, and would be in the way of the next one.
            let cut = self.file.set_len(self.length);
            return Err(system(&self.path, cut.err().unwrap_or(error)));
        }
        self.length += bytes.len() as u64;
        Ok(())
    }

    fn frame<T: DeserializeOwned>(&mut self) -> Result<Option<T>> {
        let Some(past) = &mut self.past else { return Ok(None) };
        let read = next_payload(past, &mut self.buffer, PAYLOAD_MAX);
        match read.map_err(|error| system(&self.path, error))? {
            Next::Whole => {}
            Next::Torn => {
                self.past = None;
                self.file.set_len(self.length).map_err(|error| system(&self.path, error))?;
                return Ok(None);
            }
            Next::Damaged => return Err(self.wrong(CHECKSUM.to_owned())),
        }
        let found = rmp_serde::from_slice(&self.buffer);
        let found = found.map_err(|error| self.wrong(format!("it cannot be read: {error}")))?;
        self.length += (FRAME_HEAD + self.buffer.len()) as u64;
        Ok(Some(found))
    }

    pub(crate) fn wrong(&self, problem: String) -> ExchangeError {
        let (path, at) = (self.path.display().to_string(), self.length);
        ExchangeError::State { path, at, problem }
    }
}

enum Next {
    Whole,
    /// The file ends before the frame does.
    Torn,
    /// The frame is there and is not what was written.
    Damaged,
}

/// Reads the payload of the next frame.
fn next_payload(
    from: &mut BufReader<File>,
    payload: &mut Vec<u8>,
    largest: usize,
) -> io::Result<Next> {
    payload.clear();
    from.by_ref().take(FRAME_HEAD as u64).read_to_end(payload)?;
    let Ok(head) = <[u8; FRAME_HEAD]>::try_from(payload.as_slice()) else { return Ok(Next::Torn) };
    let [length, checksum] =
        [0, 4].map(|at| u32::from_le_bytes([head[at], head[at + 1], head[at + 2], head[at + 3]]));
    if length as usize > largest {
        return Ok(Next::Damaged);
    }
    payload.clear();
    from.by_ref().take(u64::from(length)).read_to_end(payload)?;
    if payload.len() < length as usize {
        return Ok(Next::Torn);
    }
    Ok(if crc32fast::hash(payload) == checksum { Next::Whole } else { Next::Damaged })
}

/// A frame of something, in a buffer.
fn encode<'a>(buffer: &'a mut Vec<u8>, what: &impl Serialize) -> io::Result<&'a [u8]> {
    buffer.clear();
    buffer.extend_from_slice(&[0; FRAME_HEAD]);
    rmp_serde::encode::write(buffer, what).map_err(io::Error::other)?;
    let (head, payload) = buffer.split_at_mut(FRAME_HEAD);
    head.copy_from_slice(&frame_head(payload)?);
    Ok(buffer)
}

fn push_frame(bytes: &mut Vec<u8>, payload: &[u8]) -> io::Result<()> {
    bytes.extend_from_slice(&frame_head(payload)?);
    bytes.extend_from_slice(payload);
    Ok(())
}

fn frame_head(payload: &[u8]) -> io::Result<[u8; FRAME_HEAD]> {
    let length = u32::try_from(payload.len()).map_err(io::Error::other)?;
    let numbers = u64::from(length) | u64::from(crc32fast::hash(payload)) << 32;
    Ok(numbers.to_le_bytes())
}

/// A lock, the file to append to, and the same to read from. The latter hold secrets of accounts.
fn open_files(folder: &Path, path: &Path) -> io::Result<[File; 3]> {
    DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    let lock = own(&path.with_extension("lock"))?;
    match lock.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            let text = "another exchange keeps its state there";
            return Err(io::Error::new(io::ErrorKind::ResourceBusy, text));
        }
        Err(TryLockError::Error(error)) => return Err(error),
    }
    match std::fs::remove_file(unfinished(path)) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok([lock, own(path)?, File::open(path)?]),
    }
}

/// A file for its owner alone, made if it is not there, to append to.
fn own(path: &Path) -> io::Result<File> {
    OpenOptions::new().append(true).create(true).mode(0o600).open(path)
}

/// Where a file is written that takes the place of another one.
fn unfinished(path: &Path) -> PathBuf {
    path.with_extension("new")
}

/// Bytes take the place of a file, all of them or none. They are synced: what was there before
/// may have outlived the end of the machine, and this has to as well.
fn put_in_place(path: &Path, bytes: &[u8]) -> io::Result<File> {
    let new = unfinished(path);
    let mut file = own(&new)?;
    let written = file
        .set_len(0)
        .and_then(|()| file.write_all(bytes))
        .and_then(|()| file.sync_data())
        .and_then(|()| std::fs::rename(&new, path));
    if written.is_err() {
        // What is left of it is removed by the next start, if not now.
        let _ = std::fs::remove_file(&new);
    }
    written.map(|()| file)
}

fn system(path: &Path, source: io::Error) -> ExchangeError {
    ExchangeError::System { doing: format!("keeping the state in {}", path.display()), source }
}
