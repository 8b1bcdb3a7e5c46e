//! Market data of the local Alpaca: its streams in both forms, and what can be asked for.
#![allow(clippy::unwrap_used, reason = "a test may fail")]

mod common;

use common::alpaca::{
    BTC, VENUE, ask, coins, connected, exchange, first_trade, keys, log_on, path_of, place, read,
    say, shares, subscribed,
};
use common::{Line, SECRET, run};
use rmpv::Value as Packed;
use rustonite_exchange::{LocalExchange, Planned};
use rustonite_sim::Command;
use serde_json::{Value, json};

fn error(code: i64, text: &str) -> Value {
    json!([{"T": "error", "code": code, "msg": text}])
}

fn fault(exchange: &LocalExchange, json: &str) {
    let planned: Planned = serde_json::from_str(json).unwrap();
    exchange.fault(VENUE, planned).unwrap();
}

#[test]
fn errors_have_the_venues_codes() {
    run(async {
        let exchange = exchange();
        let mut line = connected(&exchange, "stocks").await;
        let subscribe = |names: Value| json!({"action": "subscribe", "trades": names});
        let answer = say(&mut line, subscribe(json!(["AAPL"]))).await;
        assert_eq!(answer, error(401, "not authenticated"));
        let wrong = json!({"action": "auth", "key": "ann", "secret": "x"});
        assert_eq!(say(&mut line, wrong).await, error(402, "auth failed"));
        assert_eq!(say(&mut line, json!(1)).await, error(400, "invalid syntax"));
        assert_eq!(log_on(&mut line, "ann").await[0]["msg"], "authenticated");
        assert_eq!(log_on(&mut line, "ann").await, error(403, "already authenticated"));
        assert_eq!(say(&mut line, json!({"action": "dance"})).await, error(400, "invalid syntax"));
        let books = json!({"action": "subscribe", "orderbooks": ["BTC/USD"]});
        let text = "invalid subscribe action for this feed";
        assert_eq!(say(&mut line, books).await, error(410, text));
        let many: Vec<_> = (0..31).map(|number| format!("S{number}")).collect();
        let answer = say(&mut line, subscribe(json!(many))).await;
        assert_eq!(answer, error(405, "symbol limit exceeded"));
        let answer = say(&mut line, subscribe(json!(many[1..]))).await;
        assert_eq!(answer[0]["trades"].as_array().unwrap().len(), 30);
    });
}

