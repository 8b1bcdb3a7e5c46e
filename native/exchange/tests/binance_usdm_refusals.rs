//! What Binance USD-M futures refuse, and that nothing changes then.

#![allow(clippy::unwrap_used, reason = "a test may fail")]

mod common;

use common::usdm::{ALGO, ORDER, ask, deal, limit};
use common::{Answer, call, futures, get, now_ms, run, sign, signed};
use rustonite_exchange::LocalExchange;
use serde_json::{Value, json};

/// Books, money and orders: what a refusal must not change.
async fn state(exchange: &LocalExchange) -> [Value; 4] {
    let depth = get(exchange, "/fapi/v1/depth?symbol=BTCUSDT").await.body;
    let account = ask(exchange, "ann", "/fapi/v3/account", "").await;
    let open = ask(exchange, "ann", "/fapi/v1/openOrders", "").await;
    let algo = ask(exchange, "ann", "/fapi/v1/openAlgoOrders", "").await;
    [
        json!([depth["lastUpdateId"], depth["bids"], depth["asks"]]),
        json!([account["totalWalletBalance"], account["positions"]]),
        open,
        algo,
    ]
}

#[test]
fn what_is_wrong_is_refused_with_the_venues_code_and_changes_nothing() {
    run(async {
        let exchange = futures();
        deal(&exchange, "bob", "ann", "0.1", "50000").await;
        limit(&exchange, "bob", "SELL", "1", "50100").await;
        // The middle is the last price, so that the mark price stays what it is as time passes.
        let taken = "symbol=BTCUSDT&side=BUY&type=LIMIT&timeInForce=GTC&quantity=0.1&price=49900\
                     &newClientOrderId=taken";
        assert_eq!(signed(&exchange, "ann", "POST", ORDER, taken).await.status, 200);
        let before = state(&exchange).await;
        let order =
            |rest: &str| format!("symbol=BTCUSDT&side=BUY&type=LIMIT&timeInForce=GTC&{rest}");
        let market = |rest: &str| format!("symbol=BTCUSDT&side=BUY&type=MARKET&{rest}");
        let expiring = format!("quantity=0.1&price=49000&goodTillDate={}", now_ms() + 60_000);
        for (query, code, text) in [
            (order("quantity=0.1&price=49000.001"), -1111, "Precision is over the maximum"),
            (order("quantity=0.1&price=49000.05"), -4014, "Price not increased by tick size."),
            (order("quantity=0.0001&price=49000"), -1111, "Precision is over the maximum"),
            (order("quantity=0&price=49000"), -4003, "Quantity less than or equal to zero."),
            (order("quantity=0.1&price=0"), -4001, "Price less than 0."),
            (order("quantity=0.1&price=-4"), -1100, "Illegal characters"),
            (order("quantity=x&price=49000"), -1100, "Illegal characters"),
            (order("quantity=0.1"), -1102, "Mandatory parameter 'price'"),
            (order("price=49000"), -1102, "Mandatory parameter 'quantity'"),
            (order("quantity=0.1&price=49000&colour=red"), -1104, "Not all sent parameters"),
            (order("quantity=10000&price=49000"), -4005, "Quantity greater than max quantity."),
            (order("quantity=100&price=49000"), -2019, "Margin is insufficient."),
            (order("quantity=0.1&price=60000"), -4016, "Limit price can't be higher"),
            (order("quantity=0.1&price=30000"), -4024, "Limit price can't be lower"),
            (order("quantity=0.1&price=2000000"), -4002, "Price greater than max price."),
            (order("quantity=0.1&price=49000&newClientOrderId=taken"), -4116, "ClientOrderId is"),
            (order("quantity=0.1&price=49000&newClientOrderId=a%20b"), -4015, "Client order id"),
            (order("quantity=0.1&price=49000&positionSide=LONG"), -4061, "Order's position side"),
            (order("quantity=0.1&price=49000&positionSide=UP"), -4060, "Invalid position side."),
            (order("quantity=0.1&price=49000&reduceOnly=maybe"), -4062, "Invalid or improper"),
            (order("quantity=0.1&price=49000&reduceOnly=true"), -2022, "ReduceOnly Order is"),
            (order("quantity=0.1&price=49000&closePosition=true"), -4136, "Target strategy"),
            (order("quantity=0.1&price=49000&newOrderRespType=SOME"), -1136, "Invalid newOrder"),
            (order("quantity=0.1&price=50100").replace("GTC", "GTX"), -5022, "Due to the order"),
            (order("quantity=2&price=50100").replace("GTC", "FOK"), -5021, "Due to the order"),
            (order("quantity=0.1&price=49000").replace("GTC", "GTD"), -1102, "Mandatory"),
            (order(&expiring).replace("GTC", "GTD"), -1130, "Data sent for parameter 'goodTill"),
            (
                order("quantity=0.1&price=49000").replace("GTC", "GTZ"),
                -1115,
                "Invalid timeInForce.",
            ),
            (market("quantity=0.1&price=49000"), -1106, "Parameter 'price' sent"),
            (market("quantity=0.1&timeInForce=GTC"), -1106, "Parameter 'timeInForce' sent"),
            (market("quantity=0.1").replace("BTC", "NO"), -1121, "Invalid symbol."),
            (market("quantity=0.1").replace("BUY", "UP"), -1117, "Invalid side."),
            (market("quantity=0.1").replace("MARKET", "BEST"), -1116, "Invalid orderType."),
            (market("stopPrice=1").replace("MARKET", "STOP_MARKET"), -4120, "Order type not"),
            (market("quantity=0.1").replace("MARKET", "TRAILING_STOP_MARKET"), -4120, "Order type"),
        ] {
            let answer = signed(&exchange, "ann", "POST", ORDER, &query).await;
            assert_eq!((answer.status, answer.code()), (400, code), "{query} {}", answer.body);
            assert!(answer.text().starts_with(text), "{query} {}", answer.body);
        }
        assert_eq!(state(&exchange).await, before);
    });
}

