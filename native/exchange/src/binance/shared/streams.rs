//! Market streams.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::time::Duration;

use bytes::Bytes;
use rustonite_core::datasets::{Aggressor, BookSide};
use rustonite_sim::latency::Message;
use rustonite_sim::{Event, InstrumentId, Side};
use rustonite_wire::binance::BinanceHost;
use rustonite_wire::{Host, Quote, Topic, Trade};
use serde_json::{Value, json};

use super::channels::{Channel, Voice};
use super::{market, words};
use crate::candles::Interval;
use crate::dialect::Hall;
use crate::faults::{self, Fault};
use crate::floor::Done;
use crate::market::{Changes, Pace};
use crate::socket::Out;

/// Streams of one connection.
const STREAMS_MAX: usize = 1_024;
/// Which stream: of an instrument, or of all of them.
pub(crate) type Key = (Option<InstrumentId>, Channel);

struct Client {
    /// The venue's side of the connection: it knows what its path delivers.
    host: Box<dyn Host>,
    hears: bool,
    /// Payloads are wrapped with the name of their stream.
    combined: bool,
    /// Names of streams as the client wrote them.
    streams: BTreeMap<String, Key>,
}

/// See the module.
pub(crate) struct Streams {
    clients: BTreeMap<u64, Client>,
    /// Who wants a stream, and by which name; in an order that is the same in each run.
    wanted: BTreeMap<Key, Vec<(u64, String)>>,
    /// Start of the candle that was told last.
    candles_told: BTreeMap<Key, i64>,
    host: Box<dyn Host>,
    voice: Box<dyn Voice>,
}

impl core::fmt::Debug for Streams {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "{} clients", self.clients.len())
    }
}

impl Streams {
    pub(crate) fn new(voice: Box<dyn Voice>) -> Self {
        Self {
            clients: BTreeMap::new(),
            wanted: BTreeMap::new(),
            candles_told: BTreeMap::new(),
            host: Box::new(BinanceHost::new(voice.market())),
            voice,
        }
    }

    pub(crate) fn sockets(&self) -> Vec<u64> {
        self.clients.keys().copied().collect()
    }

    // Connections

    pub(crate) fn open(&mut self, hall: &mut Hall, socket: u64, path: &str) {
        let mut host = Box::new(BinanceHost::new(self.voice.market()));
        host.open(path);
        let base = path.split('?').next().unwrap_or(path);
        let (combined, hears) = (base.ends_with("/stream"), self.voice.hears(base));
        self.clients.insert(socket, Client { host, hears, combined, streams: BTreeMap::new() });
        for name in names(path) {
            // A stream that does not exist is never heard of, as at the venue.
            if let Some(key) = self.key(hall, name) {
                self.want(hall, socket, name, key);
                hall.subscribed(socket, faults::Streams::Market);
            }
        }
    }

    pub(crate) fn close(&mut self, hall: &mut Hall, socket: u64) {
        let Some(client) = self.clients.remove(&socket) else { return };
        for (name, key) in client.streams {
            self.drop_wish(hall, socket, &name, key);
        }
    }

    fn want(&mut self, hall: &mut Hall, socket: u64, name: &str, key: Key) {
        let Some(client) = self.clients.get_mut(&socket) else { return };
        let Entry::Vacant(place) = client.streams.entry(name.to_owned()) else { return };
        place.insert(key);
        // Some paths acknowledge what they never send.
        if !client.hears || !client.host.delivers(&topic(name)) {
            return;
        }
        if let (Some(id), Channel::Depth(pace)) = key {
            hall.floor.market(id).watch(pace);
        }
        self.wanted.entry(key).or_default().push((socket, name.to_owned()));
    }

    fn leave(&mut self, hall: &mut Hall, socket: u64, name: &str) {
        let Some(client) = self.clients.get_mut(&socket) else { return };
        if let Some(key) = client.streams.remove(name) {
            self.drop_wish(hall, socket, name, key);
        }
    }

    fn drop_wish(&mut self, hall: &mut Hall, socket: u64, name: &str, key: Key) {
        let Some(wanting) = self.wanted.get_mut(&key) else { return };
        wanting.retain(|(number, known)| *number != socket || known != name);
        if wanting.is_empty() {
            self.candles_told.remove(&key);
            self.wanted.remove(&key);
            // Changes of books that nobody hears of would be kept for ever.
            if let (Some(id), Channel::Depth(pace)) = key {
                hall.floor.market(id).changes.remove(&pace);
            }
        }
    }

