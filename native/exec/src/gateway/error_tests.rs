//! What the venues' errors leave of a new order: it was not done for sure, and why, or nobody knows
//! and a query has to tell.

use serde_json::{Value, json};

use super::testing::{NOW, answered_as, call, gateway_of, only, read, sent, submit, wish};
use crate::report::RefusalKind::{
    self, Authentication, Balance, Clock, DuplicateId, Other, RateLimited, Rules, TooLate,
    Unavailable, UnknownOrder, WouldTake,
};
use crate::report::{Report, What};
use crate::request::Outcome;

type Fate = Option<RefusalKind>;

/// Nobody knows.
const UNKNOWN: Fate = None;

fn fate(report: Report) -> Fate {
    match report.what {
        What::Rejected(refusal) => Some(refusal.reason),
        What::Ended { outcome: Outcome::Unknown, .. } => UNKNOWN,
        other => panic!("expected an end, found {other:?}"),
    }
}

/// What becomes of an order that was sent on a line, by the answer to its number.
fn on_line(venue: &str, reply: impl Fn(&Value) -> Value) -> Fate {
    let mut gateway = gateway_of(venue);
    let asked = sent(gateway.write(&submit(wish()), NOW));
    let mut numbers = ["id", "reqId", "req_id"].iter().filter_map(|name| asked.get(*name));
    let reply = reply(numbers.next().unwrap());
    fate(only(read(&mut *gateway, 0, &reply.to_string())))
}

fn check<C: core::fmt::Debug + Copy>(
    venue: &str,
    table: &[(C, Option<RefusalKind>)],
    fate_of: impl Fn(C) -> Fate,
) {
    for (code, expected) in table {
        assert_eq!(fate_of(*code), *expected, "{venue} {code:?}");
    }
}

