//! What happens by itself on Binance USD-M futures: conditional orders, timers, liquidations, fundings.

#![allow(clippy::unwrap_used, reason = "a test may fail")]

mod common;

use std::time::Duration;

use common::usdm::{
    ALGO, ORDER, all_told, ask, deal, limit, mark, pairs, position, ticks_around, told, user,
};
use common::{FUTURES, Line, call, decimal, futures, get, run, signed};
use rustonite_sim::{Command, Side};
use serde_json::json;

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
        let second = query.replace("=stop", "=second");
        assert_eq!(signed(&exchange, "ann", "POST", ALGO, &second).await.code(), -4130);
        let profit = second.replace("STOP", "TAKE_PROFIT").replace("49000", "51000");
        let profit = signed(&exchange, "ann", "POST", ALGO, &profit).await;
        assert_eq!(profit.status, 200, "{}", profit.body);
        assert_eq!(told(&mut line).await, ("ALGO_UPDATE".to_owned(), "NEW".to_owned()));
        let query = format!("algoId={}", profit.body["algoId"]);
        assert_eq!(signed(&exchange, "ann", "DELETE", ALGO, &query).await.status, 200);
        assert_eq!(told(&mut line).await, ("ALGO_UPDATE".to_owned(), "CANCELED".to_owned()));
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
            (order(&format!("{stop}&priceProtect=perhaps")), -1130),
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
        // The price of the moment, from which it follows, is no price that it waits for.
        let query = order("type=TRAILING_STOP_MARKET&quantity=0.1&callbackRate=0.5");
        let at_once = signed(&exchange, "ann", "POST", ALGO, &query).await.body;
        assert_eq!(
            (&at_once["triggerPrice"], &at_once["activatePrice"]),
            (&json!("0.00"), &json!("0.00"))
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
        assert_eq!(states, ["CANCELED"; 3]);
    });
}

#[test]
fn a_conditional_order_without_money_is_rejected_when_it_is_to_come() {
    run(async {
        let exchange = futures();
        deal(&exchange, "bob", "cat", "0.1", "50000").await;
        exchange.deposit(FUTURES, "ann", "USDT", decimal("-99999")).unwrap();
        let mut line = user(&exchange, "ann").await;
        let query = "algoType=CONDITIONAL&symbol=BTCUSDT&side=BUY&triggerPrice=51000&quantity=10";
        for kind in ["type=STOP_MARKET", "type=STOP&price=51000&priceProtect=false"] {
            let placed = signed(&exchange, "ann", "POST", ALGO, &format!("{query}&{kind}")).await;
            assert_eq!(placed.status, 200, "{}", placed.body);
        }
        let account = ask(&exchange, "ann", "/fapi/v3/account", "").await;
        assert_eq!(account["totalOpenOrderInitialMargin"], "0.00000000");
        assert_eq!(all_told(&mut line, 2).await, pairs(&[("ALGO_UPDATE", "NEW"); 2]));
        deal(&exchange, "bob", "cat", "0.01", "51000").await;
        for status in ["TRIGGERING", "REJECTED", "TRIGGERING", "REJECTED"] {
            let event = line.hear().await.unwrap();
            assert_eq!((&event["e"], &event["o"]["X"]), (&json!("ALGO_UPDATE"), &json!(status)));
            let why = (status == "REJECTED").then_some("Margin is insufficient.");
            assert_eq!(event["o"]["rm"].as_str(), why);
        }
        assert!(line.is_silent().await);
    });
}

