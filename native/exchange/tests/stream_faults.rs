//! What goes wrong with user streams and numbers of market data, at all venues.
#![allow(clippy::unwrap_used, reason = "a test may fail")]
#![allow(clippy::needless_pass_by_value, reason = "faults are written where they are planned")]

mod common;

use std::time::{Duration, Instant};

use common::usdm::{all_told, pairs, told, user as futures_user};
use common::{
    FUTURES, Line, VENUE, alpaca, exchange, futures, get, limit, run, signed, usdm, user,
};
use rustonite_exchange::LocalExchange;
use serde_json::{Value, json};

fn fault(exchange: &LocalExchange, venue: &str, fault: Value) {
    exchange.fault_in_json(venue, &fault.to_string()).unwrap();
}

/// What the next reports of orders say, whatever else comes.
async fn reports(line: &mut Line, count: usize) -> Vec<String> {
    let mut all = Vec::new();
    while all.len() < count {
        let event = line.event().await;
        if event["e"] == "executionReport" {
            all.push(event["x"].as_str().unwrap().to_owned());
        }
    }
    all
}

#[test]
fn a_stalled_user_stream_says_nothing_and_its_connection_answers() {
    run(async {
        let exchange = exchange();
        let mut line = user(&exchange).await;
        fault(&exchange, VENUE, json!({"fault": "stall", "streams": "user"}));
        limit(&exchange, "ann", "BUY", "40000", "unheard").await;
        assert!(line.is_silent().await);
        let open = line.ask("ann", "openOrders.status", json!({})).await;
        assert_eq!(open["result"][0]["clientOrderId"], "unheard");
        let mut next = user(&exchange).await;
        limit(&exchange, "ann", "BUY", "40000", "heard").await;
        assert_eq!(next.event().await["c"], "heard");
    });
}

#[test]
fn a_stalled_market_stream_answers_and_one_that_is_silent_does_not() {
    run(async {
        let exchange = exchange();
        let mut stalled = Line::open(&exchange, "/ws/btcusdt@bookTicker").await;
        fault(&exchange, VENUE, json!({"fault": "stall"}));
        limit(&exchange, "ann", "BUY", "40000", "a").await;
        assert!(stalled.is_silent().await);
        stalled.is_heard().await;
        fault(&exchange, VENUE, json!({"fault": "silence"}));
        stalled.say(json!({"method": "LIST_SUBSCRIPTIONS", "id": 1}).to_string()).await;
        assert!(stalled.is_silent().await);
    });
}

#[test]
fn user_streams_of_all_venues_fall_silent_while_those_of_markets_go_on() {
    run(async {
        let silence = json!({"fault": "silence", "streams": "user"});
        let spot = exchange();
        let mut line = user(&spot).await;
        let mut market = Line::open(&spot, "/ws/btcusdt@bookTicker").await;
        fault(&spot, VENUE, silence.clone());
        limit(&spot, "ann", "BUY", "40000", "a").await;
        assert_eq!(market.hear().await.unwrap()["b"], "40000.00000000");
        assert!(line.is_silent().await);
        let perpetuals = futures();
        let mut line = futures_user(&perpetuals, "ann").await;
        fault(&perpetuals, FUTURES, silence.clone());
        usdm::limit(&perpetuals, "ann", "BUY", "0.1", "50000").await;
        assert!(line.is_silent().await);
        let broker = alpaca::exchange();
        let mut line = alpaca::updates(&broker, "ann").await;
        fault(&broker, alpaca::VENUE, silence);
        alpaca::place(&broker, "ann", alpaca::shares("buy", "1", "150")).await;
        let next = tokio::time::timeout(Duration::from_millis(500), line.hear_binary());
        assert!(next.await.is_err());
    });
}

#[test]
fn a_subscription_is_acknowledged_and_nothing_comes_of_it() {
    run(async {
        let empty = json!({"fault": "empty_stream"});
        let exchange = exchange();
        let mut line = Line::open(&exchange, "/ws").await;
        fault(&exchange, VENUE, empty.clone());
        let wanted = json!({"method": "SUBSCRIBE", "params": ["btcusdt@bookTicker"], "id": 1});
        line.say(wanted.to_string()).await;
        assert_eq!(line.hear().await.unwrap(), json!({"result": null, "id": 1}));
        let mut next = Line::open(&exchange, "/ws/btcusdt@bookTicker").await;
        limit(&exchange, "ann", "BUY", "40000", "a").await;
        assert_eq!(next.hear().await.unwrap()["b"], "40000.00000000");
        assert!(line.is_silent().await);
        line.is_heard().await;

        let broker = alpaca::exchange();
        let mut line = alpaca::subscribed(&broker, "stocks", json!({"quotes": ["AAPL"]})).await;
        alpaca::place(&broker, "bob", alpaca::shares("buy", "1", "150")).await;
        assert_eq!(line.hear().await.unwrap()[0]["T"], "q");
        fault(&broker, alpaca::VENUE, empty);
        drop(line);
        let mut line = alpaca::subscribed(&broker, "stocks", json!({"quotes": ["AAPL"]})).await;
        alpaca::place(&broker, "bob", alpaca::shares("buy", "1", "151")).await;
        assert!(line.is_silent().await);
    });
}

