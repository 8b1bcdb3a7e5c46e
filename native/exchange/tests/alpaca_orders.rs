//! Orders of all kinds at the local Alpaca, and what its stream tells of them.
#![allow(clippy::unwrap_used, reason = "a test may fail")]

mod common;

use common::alpaca::{
    VENUE, ask, coins, event, exchange, first_trade, order, path_of, place, read, shares, tell,
    updates, with,
};
use common::{Line, SECRET, decimal, run};
use rustonite_exchange::{Config, Key, Listing, LocalExchange, VenueConfig};
use serde_json::{Value, json};

/// A trade of the stock at a price, between two who are not in its way.
async fn trade_at(exchange: &LocalExchange, price: &str) {
    place(exchange, "bob", shares("sell", "1", price)).await;
    place(exchange, "ann", shares("buy", "1", price)).await;
}

/// What orders are called, oldest first.
async fn statuses(exchange: &LocalExchange, who: &str) -> Vec<String> {
    let orders = read(exchange, who, "/v2/orders?status=all&direction=asc").await;
    let orders = orders.as_array().unwrap().iter();
    orders.map(|one| one["status"].as_str().unwrap().to_owned()).collect()
}

/// The next events of a stream: what happened, and what the order is called then.
async fn events(line: &mut Line, count: usize) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for _ in 0..count {
        let (_, name, status) = event(line).await;
        found.push((name, status));
    }
    found
}

fn pairs(expected: &[(&str, &str)]) -> Vec<(String, String)> {
    expected.iter().map(|(one, other)| ((*one).to_owned(), (*other).to_owned())).collect()
}

#[test]
fn the_stream_tells_an_order_and_its_fills_in_order() {
    run(async {
        let exchange = exchange();
        let mut line = updates(&exchange, "ann").await;
        let placed = place(&exchange, "ann", shares("buy", "5", "200")).await;
        place(&exchange, "bob", shares("sell", "2", "200")).await;
        place(&exchange, "bob", shares("sell", "3", "199.5")).await;
        let begun = events(&mut line, 2).await;
        assert_eq!(begun, pairs(&[("pending_new", "pending_new"), ("new", "new")]));
        let (partial, name, status) = event(&mut line).await;
        assert_eq!((name.as_str(), status.as_str()), ("partial_fill", "partially_filled"));
        assert_eq!(
            [&partial["qty"], &partial["price"], &partial["position_qty"], &partial["order"]["id"]],
            [&json!("2"), &json!("200"), &json!("102"), &placed["id"]],
        );
        assert_eq!(partial["order"]["filled_qty"], "2");
        assert!(partial["order"]["filled_at"].is_null());
        let (whole, name, status) = event(&mut line).await;
        assert_eq!((name.as_str(), status.as_str()), ("fill", "filled"));
        assert_eq!((&whole["position_qty"], &whole["price"]), (&json!("105"), &json!("200")));
        assert!(whole["order"]["filled_at"].is_string());
        assert_ne!(partial["execution_id"], whole["execution_id"]);
        let path = "/v2/account/activities/FILL";
        let fills = read(&exchange, "ann", path).await;
        let id = fills[0]["id"].as_str().unwrap();
        assert!(id.ends_with(whole["execution_id"].as_str().unwrap()), "{id}");
        assert!(line.is_silent().await);
    });
}

