//! Orders of spot that belong together.

mod common;

use common::{Line, VENUE, exchange, first_trade, limit, run, signed, user};
use serde_json::{Value, json};

const PROFIT_OR_LOSS: &str = "symbol=BTCUSDT&listClientOrderId=row&workingType=LIMIT\
     &workingSide=BUY&workingPrice=49000&workingQuantity=0.1&workingTimeInForce=GTC\
     &workingClientOrderId=entry&pendingSide=SELL&pendingQuantity=0.1\
     &pendingAboveType=LIMIT_MAKER&pendingAbovePrice=51000&pendingAboveClientOrderId=profit\
     &pendingBelowType=STOP_LOSS&pendingBelowStopPrice=45000&pendingBelowClientOrderId=loss";

const PAIR: &str = "symbol=BTCUSDT&listClientOrderId=row&side=SELL&quantity=0.1\
     &aboveType=LIMIT_MAKER&abovePrice=51000&aboveClientOrderId=profit\
     &belowType=STOP_LOSS&belowStopPrice=45000&belowClientOrderId=loss";

#[test]
fn an_order_brings_others_once_it_is_filled() {
    run(async {
        let exchange = exchange();
        first_trade(&exchange).await;
        let states = async || {
            let query = "symbol=BTCUSDT";
            let all = signed(&exchange, "ann", "GET", "/api/v3/allOrders", query).await.body;
            let name = |one: &serde_json::Value, key: &str| one[key].as_str().unwrap().to_owned();
            let all = all.as_array().unwrap().iter().skip(1);
            all.map(|one| name(one, "clientOrderId") + " " + &name(one, "status"))
                .collect::<Vec<_>>()
        };
        let query = PROFIT_OR_LOSS;
        let path = "/api/v3/orderList/otoco";
        let market = query.replace("workingType=LIMIT", "workingType=MARKET");
        assert_eq!(signed(&exchange, "ann", "POST", path, &market).await.code(), -1116);
        let placed = signed(&exchange, "ann", "POST", path, query).await;
        assert_eq!(placed.status, 200, "{}", placed.body);
        assert_eq!(placed.body["contingencyType"], "OTO");
        assert_eq!(placed.body["orderReports"].as_array().unwrap().len(), 3);
        assert_eq!(states().await, ["entry NEW", "profit PENDING_NEW", "loss PENDING_NEW"]);
        limit(&exchange, "bob", "SELL", "49000", "maker").await;
        assert_eq!(states().await, ["entry FILLED", "profit NEW", "loss NEW"]);
        limit(&exchange, "bob", "BUY", "51000", "taker").await;
        assert_eq!(states().await, ["entry FILLED", "profit FILLED", "loss EXPIRED"]);
    });
}

#[test]
fn an_order_that_waits_for_another_ends_with_it() {
    run(async {
        let exchange = exchange();
        let query = "symbol=BTCUSDT&listClientOrderId=row&workingType=LIMIT_MAKER&workingSide=BUY\
                     &workingPrice=49000&workingQuantity=0.1&workingClientOrderId=entry\
                     &pendingType=LIMIT&pendingSide=SELL&pendingPrice=51000&pendingQuantity=0.1\
                     &pendingTimeInForce=GTC&pendingClientOrderId=exit";
        let placed = signed(&exchange, "ann", "POST", "/api/v3/orderList/oto", query).await;
        assert_eq!(placed.status, 200, "{}", placed.body);
        let query = "symbol=BTCUSDT&origClientOrderId=exit";
        let waits = signed(&exchange, "ann", "GET", "/api/v3/order", query).await.body;
        assert_eq!(
            ["isWorking", "workingTime"].map(|key| &waits[key]),
            [&json!(false), &json!(-1)]
        );
        let query = "symbol=BTCUSDT&listClientOrderId=row";
        let ended = signed(&exchange, "ann", "DELETE", "/api/v3/orderList", query).await.body;
        let reports = ended["orderReports"].as_array().unwrap();
        let states: Vec<_> = reports.iter().map(|one| &one["status"]).collect();
        assert_eq!((&ended["listOrderStatus"], states.len()), (&json!("ALL_DONE"), 2), "{ended}");
        assert_eq!(states[0], "CANCELED");
        let open = signed(&exchange, "ann", "GET", "/api/v3/openOrders", "").await.body;
        assert_eq!(open, json!([]));
    });
}

