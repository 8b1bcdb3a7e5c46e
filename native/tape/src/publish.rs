//! The publish protocol: how rows become visible to readers and how sleeping readers wake.
//!
//! Owns the meaning of the live words. A word carries a row count in its low half and, in its high
//! half, a tag mixed from the count and the segment's salt, so that a damaged or foreign word is
//! recognised instead of believed. The writer stores `committed` with Release after the rows are
//! whole; readers load it with Acquire. Nothing here touches files or memory maps, which is what
//! lets loom run every interleaving of it (`tests/publish_loom.rs`).

#[cfg(feature = "loom")]
use loom::sync::atomic::{AtomicU32, AtomicU64, Ordering, fence};
#[cfg(not(feature = "loom"))]
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering, fence};

/// A live word that did not carry its tag: the bytes were damaged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DamagedWord(pub u64);

/// The word that says `rows`.
#[inline]
pub fn word(rows: u32, salt: u64) -> u64 {
    (u64::from(rows) ^ salt).wrapping_mul(0x9E37_79B9_7F4A_7C15) & 0xFFFF_FFFF_0000_0000
        | u64::from(rows)
}

/// The row count of a word.
///
/// # Errors
/// [`DamagedWord`] if the tag does not belong to the count.
#[inline]
pub fn rows(found: u64, salt: u64) -> Result<u32, DamagedWord> {
    let rows = (found & 0xFFFF_FFFF) as u32;
    if word(rows, salt) == found { Ok(rows) } else { Err(DamagedWord(found)) }
}

/// Makes everything before row `rows` visible. Only the writer calls this.
#[inline]
pub fn publish(committed: &AtomicU64, rows: u32, salt: u64) {
    committed.store(word(rows, salt), Ordering::Release);
}

/// How many rows are visible.
///
/// # Errors
/// [`DamagedWord`] if the word was not written by [`publish`].
#[inline]
pub fn visible(committed: &AtomicU64, salt: u64) -> Result<u32, DamagedWord> {
    // A Relaxed load and a fence, not an Acquire load: only the former is allowed on a mapping
    // that is read-only.
    let found = committed.load(Ordering::Relaxed);
    fence(Ordering::Acquire);
    rows(found, salt)
}

/// Final row count of a sealed segment, or `None` while it is open (the word is zero).
///
/// # Errors
/// [`DamagedWord`] if the word is neither zero nor tagged.
#[inline]
pub fn sealed(word: &AtomicU64, salt: u64) -> Result<Option<u32>, DamagedWord> {
    let found = word.load(Ordering::Relaxed);
    fence(Ordering::Acquire);
    if found == 0 { Ok(None) } else { rows(found, salt).map(Some) }
}

/// The two words readers sleep on. They live outside the segments, because a sleeping reader
/// writes one of them and segments are read-only to readers.
#[derive(Clone, Copy)]
pub struct Bell<'a> {
    /// Grows with every wake-up; what the futex compares.
    pub ticket: &'a AtomicU32,
    /// Set by a reader before it sleeps, cleared by the writer before it wakes everybody.
    pub asleep: &'a AtomicU32,
}

impl Bell<'_> {
    /// Called by the writer after publishing. Wakes readers if any may be asleep.
    ///
    /// The fence pairs with the one in [`Bell::prepare`]: either this side sees `asleep`, or the
    /// reader sees the rows published before. A reader killed in its sleep costs one wake-up.
    #[inline]
    pub fn ring(self, wake: impl FnOnce(&AtomicU32)) {
        fence(Ordering::SeqCst);
        if self.asleep.load(Ordering::Relaxed) != 0 {
            self.asleep.store(0, Ordering::Relaxed);
            self.ticket.fetch_add(1, Ordering::Release);
            wake(self.ticket);
        }
    }

    /// Called by a reader before it sleeps. After this it must look for rows once more, and sleep
    /// only while the ticket still equals the returned one.
    #[inline]
    pub fn prepare(self) -> u32 {
        let ticket = self.ticket.load(Ordering::Acquire);
        self.asleep.store(1, Ordering::Relaxed);
        fence(Ordering::SeqCst);
        ticket
    }
}
