//! Orders that wait at a venue: how the price that starts them is changed, and how it is told.

use rustonite_core::datasets::{OrderKind, OrderSide, OrderState, TriggerDirection};
use serde_json::Value;

use super::testing::{
    NOW, amount, answered, call, changed, gateway_of, json, only, query, read, replace_with,
    submit, text, trigger, wish,
};
use super::{Gateway, Heard, Outgoing};
use crate::report::What;
use crate::wish::Wish;

/// A stop at a price, that ends in a limit order.
fn stop(at: &str) -> Wish {
    let trigger = Some(trigger(at, TriggerDirection::Up));
    Wish { kind: OrderKind::StopLimit, price: Some(amount("32100")), trigger, ..wish() }
}

/// What goes out for a change of a stop at 31000 to one at 32000.
fn change(gateway: &mut dyn Gateway, client_id: &str) -> Value {
    gateway.write(&submit(stop("31000")), NOW).unwrap();
    match gateway.write(&replace_with("0", client_id, stop("32000")), NOW).unwrap() {
        Outgoing::Call(call) => json(&call.body),
        other => text(other),
    }
}

#[test]
fn a_trigger_is_changed_in_the_words_of_its_venue() {
    let venues = [
        ("binance", "r-2", "/params/stopPrice", r#""32000""#),
        ("alpaca-stocks", "r-2", "/stop_price", r#""32000""#),
        ("alpaca-crypto", "r-2", "/stop_price", r#""32000""#),
        ("bybit-spot", "r-1", "/args/0/triggerPrice", r#""32000""#),
        ("bybit-linear", "r-1", "/args/0/triggerPrice", r#""32000""#),
        ("bybit-inverse", "r-1", "/args/0/triggerPrice", r#""32000""#),
        ("kraken", "r-1", "/params/trigger_price", "32000"),
    ];
    for (venue, client_id, field, value) in venues {
        let asked = change(&mut *gateway_of(venue), client_id);
        assert_eq!(asked.pointer(field), Some(&json(value)), "{venue} {asked}");
    }
}

#[test]
fn bybit_has_changed_a_trigger_when_it_shows_it() {
    let mut gateway = gateway_of("bybit-linear");
    change(&mut *gateway, "r-1");
    let mut shown = |changes: &str| {
        let row = changed(
            r#"{"category":"linear","symbol":"BTCUSDT","orderId":"o-77","orderLinkId":"r-1",
            "side":"Buy","orderStatus":"Untriggered","price":"32100","qty":"0.5",
            "cumExecQty":"0","triggerPrice":"31000","updatedTime":"1767323045699"}"#,
            changes,
        );
        let text = format!(r#"{{"topic":"order","creationTime":1,"data":[{row}]}}"#);
        only(read(&mut *gateway, 1, &text)).what
    };
    // What it says of the order as it was is older than the change.
    assert_eq!(shown("{}"), What::Accepted);
    let expected = What::Replaced { price: Some(amount("32100")), size: amount("0.5") };
    assert_eq!(shown(r#"{"triggerPrice":"32000"}"#), expected);
}

#[test]
fn pictures_tell_the_price_that_starts_an_order() {
    let bodies = [
        (
            "alpaca-stocks",
            r#"{"id":"aaaa-77","client_order_id":"r-1","symbol":"AAPL","side":"buy",
            "status":"new","qty":"0.5","filled_qty":"0","limit_price":"32100",
            "stop_price":"31000"}"#,
        ),
        (
            "bybit-spot",
            r#"{"retCode":0,"result":{"list":[{"category":"spot","symbol":"BTCUSDT",
            "orderId":"o-77","orderLinkId":"r-1","side":"Buy","orderStatus":"Untriggered",
            "price":"32100","qty":"0.5","cumExecQty":"0","triggerPrice":"31000",
            "updatedTime":"1767323045699"}]}}"#,
        ),
        (
            "kraken",
            r#"{"error":[],"result":{"open":{"OABC":{"cl_ord_id":"r-1","status":"open",
            "descr":{"pair":"XBTUSD","type":"buy","ordertype":"stop-loss-limit","price":"31000",
            "price2":"32100"},"vol":"0.5","vol_exec":"0","price":"0","opentm":1767323045.5}}}}"#,
        ),
    ];
    for (venue, body) in bodies {
        let mut gateway = gateway_of(venue);
        let asked = call(gateway.write(&query(), NOW).unwrap());
        assert_picture(venue, answered(&mut *gateway, asked.id, 200, body));
    }
    let mut gateway = gateway_of("binance");
    let asked = text(gateway.write(&query(), NOW).unwrap());
    let shown = format!(
        r#"{{"id":{},"status":200,"result":{{"symbol":"BTCUSDT","orderId":77,
        "clientOrderId":"r-1","price":"32100","origQty":"0.5","executedQty":"0",
        "cummulativeQuoteQty":"0","status":"NEW","side":"BUY","stopPrice":"31000",
        "updateTime":1767323045000}}}}"#,
        asked["id"]
    );
    assert_picture("binance", read(&mut *gateway, 0, &shown));
}

fn assert_picture(venue: &str, heard: Vec<Heard>) {
    let What::Picture(picture) = only(heard).what else { panic!("{venue}") };
    assert_eq!((picture.state, picture.side), (OrderState::Accepted, OrderSide::Buy), "{venue}");
    assert_eq!(picture.price, Some(amount("32100")), "{venue}");
    assert_eq!(picture.price_trigger, Some(amount("31000")), "{venue}");
}