#[test]
fn an_order_is_replaced_again_and_again() {
    run(async {
        let exchange = exchange();
        let first = place(&exchange, "ann", coins("buy", "1", "40000")).await;
        place(&exchange, "bob", coins("sell", "0.4", "40000")).await;
        let mut line = updates(&exchange, "ann").await;
        let patch = |of: Value, body: Value| {
            let exchange = &exchange;
            async move { ask(exchange, "ann", "PATCH", &path_of(&of), body).await }
        };
        let second = patch(first.clone(), json!({"limit_price": "41000"})).await;
        assert_eq!(second.status, 200, "{}", second.body);
        let second = second.body;
        assert_eq!((&second["replaces"], &second["qty"]), (&first["id"], &json!("0.6")));
        let third = patch(second.clone(), json!({"qty": "0.5", "client_order_id": "third"})).await;
        let third = third.body;
        assert_eq!(
            (&third["replaces"], &third["client_order_id"]),
            (&second["id"], &json!("third"))
        );
        let told = events(&mut line, 6).await;
        let once = [("replaced", "replaced"), ("pending_new", "pending_new"), ("new", "new")];
        assert_eq!(told, pairs(&[once, once].concat()));
        let old = order(&exchange, "ann", &first).await;
        assert_eq!(
            [&old["status"], &old["replaced_by"], &old["filled_qty"]],
            [&json!("replaced"), &second["id"], &json!("0.4")],
        );
        let account = read(&exchange, "ann", "/v2/account").await;
        assert_eq!(
            (&account["cash"], &account["buying_power"]),
            (&json!("84000"), &json!("63500"))
        );
        for (of, body, status, text) in [
            (&first, json!({"qty": "2"}), 422, "order is already in \"replaced\" state"),
            (&third, json!({"qty": "0.5"}), 422, "order parameters are not changed"),
            (&third, json!({"stop_price": "1"}), 422, "limit orders must not have stop_price"),
            (&third, json!({"limit_price": "1.001"}), 422, "invalid limit_price 1.001"),
            (&third, json!({"qty": "90"}), 403, "insufficient balance for USD"),
            (&third, json!({"time_in_force": "day"}), 422, "invalid crypto time_in_force"),
            (
                &third,
                json!({"limit_price": "1", "client_order_id": "third"}),
                422,
                "client_order_id must be unique",
            ),
        ] {
            let answer = patch(of.clone(), body).await;
            assert_eq!(answer.status, status, "{}", answer.body);
            assert!(answer.text().starts_with(text), "{}", answer.body);
        }
        assert_eq!(order(&exchange, "ann", &third).await["status"], "new");
    });
}

#[test]
fn orders_that_do_not_wait_are_cancelled_at_once() {
    run(async {
        let exchange = exchange();
        place(&exchange, "bob", shares("sell", "3", "200")).await;
        let mut line = updates(&exchange, "ann").await;
        let order = |tif: &str| with(shares("buy", "5", "200"), json!({"time_in_force": tif}));
        place(&exchange, "ann", order("fok")).await;
        place(&exchange, "ann", order("ioc")).await;
        let begun = [("pending_new", "pending_new"), ("new", "new")];
        let killed = [("canceled", "canceled")];
        let partly = [("partial_fill", "partially_filled"), ("canceled", "canceled")];
        let told = events(&mut line, 7).await;
        assert_eq!(told, pairs(&[&begun[..], &killed, &begun, &partly].concat()));
        let market = json!({"symbol": "AAPL", "side": "buy", "type": "market", "qty": "1",
            "time_in_force": "day"});
        place(&exchange, "ann", market).await;
        assert_eq!(statuses(&exchange, "ann").await, ["canceled"; 3]);
    });
}

#[test]
fn an_amount_of_dollars_buys_what_it_buys() {
    run(async {
        let exchange = exchange();
        place(&exchange, "bob", coins("sell", "0.001", "50000")).await;
        place(&exchange, "bob", coins("sell", "1", "50100")).await;
        let mut line = updates(&exchange, "ann").await;
        let asked = json!({"symbol": "BTC/USD", "side": "buy", "type": "market",
            "time_in_force": "gtc", "notional": 100});
        let placed = place(&exchange, "ann", asked).await;
        assert_eq!((&placed["notional"], &placed["qty"]), (&json!("100"), &Value::Null));
        let told = events(&mut line, 4).await;
        assert_eq!(told[2..], pairs(&[("partial_fill", "partially_filled"), ("fill", "filled")]));
        let bought = order(&exchange, "ann", &placed).await;
        assert_eq!(
            (&bought["status"], &bought["filled_qty"]),
            (&json!("filled"), &json!("0.0019"))
        );
    });
}

