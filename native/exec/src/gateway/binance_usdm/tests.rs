use rustonite_core::datasets::{
    FillKind, InstrumentKind, OffsetUnit, OrderEvent, OrderKind, OrderSide, OrderState,
    PositionSide, Tif, TriggerDirection, TriggerSource, order_flags,
};
use serde_json::Value;

use super::{BinanceUsdM, PRIVATE, TRADING};
use crate::gateway::testing::{
    FIRST, NOW, amount, answered, call, cancel, changed, failed, json, market, next, next_page,
    one, only, query, read, replace_with, sent, submit, text, trigger, wish,
};
use crate::gateway::{Answer, CallError, Gateway as _, Heard, Outgoing, Question, Signer, testing};
use crate::report::{RefusalKind, Report, What};
use crate::request::Outcome;
use crate::wish::{Trail, Trigger, Wish};

const MINUTE: i64 = 60_000_000_000;

fn gateway() -> BinanceUsdM {
    let (directory, venue, account) =
        testing::directory("binance-usdm", "BTCUSDT", InstrumentKind::Perpetual, "BTC", "USDT");
    let signer = Signer::new("secret").unwrap();
    BinanceUsdM::new(directory, venue, account, "key".to_owned(), signer)
}

/// One whose lines are open.
pub(super) fn ready() -> BinanceUsdM {
    let mut gateway = gateway();
    gateway.start(NOW);
    answered(&mut gateway, 1, 200, r#"{"listenKey":"abc"}"#);
    gateway.opened(TRADING, NOW);
    let renewal = call(gateway.opened(PRIVATE, NOW).pop().unwrap());
    assert_eq!(answered(&mut gateway, renewal.id, 200, "{}"), [Heard::Ready]);
    gateway
}

pub(super) fn reply(gateway: &mut BinanceUsdM, id: &Value, result: &str) -> Vec<Heard> {
    read(gateway, TRADING, &format!(r#"{{"id":{id},"status":200,"result":{result}}}"#))
}

pub(super) fn refuse(gateway: &mut BinanceUsdM, id: &Value, code: i64) -> Vec<Heard> {
    let text = format!(r#"{{"id":{id},"status":400,"error":{{"code":{code},"msg":"?"}}}}"#);
    read(gateway, TRADING, &text)
}

fn order(changes: &str) -> String {
    changed(
        r#"{"symbol":"BTCUSDT","orderId":77,"clientOrderId":"r-1","price":"30000","origQty":"0.5",
        "executedQty":"0","avgPrice":"0.00","status":"NEW","side":"BUY","updateTime":1767323045699}"#,
        changes,
    )
    .to_string()
}

pub(super) fn algo(changes: &str) -> String {
    changed(
        r#"{"symbol":"BTCUSDT","algoId":9001,"clientAlgoId":"r-1","algoStatus":"NEW","side":"BUY",
        "actualOrderId":"","price":"0","quantity":"0.5","updateTime":1767323045699}"#,
        changes,
    )
    .to_string()
}

fn update(changes: &str) -> String {
    let order = changed(
        r#"{"s":"BTCUSDT","c":"r-1","S":"BUY","o":"LIMIT","f":"GTC","q":"0.5","p":"30000","ap":"0",
        "sp":"0","x":"NEW","X":"NEW","i":77,"l":"0","z":"0","L":"0","T":1767323045699,"t":0,"b":"0",
        "a":"0","m":false,"R":false,"wt":"CONTRACT_PRICE","ot":"LIMIT","ps":"BOTH","cp":false}"#,
        changes,
    );
    format!(r#"{{"e":"ORDER_TRADE_UPDATE","E":1767323045700,"T":1767323045699,"o":{order}}}"#)
}

pub(super) fn stop(kind: OrderKind, price: Option<&str>) -> Wish {
    let price = price.map(amount);
    let trigger = Some(trigger("31000", TriggerDirection::Up));
    Wish { kind, price, trigger, tif: None, ..wish() }
}

#[test]
fn the_user_stream_opens_with_a_key_that_is_kept_alive() {
    let mut gateway = gateway();
    let [Outgoing::Open { line: TRADING, .. }, Outgoing::Call(asked)] = &gateway.start(NOW)[..]
    else {
        panic!()
    };
    assert_eq!((asked.method, &*asked.path), ("POST", "/fapi/v1/listenKey"));
    assert_eq!(asked.headers, [("X-MBX-APIKEY", "key".to_owned())]);
    let open = next(answered(&mut gateway, asked.id, 200, r#"{"listenKey":"abc"}"#));
    let path = "?listenKey=abc".to_owned();
    assert_eq!(open, Outgoing::Open { line: PRIVATE, endpoint: "private", path });
    assert_eq!(gateway.opened(TRADING, NOW), []);
    let renewal = call(gateway.opened(PRIVATE, NOW).pop().unwrap());
    assert_eq!(renewal.method, "PUT");
    assert_eq!(answered(&mut gateway, renewal.id, 200, "{}"), [Heard::Ready]);

    assert_eq!(gateway.tick(NOW, NOW + 29 * MINUTE, &mut Vec::new()), []);
    let renewal = call(gateway.tick(NOW, NOW + 30 * MINUTE, &mut Vec::new()).pop().unwrap());
    assert_eq!(renewal.method, "PUT");
    // It was ready before.
    assert_eq!(answered(&mut gateway, renewal.id, 200, "{}"), []);
}

#[test]
fn a_key_is_given_back_in_the_end() {
    let mut gateway = ready();
    let asked = call(gateway.stop(NOW).pop().unwrap());
    assert_eq!((asked.method, &*asked.path), ("DELETE", "/fapi/v1/listenKey"));
    assert_eq!(answered(&mut gateway, asked.id, 500, ""), []);
    assert_eq!(gateway.stop(NOW), []);
}

#[test]
fn a_key_that_is_gone_is_replaced() {
    let mut expired = ready();
    let event = r#"{"e":"listenKeyExpired","E":1767323045700,"listenKey":"abc"}"#;
    let heard = read(&mut expired, PRIVATE, event);
    let [Heard::Closed(_), Heard::Send(Outgoing::Call(asked))] = &heard[..] else {
        panic!("{heard:?}")
    };
    assert_eq!(asked.method, "POST");
    // What the stream did not tell in between has to be asked for.
    next(answered(&mut expired, asked.id, 200, r#"{"listenKey":"def"}"#));
    let renewal = call(expired.opened(PRIVATE, NOW).pop().unwrap());
    assert_eq!(answered(&mut expired, renewal.id, 200, "{}"), [Heard::Ready]);

    let mut closed = ready();
    closed.closed(PRIVATE, NOW, &mut Vec::new());
    let renewal = call(closed.opened(PRIVATE, NOW).pop().unwrap());
    let gone = r#"{"code":-1125,"msg":"This listenKey does not exist."}"#;
    let asked = call(next(answered(&mut closed, renewal.id, 400, gone)));
    assert_eq!(asked.method, "POST");
    // The venue does not answer: a while later it is asked again.
    assert_eq!(failed(&mut closed, asked.id, true), []);
    let later = NOW + 2 * MINUTE;
    let again = call(closed.tick(NOW, later, &mut Vec::new()).pop().unwrap());
    assert_eq!((again.method, &*again.path), ("POST", "/fapi/v1/listenKey"));
    assert_eq!(closed.tick(NOW, later, &mut Vec::new()), []);
}

#[test]
fn a_renewal_that_gets_lost_is_sent_again_soon() {
    let mut gateway = ready();
    let at = |minutes: i64| NOW + minutes * MINUTE;
    let renewal = call(gateway.tick(NOW, at(30), &mut Vec::new()).pop().unwrap());
    let (error, mut heard) = (CallError { not_sent: false, detail: "gone".to_owned() }, Vec::new());
    gateway.answered(renewal.id, Err(&error), at(30), &mut heard).unwrap();
    assert_eq!((heard, gateway.tick(NOW, at(30), &mut Vec::new())), (Vec::new(), Vec::new()));
    let again = call(gateway.tick(NOW, at(31), &mut Vec::new()).pop().unwrap());
    assert_eq!((again.method, &*again.path), ("PUT", "/fapi/v1/listenKey"));
    // The same of one that takes too long.
    assert_eq!(gateway.tick(at(32), at(32), &mut Vec::new()), []);
    let again = call(gateway.tick(NOW, at(33), &mut Vec::new()).pop().unwrap());
    assert_eq!(again.method, "PUT");
}

#[test]
fn a_clock_that_is_wrong_is_set_by_the_venues() {
    let mut gateway = ready();
    let asked = sent(gateway.write(&submit(wish()), NOW));
    assert!(matches!(only(refuse(&mut gateway, &asked["id"], -1021)).what, What::Rejected(_)));
    let time = call(gateway.tick(NOW, NOW, &mut Vec::new()).pop().unwrap());
    assert_eq!((time.method, &*time.path), ("GET", "/fapi/v1/time"));
    assert_eq!(answered(&mut gateway, time.id, 200, r#"{"serverTime":1767323049678}"#), []);
    let next = sent(gateway.write(&submit(wish()), NOW + 5));
    assert_eq!(next["params"]["timestamp"], json("1767323049678"));
    assert_eq!(gateway.tick(NOW, NOW, &mut Vec::new()), []);
}

#[test]
fn an_order_says_which_position_it_is_for() {
    let params = |wish| sent(gateway().write(&submit(wish), NOW))["params"].clone();
    let plain = params(Wish { flags: order_flags::REDUCE_ONLY, ..wish() });
    assert_eq!(
        (&plain["reduceOnly"], &plain["timeInForce"]),
        (&json(r#""true""#), &json(r#""GTC""#))
    );
    let hedged = Wish {
        position_side: Some(PositionSide::Long),
        side: OrderSide::Sell,
        flags: order_flags::REDUCE_ONLY,
        ..wish()
    };
    let params = params(hedged.clone());
    assert_eq!(params["positionSide"], "LONG");
    assert!(params.get("reduceOnly").is_none());
    let opening = Wish { side: OrderSide::Buy, ..hedged };
    gateway().write(&submit(opening), NOW).unwrap_err();
}

#[test]
fn post_only_and_last_moments_are_times_in_force() {
    let params = |wish| sent(gateway().write(&submit(wish), NOW))["params"].clone();
    let post_only = params(Wish { flags: order_flags::POST_ONLY, ..wish() });
    assert_eq!(post_only["timeInForce"], "GTX");
    let until = params(Wish { tif: Some(Tif::Gtd), ts_expire: Some(NOW + 1_000_000), ..wish() });
    assert_eq!(until["timeInForce"], "GTD");
    assert_eq!(until["goodTillDate"], json("1767323045679"));
    let protected = params(Wish { price_protect: Some(amount("31000")), ..market() });
    assert_eq!(
        (&protected["type"], &protected["price"]),
        (&json(r#""LIMIT""#), &json(r#""31000""#))
    );
    assert_eq!(protected["timeInForce"], "IOC");
}

#[test]
fn orders_that_wait_are_placed_in_a_list_of_their_own() {
    let placed = |wish| sent(gateway().write(&submit(wish), NOW));
    let limit = placed(stop(OrderKind::StopLimit, Some("31100")));
    assert_eq!(limit["method"], "algoOrder.place");
    let params = &limit["params"];
    assert_eq!((&params["type"], &params["clientAlgoId"]), (&json(r#""STOP""#), &json(r#""r-1""#)));
    assert_eq!(params["triggerPrice"], "31000");
    assert!(params.get("newClientOrderId").is_none());

    let flags = order_flags::CLOSE_POSITION;
    let closing = placed(Wish { flags, ..stop(OrderKind::StopMarket, None) });
    assert_eq!(closing["params"]["closePosition"], "true");
    assert!(closing["params"].get("quantity").is_none());

    let trail =
        Trail { offset: amount("150"), unit: OffsetUnit::Bps, activation: Some(amount("32000")) };
    let trailing = Wish {
        trigger: Some(Trigger {
            price: amount("0"),
            source: TriggerSource::Mark,
            direction: TriggerDirection::Up,
            trail: Some(trail),
        }),
        ..stop(OrderKind::TrailingStopMarket, None)
    };
    let params = placed(trailing)["params"].clone();
    assert_eq!(
        (&params["callbackRate"], &params["activatePrice"]),
        (&json(r#""1.5""#), &json(r#""32000""#))
    );
    assert_eq!(params["workingType"], "MARK_PRICE");
}

#[test]
fn a_rehearsal_leaves_nothing() {
    let (mut rehearsed, mut plain) = (gateway(), gateway());
    rehearsed.rehearse("r-1", &Wish { side: OrderSide::Sell, ..wish() }, NOW);
    let order = submit(wish());
    assert_eq!(sent(rehearsed.write(&order, NOW)), sent(plain.write(&order, NOW)));
    let mut heard = [Vec::new(), Vec::new()];
    rehearsed.tick(i64::MAX, NOW, &mut heard[0]);
    plain.tick(i64::MAX, NOW, &mut heard[1]);
    assert_eq!(heard[0], heard[1], "what is in flight");
}

#[test]
fn a_change_is_made_in_place() {
    let mut gateway = ready();
    let change = Wish { size: amount("0.6"), price: Some(amount("30001")), ..wish() };
    let asked = sent(gateway.write(&replace_with("0.1", "r-1", change.clone()), NOW));
    assert_eq!(asked["method"], "order.modify");
    assert_eq!(asked["params"]["quantity"], "0.6");
    assert_eq!(asked["params"]["origClientOrderId"], "r-1");
    let done = order(
        r#"{"price":"30001","origQty":"0.6","executedQty":"0.1","status":"PARTIALLY_FILLED"}"#,
    );
    let report = only(reply(&mut gateway, &asked["id"], &done));
    let expected = What::Replaced { price: Some(amount("30001")), size: amount("0.6") };
    assert_eq!((&*report.client_id, report.what), ("r-1", expected));

    // Filled beyond the new size meanwhile, the order ends.
    let asked = sent(gateway.write(&replace_with("0.1", "r-1", change), NOW));
    let ended = order(r#"{"executedQty":"0.6","status":"CANCELED"}"#);
    assert!(matches!(only(reply(&mut gateway, &asked["id"], &ended)).what, What::Cancelled { .. }));
}

#[test]
fn a_cancel_looks_in_both_lists() {
    let mut gateway = ready();
    let first = sent(gateway.write(&cancel(), NOW));
    assert_eq!(first["method"], "order.cancel");
    let second = text(next(refuse(&mut gateway, &first["id"], -2011)));
    assert_eq!(
        (&second["method"], &second["params"]["clientAlgoId"]),
        (&json(r#""algoOrder.cancel""#), &json(r#""r-1""#))
    );
    let report = only(reply(&mut gateway, &second["id"], &algo(r#"{"algoStatus":"CANCELED"}"#)));
    assert!(matches!(report.what, What::Cancelled { .. }));

    // One that waits is looked for where it waits, and in the book if it came meanwhile.
    gateway.write(&submit(stop(OrderKind::StopMarket, None)), NOW).unwrap();
    let first = sent(gateway.write(&cancel(), NOW));
    assert_eq!(first["method"], "algoOrder.cancel");
    let second = text(next(refuse(&mut gateway, &first["id"], -2011)));
    assert_eq!(second["method"], "order.cancel");
    let report = only(refuse(&mut gateway, &second["id"], -2011));
    assert!(
        matches!(report.what, What::CancelRejected(refusal) if refusal.reason == RefusalKind::UnknownOrder)
    );
}

#[test]
fn a_query_finds_what_a_conditional_order_became() {
    let mut gateway = ready();
    let first = sent(gateway.write(&query(), NOW));
    let second = call(next(refuse(&mut gateway, &first["id"], -2013)));
    assert!(second.path.starts_with("/fapi/v1/algoOrder?clientAlgoId=r-1&"), "{}", second.path);
    let came = algo(r#"{"algoStatus":"FINISHED","actualOrderId":"78"}"#);
    let third = text(next(answered(&mut gateway, second.id, 200, &came)));
    assert_eq!(third["params"]["orderId"], json("78"));
    let filled =
        order(r#"{"orderId":78,"clientOrderId":"other","executedQty":"0.5","status":"FILLED"}"#);
    let report = only(reply(&mut gateway, &third["id"], &filled));
    assert_eq!(&*report.client_id, "r-1");
    assert!(matches!(report.what, What::Picture(picture) if picture.state == OrderState::Filled));

    let first = sent(gateway.write(&query(), NOW));
    let second = call(next(refuse(&mut gateway, &first["id"], -2013)));
    let missing = r#"{"code":-2013,"msg":"Order does not exist."}"#;
    let report = only(answered(&mut gateway, second.id, 400, missing));
    assert_eq!(report.what, What::NotFound);
}

#[test]
fn a_query_that_fails_says_so() {
    let mut gateway = ready();
    let first = sent(gateway.write(&query(), NOW));
    let second = call(next(refuse(&mut gateway, &first["id"], -2013)));
    let report = only(failed(&mut gateway, second.id, true));
    let What::Ended { request, outcome, .. } = report.what else { panic!() };
    assert_eq!((request, outcome), (OrderEvent::OutcomeUnknown, Outcome::NotSent));
}

#[test]
fn executions_have_kinds_by_who_made_the_order() {
    let mut gateway = ready();
    let fill = |c: &str, x: &str| {
        update(&format!(
            r#"{{"c":"{c}","x":"{x}","X":"FILLED","l":"0.5","z":"0.5","L":"29999","t":12,"n":"0.1","N":"USDT",
            "ps":"SHORT"}}"#
        ))
    };
    let kinds = [
        ("r-1", "TRADE", FillKind::Trade),
        ("autoclose-1", "TRADE", FillKind::Liquidation),
        ("autoclose-1", "CALCULATED", FillKind::Liquidation),
        ("adl_autoclose", "TRADE", FillKind::Adl),
        ("settlement_autoclose-9", "TRADE", FillKind::Settlement),
        ("delivery_autoclose-9", "TRADE", FillKind::Delivery),
    ];
    for (client_id, sort, kind) in kinds {
        let report = only(read(&mut gateway, PRIVATE, &fill(client_id, sort)));
        let What::Fill(fill) = report.what else { panic!("{client_id}") };
        assert_eq!((fill.kind, fill.size), (kind, amount("0.5")));
        assert_eq!(fill.position_side, Some(PositionSide::Short));
        assert_eq!(fill.size_filled, Some(amount("0.5")));
    }
    let early = r#"{"e":"TRADE_LITE","E":1,"T":1,"s":"BTCUSDT","q":"0.5","p":"0","m":false,
        "c":"r-1","S":"BUY","L":"29999","l":"0.5","t":12,"i":77}"#;
    assert_eq!(read(&mut gateway, PRIVATE, early), []);
}

#[test]
fn the_stream_tells_how_orders_end_and_change() {
    let mut gateway = ready();
    let mut what = |changes: &str| only(read(&mut gateway, PRIVATE, &update(changes))).what;
    assert_eq!(what("{}"), What::Accepted);
    let amended = what(r#"{"x":"AMENDMENT","p":"30001","q":"0.6"}"#);
    assert_eq!(amended, What::Replaced { price: Some(amount("30001")), size: amount("0.6") });
    let cancelled = what(r#"{"x":"CANCELED","X":"CANCELED","z":"0.2"}"#);
    assert!(
        matches!(cancelled, What::Cancelled { size_filled: Some(filled), .. } if filled == amount("0.2"))
    );
    let taker = what(r#"{"x":"EXPIRED","X":"EXPIRED","f":"GTX"}"#);
    assert!(
        matches!(taker, What::Expired { refusal: Some(refusal), .. } if refusal.reason == RefusalKind::WouldTake)
    );
    let expired = what(r#"{"x":"EXPIRED","X":"EXPIRED","f":"GTD"}"#);
    assert!(
        matches!(expired, What::Expired { refusal: Some(refusal), .. } if refusal.reason == RefusalKind::Other)
    );
}

#[test]
fn a_conditional_order_keeps_its_name_when_it_comes_to_the_book() {
    let mut gateway = ready();
    let event = |status: &str, became: &str| {
        format!(
            r#"{{"e":"ALGO_UPDATE","T":1767323045699,"E":1,"o":{{"caid":"r-1","aid":9001,"at":"CONDITIONAL",
            "o":"STOP_MARKET","s":"BTCUSDT","S":"BUY","ps":"BOTH","f":"GTC","q":"0.5","X":"{status}",
            "ai":"{became}","rm":"Reduce Only reject"}}}}"#
        )
    };
    let mut told = |status: &str, became: &str| read(&mut gateway, PRIVATE, &event(status, became));
    assert_eq!(only(told("NEW", "")).what, What::Accepted);
    assert_eq!(only(told("TRIGGERING", "")).what, What::Triggered);
    assert_eq!(only(told("TRIGGERED", "78")).what, What::Triggered);
    let fill = update(
        r#"{"i":78,"c":"made-by-the-venue","x":"TRADE","X":"FILLED","l":"0.5","z":"0.5","L":"1","t":3}"#,
    );
    let report = only(read(&mut gateway, PRIVATE, &fill));
    assert_eq!((&*report.client_id, report.venue_order_id.as_deref()), ("r-1", Some("78")));
    let mut told = |status: &str, became: &str| read(&mut gateway, PRIVATE, &event(status, became));
    assert_eq!(told("FINISHED", "78"), []);
    let What::Rejected(refusal) = only(told("REJECTED", "")).what else { panic!() };
    assert_eq!(&*refusal.detail, "Reduce Only reject");
}

#[test]
fn positions_are_told_and_asked_for() {
    let mut gateway = ready();
    let event = r#"{"e":"ACCOUNT_UPDATE","E":1,"T":1767323045699,"a":{"m":"ORDER","B":[{"a":"USDT",
        "wb":"100","cw":"100","bc":"0"}],"P":[{"s":"BTCUSDT","pa":"-10","ep":"6563.86","bep":"1",
        "cr":"0","up":"0","mt":"cross","iw":"0","ps":"SHORT"},{"s":"XRPUSDT","pa":"1","ep":"1","ps":"BOTH"}]}}"#;
    let Heard::Position(position) = one(read(&mut gateway, PRIVATE, event)) else { panic!() };
    assert_eq!((position.size, position.side), (amount("-10"), PositionSide::Short));
    assert_eq!(position.ts_event, 1_767_323_045_699_000_000);

    let asked = call(gateway.ask(Question::Positions, NOW));
    let signed = asked.path.split_once('?').unwrap().1.split_once("&signature=").unwrap();
    assert_eq!(signed.0, "timestamp=1767323045678");
    assert_eq!(signed.1, Signer::new("secret").unwrap().sign(signed.0));
    let rows = r#"[{"symbol":"BTCUSDT","positionAmt":"0.001","entryPrice":"22185.2","positionSide":"BOTH",
        "updateTime":1655217461579}]"#;
    let heard = answered(&mut gateway, asked.id, 200, rows);
    let [Heard::Answer(_, Answer::Positions(positions))] = &heard[..] else { panic!() };
    assert_eq!(positions[0].price_entry, Some(amount("22185.2")));
}

#[test]
fn open_profit_can_be_used_and_is_not_owned() {
    for (profit, available, usable) in [("300", "1250", "1300"), ("-300", "650", "700")] {
        let mut gateway = ready();
        let asked = call(gateway.ask(Question::Balances, NOW));
        let rows = format!(
            r#"[{{"asset":"USDT","balance":"1000","crossWalletBalance":"1000",
            "crossUnPnl":"{profit}","availableBalance":"{available}","updateTime":1}}]"#
        );
        let heard = answered(&mut gateway, asked.id, 200, &rows);
        let [Heard::Answer(_, Answer::Balances(balances))] = &heard[..] else {
            panic!("{heard:?}")
        };
        let balance = balances[0];
        assert_eq!((balance.total, balance.locked), (amount("1000"), amount("50")));
        assert_eq!((balance.available, balance.usable()), (amount(available), amount(usable)));
    }
}

#[test]
fn open_orders_are_those_of_both_lists() {
    let mut gateway = ready();
    let first = call(gateway.ask(Question::OpenOrders, NOW));
    let second = call(next_page(&mut gateway, first.id, &format!("[{}]", order("{}"))));
    assert!(second.path.starts_with("/fapi/v1/openAlgoOrders?"));
    let waiting = algo(r#"{"clientAlgoId":"r-9"}"#);
    let heard = answered(&mut gateway, second.id, 200, &format!("[{waiting}]"));
    let [Heard::Answer(_, Answer::Reports(reports))] = &heard[..] else { panic!() };
    let ids: Vec<_> = reports.iter().map(|report| &*report.client_id).collect();
    assert_eq!(ids, ["r-1", "r-9"]);

    let first = call(gateway.ask(Question::OpenOrders, NOW));
    let second = call(next_page(&mut gateway, first.id, "[]"));
    let heard = answered(&mut gateway, second.id, 502, "<html>");
    assert!(matches!(&heard[..], [Heard::Answer(_, Answer::Failed(_))]));
}

#[test]
fn fills_are_asked_for_week_by_week_until_there_are_some() {
    let mut gateway = ready();
    let from = NOW - 10 * 24 * 60 * MINUTE;
    let first = call(gateway.ask(Question::Fills(FIRST, from), NOW));
    let start = from / 1_000_000;
    assert!(first.path.contains(&format!("startTime={start}")), "{}", first.path);
    let second = call(next_page(&mut gateway, first.id, "[]"));
    let start = start + 7 * 24 * 3600 * 1000;
    assert!(second.path.contains(&format!("startTime={start}")), "{}", second.path);
    let trade = r#"[{"id":5,"orderId":77,"side":"SELL","price":"1","qty":"2","commission":"0.1",
        "commissionAsset":"USDT","time":1767323045699,"positionSide":"BOTH","maker":true}]"#;
    let heard = answered(&mut gateway, second.id, 200, trade);
    let [Heard::Answer(_, Answer::Reports(reports))] = &heard[..] else { panic!("{heard:?}") };
    assert!(matches!(&reports[0].what, What::Fill(fill) if fill.side == OrderSide::Sell));

    // Some in the first week: those behind them follow by number.
    let first = call(gateway.ask(Question::Fills(FIRST, from), NOW));
    let second = call(next_page(&mut gateway, first.id, trade));
    assert!(second.path.contains("fromId=6&"), "{}", second.path);
    let heard = answered(&mut gateway, second.id, 200, "[]");
    let [Heard::Answer(_, Answer::Reports(reports))] = &heard[..] else { panic!("{heard:?}") };
    assert_eq!(reports.len(), 1);
}

#[test]
fn funding_of_one_of_two_positions_is_that_of_the_side_that_the_stream_names() {
    let mut gateway = ready();
    let event = |change: &str, position: &str| {
        format!(
            r#"{{"e":"ACCOUNT_UPDATE","E":1,"T":1767323045699,"a":{{"m":"FUNDING_FEE","B":[
            {{"a":"USDT","wb":"100","cw":"100","bc":"{change}"}}],"P":[{position}]}}}}"#
        )
    };
    let short = r#"{"s":"BTCUSDT","pa":"-2","ep":"100","ps":"SHORT","cr":"0","up":"0","mt":"isolated","iw":"1"}"#;
    read(&mut gateway, PRIVATE, &event("0.30000000", short));
    // Of shared positions nothing is said.
    read(&mut gateway, PRIVATE, &event("-0.50000000", ""));
    let asked = call(gateway.ask(Question::Payments(NOW - 1), NOW));
    let row = |income: &str, at: &str, number: u8| {
        format!(
            r#"{{"symbol":"BTCUSDT","incomeType":"FUNDING_FEE","income":"{income}",
            "asset":"USDT","info":"FUNDING_FEE","time":{at},"tranId":{number},"tradeId":""}}"#
        )
    };
    let (then, before) = ("1767323044000", "1767294244000");
    let rows = [row("0.30000000", then, 1), row("-0.50000000", then, 2), row("0.3", before, 3)];
    let heard = answered(&mut gateway, asked.id, 200, &format!("[{}]", rows.join(",")));
    let [Heard::Answer(_, Answer::Reports(reports))] = &heard[..] else { panic!("{heard:?}") };
    let side = |report: &Report| match &report.what {
        What::Fill(fill) => fill.position_side,
        other => panic!("{other:?}"),
    };
    let sides: Vec<_> = reports.iter().map(side).collect();
    assert_eq!(sides, [Some(PositionSide::Short), None, None]);
}

#[test]
fn funding_is_asked_for_week_by_week_and_once_it_is_told() {
    let mut gateway = ready();
    assert!(gateway.tells_payments());
    let event = r#"{"e":"ACCOUNT_UPDATE","E":1,"T":1767323045699,"a":{"m":"FUNDING_FEE","B":[
        {"a":"USDT","wb":"100","cw":"100","bc":"-0.5"}]}}"#;
    let Heard::Ask(asked) = one(read(&mut gateway, PRIVATE, event)) else { panic!() };
    assert_eq!(asked, Question::Payments((1_767_323_045_699 - 60_000) * 1_000_000));

    let from = NOW - 10 * 24 * 60 * MINUTE;
    let first = call(gateway.ask(Question::Payments(from), NOW));
    assert!(first.path.starts_with("/fapi/v1/income?"), "{}", first.path);
    for part in ["incomeType=FUNDING_FEE&", &format!("startTime={}&", from / 1_000_000)] {
        assert!(first.path.contains(part), "{}", first.path);
    }
    // A page that is full goes on where it ends, and the same moment may be on both.
    let row = |number: usize, symbol: &str| {
        format!(
            r#"{{"symbol":"{symbol}","incomeType":"FUNDING_FEE","income":"-0.50000000",
            "asset":"USDT","info":"FUNDING_FEE","time":1767000000000,"tranId":{number},"tradeId":""}}"#
        )
    };
    let page = (0..1000).map(|number| row(number, "BTCUSDT")).collect::<Vec<_>>().join(",");
    let second = call(next_page(&mut gateway, first.id, &format!("[{page}]")));
    assert!(second.path.contains("startTime=1767000000000&"), "{}", second.path);
    let third = call(next_page(&mut gateway, second.id, &format!("[{}]", row(999, "BTCUSDT"))));
    let start = from / 1_000_000 + 7 * 24 * 3600 * 1000;
    assert!(third.path.contains(&format!("startTime={start}&")), "{}", third.path);
    let heard = answered(&mut gateway, third.id, 200, &format!("[{}]", row(1, "XRPUSDT")));
    let [Heard::Answer(_, Answer::Reports(reports))] = &heard[..] else { panic!("{heard:?}") };
    assert_eq!((reports.len(), &*reports[0].client_id), (1001, ""));
    let What::Fill(fill) = &reports[7].what else { panic!("{reports:?}") };
    let usdt = gateway.session.desk.directory.asset("USDT").unwrap();
    assert_eq!((&*fill.fill_id, fill.kind), ("funding:7", FillKind::Funding));
    assert_eq!(fill.fee, Some((amount("0.5"), usdt)));
}

#[test]
fn a_line_takes_only_its_own_requests_with_it() {
    let mut gateway = ready();
    gateway.write(&submit(wish()), NOW).unwrap();
    gateway.ask(Question::Balances, NOW);
    let mut heard = Vec::new();
    gateway.closed(PRIVATE, NOW, &mut heard);
    assert_eq!(heard, []);
    gateway.closed(TRADING, NOW, &mut heard);
    assert!(matches!(only(heard).what, What::Ended { outcome: Outcome::Unknown, .. }));
}
