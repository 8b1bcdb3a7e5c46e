//! Memory-mapped files: the only way to shared memory in this project.
//!
//! A [`Map`] owns one mapping of a whole file. It hands out atomics for the words that change and
//! raw pointers for the rest; who may read or write which bytes when is the business of the caller
//! and is argued at each `unsafe` block there.
#![allow(unsafe_code)]

use std::fs::File;
use std::io;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU32, AtomicU64};

use rustix::fs::{FallocateFlags, fallocate};
use rustix::mm::{Advice, MapFlags, MsyncFlags, ProtFlags, madvise, mmap, msync, munmap};

use crate::error::{Result, TapeError, While};

/// Size of a page; the unit of header areas and of holes.
pub(crate) const PAGE: usize = 4096;

/// A mapping of a whole file, unmapped on drop. Unlinking the file leaves it valid.
#[derive(Debug)]
pub(crate) struct Map {
    start: NonNull<u8>,
    len: usize,
    file: File,
}

// SAFETY: the mapping belongs to this value alone and is valid on every thread; all access to bytes
// that change goes through atomics or is argued at the block that makes it.
unsafe impl Send for Map {}
// SAFETY: as above; `&Map` only gives atomics and raw pointers.
unsafe impl Sync for Map {}

impl Map {
    /// Creates a file of `len` bytes with all its blocks allocated, so that a full disk is an error
    /// here and not a SIGBUS at some later store. The file is readable by its owner only.
    pub(crate) fn create(path: &Path, len: usize) -> Result<Self> {
        let mut options = File::options();
        options.read(true).write(true).create(true).truncate(true).mode(0o600);
        let file = options.open(path).doing(path, "creating")?;
        let size = u64::try_from(len).unwrap_or(u64::MAX);
        let allocated = retry(|| fallocate(&file, FallocateFlags::empty(), 0, size));
        if let Err(error) = allocated.doing(path, "allocating its space") {
            let _ = std::fs::remove_file(path);
            return Err(error);
        }
        Self::over(path, file, len, ProtFlags::READ | ProtFlags::WRITE)
    }

    /// Maps an existing file for a writer.
    pub(crate) fn open_writable(path: &Path) -> Result<Self> {
        let file = File::options().read(true).write(true).open(path).doing(path, "opening")?;
        Self::whole(path, file, ProtFlags::READ | ProtFlags::WRITE)
    }

    /// Maps an existing file for reading.
    pub(crate) fn open(path: &Path) -> Result<Self> {
        let file = File::open(path).doing(path, "opening")?;
        Self::whole(path, file, ProtFlags::READ)
    }

    fn whole(path: &Path, file: File, access: ProtFlags) -> Result<Self> {
        let facts = file.metadata().doing(path, "reading its size")?;
        let len = usize::try_from(facts.len()).unwrap_or(usize::MAX);
        if !facts.is_file() || len < PAGE {
            let expected = format!("a file of at least {PAGE} bytes");
            return Err(TapeError::corrupt(path, "size", len, expected));
        }
        Self::over(path, file, len, access)
    }

    fn over(path: &Path, file: File, len: usize, access: ProtFlags) -> Result<Self> {
        // SAFETY: a fresh shared mapping at an address the kernel chooses aliases no Rust object.
        let start = unsafe { mmap(std::ptr::null_mut(), len, access, MapFlags::SHARED, &file, 0) };
        let start = start.doing(path, "mapping")?;
        let start = NonNull::new(start.cast::<u8>())
            .ok_or_else(|| TapeError::corrupt(path, "mapping", "address 0", "an address"))?;
        Ok(Self { start, len, file })
    }

    /// Touches every page, so that later stores do not fault, in huge pages where the file system
    /// allows them. A kernel that cannot is no error.
    pub(crate) fn populate(&self) {
        let start = self.start.as_ptr().cast();
        // SAFETY: neither advice changes a byte of the mapping.
        unsafe {
            let _ = madvise(start, self.len, Advice::LinuxHugepage);
            let _ = madvise(start, self.len, Advice::LinuxPopulateWrite);
        }
    }

