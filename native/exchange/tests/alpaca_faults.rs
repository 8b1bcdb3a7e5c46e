//! What goes wrong with orders at the local Alpaca on demand.
#![allow(clippy::unwrap_used, reason = "a test may fail")]

mod common;

use common::alpaca::{
    VENUE, ask, coins, event, exchange, first_trade, order, path_of, place, read, shares, updates,
    with,
};
use common::run;
use rustonite_exchange::{LocalExchange, Planned};
use serde_json::{Value, json};

fn fault(exchange: &LocalExchange, json: &str) {
    let planned: Planned = serde_json::from_str(json).unwrap();
    exchange.fault(VENUE, planned).unwrap();
}

async fn try_to_buy(exchange: &LocalExchange) -> (u16, i64) {
    let answer = ask(exchange, "ann", "POST", "/v2/orders", shares("buy", "1", "150")).await;
    (answer.status, answer.code())
}

async fn open_orders(exchange: &LocalExchange) -> usize {
    read(exchange, "ann", "/v2/orders").await.as_array().unwrap().len()
}

#[test]
fn a_call_is_refused_or_done_and_answered_all_the_same() {
    run(async {
        let exchange = exchange();
        fault(
            &exchange,
            r#"{"fault": "refuse", "status": 429, "call": "place", "symbol": "AAPL"}"#,
        );
        place(&exchange, "ann", coins("buy", "0.1", "40000")).await;
        assert_eq!(try_to_buy(&exchange).await, (429, 42_910_000));
        assert_eq!(open_orders(&exchange).await, 1);
        fault(&exchange, r#"{"fault": "fail_after", "status": 504, "call": "place"}"#);
        assert_eq!(try_to_buy(&exchange).await, (504, 0));
        assert_eq!(open_orders(&exchange).await, 2);
        fault(&exchange, r#"{"fault": "maintenance", "on": true}"#);
        assert_eq!(try_to_buy(&exchange).await, (503, 0));
        fault(&exchange, r#"{"fault": "maintenance", "on": false}"#);
        assert_eq!(try_to_buy(&exchange).await, (200, 0));
    });
}

#[test]
fn a_fill_comes_before_the_cancel_and_the_stream_says_so() {
    run(async {
        let exchange = exchange();
        let placed = place(&exchange, "ann", coins("buy", "0.1", "40000")).await;
        let mut line = updates(&exchange, "ann").await;
        fault(&exchange, r#"{"fault": "fill_before_cancel", "symbol": "BTC/USD"}"#);
        let ended = ask(&exchange, "ann", "DELETE", &path_of(&placed), Value::Null).await;
        assert_eq!(ended.status, 204);
        let mut told = Vec::new();
        for _ in 0..2 {
            let (_, name, status) = event(&mut line).await;
            told.push((name, status));
        }
        let filled = "filled".to_owned();
        let expected =
            ["fill", "order_cancel_rejected"].map(|name| (name.to_owned(), filled.clone()));
        assert_eq!(told, expected);
        assert_eq!(order(&exchange, "ann", &placed).await["status"], "filled");
    });
}

#[test]
fn a_fill_is_told_twice_and_an_order_not_at_all() {
    run(async {
        let exchange = exchange();
        let mut line = updates(&exchange, "ann").await;
        fault(&exchange, r#"{"fault": "mute"}"#);
        // What is refused is not what was to be muted.
        let poor = ask(&exchange, "ann", "POST", "/v2/orders", shares("buy", "9000", "150")).await;
        assert_eq!(poor.status, 403, "{}", poor.body);
        place(&exchange, "ann", shares("buy", "1", "150")).await;
        place(&exchange, "ann", coins("buy", "0.1", "40000")).await;
        assert_eq!(event(&mut line).await.1, "pending_new");
        assert_eq!(event(&mut line).await.1, "new");
        fault(&exchange, r#"{"fault": "duplicate_fill"}"#);
        place(&exchange, "bob", coins("sell", "0.1", "40000")).await;
        let (first, name, _) = event(&mut line).await;
        let (second, ..) = event(&mut line).await;
        assert_eq!((name.as_str(), &first), ("fill", &second));
        assert_eq!(first["order"]["symbol"], "BTC/USD");
        fault(&exchange, r#"{"fault": "drop_user_stream"}"#);
        assert_eq!(line.hear_binary().await, None);
    });
}

#[test]
fn the_clock_that_clients_see_is_wrong() {
    run(async {
        let exchange = exchange();
        let before = place(&exchange, "ann", shares("buy", "1", "150")).await;
        // Two days, as New York may be a day behind.
        fault(&exchange, r#"{"fault": "clock_ahead", "ms": 172800000}"#);
        let after = place(&exchange, "ann", shares("buy", "1", "151")).await;
        let day = |order: &Value| order["submitted_at"].as_str().unwrap()[..10].to_owned();
        assert!(day(&before) < day(&after));
        assert_eq!(before["updated_at"].as_str(), before["submitted_at"].as_str());
        let clock = read(&exchange, "ann", "/v2/clock").await;
        assert!(clock["timestamp"].as_str().unwrap()[..10] > *day(&before), "{clock}");
        assert_eq!(clock["is_open"], json!(true));
    });
}

#[test]
fn an_asset_that_is_halted_takes_no_orders() {
    run(async {
        let exchange = exchange();
        let resting = place(&exchange, "ann", shares("buy", "1", "150")).await;
        exchange.halt(VENUE, "AAPL", true).unwrap();
        assert_eq!(read(&exchange, "ann", "/v2/assets/AAPL").await["tradable"], false);
        let refused = ask(&exchange, "ann", "POST", "/v2/orders", shares("buy", "1", "150")).await;
        assert_eq!((refused.status, refused.text()), (422, "asset \"AAPL\" is not tradable"));
        let ended = ask(&exchange, "ann", "DELETE", &path_of(&resting), Value::Null).await;
        assert_eq!(ended.status, 204);
        exchange.halt(VENUE, "AAPL", false).unwrap();
        assert_eq!(try_to_buy(&exchange).await, (200, 0));
    });
}

#[test]
fn bars_are_told_by_the_clock_that_is_wrong() {
    run(async {
        let exchange = exchange();
        first_trade(&exchange).await;
        let begins = async || {
            let path = "/v2/stocks/bars/latest?symbols=AAPL";
            let bars = read(&exchange, "ann", path).await;
            bars["bars"]["AAPL"]["t"].as_str().unwrap().to_owned()
        };
        assert!(begins().await.ends_with(":00Z"), "{}", begins().await);
        fault(&exchange, r#"{"fault": "clock_ahead", "ms": -90000}"#);
        assert!(begins().await.ends_with(":30Z"), "{}", begins().await);
    });
}

#[test]
fn who_ends_a_leg_ends_its_bracket() {
    run(async {
        let exchange = exchange();
        first_trade(&exchange).await;
        let bracket = with(
            shares("buy", "1", "190"),
            json!({
                "time_in_force": "gtc", "order_class": "bracket",
                "take_profit": {"limit_price": "210"}, "stop_loss": {"stop_price": "180"},
            }),
        );
        let placed = place(&exchange, "ann", bracket).await;
        let leg = &placed["legs"][0];
        let ended = ask(&exchange, "ann", "DELETE", &path_of(leg), Value::Null).await;
        assert_eq!(ended.status, 204, "{}", ended.body);
        for one in [&placed, leg, &placed["legs"][1]] {
            assert_eq!(order(&exchange, "ann", one).await["status"], "canceled");
        }
    });
}