#[test]
fn stops_wait_for_their_price_and_trails_follow_it() {
    run(async {
        let exchange = exchange();
        first_trade(&exchange).await;
        let stop = |kind: &str, more: Value| {
            let order = json!({"symbol": "AAPL", "side": "sell", "type": kind, "qty": "2",
                "time_in_force": "gtc"});
            with(order, more)
        };
        let limit = stop("stop_limit", json!({"stop_price": "190", "limit_price": "189"}));
        let limit = place(&exchange, "ann", limit).await;
        let trail = stop("trailing_stop", json!({"trail_percent": "10"}));
        let trail = place(&exchange, "ann", trail).await;
        let dollars = stop("trailing_stop", json!({"trail_price": "50"}));
        let dollars = place(&exchange, "ann", dollars).await;
        assert_eq!(
            (&limit["status"], &limit["stop_price"]),
            (&json!("pending_new"), &json!("190"))
        );
        assert_eq!((&trail["hwm"], &trail["stop_price"]), (&json!("200"), &json!("180")));
        assert_eq!(
            (&dollars["trail_price"], &dollars["stop_price"]),
            (&json!("50"), &json!("150"))
        );
        let carl = |side: &str, qty: &str, price: &str| shares(side, qty, price);
        exchange.add_account("carl").unwrap();
        exchange.add_key("carl", "carl", &rustonite_exchange::Key::hmac(SECRET)).unwrap();
        exchange.deposit(VENUE, "carl", "USD", common::decimal("100000")).unwrap();
        place(&exchange, "bob", carl("sell", "1", "220")).await;
        place(&exchange, "carl", carl("buy", "1", "220")).await;
        let followed = order(&exchange, "ann", &trail).await;
        assert_eq!((&followed["hwm"], &followed["stop_price"]), (&json!("220"), &json!("198")));
        let followed = order(&exchange, "ann", &dollars).await;
        assert_eq!((&followed["hwm"], &followed["stop_price"]), (&json!("220"), &json!("170")));
        place(&exchange, "carl", carl("buy", "1", "197")).await;
        place(&exchange, "carl", carl("buy", "4", "188")).await;
        place(&exchange, "bob", carl("sell", "1", "197")).await;
        let sold = order(&exchange, "ann", &trail).await;
        assert_eq!((&sold["status"], &sold["filled_avg_price"]), (&json!("filled"), &json!("188")));
        // By then the engine has forgotten what has ended.
        tokio::time::sleep(std::time::Duration::from_millis(2_500)).await;
        let sold = order(&exchange, "ann", &trail).await;
        assert_eq!((&sold["hwm"], &sold["stop_price"]), (&json!("220"), &json!("198")));
        let waits = order(&exchange, "ann", &limit).await;
        assert_eq!((&waits["status"], &waits["filled_qty"]), (&json!("new"), &json!("0")));
        let asks = read(&exchange, "ann", "/v2/stocks/quotes/latest?symbols=AAPL").await;
        assert_eq!(asks["quotes"]["AAPL"]["ap"], json!(189));
    });
}

#[test]
fn a_stop_that_cannot_be_paid_is_refused_or_rejected_once_it_is_hit() {
    run(async {
        let exchange = exchange();
        first_trade(&exchange).await;
        let stop = |qty: &str| {
            json!({"symbol": "AAPL", "side": "buy", "type": "stop", "qty": qty,
                "stop_price": "210", "time_in_force": "day"})
        };
        let refused = ask(&exchange, "ann", "POST", "/v2/orders", stop("900")).await;
        assert_eq!((refused.status, refused.text()), (403, "insufficient buying power"));
        let placed = place(&exchange, "ann", stop("400")).await;
        assert!(placed["expires_at"].is_string(), "{placed}");
        place(&exchange, "ann", coins("buy", "1", "50000")).await;
        let mut line = updates(&exchange, "ann").await;
        place(&exchange, "bob", shares("sell", "1", "210")).await;
        exchange.add_account("carl").unwrap();
        exchange.add_key("carl", "carl", &rustonite_exchange::Key::hmac(SECRET)).unwrap();
        exchange.deposit(VENUE, "carl", "USD", common::decimal("1000")).unwrap();
        place(&exchange, "bob", shares("sell", "50", "211")).await;
        exchange.deposit(VENUE, "ann", "USD", common::decimal("-49000")).unwrap();
        place(&exchange, "carl", shares("buy", "1", "210")).await;
        let told = events(&mut line, 1).await;
        assert_eq!(told, pairs(&[("rejected", "rejected")]));
        let seen = order(&exchange, "ann", &placed).await;
        assert!(seen["failed_at"].is_string() && seen["canceled_at"].is_null(), "{seen}");
    });
}

