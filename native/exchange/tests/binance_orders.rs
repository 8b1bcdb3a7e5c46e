//! Orders of spot of every kind, as a plain client places them.
#![allow(clippy::unwrap_used, reason = "a test may fail")]

mod common;

use common::{VENUE, decimal, exchange, exchange_with, first_trade, get, limit, run, signed, user};
use rustonite_exchange::{Allowance, LocalExchange};
use serde_json::{Value, json};

const ORDER: &str = "/api/v3/order";

async fn place(exchange: &LocalExchange, who: &str, query: &str) -> Value {
    let query = format!("symbol=BTCUSDT&newOrderRespType=RESULT&{query}");
    let answer = signed(exchange, who, "POST", ORDER, &query).await;
    assert_eq!(answer.status, 200, "{query}: {}", answer.body);
    answer.body
}

async fn named(exchange: &LocalExchange, who: &str, id: &str) -> Value {
    let query = format!("symbol=BTCUSDT&origClientOrderId={id}");
    signed(exchange, who, "GET", ORDER, &query).await.body
}

#[test]
fn an_order_of_each_kind_is_answered_with_what_was_asked_for() {
    let cases = [
        (
            "side=SELL&type=STOP_LOSS&quantity=0.1&trailingDelta=100",
            json!({
                "type": "STOP_LOSS", "status": "NEW", "trailingDelta": 100,
                "stopPrice": "0.00000000",
            }),
        ),
        (
            "side=SELL&type=STOP_LOSS_LIMIT&timeInForce=GTC&quantity=0.1&price=44000\
             &stopPrice=45000",
            json!({"type": "STOP_LOSS_LIMIT", "status": "NEW", "stopPrice": "45000.00000000"}),
        ),
        (
            "side=SELL&type=TAKE_PROFIT&quantity=0.1&stopPrice=55000",
            json!({"type": "TAKE_PROFIT", "status": "NEW", "stopPrice": "55000.00000000"}),
        ),
        (
            "side=BUY&type=TAKE_PROFIT_LIMIT&timeInForce=GTC&quantity=0.1&price=45100\
             &stopPrice=45000",
            json!({"type": "TAKE_PROFIT_LIMIT", "status": "NEW", "price": "45100.00000000"}),
        ),
        (
            "side=SELL&type=LIMIT&timeInForce=GTC&quantity=1&price=51000&icebergQty=0.25",
            json!({"type": "LIMIT", "status": "NEW", "icebergQty": "0.25000000"}),
        ),
        (
            "side=SELL&type=MARKET&quoteOrderQty=2000",
            json!({
                "type": "MARKET", "status": "FILLED", "executedQty": "0.05000000",
                "origQuoteOrderQty": "2000.00000000", "cummulativeQuoteQty": "2000.00000000",
            }),
        ),
        (
            "side=BUY&type=LIMIT&timeInForce=GTC&quantity=0.1&price=41000\
             &selfTradePreventionMode=DECREMENT",
            json!({"status": "NEW", "selfTradePreventionMode": "DECREMENT"}),
        ),
    ];
    for (query, expected) in cases {
        run(async {
            let exchange = exchange();
            first_trade(&exchange).await;
            let order = place(&exchange, "ann", query).await;
            for (name, value) in expected.as_object().unwrap() {
                assert_eq!(&order[name], value, "{query}: {name}");
            }
        });
    }
}

#[test]
fn of_an_iceberg_only_a_part_is_seen_and_it_has_no_more_than_a_hundred() {
    run(async {
        let exchange = exchange();
        let iceberg = "side=SELL&type=LIMIT&timeInForce=GTC&price=51000&quantity=1";
        place(&exchange, "ann", &format!("{iceberg}&icebergQty=0.25")).await;
        let book = get(&exchange, "/api/v3/depth?symbol=BTCUSDT").await.body;
        assert_eq!(book["asks"], json!([["51000.00000000", "0.25000000"]]));
        let query = format!("symbol=BTCUSDT&{iceberg}&icebergQty=0.009");
        let refused = signed(&exchange, "ann", "POST", ORDER, &query).await;
        assert_eq!((refused.code(), refused.text()), (-1013, "Filter failure: ICEBERG_PARTS"));
        let query = format!("symbol=BTCUSDT&{iceberg}&icebergQty=1.00001");
        let refused = signed(&exchange, "ann", "POST", ORDER, &query).await;
        assert_eq!((refused.code(), refused.text()), (-2010, "IcebergQty exceeds QTY."));
    });
}