/// The next reports of orders: whose, what happened, the state, and whether it is in the book.
async fn reports(line: &mut Line, count: usize) -> Vec<String> {
    let mut all = Vec::new();
    while all.len() < count {
        let event = line.event().await;
        if event["e"] == "executionReport" {
            let text = |key: &str| event[key].as_str().unwrap_or_default().to_owned();
            all.push(format!("{} {} {} {}", text("c"), text("x"), text("X"), event["w"]));
        }
    }
    all
}

#[test]
fn the_user_stream_tells_of_orders_that_wait_for_another() {
    run(async {
        let exchange = exchange();
        first_trade(&exchange).await;
        let mut line = user(&exchange).await;
        let path = "/api/v3/orderList/otoco";
        assert_eq!(signed(&exchange, "ann", "POST", path, PROFIT_OR_LOSS).await.status, 200);
        let placed =
            ["entry NEW NEW true", "profit NEW PENDING_NEW false", "loss NEW PENDING_NEW false"];
        assert_eq!(reports(&mut line, 3).await, placed);
        limit(&exchange, "bob", "SELL", "49000", "maker").await;
        let come = ["entry TRADE FILLED false", "profit NEW NEW true", "loss NEW NEW false"];
        assert_eq!(reports(&mut line, 3).await, come);
    });
}

#[test]
fn an_order_of_a_list_gets_smaller() {
    run(async {
        let exchange = exchange();
        first_trade(&exchange).await;
        let path = "/api/v3/orderList/otoco";
        assert_eq!(signed(&exchange, "ann", "POST", path, PROFIT_OR_LOSS).await.status, 200);
        let mut line = user(&exchange).await;
        let amend = async |name: &str, more: &str| {
            let query = format!("symbol=BTCUSDT&origClientOrderId={name}&{more}");
            signed(&exchange, "ann", "PUT", "/api/v3/order/amend/keepPriority", &query).await
        };
        let amended = amend("profit", "newQty=0.04&newClientOrderId=less").await.body;
        let order = &amended["amendedOrder"];
        assert_eq!(
            (&order["status"], &order["qty"]),
            (&json!("PENDING_NEW"), &json!("0.04000000"))
        );
        assert_eq!(order.get("workingTime"), None, "{order}");
        let list = &amended["listStatus"];
        assert_eq!(
            (&list["listOrderStatus"], &list["contingencyType"]),
            (&json!("EXECUTING"), &json!("OTO"))
        );
        assert_eq!(list["orders"][1]["clientOrderId"], "less");
        let told = line.event().await;
        assert_eq!((&told["x"], &told["X"]), (&json!("REPLACED"), &json!("PENDING_NEW")));
        assert_eq!(
            (&told["C"], &told["q"], &told["w"]),
            (&json!("profit"), &json!("0.04000000"), &json!(false))
        );
        // The other one of the pair is over the same, and keeps its name.
        let told = line.event().await;
        assert_eq!(
            (&told["x"], &told["c"], &told["C"], &told["q"]),
            (&json!("REPLACED"), &json!("loss"), &json!("loss"), &json!("0.04000000"))
        );
        let told = line.event().await;
        assert_eq!((&told["e"], &told["l"]), (&json!("listStatus"), &json!("UPDATED")));
        // One that keeps its name says nothing of its list.
        assert_eq!(amend("entry", "newQty=0.05&newClientOrderId=entry").await.status, 200);
        assert_eq!(amend("loss", "newQty=0.04").await.code(), -2038);
        assert_eq!(amend("loss", "newQty=0.05").await.code(), -2038);
        assert_eq!(amend("loss", "newQty=0.03&newClientOrderId=loss").await.status, 200);
        limit(&exchange, "bob", "SELL", "49000", "maker").await;
        let told = reports(&mut line, 6).await;
        assert_eq!(
            told[3..],
            ["entry TRADE FILLED false", "less NEW NEW true", "loss NEW NEW false"]
        );
        assert_eq!(
            told[..3],
            [
                "entry REPLACED NEW true",
                "loss REPLACED PENDING_NEW false",
                "less REPLACED PENDING_NEW false"
            ]
        );
    });
}

