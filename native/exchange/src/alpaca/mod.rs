//! Alpaca: trading, its stream, and market data of stocks and crypto.

mod account;
mod alone;
mod auth;
mod closing;
mod data;
mod fields;
mod history;
mod holdings;
mod ids;
mod lists;
mod orders;
mod pages;
mod place;
mod quotes;
mod refusal;
mod routes;
mod rows;
mod streams;
#[cfg(test)]
mod tests;
mod times;
mod trade;
mod updates;
mod words;

use std::collections::BTreeMap;
use std::net::SocketAddr;

use hyper::HeaderMap;
use hyper::header::CONTENT_TYPE;
use rustonite_sim::{AccountId, Command, OrderId};
use serde::{Deserialize, Serialize};

use self::account::{Past, Settings};
use self::holdings::Holdings;
use self::orders::Orders;
use self::quotes::Quotes;
use self::refusal::Refusal;
use self::streams::Feed;
use crate::dialect::{Dialect, Hall, Reply, Request};
use crate::faults::{Sort, Told};
use crate::floor::{Done, Floor};
use crate::picture::{DecodeError, EncodeError, copy, push, take};

/// Beats between two looks at what accounts are worth.
const LOOK_EVERY: u64 = 100;

/// What the venue knows besides engine and accounts.
#[derive(Debug, Default, Deserialize, Serialize)]
pub(crate) struct Desk {
    /// When the venue opened, 0 before anything looked.
    since: i64,
    orders: Orders,
    holdings: Holdings,
    settings: BTreeMap<AccountId, Settings>,
    past: Past,
    quotes: Quotes,
    /// Orders that were filled before their cancellation came, and whose.
    refused_cancels: Vec<(AccountId, OrderId)>,
    /// As it was when answers were to become stale.
    #[serde(skip)]
    remembered: Option<Box<Desk>>,
}

impl Desk {
    fn settings(&self, account: AccountId) -> Settings {
        self.settings.get(&account).cloned().unwrap_or_default()
    }

    /// When the venue opened: a call may come before the first beat.
    fn opened_at(&mut self, floor: &mut Floor) -> i64 {
        if self.since == 0 {
            self.since = floor.now();
        }
        self.since
    }
}

/// The dialect of Alpaca.
#[derive(Debug, Default)]
pub(crate) struct Broker {
    desk: Desk,
    updates: updates::Updates,
    streams: streams::Streams,
}

impl Broker {
    /// Ends orders for a day that the engine lets wait for ever.
    fn expire(&mut self, hall: &mut Hall) {
        let now = hall.floor.now();
        for order in self.desk.orders.take_due(now) {
            let Some(found) = hall.floor.exchange.order(order).filter(|one| one.is_open) else {
                continue;
            };
            if let Some(facts) = self.desk.orders.get_mut(order) {
                facts.is_expired = true;
            }
            let account = found.asked.account;
            let _ = hall.apply(&Command::Cancel { account, order }, Vec::new());
        }
    }
}

impl Dialect for Broker {
    fn sort(&self, request: &Request) -> Sort {
        let path = routes::plain(&request.path);
        routes::find(&request.method, &path).map_or(Sort::Read, |(route, _)| route.sort)
    }

    fn call(&mut self, hall: &mut Hall, request: &Request) -> Reply {
        routes::answer(hall, &mut self.desk, request)
    }

    fn too_large(&self) -> Reply {
        Refusal::plain(413, "request body is too large").reply()
    }

    fn connect(
        &mut self,
        hall: &mut Hall,
        socket: u64,
        path: &str,
        headers: &HeaderMap,
    ) -> Result<(), Reply> {
        if hall.faults.maintenance {
            return Err(Refusal::of_status(503).reply());
        }
        let base = path.split('?').next().unwrap_or(path);
        let kind = headers.get(CONTENT_TYPE).map(hyper::header::HeaderValue::as_bytes);
        let packed = kind == Some(b"application/msgpack");
        if base == "/stream" {
            self.updates.open(socket, packed);
            return Ok(());
        }
        let feed = Feed::at(base).ok_or_else(|| Refusal::plain(404, "not found").reply())?;
        self.streams.open(hall, socket, feed, packed, headers);
        Ok(())
    }

    fn receive(&mut self, hall: &mut Hall, socket: u64, text: &[u8]) {
        if self.updates.has(socket) {
            self.updates.receive(hall, socket, text);
        } else {
            self.streams.receive(hall, socket, text);
        }
    }

    fn disconnect(&mut self, _hall: &mut Hall, socket: u64) {
        self.updates.close(socket);
        self.streams.close(socket);
    }

    fn publish(&mut self, hall: &mut Hall, done: &Done) {
        self.streams.publish(hall, &mut self.desk, done);
        self.updates.publish(hall, &mut self.desk, done);
    }

    fn beat(&mut self, hall: &mut Hall, beats: u64) {
        self.desk.opened_at(&mut hall.floor);
        self.expire(hall);
        self.streams.beat(hall);
        if beats.is_multiple_of(LOOK_EVERY) {
            let now = hall.floor.now();
            for account in hall.floor.accounts.all.keys() {
                let [_, cash, positions] = words::worth(&hall.floor, *account);
                self.desk.past.note(*account, now, cash + positions);
            }
        }
    }

    fn user_sockets(&self) -> Vec<u64> {
        self.updates.sockets()
    }

    fn tells(&self, told: Told) -> bool {
        told != Told::Account
    }

    fn market_sockets(&self) -> Vec<u64> {
        self.streams.sockets()
    }

    fn farewell(&self) -> Option<String> {
        None
    }

    fn keep(&self, picture: &mut Vec<u8>) -> Result<(), EncodeError> {
        push(picture, &self.desk)
    }

    fn remember(&mut self) {
        self.desk.remembered = copy(&self.desk).map(Box::new);
    }

    fn restore(&mut self, picture: &mut &[u8]) -> Result<(), DecodeError> {
        self.desk = take(picture)?;
        Ok(())
    }

    fn urls(&self, address: SocketAddr) -> BTreeMap<String, String> {
        let url = |name: &str, scheme: &str, path: &str| {
            (name.to_owned(), format!("{scheme}://{address}{path}"))
        };
        BTreeMap::from([
            url("rest", "http", ""),
            url("crypto", "ws", "/v1beta3/crypto/us"),
            url("stocks", "ws", "/v2/iex"),
            url("updates", "ws", "/stream"),
        ])
    }
}