#[test]
fn waiting_orders_come_when_their_price_is_there() {
    run(async {
        let exchange = exchange();
        first_trade(&exchange).await;
        let trail = "side=SELL&type=STOP_LOSS&quantity=0.1&newClientOrderId=trail";
        place(&exchange, "ann", &format!("{trail}&trailingDelta=1000")).await;
        let profit = "side=SELL&type=TAKE_PROFIT&quantity=0.1&newClientOrderId=profit";
        place(&exchange, "ann", &format!("{profit}&stopPrice=60000")).await;
        // Up to 60,000: the profit is taken, and the trail is at 54,000 from now on.
        limit(&exchange, "bob", "SELL", "60000", "top").await;
        limit(&exchange, "bob", "BUY", "59000", "bid").await;
        limit(&exchange, "ann", "BUY", "60000", "reach").await;
        assert_eq!(named(&exchange, "ann", "profit").await["status"], "FILLED");
        assert_eq!(named(&exchange, "ann", "trail").await["status"], "NEW");
        limit(&exchange, "bob", "BUY", "54000", "low").await;
        limit(&exchange, "bob", "BUY", "53000", "lower").await;
        limit(&exchange, "ann", "SELL", "54000", "sale").await;
        let trail = named(&exchange, "ann", "trail").await;
        assert_eq!(
            (&trail["status"], &trail["executedQty"]),
            (&json!("FILLED"), &json!("0.10000000"))
        );
    });
}

#[test]
fn a_trail_fires_where_its_side_loses_and_begins_where_its_kind_does() {
    run(async {
        // The examples of the venue: kind, side, stop, distance and limit; the prices that come, and
        // the one that sets it off.
        for (kind, asked, seen, fires) in [
            (
                "STOP_LOSS_LIMIT",
                "side=BUY&stopPrice=44000&trailingDelta=500&price=45000",
                vec!["37000", "44000", "46000", "42000", "44099"],
                "44100",
            ),
            (
                "STOP_LOSS_LIMIT",
                "side=SELL&stopPrice=39000&trailingDelta=1000&price=38000",
                vec!["41500", "39000", "37000", "41000", "36901"],
                "36900",
            ),
            (
                "TAKE_PROFIT_LIMIT",
                "side=BUY&stopPrice=38000&trailingDelta=850&price=38500",
                vec!["42000", "38000", "37000", "39000", "38000", "40144"],
                "40145",
            ),
            (
                "TAKE_PROFIT_LIMIT",
                "side=SELL&stopPrice=42000&trailingDelta=750&price=41000",
                vec!["41500", "39000", "42000", "45000", "44000", "46500", "43013"],
                "43012.5",
            ),
            (
                "STOP_LOSS_LIMIT",
                "side=SELL&trailingDelta=700&price=39000",
                vec!["42000", "39500", "45500", "42316"],
                "42315",
            ),
        ] {
            let exchange = exchange();
            trade_at(&exchange, "40000").await;
            let order = format!("type={kind}&timeInForce=GTC&quantity=0.1&newClientOrderId=trail");
            let order = place(&exchange, "ann", &format!("{order}&{asked}")).await;
            assert_eq!(order["type"], kind);
            for price in seen {
                trade_at(&exchange, price).await;
                let order = named(&exchange, "ann", "trail").await;
                assert_eq!(order["isWorking"], false, "{kind} {asked} {price}");
            }
            trade_at(&exchange, fires).await;
            let order = named(&exchange, "ann", "trail").await;
            assert_eq!((&order["isWorking"], &order["type"]), (&json!(true), &json!(kind)));
        }
    });
}

