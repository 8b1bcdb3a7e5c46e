//! Margin of orders that change, and what the operator of perpetuals does.
#![allow(clippy::unwrap_used, reason = "a test may fail")]

mod common;

use common::usdm::{ALGO, ORDER, ask, deal, limit, mark, position, user};
use common::{FUTURES, Line, call, decimal, futures, get, run, signed};
use rustonite_exchange::LocalExchange;
use serde_json::json;

async fn leverage(exchange: &LocalExchange, who: &str, leverage: u32) {
    let query = format!("symbol=BTCUSDT&leverage={leverage}");
    let answer = signed(exchange, who, "POST", "/fapi/v1/leverage", &query).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
}

/// The next event of a kind.
async fn event(line: &mut Line, kind: &str) -> serde_json::Value {
    loop {
        let event = line.hear().await.unwrap();
        if event["e"] == kind {
            return event;
        }
    }
}

#[test]
fn an_order_that_takes_most_of_the_margin_is_modified() {
    run(async {
        let exchange = futures();
        leverage(&exchange, "ann", 1).await;
        let order = limit(&exchange, "ann", "BUY", "1.8", "50000").await;
        let id = &order["orderId"];
        let modify = |price: &str, size: &str| {
            format!("symbol=BTCUSDT&orderId={id}&side=BUY&quantity={size}&price={price}")
        };
        for (price, size) in [("50000.1", "1.8"), ("50000.1", "1.2"), ("50000", "2")] {
            let answer = signed(&exchange, "ann", "PUT", ORDER, &modify(price, size)).await;
            assert_eq!(answer.status, 200, "{price} {size}: {}", answer.body);
        }
        let answer = signed(&exchange, "ann", "PUT", ORDER, &modify("50000.1", "2")).await;
        assert_eq!(answer.code(), -2019);
    });
}

#[test]
fn a_stop_that_takes_most_of_the_margin_comes_to_the_book() {
    run(async {
        let exchange = futures();
        leverage(&exchange, "ann", 1).await;
        mark(&exchange, 490_000);
        let query = "symbol=BTCUSDT&algoType=CONDITIONAL&side=BUY&type=STOP&quantity=1.2\
                     &price=50000&triggerPrice=49500&workingType=MARK_PRICE&clientAlgoId=stop";
        let answer = signed(&exchange, "ann", "POST", ALGO, query).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        mark(&exchange, 495_000);
        let stop = ask(&exchange, "ann", ALGO, "clientAlgoId=stop").await;
        assert_eq!(stop["algoStatus"], "TRIGGERED", "{stop}");
        let open = ask(&exchange, "ann", "/fapi/v1/openOrders", "symbol=BTCUSDT").await;
        assert_eq!(open[0]["origQty"], "1.200", "{open}");
    });
}

#[test]
fn history_begins_where_it_is_asked_to_begin() {
    run(async {
        let exchange = futures();
        for price in ["50000", "50001", "50002"] {
            deal(&exchange, "bob", "ann", "0.1", price).await;
        }
        let since = format!("symbol=BTCUSDT&limit=2&startTime={}", common::now_ms() - 60_000);
        for path in ["/fapi/v1/allOrders", "/fapi/v1/userTrades"] {
            for (query, first) in [(since.as_str(), "50000"), ("symbol=BTCUSDT&limit=2", "50001")] {
                let rows = ask(&exchange, "ann", path, query).await;
                assert!(rows[0]["price"].as_str().unwrap().starts_with(first), "{path}: {rows}");
            }
        }
    });
}

