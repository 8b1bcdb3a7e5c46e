//! Listen keys, and the connections that use them.

use std::collections::BTreeMap;
use std::time::Duration;

use rustonite_sim::AccountId;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::Call;
use crate::binance::shared::calls::Answer;
use crate::binance::shared::refusal::Refusal;
use crate::binance::shared::streams::names;
use crate::dialect::Hall;
use crate::faults::Streams;
use crate::floor::Floor;
use crate::socket::Out;

/// How long a key is valid after it was asked for or kept alive.
const VALID_MS: i64 = 60 * 60 * 1_000;
const KEY_LENGTH: usize = 64;

/// A connection, and what it hears by which key.
#[derive(Debug, Default)]
struct Client {
    combined: bool,
    /// Keys, and the only events that are wanted of each.
    keys: BTreeMap<String, Vec<String>>,
}

/// See the module.
#[derive(Debug, Default, Deserialize, Serialize)]
pub(crate) struct Listeners {
    /// Account and end of each key, in milliseconds of the clock that clients see.
    keys: BTreeMap<String, (AccountId, i64)>,
    #[serde(skip)]
    clients: BTreeMap<u64, Client>,
}

impl Listeners {
    pub(crate) fn open(&mut self, hall: &mut Hall, socket: u64, path: &str) {
        let (base, query) = path.split_once('?').unwrap_or((path, ""));
        let value = |name: &str| {
            query.split('&').find_map(|part| part.strip_prefix(name)?.strip_prefix('='))
        };
        let events = value("events").unwrap_or_default().split('/');
        let events: Vec<_> = events.filter(|one| !one.is_empty()).map(str::to_owned).collect();
        let wanted = names(path).chain(value("listenKey"));
        let keys = wanted.filter(|key| self.keys.contains_key(*key));
        let keys: BTreeMap<_, _> = keys.map(|key| (key.to_owned(), events.clone())).collect();
        if !keys.is_empty() {
            hall.subscribed(socket, Streams::User);
        }
        self.clients.insert(socket, Client { combined: base.ends_with("/stream"), keys });
    }

    pub(crate) fn close(&mut self, socket: u64) {
        self.clients.remove(&socket);
    }

    /// A client may also ask for a key as for a stream.
    pub(crate) fn hear(&mut self, hall: &mut Hall, socket: u64, text: &[u8]) {
        let Ok(asked) = serde_json::from_slice::<Value>(text) else { return };
        let Some(client) = self.clients.get_mut(&socket) else { return };
        let names = asked["params"].as_array().into_iter().flatten().filter_map(Value::as_str);
        for name in names.filter(|name| self.keys.contains_key(*name)) {
            match asked["method"].as_str() {
                Some("SUBSCRIBE") => {
                    client.keys.entry(name.to_owned()).or_default();
                    hall.subscribed(socket, Streams::User);
                }
                Some("UNSUBSCRIBE") => drop(client.keys.remove(name)),
                _ => {}
            }
        }
    }

    /// Connections that hear of an account.
    pub(crate) fn sockets(&self) -> Vec<u64> {
        let listens = |client: &Client| client.keys.keys().any(|key| self.keys.contains_key(key));
        self.clients.iter().filter(|(_, one)| listens(one)).map(|(socket, _)| *socket).collect()
    }

    /// Accounts that somebody hears of.
    pub(crate) fn accounts(&self) -> Vec<AccountId> {
        let keys = self.clients.values().flat_map(|client| client.keys.keys());
        let mut all: Vec<_> =
            keys.filter_map(|key| self.keys.get(key)).map(|(account, _)| *account).collect();
        all.sort_unstable();
        all.dedup();
        all
    }

    /// Tells everybody who hears of an account, so much later.
    pub(crate) fn say(&self, hall: &mut Hall, account: AccountId, event: &Value, after: Duration) {
        for (key, _) in self.keys.iter().filter(|(_, (whose, _))| *whose == account) {
            self.say_by(hall, key, event, after);
        }
    }

    fn say_by(&self, hall: &mut Hall, key: &str, event: &Value, after: Duration) {
        let kind = event["e"].as_str().unwrap_or_default();
        for (socket, client) in &self.clients {
            let Some(only) = client.keys.get(key) else { continue };
            if !only.is_empty() && !only.iter().any(|one| one == kind) {
                continue;
            }
            let text = if client.combined {
                json!({"stream": key, "data": event}).to_string()
            } else {
                event.to_string()
            };
            hall.sockets.tell_later(*socket, Out::text(text), after);
        }
    }

    /// Ends keys that were not kept alive.
    pub(crate) fn expire(&mut self, hall: &mut Hall) {
        let now = hall.floor.shown_ms();
        let over = |(_, (_, until)): &(&String, &(AccountId, i64))| *until <= now;
        let keys: Vec<_> = self.keys.iter().filter(over).map(|(key, _)| key.clone()).collect();
        for key in keys {
            let event = json!({"e": "listenKeyExpired", "E": now, "listenKey": key});
            self.say_by(hall, &key, &event, Duration::ZERO);
            self.keys.remove(&key);
        }
    }

    fn of(&mut self, account: AccountId) -> Option<(&String, &mut i64)> {
        let mut keys = self.keys.iter_mut();
        keys.find(|(_, (whose, _))| *whose == account).map(|(key, (_, until))| (key, until))
    }

    /// The key of an account, old or new, valid from now on.
    fn renew(&mut self, floor: &Floor, account: AccountId, now: i64) -> String {
        if let Some((key, until)) = self.of(account) {
            *until = now + VALID_MS;
            return key.clone();
        }
        let key = floor.made_up(KEY_LENGTH);
        self.keys.insert(key.clone(), (account, now + VALID_MS));
        key
    }
}

fn unknown() -> Refusal {
    Refusal::new(-1125, "This listenKey does not exist.")
}

pub(crate) fn start(call: &mut Call<'_>) -> Answer {
    call.own()?;
    let now = call.hall.floor.shown_ms();
    let key = call.state.listeners.renew(&call.hall.floor, call.account, now);
    Ok(json!({"listenKey": key}))
}

pub(crate) fn keep_alive(call: &mut Call<'_>) -> Answer {
    call.state.listeners.of(call.account).ok_or_else(unknown)?;
    start(call)
}

pub(crate) fn stop(call: &mut Call<'_>) -> Answer {
    let (key, _) = call.state.listeners.of(call.account).ok_or_else(unknown)?;
    let key = key.clone();
    call.state.listeners.keys.remove(&key);
    Ok(json!({}))
}