/// A trade of bob with ann; what waits is not touched.
async fn trade_at(exchange: &LocalExchange, price: &str) {
    let limit = format!("type=LIMIT&timeInForce=GTC&quantity=0.001&price={price}");
    place(exchange, "bob", &format!("{limit}&side=SELL")).await;
    place(exchange, "ann", &format!("{limit}&side=BUY")).await;
}

/// States of an order that rested and of one that came, both of one account.
async fn met(mode: &str, sizes: [&str; 2]) -> [Value; 2] {
    let exchange = exchange();
    for (side, size) in ["SELL", "BUY"].into_iter().zip(sizes) {
        let query = format!(
            "side={side}&type=LIMIT&timeInForce=GTC&price=50000&quantity={size}\
             &newClientOrderId={side}&selfTradePreventionMode={mode}"
        );
        place(&exchange, "ann", &query).await;
    }
    [named(&exchange, "ann", "SELL").await, named(&exchange, "ann", "BUY").await]
}

#[test]
fn an_account_does_not_trade_with_itself_unless_it_wants_to() {
    run(async {
        let over = "EXPIRED_IN_MATCH";
        for (mode, sizes, states) in [
            ("NONE", ["0.1", "0.1"], ["FILLED", "FILLED"]),
            ("EXPIRE_TAKER", ["0.1", "0.1"], ["NEW", over]),
            ("EXPIRE_MAKER", ["0.1", "0.1"], [over, "NEW"]),
            ("EXPIRE_BOTH", ["0.1", "0.1"], [over, over]),
            ("DECREMENT", ["0.3", "0.1"], ["NEW", over]),
            ("DECREMENT", ["0.1", "0.3"], [over, "NEW"]),
            ("DECREMENT", ["0.1", "0.1"], [over, over]),
        ] {
            let orders = met(mode, sizes).await;
            assert_eq!([&orders[0]["status"], &orders[1]["status"]], states, "{mode} {sizes:?}");
            for (order, size) in orders.iter().zip(sizes) {
                assert_eq!(order["origQty"], format!("{size}0000000"), "{mode}");
            }
        }
        let whole = met("EXPIRE_BOTH", ["0.3", "0.1"]).await;
        for (order, size) in whole.iter().zip(["0.30000000", "0.10000000"]) {
            assert_eq!(order["preventedQuantity"], size, "{order}");
        }
        let [maker, taker] = met("DECREMENT", ["0.3", "0.1"]).await;
        for order in [maker, taker] {
            assert_eq!(order["preventedQuantity"], "0.10000000");
            assert_eq!(order["preventedMatchId"], 1);
        }
    });
}

