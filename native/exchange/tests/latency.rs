//! Messages that take their time, as clients of all venues meet them. Only that nothing comes too
//! early is looked at: a busy machine may always be later.

mod common;

use std::time::{Duration, Instant};

use common::{
    FUTURES, Line, VENUE, alpaca, asked, call, exchange, futures, get, limit, run, set, usdm, user,
};
use serde_json::{Value, json};

const TRADE: &str = "/ws/btcusdt@trade";
const PLACE: &str = "order.place";

/// What it says, and that it did not say so before.
async fn not_before<T>(delay_ms: u64, what: impl Future<Output = T>) -> T {
    let began = Instant::now();
    let said = what.await;
    let took = began.elapsed();
    assert!(took >= Duration::from_millis(delay_ms), "it took {took:?}");
    said
}

fn order(id: &str) -> Value {
    json!({
        "symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT", "timeInForce": "GTC",
        "quantity": "0.01", "price": "40000", "newClientOrderId": id,
    })
}

#[test]
fn calls_take_their_way_there_and_back() {
    run(async {
        let exchange = exchange();
        set(&exchange, VENUE, json!({"place": "150ms", "response": "100ms"}));
        let placed = not_before(250, limit(&exchange, "ann", "BUY", "40000", "a")).await;
        assert_eq!(placed.status, 200);
        set(&exchange, VENUE, json!({"feed": "120ms"}));
        assert_eq!(not_before(120, get(&exchange, "/api/v3/ping")).await.status, 200);

        let perpetuals = futures();
        set(&perpetuals, FUTURES, json!("100ms"));
        not_before(200, usdm::limit(&perpetuals, "ann", "BUY", "0.01", "40000")).await;
        let stocks = alpaca::exchange();
        set(&stocks, alpaca::VENUE, json!("100ms"));
        not_before(200, alpaca::place(&stocks, "ann", alpaca::shares("buy", "1", "200"))).await;
    });
}