#[test]
fn a_bracket_holds_its_legs_until_it_is_filled_and_one_ends_the_other() {
    run(async {
        let exchange = exchange();
        first_trade(&exchange).await;
        let bracket = with(
            shares("buy", "2", "199"),
            json!({"order_class": "bracket", "take_profit": {"limit_price": "210"},
                "stop_loss": {"stop_price": 190, "limit_price": "189.5"}}),
        );
        let placed = place(&exchange, "ann", bracket).await;
        let legs = placed["legs"].as_array().unwrap();
        let kinds: Vec<_> =
            legs.iter().map(|leg| [&leg["type"], &leg["side"], &leg["status"]]).collect();
        let (sell, held) = (json!("sell"), json!("held"));
        assert_eq!(kinds, [[&json!("limit"), &sell, &held], [&json!("stop_limit"), &sell, &held]]);
        let mut line = updates(&exchange, "ann").await;
        place(&exchange, "bob", shares("sell", "2", "199")).await;
        let told = events(&mut line, 2).await;
        assert_eq!(told, pairs(&[("fill", "filled"), ("new", "new")]), "the stop is held");
        let nested = format!("{}?nested=true", path_of(&placed));
        let seen = read(&exchange, "ann", &nested).await;
        assert_eq!([&seen["legs"][0]["status"], &seen["legs"][1]["status"]], ["new", "held"]);
        let list = read(&exchange, "ann", "/v2/orders?status=all&nested=true").await;
        assert_eq!(list.as_array().unwrap().len(), 2, "legs are within");
        place(&exchange, "bob", shares("buy", "2", "210")).await;
        let told = events(&mut line, 2).await;
        let mut names: Vec<_> = told.iter().map(|(name, _)| name.as_str()).collect();
        names.sort_unstable();
        assert_eq!(names, ["canceled", "fill"]);
        assert_eq!(statuses(&exchange, "ann").await[1..], ["filled", "filled", "canceled"]);
    });
}

#[test]
fn a_bracket_stays_one_when_its_orders_are_replaced() {
    run(async {
        let exchange = exchange();
        first_trade(&exchange).await;
        let bracket = with(
            shares("buy", "2", "199"),
            json!({"order_class": "bracket", "take_profit": {"limit_price": "210"},
                "stop_loss": {"stop_price": 190}}),
        );
        let placed = place(&exchange, "ann", bracket).await;
        let change = |of: &Value, body: Value| {
            let (exchange, path) = (&exchange, path_of(of));
            async move {
                let answer = ask(exchange, "ann", "PATCH", &path, body).await;
                assert_eq!(answer.status, 200, "{}", answer.body);
                answer.body
            }
        };
        let profit = change(&placed["legs"][0], json!({"limit_price": "212"})).await;
        let first = change(&placed, json!({"limit_price": "198"})).await;
        let legs = first["legs"].as_array().unwrap();
        assert_eq!((legs.len(), &legs[0]["id"]), (2, &profit["id"]));
        let mut line = updates(&exchange, "ann").await;
        place(&exchange, "bob", shares("sell", "2", "198")).await;
        let told = events(&mut line, 2).await;
        assert_eq!(told, pairs(&[("fill", "filled"), ("new", "new")]));
        let stop = change(&placed["legs"][1], json!({"stop_price": "195"})).await;
        assert_eq!(events(&mut line, 1).await, pairs(&[("replaced", "replaced")]));
        assert_eq!(order(&exchange, "ann", &stop).await["status"], "held");
        place(&exchange, "bob", shares("buy", "2", "194")).await;
        place(&exchange, "bob", shares("buy", "1", "194.5")).await;
        let order_of = json!({"symbol": "AAPL", "side": "sell", "type": "market", "qty": "1",
            "time_in_force": "day"});
        exchange.add_account("carl").unwrap();
        exchange.add_key("carl", "carl", &rustonite_exchange::Key::hmac(SECRET)).unwrap();
        exchange.deposit(VENUE, "carl", "AAPL", common::decimal("1")).unwrap();
        place(&exchange, "carl", order_of).await;
        let told = events(&mut line, 3).await;
        let mut names: Vec<_> = told.iter().map(|(name, _)| name.as_str()).collect();
        names.sort_unstable();
        assert_eq!(names, ["canceled", "fill", "new"]);
        assert_eq!(order(&exchange, "ann", &stop).await["status"], "filled");
        assert_eq!(order(&exchange, "ann", &profit).await["status"], "canceled");
    });
}

