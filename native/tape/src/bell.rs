//! The file that readers sleep on: [`crate::publish::Bell`] over shared memory and the futex.

use std::path::Path;
use std::sync::atomic::AtomicU32;
use std::time::Duration;

use rustix::thread::futex;

use crate::error::Result;
use crate::folder::BELL;
use crate::map::{Map, PAGE};
use crate::publish::Bell;

const TICKET: usize = 0;
const ASLEEP: usize = 128;

/// A mapped bell file.
#[derive(Debug)]
pub(crate) struct BellFile(Map);

impl BellFile {
    pub(crate) fn create(folder: &Path) -> Result<Self> {
        Map::create(&folder.join(BELL), PAGE).map(Self)
    }

    /// Maps the bell of an existing tape. Readers need write access to it, for one word only.
    pub(crate) fn open(folder: &Path) -> Result<Self> {
        Map::open_writable(&folder.join(BELL)).map(Self)
    }

    fn bell(&self) -> Bell<'_> {
        Bell { ticket: self.0.atomic_u32(TICKET), asleep: self.0.atomic_u32(ASLEEP) }
    }

    /// Wakes sleeping readers, if there are any. A fence and a load otherwise.
    #[inline]
    pub(crate) fn ring(&self) {
        self.bell().ring(wake_all);
    }

    /// Announces sleep; see [`Bell::prepare`].
    pub(crate) fn prepare(&self) -> u32 {
        self.bell().prepare()
    }

    /// Sleeps until the bell rings, but not if it rang after `ticket` was drawn, and at most
    /// `timeout`. May wake early.
    pub(crate) fn sleep(&self, ticket: u32, timeout: Duration) {
        let timeout = futex::Timespec {
            tv_sec: i64::try_from(timeout.as_secs()).unwrap_or(i64::MAX),
            tv_nsec: i64::from(timeout.subsec_nanos()),
        };
        // Every way to return (woken, ticket changed, signal, time over) means: look again.
        let _ = futex::wait(self.bell().ticket, futex::Flags::empty(), ticket, Some(&timeout));
    }
}

#[cold]
fn wake_all(ticket: &AtomicU32) {
    let _ = futex::wake(ticket, futex::Flags::empty(), u32::MAX >> 1);
}
