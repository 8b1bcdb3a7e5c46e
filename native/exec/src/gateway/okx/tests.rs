use rustonite_core::datasets::{
    FillKind, InstrumentKind, OrderEvent, OrderSide, OrderState, PositionSide, Tif, order_flags,
};

use super::Okx;
use crate::gateway::testing::{
    FIRST, NOW, amount, answered, call, cancel, changed, json, market, next, next_page, one, only,
    query, query_of_number, read, replace, sent, submit, text, wish,
};
use crate::gateway::{
    Answer, Contracts, Gateway as _, Heard, HttpAnswer, Outgoing, Question, Signer, testing,
};
use crate::report::{RefusalKind, What};
use crate::wish::Wish;

fn of(symbol: &str, kind: InstrumentKind) -> Okx {
    let (directory, venue, account) = testing::directory("okx", symbol, kind, "BTC", "USDT");
    let signer = Signer::new("test-okx-secret").unwrap();
    Okx::new(directory, venue, account, "key".to_owned(), signer, "pass".to_owned())
}

fn spot() -> Okx {
    of("BTC-USDT", InstrumentKind::Spot)
}

fn swap() -> Okx {
    of("BTC-USDT-SWAP", InstrumentKind::Perpetual)
}

fn update(changes: &str) -> String {
    let row = changed(
        r#"{"accFillSz":"0","amendResult":"","avgPx":"","cancelSource":"","category":"normal",
        "clOrdId":"r-1","code":"0","execType":"","fillFee":"0","fillFeeCcy":"","fillPx":"","fillSz":"0",
        "instId":"BTC-USDT","ordId":"77","posSide":"","px":"30000","side":"buy","state":"live",
        "sz":"0.5","tgtCcy":"","tradeId":"","uTime":"1767323045699","msg":""}"#,
        changes,
    );
    format!(r#"{{"arg":{{"channel":"orders","instType":"ANY"}},"data":[{row}]}}"#)
}

fn reply(gateway: &mut Okx, code: &str) -> Vec<Heard> {
    let text = format!(
        r#"{{"id":"1","op":"order","code":"1","msg":"","data":[{{"ordId":"77","clOrdId":"r-1",
        "ts":"1767323045699","sCode":"{code}","sMsg":"words"}}],"inTime":"1","outTime":"2"}}"#
    );
    read(gateway, 0, &text)
}

