//! A local exchange with a few accounts, and plain clients of it.
#![allow(
    dead_code,
    unreachable_pub,
    missing_docs,
    clippy::unwrap_used,
    clippy::needless_pass_by_value
)] // Each test file uses a part.

pub mod alpaca;

pub mod usdm;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use http_body_util::{BodyExt as _, Full};
use hyper::body::Bytes;
use hyper_util::rt::TokioIo;
use ring::hmac;
use rustonite_core::Decimal;
use rustonite_exchange::{Allowance, Config, Key, Listing, LocalExchange, VenueConfig};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use yawc::frame::OpCode;
use yawc::{Frame, TcpWebSocket, WebSocket};

pub const VENUE: &str = "binance";
pub const FUTURES: &str = "binance-usdm";
pub const SECRET: &str = "a secret of nobody";

pub fn decimal(text: &str) -> Decimal {
    text.parse().unwrap()
}

pub fn now_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    i64::try_from(since.as_millis()).unwrap()
}

/// Two accounts, `ann` and `bob`, whose keys have their names. Nobody pays fees.
pub fn exchange_with(allowance: Allowance) -> LocalExchange {
    let listing = Listing::spot("BTCUSDT", decimal("0.01"), decimal("0.00001")).unwrap();
    let other = Listing::spot("ETHUSDT", decimal("0.01"), decimal("0.0001")).unwrap();
    let fee_tiers = Vec::new();
    start_spot(VenueConfig {
        allowance,
        fee_tiers,
        ..VenueConfig::new(VENUE, vec![listing, other])
    })
}

/// The same of any venue that speaks of spot.
pub fn start_spot(venue: VenueConfig) -> LocalExchange {
    let exchange = LocalExchange::start(&Config::new(vec![venue])).unwrap();
    for name in ["ann", "bob"] {
        exchange.add_account(name).unwrap();
        exchange.add_key(name, name, &Key::hmac(SECRET)).unwrap();
        exchange.deposit(VENUE, name, "USDT", decimal("100000")).unwrap();
        exchange.deposit(VENUE, name, "BTC", decimal("10")).unwrap();
    }
    exchange
}

pub fn exchange() -> LocalExchange {
    exchange_with(Allowance::default())
}

/// The same of perpetuals, with money alone, and a third account.
pub fn futures() -> LocalExchange {
    let listing = |symbol| Listing::perpetual(symbol, decimal("0.10"), decimal("0.001")).unwrap();
    let venue = VenueConfig::new(FUTURES, vec![listing("BTCUSDT"), listing("ETHUSDT")]);
    start_futures(VenueConfig { fee_tiers: Vec::new(), ..venue })
}

pub fn start_futures(venue: VenueConfig) -> LocalExchange {
    let exchange = LocalExchange::start(&Config::new(vec![venue])).unwrap();
    for name in ["ann", "bob", "cat"] {
        exchange.add_account(name).unwrap();
        exchange.add_key(name, name, &Key::hmac(SECRET)).unwrap();
        exchange.deposit(FUTURES, name, "USDT", decimal("100000")).unwrap();
    }
    exchange
}

/// Where the one venue of an exchange listens.
fn address(exchange: &LocalExchange) -> SocketAddr {
    [VENUE, FUTURES].into_iter().find_map(|venue| exchange.address(venue).ok()).unwrap()
}

/// A user stream of spot, of the account `ann`.
pub async fn user(exchange: &LocalExchange) -> Line {
    let mut line = Line::open(exchange, "/ws-api/v3").await;
    line.ask("ann", "userDataStream.subscribe.signature", json!({})).await;
    line
}

pub fn run<T>(test: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async { tokio::time::timeout(Duration::from_secs(20), test).await.unwrap() })
}

pub struct Answer {
    pub status: u16,
    pub headers: BTreeMap<String, String>,
    pub body: Value,
    /// The body as it came.
    pub text: String,
}

impl Answer {
    pub fn code(&self) -> i64 {
        self.body["code"].as_i64().unwrap_or(0)
    }

    pub fn text(&self) -> &str {
        let text = self.body.get("msg").or(self.body.get("message"));
        text.and_then(Value::as_str).unwrap_or("")
    }
}

/// One call of HTTP.
pub async fn http(
    address: SocketAddr,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: Vec<u8>,
) -> Answer {
    let stream = TcpStream::connect(address).await.unwrap();
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    let mut request = hyper::Request::builder().method(method).uri(path).header("host", "local");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let request = request.body(Full::new(Bytes::from(body))).unwrap();
    let response = sender.send_request(request).await.unwrap();
    let (head, body) = response.into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    let headers = head.headers.iter().map(|(name, value)| {
        (name.as_str().to_owned(), value.to_str().unwrap_or_default().to_owned())
    });
    Answer {
        status: head.status.as_u16(),
        headers: headers.collect(),
        body: serde_json::from_slice(&body).unwrap_or(Value::Null),
        text: String::from_utf8_lossy(&body).into_owned(),
    }
}

