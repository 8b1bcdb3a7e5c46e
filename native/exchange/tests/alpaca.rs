//! Alpaca as a plain client sees it: accounts, orders and positions.
#![allow(clippy::unwrap_used, reason = "a test may fail")]

mod common;

use common::alpaca::{
    VENUE, ask, coins, exchange, exchange_with, order, path_of, place, read, shares, with,
};
use common::run;
use jiff::Timestamp;
use rustonite_exchange::Allowance;
use rustonite_sim::{Command, Fees};
use serde_json::{Value, json};
use std::time::Duration;
use tokio::time::sleep;

#[test]
fn an_order_rests_is_seen_and_is_cancelled() {
    run(async {
        let exchange = exchange();
        let asked = with(coins("buy", "0.5", "40000.01"), json!({"client_order_id": "mine"}));
        let placed = place(&exchange, "ann", asked).await;
        assert_eq!(
            (&placed["status"], &placed["filled_qty"]),
            (&json!("pending_new"), &json!("0"))
        );
        assert_eq!((&placed["limit_price"], &placed["qty"]), (&json!("40000.01"), &json!("0.5")));
        let path = "/v2/orders:by_client_order_id?client_order_id=mine";
        let seen = read(&exchange, "ann", path).await;
        assert_eq!((&seen["id"], &seen["status"]), (&placed["id"], &json!("new")));
        let account = read(&exchange, "ann", "/v2/account").await;
        assert_eq!(
            (&account["cash"], &account["buying_power"]),
            (&json!("100000"), &json!("79999.995"))
        );
        let path = "/v1beta3/crypto/us/latest/orderbooks?symbols=BTC%2FUSD";
        let book = read(&exchange, "ann", path).await["orderbooks"]["BTC/USD"].take();
        assert_eq!(book["b"], json!([{"p": 40000.01, "s": 0.5}]));
        let ended = ask(&exchange, "ann", "DELETE", &path_of(&placed), Value::Null).await;
        assert_eq!((ended.status, ended.body), (204, Value::Null));
        let seen = order(&exchange, "ann", &placed).await;
        assert_eq!((&seen["status"], seen["canceled_at"].is_string()), (&json!("canceled"), true));
        let again = ask(&exchange, "ann", "DELETE", &path_of(&placed), Value::Null).await;
        assert_eq!((again.status, again.code()), (422, 42_210_000));
        assert_eq!(again.text(), "order is already in \"canceled\" state");
        let (free, locked) = exchange.balance(VENUE, "ann", "USD").unwrap();
        assert_eq!((free.to_string(), locked.to_string()), ("100000".to_owned(), "0".to_owned()));
    });
}

#[test]
fn an_account_is_as_old_as_the_venue_also_in_its_first_moment() {
    // The venue may look at its clock before its first beat or after it.
    for _ in 0..20 {
        run(async {
            let before = Timestamp::now();
            let exchange = exchange();
            let first = read(&exchange, "ann", "/v2/account").await;
            let created: Timestamp = first["created_at"].as_str().unwrap().parse().unwrap();
            assert!(created >= before, "{created} {before}");
            sleep(Duration::from_millis(30)).await;
            assert_eq!(read(&exchange, "ann", "/v2/account").await, first);
        });
    }
}

#[test]
fn fills_make_positions_and_activities() {
    run(async {
        let exchange = exchange();
        let account = exchange.account(VENUE, "ann").unwrap();
        let fees = Fees { maker_ppm: 1_500, taker_ppm: 2_500 };
        exchange.apply(VENUE, &Command::SetFees { account, fees, fee_asset: None }).unwrap();
        for price in ["200", "201"] {
            place(&exchange, "bob", shares("sell", "5", price)).await;
            place(&exchange, "bob", coins("sell", "0.1", &format!("50{price}"))).await;
        }
        let market = json!({"symbol": "AAPL", "side": "buy", "type": "market", "qty": 8,
            "time_in_force": "day"});
        let bought = place(&exchange, "ann", market).await;
        assert_eq!(
            (&bought["status"], &bought["filled_avg_price"]),
            (&json!("pending_new"), &json!(null))
        );
        let bought = order(&exchange, "ann", &bought).await;
        assert_eq!(
            (&bought["status"], &bought["filled_avg_price"]),
            (&json!("filled"), &json!("200.375"))
        );
        assert!(bought["filled_at"].is_string() && bought["canceled_at"].is_null());
        let fills = read(&exchange, "ann", "/v2/account/activities/FILL?direction=asc").await;
        let seen: Vec<_> = fills
            .as_array()
            .unwrap()
            .iter()
            .map(|one| {
                ["qty", "cum_qty", "leaves_qty", "type"].map(|name| one[name].as_str().unwrap())
            })
            .collect();
        assert_eq!(seen, [["5", "5", "3", "partial_fill"], ["3", "8", "0", "fill"]]);
        let first = fills[0]["id"].as_str().unwrap();
        let path =
            format!("/v2/account/activities?activity_types=FILL&direction=asc&page_token={first}");
        assert_eq!(read(&exchange, "ann", &path).await[0], fills[1]);
        // Stocks are free; a coin's fee is taken from what is received.
        place(&exchange, "ann", coins("buy", "0.1", "50200")).await;
        let held = read(&exchange, "ann", "/v2/positions").await;
        let of =
            |name: &str| held.as_array().unwrap().iter().find(|one| one["symbol"] == name).unwrap();
        assert_eq!(
            (&of("AAPL")["qty"], &of("AAPL")["current_price"]),
            (&json!("108"), &json!("201"))
        );
        assert_eq!(of("BTCUSD")["qty"], "10.09975");
        let one = read(&exchange, "ann", "/v2/positions/BTC%2FUSD").await;
        assert_eq!(one["qty_available"], "10.09975");
        let account = read(&exchange, "ann", "/v2/account").await;
        assert_eq!(account["cash"], "93377");
    });
}

#[test]
fn calls_of_an_account_are_counted() {
    run(async {
        let exchange = exchange_with(Allowance { weight_1m: 3, ..Allowance::default() });
        let mut left = Vec::new();
        for _ in 0..3 {
            let answer = ask(&exchange, "ann", "GET", "/v2/clock", Value::Null).await;
            assert_eq!((answer.status, answer.headers["x-ratelimit-limit"].as_str()), (200, "3"));
            left.push(answer.headers["x-ratelimit-remaining"].clone());
        }
        let answer = ask(&exchange, "ann", "GET", "/v2/clock", Value::Null).await;
        // A minute may have ended in between.
        if answer.status != 200 {
            assert_eq!(left, ["2", "1", "0"]);
            assert_eq!((answer.status, answer.code()), (429, 42_910_000));
            assert_eq!(answer.headers["x-ratelimit-remaining"], "0");
        }
        assert_eq!(ask(&exchange, "bob", "GET", "/v2/clock", Value::Null).await.status, 200);
    });
}

#[test]
fn letters_of_trades_and_quotes_have_a_meaning() {
    run(async {
        let exchange = exchange();
        for (kind, letter) in [("trade", "@"), ("quote", "R")] {
            let path = format!("/v2/stocks/meta/conditions/{kind}?tape=C");
            assert!(read(&exchange, "ann", &path).await[letter].is_string());
        }
        let path = "/v2/stocks/meta/conditions/bar";
        assert_eq!(ask(&exchange, "ann", "GET", path, Value::Null).await.status, 400);
    });
}
