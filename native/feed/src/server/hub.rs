//! Who is connected, what they subscribed to, what the true books are, and what goes wrong.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use rustonite_book::{Anchor, Keeper, L2Book, Rules, State};
use rustonite_core::Decimal;
use rustonite_core::datasets::{Aggressor, BookSide, draft};
use rustonite_wire::{Ask, BookUpdate, Codec, Feed, Frame, Host, Level, Sink, Topic, Trade, Wish};
use tokio::sync::mpsc;

use super::fault::{self, Fault, Planned};
use super::source::{Disturbance, Recorded};
use super::{ClientInfo, TradesSent, TrueBook};
use crate::catalog::Venue;

/// Trades that a venue repeats after a subscription.
const HISTORY: usize = 50;

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
    /// A message that waits for the next one, to change places with it.
    held: Option<(Topic, Vec<u8>)>,
    data_stopped: bool,
}

struct Subscribed {
    topic: Topic,
    silent: bool,
}

/// What is true of an instrument.
struct Truth {
    keeper: Option<(Topic, Keeper<L2Book>)>,
    ts_event: i64,
    /// Its first picture, for whoever asks for one that is too old.
    early: Option<(i64, Vec<Level>)>,
    recent: VecDeque<Told>,
    sent: TradesSent,
}

/// A trade that was sent.
#[derive(Clone, Copy)]
struct Told {
    id: i64,
    ts_event: i64,
    price: Decimal,
    size: Decimal,
    side: Aggressor,
}