#[test]
fn a_conditional_order_says_what_became_of_it_when_its_position_is_gone() {
    run(async {
        let exchange = futures();
        deal(&exchange, "bob", "ann", "0.2", "50000").await;
        let order = |name: &str, rest: &str| {
            format!(
                "algoType=CONDITIONAL&symbol=BTCUSDT&side=SELL&reduceOnly=true&quantity=0.1\
                 &clientAlgoId={name}&{rest}"
            )
        };
        let limit_at = "type=STOP&timeInForce=GTC&triggerPrice";
        for query in [
            order("rests", &format!("{limit_at}=49900&price=50400")),
            order("late", &format!("{limit_at}=49000&price=49500")),
            order("poor", "type=STOP_MARKET&triggerPrice=49000"),
        ] {
            assert_eq!(signed(&exchange, "ann", "POST", ALGO, &query).await.status, 200);
        }
        let state = async |name: &str| {
            ask(&exchange, "ann", ALGO, &format!("clientAlgoId={name}")).await["algoStatus"].take()
        };
        deal(&exchange, "bob", "cat", "0.01", "49900").await;
        assert_eq!(state("rests").await, "TRIGGERED");
        let mut line = user(&exchange, "ann").await;
        limit(&exchange, "bob", "BUY", "0.2", "49800").await;
        let close = "symbol=BTCUSDT&side=SELL&type=MARKET&quantity=0.2&reduceOnly=true";
        assert_eq!(signed(&exchange, "ann", "POST", ORDER, close).await.status, 200);
        let ended = loop {
            let event = line.hear().await.unwrap();
            if event["o"]["x"] == "EXPIRED" {
                break event;
            }
        };
        assert_eq!((&ended["o"]["ot"], &ended["o"]["er"]), (&json!("STOP"), &json!("4")));
        assert_eq!(told(&mut line).await.1, "FINISHED");
        assert_eq!(state("rests").await, "FINISHED", "it was in the book");
        assert_eq!([state("late").await, state("poor").await], ["NEW", "NEW"]);
        deal(&exchange, "bob", "cat", "0.01", "49000").await;
        for name in ["late", "poor"] {
            assert_eq!(told(&mut line).await.1, "TRIGGERING");
            let event = line.hear().await.unwrap();
            let facts = ["caid", "X", "rm", "ai"].map(|name| event["o"][name].clone());
            assert_eq!(facts, [name, "REJECTED", "Reduce Only reject", ""].map(|text| json!(text)));
            assert_eq!(state(name).await, "REJECTED");
        }
    });
}

#[test]
fn orders_say_why_they_have_expired() {
    run(async {
        let exchange = futures();
        limit(&exchange, "bob", "SELL", "0.1", "50000").await;
        limit(&exchange, "ann", "BUY", "0.1", "49000").await;
        let mut line = user(&exchange, "ann").await;
        let own = "selfTradePreventionMode=EXPIRE_TAKER&side=SELL";
        for (query, why) in [
            ("side=BUY&type=LIMIT&timeInForce=IOC&price=49500", "2"),
            ("side=BUY&type=MARKET", "9"),
            (&format!("{own}&type=LIMIT&timeInForce=GTC&price=49000"), "1"),
            (&format!("{own}&type=LIMIT&timeInForce=IOC&price=49000"), "3"),
        ] {
            let query = format!("symbol=BTCUSDT&quantity=0.2&{query}");
            let answer = signed(&exchange, "ann", "POST", ORDER, &query).await;
            assert_eq!(answer.status, 200, "{}", answer.body);
            let ended = loop {
                let event = line.hear().await.unwrap();
                let order = &event["o"];
                if order["x"] == "EXPIRED" {
                    break order.clone();
                }
                assert!(order.is_null() || event["e"] == "TRADE_LITE" || order["er"] == "0");
            };
            assert_eq!(ended["er"], why, "{query}");
        }
    });
}

#[test]
fn side_by_side_no_more_is_closed_than_there_is() {
    run(async {
        let exchange = futures();
        let dual = "/fapi/v1/positionSide/dual";
        signed(&exchange, "ann", "POST", dual, "dualSidePosition=true").await;
        limit(&exchange, "bob", "SELL", "0.1", "50000").await;
        let order = |rest: &str| format!("symbol=BTCUSDT&positionSide=LONG&{rest}");
        let at = |size: &str, price: &str| {
            order(&format!("side=SELL&type=LIMIT&timeInForce=GTC&quantity={size}&price={price}"))
        };
        for (query, code) in [
            (order("side=BUY&type=MARKET&quantity=0.1"), 0),
            (order("side=SELL&type=MARKET&quantity=0.11"), -2022),
            (at("0.11", "51000"), -2022),
            (at("0.06", "51000"), 0),
            (at("0.05", "52000"), -2022),
            (at("0.04", "52000"), 0),
        ] {
            let answer = signed(&exchange, "ann", "POST", ORDER, &query).await;
            assert_eq!(answer.code(), code, "{query} {}", answer.body);
        }
        // A market order comes before limits that rest.
        limit(&exchange, "bob", "BUY", "0.1", "49000").await;
        let close = order("side=SELL&type=MARKET&quantity=0.1&newOrderRespType=RESULT");
        let closed = signed(&exchange, "ann", "POST", ORDER, &close).await.body;
        assert_eq!(closed["status"], "FILLED", "{closed}");
        assert_eq!(ask(&exchange, "ann", "/fapi/v1/openOrders", "").await, json!([]));
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
        let warning = line.hear().await.unwrap();
        assert_eq!(
            (&warning["e"], &warning["p"][0]["mp"]),
            (&json!("MARGIN_CALL"), &json!("47210.00"))
        );
        assert_eq!(warning["cw"], "3000.00000000");
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
            (&rates[1]["fundingTime"], &rates[1]["fundingRate"]),
            (&json!(next), &json!("0.00010000"))
        );
        assert_eq!(rates[0]["fundingRate"], "-0.00002000");
        assert_eq!(rates.as_array().unwrap().len(), 2);
        let (left, _) = exchange.balance(FUTURES, "bob", "USDT").unwrap();
        assert_eq!(left, decimal("100004"));
    });
}

