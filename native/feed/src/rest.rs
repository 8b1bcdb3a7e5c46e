//! Calls of a venue's REST interface, within its limits.

use std::io::{self, Read as _};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::header::{
    ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_TYPE, HOST, HeaderMap, RETRY_AFTER, USER_AGENT,
};
use hyper::{Method, Response};
use rustonite_wire::{Feed, Request};
use url::Url;

use crate::catalog::Rest;
use crate::clock::now_ns;
use crate::dial::{Dialler, for_http};
use crate::limits::Budget;

/// How long a call may take as a whole.
const PATIENCE: Duration = Duration::from_secs(30);
/// Largest answer that is taken, packed and unpacked.
const BODY_BYTES_MAX: usize = 256 << 20;
/// How long a venue is left alone that shuts us out without saying for how long.
const BAN_PAUSE: Duration = Duration::from_mins(2);
const RATE_PAUSE: Duration = Duration::from_secs(10);
const PAUSE_MAX: Duration = Duration::from_hours(72);

/// An answer, whatever its status.
#[derive(Debug)]
pub(crate) struct Answer {
    /// When the call went out.
    pub(crate) ts_sent: i64,
    /// When it was there as a whole.
    pub(crate) ts_recv: i64,
    pub(crate) status: u16,
    pub(crate) body: Bytes,
    /// The venue wants us to wait.
    pub(crate) pause: Option<Duration>,
}

/// A venue's REST interface.
#[derive(Clone)]
pub(crate) struct Client {
    dialler: Dialler,
    root: Url,
    limits: Rest,
    budget: Budget,
}

impl Client {
    pub(crate) fn new(dialler: Dialler, root: Url, limits: Rest) -> Self {
        let budget = Budget::new(limits.budget, Duration::from_secs(limits.budget_per_s.max(1)));
        Self { dialler, root, limits, budget }
    }

    /// Makes a call, once there is room for it in the budget.
    pub(crate) async fn call(&self, feed: &Feed, request: &Request) -> io::Result<Answer> {
        let weight = self.limits.weights.get(sort(feed)).copied().unwrap_or(1);
        self.budget.spend(weight).await;
        let call = tokio::time::timeout(PATIENCE, self.exchange(feed, request)).await;
        let late = || io::Error::new(io::ErrorKind::TimedOut, "no answer within 30 s");
        let answer = call.map_err(|_| late())??;
        if let Some(pause) = answer.pause {
            self.budget.pause(pause);
        }
        Ok(answer)
    }

    async fn exchange(&self, feed: &Feed, request: &Request) -> io::Result<Answer> {
        let root = match self.limits.urls.get(sort(feed)) {
            Some(other) => Url::parse(other).map_err(io::Error::other)?,
            None => self.root.clone(),
        };
        let url = root.join(&request.path).map_err(io::Error::other)?;
        let stream = self.dialler.dial(&url).await?.stream;
        let (mut sender, connection) = hyper::client::conn::http1::handshake(for_http(stream))
            .await
            .map_err(io::Error::other)?;
        let driver = tokio::spawn(connection);
        let answer = async {
            let call = http_request(&url, request)?;
            let ts_sent = now_ns();
            let response = sender.send_request(call).await.map_err(io::Error::other)?;
            read_answer(ts_sent, response).await
        };
        let answer = answer.await;
        driver.abort();
        answer
    }
}

/// The name of a sort of call in the catalog.
pub(crate) fn sort(feed: &Feed) -> &'static str {
    match feed {
        Feed::Book(_) | Feed::Orders(_) => "book",
        Feed::Instruments => "instruments",
        Feed::Tickers(_) => "tickers",
        Feed::Time => "time",
    }
}

fn http_request(url: &Url, request: &Request) -> io::Result<hyper::Request<Full<Bytes>>> {
    let method = if request.body.is_some() { Method::POST } else { Method::GET };
    let host = match (url.host_str().unwrap_or_default(), url.port()) {
        (host, Some(port)) => format!("{host}:{port}"),
        (host, None) => host.to_owned(),
    };
    let mut call = hyper::Request::builder()
        .method(method)
        .uri(&url[url::Position::BeforePath..])
        .header(HOST, host)
        .header(USER_AGENT, concat!("rustonite/", env!("CARGO_PKG_VERSION")))
        .header(ACCEPT_ENCODING, "gzip");
    if request.body.is_some() {
        call = call.header(CONTENT_TYPE, "application/json");
    }
    for (name, value) in &request.headers {
        call = call.header(*name, value);
    }
    let body = request.body.clone().unwrap_or_default();
    call.body(Full::new(Bytes::from(body))).map_err(io::Error::other)
}

async fn read_answer(
    ts_sent: i64,
    response: Response<hyper::body::Incoming>,
) -> io::Result<Answer> {
    let status = response.status().as_u16();
    let pause = pause(status, response.headers());
    let packed = response.headers().get(CONTENT_ENCODING).is_some_and(|value| value == "gzip");
    let body = Limited::new(response.into_body(), BODY_BYTES_MAX).collect().await;
    let body = body.map_err(io::Error::other)?.to_bytes();
    let ts_recv = now_ns();
    let body = if packed { unpacked(&body)? } else { body };
    Ok(Answer { ts_sent, ts_recv, status, body, pause })
}

fn unpacked(packed: &[u8]) -> io::Result<Bytes> {
    let mut out = Vec::new();
    let limit = BODY_BYTES_MAX as u64;
    flate2::read::GzDecoder::new(packed).take(limit).read_to_end(&mut out)?;
    Ok(out.into())
}

/// How long the venue wants to be left alone.
fn pause(status: u16, headers: &HeaderMap) -> Option<Duration> {
    let usual = match status {
        418 | 403 => BAN_PAUSE,
        429 | 503 => RATE_PAUSE,
        _ => return None,
    };
    let said = headers.get(RETRY_AFTER).and_then(|value| value.to_str().ok()?.trim().parse().ok());
    Some(said.map_or(usual, Duration::from_secs).min(PAUSE_MAX))
}