#[test]
fn each_account_has_one_connection_to_a_feed() {
    run(async {
        let exchange = exchange();
        let mut first = connected(&exchange, "crypto").await;
        log_on(&mut first, "ann").await;
        let mut second = connected(&exchange, "crypto").await;
        let refused = error(406, "connection limit exceeded");
        assert_eq!(log_on(&mut second, "ann").await, refused);
        assert_eq!(second.hear().await, None, "it is closed");
        let mut other = connected(&exchange, "crypto").await;
        assert_eq!(log_on(&mut other, "bob").await[0]["msg"], "authenticated");
        let mut stocks = connected(&exchange, "stocks").await;
        assert_eq!(log_on(&mut stocks, "ann").await[0]["msg"], "authenticated");
        drop(first);
        // The venue notices when it next looks at the line.
        for _ in 0..50 {
            let mut third = connected(&exchange, "crypto").await;
            if log_on(&mut third, "ann").await[0]["msg"] == "authenticated" {
                return;
            }
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
        panic!("the first connection still counts");
    });
}

#[test]
fn headers_log_on_as_well() {
    run(async {
        let exchange = exchange();
        let url = &exchange.urls(VENUE).unwrap()["stocks"];
        let mut line = Line::with_headers(url, &keys("ann")).await;
        assert_eq!(line.hear().await.unwrap()[0]["msg"], "connected");
        assert_eq!(line.hear().await.unwrap()[0]["msg"], "authenticated");
    });
}

#[test]
fn a_book_is_told_whole_and_then_by_its_changes() {
    run(async {
        let exchange = exchange();
        let resting = place(&exchange, "ann", coins("buy", "0.5", "40000")).await;
        let wanted = json!({"orderbooks": [BTC], "quotes": ["*"], "trades": [BTC]});
        let mut line = subscribed(&exchange, "crypto", wanted).await;
        let whole = line.hear().await.unwrap();
        assert_eq!(
            [&whole[0]["T"], &whole[0]["S"], &whole[0]["r"]],
            [&json!("o"), &json!(BTC), &json!(true)]
        );
        assert_eq!(
            (&whole[0]["b"], &whole[0]["a"]),
            (&json!([{"p": 40000, "s": 0.5}]), &json!([]))
        );
        place(&exchange, "bob", coins("sell", "0.2", "40000")).await;
        let trade = line.hear().await.unwrap();
        assert_eq!(
            [&trade[0]["T"], &trade[0]["p"], &trade[0]["s"], &trade[0]["tks"], &trade[0]["i"]],
            [&json!("t"), &json!(40000), &json!(0.2), &json!("S"), &json!(1)],
        );
        let change = line.hear().await.unwrap();
        assert_eq!(
            (&change[0]["b"], &change[0]["r"]),
            (&json!([{"p": 40000, "s": 0.3}]), &Value::Null)
        );
        let quote = line.hear().await.unwrap();
        assert_eq!(
            [&quote[0]["T"], &quote[0]["bp"], &quote[0]["bs"], &quote[0]["ap"]],
            [&json!("q"), &json!(40000), &json!(0.3), &json!(0)],
        );
        ask(&exchange, "ann", "DELETE", &path_of(&resting), Value::Null).await;
        let gone = line.hear().await.unwrap();
        assert_eq!(gone[0]["b"], json!([{"p": 40000, "s": 0}]));
    });
}

#[test]
fn who_leaves_hears_no_more() {
    run(async {
        let exchange = exchange();
        let wanted = json!({"trades": ["AAPL"], "quotes": ["AAPL"], "bars": ["*"]});
        let mut line = subscribed(&exchange, "stocks", wanted).await;
        let left = say(&mut line, json!({"action": "unsubscribe", "quotes": ["AAPL"]})).await;
        assert_eq!(
            left,
            json!([{"T": "subscription", "trades": ["AAPL"], "quotes": [], "bars": ["*"],
                "updatedBars": [], "dailyBars": [], "statuses": []}])
        );
        first_trade(&exchange).await;
        let trade = line.hear().await.unwrap();
        assert_eq!(
            [&trade[0]["T"], &trade[0]["x"], &trade[0]["c"], &trade[0]["z"]],
            [&json!("t"), &json!("V"), &json!(["@"]), &json!("C")],
        );
        assert!(line.is_silent().await);
    });
}

#[test]
fn everything_is_what_the_feed_has() {
    run(async {
        let exchange = exchange();
        let mut line = subscribed(&exchange, "stocks", json!({"trades": ["*"]})).await;
        place(&exchange, "ann", coins("buy", "0.1", "40000")).await;
        place(&exchange, "bob", coins("sell", "0.1", "40000")).await;
        first_trade(&exchange).await;
        assert_eq!(line.hear().await.unwrap()[0]["S"], "AAPL");
    });
}

fn of<'a>(map: &'a Packed, name: &str) -> &'a Packed {
    let fields = map.as_map().unwrap();
    &fields.iter().find(|(known, _)| known.as_str() == Some(name)).unwrap().1
}

/// The first message of the next frame.
async fn packed(line: &mut Line) -> Packed {
    let bytes = line.hear_binary().await.unwrap();
    let frame = rmpv::decode::read_value(&mut bytes.as_slice()).unwrap();
    frame.as_array().unwrap()[0].clone()
}

async fn say_packed(line: &mut Line, message: Value) -> Packed {
    line.say_binary(rmp_serde::to_vec_named(&message).unwrap()).await;
    packed(line).await
}

#[test]
fn a_client_that_asks_for_message_pack_gets_it() {
    run(async {
        let exchange = exchange();
        let url = &exchange.urls(VENUE).unwrap()["crypto"];
        let header = [("Content-Type", "application/msgpack")];
        let mut line = Line::with_headers(url, &header).await;
        assert_eq!(of(&packed(&mut line).await, "msg").as_str(), Some("connected"));
        let auth = json!({"action": "auth", "key": "ann", "secret": SECRET});
        assert_eq!(of(&say_packed(&mut line, auth).await, "msg").as_str(), Some("authenticated"));
        let subscribe = json!({"action": "subscribe", "trades": [BTC]});
        let answer = say_packed(&mut line, subscribe).await;
        assert_eq!(of(&answer, "trades").as_array().unwrap()[0].as_str(), Some(BTC));
        place(&exchange, "ann", coins("buy", "0.5", "40000.5")).await;
        place(&exchange, "bob", coins("sell", "0.2", "40000.5")).await;
        let trade = packed(&mut line).await;
        assert_eq!((of(&trade, "p").as_f64(), of(&trade, "i").as_i64()), (Some(40000.5), Some(1)));
        let (kind, time) = of(&trade, "t").as_ext().unwrap();
        assert_eq!((kind, time.len()), (-1, 12));
        let seconds = i64::from_be_bytes(time[4..].try_into().unwrap());
        assert!((seconds * 1_000 - common::now_ms()).abs() < 10_000);
        line.say_binary(b"\xc1".to_vec()).await;
        assert_eq!(of(&packed(&mut line).await, "code").as_i64(), Some(400));
    });
}

