//! Binance USD-M futures as a plain client sees it: calls, positions, streams and refusals.

#![allow(clippy::unwrap_used, reason = "a test may fail")]

mod common;

use common::{FUTURES, Line, call, decimal, futures, get, now_ms, run, sign, signed};
use rustonite_exchange::LocalExchange;
use serde_json::{Value, json};

const ORDER: &str = "/fapi/v1/order";

/// A limit order over so much.
async fn limit(exchange: &LocalExchange, who: &str, side: &str, size: &str, price: &str) -> Value {
    let query = format!(
        "symbol=BTCUSDT&side={side}&type=LIMIT&timeInForce=GTC&quantity={size}&price={price}"
    );
    let answer = signed(exchange, who, "POST", ORDER, &query).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    answer.body
}

/// One sells to the other.
async fn deal(exchange: &LocalExchange, seller: &str, buyer: &str, size: &str, price: &str) {
    limit(exchange, seller, "SELL", size, price).await;
    limit(exchange, buyer, "BUY", size, price).await;
}

async fn ask(exchange: &LocalExchange, who: &str, path: &str, query: &str) -> Value {
    let answer = signed(exchange, who, "GET", path, query).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    answer.body
}

async fn position(exchange: &LocalExchange, who: &str) -> Value {
    let rows = ask(exchange, who, "/fapi/v2/positionRisk", "symbol=BTCUSDT").await;
    rows[0].clone()
}

async fn user(exchange: &LocalExchange, who: &str) -> Line {
    let key = call(exchange, "POST", "/fapi/v1/listenKey", Some(who), Vec::new()).await.body;
    let key = key["listenKey"].as_str().unwrap().to_owned();
    Line::open(exchange, &format!("/private/ws?listenKey={key}")).await
}

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
fn an_order_rests_is_changed_and_is_cancelled() {
    run(async {
        let exchange = futures();
        let placed = limit(&exchange, "ann", "BUY", "0.100", "40000.10").await;
        assert_eq!((&placed["status"], &placed["type"]), (&json!("NEW"), &json!("LIMIT")));
        let depth = get(&exchange, "/fapi/v1/depth?symbol=BTCUSDT&limit=5").await.body;
        assert_eq!(depth["bids"], json!([["40000.10", "0.100"]]));
        assert!(depth["E"].is_i64() && depth["T"].is_i64());
        let id = placed["orderId"].as_u64().unwrap();
        let query = format!("symbol=BTCUSDT&orderId={id}&side=BUY&quantity=0.2&price=41000");
        let changed = signed(&exchange, "ann", "PUT", ORDER, &query).await.body;
        assert_eq!((&changed["price"], &changed["origQty"]), (&json!("41000.00"), &json!("0.200")));
        let query = format!("symbol=BTCUSDT&orderId={id}");
        let ended = signed(&exchange, "ann", "DELETE", ORDER, &query).await.body;
        assert_eq!(ended["status"], "CANCELED", "{ended}");
        assert_eq!(ask(&exchange, "ann", ORDER, &query).await["status"], "CANCELED");
        assert_eq!(signed(&exchange, "ann", "DELETE", ORDER, &query).await.code(), -2011);
        let depth = get(&exchange, "/fapi/v1/depth?symbol=BTCUSDT").await.body;
        assert_eq!(depth["bids"], json!([]));
    });
}

