use rustonite_core::datasets::{
    InstrumentKind, OrderKind, OrderSide, OrderState, Tif, TriggerDirection, order_flags,
};

use super::BinanceSpot;
use crate::gateway::testing::{
    FIRST, NOW, amount, asked_again, changed, json, next, only, query, replace, sent, submit, text,
    trigger, wish,
};
use crate::gateway::{Answer, Gateway as _, Heard, Question, Signer, testing};
use crate::report::{Fill, RefusalKind, What};
use crate::request::Outcome;
use crate::wish::Wish;

fn gateway() -> BinanceSpot {
    let (directory, venue, account) =
        testing::directory("binance", "BTCUSDT", InstrumentKind::Spot, "BTC", "USDT");
    let signer = Signer::new("secret").unwrap();
    BinanceSpot::new(directory, venue, account, "key".to_owned(), signer)
}

fn read(gateway: &mut BinanceSpot, text: &str) -> Vec<Heard> {
    testing::read(gateway, 0, text)
}

/// An execution report in the fields that are read.
fn execution(changes: &str) -> String {
    let event = changed(
        r#"{"e":"executionReport","E":1767323045700,"s":"BTCUSDT","c":"r-1","C":"","S":"BUY",
        "o":"LIMIT","f":"GTC","q":"0.50000000","p":"30000.00000000","x":"NEW","X":"NEW","r":"NONE",
        "i":77,"l":"0.00000000","z":"0.00000000","L":"0.00000000","n":"0","N":null,
        "T":1767323045699,"t":-1,"w":true,"m":false}"#,
        changes,
    );
    format!(r#"{{"subscriptionId":0,"event":{event}}}"#)
}

#[test]
fn an_order_is_signed_over_its_sorted_parameters() {
    let mut gateway = gateway();
    let call = sent(gateway.write(&submit(wish()), NOW));
    assert_eq!(call["method"], "order.place");
    let params = &call["params"];
    let signed = "apiKey=key&newClientOrderId=r-1&newOrderRespType=ACK&price=30000&quantity=0.5\
                  &side=BUY&symbol=BTCUSDT&timeInForce=GTC&timestamp=1767323045678&type=LIMIT";
    assert_eq!(params["signature"], Signer::new("secret").unwrap().sign(signed));
    assert_eq!(params["timestamp"], json("1767323045678"));
    assert_eq!(params["quantity"], "0.5");
}

#[test]
fn a_rehearsal_leaves_nothing() {
    let (mut rehearsed, mut plain) = (gateway(), gateway());
    for request in [submit(wish()), replace("0")] {
        rehearsed.rehearse("r-1", &Wish { side: OrderSide::Sell, ..wish() }, NOW);
        assert_eq!(sent(rehearsed.write(&request, NOW)), sent(plain.write(&request, NOW)));
    }
    let mut heard = [Vec::new(), Vec::new()];
    rehearsed.tick(i64::MAX, NOW, &mut heard[0]);
    plain.tick(i64::MAX, NOW, &mut heard[1]);
    assert_eq!(heard[0], heard[1], "what is in flight");
}

#[test]
fn each_kind_has_its_word() {
    let trigger = |direction| Some(trigger("31000", direction));
    let up = TriggerDirection::Up;
    let market = Wish { kind: OrderKind::Market, price: None, tif: None, ..wish() };
    let stop = Wish { kind: OrderKind::StopMarket, trigger: trigger(up), ..market.clone() };
    let cases = [
        (market.clone(), "MARKET"),
        (Wish { flags: order_flags::POST_ONLY, ..wish() }, "LIMIT_MAKER"),
        (stop.clone(), "STOP_LOSS"),
        (
            Wish {
                kind: OrderKind::LimitIfTouched,
                trigger: trigger(TriggerDirection::Down),
                ..wish()
            },
            "TAKE_PROFIT_LIMIT",
        ),
    ];
    for (wish, word) in cases {
        let call = sent(gateway().write(&submit(wish), NOW));
        assert_eq!(call["params"]["type"], word);
    }
    let wrong_way = Wish { side: OrderSide::Sell, ..stop };
    let refused = [
        wrong_way,
        Wish { flags: order_flags::HIDDEN, ..wish() },
        Wish { tif: Some(Tif::Gtd), ..wish() },
        Wish { kind: OrderKind::PeggedMid, ..wish() },
        Wish { size_quote: Some(amount("100")), ..wish() },
    ];
    for wish in refused {
        let refusal = gateway().write(&submit(wish), NOW).unwrap_err();
        assert_eq!(refusal.reason, RefusalKind::Rules);
    }
}