#[test]
fn an_order_whose_turn_comes_at_once_was_told_to_wait_before() {
    run(async {
        let exchange = exchange();
        first_trade(&exchange).await;
        limit(&exchange, "bob", "SELL", "49000", "maker").await;
        let mut line = user(&exchange).await;
        let path = "/api/v3/orderList/otoco";
        assert_eq!(signed(&exchange, "ann", "POST", path, PROFIT_OR_LOSS).await.status, 200);
        let told = reports(&mut line, 6).await;
        let waits =
            ["entry NEW NEW true", "profit NEW PENDING_NEW false", "loss NEW PENDING_NEW false"];
        assert_eq!(told[..3], waits);
        assert_eq!(told[3], "entry TRADE FILLED false");
        assert_eq!(told[4..], ["profit NEW NEW true", "loss NEW NEW false"]);
    });
}

#[test]
fn a_list_is_ended_by_its_name_whoever_had_that_name() {
    run(async {
        let exchange = exchange();
        first_trade(&exchange).await;
        let path = "/api/v3/orderList/otoco";
        let cancel = "symbol=BTCUSDT&listClientOrderId=row";
        // Names that others use, that were refused, and that have ended.
        assert_eq!(signed(&exchange, "bob", "POST", path, PROFIT_OR_LOSS).await.status, 200);
        for round in 0..20 {
            let poor = PROFIT_OR_LOSS.replace("Quantity=0.1", "Quantity=90");
            assert_eq!(signed(&exchange, "ann", "POST", path, &poor).await.code(), -2010);
            let placed = signed(&exchange, "ann", "POST", path, PROFIT_OR_LOSS).await;
            assert_eq!(placed.status, 200, "{round} {}", placed.body);
            let ended = signed(&exchange, "ann", "DELETE", "/api/v3/orderList", cancel).await;
            assert_eq!(ended.status, 200, "{round} {}", ended.body);
            assert_eq!(ended.body["orderListId"], placed.body["orderListId"]);
        }
        let open = signed(&exchange, "bob", "GET", "/api/v3/openOrderList", "").await.body;
        assert_eq!(open.as_array().unwrap().len(), 1);
    });
}

#[test]
fn an_open_list_has_its_name_alone() {
    run(async {
        let exchange = exchange();
        first_trade(&exchange).await;
        let path = "/api/v3/orderList/otoco";
        assert_eq!(signed(&exchange, "ann", "POST", path, PROFIT_OR_LOSS).await.status, 200);
        let other =
            ["entry", "profit", "loss"].iter().fold(PROFIT_OR_LOSS.to_owned(), |query, name| {
                query.replace(name, &format!("{name}-2"))
            });
        let again = signed(&exchange, "ann", "POST", path, &other).await;
        assert_eq!((again.code(), again.text()), (-2010, "Duplicate order sent."));
        let renamed = other.replace("=row", "=row-2");
        let placed = signed(&exchange, "ann", "POST", path, &renamed).await;
        assert_eq!(placed.status, 200, "{}", placed.body);
    });
}

#[test]
fn who_ends_an_order_of_a_list_ends_the_list() {
    run(async {
        for name in ["entry", "profit", "loss"] {
            let exchange = exchange();
            first_trade(&exchange).await;
            let path = "/api/v3/orderList/otoco";
            assert_eq!(signed(&exchange, "ann", "POST", path, PROFIT_OR_LOSS).await.status, 200);
            let query = format!("symbol=BTCUSDT&origClientOrderId={name}");
            let ended = signed(&exchange, "ann", "DELETE", "/api/v3/order", &query).await;
            assert_eq!(ended.body["status"], "CANCELED", "{name} {}", ended.body);
            let path = "/api/v3/allOrders";
            let all = signed(&exchange, "ann", "GET", path, "symbol=BTCUSDT").await.body;
            let states: Vec<_> =
                all.as_array().unwrap().iter().skip(1).map(|one| &one["status"]).collect();
            assert_eq!(states, ["CANCELED"; 3], "{name}");
        }
    });
}

#[test]
fn a_fill_tells_its_list() {
    run(async {
        let exchange = exchange();
        first_trade(&exchange).await;
        let query = "symbol=BTCUSDT&side=SELL&quantity=0.1&aboveType=LIMIT_MAKER&abovePrice=51000\
                     &belowType=STOP_LOSS&belowStopPrice=45000";
        let placed = signed(&exchange, "ann", "POST", "/api/v3/orderList/oco", query).await.body;
        limit(&exchange, "bob", "BUY", "51000", "taker").await;
        let path = "/api/v3/myTrades";
        let fills = signed(&exchange, "ann", "GET", path, "symbol=BTCUSDT").await.body;
        let lists: Vec<_> =
            fills.as_array().unwrap().iter().map(|one| one["orderListId"].clone()).collect();
        assert_eq!(lists, [json!(-1), placed["orderListId"].clone()]);
    });
}

