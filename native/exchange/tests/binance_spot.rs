//! Binance spot as a plain client sees it: calls, streams, user streams and refusals.
#![allow(clippy::unwrap_used, reason = "a test may fail")]

mod common;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use common::{
    Line, VENUE, call, decimal, exchange, exchange_with, first_trade, get, limit, now_ms, run,
    sign, signed, user,
};
use ring::signature::{Ed25519KeyPair, KeyPair as _};
use rustonite_exchange::{Allowance, Key, LocalExchange};
use rustonite_sim::{Command, NewOrder, Side};
use serde_json::{Value, json};

/// Books and balances: what a refusal must not change.
async fn state(exchange: &LocalExchange) -> [Value; 3] {
    let mut account = signed(exchange, "ann", "GET", "/api/v3/account", "").await.body;
    account["updateTime"] = Value::Null;
    let depth = get(exchange, "/api/v3/depth?symbol=BTCUSDT").await.body;
    let open = signed(exchange, "ann", "GET", "/api/v3/openOrders", "").await.body;
    [depth, account, open]
}

#[test]
fn an_order_rests_is_seen_and_is_cancelled() {
    run(async {
        let exchange = exchange();
        let placed = limit(&exchange, "ann", "BUY", "40000.01", "mine").await;
        assert_eq!(placed.status, 200, "{}", placed.body);
        assert_eq!(placed.body["status"], "NEW");
        assert_eq!(placed.headers["x-mbx-order-count-10s"], "1");
        let depth = get(&exchange, "/api/v3/depth?symbol=BTCUSDT&limit=5").await.body;
        assert_eq!(depth["bids"], json!([["40000.01000000", "0.10000000"]]));
        let path = "/api/v3/order";
        let seen = signed(&exchange, "ann", "GET", path, "symbol=BTCUSDT&origClientOrderId=mine");
        assert_eq!(seen.await.body["orderId"], placed.body["orderId"]);
        let query = "symbol=BTCUSDT&origClientOrderId=mine&newClientOrderId=end";
        let ended = signed(&exchange, "ann", "DELETE", path, query).await.body;
        assert_eq!(
            (&ended["status"], &ended["clientOrderId"]),
            (&json!("CANCELED"), &json!("end"))
        );
        let depth = get(&exchange, "/api/v3/depth?symbol=BTCUSDT").await.body;
        assert_eq!(depth["bids"], json!([]));
        let (free, locked) = exchange.balance(VENUE, "ann", "USDT").unwrap();
        assert_eq!((free.to_string(), locked.to_string()), ("100000".to_owned(), "0".to_owned()));
    });
}

#[test]
fn a_market_order_is_answered_with_its_fills() {
    run(async {
        let exchange = exchange();
        limit(&exchange, "bob", "SELL", "50000", "a").await;
        limit(&exchange, "bob", "SELL", "50001", "b").await;
        let query = "symbol=BTCUSDT&side=BUY&type=MARKET&quantity=0.15";
        let bought = signed(&exchange, "ann", "POST", "/api/v3/order", query).await.body;
        assert_eq!(bought["status"], "FILLED", "{bought}");
        assert_eq!(bought["cummulativeQuoteQty"], "7500.05000000");
        assert_eq!(bought["fills"].as_array().unwrap().len(), 2);
        assert_eq!(bought["fills"][1]["price"], "50001.00000000");
        let query = "symbol=BTCUSDT";
        let own = signed(&exchange, "ann", "GET", "/api/v3/myTrades", query).await.body;
        assert_eq!(own.as_array().unwrap().len(), 2);
        assert_eq!(own[0]["isBuyer"], true);
        let all = get(&exchange, "/api/v3/trades?symbol=BTCUSDT").await.body;
        assert_eq!(all[1]["qty"], "0.05000000");
        let day = get(&exchange, "/api/v3/ticker/24hr?symbol=BTCUSDT").await.body;
        assert_eq!(day["volume"], "0.15000000");
        let candles = get(&exchange, "/api/v3/klines?symbol=BTCUSDT&interval=1m").await.body;
        assert_eq!(candles.as_array().unwrap().last().unwrap()[1], "50000.00000000");
    });
}

