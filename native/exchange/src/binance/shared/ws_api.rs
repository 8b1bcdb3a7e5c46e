//! The WebSocket interface: the calls of REST, sessions, and user streams.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use rustonite_sim::AccountId;
use rustonite_sim::latency::Message;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::auth;
use super::calls::{self, Answer, Interface, Security, Served};
use super::params::Params;
use super::refusal::Refusal;
use super::streams::is_id;
use crate::dialect::Hall;
use crate::faults::{Sort, Streams, Told};
use crate::socket::Out;

/// Whose calls a connection's are: all are made from here.
const HERE: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

/// What calls weigh that are about the connection and its user streams.
const SESSION_WEIGHT: u32 = 2;

/// One connection.
#[derive(Debug, Default, Deserialize, Serialize)]
struct Session {
    /// Who logged on, with which key, and when.
    logged_on: Option<(AccountId, String, i64)>,
    connected_at: i64,
    /// User streams by their number.
    users: BTreeMap<u64, User>,
    next_user: u64,
    /// Of these, the client wants to hear no more.
    ending: Vec<u64>,
}

/// A user stream.
#[derive(Clone, Copy, Debug, Deserialize, Serialize)]
struct User {
    account: AccountId,
    /// It ends when the client logs off.
    is_of_logon: bool,
}

/// All connections to the WebSocket interface.
#[derive(Debug, Default, Deserialize, Serialize)]
pub(crate) struct Sessions(BTreeMap<u64, Session>);

impl Sessions {
    pub(crate) fn open(&mut self, socket: u64) {
        self.0.insert(socket, Session::default());
    }

    pub(crate) fn has(&self, socket: u64) -> bool {
        self.0.contains_key(&socket)
    }

    pub(crate) fn close(&mut self, socket: u64) {
        self.0.remove(&socket);
    }

    pub(crate) fn with_users(&self) -> Vec<u64> {
        self.0.iter().filter(|(_, one)| !one.users.is_empty()).map(|(number, _)| *number).collect()
    }

    pub(crate) fn receive<S>(
        &mut self,
        interface: &Interface<S>,
        state: &mut S,
        hall: &mut Hall,
        (socket, text): (u64, &[u8]),
    ) {
        let Some(session) = self.0.get_mut(&socket) else { return };
        let (mut shows_limits, next_user) = (true, session.next_user);
        let (id, served) = match read(text) {
            Ok((id, method, params)) => {
                let served = answer(session, (interface, state), hall, &method, &params);
                shows_limits = params.get("returnRateLimits") != Some(&json!(false));
                (id, served)
            }
            Err(refusal) => (Value::Null, refused(hall, refusal)),
        };
        if served.is_lost {
            return;
        }
        let mut answer = written(interface, hall, &id, &served);
        if !shows_limits && let Some(fields) = answer.as_object_mut() {
            fields.remove("rateLimits");
        }
        let out = Out::text(answer.to_string());
        hall.sockets.answer_later(socket, out, served.after, Message::Response);
        if session.next_user > next_user {
            hall.subscribed(socket, Streams::User);
        }
        let ended = std::mem::take(&mut session.ending);
        Self::end_users(session, hall, socket, &ended);
    }

    /// Tells a connection that its user streams are over.
    fn end_users(session: &mut Session, hall: &mut Hall, socket: u64, ended: &[u64]) {
        let at = hall.floor.shown_ms();
        for user in ended.iter().filter(|user| session.users.remove(user).is_some()) {
            let event = json!({"e": "eventStreamTerminated", "E": at});
            let text = json!({"subscriptionId": user, "event": event}).to_string();
            hall.sockets.tell(socket, Out::text(text));
        }
    }

    /// All user streams: their connections, numbers and accounts.
    pub(crate) fn users(&self) -> impl Iterator<Item = (u64, u64, AccountId)> {
        self.0.iter().flat_map(|(socket, one)| {
            one.users.iter().map(move |(number, user)| (*socket, *number, user.account))
        })
    }
}

