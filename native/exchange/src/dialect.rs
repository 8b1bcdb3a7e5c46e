//! What the protocol of a venue is to the rest: one folder each.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use hyper::HeaderMap;
use rustonite_sim::{
    AccountId, Command, Expiry, InstrumentId, NewOrder, Order, OrderId, PositionSide, Quantity,
    Reject, SelfTrade, Side,
};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::accounts::Tag;
use crate::faults::{Called, Fault, Faults, Sort, Streams, Told};
use crate::floor::{Done, Floor};
use crate::limits::{Allowance, Limits};
use crate::picture::{DecodeError, EncodeError, copy};
use crate::socket::{Pings, Sockets};

/// A call of REST, or of a WebSocket interface that has the same calls.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct Request {
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) query: String,
    pub(crate) body: String,
    #[serde(with = "headers")]
    pub(crate) headers: HeaderMap,
    pub(crate) from: IpAddr,
}

/// Headers as pairs.
mod headers {
    use hyper::HeaderMap;
    use hyper::header::{HeaderName, HeaderValue};
    use serde::{Deserialize as _, Deserializer, Serializer, de::Error as _};

    pub(super) fn serialize<S: Serializer>(all: &HeaderMap, to: S) -> Result<S::Ok, S::Error> {
        to.collect_seq(all.iter().map(|(name, value)| (name.as_str(), value.as_bytes())))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<HeaderMap, D::Error> {
        let pairs = Vec::<(String, Vec<u8>)>::deserialize(from)?;
        let pair = |(name, value): (String, Vec<u8>)| {
            let name = HeaderName::try_from(name).map_err(D::Error::custom)?;
            Ok((name, HeaderValue::try_from(value).map_err(D::Error::custom)?))
        };
        pairs.into_iter().map(pair).collect()
    }
}

/// The answer to a call.
#[derive(Clone, Debug, Default)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) body: String,
    /// How long it is on its way.
    pub(crate) after: Duration,
    /// It never comes.
    pub(crate) is_lost: bool,
}

impl Reply {
    pub(crate) fn new(status: u16, body: String) -> Self {
        Self { status, body, ..Self::default() }
    }

    pub(crate) fn json(status: u16, value: &Value) -> Self {
        Self::new(status, value.to_string())
    }

    /// Says when the client may come again.
    #[must_use]
    pub(crate) fn retry_after(mut self, seconds: Option<u64>) -> Self {
        self.headers.extend(seconds.map(|seconds| ("retry-after", seconds.to_string())));
        self
    }
}

/// Everything of a venue but its language.
#[derive(Debug, Deserialize, Serialize)]
pub(crate) struct Hall {
    pub(crate) floor: Floor,
    #[serde(skip)]
    pub(crate) sockets: Sockets,
    pub(crate) faults: Faults,
    pub(crate) limits: Limits,
    /// Who trades when the venue itself makes something happen.
    pub(crate) house: AccountId,
    /// Orders that the venue ends with the next beat.
    doomed: Vec<OrderId>,
    /// As it was when answers were to become stale.
    #[serde(skip)]
    past: Option<Box<Hall>>,
}

impl Hall {
    pub(crate) fn new(floor: Floor, house: AccountId, allowance: Allowance) -> Self {
        Self {
            floor,
            sockets: Sockets::default(),
            faults: Faults::default(),
            limits: Limits::new(allowance),
            house,
            doomed: Vec::new(),
            past: None,
        }
    }

    /// Keeps how it is now, for answers that are stale later.
    pub(crate) fn remember(&mut self) {
        self.past = copy(self).map(|mut past: Self| {
            past.floor.list_as(&self.floor);
            past.limits.allowed = self.limits.allowed;
            past.floor.clock.stop_at(0);
            Box::new(past)
        });
    }

    /// What a call is to be answered from, if that is not how it is now.
    pub(crate) fn stale(&mut self, called: Called<'_>) -> Option<Box<Self>> {
        self.faults.of_call(called, |fault| *fault == Fault::Stale)?;
        self.past.take()
    }