#[test]
fn rules_are_told_as_filters() {
    run(async {
        let exchange = exchange();
        let info = get(&exchange, "/api/v3/exchangeInfo").await;
        assert_eq!(info.headers["x-mbx-used-weight-1m"], "20");
        let symbols = info.body["symbols"].as_array().unwrap();
        assert_eq!(symbols.len(), 2);
        let filters = symbols[0]["filters"].as_array().unwrap();
        let price = filters.iter().find(|one| one["filterType"] == "PRICE_FILTER").unwrap();
        assert_eq!(price["tickSize"], "0.01000000");
    });
}

#[test]
fn what_is_wrong_is_refused_with_the_venues_code_and_changes_nothing() {
    run(async {
        let exchange = exchange();
        first_trade(&exchange).await;
        limit(&exchange, "ann", "BUY", "45000", "taken").await;
        let before = state(&exchange).await;
        let order =
            |rest: &str| format!("symbol=BTCUSDT&side=BUY&type=LIMIT&timeInForce=GTC&{rest}");
        for (query, code, text) in [
            (order("quantity=0.1&price=45000.001"), -1013, "Filter failure: PRICE_FILTER"),
            (order("quantity=0.000001&price=45000"), -1013, "Filter failure: LOT_SIZE"),
            (order("quantity=0.00002&price=45000"), -1013, "Filter failure: NOTIONAL"),
            (order("quantity=0.1&price=0"), -1013, "Invalid price."),
            (order("quantity=0.1&price=-4"), -1100, "Illegal characters"),
            (order("quantity=0.1&price=45000.000000001"), -1111, "Parameter 'price'"),
            (order("quantity=0.1"), -1102, "Mandatory parameter 'price'"),
            (order("quantity=0.1&price=45000&colour=red"), -1104, "Not all sent parameters"),
            (order("quantity=9&price=45000"), -2010, "Account has insufficient balance"),
            (
                order("quantity=0.1&price=45000&newClientOrderId=taken"),
                -2010,
                "Duplicate order sent.",
            ),
            (order("quantity=0.1&price=1000"), -1013, "Filter failure: PERCENT_PRICE_BY_SIDE"),
            ("symbol=NOSUCH&side=BUY&type=MARKET&quantity=1".into(), -1121, "Invalid symbol."),
            ("symbol=BTCUSDT&side=UP&type=MARKET&quantity=1".into(), -1117, "Invalid side."),
            ("symbol=BTCUSDT&side=BUY&type=BEST&quantity=1".into(), -1116, "Invalid orderType."),
            (
                "symbol=BTCUSDT&side=BUY&type=MARKET&quantity=1&price=2".into(),
                -1106,
                "Parameter 'price'",
            ),
        ] {
            let answer = signed(&exchange, "ann", "POST", "/api/v3/order", &query).await;
            assert_eq!((answer.status, answer.code()), (400, code), "{query} {}", answer.body);
            assert!(answer.text().starts_with(text), "{query} {}", answer.body);
        }
        let gone = signed(&exchange, "ann", "DELETE", "/api/v3/order", "symbol=BTCUSDT&orderId=99");
        assert_eq!(gone.await.code(), -2011);
        let gone = signed(&exchange, "ann", "GET", "/api/v3/order", "symbol=BTCUSDT&orderId=99");
        assert_eq!(gone.await.code(), -2013);
        assert_eq!(state(&exchange).await, before);
    });
}

#[test]
fn who_does_not_sign_well_is_refused() {
    run(async {
        let exchange = exchange();
        let order = "symbol=BTCUSDT&side=BUY&type=LIMIT&timeInForce=GTC&quantity=0.1&price=45000";
        let with = |time: i64| format!("{order}&timestamp={time}");
        let good = with(now_ms());
        let old = with(now_ms() - 6_000);
        let early = with(now_ms() + 5_000);
        for (query, key, signature, status, code) in [
            (&good, Some("ann"), sign("something else"), 400, -1022),
            (&old, Some("ann"), sign(&old), 400, -1021),
            (&early, Some("ann"), sign(&early), 400, -1021),
            (&good, Some("eve"), sign(&good), 401, -2015),
            (&good, None, sign(&good), 401, -2014),
            (&good, Some("ann"), String::new(), 400, -1105),
        ] {
            let path = format!("/api/v3/order?{query}&signature={signature}");
            let answer = call(&exchange, "POST", &path, key, Vec::new()).await;
            assert_eq!((answer.status, answer.code()), (status, code), "{}", answer.body);
        }
        let depth = get(&exchange, "/api/v3/depth?symbol=BTCUSDT").await.body;
        assert_eq!((&depth["bids"], &depth["lastUpdateId"]), (&json!([]), &json!(0)));
        // The body counts as well as the query.
        let body = format!("{good}&signature={}", sign(&good)).into_bytes();
        let answer = call(&exchange, "POST", "/api/v3/order", Some("ann"), body).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
    });
}

