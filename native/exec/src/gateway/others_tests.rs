//! Orders that others have placed: what they are, and how they are changed.

use rustonite_core::datasets::Tif;
use serde_json::Value;

use super::testing::{
    ACCOUNT, FIRST, NOW, amount, answered, call, gateway_of, json, next_page, read, text, wish,
};
use super::{Answer, Gateway, Heard, Outgoing, Question};
use crate::report::{RefusalKind, What};
use crate::request::Request;
use crate::wish::{OrderId, Wish};

/// To 0.6 at 30001, of an order to which others have given no client id.
fn replace_of_number(number: &str) -> Request {
    Request::Replace {
        order: OrderId(1),
        instrument: FIRST,
        account: ACCOUNT,
        client_id: "".into(),
        client_id_prev: "".into(),
        venue_order_id: Some(number.into()),
        wish: Wish { size: amount("0.6"), price: Some(amount("30001")), ..wish() },
        size_filled: amount("0"),
    }
}

/// What is said of an order that is to be changed.
fn fields(venue: &str, sent: Outgoing) -> Value {
    let message = text(sent);
    if matches!(venue, "kraken" | "binance-usdm") {
        message["params"].clone()
    } else {
        message["args"][0].clone()
    }
}

#[test]
fn an_order_without_a_client_id_is_changed_by_its_number() {
    for (venue, number, client_id, size) in [
        ("okx", "ordId", "clOrdId", "newSz"),
        ("okx-derivatives", "ordId", "clOrdId", "newSz"),
        ("bybit-spot", "orderId", "orderLinkId", "qty"),
        ("bybit-linear", "orderId", "orderLinkId", "qty"),
        ("kraken", "order_id", "cl_ord_id", "order_qty"),
        ("binance-usdm", "orderId", "origClientOrderId", "quantity"),
    ] {
        let mut gateway = gateway_of(venue);
        let sent = gateway.write(&replace_of_number("77"), NOW).unwrap();
        let fields = fields(venue, sent);
        let said = fields[number].to_string();
        assert_eq!(said.trim_matches('"'), "77", "{venue}: {fields}");
        assert!(fields.get(client_id).is_none(), "{venue}: {fields}");
        assert_eq!(fields[size].to_string().trim_matches('"'), "0.6", "{venue}: {fields}");
    }
}

#[test]
fn where_each_order_has_a_client_id_it_is_waited_for() {
    for venue in ["binance", "alpaca-stocks", "alpaca-crypto"] {
        let refusal = gateway_of(venue).write(&replace_of_number("77"), NOW).unwrap_err();
        assert_eq!(refusal.reason, RefusalKind::Rules);
        assert!(refusal.detail.contains("by its number alone"), "{}", refusal.detail);
    }
}

#[test]
fn changes_of_orders_without_a_client_id_are_told_apart() {
    let mut gateway = gateway_of("bybit-linear");
    for number in ["77", "78"] {
        gateway.write(&replace_of_number(number), NOW).unwrap();
    }
    let told = |number: &str| {
        format!(
            r#"{{"topic":"order","id":"a","creationTime":1767323045700,"data":[{{"category":"linear",
            "symbol":"BTCUSDT","orderId":"{number}","orderLinkId":"","side":"Buy","orderStatus":"New",
            "price":"30001","qty":"0.6","cumExecQty":"0","updatedTime":"1767323045699"}}]}}"#
        )
    };
    let what = |heard: Vec<Heard>| match &heard[..] {
        [Heard::Report(report)] => (report.what.clone(), report.venue_order_id.clone()),
        other => panic!("{other:?}"),
    };
    let replaced = What::Replaced { price: Some(amount("30001")), size: amount("0.6") };
    for number in ["78", "77"] {
        let (done, of) = what(read(&mut *gateway, 1, &told(number)));
        assert_eq!((done, of.as_deref()), (replaced.clone(), Some(number)));
    }
    let (again, _) = what(read(&mut *gateway, 1, &told("78")));
    assert_eq!(again, What::Accepted);
}

