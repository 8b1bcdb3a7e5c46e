//! Binance USD-M futures as a plain client sees it: calls, orders and positions.

#![allow(clippy::unwrap_used, reason = "a test may fail")]

mod common;

use common::usdm::{ALGO, ORDER, ask, deal, limit, mark, position, ticks_around, user};
use common::{FUTURES, decimal, futures, get, now_ms, run, signed};
use rustonite_exchange::LocalExchange;
use serde_json::{Value, json};

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
        mark(&exchange, 510_000);
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
        let placed = signed(&exchange, "ann", "POST", path, &batch(list)).await;
        // As the venue counts a batch, whatever is in it.
        let counts = ["x-mbx-order-count-10s", "x-mbx-order-count-1m", "x-mbx-used-weight-1m"];
        assert_eq!(counts.map(|name| &*placed.headers[name]), ["5", "1", "5"]);
        let placed = placed.body;
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

/// Long a tenth and short a fifth, in hedge mode.
async fn hedged(exchange: &LocalExchange) {
    let path = "/fapi/v1/positionSide/dual";
    assert_eq!(signed(exchange, "ann", "POST", path, "dualSidePosition=true").await.status, 200);
    limit(exchange, "bob", "SELL", "0.1", "50000").await;
    limit(exchange, "bob", "BUY", "0.2", "49990").await;
    for (side, position, size) in [("BUY", "LONG", "0.1"), ("SELL", "SHORT", "0.2")] {
        let query = format!(
            "symbol=BTCUSDT&side={side}&positionSide={position}&type=MARKET&quantity={size}"
        );
        assert_eq!(signed(exchange, "ann", "POST", ORDER, &query).await.status, 200);
    }
}

/// Size by side.
async fn held(exchange: &LocalExchange) -> Vec<(String, String)> {
    let rows = ask(exchange, "ann", "/fapi/v3/positionRisk", "").await;
    let text = |row: &Value, name: &str| row[name].as_str().unwrap().to_owned();
    let rows = rows.as_array().unwrap().iter();
    rows.map(|row| (text(row, "positionSide"), text(row, "positionAmt"))).collect()
}

#[test]
fn each_side_of_hedge_mode_is_told_and_closed_for_itself() {
    run(async {
        let exchange = futures();
        let mut line = user(&exchange, "ann").await;
        hedged(&exchange).await;
        let mut told = Vec::new();
        while told.len() < 2 {
            let event = line.hear().await.unwrap();
            if event["e"] == "ACCOUNT_UPDATE" {
                let rows = event["a"]["P"].as_array().unwrap().clone();
                told.extend(rows.into_iter().map(|row| (row["ps"].clone(), row["pa"].clone())));
            }
        }
        assert_eq!(
            told,
            [("LONG", "0.100"), ("SHORT", "-0.200")].map(|(a, b)| (json!(a), json!(b)))
        );
        mark(&exchange, 500_000);
        let stop = |side: &str, position: &str| {
            format!(
                "algoType=CONDITIONAL&symbol=BTCUSDT&side={side}&positionSide={position}\
                 &type=STOP_MARKET&closePosition=true&workingType=MARK_PRICE&triggerPrice=50500"
            )
        };
        let wrong = signed(&exchange, "ann", "POST", ALGO, &stop("SELL", "SHORT")).await;
        assert_eq!(wrong.code(), -2022, "{}", wrong.body);
        let placed = signed(&exchange, "ann", "POST", ALGO, &stop("BUY", "SHORT")).await;
        assert_eq!(placed.status, 200, "{}", placed.body);
        assert_eq!(placed.body["positionSide"], "SHORT");
        limit(&exchange, "bob", "SELL", "1", "50510").await;
        mark(&exchange, 505_000);
        assert_eq!(held(&exchange).await, [("LONG".to_owned(), "0.100".to_owned())]);
    });
}

