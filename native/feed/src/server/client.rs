//! One WebSocket connection of a client.

use std::sync::Arc;
use std::time::Duration;

use futures_util::SinkExt as _;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};
use yawc::close::CloseCode;
use yawc::frame::OpCode;
use yawc::{Frame, HttpStream, WebSocket};

use super::Shared;
use super::hub::{Out, Queue};

/// A connection that is to live for ever.
const FAR: Duration = Duration::from_hours(365 * 24);

/// Speaks with a client until the end.
pub(super) async fn run(
    shared: Arc<Shared>,
    mut socket: WebSocket<HttpStream>,
    path: String,
    compressed: bool,
) {
    let (queue, outbox) = Queue::new();
    let number = shared.hub().connect(&path, compressed, queue.clone());
    let life = shared.config.lifetime.unwrap_or(FAR);
    let ends = Instant::now() + life;
    let mut client = Client { shared: Arc::clone(&shared), number, queue, outbox, ends };
    let _ = client.talk(&mut socket).await;
    shared.hub().disconnect(number);
}

struct Client {
    shared: Arc<Shared>,
    number: u64,
    queue: Queue,
    outbox: mpsc::UnboundedReceiver<Out>,
    ends: Instant,
}

impl Client {
    async fn talk(&mut self, socket: &mut WebSocket<HttpStream>) -> yawc::Result<()> {
        loop {
            tokio::select! {
                () = self.shared.stopped() => return Ok(()),
                () = sleep_until(self.ends) => return close(socket, 1000, "lifetime").await,
                out = self.outbox.recv() => {
                    let Some(out) = out else { return Ok(()) };
                    if !self.send(socket, out).await? {
                        return Ok(());
                    }
                }
                frame = socket.next_frame() => {
                    let frame = frame?;
                    match frame.opcode() {
                        OpCode::Text | OpCode::Binary => {
                            self.shared.hub().receive(self.number, frame.payload());
                        }
                        OpCode::Close => return Ok(()),
                        _ => {}
                    }
                }
            }
        }
    }

    /// Sends what waits. False if this was the end.
    async fn send(&mut self, socket: &mut WebSocket<HttpStream>, first: Out) -> yawc::Result<bool> {
        let mut next = Some(first);
        while let Some(out) = next {
            self.queue.took();
            match out {
                Out::Text(bytes) => socket.feed(Frame::text(bytes)).await?,
                Out::Binary(bytes) => socket.feed(Frame::binary(bytes)).await?,
                Out::Ping => socket.feed(Frame::ping(Vec::new())).await?,
                Out::Close(code, reason) => {
                    close(socket, code, reason).await?;
                    return Ok(false);
                }
                Out::Cut => return Ok(false),
                Out::Freeze => {
                    self.freeze().await;
                    return Ok(false);
                }
            }
            next = self.outbox.try_recv().ok();
        }
        socket.flush().await?;
        Ok(true)
    }

    /// Neither reads nor writes, and keeps the connection open.
    async fn freeze(&mut self) {
        self.shared.hub().disconnect(self.number);
        let thaw = tokio::time::sleep(self.shared.config.freeze);
        tokio::select! {
            () = thaw => {}
            () = self.shared.stopped() => {}
        }
    }
}

async fn close(socket: &mut WebSocket<HttpStream>, code: u16, reason: &str) -> yawc::Result<()> {
    socket.send(Frame::close(CloseCode::from(code), reason)).await
}
