//! Streams of Binance USD-M futures, user streams, and what happens by itself.

#![allow(clippy::unwrap_used, reason = "a test may fail")]

mod common;

use std::time::Duration;

use common::{FUTURES, Line, call, decimal, futures, get, run, signed};
use rustonite_exchange::LocalExchange;
use rustonite_sim::{Command, Side};
use serde_json::{Value, json};

const ORDER: &str = "/fapi/v1/order";
const ALGO: &str = "/fapi/v1/algoOrder";

async fn limit(exchange: &LocalExchange, who: &str, side: &str, size: &str, price: &str) -> Value {
    let query = format!(
        "symbol=BTCUSDT&side={side}&type=LIMIT&timeInForce=GTC&quantity={size}&price={price}"
    );
    let answer = signed(exchange, who, "POST", ORDER, &query).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    answer.body
}

async fn deal(exchange: &LocalExchange, seller: &str, buyer: &str, size: &str, price: &str) {
    limit(exchange, seller, "SELL", size, price).await;
    limit(exchange, buyer, "BUY", size, price).await;
}

async fn listen_key(exchange: &LocalExchange, who: &str) -> String {
    let key = call(exchange, "POST", "/fapi/v1/listenKey", Some(who), Vec::new()).await.body;
    key["listenKey"].as_str().unwrap().to_owned()
}

async fn user(exchange: &LocalExchange, who: &str) -> Line {
    let key = listen_key(exchange, who).await;
    Line::open(exchange, &format!("/private/ws?listenKey={key}")).await
}

fn mark(exchange: &LocalExchange, price: i64) {
    exchange.apply(FUTURES, &Command::Mark { instrument: 0, price }).unwrap();
}

/// Event and state of what comes next.
async fn told(line: &mut Line) -> (String, String) {
    let event = line.hear().await.unwrap();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let state = if event["e"] == "ACCOUNT_UPDATE" { &event["a"]["m"] } else { &event["o"]["X"] };
    (text(&event["e"]), text(state))
}

fn pairs(expected: &[(&str, &str)]) -> Vec<(String, String)> {
    expected.iter().map(|(kind, state)| ((*kind).to_owned(), (*state).to_owned())).collect()
}

async fn all_told(line: &mut Line, count: usize) -> Vec<(String, String)> {
    let mut all = Vec::new();
    while all.len() < count {
        all.push(told(line).await);
    }
    all
}

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
        let gone = call(&exchange, "PUT", "/fapi/v1/listenKey", Some("ann"), Vec::new()).await;
        assert_eq!(gone.code(), -1125);
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
        assert!(depth["U"].as_i64() > depth["pu"].as_i64(), "{depth}");
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
fn orders_end_when_their_client_is_gone() {
    run(async {
        let exchange = futures();
        limit(&exchange, "ann", "BUY", "0.1", "50000").await;
        limit(&exchange, "bob", "BUY", "0.1", "49000").await;
        let path = "/fapi/v1/countdownCancelAll";
        let count = |time: &str| format!("symbol=BTCUSDT&countdownTime={time}");
        let started = signed(&exchange, "ann", "POST", path, &count("300")).await.body;
        assert_eq!(started, json!({"symbol": "BTCUSDT", "countdownTime": "300"}));
        // Alive: it begins anew, and 0 ends it.
        signed(&exchange, "ann", "POST", path, &count("0")).await;
        tokio::time::sleep(Duration::from_millis(600)).await;
        let open = signed(&exchange, "ann", "GET", "/fapi/v1/openOrders", "").await.body;
        assert_eq!(open.as_array().unwrap().len(), 1);
        let mut line = user(&exchange, "ann").await;
        signed(&exchange, "ann", "POST", path, &count("300")).await;
        assert_eq!(told(&mut line).await, ("ORDER_TRADE_UPDATE".to_owned(), "CANCELED".to_owned()));
        let open = signed(&exchange, "bob", "GET", "/fapi/v1/openOrders", "").await.body;
        assert_eq!(open.as_array().unwrap().len(), 1, "others are not concerned");
    });
}