#[test]
fn the_private_line_logs_on_and_subscribes() {
    let mut gateway = spot();
    let login = text(gateway.opened(0, NOW).pop().unwrap());
    let who = &login["args"][0];
    assert_eq!(who["sign"], "qz+w3A5Xc0YKUCQZP8roXJczkuTDM1dwbjQbcDdgIIE=");
    assert_eq!(
        (&who["timestamp"], &who["passphrase"]),
        (&json(r#""1767323045""#), &json(r#""pass""#))
    );
    let subscribe = text(next(read(&mut gateway, 0, r#"{"event":"login","code":"0","msg":""}"#)));
    assert_eq!(subscribe["args"][0]["channel"], "orders");
    let subscribed =
        r#"{"event":"subscribe","arg":{"channel":"orders","instType":"ANY"},"connId":"a"}"#;
    assert_eq!(read(&mut gateway, 0, subscribed), [Heard::Ready]);
    let refused = r#"{"event":"error","code":"60009","msg":"Login failed."}"#;
    let Heard::Closed(refusal) = one(read(&mut gateway, 0, refused)) else { panic!() };
    assert_eq!(refusal.reason, RefusalKind::Authentication);
    assert!(!format!("{gateway:?}").contains("pass\""));
}

#[test]
fn a_silent_line_is_kept_alive() {
    let mut gateway = spot();
    assert_eq!(gateway.tick(0, NOW, &mut Vec::new()), []);
    gateway.opened(0, NOW);
    assert_eq!(gateway.tick(0, NOW + 19_000_000_000, &mut Vec::new()), []);
    let ping = Outgoing::Text { line: 0, text: "ping".to_owned() };
    assert_eq!(gateway.tick(0, NOW + 20_000_000_000, &mut Vec::new()), [ping]);
    assert_eq!(read(&mut gateway, 0, "pong"), []);
}

#[test]
fn orders_have_the_words_of_the_venue() {
    let placed = |gateway: &mut Okx, wish| sent(gateway.write(&submit(wish), NOW));
    let order = placed(&mut spot(), wish());
    let expected = r#"{"id":"1","op":"order","args":[{"instId":"BTC-USDT","clOrdId":"r-1","tdMode":"cash",
        "side":"buy","ordType":"limit","px":"30000","sz":"0.5"}],"expTime":"1767323050678"}"#;
    assert_eq!(order, json(expected));
    let of = |gateway: &mut Okx, wish| placed(gateway, wish)["args"][0].clone();
    let post_only = of(&mut spot(), Wish { flags: order_flags::POST_ONLY, ..wish() });
    assert_eq!(post_only["ordType"], "post_only");
    assert_eq!(of(&mut spot(), Wish { tif: Some(Tif::Fok), ..wish() })["ordType"], "fok");
    let money = of(&mut spot(), Wish { size_quote: Some(amount("100")), ..market() });
    assert_eq!((&money["sz"], &money["tgtCcy"]), (&json(r#""100""#), &json(r#""quote_ccy""#)));
    assert_eq!(of(&mut spot(), market())["tgtCcy"], "base_ccy");
    let reduces = Wish { flags: order_flags::REDUCE_ONLY, ..market() };
    let net = of(&mut swap(), reduces);
    assert_eq!((&net["reduceOnly"], net.get("posSide")), (&json("true"), None));
    assert_eq!(net["tdMode"], "cross");
    assert!(net.get("tgtCcy").is_none());
}

#[test]
fn an_order_says_which_of_two_positions_it_is_for() {
    let mut gateway = swap();
    assert!(gateway.hedge() && !spot().hedge());
    let of = |side, position_side, flags| Wish {
        side,
        position_side: Some(position_side),
        flags,
        ..market()
    };
    let reduces = order_flags::REDUCE_ONLY;
    let closing = of(OrderSide::Buy, PositionSide::Short, reduces);
    let closing = sent(gateway.write(&submit(closing), NOW))["args"][0].clone();
    // It cannot but reduce; the word for that is one of an account with one position.
    assert_eq!((&closing["posSide"], closing.get("reduceOnly")), (&json(r#""short""#), None));
    let opening = sent(gateway.write(&submit(of(OrderSide::Buy, PositionSide::Long, 0)), NOW));
    assert_eq!(opening["args"][0]["posSide"], "long");
    let refused = gateway.write(&submit(of(OrderSide::Buy, PositionSide::Long, reduces)), NOW);
    assert_eq!(refused.unwrap_err().reason, RefusalKind::Rules);
}

#[test]
fn the_mode_of_positions_is_that_of_the_account() {
    let told = |mode: &str| {
        let mut gateway = swap();
        let asked = call(gateway.ask(Question::Contracts, NOW));
        let path = "/api/v5/account/leverage-info?mgnMode=cross&instId=BTC-USDT-SWAP";
        assert_eq!(asked.path, path);
        let body = r#"{"code":"0","msg":"","data":[{"instId":"BTC-USDT-SWAP","lever":"5","mgnMode":"cross"}]}"#;
        let asked = call(next_page(&mut gateway, asked.id, body));
        assert_eq!(asked.path, "/api/v5/account/config");
        let body =
            format!(r#"{{"code":"0","msg":"","data":[{{"acctLv":"2","posMode":"{mode}"}}]}}"#);
        let mut heard = Vec::new();
        let answer = Ok(HttpAnswer { status: 200, headers: &[], body: body.as_bytes() });
        let read = gateway.answered(asked.id, answer, NOW, &mut heard);
        (one(heard), read.is_ok())
    };
    for (mode, hedges) in [("net_mode", false), ("long_short_mode", true)] {
        let contracts =
            Contracts { leverage: vec![(FIRST, amount("5"))], hedging: vec![(FIRST, hedges)] };
        let answer = Heard::Answer(Question::Contracts, Answer::Contracts(contracts));
        assert_eq!(told(mode), (answer, true));
    }
    let (Heard::Answer(_, answer), false) = told("another") else { panic!() };
    assert!(matches!(answer, Answer::Failed(_)), "{answer:?}");
}

#[test]
fn a_reply_says_what_became_of_one_order() {
    let mut gateway = spot();
    gateway.write(&submit(wish()), NOW).unwrap();
    let report = only(reply(&mut gateway, "0"));
    assert_eq!((report.what, report.venue_order_id.as_deref()), (What::Accepted, Some("77")));
}

#[test]
fn changes_and_cancels_are_over_when_the_stream_says_so() {
    let mut gateway = spot();
    let asked = sent(gateway.write(&replace("0.1"), NOW));
    assert_eq!(
        (&asked["op"], &asked["args"][0]["newSz"]),
        (&json(r#""amend-order""#), &json(r#""0.6""#))
    );
    assert_eq!(asked["args"][0]["clOrdId"], "r-1");
    assert_eq!(reply(&mut gateway, "0"), []);
    let done = update(r#"{"amendResult":"0","px":"30001","sz":"0.6"}"#);
    let report = only(read(&mut gateway, 0, &done));
    assert_eq!(report.what, What::Replaced { price: Some(amount("30001")), size: amount("0.6") });
    let refused = update(r#"{"amendResult":"-1","code":"51503","msg":"gone"}"#);
    let report = only(read(&mut gateway, 0, &refused));
    assert!(
        matches!(report.what, What::ReplaceRejected(refusal) if refusal.reason == RefusalKind::UnknownOrder)
    );
    let mut heard = Vec::new();
    gateway.tick(i64::MAX, NOW, &mut heard);
    assert_eq!(heard, []);

    let mut gateway = spot();
    gateway.write(&cancel(), NOW).unwrap();
    assert_eq!(reply(&mut gateway, "0"), []);
    gateway.closed(0, NOW, &mut heard);
    let What::Ended { request, .. } = only(heard).what else { panic!() };
    assert_eq!(request, OrderEvent::CancelAsked);

    let mut gateway = spot();
    gateway.write(&cancel(), NOW).unwrap();
    let report = only(reply(&mut gateway, "51402"));
    assert!(
        matches!(report.what, What::CancelRejected(refusal) if refusal.reason == RefusalKind::TooLate)
    );
}

#[test]
fn the_stream_tells_fills_and_ends() {
    let mut gateway = spot();
    let fill = update(
        r#"{"state":"partially_filled","accFillSz":"0.3","fillSz":"0.2","fillPx":"29999.5",
        "tradeId":"242589207","fillFee":"-0.02522168","fillFeeCcy":"USDT","execType":"M"}"#,
    );
    let What::Fill(fill) = only(read(&mut gateway, 0, &fill)).what else { panic!() };
    let usdt = gateway.desk.directory.asset("USDT").unwrap();
    assert_eq!(
        (&*fill.fill_id, fill.size, fill.size_filled),
        ("242589207", amount("0.2"), Some(amount("0.3")))
    );
    assert_eq!(fill.fee, Some((amount("0.02522168"), usdt)));
    let forced =
        update(r#"{"state":"filled","fillSz":"0.5","fillPx":"1","tradeId":"5","category":"adl"}"#);
    assert!(
        matches!(only(read(&mut gateway, 0, &forced)).what, What::Fill(fill) if fill.kind == FillKind::Adl)
    );
    let mut what = |changes: &str| only(read(&mut gateway, 0, &update(changes))).what;
    assert_eq!(what("{}"), What::Accepted);
    assert!(matches!(
        what(r#"{"state":"canceled","cancelSource":"1"}"#),
        What::Cancelled { refusal: None, .. }
    ));
    let taker = what(r#"{"state":"canceled","cancelSource":"31"}"#);
    assert!(
        matches!(taker, What::Cancelled { refusal: Some(refusal), .. } if refusal.reason == RefusalKind::WouldTake)
    );
    assert!(matches!(what(r#"{"state":"canceled","cancelSource":"14"}"#), What::Expired { .. }));
}

#[test]
fn questions_are_signed_and_answered() {
    let mut gateway = swap();
    let asked = call(gateway.write(&query(), NOW).unwrap());
    assert_eq!(asked.path, "/api/v5/trade/order?instId=BTC-USDT-SWAP&clOrdId=r-1");
    let text = format!("2026-01-02T03:04:05.678ZGET{}", asked.path);
    let sign = Signer::new("test-okx-secret").unwrap().sign_base64(text.as_bytes());
    assert!(asked.headers.contains(&("OK-ACCESS-SIGN", sign)));
    let row = r#"{"instId":"BTC-USDT-SWAP","ordId":"77","clOrdId":"r-1","side":"sell","px":"30000",
        "sz":"5","accFillSz":"2","avgPx":"30001","state":"partially_filled","uTime":"1767323045699"}"#;
    let body = format!(r#"{{"code":"0","msg":"","data":[{row}]}}"#);
    let report = only(answered(&mut gateway, asked.id, 200, &body));
    assert!(matches!(report.what, What::Picture(one) if one.state == OrderState::PartiallyFilled));

    let asked = call(gateway.write(&query(), NOW).unwrap());
    let missing = r#"{"code":"51603","msg":"Order does not exist","data":[]}"#;
    assert_eq!(only(answered(&mut gateway, asked.id, 200, missing)).what, What::NotFound);

    let asked = call(gateway.ask(Question::OpenOrders, NOW));
    let page = vec![row; 100].join(",");
    let body = format!(r#"{{"code":"0","msg":"","data":[{page}]}}"#);
    let asked = call(next_page(&mut gateway, asked.id, &body));
    assert!(asked.path.ends_with("&after=77"), "{}", asked.path);
    let heard = answered(&mut gateway, asked.id, 200, r#"{"code":"0","msg":"","data":[]}"#);
    assert!(
        matches!(&heard[..], [Heard::Answer(_, Answer::Reports(reports))] if reports.len() == 100)
    );

    let asked = call(gateway.ask(Question::Positions, NOW));
    let rows = r#"{"code":"0","msg":"","data":[{"instId":"BTC-USDT-SWAP","posSide":"short","pos":"3",
        "avgPx":"2566.31","uTime":"1619507761462"}]}"#;
    let heard = answered(&mut gateway, asked.id, 200, rows);
    assert!(
        matches!(&heard[..], [Heard::Answer(_, Answer::Positions(rows))] if rows[0].size == amount("-3"))
    );

    let asked = call(gateway.ask(Question::Fills(FIRST, NOW - 1), NOW));
    assert!(asked.path.starts_with("/api/v5/trade/fills?instType=SWAP&"), "{}", asked.path);
    let rows = r#"{"code":"0","msg":"","data":[{"billId":"1","ordId":"77","clOrdId":"r-1","tradeId":"9",
        "side":"buy","fillPx":"1","fillSz":"2","fee":"0.1","feeCcy":"USDT","execType":"T","ts":"1767323045699"}]}"#;
    let heard = answered(&mut gateway, asked.id, 200, rows);
    let [Heard::Answer(_, Answer::Reports(reports))] = &heard[..] else { panic!("{heard:?}") };
    // A rebate.
    assert!(matches!(&reports[0].what, What::Fill(fill) if fill.fee.unwrap().0 == amount("-0.1")));
}

#[test]
fn funding_is_asked_for_bill_by_bill() {
    let mut gateway = swap();
    let from = NOW - 8 * 24 * 3_600 * 1_000_000_000;
    let first = call(gateway.ask(Question::Payments(from), NOW));
    let path =
        format!("/api/v5/account/bills-archive?instType=SWAP&type=8&begin={}&", from / 1_000_000);
    assert!(first.path.starts_with(&path), "{}", first.path);
    let bill = |number: usize, symbol: &str| {
        format!(
            r#"{{"billId":"{number}","type":"8","instId":"{symbol}","ccy":"USDT","pnl":"-0.5",
            "balChg":"-0.5","ts":"1767323045699"}}"#
        )
    };
    let page = (0..100).map(|number| bill(number, "BTC-USDT-SWAP")).collect::<Vec<_>>().join(",");
    let body = |rows: &str| format!(r#"{{"code":"0","msg":"","data":[{rows}]}}"#);
    let second = call(next_page(&mut gateway, first.id, &body(&page)));
    assert!(second.path.ends_with("&after=99"), "{}", second.path);
    // What is not traded here is not ours to count.
    let heard = answered(&mut gateway, second.id, 200, &body(&bill(7, "ETH-USDT-SWAP")));
    let [Heard::Answer(_, Answer::Reports(reports))] = &heard[..] else { panic!("{heard:?}") };
    assert_eq!((reports.len(), reports[0].ts_event), (100, 1_767_323_045_699_000_000));
    let What::Fill(fill) = &reports[1].what else { panic!("{reports:?}") };
    assert_eq!((&*fill.fill_id, fill.kind), ("funding:1", FillKind::Funding));
    assert_eq!(fill.fee.unwrap().0, amount("0.5"));
    let recent = call(gateway.ask(Question::Payments(NOW - 1), NOW));
    assert!(recent.path.starts_with("/api/v5/account/bills?"), "{}", recent.path);
}

#[test]
fn balances_come_by_themselves() {
    let mut gateway = spot();
    // What can be used has 30 of open profit in it.
    let text = r#"{"arg":{"channel":"account"},"data":[{"details":[{"availBal":"100","ccy":"USDT",
        "cashBal":"90","frozenBal":"20","uTime":"1705564213903"},{"availBal":"1","ccy":"DOGE","frozenBal":"0","uTime":""}]}]}"#;
    let Heard::Balance(balance) = one(read(&mut gateway, 0, text)) else { panic!() };
    assert_eq!((balance.available, balance.locked), (amount("100"), amount("20")));
    assert_eq!((balance.total, balance.usable()), (amount("90"), amount("120")));
}

#[test]
fn a_row_that_nobody_knows_hides_no_other() {
    let mut gateway = spot();
    let both =
        update("{}").replace(r#""data":["#, r#""data":[{"instId":"ETH-USDT","state":"live"},"#);
    let mut heard = Vec::new();
    gateway.read(0, both.as_bytes(), NOW, &mut heard).unwrap_err();
    assert_eq!(only(heard).what, What::Accepted);
}

#[test]
fn each_change_ends_with_its_own_news() {
    let mut gateway = spot();
    let first = sent(gateway.write(&replace("0"), NOW));
    let second = sent(gateway.write(&replace("0"), NOW));
    let taken = |id: &serde_json::Value| {
        format!(
            r#"{{"id":{id},"op":"amend-order","code":"0","data":[{{"ordId":"77","sCode":"0"}}]}}"#
        )
    };
    // The news of the first one is faster than the answer to it.
    read(&mut gateway, 0, &update(r#"{"amendResult":"0","px":"30001","sz":"0.6"}"#));
    assert_eq!(read(&mut gateway, 0, &taken(&first["id"])), []);
    assert_eq!(read(&mut gateway, 0, &taken(&second["id"])), []);
    let mut heard = Vec::new();
    gateway.tick(i64::MAX, NOW, &mut heard);
    let What::Ended { request, .. } = only(heard).what else { panic!() };
    assert_eq!(request, OrderEvent::ReplaceAsked);
}

#[test]
fn an_order_without_a_client_id_is_asked_for_by_its_number() {
    let mut gateway = swap();
    let asked = call(gateway.write(&query_of_number(), NOW).unwrap());
    assert_eq!(asked.path, "/api/v5/trade/order?instId=BTC-USDT-SWAP&ordId=77");
    let row = r#"{"instId":"BTC-USDT-SWAP","ordId":"77","clOrdId":"","side":"sell","px":"",
        "sz":"5","accFillSz":"5","avgPx":"30001","state":"filled","uTime":"1767323045699"}"#;
    let body = format!(r#"{{"code":"0","msg":"","data":[{row}]}}"#);
    let report = only(answered(&mut gateway, asked.id, 200, &body));
    assert_eq!((&*report.client_id, report.venue_order_id.as_deref()), ("", Some("77")));
    assert!(matches!(report.what, What::Picture(one) if one.state == OrderState::Filled));

    let asked = call(gateway.write(&query_of_number(), NOW).unwrap());
    let missing = r#"{"code":"51603","msg":"Order does not exist","data":[]}"#;
    let report = only(answered(&mut gateway, asked.id, 200, missing));
    assert_eq!((report.venue_order_id.as_deref(), report.what), (Some("77"), What::NotFound));
}