#[test]
fn history_is_read_page_by_page() {
    run(async {
        let exchange = exchange();
        for price in ["40000", "40010", "40005"] {
            place(&exchange, "ann", coins("buy", "0.1", price)).await;
            place(&exchange, "bob", coins("sell", "0.1", price)).await;
        }
        first_trade(&exchange).await;
        let base = "/v1beta3/crypto/us";
        let mut token = String::new();
        let mut prices = Vec::new();
        loop {
            let path = format!("{base}/trades?symbols=BTC%2FUSD&limit=2&page_token={token}");
            let page = read(&exchange, "ann", &path).await;
            let rows = page["trades"][BTC].as_array().unwrap().clone();
            prices.extend(rows.iter().map(|row| row["p"].as_i64().unwrap()));
            let Some(next) = page["next_page_token"].as_str() else { break };
            token = next.replace('=', "%3D");
        }
        assert_eq!(prices, [40000, 40010, 40005]);
        let path = format!("{base}/bars?symbols=BTC/USD&timeframe=1Day");
        let bars = read(&exchange, "ann", &path).await["bars"][BTC].take();
        let sum = |name: &str| -> f64 {
            bars.as_array().unwrap().iter().map(|bar| bar[name].as_f64().unwrap()).sum()
        };
        // Midnight may have come between two trades.
        assert_eq!((sum("n"), (sum("v") * 10.0).round()), (3.0, 3.0));
        for (path, key) in [
            ("/v2/stocks/bars/latest?symbols=AAPL", "bars"),
            ("/v2/stocks/trades/latest?symbols=AAPL", "trades"),
            ("/v2/stocks/quotes/latest?symbols=AAPL", "quotes"),
            ("/v2/stocks/bars?symbols=AAPL&timeframe=5Min", "bars"),
            ("/v2/stocks/quotes?symbols=AAPL&sort=desc", "quotes"),
        ] {
            let found = read(&exchange, "ann", path).await;
            assert!(!found[key]["AAPL"].is_null(), "{path} {found}");
        }
        let snapshot = read(&exchange, "ann", "/v2/stocks/snapshots?symbols=AAPL").await;
        assert_eq!(snapshot["AAPL"]["latestTrade"]["p"], json!(200));
        let path = format!("{base}/snapshots?symbols=BTC/USD,ETH/USD");
        let snapshots = read(&exchange, "ann", &path).await["snapshots"].take();
        assert_eq!(snapshots[BTC]["latestTrade"]["p"], json!(40005));
        assert_eq!(snapshots.as_object().unwrap().len(), 1);
        let path = format!("{base}/trades?symbols=BTC/USD&start=2030-01-01");
        let later = read(&exchange, "ann", &path).await;
        assert_eq!(later, json!({"trades": {}, "next_page_token": null}));
    });
}

#[test]
fn data_of_one_stock_is_found_at_its_own_path() {
    run(async {
        let exchange = exchange();
        first_trade(&exchange).await;
        for rest in ["trades", "quotes", "bars?timeframe=1Day"] {
            let one = read(&exchange, "ann", &format!("/v2/stocks/AAPL/{rest}")).await;
            let kind = rest.split('?').next().unwrap();
            let (mark, rest) = if rest.contains('?') { ("&", rest) } else { ("?", rest) };
            let path = format!("/v2/stocks/{rest}{mark}symbols=AAPL");
            let several = read(&exchange, "ann", &path).await;
            assert_eq!((&one["symbol"], &one[kind]), (&json!("AAPL"), &several[kind]["AAPL"]));
            assert!(!one[kind].as_array().unwrap().is_empty(), "{one}");
        }
        let last = read(&exchange, "ann", "/v2/stocks/AAPL/trades/latest").await;
        assert_eq!((&last["symbol"], &last["trade"]["p"]), (&json!("AAPL"), &json!(200)));
        let snapshot = read(&exchange, "ann", "/v2/stocks/AAPL/snapshot").await;
        assert_eq!(snapshot["latestTrade"], last["trade"]);
        for path in ["/v2/stocks/AAPL", "/v2/stocks/AAPL/nothing"] {
            assert_eq!(ask(&exchange, "ann", "GET", path, Value::Null).await.status, 404, "{path}");
        }
    });
}