    pub(crate) fn receive(&mut self, hall: &mut Hall, socket: u64, text: &[u8]) {
        let answer = self.answer(hall, socket, text);
        hall.sockets.answer(socket, Out::text(answer.to_string()), Message::Feed);
    }

    fn answer(&mut self, hall: &mut Hall, socket: u64, text: &[u8]) -> Value {
        let refused = |code: i32, text: String, id: &Value| json!({"error": {"code": code, "msg": text}, "id": id});
        let asked: Value = match serde_json::from_slice(text) {
            Ok(asked) => asked,
            Err(error) => {
                return json!({"error": {"code": 3, "msg": format!("Invalid JSON: {error}")}});
            }
        };
        let id = asked["id"].clone();
        if !is_id(&id) {
            let text = "Invalid request: request ID must be an unsigned integer";
            return refused(2, text.to_owned(), &Value::Null);
        }
        let Some(method) = asked["method"].as_str() else {
            return refused(2, "Invalid request: missing field `method`".to_owned(), &id);
        };
        let names = asked["params"].as_array().cloned().unwrap_or_default();
        let names: Vec<&str> = names.iter().filter_map(Value::as_str).collect();
        match method {
            "SUBSCRIBE" => self.subscribe(hall, socket, &names, &id),
            "UNSUBSCRIBE" => {
                names.iter().for_each(|name| self.leave(hall, socket, name));
                json!({"result": null, "id": id})
            }
            "LIST_SUBSCRIPTIONS" => {
                let streams = self.clients.get(&socket).map(|client| &client.streams);
                let names: Vec<_> = streams.into_iter().flat_map(BTreeMap::keys).collect();
                json!({"result": names, "id": id})
            }
            other => {
                let expected = "expected one of `SUBSCRIBE`, `UNSUBSCRIBE`, `LIST_SUBSCRIPTIONS`";
                refused(2, format!("Invalid request: unknown variant `{other}`, {expected}"), &id)
            }
        }
    }

    fn subscribe(&mut self, hall: &mut Hall, socket: u64, names: &[&str], id: &Value) -> Value {
        let refused = |text: &str| json!({"error": {"code": 2, "msg": text}, "id": id});
        let refuses = |fault: &Fault| *fault == Fault::RefuseStream;
        if hall.faults.of(None, refuses).is_some() {
            return refused("Invalid request: invalid stream");
        }
        let had = self.clients.get(&socket).map_or(0, |client| client.streams.len());
        if had + names.len() > STREAMS_MAX {
            return refused("Invalid request: too many streams");
        }
        for name in names {
            if let Some(key) = self.key(hall, name) {
                self.want(hall, socket, name, key);
                hall.subscribed(socket, faults::Streams::Market);
            }
        }
        json!({"result": null, "id": id})
    }

    // Messages

    /// Tells what was done, as far as streams tell it at once.
    pub(crate) fn publish(&mut self, hall: &mut Hall, done: &Done) {
        let mut moved: Vec<InstrumentId> = Vec::new();
        for event in &done.events {
            match *event {
                Event::Trade { instrument, .. } => {
                    if self.is_wanted(instrument, Channel::Trade) {
                        self.trade(hall, event, done.at);
                    }
                    if !moved.contains(&instrument) {
                        moved.push(instrument);
                    }
                }
                Event::Level { instrument, .. } if !moved.contains(&instrument) => {
                    moved.push(instrument);
                }
                _ => {}
            }
        }
        for id in moved {
            self.aggregates(hall, id, done.at);
            self.best(hall, id, done.at);
        }
    }

    fn trade(&mut self, hall: &mut Hall, event: &Event, at: i64) {
        let &Event::Trade { instrument, trade, price, quantity, taker_side, .. } = event else {
            return;
        };
        let listed = hall.floor.listed(instrument);
        let trade = Trade {
            symbol: &listed.listing.symbol,
            id: trade.cast_signed(),
            ts_event: at + hall.floor.clock.ahead,
            price: words::price(listed, price),
            size: words::size(listed, quantity),
            side: if taker_side == Side::Buy { Aggressor::Buy } else { Aggressor::Sell },
        };
        if let Some(text) = self.host.trades(&[trade], false) {
            self.tell(hall, (Some(instrument), Channel::Trade), text);
        }
    }

