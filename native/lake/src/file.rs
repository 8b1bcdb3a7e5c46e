//! Parquet files as sources of bytes: read at positions, so that threads share a handle, and
//! counted.

use std::fs::File;
use std::io::{Read, Write};
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use parquet::errors::{ParquetError, Result as ParquetResult};
use parquet::file::reader::{ChunkReader, Length};

use crate::error::{Result, While};

/// An open file.
#[derive(Clone, Debug)]
pub(crate) struct SharedFile(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    path: PathBuf,
    file: File,
    size: u64,
    id: FileId,
    read: Arc<AtomicU64>,
}

/// What no two files have in common: device, number, size, and when it was written.
pub(crate) type FileId = (u64, u64, u64, i64, i64);

impl SharedFile {
    /// Opens a file and adds the bytes that are read of it to a count.
    pub(crate) fn open_counted(path: &Path, read: Arc<AtomicU64>) -> Result<Self> {
        let file = File::open(path).doing(path, "opening the file")?;
        let facts = file.metadata().doing(path, "reading its size")?;
        if facts.is_dir() {
            let error = std::io::Error::from(std::io::ErrorKind::IsADirectory);
            return Err(error).doing(path, "opening the file");
        }
        let (path, size) = (path.to_owned(), facts.len());
        let id = (facts.dev(), facts.ino(), size, facts.mtime(), facts.mtime_nsec());
        Ok(Self(Arc::new(Inner { path, file, size, id, read })))
    }

    pub(crate) fn id(&self) -> FileId {
        self.0.id
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0.path
    }

    pub(crate) fn size(&self) -> u64 {
        self.0.size
    }

    /// CRC-32C of the first bytes.
    pub(crate) fn sum(&self, bytes: u64) -> Result<u32> {
        let mut buffer = vec![0; 1 << 20];
        let (mut start, mut sum) = (0, 0);
        while start < bytes {
            let wanted = usize::try_from(bytes - start).unwrap_or(usize::MAX).min(buffer.len());
            let read = self.read_at(&mut buffer[..wanted], start).doing(self.path(), "reading")?;
            if read == 0 {
                break;
            }
            sum = crc32c::crc32c_append(sum, &buffer[..read]);
            start += read as u64;
        }
        Ok(sum)
    }

    fn read_at(&self, buffer: &mut [u8], start: u64) -> std::io::Result<usize> {
        let read = self.0.file.read_at(buffer, start)?;
        self.0.read.fetch_add(read as u64, Ordering::Relaxed);
        Ok(read)
    }
}

impl Length for SharedFile {
    fn len(&self) -> u64 {
        self.0.size
    }
}

impl ChunkReader for SharedFile {
    type T = Reading;

    fn get_read(&self, start: u64) -> ParquetResult<Reading> {
        Ok(Reading { file: self.clone(), position: start, buffer: [0; AHEAD], used: 0, filled: 0 })
    }

    fn get_bytes(&self, start: u64, length: usize) -> ParquetResult<Bytes> {
        let end = start.checked_add(length as u64).filter(|&end| end <= self.0.size);
        if end.is_none() {
            let size = self.0.size;
            return Err(ParquetError::EOF(format!(
                "{length} bytes at {start} are asked for, but the file has {size}"
            )));
        }
        let mut buffer = vec![0; length];
        self.0.file.read_exact_at(&mut buffer, start)?;
        self.0.read.fetch_add(length as u64, Ordering::Relaxed);
        Ok(buffer.into())
    }
}

/// A file that is written, and the checksum of what was.
#[derive(Debug)]
pub(crate) struct SummedFile {
    file: File,
    sum: u32,
}

impl SummedFile {
    pub(crate) fn new(file: File) -> Self {
        Self { file, sum: 0 }
    }

    /// CRC-32C of all bytes so far.
    pub(crate) fn sum(&self) -> u32 {
        self.sum
    }
}

impl Write for SummedFile {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let written = self.file.write(bytes)?;
        self.sum = crc32c::crc32c_append(self.sum, &bytes[..written]);
        Ok(written)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.file.flush()
    }
}

/// Bytes read ahead. Only headers of pages are read this way, and they are short.
const AHEAD: usize = 256;

/// Reads on from a position.
pub(crate) struct Reading {
    file: SharedFile,
    position: u64,
    buffer: [u8; AHEAD],
    used: usize,
    filled: usize,
}

impl Read for Reading {
    fn read(&mut self, out: &mut [u8]) -> std::io::Result<usize> {
        if self.used == self.filled {
            self.filled = self.file.read_at(&mut self.buffer, self.position)?;
            self.position += self.filled as u64;
            self.used = 0;
        }
        let count = out.len().min(self.filled - self.used);
        out[..count].copy_from_slice(&self.buffer[self.used..self.used + count]);
        self.used += count;
        Ok(count)
    }
}
