//! Streams of Binance USD-M futures, and calls by a socket.

#![allow(clippy::unwrap_used, reason = "a test may fail")]

mod common;

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use common::usdm::{ORDER, all_told, deal, limit, listen_key, pairs, told, user};
use common::{FUTURES, Line, call, decimal, futures, get, now_ms, run, signed};
use ring::signature::{Ed25519KeyPair, KeyPair as _};
use rustonite_exchange::Key;
use serde_json::json;

#[test]
fn the_user_stream_tells_orders_fills_and_positions_in_order() {
    run(async {
        let exchange = futures();
        let mut line = user(&exchange, "ann").await;
        limit(&exchange, "bob", "SELL", "0.1", "50000").await;
        limit(&exchange, "bob", "SELL", "0.1", "50001").await;
        limit(&exchange, "ann", "BUY", "0.3", "50001").await;
        let new = line.hear().await.unwrap();
        assert_eq!((&new["o"]["x"], &new["o"]["X"]), (&json!("NEW"), &json!("NEW")));
        let (first, second) = (line.hear().await.unwrap(), line.hear().await.unwrap());
        assert_eq!((&first["e"], &second["e"]), (&json!("TRADE_LITE"), &json!("TRADE_LITE")));
        assert_eq!((&first["L"], &first["t"]), (&json!("50000.00"), &json!(1)));
        let update = line.hear().await.unwrap();
        assert_eq!((&update["e"], &update["a"]["m"]), (&json!("ACCOUNT_UPDATE"), &json!("ORDER")));
        let held = &update["a"]["P"][0];
        assert_eq!((&held["pa"], &held["ep"]), (&json!("0.200"), &json!("50000.50000000")));
        assert_eq!(update["a"]["B"][0]["wb"], "100000.00000000");
        let fill = line.hear().await.unwrap();
        assert_eq!(
            (&fill["o"]["x"], &fill["o"]["X"]),
            (&json!("TRADE"), &json!("PARTIALLY_FILLED"))
        );
        assert_eq!((&fill["o"]["t"], &fill["o"]["l"]), (&first["t"], &json!("0.100")));
        let fill = line.hear().await.unwrap();
        assert_eq!(
            (&fill["o"]["z"], &fill["o"]["ap"]),
            (&json!("0.200"), &json!("50000.50000000"))
        );
        let id = new["o"]["i"].as_u64().unwrap();
        let query = format!("symbol=BTCUSDT&orderId={id}&side=BUY&quantity=0.25&price=50000.5");
        signed(&exchange, "ann", "PUT", ORDER, &query).await;
        let changed = line.hear().await.unwrap();
        assert_eq!(
            (&changed["o"]["x"], &changed["o"]["p"]),
            (&json!("AMENDMENT"), &json!("50000.50"))
        );
        let query = format!("symbol=BTCUSDT&orderId={id}");
        signed(&exchange, "ann", "DELETE", ORDER, &query).await;
        let ended = line.hear().await.unwrap();
        assert_eq!((&ended["o"]["x"], &ended["o"]["z"]), (&json!("CANCELED"), &json!("0.200")));
        exchange.deposit(FUTURES, "ann", "USDT", decimal("5")).unwrap();
        let update = line.hear().await.unwrap();
        assert_eq!(
            (&update["a"]["m"], &update["a"]["B"][0]["bc"]),
            (&json!("DEPOSIT"), &json!("5.00000000"))
        );
        signed(&exchange, "ann", "POST", "/fapi/v1/leverage", "symbol=BTCUSDT&leverage=7").await;
        let config = line.hear().await.unwrap();
        assert_eq!(
            (&config["e"], &config["ac"]["l"]),
            (&json!("ACCOUNT_CONFIG_UPDATE"), &json!(7))
        );
    });
}