#[test]
fn an_order_that_never_takes_ends_where_it_would() {
    run(async {
        let exchange = futures();
        limit(&exchange, "bob", "SELL", "0.1", "50000").await;
        let query = "symbol=BTCUSDT&side=BUY&type=LIMIT&timeInForce=GTX&quantity=0.1&price=49000";
        let order = signed(&exchange, "ann", "POST", ORDER, query).await.body;
        let query = "symbol=BTCUSDT&side=BUY&quantity=0.1&price=50000";
        let query = format!("{query}&orderId={}", order["orderId"]);
        let changed = signed(&exchange, "ann", "PUT", ORDER, &query).await;
        assert_eq!((changed.status, &changed.body["status"]), (200, &json!("CANCELED")));
        let open = ask(&exchange, "ann", "/fapi/v1/openOrders", "symbol=BTCUSDT").await;
        assert_eq!(open, json!([]));
        assert_eq!(position(&exchange, "ann").await["positionAmt"], "0.000");
    });
}

#[test]
fn an_account_does_not_trade_with_itself() {
    run(async {
        let limit = "symbol=BTCUSDT&type=LIMIT&timeInForce=GTC&quantity=0.1&price=50000";
        for (mode, states) in [
            ("EXPIRE_TAKER", ["NEW", "EXPIRED_IN_MATCH"]),
            ("EXPIRE_MAKER", ["EXPIRED_IN_MATCH", "NEW"]),
            ("EXPIRE_BOTH", ["EXPIRED_IN_MATCH", "EXPIRED_IN_MATCH"]),
        ] {
            let exchange = futures();
            for side in ["SELL", "BUY"] {
                let query = format!("{limit}&side={side}&selfTradePreventionMode={mode}");
                assert_eq!(signed(&exchange, "ann", "POST", ORDER, &query).await.status, 200);
            }
            let all = ask(&exchange, "ann", "/fapi/v1/allOrders", "symbol=BTCUSDT").await;
            assert_eq!([&all[0]["status"], &all[1]["status"]], states, "{mode}");
            let query = format!("{limit}&side=BUY&selfTradePreventionMode=DECREMENT");
            assert_eq!(signed(&exchange, "ann", "POST", ORDER, &query).await.code(), -1130);
        }
    });
}

#[test]
fn incomes_are_all_that_changed_the_wallet() {
    run(async {
        let exchange = futures();
        leverage(&exchange, "ann", 125).await;
        deal(&exchange, "bob", "ann", "1", "50000").await;
        exchange.deposit(FUTURES, "ann", "USDT", decimal("-99000")).unwrap();
        limit(&exchange, "cat", "BUY", "1", "48000").await;
        let mut line = user(&exchange, "ann").await;
        // It closes its position with a loss that it cannot pay; who sees to that may come before us.
        let sale = "symbol=BTCUSDT&side=SELL&type=MARKET&quantity=1";
        assert_eq!(signed(&exchange, "ann", "POST", ORDER, sale).await.status, 200);
        mark(&exchange, 480_000);
        let update = loop {
            let update = event(&mut line, "ACCOUNT_UPDATE").await;
            if update["a"]["m"] == "INSURANCE_CLEAR" {
                break update;
            }
        };
        assert_eq!(update["a"]["B"][0]["bc"], "1000.00000000");
        let rows = ask(&exchange, "ann", "/fapi/v1/income", "").await;
        let rows = rows.as_array().unwrap();
        let kinds: Vec<_> = rows.iter().map(|row| &row["incomeType"]).collect();
        assert_eq!(kinds, ["TRANSFER", "TRANSFER", "REALIZED_PNL", "INSURANCE_CLEAR"]);
        let sum: f64 =
            rows.iter().map(|row| row["income"].as_str().unwrap().parse::<f64>().unwrap()).sum();
        assert_eq!(exchange.balance(FUTURES, "ann", "USDT").unwrap().0, decimal("0"));
        assert!(sum.abs() < 1e-9, "{rows:?}");
    });
}