#[test]
fn the_venue_tells_its_assets_clock_and_calendar() {
    run(async {
        let exchange = exchange();
        let coins = read(&exchange, "ann", "/v2/assets?asset_class=crypto&status=active").await;
        assert_eq!((coins.as_array().unwrap().len(), &coins[0]["symbol"]), (1, &json!(BTC)));
        assert_eq!(coins[0]["min_trade_increment"], "0.0001");
        let id = coins[0]["id"].as_str().unwrap();
        for name in [id, "BTC/USD", "BTC%2FUSD", "BTCUSD"] {
            let one = read(&exchange, "ann", &format!("/v2/assets/{name}")).await;
            assert_eq!(one, coins[0], "{name}");
        }
        let clock = read(&exchange, "ann", "/v2/clock").await;
        assert!(clock["next_close"].as_str() < clock["next_open"].as_str(), "{clock}");
        let path = "/v2/calendar?start=2026-07-03&end=2026-07-07";
        let days = read(&exchange, "ann", path).await;
        let dates: Vec<_> = days.as_array().unwrap().iter().map(|day| &day["date"]).collect();
        assert_eq!(dates, ["2026-07-03", "2026-07-06", "2026-07-07"]);
        let past = read(&exchange, "ann", "/v2/account/portfolio/history").await;
        assert_eq!(
            past["timestamp"].as_array().unwrap().len(),
            past["equity"].as_array().unwrap().len()
        );
        assert_eq!(past["base_value"], json!(100_000.0));
    });
}

#[test]
fn a_halt_is_told_and_orders_are_refused() {
    run(async {
        let exchange = exchange();
        let mut line = subscribed(&exchange, "stocks", json!({"statuses": ["AAPL"]})).await;
        exchange.apply(VENUE, &Command::Halt { instrument: 0, halted: true }).unwrap();
        let status = line.hear().await.unwrap();
        assert_eq!((&status[0]["T"], &status[0]["sc"]), (&json!("s"), &json!("H")));
        let refused = ask(&exchange, "ann", "POST", "/v2/orders", shares("buy", "1", "150")).await;
        assert_eq!((refused.status, refused.text()), (422, "asset \"AAPL\" is not tradable"));
    });
}

#[test]
fn changes_of_a_book_get_lost_or_come_twice() {
    run(async {
        let exchange = exchange();
        let mut line = subscribed(&exchange, "crypto", json!({"orderbooks": [BTC]})).await;
        line.hear().await.unwrap();
        fault(&exchange, r#"{"fault": "drop_depth", "symbol": "BTC/USD"}"#);
        place(&exchange, "ann", coins("buy", "0.1", "40000")).await;
        fault(&exchange, r#"{"fault": "duplicate_depth"}"#);
        place(&exchange, "ann", coins("buy", "0.1", "40001")).await;
        let first = line.hear().await.unwrap();
        assert_eq!(first[0]["b"][0]["p"], json!(40001));
        assert_eq!(line.hear().await.unwrap(), first);
    });
}

#[test]
fn streams_fall_silent_break_and_close() {
    run(async {
        let exchange = exchange();
        let wanted = || json!({"trades": ["AAPL"]});
        let mut line = subscribed(&exchange, "stocks", wanted()).await;
        fault(&exchange, r#"{"fault": "refuse_stream"}"#);
        let refused = say(&mut line, json!({"action": "subscribe", "quotes": ["AAPL"]})).await;
        assert_eq!(refused, error(405, "symbol limit exceeded"));
        fault(&exchange, r#"{"fault": "close", "code": 1012}"#);
        assert_eq!(line.hear().await, None);
        fault(&exchange, r#"{"fault": "refuse_connection", "status": 429}"#);
        let url = exchange.urls(VENUE).unwrap()["stocks"].clone();
        assert!(yawc::WebSocket::connect(url.parse().unwrap()).await.is_err());
        let mut line = subscribed(&exchange, "stocks", wanted()).await;
        fault(&exchange, r#"{"fault": "silence"}"#);
        first_trade(&exchange).await;
        assert!(line.is_silent().await);
    });
}