#[test]
fn a_large_body_is_refused() {
    run(async {
        let exchange = exchange();
        let body = vec![b'a'; (1 << 20) + 1];
        let answer = call(&exchange, "POST", "/api/v3/order", Some("ann"), body).await;
        assert_eq!((answer.status, answer.code()), (413, -1000));
        assert_eq!(answer.text(), "The request body is too large.");
        assert_eq!(get(&exchange, "/api/v3/ping").await.status, 200);
    });
}

#[test]
fn too_many_calls_and_orders_are_refused_and_then_banned() {
    run(async {
        let allowance = Allowance { weight_1m: 60, orders_10s: 2, ..Allowance::default() };
        let exchange = exchange_with(allowance);
        limit(&exchange, "ann", "BUY", "40000", "a").await;
        limit(&exchange, "ann", "BUY", "40000", "b").await;
        let third = limit(&exchange, "ann", "BUY", "40000", "c").await;
        // A window may end between two orders: then the next one is too many.
        if third.status != 200 {
            assert_eq!((third.status, third.code()), (429, -1015), "{}", third.body);
        }
        let mut statuses = Vec::new();
        for _ in 0..40 {
            let answer = get(&exchange, "/api/v3/exchangeInfo").await;
            if answer.status != 200 {
                assert_eq!(answer.code(), -1003);
                assert!(answer.headers["retry-after"].parse::<u64>().unwrap() > 0);
            }
            statuses.push(answer.status);
        }
        statuses.dedup();
        assert_eq!(statuses, [200, 429, 418]);
    });
}

#[test]
fn the_user_stream_tells_orders_fills_and_balances_in_order() {
    run(async {
        let exchange = exchange();
        let mut line = Line::open(&exchange, "/ws-api/v3").await;
        let answer = line.ask("ann", "userDataStream.subscribe.signature", json!({})).await;
        assert_eq!(answer["result"]["subscriptionId"], 0, "{answer}");
        limit(&exchange, "ann", "BUY", "50000", "mine").await;
        limit(&exchange, "bob", "SELL", "50000", "yours").await;
        let new = line.event().await;
        assert_eq!(
            (&new["x"], &new["X"], &new["c"]),
            (&json!("NEW"), &json!("NEW"), &json!("mine"))
        );
        let balance = line.event().await;
        assert_eq!(balance["e"], "outboundAccountPosition");
        assert_eq!(balance["B"][0]["l"], "5000.00000000");
        let fill = line.event().await;
        assert_eq!(
            (&fill["x"], &fill["X"], &fill["t"]),
            (&json!("TRADE"), &json!("FILLED"), &json!(1))
        );
        assert_eq!((&fill["m"], &fill["z"]), (&json!(true), &json!("0.10000000")));
        assert_eq!(line.event().await["e"], "outboundAccountPosition");
        exchange.deposit(VENUE, "ann", "BTC", common::decimal("1")).unwrap();
        assert_eq!(line.event().await["e"], "outboundAccountPosition");
        let deposit = line.event().await;
        assert_eq!((&deposit["e"], &deposit["d"]), (&json!("balanceUpdate"), &json!("1.00000000")));
    });
}

