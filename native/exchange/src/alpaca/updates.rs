//! The stream of what happens to an account's orders.

use std::collections::BTreeMap;

use rustonite_sim::latency::Message;
use rustonite_sim::{AccountId, Amount, Event, OrderId, Quantity};
use serde::Deserialize;
use serde_json::{Value, json};

use super::Desk;
use super::auth;
use super::ids::{self, Sort};
use super::orders::ended;
use super::times;
use super::words::{self, State};
use crate::accounts::Record;
use crate::dialect::Hall;
use crate::faults::{Streams, Told};
use crate::floor::{Done, Floor};
use crate::socket::Out;

/// What may happen to an order but fills.
const EVENTS: [&str; 7] =
    ["pending_new", "new", "canceled", "expired", "replaced", "rejected", "order_cancel_rejected"];
/// The only stream that there is.
const TRADE_UPDATES: &str = "trade_updates";

#[derive(Debug, Default)]
struct Client {
    account: Option<AccountId>,
    listens: bool,
    /// It asked for `MessagePack`.
    packed: bool,
}

/// What a client asks for. There are two ways to say who one is.
#[derive(Deserialize)]
struct Asked {
    action: String,
    #[serde(default)]
    key: String,
    #[serde(default)]
    secret: String,
    #[serde(default)]
    data: Details,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Details {
    key_id: String,
    secret_key: String,
    streams: Vec<String>,
}

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct Updates(BTreeMap<u64, Client>);

impl Updates {
    pub(crate) fn open(&mut self, socket: u64, packed: bool) {
        self.0.insert(socket, Client { packed, ..Client::default() });
    }

    pub(crate) fn has(&self, socket: u64) -> bool {
        self.0.contains_key(&socket)
    }

    pub(crate) fn close(&mut self, socket: u64) {
        self.0.remove(&socket);
    }

    pub(crate) fn sockets(&self) -> Vec<u64> {
        self.0.iter().filter(|(_, client)| client.listens).map(|(socket, _)| *socket).collect()
    }

    pub(crate) fn receive(&mut self, hall: &mut Hall, socket: u64, bytes: &[u8]) {
        let Some(client) = self.0.get_mut(&socket) else { return };
        let asked: Option<Asked> = if client.packed {
            rmp_serde::from_slice(bytes).ok()
        } else {
            serde_json::from_slice(bytes).ok()
        };
        let listened = client.listens;
        let answer = match asked {
            Some(asked) => answer(client, hall, &asked),
            None => json!({"stream": "error", "data": {"error": "invalid message"}}),
        };
        hall.sockets.answer(socket, frame(client.packed, &answer), Message::Response);
        if client.listens && !listened {
            hall.subscribed(socket, Streams::User);
        }
    }

    /// Tells accounts what was done.
    pub(crate) fn publish(&self, hall: &mut Hall, desk: &mut Desk, done: &Done) {
        desk.holdings.deposit(&hall.floor, done);
        for event in &done.events {
            let held = desk.holdings.fill(&hall.floor, event);
            let Some((account, update)) = update(&hall.floor, desk, done, event, held) else {
                continue;
            };
            for update in update {
                self.tell(hall, account, &update);
            }
        }
        for (account, id) in std::mem::take(&mut desk.refused_cancels) {
            self.tell_refused(hall, desk, account, id, done.at);
        }
    }

    /// An order was filled before its cancellation came.
    fn tell_refused(&self, hall: &mut Hall, desk: &Desk, account: AccountId, id: OrderId, at: i64) {
        let Some(record) = hall.floor.record(account, id) else { return };
        let state = State::now(&desk.orders, &hall.floor, record);
        let update = told(&hall.floor, desk, record, "order_cancel_rejected", state, at);
        self.tell(hall, account, &update);
    }