    pub(crate) fn is_wanted(&self, id: InstrumentId, channel: Channel) -> bool {
        self.wanted.contains_key(&(Some(id), channel))
    }

    fn aggregates(&mut self, hall: &mut Hall, id: InstrumentId, at: i64) {
        if !self.is_wanted(id, Channel::AggTrade) {
            return;
        }
        let market = hall.floor.market(id);
        let told = market.told_aggregate;
        let newest = market.aggregates.iter().rev();
        let mut new: Vec<_> =
            newest.take_while(|one| one.at == at && one.id > told).copied().collect();
        new.reverse();
        for one in &new {
            let text = self.voice.agg_trade(&hall.floor, id, one);
            self.tell(hall, (Some(id), Channel::AggTrade), text);
        }
        if let Some(last) = new.last() {
            hall.floor.market(id).told_aggregate = last.id;
        }
    }

    fn best(&mut self, hall: &mut Hall, id: InstrumentId, at: i64) {
        let now = [Side::Buy, Side::Sell].map(|side| hall.floor.exchange.levels(id, side).next());
        let market = hall.floor.market(id);
        if market.best == now {
            return;
        }
        market.best = now;
        let update = market.update;
        let keys = [Some(id), None].map(|id| (id, Channel::BookTicker));
        if !keys.iter().any(|key| self.wanted.contains_key(key)) {
            return;
        }
        let listed = hall.floor.listed(id);
        let level = |side, best: Option<(i64, i64)>| {
            let (price, lots) = best.unwrap_or((0, 0));
            market::level(listed, side, price, lots)
        };
        let quote = Quote {
            symbol: &listed.listing.symbol,
            seq: self.voice.number(update),
            ts_event: at + hall.floor.clock.ahead,
            bid: level(BookSide::Bid, now[0]),
            ask: level(BookSide::Ask, now[1]),
        };
        if let Some(text) = self.host.quote(&quote) {
            keys.into_iter().for_each(|key| self.tell(hall, key, text.clone()));
        }
    }

    /// Tells what is told from time to time.
    pub(crate) fn beat(&mut self, hall: &mut Hall, beats: u64) {
        let due: Vec<Key> =
            self.wanted.keys().filter(|(_, channel)| channel.is_due(beats)).copied().collect();
        for (id, channel) in due {
            let Some(id) = id else {
                self.all(hall, channel);
                continue;
            };
            match channel {
                Channel::Depth(pace) => self.depth(hall, id, pace),
                Channel::Best { levels, .. } => {
                    let text = self.voice.best_levels(&mut hall.floor, id, levels);
                    self.tell(hall, (Some(id), channel), text);
                }
                Channel::Kline(interval) => self.klines(hall, id, interval),
                _ => {
                    if let Some(value) = self.voice.periodic(&mut hall.floor, id, channel) {
                        self.tell(hall, (Some(id), channel), value.to_string());
                    }
                }
            }
        }
    }

    /// The candle of now, and before it those that have ended since the last time.
    fn klines(&mut self, hall: &mut Hall, id: InstrumentId, interval: Interval) {
        let key = (Some(id), Channel::Kline(interval));
        let now = hall.floor.now();
        let told = self.candles_told.get(&key).copied();
        let candles = hall.floor.market(id).candles.of(interval, now);
        let Some(last) = candles.back().map(|candle| candle.start) else { return };
        let since = told.unwrap_or(last);
        let mut due: Vec<_> =
            candles.iter().rev().take_while(|candle| candle.start >= since).copied().collect();
        due.reverse();
        self.candles_told.insert(key, last);
        for candle in &due {
            let text = market::kline(&hall.floor, id, interval, candle, now).to_string();
            self.tell(hall, key, text);
        }
    }

    /// Statistics of all instruments at once.
    fn all(&mut self, hall: &mut Hall, channel: Channel) {
        let ids = 0..u32::try_from(hall.floor.instruments.len()).unwrap_or(0);
        let rows: Vec<_> =
            ids.filter_map(|id| self.voice.periodic(&mut hall.floor, id, channel)).collect();
        if !rows.is_empty() {
            self.tell(hall, (None, channel), Value::Array(rows).to_string());
        }
    }