#[test]
fn the_socket_takes_orders_of_who_logged_on() {
    run(async {
        let exchange = exchange();
        let pair = Ed25519KeyPair::from_seed_unchecked(&[9; 32]).unwrap();
        let key = Key::ed25519(&STANDARD.encode(pair.public_key().as_ref())).unwrap();
        exchange.add_key("ann", "edwards", &key).unwrap();
        let mut line = Line::open(&exchange, "/ws-api/v3").await;
        let refused = line.ask("ann", "session.logon", json!({})).await;
        assert_eq!(refused["error"]["code"], -4056, "HMAC keys do not log on");
        let text = format!("apiKey=edwards&timestamp={}", now_ms());
        let (_, time) = text.rsplit_once('=').unwrap();
        let signature = STANDARD.encode(pair.sign(text.as_bytes()));
        let params = json!({"apiKey": "edwards", "timestamp": time, "signature": signature});
        line.say(json!({"id": 1, "method": "session.logon", "params": params}).to_string()).await;
        assert_eq!(line.hear().await.unwrap()["result"]["apiKey"], "edwards");
        let order = json!({
            "symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT", "timeInForce": "GTC",
            "quantity": "0.1", "price": "45000", "timestamp": now_ms(),
        });
        line.say(json!({"id": "x", "method": "order.place", "params": order}).to_string()).await;
        let placed = line.hear().await.unwrap();
        assert_eq!((&placed["status"], &placed["id"]), (&json!(200), &json!("x")), "{placed}");
        for text in ["{no json", "5", "[]", r#""id""#, "[{}]", "{}"] {
            line.say(text.to_owned()).await;
            assert_eq!(line.hear().await.unwrap()["error"]["code"], -1135, "{text}");
        }
    });
}

/// Lets ann log on, with the name of a new key.
async fn log_on(exchange: &LocalExchange, line: &mut Line, name: &str) {
    let pair = Ed25519KeyPair::from_seed_unchecked(&[9; 32]).unwrap();
    let key = Key::ed25519(&STANDARD.encode(pair.public_key().as_ref())).unwrap();
    exchange.add_key("ann", name, &key).unwrap();
    let time = now_ms();
    let signature = pair.sign(format!("apiKey={name}&timestamp={time}").as_bytes());
    let signature = STANDARD.encode(signature);
    let params = json!({"apiKey": name, "timestamp": time, "signature": signature});
    line.say(json!({"id": 1, "method": "session.logon", "params": params}).to_string()).await;
    assert_eq!(line.hear().await.unwrap()["result"]["apiKey"], name);
}

#[test]
fn an_account_has_one_user_stream_on_a_connection_and_some_end_with_the_logon() {
    run(async {
        let exchange = exchange();
        let mut line = Line::open(&exchange, "/ws-api/v3").await;
        log_on(&exchange, &mut line, "edwards").await;
        let ask = async |line: &mut Line, method: &str, params: Value| {
            line.say(json!({"id": 2, "method": method, "params": params}).to_string()).await;
            line.hear().await.unwrap()
        };
        let first = ask(&mut line, "userDataStream.subscribe", json!({})).await;
        assert_eq!(first["result"]["subscriptionId"], 0, "{first}");
        let signature = "userDataStream.subscribe.signature";
        let twice = line.ask("ann", signature, json!({})).await;
        assert_eq!((&twice["status"], &twice["error"]["code"]), (&json!(400), &json!(-2035)));
        let other = line.ask("bob", signature, json!({})).await;
        assert_eq!(other["result"]["subscriptionId"], 1);
        let all = ask(&mut line, "session.subscriptions", json!({})).await;
        assert_eq!(all["result"], json!([{"subscriptionId": 0}, {"subscriptionId": 1}]));
        let unknown = json!({"subscriptionId": 7});
        let unknown = ask(&mut line, "userDataStream.unsubscribe", unknown).await;
        assert_eq!(unknown["error"]["code"], -2036);
        let out = ask(&mut line, "session.logout", json!({})).await;
        assert_eq!(out["result"]["apiKey"], Value::Null, "{out}");
        let ended = line.hear().await.unwrap();
        assert_eq!(
            (&ended["subscriptionId"], &ended["event"]["e"]),
            (&json!(0), &json!("eventStreamTerminated"))
        );
        let all = ask(&mut line, "session.subscriptions", json!({})).await;
        assert_eq!(all["result"], json!([{"subscriptionId": 1}]));
        let again = line.ask("ann", signature, json!({})).await;
        assert_eq!(again["result"]["subscriptionId"], 2);
    });
}