#[test]
fn a_position_opens_grows_shrinks_and_turns() {
    run(async {
        let exchange = futures();
        deal(&exchange, "bob", "ann", "0.2", "50000").await;
        let held = position(&exchange, "ann").await;
        assert_eq!((&held["positionAmt"], &held["leverage"]), (&json!("0.200"), &json!("20")));
        assert_eq!(held["entryPrice"], "50000.00000000");
        limit(&exchange, "bob", "BUY", "0.3", "51000").await;
        let query = "symbol=BTCUSDT&side=SELL&type=MARKET&quantity=0.3&newOrderRespType=RESULT";
        let sold = signed(&exchange, "ann", "POST", ORDER, query).await.body;
        assert_eq!(
            (&sold["status"], &sold["cumQuote"]),
            (&json!("FILLED"), &json!("15300.00000000"))
        );
        assert_eq!(position(&exchange, "ann").await["positionAmt"], "-0.100");
        assert_eq!(position(&exchange, "ann").await["entryPrice"], "51000.00000000");
        let account = ask(&exchange, "ann", "/fapi/v3/account", "").await;
        assert_eq!(account["totalWalletBalance"], "100200.00000000", "0.2 gained 1000 each");
        assert_eq!(account["positions"][0]["notional"], "-5100.00000000");
        let fills = ask(&exchange, "ann", "/fapi/v1/userTrades", "symbol=BTCUSDT").await;
        assert_eq!(
            (&fills[1]["side"], &fills[1]["realizedPnl"]),
            (&json!("SELL"), &json!("200.00000000"))
        );
        let incomes = ask(&exchange, "ann", "/fapi/v1/income", "").await;
        let kinds: Vec<_> =
            incomes.as_array().unwrap().iter().map(|row| &row["incomeType"]).collect();
        assert_eq!(kinds, ["TRANSFER", "REALIZED_PNL"]);
        let held = get(&exchange, "/fapi/v1/openInterest?symbol=BTCUSDT").await.body;
        assert_eq!(held["openInterest"], "0.100");
    });
}

#[test]
fn a_partial_fill_is_told_and_the_rest_waits() {
    run(async {
        let exchange = futures();
        limit(&exchange, "bob", "SELL", "0.04", "50000").await;
        let bought = limit(&exchange, "ann", "BUY", "0.1", "50000").await;
        assert_eq!(bought["status"], "NEW", "an answer says that it was taken, no more");
        let query = format!("symbol=BTCUSDT&orderId={}", bought["orderId"]);
        let seen = ask(&exchange, "ann", "/fapi/v1/openOrder", &query).await;
        assert_eq!(seen["status"], "PARTIALLY_FILLED");
        assert_eq!(
            (&seen["executedQty"], &seen["avgPrice"]),
            (&json!("0.040"), &json!("50000.00000000"))
        );
        // What is asked for is already filled: the rest ends.
        let query = format!("{query}&side=BUY&quantity=0.04&price=50000");
        let ended = signed(&exchange, "ann", "PUT", ORDER, &query).await.body;
        assert_eq!(
            (&ended["status"], &ended["executedQty"]),
            (&json!("CANCELED"), &json!("0.040"))
        );
    });
}