/// Status, code and words.
type Binance = (u16, i64, &'static str);

fn by_binance(venue: &str, (status, code, words): Binance) -> Fate {
    on_line(venue, |id| json!({"id": id, "status": status, "error": {"code": code, "msg": words}}))
}

/// What spot and futures share.
const BINANCE: &[(Binance, Fate)] = &[
    ((400, -1000, "An unknown error occurred while processing the request."), UNKNOWN),
    ((500, -1000, "?"), UNKNOWN),
    ((500, -1001, "Internal error; unable to process your request."), UNKNOWN),
    ((400, -1004, "Server is busy, please wait and try again."), UNKNOWN),
    ((400, -1006, "An unexpected response was received from the message bus."), UNKNOWN),
    ((400, -1007, "Timeout waiting for response from backend server."), UNKNOWN),
    ((408, -1007, "Timeout"), UNKNOWN),
    ((502, 0, ""), UNKNOWN),
    ((503, 0, "Unknown error, please check your request or try again later."), UNKNOWN),
    ((504, 0, ""), UNKNOWN),
    ((503, -1008, "Server is currently overloaded with other requests."), Some(RateLimited)),
    ((429, -1003, "Too many requests"), Some(RateLimited)),
    ((418, -1003, "Way too many requests"), Some(RateLimited)),
    ((429, 0, ""), Some(RateLimited)),
    ((400, -1015, "Too many new orders."), Some(RateLimited)),
    ((400, -1016, "This service is no longer available."), Some(Unavailable)),
    ((400, -1013, "Market is closed."), Some(Unavailable)),
    ((400, -2016, "No trading window could be found for the symbol."), Some(Unavailable)),
    ((400, -1021, "Timestamp for this request is outside of the recvWindow."), Some(Clock)),
    ((401, -1002, "You are not authorized to execute this request."), Some(Authentication)),
    ((400, -1022, "Signature for this request is not valid."), Some(Authentication)),
    ((400, -2014, "API-key format invalid."), Some(Authentication)),
    ((401, -2015, "Invalid API-key, IP, or permissions for action."), Some(Authentication)),
    ((403, 0, ""), Some(Authentication)),
    ((400, -1013, "Filter failure: LOT_SIZE"), Some(Rules)),
    ((400, -1100, "Illegal characters found in a parameter."), Some(Rules)),
    ((400, -1111, "Precision is over the maximum defined for this asset."), Some(Rules)),
    ((400, -1121, "Invalid symbol."), Some(Rules)),
    ((400, -2013, "Order does not exist."), Some(UnknownOrder)),
    ((400, -9999, "New"), Some(Other)),
];

#[test]
fn errors_of_binance_spot() {
    check("binance", BINANCE, |row| by_binance("binance", row));
    let of_spot: &[(Binance, Fate)] = &[
        ((400, -2010, "Account has insufficient balance for requested action."), Some(Balance)),
        ((400, -2010, "Duplicate order sent."), Some(DuplicateId)),
        ((400, -2010, "Order would immediately match and take."), Some(WouldTake)),
        ((400, -2010, "Market is closed."), Some(Unavailable)),
        ((400, -2010, "This symbol is restricted for this account."), Some(Rules)),
        ((400, -2026, "Order was canceled and has been archived."), Some(TooLate)),
    ];
    check("binance", of_spot, |row| by_binance("binance", row));
}

#[test]
fn errors_of_binance_futures() {
    let venue = "binance-usdm";
    check(venue, BINANCE, |row| by_binance(venue, row));
    let of_futures: &[(i64, Fate)] = &[
        (-2017, Some(Authentication)),
        (-2018, Some(Balance)),
        (-2019, Some(Balance)),
        (-2021, Some(Rules)),
        (-2022, Some(Rules)),
        (-2024, Some(Balance)),
        (-2025, Some(Rules)),
        (-2026, Some(Rules)),
        (-2027, Some(Rules)),
        (-4116, Some(DuplicateId)),
        (-4120, Some(Rules)),
        (-4140, Some(Unavailable)),
        (-4141, Some(Unavailable)),
        (-4164, Some(Rules)),
        (-5021, Some(Rules)),
        (-5022, Some(WouldTake)),
        (-5028, Some(Clock)),
    ];
    check(venue, of_futures, |code| by_binance(venue, (400, code, "words")));
}

#[test]
fn errors_of_okx() {
    let table: &[(&str, Fate)] = &[
        ("50001", UNKNOWN),
        ("50004", UNKNOWN),
        ("50013", UNKNOWN),
        ("50026", UNKNOWN),
        ("51054", UNKNOWN),
        ("51149", UNKNOWN),
        ("63999", UNKNOWN),
        ("64007", UNKNOWN),
        ("not a number", UNKNOWN),
        ("50011", Some(RateLimited)),
        ("50040", Some(RateLimited)),
        ("50061", Some(RateLimited)),
        ("60014", Some(RateLimited)),
        ("50005", Some(Unavailable)),
        ("51022", Some(Unavailable)),
        ("51028", Some(Unavailable)),
        ("50102", Some(Clock)),
        ("60006", Some(Clock)),
        ("50027", Some(Authentication)),
        ("50103", Some(Authentication)),
        ("50113", Some(Authentication)),
        ("60011", Some(Authentication)),
        ("51008", Some(Balance)),
        ("51131", Some(Balance)),
        ("51016", Some(DuplicateId)),
        ("51019", Some(WouldTake)),
        ("51000", Some(Rules)),
        ("51020", Some(Rules)),
        ("51023", Some(Rules)),
        ("54000", Some(Rules)),
        ("60012", Some(Rules)),
        ("51400", Some(TooLate)),
        ("51603", Some(UnknownOrder)),
        ("59999", Some(Other)),
    ];
    check("okx", table, |code| {
        let item = |id: &Value| {
            json!({"id": id, "op": "order", "code": "1", "msg": "",
                "data": [{"ordId": "", "clOrdId": "r-1", "sCode": code, "sMsg": "words"}]})
        };
        // The same is said of the whole message.
        let whole = |id: &Value| json!({"id": id, "op": "order", "code": code, "msg": "words"});
        let of_item = on_line("okx", item);
        assert_eq!(on_line("okx", whole), of_item, "{code}");
        of_item
    });
}

#[test]
fn errors_of_bybit() {
    let table: &[(i64, Fate)] = &[
        (10_000, UNKNOWN),
        (10_014, UNKNOWN),
        (10_016, UNKNOWN),
        (20_006, UNKNOWN),
        (170_001, UNKNOWN),
        (170_007, UNKNOWN),
        (170_032, UNKNOWN),
        (170_146, UNKNOWN),
        (170_147, UNKNOWN),
        (429, Some(RateLimited)),
        (10_006, Some(RateLimited)),
        (10_018, Some(RateLimited)),
        (10_403, Some(RateLimited)),
        (10_429, Some(RateLimited)),
        (20_003, Some(RateLimited)),
        (10_019, Some(Unavailable)),
        (110_066, Some(Unavailable)),
        (110_103, Some(Unavailable)),
        (10_002, Some(Clock)),
        (10_003, Some(Authentication)),
        (10_004, Some(Authentication)),
        (10_010, Some(Authentication)),
        (33_004, Some(Authentication)),
        (110_004, Some(Balance)),
        (110_007, Some(Balance)),
        (170_131, Some(Balance)),
        (110_072, Some(DuplicateId)),
        (170_141, Some(DuplicateId)),
        (170_218, Some(WouldTake)),
        (10_001, Some(Rules)),
        (10_404, Some(Rules)),
        (110_003, Some(Rules)),
        (170_140, Some(Rules)),
        (110_001, Some(UnknownOrder)),
        (170_213, Some(UnknownOrder)),
        (110_010, Some(TooLate)),
        (99_999, Some(Other)),
    ];
    check("bybit", table, |code| {
        let reply = |id: &Value| {
            json!({"reqId": id, "retCode": code, "retMsg": "words", "op": "order.create",
                "data": {}, "header": {}, "connId": "a"})
        };
        on_line("bybit-linear", reply)
    });
}

#[test]
fn errors_of_kraken() {
    let table: &[(&str, Fate)] = &[
        ("", UNKNOWN),
        ("EService:Unavailable", UNKNOWN),
        ("EService:Busy", UNKNOWN),
        ("EService:Timeout", UNKNOWN),
        ("EService:Deadline elapsed", UNKNOWN),
        ("EGeneral:Internal error", UNKNOWN),
        ("EGeneral:Internal error[0x1A]", UNKNOWN),
        ("EDatabase:Internal error", UNKNOWN),
        ("EService:Market in cancel_only mode", Some(Unavailable)),
        ("EService:Market in post_only mode", Some(Unavailable)),
        ("EOrder:Trading is halted", Some(Unavailable)),
        ("EAPI:Rate limit exceeded", Some(RateLimited)),
        ("EOrder:Rate limit exceeded", Some(RateLimited)),
        ("EOrder:Domain rate limit exceeded", Some(RateLimited)),
        ("EOrder:Orders limit exceeded", Some(RateLimited)),
        ("EService:Throttled: 1767323049", Some(RateLimited)),
        ("EGeneral:Temporary lockout", Some(RateLimited)),
        ("EAPI:Invalid key", Some(Authentication)),
        ("EAPI:Invalid nonce", Some(Authentication)),
        ("EAPI:Invalid signature", Some(Authentication)),
        ("ESession:Invalid session", Some(Authentication)),
        ("EAccount:Invalid permissions", Some(Authentication)),
        ("EGeneral:Permission denied", Some(Authentication)),
        ("EOrder:Insufficient funds", Some(Balance)),
        ("EOrder:Margin level too low", Some(Balance)),
        ("EOrder:Post only order", Some(WouldTake)),
        ("EOrder:cl_ord_id must be unique", Some(DuplicateId)),
        ("EOrder:Order minimum not met", Some(Rules)),
        ("EOrder:Tick size check failed", Some(Rules)),
        ("EGeneral:Invalid arguments", Some(Rules)),
        ("EQuery:Unknown asset pair", Some(Rules)),
        ("EOrder:Unknown order", Some(UnknownOrder)),
        ("ENew:Something", Some(Other)),
    ];
    check("kraken", table, |error| {
        let reply = |id: &Value| json!({"method": "add_order", "req_id": id, "success": false, "error": error});
        on_line("kraken", reply)
    });
}

#[test]
fn errors_of_alpaca() {
    let table: &[((u16, &str), Fate)] = &[
        ((200, "<html>"), UNKNOWN),
        ((302, ""), UNKNOWN),
        ((408, ""), UNKNOWN),
        ((500, r#"{"code":50010000,"message":"internal server error occurred"}"#), UNKNOWN),
        ((502, "<html>"), UNKNOWN),
        ((503, ""), UNKNOWN),
        ((504, r#"{"message":"upstream request timeout"}"#), UNKNOWN),
        ((429, r#"{"code":42910000,"message":"rate limit exceeded"}"#), Some(RateLimited)),
        ((429, "<html>"), Some(RateLimited)),
        ((401, r#"{"code":40110000,"message":"request is not authorized"}"#), Some(Authentication)),
        ((403, r#"{"message":"forbidden."}"#), Some(Authentication)),
        (
            (403, r#"{"code":40310000,"message":"account is restricted to liquidation only"}"#),
            Some(Authentication),
        ),
        ((403, r#"{"code":40310000,"message":"insufficient buying power"}"#), Some(Balance)),
        ((403, r#"{"code":40310000,"message":"potential wash trade detected"}"#), Some(Rules)),
        (
            (422, r#"{"code":40010001,"message":"client_order_id must be unique"}"#),
            Some(DuplicateId),
        ),
        (
            (422, r#"{"code":42210000,"message":"asset \"AAPL\" is not tradable"}"#),
            Some(Unavailable),
        ),
        ((422, r#"{"code":42210000,"message":"invalid limit_price"}"#), Some(Rules)),
        ((404, r#"{"code":40410000,"message":"order not found for x"}"#), Some(UnknownOrder)),
        ((400, r#"{"message":"bad"}"#), Some(Other)),
    ];
    check("alpaca", table, |(status, body)| {
        let mut gateway = gateway_of("alpaca-stocks");
        let asked = call(gateway.write(&submit(wish()), NOW).unwrap());
        // An answer that cannot be understood is told, too.
        let (heard, _) = answered_as(&mut *gateway, asked.id, status, body);
        fate(only(heard))
    });
}