    /// Length in bytes.
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// Address of the byte at `offset`.
    ///
    /// # Panics
    /// If `offset` is past the end: layouts are checked against the length before use.
    pub(crate) fn at(&self, offset: usize) -> NonNull<u8> {
        assert!(offset <= self.len, "offset {offset} in a mapping of {}", self.len);
        // SAFETY: within the mapping, or one past its end.
        unsafe { self.start.add(offset) }
    }

    /// Bytes that nobody changes any more.
    ///
    /// # Safety
    /// No byte of the range may be written while the slice lives, by any process.
    pub(crate) unsafe fn frozen(&self, offset: usize, len: usize) -> &[u8] {
        assert!(offset.checked_add(len).is_some_and(|end| end <= self.len));
        // SAFETY: inside the mapping by the assertion; unchanging by the caller's promise.
        unsafe { std::slice::from_raw_parts(self.at(offset).as_ptr(), len) }
    }

    /// A word shared with other processes.
    pub(crate) fn atomic_u64(&self, offset: usize) -> &AtomicU64 {
        assert!(offset.is_multiple_of(8) && offset + 8 <= self.len);
        // SAFETY: aligned and inside the mapping by the assertion; every access to it is atomic.
        unsafe { AtomicU64::from_ptr(self.at(offset).as_ptr().cast()) }
    }

    /// A half-word shared with other processes.
    pub(crate) fn atomic_u32(&self, offset: usize) -> &AtomicU32 {
        assert!(offset.is_multiple_of(4) && offset + 4 <= self.len);
        // SAFETY: aligned and inside the mapping by the assertion; every access to it is atomic.
        unsafe { AtomicU32::from_ptr(self.at(offset).as_ptr().cast()) }
    }

    /// Writes bytes that no reader looks at yet.
    ///
    /// # Safety
    /// The map was opened for writing, and no other thread or process reads or writes the range
    /// until this thread publishes it.
    pub(crate) unsafe fn fill(&self, offset: usize, bytes: &[u8]) {
        assert!(offset.checked_add(bytes.len()).is_some_and(|end| end <= self.len));
        // SAFETY: inside the mapping by the assertion; exclusive by the caller's promise.
        unsafe {
            self.at(offset).copy_from_nonoverlapping(NonNull::from(bytes).cast(), bytes.len());
        }
    }

    /// Gives the blocks of a range back to the file system; the range reads as zeros afterwards.
    pub(crate) fn punch(&self, offset: usize, len: usize) {
        let flags = FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE;
        // A file system without holes keeps the blocks: that costs space, not correctness.
        let _ = fallocate(&self.file, flags, offset as u64, len as u64);
    }

    /// Whether `path` names the mapped file and not another one, or none.
    pub(crate) fn is_file_at(&self, path: &Path) -> bool {
        let (Ok(mapped), Ok(named)) = (self.file.metadata(), std::fs::metadata(path)) else {
            return false;
        };
        (mapped.dev(), mapped.ino()) == (named.dev(), named.ino())
    }

    /// Waits until all bytes of the file are on stable storage.
    pub(crate) fn sync(&self) -> io::Result<()> {
        retry(|| rustix::fs::fdatasync(&self.file)).map_err(Into::into)
    }

    /// Waits until the header page is on stable storage.
    pub(crate) fn sync_header(&self) -> io::Result<()> {
        // SAFETY: msync reads the mapping and changes no byte of it.
        unsafe { msync(self.start.as_ptr().cast(), PAGE, MsyncFlags::SYNC) }.map_err(Into::into)
    }
}

impl Drop for Map {
    fn drop(&mut self) {
        // SAFETY: the mapping is ours and nothing borrowed from it outlives `self`.
        let unmapped = unsafe { munmap(self.start.as_ptr().cast(), self.len) };
        debug_assert!(unmapped.is_ok(), "a mapping we made can be unmapped");
    }
}

fn retry<T>(mut call: impl FnMut() -> rustix::io::Result<T>) -> rustix::io::Result<T> {
    loop {
        match call() {
            Err(rustix::io::Errno::INTR) => {}
            other => return other,
        }
    }
}