pub(super) struct Hub {
    venue: Venue,
    /// Reads and writes what belongs to no connection.
    host: Box<dyn Host>,
    codec: Box<dyn Codec>,
    truths: HashMap<String, Truth>,
    clients: Vec<Client>,
    next_client: u64,
    faults: Vec<Planned>,
    /// Bodies of REST answers that are served as they are.
    bodies: HashMap<String, Vec<u8>>,
    pub(super) disturbances: Vec<(String, Disturbance)>,
    pub(super) sent: u64,
    pub(super) subscriptions: usize,
    pub(super) symbols: Vec<String>,
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
            venue,
            host,
            codec,
            truths: HashMap::new(),
            clients: Vec::new(),
            next_client: 1,
            faults: Vec::new(),
            bodies: HashMap::new(),
            disturbances: Vec::new(),
            sent: 0,
            subscriptions: 0,
            symbols: Vec::new(),
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
            held: None,
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
        self.learn(&replies);
        let Some(client) = self.client(number) else { return };
        let whole = client.host.refuses_whole() && !refused.is_empty();
        let granted: Vec<_> =
            ask.topics.iter().filter(|topic| !whole && !refused.contains(topic)).cloned().collect();
        self.subscribe(number, &granted);
    }

    /// Acknowledgements have what the codec needs to know, such as the depth of a book.
    fn learn(&mut self, replies: &[String]) {
        let topic = Topic::default();
        for reply in replies {
            let frame = Frame { ts_recv: 0, data: reply.as_bytes() };
            let (truths, venue) = (&mut self.truths, &self.venue.venue);
            let mut noting = Noting { hub_topic: &topic, truths, venue, is_book: false };
            let _ = self.codec.decode(frame, &mut noting);
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
            let picture = self.picture_by_stream(topic);
            let history = self.history(topic, repeats);
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

    /// The picture that a stream begins with.
    fn picture_by_stream(&mut self, topic: &Topic) -> Option<String> {
        let symbol = topic.symbol.as_deref()?;
        let truth = self.truths.get(symbol)?;
        let (sent, keeper) = truth.keeper.as_ref()?;
        let rules = keeper.rules();
        let is_due = rules.anchor == Anchor::Subscription && keeper.state() == State::Live;
        if !is_due || !self.host.carries(topic, sent) {
            return None;
        }
        let levels: Vec<_> = keeper.book().iter().collect();
        let update = BookUpdate {
            symbol,
            ts_event: truth.ts_event,
            is_snapshot: true,
            seq: keeper.seq(),
            checksum: rules.checksum.map(|sum| sum.of_levels(keeper.book(), &mut String::new())),
            levels: &levels,
            ..BookUpdate::default()
        };
        self.host.book(topic, &update)
    }

    /// Trades that a subscription begins with.
    fn history(&self, topic: &Topic, repeats: bool) -> Vec<String> {
        let none = Vec::new;
        let Some(symbol) = topic.symbol.as_deref() else { return none() };
        let Some(truth) = self.truths.get(symbol) else { return none() };
        let trades: Vec<_> = truth.recent.iter().map(|told| told.trade(symbol)).collect();
        let Some(newest) = trades.last() else { return none() };
        let one = self.host.trades(&[*newest], false);
        let sent = one.and_then(|text| self.host.topic_of(text.as_bytes()));
        if sent.is_none_or(|sent| !self.host.carries(topic, &sent)) {
            return none();
        }
        if self.host.repeats_trades() {
            return self.host.trades(&trades, true).into_iter().collect();
        }
        let each = trades.iter().filter_map(|trade| self.host.trades(&[*trade], false));
        if repeats { each.collect() } else { none() }
    }

    // Messages

    /// A message of the source. Returns what goes where.
    pub(super) fn message(&mut self, recorded: &Recorded) -> Vec<Delivery> {
        if let Some(path) = &recorded.path {
            self.keep_answer(path, recorded);
            return Vec::new();
        }
        self.sent += 1;
        let Some(topic) = self.host.topic_of(&recorded.data) else { return Vec::new() };
        let is_book = self.note(&topic, recorded);
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
        let Some(Feed::Book(symbol)) = &called else {
            let key = path.split('?').next().unwrap_or(path).to_owned();
            self.bodies.insert(key, recorded.data.clone());
            return;
        };
        let channel = self.venue.channel_of("book_deltas").map(|one| one.name.clone());
        let channel = channel.unwrap_or_default();
        let topic = Topic { channel, symbol: Some(symbol.clone()) };
        let (truths, venue) = (&mut self.truths, &self.venue.venue);
        let mut noting = Noting { hub_topic: &topic, truths, venue, is_book: false };
        let frame = Frame { ts_recv: recorded.ts_recv, data: &recorded.data };
        let _ = self.codec.decode_answer(&Feed::Book(symbol.clone()), frame, &mut noting);
    }

    /// Keeps what is true up to date. Whether it is a message of a book.
    fn note(&mut self, topic: &Topic, recorded: &Recorded) -> bool {
        let frame = Frame { ts_recv: recorded.ts_recv, data: &recorded.data };
        let mut noting = Noting {
            hub_topic: topic,
            truths: &mut self.truths,
            venue: &self.venue.venue,
            is_book: false,
        };
        let _ = self.codec.decode(frame, &mut noting);
        noting.is_book
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

    /// Plans a fault, or does it at once if it waits for nothing.
    pub(super) fn plan(&mut self, planned: Planned) -> Result<(), String> {
        let fault = &planned.fault;
        if fault.waits_for_book() || fault.waits_for_call() || fault.waits_for_subscription() {
            self.faults.push(planned);
            return Ok(());
        }
        match &planned.fault {
            Fault::KeepAlive => self.disturb(&planned, Disturbance::KeepAlive),
            Fault::Restart => self.disturb(&planned, Disturbance::Restart),
            Fault::DeleteUnknown => self.disturb(&planned, Disturbance::DeleteUnknown),
            Fault::SkipTrades { count } => self.disturb(&planned, Disturbance::SkipTrades(*count)),
            Fault::RepeatTrades => {
                self.repeat_trades(&planned);
                self.faults.push(planned);
            }
            Fault::StopData => self.met(&planned).for_each(|client| client.data_stopped = true),
            Fault::Freeze => self.met(&planned).for_each(|client| {
                client.data_stopped = true;
                client.queue.push(Out::Freeze);
            }),
            Fault::Close { code } => {
                let code = *code;
                self.met(&planned).for_each(|client| client.queue.push(Out::Close(code, "fault")));
            }
            Fault::Cut => self.met(&planned).for_each(|client| client.queue.push(Out::Cut)),
            Fault::Farewell => self.met(&planned).for_each(|client| {
                if let Some(text) = client.host.farewell() {
                    client.queue.push(Out::Text(text.into_bytes()));
                }
            }),
            Fault::Text { hex } => {
                let bytes = fault::unhex(hex).ok_or("`hex` has no hexadecimal digits")?;
                self.met(&planned).for_each(|client| client.queue.push(Out::Text(bytes.clone())));
            }
            Fault::Binary { hex } => {
                let bytes = fault::unhex(hex).ok_or("`hex` has no hexadecimal digits")?;
                self.met(&planned).for_each(|client| client.queue.push(Out::Binary(bytes.clone())));
            }
            _ => {}
        }
        Ok(())
    }

    /// Faults that are planned and met nobody so far.
    pub(super) fn planned(&self) -> usize {
        self.faults.len()
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
            let history = self.history(&topic, true);
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
            return reply(404, b"{}".to_vec());
        };
        let symbol = match &feed {
            Feed::Book(symbol) | Feed::Orders(symbol) => Some(symbol.as_str()),
            _ => None,
        };
        if !matches!(feed, Feed::Book(_) | Feed::Orders(_)) {
            if let Some(body) = self.bodies.get(path.split('?').next().unwrap_or(path)) {
                return reply(200, body.clone());
            }
            let symbols: Vec<_> = self.symbols.iter().map(String::as_str).collect();
            return match feed {
                Feed::Instruments => match self.host.instruments(&symbols) {
                    Some(body) => reply(200, body.into_bytes()),
                    None => reply(404, b"{}".to_vec()),
                },
                _ => reply(404, b"{}".to_vec()),
            };
        }
        let symbol = symbol.unwrap_or_default();
        match self.take(Some(symbol), None, Fault::waits_for_call) {
            Some(Fault::RestStatus { status, retry_after_s }) => Reply::Body {
                status,
                retry_after_s,
                body: br#"{"code":-1003,"msg":"Too many requests."}"#.to_vec(),
                after: Duration::ZERO,
            },
            Some(Fault::RestLate { ms }) => match self.picture_by_rest(symbol, levels, false) {
                Some(body) => {
                    let after = Duration::from_millis(ms);
                    Reply::Body { status: 200, retry_after_s: None, body, after }
                }
                None => Reply::NotYet,
            },
            fault => {
                let stale = fault.is_some();
                match self.picture_by_rest(symbol, levels, stale) {
                    Some(body) => reply(200, body),
                    None if !self.ended && self.knows(symbol) => Reply::NotYet,
                    None => {
                        let (status, body) = self.host.unknown_symbol();
                        reply(status, body.as_bytes().to_vec())
                    }
                }
            }
        }
    }

    fn knows(&self, symbol: &str) -> bool {
        self.symbols.is_empty() || self.symbols.iter().any(|known| known == symbol)
    }

    fn picture_by_rest(&self, symbol: &str, depth: usize, stale: bool) -> Option<Vec<u8>> {
        let truth = self.truths.get(symbol)?;
        let (_, keeper) = truth.keeper.as_ref()?;
        if keeper.state() != State::Live {
            return None;
        }
        let now = || (keeper.seq(), keeper.book().iter().collect());
        let (seq, levels): (Option<i64>, Vec<Level>) = match &truth.early {
            Some((seq, levels)) if stale => (Some(*seq), levels.clone()),
            _ => now(),
        };
        let update = BookUpdate {
            symbol,
            ts_event: truth.ts_event,
            is_snapshot: true,
            seq,
            depth: Some(depth),
            levels: &levels,
            ..BookUpdate::default()
        };
        Some(self.host.picture(&update).into_bytes())
    }

    // What is true

    pub(super) fn true_book(&self, symbol: &str) -> Option<TrueBook> {
        let (_, keeper) = self.truths.get(symbol)?.keeper.as_ref()?;
        let levels = keeper.book().iter().collect();
        (keeper.state() == State::Live).then(|| TrueBook { seq: keeper.seq(), levels })
    }

    pub(super) fn trades_sent(&self, symbol: &str) -> TradesSent {
        self.truths.get(symbol).map(|truth| truth.sent).unwrap_or_default()
    }
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
        self.queue.push(Out::Text(wrapped));
    }

    fn push(&mut self, topic: &Topic, data: &[u8], out: &mut Vec<Delivery>) {
        self.push_later(topic, data, Duration::ZERO, out);
    }

    fn push_later(&mut self, topic: &Topic, data: &[u8], after: Duration, out: &mut Vec<Delivery>) {
        let wrapped = self.host.wrap(topic, data);
        out.push(Delivery { queue: self.queue.clone(), out: Out::Text(wrapped), after });
    }

    /// Sends what changes places with a message of the same topic.
    fn let_go(&mut self, topic: &Topic, out: &mut Vec<Delivery>) {
        if let Some((topic, data)) = self.held.take_if(|(held, _)| held == topic) {
            self.push(&topic, &data, out);
        }
    }

    fn push_faulty(&mut self, fault: &Fault, topic: &Topic, data: &[u8], out: &mut Vec<Delivery>) {
        match fault {
            Fault::Duplicate => {
                self.push(topic, data, out);
                self.push(topic, data, out);
            }
            Fault::Reorder => self.held = Some((topic.clone(), data.to_vec())),
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

impl Told {
    fn trade<'a>(&self, symbol: &'a str) -> Trade<'a> {
        let Self { id, ts_event, price, size, side } = *self;
        Trade { symbol, id, ts_event, price, size, side }
    }
}

fn truth<'a>(truths: &'a mut HashMap<String, Truth>, symbol: &str) -> &'a mut Truth {
    if !truths.contains_key(symbol) {
        let truth = Truth {
            keeper: None,
            ts_event: 0,
            early: None,
            recent: VecDeque::new(),
            sent: TradesSent::default(),
        };
        truths.insert(symbol.to_owned(), truth);
    }
    truths.entry(symbol.to_owned()).or_insert_with(|| unreachable!("inserted above"))
}

