//! Binance spot: REST, market streams, and the WebSocket interface with user streams.

mod account;
mod lists;
mod place;
mod public;
mod refusal;
mod routes;
pub(crate) mod shared;
mod stream_text;
mod trade;
mod user;
mod words;

use std::collections::BTreeMap;
use std::net::SocketAddr;

use hyper::HeaderMap;
use rustonite_sim::Event;

use self::routes::INTERFACE;
use self::shared::refusal::Refusal;
use self::shared::streams::Streams;
use self::shared::ws_api::{Sessions, sort_of};
use self::stream_text::SpotVoice;
use crate::dialect::{Dialect, Hall, Reply, Request};
use crate::faults::Sort;
use crate::floor::Done;
use crate::picture::{DecodeError, EncodeError, push, take};

/// The dialect of Binance spot.
#[derive(Debug)]
pub(crate) struct Spot {
    streams: Streams,
    sessions: Sessions,
}

/// Whether the WebSocket interface is at a path.
fn is_interface(path: &str) -> bool {
    path.starts_with("/ws-api/")
}

impl Default for Spot {
    fn default() -> Self {
        Self { streams: Streams::new(Box::new(SpotVoice)), sessions: Sessions::default() }
    }
}

impl Dialect for Spot {
    fn sort(&self, request: &Request) -> Sort {
        INTERFACE.find(&request.method, &request.path).map_or(Sort::Read, |route| route.sort)
    }

    fn sort_of_said(&self, socket: u64, text: &[u8]) -> Sort {
        if self.sessions.has(socket) { sort_of(&INTERFACE, text) } else { Sort::Read }
    }

    fn call(&mut self, hall: &mut Hall, request: &Request) -> Reply {
        INTERFACE.answer(&mut (), hall, request)
    }

    fn too_large(&self) -> Reply {
        Refusal::with_status(413, -1000, "The request body is too large.").reply()
    }

    fn connect(
        &mut self,
        hall: &mut Hall,
        socket: u64,
        path: &str,
        _headers: &HeaderMap,
    ) -> Result<(), Reply> {
        if hall.faults.maintenance {
            return Err(Reply::new(503, String::new()));
        }
        let base = path.split('?').next().unwrap_or(path);
        if is_interface(base) {
            self.sessions.open(socket);
            return Ok(());
        }
        if base == "/stream" || base == "/ws" || base.starts_with("/ws/") {
            self.streams.open(hall, socket, path);
            return Ok(());
        }
        Err(Reply::new(404, String::new()))
    }

    fn calls_come_by(&self, path: &str) -> bool {
        is_interface(path.split('?').next().unwrap_or(path))
    }

    fn calls_come_on(&self, socket: u64) -> bool {
        self.sessions.has(socket)
    }

    fn hang_up(&mut self) {
        self.sessions = Sessions::default();
    }

    fn receive(&mut self, hall: &mut Hall, socket: u64, text: &[u8]) {
        if self.sessions.has(socket) {
            self.sessions.receive(&INTERFACE, &mut (), hall, (socket, text));
        } else {
            self.streams.receive(hall, socket, text);
        }
    }

    fn disconnect(&mut self, hall: &mut Hall, socket: u64) {
        self.sessions.close(socket);
        self.streams.close(hall, socket);
    }

    fn publish(&mut self, hall: &mut Hall, done: &Done) {
        for event in &done.events {
            if let &Event::Fill { account, quantity, filled, .. } = event
                && quantity == filled
            {
                hall.limits.filled(account);
            }
        }
        self.streams.publish(hall, done);
        user::publish(&self.sessions, hall, done);
    }

    fn beat(&mut self, hall: &mut Hall, beats: u64) {
        self.streams.beat(hall, beats);
    }

    fn user_sockets(&self) -> Vec<u64> {
        self.sessions.with_users()
    }

    fn market_sockets(&self) -> Vec<u64> {
        self.streams.sockets()
    }

    fn farewell(&self) -> Option<String> {
        rustonite_wire::host("binance").and_then(|mut host| host.farewell())
    }

    fn keep(&self, picture: &mut Vec<u8>) -> Result<(), EncodeError> {
        push(picture, &self.sessions)
    }

    fn restore(&mut self, picture: &mut &[u8]) -> Result<(), DecodeError> {
        self.sessions = take(picture)?;
        Ok(())
    }

    fn urls(&self, address: SocketAddr) -> BTreeMap<String, String> {
        let url = |name: &str, scheme: &str, path: &str| {
            (name.to_owned(), format!("{scheme}://{address}{path}"))
        };
        BTreeMap::from([
            url("rest", "http", ""),
            url("public", "ws", "/stream"),
            url("ws", "ws", "/ws"),
            url("ws_api", "ws", "/ws-api/v3"),
        ])
    }
}