#[test]
fn a_conditional_order_waits_is_seen_and_comes() {
    run(async {
        let exchange = futures();
        deal(&exchange, "bob", "ann", "0.1", "50000").await;
        limit(&exchange, "bob", "BUY", "1", "48000").await;
        let mut line = user(&exchange, "ann").await;
        let query = "algoType=CONDITIONAL&symbol=BTCUSDT&side=SELL&type=STOP_MARKET\
                     &triggerPrice=49000&closePosition=true&clientAlgoId=stop";
        let placed = signed(&exchange, "ann", "POST", ALGO, query).await.body;
        assert_eq!(
            (&placed["algoStatus"], &placed["orderType"]),
            (&json!("NEW"), &json!("STOP_MARKET"))
        );
        assert_eq!(told(&mut line).await, ("ALGO_UPDATE".to_owned(), "NEW".to_owned()));
        let open = signed(&exchange, "ann", "GET", "/fapi/v1/openOrders", "").await.body;
        assert_eq!(open, json!([]), "it is no order so far");
        let open = signed(&exchange, "ann", "GET", "/fapi/v1/openAlgoOrders", "").await.body;
        assert_eq!(open[0]["algoId"], placed["algoId"]);
        deal(&exchange, "bob", "cat", "0.01", "49500").await;
        deal(&exchange, "bob", "cat", "0.01", "49000").await;
        let expected = pairs(&[
            ("ALGO_UPDATE", "TRIGGERING"),
            ("ALGO_UPDATE", "TRIGGERED"),
            ("ORDER_TRADE_UPDATE", "NEW"),
            ("TRADE_LITE", ""),
            ("ACCOUNT_UPDATE", "ORDER"),
            ("ORDER_TRADE_UPDATE", "FILLED"),
            ("ALGO_UPDATE", "FINISHED"),
        ]);
        assert_eq!(all_told(&mut line, 7).await, expected);
        let found = signed(&exchange, "ann", "GET", ALGO, "clientAlgoId=stop").await.body;
        assert_eq!(
            (&found["algoStatus"], &found["actualPrice"]),
            (&json!("FINISHED"), &json!("48000.00000000"))
        );
        let query = format!("symbol=BTCUSDT&orderId={}", found["actualOrderId"].as_str().unwrap());
        let order = signed(&exchange, "ann", "GET", ORDER, &query).await.body;
        assert_eq!((&order["type"], &order["executedQty"]), (&json!("MARKET"), &json!("0.100")));
    });
}

#[test]
fn conditional_orders_are_checked_and_cancelled() {
    run(async {
        let exchange = futures();
        deal(&exchange, "bob", "ann", "0.1", "50000").await;
        let order = |rest: &str| format!("algoType=CONDITIONAL&symbol=BTCUSDT&side=SELL&{rest}");
        let stop = "type=STOP_MARKET&quantity=0.1&triggerPrice=49000";
        let trail = "type=TRAILING_STOP_MARKET&quantity=0.1";
        for (query, code) in [
            (order(stop).replace("CONDITIONAL", "VP"), -1130),
            (order("type=LIMIT&quantity=0.1&price=49000&timeInForce=GTC"), -1116),
            (order("type=STOP_MARKET&quantity=0.1"), -1102),
            (order("type=STOP&quantity=0.1&triggerPrice=49000"), -1102),
            (order("type=STOP_MARKET&quantity=0.1&triggerPrice=51000"), -2021),
            (order("type=TAKE_PROFIT_MARKET&quantity=0.1&triggerPrice=49000"), -2021),
            (order(&format!("{stop}&closePosition=true")), -4137),
            (order(&format!("{stop}&workingType=NO_PRICE")), -4031),
            (order(&format!("{trail}&callbackRate=11")), -2007),
            (order(trail), -1102),
            (order(&format!("{trail}&callbackRate=1&activatePrice=49000")), -4135),
            (order("type=TRAILING_STOP_MARKET&callbackRate=1&closePosition=true"), -4136),
        ] {
            let answer = signed(&exchange, "ann", "POST", ALGO, &query).await;
            assert_eq!((answer.status, answer.code()), (400, code), "{query} {}", answer.body);
        }
        let open = signed(&exchange, "ann", "GET", "/fapi/v1/openAlgoOrders", "").await.body;
        assert_eq!(open, json!([]));
        let query = order(&format!("{trail}&callbackRate=0.5&activatePrice=51000"));
        let trail = signed(&exchange, "ann", "POST", ALGO, &query).await.body;
        assert_eq!(
            (&trail["callbackRate"], &trail["activatePrice"]),
            (&json!("0.5"), &json!("51000.00"))
        );
        let placed = signed(&exchange, "ann", "POST", ALGO, &order(stop)).await.body;
        let mut line = user(&exchange, "ann").await;
        let query = format!("algoId={}", placed["algoId"]);
        let ended = signed(&exchange, "ann", "DELETE", ALGO, &query).await.body;
        assert_eq!((&ended["code"], &ended["algoId"]), (&json!("200"), &placed["algoId"]));
        assert_eq!(told(&mut line).await, ("ALGO_UPDATE".to_owned(), "CANCELED".to_owned()));
        assert_eq!(signed(&exchange, "ann", "DELETE", ALGO, &query).await.code(), -2011);
        let path = "/fapi/v1/algoOpenOrders";
        let all = signed(&exchange, "ann", "DELETE", path, "symbol=BTCUSDT").await.body;
        assert_eq!(all["code"], 200);
        let open = signed(&exchange, "ann", "GET", "/fapi/v1/openAlgoOrders", "").await.body;
        assert_eq!(open, json!([]));
        let path = "/fapi/v1/allAlgoOrders";
        let all = signed(&exchange, "ann", "GET", path, "symbol=BTCUSDT").await.body;
        let states: Vec<_> = all.as_array().unwrap().iter().map(|one| &one["algoStatus"]).collect();
        assert_eq!(states, ["CANCELED", "CANCELED"]);
    });
}