#[test]
fn funding_of_an_isolated_position_is_told_with_its_balance() {
    run(async {
        let exchange = futures();
        for (path, query) in
            [("/fapi/v1/marginType", "marginType=ISOLATED"), ("/fapi/v1/leverage", "leverage=10")]
        {
            signed(&exchange, "ann", "POST", path, &format!("symbol=BTCUSDT&{query}")).await;
        }
        deal(&exchange, "bob", "ann", "1", "50000").await;
        let mut line = user(&exchange, "ann").await;
        mark(&exchange, 500_000);
        exchange.apply(FUTURES, &Command::Funding { instrument: 0, rate_ppm: 20 }).unwrap();
        let update = line.hear().await.unwrap();
        assert_eq!(update["a"]["m"], "FUNDING_FEE");
        assert_eq!(
            update["a"]["B"],
            json!([{"a": "USDT", "wb": "99999.00000000", "cw": "95000.00000000", "bc": "-1.00000000"}])
        );
        assert_eq!(update["a"]["P"][0]["iw"], "4999.00000000");
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
        let body = br#"{"symbol":"BTCUSDT","price":"50000"}"#.to_vec();
        let set = call(&exchange, "POST", "/_exchange/mark", None, body).await;
        assert_eq!(set.status, 200, "{}", set.body);
        limit(&exchange, "bob", "BUY", "0.1", "49010").await;
        tokio::time::sleep(Duration::from_millis(1_200)).await;
        let premium = price("50000.00").await;
        assert_eq!(premium["indexPrice"], "49030.00");
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

#[test]
fn no_more_conditional_orders_wait_than_an_account_may_have_over_all_symbols() {
    run(async {
        let exchange = futures();
        let place = async |symbol: &str, price: u32| {
            let query = format!(
                "algoType=CONDITIONAL&symbol={symbol}&side=BUY&type=STOP_MARKET&quantity=0.1\
                 &triggerPrice={price}"
            );
            signed(&exchange, "ann", "POST", ALGO, &query).await.code()
        };
        for price in 0..100 {
            for symbol in ["BTCUSDT", "ETHUSDT"] {
                assert_eq!(place(symbol, 50_000 + price).await, 0, "{price}");
            }
        }
        assert_eq!(place("BTCUSDT", 51_000).await, -4045);
        assert_eq!(place("ETHUSDT", 51_000).await, -4045);
        let path = "/fapi/v1/algoOpenOrders";
        let ended = signed(&exchange, "ann", "DELETE", path, "symbol=ETHUSDT").await;
        assert_eq!(ended.status, 200);
        assert_eq!(place("BTCUSDT", 51_000).await, 0);
    });
}

#[test]
fn a_protected_order_waits_while_last_and_mark_price_are_far_apart() {
    run(async {
        let exchange = futures();
        deal(&exchange, "bob", "ann", "0.2", "50000").await;
        let stop = "algoType=CONDITIONAL&symbol=BTCUSDT&side=SELL&type=STOP_MARKET&quantity=0.1\
                    &reduceOnly=true&triggerPrice=49000";
        for (name, protect) in [("open", "FALSE"), ("held", "TRUE")] {
            let query = format!("{stop}&clientAlgoId={name}&priceProtect={protect}");
            let placed = signed(&exchange, "ann", "POST", ALGO, &query).await.body;
            assert_eq!(placed["priceProtect"], name == "held", "{placed}");
        }
        limit(&exchange, "bob", "BUY", "0.2", "48900").await;
        let states = async || {
            let state = async |name: &str| {
                let query = format!("clientAlgoId={name}");
                ask(&exchange, "ann", ALGO, &query).await["algoStatus"].clone()
            };
            [state("open").await, state("held").await]
        };
        // 7.5 % of 53,000 apart.
        exchange.set_mark(FUTURES, "BTCUSDT", decimal("53000")).unwrap();
        deal(&exchange, "bob", "cat", "0.01", "49000").await;
        assert_eq!(states().await, ["FINISHED", "NEW"]);
        exchange.set_mark(FUTURES, "BTCUSDT", decimal("50000")).unwrap();
        assert_eq!(states().await, ["FINISHED", "FINISHED"]);
        let order = "symbol=BTCUSDT&side=BUY&type=MARKET&quantity=0.1&priceProtect=true";
        assert_eq!(signed(&exchange, "ann", "POST", ORDER, order).await.code(), -1106);
    });
}

#[test]
fn positions_end_at_the_price_that_was_told() {
    run(async {
        for isolated in [false, true] {
            let exchange = futures();
            if isolated {
                for who in ["ann", "bob"] {
                    let query = "symbol=BTCUSDT&marginType=ISOLATED";
                    signed(&exchange, who, "POST", "/fapi/v1/marginType", query).await;
                }
            }
            deal(&exchange, "bob", "ann", "1", "50000").await;
            for who in ["ann", "bob"] {
                exchange.deposit(FUTURES, who, "USDT", decimal("-95000")).unwrap();
            }
            // Somebody takes what they have to give away.
            limit(&exchange, "cat", "BUY", "1", "47600").await;
            limit(&exchange, "cat", "SELL", "1", "52400").await;
            let price =
                |held: &serde_json::Value| ticks_around(held["liquidationPrice"].as_str().unwrap());
            let (below, above) = price(&position(&exchange, "ann").await);
            mark(&exchange, above);
            assert_eq!(position(&exchange, "ann").await["positionAmt"], "1.000", "{isolated}");
            mark(&exchange, below);
            assert_eq!(position(&exchange, "ann").await["positionAmt"], "0.000", "{isolated}");
            let (below, above) = price(&position(&exchange, "bob").await);
            mark(&exchange, below);
            assert_eq!(position(&exchange, "bob").await["positionAmt"], "-1.000", "{isolated}");
            mark(&exchange, above);
            assert_eq!(position(&exchange, "bob").await["positionAmt"], "0.000", "{isolated}");
        }
    });
}

#[test]
fn what_nobody_takes_of_a_liquidation_is_closed_against_the_other_side() {
    run(async {
        let exchange = futures();
        deal(&exchange, "bob", "ann", "1", "50000").await;
        exchange.deposit(FUTURES, "ann", "USDT", decimal("-97000")).unwrap();
        limit(&exchange, "bob", "BUY", "0.4", "47600").await;
        let mut trades = Line::open(&exchange, "/market/ws/btcusdt@aggTrade").await;
        let mut ann = user(&exchange, "ann").await;
        let mut bob = user(&exchange, "bob").await;
        mark(&exchange, 471_800);
        let expected = pairs(&[
            ("ORDER_TRADE_UPDATE", "NEW"),
            ("ACCOUNT_UPDATE", "ORDER"),
            ("ORDER_TRADE_UPDATE", "PARTIALLY_FILLED"),
            ("ORDER_TRADE_UPDATE", "FILLED"),
        ]);
        assert_eq!(all_told(&mut ann, 4).await, expected);
        // Nothing is left of 3,000 at 47,000.
        let (left, _) = exchange.balance(FUTURES, "ann", "USDT").unwrap();
        assert_eq!(left, decimal("240"), "0.4 were sold for more");
        let mut orders = Vec::new();
        while orders.len() < 3 {
            let event = bob.hear().await.unwrap();
            if event["e"] == "ORDER_TRADE_UPDATE" {
                let of = ["c", "X", "x", "L", "z", "rp"].map(|name| event["o"][name].clone());
                orders.push(of);
            }
        }
        assert_eq!(orders[1][..3], ["adl_autoclose", "NEW", "NEW"].map(|text| json!(text)));
        let closed =
            ["adl_autoclose", "FILLED", "CALCULATED", "47000.00", "0.600", "1800.00000000"];
        assert_eq!(orders[2], closed.map(|text| json!(text)));
        assert_eq!(position(&exchange, "bob").await["positionAmt"], "0.000");
        let forced = |kind: &str| format!("autoCloseType={kind}");
        for (who, kind, expected) in [
            ("bob", "ADL", 1),
            ("bob", "LIQUIDATION", 0),
            ("ann", "ADL", 0),
            ("ann", "LIQUIDATION", 1),
        ] {
            let found = ask(&exchange, who, "/fapi/v1/forceOrders", &forced(kind)).await;
            assert_eq!(found.as_array().unwrap().len(), expected, "{who} {kind}: {found}");
        }
        let own = ask(&exchange, "bob", "/fapi/v1/userTrades", "symbol=BTCUSDT").await;
        assert_eq!(own.as_array().unwrap().len(), 3, "all of a position's changes are fills");
        assert_eq!(trades.hear().await.unwrap()["q"], "0.400");
        assert!(trades.is_silent().await, "what positions give to each other is no trade");
    });
}