#[test]
fn one_side_of_hedge_mode_is_liquidated_alone_if_it_is_isolated() {
    run(async {
        let exchange = futures();
        let isolated = "symbol=BTCUSDT&marginType=ISOLATED";
        let set = signed(&exchange, "ann", "POST", "/fapi/v1/marginType", isolated).await;
        assert_eq!(set.status, 200, "{}", set.body);
        hedged(&exchange).await;
        mark(&exchange, 500_000);
        let rows = ask(&exchange, "ann", "/fapi/v3/positionRisk", "").await;
        let price = |at: usize| rows[at]["liquidationPrice"].as_str().unwrap().to_owned();
        let (below, _) = ticks_around(&price(0));
        let (_, above) = ticks_around(&price(1));
        assert!(below < 500_000 && above > 500_000, "{rows}");
        assert_eq!(rows[0]["initialMargin"], "250.00000000");
        assert_eq!(rows[1]["initialMargin"], "500.00000000");
        limit(&exchange, "bob", "SELL", "1", "52000").await;
        mark(&exchange, above - 2);
        assert_eq!(held(&exchange).await.len(), 2);
        mark(&exchange, above + 1);
        assert_eq!(held(&exchange).await, [("LONG".to_owned(), "0.100".to_owned())]);
    });
}

#[test]
fn an_order_is_good_till_a_date() {
    run(async {
        let exchange = futures();
        let till = now_ms() + 700_000;
        let query = format!(
            "symbol=BTCUSDT&side=BUY&type=LIMIT&timeInForce=GTD&quantity=0.1&price=45000&goodTillDate={till}"
        );
        let placed = signed(&exchange, "ann", "POST", ORDER, &query).await.body;
        assert_eq!(placed["timeInForce"], "GTD", "{placed}");
        assert_eq!(placed["goodTillDate"], json!(till / 1_000 * 1_000), "whole seconds count");
    });
}

#[test]
fn all_that_can_be_read_is_answered() {
    run(async {
        let exchange = futures();
        deal(&exchange, "bob", "ann", "0.1", "50000").await;
        let one = "symbol=BTCUSDT";
        for (path, query, name, expected) in [
            ("ping", "", "", Value::Null),
            ("klines", "symbol=BTCUSDT&interval=1m", "/0/4", json!("50000.00")),
            ("trades", one, "/0/qty", json!("0.100")),
            ("aggTrades", one, "/0/p", json!("50000.00")),
            ("ticker/price", one, "/price", json!("50000.00")),
            ("ticker/bookTicker", one, "/bidPrice", json!("0.00")),
            ("ticker/24hr", one, "/volume", json!("0.100")),
            ("ticker/24hr", "", "/1/count", json!(0)),
            ("premiumIndex", "", "/0/symbol", json!("BTCUSDT")),
            ("fundingRate", one, "", json!([])),
            ("openInterest", one, "/openInterest", json!("0.100")),
            ("exchangeInfo", "", "/symbols/0/contractType", json!("PERPETUAL")),
        ] {
            let answer = get(&exchange, &format!("/fapi/v1/{path}?{query}")).await;
            assert_eq!(answer.status, 200, "{path} {}", answer.body);
            if !expected.is_null() {
                assert_eq!(answer.body.pointer(name), Some(&expected), "{path} {}", answer.body);
            }
        }
        for (path, query, name, expected) in [
            ("v1/allOrders", one, "/0/status", json!("FILLED")),
            ("v1/multiAssetsMargin", "", "/multiAssetsMargin", json!(false)),
            ("v1/commissionRate", one, "/takerCommissionRate", json!("0")),
            ("v1/accountConfig", "", "/dualSidePosition", json!(false)),
            ("v1/rateLimit/order", "", "/0/count", json!(1)),
            ("v1/forceOrders", "", "", json!([])),
            ("v2/balance", "", "/0/balance", json!("100000.00000000")),
            ("v3/balance", "", "/0/asset", json!("USDT")),
            ("v3/positionRisk", "", "/0/markPrice", json!("50000.00")),
        ] {
            let body = ask(&exchange, "ann", &format!("/fapi/{path}"), query).await;
            assert_eq!(body.pointer(name), Some(&expected), "{path} {body}");
        }
        let info = get(&exchange, "/fapi/v1/exchangeInfo").await.body;
        let filters: Vec<_> = info["symbols"][0]["filters"]
            .as_array()
            .unwrap()
            .iter()
            .map(|one| one["filterType"].as_str().unwrap())
            .collect();
        assert_eq!(filters[..3], ["PRICE_FILTER", "LOT_SIZE", "MARKET_LOT_SIZE"]);
        assert_eq!(filters[3..5], ["MAX_NUM_ORDERS", "MAX_NUM_ALGO_ORDERS"]);
        assert_eq!(filters[5..], ["MIN_NOTIONAL", "PERCENT_PRICE"]);
        assert_eq!(info["symbols"][0]["filters"][6]["multiplierUp"], "1.0500");
    });
}