    /// Takes back what a call was answered from, if others may be.
    pub(crate) fn keep_past(&mut self, past: Box<Self>) {
        self.past = self.faults.is_waiting(&Fault::Stale).then_some(past);
    }

    /// A connection was told that it hears a stream, of which nothing comes if that is to go wrong.
    pub(crate) fn subscribed(&mut self, socket: u64, streams: Streams) {
        let empties = |fault: &Fault| *fault == Fault::EmptyStream { streams };
        if self.faults.of(None, empties).is_some() {
            self.sockets.stall(socket);
        }
    }

    /// How the next change of a book is told: how often, and how much later.
    pub(crate) fn depth_mishap(&mut self, symbol: &str) -> (usize, Duration) {
        let meets = |fault: &Fault| {
            matches!(fault, Fault::DropDepth | Fault::DuplicateDepth | Fault::LateDepth { .. })
        };
        match self.faults.of(Some(symbol), meets) {
            Some(Fault::DropDepth) => (0, Duration::ZERO),
            Some(Fault::DuplicateDepth) => (2, Duration::ZERO),
            Some(Fault::LateDepth { ms }) => (1, Duration::from_millis(ms)),
            _ => (1, Duration::ZERO),
        }
    }

    /// How an event of a user stream is told: how often, and how much later.
    pub(crate) fn mishap(&mut self, told: Told, symbol: Option<&str>) -> (usize, Duration) {
        let repeats = |fault: &Fault| told == Told::Fill && *fault == Fault::DuplicateFill;
        let times = 1 + usize::from(self.faults.of(symbol, repeats).is_some());
        let delays = |fault: &Fault| match fault {
            Fault::LateEvent { of, .. } => of.is_none_or(|wanted| wanted == told),
            _ => false,
        };
        let after = match self.faults.of(symbol, delays) {
            Some(Fault::LateEvent { ms, .. }) => Duration::from_millis(ms),
            _ => Duration::ZERO,
        };
        (times, after)
    }

    /// Becomes what was kept, but for what is listed and allowed.
    pub(crate) fn become_as(&mut self, mut kept: Self) {
        kept.floor.keep_listed(&mut self.floor);
        kept.limits.allowed = self.limits.allowed;
        std::mem::swap(&mut kept.sockets, &mut self.sockets);
        *self = kept;
    }

    pub(crate) fn apply(
        &mut self,
        command: &Command,
        tags: Vec<Tag>,
    ) -> core::result::Result<Arc<Done>, Reject> {
        let is_of_client = !tags.is_empty();
        let done = self.floor.apply(command, tags)?;
        if let (Command::Place(order), Some(id), true) = (command, done.order, is_of_client) {
            let symbol = self.floor.listed(order.instrument).listing.symbol.clone();
            let ends = |fault: &Fault| *fault == Fault::CancelPlaced;
            self.doomed.extend(self.faults.of(Some(&symbol), ends).map(|_| id));
        }
        Ok(done)
    }

    /// Places orders of a client, and nothing is told of them if that is to go wrong.
    pub(crate) fn place(
        &mut self,
        command: &Command,
        tags: Vec<Tag>,
    ) -> core::result::Result<Arc<Done>, Reject> {
        let count = tags.len() as u64;
        let done = self.apply(command, tags)?;
        let first = done.order.and_then(|first| self.floor.exchange.order(first));
        let Some(Order { id: OrderId(first), asked, .. }) = first else { return Ok(done) };
        let symbol = &self.floor.listed(asked.instrument).listing.symbol;
        let mutes = |fault: &Fault| *fault == Fault::Mute;
        if self.faults.of(Some(symbol), mutes).is_some() {
            for id in (first..first + count).map(OrderId) {
                if let Some(record) = self.floor.record_mut(asked.account, id) {
                    record.tag.muted = true;
                }
            }
        }
        Ok(done)
    }

    /// Ends the orders that the venue took back.
    pub(crate) fn end_doomed(&mut self) {
        for order in std::mem::take(&mut self.doomed) {
            let Some(found) = self.floor.exchange.order(order) else { continue };
            let account = found.asked.account;
            // It may have been filled meanwhile.
            let _ = self.apply(&Command::Revoke { account, order }, Vec::new());
        }
    }