#[test]
fn an_acknowledgement_has_the_venues_number() {
    let mut gateway = gateway();
    gateway.write(&submit(wish()), NOW).unwrap();
    let answer = r#"{"id":1,"status":200,"result":{"symbol":"BTCUSDT","orderId":77,"orderListId":-1,
        "clientOrderId":"r-1","transactTime":1767323045699},"rateLimits":[]}"#;
    let report = only(read(&mut gateway, answer));
    assert_eq!(report.what, What::Accepted);
    assert_eq!(report.venue_order_id.as_deref(), Some("77"));
    assert_eq!(report.ts_event, 1_767_323_045_699_000_000);
    // The answer to nothing that was asked says nothing.
    assert_eq!(read(&mut gateway, answer), []);
}

#[test]
fn a_clock_that_is_wrong_is_set_by_the_venues() {
    let mut gateway = gateway();
    let asked = sent(gateway.write(&submit(wish()), NOW));
    let answer = format!(
        r#"{{"id":{},"status":400,"error":{{"code":-1021,"msg":"Timestamp"}}}}"#,
        asked["id"]
    );
    only(read(&mut gateway, &answer));
    let time = testing::text(gateway.tick(NOW, NOW, &mut Vec::new()).pop().unwrap());
    assert_eq!(time["method"], "time");
    // Two seconds behind us.
    let answer = r#"{"id":2,"status":200,"result":{"serverTime":1767323043678}}"#;
    assert_eq!(read(&mut gateway, answer), []);
    let next = sent(gateway.write(&submit(wish()), NOW + 5));
    assert_eq!(next["params"]["timestamp"], json("1767323043678"));
}

#[test]
fn a_fill_of_the_stream_is_whole() {
    let mut gateway = gateway();
    let text = execution(
        r#"{"x":"TRADE","X":"PARTIALLY_FILLED","l":"0.2","z":"0.2","L":"29999.5","n":"0.0002",
        "N":"BTC","t":12,"m":true}"#,
    );
    let report = only(read(&mut gateway, &text));
    let What::Fill(Fill { fill_id, price, size, fee, .. }) = report.what else { panic!() };
    assert_eq!((&*fill_id, price, size), ("12", amount("29999.5"), amount("0.2")));
    let btc = gateway.session.desk.directory.asset("BTC").unwrap();
    assert_eq!(fee, Some((amount("0.0002"), btc)));
}

#[test]
fn a_cancel_is_told_by_the_orders_own_id() {
    let mut gateway = gateway();
    gateway.write(&submit(wish()), NOW).unwrap();
    let text =
        execution(r#"{"x":"CANCELED","X":"CANCELED","c":"of-the-cancel","C":"r-1","z":"0.1"}"#);
    let report = only(read(&mut gateway, &text));
    assert_eq!(&*report.client_id, "r-1");
    assert!(
        matches!(report.what, What::Cancelled { size_filled: Some(filled), .. } if filled == amount("0.1"))
    );
}

const CHANGED: &str = r#"{"id":1,"status":200,"result":{"cancelResult":"SUCCESS",
    "newOrderResult":"SUCCESS","cancelResponse":{"orderId":77,"origClientOrderId":"r-1",
    "executedQty":"0.15","status":"CANCELED"},"newOrderResponse":{"orderId":78,
    "clientOrderId":"r-2","transactTime":1767323045701}}}"#;

