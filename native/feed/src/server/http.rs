//! What comes in: upgrades to WebSocket, calls of the venue's REST interface, and calls that steer
//! the server.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Incoming;
use hyper::header::{CONTENT_TYPE, RETRY_AFTER, SEC_WEBSOCKET_EXTENSIONS, UPGRADE};
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use yawc::{Options, WebSocket};

use super::fault::Planned;
use super::hub::Reply;
use super::{Shared, client};

/// Paths that steer the server instead of speaking the venue's language.
const STEERING: &str = "/_replay/";
const BODY_BYTES_MAX: usize = 16 << 20;
/// How long a call for a book waits that is not known so far.
const BOOK_TRIES: u32 = 200;
const BOOK_WAIT: Duration = Duration::from_millis(25);

/// Serves one TCP connection.
pub(super) async fn run(shared: Arc<Shared>, stream: TcpStream) {
    let _ = stream.set_nodelay(true);
    let service = service_fn(|request| answer(Arc::clone(&shared), request));
    let connection = hyper::server::conn::http1::Builder::new()
        .serve_connection(TokioIo::new(stream), service)
        .with_upgrades();
    let _ = connection.await;
}

async fn answer(
    shared: Arc<Shared>,
    mut request: Request<Incoming>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let path = request.uri().path_and_query().map_or("/", |path| path.as_str()).to_owned();
    if request.headers().contains_key(UPGRADE) {
        return Ok(upgrade(&shared, &mut request, path));
    }
    let is_post = request.method() == hyper::Method::POST;
    let body = Limited::new(request.into_body(), BODY_BYTES_MAX).collect().await;
    let body = body.map(http_body_util::Collected::to_bytes).unwrap_or_default();
    Ok(match path.strip_prefix(STEERING) {
        Some(what) => steer(&shared, what, is_post, &body),
        None => call(&shared, &path, &body).await,
    })
}

fn upgrade(
    shared: &Arc<Shared>,
    request: &mut Request<Incoming>,
    path: String,
) -> Response<Full<Bytes>> {
    let mut options = Options::default().with_no_delay();
    if shared.config.compression {
        options = options.with_low_latency_compression();
    }
    match WebSocket::upgrade_with_options(request, options) {
        Ok((response, upgraded)) => {
            let compressed = response.headers().contains_key(SEC_WEBSOCKET_EXTENSIONS);
            let shared = Arc::clone(shared);
            tokio::task::spawn_local(async move {
                if let Ok(socket) = upgraded.await {
                    client::run(shared, socket, path, compressed).await;
                }
            });
            response.map(|_| Full::default())
        }
        Err(error) => plain(StatusCode::BAD_REQUEST, error.to_string()),
    }
}

async fn call(shared: &Arc<Shared>, path: &str, body: &[u8]) -> Response<Full<Bytes>> {
    for _ in 0..BOOK_TRIES {
        let reply = shared.hub().call(path, body);
        let Reply::Body { status, retry_after_s, body, after } = reply else {
            tokio::time::sleep(BOOK_WAIT).await;
            continue;
        };
        tokio::time::sleep(after).await;
        let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = json(status, body);
        if let Some(seconds) = retry_after_s {
            response.headers_mut().insert(RETRY_AFTER, seconds.into());
        }
        return response;
    }
    plain(StatusCode::GATEWAY_TIMEOUT, "the book is not known so far".to_owned())
}

/// `POST fault` with a planned fault, `GET status`, `GET book/SYMBOL`.
fn steer(shared: &Arc<Shared>, what: &str, is_post: bool, body: &[u8]) -> Response<Full<Bytes>> {
    match what {
        "fault" if is_post => {
            match Planned::read(body).and_then(|planned| shared.hub().plan(planned)) {
                Ok(()) => json(StatusCode::OK, b"{}".to_vec()),
                Err(problem) => plain(StatusCode::BAD_REQUEST, problem),
            }
        }
        "status" => {
            let hub = shared.hub();
            let clients: Vec<_> = hub.clients().iter().map(|client| client.number).collect();
            let status = serde_json::json!({
                "clients": clients, "sent": hub.sent, "planned": hub.planned(), "ended": hub.ended,
            });
            json(StatusCode::OK, status.to_string().into_bytes())
        }
        _ => match what.strip_prefix("book/").and_then(|symbol| shared.hub().true_book(symbol)) {
            Some(book) => {
                let level = |level: &rustonite_wire::Level| {
                    let (price, size) = (level.price.to_string(), level.size.to_string());
                    [level.side.name().to_owned(), price, size]
                };
                let levels: Vec<_> = book.levels.iter().map(level).collect();
                let text = serde_json::json!({"seq": book.seq, "levels": levels}).to_string();
                json(StatusCode::OK, text.into_bytes())
            }
            None => {
                plain(StatusCode::NOT_FOUND, "expected fault, status or book/SYMBOL".to_owned())
            }
        },
    }
}

fn json(status: StatusCode, body: Vec<u8>) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(body)));
    *response.status_mut() = status;
    let kind = hyper::header::HeaderValue::from_static("application/json");
    response.headers_mut().insert(CONTENT_TYPE, kind);
    response
}

fn plain(status: StatusCode, text: String) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(text)));
    *response.status_mut() = status;
    response
}