#[test]
fn what_was_prevented_is_told_and_can_be_asked_for() {
    run(async {
        let exchange = exchange();
        let mut line = user(&exchange).await;
        let limit = "type=LIMIT&timeInForce=GTC&price=50000&selfTradePreventionMode=DECREMENT";
        let maker = place(&exchange, "ann", &format!("{limit}&side=SELL&quantity=0.3")).await;
        let taker = place(&exchange, "ann", &format!("{limit}&side=BUY&quantity=0.1")).await;
        let (maker, taker) = (&maker["orderId"], &taker["orderId"]);
        let mut told = Vec::new();
        let mut executions = Vec::new();
        while told.len() < 4 {
            let event = line.event().await;
            if event["e"] == "executionReport" {
                executions.push(event["I"].as_u64().unwrap());
                told.push(["i", "x", "X", "q", "v", "A", "B", "U"].map(|name| event[name].clone()));
            }
        }
        let null = Value::Null;
        let begun = |order: &Value, size: &str| {
            let [a, b, c, d] = [null.clone(), null.clone(), null.clone(), null.clone()];
            [order.clone(), json!("NEW"), json!("NEW"), json!(size), a, b, c, d]
        };
        let met = |order: &Value, state: &str, size: &str, other: &Value| {
            let lots = json!("0.10000000");
            [
                order.clone(),
                json!("TRADE_PREVENTION"),
                json!(state),
                json!(size),
                json!(1),
                lots.clone(),
                lots,
                other.clone(),
            ]
        };
        assert_eq!(
            told,
            [
                begun(maker, "0.30000000"),
                begun(taker, "0.10000000"),
                met(maker, "NEW", "0.30000000", taker),
                met(taker, "EXPIRED_IN_MATCH", "0.10000000", maker),
            ]
        );
        executions.sort_unstable();
        executions.dedup();
        assert_eq!(executions.len(), 4, "each report is an execution of its own");
        let path = "/api/v3/myPreventedMatches";
        let query = format!("symbol=BTCUSDT&orderId={maker}");
        let rows = signed(&exchange, "ann", "GET", path, &query).await.body;
        assert_eq!(rows.as_array().unwrap().len(), 1, "{rows}");
        let row = &rows[0];
        assert_eq!(
            ["preventedMatchId", "takerOrderId", "makerOrderId"].map(|name| &row[name]),
            [&json!(1), taker, maker]
        );
        assert_eq!(row["selfTradePreventionMode"], "DECREMENT");
        assert_eq!(row["price"], "50000.00000000");
        assert_eq!(row["makerPreventedQuantity"], "0.10000000");
        assert_eq!(row["takerPreventedQuantity"], "0.10000000");
        let none = "symbol=BTCUSDT&preventedMatchId=2";
        assert_eq!(signed(&exchange, "ann", "GET", path, none).await.body, json!([]));
        assert_eq!(signed(&exchange, "ann", "GET", path, "symbol=BTCUSDT").await.code(), -1102);
        let others = signed(&exchange, "bob", "GET", path, &query).await.body;
        assert_eq!(others, json!([]));
    });
}

#[test]
fn fees_are_paid_in_another_asset_while_there_is_enough_of_it() {
    run(async {
        let exchange = exchange();
        let (part, price, off) = (decimal("0.001"), decimal("600"), decimal("0.25"));
        exchange.pay_fees_in(VENUE, "ann", "BNB", price, off).unwrap();
        exchange.set_fees(VENUE, "ann", part, part).unwrap();
        exchange.deposit(VENUE, "ann", "BNB", decimal("0.007")).unwrap();
        let path = "/api/v3/account/commission";
        let told = signed(&exchange, "ann", "GET", path, "symbol=BTCUSDT").await.body;
        assert_eq!(
            told["discount"],
            json!({
                "enabledForAccount": true, "enabledForSymbol": true, "discountAsset": "BNB",
                "discount": "0.75000000",
            })
        );
        // A thousandth of 5,000, in an asset at 600, less a quarter.
        for (id, fee, asset) in [("a", "0.00625000", "BNB"), ("b", "0.00010000", "BTC")] {
            limit(&exchange, "bob", "SELL", "50000", id).await;
            let query = "symbol=BTCUSDT&side=BUY&type=MARKET&quantity=0.1";
            let bought = signed(&exchange, "ann", "POST", ORDER, query).await.body;
            let fill = &bought["fills"][0];
            assert_eq!(
                (&fill["commission"], &fill["commissionAsset"]),
                (&json!(fee), &json!(asset))
            );
        }
        assert_eq!(exchange.balance(VENUE, "ann", "BNB").unwrap().0, decimal("0.00075"));
        let none = exchange.pay_fees_in(VENUE, "ann", "BNB", decimal("0"), off);
        assert!(none.is_err());
    });
}

#[test]
fn the_number_of_waiting_orders_has_a_filter_of_its_own() {
    run(async {
        let exchange = exchange();
        first_trade(&exchange).await;
        let stop = "symbol=BTCUSDT&side=SELL&type=STOP_LOSS&quantity=0.1&stopPrice=45000";
        for _ in 0..5 {
            assert_eq!(signed(&exchange, "ann", "POST", ORDER, stop).await.status, 200);
        }
        let refused = signed(&exchange, "ann", "POST", ORDER, stop).await;
        assert_eq!(refused.text(), "Filter failure: MAX_NUM_ALGO_ORDERS");
    });
}

