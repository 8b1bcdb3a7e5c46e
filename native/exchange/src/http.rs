//! What comes in: calls, upgrades to WebSocket, and calls that steer the exchange.

use std::convert::Infallible;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Incoming;
use hyper::header::{CONTENT_TYPE, HeaderName, HeaderValue, UPGRADE};
use hyper::service::service_fn;
use hyper::{Request as HttpRequest, Response, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::time::sleep;
use yawc::{Options, WebSocket};

use crate::dialect::{Reply, Request};
use crate::{Shared, admin, socket};

/// Largest body of a call, and largest message of a WebSocket.
const BODY_BYTES_MAX: usize = 1 << 20;

/// Serves one TCP connection.
pub(crate) async fn run(shared: Arc<Shared>, stream: TcpStream, from: SocketAddr) {
    let _ = stream.set_nodelay(true);
    let service = service_fn(|request| answer(Arc::clone(&shared), request, from.ip()));
    let connection = hyper::server::conn::http1::Builder::new()
        .serve_connection(TokioIo::new(stream), service)
        .with_upgrades();
    let _ = connection.await;
}

async fn answer(
    shared: Arc<Shared>,
    mut request: HttpRequest<Incoming>,
    from: IpAddr,
) -> Result<Response<Full<Bytes>>, Infallible> {
    // What somebody else would upgrade to is as if it had not been asked for.
    let wanted = request.headers().get(UPGRADE);
    if wanted.is_some_and(|to| to.as_bytes().eq_ignore_ascii_case(b"websocket")) {
        return Ok(upgrade(&shared, &mut request));
    }
    let (head, body) = request.into_parts();
    let Ok(body) = Limited::new(body, BODY_BYTES_MAX).collect().await else {
        return Ok(response(shared.venue().dialect.too_large()));
    };
    let request = Request {
        method: head.method.as_str().to_owned(),
        path: head.uri.path().to_owned(),
        query: head.uri.query().unwrap_or_default().to_owned(),
        body: String::from_utf8_lossy(&body.to_bytes()).into_owned(),
        headers: head.headers,
        from,
    };
    if let Some(what) = request.path.strip_prefix(admin::STEERING) {
        return Ok(response(admin::answer(&shared, what, &request)));
    }
    Ok(response(call(shared, request).await))
}

async fn call(shared: Arc<Shared>, request: Request) -> Reply {
    let [there, back] = shared.venue().ways(&request);
    let reply = if there.is_zero() {
        shared.venue().call(&request)
    } else {
        arrive(Arc::clone(&shared), request, there).await
    };
    if reply.is_lost {
        shared.stopped().await;
    }
    let late = back + reply.after;
    // A timer waits for the next millisecond even if it is to wait for nothing.
    if !late.is_zero() {
        sleep(late).await;
    }
    reply
}

/// A call that is on its way arrives, whether or not anybody still waits for its answer.
async fn arrive(shared: Arc<Shared>, request: Request, after: Duration) -> Reply {
    let arrival = tokio::task::spawn_local(async move {
        sleep(after).await;
        shared.venue().call(&request)
    });
    arrival.await.unwrap_or_else(|error| Reply::new(500, error.to_string()))
}

fn upgrade(shared: &Arc<Shared>, request: &mut HttpRequest<Incoming>) -> Response<Full<Bytes>> {
    let path = request.uri().path_and_query().map_or("/", |path| path.as_str()).to_owned();
    let (number, outbox) = shared.venue().hall.sockets.add();
    // Within the condition the venue would stay locked until the end of the block.
    let connected = shared.venue().connect(number, &path, request.headers());
    if let Err(reply) = connected {
        shared.venue().disconnect(number);
        return response(reply);
    }
    let options = Options::default().with_no_delay().with_max_payload_read(BODY_BYTES_MAX);
    match WebSocket::upgrade_with_options(request, options) {
        Ok((response, upgraded)) => {
            let shared = Arc::clone(shared);
            tokio::task::spawn_local(async move {
                match upgraded.await {
                    Ok(line) => socket::run(shared, line, number, outbox).await,
                    Err(_) => shared.venue().disconnect(number),
                }
            });
            response.map(|_| Full::default())
        }
        Err(error) => {
            shared.venue().disconnect(number);
            response(Reply::new(400, error.to_string()))
        }
    }
}

fn response(reply: Reply) -> Response<Full<Bytes>> {
    let is_page = reply.body.starts_with('<');
    let mut response = Response::new(Full::new(Bytes::from(reply.body)));
    *response.status_mut() =
        StatusCode::from_u16(reply.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let kind = if is_page { "text/html" } else { "application/json;charset=UTF-8" };
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    for (name, value) in reply.headers {
        if let Ok(value) = HeaderValue::from_str(&value) {
            response.headers_mut().insert(HeaderName::from_static(name), value);
        }
    }
    response
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;
    use std::sync::Arc;

    use futures_util::FutureExt as _;
    use hyper::HeaderMap;

    use super::{Request, call};
    use crate::{Config, Listing, LocalExchange, VenueConfig};

    #[test]
    fn an_answer_that_nothing_delays_waits_for_no_timer() {
        let step = "0.01".parse().unwrap();
        let listing = Listing::spot("BTCUSDT", step, step).unwrap();
        let venue = VenueConfig::new("binance", vec![listing]);
        let exchange = LocalExchange::start(&Config::new(vec![venue])).unwrap();
        let request = Request {
            method: "GET".to_owned(),
            path: "/api/v3/ping".to_owned(),
            query: String::new(),
            body: String::new(),
            headers: HeaderMap::new(),
            from: Ipv4Addr::LOCALHOST.into(),
        };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        let shared = Arc::clone(&exchange.venues[0].0);
        let answer = runtime.block_on(async { call(shared, request).now_or_never() });
        assert_eq!(answer.unwrap().status, 200);
    }
}
