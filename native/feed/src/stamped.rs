//! A TCP connection whose packets are stamped by the kernel when they come.

use std::io::{self, IoSliceMut};
use std::os::fd::{AsFd as _, AsRawFd as _};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::task::{Context, Poll, ready};

use nix::sys::socket::{ControlMessageOwned, MsgFlags, recvmsg, setsockopt, sockopt};
use nix::sys::time::TimeSpec;
use tokio::io::{AsyncRead, AsyncWrite, Interest, ReadBuf};
use tokio::net::TcpStream;

/// When the packet that was read last came, in nanoseconds since 1970; 0 if the kernel does not say.
#[derive(Clone, Debug, Default)]
pub struct Stamp(Arc<AtomicI64>);

impl Stamp {
    /// That moment.
    pub fn get(&self) -> Option<i64> {
        Some(self.0.load(Ordering::Relaxed)).filter(|time| *time > 0)
    }
}

/// The connection.
#[derive(Debug)]
pub(crate) struct Stamped {
    tcp: TcpStream,
    stamp: Stamp,
}

impl Stamped {
    pub(crate) fn new(tcp: TcpStream) -> Self {
        // Where there are no stamps, the column stays empty.
        let _ = setsockopt(&tcp.as_fd(), sockopt::ReceiveTimestampns, &true);
        Self { tcp, stamp: Stamp::default() }
    }

    pub(crate) fn stamp(&self) -> Stamp {
        self.stamp.clone()
    }

    fn receive(&self, into: &mut [u8]) -> io::Result<usize> {
        let mut space = nix::cmsg_space!(TimeSpec);
        let mut slices = [IoSliceMut::new(into)];
        let flags = MsgFlags::empty();
        let received = recvmsg::<()>(self.tcp.as_raw_fd(), &mut slices, Some(&mut space), flags)?;
        for message in received.cmsgs()? {
            if let ControlMessageOwned::ScmTimestampns(time) = message {
                let seconds = time.tv_sec().saturating_mul(1_000_000_000);
                self.stamp.0.store(seconds.saturating_add(time.tv_nsec()), Ordering::Relaxed);
            }
        }
        Ok(received.bytes)
    }
}

impl AsyncRead for Stamped {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if buffer.remaining() == 0 {
            return Poll::Ready(Ok(()));
        }
        loop {
            ready!(self.tcp.poll_read_ready(cx))?;
            let into = buffer.initialize_unfilled();
            match self.tcp.try_io(Interest::READABLE, || self.receive(into)) {
                Ok(count) => {
                    buffer.advance(count);
                    return Poll::Ready(Ok(()));
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Poll::Ready(Err(error)),
            }
        }
    }
}

impl AsyncWrite for Stamped {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.tcp).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.tcp).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.tcp).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests;
