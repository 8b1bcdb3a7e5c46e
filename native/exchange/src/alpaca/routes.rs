//! Which call does what, and who may make it.

use std::time::Duration;

use rustonite_sim::AccountId;
use serde_json::Value;

use super::Desk;
use super::fields::Fields;
use super::refusal::Refusal;
use super::{account, alone, auth, closing, data, history, trade};
use crate::dialect::{Hall, Reply, Request};
use crate::faults::{Called, Fault, Sort};

const SECOND: i64 = 1_000_000_000;

/// A call that is being answered.
pub(crate) struct Call<'a> {
    pub(crate) hall: &'a mut Hall,
    pub(crate) desk: &'a mut Desk,
    /// The last part of its path, if that is a name.
    pub(crate) name: &'a str,
    pub(crate) query: Fields,
    pub(crate) body: &'a str,
    /// Who calls; of open calls nobody asks.
    pub(crate) account: AccountId,
    /// Anybody may make it: data of crypto.
    pub(crate) is_open: bool,
    /// Of the answer, if all goes well.
    pub(crate) status: u16,
}

/// A body; none if it is null.
pub(crate) type Answer = Result<Value, Refusal>;

/// What answers a call.
pub(crate) type Run = fn(&mut Call<'_>) -> Answer;

/// A call that the venue knows.
pub(crate) struct Route {
    method: &'static str,
    /// One that ends with a slash goes on with a name.
    path: &'static str,
    is_open: bool,
    pub(crate) sort: Sort,
    run: Run,
}

const fn read(path: &'static str, run: Run) -> Route {
    Route { method: "GET", path, is_open: false, sort: Sort::Read, run }
}

const fn open(path: &'static str, run: Run) -> Route {
    Route { is_open: true, ..read(path, run) }
}

const fn change(method: &'static str, path: &'static str, sort: Sort, run: Run) -> Route {
    Route { method, sort, ..read(path, run) }
}

static ROUTES: [Route; 41] = [
    read("/v2/account", account::account),
    read("/v2/account/configurations", account::settings),
    change("PATCH", "/v2/account/configurations", Sort::Read, account::change_settings),
    read("/v2/account/portfolio/history", account::history),
    read("/v2/account/activities", account::activities),
    read("/v2/account/activities/", account::activities),
    change("POST", "/v2/orders", Sort::Place, trade::place),
    read("/v2/orders", history::orders),
    change("DELETE", "/v2/orders", Sort::Cancel, trade::cancel_all),
    read("/v2/orders:by_client_order_id", history::order_by_client_id),
    read("/v2/orders/", history::order),
    change("PATCH", "/v2/orders/", Sort::Amend, trade::replace),
    change("DELETE", "/v2/orders/", Sort::Cancel, trade::cancel),
    read("/v2/positions", account::positions),
    change("DELETE", "/v2/positions", Sort::Place, closing::close_all),
    read("/v2/positions/", account::position),
    change("DELETE", "/v2/positions/", Sort::Place, closing::close),
    read("/v2/assets", account::assets),
    read("/v2/assets/", account::asset),
    read("/v2/clock", account::clock),
    read("/v2/calendar", account::calendar),
    read("/v2/watchlists", account::none),
    open("/v1beta3/crypto/us/bars", data::bars),
    open("/v1beta3/crypto/us/trades", data::trades),
    open("/v1beta3/crypto/us/quotes", data::quotes),
    open("/v1beta3/crypto/us/latest/bars", data::latest_bars),
    open("/v1beta3/crypto/us/latest/trades", data::latest_trades),
    open("/v1beta3/crypto/us/latest/quotes", data::latest_quotes),
    open("/v1beta3/crypto/us/latest/orderbooks", data::order_books),
    open("/v1beta3/crypto/us/snapshots", data::crypto_snapshots),
    read("/v2/stocks/bars", data::bars),
    read("/v2/stocks/trades", data::trades),
    read("/v2/stocks/quotes", data::quotes),
    read("/v2/stocks/bars/latest", data::latest_bars),
    read("/v2/stocks/trades/latest", data::latest_trades),
    read("/v2/stocks/quotes/latest", data::latest_quotes),
    read("/v2/stocks/snapshots", data::stock_snapshots),
    read("/v2/stocks/meta/exchanges", data::exchanges),
    read("/v2/stocks/meta/conditions/", data::conditions),
    read("/v2/stocks/", alone::stock),
    read("/v2/corporate_actions/announcements", account::none),
];

/// The call at a path, and the name that the path ends with.
pub(crate) fn find<'a>(method: &str, path: &'a str) -> Option<(&'static Route, &'a str)> {
    let of_method = || ROUTES.iter().filter(|route| route.method == method);
    if let Some(route) = of_method().find(|route| route.path == path) {
        return Some((route, ""));
    }
    of_method().filter(|route| route.path.ends_with('/')).find_map(|route| {
        let name = path.strip_prefix(route.path)?;
        (!name.is_empty()).then_some((route, name))
    })
}

/// A path whose names are spelled out.
pub(crate) fn plain(path: &str) -> String {
    path.replace("%2F", "/").replace("%2f", "/").replace("%3A", ":").replace("%3a", ":")
}

