use rustonite_core::datasets::{
    FillKind, InstrumentKind, OffsetUnit, OrderEvent, OrderKind, OrderState, Tif, TriggerDirection,
    TriggerSource, order_flags,
};
use serde_json::Value;

use super::Alpaca;
use crate::gateway::testing::{
    FIRST, NOW, amount, answered, call, cancel, changed, failed, json, market, next, next_page,
    one, only, query, read, replace, replace_with, submit, trigger, wish,
};
use crate::gateway::{Answer, Call, Gateway as _, Heard, Outgoing, Question, testing};
use crate::report::{RefusalKind, Report, What};
use crate::request::{Outcome, Request};
use crate::wish::{Trail, Trigger, Wish};

fn of(venue: &str, symbol: &str, kind: InstrumentKind, base: &str) -> Alpaca {
    let (directory, venue, account) = testing::directory(venue, symbol, kind, base, "USD");
    Alpaca::new(directory, venue, account, "key".to_owned(), "secret".to_owned())
}

fn stocks() -> Alpaca {
    of("alpaca-stocks", "AAPL", InstrumentKind::Stock, "AAPL")
}

fn crypto() -> Alpaca {
    of("alpaca-crypto", "BTC/USD", InstrumentKind::Spot, "BTC")
}

fn write(gateway: &mut Alpaca, request: &Request) -> Call {
    call(gateway.write(request, NOW).unwrap())
}

fn body(wish: Wish) -> Value {
    json(&write(&mut stocks(), &submit(wish)).body)
}

fn order(changes: &str) -> Value {
    changed(
        r#"{"id":"aaaa-77","client_order_id":"r-1","symbol":"AAPL","side":"buy","status":"new",
        "qty":"0.5","filled_qty":"0","filled_avg_price":null,"limit_price":"30000",
        "updated_at":"2026-01-02T03:04:05.7Z","submitted_at":"2026-01-02T03:04:05.7Z"}"#,
        changes,
    )
}

fn update(event: &str, changes: &str, more: &str) -> String {
    let order = order(changes);
    format!(
        r#"{{"stream":"trade_updates","data":{{"event":"{event}",
        "timestamp":"2026-01-02T03:04:05.699Z","order":{order}{more}}}}}"#
    )
}

fn told(gateway: &mut Alpaca, event: &str, changes: &str, more: &str) -> Vec<Heard> {
    read(gateway, 0, &update(event, changes, more))
}

/// An order that the venue has taken.
fn placed(gateway: &mut Alpaca) {
    let asked = write(gateway, &submit(wish()));
    let report = only(answered(gateway, asked.id, 200, &order("{}").to_string()));
    assert_eq!((report.what, report.venue_order_id.as_deref()), (What::Accepted, Some("aaaa-77")));
}

