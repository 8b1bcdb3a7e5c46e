//! The operator's way to a running trader: a socket in the journal's folder, a line of JSON to ask
//! and a line to answer.

use std::fs::{File, Metadata, TryLockError};
use std::io::{self, BufRead as _, BufReader, Write as _};
use std::net::Shutdown;
use std::os::fd::OwnedFd;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::thread::{JoinHandle, Thread};
use std::time::Duration;

/// Name of the socket in the journal's folder.
pub const SOCKET: &str = "control";
/// How long a caller may take for its line.
const PATIENCE: Duration = Duration::from_secs(2);
/// How long the trader may take for its answer.
const ANSWER_PATIENCE: Duration = Duration::from_secs(10);
/// How long nobody is let in after one could not be.
const PAUSE: Duration = Duration::from_millis(20);
const LINE_BYTES_MAX: u64 = 64 << 10;

/// A question of an operator.
#[derive(Debug)]
pub struct Asked {
    /// The line.
    pub line: String,
    answer: mpsc::Sender<String>,
}

impl Asked {
    /// Answers it.
    pub fn answer(self, line: String) {
        // Whoever asked may be gone.
        let _ = self.answer.send(line);
    }
}

/// Makes sure that one trader alone keeps a journal in a folder, whatever the names of both. It does
/// as long as the file is open; `None` if another one does already.
///
/// # Errors
/// The folder cannot be opened.
pub fn alone_in(folder: &Path) -> io::Result<Option<File>> {
    let file = File::open(folder)?;
    match file.try_lock() {
        Ok(()) => Ok(Some(file)),
        Err(TryLockError::WouldBlock) => Ok(None),
        Err(TryLockError::Error(error)) => Err(error),
    }
}

/// Takes questions until it is dropped.
#[derive(Debug)]
pub struct Control {
    path: PathBuf,
    /// Which file the socket is: another one may come to stand there.
    file: (u64, u64),
    /// The end of the socket on which the thread waits.
    listener: OwnedFd,
    asked: mpsc::Receiver<Asked>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Control {
    /// Listens in a folder that belongs to this trader alone: a socket that is there already is one
    /// that a crash left behind. The calling thread is woken by questions.
    ///
    /// # Errors
    /// The socket cannot be made.
    pub fn listen(folder: &Path) -> io::Result<Self> {
        let path = folder.join(SOCKET);
        match std::fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let listener = UnixListener::bind(&path)?;
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600))?;
        let file = file_of(&std::fs::symlink_metadata(&path)?);
        let waits_on = OwnedFd::from(listener.try_clone()?);
        let (tell, asked) = mpsc::channel();
        let stop = Arc::new(AtomicBool::new(false));
        let (until, wake) = (Arc::clone(&stop), std::thread::current());
        let thread = std::thread::Builder::new()
            .name("rustonite-control".to_owned())
            .spawn(move || serve(&listener, &tell, &wake, &until))?;
        Ok(Self { path, file, listener: waits_on, asked, stop, thread: Some(thread) })
    }

    /// The next question, if there is one.
    pub fn poll(&self) -> Option<Asked> {
        self.asked.try_recv().ok()
    }
}