#[test]
fn of_two_orders_one_ends_the_other_and_of_one_comes_another() {
    run(async {
        let exchange = exchange();
        first_trade(&exchange).await;
        let pair = json!({"symbol": "AAPL", "side": "sell", "type": "limit", "qty": "2",
            "time_in_force": "gtc", "order_class": "oco", "take_profit": {"limit_price": "210"},
            "stop_loss": {"stop_price": "190"}});
        let placed = place(&exchange, "ann", pair).await;
        assert_eq!(
            (&placed["limit_price"], &placed["legs"][0]["type"]),
            (&json!("210"), &json!("stop"))
        );
        let leg = path_of(&placed["legs"][0]);
        let fewer = ask(&exchange, "ann", "PATCH", &leg, json!({"qty": "1"})).await;
        assert_eq!((fewer.status, fewer.code()), (422, 42_210_000));
        let moved = ask(&exchange, "ann", "PATCH", &leg, json!({"stop_price": "180"})).await;
        assert_eq!((moved.status, &moved.body["stop_price"]), (200, &json!("180")));
        let ended = ask(&exchange, "ann", "DELETE", &path_of(&placed), Value::Null).await;
        assert_eq!(ended.status, 204);
        let all = ["filled", "canceled", "replaced", "canceled"];
        assert_eq!(statuses(&exchange, "ann").await, all);
        let chain = with(
            shares("buy", "1", "199"),
            json!({"order_class": "oto", "stop_loss": {"stop_price": "150"}}),
        );
        let placed = place(&exchange, "ann", chain).await;
        assert_eq!(placed["legs"].as_array().unwrap().len(), 1);
        trade_at_bid(&exchange).await;
        let leg = order(&exchange, "ann", &placed["legs"][0]).await;
        assert_eq!((&leg["status"], &leg["stop_price"]), (&json!("new"), &json!("150")));
    });
}

/// Sells one to the best bid.
async fn trade_at_bid(exchange: &LocalExchange) {
    let order = json!({"symbol": "AAPL", "side": "sell", "type": "market", "qty": "1",
        "time_in_force": "day"});
    place(exchange, "bob", order).await;
}