#[test]
fn a_conditional_order_without_money_is_rejected_when_it_is_to_come() {
    run(async {
        let exchange = futures();
        deal(&exchange, "bob", "cat", "0.1", "50000").await;
        let query = "algoType=CONDITIONAL&symbol=BTCUSDT&side=BUY&type=STOP_MARKET\
                     &triggerPrice=51000&quantity=10";
        assert_eq!(signed(&exchange, "ann", "POST", ALGO, query).await.status, 200);
        exchange.deposit(FUTURES, "ann", "USDT", decimal("-99999")).unwrap();
        let mut line = user(&exchange, "ann").await;
        deal(&exchange, "bob", "cat", "0.01", "51000").await;
        let expected = pairs(&[("ALGO_UPDATE", "TRIGGERING"), ("ALGO_UPDATE", "REJECTED")]);
        assert_eq!(all_told(&mut line, 2).await, expected);
        assert!(line.is_silent().await);
    });
}

#[test]
fn a_liquidation_is_warned_of_done_and_seen_by_all() {
    run(async {
        let exchange = futures();
        deal(&exchange, "bob", "ann", "1", "50000").await;
        exchange.deposit(FUTURES, "ann", "USDT", decimal("-97000")).unwrap();
        limit(&exchange, "bob", "BUY", "1", "47600").await;
        let mut line = user(&exchange, "ann").await;
        let mut all = Line::open(&exchange, "/market/ws/btcusdt@forceOrder").await;
        mark(&exchange, 472_100);
        let call = line.hear().await.unwrap();
        assert_eq!((&call["e"], &call["p"][0]["mp"]), (&json!("MARGIN_CALL"), &json!("47210.00")));
        assert_eq!(call["cw"], "3000.00000000");
        mark(&exchange, 471_800);
        let expected = pairs(&[
            ("ORDER_TRADE_UPDATE", "NEW"),
            ("ACCOUNT_UPDATE", "ORDER"),
            ("ORDER_TRADE_UPDATE", "FILLED"),
        ]);
        let mut seen = all_told(&mut line, 2).await;
        let fill = line.hear().await.unwrap();
        seen.push(("ORDER_TRADE_UPDATE".to_owned(), fill["o"]["X"].as_str().unwrap().to_owned()));
        assert_eq!(seen, expected);
        assert_eq!(fill["o"]["x"], "CALCULATED");
        assert!(fill["o"]["c"].as_str().unwrap().starts_with("autoclose-"), "{fill}");
        assert_eq!(fill["o"]["rp"], "-2400.00000000");
        let forced = all.hear().await.unwrap();
        assert_eq!((&forced["e"], &forced["o"]["S"]), (&json!("forceOrder"), &json!("SELL")));
        assert_eq!(
            (&forced["o"]["z"], &forced["o"]["ap"]),
            (&json!("1.000"), &json!("47600.00000000"))
        );
        let own = signed(&exchange, "ann", "GET", "/fapi/v1/forceOrders", "").await.body;
        assert_eq!(own[0]["status"], "FILLED");
        let (left, _) = exchange.balance(FUTURES, "ann", "USDT").unwrap();
        assert_eq!(left, decimal("600"));
    });
}

