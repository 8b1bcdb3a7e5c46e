//! A core for the hot thread alone.
//!
//! A thread keeps to the cores that its maker had, so a trader first leaves its core, makes all the
//! threads that it needs, and then takes it. Other processes are kept off by the operator.

use std::io;

use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

/// Keeps this thread, and those that it makes from now on, off a core if there is another.
///
/// # Errors
/// There is no such core, or this process may not use it.
pub fn leave(core: usize) -> io::Result<()> {
    let mut cores = allowed(core)?;
    if cores.count() > 1 {
        cores.unset(core);
    }
    Ok(sched_setaffinity(None, &cores)?)
}

/// Keeps this thread on a core.
///
/// # Errors
/// As [`leave`].
pub fn take(core: usize) -> io::Result<()> {
    let mut cores = CpuSet::new();
    if core >= CpuSet::MAX_CPU {
        return Err(none(core));
    }
    cores.set(core);
    sched_setaffinity(None, &cores).map_err(|_| none(core))
}

/// The cores that this thread may run on, which must be more than none without this one.
fn allowed(core: usize) -> io::Result<CpuSet> {
    let cores = sched_getaffinity(None)?;
    if core < CpuSet::MAX_CPU && cores.is_set(core) { Ok(cores) } else { Err(none(core)) }
}

fn none(core: usize) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, format!("core {core} is none of this process's"))
}

#[cfg(test)]
mod tests {
    use rustix::thread::sched_getaffinity;

    use super::{leave, take};

    /// Cores of a new thread.
    fn inherited() -> Vec<usize> {
        let cores = std::thread::spawn(|| sched_getaffinity(None).unwrap()).join().unwrap();
        (0..1024).filter(|core| cores.is_set(*core)).collect()
    }

    #[test]
    fn threads_made_in_between_keep_off_the_core() {
        // On a thread of its own: others of this process run other tests.
        let test = || {
            let all = inherited();
            let core = *all.last().unwrap();
            leave(core).unwrap();
            let others: Vec<_> = all.iter().copied().filter(|one| *one != core).collect();
            assert_eq!(inherited(), if others.is_empty() { all } else { others });
            take(core).unwrap();
            assert_eq!(inherited(), [core]);
        };
        std::thread::spawn(test).join().unwrap();
    }

    #[test]
    fn a_core_that_is_not_there_is_named() {
        for core in [1023, 1 << 20] {
            for error in [leave(core).unwrap_err(), take(core).unwrap_err()] {
                assert!(error.to_string().contains(&format!("core {core} is none")), "{error}");
            }
        }
    }
}
