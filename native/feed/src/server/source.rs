//! Where the messages come from that a server sends.

use std::collections::HashMap;
use std::io::Read as _;
use std::path::Path;
use std::sync::mpsc::{Receiver, SyncSender, TryRecvError, sync_channel};
use std::task::Poll;

use arrow_array::cast::AsArray as _;
use rustonite_core::datasets::FrameKind;
use rustonite_tape::{Batch, Polled, Reader, Start};

use crate::error::{FeedError, Result};

/// A message of a venue, or an answer of its REST interface.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Recorded {
    /// When it was received, in nanoseconds since 1970: sets the pace.
    pub ts_recv: i64,
    /// Its bytes.
    pub data: Vec<u8>,
    /// Path and query of the call, for an answer of REST.
    pub path: Option<String>,
}

/// What a source is asked to do that a recording cannot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Disturbance {
    /// Say that nothing has changed.
    KeepAlive,
    /// Begin to count anew.
    Restart,
    /// Remove a level that was never announced.
    DeleteUnknown,
    /// Leave out so many trades, as if the venue had lost them.
    SkipTrades(i64),
}

/// Messages in order. Any iterator is one.
pub trait Source: Send {
    /// The next message; `None` at the end, pending if it is not there so far.
    fn poll_message(&mut self) -> Poll<Option<Recorded>>;

    /// Does something out of the ordinary, where it is made up.
    fn disturb(&mut self, _symbol: &str, _what: Disturbance) {}

    /// Whether this makes its messages up.
    fn is_made(&self) -> bool {
        false
    }

    /// How far the venue's clock is ahead of ours, in nanoseconds.
    fn clock_ahead_ns(&self) -> i64 {
        0
    }

    /// Instruments that this has, where it knows.
    fn symbols(&self) -> Vec<String> {
        Vec::new()
    }
}

impl<I: Iterator<Item = Recorded> + Send> Source for I {
    fn poll_message(&mut self) -> Poll<Option<Recorded>> {
        Poll::Ready(self.next())
    }
}

/// Puts messages into a source, from another thread.
#[derive(Clone, Debug)]
pub struct Feeder(SyncSender<Recorded>);

impl Feeder {
    /// Puts a message in, once there is room. False if the server has ended.
    pub fn put(&self, message: Recorded) -> bool {
        self.0.send(message).is_ok()
    }
}

/// Messages that another thread brings.
struct Fed(Receiver<Recorded>);

/// A source that is fed until all feeders are dropped. So many messages may wait in it.
pub fn fed(most: usize) -> (Feeder, impl Source) {
    let (sender, receiver) = sync_channel(most);
    (Feeder(sender), Fed(receiver))
}

impl Source for Fed {
    fn poll_message(&mut self) -> Poll<Option<Recorded>> {
        match self.0.try_recv() {
            Ok(message) => Poll::Ready(Some(message)),
            Err(TryRecvError::Empty) => Poll::Pending,
            Err(TryRecvError::Disconnected) => Poll::Ready(None),
        }
    }
}

/// Lines of hftbacktest's collector: nanoseconds, a space, the message. Answers of REST stand among
/// them without a wrapper; `book_path` is how they were asked for. Unpacked if the name ends with
/// `.gz`.
///
/// # Errors
/// A file that cannot be read, or is not of this form.
pub fn collected(file: &Path, book_path: &str) -> Result<std::vec::IntoIter<Recorded>> {
    let failed =
        |source| FeedError::System { doing: format!("reading {}", file.display()), source };
    let packed = std::fs::read(file).map_err(failed)?;
    let mut all = Vec::new();
    if file.extension().is_some_and(|end| end == "gz") {
        flate2::read::MultiGzDecoder::new(&packed[..]).read_to_end(&mut all).map_err(failed)?;
    } else {
        all = packed;
    }
    let lines = all.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
    let read = |(number, line): (usize, &[u8])| {
        line_of(line, book_path).ok_or_else(|| {
            let place = format!("{}:{}", file.display(), number + 1);
            FeedError::config(place, "expected nanoseconds, a space and a message")
        })
    };
    let messages: Result<Vec<_>> = lines.enumerate().map(read).collect();
    Ok(messages?.into_iter())
}

