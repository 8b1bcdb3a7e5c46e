//! What tests of gateways share.

use std::sync::Arc;

use rustonite_core::datasets::{
    InstrumentKind, InstrumentStatus, OrderKind, OrderSide, Tif, TriggerDirection, TriggerSource,
};
use rustonite_core::ids::{AccountId, InstrumentId, VenueId};
use rustonite_core::instrument::Instrument;
use rustonite_core::{Amount, Decimal};
use serde_json::Value;

use super::{Call, CallError, Gateway, Heard, HttpAnswer, Keys, Outgoing, Unreadable, connect};
use crate::directory::Directory;
use crate::report::{Refusal, Report};
use crate::request::Request;
use crate::wish::{OrderId, Trigger, Wish};

pub(super) const NOW: i64 = 1_767_323_045_678_000_000;
pub(super) const FIRST: InstrumentId = InstrumentId(0);
pub(super) const ACCOUNT: AccountId = AccountId(0);

pub(super) fn amount(text: &str) -> Amount {
    Amount::from_decimal(text.parse::<Decimal>().unwrap()).unwrap()
}

/// A venue that lists one instrument.
pub(super) fn directory(
    venue: &str,
    symbol: &str,
    kind: InstrumentKind,
    base: &str,
    quote: &str,
) -> (Arc<Directory>, VenueId, AccountId) {
    let mut directory = Directory::default();
    let id = directory.add_venue(venue);
    directory.list(Instrument {
        venue: venue.into(),
        symbol: symbol.into(),
        kind,
        contract: None,
        base: base.into(),
        quote: quote.into(),
        settle: quote.into(),
        tick: amount("0.01"),
        lot: amount("0.00001"),
        multiplier: amount("1"),
        price: (None, None),
        size: (None, None),
        market_size_max: None,
        notional: (None, None),
        status: InstrumentStatus::Trading,
    });
    let account = directory.add_account("main");
    (Arc::new(directory), id, account)
}

/// Buys half a unit at 30000.
pub(crate) fn wish() -> Wish {
    Wish {
        account: ACCOUNT,
        strategy: None,
        instrument: FIRST,
        side: OrderSide::Buy,
        kind: OrderKind::Limit,
        tif: Some(Tif::Gtc),
        price: Some(amount("30000")),
        price_protect: None,
        size: amount("0.5"),
        size_quote: None,
        size_display: None,
        size_min: None,
        trigger: None,
        flags: 0,
        position_side: None,
        stp: None,
        ts_expire: None,
        tags: None,
    }
}

pub(super) fn market() -> Wish {
    Wish { kind: OrderKind::Market, price: None, tif: None, ..wish() }
}

pub(super) fn trigger(price: &str, direction: TriggerDirection) -> Trigger {
    let source = TriggerSource::Last;
    Trigger { price: amount(price), source, direction, trail: None }
}

pub(super) fn submit(wish: Wish) -> Request {
    submit_of("r-1", wish)
}

pub(super) fn submit_of(client_id: &str, wish: Wish) -> Request {
    Request::Submit { order: OrderId(1), client_id: client_id.into(), wish }
}

/// To 0.6 at 30001.
pub(super) fn replace(size_filled: &str) -> Request {
    let wish = Wish { size: amount("0.6"), price: Some(amount("30001")), ..wish() };
    replace_with(size_filled, "r-2", wish)
}

pub(super) fn replace_with(size_filled: &str, client_id: &str, wish: Wish) -> Request {
    Request::Replace {
        order: OrderId(1),
        instrument: FIRST,
        account: ACCOUNT,
        client_id: client_id.into(),
        client_id_prev: "r-1".into(),
        venue_order_id: Some("77".into()),
        wish,
        size_filled: amount(size_filled),
    }
}

pub(super) fn cancel() -> Request {
    cancel_of("r-1")
}

pub(super) fn cancel_of(client_id: &str) -> Request {
    Request::Cancel {
        order: OrderId(1),
        instrument: FIRST,
        account: ACCOUNT,
        client_id: client_id.into(),
        venue_order_id: Some("77".into()),
    }
}