#[test]
fn what_is_wrong_is_refused_with_the_venues_code_and_changes_nothing() {
    run(async {
        let exchange = futures();
        deal(&exchange, "bob", "ann", "0.1", "50000").await;
        limit(&exchange, "bob", "SELL", "1", "50100").await;
        let taken = "symbol=BTCUSDT&side=BUY&type=LIMIT&timeInForce=GTC&quantity=0.1&price=49000\
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
        let mine = limit(&exchange, "ann", "BUY", "0.1", "49000").await;
        let before = state(&exchange).await;
        let amend = format!("symbol=BTCUSDT&orderId={}&side=BUY", mine["orderId"]);
        let isolated = "symbol=BTCUSDT&amount=1&type=1";
        for (method, path, query, code) in [
            ("PUT", ORDER, amend.clone(), -1102),
            ("PUT", ORDER, format!("{amend}&quantity=0.1"), -1102),
            ("PUT", ORDER, format!("{amend}&quantity=0.1&price=49000"), -5027),
            ("PUT", ORDER, format!("{amend}&quantity=0.1&price=49000.05"), -4014),
            ("PUT", ORDER, format!("{amend}&quantity=0.1&price=9000000"), -4002),
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
fn each_order_of_a_batch_is_done_or_refused_for_itself() {
    run(async {
        let exchange = futures();
        let order = |price: &str, id: &str| {
            json!({
                "symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT", "timeInForce": "GTC",
                "quantity": "0.1", "price": price, "newClientOrderId": id,
            })
        };
        let batch = |list: Value| {
            let text = list.to_string();
            let text: String = url::form_urlencoded::byte_serialize(text.as_bytes()).collect();
            format!("batchOrders={text}")
        };
        let path = "/fapi/v1/batchOrders";
        let list = json!([order("45000", "a"), order("45000.05", "b"), order("46000", "c")]);
        let placed = signed(&exchange, "ann", "POST", path, &batch(list)).await.body;
        assert_eq!((&placed[0]["status"], &placed[2]["status"]), (&json!("NEW"), &json!("NEW")));
        assert_eq!(placed[1], json!({"code": -4014, "msg": "Price not increased by tick size."}));
        let change = |id: &str, price: &str| {
            json!({
                "symbol": "BTCUSDT", "side": "BUY", "quantity": "0.1", "price": price,
                "origClientOrderId": id,
            })
        };
        let list = json!([change("a", "45500"), change("none", "45500")]);
        let changed = signed(&exchange, "ann", "PUT", path, &batch(list)).await.body;
        assert_eq!(changed[0]["price"], "45500.00", "{changed}");
        assert_eq!(changed[1]["code"], -2013);
        let (a, c) = (placed[0]["orderId"].clone(), placed[2]["orderId"].clone());
        let query = format!("symbol=BTCUSDT&orderIdList=%5B{a},99,{c}%5D");
        let ended = signed(&exchange, "ann", "DELETE", path, &query).await.body;
        let told: Vec<_> = ended.as_array().unwrap().iter().map(|one| &one["status"]).collect();
        assert_eq!(told, [&json!("CANCELED"), &Value::Null, &json!("CANCELED")]);
        assert_eq!(ended[1]["code"], -2011);
        let many: Vec<_> = (0..6).map(|_| order("45000", "x")).collect();
        let many = signed(&exchange, "ann", "POST", path, &batch(json!(many))).await;
        assert_eq!((many.status, many.code()), (400, -4082));
        let many = "symbol=BTCUSDT&orderIdList=[1,2,3,4,5,6,7,8,9,10,11]";
        assert_eq!(signed(&exchange, "ann", "DELETE", path, many).await.code(), -4032);
        assert_eq!(signed(&exchange, "ann", "POST", path, "batchOrders=x").await.code(), -1130);
        assert_eq!(ask(&exchange, "ann", "/fapi/v1/openOrders", "").await, json!([]));
    });
}

#[test]
fn leverage_decides_what_margin_is_needed() {
    run(async {
        let exchange = futures();
        let query = "symbol=BTCUSDT&leverage=10";
        let set = signed(&exchange, "ann", "POST", "/fapi/v1/leverage", query).await.body;
        assert_eq!((&set["leverage"], &set["symbol"]), (&json!(10), &json!("BTCUSDT")));
        limit(&exchange, "ann", "BUY", "1", "50000").await;
        let account = ask(&exchange, "ann", "/fapi/v2/account", "").await;
        assert_eq!(account["totalOpenOrderInitialMargin"], "5000.00000000");
        assert_eq!(account["availableBalance"], "95000.00000000");
        limit(&exchange, "bob", "SELL", "1", "50000").await;
        let account = ask(&exchange, "ann", "/fapi/v2/account", "").await;
        assert_eq!(account["totalPositionInitialMargin"], "5000.00000000");
        assert_eq!(account["totalOpenOrderInitialMargin"], "0.00000000");
        assert_eq!(account["totalMaintMargin"], "200.00000000");
        assert_eq!(account["positions"].as_array().unwrap().len(), 2, "all of them");
        let config = ask(&exchange, "ann", "/fapi/v1/symbolConfig", "symbol=BTCUSDT").await;
        assert_eq!(
            (&config[0]["leverage"], &config[0]["marginType"]),
            (&json!(10), &json!("CROSSED"))
        );
        let brackets = ask(&exchange, "ann", "/fapi/v1/leverageBracket", "").await;
        assert_eq!(brackets[0]["brackets"][0]["maintMarginRatio"], 0.004);
        let held = position(&exchange, "ann").await;
        // 100,000 less 0.4 % of the worth is lost at (50,000 - 100,000) / (1 - 0.004): never.
        assert_eq!(held["liquidationPrice"], "0.00000000");
        exchange.deposit(FUTURES, "ann", "USDT", decimal("-90000")).unwrap();
        let held = position(&exchange, "ann").await;
        assert_eq!(held["liquidationPrice"], "40160.64257028");
    });
}

#[test]
fn margin_of_its_own_is_moved() {
    run(async {
        let exchange = futures();
        let path = "/fapi/v1/marginType";
        let query = "symbol=BTCUSDT&marginType=ISOLATED";
        assert_eq!(signed(&exchange, "ann", "POST", path, query).await.body["code"], 200);
        let path = "/fapi/v1/positionMargin";
        let add = |amount: &str, kind: u8| format!("symbol=BTCUSDT&amount={amount}&type={kind}");
        assert_eq!(signed(&exchange, "ann", "POST", path, &add("1", 1)).await.code(), -4054);
        deal(&exchange, "bob", "ann", "1", "50000").await;
        let held = position(&exchange, "ann").await;
        assert_eq!(
            (&held["marginType"], &held["isolatedWallet"]),
            (&json!("isolated"), &json!("2500.00000000"))
        );
        let mut line = user(&exchange, "ann").await;
        let moved = signed(&exchange, "ann", "POST", path, &add("100.5", 1)).await.body;
        assert_eq!((&moved["amount"], &moved["code"]), (&json!(100.5), &json!(200)));
        let update = line.hear().await.unwrap();
        assert_eq!(
            (&update["e"], &update["a"]["m"]),
            (&json!("ACCOUNT_UPDATE"), &json!("MARGIN_TRANSFER"))
        );
        assert_eq!(update["a"]["P"][0]["iw"], "2600.50000000");
        assert_eq!(update["a"]["B"][0]["cw"], "97399.50000000");
        assert_eq!(signed(&exchange, "ann", "POST", path, &add("9999999", 1)).await.code(), -4050);
        assert_eq!(signed(&exchange, "ann", "POST", path, &add("200", 2)).await.code(), -4051);
        assert_eq!(signed(&exchange, "ann", "POST", path, &add("100.5", 2)).await.status, 200);
        assert_eq!(position(&exchange, "ann").await["isolatedWallet"], "2500.00000000");
        let query = "symbol=BTCUSDT&leverage=2";
        assert_eq!(
            signed(&exchange, "ann", "POST", "/fapi/v1/leverage", query).await.code(),
            -4161
        );
        let query = "symbol=BTCUSDT&marginType=CROSSED";
        assert_eq!(
            signed(&exchange, "ann", "POST", "/fapi/v1/marginType", query).await.code(),
            -4048
        );
    });
}

#[test]
fn both_sides_are_held_in_hedge_mode() {
    run(async {
        let exchange = futures();
        let path = "/fapi/v1/positionSide/dual";
        assert_eq!(ask(&exchange, "ann", path, "").await["dualSidePosition"], false);
        let set = signed(&exchange, "ann", "POST", path, "dualSidePosition=true").await;
        assert_eq!(set.status, 200, "{}", set.body);
        let order = |side: &str, position: &str, rest: &str| {
            format!(
                "symbol=BTCUSDT&side={side}&positionSide={position}&type=MARKET&quantity=0.1{rest}"
            )
        };
        limit(&exchange, "bob", "SELL", "0.1", "50000").await;
        limit(&exchange, "bob", "BUY", "0.3", "49000").await;
        for (query, code) in [
            (order("BUY", "BOTH", ""), -4061),
            (order("BUY", "LONG", "&reduceOnly=false"), -1106),
            (order("SELL", "LONG", ""), -2022),
        ] {
            let answer = signed(&exchange, "ann", "POST", ORDER, &query).await;
            assert_eq!(answer.code(), code, "{query} {}", answer.body);
        }
        for query in [order("BUY", "LONG", ""), order("SELL", "SHORT", "")] {
            assert_eq!(signed(&exchange, "ann", "POST", ORDER, &query).await.status, 200);
        }
        let rows = ask(&exchange, "ann", "/fapi/v3/positionRisk", "").await;
        let held: Vec<_> = rows
            .as_array()
            .unwrap()
            .iter()
            .map(|one| {
                (one["positionSide"].as_str().unwrap(), one["positionAmt"].as_str().unwrap())
            })
            .collect();
        assert_eq!(held, [("LONG", "0.100"), ("SHORT", "-0.100")]);
        let set = signed(&exchange, "ann", "POST", path, "dualSidePosition=false").await;
        assert_eq!(set.code(), -4068);
        let close = order("SELL", "LONG", "");
        assert_eq!(signed(&exchange, "ann", "POST", ORDER, &close).await.status, 200);
        let rows = ask(&exchange, "ann", "/fapi/v3/positionRisk", "").await;
        assert_eq!(rows.as_array().unwrap().len(), 1);
    });
}
