//! Calls: which one is meant, who may make it, what it weighs, and what goes wrong with it.

use std::net::IpAddr;
use std::time::Duration;

use rustonite_sim::AccountId;
use serde_json::Value;

use super::auth;
use super::params::Params;
use super::refusal::Refusal;
use crate::dialect::{Hall, Reply, Request};
use crate::faults::{Called, Fault, Sort};
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

/// A call that is being answered. `S` is what a market keeps besides the hall.
pub(crate) struct Call<'a, S = ()> {
    pub(crate) hall: &'a mut Hall,
    pub(crate) params: &'a Params,
    /// Who signed; of open calls nobody asks.
    pub(crate) account: AccountId,
    pub(crate) state: &'a mut S,
}

pub(crate) type Answer = Result<Value, Refusal>;

/// A call that a market knows.
pub(crate) struct Route<S: 'static = ()> {
    pub(crate) method: &'static str,
    pub(crate) path: &'static str,
    /// Its name in the WebSocket interface; empty if it is not there.
    pub(crate) name: &'static str,
    pub(crate) weight: u32,
    /// What it weighs where that depends on what is asked for.
    pub(crate) weigh: Option<fn(&Params) -> u32>,
    pub(crate) security: Security,
    pub(crate) sort: Sort,
    /// How many new orders it counts as, in each window.
    pub(crate) orders: [u32; 3],
    pub(crate) run: fn(&mut Call<'_, S>) -> Answer,
    /// What is done all the same where there were too many orders, and how that is refused.
    pub(crate) crowded: fn(&mut Call<'_, S>, Refusal) -> Refusal,
}

pub(crate) const fn open<S>(
    path: &'static str,
    name: &'static str,
    weight: u32,
    run: fn(&mut Call<'_, S>) -> Answer,
) -> Route<S> {
    let (security, sort) = (Security::Open, Sort::Read);
    let (method, weigh, orders, crowded) = ("GET", None, [0; 3], nothing);
    Route { method, path, name, weight, weigh, security, sort, orders, run, crowded }
}

pub(crate) const fn signed<S>(
    method: &'static str,
    path: &'static str,
    name: &'static str,
    weight: u32,
    sort: Sort,
    run: fn(&mut Call<'_, S>) -> Answer,
) -> Route<S> {
    Route { method, security: Security::Signed, sort, ..open(path, name, weight, run) }
}

/// The same of a call that is a new order.
pub(crate) const fn order<S>(
    method: &'static str,
    path: &'static str,
    name: &'static str,
    sort: Sort,
    run: fn(&mut Call<'_, S>) -> Answer,
) -> Route<S> {
    Route { orders: [1; 3], ..signed(method, path, name, 1, sort, run) }
}

fn nothing<S>(_: &mut Call<'_, S>, refusal: Refusal) -> Refusal {
    refusal
}

/// What a call weighs that names a symbol, and one that means all.
pub(crate) fn by_symbol(params: &Params, [one, all]: [u32; 2]) -> u32 {
    if params.get("symbol").is_some() { one } else { all }
}

/// A window in which new orders are counted.
pub(crate) struct Window {
    pub(crate) header: &'static str,
    pub(crate) interval: &'static str,
    pub(crate) count: u32,
    /// Its place among those of the limits.
    pub(crate) place: usize,
}

/// All calls of a market.
pub(crate) struct Interface<S: 'static = ()> {
    pub(crate) routes: &'static [Route<S>],
    /// Parameters that some call reads.
    pub(crate) known: &'static [&'static str],
    pub(crate) windows: [Window; 2],
    /// Whether user streams are opened by the WebSocket interface.
    pub(crate) has_user_streams: bool,
}

/// What became of a call, for either interface.
pub(crate) struct Served {
    pub(crate) answer: Answer,
    pub(crate) after: Duration,
    pub(crate) is_lost: bool,
    pub(crate) weight: u32,
    /// New orders in each window, if it was counted as one.
    pub(crate) orders: Option<[u32; 3]>,
}

impl<S> Interface<S> {
    /// The call of REST at a path.
    pub(crate) fn find(&self, method: &str, path: &str) -> Option<&'static Route<S>> {
        self.routes.iter().find(|route| route.method == method && route.path == path)
    }

    /// The call of a name in the WebSocket interface.
    pub(crate) fn named(&self, name: &str) -> Option<&'static Route<S>> {
        self.routes.iter().find(|route| route.name == name && !name.is_empty())
    }

    /// Answers a call of REST.
    pub(crate) fn answer(&self, state: &mut S, hall: &mut Hall, request: &Request) -> Reply {
        let Some(route) = self.find(&request.method, &request.path) else {
            return Reply::new(404, String::new());
        };
        let params = match Params::of_forms(self.known, &request.query, &request.body) {
            Ok(params) => params,
            Err(refusal) => return refusal.reply(),
        };
        let who = |hall: &mut Hall| {
            let key = request.headers.get(API_KEY);
            let key = key.map(|key| String::from_utf8_lossy(key.as_bytes()));
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
        let served = serve(state, hall, route, &params, request.from, who);
        let mut reply = match &served.answer {
            Ok(value) => Reply::json(200, value),
            Err(refusal) => refusal.reply(),
        };
        // Without limits nothing is used up.
        if hall.limits.allowed.weight_1m < u32::MAX {
            reply.headers.push(("x-mbx-used-weight", served.weight.to_string()));
            reply.headers.push(("x-mbx-used-weight-1m", served.weight.to_string()));
        }
        if let Some(counts) = served.orders {
            for window in &self.windows {
                reply.headers.push((window.header, counts[window.place].to_string()));
            }
        }
        Reply { after: served.after, is_lost: served.is_lost, ..reply }
    }
}

/// Makes a call for whomever `who` finds.
pub(crate) fn serve<S>(
    state: &mut S,
    hall: &mut Hall,
    route: &Route<S>,
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
        let is_order = route.orders != [0; 3];
        if is_order && let Err(refusal) = room_for(hall, account, route.orders) {
            let mut call = Call { hall: &mut *hall, params, account, state: &mut *state };
            return Err((route.crowded)(&mut call, refusal));
        }
        let answer = run(state, hall, route, params, account);
        if is_order {
            let now = hall.floor.now();
            let new = if is_counted(&answer) { route.orders } else { [0; 3] };
            served.orders = Some(hall.limits.orders(account, now, new));
        }
        answer
    });
    spoil(hall, route, params, &mut served);
    served
}