#[test]
fn a_subscription_of_usdm_is_acknowledged_and_nothing_comes_of_it() {
    run(async {
        let exchange = futures();
        let empty = json!({"fault": "empty_stream"});
        let path = "/public/ws/btcusdt@bookTicker";
        let mut line = Line::open(&exchange, "/public/ws").await;
        fault(&exchange, FUTURES, empty.clone());
        let wanted = json!({"method": "SUBSCRIBE", "params": ["btcusdt@bookTicker"], "id": 1});
        line.say(wanted.to_string()).await;
        assert_eq!(line.hear().await.unwrap(), json!({"result": null, "id": 1}));
        let mut next = Line::open(&exchange, path).await;
        fault(&exchange, FUTURES, empty.clone());
        let mut of_path = Line::open(&exchange, path).await;
        fault(&exchange, FUTURES, empty);
        let mut other_half = Line::open(&exchange, "/market/ws/btcusdt@markPrice@1s").await;
        usdm::limit(&exchange, "ann", "BUY", "0.1", "50000").await;
        assert_eq!(next.hear().await.unwrap()["b"], "50000.00");
        usdm::deal(&exchange, "bob", "ann", "0.1", "50001").await;
        for silent in [&mut line, &mut of_path, &mut other_half] {
            assert!(silent.is_silent().await);
            silent.is_heard().await;
        }
        let heard = tokio::time::timeout(Duration::from_millis(1_200), other_half.hear()).await;
        assert!(heard.is_err(), "{heard:?}");
    });
}

#[test]
fn a_user_stream_is_acknowledged_and_nothing_comes_of_it() {
    run(async {
        let empty = json!({"fault": "empty_stream", "streams": "user"});
        let spot = exchange();
        fault(&spot, VENUE, empty.clone());
        let mut line = user(&spot).await;
        limit(&spot, "ann", "BUY", "40000", "a").await;
        assert!(line.is_silent().await);
        let open = line.ask("ann", "openOrders.status", json!({})).await;
        assert_eq!(open["result"][0]["clientOrderId"], "a");
        let mut next = user(&spot).await;
        limit(&spot, "ann", "BUY", "40000", "b").await;
        assert_eq!(next.event().await["c"], "b");

        let perpetuals = futures();
        fault(&perpetuals, FUTURES, empty.clone());
        let mut line = futures_user(&perpetuals, "ann").await;
        let mut next = futures_user(&perpetuals, "ann").await;
        usdm::limit(&perpetuals, "ann", "BUY", "0.1", "50000").await;
        assert_eq!(told(&mut next).await.0, "ORDER_TRADE_UPDATE");
        assert!(line.is_silent().await);

        let broker = alpaca::exchange();
        fault(&broker, alpaca::VENUE, empty);
        let mut line = alpaca::updates(&broker, "ann").await;
        let mut next = alpaca::updates(&broker, "ann").await;
        alpaca::place(&broker, "ann", alpaca::shares("buy", "1", "150")).await;
        assert_eq!(alpaca::event(&mut next).await.1, "pending_new");
        let heard = tokio::time::timeout(Duration::from_millis(500), line.hear_binary());
        assert!(heard.await.is_err());
    });
}

#[test]
fn a_user_stream_is_closed_with_a_code() {
    run(async {
        let exchange = exchange();
        let mut line = user(&exchange).await;
        let mut market = Line::open(&exchange, "/ws/btcusdt@bookTicker").await;
        fault(&exchange, VENUE, json!({"fault": "close", "code": 1012, "streams": "user"}));
        assert_eq!(line.hear().await, None);
        market.is_heard().await;
    });
}

#[test]
fn a_fill_overtakes_the_word_that_its_order_was_taken() {
    run(async {
        let exchange = exchange();
        limit(&exchange, "bob", "SELL", "50000", "a").await;
        let mut line = user(&exchange).await;
        fault(&exchange, VENUE, json!({"fault": "late_event", "ms": 200}));
        let began = Instant::now();
        limit(&exchange, "ann", "BUY", "50000", "mine").await;
        assert_eq!(reports(&mut line, 2).await, ["TRADE", "NEW"]);
        assert!(began.elapsed() >= Duration::from_millis(200));
    });
}