#[test]
fn an_amendment_is_told_before_what_it_trades() {
    run(async {
        for (offered, state) in [("0.200", "PARTIALLY_FILLED"), ("0.500", "FILLED")] {
            let exchange = futures();
            limit(&exchange, "bob", "SELL", offered, "50000").await;
            let id = limit(&exchange, "ann", "BUY", "0.5", "49000").await["orderId"].clone();
            let mut line = user(&exchange, "ann").await;
            let query = format!("symbol=BTCUSDT&orderId={id}&side=BUY&quantity=0.5&price=50000");
            signed(&exchange, "ann", "PUT", ORDER, &query).await;
            let changed = line.hear().await.unwrap();
            let facts = ["x", "X", "z", "ap"].map(|name| changed["o"][name].clone());
            assert_eq!(facts, ["AMENDMENT", "NEW", "0.000", "0.00"].map(|text| json!(text)));
            let expected = pairs(&[("TRADE_LITE", ""), ("ACCOUNT_UPDATE", "ORDER")]);
            assert_eq!(all_told(&mut line, 2).await, expected);
            let fill = line.hear().await.unwrap();
            let facts = ["x", "X", "l", "z"].map(|name| fill["o"][name].clone());
            assert_eq!(facts, ["TRADE", state, offered, offered].map(|text| json!(text)));
        }
    });
}