/// Of an order to which others have given no client id.
pub(super) fn cancel_of_number(number: &str) -> Request {
    Request::Cancel {
        order: OrderId(1),
        instrument: FIRST,
        account: ACCOUNT,
        client_id: "".into(),
        venue_order_id: Some(number.into()),
    }
}

pub(super) fn query() -> Request {
    Request::Query {
        order: OrderId(1),
        instrument: FIRST,
        account: ACCOUNT,
        client_id: "r-1".into(),
        venue_order_id: None,
    }
}

/// About an order of which there is the venue's number only.
pub(super) fn query_of_number() -> Request {
    Request::Query {
        order: OrderId(1),
        instrument: FIRST,
        account: ACCOUNT,
        client_id: "".into(),
        venue_order_id: Some("77".into()),
    }
}

pub(super) fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

/// A message that goes out on a line.
pub(super) fn text(outgoing: Outgoing) -> Value {
    match outgoing {
        Outgoing::Text { text, .. } => json(&text),
        other => panic!("expected a message, found {other:?}"),
    }
}

pub(super) fn sent(written: Result<Outgoing, Refusal>) -> Value {
    text(written.unwrap())
}

pub(super) fn call(outgoing: Outgoing) -> Call {
    match outgoing {
        Outgoing::Call(call) => call,
        other => panic!("expected a call, found {other:?}"),
    }
}

pub(super) fn read(gateway: &mut dyn Gateway, line: usize, text: &str) -> Vec<Heard> {
    let mut heard = Vec::new();
    gateway.read(line, text.as_bytes(), NOW + 5, &mut heard).unwrap();
    heard
}

pub(super) fn answered(gateway: &mut dyn Gateway, id: u64, status: u16, body: &str) -> Vec<Heard> {
    answered_with(gateway, id, status, &[], body)
}

pub(super) fn answered_with(
    gateway: &mut dyn Gateway,
    id: u64,
    status: u16,
    headers: &[(String, String)],
    body: &str,
) -> Vec<Heard> {
    let (heard, read) = read_answer(gateway, id, status, headers, body);
    read.unwrap();
    heard
}

/// An answer that may not be understood.
pub(super) fn answered_as(
    gateway: &mut dyn Gateway,
    id: u64,
    status: u16,
    body: &str,
) -> (Vec<Heard>, Result<(), Unreadable>) {
    read_answer(gateway, id, status, &[], body)
}

fn read_answer(
    gateway: &mut dyn Gateway,
    id: u64,
    status: u16,
    headers: &[(String, String)],
    body: &str,
) -> (Vec<Heard>, Result<(), Unreadable>) {
    let mut heard = Vec::new();
    let answer = HttpAnswer { status, headers, body: body.as_bytes() };
    let read = gateway.answered(id, Ok(answer), NOW + 5, &mut heard);
    (heard, read)
}

pub(super) fn failed(gateway: &mut dyn Gateway, id: u64, not_sent: bool) -> Vec<Heard> {
    let mut heard = Vec::new();
    let error = CallError { not_sent, detail: "gone".to_owned() };
    gateway.answered(id, Err(&error), NOW + 5, &mut heard).unwrap();
    heard
}

pub(super) fn one(heard: Vec<Heard>) -> Heard {
    match <[Heard; 1]>::try_from(heard) {
        Ok([heard]) => heard,
        Err(other) => panic!("expected one thing, found {other:?}"),
    }
}

pub(super) fn only(heard: Vec<Heard>) -> Report {
    match one(heard) {
        Heard::Report(report) => report,
        other => panic!("expected a report, found {other:?}"),
    }
}

/// What is to be sent next.
pub(super) fn next(heard: Vec<Heard>) -> Outgoing {
    match one(heard) {
        Heard::Send(outgoing) => outgoing,
        other => panic!("expected something to send, found {other:?}"),
    }
}

/// The question for the next page of an answer.
pub(super) fn next_page(gateway: &mut dyn Gateway, id: u64, body: &str) -> Outgoing {
    let heard = answered(gateway, id, 200, body);
    asked_again(gateway, heard)
}