#[test]
fn a_fill_overtakes_the_word_of_a_change() {
    run(async {
        let exchange = exchange();
        let mut line = user(&exchange).await;
        limit(&exchange, "ann", "BUY", "40000", "mine").await;
        assert_eq!(reports(&mut line, 1).await, ["NEW"]);
        fault(&exchange, VENUE, json!({"fault": "late_event", "ms": 200, "of": "order"}));
        let query = "symbol=BTCUSDT&origClientOrderId=mine&newQty=0.05";
        let path = "/api/v3/order/amend/keepPriority";
        assert_eq!(signed(&exchange, "ann", "PUT", path, query).await.status, 200);
        limit(&exchange, "bob", "SELL", "40000", "b").await;
        assert_eq!(reports(&mut line, 2).await, ["TRADE", "REPLACED"]);
    });
}

#[test]
fn what_is_told_late_is_chosen_by_what_it_is_of_and_its_symbol() {
    run(async {
        let exchange = futures();
        usdm::limit(&exchange, "bob", "SELL", "0.1", "50000").await;
        let mut line = futures_user(&exchange, "ann").await;
        let elsewhere = json!({"fault": "late_event", "ms": 150, "symbol": "ETHUSDT"});
        fault(&exchange, FUTURES, elsewhere);
        fault(&exchange, FUTURES, json!({"fault": "late_event", "ms": 150, "of": "account"}));
        usdm::limit(&exchange, "ann", "BUY", "0.1", "50000").await;
        let expected = pairs(&[
            ("ORDER_TRADE_UPDATE", "NEW"),
            ("TRADE_LITE", ""),
            ("ORDER_TRADE_UPDATE", "FILLED"),
            ("ACCOUNT_UPDATE", "ORDER"),
        ]);
        assert_eq!(all_told(&mut line, 4).await, expected);
        fault(&exchange, FUTURES, json!({"fault": "late_event", "ms": 150, "of": "fill"}));
        fault(&exchange, FUTURES, json!({"fault": "duplicate_fill"}));
        usdm::limit(&exchange, "bob", "BUY", "0.1", "50000").await;
        usdm::limit(&exchange, "ann", "SELL", "0.1", "50000").await;
        let mut last = Vec::new();
        for _ in 0..5 {
            last.push(told(&mut line).await.1);
        }
        assert_eq!(last[3..], ["FILLED", "FILLED"]);
    });
}

#[test]
fn updates_of_a_broker_come_late_and_out_of_order() {
    run(async {
        let exchange = alpaca::exchange();
        let mut line = alpaca::updates(&exchange, "ann").await;
        fault(&exchange, alpaca::VENUE, json!({"fault": "late_event", "ms": 200}));
        alpaca::place(&exchange, "ann", alpaca::shares("buy", "1", "150")).await;
        assert_eq!(alpaca::event(&mut line).await.1, "new");
        assert_eq!(alpaca::event(&mut line).await.1, "pending_new");
        let of_account = r#"{"fault": "late_event", "ms": 200, "of": "account"}"#;
        let refused = exchange.fault_in_json(alpaca::VENUE, of_account).unwrap_err();
        assert!(refused.to_string().contains("orders and fills only"), "{refused}");
    });
}

