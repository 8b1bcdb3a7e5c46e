//! Clients of the local Alpaca.

use serde_json::{Value, json};

use super::{Answer, Line, SECRET, decimal, http};
use rustonite_exchange::{Allowance, Config, Key, Listing, LocalExchange, VenueConfig};

pub const VENUE: &str = "alpaca";
pub const BTC: &str = "BTC/USD";

/// Two accounts, `ann` and `bob`, whose keys have their names, and a stock and a coin.
pub fn exchange_with(allowance: Allowance) -> LocalExchange {
    let stock = Listing::asset("AAPL", decimal("0.01"), decimal("0.001")).unwrap();
    let coin = Listing::asset(BTC, decimal("0.01"), decimal("0.0001")).unwrap();
    let fee_tiers = Vec::new();
    let venue = VenueConfig { allowance, fee_tiers, ..VenueConfig::new(VENUE, vec![stock, coin]) };
    let exchange = LocalExchange::start(&Config::new(vec![venue])).unwrap();
    for name in ["ann", "bob"] {
        exchange.add_account(name).unwrap();
        exchange.add_key(name, name, &Key::hmac(SECRET)).unwrap();
        for (asset, amount) in [("USD", "100000"), ("AAPL", "100"), ("BTC", "10")] {
            exchange.deposit(VENUE, name, asset, decimal(amount)).unwrap();
        }
    }
    exchange
}

pub fn exchange() -> LocalExchange {
    exchange_with(Allowance { weight_1m: 10_000, ..Allowance::default() })
}

pub fn keys(who: &str) -> [(&str, &str); 2] {
    [("APCA-API-KEY-ID", who), ("APCA-API-SECRET-KEY", SECRET)]
}

/// A call of an account; without a body if that is null.
pub async fn ask(
    exchange: &LocalExchange,
    who: &str,
    method: &str,
    path: &str,
    body: Value,
) -> Answer {
    let body = if body.is_null() { Vec::new() } else { body.to_string().into_bytes() };
    http(exchange.address(VENUE).unwrap(), method, path, &keys(who), body).await
}

pub async fn read(exchange: &LocalExchange, who: &str, path: &str) -> Value {
    let answer = ask(exchange, who, "GET", path, Value::Null).await;
    assert_eq!(answer.status, 200, "{path} {}", answer.body);
    answer.body
}

/// Places an order. Returns it as it was taken.
pub async fn place(exchange: &LocalExchange, who: &str, order: Value) -> Value {
    let answer = ask(exchange, who, "POST", "/v2/orders", order).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    answer.body
}

/// The order as it is now.
pub async fn order(exchange: &LocalExchange, who: &str, placed: &Value) -> Value {
    read(exchange, who, &path_of(placed)).await
}

pub fn path_of(placed: &Value) -> String {
    format!("/v2/orders/{}", placed["id"].as_str().unwrap())
}

/// A limit order over some of the stock.
pub fn shares(side: &str, qty: &str, price: &str) -> Value {
    json!({
        "symbol": "AAPL", "side": side, "type": "limit", "time_in_force": "day", "qty": qty,
        "limit_price": price,
    })
}

/// A limit order over some of the coin.
pub fn coins(side: &str, qty: &str, price: &str) -> Value {
    json!({
        "symbol": BTC, "side": side, "type": "limit", "time_in_force": "gtc", "qty": qty,
        "limit_price": price,
    })
}

/// The same with other fields; null takes one away.
pub fn with(mut order: Value, changes: Value) -> Value {
    for (name, value) in changes.as_object().unwrap() {
        order[name] = value.clone();
    }
    order
}

/// The first trade of the stock, at 200.
pub async fn first_trade(exchange: &LocalExchange) {
    place(exchange, "bob", shares("sell", "1", "200")).await;
    place(exchange, "ann", shares("buy", "1", "200")).await;
}

/// A connection to a feed, once it has said hello.
pub async fn connected(exchange: &LocalExchange, feed: &str) -> Line {
    let mut line = Line::with_headers(&exchange.urls(VENUE).unwrap()[feed], &[]).await;
    assert_eq!(line.hear().await.unwrap(), json!([{"T": "success", "msg": "connected"}]));
    line
}

pub async fn say(line: &mut Line, message: Value) -> Value {
    line.say(message.to_string()).await;
    line.hear().await.unwrap()
}

pub async fn log_on(line: &mut Line, who: &str) -> Value {
    say(line, json!({"action": "auth", "key": who, "secret": SECRET})).await
}

/// A connection that is subscribed to something.
pub async fn subscribed(exchange: &LocalExchange, feed: &str, wanted: Value) -> Line {
    let mut line = connected(exchange, feed).await;
    assert_eq!(log_on(&mut line, "ann").await[0]["msg"], "authenticated");
    let mut message = wanted;
    message["action"] = json!("subscribe");
    assert_eq!(say(&mut line, message).await[0]["T"], "subscription");
    line
}

/// The stream of an account's updates.
pub async fn updates(exchange: &LocalExchange, who: &str) -> Line {
    let mut line = Line::with_headers(&exchange.urls(VENUE).unwrap()["updates"], &[]).await;
    let data = json!({"key_id": who, "secret_key": SECRET});
    let answer = tell(&mut line, json!({"action": "authenticate", "data": data})).await;
    assert_eq!(answer["data"]["status"], "authorized", "{answer}");
    let listen = json!({"action": "listen", "data": {"streams": ["trade_updates"]}});
    let answer = tell(&mut line, listen).await;
    assert_eq!(answer["data"]["streams"], json!(["trade_updates"]));
    line
}

pub async fn tell(line: &mut Line, message: Value) -> Value {
    line.say(message.to_string()).await;
    next(line).await
}

/// The next update: JSON in a frame that is no text.
pub async fn next(line: &mut Line) -> Value {
    serde_json::from_slice(&line.hear_binary().await.unwrap()).unwrap()
}

/// What happened to an order, and what it is then.
pub async fn event(line: &mut Line) -> (Value, String, String) {
    let update = next(line).await["data"].take();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let (name, status) = (text(&update["event"]), text(&update["order"]["status"]));
    (update, name, status)
}