#[test]
fn an_order_is_not_there_before_it_has_come() {
    run(async {
        let exchange = exchange();
        let mut line = Line::open(&exchange, "/ws-api/v3").await;
        set(&exchange, VENUE, json!({"place": "500ms"}));
        let asked = Instant::now();
        let seen = async {
            loop {
                let depth = get(&exchange, "/api/v3/depth?symbol=BTCUSDT").await.body;
                if depth["bids"] != json!([]) {
                    return asked.elapsed();
                }
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        let (seen, answer) = tokio::join!(seen, line.ask("ann", PLACE, order("a")));
        assert!(seen >= Duration::from_millis(500), "seen after {seen:?}");
        assert_eq!(answer["result"]["status"], "NEW", "{answer}");
    });
}

#[test]
fn the_interface_of_sockets_takes_its_way_there_and_back() {
    run(async {
        let spot = exchange();
        let mut line = Line::open(&spot, "/ws-api/v3").await;
        set(&spot, VENUE, json!({"place": "150ms", "response": "100ms"}));
        let answer = not_before(250, line.ask("ann", PLACE, order("a"))).await;
        assert_eq!(answer["status"], 200, "{answer}");
        let ended = json!({"symbol": "BTCUSDT", "origClientOrderId": "a"});
        let answer = not_before(100, line.ask("ann", "order.cancel", ended)).await;
        assert_eq!(answer["result"]["status"], "CANCELED", "{answer}");

        let perpetuals = futures();
        let mut line = Line::open(&perpetuals, "/ws-fapi/v1").await;
        set(&perpetuals, FUTURES, json!("100ms"));
        let answer = not_before(200, line.ask("ann", PLACE, order("a"))).await;
        assert_eq!(answer["status"], 200, "{answer}");
    });
}

#[test]
fn users_hear_of_their_orders_later() {
    run(async {
        let spot = exchange();
        let mut line = user(&spot).await;
        set(&spot, VENUE, json!({"response": "200ms"}));
        let placed =
            async { tokio::join!(limit(&spot, "ann", "BUY", "40000", "a"), line.event()).1 };
        assert_eq!(not_before(200, placed).await["x"], "NEW");

        let perpetuals = futures();
        let mut line = usdm::user(&perpetuals, "ann").await;
        set(&perpetuals, FUTURES, json!({"response": "200ms"}));
        let order = usdm::limit(&perpetuals, "ann", "BUY", "0.01", "40000");
        let placed = async { tokio::join!(order, usdm::told(&mut line)).1 };
        assert_eq!(not_before(200, placed).await.1, "NEW");

        let stocks = alpaca::exchange();
        let mut line = alpaca::updates(&stocks, "ann").await;
        set(&stocks, alpaca::VENUE, json!({"response": "200ms"}));
        let order = alpaca::place(&stocks, "ann", alpaca::shares("buy", "1", "200"));
        let placed = async { tokio::join!(order, alpaca::event(&mut line)).1 };
        assert_eq!(not_before(200, placed).await.2, "pending_new");
    });
}

#[test]
fn the_market_is_heard_of_later() {
    run(async {
        let spot = exchange();
        let mut line = Line::open(&spot, TRADE).await;
        line.is_heard().await;
        set(&spot, VENUE, json!({"feed": "200ms"}));
        let trade = async { tokio::join!(common::first_trade(&spot), line.hear()).1.unwrap() };
        assert_eq!(not_before(200, trade).await["e"], "trade");

        let perpetuals = futures();
        let mut line = Line::open(&perpetuals, "/market/ws/btcusdt@aggTrade").await;
        line.is_heard().await;
        set(&perpetuals, FUTURES, json!({"feed": "200ms"}));
        let deal = usdm::deal(&perpetuals, "bob", "ann", "0.01", "50000");
        let trade = async { tokio::join!(deal, line.hear()).1.unwrap() };
        assert_eq!(not_before(200, trade).await["e"], "aggTrade");

        let stocks = alpaca::exchange();
        let url = &stocks.urls(alpaca::VENUE).unwrap()["stocks"];
        let mut line = Line::with_headers(url, &alpaca::keys("ann")).await;
        assert_eq!(line.hear().await.unwrap()[0]["msg"], "connected");
        assert_eq!(line.hear().await.unwrap()[0]["msg"], "authenticated");
        line.say(json!({"action": "subscribe", "trades": ["AAPL"]}).to_string()).await;
        assert_eq!(line.hear().await.unwrap()[0]["T"], "subscription");
        set(&stocks, alpaca::VENUE, json!({"feed": "200ms"}));
        let trade = async { tokio::join!(alpaca::first_trade(&stocks), line.hear()).1.unwrap() };
        assert_eq!(not_before(200, trade).await[0]["T"], "t");
    });
}

#[test]
fn messages_keep_their_order_however_long_each_takes() {
    run(async {
        let exchange = exchange();
        let mut market = Line::open(&exchange, "/ws/btcusdt@depth@100ms").await;
        market.is_heard().await;
        let mut user = user(&exchange).await;
        let mut line = Line::open(&exchange, "/ws-api/v3").await;
        let wild = json!({"least": "0ms", "largest": "60ms"});
        set(&exchange, VENUE, json!({"all": wild, "seed": 5}));
        let names: Vec<_> = (0..40).map(|number| format!("n{number}")).collect();
        for name in &names {
            let params = order(name);
            line.say(asked("ann", name, PLACE, params).to_string()).await;
        }
        for name in &names {
            assert_eq!(line.hear().await.unwrap()["id"], json!(name));
        }
        for name in &names {
            assert_eq!(next_report(&mut user).await["c"], json!(name));
        }
        let mut before = 0;
        while before < 40 {
            let event = market.hear().await.unwrap();
            assert_eq!(event["U"], before + 1, "{event}");
            before = event["u"].as_i64().unwrap();
        }
    });
}

async fn next_report(line: &mut Line) -> Value {
    loop {
        let event = line.event().await;
        if event["e"] == "executionReport" {
            return event;
        }
    }
}

#[test]
fn what_was_said_before_the_line_ended_comes_all_the_same() {
    run(async {
        let exchange = exchange();
        let mut line = Line::open(&exchange, "/ws-api/v3").await;
        set(&exchange, VENUE, json!({"place": "300ms"}));
        line.say(asked("ann", "a", PLACE, order("a")).to_string()).await;
        drop(line);
        while get(&exchange, "/api/v3/depth?symbol=BTCUSDT").await.body["bids"] == json!([]) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    });
}

#[test]
fn a_call_arrives_although_nobody_waits_for_its_answer() {
    run(async {
        let exchange = exchange();
        set(&exchange, VENUE, json!({"place": "300ms"}));
        let order = limit(&exchange, "ann", "BUY", "40000", "a");
        assert!(tokio::time::timeout(Duration::from_millis(100), order).await.is_err());
        while get(&exchange, "/api/v3/depth?symbol=BTCUSDT").await.body["bids"] == json!([]) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    });
}

#[test]
fn one_connection_does_not_wait_for_another() {
    run(async {
        let exchange = exchange();
        set(&exchange, VENUE, json!({"place": "10m"}));
        let mut line = Line::open(&exchange, "/ws-api/v3").await;
        line.say(asked("ann", "slow", PLACE, order("slow")).to_string()).await;
        let order = limit(&exchange, "ann", "BUY", "40000", "slow-too");
        let others = async {
            assert_eq!(get(&exchange, "/api/v3/ping").await.status, 200);
            let mut other = Line::open(&exchange, "/ws-api/v3").await;
            let open = other.ask("ann", "openOrders.status", json!({})).await;
            assert_eq!(open["result"], json!([]));
        };
        tokio::select! {
            _ = order => panic!("ten minutes have not passed"),
            () = others => {}
        }
    });
}

#[test]
fn it_is_changed_while_the_exchange_runs() {
    run(async {
        let exchange = exchange();
        let path = "/_exchange/latency";
        assert_eq!(get(&exchange, path).await.body, Value::Null);
        let post = |body: &'static str| call(&exchange, "POST", path, None, body.into());
        assert_eq!(post(r#"{"feed": "200ms", "seed": 4}"#).await.status, 200);
        let shown = get(&exchange, path).await.body;
        assert_eq!((&shown["feed"], &shown["place"]), (&json!("200ms"), &json!("0s")));
        assert_eq!(get(&exchange, "/_exchange/status").await.body["latency"], shown);
        not_before(200, get(&exchange, "/api/v3/ping")).await;

        let wrong = post(r#"{"fed": "1ms"}"#).await;
        let expected = "latency.fed: unknown key; did you mean feed?";
        assert_eq!((wrong.status, &wrong.body["error"]), (400, &json!(expected)));
        assert_eq!(get(&exchange, path).await.body, shown);

        // What is on its way keeps its time, and what comes after it does not overtake it.
        let mut line = Line::open(&exchange, TRADE).await;
        let asked = Instant::now();
        line.is_heard().await;
        assert!(asked.elapsed() >= Duration::from_millis(400));
        common::first_trade(&exchange).await;
        assert_eq!(post("null").await.status, 200);
        assert_eq!(get(&exchange, path).await.body, Value::Null);
        limit(&exchange, "bob", "SELL", "50000", "more").await;
        limit(&exchange, "ann", "BUY", "50000", "again").await;
        let first = line.hear().await.unwrap()["t"].as_i64().unwrap();
        assert_eq!(line.hear().await.unwrap()["t"], first + 1);
    });
}