/// Notes what a message of the source says.
struct Noting<'a> {
    hub_topic: &'a Topic,
    truths: &'a mut HashMap<String, Truth>,
    venue: &'a str,
    is_book: bool,
}

impl Sink for Noting<'_> {
    fn book(&mut self, update: &BookUpdate<'_>) {
        self.is_book = true;
        let truth = truth(self.truths, update.symbol);
        truth.ts_event = update.ts_event;
        let (_, keeper) = truth.keeper.get_or_insert_with(|| {
            let channel = &self.hub_topic.channel;
            let rules = rustonite_book::rules(self.venue, channel).unwrap_or(Rules::UNCHECKED);
            (self.hub_topic.clone(), Keeper::new(rules))
        });
        keeper.update(update);
        if truth.early.is_none()
            && let Some(seq) = keeper.seq()
        {
            truth.early = Some((seq, keeper.book().iter().collect()));
        }
    }

    fn trade(&mut self, row: &draft::Trades<'_>) {
        let id = row.trade_id.or_else(|| {
            let digits = row.trade_uid?.rsplit(|letter: char| !letter.is_ascii_digit()).next()?;
            digits.parse().ok()
        });
        let (Some(id), Ok(price), Ok(size)) =
            (id, Decimal::from_f64(row.price), Decimal::from_f64(row.size))
        else {
            return;
        };
        let truth = truth(self.truths, row.symbol);
        truth.sent.add(id);
        truth.recent.push_back(Told { id, ts_event: row.ts_event, price, size, side: row.side });
        if truth.recent.len() > HISTORY {
            truth.recent.pop_front();
        }
    }
}

impl TradesSent {
    fn add(&mut self, id: i64) {
        self.first.get_or_insert(id);
        self.last = Some(id);
        self.count += 1;
    }
}

/// Levels of one side, the best first.
pub(super) fn side_of(levels: &[Level], side: BookSide) -> impl Iterator<Item = &Level> {
    levels.iter().filter(move |level| level.side == side)
}
