//! Calls of a venue's REST interface over connections that stay open.

use std::cell::RefCell;
use std::io;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Instant;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::header::{HOST, USER_AGENT};
use hyper::{HeaderMap, Method, Request};
use hyper_util::rt::TokioIo;
use rustonite_exec::OrderId;
use rustonite_exec::gateway::{Call, CallError};
use rustonite_feed::{Dialler, now_ns};
use tokio::sync::mpsc as channel;
use tokio::task::AbortHandle;
use tokio::time::timeout_at;
use url::Url;

use crate::line::{Arrived, Bring, Replied};
use crate::written::Written;

const BODY_BYTES_MAX: usize = 64 << 20;

/// Beginnings of the names of headers that say something of limits.
const LIMITS: [&str; 4] = ["x-mbx-", "x-ratelimit-", "x-bapi-limit", "retry-after"];

/// A connection, and when bytes left on it last.
struct Sender {
    requests: SendRequest<Full<Bytes>>,
    written: Arc<AtomicI64>,
    connection: AbortHandle,
}

impl Drop for Sender {
    /// What of a call that was given up has not left so far does not leave later.
    fn drop(&mut self) {
        self.connection.abort();
    }
}

/// A call, the orders that it is a request of, and until when an answer is waited for.
pub(crate) type Asked = (Call, Vec<OrderId>, Instant);

/// Makes the calls of one account.
pub(crate) struct Caller {
    calls: channel::UnboundedReceiver<Asked>,
    venue: Venue,
}

struct Venue {
    root: Url,
    dialler: Dialler,
    bring: Bring,
    /// Connections without a call at the moment.
    idle: RefCell<Vec<Sender>>,
}

impl Caller {
    pub(crate) fn new(
        root: Url,
        dialler: Dialler,
        calls: channel::UnboundedReceiver<Asked>,
        bring: Bring,
    ) -> Self {
        let venue = Venue { root, dialler, bring, idle: RefCell::new(Vec::new()) };
        Self { calls, venue }
    }

    /// Makes calls until nobody wants any more.
    pub(crate) async fn run(self) {
        let Self { mut calls, venue } = self;
        let venue = Rc::new(venue);
        while let Some((call, orders, until)) = calls.recv().await {
            let venue = Rc::clone(&venue);
            tokio::task::spawn_local(async move {
                let made = timeout_at(until.into(), venue.make(&call, orders, until)).await;
                let late = || CallError { not_sent: false, detail: "no answer came".to_owned() };
                let answer = made.unwrap_or_else(|_| Err(late()));
                venue.bring.tell(Arrived::Answer(call.id, answer, now_ns()));
            });
        }
    }
}

/// Why a call of which not a byte left has no answer.
fn not_sent(error: &dyn std::fmt::Display) -> CallError {
    CallError { not_sent: true, detail: error.to_string() }
}

/// Why a call that the venue may have got has no answer.
fn unknown(error: &dyn std::fmt::Display) -> CallError {
    CallError { not_sent: false, detail: error.to_string() }
}

/// The headers that say something of limits.
fn limits(headers: &HeaderMap) -> Vec<(String, String)> {
    let is_one = |name: &str| LIMITS.iter().any(|begin| name.starts_with(begin));
    let found = headers.iter().filter(|(name, _)| is_one(name.as_str()));
    let texts = found.filter_map(|(name, value)| {
        Some((name.as_str().to_owned(), value.to_str().ok()?.to_owned()))
    });
    texts.collect()
}

impl Venue {
    async fn make(
        &self,
        call: &Call,
        orders: Vec<OrderId>,
        until: Instant,
    ) -> Result<Replied, CallError> {
        let mut request = self.request(call).map_err(|error| not_sent(&error))?;
        loop {
            let idle = self.idle.borrow_mut().pop();
            let is_new = idle.is_none();
            let mut sender = match idle {
                Some(sender) => sender,
                None => self.connect().await.map_err(|error| not_sent(&error))?,
            };
            if Instant::now() >= until {
                return Err(not_sent(&"there was no connection in time"));
            }
            match sender.requests.try_send_request(request).await {
                Ok(response) => {
                    // One request at a time: what left last was the end of this one.
                    self.bring.note_sent(orders, sender.written.load(Ordering::Relaxed));
                    let status = response.status().as_u16();
                    let headers = limits(response.headers());
                    let body = Limited::new(response.into_body(), BODY_BYTES_MAX).collect().await;
                    let body = body.map_err(|error| unknown(&error))?.to_bytes();
                    self.idle.borrow_mut().push(sender);
                    return Ok(Replied { status, headers, body });
                }
                // The venue closed an idle connection before a byte was written: try another.
                Err(mut error) => match error.take_message() {
                    Some(same) if !is_new => request = same,
                    Some(_) => return Err(not_sent(&error.into_error())),
                    None => return Err(unknown(&error.into_error())),
                },
            }
        }
    }

    async fn connect(&self) -> io::Result<Sender> {
        let (stream, _) = self.dialler.connect(&self.root).await?;
        let written = Arc::new(AtomicI64::new(0));
        let stream = Written::new(stream, Arc::clone(&written));
        let (requests, connection) =
            handshake(TokioIo::new(stream)).await.map_err(io::Error::other)?;
        let connection = tokio::task::spawn_local(connection).abort_handle();
        Ok(Sender { requests, written, connection })
    }

    fn request(&self, call: &Call) -> io::Result<Request<Full<Bytes>>> {
        let url = self.root.join(&call.path).map_err(io::Error::other)?;
        let method = Method::from_bytes(call.method.as_bytes()).map_err(io::Error::other)?;
        let host = match (url.host_str().unwrap_or_default(), url.port()) {
            (host, Some(port)) => format!("{host}:{port}"),
            (host, None) => host.to_owned(),
        };
        let mut request = Request::builder()
            .method(method)
            .uri(&url[url::Position::BeforePath..])
            .header(HOST, host)
            .header(USER_AGENT, concat!("rustonite/", env!("CARGO_PKG_VERSION")));
        for (name, value) in &call.headers {
            request = request.header(*name, value);
        }
        request.body(Full::new(Bytes::from(call.body.clone()))).map_err(io::Error::other)
    }
}
