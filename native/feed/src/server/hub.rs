//! Who is connected, what they subscribed to, and what goes wrong.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use rustonite_wire::{Ask, Codec, Feed, Host, Topic, Wish};
use tokio::sync::mpsc;

use super::fault::{self, Fault, Planned};
use super::source::{Disturbance, Recorded};
use super::truth::{Sort, Truths};
use super::{ClientInfo, TradesSent, TrueBook};
use crate::catalog::Venue;
use crate::clock::now_ns;

/// What goes to a client.
#[derive(Debug)]
pub(super) enum Out {
    Text(Vec<u8>),
    Binary(Vec<u8>),
    Ping,
    Close(u16, &'static str),
    Cut,
    Freeze,
}

/// Something for a client, perhaps later.
pub(super) struct Delivery {
    pub(super) queue: Queue,
    pub(super) out: Out,
    pub(super) after: Duration,
}

/// The way to a client.
#[derive(Clone)]
pub(super) struct Queue {
    sender: mpsc::UnboundedSender<Out>,
    waiting: Arc<AtomicUsize>,
}

impl Queue {
    pub(super) fn new() -> (Self, mpsc::UnboundedReceiver<Out>) {
        let (sender, receiver) = mpsc::unbounded_channel();
        (Self { sender, waiting: Arc::default() }, receiver)
    }

    pub(super) fn push(&self, out: Out) {
        self.waiting.fetch_add(1, Ordering::Relaxed);
        let _ = self.sender.send(out);
    }

    /// Something was taken out.
    pub(super) fn took(&self) {
        self.waiting.fetch_sub(1, Ordering::Relaxed);
    }

    pub(super) fn len(&self) -> usize {
        if self.sender.is_closed() { 0 } else { self.waiting.load(Ordering::Relaxed) }
    }
}

struct Client {
    number: u64,
    path: String,
    compressed: bool,
    host: Box<dyn Host>,
    topics: Vec<Subscribed>,
    queue: Queue,
    /// Messages that wait for the next one of their topic, to change places with it.
    held: Vec<(Topic, Vec<u8>)>,
    data_stopped: bool,
}

struct Subscribed {
    topic: Topic,
    silent: bool,
}

pub(super) struct Hub {
    venue: Venue,
    /// Reads and writes what belongs to no connection.
    host: Box<dyn Host>,
    truths: Truths,
    clients: Vec<Client>,
    next_client: u64,
    faults: Vec<Planned>,
    /// Faults whose time has not come, and those that have met nobody so far.
    later: Vec<Planned>,
    /// Bodies of REST answers that are served as they are.
    bodies: BTreeMap<String, Vec<u8>>,
    pub(super) disturbances: Vec<(String, Disturbance)>,
    pub(super) sent: u64,
    pub(super) subscriptions: usize,
    /// How far the venue's clock is ahead of ours.
    pub(super) clock_ahead_ns: i64,
    pub(super) symbols: Vec<String>,
    /// Whether the source makes its messages, and can be disturbed.
    pub(super) is_made: bool,
    pub(super) ended: bool,
}

/// What a call of REST gets.
pub(super) enum Reply {
    Body {
        status: u16,
        retry_after_s: Option<u64>,
        body: Vec<u8>,
        after: Duration,
    },
    /// The book is not known so far.
    NotYet,
}

impl Hub {
    pub(super) fn new(venue: Venue, host: Box<dyn Host>, codec: Box<dyn Codec>) -> Self {
        Self {
            truths: Truths::new(&venue.venue, codec),
            venue,
            host,
            clients: Vec::new(),
            next_client: 1,
            faults: Vec::new(),
            later: Vec::new(),
            bodies: BTreeMap::new(),
            disturbances: Vec::new(),
            sent: 0,
            subscriptions: 0,
            clock_ahead_ns: 0,
            symbols: Vec::new(),
            is_made: false,
            ended: false,
        }
    }

    pub(super) fn venue(&self) -> &Venue {
        &self.venue
    }

    // Connections

    pub(super) fn connect(&mut self, path: &str, compressed: bool, queue: Queue) -> u64 {
        let number = self.next_client;
        self.next_client += 1;
        let Some(mut host) = rustonite_wire::host(&self.venue.venue) else { return number };
        let topics = host.open(path);
        host.greeting().into_iter().for_each(|text| queue.push(Out::Text(text.into_bytes())));
        self.clients.push(Client {
            number,
            path: path.to_owned(),
            compressed,
            host,
            topics: Vec::new(),
            queue,
            held: Vec::new(),
            data_stopped: false,
        });
        if !topics.is_empty() {
            self.subscribe(number, &topics);
        }
        number
    }