#[test]
fn history_begins_where_it_is_asked_to_begin() {
    run(async {
        let exchange = exchange();
        for price in ["50000", "50001", "50002"] {
            limit(&exchange, "bob", "SELL", price, price).await;
            limit(&exchange, "ann", "BUY", price, price).await;
        }
        let prices = async |path: &str, query: &str| {
            let query = format!("symbol=BTCUSDT&limit=2&{query}");
            let rows = signed(&exchange, "ann", "GET", path, &query).await.body;
            let rows = rows.as_array().unwrap_or_else(|| panic!("{rows}"));
            rows.iter()
                .map(|row| row["price"].as_str().unwrap()[..5].to_owned())
                .collect::<Vec<_>>()
        };
        let now = now_ms();
        let since = format!("startTime={}", now - 60_000);
        let until = format!("endTime={}", now + 60_000);
        for path in ["/api/v3/allOrders", "/api/v3/myTrades"] {
            assert_eq!(prices(path, &since).await, ["50000", "50001"], "{path}");
            assert_eq!(
                prices(path, &format!("{since}&{until}")).await,
                ["50000", "50001"],
                "{path}"
            );
            assert_eq!(prices(path, &until).await, ["50001", "50002"], "{path}");
            assert_eq!(prices(path, "").await, ["50001", "50002"], "{path}");
            let day = 86_400_000;
            for (longer, code) in [(0, 0), (1, -1127)] {
                let query = format!("symbol=BTCUSDT&startTime=1&endTime={}", 1 + day + longer);
                let answer = signed(&exchange, "ann", "GET", path, &query).await;
                assert_eq!(answer.code(), code, "{path}: {}", answer.body);
            }
        }
    });
}

#[test]
fn changes_of_a_book_follow_its_picture_without_a_gap() {
    run(async {
        let exchange = exchange();
        limit(&exchange, "ann", "BUY", "40000", "a").await;
        let mut line = Line::open(&exchange, "/stream?streams=btcusdt@depth@100ms").await;
        let picture = get(&exchange, "/api/v3/depth?symbol=BTCUSDT").await.body;
        assert_eq!(picture["lastUpdateId"], 1);
        limit(&exchange, "ann", "BUY", "41000", "b").await;
        let first = line.hear().await.unwrap();
        assert_eq!(first["stream"], "btcusdt@depth@100ms");
        assert_eq!((&first["data"]["U"], &first["data"]["u"]), (&json!(2), &json!(2)));
        assert_eq!(first["data"]["b"], json!([["41000.00000000", "0.10000000"]]));
        signed(&exchange, "ann", "DELETE", "/api/v3/openOrders", "symbol=BTCUSDT").await;
        let second = line.hear().await.unwrap()["data"].take();
        assert_eq!((&second["U"], &second["u"]), (&json!(3), &json!(4)));
        assert_eq!(second["b"][0], json!(["41000.00000000", "0.00000000"]));
    });
}

#[test]
fn streams_are_subscribed_listed_and_left() {
    run(async {
        let exchange = exchange();
        let mut line = Line::open(&exchange, "/ws").await;
        let ask = |method: &str, names: Value| json!({"method": method, "params": names, "id": 7});
        let names = json!(["btcusdt@trade", "btcusdt@bookTicker"]);
        line.say(ask("SUBSCRIBE", names).to_string()).await;
        assert_eq!(line.hear().await.unwrap(), json!({"result": null, "id": 7}));
        line.say(ask("LIST_SUBSCRIPTIONS", json!([])).to_string()).await;
        let names = line.hear().await.unwrap()["result"].take();
        assert_eq!(names, json!(["btcusdt@bookTicker", "btcusdt@trade"]));
        limit(&exchange, "bob", "SELL", "50000", "a").await;
        let best = line.hear().await.unwrap();
        assert_eq!((&best["a"], &best["A"]), (&json!("50000.00000000"), &json!("0.10000000")));
        line.say(ask("UNSUBSCRIBE", json!(["btcusdt@bookTicker"])).to_string()).await;
        line.hear().await.unwrap();
        limit(&exchange, "ann", "BUY", "50000", "b").await;
        let trade = line.hear().await.unwrap();
        assert_eq!(
            (&trade["e"], &trade["t"], &trade["m"]),
            (&json!("trade"), &json!(1), &json!(false))
        );
        line.say("[".to_owned()).await;
        assert_eq!(line.hear().await.unwrap()["error"]["code"], 3);
    });
}