#[test]
fn moved_margin_can_be_asked_for() {
    run(async {
        let exchange = futures();
        let isolate = "symbol=BTCUSDT&marginType=ISOLATED";
        signed(&exchange, "ann", "POST", "/fapi/v1/marginType", isolate).await;
        deal(&exchange, "bob", "ann", "0.1", "50000").await;
        let path = "/fapi/v1/positionMargin";
        for query in ["symbol=BTCUSDT&amount=25.5&type=1", "symbol=BTCUSDT&amount=5&type=2"] {
            let moved = signed(&exchange, "ann", "POST", path, query).await;
            assert_eq!(moved.status, 200, "{}", moved.body);
        }
        let path = "/fapi/v1/positionMargin/history";
        let rows = ask(&exchange, "ann", path, "symbol=BTCUSDT").await;
        let told = |row: &Value| (row["type"].clone(), row["amount"].clone());
        assert_eq!(told(&rows[0]), (json!(1), json!("25.50000000")));
        assert_eq!(told(&rows[1]), (json!(2), json!("5.00000000")));
        let out = ask(&exchange, "ann", path, "symbol=BTCUSDT&type=2").await;
        assert_eq!(out, json!([rows[1]]));
        assert_eq!(ask(&exchange, "bob", path, "symbol=BTCUSDT").await, json!([]));
    });
}

#[test]
fn several_assets_as_margin_are_refused() {
    run(async {
        let exchange = futures();
        let path = "/fapi/v1/multiAssetsMargin";
        let code = async |wanted: &str| {
            let query = format!("multiAssetsMargin={wanted}");
            signed(&exchange, "ann", "POST", path, &query).await.code()
        };
        assert_eq!([code("false").await, code("true").await], [-4171, -1020]);
        let isolate = "symbol=BTCUSDT&marginType=ISOLATED";
        signed(&exchange, "ann", "POST", "/fapi/v1/marginType", isolate).await;
        assert_eq!(code("true").await, -4167);
        limit(&exchange, "ann", "BUY", "0.1", "50000").await;
        assert_eq!(code("true").await, -4170);
    });
}

#[test]
fn candles_of_marks_indices_and_contracts_are_told() {
    run(async {
        let exchange = futures();
        deal(&exchange, "bob", "ann", "0.1", "50000").await;
        limit(&exchange, "ann", "BUY", "0.1", "49990").await;
        limit(&exchange, "bob", "SELL", "0.1", "50010").await;
        exchange.set_mark(FUTURES, "BTCUSDT", decimal("50005")).unwrap();
        let closes = async |path: &str| {
            let rows = get(&exchange, path).await.body;
            rows.as_array().unwrap().last().map(|row| row[4].clone())
        };
        let [mark, index] = ["markPriceKlines?symbol", "indexPriceKlines?pair"]
            .map(|call| format!("/fapi/v1/{call}=BTCUSDT&interval=1m"));
        while closes(&mark).await != Some(json!("50005.00")) {
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
        assert_eq!(closes(&index).await, Some(json!("50000.00")));
        let pair = "/fapi/v1/continuousKlines?pair=BTCUSDT&interval=1m&contractType";
        let whole = get(&exchange, &format!("{pair}=PERPETUAL")).await.body;
        assert_eq!(whole, get(&exchange, "/fapi/v1/klines?symbol=BTCUSDT&interval=1m").await.body);
        assert_eq!(get(&exchange, &format!("{pair}=NEXT_QUARTER")).await.body, json!([]));
        assert_eq!(get(&exchange, &format!("{pair}=WEEKLY")).await.code(), -1130);
        let info = get(&exchange, "/fapi/v1/fundingInfo").await.body;
        assert_eq!(
            (&info[1]["symbol"], &info[1]["fundingIntervalHours"]),
            (&json!("ETHUSDT"), &json!(8))
        );
    });
}