    pub(super) fn disconnect(&mut self, number: u64) {
        self.clients.retain(|client| client.number != number);
    }

    pub(super) fn clients(&self) -> Vec<ClientInfo> {
        let info = |client: &Client| ClientInfo {
            number: client.number,
            path: client.path.clone(),
            compressed: client.compressed,
            topics: client.topics.iter().map(|known| known.topic.clone()).collect(),
        };
        self.clients.iter().map(info).collect()
    }

    pub(super) fn longest_queue(&self) -> usize {
        self.clients.iter().map(|client| client.queue.len()).max().unwrap_or(0)
    }

    fn client(&mut self, number: u64) -> Option<&mut Client> {
        self.clients.iter_mut().find(|client| client.number == number)
    }

    /// A message of a client.
    pub(super) fn receive(&mut self, number: u64, message: &[u8]) {
        let Some(client) = self.client(number) else { return };
        let wish = client.host.read(message);
        match &wish {
            Wish::Subscribe(ask) => self.subscribe_as_asked(number, &wish, ask),
            Wish::Unsubscribe(ask) => {
                for topic in &ask.topics {
                    client.topics.retain(|known| !client.host.carries(topic, &known.topic));
                    client.held.retain(|(held, _)| !client.host.carries(topic, held));
                }
                let _ = client.reply(&wish, &[]);
            }
            Wish::Ping(_) => drop(client.reply(&wish, &[])),
            Wish::Other => {}
        }
    }

    fn subscribe_as_asked(&mut self, number: u64, wish: &Wish, ask: &Ask) {
        let refused: Vec<_> =
            ask.topics.iter().filter(|topic| self.refuses(topic, number)).cloned().collect();
        let Some(client) = self.client(number) else { return };
        let replies = client.reply(wish, &refused);
        // Collectors keep no acknowledgements. Where there are some, what this client wants is not
        // what the source sends.
        if self.sent == 0 {
            self.learn(&replies);
        }
        let Some(client) = self.client(number) else { return };
        let whole = client.host.refuses_whole() && !refused.is_empty();
        let granted: Vec<_> =
            ask.topics.iter().filter(|topic| !whole && !refused.contains(topic)).cloned().collect();
        self.subscribe(number, &granted);
    }

    fn learn(&mut self, replies: &[String]) {
        for reply in replies {
            let reply = Recorded { data: reply.clone().into_bytes(), ..Recorded::default() };
            self.note(&reply);
        }
    }

    fn refuses(&mut self, topic: &Topic, number: u64) -> bool {
        self.take(topic.symbol.as_deref(), Some(number), |fault| *fault == Fault::Refuse).is_some()
    }

    fn subscribe(&mut self, number: u64, topics: &[Topic]) {
        for topic in topics {
            let symbol = topic.symbol.as_deref();
            let silenced =
                self.take(symbol, Some(number), |fault| *fault == Fault::Silence).is_some();
            let repeats = self.repeats_trades(symbol, number);
            let picture = self.truths.picture_by_stream(&*self.host, topic);
            let history = self.truths.history(&*self.host, topic, repeats);
            let Some(client) = self.client(number) else { return };
            let silent = silenced || !client.host.delivers(topic);
            client.topics.retain(|known| known.topic != *topic);
            client.topics.push(Subscribed { topic: topic.clone(), silent });
            if !silent {
                picture
                    .into_iter()
                    .chain(history)
                    .for_each(|text| client.send(topic, text.as_bytes()));
            }
            self.subscriptions += 1;
        }
    }

    fn repeats_trades(&mut self, symbol: Option<&str>, number: u64) -> bool {
        self.take(symbol, Some(number), |fault| *fault == Fault::RepeatTrades).is_some()
    }

    // Messages

