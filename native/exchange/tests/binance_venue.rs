//! What the venue of spot says of itself: whether it trades, statistics, fees, what calls weigh, and what
//! it does not take.
#![allow(clippy::unwrap_used, reason = "a test may fail")]

mod common;

use common::{Line, VENUE, decimal, exchange, first_trade, get, limit, run, signed};
use serde_json::{Value, json};

const ORDER: &str = "/api/v3/order";

#[test]
fn a_pair_that_is_halted_takes_no_orders() {
    run(async {
        let exchange = exchange();
        limit(&exchange, "ann", "BUY", "40000", "mine").await;
        exchange.halt(VENUE, "BTCUSDT", true).unwrap();
        let state = async || {
            let rules = get(&exchange, "/api/v3/exchangeInfo?symbol=BTCUSDT").await.body;
            rules["symbols"][0]["status"].clone()
        };
        assert_eq!(state().await, "HALT");
        let refused = limit(&exchange, "ann", "BUY", "40000", "more").await;
        assert_eq!((refused.code(), refused.text()), (-1013, "Market is closed."));
        let query = "symbol=BTCUSDT&origClientOrderId=mine";
        assert_eq!(signed(&exchange, "ann", "DELETE", ORDER, query).await.status, 200);
        let on = json!({"symbol": "BTCUSDT", "on": false}).to_string().into_bytes();
        let path = "/_exchange/halt";
        assert_eq!(common::call(&exchange, "POST", path, None, on).await.status, 200);
        assert_eq!(state().await, "TRADING");
        assert_eq!(limit(&exchange, "ann", "BUY", "40000", "more").await.status, 200);
    });
}

#[test]
fn calls_about_a_connection_weigh_something() {
    run(async {
        let exchange = exchange();
        let mut line = Line::open(&exchange, "/ws-api/v3").await;
        let mut used = Vec::new();
        for method in ["session.status", "session.subscriptions", "no.such"] {
            let answer = line.ask("ann", method, json!({})).await;
            used.push(answer["rateLimits"][0]["count"].as_u64().unwrap());
        }
        assert_eq!(used, [2, 4, 4]);
    });
}

#[test]
fn what_is_not_imitated_is_refused() {
    run(async {
        let exchange = exchange();
        let order = "symbol=BTCUSDT&side=BUY&type=LIMIT&timeInForce=GTC&quantity=0.1&price=40000";
        for (more, code) in [("pegPriceType=PRIMARY_PEG", -1104), ("newClientOrderId=a.b", -1100)] {
            let refused = signed(&exchange, "ann", "POST", ORDER, &format!("{order}&{more}")).await;
            assert_eq!(refused.code(), code, "{more}");
        }
        let klines = "/api/v3/klines?symbol=BTCUSDT&interval=1d&timeZone";
        assert_eq!(get(&exchange, &format!("{klines}=8")).await.code(), -1130);
        assert_eq!(get(&exchange, &format!("{klines}=0")).await.status, 200);
        let rates = format!("{order}&computeCommissionRates=true");
        let rates = signed(&exchange, "ann", "POST", "/api/v3/order/test", &rates).await.body;
        assert!(rates["standardCommissionForOrder"]["maker"].is_string(), "{rates}");
        let info = async |query: &str| {
            let info = get(&exchange, &format!("/api/v3/exchangeInfo?{query}")).await.body;
            info["symbols"].as_array().map(Vec::len)
        };
        assert_eq!(info("symbolStatus=HALT").await, Some(0));
        assert_eq!(info("permissions=MARGIN").await, Some(0));
        assert_eq!(info("permissions=SPOT&symbolStatus=TRADING").await, Some(2));
        let sets = get(&exchange, "/api/v3/exchangeInfo?showPermissionSets=false").await.body;
        assert_eq!(sets["symbols"][0]["permissionSets"], json!([]));
        let mut line = Line::open(&exchange, "/ws-api/v3").await;
        for (asked, told) in [(true, true), (false, false)] {
            let ping = json!({"id": 1, "method": "ping", "params": {"returnRateLimits": asked}});
            line.say(ping.to_string()).await;
            assert_eq!(line.hear().await.unwrap().get("rateLimits").is_some(), told);
        }
        let upgrade = [("upgrade", "h2c")];
        let address = exchange.address(VENUE).unwrap();
        let answer = common::http(address, "GET", "/api/v3/ping", &upgrade, Vec::new()).await;
        assert_eq!(answer.status, 200);
    });
}