#[test]
fn a_pair_waits_for_nothing() {
    run(async {
        let exchange = exchange();
        first_trade(&exchange).await;
        let mut line = user(&exchange).await;
        let query = "symbol=BTCUSDT&side=SELL&quantity=0.1&aboveType=LIMIT_MAKER&abovePrice=51000\
                     &aboveClientOrderId=profit&belowType=STOP_LOSS&belowStopPrice=45000\
                     &belowClientOrderId=loss";
        let placed = signed(&exchange, "ann", "POST", "/api/v3/orderList/oco", query).await;
        assert_eq!(placed.status, 200, "{}", placed.body);
        assert_eq!(reports(&mut line, 2).await, ["profit NEW NEW true", "loss NEW NEW false"]);
    });
}

#[test]
fn an_order_that_waited_ends_on_the_stream_with_the_one_it_waited_for() {
    run(async {
        let exchange = exchange();
        first_trade(&exchange).await;
        let mut line = user(&exchange).await;
        let path = "/api/v3/orderList/otoco";
        assert_eq!(signed(&exchange, "ann", "POST", path, PROFIT_OR_LOSS).await.status, 200);
        reports(&mut line, 3).await;
        let query = "symbol=BTCUSDT&listClientOrderId=row";
        assert_eq!(
            signed(&exchange, "ann", "DELETE", "/api/v3/orderList", query).await.status,
            200
        );
        let mut ended = Vec::new();
        while ended.len() < 3 {
            let event: Value = line.event().await;
            if event["e"] == "executionReport" {
                assert_eq!(event["w"], false, "{event}");
                ended.push(event["X"].as_str().unwrap().to_owned());
            }
        }
        assert!(ended.iter().all(|state| ["CANCELED", "EXPIRED"].contains(&state.as_str())));
    });
}

#[test]
fn lists_are_asked_for_by_number_by_name_and_all_at_once() {
    run(async {
        let exchange = exchange();
        first_trade(&exchange).await;
        let path = "/api/v3/orderList/otoco";
        let placed = signed(&exchange, "ann", "POST", path, PROFIT_OR_LOSS).await.body;
        let number = placed["orderListId"].as_u64().unwrap();
        let (one, all) = ("/api/v3/orderList", "/api/v3/allOrderList");
        let query = format!("orderListId={number}");
        let found = signed(&exchange, "ann", "GET", one, &query).await.body;
        assert_eq!(
            (&found["listClientOrderId"], &found["listOrderStatus"]),
            (&json!("row"), &json!("EXECUTING"))
        );
        assert_eq!(
            (found["orders"].as_array().unwrap().len(), &found["orderReports"]),
            (3, &Value::Null)
        );
        let end = "symbol=BTCUSDT&listClientOrderId=row";
        assert_eq!(signed(&exchange, "ann", "DELETE", one, end).await.status, 200);
        let ended = signed(&exchange, "ann", "GET", one, "origClientOrderId=row").await.body;
        assert_eq!(
            (&ended["orderListId"], &ended["listOrderStatus"]),
            (&json!(number), &json!("ALL_DONE"))
        );
        assert_eq!(signed(&exchange, "bob", "GET", one, &query).await.code(), -2013);
        assert_eq!(signed(&exchange, "ann", "GET", one, "").await.code(), -1102);
        assert_eq!(signed(&exchange, "ann", "POST", path, PROFIT_OR_LOSS).await.status, 200);
        let count = async |query: &str| {
            signed(&exchange, "ann", "GET", all, query).await.body.as_array().unwrap().len()
        };
        assert_eq!(count("").await, 2);
        assert_eq!(count(&format!("fromId={}", number + 1)).await, 1);
        assert_eq!(count("limit=1").await, 1);
        assert_eq!(count("endTime=1").await, 0);
        let days = "startTime=0&endTime=86400001";
        assert_eq!(signed(&exchange, "ann", "GET", all, days).await.code(), -1127);
        assert_eq!(signed(&exchange, "bob", "GET", all, "").await.body, json!([]));
    });
}