#[test]
fn a_change_counts_what_was_filled_on_the_way() {
    let mut gateway = gateway();
    read(
        &mut gateway,
        &execution(r#"{"x":"TRADE","X":"PARTIALLY_FILLED","l":"0.1","z":"0.1","L":"1","t":1}"#),
    );
    let call = sent(gateway.write(&replace("0.1"), NOW));
    assert_eq!(call["method"], "order.cancelReplace");
    assert_eq!(call["params"]["quantity"], "0.5");
    assert_eq!(call["params"]["cancelOrigClientOrderId"], "r-1");
    let report = only(read(&mut gateway, CHANGED));
    // 0.05 more were filled before the old order ended: 0.65 in all.
    let expected = What::Replaced { price: Some(amount("30001")), size: amount("0.65") };
    assert_eq!(report.what, expected);
    assert_eq!((&*report.client_id, report.client_id_prev.as_deref()), ("r-2", Some("r-1")));
}

#[test]
fn the_end_of_an_order_that_was_replaced_is_no_news() {
    let mut gateway = gateway();
    gateway.write(&replace("0"), NOW).unwrap();
    only(read(&mut gateway, CHANGED));
    let cancelled = execution(r#"{"x":"CANCELED","X":"CANCELED","c":"?","C":"r-1","z":"0.15"}"#);
    assert_eq!(read(&mut gateway, &cancelled), []);
    let new_one = execution(r#"{"x":"CANCELED","X":"CANCELED","c":"?","C":"r-2"}"#);
    assert!(matches!(only(read(&mut gateway, &new_one)).what, What::Cancelled { .. }));
}

#[test]
fn an_order_from_before_this_process_counts_once() {
    // It is the second of its chain: 0.1 of all were filled before it, and 0.2 by it.
    let mut gateway = gateway();
    gateway.ask(Question::OpenOrders, NOW);
    let open = r#"{"id":1,"status":200,"result":[{"symbol":"BTCUSDT","orderId":77,
        "clientOrderId":"r-1","price":"30000.00","origQty":"0.4","executedQty":"0.2",
        "cummulativeQuoteQty":"5000","status":"PARTIALLY_FILLED","side":"BUY",
        "updateTime":1767323045000}]}"#;
    read(&mut gateway, open);
    gateway.write(&replace("0.3"), NOW).unwrap();
    let cancelled = execution(r#"{"x":"CANCELED","X":"CANCELED","c":"?","C":"r-1","z":"0.25"}"#);
    read(&mut gateway, &cancelled);
    let report = only(read(&mut gateway, &execution(r#"{"c":"r-2","i":78}"#)));
    // 0.35 were filled when the new one of 0.3 began.
    let expected = What::Replaced { price: Some(amount("30001")), size: amount("0.65") };
    assert_eq!(report.what, expected);
}

#[test]
fn a_change_that_the_stream_tells_first_is_told_once() {
    let mut gateway = gateway();
    gateway.write(&replace("0"), NOW).unwrap();
    let cancelled = execution(r#"{"x":"CANCELED","X":"CANCELED","c":"?","C":"r-1","z":"0.15"}"#);
    assert_eq!(read(&mut gateway, &cancelled), []);
    let report = only(read(&mut gateway, &execution(r#"{"c":"r-2","i":78}"#)));
    let expected = What::Replaced { price: Some(amount("30001")), size: amount("0.75") };
    assert_eq!(report.what, expected);
    assert_eq!(read(&mut gateway, CHANGED), []);
}

#[test]
fn a_change_may_take_the_old_order_and_bring_no_new_one() {
    let half = r#"{"id":1,"status":409,"error":{"code":-2021,"msg":"Order cancel-replace partially failed.",
        "data":{"cancelResult":"SUCCESS","newOrderResult":"FAILURE","newOrderResponse":{"code":-2010,
        "msg":"Account has insufficient balance for requested action."}}}}"#;
    let mut gateway = gateway();
    gateway.write(&replace("0"), NOW).unwrap();
    let report = only(read(&mut gateway, half));
    assert_eq!(&*report.client_id, "r-1");
    let What::Cancelled { refusal: Some(refusal), .. } = report.what else { panic!() };
    assert_eq!(refusal.reason, RefusalKind::Balance);

    let whole = r#"{"id":1,"status":400,"error":{"code":-2022,"msg":"Order cancel-replace failed.",
        "data":{"cancelResult":"FAILURE","newOrderResult":"NOT_ATTEMPTED","newOrderResponse":null}}}"#;
    let mut gateway = self::gateway();
    gateway.write(&replace("0"), NOW).unwrap();
    assert!(matches!(only(read(&mut gateway, whole)).what, What::ReplaceRejected(_)));
}

#[test]
fn what_was_in_flight_when_the_connection_went_is_unknown() {
    let mut gateway = gateway();
    gateway.write(&submit(wish()), NOW).unwrap();
    gateway.ask(Question::Balances, NOW);
    let mut heard = Vec::new();
    gateway.closed(0, NOW + 1, &mut heard);
    let [Heard::Report(report), Heard::Answer(Question::Balances, Answer::Failed(_))] = &heard[..]
    else {
        panic!("{heard:?}")
    };
    assert!(matches!(report.what, What::Ended { outcome: Outcome::Unknown, .. }));
    heard.clear();
    gateway.closed(0, NOW + 2, &mut heard);
    assert_eq!(heard, []);
}

#[test]
fn questions_are_answered_whole_or_not() {
    let mut gateway = gateway();
    gateway.ask(Question::OpenOrders, NOW);
    let orders = r#"{"id":1,"status":200,"result":[{"symbol":"BTCUSDT","orderId":77,
        "clientOrderId":"r-1","price":"30000.00","origQty":"0.5","executedQty":"0.2",
        "cummulativeQuoteQty":"5000","status":"PARTIALLY_FILLED","side":"BUY",
        "updateTime":1767323045000}]}"#;
    let heard = read(&mut gateway, orders);
    let [Heard::Answer(Question::OpenOrders, Answer::Reports(reports))] = &heard[..] else {
        panic!()
    };
    let What::Picture(picture) = &reports[0].what else { panic!() };
    assert_eq!(picture.state, OrderState::PartiallyFilled);
    assert_eq!(picture.price_average, Some(amount("25000")));

    gateway.ask(Question::Balances, NOW);
    let failed = r#"{"id":2,"status":503,"error":{"code":0,"msg":"?"}}"#;
    assert!(matches!(&read(&mut gateway, failed)[..], [Heard::Answer(_, Answer::Failed(_))]));
}

#[test]
fn a_query_may_not_find_an_order() {
    let mut gateway = gateway();
    gateway.write(&query(), NOW).unwrap();
    let answer = r#"{"id":1,"status":400,"error":{"code":-2013,"msg":"Order does not exist."}}"#;
    assert_eq!(only(read(&mut gateway, answer)).what, What::NotFound);
}

#[test]
fn nonsense_is_an_error_that_shows_its_beginning_and_what_others_trade_is_one_once() {
    let mut heard = Vec::new();
    let error = gateway().read(0, b"<html>bad gateway", NOW, &mut heard).unwrap_err();
    assert!(error.to_string().contains("<html>bad gateway"), "{error}");
    let unknown = execution(r#"{"s":"ETHUSDT"}"#);
    let mut gateway = gateway();
    let error = gateway.read(0, unknown.as_bytes(), NOW, &mut heard).unwrap_err();
    assert!(error.to_string().contains("\"ETHUSDT\" is not known"), "{error}");
    gateway.read(0, unknown.as_bytes(), NOW, &mut heard).unwrap();
    let other = execution(r#"{"s":"XRPUSDT"}"#);
    gateway.read(0, other.as_bytes(), NOW, &mut heard).unwrap_err();
    assert_eq!(heard, []);
}

#[test]
fn a_query_after_a_change_without_an_answer_looks_at_both_orders() {
    let order = |id: u64, client_id: &str, size: &str, filled: &str, status: &str| {
        format!(
            r#"{{"id":{id},"status":200,"result":{{"symbol":"BTCUSDT","orderId":{id},
            "clientOrderId":"{client_id}","price":"30001","origQty":"{size}",
            "executedQty":"{filled}","cummulativeQuoteQty":"0","status":"{status}","side":"BUY",
            "updateTime":1767323045000}}}}"#
        )
    };
    let absent = |id: u64| {
        format!(
            r#"{{"id":{id},"status":400,"error":{{"code":-2013,"msg":"Order does not exist."}}}}"#
        )
    };
    let begin = || {
        let mut gateway = gateway();
        gateway.write(&submit(wish()), NOW).unwrap();
        gateway.write(&replace("0.1"), NOW).unwrap();
        gateway.closed(0, NOW + 1, &mut Vec::new());
        let asked = sent(gateway.write(&query(), NOW + 2));
        assert_eq!(asked["params"]["origClientOrderId"], "r-2");
        gateway
    };

    let mut done = begin();
    let asked = text(next(read(&mut done, &order(3, "r-2", "0.5", "0", "NEW"))));
    assert_eq!(asked["params"]["origClientOrderId"], "r-1");
    let heard = read(&mut done, &order(4, "r-1", "0.5", "0.15", "CANCELED"));
    let [Heard::Report(replaced), Heard::Report(picture)] = &heard[..] else { panic!("{heard:?}") };
    // 0.05 more were filled before the old order ended.
    let size = amount("0.65");
    assert_eq!(replaced.what, What::Replaced { price: Some(amount("30001")), size });
    assert_eq!((&*replaced.client_id, replaced.client_id_prev.as_deref()), ("r-2", Some("r-1")));
    assert!(matches!(&picture.what, What::Picture(picture) if picture.size == size));

    let mut not_done = begin();
    let asked = text(next(read(&mut not_done, &absent(3))));
    assert_eq!(asked["params"]["origClientOrderId"], "r-1");
    let heard = read(&mut not_done, &order(4, "r-1", "0.5", "0.15", "PARTIALLY_FILLED"));
    let [Heard::Report(refused), Heard::Report(picture)] = &heard[..] else { panic!("{heard:?}") };
    assert!(matches!(refused.what, What::ReplaceRejected(_)));
    assert_eq!(&*picture.client_id, "r-1");

    let mut neither = begin();
    read(&mut neither, &absent(3));
    let report = only(read(&mut neither, &absent(4)));
    assert_eq!((&*report.client_id, report.what), ("r-1", What::NotFound));
}