/// New orders of an account today that were not filled.
async fn unfilled(exchange: &LocalExchange, who: &str) -> i64 {
    let limits = signed(exchange, who, "GET", "/api/v3/rateLimit/order", "").await.body;
    limits[1]["count"].as_i64().unwrap()
}

#[test]
fn orders_count_until_they_are_filled() {
    run(async {
        let exchange = exchange();
        let refused = limit(&exchange, "ann", "BUY", "0.01", "poor").await;
        assert_eq!((refused.code(), unfilled(&exchange, "ann").await), (-1013, 0));
        let placed = limit(&exchange, "ann", "BUY", "50000", "mine").await;
        assert_eq!(placed.headers["x-mbx-order-count-1d"], "1");
        let taken = limit(&exchange, "bob", "SELL", "50000", "yours").await;
        // The fill is counted a moment later.
        assert_eq!(taken.headers["x-mbx-order-count-1d"], "1");
        assert_eq!([unfilled(&exchange, "ann").await, unfilled(&exchange, "bob").await], [0, 0]);
        let exits = "side=SELL&quantity=0.1&aboveType=LIMIT_MAKER&abovePrice=55000\
                     &belowType=STOP_LOSS&belowStopPrice=45000";
        let entry = "workingType=LIMIT&workingSide=BUY&workingPrice=45000&workingQuantity=0.1\
                     &workingTimeInForce=GTC&pendingSide=SELL&pendingQuantity=0.1";
        let one = format!("{entry}&pendingType=LIMIT_MAKER&pendingPrice=55000");
        let two = format!(
            "{entry}&pendingAboveType=LIMIT_MAKER&pendingAbovePrice=55000\
             &pendingBelowType=STOP_LOSS&pendingBelowStopPrice=40000"
        );
        for (list, query, count) in [("oco", exits, 2), ("oto", &one, 4), ("otoco", &two, 7)] {
            let (path, query) =
                (format!("/api/v3/orderList/{list}"), format!("symbol=BTCUSDT&{query}"));
            let placed = signed(&exchange, "ann", "POST", &path, &query).await;
            assert_eq!((placed.status, unfilled(&exchange, "ann").await), (200, count), "{list}");
        }
        let query = "symbol=BTCUSDT&side=BUY&type=LIMIT&timeInForce=GTC&quantity=0.1&price=41000\
                     &cancelReplaceMode=STOP_ON_FAILURE&cancelOrigClientOrderId=none";
        let failed = signed(&exchange, "ann", "POST", "/api/v3/order/cancelReplace", query).await;
        assert_eq!(failed.body["data"]["newOrderResult"], "NOT_ATTEMPTED");
        assert_eq!(unfilled(&exchange, "ann").await, 8, "one that is not tried counts, too");
    });
}

#[test]
fn an_amount_of_quote_is_filled_once_it_is_spent() {
    run(async {
        let exchange = exchange();
        let mut line = user(&exchange).await;
        for (price, name) in [("50000", "a"), ("51000", "b")] {
            limit(&exchange, "bob", "SELL", price, name).await;
        }
        let query = "side=BUY&type=MARKET&quoteOrderQty=7550";
        assert_eq!(place(&exchange, "ann", query).await["status"], "FILLED");
        let mut states = Vec::new();
        while states.len() < 3 {
            let event = line.event().await;
            if event["e"] == "executionReport" {
                states.push(event["X"].as_str().unwrap().to_owned());
            }
        }
        assert_eq!(states, ["NEW", "PARTIALLY_FILLED", "FILLED"]);
    });
}

