//! Which call does what, what it weighs, and who may make it.

use std::net::IpAddr;
use std::time::Duration;

use rustonite_sim::AccountId;
use serde_json::Value;

use super::params::Params;
use super::refusal::Refusal;
use super::{account, auth, public, trade};
use crate::dialect::{Hall, Reply, Request};
use crate::faults::{Fault, Sort};
use crate::limits::TooMuch;

/// The header that names who calls.
const API_KEY: &str = "x-mbx-apikey";

/// Who may make a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Security {
    /// Anybody.
    Open,
    /// Who has a key.
    Key,
    /// Who signs.
    Signed,
}

/// A call that is being answered.
pub(crate) struct Call<'a> {
    pub(crate) hall: &'a mut Hall,
    pub(crate) params: &'a Params,
    /// Who signed; of open calls nobody asks.
    pub(crate) account: AccountId,
}

pub(crate) type Answer = Result<Value, Refusal>;

/// A call that the venue knows.
pub(crate) struct Route {
    pub(crate) method: &'static str,
    pub(crate) path: &'static str,
    /// Its name in the WebSocket interface; empty if it is not there.
    pub(crate) name: &'static str,
    pub(crate) weight: u32,
    pub(crate) security: Security,
    pub(crate) sort: Sort,
    pub(crate) run: fn(&mut Call<'_>) -> Answer,
}

const fn open(
    path: &'static str,
    name: &'static str,
    weight: u32,
    run: fn(&mut Call<'_>) -> Answer,
) -> Route {
    Route { method: "GET", path, name, weight, security: Security::Open, sort: Sort::Read, run }
}

const fn signed(
    method: &'static str,
    path: &'static str,
    name: &'static str,
    weight: u32,
    sort: Sort,
    run: fn(&mut Call<'_>) -> Answer,
) -> Route {
    Route { method, path, name, weight, security: Security::Signed, sort, run }
}

static ROUTES: [Route; 32] = [
    open("/api/v3/ping", "ping", 1, public::ping),
    open("/api/v3/time", "time", 1, public::time),
    open("/api/v3/exchangeInfo", "exchangeInfo", 20, public::exchange_info),
    open("/api/v3/depth", "depth", 5, public::depth),
    open("/api/v3/trades", "trades.recent", 25, public::trades),
    Route {
        security: Security::Key,
        ..open("/api/v3/historicalTrades", "trades.historical", 25, public::historical_trades)
    },
    open("/api/v3/aggTrades", "trades.aggregate", 4, public::agg_trades),
    open("/api/v3/klines", "klines", 2, public::klines),
    open("/api/v3/uiKlines", "uiKlines", 2, public::klines),
    open("/api/v3/avgPrice", "avgPrice", 2, public::avg_price),
    open("/api/v3/ticker/24hr", "ticker.24hr", 2, public::ticker_day),
    open("/api/v3/ticker/price", "ticker.price", 2, public::ticker_price),
    open("/api/v3/ticker/bookTicker", "ticker.book", 2, public::ticker_book),
    signed("POST", "/api/v3/order", "order.place", 1, Sort::Place, trade::place),
    signed("POST", "/api/v3/order/test", "order.test", 1, Sort::Read, trade::test),
    signed("GET", "/api/v3/order", "order.status", 4, Sort::Read, account::order),
    signed("DELETE", "/api/v3/order", "order.cancel", 1, Sort::Cancel, trade::cancel),
    signed(
        "POST",
        "/api/v3/order/cancelReplace",
        "order.cancelReplace",
        1,
        Sort::Amend,
        trade::replace,
    ),
    signed(
        "PUT",
        "/api/v3/order/amend/keepPriority",
        "order.amend.keepPriority",
        4,
        Sort::Amend,
        trade::amend,
    ),
    signed("GET", "/api/v3/openOrders", "openOrders.status", 6, Sort::Read, account::open_orders),
    signed(
        "DELETE",
        "/api/v3/openOrders",
        "openOrders.cancelAll",
        1,
        Sort::Cancel,
        trade::cancel_all,
    ),
    signed("GET", "/api/v3/allOrders", "allOrders", 20, Sort::Read, account::all_orders),
    signed("POST", "/api/v3/orderList/oco", "orderList.place.oco", 1, Sort::Place, trade::oco),
    signed("POST", "/api/v3/order/oco", "orderList.place", 1, Sort::Place, trade::old_oco),
    signed("DELETE", "/api/v3/orderList", "orderList.cancel", 1, Sort::Cancel, trade::cancel_list),
    signed(
        "GET",
        "/api/v3/openOrderList",
        "openOrderLists.status",
        6,
        Sort::Read,
        account::open_lists,
    ),
    signed("GET", "/api/v3/account", "account.status", 20, Sort::Read, account::account),
    signed(
        "GET",
        "/api/v3/account/commission",
        "account.commission",
        20,
        Sort::Read,
        account::commission,
    ),
    signed("GET", "/api/v3/myTrades", "myTrades", 20, Sort::Read, account::my_trades),
    signed(
        "GET",
        "/api/v3/rateLimit/order",
        "account.rateLimits.orders",
        40,
        Sort::Read,
        account::order_limits,
    ),
    signed(
        "GET",
        "/api/v3/myPreventedMatches",
        "myPreventedMatches",
        20,
        Sort::Read,
        account::none,
    ),
    signed("GET", "/sapi/v1/capital/config/getall", "", 10, Sort::Read, account::coins),
];

/// The call of REST at a path.
pub(crate) fn find(method: &str, path: &str) -> Option<&'static Route> {
    ROUTES.iter().find(|route| route.path == path && route.method == method)
}

/// The call of the WebSocket interface with a name.
pub(crate) fn named(name: &str) -> Option<&'static Route> {
    ROUTES.iter().find(|route| route.name == name && !name.is_empty())
}

/// What a call came to.
pub(crate) struct Served {
    pub(crate) answer: Answer,
    pub(crate) after: Duration,
    pub(crate) is_lost: bool,
    /// Weight that the address used in this minute.
    pub(crate) weight: u32,
    /// Orders of the account in ten seconds and a day, if the call places some.
    pub(crate) orders: Option<[u32; 2]>,
}

/// Makes a call, with what goes wrong on the way.
pub(crate) fn serve(
    hall: &mut Hall,
    route: &Route,
    params: &Params,
    from: IpAddr,
    who: impl FnOnce(&mut Hall) -> Result<AccountId, Refusal>,
) -> Served {
    let now = hall.floor.now();
    let mut served = Served {
        answer: Ok(Value::Null),
        after: Duration::ZERO,
        is_lost: false,
        weight: hall.limits.used(from, now),
        orders: None,
    };
    match admitted(hall, route, params, from) {
        Ok(weight) => served.weight = weight,
        Err(refusal) => {
            served.answer = Err(refusal);
            return served;
        }
    }
    served.answer = who(hall).and_then(|account| {
        let places = route.sort == Sort::Place || route.name == "order.cancelReplace";
        if places {
            served.orders = Some(counted(hall, account)?);
        }
        (route.run)(&mut Call { hall, params, account })
    });
    spoil(hall, route, params, &mut served);
    served
}

/// Whether a call is made at all. The weight used so far.
fn admitted(hall: &mut Hall, route: &Route, params: &Params, from: IpAddr) -> Result<u32, Refusal> {
    if hall.faults.maintenance {
        let text = "This service is no longer available.";
        return Err(Refusal::with_status(503, -1016, text));
    }
    let symbol = params.get("symbol");
    if let Some(Fault::Refuse { status, retry_after_s }) =
        hall.faults.of_call(route.sort, symbol, true)
    {
        return Err(Refusal { retry_after_s, ..refused(status) });
    }
    let now = hall.floor.now();
    let weight =
        if route.path == "/api/v3/depth" { public::depth_weight(params) } else { route.weight };
    hall.limits.call(from, now, weight).map_err(|much| too_much(hall, much))
}

/// What a status goes with.
fn refused(status: u16) -> Refusal {
    let (code, text) = match status {
        418 | 429 => (-1003, "Too many requests."),
        403 => (-1002, "You are not authorized to execute this request."),
        504 => (
            -1007,
            "Timeout waiting for response from backend server. Send status unknown; execution status unknown.",
        ),
        _ => (-1000, "An unknown error occurred while processing the request."),
    };
    Refusal::with_status(status, code, text)
}

fn too_much(hall: &Hall, much: TooMuch) -> Refusal {
    let rest = "Please use WebSocket Streams for live updates to avoid";
    let (status, text) = if let Some(until) = much.banned_until {
        let until = hall.floor.shown(until);
        (418, format!("Way too much request weight used; IP banned until {until}. {rest} bans."))
    } else {
        let most = hall.limits.allowed.weight_1m;
        let limit = format!("current limit is {most} request weight per 1 MINUTE");
        (429, format!("Too much request weight used; {limit}. {rest} polling the API."))
    };
    let retry_after_s = Some(much.retry_after_s);
    Refusal { retry_after_s, ..Refusal::with_status(status, -1003, text) }
}

fn counted(hall: &mut Hall, account: AccountId) -> Result<[u32; 2], Refusal> {
    let now = hall.floor.now();
    if let Some((most, window)) = hall.limits.orders_refused(account, now, 1) {
        let text = format!("Too many new orders; current limit is {most} orders per {window}.");
        return Err(Refusal::with_status(429, -1015, text));
    }
    Ok(hall.limits.orders(account, now, 1))
}

/// Lets go wrong what is to go wrong after a call was made.
fn spoil(hall: &mut Hall, route: &Route, params: &Params, served: &mut Served) {
    if served.answer.is_err() {
        return;
    }
    match hall.faults.of_call(route.sort, params.get("symbol"), false) {
        Some(Fault::FailAfter { status }) => served.answer = Err(refused(status)),
        Some(Fault::NoAnswer) => served.is_lost = true,
        Some(Fault::Late { ms }) => served.after = Duration::from_millis(ms),
        _ => {}
    }
}

/// Answers a call of REST.
pub(crate) fn answer(hall: &mut Hall, request: &Request) -> Reply {
    let Some(route) = find(&request.method, &request.path) else {
        return Reply::new(404, String::new());
    };
    let params = match Params::of_forms(&request.query, &request.body) {
        Ok(params) => params,
        Err(refusal) => return refusal.reply(),
    };
    let who = |hall: &mut Hall| {
        let key = request.headers.get(API_KEY).map(|key| String::from_utf8_lossy(key.as_bytes()));
        let key = key.as_deref();
        match route.security {
            Security::Open => Ok(hall.house),
            Security::Key => auth::account(&hall.floor, key),
            Security::Signed => {
                let text = auth::signed_text(&request.query, &request.body);
                auth::signer(&mut hall.floor, key, &params, &text)
            }
        }
    };
    let served = serve(hall, route, &params, request.from, who);
    let mut reply = match &served.answer {
        Ok(value) => Reply::new(200, value.to_string()),
        Err(refusal) => refusal.reply(),
    };
    reply.headers.push(("x-mbx-used-weight", served.weight.to_string()));
    reply.headers.push(("x-mbx-used-weight-1m", served.weight.to_string()));
    if let Some([short, long]) = served.orders {
        reply.headers.push(("x-mbx-order-count-10s", short.to_string()));
        reply.headers.push(("x-mbx-order-count-1d", long.to_string()));
    }
    Reply { after: served.after, is_lost: served.is_lost, ..reply }
}
