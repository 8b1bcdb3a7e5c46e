//! Binance USD-M futures: REST, market and user streams, and the WebSocket interface.
//!
//! The index price of a perpetual is the middle of its book, or the last trade if a side is empty.
//! The mark price follows it once a second unless somebody sets it. Positions are funded at the
//! full hours 0, 8 and 16 at the rate that the instrument was listed with.

mod account;
mod algo;
mod batch;
mod clockwork;
mod forced;
mod history;
mod ledger;
mod listen;
mod place;
mod positions;
mod public;
mod refusal;
mod routes;
mod settings;
mod stream_text;
mod trade;
mod user;
mod words;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use hyper::HeaderMap;
use rustonite_sim::{AccountId, Event, InstrumentId};
use serde::{Deserialize, Serialize};

use self::clockwork::Clockwork;
use self::forced::Forced;
use self::ledger::Ledger;
use self::listen::Listeners;
use self::routes::INTERFACE;
use self::stream_text::UsdMVoice;
use crate::binance::shared;
use crate::binance::shared::channels::Channel;
use crate::binance::shared::refusal::Refusal;
use crate::binance::shared::streams::Streams;
use crate::binance::shared::ws_api::{Sessions, sort_of};
use crate::dialect::{Dialect, Hall, Reply, Request};
use crate::faults::Sort;
use crate::floor::Done;
use crate::picture::{DecodeError, EncodeError, push, take};
use crate::socket::Pings;

/// What this market keeps besides the hall.
#[derive(Debug, Default, Deserialize, Serialize)]
pub(crate) struct State {
    listeners: Listeners,
    ledger: Ledger,
    clockwork: Clockwork,
    /// When all orders of an account in an instrument end, in nanoseconds.
    countdowns: BTreeMap<(AccountId, InstrumentId), i64>,
}

type Call<'a> = shared::calls::Call<'a, State>;

/// The dialect of Binance USD-M futures.
#[derive(Debug)]
pub(crate) struct UsdM {
    streams: Streams,
    sessions: Sessions,
    forced: Forced,
    state: State,
}

/// Whether the WebSocket interface is at a path.
fn is_interface(path: &str) -> bool {
    path == "/ws-fapi/v1"
}

impl Default for UsdM {
    fn default() -> Self {
        Self {
            streams: Streams::new(Box::new(UsdMVoice)),
            sessions: Sessions::default(),
            forced: Forced::default(),
            state: State::default(),
        }
    }
}

impl UsdM {
    /// Tells of contracts that are traded no more, or again.
    fn tell_contracts(&self, hall: &mut Hall, done: &Done) {
        for event in &done.events {
            if let Event::Halted { instrument, .. } = *event {
                let shown = hall.floor.shown(done.at);
                let contract = public::contract(&hall.floor, instrument, shown);
                self.streams.tell(hall, (None, Channel::ContractInfo), contract.to_string());
            }
        }
    }
}

impl Dialect for UsdM {
    fn sort(&self, request: &Request) -> Sort {
        INTERFACE.find(&request.method, &request.path).map_or(Sort::Read, |route| route.sort)
    }

    fn sort_of_said(&self, socket: u64, text: &[u8]) -> Sort {
        if self.sessions.has(socket) { sort_of(&INTERFACE, text) } else { Sort::Read }
    }

    fn call(&mut self, hall: &mut Hall, request: &Request) -> Reply {
        INTERFACE.answer(&mut self.state, hall, request)
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
        let halves = ["/public", "/market", "/private"];
        let rest = halves.iter().find_map(|half| base.strip_prefix(half)).unwrap_or(base);
        if rest == "/stream" || rest == "/ws" || rest.starts_with("/ws/") {
            self.state.listeners.open(hall, socket, path);
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
            self.sessions.receive(&INTERFACE, &mut self.state, hall, (socket, text));
        } else {
            self.state.listeners.hear(hall, socket, text);
            self.streams.receive(hall, socket, text);
        }
    }

    fn disconnect(&mut self, hall: &mut Hall, socket: u64) {
        self.sessions.close(socket);
        self.state.listeners.close(socket);
        self.streams.close(hall, socket);
    }

    fn publish(&mut self, hall: &mut Hall, done: &Done) {
        self.streams.publish(hall, done);
        self.tell_contracts(hall, done);
        self.forced.note(hall, done);
        self.state.ledger.note(&hall.floor, done);
        user::publish(&self.state, hall, done);
    }

    fn funded(&mut self, hall: &Hall, instrument: InstrumentId, rate_ppm: i64) {
        let floor = &hall.floor;
        let Some(price) = clockwork::mark_price(floor, instrument) else { return };
        let at = floor.shown(floor.clock.last());
        self.state.ledger.add_funding(instrument, (at, rate_ppm, price));
    }

    fn beat(&mut self, hall: &mut Hall, beats: u64) {
        clockwork::beat(&mut self.state, hall, beats);
        self.forced.beat(&self.streams, hall, beats);
        self.streams.beat(hall, beats);
    }

    fn pings(&self) -> Pings {
        Pings { every: Duration::from_mins(3), within: Duration::from_mins(10) }
    }

    fn user_sockets(&self) -> Vec<u64> {
        self.state.listeners.sockets()
    }

    fn market_sockets(&self) -> Vec<u64> {
        let users = self.state.listeners.sockets();
        self.streams.sockets().into_iter().filter(|socket| !users.contains(socket)).collect()
    }

    fn farewell(&self) -> Option<String> {
        rustonite_wire::host("binance-usdm").and_then(|mut host| host.farewell())
    }

    fn keep(&self, picture: &mut Vec<u8>) -> Result<(), EncodeError> {
        push(picture, &(&self.sessions, &self.state))
    }

    fn restore(&mut self, picture: &mut &[u8]) -> Result<(), DecodeError> {
        (self.sessions, self.state) = take(picture)?;
        Ok(())
    }

    fn urls(&self, address: SocketAddr) -> BTreeMap<String, String> {
        let url = |name: &str, scheme: &str, path: &str| {
            (name.to_owned(), format!("{scheme}://{address}{path}"))
        };
        BTreeMap::from([
            url("rest", "http", ""),
            url("public", "ws", "/public/stream"),
            url("market", "ws", "/market/stream"),
            url("private", "ws", "/private/ws"),
            url("ws_api", "ws", "/ws-fapi/v1"),
        ])
    }
}