#[test]
fn the_stream_is_listened_to_once_it_knows_who_we_are() {
    let mut gateway = stocks();
    let [Outgoing::Open { line: 0, endpoint: "updates", .. }] = &gateway.start(NOW)[..] else {
        panic!()
    };
    let log_on = testing::text(gateway.opened(0, NOW).pop().unwrap());
    assert_eq!(log_on, json(r#"{"action":"auth","key":"key","secret":"secret"}"#));
    let yes =
        r#"{"stream":"authorization","data":{"status":"authorized","action":"authenticate"}}"#;
    let listen = testing::text(next(read(&mut gateway, 0, yes)));
    assert_eq!(listen["data"]["streams"][0], "trade_updates");
    let listening = r#"{"stream":"listening","data":{"streams":["trade_updates"]}}"#;
    assert_eq!(read(&mut gateway, 0, listening), [Heard::Ready]);

    let no =
        r#"{"stream":"authorization","data":{"status":"unauthorized","action":"authenticate"}}"#;
    assert!(matches!(one(read(&mut gateway, 0, no)), Heard::Closed(_)));
}

#[test]
fn secrets_are_not_shown() {
    let mut gateway = stocks();
    let log_on = gateway.opened(0, NOW);
    let order = gateway.write(&submit(wish()), NOW).unwrap();
    for shown in [format!("{gateway:?}"), format!("{log_on:?}"), format!("{order:?}")] {
        assert!(!shown.contains("secret"), "{shown}");
    }
}

#[test]
fn each_kind_has_its_fields() {
    let limit = body(Wish { tif: Some(Tif::Day), flags: order_flags::OUTSIDE_HOURS, ..wish() });
    let expected = r#"{"limit_price":"30000","symbol":"AAPL","side":"buy","qty":"0.5","type":"limit",
        "time_in_force":"day","extended_hours":true,"client_order_id":"r-1"}"#;
    assert_eq!(limit, json(expected));
    let money = body(Wish { size_quote: Some(amount("100")), ..market() });
    assert_eq!((&money["notional"], money.get("qty")), (&json(r#""100""#), None));
    assert_eq!(money["time_in_force"], "day");
    let stop = body(Wish {
        kind: OrderKind::StopLimit,
        trigger: Some(trigger("31000", TriggerDirection::Up)),
        ..wish()
    });
    assert_eq!(
        (&stop["type"], &stop["stop_price"]),
        (&json(r#""stop_limit""#), &json(r#""31000""#))
    );
    let trail = |unit, offset| {
        let trail = Trail { offset: amount(offset), unit, activation: None };
        let trigger = Trigger {
            price: amount("0"),
            source: TriggerSource::Last,
            direction: TriggerDirection::Up,
            trail: Some(trail),
        };
        let kind = OrderKind::TrailingStopMarket;
        body(Wish { kind, trigger: Some(trigger), tif: Some(Tif::Gtc), ..market() })
    };
    assert_eq!(trail(OffsetUnit::Bps, "150")["trail_percent"], "1.5");
    assert_eq!(trail(OffsetUnit::Price, "2")["trail_price"], "2");
    let worst = body(Wish { price_protect: Some(amount("31000")), ..market() });
    assert_eq!((&worst["type"], &worst["time_in_force"]), (&json(r#""limit""#), &json(r#""ioc""#)));

    let outside = Wish { flags: order_flags::OUTSIDE_HOURS, ..wish() };
    stocks().write(&submit(outside), NOW).unwrap_err();
    let day = Wish { tif: Some(Tif::Day), ..wish() };
    crypto().write(&submit(day), NOW).unwrap_err();
}

#[test]
fn a_call_that_did_not_leave_was_not_sent() {
    let mut gateway = stocks();
    let asked = write(&mut gateway, &submit(wish()));
    let report = only(failed(&mut gateway, asked.id, true));
    assert!(matches!(report.what, What::Ended { outcome: Outcome::NotSent, .. }));
}

#[test]
fn a_cancel_is_over_when_the_stream_says_so() {
    let mut gateway = stocks();
    placed(&mut gateway);
    let asked = write(&mut gateway, &cancel());
    assert_eq!((asked.method, &*asked.path), ("DELETE", "/v2/orders/77"));
    assert_eq!(answered(&mut gateway, asked.id, 204, ""), []);
    let report =
        only(told(&mut gateway, "canceled", r#"{"status":"canceled","filled_qty":"0.2"}"#, ""));
    assert!(
        matches!(report.what, What::Cancelled { size_filled: Some(filled), .. } if filled == amount("0.2"))
    );
    let mut heard = Vec::new();
    gateway.tick(i64::MAX, NOW, &mut heard);
    assert_eq!(heard, []);

    // One that the stream never tells about is not known.
    let asked = write(&mut gateway, &cancel());
    answered(&mut gateway, asked.id, 204, "");
    gateway.closed(0, NOW, &mut heard);
    let What::Ended { request, .. } = only(heard).what else { panic!() };
    assert_eq!(request, OrderEvent::CancelAsked);

    let asked = write(&mut gateway, &cancel());
    let late = r#"{"code":42210000,"message":"order is already in \"filled\" state"}"#;
    let report = only(answered(&mut gateway, asked.id, 422, late));
    assert!(
        matches!(report.what, What::CancelRejected(refusal) if refusal.reason == RefusalKind::TooLate)
    );
}

#[test]
fn what_the_venue_has_taken_and_not_done_is_no_refusal() {
    let mut gateway = stocks();
    placed(&mut gateway);
    let shown = |gateway: &mut Alpaca, status: &str| {
        let asked = write(gateway, &query());
        let order = order(&format!(r#"{{"status":"{status}"}}"#)).to_string();
        let What::Picture(picture) = only(answered(gateway, asked.id, 200, &order)).what else {
            panic!()
        };
        picture.state
    };
    assert_eq!(shown(&mut gateway, "pending_cancel"), OrderState::PendingCancel);
    assert_eq!(shown(&mut gateway, "pending_replace"), OrderState::PendingReplace);
    // Of a change without an answer: the new order is not there so far.
    let asked = write(&mut gateway, &replace("0"));
    failed(&mut gateway, asked.id, false);
    for status in ["pending_replace", "pending_replace", "new"] {
        let asked = write(&mut gateway, &query());
        assert!(asked.path.ends_with("=r-2"), "{}", asked.path);
        let missing = r#"{"code":40410000,"message":"order not found for r-2"}"#;
        let asked = call(next(answered(&mut gateway, asked.id, 404, missing)));
        let order = order(&format!(r#"{{"status":"{status}"}}"#)).to_string();
        let heard = answered(&mut gateway, asked.id, 200, &order);
        assert_eq!(heard.len(), if status == "new" { 2 } else { 1 }, "{heard:?}");
    }
}

#[test]
fn pages_from_before_the_stream_ended_are_not_gone_on_with() {
    let mut gateway = stocks();
    let question = Question::Fills(FIRST, NOW);
    let first = call(gateway.ask(question, NOW));
    let rows: Vec<_> = (0..100)
        .map(|n| {
            format!(
                r#"{{"id":"20260102::e{n}","transaction_time":"2026-01-02T03:04:05.7Z","price":"1",
                "qty":"2","side":"buy","symbol":"AAPL","order_id":"aaaa-77"}}"#
            )
        })
        .collect();
    let page = format!("[{}]", rows.join(","));
    assert_eq!(answered(&mut gateway, first.id, 200, &page), [Heard::Ask(question)]);
    let no =
        r#"{"stream":"authorization","data":{"status":"unauthorized","action":"authenticate"}}"#;
    assert!(matches!(one(read(&mut gateway, 0, no)), Heard::Closed(_)));
    assert_eq!(call(gateway.ask(question, NOW)).path, first.path);
}

#[test]
fn an_order_whose_number_is_not_known_is_looked_up() {
    let mut gateway = stocks();
    let Request::Cancel { order: id, instrument, account, client_id, .. } = cancel() else {
        panic!()
    };
    let unnumbered =
        Request::Cancel { order: id, instrument, account, client_id, venue_order_id: None };
    let asked = write(&mut gateway, &unnumbered);
    assert_eq!(asked.path, "/v2/orders:by_client_order_id?client_order_id=r-1");
    let asked = call(next(answered(&mut gateway, asked.id, 200, &order("{}").to_string())));
    assert_eq!((asked.method, &*asked.path), ("DELETE", "/v2/orders/aaaa-77"));

    let asked = write(&mut gateway, &unnumbered);
    let missing = r#"{"code":40410000,"message":"order not found for r-1"}"#;
    let report = only(answered(&mut gateway, asked.id, 404, missing));
    assert!(
        matches!(report.what, What::CancelRejected(refusal) if refusal.reason == RefusalKind::UnknownOrder)
    );
}

#[test]
fn a_request_whose_order_is_not_found_out_was_not_sent() {
    let Request::Replace { order, instrument, account, wish, .. } = replace("0") else { panic!() };
    let unnumbered = Request::Replace {
        order,
        instrument,
        account,
        client_id: "r-2".into(),
        client_id_prev: "r-1".into(),
        venue_order_id: None,
        wish,
        size_filled: amount("0"),
    };
    let ends: [fn(&mut Alpaca, u64) -> Vec<Heard>; 3] = [
        |gateway, id| failed(gateway, id, false),
        |gateway, id| answered(gateway, id, 500, ""),
        |gateway, _| {
            let mut heard = Vec::new();
            gateway.tick(i64::MAX, NOW, &mut heard);
            heard
        },
    ];
    for end in ends {
        let mut gateway = stocks();
        let asked = write(&mut gateway, &unnumbered);
        assert_eq!(asked.method, "GET");
        let report = only(end(&mut gateway, asked.id));
        let What::Ended { request, outcome, .. } = report.what else { panic!("{report:?}") };
        assert_eq!((request, outcome), (OrderEvent::ReplaceAsked, Outcome::NotSent));
        // Nothing is to be found out about a change.
        assert!(write(&mut gateway, &query()).path.ends_with("=r-1"));
    }
}

/// A change of size that the venue has taken: from 0.5 to 0.6 when 0.1 is filled.
fn changing(gateway: &mut Alpaca) {
    placed(gateway);
    let asked = write(gateway, &replace("0.1"));
    assert_eq!((asked.method, &*asked.path), ("PATCH", "/v2/orders/77"));
    let sent = json(&asked.body);
    assert_eq!((&sent["qty"], &sent["client_order_id"]), (&json(r#""0.5""#), &json(r#""r-2""#)));
    let new = order(
        r#"{"id":"bbbb-78","client_order_id":"r-2","limit_price":"30001","status":"accepted"}"#,
    );
    assert_eq!(answered(gateway, asked.id, 200, &new.to_string()), []);
}

#[test]
fn a_change_is_done_when_the_stream_says_so() {
    let mut gateway = stocks();
    changing(&mut gateway);
    told(
        &mut gateway,
        "partial_fill",
        r#"{"filled_qty":"0.1","status":"partially_filled"}"#,
        r#","execution_id":"e1","price":"1","qty":"0.1""#,
    );
    let report =
        only(told(&mut gateway, "replaced", r#"{"status":"replaced","filled_qty":"0.15"}"#, ""));
    // 0.15 were filled before the new order of 0.5 began.
    let expected = What::Replaced { price: Some(amount("30001")), size: amount("0.65") };
    assert_eq!(report.what, expected);
    assert_eq!((&*report.client_id, report.client_id_prev.as_deref()), ("r-2", Some("r-1")));
    assert_eq!(report.venue_order_id.as_deref(), Some("bbbb-78"));
    let new = r#"{"id":"bbbb-78","client_order_id":"r-2"}"#;
    assert_eq!(only(told(&mut gateway, "new", new, "")).what, What::Accepted);
    let fill = r#"{"id":"bbbb-78","client_order_id":"r-2","filled_qty":"0.2"}"#;
    let more = r#","execution_id":"e2","price":"29999.5","qty":"0.2""#;
    let What::Fill(fill) = only(told(&mut gateway, "partial_fill", fill, more)).what else {
        panic!()
    };
    assert_eq!((&*fill.fill_id, fill.size_filled), ("e2", Some(amount("0.35"))));
    let mut heard = Vec::new();
    gateway.tick(i64::MAX, NOW, &mut heard);
    assert_eq!(heard, []);
}

#[test]
fn a_change_may_be_refused_later() {
    let mut gateway = stocks();
    changing(&mut gateway);
    let report = only(told(&mut gateway, "order_replace_rejected", "{}", ""));
    assert_eq!(&*report.client_id, "r-2");
    assert!(matches!(report.what, What::ReplaceRejected(_)));
    // The order ends as any other, and nothing waits any more.
    let report = only(told(&mut gateway, "canceled", r#"{"status":"canceled"}"#, ""));
    assert!(matches!(report.what, What::Cancelled { .. }));
    let mut heard = Vec::new();
    gateway.tick(i64::MAX, NOW, &mut heard);
    assert_eq!(heard, []);
}

#[test]
fn a_change_of_price_alone_says_no_size() {
    let mut gateway = stocks();
    placed(&mut gateway);
    let change = Wish { price: Some(amount("30001")), ..wish() };
    let asked = write(&mut gateway, &replace_with("0.1", "r-2", change));
    assert!(json(&asked.body).get("qty").is_none());
    // The venue says how much is open.
    let new = order(r#"{"id":"bbbb-78","client_order_id":"r-2","qty":"0.4"}"#);
    answered(&mut gateway, asked.id, 200, &new.to_string());
    let report =
        only(told(&mut gateway, "replaced", r#"{"status":"replaced","filled_qty":"0.1"}"#, ""));
    assert!(matches!(report.what, What::Replaced { size, .. } if size == amount("0.5")));
}

#[test]
fn a_query_after_a_change_without_an_answer_looks_at_both_orders() {
    let mut gateway = stocks();
    placed(&mut gateway);
    let asked = write(&mut gateway, &replace("0"));
    failed(&mut gateway, asked.id, false);
    let asked = write(&mut gateway, &query());
    assert!(asked.path.ends_with("=r-2"), "{}", asked.path);
    let missing = r#"{"code":40410000,"message":"order not found for r-2"}"#;
    let asked = call(next(answered(&mut gateway, asked.id, 404, missing)));
    assert!(asked.path.ends_with("=r-1"), "{}", asked.path);
    let heard = answered(&mut gateway, asked.id, 200, &order("{}").to_string());
    let [Heard::Report(refused), Heard::Report(picture)] = &heard[..] else { panic!("{heard:?}") };
    assert!(matches!(refused.what, What::ReplaceRejected(_)));
    assert!(matches!(&picture.what, What::Picture(one) if one.state == OrderState::Accepted));
}

#[test]
fn what_happens_to_orders_has_words() {
    let mut gateway = stocks();
    placed(&mut gateway);
    let mut what = |event: &str, changes: &str| only(told(&mut gateway, event, changes, "")).what;
    assert_eq!(what("accepted", "{}"), What::Accepted);
    assert_eq!(what("done_for_day", "{}"), What::Suspended(true));
    let restated = what("restated", r#"{"qty":"2","limit_price":"100"}"#);
    assert_eq!(restated, What::Replaced { price: Some(amount("100")), size: amount("2") });
    assert!(matches!(what("order_cancel_rejected", "{}"), What::CancelRejected(_)));
    assert!(matches!(what("expired", r#"{"status":"expired"}"#), What::Expired { .. }));
    assert!(matches!(what("rejected", r#"{"status":"rejected"}"#), What::Rejected(_)));
    assert!(matches!(what("replaced", r#"{"status":"replaced"}"#), What::Cancelled { .. }));
    for event in ["pending_new", "pending_cancel", "pending_replace", "calculated", "made-up"] {
        assert_eq!(told(&mut gateway, event, "{}", ""), [], "{event}");
    }
    let more = r#","execution_id":"e3","previous_execution_id":"e1","price":"1","qty":"2""#;
    let What::Corrected(bust) = only(told(&mut gateway, "trade_bust", "{}", more)).what else {
        panic!()
    };
    assert_eq!((&*bust.fill_id_prev, bust.becomes), ("e1", None));
    let What::Corrected(one) = only(told(&mut gateway, "trade_correct", "{}", more)).what else {
        panic!()
    };
    assert_eq!(one.becomes, Some((amount("1"), amount("2"))));
}

#[test]
fn fills_come_in_pages_and_of_one_instrument() {
    let mut gateway = stocks();
    let asked = call(gateway.ask(Question::Fills(FIRST, NOW), NOW));
    assert!(asked.path.contains("after=2026-01-02T03:04:05.677999999Z"), "{}", asked.path);
    let row = |n: usize, symbol: &str| {
        format!(
            r#"{{"id":"20260102::e{n}","transaction_time":"2026-01-02T03:04:05.7Z","price":"1","qty":"2",
            "side":"sell_short","symbol":"{symbol}","order_id":"aaaa-77"}}"#
        )
    };
    let page: Vec<_> = (0..100).map(|n| row(n, "AAPL")).collect();
    let page = format!("[{}]", page.join(","));
    let asked = call(next_page(&mut gateway, asked.id, &page));
    assert!(asked.path.ends_with("&page_token=20260102::e99"), "{}", asked.path);
    let last = format!("[{},{}]", row(100, "AAPL"), row(101, "TSLA"));
    let heard = answered(&mut gateway, asked.id, 200, &last);
    let [Heard::Answer(_, Answer::Reports(reports))] = &heard[..] else { panic!("{heard:?}") };
    assert_eq!(reports.len(), 101);
    let Report { what: What::Fill(fill), .. } = &reports[100] else { panic!() };
    assert_eq!(&*fill.fill_id, "e100");
}

#[test]
fn fees_of_crypto_are_activities_of_their_own() {
    assert!(!stocks().tells_payments());
    let mut gateway = crypto();
    assert!(gateway.tells_payments());
    let asked = call(gateway.ask(Question::Payments(NOW), NOW));
    let path = "/v2/account/activities/CFEE?direction=asc&page_size=100&after=2026-01-01T23:59:59.";
    assert!(asked.path.starts_with(path), "{}", asked.path);
    // A purchase is paid in coins and a sale in money; what is of a day before is not ours.
    let row = |id: &str, date: &str, paid: &str| {
        format!(
            r#"{{"id":"{id}","activity_type":"CFEE","date":"{date}","symbol":"BTCUSD",{paid},
            "price":"20000","status":"executed"}}"#
        )
    };
    let rows = [
        row("1::a", "2026-01-01", r#""net_amount":"0","qty":"-0.1""#),
        row("2::b", "2026-01-02", r#""net_amount":"0","qty":"-0.0025""#),
        row("2::c", "2026-01-02", r#""net_amount":"-0.15","qty":"0""#),
    ];
    let heard = answered(&mut gateway, asked.id, 200, &format!("[{}]", rows.join(",")));
    let [Heard::Answer(_, Answer::Reports(reports))] = &heard[..] else { panic!("{heard:?}") };
    let fee = |report: &Report| {
        let What::Fill(fill) = &report.what else { panic!("{report:?}") };
        assert_eq!((fill.kind, report.venue_order_id.is_none()), (FillKind::Fee, true));
        (fill.fill_id.to_string(), fill.fee.unwrap())
    };
    let asset = |name: &str| gateway.desk.directory.asset(name).unwrap();
    let coins = ("fee:2::b".to_owned(), (amount("0.0025"), asset("BTC")));
    let money = ("fee:2::c".to_owned(), (amount("0.15"), asset("USD")));
    assert_eq!(reports.iter().map(fee).collect::<Vec<_>>(), [coins, money]);
    // Days later they are asked for from the same day on.
    let later = call(gateway.ask(Question::Payments(NOW + 2 * 86_400_000_000_000), NOW));
    assert!(later.path.starts_with(path), "{}", later.path);
}

#[test]
fn coins_are_balances_and_stocks_are_positions() {
    let rows = r#"[{"symbol":"BTCUSD","qty":"1.5","qty_available":"1","avg_entry_price":"2","side":"long"},
        {"symbol":"AAPL","qty":"-3","qty_available":"-3","avg_entry_price":"150","side":"short"}]"#;
    let account = r#"{"currency":"USD","cash":"100","buying_power":"80"}"#;
    let mut coins = crypto();
    let asked = call(coins.ask(Question::Balances, NOW));
    let asked = call(next_page(&mut coins, asked.id, account));
    let heard = answered(&mut coins, asked.id, 200, rows);
    let [Heard::Answer(_, Answer::Balances(balances))] = &heard[..] else { panic!("{heard:?}") };
    let pairs: Vec<_> = balances.iter().map(|one| (one.available, one.locked)).collect();
    assert_eq!(pairs, [(amount("80"), amount("20")), (amount("1"), amount("0.5"))]);

    let mut stocks = stocks();
    let asked = call(stocks.ask(Question::Positions, NOW));
    let heard = answered(&mut stocks, asked.id, 200, rows);
    let [Heard::Answer(_, Answer::Positions(positions))] = &heard[..] else { panic!("{heard:?}") };
    assert_eq!((positions.len(), positions[0].size), (1, amount("-3")));
}

#[test]
fn open_orders_are_pictures() {
    let mut gateway = stocks();
    let asked = call(gateway.ask(Question::OpenOrders, NOW));
    let rows =
        format!("[{},{}]", order(r#"{"qty":1,"filled_qty":0.5}"#), order(r#"{"symbol":"TSLA"}"#));
    let heard = answered(&mut gateway, asked.id, 200, &rows);
    let [Heard::Answer(_, Answer::Reports(reports))] = &heard[..] else { panic!("{heard:?}") };
    assert_eq!(reports.len(), 1);
    let What::Picture(picture) = &reports[0].what else { panic!() };
    assert_eq!((picture.state, picture.size), (OrderState::PartiallyFilled, amount("1")));
    assert_eq!(reports[0].ts_event, 1_767_323_045_700_000_000);
}