#[test]
fn a_change_without_an_answer_may_be_told_by_the_stream() {
    let mut gateway = gateway();
    gateway.write(&replace("0"), NOW).unwrap();
    let mut heard = Vec::new();
    gateway.tick(NOW + 1, NOW + 2, &mut heard);
    assert!(matches!(only(heard).what, What::Ended { outcome: Outcome::Unknown, .. }));
    let cancelled = execution(r#"{"x":"CANCELED","X":"CANCELED","c":"?","C":"r-1"}"#);
    assert_eq!(read(&mut gateway, &cancelled), []);
    let report = only(read(&mut gateway, &execution(r#"{"c":"r-2","i":78}"#)));
    assert!(matches!(report.what, What::Replaced { .. }));
}

#[test]
fn a_fill_counts_whatever_its_fee_is_in() {
    let mut gateway = gateway();
    let text =
        execution(r#"{"x":"TRADE","l":"0.2","z":"0.2","L":"1","n":"0.0002","N":"BNB","t":12}"#);
    assert!(matches!(only(read(&mut gateway, &text)).what, What::Fill(Fill { fee: None, .. })));
}

#[test]
fn fills_are_asked_for_until_there_are_no_more() {
    let mut gateway = gateway();
    let question = Question::Fills(FIRST, NOW);
    let first = text(gateway.ask(question, NOW));
    assert_eq!(first["params"]["startTime"], json("1767323045678"));
    let trades = |count: i64| {
        let trade = |id| {
            format!(
                r#"{{"id":{id},"orderId":77,"price":"1","qty":"1","commission":"0",
                "commissionAsset":"BTC","time":1767323045699,"isBuyer":true,"isMaker":true}}"#
            )
        };
        (0..count).map(trade).collect::<Vec<_>>().join(",")
    };
    let page =
        |id: u64, count| format!(r#"{{"id":{id},"status":200,"result":[{}]}}"#, trades(count));
    let heard = read(&mut gateway, &page(1, 1000));
    let second = text(asked_again(&mut gateway, heard));
    assert_eq!(second["params"]["fromId"], json("1000"));
    assert!(second["params"].get("startTime").is_none());
    let heard = read(&mut gateway, &page(2, 1));
    let [Heard::Answer(_, Answer::Reports(reports))] = &heard[..] else { panic!("{heard:?}") };
    assert_eq!(reports.len(), 1001);
}

#[test]
fn an_answer_that_cannot_be_read_ends_its_request() {
    let mut gateway = gateway();
    gateway.write(&submit(wish()), NOW).unwrap();
    let mut heard = Vec::new();
    let answer = br#"{"id":1,"status":200,"result":{"orderId":"?"}}"#;
    gateway.read(0, answer, NOW, &mut heard).unwrap_err();
    assert!(matches!(only(heard).what, What::Ended { outcome: Outcome::Unknown, .. }));
}

#[test]
fn open_orders_in_what_nobody_trades_here_are_left_out() {
    let mut gateway = gateway();
    gateway.ask(Question::OpenOrders, NOW);
    let orders = r#"{"id":1,"status":200,"result":[{"symbol":"ETHUSDT","orderId":77,
        "clientOrderId":"r-1","price":"30000.00","origQty":"0.5","executedQty":"0.2",
        "cummulativeQuoteQty":"5000","status":"PARTIALLY_FILLED","side":"BUY",
        "updateTime":1767323045000}]}"#;
    let nothing = Answer::Reports(Vec::new());
    assert_eq!(read(&mut gateway, orders), [Heard::Answer(Question::OpenOrders, nothing)]);
}

#[test]
fn of_two_orders_of_ours_that_meet_one_may_go_on() {
    let mut gateway = gateway();
    let shrunk = execution(r#"{"x":"TRADE_PREVENTION","X":"PARTIALLY_FILLED","A":"0.1"}"#);
    drop(gateway.write(&submit(wish()), NOW));
    let report = only(read(&mut gateway, &shrunk));
    let what = What::Replaced { price: Some(amount("30000")), size: amount("0.4") };
    assert_eq!((&*report.client_id, report.what), ("r-1", what));
    // What others of the chain have filled is not known of an order from before this process.
    let other = shrunk.replace("r-1", "r-9");
    let [Heard::Send(_)] = &read(&mut gateway, &other)[..] else { panic!() };
    let ended = execution(r#"{"x":"TRADE_PREVENTION","X":"EXPIRED_IN_MATCH","A":"0.5"}"#);
    let report = only(read(&mut gateway, &ended));
    assert!(matches!(report.what, What::Expired { size_prevented: Some(_), .. }));
}