#[test]
fn all_orders_are_cancelled_and_positions_closed() {
    run(async {
        let exchange = exchange();
        trade_at(&exchange, "200").await;
        place(&exchange, "ann", shares("buy", "1", "150")).await;
        place(&exchange, "ann", coins("buy", "0.1", "40000")).await;
        let ended = ask(&exchange, "ann", "DELETE", "/v2/orders", Value::Null).await;
        assert_eq!(ended.status, 207);
        let rows = ended.body.as_array().unwrap().clone();
        assert_eq!(rows.iter().map(|row| &row["status"]).collect::<Vec<_>>(), [200, 200]);
        assert_eq!(rows[0]["body"]["status"], "canceled");
        place(&exchange, "bob", shares("buy", "50", "198")).await;
        let path = "/v2/positions/AAPL?percentage=50";
        let half = ask(&exchange, "ann", "DELETE", path, Value::Null).await;
        assert_eq!((half.status, &half.body["qty"]), (200, &json!("50.5")), "{}", half.body);
        place(&exchange, "ann", coins("sell", "1", "60000")).await;
        let all = ask(&exchange, "ann", "DELETE", "/v2/positions", Value::Null).await;
        assert_eq!(all.status, 207);
        let rows: Vec<_> = all
            .body
            .as_array()
            .unwrap()
            .iter()
            .map(|row| (&row["symbol"], &row["status"]))
            .collect();
        assert_eq!(rows, [(&json!("AAPL"), &json!(200)), (&json!("BTCUSD"), &json!(403))]);
        let path = "/v2/positions?cancel_orders=true";
        let all = ask(&exchange, "ann", "DELETE", path, Value::Null).await;
        assert_eq!(all.body[1]["status"], 200, "{}", all.body);
    });
}

#[test]
fn orders_are_found_by_state_side_symbol_and_time() {
    run(async {
        let exchange = exchange();
        let first = place(&exchange, "ann", shares("buy", "1", "150")).await;
        place(&exchange, "ann", coins("buy", "0.1", "40000")).await;
        let last = place(&exchange, "ann", shares("sell", "1", "250")).await;
        ask(&exchange, "ann", "DELETE", &path_of(&last), Value::Null).await;
        let after = first["submitted_at"].as_str().unwrap();
        for (query, expected) in [
            ("", 2),
            ("?status=all", 3),
            ("?status=closed", 1),
            ("?status=all&limit=1", 1),
            ("?status=all&side=sell", 1),
            ("?symbols=AAPL", 1),
            ("?symbols=AAPL,BTC%2FUSD", 2),
            ("?symbols=BTCUSD", 1),
            ("?symbols=MSFT", 0),
            (&format!("?status=all&after={after}"), 2),
            (&format!("?status=all&until={after}"), 0),
        ] {
            let found = read(&exchange, "ann", &format!("/v2/orders{query}")).await;
            assert_eq!(found.as_array().unwrap().len(), expected, "{query} {found}");
        }
        let newest = read(&exchange, "ann", "/v2/orders?status=all").await;
        assert_eq!((&newest[0]["id"], &newest[2]["id"]), (&last["id"], &first["id"]));
    });
}

#[test]
fn an_account_that_suspends_trading_is_taken_at_its_word() {
    run(async {
        let exchange = exchange();
        let path = "/v2/account/configurations";
        let suspend = json!({"suspend_trade": true, "pdt_check": null});
        let set = ask(&exchange, "ann", "PATCH", path, suspend).await;
        assert_eq!((set.status, &set.body["suspend_trade"]), (200, &json!(true)));
        let refused = ask(&exchange, "ann", "POST", "/v2/orders", shares("buy", "1", "150")).await;
        assert_eq!((refused.status, refused.code()), (403, 40_310_000));
        assert_eq!(refused.text(), "new orders are rejected by user request");
        let wrong = ask(&exchange, "ann", "PATCH", path, json!({"trade_confirm_email": "some"}));
        assert_eq!(wrong.await.status, 422);
        let wrong = ask(&exchange, "ann", "PATCH", path, json!({"suspend_trade": "perhaps"})).await;
        assert_eq!(wrong.status, 422);
        assert_eq!(read(&exchange, "ann", path).await, set.body);
        place(&exchange, "bob", shares("buy", "1", "150")).await;
    });
}

#[test]
fn updates_come_in_message_pack_if_asked_for() {
    run(async {
        let exchange = exchange();
        let url = &exchange.urls(VENUE).unwrap()["updates"];
        let header = [("Content-Type", "application/msgpack")];
        let mut line = Line::with_headers(url, &header).await;
        let listen = json!({"action": "listen", "data": {"streams": ["trade_updates"]}});
        for message in [json!({"action": "auth", "key": "ann", "secret": SECRET}), listen] {
            line.say_binary(rmp_serde::to_vec_named(&message).unwrap()).await;
            line.hear_binary().await.unwrap();
        }
        place(&exchange, "ann", shares("buy", "1", "150")).await;
        let update: Value = rmp_serde::from_slice(&line.hear_binary().await.unwrap()).unwrap();
        assert_eq!(update["data"]["event"], "pending_new");
        assert_eq!(update["data"]["order"]["limit_price"], "150");
    });
}