#[test]
fn a_question_about_all_symbols_weighs_more() {
    run(async {
        let exchange = exchange();
        let used = async |path: &str| -> u32 {
            get(&exchange, path).await.headers["x-mbx-used-weight-1m"].parse().unwrap()
        };
        let mut before = used("/api/v3/ping").await;
        for (path, one, all) in [
            ("/api/v3/ticker/24hr", 2, 80),
            ("/api/v3/ticker/price", 2, 4),
            ("/api/v3/ticker/bookTicker", 2, 4),
        ] {
            for (path, weight) in [(format!("{path}?symbol=BTCUSDT"), one), (path.to_owned(), all)]
            {
                let after = used(&path).await;
                assert_eq!(after - before, weight, "{path}");
                before = after;
            }
        }
        let order = "symbol=BTCUSDT&side=BUY&type=LIMIT&timeInForce=GTC&price=50000&quantity=0.1";
        let with_rates = format!("{order}&computeCommissionRates=true");
        for (method, path, query, weight) in [
            ("GET", "openOrders", "symbol=BTCUSDT", 6),
            ("GET", "openOrders", "", 80),
            ("GET", "myTrades", "symbol=BTCUSDT", 20),
            ("GET", "myTrades", "symbol=BTCUSDT&orderId=1", 5),
            ("GET", "myPreventedMatches", "symbol=BTCUSDT&orderId=1", 20),
            ("GET", "myPreventedMatches", "symbol=BTCUSDT&preventedMatchId=1", 2),
            ("POST", "order/test", order, 1),
            ("POST", "order/test", &with_rates, 20),
        ] {
            let path = format!("/api/v3/{path}");
            let answer = signed(&exchange, "ann", method, &path, query).await;
            let after: u32 = answer.headers["x-mbx-used-weight-1m"].parse().unwrap();
            assert_eq!(after - before, weight, "{query}");
            before = after;
        }
    });
}

#[test]
fn statistics_of_a_day_begin_at_the_midnight_of_the_client() {
    run(async {
        let exchange = exchange();
        first_trade(&exchange).await;
        let path = "/api/v3/ticker/tradingDay";
        let day = get(&exchange, &format!("{path}?symbol=BTCUSDT")).await.body;
        let day_ms = 24 * 60 * 60 * 1_000;
        let opened = day["openTime"].as_i64().unwrap();
        assert_eq!((opened % day_ms, day["closeTime"].as_i64()), (0, Some(opened + day_ms - 1)));
        assert_eq!((&day["count"], &day["lastPrice"]), (&json!(1), &json!("50000.00000000")));
        assert_eq!(day["bidPrice"], Value::Null);
        let east = get(&exchange, &format!("{path}?symbol=BTCUSDT&timeZone=5:45&type=MINI")).await;
        let ahead = (5 * 60 + 45) * 60 * 1_000;
        assert_eq!((east.body["openTime"].as_i64().unwrap() + ahead) % day_ms, 0);
        assert_eq!(east.body["priceChange"], Value::Null);
        let both = get(&exchange, &format!("{path}?symbols=%5B%22ETHUSDT%22%5D")).await.body;
        assert_eq!((&both[0]["symbol"], &both[0]["count"]), (&json!("ETHUSDT"), &json!(0)));
        for (query, code) in [("", -1102), ("?symbol=BTCUSDT&timeZone=15", -1100)] {
            assert_eq!(get(&exchange, &format!("{path}{query}")).await.code(), code, "{query}");
        }
    });
}

#[test]
fn fees_of_instruments_and_the_state_of_the_venue_can_be_asked_for() {
    run(async {
        let exchange = exchange();
        exchange.set_fees(VENUE, "ann", decimal("0.0008"), decimal("0.001")).unwrap();
        let path = "/sapi/v1/asset/tradeFee";
        let one = signed(&exchange, "ann", "GET", path, "symbol=ETHUSDT").await.body;
        let row =
            json!({"symbol": "ETHUSDT", "makerCommission": "0.0008", "takerCommission": "0.001"});
        assert_eq!(one, json!([row]));
        let all = signed(&exchange, "ann", "GET", path, "").await.body;
        assert_eq!(all.as_array().unwrap().len(), 2);
        let status = get(&exchange, "/sapi/v1/system/status").await.body;
        assert_eq!(status, json!({"status": 0, "msg": "normal"}));
    });
}