#[test]
fn nothing_of_a_burst_is_lost() {
    run(async {
        let exchange = exchange();
        let mut line = Line::open(&exchange, "/ws/btcusdt@trade").await;
        line.is_heard().await;
        let place = |name: &str, side: Side, lots: i64| {
            let account = exchange.account(VENUE, name).unwrap();
            let order = NewOrder::limit(account, 0, side, 5_000_000, lots);
            exchange.apply(VENUE, &Command::Place(order)).unwrap();
        };
        for name in ["a", "b", "c", "d", "e"] {
            exchange.add_account(name).unwrap();
            exchange.deposit(VENUE, name, "BTC", decimal("1")).unwrap();
            (0..200).for_each(|_| place(name, Side::Sell, 10));
        }
        place("ann", Side::Buy, 10_000);
        for number in 1..=1_000 {
            assert_eq!(line.hear().await.unwrap()["t"], number);
        }
    });
}

#[test]
fn an_order_is_replaced_and_made_smaller() {
    run(async {
        let exchange = exchange();
        limit(&exchange, "ann", "BUY", "40000", "old").await;
        let path = "/api/v3/order/amend/keepPriority";
        let query = "symbol=BTCUSDT&origClientOrderId=old&newQty=0.05&newClientOrderId=new";
        let amended = signed(&exchange, "ann", "PUT", path, query).await.body;
        let order = &amended["amendedOrder"];
        assert_eq!(order["qty"], "0.05000000", "{amended}");
        assert_eq!(
            (&order["origClientOrderId"], &order["clientOrderId"]),
            (&json!("old"), &json!("new"))
        );
        let query = "symbol=BTCUSDT&origClientOrderId=old&newQty=0.04";
        assert_eq!(signed(&exchange, "ann", "PUT", path, query).await.code(), -2013);
        let query = "symbol=BTCUSDT&origClientOrderId=new&newQty=0.5";
        assert_eq!(signed(&exchange, "ann", "PUT", path, query).await.code(), -2038);
        let query = "symbol=BTCUSDT&origClientOrderId=new&newQty=0.04&newClientOrderId=old";
        assert_eq!(signed(&exchange, "ann", "PUT", path, query).await.status, 200);
        let path = "/api/v3/order/cancelReplace";
        let new = "symbol=BTCUSDT&side=BUY&type=LIMIT&timeInForce=GTC&quantity=0.1&price=41000\
                   &cancelReplaceMode=STOP_ON_FAILURE&cancelOrigClientOrderId=old";
        let replaced = signed(&exchange, "ann", "POST", path, new).await.body;
        assert_eq!(replaced["newOrderResult"], "SUCCESS", "{replaced}");
        let again = signed(&exchange, "ann", "POST", path, new).await;
        assert_eq!((again.status, again.code()), (400, -2022));
        assert_eq!(again.body["data"]["newOrderResult"], "NOT_ATTEMPTED");
        let poor = new.replace("old", "none").replace("STOP_ON", "ALLOW");
        assert_eq!(signed(&exchange, "ann", "POST", path, &poor).await.status, 409);
    });
}

#[test]
fn what_filters_refuse_replaces_nothing() {
    run(async {
        let exchange = exchange();
        limit(&exchange, "ann", "BUY", "40000", "old").await;
        let path = "/api/v3/order/cancelReplace";
        let asked = "symbol=BTCUSDT&side=BUY&type=LIMIT&timeInForce=GTC&quantity=0.1\
                     &cancelReplaceMode=STOP_ON_FAILURE&cancelOrigClientOrderId=old";
        for (more, code) in [
            ("price=0.01", -1013),
            ("price=41000&newOrderRespType=LONG", -1130),
            ("price=41000&newClientOrderId=a%20b", -1100),
            ("price=41000&cancelRestrictions=ONLY_OLD", -1145),
            ("price=41000&cancelRestrictions=ONLY_PARTIALLY_FILLED", -2022),
        ] {
            let refused = signed(&exchange, "ann", "POST", path, &format!("{asked}&{more}")).await;
            assert_eq!((refused.status, refused.code()), (400, code), "{more}: {}", refused.body);
        }
        let query = "symbol=BTCUSDT&origClientOrderId=old";
        let cancel = format!("{query}&cancelRestrictions=ONLY_OLD");
        let refused = signed(&exchange, "ann", "DELETE", "/api/v3/order", &cancel).await;
        assert_eq!(refused.code(), -1145);
        let old = signed(&exchange, "ann", "GET", "/api/v3/order", query).await.body;
        assert_eq!(old["status"], "NEW");
        let mine = format!("{asked}&price=41000&newClientOrderId=old&cancelRestrictions=ONLY_NEW");
        let replaced = signed(&exchange, "ann", "POST", path, &mine).await.body;
        assert_eq!(replaced["newOrderResult"], "SUCCESS", "{replaced}");
    });
}

