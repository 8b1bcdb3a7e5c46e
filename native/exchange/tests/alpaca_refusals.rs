//! What the local Alpaca refuses: its codes and texts, and that nothing changes.
#![allow(clippy::unwrap_used, reason = "a test may fail")]

mod common;

use common::alpaca::{VENUE, ask, coins, exchange, first_trade, keys, place, read, shares, with};
use common::{SECRET, http, run};
use rustonite_exchange::LocalExchange;
use serde_json::{Value, json};

/// An order, and the status, the code and the begin of the text with which it is refused.
type Case<'a> = (Value, u16, i64, &'a str);

/// Books, balances and orders: what a refusal must not change.
async fn state(exchange: &LocalExchange) -> [Value; 4] {
    let mut books =
        read(exchange, "ann", "/v1beta3/crypto/us/latest/orderbooks?symbols=BTC/USD").await;
    books["orderbooks"]["BTC/USD"]["t"] = Value::Null;
    [
        books,
        read(exchange, "ann", "/v2/account").await,
        read(exchange, "ann", "/v2/orders?status=all").await,
        serde_json::from_str::<Value>(&exchange.status(VENUE).unwrap()).unwrap()["instruments"]
            .take(),
    ]
}

/// Places orders beside one of the account's own, after a trade at 200.
async fn all_are_refused(cases: &[Case<'_>]) {
    let exchange = exchange();
    first_trade(&exchange).await;
    let mine = with(coins("buy", "0.1", "45000"), json!({"client_order_id": "taken"}));
    place(&exchange, "ann", mine).await;
    let before = state(&exchange).await;
    for (asked, status, code, text) in cases {
        let answer = ask(&exchange, "ann", "POST", "/v2/orders", asked.clone()).await;
        assert_eq!((answer.status, answer.code()), (*status, *code), "{asked} {}", answer.body);
        assert!(answer.text().starts_with(text), "{asked} {}", answer.body);
    }
    assert_eq!(state(&exchange).await, before);
}

fn stock(changes: Value) -> Value {
    with(shares("buy", "1", "150"), changes)
}

fn coin(changes: Value) -> Value {
    with(coins("buy", "0.1", "40000"), changes)
}

/// An order for an amount of dollars.
fn worth(notional: &str) -> Value {
    coin(json!({"type": "market", "limit_price": null, "qty": null, "notional": notional}))
}

#[test]
fn fields_that_are_missing_or_make_no_sense() {
    let long = "x".repeat(129);
    run(all_are_refused(&[
        (stock(json!({"symbol": null})), 422, 40_010_001, "symbol is required"),
        (stock(json!({"side": "up"})), 422, 40_010_001, "side must be buy or sell"),
        (stock(json!({"type": "best"})), 422, 40_010_001, "invalid order type"),
        (stock(json!({"time_in_force": "later"})), 422, 40_010_001, "invalid time_in_force"),
        (stock(json!({"qty": null})), 422, 40_010_001, "qty or notional is required"),
        (stock(json!({"qty": "0"})), 422, 40_010_001, "qty must be > 0"),
        (stock(json!({"qty": "many"})), 422, 40_010_001, "qty is not a number"),
        (stock(json!({"qty": [1]})), 400, 40_010_000, "request body format is invalid"),
        (stock(json!({"notional": "10"})), 422, 40_010_001, "only one of qty or notional"),
        (stock(json!({"limit_price": null})), 422, 40_010_001, "limit orders require"),
        (stock(json!({"stop_price": "9"})), 422, 40_010_001, "limit orders require"),
        (stock(json!({"type": "market"})), 422, 40_010_001, "market orders require"),
        (
            stock(json!({"client_order_id": "taken"})),
            422,
            40_010_001,
            "client_order_id must be unique",
        ),
        (
            stock(json!({"client_order_id": long})),
            422,
            40_010_001,
            "client_order_id must be no more than 128",
        ),
        (
            stock(json!({"type": "stop", "limit_price": null})),
            422,
            40_010_001,
            "stop orders require",
        ),
        (
            stock(json!({"type": "trailing_stop", "limit_price": null})),
            422,
            40_010_001,
            "trailing stop orders must specify",
        ),
    ]));
}

#[test]
fn prices_quantities_and_money_that_do_not_fit() {
    run(all_are_refused(&[
        (stock(json!({"symbol": "ZZZZ"})), 422, 42_210_000, "asset \"ZZZZ\" not found"),
        (stock(json!({"time_in_force": "opg"})), 422, 42_210_000, "orders for the auctions"),
        (stock(json!({"time_in_force": "cls"})), 422, 42_210_000, "orders for the auctions"),
        (stock(json!({"qty": "1.0000000001"})), 422, 42_210_000, "qty must be limited"),
        (stock(json!({"qty": "1.0001"})), 422, 42_210_000, "invalid qty 1.0001"),
        (
            stock(json!({"limit_price": "150.001"})),
            422,
            42_210_000,
            "invalid limit_price 150.001. sub-penny",
        ),
        (stock(json!({"limit_price": "9000000"})), 422, 42_210_000, "limit_price must be between"),
        (
            stock(json!({"extended_hours": true, "time_in_force": "gtc"})),
            422,
            42_210_000,
            "extended hours order must be DAY limit orders",
        ),
        (
            stock(json!({"qty": "1.5", "time_in_force": "gtc"})),
            422,
            42_210_000,
            "fractional orders must be DAY orders",
        ),
        (stock(json!({"qty": "900"})), 403, 40_310_000, "insufficient buying power"),
        (
            stock(json!({"side": "sell", "qty": "150", "limit_price": "250"})),
            403,
            40_310_000,
            "insufficient qty available for order (requested: 150, available: 101)",
        ),
        (
            stock(json!({"type": "stop", "limit_price": null, "stop_price": "190"})),
            422,
            42_210_000,
            "stop price must be greater than current price",
        ),
        (
            stock(
                json!({"type": "stop", "limit_price": null, "stop_price": "290", "time_in_force": "ioc"}),
            ),
            422,
            42_210_000,
            "stop orders must be DAY or GTC",
        ),
        (
            stock(json!({"type": "trailing_stop", "limit_price": null, "trail_percent": 120})),
            422,
            42_210_000,
            "trail_percent must be less than 100",
        ),
    ]));
}

#[test]
fn orders_for_coins_that_only_stocks_have_or_that_are_too_small() {
    run(all_are_refused(&[
        (
            coin(json!({"type": "stop", "limit_price": null, "stop_price": "90000"})),
            422,
            40_010_001,
            "invalid order type for crypto order",
        ),
        (coin(json!({"time_in_force": "day"})), 422, 42_210_000, "invalid crypto time_in_force"),
        (coin(json!({"time_in_force": "fok"})), 422, 42_210_000, "invalid crypto time_in_force"),
        (
            coin(json!({"qty": "0.0001"})),
            403,
            40_310_000,
            "cost basis must be >= minimal amount of order 10",
        ),
        (
            coin(json!({"side": "sell", "qty": "11", "limit_price": "60000"})),
            403,
            40_310_000,
            "insufficient balance for BTC (requested: 11, available: 10)",
        ),
        (
            coin(json!({"side": "sell", "qty": "1", "limit_price": "45000"})),
            403,
            40_310_000,
            "potential wash trade detected",
        ),
        (worth("10.001"), 422, 42_210_000, "notional value must be limited to 2 decimal places"),
        (worth("0.5"), 403, 40_310_000, "notional amount must be >= 1.00"),
        (
            coin(
                json!({"order_class": "bracket", "take_profit": {"limit_price": 50000}, "stop_loss": {"stop_price": 30000}}),
            ),
            422,
            40_010_001,
            "crypto orders not allowed for advanced order_class",
        ),
    ]));
}

#[test]
fn lists_whose_orders_do_not_fit_together() {
    run(all_are_refused(&[
        (stock(json!({"order_class": "mleg"})), 422, 40_010_001, "invalid order_class"),
        (
            stock(json!({"order_class": "bracket"})),
            422,
            40_010_001,
            "bracket orders require take_profit",
        ),
        (stock(json!({"order_class": "oto"})), 422, 40_010_001, "oto orders require either"),
        (
            stock(json!({"order_class": "oco", "take_profit": {"limit_price": 250}})),
            422,
            40_010_001,
            "oco orders require stop_loss",
        ),
        (
            stock(
                json!({"order_class": "bracket", "take_profit": {"limit_price": 150}, "stop_loss": {"stop_price": 140}}),
            ),
            422,
            42_210_000,
            "take_profit.limit_price must be >= base_price + 0.01",
        ),
        (
            stock(
                json!({"order_class": "bracket", "take_profit": {"limit_price": 160}, "stop_loss": {"stop_price": 150}}),
            ),
            422,
            42_210_000,
            "stop_loss.stop_price must be <= base_price - 0.01",
        ),
    ]));
}

#[test]
fn what_is_not_there_is_said_so() {
    run(async {
        let exchange = exchange();
        let none = "0d000000-0000-8000-8000-0000000000ff";
        for (method, path, status, code) in [
            ("GET", format!("/v2/orders/{none}"), 404, 40_410_000),
            ("DELETE", format!("/v2/orders/{none}"), 404, 40_410_000),
            ("GET", "/v2/orders/7".to_owned(), 422, 40_010_001),
            ("GET", "/v2/orders:by_client_order_id?client_order_id=x".to_owned(), 404, 40_410_000),
            ("GET", "/v2/positions/MSFT".to_owned(), 404, 40_410_000),
            ("DELETE", "/v2/positions/MSFT".to_owned(), 404, 40_410_000),
            ("GET", "/v2/assets/ZZZZQX".to_owned(), 404, 40_410_000),
            ("GET", "/v2/orders?status=lost".to_owned(), 422, 40_010_001),
            ("GET", "/v2/orders?limit=501".to_owned(), 422, 40_010_001),
            ("GET", "/v2/orders?after=yesterday".to_owned(), 400, 0),
            ("GET", "/v2/nothing".to_owned(), 404, 0),
            ("GET", "/v1beta3/crypto/us/bars?symbols=BTCUSD&timeframe=1Min".to_owned(), 400, 0),
            ("GET", "/v1beta3/crypto/us/bars?symbols=BTC/USD&timeframe=1Eon".to_owned(), 400, 0),
        ] {
            let answer = ask(&exchange, "ann", method, &path, Value::Null).await;
            assert_eq!((answer.status, answer.code()), (status, code), "{path} {}", answer.body);
        }
        let address = exchange.address(VENUE).unwrap();
        let garbage = http(address, "POST", "/v2/orders", &keys("ann"), b"{no".to_vec()).await;
        assert_eq!((garbage.status, garbage.code()), (400, 40_010_000));
        let large = vec![b'a'; (1 << 20) + 1];
        assert_eq!(http(address, "POST", "/v2/orders", &keys("ann"), large).await.status, 413);
    });
}

#[test]
fn who_shows_no_secret_is_refused() {
    run(async {
        let exchange = exchange();
        let address = exchange.address(VENUE).unwrap();
        for (headers, status, text) in [
            (vec![], 403, "forbidden."),
            (vec![("APCA-API-KEY-ID", "ann")], 403, "forbidden."),
            (
                vec![("APCA-API-KEY-ID", "ann"), ("APCA-API-SECRET-KEY", "wrong")],
                401,
                "unauthorized.",
            ),
            (
                vec![("APCA-API-KEY-ID", "eve"), ("APCA-API-SECRET-KEY", SECRET)],
                401,
                "unauthorized.",
            ),
        ] {
            for path in ["/v2/account", "/v2/stocks/bars?symbols=AAPL&timeframe=1Min"] {
                let answer = http(address, "GET", path, &headers, Vec::new()).await;
                assert_eq!((answer.status, answer.text()), (status, text), "{path}");
            }
        }
        // Data of crypto is for anybody.
        let path = "/v1beta3/crypto/us/latest/quotes?symbols=BTC/USD";
        assert_eq!(http(address, "GET", path, &[], Vec::new()).await.status, 200);
    });
}