#[test]
fn reports_say_since_when_an_order_works_and_what_it_is_followed_with() {
    run(async {
        let exchange = exchange();
        trade_at(&exchange, "50000").await;
        let mut line = user(&exchange).await;
        let mut next = async || loop {
            let event = line.event().await;
            if event["e"] == "executionReport" {
                return event;
            }
        };
        let stop = "type=STOP_LOSS&side=SELL&quantity=0.1&strategyId=7&strategyType=1000001";
        let trail = format!("{stop}&stopPrice=49000&trailingDelta=100");
        let order = place(&exchange, "ann", &trail).await;
        assert_eq!((&order["trailingTime"], &order["workingTime"]), (&json!(-1), &json!(-1)));
        assert_eq!([&order["strategyId"], &order["strategyType"]], [7, 1_000_001]);
        let placed = next().await;
        assert_eq!(
            (&placed["j"], &placed["J"], &placed["d"]),
            (&json!(7), &json!(1_000_001), &json!(100))
        );
        assert_eq!([placed.get("W"), placed.get("D")], [None, None]);
        trade_at(&exchange, "49000").await;
        trade_at(&exchange, "48510").await;
        let fired = loop {
            let event = next().await;
            if event["o"] == "STOP_LOSS" {
                break event;
            }
        };
        assert!(fired["W"].as_i64() >= fired["D"].as_i64(), "{fired}");
        assert!(fired["D"].as_i64() >= placed["O"].as_i64(), "{fired}");
        let query = "symbol=BTCUSDT&side=BUY&type=LIMIT&timeInForce=GTC&quantity=0.1&price=40000";
        let query = format!("{query}&strategyType=999999");
        assert_eq!(signed(&exchange, "ann", "POST", ORDER, &query).await.code(), -1134);
    });
}

#[test]
fn where_there_were_too_many_orders_the_old_one_may_end_all_the_same() {
    run(async {
        let exchange = exchange_with(Allowance { orders_1d: 2, ..Allowance::ALL });
        for name in ["a", "b"] {
            limit(&exchange, "ann", "BUY", "40000", name).await;
        }
        let order = "symbol=BTCUSDT&side=BUY&type=LIMIT&timeInForce=GTC&quantity=0.1&price=40000";
        let replace = async |old: &str, more: &str| {
            let query = format!("{order}&cancelOrigClientOrderId={old}&{more}");
            signed(&exchange, "ann", "POST", "/api/v3/order/cancelReplace", &query).await
        };
        let open = async || {
            let open = signed(&exchange, "ann", "GET", "/api/v3/openOrders", "").await.body;
            open.as_array().unwrap().len()
        };
        let stop = "cancelReplaceMode=STOP_ON_FAILURE";
        for more in ["", "&orderRateLimitExceededMode=DO_NOTHING"] {
            let refused = replace("a", &format!("{stop}{more}")).await;
            assert_eq!((refused.status, refused.code(), open().await), (429, -1015, 2));
        }
        let only = "orderRateLimitExceededMode=CANCEL_ONLY";
        let refused = replace("a", &format!("{stop}&{only}")).await;
        assert_eq!((refused.status, refused.code(), open().await), (429, -1015, 1));
        assert_eq!(refused.body["data"]["cancelResult"], "SUCCESS");
        assert_eq!(refused.body["data"]["newOrderResult"], "FAILURE");
        let refused = replace("gone", &format!("{stop}&{only}")).await;
        assert_eq!(refused.body["data"]["cancelResult"], "FAILURE");
        assert_eq!(refused.body["data"]["newOrderResult"], "NOT_ATTEMPTED");
        let wrong = replace("b", &format!("{stop}&orderRateLimitExceededMode=SOMETIMES")).await;
        assert_eq!((wrong.code(), open().await), (-1130, 1));
    });
}