#[test]
fn user_streams_are_reached_in_each_way() {
    run(async {
        let exchange = futures();
        let key = listen_key(&exchange, "ann").await;
        assert_eq!(listen_key(&exchange, "ann").await, key, "there is one of an account");
        let mut plain = Line::open(&exchange, &format!("/ws/{key}")).await;
        let mut some =
            Line::open(&exchange, &format!("/private/ws?listenKey={key}&events=TRADE_LITE")).await;
        let mut wrapped = Line::open(&exchange, &format!("/private/stream?streams={key}")).await;
        let mut later = Line::open(&exchange, "/private/ws").await;
        let ask = json!({"method": "SUBSCRIBE", "params": [key], "id": 1});
        later.say(ask.to_string()).await;
        assert_eq!(later.hear().await.unwrap(), json!({"result": null, "id": 1}));
        let mut other = Line::open(&exchange, "/private/ws?listenKey=nobody").await;
        limit(&exchange, "ann", "BUY", "0.1", "50000").await;
        assert_eq!(plain.hear().await.unwrap()["e"], "ORDER_TRADE_UPDATE");
        assert_eq!(later.hear().await.unwrap()["e"], "ORDER_TRADE_UPDATE");
        let event = wrapped.hear().await.unwrap();
        assert_eq!((&event["stream"], &event["data"]["o"]["X"]), (&json!(key), &json!("NEW")));
        limit(&exchange, "bob", "SELL", "0.1", "50000").await;
        assert_eq!(some.hear().await.unwrap()["e"], "TRADE_LITE");
        assert!(other.is_silent().await);
        // An hour without a sign of life.
        exchange.fault_in_json(FUTURES, r#"{"fault":"clock_ahead","ms":3600000}"#).unwrap();
        let mut last = plain.hear().await.unwrap();
        while last["e"] != "listenKeyExpired" {
            last = plain.hear().await.unwrap();
        }
        assert_eq!(last["listenKey"], json!(key));
        let path = "/fapi/v1/listenKey";
        let gone = call(&exchange, "PUT", path, Some("ann"), Vec::new()).await;
        assert_eq!(gone.code(), -1125);
        exchange.fault_in_json(FUTURES, r#"{"fault":"clock_ahead","ms":0}"#).unwrap();
        let mut line = user(&exchange, "ann").await;
        let ended = call(&exchange, "DELETE", path, Some("ann"), Vec::new()).await;
        assert_eq!((ended.status, &ended.body), (200, &json!({})));
        limit(&exchange, "ann", "BUY", "0.1", "49000").await;
        assert!(line.is_silent().await);
    });
}

#[test]
fn a_stream_of_the_other_half_is_acknowledged_and_silent() {
    run(async {
        let exchange = futures();
        deal(&exchange, "bob", "ann", "0.1", "50000").await;
        for (path, name) in [
            ("/public/ws", "btcusdt@markPrice@1s"),
            ("/ws", "btcusdt@aggTrade"),
            ("/public/ws", "btcusdt@kline_1m"),
            ("/market/ws", "btcusdt@bookTicker"),
            ("/market/ws", "btcusdt@depth@100ms"),
            ("/private/ws", "btcusdt@trade"),
        ] {
            let mut line = Line::open(&exchange, path).await;
            let ask = json!({"method": "SUBSCRIBE", "params": [name], "id": 4});
            line.say(ask.to_string()).await;
            assert_eq!(line.hear().await.unwrap(), json!({"result": null, "id": 4}), "{name}");
            let ask = json!({"method": "LIST_SUBSCRIPTIONS", "id": 5});
            line.say(ask.to_string()).await;
            assert_eq!(line.hear().await.unwrap()["result"], json!([name]));
            deal(&exchange, "bob", "ann", "0.1", "50000").await;
            let heard = tokio::time::timeout(Duration::from_millis(1_200), line.hear()).await;
            assert!(heard.is_err(), "{path} {name} {heard:?}");
        }
    });
}

#[test]
fn streams_of_the_right_half_tell_what_happens() {
    run(async {
        let exchange = futures();
        limit(&exchange, "bob", "BUY", "0.1", "49000").await;
        let names = "btcusdt@depth@100ms/btcusdt@bookTicker/btcusdt@trade";
        let mut public = Line::open(&exchange, &format!("/public/stream?streams={names}")).await;
        let names = "btcusdt@aggTrade/btcusdt@markPrice@1s/btcusdt@kline_1m/!miniTicker@arr";
        let mut market = Line::open(&exchange, &format!("/market/stream?streams={names}")).await;
        let picture = get(&exchange, "/fapi/v1/depth?symbol=BTCUSDT").await.body;
        deal(&exchange, "bob", "ann", "0.1", "50000").await;
        let mut seen = std::collections::BTreeMap::new();
        while seen.len() < 3 {
            let event = public.hear().await.unwrap();
            seen.entry(event["stream"].as_str().unwrap().to_owned())
                .or_insert(event["data"].clone());
        }
        let depth = &seen["btcusdt@depth@100ms"];
        assert_eq!(depth["pu"], picture["lastUpdateId"]);
        let number = |name: &str| depth[name].as_i64().unwrap();
        // The rule of spot does not hold: a client that follows it sees a gap here.
        assert!(number("pu") + 1 < number("U") && number("U") < number("u"), "{depth}");
        assert_eq!(depth["T"], depth["E"]);
        assert_eq!(seen["btcusdt@bookTicker"]["e"], "bookTicker");
        assert_eq!(
            (&seen["btcusdt@trade"]["X"], &seen["btcusdt@trade"]["p"]),
            (&json!("MARKET"), &json!("50000.00"))
        );
        let mut seen = std::collections::BTreeMap::new();
        while seen.len() < 4 {
            let event = market.hear().await.unwrap();
            seen.insert(event["stream"].as_str().unwrap().to_owned(), event["data"].clone());
        }
        assert_eq!(seen["btcusdt@aggTrade"]["nq"], "0.100");
        let mark = &seen["btcusdt@markPrice@1s"];
        assert_eq!((&mark["p"], &mark["r"]), (&json!("50000.00"), &json!("0.00010000")));
        assert_eq!(mark["T"].as_i64().unwrap() % (8 * 3_600 * 1_000), 0);
        assert_eq!(seen["!miniTicker@arr"][0]["s"], "BTCUSDT");
    });
}

#[test]
fn the_socket_has_the_calls_of_trading() {
    run(async {
        let exchange = futures();
        limit(&exchange, "bob", "SELL", "0.05", "50000").await;
        let mut line = Line::open(&exchange, "/ws-fapi/v1").await;
        let order = json!({
            "symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT", "timeInForce": "GTC",
            "quantity": "0.1", "price": "50000", "newOrderRespType": "RESULT",
        });
        let placed = line.ask("ann", "order.place", order).await;
        assert_eq!(
            (&placed["status"], &placed["result"]["status"]),
            (&json!(200), &json!("PARTIALLY_FILLED"))
        );
        let limits: Vec<_> = placed["rateLimits"]
            .as_array()
            .unwrap()
            .iter()
            .map(|one| (one["interval"].as_str().unwrap(), one["count"].as_u64().unwrap() > 0))
            .collect();
        // An order has no weight besides.
        assert_eq!(limits, [("SECOND", true), ("MINUTE", true), ("MINUTE", false)]);
        let id = placed["result"]["orderId"].clone();
        let change = json!({
            "symbol": "BTCUSDT", "orderId": id, "side": "BUY", "quantity": "0.2", "price": "49000",
        });
        let changed = line.ask("ann", "order.modify", change).await;
        assert_eq!(changed["result"]["price"], "49000.00", "{changed}");
        let name = json!({"symbol": "BTCUSDT", "orderId": id});
        let seen = line.ask("ann", "order.status", name.clone()).await;
        assert_eq!(seen["result"]["executedQty"], "0.050");
        let ended = line.ask("ann", "order.cancel", name.clone()).await;
        assert_eq!(ended["result"]["status"], "CANCELED");
        let again = line.ask("ann", "order.cancel", name).await;
        assert_eq!((&again["status"], &again["error"]["code"]), (&json!(400), &json!(-2011)));
        let held = line.ask("ann", "v2/account.position", json!({})).await;
        assert_eq!(held["result"][0]["positionAmt"], "0.050");
        let money = line.ask("ann", "v2/account.balance", json!({})).await;
        assert_eq!(money["result"][0]["asset"], "USDT");
        let account = line.ask("ann", "v2/account.status", json!({})).await;
        assert_eq!(account["result"]["totalWalletBalance"], "100000.00000000");
        let stop = json!({
            "algoType": "CONDITIONAL", "symbol": "BTCUSDT", "side": "SELL", "type": "STOP_MARKET",
            "quantity": "0.05", "triggerPrice": "48000",
        });
        let placed = line.ask("ann", "algoOrder.place", stop).await;
        assert_eq!(placed["result"]["algoStatus"], "NEW", "{placed}");
        let name = json!({"algoId": placed["result"]["algoId"]});
        let ended = line.ask("ann", "algoOrder.cancel", name).await;
        assert_eq!(ended["result"]["algoStatus"], "CANCELED", "{ended}");
        let logon = line.ask("ann", "session.logon", json!({})).await;
        assert_eq!(logon["error"]["code"], -4056, "HMAC keys do not log on");
        let pair = Ed25519KeyPair::from_seed_unchecked(&[9; 32]).unwrap();
        let key = Key::ed25519(&STANDARD.encode(pair.public_key().as_ref())).unwrap();
        exchange.add_key("ann", "edwards", &key).unwrap();
        let time = now_ms();
        let signature = pair.sign(format!("apiKey=edwards&timestamp={time}").as_bytes());
        let params = json!({
            "apiKey": "edwards", "timestamp": time, "signature": STANDARD.encode(signature),
        });
        line.say(json!({"id": 1, "method": "session.logon", "params": params}).to_string()).await;
        assert_eq!(line.hear().await.unwrap()["result"]["apiKey"], "edwards");
        let order = json!({
            "symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT", "timeInForce": "GTC",
            "quantity": "0.1", "price": "49000", "timestamp": now_ms(),
        });
        line.say(json!({"id": 2, "method": "order.place", "params": order}).to_string()).await;
        assert_eq!(line.hear().await.unwrap()["result"]["status"], "NEW");
        let none = line.ask("ann", "userDataStream.subscribe", json!({})).await;
        assert_eq!(none["error"]["code"], -1020);
    });
}

#[test]
fn a_lost_change_of_a_book_breaks_the_chain() {
    run(async {
        let exchange = futures();
        let mut line = Line::open(&exchange, "/public/ws/btcusdt@depth@100ms").await;
        limit(&exchange, "ann", "BUY", "0.1", "50000").await;
        let first = line.hear().await.unwrap();
        limit(&exchange, "ann", "BUY", "0.1", "50001").await;
        let second = line.hear().await.unwrap();
        assert_eq!(second["pu"], first["u"]);
        exchange.fault_in_json(FUTURES, r#"{"fault":"drop_depth"}"#).unwrap();
        limit(&exchange, "ann", "BUY", "0.1", "50002").await;
        tokio::time::sleep(Duration::from_millis(300)).await;
        limit(&exchange, "ann", "BUY", "0.1", "50003").await;
        let third = line.hear().await.unwrap();
        assert!(third["pu"].as_i64() > second["u"].as_i64(), "{third}");
        assert_eq!(third["b"][0][0], "50003.00");
    });
}

#[test]
fn faults_meet_this_market_too() {
    run(async {
        let exchange = futures();
        let fault = r#"{"fault":"fail_after","status":503,"call":"place"}"#;
        exchange.fault_in_json(FUTURES, fault).unwrap();
        let query = "symbol=BTCUSDT&side=BUY&type=LIMIT&timeInForce=GTC&quantity=0.1&price=50000\
                     &newClientOrderId=lost";
        assert_eq!(signed(&exchange, "ann", "POST", ORDER, query).await.status, 503);
        let query = "symbol=BTCUSDT&origClientOrderId=lost";
        let found = signed(&exchange, "ann", "GET", ORDER, query).await.body;
        assert_eq!(found["status"], "NEW");
        let mut line = user(&exchange, "ann").await;
        exchange.fault_in_json(FUTURES, r#"{"fault":"fill_before_cancel"}"#).unwrap();
        let ended = signed(&exchange, "ann", "DELETE", ORDER, query).await;
        assert_eq!(ended.code(), -2011);
        let expected = pairs(&[
            ("TRADE_LITE", ""),
            ("ACCOUNT_UPDATE", "ORDER"),
            ("ORDER_TRADE_UPDATE", "FILLED"),
        ]);
        assert_eq!(all_told(&mut line, 3).await, expected);
        exchange.fault_in_json(FUTURES, r#"{"fault":"duplicate_fill"}"#).unwrap();
        limit(&exchange, "bob", "SELL", "0.1", "50000").await;
        limit(&exchange, "ann", "BUY", "0.1", "50000").await;
        let mut fills = 0;
        while fills < 2 {
            if told(&mut line).await == ("ORDER_TRADE_UPDATE".to_owned(), "FILLED".to_owned()) {
                fills += 1;
            }
        }
        exchange.fault_in_json(FUTURES, r#"{"fault":"drop_user_stream"}"#).unwrap();
        assert_eq!(line.hear().await, None);
    });
}

#[test]
fn halts_are_told_to_who_hears_of_contracts() {
    run(async {
        let exchange = futures();
        let mut line = Line::open(&exchange, "/market/ws/!contractInfo").await;
        line.is_heard().await;
        for (on, status) in [(true, "HALT"), (false, "TRADING")] {
            exchange.halt(FUTURES, "ETHUSDT", on).unwrap();
            let event = line.hear().await.unwrap();
            let told = ["e", "s", "ct", "cs"].map(|name| event[name].as_str().unwrap());
            assert_eq!(told, ["contractInfo", "ETHUSDT", "PERPETUAL", status]);
        }
    });
}