/// The same, of an answer that was read.
pub(super) fn asked_again(gateway: &mut dyn Gateway, heard: Vec<Heard>) -> Outgoing {
    match one(heard) {
        Heard::Ask(question) => gateway.ask(question, NOW + 5),
        other => panic!("expected a page to ask for, found {other:?}"),
    }
}

/// Events of a user stream with other values in some fields.
pub(super) fn changed(event: &str, changes: &str) -> Value {
    let mut event = json(event);
    for (name, value) in json(changes).as_object().unwrap() {
        event[name] = value.clone();
    }
    event
}

/// A gateway by its venue, with open lines.
pub(super) fn gateway_of(venue: &str) -> Box<dyn Gateway> {
    use InstrumentKind::{Perpetual, Spot, Stock};
    let (symbol, kind, base, quote) = match venue {
        "binance" | "bybit-spot" => ("BTCUSDT", Spot, "BTC", "USDT"),
        "binance-usdm" | "bybit-linear" => ("BTCUSDT", Perpetual, "BTC", "USDT"),
        "alpaca-stocks" => ("AAPL", Stock, "AAPL", "USD"),
        "alpaca-crypto" | "kraken" => ("BTC/USD", Spot, "BTC", "USD"),
        "okx" => ("BTC-USDT", Spot, "BTC", "USDT"),
        "okx-derivatives" => ("BTC-USDT-SWAP", Perpetual, "BTC", "USDT"),
        "bybit-inverse" => ("BTCUSD", Perpetual, "BTC", "USD"),
        other => panic!("no instrument for {other}"),
    };
    let venue = venue.strip_suffix("-derivatives").unwrap_or(venue);
    let (directory, _, account) = directory(venue, symbol, kind, base, quote);
    let word = |text: &str| text.to_owned();
    let keys = Keys { key: word("key"), secret: word("c2VjcmV0"), passphrase: word("pass") };
    let mut gateway = connect(venue, directory, account, &keys).unwrap().unwrap();
    let mut sent = gateway.start(NOW);
    (0..2).for_each(|line| sent.extend(gateway.opened(line, NOW)));
    if let (Some(Outgoing::Call(token)), "kraken") = (sent.pop(), venue) {
        answered(&mut *gateway, token.id, 200, r#"{"error":[],"result":{"token":"T"}}"#);
    }
    gateway
}

/// Lets a gateway hear of its orders, as after a log-on.
pub(super) fn hearing(venue: &str, gateway: &mut dyn Gateway) {
    let mut heard = Vec::new();
    match venue {
        "binance" => {
            let subscribe = text(gateway.opened(0, NOW).pop().unwrap());
            let id = &subscribe["id"];
            let subscribed = format!(r#"{{"id":{id},"status":200,"result":{{}}}}"#);
            heard.extend(read(gateway, 0, &subscribed));
        }
        "binance-usdm" => {
            let renewal = gateway.opened(1, NOW).pop().map(call).unwrap();
            heard.extend(answered(gateway, renewal.id, 200, "{}"));
        }
        "okx" => {
            let subscribed = r#"{"event":"subscribe","arg":{"channel":"orders"}}"#;
            heard.extend(read(gateway, 0, subscribed));
        }
        "bybit-linear" => {
            for line in 0..2 {
                let yes = r#"{"success":true,"retCode":0,"op":"auth","conn_id":"a"}"#;
                heard.extend(read(gateway, line, yes));
            }
            let yes = r#"{"success":true,"ret_msg":"","op":"subscribe","conn_id":"a"}"#;
            heard.extend(read(gateway, 1, yes));
        }
        "kraken" => {
            // The subscription was the second thing asked for.
            let yes = r#"{"method":"subscribe","req_id":3,"success":true,"result":{}}"#;
            heard.extend(read(gateway, 0, yes));
        }
        other => panic!("{other}"),
    }
    assert!(heard.contains(&Heard::Ready), "{venue} {heard:?}");
}

/// Messages of streams: the venue, the line and the text.
pub(super) const SAMPLES: &[(&str, usize, &str)] = &[
    (
        "binance",
        0,
        r#"{"subscriptionId":0,"event":{"e":"executionReport","E":1767323045700,"s":"BTCUSDT",
        "c":"r-1","C":"","S":"BUY","o":"LIMIT","f":"GTC","q":"0.5","p":"30000","x":"TRADE",
        "X":"FILLED","r":"NONE","i":77,"l":"0.5","z":"0.5","L":"29999","n":"0.1","N":"USDT",
        "T":1767323045699,"t":12,"w":true,"m":false}}"#,
    ),
    (
        "binance-usdm",
        1,
        r#"{"e":"ORDER_TRADE_UPDATE","E":1767323045700,"T":1767323045699,"o":{"s":"BTCUSDT",
        "c":"r-1","S":"BUY","o":"LIMIT","f":"GTC","q":"0.5","p":"30000","ap":"0","sp":"0",
        "x":"TRADE","X":"FILLED","i":77,"l":"0.5","z":"0.5","L":"1","T":1767323045699,"t":3,
        "m":false,"ps":"BOTH"}}"#,
    ),
    (
        "binance-usdm",
        1,
        r#"{"e":"ACCOUNT_UPDATE","E":1,"T":1767323045699,"a":{"m":"ORDER","P":[{"s":"BTCUSDT",
        "pa":"-10","ep":"6563.86","ps":"SHORT"}]}}"#,
    ),
    (
        "alpaca-crypto",
        0,
        r#"{"stream":"trade_updates","data":{"event":"fill","execution_id":"e1","price":"1",
        "qty":"0.5","timestamp":"2026-01-02T03:04:05.699Z","order":{"id":"aaaa-77",
        "client_order_id":"r-1","symbol":"BTC/USD","side":"buy","status":"filled","qty":"0.5",
        "filled_qty":"0.5","limit_price":"30000"}}}"#,
    ),
    (
        "okx",
        0,
        r#"{"arg":{"channel":"orders","instType":"ANY"},"data":[{"accFillSz":"0.3","clOrdId":"r-1",
        "execType":"M","fillFee":"-0.02","fillFeeCcy":"USDT","fillPx":"29999.5","fillSz":"0.2",
        "instId":"BTC-USDT","ordId":"77","px":"30000","side":"buy","state":"partially_filled",
        "sz":"0.5","tradeId":"242589207","uTime":"1767323045699"}]}"#,
    ),
    (
        "bybit-spot",
        1,
        r#"{"topic":"execution","id":"a","creationTime":1767323045700,"data":[{"category":"spot",
        "symbol":"BTCUSDT","execFee":"0.01","execId":"e-1","execPrice":"29999.5","execQty":"0.2",
        "execType":"Trade","isMaker":true,"leavesQty":"0.3","orderId":"o-77","orderLinkId":"r-1",
        "side":"Buy","execTime":"1767323045699"}]}"#,
    ),
    (
        "bybit-linear",
        1,
        r#"{"topic":"order","id":"a","creationTime":1767323045700,"data":[{"category":"linear",
        "symbol":"BTCUSDT","orderId":"o-77","orderLinkId":"r-1","side":"Buy","orderStatus":"New",
        "price":"30000","qty":"0.5","cumExecQty":"0","updatedTime":"1767323045699"}]}"#,
    ),
    (
        "kraken",
        0,
        r#"{"channel":"executions","type":"update","sequence":1,"data":[{"order_id":"OABCDE",
        "timestamp":"2026-01-02T03:04:05.699Z","exec_type":"trade","order_status":"new",
        "cl_ord_id":"r-1","symbol":"BTC/USD","side":"buy","order_qty":0.5,"limit_price":30000.0,
        "exec_id":"TXXX","trade_id":9,"last_qty":0.2,"last_price":29999.5,"liquidity_ind":"m",
        "cum_qty":0.2,"fees":[{"asset":"USD","qty":1.5}]}]}"#,
    ),
];