    /// A message of the source. Returns what goes where.
    pub(super) fn message(&mut self, recorded: &Recorded) -> Vec<Delivery> {
        if let Some(path) = &recorded.path {
            self.keep_answer(path, recorded);
            return Vec::new();
        }
        self.act();
        self.sent += 1;
        let Some((topic, is_book)) = self.note(recorded) else { return Vec::new() };
        let mut out = Vec::new();
        let mut clients = std::mem::take(&mut self.clients);
        for client in clients.iter_mut().filter(|client| !client.data_stopped) {
            self.deliver(client, &topic, is_book, &recorded.data, &mut out);
        }
        self.clients = clients;
        out
    }

    fn keep_answer(&mut self, path: &str, recorded: &Recorded) {
        let called = self.host.call(path, b"").map(|(feed, _)| feed);
        let Some(feed @ Feed::Book(symbol)) = &called else {
            self.bodies.insert(path.to_owned(), recorded.data.clone());
            return;
        };
        let channel = self.venue.channel_of("book_deltas").map(|one| one.name.clone());
        let topic = Topic { channel: channel.unwrap_or_default(), symbol: Some(symbol.clone()) };
        self.truths.note_answer(&*self.host, &topic, feed, recorded);
    }

    /// Keeps what is true up to date. The topic of a message with data, and whether it is of a book.
    fn note(&mut self, recorded: &Recorded) -> Option<(Topic, bool)> {
        let topic = self.host.topic_of(&recorded.data);
        let known = topic.clone().unwrap_or_default();
        let sort = self.truths.note(&*self.host, &known, recorded);
        // Answers in a recording are those to other requests.
        topic.filter(|_| sort != Sort::Answer).map(|topic| (topic, sort == Sort::Book))
    }

    fn deliver(
        &mut self,
        client: &mut Client,
        topic: &Topic,
        is_book: bool,
        data: &[u8],
        out: &mut Vec<Delivery>,
    ) {
        let wanted: Vec<Topic> = client
            .topics
            .iter()
            .filter(|known| !known.silent && client.host.carries(&known.topic, topic))
            .map(|known| known.topic.clone())
            .collect();
        for wanted in wanted {
            let symbol = topic.symbol.as_deref();
            let fault = if is_book && !self.faults.is_empty() {
                self.take(symbol, Some(client.number), Fault::waits_for_book)
            } else {
                None
            };
            match fault {
                None => {
                    client.push(&wanted, data, out);
                    client.let_go(&wanted, out);
                }
                Some(fault) => client.push_faulty(&fault, &wanted, data, out),
            }
        }
    }

    // Faults

    /// Plans a fault, and does it at once if it waits for nothing.
    pub(super) fn plan(&mut self, planned: Planned) -> Result<(), String> {
        planned.check()?;
        let fault = &planned.fault;
        if fault.disturbs() && !self.is_made {
            return Err("a recording is sent as it is: only a made-up market can do this".into());
        }
        if *fault == Fault::Farewell && self.host.farewell().is_none() {
            return Err(format!("{} does not announce the end", self.venue.venue));
        }
        self.later.push(planned);
        self.act();
        Ok(())
    }

    /// Does what is due. What meets nobody waits for somebody.
    fn act(&mut self) {
        for planned in std::mem::take(&mut self.later) {
            if planned.after > self.sent {
                self.later.push(planned);
            } else if planned.fault.waits() {
                self.faults.push(planned);
            } else if !self.happens(&planned) {
                self.later.push(planned);
            }
        }
    }

    /// Does something at once. Whether it met anybody.
    fn happens(&mut self, planned: &Planned) -> bool {
        match &planned.fault {
            Fault::KeepAlive => self.disturb(planned, Disturbance::KeepAlive),
            Fault::Restart => self.disturb(planned, Disturbance::Restart),
            Fault::DeleteUnknown => self.disturb(planned, Disturbance::DeleteUnknown),
            Fault::SkipTrades { count } => self.disturb(planned, Disturbance::SkipTrades(*count)),
            Fault::RepeatTrades => {
                self.repeat_trades(planned);
                self.faults.push(planned.clone());
            }
            _ => {
                let mut met = 0;
                for client in self.met(planned) {
                    client.suffer(&planned.fault);
                    met += 1;
                }
                return met > 0;
            }
        }
        true
    }

    /// Faults that are planned and met nobody so far.
    pub(super) fn planned(&self) -> usize {
        self.faults.len() + self.later.len()
    }

