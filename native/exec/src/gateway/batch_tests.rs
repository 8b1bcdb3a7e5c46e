//! Several requests in one message: each ends for itself, whatever the answer is.

use serde_json::Value;

use super::testing::{
    FIRST, NOW, answered, call, cancel_of, cancel_of_number, failed, gateway_of, json, read,
    submit_of, text, trigger, wish,
};
use super::{Gateway, Heard, Outgoing, Written, capabilities};
use crate::report::{RefusalKind, Report, What};
use crate::request::{Outcome, Request};
use crate::wish::Wish;

/// Venues that take several at once, and the line or call that they take them on.
const VENUES: [&str; 7] = [
    "binance-usdm",
    "okx",
    "okx-derivatives",
    "bybit-spot",
    "bybit-linear",
    "bybit-inverse",
    "kraken",
];

fn two_new() -> [Request; 2] {
    [submit_of("r-1", wish()), submit_of("r-2", wish())]
}

fn two_cancels() -> [Request; 2] {
    [cancel_of("r-1"), cancel_of("r-2")]
}

/// The one message of all requests.
fn together(gateway: &mut dyn Gateway, requests: &[Request]) -> Outgoing {
    let Written { mut sent, refused } = gateway.write_many(requests, NOW);
    assert_eq!(refused, []);
    let (outgoing, which) = sent.pop().unwrap();
    assert_eq!((sent.len(), which), (0, (0..requests.len()).collect()));
    outgoing
}

fn reports(heard: Vec<Heard>) -> Vec<Report> {
    let report = |one| match one {
        Heard::Report(report) => report,
        other => panic!("expected a report, found {other:?}"),
    };
    heard.into_iter().map(report).collect()
}

/// The number of a message, in the venue's spelling.
fn number(message: &Value) -> Value {
    ["id", "reqId", "req_id"].iter().find_map(|name| message.get(*name)).unwrap().clone()
}

/// An answer that takes the first of two new orders and refuses the other.
fn first_is_taken(gateway: &mut dyn Gateway, outgoing: Outgoing) -> Vec<Report> {
    if let Outgoing::Call(call) = &outgoing {
        let body = r#"[{"orderId":77,"symbol":"BTCUSDT","status":"NEW","clientOrderId":"r-1",
            "price":"30000","origQty":"0.5","executedQty":"0","side":"BUY"},
            {"code":-2019,"msg":"Margin is insufficient."}]"#;
        return reports(answered(gateway, call.id, 200, body));
    }
    let id = number(&text(outgoing));
    let replies = [
        format!(
            r#"{{"id":{id},"op":"batch-orders","code":"2","data":[{{"ordId":"77","sCode":"0"}},
            {{"sCode":"51008","sMsg":"Insufficient balance"}}]}}"#
        ),
        format!(
            r#"{{"reqId":{id},"op":"order.create-batch","retCode":0,"retMsg":"OK",
            "data":{{"list":[{{"orderId":"77"}},{{"orderId":""}}]}},
            "retExtInfo":{{"list":[{{"code":0,"msg":"OK"}},{{"code":170131,"msg":"Balance"}}]}}}}"#
        ),
        format!(
            r#"{{"req_id":{id},"method":"batch_add","success":true,"result":[{{"order_id":"77"}},
            {{"error":"EOrder:Insufficient funds"}}]}}"#
        ),
    ];
    let heard = replies.iter().flat_map(|reply| {
        let mut heard = Vec::new();
        // Those of other venues are not understood.
        let _ = gateway.read(0, reply.as_bytes(), NOW + 5, &mut heard);
        heard
    });
    reports(heard.collect())
}