    /// The venue trades against everything up to an order, and the order itself.
    pub(crate) fn fill_by_house(&mut self, order: &Order) {
        let Some(price) = order.asked.price.filter(|_| order.is_working) else { return };
        let side = order.asked.side;
        let reaches = |level: i64| if side == Side::Buy { level >= price } else { level <= price };
        let levels = self.floor.exchange.levels(order.asked.instrument, side);
        let seen: i64 = levels.filter(|(level, _)| reaches(*level)).map(|(_, lots)| lots).sum();
        let against = NewOrder {
            account: self.house,
            side: side.opposite(),
            quantity: Quantity::Lots(seen.max(order.open())),
            expiry: Expiry::Immediate,
            post_only: false,
            reduce_only: false,
            display: None,
            trigger: None,
            self_trade: SelfTrade::Allow,
            position: PositionSide::Net,
            ..order.asked
        };
        let _ = self.apply(&Command::Place(against), Vec::new());
    }
}

/// The language of a venue.
pub(crate) trait Dialect: Send {
    /// What a call does to orders.
    fn sort(&self, request: &Request) -> Sort;

    /// What a message on a connection does to orders.
    fn sort_of_said(&self, _socket: u64, _text: &[u8]) -> Sort {
        Sort::Read
    }

    /// Answers a call.
    fn call(&mut self, hall: &mut Hall, request: &Request) -> Reply;

    /// Answers a call whose body is larger than any venue takes.
    fn too_large(&self) -> Reply;

    /// A client opened a connection with this path and query, and these headers.
    ///
    /// # Errors
    /// The answer, if it is refused.
    fn connect(
        &mut self,
        hall: &mut Hall,
        socket: u64,
        path: &str,
        headers: &HeaderMap,
    ) -> core::result::Result<(), Reply>;

    /// Whether calls come by connections of this path, and on this connection. Others only listen,
    /// and change nothing.
    fn calls_come_by(&self, _path: &str) -> bool {
        false
    }

    /// See above.
    fn calls_come_on(&self, _socket: u64) -> bool {
        false
    }

    /// All connections that calls come on are gone.
    fn hang_up(&mut self) {}

    /// A client said something.
    fn receive(&mut self, hall: &mut Hall, socket: u64, text: &[u8]);

    /// A connection is gone.
    fn disconnect(&mut self, hall: &mut Hall, socket: u64);

    /// Tells clients what was done.
    fn publish(&mut self, hall: &mut Hall, done: &Done);

    /// The operator let longs pay shorts, so many millionths.
    fn funded(&mut self, _hall: &Hall, _instrument: InstrumentId, _rate_ppm: i64) {}

    /// Time has passed: a tenth of a second.
    fn beat(&mut self, hall: &mut Hall, beats: u64);

    /// How connections are kept.
    fn pings(&self) -> Pings {
        Pings::default()
    }

    /// Connections that carry user streams.
    fn user_sockets(&self) -> Vec<u64>;

    /// Whether user streams tell of this.
    fn tells(&self, _told: Told) -> bool {
        true
    }

    /// Connections that carry market data.
    fn market_sockets(&self) -> Vec<u64>;

    /// The end is near.
    fn farewell(&self) -> Option<String>;

    /// Keeps how it is now, for answers that are stale later.
    fn remember(&mut self) {}

    /// Adds to a picture of the state what the dialect knows besides the hall. Who only listens is
    /// not in it.
    ///
    /// # Errors
    /// It cannot be written.
    fn keep(&self, picture: &mut Vec<u8>) -> core::result::Result<(), EncodeError>;

    /// Takes it from there again.
    ///
    /// # Errors
    /// The picture is of something else.
    fn restore(&mut self, picture: &mut &[u8]) -> core::result::Result<(), DecodeError>;

    /// Where clients find what, by the names of the recorder's endpoints.
    fn urls(&self, address: SocketAddr) -> BTreeMap<String, String>;
}