#[test]
fn a_new_order_that_is_refused_once_the_old_one_has_ended_is_told() {
    run(async {
        let exchange = exchange();
        limit(&exchange, "bob", "SELL", "50000", "offer").await;
        for (mode, asked, why, text) in [
            (
                "STOP_ON_FAILURE",
                "type=LIMIT&timeInForce=GTC&quantity=5&price=41000",
                "INSUFFICIENT_BALANCES",
                "Account has insufficient balance for requested action.",
            ),
            (
                "ALLOW_FAILURE",
                "type=LIMIT_MAKER&quantity=0.1&price=50000",
                "WOULD_MATCH_IMMEDIATELY",
                "Order would immediately match and take.",
            ),
        ] {
            limit(&exchange, "ann", "BUY", "40000", "old").await;
            let mut line = user(&exchange).await;
            let query = format!(
                "symbol=BTCUSDT&side=BUY&{asked}&newClientOrderId=new&cancelReplaceMode={mode}\
                 &cancelOrigClientOrderId=old"
            );
            let path = "/api/v3/order/cancelReplace";
            let answer = signed(&exchange, "ann", "POST", path, &query).await;
            assert_eq!((answer.status, answer.code()), (409, -2021), "{}", answer.body);
            let data = &answer.body["data"];
            assert_eq!(
                [&data["cancelResult"], &data["newOrderResult"]],
                [&json!("SUCCESS"), &json!("FAILURE")]
            );
            assert_eq!(data["cancelResponse"]["status"], "CANCELED");
            assert_eq!(data["newOrderResponse"], json!({"code": -2010, "msg": text}));
            let mut told = Vec::new();
            while told.len() < 2 {
                let event = line.event().await;
                if event["e"] == "executionReport" {
                    told.push(["c", "x", "X", "r", "i"].map(|name| event[name].clone()));
                }
            }
            assert_eq!(told[0][1..4], ["CANCELED", "CANCELED", "NONE"].map(|text| json!(text)));
            let refused = json!(["new", "REJECTED", "REJECTED", why, -1]);
            assert_eq!(json!(told[1]), refused);
            assert_eq!(named(&exchange, "ann", "new").await["code"], -2013);
        }
        // A refusal alone is no event.
        let mut line = user(&exchange).await;
        let query = "symbol=BTCUSDT&side=BUY&type=LIMIT&timeInForce=GTC&quantity=5&price=41000";
        assert_eq!(signed(&exchange, "ann", "POST", ORDER, query).await.code(), -2010);
        assert!(line.is_silent().await);
    });
}

#[test]
fn an_order_says_why_it_has_expired() {
    run(async {
        let exchange = exchange();
        first_trade(&exchange).await;
        limit(&exchange, "bob", "SELL", "50000", "offer").await;
        for (query, why) in [
            (
                "side=BUY&type=LIMIT&timeInForce=IOC&quantity=0.2&price=49000",
                "UNFILLED_IOC_QUANTITY_EXPIRED",
            ),
            (
                "side=BUY&type=LIMIT&timeInForce=FOK&quantity=0.2&price=50000",
                "UNFILLED_FOK_ORDER_EXPIRED",
            ),
            ("side=BUY&type=MARKET&quantity=0.2", "INSUFFICIENT_LIQUIDITY"),
        ] {
            let mut line = user(&exchange).await;
            let answer = place(&exchange, "ann", query).await;
            assert_eq!(
                (&answer["status"], &answer["expiryReason"]),
                (&json!("EXPIRED"), &json!(why))
            );
            let ended = loop {
                let event = line.event().await;
                assert!(event["x"] == "EXPIRED" || event.get("eR").is_none(), "{event}");
                if event["x"] == "EXPIRED" {
                    break event;
                }
            };
            assert_eq!(ended["eR"], why);
        }
        let exits = "symbol=BTCUSDT&side=SELL&quantity=0.1&aboveType=LIMIT_MAKER&abovePrice=55000\
                     &aboveClientOrderId=profit&belowType=STOP_LOSS&belowStopPrice=45000\
                     &belowClientOrderId=loss";
        let path = "/api/v3/orderList/oco";
        assert_eq!(signed(&exchange, "ann", "POST", path, exits).await.status, 200);
        limit(&exchange, "bob", "BUY", "55000", "reach").await;
        assert_eq!(named(&exchange, "ann", "loss").await["expiryReason"], "OCO_TRIGGER");
        let profit = named(&exchange, "ann", "profit").await;
        assert_eq!((&profit["status"], profit.get("expiryReason")), (&json!("FILLED"), None));
    });
}