/// How long an order rests that a venue lists as open.
fn limit_tif(venue: &str, order: &str) -> Option<Tif> {
    let mut gateway: Box<dyn Gateway> = gateway_of(venue);
    let asked = gateway.ask(Question::OpenOrders, NOW);
    let heard = match venue {
        "binance" => {
            let id = &text(asked)["id"];
            read(&mut *gateway, 0, &format!(r#"{{"id":{id},"status":200,"result":[{order}]}}"#))
        }
        "binance-usdm" => {
            let page = next_page(&mut *gateway, call(asked).id, &format!("[{order}]"));
            answered(&mut *gateway, call(page).id, 200, "[]")
        }
        _ => {
            let body = match venue {
                "okx" => format!(r#"{{"code":"0","msg":"","data":[{order}]}}"#),
                "bybit-spot" => {
                    let list = format!(r#"{{"list":[{order}],"nextPageCursor":""}}"#);
                    format!(r#"{{"retCode":0,"retMsg":"OK","result":{list}}}"#)
                }
                "kraken" => {
                    format!(r#"{{"error":[],"result":{{"open":{{"OQCLML":{order}}}}}}}"#)
                }
                _ => format!("[{order}]"),
            };
            answered(&mut *gateway, call(asked).id, 200, &body)
        }
    };
    let [Heard::Answer(_, Answer::Reports(reports))] = &heard[..] else { panic!("{heard:?}") };
    let What::Picture(picture) = &reports[0].what else { panic!("{reports:?}") };
    picture.limit_tif
}

/// An open order of each venue, without the words for what it is.
const ORDERS: [(&str, &str); 6] = [
    (
        "binance",
        r#"{"symbol":"BTCUSDT","orderId":77,"clientOrderId":"web_1","price":"30000.00","origQty":"0.4",
        "executedQty":"0","cummulativeQuoteQty":"0","status":"NEW","side":"BUY","icebergQty":"0.00000000",
        "updateTime":1767323045000}"#,
    ),
    (
        "binance-usdm",
        r#"{"symbol":"BTCUSDT","orderId":77,"clientOrderId":"web_1","price":"30000","origQty":"0.4",
        "executedQty":"0","status":"NEW","side":"BUY","updateTime":1767323045000}"#,
    ),
    (
        "okx",
        r#"{"instId":"BTC-USDT","ordId":"77","clOrdId":"","px":"30000","sz":"0.4","side":"buy",
        "accFillSz":"0","state":"live","uTime":"1767323045699"}"#,
    ),
    (
        "bybit-spot",
        r#"{"symbol":"BTCUSDT","orderId":"77","orderLinkId":"","price":"30000","qty":"0.4","side":"Buy",
        "orderStatus":"New","cumExecQty":"0","updatedTime":"1767323045699"}"#,
    ),
    (
        "kraken",
        r#"{"status":"open","opentm":1688666559.8974,"expiretm":0,"vol":"0.4","vol_exec":"0","price":"0",
        "descr":{"pair":"XBTUSD","type":"buy","price":"30000","price2":"0","ordertype":"limit"}}"#,
    ),
    (
        "alpaca-stocks",
        r#"{"id":"aaaa-77","client_order_id":"web_1","symbol":"AAPL","side":"buy","status":"new",
        "qty":"1","filled_qty":"0","limit_price":"30000"}"#,
    ),
];

#[test]
fn what_others_have_placed_is_known_if_it_is_a_plain_limit_order() {
    let is = |venue: &str, more: &str, expected: Option<Tif>| {
        let mut order = json(ORDERS.iter().find(|(one, _)| *one == venue).unwrap().1);
        for (name, value) in json(more).as_object().unwrap() {
            if name == "ordertype" {
                order["descr"][name] = value.clone();
            } else {
                order[name] = value.clone();
            }
        }
        assert_eq!(limit_tif(venue, &order.to_string()), expected, "{venue} {more}");
    };
    ORDERS
        .iter()
        .filter(|(venue, _)| *venue != "kraken")
        .for_each(|(venue, _)| is(venue, "{}", None));
    is("binance", r#"{"type":"LIMIT","timeInForce":"GTC"}"#, Some(Tif::Gtc));
    is("binance", r#"{"type":"LIMIT_MAKER","timeInForce":"GTC"}"#, Some(Tif::Gtx));
    is("binance", r#"{"type":"LIMIT","timeInForce":"GTC","icebergQty":"0.1"}"#, None);
    is("binance", r#"{"type":"STOP_LOSS_LIMIT","timeInForce":"GTC"}"#, None);
    is("binance-usdm", r#"{"type":"LIMIT","timeInForce":"GTX"}"#, Some(Tif::Gtx));
    is("binance-usdm", r#"{"type":"STOP","timeInForce":"GTC"}"#, None);
    is("okx", r#"{"ordType":"limit"}"#, Some(Tif::Gtc));
    is("okx", r#"{"ordType":"post_only"}"#, Some(Tif::Gtx));
    is("okx", r#"{"ordType":"market"}"#, None);
    is("bybit-spot", r#"{"orderType":"Limit","timeInForce":"PostOnly"}"#, Some(Tif::Gtx));
    is("bybit-spot", r#"{"orderType":"Limit","timeInForce":"GTC","triggerPrice":"29000"}"#, None);
    is("kraken", "{}", Some(Tif::Gtc));
    is("kraken", r#"{"oflags":"fciq,post"}"#, Some(Tif::Gtx));
    is("kraken", r#"{"expiretm":1700000000}"#, None);
    is("kraken", r#"{"ordertype":"iceberg"}"#, None);
    is("alpaca-stocks", r#"{"type":"limit","time_in_force":"day"}"#, Some(Tif::Day));
    is("alpaca-stocks", r#"{"type":"stop_limit","time_in_force":"day"}"#, None);
}