#[test]
fn of_new_orders_each_is_taken_or_refused_for_itself() {
    for venue in VENUES {
        let mut gateway = gateway_of(venue);
        let outgoing = together(&mut *gateway, &two_new());
        let heard = first_is_taken(&mut *gateway, outgoing);
        let [first, second] = &heard[..] else { panic!("{venue} {heard:?}") };
        assert_eq!((&*first.client_id, &first.what), ("r-1", &What::Accepted), "{venue}");
        assert_eq!(first.venue_order_id.as_deref(), Some("77"), "{venue}");
        let What::Rejected(refusal) = &second.what else { panic!("{venue} {second:?}") };
        assert_eq!((&*second.client_id, refusal.reason), ("r-2", RefusalKind::Balance), "{venue}");
        // Nothing is left in flight.
        let mut left = Vec::new();
        gateway.tick(i64::MAX, NOW, &mut left);
        assert!(left.iter().all(|one| !matches!(one, Heard::Report(_))), "{venue} {left:?}");
    }
}

#[test]
fn without_an_answer_nobody_knows_what_became_of_any() {
    for venue in VENUES {
        for requests in [two_new(), two_cancels()] {
            let mut gateway = gateway_of(venue);
            let outgoing = together(&mut *gateway, &requests);
            let mut heard = Vec::new();
            match outgoing {
                Outgoing::Call(call) => heard = failed(&mut *gateway, call.id, false),
                Outgoing::Text { line, .. } => gateway.closed(line, NOW + 5, &mut heard),
                Outgoing::Open { .. } => panic!("{venue}"),
            }
            heard.retain(|one| matches!(one, Heard::Report(_)));
            let unknown = |report: &Report| {
                matches!(report.what, What::Ended { outcome: Outcome::Unknown, .. })
            };
            let heard = reports(heard);
            assert_eq!(heard.len(), 2, "{venue} {heard:?}");
            assert!(heard.iter().all(unknown), "{venue} {heard:?}");
            // The same if time runs out.
            let mut gateway = gateway_of(venue);
            together(&mut *gateway, &requests);
            let mut heard = Vec::new();
            gateway.tick(i64::MAX, NOW, &mut heard);
            heard.retain(|one| matches!(one, Heard::Report(_)));
            assert_eq!(heard.len(), 2, "{venue} {heard:?}");
        }
    }
}

