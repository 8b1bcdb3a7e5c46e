//! The stream of market data.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use bytes::Bytes;
use hyper::HeaderMap;
use rustonite_sim::latency::Message;
use rustonite_sim::{AccountId, Event, InstrumentId, Side};
use serde::Deserialize;

use super::auth;
use super::quotes;
use super::rows::{Field, Row, frame};
use super::words::is_crypto;
use super::{Desk, data};
use crate::candles::Interval;
use crate::dialect::Hall;
use crate::faults::{self, Fault};
use crate::floor::Done;
use crate::socket::Out;

/// How long a client may take to say who it is.
const PATIENCE: i64 = 10_000_000_000;
/// Trades and quotes that a connection may have.
const SYMBOLS_MAX: usize = 30;
const EVERYTHING: &str = "*";

/// What clients can ask for; stocks have no books.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
enum Channel {
    Trades,
    Quotes,
    OrderBooks,
    Bars,
    UpdatedBars,
    DailyBars,
    Statuses,
}

const CRYPTO: [Channel; 6] = [
    Channel::Trades,
    Channel::Quotes,
    Channel::OrderBooks,
    Channel::Bars,
    Channel::UpdatedBars,
    Channel::DailyBars,
];
const STOCKS: [Channel; 6] = [
    Channel::Trades,
    Channel::Quotes,
    Channel::Bars,
    Channel::UpdatedBars,
    Channel::DailyBars,
    Channel::Statuses,
];

impl Channel {
    fn name(self) -> &'static str {
        match self {
            Self::Trades => "trades",
            Self::Quotes => "quotes",
            Self::OrderBooks => "orderbooks",
            Self::Bars => "bars",
            Self::UpdatedBars => "updatedBars",
            Self::DailyBars => "dailyBars",
            Self::Statuses => "statuses",
        }
    }
}

/// One of the addresses: each account has one connection to each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Feed(&'static str);

impl Feed {
    /// The feed at a path.
    pub(crate) fn at(path: &str) -> Option<Self> {
        ["/v1beta3/crypto/us", "/v2/iex", "/v2/sip", "/v2/delayed_sip", "/v2/test"]
            .into_iter()
            .find(|known| *known == path)
            .map(Self)
    }

    fn is_crypto(self) -> bool {
        self.0.contains("crypto")
    }

    fn channels(self) -> &'static [Channel] {
        if self.is_crypto() { &CRYPTO } else { &STOCKS }
    }
}

#[derive(Debug)]
struct Client {
    feed: Feed,
    packed: bool,
    account: Option<AccountId>,
    since: i64,
    wanted: BTreeMap<Channel, BTreeSet<String>>,
}

impl Client {
    fn wants(&self, channel: Channel, symbol: &str) -> bool {
        let is_here = self.feed.is_crypto() == symbol.contains('/');
        let wanted = self.wanted.get(&channel).filter(|_| is_here);
        wanted.is_some_and(|names| names.contains(symbol) || names.contains(EVERYTHING))
    }
}

/// What a client says.
#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Asked {
    action: String,
    key: String,
    secret: String,
    trades: Vec<String>,
    quotes: Vec<String>,
    orderbooks: Vec<String>,
    bars: Vec<String>,
    updated_bars: Vec<String>,
    daily_bars: Vec<String>,
    statuses: Vec<String>,
}

impl Asked {
    fn channels(self) -> [(Channel, Vec<String>); 7] {
        [
            (Channel::Trades, self.trades),
            (Channel::Quotes, self.quotes),
            (Channel::OrderBooks, self.orderbooks),
            (Channel::Bars, self.bars),
            (Channel::UpdatedBars, self.updated_bars),
            (Channel::DailyBars, self.daily_bars),
            (Channel::Statuses, self.statuses),
        ]
    }
}

