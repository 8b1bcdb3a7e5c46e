use rustonite_core::datasets::{
    FillKind, InstrumentKind, OrderEvent, OrderKind, OrderState, PositionSide, Tif,
    TriggerDirection, order_flags,
};

use super::{Bybit, Category, PRIVATE, TRADING};
use crate::gateway::testing::{
    FIRST, NOW, amount, answered, call, cancel, changed, json, market, next, next_page, one, only,
    query, query_of_number, read, replace, sent, submit, text, trigger, wish,
};
use crate::gateway::{Answer, Contracts, Gateway as _, Heard, Question, Signer, testing};
use crate::report::{RefusalKind, What};
use crate::wish::Wish;

fn of(name: &str, category: Category, kind: InstrumentKind) -> Bybit {
    let (directory, venue, account) = testing::directory(name, "BTCUSDT", kind, "BTC", "USDT");
    let signer = Signer::new("test-bybit-secret").unwrap();
    Bybit::new(directory, venue, account, category, "test-bybit-key".to_owned(), signer)
}

fn linear() -> Bybit {
    of("bybit-linear", Category::Linear, InstrumentKind::Perpetual)
}

fn spot() -> Bybit {
    of("bybit-spot", Category::Spot, InstrumentKind::Spot)
}

fn update(changes: &str) -> String {
    let row = changed(
        r#"{"category":"linear","symbol":"BTCUSDT","orderId":"o-77","orderLinkId":"r-1","side":"Buy",
        "orderStatus":"New","cancelType":"UNKNOWN","rejectReason":"EC_NoError","timeInForce":"GTC",
        "price":"30000","qty":"0.5","avgPrice":"0","cumExecQty":"0","orderType":"Limit",
        "updatedTime":"1767323045699"}"#,
        changes,
    );
    format!(r#"{{"topic":"order","id":"a","creationTime":1767323045700,"data":[{row}]}}"#)
}

fn execution(changes: &str) -> String {
    let row = changed(
        r#"{"category":"linear","symbol":"BTCUSDT","execFee":"0.01","execId":"e-1","execPrice":"29999.5",
        "execQty":"0.2","execType":"Trade","isMaker":true,"leavesQty":"0.3","orderId":"o-77",
        "orderLinkId":"r-1","side":"Buy","execTime":"1767323045699"}"#,
        changes,
    );
    format!(r#"{{"topic":"execution","id":"a","creationTime":1767323045700,"data":[{row}]}}"#)
}

fn reply(gateway: &mut Bybit, code: i64) -> Vec<Heard> {
    let text = format!(
        r#"{{"reqId":"1","retCode":{code},"retMsg":"words","op":"order.create",
        "data":{{"orderId":"o-77","orderLinkId":"r-1"}},"header":{{}},"connId":"a"}}"#
    );
    read(gateway, TRADING, &text)
}