#[test]
fn positions_are_funded_at_the_full_hour() {
    run(async {
        let exchange = futures();
        deal(&exchange, "bob", "ann", "1", "50000").await;
        let mut line = user(&exchange, "ann").await;
        mark(&exchange, 500_000);
        let rate = Command::Funding { instrument: 0, rate_ppm: -20 };
        exchange.apply(FUTURES, &rate).unwrap();
        let update = line.hear().await.unwrap();
        assert_eq!(update["a"]["m"], "FUNDING_FEE");
        assert_eq!(update["a"]["B"][0]["bc"], "1.00000000");
        let premium = get(&exchange, "/fapi/v1/premiumIndex?symbol=BTCUSDT").await.body;
        assert_eq!(premium["markPrice"], "50000.00");
        let next = premium["nextFundingTime"].as_i64().unwrap();
        // The exchange has to have seen the hour before.
        tokio::time::sleep(Duration::from_millis(1_200)).await;
        let wait = next - premium["time"].as_i64().unwrap();
        let fault = json!({"fault": "clock_ahead", "ms": wait});
        exchange.fault_in_json(FUTURES, &fault.to_string()).unwrap();
        let paid = decimal("99996");
        while exchange.balance(FUTURES, "ann", "USDT").unwrap().0 != paid {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        let rates = get(&exchange, "/fapi/v1/fundingRate?symbol=BTCUSDT").await.body;
        assert_eq!(
            (&rates[0]["fundingTime"], &rates[0]["fundingRate"]),
            (&json!(next), &json!("0.00010000"))
        );
        assert_eq!(rates.as_array().unwrap().len(), 1);
        let (left, _) = exchange.balance(FUTURES, "bob", "USDT").unwrap();
        assert_eq!(left, decimal("100004"));
    });
}

#[test]
fn the_mark_price_follows_the_book_until_somebody_sets_it() {
    run(async {
        let exchange = futures();
        limit(&exchange, "bob", "BUY", "0.1", "49000").await;
        limit(&exchange, "bob", "SELL", "0.1", "49100").await;
        let price = async |wanted: &str| {
            loop {
                let premium = get(&exchange, "/fapi/v1/premiumIndex?symbol=BTCUSDT").await.body;
                if premium["markPrice"] == wanted {
                    return premium;
                }
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        };
        price("49050.00").await;
        limit(&exchange, "bob", "SELL", "0.1", "49050").await;
        price("49025.00").await;
        mark(&exchange, 500_000);
        limit(&exchange, "bob", "BUY", "0.1", "49010").await;
        tokio::time::sleep(Duration::from_millis(1_200)).await;
        let premium = price("50000.00").await;
        assert_eq!(premium["indexPrice"], "49030.00");
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
        assert_eq!(limits, [("SECOND", true), ("MINUTE", true), ("MINUTE", true)]);
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
        let none = line.ask("ann", "userDataStream.subscribe", json!({})).await;
        assert_eq!(none["error"]["code"], -1020);
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
fn other_traders_make_a_market_of_perpetuals() {
    run(async {
        let mut exchange = futures();
        let crowd = rustonite_exchange::Crowd {
            seed: 3,
            events_per_second: 400.0,
            prices: vec![("BTCUSDT".to_owned(), decimal("60000"))],
        };
        exchange.open_to(FUTURES, &crowd).unwrap();
        let mut line = Line::open(&exchange, "/market/ws/btcusdt@aggTrade").await;
        assert_eq!(line.hear().await.unwrap()["s"], "BTCUSDT");
        let depth = get(&exchange, "/fapi/v1/depth?symbol=BTCUSDT&limit=20").await.body;
        let best = |side: &str| decimal(depth[side][0][0].as_str().unwrap()).to_f64();
        assert!(best("bids") < best("asks"), "{depth}");
        let open = get(&exchange, "/fapi/v1/openInterest?symbol=BTCUSDT").await.body;
        assert_ne!(open["openInterest"], "0.000");
        let account = exchange.account(FUTURES, "ann").unwrap();
        let order = rustonite_sim::NewOrder::market(account, 0, Side::Buy, 10);
        exchange.apply(FUTURES, &Command::Place(order)).unwrap();
        let rows = signed(&exchange, "ann", "GET", "/fapi/v3/positionRisk", "").await.body;
        assert_ne!(rows[0]["markPrice"], "0.00", "{rows}");
    });
}