#[test]
fn a_message_that_is_refused_is_refused_for_all() {
    let refused = |venue: &str, reply: &dyn Fn(&Value) -> String| {
        let mut gateway = gateway_of(venue);
        let id = number(&text(together(&mut *gateway, &two_cancels())));
        let heard = reports(read(&mut *gateway, 0, &reply(&id)));
        assert_eq!(heard.len(), 2, "{venue} {heard:?}");
        for report in heard {
            let What::CancelRejected(refusal) = report.what else { panic!("{venue}") };
            assert_eq!(refusal.reason, RefusalKind::RateLimited, "{venue}");
        }
    };
    refused("okx", &|id| format!(r#"{{"id":{id},"op":"x","code":"50011","msg":"too many"}}"#));
    refused("bybit-linear", &|id| {
        format!(r#"{{"reqId":{id},"op":"order.cancel-batch","retCode":10006,"retMsg":"Too many"}}"#)
    });
    refused("kraken", &|id| {
        format!(
            r#"{{"req_id":{id},"method":"batch_cancel","success":false,
            "error":"EOrder:Rate limit exceeded"}}"#
        )
    });
    let mut gateway = gateway_of("binance-usdm");
    let asked = call(together(&mut *gateway, &two_cancels()));
    let heard =
        reports(answered(&mut *gateway, asked.id, 429, r#"{"code":-1003,"msg":"Too many"}"#));
    assert_eq!(heard.len(), 2, "{heard:?}");
    // A page of some gateway on the way says nothing about any.
    let asked = call(together(&mut *gateway, &two_cancels()));
    let heard = reports(answered(&mut *gateway, asked.id, 502, "<html>"));
    assert!(heard.iter().all(|one| matches!(one.what, What::Ended { .. })), "{heard:?}");
    assert_eq!(heard.len(), 2);
    // Nor does a list that is too short about the rest.
    let asked = call(together(&mut *gateway, &two_new()));
    let heard = reports(answered(&mut *gateway, asked.id, 200, "[]"));
    assert!(heard.iter().all(|one| matches!(one.what, What::Ended { .. })), "{heard:?}");
    assert_eq!(heard.len(), 2);
}

#[test]
fn a_cancel_that_finds_nothing_in_one_list_looks_in_the_other() {
    let mut gateway = gateway_of("binance-usdm");
    let asked = call(together(&mut *gateway, &two_cancels()));
    assert_eq!(asked.method, "DELETE");
    let list = "origClientOrderIdList=%5B%22r-1%22%2C%22r-2%22%5D";
    assert!(asked.path.contains(list), "{}", asked.path);
    let body = r#"[{"orderId":77,"symbol":"BTCUSDT","status":"CANCELED","clientOrderId":"r-1",
        "price":"30000","origQty":"0.5","executedQty":"0.1","side":"BUY"},
        {"code":-2011,"msg":"Unknown order sent."}]"#;
    let mut heard = answered(&mut *gateway, asked.id, 200, body);
    let Some(Heard::Send(next)) = heard.pop() else { panic!("{heard:?}") };
    assert_eq!(text(next)["method"], "algoOrder.cancel");
    let [ended] = &reports(heard)[..] else { panic!() };
    assert!(matches!(ended.what, What::Cancelled { .. }), "{ended:?}");
}

#[test]
fn messages_of_several_have_the_words_of_the_venue() {
    let written = |venue: &str, requests: &[Request]| {
        let mut gateway = gateway_of(venue);
        text(together(&mut *gateway, requests))
    };
    let okx = written("okx", &two_cancels());
    assert_eq!(okx["op"], "batch-cancel-orders");
    assert_eq!(okx["args"][1], json(r#"{"instId":"BTC-USDT","clOrdId":"r-2"}"#));
    let bybit = written("bybit-linear", &two_cancels());
    assert_eq!(bybit["op"], "order.cancel-batch");
    let expected = r#"[{"category":"linear","request":[{"symbol":"BTCUSDT","orderLinkId":"r-1"},
        {"symbol":"BTCUSDT","orderLinkId":"r-2"}]}]"#;
    assert_eq!(bybit["args"], json(expected));
    let kraken = written("kraken", &two_cancels());
    assert_eq!(
        (&kraken["method"], &kraken["params"]["cl_ord_id"]),
        (&json(r#""batch_cancel""#), &json(r#"["r-1","r-2"]"#))
    );
    let kraken = written("kraken", &two_new());
    assert_eq!(
        (&kraken["params"]["symbol"], &kraken["params"]["orders"][1]["cl_ord_id"]),
        (&json(r#""BTC/USD""#), &json(r#""r-2""#))
    );
    assert!(kraken["params"]["orders"][0].get("symbol").is_none());
    let mut gateway = gateway_of("binance-usdm");
    let asked = call(together(&mut *gateway, &two_new()));
    let item = "%22symbol%22%3A%22BTCUSDT%22%2C%22newClientOrderId%22%3A%22r-1%22%7D%2C%7B";
    assert!(asked.path.starts_with("/fapi/v1/batchOrders?batchOrders=%5B"), "{}", asked.path);
    assert!(asked.path.contains(item), "{}", asked.path);
}

#[test]
fn an_order_without_a_client_id_is_cancelled_by_its_number() {
    let cancels = [cancel_of_number("77"), cancel_of_number("78")];
    for (venue, words) in [
        ("okx", vec![r#"[{"instId":"BTC-USDT","ordId":"77"},{"instId":"BTC-USDT","ordId":"78"}]"#]),
        (
            "bybit-linear",
            vec![
                r#"[{"category":"linear","request":[{"orderId":"77","symbol":"BTCUSDT"},
                {"orderId":"78","symbol":"BTCUSDT"}]}]"#,
            ],
        ),
        ("kraken", vec![r#"["77"]"#, r#"["78"]"#]),
        ("binance", vec!["77", "78"]),
        ("binance-usdm", vec!["77", "78"]),
    ] {
        let mut gateway = gateway_of(venue);
        let Written { sent, refused } = gateway.write_many(&cancels, NOW);
        assert_eq!(refused, []);
        let numbers = sent.into_iter().map(|(outgoing, _)| match text(outgoing) {
            message if venue == "kraken" => message["params"]["order_id"].clone(),
            message if venue.starts_with("binance") => message["params"]["orderId"].clone(),
            message => message["args"].clone(),
        });
        let expected: Vec<_> = words.into_iter().map(json).collect();
        assert_eq!(numbers.collect::<Vec<_>>(), expected, "{venue}");
    }
    for venue in ["alpaca-stocks", "alpaca-crypto"] {
        let mut gateway = gateway_of(venue);
        let asked = call(gateway.write(&cancels[1], NOW).unwrap());
        assert_eq!(asked.path, "/v2/orders/78");
    }
}

#[test]
fn the_end_of_an_order_without_a_client_id_ends_no_request_of_another_one() {
    let mut gateway = gateway_of("okx");
    let ids =
        ["77", "78"].map(|id| number(&text(gateway.write(&cancel_of_number(id), NOW).unwrap())));
    let gone = r#"{"arg":{"channel":"orders","instType":"ANY"},"data":[{"accFillSz":"0",
        "clOrdId":"","instId":"BTC-USDT","ordId":"77","px":"30000","side":"buy","state":"canceled",
        "sz":"0.5","uTime":"1767323045699"}]}"#;
    read(&mut *gateway, 0, gone);
    let [first, second] = ids.map(|id| {
        let late = format!(
            r#"{{"id":{id},"op":"cancel-order","code":"1","data":[{{"sCode":"51400","sMsg":"x"}}]}}"#
        );
        reports(read(&mut *gateway, 0, &late))
    });
    assert_eq!(first, []);
    let [refused] = &second[..] else { panic!("{second:?}") };
    assert_eq!(refused.venue_order_id.as_deref(), Some("78"));
    assert!(matches!(refused.what, What::CancelRejected(_)), "{refused:?}");
}

#[test]
fn what_cannot_be_written_does_not_hold_up_the_others() {
    let bad = Wish { price: None, ..wish() };
    for venue in VENUES {
        let mut gateway = gateway_of(venue);
        let requests =
            [submit_of("r-1", wish()), submit_of("r-2", bad.clone()), submit_of("r-3", wish())];
        let Written { sent, refused } = gateway.write_many(&requests, NOW);
        assert_eq!(refused.iter().map(|(at, _)| *at).collect::<Vec<_>>(), [1], "{venue}");
        let mut which: Vec<_> = sent.into_iter().flat_map(|(_, which)| which).collect();
        which.sort_unstable();
        assert_eq!(which, [0, 2], "{venue}");
    }
}

#[test]
fn what_does_not_go_together_goes_alone() {
    for venue in capabilities() {
        let mut gateway = gateway_of(venue.venue);
        let requests = two_new();
        let sent = gateway.write_many(&requests, NOW).sent.len();
        assert_eq!(sent, if VENUES.contains(&venue.venue) { 1 } else { requests.len() });
    }
    // Those that wait for a trigger are of another list at this venue.
    let mut gateway = gateway_of("binance-usdm");
    let stop = Wish {
        kind: rustonite_core::datasets::OrderKind::StopMarket,
        tif: None,
        price: None,
        trigger: Some(trigger("31000", rustonite_core::datasets::TriggerDirection::Up)),
        ..wish()
    };
    let requests = [submit_of("s-1", stop.clone()), submit_of("s-2", stop)];
    let sent = gateway.write_many(&requests, NOW).sent;
    assert_eq!(sent.len(), 2);
    let cancels = [cancel_of("s-1"), cancel_of("s-2")];
    assert_eq!(gateway.write_many(&cancels, NOW).sent.len(), 2);
    assert_eq!(FIRST, rustonite_core::ids::InstrumentId(0));
}