/// What a message does to orders.
pub(crate) fn sort_of<S>(interface: &Interface<S>, text: &[u8]) -> Sort {
    let route = read(text).ok().and_then(|(_, method, _)| interface.named(&method));
    route.map_or(Sort::Read, |route| route.sort)
}

/// Events of an account as they are told: some twice, some later. `about` says what one is about
/// that may go wrong, and of which symbol.
pub(crate) fn spoilt(
    hall: &mut Hall,
    events: Vec<Value>,
    about: impl Fn(&Value) -> Option<(Told, Option<&Value>)>,
) -> Vec<(Value, Duration)> {
    let mut told = Vec::with_capacity(events.len());
    for event in events {
        let (times, after) = about(&event).map_or((1, Duration::ZERO), |(what, symbol)| {
            hall.mishap(what, symbol.and_then(Value::as_str))
        });
        told.extend(std::iter::repeat_n((event, after), times));
    }
    told
}

fn read(text: &[u8]) -> Result<(Value, String, Map<String, Value>), Refusal> {
    let invalid = || Refusal::new(-1135, "Invalid JSON Request");
    let mut asked: Map<String, Value> = serde_json::from_slice(text).map_err(|_| invalid())?;
    let id = asked.remove("id").unwrap_or_default();
    if !is_id(&id) {
        return Err(invalid());
    }
    let method = asked.get("method").and_then(Value::as_str).ok_or_else(invalid)?.to_owned();
    match asked.remove("params").unwrap_or_default() {
        Value::Null => Ok((id, method, Map::new())),
        Value::Object(params) => Ok((id, method, params)),
        _ => Err(invalid()),
    }
}

fn refused(hall: &mut Hall, refusal: Refusal) -> Served {
    let now = hall.floor.now();
    let weight = hall.limits.used(HERE, now);
    let after = Duration::ZERO;
    Served { answer: Err(refusal), after, is_lost: false, weight, orders: None }
}

fn answer<S>(
    session: &mut Session,
    (interface, state): (&Interface<S>, &mut S),
    hall: &mut Hall,
    method: &str,
    params: &Map<String, Value>,
) -> Served {
    let params = Params::of_json(params);
    if let Some(route) = interface.named(method) {
        return calls::serve(state, hall, route, &params, HERE, |hall| {
            caller(session, hall, route.security, &params)
        });
    }
    let is_logon = matches!(method, "session.logon" | "session.status" | "session.logout");
    let is_known = is_logon
        || interface.has_user_streams
            && (method == "session.subscriptions" || method.starts_with("userDataStream."));
    if !is_known {
        return refused(hall, unsupported());
    }
    let weighed = calls::weighed(hall, HERE, SESSION_WEIGHT);
    let answer = weighed.and_then(|_| of_session(session, hall, method, &params));
    let mut served = refused(hall, Refusal::new(0, ""));
    served.answer = answer;
    served
}

/// Who makes a call: whoever logged on, or whoever signed it.
fn caller(
    session: &Session,
    hall: &mut Hall,
    security: Security,
    params: &Params,
) -> Result<AccountId, Refusal> {
    match security {
        Security::Open => Ok(hall.house),
        Security::Key => auth::account(&hall.floor, params.get("apiKey")),
        Security::Signed => match session.logged_on {
            Some((account, ..)) if params.get("signature").is_none() => {
                auth::in_time(&mut hall.floor, params)?;
                Ok(account)
            }
            _ => signer(hall, params),
        },
    }
}

fn signer(hall: &mut Hall, params: &Params) -> Result<AccountId, Refusal> {
    auth::signer(&mut hall.floor, params.get("apiKey"), params, &params.sorted())
}

