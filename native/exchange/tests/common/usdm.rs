//! Calls of Binance USD-M futures as a plain client makes them.
#![allow(dead_code, unreachable_pub, missing_docs, clippy::unwrap_used)] // Each test file uses a part.

use rustonite_exchange::LocalExchange;
use rustonite_sim::Command;
use serde_json::Value;

use super::{FUTURES, Line, call, decimal, signed};

pub const ORDER: &str = "/fapi/v1/order";
pub const ALGO: &str = "/fapi/v1/algoOrder";

pub async fn limit(
    exchange: &LocalExchange,
    who: &str,
    side: &str,
    size: &str,
    price: &str,
) -> Value {
    let query = format!(
        "symbol=BTCUSDT&side={side}&type=LIMIT&timeInForce=GTC&quantity={size}&price={price}"
    );
    let answer = signed(exchange, who, "POST", ORDER, &query).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    answer.body
}

pub async fn deal(exchange: &LocalExchange, seller: &str, buyer: &str, size: &str, price: &str) {
    limit(exchange, seller, "SELL", size, price).await;
    limit(exchange, buyer, "BUY", size, price).await;
}

pub async fn listen_key(exchange: &LocalExchange, who: &str) -> String {
    let key = call(exchange, "POST", "/fapi/v1/listenKey", Some(who), Vec::new()).await.body;
    key["listenKey"].as_str().unwrap().to_owned()
}

pub async fn user(exchange: &LocalExchange, who: &str) -> Line {
    let key = listen_key(exchange, who).await;
    Line::open(exchange, &format!("/private/ws?listenKey={key}")).await
}

pub fn mark(exchange: &LocalExchange, price: i64) {
    exchange.apply(FUTURES, &Command::Mark { instrument: 0, price }).unwrap();
}

/// Event and state of what comes next.
pub async fn told(line: &mut Line) -> (String, String) {
    let event = line.hear().await.unwrap();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let state = if event["e"] == "ACCOUNT_UPDATE" { &event["a"]["m"] } else { &event["o"]["X"] };
    (text(&event["e"]), text(state))
}

pub fn pairs(expected: &[(&str, &str)]) -> Vec<(String, String)> {
    expected.iter().map(|(kind, state)| ((*kind).to_owned(), (*state).to_owned())).collect()
}

pub async fn all_told(line: &mut Line, count: usize) -> Vec<(String, String)> {
    let mut all = Vec::new();
    while all.len() < count {
        all.push(told(line).await);
    }
    all
}

pub async fn ask(exchange: &LocalExchange, who: &str, path: &str, query: &str) -> Value {
    let answer = signed(exchange, who, "GET", path, query).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    answer.body
}

pub async fn position(exchange: &LocalExchange, who: &str) -> Value {
    let rows = ask(exchange, who, "/fapi/v2/positionRisk", "symbol=BTCUSDT").await;
    rows[0].clone()
}

/// A tick above and below a price that has more decimals.
pub fn ticks_around(price: &str) -> (i64, i64) {
    let units = decimal(price).to_scale(8).unwrap();
    let below = i64::try_from(units / 10_000_000).unwrap();
    (below, below + 1)
}