#[test]
fn of_two_orders_of_a_list_one_ends_the_other() {
    run(async {
        let exchange = exchange();
        first_trade(&exchange).await;
        let query = "symbol=BTCUSDT&side=SELL&quantity=0.1&price=51000&stopPrice=45000\
                     &stopLimitPrice=44000&stopLimitTimeInForce=GTC&listClientOrderId=pair";
        let placed = signed(&exchange, "ann", "POST", "/api/v3/order/oco", query).await;
        assert_eq!(placed.status, 200, "{}", placed.body);
        assert_eq!(placed.body["listOrderStatus"], "EXECUTING");
        let open = signed(&exchange, "ann", "GET", "/api/v3/openOrders", "").await.body;
        let kinds: Vec<_> = open.as_array().unwrap().iter().map(|one| &one["type"]).collect();
        assert_eq!(kinds, ["LIMIT_MAKER", "STOP_LOSS_LIMIT"]);
        limit(&exchange, "bob", "BUY", "51000", "taker").await;
        let query = "symbol=BTCUSDT";
        let all = signed(&exchange, "ann", "GET", "/api/v3/allOrders", query).await.body;
        let states: Vec<_> = all.as_array().unwrap().iter().map(|one| &one["status"]).collect();
        assert_eq!(states, ["FILLED", "FILLED", "EXPIRED"]);
    });
}

#[test]
fn a_candle_is_told_to_have_ended_once() {
    run(async {
        let exchange = exchange();
        first_trade(&exchange).await;
        let mut line = Line::open(&exchange, "/ws/btcusdt@kline_1s").await;
        let mut ended = Vec::new();
        while ended.len() < 2 {
            let candle = line.hear().await.unwrap()["k"].take();
            if candle["x"] == true {
                ended.push(candle["t"].as_i64().unwrap());
            }
        }
        assert_eq!(ended[1] - ended[0], 1_000);
    });
}

#[test]
fn fees_are_taken_and_told() {
    run(async {
        let exchange = exchange();
        let fees = rustonite_sim::Fees { maker_ppm: 1_000, taker_ppm: 2_000 };
        let account = exchange.account(VENUE, "ann").unwrap();
        let command = rustonite_sim::Command::SetFees { account, fees, fee_asset: None };
        exchange.apply(VENUE, &command).unwrap();
        limit(&exchange, "bob", "SELL", "50000", "a").await;
        let bought = limit(&exchange, "ann", "BUY", "50000", "b").await.body;
        let fill = &bought["fills"][0];
        assert_eq!(fill["commission"], "0.00020000", "{bought}");
        assert_eq!(fill["commissionAsset"], "BTC");
        let account = signed(&exchange, "ann", "GET", "/api/v3/account", "").await.body;
        assert_eq!(account["commissionRates"]["taker"], "0.00200000");
    });
}

#[test]
fn a_user_stream_ends_when_the_client_leaves_it() {
    run(async {
        let exchange = exchange();
        let mut line = user(&exchange).await;
        let leave = json!({"id": 5, "method": "userDataStream.unsubscribe"});
        line.say(leave.to_string()).await;
        assert_eq!(line.hear().await.unwrap()["status"], 200);
        assert_eq!(line.event().await["e"], "eventStreamTerminated");
        limit(&exchange, "ann", "BUY", "40000", "unheard").await;
        assert!(line.is_silent().await);
    });
}