/// Why a request is not done.
type Refused = (i64, &'static str);

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct Streams {
    clients: BTreeMap<u64, Client>,
    /// The minute whose bars were told last.
    told: i64,
}

impl Streams {
    pub(crate) fn sockets(&self) -> Vec<u64> {
        self.clients.keys().copied().collect()
    }

    // Connections

    pub(crate) fn open(
        &mut self,
        hall: &mut Hall,
        socket: u64,
        feed: Feed,
        packed: bool,
        headers: &HeaderMap,
    ) {
        let since = hall.floor.now();
        let client = Client { feed, packed, account: None, since, wanted: BTreeMap::new() };
        self.clients.insert(socket, client);
        self.say(hall, socket, &[success("connected")]);
        if let Some((key, secret)) = auth::shown(headers) {
            let done = self.log_on(hall, socket, key, secret);
            self.answer(hall, socket, done);
        }
    }

    pub(crate) fn close(&mut self, socket: u64) {
        self.clients.remove(&socket);
    }

    fn say(&self, hall: &mut Hall, socket: u64, rows: &[Row]) {
        let Some(client) = self.clients.get(&socket) else { return };
        let out = out(client.packed, frame(rows, client.packed).into());
        hall.sockets.answer(socket, out, Message::Feed);
    }

    pub(crate) fn receive(&mut self, hall: &mut Hall, socket: u64, bytes: &[u8]) {
        let Some(client) = self.clients.get(&socket) else { return };
        let asked: Option<Asked> = if client.packed {
            rmp_serde::from_slice(bytes).ok()
        } else {
            serde_json::from_slice(bytes).ok()
        };
        let done = match asked {
            None => Err((400, "invalid syntax")),
            Some(asked) => match asked.action.as_str() {
                "auth" => self.log_on(hall, socket, &asked.key, &asked.secret),
                _ if client.account.is_none() => Err((401, "not authenticated")),
                "subscribe" => self.subscribe(hall, socket, asked),
                "unsubscribe" => Ok(self.leave(socket, asked)),
                _ => Err((400, "invalid syntax")),
            },
        };
        self.answer(hall, socket, done);
    }

    fn answer(&mut self, hall: &mut Hall, socket: u64, done: Result<Vec<Row>, Refused>) {
        match done {
            Ok(rows) => {
                // A picture of a book comes in a frame of its own.
                for row in rows {
                    self.say(hall, socket, &[row]);
                }
            }
            Err((code, text)) => {
                self.say(hall, socket, &[error(code, text)]);
                // Others may go on; whoever is not let in may not.
                if matches!(code, 404 | 406) {
                    self.clients.remove(&socket);
                    hall.sockets.send(socket, Out::Close(1000, String::new()));
                }
            }
        }
    }

    fn log_on(
        &mut self,
        hall: &Hall,
        socket: u64,
        key: &str,
        secret: &str,
    ) -> Result<Vec<Row>, Refused> {
        let account = auth::account(&hall.floor, key, secret).ok_or((402, "auth failed"));
        let Some(client) = self.clients.get(&socket) else { return Ok(Vec::new()) };
        if client.account.is_some() {
            return Err((403, "already authenticated"));
        }
        let (account, feed) = (account?, client.feed);
        let has = |one: &Client| one.feed == feed && one.account == Some(account);
        if self.clients.values().any(has) {
            return Err((406, "connection limit exceeded"));
        }
        if let Some(client) = self.clients.get_mut(&socket) {
            client.account = Some(account);
        }
        Ok(vec![success("authenticated")])
    }

    fn subscribe(
        &mut self,
        hall: &mut Hall,
        socket: u64,
        asked: Asked,
    ) -> Result<Vec<Row>, Refused> {
        let refuses = |fault: &Fault| *fault == Fault::RefuseStream;
        if hall.faults.of(None, refuses).is_some() {
            return Err((405, "symbol limit exceeded"));
        }
        let Some(client) = self.clients.get_mut(&socket) else { return Ok(Vec::new()) };
        let mut wanted = client.wanted.clone();
        let mut books = Vec::new();
        for (channel, names) in asked.channels().into_iter().filter(|(_, names)| !names.is_empty())
        {
            if !client.feed.channels().contains(&channel) {
                return Err((410, "invalid subscribe action for this feed"));
            }
            for name in names {
                let is_new = wanted.entry(channel).or_default().insert(name.clone());
                if is_new && channel == Channel::OrderBooks {
                    books.push(name);
                }
            }
        }
        let counted = [Channel::Trades, Channel::Quotes];
        let count = |channel: &Channel| wanted.get(channel).map_or(0, BTreeSet::len);
        if counted.iter().map(count).sum::<usize>() > SYMBOLS_MAX {
            return Err((405, "symbol limit exceeded"));
        }
        client.wanted = wanted;
        let mut rows = vec![subscription(client)];
        hall.subscribed(socket, faults::Streams::Market);
        for id in named(hall, &books) {
            rows.push(data::whole_book(&mut hall.floor, id));
        }
        Ok(rows)
    }

    fn leave(&mut self, socket: u64, asked: Asked) -> Vec<Row> {
        let Some(client) = self.clients.get_mut(&socket) else { return Vec::new() };
        for (channel, names) in asked.channels() {
            if let Some(wanted) = client.wanted.get_mut(&channel) {
                wanted.retain(|name| !names.contains(name));
            }
        }
        vec![subscription(client)]
    }

    // Messages

    fn is_wanted(&self, channel: Channel, symbol: &str) -> bool {
        self.clients.values().any(|client| client.wants(channel, symbol))
    }

    fn tell(&self, hall: &mut Hall, channel: Channel, symbol: &str, rows: &[Row]) {
        self.tell_later(hall, (channel, symbol), rows, Duration::ZERO);
    }

    fn tell_later(
        &self,
        hall: &mut Hall,
        (channel, symbol): (Channel, &str),
        rows: &[Row],
        after: Duration,
    ) {
        let mut frames: [Option<Bytes>; 2] = [None, None];
        for (socket, client) in &self.clients {
            if client.wants(channel, symbol) {
                let made = &mut frames[usize::from(client.packed)];
                let bytes = made.get_or_insert_with(|| frame(rows, client.packed).into());
                hall.sockets.say_later(*socket, out(client.packed, bytes.clone()), after);
            }
        }
    }

    /// Tells what was done.
    pub(crate) fn publish(&self, hall: &mut Hall, desk: &mut Desk, done: &Done) {
        let mut moved: Vec<InstrumentId> = Vec::new();
        for event in &done.events {
            match *event {
                Event::Trade { instrument, .. } => self.trade(hall, instrument, event, done.at),
                Event::Level { instrument, .. } if !moved.contains(&instrument) => {
                    moved.push(instrument);
                }
                Event::Halted { instrument, halted } => {
                    self.status(hall, instrument, halted, done.at);
                }
                _ => {}
            }
        }
        for id in moved {
            self.book(hall, id, done);
            self.quote(hall, desk, id, done.at);
        }
    }

    fn trade(&self, hall: &mut Hall, id: InstrumentId, event: &Event, at: i64) {
        let &Event::Trade { trade, price, quantity, taker_side, .. } = event else { return };
        let listed = hall.floor.listed(id);
        let symbol = listed.listing.symbol.clone();
        if self.is_wanted(Channel::Trades, &symbol) {
            let buys = taker_side == Side::Buy;
            let at = at + hall.floor.clock.ahead;
            let row = data::trade(listed, (trade, at, price, quantity, buys));
            self.tell(hall, Channel::Trades, &symbol, &[row.after(head("t", &symbol))]);
        }
    }

    /// The levels that changed, with their new sizes.
    fn book(&self, hall: &mut Hall, id: InstrumentId, done: &Done) {
        let listed = hall.floor.listed(id);
        let symbol = listed.listing.symbol.clone();
        if !is_crypto(listed) || !self.is_wanted(Channel::OrderBooks, &symbol) {
            return;
        }
        let levels = |side: Side| {
            let of_side = |event: &Event| match *event {
                Event::Level { instrument, side: of, price, quantity }
                    if instrument == id && of == side =>
                {
                    Some((listed.price(price), listed.size(quantity)))
                }
                _ => None,
            };
            Field::Levels(done.events.iter().filter_map(of_side).collect())
        };
        let at = Field::Time(done.at + hall.floor.clock.ahead);
        let rows = [Row(vec![("t", at), ("b", levels(Side::Buy)), ("a", levels(Side::Sell))])
            .after(head("o", &symbol))];
        let (times, after) = hall.depth_mishap(&symbol);
        for _ in 0..times {
            self.tell_later(hall, (Channel::OrderBooks, &symbol), &rows, after);
        }
    }

    fn quote(&self, hall: &mut Hall, desk: &mut Desk, id: InstrumentId, at: i64) {
        let Some(quote) = quotes::of(&hall.floor, id, at) else { return };
        hall.floor.market(id).best = quote.best;
        desk.quotes.add(id, quote);
        let listed = hall.floor.listed(id);
        let symbol = listed.listing.symbol.clone();
        if self.is_wanted(Channel::Quotes, &symbol) {
            let row = data::quote(listed, &quote, hall.floor.clock.ahead);
            self.tell(hall, Channel::Quotes, &symbol, &[row.after(head("q", &symbol))]);
        }
    }

    fn status(&self, hall: &mut Hall, id: InstrumentId, halted: bool, at: i64) {
        let listed = hall.floor.listed(id);
        let symbol = listed.listing.symbol.clone();
        let (code, text) = if halted { ("H", "Trading Halt") } else { ("T", "Trading Resumption") };
        let row = Row(vec![
            ("sc", Field::Word(code)),
            ("sm", Field::Word(text)),
            ("rc", Field::Word("")),
            ("rm", Field::Word("")),
            ("t", Field::Time(at + hall.floor.clock.ahead)),
            ("z", Field::Word("C")),
        ]);
        self.tell(hall, Channel::Statuses, &symbol, &[row.after(head("s", &symbol))]);
    }

    // Time

    pub(crate) fn beat(&mut self, hall: &mut Hall) {
        let now = hall.floor.now();
        let late = |client: &Client| client.account.is_none() && now - client.since > PATIENCE;
        let late: Vec<_> =
            self.clients.iter().filter(|(_, one)| late(one)).map(|(socket, _)| *socket).collect();
        for socket in late {
            self.answer(hall, socket, Err((404, "auth timeout")));
        }
        let minute = now.div_euclid(data::MINUTE);
        if minute != self.told {
            self.told = minute;
            self.bars(hall, now);
        }
    }

    /// As if all had come long ago.
    #[cfg(test)]
    pub(crate) fn forget_when(&mut self) {
        self.clients.values_mut().for_each(|client| client.since = 0);
    }

    /// The bars of the minute that has ended, and those of the day so far.
    pub(crate) fn bars(&self, hall: &mut Hall, now: i64) {
        let minute = now.div_euclid(data::MINUTE) * data::MINUTE;
        for id in 0..u32::try_from(hall.floor.instruments.len()).unwrap_or(0) {
            for (channel, kind, interval, end) in [
                (Channel::Bars, "b", Interval::MINUTE, Some(minute)),
                (Channel::DailyBars, "d", Interval::named("1d").unwrap_or(Interval::MINUTE), None),
            ] {
                let symbol = hall.floor.listed(id).listing.symbol.clone();
                if !self.is_wanted(channel, &symbol) {
                    continue;
                }
                let candles = hall.floor.market(id).candles.of(interval, now).iter().rev();
                let mut due = candles.filter(|one| end.is_none_or(|end| one.end == end));
                let Some(candle) = due.next().filter(|one| one.count > 0).copied() else {
                    continue;
                };
                let floor = &hall.floor;
                let row = data::bar(floor.listed(id), &candle, floor.clock.ahead);
                let row = row.after(head(kind, &symbol));
                self.tell(hall, channel, &symbol, &[row]);
            }
        }
    }
}

fn out(packed: bool, bytes: Bytes) -> Out {
    if packed { Out::Binary(bytes) } else { Out::Text(bytes) }
}

/// What messages begin with.
pub(crate) fn head(kind: &'static str, symbol: &str) -> Vec<(&'static str, Field)> {
    vec![("T", Field::Word(kind)), ("S", Field::Text(symbol.to_owned()))]
}

fn success(text: &'static str) -> Row {
    Row(vec![("T", Field::Word("success")), ("msg", Field::Word(text))])
}

fn error(code: i64, text: &'static str) -> Row {
    Row(vec![("T", Field::Word("error")), ("code", Field::Count(code)), ("msg", Field::Word(text))])
}

/// All that a client is subscribed to.
fn subscription(client: &Client) -> Row {
    let names = |channel: Channel| {
        let names = client.wanted.get(&channel).into_iter().flatten();
        (channel.name(), Field::Words(names.cloned().collect()))
    };
    let channels = client.feed.channels().iter().map(|channel| names(*channel));
    Row(vec![("T", Field::Word("subscription"))].into_iter().chain(channels).collect())
}

/// Books that names stand for.
fn named(hall: &Hall, names: &[String]) -> Vec<InstrumentId> {
    let is_named = |symbol: &String| names.iter().any(|name| name == symbol || name == EVERYTHING);
    (0..)
        .zip(&hall.floor.instruments)
        .filter(|(_, one)| is_crypto(one) && is_named(&one.listing.symbol))
        .map(|(id, _)| id)
        .collect()
}