    fn met<'a>(&'a mut self, planned: &'a Planned) -> impl Iterator<Item = &'a mut Client> {
        let carries = |client: &Client| {
            planned.symbol.is_none()
                || client.topics.iter().any(|known| known.topic.symbol == planned.symbol)
        };
        self.clients
            .iter_mut()
            .filter(move |client| planned.connection.is_none_or(|wanted| wanted == client.number))
            .filter(move |client| carries(client))
    }

    fn disturb(&mut self, planned: &Planned, what: Disturbance) {
        let symbols = planned.symbol.clone().map_or_else(|| self.symbols.clone(), |one| vec![one]);
        self.disturbances.extend(symbols.into_iter().map(|symbol| (symbol, what)));
    }

    fn repeat_trades(&mut self, planned: &Planned) {
        let mut all = Vec::new();
        for client in self.met(planned) {
            let topics = client.topics.iter().map(|known| (client.number, known.topic.clone()));
            all.extend(topics);
        }
        for (number, topic) in all {
            let history = self.truths.history(&*self.host, &topic, true);
            let Some(client) = self.client(number) else { continue };
            for text in history {
                client.send(&topic, text.as_bytes());
            }
        }
    }

    /// Takes a planned fault of a sort.
    fn take(
        &mut self,
        symbol: Option<&str>,
        connection: Option<u64>,
        sort: impl Fn(&Fault) -> bool,
    ) -> Option<Fault> {
        let meets = |planned: &Planned| sort(&planned.fault) && planned.meets(symbol, connection);
        let place = self.faults.iter().position(meets)?;
        let planned = &mut self.faults[place];
        planned.times = planned.times.saturating_sub(1);
        let fault = planned.fault.clone();
        if planned.times == 0 {
            self.faults.remove(place);
        }
        Some(fault)
    }

    /// Signs of life to all.
    pub(super) fn heartbeat(&mut self) {
        for client in &mut self.clients {
            match client.host.heartbeat() {
                Some(text) => client.queue.push(Out::Text(text.into_bytes())),
                None => client.queue.push(Out::Ping),
            }
        }
    }

    // REST

    pub(super) fn call(&mut self, path: &str, body: &[u8]) -> Reply {
        let reply = |status, body: Vec<u8>| Reply::Body {
            status,
            retry_after_s: None,
            body,
            after: Duration::ZERO,
        };
        let Some((feed, levels)) = self.host.call(path, body) else {
            return self.bodies.get(path).map_or(Reply::UNKNOWN, |body| reply(200, body.clone()));
        };
        let symbol = match &feed {
            Feed::Book(symbol) | Feed::Orders(symbol) => Some(symbol.as_str()),
            _ => None,
        };
        let is_status = |fault: &Fault| matches!(fault, Fault::RestStatus { .. });
        if let Some(Fault::RestStatus { status, retry_after_s }) =
            self.take(symbol, None, is_status)
        {
            let body = br#"{"code":-1003,"msg":"Too many requests."}"#.to_vec();
            return Reply::Body { status, retry_after_s, body, after: Duration::ZERO };
        }
        match (&feed, symbol) {
            (Feed::Book(_) | Feed::Orders(_), Some(symbol)) => self.call_for_book(symbol, levels),
            _ => self.kept(&feed, path).map_or(Reply::UNKNOWN, |body| reply(200, body)),
        }
    }

    fn call_for_book(&mut self, symbol: &str, levels: usize) -> Reply {
        let picture =
            |hub: &Self, stale| hub.truths.picture_by_rest(&*hub.host, symbol, levels, stale);
        let Some(mut body) = picture(self, false) else {
            if !self.ended && self.knows(symbol) {
                return Reply::NotYet;
            }
            let (status, body) = self.host.unknown_symbol();
            let (body, after) = (body.as_bytes().to_vec(), Duration::ZERO);
            return Reply::Body { status, retry_after_s: None, body, after };
        };
        let mut after = Duration::ZERO;
        match self.take(Some(symbol), None, Fault::waits_for_call) {
            Some(Fault::RestLate { ms }) => after = Duration::from_millis(ms),
            Some(_) => body = picture(self, true).unwrap_or(body),
            None => {}
        }
        Reply::Body { status: 200, retry_after_s: None, body, after }
    }

