//! Connections to venues, on a thread of their own: texts go out, texts come in.

use std::io;
use std::sync::mpsc;
use std::thread::{JoinHandle, Thread};
use std::time::{Duration, Instant};

use futures_util::SinkExt as _;
use rustonite_feed::{Dialler, Stream, now_ns};
use tokio::sync::mpsc as channel;
use tokio::time::{interval, sleep, timeout};
use url::Url;
use yawc::frame::OpCode;
use yawc::{Frame, WebSocket};

const PAUSE_MIN: Duration = Duration::from_millis(100);
const PAUSE_MAX: Duration = Duration::from_secs(30);
/// A connection that lived so long was a good one.
const GOOD_LIFE: Duration = Duration::from_mins(1);
const PING_EVERY: Duration = Duration::from_secs(15);
/// Without a word from the venue, not even the answer to a ping, the line is dead.
const SILENCE_MAX: Duration = Duration::from_secs(40);
const CLOSE_PATIENCE: Duration = Duration::from_secs(2);

/// What a connection brings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Arrived {
    /// It is open.
    Open,
    /// A message, and when its last packet came.
    Text(Vec<u8>, i64),
    /// It is not open any more, or could not be opened. It will be tried again.
    Closed(String),
}

/// One connection that is opened again whenever it ends.
#[derive(Debug)]
pub struct Line {
    out: channel::UnboundedSender<String>,
    arrived: mpsc::Receiver<Arrived>,
}

impl Line {
    /// Sends a text. What is sent while the line is down goes nowhere.
    pub fn send(&self, text: String) {
        let _ = self.out.send(text);
    }

    /// The next thing that arrived, if there is one.
    pub fn poll(&self) -> Option<Arrived> {
        self.arrived.try_recv().ok()
    }
}

/// The thread of all connections. Dropping it closes them.
#[derive(Debug)]
pub struct Lines {
    open: channel::UnboundedSender<Asked>,
    thread: Option<JoinHandle<()>>,
}

struct Asked {
    url: Url,
    dialler: Dialler,
    out: channel::UnboundedReceiver<String>,
    bring: Bring,
}

/// Hands over what arrives, and wakes whoever waits for it.
struct Bring {
    arrived: mpsc::Sender<Arrived>,
    wake: Thread,
}

impl Bring {
    fn tell(&self, what: Arrived) {
        let _ = self.arrived.send(what);
        self.wake.unpark();
    }
}

impl Lines {
    /// Starts the thread.
    ///
    /// # Errors
    /// The system gives no thread or no runtime.
    pub fn start() -> io::Result<Self> {
        let (open, asked) = channel::unbounded_channel();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let thread = std::thread::Builder::new()
            .name("rustonite-lines".to_owned())
            .spawn(move || runtime.block_on(serve(asked)))?;
        Ok(Self { open, thread: Some(thread) })
    }

    /// Opens a line. The thread that calls this is the one that is woken when something arrives.
    pub fn open(&self, url: Url, dialler: Dialler) -> Line {
        let (out, to_send) = channel::unbounded_channel();
        let (tell, arrived) = mpsc::channel();
        let bring = Bring { arrived: tell, wake: std::thread::current() };
        let _ = self.open.send(Asked { url, dialler, out: to_send, bring });
        Line { out, arrived }
    }
}

impl Drop for Lines {
    fn drop(&mut self) {
        // The end of the channel is the sign to close.
        self.open = channel::unbounded_channel().0;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

async fn serve(mut asked: channel::UnboundedReceiver<Asked>) {
    let local = tokio::task::LocalSet::new();
    local
        .run_until(async {
            let mut tasks = Vec::new();
            while let Some(one) = asked.recv().await {
                tasks.push(tokio::task::spawn_local(carry(one)));
            }
            // Lines whose owners are gone say goodbye; others have nobody to tell.
            for task in tasks {
                let _ = timeout(CLOSE_PATIENCE, task).await;
            }
        })
        .await;
}

/// Keeps one connection open until nobody sends on it any more.
async fn carry(mut asked: Asked) {
    let mut pause = PAUSE_MIN;
    loop {
        let began = Instant::now();
        let why = match asked.dialler.web_socket(asked.url.clone(), false).await {
            Ok((socket, stamp)) => {
                while asked.out.try_recv().is_ok() {}
                asked.bring.tell(Arrived::Open);
                match pump(socket, stamp, &mut asked).await {
                    Some(why) => why,
                    None => return,
                }
            }
            Err(error) => error.to_string(),
        };
        asked.bring.tell(Arrived::Closed(why));
        pause = if began.elapsed() > GOOD_LIFE { PAUSE_MIN } else { (pause * 2).min(PAUSE_MAX) };
        let spread = pause.mul_f64(0.5 + fastrand::f64());
        tokio::select! {
            () = sleep(spread) => {}
            () = abandoned(&mut asked.out) => return,
        }
    }
}

/// Comes back once nobody can send any more.
async fn abandoned(out: &mut channel::UnboundedReceiver<String>) {
    while out.recv().await.is_some() {}
}

/// Carries texts until the connection ends; `None` if nobody sends on it any more.
async fn pump(
    mut socket: WebSocket<Box<dyn Stream>>,
    stamp: rustonite_feed::Stamp,
    asked: &mut Asked,
) -> Option<String> {
    let mut last_word = Instant::now();
    let mut pings = interval(PING_EVERY);
    loop {
        tokio::select! {
            biased;
            text = asked.out.recv() => {
                let Some(text) = text else {
                    let close = Frame::close(yawc::close::CloseCode::Normal, b"");
                    let _ = timeout(CLOSE_PATIENCE, socket.send(close)).await;
                    return None;
                };
                if let Err(error) = socket.send(Frame::text(text)).await {
                    return Some(error.to_string());
                }
            }
            frame = socket.next_frame() => match frame {
                Ok(frame) => {
                    last_word = Instant::now();
                    match frame.opcode() {
                        OpCode::Text | OpCode::Binary => {
                            let at = stamp.get().unwrap_or_else(now_ns);
                            asked.bring.tell(Arrived::Text(frame.payload().to_vec(), at));
                        }
                        OpCode::Close => return Some("the venue closed it".to_owned()),
                        _ => {}
                    }
                }
                Err(error) => return Some(error.to_string()),
            },
            _ = pings.tick() => {
                if last_word.elapsed() > SILENCE_MAX {
                    return Some("nothing was heard any more".to_owned());
                }
                if let Err(error) = socket.send(Frame::ping(Vec::new())).await {
                    return Some(error.to_string());
                }
            }
        }
    }
}