#[test]
fn a_pair_has_an_order_on_each_side_of_the_market() {
    run(async {
        let exchange = exchange();
        first_trade(&exchange).await;
        // The last price is 50,000; nobody asks, and the best bid is below.
        limit(&exchange, "bob", "BUY", "49000", "bid").await;
        let before = exchange.balance(VENUE, "ann", "BTC").unwrap();
        let place = async |call: &str, query: &str| {
            let query = format!("symbol=BTCUSDT&{query}");
            signed(&exchange, "ann", "POST", &format!("/api/v3/{call}"), &query).await
        };
        let kinds = (-1158, "Order type not supported in OCO.");
        let prices = (-2010, "The relationship of the prices for the orders is not correct.");
        let loss = "belowType=STOP_LOSS&belowStopPrice=45000";
        let above = |query: &str| format!("side=SELL&quantity=0.1&aboveType={query}&{loss}");
        let below = |query: &str| {
            let profit = "aboveType=LIMIT_MAKER&abovePrice=51000";
            format!("side=SELL&quantity=0.1&{profit}&belowType={query}")
        };
        let entry = "workingType=LIMIT&workingSide=BUY&workingPrice=48000&workingQuantity=0.1\
                     &workingTimeInForce=GTC&pendingSide=SELL&pendingQuantity=0.1";
        let exit = "pendingBelowType=STOP_LOSS&pendingBelowStopPrice=45000";
        let market = format!("{entry}&pendingAboveType=MARKET&{exit}");
        let stops =
            format!("{entry}&pendingAboveType=STOP_LOSS&pendingAboveStopPrice=44000&{exit}");
        let oco = "orderList/oco";
        for (call, query, expected) in [
            (oco, above("MARKET"), kinds),
            (oco, above("LIMIT&abovePrice=40000&aboveTimeInForce=GTC"), kinds),
            (oco, above("STOP_LOSS&aboveStopPrice=44000"), kinds),
            (oco, below("TAKE_PROFIT&belowStopPrice=51000"), kinds),
            (oco, above("LIMIT_MAKER&abovePrice=49500"), prices),
            (oco, above("TAKE_PROFIT&aboveStopPrice=50000"), prices),
            (
                oco,
                above(
                    "TAKE_PROFIT_LIMIT&aboveStopPrice=51000&abovePrice=49900&aboveTimeInForce=GTC",
                ),
                prices,
            ),
            (oco, below("STOP_LOSS&belowStopPrice=50000"), prices),
            (oco, above("LIMIT_MAKER&abovePrice=51000").replace("SELL", "BUY"), prices),
            ("order/oco", "side=SELL&quantity=0.1&price=49500&stopPrice=45000".into(), prices),
            ("orderList/otoco", market, kinds),
            ("orderList/otoco", stops, kinds),
        ] {
            let refused = place(call, &query).await;
            assert_eq!((refused.code(), refused.text()), expected, "{query}");
        }
        let open = signed(&exchange, "ann", "GET", "/api/v3/openOrders", "").await.body;
        assert_eq!((open, exchange.balance(VENUE, "ann", "BTC").unwrap()), (json!([]), before));
        let buys = "side=BUY&quantity=0.1&aboveType=STOP_LOSS&aboveStopPrice=51000";
        for query in [
            above("TAKE_PROFIT_LIMIT&aboveStopPrice=51000&abovePrice=50900&aboveTimeInForce=GTC"),
            below("STOP_LOSS&belowTrailingDelta=100"),
            format!("{buys}&belowType=LIMIT_MAKER&belowPrice=49500"),
        ] {
            let placed = place(oco, &query).await;
            assert_eq!(placed.status, 200, "{query}: {}", placed.body);
        }
    });
}

#[test]
fn all_orders_of_a_list_end_by_one_name() {
    run(async {
        let exchange = exchange();
        first_trade(&exchange).await;
        let mut line = user(&exchange).await;
        let both = &["profit", "loss"][..];
        for (path, query, ended) in [
            ("orderList", "listClientOrderId=row&newClientOrderId=end", both),
            ("order", "origClientOrderId=loss&newClientOrderId=end", &["loss"]),
            ("openOrders", "", both),
        ] {
            let list = "/api/v3/orderList/oco";
            assert_eq!(signed(&exchange, "ann", "POST", list, PAIR).await.status, 200);
            reports(&mut line, 2).await;
            let query = format!("symbol=BTCUSDT&{query}");
            let path = format!("/api/v3/{path}");
            let answer =
                signed(&exchange, "ann", "DELETE", &path, query.trim_end_matches('&')).await;
            let answer = answer.body.get(0).unwrap_or(&answer.body).clone();
            let reports = answer["orderReports"].as_array().cloned().unwrap_or(vec![answer]);
            let name = &reports[0]["clientOrderId"];
            assert_eq!(name == "end", query.ends_with("end"), "{path}");
            for (report, own) in reports.iter().zip(ended) {
                let names = ["origClientOrderId", "clientOrderId"].map(|key| &report[key]);
                assert_eq!(names, [&json!(own), name], "{path}");
                let told = (&report["status"], report["transactTime"].is_i64());
                assert_eq!(told, (&json!("CANCELED"), true));
            }
            assert_eq!(reports.len(), ended.len());
            let mut told = Vec::new();
            while told.len() < 2 {
                let event = line.event().await;
                if event["e"] == "executionReport" {
                    assert_eq!(&event["c"], name, "{path}");
                    told.push(event["C"].as_str().unwrap().to_owned());
                }
            }
            told.sort();
            assert_eq!(told, ["loss", "profit"], "{path}");
        }
    });
}