    /// What a recording has as the answer to a call. Where it has that call with other parameters
    /// only, these must not have been about an instrument.
    fn kept(&self, feed: &Feed, path: &str) -> Option<Vec<u8>> {
        let bare = |path: &str| path.split('?').next().map(str::to_owned);
        let same = || self.bodies.iter().find(|(kept, _)| bare(kept) == bare(path));
        let is_general = matches!(feed, Feed::Instruments | Feed::Time);
        let kept = self.bodies.get(path).or_else(|| Some(same().filter(|_| is_general)?.1));
        let symbols: Vec<_> = self.symbols.iter().map(String::as_str).collect();
        let made = || match feed {
            Feed::Instruments => self.host.instruments(&symbols).map(String::into_bytes),
            Feed::Time => self.host.clock(now_ns() + self.clock_ahead_ns).map(String::into_bytes),
            _ => None,
        };
        kept.cloned().or_else(made)
    }

    fn knows(&self, symbol: &str) -> bool {
        self.symbols.is_empty() || self.symbols.iter().any(|known| known == symbol)
    }

    // What is true

    pub(super) fn true_book(&self, symbol: &str) -> Option<TrueBook> {
        self.truths.true_book(symbol)
    }

    pub(super) fn trades_sent(&self, symbol: &str) -> TradesSent {
        self.truths.trades_sent(symbol)
    }
}

impl Reply {
    const UNKNOWN: Self =
        Self::Body { status: 404, retry_after_s: None, body: Vec::new(), after: Duration::ZERO };
}

impl Client {
    fn reply(&mut self, wish: &Wish, refused: &[Topic]) -> Vec<String> {
        let texts = self.host.answer(wish, refused);
        for text in &texts {
            self.queue.push(Out::Text(text.clone().into_bytes()));
        }
        texts
    }

    fn send(&mut self, topic: &Topic, data: &[u8]) {
        let wrapped = self.host.wrap(topic, data);
        if !wrapped.is_empty() {
            self.queue.push(Out::Text(wrapped));
        }
    }

    fn push(&mut self, topic: &Topic, data: &[u8], out: &mut Vec<Delivery>) {
        self.push_later(topic, data, Duration::ZERO, out);
    }

    fn push_later(&mut self, topic: &Topic, data: &[u8], after: Duration, out: &mut Vec<Delivery>) {
        let wrapped = self.host.wrap(topic, data);
        if !wrapped.is_empty() {
            out.push(Delivery { queue: self.queue.clone(), out: Out::Text(wrapped), after });
        }
    }

    /// Sends what changes places with a message of the same topic.
    fn let_go(&mut self, topic: &Topic, out: &mut Vec<Delivery>) {
        for (held, data) in std::mem::take(&mut self.held) {
            if held == *topic {
                self.push(&held, &data, out);
            } else {
                self.held.push((held, data));
            }
        }
    }

    /// What meets a connection as a whole.
    fn suffer(&mut self, fault: &Fault) {
        let bytes = |hex: &str| fault::unhex(hex).unwrap_or_default();
        match fault {
            Fault::StopData => self.data_stopped = true,
            Fault::Freeze => {
                self.data_stopped = true;
                self.queue.push(Out::Freeze);
            }
            Fault::Close { code } => self.queue.push(Out::Close(*code, "fault")),
            Fault::Cut => self.queue.push(Out::Cut),
            Fault::Farewell => {
                if let Some(text) = self.host.farewell() {
                    self.queue.push(Out::Text(text.into_bytes()));
                }
            }
            Fault::Text { hex } => self.queue.push(Out::Text(bytes(hex))),
            Fault::Binary { hex } => self.queue.push(Out::Binary(bytes(hex))),
            _ => {}
        }
    }

    fn push_faulty(&mut self, fault: &Fault, topic: &Topic, data: &[u8], out: &mut Vec<Delivery>) {
        match fault {
            Fault::Duplicate => {
                self.push(topic, data, out);
                self.push(topic, data, out);
            }
            Fault::Reorder => self.held.push((topic.clone(), data.to_vec())),
            Fault::Delay { ms } => self.push_later(topic, data, Duration::from_millis(*ms), out),
            Fault::Reorganise => {
                let other = fault::reorganised(data);
                self.push(topic, other.as_deref().unwrap_or(data), out);
            }
            Fault::Exponents => {
                let other = fault::with_exponents(data);
                self.push(topic, other.as_deref().unwrap_or(data), out);
            }
            // Dropped on the way: it had its number, where the venue counts.
            _ => drop(self.host.wrap(topic, data)),
        }
    }
}

#[cfg(test)]
mod tests;
