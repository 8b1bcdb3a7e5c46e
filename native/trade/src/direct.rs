//! A connection that the thread of orders writes on, too.
//!
//! A thread that sleeps is late when it is woken: after quiet moments the ninety-ninth percentile of an
//! order's way was twice as long. So a text goes to the system from the thread that made it, if nothing
//! waits before it and nobody else is at the connection; what the system does not take at once is left
//! to the connection's own thread, as is all that comes behind it.

use std::future::poll_fn;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError};
use std::task::{Context, Poll, Waker};

use futures_util::SinkExt as _;
use rustonite_feed::{Stream, now_ns};
use yawc::{Frame, Result, WebSocket, WebSocketError};

pub(crate) type Socket = WebSocket<Box<dyn Stream>>;

/// A connection, as long as it is open.
#[derive(Clone, Default)]
pub(crate) struct Shared {
    socket: Arc<Mutex<Option<Socket>>>,
    /// Texts that the thread of connections has to send, and what it sends by itself.
    waiting: Arc<AtomicUsize>,
}

/// A place before which nothing else is sent. Dropped when what had it is out.
pub(crate) struct Turn(Arc<AtomicUsize>);

impl Drop for Turn {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Release);
    }
}

/// Keeps a connection where both threads find it. Dropping it closes the connection.
pub(crate) struct Lent<'a>(&'a Shared);

impl Drop for Lent<'_> {
    fn drop(&mut self) {
        drop(self.0.take());
    }
}

/// What became of a text.
pub(crate) enum Sent {
    /// The system had its last byte then.
    Whole(i64),
    /// A part of it, and the rest was handed over then. Nothing may be sent before that.
    Begun(i64, Turn),
    /// The connection is broken.
    Broken(WebSocketError, Turn),
    /// Nothing of it was sent.
    Not(String),
}

impl Shared {
    /// Opens it.
    pub(crate) fn lend(&self, socket: Socket) -> Lent<'_> {
        *self.lock() = Some(socket);
        Lent(self)
    }

    /// Takes the connection out: nobody else sends on it any more.
    pub(crate) fn take(&self) -> Option<Socket> {
        self.lock().take()
    }

    /// A place behind all that waits.
    pub(crate) fn turn(&self) -> Turn {
        self.waiting.fetch_add(1, Ordering::Relaxed);
        Turn(Arc::clone(&self.waiting))
    }

    /// Sends a text without waiting for anything.
    pub(crate) fn send_now(&self, text: String) -> Sent {
        let mut held = match self.socket.try_lock() {
            Ok(held) => held,
            Err(TryLockError::Poisoned(held)) => held.into_inner(),
            Err(TryLockError::WouldBlock) => return Sent::Not(text),
        };
        // Looked at with the connection in hand: who takes a turn waits for it before he sends.
        let is_first = self.waiting.load(Ordering::Acquire) == 0;
        let Some(socket) = held.as_mut().filter(|_| is_first) else { return Sent::Not(text) };
        let mut context = Context::from_waker(Waker::noop());
        match socket.poll_ready_unpin(&mut context) {
            Poll::Pending => return Sent::Not(text),
            Poll::Ready(Err(error)) => return Sent::Broken(error, self.turn()),
            Poll::Ready(Ok(())) => {}
        }
        if let Err(error) = socket.start_send_unpin(Frame::text(text)) {
            return Sent::Broken(error, self.turn());
        }
        // Once it is out the answer may be there already.
        let at = now_ns();
        match socket.poll_flush_unpin(&mut context) {
            Poll::Ready(Ok(())) => Sent::Whole(at),
            Poll::Ready(Err(error)) => Sent::Broken(error, self.turn()),
            Poll::Pending => Sent::Begun(at, self.turn()),
        }
    }

    /// Sends a frame; when its last byte was handed to the system.
    pub(crate) async fn send(&self, frame: Frame) -> Result<i64> {
        let mut frame = Some(frame);
        poll_fn(|context| {
            self.with(|socket| match socket.poll_ready_unpin(context) {
                Poll::Ready(Ok(())) => {
                    Poll::Ready(frame.take().map_or(Ok(()), |frame| socket.start_send_unpin(frame)))
                }
                other => other,
            })
        })
        .await?;
        // Once it is out the answer may be there already.
        let at = now_ns();
        self.flush().await?;
        Ok(at)
    }

    /// Sends what was begun.
    pub(crate) async fn flush(&self) -> Result<()> {
        poll_fn(|context| self.with(|socket| socket.poll_flush_unpin(context))).await
    }

    /// What comes next.
    pub(crate) async fn next_frame(&self) -> Result<Frame> {
        poll_fn(|context| self.with(|socket| socket.poll_next_frame(context))).await
    }

    /// A connection that was taken out does nothing any more.
    fn with<T>(&self, poll: impl FnOnce(&mut Socket) -> Poll<T>) -> Poll<T> {
        self.lock().as_mut().map_or(Poll::Pending, poll)
    }

    fn lock(&self) -> MutexGuard<'_, Option<Socket>> {
        self.socket.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests;