/// Calls of an account in a minute.
struct Usage {
    used: u32,
    allowed: u32,
    /// When the next minute begins.
    next: i64,
}

impl Usage {
    fn headers(&self) -> Vec<(&'static str, String)> {
        vec![
            ("x-ratelimit-limit", self.allowed.to_string()),
            ("x-ratelimit-remaining", self.allowed.saturating_sub(self.used).to_string()),
            ("x-ratelimit-reset", (self.next / SECOND).to_string()),
        ]
    }
}

/// Answers a call of REST.
pub(crate) fn answer(hall: &mut Hall, desk: &mut Desk, request: &Request) -> Reply {
    let path = plain(&request.path);
    let Some((route, name)) = find(&request.method, &path) else {
        return Refusal::plain(404, "endpoint not found.").reply();
    };
    let query = Fields::of_query(&request.query);
    let symbol = symbol(hall, request, name, &query);
    let mut usage = None;
    let served = admitted(hall, route, symbol.as_deref()).and_then(|()| {
        let account = caller(hall, route, request, &mut usage)?;
        let made = (name, query, request.body.as_str(), account);
        let is_read = route.method == "GET";
        let past = is_read.then(|| hall.stale(called(route, symbol.as_deref()))).flatten();
        let past = past.and_then(|past| Some((past, desk.remembered.take()?)));
        let Some((mut past, mut past_desk)) = past else {
            return run(hall, desk, route, made);
        };
        let reply = run(&mut past, &mut past_desk, route, made);
        hall.keep_past(past);
        desk.remembered = Some(past_desk);
        reply
    });
    let mut reply = match served {
        Ok(reply) => spoiled(hall, route, symbol.as_deref(), reply),
        Err(refusal) => refusal.reply(),
    };
    reply.headers.extend(usage.iter().flat_map(Usage::headers));
    reply
}

/// Makes a call: the last part of its path, its query and body, and who makes it.
fn run(
    hall: &mut Hall,
    desk: &mut Desk,
    route: &Route,
    (name, query, body, account): (&str, Fields, &str, AccountId),
) -> Result<Reply, Refusal> {
    let is_open = route.is_open;
    let mut call = Call { hall, desk, name, query, body, account, is_open, status: 200 };
    let value = (route.run)(&mut call)?;
    Ok(told(call.status, &value))
}

fn called<'a>(route: &Route, symbol: Option<&'a str>) -> Called<'a> {
    Called { sort: route.sort, path: route.path, symbol }
}

fn told(status: u16, value: &Value) -> Reply {
    match value {
        Value::Null => Reply::new(204, String::new()),
        value => Reply::json(status, value),
    }
}

/// The symbol that a call is about, if it is about one.
fn symbol(hall: &Hall, request: &Request, name: &str, query: &Fields) -> Option<String> {
    if let Some(symbol) = query.word("symbols").or(query.word("symbol")) {
        return Some(symbol.to_owned());
    }
    if let Some(id) = trade::order_named(name) {
        let mut accounts = hall.floor.accounts.all.values();
        let record = accounts.find_map(|account| account.orders.get(&id))?;
        return Some(hall.floor.listed(record.order.asked.instrument).listing.symbol.clone());
    }
    if !name.is_empty() {
        return Some(name.to_owned());
    }
    Fields::of_body(&request.body).ok()?.word("symbol").map(str::to_owned)
}

/// Whether a call is made at all.
fn admitted(hall: &mut Hall, route: &Route, symbol: Option<&str>) -> Result<(), Refusal> {
    if hall.faults.maintenance {
        return Err(Refusal::of_status(503));
    }
    let refuses = |fault: &Fault| matches!(fault, Fault::Refuse { .. });
    match hall.faults.of_call(called(route, symbol), refuses) {
        Some(Fault::Refuse { status, retry_after_s }) => {
            Err(Refusal::of_status(status).until(retry_after_s))
        }
        _ => Ok(()),
    }
}

/// Who calls, and whether that is too often.
fn caller(
    hall: &mut Hall,
    route: &Route,
    request: &Request,
    usage: &mut Option<Usage>,
) -> Result<AccountId, Refusal> {
    if route.is_open {
        return Ok(hall.house);
    }
    let account = auth::caller(&hall.floor, &request.headers)?;
    let now = hall.floor.now();
    let (used, next) = hall.limits.call_of(account, now);
    let allowed = hall.limits.allowed.weight_1m;
    *usage = Some(Usage { used, allowed, next });
    if used > allowed { Err(Refusal::too_many()) } else { Ok(account) }
}

/// Lets go wrong what is to go wrong after a call was made.
fn spoiled(hall: &mut Hall, route: &Route, symbol: Option<&str>, reply: Reply) -> Reply {
    match hall.faults.of_call(called(route, symbol), Fault::meets_answers) {
        Some(Fault::FailAfter { status }) => Refusal::of_status(status).reply(),
        Some(Fault::NoAnswer) => Reply { is_lost: true, ..reply },
        Some(Fault::Late { ms }) => Reply { after: Duration::from_millis(ms), ..reply },
        _ => reply,
    }
}