#[test]
fn both_lines_log_on() {
    let mut gateway = linear();
    let at = 1_767_323_045_678_000_000;
    let log_on = text(gateway.opened(TRADING, at).pop().unwrap());
    let expected = "bf2b784015c3949d6e142b97a42bc72ceef7237c1c7118dc5e8b73b485d5c6e9";
    assert_eq!(log_on["args"], json(&format!(r#"["test-bybit-key",1767323055678,"{expected}"]"#)));
    gateway.opened(PRIVATE, at);
    let trading = r#"{"op":"auth","success":true,"retCode":0,"retMsg":"","connId":"a"}"#;
    assert_eq!(read(&mut gateway, TRADING, trading), []);
    let private = r#"{"success":true,"ret_msg":"","op":"auth","conn_id":"a"}"#;
    let subscribe = text(next(read(&mut gateway, PRIVATE, private)));
    assert_eq!(subscribe["args"], json(r#"["order","execution","wallet","position"]"#));
    let subscribed = r#"{"success":true,"ret_msg":"","op":"subscribe","conn_id":"a"}"#;
    assert_eq!(read(&mut gateway, PRIVATE, subscribed), [Heard::Ready]);
    let refused =
        r#"{"op":"auth","success":false,"retCode":10003,"retMsg":"Invalid apikey","connId":"a"}"#;
    let Heard::Closed(refusal) = one(read(&mut gateway, TRADING, refused)) else { panic!() };
    assert_eq!(refusal.reason, RefusalKind::Authentication);
    assert_eq!(gateway.tick(0, at, &mut Vec::new()).len(), 2);
    assert_eq!(gateway.tick(0, at + 19_000_000_000, &mut Vec::new()), []);
}

#[test]
fn orders_have_the_words_of_the_venue() {
    let of = |gateway: &mut Bybit, wish| sent(gateway.write(&submit(wish), NOW))["args"][0].clone();
    let expected = r#"{"category":"linear","symbol":"BTCUSDT","orderLinkId":"r-1","side":"Buy",
        "orderType":"Limit","qty":"0.5","price":"30000","timeInForce":"GTC"}"#;
    assert_eq!(of(&mut linear(), wish()), json(expected));
    let post_only = of(&mut linear(), Wish { tif: Some(Tif::Gtx), ..wish() });
    assert_eq!(post_only["timeInForce"], "PostOnly");
    let stop = Wish {
        kind: OrderKind::StopMarket,
        trigger: Some(trigger("31000", TriggerDirection::Up)),
        position_side: Some(PositionSide::Long),
        ..market()
    };
    let of_contract = of(&mut linear(), stop.clone());
    assert_eq!(
        (&of_contract["triggerDirection"], &of_contract["positionIdx"]),
        (&json("1"), &json("1"))
    );
    let stop = Wish { position_side: None, ..stop };
    assert_eq!(of(&mut spot(), stop)["orderFilter"], "StopOrder");
    let money = of(&mut spot(), Wish { size_quote: Some(amount("100")), ..market() });
    assert_eq!((&money["qty"], &money["marketUnit"]), (&json(r#""100""#), &json(r#""quoteCoin""#)));
    assert_eq!(of(&mut spot(), market())["marketUnit"], "baseCoin");
}

#[test]
fn an_order_says_which_of_two_positions_it_is_for() {
    let mut gateway = linear();
    assert!(gateway.hedge() && !spot().hedge());
    let of = |position_side, flags| Wish { position_side: Some(position_side), flags, ..market() };
    let reduces = order_flags::REDUCE_ONLY;
    let closing = sent(gateway.write(&submit(of(PositionSide::Short, reduces)), NOW));
    let closing = &closing["args"][0];
    assert_eq!((&closing["positionIdx"], &closing["reduceOnly"]), (&json("2"), &json("true")));
    let opening = sent(gateway.write(&submit(of(PositionSide::Long, 0)), NOW));
    assert_eq!(opening["args"][0]["positionIdx"], 1);
    let refused = gateway.write(&submit(of(PositionSide::Long, reduces)), NOW).unwrap_err();
    assert_eq!(refused.reason, RefusalKind::Rules);
}

#[test]
fn each_symbol_has_its_mode_of_positions() {
    let told = |rows: &[(u8, &str)]| {
        let mut gateway = linear();
        let asked = call(gateway.ask(Question::Contracts, NOW));
        assert_eq!(asked.path, "/v5/position/list?category=linear&symbol=BTCUSDT");
        let row = |(place, leverage): &(u8, &str)| {
            format!(
                r#"{{"positionIdx":{place},"symbol":"BTCUSDT","side":"","size":"0","leverage":"{leverage}"}}"#
            )
        };
        let rows = rows.iter().map(row).collect::<Vec<_>>().join(",");
        let body = format!(r#"{{"retCode":0,"retMsg":"OK","result":{{"list":[{rows}]}}}}"#);
        one(answered(&mut gateway, asked.id, 200, &body))
    };
    let of = |contracts| Heard::Answer(Question::Contracts, Answer::Contracts(contracts));
    let five = (FIRST, amount("5"));
    let net = Contracts { leverage: vec![five], hedging: vec![(FIRST, false)] };
    assert_eq!(told(&[(0, "5")]), of(net));
    let leverage = vec![five, (FIRST, amount("7"))];
    let both = Contracts { leverage, hedging: vec![(FIRST, true); 2] };
    assert_eq!(told(&[(1, "5"), (2, "7")]), of(both));
}

#[test]
fn an_execution_in_hedge_mode_closes_one_position_or_opens_the_other() {
    use PositionSide::{Long, Short};
    let side_of = |gateway: &mut Bybit, changes: &str| {
        let What::Fill(fill) = only(read(gateway, PRIVATE, &execution(changes))).what else {
            panic!()
        };
        fill.position_side
    };
    let mut hedged = linear();
    hedged.hedge();
    let expected = [("Buy", "0", Long), ("Buy", "0.2", Short), ("Sell", "0", Short)];
    for (side, closed, position) in expected.into_iter().chain([("Sell", "0.2", Long)]) {
        let changes = format!(r#"{{"side":"{side}","closedSize":"{closed}"}}"#);
        assert_eq!(side_of(&mut hedged, &changes), Some(position), "{changes}");
        assert_eq!(side_of(&mut linear(), &changes), None);
    }
    // Whose it was is not said.
    assert_eq!(side_of(&mut hedged, r#"{"execType":"Funding","closedSize":"0"}"#), None);
    assert_eq!(side_of(&mut hedged, "{}"), None);
}

#[test]
fn a_reply_only_takes_a_request() {
    let mut gateway = linear();
    gateway.write(&submit(wish()), NOW).unwrap();
    let report = only(reply(&mut gateway, 0));
    assert_eq!((report.what, report.venue_order_id.as_deref()), (What::Accepted, Some("o-77")));

    let mut gateway = linear();
    gateway.write(&cancel(), NOW).unwrap();
    assert_eq!(reply(&mut gateway, 0), []);
    let cancelled =
        update(r#"{"orderStatus":"Cancelled","cancelType":"CancelByUser","cumExecQty":"0.2"}"#);
    let what = only(read(&mut gateway, PRIVATE, &cancelled)).what;
    assert!(
        matches!(what, What::Cancelled { size_filled: Some(filled), .. } if filled == amount("0.2"))
    );
    let mut heard = Vec::new();
    gateway.tick(i64::MAX, NOW, &mut heard);
    assert_eq!(heard, []);

    let mut gateway = linear();
    gateway.write(&cancel(), NOW).unwrap();
    reply(&mut gateway, 0);
    gateway.closed(PRIVATE, NOW, &mut heard);
    let What::Ended { request, .. } = only(heard).what else { panic!() };
    assert_eq!(request, OrderEvent::CancelAsked);
}

#[test]
fn a_change_is_done_when_the_order_is_as_it_was_to_be() {
    let mut gateway = linear();
    let asked = sent(gateway.write(&replace("0.1"), NOW));
    assert_eq!(
        (&asked["op"], &asked["args"][0]["qty"]),
        (&json(r#""order.amend""#), &json(r#""0.6""#))
    );
    assert_eq!(reply(&mut gateway, 0), []);
    // One that was on its way before is no change.
    let before = update(r#"{"orderStatus":"PartiallyFilled","cumExecQty":"0.1"}"#);
    assert_eq!(read(&mut gateway, PRIVATE, &before), []);
    let after = update(
        r#"{"orderStatus":"PartiallyFilled","cumExecQty":"0.1","qty":"0.6","price":"30001"}"#,
    );
    let report = only(read(&mut gateway, PRIVATE, &after));
    assert_eq!(report.what, What::Replaced { price: Some(amount("30001")), size: amount("0.6") });
    let mut heard = Vec::new();
    gateway.tick(i64::MAX, NOW, &mut heard);
    assert_eq!(heard, []);
}

#[test]
fn the_stream_tells_fills_and_ends() {
    let mut gateway = linear();
    let What::Fill(fill) = only(read(&mut gateway, PRIVATE, &execution("{}"))).what else {
        panic!()
    };
    let usdt = gateway.desk.directory.asset("USDT").unwrap();
    assert_eq!((&*fill.fill_id, fill.fee), ("e-1", Some((amount("0.01"), usdt))));
    // Nobody's order is behind funding. This was received.
    let funding = execution(r#"{"execType":"Funding","execId":"e-2","execFee":"-0.25"}"#);
    let report = only(read(&mut gateway, PRIVATE, &funding));
    assert_eq!((&*report.client_id, report.venue_order_id), ("", None));
    let What::Fill(fill) = report.what else { panic!() };
    assert_eq!((&*fill.fill_id, fill.kind), ("e-2", FillKind::Funding));
    assert_eq!(fill.fee, Some((amount("-0.25"), usdt)));
    assert_eq!(read(&mut gateway, PRIVATE, &execution(r#"{"execType":"MovePosition"}"#)), []);
    assert_eq!(read(&mut gateway, PRIVATE, &execution(r#"{"category":"spot"}"#)), []);
    let mut what = |changes: &str| only(read(&mut gateway, PRIVATE, &update(changes))).what;
    assert_eq!(what("{}"), What::Accepted);
    assert_eq!(what(r#"{"orderStatus":"Triggered"}"#), What::Triggered);
    let taker = r#"{"orderStatus":"Cancelled","rejectReason":"EC_PostOnlyWillTakeLiquidity"}"#;
    assert!(
        matches!(what(taker), What::Cancelled { refusal: Some(refusal), .. } if refusal.reason == RefusalKind::WouldTake)
    );
    let late = r#"{"orderStatus":"Cancelled","rejectReason":"EC_NoImmediateQtyToFill"}"#;
    assert!(matches!(what(late), What::Expired { .. }));
    assert!(matches!(what(r#"{"orderStatus":"Rejected"}"#), What::Rejected(_)));
    let partly = r#"{"orderStatus":"Rejected","cumExecQty":"0.2"}"#;
    assert!(matches!(what(partly), What::Expired { size_filled: Some(_), .. }));
    assert_eq!(read(&mut gateway, PRIVATE, &update(r#"{"orderStatus":"Filled"}"#)), []);
}

#[test]
fn fees_of_spot_are_taken_from_what_is_received() {
    let mut gateway = spot();
    let buy = execution(r#"{"category":"spot"}"#);
    let What::Fill(fill) = only(read(&mut gateway, PRIVATE, &buy)).what else { panic!() };
    assert_eq!(fill.fee.unwrap().1, gateway.desk.directory.asset("BTC").unwrap());
}

#[test]
fn an_order_is_looked_for_in_the_present_and_in_the_past() {
    let mut gateway = linear();
    let asked = call(gateway.write(&query(), NOW).unwrap());
    assert_eq!(asked.path, "/v5/order/realtime?category=linear&symbol=BTCUSDT&orderLinkId=r-1");
    let signed = "1767323045678test-bybit-key5000category=linear&symbol=BTCUSDT&orderLinkId=r-1";
    let sign = Signer::new("test-bybit-secret").unwrap().sign(signed);
    assert!(asked.headers.contains(&("X-BAPI-SIGN", sign)));
    let empty = r#"{"retCode":0,"retMsg":"OK","result":{"list":[],"nextPageCursor":""}}"#;
    let asked = call(next(answered(&mut gateway, asked.id, 200, empty)));
    assert!(asked.path.starts_with("/v5/order/history?"), "{}", asked.path);
    assert_eq!(only(answered(&mut gateway, asked.id, 200, empty)).what, What::NotFound);

    let asked = call(gateway.write(&query(), NOW).unwrap());
    let row = r#"{"symbol":"BTCUSDT","orderId":"o-77","orderLinkId":"r-1","side":"Sell","price":"1","qty":"2",
        "orderStatus":"Filled","cumExecQty":"2","avgPrice":"1.5","updatedTime":"1767323045699"}"#;
    let body = format!(r#"{{"retCode":0,"retMsg":"OK","result":{{"list":[{row}]}}}}"#);
    let what = only(answered(&mut gateway, asked.id, 200, &body)).what;
    assert!(matches!(what, What::Picture(one) if one.state == OrderState::Filled));

    let asked = call(gateway.ask(Question::OpenOrders, NOW));
    assert!(asked.path.ends_with("&settleCoin=USDT"), "{}", asked.path);
    let open = row.replace("Filled", "New");
    let body = format!(
        r#"{{"retCode":0,"retMsg":"OK","result":{{"list":[{open},{row}],"nextPageCursor":"p%3D1"}}}}"#
    );
    let asked = call(next_page(&mut gateway, asked.id, &body));
    assert!(asked.path.ends_with("&cursor=p%3D1"), "{}", asked.path);
    let heard = answered(&mut gateway, asked.id, 200, empty);
    assert!(
        matches!(&heard[..], [Heard::Answer(_, Answer::Reports(reports))] if reports.len() == 1)
    );
}

#[test]
fn fills_are_asked_for_week_by_week() {
    let mut gateway = linear();
    let from = NOW - 8 * 24 * 3600 * 1_000_000_000;
    let asked = call(gateway.ask(Question::Fills(FIRST, from), NOW));
    let row = r#"{"symbol":"BTCUSDT","execFee":"0","execId":"e-1","execPrice":"1","execQty":"2",
        "execType":"Trade","isMaker":true,"orderId":"o","orderLinkId":"r-1","side":"Buy","execTime":"1"}"#;
    let body =
        format!(r#"{{"retCode":0,"retMsg":"OK","result":{{"list":[{row}],"nextPageCursor":""}}}}"#);
    let asked = call(next_page(&mut gateway, asked.id, &body));
    let start = from / 1_000_000 + 7 * 24 * 3600 * 1000;
    assert!(asked.path.contains(&format!("startTime={start}&")), "{}", asked.path);
    let heard = answered(&mut gateway, asked.id, 200, &body);
    assert!(
        matches!(&heard[..], [Heard::Answer(_, Answer::Reports(reports))] if reports.len() == 2)
    );
}

#[test]
fn wallets_and_positions_are_told() {
    let mut gateway = linear();
    let wallet = r#"{"topic":"wallet","creationTime":1700034722104,"data":[{"coin":[{"coin":"USDT",
        "walletBalance":"100","locked":"0","totalOrderIM":"20","totalPositionIM":"30"}]}]}"#;
    let Heard::Balance(balance) = one(read(&mut gateway, PRIVATE, wallet)) else { panic!() };
    assert_eq!((balance.available, balance.locked), (amount("50"), amount("50")));
    let position = r#"{"topic":"position","creationTime":1,"data":[{"category":"linear","positionIdx":2,
        "symbol":"BTCUSDT","side":"Sell","size":"3","entryPrice":"10","updatedTime":"1"}]}"#;
    let Heard::Position(position) = one(read(&mut gateway, PRIVATE, position)) else { panic!() };
    assert_eq!((position.size, position.side), (amount("-3"), PositionSide::Short));
    let asked = call(gateway.ask(Question::Positions, NOW));
    let body = r#"{"retCode":0,"retMsg":"OK","result":{"list":[{"positionIdx":0,"symbol":"BTCUSDT",
        "side":"Buy","size":"3","avgPrice":"10","updatedTime":"1"}],"nextPageCursor":""}}"#;
    let heard = answered(&mut gateway, asked.id, 200, body);
    assert!(matches!(&heard[..], [Heard::Answer(_, Answer::Positions(rows))] if rows.len() == 1));
}

#[test]
fn an_order_without_a_client_id_is_asked_for_by_its_number() {
    let mut gateway = linear();
    let asked = call(gateway.write(&query_of_number(), NOW).unwrap());
    assert_eq!(asked.path, "/v5/order/realtime?category=linear&symbol=BTCUSDT&orderId=77");
    let empty = r#"{"retCode":0,"retMsg":"OK","result":{"list":[],"nextPageCursor":""}}"#;
    let asked = call(next(answered(&mut gateway, asked.id, 200, empty)));
    assert_eq!(asked.path, "/v5/order/history?category=linear&symbol=BTCUSDT&orderId=77");
    let report = only(answered(&mut gateway, asked.id, 200, empty));
    assert_eq!((report.venue_order_id.as_deref(), report.what), (Some("77"), What::NotFound));
}