/// A call of somebody with a key, or of nobody.
pub async fn call(
    exchange: &LocalExchange,
    method: &str,
    path: &str,
    key: Option<&str>,
    body: Vec<u8>,
) -> Answer {
    let headers: Vec<_> = key.map(|key| ("X-MBX-APIKEY", key)).into_iter().collect();
    http(address(exchange), method, path, &headers, body).await
}

pub async fn get(exchange: &LocalExchange, path: &str) -> Answer {
    call(exchange, "GET", path, None, Vec::new()).await
}

pub fn sign(text: &str) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, SECRET.as_bytes());
    hmac::sign(&key, text.as_bytes()).as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A signed call of an account.
pub async fn signed(
    exchange: &LocalExchange,
    who: &str,
    method: &str,
    path: &str,
    query: &str,
) -> Answer {
    let rest = format!("timestamp={}", now_ms());
    let query = if query.is_empty() { rest } else { format!("{query}&{rest}") };
    let path = format!("{path}?{query}&signature={}", sign(&query));
    call(exchange, method, &path, Some(who), Vec::new()).await
}

/// A limit order over one tenth of a coin.
pub async fn limit(
    exchange: &LocalExchange,
    who: &str,
    side: &str,
    price: &str,
    id: &str,
) -> Answer {
    let query = format!(
        "symbol=BTCUSDT&side={side}&type=LIMIT&timeInForce=GTC&quantity=0.1&price={price}&newClientOrderId={id}"
    );
    signed(exchange, who, "POST", "/api/v3/order", &query).await
}

/// The first trade, so that there is a last price.
pub async fn first_trade(exchange: &LocalExchange) {
    assert_eq!(limit(exchange, "bob", "SELL", "50000", "first-sell").await.status, 200);
    assert_eq!(limit(exchange, "bob", "BUY", "40000", "floor").await.status, 200);
    assert_eq!(limit(exchange, "ann", "BUY", "50000", "first-buy").await.status, 200);
}

/// Sets how long messages take.
pub fn set(exchange: &LocalExchange, venue: &str, latency: Value) {
    exchange.set_latency_in_json(venue, &latency.to_string()).unwrap();
}

/// A call of the WebSocket interface with sorted and signed parameters.
pub fn asked(who: &str, id: &str, method: &str, mut params: Value) -> Value {
    params["apiKey"] = json!(who);
    params["timestamp"] = json!(now_ms());
    let sorted: BTreeMap<_, _> = params.as_object().unwrap().clone().into_iter().collect();
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let pairs: Vec<_> =
        sorted.iter().map(|(name, value)| format!("{name}={}", text(value))).collect();
    params["signature"] = json!(sign(&pairs.join("&")));
    json!({"id": id, "method": method, "params": params})
}

pub struct Line(TcpWebSocket);

impl Line {
    pub async fn open(exchange: &LocalExchange, path: &str) -> Self {
        let url = format!("ws://{}{path}", address(exchange));
        Self(WebSocket::connect(url.parse().unwrap()).await.unwrap())
    }

    /// A connection to an address, with headers.
    pub async fn with_headers(url: &str, headers: &[(&str, &str)]) -> Self {
        let mut request = yawc::HttpRequestBuilder::new();
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        Self(WebSocket::connect(url.parse().unwrap()).with_request(request).await.unwrap())
    }

    pub async fn say_binary(&mut self, bytes: Vec<u8>) {
        use futures_util::SinkExt as _;
        self.0.send(Frame::binary(bytes)).await.unwrap();
    }

    /// The next message that is no text; none at the end.
    pub async fn hear_binary(&mut self) -> Option<Vec<u8>> {
        loop {
            let frame = self.0.next_frame().await.ok()?;
            match frame.opcode() {
                OpCode::Binary => return Some(frame.payload().to_vec()),
                OpCode::Close => return None,
                _ => {}
            }
        }
    }

    pub async fn say(&mut self, text: String) {
        use futures_util::SinkExt as _;
        self.0.send(Frame::text(text)).await.unwrap();
    }

    /// The next text; none at the end.
    pub async fn hear(&mut self) -> Option<Value> {
        loop {
            let frame = self.0.next_frame().await.ok()?;
            match frame.opcode() {
                OpCode::Text => return serde_json::from_slice(frame.payload()).ok(),
                OpCode::Close => return None,
                _ => {}
            }
        }
    }

    /// Waits until a stream of the market has answered: it tells what comes from now on.
    pub async fn is_heard(&mut self) {
        self.say(json!({"method": "LIST_SUBSCRIPTIONS", "id": 1}).to_string()).await;
        assert_eq!(self.hear().await.unwrap()["id"], 1);
    }

    /// Whether nothing comes for a while.
    pub async fn is_silent(&mut self) -> bool {
        tokio::time::timeout(Duration::from_millis(500), self.hear()).await.is_err()
    }

    /// The answer to a request with sorted and signed parameters.
    pub async fn ask(&mut self, who: &str, method: &str, params: Value) -> Value {
        self.say(asked(who, method, method, params).to_string()).await;
        loop {
            let answer = self.hear().await.unwrap();
            if answer["id"] == method {
                return answer;
            }
        }
    }

    pub async fn event(&mut self) -> Value {
        self.hear().await.unwrap()["event"].take()
    }
}
