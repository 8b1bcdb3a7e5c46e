//! What goes wrong on demand, as a client meets it.

mod common;

use std::time::Duration;

use common::{Line, VENUE, call, exchange, first_trade, get, limit, now_ms, run, signed, user};
use serde_json::json;

#[test]
fn an_order_rests_although_its_call_failed() {
    run(async {
        let exchange = exchange();
        let fault = r#"{"fault":"fail_after","status":503,"call":"place"}"#;
        exchange.fault_in_json(VENUE, fault).unwrap();
        assert_eq!(limit(&exchange, "ann", "BUY", "40000", "lost").await.status, 503);
        let query = "symbol=BTCUSDT&origClientOrderId=lost";
        let found = signed(&exchange, "ann", "GET", "/api/v3/order", query).await.body;
        assert_eq!(found["status"], "NEW");
    });
}

#[test]
fn a_call_is_refused_and_nothing_is_done() {
    run(async {
        let exchange = exchange();
        let fault = r#"{"fault":"refuse","status":429,"retry_after_s":3,"call":"place"}"#;
        exchange.fault_in_json(VENUE, fault).unwrap();
        let answer = limit(&exchange, "ann", "BUY", "40000", "a").await;
        assert_eq!((answer.status, answer.code()), (429, -1003));
        assert_eq!(answer.headers["retry-after"], "3");
        let open = signed(&exchange, "ann", "GET", "/api/v3/openOrders", "").await.body;
        assert_eq!(open, json!([]));
    });
}