#[test]
fn a_read_is_answered_as_things_were() {
    run(async {
        let exchange = exchange();
        limit(&exchange, "ann", "BUY", "40000", "known").await;
        let path = "/api/v3/openOrders";
        fault(&exchange, VENUE, json!({"fault": "stale", "path": path, "times": 2}));
        limit(&exchange, "ann", "BUY", "41000", "new").await;
        let names = |body: &Value| {
            let rows = body.as_array().unwrap().iter();
            rows.map(|one| one["clientOrderId"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
        };
        let account = signed(&exchange, "ann", "GET", "/api/v3/account", "").await.body;
        let locked = |account: &Value| {
            let rows = account["balances"].as_array().unwrap().iter();
            let row = rows.clone().find(|one| one["asset"] == "USDT").unwrap();
            row["locked"].as_str().unwrap().to_owned()
        };
        assert_eq!(locked(&account), "8100.00000000");
        assert_eq!(names(&signed(&exchange, "ann", "GET", path, "").await.body), ["known"]);
        let mut line = Line::open(&exchange, "/ws-api/v3").await;
        let open = line.ask("ann", "openOrders.status", json!({})).await;
        assert_eq!(names(&open["result"]), ["known"]);
        assert_eq!(names(&signed(&exchange, "ann", "GET", path, "").await.body), ["known", "new"]);
        fault(&exchange, VENUE, json!({"fault": "stale", "path": "/api/v3/depth"}));
        limit(&exchange, "ann", "BUY", "42000", "newer").await;
        let book = "/api/v3/depth?symbol=BTCUSDT";
        let best = |book: &Value| book["bids"][0][0].as_str().unwrap().to_owned();
        let [old, new] = [get(&exchange, book).await.body, get(&exchange, book).await.body];
        assert_eq!([best(&old), best(&new)], ["41000.00000000", "42000.00000000"]);
        assert!(old["lastUpdateId"].as_i64() < new["lastUpdateId"].as_i64());
        assert_eq!(get(&exchange, "/_exchange/status").await.body["faults"], json!([]));
    });
}

#[test]
fn positions_are_told_as_they_were() {
    run(async {
        let exchange = alpaca::exchange();
        let path = "/v2/positions";
        fault(&exchange, alpaca::VENUE, json!({"fault": "stale", "path": path}));
        alpaca::place(&exchange, "bob", alpaca::shares("sell", "2", "190")).await;
        alpaca::place(&exchange, "ann", alpaca::shares("buy", "2", "190")).await;
        let shares = |rows: &Value| {
            let rows = rows.as_array().unwrap();
            rows.iter().find(|one| one["symbol"] == "AAPL").unwrap()["qty"].clone()
        };
        let old = alpaca::read(&exchange, "ann", path).await;
        let new = alpaca::read(&exchange, "ann", path).await;
        assert_eq!([shares(&old), shares(&new)], ["100", "102"]);
        let perpetuals = futures();
        let path = "/fapi/v2/positionRisk";
        fault(&perpetuals, FUTURES, json!({"fault": "stale", "path": path}));
        usdm::limit(&perpetuals, "bob", "SELL", "0.1", "50000").await;
        usdm::limit(&perpetuals, "ann", "BUY", "0.1", "50000").await;
        assert_eq!(usdm::position(&perpetuals, "ann").await["positionAmt"], "0.000");
        assert_eq!(usdm::position(&perpetuals, "ann").await["positionAmt"], "0.100");
    });
}

#[test]
fn changes_of_a_book_are_numbered_from_1_again() {
    run(async {
        let exchange = exchange();
        let mut line = Line::open(&exchange, "/ws/btcusdt@depth@100ms").await;
        for price in ["40000", "40001", "40002"] {
            limit(&exchange, "ann", "BUY", price, price).await;
        }
        while line.hear().await.unwrap()["u"] != 3 {}
        fault(&exchange, VENUE, json!({"fault": "restart_counter", "symbol": "ETHUSDT"}));
        limit(&exchange, "ann", "BUY", "40003", "a").await;
        assert_eq!(line.hear().await.unwrap()["u"], 4);
        fault(&exchange, VENUE, json!({"fault": "restart_counter", "symbol": "BTCUSDT"}));
        limit(&exchange, "ann", "BUY", "40004", "b").await;
        let event = line.hear().await.unwrap();
        assert_eq!((&event["U"], &event["u"]), (&json!(1), &json!(2)));
        let book = get(&exchange, "/api/v3/depth?symbol=BTCUSDT").await.body;
        assert_eq!(
            (&book["lastUpdateId"], &book["bids"][0][0]),
            (&json!(2), &json!("40004.00000000"))
        );
    });
}

#[test]
fn a_change_of_a_book_is_overtaken() {
    run(async {
        let exchange = exchange();
        let mut line = Line::open(&exchange, "/ws/btcusdt@depth@100ms").await;
        fault(&exchange, VENUE, json!({"fault": "late_depth", "ms": 600}));
        limit(&exchange, "ann", "BUY", "40000", "a").await;
        tokio::time::sleep(Duration::from_millis(250)).await;
        limit(&exchange, "ann", "BUY", "40001", "b").await;
        let numbers =
            [line.hear().await.unwrap()["u"].take(), line.hear().await.unwrap()["u"].take()];
        assert_eq!(numbers, [2, 1]);
    });
}

#[test]
fn a_frame_comes_that_nobody_can_read() {
    run(async {
        let exchange = exchange();
        let mut market = Line::open(&exchange, "/ws/btcusdt@bookTicker").await;
        let mut line = user(&exchange).await;
        fault(&exchange, VENUE, json!({"fault": "frame", "hex": "00ff", "streams": "user"}));
        assert_eq!(line.hear_binary().await, Some(vec![0, 255]));
        fault(&exchange, VENUE, json!({"fault": "frame", "text": "[1,2"}));
        // What is no JSON is none of the messages that this hears.
        assert_eq!(market.hear().await, None);
        market.is_heard().await;
        let wrong = exchange.fault_in_json(VENUE, r#"{"fault":"frame"}"#).unwrap_err();
        assert!(wrong.to_string().contains("expected text or hex"), "{wrong}");
    });
}