#[test]
fn a_small_order_is_taken_only_if_it_reduces() {
    run(async {
        let exchange = futures();
        deal(&exchange, "bob", "ann", "0.1", "2000").await;
        limit(&exchange, "bob", "BUY", "0.1", "2000").await;
        let query = "symbol=BTCUSDT&side=SELL&type=LIMIT&timeInForce=IOC&quantity=0.002&price=2000";
        let answer = signed(&exchange, "ann", "POST", ORDER, query).await;
        assert_eq!(answer.code(), -4164, "{}", answer.body);
        let query = format!("{query}&reduceOnly=true&newOrderRespType=RESULT");
        let sold = signed(&exchange, "ann", "POST", ORDER, &query).await.body;
        assert_eq!((&sold["status"], &sold["reduceOnly"]), (&json!("FILLED"), &json!(true)));
    });
}

#[test]
fn calls_that_change_or_name_what_is_not_there_are_refused() {
    run(async {
        let exchange = futures();
        limit(&exchange, "bob", "SELL", "0.1", "50000").await;
        let query = "symbol=BTCUSDT&side=BUY&type=LIMIT&timeInForce=GTX&quantity=0.1&price=49000";
        let mine = signed(&exchange, "ann", "POST", ORDER, query).await.body;
        assert_eq!((&mine["status"], &mine["timeInForce"]), (&json!("NEW"), &json!("GTX")));
        let before = state(&exchange).await;
        let amend = format!("symbol=BTCUSDT&orderId={}&side=BUY", mine["orderId"]);
        let isolated = "symbol=BTCUSDT&amount=1&type=1";
        for (method, path, query, code) in [
            ("PUT", ORDER, amend.clone(), -1102),
            ("PUT", ORDER, format!("{amend}&quantity=0.1"), -1102),
            ("PUT", ORDER, format!("{amend}&quantity=0.1&price=49000"), -5027),
            ("PUT", ORDER, format!("{amend}&quantity=0.1&price=49000.05"), -4014),
            ("PUT", ORDER, format!("{amend}&quantity=0.1&price=9000000"), -4002),
            (
                "PUT",
                ORDER,
                format!("{amend}&quantity=0.1&price=48000").replace("BUY", "SELL"),
                -1117,
            ),
            ("PUT", ORDER, "symbol=BTCUSDT&orderId=99&side=BUY&quantity=1&price=1".into(), -2013),
            ("DELETE", ORDER, "symbol=BTCUSDT&orderId=99".into(), -2011),
            ("DELETE", ORDER, "symbol=BTCUSDT".into(), -1102),
            ("GET", ORDER, "symbol=BTCUSDT&orderId=99".into(), -2013),
            ("GET", "/fapi/v1/openOrder", "symbol=BTCUSDT&orderId=99".into(), -2013),
            ("POST", "/fapi/v1/leverage", "symbol=BTCUSDT&leverage=126".into(), -4028),
            ("POST", "/fapi/v1/leverage", "symbol=BTCUSDT&leverage=0".into(), -4028),
            ("POST", "/fapi/v1/leverage", "symbol=BTCUSDT".into(), -1102),
            ("POST", "/fapi/v1/marginType", "symbol=BTCUSDT&marginType=CROSSED".into(), -4046),
            ("POST", "/fapi/v1/marginType", "symbol=BTCUSDT&marginType=ISOLATED".into(), -4047),
            ("POST", "/fapi/v1/marginType", "symbol=BTCUSDT&marginType=BOTH".into(), -1130),
            ("POST", "/fapi/v1/positionSide/dual", "dualSidePosition=false".into(), -4059),
            ("POST", "/fapi/v1/positionSide/dual", "dualSidePosition=true".into(), -4067),
            ("POST", "/fapi/v1/positionMargin", isolated.into(), -4049),
            ("POST", "/fapi/v1/positionMargin", "symbol=BTCUSDT&amount=0&type=1".into(), -4055),
            ("POST", "/fapi/v1/countdownCancelAll", "symbol=BTCUSDT".into(), -1102),
            ("DELETE", "/fapi/v1/algoOrder", "algoId=7".into(), -2011),
            ("GET", "/fapi/v1/algoOrder", "clientAlgoId=none".into(), -2013),
            ("GET", "/fapi/v1/allAlgoOrders", String::new(), -1102),
        ] {
            let answer = signed(&exchange, "ann", method, path, &query).await;
            let told = (answer.status, answer.code());
            assert_eq!(told, (400, code), "{method} {path} {query} {}", answer.body);
        }
        let depth = get(&exchange, "/fapi/v1/depth?symbol=BTCUSDT&limit=7").await;
        assert_eq!(depth.code(), -4021);
        assert_eq!(
            get(&exchange, "/fapi/v1/klines?symbol=BTCUSDT&interval=7m").await.code(),
            -1120
        );
        assert_eq!(get(&exchange, "/fapi/v9/nothing").await.status, 404);
        let key = call(&exchange, "PUT", "/fapi/v1/listenKey", Some("ann"), Vec::new()).await;
        assert_eq!(key.code(), -1125);
        assert_eq!(state(&exchange).await, before);
    });
}