fn called<'a, S>(route: &Route<S>, params: &'a Params) -> Called<'a> {
    Called { sort: route.sort, path: route.path, symbol: params.get("symbol") }
}

/// Makes a call, from how things were if its answer is to be stale.
fn run<S>(
    state: &mut S,
    hall: &mut Hall,
    route: &Route<S>,
    params: &Params,
    account: AccountId,
) -> Answer {
    let is_read = route.method == "GET";
    let Some(mut past) = is_read.then(|| hall.stale(called(route, params))).flatten() else {
        return (route.run)(&mut Call { hall, params, account, state });
    };
    let answer = (route.run)(&mut Call { hall: &mut past, params, account, state });
    hall.keep_past(past);
    answer
}

/// Whether a call is made at all. The weight used so far.
fn admitted<S>(
    hall: &mut Hall,
    route: &Route<S>,
    params: &Params,
    from: IpAddr,
) -> Result<u32, Refusal> {
    if hall.faults.maintenance {
        let text = "This service is no longer available.";
        return Err(Refusal::with_status(503, -1016, text));
    }
    let refuses = |fault: &Fault| matches!(fault, Fault::Refuse { .. });
    if let Some(Fault::Refuse { status, retry_after_s }) =
        hall.faults.of_call(called(route, params), refuses)
    {
        return Err(Refusal { retry_after_s, ..refused(status) });
    }
    weighed(hall, from, route.weigh.map_or(route.weight, |weigh| weigh(params)))
}

/// Counts a call. The weight used so far.
pub(crate) fn weighed(hall: &mut Hall, from: IpAddr, weight: u32) -> Result<u32, Refusal> {
    let now = hall.floor.now();
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

fn room_for(hall: &mut Hall, account: AccountId, more: [u32; 3]) -> Result<(), Refusal> {
    let now = hall.floor.now();
    if let Some((most, window)) = hall.limits.orders_refused(account, now, more) {
        let text = format!("Too many new orders; current limit is {most} orders per {window}.");
        return Err(Refusal::with_status(429, -1015, text));
    }
    Ok(())
}

/// Orders count that were taken, and the new one of a pair that is not tried.
fn is_counted(answer: &Answer) -> bool {
    let Err(refusal) = answer else { return true };
    let new = refusal.data.as_ref().map(|data| &data["newOrderResult"]);
    new.is_some_and(|result| result == "SUCCESS" || result == "NOT_ATTEMPTED")
}

/// Lets go wrong what is to go wrong after a call was made.
fn spoil<S>(hall: &mut Hall, route: &Route<S>, params: &Params, served: &mut Served) {
    if served.answer.is_err() {
        return;
    }
    match hall.faults.of_call(called(route, params), Fault::meets_answers) {
        Some(Fault::FailAfter { status }) => served.answer = Err(refused(status)),
        Some(Fault::NoAnswer) => served.is_lost = true,
        Some(Fault::Late { ms }) => served.after = Duration::from_millis(ms),
        _ => {}
    }
}
