//! What came into a venue, in a file: with it the venue is as it was, after the end of its process.
//!
//! The venue is a function of what came in and when, so that is all that is kept. A file is a row of
//! frames: length and checksum of a payload, and the payload. The first one says what the venue is
//! made of. An entry is in the file before what it asks for is done; one that was being written when
//! the process ended is cut off, and was not done. What is written outlives the process and not the
//! machine: nothing is synced.

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

#[cfg(test)]
mod tests;

/// Rises with each change of what a file holds, or of what it means.
const FORMAT: u32 = 2;
/// Length and checksum.
const FRAME_HEAD: usize = 8;
/// No call is larger, whatever its headers.
const PAYLOAD_MAX: usize = 16 << 20;

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
}

impl Head {
    /// Of a venue that is made now.
    pub(crate) fn new(config: &VenueConfig) -> Self {
        let rules = format!("{:?} {:?}", config.listings, config.allowance);
        Self {
            format: FORMAT,
            venue: config.venue.clone(),
            symbols: config.listings.iter().map(|one| one.symbol.clone()).collect(),
            rules: crc32fast::hash(rules.as_bytes()),
            began: machine_now(),
            seed: fastrand::u64(..),
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
        let text = "it was begun with other ticks, lots or limits";
        (self.rules != other.rules).then(|| text.to_owned())
    }
}

/// The file of a venue.
#[derive(Debug)]
pub(crate) struct Log {
    path: PathBuf,
    /// At the end, for what comes.
    file: File,
    /// For what was; gone once all was read.
    past: Option<BufReader<File>>,
    /// Bytes of whole frames.
    length: u64,
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
        let (file, past) = open_files(folder, &path).map_err(|error| system(&path, error))?;
        let past = Some(BufReader::new(past));
        let mut log = Self { path, file, past, length: 0, buffer: Vec::new() };
        let wanted = Head::new(config);
        if let Some(found) = log.frame::<Head>()? {
            return match found.difference(&wanted) {
                None => Ok((log, found)),
                Some(problem) => {
                    Err(ExchangeError::invalid(&log.path.display().to_string(), problem))
                }
            };
        }
        log.append(&wanted)?;
        Ok((log, wanted))
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

    /// The error of a state that comes out otherwise than it was.
    pub(crate) fn other_program(&self) -> ExchangeError {
        self.wrong(
            "what was done then comes out otherwise now: another version wrote it".to_owned(),
        )
    }

    fn append(&mut self, what: &impl Serialize) -> Result<()> {
        self.buffer.clear();
        self.buffer.extend_from_slice(&[0; FRAME_HEAD]);
        rmp_serde::encode::write(&mut self.buffer, what)
            .map_err(|error| system(&self.path, io::Error::other(error)))?;
        let (head, payload) = self.buffer.split_at_mut(FRAME_HEAD);
        let length = u32::try_from(payload.len()).unwrap_or(u32::MAX);
        head[..4].copy_from_slice(&length.to_le_bytes());
        head[4..].copy_from_slice(&crc32fast::hash(payload).to_le_bytes());
        if let Err(error) = self.file.write_all(&self.buffer) {
            // A part of it may be there, and would be in the way of the next one.
            let cut = self.file.set_len(self.length);
            return Err(system(&self.path, cut.err().unwrap_or(error)));
        }
        self.length += self.buffer.len() as u64;
        Ok(())
    }

    fn frame<T: DeserializeOwned>(&mut self) -> Result<Option<T>> {
        let Some(past) = &mut self.past else { return Ok(None) };
        let read = next_payload(past, &mut self.buffer);
        match read.map_err(|error| system(&self.path, error))? {
            Next::Whole => {}
            Next::Torn => {
                self.past = None;
                self.file.set_len(self.length).map_err(|error| system(&self.path, error))?;
                return Ok(None);
            }
            Next::Damaged => return Err(self.wrong("its checksum is wrong".to_owned())),
        }
        let found = rmp_serde::from_slice(&self.buffer);
        let found = found.map_err(|error| self.wrong(format!("it cannot be read: {error}")))?;
        self.length += (FRAME_HEAD + self.buffer.len()) as u64;
        Ok(Some(found))
    }

    fn wrong(&self, problem: String) -> ExchangeError {
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
fn next_payload(from: &mut BufReader<File>, payload: &mut Vec<u8>) -> io::Result<Next> {
    payload.clear();
    from.by_ref().take(FRAME_HEAD as u64).read_to_end(payload)?;
    let Ok(head) = <[u8; FRAME_HEAD]>::try_from(payload.as_slice()) else { return Ok(Next::Torn) };
    let [length, checksum] =
        [0, 4].map(|at| u32::from_le_bytes([head[at], head[at + 1], head[at + 2], head[at + 3]]));
    if length as usize > PAYLOAD_MAX {
        return Ok(Next::Damaged);
    }
    payload.clear();
    from.by_ref().take(u64::from(length)).read_to_end(payload)?;
    if payload.len() < length as usize {
        return Ok(Next::Torn);
    }
    Ok(if crc32fast::hash(payload) == checksum { Next::Whole } else { Next::Damaged })
}

/// The file to append to, locked, and the same to read from. Both hold secrets of accounts.
fn open_files(folder: &Path, path: &Path) -> io::Result<(File, File)> {
    DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    let file = OpenOptions::new().append(true).create(true).mode(0o600).open(path)?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            let text = "another exchange keeps its state there";
            return Err(io::Error::new(io::ErrorKind::ResourceBusy, text));
        }
        Err(TryLockError::Error(error)) => return Err(error),
    }
    Ok((file, File::open(path)?))
}

fn system(path: &Path, source: io::Error) -> ExchangeError {
    ExchangeError::System { doing: format!("keeping the state in {}", path.display()), source }
}