#[test]
fn a_call_is_done_and_never_answered() {
    run(async {
        let exchange = exchange();
        exchange.fault_in_json(VENUE, r#"{"fault":"no_answer","call":"place"}"#).unwrap();
        let order = limit(&exchange, "ann", "BUY", "40000", "quiet");
        assert!(tokio::time::timeout(Duration::from_millis(500), order).await.is_err());
        let open = signed(&exchange, "ann", "GET", "/api/v3/openOrders", "").await.body;
        assert_eq!(open[0]["clientOrderId"], "quiet");
    });
}

#[test]
fn a_fill_overtakes_the_answer_to_its_order() {
    run(async {
        let exchange = exchange();
        limit(&exchange, "bob", "SELL", "50000", "a").await;
        let mut line = user(&exchange).await;
        exchange.fault_in_json(VENUE, r#"{"fault":"late","ms":400,"call":"place"}"#).unwrap();
        let order = limit(&exchange, "ann", "BUY", "50000", "mine");
        let events = async {
            assert_eq!(line.event().await["x"], "NEW");
            assert_eq!(line.event().await["x"], "TRADE");
            now_ms()
        };
        let (answered, filled_at) = tokio::join!(async { (order.await, now_ms()) }, events);
        assert_eq!(answered.0.body["status"], "FILLED");
        assert!(filled_at + 200 < answered.1, "{filled_at} {}", answered.1);
    });
}

#[test]
fn a_fill_is_told_twice() {
    run(async {
        let exchange = exchange();
        limit(&exchange, "bob", "SELL", "50000", "a").await;
        let mut line = user(&exchange).await;
        exchange.fault_in_json(VENUE, r#"{"fault":"duplicate_fill"}"#).unwrap();
        limit(&exchange, "ann", "BUY", "50000", "mine").await;
        assert_eq!(line.event().await["x"], "NEW");
        let first = line.event().await;
        assert_eq!((&first["x"], line.event().await), (&json!("TRADE"), first.clone()));
    });
}

#[test]
fn a_cancel_comes_after_the_fill() {
    run(async {
        let exchange = exchange();
        let mut line = user(&exchange).await;
        limit(&exchange, "ann", "BUY", "40000", "mine").await;
        exchange.fault_in_json(VENUE, r#"{"fault":"fill_before_cancel"}"#).unwrap();
        let query = "symbol=BTCUSDT&origClientOrderId=mine";
        let ended = signed(&exchange, "ann", "DELETE", "/api/v3/order", query).await;
        assert_eq!((ended.status, ended.code()), (400, -2011), "{}", ended.body);
        assert_eq!(line.event().await["x"], "NEW");
        line.event().await;
        let fill = line.event().await;
        assert_eq!((&fill["x"], &fill["X"]), (&json!("TRADE"), &json!("FILLED")), "{fill}");
    });
}

#[test]
fn of_many_orders_one_is_filled_before_its_end_and_the_others_end() {
    run(async {
        let exchange = exchange();
        for (id, price) in [("a", "40000"), ("b", "39000"), ("c", "38000")] {
            assert_eq!(limit(&exchange, "ann", "BUY", price, id).await.status, 200);
        }
        exchange.fault_in_json(VENUE, r#"{"fault":"fill_before_cancel"}"#).unwrap();
        let path = "/api/v3/openOrders";
        let ended = signed(&exchange, "ann", "DELETE", path, "symbol=BTCUSDT").await;
        assert_eq!(ended.status, 200, "{}", ended.body);
        let names: Vec<_> =
            ended.body.as_array().unwrap().iter().map(|one| &one["origClientOrderId"]).collect();
        assert_eq!(names, ["b", "c"]);
        assert_eq!(signed(&exchange, "ann", "GET", path, "").await.body, json!([]));
        let again = signed(&exchange, "ann", "DELETE", path, "symbol=BTCUSDT").await;
        assert_eq!(again.code(), -2011);
    });
}

#[test]
fn an_order_is_taken_back_by_the_venue() {
    run(async {
        let exchange = exchange();
        exchange.fault_in_json(VENUE, r#"{"fault":"cancel_placed"}"#).unwrap();
        let mut line = user(&exchange).await;
        assert_eq!(limit(&exchange, "ann", "BUY", "40000", "mine").await.body["status"], "NEW");
        let mut told = Vec::new();
        while told.len() < 2 {
            let event = line.event().await;
            if event["e"] == "executionReport" {
                told.push((event["x"].clone(), event["X"].clone()));
            }
        }
        assert_eq!(told, [(json!("NEW"), json!("NEW")), (json!("EXPIRED"), json!("EXPIRED"))]);
    });
}

#[test]
fn a_silent_stream_ends_with_its_client() {
    run(async {
        let exchange = exchange();
        let connections = || {
            let status: serde_json::Value =
                serde_json::from_str(&exchange.status(VENUE).unwrap()).unwrap();
            status["connections"].as_u64().unwrap()
        };
        let line = Line::open(&exchange, "/ws/btcusdt@trade").await;
        exchange.fault_in_json(VENUE, r#"{"fault":"silence"}"#).unwrap();
        tokio::time::sleep(Duration::from_millis(200)).await;
        assert_eq!(connections(), 1);
        drop(line);
        while connections() > 0 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    });
}

#[test]
fn candles_are_told_by_the_clock_that_is_wrong() {
    run(async {
        let exchange = exchange();
        common::first_trade(&exchange).await;
        let first =
            |klines: &serde_json::Value| [0, 6].map(|place| klines[0][place].as_i64().unwrap());
        let path = "/api/v3/klines?symbol=BTCUSDT&interval=1h";
        let before = first(&get(&exchange, path).await.body);
        exchange.fault_in_json(VENUE, r#"{"fault":"clock_ahead","ms":-90000}"#).unwrap();
        let after = first(&get(&exchange, path).await.body);
        assert_eq!(after, before.map(|at| at - 90_000));
        let mut line = Line::open(&exchange, "/ws/btcusdt@kline_1h").await;
        let told = line.hear().await.unwrap();
        assert_eq!([&told["k"]["t"], &told["k"]["T"]].map(|at| at.as_i64().unwrap()), after);
    });
}

#[test]
fn nothing_is_told_of_a_muted_order() {
    run(async {
        let exchange = exchange();
        let mut line = user(&exchange).await;
        exchange.fault_in_json(VENUE, r#"{"fault":"mute"}"#).unwrap();
        // What is refused is not what was to be muted.
        assert_eq!(limit(&exchange, "ann", "BUY", "0.01", "poor").await.code(), -1013);
        assert_eq!(limit(&exchange, "ann", "BUY", "40000", "quiet").await.status, 200);
        limit(&exchange, "ann", "BUY", "40000", "loud").await;
        assert_eq!(line.event().await["e"], "outboundAccountPosition");
        assert_eq!(line.event().await["c"], "loud");
    });
}

#[test]
fn nothing_is_told_of_a_muted_list() {
    run(async {
        let exchange = exchange();
        first_trade(&exchange).await;
        let mut line = user(&exchange).await;
        exchange.fault_in_json(VENUE, r#"{"fault":"mute"}"#).unwrap();
        let exits = "symbol=BTCUSDT&side=SELL&quantity=0.1&aboveType=LIMIT_MAKER&abovePrice=55000\
                     &belowType=STOP_LOSS&belowStopPrice=45000";
        let placed = signed(&exchange, "ann", "POST", "/api/v3/orderList/oco", exits).await;
        assert_eq!(placed.status, 200, "{}", placed.body);
        limit(&exchange, "ann", "BUY", "40000", "loud").await;
        let mut names = Vec::new();
        while names.last().is_none_or(|name| name != "loud") {
            let event = line.event().await;
            assert_ne!(event["e"], "listStatus", "{event}");
            if event["e"] == "executionReport" {
                names.push(event["c"].as_str().unwrap().to_owned());
            }
        }
        assert_eq!(names, ["loud"]);
    });
}

#[test]
fn a_user_stream_breaks_and_repeats_nothing() {
    run(async {
        let exchange = exchange();
        let mut line = user(&exchange).await;
        exchange.fault_in_json(VENUE, r#"{"fault":"drop_user_stream"}"#).unwrap();
        assert_eq!(line.hear().await, None);
        limit(&exchange, "ann", "BUY", "40000", "missed").await;
        let mut line = user(&exchange).await;
        limit(&exchange, "ann", "BUY", "40000", "seen").await;
        assert_eq!(line.event().await["c"], "seen");
    });
}

#[test]
fn the_clock_is_wrong_and_signatures_with_it() {
    run(async {
        let exchange = exchange();
        exchange.fault_in_json(VENUE, r#"{"fault":"clock_ahead","ms":60000}"#).unwrap();
        let time = get(&exchange, "/api/v3/time").await.body["serverTime"].as_i64().unwrap();
        assert!((time - now_ms() - 60_000).abs() < 5_000);
        assert_eq!(limit(&exchange, "ann", "BUY", "40000", "a").await.code(), -1021);
    });
}

#[test]
fn maintenance_refuses_everything_until_it_ends() {
    run(async {
        let exchange = exchange();
        let steer = |on: bool| json!({"fault": "maintenance", "on": on}).to_string().into_bytes();
        let path = "/_exchange/fault";
        assert_eq!(call(&exchange, "POST", path, None, steer(true)).await.status, 200);
        assert_eq!(get(&exchange, "/api/v3/ping").await.status, 503);
        assert_eq!(call(&exchange, "POST", path, None, steer(false)).await.status, 200);
        assert_eq!(get(&exchange, "/api/v3/ping").await.status, 200);
        let wrong = call(&exchange, "POST", path, None, b"{}".to_vec()).await;
        assert_eq!(wrong.status, 400);
    });
}

#[test]
fn a_change_of_a_book_is_lost_or_comes_twice() {
    run(async {
        let exchange = exchange();
        let mut line = Line::open(&exchange, "/ws/btcusdt@depth@100ms").await;
        limit(&exchange, "ann", "BUY", "40000", "a").await;
        assert_eq!(line.hear().await.unwrap()["u"], 1);
        exchange.fault_in_json(VENUE, r#"{"fault":"drop_depth","symbol":"BTCUSDT"}"#).unwrap();
        limit(&exchange, "ann", "BUY", "40001", "b").await;
        assert!(line.is_silent().await);
        exchange.fault_in_json(VENUE, r#"{"fault":"duplicate_depth"}"#).unwrap();
        limit(&exchange, "ann", "BUY", "40002", "c").await;
        let event = line.hear().await.unwrap();
        assert_eq!((&event["U"], line.hear().await.unwrap()), (&json!(3), event.clone()));
    });
}

#[test]
fn streams_fall_silent_break_and_close() {
    run(async {
        let exchange = exchange();
        for fault in [r#"{"fault":"cut"}"#, r#"{"fault":"close","code":1012}"#] {
            let mut line = Line::open(&exchange, "/ws/btcusdt@bookTicker").await;
            exchange.fault_in_json(VENUE, fault).unwrap();
            assert_eq!(line.hear().await, None, "{fault}");
        }
        let mut line = Line::open(&exchange, "/ws/btcusdt@bookTicker").await;
        exchange.fault_in_json(VENUE, r#"{"fault":"farewell"}"#).unwrap();
        assert_eq!(line.hear().await.unwrap()["e"], "serverShutdown");
        assert_eq!(line.hear().await, None);
        let mut line = Line::open(&exchange, "/ws/btcusdt@bookTicker").await;
        exchange.fault_in_json(VENUE, r#"{"fault":"silence"}"#).unwrap();
        limit(&exchange, "ann", "BUY", "40000", "a").await;
        assert!(line.is_silent().await);
        let mut line = Line::open(&exchange, "/ws").await;
        exchange.fault_in_json(VENUE, r#"{"fault":"refuse_stream"}"#).unwrap();
        let ask = json!({"method": "SUBSCRIBE", "params": ["btcusdt@trade"], "id": 1});
        line.say(ask.to_string()).await;
        assert_eq!(line.hear().await.unwrap()["error"]["code"], 2);
    });
}

#[test]
fn the_status_shows_accounts_and_no_secrets() {
    run(async {
        let exchange = exchange();
        let body = json!({"name": "cid", "api_key": "cid", "secret": "hush"}).to_string();
        let path = "/_exchange/account";
        assert_eq!(call(&exchange, "POST", path, None, body.into_bytes()).await.status, 200);
        let body = json!({"account": "cid", "asset": "BTC", "amount": "1.5"}).to_string();
        let path = "/_exchange/deposit";
        assert_eq!(call(&exchange, "POST", path, None, body.into_bytes()).await.status, 200);
        let status = get(&exchange, "/_exchange/status").await.body;
        let cid = status["accounts"].as_array().unwrap().iter().find(|one| one["name"] == "cid");
        assert_eq!(cid.unwrap()["balances"]["BTC"], json!(["1.5", "0"]));
        assert!(!status.to_string().contains("hush"));
        let page = get(&exchange, "/_exchange/page").await;
        assert_eq!(page.status, 200);
        assert!(page.text.starts_with("<!doctype html>") && page.text.contains("BTCUSDT"));
        assert!(!page.text.contains("hush"));
    });
}