#[test]
fn the_operator_halts_and_funds() {
    run(async {
        let exchange = futures();
        deal(&exchange, "bob", "ann", "1", "50000").await;
        mark(&exchange, 500_000);
        exchange.fund(FUTURES, "BTCUSDT", Some(decimal("0.0003"))).unwrap();
        let usual = json!({"symbol": "BTCUSDT"}).to_string().into_bytes();
        assert_eq!(call(&exchange, "POST", "/_exchange/fund", None, usual).await.status, 200);
        let query = "incomeType=FUNDING_FEE";
        let rows = ask(&exchange, "ann", "/fapi/v1/income", query).await;
        let paid: Vec<_> = rows.as_array().unwrap().iter().map(|row| &row["income"]).collect();
        assert_eq!(paid, ["-15.00000000", "-5.00000000"]);
        let rates = get(&exchange, "/fapi/v1/fundingRate?symbol=BTCUSDT").await.body;
        assert_eq!(rates[0]["fundingRate"], "0.00030000");
        exchange.halt(FUTURES, "BTCUSDT", true).unwrap();
        let query = "symbol=BTCUSDT&side=BUY&type=LIMIT&timeInForce=GTC&quantity=1&price=49000";
        let refused = signed(&exchange, "ann", "POST", ORDER, query).await;
        assert_eq!((refused.code(), refused.text()), (-4141, "Symbol is closed."));
        exchange.halt(FUTURES, "BTCUSDT", false).unwrap();
        assert_eq!(signed(&exchange, "ann", "POST", ORDER, query).await.status, 200);
        assert!(exchange.halt(FUTURES, "XRPUSDT", true).is_err());
        assert!(exchange.fund(FUTURES, "BTCUSDT", Some(decimal("0.0000001"))).is_err());
    });
}

#[test]
fn the_best_prices_are_told_by_the_clock_that_is_wrong() {
    run(async {
        let exchange = futures();
        let fault = json!({"fault": "clock_ahead", "ms": 90_000}).to_string();
        exchange.fault_in_json(FUTURES, &fault).unwrap();
        let mut line = Line::open(&exchange, "/public/ws/btcusdt@bookTicker").await;
        line.is_heard().await;
        mark(&exchange, 500_000);
        exchange.apply(FUTURES, &house_order(&exchange)).unwrap();
        let told = line.hear().await.unwrap();
        let ahead = told["T"].as_i64().unwrap() - common::now_ms();
        assert!((80_000..=90_000).contains(&ahead), "{told}");
    });
}

fn house_order(exchange: &LocalExchange) -> rustonite_sim::Command {
    let bob = exchange.account(FUTURES, "bob").unwrap();
    let order = rustonite_sim::NewOrder::limit(bob, 0, rustonite_sim::Side::Buy, 490_000, 100);
    rustonite_sim::Command::Place(order)
}

#[test]
fn changes_of_orders_can_be_asked_for() {
    run(async {
        let exchange = futures();
        let placed = limit(&exchange, "ann", "BUY", "0.1", "50000").await;
        let order = placed["orderId"].as_u64().unwrap();
        for (size, price) in [("0.1", "50010"), ("0.2", "50010")] {
            let query =
                format!("symbol=BTCUSDT&orderId={order}&side=BUY&quantity={size}&price={price}");
            assert_eq!(signed(&exchange, "ann", "PUT", ORDER, &query).await.status, 200);
        }
        limit(&exchange, "ann", "BUY", "0.1", "40000").await;
        let path = "/fapi/v1/orderAmendment";
        let query = format!("symbol=BTCUSDT&orderId={order}");
        let rows = ask(&exchange, "ann", path, &query).await;
        let change = |before: &str, after: &str| json!({"before": before, "after": after});
        let newest = json!({
            "price": change("50010.00", "50010.00"), "origQty": change("0.100", "0.200"), "count": 2,
        });
        let oldest = json!({
            "price": change("50000.00", "50010.00"), "origQty": change("0.100", "0.100"), "count": 1,
        });
        assert_eq!((&rows[0]["amendment"], &rows[1]["amendment"]), (&newest, &oldest));
        assert_eq!(ask(&exchange, "ann", path, "symbol=BTCUSDT").await, rows);
        assert_eq!(ask(&exchange, "ann", path, "symbol=ETHUSDT").await, json!([]));
        let query = "symbol=BTCUSDT&origClientOrderId=nobody";
        assert_eq!(ask(&exchange, "ann", path, query).await, json!([]));
    });
}