    fn depth(&mut self, hall: &mut Hall, id: InstrumentId, pace: Pace) {
        let market = hall.floor.market(id);
        let Changes { before, levels } = market.take_changes(pace);
        let last = market.update;
        if levels.is_empty() {
            return;
        }
        let at = hall.floor.now() + hall.floor.clock.ahead;
        let listed = hall.floor.listed(id);
        let symbol = listed.listing.symbol.clone();
        // The best of each side first, as the venue has them.
        let of_side = |buys: bool| levels.iter().filter(move |((side, _), _)| *side == buys);
        let level = |side, price, lots: &i64| market::level(listed, side, price, *lots);
        let bids = of_side(true).rev().map(|((_, price), lots)| level(BookSide::Bid, *price, lots));
        let asks = of_side(false).map(|((_, price), lots)| level(BookSide::Ask, *price, lots));
        let levels: Vec<_> = bids.chain(asks).collect();
        let number = |update| self.voice.number(update);
        let range = [number(before), self.voice.number_behind(before), number(last)];
        let update = market::update(&symbol, at, range, &levels);
        let topic = Topic { channel: "depth".to_owned(), symbol: Some(symbol.clone()) };
        let Some(text) = self.host.book(&topic, &update) else { return };
        let (times, after) = hall.depth_mishap(&symbol);
        let key = (Some(id), Channel::Depth(pace));
        (0..times).for_each(|_| self.tell_later(hall, key, text.clone(), after));
    }

    pub(crate) fn tell(&self, hall: &mut Hall, key: Key, text: String) {
        self.tell_later(hall, key, text, Duration::ZERO);
    }

    fn tell_later(&self, hall: &mut Hall, key: Key, text: String, after: Duration) {
        let Some(wanting) = self.wanted.get(&key) else { return };
        let plain = Bytes::from(text);
        let mut wrapped: Option<(&str, Bytes)> = None;
        for (socket, name) in wanting {
            let is_combined = self.clients.get(socket).is_some_and(|client| client.combined);
            if !is_combined {
                hall.sockets.say_later(*socket, Out::Text(plain.clone()), after);
                continue;
            }
            let known = wrapped.as_ref().filter(|(known, _)| known == name);
            let bytes = known.map_or_else(|| wrap(name, &plain), |(_, bytes)| bytes.clone());
            wrapped = Some((name, bytes.clone()));
            hall.sockets.say_later(*socket, Out::Text(bytes), after);
        }
    }
}

fn wrap(name: &str, event: &[u8]) -> Bytes {
    let mut out = Vec::with_capacity(event.len() + name.len() + 24);
    out.extend_from_slice(br#"{"stream":""#);
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(br#"","data":"#);
    out.extend_from_slice(event);
    out.push(b'}');
    Bytes::from(out)
}

/// A whole number, a text of up to 36 characters, or null.
pub(crate) fn is_id(id: &Value) -> bool {
    match id {
        Value::Null => true,
        Value::Number(number) => number.as_i64().is_some(),
        Value::String(text) => text.len() <= 36,
        _ => false,
    }
}

/// Streams that a path asks for.
pub(crate) fn names(path: &str) -> impl Iterator<Item = &str> {
    let (base, query) = path.split_once('?').unwrap_or((path, ""));
    let names = if base.ends_with("/stream") {
        let streams = query.split('&').find_map(|part| part.strip_prefix("streams="));
        streams.unwrap_or_default()
    } else {
        base.split_once("/ws/").map_or("", |(_, names)| names)
    };
    names.split('/').filter(|name| !name.is_empty())
}

fn topic(name: &str) -> Topic {
    let channel = name
        .split_once('@')
        .map_or(name, |(symbol, channel)| if symbol.starts_with('!') { symbol } else { channel });
    Topic { channel: channel.trim_start_matches('!').to_owned(), symbol: None }
}

impl Streams {
    /// The stream of a name; none if there is no such stream.
    fn key(&self, hall: &Hall, name: &str) -> Option<Key> {
        if let Some(channel) = self.voice.of_all(name) {
            return Some((None, channel));
        }
        let (symbol, channel) = name.split_once('@')?;
        // The venue knows symbols of streams in lower case only.
        if symbol.bytes().any(|byte| byte.is_ascii_uppercase()) {
            return None;
        }
        let id = hall.floor.instrument(&symbol.to_uppercase())?;
        Some((Some(id), self.voice.channel(channel)?))
    }
}