#[test]
fn a_stream_is_for_who_shows_the_secret() {
    run(async {
        let exchange = exchange();
        let mut line = Line::with_headers(&exchange.urls(VENUE).unwrap()["updates"], &[]).await;
        let listen = json!({"action": "listen", "data": {"streams": ["trade_updates"]}});
        let answer = tell(&mut line, listen.clone()).await;
        assert_eq!(answer["data"], json!({"status": "unauthorized", "action": "listen"}));
        let wrong = json!({"action": "auth", "key": "ann", "secret": "x"});
        let answer = tell(&mut line, wrong).await;
        assert_eq!(answer["data"]["message"], "access key verification failed");
        let right = json!({"action": "auth", "key": "ann", "secret": SECRET});
        assert_eq!(tell(&mut line, right).await["data"]["status"], "authorized");
        assert_eq!(tell(&mut line, json!(7)).await["stream"], "error");
        tell(&mut line, listen).await;
        place(&exchange, "bob", shares("buy", "1", "150")).await;
        assert!(line.is_silent().await, "others' orders are not told");
    });
}

/// Coins for dollars, and other coins for those.
fn coins_for_coins() -> LocalExchange {
    let listing = |symbol| Listing::asset(symbol, decimal("0.01"), decimal("0.0001")).unwrap();
    let listings = ["BTC/USD", "ETH/BTC"].map(listing).to_vec();
    let venue = VenueConfig { fee_tiers: Vec::new(), ..VenueConfig::new(VENUE, listings) };
    let exchange = LocalExchange::start(&Config::new(vec![venue])).unwrap();
    for name in ["ann", "bob"] {
        exchange.add_account(name).unwrap();
        exchange.add_key(name, name, &Key::hmac(SECRET)).unwrap();
        for (asset, amount) in [("USD", "100000"), ("ETH", "10")] {
            exchange.deposit(VENUE, name, asset, decimal(amount)).unwrap();
        }
    }
    exchange.deposit(VENUE, "bob", "BTC", decimal("10")).unwrap();
    exchange
}

#[test]
fn coins_that_pay_for_others_are_taken_off_what_is_held() {
    run(async {
        let exchange = coins_for_coins();
        place(&exchange, "bob", coins("sell", "1", "50000")).await;
        place(&exchange, "ann", coins("buy", "1", "50000")).await;
        let ether = |side: &str| with(coins(side, "10", "0.05"), json!({"symbol": "ETH/BTC"}));
        place(&exchange, "bob", ether("sell")).await;
        place(&exchange, "ann", ether("buy")).await;
        let mut line = updates(&exchange, "ann").await;
        place(&exchange, "bob", coins("buy", "0.1", "50000")).await;
        place(&exchange, "ann", coins("sell", "0.1", "50000")).await;
        events(&mut line, 2).await;
        let (filled, name, _) = event(&mut line).await;
        assert_eq!((name.as_str(), &filled["position_qty"]), ("fill", &json!("0.4")));
        let held = async |who: &str, symbol: &str| {
            let held = read(&exchange, who, &format!("/v2/positions/{symbol}")).await;
            ["qty", "avg_entry_price", "unrealized_pl"].map(|key| held[key].clone())
        };
        assert_eq!(held("ann", "BTCUSD").await, ["0.4", "50000", "0"]);
        // Ten that cost nothing, for nobody had named a price, and ten for 0.05.
        assert_eq!(held("ann", "ETHBTC").await, ["20", "0.025", "0.5"]);
        // Nine that cost nothing, a half that came for ether, and a tenth that was bought.
        assert_eq!(held("bob", "BTCUSD").await, ["9.6", "3125", "450000"]);
    });
}