#[test]
fn who_does_not_sign_well_is_refused() {
    run(async {
        let exchange = futures();
        let order = "symbol=BTCUSDT&side=BUY&type=LIMIT&timeInForce=GTC&quantity=0.1&price=45000";
        let good = format!("{order}&timestamp={}", now_ms());
        let old = format!("{order}&timestamp={}", now_ms() - 6_000);
        for (query, key, signature, status, code) in [
            (&good, Some("ann"), sign("something else"), 400, -1022),
            (&old, Some("ann"), sign(&old), 400, -1021),
            (&good, Some("eve"), sign(&good), 401, -2015),
            (&good, None, sign(&good), 401, -2014),
        ] {
            let path = format!("{ORDER}?{query}&signature={signature}");
            let answer = call(&exchange, "POST", &path, key, Vec::new()).await;
            assert_eq!((answer.status, answer.code()), (status, code), "{}", answer.body);
        }
        assert_eq!(ask(&exchange, "ann", "/fapi/v1/openOrders", "").await, json!([]));
        let answer = call(&exchange, "POST", ORDER, Some("ann"), vec![b'a'; (1 << 20) + 1]).await;
        assert_eq!(answer.status, 413);
    });
}

#[test]
fn answers_tell_what_was_used_of_the_limits() {
    run(async {
        let exchange = futures();
        let query = "symbol=BTCUSDT&side=BUY&type=LIMIT&timeInForce=GTC&quantity=0.1&price=45000";
        let placed = signed(&exchange, "ann", "POST", ORDER, query).await;
        assert_eq!(placed.headers["x-mbx-order-count-10s"], "1");
        assert_eq!(placed.headers["x-mbx-order-count-1m"], "1");
        let query = "symbol=BTCUSDT&side=SELL&type=STOP_MARKET&algoType=CONDITIONAL&quantity=0.1\
                     &triggerPrice=40000";
        let waits = signed(&exchange, "ann", "POST", ALGO, query).await;
        assert_eq!(waits.status, 200, "{}", waits.body);
        assert_eq!(waits.headers["x-mbx-order-count-1m"], "2");
        // Orders are counted as orders alone.
        assert_eq!(waits.headers["x-mbx-used-weight-1m"], "0");
        let info = get(&exchange, "/fapi/v1/exchangeInfo").await;
        assert!(!info.headers.contains_key("x-mbx-order-count-1m"));
        let limits: Vec<_> =
            info.body["rateLimits"].as_array().unwrap().iter().map(|one| &one["limit"]).collect();
        assert_eq!(limits, [2_400, 1_200, 300]);
        let order = json!({
            "symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT", "timeInForce": "GTC",
            "quantity": "0.001", "price": "45000",
        });
        let batch = json!([order, order, order, order, order]).to_string();
        let batch: String = url::form_urlencoded::byte_serialize(batch.as_bytes()).collect();
        let mut last = 200;
        for _ in 0..60 {
            let query = format!("batchOrders={batch}");
            let answer = signed(&exchange, "ann", "POST", "/fapi/v1/batchOrders", &query).await;
            last = answer.status;
            if last != 200 {
                assert_eq!(answer.code(), -1015);
                break;
            }
        }
        // A window may have ended meanwhile, but not twelve of them.
        assert_eq!(last, 429);
    });
}