fn line_of(line: &[u8], book_path: &str) -> Option<Recorded> {
    let space = line.iter().position(|byte| *byte == b' ')?;
    let ts_recv = std::str::from_utf8(&line[..space]).ok()?.parse().ok()?;
    let data = line[space + 1..].to_vec();
    let path = data.starts_with(br#"{"lastUpdateId""#).then(|| book_path.to_owned());
    Some(Recorded { ts_recv, data, path })
}

/// What one connection received, or what all of them did, from a tape of `frames`. Answers of REST
/// come with the path of the request before them.
pub struct FramesTape {
    reader: Reader,
    connection: Option<i64>,
    columns: Columns,
    batch: Option<(Batch, usize)>,
    rows: FrameRows,
}

#[derive(Clone, Copy)]
struct Columns {
    ts_recv: usize,
    connection: usize,
    kind: usize,
    status: usize,
    data: usize,
}

impl FramesTape {
    /// Opens a tape.
    ///
    /// # Errors
    /// No tape, or not one of `frames`.
    pub fn open(folder: &Path, connection: Option<i64>) -> Result<Self> {
        let reader = Reader::open(folder, Start::First, false)?;
        let column = |name: &str| {
            reader.schema().index_of(name).ok_or_else(|| {
                let place = folder.display().to_string();
                FeedError::config(place, format!("no column {name:?}, expected a tape of frames"))
            })
        };
        let columns = Columns {
            ts_recv: column("ts_recv")?,
            connection: column("connection")?,
            kind: column("kind")?,
            status: column("status")?,
            data: column("data")?,
        };
        Ok(Self { reader, connection, columns, batch: None, rows: FrameRows::default() })
    }

    /// A row, if it was received and is of use to a client.
    fn row(&mut self, batch: &Batch, row: usize) -> Option<Recorded> {
        let columns = self.columns;
        let connection = batch.values::<i64>(columns.connection)?[row];
        let ts_recv = batch.values::<i64>(columns.ts_recv)?[row];
        let kind = batch.values::<i8>(columns.kind)?[row];
        let kind = FrameKind::parse(batch.text(columns.kind, kind.into())?)?;
        let status = batch.values::<i32>(columns.status)?[row];
        let message = Recorded { ts_recv, data: bytes_of(batch, columns.data, row)?, path: None };
        let is_answer = kind == FrameKind::HttpResponse || kind == FrameKind::HttpRequest;
        let wanted = is_answer || self.connection.is_none_or(|wanted| wanted == connection);
        self.rows.take(connection, kind, status, message).filter(|_| wanted)
    }
}

/// Makes messages of rows of `frames`.
#[derive(Debug, Default)]
pub struct FrameRows {
    /// Paths of calls that are not answered so far, by connection.
    calls: HashMap<i64, String>,
}

impl FrameRows {
    /// The message of a row, if it was received and is of use to a client. Rows come in the order in
    /// which they were recorded.
    pub fn take(
        &mut self,
        connection: i64,
        kind: FrameKind,
        status: i32,
        message: Recorded,
    ) -> Option<Recorded> {
        match kind {
            FrameKind::Text | FrameKind::Binary => Some(message),
            FrameKind::HttpRequest => {
                // A body is behind the path.
                let path = String::from_utf8(message.data).ok()?.lines().next()?.to_owned();
                self.calls.insert(connection, path);
                None
            }
            FrameKind::HttpResponse => {
                let path = self.calls.remove(&connection);
                let is_good = (200..300).contains(&status);
                path.filter(|_| is_good).map(|path| Recorded { path: Some(path), ..message })
            }
            _ => None,
        }
    }
}

/// A cell of a column of bytes.
fn bytes_of(batch: &Batch, column: usize, row: usize) -> Option<Vec<u8>> {
    Some(batch.array(column).as_binary_opt::<i32>()?.value(row).to_vec())
}

impl Iterator for FramesTape {
    type Item = Recorded;

    fn next(&mut self) -> Option<Recorded> {
        loop {
            let (batch, row) = match self.batch.take() {
                Some((batch, row)) if row < batch.len() => (batch, row),
                _ => match self.reader.poll(4096).ok()? {
                    Polled::Rows(batch) => (batch, 0),
                    Polled::Gap(_) => continue,
                    Polled::Empty => return None,
                },
            };
            let found = self.row(&batch, row);
            self.batch = Some((batch, row + 1));
            if found.is_some() {
                return found;
            }
        }
    }
}