impl Drop for Control {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        // Wakes the thread from its wait for callers: by its own end, for whoever removed the file or
        // put another one there, and by a call where that wakes nobody.
        if let Ok(listener) = self.listener.try_clone() {
            drop(UnixStream::from(listener).shutdown(Shutdown::Both));
        }
        drop(UnixStream::connect(&self.path));
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
        let found = std::fs::symlink_metadata(&self.path);
        if found.is_ok_and(|found| file_of(&found) == self.file) {
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

fn file_of(found: &Metadata) -> (u64, u64) {
    (found.dev(), found.ino())
}

fn serve(listener: &UnixListener, tell: &mpsc::Sender<Asked>, wake: &Thread, stop: &AtomicBool) {
    for caller in listener.incoming() {
        if stop.load(Ordering::Relaxed) {
            return;
        }
        match caller {
            // One caller at a time; one that hangs up is no trouble of ours.
            Ok(caller) => drop(talk(&caller, tell, wake, stop)),
            // Too many open files, for one: it may pass.
            Err(_) => std::thread::sleep(PAUSE),
        }
    }
}

fn talk(
    caller: &UnixStream,
    tell: &mpsc::Sender<Asked>,
    wake: &Thread,
    stop: &AtomicBool,
) -> io::Result<()> {
    caller.set_read_timeout(Some(PATIENCE))?;
    caller.set_write_timeout(Some(PATIENCE))?;
    let mut line = String::new();
    BufReader::new(io::Read::take(caller, LINE_BYTES_MAX)).read_line(&mut line)?;
    let (answer, answered) = mpsc::channel();
    let gone = || io::Error::from(io::ErrorKind::BrokenPipe);
    tell.send(Asked { line, answer }).map_err(|_| gone())?;
    wake.unpark();
    let mut left = ANSWER_PATIENCE;
    let step = Duration::from_millis(50);
    let text = loop {
        match answered.recv_timeout(step) {
            Ok(text) => break text,
            Err(mpsc::RecvTimeoutError::Timeout)
                if !left.is_zero() && !stop.load(Ordering::Relaxed) =>
            {
                left = left.saturating_sub(step);
            }
            Err(_) => return Err(gone()),
        }
    };
    let mut caller = caller;
    caller.write_all(text.as_bytes())?;
    caller.write_all(b"\n")
}

/// Asks a running trader; `None` if there is none.
///
/// # Errors
/// It does not answer.
pub fn ask(folder: &Path, line: &str) -> io::Result<Option<String>> {
    let mut socket = match UnixStream::connect(folder.join(SOCKET)) {
        Ok(socket) => socket,
        Err(error)
            if matches!(
                error.kind(),
                io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused
            ) =>
        {
            return Ok(None);
        }
        Err(error) => return Err(error),
    };
    socket.set_read_timeout(Some(ANSWER_PATIENCE + PATIENCE))?;
    socket.write_all(line.as_bytes())?;
    socket.write_all(b"\n")?;
    let mut answer = String::new();
    BufReader::new(&socket).read_line(&mut answer)?;
    if answer.is_empty() {
        return Err(io::Error::other("the trader hung up without an answer"));
    }
    Ok(Some(answer.trim_end().to_owned()))
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;
    use std::os::unix::fs::PermissionsExt as _;
    use std::os::unix::net::UnixStream;
    use std::time::Duration;

    use super::{Control, SOCKET, alone_in, ask};

    #[test]
    fn a_question_is_answered_by_whoever_trades() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(ask(folder.path(), "anybody?").unwrap(), None);
        let control = Control::listen(folder.path()).unwrap();
        let mode = std::fs::metadata(folder.path().join(SOCKET)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        let path = folder.path().to_owned();
        let caller = std::thread::spawn(move || ask(&path, "{\"do\":\"status\"}").unwrap());
        let asked = loop {
            match control.poll() {
                Some(asked) => break asked,
                None => std::thread::park_timeout(Duration::from_millis(20)),
            }
        };
        assert_eq!(asked.line, "{\"do\":\"status\"}\n");
        asked.answer("{}".to_owned());
        assert_eq!(caller.join().unwrap().as_deref(), Some("{}"));
        drop(control);
        assert_eq!(ask(folder.path(), "anybody?").unwrap(), None);
    }

    #[test]
    fn an_end_waits_for_nobody_and_leaves_what_is_anothers() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(SOCKET);
        let control = Control::listen(folder.path()).unwrap();
        std::fs::remove_file(&path).unwrap();
        drop(control);
        let control = Control::listen(folder.path()).unwrap();
        let other = Control::listen(folder.path()).unwrap();
        drop(control);
        assert!(path.exists(), "the other one still listens there");
        drop(other);
        assert!(!path.exists());
    }

    #[test]
    fn a_folder_is_one_traders() {
        let folder = tempfile::tempdir().unwrap();
        let alone = alone_in(folder.path()).unwrap();
        assert!(alone.is_some() && alone_in(folder.path()).unwrap().is_none());
        drop(alone);
        assert!(alone_in(folder.path()).unwrap().is_some());
    }

    #[test]
    fn what_a_crash_left_behind_is_in_nobodys_way() {
        let folder = tempfile::tempdir().unwrap();
        drop(std::os::unix::net::UnixListener::bind(folder.path().join(SOCKET)).unwrap());
        let control = Control::listen(folder.path()).unwrap();
        // A caller that says nothing and hangs up.
        drop(UnixStream::connect(folder.path().join(SOCKET)).unwrap());
        let mut half = UnixStream::connect(folder.path().join(SOCKET)).unwrap();
        half.write_all(b"{").unwrap();
        drop(half);
        drop(control);
    }
}