#[test]
fn what_cannot_be_filled_at_once_expires() {
    run(async {
        let exchange = futures();
        limit(&exchange, "bob", "SELL", "0.1", "50000").await;
        let order = |rest: &str| {
            format!("symbol=BTCUSDT&side=BUY&quantity=0.2&newOrderRespType=RESULT&{rest}")
        };
        let whole = order("type=LIMIT&timeInForce=FOK&price=50000");
        assert_eq!(signed(&exchange, "ann", "POST", ORDER, &whole).await.code(), -5021);
        let fits = whole.replace("0.2", "0.05");
        let fits = signed(&exchange, "ann", "POST", ORDER, &fits).await.body;
        assert_eq!(fits["status"], "FILLED", "{fits}");
        for (rest, status, filled) in [
            ("type=LIMIT&timeInForce=IOC&price=50000", "EXPIRED", "0.050"),
            ("type=MARKET", "EXPIRED", "0.000"),
        ] {
            let answer = signed(&exchange, "ann", "POST", ORDER, &order(rest)).await.body;
            let told = (&answer["status"], &answer["executedQty"]);
            assert_eq!(told, (&json!(status), &json!(filled)), "{rest} {answer}");
        }
    });
}

#[test]
fn what_is_asked_for_has_its_weight() {
    run(async {
        let exchange = futures();
        let used =
            |answer: &Answer| -> u32 { answer.headers["x-mbx-used-weight-1m"].parse().unwrap() };
        let mut before = used(&get(&exchange, "/fapi/v1/ping").await);
        let pair = "pair=BTCUSDT&contractType=PERPETUAL&interval=1m";
        for (query, weight) in [
            ("klines?symbol=BTCUSDT&interval=1m", 5),
            ("klines?symbol=BTCUSDT&interval=1m&limit=99", 1),
            ("klines?symbol=BTCUSDT&interval=1m&limit=100", 2),
            ("klines?symbol=BTCUSDT&interval=1m&limit=500", 5),
            ("klines?symbol=BTCUSDT&interval=1m&limit=1000", 5),
            ("klines?symbol=BTCUSDT&interval=1m&limit=1001", 10),
            (&format!("continuousKlines?{pair}&limit=99"), 1),
            ("markPriceKlines?symbol=BTCUSDT&interval=1m&limit=1500", 10),
            ("indexPriceKlines?pair=BTCUSDT&interval=1m&limit=499", 2),
            ("premiumIndex?symbol=BTCUSDT", 1),
            ("premiumIndex", 10),
        ] {
            let after = used(&get(&exchange, &format!("/fapi/v1/{query}")).await);
            assert_eq!(after - before, weight, "{query}");
            before = after;
        }
        for (query, weight) in [("symbol=BTCUSDT", 20), ("", 50)] {
            let path = "/fapi/v1/forceOrders";
            let after = used(&signed(&exchange, "ann", "GET", path, query).await);
            assert_eq!(after - before, weight, "{query}");
            before = after;
        }
    });
}