fn of_session(session: &mut Session, hall: &mut Hall, method: &str, params: &Params) -> Answer {
    match method {
        "session.logon" => {
            let account = signer(hall, params)?;
            let name = params.need("apiKey")?;
            let is_ed25519 = hall.floor.accounts.key(name).is_some_and(|(_, key)| key.is_ed25519());
            if !is_ed25519 {
                let text = "Unsupported API-key type: session.logon takes Ed25519 keys only.";
                return Err(Refusal::new(-4056, text));
            }
            session.logged_on = Some((account, name.to_owned(), hall.floor.shown_ms()));
            Ok(state(session, hall))
        }
        "session.status" => Ok(state(session, hall)),
        "session.logout" => {
            session.logged_on = None;
            let ended = session.users.iter().filter(|(_, user)| user.is_of_logon);
            session.ending.extend(ended.map(|(number, _)| number));
            Ok(state(session, hall))
        }
        "session.subscriptions" => {
            Ok(session.users.keys().map(|number| json!({"subscriptionId": number})).collect())
        }
        "userDataStream.subscribe" => match session.logged_on {
            Some((account, ..)) => subscribe(session, account, true),
            None => Err(Refusal::with_status(
                401,
                -2015,
                "Invalid API-key, IP, or permissions for action.",
            )),
        },
        "userDataStream.subscribe.signature" => {
            let account = signer(hall, params)?;
            subscribe(session, account, false)
        }
        "userDataStream.unsubscribe" => {
            match params.integer("subscriptionId")? {
                Some(number) if session.users.contains_key(&number.cast_unsigned()) => {
                    session.ending.push(number.cast_unsigned());
                }
                Some(_) => {
                    return Err(Refusal::new(-2036, "User Data Stream subscription not active."));
                }
                None => session.ending.extend(session.users.keys()),
            }
            Ok(json!({}))
        }
        _ => Err(unsupported()),
    }
}

fn unsupported() -> Refusal {
    Refusal::new(-1020, "This operation is not supported.")
}

fn subscribe(session: &mut Session, account: AccountId, is_of_logon: bool) -> Answer {
    if session.users.values().any(|user| user.account == account) {
        return Err(Refusal::new(-2035, "User Data Stream subscription already active."));
    }
    let number = session.next_user;
    session.next_user += 1;
    session.users.insert(number, User { account, is_of_logon });
    Ok(json!({"subscriptionId": number}))
}

fn state(session: &mut Session, hall: &mut Hall) -> Value {
    let now = hall.floor.shown_ms();
    if session.connected_at == 0 {
        session.connected_at = now;
    }
    let (key, since) = match &session.logged_on {
        Some((_, key, since)) => (json!(key), json!(since)),
        None => (Value::Null, Value::Null),
    };
    let listens = session.users.keys().any(|number| !session.ending.contains(number));
    json!({
        "apiKey": key, "authorizedSince": since, "connectedSince": session.connected_at,
        "returnRateLimits": true, "serverTime": now, "userDataStream": listens,
    })
}

fn written<S>(interface: &Interface<S>, hall: &Hall, id: &Value, served: &Served) -> Value {
    let allowed = hall.limits.allowed;
    let most = [allowed.orders_10s, allowed.orders_1m, allowed.orders_1d];
    let mut limits = Vec::new();
    if let Some(counts) = served.orders {
        limits.extend(interface.windows.iter().map(|window| {
            json!({
                "rateLimitType": "ORDERS", "interval": window.interval,
                "intervalNum": window.count, "limit": most[window.place],
                "count": counts[window.place],
            })
        }));
    }
    limits.push(json!({
        "rateLimitType": "REQUEST_WEIGHT", "interval": "MINUTE", "intervalNum": 1,
        "limit": allowed.weight_1m, "count": served.weight,
    }));
    match &served.answer {
        Ok(result) => json!({"id": id, "status": 200, "result": result, "rateLimits": limits}),
        Err(refusal) => json!({
            "id": id, "status": refusal.status, "error": error(hall, refusal), "rateLimits": limits,
        }),
    }
}

/// A refusal; where REST says in a header when to come again, this says it in the text.
fn error(hall: &Hall, refusal: &Refusal) -> Value {
    let mut error = refusal.json();
    if let Some(seconds) = refusal.retry_after_s {
        let now = hall.floor.shown(hall.floor.clock.last());
        let again = now.saturating_add_unsigned(seconds.saturating_mul(1_000));
        error["data"] = json!({"serverTime": now, "retryAfter": again});
    }
    error
}
