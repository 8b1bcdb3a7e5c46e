//! What the protocol of a venue is to the rest: one folder each.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use hyper::HeaderMap;
use rustonite_sim::latency::{Latency, Message};
use rustonite_sim::{
    AccountId, Command, Expiry, NewOrder, Order, OrderId, PositionSide, Quantity, Reject,
    SelfTrade, Side,
};

use crate::accounts::Tag;
use crate::faults::{Fault, Faults, Planned, Sort};
use crate::floor::{Done, Floor};
use crate::limits::Limits;
use crate::socket::{Out, Sockets};

/// A call of REST, or of a WebSocket interface that has the same calls.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) query: String,
    pub(crate) body: String,
    pub(crate) headers: HeaderMap,
    pub(crate) from: IpAddr,
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
}

/// Everything of a venue but its language.
#[derive(Debug)]
pub(crate) struct Hall {
    pub(crate) floor: Floor,
    pub(crate) sockets: Sockets,
    pub(crate) faults: Faults,
    pub(crate) limits: Limits,
    /// Who trades when the venue itself makes something happen.
    pub(crate) house: AccountId,
    pub(crate) latency: Option<Latency>,
}

impl Hall {
    pub(crate) fn apply(
        &mut self,
        command: &Command,
        tags: Vec<Tag>,
    ) -> core::result::Result<Done, Reject> {
        self.floor.apply(command, tags)
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
            quantity: Quantity::Lots(seen.max(order.quantity - order.filled)),
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

    /// A client said something.
    fn receive(&mut self, hall: &mut Hall, socket: u64, text: &[u8]);

    /// A connection is gone.
    fn disconnect(&mut self, hall: &mut Hall, socket: u64);

    /// Tells clients what was done.
    fn publish(&mut self, hall: &mut Hall, done: &Done);

    /// Time has passed: a tenth of a second.
    fn beat(&mut self, hall: &mut Hall, beats: u64);

    /// Connections that carry user streams.
    fn user_sockets(&self) -> Vec<u64>;

    /// Connections that carry market data.
    fn market_sockets(&self) -> Vec<u64>;

    /// The end is near.
    fn farewell(&self) -> Option<String>;

    /// Where clients find what, by the names of the recorder's endpoints.
    fn urls(&self, address: SocketAddr) -> BTreeMap<String, String>;
}

/// A venue: its hall and its language.
pub(crate) struct Venue {
    pub(crate) hall: Hall,
    pub(crate) dialect: Box<dyn Dialect>,
}

impl Venue {
    /// How long a call is on its way, and its answer.
    pub(crate) fn delays(&mut self, request: &Request) -> [Duration; 2] {
        let there = match self.dialect.sort(request) {
            Sort::Place => Message::Place,
            Sort::Amend => Message::Amend,
            Sort::Cancel => Message::Cancel,
            Sort::Read => Message::Feed,
        };
        let now = self.hall.floor.now();
        let Some(latency) = &mut self.hall.latency else { return [Duration::ZERO; 2] };
        [there, Message::Response].map(|message| {
            Duration::from_nanos(u64::try_from(latency.delay(message, now)).unwrap_or(0))
        })
    }

    pub(crate) fn call(&mut self, request: &Request) -> Reply {
        let reply = self.dialect.call(&mut self.hall, request);
        self.publish();
        reply
    }

    pub(crate) fn connect(
        &mut self,
        socket: u64,
        path: &str,
        headers: &HeaderMap,
    ) -> core::result::Result<(), Reply> {
        let refuses = |fault: &Fault| matches!(fault, Fault::RefuseConnection { .. });
        if let Some(Fault::RefuseConnection { status }) = self.hall.faults.of(None, refuses) {
            return Err(Reply::new(status, String::new()));
        }
        self.dialect.connect(&mut self.hall, socket, path, headers)
    }

    pub(crate) fn receive(&mut self, socket: u64, text: &[u8]) {
        self.dialect.receive(&mut self.hall, socket, text);
        self.publish();
    }

    pub(crate) fn disconnect(&mut self, socket: u64) {
        self.hall.sockets.remove(socket);
        self.dialect.disconnect(&mut self.hall, socket);
    }

    /// Does what a trader or the operator asks for.
    pub(crate) fn apply(
        &mut self,
        command: &Command,
    ) -> core::result::Result<Option<OrderId>, Reject> {
        let done = self.hall.apply(command, Vec::new())?;
        self.publish();
        Ok(done.order)
    }

    /// Tells clients what they were not told so far.
    pub(crate) fn publish(&mut self) {
        for done in std::mem::take(&mut self.hall.floor.untold) {
            self.dialect.publish(&mut self.hall, &done);
        }
    }

    pub(crate) fn beat(&mut self, beats: u64) {
        // Only orders that have a last moment care for the time.
        let _ = self.hall.apply(&Command::Tick, Vec::new());
        self.publish();
        self.dialect.beat(&mut self.hall, beats);
        self.publish();
    }

    /// Plans a fault, or lets it happen.
    pub(crate) fn fault(&mut self, planned: Planned) {
        let streams = self.dialect.market_sockets();
        match planned.fault {
            Fault::ClockAhead { ms } => {
                self.hall.floor.clock.ahead = ms.saturating_mul(1_000_000);
            }
            Fault::Maintenance { on } => self.hall.faults.maintenance = on,
            Fault::DropUserStream => {
                let sockets = self.dialect.user_sockets();
                self.tell(&sockets, &Out::Cut);
            }
            Fault::Cut => self.tell(&streams, &Out::Cut),
            Fault::Silence => self.tell(&streams, &Out::Silence),
            Fault::Close { code, reason } => self.tell(&streams, &Out::Close(code, reason)),
            Fault::Farewell => {
                if let Some(text) = self.dialect.farewell() {
                    self.tell(&streams, &Out::text(text));
                }
                self.tell(&streams, &Out::Close(1001, String::new()));
            }
            _ => self.hall.faults.plan(planned),
        }
    }

    fn tell(&mut self, sockets: &[u64], out: &Out) {
        sockets.iter().for_each(|socket| self.hall.sockets.send(*socket, out.clone()));
    }
}