#[test]
fn changes_of_an_order_can_be_asked_for() {
    run(async {
        let exchange = exchange();
        limit(&exchange, "ann", "BUY", "40000", "first").await;
        let path = "/api/v3/order/amend/keepPriority";
        for (old, new, size) in [("first", "second", "0.08"), ("second", "third", "0.05")] {
            let query = format!(
                "symbol=BTCUSDT&origClientOrderId={old}&newClientOrderId={new}&newQty={size}"
            );
            assert_eq!(signed(&exchange, "ann", "PUT", path, &query).await.status, 200);
        }
        let order = named(&exchange, "ann", "third").await["orderId"].clone();
        let path = "/api/v3/order/amendments";
        let query = format!("symbol=BTCUSDT&orderId={order}");
        let rows = signed(&exchange, "ann", "GET", path, &query).await.body;
        let told = |row: &Value| {
            ["origClientOrderId", "newClientOrderId", "origQty", "newQty"]
                .map(|name| row[name].as_str().unwrap().to_owned())
        };
        let rows = rows.as_array().unwrap();
        assert_eq!(told(&rows[0]), ["first", "second", "0.10000000", "0.08000000"]);
        assert_eq!(told(&rows[1]), ["second", "third", "0.08000000", "0.05000000"]);
        let second = format!("{query}&fromExecutionId={}", rows[1]["executionId"]);
        let found = signed(&exchange, "ann", "GET", path, &second).await.body;
        assert_eq!(found, json!([rows[1]]));
        assert_eq!(signed(&exchange, "ann", "GET", path, "symbol=BTCUSDT").await.code(), -1102);
    });
}

#[test]
fn who_comes_is_answered_with_what_was_prevented() {
    run(async {
        let exchange = exchange();
        let limit = "type=LIMIT&timeInForce=GTC";
        let mut makers = Vec::new();
        for (price, size) in [("50000", "0.2"), ("50100", "0.3")] {
            let query = format!("side=SELL&{limit}&price={price}&quantity={size}");
            makers.push(place(&exchange, "ann", &query).await["orderId"].clone());
        }
        let mut line = user(&exchange).await;
        let buy = |mode: &str| {
            format!(
                "symbol=BTCUSDT&side=BUY&{limit}&price=50100&quantity=0.6\
                 &selfTradePreventionMode={mode}"
            )
        };
        let query = buy("EXPIRE_TAKER") + "&newOrderRespType=FULL";
        let taken = signed(&exchange, "ann", "POST", ORDER, &query).await.body;
        let row = json!({
            "preventedMatchId": 1, "makerOrderId": makers[0], "price": "50000.00000000",
            "takerPreventedQuantity": "0.60000000",
        });
        assert_eq!((&taken["fills"], &taken["preventedMatches"]), (&json!([]), &json!([row])));
        let report = loop {
            let event = line.event().await;
            if event["x"] == "TRADE_PREVENTION" {
                break event;
            }
        };
        assert_eq!((&report["Cs"], &report["pL"]), (&json!("BTCUSDT"), &json!("50000.00000000")));
        let taken = signed(&exchange, "ann", "POST", ORDER, &buy("EXPIRE_MAKER")).await.body;
        let row = |number: u64, maker: usize, price: &str, size: &str| {
            json!({
                "preventedMatchId": number, "makerOrderId": makers[maker], "price": price,
                "makerPreventedQuantity": size,
            })
        };
        let rows =
            [row(2, 0, "50000.00000000", "0.20000000"), row(3, 1, "50100.00000000", "0.30000000")];
        assert_eq!(taken["preventedMatches"], json!(rows), "{taken}");
        let other = "symbol=BTCUSDT&side=BUY&type=LIMIT&timeInForce=GTC&price=40000&quantity=0.1";
        let other = signed(&exchange, "ann", "POST", ORDER, other).await.body;
        assert_eq!(other.get("preventedMatches"), None, "{other}");
    });
}
