//! One WebSocket connection of a client.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::SinkExt as _;
use tokio::sync::mpsc;
use tokio::time::{MissedTickBehavior, interval};
use yawc::close::CloseCode;
use yawc::frame::OpCode;
use yawc::{Frame, HttpStream, WebSocket};

use crate::Shared;

const PING_EVERY: Duration = Duration::from_secs(20);
/// Messages that may wait for a client; one that reads slower is cut off.
const QUEUE_MAX: usize = 200_000;
/// Messages that are sent before the line is flushed.
const BATCH: usize = 256;

/// What goes to a client.
#[derive(Clone, Debug)]
pub(crate) enum Out {
    Text(Bytes),
    Binary(Bytes),
    Close(u16, String),
    /// The line breaks.
    Cut,
    /// Nothing more is said, and the line stays open.
    Silence,
    /// Nothing more waits.
    Flush,
}

impl Out {
    pub(crate) fn text(text: impl Into<Bytes>) -> Self {
        Self::Text(text.into())
    }
}

/// Ways to all clients.
#[derive(Debug, Default)]
pub(crate) struct Sockets {
    queues: BTreeMap<u64, mpsc::Sender<Out>>,
    next: u64,
    pub(crate) sent: u64,
}

impl Sockets {
    pub(crate) fn add(&mut self) -> (u64, mpsc::Receiver<Out>) {
        let (sender, receiver) = mpsc::channel(QUEUE_MAX);
        self.next += 1;
        self.queues.insert(self.next, sender);
        (self.next, receiver)
    }

    pub(crate) fn remove(&mut self, socket: u64) {
        self.queues.remove(&socket);
    }

    pub(crate) fn len(&self) -> usize {
        self.queues.len()
    }

    pub(crate) fn send(&mut self, socket: u64, out: Out) {
        let is_full = |queue: &mpsc::Sender<Out>| queue.try_send(out).is_err();
        if self.queues.get(&socket).is_some_and(is_full) {
            self.queues.remove(&socket);
        }
    }

    pub(crate) fn say_binary(&mut self, socket: u64, bytes: impl Into<Bytes>) {
        self.sent += 1;
        self.send(socket, Out::Binary(bytes.into()));
    }

    pub(crate) fn say(&mut self, socket: u64, text: impl Into<Bytes>) {
        self.sent += 1;
        self.send(socket, Out::text(text));
    }
}

impl Sockets {
    /// Says something once some time has passed.
    pub(crate) fn say_later(&mut self, socket: u64, text: String, after: Duration) {
        if after.is_zero() {
            return self.say(socket, text);
        }
        let Some(queue) = self.queues.get(&socket).cloned() else { return };
        self.sent += 1;
        tokio::task::spawn_local(async move {
            tokio::time::sleep(after).await;
            let _ = queue.send(Out::text(text)).await;
        });
    }
}

/// Speaks with a client until the end.
pub(crate) async fn run(
    shared: Arc<Shared>,
    mut socket: WebSocket<HttpStream>,
    number: u64,
    mut outbox: mpsc::Receiver<Out>,
) {
    let _ = talk(&shared, &mut socket, number, &mut outbox).await;
    shared.venue().disconnect(number);
}

async fn talk(
    shared: &Arc<Shared>,
    socket: &mut WebSocket<HttpStream>,
    number: u64,
    outbox: &mut mpsc::Receiver<Out>,
) -> yawc::Result<()> {
    let mut pings = interval(PING_EVERY);
    pings.set_missed_tick_behavior(MissedTickBehavior::Delay);
    pings.reset();
    loop {
        tokio::select! {
            () = shared.stopped() => return close(socket, 1001, "").await,
            _ = pings.tick() => socket.send(Frame::ping(Vec::new())).await?,
            out = outbox.recv() => {
                let Some(out) = out else { return Ok(()) };
                if !send(shared, socket, outbox, out).await? {
                    return Ok(());
                }
            }
            frame = socket.next_frame() => {
                let frame = frame?;
                match frame.opcode() {
                    OpCode::Text | OpCode::Binary => {
                        let text = frame.payload().clone();
                        shared.venue().receive(number, &text);
                    }
                    OpCode::Close => return Ok(()),
                    _ => {}
                }
            }
        }
    }
}

/// Sends what waits. False if this was the end.
async fn send(
    shared: &Arc<Shared>,
    socket: &mut WebSocket<HttpStream>,
    outbox: &mut mpsc::Receiver<Out>,
    first: Out,
) -> yawc::Result<bool> {
    let mut out = first;
    for _ in 0..BATCH {
        match out {
            Out::Text(text) => socket.feed(Frame::text(text)).await?,
            Out::Binary(bytes) => socket.feed(Frame::binary(bytes)).await?,
            Out::Close(code, reason) => {
                close(socket, code, &reason).await?;
                return Ok(false);
            }
            Out::Cut => return Ok(false),
            Out::Silence => {
                outbox.close();
                shared.stopped().await;
                return Ok(false);
            }
            Out::Flush => break,
        }
        out = outbox.try_recv().unwrap_or(Out::Flush);
    }
    socket.flush().await?;
    Ok(true)
}

async fn close(socket: &mut WebSocket<HttpStream>, code: u16, reason: &str) -> yawc::Result<()> {
    socket.send(Frame::close(CloseCode::from(code), reason)).await
}