#[test]
fn a_new_list_is_answered_with_as_much_as_was_asked_for() {
    run(async {
        let exchange = exchange();
        first_trade(&exchange).await;
        for (detail, has) in [
            ("", [true, true, false]),
            ("&newOrderRespType=ACK", [true, false, false]),
            ("&newOrderRespType=RESULT", [true, true, false]),
            ("&newOrderRespType=FULL", [true, true, true]),
        ] {
            let query = format!("{PAIR}{detail}");
            let placed =
                signed(&exchange, "ann", "POST", "/api/v3/orderList/oco", &query).await.body;
            for report in placed["orderReports"].as_array().unwrap() {
                let names = ["transactTime", "workingTime", "fills"];
                assert_eq!(names.map(|name| report.get(name).is_some()), has, "{detail}");
            }
            if has[1] {
                assert_eq!(placed["orderReports"][1]["workingTime"], -1);
            }
            let end = "symbol=BTCUSDT&listClientOrderId=row";
            assert_eq!(
                signed(&exchange, "ann", "DELETE", "/api/v3/orderList", end).await.status,
                200
            );
        }
        let query = format!("{PAIR}&newOrderRespType=ALL");
        let refused = signed(&exchange, "ann", "POST", "/api/v3/orderList/oco", &query).await;
        assert_eq!(refused.code(), -1130);
    });
}

#[test]
fn each_order_of_a_list_has_a_strategy_of_its_own() {
    run(async {
        let exchange = exchange();
        first_trade(&exchange).await;
        let query = format!("{PAIR}&belowStrategyType=5");
        let refused = signed(&exchange, "ann", "POST", "/api/v3/orderList/oco", &query).await;
        assert_eq!(refused.code(), -1134);
        let entry = "workingType=LIMIT&workingSide=BUY&workingPrice=48000&workingQuantity=0.1\
                     &workingTimeInForce=GTC&pendingSide=SELL&pendingQuantity=0.1";
        let one = format!("symbol=BTCUSDT&{entry}&pendingType=LIMIT_MAKER&pendingPrice=51000");
        let two = format!(
            "symbol=BTCUSDT&{entry}&pendingAboveType=LIMIT_MAKER&pendingAbovePrice=51000\
             &pendingBelowType=STOP_LOSS&pendingBelowStopPrice=45000"
        );
        let old = "symbol=BTCUSDT&side=SELL&quantity=0.1&price=51000&stopPrice=45000";
        for (call, query, names) in [
            ("orderList/oco", PAIR, &["above", "below"][..]),
            ("orderList/oto", &one, &["working", "pending"]),
            ("orderList/otoco", &two, &["working", "pendingAbove", "pendingBelow"]),
            ("order/oco", old, &["limit", "stop"]),
        ] {
            let path = format!("/api/v3/{call}");
            let query = (1..).zip(names).fold(query.to_owned(), |query, (number, name)| {
                format!(
                    "{query}&{name}StrategyId={number}&{name}StrategyType={}",
                    number + 1_000_000
                )
            });
            let placed = signed(&exchange, "ann", "POST", &path, &query).await;
            assert_eq!(placed.status, 200, "{call}: {}", placed.body);
            for (number, report) in (1..).zip(placed.body["orderReports"].as_array().unwrap()) {
                assert_eq!(
                    [&report["strategyId"], &report["strategyType"]],
                    [&json!(number), &json!(number + 1_000_000)],
                    "{call}"
                );
            }
        }
    });
}