    fn tell(&self, hall: &mut Hall, account: AccountId, update: &Value) {
        let is_fill = matches!(update["event"].as_str(), Some("fill" | "partial_fill"));
        let told = if is_fill { Told::Fill } else { Told::Order };
        let (times, after) = hall.mishap(told, update["order"]["symbol"].as_str());
        let message = json!({"stream": TRADE_UPDATES, "data": update});
        let listeners: Vec<_> = self
            .0
            .iter()
            .filter(|(_, client)| client.listens && client.account == Some(account))
            .map(|(socket, client)| (*socket, client.packed))
            .collect();
        for (socket, packed) in listeners {
            for _ in 0..times {
                hall.sockets.tell_later(socket, frame(packed, &message), after);
            }
        }
    }
}

/// The venue sends binary frames whatever is in them.
fn frame(packed: bool, message: &Value) -> Out {
    let bytes = if packed {
        // All of its values are texts, so that numbers need no thought.
        rmp_serde::to_vec_named(message).unwrap_or_default()
    } else {
        message.to_string().into_bytes()
    };
    Out::Binary(bytes.into())
}

fn answer(client: &mut Client, hall: &Hall, asked: &Asked) -> Value {
    let authorization = |action: &str, status: &str| json!({"stream": "authorization", "data": {"status": status, "action": action}});
    match asked.action.as_str() {
        "auth" | "authenticate" => {
            let (key, secret) = if asked.key.is_empty() {
                (&asked.data.key_id, &asked.data.secret_key)
            } else {
                (&asked.key, &asked.secret)
            };
            client.account = auth::account(&hall.floor, key, secret);
            if client.account.is_some() {
                return authorization("authenticate", "authorized");
            }
            let mut refused = authorization("authenticate", "unauthorized");
            refused["data"]["message"] = json!("access key verification failed");
            refused
        }
        "listen" if client.account.is_none() => authorization("listen", "unauthorized"),
        "listen" => {
            client.listens = asked.data.streams.iter().any(|stream| stream == TRADE_UPDATES);
            let streams = if client.listens { vec![TRADE_UPDATES] } else { Vec::new() };
            json!({"stream": "listening", "data": {"streams": streams}})
        }
        other => {
            json!({"stream": "error", "data": {"error": format!("unknown action {other}")}})
        }
    }
}

fn order_of(event: &Event) -> Option<OrderId> {
    match *event {
        Event::Placed { order }
        | Event::Triggered { order }
        | Event::Fill { order, .. }
        | Event::Cancelled { order, .. } => Some(order),
        _ => None,
    }
}

/// What an account hears of an event.
fn update(
    floor: &Floor,
    desk: &Desk,
    done: &Done,
    event: &Event,
    held: Option<Amount>,
) -> Option<(AccountId, Vec<Value>)> {
    let id = order_of(event)?;
    let account = floor.exchange.order(id)?.asked.account;
    let record = floor.record(account, id)?;
    if record.tag.muted {
        return None;
    }
    let told = |name: &str, state| told(floor, desk, record, name, state, done.at);
    let is_leg = desk.orders.get(id).is_some_and(|facts| facts.parent.is_some());
    let begun = |name| State { at: done.at, ..State::begun(record, name) };
    let updates = match *event {
        Event::Placed { .. } => {
            let names: &[_] = match is_leg {
                false => &["pending_new", "new"],
                true if desk.orders.is_held(floor, record) => &[],
                true => &["new"],
            };
            names.iter().map(|name| told(name, begun(name))).collect()
        }
        // What was held until now.
        Event::Triggered { .. } if is_leg => vec![told("new", begun("new"))],
        Event::Fill { .. } => vec![fill(floor, desk, record, done, event, held)?],
        Event::Cancelled { reason, .. } => {
            let is_expired = desk.orders.get(id).is_some_and(|facts| facts.is_expired);
            let status = if is_expired { "expired" } else { ended(reason) };
            let now = State::now(&desk.orders, floor, record);
            vec![told(status, State { status, ..now })]
        }
        _ => return None,
    };
    Some((account, updates))
}

fn told(floor: &Floor, desk: &Desk, record: &Record, name: &str, state: State, at: i64) -> Value {
    // Several things may happen to an order at one moment, but each of them once.
    let place = EVENTS.iter().position(|event| *event == name).unwrap_or_default() as u64;
    let number = at.cast_unsigned() / 1_000 * EVENTS.len() as u64 + place;
    let id = ids::id(Sort::Event, record.order.id.0, number);
    json!({
        "event": name, "execution_id": id, "timestamp": times::utc(at + floor.clock.ahead),
        "order": words::order(&desk.orders, floor, record, state),
    })
}

/// An order's part in a trade; `held` is what its account has then.
fn fill(
    floor: &Floor,
    desk: &Desk,
    record: &Record,
    done: &Done,
    event: &Event,
    held: Option<Amount>,
) -> Option<Value> {
    let &Event::Fill { order, trade, price, quantity, filled, filled_quote, open, .. } = event
    else {
        return None;
    };
    let listed = floor.listed(record.order.asked.instrument);
    let is_last = match record.order.asked.quantity {
        Quantity::Quote(_) => is_last_of_quote(record, filled),
        _ => open == 0,
    };
    let (name, status) =
        if is_last { ("fill", "filled") } else { ("partial_fill", "partially_filled") };
    let state = State { status, filled, filled_quote, at: done.at };
    let mut value = told(floor, desk, record, name, state, done.at);
    value["execution_id"] = json!(ids::id(Sort::Fill, order.0, trade));
    value["price"] = json!(words::text(listed.price(price)));
    value["qty"] = json!(words::text(listed.size(quantity)));
    value["position_qty"] = json!(held.unwrap_or_default().to_string());
    Some(value)
}

/// Nobody can tell before the end how much an amount of dollars buys.
fn is_last_of_quote(record: &Record, filled: i64) -> bool {
    record.order.cancelled.is_none() && filled == record.order.filled
}
